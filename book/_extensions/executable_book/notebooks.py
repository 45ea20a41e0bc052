"""Each chapter as a clean notebook that JupyterLab, VS Code and Colab open without extensions.

``python -m executable_book.notebooks`` writes them to ``_build/notebooks``. MyST's directives and
roles become plain Markdown. An equation is cited by its label: a notebook that runs outside of the
book displays the label beside the equation, where the book has a number. What a notebook could not
show is an error here, so that a chapter never loses anything in silence.
"""

import argparse
import os
import posixpath
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
import yaml  # type: ignore[import-untyped]
from myst_parser.config.main import MdParserConfig

from .chapters import Chapter, in_a_part, read_chapters, read_pages
from .citations import Citations
from .files import write_file
from .plain_markdown import NotPlainError, PlainMarkdown

V4: Any = nbformat.v4  # has no types
INSTALL = """\
# The book's library, where it is missing. {source_is}
BOOK = "{source}"
try:
    import lib.page
except ModuleNotFoundError:
    %pip install --quiet "{{BOOK}}"
"""
KNOWN = "BOOK may also be the folder of a clone."
UNKNOWN = "First put the address that the book was cloned from, or the folder of a clone, here:"
FOLDED = {"hide-input": "source_hidden", "remove-input": "source_hidden"}
FOLDED |= {"hide-output": "outputs_hidden"}


README = """\
# The chapters of *Derive, Implement, Train* as notebooks

Written by `make notebooks` from {source}; the first cell of each installs the library.
"""
#: What Binder makes an environment from: the processors' build of torch is a tenth as large.
BINDER = """\
--extra-index-url https://download.pytorch.org/whl/cpu
derive-implement-train @ {source}
"""


@dataclass(frozen=True)
class Addresses:
    """Where readers find the repository and the published pages; empty where there is none yet.

    Attributes:
        repository: what ``git`` can clone.
        pages: the folder of the published pages.
        revision: the commit that the notebooks belong to; empty for the latest.
    """

    repository: str = ""
    pages: str = ""
    revision: str = ""

    @property
    def source(self) -> str:
        """What ``pip`` installs the library from."""
        return f"git+{self.repository}" + (f"@{self.revision}" if self.revision else "")

    @classmethod
    def known(cls, config: Mapping[str, Any]) -> "Addresses":
        """Those of ``_config.yml``, and on GitHub's machines those of the repository there."""
        server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
        return cls(
            repository=config.get("repository", {}).get("url")
            or (f"{server}/{name}" if server and name else ""),
            pages=config.get("html", {}).get("baseurl") or "",
            revision=os.environ.get("GITHUB_SHA", ""),
        )


class Book:
    """The chapters, and what their text refers to.

    Args:
        root: the repository's folder.
        addresses: instead of those that :meth:`Addresses.known` finds.
    """

    def __init__(self, root: Path, addresses: Addresses | None = None) -> None:
        config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
        extensions = set(config["parse"]["myst_enable_extensions"])
        self.markdown = MdParserConfig(enable_extensions=extensions)
        self.bibliography = [root / file for file in config.get("bibtex_bibfiles", [])]
        self.addresses = addresses or Addresses.known(config)
        pages, problems = read_pages(root)
        if problems:
            raise ValueError("; ".join(problems))
        self.with_code = {c.docname: c for c in read_chapters(pages, self.markdown)}
        self.titles = {page.docname: title(page.text) for page in pages}

    @property
    def chapters(self) -> list[Chapter]:
        """The pages that become notebooks."""
        return [c for c in self.with_code.values() if in_a_part(c.docname)]

    def link(self, here: str, target: str, words: str = "") -> str:
        """A link to a published page, or to the notebook beside this one, or else just words."""
        docname = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        docname = docname.removesuffix(".md")
        name = self.titles[docname]  # of a page that exists
        words = words or name
        if self.addresses.pages:
            return f"[{words}]({self.addresses.pages.rstrip('/')}/{docname}.html)"
        if docname in {chapter.docname for chapter in self.chapters}:
            return f"[{words}]({posixpath.relpath(docname, posixpath.dirname(here))}.ipynb)"
        return words

    def equation(self, here: str, label: str) -> str:
        """How the text of one page cites an equation: by its label, with the page if another's."""
        pages = [here, *(docname for docname in self.with_code if docname != here)]
        for docname in pages:
            if any(f'"{label}"' in code for code in self.with_code[docname].code):
                return f"({label})" + (f" of {self.link_to(here, docname)}" * (docname != here))
        raise KeyError(label)

    def link_to(self, here: str, docname: str) -> str:
        """A link with the title of a page as its words."""
        return self.link(here, posixpath.relpath(docname, posixpath.dirname(here)))


def title(text: str) -> str:
    """The first heading of a page."""
    heading = next((line for line in text.splitlines() if line.startswith("# ")), "# ")
    return heading.removeprefix("# ").strip()


def notebook(chapter: Chapter, book: Book) -> Any:
    """A chapter as a notebook of format 4, without outputs.

    Raises:
        ValueError: if the chapter has a directive, role, label or key that is not known here; the
            message names the place.
    """
    code = "\n".join(chapter.code)
    text = "\n".join(cell.source for cell in chapter.notebook.cells)
    citations = Citations(book.bibliography, text)
    plain = PlainMarkdown(chapter.docname, book, citations)
    cells = []
    for index, cell in enumerate(chapter.notebook.cells):
        if cell.cell_type == "code":
            cells.append(code_cell(cell))
            continue
        try:
            cells += [V4.new_markdown_cell(part.text, metadata=part.metadata)
                      for part in plain.parts(cell.source)]  # fmt: skip
        except NotPlainError as error:
            raise ValueError(f"{chapter.docname}.md:{chapter.line(index)}: {error}") from error
    references = citations.references(printed=code)
    if references:
        listed = "\n".join(f"- {reference}" for reference in references)
        cells.append(V4.new_markdown_cell(f"## References\n\n{listed}"))
    cells.insert(1, install_cell(book.addresses))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:03d}"  # the same each time, so that two versions compare well
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = V4.new_notebook(
        cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}}
    )
    nbformat.validate(made)
    return made


def install_cell(addresses: Addresses) -> Any:
    """The cell that installs the library; it asks for the address where none is known."""
    source = addresses.source if addresses.repository else "git+ADDRESS"
    source_is = KNOWN if addresses.repository else UNKNOWN
    return V4.new_code_cell(INSTALL.format(source=source, source_is=source_is).rstrip())


def code_cell(cell: Mapping[str, Any]) -> Any:
    """A code cell with its tags; what the book folds away is folded in JupyterLab, too."""
    tags = list(cell["metadata"].get("tags", []))
    folded = {FOLDED[tag]: True for tag in tags if tag in FOLDED}
    metadata = ({"tags": tags} if tags else {}) | ({"jupyter": folded} if folded else {})
    return V4.new_code_cell(cell["source"], metadata=metadata)


def write(book: Book, folder: Path) -> list[Path]:
    """Write the notebook of every chapter; nothing is written unless all of them can be."""
    made = {chapter.docname: notebook(chapter, book) for chapter in book.chapters}
    return [
        write_file(folder / f"{docname.removeprefix('book/')}.ipynb", V4.writes(content) + "\n")
        for docname, content in made.items()
    ]


def write_branch(book: Book, folder: Path) -> list[Path]:
    """Write what makes the notebooks a repository that Binder can open."""
    source = book.addresses.source
    files = {"README.md": README, "requirements.txt": BINDER, "runtime.txt": "python-3.11\n"}
    return [write_file(folder / name, text.format(source=source)) for name, text in files.items()]


def main(arguments: Iterable[str] | None = None) -> int:
    """Write the notebooks and name them."""
    parser = argparse.ArgumentParser(prog="executable_book.notebooks", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("_build/notebooks"))
    parser.add_argument("--repository", default="", help="address that pip can install from by git")
    parser.add_argument("--pages", default="", help="address of the published book")
    given = parser.parse_args(None if arguments is None else list(arguments))
    stated = {name: text for name in ("repository", "pages") if (text := getattr(given, name))}
    try:
        book = Book(Path.cwd())
        book.addresses = replace(book.addresses, **stated)
        written = write(book, given.out)
        if book.addresses.repository:
            written += write_branch(book, given.out)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    for path in written:
        print(os.path.relpath(path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
