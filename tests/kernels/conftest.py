"""Slow, obvious references for the HSIC functions, and samples that many tests use."""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor


def dense_gaussian(points: Tensor, bandwidth: float) -> Tensor:
    """The Gram matrix from all differences."""
    differences = points[:, None] - points[None]
    return torch.exp(-differences.square().sum(-1) / (2 * bandwidth**2))


def dense_hsic(K: Tensor, L: Tensor, estimator: str) -> Tensor:
    """The two formulas of the docstring, with whole matrices."""
    n = len(K)
    if estimator == "biased":
        H = torch.eye(n, dtype=K.dtype) - 1 / n
        return (K @ H @ L @ H).trace() / n**2
    K, L = K - K.diagonal().diag(), L - L.diagonal().diag()
    ones = torch.ones(n, dtype=K.dtype)
    sums = (ones @ K @ ones) * (ones @ L @ ones) / ((n - 1) * (n - 2))
    return ((K @ L).trace() + sums - 2 / (n - 2) * (ones @ K @ L @ ones)) / (n * (n - 3))


def four_fold_loop(K: Tensor, L: Tensor, different: bool) -> float:
    """E over index quadruples of K_ij (L_ij + L_qr − 2 L_iq), all of them or only distinct ones.

    Of all: HSIC of the empirical distribution. Of distinct ones: a mean of unbiased estimates.
    """
    n, total, count = len(K), 0.0, 0
    k, l = K.tolist(), L.tolist()
    for i, j, q, r in itertools.product(range(n), repeat=4):
        if different and len({i, j, q, r}) < 4:
            continue
        total += k[i][j] * (l[i][j] + l[q][r] - 2 * l[i][q])
        count += 1
    return total / count


@pytest.fixture
def draw() -> Callable[..., tuple[Tensor, Tensor]]:
    """Dependent samples: y is the first column of x, squared, and noise."""

    def make(
        count: int,
        dims: tuple[int, int] = (2, 3),
        dtype: torch.dtype = torch.float64,
        seed: int = 0,
    ) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(count, dims[0], generator=generator, dtype=torch.float64)
        noise = torch.randn(count, dims[1], generator=generator, dtype=torch.float64)
        return x.to(dtype), (x[:, :1] ** 2 + 0.5 * noise).to(dtype)

    return make
