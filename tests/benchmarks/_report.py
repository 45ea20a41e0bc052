"""How every benchmark reports: rows that are printed as they come, and a record for the book.

A benchmark is a function that adds rows to a :class:`Report`; :func:`main` makes a program of it.
With ``--quick`` it takes seconds and shows that its results are right, with ``--record`` it writes
``book/_benchmarks/<name>.json``, which the page *Benchmarks* prints. A wrong result makes the exit
code 1 and is not recorded; a ratio below its goal is shown but is no error, for machines differ.
"""

import argparse
import hashlib
import inspect
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "book" / "_benchmarks"
UNITS = {"s": ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s")), "byte": ((1e3, "kB"), (1e6, "MB"))}


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        case: What was computed, on what sizes.
        peer: The rival with its version.
        ours: Our seconds, or bytes if ``unit`` says so; ``theirs`` likewise.
        ratio: Theirs over ours: how many times as fast we are.
        goal: The least ratio that is wanted, if there is one.
        error: How far our result is from the right one, in the benchmark's own measure.
        peer_error: The same of the peer, where it is worth knowing.
        right: Whether the results agree as they should.
    """

    case: str
    peer: str
    ours: float
    theirs: float
    ratio: float
    goal: float | None
    error: float | None
    peer_error: float | None
    right: bool
    unit: str


@dataclass
class Report:
    """The rows of one benchmark, printed as they are added.

    Args:
        peers: The distribution of each rival, by the rival's name.
        quick: Whether the run is to take seconds only.
    """

    peers: Mapping[str, str]
    quick: bool = False
    rows: list[Row] = field(default_factory=list)
    right: bool = True

    def add(
        self, case: str, peer: str, ours: float, theirs: float, *, goal: float | None = None,
        error: float | None = None, peer_error: float | None = None, right: bool = True,
        unit: str = "s",
    ) -> None:  # fmt: skip
        """Add and print a row; the peer is named as in ``peers``."""
        named = f"{peer} ({distribution_of(self.peers[peer])})"
        if peer.lower() == self.peers[peer]:
            named = distribution_of(peer, shown=peer)
        ratio = theirs / ours
        row = Row(case, named, ours, theirs, ratio, goal, error, peer_error, bool(right), unit)
        if not all(map(math.isfinite, (ours, theirs, ratio))):
            raise ValueError(f"expected finite measurements; got {row}")
        if not self.rows:
            self.say(HEADER)
        self.rows.append(row)
        self.say(line(row))
        self.right &= row.right

    def require(self, holds: bool, what: str) -> None:
        """Say that something is wrong unless it holds."""
        if not holds:
            self.say(f"WRONG: {what}")
        self.right &= bool(holds)

    def say(self, text: str) -> None:
        """Print what is no row."""
        print(text, flush=True)


HEADER = f"{'case':36} {'peer':35} {'ours':>10}{'peer':>10}{'ratio':>8}{'goal':>6}{'error':>9}"


def line(row: Row) -> str:
    """A row as it is printed."""
    goal = "–" if row.goal is None else f"{row.goal:g}"
    ratio = f"{row.ratio:.{1 if row.ratio >= 1 else 2}f}"
    error = "–" if row.error is None else f"{row.error:.0e}"
    sizes = f"{quantity(row.ours, row.unit):>10}{quantity(row.theirs, row.unit):>10}"
    told = "" if row.peer_error is None else f"  peer's {row.peer_error:.0e}"
    told += "" if row.right else "  WRONG RESULTS"
    return f"{row.case:36} {row.peer:35} {sizes}{ratio:>8}{goal:>6}{error:>9}{told}"


def quantity(value: float, unit: str) -> str:
    """Three digits and a unit: 12.3 ms."""
    fitting = [(size, name) for size, name in UNITS[unit] if value >= size] or UNITS[unit][:1]
    size, name = fitting[-1]
    return f"{value / size:.3g} {name}"


def distribution_of(name: str, shown: str = "") -> str:
    """A distribution with its version."""
    return f"{shown or name} {metadata.version(name)}"


def main(
    measure: Callable[[Report], None],
    peers: Mapping[str, str],
    *,
    note: str,
    sources: Iterable[Path] = (),
) -> int:
    """Run a benchmark as its command line asks; return the exit code.

    Args:
        measure: Adds the rows.
        peers: The distribution of each rival, by the rival's name.
        note: What a reader of the rows must know, as sentences: what the errors are, for one.
        sources: Files that are measured besides the modules of ``lib`` that were imported.
    """
    file = Path(inspect.getfile(measure)).resolve()
    about = getattr(inspect.getmodule(measure), "__doc__", None) or ""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--record", action="store_true", help="keep the result for the book")
    asked = parser.parse_args()
    if asked.quick and asked.record:
        parser.error("a quick run is no measurement and is not recorded; leave out --quick")
    torch = sys.modules.get("torch")
    if torch:
        torch.set_num_threads(1)
    facts = {
        "benchmark": file.stem.removeprefix("bench_"),
        "note": note,
        "machine": machine(torch.get_num_threads() if torch else 1),
        "versions": versions([*(["torch"] if torch else []), *peers.values()]),
    }
    print(", ".join([facts["machine"]["processor"], *map(" ".join, facts["versions"].items())]))
    report = Report(peers, asked.quick)
    measure(report)
    if asked.record and report.right:
        facts["sources"] = measured([file, *sources])
        print(f"recorded in {record(facts, report).relative_to(ROOT)}")
    elif asked.record:
        print("WRONG: nothing is recorded")
    return 0 if report.right else 1


def measured(files: Iterable[Path]) -> dict[str, str]:
    """The hashes of these files and of all modules of ``lib`` that are imported, by their paths.

    Raises:
        ValueError: ``lib`` is imported from elsewhere than from this checkout.
    """
    loaded = [module for name, module in sys.modules.items() if name.partition(".")[0] == "lib"]
    paths = {Path(m.__file__).resolve() for m in loaded if getattr(m, "__file__", None)}
    strangers = [path for path in paths if not path.is_relative_to(ROOT)]
    if strangers:
        raise ValueError(f"expected lib to be imported from {ROOT}; it is {strangers[0]}")
    return {
        path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(paths | set(files))
    }


def machine(threads: int) -> dict[str, str | int | float]:
    """The processor, the cores that this process may use, the threads used, the memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = 0.0
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "processor": processor(),
        "cores": cores or 1,
        "threads": threads,
        "memory_gib": round(memory, 1),
        "system": platform.system(),
    }


def processor() -> str:
    """The name of the processor, or at least its architecture."""
    listed, names = Path("/proc/cpuinfo"), []
    if listed.is_file():
        lines = (text.partition(":") for text in listed.read_text("utf-8").splitlines())
        names = [value.strip() for key, _, value in lines if key.strip() == "model name"]
    elif sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        names = [subprocess.run(command, capture_output=True, text=True, check=False).stdout]
    return next(filter(None, map(str.strip, [*names, platform.processor(), platform.machine()])))


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """The versions of Python and of these distributions."""
    found = {name: metadata.version(name) for name in ["numpy", *distributions]}
    return {"Python": platform.python_version(), **dict(sorted(found.items()))}


def record(facts: Mapping[str, object], report: Report, folder: Path = FOLDER) -> Path:
    """Write what a full run measured, all or nothing; return the file."""
    # here, so that what records is not among what is measured
    from lib.training.files import write_atomically
    from lib.training.provenance import commit

    content = {
        **facts,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "rows": [asdict(row) for row in report.rows],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    path = folder / f"{facts['benchmark']}.json"
    write_atomically(path, lambda file: file.write(text.encode()))
    return path
