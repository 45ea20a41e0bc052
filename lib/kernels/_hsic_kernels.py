"""Gram matrices of the kernels, for blocks of points in the units of the kernel."""

from collections.abc import Callable

import torch
from torch import Tensor

Gram = Callable[[Tensor, Tensor], Tensor]
"""From ``(a, dims)`` and ``(b, dims)`` to ``(a, b)``; symmetric in its arguments."""

_FEW = 4  # columns up to which differences cost little more than a matrix product


def gaussian_gram(left: Tensor, right: Tensor) -> Tensor:
    """Compute exp(−d²/2), the bandwidth being 1 in these units."""
    if left.dtype != torch.float64 and left.shape[1] <= _FEW:
        return _differences(left, right).mul_(-0.5).exp_()
    return _exponents(left, right).exp_()


def _exponents(left: Tensor, right: Tensor) -> Tensor:
    """Compute −d²/2 as ab − |a|²/2 − |b|²/2 in one matrix product; rounding must not exceed 0."""
    norms = [points.square().sum(1) / -2 for points in (left, right)]
    left = torch.cat([left, norms[0][:, None]], 1)
    right = torch.cat([right, torch.ones_like(right[:, :1])], 1)
    return torch.addmm(norms[1], left, right.t()).clamp_max_(0)


def _differences(left: Tensor, right: Tensor) -> Tensor:
    """Compute d² column by column: no cancellation, which float32 would feel far from 0."""
    total = (left[:, :1] - right[:, 0]).square_()
    for column in range(1, left.shape[1]):
        total += (left[:, column : column + 1] - right[:, column]).square_()
    return total


def linear_gram(left: Tensor, right: Tensor) -> Tensor:
    """Compute the inner products."""
    return left @ right.t()


def distance_gram(left: Tensor, right: Tensor) -> Tensor:
    """Compute (|a| + |b| − |a − b|)/2: positive semidefinite, unlike −|a − b|/2.

    The two differ by a function of a plus one of b, which no centring lets through.
    """
    distances: Tensor = torch.cdist(left, right, compute_mode="donot_use_mm_for_euclid_dist")
    norms: list[Tensor] = [torch.linalg.vector_norm(points, dim=1) for points in (left, right)]
    return (norms[0][:, None] + norms[1] - distances) / 2


GRAMS: dict[object, Gram] = {
    "gaussian": gaussian_gram,
    "linear": linear_gram,
    "distance": distance_gram,
}

INVARIANT = ("gaussian", "linear", "distance")
"""Kernels for which moving all points together leaves every estimator unchanged."""
