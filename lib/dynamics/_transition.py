"""The matrix of transition probabilities; public through :mod:`lib.dynamics.master_equation`."""

import math

import torch
from jaxtyping import Float, Num
from torch import Tensor

from lib.dynamics._generators import check_generator

_TERMS = 18  # 1/19! is below the precision of float64


def transition_matrix(
    generator: Float[Tensor, "*batch states states"], t: float | int | Num[Tensor, "*times"]
) -> Float[Tensor, "*all states states"]:
    r"""Return the probabilities to be in x a time t after having been in y.

    .. math::
        e^{Qt} = \Big(\sum_k \tfrac{z^k}{k!} e^{-z} P^k\Big)^{2^s},
        \qquad P = I + Q / q, \quad z = q t / 2^s \le 1,

    with q the largest exit rate of a state. Every number in this sum is ≥ 0, so that nothing
    cancels, and the columns are made to add up to 1 after each squaring. Small probabilities come
    out with a small *relative* error, and no stiffness harms them, where
    ``torch.matrix_exp`` loses a digit for each factor of ten in qt.

    Cost: :math:`18 + \log_2 qt` products of matrices, O(states³) each; all of them are kept for
    the gradient. To move one law through many states use :func:`evolve`. Differentiable twice and
    more, in the generator and in t.

    Args:
        generator: Q, from :func:`generator`; dense.
        t: times ≥ 0; a tensor broadcasts with the batch of the generator.

    Returns:
        The matrices, with the batch of both; columns are laws.

    Raises:
        ValueError: for a matrix that is no generator, negative or infinite times, an infinite
            product of rates and times, a sparse generator, batches that do not broadcast.
        TypeError: for anything but floating tensors.

    Example:
        >>> import torch
        >>> from lib.dynamics.master_equation import generator
        >>> rates = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
        >>> transition_matrix(generator(rates), torch.tensor([0.0, 1.0, 100.0]))[..., 0, 0]
        tensor([1.0000, 0.6833, 0.6667])

    Implements :eq:`master-chapman-kolmogorov`; its derivative is :eq:`master-derivative`. Source:
    scaling and squaring without subtraction, Xue and Ye (2013).
    """
    check_generator(generator)
    if generator.layout != torch.strided:
        raise ValueError(
            "the exponential of a sparse matrix is full: pass generator.to_dense(), or move a law "
            "with evolve(generator, p0, t)"
        )
    time = check_times(t, generator)
    batch = torch.broadcast_shapes(time.shape, generator.shape[:-2])  # type: ignore[no-untyped-call]
    time = time.expand(batch)[..., None, None]
    exits = -generator.detach().diagonal(dim1=-2, dim2=-1)
    most = exits.amax(-1)[..., None, None].clamp(min=torch.finfo(generator.dtype).tiny)
    return _squared(generator / most, most * time)


def check_times(t: float | int | Tensor, like: Tensor) -> Tensor:
    """Return times as a tensor of the dtype and device of another, finite and ≥ 0."""
    if isinstance(t, Tensor) and not t.is_floating_point():
        t = t.to(like.dtype)
    time = torch.as_tensor(t, dtype=like.dtype, device=like.device)
    if not bool(((time >= 0) & time.isfinite()).all()):
        raise ValueError(f"times must be finite and ≥ 0, got {t}")
    return time


def _squared(moves: Tensor, jumps: Tensor) -> Tensor:
    """Return exp(moves · jumps), for moves Q/q with entries ≥ 0 after adding the identity."""
    largest = float(jumps.detach().amax()) if jumps.numel() else 0.0
    if math.isinf(largest):
        raise ValueError(
            f"the largest exit rate times the time is beyond {jumps.dtype}: after so many jumps "
            "the law is stationary, see stationary_distribution"
        )
    squarings = max(0, math.ceil(math.log2(largest))) if largest > 0 else 0
    z = jumps * 2.0**-squarings
    identity = torch.eye(moves.shape[-1], dtype=moves.dtype, device=moves.device)
    step = identity + moves
    result = identity
    for term in range(_TERMS, 0, -1):
        result = identity + (z / term) * (step @ result)
    for _ in range(squarings):
        result = _normalised(result)
        result = result @ result
    return _normalised(result)


def _normalised(columns: Tensor) -> Tensor:
    return columns / columns.sum(-2, keepdim=True)
