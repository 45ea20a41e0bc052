"""What an author hands over, checked: expressions, sizes, ways in which a symbol moves."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy

from .domain import Ingredients, Sizes
from .matrix_base import as_matrix
from .names import Abbreviation, Recursion


def expression(value: Any) -> Any:
    """The value as a SymPy expression.

    Raises:
        TypeError: When it is a string, or a name without its arguments.
    """
    if isinstance(value, str):  # sympify would make untyped symbols of it, x complex and all
        raise TypeError(
            f"got the string {value!r}: give a SymPy expression of typed symbols, such as "
            'exp(x) with x = real("x")'
        )
    if isinstance(value, (Abbreviation, Recursion)):
        raise TypeError(f"{value.name} is a name: call it with its arguments, as in f(y)")
    return as_matrix(value) if isinstance(value, sympy.MatrixBase) else sympy.sympify(value)


def checked_sizes(sizes: Mapping[Any, Sequence[int]] | None) -> Sizes | None:
    """The sizes with tuples of values.

    Raises:
        ValueError: When a value is no integer of at least one.
    """
    if sizes is None:
        return None
    checked = {}
    for size, values in sizes.items():
        chosen = (values,) if isinstance(values, int) else tuple(values)
        if not chosen or not all(isinstance(v, int) and v >= 1 for v in chosen):
            raise ValueError(f"sizes of {size} must be integers of at least 1, got {values!r}")
        checked[size] = chosen
    return checked


def with_sizes(found: Ingredients, sizes: Sizes | None) -> Ingredients:
    """Count a symbol for which sizes are given as a size, wherever it stands."""
    for size in sizes or {}:
        if size in found.symbols:
            found.symbols.discard(size)
            found.sizes.add(size)
    return found


def common_sizes(restricted: Iterable[Sizes | None]) -> dict[Any, tuple[int, ...]]:
    """The sizes for which every step of a chain is proved.

    Raises:
        ValueError: When a size has no value in common.
    """
    common: dict[Any, tuple[int, ...]] = {}
    for sizes in restricted:
        for size, values in (sizes or {}).items():
            kept = tuple(v for v in common.get(size, values) if v in values)
            if not kept:
                raise ValueError(f"the steps have no value of {size} in common")
            common[size] = kept
    return common
