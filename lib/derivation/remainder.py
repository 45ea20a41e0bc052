"""How limits and remainders are written: `as x → 0`, and `g + O(x^k)`."""

from collections.abc import Callable, Iterable
from typing import Any

from .printing import latex


def approach_in_words(step: Any, show: Callable[[Any], str]) -> str:
    """How the symbol of a limit or of a remainder goes to its point; empty for other steps."""
    if step.when is None:
        return ""
    variable, point, direction = step.when
    side = {"+": " from above", "-": " from below"}.get(direction, "")
    one_sided = variable.is_nonnegative or variable.is_nonpositive  # its sign says it already
    if point.is_finite is False or (step.order is not None and point == 0 and one_sided):
        side = ""
    if show is latex:
        return rf"as ${latex(variable)} \to {latex(point)}${side}"
    return f"as {show(variable)} → {show(point)}{side}"


def with_remainder(right: Any, step: Any, show: Callable[[Any], str]) -> str:
    """The right side of a step, with its remainder where it is an approximation."""
    if step.order is None:
        return show(right)
    variable, point, _ = step.when
    distance = 1 / variable if point.is_finite is False else variable - point
    power = show(distance**step.order)
    order = rf"O\left({power}\right)" if show is latex else f"O({power})"
    return order if right == 0 else f"{show(right)} + {order}"


def weakest_remainder(steps: Iterable[Any]) -> Any:
    """The step that says how the ends of a chain meet: its limit, or its lowest order; or None."""
    moving = [step for step in steps if step.when is not None]
    return min(moving, key=lambda step: step.order or 0, default=None)
