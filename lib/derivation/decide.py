"""Decide a step: refute, prove for all sizes, prove for named sizes, or gather evidence.

A decider is a function of the two written-out sides (`DECIDERS`) or of the two sides for all sizes
(`GENERAL`) with the words that name its means; adding one is adding a line to a list.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, S

from . import exact, inequalities, normal
from .backends import Symbolic
from .domain import Ingredients, Instance, Sizes, instances
from .errors import Undefined, Unsupported
from .evaluate import Evaluator, Scope
from .general import expand_names
from .limits import departs, limit_is
from .refute import Counterexample, search
from .signs import is_nonnegative, is_positive
from .timing import TookTooLong, within

SECONDS = 20.0
POINTS, EVIDENCE_POINTS = 24, 60
TRIAL_SIZES = (1, 2, 3)

PROVED, SIZES, EVIDENCE = "proved", "proved for sizes", "evidence"
FAILURES = (
    Unsupported, Undefined, TookTooLong, NotImplementedError, RecursionError, ValueError,
    TypeError, ArithmeticError, AttributeError, sympy.polys.polyerrors.BasePolynomialError,
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


@dataclass(frozen=True)
class Claim:
    """One step: `sides[0] relation sides[1]`, for a limit with the symbol, point and direction."""

    relation: str
    sides: Sides
    when: tuple[Any, Any, str] | None = None


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


GENERAL: list[tuple[str, Callable[[Claim], bool]]] = [
    ("both sides have one normal form of sums, whatever the sizes", _general_equality),
    ("the difference is made of squares and positive factors", _general_inequality),
]


# Written out with plain symbols.


def _by_simplify(left: Expr, right: Expr) -> bool:
    return bool(sympy.simplify(left - right) == 0)


def _by_expansion(left: Expr, right: Expr) -> bool:
    difference = left - right
    forms = (sympy.expand_trig, sympy.expand_log, sympy.gammasimp, sympy.powsimp, sympy.radsimp)
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
    singular = sympy.singularities(difference, x)
    if singular is not S.EmptySet:
        return False
    return bool(sympy.simplify(difference.diff(x)) == 0 and difference.subs(x, point).equals(0))


DECIDERS: list[tuple[str, Callable[[Expr, Expr], bool]]] = [
    ("the two sides are the same", lambda a, b: bool(a == b)),
    ("polynomials in the symbols and their exponentials agree", exact.equal),
    ("both sides are maxima over the same expressions", exact.equal_maxima),
    ("exponentials of both sides agree", exact.equal_logarithms),
    ("SymPy simplifies the difference to 0", _by_simplify),
    ("SymPy expands the difference to 0", _by_expansion),
    ("equal derivatives and one equal value", _by_derivatives),
]


def _inequality(relation: str, left: Expr, right: Expr) -> bool:
    difference = right - left if relation in ("<=", "<") else left - right
    return inequalities.at_least_zero(difference, strict=relation in ("<", ">"))


def decide_written_out(claim: Claim, instance: Instance) -> str | None:
    """The means by which the claim holds for one instance, or None."""
    evaluator = Evaluator(Symbolic(), instance.sizes)
    left, right = (evaluator.value(side, Scope(instance.bindings)) for side in claim.sides)
    if claim.when is not None:
        return "a limit that SymPy finds" if limit_is(left, right, claim.when) else None
    if claim.relation != "==":
        holds = _inequality(claim.relation, left, right)
        return "the sign of the difference shows in its form" if holds else None
    for words, decider in DECIDERS:
        try:
            if decider(left, right):
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
    for words, general in GENERAL:
        if _attempt(functools.partial(general, claim), words, tried):
            return Verdict(PROVED, words, points=refuted.points)
    if sizes is not None or not found.sizes:
        written = _attempt(lambda: _every_instance(claim, found, trial), "writing out", tried)
        if written:
            standing = SIZES if found.sizes else PROVED
            return Verdict(standing, written, points=refuted.points)
    else:
        tried.append("not written out: no sizes are given")
    if evidence:
        more = _refute(claim, found, trial, EVIDENCE_POINTS)
        if more.counterexample is not None or more.points:
            shown = None if more.counterexample else EVIDENCE
            return Verdict(shown, more.means, tuple(tried), more.counterexample, more.points)
    return Verdict(None, "", tuple(tried))


def _trial_sizes(found: Ingredients, sizes: Sizes | None) -> dict[Any, tuple[int, ...]]:
    given = sizes or {}
    return {size: given.get(size, TRIAL_SIZES) for size in found.sizes}


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
        return Verdict(None, "no case to try: an index range is empty for every size")
    if claim.when is not None:
        return _refute_limit(claim, claim.when, chosen[: points // 4])
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
    words = f"{result.points} random points, corners included, 50 digits"
    return Verdict(None, words, counterexample=result.counterexample, points=result.points)


def _refute_limit(claim: Claim, when: tuple[Any, Any, str], chosen: list[Instance]) -> Verdict:
    for instance in chosen:
        departure = within(SECONDS, functools.partial(departs, claim.sides, instance, when))
        if departure is not None:
            return Verdict(None, "values near the limit point", (), Counterexample(*departure))
    return Verdict(None, "values near the limit point", points=len(chosen))


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
