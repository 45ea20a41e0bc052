"""Say where a formula stopped being finite: which part, at which batch item, and what to do."""

from typing import Any, NoReturn

import sympy
from sympy import Indexed, Symbol

from .errors import NotFinite
from .evaluate import Evaluator, Scope
from .oracle_inputs import first_place
from .printing import plain


class _Watched(Evaluator):
    """An interpreter that remembers the innermost part whose value is not finite."""

    def __init__(self, backend: Any, sizes: Any, bad: Any) -> None:
        super().__init__(backend, sizes)
        self.bad = bad
        self.part: tuple[Any, Scope] | None = None

    def value(self, expr: Any, scope: Scope) -> Any:
        """The value, noting the first part with a bad one that is no input."""
        value = super().value(expr, scope)
        leaf = isinstance(expr, (Symbol, Indexed, sympy.Number))
        if self.part is None and not leaf and self.bad(value):
            self.part = (expr, scope)
        return value


def raise_not_finite(
    oracle: Any, value: Any, inputs: Any, evaluator: Evaluator, scope: Scope
) -> None:
    """Raise for values that are nan, or infinite while the item's inputs are finite.

    Minus infinity among an item's inputs rules something out, and an infinite value may then be
    right: the logarithm of a sum of nothing.

    Raises:
        NotFinite: With the part, the batch item and advice.
    """
    backend: Any = evaluator.backend
    xp, module = backend.module.xp, backend.module
    allowed = module.array(0.0) != 0
    for array, own in inputs.values():
        infinite = xp.isinf(array)
        allowed = allowed | (infinite.reshape((*array.shape[: array.ndim - own], -1)).any(-1))
    wrong = xp.isnan(value) | (xp.isinf(value) & ~allowed)
    if not bool(wrong.any()):
        return
    _raise(oracle, value, first_place(wrong), evaluator, scope)


def _raise(
    oracle: Any, value: Any, place: tuple[int, ...], evaluator: Evaluator, scope: Scope
) -> NoReturn:
    backend: Any = evaluator.backend
    module, is_nan = backend.module, bool(backend.module.xp.isnan(value[place]))

    def bad(part: Any) -> bool:
        parts = _layers(part, backend)
        return any(_bad_at(module.xp, p, place, is_nan) for p in parts)

    watched = _Watched(backend, evaluator.sizes, bad)
    watched.value(oracle.expr, scope)
    part, inner = watched.part or (oracle.expr, scope)
    item = list(place[len(oracle.wrt) :])
    at = ", ".join(f"{k} = {v}" for k, v in inner.bindings.items())
    where = (f" at batch item {item}" if item else "") + (f" ({at})" if at else "")
    what = "its derivative" if oracle.wrt else "it"
    raise NotFinite(
        f"the formula {oracle.label} is {float(value[place])}{where}, not a finite number: "
        f"{what} has no {_dtype(module)} value in the part\n    {plain(part)}\n"
        f"{_advice(part, is_nan)}"
    )


def _dtype(module: Any) -> str:
    return "float64" if module.like is None else str(module.like.dtype).removeprefix("torch.")


def _advice(part: Any, is_nan: bool) -> str:
    if isinstance(part, sympy.log):
        return "A logarithm needs a positive argument here: mend the inputs."
    if isinstance(part, sympy.Pow) and part.exp.is_negative and not is_nan:
        return "It divides by 0, or by a number too small: mend the inputs."
    if is_nan:
        return (
            "It is undefined there, as 0 times infinity or a root of a negative number: mend the "
            "inputs, or rewrite this part (in logarithms, say)."
        )
    return "It overflows: give smaller inputs or float64, or derive and ask for its logarithm."


def _layers(value: Any, backend: Any) -> list[Any]:
    """The plain arrays of a value and of its derivatives."""
    if hasattr(value, "slope"):
        return _layers(value.value, backend) + _layers(value.slope, backend)
    if hasattr(value, "mantissa"):
        # An exponential is no overflow before it is formed: what matters is its parts.
        return [backend.module.array(value.mantissa), backend.module.array(value.log)]
    return [backend.module.array(value)]


def _bad_at(xp: Any, value: Any, place: tuple[int, ...], is_nan: bool) -> bool:
    shape = tuple(value.shape)
    own = place[len(place) - len(shape) :]
    picked = value[tuple(0 if n == 1 else k for n, k in zip(shape, own, strict=True))]
    return bool(xp.isnan(picked)) if is_nan else bool(xp.isinf(picked))
