"""Hold an implementation to its derived formula."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import Disagreement
from .result import Result, show

MIME = "application/vnd.derive-implement-train.check+json"


@dataclass(frozen=True)
class Agreement:
    """How far a function and a formula were apart at worst; shows itself as one sentence."""

    label: str
    function: str
    cases: int
    max_error: float
    tolerance: float

    def sentence(self, link: Callable[[str], str]) -> str:
        """What was found, with the function's name as `link` writes it."""
        return (
            f"{link(self.function)} agrees with the formula in {self.cases} "
            f"case{'s' if self.cases != 1 else ''}: the largest error is {self.max_error:.1e} "
            f"(tolerance {self.tolerance:.0e})."
        )

    def __str__(self) -> str:
        """The sentence in plain text."""
        return f"({self.label}) {self.sentence(str)}"

    def __repr__(self) -> str:
        """The same: what a terminal shows."""
        return str(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        # Roles become links in the book, and nothing renders them elsewhere.
        in_book = bool(os.environ.get("LIB_BOOK_BUILD"))
        equation = f"{{eq}}`{self.label}`" if in_book else f"({self.label})"
        role = "{py:func}" if in_book else ""
        markdown = f"{equation}: " + self.sentence(lambda name: f"{role}`{name}`")
        fields = ("label", "function", "cases", "max_error", "tolerance")
        return {
            "text/markdown": markdown,
            "text/plain": str(self),
            MIME: {name: getattr(self, name) for name in fields},
        }

    def show(self) -> None:
        """Display the sentence in a notebook, print it elsewhere."""
        show(self)


def agreement(
    result: Result,
    function: Callable[..., Any],
    cases: Iterable[tuple[Mapping[str, Any], Any]],
    *,
    tolerance: float | int,
    side: str = "right",
    select: Callable[[Any], Any] = lambda output: output,
    name: str | None = None,
) -> Agreement:
    """Compare a derived formula with the function that implements it.

    Args:
        result: The result whose last line is the formula.
        function: What implements it.
        cases: Pairs (inputs of the oracle by name, inputs of the function: a tuple or a mapping).
        tolerance: The largest absolute error allowed, relative to one plus the magnitude of what
            is expected.
        side: ``right`` for what was derived, ``left`` for what it was derived from (often the
            definition, such as a sum over all paths).
        select: Which part of the function's output is compared.
        name: The function's public dotted name, when it is not its module and name.

    Returns:
        The largest error and the number of cases.

    Raises:
        Disagreement: With the case, when the error exceeds the tolerance or is no number.
        ValueError: Without cases.
    """
    name = name or f"{function.__module__}.{function.__qualname__}"
    oracle, worst, count = result.numpy(side), 0.0, 0
    for number, (inputs, arguments) in enumerate(cases, 1):
        expected = np.asarray(oracle(**inputs))
        by_name = isinstance(arguments, Mapping)
        output = select(function(**arguments) if by_name else function(*arguments))
        actual = _as_numpy(output)
        if actual.shape != expected.shape:
            raise Disagreement(
                f"{name} gives shape {actual.shape} in case {number}, "
                f"the formula {result.label} gives {expected.shape}"
            )
        error = np.abs(actual - expected) / (1 + np.abs(expected))
        largest = float(error.max(initial=0.0))
        if not largest <= tolerance:
            raise Disagreement(_difference(name, result, number, inputs, actual, expected, error))
        worst, count = max(worst, largest), number
    if not count:
        raise ValueError("no case was given: nothing was compared")
    return Agreement(result.label, name, count, worst, tolerance)


def _as_numpy(output: Any) -> Any:
    return np.asarray(output.detach().cpu().numpy() if hasattr(output, "detach") else output)


def _difference(
    name: str, result: Result, number: int, inputs: Any, actual: Any, expected: Any, error: Any
) -> str:
    where = np.unravel_index(
        int(np.nanargmax(np.where(np.isnan(error), np.inf, error))), error.shape
    )
    place = [int(k) for k in where]
    return (
        f"{name} differs from the formula {result.label} in case {number} at {place}: "
        f"{actual[where]} instead of {expected[where]}; the inputs were\n{dict(inputs)}"
    )
