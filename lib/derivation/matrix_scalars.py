"""Scalars made of matrices (traces, products of shape 1 × 1, entries), and matrices by entries."""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Expr, Integer, KroneckerDelta, S
from sympy.printing.precedence import PRECEDENCE

from . import matrix_base
from . import matrix_values as values
from .errors import OutOfRange
from .matrix_base import MatrixNode, bracketed, fresh_index, of_matrix
from .names import Call
from .operators import Node
from .symbols import index


class MatrixCall(MatrixNode, Call):
    """A named matrix."""

    @property
    def shape(self) -> tuple[Any, Any]:
        """That of its definition."""
        named: Any = self.named
        changes = dict(zip(named.parameters, self.args[1:], strict=True))
        rows, columns = named.definition.shape
        return rows.xreplace(changes), columns.xreplace(changes)

    def _latex(self, printer: Any) -> str:
        return str(printer._print_Call(self))

    def _sympystr(self, printer: Any) -> str:
        return (
            str(printer._print_Call(self)) if hasattr(printer, "_print_Call") else self.named.name
        )


class MatrixScalar(Node):
    """A scalar made of the matrix `args[0]`, real where the matrix is."""

    def _eval_is_real(self) -> bool | None:
        return True if _real_entries(self.args[0]) else None


def _real_entries(part: Any) -> bool:
    if isinstance(part, MatrixCall):
        return _real_entries(part.named.definition)  # type: ignore[union-attr]
    if isinstance(part, (MatrixNode, sympy.Tuple)):
        return all(map(_real_entries, part.args))
    if isinstance(part, sympy.MatrixBase):
        return all(x.is_real for x in part)
    return isinstance(part, sympy.IndexedBase) or part.is_real is True


class Trace(MatrixScalar):
    """The trace of `args[0]`."""

    def evaluated(self, evaluator: Any, scope: Any) -> Any:
        """The sum of the diagonal."""
        grid = evaluator.value(self.args[0], scope)
        return evaluator.backend.add([row[k] for k, row in enumerate(grid)])

    def unfolded(self) -> Expr:
        """The sum over the diagonal."""
        k = fresh_index(self.args[0].shape[0])
        return sympy.Sum(self.args[0].entry(k, k), (k, 1, k.upper))

    def differentiated(self, by: Any, of: Callable[[Any, Any], Expr]) -> Expr:
        """The trace of the derivative."""
        return Trace(of_matrix(self.args[0], by, of))

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{tr}}\left({printer._print(self.args[0])}\right)"

    def _sympystr(self, printer: Any) -> str:
        return f"tr({printer._print(self.args[0])})"


class Inner(MatrixScalar):
    """A matrix of shape 1 × 1 as the scalar that it is."""

    precedence = PRECEDENCE["Add"]  # bracketed in powers, by SymPy's printers

    def evaluated(self, evaluator: Any, scope: Any) -> Any:
        """The only entry."""
        return evaluator.value(self.args[0], scope)[0][0]

    def unfolded(self) -> Expr:
        """The only entry."""
        return self.args[0].entry(S.One, S.One)

    def differentiated(self, by: Any, of: Callable[[Any, Any], Expr]) -> Expr:
        """The derivative's only entry."""
        return Inner(of_matrix(self.args[0], by, of))

    def _latex(self, printer: Any) -> str:
        return str(printer._print(self.args[0]))

    def _sympystr(self, printer: Any) -> str:
        return str(printer._print(self.args[0]))

    def __matmul__(self, other: Any) -> Any:
        """A scalar times a matrix of one row."""
        return matrix_base.nodes().multiply(self, other)

    @property
    def T(self) -> "Inner":  # noqa: N802
        """Itself: a scalar."""
        return self


class EntryOf(MatrixScalar):
    """An entry of a matrix: args (matrix, row, column)."""

    def evaluated(self, evaluator: Any, scope: Any) -> Any:
        """The entry's value."""
        matrix = self.args[0]
        row, column = (evaluator.integer(k, scope) for k in self.args[1:])
        if matrix.placeholders and scope.integral():  # given by its entry: no need for the others
            i, j = matrix.placeholders
            ends = (evaluator.integer(n, scope) for n in matrix.shape)
            if all(1 <= k <= end for k, end in zip((row, column), ends, strict=True)):
                inner = scope.with_binding(i, row).with_binding(j, column)
                return evaluator.value(matrix.args[0], inner)
        grid = evaluator.value(matrix, scope)
        if not (1 <= row <= len(grid) and 1 <= column <= len(grid[0])):
            raise OutOfRange(f"{self}: entry ({row}, {column}) of {len(grid)} × {len(grid[0])}")
        return grid[row - 1][column - 1]

    def expanded(self, expand: Callable[[Any, Any], Any], scope: Any) -> Any:
        """The matrix expanded; of one that is given by its entries, the entry itself."""
        matrix, *indices = self.args
        row, column = (expand(k, scope) for k in indices)
        if matrix.placeholders:
            return expand(
                matrix.args[0],
                scope.with_binding(matrix.placeholders[0], row).with_binding(
                    matrix.placeholders[1], column
                ),
            )
        return EntryOf(expand(matrix, scope), row, column)

    def unfolded(self) -> Expr:
        """The entry as sums of products."""
        return self.args[0].entry(*self.args[1:])

    def differentiated(self, by: Any, of: Callable[[Any, Any], Expr]) -> Expr:
        """The derivative's entry."""
        return EntryOf(of_matrix(self.args[0], by, of), *self.args[1:])

    def _latex(self, printer: Any) -> str:
        inner = bracketed(printer, self.args[0], PRECEDENCE["Atom"], latex=True)
        below = ",".join(printer._print(k) for k in self.args[1:])
        return rf"{{{inner}}}_{{{below}}}"

    def _sympystr(self, printer: Any) -> str:
        inner = bracketed(printer, self.args[0], PRECEDENCE["Atom"], latex=False)
        return f"{inner}[{', '.join(printer._print(k) for k in self.args[1:])}]"


class Explicit(MatrixNode):
    """A matrix written out: args (an immutable SymPy matrix,)."""

    def __new__(cls, matrix: Any) -> "Explicit":
        """Wrap a SymPy matrix."""
        made: Explicit = Expr.__new__(cls, sympy.ImmutableDenseMatrix(matrix))
        return made

    @property
    def shape(self) -> tuple[Any, Any]:
        """That of the SymPy matrix."""
        return tuple(map(Integer, self.args[0].shape))

    def grid(self, evaluator: Any, scope: Any) -> values.Rows:
        """Every entry's value."""
        return [[evaluator.value(x, scope) for x in row] for row in self.args[0].tolist()]

    def free(self, of: Callable[[Any], frozenset[Any]]) -> frozenset[Any]:
        """Those of the entries."""
        return frozenset().union(*map(of, self.args[0].flat()))

    def expanded(self, expand: Callable[[Any, Any], Any], scope: Any) -> Any:
        """Entry by entry."""
        return Explicit(self.args[0].applyfunc(lambda x: expand(x, scope)))

    def entry(self, i: Any, j: Any) -> Expr:
        """The entry when row and column are numbers, else picked by brackets."""
        rows, columns = self.args[0].shape
        if i.is_Integer and j.is_Integer:
            return self.args[0][int(i) - 1, int(j) - 1]
        terms = (
            KroneckerDelta(i, a + 1) * KroneckerDelta(j, b + 1) * self.args[0][a, b]
            for a in range(rows)
            for b in range(columns)
        )
        return sympy.Add(*terms)

    def differentiated(self, by: Any, of: Callable[[Any, Any], Expr]) -> Expr:
        """Entry by entry."""
        return Explicit(self.args[0].applyfunc(lambda x: of(x, by)))

    def _latex(self, printer: Any) -> str:
        rows = (" & ".join(map(printer._print, row)) for row in self.args[0].tolist())
        return r"\begin{pmatrix} " + r" \\ ".join(rows) + r" \end{pmatrix}"

    def _sympystr(self, printer: Any) -> str:
        rows = (", ".join(map(printer._print, row)) for row in self.args[0].tolist())
        return "[" + "; ".join(rows) + "]"


def of_entries(expr: Any) -> tuple[Any, tuple[Any, ...]]:
    """Of a matrix, its entry in any row and column, and the two indices; else itself.

    The single column of a vector is no index.
    """
    if not isinstance(expr, MatrixNode):
        return expr, ()
    rows, columns = expr.shape
    i, j = index("row", 1, rows), index("column", 1, columns)
    if columns == 1:
        return EntryOf(expr, i, S.One), (i,)
    return EntryOf(expr, i, j), (i, j)
