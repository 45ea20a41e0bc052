"""The library is held to the formulas that the chapter derives: its own cells are the oracles."""

import re

import numpy as np
import pytest
import torch

from lib.sequences import crf

LENGTHS = [(1, 3), (2, 2), (3, 3), (4, 2), (5, 3)]


@pytest.fixture(scope="module")
def results(derived):
    return derived("sequences/crf")


@pytest.fixture(params=LENGTHS, ids=lambda shape: f"T{shape[0]}-K{shape[1]}")
def chain(request):
    """Emissions and transitions of a batch of two, and a path for each."""
    generator = torch.Generator().manual_seed(sum(request.param))
    time, tags = request.param
    h = 3 * torch.randn(2, time, tags, dtype=torch.float64, generator=generator)
    g = 2 * torch.randn(tags, tags, dtype=torch.float64, generator=generator)
    return h, g, torch.randint(tags, (2, time), generator=generator)


def value(results, label, side="right", **inputs):
    arrays = {name: np.asarray(x) for name, x in inputs.items() if name != "every"}
    every = [_index(results[label], name) for name in inputs.get("every", ())]
    found = results[label].numpy(side)(every=tuple(every), **arrays)
    return torch.as_tensor(np.asarray(found))


def _index(result, name):
    from lib.derivation import Index

    sides = result.conclusion
    indices = [x for side in (sides.lhs, sides.rhs) for x in side.atoms(Index) if x.name == name]
    return indices[0]


def close(actual, expected):
    expected = expected.to(actual).expand_as(actual)  # without h there is no batch dimension
    torch.testing.assert_close(actual, expected, rtol=1e-11, atol=1e-12)


def test_score_and_probability(results, chain):
    h, g, path = chain
    close(crf.path_score(h, path, g), value(results, "crf-score", h=h, g=g, y=path + 1))
    probability = (-crf.negative_log_likelihood(h, path, g)).exp()
    close(probability, value(results, "crf-probability", h=h, g=g, y=path + 1))


def test_without_transitions_it_is_softmax(results, chain):
    h, g, path = chain
    probability = (-crf.negative_log_likelihood(h, path, torch.zeros_like(g))).exp()
    close(probability, value(results, "crf-independent", h=h, y=path + 1))


@pytest.mark.parametrize("side", ["left", "right"])
def test_partition(results, chain, side):
    h, g, _ = chain
    close(crf.log_partition(h, g), value(results, "crf-forward", side, h=h, g=g).log())


@pytest.mark.parametrize("side", ["left", "right"])
def test_marginals(results, chain, side):
    h, g, _ = chain
    expected = value(results, "crf-marginal", side, h=h, g=g, every="ti")
    close(crf.marginals(h, g), expected)
    scores = h.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(crf.log_partition(scores, g).sum(), scores)
    close(gradient, value(results, "crf-gradient-emissions", h=h, g=g, every="ti"))


@pytest.mark.parametrize("side", ["left", "right"])
def test_pair_marginals(results, chain, side):
    h, g, _ = chain
    if h.shape[1] == 1:
        assert crf.pair_marginals(h, g).shape == (2, 0, *g.shape)
        return
    close(
        crf.pair_marginals(h, g), value(results, "crf-pair-marginal", side, h=h, g=g, every="tij")
    )


def test_gradient_for_the_transitions(results, chain):
    h, g, path = chain
    expected = value(results, "crf-gradient-transitions", h=h, g=g, every="ij")
    scores = g.clone().requires_grad_()
    totals = crf.log_partition(h, scores)
    found = [torch.autograd.grad(total, scores, retain_graph=True)[0] for total in totals]
    close(torch.stack(found), expected)
    losses = crf.negative_log_likelihood(h, path, scores)
    for n, loss in enumerate(losses):
        (gradient,) = torch.autograd.grad(loss, scores, retain_graph=True)
        inputs = {"h": h[n], "g": g, "y_star": path[n] + 1}
        close(-gradient, value(results, "crf-loglik-gradient", every="ij", **inputs))


@pytest.mark.parametrize("side", ["left", "right"])
def test_best_score(results, chain, side):
    h, g, _ = chain
    paths, scores = crf.viterbi(h, g)
    close(scores, value(results, "crf-viterbi", side, h=h, g=g))
    close(crf.path_score(h, paths, g), scores)


def test_temperature_bounds(results, chain):
    h, g, _ = chain
    best = crf.viterbi(h, g)[1]
    for tau in (2.0, 0.5, 0.05):
        soft = tau * crf.log_partition(h / tau, g / tau)
        gap = tau * h.shape[1] * np.log(h.shape[2])
        assert (best <= soft + 1e-9).all()
        assert (soft <= best + gap + 1e-9).all()
    assert results["crf-soft-maximum-below"].conclusion.relation == "<="
    assert results["crf-soft-maximum-above"].conclusion.relation == "<="


def test_invariances(results, chain):
    h, g, path = chain
    generator = torch.Generator().manual_seed(1)
    shift = torch.randn(h.shape[1], 1, dtype=torch.float64, generator=generator)
    into = torch.randn(h.shape[2], dtype=torch.float64, generator=generator)
    before = crf.negative_log_likelihood(h, path, g)
    close(crf.negative_log_likelihood(h + shift, path, g), before)
    traded = h.clone()
    traded[:, 1:] -= into
    close(crf.negative_log_likelihood(traded, path, g + into), before)
    inputs = {"h": h, "g": g, "v": into, "y": path + 1}
    close((-before).exp(), value(results, "crf-gauge", "left", **inputs))


def test_convex_along_a_line(results, chain):
    h, g, path = chain
    other_h, other_g = h.flip(1) - 1, g.T.contiguous() + 1
    ends = [
        crf.negative_log_likelihood(*scores) for scores in ((h, path, g), (other_h, path, other_g))
    ]
    middle = crf.negative_log_likelihood((h + other_h) / 2, path, (g + other_g) / 2)
    assert (middle <= (ends[0] + ends[1]) / 2 + 1e-9).all()
    assert results["crf-convexity"].conclusion.relation == ">="


@pytest.mark.parametrize("side", ["left", "right"])
def test_entropy(results, chain, side):
    h, g, _ = chain
    close(crf.entropy(h, g), value(results, "crf-entropy", side, h=h, g=g))


def test_sampling_goes_backwards_with_the_derived_probabilities(results, chain):
    h, g, _ = chain
    if h.shape[1] == 1:
        pytest.skip("one token has no token before it")
    given_next = crf.pair_marginals(h, g) / crf.marginals(h, g)[:, 1:, None, :]
    close(given_next, value(results, "crf-backward-sampling", h=h, g=g, every="tij"))


def test_every_equation_that_a_docstring_names_is_derived(results, root):
    named = set()
    for file in (root / "lib/sequences").glob("*crf*.py"):
        named |= set(re.findall(r":eq:`([^`]+)`", file.read_text()))
    assert named
    assert named <= set(results)


def test_the_chapter_names_every_public_function(root):
    chapter = (root / "book/sequences/crf.md").read_text()
    missing = [name for name in crf.__all__ if callable(getattr(crf, name)) and name not in chapter]
    assert not missing
