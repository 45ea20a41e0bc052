"""Exact decision for plain expressions: exponentials and logarithms become symbols, then algebra.

Each exponential of one monomial and each logarithm of one primitive polynomial is replaced by a
symbol; what remains is a quotient of two polynomials with rational coefficients. Where the
quotients agree the expressions agree (the converse is left to refutation at points).
"""

from typing import Any

import sympy
from sympy import Dummy, Expr, Mul, S, Symbol
from sympy.polys.rings import PolyElement, ring

from .errors import Undefined, Unsupported
from .quotients import MAX_TERMS, quotient
from .signs import is_positive, is_real


class _Restart(Exception):  # noqa: N818 (control flow, not an error)
    """A finer common denominator of exponents was found."""


class Flattener:
    """Replaces exponentials and logarithms by symbols, the same for the same meaning."""

    def __init__(self) -> None:
        """Start without known exponentials."""
        self.denominators: dict[Expr, int] = {}
        self._clear()

    def _clear(self) -> None:
        self.symbols: dict[Any, Symbol] = {}
        self.meaning: dict[Symbol, Expr] = {}
        self._done: dict[Expr, Expr] = {}

    def flatten(self, *expressions: Expr) -> list[Expr]:
        """The expressions with exponentials and logarithms replaced."""
        while True:
            self._clear()
            try:
                return [self._flat(e) for e in expressions]
            except _Restart:
                continue

    def _flat(self, expr: Expr) -> Expr:
        if expr not in self._done:
            self._done[expr] = self._flat_anew(expr)
        return self._done[expr]

    def _flat_anew(self, expr: Expr) -> Expr:
        if expr.is_Rational or expr.is_Symbol:
            return expr
        if expr.is_Add or expr.is_Mul:
            return expr.func(*map(self._flat, expr.args))
        if expr.is_Pow and expr.exp.is_Integer and expr.base != S.Exp1:
            return self._flat(expr.base) ** expr.exp
        if isinstance(expr, sympy.exp) or expr == S.Exp1:
            return self._exponential(self._flat(S.One if expr == S.Exp1 else expr.exp))
        if expr.is_Pow and is_positive(expr.base):
            return self._exponential(
                sympy.expand(self._flat(expr.exp) * self._logarithm(expr.base))
            )
        if isinstance(expr, sympy.log):
            return self._logarithm(expr.args[0])
        if expr.is_number or not expr.args or not isinstance(expr, sympy.Function):
            return self._symbol(("other", expr), expr)
        arguments = tuple(map(self._flat, expr.args))
        return self._symbol((expr.func, arguments), expr)

    def _symbol(self, key: Any, meaning: Expr) -> Symbol:
        if key not in self.symbols:
            known = {"positive": True} if is_positive(meaning) else {}
            if not known and is_real(meaning):
                known = {"real": True}
            self.symbols[key] = Dummy(f"e{len(self.symbols)}", **known)
            self.meaning[self.symbols[key]] = meaning
        return self.symbols[key]

    def roots(self) -> list[Expr]:
        """What is zero: r**q - number for each symbol r that stands for a root of a number."""
        found = []
        for key, symbol in self.symbols.items():
            log = self.meaning.get(key[1]) if key[0] == "exp" else None
            least = self.denominators.get(self.meant(key[1]), 1) if log is not None else 1
            if isinstance(log, sympy.log) and least > 1:
                found.append(symbol**least - self._flat(log.args[0]))
        return found

    def meant(self, flat: Expr) -> Expr:
        """What a flattened expression stands for."""
        while flat.free_symbols & self.meaning.keys():
            flat = flat.xreplace(self.meaning)
        return flat

    def _exponential(self, argument: Expr) -> Expr:
        """exp of a flattened argument: one symbol for each monomial, with integer exponents."""
        result = S.One
        numerator, denominator = quotient(argument)
        divided = denominator.as_expr()
        for monomial, coefficient in numerator.as_expr().as_coefficients_dict().items():
            result *= self._exponential_of_term(monomial / divided, sympy.sympify(coefficient))
        return result

    def _exponential_of_term(self, term: Expr, coefficient: Expr) -> Expr:
        number, term = term.as_coeff_Mul()
        coefficient = coefficient * number
        meaning = self.meaning.get(term)
        if isinstance(meaning, sympy.log) and coefficient.is_Integer:
            return self._flat(meaning.args[0]) ** coefficient
        known = self.meant(term)  # its symbols are new ones after a restart
        least = self.denominators.setdefault(known, 1)
        if least % coefficient.q:
            self.denominators[known] = sympy.ilcm(least, coefficient.q)
            raise _Restart
        symbol = self._symbol(("exp", term), sympy.exp(self.meant(term / least)))
        return symbol ** (coefficient * least)

    def _logarithm(self, argument: Expr) -> Expr:
        """log of an argument: content and positive factors taken out."""
        numerator, denominator = quotient(self._flat(argument))
        if not numerator:
            raise Undefined("the logarithm of zero")
        if not (_positive_polynomial(numerator) and _positive_polynomial(denominator)):
            return self._symbol(("log", self._flat(argument)), sympy.log(argument))
        return self._log_of(numerator) - self._log_of(denominator)

    def _log_of(self, polynomial: PolyElement) -> Expr:
        content, primitive = polynomial.primitive()
        smallest = [min(m[k] for m in primitive) for k in range(len(primitive.ring.gens))]
        result = self._log_of_number(content)
        for power, symbol in zip(smallest, primitive.ring.symbols, strict=True):
            if power:
                result += power * self._log_of_symbol(symbol)
        monomial = primitive.ring.from_dict({tuple(smallest): primitive.ring.domain.one})
        rest = primitive.quo(monomial).as_expr()
        if rest == 1:
            return result
        return result + self._symbol(("log", rest), sympy.log(self.meant(rest)))

    def _log_of_number(self, number: Any) -> Expr:
        primes = sympy.factorrat(sympy.Rational(number.numerator, number.denominator))
        return sympy.Add(
            *(k * self._symbol(("log", prime), sympy.log(prime)) for prime, k in primes.items())
        )

    def _log_of_symbol(self, symbol: Symbol) -> Expr:
        meaning = self.meaning.get(symbol)
        if isinstance(meaning, sympy.exp):
            return self._flat(meaning.args[0])
        return self._symbol(("log", symbol), sympy.log(self.meant(symbol)))


def _positive_polynomial(polynomial: PolyElement) -> bool:
    used = polynomial.as_expr().free_symbols
    return all(c > 0 for c in polynomial.values()) and all(s.is_positive for s in used)


def equal(left: Expr, right: Expr) -> bool:
    """Whether two plain expressions are the same quotient (False: not seen to be).

    Raises:
        Unsupported, Undefined: When a side cannot be brought to that form.
    """
    if left == right:
        return True
    flattener = Flattener()
    flat = flattener.flatten(*without_roots(left, right))
    numerator, _ = quotient(flat[0] - flat[1])
    return not numerator or _vanishes(numerator, flattener.roots())


def _vanishes(numerator: PolyElement, roots: list[Expr]) -> bool:
    """Whether a polynomial is zero by equations such as r**2 = 2 between its symbols."""
    if not roots:
        return False
    symbols = sorted(set().union(*(r.free_symbols for r in roots)), key=str)
    inside, *_ = ring(list(dict.fromkeys([*symbols, *numerator.ring.symbols])), sympy.QQ)
    whole, *relations = (inside.from_expr(p) for p in (numerator.as_expr(), *roots))
    return not whole.rem(relations)


def without_roots(*expressions: Expr) -> list[Expr]:
    """Positive symbols under roots written as powers of new ones, so that roots are polynomials."""
    least: dict[Expr, int] = {}
    for expr in expressions:
        for power in expr.atoms(sympy.Pow):
            base, exponent = power.args
            if base.is_Symbol and base.is_positive and exponent.is_Rational:
                least[base] = int(sympy.ilcm(least.get(base, 1), exponent.q))
    changes = {s: Dummy(positive=True) ** k for s, k in least.items() if k > 1}
    return [expr.xreplace(changes) for expr in expressions]


def reduced(expr: Expr) -> Expr:
    """The expression as one quotient, logarithms of products taken apart."""
    flattener = Flattener()
    (flat,) = flattener.flatten(expr)
    numerator, denominator = quotient(flat)
    return flattener.meant(sympy.expand(numerator.as_expr() / denominator.as_expr()))


def equal_logarithms(left: Expr, right: Expr) -> bool:
    """Whether exp(left - right) is 1 where logarithms have integer coefficients and real values."""
    difference = sympy.expand(left - right)
    logs = [a for a in sympy.Add.make_args(difference) if a.has(sympy.log)]
    if not logs or not is_real(difference):
        return False
    product = S.One
    for term in logs:
        coefficient, log = term.as_coeff_Mul()
        if (
            not isinstance(log, sympy.log)
            or not coefficient.is_Rational
            or not is_positive(log.args[0])
        ):
            return False
        product *= log.args[0] ** (coefficient * _lcm(logs))
    rest = sympy.Add(*(a for a in sympy.Add.make_args(difference) if not a.has(sympy.log)))
    return equal(product * sympy.exp(rest * _lcm(logs)), S.One)


def _lcm(terms: list[Expr]) -> int:
    return int(
        sympy.ilcm(1, *(t.as_coeff_Mul()[0].q for t in terms if t.as_coeff_Mul()[0].is_Rational))
    )


# Maxima: both sides as sets of expressions of which the largest counts.


def equal_maxima(left: Expr, right: Expr) -> bool:
    """Whether two sides with maxima are maxima over the same set of expressions."""
    if not (left.has(sympy.Max) or right.has(sympy.Max)):
        return False
    return _candidates(left) == _candidates(right)


def _candidates(expr: Expr) -> frozenset[Expr]:
    if isinstance(expr, sympy.Max):
        return frozenset().union(*map(_candidates, expr.args))
    if expr.is_Add:
        sums = frozenset({S.Zero})
        for part in expr.args:
            sums = frozenset(sympy.expand(a + b) for a in sums for b in _candidates(part))
            if len(sums) > MAX_TERMS:
                raise Unsupported("too many candidates of a maximum")
        return sums
    if expr.is_Mul and expr.has(sympy.Max):
        inner = [a for a in expr.args if a.has(sympy.Max)]
        scale = Mul(*(a for a in expr.args if not a.has(sympy.Max)))
        if len(inner) == 1 and is_positive(scale):
            return frozenset(sympy.expand(scale * c) for c in _candidates(inner[0]))
    if expr.has(sympy.Max):
        raise Unsupported("a maximum inside another function")
    return frozenset({sympy.expand(expr)})
