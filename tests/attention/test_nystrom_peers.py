"""Parity with nystrom-attention and with the formula of transformers, where these are right."""

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from lib.attention import nystrom

HEADS, DIM = 2, 4


def package():
    return pytest.importorskip("nystrom_attention", reason="nystrom-attention is not installed")


def peer(num_landmarks, x, mask=None):
    """Run nystrom-attention on queries, keys and values side by side, ``batch time 3·heads·dim``.

    Its projections are left out; its iteration can make no float64 identity.
    """
    attention = package().NystromAttention(
        HEADS * DIM, dim_head=DIM, heads=HEADS, num_landmarks=num_landmarks, residual=False
    )
    attention.to_qkv, attention.to_out = nn.Identity(), nn.Identity()
    return attention(x, mask=mask)


def ours(num_landmarks, x, mask=None, inverse="newton"):
    heads = [part.unflatten(-1, (HEADS, DIM)).transpose(1, 2) for part in x.chunk(3, -1)]
    mask = None if mask is None else mask[:, None]
    found = nystrom.nystrom_attention(
        *heads, num_landmarks=num_landmarks, mask=mask, inverse=inverse
    )
    return found.transpose(1, 2).flatten(2)


def exact(x):
    heads = [part.unflatten(-1, (HEADS, DIM)).transpose(1, 2) for part in x.chunk(3, -1)]
    return scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)


@pytest.fixture
def x():
    """One item with two heads that are alike: the peer's scale is a maximum over all matrices."""
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(1, 24, 3, 1, DIM, generator=generator)
    return one.expand(1, 24, 3, HEADS, DIM).flatten(2)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def far(found, expected, least=1e-3):
    assert (found - expected).abs().max() > least


def test_parity_where_landmarks_divide_the_length(x):
    close(ours(6, x), peer(6, x))


def test_parity_of_the_inverse_of_one_matrix():
    generator = torch.Generator().manual_seed(0)
    a = torch.softmax(torch.randn(8, 8, generator=generator), -1)
    expected = package().nystrom_attention.moore_penrose_iter_pinv(a)[0]
    close(nystrom.newton_schulz_pinv(a), expected)


def test_the_peer_attends_to_its_own_padding(x):
    """With no mask and 7 landmarks for 24 tokens: four zero tokens in front change its result."""
    zeros = nn.functional.pad(x, (0, 0, 4, 0))
    close(peer(7, x), ours(7, zeros)[:, 4:])  # it computes the sequence with the zeros,
    far(peer(7, x), ours(7, x), 0.05)
    mask = torch.arange(28)[None] >= 4
    close(ours(7, zeros, mask)[:, 4:], ours(7, x))  # ours the sequence


def test_items_influence_each_other_in_the_peer(x):
    sharp = torch.cat([x, 6 * x])
    far(peer(6, sharp)[:1], peer(6, x))
    close(ours(6, sharp)[:1], ours(6, x))


def test_more_padding_changes_the_peers_result(x):
    results = {}
    for name, attend in (("peer", peer), ("ours", ours)):
        results[name] = [
            attend(6, nn.functional.pad(x, (0, 0, 0, n)), torch.arange(24 + n)[None] < 24)[:, :24]
            for n in (6, 24)
        ]
    far(*results["peer"])
    close(*results["ours"])
    close(results["ours"][0], ours(6, x))


@pytest.mark.parametrize("inverse", ["ridge", "newton", "pinv"])
def test_with_as_many_landmarks_as_tokens_the_peer_is_not_exact(x, inverse):
    far(peer(24, x), exact(x))
    close(ours(24, x, inverse=inverse), exact(x))


def transformers_formula(query, key, value, num_landmarks):
    """Attend as transformers' port writes it, with its ``inv_coeff_init_option``: no mask."""
    query, key = query / query.shape[-1] ** 0.25, key / key.shape[-1] ** 0.25
    shape = (*query.shape[:-2], num_landmarks, query.shape[-2] // num_landmarks, query.shape[-1])
    q, k = query.reshape(shape).mean(-2), key.reshape(shape).mean(-2)
    first = torch.softmax(query @ k.mT, -1)
    second = torch.softmax(q @ k.mT, -1)
    third = torch.softmax(q @ key.mT, -1)
    identity = torch.eye(num_landmarks, dtype=query.dtype)
    inverse = second.mT / second.sum(-2).amax(-1)[..., None, None]
    for _ in range(6):
        product = second @ inverse
        inner = 15 * identity - product @ (7 * identity - product)
        inverse = 0.25 * inverse @ (13 * identity - product @ inner)
    return first @ inverse @ (third @ value)


def test_parity_with_the_formula_of_transformers(draw):
    q, k, v = draw(3, 2, 24, 4)
    q[1] *= 6
    found = nystrom.nystrom_attention(q, k, v, num_landmarks=6, inverse="newton")
    torch.testing.assert_close(found, transformers_formula(q, k, v, 6))


def test_masks_reach_queries_and_keys_where_the_port_drops_them(draw):
    """Its landmarks average the padding too: only the scores of the keys are masked there."""
    q, k, v = draw(1, 1, 24, 4)
    mask = torch.arange(24) < 13
    found = nystrom.nystrom_attention(q, k, v, num_landmarks=6, mask=mask)
    q[..., 13:, :] += 5
    k[..., 13:, :] -= 5
    again = nystrom.nystrom_attention(q, k, v, num_landmarks=6, mask=mask)
    torch.testing.assert_close(again, found)
    assert found.isfinite().all()  # xformers' gave NaN here


def test_the_default_is_no_ordinary_attention(draw):
    """The port's default, as many landmarks as positions, is; ours has 64 for 200 tokens."""
    q, k, v = draw(1, 1, 200, 4)
    q[..., 0] += 5 * torch.arange(200) % 7  # sharp, and not alike among neighbours
    far(nystrom.nystrom_attention(q, k, v), scaled_dot_product_attention(q, k, v))
