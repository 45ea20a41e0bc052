"""Integrals by an antiderivative that is differentiated back and continuous on the range."""

import functools
from typing import Any

import sympy
from sympy import Dummy, Expr, S

from . import exact
from .errors import Undefined, Unsupported
from .powers import is_positive_everywhere, tidy
from .timing import TookTooLong, within

SECONDS = 3.0
BACK = "an antiderivative, differentiated back, continuous on the range"
_ENTIRE = (
    sympy.exp, sympy.sin, sympy.cos, sympy.atan, sympy.erf, sympy.sinh, sympy.cosh, sympy.tanh,
    sympy.asinh,
)  # fmt: skip


def by_antiderivative(body: Expr, x: Any, low: Any, high: Any, means: list[str]) -> Expr | None:
    """The integral as a difference of end values, or None where this is not seen to be sound."""
    found = _found(body, x)
    if found is None or not _continuous(found, x, low, high) or not _defined(body, x, low, high):
        return None
    ends = [_end_value(found, x, end, side) for end, side in ((high, "-"), (low, "+"))]
    if None in ends:
        return None
    means.append(BACK)
    upper, lower = ends
    return None if upper is None or lower is None else upper - lower


@functools.lru_cache(maxsize=500)
def _found(body: Expr, x: Any) -> Expr | None:
    try:
        return within(SECONDS, lambda: _antiderivative(body, x))
    except (TookTooLong, NotImplementedError, ValueError, TypeError, AttributeError, Unsupported):
        return None


def _antiderivative(body: Expr, x: Any) -> Expr | None:
    if body.is_polynomial(x):
        found = sympy.Poly(body, x).integrate().as_expr()
    else:
        found = sympy.integrate(body, x)
    found = _without_cases(found)
    if found.has(sympy.Integral, sympy.Piecewise, sympy.RootSum, sympy.I):
        return None
    back = found.diff(x)
    try:
        same = exact.equal(back, body)
    except (Unsupported, Undefined):
        same = False
    return found if same or sympy.simplify(back - body) == 0 else None


def _without_cases(found: Expr) -> Expr:
    """The first case of each `Piecewise` whose condition holds by the assumptions."""

    def chosen(cases: Any) -> Any:
        for value, condition in cases.args:
            if condition == sympy.true or _holds(condition):
                return value
            if not _fails(condition):
                return cases
        return cases

    return found.replace(lambda e: isinstance(e, sympy.Piecewise), chosen)


def _holds(condition: Any) -> bool:
    if isinstance(condition, sympy.Ne):
        gap = condition.args[0] - condition.args[1]
        return is_positive_everywhere(gap) or is_positive_everywhere(-gap)
    return False


def _fails(condition: Any) -> bool:
    return isinstance(condition, sympy.Eq) and _holds(sympy.Ne(*condition.args))


def on_range(expr: Expr, x: Any, low: Any, high: Any) -> Expr:
    """`expr` at an inner point of the range, in terms of a positive symbol."""
    u = Dummy("u", positive=True)
    if low.is_finite is False and high.is_finite is False:
        inner: Expr = Dummy("u", real=True)
    elif high == sympy.oo:
        inner = low + u
    elif low == -sympy.oo:
        inner = high - u
    else:
        inner = (low + high * u) / (1 + u)
    return expr.subs(x, inner)


def _nonzero_inside(expr: Expr, x: Any, low: Any, high: Any) -> bool:
    inside = on_range(expr, x, low, high)
    return is_positive_everywhere(inside) or is_positive_everywhere(-inside)


def _defined(expr: Any, x: Any, low: Any, high: Any) -> bool:
    """Whether the expression is smooth at every inner point of the range."""
    if x not in expr.free_symbols or expr == x:
        return True
    if not all(_defined(a, x, low, high) for a in expr.args):
        return False
    if expr.is_Add or expr.is_Mul or isinstance(expr, _ENTIRE):
        return True
    if expr.is_Pow:
        if expr.exp.is_Integer and expr.exp > 0:
            return True
        if expr.exp.is_Integer:
            return _nonzero_inside(expr.base, x, low, high)
        return is_positive_everywhere(on_range(expr.base, x, low, high))
    if isinstance(expr, sympy.log):
        return is_positive_everywhere(on_range(expr.args[0], x, low, high))
    return False


def _continuous(expr: Expr, x: Any, low: Any, high: Any) -> bool:
    return _defined(expr, x, low, high)


def _end_value(found: Expr, x: Any, end: Any, side: str) -> Expr | None:
    """The antiderivative at an end, or its limit there, confirmed near the end."""
    if end.is_finite and _smooth_at(found, x, end):
        return tidy(found.subs(x, end))
    try:
        value = within(SECONDS, lambda: sympy.limit(found, x, end, side))
    except (TookTooLong, NotImplementedError, ValueError, TypeError):
        return None
    if value.has(sympy.oo, -sympy.oo, sympy.nan, sympy.zoo, sympy.Limit, sympy.AccumBounds):
        return None
    return value if _near(found, value, x, end, side) else None


def _smooth_at(expr: Any, x: Any, end: Any) -> bool:
    if x not in expr.free_symbols or expr == x:
        return True
    if not all(_smooth_at(a, x, end) for a in expr.args):
        return False
    at = (expr.base if expr.is_Pow else expr.args[0]).subs(x, end)
    if expr.is_Pow and not (expr.exp.is_Integer and expr.exp > 0):
        return is_positive_everywhere(at) or (expr.exp.is_Integer and is_positive_everywhere(-at))
    if isinstance(expr, sympy.log):
        return is_positive_everywhere(at)
    return True


def _near(found: Expr, value: Expr, x: Any, end: Any, side: str) -> bool:
    """Whether values near the end approach the limit, at a few points of the parameters."""
    names = sorted((found.free_symbols | value.free_symbols) - {x}, key=str)
    for k in range(3):
        point = {n: sympy.Rational(3 + 2 * j + k, 7 + k) for j, n in enumerate(names)}
        distances = []
        for power in (6, 12):
            far = S(10) ** power
            place = (
                (far if end == sympy.oo else -far)
                if end.is_infinite
                else (end.subs(point) + (1 if side == "+" else -1) / far)
            )
            gap = (found.subs(point).subs(x, place) - value.subs(point)).evalf(40)
            distances.append(abs(gap))
        if not distances[-1].is_number or not (
            distances[-1] <= distances[0] and distances[-1] < sympy.Float("1e-4")
        ):
            return False
    return True
