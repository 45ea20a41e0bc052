"""Hard constraints, impossible chains, huge scores, and the certificate of exponential space."""

import math

import pytest
import torch

from lib.sequences import crf
from lib.sequences._crf_inputs import prepare
from lib.sequences._crf_recursions import certified_scaling, safe_logsumexp

INF = math.inf


def interval(emissions, transitions, dtype=torch.float32, **ends):
    ends = {"start": None, "end": None} | ends
    scaling = certified_scaling(prepare(emissions, transitions, None, **ends), dtype)
    return scaling.interval if scaling else 0


def bmes_transitions(num_tags=4):
    allowed = torch.tensor([[0, 1, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1]]).bool()
    return torch.zeros(num_tags, num_tags).masked_fill(~allowed, -INF)


def test_the_certificate_is_given_where_the_range_fits():
    small = torch.zeros(1, 5, 4)
    assert interval(small, torch.zeros(4, 4)) > 10
    assert interval(1e4 * torch.randn(1, 5, 4), torch.zeros(4, 4)) > 10  # whatever the emissions
    assert interval(small, torch.tensor([0.0, 30.0, 0.0, 0.0]).expand(4, 4)) == 0
    assert interval(small, torch.tensor([0.0, 30.0, 0.0, 0.0]).expand(4, 4), torch.float64) > 1
    assert interval(small, bmes_transitions()) > 1
    assert interval(small, bmes_transitions(), start=torch.tensor([0.0, -INF, -INF, 0.0])) > 1


def test_the_certificate_is_refused_where_the_range_may_not_fit():
    small = torch.zeros(1, 5, 2)
    apart = torch.tensor([[0.0, -INF], [-INF, 0.0]])  # two tags that never meet drift apart
    assert interval(small, apart, torch.float64) == 0
    wide = small.clone()
    wide[0, 2, 1] = 400.0
    gate = torch.tensor([[-INF, 0.0], [0.0, 0.0]])  # the way from 0 to 0 leads through 1
    assert interval(small, gate) > 0
    assert interval(wide, gate, torch.float64) == 0
    wide[0, 2, 1] = -INF
    assert interval(wide, gate, torch.float64) == 0
    for broken in (math.nan, INF, -INF):
        assert interval(small, torch.full((2, 2), broken), torch.float64) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", [1.0, 8.0, 25.0, 60.0])
@pytest.mark.parametrize("kind", ["dense", "bmes", "two islands"])
def test_long_adversarial_chains_agree_with_logarithms(monkeypatch, dtype, spread, kind):
    generator = torch.Generator().manual_seed(0)
    emissions = spread * torch.randn(3, 300, 4, generator=generator, dtype=torch.float64)
    emissions[0] = spread * torch.tensor([1.0, 0.0, -1.0, -2.0])  # always the same preference,
    emissions[0, 150:] = emissions[0, 150:].flip(-1)  # and then the opposite
    transitions = spread / 3 * torch.randn(4, 4, generator=generator, dtype=torch.float64)
    if kind == "bmes":
        transitions += bmes_transitions()
    if kind == "two islands":
        transitions[:2, 2:] = transitions[2:, :2] = -INF
    inputs = [x.to(dtype).requires_grad_() for x in (emissions, transitions)]
    value = crf.log_partition(*inputs)
    gradients = torch.autograd.grad(value.sum(), inputs)
    monkeypatch.setattr("lib.sequences._crf_recursions.certified_scaling", lambda *_: None)
    exact_inputs = [x.detach().double().requires_grad_() for x in inputs]
    exact = crf.log_partition(*exact_inputs)
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(value.double(), exact, rtol=20 * eps, atol=0.0)
    # Rounding of the scores themselves, once a step, is an error that no algorithm avoids.
    for gradient, right in zip(
        gradients, torch.autograd.grad(exact.sum(), exact_inputs), strict=True
    ):
        assert (gradient.double() - right).abs().max() <= 100 * spread * eps * right.abs().max()
        assert not gradient[right == 0].gt(1e-30).any()


@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_huge_scores_stay_finite(scale):
    generator = torch.Generator().manual_seed(1)  # no two paths are within 20 nats by chance
    emissions = (scale * torch.randn(2, 50, 3, generator=generator)).requires_grad_()
    transitions = (scale * torch.randn(3, 3, generator=generator)).requires_grad_()
    paths, best = crf.viterbi(emissions, transitions)
    log_z = crf.log_partition(emissions, transitions)
    torch.testing.assert_close(log_z, best, rtol=1e-5, atol=3.0)  # one path has all the weight
    counts = torch.autograd.grad(log_z.sum(), [emissions, transitions])
    one_hot = torch.nn.functional.one_hot(paths, 3).float()
    torch.testing.assert_close(counts[0], one_hot, rtol=0, atol=1e-3)
    assert counts[1].sum() == pytest.approx(98)
    torch.testing.assert_close(
        crf.entropy(emissions, transitions), torch.zeros(2), atol=1e-3, rtol=0
    )


def test_a_forbidden_column_has_finite_gradients(make_problem):
    problem = make_problem().requiring_grad()
    with torch.no_grad():
        problem.scores["transitions"][:, 1] = -INF  # pytorch-crf gives NaN here
    tags = torch.tensor([[1, 2, 0, 0], [1, -100, -100, -100], [2, 2, 0, -100]])
    loss = crf.negative_log_likelihood(problem.emissions, tags, mask=problem.mask, **problem.scores)
    for gradient in torch.autograd.grad(loss.sum(), problem.inputs):
        assert gradient.isfinite().all()
    loss = crf.negative_log_likelihood(problem.emissions, tags, mask=problem.mask, **problem.scores)
    gradient = torch.autograd.grad(loss.sum(), problem.scores["transitions"])[0]
    assert not gradient[:, 1].any()
    for quantity in (crf.entropy, crf.marginals, crf.pair_marginals):
        for gradient in torch.autograd.grad(problem(quantity).square().sum(), problem.inputs):
            assert gradient.isfinite().all()


def test_emissions_of_minus_infinity_are_hard_constraints():
    emissions = torch.zeros(1, 4, 3, dtype=torch.float64)
    emissions[0, 1, :2] = emissions[0, 3, 0] = -INF  # 3 · 1 · 3 · 2 paths are left
    emissions.requires_grad_()
    transitions = torch.zeros(3, 3, dtype=torch.float64)
    log_z = crf.log_partition(emissions, transitions)
    assert log_z.exp().item() == pytest.approx(18)
    (gradient,) = torch.autograd.grad(log_z.sum(), emissions)
    assert gradient[0, 1].tolist() == [0, 0, 1]
    assert crf.entropy(emissions, transitions).item() == pytest.approx(math.log(18))
    assert crf.viterbi(emissions, transitions)[0][0, 1] == 2
    samples = crf.sample(emissions, transitions, num_samples=50, generator=torch.Generator())
    assert (samples[..., 1] == 2).all()
    paths, scores = crf.k_best(emissions, transitions, k=20)
    assert (scores > -INF).sum() == 18
    assert (paths[0, 18:] == crf.PADDING).all()


def impossible(case):
    """Return two chains, of which the second has no path at all."""
    emissions = torch.zeros(2, 3, 2, dtype=torch.float64)
    scores = {"transitions": torch.zeros(2, 2, dtype=torch.float64)}
    if case == "a token":
        emissions[1, 1] = -INF
    else:  # a token that must be tag 1 after one that must be tag 0
        scores["transitions"][0, 1] = -INF
        emissions[1, 0, 1] = emissions[1, 1, 0] = -INF
    return emissions.requires_grad_(), scores


@pytest.mark.parametrize("case", ["a token", "a transition"])
def test_a_chain_without_any_path(case):
    emissions, scores = impossible(case)
    log_z = crf.log_partition(emissions, **scores)
    assert log_z[1] == -INF
    assert log_z[0].isfinite()
    (gradient,) = torch.autograd.grad(log_z.sum(), emissions)
    assert not gradient[1].any()
    assert gradient[0].sum() == pytest.approx(3)
    paths, best = crf.k_best(emissions, k=2, **scores)
    assert best[1].tolist() == [-INF, -INF]
    assert (paths[1] == crf.PADDING).all()
    for function in (crf.viterbi, crf.marginals, crf.pair_marginals, crf.entropy, crf.sample):
        with pytest.raises(ValueError, match="every path of sequence 1 is forbidden"):
            function(emissions, **scores)


@pytest.mark.parametrize("length", [1, 2])
def test_start_and_end_that_cannot_meet(length):
    # Certified by its transitions, and yet without a path: the product is an exact zero.
    emissions = torch.zeros(1, length, 2)
    gate = torch.tensor([[-INF, 0.0], [0.0, 0.0]])
    only = torch.tensor([0.0, -INF])
    ends = {"start": only, "end": only if length == 2 else only.flip(0)}
    assert crf.log_partition(emissions, gate, **ends) == -INF
    with pytest.raises(ValueError, match="every path"):
        crf.marginals(emissions, gate, **ends)
    with pytest.raises(ValueError, match="every path"):
        crf.pair_marginals(emissions, gate, **ends)


def test_a_forbidden_observed_path_has_infinite_loss_and_no_gradient(make_problem):
    problem = make_problem(lengths=(3, 3), masked=False).requiring_grad()
    with torch.no_grad():
        problem.scores["transitions"][0, 1] = -INF
    tags = torch.tensor([[0, 1, 2], [2, 2, 2]])
    loss = crf.negative_log_likelihood(problem.emissions, tags, **problem.scores)
    assert loss[0] == INF
    gradients = torch.autograd.grad(loss.sum(), problem.inputs)
    assert not gradients[0][0].any()
    alone = crf.negative_log_likelihood(problem.emissions[1:], tags[1:], **problem.scores)
    for gradient, right in zip(
        gradients[1:], torch.autograd.grad(alone.sum(), problem.inputs[1:]), strict=True
    ):
        torch.testing.assert_close(gradient, right)


def test_nan_stays_visible_but_in_its_sequence():
    emissions = torch.zeros(2, 3, 2)
    emissions[1, 1, 0] = math.nan
    log_z = crf.log_partition(emissions, torch.zeros(2, 2))
    assert log_z[1].isnan()
    assert log_z[0].isfinite()


def test_safe_logsumexp_has_gradients_where_torch_has_none():
    scores = torch.tensor([[-INF, -INF], [0.0, -INF]], requires_grad=True)
    value = safe_logsumexp(scores, 1)
    assert value.tolist() == [-INF, 0]
    (gradient,) = torch.autograd.grad(value.sum(), scores)
    assert gradient.tolist() == [[0, 0], [1, 0]]
