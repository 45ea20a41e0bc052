"""Operators that stay unevaluated on the page: sums over indices and paths, maxima, derivatives."""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Expr, Integer, Tuple
from sympy.printing.precedence import PRECEDENCE

from .errors import Unsupported
from .symbols import Index, Path


class Node(Expr):  # type: ignore[misc]
    """A node of the page's expression tree, commutative, never evaluated by SymPy.

    It is real where its parts are seen to be.
    """

    is_commutative = True
    is_big = False  # whether it prints as a sign before its body, as a sum: what follows joins it

    def __new__(cls, *args: Any) -> "Node":
        """Build the node from SymPy expressions."""
        node: Node = Expr.__new__(cls, *map(sympy.sympify, args))
        return node

    def doit(self, **hints: Any) -> "Node":
        """Stay as written."""
        return self

    def real_parts(self) -> tuple[Any, ...]:
        """The parts of which it is real when they are."""
        return tuple(self.args)

    def _eval_is_real(self) -> bool | None:
        return True if all(map(_is_real, self.real_parts())) else None

    # What a new kind of node says of itself; it prints by `_latex` and `_sympystr` (SymPy's own
    # hooks, which get the printer).

    @property
    def binds(self) -> frozenset[Any]:
        """The plain symbols that it binds, such as the variable of an integral."""
        return frozenset()

    def evaluated(self, evaluator: Any, scope: Any) -> Any:
        """Its value: `evaluator.value(part, scope)` evaluates a part, `evaluator.backend` counts.

        Raises:
            Unsupported: When it has none with this backend.
        """
        raise Unsupported(f"no rule to evaluate {self} ({type(self).__name__})")

    def free(self, of: Callable[[Any], frozenset[Any]]) -> frozenset[Any]:
        """The indices and paths that it depends on; `of` tells those of a part."""
        return frozenset().union(*map(of, self.args))

    def differentiated(self, by: Any, of: Callable[[Any, Any], Expr]) -> Expr:
        """Its derivative; `of(part, by)` is a part's."""
        raise Unsupported(f"no rule to differentiate {type(self).__name__}")

    def expanded(self, expand: Callable[[Any, Any], Any], scope: Any) -> Any:
        """Itself with the names in its parts expanded; a node that binds names renames them."""
        return self.func(*(expand(a, scope) for a in self.args))

    def unfolded(self) -> Expr | None:
        """An equal expression of simpler parts for proofs that hold for all sizes, if any."""
        return None


def _is_real(part: Any) -> bool:
    from .signs import is_real  # looks into nodes itself

    if isinstance(part, Tuple):
        return all(map(_is_real, part))
    return part.is_extended_real is True or is_real(part)


class BigMax(Node):
    r"""max over an index: args (body, (n, low, high))."""

    is_big = True


class PathSum(Node):
    """Sum over all paths that meet the conditions: args (body, path, conditions)."""

    is_big = True

    def real_parts(self) -> tuple[Any, ...]:
        """The body."""
        return (self.args[0],)


class PathMax(PathSum):
    """Maximum over all paths that meet the conditions."""


class Indicator(Node):
    """One where the condition holds, else zero: [y_t = i]."""

    is_nonnegative = True


class Partial(Node):
    """Derivative of `args[0]` by `args[1]`, `args[2]` times."""

    precedence = PRECEDENCE["Add"]  # bracketed inside products, by SymPy's printers


class Replaced(Node):
    """`args[0]` in which each array (or symbol) of `args[1:]` is replaced by an expression."""


class Slope(Node):
    """Derivative of an unknown function with indices by one argument: args (call, position)."""


class SumAtom(Node):
    """A connected sum: args (product, *binders); a binder is (index, low, high) or (path,)."""

    def real_parts(self) -> tuple[Any, ...]:
        """The product."""
        return (self.args[0],)


def _limits(binder: Any) -> Tuple:
    """The triple (index, low, high) of a binder."""
    if isinstance(binder, Index):
        return Tuple(binder, binder.lower, binder.upper)
    if isinstance(binder, (tuple, Tuple)) and len(binder) == 3 and isinstance(binder[0], Index):
        variable, low, high = map(sympy.sympify, binder)
        if low.is_Integer and low < 1 and variable.is_positive:
            raise ValueError(
                f"the index {variable} starts at {variable.lower} but this range at {low}: make "
                f"it index('{variable}', {low}, {high})"
            )
        return Tuple(variable, low, high)
    raise TypeError(
        f"expected an index or (index, low, high), got {binder!r}: make indices with index(...)"
    )


def sum_over(body: Any, *binders: Any) -> Expr:
    """The sum of `body` over indices, unevaluated.

    Args:
        body: What is summed.
        binders: Indices (their own range) or triples (index, low, high); the first is innermost.

    >>> from lib.derivation import array, index, sizes
    >>> N = sizes("N")
    >>> n = index("n", 1, N)
    >>> sum_over(array("s", N)[n], n)
    Sum(s[n], (n, 1, N))
    """
    return sympy.Sum(body, *map(_limits, binders))


def product_over(body: Any, *binders: Any) -> Expr:
    """The product of `body` over indices, unevaluated."""
    return sympy.Product(body, *map(_limits, binders))


def max_over(body: Any, binder: Any) -> Expr:
    """The largest value of `body` over an index, unevaluated."""
    return BigMax(body, _limits(binder))


def _check_path(variable: Any) -> None:
    if not isinstance(variable, Path):
        raise TypeError(f"expected a path, got {variable!r}: make paths with path('y', T, K)")


def path_sum(body: Any, variable: Path, *conditions: Any) -> Expr:
    """The sum over all K^T paths, or over those that meet every condition, as `Eq(y[t], i)`."""
    _check_path(variable)
    return PathSum(body, variable, Tuple(*conditions))


def path_max(body: Any, variable: Path, *conditions: Any) -> Expr:
    """The largest value over all paths, or over those that meet every condition."""
    _check_path(variable)
    return PathMax(body, variable, Tuple(*conditions))


def indicator(condition: Any) -> Expr:
    """Iverson's bracket: one where the condition holds, zero elsewhere."""
    if condition in (sympy.true, sympy.false):
        return Integer(int(bool(condition)))
    return Indicator(condition)


def partial(body: Any, variable: Any, order: int = 1) -> Expr:
    """The derivative of `body` by a symbol or an entry of an array, unevaluated on the page."""
    variable = sympy.sympify(variable)
    if not isinstance(variable, (sympy.Symbol, sympy.Indexed)) or isinstance(variable, Index):
        raise TypeError(f"cannot differentiate by {variable!r}: give a real symbol or h[t, i]")
    if getattr(getattr(variable, "base", None), "facts", ()):
        raise TypeError(f"cannot differentiate by {variable!r}: equations bind its matrix")
    return Partial(body, variable, Integer(order))


def replaced(body: Any, *replacements: tuple[Any, Any]) -> Expr:
    """`body` with entries of arrays replaced: `replaced(p(y), (g[i, j], 0))`.

    The indices of the pattern are placeholders: every entry is replaced. The new expression is
    read in the original arrays, so (h[t, i], h[t, i] + c[t]) shifts h once.

    Raises:
        TypeError: When a pattern is neither an entry with distinct indices nor a plain symbol.
    """
    pairs = []
    for pattern, new in replacements:
        entry = isinstance(pattern, sympy.Indexed) and all(
            isinstance(k, Index) for k in pattern.indices
        )
        if not entry and not isinstance(pattern, sympy.Symbol):
            raise TypeError(f"cannot replace {pattern!r}: give an entry h[t, i] or a plain symbol")
        if entry and len(set(pattern.indices)) < len(pattern.indices):
            raise TypeError(f"the indices of the pattern {pattern!r} must be distinct")
        pairs.append(Tuple(pattern, sympy.sympify(new)))
    return Replaced(body, *pairs)
