"""Matrices written out: exponentials, powers, generators, SymPy's matrices as sides."""

import pytest
import sympy
from sympy import Matrix, Rational, exp, eye, symbols

from lib.derivation import (
    FalseStep,
    Unsupported,
    abbreviation,
    derive,
    identity,
    inverse,
    matrix,
    matrix_exp,
    positive,
    real,
    vector,
)
from lib.derivation.matrix_exponential import closed_form, power_form

a, b, r, t, s, T = positive("a b r t s T")
eta = real("eta")
S = symbols("S", integer=True, nonnegative=True)
p1, p2, p3 = positive("p1 p2 p3")
Q = Matrix([[-a, b], [a, -b]])
decay = exp(-(a + b) * t)
law = Matrix([[b + a * decay, b - b * decay], [a - a * decay, a + b * decay]]) / (a + b)
gram = Matrix([[2, 1], [1, 2]])
k, y = vector("k", 2), vector("y", 2)
uniform = r * (sympy.ones(4, 4) - 4 * eye(4))
absorbing = Matrix(4, 4, lambda i, j: 0 if j == 3 else r * (int(i == 3) - int(i == j)))
mask = exp(-r * t)
rates = Matrix(3, 3, lambda i, j: sympy.Symbol(f"q{i}{j}", positive=True) if i != j else 0)
forward = rates - sympy.diag(*(sum(rates[:, j]) for j in range(3)))
law3 = Matrix([p1, p2, p3])
reverse = Matrix(3, 3, lambda i, j: rates[j, i] * law3[i] / law3[j] if i != j else 0)
backward = reverse - sympy.diag(*(sum(reverse[:, j]) for j in range(3)))
kept = (exp(-T) + exp(-3 * T)) / 2
mixed = (exp(-3 * T) - exp(-T)) / 2
frozen = (identity(2) - matrix_exp(-T * gram)) @ y
low, high = (1 - eta) ** S, (1 - 3 * eta) ** S


def beside(left: Matrix, right: Matrix, below: Matrix) -> Matrix:
    """Two diagonal blocks and one above."""
    return Matrix(sympy.BlockMatrix([[left, right], [sympy.zeros(2), below]]))


TRUE = {
    "two states": (matrix_exp(Q * t), law),
    "Chapman and Kolmogorov": (matrix_exp(Q * t) @ matrix_exp(Q * s), matrix_exp(Q * (t + s))),
    "mass is kept": (Matrix([[1, 1]]) * law, Matrix([[1, 1]])),
    "uniform diffusion": (
        matrix_exp(uniform * t),
        exp(-4 * r * t) * eye(4) + (1 - exp(-4 * r * t)) / 4 * sympy.ones(4, 4),
    ),
    "absorbing diffusion": (
        matrix_exp(absorbing * t),
        Matrix(4, 4, lambda i, j: (mask if j < 3 else 1) if i == j else int(i == 3) * (1 - mask)),
    ),
    "one eigenvector": (
        matrix_exp(Matrix([[a, 1], [0, a]]) * t),
        exp(a * t) * Matrix([[1, t], [0, 1]]),
    ),
    "Van Loan's block": (
        matrix_exp(beside(Q, Q.diff(a), Q) * t),
        beside(law, law.diff(a), law),
    ),
    "reversal in time": (Matrix(backward * law3), Matrix(-forward * law3)),
    "frozen kernel": (
        k.T @ inverse(gram) @ frozen,
        sum(
            k[i + 1]
            * y[j + 1]
            * (gram.inv() * Matrix([[1 - kept, -mixed], [-mixed, 1 - kept]]))[i, j]
            for i in range(2)
            for j in range(2)
        ),
    ),
    "steps of descent": (
        (identity(2) - eta * sympy.ImmutableMatrix(gram)) ** S,
        Matrix([[low + high, high - low], [high - low, low + high]]) / 2,
    ),
    "inverse written out": (
        inverse(Matrix([[a + b, a], [0, b]])),
        Matrix([[b, -a], [0, a + b]]) / (b * (a + b)),
    ),
}


@pytest.mark.parametrize("name", TRUE)
def test_true(name: str) -> None:
    left, right = TRUE[name]
    chain = derive(left).equals(right, because="written out")
    assert chain.lines[-1].step.standing == "proved"


FALSE = {
    "rows for columns": (matrix_exp(Q * t), law.T),
    "entry by entry": (matrix_exp(Q * t), (Q * t).applyfunc(exp)),
    "time lost": (matrix_exp(Q * t), law.subs(t, 1)),
    "wrong at the start": (matrix_exp(Q * t), law - eye(2)),
    "solves the equation, starts elsewhere": (matrix_exp(Q * t), 2 * law),
    "order of a product": (
        matrix_exp(Matrix([[0, 1], [0, 0]])) @ matrix_exp(Matrix([[0, 0], [1, 0]])),
        matrix_exp(Matrix([[0, 1], [1, 0]])),
    ),
    "Van Loan's block without the derivative": (
        matrix_exp(beside(Q, Q.diff(a), Q) * t),
        beside(law, Q.diff(a) * t, law),
    ),
    "singular inverse": (inverse(Matrix([[a, b], [a, b]])), eye(2)),
    "one power too many": (
        (identity(2) - eta * sympy.ImmutableMatrix(gram)) ** S,
        Matrix([[low + high, high - low], [high - low, low + high]]) * (1 - eta) / 2,
    ),
    "reversal without the law": (Matrix(rates.T * law3), Matrix(-forward * law3)),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_is_refused(name: str) -> None:
    left, right = FALSE[name]
    with pytest.raises(FalseStep):
        derive(left).equals(right, because="a mistake")


def test_the_means_of_an_exponential_is_its_equation() -> None:
    chain = derive(matrix_exp(Q * t)).equals(law, because="two states")
    assert "dE/dt = M E" in chain.lines[-1].step.means


def test_closed_forms_are_checked() -> None:
    assert sympy.simplify(closed_form(Q * t) - law) == sympy.zeros(2)
    assert power_form(Matrix([[2, 0], [0, 3]]), S) == Matrix([[2**S, 0], [0, 3**S]])
    with pytest.raises(Unsupported, match="without a basis of eigenvectors"):
        power_form(Matrix([[1, 1], [0, 1]]), S)
    with pytest.raises(Unsupported, match="up to 5 rows"):
        closed_form(sympy.ones(6, 6))


def test_a_matrix_written_out_has_a_name() -> None:
    rows = abbreviation("R", definition=Matrix([[a, b], [0, a]]))()
    chain = derive(rows @ rows).equals(Matrix([[a**2, 2 * a * b], [0, a**2]]), because="rows")
    assert chain.lines[-1].step.standing == "proved"
    with pytest.raises(FalseStep):
        derive(rows @ rows).equals(rows.T @ rows.T, because="a mistake")


def test_sizes_in_numbers_are_matrices_too() -> None:
    fixed = matrix("A", 2, 2)
    chain = derive(fixed).equals(
        Matrix([[fixed[1, 1], fixed[1, 2]], [fixed[2, 1], fixed[2, 2]]]), because="entries"
    )
    assert chain.lines[-1].step.standing == "proved"
    with pytest.raises(FalseStep):
        derive(Rational(1, 2) * fixed).equals(fixed.T / 2, because="a mistake")
