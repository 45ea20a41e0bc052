"""Limits, found by SymPy and tried at small distances first."""

import itertools
from typing import Any

import mpmath
import sympy
from sympy import Dummy, Expr, Symbol

from .backends import Numeric
from .domain import sampler
from .errors import Undefined
from .evaluate import Evaluator, Scope
from .exact import reduced
from .inequalities import vanishing_cases


def limit_is(left: Expr, right: Expr, when: tuple[Any, Any, str]) -> bool:
    """Whether `left - right` tends to 0 as the symbol goes to its point, in every case."""
    variable, point, direction = when
    for case in vanishing_cases(left - right):
        for plain in _split_gaps(case):
            found = sympy.limit(reduced(plain), variable, point, direction)
            if found.has(sympy.Limit) or sympy.simplify(found) != 0:
                return False
    return True


def _split_gaps(case: Expr) -> list[Expr]:
    """Each gap, at least zero, once as 0 and once as a positive symbol."""
    gaps = sorted((s for s in case.free_symbols if isinstance(s, Dummy)), key=str)
    choices = itertools.product((False, True), repeat=len(gaps))
    return [
        case.xreplace(
            {
                g: Dummy(positive=True) if up else sympy.S.Zero
                for g, up in zip(gaps, chosen, strict=True)
            }
        )
        for chosen in choices
    ]


def departs(
    sides: tuple[Any, Any], instance: Any, when: tuple[Symbol, Any, str]
) -> tuple[str, str, str] | None:
    """A point at which `left - right` stays away from 0 near the limit point, or None."""
    variable, point, direction = when
    for seed, pattern in enumerate(("equal", "ties", "random", "random", "random")):
        gaps = []
        for power in (4, 8, 16):
            draw = sampler(pattern, seed)
            values = _near(sides, instance, draw, (variable, point, direction), power)
            if values is None:
                break
            gaps.append(values)
        if len(gaps) == 3:
            first, _, last = (abs(a - b) for a, b in gaps)
            scale = mpmath.mpf(10) ** -6 * (1 + abs(gaps[-1][1]))
            if last > scale and last > first / 2:
                left, right = (str(mpmath.nstr(v, 12)) for v in gaps[-1])
                return f"{instance} {variable} near {point} ({pattern} values)".strip(), left, right
    return None


def _near(sides: Any, instance: Any, draw: Any, when: Any, power: int) -> tuple[Any, Any] | None:
    variable, point, direction = when
    step = mpmath.mpf(10) ** -power
    at = _place(point, direction, step)
    with mpmath.workdps(120):
        try:
            values = []
            for side in sides:
                backend = Numeric(draw)
                backend.moved = {variable: at}
                evaluator = Evaluator(backend, instance.sizes)
                values.append(evaluator.value(side, Scope(instance.bindings)))
        except Undefined:
            return None
        return values[0], values[1]


def _place(point: Any, direction: str, step: Any) -> Any:
    if point == sympy.oo:
        return 1 / step
    if point == -sympy.oo:
        return -1 / step
    centre = mpmath.mpmathify(sympy.N(point, 50))
    return centre + step if direction == "+" else centre - step
