"""The same run over several seeds, and how its results are written."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Spread = Literal["std", "range"]


@dataclass(frozen=True)
class OverSeeds:
    """What :func:`over_seeds` found: ``values[name][i]`` belongs to ``seeds[i]``."""

    seeds: list[int]
    values: dict[str, list[float]]

    def mean(self, name: str) -> float:
        """The mean over the seeds."""
        return statistics.fmean(self._of(name))

    def std(self, name: str) -> float:
        """The sample standard deviation (n - 1) over the seeds; needs two or more."""
        return statistics.stdev(self._of(name))

    def format(
        self, name: str, *, digits: int = 1, scale: float | int = 1, spread: Spread = "std"
    ) -> str:
        """The mean and its spread, as by :func:`format_spread`."""
        return format_spread(self._of(name), digits=digits, scale=scale, spread=spread)

    @property
    def legend(self) -> str:
        """What stands behind the ± sign, for a caption."""
        if len(self.seeds) == 1:
            return "one seed"
        return f"mean ± sample standard deviation over {len(self.seeds)} seeds"

    def _of(self, name: str) -> list[float]:
        if name not in self.values:
            raise KeyError(f"no value is named {name!r}; there are: {', '.join(self.values)}")
        return self.values[name]

    def __str__(self) -> str:
        """One line a value."""
        rows = [f"{name}: {self.format(name, digits=4)}" for name in self.values]
        return "\n".join([*rows, f"({self.legend})"])

    def _repr_markdown_(self) -> str:
        rows = [f"| {name} | {self.format(name, digits=4)} |" for name in self.values]
        return "\n".join([f"| metric | {self.legend} |", "|:--|--:|", *rows])


def over_seeds(
    function: Callable[[int], float | Mapping[str, float]], seeds: Iterable[int]
) -> OverSeeds:
    """Call ``function(seed)`` for each seed and gather what it returns.

    Args:
        function: Returns a number, or numbers by name (the same names each time).
        seeds: One or more different seeds; ``range(5)``.

    Returns:
        The values by name; a single number is named ``value``.

    Raises:
        ValueError: no seed, a seed twice, or names that change from seed to seed.

    >>> found = over_seeds(lambda seed: {"f1": 0.5 + 0.1 * seed}, range(3))
    >>> found.format("f1", scale=100), found.legend
    ('60.0 ± 10.0', 'mean ± sample standard deviation over 3 seeds')
    """
    chosen = list(seeds)
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"expected one or more different seeds; got {chosen}")
    rows = []
    for seed in chosen:
        result = function(seed)
        rows.append(dict(result) if isinstance(result, Mapping) else {"value": float(result)})
        if set(rows[-1]) != set(rows[0]):
            raise ValueError(
                f"seed {seed} gave {sorted(rows[-1])}, but seed {chosen[0]} {sorted(rows[0])}; "
                "every seed must give the same names"
            )
    return OverSeeds(chosen, {name: [float(row[name]) for row in rows] for name in rows[0]})


def format_spread(
    values: Sequence[float | int],
    *,
    digits: int = 1,
    scale: float | int = 1,
    spread: Spread = "std",
) -> str:
    """Write several values as their mean and their spread.

    Args:
        values: One or more; of a single one the value alone is written.
        digits: Digits after the point.
        scale: Multiplies each value; 100 for percent.
        spread: ``std`` writes mean ± sample standard deviation; ``range`` the mean with the
            smallest and the largest value.

    Raises:
        ValueError: no values, or another ``spread``.

    >>> format_spread([0.55, 0.56, 0.57], scale=100)
    '56.0 ± 1.0'
    >>> format_spread([0.55, 0.56, 0.57], scale=100, spread="range")
    '56.0 (55.0 to 57.0)'
    """
    if not values:
        raise ValueError("expected one or more values; got none")
    scaled = [scale * value for value in values]
    mean = f"{statistics.fmean(scaled):.{digits}f}"
    if len(scaled) == 1:
        return mean
    if spread == "std":
        return f"{mean} ± {statistics.stdev(scaled):.{digits}f}"
    if spread == "range":
        return f"{mean} ({min(scaled):.{digits}f} to {max(scaled):.{digits}f})"
    raise ValueError(f"spread must be 'std' or 'range'; it is {spread!r}")
