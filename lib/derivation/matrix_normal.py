"""Decide statements about matrices for all sizes: words that do not commute, and their rules."""

from typing import Any

from sympy import Expr

from . import matrix_exponential, normal
from .errors import Unsupported
from .general import expand_names
from .matrix_base import MatrixNode, in_words, same_size
from .matrix_functions import Identity
from .matrix_nodes import multiply
from .matrix_powers import Inverse
from .matrix_reader import Reader
from .matrix_scalars import EntryOf, of_entries

MEANS = "words in matrices that do not commute are one after transposes, traces and known equations"


def entry_sides(relation: str, left: Any, right: Any) -> tuple[Any, Any]:
    """An equality of matrices as one of every entry; of scalars as it is.

    Raises:
        TypeError: When matrices are ordered.
        ValueError: When only one side is a matrix, or their shapes differ.
    """
    matrices = [isinstance(side, MatrixNode) for side in (left, right)]
    if not any(matrices):
        return left, right
    if relation != "==":
        raise TypeError(f"matrices can be equal, not ordered: {left} and {right}")
    if not all(matrices):
        which, other = (left, right) if matrices[0] else (right, left)
        raise ValueError(f"{which} is a {in_words(which.shape)} matrix, {other} is a scalar")
    if not all(map(same_size, left.shape, right.shape)):
        raise ValueError(
            f"{left} is {in_words(left.shape)}, {right} is {in_words(right.shape)}: "
            "matrices of different shapes are never equal"
        )
    return of_entries(left)[0], of_entries(right)[0]


def words_agree(sides: tuple[Any, Any]) -> bool:
    """Whether both sides are one in words, for all sizes (False: not seen to be).

    Raises:
        Unsupported: When a part has no form in words, or an inverse is not known to exist.
    """
    expanded = tuple(expand_names(side) for side in sides)
    if not any(side.has(MatrixNode) for side in expanded):
        return False
    return _is_inverse(*expanded) or _is_inverse(*expanded[::-1]) or _agree(*expanded)


def _agree(left: Expr, right: Expr) -> bool:
    reader = Reader(left, right)
    for side in (left, right):
        reader.scalar(side)  # learns the rules that its parts bring
    unguarded, forms = [], []
    for side in (left, right):
        reader.unguarded.clear()
        forms.append(reader.scalar(side))
        unguarded.append(set(reader.unguarded))
    agree = normal.is_zero(forms[0] - forms[1])
    if unguarded[0] != unguarded[1] or (not agree and unguarded[0]):
        names = sorted(name.removesuffix("^-1") for name in unguarded[0] | unguarded[1])
        raise Unsupported(f"not known to be invertible: {', '.join(names)}")
    return agree


def _is_inverse(one: Any, other: Any) -> bool:
    """Whether `one` is an entry of E⁻¹ and `other` the same of X, where E X = I."""
    entries = isinstance(one, EntryOf) and isinstance(other, EntryOf)
    if not entries or not isinstance(one.args[0], Inverse) or one.args[1:] != other.args[1:]:
        return False
    product = multiply(one.args[0].args[0], other.args[0])
    if not isinstance(product, MatrixNode):
        return False
    i, j = one.args[1:]
    return _agree(EntryOf(product, i, j), EntryOf(Identity(product.shape[0]), i, j))


GENERAL = [
    (MEANS, lambda claim: claim.relation == "==" and words_agree(claim.sides)),
    (
        matrix_exponential.MEANS,
        lambda claim: claim.relation == "==" and matrix_exponential.solves_equation(claim.sides),
    ),
]
