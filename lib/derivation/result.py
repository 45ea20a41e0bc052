"""Numbered results: what a derivation, a definition or a citation shows on the page."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .decide import EVIDENCE, PROVED, SIZES
from .domain import sizes_in_words
from .oracle import Oracle
from .printing import RELATIONS_LATEX, RELATIONS_PLAIN, latex, plain

MIME = "application/vnd.derive-implement-train.result+json"
_MEANING = {
    PROVED: "Proved by the computer algebra system for all values in the domain.",
    SIZES: "Proved symbolically for every one of the named sizes.",
    EVIDENCE: "No proof: numerical evidence at random points with 50 digits.",
    "definition": "A definition: nothing to prove.",
    "cited": "Not checked here: the source named supports it.",
}


@dataclass(frozen=True)
class Conclusion:
    """What a result states: `lhs relation rhs`."""

    relation: str
    lhs: Any
    rhs: Any


@dataclass(frozen=True)
class Step:
    """A decided step: its relation, reason, and how it was decided."""

    relation: str
    reason: str
    means: str
    standing: Any
    seconds: float
    points: int = 0
    when: tuple[Any, Any, str] | None = None


@dataclass(frozen=True)
class Result:
    """A numbered statement with its standing and domain; shows itself in a notebook."""

    label: str
    title: str
    kind: str
    standing: str
    domain: str
    sizes: Mapping[str, list[int]]
    conclusion: Conclusion
    lines: tuple[Any, ...] = ()
    steps: tuple[Step, ...] = ()
    equations: tuple[tuple[Any, Any, str], ...] = ()
    whole: bool = True
    source: str = ""
    module: str = field(default="", compare=False)

    @property
    def sympy(self) -> tuple[Any, Any]:
        """Left and right side of the conclusion, as SymPy trees."""
        return self.conclusion.lhs, self.conclusion.rhs

    @property
    def standing_text(self) -> str:
        """The standing in words, with sizes, points or source."""
        if self.standing == SIZES:
            return f"proved for {sizes_in_words(self.sizes)}"
        if self.standing == EVIDENCE:
            points = min(s.points for s in self.steps if s.standing == EVIDENCE)
            return f"evidence: {points} points, 50 digits"
        return f"cited: {self.source}" if self.standing == "cited" else self.standing

    def numpy(self, side: str = "right") -> Oracle:
        """The last line as a function of NumPy arrays: the oracle (`side="left"`: the first)."""
        return Oracle(self._side(side), "numpy", self.label)

    def torch(self, side: str = "right") -> Oracle:
        """The last line as a differentiable function of torch tensors."""
        return Oracle(self._side(side), "torch", self.label)

    def _side(self, side: str) -> Any:
        if side not in ("left", "right"):
            raise ValueError(f'side is "left" or "right", got {side!r}')
        return self.conclusion.rhs if side == "right" else self.conclusion.lhs

    # Display.

    def latex(self) -> str:
        """The statement in LaTeX, lines aligned at their relations."""
        rows = self._rows(latex, RELATIONS_LATEX)
        if len(rows) == 1:
            left, sign, right, where = rows[0]
            return f"{left} {sign} {right}{_where(where)}"
        body = " \\\\\n".join(f"{a} &{sign} {b}{_where(w)}" for a, sign, b, w in rows)
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"

    def plain(self) -> str:
        """The statement as plain text, a line each."""
        rows = self._rows(plain, RELATIONS_PLAIN)
        return "\n".join(
            f"{a or '   '} {sign} {b}" + (f"    ({w})" if w else "") for a, sign, b, w in rows
        )

    def _rows(self, show: Any, signs: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
        if self.equations:
            return [(show(a), signs["=="], show(b), where) for a, b, where in self.equations]
        conclusion = self.conclusion
        if not self.whole or len(self.lines) < 2:
            when = self._limit_words() if conclusion.relation == "->" else ""
            return [(show(conclusion.lhs), signs[conclusion.relation], show(conclusion.rhs), when)]
        rows = []
        for number, (step, right) in enumerate(zip(self.steps, self.lines, strict=True)):
            left = show(conclusion.lhs) if number == 0 else ""
            when = self._limit_words() if step.relation == "->" else ""
            rows.append((left, signs[step.relation], show(right), when))
        return rows

    def _limit_words(self) -> str:
        for step in self.steps:
            if step.when is not None:
                variable, point, direction = step.when
                side = {"+": " from above", "-": " from below"}[direction]
                return f"as {plain(variable)} → {plain(point)}{side if point.is_finite else ''}"
        return ""

    def markdown(self) -> str:
        """The statement, its standing and domain, and how each step was decided, in Markdown."""
        badge = self.standing.split()[0] if self.standing != SIZES else "sizes"
        meaning = html.escape(_MEANING[self.standing], quote=True)
        standing = html.escape(self.standing_text)
        if self.standing == "cited":
            standing = f"cited: {{cite}}`{self.source}`"
        head = f'<span class="standing standing-{badge}" title="{meaning}">{standing}</span>'
        title = f" · **{self.title}**" if self.title else ""
        reasons = self._reasons()
        said = title + (f": {reasons}." if title and reasons else "." if title else "")
        where = html.escape(self.where())
        domain = f' <span class="domain">· {where}</span>' if where else ""
        text = f"$$\n{self.latex()}\n$$ ({self.label})\n\n{head}{said}{domain}"
        return text + (f"\n\n{self._proof()}" if self.steps else "")

    def _reasons(self) -> str:
        """The steps' reasons as one sentence; numbered when there are several."""
        reasons = [step.reason.rstrip(".") for step in self.steps]
        if len(reasons) < 2:
            return "".join(reasons)
        return "; ".join(f"({k}) {reason}" for k, reason in enumerate(reasons, 1))

    def where(self) -> str:
        """The domain in words; with the sizes, unless the standing names them already."""
        sizes = sizes_in_words(self.sizes) if self.standing != SIZES else ""
        return "; ".join(filter(None, [self.domain, sizes]))

    def _proof(self) -> str:
        rows = ["| | Reason | Decided by | Time |", "|---|---|---|---|"]
        for number, step in enumerate(self.steps, 1):
            cells = (
                f"{number}",
                step.reason,
                f"{step.standing}: {step.means}",
                coarse(step.seconds),
            )
            rows.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
        summary = "<summary>How each step was decided</summary>"
        table = "\n".join(rows)
        return f'<details class="proof">{summary}\n\n{table}\n\n</details>'

    def __str__(self) -> str:
        """The statement in plain text with its standing and reasons."""
        lines = [self.plain(), f"({self.label}) {self.standing_text}; {self.where()}"]
        if self.title:
            lines.insert(0, self.title)
        for number, step in enumerate(self.steps, 1):
            reason = step.reason.replace("$", "")
            lines.append(f"  {number}. {reason} [{step.standing}: {step.means}]")
        return "\n".join(lines)

    def __repr__(self) -> str:
        """The same as plain text: what a terminal shows."""
        return str(self)

    def as_json(self) -> dict[str, Any]:
        """What the page gate and the ledger read."""
        steps = [
            {
                "relation": s.relation,
                "reason": s.reason,
                "means": s.means,
                "standing": s.standing,
                "seconds": round(s.seconds, 3),
            }
            for s in self.steps
        ]
        return {
            "kind": self.kind,
            "label": self.label,
            "title": self.title,
            "standing": self.standing,
            "standing_text": self.standing_text,
            "domain": self.domain,
            "sizes": {k: list(v) for k, v in self.sizes.items()},
            "latex": self.latex(),
            "plain": self.plain(),
            "seconds": round(sum(s.seconds for s in self.steps), 3),
            "steps": steps,
        }

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/markdown": self.markdown(), "text/plain": str(self), MIME: self.as_json()}

    def show(self) -> None:
        """Display the result in a notebook, print it elsewhere."""
        show(self)


def show(shown: Any) -> None:
    """Display an object in a notebook, print it elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(shown)
        return
    if get_ipython() is None:
        print(shown)
    else:
        display(shown)  # type: ignore[no-untyped-call]


def coarse(seconds: float) -> str:
    """A time that does not change from run to run: "under 1 s", "3 s"."""
    return "under 1 s" if seconds < 1 else f"{round(seconds)} s"


def _where(words: str) -> str:
    if not words:
        return ""
    return rf" \qquad \text{{({_mathematics(words)})}}"


def _mathematics(words: str) -> str:
    """Words for LaTeX's text mode, formulas between dollar signs."""
    if words.startswith("as "):
        variable, _, point = words[3:].partition(" → ")
        point, _, side = point.partition(" ")
        return rf"as ${latex(_symbol(variable))} \to {latex(_symbol(point))}$ {side}".rstrip()
    variable, _, values = words.partition(" = ")
    return f"${variable} = {values.replace('…', chr(92) + 'dots')}$"


def _symbol(text: str) -> Any:
    import sympy

    return {"oo": sympy.oo}.get(text, sympy.Symbol(text))


_LABEL = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_named: dict[str, tuple[str, Any]] = {}


def register(result: Result) -> Result:
    """Keep a result by its label.

    Raises:
        ValueError: When the label is ill-formed, or names another statement of the same kind of
            program run (a notebook cell that is run again may change its own result).
    """
    if not _LABEL.fullmatch(result.label):
        raise ValueError(
            f"label {result.label!r}: use small letters, digits and hyphens, as crf-gradient"
        )
    content, cell = result.plain(), _cell()
    known = _named.get(result.label)
    if known is not None and known[0] != content and (cell is None or known[1] != cell):
        raise ValueError(
            f"the label {result.label!r} already names another result:\n{known[0]}\n"
            "choose a label of its own for this one"
        )
    _named[result.label] = (content, cell)
    return result


def _cell() -> str | None:
    """The notebook cell that runs now, or None outside a notebook."""
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    shell = get_ipython()
    if shell is None:
        return None
    parent = getattr(shell, "parent_header", None) or {}
    return str(parent.get("metadata", {}).get("cellId", "")) or None
