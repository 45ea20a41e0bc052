"""This build's run beside the recorded ones, and how far the next build's may be from it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from lib.training.run_record import RunRecord

MIME = "application/vnd.derive-implement-train.run+json"
EXPLAINED = (
    "Behind ±: how far `make verify` lets the same run be from this one in a later build, with the "
    "same sizes, data and kind of device."
)


@dataclass(frozen=True)
class Comparison:
    """A table with a column for this run and for each recorded one; made by
    :func:`lib.training.runs.comparison`."""

    this_run: RunRecord
    recorded: list[RunRecord]
    digits: int
    tolerances: dict[str, float | None]

    def rows(self) -> list[list[str]]:
        """The table: a heading and then a row for each fact; the first cell names it."""
        runs = [self.this_run, *self.recorded]
        heads = ["this build", *(f"recorded, {run.kind.upper()}" for run in self.recorded)]
        table = [["", *heads]]
        table.append(["device", *(run.device for run in runs)])
        for name in _names(run.metrics for run in runs):
            values = [run.metrics.get(name) for run in runs]
            tolerance = self.tolerances.get(name)
            shown = name if tolerance is None else f"{name} (± {tolerance:g})"
            table.append([shown, *("–" if v is None else f"{v:.{self.digits}f}" for v in values)])
        for name in _names(run.sizes for run in runs):
            table.append([name.replace("_", " "), *(_listed(run.sizes.get(name)) for run in runs)])
        table.append(["seconds", *(f"{run.seconds:.1f}" for run in runs)])
        data = ["; ".join(run.data).replace("**Data:** ", "") for run in runs]
        table.append(["data", *(sentence or "–" for sentence in data)])
        for name in _names(run.versions for run in runs):
            table.append([name, *(run.versions.get(name, "–") for run in runs)])
        table.append(["date (UTC)", *(run.date[:16].replace("T", " ") for run in runs)])
        table.append(["commit", *(run.commit or "unknown" for run in runs)])
        return table

    def __str__(self) -> str:
        """The table in aligned columns."""
        rows = self.rows()
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([*self._remark(), *lines, EXPLAINED.replace("`", "")])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        facts = asdict(self.this_run)
        del facts["curves"]
        facts["metrics"] = {
            name: {"value": value, "tolerance": self.tolerances[name]}
            for name, value in self.this_run.metrics.items()
        }
        return {"text/markdown": self._repr_markdown_(), "text/plain": str(self), MIME: facts}

    def _repr_markdown_(self) -> str:
        rows = [[cell.replace("|", "\\|") for cell in row] for row in self.rows()]
        ruler = [":--"] * len(rows[0])
        lines = [f"| {' | '.join(row)} |" for row in [rows[0], ruler, *rows[1:]]]
        return "\n".join([*(f"{line}\n" for line in self._remark()), *lines, "", EXPLAINED])

    def _remark(self) -> list[str]:
        if self.recorded:
            return []
        chapter = self.this_run.chapter
        return [f"No GPU run of {chapter} is recorded yet; this is the present run alone."]


def resolved(
    metrics: Iterable[str], stated: Mapping[str, float | int | None]
) -> dict[str, float | None]:
    """The tolerance of each metric: by its name, else by the first pattern that it matches.

    Raises:
        ValueError: a metric without a tolerance, or a tolerance that is no number from 0 on.

    >>> resolved(["F1, CRF", "F1, softmax", "ms"], {"F1, *": 2, "F1, CRF": 0.5, "ms": None})
    {'F1, CRF': 0.5, 'F1, softmax': 2.0, 'ms': None}
    """
    for name, value in stated.items():
        if value is not None and not (value >= 0 and math.isfinite(value)):
            raise ValueError(
                f"the tolerance of {name!r} must be a number from 0 on; it is {value!r}"
            )
    found: dict[str, float | None] = {}
    missing = []
    for name in metrics:
        matching = [name] if name in stated else [p for p in stated if fnmatchcase(name, p)]
        if matching:
            value = stated[matching[0]]
            found[name] = None if value is None else float(value)
        else:
            missing.append(name)
    if missing:
        raise ValueError(
            f"no tolerance is stated for {', '.join(map(repr, missing))}: how far may it be in a "
            'later build? Say so in tolerances={"name": 0.5, "name, *": 1, "a time": None}'
        )
    return found


def _listed(value: Any) -> str:
    if value is None:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _names(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    """All names, each once, in the order in which they first appear."""
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))
