"""Numbers for integrals: right wherever the bulk lies, however large or small it is."""

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from lib.derivation.errors import Undefined
from lib.derivation.quadrature import Loss, integrate


def tilted(mean, variance, tilt):
    """A normal density times exp(tilt x), for numbers and for arrays of doubles."""

    def of(exp, pi, sqrt):
        scale = 1 / sqrt(2 * pi * variance)
        return lambda x: scale * exp(tilt * x) * exp(-((x - mean) ** 2) / (2 * variance))

    return of(mpmath.exp, mpmath.pi, mpmath.sqrt), of(np.exp, np.pi, np.sqrt)


@pytest.mark.parametrize(
    ("mean", "variance", "tilt"),
    [
        (0, 1, 1),
        (33, 33, 33),  # exp(tilt x) leaves the range of doubles where the bulk lies
        (33, 33, -33),
        (-80, 15, 10),  # the density underflows there
        (1000, 1, 1),  # the bulk lies between two points of the scan
        (10**6, 1, 0),
        (10**9, 1, 0),
        (-(10**9), 7, -3),
        (10**4, mpf("1e-4"), 5),
        (0, mpf("1e-8"), 0),
    ],
)
def test_a_bulk_anywhere(mean, variance, tilt):
    _, doubles = tilted(float(mean), float(variance), float(tilt))
    loss = Loss()
    with mpmath.workdps(30):
        precise, _ = tilted(mpf(mean), mpf(variance), mpf(tilt))
        found = integrate(precise, -mpmath.inf, mpmath.inf, doubles, loss)
        expected = mpmath.exp(mpf(mean) * tilt + mpf(tilt) ** 2 * variance / 2)
        assert abs(found / expected - 1) < mpf(10) ** -min(18, loss.digits - 1)
    assert loss.digits >= 9


@pytest.mark.parametrize("power", [0, 40, 3000])
def test_factorials(power):
    with mpmath.workdps(30):
        found = integrate(
            lambda x: x**power * mpmath.exp(-x), mpf(0), mpmath.inf,
            lambda x: x ** float(power) * np.exp(-x), Loss(),
        )  # fmt: skip
        assert abs(found / mpmath.factorial(power) - 1) < mpf(10) ** -15


@pytest.mark.parametrize("width", ["1e-3", "1e-6", "1e-9"])
@pytest.mark.parametrize("place", ["0.5", "0.123456789"])
def test_a_spike_inside_a_finite_range(width, place):
    width, place = mpf(width), mpf(place)
    found = integrate(
        lambda x: width / ((x - place) ** 2 + width**2), mpf(0), mpf(1),
        lambda x: float(width) / ((x - float(place)) ** 2 + float(width) ** 2), Loss(),
    )  # fmt: skip
    expected = mpmath.atan((1 - place) / width) + mpmath.atan(place / width)
    assert abs(found - expected) < mpf(10) ** -9


@pytest.mark.parametrize("power", [1, 2])
def test_a_pole_is_no_spike(power):
    with pytest.raises(Undefined, match="diverges at a point"):
        integrate(
            lambda x: 1 / abs(x - mpf("0.37")) ** power, mpf(0), mpf(1),
            lambda x: 1 / np.abs(x - 0.37) ** power, Loss(),
        )  # fmt: skip


@pytest.mark.parametrize("power", ["-0.3", "-0.7", "-0.9"])
def test_a_singular_end(power):
    loss, power = Loss(), mpf(power)
    with mpmath.workdps(30):
        found = integrate(
            lambda x: x**power, mpf(0), mpf(1), lambda x: x ** float(power), loss
        )  # fmt: skip
        assert abs(found * (power + 1) - 1) <= loss.slack(1)
