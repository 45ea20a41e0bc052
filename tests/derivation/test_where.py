"""Conditions of a domain: refuting points meet them, provers use them, results print them."""

import pytest
from sympy import Abs, Eq, KroneckerDelta, Ne, Rational, log, pi, sqrt, symbols

from lib.derivation import (
    FalseStep,
    UndecidedStep,
    array,
    cite_result,
    define,
    derive,
    index,
    positive,
    real,
    sizes,
    sum_over,
)
from lib.derivation.conditions import parametrizations
from lib.derivation.points import PATTERNS, NoPoint, meets, sampler
from tests.derivation.test_refuses import METHODS

x, y = real("x y")
p, q, r = positive("p q r")
c = symbols("c")
N = sizes("N")
n, m, i, j = (index(name, 1, N) for name in "nmij")
a, b = array("a", N), array("b", N)

TRUE = {
    "below one": (1 / (1 - x**2) - 1, ">=", 0, [x**2 < 1]),
    "an open interval": (log((1 - x) * (1 + x)), "==", log(1 - x) + log(1 + x), [Abs(x) < 1]),
    "an order": (sqrt((p - q) ** 2), "==", q - p, [p < q]),
    "a chain of orders": (p * r, ">", p**2, [p < q, q < r]),
    "a closed interval": (x * (1 - x), "<=", Rational(1, 4), [x >= 0, x <= 1]),
    "a sign": (x * y, "<", y, [x < 1, y > 0]),
    "an entropy": (p * log(p), "<=", 0, [p <= 1]),
    "a ball": (1 - x**2 - y**2, ">", 0, [x**2 + y**2 < 1]),
    "distinct": ((x**2 - y**2) / (x - y), "==", x + y, [Ne(x, y)]),
    "ordered, so distinct": ((x**2 - y**2) / (x - y), "==", x + y, [x < y]),
    "complex and not one": ((c**2 - 1) / (c - 1), "==", c + 1, [Ne(c, 1)]),
    "an excluded root": ((x**2 - 7) / (x - sqrt(7)), "==", x + sqrt(7), [Ne(x, sqrt(7))]),
    "indices apart": (KroneckerDelta(i, j), "==", 0, [Ne(i, j)]),
    "entries in order": (sum_over(a[n], n), "<", sum_over(b[n], n), [a[n] < b[n]]),
}
FALSE = {
    "narrow": (x, "<", Rational(1, 200), [x < Rational(1, 100), x > 0]),
    "very narrow": (
        x, "<=", Rational(30001, 10**5), [x > Rational(3, 10), x < Rational(30002, 10**5)],
    ),
    "at the end": (x, "<", 1, [x <= 1]),
    "order the other way": (sqrt((p - q) ** 2), "==", p - q, [p < q]),
    "a ball, too tight": (x**2 + 2 * y**2, "<", 1, [x**2 + y**2 < 1]),
    "a simplex": (p * q, "<=", Rational(1, 5), [p + q <= 1]),
    "another root": ((x**2 - 7) / (x - sqrt(7)), "==", x + sqrt(7), [Ne(x, -sqrt(7))]),
    "indices in order": (KroneckerDelta(i, j), "==", 1, [i <= j]),
    "entries": (sum_over(a[n], n), "<", b[1], [a[n] < b[n]]),
}  # fmt: skip


def take(case):
    left, relation, right, where = case
    chain = derive(left, where=where, sizes={N: (2,)})
    return getattr(chain, METHODS[relation])(right, because="so it is claimed")


@pytest.mark.parametrize("name", TRUE)
def test_what_holds_under_conditions_is_proved(name):
    assert "proved" in take(TRUE[name]).lines[-1].step.standing


@pytest.mark.parametrize("name", FALSE)
def test_what_fails_under_conditions_is_refused(name):
    with pytest.raises(FalseStep, match="is false: at"):
        take(FALSE[name])


@pytest.mark.parametrize("name", ["below one", "an order", "a ball", "distinct"])
def test_without_the_conditions_it_is_false(name):
    left, relation, right, _ = TRUE[name]
    with pytest.raises(FalseStep):
        take((left, relation, right, []))


@pytest.mark.parametrize("where", [[x < 0, x > 1], [p < q, q < p], [p < -1 + 0 * q]])
def test_a_contradiction_is_an_error_not_a_proof(where):
    with pytest.raises(ValueError, match=r"meets|holds nowhere"):
        derive(x + p + q, where=where).equals(x + p + q, because="the same")


def test_no_case_of_the_sizes_is_no_proof():
    with pytest.raises(UndecidedStep, match="no case"):
        derive(a[1], where=[N > 10], sizes={N: (1, 2)}).equals(a[1], because="the same")


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        ([c < 1], ValueError, "not known to be real"),
        ([Eq(x, y)], TypeError, "put in what it equals"),
        (["x < 1"], TypeError, "expected conditions"),
    ],
)
def test_what_is_no_condition_is_refused(where, error, words):
    with pytest.raises(error, match=words):
        derive(x, where=where)


def test_the_domain_prints_its_conditions():
    result = take(TRUE["an order"]).named("test-where-order")
    assert result.domain == "p, q positive; where p < q"
    assert "for every n" in take(TRUE["entries in order"]).named("test-where-entries").domain
    defined = define("test-where-definition", p, q / (1 - q), where=[q < 1])
    assert defined.domain.endswith("where q < 1")
    cited = cite_result("test-where-cited", p, "<=", q, key="somebody1999", where=[p < q])
    assert cited.domain.endswith("where p < q")


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(
    "where",
    [
        (x > 3, x < Rational(301, 100)),
        (x**2 + y**2 < 1, x + y > 1),
        (p < q, q < r, r < Rational(1, 10)),
        (Abs(c) < 1, Ne(c, 0)),
    ],
)
def test_points_meet_the_conditions(pattern, where):
    symbols_of = set().union(*(condition.free_symbols for condition in where))
    for seed in range(3):
        draw = sampler(pattern, seed, where)
        assert all(meets(condition, {s: draw(s) for s in symbols_of}) for condition in where)


def test_no_point_is_an_error():
    with pytest.raises(NoPoint, match="contradict"):
        sampler("ones", 0, (x < 0, x > 0))


@pytest.mark.parametrize(
    "where", [[p < q], [x > -1, x < 1], [x**2 < 2], [x >= 0, x <= 1], [x < y, y < 1, x > 0]]
)
def test_slack_stays_inside_the_domain(where):
    """Each change of symbols lands in the domain: the provers assume neither less nor more."""
    for change in parametrizations(where):
        free = sorted(set().union(*(v.free_symbols for v in change.values())), key=str)
        for seed in range(4):
            values = {s: sampler("random", seed)(s) for s in free}
            rest = set().union(*(w.free_symbols for w in where)) - change.keys()
            point = {s: v.subs(values) for s, v in change.items()} | {
                s: values.get(s, pi.n()) for s in rest
            }
            assert all(bool(condition.subs(point)) for condition in where)
