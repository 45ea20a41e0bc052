"""The book as one PDF: ``python -m executable_book.pdf`` after ``make book``.

The built pages are put together into one, and Chromium prints it. It is printed twice: the first
time tells on which page each heading is, the second has these numbers in the table of contents.

XeLaTeX was tried on what Jupyter Book's LaTeX builder makes of the same pages, and sets them
without an error. But the figures, which are inline SVG, come out as their descriptions in a box of
code, the Chinese terms as nothing, folded proofs unfolded, and the line beside an equation as plain
text; each would need a second form beside the one on the page.
"""

import argparse
import html
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import yaml  # type: ignore[import-untyped]
from bs4 import BeautifulSoup, Tag

from . import sources
from .chapters import read_pages
from .chromium import launched

STYLE = Path(__file__).with_name("print.css")
NOT_PRINTED = ".headerlink, script, .prev-next-area, .copybtn, details.hide, .footnotes hr"
#: References from one element to another that are no links.
REFERENCES = ("aria-labelledby", "aria-describedby", "for")
#: What is wider than a page is made to fit, and what is folded keeps its heading alone.
FIT = """async () => {
  await MathJax.startup.promise;
  await document.fonts.ready;
  const boxes = "div.math, .table-wrapper, .pst-scrollable-table-container";
  for (const box of document.querySelectorAll(boxes)) {
    const inner = box.querySelector("mjx-container, table");
    const wide = Math.max(box.scrollWidth, inner?.scrollWidth ?? 0) / box.clientWidth;
    if (wide > 1) inner.style.fontSize = `${Math.max(0.45, 0.98 / wide)}em`;
  }
}"""


@dataclass(frozen=True)
class Heading:
    """A line of the table of contents; part of the book where the level is 0."""

    level: int
    title: str
    anchor: str = ""


class Assembly:
    """The built pages as one.

    Args:
        root: the repository's folder.
        folder: the built HTML.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        pages, problems = read_pages(root)
        if problems:
            raise ValueError("; ".join(problems))
        self.docnames = [page.docname for page in pages]
        self.config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
        self.articles = {name: self._article(name) for name in self.docnames}

    def _article(self, docname: str) -> Tag:
        text = (self.folder / f"{docname}.html").read_text("utf-8")
        article = BeautifulSoup(text, "html.parser").select_one("article.bd-article")
        if article is None:
            raise ValueError(f"{docname}.html has no article: build the book again")
        for element in article.select(NOT_PRINTED):
            element.decompose()
        for element in article.find_all(id=True):
            element["id"] = anchor(docname, str(element["id"]))
        for name in REFERENCES:
            for element in article.select(f"[{name}]"):
                element[name] = " ".join(anchor(docname, one) for one in str(element[name]).split())
        for drawing in article.find_all("svg"):
            self._own_names(drawing, docname)
        for link in article.find_all("a", href=True):
            self._inside(link, docname)
        return article

    def _own_names(self, drawing: Tag, docname: str) -> None:
        for element in drawing.find_all(True):
            for name, value in element.attrs.items():
                if name in ("href", "xlink:href") and str(value).startswith("#"):
                    element[name] = f"#{anchor(docname, str(value)[1:])}"
                elif isinstance(value, str) and "url(#" in value:
                    element[name] = value.replace("url(#", f"url(#{anchor(docname, '')}")

    def _inside(self, link: Tag, docname: str) -> None:
        """Have a link lead to its place in the one document; one that leaves it is none."""
        if link.find_parent("svg"):
            return
        target = str(link["href"])
        if urlsplit(target).scheme:
            return
        path, fragment = urldefrag(target)
        file = (self.folder / docname).parent / unquote(path) if path else None
        name = docname
        if file is not None:
            inside = Path(*file.parts).resolve().relative_to(self.folder.resolve())
            name = inside.as_posix().removesuffix(".html")
        if name in self.docnames:
            link["href"] = f"#{anchor(name, unquote(fragment))}"
        else:
            link.unwrap()

    def headings(self) -> Iterator[Heading]:
        """The table of contents, by the book's own."""
        toc = yaml.safe_load((self.root / "_toc.yml").read_text("utf-8"))
        captions = {first_file(part): part.get("caption", "") for part in toc.get("parts", [])}
        for docname, article in self.articles.items():
            if docname in captions:
                yield Heading(0, str(captions[docname]))
            for title in article.find_all(["h1", "h2"]):
                section = title.find_parent("section")
                if section is not None and section.get("id"):
                    words = " ".join(title.get_text().split())
                    yield Heading(int(title.name[1]), words, str(section["id"]))

    def document(self, pages: Mapping[str, int]) -> str:
        """The whole as HTML, to be written beside the folder of the HTML pages.

        Args:
            pages: on which page of the PDF an anchor is, as far as that is known.
        """
        text = (self.folder / f"{self.docnames[0]}.html").read_text("utf-8")
        head = text.partition("<head>")[2].partition("</head>")[0]
        up = "../" * self.docnames[0].count("/")
        head = head.replace(f'"{up}_static', f'"{self.folder.resolve().as_uri()}/_static')
        articles = ""
        for name, article in self.articles.items():
            place = f'class="bd-article" id="{anchor(name, "")}"'
            articles += f"<article {place}>{article.decode_contents()}</article>\n"
        return (
            f'<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light"><head>{head}'
            f"<style>{STYLE.read_text('utf-8')}</style></head><body>{self._cover()}"
            f"{contents(self.headings(), pages)}<main>{articles}</main></body></html>"
        )

    def _cover(self) -> str:
        title, author, rights = (
            html.escape(str(self.config.get(name, ""))) for name in ("title", "author", "copyright")
        )
        lines = f'<p class="title">{title}</p><p>{author}</p><p>{rights}</p>'
        return f'<header class="cover">{lines}</header>'


def first_file(part: Mapping[str, Any]) -> str:
    """The first document of a part."""
    return str(part["chapters"][0]["file"])


def anchor(docname: str, name: str) -> str:
    """What an id of a page is called in the one document."""
    return f"{docname.replace('/', '-')}--{name}"


def contents(headings: Iterator[Heading], pages: Mapping[str, int]) -> str:
    """The table of contents."""
    rows = []
    for heading in headings:
        words = html.escape(heading.title)
        if heading.anchor:
            number = pages.get(heading.anchor, "")
            words = f'<a href="#{heading.anchor}"><span>{words}</span><span>{number}</span></a>'
        rows.append(f'<li class="level-{heading.level}">{words}</li>')
    return (
        f'<nav class="printed-contents"><p class="title">Contents</p><ul>{"".join(rows)}</ul></nav>'
    )


def print_book(root: Path, folder: Path, out: Path, browser: Any) -> int:
    """Print the built book with a running browser; return the number of pages.

    Raises:
        ValueError: if there is no built book of the present sources.
    """
    if sources.built_from(folder) != sources.digest(root):
        raise ValueError("there is no built book of the present sources: make book")
    assembly = Assembly(root, folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        source, unfinished = Path(scratch) / "book.html", Path(scratch) / "book.pdf"
        pages: dict[str, int] = {}
        for _ in range(2):
            source.write_text(assembly.document(pages), "utf-8")
            printed(browser, source, unfinished)
            count, pages = places(unfinished)
        unfinished.replace(out)
    return count


def printed(browser: Any, source: Path, out: Path) -> None:
    """Print one HTML file."""
    page = browser.new_page()
    page.set_default_timeout(600_000)
    page.emulate_media(media="print", color_scheme="light")
    page.set_viewport_size({"width": 680, "height": 960})  # A4 between its margins
    page.goto(source.resolve().as_uri())
    page.evaluate(FIT)
    page.pdf(
        path=out,
        format="A4",
        margin={"top": "20mm", "bottom": "22mm", "left": "15mm", "right": "15mm"},
        print_background=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template='<div style="width:100%;text-align:center;font-size:8pt">'
        '<span class="pageNumber"></span></div>',
        outline=True,
        tagged=True,
    )
    page.close()


def places(file: Path) -> tuple[int, dict[str, int]]:
    """How many pages a PDF has, and on which each named place is."""
    from pypdf import PdfReader

    reader = PdfReader(file)
    found = {}
    for name, destination in reader.named_destinations.items():
        number = reader.get_destination_page_number(destination)
        if number is not None:
            found[name.removeprefix("/")] = number + 1
    return len(reader.pages), found


def main() -> int:
    """Print the book and name the file."""
    parser = argparse.ArgumentParser(prog="executable_book.pdf", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("_build/pdf/book.pdf"))
    given = parser.parse_args()
    try:
        with launched() as browser:
            count = print_book(Path.cwd(), Path("_build/html"), given.out, browser)
    except (ValueError, LookupError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.out}, {count} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
