"""Endless sums in closed form: power series whose convergence is shown, not assumed."""

from typing import Any

import sympy
from sympy import Add, Dummy, Expr, Mul, S

from .powers import is_positive_everywhere, spread
from .written import EndlessSum

_MEANS = {
    "geometric": "geometric series, |ratio| < 1 shown from the assumptions",
    "exponential": "the exponential series",
    "binomial": "the binomial series, |ratio| < 1 shown from the assumptions",
}


def closed_sum(body: Expr, n: Any, low: int, means: list[str]) -> Expr:
    """The sum of `body` over n from `low` on, in closed form as far as it goes.

    A term is c n^k g(n) with g(n + 1) / g(n) = r, r / (n + 1) or r (n + s) / (n + 1): geometric,
    exponential and binomial series, differentiated k times by r d/dr.
    """
    total, left = S.Zero, []
    for coefficient, term in spread(body, n):
        constant, power, rest = _split(term, n)
        constant *= coefficient
        value = _known(rest, power, n, means)
        if value is None:
            left.append(constant * n**power * rest)
            continue
        first = [(n**power * rest).subs(n, k) for k in range(low)] if low > 0 else []
        if low < 0:
            left.append(constant * n**power * rest)
            continue
        total += constant * (value - Add(*first))
    if left:
        total += _remaining(left, n, low)
    return total


def _remaining(left: list[Expr], n: Any, low: int) -> Expr:
    total = S.Zero
    for term in left:
        constant, rest = term.as_independent(n, as_Add=False)
        total += constant * EndlessSum(rest, (n, low, sympy.oo))
    return total


def _split(term: Expr, n: Any) -> tuple[Expr, int, Expr]:
    """A term as (free of n, power of n, the rest)."""
    constant, power, rest = S.One, 0, S.One
    for factor in Mul.make_args(term):
        if n not in factor.free_symbols:
            constant *= factor
        elif factor == n:
            power += 1
        elif factor.is_Pow and factor.base == n and factor.exp.is_Integer and factor.exp > 0:
            power += int(factor.exp)
        else:
            rest *= factor
    return constant, power, rest


def _known(rest: Expr, power: int, n: Any, means: list[str]) -> Expr | None:
    """The sum over n >= 0 of n^power times `rest`, or None."""
    ratio = _ratio(rest, n)
    if ratio is None:
        return None
    ratio = sympy.cancel(sympy.together(ratio))
    r, kind, shift = _kind(ratio, n)
    if r is None:
        return None
    if kind != "exponential" and not (
        is_positive_everywhere(1 - r) and is_positive_everywhere(1 + r)
    ):
        return None
    z = Dummy("z")
    series = {
        "geometric": 1 / (1 - z),
        "exponential": sympy.exp(z),
        "binomial": (1 - z) ** (-shift),
    }[kind]
    for _ in range(power):
        series = z * series.diff(z)
    means.append(_MEANS[kind])
    return rest.subs(n, 0) * series.subs(z, r)


def _kind(ratio: Expr, n: Any) -> tuple[Any, str, Any]:
    if n not in ratio.free_symbols:
        return ratio, "geometric", S.One
    over = sympy.cancel(ratio * (n + 1))
    if n not in over.free_symbols:
        return over, "exponential", S.Zero
    if over.is_polynomial(n) and sympy.degree(over, n) == 1:
        r = sympy.cancel(over.coeff(n, 1)) if over.is_Add else sympy.Poly(over, n).LC()
        r = sympy.factor(sympy.Poly(over, n).LC())
        return r, "binomial", sympy.cancel(sympy.Poly(over, n).TC() / r)
    return None, "", None


def _ratio(rest: Expr, n: Any) -> Expr | None:
    """rest(n + 1) / rest(n), or None where a factor has no rule."""
    ratio = S.One
    for factor in Mul.make_args(rest):
        base, exponent = factor.as_base_exp() if not isinstance(factor, sympy.exp) else (factor, 1)
        one = _ratio_of(base, n) if n not in sympy.sympify(exponent).free_symbols else None
        if one is not None:
            ratio *= one**exponent
        elif n not in base.free_symbols and sympy.sympify(exponent).is_polynomial(n):
            step = sympy.expand(sympy.sympify(exponent).subs(n, n + 1) - exponent)
            if n in step.free_symbols:
                return None
            ratio *= base**step
        else:
            return None
    return ratio


def _ratio_of(base: Expr, n: Any) -> Expr | None:
    if n not in base.free_symbols:
        return S.One
    if base.is_polynomial(n):
        return base.subs(n, n + 1) / base
    if isinstance(base, sympy.exp):
        step = sympy.expand(base.args[0].subs(n, n + 1) - base.args[0])
        return None if n in step.free_symbols else sympy.exp(step)
    if isinstance(base, sympy.binomial):
        top, bottom = base.args
        return _ratio(
            sympy.gamma(top + 1) / (sympy.gamma(bottom + 1) * sympy.gamma(top - bottom + 1)), n
        )
    if isinstance(base, sympy.RisingFactorial) and base.args[1] == n:
        return base.args[0] + n
    if isinstance(base, (sympy.factorial, sympy.gamma)):
        inner = base.args[0]
        step = sympy.expand(inner.subs(n, n + 1) - inner)
        if step == 1:
            return inner + (1 if isinstance(base, sympy.factorial) else 0)
        return S.One if step == 0 else None
    return None
