"""Closed forms of integrals and endless sums, found by rules that carry their own proof.

Every integrand is parted into terms, powers of the variable times an exponential where it can be.
Gaussian and exponential integrals follow from one formula each, whose condition (a positive
coefficient) is shown from the assumptions; any other integral needs an antiderivative, which is
differentiated back and must be continuous on the range. What has no closed form stays, term by
term, so that linearity and equal integrals are still seen.
"""

from typing import Any

import sympy
from sympy import Add, Expr, Mul, Poly, S

from .antiderivatives import by_antiderivative
from .integrals import Integral
from .powers import is_positive_everywhere, spread, tidy
from .series import closed_sum
from .written import EndlessSum

GAUSS = "Gaussian integrals, by completing squares with positive coefficients"
DECAY = "integrals of powers times a decaying exponential"
Means = list[str]


def in_closed_form(*sides: Expr) -> tuple[list[Expr], Means]:
    """The sides with integrals and endless sums evaluated where possible, and by what means."""
    if not any(side.has(Integral, EndlessSum) for side in sides):
        return list(sides), []
    means: Means = []
    return [tidy(_evaluated(side, means)) for side in sides], list(dict.fromkeys(means))


def _evaluated(expr: Any, means: Means) -> Any:
    """Innermost first."""
    if not getattr(expr, "args", ()) or not expr.has(Integral, EndlessSum):
        return expr
    if isinstance(expr, Integral):
        x, low, high = expr.args[1]
        body = _evaluated(expr.body, means)
        return integrate(tidy(body), x, low, high, means)
    if isinstance(expr, EndlessSum):
        n, low, _ = expr.args[1]
        return closed_sum(_evaluated(expr.args[0], means), n, int(low), means)
    return expr.func(*(_evaluated(a, means) for a in expr.args))


def integrate(body: Expr, x: Any, low: Any, high: Any, means: Means) -> Expr:
    """The integral in closed form as far as it goes; what is left stays an integral."""
    total: Expr = S.Zero
    left: list[tuple[Expr, Expr]] = []
    for exponent, rest, coefficients in parted(body, x):
        value = None
        if rest == 1:
            value = _of_exponential(exponent, coefficients, x, low, high, means)
        if value is None:
            shared = sympy.exp(exponent) * rest
            left += [(c, x**k * shared) for k, c in coefficients.items()]
        else:
            total += value
    return total + (_of_the_rest(left, x, low, high, means) if left else S.Zero)


def _of_the_rest(left: list[tuple[Expr, Expr]], x: Any, low: Any, high: Any, means: Means) -> Expr:
    """Terms by antiderivatives, each for itself or all together."""
    own: Means = []
    values = [by_antiderivative(term, x, low, high, own) for _, term in left]
    if None in values and len(left) > 1:
        whole = Add(*(c * term for c, term in left))
        together = by_antiderivative(whole, x, low, high, means)
        if together is not None:
            return together
    means += own
    return Add(
        *(
            c * (_canonical(term, x, low, high) if value is None else value)
            for (c, term), value in zip(left, values, strict=True)
        )
    )


def _canonical(term: Expr, x: Any, low: Any, high: Any) -> Expr:
    constant, rest = term.as_independent(x, as_Add=False)
    return constant * Integral(rest, (x, low, high))


Part = tuple[Expr, Expr, dict[Expr, Expr]]


def parted(body: Expr, x: Any) -> list[Part]:
    """The terms of an integrand as (exponent, rest, {power of x: coefficient})."""
    found: dict[tuple[Expr, Expr], dict[Expr, Expr]] = {}
    for coefficient, term in spread(body, x):
        exponent, rest, power = S.Zero, S.One, S.Zero
        for factor in Mul.make_args(term):
            if isinstance(factor, sympy.exp):
                exponent += factor.args[0]
            elif factor == x:
                power += 1
            elif factor.is_Pow and factor.base == x and x not in factor.exp.free_symbols:
                power += factor.exp
            elif factor.is_Pow and factor.base.is_positive and x not in factor.base.free_symbols:
                exponent += factor.exp * sympy.log(factor.base)
            else:
                rest *= factor
        fixed, moving = sympy.expand(exponent).as_independent(x, as_Add=True)
        moving = _collected(moving, x)
        coefficients = found.setdefault((moving, rest), {})
        coefficients[power] = coefficients.get(power, S.Zero) + coefficient * sympy.exp(fixed)
    return [
        (exponent, rest, {k: c for k, c in coefficients.items() if c != 0})
        for (exponent, rest), coefficients in found.items()
    ]


def _collected(exponent: Expr, x: Any) -> Expr:
    """An exponent as a polynomial in x with tidy coefficients, where it is one."""
    if not exponent.is_polynomial(x):
        return exponent
    return Add(*(tidy(c) * x**k for (k,), c in Poly(exponent, x).terms()))


def _of_exponential(
    exponent: Expr, coefficients: dict[Expr, Expr], x: Any, low: Any, high: Any, means: Means
) -> Expr | None:
    """The integral of powers of x times an exponential of a polynomial of degree two at most."""
    if not exponent.is_polynomial(x):
        return None
    degree = Poly(exponent, x).degree() if exponent != 0 else 0
    slope, curve = exponent.coeff(x, 1), exponent.coeff(x, 2)
    whole = all(k.is_Integer and k >= 0 for k in coefficients)
    line = low == -sympy.oo and high == sympy.oo
    if degree == 2 and line and whole and is_positive_everywhere(-curve):
        means.append(GAUSS)
        return Add(*(c * gaussian(int(k), -curve, slope) for k, c in coefficients.items()))
    if degree == 1 and high == sympy.oo and low.is_finite and is_positive_everywhere(-slope):
        return _decaying(coefficients, -slope, low, means)
    if (
        degree == 1
        and low == -sympy.oo
        and high.is_finite
        and whole
        and is_positive_everywhere(slope)
    ):
        mirrored = {k: c * (-1) ** k for k, c in coefficients.items()}
        return _decaying(mirrored, slope, -high, means)
    return None


def gaussian(power: int, a: Expr, b: Expr) -> Expr:
    """The integral of x^power exp(-a x^2 + b x) over the line, for a > 0."""
    mean, variance = b / (2 * a), 1 / (2 * a)
    moment = Add(
        *(
            sympy.binomial(power, j)
            * mean ** (power - j)
            * sympy.factorial2(j - 1)
            * variance ** (j // 2)
            for j in range(0, power + 1, 2)
        )
    )
    return sympy.sqrt(sympy.pi / a) * sympy.exp(b**2 / (4 * a)) * moment


def _decaying(coefficients: dict[Expr, Expr], rate: Expr, low: Expr, means: Means) -> Expr | None:
    """The integral of powers of x times exp(-rate x) from `low`, for a positive rate."""
    total = S.Zero
    for k, c in coefficients.items():
        if k.is_Integer and k >= 0:
            shifted = [
                sympy.binomial(k, j) * low ** (k - j) * sympy.factorial(j) / rate ** (j + 1)
                for j in range(int(k) + 1)
            ]
            total += c * sympy.exp(-rate * low) * Add(*shifted)
        elif low == 0 and is_positive_everywhere(k + 1):
            total += c * sympy.gamma(k + 1) / rate ** (k + 1)
        else:
            return None
    means.append(DECAY)
    return total
