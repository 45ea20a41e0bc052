"""The means that prove a claim.

A prover is a function of a claim, for all sizes (`GENERAL`), or of its two written-out sides
(`DECIDERS`), with the words that name its means; adding one is adding a line to a list.
"""

import itertools
import warnings
from collections.abc import Callable

import sympy
from sympy import Expr, S
from sympy.utilities.exceptions import SymPyDeprecationWarning

from . import approximations, exact, matrix_normal
from .cases import KINKED, in_every_case
from .claims import Claim
from .general import expand_names
from .induction import by_induction
from .normal import is_zero, normal
from .pairs import nonnegative_in_pairs
from .polynomials import to_expr
from .signs import is_nonnegative, is_positive

_SMOOTH = (sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.atan, sympy.sinh, sympy.cosh)


# For all sizes at once.


def _general_equality(claim: Claim) -> bool:
    if claim.relation != "==":
        return False
    left, right = (expand_names(side) for side in claim.sides)
    return is_zero(left - right)


def _general_inequality(claim: Claim) -> bool:
    if claim.relation not in ("<=", ">=", "<", ">"):
        return False
    left, right = (expand_names(side) for side in claim.sides)
    difference = right - left if claim.relation in ("<=", "<") else left - right
    test = is_positive if claim.relation in ("<", ">") else is_nonnegative
    return test(difference) or test(to_expr(normal(difference)))


def _general_pairs(claim: Claim) -> bool:
    if claim.relation not in ("<=", ">="):
        return False
    left, right = (expand_names(side) for side in claim.sides)
    return nonnegative_in_pairs(right - left if claim.relation == "<=" else left - right)


def _general_induction(claim: Claim) -> bool:
    return claim.relation == "==" and by_induction(*claim.sides)


def _general_order(claim: Claim) -> bool:
    if claim.when is None or claim.order is None:
        return False
    left, right = (expand_names(side) for side in claim.sides)
    return approximations.is_order_for_all_sizes(left - right, claim.when, claim.order, is_zero)


GENERAL: list[tuple[str, Callable[[Claim], bool]]] = [
    *matrix_normal.GENERAL,
    ("both sides have one normal form of sums, whatever the sizes", _general_equality),
    ("the difference is made of squares and positive factors", _general_inequality),
    ("the terms of the double sum, two by two, are at least 0, whatever the sizes", _general_pairs),
    ("Taylor's theorem: the derivatives at the point agree, whatever the sizes", _general_order),
    ("induction: the first value and the step hold as identities", _general_induction),
]


# Written out with plain symbols.


def _by_cases(left: Expr, right: Expr) -> bool:
    if not (left - right).has(*KINKED):
        return False
    return in_every_case(left - right, lambda case: exact.equal(case, S.Zero))


def _by_simplify(left: Expr, right: Expr) -> bool:
    return bool(sympy.simplify(left - right) == 0)


def _by_expansion(left: Expr, right: Expr) -> bool:
    difference = left - right
    forms = (
        sympy.expand_func,
        sympy.expand_trig,
        sympy.expand_log,
        sympy.gammasimp,
        sympy.powsimp,
        _without_roots_below,
    )
    return any(sympy.simplify(form(difference)) == 0 for form in forms)


def _without_roots_below(expr: Expr) -> Expr:
    """`radsimp`, which in SymPy 1.13 goes into the bounds of sums and warns of itself there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SymPyDeprecationWarning)
        return sympy.radsimp(expr)


def _by_derivatives(left: Expr, right: Expr) -> bool:
    """Equal derivatives by one real symbol, and equal values at one point."""
    difference = left - right
    symbols = sorted(difference.free_symbols, key=str)
    smooth = all(isinstance(f, _SMOOTH) for f in difference.atoms(sympy.Function))
    if len(symbols) != 1 or not symbols[0].is_extended_real or not smooth:
        return False
    (x,) = symbols
    point = S.One if not x.is_negative else S.NegativeOne
    domain = S.Reals
    if x.is_positive or x.is_negative:
        domain = (
            sympy.Interval.open(0, S.Infinity)
            if x.is_positive
            else sympy.Interval.open(-S.Infinity, 0)
        )
    singular = sympy.singularities(difference, x, domain)
    if singular is not S.EmptySet:
        return False
    return bool(sympy.simplify(difference.diff(x)) == 0 and difference.subs(x, point).equals(0))


def _by_common_denominator(left: Expr, right: Expr) -> bool:
    """Numbers such as sqrt(7) multiply out, which polynomials over the rationals do not see."""
    numerator, _ = sympy.fraction(sympy.together(left - right))
    return bool(sympy.expand(numerator) == 0)


def _by_signs(left: Expr, right: Expr) -> bool:
    """Each real symbol under an absolute value or a sign once positive, once negative, once 0."""
    bare = {a.args[0] for a in (left - right).atoms(sympy.Abs, sympy.sign)}
    symbols = sorted((s for s in bare if s.is_Symbol and s.is_extended_real), key=str)
    if not 0 < len(symbols) <= 3:
        return False
    for signs in itertools.product((1, -1, 0), repeat=len(symbols)):
        change = {s: k * sympy.Dummy(positive=True) for s, k in zip(symbols, signs, strict=True)}
        case = (left - right).xreplace(change)
        # Where a side has no value at 0, the other has none either: that is seen to apart.
        if not case.has(S.NaN, S.ComplexInfinity) and sympy.simplify(case) != 0:
            return False
    return True


DECIDERS: list[tuple[str, Callable[[Expr, Expr], bool]]] = [
    ("the two sides are the same", lambda a, b: bool(a == b)),
    ("polynomials in the symbols and their exponentials agree", exact.equal),
    ("both sides are maxima over the same expressions", exact.equal_maxima),
    ("exponentials of both sides agree", exact.equal_logarithms),
    ("over a common denominator the difference expands to 0", _by_common_denominator),
    ("equal in each case of absolute values and maxima", _by_cases),
    ("SymPy simplifies the difference to 0", _by_simplify),
    ("SymPy expands the difference to 0", _by_expansion),
    ("equal derivatives and one equal value", _by_derivatives),
    ("equal where symbols are positive, negative or 0", _by_signs),
]


DOUBTED = [words for words, _ in DECIDERS if words.startswith(("SymPy", "equal"))]
