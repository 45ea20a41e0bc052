"""Arithmetic of matrices as rows of values, in any backend of the interpreter."""

from typing import Any

import mpmath
import sympy

from .errors import Undefined, Unsupported

Rows = list[list[Any]]


def add(backend: Any, grids: list[Rows]) -> Rows:
    """The sum, entry by entry."""
    return [
        [backend.add(list(entries)) for entries in zip(*rows, strict=True)]
        for rows in zip(*grids, strict=True)
    ]


def times(backend: Any, left: Rows, right: Rows) -> Rows:
    """The product of two matrices."""
    columns = list(zip(*right, strict=True))
    return [
        [
            backend.add([backend.multiply([a, b]) for a, b in zip(row, column, strict=True)])
            for column in columns
        ]
        for row in left
    ]


def product(backend: Any, factors: list[Rows]) -> Rows:
    """The product of matrices, from the end with the vector if there is one."""
    factors = list(factors)
    while len(factors) > 1:
        if len(factors[-1][0]) < len(factors[0]):
            right = factors.pop()
            factors[-1] = times(backend, factors[-1], right)
        else:
            left = factors.pop(0)
            factors[0] = times(backend, left, factors[0])
    return factors[0]


def identity(backend: Any, size: int) -> Rows:
    """The identity."""
    return [[backend.constant(int(i == j)) for j in range(size)] for i in range(size)]


def transposed(grid: Rows) -> Rows:
    """Rows made columns."""
    return [list(row) for row in zip(*grid, strict=True)]


def inverse(backend: Any, grid: Rows) -> Rows:
    """The inverse.

    Raises:
        Undefined: When the matrix is singular.
    """
    return _function(backend, grid, "inverse")


def exponential(backend: Any, grid: Rows) -> Rows:
    """The matrix exponential.

    Raises:
        Unsupported: When it has no closed form that can be checked.
    """
    return _function(backend, grid, "exponential")


def determinant(backend: Any, grid: Rows) -> Any:
    """The determinant, by expansion along the first row: no division."""
    if len(grid) == 1:
        return grid[0][0]
    terms = []
    for k, value in enumerate(grid[0]):
        minor = [row[:k] + row[k + 1 :] for row in grid[1:]]
        sign = backend.constant(-1 if k % 2 else 1)
        terms.append(backend.multiply([sign, value, determinant(backend, minor)]))
    return backend.add(terms)


def _function(backend: Any, grid: Rows, name: str) -> Rows:
    own = getattr(backend, "matrix_function", None)
    if own is not None:
        return own(name, grid)  # type: ignore[no-any-return]
    from .backends import Numeric

    if isinstance(backend, Numeric):
        return (_numeric_inverse if name == "inverse" else _numeric_exponential)(grid)
    return (_exact_inverse if name == "inverse" else _exact_exponential)(grid)


def _exact_inverse(grid: Rows) -> Rows:
    matrix = sympy.Matrix(grid)
    if matrix.rows > 4:
        raise Unsupported("inverses are written out up to four rows")
    determinant_ = sympy.factor(matrix.det(method="berkowitz"))
    if determinant_ == 0:
        raise Undefined("the inverse of a singular matrix")
    return [list(row) for row in (matrix.adjugate() / determinant_).tolist()]


def _numeric_inverse(grid: Rows) -> Rows:
    matrix = mpmath.matrix(grid)
    scale = mpmath.mpf(1)
    for row in grid:
        scale *= mpmath.norm(mpmath.matrix(row), 2)
    if abs(mpmath.det(matrix)) <= scale * mpmath.mpf(10) ** (10 - mpmath.mp.dps):
        raise Undefined("the inverse of a singular matrix")
    return mpmath.inverse(matrix).tolist()  # type: ignore[no-any-return]


def _numeric_exponential(grid: Rows) -> Rows:
    if max((abs(x) for row in grid for x in row), default=0) > 500:
        raise Undefined("a matrix exponential too large to compute")
    with mpmath.workdps(mpmath.mp.dps + 15):
        return mpmath.expm(mpmath.matrix(grid), method="taylor").tolist()  # type: ignore[no-any-return]


def _exact_exponential(grid: Rows) -> Rows:
    from .matrix_exponential import closed_form

    return [list(row) for row in closed_form(sympy.Matrix(grid)).tolist()]
