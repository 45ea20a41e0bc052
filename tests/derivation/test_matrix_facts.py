"""What is stated of matrices: used in proofs, printed with the result, and never contradictory."""

import pytest

from lib.derivation import (
    FalseStep,
    derive,
    gradient,
    identity,
    inverse,
    matrix,
    ones,
    partial,
    sizes,
    trace,
    vector,
    zeros,
)

n, m = sizes("n m")
W = matrix("W", m, m, invertible=True, facts=lambda made: [(made @ ones(m), ones(m))])
F = matrix("F", n, m, facts=lambda made: [(made @ ones(m), ones(n))])
B = matrix("B", m, n, facts=lambda made: [(made @ ones(n), ones(m))])
Q = matrix("Q", n, n, orthogonal=True)
E = matrix("E", n, n, idempotent=True)
A, C = matrix("A", n, n), matrix("C", n, n)
X = matrix("X", n, m)
P = matrix(
    "P",
    m,
    n,
    facts=lambda made: [
        (X @ made @ X, X),
        (made @ X @ made, made),
        ((X @ made).T, X @ made),
        ((made @ X).T, made @ X),
    ],
)

TRUE = {
    "rows of the inverse": (inverse(W) @ ones(m), ones(m)),
    "Nyström attention keeps row sums": (F @ inverse(W) @ B @ ones(n), ones(n)),
    "Nyström attention is exact at m = n": (W @ inverse(W) @ W, W),
    "orthogonal inverse": (inverse(Q), Q.T),
    "traces in another basis": (trace(Q @ A @ Q.T), trace(A)),
    "the complement of a projection": (
        (identity(n) - E) @ (identity(n) - E),
        identity(n) - E,
    ),
    "a projection and its complement": (E @ (identity(n) - E), zeros(n, n)),
    "normal equations": (X.T @ X @ P, X.T),
}


@pytest.mark.parametrize("name", TRUE)
def test_facts_are_used(name: str) -> None:
    left, right = TRUE[name]
    chain = derive(left).equals(right, because="as stated")
    assert chain.lines[-1].step.standing == "proved"
    assert chain.lines[-1].step.points >= 3


def same_product(made: object) -> list[tuple[object, object]]:
    """A B = A C does not give B = C."""
    return [(A @ made, A @ C)]


FALSE = {
    "columns of a matrix with row sums 1": (ones(m).T @ W, ones(m).T),
    "row sums that were not stated": (
        F @ inverse(W) @ matrix("G", m, n) @ ones(n),
        ones(n),
    ),
    "an orthogonal matrix is no reflection": (Q @ Q, identity(n)),
    "a projection need not be orthogonal": (E, E.T),
    "a factor that is not invertible is cancelled": (matrix("G", n, n, facts=same_product), C),
    "a pseudo-inverse on the wrong side": (P @ X, identity(m)),
}


@pytest.mark.parametrize("name", FALSE)
def test_what_was_not_stated_is_refused(name: str) -> None:
    left, right = FALSE[name]
    with pytest.raises(FalseStep):
        derive(left).equals(right, because="a mistake")


def test_what_is_stated_is_printed_with_the_result() -> None:
    result = derive(inverse(W) @ ones(m)).equals(ones(m), because="$W^{-1}W = I$").named("facts")
    assert "W real invertible m × m matrix with W ones = ones" in result.domain


def test_facts_that_no_matrix_meets_are_refused() -> None:
    with pytest.raises(ValueError, match="the facts contradict one another"):
        matrix("Z", n, n, facts=lambda made: [(made @ made.T, -identity(n))])
    with pytest.raises(ValueError, match="the facts contradict one another"):
        vector("z", n, facts=lambda made: [(made, ones(n)), (made, zeros(n))])


def test_facts_are_checked() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        matrix("Z", n, m, facts=lambda made: [(made, made.T)])
    with pytest.raises(TypeError, match="a fact is a pair"):
        matrix("Z", n, m, facts=lambda made: [made])
    with pytest.raises(TypeError, match="unknown property"):
        matrix("Z", n, n, unitary=True)
    with pytest.raises(ValueError, match="only a square one is symmetric"):
        matrix("Z", n, m, symmetric=True)


def test_matrices_of_one_name_must_be_one() -> None:
    other = matrix("W", m, m, invertible=True)
    with pytest.raises(ValueError, match="two different symbols are called 'W'"):
        derive(W @ other).equals(W @ W, because="a mistake")


def test_entries_bound_by_equations_do_not_vary_alone() -> None:
    with pytest.raises(TypeError, match="equations bind"):
        partial(trace(Q), Q[1, 1])
    with pytest.raises(TypeError, match="equations bind"):
        gradient(trace(Q), Q)
