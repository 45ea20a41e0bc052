"""The library is held to the equations that the book derives: its own cells are the oracles."""

import math
import re

import numpy as np
import pytest
import torch

from lib.dynamics import _expansions, master_equation
from lib.dynamics.master_equation import (
    evolve,
    generator,
    stationary_distribution,
    transition_matrix,
)
from lib.dynamics.reaction_network import Reaction, ReactionNetwork
from tests.dynamics.master_equation_references import certain, immigration_death

DRAWS = range(3)


@pytest.fixture(scope="module")
def results(derived):
    return {**derived("reference/decided/master_equation"), **derived("dynamics/master_equation")}


def draw(count, seed):
    """Rates between 0.2 and 2.2."""
    source = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(count, dtype=torch.float64, generator=source) + 0.2).tolist()


def value(results, label, side="right", **inputs):
    found = results[label].numpy(side)(**inputs)
    return torch.as_tensor(np.asarray(found), dtype=torch.float64)


def close(found, expected, rtol=1e-10, atol=1e-12):
    torch.testing.assert_close(torch.as_tensor(found).double(), expected, rtol=rtol, atol=atol)


def rates_of(*jumps, states):
    rates = torch.zeros(states, states, dtype=torch.float64)
    for x, y, rate in jumps:
        rates[x, y] = rate
    return rates


def test_generator(results):
    W = torch.rand(2, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    close(generator(W), value(results, "master-generator", W=W.numpy()))


@pytest.mark.parametrize("seed", DRAWS)
def test_two_states(results, seed):
    a, b, t = draw(3, seed)
    matrix = generator(rates_of((1, 0, a), (0, 1, b), states=2))
    close(transition_matrix(matrix, t), value(results, "master-two-states", a=a, b=b, t=t))


@pytest.mark.parametrize("seed", DRAWS)
def test_three_states(results, seed):
    a, b, t = draw(3, seed)
    matrix = generator(rates_of((1, 0, a), (2, 1, b), states=3))
    expected = value(results, "master-three-states", a=a, b=b, t=t)
    close(transition_matrix(matrix, t), expected)
    close(evolve(matrix.to_sparse(), certain(3, at=0), t).probabilities, expected[:, 0])


@pytest.mark.parametrize("seed", DRAWS)
def test_derivative_in_a_rate(results, seed):
    a, b, t = draw(3, seed)
    expected = value(results, "master-derivative", "left", a=a, b=b, t=t)

    def transition(a):
        zero = torch.zeros((), dtype=torch.float64)
        rates = torch.stack([zero, torch.tensor(b, dtype=torch.float64), a, zero]).view(2, 2)
        return transition_matrix(generator(rates), t)

    close(
        torch.autograd.functional.jacobian(transition, torch.tensor(a, dtype=torch.float64)),
        expected,
    )


@pytest.mark.parametrize("seed", DRAWS)
def test_immigration_and_death(results, seed):
    k, gamma, t = draw(3, seed)
    law = evolve(immigration_death(k, gamma), certain(80, at=2), t).probabilities
    for z in (-0.5, 0.3, 0.9):
        inputs = {"z": z, "t": t, "k": k, "gamma": gamma, "n_0": 2}
        expected = value(results, "master-immigration-death-function", **inputs)
        close(law @ z ** torch.arange(80.0, dtype=torch.float64), expected)


@pytest.mark.parametrize("seed", DRAWS)
def test_birth_and_death(results, seed):
    birth, death, t = draw(3, seed)
    network = ReactionNetwork(["n"], [Reaction("n -> 2 n", birth), Reaction("n -> 0", death)])
    law = evolve(network, certain(300, at=1), t).probabilities
    for z in (-0.5, 0.3, 0.7):
        inputs = {"z": z, "t": t, "lambda": birth, "mu": death}
        expected = value(results, "master-birth-death-function", **inputs)
        close(law @ z ** torch.arange(300.0, dtype=torch.float64), expected)


def test_the_mean_of_a_function_moves_by_its_jumps(results):
    """The slope of a mean, from laws that the library moves by a little."""
    source = torch.Generator().manual_seed(3)
    W = torch.rand(4, 4, dtype=torch.float64, generator=source)
    law, function = torch.rand(2, 4, dtype=torch.float64, generator=source)
    law = law / law.sum()
    expected = value(
        results, "master-mean-of-function", W=W.numpy(), p=law.numpy(), f=function.numpy()
    )
    step = 1e-6
    later = evolve(generator(W), law, step).probabilities
    close(function @ (later - law) / step, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", DRAWS)
def test_epidemic_in_a_group_of_three(results, seed):
    (reproduction,) = draw(1, seed)
    network = ReactionNetwork(
        ["S", "I"], [Reaction("S + I -> 2 I", reproduction / 3), Reaction("I -> 0", 1.0)]
    )
    law = evolve(network, certain(3, 4, at=(2, 1)), 200.0).probabilities
    close(law[0, 0], value(results, "master-final-size-three", R0=reproduction))


@pytest.mark.parametrize("seed", DRAWS)
def test_fano_factor_of_a_gene_that_switches(results, seed):
    on, off, k, gamma = draw(4, seed)
    network = ReactionNetwork(
        ["gene", "n"],
        [
            Reaction("0 -> gene", lambda n: on * (1 - n["gene"])),
            Reaction("gene -> 0", off),
            Reaction("gene -> gene + n", 4 * k),
            Reaction("n -> 0", gamma),
        ],
    )
    law = evolve(network, certain(2, 120, at=(0, 0)), 60 / min(on, off, gamma)).probabilities.sum(0)
    n = torch.arange(120.0, dtype=torch.float64)
    mean = law @ n
    inputs = {"k": 4 * k, "k_on": on, "k_off": off, "gamma": gamma}
    close((law @ n**2 - mean**2) / mean, value(results, "master-telegraph-fano", **inputs), 1e-8)


def test_bursts_leave_a_negative_binomial_law(results):
    """Bursts of geometric size; those left out have a chance of 1e-10."""
    b, gamma, k = 0.6, 0.8, 1.2
    sizes = range(1, 24)
    bursts = [Reaction(f"0 -> {n} A", k / (1 + b) * (b / (1 + b)) ** n) for n in sizes]
    network = ReactionNetwork(["A"], [*bursts, Reaction("A -> 0", gamma)])
    law = evolve(network, certain(60, at=0), 40.0).probabilities
    for n in range(5):
        expected = value(results, "master-negative-binomial", b=b, r=k / gamma, n=n)
        close(law[n], expected, rtol=1e-8)


def test_stationary_births_and_deaths(results):
    births, deaths = (torch.tensor(draw(4, seed), dtype=torch.float64) for seed in DRAWS[:2])
    found = stationary_distribution(generator(torch.diag(births, -1) + torch.diag(deaths, 1)))
    weights = [math.prod((births[:n] / deaths[:n]).tolist()) for n in range(5)]
    close(found, torch.tensor(weights, dtype=torch.float64) / math.fsum(weights))


def test_mass_and_detailed_balance(results):
    """Flows that are symmetric leave no current in the law that they belong to."""
    W = torch.rand(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    mass = value(results, "master-mass", "left", W=W.numpy()).flatten()
    close(generator(W).sum(0), mass, atol=1e-14)
    flows, law = W + W.T, torch.tensor([0.1, 0.4, 0.2, 0.3], dtype=torch.float64)
    currents = master_equation.probability_currents(generator(flows / law), law)
    close(currents, torch.zeros(4, 4, dtype=torch.float64), atol=1e-14)


def test_gain_and_loss(results):
    source = torch.Generator().manual_seed(2)
    W = torch.rand(4, 4, dtype=torch.float64, generator=source)
    law = torch.rand(4, dtype=torch.float64, generator=source)
    law = law / law.sum()
    currents = master_equation.probability_currents(generator(W), law).sum(1)
    for x in range(4):
        inputs = {"W": W.numpy(), "p": law.numpy(), "x": x + 1}
        close(currents[x], value(results, "master-gain-loss", **inputs))


def test_uniformization(results):
    """The weights of all powers: a series with these sums at so many points is no other."""
    weights = torch.tensor(_expansions.poisson_probabilities(1.7, 1e-16), dtype=torch.float64)
    for mu in torch.linspace(-1, 1, len(weights), dtype=torch.float64):
        powers = mu ** torch.arange(len(weights))
        expected = value(results, "master-uniformization", "left", z=1.7, mu=float(mu))
        close(weights @ powers, expected, rtol=1e-12)


def test_fano_factor_of_two_stages(results):
    made, lost, spoken, gone = 2.0, 1.0, 1.5, 0.5
    network = ReactionNetwork(
        ["m", "p"],
        [
            Reaction("0 -> m", made),
            Reaction("m -> 0", lost),
            Reaction("m -> m + p", spoken),
            Reaction("p -> 0", gone),
        ],
    )
    law = evolve(network, certain(20, 50, at=(0, 0)), 60.0).probabilities.sum(0)
    n = torch.arange(50.0, dtype=torch.float64)
    inputs = {"k_m": made, "delta": lost, "k_p": spoken, "gamma": gone}
    moments = value(results, "master-gene-moments-claimed", **inputs).flatten()
    close(law @ n, moments[2], 1e-5)
    close(law @ n**2, moments[5], 1e-4)


def test_mean_times(results):
    """Mean times to the end are linear solves with the block of the living."""
    matrix = generator(rates_of((1, 0, 0.7), (2, 1, 0.3), states=3))
    found = torch.linalg.solve(matrix[:2, :2].T, -torch.ones(2, dtype=torch.float64))
    close(found, value(results, "master-mean-time", a=0.7, b=0.3).flatten())


def test_the_chapter_names_every_public_function(root):
    chapter = (root / "book/dynamics/master_equation.md").read_text()
    named = set(re.findall(r"[A-Za-z_]+", chapter))
    assert not set(master_equation.__all__) - {"Evolution"} - named


def test_how_far_the_chapter_proves(derived):
    """All of it for every size, but for what is named here."""
    standings = {k: (r.standing, r.sizes) for k, r in derived("dynamics/master_equation").items()}
    sized = {
        "master-stationary-birth-death": {"S": [2, 3, 4, 5]},
        "master-first-of-many": {"N": [1, 2, 3, 4]},
        "master-when-and-which": {"N": [1, 2, 3, 4]},
    }
    for label, sizes in sized.items():
        assert standings.pop(label) == ("proved for sizes", sizes)
    assert {standing for standing, _ in standings.values()} == {"proved", "definition"}
    assert len(standings) > 35
