"""Rational expressions as quotients of two polynomials."""

from typing import Any

import sympy
from sympy import Expr, Symbol
from sympy.polys.rings import PolyElement, ring

from .errors import Undefined, Unsupported

MAX_TERMS = 20000


def quotient(expr: Expr) -> tuple[PolyElement, PolyElement]:
    """Numerator and denominator of a flattened expression, as polynomials.

    Raises:
        Unsupported: When it is no rational expression in its symbols.
        Undefined: When a denominator is zero for all values.
    """
    symbols = sorted(expr.free_symbols, key=str) or [Symbol("_")]
    domain_ring, *_ = ring([*symbols], sympy.QQ)
    lookup = dict(zip(symbols, domain_ring.gens, strict=True))
    return _fraction(expr, domain_ring, lookup, {})


Fraction = tuple[PolyElement, PolyElement]


def _fraction(
    expr: Expr, domain: Any, lookup: dict[Any, Any], done: dict[Expr, Fraction]
) -> Fraction:
    if expr in done:
        return done[expr]
    if expr.is_Rational:
        result = domain(sympy.QQ(int(expr.p), int(expr.q))), domain.one
    elif expr in lookup:
        result = lookup[expr], domain.one
    elif expr.is_Add:
        result = _sum([_fraction(a, domain, lookup, done) for a in expr.args], domain)
    elif expr.is_Mul:
        result = domain.one, domain.one
        for a in expr.args:
            numerator, denominator = _fraction(a, domain, lookup, done)
            result = _limited(result[0] * numerator), _limited(result[1] * denominator)
    elif expr.is_Pow and expr.exp.is_Integer:
        numerator, denominator = _fraction(expr.base, domain, lookup, done)
        if expr.exp < 0:
            numerator, denominator = denominator, numerator
        if not denominator:
            raise Undefined("division by zero for all values")
        power = abs(int(expr.exp))
        result = _limited(numerator**power), _limited(denominator**power)
    else:
        raise Unsupported(f"{expr} is no rational expression")
    done[expr] = result
    return result


def _sum(parts: list[Fraction], domain: Any) -> Fraction:
    """Add fractions, those over one denominator first."""
    by_denominator: dict[Any, PolyElement] = {}
    for numerator, denominator in parts:
        by_denominator[denominator] = by_denominator.get(denominator, domain.zero) + numerator
    total, common = domain.zero, domain.one
    for denominator, numerator in by_denominator.items():
        if denominator == domain.one:
            total = total + _limited(numerator * common)
            continue
        shared, left, right = _cofactors(common, denominator)
        total = _limited(total * right) + _limited(numerator * left)
        common = _limited(shared * left * right)
    return total, common


def _cofactors(first: PolyElement, second: PolyElement) -> tuple[Any, Any, Any]:
    if first == first.ring.one:
        return first, first, second
    if len(first) * len(second) > 400:
        for one, other, swapped in ((first, second, False), (second, first, True)):
            whole, rest = divmod(one, other)
            if not rest:
                unit = one.ring.one
                return (other, unit, whole) if swapped else (other, whole, unit)
        return first.ring.one, first, second
    shared, left, right = first.cofactors(second)
    return shared, left, right


def _limited(polynomial: PolyElement) -> PolyElement:
    if len(polynomial) > MAX_TERMS:
        raise Unsupported("the polynomials grow too large")
    return polynomial
