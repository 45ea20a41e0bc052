"""The equations of the CRF chapter: true ones are proved, planted false ones are refused."""

from types import SimpleNamespace

import pytest
from sympy import Eq, Integer, exp, log

from lib.derivation import (
    FalseStep,
    UndecidedStep,
    abbreviation,
    array,
    derive,
    function,
    index,
    indicator,
    max_over,
    partial,
    path,
    path_max,
    path_sum,
    positive,
    product_over,
    real,
    recursion,
    replaced,
    sizes,
    sum_over,
)

T, K, N = sizes("T K N")
t, i, j, k = index("t", 1, T), index("i", 1, K), index("j", 1, K), index("k", 1, K)
s = index("t", 1, T - 1)
n, m = index("n", 1, N), index("m", 1, N)
h, g, c, u = array("h", T, K), array("g", K, K), array("c", T), array("u", K)
y, y_star = path("y", T, K), path("y^*", T, K)
tau, shift, x = positive("tau"), real("b"), real("x")
SMALL = {T: (1, 2, 3), K: (1, 2, 3)}
FEW = {T: (1, 2, 3), K: (2,)}

f = abbreviation(
    "f", y, definition=sum_over(h[t, y[t]], t) + sum_over(g[y[t], y[t + 1]], (t, 1, T - 1))
)
Z = abbreviation("Z", definition=path_sum(exp(f(y)), y))()
p = abbreviation("p", y, definition=exp(f(y)) / Z)
P = abbreviation("P", t, i, definition=path_sum(p(y), y, Eq(y[t], i)))
pair = abbreviation("P2", t, i, j, definition=path_sum(p(y), y, Eq(y[t], i), Eq(y[t + 1], j)))
alpha = recursion(
    "alpha", t, j, first=1, start=exp(h[1, j]),
    step=lambda a: exp(h[t, j]) * sum_over(a(t - 1, i) * exp(g[i, j]), i),
)  # fmt: skip
beta = recursion(
    "beta", t, i, first=T, start=1, backward=True,
    step=lambda b: sum_over(exp(g[i, j] + h[t + 1, j]) * b(t + 1, j), j),
)  # fmt: skip
delta = recursion(
    "delta", t, j, first=1, start=h[1, j],
    step=lambda d: h[t, j] + max_over(d(t - 1, i) + g[i, j], i),
)  # fmt: skip

theta = real("theta")
score = function("s", 1)
scores, weights, values = array("s", N), array("w", N, positive=True), array("a", N)
log_sum = log(sum_over(exp(score(theta, n)), n))
share = abbreviation(
    "q",
    n,
    definition=weights[n] * exp(x * values[n]) / sum_over(weights[m] * exp(x * values[m]), m),
)
line = log(sum_over(weights[n] * exp(x * values[n]), n))
soft = tau * log(sum_over(exp(scores[n] / tau), n))
top = max_over(scores[n], n)
prefix, G, H = array("P", N, K), array("G", K, K), array("H", K)

wrong = SimpleNamespace(
    no_emission=recursion(
        "alpha", t, j, first=1, start=exp(h[1, j]),
        step=lambda a: sum_over(a(t - 1, i) * exp(g[i, j]), i),
    ),
    swapped=recursion(
        "alpha", t, j, first=1, start=exp(h[1, j]),
        step=lambda a: exp(h[t, j]) * sum_over(a(t - 1, i) * exp(g[j, i]), i),
    ),
    start=recursion(
        "alpha", t, j, first=1, start=1,
        step=lambda a: exp(h[t, j]) * sum_over(a(t - 1, i) * exp(g[i, j]), i),
    ),
    late=recursion(
        "beta", t, i, first=T, start=1, backward=True,
        step=lambda b: sum_over(exp(g[i, j] + h[t, j]) * b(t + 1, j), j),
    ),
    viterbi=recursion(
        "delta", t, j, first=1, start=h[1, j],
        step=lambda d: h[t, j] + max_over(d(t - 1, i) + g[j, i], i),
    ),
)  # fmt: skip

forward_backward = alpha(t, i) * beta(t, i) / Z
edge = alpha(s, i) * exp(g[i, j]) * exp(h[s + 1, j]) * beta(s + 1, j) / Z
shifted_h = (h[t, i], h[t, i] + c[t])
moved = ((h[t, i], h[t, i] - u[i] * indicator(t < T)), (g[i, j], g[i, j] + u[i]))
softmax = product_over(exp(h[t, y[t]]) / sum_over(exp(h[t, i]), i), t)
backward_sampling = alpha(s, i) * exp(g[i, j]) / sum_over(alpha(s, k) * exp(g[k, j]), k)

# name: (left, relation, right, sizes, standing)
TRUE = {
    "sum to one": (path_sum(p(y), y), "==", Integer(1), None, "proved"),
    "independent": (replaced(p(y), (g[i, j], 0)), "==", softmax, FEW, "proved for sizes"),
    "forward": (Z, "==", sum_over(alpha(T, j), j), SMALL, "proved for sizes"),
    "forward step": (
        sum_over(sum_over(prefix[n, i] * G[i, j] * H[j], n), i),
        "==",
        H[j] * sum_over(sum_over(prefix[n, i], n) * G[i, j], i),
        None,
        "proved",
    ),
    "marginal": (forward_backward, "==", P(t, i), FEW, "proved for sizes"),
    "pair marginal": (edge, "==", pair(s, i, j), FEW, "proved for sizes"),
    "any log-sum": (
        partial(log_sum, theta),
        "==",
        sum_over(
            exp(score(theta, n))
            / sum_over(exp(score(theta, m)), m)
            * partial(score(theta, n), theta),
            n,
        ),
        None,
        "proved",
    ),
    "emission gradient": (partial(log(Z), h[t, i]), "==", P(t, i), None, "proved"),
    "transition gradient": (
        partial(log(Z), g[i, j]), "==", sum_over(pair(t, i, j), (t, 1, T - 1)), None, "proved",
    ),
    "likelihood gradient": (
        partial(log(p(y_star)), h[t, i]),
        "==",
        indicator(Eq(y_star[t], i)) - P(t, i),
        None,
        "proved",
    ),
    "soft maximum below": (top, "<=", soft, {N: (1, 2, 3, 4)}, "proved for sizes"),
    "soft maximum above": (soft, "<=", top + tau * log(N), {N: (1, 2, 3, 4)}, "proved for sizes"),
    "viterbi": (
        path_max(f(y), y), "==", max_over(delta(T, j), j), {T: (1, 2, 3), K: (1, 2, 3)},
        "proved for sizes",
    ),
    "emission shift": (replaced(p(y), shifted_h), "==", p(y), None, "proved"),
    "transition shift": (replaced(p(y), (g[i, j], g[i, j] + shift)), "==", p(y), None, "proved"),
    "exchange": (replaced(f(y), *moved), "==", f(y), None, "proved"),
    "second derivative": (
        partial(line, x, 2),
        "==",
        sum_over(share(n) * values[n] ** 2, n) - sum_over(share(n) * values[n], n) ** 2,
        None,
        "proved",
    ),
    "variance as squares": (
        sum_over(share(n) * values[n] ** 2, n) - sum_over(share(n) * values[n], n) ** 2,
        "==",
        sum_over(share(n) * share(m) * (values[n] - values[m]) ** 2, n, m) / 2,
        None,
        "proved",
    ),
    "squares": (
        sum_over(share(n) * share(m) * (values[n] - values[m]) ** 2, n, m) / 2,
        ">=", Integer(0), None, "proved",
    ),
    "entropy": (
        -path_sum(p(y) * log(p(y)), y), "==", log(Z) - path_sum(p(y) * f(y), y), None, "proved",
    ),
    "backward sampling": (
        pair(s, i, j) / P(s + 1, j), "==", backward_sampling, FEW, "proved for sizes",
    ),
}  # fmt: skip

FALSE = {
    "wrong normalizer": (path_sum(exp(f(y)) / (Z + 1), y), "==", Integer(1), None),
    "transitions kept": (p(y), "==", softmax, FEW),
    "forward without emission": (Z, "==", sum_over(wrong.no_emission(T, j), j), SMALL),
    "forward with g swapped": (Z, "==", sum_over(wrong.swapped(T, j), j), SMALL),
    "forward without start": (Z, "==", sum_over(wrong.start(T, j), j), SMALL),
    "forward step, H outside the index": (
        sum_over(sum_over(prefix[n, i] * G[i, j] * H[j], n), i),
        "==", H[j] * sum_over(sum_over(prefix[n, i], n) * G[j, i], i), None,
    ),
    "marginal with late beta": (alpha(t, i) * wrong.late(t, i) / Z, "==", P(t, i), FEW),
    "edge without emission": (
        alpha(s, i) * exp(g[i, j]) * beta(s + 1, j) / Z, "==", pair(s, i, j), FEW,
    ),
    "gradient of Z for log Z": (partial(Z, h[t, i]), "==", P(t, i), FEW),
    "transition gradient swapped": (
        partial(log(Z), g[i, j]), "==", sum_over(pair(t, j, i), (t, 1, T - 1)), None,
    ),
    "transition gradient one step short": (
        partial(log(Z), g[i, j]), "==", sum_over(pair(t, i, j), (t, 1, T - 2)),
        {T: (2, 3), K: (2,)},
    ),
    "transition gradient one step long": (
        partial(log(Z), g[i, j]), "==", sum_over(pair(t, i, j), t), FEW,
    ),
    "likelihood gradient with the wrong sign": (
        partial(log(p(y_star)), h[t, i]), "==", P(t, i) - indicator(Eq(y_star[t], i)), None,
    ),
    "soft maximum reversed": (soft, "<=", top, {N: (2, 3)}),
    "soft maximum too tight": (soft, "<=", top + tau * log(N) / 2, {N: (2, 3, 4)}),
    "viterbi with g swapped": (
        path_max(f(y), y), "==", max_over(wrong.viterbi(T, j), j), {T: (1, 2, 3), K: (2,)},
    ),
    "shift of one tag": (replaced(p(y), (h[t, i], h[t, i] + u[i])), "==", p(y), FEW),
    "exchange without the last step's exception": (
        replaced(f(y), (h[t, i], h[t, i] - u[i]), (g[i, j], g[i, j] + u[i])), "==", f(y), FEW,
    ),
    "second moment for variance": (
        partial(line, x, 2), "==", sum_over(share(n) * values[n] ** 2, n), None,
    ),
    "squares without the half": (
        sum_over(share(n) * values[n] ** 2, n) - sum_over(share(n) * values[n], n) ** 2,
        "==", sum_over(share(n) * share(m) * (values[n] - values[m]) ** 2, n, m), None,
    ),
    "squares negative": (
        sum_over(share(n) * share(m) * (values[n] - values[m]) ** 2, n, m), "<=", Integer(0), None,
    ),
    "entropy with the wrong sign": (
        -path_sum(p(y) * log(p(y)), y), "==", log(Z) + path_sum(p(y) * f(y), y), FEW,
    ),
    "sampling forwards": (
        pair(s, i, j) / P(s, i), "==", backward_sampling, FEW,
    ),
}  # fmt: skip
METHODS = {"==": "equals", "<=": "at_most", ">=": "at_least"}


@pytest.mark.parametrize("name", TRUE)
def test_true_equations_are_proved(name):
    left, relation, right, chosen, standing = TRUE[name]
    chain = getattr(derive(left, sizes=chosen), METHODS[relation])(right, because=name)
    assert chain.named("test-" + name.replace(" ", "-").lower()).standing == standing


@pytest.mark.parametrize("name", FALSE)
def test_false_equations_are_refused_with_a_point(name):
    left, relation, right, chosen = FALSE[name]
    with pytest.raises(FalseStep, match=r"is false: at .*\n.*left side is .*\n.*right side is"):
        getattr(derive(left, sizes=chosen), METHODS[relation])(right, because=name)


def test_a_path_sum_dropping_its_last_transition_is_refused():
    short = sum_over(h[t, y[t]], t) + sum_over(g[y[t], y[t + 1]], (t, 1, T - 2))
    with pytest.raises(FalseStep):
        derive(f(y), sizes={T: (2, 3), K: (2,)}).equals(short, because="one transition short")


def test_an_index_beyond_the_end_is_refused():
    long = sum_over(h[t, y[t]], t) + sum_over(g[y[t], y[t + 1]], t)
    with pytest.raises(FalseStep, match="outside"):
        derive(f(y), sizes=FEW).equals(long, because="one transition too many")


def test_zero_temperature_limit():
    result = (
        derive(soft, sizes={N: (1, 2, 3)})
        .tends_to(top, when=(tau, 0, "+"), because="the largest score wins")
        .named("test-zero-temperature")
    )
    assert result.standing == "proved for sizes"
    assert "from above" in str(result)
    bound = derive(tau * log(N)).tends_to(0, when=(tau, 0, "+"), because="log N is fixed")
    assert bound.named("test-bound").standing == "proved"
    with pytest.raises((FalseStep, UndecidedStep)):
        derive(soft, sizes={N: (2,)}).tends_to(top + 1, when=(tau, 0, "+"), because="not so")
