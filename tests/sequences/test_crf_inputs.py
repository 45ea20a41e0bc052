"""Inputs: dtypes, padding, independence of items, and errors that say how to mend what is wrong."""

import math

import numpy as np
import pytest
import torch

from lib.sequences import crf

TAGS = torch.tensor([[0, 2, 1, 1], [1, -100, -100, -100], [2, 2, 0, -100]])


def with_tags(function):
    """Call with the first of TAGS, or with tag 0 where there is no mask to hide the padding."""

    def call(emissions, mask=None, **scores):
        batch, time = emissions.shape[:2]
        tags = torch.nn.functional.pad(TAGS, (0, 3), value=-100)[:batch, :time]
        tags = tags.masked_fill(tags < 0, 0) if mask is None else tags.masked_fill(~mask, -100)
        return function(emissions, tags, mask=mask, **scores)

    return call


FUNCTIONS = {
    "path_score": with_tags(crf.path_score),
    "log_partition": crf.log_partition,
    "negative_log_likelihood": with_tags(crf.negative_log_likelihood),
    "marginals": crf.marginals,
    "pair_marginals": crf.pair_marginals,
    "entropy": crf.entropy,
    "viterbi": lambda e, **s: crf.viterbi(e, **s)[1],
    "k_best": lambda e, **s: crf.k_best(e, k=3, **s)[1],
}
PATHS = {
    "viterbi": lambda e, **s: crf.viterbi(e, **s)[0],
    "k_best": lambda e, **s: crf.k_best(e, k=3, **s)[0],
    "sample": lambda e, **s: crf.sample(
        e, num_samples=2, generator=torch.Generator().manual_seed(0), **s
    ),
}


@pytest.fixture(params=FUNCTIONS)
def function(request):
    return FUNCTIONS[request.param]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtype_in_is_dtype_out_and_close_to_float64(make_problem, function, dtype):
    problem = make_problem().to(dtype).requiring_grad()
    value = problem(function)
    assert value.dtype == dtype
    exact = problem.to(torch.float64)(function)
    eps = torch.finfo(dtype).eps  # half precision is restored at the very end: one rounding
    torch.testing.assert_close(value.double(), exact, rtol=4 * eps, atol=4 * eps)
    finite = value[value.isfinite()]
    for gradient in torch.autograd.grad(finite.sum(), problem.inputs, allow_unused=True):
        assert gradient is None or gradient.dtype == dtype


def test_padding_never_matters(make_problem, function):
    # Values and gradients, with NaN and infinities in the padding, and more of it.
    def results(filler, more):
        problem = make_problem().requiring_grad()
        emissions = torch.full((3, 4 + more, 3), filler, dtype=torch.float64)
        emissions[:, :4][problem.mask] = problem.emissions.detach()[problem.mask]
        emissions.requires_grad_()
        mask = torch.zeros(3, 4 + more, dtype=torch.bool)
        mask[:, :4] = problem.mask
        value = function(emissions, mask=mask, **problem.scores)
        inputs = [emissions, *problem.scores.values()]
        time = {3: 4, 4: 3}.get(value.dim())  # of marginals and of pairs, without the padding
        total = value[:, :time] if time else value
        weights = torch.linspace(1, 2, total.numel(), dtype=torch.float64).view_as(total)
        possible = total > -math.inf
        gradients = torch.autograd.grad(
            (weights * total)[possible].sum(), inputs, allow_unused=True
        )
        assert not gradients[0][~mask].any()
        return total.detach(), [gradients[0][:, :4], *gradients[1:]]

    value, gradients = results(0.0, 0)
    for filler in (math.nan, math.inf, -math.inf, 1e30):
        for more in (0, 3):
            same, same_gradients = results(filler, more)
            torch.testing.assert_close(same, value, rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(same_gradients, gradients, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", PATHS)
def test_padding_never_matters_to_paths(make_problem, name):
    problem = make_problem()
    expected = problem(PATHS[name])
    for filler in (0.0, math.inf, -math.inf):
        emissions = problem.emissions.nan_to_num(filler)
        paths = PATHS[name](emissions, mask=problem.mask, **problem.scores)
        assert torch.equal(paths, expected)


def test_items_are_independent(make_problem, function):
    # A broken neighbour, NaN or impossible, changes nothing; and order is kept.
    problem = make_problem(masked=False, lengths=(3, 3, 3))
    expected = function(problem.emissions[:2], **problem.scores)
    neighbour = problem.emissions.clone()
    neighbour[2] = math.nan
    found = function(neighbour, **problem.scores)
    torch.testing.assert_close(found[:2], expected, rtol=1e-12, atol=1e-12)


def test_inputs_are_not_modified(make_problem, function):
    # One sequence and one token are where a view is easily mistaken for a copy.
    for lengths in ((4, 1, 3), (1,), (4,), (1, 1)):
        problem = make_problem(lengths=lengths, masked=len(lengths) == 3)
        before = [x.clone() for x in problem.inputs]
        problem(function)
        for tensor, copy in zip(problem.inputs, before, strict=True):
            assert torch.equal(tensor.nan_to_num(7.0), copy.nan_to_num(7.0))
            assert not tensor.requires_grad


@pytest.mark.parametrize("name", PATHS)
def test_decoding_does_not_modify_its_inputs(make_problem, name):
    problem = make_problem(lengths=(4,), masked=False)
    before = [x.clone() for x in problem.inputs]
    problem(PATHS[name])
    assert all(torch.equal(x, copy) for x, copy in zip(problem.inputs, before, strict=True))


def test_strided_inputs_and_all_integer_tags(make_problem):
    problem = make_problem(masked=False, lengths=(4, 4))
    strided = problem.emissions.transpose(1, 2).contiguous().transpose(1, 2)
    expected = crf.negative_log_likelihood(problem.emissions, problem.tags, **problem.scores)
    for dtype in (torch.int32, torch.int16, torch.int8, torch.int64):
        tags = problem.tags.to(dtype)
        found = crf.negative_log_likelihood(strided, tags, **problem.scores)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", [*FUNCTIONS, "sample"])
def test_empty_batch(make_problem, name):
    problem = make_problem(masked=False)
    call = (PATHS | FUNCTIONS)[name]
    for mask in (None, torch.ones(0, 4, dtype=torch.bool)):
        result = call(problem.emissions[:0], mask=mask, **problem.scores)
        assert len(result) == 0


def test_no_derivative_is_computed_under_no_grad(make_problem, function):
    problem = make_problem().requiring_grad()
    with torch.no_grad():
        assert not problem(function).requires_grad


def test_vmap_is_refused(make_problem):
    problem = make_problem(masked=False)
    with pytest.raises(RuntimeError, match="vmap"):
        torch.vmap(lambda e: crf.log_partition(e[None], **problem.scores))(problem.emissions)


GOOD = {"emissions": torch.zeros(2, 3, 4), "tags": torch.zeros(2, 3, dtype=torch.long)}
GOOD |= {"transitions": torch.zeros(4, 4)}
HOLES = torch.tensor([[True, True, True], [True, False, True]])
EMPTY = torch.tensor([[True, True, True], [False, False, False]])
BAD = {
    "emissions shape": (
        {"emissions": torch.zeros(3, 4)},
        ValueError,
        r"\(3, 4\).*emissions\[None\]",
    ),
    "no token": ({"emissions": torch.zeros(2, 0, 4)}, ValueError, "at least one token"),
    "no tag": ({"emissions": torch.zeros(2, 3, 0)}, ValueError, "one tag"),
    "emissions dtype": ({"emissions": GOOD["tags"][..., None]}, TypeError, r"emissions.float\(\)"),
    "emissions array": (
        {"emissions": np.zeros((2, 3, 4))},
        TypeError,
        r"emissions must be a tensor, got numpy.ndarray; .*torch.as_tensor\(emissions\)",
    ),
    "transitions list": ({"transitions": [[0.0]]}, TypeError, r"torch.as_tensor\(transitions\)"),
    "mask array": ({"mask": np.ones((2, 3), bool)}, TypeError, r"torch.as_tensor\(mask\)"),
    "tags list": ({"tags": [[0, 0, 0]] * 2}, TypeError, r"got list; .*torch.as_tensor\(tags\)"),
    "transitions": ({"transitions": torch.zeros(3, 4)}, ValueError, r"\(4, 4\).*got \(3, 4\)"),
    "start": ({"start": torch.zeros(3)}, ValueError, r"start must have the shape \(4,\)"),
    "end": ({"end": torch.zeros(4, 1)}, ValueError, r"end must have the shape \(4,\)"),
    "mixed": (
        {"transitions": torch.zeros(4, 4, dtype=torch.float64)},
        TypeError,
        r"float32 and transitions torch.float64.*transitions.to\(emissions.dtype\)",
    ),
    "mixed half": ({"emissions": torch.zeros(2, 3, 4).half()}, TypeError, "same dtype"),
    "device": ({"transitions": torch.zeros(4, 4, device="meta")}, ValueError, "on cpu.*on meta"),
    "mask dtype": ({"mask": torch.ones(2, 3)}, TypeError, r"mask.bool\(\)"),
    "mask shape": ({"mask": torch.ones(2, 4).bool()}, ValueError, r"\(2, 3\).*got \(2, 4\)"),
    "mask with a hole": ({"mask": HOLES}, ValueError, "sequence 1 is True after a False"),
    "left padding": (
        {"mask": torch.tensor([[False, True, True]] * 2)},
        ValueError,
        "sequence 0 is True after a False",
    ),
    "empty sequence": ({"mask": EMPTY}, ValueError, "sequence 1 is empty"),
    "tags shape": ({"tags": torch.zeros(2, 4).long()}, ValueError, r"\(2, 3\).*got \(2, 4\)"),
    "tags dtype": ({"tags": torch.zeros(2, 3)}, TypeError, r"tags.long\(\)"),
    "unsigned tags": ({"tags": torch.zeros(2, 3).byte()}, TypeError, r"tags.long\(\)"),
    "boolean tags": ({"tags": torch.zeros(2, 3).bool()}, TypeError, r"tags.long\(\)"),
    "tag too large": (
        {"tags": torch.tensor([[0, 0, 0], [0, 0, 4]])},
        ValueError,
        r"tags\[1, 2\] is 4, but tags run from 0 to 3",
    ),
    "negative tag": ({"tags": torch.tensor([[0, -1, 0], [0, 0, 0]])}, ValueError, r"tags\[0, 1\]"),
    "padding without a mask": (
        {"tags": torch.tensor([[0, 0, 0], [0, 0, -100]])},
        ValueError,
        r"tags\[1, 2\] is -100.*mask",
    ),
    "padding inside the mask": (
        {
            "tags": torch.tensor([[0, 0, -100], [0, -100, -100]]),
            "mask": torch.tensor([[True, True, False], [True, True, False]]),
        },
        ValueError,
        r"tags\[1, 1\] is -100",
    ),
}


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("case", BAD)
def test_errors_say_what_to_mend(case):
    change, error, message = BAD[case]
    with pytest.raises(error, match=message):
        crf.negative_log_likelihood(**(GOOD | change))
    if "tags" not in change:
        arguments = {k: v for k, v in (GOOD | change).items() if k != "tags"}
        for function in (crf.viterbi, crf.marginals, crf.entropy, crf.sample):
            with pytest.raises(error, match=message):
                function(**arguments)


def test_k_is_checked(make_problem):
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        make_problem()(crf.k_best, k=0)
