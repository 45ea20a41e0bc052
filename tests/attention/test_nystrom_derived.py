"""The library is held to the formulas that the chapter derives: its own cells are the oracles."""

import re

import numpy as np
import pytest
import torch

from lib.attention import nystrom
from lib.attention._nystrom_inverse import Inverse

LABELS = {
    "nystrom-landmarks",
    "nystrom-attention",
    "nystrom-inverse-iteration",
    "nystrom-residual",
    "nystrom-row-sums",
}


@pytest.fixture(scope="module")
def results(derived):
    return derived("attention/nystrom")


def value(results, label, side="right", every=(), **inputs):
    """The oracle's value; indices are given by name."""
    result = results[label]
    indices = tuple(_index(result, name) for name in every)
    arrays = {name: np.asarray(x) for name, x in inputs.items()}
    return torch.as_tensor(np.asarray(result.numpy(side)(every=indices, **arrays)))


def _index(result, name):
    from lib.derivation import Index

    sides = result.conclusion
    found = [x for side in (sides.lhs, sides.rhs) for x in side.atoms(Index) if x.name == name]
    return found[0]


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def close(actual, expected, atol=1e-11):
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=atol)


@pytest.mark.parametrize("num_landmarks", [1, 2, 4, 8])
def test_landmarks(results, num_landmarks):
    x = draw(8, 3)
    sizes = {"m": num_landmarks, "c": 8 // num_landmarks}
    expected = value(results, "nystrom-landmarks", x=x, every="jf", **sizes)
    close(nystrom.landmark_means(x, num_landmarks), expected)


@pytest.mark.parametrize("num_landmarks", [1, 2, 3])
def test_attention(results, num_landmarks):
    query, key, value_ = draw(6, 3, seed=1), draw(6, 3, seed=2), draw(6, 2, seed=3)
    expected = value(
        results,
        "nystrom-attention",
        Q=query,
        K=key,
        V=value_,
        Qtilde=nystrom.landmark_means(query, num_landmarks),
        Ktilde=nystrom.landmark_means(key, num_landmarks),
    )
    actual = nystrom.nystrom_attention(
        query, key, value_, num_landmarks=num_landmarks, inverse="pinv"
    )
    close(actual, expected, atol=1e-9)


def test_as_many_landmarks_as_tokens_are_exact(results):
    query, key, value_ = draw(5, 3, seed=1), draw(5, 3, seed=2), draw(5, 2, seed=3)
    weights = value(results, "nystrom-exact-attention", Q=query, K=key)
    for inverse in ("ridge", "newton", "pinv"):
        actual = nystrom.nystrom_attention(query, key, value_, num_landmarks=5, inverse=inverse)
        close(actual, weights @ value_)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_each_step_of_the_iteration(results, size):
    a = draw(size, size, seed=size).softmax(-1)
    z = a.T / (a.sum(0).max() * a.sum(1).max())
    for steps in (1, 2, 3):
        residual = value(results, "nystrom-residual", A=a, Z=z)
        z = value(results, "nystrom-inverse-iteration", A=a, Z=z)
        close(nystrom.newton_schulz_pinv(a, steps), z)
        close(torch.eye(size, dtype=a.dtype) - a @ z, residual)


@pytest.mark.parametrize("ridge", [1e-1, 1e-4])
def test_ridge(results, ridge):
    a, x = draw(4, 4, seed=1).softmax(-1), draw(4, 3, seed=2)
    expected = value(results, "nystrom-ridge", A=a, X=x, **{"lambda": ridge})
    close(Inverse("ridge", ridge, 6)(a, x), expected)
    # It is where the gradient vanishes.
    y = x - x.mean(0)
    gradient = value(
        results, "nystrom-ridge-gradient", A=a, D=expected - x.mean(0), Y=y, **{"lambda": ridge}
    )
    close(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("ridge", [1e-1, 1e-5])
def test_row_sums_and_the_bound_on_amplification(results, ridge):
    tokens = 2 * draw(12, 3)
    weights = nystrom.nystrom_attention(
        tokens, tokens, torch.eye(12, dtype=torch.float64), num_landmarks=3, ridge=ridge
    )
    close(weights.sum(1), torch.ones(12, dtype=torch.float64))
    a = draw(6, 6, seed=4).softmax(-1)
    response = Inverse("ridge", ridge, 6)(a, torch.eye(6, dtype=a.dtype) - 1 / 6)
    bound = results["nystrom-ridge-bound"].numpy()(**{"lambda": ridge})
    assert torch.linalg.matrix_norm(response, 2) <= float(bound) * (1 + 1e-9)


def test_exact_where_the_tokens_of_a_segment_are_equal(results):
    assert results["nystrom-alike"].standing == "proved"
    steps = 3 * draw(4, 3, seed=5).repeat_interleave(4, 0)
    value_ = draw(16, 2, seed=6)
    exact = torch.nn.functional.scaled_dot_product_attention(steps, steps, value_)
    actual = nystrom.nystrom_attention(steps, steps, value_, num_landmarks=4, inverse="pinv")
    close(actual, exact, atol=1e-8)


def test_what_must_be_proved_is(results):
    for label in LABELS - {"nystrom-landmarks", "nystrom-attention", "nystrom-inverse-iteration"}:
        assert results[label].standing == "proved", label


def test_every_equation_that_a_docstring_names_is_derived(results, root):
    named = set()
    for file in (root / "lib/attention").glob("*.py"):
        named |= set(re.findall(r":eq:`([^`]+)`", file.read_text()))
    assert named == LABELS
    assert named <= set(results)


def test_the_chapter_names_every_public_function(root):
    chapter = (root / "book/attention/nystrom.md").read_text()
    assert not [name for name in nystrom.__all__ if name not in chapter]
