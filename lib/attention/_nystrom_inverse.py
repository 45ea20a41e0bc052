"""Inverses of the matrix between the landmarks."""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from lib.attention._nystrom_inputs import check_count, check_matrix, no_autocast

InverseName = Literal["ridge", "newton", "pinv"]


def newton_schulz_pinv(
    matrix: Float[Tensor, "*batch rows columns"], num_iterations: int = 6
) -> Float[Tensor, "*batch columns rows"]:
    r"""Approach the pseudo-inverse by products, :eq:`nystrom-inverse-iteration`.

    .. math::
        Z_{k+1} = \tfrac14 Z_k \bigl(13 I - A Z_k (15 I - A Z_k (7 I - A Z_k))\bigr), \quad
        Z_0 = A^\top / (\lVert A \rVert_1 \lVert A \rVert_\infty)

    Each residual :math:`r` of :math:`I - A Z_k` becomes :math:`r^3 (r + 3) / 4`,
    :eq:`nystrom-residual`: third order near zero. Far from zero it is slow, as what is small in
    :math:`A Z_k` grows by the factor 13/4 a step, so that a few steps filter small singular
    values out rather than invert them. :math:`Z_0` is scaled by the norms of each matrix alone,
    which keeps every eigenvalue of :math:`A Z_0` in [0, 1].

    Cost: 4 products of matrices a step. Half precision is computed in float32.

    Args:
        matrix: one matrix or a batch; the pseudo-inverse of zero is zero.
        num_iterations: the number of steps.

    Raises:
        ValueError: for a shape that is no matrix, one without rows or columns, and fewer than one
            iteration.
        TypeError: for a matrix that is no floating tensor.

    Example:
        >>> a = torch.tensor([[0.9, 0.1], [0.2, 0.8]], dtype=torch.float64)
        >>> bool(torch.dist(newton_schulz_pinv(a) @ a, torch.eye(2)) < 1e-12)
        True

    Source: Li et al. (2011) for the iteration, Xiong et al. (2021) for its use here.
    """
    check_matrix("matrix", matrix)
    num_iterations = check_count("num_iterations", num_iterations)
    with no_autocast(matrix):
        a = matrix.to(torch.promote_types(matrix.dtype, torch.float32))
        size = a.abs()
        norms = size.sum(-1).amax(-1) * size.sum(-2).amax(-1)
        z = a.mT / norms.clamp_min(torch.finfo(a.dtype).tiny)[..., None, None]
        identity = torch.eye(a.shape[-2], dtype=a.dtype, device=a.device)
        for _ in range(num_iterations):
            az = a @ z
            inner = 15 * identity - az @ (7 * identity - az)
            z = 0.25 * z @ (13 * identity - az @ inner)
    return z.to(matrix.dtype)


class Inverse(NamedTuple):
    """How to solve A W = X."""

    name: InverseName
    ridge: float
    num_iterations: int

    def __call__(self, a: Tensor, x: Tensor) -> Tensor:
        """Solve, approximately; see :func:`lib.attention.nystrom.nystrom_attention`."""
        if self.name == "newton":
            return newton_schulz_pinv(a, self.num_iterations) @ x
        if self.name == "pinv":
            # Of NaN or infinity, torch refuses the whole batch: there x is NaN.
            finite = a.isfinite().all(-1).all(-1)[..., None, None]
            inverse: Tensor = torch.linalg.pinv(a.masked_fill(~finite, 0))
            return inverse @ x
        # Squaring A costs half of the digits: float64 affords that, where there is one.
        wide = a.dtype if a.device.type == "mps" else torch.float64
        mean = x.mean(-2, keepdim=True)
        square = a.to(wide)
        gram = square.mT @ square
        gram.diagonal(dim1=-2, dim2=-1).add_(self.ridge)
        # With a ridge it succeeds; NaN in one item stops `cholesky` for all, but not this.
        factor, _ = torch.linalg.cholesky_ex(gram)
        solution: Tensor = torch.cholesky_solve(square.mT @ (x - mean).to(wide), factor)
        return mean + solution.to(x.dtype)
