"""HSIC and CKA against loops, whole matrices, enumeration and closed forms."""

import itertools
import math

import pytest
import torch

from lib.kernels import hsic
from tests.kernels.conftest import dense_gaussian, dense_hsic, four_fold_loop

ESTIMATORS = ["unbiased", "biased"]
TILE = 256  # samples on a side of a tile on the CPU


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("count", [4, 5, 8])
def test_four_fold_loop(draw, count, estimator):
    x, y = draw(count)
    K, L = dense_gaussian(x, 1.3), dense_gaussian(y, 0.7)
    found = hsic.hsic(x, y, bandwidth_x=1.3, bandwidth_y=0.7, estimator=estimator)
    assert found.item() == pytest.approx(four_fold_loop(K, L, estimator == "unbiased"), rel=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("count", [TILE, TILE + 1, 2 * TILE + 77])
@pytest.mark.parametrize("dims", [(1, 1), (3, 40)])
def test_whole_matrices(draw, count, dims, estimator):
    x, y = draw(count, dims)
    K, L = dense_gaussian(x, 2.0), dense_gaussian(y, 5.0)
    settings = {"bandwidth_x": 2.0, "bandwidth_y": 5.0, "estimator": estimator}
    joint = dense_hsic(K, L, estimator)
    torch.testing.assert_close(hsic.hsic(x, y, **settings), joint, rtol=1e-11, atol=1e-15)
    own = dense_hsic(K, K, estimator) * dense_hsic(L, L, estimator)
    found = hsic.cka(x, y, **settings)
    torch.testing.assert_close(found, joint / own.sqrt(), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("count", [4, 5])
def test_expectation_by_enumeration(count):
    """All samples of a dependent law on three pairs: the unbiased mean is HSIC, the biased not."""
    pairs = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0]], dtype=torch.float64)
    law = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    x, y = pairs[:, :1], pairs[:, 1:]
    K, L = dense_gaussian(x, 1.0), dense_gaussian(y, 1.0)
    # E[kl] + E[k]E[l] − 2 E[E[k]E[l]], the definition
    truth = law @ (K * L) @ law + (law @ K @ law) * (law @ L @ law)
    truth = truth - 2 * (law * (K @ law) * (L @ law)).sum()
    means = dict.fromkeys(ESTIMATORS, 0.0)
    for draws in itertools.product(range(3), repeat=count):
        chosen = list(draws)
        for estimator in ESTIMATORS:
            settings = {"bandwidth_x": 1.0, "bandwidth_y": 1.0, "estimator": estimator}
            value = hsic.hsic(x[chosen], y[chosen], **settings).item()
            means[estimator] += value * law[chosen].prod().item()
    assert means["unbiased"] == pytest.approx(truth.item(), rel=1e-12)
    for factor in (1.0, (count / (count - 1)) ** 2):  # neither 1/n² nor 1/(n − 1)² is unbiased
        assert abs(means["biased"] * factor / truth.item() - 1) > 0.1


def test_closed_form_of_correlated_normals():
    """The mean of 40 unbiased estimates, to four of its own standard errors (1 seed in 16 000)."""
    correlation, a, b = 0.8, 1.0, 1.0
    c = (1 + 2 * a) * (1 + 2 * b)
    truth = (c - 4 * a * b * correlation**2) ** -0.5 + c**-0.5
    truth -= 2 * (c - a * b * correlation**2) ** -0.5
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(40):
        x, e = torch.randn(2, 200, 1, generator=generator, dtype=torch.float64)
        y = correlation * x + math.sqrt(1 - correlation**2) * e
        found.append(hsic.hsic(x, y, bandwidth_x=a**-0.5, bandwidth_y=b**-0.5))
    values = torch.stack(found)
    assert abs(values.mean() - truth) < 4 * values.std() / math.sqrt(len(values))
    assert values.std() / math.sqrt(len(values)) < 0.03 * truth


def test_linear_kernel_is_the_squared_norm_of_the_covariance(draw):
    x, y = draw(300)
    covariance = (x - x.mean(0)).t() @ (y - y.mean(0)) / 300
    found = hsic.hsic(x, y, kernel="linear", estimator="biased")
    torch.testing.assert_close(found, covariance.square().sum())


def test_linear_kernel_does_not_see_a_square():
    x = torch.linspace(-1, 1, 101, dtype=torch.float64)[:, None]
    assert abs(hsic.hsic(x, x**2, kernel="linear", estimator="biased").item()) < 1e-16
    assert hsic.hsic(x, x**2) > 0.02


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_distance_covariance_is_four_times_hsic(draw, estimator):
    x, y = draw(300)
    A, B = torch.cdist(x, x), torch.cdist(y, y)
    found = hsic.hsic(x, y, kernel="distance", estimator=estimator)
    if estimator == "biased":  # Székely, Rizzo and Bakirov: doubly centred distances
        A, B = (D - D.mean(0) - D.mean(1)[:, None] + D.mean() for D in (A, B))
        expected = (A * B).mean()
    else:
        expected = dense_hsic(A, B, estimator)
    torch.testing.assert_close(4 * found, expected)


def test_a_function_and_a_pair_as_kernels(draw):
    x, y = draw(TILE + 9)

    def quadratic(a, b):
        return (a @ b.t() + 1) ** 2

    found = hsic.hsic(x, y, kernel=(quadratic, "gaussian"), bandwidth_y=0.9)
    expected = dense_hsic(quadratic(x, x), dense_gaussian(y, 0.9), "unbiased")
    torch.testing.assert_close(found, expected)


def test_biased_is_never_negative_and_unbiased_often_is():
    generator = torch.Generator().manual_seed(0)
    draws = [torch.randn(2, 12, 1, generator=generator).double() for _ in range(60)]
    unbiased = torch.stack([hsic.hsic(*pair) for pair in draws])
    biased = torch.stack([hsic.hsic(*pair, estimator="biased") for pair in draws])
    assert (biased >= 0).all()
    assert 15 < (unbiased < 0).sum() < 50


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", ["gaussian", "linear", "distance"])
def test_invariances(draw, kernel, estimator):
    x, y = draw(50)
    settings = {"kernel": kernel, "estimator": estimator}
    value, alignment = hsic.hsic(x, y, **settings), hsic.cka(x, y, **settings)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(1))
    rotation = torch.linalg.qr(torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=x.dtype)).Q
    for moved in (x[order], x @ rotation + 5):
        other = y[order] if moved.shape == x.shape and torch.equal(moved, x[order]) else y
        torch.testing.assert_close(hsic.hsic(moved, other, **settings), value)
    torch.testing.assert_close(hsic.hsic(y, x, **settings), value)
    torch.testing.assert_close(hsic.cka(7 * x @ rotation, y / 3 - 1, **settings), alignment)
    torch.testing.assert_close(hsic.cka(x, x, **settings), torch.ones_like(value))
    assert hsic.hsic(x, y[order], **settings) != value


def test_gaussian_kernel(draw):
    x, y = draw(9, (3, 3))
    torch.testing.assert_close(hsic.gaussian_kernel(x, bandwidth=1.5), dense_gaussian(x, 1.5))
    both = dense_gaussian(torch.cat([x, y]), 0.5)
    torch.testing.assert_close(hsic.gaussian_kernel(x, y, bandwidth=0.5), both[:9, 9:])
    of_x = dense_gaussian(torch.cat([x, y]), hsic.median_bandwidth(x).item())[:9, 9:]
    torch.testing.assert_close(hsic.gaussian_kernel(x, y), of_x)


@pytest.mark.parametrize("count", [2, 3, 4, 101])
def test_median_bandwidth(draw, count):
    x, _ = draw(count)
    distances = torch.nn.functional.pdist(x).sort().values
    middle = distances[(len(distances) - 1) // 2], distances[len(distances) // 2]
    torch.testing.assert_close(hsic.median_bandwidth(x), sum(middle) / 2, rtol=1e-15, atol=0)


@pytest.mark.parametrize("discrete", [False, True])
def test_median_of_many_distances_is_exact(draw, discrete):
    x, _ = draw(3100)  # 4.8 million distances: found between the ends of a bracket
    x = x.round() if discrete else x
    distances = torch.nn.functional.pdist(x).sort().values
    middle = distances[(len(distances) - 1) // 2], distances[len(distances) // 2]
    assert hsic.median_bandwidth(x) == sum(middle) / 2


def test_a_bandwidth_left_out_is_that_of_its_own_variable(draw):
    x, y = draw(40)
    y = 100 * y
    sigma = {"bandwidth_x": hsic.median_bandwidth(x), "bandwidth_y": hsic.median_bandwidth(y)}
    both = hsic.hsic(x, y, **sigma)
    torch.testing.assert_close(hsic.hsic(x, y), both)
    torch.testing.assert_close(hsic.hsic(x, y, bandwidth_x=sigma["bandwidth_x"]), both)
    assert abs(hsic.hsic(x, y) / hsic.hsic(x, y, bandwidth_y=sigma["bandwidth_x"]) - 1) > 0.1
