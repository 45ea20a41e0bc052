"""NumPy and torch behind one face, imported when a number is asked for and not before."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from .errors import Unsupported

_NAMES = {"Abs": "abs", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "ceiling": "ceil"}
_TORCH = {"loggamma": "lgamma", "digamma": "digamma", "erf": "erf", "erfc": "erfc"}
_LARGEST_EXACT = 2**53


class ArrayModule:
    """The few differences between NumPy and torch.

    Numbers are float64 with NumPy, whatever comes in; with torch they keep their floating type and
    device, and integers become float64.
    """

    def __init__(self, kind: str) -> None:
        """Import the package.

        Raises:
            ModuleNotFoundError: When it is not installed, saying what needs it.
        """
        self.kind = kind
        self.like: Any = None
        try:
            self.xp: Any = importlib.import_module(kind)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"an oracle of {kind} numbers needs the package {kind}: pip install {kind} "
                "(derivations themselves need SymPy alone)",
                name=kind,
            ) from error

    def quiet(self) -> Any:
        """A context without NumPy's warnings: what they warn of is looked for at the end."""
        if self.kind == "numpy":
            return self.xp.errstate(all="ignore")
        return self.xp.enable_grad() if self.xp.is_grad_enabled() else self.xp.no_grad()

    def given(self, name: str, value: Any) -> Any:
        """An input as floating-point numbers.

        Raises:
            TypeError: For what is not an array of real numbers.
            ValueError: For nan, and integers that floating-point numbers do not hold exactly.
        """
        if self.kind == "numpy" and hasattr(value, "detach"):
            value = value.detach().cpu().numpy()
        array = self.xp.as_tensor(value) if self.kind == "torch" else self.xp.asarray(value)
        floating, integral = self._sorts(array)
        if not floating and not integral:
            raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
        if integral and bool((abs(array) > _LARGEST_EXACT).any()):
            raise ValueError(f"{name} holds integers beyond 2^53, which no float64 holds exactly")
        if self.kind == "numpy":
            array = array.astype(self.xp.float64)
        elif integral or isinstance(value, float):
            array = array.to(self.xp.float64)
        if bool(self.xp.isnan(array).any()):
            raise ValueError(f"{name} holds nan")
        return array

    def alike(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs with one floating type: of tensors, that of those with the most axes."""
        if self.kind == "torch" and arrays:
            self.like = max(arrays.values(), key=lambda a: a.ndim)
            for array in arrays.values():
                if array.ndim:
                    kind = self.xp.promote_types(self.like.dtype, array.dtype)
                    self.like = self.like.to(kind)
            return {name: array.to(self.like.dtype) for name, array in arrays.items()}
        return dict(arrays)

    def _sorts(self, array: Any) -> tuple[bool, bool]:
        if self.kind == "numpy":
            return array.dtype.kind == "f", array.dtype.kind in "iu"
        other = array.is_complex() or array.dtype == self.xp.bool
        return array.is_floating_point(), not array.is_floating_point() and not other

    def array(self, value: Any) -> Any:
        """A number or array as an array, of the inputs' type if it was none."""
        if self.kind == "numpy":
            return self.xp.asarray(value, dtype=self.xp.float64)
        if isinstance(value, self.xp.Tensor):
            return value
        if self.like is None:
            return self.xp.as_tensor(value, dtype=self.xp.float64)
        return self.xp.as_tensor(value, dtype=self.like.dtype, device=self.like.device)

    def fixed(self, value: Any) -> Any:
        """The values alone, without torch's record of how they came."""
        return value.detach() if hasattr(value, "detach") else value

    def broadcast(self, values: list[Any]) -> list[Any]:
        """Arrays of one shape."""
        arrays = [self.array(v) for v in values]
        if len({a.shape for a in arrays}) == 1:
            return arrays
        if self.kind == "torch":
            return list(self.xp.broadcast_tensors(*arrays))
        return list(self.xp.broadcast_arrays(*arrays))

    def stack(self, values: list[Any], axis: int) -> Any:
        """Arrays of one shape along a new axis."""
        return self.xp.stack(values, axis)

    def expand(self, value: Any, shape: tuple[int, ...]) -> Any:
        """The array repeated to a shape; the result may be written to."""
        value = self.xp.broadcast_to(self.array(value), shape)
        return value.clone() if self.kind == "torch" else value.copy()

    def largest(self, stacked: Any) -> Any:
        """The maximum over the first axis."""
        return stacked.max(0) if self.kind == "numpy" else stacked.amax(0)

    def to_numpy(self, value: Any) -> Any:
        """The values as a NumPy array."""
        if hasattr(value, "detach"):
            value = value.detach().cpu().numpy()
        return importlib.import_module("numpy").asarray(value)

    def seeds(self, like: Any, own: tuple[int, ...], axis: int, axes: int, batch: int) -> Any:
        """A one for each entry in turn: shape [1.., entries, ..1, 1 for each batch axis, *own]."""
        count = 1
        for length in own:
            count *= length
        ones = self.xp.eye(count, dtype=like.dtype)
        if self.kind == "torch":
            ones = ones.to(like.device)
        lead = [1] * (axes + batch)
        lead[axis] = count
        return ones.reshape((*lead, *own))

    def last(self, value: Any, count: int) -> Any:
        """The array with its first `count` axes put last."""
        return self.xp.moveaxis(value, tuple(range(count)), tuple(range(-count, 0)))

    def function(self, function: Any) -> Callable[..., Any]:
        """SymPy's function on arrays: the package's own, or mpmath's number by number.

        Raises:
            Unsupported: When there is none.
        """
        name = _NAMES.get(function.__name__, function.__name__)
        own = getattr(self.xp, _TORCH.get(name, name) if self.kind == "torch" else name, None)
        if own is not None and name == "polygamma":
            return lambda order, x: own(int(order), self.array(x))
        if own is not None:
            return lambda *values: own(*(self.array(v) for v in values))
        if self.kind == "torch":
            raise Unsupported(f"{name} has no counterpart in torch: use .numpy()")
        return self.xp.vectorize(_by_mpmath(function), otypes=[self.xp.float64])  # type: ignore[no-any-return]


def _by_mpmath(function: Any) -> Callable[..., float]:
    """One number at a time, by mpmath with 30 digits."""
    import mpmath
    import sympy

    def call(*values: Any) -> float:
        with mpmath.workdps(30):
            number = sympy.N(function(*(sympy.Float(float(v), 30) for v in values)), 30)
        if not number.is_number or number.is_extended_real is False:
            return float("nan")
        return float(number)

    return call
