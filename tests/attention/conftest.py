"""Sequences for the tests of attention, and the slow, obvious reference."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor


def dense_weights(
    query: Tensor, key: Tensor, num_landmarks: int, invert: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the weights ``time time`` of one sequence without padding, in float64."""
    scale = 1 / math.sqrt(query.shape[-1])
    query, key = query.double(), key.double()
    if len(query) <= num_landmarks:
        return torch.softmax(scale * query @ key.T, -1)
    parts = [part.tolist() for part in np.array_split(np.arange(len(query)), num_landmarks)]
    landmark_query = torch.stack([query[part].mean(0) for part in parts])
    landmark_key = torch.stack([key[part].mean(0) for part in parts])
    from_tokens = torch.softmax(scale * query @ landmark_key.T, -1)
    between = torch.softmax(scale * landmark_query @ landmark_key.T, -1)
    to_tokens = torch.softmax(scale * landmark_query @ key.T, -1)
    return from_tokens @ invert(between) @ to_tokens


def ridge_inverse(a: Tensor, ridge: float = 1e-5) -> Tensor:
    """Return the matrix of X ↦ mean row + (AᵀA + λI)⁻¹Aᵀ(X − mean row)."""
    identity = torch.eye(len(a), dtype=a.dtype)
    mean = torch.full_like(a, 1 / len(a))
    return mean + torch.linalg.inv(a.T @ a + ridge * identity) @ a.T @ (identity - mean)


def newton_inverse(a: Tensor, num_iterations: int = 6) -> Tensor:
    """Return the iterate in the paper's other form, in powers of the residual R = I − A Z."""
    identity = torch.eye(len(a), dtype=a.dtype)
    z = a.T / (a.abs().sum(0).max() * a.abs().sum(1).max())
    for _ in range(num_iterations):
        r = identity - a @ z
        z = z @ (identity + r + r @ r + r @ r @ r / 4)
    return z


INVERSES: dict[str, Callable[[Tensor], Tensor]] = {
    "ridge": ridge_inverse,
    "newton": newton_inverse,
    "pinv": torch.linalg.pinv,
}


def dense_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    num_landmarks: int,
    mask: Tensor | None = None,
    inverse: str = "ridge",
) -> Tensor:
    """Attend in each sequence alone, padding cut out of it; zeros at padding. In float64."""
    result = torch.zeros(value.shape, dtype=torch.float64)
    for row in np.ndindex(*query.shape[:-2]):
        real = torch.ones(query.shape[-2], dtype=torch.bool) if mask is None else mask[row]
        if real.any():
            inputs = query[row][real], key[row][real], num_landmarks
            result[row][real] = (
                dense_weights(*inputs, INVERSES[inverse]) @ value[row][real].double()
            )
    return result


Draw = Callable[..., tuple[Tensor, Tensor, Tensor]]


@pytest.fixture
def draw() -> Draw:
    """Draw queries, keys and values of a size, in float64 and from one seed."""

    def draw(*size: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        q, k, v = torch.randn(3, *size, generator=generator, dtype=torch.float64).to(dtype)
        return q, k, v + 1  # a mean: what weights that do not sum to 1 would get wrong

    return draw


@pytest.fixture
def holes() -> Tensor:
    """A mask ``4 23``: padding behind, in front and between; and a sequence without tokens."""
    mask = torch.ones(4, 23, dtype=torch.bool)
    mask[0, 17:] = False
    mask[1, :4] = mask[1, 9] = mask[1, 20:] = False
    mask[2, 3:] = False  # fewer tokens than landmarks
    mask[3] = False
    return mask
