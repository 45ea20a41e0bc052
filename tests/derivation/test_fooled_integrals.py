"""What was tried to fool the engine about integrals and endless sums, and what did."""

from typing import Any

import pytest
from sympy import (
    Abs,
    Integer,
    Matrix,
    Rational,
    atan,
    cos,
    exp,
    factorial,
    log,
    oo,
    pi,
    sqrt,
    tan,
)

from lib.derivation import (
    FalseStep,
    coefficient,
    derive,
    expectation,
    exponential,
    index,
    integral,
    matrix_exp,
    normal,
    partial,
    positive,
    real,
    sum_over,
    uniform,
)
from lib.derivation.matrix_base import as_matrix

x, y, z, m, q = real("x y z m q")
a, b, t, v = positive("a b t v")
k, n = index("k", 0, oo), index("n", 1, oo)
generator, changed = (as_matrix(Matrix(rows)) for rows in ([[-a, b], [a, -b]], [[-1, 0], [1, 0]]))

TRUE: dict[str, tuple[Any, Any, list[Any]]] = {
    "a law that depends on the outer variable": (
        expectation(x * expectation(y, y, normal(x, 1)), x, normal()), Integer(1), [],
    ),
    "a name bound twice": (
        expectation(x + expectation(x, x, normal(1, 1)), x, normal(2, 1)), Integer(3), [],
    ),
    "a power with a condition": (integral(x**q, (x, 0, 1)), 1 / (q + 1), [q > -1]),
    "a law with a condition": (expectation(x, x, uniform(a, b)), (a + b) / 2, [a < b]),
    "a geometric series inside": (sum_over(q**n, n), q / (1 - q), [q**2 < 1]),
    "branches for positive numbers": (atan(1 / t) + atan(t), pi / 2, []),
    "an exponential of a matrix, varied": (
        partial((matrix_exp(generator * t))[1, 1], a),
        integral(
            (matrix_exp(generator * (t - x)) @ changed @ matrix_exp(generator * x))[1, 1],
            (x, 0, t),
        ),
        [],
    ),
}  # fmt: skip
FALSE: dict[str, tuple[Any, Any, list[Any]]] = {
    "an antiderivative that jumps": (integral(1 / (2 + cos(x)), (x, 0, 2 * pi)), Integer(0), []),
    "an antiderivative with branches": (
        integral(1 / (2 + cos(x)), (x, 0, t)), 2 / sqrt(3) * atan(tan(t / 2) / sqrt(3)), [],
    ),
    "branches of the arc tangent": (atan(1 / x) + atan(x), pi / 2, []),
    "arc tangents added": (atan(a) + atan(b), atan((a + b) / (1 - a * b)), []),
    "a principal value": (integral(1 / x, (x, -1, 1)), Integer(0), []),
    "a pole between the ends": (integral(1 / x, (x, 1, m)), log(Abs(m)), []),
    "a principal value at infinity": (integral(x / (1 + x**2), (x, -oo, oo)), Integer(0), []),
    "a power without its condition": (integral(x**q, (x, 0, 1)), 1 / (q + 1), []),
    "a Gaussian without its condition": (
        integral(exp(-m * x**2), (x, -oo, oo)), sqrt(pi / m), [],
    ),
    "a moment beyond its range": (
        expectation(exp(a * x**2), x, normal()), 1 / sqrt(1 - 2 * a), [],
    ),
    "a transform beyond its range": (expectation(exp(t * x), x, exponential(a)), a / (a - t), []),
    "variance and its square": (expectation(x**2, x, normal(m, v)), m**2 + v**2, []),
    "a geometric series outside": (sum_over(q**k, k), 1 / (1 - q), []),
    "half of its condition": (sum_over(q**k, k), 1 / (1 - q), [q < 1]),
    "a series at the wrong end": (
        sum_over((-1) ** (n + 1) * x**n / n, n), log(1 + x), [x >= -1, x <= 1],
    ),
    "a series from the wrong term": (sum_over(x**n / factorial(n), n), exp(x), []),
    "Grandi's series": (sum_over((-1) ** k, k), Rational(1, 2), []),
    "the sum of all numbers": (sum_over(n, n), Rational(-1, 12), []),
    "a product of sums": (sum_over(1 / n**2, n) ** 2, sum_over(1 / n**4, n), []),
    "a coefficient off by one": (coefficient(1 / (1 - z) ** 2, z, 4), Integer(4), []),
    "a coefficient at a pole": (coefficient(1 / z, z, 0), Integer(0), []),
}  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_true_ones_are_proved(name: str) -> None:
    left, right, where = TRUE[name]
    chain = derive(left, where=where).equals(right, because="a test")
    assert chain.lines[-1].step.standing == "proved"


@pytest.mark.parametrize("name", FALSE)
def test_false_ones_are_refused(name: str) -> None:
    left, right, where = FALSE[name]
    with pytest.raises(FalseStep, match="is false: at"):
        derive(left, where=where).equals(right, because="a test")
