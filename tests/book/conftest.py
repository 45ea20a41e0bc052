"""Planted books: one green build a process, copied for each test that plants a defect."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent.parent / "book" / "_extensions")]

import planted  # noqa: E402
from executable_book import chromium  # noqa: E402


@pytest.fixture(scope="session")
def green(tmp_path_factory: pytest.TempPathFactory, root: Path):
    """A planted book, built; not to be edited."""
    book = planted.PlantedBook(tmp_path_factory.mktemp("green"), root)
    outcome = book.build()
    assert outcome.green, outcome.text
    assert outcome.executed == {"book/toy/alpha", "book/toy/beta"}
    return book


@pytest.fixture
def book(green, tmp_path: Path):
    """A copy of the green book, to plant a defect in."""
    folder = tmp_path / "book"
    mathjax = shutil.ignore_patterns("mathjax")
    shutil.copytree(green.folder, folder, ignore=mathjax)
    copy = planted.PlantedBook.__new__(planted.PlantedBook)
    copy.folder = folder
    return copy


@pytest.fixture
def header() -> str:
    """The first lines of a chapter."""
    return str(planted.HEADER)


@pytest.fixture
def library(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Writes a small library and returns the folder it is in."""

    def write(files: dict[str, str]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
        return tmp_path

    return write


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A running Chromium, one for each of pytest's workers."""
    for name in ("playwright.sync_api", "axe_playwright_python"):
        pytest.importorskip(name, reason="make test installs it")
    if chromium.find_chromium() is None:
        pytest.skip("there is no Chromium to look at pages with: apt-get install chromium")
    with chromium.launched() as running:
        yield running
