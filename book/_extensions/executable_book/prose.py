"""What a page's source may not say by hand: equations and figures of a result.

A displayed equation comes from a derivation, a number in a sentence from the run or from a source
that the same paragraph cites.
"""

import re
from collections.abc import Iterator

from .chapters import Page

FENCE = re.compile(r"\s*(?P<mark>`{3,}|~{3,}|:{3,})\s*(?P<info>\S*)")
TYPED_MATH = re.compile(
    r"\$\$|\\\[|\\begin\{(equation|align|gather|multline)\*?\}|\\tag\b|\\label\b"
)
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?\s?(?:\\?%|per ?cent\b)|(?<![\w.])\d+\.\d+(?!\d|\.\d)")
CODE = {"{code-cell}", "{code-block}", "{literalinclude}", "{eval-rst}", "{raw}"}
LATE_FENCE = re.compile(r"\S.*:{3,}\s*$", re.MULTILINE)
OPTION = re.compile(r"\s*:[\w-]+:")
TARGET = re.compile(r"\(.*\)=")
CITATION = re.compile(r"\{cite(:\w+)?\}`")
NOT_PROSE = (
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"(?:\{[\w:.-]+\})?(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL),  # code and roles
    re.compile(r"(?<![\\$])\$(?!\$).+?(?<![\\$])\$(?!\$)", re.DOTALL),  # inline mathematics
    re.compile(r"(?<=\])\([^)\s]*\)"),  # where a link goes
    re.compile(r"<https?:[^>]*>|https?://\S+"),
)


def prose_problems(page: Page) -> list[str]:
    """Typed equations and typed figures in the prose of a page."""
    problems = []
    for line, paragraph in paragraphs(page.text):
        found = list(paragraph_problems(paragraph))
        problems += [f"{page.docname}.md:{line}: {problem}" for problem in found]
    return problems


def paragraph_problems(paragraph: str) -> Iterator[str]:
    """What one paragraph says by hand."""
    bare = re.sub(NOT_PROSE[1], "", re.sub(NOT_PROSE[0], "", paragraph))
    typed = TYPED_MATH.search(bare)
    if typed or "{math}" in paragraph:
        what = typed.group() if typed else "{math}"
        yield f"a displayed equation ({what}) is typed by hand: let a derivation display it"
        return
    if LATE_FENCE.search(bare):
        yield "a fence (:::) ends a line of prose, where it closes nothing: give it its own line"
    if CITATION.search(paragraph):
        return
    for pattern in NOT_PROSE[2:]:
        bare = pattern.sub("", bare)
    number = NUMBER.search(bare)
    if number:
        yield (
            f"the figure {number.group().strip()} is typed by hand: print it from the run,"
            " or cite its source in the same paragraph"
        )


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """The paragraphs of a page with their first lines, without code and directives' options.

    A fence with a directive, such as a note, an exercise or a solution, holds prose; a fence with
    a language, and one with a cell, holds code.
    """
    collected: list[str] = []
    start = 1
    for number, line in prose_lines(text):
        if line.strip():
            if not collected:
                start = number
            collected.append(line)
        elif collected:
            yield start, "\n".join(collected)
            collected = []
    if collected:
        yield start, "\n".join(collected)


def prose_lines(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines; those that are no prose come as empty ones."""
    directives: list[str] = []  # the marks of the directives that we are in
    code = ""  # the mark that ends the code that we are in
    head = False  # whether we are at a directive's options
    for number, line in enumerate(text.splitlines(), start=1):
        prose = ""
        if number == 1 and line == "---":
            code = line
        elif code:
            code = "" if closes(line, code) else code
        elif directives and closes(line, directives[-1]):
            directives.pop()
        elif fence := FENCE.match(line):
            head = fence["info"].startswith("{") and fence["info"] not in CODE
            if head:
                directives.append(fence["mark"])
                prose = line.replace(fence["mark"], "")
            else:
                code = fence["mark"]
        elif not (head and OPTION.match(line)) and not TARGET.fullmatch(line):
            head, prose = False, line
        yield number, prose


def closes(line: str, mark: str) -> bool:
    """Whether a line ends the fence that ``mark`` began."""
    return line.strip().startswith(mark) and not line.strip().strip(mark[0])
