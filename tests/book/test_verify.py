"""A fresh execution against the published numbers: whatever differs is named, and fails."""

import copy
import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from executable_book import numbers
from executable_book.differences import DIFFERS, NEW, UNCOMPARED, differences
from executable_book.numbers import NumbersError
from executable_book.records import CHECK, RESULT, RUN, Record
from executable_book.verify import other_versions, table

ALPHA, BETA = "book/toy/alpha", "book/toy/beta"
PUBLISHED = "_build/html/numbers.json"


def published(book) -> dict:
    return json.loads(book.read(PUBLISHED))


def publish(book, content: dict, name: str = PUBLISHED) -> None:
    book.write(name, json.dumps(content))


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "verify" not in path.parts
    }


# -- on a small book, for real ---------------------------------------------------------------------


def test_the_numbers_of_a_good_build_stand_beside_its_pages(green) -> None:
    content = published(green)
    assert list(content["chapters"]) == [ALPHA, BETA]
    assert content["device"] == "cpu"
    assert content["versions"].keys() == {"Python", "nbclient"}
    alpha = content["chapters"][ALPHA]
    assert alpha["results"]["alpha-sum"] == {
        "statement": "1 + 1 = 2", "standing": "proved", "standing_text": "proved",
        "domain": "all", "sizes": {}, "definitions": [], "points": 0,
    }  # fmt: skip
    check = {"cases": 5, "max_error": 0.0, "tolerance": 1e-9}
    assert alpha["checks"] == {"alpha-sum, lib.toy.alpha.double": check}
    (run,) = alpha["runs"].values()
    assert run["metrics"] == {
        "accuracy": {"value": 42.125, "tolerance": 0.5}, "ms": {"value": 3.5, "tolerance": None}
    }  # fmt: skip
    assert content["chapters"][BETA]["data"].keys() == {"numbers"}


def test_what_is_as_published_is_verified_and_nothing_is_touched(book) -> None:
    before = contents(book.folder / "_build")
    outcome = book.verify()
    assert outcome.green, outcome.text
    assert outcome.executed == {ALPHA, BETA}  # whatever the cache holds
    assert "Verified" in outcome.text
    assert (
        "2 chapters executed; compared: 1 result, 1 check, 1 number (1 time left out))"
        in outcome.text
    )
    assert contents(book.folder / "_build") == before
    assert (book.folder / "_build/verify/book/toy/alpha.ipynb").is_file()
    again = book.verify("--against", "_build/verify/numbers.json", "toy/beta")
    assert again.green, again.text
    assert again.executed == {BETA}


def test_another_library_gives_other_numbers_and_each_is_named(book) -> None:
    content = published(book)
    content["chapters"][ALPHA]["results"]["alpha-gone"] = copy.deepcopy(
        content["chapters"][ALPHA]["results"]["alpha-sum"]
    )
    content["versions"]["nbclient"] = "0.0.1"
    publish(book, content, "elsewhere.json")
    book.edit("lib/page.py", '"standing": "proved"', '"standing": "cited"')
    book.edit("lib/toy/alpha.py", "return TWO * number", "return TWO * number + (number == 21)")
    before = contents(book.folder / "_build")
    outcome = book.verify("--against", "elsewhere.json")
    assert outcome.status == 1
    assert "nbclient 0.0.1, now" in outcome.text
    lines = [" ".join(line.split()) for line in outcome.text.splitlines()]
    assert "toy/alpha accuracy 42.125 43.125 +1 ± 0.5" in lines
    assert "toy/alpha result alpha-sum, standing proved proved weaker" in lines
    assert "toy/alpha result alpha-gone there missing" in lines
    assert lines[-1].startswith("NOT VERIFIED: 3 differences (2 chapters executed; compared: ")
    assert contents(book.folder / "_build") == before


def test_a_failing_chapter_and_a_warning_are_not_verified(book) -> None:
    book.edit(f"{ALPHA}.md", "print(double(21))", "1 / 0")
    book.edit(f"{BETA}.md", "print(datasets", "print('FutureWarning: soon')\nprint(datasets")
    outcome = book.verify()
    assert (outcome.status, outcome.failed) == (1, {ALPHA})
    assert "ZeroDivisionError" in outcome.text
    assert "book/toy/beta.md:17: the output contains a warning" in outcome.text
    assert "alpha-sum" not in outcome.text.partition("ZeroDivisionError")[2]  # it is not "missing"
    assert "NOT VERIFIED: 2 problems" in outcome.text


def test_without_numbers_nothing_is_executed(book) -> None:
    (book.folder / PUBLISHED).unlink()
    outcome = book.verify()
    assert outcome.status == 2
    assert "there is no _build/html/numbers.json to compare with: a build writes it" in outcome.text
    assert outcome.executed == set()
    publish(book, {"format": 1}, "damaged.json")
    outcome = book.verify("--against", "damaged.json")
    assert (outcome.status, outcome.executed) == (2, set())
    assert "damaged.json is damaged: 'chapters' is missing" in outcome.text
    assert "Traceback" not in outcome.text


def test_a_bad_build_does_not_publish(book) -> None:
    before = book.read(PUBLISHED)
    book.edit(f"{BETA}.md", "print(datasets", "print('UserWarning: no')\nprint(datasets")
    assert not book.build().green
    assert book.read(PUBLISHED) == before


# -- what differs, one by one ----------------------------------------------------------------------

RESULT_NUMBERS = {
    "statement": "a = b", "standing": "proved for sizes", "standing_text": "proved for T = 2, 3",
    "domain": "a, b real", "sizes": {"T": [2, 3]}, "definitions": ["a = c + d"], "points": 0,
}  # fmt: skip
CHAPTER = {
    "seconds": 1.0,
    "data": {"mnist": "1234"},
    "results": {"one": RESULT_NUMBERS,
                "two": {**RESULT_NUMBERS, "standing": "evidence", "points": 9}},
    "checks": {"one, lib.f": {"cases": 5, "max_error": 1e-12, "tolerance": 1e-9}},
    "runs": {
        "one": {
            "kind": "cpu", "device": "a CPU", "sizes": {"steps": 3, "widths": [2, 4]},
            "data": ["Digits."], "seconds": 2.0,
            "metrics": {
                "F1": {"value": 90.0, "tolerance": 0.5}, "ms": {"value": 3.5, "tolerance": None}
            },
        }
    },
}  # fmt: skip


def after(path: str, value: object) -> list:
    """The findings when the value at this path is another one now; None takes it away."""
    now = copy.deepcopy(CHAPTER)
    *parents, last = path.split("/")
    place = functools.reduce(lambda inside, name: inside[name], parents, now)
    if value is None:
        del place[last]
    else:
        place[last] = value
    return differences({"book/toy/one": CHAPTER}, {"book/toy/one": now}).findings


def test_the_same_numbers_differ_in_nothing() -> None:
    found = differences({"a": CHAPTER}, {"a": copy.deepcopy(CHAPTER)})
    assert found.findings == []
    assert found.compared == {"result": 2, "check": 1, "number": 1}
    assert found.times == 1


@pytest.mark.parametrize(
    ("path", "value", "kind", "what"),
    [
        ("results/one/statement", "a = −b", DIFFERS, "result one, statement"),
        ("results/one/domain", "a, b > 0", DIFFERS, "result one, domain"),
        ("results/one/definitions", ["a = c − d"], DIFFERS, "result one, definitions"),
        ("results/one/standing", "evidence", DIFFERS, "result one, standing"),
        ("results/one/standing", "definition", DIFFERS, "result one, standing"),
        ("results/one/standing", "proved", NEW, "result one, standing"),
        ("results/one/sizes", {"T": [2]}, DIFFERS, "result one, standing"),
        ("results/one/sizes", {"T": [2, 3], "K": [2]}, DIFFERS, "result one, standing"),
        ("results/two/points", 8, DIFFERS, "result two, standing"),
        ("results/one", None, DIFFERS, "result one"),
        ("results/three", RESULT_NUMBERS, NEW, "result three"),
        ("checks/one, lib.f/max_error", 2e-9, DIFFERS, "check of one, lib.f, largest error"),
        ("checks/one, lib.f/tolerance", 1e-6, DIFFERS, "check of one, lib.f, tolerance"),
        ("checks/one, lib.f/cases", 4, DIFFERS, "check of one, lib.f, cases"),
        ("checks/one, lib.f", None, DIFFERS, "check of one, lib.f"),
        ("checks/one, lib.g", {}, NEW, "check of one, lib.g"),
        ("runs/one/metrics/F1/value", 90.51, DIFFERS, "F1"),
        ("runs/one/metrics/F1/value", 89.49, DIFFERS, "F1"),
        ("runs/one/metrics/F1/value", float("nan"), DIFFERS, "F1"),
        ("runs/one/metrics/F1", None, DIFFERS, "F1"),
        ("runs/one/metrics/F2", {"value": 1, "tolerance": 1}, NEW, "F2"),
        ("runs/one", None, DIFFERS, "the run"),
        ("runs/two", CHAPTER["runs"]["one"], NEW, "the run"),
        ("runs/one/kind", "cuda", UNCOMPARED, "the 2 numbers of its run"),
        ("runs/one/sizes/steps", 4, UNCOMPARED, "the 2 numbers of its run"),
        ("runs/one/sizes/more", 4, UNCOMPARED, "the 2 numbers of its run"),
        ("runs/one/data", ["Other digits."], UNCOMPARED, "the 2 numbers of its run"),
        ("data/mnist", "4321", UNCOMPARED, "the 2 numbers of its run"),
    ],
)
def test_each_difference_is_found(path: str, value: object, kind: str, what: str) -> None:
    (found,) = after(path, value)
    assert (found.kind, found.what) == (kind, what)
    assert found.fails == (kind != NEW)


def test_a_number_may_be_anywhere_within_its_tolerance_and_a_time_anywhere() -> None:
    for path, value in [
        ("runs/one/metrics/F1/value", 90.5),
        ("runs/one/metrics/F1/value", 89.5),
        ("runs/one/metrics/ms/value", 3500.0),
        ("checks/one, lib.f/max_error", 1e-10),
        ("checks/one, lib.f/tolerance", 1e-10),
        ("results/one/sizes", {"T": [2, 3, 4]}),
        ("results/one/sizes", {}),
        ("results/two/points", 10),
    ]:
        assert after(path, value) == [], path


def test_a_tolerance_is_the_one_that_the_chapter_states_now() -> None:
    assert after("runs/one/metrics/F1", {"value": 91.0, "tolerance": 1.0}) == []
    (found,) = after("runs/one/metrics/F1", {"value": 90.25, "tolerance": 0.125})
    shown = found.published, found.now, found.difference, found.tolerance
    assert shown == ("90", "90.25", "+0.25", "± 0.125")


def test_every_reason_for_not_comparing_is_named() -> None:
    now = copy.deepcopy(CHAPTER)
    now["runs"]["one"] |= {
        "kind": "cuda",
        "sizes": {"steps": 9, "widths": [2, 4]},
        "data": ["Toys."],
    }
    found = differences({"a": CHAPTER}, {"a": now})
    assert [(f.published, f.now, f.difference) for f in found.findings] == [
        ("cpu", "cuda", "other device"),
        ("steps = 3", "steps = 9", "other size"),
        ("Digits.", "Toys.", "other data"),
    ]
    assert found.compared["number"] == 0
    assert found.compared["result"] == 2  # derivations can always be compared


def test_chapters_come_and_go() -> None:
    gone, come = differences({"gone": CHAPTER}, {"come": CHAPTER}).findings
    assert (gone.chapter, gone.kind, gone.now) == ("gone", DIFFERS, "missing")
    assert (come.chapter, come.kind, come.fails) == ("come", NEW, False)


def test_a_long_statement_is_shown_where_it_differs() -> None:
    long = "x + " * 40
    now = after("results/one/statement", long)[0]
    assert (now.published, now.now) == ("a = b", f"{long[:42]}…")
    pair = {"a": copy.deepcopy(CHAPTER)}, {"a": copy.deepcopy(CHAPTER)}
    for numbers_of, end in zip(pair, ("y", "z"), strict=True):
        numbers_of["a"]["results"]["one"]["statement"] = long + end
    (found,) = differences(*pair).findings
    assert (found.published, found.now) == ("…+ x + x + y", "…+ x + x + z")


def test_the_table_is_aligned_and_versions_are_compared() -> None:
    findings = after("runs/one/metrics/F1/value", 100.0) + after("results/one", None)
    assert table(findings) == [
        "chapter  what        published  now      difference  tolerance",
        "toy/one  F1          90         100      +10         ± 0.5",
        "toy/one  result one  there      missing",
    ]
    assert other_versions({"torch": "2", "a": "1"}, {"torch": "3", "a": "1"}) == [
        "Other versions than published:", "  torch 2, now 3"
    ]  # fmt: skip
    assert other_versions({"torch": "2"}, {"torch": "2"}) == ["The versions are the same."]


# -- the file --------------------------------------------------------------------------------------


def whole() -> dict:
    return {
        "format": 1, "date": "2026-01-01", "commit": "", "device": "cpu",
        "versions": {"torch": "2.13.0"}, "chapters": {"a": copy.deepcopy(CHAPTER)},
    }  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "numbers.json"
    numbers.write(path, whole())
    assert numbers.read(str(path)) == whole()
    with pytest.raises(ValueError, match="not JSON compliant"):
        numbers.write(path, {"value": float("nan")})
    assert numbers.read(str(path)) == whole()
    assert [file.name for file in path.parent.iterdir()] == ["numbers.json"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:-20], "it is no JSON"),
        (lambda text: "[]", r"\[\] stands at its top"),
        (lambda text: text.replace('"format": 1', '"format": 7'), "has format 7, and this is"),
        (lambda text: text.replace('"cases"', '"case"'), "'cases' is missing at chapters / a / ch"),
        (lambda text: text.replace("90.0", '"90"'), "'90' stands at chapters / a / runs / one / m"),
        (lambda text: text.replace("1e-12", "null"), "None stands at chapters / a / checks"),
        (lambda text: text.replace('"sizes": {"T"', '"sizes": {"T": 3, "K"'), "3 stands at .* / T"),
        (lambda text: text.replace('"points": 9', '"points": true'), "True stands at .*points"),
        (lambda text: text.replace('["Digits."]', "[1]"), "1 stands at .* / data / 0"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(tmp_path: Path, damage, message: str) -> None:
    path, text = tmp_path / "numbers.json", json.dumps(whole())
    assert damage(text) != text
    path.write_text(damage(text), "utf-8")
    with pytest.raises(NumbersError, match=message):
        numbers.read(str(path))


def test_a_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(NumbersError, match=r"there is no .*numbers.json to compare with: a build"):
        numbers.read(str(tmp_path / "numbers.json"))
    with pytest.raises(NumbersError, match="cannot be read"):
        numbers.read(str(tmp_path))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(NumbersError, match="cannot be read"):
        numbers.read(str(tmp_path / "binary"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a folder that is served on this machine."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_published_site_is_read_by_its_address(site: str, tmp_path: Path) -> None:
    numbers.write(tmp_path / "numbers.json", whole())
    assert numbers.read(f"{site}/numbers.json") == whole()
    with pytest.raises(NumbersError, match=r"answers 404 .*: is the book published there"):
        numbers.read(f"{site}/nothing.json")
    (tmp_path / "page.html").write_text("<html>", "utf-8")
    with pytest.raises(NumbersError, match=r"page.html is damaged: it is no JSON"):
        numbers.read(f"{site}/page.html")


def test_a_site_that_does_not_answer_is_said_to_be_so() -> None:
    with pytest.raises(NumbersError, match=r"cannot be read: .*refused"):
        numbers.read("http://127.0.0.1:1/numbers.json")  # where nothing listens


def test_evidence_and_repeated_checks_are_kept() -> None:
    facts = {name: RESULT_NUMBERS[name] for name in RESULT_NUMBERS if name != "points"}
    steps = [
        {"standing": "proved", "points": 0},
        *({"standing": "evidence", "points": p} for p in (40, 20)),
    ]
    shown = [
        {RESULT: {"label": "one", "steps": steps, **facts}},
        *[{CHECK: {"label": "one", "function": "lib.f", **CHAPTER["checks"]["one, lib.f"]}}] * 2,
        {RUN: {"chapter": "one", "date": "", **CHAPTER["runs"]["one"]}},
    ]
    cell = type("Cell", (), {"outputs": [{"data": bundle} for bundle in shown]})
    found = numbers.of_chapter(Record([cell], {}, seconds=1.25))
    assert found["results"]["one"]["points"] == 20
    assert list(found["checks"]) == ["one, lib.f", "one, lib.f (2)"]
    assert found["runs"] == CHAPTER["runs"]
