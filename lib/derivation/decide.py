"""Decide a step: refute, prove for all sizes, prove for named sizes, or gather evidence."""

import functools
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sympy

from . import approximations
from .claims import EVIDENCE, PROVED, SIZES, Claim, Verdict
from .definedness import recorded, unmet_for_all_sizes
from .domain import Ingredients, Instance, Sizes, instances
from .errors import Unsupported
from .failures import FAILURES
from .general import expand_names
from .instance_proofs import means_for, written_out
from .limits import departs
from .matrix_powers import Exponential
from .near_misses import require_none_at_kinks, require_none_downhill
from .operators import Indicator
from .provers import GENERAL
from .refute import Counterexample, Search, search
from .timing import TookTooLong, within
from .touches import require_none_at_stationary_points
from .zeros import Refuted, require_defined, require_no_crossing, require_no_jump

SECONDS, STEP_SECONDS = 20.0, 35.0  # of processor time: for one means, for a whole step
POINTS, EVIDENCE_POINTS = 24, 60
TRIAL_SIZES, MORE_SIZES = (1, 2, 3), (1, 2, 3, 4, 7)
LARGER_SIZES, LARGER_SECONDS = (11, 37, 120), 3.0


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
        if more.counterexample is None and claim.when is None:
            more = replace(more, counterexample=_at_larger_sizes(claim, found, sizes))
        if more.counterexample is not None:
            return replace(more, tried=tuple(tried))
        if more.points and more.enough:
            return replace(more, standing=EVIDENCE, tried=tuple(tried))
        tried.append("evidence: too few of the points drawn give both sides a value")
    return Verdict(None, "", tuple(tried))


def _at_larger_sizes(
    claim: Claim, found: Ingredients, sizes: Sizes | None
) -> Counterexample | None:
    """A counterexample at sizes past the zeros of such as (N - 1)(N - 2)(N - 3), if any is found.

    Not sought where the author has named the sizes of which the statement is meant.
    """
    free = found.sizes - set(sizes or {})
    if found.paths or not free:
        return None
    for value in LARGER_SIZES:
        trial = {size: (sizes or {}).get(size, (value,)) for size in found.sizes}
        chosen = _spread(list(itertools.islice(instances(found, trial), 1000)), 4)
        work = functools.partial(search, claim.relation, claim.sides, chosen, per_instance=4)
        try:
            seen: Search = within(LARGER_SECONDS, work)
        except FAILURES:
            return None
        if seen.counterexample is not None:
            return seen.counterexample
    return None


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
        sides, demands = written_out(claim, instance)
        require_no_jump(claim.relation, sides, instance)
        require_none_at_kinks(claim.relation, sides, instance)
        if claim.relation != "==":
            require_no_crossing(claim.relation, sides, instance)
            require_none_at_stationary_points(claim.relation, sides, instance)
            require_none_downhill(claim.relation, sides, instance)
        require_defined(demands, sides, instance)
    return True


def refuted(claim: Claim, found: Ingredients) -> Counterexample | None:
    """A counterexample to a claim that is not to be proved, or None.

    Raises:
        NoPoint: When no point of the domain is found.
    """
    return _refute(claim, found, _trial_sizes(found, None), POINTS).counterexample


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
        one = means_for(claim, instance)
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
    seen = (result.points, result.digits, result.enough)
    return Verdict(None, words, (), result.counterexample, *seen)


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
    start = time.thread_time()
    return work(), time.thread_time() - start
