"""Decide a step: refute, prove for all sizes, prove for named sizes, or gather evidence.

A decider is a function of the two written-out sides (`DECIDERS`) or of the two sides for all sizes
(`GENERAL`) with the words that name its means; adding one is adding a line to a list.
"""

import functools
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import sympy
from sympy import Expr, S

from . import approximations, exact, inequalities, matrix_normal, normal
from .cases import KINKED, in_every_case
from .closed_forms import in_closed_form
from .conditions import parametrizations
from .definedness import Demand, Recording, recorded, unmet_for_all_sizes
from .domain import Ingredients, Instance, Sizes, instances
from .errors import Undefined, Unsupported
from .evaluate import Evaluator, Scope
from .general import expand_names
from .induction import by_induction
from .integrals import Integral
from .limits import departs, limit_is
from .matrix_powers import Exponential
from .near_misses import require_none_at_kinks, require_none_downhill
from .operators import Indicator
from .pairs import nonnegative_in_pairs
from .refute import AGREED, Counterexample, search
from .signs import is_nonnegative, is_positive
from .timing import TookTooLong, within
from .zeros import Refuted, require_defined, require_no_crossing, require_no_jump

SECONDS, STEP_SECONDS = 20.0, 35.0  # of processor time: for one means, for a whole step
POINTS, EVIDENCE_POINTS = 24, 60
TRIAL_SIZES, MORE_SIZES = (1, 2, 3), (1, 2, 3, 4, 7)

PROVED, SIZES, EVIDENCE = "proved", "proved for sizes", "evidence"
FAILURES = (
    Unsupported, Undefined, TookTooLong, NotImplementedError, RecursionError, ValueError,
    TypeError, ArithmeticError, AttributeError, LookupError, mpmath.libmp.NoConvergence,
    sympy.polys.polyerrors.BasePolynomialError,
)  # fmt: skip

_SMOOTH = (sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.atan, sympy.sinh, sympy.cosh)
Sides = tuple[Any, Any]


@dataclass(frozen=True)
class Verdict:
    """How a step was decided; without a standing it is undecided, with a counterexample false."""

    standing: str | None
    means: str
    tried: tuple[str, ...] = ()
    counterexample: Counterexample | None = None
    points: int = 0
    digits: int = AGREED
    nowhere: bool = False  # no point was found at which a side has a value


@dataclass(frozen=True)
class Claim:
    """One step: `sides[0] relation sides[1]`.

    A limit has the symbol, point and direction, an approximation the exponent of its remainder too.
    """

    relation: str
    sides: Sides
    when: tuple[Any, Any, str] | None = None
    order: Any = None


# For all sizes at once.


def _general_equality(claim: Claim) -> bool:
    if claim.relation != "==":
        return False
    left, right = (expand_names(side) for side in claim.sides)
    return normal.is_zero(left - right)


def _general_inequality(claim: Claim) -> bool:
    if claim.relation not in ("<=", ">=", "<", ">"):
        return False
    left, right = (expand_names(side) for side in claim.sides)
    difference = right - left if claim.relation in ("<=", "<") else left - right
    test = is_positive if claim.relation in ("<", ">") else is_nonnegative
    return test(difference) or test(normal.to_expr(normal.normal(difference)))


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
    return approximations.is_order_for_all_sizes(
        left - right, claim.when, claim.order, normal.is_zero
    )


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
        sympy.radsimp,
    )
    return any(sympy.simplify(form(difference)) == 0 for form in forms)


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


def _stands(left: Expr, right: Expr, instance: Instance) -> bool:
    """Whether what SymPy says is not refuted by many more points (its simplifier has erred)."""
    met = instance.conditions if left.free_symbols | right.free_symbols else ()
    return search("==", (left, right), [Instance({}, {}, met)], per_instance=POINTS, seed=17).stands


def _inequality(relation: str, left: Expr, right: Expr) -> str | None:
    difference = right - left if relation in ("<=", "<") else left - right
    return inequalities.means(difference, strict=relation in ("<", ">"))


def decide_written_out(claim: Claim, instance: Instance) -> str | None:
    """The means by which the claim holds for one instance, or None."""
    written, demands = _written_out(claim, instance)
    means = _decide_cases(claim, written, instance)
    if means is not None and claim.when is None:
        require_defined(demands, written, instance)
    return means


def _written_out(
    claim: Claim, instance: Instance
) -> tuple[list[Any], tuple[list[Demand], list[Demand]]]:
    """Both sides with plain symbols, and what each demands in order to have a value."""
    left, right = Recording(), Recording()
    written = [
        Evaluator(record, instance.sizes).value(side, Scope(instance.bindings))
        for record, side in zip((left, right), claim.sides, strict=True)
    ]
    return written, (list(left.demands), list(right.demands))


def _decide_cases(claim: Claim, written: list[Any], instance: Instance) -> str | None:
    """As written, or with the conditions put into the symbols."""
    integrals = any(side.has(Integral) for side in written)
    if not (integrals and instance.conditions) or claim.when is not None:
        found = _decide_plain(claim, written, instance)
        if found is not None or claim.when is not None or not instance.conditions:
            return found
    if claim.relation != "==" and _follows(
        claim.relation, written[0], written[1], instance.conditions
    ):
        return "it follows from a condition of the domain"
    means: list[str] = []
    for change in parametrizations(instance.conditions):
        one = _decide_plain(claim, [side.xreplace(change) for side in written], instance)
        if one is None:
            return None
        means += [one] if one not in means else []
    return "; ".join(means)


def _follows(relation: str, left: Expr, right: Expr, conditions: tuple[Any, ...]) -> bool:
    """Whether the difference is at least what a condition says to be (more than) zero."""
    larger, smaller = (right, left) if relation in ("<=", "<") else (left, right)
    for condition in conditions:
        sure = isinstance(condition, (sympy.Lt, sympy.Gt)) or relation in ("<=", ">=")
        if not isinstance(condition, sympy.Ne) and sure:
            rest = larger - smaller - (condition.gts - condition.lts)
            if inequalities.at_least_zero(sympy.expand(rest)):
                return True
    return False


def _decide_plain(claim: Claim, sides: list[Any], instance: Instance) -> str | None:
    """The means by which the claim holds between plain expressions, integrals evaluated first."""
    (left, right), closed = in_closed_form(*sides)
    words = _decide_closed(claim, left, right, instance)
    return "; ".join([*closed, words]) if words else None


def _decide_closed(claim: Claim, left: Any, right: Any, instance: Instance) -> str | None:
    if claim.when is not None and claim.order is not None:
        return approximations.is_order(left - right, claim.when, claim.order)
    if claim.when is not None:
        holds = limit_is(left, right, claim.when, instance.conditions)
        return "a limit that SymPy finds" if holds else None
    if claim.relation != "==":
        return _inequality(claim.relation, left, right)
    for words, decider in DECIDERS:
        try:
            if decider(left, right) and (words not in DOUBTED or _stands(left, right, instance)):
                return words
        except FAILURES:
            continue
    return None


# The whole decision.


def decide(claim: Claim, found: Ingredients, sizes: Sizes | None, *, evidence: bool) -> Verdict:
    """Decide a claim by the strongest means that succeeds, after trying to refute it."""
    trial = _trial_sizes(found, sizes)
    refuted = _refute(claim, found, trial, POINTS)
    if refuted.counterexample is not None:
        return refuted
    tried = [refuted.means]
    if refuted.nowhere:
        return Verdict(None, "", tuple(tried))
    try:
        proof = _proof(claim, found, sizes, trial, tried)
    except Refuted as error:
        if _written_out_in_full(claim, found):
            return Verdict(None, "zeros of denominators", counterexample=error.counterexample)
        tried.append(
            f"zeros of denominators: {error} may be no point of the domain, or of the form only "
            "in which a matrix is written out"
        )
        proof = None
    if proof is not None:
        return replace(proof, points=refuted.points)
    if evidence:
        more = _refute(claim, found, trial, EVIDENCE_POINTS)
        if more.counterexample is not None or more.points:
            shown = None if more.counterexample else EVIDENCE
            return replace(more, standing=shown, tried=tuple(tried))
    return Verdict(None, "", tuple(tried))


def _written_out_in_full(claim: Claim, found: Ingredients) -> bool:
    """Whether a point of the written-out sides is one of the domain, and has their values.

    What is stated of a matrix is not in its written-out entries, and the closed form of an
    exponential is 0/0 where eigenvalues meet.
    """
    bound = any(getattr(array, "constrained", False) for array in found.arrays)
    return not bound and not any(side.has(Exponential) for side in claim.sides)


def _proof(
    claim: Claim, found: Ingredients, sizes: Sizes | None, trial: Sizes, tried: list[str]
) -> Verdict | None:
    """The strongest proof that succeeds, or None.

    Raises:
        Refuted: When the sides agree, but only one of them has a value at some point.
    """
    for words, general in GENERAL:
        if _attempt(functools.partial(general, claim), words, tried):
            if claim.when is not None or _attempt(
                lambda: _defined_for_all_sizes(claim, found), "the same domain", tried
            ):
                return Verdict(PROVED, words)
            break
    if sizes is not None or not found.sizes:
        written = _attempt(lambda: _every_instance(claim, found, trial), "writing out", tried)
        if written:
            return Verdict(SIZES if found.sizes else PROVED, written)
    else:
        tried.append("not written out: no sizes are given")
    if claim.when is None:
        _attempt(lambda: _defined_in_cases(claim, found, trial), "the same domain", [])
    return None


def _defined_for_all_sizes(claim: Claim, found: Ingredients) -> bool:
    """Whether both sides have values at the same points.

    Raises:
        Unsupported: When that is not seen, with what must be stated.
    """
    demands = []
    for side in claim.sides:
        with recorded() as own:
            expanded = expand_names(side)
        # What a bracket hides is not demanded where it is zero.
        hidden = expanded.has(sympy.KroneckerDelta, Indicator)
        demands.append((own, () if hidden else own))
    (left, left_sure), (right, right_sure) = demands
    missing = unmet_for_all_sizes(left, right_sure, found.conditions)
    missing += unmet_for_all_sizes(right, left_sure, found.conditions)
    if missing:
        raise Unsupported(
            f"one side needs that {missing[0]}, the other does not, and it is not seen to hold: "
            "state it, as in derive(..., where=[Ne(a, b)])"
        )
    return True


def _defined_in_cases(claim: Claim, found: Ingredients, trial: Sizes) -> bool:
    for instance in _spread(list(instances(found, trial)), 8):
        sides, demands = _written_out(claim, instance)
        require_no_jump(claim.relation, sides, instance)
        require_none_at_kinks(claim.relation, sides, instance)
        if claim.relation != "==":
            require_no_crossing(claim.relation, sides, instance)
            require_none_downhill(claim.relation, sides, instance)
        require_defined(demands, sides, instance)
    return True


def _trial_sizes(found: Ingredients, sizes: Sizes | None) -> dict[Any, tuple[int, ...]]:
    given = sizes or {}
    bound = any(getattr(array, "facts", ()) for array in found.arrays)  # each point is sought
    few = len(found.sizes) == 1 and not found.paths and not bound
    return {size: given.get(size, MORE_SIZES if few else TRIAL_SIZES) for size in found.sizes}


def _attempt(work: Callable[[], Any], what: str, tried: list[str]) -> Any:
    try:
        result = within(SECONDS, work)
    except TookTooLong as error:
        tried.append(f"{what}: {error}")
    except FAILURES as error:
        tried.append(f"{what}: {error}")
    else:
        if result:
            return result
        tried.append(f"{what}: not seen to hold")
    return None


def _every_instance(claim: Claim, found: Ingredients, sizes: Sizes) -> str | None:
    means: list[str] = []
    count = 0
    for instance in instances(found, sizes):
        count += 1
        one = decide_written_out(claim, instance)
        if one is None:
            return None
        if one not in means:
            means.append(one)
    if not count:
        raise Unsupported("the sizes leave no case: an index range is empty for each of them")
    weakest = max(means, key=len) if len(means) > 1 else means[0]
    cases = f"{count} cases written out: " if found.sizes or found.free else ""
    return cases + ("; ".join(means) if len(means) < 4 else weakest)


def _refute(claim: Claim, found: Ingredients, sizes: Sizes, points: int) -> Verdict:
    """A verdict with a counterexample, or without a standing: nothing was found."""
    chosen = list(instances(found, sizes))
    if not chosen:
        words = "no case to try: an index range is empty, or a condition fails, for every size"
        return Verdict(None, words, nowhere=True)
    if claim.when is not None:
        return _refute_limit(claim, claim.when, _spread(chosen, 3))
    chosen = _spread(chosen, points)
    per_instance = max(1, points // len(chosen))
    try:
        result = within(
            SECONDS,
            lambda: search(claim.relation, claim.sides, chosen, per_instance=per_instance),
        )
    except TookTooLong:
        return Verdict(None, "points: took too long")
    except Unsupported as error:
        return Verdict(None, f"points: {error}")
    if result.undefined and not result.points:
        return Verdict(None, "no point was found at which a side has a value", nowhere=True)
    words = f"{result.points} random points, corners included, {result.digits} digits"
    return Verdict(None, words, (), result.counterexample, result.points, result.digits)


def _refute_limit(claim: Claim, when: tuple[Any, Any, str], chosen: list[Instance]) -> Verdict:
    for instance in chosen:
        try:
            departure = within(SECONDS, functools.partial(_departure, claim, instance, when))
        except (TookTooLong, Unsupported) as error:
            return Verdict(None, f"values near the limit point: {error}")
        if departure is not None:
            return Verdict(None, "values near the limit point", (), Counterexample(*departure))
    return Verdict(None, "values near the limit point", points=len(chosen))


def _departure(claim: Claim, instance: Instance, when: tuple[Any, Any, str]) -> Any:
    if claim.order is not None:
        return approximations.grows(claim.sides, instance, when, claim.order)
    return departs(claim.sides, instance, when)


def _spread(chosen: list[Any], limit: int) -> list[Any]:
    """At most about `limit` instances, spread over all; first and last are kept."""
    if len(chosen) <= limit:
        return chosen
    step = (len(chosen) - 1) / (limit - 1)
    return [chosen[round(k * step)] for k in range(limit)]


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result of `work()` and the seconds that it took."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start
