"""Slow, obvious references for the path kernel, and models that many tests use."""

import numpy as np
import torch
from torch import Tensor, nn

from lib.kernels.path_kernel import GradientPath


def perceptron(*widths: int, activation: type[nn.Module] = nn.Tanh, bias: bool = True) -> nn.Module:
    """A multilayer perceptron in float64, the same each time."""
    layers: list[nn.Module] = []
    for i in range(len(widths) - 1):
        layers += [nn.Linear(widths[i], widths[i + 1], bias=bias), activation()]
    return initialized(nn.Sequential(*layers[:-1]))


def initialized(model: nn.Module) -> nn.Module:
    """The model in float64 with parameters from a fixed generator."""
    generator = torch.Generator().manual_seed(0)
    model = model.double()
    for parameter in model.parameters():
        spread = parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.3
        parameter.data.normal_(0, spread, generator=generator)
    return model


def normal(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def jacobian(model: nn.Module, x: Tensor) -> Tensor:
    """Gradients one by one: ``samples outputs parameters``."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    rows = []
    for sample in x:
        outputs = model(sample[None]).reshape(-1)
        for output in outputs:
            found = torch.autograd.grad(
                output, parameters, retain_graph=True, materialize_grads=True, allow_unused=True
            )
            rows.append(torch.cat([part.flatten() for part in found]))
    return torch.stack(rows).view(len(x), -1, len(rows[0]))


def dense_kernel(model: nn.Module, x1: Tensor, x2: Tensor) -> Tensor:
    """The tangent kernel ``n1 n2 outputs outputs`` from gradients one by one."""
    return torch.einsum("icp,jdp->ijcd", jacobian(model, x1), jacobian(model, x2))


def forward_contributions(path: GradientPath, x: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """Contributions ``query train outputs`` and weight decay's, going forward along the path.

    Each training sample, and weight decay, has a velocity of its own; the steps of the optimizer
    are written out again, and samples' gradients come from loops.
    """
    rule, model = path.rule, path.model(0)
    count, size = len(path.x), len(path.vector(0))
    velocities = torch.zeros(count + 1, size, dtype=torch.float64)
    squares = torch.zeros(size, dtype=torch.float64)
    total: Tensor | float = 0.0
    for step in range(path.num_steps):
        theta, after = path.vector(step), path.vector(step + 1)
        moves = torch.zeros_like(velocities)
        put(model, theta)
        batch = path.batch(step)
        outputs = model(path.x[batch]).detach().requires_grad_()
        (alpha,) = torch.autograd.grad(path.loss_fn(outputs, path.y[batch]), outputs)
        rows = jacobian(model, path.x[batch])
        moves[batch] = torch.einsum("nc,ncp->np", alpha.view(len(batch), -1), rows)
        moves[-1] = rule.weight_decay * theta
        velocities = rule.momentum * velocities + moves
        scale: float | Tensor = rule.rates[step]
        if rule.adam:
            squares = rule.beta2 * squares + (1 - rule.beta2) * moves.sum(0) ** 2
            spread = (squares / (1 - rule.beta2 ** (step + 1))).sqrt() + rule.eps
            scale = scale * (1 - rule.momentum) / (1 - rule.momentum ** (step + 1)) / spread
        for place, weight in zip(*np.polynomial.legendre.leggauss(nodes), strict=True):
            put(model, theta + (1 + place) / 2 * (after - theta))
            slopes = jacobian(model, x)
            total = total - weight / 2 * torch.einsum("qcp,ip->qic", slopes, scale * velocities)
    assert isinstance(total, Tensor)
    return total[:, :-1], total[:, -1]


def put(model: nn.Module, vector: Tensor) -> None:
    """Write a vector into the parameters of a model."""
    torch.nn.utils.vector_to_parameters(vector, model.parameters())
