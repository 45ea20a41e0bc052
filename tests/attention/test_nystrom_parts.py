"""Landmarks and the iteration for the inverse, each by itself."""

import math

import numpy as np
import pytest
import torch

from lib.attention import nystrom


@pytest.mark.parametrize("time", [1, 5, 6, 7, 12, 23])
def test_landmarks_are_means_of_even_segments(draw, time):
    x, _, _ = draw(2, 3, time, 4)
    found = nystrom.landmark_means(x, 6)
    parts = np.array_split(np.arange(time), min(6, time))
    expected = torch.stack([x[..., part.tolist(), :].mean(-2) for part in parts], -2)
    torch.testing.assert_close(found, expected)
    masked = nystrom.landmark_means(x, 6, torch.ones(time, dtype=torch.bool))
    torch.testing.assert_close(masked, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_landmarks_of_masked_sequences_are_those_of_the_real_tokens(draw, holes, dtype):
    x, _, _ = draw(4, 23, 4, dtype=dtype)
    x[~holes] = math.nan
    found = nystrom.landmark_means(x, 6, holes)
    assert found.dtype == dtype
    for row in range(3):
        real = nystrom.landmark_means(x[row][holes[row]], 6)
        torch.testing.assert_close(found[row, : len(real)], real)
        assert not found[row, len(real) :].any()
    assert len(real) == 3
    assert not found[3].any()


def test_landmarks_of_half_precision_are_summed_in_float32():
    x = torch.full((4096, 1), 3.0, dtype=torch.float16)
    x[0] = 4099  # in float16, 4100 + 3 is 4104
    assert nystrom.landmark_means(x, 1).item() == pytest.approx(4, abs=1e-3)
    mask = torch.ones(4096, dtype=torch.bool)
    assert nystrom.landmark_means(x, 1, mask).item() == pytest.approx(4, abs=1e-3)


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_of_landmarks(draw, masked):
    x, _, _ = draw(2, 7, 2)
    mask = torch.arange(7) != 2 if masked else None
    assert torch.autograd.gradcheck(
        lambda x: nystrom.landmark_means(x, 3, mask), x.requires_grad_()
    )


def stochastic(*size, sharpness=3.0):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(size, generator=generator, dtype=torch.float64)
    return torch.softmax(sharpness * scores, -1)


@pytest.mark.parametrize("shape", [(5, 5), (2, 3, 6, 6), (1, 1), (4, 7), (7, 4)])
def test_enough_steps_reach_the_pseudo_inverse(shape):
    a = stochastic(*shape)
    found = nystrom.newton_schulz_pinv(a, num_iterations=40)
    torch.testing.assert_close(found, torch.linalg.pinv(a), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("num_iterations", [1, 2, 6])
def test_each_step_takes_the_residual_to_its_third_order_polynomial(num_iterations):
    """The residual r of each singular value becomes r³(r + 3)/4, from the scale of the start."""
    a = stochastic(3, 8, 8)
    found = nystrom.newton_schulz_pinv(a, num_iterations=num_iterations)
    for matrix, z in zip(a, found, strict=True):
        u, sigma, _ = torch.linalg.svd(matrix)
        r = 1 - sigma**2 / (matrix.sum(0).max() * matrix.sum(1).max())
        for _ in range(num_iterations):
            r = r**3 * (r + 3) / 4
        torch.testing.assert_close(matrix @ z, u @ torch.diag(1 - r) @ u.T)


def test_a_few_steps_filter_small_singular_values_out():
    sigma = torch.tensor([1.0, 0.1, 1e-2, 1e-3], dtype=torch.float64)
    gain = nystrom.newton_schulz_pinv(torch.diag(sigma)).diagonal() * sigma
    small = torch.tensor([1e-4, 1e-6], dtype=torch.float64)
    assert gain[0] == pytest.approx(1)
    assert gain[1] > 0.99
    # Where nothing has saturated yet the growth is (13/4)^6 ≈ 1178.
    torch.testing.assert_close(gain[2:], (13 / 4) ** 6 * small, rtol=0.06, atol=0)


def test_the_scale_of_the_start_is_that_of_each_matrix():
    a = stochastic(2, 6, 6)
    a[1] *= 100
    found = nystrom.newton_schulz_pinv(a)
    for row in range(2):
        torch.testing.assert_close(found[row], nystrom.newton_schulz_pinv(a[row]))


def test_the_pseudo_inverse_of_zero_is_zero():
    assert not nystrom.newton_schulz_pinv(torch.zeros(2, 3, 3)).any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_iterates_in_float32(dtype):
    a = stochastic(6, 6).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        found = nystrom.newton_schulz_pinv(a)
    assert found.dtype == dtype
    torch.testing.assert_close(found, nystrom.newton_schulz_pinv(a.float()).to(dtype))


def test_gradients_of_the_iteration():
    a = stochastic(2, 3, 3).requires_grad_()
    assert torch.autograd.gradcheck(nystrom.newton_schulz_pinv, a)
