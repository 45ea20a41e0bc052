"""Roots and exponentials of quotients in one form, and signs that show over one denominator."""

from typing import Any

import sympy
from sympy import Dummy, Expr, Mul, Pow, S

from .errors import Unsupported
from .signs import is_positive

MAX_TERMS, MAX_POWER = 2000, 30


def is_positive_everywhere(expr: Any) -> bool:
    """Whether `expr` is surely positive, looking at its factors over one denominator too."""
    expr = sympy.sympify(expr)
    if is_positive(expr):
        return True
    if not expr.free_symbols:
        return bool(expr.is_extended_positive)
    numerator, denominator = sympy.fraction(sympy.together(_without_exponentials(expr)))
    sign = _sign(numerator) * _sign(denominator)
    return sign == 1


def _without_exponentials(expr: Expr) -> Expr:
    """exp(a) as 1 + v and exp(-a) as 1 / (1 + v), v > 0, where a is surely positive."""
    changes = {}
    for exponential in expr.atoms(sympy.exp):
        v = Dummy("v", positive=True)
        if is_positive(exponential.args[0]):
            changes[exponential] = 1 + v
        elif is_positive(-exponential.args[0]):
            changes[exponential] = 1 / (1 + v)
    return expr.xreplace(changes)


def _sign(expr: Expr) -> int:
    """1 or -1 where the sign of a product shows factor by factor, else 0."""
    if expr.has(sympy.exp):
        expr = sympy.numer(sympy.together(_without_exponentials(expr)))
    if is_positive(expr):
        return 1
    expanded = sympy.expand(expr)
    if is_positive(expanded):
        return 1
    if is_positive(sympy.expand(-expr)):
        return -1
    content, factors = sympy.factor_list(expanded)
    sign = 1 if content > 0 else -1
    for factor, power in factors:
        if factor == expanded:
            return 0
        sign *= _sign(factor) ** power
    return int(sign)


def tidy(expr: Any) -> Any:
    """The expression with roots of products taken apart and exponents over one denominator."""
    if not getattr(expr, "args", ()) or isinstance(expr, sympy.Tuple):
        return expr
    if not expr.has(sympy.exp, Pow):
        return expr
    if isinstance(expr, sympy.exp):
        return sympy.exp(_cancelled(tidy(expr.args[0])))
    arguments = [tidy(a) for a in expr.args]
    if expr.is_Pow and arguments[1].is_Rational and not arguments[1].is_Integer:
        return _root(arguments[0], arguments[1])
    return expr.func(*arguments)


def _cancelled(argument: Expr) -> Expr:
    try:
        return sympy.expand(sympy.cancel(sympy.together(argument)))
    except sympy.PolynomialError:
        return argument


def _root(base: Expr, exponent: Expr) -> Expr:
    """A power of a quotient as a product of powers of its positive irreducible factors."""
    if base.is_Number or base.is_Symbol:
        return base**exponent
    numerator, denominator = sympy.fraction(sympy.together(base))
    result, sign = S.One, 1
    for part, direction in ((numerator, 1), (denominator, -1)):
        try:
            content, factors = sympy.factor_list(sympy.expand(part))
        except sympy.PolynomialError:
            return base**exponent
        result *= abs(content) ** (direction * exponent)
        sign *= 1 if content > 0 else -1
        for factor, power in factors:
            own = _sign(factor)
            if own == 0:
                return base**exponent
            result *= Mul(own, factor) ** (direction * power * exponent)
            sign *= own**power
    return result if sign > 0 else base**exponent


def spread(expr: Any, x: Any) -> list[tuple[Expr, Expr]]:
    """The terms of a sum of products as (free of x, the rest); only what holds x is multiplied out.

    Raises:
        Unsupported: When there are too many.
    """
    if x not in expr.free_symbols:
        return [(expr, S.One)]
    if expr.is_Add:
        return [term for a in expr.args for term in spread(a, x)]
    parts = list(expr.args) if expr.is_Mul else []
    if expr.is_Pow and expr.base.is_Add and expr.exp.is_Integer and 0 < expr.exp <= MAX_POWER:
        parts = [expr.base] * int(expr.exp)
    if not parts:
        return [(S.One, expr)]
    terms: list[tuple[Expr, Expr]] = [(S.One, S.One)]
    for part in parts:
        terms = [(c * d, e * f) for c, e in terms for d, f in spread(part, x)]
        if len(terms) > MAX_TERMS:
            raise Unsupported("the integrand has too many terms")
    return terms
