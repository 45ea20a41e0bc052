"""Directives that gather what the executed chapters displayed: results, checks, corrections."""

import platform
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from .fingerprint import device_kind, installed
from .records import CHECK, CORRECTION, RESULT, Record

Source = Callable[[], dict[str, Record]]
_sources: WeakKeyDictionary[Sphinx, Source] = WeakKeyDictionary()


def provide(app: Sphinx, source: Source) -> None:
    """Say where the directives find the records, by docname and in the book's order."""
    _sources[app] = source


def forget_page(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """A page that is read again gathers anew, or no longer."""
    getattr(env, "gathering_pages", set()).discard(docname)


def cell(text: object) -> str:
    """Text that stays inside its cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", r"\|")


def table(header: list[str], rows: Iterable[list[str]]) -> list[str]:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *([cell(item) for item in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def coarse(seconds: float) -> str:
    """A time that does not change with each build."""
    return "under 1 s" if seconds < 1 else f"{seconds:.0f} s"


def result_rows(record: Record) -> list[list[str]]:
    """One row for each result of a chapter."""
    held: dict[str, set[str]] = {}
    for check in record.displayed(CHECK):
        held.setdefault(check["label"], set()).add(check["function"])
    return [
        [
            f"{{eq}}`{result['label']}`",
            result.get("title") or f"`{result.get('plain', '').splitlines()[0]}`",
            "; ".join(filter(None, [result["standing_text"], result.get("domain", "")])),
            ", ".join(f"{{py:obj}}`~{name}`" for name in sorted(held.get(result["label"], ()))),
            coarse(float(result.get("seconds", 0))) if result.get("steps") else "",
        ]
        for result in record.displayed(RESULT)
    ]


class Gathering(SphinxDirective):
    """A directive that writes Markdown from the records of all executed chapters."""

    has_content = False
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        if not hasattr(self.env, "gathering_pages"):
            self.env.gathering_pages = set()  # type: ignore[attr-defined]
        self.env.gathering_pages.add(self.env.docname)  # type: ignore[attr-defined]
        lines = self.markdown(_sources[self.env.app]())
        holder = nodes.container(classes=["table-wrapper"])
        content = StringList(lines, source=self.env.doc2path(self.env.docname))
        self.state.nested_parse(content, self.content_offset, holder)
        return [holder]

    def markdown(self, records: dict[str, Record]) -> list[str]:
        raise NotImplementedError


class Ledger(Gathering):
    """Every result that the build checked."""

    def markdown(self, records: dict[str, Record]) -> list[str]:
        header = ["Equation", "Result", "Standing and domain", "Held to it", "Time"]
        lines: list[str] = []
        for docname, record in records.items():
            if rows := result_rows(record):
                lines += ["", f"**{{doc}}`/{docname}`**", "", *table(header, rows)]
        return lines or ["No chapter has displayed a result yet."]


class LedgerTotal(Gathering):
    """The same in one line each: how much was checked, with what, on which data."""

    def markdown(self, records: dict[str, Record]) -> list[str]:
        results = [item for record in records.values() for item in record.displayed(RESULT)]
        checks = [item for record in records.values() for item in record.displayed(CHECK)]
        standings = Counter(str(item.get("standing", "")) for item in results)
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(standings.items()))
        functions = {item["function"] for item in checks}
        cases = sum(int(item.get("cases", 0)) for item in checks)
        data = sorted({name for record in records.values() for name in record.data})
        return [
            f"- Chapters executed: {len(records)}",
            f"- Results: {len(results)}" + (f" ({kinds})" if kinds else ""),
            f"- Functions held to a result: {len(functions)}, on {cases} inputs",
            f"- Data sets: {', '.join(f'`{name}`' for name in data) or 'none'}",
            f"- With: {environment_text()}",
        ]


def environment_text() -> str:
    """The versions and the device that matter for the numbers."""
    distributions = {"torch": "torch", "SymPy": "sympy", "NumPy": "numpy"}
    found = {name: installed(distribution) for name, distribution in distributions.items()}
    versions = [f"{name} {version}" for name, version in found.items() if version]
    return ", ".join([f"Python {platform.python_version()}", *versions, f"on {device_kind()}"])


class Corrections(Gathering):
    """What the chapters found to correct in their sources, each shown where it is claimed."""

    def markdown(self, records: dict[str, Record]) -> list[str]:
        labels = {item["label"] for record in records.values() for item in record.displayed(RESULT)}
        rows = [
            [
                row["source"],
                row["claim"],
                row["correct"],
                f"{{eq}}`{row['evidence']}`" if row["evidence"] in labels else row["evidence"],
                f"{{doc}}`/{docname}`",
            ]
            for docname, record in records.items()
            for row in record.displayed(CORRECTION)
        ]
        if not rows:
            return ["No chapter has found anything to correct yet."]
        return table(["Source", "It says", "Rather", "Shown by", "Chapter"], rows)
