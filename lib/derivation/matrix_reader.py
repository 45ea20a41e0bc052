"""Matrix nodes read as polynomials in words, and what is known of them as rules."""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Expr, S

from . import matrix_functions as nodes
from . import matrix_powers as powers
from . import matrix_words as words
from .errors import Unsupported
from .matrix_base import MatrixNode, same_size
from .matrix_definite import is_definite
from .matrix_letters import Known, MatrixArray, MatrixLetter, arrays_in
from .matrix_nodes import MatrixProduct, MatrixSum, Scaled, Transposed, Zeros
from .matrix_rules import Rules
from .matrix_scalars import EntryOf, Explicit, Inner, Trace
from .matrix_words import Letter, Poly, Word
from .names import free_names
from .symbols import Index

MAX_POWER = 12
ONE: Poly = {(): S.One}
_SCALARS = (Trace, Inner, EntryOf, powers.Determinant)


class Reader:
    """Reads expressions; collects rules, and inverses that are not known to exist."""

    def __init__(self, *expressions: Any) -> None:
        """Take the rules that the named matrices bring."""
        self.rules = Rules()
        self.unguarded: set[str] = set()
        self._known: set[str] = set()
        for array in sorted(arrays_in(*expressions), key=str):
            self._learn_array(array)

    def _learn_array(self, array: MatrixArray) -> None:
        letter = MatrixLetter(array)
        if array.has_property("invertible"):
            self.read(powers.Inverse(letter))
        equations = []
        for left, right in array.facts:
            if isinstance(left, MatrixNode):
                minus = words.scale(S.NegativeOne, self.read(right))
                equations.append(words.add([self.read(left), minus]))
        self.rules.learn(equations)

    # Scalars.

    def scalar(self, expr: Any) -> Expr:
        """An expression in which every scalar made of matrices is a sum of symbols.

        Raises:
            Unsupported: For what has no form in words.
        """
        if isinstance(expr, Trace):
            return self.rules.trace(self.read(expr.args[0]), expr.args[0].shape[0])
        if isinstance(expr, Inner):
            return self._only(self.read(expr.args[0]))
        if isinstance(expr, EntryOf):
            matrix, i, j = expr.args
            rows, columns = matrix.shape
            row, column = words.of(_basis(rows, i)), words.of(_basis(columns, j))
            inner = words.multiply(words.transpose(row), self.read(matrix))
            return self._only(words.multiply(inner, column))
        if isinstance(expr, powers.Determinant):
            return self._determinant(expr.args[0])
        if not expr.has(*_SCALARS):
            return expr
        if isinstance(expr, sympy.Sum):
            bound = {limit[0] for limit in expr.args[1:]}
            if any(free_names(part) & bound for part in expr.args[0].atoms(*_SCALARS)):
                raise Unsupported("entries of a matrix are summed over: no form in words")
        elif not isinstance(expr, (sympy.Add, sympy.Mul, sympy.Pow, sympy.Function)):
            raise Unsupported(f"matrices inside of {type(expr).__name__} have no form in words")
        return expr.func(*(self.scalar(a) for a in expr.args))

    def _only(self, poly: Poly) -> Expr:
        done = self.rules.finish(poly)
        if set(done) - {()}:
            raise Unsupported("a product of shape 1 × 1 did not close")
        return done.get((), S.Zero)

    def _determinant(self, matrix: Any) -> Expr:
        if isinstance(matrix, MatrixProduct) and all(
            same_size(*factor.shape) for factor in matrix.args
        ):
            return sympy.Mul(*(self._determinant(f) for f in matrix.args))
        if isinstance(matrix, Transposed):
            return self._determinant(matrix.args[0])
        if isinstance(matrix, Scaled):
            return matrix.args[0] ** matrix.shape[0] * self._determinant(matrix.args[1])
        if isinstance(matrix, powers.Inverse):
            self.read(matrix)
            return 1 / self._determinant(matrix.args[0])
        poly = self.rules.finish(self.read(matrix))
        if poly == ONE:
            return S.One
        name = min(words.key(poly), words.key(words.transpose(poly)))
        return sympy.Symbol(f"det({name})", real=True)

    # Matrices.

    def read(self, node: Any) -> Poly:
        """A matrix as a polynomial in words, rewritten by the rules known so far."""
        for kind in type(node).__mro__:
            rule = _READERS.get(kind)
            if rule is not None:
                return self.rules.reduce(rule(self, node))
        raise Unsupported(f"{node} has no form in words")

    def _named(self, name: str, node: Any, *, symmetric: bool = False, entry: Any = None) -> Poly:
        rows, columns = node.shape
        return words.of(Letter(name, False, symmetric, rows, columns, entry))

    def _letter(self, node: MatrixLetter) -> Poly:
        base = node.base
        name = (
            f"«{base.label}»" if base.known == Known() else f"«{base.label}»{words.number_of(base)}"
        )
        return self._named(name, node, symmetric=base.symmetric, entry=base)

    def _product(self, node: MatrixProduct) -> Poly:
        result = self.read(node.args[0])
        for factor in node.args[1:]:
            result = self.rules.reduce(words.multiply(result, self.read(factor)))
        return result

    def _inverse(self, node: Any) -> Poly:
        inner = node.args[0]
        if isinstance(inner, powers.Inverse):
            self._inverse(inner)  # notes whether it is known to exist
            return self.read(inner.args[0])
        if isinstance(inner, Transposed):
            return words.transpose(self.read(powers.Inverse(inner.args[0])))
        if isinstance(inner, Scaled) and inner.args[0].is_nonzero:
            return words.scale(1 / inner.args[0], self.read(powers.Inverse(inner.args[1])))
        if isinstance(inner, MatrixProduct) and all(same_size(*a.shape) for a in inner.args):
            factors = [powers.Inverse(a) for a in reversed(inner.args)]
            return self._product(MatrixProduct(*factors))
        poly = self.rules.finish(self.read(inner))
        if poly == ONE:
            return ONE
        symmetric = poly == words.transpose(poly)
        name = f"{_short(poly)}^-1"
        letter = Letter(name, False, symmetric, node.shape[0], node.shape[1])
        guarded = is_definite(inner) or (
            isinstance(inner, MatrixLetter) and inner.base.has_property("invertible")
        )
        if not guarded:
            self.unguarded.add(name)
        elif name not in self._known:
            self._known.add(name)
            own: Poly = words.of(letter)
            minus: Poly = {(): S.NegativeOne}
            self.rules.learn(
                words.add([words.multiply(*pair), minus]) for pair in ((own, poly), (poly, own))
            )
        return words.of(letter)

    def _power(self, node: Any) -> Poly:
        base, exponent = node.args
        if exponent.is_Integer:
            if abs(exponent) > MAX_POWER:
                raise Unsupported(f"the power {exponent} is too high to multiply out")
            factor = self.read(base if exponent >= 0 else powers.Inverse(base))
            result = ONE
            for _ in range(abs(int(exponent))):
                result = self.rules.reduce(words.multiply(result, factor))
            return result
        shift, rest = exponent.as_coeff_Add()
        if shift > 0 and rest.is_nonnegative:
            return words.multiply(
                self.read(powers.Power(base, rest)), self.read(powers.Power(base, shift))
            )
        if exponent.is_nonnegative is not True:
            self.unguarded.add(str(node))
        return self._commuting(node, self.read(base), f"^({exponent})")

    def _exponential(self, node: Any) -> Poly:
        poly = self.rules.finish(self.read(node.args[0]))
        if not poly:
            return ONE
        return self._commuting(node, poly, "exp")

    def _commuting(self, node: Any, poly: Poly, mark: str) -> Poly:
        """A letter for a function of a matrix, which commutes with the matrix."""
        poly = self.rules.finish(poly)
        turned = self.rules.finish(words.transpose(poly))
        if words.key(turned) < words.key(poly):
            return words.transpose(self._commuting(node, turned, mark))
        name = f"{_short(poly)}{mark}"
        own = self._named(name, node, symmetric=poly == words.transpose(poly))
        if name not in self._known:
            self._known.add(name)
            other = _without_scalars(poly)
            minus = words.scale(S.NegativeOne, words.multiply(other, own))
            self.rules.learn([words.add([words.multiply(own, other), minus])])
        return own

    def _softmax(self, node: Any) -> Poly:
        own = self._named(f"softmax({_short(self.rules.finish(self.read(node.args[0])))})", node)
        rows, columns = node.shape
        total = words.multiply(own, words.of(_ones(columns)))
        self.rules.learn([words.add([total, words.scale(S.NegativeOne, words.of(_ones(rows)))])])
        return own

    def _hadamard(self, node: Any) -> Poly:
        left, right = (self.rules.finish(self.read(a)) for a in node.args)
        return words.add(
            words.scale(a * b, self._entrywise_product(u, v, node))
            for u, a in left.items()
            for v, b in right.items()
        )

    def _entrywise_product(self, one: Word, other: Word, node: Any) -> Poly:
        straight = " ∘ ".join(sorted(map(_text, (one, other))))
        turned = " ∘ ".join(sorted(_text(words.reversed_word(w)) for w in (one, other)))
        if straight == turned:
            return self._named(f"({straight})", node, symmetric=True)
        if straight < turned:
            return self._named(f"({straight})", node)
        return words.transpose(self._named(f"({turned})", node.T))

    def _diagonal(self, node: Any) -> Poly:
        parts = []
        for word, coefficient in self.rules.finish(self.read(node.args[0])).items():
            one = len(word) == 1 and word[0].name.startswith("1[")
            own = ONE if one else self._named(f"diag({_text(word)})", node, symmetric=True)
            parts.append(words.scale(coefficient, own))
        return words.add(parts)

    def _block(self, node: Any) -> Poly:
        """Blocks put in place by J: JᵢᵀJⱼ is I or 0, and the sum of all JᵢJᵢᵀ is I."""
        rows = self._places([row[0].shape[0] for row in node.args])
        columns = self._places([part.shape[1] for part in node.args[0]])
        return words.add(
            words.multiply(words.multiply(rows[a], self.read(part)), words.transpose(columns[b]))
            for a, row in enumerate(node.args)
            for b, part in enumerate(row)
        )

    def _places(self, heights: list[Any]) -> list[Poly]:
        if len(heights) == 1:
            return [ONE]
        total = sympy.Add(*heights)
        name = ",".join(map(str, heights))
        own = [
            Letter(f"J[{name}]{k}", False, False, total, height) for k, height in enumerate(heights)
        ]
        if name not in self._known:
            self._known.add(name)
            equations = [
                words.add([words.of(x.T, y), {(): S.NegativeOne} if x == y else {}])
                for x in own
                for y in own
            ]
            equations += [
                words.add(
                    [words.of(x.T, _ones(total)), words.scale(S.NegativeOne, words.of(_ones(h)))]
                )
                for x, h in zip(own, heights, strict=True)
            ]
            whole = [words.of(x, x.T) for x in own]
            self.rules.learn([words.add([*whole, {(): S.NegativeOne}]), *equations])
        return [words.of(x) for x in own]

    def _entrywise(self, node: Any) -> Poly:
        marks = [Index(name, 1, n) for name, n in zip(("#row", "#column"), node.shape, strict=True)]
        body = node.args[0].xreplace(dict(zip(node.args[1:3], marks, strict=True)))
        return self._named(f"[{words.number_of(body)}]", node)


def _basis(size: Any, at: Any) -> Letter:
    return Letter(f"e[{words.number_of(at)} of {size}]", False, False, size, S.One, at)


def _ones(size: Any) -> Letter:
    return Letter(f"1[{sympy.expand(size)}]", False, False, size, S.One)


def _text(word: Word) -> str:
    return " ".join(map(str, word)) or "I"


def _short(poly: Poly) -> str:
    """The name of a polynomial; of a single letter the letter's own."""
    if len(poly) == 1:
        ((word, coefficient),) = poly.items()
        if len(word) == 1 and coefficient == 1:
            return str(word[0])
    return f"({words.key(poly)})"


def _without_scalars(poly: Poly) -> Poly:
    """B of A = a I + b B: what commutes with B commutes with A, and so do functions of A."""
    rest = {word: c for word, c in poly.items() if word}
    shared = sympy.gcd_list(list(rest.values())) if rest else S.One
    return {word: sympy.cancel(c / shared) for word, c in rest.items()}


_READERS: dict[type, Callable[[Any, Any], Poly]] = {
    MatrixLetter: Reader._letter,
    MatrixSum: lambda r, n: words.add(r.read(a) for a in n.args),
    Scaled: lambda r, n: words.scale(r.scalar(n.args[0]), r.read(n.args[1])),
    MatrixProduct: Reader._product,
    Transposed: lambda r, n: words.transpose(r.read(n.args[0])),
    Zeros: lambda r, n: {},
    Explicit: lambda r, n: r._named(f"[{words.number_of(n.args[0])}]", n),
    nodes.Identity: lambda r, n: ONE,
    nodes.Ones: lambda r, n: words.of(_ones(n.args[0])),
    nodes.Basis: lambda r, n: words.of(_basis(*n.args)),
    powers.Inverse: Reader._inverse,
    powers.Power: Reader._power,
    nodes.Hadamard: Reader._hadamard,
    nodes.Diagonal: Reader._diagonal,
    nodes.Block: Reader._block,
    nodes.Entrywise: Reader._entrywise,
    powers.Exponential: Reader._exponential,
    powers.Softmax: Reader._softmax,
}
