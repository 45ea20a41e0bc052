"""Loaders of tables of measurements: named columns of numbers."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lib.datasets.errors import DatasetError

Parts = Mapping[str, Sequence[Path]]


@dataclass(frozen=True)
class Table:
    """Measurements: ``values`` is ``rows columns`` in float64, ``names`` names the columns."""

    names: tuple[str, ...]
    values: Tensor

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.values)

    def __getitem__(self, name: str) -> Tensor:
        """One column; a KeyError names the columns there are."""
        if name not in self.names:
            raise KeyError(f"no column {name!r}; the table has {list(self.names)}")
        return self.values[:, self.names.index(name)]


def sachs(parts: Parts) -> dict[str, Table]:
    """Abundances of eleven phosphorylated proteins and lipids, a row for each cell."""
    (path,) = parts["all"]
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        header = next(reader)
        rows = [[float(item) for item in row] for row in reader]
    unknown = sorted(set(header) - set(_PROTEINS))
    if unknown:
        raise DatasetError(f"{path.name} has unknown columns {unknown}")
    names = tuple(_PROTEINS[name] for name in header)
    return {"all": Table(names, torch.tensor(rows, dtype=torch.float64))}


_PROTEINS = {
    "praf": "Raf", "pmek": "Mek", "plcg": "PLCγ", "PIP2": "PIP2", "PIP3": "PIP3",
    "p44/42": "Erk", "pakts473": "Akt", "PKA": "PKA", "PKC": "PKC", "P38": "p38", "pjnk": "JNK",
}  # fmt: skip


def diabetes(parts: Parts) -> dict[str, Table]:
    """Ten measurements of 442 patients and how the disease went on, as scikit-learn ships them.

    The column of the sexes, which has two values, is left out.
    """
    from sklearn.datasets import load_diabetes

    loaded = load_diabetes(scaled=False)
    columns = {name: loaded.data[:, k] for k, name in enumerate(loaded.feature_names)}
    columns["progression"] = loaded.target
    kept = {_MEASURED[name]: values for name, values in columns.items() if name in _MEASURED}
    values = torch.stack([torch.tensor(v, dtype=torch.float64) for v in kept.values()], dim=1)
    return {"all": Table(tuple(kept), values)}


_MEASURED = {
    "age": "age", "bmi": "body mass", "bp": "blood pressure", "s1": "cholesterol", "s2": "LDL",
    "s3": "HDL", "s4": "cholesterol/HDL", "s5": "log triglycerides", "s6": "glucose",
    "progression": "progression",
}  # fmt: skip
