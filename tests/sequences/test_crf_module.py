"""LinearChainCRF: the loss is one to minimise, constraints hold everywhere, errors are plain."""

import math

import numpy as np
import pytest
import torch

from lib.sequences import crf
from lib.sequences.crf import LinearChainCRF
from lib.sequences.tags import allowed_transitions, count_illegal


def constrained(**options):
    allowed = allowed_transitions("BMES")
    return LinearChainCRF(
        4,
        allowed_transitions=allowed.transitions,
        allowed_start=allowed.start,
        allowed_end=allowed.end,
        generator=torch.Generator().manual_seed(0),
        **options,
    )


def batch(num_tags=4, seed=0, batch=3, time=6):
    generator = torch.Generator().manual_seed(seed)
    emissions = torch.randn(batch, time, num_tags, generator=generator)
    mask = torch.arange(time) < torch.tensor([6, 1, 4])[:batch, None]
    return emissions, mask


GOLD = torch.tensor([[0, 1, 2, 3, 0, 2], [3] + [-100] * 5, [0, 2, 3, 3, -100, -100]])


def test_the_call_is_the_loss_and_not_its_negative():
    model = LinearChainCRF(4)
    emissions, mask = batch()
    assert model(emissions, GOLD, mask) > 0
    assert (model.log_prob(emissions, GOLD, mask) < 0).all()


def test_probabilities_of_all_paths_sum_to_one():
    model = constrained()
    emissions, _ = batch(batch=1, time=4)
    paths = torch.cartesian_prod(*[torch.arange(4)] * 4)
    log_prob = model.log_prob(emissions.expand(256, 4, 4), paths)
    assert log_prob.exp().sum().item() == pytest.approx(1, rel=1e-5)
    assert (log_prob == -math.inf).sum() == 256 - 8  # eight ways to cut four characters


def test_reductions():
    model = LinearChainCRF(4)
    emissions, mask = batch()
    none = model(emissions, GOLD, mask, reduction="none")
    assert none.shape == (3,)
    for reduction, expected in {
        "sum": none.sum(),
        "mean": none.mean(),
        "token_mean": none.sum() / 11,
    }.items():
        torch.testing.assert_close(model(emissions, GOLD, mask, reduction=reduction), expected)
    torch.testing.assert_close(model(emissions, GOLD, mask), none.mean())
    whole = model(emissions, GOLD.clamp_min(0), reduction="token_mean")
    torch.testing.assert_close(whole, model(emissions, GOLD.clamp_min(0), reduction="sum") / 18)


@pytest.mark.parametrize("reduction", ["sum", "mean", "token_mean"])
def test_an_empty_batch_has_no_loss(reduction):
    model = LinearChainCRF(4)
    loss = model(torch.zeros(0, 6, 4), GOLD[:0], reduction=reduction)
    assert loss == 0
    loss.backward()


@pytest.mark.usefixtures("unchecked_shapes")
def test_an_unknown_reduction_is_refused():
    emissions, mask = batch()
    with pytest.raises(ValueError, match="'token_mean', got 'average'"):
        LinearChainCRF(4)(emissions, GOLD, mask, reduction="average")


def test_constraints_hold_in_decoding_and_sampling():
    model, allowed = constrained(), allowed_transitions("BMES")
    emissions, mask = batch()
    wild = 100 * emissions  # emissions alone would break every rule
    assert count_illegal(wild.argmax(-1).masked_fill(~mask, -100), allowed) > 0
    assert count_illegal(model.decode(wild, mask), allowed) == 0
    several, scores = model.k_best(wild, mask, k=3)
    assert count_illegal(several.flatten(0, 1)[scores.flatten() > -math.inf], allowed) == 0
    samples = model.sample(
        emissions, mask, num_samples=500, generator=torch.Generator().manual_seed(0)
    )
    assert count_illegal(samples.flatten(0, 1), allowed) == 0
    marginals = model.marginals(emissions, mask)
    assert not marginals[:, 0, 1:3].any()  # no word starts with M or E
    assert marginals[1, 0].tolist() == [0, 0, 0, 1]
    assert (model.entropy(emissions, mask)[1]).abs() < 1e-6


def test_constraints_hold_in_the_loss():
    emissions, mask = batch()
    free, bound = LinearChainCRF(4), constrained()
    bound.load_state_dict(free.state_dict(), strict=False)
    # The same observed path, among fewer others: more probable.
    assert (bound.log_prob(emissions, GOLD, mask) > free.log_prob(emissions, GOLD, mask)).all()
    bound(emissions, GOLD, mask).backward()
    allowed = allowed_transitions("BMES")
    assert not bound.transitions.grad[~allowed.transitions].any()
    assert not bound.start_transitions.grad[~allowed.start].any()
    assert bound.transitions.grad[allowed.transitions].all()


@pytest.mark.parametrize(
    ("row", "change", "message"),
    [
        (0, {1: 3}, r"tags\[0, 1\] = 3 after tag 0 is forbidden"),
        (1, {0: 0}, r"tags\[1, 0\] = 0 is forbidden"),  # a word of one character begins and ends
        (2, {0: 1}, r"tags\[2, 0\] = 1 is forbidden"),
        (2, {3: 0}, r"tags\[2, 3\] = 0 after tag 3 is forbidden"),
    ],
)
def test_forbidden_observed_tags_are_named(row, change, message):
    emissions, mask = batch()
    tags = GOLD.clone()
    for time, tag in change.items():
        tags[row, time] = tag
    with pytest.raises(ValueError, match=message):
        constrained()(emissions, tags, mask)
    assert constrained().log_prob(emissions, tags, mask)[row] == -math.inf


def test_training_learns_what_follows_what():
    # Emissions say nothing; the tags alternate, so the transitions must learn it.
    model = LinearChainCRF(2, generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    emissions, tags = torch.zeros(4, 8, 2), torch.arange(8).remainder(2).repeat(4, 1)
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = model(emissions, tags)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 < losses[0]
    assert torch.equal(model.decode(emissions), tags)


def test_state_dict_round_trip():
    emissions, mask = batch()
    saved = constrained()
    other = LinearChainCRF(
        4,
        allowed_transitions=torch.ones(4, 4).bool(),
        allowed_start=torch.ones(4).bool(),
        allowed_end=torch.ones(4).bool(),
    )
    other.load_state_dict(saved.state_dict())
    assert torch.equal(saved(emissions, GOLD, mask), other(emissions, GOLD, mask))
    assert torch.equal(other.allowed_start, saved.allowed_start)
    with pytest.raises(RuntimeError, match="allowed_transitions"):
        LinearChainCRF(4).load_state_dict(saved.state_dict())  # constraints are not lost in silence


def test_initial_values_and_representation():
    first, second = (
        LinearChainCRF(30, generator=torch.Generator().manual_seed(5)) for _ in range(2)
    )
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.abs().max() <= 0.1
    assert first.transitions.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.1)
    assert repr(first) == "LinearChainCRF(num_tags=30)"
    assert repr(constrained()) == (
        "LinearChainCRF(num_tags=4, 8 of 16 transitions forbidden, 2 of 4 starts forbidden, "
        "2 of 4 ends forbidden)"
    )


def test_autocast_keeps_the_precision_of_the_parameters():
    model = LinearChainCRF(4)
    emissions, mask = batch()
    layer = torch.nn.Linear(4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = layer(emissions)
        assert low.dtype == torch.bfloat16
        loss = model(low, GOLD, mask)
        again = crf.marginals(low.float(), model.transitions, mask)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, model(low.float(), GOLD, mask), rtol=1e-6, atol=0)
    torch.testing.assert_close(again, crf.marginals(low.float(), model.transitions, mask))
    loss.backward()
    assert layer.weight.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_dtypes(dtype):
    model = constrained().to(dtype)
    emissions, mask = batch()
    loss = model(emissions.to(dtype), GOLD, mask)
    assert loss.dtype == dtype
    loss.backward()
    assert model.transitions.grad.dtype == dtype
    assert model.marginals(emissions.to(dtype), mask).dtype == dtype


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num_tags": "3"}, TypeError, "num_tags must be an integer, got '3'"),
        ({"num_tags": 2.0}, TypeError, r"num_tags must be an integer, got 2\.0"),
        ({"num_tags": 0}, ValueError, "num_tags must be at least 1, got 0"),
        ({"allowed_start": torch.ones(3)}, TypeError, r"allowed_start.bool\(\)"),
        ({"allowed_end": torch.ones(2).bool()}, ValueError, r"shape \(3,\), got \(2,\)"),
        ({"allowed_transitions": torch.ones(3).bool()}, ValueError, r"\(3, 3\), got \(3,\)"),
        ({"allowed_start": torch.zeros(3).bool()}, ValueError, "False everywhere"),
        ({"allowed_transitions": torch.zeros(3, 3).bool()}, ValueError, "False everywhere"),
    ],
)
def test_bad_constraints_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        LinearChainCRF(**({"num_tags": 3} | arguments))


CALLS = {
    "forward": lambda model, emissions: model(emissions, torch.zeros(2, 4).long()),
    "decode": LinearChainCRF.decode,
    "k_best": lambda model, emissions: model.k_best(emissions, k=2),
    "marginals": LinearChainCRF.marginals,
    "entropy": LinearChainCRF.entropy,
    "sample": LinearChainCRF.sample,
}


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("dtype", "emissions", "error", "message"),
    [
        ("float", torch.zeros(2, 4, 5), ValueError, "have 5 tags, but this CRF has num_tags=3"),
        ("float", torch.zeros(4, 3), ValueError, r"emissions\[None\]"),
        ("float", torch.zeros(4, 5), ValueError, r"emissions\[None\]"),
        (
            "float",
            torch.zeros(2, 4, 3).double(),
            TypeError,
            r"float64, .* torch.float32; use emissions.float\(\) or crf.double\(\)",
        ),
        (
            "double",
            torch.zeros(2, 4, 3).half(),
            TypeError,
            r"use emissions.double\(\) or crf.half\(\)",
        ),
        (
            "float",
            torch.zeros(2, 4, 3).bfloat16(),
            TypeError,
            r"use emissions.float\(\) or crf.bfloat16\(\)",
        ),
        ("double", torch.zeros(2, 4, 3).long(), TypeError, r"use emissions.double\(\)$"),
        (
            "float",
            np.zeros((2, 4, 3)),
            TypeError,
            r"got numpy.ndarray; .*torch.as_tensor\(emissions\)",
        ),
        ("float", [[[0.0] * 3] * 4], TypeError, r"got list; .*torch.as_tensor\(emissions\)"),
    ],
)
def test_emissions_that_do_not_fit_are_refused(call, dtype, emissions, error, message):
    model = getattr(LinearChainCRF(3), dtype)()
    with pytest.raises(error, match=message):
        call(model, emissions)


def test_constraints_are_copied():
    allowed = torch.ones(4, 4).bool()
    model = LinearChainCRF(4, allowed_transitions=allowed)
    allowed[0, 1] = False
    assert model.allowed_transitions.all()
    assert model.to("cpu").allowed_transitions is not allowed


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_agrees_with_the_cpu():
    model = constrained()
    emissions, mask = batch()
    expected = model(emissions, GOLD, mask)
    gradients = torch.autograd.grad(expected, model.parameters())
    model.cuda()
    cuda = emissions.cuda(), mask.cuda()
    loss = model(cuda[0], GOLD.cuda(), cuda[1])
    torch.testing.assert_close(loss.cpu(), expected)
    for found, right in zip(torch.autograd.grad(loss, model.parameters()), gradients, strict=True):
        torch.testing.assert_close(found.cpu(), right)
    assert torch.equal(model.decode(*cuda).cpu(), model.cpu().decode(emissions, mask))
    model.cuda()
    samples = model.sample(*cuda, num_samples=10, generator=torch.Generator("cuda"))
    assert count_illegal(samples.flatten(0, 1), allowed_transitions("BMES")) == 0
