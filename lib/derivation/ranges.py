"""What surely holds of expressions in sizes and indices, each index within its range."""

from typing import Any

import sympy

from .signs import size_nonnegative
from .symbols import Index


def surely_nonnegative(expr: Any) -> bool:
    """Whether an expression, linear in its indices, is at least 0 all over their ranges.

    >>> from lib.derivation import index, sizes
    >>> N = sizes("N")
    >>> n = index("n", 2, N)
    >>> surely_nonnegative(n - 2), surely_nonnegative(N - n), surely_nonnegative(n - 3)
    (True, True, False)
    """
    expr = sympy.expand(expr)
    for _ in range(6):  # an end of a range may hold indices again
        indices = sorted((s for s in expr.free_symbols if isinstance(s, Index)), key=str)
        if not indices:
            break
        slope = expr.coeff(indices[0], 1)
        if not slope.is_Integer or sympy.expand(expr - slope * indices[0]).has(indices[0]):
            return False
        end = indices[0].lower if slope > 0 else indices[0].upper
        expr = sympy.expand(expr.xreplace({indices[0]: end}))
    return size_nonnegative(expr)
