"""Numbers for sums without end: added up where they converge, undefined where they do not."""

import itertools
from collections.abc import Callable
from typing import Any

import mpmath

from .errors import OutOfRange, Undefined, Unsettled, Unsupported
from .quadrature import WANTED, WORKING, Loss

_BLOCK, _MOST = 64, 4096
NEARLY_EXACT = 10**5  # digits of a number with an absolute error, but no other
_FAR = (10**4, 10**5, 10**6, 10**12, 10**18, 10**24)


def add_up(term: Callable[[int], Any], first: int, loss: Loss) -> Any:
    """The sum of `term(n)` for n = first, first + 1, … to about 20 digits.

    Args:
        term: One term.
        first: Where the sum starts.
        loss: Gets the number of digits reached.

    Raises:
        Undefined: When the terms do not tend to 0, or tend to it like 1/n and no faster.
        Unsupported: When the sum converges too slowly to be added up.
    """
    with mpmath.workdps(WORKING):
        total, before, biggest = mpmath.mpf(0), None, mpmath.mpf(0)
        for start in range(first, first + _MOST, _BLOCK):
            block = [term(n) for n in range(start, start + _BLOCK)]
            total += mpmath.fsum(block)
            biggest = max(biggest, *map(abs, block))  # what may have cancelled
            largest = max(map(abs, block[_BLOCK // 2 :]))
            scale = abs(total) + mpmath.mpf(10) ** -WANTED
            if largest < scale * mpmath.mpf(10) ** -(WORKING - 4) and _shrinks(before, largest):
                loss.note(WANTED, (scale + biggest) * mpmath.mpf(10) ** -(WORKING - 4))
                return total
            if before is not None and _tail_power(before, largest, start - first) < 6:
                return _slow(term, first, loss)
            before = largest
        return _slow(term, first, loss)


def _shrinks(before: Any, largest: Any) -> bool:
    return before is None or largest == 0 or largest < before / 2


def _tail_power(before: Any, largest: Any, number: int) -> Any:
    """The power p if the terms fall like n^-p between two blocks; large for geometric decay."""
    if not before or not largest or number < 8 * _BLOCK:
        return mpmath.inf
    return mpmath.log(before / largest) / mpmath.log(1 + mpmath.mpf(_BLOCK) / number)


def _slow(term: Callable[[int], Any], first: int, loss: Loss) -> Any:
    """A sum whose terms fall like a power, or not at all."""
    try:
        sizes = [max(abs(term(n + k)) for k in range(2)) for n in _FAR]
        signs = [mpmath.sign(mpmath.re(term(_FAR[0] + k))) for k in range(4)]
    except (Unsupported, OutOfRange, RecursionError) as error:
        raise Unsettled("the sum converges too slowly to be added up") from error
    steps = list(itertools.pairwise(zip(_FAR, sizes, strict=True)))
    if all(after >= before * (1 - mpmath.mpf(10) ** -9) for (_, before), (_, after) in steps):
        raise Undefined("the sum diverges: its terms do not tend to 0")
    powers = [
        mpmath.log(before / after) / mpmath.log(mpmath.mpf(n) / m) if after else mpmath.inf
        for (m, before), (n, after) in steps
        if before
    ]
    if powers and max(powers) - min(powers) > mpmath.mpf("0.3"):
        raise Unsettled("the terms do not fall like one power: the sum is not added up")
    power = max(powers, default=mpmath.inf)
    alternating = signs[0] == -signs[1] == signs[2] == -signs[3]
    if len(set(signs)) == 1 and power <= 1 + mpmath.mpf(10) ** -9:
        raise Undefined("the sum diverges: its terms fall no faster than 1/n")
    settled = (len(set(signs)) == 1 and mpmath.mpf("1.4") < power < 20) or (
        alternating and power > mpmath.mpf("0.4")
    )
    if not settled:
        raise Unsettled("the sum converges too slowly to be added up")
    value = mpmath.nsum(lambda n: term(int(n)), [first, mpmath.inf], maxterms=4000)
    loss.note(15, abs(value) * mpmath.mpf(10) ** -15)
    return value


def difference_quotient(
    shifted: Callable[[Any, Loss], Any], centre: Any, order: int, loss: Loss, digits: int
) -> Any:
    """The derivative of any order by central differences.

    Exact numbers are differenced at a tiny step with so many more digits; values that come from
    quadrature with a few digits lost, at a large step with a formula of high order.

    Args:
        shifted: The function's value at a number; notes how exact it is.
        centre: Where the derivative is taken.
        order: How often.
        loss: Gets the digits lost.
        digits: The digits of the step.
    """
    trial = Loss()
    middle = shifted(centre, trial)
    if trial.exact:
        with mpmath.workprec(mpmath.mp.prec * (order + 2)):
            step = mpmath.mpf(10) ** (-digits)
            places = [mpmath.mpf(order) / 2 - k for k in range(order + 1)]
            values = [shifted(centre + p * step, trial) for p in places]
            signed = [(-1) ** k * mpmath.binomial(order, k) * v for k, v in enumerate(values)]
            result = mpmath.fsum(signed) / step**order
            if order == 1:
                _require_smooth(values, shifted(centre, trial), result, step)
            # Beside a large value the change of a tiny one is lost: exp(-10^6) beside 1.
            noise = max(map(abs, values)) * mpmath.mpf(10) ** (5 - 2 * digits)
            if abs(result) < noise * mpmath.mpf(10) ** digits:
                loss.note(NEARLY_EXACT, noise)
        return +result
    half = 4 + (order - 1) // 2
    with mpmath.workdps(WORKING):
        step = mpmath.mpf(min(1, abs(centre) or 1)) / 100
        places = list(range(-half, half + 1))
        try:
            values = [middle if k == 0 else shifted(centre + k * step, trial) for k in places]
        except Undefined as error:  # the step is wide: it may leave the domain
            raise Unsettled("a derivative next to a point without a value") from error
        result = _stencil(places, values, order) / step**order
        shorter = _stencil(places[1:-1], values[1:-1], order) / step**order
        lost = min(float(trial.digits) - 2 * order - 1, 13.0)
        if lost < 5:
            raise Unsettled("a derivative of an integral known to few digits only")
        cut_off = abs(result - shorter)  # the longer formula is better than this
        loss.note(lost, abs(result) * mpmath.mpf(10) ** -lost + trial.error / step**order + cut_off)
    return result


def _require_smooth(values: list[Any], middle: Any, slope: Any, step: Any) -> None:
    """Refuse a kink: slopes to both sides must agree."""
    after, before = (2 * (v - middle) / step for v in values)
    if abs(after + before) > mpmath.mpf(10) ** -10 * (1 + abs(slope)):
        raise Undefined("no derivative: the slopes from left and right differ")


def _stencil(places: list[int], values: list[Any], order: int) -> Any:
    weights = _weights(places, order)
    return mpmath.fsum(w * v for w, v in zip(weights, values, strict=True))


def _weights(places: list[int], order: int) -> list[Any]:
    """Weights of the derivative at 0 that are exact for polynomials on the places."""
    size = len(places)
    matrix = mpmath.matrix(size, size)
    right = mpmath.matrix(size, 1)
    for row in range(size):
        for column, place in enumerate(places):
            matrix[row, column] = mpmath.mpf(place) ** row
    right[order] = mpmath.factorial(order)
    return list(mpmath.lu_solve(matrix, right))
