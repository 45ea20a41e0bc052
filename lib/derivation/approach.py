"""How a symbol approaches a point: from which sides, and the expression in a distance that shrinks.

Shared by limits and by orders of approximation.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import mpmath
import sympy
from sympy import Dummy, Expr, S, Symbol

from .signs import is_positive, is_real
from .symbols import Index

# Three scales of the distance; at each the worst of several points counts, so that an oscillation
# does not hide. The points have no pattern: sin(pi / x) vanishes at every 1/k.
SCALES = (6.0, 60.0, 600.0)
SUM_SCALES = (1.0, 1.8, 2.6)
POINTS = tuple(repr(0.1 + 0.9 * (k * 0.6180339887498949 % 1)) for k in range(1, 13))
INTEGERS = (0, 1, 2, 3, 7)


class Approach(NamedTuple):
    """A symbol that goes to a point, from above (+), from below (-) or from both sides (+-)."""

    variable: Symbol
    point: Expr
    direction: str

    def sides(self) -> tuple[str, ...]:
        """The directions in which the claim must hold, one by one."""
        return tuple(self.direction)


def approach(when: tuple[Any, ...]) -> Approach:
    """`(x, point)` or `(x, point, direction)` checked; by default every side in the domain.

    Raises:
        TypeError: When `x` is no symbol.
        ValueError: When the direction is unknown, or the point cannot be reached in the domain.

    >>> x, p = sympy.Symbol("x", real=True), sympy.Symbol("p", positive=True)
    >>> approach((x, 0)).direction, approach((p, 0)).direction, approach((p, 1)).direction
    ('+-', '+', '+-')
    >>> approach((p, 0, "-"))
    Traceback (most recent call last):
    ...
    ValueError: p is positive: it cannot go to 0 from below
    """
    if len(when) not in (2, 3):
        raise ValueError(f"a limit is given as (x, point) or (x, point, direction), got {when!r}")
    variable, point, direction = (*when, "") if len(when) == 2 else when
    if not isinstance(variable, Symbol) or isinstance(variable, Index):
        raise TypeError(f"only a plain symbol or a size can go to a point, got {variable!r}")
    point = sympy.sympify(point)
    if direction not in ("", "+", "-", "+-"):
        raise ValueError(f'the direction of a limit is "+", "-" or "+-", got {direction!r}')
    if point in (S.Infinity, S.NegativeInfinity):
        _require_unbounded(variable, point)
        return Approach(variable, point, "+")
    if variable.is_integer:
        raise ValueError(f"{variable} is an integer: it can go to infinity only, not to {point}")
    reachable = _reachable(variable, point)
    if direction and not set(direction) <= set(reachable):
        known = "positive" if variable.is_positive else "of one sign"
        side = "below" if "-" in direction and "-" not in reachable else "above"
        raise ValueError(f"{variable} is {known}: it cannot go to {point} from {side}")
    if not reachable:
        raise ValueError(f"{variable} cannot go to {point}: no point near it is in the domain")
    return Approach(variable, point, direction or reachable)


def _require_unbounded(variable: Symbol, point: Any) -> None:
    blocked = variable.is_nonpositive if point == S.Infinity else variable.is_nonnegative
    if blocked:
        raise ValueError(f"{variable} cannot go to {point}: its sign forbids it")


def _reachable(variable: Symbol, point: Any) -> str:
    if variable.is_nonnegative:
        return "" if point.is_negative else "+" if point == 0 else "+-"
    if variable.is_nonpositive:
        return "" if point.is_positive else "-" if point == 0 else "+-"
    return "+-"


def moved(expr: Expr, to: Approach, side: str) -> tuple[Expr, Dummy, Expr]:
    """`expr` in a positive symbol that goes to 0, or at infinity to infinity: (expr, u, target)."""
    u = Dummy("u", positive=True)
    if to.point == S.Infinity:
        return expr.xreplace({to.variable: u}), u, S.Infinity
    if to.point == S.NegativeInfinity:
        return expr.xreplace({to.variable: -u}), u, S.Infinity
    return expr.xreplace({to.variable: to.point + (u if side == "+" else -u)}), u, S.Zero


def places(
    to: Approach, side: str, scale: float, point: Any, count: int
) -> Iterator[tuple[Any, Any]]:
    """(place, distance) at one scale; at infinity the distance is one over the place."""
    if to.point in (S.Infinity, S.NegativeInfinity):
        sign = 1 if to.point == S.Infinity else -1
        far = mpmath.floor(mpmath.mpf(10) ** scale)
        whole = to.variable.is_integer
        for place in (
            [far + k for k in INTEGERS] if whole else [far / mpmath.mpf(t) for t in POINTS[:count]]
        ):
            yield sign * place, 1 / place
        return
    for text in POINTS[:count]:
        distance = mpmath.mpf(text) * mpmath.mpf(10) ** -scale
        yield (point + distance if side == "+" else point - distance), distance


def same_for_all_parameters(expr: Expr, u: Symbol, target: Expr) -> bool:
    """Whether no special value of a parameter changes the behaviour of `expr` as u -> target.

    A limit of x²/(x² + (a - 3)²) as x → 0 is 0 for a ≠ 3 but 1 at a = 3: computer algebra
    answers for a in general. So each base of a power and each argument of a logarithm that holds
    both `u` and a parameter must tend to something surely not 0, after powers of `u` are taken
    out, and each exponent to a surely finite value or a surely infinite one.
    """
    for node in sympy.preorder_traversal(expr):
        part, test = _risky(node)
        mixed = part is not None and part.has(u) and part.free_symbols - {u}
        if mixed and not test(part, u, target):
            return False
    return True


def _risky(node: Any) -> tuple[Any, Callable[[Any, Any, Any], bool]]:
    """The part of a node whose limit decides its behaviour, and what that must be."""
    if isinstance(node, sympy.exp):
        return node.args[0], _settled
    if isinstance(node, sympy.log):
        return node.args[0], _away_from_zero
    if getattr(node, "is_Pow", False) and not (node.exp.is_Integer and node.exp > 0):
        return node.base, _away_from_zero
    if isinstance(node, (sympy.Abs, sympy.sign, sympy.Max, sympy.Min, sympy.Piecewise)):
        return node, lambda *_: False
    return None, _settled


def _settled(argument: Expr, u: Symbol, target: Expr) -> bool:
    found = sympy.limit(argument, u, target)
    return found in (S.Infinity, S.NegativeInfinity) or found.is_finite is True or is_real(found)


def _away_from_zero(base: Expr, u: Symbol, target: Expr) -> bool:
    for power in (0, 1, 2, -1, -2):
        found = sympy.limit(sympy.expand(base / u**power), u, target)
        if found in (S.Infinity, S.NegativeInfinity) and power == 0:
            return True
        if found.is_nonzero is True or is_positive(found) or is_positive(-found):
            return True
        if found != 0:
            return False
    return False
