"""Matrices that are positive definite by their form: sums of A Aᵀ, λ I and such by name."""

from typing import Any

from .matrix_functions import Identity
from .matrix_letters import MatrixLetter
from .matrix_nodes import MatrixProduct, MatrixSum, Scaled, Transposed, transpose
from .matrix_powers import Inverse


def is_definite(node: Any) -> bool:
    """Whether a symmetric matrix is surely positive definite (False: not seen to be)."""
    if isinstance(node, Identity):
        return True
    if isinstance(node, MatrixLetter):
        return node.base.has_property("positive definite")
    if isinstance(node, Scaled):
        return node.args[0].is_positive is True and is_definite(node.args[1])
    if isinstance(node, (Inverse, Transposed)):
        return is_definite(node.args[0])
    if isinstance(node, MatrixSum):
        return all(map(is_semidefinite, node.args)) and any(map(is_definite, node.args))
    return False


def is_semidefinite(node: Any) -> bool:
    """Whether a symmetric matrix surely has no negative eigenvalue (False: not seen to be)."""
    if is_definite(node):
        return True
    if isinstance(node, Scaled):
        return node.args[0].is_nonnegative is True and is_semidefinite(node.args[1])
    if isinstance(node, MatrixSum):
        return all(map(is_semidefinite, node.args))
    if isinstance(node, MatrixProduct):
        parts = list(node.args)
        while len(parts) > 1 and parts[0] == transpose(parts[-1]):
            parts = parts[1:-1]
        return not parts or (len(parts) == 1 and is_semidefinite(parts[0]))
    return False
