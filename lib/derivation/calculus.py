"""Differentiation of expression trees, with sums over indices and paths."""

from typing import Any

import sympy
from sympy import Expr, Indexed, KroneckerDelta, S
from sympy.core.function import AppliedUndef

from .errors import Unsupported
from .operators import Node, PathMax, PathSum, Slope


def differentiate(expr: Any, by: Any) -> Expr:
    """The derivative of `expr` by a symbol or an entry of an array.

    Raises:
        Unsupported: When a part has no known derivative, as a maximum or a recursion by name.
    """
    if expr == by:
        return S.One
    if hasattr(expr, "derivative_by"):  # an entry of a matrix
        slope: Expr = expr.derivative_by(by)
        return slope
    if isinstance(expr, Indexed):
        same = isinstance(by, Indexed) and expr.base == by.base
        if not same:
            return S.Zero
        return sympy.Mul(
            *(KroneckerDelta(a, b) for a, b in zip(expr.indices, by.indices, strict=True))
        )
    if expr.is_Atom or not _mentions(expr, by):
        return S.Zero
    if expr.is_Add:
        return sympy.Add(*(differentiate(a, by) for a in expr.args))
    if expr.is_Mul:
        return _product_rule(expr, by)
    if expr.is_Pow:
        return _power_rule(expr, by)
    if isinstance(expr, sympy.Sum):
        return sympy.Sum(differentiate(expr.args[0], by), *expr.args[1:])
    if isinstance(expr, PathSum) and not isinstance(expr, PathMax):
        inner = differentiate(expr.args[0], by)
        return S.Zero if inner == 0 else PathSum(inner, *expr.args[1:])
    if isinstance(expr, Slope):
        raise Unsupported("a second derivative of an unknown function has no general form here")
    if isinstance(expr, AppliedUndef) and isinstance(expr.args[0], sympy.Tuple):
        arguments = enumerate(expr.args[1:], 1)
        return sympy.Add(*(Slope(expr, k) * differentiate(a, by) for k, a in arguments))
    if isinstance(expr, Node):
        return expr.differentiated(by, differentiate)
    if isinstance(expr, (AppliedUndef, sympy.Derivative, sympy.Subs)):
        return expr.diff(by)
    if isinstance(expr, sympy.hyper) and not _mentions(sympy.Tuple(*expr.args[:2]), by):
        return expr.fdiff(3) * differentiate(expr.args[2], by)
    if isinstance(expr, sympy.Function) and not isinstance(expr, (sympy.Max, sympy.hyper)):
        return sympy.Add(
            *(expr.fdiff(k) * differentiate(a, by) for k, a in enumerate(expr.args, 1))
        )
    raise Unsupported(f"no rule to differentiate {type(expr).__name__}")


def _mentions(expr: Any, by: Any) -> bool:
    base = by.base if isinstance(by, Indexed) else by
    return any(node == base for node in sympy.preorder_traversal(expr))


def _product_rule(expr: Expr, by: Any) -> Expr:
    terms = []
    for k, factor in enumerate(expr.args):
        inner = differentiate(factor, by)
        if inner != 0:
            terms.append(sympy.Mul(*expr.args[:k], inner, *expr.args[k + 1 :]))
    return sympy.Add(*terms)


def _power_rule(expr: Any, by: Any) -> Expr:
    base, exponent = expr.base, expr.exp
    outer = differentiate(exponent, by)
    inner = exponent * base ** (exponent - 1) * differentiate(base, by)
    return inner if outer == 0 else inner + expr * sympy.log(base) * outer
