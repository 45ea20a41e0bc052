"""Matrices with a form of their own: identity, ones, diagonals, blocks, given by their entries."""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Expr, KroneckerDelta, S
from sympy.printing.precedence import PRECEDENCE

from . import matrix_values as values
from .matrix_base import MatrixNode, bracketed, fresh_index, of_matrix
from .matrix_nodes import add

Of = Callable[[Any, Any], Expr]


class Identity(MatrixNode):
    """The identity: args (size,)."""

    head = "I"

    @property
    def shape(self) -> tuple[Any, Any]:
        """Square."""
        return self.args[0], self.args[0]

    def grid(self, evaluator: Any, scope: Any) -> values.Rows:
        """Ones on the diagonal."""
        return values.identity(evaluator.backend, evaluator.integer(self.args[0], scope))

    def entry(self, i: Any, j: Any) -> Expr:
        """Kronecker's delta."""
        return KroneckerDelta(i, j)

    def differentiated(self, by: Any, of: Of) -> Expr:
        """Zero."""
        return S.Zero

    def _latex(self, printer: Any) -> str:
        return self.head

    def _sympystr(self, printer: Any) -> str:
        return "I"


class Ones(MatrixNode):
    """The vector of ones: args (length,)."""

    head = r"\mathbf{1}"

    @property
    def shape(self) -> tuple[Any, Any]:
        """One column."""
        return self.args[0], S.One

    def grid(self, evaluator: Any, scope: Any) -> values.Rows:
        """Ones."""
        one = evaluator.backend.constant(1)
        return [[one] for _ in range(evaluator.integer(self.args[0], scope))]

    def entry(self, i: Any, j: Any) -> Expr:
        """One."""
        return S.One

    def differentiated(self, by: Any, of: Of) -> Expr:
        """Zero."""
        return S.Zero

    def _latex(self, printer: Any) -> str:
        return self.head

    def _sympystr(self, printer: Any) -> str:
        return "ones"


class Basis(MatrixNode):
    """The vector with a one at an index: args (length, index)."""

    head = r"\mathbf{e}"

    @property
    def shape(self) -> tuple[Any, Any]:
        """One column."""
        return self.args[0], S.One

    def grid(self, evaluator: Any, scope: Any) -> values.Rows:
        """One at the index, else zero."""
        at = evaluator.integer(self.args[1], scope)
        length = evaluator.integer(self.args[0], scope)
        return [[evaluator.backend.constant(int(k == at))] for k in range(1, length + 1)]

    def entry(self, i: Any, j: Any) -> Expr:
        """Kronecker's delta."""
        return KroneckerDelta(i, self.args[1])

    def differentiated(self, by: Any, of: Of) -> Expr:
        """Zero."""
        return S.Zero

    def _latex(self, printer: Any) -> str:
        return rf"{self.head}_{{{printer._print(self.args[1])}}}"

    def _sympystr(self, printer: Any) -> str:
        return f"e[{printer._print(self.args[1])}]"


class Hadamard(MatrixNode):
    """The product entry by entry."""

    precedence = PRECEDENCE["Mul"]

    @property
    def shape(self) -> tuple[Any, Any]:
        """That of both."""
        return self.args[0].shape  # type: ignore[no-any-return]

    def grid(self, evaluator: Any, scope: Any) -> values.Rows:
        """Entry by entry."""
        left, right = (evaluator.value(a, scope) for a in self.args)
        multiply_ = evaluator.backend.multiply
        return [
            [multiply_([a, b]) for a, b in zip(*rows, strict=True)]
            for rows in zip(left, right, strict=True)
        ]

    def entry(self, i: Any, j: Any) -> Expr:
        """The product of the entries."""
        return self.args[0].entry(i, j) * self.args[1].entry(i, j)

    def differentiated(self, by: Any, of: Of) -> Expr:
        """By the product rule."""
        left, right = self.args
        return add(
            Hadamard(of_matrix(left, by, of), right), Hadamard(left, of_matrix(right, by, of))
        )

    def _latex(self, printer: Any) -> str:
        limit = PRECEDENCE["Mul"] + 1
        return r" \circ ".join(bracketed(printer, a, limit, latex=True) for a in self.args)

    def _sympystr(self, printer: Any) -> str:
        limit = PRECEDENCE["Mul"] + 1
        return " ∘ ".join(bracketed(printer, a, limit, latex=False) for a in self.args)


class Diagonal(MatrixNode):
    """The diagonal matrix of a vector."""

    @property
    def shape(self) -> tuple[Any, Any]:
        """Square."""
        length = self.args[0].shape[0]
        return length, length

    def grid(self, evaluator: Any, scope: Any) -> values.Rows:
        """The vector's entries on the diagonal."""
        column = evaluator.value(self.args[0], scope)
        zero = evaluator.backend.constant(0)
        return [
            [value if i == j else zero for j in range(len(column))]
            for i, (value,) in enumerate(column)
        ]

    def entry(self, i: Any, j: Any) -> Expr:
        """The vector's entry on the diagonal."""
        return KroneckerDelta(i, j) * self.args[0].entry(i, S.One)

    def differentiated(self, by: Any, of: Of) -> Expr:
        """The diagonal of the derivative."""
        return Diagonal(of_matrix(self.args[0], by, of))

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{diag}}\left({printer._print(self.args[0])}\right)"

    def _sympystr(self, printer: Any) -> str:
        return f"diag({printer._print(self.args[0])})"


class Block(MatrixNode):
    """A matrix of blocks: args are rows of blocks (tuples)."""

    @property
    def shape(self) -> tuple[Any, Any]:
        """The sums of the blocks' sizes."""
        rows = sympy.Add(*(row[0].shape[0] for row in self.args))
        return rows, sympy.Add(*(part.shape[1] for part in self.args[0]))

    def grid(self, evaluator: Any, scope: Any) -> values.Rows:
        """The blocks beside and below one another."""
        result: values.Rows = []
        for row in self.args:
            parts = [evaluator.value(part, scope) for part in row]
            result.extend([x for part in lines for x in part] for lines in zip(*parts, strict=True))
        return result

    def differentiated(self, by: Any, of: Of) -> Expr:
        """Block by block."""
        rows = (sympy.Tuple(*(of_matrix(part, by, of) for part in row)) for row in self.args)
        return Block(*rows)

    def _latex(self, printer: Any) -> str:
        rows = (" & ".join(map(printer._print, row)) for row in self.args)
        return r"\begin{pmatrix} " + r" \\ ".join(rows) + r" \end{pmatrix}"

    def _sympystr(self, printer: Any) -> str:
        rows = (", ".join(map(printer._print, row)) for row in self.args)
        return "[" + "; ".join(rows) + "]"


class Entrywise(MatrixNode):
    """A matrix by its entries: args (entry, row index, column index)."""

    @property
    def placeholders(self) -> tuple[Any, ...]:  # type: ignore[override]
        """Row and column index."""
        return self.args[1:3]  # type: ignore[no-any-return]

    @property
    def shape(self) -> tuple[Any, Any]:
        """The ends of the indices' ranges."""
        return self.args[1].upper, self.args[2].upper

    def grid(self, evaluator: Any, scope: Any) -> values.Rows:
        """Every entry's value."""
        body, i, j = self.args[:3]
        rows, columns = (evaluator.integer(n, scope) for n in self.shape)
        return [
            [
                evaluator.value(body, scope.with_binding(i, a).with_binding(j, b))
                for b in range(1, columns + 1)
            ]
            for a in range(1, rows + 1)
        ]

    def entry(self, i: Any, j: Any) -> Expr:
        """The entry."""
        return self.args[0].xreplace({self.args[1]: i, self.args[2]: j})

    def free(self, of: Callable[[Any], frozenset[Any]]) -> frozenset[Any]:
        """Those of the entry but row and column."""
        return (of(self.args[0]) - set(self.args[1:3])).union(*map(of, self.shape))

    def expanded(self, expand: Callable[[Any, Any], Any], scope: Any) -> Any:
        """With row and column of new names."""
        body, *indices = self.args[:3]
        fresh = [fresh_index(expand(k.upper, scope)) for k in indices]
        for old, new in zip(indices, fresh, strict=True):
            scope = scope.with_binding(old, new)
        return Entrywise(expand(body, scope), *fresh)

    def differentiated(self, by: Any, of: Of) -> Expr:
        """Entry by entry."""
        return Entrywise(of(self.args[0], by), *self.args[1:3])

    def _latex(self, printer: Any) -> str:
        body, i, j = self.args[:3]
        below = f"{printer._print(i)},{printer._print(j)}"
        return rf"\left[{printer._print(body)}\right]_{{{below}}}"

    def _sympystr(self, printer: Any) -> str:
        body, i, j = self.args[:3]
        return f"[{printer._print(body)}]_({printer._print(i)}, {printer._print(j)})"


class Gradient(Entrywise):
    """The derivatives of a scalar by every entry: args (partial, i, j, scalar, letter)."""

    precedence = PRECEDENCE["Mul"]  # bracketed inside products, which it would take in

    def _latex(self, printer: Any) -> str:
        scalar, matrix = self.args[3:]
        inner = bracketed(printer, scalar, PRECEDENCE["Mul"], latex=True)
        return rf"\frac{{\partial}}{{\partial {printer._print(matrix)}}} {inner}"

    def _sympystr(self, printer: Any) -> str:
        scalar, matrix = self.args[3:]
        inner = bracketed(printer, scalar, PRECEDENCE["Mul"], latex=False)
        return f"d/d{printer._print(matrix)} {inner}"
