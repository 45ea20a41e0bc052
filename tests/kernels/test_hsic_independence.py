"""Tests of independence: exact moments, level, power, and p-values that count ties."""

import itertools
import math

import pytest
import torch

from lib.kernels import hsic
from tests.kernels.conftest import dense_gaussian

SIGMA = {"bandwidth_x": 1.1, "bandwidth_y": 0.8}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def all_permutations(x, y):
    """The biased HSIC of every pairing."""
    n = len(x)
    H = torch.eye(n, dtype=x.dtype) - 1 / n
    A, B = (H @ dense_gaussian(v, s) @ H for v, s in ((x, 1.1), (y, 0.8)))
    orders = torch.tensor(list(itertools.permutations(range(n))))
    return (A * B[orders[:, :, None], orders[:, None]]).sum((1, 2)) / n**2


@pytest.mark.parametrize("count", [4, 6])
def test_gamma_has_the_moments_of_all_permutations(draw, count):
    """The p-value is that of the gamma distribution with enumerated mean and variance."""
    x, y = draw(count)
    values = all_permutations(x, y)
    H = torch.eye(count, dtype=x.dtype) - 1 / count
    traces = [(H @ dense_gaussian(v, s)).trace() for v, s in ((x, 1.1), (y, 0.8))]
    torch.testing.assert_close(values.mean(), traces[0] * traces[1] / (count - 1) / count**2)
    found = hsic.hsic_test(x, y, method="gamma", **SIGMA)
    mean, variance = values.mean(), values.var(correction=0)
    expected = torch.special.gammaincc(mean**2 / variance, values[0] * mean / variance)
    assert found.p_value == pytest.approx(expected.item(), rel=1e-9)
    assert found.statistic == pytest.approx(values[0].item(), rel=1e-12)
    assert found.null is None


def test_null_sample_is_drawn_from_all_permutations(draw):
    x, y = draw(6)
    values = all_permutations(x, y)
    found = hsic.hsic_test(x, y, num_permutations=4000, generator=seeded(), **SIGMA)
    nearest = (found.null[:, None] - values).abs().min(1)
    assert nearest.values.max() < 1e-7  # the tolerance of the factors is 1e-8
    assert len(nearest.indices.unique()) > 0.95 * len(values)
    error = found.null.mean() - values.mean()
    assert abs(error) < 4 * values.std() / math.sqrt(4000)  # 1 seed in 16 000


@pytest.mark.parametrize("dims", [(1, 1), (20, 20)])
def test_statistics_are_those_of_permuted_samples(draw, dims):
    """Through factors and, with many dimensions, through tiles."""
    x, y = draw(150, dims)
    widths = {"bandwidth_x": math.sqrt(dims[0]), "bandwidth_y": math.sqrt(dims[1])}
    found = hsic.hsic_test(x, y, num_permutations=5, generator=seeded(3), **widths)
    settings = widths | {"estimator": "biased"}
    assert found.statistic == pytest.approx(hsic.hsic(x, y, **settings).item(), abs=2e-8)
    generator = seeded(3)
    for value in found.null:
        order = torch.randperm(150, generator=generator)
        expected = hsic.hsic(x, y[order], **settings)
        torch.testing.assert_close(value, expected, rtol=0, atol=2e-8)


def test_p_values_are_uniform_under_independence():
    """Kolmogorov's distance of 400 p-values; a right test fails one seed in a thousand."""
    generator = seeded()
    p_values = []
    for _ in range(400):
        x = torch.randn(25, 1, generator=generator, dtype=torch.float64)
        y = torch.rand(25, 1, generator=generator, dtype=torch.float64) ** 3
        p_values.append(hsic.hsic_test(x, y, num_permutations=99, generator=generator).p_value)
    found = torch.tensor(p_values).sort().values
    assert set((found * 100).round().int().tolist()) <= set(range(1, 101))
    # p is uniform on 0.01, ..., 1, so P(p ≤ k/100) = k/100 exactly
    levels = torch.arange(1, 101) / 100
    share = (found[None] <= levels[:, None] + 1e-6).float().mean(1)
    assert (share - levels).abs().max() < 1.95 / math.sqrt(400)


@pytest.mark.parametrize("method", ["permutation", "gamma"])
def test_level_and_power_where_correlation_sees_nothing(method):
    """60 samples of y = x² + noise: each test at 5 %, 100 times; binomial bounds of 1 in 10 000."""
    generator = seeded()
    rejected = {"square": 0, "independent": 0, "correlation": 0}
    for _ in range(100):
        x, noise, other = torch.randn(3, 60, 1, generator=generator, dtype=torch.float64)
        x = x.clamp(-2, 2)
        y = x**2 + 0.5 * noise
        settings = {"method": method, "num_permutations": 99, "generator": generator}
        rejected["square"] += hsic.hsic_test(x, y, **settings).p_value <= 0.05
        rejected["independent"] += hsic.hsic_test(x, other, **settings).p_value <= 0.05
        linear = settings | {"kernel": "linear"}  # Pearson's correlation, squared
        rejected["correlation"] += hsic.hsic_test(x, y, **linear).p_value <= 0.05
    assert rejected["square"] >= 90
    assert rejected["independent"] <= 15
    assert rejected["correlation"] <= 40


def test_ties_count_as_reached():
    """Two classes each: many permutations give the very same statistic, up to rounding."""
    x = torch.tensor([0.0, 0, 0, 1, 1, 1], dtype=torch.float64)[:, None]
    found = hsic.hsic_test(x, x, num_permutations=2000, generator=seeded(), **SIGMA)
    # 2 of the 20 ways to choose three of six give the partition seen: p near 0.1, not near 0
    assert abs(found.p_value - 0.1) < 4 * math.sqrt(0.09 / 2000)  # 1 seed in 16 000
    constant = torch.ones_like(x)
    for method in ("permutation", "gamma"):
        found = hsic.hsic_test(x, constant, method=method, kernel="linear", generator=seeded())
        assert (found.statistic, found.p_value) == (0.0, 1.0)


def test_the_generator_decides_and_the_global_one_is_left_alone(draw):
    x, y = draw(20)
    state = torch.random.get_rng_state()
    first, again, other = (
        hsic.hsic_test(x, y, num_permutations=20, generator=seeded(s)) for s in (1, 1, 2)
    )
    hsic.median_bandwidth(torch.zeros(3000, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first.null, again.null)
    assert not torch.equal(first.null, other.null)


def test_smallest_p_value(draw):
    x, _ = draw(30, (1, 1))
    assert hsic.hsic_test(x, x, num_permutations=199, generator=seeded()).p_value == 1 / 200
