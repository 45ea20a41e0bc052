"""Gram matrices as products of thin factors: pivoted incomplete Cholesky."""

from typing import NamedTuple

import torch
from torch import Tensor

from lib.kernels._hsic_inputs import Pair, Variable
from lib.kernels._hsic_tiles import Sums, estimates


class LowRank(NamedTuple):
    """K ≈ G Gᵀ, where K − G Gᵀ is positive semidefinite."""

    factor: Tensor  # G: samples rank, float64
    pivots: Tensor  # rank: the samples whose columns of K are reproduced exactly
    error: float  # tr(K − G Gᵀ)/n, the mean error of the diagonal


def factorize(name: str, points: Variable, tolerance: float, max_rank: int) -> LowRank:
    """Add the sample with the largest error on the diagonal until their mean is small enough."""
    wide = points._replace(points=points.points.double())
    if wide.kernel == "linear" and wide.points.shape[1] <= max_rank:
        return LowRank(wide.points, torch.arange(0), 0.0)
    found = _pivoted(wide, tolerance, max_rank)
    if found.error > tolerance:
        raise ValueError(
            f"rank {found.factor.shape[1]} leaves an error of {found.error:.1e} in the kernel of "
            f"{name}, more than tolerance={tolerance:.1e}: raise max_rank or tolerance, or use "
            "method='exact'"
        )
    if wide.points.requires_grad and torch.is_grad_enabled():
        found = found._replace(factor=_through_pivots(wide, found.pivots))
    return found


def low_rank_hsic(
    pair: Pair, hollow: bool, with_self: bool, tolerance: float, max_rank: int
) -> Tensor:
    """Return the estimates of TiledHSIC from factors, in O(n · rank²)."""
    gx = factorize("x", pair.x, tolerance, max_rank).factor
    gy = factorize("y", pair.y, tolerance, max_rank).factor
    factors = [(gx, gy), (gx, gx), (gy, gy)] if with_self else [(gx, gy)]
    products = [(a.t() @ b).square().sum() for a, b in factors]
    rows = [g @ g.sum(0) for g in (gx, gy)]
    if hollow:
        dx, dy = (g.square().sum(1) for g in (gx, gy))
        diagonals = [(dx, dy), (dx, dx), (dy, dy)]
        products = [p - (a * b).sum() for p, (a, b) in zip(products, diagonals)]
        rows = [row - diagonal for row, diagonal in zip(rows, (dx, dy))]
    return estimates(Sums(torch.stack(products), rows[0], rows[1]), hollow)


@torch.no_grad()
def _pivoted(variable: Variable, tolerance: float, max_rank: int) -> LowRank:
    points = variable.points
    limit = min(len(points), max_rank)
    residual = diagonal(variable)
    if bool((residual < 0).any()):
        raise ValueError("the kernel has a negative diagonal, so that it is no kernel")
    rows = points.new_empty(min(limit, 64), len(points))  # of Gᵀ: whole rows lie together
    pivots: list[int] = []
    floor = len(points) * torch.finfo(points.dtype).eps * float(residual.max())
    while len(pivots) < limit and float(residual.mean()) > tolerance:
        largest, pivot = residual.max(0)
        if float(largest) <= floor:  # what is left is rounding
            break
        rank = len(pivots)
        if rank == len(rows):
            rows = torch.cat([rows, torch.empty_like(rows)])[:limit]
        row = variable.gram(points[pivot : pivot + 1], points)[0]
        row = (row - rows[:rank, pivot] @ rows[:rank]) / largest.sqrt()
        rows[rank] = row
        residual = (residual - row.square()).clamp_min_(0)
        residual[pivot] = 0
        pivots.append(int(pivot))
    return LowRank(rows[: len(pivots)].t(), torch.tensor(pivots), float(residual.mean()))


def _through_pivots(variable: Variable, pivots: Tensor) -> Tensor:
    """Compute the factor from its pivots P so that autograd can follow.

    G = K[:, P] C⁻ᵀ with C Cᵀ = K[P, P].
    """
    chosen = variable.points[pivots]
    corner = torch.linalg.cholesky(variable.gram(chosen, chosen))
    columns = variable.gram(variable.points, chosen)
    return torch.linalg.solve_triangular(corner, columns.t(), upper=False).t()


def diagonal(variable: Variable) -> Tensor:
    """Compute the diagonal of the Gram matrix alone."""
    points = variable.points
    if variable.kernel == "gaussian":
        return points.new_ones(len(points))
    blocks = points.split(256)
    return torch.cat([variable.gram(block, block).diagonal() for block in blocks]).clone()
