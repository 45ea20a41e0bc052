"""Powers that vanish in a limit: B^N with |B| < 1 by the conditions of the domain."""

import itertools
from typing import Any

import sympy
from sympy import Dummy, Expr, Pow, S, Symbol

from .conditions import parametrizations
from .inequalities import at_least_zero
from .signs import is_nonnegative, is_positive


def shrinking_cases(expr: Expr, u: Symbol, conditions: tuple[Any, ...]) -> list[Expr]:
    """The cases of `expr` for the signs of bases of powers that the conditions keep in (-1, 1).

    B^e becomes exp(-g e) with g > 0 for positive B, that times a sign of either parity of e for
    negative B, and 0 for B = 0. Computer algebra finds the limits of these, not that of B^N.
    """
    powers = [p for p in expr.atoms(Pow) if p.exp.has(u) and not p.base.has(u)]
    bases = sorted({p.base for p in powers if not p.base.is_number}, key=str)
    shrinking = [b for b in bases if _below_one(b, conditions)]
    cases = [expr]
    for base in shrinking:
        cases = list(itertools.chain(*(_signs(case, base, u) for case in cases)))
    return cases


def _below_one(base: Expr, conditions: tuple[Any, ...]) -> bool:
    if base.is_extended_real is not True:
        return False
    gaps = [c.gts - c.lts for c in conditions if isinstance(c, (sympy.Lt, sympy.Gt))]
    square = sympy.expand(1 - base**2)
    if any(sympy.expand(g - square) == 0 or g in _moduli(base) for g in gaps):
        return True
    changes = parametrizations(conditions) or [{}]
    return all(_positive(end, gaps, changes) for end in (1 - base, 1 + base))


def _moduli(base: Expr) -> tuple[Expr, ...]:
    return 1 - sympy.Abs(base), 1 - sympy.Abs(sympy.expand(base))


def _positive(expr: Expr, gaps: list[Expr], changes: list[Any]) -> bool:
    if is_positive(sympy.expand(expr)):
        return True
    if any(is_nonnegative(sympy.expand(expr - gap)) for gap in gaps):
        return True
    return all(at_least_zero(expr.xreplace(change), strict=True) for change in changes)


def _signs(expr: Expr, base: Expr, u: Symbol) -> list[Expr]:
    decay = Dummy("g", positive=True)
    cases = [_with_powers(expr, base, u, lambda e: sympy.exp(-decay * e))]
    if base.is_positive:
        return cases
    cases.append(_with_powers(expr, base, u, lambda _: S.Zero))
    if base.is_nonnegative:
        return cases
    for parity in (1, -1):  # of u: only whole exponents have a sign

        def signed(exponent: Expr, parity: int = parity) -> Expr:
            steps, rest = exponent.coeff(u, 1), exponent.coeff(u, 0)
            if not (steps.is_integer and rest.is_integer):
                return sympy.nan
            return S(parity) ** steps * S.NegativeOne**rest * sympy.exp(-decay * exponent)

        cases.append(_with_powers(expr, base, u, signed))
    return cases


def _with_powers(expr: Expr, base: Expr, u: Symbol, value: Any) -> Expr:
    powers = {
        p: value(sympy.expand(p.exp)) for p in expr.atoms(Pow) if p.base == base and p.exp.has(u)
    }
    return expr.xreplace(powers)
