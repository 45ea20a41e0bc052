"""NystromAttention in the place of torch.nn.MultiheadAttention."""

import math
import re

import pytest
import torch
from torch import nn

from lib.attention import nystrom


def seeded():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def exact():
    """Torch's own, with biases that are not zero; its short cuts want an even number of heads."""
    attention = nn.MultiheadAttention(12, 4, batch_first=True, dtype=torch.float64)
    generator = seeded()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return attention


@pytest.fixture
def x():
    return torch.randn(2, 20, 12, generator=seeded(), dtype=torch.float64)


def ours(exact, **options):
    attention = nystrom.NystromAttention(
        exact.embed_dim, exact.num_heads, dtype=torch.float64, **options
    )
    attention.load_state_dict(exact.state_dict())
    return attention


PADDING = torch.arange(20) >= torch.tensor([[20], [13]])


@pytest.mark.parametrize(
    "padding", [None, PADDING, torch.zeros(2, 20).masked_fill(PADDING, -math.inf)]
)
def test_with_enough_landmarks_it_is_multi_head_attention(exact, x, padding):
    found, weights = ours(exact, num_landmarks=20)(x, x, x, padding, need_weights=False)
    assert weights is None
    if padding is not None and padding.is_floating_point():
        padding = padding.double()
    expected, _ = exact(x, x, x, padding, need_weights=False)
    real = torch.ones(2, 20).bool() if padding is None else ~PADDING
    torch.testing.assert_close(found[real], expected[real])
    assert not found[~real].any()


def test_keys_and_values_of_their_own(exact, x):
    key, value = x.flip(1), x.roll(1, 2)
    for sequences in [(x, key, value), (x, x, value), (x, key, x)]:
        found, _ = ours(exact)(*sequences)
        torch.testing.assert_close(found, exact(*sequences, need_weights=False)[0])
    torch.testing.assert_close(ours(exact)(x), ours(exact)(x, x.clone(), x.clone()))


def test_one_sequence_without_a_batch(exact, x):
    attention = ours(exact, num_landmarks=6, conv_kernel_size=None)
    torch.testing.assert_close(attention(x[0])[0], attention(x[:1])[0][0])
    padded, _ = attention(x[1], key_padding_mask=PADDING[1])
    torch.testing.assert_close(padded, attention(x, key_padding_mask=PADDING)[0][1])


def test_without_bias(x):
    exact = nn.MultiheadAttention(12, 4, bias=False, batch_first=True, dtype=torch.float64)
    attention = ours(exact, bias=False)
    for sequences in [(x, x, x), (x, x.flip(1), x)]:
        expected, _ = exact(*sequences, need_weights=False)
        torch.testing.assert_close(attention(*sequences)[0], expected)


def test_the_landmarks_may_be_changed_after_training(exact, x):
    attention = ours(exact, num_landmarks=5)
    few, _ = attention(x)
    attention.num_landmarks = 20
    torch.testing.assert_close(attention(x)[0], exact(x, x, x)[0])
    assert (few - attention(x)[0]).abs().max() > 1e-3


@pytest.mark.parametrize("inverse", ["ridge", "newton", "pinv"])
def test_the_options_reach_the_function(exact, x, inverse):
    options = {"num_landmarks": 6, "inverse": inverse, "ridge": 0.1, "num_iterations": 2}
    attention = ours(exact, **options)
    projected = nn.functional.linear(x, exact.in_proj_weight, exact.in_proj_bias)
    heads = [part.unflatten(-1, (4, 3)).transpose(1, 2) for part in projected.chunk(3, -1)]
    expected = nystrom.nystrom_attention(*heads, **options).transpose(1, 2).flatten(2)
    torch.testing.assert_close(attention(x)[0], exact.out_proj(expected))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("padding", [None, PADDING])
def test_an_encoder_layer_uses_it_in_training_and_evaluation(exact, x, training, padding):
    """In evaluation torch's layer would compute exact attention from the weights by itself."""
    layer = nn.TransformerEncoderLayer(12, 4, 24, dropout=0, batch_first=True, dtype=torch.float64)
    layer.self_attn = ours(exact, num_landmarks=4)
    layer.train(training)
    with torch.set_grad_enabled(training):
        found = layer(x, src_key_padding_mask=padding)
        attended, _ = layer.self_attn(x, key_padding_mask=padding)
        hidden = layer.norm1(x + attended)
        expected = layer.norm2(hidden + layer.linear2(layer.linear1(hidden).relu()))
    torch.testing.assert_close(found, expected)


def test_an_encoder_takes_it_in_every_layer(exact, x):
    layer = nn.TransformerEncoderLayer(12, 4, 24, dropout=0, batch_first=True, dtype=torch.float64)
    layer.self_attn = ours(exact, num_landmarks=4)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    with torch.no_grad():
        found = encoder(x, src_key_padding_mask=PADDING)
        step = layer.eval()(x, src_key_padding_mask=PADDING)
        expected = layer(step, src_key_padding_mask=PADDING)
    torch.testing.assert_close(found, expected)


def test_the_convolution_is_one_kernel_a_head_over_time(exact, x):
    plain = ours(exact, num_landmarks=6)
    attention = nystrom.NystromAttention(12, 4, 6, conv_kernel_size=5, dtype=torch.float64)
    missing = attention.load_state_dict(exact.state_dict(), strict=False)
    assert missing.missing_keys == ["conv.weight"]
    value = nn.functional.linear(x, exact.in_proj_weight[24:], exact.in_proj_bias[24:])
    added = torch.zeros_like(x)
    for feature in range(12):
        kernel = attention.conv.weight[feature // 3, 0, :, 0]
        for time in range(20):
            for offset in range(-2, 3):
                if 0 <= time + offset < 20:
                    added[:, time, feature] += kernel[offset + 2] * value[:, time + offset, feature]
    expected = plain(x)[0] + added @ exact.out_proj.weight.T
    torch.testing.assert_close(attention(x)[0], expected)


@pytest.mark.parametrize("conv_kernel_size", [None, 5])
@pytest.mark.parametrize("num_landmarks", [6, 64])
def test_padding_never_changes_a_result_nor_a_gradient(exact, x, conv_kernel_size, num_landmarks):
    attention = nystrom.NystromAttention(
        12, 4, num_landmarks, conv_kernel_size=conv_kernel_size, generator=seeded()
    ).double()
    alone, _ = attention(x)
    parameters = list(attention.parameters())
    gradients = torch.autograd.grad(alone.square().sum(), parameters)
    padded = nn.functional.pad(x, (0, 0, 3, 44), value=math.nan).requires_grad_()
    mask = nn.functional.pad(torch.zeros(2, 20, dtype=torch.bool), (3, 44), value=True)
    found, _ = attention(padded, key_padding_mask=mask)
    torch.testing.assert_close(found[~mask].view_as(alone), alone)
    assert not found[mask].any()
    loss = found.square().sum()
    for gradient, expected in zip(
        torch.autograd.grad(loss, parameters, retain_graph=True), gradients, strict=True
    ):
        torch.testing.assert_close(gradient, expected)
    (gradient,) = torch.autograd.grad(loss, [padded])
    assert gradient.isfinite().all()
    assert not gradient[mask].any()


@pytest.mark.parametrize("num_landmarks", [6, 64])
def test_a_sequence_of_padding_only_gives_zeros(exact, x, num_landmarks):
    attention = ours(exact, num_landmarks=num_landmarks)
    mask = torch.tensor([[True], [False]]).expand(2, 20)
    inputs = x.clone().requires_grad_()
    found, _ = attention(inputs, key_padding_mask=mask)
    assert not found[0].any()
    assert found[1].isfinite().all()
    (gradient,) = torch.autograd.grad(found.square().sum(), [inputs])
    assert not gradient[0].any()
    assert gradient[1].isfinite().all()
    torch.testing.assert_close(found[1], attention(x[1])[0])


def test_gradients_reach_every_parameter(x):
    attention = nystrom.NystromAttention(12, 4, 6, conv_kernel_size=3, dtype=torch.float64)
    attention(x)[0].square().sum().backward()
    for parameter in attention.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0


def test_initial_values_are_torchs_and_come_from_the_generator():
    state = torch.get_rng_state()
    first, second, other = (
        nystrom.NystromAttention(
            64, 4, conv_kernel_size=3, generator=torch.Generator().manual_seed(seed)
        )
        for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
        if name.endswith("weight"):
            assert not torch.equal(value, other.state_dict()[name])
    exact = nn.MultiheadAttention(64, 4)
    for name, value in exact.state_dict().items():
        found = first.state_dict()[name]
        assert found.shape == value.shape
        # Bounds of uniform draws: 64 · 64 of them come within 1 % of theirs, or more.
        torch.testing.assert_close(found.abs().max(), value.abs().max(), rtol=0.02, atol=0)


def test_autocast(exact, x):
    attention = ours(exact, num_landmarks=6, conv_kernel_size=None).float()
    expected, _ = attention(x.float())
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = attention(x.float())
        half, _ = attention(x.bfloat16(), key_padding_mask=PADDING)
    assert found.dtype == half.dtype == torch.bfloat16
    assert (found - expected).norm() < 0.1 * expected.norm()


def test_its_repr_names_how_it_inverts():
    text = repr(nystrom.NystromAttention(12, 4, 6))
    assert "dim=12, num_heads=4, num_landmarks=6, inverse='ridge', ridge=1e-05" in text
    assert "inverse='newton', 6 iterations" in repr(
        nystrom.NystromAttention(12, 4, inverse="newton")
    )
    assert "inverse='pinv'" in repr(nystrom.NystromAttention(12, 4, inverse="pinv"))


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"need_weights": True}, ValueError, "need_weights must be False"),
        ({"attn_mask": torch.zeros(20, 20)}, ValueError, "attn_mask must be None"),
        ({"is_causal": True}, ValueError, "would carry tokens of the future into the past"),
        ({"key": torch.zeros(2, 9, 12).double()}, ValueError, "for cross-attention use"),
        ({"value": torch.zeros(2, 20, 12)}, TypeError, "value is torch.float32, but"),
        ({"key_padding_mask": torch.zeros(2, 9).bool()}, ValueError, "(2, 20) of the sequence"),
        ({"key_padding_mask": torch.full((2, 20), -1e9)}, ValueError, "must be 0 on real tokens"),
        ({"key_padding_mask": torch.zeros(2, 20).int()}, TypeError, "must be floating"),
        ({"key_padding_mask": [[True]]}, TypeError, "must be a tensor, got list"),
        ({"query": torch.zeros(2, 20, 9).double()}, ValueError, "dim=12, got (2, 20, 9)"),
        ({"query": torch.zeros(1, 2, 20, 12).double()}, ValueError, "(batch, time, dim) or (time"),
        ({"query": torch.zeros(12).double()}, ValueError, "(..., time, dim)"),
        ({"query": torch.zeros(2, 0, 12).double()}, ValueError, "at least one token"),
        ({"query": [1.0]}, TypeError, "query must be a tensor, got list"),
        ({"query": torch.zeros(2, 20, 12, device="meta").double()}, ValueError, "is on meta"),
    ],
)
def test_what_cannot_be_given_is_refused(exact, x, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        ours(exact)(**({"query": x} | options))


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_heads": 5}, ValueError, "num_heads must divide dim, got dim=12 and num_heads=5"),
        ({"num_heads": 0}, ValueError, "num_heads must be at least 1"),
        ({"dim": 12.0}, TypeError, "dim must be an integer, got 12.0"),
        ({"num_landmarks": 0}, ValueError, "num_landmarks must be at least 1, got 0"),
        ({"num_iterations": 0}, ValueError, "num_iterations must be at least 1, got 0"),
        ({"conv_kernel_size": 4}, ValueError, "conv_kernel_size must be odd, got 4"),
        ({"conv_kernel_size": "3"}, TypeError, "conv_kernel_size must be an integer"),
        ({"inverse": "solve"}, ValueError, "must be 'ridge', 'newton' or 'pinv', got 'solve'"),
        ({"ridge": 0.0}, ValueError, "ridge must be positive"),
        ({"batch_first": False}, ValueError, "transpose them with x.transpose(0, 1)"),
    ],
)
def test_impossible_layers_are_refused(options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        nystrom.NystromAttention(**({"dim": 12, "num_heads": 4} | options))
