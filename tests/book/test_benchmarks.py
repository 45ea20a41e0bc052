"""What benchmarks report, what is recorded of it, and what the book prints of the record."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from executable_book.benchmarks import MISSING, PROGRAMS, benchmarks

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "benchmarks"))

import _report  # noqa: E402
from _report import Report, line, main, measured, quantity, record  # noqa: E402
from _timing import medians  # noqa: E402

PEERS = {"pytest": "pytest", "a loop": "numpy"}


def compare(report: Report) -> None:
    """A benchmark with a row of each kind."""
    report.add("sums", "pytest", 0.001, 0.0042, goal=4.0, error=3e-7, peer_error=2e-3)
    report.add("memory", "a loop", 2e6, 3e6, goal=2.0, unit="byte")


def program(monkeypatch: Any, folder: Path, measure: Any, *options: str) -> int:
    """The exit code of a benchmark; its record goes into a folder."""
    monkeypatch.setattr(sys, "argv", ["bench", *options])
    monkeypatch.setattr(_report, "ROOT", ROOT)
    monkeypatch.setattr(
        _report, "record", lambda facts, report: record(facts, report, folder) and ROOT / "x"
    )
    return main(measure, PEERS, note="Relative.")


def test_rows_are_printed_as_they_come(capsys) -> None:
    report = Report(PEERS)
    compare(report)
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["case", "peer", "ours", "peer", "ratio", "goal", "error"]
    assert re.fullmatch(r"sums +pytest [\d.]+ +1 ms +4.2 ms +4.2 +4 +3e-07  peer's 2e-03", first)
    assert re.fullmatch(r"memory +a loop \(numpy [\d.]+\) +2 MB +3 MB +1.5 +2 +–", second)
    assert report.right


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(2e-9, "s", "0.002 µs"), (0.0123, "s", "12.3 ms"), (90, "s", "90 s"), (5e5, "byte", "500 kB")],
)
def test_quantities(value: float, unit: str, shown: str) -> None:
    assert quantity(value, unit) == shown


def test_what_is_wrong_is_said_and_fails(capsys) -> None:
    report = Report(PEERS)
    report.require(True, "nothing")
    assert report.right
    report.add("sums", "pytest", 1.0, 2.0, right=False)
    assert "WRONG RESULTS" in line(report.rows[0])
    assert not report.right
    other = Report(PEERS)
    other.require(False, "the sum")
    assert not other.right
    assert "WRONG: the sum" in capsys.readouterr().out
    with pytest.raises(ValueError, match="expected finite measurements"):
        other.add("sums", "pytest", float("nan"), 1.0)
    with pytest.raises(KeyError):
        other.add("sums", "a stranger", 1.0, 1.0)


def test_a_full_run_is_recorded_with_all_that_it_depends_on(tmp_path, monkeypatch) -> None:
    import lib.dynamics.epidemic

    monkeypatch.setenv("LIB_COMMIT", "abc123-dirty")
    assert program(monkeypatch, tmp_path, compare, "--record") == 0
    (path,) = tmp_path.iterdir()
    assert path.name == "test_benchmarks.json"
    found = json.loads(path.read_text("utf-8"))
    assert found["commit"] == "abc123-dirty"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+\+00:00", found["date"])
    assert found["machine"]["processor"]
    assert found["machine"]["cores"] >= found["machine"]["threads"] >= 1
    assert {"Python", "numpy", "pytest"} <= found["versions"].keys()
    module = Path(lib.dynamics.epidemic.__file__).relative_to(ROOT).as_posix()
    assert {module, "tests/book/test_benchmarks.py"} <= found["sources"].keys()
    assert [row["case"] for row in found["rows"]] == ["sums", "memory"]
    assert found["rows"][0]["ratio"] == pytest.approx(4.2)


def test_quick_and_wrong_runs_are_not_recorded(tmp_path, monkeypatch, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        program(monkeypatch, tmp_path, compare, "--quick", "--record")
    assert "is not recorded" in capsys.readouterr().err
    assert program(monkeypatch, tmp_path, compare, "--quick") == 0
    wrong = lambda report: report.require(False, "the sum")  # noqa: E731
    assert program(monkeypatch, tmp_path, wrong, "--record") == 1
    assert "nothing is recorded" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_library_from_elsewhere_is_not_recorded(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_report, "ROOT", tmp_path)
    with pytest.raises(ValueError, match="expected lib to be imported from"):
        measured([])


def test_rivals_take_turns() -> None:
    calls: list[str] = []
    rivals = {name: lambda name=name: calls.append(name) for name in ("a", "b")}
    assert medians(rivals, 0.0).keys() == {"a", "b"}
    assert calls == ["a", "b"] * 6  # one round to warm up
    calls.clear()
    ticks = iter(range(100))
    assert medians(rivals, 0.0, rounds=1, clock=lambda: float(next(ticks))) == {"a": 1, "b": 1}
    assert calls == ["a", "b"]


# -- the page ------------------------------------------------------------------------------------


@pytest.fixture
def measured_book(tmp_path: Path) -> Path:
    """A folder with a benchmark, its record, and the two files that it measured."""
    for name, text in {
        "tests/benchmarks/bench_sums.py": '"""Sums against others: are they fast?"""\n',
        "lib/sums.py": "",
        "lib/parts.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    report = Report(PEERS)
    compare(report)
    empty = "e3b0c44298fc1c14"  # the hash of nothing
    facts = {
        "benchmark": "sums",
        "note": "Relative.",
        "machine": {"processor": "Abacus", "cores": 1, "threads": 2, "memory_gib": 15.6,
                    "system": "Linux"},
        "versions": {"Python": "3.11"},
        "sources": {"lib/sums.py": empty, "lib/parts.py": empty},
    }  # fmt: skip
    record(facts, report, tmp_path / "book/_benchmarks")
    return tmp_path


def edit(measured_book: Path, **changes: Any) -> None:
    path = measured_book / "book/_benchmarks/sums.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def test_a_record_becomes_a_table(measured_book: Path) -> None:
    text = "\n".join(benchmarks(measured_book))
    assert text.startswith("# Sums against others\n\nAre they fast?\n")
    first, second = re.findall(r"^\| (?:sums|memory) .*$", text, re.MULTILINE)
    assert re.search(r"pytest [\d.]+ \| 4.2 \| 4 \| 3e-07 \(of the peer 2e-03\) \|", first)
    assert re.search(r"a loop \(numpy [\d.]+\) \| 1.5 \| 2, not reached \| – \|", second)
    assert "\n\nRelative.\n\n" in text
    assert re.search(r"Measured on 20\d\d-\d\d-\d\d, commit `\w*(-dirty)?`: Abacus, 1 core, ", text)
    assert "2 threads used, 15.6 GiB of memory, Linux, Python 3.11." in text
    assert "older code" not in text
    assert MISSING not in text


def test_a_benchmark_without_a_record_is_said_to_be_missing(measured_book: Path) -> None:
    (measured_book / "book/_benchmarks/sums.json").unlink()
    assert MISSING in benchmarks(measured_book)
    assert "|" not in "\n".join(benchmarks(measured_book))


def test_code_that_changed_since_is_said_to_be_older(measured_book: Path) -> None:
    edit(measured_book, commit="abc123")
    (measured_book / "lib/parts.py").write_text("new", "utf-8")
    text = "\n".join(benchmarks(measured_book))
    assert "**Measured with older code** (commit `abc123`): `lib/parts.py` changed since." in text
    (measured_book / "lib/sums.py").unlink()
    assert "`lib/sums.py` and 1 more of its files changed since" in "\n".join(
        benchmarks(measured_book)
    )


def test_a_wrong_row_is_shown_as_wrong(measured_book: Path) -> None:
    rows = json.loads((measured_book / "book/_benchmarks/sums.json").read_text("utf-8"))["rows"]
    edit(measured_book, rows=[{**rows[0], "right": False, "ratio": 1234.5, "error": 0.0}])
    assert "| 1234 | 4 | 0 (of the peer 2e-03) **wrong** |" in "\n".join(benchmarks(measured_book))


@pytest.mark.parametrize(
    ("text", "problem"),
    [("[", "no record of a benchmark"), ("[]", "no record"), ("{}", "lacks commit, date, mach")],
)
def test_a_damaged_record_is_refused(measured_book: Path, text: str, problem: str) -> None:
    (measured_book / "book/_benchmarks/sums.json").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=problem):
        benchmarks(measured_book)


def test_the_page_follows_the_records_and_the_code(book, measured_book: Path) -> None:
    page = "book/reference/benchmarks"
    assert '<section id="toys-against-others">' in book.html(page)
    assert "Not measured yet." in book.html(page)
    path = measured_book / "book/_benchmarks/sums.json"
    text = path.read_text("utf-8").replace("lib/sums.py", "lib/toy/__init__.py")
    book.write("book/_benchmarks/toy.json", text.replace('"lib/parts.py"', '"lib/__init__.py"'))
    assert book.build().green
    assert "<td><p>memory</p></td>" in book.html(page)
    assert "older code</strong>" in book.html(page)  # the toy library's first file is not empty
    book.write("lib/__init__.py", "")
    outcome = book.build()
    assert outcome.green, outcome.text
    assert "<td><p>memory</p></td>" in book.html(page)
    assert "older code</strong>" not in book.html(page)


def test_every_benchmark_of_the_library_stands_on_the_page() -> None:
    programs = sorted(ROOT.glob(PROGRAMS))
    text = benchmarks(ROOT)
    assert len(programs) >= 7
    assert sum(line.startswith("# ") for line in text) == len(programs)
    records = {path.stem for path in (ROOT / "book/_benchmarks").glob("*.json")}
    assert records <= {path.stem.removeprefix("bench_") for path in programs}
    assert text.count(MISSING) == len(programs) - len(records)
