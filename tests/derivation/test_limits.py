"""Limits: true ones found, false ones refused with a place, and what is honestly left undecided."""

import itertools

import pytest
from sympy import Abs, atan, exp, log, oo, pi, sin, tanh

from lib.derivation import (
    FalseStep,
    UndecidedStep,
    array,
    derive,
    index,
    positive,
    real,
    sizes,
    sum_over,
)
from lib.derivation.approach import approach

x, a = real("x a")
p, q = positive("p q")
N = sizes("N")
n = index("n", 1, N)
w = array("w", N)
labels = (f"limits-{k}" for k in itertools.count())

TRUE = {
    "both sides": (sin(x) / x, 1, (x, 0), ()),
    "entropy's end": (p * log(p), 0, (p, 0), ()),
    "parameters": (a * exp(-p * q), 0, (p, oo), ()),
    "down to minus infinity": (atan(x), -pi / 2, (x, -oo), ()),
    "to infinity": (1 / p, oo, (p, 0), ()),
    "alternating sequence": ((-1) ** N / N, 0, (N, oo), ()),
    "difference quotient": ((x**2 - a**2) / (x - a), 2 * a, (x, a), ()),
    "saturation": (tanh(x * q), 1, (x, oo), ()),
    "slow": (1 / log(p), 0, (p, oo), ()),
    "replica": (N * (p ** (1 / N) - 1), log(p), (N, oo), ()),
    "geometric": (x**N, 0, (N, oo), (x**2 < 1,)),
    "geometric series": ((1 - x**N) / (1 - x), 1 / (1 - x), (N, oo), (Abs(x) < 1,)),
    "gradient descent": (1 - (1 - p * q) ** N, 1, (N, oo), (p * q < 2,)),
    "arithmetic-geometric": (N * x**N, 0, (N, oo), (x**2 < 1,)),
    "power": (p**x, 0, (x, oo), (p < 1,)),
}

FALSE = {
    "sides disagree": (Abs(x) / x, 1, (x, 0), ()),
    "oscillation at 0": (sin(1 / x), 0, (x, 0), ()),
    "oscillation at infinity": (sin(x), 0, (x, oo), ()),
    "alternating": ((-1) ** N, 1, (N, oo), ()),
    "zero at even places": (sin(pi * N / 2), 0, (N, oo), ()),
    "sign of the rate": (exp(-a * p), 0, (p, oo), ()),
    "two infinities": (1 / x, oo, (x, 0), ()),
    "first term only": ((1 + x / N) ** N, 1 + x, (N, oo), ()),
    "slow but elsewhere": (1 + 1 / log(p), 0, (p, oo), ()),
    "each term goes, the sum stays": (sum_over(1 / N + 0 * n, n), 0, (N, oo), ()),
    "end of the interval": (x**N, 0, (N, oo), (x**2 <= 1,)),
    "step too large": (1 - (1 - p * q) ** N, 1, (N, oo), (p * q < 3,)),
    "parameter zero": (x / (x + a), 0, (x, 0), ()),
}


@pytest.mark.parametrize("name", TRUE)
def test_true_limits(name: str) -> None:
    left, right, when, where = TRUE[name]
    chain = derive(left, where=where).tends_to(right, when=when, because=name)
    result = chain.named(next(labels))
    assert (result.standing, result.conclusion.relation) == ("proved", "->")


@pytest.mark.parametrize("name", FALSE)
def test_false_limits_are_refused_at_a_place(name: str) -> None:
    left, right, when, where = FALSE[name]
    with pytest.raises(FalseStep, match=f"{when[0]} = "):
        derive(left, where=where).tends_to(right, when=when, because=name)


def test_a_limit_that_fails_at_one_parameter_is_not_proved() -> None:
    left = x**2 / ((a - log(3)) ** 2 + x**2)  # 0 in general, but 1 at a = log 3
    with pytest.raises(UndecidedStep):
        derive(left).tends_to(0, when=(x, 0), because="SymPy's limit is for general a")


def test_no_interchange_with_a_sum_that_grows() -> None:
    body = sum_over(1 / N + 0 * n, n)
    with pytest.raises(UndecidedStep):
        derive(body).tends_to(1, when=(N, oo), because="true, but first to be summed")
    chain = derive(body).equals(1, because="N equal terms").tends_to(1, when=(N, oo), because="1")
    assert chain.named(next(labels)).conclusion.relation == "->"


def test_sequences_and_parameters_print_how_they_go() -> None:
    chain = derive((-1) ** N / N).tends_to(0, when=(N, oo), because="it shrinks")
    assert "(as N → oo)" in repr(chain)
    result = chain.named(next(labels))
    assert r"(as $N \to \infty$)" in result.latex()
    from_above = derive(p * log(p)).tends_to(0, when=(p, 0), because="a power wins")
    assert "(as p → 0 from above)" in from_above.named(next(labels)).plain()


def test_a_sum_of_named_size_has_a_limit() -> None:
    chain = derive(sum_over(exp(x * w[n]), n), sizes={N: (1, 2, 3)})
    result = chain.tends_to(N, when=(x, 0), because="each term").named(next(labels))
    assert result.standing == "proved for sizes"


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ((p, 0, "-"), "positive"),
        ((p, -1), "no point near it"),
        ((p, -oo), "sign forbids"),
        ((N, 3), "integer"),
        ((x, 0, "up"), "direction"),
        ((x,), "is given as"),
    ],
)
def test_points_outside_of_the_domain(when: tuple[object, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        approach(when)


def test_only_symbols_move() -> None:
    with pytest.raises(TypeError, match="only a plain symbol"):
        approach((n, oo))
    with pytest.raises(ValueError, match="must not depend"):
        derive(x).tends_to(x, when=(x, 0), because="it is itself")
