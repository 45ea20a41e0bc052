"""Execute the whole book afresh and compare its numbers with those of the last published build.

``python -m executable_book.verify`` leaves the built pages and the notebook cache as they are; what
it executed and found stands in ``_build/verify``. It ends with 0 only if everything that was
published was compared and agrees; with 2 if there was nothing to compare with.
"""

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import yaml  # type: ignore[import-untyped]
from myst_parser.config.main import MdParserConfig

from . import gate, numbers
from .chapters import Chapter, Page, chapter_problems, read_chapters, read_pages
from .differences import DIFFERS, NEW, UNCOMPARED, Differences, Finding, differences
from .execution import execute_all
from .records import Record

V4: Any = nbformat.v4  # has no types
PUBLISHED = f"_build/html/{numbers.FILE}"
FOLDER = Path("_build/verify")
TITLES = {
    NEW: "New or better than published:",
    UNCOMPARED: "Not compared, because the run was another one:",
    DIFFERS: "Not as published:",
}
COLUMNS = ("chapter", "what", "published", "now", "difference", "tolerance")


def say(message: str) -> None:
    """Report progress at once, also into a file."""
    print(message, flush=True)


def main(arguments: Iterable[str] | None = None) -> int:
    """Verify the book in the current folder; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="make verify", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--against", metavar="FILE-or-URL", default=PUBLISHED,
        help=f"the published numbers (default: {PUBLISHED}, those of the last `make book`)",
    )  # fmt: skip
    parser.add_argument("chapters", nargs="*", help="only these, such as sequences/crf")
    given = parser.parse_args(None if arguments is None else list(arguments))
    try:
        published = numbers.read(given.against)
        return verify(Path.cwd(), published, given.chapters)
    except (numbers.NumbersError, LookupError) as error:
        print(f"make verify: {error.args[0]}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted: nothing is verified", file=sys.stderr)
        return 130


def verify(root: Path, published: Mapping[str, Any], only: list[str]) -> int:
    """Execute, compare, report.

    Raises:
        LookupError: a chapter that is asked for does not exist.
    """
    say(f"Published: {published['date']}, commit {published['commit'] or 'unknown'}")
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    pages, problems = read_pages(root)
    markdown = MdParserConfig(enable_extensions=set(config["parse"]["myst_enable_extensions"]))
    chapters = chosen(read_chapters(pages, markdown), only)
    problems += [problem for chapter in chapters for problem in chapter_problems(chapter)]
    records, failures = executed(chapters, root, float(config["execute"]["timeout"]))
    complete = not (only or failures)
    problems += failures + gate_problems(root, pages, chapters, records, complete)
    now = numbers.gathered(root, records)
    numbers.write(root / FOLDER / numbers.FILE, now)
    # of the chapters that failed or were not asked for nothing is known
    left_out = {page.docname for page in pages} - records.keys()
    before = {name: c for name, c in published["chapters"].items() if name not in left_out}
    found = differences(before, now["chapters"])
    print(*report(published, now, found, problems), sep="\n", flush=True)
    return 1 if problems or found.failures else 0


def chosen(chapters: list[Chapter], only: list[str]) -> list[Chapter]:
    """The chapters that were asked for, all of them if none was."""
    names = [f"book/{name.removeprefix('book/').removesuffix('.md')}" for name in only]
    there = {chapter.docname: chapter for chapter in chapters}
    unknown = [name for name in names if name not in there]
    if unknown:
        raise LookupError(f"no chapter is named {', '.join(unknown)}; there are {', '.join(there)}")
    return [there[name] for name in names] or chapters


def executed(
    chapters: list[Chapter], root: Path, timeout: float
) -> tuple[dict[str, Record], list[str]]:
    """The records by docname, in the book's order, and what failed."""
    shutil.rmtree(root / FOLDER, ignore_errors=True)
    records, failures = {}, []
    with closing(execute_all(chapters, root, timeout, say)) as executions:
        for chapter, execution in executions:
            path = (root / FOLDER / chapter.docname).with_suffix(".ipynb")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(V4.writes(execution.notebook)), "utf-8")
            if execution.failure:
                failures.append(execution.failure)
                say(f"{chapter.docname}: FAILED")
                continue
            records[chapter.docname] = Record(
                execution.cells, {}, data=execution.data, seconds=execution.seconds
            )
    in_order = {c.docname: records[c.docname] for c in chapters if c.docname in records}
    return in_order, failures


def gate_problems(
    root: Path,
    pages: list[Page],
    chapters: list[Chapter],
    records: dict[str, Record],
    complete: bool,
) -> list[str]:
    """What the page gate has against the executed notebooks, a warning for instance."""
    if complete:
        return gate.source_problems(gate.Book(root, pages, chapters, records))
    return [
        problem
        for chapter in chapters
        if chapter.docname in records
        for problem in gate.execution_problems(chapter, records[chapter.docname])
    ]


def report(
    published: Mapping[str, Any], now: Mapping[str, Any], found: Differences, problems: list[str]
) -> list[str]:
    """What a person reads at the end."""
    lines = ["", *other_versions(published["versions"], now["versions"])]
    for problem in problems:
        lines += ["", problem]
    for kind, title in TITLES.items():
        rows = [finding for finding in found.findings if finding.kind == kind]
        lines += ["", title, *table(rows)] if rows else []
    return [*lines, "", verdict(len(now["chapters"]), found, problems)]


def other_versions(published: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The versions that are not those of the published build."""
    lines = [
        f"  {name} {published.get(name, 'unknown')}, now {now.get(name, 'unknown')}"
        for name in {**published, **now}
        if published.get(name) != now.get(name)
    ]
    return ["Other versions than published:", *lines] if lines else ["The versions are the same."]


def table(findings: list[Finding]) -> list[str]:
    """The findings in aligned columns."""
    shown = [f.chapter.removeprefix("book/") for f in findings]
    rows = [COLUMNS] + [
        (chapter, f.what, f.published, f.now, f.difference, f.tolerance)
        for chapter, f in zip(shown, findings, strict=True)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def verdict(executed: int, found: Differences, problems: list[str]) -> str:
    """The summary, in one line."""
    count = Counter(finding.kind for finding in found.findings)
    against = [
        counted(len(problems), "problem"),
        counted(count[DIFFERS], "difference"),
        "not all runs compared" * bool(count[UNCOMPARED]),
    ]
    said = ", ".join(filter(None, against))
    head = f"NOT VERIFIED: {said}" if said else "Verified: all that was published is as it was"
    kinds = ("result", "check", "number")
    compared = ", ".join(filter(None, (counted(found.compared[kind], kind) for kind in kinds)))
    if found.times:
        compared += f" ({counted(found.times, 'time')} left out)"
    new = f"; {count[NEW]} new or better" * bool(count[NEW])
    return (
        f"{head} ({counted(executed, 'chapter') or 'no chapter'} executed; "
        f"compared: {compared or 'nothing'}{new})"
    )


def counted(count: int, kind: str) -> str:
    """How many of a kind, nothing for none."""
    return f"{count} {kind if count == 1 else kind + 's'}" if count else ""


if __name__ == "__main__":
    sys.exit(main())
