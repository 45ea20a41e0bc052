"""The printed book: every page is in it, and what is cited leads to its place in it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from executable_book import pdf, sources

pypdf = pytest.importorskip("pypdf")


@pytest.fixture(scope="module")
def printed(green: Any, browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The green book's PDF."""
    folder = tmp_path_factory.mktemp("pdf") / "book"
    shutil.copytree(green.folder, folder)
    out = Path("_build/pdf/book.pdf")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)  # where `make pdf` runs, with addresses relative to it
        count = pdf.print_book(Path.cwd(), Path("_build/html"), out, browser)
        reader = pypdf.PdfReader(out.resolve())
        assert len(reader.pages) == count
        assert [path.name for path in out.parent.iterdir()] == ["book.pdf"]
    return reader


def page_with(reader: Any, words: str, after: int = 1) -> int:
    """The first page behind the cover and the contents that has these words."""
    texts = [" ".join(page.extract_text().split()) for page in reader.pages]
    return next(number for number, text in enumerate(texts) if number > after and words in text)


def test_every_page_is_there_and_the_contents_say_where(printed: Any) -> None:
    contents = printed.pages[1].extract_text()
    for title in ("Alpha", "Beta"):
        number = page_with(printed, f"{title} ")
        line = next(line for line in contents.splitlines() if title in line)
        assert line.split()[-1] == str(number + 1)


def test_the_outline_names_the_chapters(printed: Any) -> None:
    def titles(entries: Any) -> list[str]:
        return [
            name
            for entry in entries
            for name in (titles(entry) if isinstance(entry, list) else [str(entry.title)])
        ]

    found = titles(printed.outline)
    assert any("Alpha" in title for title in found)
    assert any("Beta" in title for title in found)


def test_an_equation_cited_elsewhere_leads_to_its_page(printed: Any) -> None:
    count, places = len(printed.pages), {}
    for name, destination in printed.named_destinations.items():
        places[name.removeprefix("/")] = printed.get_destination_page_number(destination)
    alpha, beta = page_with(printed, "A result that"), page_with(printed, "Nothing of Alpha")
    assert alpha < beta < count
    assert places["book-toy-alpha--equation-alpha-sum"] == alpha
    links = [note.get_object() for note in printed.pages[beta].get("/Annots", [])]
    targets = [str(link.get("/Dest", "")).removeprefix("/") for link in links]
    assert "book-toy-alpha--equation-alpha-sum" in targets
    outside = [link["/A"]["/URI"] for link in links if "/URI" in link.get("/A", {})]
    assert not [address for address in outside if address.startswith("file:")]


def test_an_old_or_missing_book_is_not_printed(green: Any, tmp_path: Path) -> None:
    html = tmp_path / "html"
    with pytest.raises(ValueError, match="make book"):
        pdf.print_book(green.folder, html, tmp_path / "book.pdf", None)
    html.mkdir()
    sources.record(html, "older")
    with pytest.raises(ValueError, match="make book"):
        pdf.print_book(green.folder, html, tmp_path / "book.pdf", None)
    assert shutil.os.listdir(tmp_path) == ["html"]


def test_ids_of_two_pages_stay_apart(green: Any) -> None:
    assembly = pdf.Assembly(green.folder, green.folder / "_build" / "html")
    text = assembly.document({})
    soup = pdf.BeautifulSoup(text, "html.parser")
    names = [str(element["id"]) for element in soup.find_all(id=True)]
    assert len(names) == len(set(names))
    targets = [str(link["href"]) for link in soup.select("a[href^='#']")]
    assert targets
    assert set(targets) <= {f"#{name}" for name in names}
