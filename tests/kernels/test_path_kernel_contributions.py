"""Contributions: they add up to the prediction, and go to whom they should."""

import math

import pytest
import torch
from torch import nn

from lib.kernels.path_kernel import (
    path_contributions,
    path_kernel,
    record_gradient_descent,
    tangent_kernel,
)
from tests.kernels.path_kernel_references import (
    forward_contributions,
    initialized,
    normal,
    perceptron,
)

CLASSES = torch.tensor([0, 1, 2, 1, 0, 2, 2])
SETTINGS = {
    "plain": {"lr": 0.3},
    "minibatches": {"lr": 0.1, "batch_size": 3},
    "decay": {"lr": 0.3, "weight_decay": 0.1},
    "rates": {"lr": [0.3, 0.2, 0.1, 0.0, 0.3, 0.2, 0.1, 0.05]},
    "momentum": {"lr": 0.1, "momentum": 0.9, "batch_size": 3},
    "momentum and decay": {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.2},
    "adam": {"lr": 0.02, "optimizer": "adam", "batch_size": 3},
    "adam and decay": {"lr": 0.02, "optimizer": "adam", "weight_decay": 0.2},
}


def descend(model, loss_fn=None, x=None, y=CLASSES, **settings):
    settings = {
        "num_steps": 8,
        "lr": 0.3,
        "generator": torch.Generator().manual_seed(3),
        **settings,
    }
    x = normal(len(y), 4) if x is None else x
    return record_gradient_descent(model, loss_fn or nn.CrossEntropyLoss(), x, y, **settings)


def gap(parts):
    return (parts.rebuilt() - parts.final).abs().max().item()


def half_squares(outputs, y):
    return (outputs - y).square().sum() / 2


@pytest.mark.parametrize("name", SETTINGS)
def test_complete(name):
    path = descend(perceptron(4, 5, 3), **SETTINGS[name])
    x = normal(4, 4, seed=2)
    parts = path_contributions(path, x, quadrature_nodes=4)
    assert parts.contributions.shape == (4, 7, 3)
    assert gap(parts) < 1e-10
    torch.testing.assert_close(parts.initial, path.model(0)(x).detach())
    torch.testing.assert_close(parts.final, path.model()(x).detach())
    assert (parts.final - parts.initial).abs().max() > 0.05
    assert bool(parts.weight_decay.any()) == ("decay" in name)


@pytest.mark.parametrize("name", SETTINGS)
def test_forward_reference(name):
    """Each term by itself, against velocities of each sample carried forward."""
    path = descend(perceptron(4, 3, 3), **SETTINGS[name])
    x = normal(2, 4, seed=2)
    contributions, decay = forward_contributions(path, x, nodes=2)
    for method in ("auto", "gradients"):
        parts = path_contributions(path, x, quadrature_nodes=2, method=method)
        torch.testing.assert_close(parts.contributions, contributions, rtol=1e-10, atol=1e-13)
        torch.testing.assert_close(parts.weight_decay, decay, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("lr", "settings"), [(0.2, {}), (0.1, {"momentum": 0.5, "weight_decay": 0.1})]
)
@pytest.mark.parametrize(("nodes", "order"), [(0, 2), (1, 3), (2, 5), (3, 7)])
def test_order_of_the_error_in_the_learning_rate(nodes, order, lr, settings):
    """The slope between a rate and its half, at a fixed number of steps."""
    errors = []
    for rate in (lr, lr / 2):
        path = descend(perceptron(4, 5, 3), num_steps=2, **settings, lr=rate)
        parts = path_contributions(path, normal(4, 4, seed=2), quadrature_nodes=nodes)
        errors.append((parts.rebuilt() - parts.final).norm().item())
    assert errors[1] > 1e-14, "rounding hides the order"
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3)


@pytest.mark.parametrize(("depth", "nodes"), [(2, 1), (4, 2)])
def test_linear_layers_need_half_as_many_nodes(depth, nodes):
    path = descend(perceptron(*[4] * depth, 3, activation=nn.Identity), lr=0.5)
    x = normal(4, 4, seed=2)
    assert gap(path_contributions(path, x, quadrature_nodes=nodes)) < 1e-13
    assert gap(path_contributions(path, x, quadrature_nodes=nodes - 1)) > 1e-8


def test_left_end_is_the_sum_of_tangent_kernels():
    path = descend(perceptron(4, 5, 3))
    x, total = normal(4, 4, seed=2), 0.0
    for step in range(path.num_steps):
        model = path.model(step)
        alpha = (nn.functional.one_hot(CLASSES) - model(path.x).softmax(1)) / len(CLASSES)
        kernel = tangent_kernel(model, x, path.x)
        total = total + 0.3 * torch.einsum("qncd,nd->qnc", kernel, alpha)
    found = path_contributions(path, x, quadrature_nodes=0).contributions
    torch.testing.assert_close(found, total.detach())


@pytest.mark.parametrize("name", ["plain", "momentum and decay", "adam"])
def test_duplicates_share_equally(name):
    x = normal(7, 4)
    x[5] = x[2]
    settings = SETTINGS[name] | {"batch_size": None}
    parts = path_contributions(descend(perceptron(4, 5, 3), x=x, **settings), normal(4, 4, seed=2))
    shares = parts.contributions
    torch.testing.assert_close(shares[:, 2], shares[:, 5], rtol=1e-12, atol=1e-15)
    assert (shares[:, 2] - shares[:, 6]).abs().max() > 1e-3  # of the same class


@pytest.mark.parametrize("method", ["layers", "gradients"])
def test_no_residual_no_contribution(method):
    """In a linear model an input at right angles to all others keeps its residual of 0."""
    model = perceptron(4, 1, bias=False)
    x = torch.eye(4, dtype=torch.float64)
    y = torch.tensor([[3.0], [1.0], [0.0], [2.0]], dtype=torch.float64)
    y[2] = model(x)[2].detach()
    path = descend(model, half_squares, x, y, lr=0.2)
    shares = path_contributions(path, normal(3, 4), method=method).contributions
    assert not shares[:, 2].any()
    assert shares[:, [0, 1, 3]].abs().min() > 1e-3


def test_samples_that_were_never_drawn_contribute_nothing():
    path = descend(perceptron(4, 5, 3), batch_size=2, num_steps=2)
    drawn = torch.cat([path.batch(0), path.batch(1)])
    shares = path_contributions(path, normal(3, 4)).contributions.abs().amax((0, 2))
    assert len(set(drawn.tolist())) == 4
    assert shares[drawn].min() > 1e-4
    assert not shares[[i for i in range(7) if i not in drawn]].any()


def test_linear_model_in_closed_form():
    """After S steps the coefficients are Σ η(I − ηK)^s residual, the same for every query."""
    model, x, y = perceptron(4, 1), normal(3, 4), normal(3, 1, seed=5)
    path = descend(model, half_squares, x, y, lr=0.05, num_steps=9)
    K = x @ x.t() + 1
    residual = y - model(x).detach()
    left = torch.eye(3, dtype=torch.float64) - 0.05 * K
    steps = [0.05 * torch.linalg.matrix_power(left, s) @ residual for s in range(9)]
    queries = normal(5, 4, seed=2)
    expected = (queries @ x.t() + 1) * sum(steps)[:, 0]
    for nodes in (0, 1, 3):  # the slope along a step is constant
        found = path_contributions(path, queries, quadrature_nodes=nodes).contributions
        torch.testing.assert_close(found[..., 0], expected, rtol=1e-11, atol=1e-12)


def test_linear_model_at_convergence_is_kernel_regression():
    model, y = perceptron(4, 1), normal(3, 1, seed=5)
    x = torch.linalg.qr(normal(4, 3)).Q.t()  # eigenvalues of the kernel from 1 to 4
    path = descend(model, half_squares, x, y, lr=0.4, num_steps=60)
    queries = normal(5, 4, seed=2)
    coefficients = torch.linalg.solve(x @ x.t() + 1, y - model(x).detach())[:, 0]
    found = path_contributions(path, queries, quadrature_nodes=0).contributions[..., 0]
    torch.testing.assert_close(found, (queries @ x.t() + 1) * coefficients, rtol=1e-8, atol=1e-9)


def test_weight_decay_alone_explains_a_descent_without_a_loss():
    for settings in ({}, {"momentum": 0.5}):
        path = descend(perceptron(4, 5, 3), lambda f, y: 0 * f.sum(), weight_decay=0.5, **settings)
        parts = path_contributions(path, normal(4, 4, seed=2), quadrature_nodes=6)
        assert not parts.contributions.any()
        torch.testing.assert_close(parts.weight_decay, parts.final - parts.initial)


@pytest.mark.parametrize(
    "model",
    [
        lambda: nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 3, 2), nn.Tanh(), nn.Flatten()),
        lambda: nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.SiLU(), nn.Linear(5, 3)),
    ],
)
@pytest.mark.parametrize("name", ["minibatches", "momentum and decay"])
def test_other_models(model, name):
    path = descend(initialized(model()), **SETTINGS[name])
    assert gap(path_contributions(path, normal(3, 4, seed=2), quadrature_nodes=5)) < 1e-10


def test_tokens():
    tokens = torch.tensor([[0, 1], [2, 1], [1, 1], [2, 0]])
    model = nn.Sequential(nn.Embedding(3, 4), nn.Flatten(), nn.Tanh(), nn.Linear(8, 3))
    path = descend(initialized(model), x=tokens, y=CLASSES[:4])
    parts = path_contributions(path, tokens[:2])
    assert gap(parts) < 1e-10
    assert parts.contributions.abs().min() > 1e-6


def test_a_loss_that_couples_samples_and_outputs_without_a_dimension():
    def loss(outputs, y):
        return ((outputs[:, None] - outputs) * (y - y[:, None])).exp().mean()

    model = nn.Sequential(perceptron(4, 5, 1), nn.Flatten(0))
    y = CLASSES.double()
    for settings in ({"batch_size": 3}, {"momentum": 0.5}):
        parts = path_contributions(descend(model, loss, y=y, lr=0.01, **settings), normal(3, 4))
        assert parts.contributions.shape == (3, 7, 1)
        assert gap(parts) < 1e-10


@pytest.mark.parametrize("name", ["rates", "momentum and decay", "adam"])
def test_little_memory_changes_nothing(name):
    state = 43 * 8 * {"rates": 1, "momentum and decay": 2, "adam": 3}[name]
    path, few = (
        descend(perceptron(4, 5, 3), **SETTINGS[name], max_memory=number * state)
        for number in (9, 6)  # every step is kept, every other one
    )
    assert few.every > path.every
    x = normal(3, 4, seed=2)
    parts = path_contributions(path, x, quadrature_nodes=1)
    two = 4 * 3 * 43 * 8 * 2  # queries at a time, and as many samples as fit
    for memory in (1, two):  # 1: a query and a sample
        found = path_contributions(
            few, x, quadrature_nodes=1, method="gradients", max_memory=memory
        )
        for one, other in zip(parts, found, strict=True):
            torch.testing.assert_close(one, other)


class Bent(nn.Module):
    """ax + abx², from a = 0.5 and b = 1."""

    def __init__(self):
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.tensor([v], dtype=torch.float64)) for v in (0.5, 1.0))

    def forward(self, x):
        return self.a * x + self.a * self.b * x**2


def test_path_kernel_is_asymmetric_by_what_the_second_parameter_moves():
    x = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    path = descend(Bent(), half_squares, x, -x, lr=0.01, num_steps=1)
    found = path_kernel(path, x, quadrature_nodes=1)
    move = (path.vector(1) - path.vector(0))[1]
    expected = 0.01 * move / 2 * 1 * 2 * (1 - 2)
    torch.testing.assert_close(found[0, 1] - found[1, 0], expected)
    assert expected.abs() > 1e-4


@pytest.mark.parametrize("method", ["layers", "gradients"])
def test_path_kernel_times_residuals_are_the_contributions_of_a_step(method):
    path, x = descend(perceptron(4, 5, 3), num_steps=1), normal(4, 4, seed=2)
    alpha = path.residuals(path.model(0)(path.x), CLASSES)
    expected = path_contributions(path, x).contributions
    kernel = path_kernel(path, x, method=method)
    torch.testing.assert_close(torch.einsum("qncd,nd->qnc", kernel, alpha), expected)


def test_path_kernel_of_many_steps_is_their_sum():
    path, x = descend(perceptron(4, 5, 3), lr=[0.3, 0.1], num_steps=2), normal(4, 4, seed=2)
    parts = [
        path_kernel(descend(path.model(s), lr=lr, num_steps=1), x)
        for s, lr in enumerate(path.rule.rates)
    ]
    torch.testing.assert_close(path_kernel(path, x), sum(parts))
    few = path_kernel(path, x, method="gradients", max_memory=1)
    torch.testing.assert_close(few, sum(parts))


def test_single_precision():
    path = descend(perceptron(4, 5, 3).float(), x=normal(7, 4).float(), num_steps=30)
    parts = path_contributions(path, normal(3, 4).float())
    assert {part.dtype for part in parts} == {torch.float32}
    assert gap(parts) < 3e-6


def test_what_is_refused(unchecked_shapes):
    path = descend(perceptron(4, 5, 3), momentum=0.5)
    with pytest.raises(ValueError, match="at least 0, got -1"):
        path_contributions(path, normal(3, 4), quadrature_nodes=-1)
    with pytest.raises(ValueError, match=r"shape \(5,\) and the training set \(4,\)"):
        path_contributions(path, normal(3, 5))
    with pytest.raises(ValueError, match="use method='gradients'"):
        path_contributions(path, normal(3, 4), method="layers")
    with pytest.raises(ValueError, match="no kernel stands apart"):
        path_kernel(path, normal(3, 4))
