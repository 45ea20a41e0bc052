"""Generators, transition matrices and stationary laws: exact values, however small or stiff."""

import mpmath
import numpy as np
import pytest
import torch
from scipy import special

from lib.dynamics._expansions import chebyshev_coefficients, poisson_probabilities
from lib.dynamics.master_equation import (
    generator,
    probability_currents,
    stationary_distribution,
    transition_matrix,
)
from tests.dynamics.master_equation_references import random_generator, random_law

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CS")  # torch: in beta, once a process


def chain(births, deaths):
    """The generator of births and deaths: births[n] leads from n to n + 1, deaths[n] back."""
    rates = torch.diag(torch.as_tensor(births), -1) + torch.diag(torch.as_tensor(deaths), 1)
    return generator(rates.double())


def precise_exponential(matrix, t):
    """In 80 digits, its diagonal summed anew: rounding must not make it leak."""
    with mpmath.workdps(80):
        exact = mpmath.matrix(matrix.tolist())
        for y in range(len(matrix)):
            exact[y, y] = -mpmath.fsum(exact[x, y] for x in range(len(matrix)) if x != y)
        found = mpmath.expm(exact * t, method="taylor")
        return torch.tensor(
            [[float(found[x, y]) for y in range(len(matrix))] for x in range(len(matrix))],
            dtype=torch.float64,
        )


# Generators


def test_gain_minus_loss():
    source = torch.Generator().manual_seed(0)
    rates = torch.rand(3, 5, 5, dtype=torch.float64, generator=source)
    found = generator(rates)
    p = random_law(3, 5)
    expected = torch.zeros(3, 5, dtype=torch.float64)
    for i in range(3):
        for x in range(5):
            for y in range(5):
                expected[i, x] += rates[i, x, y] * p[i, y] - rates[i, y, x] * p[i, x]
    torch.testing.assert_close((found @ p[..., None])[..., 0], expected)
    torch.testing.assert_close(found.sum(-2), torch.zeros(3, 5).double(), rtol=0, atol=1e-14)


def test_the_diagonal_cancels():
    found = random_generator(6)
    torch.testing.assert_close(generator(found), found, rtol=0, atol=1e-15)
    torch.testing.assert_close(generator(found + torch.diag(torch.arange(6.0))), found)


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_sparse_rates(layout):
    source = torch.Generator().manual_seed(1)
    rates = torch.rand(7, 7, dtype=torch.float64, generator=source)
    rates = rates * (rates > 0.6)
    rates[:, 3] = 0.0  # a state that is never left keeps its place on the diagonal
    found = generator(rates.to_sparse(layout=layout))
    assert found.layout == torch.sparse_coo
    assert found.is_coalesced()
    torch.testing.assert_close(found.to_dense(), generator(rates))


def test_currents():
    matrix, p = random_generator(2, 4), random_law(4)
    currents = probability_currents(matrix, p)
    torch.testing.assert_close(currents, -currents.mT)
    torch.testing.assert_close(currents.sum(-1), matrix @ p)
    balanced = chain([1.0, 2.0, 0.5], [3.0, 1.0, 1.0])
    currents = probability_currents(balanced, stationary_distribution(balanced))
    torch.testing.assert_close(currents, torch.zeros_like(currents), rtol=0, atol=1e-16)


# Transition matrices


@pytest.mark.parametrize("states", [1, 2, 6, 30])
@pytest.mark.parametrize("t", [0.0, 1e-3, 1.0, 40.0])
def test_exponential(states, t):
    matrix = random_generator(states)
    torch.testing.assert_close(transition_matrix(matrix, t), torch.matrix_exp(matrix * t))


def test_times_broadcast_with_generators():
    matrices, t = random_generator(3, 4), torch.tensor([[0.0], [2.0]], dtype=torch.float64)
    found = transition_matrix(matrices, t)
    assert found.shape == (2, 3, 4, 4)
    torch.testing.assert_close(found, torch.matrix_exp(t[..., None, None] * matrices))
    alone = transition_matrix(matrices[1], torch.tensor([0, 2]))
    torch.testing.assert_close(alone, found[:, 1])


def test_chapman_and_kolmogorov():
    matrix = random_generator(8)
    whole, first, second = transition_matrix(matrix, torch.tensor([3.0, 1.25, 1.75]))
    torch.testing.assert_close(first @ second, whole, rtol=1e-13, atol=0)


def test_small_probabilities_have_a_small_relative_error():
    matrix = chain([1e-6] * 5, [1.0] * 5)
    found, expected = transition_matrix(matrix, 0.01), precise_exponential(matrix, 0.01)
    assert 0 < float(expected.min()) < 1e-38
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("fast", [1e4, 1e10])
def test_stiff(fast):
    """Two quick pairs, joined by slow jumps: what is slow comes out to nearly all digits."""
    rates = torch.zeros(4, 4, dtype=torch.float64)
    rates[1, 0], rates[0, 1], rates[3, 2], rates[2, 3] = fast, 2 * fast, 0.5 * fast, fast
    rates[2, 1], rates[1, 2] = 0.3, 0.7
    found = transition_matrix(generator(rates), 2.0)
    torch.testing.assert_close(found, precise_exponential(rates, 2.0), rtol=1e-12, atol=0)
    torch.testing.assert_close(found.sum(0), torch.ones(4).double(), rtol=0, atol=1e-15)


def test_after_very_many_jumps_the_law_is_stationary():
    matrix = random_generator(4)
    settled = stationary_distribution(matrix)[:, None].expand(4, 4)
    for t in (1e30, 1e300):
        torch.testing.assert_close(transition_matrix(matrix, t), settled, rtol=1e-10, atol=0)
    with pytest.raises(ValueError, match=r"beyond torch\.float64"):
        transition_matrix(matrix * 1e300, 1e20)


def test_single_precision():
    matrix = random_generator(5)
    found = transition_matrix(matrix.float(), 3.0)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), torch.matrix_exp(matrix * 3), rtol=1e-5, atol=0)


# Stationary laws


@pytest.mark.parametrize("shape", [(1,), (2,), (9,), (2, 3, 4)])
def test_stationary(shape):
    matrix = random_generator(*shape)
    found = stationary_distribution(matrix)
    assert found.shape == shape
    torch.testing.assert_close((matrix @ found[..., None])[..., 0], torch.zeros(shape).double())
    torch.testing.assert_close(found.sum(-1), torch.ones(shape[:-1]).double())
    torch.testing.assert_close(found, transition_matrix(matrix, 500.0)[..., 0])


def test_stationary_births_and_deaths_to_the_last_digit():
    births, deaths = np.full(40, 1e-7), np.linspace(1, 5, 40)
    weights = np.concatenate([[1.0], np.cumprod(births / deaths)])
    found = stationary_distribution(chain(births, deaths)).numpy()
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-13)
    assert found[-1] < 1e-280


def test_states_that_are_left_for_good_have_probability_zero():
    rates = torch.zeros(4, 4, dtype=torch.float64)
    rates[1, 0], rates[2, 1], rates[1, 2], rates[2, 3] = 1.0, 2.0, 3.0, 1.0
    for matrix in (generator(rates), generator(rates.to_sparse())):
        found = stationary_distribution(matrix)
        expected = torch.tensor([0, 0.6, 0.4, 0], dtype=torch.float64)
        torch.testing.assert_close(found, expected)
    absorbing = generator(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    torch.testing.assert_close(stationary_distribution(absorbing), torch.tensor([1.0, 0.0]))


def test_two_sets_that_are_never_left_are_refused():
    rates = torch.zeros(5, 5)
    rates[1, 0], rates[0, 1], rates[3, 4], rates[0, 4] = 1.0, 1.0, 1.0, 1.0
    with pytest.raises(ValueError, match="states 0 and 2"):
        stationary_distribution(generator(rates))


def test_permuted_states_permute_the_stationary_law():
    matrix = random_generator(6)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    found = stationary_distribution(matrix[order][:, order])
    torch.testing.assert_close(found, stationary_distribution(matrix)[order], rtol=1e-13, atol=0)


# Weights of the expansions


@pytest.mark.parametrize("z", [1e-8, 0.3, 7.0, 300.0, 1e5])
def test_chebyshev_coefficients(z):
    found = np.array(chebyshev_coefficients(z, 1e-16))
    expected = special.ive(np.arange(len(found)), z) * np.where(np.arange(len(found)), 2, 1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    assert found.sum() == pytest.approx(1, abs=1e-14)
    assert len(found) < 8.7 * np.sqrt(z) + 12


@pytest.mark.parametrize("z", [0.0, 1e-8, 0.3, 7.0, 900.0])
def test_poisson_probabilities(z):
    found = np.array(poisson_probabilities(z, 1e-16))
    with mpmath.workdps(30):
        expected = [
            float(mpmath.exp(-z) * mpmath.mpf(z) ** k / mpmath.factorial(k))
            for k in range(len(found))
        ]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-18)
    assert found.sum() == pytest.approx(1, abs=1e-14)
