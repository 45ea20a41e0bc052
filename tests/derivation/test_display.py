"""What readers see: LaTeX, plain text, Markdown, and the data for the ledger."""

import json
import pickle
import sys
import threading
import time

import pytest
from sympy import Eq, Integer, Symbol, exp, log

from lib.derivation import (
    abbreviation,
    array,
    cite_result,
    define,
    derive,
    expectation,
    function,
    index,
    indicator,
    integral,
    matrix,
    max_over,
    normal,
    normal_pair,
    partial,
    path,
    path_sum,
    positive,
    real,
    recursion,
    replaced,
    sizes,
    stationary,
    sum_over,
    trace,
    uniform,
    vector,
)
from lib.derivation.domain import in_words, ingredients
from lib.derivation.errors import FalseStep
from lib.derivation.ordered import in_order, over, root
from lib.derivation.printing import latex, plain
from lib.derivation.restated import restate
from lib.derivation.spoken import spoken
from lib.derivation.timing import TookTooLong, within

T, K, N = sizes("T K N")
t, i, j = index("t", 1, T), index("i", 1, K), index("j", 1, K)
n = index("n", 1, N)
h, g = array("h", T, K), array("g", K, K)
y, y_star = path("y", T, K), path("y^*", T, K)
x, tau = real("x"), positive("tau")
f = abbreviation("f", y, definition=sum_over(h[t, y[t]], t))
Z = abbreviation("Z", definition=path_sum(exp(f(y)), y))()
P = abbreviation(
    "P", t, i, definition=path_sum(exp(f(y)) / Z, y, Eq(y[t], i)),
    latex=r"P(y_{#1} = #2)", plain="P(y[#1] = #2)",
)  # fmt: skip
alpha = recursion(
    "alpha", t, j, first=1, start=exp(h[1, j]),
    step=lambda a: exp(h[t, j]) * sum_over(a(t - 1, i) * exp(g[i, j]), i),
)  # fmt: skip


@pytest.mark.parametrize(
    ("expr", "wanted", "spoken"),
    [
        (h[t, i], "h_{t,i}", "h[t, i]"),
        (h[t, y[t]], "h_{t,y_{t}}", "h[t, y[t]]"),
        (y_star[t], "y_{t}^*", "y^*[t]"),
        (alpha(t - 1, i), r"\alpha_{t - 1}(i)", "alpha[t - 1, i]"),
        (P(t, i), "P(y_{t} = i)", "P(y[t] = i)"),
        (f(y), "f(y)", "f(y)"),
        (log(Z), r"\log Z", "log(Z)"),
        (max_over(h[t, i], t), r"\max_{1 \le t \le T} h_{t,i}", "max(h[t, i] for t = 1..T)"),
        (indicator(Eq(y[t], i)), "[y_{t} = i]", "[y[t] = i]"),
        (
            partial(log(Z), h[t, i]),
            r"\frac{\partial}{\partial h_{t,i}} \log Z",
            "d/dh[t, i] log(Z)",
        ),
        (
            path_sum(exp(f(y)), y, Eq(y[t], i)),
            r"\sum_{y :\, y_{t} = i} e^{f(y)}",
            "sum(exp(f(y)) over all paths y with y[t] = i)",
        ),
        (
            path_sum(exp(f(y)), y),
            r"\sum_{y \in \{1,\dots,K\}^{T}} e^{f(y)}",
            "sum(exp(f(y)) over all paths y)",
        ),
        (
            replaced(f(y), (g[i, j], 0)),
            r"\left. f(y) \right|_{g_{i,j} \to 0}",
            "(f(y) with g[i, j] -> 0)",
        ),
        (sum_over(h[t, i], t, i), r"\sum_{i=1}^{K} \sum_{t=1}^{T} h_{t,i}", None),
        (x * sum_over(h[t, i], t), r"x \, \sum_{t=1}^{T} h_{t,i}", None),
        (
            replaced(x + h[t, i], (h[t, i], 0)),
            r"\left. \left(x + h_{t,i}\right) \right|_{h_{t,i} \to 0}",
            None,
        ),
        (f(y) * log(Z), r"f(y) \, \log Z", None),
        (-log(Z), r"- \log Z", None),
        (log(Z) / 2, r"\frac{\log Z}{2}", None),
        (sum_over(h[t, i], t) / x, r"\frac{\sum_{t=1}^{T} h_{t,i}}{x}", None),
    ],
)
def test_printing(expr, wanted, spoken):
    assert latex(expr) == wanted
    if spoken is not None:
        assert plain(expr) == spoken


def result(label="test-display"):
    return (
        derive((x + 1) ** 2, sizes={T: (1,)})
        .equals(x**2 + 2 * x + 1, because="expand $(x + 1)^2$ | or count")
        .at_least(2 * x, because="$x^2 + 1$ is positive")
        .named(label, "A square")
    )


def test_mimebundle(monkeypatch):
    monkeypatch.setenv("LIB_BOOK_BUILD", "1")
    shown = result()._repr_mimebundle_()
    markdown = shown["text/markdown"]
    assert markdown.startswith("$$\n\\begin{aligned}\n")
    assert "\n$$ (test-display)\n" in markdown
    assert 'class="standing standing-proved"' in markdown
    assert r"$(x + 1)^2$ \| or count" in markdown
    assert "\n\n</details>" in markdown
    data = json.loads(json.dumps(shown["application/vnd.derive-implement-train.result+json"]))
    assert data["label"] == "test-display"
    assert data["standing"] == "proved"
    assert [s["relation"] for s in data["steps"]] == ["==", ">="]
    assert "≥ 2*x" in shown["text/plain"]
    assert shown["text/plain"].splitlines()[:4] == [
        "A square",
        "  (x + 1)**2",
        "    = x**2 + 2*x + 1            (1) expand (x + 1)² | or count",
        "    ≥ 2*x                       (2) x² + 1 is positive",
    ]


def test_long_chains_show_their_ends():
    chain = derive(x)
    for _ in range(5):
        chain = chain.equals(x, because="the same")
    assert "aligned" not in chain.named("test-ends").latex()
    assert "aligned" in chain.named("test-whole", show="chain").latex()


def test_relation_signs_carry_the_numbers_of_their_reasons():
    shown = result()
    assert r"&\overset{(1)}{=} x^{2}" in shown.latex()
    assert r"&\overset{(2)}{\ge} 2 x" in shown.latex()
    assert "(1) expand $(x + 1)^2$ | or count; (2) $x^2 + 1$ is positive." in shown.markdown()
    long = "for a reason that takes more words than one would like to read in the middle of a line"
    chain = derive((x + 1) ** 2).equals(x**2 + 2 * x + 1, because=long)
    assert "overset" not in chain.named("test-one-step").latex()
    markdown = chain.at_least(2 * x, because=long + ".").named("test-list").markdown()
    assert f"\n\n1. {long}.\n2. {long}.\n\n<details" in markdown


def test_what_has_more_steps_than_equations_tells_their_reasons():
    shown = stationary("test-low", tau - log(tau), {tau: 1}, kind="minimum", because="slope $1$")
    assert "(1) slope 1; proved by:" in str(shown)
    assert "(2) local minimum" in str(shown)
    assert "overset" not in shown.latex()


def test_outside_the_book_nothing_needs_a_role(monkeypatch):
    monkeypatch.delenv("LIB_BOOK_BUILD", raising=False)
    markdown = result().markdown()
    assert "\n$$\n\n**(test-display)** <span" in markdown
    cited = cite_result("test-cited-alone", -(x**2), "<=", Integer(0), key="lafferty2001crf")
    assert "{cite}" not in cited.markdown()


def test_the_hidden_lines_of_a_chain_stand_with_the_means():
    chain = derive(x).equals(x + 1 - 1, because="no").equals(2 * x - x, because="nothing")
    shown = chain.named("test-hidden", show="ends")
    before, _, after = shown.markdown().partition("<details")
    assert "aligned" not in before
    assert r"\overset{(2)}{=}" in after


def test_a_long_left_side_stands_on_a_line_of_its_own():
    wide = sum(real(f"x_{k}") * real(f"y_{k}") for k in range(12))
    shown = derive(wide).equals(wide, because="the same").named("test-wide")
    assert shown.latex().startswith("\\begin{aligned}\n& x_{0} y_{0}")
    assert "\n&\\quad = x_{0}" in shown.latex()
    narrow = derive(x + 1).equals(1 + x, because="the same")
    assert "aligned" not in narrow.named("test-narrow").latex()
    assert narrow.named("test-above", left="above").latex().startswith("\\begin{aligned}\n& x + 1")
    broad = derive(wide).equals(wide, because="the same").named("test-beside", left="beside")
    assert "aligned" not in broad.latex()
    with pytest.raises(ValueError, match="left is"):
        narrow.named("test-below", left="below")


@pytest.mark.parametrize(
    ("tex", "words"),
    [
        (r"\log Z", "log Z"),
        (r"h_{t,i}", "h[t, i]"),
        (r"\frac{a+b}{2}", "(a+b)/2"),
        (r"\frac{1}{1 + \frac{a}{b}}", "1/(1 + a/b)"),
        (r"y_t = i,\; y_{t+1}=j", "y[t] = i, y[t+1] = j"),
        (r"\operatorname{tr}(AB) \ne \mathbb{E}[x^2]", "tr(AB) ≠ E[x²]"),
        (r"e^{-\beta x} \to 0", "e^(-β x) → 0"),
        (r"\sqrt{1 - \rho^2} \leq 1", "√(1 - ρ²) ≤ 1"),
        (r"\left(x\right)^{-1}", "(x)⁻¹"),
        (r"\{1,\dots,K\}^T", "{1,…,K}^T"),
        (r"\alpha\beta", "αβ"),
        (r"\log\sum_i e^{x_i}", "log sum over i of e^(x[i])"),
        (r"\prod_{n=1}^N \hat\theta_n", "product over n = 1..N of θ-hat[n]"),
        (r"\frac{1}{N} \bar{x}", "1/N x-bar"),
    ],
)
def test_formulas_are_spoken_without_commands(tex, words):
    assert spoken(f"so ${tex}$ holds") == f"so {words} holds"


@pytest.mark.parametrize(
    ("expr", "wanted", "words"),
    [
        (in_order(x, -tau, 1), r"x - \tau + 1", "x - tau + 1"),
        (-in_order(x, -tau), r"- \left(x - \tau\right)", "-(x - tau)"),
        (x * in_order(x, -tau), r"x \left(x - \tau\right)", "x*(x - tau)"),
        (in_order(x, -tau) ** 2, r"\left(x - \tau\right)^{2}", "(x - tau)**2"),
        (in_order(x, tau - 1, product=True), r"x \, \left(\tau - 1\right)", "x*(tau - 1)"),
        (in_order(x, -tau, product=True), r"x \, \left(- \tau\right)", "x*(-tau)"),
        (in_order(2, 3, product=True), r"2 \cdot 3", "2*3"),
        (in_order(log(x), tau, product=True), r"\left(\log x\right) \, \tau", "log(x)*tau"),
        (over(x - tau, 2), r"\frac{x - \tau}{2}", "(x - tau)/2"),
        (over(2 * x, 2), r"\frac{2 x}{2}", "2*x/2"),
        (x * root(2 * tau), r"x \sqrt{2 \tau}", "x*sqrt(2*tau)"),
        (over(x, tau) ** 2, r"\left(\frac{x}{\tau}\right)^{2}", "(x/tau)**2"),
        (
            in_order(sum_over(h[t, i], t), -x),
            r"\left(\sum_{t=1}^{T} h_{t,i}\right) - x",
            "sum(h[t, i] for t = 1..T) - x",
        ),
        (sum_over(h[t, i], t) ** 2, r"\left(\sum_{t=1}^{T} h_{t,i}\right)^{2}", None),
        (
            in_order(x, tau * integral(x + 1, (x, 0, 1))),
            r"x + \tau \int_{0}^{1} \left(x + 1\right) \, dx",
            "x + tau*integral(x + 1 for x from 0 to 1)",
        ),
        (array("mu", K, bold=True), r"\boldsymbol{\mu}", "mu"),
        (array("mu", K, bold=True)[i], r"\mu_{i}", "mu[i]"),
        (array("m", K, latex=r"\hat{m}")[i], r"\hat{m}_{i}", "m[i]"),
        (real("r", latex=r"\bar{r}") + 1, r"\bar{r} + 1", "r + 1"),
        (function("F")(x), "F(x)", "F(x)"),
        (partial(x**2, x), r"\frac{d}{d x} x^{2}", None),
        (partial(x**2 * tau, x), r"\frac{\partial}{\partial x} \tau x^{2}", None),
    ],
)
def test_print_follows_the_author(expr, wanted, words):
    assert latex(expr) == wanted
    if words is not None:
        assert plain(expr) == words


def test_what_is_arranged_is_checked_like_what_it_stands_for():
    a, b, c = real("a b c")
    derive(in_order(c, -a, b) ** 2, sizes={}).equals(
        in_order((b - a) ** 2, 2 * c * (b - a), c**2), because="the square"
    )
    derive(sum_over(in_order(h[t, i], -a), t)).equals(
        in_order(sum_over(h[t, i], t), -T * a), because="the constant leaves the sum"
    )
    derive(root(2 * tau) ** 2).equals(2 * tau, because="the square of a root")
    derive(partial(over(a**2, b), a)).equals(over(2 * a, b), because="the power rule")
    with pytest.raises(FalseStep):
        derive(in_order(c, -a, b)).equals(c + a + b, because="a lost sign")
    with pytest.raises(FalseStep):
        derive(over(a, b)).equals(b / a, because="upside down")
    with pytest.raises(FalseStep):
        derive(in_order(a, b, product=True)).equals(a + b, because="a sum")
    with pytest.raises(ZeroDivisionError):
        over(a, 0)
    with pytest.raises(TypeError, match="two parts"):
        in_order(a)
    with pytest.raises(TypeError, match="by themselves"):
        in_order(matrix("A", K, K), matrix("B", K, K))


def test_arranged_parts_keep_what_is_known_of_them():
    unknown = Symbol("z")
    assert in_order(tau, tau).is_positive
    assert in_order(unknown, 1).is_real is None
    assert over(x, tau).is_real
    assert in_order(-tau, -1).is_negative


def test_typeset_symbols_are_told_apart_and_survive_a_copy():
    hat = real("x", latex=r"\hat{x}")
    assert pickle.loads(pickle.dumps(hat)).latex == hat.latex
    with pytest.raises(ValueError, match="two different symbols"):
        derive(hat).equals(x, because="no")
    with pytest.raises(ValueError, match="one by one"):
        real("a b", latex="c")


def test_a_restated_result_says_where_it_is_proved(monkeypatch):
    monkeypatch.setenv("LIB_BOOK_BUILD", "1")
    original = derive(log(Z), sizes={T: (1, 2), K: (2,)})
    original = original.equals(log(path_sum(exp(f(y)), y)), because="by name").named(
        "test-original"
    )
    again = restate("test-original", log(Z), "==", log(path_sum(exp(f(y)), y)))
    assert "proved elsewhere: {eq}`test-original`" in again.markdown()
    assert "$$ (" not in again.markdown()
    bundle = again._repr_mimebundle_()
    (mime,) = [name for name in bundle if name.endswith("+json")]
    assert mime == "application/vnd.derive-implement-train.restated+json"
    facts, first = bundle[mime], original.as_json()
    for key in ("statement", "standing", "sizes", "about", "definitions"):
        assert facts[key] == first[key]
    assert any(line.startswith("Z = sum(") for line in facts["definitions"])
    bounded = restate("a-b", x**2, "<", tau, where=[x**2 < 1])
    assert bounded.as_json()["conditions"] == "x² < 1"
    assert restate("a-b", x, "<=", tau, sizes={T: (1, 2)}).standing == "proved for sizes"
    assert "for T ∈ {1, 2}" in str(restate("a-b", x * T, "<=", tau, sizes={T: (1, 2)}))
    with pytest.raises(ValueError, match="unknown relation"):
        restate("a-b", x, "~~", tau)
    with pytest.raises(ValueError, match="goes with sizes"):
        restate("a-b", x, "==", tau, standing="proved for sizes")


def test_definitions_and_citations(monkeypatch):
    monkeypatch.setenv("LIB_BOOK_BUILD", "1")
    shown = define("test-alpha", alpha)
    assert shown.standing == "definition"
    assert shown.latex().count("&=") == 2
    assert r"\text{($t = 2, \dots, T$)}" in shown.latex()
    cited = cite_result("test-cited", -(x**2), "<=", Integer(0), key="lafferty2001crf")
    assert cited.standing == "cited"
    assert "{cite}`lafferty2001crf`" in cited.markdown()
    with pytest.raises(TypeError, match="right side"):
        define("test-nothing", x)
    with pytest.raises(TypeError, match="string"):
        define("test-string", x, "x + 1")
    with pytest.raises(TypeError, match="string"):
        cite_result("test-string", "x", "<=", Integer(1), key="lafferty2001crf")


def test_sizes_of_a_chain_are_those_that_all_steps_share():
    chain = (
        derive(Z, sizes={T: (1, 2), K: (2,)})
        .equals(path_sum(exp(f(y)), y), because="definition")
        .equals(sum_over(_independent(T, j), j), because="forward", sizes={T: (2, 3), K: (2,)})
    )
    named = chain.named("test-sizes")
    assert named.standing == "proved for sizes"
    assert named.sizes == {"K": [2], "T": [2, 3]}
    assert "T ∈ {2, 3}" in named.standing_text


_independent = recursion(
    "gamma", t, j, first=1, start=exp(h[1, j]),
    step=lambda a: exp(h[t, j]) * sum_over(a(t - 1, i), i),
)  # fmt: skip


def test_labels():
    result("test-label")
    result("test-label")
    with pytest.raises(ValueError, match="already names another result"):
        derive(x).equals(x, because="the same").named("test-label")
    with pytest.raises(ValueError, match="small letters"):
        result("Test Label")


def test_time_limit_in_and_off_the_main_thread():
    def endless():
        while True:
            time.sleep(0.001)

    with pytest.raises(TookTooLong):
        within(0.05, endless)
    found = []

    def work():
        try:
            within(0.05, endless)
        except TookTooLong:
            found.append("stopped")
        found.append(within(5, lambda: "done"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert found == ["stopped", "done"]


def test_time_limit_holds_where_the_interruption_is_swallowed():
    class Sink:
        def __del__(self):  # what is raised here goes no further
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                pass

    def work():
        sink = Sink()
        del sink
        while True:
            time.sleep(0.001)

    before = sys.unraisablehook
    with pytest.raises(TookTooLong):
        within(0.05, work)
    assert sys.unraisablehook is before


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (trace(matrix("Ktilde", N, N)), "K̃ real N × N matrix"),
        (trace(matrix("Sigmahat", N, N, symmetric=True)), "Σ̂ real symmetric N × N matrix"),
        (vector("xbar", N).T @ vector("xbar", N), "x̅ real vector of length N"),
        (array("m", K, latex=r"\hat{m}")[1], "m̂ real array"),
        (real("r", latex=r"\bar{r}"), "r̅ real"),
        (positive("t0", latex=r"\tilde\theta"), "θ̃ positive"),
        (positive("k_on", latex="k_+"), "k_on positive"),
        (real("mu"), "μ real"),
        (real("theta0"), "θ0 real"),
    ],
)
def test_the_domain_has_the_accents_of_the_formula(part, words):
    assert in_words(ingredients(part), {N: (1,), K: (1,)}) == words


def test_what_follows_a_letter_is_its_index_in_the_domain():
    s0, theta0, later = positive("s0"), positive("theta0"), real("x_*")
    squared = derive((s0 + theta0 * later) ** 2).equals(
        s0**2 + 2 * s0 * theta0 * later + theta0**2 * later**2, because="multiplied out"
    )
    shown = squared.named("indexed-domain")
    data = shown._repr_mimebundle_()
    assert "s<sub>0</sub>, θ<sub>0</sub> positive; x<sub>&#42;</sub> real" in data["text/markdown"]
    assert "s0, θ0 positive; x_* real" in data["text/plain"]


def test_the_name_of_a_law_is_no_symbol():
    rho, x1, x2 = real("rho x1 x2")
    mean = expectation(x1 * x2, (x1, x2), normal_pair(rho))
    named = abbreviation("T", definition=mean)()
    for expr in (mean, named, expectation(x1 * rho, x1, normal()) + expectation(x1, x1, uniform())):
        assert in_words(ingredients(expr, where=(rho**2 < 1,)), {}) == "ρ real; where ρ² < 1"
