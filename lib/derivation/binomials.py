"""Sums that the binomial theorem carries out: binomial(n, k) c^k times a polynomial in k."""

from typing import Any

import sympy
from sympy import Dummy, Expr, S


def carried_out(expr: Any) -> Any:
    r"""`expr` with such sums over k = 0..n replaced by their value.

    From sum_k binomial(n, k) c^k = (1 + c)^n, differentiated j times by c:
    sum_k k(k-1)...(k-j+1) binomial(n, k) c^k = n(n-1)...(n-j+1) c^j (1 + c)^(n-j).

    >>> n, k, x = sympy.Symbol("n", positive=True, integer=True), *sympy.symbols("k x")
    >>> carried_out(sympy.Sum(k * sympy.binomial(n, k) * x**k, (k, 0, n)))
    n*x*(x + 1)**(n - 1)
    """
    if isinstance(expr, sympy.Sum) and len(expr.args) == 2:
        value = _value(carried_out(expr.args[0]), *expr.args[1])
        if value is not None:
            return value
    if not getattr(expr, "args", ()) or not isinstance(expr, Expr):
        return expr
    return expr.func(*(carried_out(a) if isinstance(a, Expr) else a for a in expr.args))


def _value(body: Expr, k: Any, low: Expr, high: Expr) -> Expr | None:
    choose = sympy.binomial(high, k)
    if low != 0 or not body.has(choose):
        return None
    rest = sympy.powsimp(sympy.expand_power_exp(body / choose))
    if rest.has(choose):
        return None
    ratio = sympy.simplify(sympy.expand_power_exp(rest.xreplace({k: k + 1}) / rest))
    base = sympy.limit(ratio, k, sympy.oo) if ratio.has(k) else ratio
    if not base.is_finite and base.has(sympy.oo, sympy.zoo):
        return None
    polynomial = sympy.simplify(sympy.expand_power_exp(rest / base**k))
    if not polynomial.is_polynomial(k) or base.has(k):
        return None
    total, left, j = S.Zero, sympy.Poly(polynomial, k), 0
    plain = Dummy()
    while not left.is_zero:  # in falling factorials: Newton's form at 0, 1, 2, …
        total += left.eval(j) * sympy.ff(high, j) * plain**j * (1 + plain) ** (high - j)
        left = (left - left.eval(j)).quo(sympy.Poly(k - j, k))
        j += 1
    return total.xreplace({plain: base})
