"""What is known of matrices as rules that rewrite words: W W⁻¹ → I, W 1 → 1, P P → P.

Each equation is solved for its greatest word (longest first), so rewriting ends; where two rules
overlap, the two results make another rule: from W 1 = 1 and W⁻¹ W = I follows W⁻¹ 1 = 1.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import sympy
from sympy import Expr

from . import matrix_words as words
from .errors import Unsupported
from .matrix_words import Poly, Word

MAX_RULES, MAX_STEPS, ROUNDS, MAX_LENGTH = 80, 3000, 3, 6


@dataclass
class Rules:
    """Rules for words, kept such that no rule's left side can be rewritten by another."""

    rules: dict[Word, Poly] = field(default_factory=dict)
    steps: int = 0

    def reduce(self, poly: Poly) -> Poly:
        """The polynomial with every word rewritten until no rule applies."""
        while True:
            changed = False
            parts: list[Poly] = []
            for word, coefficient in poly.items():
                new = self._rewrite(word)
                changed = changed or new is not None
                parts.append(words.scale(coefficient, {word: sympy.S.One} if new is None else new))
            poly = words.add(parts)
            if not changed:
                return poly

    def _rewrite(self, word: Word) -> Poly | None:
        """The word after one rule has been used in it, or None."""
        for start in range(len(word)):
            for end in range(start + 1, len(word) + 1):
                new = self.rules.get(word[start:end])
                if new is not None:
                    self.steps += 1
                    if self.steps > MAX_STEPS:
                        raise Unsupported("the rules for the matrices do not come to an end")
                    before, after = {word[:start]: sympy.S.One}, {word[end:]: sympy.S.One}
                    return words.multiply(words.multiply(before, new), after)
        return None

    def finish(self, poly: Poly) -> Poly:
        """The polynomial rewritten, with scalars taken out of its words."""
        while True:
            done = words.finish(self.reduce(poly))
            if done == poly:
                return done
            poly = done

    def trace(self, poly: Poly, size: Expr) -> Expr:
        """The trace: rules may be used across the ends of a word."""
        total: Expr = sympy.S.Zero
        for word, coefficient in self.reduce(poly).items():
            for k in range(1, len(word)):
                turned = word[k:] + word[:k]
                if self._rewrite(turned) is not None:
                    total += coefficient * self.trace({turned: sympy.S.One}, turned[0].rows)
                    break
            else:
                total += coefficient * words.trace(word, size)
        return total

    def learn(self, equations: Iterable[Poly]) -> None:
        """Take polynomials that are zero as rules, their transposes too, and complete them."""
        self._take(p for q in equations for p in (q, words.transpose(q)))
        for _ in range(ROUNDS):
            before = len(self.rules)
            self._take(list(self._overlaps()))
            if len(self.rules) == before or len(self.rules) > MAX_RULES:
                return

    def _take(self, equations: Iterable[Poly]) -> None:
        for equation in equations:
            poly = self.reduce(equation)
            lead = _leading(poly)
            if lead is None or len(self.rules) > MAX_RULES:
                continue
            factor = poly.pop(lead)
            self.rules[lead] = words.scale(sympy.S.NegativeOne / factor, poly)

    def _overlaps(self) -> Iterable[Poly]:
        """The differences of what two overlapping rules make of one word."""
        for first, one in list(self.rules.items()):
            for second, other in list(self.rules.items()):
                for size in range(1, min(len(first), len(second)) + 1):
                    if first[-size:] != second[:size] or (size == len(first) == len(second)):
                        continue
                    if len(first) + len(second) - size > MAX_LENGTH:
                        continue
                    left = words.multiply(one, {second[size:]: sympy.S.One})
                    right = words.multiply({first[:-size]: sympy.S.One}, other)
                    yield words.add([left, words.scale(sympy.S.NegativeOne, right)])


def _leading(poly: Poly) -> Word | None:
    """The greatest word that can be solved for: its coefficient is surely not zero."""
    for word in sorted(poly, key=_order, reverse=True):
        if not word:
            return None
        if sympy.factor(poly[word]).is_nonzero:
            return word
        return None
    return None


def _order(word: Word) -> tuple[int, int, list[str]]:
    return len(word), sum("^-1" in x.name for x in word), [str(x) for x in word]
