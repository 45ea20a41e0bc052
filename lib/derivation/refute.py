"""Look for a counterexample: evaluation at points, corners first, with 50 digits."""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import mpmath

from .backends import DIGITS, Numeric
from .domain import PATTERNS, Instance, sampler
from .errors import OutOfRange, Undefined
from .evaluate import Evaluator, Scope

CHECK_DIGITS = 400
TOLERANCE = mpmath.mpf(10) ** -30


@dataclass(frozen=True)
class Counterexample:
    """A point at which a statement fails, with the values of both sides as text."""

    point: str
    left: str
    right: str


@dataclass(frozen=True)
class Search:
    """What a search for a counterexample found."""

    counterexample: Counterexample | None
    points: int
    undefined: int


def search(
    relation: str,
    sides: tuple[Any, Any],
    chosen: Iterable[Instance],
    *,
    per_instance: int,
    seed: int = 0,
) -> Search:
    """Try the statement at `per_instance` points of each instance.

    A point where one side has a value and the other none is a counterexample; points where
    neither has one are counted as undefined.
    """
    tried = undefined = 0
    for number, instance in enumerate(chosen):
        for k in range(per_instance):
            pattern = PATTERNS[(k + number) % len(PATTERNS)] if k < len(PATTERNS) else "random"
            draw = sampler(pattern, seed + 1000 * number + k)
            verdict = _try(relation, sides, instance, draw)
            if isinstance(verdict, Counterexample):
                return Search(verdict, tried + 1, undefined)
            tried += verdict
            undefined += not verdict
    return Search(None, tried, undefined)


def _try(
    relation: str, sides: tuple[Any, Any], instance: Instance, draw: Callable[[Any], Any]
) -> bool | Counterexample:
    """Whether the point could be tried, or the counterexample that it is."""
    left, right, point = _values(sides, instance, draw, DIGITS)
    if isinstance(left, Undefined) and isinstance(right, Undefined):
        return False
    if _holds(relation, left, right):
        return True
    if not isinstance(left, Exception) and not isinstance(right, Exception):
        # Cancellation may have eaten the digits: only what fails with many more digits is false.
        left, right, point = _values(sides, instance, draw, CHECK_DIGITS)
        if _holds(relation, left, right):
            return True
    return Counterexample(_describe(instance, point), _show(left), _show(right))


def _values(
    sides: tuple[Any, Any], instance: Instance, draw: Callable[[Any], Any], digits: int
) -> tuple[Any, Any, dict[Any, Any]]:
    point: dict[Any, Any] = {}
    values = []
    with mpmath.workdps(digits):
        for side in sides:
            try:
                evaluator = Evaluator(Numeric(draw, point), instance.sizes)
                values.append(evaluator.value(side, Scope(instance.bindings)))
            except (Undefined, OutOfRange) as error:
                values.append(error)
    return values[0], values[1], point


_ORDER = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}


def _holds(relation: str, left: Any, right: Any) -> bool:
    if isinstance(left, Exception) or isinstance(right, Exception):
        return False
    slack = TOLERANCE * (1 + abs(left) + abs(right))
    if relation == "==":
        return bool(abs(left - right) <= slack)
    if abs(mpmath.im(left)) + abs(mpmath.im(right)) > slack:
        return False
    left, right = mpmath.re(left), mpmath.re(right)
    if relation in ("<", ">"):
        return bool(_ORDER[relation](left, right))
    return bool(_ORDER[relation](left, right) or abs(left - right) <= slack)


def _describe(instance: Instance, point: dict[Any, Any]) -> str:
    parts = [str(instance)] if str(instance) else []
    parts += [f"{k} = {_show(v)}" for k, v in sorted(point.items(), key=lambda kv: str(kv[0]))]
    return ", ".join(parts) or "every point"


def _show(value: Any) -> str:
    if isinstance(value, Exception):
        return f"undefined ({value})"
    return str(mpmath.nstr(value, 12))
