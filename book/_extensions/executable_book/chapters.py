"""The pages of the book: which there are, and what their sources may not say."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from myst_parser.config.main import MdParserConfig
from sphinx.config import Config

FORBIDDEN_TAGS = {"raises-exception", "skip-execution"}
SUPPRESSED_WARNINGS = {
    "myst.domains",  # Jupyter Book's own default
    "mystnb.unknown_mime_type",  # our MIME types are for the gate and the ledger, not for display
}


@dataclass(frozen=True)
class Page:
    """One Markdown file of the book, as text."""

    docname: str
    path: Path
    text: str


@dataclass(frozen=True)
class Chapter:
    """A page with code: a MyST Markdown notebook, not executed."""

    docname: str
    path: Path
    notebook: Any

    @property
    def code(self) -> list[str]:
        """The source of each code cell."""
        return [cell.source for cell in self.notebook.cells if cell.cell_type == "code"]

    def line(self, index: int) -> int:
        """The line of the file where the cell with this index starts."""
        return int(self.notebook.metadata["source_map"][index]) + 1


def in_a_part(docname: str) -> bool:
    """Whether a page is one of those that the book is about: in a part, but not the reference."""
    return docname.count("/") > 1 and not docname.startswith("book/reference/")


def toc_docnames(toc: Any, root: Path) -> list[str]:
    """Every document that the table of contents names, in its order, patterns filled in."""
    return list(dict.fromkeys(_entries(toc, root)))


def _entries(node: Any, root: Path) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _entries(item, root)
    if not isinstance(node, dict):
        return
    for key in ("root", "file"):
        if key in node:
            yield str(node[key]).removesuffix(".md")
    if "glob" in node:
        found = root.glob(f"{str(node['glob']).removesuffix('.md')}.md")
        yield from sorted(path.relative_to(root).as_posix().removesuffix(".md") for path in found)
    for key in ("parts", "chapters", "sections", "subtrees", "entries"):
        yield from _entries(node.get(key), root)


def read_pages(root: Path) -> tuple[list[Page], list[str]]:
    """The pages that ``_toc.yml`` names, and what is wrong between it and the folder ``book``."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    pages, problems = [], []
    for docname in toc_docnames(toc, root):
        path = root / f"{docname}.md"
        if path.is_file():
            pages.append(Page(docname, path, path.read_text("utf-8")))
        else:
            problems.append(f"_toc.yml names {docname}, and there is no file {docname}.md")
    listed = {page.path for page in pages}
    for path in sorted((root / "book").rglob("*")):
        inside = path.relative_to(root)
        if path.suffix not in {".md", ".ipynb", ".rst"} or path in listed:
            continue
        if not any(part.startswith(("_", ".")) for part in inside.parts):
            problems.append(f"{inside.as_posix()} is missing from _toc.yml")
    return pages, problems


def read_chapters(pages: Iterable[Page], md_config: MdParserConfig) -> list[Chapter]:
    """The pages with code, read by the reader that myst-nb itself uses."""
    return [
        Chapter(
            page.docname,
            page.path,
            read_myst_markdown_notebook(
                page.text, config=md_config, add_source_map=True, path=page.path
            ),
        )
        for page in pages
        if is_myst_markdown_notebook(page.text)
    ]


def config_problems(config: Config) -> list[str]:
    """Settings under which a broken chapter could pass, or a page be built without being run."""
    required = {
        "nb_execution_mode": "cache",
        "nb_execution_allow_errors": False,
        "nb_execution_excludepatterns": [],
        "nb_execution_in_temp": False,
        "nb_execution_cache_path": "",
        "nb_output_stderr": "show",
        "external_toc_exclude_missing": True,
        "nitpicky": True,
    }
    problems = [
        f"the setting {name} must be {value!r}, and it is {config[name]!r}: mend _config.yml"
        for name, value in required.items()
        if config[name] != value
    ]
    hidden = set(config.suppress_warnings) - SUPPRESSED_WARNINGS
    if hidden:
        problems.append(f"_config.yml suppresses the warnings {', '.join(sorted(hidden))}")
    return problems


def page_problems(page: Page) -> list[str]:
    """A page that hides itself from the table of contents."""
    if not page.text.startswith("---"):
        return []
    front = yaml.safe_load(page.text.split("\n---", 1)[0].removeprefix("---")) or {}
    return [f"{page.docname}: `orphan` is not allowed"] if "orphan" in front else []


def chapter_problems(chapter: Chapter) -> list[str]:
    """Metadata by which a chapter could fail without the build failing."""
    problems = []
    metadata = chapter.notebook.metadata
    kernel = metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        problems.append(f"its kernel must be python3 (the book's own Python), not {kernel!r}")
    if "execution" in metadata:
        problems.append("its metadata may not have the key `execution`")
    overrides = metadata.get("mystnb", {})
    problems += [f"its metadata may not have the key `mystnb.{key}`" for key in overrides]
    for index, cell in enumerate(chapter.notebook.cells):
        tags = FORBIDDEN_TAGS.intersection(cell.metadata.get("tags", []))
        if cell.cell_type == "code" and tags:
            problems.append(f"line {chapter.line(index)}: the tag {tags.pop()} is not allowed")
    return [f"{chapter.docname}: {problem}" for problem in problems]
