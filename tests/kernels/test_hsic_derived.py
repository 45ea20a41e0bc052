"""The library is held to the formulas that the chapter derives: its own cells are the oracles."""

import itertools
import re

import numpy as np
import pytest
import torch

from lib.kernels import hsic
from tests.kernels.conftest import dense_gaussian

UNIT = {"bandwidth_x": 1.0, "bandwidth_y": 1.0}


@pytest.fixture(scope="module")
def results(derived):
    return derived("kernels/hsic")


@pytest.fixture(params=[4, 5, 7], ids=lambda count: f"n{count}")
def points(request, draw):
    return draw(request.param)


def value(results, label, side="right", **inputs):
    arrays = {name: np.asarray(x) for name, x in inputs.items()}
    return torch.as_tensor(np.asarray(results[label].numpy(side)(**arrays)))


def grams(points):
    return {name: dense_gaussian(p, 1.0) for name, p in zip("KL", points, strict=True)}


def close(actual, expected):
    torch.testing.assert_close(actual, expected.to(actual), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("side", ["left", "right"])
def test_biased(results, points, side):
    expected = value(results, "hsic-three-terms", side, **grams(points))
    close(hsic.hsic(*points, estimator="biased", **UNIT), expected)


@pytest.mark.parametrize("method", ["exact", "low_rank"])
def test_unbiased(results, points, method):
    expected = value(results, "hsic-song", **grams(points))
    found = hsic.hsic(*points, method=method, tolerance=1e-15, **UNIT)
    torch.testing.assert_close(found, expected.to(found), rtol=1e-6, atol=1e-9)


def test_unbiased_is_the_mean_over_different_samples(results, draw):
    x, y = draw(5)
    expected = value(results, "hsic-song", "left", **grams((x, y)))
    close(hsic.hsic(x, y, **UNIT), expected)


def test_linear_kernels(results, points):
    x, y = points
    expected = value(results, "hsic-linear", X=x, Y=y)
    close(hsic.hsic(x, y, kernel="linear", estimator="biased"), expected)


def test_distance_covariance(results, points):
    x, y = points
    expected = value(results, "hsic-distance", "left", D=torch.cdist(x, x), E=torch.cdist(y, y))
    close(4 * hsic.hsic(x, y, kernel="distance", estimator="biased"), expected)


def test_alignment(results, points):
    expected = value(results, "hsic-cka", **grams(points))
    close(hsic.cka(*points, estimator="biased", **UNIT), expected)


def test_nocco(results, points):
    expected = value(results, "hsic-nocco", epsilon=0.1, **grams(points))
    close(hsic.nocco(*points, epsilon=0.1, **UNIT), expected)


def test_mean_over_all_pairings(results, draw):
    x, y = draw(5)
    every = itertools.permutations(range(5))
    found = [hsic.hsic(x, y[list(order)], estimator="biased", **UNIT) for order in every]
    expected = value(results, "hsic-permutation-mean", **grams((x, y)))
    close(25 * torch.stack(found).mean(), expected)


def test_gradient(results, points):
    x, y = points
    own = x.clone().requires_grad_()
    hsic.hsic(own, y, estimator="biased", **UNIT).backward()
    count = len(x)
    centring = torch.eye(count, dtype=x.dtype) - 1 / count
    pull = centring @ dense_gaussian(y, 1.0) @ centring / count**2
    for row, column in itertools.product(range(count), range(x.shape[1])):
        expected = value(
            results, "hsic-local-gradient", Z=x, M=pull, sigma=1.0, l=row + 1, k=column + 1
        )
        close(own.grad[row, column], expected)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_normal_variables(results, rho):
    """The mean of unbiased estimates; the tolerance is five standard errors."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(40):
        x, z = torch.randn(2, 400, 1, generator=generator, dtype=torch.float64)
        y = rho * x + (1 - rho**2) ** 0.5 * z
        found.append(hsic.hsic(x, y, **UNIT))
    sample = torch.stack(found)
    expected = value(results, "hsic-gaussian", alpha=1.0, beta=1.0, rho=rho)
    assert abs(sample.mean() - expected) < 5 * sample.std() / 40**0.5


def test_every_equation_that_a_docstring_names_is_derived(results, root):
    named = set()
    for file in (root / "lib/kernels").glob("*hsic*.py"):
        named |= set(re.findall(r":eq:`([^`]+)`", file.read_text()))
    assert named
    assert named <= set(results)


def test_the_chapter_names_every_public_function(root):
    chapter = (root / "book/kernels/hsic.md").read_text()
    assert not [name for name in hsic.__all__ if name not in chapter]
