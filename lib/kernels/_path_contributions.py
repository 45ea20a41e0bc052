"""What each training sample added to a prediction; public in :mod:`lib.kernels.path_kernel`."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from lib.kernels._path_features import (
    Factor,
    each_output,
    factor_along,
    factor_products,
    fixed,
    gradients,
    layer_factors,
)
from lib.kernels._path_models import as_matrix
from lib.kernels._path_quadrature import check_queries, gauss_legendre, places
from lib.kernels._path_recording import GradientPath, Step
from lib.kernels._path_tangent import Method, samples_at_once, use_layers


class PathContributions(NamedTuple):
    """Predictions taken apart: final = initial + Σ contributions over train + weight_decay.

    Attributes:
        contributions: ``query train outputs``, what each training sample added.
        initial: ``query outputs``, the outputs before the first step.
        weight_decay: ``query outputs``, what weight decay added; 0 without.
        final: ``query outputs`` after the last step, from the model itself.
    """

    contributions: Float[Tensor, "query train outputs"]
    initial: Float[Tensor, "query outputs"]
    weight_decay: Float[Tensor, "query outputs"]
    final: Float[Tensor, "query outputs"]

    def rebuilt(self) -> Float[Tensor, "query outputs"]:
        """Return initial + Σ contributions + weight_decay, which is final up to quadrature."""
        return self.initial + self.contributions.sum(1) + self.weight_decay


def path_contributions(
    path: GradientPath,
    x_query: Shaped[Tensor, "query ..."],
    *,
    quadrature_nodes: int = 3,
    method: Method = "auto",
    max_memory: int = 2**30,
) -> PathContributions:
    r"""Take predictions apart into what each training sample added to them during training.

    The parameters move by :math:`\Delta_s = -c_s \circ \sum_{r \le s} \mu^{s-r} g_r`, and each
    gradient g is a sum over samples i of residuals :math:`\alpha_{ri} = -\partial L/\partial
    f(x_i)` times :math:`\nabla f(x_i; \theta_r)`. So, exactly,

    .. math::
        f_S(x) - f_0(x) = \sum_i \sum_s \sum_{r \le s} \mu^{s-r} \sum_d \alpha_{rid} \int_0^1
        \langle \nabla f(x; \theta_s + u\Delta_s), c_s \circ \nabla f_d(x_i; \theta_r) \rangle du,

    and the summand of i is its contribution. The integral along each step is done with nodes of
    Gauss and Legendre. For SGD without momentum c is the learning rate and r = s.

    Args:
        path: a recorded descent.
        x_query: the inputs whose predictions are taken apart, shaped as the training inputs.
        quadrature_nodes: m nodes a step are exact where the slope along a step is a polynomial of
            degree 2m − 1, and have an error of order lr^(2m + 1) a step otherwise. 0 takes the
            left end of each step instead, an error of order lr²: the tangent kernels of the path,
            added up.
        method: as for :func:`tangent_kernel`. Momentum and Adam need "gradients", as past
            gradients meet later ones there.
        max_memory: bytes for the gradients that "gradients" holds; fewer queries and training
            samples are then taken at a time. One of each is always taken.

    Returns:
        The contributions and the other terms of the sum, in the dtype of the parameters. For
        S steps, m nodes, n samples a batch, q queries, C outputs and P parameters, "layers" takes
        O(S(nP + m(CqP + Cnq Σ widths))) time, "gradients" O(S(n + mCq)P + SnqCP); both O(qnC)
        memory besides the above. Sums over steps are in float64 where the device has it: what
        :meth:`~PathContributions.rebuilt` misses is the quadrature's error, and the rounding of
        the steps, about 1e-6 in float32 (on a GPU with TF32 off) and 1e-14 in float64.

    Raises:
        ValueError: for a number of nodes below 0, queries of another shape than the training
            inputs, and method="layers" where it is not right.

    Example:
        >>> import torch
        >>> from lib.kernels.path_kernel import record_gradient_descent
        >>> x, y = torch.tensor([[1.0], [2.0]]), torch.tensor([[2.0], [4.0]])
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> path = record_gradient_descent(model, torch.nn.MSELoss(), x, y, num_steps=50, lr=0.1)
        >>> parts = path_contributions(path, torch.tensor([[3.0]]))
        >>> share = parts.contributions / (parts.final - parts.initial)
        >>> share.flatten()  # residuals times inner products: 1 · 1 and 2 · 2, in all 5
        tensor([0.2000, 0.8000])

    Implements :eq:`path-kernel-exact` and, with momentum, :eq:`path-kernel-momentum`; the order of
    its error with two nodes is :eq:`path-kernel-order`. Source: Domingos (2020) for the sum, Bell,
    Geyer, Glickenstein, Fernandez & Moore (2023) for the integral.
    """
    check_queries(path, x_query)
    nodes = gauss_legendre(quadrature_nodes)
    initial, final = (path.function.outputs(path.vector(s), x_query) for s in (0, -1))
    sums = _Sums.zeros(initial, len(path.x))
    if method == "layers" and path.rule.remembers:
        raise ValueError(
            "method='layers' pairs gradients of the same step only, and momentum or Adam those of "
            "different ones; use method='gradients' (or 'auto')"
        )
    if not path.rule.remembers and use_layers(path.function, path.x, method):
        _add_by_layers(path, x_query, nodes, sums)
    else:
        _add_by_gradients(path, x_query, nodes, sums, max_memory)
    dtype = initial.dtype
    shared = sums.contributions.permute(2, 0, 1).to(dtype).contiguous()
    return PathContributions(shared, initial, sums.decay.t().to(dtype).contiguous(), final)


class _Sums(NamedTuple):
    contributions: Tensor  # train outputs query: a batch is added in rows that lie together
    decay: Tensor  # outputs query

    @classmethod
    def zeros(cls, outputs: Tensor, train: int) -> "_Sums":
        wide = torch.float32 if outputs.device.type == "mps" else torch.float64
        shape = outputs.shape[1], outputs.shape[0]
        zeros = torch.zeros(train, *shape, dtype=wide, device=outputs.device)
        return cls(zeros, torch.zeros(shape, dtype=wide, device=outputs.device))

    def queries(self, some: slice) -> "_Sums":
        return _Sums(self.contributions[..., some], self.decay[:, some])


def _add_by_layers(
    path: GradientPath, x: Tensor, nodes: list[tuple[float, float]], sums: _Sums
) -> None:
    """Add the contributions of all steps from the factors of linear layers."""
    for step in path.backwards():
        assert isinstance(step.scale, float)
        batch = path.batch(step.number)
        train = _loss_factors(path, step.before, batch)
        for vector, weight in places(step, nodes):
            query = layer_factors(path.function, vector, x, each_output)
            found = factor_products(train, query)[0].to(sums.decay.dtype)
            sums.contributions.index_add_(0, batch, found, alpha=step.scale * weight)
            if path.rule.weight_decay:
                along = factor_along(path.function, query, step.before)
                decayed = step.scale * weight * path.rule.weight_decay
                sums.decay.sub_(along, alpha=decayed)


def _loss_factors(path: GradientPath, vector: Tensor, batch: Tensor) -> list[Factor]:
    """Return the gradients of a batch's samples, with a minus sign, as factors."""

    def residuals(outputs: Tensor) -> Tensor:
        return path.residuals(outputs, path.y[batch])[None]

    return layer_factors(path.function, vector, path.x[batch], residuals)


def _add_by_gradients(
    path: GradientPath,
    x: Tensor,
    nodes: list[tuple[float, float]],
    sums: _Sums,
    max_memory: int,
) -> None:
    """Add the contributions of all steps, as many queries at a time as fit in three quarters."""
    outputs = len(sums.decay)
    at_once = samples_at_once(path.function, 4 * outputs, max_memory, path.vector().dtype)
    for start in range(0, len(x), at_once):
        some = slice(start, start + at_once)
        _add_queries_by_gradients(path, x[some], nodes, sums.queries(some), max_memory // 4)


def _add_queries_by_gradients(
    path: GradientPath,
    x: Tensor,
    nodes: list[tuple[float, float]],
    sums: _Sums,
    max_memory: int,
) -> None:
    """Go back along the path with Σ_{s≥r} μ^(s−r) c_s ∘ ∇f(x; step s) at step r.

    So the double sum over steps takes one pass, and past gradients are never held.
    """
    ahead: Tensor | float = 0.0  # outputs query parameters
    for step in path.backwards():
        slope = sum(
            weight * gradients(path.function, vector, x, each_output)
            for vector, weight in places(step, nodes)
        )
        assert isinstance(slope, Tensor)
        ahead = slope * step.scale + path.rule.momentum * ahead
        for some, train in _loss_gradients(path, step, max_memory):
            found = (train @ ahead.flatten(0, 1).t()).view(len(some), *sums.decay.shape)
            sums.contributions.index_add_(0, some, found.to(sums.decay.dtype))
        if path.rule.weight_decay:
            sums.decay.sub_(ahead @ step.before, alpha=path.rule.weight_decay)


def _loss_gradients(
    path: GradientPath, step: Step, max_memory: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield samples of a step's batch and their gradients with a minus sign, some at a time."""
    batch = path.batch(step.number)
    inputs, function = path.x[batch], path.function
    outputs = as_matrix(function.outputs(step.before, inputs), inputs)
    residuals = path.residuals(outputs, path.y[batch])
    at_once = samples_at_once(function, 1, max_memory, outputs.dtype)
    for start in range(0, len(batch), at_once):
        some = slice(start, start + at_once)
        found = gradients(function, step.before, inputs[some], fixed(residuals[some][None]))
        yield batch[some], found[0]
