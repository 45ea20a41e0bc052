"""Each rule of the page gate, with the defect that it is there for."""

import copy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from executable_book.chapters import Page
from executable_book.gate import equation_id, output_problems, public_names, restated_problems
from executable_book.html_facts import read_facts
from executable_book.prose import prose_problems
from executable_book.records import CHECK, RESTATED, RESULT, Record

FIGURE = (
    "from IPython.display import display, HTML, Image, SVG\n"
    'display(HTML(\'<figure id="fig-a" class="dit-figure"><svg role="img"></svg></figure>\'))\n'
)


def test_defects_that_only_a_build_can_show(book) -> None:
    book.edit(
        "lib/page.py", '"text/plain": latex}', '"text/html": "<b>only this is shown</b>"}'
    )  # the equation is displayed, and does not stand on the page
    book.edit(
        "book/toy/alpha.md",
        "print(double(21))",
        f"{FIGURE}import sys\nprint('no', file=sys.stderr)  # {'long ' * 20}",
    )
    book.edit("lib/toy/alpha.py", '["double"', '["undocumented", "double"')
    book.edit("lib/toy/alpha.py", "def double", "def undocumented():\n    pass\n\n\ndef double")
    book.edit(
        "book/toy/beta.md", "print(datasets", "print('UserWarning: a warning')\nprint(datasets"
    )
    book.edit(
        "book/toy/beta.md",
        "Nothing of",
        "It reaches 93.1 in the end.\n\n$$ x = y $$ (typed)\n\nNothing of",
    )
    book.edit(
        "book/toy/beta.md",
        "import json, os",
        "from lib.page import restated\nrestated('alpha-sum', '1 + 1 = 3')\nimport json, os",
    )
    outcome = book.build()
    assert not outcome.green
    for problem in (
        "restates alpha-sum of book/toy/alpha otherwise",
        "the result alpha-sum does not stand on the page",
        "wrote to stderr: 'no'",
        "a line of code has 132 characters, 88 fit the page: print('no', file=sys.stderr)",
        "the output contains a warning",
        "the figure fig-a has no caption",
        "a drawing (svg) has no role=img with an aria-label",
        "no API page documents lib.toy.alpha.undocumented",
        "the figure 93.1 is typed by hand",
        "a displayed equation ($$) is typed by hand",
        "the equation equation-typed is numbered, and no derivation displayed it",
    ):
        assert problem in outcome.text, f"{problem}\n{outcome.text}"
    assert not book.build().green  # and again, with nothing executed


def test_the_gate_runs_by_itself(green, root: Path) -> None:
    gate = [sys.executable, "-m", "executable_book"]
    environment = green.environment()
    environment["PYTHONPATH"] = str(green.folder / "book" / "_extensions")
    process = subprocess.run(
        gate, cwd=green.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert "9 pages, 0 problems" in process.stdout


@pytest.mark.parametrize(
    ("prose", "refused"),
    [
        ("It reaches 93.1 in the end.", True),
        ("An accuracy of 93 % is reached.", True),
        ("An accuracy of 93\\% is reached.", True),
        ("Half a percent, 0.5 percent.", True),
        ("The table says 0.93.", True),
        (":::{note}\nIt gains 3.5 points.\n:::", True),
        (":::{note} Gains 3.5 points\n:::", True),
        ("| a | 3.5 |", True),
        ("It was 95.5 there {cite:p}`someone2001`.", False),
        ("It was 95.5 there\n{cite}`someone2001`.\n\nHere it is 96.5.", True),
        ("Three tokens, 12 tags, in section 1.", False),
        ("The value `0.93` is code, $0.5$ is mathematics.", False),
        ("See [the page](https://example.org/v1.2/5.5).", False),
        ("Version 2.13.0 of a package.", False),
        ("```python\nx = 0.5\n```\n\nText.", False),
        ("```{code-cell} python\nx = 0.5\n```\n", False),
        ("```\nx = 0.5\n```\n\nIt reaches 93.1 here.", True),
        ("::::{grid} 1\n:gutter: 0.5\n\n:::{card}\nText.\n:::\n::::", False),
        (":::{note}\nText. :::\n\n```{code-cell}\nx = 1\n```\n", True),
        ("A fence is written `:::`", False),
        ("$$ x $$", True),
        ("$$\nx\n$$ (label)", True),
        ("```{math}\n:label: a\nx\n```", True),
        (":::{math}\nx\n:::", True),
        ("\\begin{align}x\\end{align}", True),
        ("$x \\tag{1}$", True),
        ("$\\begin{aligned}x\\end{aligned}$ and `$$` and $a$ $b$", False),
        ("<!-- 0.5 -->", False),
    ],
)
def test_prose(tmp_path: Path, prose: str, refused: bool) -> None:
    page = Page("book/page", tmp_path / "page.md", f"---\nversion: 0.5\n---\n\n# Page\n\n{prose}\n")
    assert bool(prose_problems(page)) is refused, prose_problems(page)


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<img src="a/plot.png" alt="A plot">', None),
        ('<img src="a/plot.png">', "no alternative text"),
        ('<img src="a/plot.png" alt="../b/plot.png">', "no alternative text"),
        ('<svg role="img" aria-label="A plot"><svg/><g/></svg>', None),
        ('<svg role="img"></svg>', "role=img with an aria-label"),
        ('<svg aria-label="A plot"></svg>', "role=img with an aria-label"),
        ('<svg aria-hidden="true"></svg>', None),
        ('<figure class="dit-figure"><figcaption>See.</figcaption></figure>', None),
        ('<figure class="dit-figure"><figcaption></figcaption></figure>', "no caption"),
        ('<div class="system-message">x</div>', "error of docutils"),
        ('<a class="problematic">x</a>', "error of docutils"),
        ('<div><span class="eqno">(1)</span></div>', "has no label"),
    ],
)
def test_html(html: str, problem: str | None) -> None:
    facts = read_facts(f'<img src="theme.png"><article class="bd-article">{html}</article>')
    if problem is None:
        assert facts.problems == []
    else:
        assert len(facts.problems) == 1
        assert problem in facts.problems[0]


def test_a_numbered_equation_is_known_by_its_label() -> None:
    html = '<div class="math" id="equation-crf-forward"><span class="eqno">(1.1)</span></div>'
    facts = read_facts(f'<article class="bd-article">{html}</article>')
    assert facts.equations == {equation_id("crf-forward")}


def showing_code(code: str) -> dict[str, object]:
    """What a cell displays that prints code of the library."""
    return {
        "output_type": "display_data",
        "data": {"text/markdown": f"```python\n{code}\n```", "text/plain": code},
    }


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ({"output_type": "stream", "name": "stdout", "text": "fine"}, None),
        ({"output_type": "stream", "name": "stderr", "text": "x"}, "wrote to stderr"),
        ({"output_type": "error", "ename": "ValueError"}, "the output is an error"),
        ({"output_type": "stream", "name": "stdout", "text": "FutureWarning: x"}, "a warning"),
        ({"output_type": "display_data", "data": {"text/html": "UserWarning: x"}}, "a warning"),
        ({"output_type": "display_data", "data": {"application/x": "x"}}, "displays nothing"),
        ({"output_type": "display_data", "data": {"text/plain": "A warning: x"}}, None),
        ({"output_type": "display_data", "data": {"text/markdown": "a " * 90}}, None),
        (showing_code("a" * 88), None),
        (showing_code("b\n" + "a" * 89), "89 characters, 88 fit the page"),
    ],
)
def test_outputs(output: dict[str, object], problem: str | None) -> None:
    problems = list(output_problems([output]))
    assert len(problems) == (problem is not None)
    assert all(str(problem) in found for found in problems)


ORIGINAL = {
    "label": "alpha-sum", "statement": "1 + 1 = 2", "standing": "proved", "sizes": {},
    "about": "", "definitions": [],
}  # fmt: skip


def displaying(mime: str, facts: dict[str, object]) -> Record:
    """The record of a chapter that displayed these facts."""
    cell = SimpleNamespace(outputs=[{"output_type": "display_data", "data": {mime: facts}}])
    return Record([cell], fingerprint={})


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({}, None),
        ({"label": "alpha-gone"}, "restates alpha-gone, which no executed chapter displayed"),
        ({"statement": "1 + 1 = 3"}, "there it states '1 + 1 = 2', here '1 + 1 = 3'"),
        ({"standing": "evidence"}, "its standing is 'proved', here 'evidence'"),
        ({"sizes": {"T": [1]}}, "its sizes are {}"),
        ({"about": "x real"}, "its symbols are"),
        ({"conditions": ["x < 1"]}, "its conditions are"),
        ({"definitions": ["Z = 1"]}, "the names in it stand for"),
    ],
)
def test_restated_results_are_held_to_the_original(changed, problem: str | None) -> None:
    records = {
        "book/toy/beta": displaying(RESTATED, copy.deepcopy(ORIGINAL) | changed),
        "book/toy/alpha": displaying(RESULT, ORIGINAL),
    }
    problems = restated_problems(records)
    assert len(problems) == (problem is not None)
    assert all(str(problem) in found for found in problems)
    both = displaying(RESULT, ORIGINAL)
    both.cells.extend(displaying(RESTATED, ORIGINAL).cells)
    assert "its own result" in "".join(restated_problems({"book/toy/alpha": both}))


def test_a_restated_result_that_is_not_displayed_is_held_to_the_original() -> None:
    other = ORIGINAL | {"statement": "1 + 1 = 3"}
    rests = {"label": "beta", "restated": [other]}
    check = {"label": "alpha-sum", "function": "lib.f", "restated": other}
    for mime, facts in ((RESULT, rests), (CHECK, check)):
        records = {
            "book/toy/beta": displaying(mime, facts),
            "book/toy/alpha": displaying(RESULT, ORIGINAL),
        }
        (problem,) = restated_problems(records)
        assert "there it states '1 + 1 = 2', here '1 + 1 = 3'" in problem


def test_public_names() -> None:
    assert public_names("def f(): ...\ndef _g(): ...\nclass C: ...\nX = 1") == ["C", "f"]
    exported = '__all__ = ["h", "X", "Y"]\nfrom ._inner import h, Y\nX = 1\ndef f(): ...'
    assert public_names(exported) == ["h"]
