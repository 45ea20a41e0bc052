"""How large a run is: small on a CPU, larger on a GPU, stated in one place."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from lib.training.devices import device

_HEADINGS = {"cpu": "CPU", "gpu": "GPU", "tiny": "smoke test"}


class Sizes(Mapping[str, Any]):
    """The sizes of this run: ``sizes.steps`` or ``sizes["steps"]``. Displays as a table.

    Made by :func:`sized`. It is a read-only mapping of the sizes that hold in this process, so
    ``dict(sizes)`` records them; the table shows every size and marks the one that holds.
    """

    def __init__(self, present: str, columns: Mapping[str, Mapping[str, Any]]) -> None:
        """Take the name of the column that holds, and all columns."""
        self._present = present
        self._columns = {name: dict(column) for name, column in columns.items()}

    @property
    def present(self) -> str:
        """Which column holds here: ``cpu``, ``gpu`` or ``tiny``."""
        return self._present

    def __getitem__(self, name: str) -> Any:
        """The size of this name, here."""
        return self._columns[self._present][name]

    def __iter__(self) -> Iterator[str]:
        """The names of the sizes."""
        return iter(self._columns[self._present])

    def __len__(self) -> int:
        """How many sizes there are."""
        return len(self._columns[self._present])

    def __getattr__(self, name: str) -> Any:
        """The size of this name, here."""
        column = self.__dict__.get("_columns", {}).get(self.__dict__.get("_present"), {})
        if name not in column:
            raise AttributeError(f"no size is named {name!r}; there are: {', '.join(column)}")
        return column[name]

    def __str__(self) -> str:
        """The sizes that hold, in one line."""
        listed = ", ".join(f"{name} = {value}" for name, value in self.items())
        return f"sizes for {_HEADINGS[self._present]}: {listed}"

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        shown = [name for name in self._columns if name != "tiny" or self._present == "tiny"]
        heads = [
            f"**{_HEADINGS[name]} (this run)**" if name == self._present else _HEADINGS[name]
            for name in shown
        ]
        lines = ["| size | " + " | ".join(heads) + " |", "|:--|" + "--:|" * len(shown)]
        for size in self:
            cells = [_cell(self._columns[name][size]) for name in shown]
            lines.append(f"| {size.replace('_', ' ')} | " + " | ".join(cells) + " |")
        return "\n".join(lines)


def sized(
    *, cpu: Mapping[str, Any], gpu: Mapping[str, Any], tiny: Mapping[str, Any] | None = None
) -> Sizes:
    """Choose a run's sizes by the device: ``gpu`` on CUDA, ``cpu`` elsewhere.

    MPS takes the CPU's sizes, since GPU sizes are made for a data-center card. The environment
    variable ``LIB_SIZE`` (``cpu``, ``gpu`` or ``tiny``) overrides the choice.

    Args:
        cpu: The sizes by name, for at most a minute on two cores.
        gpu: The same names, for a GPU.
        tiny: For a smoke test, the entries of ``cpu`` that are to be smaller still.

    Returns:
        The sizes that hold here, as attributes; it displays as a table of both.

    Raises:
        ValueError: ``cpu`` and ``gpu`` do not name the same sizes, ``tiny`` names another one, or
            ``LIB_SIZE`` is none of the three.

    >>> sizes = sized(cpu={"steps": 100}, gpu={"steps": 10_000})
    >>> sizes.steps in (100, 10_000)
    True
    """
    if set(cpu) != set(gpu) or not set(tiny or {}) <= set(cpu):
        raise ValueError(
            "every size needs a value for each device; "
            f"cpu names {sorted(cpu)}, gpu {sorted(gpu)}, tiny {sorted(tiny or {})}"
        )
    wanted = os.environ.get("LIB_SIZE", "").strip()
    if wanted and wanted not in _HEADINGS:
        raise ValueError(f"LIB_SIZE={wanted!r} is no size; expected cpu, gpu or tiny")
    present = wanted or ("gpu" if device().type == "cuda" else "cpu")
    return Sizes(present, {"cpu": cpu, "gpu": gpu, "tiny": {**cpu, **(tiny or {})}})


def _cell(value: Any) -> str:
    if isinstance(value, int) and value >= 10_000:
        return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value))
    return str(value).replace("|", "\\|")
