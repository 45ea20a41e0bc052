"""Integrals and endless sums written out: with bound variables that are the same for the same."""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Dummy, Tuple

from .integrals import Integral
from .operators import Node

_variables: dict[Any, Dummy] = {}


class EndlessSum(Node):
    """A sum without end written out: args (term, (n, low, oo)); nothing evaluates it."""

    @property
    def free_symbols(self) -> set[Any]:
        """The symbols that it depends on: not its index."""
        inside: set[Any] = self.args[0].free_symbols
        return inside - {self.args[1][0]}

    def _eval_simplify(self, **options: Any) -> "EndlessSum":
        return self

    def differentiated(self, by: Any, of: Callable[[Any, Any], Any]) -> Any:
        """Term by term, as inside its radius of convergence."""
        inner = of(self.args[0], by)
        return sympy.S.Zero if inner == 0 else EndlessSum(inner, self.args[1])


def written_integral(body: Callable[[Any], Any], low: Any, high: Any) -> Any:
    """An integral over a variable named by how deep it stands.

    Args:
        body: The integrand written out for a symbol.
        low: The lower end, written out.
        high: The upper end, written out.
    """
    if low == high:
        return sympy.S.Zero
    right_of_zero = low.is_extended_nonnegative and high.is_extended_nonnegative
    known = {"positive": True} if right_of_zero else {"real": True}
    fresh = Dummy(**known)
    value = body(fresh)
    if value == 0:
        return value
    x = _canonical(value, "x", known)
    return Integral(value.xreplace({fresh: x}), (x, low, high))


def written_sum(term: Callable[[Any], Any], low: int) -> Any:
    """An endless sum over an index named by how deep it stands."""
    known = {"integer": True, ("positive" if low >= 1 else "nonnegative"): True}
    if low < 0:
        known = {"integer": True}
    fresh = Dummy(**known)
    value = term(fresh)
    if value == 0:
        return value
    n = _canonical(value, "n", known)
    return EndlessSum(value.xreplace({fresh: n}), Tuple(n, low, sympy.oo))


def _canonical(value: Any, letter: str, known: dict[str, bool]) -> Dummy:
    level = 1 + max((_level(node) for node in value.atoms(Integral, EndlessSum)), default=0)
    key = (letter, level, tuple(sorted(known)))
    if key not in _variables:
        _variables[key] = Dummy(f"{letter}{level}", **known)
    return _variables[key]


def _level(node: Any) -> int:
    return int(node.args[1][0].name[1:])


def largest_of_linear(values: list[Any]) -> list[Any] | None:
    """Linear forms in real symbols of any sign without those that lie below another; else None.

    `sympy.Max` compares each with each, at some milliseconds a pair; of such forms two compare
    only where they differ by a number.

    >>> from sympy import Symbol
    >>> x, y = Symbol("x", real=True), Symbol("y", real=True)
    >>> largest_of_linear([x + y, x, x + 2])
    [x + y, x + 2]
    """
    largest: dict[Any, Any] = {}
    for value in values:
        number, form = value.as_coeff_Add()
        if not all(map(_is_free_term, sympy.Add.make_args(form))):
            return None
        largest[form] = max(largest.get(form, number), number)
    return [form + number for form, number in largest.items()]


def _is_free_term(term: Any) -> bool:
    coefficient, symbol = term.as_coeff_Mul()
    free = symbol.is_Symbol and symbol.is_real and symbol.is_zero is None
    free = free and symbol.is_nonnegative is None and symbol.is_nonpositive is None
    return term == 0 or bool(coefficient.is_Rational and free)
