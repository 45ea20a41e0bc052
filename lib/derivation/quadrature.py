"""Numbers for definite integrals, with the digits that they can be trusted to.

A single integral is evaluated with mpmath to about 20 digits, on pieces found by a scan for where
the integrand is large. Integrals in several variables go through one product grid in double
precision and give about 10 digits. Neither knows any antiderivative.
"""

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mpmath

from .errors import Undefined, Unsettled, Unsupported
from .lazy_numpy import np

WORKING, WANTED = 30, 20  # digits
_NODES = {1: (420, 360), 2: (170, 140), 3: (64, 52), 4: (30, 26)}
_PROBES = (10, 20, 40, 80)
_FACTORS = ("1.13", "1.37", "1.71", "2.03", "2.59", "3.17")  # a wave has no such period
_FEW = 20  # nodes that may have no value


@dataclass
class Loss:
    """How exact the numbers are that went into a value: digits, and absolute error."""

    digits: float | int = 10**6
    error: Any = 0

    def note(self, digits: float | int, error: Any) -> None:
        """Count in one inexact number."""
        self.digits = min(self.digits, float(digits))
        self.error = max(self.error, error)

    def whole(self, most: int) -> int:
        """The digits as a whole number, at most so many."""
        return int(min(most, self.digits))

    def slack(self, *values: Any) -> Any:
        """How far sums and differences of the values may be off."""
        if self.exact:
            return mpmath.mpf(0)
        return 100 * (self.error + sum(map(abs, values)) * mpmath.mpf(10) ** -self.digits)

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
    """The integral of `body` from `low` to `high`, to about 20 digits.

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
        grid, values, unit = _scanned(scan, body, float(low), float(high))
        _require_no_pole(body, grid, values)
        points = [low, *_breaks(grid, values, body, low, high), high]
        total, error = mpmath.mpf(0), mpmath.mpf(0)
        for start, stop in itertools.pairwise(points):
            part, uncertain = mpmath.quad(_guarded(body), [start, stop], error=True, maxdegree=7)
            total, error = total + part, error + uncertain
        scale = max(abs(total), unit * _size(grid, values)) + mpmath.mpf(10) ** -WANTED
        if not mpmath.isfinite(total) or error > scale * mpmath.mpf(10) ** -6:
            raise Unsettled("quadrature does not settle")
        digits = float(min(WANTED, -mpmath.log10((error + mpmath.mpf(10) ** -WORKING) / scale)))
        loss.note(digits, error * 100 + scale * mpmath.mpf(10) ** -WANTED)
    return total


def _size(grid: Any, values: Any) -> Any:
    """Roughly the integral of the absolute value, to which errors are compared."""
    finite = np.where(np.isfinite(values), values, 0)
    with np.errstate(all="ignore"):
        total = float(np.trapezoid(finite, grid))
    return mpmath.mpf(total) if np.isfinite(total) else mpmath.mpf(0)


def _guarded(body: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The integrand, 0 at the few nodes that rounding puts onto a singular end."""
    missing = 0

    def guarded(x: Any) -> Any:
        nonlocal missing
        try:
            return body(x)
        except Undefined:
            missing += 1
            if missing > _FEW:
                raise
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
        signs |= {_sign(value), *_signs_near(body, end, at)}
    if masses[-1] < masses[0] * mpmath.mpf(10) ** -1 or masses[-1] == 0:
        return
    if len(signs) == 1 and masses[-1] >= masses[0] * (1 - mpmath.mpf(10) ** -6):
        raise Undefined("the integral diverges")
    raise Unsettled("not clear whether the integral converges")


def _signs_near(body: Callable[[Any], Any], end: Any, at: Any) -> set[int]:
    """The signs of the integrand at some points about as far from an end as `at`."""
    centre = mpmath.mpf(0) if mpmath.isinf(end) else end
    found = set()
    for factor in _FACTORS:
        with contextlib.suppress(Undefined):
            found.add(_sign(body(centre + (at - centre) * mpmath.mpf(factor))))
    return found


def _sign(value: Any) -> int:
    return int(mpmath.sign(mpmath.re(value)))


def _require_no_pole(body: Callable[[Any], Any], grid: Any, values: Any) -> None:
    """Raise where the integrand grows like 1/distance, or faster, inside the range."""
    finite = np.where(np.isfinite(values), values, np.inf)
    place = int(finite[1:-1].argmax()) + 1
    if finite[place] <= 20 * np.median(finite) or finite[place] == 0:
        return
    peak = mpmath.mpf(float(grid[place]))
    step = mpmath.mpf(float(max(grid[place + 1] - grid[place], grid[place] - grid[place - 1])))
    height = functools.cache(lambda x: _height(body, x))
    for _ in range(70):
        step /= 2
        peak = max((peak - step, peak, peak + step), key=height)
        if mpmath.isinf(height(peak)):
            break
    width = mpmath.mpf(float(grid[place + 1] - grid[place]))
    masses = [
        width / 10**k * max(_height(body, peak + s * width / 10**k) for s in (1, -1))
        for k in (3, 6, 9, 12, 15, 18)
    ]
    if masses[-1] >= max(masses[:-1]) * mpmath.mpf("0.9") > 0:
        raise Undefined("the integral diverges at a point inside its range")


def _height(body: Callable[[Any], Any], x: Any) -> Any:
    try:
        return abs(body(x))
    except Undefined:
        return mpmath.inf


def _scanned(
    scan: Callable[[Any], Any], body: Callable[[Any], Any], low: float, high: float
) -> tuple[Any, Any, Any]:
    """Where the integrand was scanned, its size there in units of the third, which is a number.

    Doubles are fast; where the integrand leaves their range, some points are evaluated again.
    """
    grid = _grid(low, high)
    with np.errstate(all="ignore"):
        try:
            values = np.abs(np.broadcast_to(scan(grid), grid.shape).astype(complex))
        except (Unsupported, Undefined, OverflowError, TypeError, ValueError):
            values = np.zeros_like(grid)
    known = np.isfinite(values)
    values = np.where(known, values, 0)
    lost = np.flatnonzero(~known if values.any() else np.ones_like(values))
    sizes = {k: _height(body, mpmath.mpf(float(grid[k]))) for k in lost[:: len(lost) // 300 + 1]}
    unit = max((size for size in sizes.values() if mpmath.isfinite(size)), default=mpmath.mpf(0))
    if unit <= values.max() or unit == 0:
        unit = mpmath.mpf(1)
    values = values * float(1 / unit) if values.any() else values
    for place, size in sizes.items():
        if mpmath.isfinite(size) or not known[place]:
            values[place] = float(size / unit)
    return grid, values, unit


def _breaks(
    grid: Any, values: Any, body: Callable[[Any], Any], low: Any, high: Any
) -> Iterator[Any]:
    """Points that part a range so that a narrow bulk of the integrand is not missed."""
    values = np.where(np.isfinite(values), values, 0)
    found: set[Any] = set()
    if values.max() > 0:
        inside = np.flatnonzero(values > values.max() * 1e-25)
        first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, len(grid) - 1)
        found = {float(grid[first]), float(grid[values.argmax()]), float(grid[last])}
    elif mpmath.isinf(low) and mpmath.isinf(high):
        found = {0.0}
    if mpmath.isfinite(high - low):  # smooth finite pieces need no parting
        found = {f for f in found if values.max() > 1e6 * np.median(values)}
    if values.max() > 0:
        found |= _narrow_bulk(body, grid, int(values.argmax()), low, high)
    for point in sorted(found):
        if low < point < high:
            yield mpmath.mpf(point)


def _narrow_bulk(
    body: Callable[[Any], Any], grid: Any, place: int, low: Any, high: Any
) -> set[Any]:
    """Points around the summit that is reached from a place, if the scan was too coarse for it."""
    if place in (0, len(grid) - 1):
        return set()  # what rises towards an end is left to the rule, which is made for it
    height = functools.cache(lambda x: _height(body, x) if low < x < high else mpmath.mpf(-1))
    near = grid[max(place - 1, 0) : place + 2]
    start, spacing = mpmath.mpf(float(grid[place])), mpmath.mpf(float(np.diff(near).min()))
    summit, step = start, spacing
    for _ in range(150):
        best = max((summit, summit - step, summit + step), key=height)
        if best != summit:
            summit, step = best, 2 * step
        elif 2 * min(height(summit - step), height(summit + step)) < height(summit):
            step /= 2
        else:
            break  # it is as broad as the step
    resolved = step >= spacing and abs(summit - start) <= 2 * spacing
    if resolved or mpmath.isinf(height(summit)):
        return set()
    return {summit + k * step for k in (-16, 0, 16)}


def _grid(low: float, high: float) -> Any:
    """Points of the range, dense near its ends and near 0 at every scale."""
    near = np.geomspace(1e-25, 1, 400)
    away = np.concatenate([near, np.linspace(1.01, 300, 3000), np.geomspace(301, 1e20, 200)])
    if np.isinf(low) and np.isinf(high):
        return np.concatenate([-away[::-1], away])
    if np.isinf(high):
        return np.unique(low + away)
    if np.isinf(low):
        return np.unique(high - away)
    length = high - low
    ends = np.concatenate([low + length * near / 4, high - length * near / 4])
    inner = np.linspace(low, high, 803)[1:-1]
    grid = np.unique(np.concatenate([ends, inner]))
    return grid[(grid > low) & (grid < high)]


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
    centre, width = map(np.asarray, hint)
    axes = (slice(None),) + (None,) * max(a.ndim for a in (low, high, centre, width))
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
