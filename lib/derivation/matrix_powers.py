"""Functions of square matrices: inverse, powers, exponential, determinant; and the softmax."""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Expr, S
from sympy.printing.precedence import PRECEDENCE

from . import matrix_values as values
from .errors import Undefined, Unsupported
from .matrix_base import MatrixNode, bracketed, fresh_index, of_matrix
from .matrix_letters import MatrixLetter
from .matrix_nodes import Scaled, Zeros, add, multiply, scale
from .matrix_scalars import MatrixScalar

Of = Callable[[Any, Any], Expr]


class Inverse(MatrixNode):
    """The inverse of `args[0]`."""

    precedence = PRECEDENCE["Pow"]

    @property
    def shape(self) -> tuple[Any, Any]:
        """Square."""
        return self.args[0].shape  # type: ignore[no-any-return]

    def grid(self, evaluator: Any, scope: Any) -> values.Rows:
        """The inverse; a singular matrix is an error."""
        backend, inner = evaluator.backend, self.args[0]
        if isinstance(inner, Scaled):
            over = backend.power(evaluator.value(inner.args[0], scope), backend.constant(-1))
            return values.scaled(backend, over, evaluator.value(Inverse(inner.args[1]), scope))
        grid = evaluator.value(inner, scope)
        if not surely_invertible(inner) and hasattr(backend, "demands"):
            backend.power(values.determinant(backend, grid), backend.constant(-1))  # is demanded
        return values.inverse(backend, grid)

    def differentiated(self, by: Any, of: Of) -> Expr:
        """Minus the inverse times the derivative times the inverse."""
        return -multiply(multiply(self, of_matrix(self.args[0], by, of)), self)

    def _latex(self, printer: Any) -> str:
        return rf"{bracketed(printer, self.args[0], PRECEDENCE['Atom'], latex=True)}^{{-1}}"

    def _sympystr(self, printer: Any) -> str:
        return f"inverse({printer._print(self.args[0])})"


class Power(MatrixNode):
    """An integer power: args (matrix, exponent)."""

    precedence = PRECEDENCE["Pow"]

    @property
    def shape(self) -> tuple[Any, Any]:
        """Square."""
        return self.args[0].shape  # type: ignore[no-any-return]

    def grid(self, evaluator: Any, scope: Any) -> values.Rows:
        """By squaring; a symbolic exponent needs its closed form."""
        base, exponent = evaluator.value(self.args[0], scope), self.args[1]
        backend = evaluator.backend
        try:
            times = evaluator.integer(exponent, scope)
        except Unsupported:
            value = evaluator.value(exponent, scope)
            if isinstance(value, Expr) and not value.is_Integer:
                from .matrix_exponential import power_form

                form = power_form(sympy.Matrix(base), value)
                return [list(row) for row in form.tolist()]
            times = int(value)
            if times != value:
                raise Undefined(f"the power {value} of a matrix") from None
        if times < 0:
            base, times = values.inverse(backend, base), -times
        result = values.identity(backend, len(base))
        while times:
            result = values.times(backend, result, base) if times % 2 else result
            base, times = (values.times(backend, base, base) if times > 1 else base), times // 2
        return result

    def entry(self, i: Any, j: Any) -> Expr:
        """That of the product, for a small positive exponent."""
        base, exponent = self.args
        if not exponent.is_Integer or not 0 < exponent < 5:
            raise Unsupported(f"the entries of {self} have no general form")
        result = base
        for _ in range(int(exponent) - 1):
            result = multiply(result, base)
        return result.entry(i, j)

    def differentiated(self, by: Any, of: Of) -> Expr:
        """By the product rule, the order kept."""
        base, exponent = self.args
        if not exponent.is_Integer or exponent < 0:
            raise Unsupported(f"no rule to differentiate {self}")
        inner, count = of_matrix(base, by, of), int(exponent)
        terms = [
            multiply(multiply(Power(base, k), inner), Power(base, count - 1 - k))
            for k in range(count)
        ]
        return add(*terms) if terms else S.Zero

    def _latex(self, printer: Any) -> str:
        inner = bracketed(printer, self.args[0], PRECEDENCE["Atom"], latex=True)
        return f"{inner}^{{{printer._print(self.args[1])}}}"

    def _sympystr(self, printer: Any) -> str:
        inner = bracketed(printer, self.args[0], PRECEDENCE["Atom"], latex=False)
        return f"{inner}^{bracketed(printer, self.args[1], PRECEDENCE['Atom'], latex=False)}"


class Exponential(MatrixNode):
    """The matrix exponential of `args[0]`."""

    precedence = PRECEDENCE["Pow"]

    @property
    def shape(self) -> tuple[Any, Any]:
        """Square."""
        return self.args[0].shape  # type: ignore[no-any-return]

    def grid(self, evaluator: Any, scope: Any) -> values.Rows:
        """The series with numbers; a checked closed form with symbols."""
        return values.exponential(evaluator.backend, evaluator.value(self.args[0], scope))

    def differentiated(self, by: Any, of: Of) -> Expr:
        """Of exp(c M) with a constant M: c' M exp(c M), since M commutes with it."""
        exponent = self.args[0]
        factor, matrix = exponent.args if isinstance(exponent, Scaled) else (S.One, exponent)
        if not isinstance(of_matrix(matrix, by, of), Zeros):
            raise Unsupported("no rule to differentiate an exponential of a matrix that changes")
        return scale(of(factor, by), multiply(matrix, self))

    def _latex(self, printer: Any) -> str:
        return rf"e^{{{printer._print(self.args[0])}}}"

    def _sympystr(self, printer: Any) -> str:
        return f"exp({printer._print(self.args[0])})"


class Softmax(MatrixNode):
    """Exponentials of the entries, each row divided by its sum."""

    @property
    def shape(self) -> tuple[Any, Any]:
        """That of the scores."""
        return self.args[0].shape  # type: ignore[no-any-return]

    def grid(self, evaluator: Any, scope: Any) -> values.Rows:
        """Row by row."""
        backend, scores = evaluator.backend, evaluator.value(self.args[0], scope)
        powers = [[backend.apply(sympy.exp, [x]) for x in row] for row in scores]
        totals = [backend.power(backend.add(row), backend.constant(-1)) for row in powers]
        return [
            [backend.multiply([x, total]) for x in row]
            for row, total in zip(powers, totals, strict=True)
        ]

    def entry(self, i: Any, j: Any) -> Expr:
        """The exponential over the row's sum."""
        scores = self.args[0]
        k = fresh_index(scores.shape[1])
        total = sympy.Sum(sympy.exp(scores.entry(i, k)), (k, 1, k.upper))
        return sympy.exp(scores.entry(i, j)) / total

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{softmax}}\left({printer._print(self.args[0])}\right)"

    def _sympystr(self, printer: Any) -> str:
        return f"softmax({printer._print(self.args[0])})"


def surely_invertible(node: Any) -> bool:
    """Whether a square matrix is stated to be invertible, or definite by name."""
    return isinstance(node, MatrixLetter) and node.base.has_property("invertible")


class Determinant(MatrixScalar):
    """The determinant of `args[0]`."""

    def _eval_is_zero(self) -> bool | None:
        return False if surely_invertible(self.args[0]) else None

    def evaluated(self, evaluator: Any, scope: Any) -> Any:
        """By expansion, without division."""
        grid = evaluator.value(self.args[0], scope)
        return values.determinant(evaluator.backend, grid)

    def _latex(self, printer: Any) -> str:
        return rf"\det\left({printer._print(self.args[0])}\right)"

    def _sympystr(self, printer: Any) -> str:
        return f"det({printer._print(self.args[0])})"
