"""Properties that hold for every chain, searched by hypothesis."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.sequences import crf

SCORES = st.one_of(st.floats(-3, 3), st.floats(-1e4, 1e4), st.just(0.0), st.just(-math.inf))
SEARCH = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def chains(draw):
    """Draw emissions, transitions, mask, start and end, extremes and −inf among them."""
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    num_tags = draw(st.integers(1, 4))
    batch, time = len(lengths), max(lengths) + draw(st.integers(0, 2))

    def tensor(*shape):
        size = math.prod(shape)
        values = draw(st.lists(SCORES, min_size=size, max_size=size))
        return torch.tensor(values, dtype=torch.float64).reshape(shape)

    emissions, transitions = tensor(batch, time, num_tags), tensor(num_tags, num_tags)
    mask = torch.arange(time) < torch.tensor(lengths)[:, None]
    ends = {"start": tensor(num_tags), "end": tensor(num_tags)} if draw(st.booleans()) else {}
    return emissions, {"transitions": transitions, "mask": mask, **ends}


def same(found, expected, **tolerance):
    tolerance = tolerance or {"rtol": 1e-9, "atol": 1e-7}
    torch.testing.assert_close(found, expected, **tolerance)


def possible(emissions, scores):
    """Keep the sequences that have a path."""
    rows = crf.log_partition(emissions, **scores) > -math.inf
    return emissions[rows], scores | {"mask": scores["mask"][rows]}


@SEARCH
@given(chains())
def test_bounds(chain):
    emissions, scores = chain
    log_z = crf.log_partition(emissions, **scores)
    paths, best = crf.k_best(emissions, k=2, **scores)
    number = emissions.shape[2] ** scores["mask"].sum(1)
    slack = 1e-7 * (1 + best[:, 0].clamp_min(-1e6).abs())
    assert (log_z >= best[:, 0] - slack).all()
    assert (log_z <= best[:, 0] + number.log() + slack).all()
    assert ((paths >= 0) == (scores["mask"][:, None] & (best > -math.inf)[..., None])).all()
    emissions, scores = possible(emissions, scores)
    if len(emissions):
        entropy = crf.entropy(emissions, **scores)
        limit = scores["mask"].sum(1) * math.log(emissions.shape[2])
        assert ((entropy >= -1e-9) & (entropy <= limit + 1e-9)).all()
        marginals = crf.marginals(emissions, **scores)
        same(marginals.sum(-1), scores["mask"].double())
        assert (marginals >= 0).all()
        pairs = crf.pair_marginals(emissions, **scores)
        following = scores["mask"][:, 1:, None].double()
        same(pairs.sum(2), marginals[:, 1:] * following)
        same(pairs.sum(3), marginals[:, :-1] * following)


@SEARCH
@given(chains())
def test_decoded_and_sampled_paths_are_possible(chain):
    emissions, scores = possible(*chain)
    if len(emissions):
        path, best = crf.viterbi(emissions, **scores)
        transitions, mask = scores.pop("transitions"), scores.pop("mask")
        same(crf.path_score(emissions, path, transitions, mask, **scores), best)
        generator = torch.Generator().manual_seed(0)
        (drawn,) = crf.sample(emissions, transitions, mask, generator=generator, **scores).unbind(1)
        score = crf.path_score(emissions, drawn, transitions, mask, **scores)
        assert ((score > -math.inf) & (score <= best + 1e-7 * (1 + best.abs()))).all()


@SEARCH
@given(chains(), st.randoms(use_true_random=False))
def test_renaming_the_tags_and_reordering_the_batch(chain, random):
    emissions, scores = chain
    tags = torch.tensor(random.sample(range(emissions.shape[2]), emissions.shape[2]))
    rows = torch.tensor(random.sample(range(len(emissions)), len(emissions)))
    renamed = {name: score[tags] for name, score in scores.items() if name in ("start", "end")}
    renamed["transitions"] = scores["transitions"][tags][:, tags]
    renamed["mask"] = scores["mask"][rows]
    expected = crf.log_partition(emissions, **scores)[rows]
    same(crf.log_partition(emissions[rows][..., tags], **renamed), expected)


@SEARCH
@given(chains())
def test_reading_backward(chain):
    # Reversed in time, with transposed transitions and exchanged ends, it is the same chain.
    emissions, scores = chain
    for row, mask in zip(emissions, scores["mask"], strict=True):
        forward = row[mask][None]
        ends = {k: scores[k] for k in ("start", "end") if k in scores}
        swapped = {"start": ends.get("end"), "end": ends.get("start")}
        backward = crf.log_partition(forward.flip(1), scores["transitions"].t(), **swapped)
        same(crf.log_partition(forward, scores["transitions"], **ends), backward)


@SEARCH
@given(chains(), st.floats(-100, 100))
def test_shifts_change_no_probability(chain, shift):
    emissions, scores = possible(*chain)
    if len(emissions):
        expected = crf.marginals(emissions, **scores)
        shifted = emissions + shift * torch.arange(emissions.shape[1])[:, None]
        scores["transitions"] = scores["transitions"] - shift
        same(crf.marginals(shifted, **scores), expected, rtol=0, atol=1e-6)
