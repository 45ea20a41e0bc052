"""This build's run beside the recorded ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lib.training.run_record import RunRecord


@dataclass(frozen=True)
class Comparison:
    """A table with a column for this run and for each recorded one; made by
    :func:`lib.training.runs.comparison`."""

    this_run: RunRecord
    recorded: list[RunRecord]
    digits: int

    def rows(self) -> list[list[str]]:
        """The table: a heading and then a row for each fact; the first cell names it."""
        runs = [self.this_run, *self.recorded]
        heads = ["this build", *(f"recorded, {run.kind.upper()}" for run in self.recorded)]
        table = [["", *heads]]
        table.append(["device", *(run.device for run in runs)])
        for name in _names(run.metrics for run in runs):
            values = [run.metrics.get(name) for run in runs]
            table.append([name, *("–" if v is None else f"{v:.{self.digits}f}" for v in values)])
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
        return "\n".join([*self._remark(), *lines])

    def _repr_markdown_(self) -> str:
        rows = [[cell.replace("|", "\\|") for cell in row] for row in self.rows()]
        ruler = [":--"] * len(rows[0])
        lines = [f"| {' | '.join(row)} |" for row in [rows[0], ruler, *rows[1:]]]
        return "\n".join([*(f"{line}\n" for line in self._remark()), *lines])

    def _remark(self) -> list[str]:
        if self.recorded:
            return []
        chapter = self.this_run.chapter
        return [f"No GPU run of {chapter} is recorded yet; this is the present run alone."]


def _listed(value: Any) -> str:
    if value is None:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _names(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    """All names, each once, in the order in which they first appear."""
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))
