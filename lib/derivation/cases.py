"""Absolute values, signs, maxima and minima, parted into the cases of which they are made."""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Abs, Dummy, Expr, Max, Min, S, sign

from .signs import is_real

KINKED = (Abs, sign, Max, Min)
MAX_DEPTH = 4


def in_every_case(expr: Expr, test: Callable[[Expr], bool], depth: int = MAX_DEPTH) -> bool:
    """Whether `test` holds for `expr` in each case of its absolute values and maxima.

    The cases of |g| are g > 0, g < 0 and g = 0; those of max(a, b, ...) go by a - b. Each is put
    into a symbol of g where g is linear in one. The cases may reach more than the domain: what
    holds in them holds on it.

    >>> from lib.derivation import real
    >>> x, y = real("x y")
    >>> difference = Max(x, y) - (x + y + Abs(x - y)) / 2
    >>> in_every_case(difference, lambda e: e.expand() == 0)
    True
    """
    switch = _switch(expr)
    if switch is None:
        return not expr.has(*KINKED) and test(expr)
    if depth == 0:
        return False
    return all(in_every_case(case, test, depth - 1) for case in _cases(expr, *switch))


def _switch(expr: Expr) -> tuple[Expr, Expr] | None:
    """An innermost part with a kink, and the real expression whose sign it goes by."""
    for part in sorted(expr.atoms(*KINKED), key=str):
        if any(a.has(*KINKED) for a in part.args):
            continue
        line = part.args[0] if len(part.args) == 1 else part.args[0] - part.args[1]
        if is_real(line):
            return part, line
    return None


def _cases(expr: Expr, part: Expr, line: Expr) -> list[Expr]:
    found = []
    for way in (1, -1, 0):
        if way == 0 and not isinstance(part, sign):
            continue  # the other two reach their common end
        step = Dummy(positive=True) if isinstance(part, sign) else Dummy(nonnegative=True)
        chosen = expr.xreplace({part: _chosen(part, way)})
        found.append(_put_in(chosen, line, way * step))
    return found


def _chosen(part: Any, way: int) -> Expr:
    """The part where its line is positive (way 1), negative (-1) or zero (0)."""
    if isinstance(part, sign):
        return sympy.Integer(way)
    if isinstance(part, Abs):
        return way * part.args[0]
    first, second, *rest = part.args
    larger = (first if way > 0 else second) if isinstance(part, Max) else (
        second if way > 0 else first)  # fmt: skip
    return part.func(larger, *rest)


def _put_in(expr: Expr, line: Expr, value: Expr) -> Expr:
    """`expr` with `line` = `value` solved for a symbol, where that is linear with a number."""
    for symbol in sorted(line.free_symbols, key=str):
        slope = line.diff(symbol)
        if slope.is_Rational and slope != S.Zero and symbol.is_extended_real:
            return expr.xreplace({symbol: sympy.expand(symbol + (value - line) / slope)})
    return expr
