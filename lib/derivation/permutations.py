r"""Sums and means over all permutations, and samples from finite laws."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import sympy
from sympy import Expr, Rational

from .errors import Unsupported
from .operators import Node, path_sum, product_over
from .symbols import Index, Path

MOST = 8


class PermutationPath(Path):
    """A permutation of 1..n; `pi[i]` may stand as an index of an array."""

    def sequences(self, length: int, num_tags: int) -> Iterator[tuple[int, ...]]:
        """All n! permutations."""
        if length > MOST:
            raise Unsupported(f"{length}! permutations are too many: give a size of at most {MOST}")
        return itertools.permutations(range(1, num_tags + 1), length)


class PermutationSum(Node):
    """Sum over all permutations: args (body, permutation)."""

    is_big = True

    def evaluated(self, evaluator: Any, scope: Any) -> Any:
        """The sum of the body at every permutation."""
        body, pi = self.args
        size = evaluator.integer(pi.length, scope)
        return evaluator.backend.add(
            [
                evaluator.value(body, scope.with_binding(pi, chosen))
                for chosen in pi.sequences(size, size)
            ]
        )

    def free(self, of: Callable[[Any], frozenset[Any]]) -> frozenset[Any]:
        """The indices and paths that it depends on: not its permutation."""
        return of(self.args[0]) - {self.args[1]}

    def differentiated(self, by: Any, of: Callable[[Any, Any], Expr]) -> Expr:
        """Term by term."""
        inner = of(self.args[0], by)
        return sympy.S.Zero if inner == 0 else self.func(inner, self.args[1])

    def expanded(self, expand: Callable[[Any, Any], Any], scope: Any) -> Any:
        """Not for all sizes at once."""
        raise Unsupported("a sum over permutations is written out for given sizes only")

    def _latex(self, printer: Any) -> str:
        body, pi = self.args
        below = rf"{printer._print(pi)} \in S_{{{printer._print(pi.length)}}}"
        return rf"\sum_{{{below}}} {printer.body(body)}"

    def _sympystr(self, printer: Any) -> str:
        body, pi = self.args
        return f"sum({printer._print(body)} over all permutations {pi} of 1..{pi.length})"


class PermutationMean(PermutationSum):
    """Mean over all permutations."""

    def evaluated(self, evaluator: Any, scope: Any) -> Any:
        """The sum over n!."""
        total = super().evaluated(evaluator, scope)
        count = math.factorial(evaluator.integer(self.args[1].length, scope))
        return evaluator.backend.multiply([total, evaluator.backend.constant(Rational(1, count))])

    def _latex(self, printer: Any) -> str:
        factorial = rf"{printer._print(self.args[1].length)}!"
        return rf"\frac{{1}}{{{factorial}}} {super()._latex(printer)}"

    def _sympystr(self, printer: Any) -> str:
        return super()._sympystr(printer).replace("sum(", "mean(", 1)


def permutation(name: str, size: Any) -> PermutationPath:
    r"""A permutation of 1..size, bound by `permutation_sum` or free: `a[pi[i]]`.

    Args:
        name: What it is printed with, e.g. ``"pi"``.
        size: How many things it permutes.

    >>> from lib.derivation import array, derive, index, sizes, sum_over
    >>> n = sizes("n")
    >>> i, pi, a, b = index("i", 1, n), permutation("pi", n), array("a", n), array("b", n)
    >>> mean = permutation_mean(sum_over(a[i] * b[pi[i]], i), pi)
    >>> product = sum_over(a[i], i) * sum_over(b[i], i) / n
    >>> chain = derive(mean, sizes={n: (1, 2, 3)}).equals(product, because="each pair once in n")
    >>> chain.named("doc-permutation").standing
    'proved for sizes'
    """
    size = sympy.sympify(size)
    return PermutationPath(name, (size,), size)


def permutation_sum(body: Any, over: PermutationPath) -> Expr:
    """The sum of `body` over all permutations, unevaluated; n! terms when written out.

    Raises:
        TypeError: When `over` is no permutation.
    """
    return PermutationSum(body, _checked(over))


def permutation_mean(body: Any, over: PermutationPath) -> Expr:
    """The mean of `body` over all permutations, all equally likely, unevaluated."""
    return PermutationMean(body, _checked(over))


def _checked(over: Any) -> PermutationPath:
    if not isinstance(over, PermutationPath):
        raise TypeError(f"expected a permutation, got {over!r}: make one with permutation('pi', n)")
    return over


def sample_mean(body: Any, sample: Path, position: Index, law: Any) -> Expr:
    r"""The expectation of `body` over samples of independent draws from a finite law.

    It is the sum over all K^n samples, each with its probability, so that a bias is decided by
    enumeration.

    Args:
        body: What is averaged, in terms of `sample[i]`.
        sample: A path of n draws, each in 1..K.
        position: An index over the draws.
        law: Array of the K probabilities, or a function from an outcome to its probability.

    Raises:
        TypeError: When `sample` is no path or `position` no index.

    >>> from lib.derivation import array, derive, index, path, sizes, sum_over
    >>> n, K = sizes("n K")
    >>> i, k, s = index("i", 1, n), index("k", 1, K), path("s", n, K)
    >>> p, x = array("p", K), array("x", K)
    >>> mean = sample_mean(sum_over(x[s[i]], i) / n, s, i, p)
    >>> p_total = sum_over(p[k], k)
    >>> right = sum_over(p[k] * x[k], k) * p_total ** (n - 1)
    >>> chain = derive(mean, sizes={n: (1, 2), K: (2,)}).equals(right, because="each draw alike")
    >>> chain.named("doc-sample-mean").standing
    'proved for sizes'
    """
    if not isinstance(sample, Path) or not isinstance(position, Index):
        raise TypeError("expected sample_mean(body, path, index, law)")
    probability = law(sample[position]) if callable(law) else law[sample[position]]
    return path_sum(body * product_over(probability, position), sample)
