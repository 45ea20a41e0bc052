"""The likelihood of counts in an epidemic: against the exponential of the whole generator."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from lib.datasets import load
from lib.dynamics.epidemic import sir_log_likelihood
from lib.dynamics.reaction_network import Reaction, ReactionNetwork
from lib.dynamics.stochastic_simulation import simulate


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def whole_generator(beta: Tensor, gamma: Tensor, people: int) -> Tensor:
    """All states (S, I) of a population, S first."""
    matrix = torch.zeros((people + 1) ** 2, (people + 1) ** 2, dtype=torch.float64)
    index = {pair: k for k, pair in enumerate(itertools.product(range(people + 1), repeat=2))}
    rows, columns, rates = [], [], []
    for (s, i), y in index.items():
        for x, rate in (((s - 1, i + 1), beta * s * i), ((s, i - 1), gamma * i)):
            if x in index and s + i <= people:
                rows.append(index[x])
                columns.append(y)
                rates.append(rate)
    matrix = matrix.index_put((torch.tensor(rows), torch.tensor(columns)), torch.stack(rates))
    return matrix - torch.diag(matrix.sum(0))


COUNTS = (double(0.0, 0.4, 0.5, 2.0), torch.tensor([6, 4, 4, 1]), torch.tensor([2, 3, 2, 0]))


class TestAgainstTheWholeStateSpace:
    @pytest.mark.parametrize("rates", [(0.2, 0.9), (3.0, 0.01), (1e-4, 8.0), (0.0, 1.0)])
    def test_value(self, rates):
        beta, gamma = double(*rates)
        expected = self.reference(beta, gamma)
        found = sir_log_likelihood(beta, gamma, *COUNTS)
        if rates[0] == 0:
            assert found == -math.inf
        else:
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)

    @staticmethod
    def reference(beta: Tensor, gamma: Tensor) -> Tensor:
        matrix = whole_generator(beta, gamma, 8)
        times, s, i = COUNTS
        states = s * 9 + i
        return sum(
            torch.matrix_exp(matrix * gap)[x, y].log()
            for gap, y, x in zip(times.diff(), states[:-1], states[1:], strict=True)
        )

    def test_gradient_and_curvature(self):
        rates = double(0.2, 0.9).requires_grad_()

        def likelihood(values: Tensor) -> Tensor:
            return sir_log_likelihood(values[0], values[1], *COUNTS)

        (mine,) = torch.autograd.grad(likelihood(rates), rates)
        (slow,) = torch.autograd.grad(self.reference(rates[0], rates[1]), rates)
        torch.testing.assert_close(mine, slow, rtol=1e-9, atol=0)
        assert torch.autograd.gradgradcheck(likelihood, rates)

    def test_probabilities_of_all_ends_add_up(self):
        """From six susceptible and two infectious people, over everything that may come."""
        beta, gamma = double(0.3, 1.1)
        total = 0.0
        for s in range(7):
            for i in range(9 - s):
                ends = torch.tensor([6, s]), torch.tensor([2, i])
                total += sir_log_likelihood(beta, gamma, double(0.0, 0.7), *ends).exp().item()
        assert total == pytest.approx(1, abs=1e-12)


class TestExtremes:
    def test_a_rare_epidemic_keeps_its_digits(self):
        """One infection in a short time: log(β S I t) to first order."""
        beta, gamma = double(1e-9, 1e-9)
        ends = torch.tensor([5, 4]), torch.tensor([2, 3])
        found = sir_log_likelihood(beta, gamma, double(0.0, 1e-3), *ends)
        assert found.item() == pytest.approx(math.log(1e-9 * 10 * 1e-3), abs=1e-10)

    def test_many_jumps_in_a_long_time(self):
        """Nobody susceptible: each of 300 is ill or not, independently."""
        gamma, time = double(0.01)[0], 30.0
        ends = torch.tensor([0, 0]), torch.tensor([300, 220])
        found = sir_log_likelihood(double(1.0)[0], gamma, double(0.0, time), *ends)
        ways = math.lgamma(301) - math.lgamma(221) - math.lgamma(81)
        expected = ways - 0.01 * time * 220 + 80 * math.log(-math.expm1(-0.01 * time))
        assert found.item() == pytest.approx(expected, rel=1e-11)

    def test_the_impossible_is_minus_infinity_without_spoiling_gradients(self):
        rates = double(0.2, 0.9).requires_grad_()
        counts = torch.tensor([5, 5, 4]), torch.tensor([1, 0, 1])  # infected by nobody
        found = sir_log_likelihood(rates[0], rates[1], double(0.0, 1.0, 2.0), *counts)
        assert found == -math.inf
        (gradient,) = torch.autograd.grad(found, rates)
        assert bool(gradient.isfinite().all())

    def test_floating_counts_and_float32(self):
        exact = sir_log_likelihood(*double(0.2, 0.9), *COUNTS)
        times, s, i = COUNTS
        short = sir_log_likelihood(*double(0.2, 0.9).float(), times.float(), s.float(), i.float())
        assert short.dtype == torch.float32
        assert short.item() == pytest.approx(exact.item(), rel=1e-5)


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"times": double(0.0, 0.0)}, "times must be finite and increase"),
            ({"times": double(0.0, math.inf)}, "times must be finite"),
            ({"susceptible": torch.tensor([3, 4])}, "susceptible people cannot become more"),
            ({"infectious": torch.tensor([1, 9])}, "together cannot become more"),
            ({"infectious": torch.tensor([1, -1])}, "infectious must be counts"),
            ({"infectious": double(1.5, 0.0)}, "infectious must be counts"),
            ({"infection_rate": double(-1.0)[0]}, "infection_rate must be finite and ≥ 0, got -1"),
            ({"removal_rate": double(math.nan)[0]}, "removal_rate must be finite"),
        ],
    )
    def test_impossible_counts_and_rates(self, change, match):
        given = {
            "infection_rate": double(0.1)[0],
            "removal_rate": double(1.0)[0],
            "times": double(0.0, 1.0),
            "susceptible": torch.tensor([4, 3]),
            "infectious": torch.tensor([1, 1]),
            **change,
        }
        with pytest.raises(ValueError, match=match):
            sir_log_likelihood(**given)

    def test_rates_are_tensors(self, unchecked_shapes):
        counts = torch.tensor([0.0, 1.0]), torch.tensor([3, 2]), torch.tensor([1, 1])
        with pytest.raises(TypeError, match=r"infection_rate must be a floating tensor, got 0\.3"):
            sir_log_likelihood(0.3, torch.tensor(1.0), *counts)
        with pytest.raises(TypeError, match="removal_rate must be a floating tensor"):
            sir_log_likelihood(torch.tensor(0.3), torch.tensor(1), *counts)

    def test_one_count_says_nothing(self):
        one = torch.tensor([1])
        with pytest.raises(ValueError, match="two counts at least"):
            sir_log_likelihood(*double(0.1, 1.0), double(0.0), one, one)


def fit(times: Tensor, susceptible: Tensor, infectious: Tensor) -> tuple[Tensor, Tensor]:
    """The two rates and the standard errors of their logarithms, by Newton's method."""
    logs = double(0.02, 3.0).log()

    def cost(values: Tensor) -> Tensor:
        beta, gamma = values.exp()
        return -sir_log_likelihood(beta, gamma, times, susceptible, infectious)

    for _ in range(4):
        free = logs.requires_grad_()
        (slope,) = torch.autograd.grad(cost(free), free)
        curvature = torch.autograd.functional.hessian(cost, logs.detach())
        logs = logs.detach() - torch.linalg.solve(curvature, slope)
    assert slope.abs().max() < 1e-6
    return logs.exp(), torch.linalg.inv(curvature).diagonal().sqrt()


class TestEyam:
    def test_the_rates_of_the_plague(self):
        """As the R package MultiBD finds them by Monte Carlo: 95 % credible intervals.

        Its vignette prints 2.722 to 3.810 for the removal rate and .01650 to .02327 for the
        infection rate, from 1000 dependent draws, good to a few hundredths.
        """
        table = load("eyam")["all"]
        rates, errors = fit(*(table[name] for name in table.names))
        low, high = rates * (-1.96 * errors).exp(), rates * (1.96 * errors).exp()
        assert low.tolist() == pytest.approx([0.01650, 2.722], rel=0.05)
        assert high.tolist() == pytest.approx([0.02327, 3.810], rel=0.05)

    def test_a_simulated_epidemic_gives_its_rates_back(self):
        """Each within four standard errors: a false alarm in one epidemic of 8000."""
        network = ReactionNetwork(
            ["S", "I"], [Reaction("S + I -> 2 I", 0.02), Reaction("I -> 0", 3.0)]
        )
        times = torch.linspace(0, 2.5, 11, dtype=torch.float64)
        generator = torch.Generator().manual_seed(3)
        counts = simulate(network, torch.tensor([250, 8]), times, 1, generator)[:, 0]
        assert counts[-1, 0] < 200  # it did not die out at once
        rates, errors = fit(times, counts[:, 0], counts[:, 1])
        assert bool(((rates / double(0.02, 3.0)).log().abs() < 4 * errors).all())
