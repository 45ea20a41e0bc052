"""Directives that print Markdown, and pages that are read again when it would be another."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from docutils.utils.smartquotes import smartchars
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

Printer = Callable[[Path], list[str]]
_printers: dict[str, Printer] = {}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def cell(text: object) -> str:
    """Text that stays inside its cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", r"\|")


def table(header: list[str], rows: Iterable[list[str]]) -> list[str]:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *([cell(item) for item in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def boxed(lines: list[str], kind: str = "") -> list[str]:
    """A table in a box that scrolls where the page is too narrow for it."""
    return [f"::::{{container}} table-wrapper {kind}".rstrip(), *lines, "::::"]


class MarkdownDirective(SphinxDirective):
    """A directive that writes Markdown."""

    def blocks(self, markdown: str) -> list[nodes.Node]:
        """Markdown as nodes."""
        holder = nodes.container()
        content = StringList(markdown.splitlines(), source=self.env.doc2path(self.env.docname))
        self.state.nested_parse(content, self.content_offset, holder)
        return list(holder.children)

    def parsed(self, markdown: str) -> list[nodes.Node]:
        """Markdown as nodes; a single paragraph as what is in it."""
        found = self.blocks(markdown)
        single = len(found) == 1 and isinstance(found[0], nodes.paragraph)
        return list(found[0].children) if single else found

    def sections(self, lines: list[str]) -> Iterator[nodes.Node]:
        """Markdown as nodes, with a section for each line that begins with ``# ``."""
        title = ""
        for is_title, part in groupby(lines, lambda line: line.startswith("# ")):
            if is_title:
                title = list(part)[-1].removeprefix("# ")
                continue
            content = self.blocks("\n".join(part))
            if not title:
                yield from content
                continue
            named = {"ids": [nodes.make_id(title)], "names": [nodes.fully_normalize_name(title)]}
            yield nodes.section("", nodes.title("", title), *content, **named)


class Printed(MarkdownDirective):
    """A directive whose Markdown follows from the files of the book, by the printer of its name."""

    def run(self) -> list[nodes.Node]:
        try:
            lines = _printers[self.name](Path(self.env.srcdir))
        except ValueError as error:
            raise self.error(str(error)) from error
        if not hasattr(self.env, "printed"):
            self.env.printed = {}  # type: ignore[attr-defined]
        said = self.env.printed.setdefault(self.env.docname, {})  # type: ignore[attr-defined]
        said[self.name] = lines
        found = list(self.sections(lines))
        for term in (term for node in found for term in node.findall(nodes.term)):
            if CHINESE.search(term.astext()):
                term["classes"].append("language-zh-Hans")
        return found


def outdated(app: Sphinx, env: BuildEnvironment, *changes: set[str]) -> list[str]:
    """The pages on which a directive would print something else now."""

    def stands(name: str, lines: list[str]) -> bool:
        try:
            return _printers[name](Path(app.srcdir)) == lines
        except ValueError:  # reading the page will say so
            return False

    pages: dict[str, dict[str, list[str]]] = getattr(env, "printed", {})
    kept = {page: said for page, said in pages.items() if page in env.found_docs}
    return [page for page, said in kept.items() if not all(map(stands, said, said.values()))]


def forget_page(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """A page that is read again prints anew, or no longer."""
    getattr(env, "printed", {}).pop(docname, None)


def connect(app: Sphinx, printers: dict[str, Printer]) -> None:
    """Add these directives."""
    smartchars.quotes.setdefault("zh", "“”‘’")  # or docutils warns at the first Chinese term
    _printers.update(printers)
    for name in printers:
        app.add_directive(name, Printed)
    app.connect("env-get-outdated", outdated)
    app.connect("env-purge-doc", forget_page)
