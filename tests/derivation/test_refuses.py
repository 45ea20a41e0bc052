"""Trust: false derivations are refused with a counterexample, true ones are accepted."""

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Max, Rational, cos, exp, gamma, log, pi, sin, sqrt, symbols

from lib.derivation import (
    DerivationError,
    FalseStep,
    UndecidedStep,
    abbreviation,
    array,
    derive,
    function,
    index,
    max_over,
    partial,
    positive,
    real,
    sizes,
    sum_over,
)

x, y, z = real("x y z")
p, q, r = positive("p q r")
c, d = symbols("c d")
n_int = symbols("k", integer=True)
N = sizes("N")
n, m = index("n", 1, N), index("m", 1, N)
a, b, w = array("a", N), array("b", N), array("w", N, positive=True)
nonneg = symbols("u v", nonnegative=True)

FALSE = {
    "wrong sign": ((x - y) ** 2, "==", x**2 + 2 * x * y + y**2),
    "dropped cross term": ((x + y) ** 2, "==", x**2 + y**2),
    "dropped constant": (sympy.Integral(2 * x, x).doit() + 1, "==", x**2),
    "lost factor": (partial(x**3, x), "==", x**2),
    "root's branch": (sqrt(x**2), "==", x),
    "logarithm's branch": (log(c * d), "==", log(c) + log(d)),
    "logarithm of a square": (log(x**2), "==", 2 * log(x)),
    "power's branch": ((c**2) ** Rational(1, 2), "==", c),
    "product of roots": (sqrt(c) * sqrt(d), "==", sqrt(c * d)),
    "hidden division by zero": ((x**2 - 1) / (x - 1), "==", x + 1, {"unevaluated": True}),
    "cancelled at zero": (1 / (1 / x), "==", x + 0 * y + 1),
    "exponential of a sum": (exp(x + y), "==", exp(x) + exp(y)),
    "logarithm of a sum": (log(p + q), "==", log(p) + log(q)),
    "quotient of sums": ((p + q) / (p + r), "==", q / r),
    "square of a sum": (sum_over(a[n], n) ** 2, "==", sum_over(a[n] ** 2, n)),
    "product of sums": (
        sum_over(a[n] * b[n], n), "==", sum_over(a[n], n) * sum_over(b[n], n),
    ),
    "off-by-one range": (sum_over(a[n], n), "==", sum_over(a[n], (n, 1, N - 1))),
    "shifted range": (sum_over(a[n], n), "==", sum_over(a[n], (n, 2, N))),
    "range beyond the end": (sum_over(a[n], n), "==", sum_over(a[n + 1], n)),
    "sum of ones": (sum_over(w[n] ** 0, n), "==", N - 1),
    "factor moved out": (sum_over(w[n] * a[n], n), "==", w[1] * sum_over(a[n], n)),
    "inequality false in a corner": (x**2, ">=", x),
    "inequality reversed": (exp(x), "<=", 1 + x),
    "inequality false for small": (sqrt(p), "<=", p),
    "strict where equal": (x**2, ">", sympy.Integer(0)),
    "geometric mean above": (sqrt(p * q), ">=", (p + q) / 2),
    "maximum of a sum": (Max(x + z, y - z), "==", Max(x, y) + z),
    "complex square": (c**2, ">=", sympy.Integer(0)),
    "equal at integers only": (sin(pi * x), "==", sympy.Integer(0)),
    "vanishing product": (x * (x - 1) * (x + 1), "==", sympy.Integer(0)),
    "absolute value": (sympy.Abs(x), "==", x),
    "undefined everywhere on one side": (log(-p - 1) + 0 * x, "==", log(p + 1)),
    "trigonometric": (sin(x) ** 2 - cos(x) ** 2, "==", sympy.Integer(1)),
    "tiny difference": (x + Rational(1, 10**20), "==", x),
}  # fmt: skip

TRUE = {
    "binomial": ((x + y) ** 3, "==", x**3 + 3 * x**2 * y + 3 * x * y**2 + y**3),
    "complex binomial": ((c + d) * (c - d), "==", c**2 - d**2),
    "softmax shift": (exp(x + z) / (exp(x + z) + exp(y + z)), "==", exp(x) / (exp(x) + exp(y))),
    "logistic": (1 / (1 + exp(-x)), "==", exp(x) / (1 + exp(x))),
    "log of a product": (log(p * q / r), "==", log(p) + log(q) - log(r)),
    "log-sum shift": (log(exp(x + z) + exp(y + z)), "==", z + log(exp(x) + exp(y))),
    "logs of polynomials": (log((1 + p) * (2 + q)), "==", log(1 + p) + log(2 + q)),
    "positive root": (sqrt(p**2), "==", p),
    "absolute root": (sqrt(x**2), "==", sympy.Abs(x)),
    "power": (p**x * p**y, "==", p ** (x + y)),
    "pythagoras": (sin(x) ** 2 + cos(x) ** 2, "==", sympy.Integer(1)),
    "double angle": (sin(2 * x), "==", 2 * sin(x) * cos(x)),
    "gamma": (gamma(p + 1), "==", p * gamma(p)),
    "derivative": (partial(log(1 + exp(x)), x), "==", 1 / (1 + exp(-x))),
    "linearity": (
        sum_over(2 * a[n] + w[n] * x, n), "==", 2 * sum_over(a[n], n) + x * sum_over(w[n], n),
    ),
    "product of sums": (
        sum_over(a[n], n) * sum_over(b[n], n), "==", sum_over(a[n] * b[m], n, m),
    ),
    "exchange of sums": (
        sum_over(sum_over(a[n] * b[m] ** 2, n), m),
        "==", sum_over(a[m], m) * sum_over(b[n] ** 2, n),
    ),
    "count": (sum_over(w[n] ** 0, n), "==", N),
    "squares": (sum_over(w[n] * a[n] ** 2, n), ">=", sympy.Integer(0)),
    "geometric mean": (sqrt(p * q), "<=", (p + q) / 2),
    "quadratic form": (x**2 + y**2, ">=", 2 * x * y),
    "maximum shift": (Max(x + z, y + z), "==", Max(x, y) + z),
    "exponential below one": (exp(-p), "<", sympy.Integer(1)),
    "harmonic below arithmetic": (2 / (1 / p + 1 / q), "<=", (p + q) / 2),
}  # fmt: skip
METHODS = {
    "==": "equals", "<=": "at_most", ">=": "at_least", "<": "less_than", ">": "greater_than",
}  # fmt: skip


def take(left, relation, right):
    return getattr(derive(left), METHODS[relation])(right, because="so it is claimed")


@pytest.mark.parametrize("name", [k for k in FALSE if "zero" not in k or len(FALSE[k]) == 3])
def test_false_steps_are_refused(name):
    left, relation, right, *_ = FALSE[name]
    with pytest.raises(FalseStep, match="is false: at"):
        take(left, relation, right)


def test_hidden_division_by_zero_is_refused():
    left = (x**2 - 1) / (x - 1)
    with pytest.raises(FalseStep, match="undefined"):
        take(left, "==", x + 1)


@pytest.mark.parametrize("name", TRUE)
def test_true_steps_are_proved(name):
    left, relation, right = TRUE[name]
    result = take(left, relation, right).named("test-true-" + name.replace(" ", "-"))
    assert result.standing == "proved"


def test_two_symbols_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two different symbols are called 'x'"):
        take(x, "==", positive("x"))


def test_a_chain_of_opposite_inequalities_is_refused():
    chain = derive(-(x**2)).at_most(0, because="a square")
    with pytest.raises(ValueError, match="no conclusion"):
        chain.at_least(-1, because="no")


def test_mixed_relations_conclude_with_the_weaker():
    chain = (
        derive(2 * x * y)
        .equals(x**2 + y**2 - (x - y) ** 2, because="expand")
        .at_most(x**2 + y**2, because="a square is dropped")
    )
    result = chain.named("test-mixed")
    assert result.conclusion.relation == "<="
    assert result.conclusion.rhs == x**2 + y**2


def test_undecided_is_an_error_that_says_what_was_tried():
    # True (N = 1, 2, 3 are tried), but beyond the means for all N.
    left, right = max_over(a[n], n), sum_over(sympy.Abs(a[n]), n)
    with pytest.raises(UndecidedStep, match=r"(?s)Tried:.*sizes=.*evidence=True"):
        take(left, "<=", right)
    result = (
        derive(left)
        .at_most(right, because="each entry is at most the sum", evidence=True)
        .named("test-evidence")
    )
    assert result.standing == "evidence"
    assert "points" in result.standing_text


def test_evidence_is_never_given_to_a_false_step():
    with pytest.raises(FalseStep):
        derive(x).equals(x + Rational(1, 10**9), because="nearly", evidence=True)


def test_undefined_everywhere_is_not_a_proof():
    nowhere = 1 / (sin(x) ** 2 + cos(x) ** 2 - 1)
    with pytest.raises(DerivationError):
        take(nowhere, "==", 2 * nowhere)


def test_a_step_needs_a_reason():
    with pytest.raises(ValueError, match="reason"):
        derive(x).equals(x, because=" ")


def test_strings_are_refused():
    steps = [
        lambda: derive("x"),
        lambda: derive(x).equals("x", because="the same name"),
        lambda: derive(x).tends_to("x", when=(y, 0, "+"), because="the same name"),
    ]
    for step in steps:
        with pytest.raises(TypeError, match="string 'x': give a SymPy expression of typed symbols"):
            step()


def test_a_derivation_shows_its_chain_before_it_is_named():
    chain = derive((x - y) ** 2)
    assert repr(chain) == "(x - y)**2\n(not named yet)"
    chain.equals(x**2 - 2 * x * y + y**2, because="expand").at_least(0, because="a square")
    assert repr(chain) == "(x - y)**2\n  = x**2 + y**2 - 2*x*y\n  ≥ 0\n(not named yet)"
    limit = derive(sin(x) / x).tends_to(1, when=(x, 0, "+"), because="the slope of the sine")
    assert repr(limit) == "sin(x)/x\n  → 1    (as x → 0 from above)\n(not named yet)"


SYMBOLS = st.sampled_from([x, y, p, q, exp(x), exp(y - x), a[1], w[2]])
TERMS = st.builds(
    lambda k, s, t: k * s * t, st.integers(-3, 3).filter(bool), SYMBOLS, SYMBOLS
)  # fmt: skip
POLYNOMIALS = st.lists(TERMS, min_size=1, max_size=4).map(lambda terms: sympy.Add(*terms))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(POLYNOMIALS, POLYNOMIALS)
def test_products_expand(left, right):
    fixed = {N: (2,)}
    derive(left * right, sizes=fixed).equals(sympy.expand(left * right), because="expansion")


@settings(max_examples=25, deadline=None, derandomize=True)
@given(POLYNOMIALS, POLYNOMIALS, TERMS)
def test_a_perturbed_identity_is_never_accepted(left, right, extra):
    with pytest.raises(FalseStep):
        derive(left * right, sizes={N: (2,)}).equals(
            sympy.expand(left * right) + extra, because="perturbed"
        )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from([a[n], b[n], w[n], exp(a[n]), a[n] * x]), min_size=1, max_size=3),
    st.lists(st.sampled_from([a[m], b[m], w[m], exp(b[m])]), min_size=1, max_size=3),
    st.sampled_from([a[n], w[n] ** 2, sympy.Integer(1), exp(b[n])]),
)
def test_a_perturbed_sum_is_never_accepted(first, second, extra):
    one, two = sympy.Mul(*first), sympy.Mul(*second)
    product = sum_over(one, n) * sum_over(two, m)
    double = sum_over(one * two, n, m)
    proved = derive(product).equals(double, because="the distributive law")
    assert proved.lines[0].step.standing == "proved"
    with pytest.raises(FalseStep):
        derive(product).equals(sum_over(one * two + extra, n, m), because="perturbed")


# What fooled the engine once, or came near to it: a point that samples miss, a branch on the
# negative axis only, digits that cancel, indices far out.
FOOLED = {
    "half of an exponential": (sqrt(exp(c)), "==", exp(c / 2)),
    "one over a root": (1 / sqrt(c), "==", sqrt(1 / c)),
    "logarithm of an inverse": (log(1 / c), "==", -log(c)),
    "logarithm of an exponential": (log(exp(c)), "==", c),
    "conjugate": (sympy.conjugate(c), "==", c),
    "modulus": (sympy.Abs(c) ** 2, "==", c**2),
    "cube root": ((x**3) ** Rational(1, 3), "==", x),
    "floor of a sum": (sympy.floor(x + y), "==", sympy.floor(x) + sympy.floor(y)),
    "ceiling": (sympy.ceiling(x), "==", sympy.floor(x) + 1),
    "cosine at integers": (cos(pi * n_int), "==", sympy.Integer(1)),
    "simple points": (
        sympy.Mul(*(x - Rational(k, 2) for k in range(-6, 7))), "==", sympy.Integer(0),
    ),
    "integers near zero": (
        sympy.Mul(*(n_int - k for k in range(-50, 51))), "==", sympy.Integer(0),
    ),
    "below the digits": (Rational(1, 10**120) * x, "==", sympy.Integer(0)),
    "added below the digits": (x + Rational(1, 10**60), "==", x),
    "ties": (Max(x, y) - sympy.Min(x, y), ">", sympy.Integer(0)),
    "a thin corner": (x**2 - x / 10**6, ">=", sympy.Integer(0)),
    "a thin corner of positives": (p**2 - p / 10**9, ">=", sympy.Integer(0)),
    "far out": (p**3, "<=", 10**6 * p**2 + 1),
    "three sizes only": (
        sum_over(n, n), "==", N * (N + 1) / 2 + (N - 1) * (N - 2) * (N - 3),
    ),
    "index past the end": (
        sum_over(sympy.KroneckerDelta(n, m + 1) * a[n], n), "==", a[m + 1],
    ),
    "arctangents": (sympy.atan(x) + sympy.atan(1 / x), "==", pi / 2),
    "gamma at its poles": (gamma(x + 1), "==", x * gamma(x)),
    "piecewise": (sympy.Piecewise((x, x > 0), (-x, True)), "==", x),
    "quadrant": (sympy.acos(cos(x)), "==", x),
    "triangle inequality reversed": (sympy.Abs(x + y), ">=", sympy.Abs(x) + sympy.Abs(y)),
    "names of complex values": (
        log(exp(abbreviation("C", definition=2 * c)())),
        "==", abbreviation("D", definition=2 * c)(),
    ),
}  # fmt: skip
HELD = {
    "a root's square": (sqrt(c) ** 2, "==", c),
    "cosine of whole turns": (cos(2 * pi * n_int), "==", sympy.Integer(1)),
    "modulus of a product": (sympy.Abs(c * d), "==", sympy.Abs(c) * sympy.Abs(d)),
    "root of a product": (sqrt(x**2 * p), "==", sympy.Abs(x) * sqrt(p)),
    "arctangents of positives": (sympy.atan(p) + sympy.atan(1 / p), "==", pi / 2),
    "a quartic": (x**4 - 4 * x + 3, ">=", sympy.Integer(0)),
    "hyperbolic tangent": (sympy.tanh(x), "<", sympy.Integer(1)),
    "far below the digits": (exp(-1 / p), ">", sympy.Integer(0)),
    "sum of inverses": (1 / p + 1 / q, ">=", 4 / (p + q)),
    "difference of roots": (sqrt(p) - sqrt(q), "==", (p - q) / (sqrt(p) + sqrt(q))),
    "binomial": (sympy.binomial(n_int, 2), "==", n_int * (n_int - 1) / 2),
    "absolute value and sign": (sympy.Abs(x) * sympy.sign(x), "==", x),
}


@pytest.mark.parametrize("name", FOOLED)
def test_what_fooled_it_is_refused(name):
    left, relation, right = FOOLED[name]
    with pytest.raises(FalseStep, match="is false: at"):
        take(left, relation, right)


@pytest.mark.parametrize("name", HELD)
def test_what_is_nearly_false_but_true_is_proved(name):
    left, relation, right = HELD[name]
    assert take(left, relation, right).lines[0].step.standing == "proved"


def test_an_unknown_real_function_takes_real_numbers():
    with pytest.raises(TypeError, match="function of real numbers"):
        function("s")(c)


def test_a_sum_binds_no_symbol_of_the_same_name():
    other = index("n", 1, 5)
    with pytest.raises(ValueError, match="two different symbols are called 'n'"):
        take(sum_over(a[n] * w[other], n), "==", sum_over(a[n] * w[other], n))


def test_counterexamples_are_simple_numbers():
    with pytest.raises(FalseStep, match="at x = 1, y = 1\n  the left side is 4\n"):
        take((x + y) ** 2, "==", x**2 + y**2)
