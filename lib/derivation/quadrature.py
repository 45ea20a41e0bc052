"""Numbers for definite integrals, with the digits that they can be trusted to.

A single integral is evaluated with mpmath to about 30 digits, on pieces found by a scan for where
the integrand is large. Integrals in several variables go through one product grid in double
precision and give about 10 digits. Neither knows any antiderivative.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from .errors import Undefined, Unsettled, Unsupported

WORKING, WANTED = 40, 30  # digits
_NODES = {1: (420, 360), 2: (170, 140), 3: (64, 52), 4: (30, 26)}
_PROBES = (10, 20, 40, 80)


@dataclass
class Loss:
    """How exact the numbers are that went into a value: digits, and absolute error."""

    digits: float = 10**6
    error: Any = 0

    def note(self, digits: float, error: Any) -> None:
        """Count in one inexact number."""
        self.digits = min(self.digits, digits)
        self.error = max(self.error, error)

    def whole(self, most: int) -> int:
        """The digits as a whole number, at most so many."""
        return int(min(most, self.digits))

    @property
    def exact(self) -> bool:
        """Whether no integral, or sum without end, was among them."""
        return self.digits >= 10**6


def integrate(
    body: Callable[[Any], Any],
    low: Any,
    high: Any,
    scan: Callable[[Any], Any],
    loss: Loss,
) -> Any:
    """The integral of `body` from `low` to `high`, to about 30 digits.

    Args:
        body: The integrand at one number.
        low: Lower end, a number or minus infinity.
        high: Upper end, a number or infinity; may lie below `low`.
        scan: The integrand at an array of doubles, to find where it is large.
        loss: Gets the number of digits reached.

    Raises:
        Undefined: When the integral diverges at an end.
        Unsupported: When fewer than six digits are reached.
    """
    if low == high:
        return mpmath.mpf(0)
    if low > high:
        return -integrate(body, high, low, scan, loss)
    with mpmath.workdps(WORKING):
        for end, side in ((low, 1), (high, -1)):
            _require_convergent(body, end, side, high - low)
        points = [low, *_breaks(scan, low, high), high]
        total, error = mpmath.mpf(0), mpmath.mpf(0)
        for start, stop in zip(points, points[1:], strict=False):
            part, uncertain = mpmath.quad(_guarded(body), [start, stop], error=True, maxdegree=8)
            total, error = total + part, error + uncertain
        scale = abs(total) + mpmath.mpf(10) ** -WANTED
        if not mpmath.isfinite(total) or error > scale * mpmath.mpf(10) ** -6:
            _require_no_pole(body, points)
            raise Unsettled("quadrature does not settle")
        digits = float(min(WANTED, -mpmath.log10((error + mpmath.mpf(10) ** -WORKING) / scale)))
        loss.note(digits, error * 100 + scale * mpmath.mpf(10) ** -WANTED)
    return total


def _guarded(body: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The integrand, 0 at the few nodes that rounding puts onto a singular end."""

    def guarded(x: Any) -> Any:
        try:
            return body(x)
        except Undefined:
            return mpmath.mpf(0)

    return guarded


def _require_convergent(body: Callable[[Any], Any], end: Any, side: int, length: Any) -> None:
    """Raise when |f| times the distance does not shrink on the way to an end.

    Where f keeps its sign this is divergence; where it does not, the question is left open.
    """
    masses, signs = [], set()
    for power in _PROBES:
        far = mpmath.mpf(10) ** power
        if mpmath.isinf(end):
            at, width = -side * far, far
        else:
            width = min(length, 1) / far if mpmath.isfinite(length) else 1 / far
            at = end + side * width
            if at == end:
                at, width = end + side * mpmath.eps * abs(end), mpmath.eps * abs(end)
        try:
            value = body(at)
        except Undefined:
            return
        masses.append(abs(value) * width)
        signs.add(int(mpmath.sign(mpmath.re(value))))
    if masses[-1] < masses[0] * mpmath.mpf(10) ** -1 or masses[-1] == 0:
        return
    if len(signs) == 1 and masses[-1] >= masses[0] * (1 - mpmath.mpf(10) ** -6):
        raise Undefined("the integral diverges")
    raise Unsettled("not clear whether the integral converges")


def _require_no_pole(body: Callable[[Any], Any], points: list[Any]) -> None:
    """Raise where the integrand grows like 1/distance, or faster, inside the range."""
    finite = [p for p in points if mpmath.isfinite(p)]
    if len(finite) < 2:
        return
    low, high = finite[0], finite[-1]
    grid = [low + (high - low) * k / 200 for k in range(1, 200)]
    values = [abs(_guarded(body)(x)) for x in grid]
    peak = grid[max(range(len(grid)), key=values.__getitem__)]
    step = (high - low) / 200
    for _ in range(60):
        step /= 2
        peak = max((peak - step, peak, peak + step), key=lambda x: abs(_guarded(body)(x)))
    _require_convergent(body, peak, 1, high - low)


def _breaks(scan: Callable[[Any], Any], low: Any, high: Any) -> Iterator[Any]:
    """Points that part a range so that a narrow bulk of the integrand is not missed."""
    grid = _grid(float(low), float(high))
    with np.errstate(all="ignore"):
        try:
            values = np.abs(np.broadcast_to(scan(grid), grid.shape).astype(complex))
        except (Unsupported, Undefined, OverflowError, TypeError, ValueError):
            values = np.zeros_like(grid)
    values = np.where(np.isfinite(values), values, 0)
    found: set[float] = set()
    if values.max() > 0:
        inside = np.flatnonzero(values > values.max() * 1e-25)
        first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, len(grid) - 1)
        found = {float(grid[first]), float(grid[values.argmax()]), float(grid[last])}
    elif mpmath.isinf(low) and mpmath.isinf(high):
        found = {0.0}
    if mpmath.isfinite(high - low):  # smooth finite pieces need no parting
        found = {f for f in found if values.max() > 1e6 * np.median(values)}
    for point in sorted(found):
        if low < point < high:
            yield mpmath.mpf(point)


def _grid(low: float, high: float) -> Any:
    fine = np.concatenate([np.geomspace(1e-6, 1, 200), np.linspace(1.01, 300, 3000)])
    if np.isinf(low) and np.isinf(high):
        return np.concatenate([-fine[::-1], fine])
    if np.isinf(high):
        return low + fine
    if np.isinf(low):
        return high - fine[::-1]
    return np.linspace(low, high, 803)[1:-1]


# Several variables at once, in double precision.


def rule(low: Any, high: Any, nodes: int, hint: tuple[Any, Any]) -> tuple[Any, Any]:
    """Nodes and weights of a double-exponential rule, along a new first axis.

    Args:
        low: Lower ends, any shape.
        high: Upper ends, any shape; both infinite or finite throughout.
        nodes: The number of nodes.
        hint: Centre and width of the integrand's bulk, for infinite ranges.
    """
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    axes = (slice(None),) + (None,) * max(low.ndim, high.ndim)
    centre, width = hint
    if np.isinf(low).any() and np.isinf(high).any():
        t = np.linspace(-4.6, 4.6, nodes)[axes]
        step = 9.2 / (nodes - 1)
        return centre + width * np.sinh(t), width * np.cosh(t) * step
    if np.isinf(high).any() or np.isinf(low).any():
        t = np.linspace(-5, 7, nodes)[axes]
        step = 12 / (nodes - 1)
        away = width * np.exp(t - np.exp(-t))
        weight = away * (1 + np.exp(-t)) * step
        return (low + away if np.isinf(high).any() else high - away), weight
    t = np.linspace(-3.2, 3.2, nodes)[axes]
    step = 6.4 / (nodes - 1)
    inner = np.pi / 2 * np.sinh(t)
    half = (high - low) / 2
    weight = np.pi / 2 * np.cosh(t) / np.cosh(inner) ** 2 * step
    return (low + high) / 2 + half * np.tanh(inner), half * weight


def integrate_nested(value: Callable[[int], Any], depth: int, loss: Loss) -> Any:
    """A nested integral, evaluated with two numbers of nodes that must agree.

    Args:
        value: Its value with so many nodes for each variable.
        depth: The number of variables.
        loss: Gets the number of digits reached.

    Raises:
        Unsupported: For more than four variables, or when the two values differ.
    """
    if depth not in _NODES:
        raise Unsupported("quadrature in more than four variables")
    with np.errstate(all="ignore"):
        fine, coarse = (complex(value(nodes)) for nodes in _NODES[depth])
    error = abs(fine - coarse)
    scale = abs(fine) + 1e-12
    if not np.isfinite(fine) or error > 1e-4 * scale:
        raise Unsettled("quadrature does not settle")
    digits = min(11.0, -np.log10(error / scale + 1e-16) - 1)
    loss.note(digits, error * 30 + scale * 1e-12)
    return mpmath.mpc(fine) if fine.imag else mpmath.mpf(fine.real)
