"""The ways out of a page: behind each button there is a file."""

import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from executable_book.launch import BRANCH, button, links
from executable_book.notebooks import Addresses, Book, write

ROOT = Path(__file__).resolve().parents[2]
HOME = Addresses("https://github.com/someone/some.book")


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the workflow publishes as the branch of the notebooks."""
    folder = tmp_path_factory.mktemp("branch")
    write(Book(ROOT, HOME), folder)
    return folder


def test_every_notebook_of_the_branch_is_behind_a_button(branch: Path) -> None:
    docnames = [chapter.docname for chapter in Book(ROOT, HOME).chapters]
    opened = set()
    for docname in docnames:
        found = links(docname, HOME)
        colab = re.fullmatch(
            r"https://colab\.research\.google\.com/github/someone/some\.book/blob/(\w+)/(.+)",
            found["Colab"],
        )
        binder = urlsplit(found["Binder"])
        assert colab
        assert (binder.netloc, binder.path) == (
            "mybinder.org",
            f"/v2/gh/someone/some.book/{BRANCH}",
        )
        (tree,) = parse_qs(binder.query)["urlpath"]
        assert colab[1] == BRANCH
        assert unquote(colab[2]) == tree.removeprefix("lab/tree/")
        assert (branch / unquote(colab[2])).is_file()
        opened.add(unquote(colab[2]))
    assert opened == {path.relative_to(branch).as_posix() for path in branch.rglob("*.ipynb")}


def test_the_workflow_writes_that_branch() -> None:
    workflow = (ROOT / ".github" / "workflows" / "book.yml").read_text("utf-8")
    assert f"git push --force origin {BRANCH}" in workflow
    assert "path: _build/notebooks" in workflow


@pytest.mark.parametrize(
    "repository",
    ["https://github.com/a/b.git", "https://github.com/a/b/", "https://github.com/a/b"],
)
def test_an_address_may_be_written_in_several_ways(repository: str) -> None:
    assert "/gh/a/b/" in links("book/part/x", Addresses(repository))["Binder"]


@pytest.mark.parametrize("repository", ["", "https://example.org/a/b", "https://github.com/a"])
def test_without_a_repository_on_github_there_is_no_button(repository: str) -> None:
    assert links("book/part/x", Addresses(repository)) == {}
    assert button("book/part/x", Addresses(repository)) == []


def test_addresses_are_those_of_the_book_or_of_the_workflow(monkeypatch) -> None:
    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA"):
        monkeypatch.delenv(name, raising=False)
    assert Addresses.known({}) == Addresses()
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "a/b")
    monkeypatch.setenv("GITHUB_SHA", "1f2e")
    assert Addresses.known({}).source == "git+https://github.com/a/b@1f2e"
    config = {"repository": {"url": "https://example.org/c"}, "html": {"baseurl": "https://e.org"}}
    assert Addresses.known(config) == Addresses("https://example.org/c", "https://e.org", "1f2e")
