"""Coefficients of power series: the numbers that a generating function carries."""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Expr, Rational

from .errors import Unsupported
from .operators import Node, Partial


class Coefficient(Node):
    """The coefficient of z^n in the expansion of a function about 0: args (body, z, n)."""

    is_big = True

    @property
    def binds(self) -> frozenset[Any]:
        """The variable of the series."""
        return frozenset({self.args[1]})

    @property
    def free_symbols(self) -> set[Any]:
        """The symbols that it depends on: not the variable of the series."""
        free: set[Any] = self.args[0].free_symbols
        free = (free - {self.args[1]}) | self.args[2].free_symbols
        return free

    def evaluated(self, evaluator: Any, scope: Any) -> Any:
        """The n-th derivative at 0 over n!; undefined where the function has not one more."""
        body, z, n = self.args
        order = evaluator.integer(n, scope)
        if order < 0:
            return evaluator.backend.constant(0)
        at_zero = scope.with_binding(z, evaluator.backend.constant(sympy.S.Zero))
        # sqrt(z) has the value 0 at 0 and no power series: smoothness is asked for, one order on.
        further = Partial(body, z, sympy.Integer(order + 1))
        evaluator.backend.derivative(evaluator, further, at_zero)
        if order == 0:
            return evaluator.value(body, at_zero)
        node = Partial(body, z, sympy.Integer(order))
        derivative = evaluator.backend.derivative(evaluator, node, at_zero)
        share = evaluator.backend.constant(Rational(1, sympy.factorial(order)))
        return evaluator.backend.multiply([derivative, share])

    def differentiated(self, by: Any, of: Callable[[Any, Any], Expr]) -> Expr:
        """Coefficient by coefficient."""
        if by == self.args[1]:
            return sympy.S.Zero
        inner = of(self.args[0], by)
        return sympy.S.Zero if inner == 0 else Coefficient(inner, *self.args[1:])

    def expanded(self, expand: Callable[[Any, Any], Any], scope: Any) -> Any:
        """Not for all n at once."""
        raise Unsupported("a coefficient is written out for given n only")

    def _latex(self, printer: Any) -> str:
        body, z, n = self.args
        return rf"[{printer._print(z)}^{{{printer._print(n)}}}] \, {printer.body(body)}"

    def _sympystr(self, printer: Any) -> str:
        body, z, n = map(printer._print, self.args)
        return f"coefficient({z}^{n} in {body})"


def coefficient(function: Any, variable: Any, power: Any) -> Expr:
    """The coefficient of `variable`^`power` in a power series about 0, unevaluated on the page.

    Args:
        function: The generating function, smooth at 0.
        variable: Its real variable.
        power: An integer, an index or a size; decided for each named value.

    Raises:
        TypeError: When `variable` is no real symbol.

    >>> from sympy import exp, factorial
    >>> from lib.derivation import derive, index, real
    >>> z, n = real("z"), index("n", 0, 4)
    >>> chain = derive(coefficient(exp(z), z, n)).equals(1 / factorial(n), because="Taylor")
    >>> chain.named("doc-coefficient").standing
    'proved'
    """
    variable = sympy.sympify(variable)
    plain = isinstance(variable, sympy.Symbol) and not variable.is_integer
    if not plain or not variable.is_extended_real:
        raise TypeError(f"expected a real symbol as variable, got {variable!r}")
    return Coefficient(function, variable, power)
