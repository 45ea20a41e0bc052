"""Endless sums, coefficients and generating functions."""

import pytest
import sympy
from sympy import (
    Ne,
    Rational,
    RisingFactorial,
    binomial,
    exp,
    factorial,
    gamma,
    hyper,
    log,
    oo,
    pi,
    sqrt,
)

from lib.derivation import (
    DerivationError,
    FalseStep,
    coefficient,
    derive,
    index,
    nonnegative,
    partial,
    positive,
    real,
    replaced,
    sizes,
    sum_over,
)
from lib.derivation.printing import latex, plain

z, w, x, x0 = real("z w x x0")
a, b, h, p, s = positive("a b h p s")
t = nonnegative("t")
birth, death, diffusion = positive("lambda mu D")
n, few = index("n", 0, oo), index("n", 0, 4)
n0 = sizes("n_0")

immigration = (1 + (z - 1) * exp(-a * t)) ** n0 * exp(b / a * (z - 1) * (1 - exp(-a * t)))
decay = (death - birth * z) * exp(-(birth - death) * t)
linear = (death * (1 - z) - decay) / (birth * (1 - z) - decay)
variance = diffusion / a * (1 - exp(-2 * a * t))
ou = exp(-((x - x0 * exp(-a * t)) ** 2) / (2 * variance)) / sqrt(2 * pi * variance)
bursts = ((1 - p) / (1 - p * z)) ** s
pmf = gamma(n + s) / gamma(s) / factorial(n) * (1 - p) ** s * p**n
below = [p < 1]
jump = (diffusion / h**2 + w / (2 * h)) * ((x + h) ** few - x**few) + (
    diffusion / h**2 - w / (2 * h)
) * ((x - h) ** few - x**few)

TRUE = {
    "geometric": (sum_over((a / (1 + a)) ** n, n), 1 + a, []),
    "geometric below 1": (sum_over(p**n, n), 1 / (1 - p), below),
    "derivative of the geometric": (sum_over(n * p**n, n), p / (1 - p) ** 2, below),
    "exponential": (sum_over(w**n / factorial(n), n), exp(w), []),
    "Poisson mean square": (
        sum_over(n**2 * exp(-a) * a**n / factorial(n), n), a + a**2, [],
    ),
    "Poisson Fano factor": (
        (sum_over(n**2 * exp(-a) * a**n / factorial(n), n) - a**2) / a, sympy.Integer(1), [],
    ),
    "negative binomial": (sum_over(binomial(n + s - 1, n) * p**n, n), (1 - p) ** (-s), below),
    "negative binomial mean": (sum_over(n * pmf, n), s * p / (1 - p), below),
    "burst coefficients": (
        coefficient(bursts, z, few),
        (1 - p) ** s * p**few * RisingFactorial(s, few) / factorial(few), below,
    ),
    "telegraph coefficients": (
        coefficient(hyper((a,), (a + b,), s * w), w, index("n", 0, 5)),
        (lambda m: s**m * RisingFactorial(a, m) / RisingFactorial(a + b, m) / factorial(m))(
            index("n", 0, 5)
        ),
        [],
    ),
    "immigration and death": (
        partial(immigration, t), (z - 1) * (b * immigration - a * partial(immigration, z)), [],
    ),
    "linear birth and death": (
        partial(linear, t), (birth * z - death) * (z - 1) * partial(linear, z),
        [Ne(birth, death)],
    ),
    "Fokker-Planck": (partial(ou, t), partial(a * x * ou, x) + diffusion * partial(ou, x, 2), []),
    "mixed derivatives": (
        partial(partial(exp(x * w), x, 2), w), x * (2 * w / x * exp(x * w)) + w**2 * x * exp(x * w),
        [Ne(x, 0)],
    ),
    "a third derivative": (partial(exp(x * w), x, 3), w**3 * exp(x * w), []),
}  # fmt: skip

FALSE = {
    "outside the radius": (sum_over(p**n, n), 1 / (1 - p), []),
    "harmonic": (sum_over(1 / (n + 1), n), sympy.Integer(10), []),
    "alternating without a limit": (sum_over((-1) ** n, n), Rational(1, 2), []),
    "wrong constant": (sum_over(1 / (n + 1) ** 2, n), pi**2 / 7, []),
    "first term forgotten": (sum_over(p ** (n + 1), n), 1 / (1 - p), below),
    "second moment for variance": (
        sum_over(n**2 * exp(-a) * a**n / factorial(n), n), a, [],
    ),
    "wrong coefficient": (
        coefficient(bursts, z, few), (1 - p) ** s * p**few * binomial(s, few), below,
    ),
    "wrong parameter of 1F1": (
        coefficient(hyper((a,), (a + b,), s * w), w, 2), s**2 * a * (a + 1) / (b * (b + 1)) / 2, [],
    ),
    "gain for loss": (
        partial(immigration, t), (z - 1) * (b * immigration + a * partial(immigration, z)), [],
    ),
    "factor 2 of the diffusion": (
        partial(ou, t), partial(a * x * ou, x) + 2 * diffusion * partial(ou, x, 2), [],
    ),
    "a third derivative": (partial(exp(x * w), x, 3), w**2 * exp(x * w), []),
}  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_true_statements_are_proved(name):
    left, right, where = TRUE[name]
    given = {n0: (1, 2, 3)} if name.startswith("immigration") else None
    chain = derive(left, where=where, sizes=given).equals(right, because="a test")
    assert chain.named(f"series-{[*TRUE].index(name)}").standing == "proved"


@pytest.mark.parametrize("name", FALSE)
def test_false_statements_are_refused(name):
    left, right, where = FALSE[name]
    given = {n0: (1, 2, 3)} if name == "gain for loss" else None
    with pytest.raises(FalseStep, match="is false: at"):
        derive(left, where=where, sizes=given).equals(right, because="a test")


def test_start_of_the_generating_functions():
    start = derive(replaced(immigration, (t, 0))).equals(z**n0, because="all at the start")
    assert start.named("test-start").standing == "proved"


def test_kramers_moyal_on_monomials():
    right = w * partial(x**few, x) + diffusion * partial(x**few, x, 2)
    chain = derive(jump).tends_to(right, when=(h, 0, "+"), because="higher moments vanish")
    assert chain.named("test-kramers-moyal").standing == "proved"


def test_rate_of_divergence_between_jump_processes():
    rate, other = positive("r q")
    jumps = rate * h * log(rate / other)
    stays = (1 - rate * h) * log((1 - rate * h) / (1 - other * h))
    chain = derive((jumps + stays) / h).tends_to(
        rate * log(rate / other) - rate + other, when=(h, 0, "+"), because="first order in h"
    )
    assert chain.named("test-path-divergence").standing == "proved"


def test_coefficients_print_and_are_checked():
    assert latex(coefficient(exp(z), z, few)) == "[z^{n}] \\, e^{z}"
    assert plain(coefficient(exp(z), z, 2)) == "coefficient(z^2 in exp(z))"
    with pytest.raises(TypeError, match="expected a real symbol"):
        coefficient(exp(z), n, 2)


def test_an_index_keeps_its_range():
    with pytest.raises(ValueError, match="starts at 1 but this range at 0"):
        sum_over(p ** index("m", 1, n0), (index("m", 1, n0), 0, oo))


def test_the_derivative_of_a_series_near_the_edge_of_its_disk():
    # Once refuted: a wide difference stencil left the disk, and its cut-off error was not noted.
    x = real("x")
    n = index("n", 0, oo)
    chain = derive(partial(sum_over(x**n, n), x), where=[x**2 < 1])
    chain.equals(sum_over(n * x ** (n - 1), (n, 1, oo)), because="term by term inside the disk")
    assert chain.lines[0].step.standing == "proved"


@pytest.mark.parametrize(("body", "order"), [(sympy.sqrt, 0), (lambda z: sympy.sqrt(z) ** 3, 1)])
def test_no_coefficient_without_a_power_series(body, order):
    z = real("z")
    with pytest.raises(DerivationError):
        derive(coefficient(body(z), z, order)).equals(0, because="it vanishes at 0")
