r"""Matrices of any size on the page: what an author writes them with.

>>> from lib.derivation import abbreviation, derive, identity, matrix, ones, sizes, trace
>>> n = sizes("n")
>>> K, L = matrix("K", n, n, symmetric=True), matrix("L", n, n, symmetric=True)
>>> H = abbreviation("H", definition=identity(n) - ones(n) @ ones(n).T / n)()
>>> result = (
...     derive(trace(K @ H @ L @ H) / n**2)
...     .equals(
...         trace(K @ L) / n**2
...         + (ones(n).T @ K @ ones(n)) * (ones(n).T @ L @ ones(n)) / n**4
...         - 2 * (ones(n).T @ K @ L @ ones(n)) / n**3,
...         because="$H$ written out; traces are cyclic and equal those of the transpose",
...     )
...     .named("doc-hsic")
... )
>>> result.standing
'proved'
"""

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Expr, Indexed, Integer

from .matrix_base import MatrixNode, as_matrix, in_words, same_size
from .matrix_functions import (
    Basis,
    Block,
    Diagonal,
    Entrywise,
    Gradient,
    Hadamard,
    Identity,
    Ones,
)
from .matrix_letters import MatrixLetter, letter
from .matrix_nodes import Zeros, transpose
from .matrix_powers import Determinant, Exponential, Inverse, Softmax
from .matrix_scalars import Inner, Trace
from .operators import Partial
from .symbols import Index, index

_SQUARE = ("symmetric", "invertible", "orthogonal", "idempotent", "positive_definite")


def matrix(
    name: str,
    rows: Any,
    columns: Any,
    *,
    facts: Callable[[MatrixNode], Sequence[tuple[Any, Any]]] | None = None,
    **properties: bool,
) -> MatrixNode:
    r"""A real matrix by name.

    Args:
        name: Its name, e.g. ``"K"``.
        rows: Number of rows, a size or an integer.
        columns: Number of columns.
        facts: Equations that it is known to meet: given the matrix, pairs (left, right). They
            become part of the domain, printed with every result, and proofs may use them.
        properties: ``symmetric``, ``invertible``, ``orthogonal``, ``idempotent``,
            ``positive_definite`` (symmetric and invertible, too), for square matrices.

    Raises:
        TypeError: For an unknown property.
        ValueError: When a property needs a square matrix.

    >>> from lib.derivation import ones, sizes
    >>> m = sizes("m")
    >>> W = matrix("W", m, m, invertible=True, facts=lambda W: [(W @ ones(m), ones(m))])
    >>> W @ W.T
    W W^T
    """
    unknown = sorted(set(properties) - set(_SQUARE))
    if unknown:
        raise TypeError(f"unknown property {unknown[0]!r} of {name}: one of {', '.join(_SQUARE)}")
    stated = [p for p in _SQUARE if properties.get(p)]
    rows, columns = sympy.sympify(rows), sympy.sympify(columns)
    if stated and not same_size(rows, columns):
        raise ValueError(f"{name} is {in_words((rows, columns))}: only a square one is {stated[0]}")
    if "positive_definite" in stated:
        stated = ["symmetric", "invertible", "positive definite"]
    if facts is None and not {"orthogonal", "idempotent"} & set(stated):
        return letter(name, (rows, columns), stated)

    def equations(made: MatrixNode) -> list[Any]:
        found = list(facts(made)) if facts is not None else []
        if "orthogonal" in stated:
            found += [(made.T @ made, Identity(rows)), (made @ made.T, Identity(rows))]
        return found + ([(made @ made, made)] if "idempotent" in stated else [])

    kept = [p for p in stated if p not in ("orthogonal", "idempotent")]
    return letter(name, (rows, columns), kept, equations)


def vector(
    name: str,
    length: Any,
    *,
    facts: Callable[[MatrixNode], Sequence[tuple[Any, Any]]] | None = None,
) -> MatrixNode:
    """A real column vector by name, printed bold; `v[i]` is its entry, `facts` as of a matrix.

    >>> from lib.derivation import sizes
    >>> v = vector("v", sizes("n"))
    >>> v.T @ v
    v^T v
    """
    return letter(name, (length,), (), facts)


def identity(size: Any) -> MatrixNode:
    """The identity matrix."""
    return Identity(size)


def zeros(rows: Any, columns: Any = 1) -> MatrixNode:
    """The matrix (by default the vector) of zeros."""
    return Zeros(rows, columns)


def ones(length: Any) -> MatrixNode:
    """The column vector of ones."""
    return Ones(length)


def basis(length: Any, at: Any) -> MatrixNode:
    """The column vector with a one at an index and zeros elsewhere."""
    return Basis(length, at)


def inverse(of: Any) -> MatrixNode:
    """The inverse of a square matrix; of a singular one it is undefined.

    Raises:
        ValueError: When the matrix is not square.
    """
    return Inverse(_square(of, "is inverted"))


def trace(of: Any) -> Expr:
    """The trace of a square matrix.

    Raises:
        ValueError: When the matrix is not square.
    """
    if isinstance(of, Inner):
        return of
    return Trace(_square(of, "has a trace"))


def determinant(of: Any) -> Expr:
    """The determinant of a square matrix, decided for given sizes."""
    return Determinant(_square(of, "has a determinant"))


def squared_norm(of: Any) -> Expr:
    """The sum of the squares of all entries, written as the trace of AᵀA."""
    of = as_matrix(of)
    return trace(transpose(of) @ of)


def hadamard(left: Any, right: Any) -> MatrixNode:
    """The product entry by entry of two matrices of one shape.

    Raises:
        ValueError: When shapes differ.
    """
    left, right = as_matrix(left), as_matrix(right)
    if not all(map(same_size, left.shape, right.shape)):
        raise ValueError(
            f"an entrywise product needs one shape: {left} is {in_words(left.shape)}, "
            f"{right} is {in_words(right.shape)}"
        )
    return Hadamard(left, right)


def diag(of: Any) -> MatrixNode:
    """The diagonal matrix of a column vector.

    Raises:
        ValueError: When it is no column vector.
    """
    of = as_matrix(of)
    if of.shape[1] != 1:
        raise ValueError(f"diag takes a column vector, got {of} of shape {in_words(of.shape)}")
    return Diagonal(of)


def block(rows: Sequence[Sequence[Any]]) -> MatrixNode:
    """A matrix of blocks: ``block([[A, B], [C, D]])``.

    Raises:
        ValueError: When the blocks' sizes do not fit.
    """
    parts = [[as_matrix(part) for part in row] for row in rows]
    if len({len(row) for row in parts}) != 1:
        raise ValueError("every row of blocks needs as many blocks")
    for row in parts:
        for k, part in enumerate(row):
            if not same_size(part.shape[0], row[0].shape[0]) or not same_size(
                part.shape[1], parts[0][k].shape[1]
            ):
                raise ValueError(
                    f"the block {part} of shape {in_words(part.shape)} does not fit beside "
                    f"{row[0]} ({in_words(row[0].shape)}) and below {parts[0][k]} "
                    f"({in_words(parts[0][k].shape)})"
                )
    return Block(*(sympy.Tuple(*row) for row in parts))


def entrywise(entry: Any, row: Index, column: Index) -> MatrixNode:
    """The matrix of an expression in a row index and a column index, each from 1.

    Raises:
        TypeError: When row or column is no index.
        ValueError: When an index does not start at 1.
    """
    for k in (row, column):
        if not isinstance(k, Index):
            raise TypeError(f"expected an index, got {k!r}: make it with index('i', 1, n)")
        if k.lower != 1:
            raise ValueError(f"rows and columns are counted from 1, {k} starts at {k.lower}")
    return Entrywise(sympy.sympify(entry), row, column)


def gradient(of: Any, by: MatrixNode) -> MatrixNode:
    """The derivatives of a scalar by every entry of a named matrix or vector, in its shape.

    Raises:
        TypeError: When `by` is no named matrix, or equations are stated of it.
    """
    if not isinstance(by, MatrixLetter):
        raise TypeError(f"differentiate by a named matrix, made by matrix(...); got {by!r}")
    if by.base.facts:
        raise TypeError(f"cannot differentiate by {by}: equations bind its entries")
    rows, columns = by.shape
    i, j = index("i'", 1, rows), index("j'", 1, columns)
    entry: Indexed = by.entry(i, j)
    return Gradient(Partial(of, entry, Integer(1)), i, j, of, by)


def matrix_exp(of: Any) -> MatrixNode:
    """The matrix exponential of a square matrix."""
    return Exponential(_square(of, "has an exponential"))


def softmax_rows(scores: Any) -> MatrixNode:
    """The softmax of every row of a matrix."""
    return Softmax(as_matrix(scores))


def _square(of: Any, what: str) -> MatrixNode:
    matrix_ = as_matrix(of)
    if not same_size(*matrix_.shape):
        raise ValueError(f"{of} is {in_words(matrix_.shape)}: only a square matrix {what}")
    return matrix_
