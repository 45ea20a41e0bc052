"""Chapters as notebooks: nothing of MyST is left in them, and nothing is lost on the way."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
from executable_book.citations import Citations
from executable_book.notebooks import Addresses, Book, install_cell, main, notebook, write
from executable_book.plain_markdown import INLINE, NotPlainError, PlainMarkdown

ROOT = Path(__file__).resolve().parent.parent.parent
CHAPTERS = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix()
    for path in ROOT.glob("book/*/*.md")
    if not path.parts[-2].startswith(("_", "reference"))
)
ROLE = re.compile(r"\{[\w:.+-]+\}`")
DIRECTIVE = re.compile(r"^\s*(:{3,}|[`~]{3,}\s*\{)|^\(.*\)=$|^%|^\+\+\+", re.MULTILINE)


@pytest.fixture(scope="module")
def book() -> Book:
    return Book(ROOT)


@pytest.fixture(scope="module")
def made(book: Book) -> dict[str, Any]:
    return {chapter.docname: notebook(chapter, book) for chapter in book.chapters}


@pytest.fixture
def plain(book: Book) -> PlainMarkdown:
    """The text of the chapter on CRFs, with the whole bibliography of two works."""
    citations = Citations(
        book.bibliography, "lafferty2001crf su2018crf su2020crflr su2020bert4keras"
    )
    return PlainMarkdown("book/sequences/crf", book, citations)


def text(plain: PlainMarkdown, markdown: str) -> str:
    return "\n----\n".join(part.text for part in plain.parts(markdown))


def test_every_chapter_becomes_a_notebook(made) -> None:
    assert sorted(made) == CHAPTERS


@pytest.mark.parametrize("docname", CHAPTERS)
def test_what_a_chapter_says_stands_in_its_notebook(docname: str, made, book: Book) -> None:
    found, chapter = made[docname], book.with_code[docname]
    nbformat.validate(found)
    code = [cell.source for cell in found.cells if cell.cell_type == "code"]
    assert code[1:] == chapter.code
    words = re.compile(r"[^\W\d_]{4,}")
    prose = "\n".join(cell.source for cell in found.cells if cell.cell_type == "markdown")
    source = "\n".join(c.source for c in chapter.notebook.cells if c.cell_type == "markdown")
    source = re.sub(r"^:\w+:.*$|^:::.*$", "", INLINE.sub(" ", source), flags=re.MULTILINE)
    assert set(words.findall(source)) <= set(words.findall(prose))


@pytest.mark.parametrize("docname", CHAPTERS)
def test_nothing_of_myst_is_left(docname: str, made) -> None:
    for cell in made[docname].cells:
        if cell.cell_type == "markdown":
            assert not ROLE.search(cell.source), cell.source
            assert not DIRECTIVE.search(cell.source), cell.source


@pytest.mark.parametrize("docname", CHAPTERS)
def test_a_notebook_is_clean_and_says_what_it_needs(docname: str, made) -> None:
    found = made[docname]
    assert found.cells[0].source.startswith("# ")
    assert "import lib.page" in found.cells[1].source
    assert found.metadata["kernelspec"]["name"] == "python3"
    code = [cell for cell in found.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    for cell in code:
        hidden = bool({"hide-input", "remove-input"} & set(cell.metadata.get("tags", [])))
        assert cell.metadata.get("jupyter", {}).get("source_hidden", False) == hidden
    assert str(ROOT) not in nbformat.writes(found)


@pytest.mark.parametrize("docname", CHAPTERS)
def test_solutions_fold_and_nothing_else_folds_with_them(docname: str, made, book: Book) -> None:
    cells = made[docname].cells
    folds = [k for k, cell in enumerate(cells) if "jp-MarkdownHeadingCollapsed" in cell.metadata]
    source = book.with_code[docname].path.read_text("utf-8")
    assert len(folds) == source.count("{solution-start}") > 0
    for k in folds:
        assert re.fullmatch(r"#### Solution of exercise \d", cells[k].source)
    # after the last solution comes a heading that is larger, and so do the exercises between them
    headings = [cell.source.split()[0] for cell in cells if cell.source.startswith(("# ", "##"))]
    after = [b for a, b in pairwise(headings) if a == "####"]
    assert set(after) <= {"##", "###"}
    ends = re.split(r":::\{solution-end\}\n:::\n", source)[1:]
    assert all(end.lstrip().startswith((":::{exercise}", "#")) for end in ends)


def test_two_conversions_are_the_same(made, book: Book) -> None:
    docname = CHAPTERS[0]
    assert nbformat.writes(notebook(book.with_code[docname], book)) == nbformat.writes(
        made[docname]
    )


def test_roles(plain: PlainMarkdown) -> None:
    assert text(plain, "By {eq}`crf-forward` it is `{eq}`.") == "By (crf-forward) it is `{eq}`."
    assert text(plain, "{cite:t}`lafferty2001crf`") == "Lafferty et al. (2001)"
    assert text(plain, "said {cite:p}`su2018crf,su2020crflr`") == "said (Su, 2018; Su, 2020b)"
    assert text(plain, "a {term}`kernel`, {term}`two <kernel>`") == "a kernel, two"
    assert text(plain, "- {py:func}`lib.page.say`\n- two") == "- `lib.page.say`\n- two"
    assert text(plain, "(target)=\n## {doc}`hsic <../kernels/hsic>`\n% no\nend") == (
        "## [hsic](../kernels/hsic.ipynb)\n\nend"
    )


def test_directives(plain: PlainMarkdown) -> None:
    assert text(plain, ":::{note}\n:class: dropdown\n\nBy {eq}`crf-score`,\nthus.\n:::") == (
        "> **Note**\n>\n> By (crf-score),\n> thus."
    )
    exercise = ":::{exercise} How *many*?\n:label: ex\n\nCount.\n:::\n"
    assert text(plain, f"First.\n\n{exercise}\n:::{{solution}} ex\n\nThree.\n:::") == (
        "First.\n----\n### Exercise 1. How *many*?\n\nCount.\n\n"
        "<details>\n<summary>Solution</summary>\n\nThree.\n\n</details>"
    )
    start = ":::{solution-start} ex\n:class: dropdown\n:::\n\nThree.\n\n:::{solution-end}\n:::"
    assert text(plain, start) == "#### Solution of exercise 1\n----\nThree."
    assert text(plain, "```python\n{eq}`crf-score`\n```") == "```python\n{eq}`crf-score`\n```"


@pytest.mark.parametrize(
    ("markdown", "says"),
    [
        ("See {eq}`crf-forwards`.", "refers to nothing: there is no 'crf-forwards'"),
        ("See {cite:p}`nobody1900`.", "refers to nothing: there is no 'nobody1900'"),
        ("See {numref}`fig`.", r"the role \{numref\}"),
        (":::{mermaid}\na\n:::", r"the directive \{mermaid\}"),
        (":::{solution-start} lost\n:::", "no exercise before it"),
        ("[there](nowhere.md)", "refers to nothing"),
    ],
)
def test_what_cannot_be_said_is_an_error(plain: PlainMarkdown, markdown: str, says: str) -> None:
    with pytest.raises(NotPlainError, match=says):
        plain.parts(markdown)


def test_equations_and_pages_elsewhere(book: Book) -> None:
    here = "book/sequences/crf"
    assert book.equation(here, "hsic-covariance").startswith("(hsic-covariance) of [HSIC")
    assert book.link(here, "../reference/corrections.md", "corrections") == "corrections"
    published = Book(ROOT, Addresses(pages="https://example.org/book/"))
    assert published.link(here, "../reference/corrections.md", "corrections") == (
        "[corrections](https://example.org/book/book/reference/corrections.html)"
    )


def test_the_library_is_installed_from_the_repository() -> None:
    known = Addresses("https://example.org/book", revision="1f2e")
    assert 'BOOK = "git+https://example.org/book@1f2e"' in install_cell(known).source
    unknown = install_cell(Addresses()).source
    assert 'BOOK = "git+ADDRESS"' in unknown
    assert "First put the address" in unknown


def test_nothing_is_written_unless_everything_can_be(tmp_path: Path, book: Book) -> None:
    class Broken(Book):
        def equation(self, here: str, label: str) -> str:
            raise KeyError(label)

    with pytest.raises(ValueError, match=r"book/\w+/\w+\.md:\d+: \{eq\}`[\w-]+` refers to nothing"):
        write(Broken(ROOT), tmp_path)
    assert not list(tmp_path.rglob("*"))


def test_the_command_names_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["--out", str(tmp_path), "--repository", "https://example.org/book"]) == 0
    assert capsys.readouterr().out.count(".ipynb\n") == len(CHAPTERS)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    notebooks = {f"{name.removeprefix('book/')}.ipynb" for name in CHAPTERS}
    assert written == notebooks | {"README.md", "requirements.txt", "runtime.txt"}
    assert "@ git+https://example.org/book" in (tmp_path / "requirements.txt").read_text("utf-8")
    first = nbformat.read(tmp_path / "sequences" / "crf.ipynb", as_version=4)
    assert "git+https://example.org/book" in first.cells[1].source
