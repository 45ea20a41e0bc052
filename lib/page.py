"""What a chapter puts on its page besides derivations and figures.

Each function shows Markdown in a notebook and in the book, and plain text in a terminal, so that a
chapter also runs as a plain program. No number of a run is typed by hand: sentences that hold one
are printed by :func:`say`, and tables by :func:`table`.
"""

import inspect
import os
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["check", "correction", "display", "expect_error", "say", "show", "source", "table"]

#: Set by the book's build. There roles such as ``{eq}`label``` become links; elsewhere, in a
#: notebook or a terminal, they are turned into plain words.
_IN_BOOK = "LIB_BOOK_BUILD"

CORRECTION_MIME = "application/vnd.derive-implement-train.correction+json"


def display(bundle: Mapping[str, Any]) -> None:
    """Show a MIME bundle in a notebook, or its ``text/plain`` in a terminal."""
    if _in_notebook():
        from IPython.display import display as show_bundle

        shown = dict(bundle)
        if "text/markdown" in shown and not os.environ.get(_IN_BOOK):
            shown["text/markdown"] = without_roles(shown["text/markdown"])
        show_bundle(shown, raw=True)  # type: ignore[no-untyped-call]
    else:
        print(without_roles(bundle["text/plain"]))


def without_roles(text: str) -> str:
    """Turn MyST roles into plain words, for where nothing renders them.

    >>> without_roles("By {eq}`crf-forward` of {py:func}`lib.page.say` {cite:p}`su2018crf`.")
    'By (crf-forward) of `lib.page.say` [su2018crf].'
    """
    text = re.sub(r"\{eq\}`?([\w-]+)`?", r"(\1)", text)
    text = re.sub(r"\{cite(?::\w+)?\}`?([\w,-]+)`?", r"[\1]", text)
    return re.sub(r"\{[a-z]+(?::[a-z]+)?\}(`[^`]+`)", r"\1", text)


def show(value: object) -> None:
    """Show an object as the notebook would at the end of a cell, or print it in a terminal."""
    if _in_notebook():
        from IPython.display import display as show_value

        show_value(value)  # type: ignore[no-untyped-call]
    else:
        print(value)


def _in_notebook() -> bool:
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and shell.__class__.__name__ != "TerminalInteractiveShell"


def say(markdown: str) -> None:
    """Print prose whose numbers come from the run.

    Args:
        markdown: a paragraph or several; indentation common to all lines is taken off, so an
            f-string may be indented with the code around it.

    >>> say(f"Of the {2**3} paths, one is best.")
    Of the 8 paths, one is best.
    """
    text = textwrap.dedent(markdown).strip()
    display({"text/markdown": text, "text/plain": _plain(text)})


def _plain(text: str) -> str:
    """Markdown as a terminal shows it: no emphasis, links as their words."""
    text = re.sub(r"(?<!\!)\[([^\]]+)\]\([^)]+\)", r"\1", without_roles(text))
    return re.sub(r"\*\*|`|\$", "", text)


def table(rows: Sequence[Sequence[object]], columns: Sequence[str], *, caption: str = "") -> None:
    """Print a table; numbers stand to the right, everything else to the left.

    Args:
        rows: the cells; a float is printed with four significant digits, so format it yourself
            where that is wrong.
        columns: the columns' names.
        caption: what the table shows.

    Raises:
        ValueError: if a row has not as many cells as there are columns.

    >>> table([["greedy", 2], ["Viterbi", 10]], ["decoder", "score"])
    decoder  score
    greedy       2
    Viterbi     10
    """
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(
                f"expected {len(columns)} cells for {list(columns)}, got {len(row)}: {list(row)}"
            )
    cells = [[_cell(value) for value in row] for row in rows]
    right = [all(_NUMBER.fullmatch(row[c]) for row in cells) for c in range(len(columns))]
    lines = [
        "| " + " | ".join(columns) + " |",
        "|" + "|".join("--:" if r else ":--" for r in right) + "|",
    ]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
    plain = [re.sub(r"\*\*|`|\$", "", cell) for row in [list(columns), *cells] for cell in row]
    grid = [plain[k : k + len(columns)] for k in range(0, len(plain), len(columns))]
    widths = [max(len(row[c]) for row in grid) for c in range(len(columns))]
    text = "\n".join(
        "  ".join(
            cell.rjust(w) if r else cell.ljust(w)
            for cell, w, r in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in grid
    )
    note = [f"*{caption}*", ""] if caption else []
    display(
        {
            "text/markdown": "\n".join(note + lines),
            "text/plain": "\n".join([caption] * bool(caption) + [text]),
        }
    )


#: A number as it is printed: with sign, unit, spread or factor; or an ellipsis in its place.
_NUMBER = re.compile(r"[-+±−]?[\d.,]+(e[-+]?\d+)?( ?[%×]| [±(].*)?|…|–")


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def source(*functions: Callable[..., Any]) -> None:
    """Show the source of functions of the library: what the page shows is what runs.

    The file is named on top. Of a docstring only the summary line is kept; the whole stands in the
    API reference.

    Args:
        functions: functions, methods or classes written in Python.
    """
    shown = "\n\n\n".join(_summarised(function) for function in functions)
    display({"text/markdown": f"```python\n{shown}\n```", "text/plain": shown})


def _summarised(function: Callable[..., Any]) -> str:
    inner = inspect.unwrap(function)
    text = textwrap.dedent(inspect.getsource(inner)).rstrip()
    where = inspect.getmodule(inner.__code__ if inspect.isfunction(inner) else inner)
    if where is not None:
        text = f"# {where.__name__.replace('.', '/')}.py\n{text}"
    doc = function.__doc__
    if doc is None:
        return text
    summary = doc.strip().splitlines()[0]
    pattern = re.compile(r'(?P<q>[rR]?""")' + re.escape(doc) + r'"""')
    found = pattern.search(text)
    if found is None:  # the docstring holds escapes: find its end by the next triple quote
        start = text.index('"""')
        end = text.index('"""', start + 3) + 3
        return f'{text[:start]}"""{summary}"""{text[end:]}'
    return f'{text[: found.start()]}"""{summary}"""{text[found.end() :]}'


@contextmanager
def expect_error(kind: type[Exception], match: str) -> Iterator[None]:
    """Show the error that the block raises, and fail if it raises none or another.

    Args:
        kind: the exception that the library promises here.
        match: words that its message must contain.

    Raises:
        AssertionError: if the block raises nothing, or with another message.

    >>> with expect_error(ZeroDivisionError, "by zero"):
    ...     1 / 0
    ZeroDivisionError: division by zero
    """
    try:
        yield
    except kind as error:
        message = f"{type(error).__name__}: {error}"
        if match not in message:
            raise AssertionError(f"expected {match!r} in the message {message!r}") from error
        lines = [textwrap.fill(line, 88, subsequent_indent="    ") for line in message.splitlines()]
        wrapped = "\n".join(lines)
        display({"text/markdown": f"```text\n{wrapped}\n```", "text/plain": message})
    else:
        raise AssertionError(f"expected {kind.__name__}, but nothing was raised")


def check(
    answer: object,
    is_right: Callable[[Any], bool] | None = None,
    *,
    hint: str = "",
    equals: object = None,
    sizes: Mapping[Any, Sequence[int]] | None = None,
    where: Sequence[Any] = (),
    digits: int = 6,
) -> None:
    """Tell a reader whether an answer to an exercise is right.

    Args:
        answer: the reader's answer; ``...`` stands for none yet.
        is_right: decides it; an error inside counts as a wrong answer and is told.
        hint: what to look at when the answer is wrong.
        equals: instead of ``is_right``, the solution: a number, an array, a formula, a label, a
            list of labels, a truth value or a result of the book. The answer is compared with it
            by :func:`lib.derivation.assess`, which accepts other forms of it and tells of a wrong
            one where it fails and, where that is simple, why.
        sizes: for which sizes a formula may be compared, as for :func:`lib.derivation.derive`.
        where: conditions on the symbols of a formula, likewise.
        digits: how many significant digits a decimal number needs.

    Raises:
        AssertionError: in the book, where the answers are our own solutions, if one is wrong or
            cannot be decided.
        TypeError: unless exactly one of ``is_right`` and ``equals`` is given.

    >>> check(..., lambda n: n == 8, hint="how many choices has each token?")
    Your turn: put your answer in the place of the dots and run this cell again.
    >>> check(6, lambda n: n == 8, hint="how many choices has each token?")
    Not yet. A hint: how many choices has each token?
    >>> check(8, lambda n: n == 8, hint="how many choices has each token?")
    Right.
    >>> check([2, 1], equals=[1, 2], hint="which comes first?")
    Not yet. 2 of 2 entries are not right; the entry at [0] is not right, for one. These are the
    right numbers in another order. A hint: which comes first?
    """
    if (is_right is None) == (equals is None):
        raise TypeError("a check needs either is_right=, a function, or equals=, the solution")
    if answer is ...:
        say("Your turn: put your answer in the place of the dots and run this cell again.")
        return
    right, told = (
        _by_function(answer, is_right)
        if is_right
        else _by_solution(answer, equals, sizes=sizes, where=where, digits=digits)
    )
    if not right and os.environ.get(_IN_BOOK):
        raise AssertionError(f"a solution in the book does not pass its own check: {told}")
    if right:
        say("**Right.**")
        return
    opening = "**Not yet.**" if right is False else "**Perhaps.**"
    say(" ".join(filter(None, [opening, told, f"A hint: {hint}" if hint else ""])))


def _by_function(answer: object, is_right: Callable[[Any], bool]) -> tuple[bool, str]:
    try:
        return bool(is_right(answer)), ""
    except Exception as error:
        return False, f"The check met {type(error).__name__}: {error}."


def _by_solution(answer: object, solution: object, **options: Any) -> tuple[bool | None, str]:
    from lib.derivation.answers import assess

    found = assess(answer, solution, **options)
    return found.right, found.message


def correction(*, source: str, says: str, correct: str, holds: bool, evidence: str) -> None:
    """Note an error that we found in a source; the note is gathered in the book's corrections page.

    Args:
        source: what is corrected, with its place (equation, section).
        says: what stands there.
        correct: what is right.
        holds: the outcome of the assertion that shows it.
        evidence: label of the equation, or the words, that show it.

    Raises:
        AssertionError: if ``holds`` is false: then there is nothing to correct.
    """
    if not holds:
        raise AssertionError(f"the correction to {source} is not borne out: {correct}")
    row = {"source": source, "claim": says, "correct": correct, "evidence": evidence}
    text = f"**Correction.** {source}: {says} *Rather:* {correct}"
    display({"text/markdown": text, "text/plain": re.sub(r"\*", "", text), CORRECTION_MIME: row})
