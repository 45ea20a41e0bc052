"""Simulated trajectories follow the laws of the process, which are known in closed form here.

Statistical tests have a fixed generator; each would fail by chance once in 10⁶ generators.
"""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from lib.dynamics.reaction_network import Reaction, ReactionNetwork
from lib.dynamics.stochastic_simulation import simulate, simulate_chain

FALSE_ALARM = 1e-6


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def chi_square_tail(statistic: float, degrees: int) -> float:
    """P(χ² > statistic): the regularized upper incomplete gamma function."""
    half = torch.tensor([degrees / 2, statistic / 2], dtype=torch.float64)
    return torch.special.gammaincc(half[0], half[1]).item()


def assert_follows(samples: Tensor, law: Tensor) -> None:
    """Pearson's chi-square of samples of 0, 1, … against a law; rare values go into one bin.

    ``law`` may end before 1: what is left belongs to all greater values.
    """
    counts = torch.bincount(samples.flatten(), minlength=len(law) + 1).double()
    counts = torch.cat([counts[: len(law)], counts[len(law) :].sum()[None]])
    expected = torch.cat([law, (1 - law.sum()).clamp(min=0)[None]]) * samples.numel()
    common = expected >= 10
    observed = torch.cat([counts[common], counts[~common].sum()[None]])
    expected = torch.cat([expected[common], expected[~common].sum()[None]])
    if expected[-1] < 1e-9 * samples.numel():
        assert observed[-1] == 0
        observed, expected = observed[:-1], expected[:-1]
    assert len(expected) > 1
    statistic = ((observed - expected) ** 2 / expected).sum().item()
    assert chi_square_tail(statistic, len(expected) - 1) > FALSE_ALARM


def poisson(mean: float, largest: int) -> Tensor:
    n = torch.arange(largest + 1, dtype=torch.float64)
    return torch.exp(n * math.log(mean) - mean - torch.lgamma(n + 1))


def binomial(total: int, chance: float) -> Tensor:
    n = torch.arange(total + 1, dtype=torch.float64)
    ways = math.lgamma(total + 1) - torch.lgamma(n + 1) - torch.lgamma(total - n + 1)
    return torch.exp(ways + n * math.log(chance) + (total - n) * math.log1p(-chance))


def immigration_death(comes: float, goes: float) -> ReactionNetwork:
    return ReactionNetwork(["A"], [Reaction("0 -> A", comes), Reaction("A -> 0", goes)])


EPIDEMIC = ReactionNetwork(
    ["S", "I", "R"], [Reaction("S + I -> 2 I", 0.02), Reaction("I -> R", 1.0)]
)


class TestTheCheckItself:
    def test_a_wrong_law_is_noticed(self):
        counts = torch.poisson(torch.full((20_000,), 6.0), generator=random()).long()
        assert_follows(counts, poisson(6.0, 30))
        with pytest.raises(AssertionError):
            assert_follows(counts, poisson(6.3, 30))


class TestLaws:
    @pytest.mark.parametrize("time", [0.3, 1.0, 6.0])
    def test_immigration_and_death_from_nothing_is_poisson(self, time):
        counts = simulate(immigration_death(6.0, 0.7), torch.tensor([0]), [time], 20_000, random())
        assert_follows(counts, poisson(6.0 / 0.7 * -math.expm1(-0.7 * time), 40))

    def test_immigration_and_death_from_some_adds_the_survivors(self):
        counts = simulate(immigration_death(6.0, 0.7), torch.tensor([9]), [0.8], 20_000, random())
        survivors = binomial(9, math.exp(-0.7 * 0.8))
        arrived = poisson(6.0 / 0.7 * -math.expm1(-0.7 * 0.8), 30)
        law = torch.zeros(40, dtype=torch.float64)
        for k, chance in enumerate(survivors):
            law[k : k + 31] += chance * arrived
        assert_follows(counts, law)

    def test_pairs_that_annihilate(self):
        """2 A → 0 from three: one event, after an exponential time with rate c·3·2."""
        network = ReactionNetwork(["A"], [Reaction("2 A -> 0", 0.1)])
        counts = simulate(network, torch.tensor([3]), [2.0, 500.0], 20_000, random())
        chance = math.exp(-0.1 * 6 * 2.0)
        assert_follows(counts[0], torch.tensor([0, 1 - chance, 0, chance], dtype=torch.float64))
        assert set(counts[1].flatten().tolist()) == {1}

    def test_two_times_have_the_right_joint_law(self):
        """The waiting that begins anew at each time asked for must not change the process."""
        matrix = torch.tensor([[-0.9, 0.4], [0.9, -0.4]], dtype=torch.float64)
        early, late = simulate_chain(matrix, 0, [0.5, 1.2], 40_000, random())
        first = torch.matrix_exp(matrix * 0.5)[:, 0]
        second = torch.matrix_exp(matrix * 0.7)
        assert_follows(2 * early + late, (second * first).T.flatten())

    def test_many_times_on_the_way_change_nothing(self):
        times = torch.linspace(0, 1.5, 40)
        counts = simulate(immigration_death(6.0, 0.7), torch.tensor([0]), times, 20_000, random())
        assert_follows(counts[-1], poisson(6.0 / 0.7 * -math.expm1(-0.7 * 1.5), 40))

    def test_a_chain_against_the_exponential(self):
        matrix = torch.rand(5, 5, generator=random(3), dtype=torch.float64)
        matrix[1, 3] = matrix[4, 0] = 0
        matrix -= torch.diag(matrix.sum(0))
        for start in (0, 3):
            states = simulate_chain(matrix, start, [0.4], 40_000, random())
            assert_follows(states, torch.matrix_exp(matrix * 0.4)[:, start])

    def test_a_network_and_its_chain_agree(self):
        """The epidemic among three, written as a network and as a generator of six states."""
        states = [(2, 1), (1, 2), (0, 3), (1, 1), (0, 2), (0, 1), (2, 0), (1, 0), (0, 0)]
        matrix = torch.zeros(9, 9, dtype=torch.float64)
        for y, (s, i) in enumerate(states):
            if (s - 1, i + 1) in states:
                matrix[states.index((s - 1, i + 1)), y] += 0.7 * s * i
            if i:
                matrix[states.index((s, i - 1)), y] += 1.0 * i
        matrix -= torch.diag(matrix.sum(0))
        network = ReactionNetwork(
            ["S", "I"], [Reaction("S + I -> 2 I", 0.7), Reaction("I -> 0", 1.0)]
        )
        counts = simulate(network, torch.tensor([2, 1]), [0.8], 40_000, random())[0]
        found = torch.tensor([states.index((s, i)) for s, i in counts.tolist()])
        law = torch.matrix_exp(matrix * 0.8)[:, 0]
        assert_follows(found, law)
        assert_follows(simulate_chain(matrix, 0, [0.8], 40_000, random(1)), law)

    def test_a_rate_given_as_a_function(self):
        """One comes at rate 4 while there are fewer than 5: the time to five is Erlang."""
        network = ReactionNetwork(["A"], [Reaction("0 -> A", lambda n: 4.0 * (n["A"] < 5))])
        counts = simulate(network, torch.tensor([0]), [1.0, 90.0], 20_000, random())
        below = poisson(4.0, 4)
        assert_follows(counts[0], torch.cat([below, 1 - below.sum()[None]]))
        assert set(counts[1].flatten().tolist()) == {5}

    def test_permuted_species_have_permuted_laws(self):
        reordered = ReactionNetwork(
            ["R", "S", "I"], [Reaction("I -> R", 1.0), Reaction("S + I -> 2 I", 0.02)]
        )
        here = simulate(EPIDEMIC, torch.tensor([60, 3, 0]), [2.0], 20_000, random())[0, :, 0]
        there = simulate(reordered, torch.tensor([0, 60, 3]), [2.0], 20_000, random(1))[0, :, 1]
        # Two samples of the same law: their means differ by less than 5 standard errors.
        spread = (here.double().var() + there.double().var()).div(20_000).sqrt()
        assert abs(here.double().mean() - there.double().mean()) < 5 * spread


class TestAbsorption:
    def test_an_extinct_population_stays_extinct(self):
        network = ReactionNetwork(["A"], [Reaction("A -> 2 A", 0.3), Reaction("A -> 0", 1.0)])
        counts = simulate(network, torch.tensor([4]), torch.linspace(0, 12, 25), 3000, random())
        for before, after in pairwise(counts):
            assert bool((after[before == 0] == 0).all())
        assert bool((counts[-1] == 0).double().mean() > 0.9)

    def test_nothing_to_do_at_all(self):
        counts = simulate(EPIDEMIC, torch.tensor([50, 0, 2]), [0.0, 1e9], 4, random())
        assert torch.equal(counts, torch.tensor([50, 0, 2]).expand(2, 4, 3))

    def test_a_rate_of_zero_never_fires(self):
        network = ReactionNetwork(
            ["A", "B"], [Reaction("A -> 0", 0.0), Reaction("A -> B", 5.0), Reaction("B -> 0", 0.0)]
        )
        counts = simulate(network, torch.tensor([30, 0]), [100.0], 500, random())
        assert torch.equal(counts, torch.tensor([0, 30]).expand(1, 500, 2))

    @pytest.mark.parametrize("start", [0, 1])
    def test_a_lone_particle_of_a_pair_reaction_waits(self, start):
        """Its propensity is −0 in floating point, which must not become a wait of −∞."""
        network = ReactionNetwork(["A"], [Reaction("2 A -> 0", 1.0)])
        counts = simulate(network, torch.tensor([start]), [50.0], 10, random(), max_events=5)
        assert set(counts.flatten().tolist()) == {start}

    def test_conservation_laws_hold_on_every_path(self):
        network = ReactionNetwork(
            ["E", "S", "C", "P"],
            [Reaction("E + S -> C", 0.1), Reaction("C -> E + S", 0.4), Reaction("C -> E + P", 0.6)],
        )
        start = torch.tensor([7, 40, 2, 0])
        counts = simulate(network, start, torch.linspace(0, 20, 9), 300, random())
        laws = network.conservation_laws()
        assert len(laws) == 2
        assert torch.equal(counts @ laws.T, (start @ laws.T).expand(9, 300, 2))
        assert bool((counts >= 0).all())


class TestTimes:
    def test_order_repetition_and_zero(self):
        start = torch.tensor([60, 3, 0])
        times = [2.0, 0.0, 0.5, 2.0, 0.5]
        counts = simulate(EPIDEMIC, start, times, 50, random())
        straight = simulate(EPIDEMIC, start, [0.0, 0.5, 2.0], 50, random())
        assert torch.equal(counts, straight[[2, 0, 1, 2, 1]])
        assert torch.equal(counts[1], start.expand(50, 3))

    def test_what_comes_after_the_last_time_is_not_drawn(self):
        """A later time more leaves the earlier states as they were."""
        start = torch.tensor([60, 3, 0])
        short = simulate(EPIDEMIC, start, [0.5, 2.0], 50, random())
        long = simulate(EPIDEMIC, start, [0.5, 2.0, 9.0], 50, random())
        assert torch.equal(long[:2], short)

    @pytest.mark.parametrize("times", [[], [-1.0], [math.nan], [math.inf], torch.ones(1, 1)])
    def test_impossible_times_are_refused(self, unchecked_shapes, times):
        with pytest.raises(ValueError, match="times must be"):
            simulate(EPIDEMIC, torch.tensor([1, 1, 1]), times, 5)


class TestTheCall:
    def test_the_same_generator_gives_the_same_paths(self):
        draw = [simulate(EPIDEMIC, torch.tensor([60, 3, 0]), [1.0], 40, random(7)) for _ in "ab"]
        assert torch.equal(*draw)
        other = simulate(EPIDEMIC, torch.tensor([60, 3, 0]), [1.0], 40, random(8))
        assert not torch.equal(draw[0], other)

    def test_the_global_source_is_left_alone(self):
        before = torch.get_rng_state()
        simulate(EPIDEMIC, torch.tensor([60, 3, 0]), [1.0], 40, random())
        assert torch.equal(torch.get_rng_state(), before)

    def test_shape_dtype_and_an_unchanged_start(self):
        start = torch.tensor([60, 3, 0], dtype=torch.int32)
        counts = simulate(EPIDEMIC, start, [0.5, 2.0], 6, random())
        assert counts.shape == (2, 6, 3)
        assert counts.dtype == torch.int64
        assert start.tolist() == [60, 3, 0]

    def test_a_start_for_each_trajectory(self):
        starts = torch.arange(40).reshape(-1, 1)
        network = ReactionNetwork(["A"], [Reaction("A -> 0", 1e-9)])
        counts = simulate(network, starts, [1.0], 40, random())
        assert torch.equal(counts[0], starts)
        decay = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
        states = simulate_chain(decay, torch.tensor([0, 1, 1]), [0.0, 99.0], 3, random())
        assert states.tolist() == [[0, 1, 1], [1, 1, 1]]

    def test_rates_that_are_learned_give_plain_counts(self):
        rate = torch.tensor(0.5, requires_grad=True)
        network = ReactionNetwork(["A"], [Reaction("A -> 0", rate)])
        assert not simulate(network, torch.tensor([5]), [1.0], 3, random()).requires_grad

    def test_an_explosion_ends(self):
        network = ReactionNetwork(["A"], [Reaction("2 A -> 3 A", 1.0)])
        with pytest.raises(RuntimeError, match=r"1,000 events.*may explode"):
            simulate(network, torch.tensor([9]), [100.0], 5, random(), max_events=1000)


class TestRefusals:
    def test_counts_must_be_integers(self, unchecked_shapes):
        with pytest.raises(TypeError, match="integer dtype"):
            simulate(EPIDEMIC, torch.tensor([60.0, 3, 0]), [1.0], 5)

    def test_counts_must_fit(self, unchecked_shapes):
        with pytest.raises(ValueError, match=r"x0 must hold 3 counts, or 5 rows.*\(2,\)"):
            simulate(EPIDEMIC, torch.tensor([60, 3]), [1.0], 5)
        with pytest.raises(ValueError, match="x0 must hold 3 counts"):
            simulate(EPIDEMIC, torch.ones(4, 3, dtype=torch.long), [1.0], 5)

    def test_counts_must_not_be_negative(self):
        with pytest.raises(ValueError, match="≥ 0, got -3"):
            simulate(EPIDEMIC, torch.tensor([60, -3, 0]), [1.0], 5)

    def test_there_must_be_trajectories(self):
        with pytest.raises(ValueError, match="at least 1, got 0"):
            simulate(EPIDEMIC, torch.tensor([60, 3, 0]), [1.0], 0)

    @pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
    def test_a_function_must_give_possible_rates(self, bad):
        network = ReactionNetwork(
            ["A"], [Reaction("A -> 0", 1.0), Reaction("0 -> A", lambda n: bad + 0 * n["A"])]
        )
        with pytest.raises(ValueError, match="finite and ≥ 0"):
            simulate(network, torch.tensor([3]), [1.0], 2, random())

    @pytest.mark.parametrize(
        ("matrix", "match"),
        [
            ([[0.0, 1.0]], "square"),
            ([[-1.0, -2.0], [1.0, 2.0]], "finite and ≥ 0.*-2"),
            ([[-1.0, math.inf], [1.0, 0.0]], "finite"),
        ],
    )
    def test_rates_are_square_and_possible(self, unchecked_shapes, matrix, match):
        with pytest.raises(ValueError, match=match):
            simulate_chain(torch.tensor(matrix), 0, [1.0], 2)

    @pytest.mark.parametrize("start", [-1, 2])
    def test_a_chain_starts_in_a_state(self, start):
        with pytest.raises(ValueError, match="states are 0 to 1"):
            simulate_chain(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), start, [1.0], 2)

    def test_a_chain_has_one_start_a_trajectory(self):
        with pytest.raises(ValueError, match="one for each of 3"):
            simulate_chain(torch.eye(2) * 0, torch.tensor([0, 1]), [1.0], 3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu():
    counts = simulate(
        immigration_death(6.0, 0.7),
        torch.tensor([0], device="cuda"),
        [0.5, 1.0],
        20_000,
        torch.Generator("cuda").manual_seed(0),
    )
    assert counts.device.type == "cuda"
    assert_follows(counts[1].cpu(), poisson(6.0 / 0.7 * -math.expm1(-0.7), 40))
