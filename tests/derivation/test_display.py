"""What readers see: LaTeX, plain text, Markdown, and the data for the ledger."""

import json
import threading
import time

import pytest
from sympy import Eq, Integer, exp, log

from lib.derivation import (
    abbreviation,
    array,
    cite_result,
    define,
    derive,
    index,
    indicator,
    max_over,
    partial,
    path,
    path_sum,
    positive,
    real,
    recursion,
    replaced,
    sizes,
    sum_over,
)
from lib.derivation.printing import latex, plain
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


def test_mimebundle():
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
    assert "1. expand" in shown["text/plain"]


def test_long_chains_show_their_ends():
    chain = derive(x)
    for _ in range(5):
        chain = chain.equals(x, because="the same")
    assert "aligned" not in chain.named("test-ends").latex()
    assert "aligned" in chain.named("test-whole", show="chain").latex()


def test_definitions_and_citations():
    shown = define("test-alpha", alpha)
    assert shown.standing == "definition"
    assert shown.latex().count("&=") == 2
    assert r"\text{($t = 2, \dots, T$)}" in shown.latex()
    cited = cite_result("test-cited", x, "<=", Integer(1), key="lafferty2001crf")
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
