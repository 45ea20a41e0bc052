"""The HSIC bottleneck: each layer hears of its own objective only, and learns by it."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from lib.kernels import hsic
from tests.kernels.conftest import dense_gaussian, dense_hsic

NORMALIZATIONS = ["none", "cka", "nocco"]


def layers(*widths, seed=0):
    """Tanh layers in float64 from a fixed draw."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for inputs, outputs in pairwise(widths):
        linear = nn.Linear(inputs, outputs).double()
        with torch.no_grad():
            for parameter in linear.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / inputs**0.5)
        made.append(nn.Sequential(linear, nn.Tanh()))
    return made


def classes(count=60, dims=4, seed=0):
    """Two interlocked classes that no single input tells apart: the sign of a product."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, dims, generator=generator, dtype=torch.float64)
    y = nn.functional.one_hot((x[:, 0] * x[:, 1] > 0).long(), 2).double()
    return x, y


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_the_objective(normalization):
    x, y = classes()
    model = hsic.HSICBottleneck(
        layers(4, 6, 5), beta=3.0, gamma=0.5, normalization=normalization, relative_bandwidth=1.5
    )
    z = x
    for layer, loss in zip(model.layers, model.local_losses(x, y), strict=True):
        z = layer(z).detach()
        K, L, M = (
            dense_gaussian(z, 1.5 * z.shape[1] ** 0.5),
            y @ y.t(),
            dense_gaussian(x, 1.5 * 4**0.5),
        )
        expected = 0.5 * measure(K, M, normalization) - 3 * measure(K, L, normalization)
        torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(model(x, y), sum(model.local_losses(x, y)))


def measure(K, L, normalization):
    if normalization == "nocco":
        n = len(K)
        H = torch.eye(n, dtype=K.dtype) - 1 / n
        ridge = 1e-5 * n * torch.eye(n, dtype=K.dtype)
        R = [H @ M @ H @ torch.linalg.inv(H @ M @ H + ridge) for M in (K, L)]
        return (R[0] @ R[1]).trace()
    joint = dense_hsic(K, L, "biased")
    if normalization == "none":
        return joint
    return joint / (dense_hsic(K, K, "biased") * dense_hsic(L, L, "biased")).sqrt()


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_loss_reaches_its_own_layer_only(normalization):
    x, y = classes()
    model = hsic.HSICBottleneck(layers(4, 6, 5, 3), normalization=normalization)
    for index, loss in enumerate(model.local_losses(x, y)):
        model.zero_grad()
        loss.backward()
        for other, layer in enumerate(model.layers):
            for parameter in layer.parameters():
                heard = parameter.grad is not None and bool(parameter.grad.any())
                assert heard == (other == index)


def test_the_gradient_of_a_layer_does_not_depend_on_detaching():
    """Its own objective, by back-propagation through an attached network, gives the same."""
    x, y = classes()
    parts = layers(4, 6, 5)
    model = hsic.HSICBottleneck(parts, gamma=0.0, beta=1.0)
    model(x, y).backward()
    found = parts[1][0].weight.grad
    attached = -hsic.cka(
        parts[1](parts[0](x)), y, kernel=("gaussian", "linear"), estimator="biased"
    )
    expected = torch.autograd.grad(attached, [parts[0][0].weight, parts[1][0].weight])
    torch.testing.assert_close(found, expected[1])
    assert not torch.allclose(parts[0][0].weight.grad, expected[0])  # here the two methods differ


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_training_makes_every_layer_tell_the_classes_better(normalization):
    x, y = classes(200)
    model = hsic.HSICBottleneck(
        layers(4, 16, 16), gamma=0.0, beta=1.0, normalization=normalization, epsilon=1e-2
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)

    def alignments():
        with torch.no_grad():
            return [hsic.cka(z, y, kernel=("gaussian", "linear")) for z in model.activations(x)]

    before = alignments()
    for _ in range(60):
        optimizer.zero_grad()
        model(x, y).backward()
        optimizer.step()
    for old, new in zip(before, alignments(), strict=True):
        assert old < 0.05
        assert new > 0.1


def test_nocco_counts_shared_directions():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    mixing = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    for shared in (1, 2, 3):
        found = hsic.nocco(x, x @ mixing[:, :shared], kernel="linear", epsilon=1e-9)
        assert found.item() == pytest.approx(shared, rel=1e-5)


def test_classes_give_the_gaussian_and_the_linear_kernel_the_same_alignment():
    x, y = classes()
    linear = hsic.cka(x, y, kernel=("gaussian", "linear"))
    torch.testing.assert_close(hsic.cka(x, y, bandwidth_y=0.8), linear)


def test_images_and_single_precision_targets():
    x, y = classes(20)
    images = x.reshape(20, 1, 2, 2)
    convolution = nn.Sequential(nn.Conv2d(1, 3, 2), nn.Flatten()).double()
    model = hsic.HSICBottleneck(nn.Sequential(convolution))
    with torch.no_grad():
        assert model(images, y.float()).isfinite()


def test_settings_are_checked(unchecked_shapes):
    with pytest.raises(ValueError, match="layers is empty"):
        hsic.HSICBottleneck([])
    for wrong in (
        {"normalization": "batch"},
        {"beta": -1.0},
        {"gamma": float("inf")},
        {"relative_bandwidth": 0.0},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            hsic.HSICBottleneck([nn.Tanh()], **wrong)
    assert "beta=7.0" in repr(hsic.HSICBottleneck([nn.Tanh()], beta=7.0))
