"""Induction: recursions, sums and products over ranges that grow; wrong closed forms refused."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Ne, Rational, binomial, cos, exp, factorial, log, sin

from lib.derivation import (
    FalseStep,
    array,
    derive,
    function,
    index,
    positive,
    product_over,
    real,
    recursion,
    sizes,
    sum_over,
)
from lib.derivation.induction import by_induction, is_zero

x, c, mu, eta, lam = real("x c mu eta lam")

p = positive("p")
N, S = sizes("N S")
k, j, k0 = index("k", 1, N), index("j", 1, N), index("l", 0, N)
s, r, t, t0 = index("s", 1, S), index("r", 1, S), index("t", 1, S), index("u", 0, S)
w, g = array("w", N), array("g", S)
labels = (f"induction-{number}" for number in itertools.count())

velocity = recursion("v", t, first=1, start=g[1], step=lambda v: mu * v(t - 1) + g[t])
error = recursion("e", t0, first=0, start=0, step=lambda e: (1 - eta * lam) * e(t0 - 1) + eta * lam)
backward = recursion("b", t, first=S, start=1, backward=True, step=lambda b: x * b(t + 1))
growing = recursion("f", t, first=1, start=1, step=lambda f: t * f(t - 1))
total = recursion("z", t, first=1, start=g[1], step=lambda z: z(t - 1) + g[t])

TRUE = {
    "arithmetic": (sum_over(k, k), N * (N + 1) / 2),
    "cubes": (sum_over(k**3, k), (N * (N + 1) / 2) ** 2),
    "odd numbers": (sum_over(2 * k - 1, k), N**2),
    "geometric": (sum_over(x**k, k) * (1 - x), x - x ** (N + 1)),
    "geometric with a half": (sum_over(Rational(1, 2) ** k, k), 1 - Rational(1, 2) ** N),
    "arithmetic-geometric": (
        sum_over(k * x**k, k) * (1 - x) ** 2, x * (1 - (N + 1) * x**N + N * x ** (N + 1)),
    ),
    "read backward": (sum_over(mu ** (S - s), s) * (1 - mu), 1 - mu**S),
    "momentum's weight": (
        sum_over(eta * mu ** (s - r), (s, r, S)) * (1 - mu), eta * (1 - mu ** (S - r + 1)),
    ),
    "nested": (sum_over(sum_over(j, (j, 1, k)), k), N * (N + 1) * (N + 2) / 6),
    "telescoping": (sum_over(w[k + 1] - w[k], (k, 1, N - 1)), w[N] - w[1]),
    "partial fractions": (sum_over(1 / (k * (k + 1)), k), N / (N + 1)),
    "mean": (sum_over(k, k) / N, (N + 1) / 2),
    "geometric law": (sum_over(p * (1 - p) ** (k - 1), k), 1 - (1 - p) ** N),
    "exponentials": (sum_over(exp(-x * k), k) * (1 - exp(-x)), exp(-x) - exp(-x * (N + 1))),
    "cosines": (
        sum_over(cos(k * x), k) * 2 * sin(x / 2), sin((N + Rational(1, 2)) * x) - sin(x / 2),
    ),
    "factorial": (product_over(k, k), factorial(N)),
    "constant product": (product_over(p, k), p**N),
    "telescoping product": (product_over((k + 1) / k, k), N + 1),
    "log of a product": (log(product_over(exp(w[k]), k)), sum_over(w[k], k)),
    "binomial theorem": (sum_over(binomial(N, k0) * x**k0, k0), (1 + x) ** N),
    "binomial law's mean": (
        sum_over(k0 * binomial(N, k0) * p**k0 * (1 - p) ** (N - k0), k0), N * p,
    ),
    "velocity": (velocity(t), sum_over(mu ** (t - s) * g[s], (s, 1, t))),
    "error of gradient descent": (error(t0), 1 - (1 - eta * lam) ** t0),
    "backward recursion": (backward(t), x ** (S - t)),
    "factorial by recursion": (growing(t), factorial(t)),
    "partial sums": (total(t), sum_over(g[s], (s, 1, t))),
}  # fmt: skip

FALSE = {
    "off by one": (sum_over(k, k), N * (N - 1) / 2),
    "off by one power": (sum_over(x**k, k) * (1 - x), 1 - x ** (N + 1)),
    "one step short": (sum_over(mu ** (S - s), s) * (1 - mu), 1 - mu ** (S - 1)),
    "empty ranges for small sizes": (sum_over(k, (k, 3, N)), N * (N + 1) / 2 - 3),
    "wrong factor times a vanishing one": (sum_over(k, k) * (x - 1), (x - 1) * N * (N + 1) / 3),
    "the first value is wrong": (sum_over(w[k + 1] - w[k], (k, 1, N - 1)), w[N]),
    "equal terms": (sum_over(w[k], k), N * w[1]),
    "all subsets but one": (sum_over(binomial(N, k0), k0), 2**N - 1),
    "true for N up to 3": (
        sum_over(k, k), N * (N + 1) / 2 + (N - 1) * (N - 2) * (N - 3),
    ),
    "velocity without its last": (velocity(t), sum_over(mu ** (t - s) * g[s], (s, 1, t - 1))),
    "one power too many": (backward(t), x ** (S - t + 1)),
    "start forgotten": (error(t0), 1 - (1 - eta * lam) ** (t0 + 1)),
    "product of sums": (product_over(w[k], k), sum_over(w[k], k)),
}  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_closed_forms_are_proved_for_all_sizes(name: str) -> None:
    left, right = TRUE[name]
    result = derive(left).equals(right, because=name).named(next(labels))
    assert result.standing == "proved"


@pytest.mark.parametrize("name", FALSE)
def test_wrong_closed_forms_are_never_proved(name: str) -> None:
    left, right = FALSE[name]
    assert not by_induction(left, right)


@pytest.mark.parametrize("name", sorted(FALSE.keys() - {"true for N up to 3"}))
def test_wrong_closed_forms_are_refused_with_a_counterexample(name: str) -> None:
    left, right = FALSE[name]
    with pytest.raises(FalseStep):
        derive(left).equals(right, because=name)


def test_a_base_of_one_needs_a_condition() -> None:
    closed = (x - x ** (N + 1)) / (1 - x)
    with pytest.raises(FalseStep):
        derive(sum_over(x**k, k)).equals(closed, because="at x = 1 there is no quotient")
    chain = derive(sum_over(x**k, k), where=[Ne(x, 1)]).equals(closed, because="the step")
    result = chain.named(next(labels))
    assert result.standing == "proved"
    assert "≠ 1" in result.domain


def test_the_step_must_use_the_value_just_before() -> None:
    skipping = recursion("h", t, first=1, start=1, step=lambda h: 2 * h(t - 1) + 0 * h(1))
    assert by_induction(skipping(t), 2 ** (t - 1))
    assert not by_induction(skipping(t), 2**t)


def test_a_complex_term_is_not_taken_for_a_real_sum() -> None:
    from sympy import Symbol, re

    z = Symbol("z")
    assert not by_induction(re(sum_over(z**k, k)), sum_over(z**k, k))


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=4), st.integers(-3, 3))
def test_sums_of_polynomials_and_their_perturbations(coefficients: list[int], change: int) -> None:
    from sympy import Symbol, summation

    m = Symbol("m", integer=True)
    body = sum(a * m**power for power, a in enumerate(coefficients))
    closed = summation(body, (m, 1, N))
    term = body.subs(m, k) if hasattr(body, "subs") else body
    left = sum_over(term + 0 * k, k)
    assert is_zero(left - closed)
    wrong = closed + change * (N - 1) * (N - 2)
    assert is_zero(left - wrong) == (change == 0)


def test_unknown_functions_are_summed() -> None:
    f = function("f")
    telescoped = sum_over(f(k + x) - f(k - 1 + x), k)
    assert by_induction(telescoped, f(N + x) - f(x))
    assert not by_induction(telescoped, f(N + x) - f(x - 1))
    assert not by_induction(telescoped * c, c * f(N + x))
