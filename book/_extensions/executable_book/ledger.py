"""Directives that gather what the executed chapters displayed: results, checks, corrections."""

import platform
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from .chapters import in_a_part
from .fingerprint import device_kind, installed
from .markup import make
from .printed import MarkdownDirective, table
from .records import CHECK, CORRECTION, RESULT, Record

Source = Callable[[], dict[str, Record]]
_sources: WeakKeyDictionary[Sphinx, Source] = WeakKeyDictionary()


def provide(app: Sphinx, source: Source) -> None:
    """Say where the directives find the records, by docname and in the book's order."""
    _sources[app] = source


def forget_page(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """A page that is read again gathers anew, or no longer."""
    getattr(env, "gathering_pages", set()).discard(docname)


def coarse(seconds: float) -> str:
    """A time that does not change with each build."""
    return "under 1 s" if seconds < 1 else f"{seconds:.0f} s"


def patterns(argument: str) -> list[str]:
    """The names or patterns of documents in an option, parted by commas."""
    return [name.strip() for name in argument.split(",") if name.strip()]


class Gathering(MarkdownDirective):
    """A directive that writes Markdown from the records of all executed chapters."""

    has_content = False
    option_spec: ClassVar[dict[str, Any]] = {"only": patterns, "except": patterns}

    def run(self) -> list[nodes.Node]:
        if not hasattr(self.env, "gathering_pages"):
            self.env.gathering_pages = set()  # type: ignore[attr-defined]
        self.env.gathering_pages.add(self.env.docname)  # type: ignore[attr-defined]
        self._require_documents()
        records = _sources[self.env.app]()
        return self.content_of({name: records[name] for name in filter(self._chosen, records)})

    def _chosen(self, docname: str) -> bool:
        name = docname.removeprefix("book/")
        inside = any(fnmatch(name, p) for p in self.options.get("only", ["*"]))
        return inside and not any(fnmatch(name, p) for p in self.options.get("except", []))

    def _require_documents(self) -> None:
        for pattern in [*self.options.get("only", []), *self.options.get("except", [])]:
            if "*" not in pattern and f"book/{pattern}" not in self.env.found_docs:
                raise self.error(f"there is no document book/{pattern}")

    def content_of(self, records: dict[str, Record]) -> list[nodes.Node]:
        """What stands on the page."""
        text = "\n".join(self.markdown(records))
        return [nodes.container("", *self.parsed(text), classes=["table-wrapper"])]

    def markdown(self, records: dict[str, Record]) -> list[str]:
        raise NotImplementedError


COLUMNS = ("Equation", "Chapter", "Statement", "Standing", "Decided by", "Time", "Held to it")
STANDINGS = ("proved", "proved for sizes", "evidence", "definition", "cited")


class Ledger(Gathering):
    """Every result that the build checked, as a table that ``book.js`` sorts and filters."""

    def content_of(self, records: dict[str, Record]) -> list[nodes.Node]:
        rows = [
            self._row(place, docname, record, result)
            for place, (docname, record) in enumerate(records.items())
            for result in record.displayed(RESULT)
        ]
        if not rows:
            return [nodes.paragraph("", "No chapter has displayed a result yet.")]
        titles = [make("th", role="columnheader", scope="col", text=name) for name in COLUMNS]
        head = make("thead", make("tr", *titles, role="row"), role="rowgroup")
        body = make("tbody", *rows, role="rowgroup")
        return [make("table", head, body, classes="ledger", role="table", aria_label="Results")]

    def _row(self, place: int, docname: str, record: Record, result: dict[str, Any]) -> nodes.Node:
        held = [check for check in record.displayed(CHECK) if check["label"] == result["label"]]
        short = docname.removeprefix("book/")
        broken = short.replace("/", "/\u200b")  # where a narrow column may break it
        seconds = float(result.get("seconds", 0))
        time, slow = (coarse(seconds), f"{seconds:012.3f}") if result.get("steps") else ("", "")
        rank = STANDINGS.index(result["standing"])
        cells = [
            (self.parsed(f"{{eq}}`{result['label']}`"), ""),
            (self.parsed(f"{{doc}}`{broken} </{docname}>`"), f"{place:04}"),
            (statement(result), ""),
            (standing(result), f"{rank}"),
            ([nodes.Text(means(result))], ""),
            ([nodes.Text(time)], slow),
            (self.parsed("; ".join(map(held_text, held))), ""),
        ]
        shown = [
            make(
                "td", *content, role="cell", data_label=name, **({"data_sort": key} if key else {})
            )
            for name, (content, key) in zip(COLUMNS, cells, strict=True)
        ]
        functions = " ".join(check["function"] for check in held)
        words = " ".join(
            [result["label"], short, result.get("title", ""), result.get("plain", ""),
             result["standing_text"], result.get("domain", ""), means(result), functions]
        )  # fmt: skip
        return make("tr", *shown, role="row", data_standing=result["standing"], data_words=words)


def statement(result: dict[str, Any]) -> list[nodes.Node]:
    """The title and the formula of a result."""
    tex = " ".join((result.get("statement_latex") or result.get("latex", "")).split())
    title = [nodes.strong("", result["title"]), nodes.Text(" ")] if result.get("title") else []
    return [*title, nodes.math(tex, tex)]


def standing(result: dict[str, Any]) -> list[nodes.Node]:
    """The badge of a result, and its domain."""
    name = "sizes" if result["standing"] == "proved for sizes" else result["standing"].split()[0]
    said = {"title": result["meaning"]} if result.get("meaning") else {}
    badge = make("span", text=result["standing_text"], classes=f"standing standing-{name}", **said)
    domain = result.get("domain", "")
    return [badge, nodes.inline("", f" {domain}", classes=["domain"])] if domain else [badge]


def means(result: dict[str, Any]) -> str:
    """By what means the steps of a result were decided, each named once."""
    return "; ".join(dict.fromkeys(step["means"] for step in result.get("steps", [])))


def held_text(check: dict[str, Any]) -> str:
    """A function that was held to a result, with the largest error."""
    return (
        f"{{py:obj}}`~{check['function']}`, largest error {check['max_error']:.1e} "
        f"on {check['cases']} inputs"
    )


class LedgerTotal(Gathering):
    """The same in one line each: how much was checked, with what, on which data."""

    def markdown(self, records: dict[str, Record]) -> list[str]:
        results = [item for record in records.values() for item in record.displayed(RESULT)]
        checks = [item for record in records.values() for item in record.displayed(CHECK)]
        standings = Counter(str(item.get("standing", "")) for item in results)
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(standings.items()))
        functions = {item["function"] for item in checks}
        steps = [step for item in results for step in item.get("steps", [])]
        seconds = sum(float(item.get("seconds", 0)) for item in results)
        worst = max((float(item["max_error"]) for item in checks), default=0.0)
        cases = sum(int(item.get("cases", 0)) for item in checks)
        chapters = sum(map(in_a_part, records))
        dates = sorted(record.executed[:10] for record in records.values())
        data = sorted({name for record in records.values() for name in record.data})
        return [
            f"- Pages executed: {len(records)}, of which {chapters} in the parts of the book"
            + (f"; last on {dates[-1]}" if dates else ""),
            f"- Results: {len(results)}" + (f" ({kinds})" if kinds else ""),
            f"- Steps decided: {len(steps)}, in {coarse(seconds)}",
            f"- Functions held to a result: {len(functions)}, on {cases} inputs, "
            f"with a largest error of {worst:.1e}",
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
