"""A recorded run and its checks."""

import json
import math
import re
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

CURVE_POINTS = 200
KINDS = ("cuda", "mps", "cpu")


@dataclass(frozen=True)
class RunRecord:
    """One run of one chapter.

    Attributes:
        chapter: The chapter's path in the book without its ending: ``sequences/crf``.
        device: The device's name; ``kind`` is ``cuda``, ``mps`` or ``cpu``.
        versions: The version of Python and of each package that has a say in the result.
        date: When the run ended, in UTC, in ISO format.
        commit: The commit that was run, with ``-dirty`` if files had changed; empty if unknown.
        seconds: How long the training took.
        sizes: The sizes of the run, by name.
        data: A sentence for each data set.
        metrics: Finite numbers by name.
        curves: Finite numbers by name, in order, each of at most 200 points.
    """

    chapter: str
    device: str
    kind: str
    versions: dict[str, str]
    date: str
    commit: str
    seconds: float
    sizes: dict[str, Any]
    data: list[str]
    metrics: dict[str, float]
    curves: dict[str, list[float]]

    def __post_init__(self) -> None:
        """Refuse what could not be read back or shown."""
        _check_record(self)

    def to_json(self) -> str:
        """The record as JSON, in an order that makes small differences of files."""
        return json.dumps(asdict(self), indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "RunRecord":
        """The record that :meth:`to_json` wrote.

        Raises:
            ValueError: the text is no such record; the message says where it is not.
        """
        content = json.loads(text)
        names = {field.name for field in fields(cls)}
        if not isinstance(content, dict) or set(content) != names:
            found = sorted(content) if isinstance(content, dict) else type(content).__name__
            raise ValueError(f"expected the fields {sorted(names)}; found {found}")
        return cls(**content)


def check_chapter(chapter: str) -> None:
    """Raise a ValueError unless this is the name of a chapter."""
    if not re.fullmatch(r"[A-Za-z0-9_]+(/[A-Za-z0-9_]+)+", chapter):
        raise ValueError(f"a chapter is named like 'sequences/crf'; got {chapter!r}")


def _check_record(run: RunRecord) -> None:
    check_chapter(run.chapter)
    if run.kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; it is {run.kind!r}")
    for name in ("device", "date", "commit"):
        if not isinstance(getattr(run, name), str):
            raise ValueError(f"{name} must be text; it is {getattr(run, name)!r}")
    datetime.fromisoformat(run.date)
    for name in ("versions", "sizes", "metrics", "curves"):
        if not isinstance(getattr(run, name), dict):
            raise ValueError(f"{name} must be a mapping; it is {getattr(run, name)!r}")
    if not isinstance(run.data, list) or not all(isinstance(item, str) for item in run.data):
        raise ValueError(f"data must be a list of sentences; it is {run.data!r}")
    _check_finite("seconds", run.seconds)
    for name, value in run.metrics.items():
        _check_finite(f"metric {name!r}", value)
    for name, curve in run.curves.items():
        if not isinstance(curve, list) or len(curve) > CURVE_POINTS:
            raise ValueError(f"curve {name!r} must be a list of at most {CURVE_POINTS} numbers")
        for value in curve:
            _check_finite(f"a point of curve {name!r}", value)
    for name, size in run.sizes.items():
        if not isinstance(size, str | int | float | bool | list | tuple | None):
            raise ValueError(f"size {name!r} must be a plain value; it is {size!r}")


def _check_finite(what: str, value: object) -> None:
    if not isinstance(value, float | int) or not math.isfinite(value):
        raise ValueError(f"{what} must be a finite number; it is {value!r}")
