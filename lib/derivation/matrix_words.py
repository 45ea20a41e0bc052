"""Polynomials in matrices that do not commute: words of letters with scalar coefficients.

A word is a product of letters; a transpose is pushed into its letters, and a symmetric letter is
its own. What closes to a scalar (a product of shape 1 × 1, a trace) is a commuting symbol, named
after its cyclic word: the least of all its rotations, and of those of its transpose.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Expr, KroneckerDelta, S

from .errors import Unsupported

MAX_TERMS = 4000


@dataclass(frozen=True, order=True)
class Letter:
    """A matrix that is not taken apart; two are one when name and transposition are."""

    name: str
    transposed: bool = False
    symmetric: bool = field(default=False, compare=False)
    rows: Any = field(default=S.One, compare=False)
    columns: Any = field(default=S.One, compare=False)
    entry: Any = field(default=None, compare=False)  # a named matrix's array, a basis' index

    @property
    def T(self) -> "Letter":  # noqa: N802
        """The letter transposed."""
        if self.symmetric:
            return self
        return Letter(self.name, not self.transposed, False, self.columns, self.rows, self.entry)

    def __str__(self) -> str:
        """The name, with a mark when transposed."""
        return self.name + ("ᵀ" if self.transposed else "")


Word = tuple[Letter, ...]
Poly = dict[Word, Expr]


def of(*letters: Letter) -> Poly:
    """A single word as a polynomial."""
    return {letters: S.One}


def reversed_word(word: Word) -> Word:
    """The transpose of a word."""
    return tuple(letter.T for letter in reversed(word))


def add(parts: Iterable[Poly]) -> Poly:
    """The sum of polynomials."""
    total: Poly = {}
    for part in parts:
        for word, coefficient in part.items():
            total[word] = total.get(word, S.Zero) + coefficient
    return {w: c for w, c in ((w, sympy.expand(c)) for w, c in total.items()) if c != 0}


def scale(factor: Expr, poly: Poly) -> Poly:
    """A scalar times a polynomial."""
    return {w: factor * c for w, c in poly.items()} if factor != 0 else {}


def multiply(left: Poly, right: Poly) -> Poly:
    """The product of polynomials, the order kept."""
    if len(left) * len(right) > MAX_TERMS:
        raise Unsupported("the product of matrices has too many terms")
    return add({u + v: a * b} for u, a in left.items() for v, b in right.items())


def finish(poly: Poly) -> Poly:
    """The polynomial with scalars taken out of its words."""
    closed_words = ((closed(word), c) for word, c in poly.items())
    return add({word: c * factor} for (factor, word), c in closed_words)


def transpose(poly: Poly) -> Poly:
    """The transpose of a polynomial."""
    return add({reversed_word(w): c} for w, c in poly.items())


def _one(size: Any) -> bool:
    return bool(size == 1)


def closed(word: Word) -> tuple[Expr, Word]:
    """The word without its parts of shape 1 × 1, and the scalar that these are."""
    segments: list[Word] = [()]
    for letter in word:
        if segments[-1] and _one(letter.rows):
            segments.append(())
        segments[-1] += (letter,)
    factor: Expr = S.One
    kept: Word = ()
    for segment in segments:
        if segment and _one(segment[0].rows) and _one(segment[-1].columns):
            factor = factor * scalar(segment)
        else:
            kept += segment
    return factor, kept


def scalar(word: Word) -> Expr:
    """A product of shape 1 × 1 that cannot be parted, as a commuting scalar."""
    word = min(word, reversed_word(word))
    if len(word) == 2:
        known = _pair(word[0].T, word[1])
        if known is not None:
            return known
    if len(word) == 3 and {word[0].name[:2], word[2].name[:2]} == {"e["}:
        array = word[1].entry
        if array is not None and len(array.shape) == 2:
            i, j = word[0].entry, word[2].entry
            return array[(j, i) if word[1].transposed else (i, j)]
    return _symbol("⟨", word)


def _pair(left: Letter, right: Letter) -> Expr | None:
    """The scalar leftᵀ right where it has a value: 1ᵀ1 = n, eᵢᵀeⱼ = δᵢⱼ, eᵢᵀv = vᵢ."""
    names = {left.name[:2], right.name[:2]}
    if names == {"1["}:
        return left.rows
    if names == {"e["}:
        return KroneckerDelta(left.entry, right.entry)
    if "e[" not in names:
        return None
    unit, other = (left, right) if left.name[:2] == "e[" else (right, left)
    if other.name[:2] == "1[":
        return S.One
    array = other.entry
    if array is None:
        return None
    return array[(unit.entry,) if len(array.shape) == 1 else _place(other, unit.entry)]


def _place(letter: Letter, index: Any) -> tuple[Any, Any]:
    return (S.One, index) if letter.transposed else (index, S.One)


def trace(word: Word, size: Any) -> Expr:
    """The trace of a word of shape size × size, as a commuting scalar."""
    if not word:
        return size
    for k, letter in enumerate(word):
        if _one(letter.rows):
            factor, rest = closed(word[k:] + word[:k])
            return factor if not rest else factor * trace(rest, S.One)
    rotations = [w[k:] + w[:k] for w in (word, reversed_word(word)) for k in range(len(word))]
    return _symbol("tr", min(rotations))


def _symbol(kind: str, word: Word) -> Expr:
    return sympy.Symbol(f"{kind}({' '.join(map(str, word))})")


def key(poly: Poly) -> str:
    """A text that is one for equal polynomials."""
    terms = sorted((tuple(map(str, w)), _text(sympy.factor(c))) for w, c in poly.items())
    return " + ".join(f"{c}*{' '.join(w)}" for w, c in terms) or "0"


_numbers: dict[Any, int] = {}


def number_of(expr: Any) -> int:
    """A number that only equal expressions share, where names alone may mislead."""
    return _numbers.setdefault(expr, len(_numbers) + 1)


def _text(coefficient: Expr) -> str:
    plain = all(isinstance(a, (sympy.Symbol, sympy.Number)) for a in coefficient.atoms())
    text = str(coefficient)
    return (
        text if plain and not coefficient.has(sympy.Indexed) else f"{text}#{number_of(coefficient)}"
    )
