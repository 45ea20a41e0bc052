"""Numbers that neither overflow nor cancel where a stable form is known.

A *scaled* number is `mantissa * exp(log)`: an exponential is never formed until a formula ends, so
log-sum-exp, softmax, log(1 + exp), the sigmoid, the logarithm of a product and of a sum over paths
come out right without being looked for.
"""

from dataclasses import dataclass
from typing import Any

from .array_modules import ArrayModule

_NEAR = -0.5  # exponents so near to the largest are summed as 1 + expm1, so that ones cancel
_HIGHEST = 80.0  # an exponent whose exponential no floating type overflows at


@dataclass(frozen=True, eq=False)
class Scaled:
    """The number `mantissa * exp(log)`; `rest` is mantissa - 1 where it is known more exactly."""

    mantissa: Any
    log: Any
    rest: Any = None


class Scaling:
    """Arithmetic with scaled and plain numbers, arrays of NumPy or torch."""

    def __init__(self, module: ArrayModule) -> None:
        """Take the package that counts."""
        self.module = module

    def of(self, value: Any) -> Scaled:
        """The number as a scaled one."""
        return value if isinstance(value, Scaled) else Scaled(value, 0.0)

    def plain(self, value: Any) -> Any:
        """The number itself; the exponential in two halves, which overflow later than the whole."""
        if not isinstance(value, Scaled):
            return value
        half = self.module.xp.exp(self.module.array(value.log) / 2)
        return value.mantissa * half * half

    def add(self, values: list[Any]) -> Any:
        """The sum, relative to its largest term.

        Ones that cancel leave exp(x) - 1 to `expm1`; a one that stays leaves log(1 + y) to `log1p`.
        """
        if all(isinstance(v, (int, float)) for v in values):
            return sum(values)
        xp, terms = self.module.xp, [self.balanced(self.of(v)) for v in values]
        shared = self.module.broadcast([p for t in terms for p in (t.mantissa, t.log)])
        mantissas, logs = (self.module.stack(shared[k::2], 0) for k in (0, 1))
        counts = self.module.fixed(mantissas) != 0
        sizes = self.module.fixed(logs)
        scale = self.module.largest(xp.where(counts, sizes, xp.full_like(sizes, -xp.inf)))
        scale = xp.where(scale == -xp.inf, xp.zeros_like(scale), scale)  # a sum of zeros
        down = logs - scale
        # A zero does not count, however large its exponential, but may have a derivative.
        down = xp.where(counts | (down < _HIGHEST), down, xp.full_like(down, _HIGHEST))
        far = mantissas * xp.exp(down)
        near = down > _NEAR
        heads = xp.where(near, mantissas, far)
        tails = xp.where(near, mantissas * xp.expm1(down), xp.zeros_like(far)).sum(0)
        # In the rest the first of the largest terms is less by one before it is added.
        top = (down == 0) & counts
        first = top & (xp.cumsum(top * 1, 0) == 1)
        rest = xp.where(first, mantissas - 1, heads).sum(0) + tails
        total = heads.sum(0) + tails
        rest = xp.where(first.any(0), rest, total - 1)
        return Scaled(total, scale, rest)

    def times(self, a: Any, b: Any) -> Any:
        """The product, scaled where it leaves the range of floating-point numbers."""
        if not isinstance(a, Scaled) and not isinstance(b, Scaled):
            product = a * b
            if not self._left_range(product, a, b):
                return product
        a, b = self.balanced(self.of(a)), self.balanced(self.of(b))
        return Scaled(a.mantissa * b.mantissa, a.log + b.log)

    def _left_range(self, product: Any, *factors: Any) -> bool:
        """Whether a product of finite numbers that are not 0 is infinite or has lost digits."""
        xp, size = self.module.xp, abs(self.module.fixed(self.module.array(product)))
        tiny = xp.finfo(size.dtype).tiny
        odd = (size < tiny) | (size == xp.inf)
        if not bool(odd.any()):
            return False
        for factor in factors:
            known = self.module.fixed(self.module.array(factor))
            odd = odd & (known != 0) & xp.isfinite(known)
        return bool(odd.any())

    def balanced(self, number: Scaled) -> Scaled:
        """The same number with a mantissa that products do not take out of range."""
        xp, mantissa = self.module.xp, self.module.array(number.mantissa)
        size = abs(self.module.fixed(mantissa))
        bound = xp.finfo(size.dtype).max ** 0.2
        regular = (size != 0) & xp.isfinite(size)
        if not bool((regular & ((size > bound) | (size < 1 / bound))).any()):
            return number
        shift = xp.where(regular, xp.log(size), xp.zeros_like(size))
        # exp(-shift) itself may overflow, where the mantissa is subnormal.
        half = xp.exp(-shift / 2)
        return Scaled(mantissa * half * half, number.log + shift)

    def power(self, base: Any, exponent: Any) -> Any:
        """The power; by logarithms where it leaves the range of floating-point numbers."""
        if not isinstance(exponent, (int, float)):
            return self._power_of(base, exponent)
        if not isinstance(base, Scaled):
            result = self._plain_power(base, exponent)
            if not self._left_range(result, base):
                return result
        base = self.balanced(self.of(base))
        result = self._plain_power(base.mantissa, exponent)
        if not self._left_range(result, base.mantissa):
            return Scaled(result, base.log * exponent)
        mantissa = self.module.array(base.mantissa)
        size = self.module.xp.log(abs(mantissa)) + base.log
        sign = self._plain_power(self.module.xp.sign(mantissa), exponent)
        return Scaled(sign, size * exponent)

    def _plain_power(self, base: Any, exponent: Any) -> Any:
        base = self.module.array(base)
        return 1.0 / base if exponent == -1 else base**exponent

    def _power_of(self, base: Any, exponent: Any) -> Any:
        """A power whose exponent is an input: positive bases by their logarithm."""
        known = self.module.fixed(self.module.array(self.of(base).mantissa))
        if bool((known > 0).all()):
            return Scaled(1.0, exponent * self.log(base))
        return self.module.array(self.plain(base)) ** exponent

    def log(self, value: Any) -> Any:
        """The logarithm."""
        xp = self.module.xp
        if not isinstance(value, Scaled):
            return xp.log(self.module.array(value))
        mantissa = self.module.array(value.mantissa)
        if value.rest is None:
            return xp.log(mantissa) + value.log
        small = abs(self.module.fixed(value.rest)) < 0.5
        ones = xp.ones_like(mantissa)
        near = xp.log1p(xp.where(small, value.rest, xp.zeros_like(mantissa)))
        return xp.where(small, near, xp.log(xp.where(small, ones, mantissa))) + value.log
