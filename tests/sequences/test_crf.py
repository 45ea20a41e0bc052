"""The CRF against the enumeration of all paths: values and gradients, on every kind of chain."""

import math

import pytest
import torch

from lib.sequences import crf
from lib.sequences._crf_recursions import Scaling

TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}


def gradients(values, inputs):
    """Return the gradients of the sum; autograd's NaN at enumerated −inf scores read as 0."""
    found = torch.autograd.grad(values.sum(), inputs, materialize_grads=True)
    return [gradient.nan_to_num(0.0) for gradient in found]


def assert_same(found, expected, **tolerance):
    torch.testing.assert_close(found, expected, **(tolerance or TOLERANCE))


def test_path_score_is_that_of_the_enumerated_path(problem):
    scores = problem(crf.path_score, problem.tags)
    for row, paths in enumerate(problem.enumerated()):
        _, tags = problem.sequence(row)
        assert_same(scores[row], paths.scores[(paths.paths == tags).all(1)][0])


def test_log_partition_and_its_gradients(problem):
    ours, reference = problem.requiring_grad(), problem.requiring_grad()
    value = ours(crf.log_partition)
    expected = torch.stack([paths.log_partition for paths in reference.enumerated()])
    assert_same(value, expected)
    for found, right in zip(
        gradients(value, ours.inputs), gradients(expected, reference.inputs), strict=True
    ):
        assert found.isfinite().all()
        assert_same(found, right)


def test_loss_and_its_gradients(problem):
    # The best path stands for the observed one: it is never a forbidden one.
    gold, _ = problem(crf.viterbi)
    ours, reference = problem.requiring_grad(), problem.requiring_grad()
    loss = ours(lambda emissions, **scores: crf.negative_log_likelihood(emissions, gold, **scores))
    assert (loss >= -1e-9).all()
    expected = torch.stack(
        [
            paths.log_partition - paths.scores[(paths.paths == gold[row, :length]).all(1)][0]
            for row, (paths, length) in enumerate(
                zip(reference.enumerated(), problem.lengths, strict=True)
            )
        ]
    )
    assert_same(loss, expected)
    weights = torch.arange(1.0, 1 + len(loss), dtype=loss.dtype)  # a different one for each item
    for found, right in zip(
        gradients(loss * weights, ours.inputs),
        gradients(expected * weights, reference.inputs),
        strict=True,
    ):
        assert_same(found, right)


def test_marginals_and_pair_marginals(problem):
    unary, pairs = problem(crf.marginals), problem(crf.pair_marginals)
    for row, paths in enumerate(problem.enumerated()):
        length = problem.lengths[row]
        assert_same(unary[row, :length], paths.marginals)
        assert_same(pairs[row, : length - 1], paths.pair_marginals)
        assert not unary[row, length:].any()
        assert not pairs[row, length - 1 :].any()


def test_entropy(problem):
    value = problem(crf.entropy)
    assert_same(value, torch.stack([paths.entropy for paths in problem.enumerated()]))


def test_viterbi_returns_a_best_path_with_its_score(problem):
    paths, scores = problem(crf.viterbi)
    for row, reference in enumerate(problem.enumerated()):
        length = problem.lengths[row]
        best, best_score = reference.k_best(1)
        assert_same(scores[row], best_score[0])
        assert paths[row, :length].tolist() == best[0].tolist()
        assert (paths[row, length:] == crf.PADDING).all()


@pytest.mark.parametrize("k", [1, 4, 100])
def test_k_best_returns_the_best_paths_in_order(problem, k):
    paths, scores = problem(crf.k_best, k=k)
    assert paths.shape == (*scores.shape, max(problem.lengths))
    for row, reference in enumerate(problem.enumerated()):
        length = problem.lengths[row]
        best, best_scores = reference.k_best(k)
        number = int((best_scores > -math.inf).sum())
        assert_same(scores[row, :number], best_scores[:number])
        assert paths[row, :number, :length].tolist() == best[:number].tolist()
        assert (paths[row, :, length:] == crf.PADDING).all()
        assert (paths[row, number:] == crf.PADDING).all()
        assert (scores[row, number:] == -math.inf).all()


def test_scores_of_decoded_paths_have_the_counts_as_gradient(make_problem):
    problem = make_problem().requiring_grad()
    paths, scores = problem(crf.viterbi)
    emissions, transitions, *_ = gradients(scores, problem.inputs)
    real = paths != crf.PADDING
    assert_same(emissions[real], torch.nn.functional.one_hot(paths[real], 3).double())
    assert transitions.sum() == sum(length - 1 for length in problem.lengths)
    several = problem(crf.k_best, k=2)[1]
    assert_same(gradients(several[:, 0], problem.inputs)[0], emissions)


DIFFERENTIABLE = {
    "log_partition": crf.log_partition,
    "negative_log_likelihood": lambda emissions, **scores: crf.negative_log_likelihood(
        emissions, torch.tensor([[0, 2, 1, 1], [1, -100, -100, -100], [2, 2, 0, -100]]), **scores
    ),
    "marginals": crf.marginals,
    "pair_marginals": crf.pair_marginals,
    "entropy": crf.entropy,
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@pytest.mark.parametrize("logs", [False, True], ids=["certified", "logs"])
def test_gradcheck_once_and_twice(make_problem, monkeypatch, name, logs):
    if logs:
        monkeypatch.setattr("lib.sequences._crf_recursions.certified_scaling", lambda *_: None)
    problem = make_problem().requiring_grad()
    # Finite differences see NaN padding as a broken function, and its gradient is tested elsewhere.
    emissions = problem.emissions.detach().nan_to_num(0.0).requires_grad_()

    def function(emissions, transitions, start, end):
        scores = {"transitions": transitions, "start": start, "end": end}
        return DIFFERENTIABLE[name](emissions, mask=problem.mask, **scores)

    inputs = [emissions, *problem.inputs[1:]]
    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)


def test_the_three_ranges_agree(make_problem, monkeypatch):
    problem = make_problem(lengths=(40, 1, 23), num_tags=5).to(torch.float32).requiring_grad()
    exact = problem.to(torch.float64)
    reference = gradients(exact(crf.log_partition), problem.inputs)
    found = []
    for narrow, wide in ((Scaling(3, 1.0), None), (None, Scaling(7, -1.0)), (None, None)):
        certified = {torch.float32: narrow, torch.float64: wide}
        monkeypatch.setattr(
            "lib.sequences._crf_recursions.certified_scaling",
            lambda _, dtype, certified=certified: certified[dtype],
        )
        found.append(gradients(problem(crf.log_partition), problem.inputs))
    for each in found:
        for gradient, right in zip(each, reference, strict=True):
            assert_same(gradient, right, rtol=2e-6, atol=1e-6)
    assert any(not torch.equal(a, b) for a, b in zip(found[0], found[2], strict=True))


def test_float32_gradients_at_length_1024_are_those_of_float64(make_problem):
    problem = make_problem(lengths=(1024, 1024), num_tags=20, masked=False).to(torch.float32)
    tags = problem.tags

    def found(chains):
        chains = chains.requiring_grad()
        loss = chains(
            lambda emissions, **scores: crf.negative_log_likelihood(emissions, tags, **scores)
        )
        return gradients(loss, chains.inputs)

    for narrow, wide in zip(found(problem), found(problem.to(torch.float64)), strict=True):
        assert (narrow.double() - wide).abs().max() <= 1e-5 * wide.abs().max()


def test_logarithms_stay_accurate_at_length_1024(make_problem, monkeypatch):
    monkeypatch.setattr("lib.sequences._crf_recursions.certified_scaling", lambda *_: None)
    problem = make_problem(lengths=(1024,), num_tags=5, masked=False)
    wide, narrow = problem.requiring_grad(), problem.to(torch.float32).requiring_grad()
    reference = gradients(wide(crf.log_partition), wide.inputs)
    for gradient, right in zip(
        gradients(narrow(crf.log_partition), narrow.inputs), reference, strict=True
    ):
        assert (gradient.double() - right).abs().max() <= 1e-4 * right.abs().max()
