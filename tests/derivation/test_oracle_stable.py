"""Oracles where plain floating-point formulas fail, their derivatives, and errors for the rest."""

import itertools

import mpmath
import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Abs, Max, Piecewise, cosh, exp, log, loggamma, sinh, sqrt, tanh

from lib.derivation import (
    Disagreement,
    NotFinite,
    Oracle,
    Undefined,
    Unsupported,
    agreement,
    array,
    define,
    function,
    index,
    integer,
    matrix,
    max_over,
    partial,
    path,
    path_sum,
    positive,
    product_over,
    real,
    replaced,
    sizes,
    sum_over,
    trace,
    vector,
)

N, T, K = sizes("N T K")
n, m = index("n", 1, N), index("m", 1, N)
t, i = index("t", 1, T), index("i", 1, K)
s, p = array("s", N), array("p", N, positive=True)
h, g = array("h", T, K), array("g", K, K)
x, u, tau = real("x"), real("u"), positive("tau")
y = path("y", T, K)
Z = sum_over(exp(s[n]), n)
KINDS = pytest.mark.parametrize("kind", ["numpy", "torch"])


def value(expr, kind, *, gradient=(), every=(), **inputs):
    oracle = Oracle(expr, kind, "f")
    oracle = oracle.gradient(*gradient) if gradient else oracle
    if kind == "torch":
        inputs = {k: torch.as_tensor(v, dtype=torch.float64) for k, v in inputs.items()}
    return np.asarray(oracle(every=every, **inputs))


@KINDS
def test_a_log_sum_of_exponentials_does_not_overflow(kind):
    scores = np.array([[800.0, 800.0], [-800.0, -800.0], [0.0, -1000.0]])
    expected = np.logaddexp(scores[:, 0], scores[:, 1])
    np.testing.assert_allclose(value(log(Z), kind, s=scores), expected, rtol=1e-15)
    soft = value(exp(s[n]) / Z, kind, s=scores, every=n)
    np.testing.assert_allclose(soft, [[0.5, 0.5], [0.5, 0.5], [1, 0]], atol=1e-300)
    by = value(log(Z), kind, gradient=["s"], s=scores)
    np.testing.assert_allclose(by, soft, atol=1e-300)


@KINDS
def test_softplus_and_the_sigmoid_keep_their_digits(kind):
    at = np.array([-700.0, -40.0, 0.0, 40.0, 700.0])
    expected = [float(mpmath.log1p(mpmath.exp(v))) for v in at]
    np.testing.assert_allclose(value(log(1 + exp(x)), kind, x=at), expected, rtol=1e-13)
    sigmoid = [float(1 / (1 + mpmath.exp(-v))) for v in at]
    for form in (1 / (1 + exp(-x)), exp(x) / (1 + exp(x))):
        np.testing.assert_allclose(value(form, kind, x=at), sigmoid, rtol=1e-13)
    np.testing.assert_allclose(
        value(log(1 + exp(x)), kind, gradient=["x"], x=at), sigmoid, rtol=1e-13
    )


@KINDS
def test_ones_cancel_without_loss(kind):
    small = np.array([1e-20, -1e-10, 1e-3])
    for form in ((exp(x) - 1) / x, sinh(x) / x):
        at = value(form, kind, x=small)
        with mpmath.workdps(50):
            exact = [float(sympy.N(form.subs(x, sympy.Float(v, 60)), 30)) for v in small]
        np.testing.assert_allclose(at, exact, rtol=1e-13)
    assert value(log(1 + x), kind, x=1e-20) == 1e-20
    assert value(log(cosh(x)), kind, x=-900.0) == pytest.approx(900 - np.log(2))


@KINDS
def test_products_that_underflow_have_logarithms(kind):
    few = np.full(400, 1e-5)
    assert value(log(product_over(p[n], n)), kind, p=few) == pytest.approx(400 * np.log(1e-5))
    by = value(log(product_over(p[n], n)), kind, gradient=["p"], p=few[:100])
    np.testing.assert_allclose(by, 1e5, rtol=1e-10)
    assert value(log(tau**x), kind, tau=1e-300, x=5.0) == pytest.approx(5 * np.log(1e-300))
    assert value(tau**200 / (tau + x) ** 200, kind, tau=1e-9, x=1e-9) == pytest.approx(2.0**-200)


@KINDS
def test_a_path_sum_is_stable_and_keeps_hard_constraints(kind):
    total = log(
        path_sum(exp(sum_over(h[t, y[t]], t) + sum_over(g[y[t], y[t + 1]], (t, 1, T - 1))), y)
    )
    draw = np.random.default_rng(3)
    em, tr = 900 * draw.normal(size=(2, 3, 2)), draw.normal(size=(2, 2))
    tr[0, 1] = -np.inf
    found = value(total, kind, h=em, g=tr)
    for b in range(2):
        paths = [
            em[b, range(3), z].sum() + sum(tr[a, c] for a, c in itertools.pairwise(z))
            for z in map(list, itertools.product(range(2), repeat=3))
        ]
        assert found[b] == pytest.approx(np.logaddexp.reduce(paths), rel=1e-14)
    assert np.isfinite(value(total, kind, gradient=["h"], h=em, g=tr)).all()
    assert value(total, kind, h=np.zeros((2, 2)), g=np.full((2, 2), -np.inf)) == -np.inf


FORMULAS = {
    "lse": log(Z),
    "softmax": exp(s[1]) / Z,
    "polynomial": x**3 * u + x * u**2 - u / 3,
    "mixed": exp(-(x**2)) * tanh(u) + sqrt(1 + x**2),
    "powers": (1 + x**2) ** u,
    "gamma": loggamma(2 + x**2) * u,
    "replaced": replaced(partial(exp(x * u), u), (u, 2 * u)),
    "moved": partial(replaced(x**2 * u, (x, 3 + x)), x),
    "bound": partial(x**2 * u**2, x, 2),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_derivatives_are_those_of_torch_and_of_differences(name):
    formula = FORMULAS[name]
    oracle, draw = Oracle(formula, "torch"), np.random.default_rng(5)
    letters = {str(a.label): draw.normal(size=3) for a in oracle.found.arrays}
    letters |= {v.name: draw.normal() for v in oracle.found.symbols}
    for first, second in itertools.product(letters, repeat=2):
        exact = value(formula, "numpy", gradient=[first, second], **letters)
        np.testing.assert_allclose(
            exact, value(formula, "torch", gradient=[first, second], **letters), rtol=1e-9,
            atol=1e-12,
        )  # fmt: skip
        step = 1e-6
        by_hand = np.zeros_like(exact)
        for place in np.ndindex(np.shape(letters[second])):
            sides = []
            for sign in (1, -1):
                moved = dict(letters)
                moved[second] = np.array(letters[second], dtype=float)
                moved[second][place] += sign * step
                sides.append(value(formula, "numpy", gradient=[first], **moved))
            by_hand[(..., *place)] = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose(exact, by_hand, atol=2e-8)


def test_torch_derives_through_a_gradient():
    scores = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64, requires_grad=True)
    first = Oracle(log(Z), "torch").gradient("s")(s=scores)
    (second,) = torch.autograd.grad(first[0], scores)
    hessian = value(log(Z), "numpy", gradient=["s", "s"], s=scores.detach().numpy())
    np.testing.assert_allclose(second.numpy(), hessian[0], rtol=1e-12)


def test_gradients_have_batch_and_every_in_front():
    oracle = Oracle(x * exp(s[n]) / Z, "numpy").gradient("s", "x")
    draw = np.random.default_rng(1)
    scores, factor = draw.normal(size=(5, 3)), draw.normal(size=(4, 1))
    found = oracle(s=scores, x=factor, every=n)
    assert found.shape == (4, 5, 3, 3)
    one = oracle(s=scores[2], x=factor[1, 0], every=n)
    np.testing.assert_allclose(found[1, 2], one, rtol=1e-14)


def test_wrt_takes_one_entry():
    result = define("test-wrt", real("L"), log(Z))
    scores = np.array([0.1, 0.7])
    soft = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(result.numpy(wrt=s[n])(s=scores, every=n), soft)
    both = result.torch(wrt=[s[n], s[m]])(s=torch.tensor(scores), every=(n, m))
    np.testing.assert_allclose(both, np.diag(soft) - np.outer(soft, soft))


@KINDS
def test_where_there_is_no_derivative_it_is_an_error(kind):
    with pytest.raises(Undefined, match="tie"):
        value(max_over(s[n], n), kind, gradient=["s"], s=[2.0, 2.0])
    with pytest.raises(Undefined, match="absolute value"):
        value(Abs(x), kind, gradient=["x"], x=[1.0, 0.0])
    np.testing.assert_array_equal(
        value(max_over(s[n], n), kind, gradient=["s"], s=[2.0, 3.0]), [0, 1]
    )
    np.testing.assert_array_equal(
        value(Max(x, 2 * x, evaluate=False), kind, gradient=["x"], x=[-1.0, 1.0]), [1, 2]
    )


@KINDS
@pytest.mark.parametrize(
    ("formula", "inputs", "words"),
    [
        (
            u + Z,
            {"s": [[0.0, 1.0], [800.0, 0.0]], "u": 1.0},
            r"inf at batch item \[1\](?s:.*)overf",
        ),
        (exp(exp(x)), {"x": 10.0}, "smaller inputs or float64"),
        (log(x), {"x": [1.0, -1.0]}, r"nan at batch item \[1\](?s:.*)log\(x\)(?s:.*)positive"),
        (log(x**2), {"x": 0.0}, r"-inf(?s:.*)log\(x\*\*2\)"),
        (1 / (x - u), {"x": 1.0, "u": 1.0}, "divides by 0"),
        (sqrt(x), {"x": -1.0}, "undefined"),
        (exp(s[1]) / Z, {"s": [-np.inf, -np.inf]}, "nan"),
        (x**x, {"x": -0.5}, "nan"),
    ],
)
def test_what_has_no_finite_value_is_an_error_and_says_where(kind, formula, inputs, words):
    with pytest.raises(NotFinite, match=words):
        value(formula, kind, **inputs)


def test_the_derivative_alone_may_have_no_value():
    assert value(sqrt(x), "numpy", x=0.0) == 0
    with pytest.raises(NotFinite, match="derivative"):
        value(sqrt(x), "numpy", gradient=["x"], x=0.0)


def test_float32_overflows_earlier_and_says_so():
    with pytest.raises(NotFinite, match="float32"):
        Oracle(Z, "torch")(s=torch.tensor([89.0, 1.0]))
    assert Oracle(log(Z), "torch")(s=torch.tensor([89.0, 1.0])).dtype == torch.float32


@KINDS
@pytest.mark.parametrize(
    ("formula", "inputs", "error", "words"),
    [
        (log(tau), {"tau": -1.0}, ValueError, "tau is declared positive, got -1.0"),
        (p[1] + p[2], {"p": [1.0, -2.0]}, ValueError, r"p is declared positive, got -2.0 at \[1\]"),
        (integer("k") + x, {"k": 0.5, "x": 1.0}, ValueError, "k is declared whole numbers"),
        (x, {"x": 1j}, TypeError, "x must hold real numbers, got dtype .*complex"),
        (x, {"x": True}, TypeError, "real numbers, got dtype .*bool"),
        (x, {"x": float("nan")}, ValueError, "x holds nan"),
        (x, {"x": 2**60}, ValueError, "2\\^53"),
        (s[1] + p[1], {"s": [1.0], "p": [1.0, 2.0]}, ValueError, "N is"),
        (array("q", 3)[1], {"q": [1.0, 2.0]}, ValueError, "where 3 is 3; got"),
        (s[n], {"s": [1.0], "n": 1.5}, TypeError, "whole number"),
    ],
)
def test_inputs_outside_of_their_domain_are_refused(kind, formula, inputs, error, words):
    with pytest.raises(error, match=words):
        Oracle(formula, kind, "f")(**inputs)


def test_whole_numbers_are_taken_as_real_ones():
    assert value(1 / x, "numpy", x=np.array([2, 4])).tolist() == [0.5, 0.25]
    assert Oracle(exp(-x), "torch")(x=torch.tensor([2])).dtype == torch.float64


def test_batches_must_fit():
    with pytest.raises(ValueError, match="batch shape"):
        value(x * u, "numpy", x=np.ones(2), u=np.ones(3))
    assert value(x, "numpy", x=np.ones((2, 1))).shape == (2, 1)


def test_a_case_distinction_must_be_the_same_for_the_batch():
    formula = Piecewise((x, x > 0), (x**2, True))
    assert value(formula, "numpy", x=[1.0, 2.0]).tolist() == [1, 2]
    assert value(formula, "numpy", x=-3.0) == 9
    with pytest.raises(Unsupported, match="one at a time"):
        value(formula, "numpy", x=[1.0, -2.0])


def test_unknown_names_are_told():
    with pytest.raises(TypeError, match="of s, x"):
        Oracle(x * Z, "numpy").gradient("q")
    with pytest.raises(Unsupported, match="unknown"):
        Oracle(function("f")(x), "numpy")(x=1.0)


# Random formulas at extreme inputs, against 60 digits.

_LEAVES = st.sampled_from([s[1], s[2], x, sympy.Integer(1), sympy.Rational(1, 2)])
_FORMULAS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda ab: ab[0] + ab[1]),
        st.tuples(inner, inner).map(lambda ab: ab[0] * ab[1]),
        inner.map(lambda a: log(exp(a) + exp(-a) + 1)),
        inner.map(lambda a: exp(a) / (exp(a) + exp(s[1]))),
        inner.map(tanh),
        inner.map(lambda a: log(1 + exp(a))),
    ),
    max_leaves=5,
)


@given(
    _FORMULAS,
    st.lists(st.sampled_from([0.0, 1e-8, -0.5, 3.0, -800.0, 1e3]), min_size=3, max_size=3),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_random_formulas_at_extreme_inputs(formula, numbers):
    *scores, at = numbers
    point = {s[1]: scores[0], s[2]: scores[1], x: at}
    with mpmath.workdps(2000):
        by_letters = formula.subs({k: sympy.Float(v, 1500) for k, v in point.items()})
        exact = float(sympy.N(by_letters, 30))
    size = 1 + sum(abs(v) for v in numbers) ** formula.count_ops()
    oracle = Oracle(formula + 0 * s[1], "numpy")
    inputs = {"s": scores, "x": at}
    wanted = {
        k: v
        for k, v in inputs.items()
        if k in {*map(str, oracle.found.symbols)} | {str(a.label) for a in oracle.found.arrays}
    }
    found = float(
        oracle(**wanted, **({"N": 2} if "s" not in wanted and oracle.found.sizes else {}))
    )
    assert found == pytest.approx(exact, rel=1e-9, abs=1e-13 * size)


# Agreement.


def log_sum_exp(scores, factor=1.0):
    return torch.logsumexp(torch.as_tensor(scores) * factor, -1)


def test_agreement_says_where_the_largest_error_is_and_compares_gradients():
    formula = define("test-agreement-lse", real("L"), log(sum_over(exp(x * s[n]), n)))
    draw = np.random.default_rng(2)
    cases = []
    for shape in ((2,), (4, 3)):
        scores, factor = draw.normal(size=shape), 0.5
        tensors = torch.tensor(scores), torch.tensor(factor, dtype=torch.float64)
        cases.append(({"s": scores, "x": factor}, tensors))
    check = agreement(
        formula, log_sum_exp, cases, tolerance=1e-12, name="lse", gradients={"s": 0, "x": 1}
    )
    assert check.gradients == ("s", "x")
    assert check.where.startswith("case ")
    assert "x = 0.5" in check.where
    assert "gradient by s, x agree" in str(check)
    fields = check._repr_mimebundle_()["application/vnd.derive-implement-train.check+json"]
    assert fields["where"] == check.where
    assert fields["gradients"] == ["s", "x"]

    def scaled(scores, factor):  # right value, wrong gradient
        return log_sum_exp(scores, factor) + 0.1 * (scores - scores.detach()).sum(-1)

    with pytest.raises(Disagreement, match=r"gradient by s of lse .* case 1 at \[\d\]"):
        agreement(formula, scaled, cases, tolerance=1e-9, name="lse", gradients={"s": 0})
    agreement(formula, scaled, cases, tolerance=1e-9, name="lse")
    with pytest.raises(TypeError, match="tensor of floating-point numbers"):
        agreement(
            formula, log_sum_exp, [(cases[0][0], ([1.0], 2.0))], tolerance=9, gradients={"s": 0}
        )


def test_a_disagreement_shows_the_inputs_of_its_batch_item():
    formula = define("test-agreement-item", real("L"), log(Z))
    scores = np.array([[0.0, 1.0], [0.25, 3.0]])

    def wrong(values):
        out = np.logaddexp.reduce(values, -1)
        out[1] += 1e-3
        return out

    with pytest.raises(Disagreement, match=r"case 1 at \[1\].* s = \[0.25, 3\]"):
        agreement(formula, wrong, [({"s": scores}, (scores,))], tolerance=1e-6)


@KINDS
def test_matrices_have_rows_and_columns_behind_the_batch(kind):
    A, v = matrix("A", N, N), vector("v", N)
    draw = np.random.default_rng(4)
    many, one = draw.normal(size=(5, 3, 3)), draw.normal(size=3)
    np.testing.assert_allclose(value(A @ A, kind, A=many), many @ many, rtol=1e-12)
    np.testing.assert_allclose(
        value(v.T @ A @ v, kind, A=many, v=one).reshape(5), one @ many @ one, rtol=1e-10
    )
    moved = value(A @ A, kind, gradient=["A"], A=many)
    assert moved.shape == (5, 3, 3, 3, 3)
    traced = np.einsum("biicd->bcd", moved)
    np.testing.assert_allclose(traced, 2 * many.transpose(0, 2, 1), rtol=1e-12)
    by = value(trace(A @ A), kind, gradient=["A"], A=many)
    np.testing.assert_allclose(by, 2 * many.transpose(0, 2, 1), rtol=1e-12)
    explicit = sympy.Matrix([[x, 1], [u, x]])
    found = value(explicit, kind, x=np.array([1.0, 2.0]), u=3.0)
    np.testing.assert_array_equal(found, [[[1, 1], [3, 1]], [[2, 1], [3, 2]]])
    with pytest.raises(NotFinite, match=r"batch item \[1\]"):
        value(sympy.Matrix([[u, 1 / x]]), kind, x=np.array([1.0, 0.0]), u=1.0)
