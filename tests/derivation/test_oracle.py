"""Derived formulas as numerical functions, and implementations held to them."""

import itertools

import numpy as np
import pytest
import torch
from sympy import Eq, exp, log

from lib.derivation import (
    Disagreement,
    abbreviation,
    agreement,
    array,
    derive,
    index,
    partial,
    path,
    path_sum,
    positive,
    sizes,
    sum_over,
)

T, K = sizes("T K")
t, i, j = index("t", 1, T), index("i", 1, K), index("j", 1, K)
h, g = array("h", T, K), array("g", K, K)
y, y_star = path("y", T, K), path("y^*", T, K)
tau = positive("tau")
f = abbreviation(
    "f", y, definition=sum_over(h[t, y[t]], t) + sum_over(g[y[t], y[t + 1]], (t, 1, T - 1))
)
Z = abbreviation("Z", definition=path_sum(exp(f(y)), y))()
p = abbreviation("p", y, definition=exp(f(y)) / Z)
P = abbreviation("P", t, i, definition=path_sum(p(y), y, Eq(y[t], i)))


@pytest.fixture(scope="module")
def gradient():
    return (
        derive(partial(log(Z), h[t, i]))
        .equals(P(t, i), because="the gradient is a marginal")
        .named("test-oracle-gradient")
    )


def arrays(*batch, time=3, tags=2):
    draw = np.random.default_rng(7)
    return draw.normal(size=(*batch, time, tags)), draw.normal(size=(tags, tags))


def marginals(emissions, transitions):
    time, tags = emissions.shape
    total = np.zeros((time, tags))
    for tag_path in itertools.product(range(tags), repeat=time):
        score = sum(emissions[s, k] for s, k in enumerate(tag_path))
        score += sum(transitions[k, l] for k, l in itertools.pairwise(tag_path))
        for s, k in enumerate(tag_path):
            total[s, k] += np.exp(score)
    return total / total.sum(-1, keepdims=True)


def test_both_sides_agree_with_enumeration(gradient):
    em, tr = arrays()
    expected = marginals(em, tr)
    for side in ("left", "right"):
        np.testing.assert_allclose(
            gradient.numpy(side)(h=em, g=tr, every=(t, i)), expected, rtol=1e-12
        )
    assert gradient.numpy()(h=em, g=tr, t=2, i=1) == pytest.approx(expected[1, 0])


def test_leading_dimensions_are_a_batch(gradient):
    em, tr = arrays(2, 3)
    got = gradient.numpy()(h=em, g=tr, every=(t, i))
    assert got.shape == (2, 3, 3, 2)
    for place in np.ndindex(2, 3):
        np.testing.assert_allclose(got[place], marginals(em[place], tr), rtol=1e-12)


def test_torch_is_differentiable_and_equal(gradient):
    em, tr = map(torch.tensor, arrays(2))
    em.requires_grad_()
    right = gradient.torch()(h=em, g=tr, every=(t, i))
    left = gradient.torch("left")(h=em, g=tr, every=(t, i))
    torch.testing.assert_close(left, right)
    torch.testing.assert_close(
        torch.autograd.grad(left[0, 1, 0], em, retain_graph=True)[0],
        torch.autograd.grad(right[0, 1, 0], em)[0],
    )


def test_a_free_path_takes_tags_and_batches():
    result = (
        derive(log(p(y_star)))
        .equals(f(y_star) - log(Z), because="logarithm of a quotient")
        .named("test-oracle-likelihood")
    )
    em, tr = arrays(2)
    tags = np.array([[1, 2, 2], [2, 1, 1]])
    batch = result.numpy()(h=em, g=tr, y_star=tags)
    single = [result.numpy()(h=em[b], g=tr, y_star=tags[b]) for b in range(2)]
    np.testing.assert_allclose(batch, single)
    shared = result.numpy()(h=em, g=tr, y_star=tags[0])
    assert shared.shape == (2,)
    with pytest.raises(ValueError, match=r"1\.\.2"):
        result.numpy()(h=em, g=tr, y_star=tags - 1)


def test_wrong_inputs_say_what_is_expected(gradient):
    em, tr = arrays()
    oracle = gradient.numpy()
    with pytest.raises(TypeError, match=r"missing: .*'g'"):
        oracle(h=em, t=1, i=1)
    with pytest.raises(TypeError, match=r"unknown: .*'x'"):
        oracle(h=em, g=tr, x=1, t=1, i=1)
    with pytest.raises(ValueError, match="K is 2 by h and 3 by g"):
        oracle(h=em, g=np.zeros((3, 3)), t=1, i=1)
    with pytest.raises(ValueError, match=r"t must lie in 1\.\.3, got 4"):
        oracle(h=em, g=tr, t=4, i=1)
    with pytest.raises(ValueError, match="side is"):
        gradient.numpy("middle")


def test_inputs_are_not_modified(gradient):
    em, tr = arrays()
    kept = em.copy(), tr.copy()
    gradient.numpy("left")(h=em, g=tr, every=(t, i))
    np.testing.assert_array_equal(em, kept[0])
    np.testing.assert_array_equal(tr, kept[1])


def test_agreement_reports_the_largest_error(gradient, monkeypatch):
    cases = []
    for time in (1, 2, 3):
        em, tr = arrays(time=time)
        cases.append(({"h": em, "g": tr, "every": (t, i)}, (em, tr)))
    check = agreement(gradient, marginals, cases, tolerance=1e-12, name="lib.some.marginals")
    assert check.cases == 3
    assert 0 <= check.max_error <= 1e-12
    bundle = check._repr_mimebundle_()
    fields = bundle["application/vnd.derive-implement-train.check+json"]
    assert fields["function"] == "lib.some.marginals"
    assert "): `lib.some.marginals` agrees" in bundle["text/markdown"]
    monkeypatch.setenv("LIB_BOOK_BUILD", "1")
    linked = check._repr_mimebundle_()["text/markdown"]
    assert "{eq}`" in linked
    assert "{py:func}`lib.some.marginals`" in linked


def test_disagreement_shows_the_case(gradient):
    em, tr = arrays()
    case = ({"h": em, "g": tr, "every": (t, i)}, (em, tr.T))
    with pytest.raises(Disagreement, match=r"case 1 at \[\d, \d\]"):
        agreement(gradient, marginals, [case], tolerance=1e-9)
    with pytest.raises(Disagreement, match="shape"):
        agreement(gradient, marginals, [case], tolerance=1, select=lambda out: out[0])
    with pytest.raises(Disagreement, match="nan"):
        agreement(gradient, marginals, [case], tolerance=1, select=lambda out: out * np.nan)
    with pytest.raises(ValueError, match="no case"):
        agreement(gradient, marginals, [], tolerance=1)
