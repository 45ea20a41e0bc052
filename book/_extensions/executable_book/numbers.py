"""The numbers of a build, ``numbers.json`` beside its pages: what ``make verify`` compares with.

For each executed chapter they hold the results that it displayed, the functions that were held to
them, and the metrics of its training with their tolerances.
"""

import json
import platform
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .files import write_file
from .fingerprint import device_kind, installed, pins
from .records import CHECK, RESULT, RUN, Record

FILE = "numbers.json"
FORMAT = 1
TIMEOUT = 30.0  # seconds


class NumbersError(Exception):
    """There are no numbers to compare with, or they are damaged; the message says what to do."""


def gathered(root: Path, records: Mapping[str, Record]) -> dict[str, Any]:
    """The numbers of these executed chapters."""
    versions = {name: installed(name) or "not installed" for name in pins(root)}
    return {
        "format": FORMAT,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(root),
        "device": device_kind(),
        "versions": {"Python": platform.python_version(), **versions},
        "chapters": {docname: of_chapter(record) for docname, record in records.items()},
    }


def commit(root: Path) -> str:
    """The commit of the folder, with ``-dirty`` if files have changed; empty if it is not known."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def of_chapter(record: Record) -> dict[str, Any]:
    """What one executed chapter displayed."""
    checks = record.displayed(CHECK)
    return {
        "seconds": round(record.seconds, 1),
        "data": record.data,
        "results": keyed((item["label"], _result(item)) for item in record.displayed(RESULT)),
        "checks": keyed((f"{item['label']}, {item['function']}", _check(item)) for item in checks),
        "runs": keyed((item["chapter"], _run(item)) for item in record.displayed(RUN)),
    }


def keyed(items: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The items by name; a second one of a name is numbered."""
    found: dict[str, dict[str, Any]] = {}
    for name, item in items:
        count = 1
        while (unique := name if count == 1 else f"{name} ({count})") in found:
            count += 1
        found[unique] = item
    return found


def _result(item: Mapping[str, Any]) -> dict[str, Any]:
    points = [step["points"] for step in item["steps"] if step["standing"] == "evidence"]
    names = ("statement", "standing", "standing_text", "domain", "sizes", "definitions")
    return {**{name: item[name] for name in names}, "points": min(points, default=0)}


def _check(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in ("cases", "max_error", "tolerance")}


def _run(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in ("kind", "device", "sizes", "data", "seconds", "metrics")}


def write(path: Path, numbers: Mapping[str, Any]) -> None:
    """Write the file."""
    write_file(path, json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read(place: str) -> dict[str, Any]:
    """The numbers in a file or at an address.

    Raises:
        NumbersError: there are none, or they are not what :func:`write` writes.
    """
    text = _fetched(place) if place.startswith(("http://", "https://")) else _content(Path(place))
    try:
        numbers = json.loads(text)
    except ValueError as error:
        raise NumbersError(f"{place} is damaged: it is no JSON ({error})") from error
    if isinstance(numbers, dict) and numbers.get("format", FORMAT) != FORMAT:
        raise NumbersError(
            f"{place} has format {numbers['format']!r}, and this is format {FORMAT}: compare with "
            "a build of this version of the book"
        )
    wrong = misfit(numbers, SHAPE)
    if wrong:
        raise NumbersError(f"{place} is damaged: {wrong}")
    return dict(numbers)


def _content(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise NumbersError(
            f"there is no {path} to compare with: a build writes it (`make book`), or name another "
            'build\'s, `make verify ARGS="--against FILE-or-URL"`'
        ) from None
    except (OSError, ValueError) as error:
        raise NumbersError(f"{path} cannot be read: {error}") from error


def _fetched(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as reply:
            return str(reply.read().decode("utf-8"))
    except urllib.error.HTTPError as error:
        answer = f"{error.code} {error.reason}"
        raise NumbersError(f"{url} answers {answer}: is the book published there?") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NumbersError(f"{url} cannot be read: {reason}") from error


# What a file of numbers looks like: a type, a mapping with these keys, or with any keys.


@dataclass(frozen=True)
class Each:
    """A mapping or list, each value of which has this shape."""

    shape: Any
    of: type = dict


NUMBER = (int, float)
TEXTS = Each(str, list)
RESULT_SHAPE = dict(
    statement=str, standing=str, standing_text=str, domain=str, points=int, definitions=TEXTS,
    sizes=Each(Each(NUMBER, list)),
)  # fmt: skip
CHECK_SHAPE = dict(cases=int, max_error=NUMBER, tolerance=NUMBER)
METRIC_SHAPE = dict(value=NUMBER, tolerance=(*NUMBER, type(None)))
RUN_SHAPE = dict(
    kind=str, device=str, sizes=dict, data=TEXTS, seconds=NUMBER, metrics=Each(METRIC_SHAPE)
)
CHAPTER_SHAPE = dict(
    seconds=NUMBER, data=Each(str), results=Each(RESULT_SHAPE), checks=Each(CHECK_SHAPE),
    runs=Each(RUN_SHAPE),
)  # fmt: skip
SHAPE = dict(
    format=int, date=str, commit=str, device=str, versions=Each(str), chapters=Each(CHAPTER_SHAPE)
)


def misfit(value: Any, shape: Any, place: str = "") -> str | None:
    """The first place where a value has another shape, in words; None if there is none.

    >>> misfit({"format": 1, "chapters": {}}, dict(format=int, commit=str))
    "'commit' is missing"
    >>> misfit({"a": {"cases": "many"}}, Each(dict(cases=int)))
    "'many' stands at a / cases"
    """
    kind = shape.of if isinstance(shape, Each) else dict if isinstance(shape, dict) else shape
    fits = isinstance(value, kind) and not isinstance(value, bool)
    if not fits:
        return f"{value!r:.40} stands at {place or 'its top'}"
    parts: list[tuple[Any, Any, Any]] = []
    if isinstance(shape, dict):
        missing = sorted(shape.keys() - value.keys())
        if missing:
            return f"{missing[0]!r} is missing" + (f" at {place}" if place else "")
        parts = [(name, value[name], shape[name]) for name in shape]
    elif isinstance(shape, Each):
        items = value.items() if shape.of is dict else enumerate(value)
        parts = [(name, item, shape.shape) for name, item in items]
    found = (misfit(item, of, f"{place} / {name}".removeprefix(" / ")) for name, item, of in parts)
    return next(filter(None, found), None)
