"""Integrals and expectations: true ones proved, false and divergent ones refused."""

import pytest
import sympy
from sympy import Rational, exp, log, oo, pi, sin, sqrt

from lib.derivation import (
    FalseStep,
    abbreviation,
    derive,
    expectation,
    exponential,
    index,
    integral,
    normal,
    normal_pair,
    partial,
    positive,
    real,
    replaced,
    sizes,
    uniform,
)
from lib.derivation.domain import Instance
from lib.derivation.printing import latex, plain
from lib.derivation.refute import search

x, y, z, m, rho = real("x y z m rho")
a, b, t, v = positive("a b t v")
line, half = (-oo, oo), (0, oo)
k = index("k", 0, 3)
eta, u = positive("eta"), real("u")
c = (1 + 2 * a) * (1 + 2 * b)


def gauss(first, second, scale):
    return exp(-scale * (first - second) ** 2 / 2)


x2, y2 = real("x2 y2")
joint = expectation(
    expectation(gauss(x, x2, a) * gauss(y, y2, b), (x2, y2), normal_pair(rho)),
    (x, y),
    normal_pair(rho),
)
kernel = exp(-(rho**2 * (x**2 + y**2) - 2 * rho * x * y) / (2 * (1 - rho**2))) / sqrt(1 - rho**2)
density = exp(-((x - m * exp(-t)) ** 2) / (2 * v * (1 - exp(-2 * t)))) / sqrt(
    2 * pi * v * (1 - exp(-2 * t))
)
# One step of gradient descent on (y1 - a b x)^2 / 2 at one training pair, and its path kernel.
step = (m - a * b * y) * eta
moved_a, moved_b = a + step * b * y, b + step * a * y
path_kernel = integral(
    (b + u * (moved_b - b)) * x * b * y + (a + u * (moved_a - a)) * x * a * y, (u, 0, 1)
)

TRUE = {
    "Gaussian": (integral(exp(-a * x**2), (x, *line)), sqrt(pi / a)),
    "Gaussian, shifted": (
        integral(x**2 * exp(-a * x**2 + b * x), (x, *line)),
        sqrt(pi / a) * exp(b**2 / (4 * a)) * (1 / (2 * a) + b**2 / (4 * a**2)),
    ),
    "plane": (
        integral(exp(-a * x**2 - b * y**2 - x * y * sqrt(a * b)), (x, *line), (y, *line)),
        2 * pi / sqrt(3 * a * b),
    ),
    "gamma function": (integral(x ** (a - 1) * exp(-b * x), (x, *half)), sympy.gamma(a) / b**a),
    "polynomial": (integral(x**3, (x, a, b)), (b**4 - a**4) / 4),
    "logarithm": (integral(log(x), (x, 0, 1)), sympy.Integer(-1)),
    "quotient": (integral(1 / (a + x), (x, 0, b)), log((a + b) / a)),
    "arc": (integral(1 / (1 + x**2), (x, *line)), pi),
    "root": (integral(1 / sqrt(x), (x, 0, a)), 2 * sqrt(a)),
    "wave": (integral(sin(a * x), (x, 0, pi / a)), 2 / a),
    "reversed range": (integral(x, (x, 1, 0)), Rational(-1, 2)),
    "linearity": (
        integral(a * exp(-(x**4)) + b * exp(-(x**6)), (x, *half)),
        a * integral(exp(-(z**4)), (z, *half)) + b * integral(exp(-(x**6)), (x, *half)),
    ),
    "under the integral sign": (
        partial(integral(exp(-a * x**4), (x, *half)), a),
        -integral(x**4 * exp(-a * x**4), (x, *half)),
    ),
    "moving end": (partial(integral(exp(-(x**4)), (x, 0, b)), b), exp(-(b**4))),
    "fourth moment": (expectation((x - m) ** 4, x, normal(m, v)), 3 * v**2),
    "moment generating": (expectation(exp(t * x), x, normal(m, v)), exp(t * m + t**2 * v / 2)),
    "exponential law": (expectation(x**3, x, exponential(a)), 6 / a**3),
    "uniform law": (expectation((x - a / 2) ** 2, x, uniform(0, a)), a**2 / 12),
    "which clock rings first": (
        integral(a * exp(-a * x) * integral(b * exp(-b * y), (y, x, oo)), (x, *half)), a / (a + b),
    ),
    "the first ring": (
        integral(a * exp(-a * x), (x, t, oo)) * integral(b * exp(-b * x), (x, t, oo)),
        exp(-(a + b) * t),
    ),
    "Ornstein-Uhlenbeck density": (integral(density, (x, *line)), sympy.Integer(1)),
    "path kernel": (
        moved_a * moved_b * x - a * b * x, step * path_kernel,
    ),
    "two nodes are exact to degree three": (
        integral(u**k, (u, 0, 1)),
        ((1 - 1 / sqrt(3)) / 2) ** k / 2 + ((1 + 1 / sqrt(3)) / 2) ** k / 2,
    ),
    "asymmetry of the path kernel": (
        integral((1 + b + u * eta * Rational(5, 12)) * (2 + 4 * b)
                 - (2 + 4 * b + 4 * u * eta * Rational(5, 12)) * (1 + b), (u, 0, 1)),
        -Rational(5, 12) * eta,
    ),
}  # fmt: skip

GIVEN = {
    "correlation": (expectation(x * y, (x, y), normal_pair(rho)), rho),
    "squares of a pair": (expectation(x**2 * y**2, (x, y), normal_pair(rho)), 1 + 2 * rho**2),
    "kernels of two pairs": (joint, 1 / sqrt(c - 4 * a * b * rho**2)),
    "Mehler's kernel": (
        expectation(kernel * (y**3 - 3 * y), y, normal()), rho**3 * (x**3 - 3 * x),
    ),
}  # fmt: skip

FALSE = {
    "lost factor": (integral(exp(-a * x**2), (x, *line)), sqrt(2 * pi / a)),
    "half of the line": (integral(exp(-a * x**2), (x, *half)), sqrt(pi / a)),
    "wrong sign": (integral(x * exp(-b * x), (x, *half)), -1 / b**2),
    "divergent": (integral(1 / x, (x, 1, oo)), sympy.Integer(1)),
    "divergent at an end": (integral(1 / x**2, (x, 0, 1)), sympy.Integer(-1)),
    "a pole inside": (integral(1 / x**2, (x, -1, 1)), sympy.Integer(-2)),
    "a principal value": (integral(1 / (x - a), (x, 0, 2 * a)), sympy.Integer(0)),
    "a pole met for some parameters": (integral(1 / (x - m), (x, 0, 1)), log((1 - m) / (-m))),
    "boundary term lost": (
        partial(integral(exp(-b * x**2), (x, 0, b)), b),
        -integral(x**2 * exp(-b * x**2), (x, 0, b)),
    ),
    "product of integrals": (
        integral(x**2, (x, 0, 1)), integral(x, (x, 0, 1)) ** 2,
    ),
    "limit taken inside": (
        replaced(integral(exp(-x * v) / v, (x, *half)), (v, 1 / t)), t,
    ),
    "variance of a shifted law": (expectation(x**2, x, normal(m, v)), v),
    "expectation of a square": (expectation(x**2, x, exponential(a)), 1 / a**2),
    "three nodes needed": (
        integral(u**4, (u, 0, 1)),
        ((1 - 1 / sqrt(3)) / 2) ** 4 / 2 + ((1 + 1 / sqrt(3)) / 2) ** 4 / 2,
    ),
    "the other clock": (
        integral(a * exp(-a * x) * integral(b * exp(-b * y), (y, x, oo)), (x, *half)), b / (a + b),
    ),
    "frozen path kernel": (
        moved_a * moved_b * x - a * b * x, step * replaced(b * x * b * y + a * x * a * y, (u, 0)),
    ),
}  # fmt: skip

FALSE_GIVEN = {
    "sign of the correlation": (expectation(x * y, (x, y), normal_pair(rho)), -rho),
    "square forgotten": (joint, 1 / sqrt(c - 4 * a * b * rho)),
    "wrong eigenvalue": (
        replaced(expectation(kernel * (y**3 - 3 * y), y, normal()), (rho, Rational(1, 2))),
        (x**3 - 3 * x) / 4,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_true_integrals_are_proved(name):
    left, right = TRUE[name]
    result = derive(left).equals(right, because="a test").named(f"integral-{[*TRUE].index(name)}")
    assert result.standing == "proved"


@pytest.mark.parametrize("name", GIVEN)
def test_true_integrals_under_a_condition(name):
    left, right = GIVEN[name]
    chain = derive(left, where=[rho**2 < 1]).equals(right, because="a test")
    assert chain.named(f"given-{[*GIVEN].index(name)}").standing == "proved"


@pytest.mark.parametrize("name", FALSE)
def test_false_integrals_are_refused(name):
    left, right = FALSE[name]
    with pytest.raises(FalseStep, match="is false: at"):
        derive(left).equals(right, because="a test")


@pytest.mark.parametrize("name", FALSE_GIVEN)
def test_false_integrals_under_a_condition(name):
    left, right = FALSE_GIVEN[name]
    with pytest.raises(FalseStep, match="is false: at"):
        derive(left, where=[rho**2 < 1]).equals(right, because="a test")


def test_hsic_of_a_normal_pair():
    """Three terms of HSIC in closed form, and their order for small correlation."""
    whole = (
        joint
        + replaced(joint, (rho, 0))
        - 2
        * expectation(
            expectation(gauss(x, x2, a), x2, normal()) * expectation(gauss(y, y2, b), y2, normal()),
            (x, y),
            normal_pair(rho),
        )
    )
    right = 1 / sqrt(c - 4 * a * b * rho**2) + 1 / sqrt(c) - 2 / sqrt(c - a * b * rho**2)
    chain = derive(whole, where=[rho**2 < 1]).equals(right, because="Gaussian integrals")
    assert chain.named("test-hsic-normal").standing == "proved"


def test_interchange_of_limit_and_integral():
    """The integral of a e^(-a x) is 1 for each a, its integrand tends to 0."""
    mass = integral(a * exp(-a * x), (x, 0, oo))
    chain = derive(mass).tends_to(1, when=(a, oo, "-"), because="it is 1 for every rate")
    assert chain.named("test-interchange").standing == "proved"


def test_digits_are_told():
    chain = derive(integral(exp(-(x**4)), (x, 0, oo))).equals(
        integral(exp(-(y**4)), (y, 0, oo)), because="another name"
    )
    assert chain.named("test-names").standing == "proved"
    half_line = integral(exp(-a * x), (x, 0, oo))
    found = search("==", (half_line, 1 / a), [Instance({}, {})], per_instance=3)
    assert (found.counterexample, found.digits) == (None, 20)


def test_variables_are_not_captured():
    factor = real("c")
    parameter = replaced(integral(factor * x, (x, 0, 1)), (factor, x))
    assert derive(parameter).equals(x / 2, because="x outside is another").lines
    with pytest.raises(FalseStep):
        derive(parameter).equals(Rational(1, 3), because="captured")
    with pytest.raises(FalseStep, match="is no value of a"):
        derive(replaced(integral(a * x, (x, 0, 1)), (a, y))).equals(y / 2, because="y < 0 too")
    inner = abbreviation("f", definition=x**2)()
    with pytest.raises(ValueError, match="make it a parameter of f"):
        integral(inner, (x, 0, 1))
    other = positive("x")
    with pytest.raises(ValueError, match="two different symbols are called 'x'"):
        derive(integral(x, (x, 0, 1)) + other).equals(other + Rational(1, 2), because="shadow")
    result = (
        derive(integral(a * x, (x, 0, 1))).equals(a / 2, because="power rule").named("test-dom")
    )
    assert result.domain == "a positive"


@pytest.mark.parametrize(
    ("limits", "error", "message"),
    [
        ((positive("q"), -1, 1), ValueError, "make it real"),
        ((sizes("n"), 0, 1), TypeError, "give a real symbol"),
        ((index("i", 1, 3), 0, 1), TypeError, "give a real symbol"),
        ((x, 0, x), ValueError, "must not depend on x"),
    ],
)
def test_ranges_are_checked(limits, error, message):
    with pytest.raises(error, match=message):
        integral(x, limits)


def test_laws_are_checked():
    with pytest.raises(TypeError, match="does not fit"):
        expectation(x * y, (x, y), normal())


def test_reads_well():
    twice = integral(x * y, (x, 0, y), (y, 0, oo))
    assert latex(twice) == r"\int_{0}^{\infty} \int_{0}^{y} x y \, dx \, dy"
    assert plain(integral(x + a, (x, 0, oo))) == "integral(a + x for x from 0 to oo)"
    mean = expectation(x**2, x, normal(m, v))
    assert latex(mean) == r"\mathbb{E}_{x \sim \mathcal{N}(m, v)}\left[x^{2}\right]"
    assert plain(mean) == "E[x**2 over x ~ normal(m, v)]"
