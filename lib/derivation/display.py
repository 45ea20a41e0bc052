"""How results look: LaTeX aligned at the relations, Markdown, and text for terminals and speech."""

import html
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .domain import sizes_in_words
from .printing import RELATIONS_LATEX, RELATIONS_PLAIN, latex, lowered, plain
from .remainder import approach_in_words, weakest_remainder, with_remainder
from .spoken import spoken

if TYPE_CHECKING:
    from .result import Result

ROOM = 46  # glyphs of both sides that fit beside one another on a narrow page
MARGIN = 30  # columns of a terminal line that a reason may begin after, at most 88 in all
WIDTH = 88
MEANING = {
    "proved": "Proved by the computer algebra system for all values in the domain.",
    "proved for sizes": "Proved symbolically for every one of the named sizes.",
    "evidence": "No proof: numerical evidence at random points, to so many digits.",
    "definition": "A definition: nothing to prove.",
    "cited": "Not checked here: the source named supports it.",
}


@dataclass(frozen=True)
class Row:
    """One line of a statement; `left` is empty where it continues the line before."""

    left: str
    sign: str
    right: str
    where: str


def in_book() -> bool:
    """Whether the book's build runs this: there roles become links, elsewhere nothing does."""
    return bool(os.environ.get("LIB_BOOK_BUILD"))


# Rows.


def rows(
    result: "Result", show: Callable[[Any], str], signs: Mapping[str, str], whole: bool
) -> list[Row]:
    """The lines of the statement; `whole` asks for each step of a chain."""
    if result.equations:
        return [Row(show(a), signs["=="], show(b), where) for a, b, where in result.equations]
    ends = result.conclusion
    if not whole or len(result.lines) < 2:
        last = weakest_remainder(result.steps)
        return [_row(show(ends.lhs), ends.relation, ends.rhs, last, show, signs)]
    return [
        _row("" if number else show(ends.lhs), step.relation, right, step, show, signs)
        for number, (step, right) in enumerate(zip(result.steps, result.lines, strict=True))
    ]


def _row(
    left: str, relation: str, right: Any, step: Any, show: Any, signs: Mapping[str, str]
) -> Row:
    if step is None or step.when is None:
        return Row(left, signs[relation], show(right), "")
    sign = signs["==" if step.order is not None else relation]
    return Row(left, sign, with_remainder(right, step, show), approach_in_words(step, show))


# LaTeX.


def to_latex(result: "Result", whole: bool | None = None) -> str:
    """The statement in LaTeX, lines aligned at their relations, which carry their numbers."""
    lines = rows(result, latex, RELATIONS_LATEX, result.whole if whole is None else whole)
    if len(lines) == len(result.steps) > 1:
        lines = [
            Row(line.left, rf"\overset{{({number})}}{{{line.sign}}}", line.right, line.where)
            for number, line in enumerate(lines, 1)
        ]
    above = result.left == "above" or (result.left == "auto" and _is_long(lines))
    if above and not result.equations:
        first = lines[0]
        rest = [Row("", line.sign, line.right, line.where) for line in lines]
        below = [rf"&\quad {line.sign} {line.right}{_where(line.where)}" for line in rest]
        return _aligned([f"& {first.left}", *below])
    if len(lines) == 1:
        (line,) = lines
        return f"{line.left} {line.sign} {line.right}{_where(line.where)}"
    return _aligned([f"{r.left} &{r.sign} {r.right}{_where(r.where)}" for r in lines])


def _aligned(lines: list[str]) -> str:
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _is_long(lines: list[Row]) -> bool:
    """Whether the left side had better stand on a line of its own."""
    left = breadth(lines[0].left)
    return left > 8 and left + max(breadth(line.right) for line in lines) > ROOM


def breadth(tex: str) -> int:
    r"""About how many letters wide a formula is.

    >>> breadth(r"\frac{a + b}{2} = \log x")
    8
    """
    group = r"\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
    text = re.sub(r"\\(?:left|right|quad|,|;|:|!)\.?", "", tex)
    while found := re.search(r"\\frac" + group + group, text):
        above, below = found.groups()
        wider = max((above, below), key=breadth)
        text = text[: found.start()] + "{" + wider + "}" + text[found.end() :]
    text = re.sub(r"\\(?:sum|prod|max)_" + group + r"(?:\^" + group + ")?", "SSS", text)
    text = re.sub(r"[_^](?:" + group + r"|(.))", lambda m: "s" * (breadth(m[1] or m[2]) // 2), text)
    text = re.sub(r"\\(log|exp|max|min)(?![a-z])", r"\1", text)
    return len(re.sub(r"[{}\s]", "", re.sub(r"\\[a-zA-Z]+", "x", text)))


def _where(words: str) -> str:
    return rf" \qquad \text{{({_mathematics(words)})}}" if words else ""


def _mathematics(words: str) -> str:
    """Words for LaTeX's text mode, formulas between dollar signs."""
    if words.startswith("as "):  # its formulas stand between dollar signs already
        return words
    variable, _, values = words.partition(" = ")
    return f"${variable} = {values.replace('…', chr(92) + 'dots')}$"


# Plain text.


def to_plain(result: "Result", whole: bool | None = None) -> str:
    """The statement as plain text, a line for each relation."""
    lines = rows(result, plain, RELATIONS_PLAIN, result.whole if whole is None else whole)
    return "\n".join(
        f"{line.left or '   '} {line.sign} {line.right}"
        + (f"    ({line.where})" * bool(line.where))
        for line in lines
    )


def statement(result: "Result", show: Callable[[Any], str], signs: Mapping[str, str]) -> str:
    """What the result concludes, on one line."""
    lines = rows(result, show, signs, whole=False)
    between = r",\quad " if show is latex else ", "
    where = _where if show is latex else lambda words: f" ({words})" * bool(words)
    return between.join(f"{r.left} {r.sign} {r.right}{where(r.where)}" for r in lines)


def to_text(result: "Result") -> str:
    """Statement, reasons at their lines, standing, domain and means, as a terminal shows them."""
    text = [result.title] if result.title else []
    chained = bool(result.steps) and len(result.equations or result.steps) == len(result.steps)
    text += _chain(result) if chained else [f"  {row}" for row in to_plain(result).splitlines()]
    standing = f"({result.label}) {result.standing_text}"
    text.append("; ".join(filter(None, [standing, where(result)])))
    for number, step in enumerate(result.steps, 1):
        reason = "" if chained else f"{_spoken_reason(step)}; "
        means = f"{reason}{step.standing} by: {step.means} ({coarse(step.seconds)})"
        text.append(f"  ({number}) {means}" if len(result.steps) > 1 else f"  {means}")
    return "\n".join(text)


def _spoken_reason(step: Any) -> str:
    used = ", ".join(f"({label})" for label in step.using)
    return spoken(step.reason).rstrip(".") + (f", by {used}" if used else "")


def _chain(result: "Result") -> list[str]:
    """The chain in aligned columns: relation and right side, then the reason of that step."""
    lines = rows(result, plain, RELATIONS_PLAIN, whole=True)
    heads = [f"    {r.sign} {r.right}" + (f"  ({r.where})" * bool(r.where)) for r in lines]
    column = max([MARGIN, *(len(h) for h in heads if len(h) <= WIDTH // 2)])
    text = []
    for number, (line, head, step) in enumerate(zip(lines, heads, result.steps, strict=True), 1):
        text += [f"  {line.left}"] * bool(line.left)
        reason = _spoken_reason(step)
        reason = f"({number}) {reason}" if len(lines) > 1 else reason
        if len(head) <= column and column + 2 + len(reason) <= WIDTH:
            text.append(f"{head.ljust(column)}  {reason}")
        else:
            text += [head, f"        {reason}"]
    return text


def where(result: "Result") -> str:
    """The domain in words; with the sizes, unless the standing names them already."""
    sizes = sizes_in_words(result.sizes) if result.standing != "proved for sizes" else ""
    return "; ".join(filter(None, [result.domain, sizes]))


def coarse(seconds: float) -> str:
    """A time that does not change from run to run: "under 1 s", "3 s"."""
    return "under 1 s" if seconds < 1 else f"{round(seconds)} s"


# Markdown.


def to_markdown(result: "Result") -> str:
    """The statement, its standing and domain, its reasons, and how each step was decided."""
    # outside the book nothing would number it
    number = f" ({result.label})" if in_book() and result.kind != "restated" else ""
    parts = [f"$$\n{to_latex(result)}\n$${number}", _standing_line(result)]
    if len(result.steps) > 1 and not _brief(result):
        parts.append("\n".join(f"{k}. {_reason(s)}." for k, s in enumerate(result.steps, 1)))
    if result.steps:
        parts.append(_proof(result))
    return "\n\n".join(parts)


def _standing_line(result: "Result") -> str:
    name = "sizes" if result.standing == "proved for sizes" else result.standing.split()[0]
    said = html.escape(result.standing_text)
    if result.standing == "cited" and in_book():
        said = f"cited: {{cite}}`{result.source}`"
    if result.kind == "restated" and in_book():
        sizes = f", for {sizes_in_words(result.sizes)}" if result.sizes else ""
        said = f"{result.standing.split()[0]} elsewhere: {{eq}}`{result.label}`{html.escape(sizes)}"
    meaning = html.escape(MEANING[result.standing], quote=True)
    head = f'<span class="standing standing-{name}" title="{meaning}">{said}</span>'
    if not in_book():
        head = f"**({result.label})** {head}"
    reasons = _brief(result)
    title = f" · **{result.title}**" if result.title else " ·" if reasons else ""
    said = title + (f": {reasons}." if result.title and reasons else f" {reasons}." * bool(reasons))
    if result.title and not reasons:
        said += "."
    domain = lowered(where(result))
    return head + said + (f' <span class="domain">· {domain}</span>' if domain else "")


def _brief(result: "Result") -> str:
    """The reasons as one sentence, where they are short enough to be read as one."""
    reasons = [_reason(step) for step in result.steps]
    if len(reasons) < 2:
        return "".join(reasons)
    sentence = "; ".join(f"({k}) {reason}" for k, reason in enumerate(reasons, 1))
    return sentence if len(reasons) == 2 and len(sentence) < 72 else ""


def _reason(step: Any) -> str:
    """The reason in one line, with the results that the step was made by."""
    link = "{{eq}}`{}`" if in_book() else "({})"
    used = ", ".join(link.format(label) for label in step.using)
    reason = " ".join(step.reason.split()).rstrip(".")
    return f"{reason}, by {used}" if used else reason


def _proof(result: "Result") -> str:
    several = len(result.steps) > 1
    table = ["| Step | Decided by | Time |", "|---|---|---|"]
    for number, step in enumerate(result.steps, 1):
        cells = (
            f"({number}) {_reason(step)}",
            f"{step.standing}: {step.means}",
            coarse(step.seconds),
        )
        if not several:
            cells = (_reason(step), *cells[1:])
        table.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    steps = "each step" if several else "this"
    hidden = several and not result.whole
    chain = f"$$\n{to_latex(result, whole=True)}\n$$\n\n" if hidden else ""
    return (
        f'<details class="proof"><summary>How {steps} was decided</summary>\n\n'
        f"{MEANING[result.standing]}\n\n{chain}" + "\n".join(table) + "\n\n</details>"
    )
