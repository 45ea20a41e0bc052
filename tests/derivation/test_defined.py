"""Both sides have values at the same points: what is cancelled must not be zero."""

import pytest
from sympy import (
    Abs,
    Heaviside,
    Max,
    Ne,
    cos,
    exp,
    log,
    pi,
    sign,
    sin,
    sinc,
    sqrt,
    symbols,
    tan,
)

from lib.derivation import (
    FalseStep,
    UndecidedStep,
    abbreviation,
    array,
    derive,
    index,
    partial,
    positive,
    real,
    sizes,
    sum_over,
)

x, y = real("x y")
p, q = positive("p q")
c = symbols("c")
N = sizes("N")
n, m = index("n", 1, N), index("m", 1, N)
a, b, w = array("a", N), array("b", N), array("w", N, positive=True)
inverse = abbreviation("I", n, definition=1 / a[n])
log_pi = abbreviation("L", definition=log(x - pi))()
two = abbreviation("H", definition=x**2 - 2)()
total = abbreviation("A", definition=sum_over(a[n], n))()

FALSE = {
    "at an irrational point": ((x**2 - 7) / (x - sqrt(7)), x + sqrt(7), r"x = sqrt\(7\)"),
    "behind a name": (two / (x**2 - 2), 1, r"x = -?sqrt\(2\)"),
    "a logarithm that cancels": (log(x - pi) + x - log_pi, x, "x = pi"),
    "on a line": ((x**2 - y**2) / (x - y), x + y, "x = "),
    "in the plane": ((c**3 + c) / (c**2 + 1), c, "c = -?I"),
    "under an exponential": ((exp(2 * x) - 4) / (exp(x) - 2), exp(x) + 2, r"x = log\(2\)"),
    "at a root without a name": ((exp(2 * x) - x**2) / (exp(x) + x), exp(x) - x, "x = -0.567143"),
    "tangent": (tan(x) * cos(x), sin(x), "x = .*pi"),
    "removable": (sin(x) / x, sinc(x), "x = 0"),
    "a sum": (sum_over(a[n] * b[m], n, m) / total, sum_over(b[m], m), "N = 1"),
    "each term": (sum_over(a[n] * inverse(n) * b[n], n), sum_over(b[n], n), "N = 1"),
    "slope at a kink": (partial(Abs(x), x), sign(x), "x = 0"),
    "slope at a kink elsewhere": (partial(Abs(x - pi), x), sign(x - pi), "x = pi"),
    "slope of a maximum": (partial(Max(x, 0), x), Heaviside(x, 0), "x = 0"),
    "a jump elsewhere": (sign(x - 7) ** 2, 1, "x = 7"),
    "a jump at pi": (sign(x - pi) ** 2, 1, "x = pi"),
}
TRUE = {
    "no real root": ((x**3 + x**2 + x) / (x**2 + x + 1), x),
    "positive": ((exp(2 * p) - 1) / (exp(p) - 1), exp(p) + 1),
    "positive sum": (sum_over(w[n] * b[m], n, m) / sum_over(w[n], n), sum_over(b[m], m)),
    "the same on both sides": (sum_over(a[n] * b[m], n, m) / total**2, sum_over(b[m], m) / total),
    "in parts": (1 / (x**2 - 1), (1 / (x - 1) - 1 / (x + 1)) / 2),
    "a root's slope": (partial(sqrt(x), x), 1 / (2 * sqrt(x))),
    "a power of a positive": (p**x / p, p ** (x - 1)),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_point_where_only_one_side_has_a_value_is_shown(name):
    left, right, point = FALSE[name]
    with pytest.raises(FalseStep, match=point) as error:
        derive(left).equals(right, because="cancel")
    if "jump" not in name:
        assert "undefined" in str(error.value)


@pytest.mark.parametrize("name", TRUE)
def test_what_vanishes_nowhere_may_be_cancelled(name):
    left, right = TRUE[name]
    assert derive(left).equals(right, because="cancel").lines[0].step.standing == "proved"


def test_a_condition_on_each_entry():
    left, right, _ = FALSE["each term"]
    chain = derive(left, where=[Ne(a[n], 0)], sizes={N: (1, 2)}).equals(right, because="cancel")
    assert chain.lines[0].step.standing == "proved for sizes"


def test_a_jump_gets_no_evidence():
    with pytest.raises(FalseStep, match="x = pi"):
        derive(sign(x - pi) ** 2).equals(1, because="a sign", evidence=True)


def test_what_is_not_seen_asks_for_a_condition():
    never = 2 + sin(x) * cos(y) * exp(-(x**2))  # at least 1, but no means shows it
    hidden = abbreviation("D", definition=never)()
    with pytest.raises(UndecidedStep, match="where="):
        derive(x * hidden / never).equals(x, because="cancel")
    assert derive(x * hidden / never, where=[Ne(never, 0)]).equals(x, because="cancel").lines


def test_undefined_everywhere_shows_no_made_up_number():
    nowhere = 1 / (sin(x) ** 2 + cos(x) ** 2 - 1)
    with pytest.raises(UndecidedStep):
        derive(nowhere).equals(2 * nowhere, because="nothing")
