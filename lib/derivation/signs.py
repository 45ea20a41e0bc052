"""Signs that follow from the form of an expression and the assumptions of its symbols."""

from typing import Any

import sympy

from .operators import PathMax, PathSum, SumAtom


def is_positive(expr: Any) -> bool:
    """Whether `expr` is surely a positive number (False: not seen to be)."""
    if expr.is_Number or expr.is_Symbol or isinstance(expr, sympy.Indexed):
        return expr.is_positive is True
    if isinstance(expr, sympy.exp):
        return is_real(expr.args[0])
    if expr.is_Add:
        return all(map(is_nonnegative, expr.args)) and any(map(is_positive, expr.args))
    if expr.is_Mul:
        return _signed_product(expr, strict=True)
    if expr.is_Pow:
        base, exponent = expr.args
        return is_positive(base) and is_real(exponent)
    if _is_sum(expr):
        return is_positive(expr.args[0]) and _never_empty(expr)
    return expr.is_positive is True


def is_nonnegative(expr: Any) -> bool:
    """Whether `expr` is surely a number of at least zero (False: not seen to be)."""
    if is_positive(expr) or expr.is_nonnegative is True:
        return True
    if expr.is_Add:
        return all(map(is_nonnegative, expr.args))
    if expr.is_Mul:
        return _signed_product(expr, strict=False)
    if expr.is_Pow:
        base, exponent = expr.args
        if exponent.is_Integer and exponent % 2 == 0 and exponent > 0:
            return is_real(base)
        return exponent.is_positive is True and is_nonnegative(base)
    if _is_sum(expr):
        return is_nonnegative(expr.args[0])
    return isinstance(expr, sympy.KroneckerDelta)


def is_real(expr: Any) -> bool:
    """Whether `expr` is surely a real number (False: not seen to be)."""
    if expr.is_extended_real is True or expr.is_Number:
        return expr.is_infinite is not True
    if expr.is_Add or expr.is_Mul:
        return all(map(is_real, expr.args))
    if expr.is_Pow and expr.exp.is_Integer:
        return is_real(expr.base) and (expr.exp > 0 or is_positive(expr.base))
    if isinstance(expr, sympy.exp):
        return is_real(expr.args[0])
    if isinstance(expr, sympy.log):
        return is_positive(expr.args[0])
    return _is_sum(expr) and is_real(expr.args[0])


def _is_sum(expr: Any) -> bool:
    if isinstance(expr, SumAtom):
        return True
    return isinstance(expr, (sympy.Sum, PathSum)) and not isinstance(expr, PathMax)


def _never_empty(expr: Any) -> bool:
    limits = [lim for lim in expr.args[1:] if isinstance(lim, sympy.Tuple) and len(lim) == 3]
    return all(size_nonnegative(high - low) for _, low, high in limits)


def _is_negative(expr: Any) -> bool:
    if expr.is_Add:
        return is_positive(sympy.Add(*(-a for a in expr.args)))
    return expr.is_negative is True


def _signed_product(expr: Any, *, strict: bool) -> bool:
    negative, rest = 0, []
    for factor in expr.args:
        if is_positive(factor):
            continue
        if _is_negative(factor):
            negative += 1
        else:
            rest.append(factor)
    if negative % 2:
        return False
    return not rest or (not strict and all(map(is_nonnegative, rest)))


def size_nonnegative(expr: Any) -> bool:
    """Whether an expression in sizes and indices, all at least 1, is surely at least 0."""
    symbols = [s for s in expr.free_symbols if s.is_integer and s.is_positive]
    shifted = sympy.expand(expr.subs({s: s + 1 for s in symbols}, simultaneous=True))
    return all(c >= 0 for c in shifted.as_coefficients_dict().values()) and all(
        s.is_nonnegative for s in shifted.free_symbols
    )
