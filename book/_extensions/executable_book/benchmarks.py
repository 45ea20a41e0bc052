"""The page of benchmarks: what was measured, on which machine, when, and with which code."""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .fingerprint import sha256
from .printed import boxed, table

PROGRAMS, RECORDS = "tests/benchmarks/bench_*.py", "book/_benchmarks"
FIELDS = {"rows", "machine", "versions", "date", "commit", "sources", "note"}


def benchmarks(root: Path) -> list[str]:
    """A section for each benchmark: its table, or that there is none."""
    lines = []
    for program in sorted(root.glob(PROGRAMS)):
        said = ast.get_docstring(ast.parse(program.read_text("utf-8"))) or program.stem
        title, _, compared = said.partition("\n")[0].partition(": ")
        lines += [f"# {title.rstrip('.')}", ""]
        if compared:
            lines += [f"{compared[0].upper()}{compared[1:]}", ""]
        path = root / RECORDS / f"{program.stem.removeprefix('bench_')}.json"
        lines += measured(read_record(path), root) if path.is_file() else [MISSING]
        lines.append("")
    return lines or ["There are no benchmarks."]


MISSING = (
    "**Not measured yet.** No full run of this benchmark is recorded, and nothing else is shown in"
    " its place."
)


def read_record(path: Path) -> dict[str, Any]:
    """What a full run wrote.

    Raises:
        ValueError: the file is no such record.
    """
    try:
        record = json.loads(path.read_text("utf-8"))
        lacking = FIELDS - record.keys()
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path.name} is no record of a benchmark: {error}") from error
    if lacking:
        raise ValueError(f"{path.name} lacks {', '.join(sorted(lacking))}: record it again")
    return dict(record)


def measured(record: Mapping[str, Any], root: Path) -> list[str]:
    """A record as a table, with what was measured where and when below it."""
    header = ["Case", "Peer", "Times as fast", "Goal", "Largest difference"]
    lines = boxed(table(header, map(row, record["rows"])))
    changed = [path for path, old in record["sources"].items() if hash_of(root / path) != old]
    if changed:
        more = f" and {len(changed) - 1} more of its files" if len(changed) > 1 else ""
        what = f"`{changed[0]}`{more} changed since"
        lines += ["", f"**Measured with older code** (commit `{record['commit']}`): {what}."]
    return [*lines, "", record["note"], "", provenance(record)]


def row(found: Mapping[str, Any]) -> list[str]:
    """The cells of a row; a ratio below its goal and a wrong result are said to be so."""
    ratio, goal, error = found["ratio"], found["goal"], found["error"]
    wanted = "–" if goal is None else f"{goal:g}" + ("" if ratio >= goal else ", not reached")
    difference = "–" if error is None else short(error)
    if found["peer_error"] is not None:
        difference += f" (of the peer {short(found['peer_error'])})"
    if not found["right"]:
        difference += " **wrong**"
    shown = f"{ratio:.{0 if ratio >= 100 else 1 if ratio >= 1 else 2}f}"
    return [found["case"], found["peer"], shown, wanted, difference]


def short(error: float) -> str:
    """One digit of an error."""
    return f"{error:.0e}" if error else "0"


def provenance(record: Mapping[str, Any]) -> str:
    """The machine, the date, the commit and the versions in a sentence."""
    machine = record["machine"]
    cores, threads = machine["cores"], machine["threads"]
    parts = [
        machine["processor"],
        f"{cores} core{'s' * (cores != 1)}",
        f"{threads} thread{'s' * (threads != 1)} used",
        *([f"{machine['memory_gib']:g} GiB of memory"] if machine["memory_gib"] else []),
        machine["system"],
        *(f"{name} {version}" for name, version in record["versions"].items()),
    ]
    day = record["date"].partition("T")[0]
    return f"Measured on {day}, commit `{record['commit'] or 'unknown'}`: {', '.join(parts)}."


def hash_of(path: Path) -> str:
    """The hash of a file as the record has it; empty if the file is gone."""
    return sha256(path.read_bytes()) if path.is_file() else ""
