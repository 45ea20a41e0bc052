"""The tangent kernel against per-sample gradients: what a reader would write.

Run ``python tests/benchmarks/bench_path_kernel.py [--quick | --record]``. No maintained package
computes the exact path kernel, so the rivals are a loop over samples and outputs, and
``torch.func.vmap`` of gradients, in float32. The path kernel itself has no rival: what its sum
misses of the predictions is printed below, and must be next to nothing.
"""

import itertools
import sys
import time

import torch
from _report import Report, main
from _timing import medians
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from lib.kernels.path_kernel import path_contributions, record_gradient_descent, tangent_kernel

# inputs, widths, outputs; samples, queries; least ratios wanted to the loop, to vmap
NETWORKS = [
    ((64, 128, 1), 1000, 100, 50.0, None),
    ((196, 256, 128, 1), 1000, 100, 50.0, None),
    ((784, 512, 512, 1), 500, 100, 100.0, 40.0),
    ((784, 512, 512, 10), 40, 20, 100.0, 40.0),
]
LOOP, VMAP = "loop of gradients", "vmap"
NOTE = (
    "Sizes are the layers of the network, then samples by queries. Differences are relative"
    " to the largest entry."
)


def perceptron(*widths: int, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.Tanh()]
    model = nn.Sequential(*layers[:-1]).to(dtype)
    generator = torch.Generator().manual_seed(0)
    for layer in model:
        if isinstance(layer, nn.Linear):
            layer.weight.data.normal_(0, layer.in_features**-0.5, generator=generator)
            layer.bias.data.normal_(0, 0.1, generator=generator)
    return model


def convolutions() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


def by_loop(model: nn.Module, x: Tensor) -> Tensor:
    """The Jacobian sample by sample and output by output: ``samples outputs parameters``."""
    rows = []
    for sample in x:
        for output in model(sample[None])[0]:
            found = torch.autograd.grad(output, list(model.parameters()), retain_graph=True)
            rows.append(torch.cat([part.flatten() for part in found]))
    return torch.stack(rows).view(len(x), -1, len(rows[0]))


def by_vmap(model: nn.Module, x: Tensor) -> Tensor:
    """The same from ``torch.func``."""
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def outputs(parameters: dict[str, Tensor], sample: Tensor) -> Tensor:
        return functional_call(model, parameters, (sample[None],))[0]

    found = vmap(jacrev(outputs), (None, 0))(parameters, x)
    return torch.cat([part.flatten(2) for part in found.values()], dim=-1)


def kernel(left: Tensor, right: Tensor) -> Tensor:
    return torch.einsum("ncp,mdp->nmcd", left, right).squeeze((2, 3))


def tangent(
    report: Report, case: str, model: nn.Module, x: Tensor, queries: Tensor,
    goals: tuple[float | None, float | None],
) -> None:  # fmt: skip
    rivals = {
        LOOP: lambda: kernel(by_loop(model, x), by_loop(model, queries)),
        VMAP: lambda: kernel(by_vmap(model, x), by_vmap(model, queries)),
        "ours": lambda: tangent_kernel(model, x, queries),
    }
    times = medians(rivals, 0.5 if report.quick else 4.0)
    expected = kernel(by_loop(model, x[:20]), by_loop(model, queries))
    found = tangent_kernel(model, x[:20], queries)
    error = float((found - expected).abs().max() / expected.abs().max())
    for rival, goal in zip((LOOP, VMAP), goals, strict=True):
        report.add(
            case, rival, times["ours"], times[rival], goal=goal, error=error, right=error < 1e-4
        )


def tangent_kernels(report: Report) -> None:
    generator = torch.Generator().manual_seed(1)
    for widths, count, queries, *goals in NETWORKS[: 2 if report.quick else 4]:
        x, x_query = (torch.randn(n, widths[0], generator=generator) for n in (count, queries))
        case = f"{'-'.join(map(str, widths))}, {count} by {queries}"
        tangent(report, case, perceptron(*widths), x, x_query, goals)
    x, x_query = (torch.randn(n, 1, 10, 10, generator=generator) for n in (200, 50))
    tangent(report, "convolutions, 200 by 50", convolutions(), x, x_query, (1.5, None))


def errors_of_nodes(report: Report) -> None:
    """Print what the sum misses of the predictions, by learning rate and nodes; judge the last."""
    generator = torch.Generator().manual_seed(2)
    x, x_query = (torch.randn(n, 5, generator=generator, dtype=torch.float64) for n in (20, 10))
    y = x[:, :1].sin() + x[:, 1:2] * x[:, 2:3]
    report.say("What the sum over the training set misses of 10 predictions, float64, 100 steps")
    report.say(f"{'lr':>6}{'left end':>11}" + "".join(f"{f'{m} nodes':>11}" for m in (1, 2, 3)))
    for lr in (0.02, 0.04, 0.08):
        model = perceptron(5, 16, 1, dtype=torch.float64)
        path = record_gradient_descent(model, nn.MSELoss(), x, y, num_steps=100, lr=lr)
        parts = [path_contributions(path, x_query, quadrature_nodes=m) for m in range(4)]
        missed = [(part.rebuilt() - part.final).abs().max().item() for part in parts]
        report.say(f"{lr:6.2f}" + "".join(f"{value:11.1e}" for value in missed))
        report.require(missed[-1] < 1e-10, "three nodes miss too much")


def large(report: Report) -> None:
    """Time a descent of 6.7e5 parameters, 1000 samples, and 100 predictions taken apart."""
    steps = 10 if report.quick else 250
    torch.set_num_threads(1 if report.quick else 2)  # the goal is stated for two
    generator = torch.Generator().manual_seed(3)
    x, x_query = (torch.randn(n, 784, generator=generator) for n in (1000, 100))
    model = perceptron(784, 512, 512, 1)
    began = time.perf_counter()
    settings = {"num_steps": steps, "lr": 0.01, "max_memory": 2**32}
    path = record_gradient_descent(model, nn.MSELoss(), x, x[:, :1], **settings)
    recorded = time.perf_counter()
    parts = path_contributions(path, x_query, quadrature_nodes=1)
    done = time.perf_counter()
    missed = (parts.rebuilt() - parts.final).abs().max().item()
    report.say(
        f"784-512-512-1, 1000 by 100, {steps} steps, one node: descent {recorded - began:.1f} s, "
        f"contributions {done - recorded:.1f} s, {torch.get_num_threads()} thread(s) (goal for "
        f"1000: 60 s on two); missed {missed:.0e}"
    )
    report.require(missed < 1e-3, "one node misses too much")


def measure(report: Report) -> None:
    tangent_kernels(report)
    errors_of_nodes(report)
    large(report)


if __name__ == "__main__":
    sys.exit(main(measure, {LOOP: "torch", VMAP: "torch"}, note=NOTE))
