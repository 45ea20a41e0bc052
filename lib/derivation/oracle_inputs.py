"""What an oracle is called with, checked against the symbols that the formula declares."""

from collections.abc import Mapping
from typing import Any

from sympy import Symbol

from .domain import Ingredients
from .symbols import Path

#: SymPy's assumptions, the condition that values must meet, and its words.
_FACTS: tuple[tuple[str, Any, str], ...] = (
    ("is_positive", lambda v: v > 0, "positive"),
    ("is_negative", lambda v: v < 0, "negative"),
    ("is_nonnegative", lambda v: v >= 0, "zero or positive"),
    ("is_nonpositive", lambda v: v <= 0, "zero or negative"),
    ("is_zero", lambda v: v == 0, "zero"),
    ("is_nonzero", lambda v: v != 0, "different from zero"),
    ("is_integer", lambda v: v == v.round(), "whole numbers"),
    ("is_even", lambda v: v % 2 == 0, "even"),
    ("is_odd", lambda v: v % 2 == 1, "odd"),
)


def name_of(free: Any) -> str:
    """The keyword of a free index or path: a star is spelled out."""
    name = str(free.label) if isinstance(free, Path) else str(free)
    return name.replace("^*", "_star")


def require_domain(name: str, symbol: Any, value: Any) -> None:
    """Hold the values of an input to what its symbol declares.

    Raises:
        ValueError: With the first value that does not meet it, and where it stands.
    """
    for fact, holds, words in _FACTS:
        if not getattr(symbol, fact):
            continue
        wrong = ~holds(value)
        if bool(wrong.any()):
            place = first_place(wrong)
            at = f" at {list(place)}" if value.ndim else ""
            raise ValueError(f"{name} is declared {words}, got {float(value[place])}{at}")


def first_place(mask: Any) -> tuple[int, ...]:
    """Where an array or tensor of truth values is first true."""
    if not mask.ndim:
        return ()
    found = mask.nonzero()
    found = found[0] if hasattr(mask, "detach") else [axis[0] for axis in found]
    return tuple(int(k) for k in found)


def tags_of(name: str, tags: Any) -> Any:
    """The tags of a path as a NumPy array of integers.

    Raises:
        TypeError: When they are no integers.
        ValueError: When they have no axis.
    """
    import numpy as np

    values = np.asarray(tags.detach().cpu().numpy() if hasattr(tags, "detach") else tags)
    if values.dtype.kind not in "iu":
        raise TypeError(f"the tags of {name} must be integers from 1, got dtype {values.dtype}")
    if not values.ndim:
        raise ValueError(f"{name} must have shape [..., T], got a single number")
    return values


def sizes_of(
    found: Ingredients,
    arrays: Mapping[str, Any],
    given: Mapping[str, Any],
    free: Mapping[str, Any],
    paths: Mapping[str, Any],
) -> dict[Symbol, int]:
    """The value of each size, from the trailing shapes of arrays and paths, or given itself.

    Raises:
        ValueError: When two inputs do not agree about a size, or a shape does not fit.
        TypeError: When nothing tells a size.
    """
    sizes: dict[Symbol, int] = {}
    origin: dict[Symbol, str] = {}
    for size in found.sizes:
        if size.name in given:
            if given[size.name].ndim:
                raise ValueError(f"the size {size} must be one number for the whole batch")
            sizes[size], origin[size] = int(given[size.name]), "itself"
    shapes = [(n, arrays[n].shape, tuple(given[n].shape)) for n in given if n in arrays]
    shapes += [(n, (free[n].length,), p.shape) for n, p in paths.items()]
    for name, wanted, shape in shapes:
        if len(shape) < len(wanted):
            raise ValueError(f"{name} must have shape [..., {_words(wanted)}], got {shape}")
        for size, number in zip(wanted, shape[len(shape) - len(wanted) :], strict=True):
            if size.is_Symbol and sizes.setdefault(size, int(number)) != number:
                raise ValueError(
                    f"{size} is {sizes[size]} by {origin[size]} and {number} by {name}"
                )
            origin.setdefault(size, name)
    for name, wanted, shape in shapes:  # sizes such as T - 1 or 3, when the others are known
        for size, number in zip(wanted, shape[len(shape) - len(wanted) :], strict=True):
            value = size.subs(sizes)
            if value.is_Integer and int(value) != number:
                raise ValueError(
                    f"{name} must have shape [..., {_words(wanted)}], where {size} is {value}; "
                    f"got {shape}"
                )
    for size in found.sizes:
        if size not in sizes:
            raise TypeError(f"no array tells the size {size}: give it as {size}=...")
    return sizes


def _words(shape: Any) -> str:
    return ", ".join(map(str, shape))
