"""Gram matrices of the kernels, for blocks of points in the units of the kernel."""

from collections.abc import Callable

import torch
from torch import Tensor

Gram = Callable[[Tensor, Tensor], Tensor]
"""From ``(a, dims)`` and ``(b, dims)`` to ``(a, b)``; symmetric in its arguments."""

_FEW = 4  # columns up to which differences are as fast as a matrix product, and exact


def squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """Compute all squared distances, never negative; differences where there are few columns."""
    if left.shape[1] <= _FEW:
        total = (left[:, :1] - right[:, 0]).square_()
        for column in range(1, left.shape[1]):
            total += (left[:, column : column + 1] - right[:, column]).square_()
        return total
    norms = left.square().sum(1), right.square().sum(1)
    return torch.addmm(norms[1], left, right.t(), alpha=-2).add_(norms[0][:, None]).clamp_min_(0)


def gaussian_gram(left: Tensor, right: Tensor) -> Tensor:
    """Compute exp(−d²/2), the bandwidth being 1 in these units."""
    return squared_distances(left, right).mul_(-0.5).exp_()


def linear_gram(left: Tensor, right: Tensor) -> Tensor:
    """Compute the inner products."""
    return left @ right.t()


def distance_gram(left: Tensor, right: Tensor) -> Tensor:
    """Compute (|a| + |b| − |a − b|)/2: positive semidefinite, unlike −|a − b|/2.

    The two differ by a function of a plus one of b, which no centring lets through.
    """
    distances = torch.cdist(left, right, compute_mode="donot_use_mm_for_euclid_dist")
    norms = torch.linalg.vector_norm(left, dim=1), torch.linalg.vector_norm(right, dim=1)
    return (norms[0][:, None] + norms[1] - distances) / 2


GRAMS: dict[object, Gram] = {
    "gaussian": gaussian_gram,
    "linear": linear_gram,
    "distance": distance_gram,
}

INVARIANT = ("gaussian", "linear", "distance")
"""Kernels for which moving all points together leaves every estimator unchanged."""
