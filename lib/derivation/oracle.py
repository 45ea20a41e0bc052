"""Oracles: a derived formula as a vectorised function of NumPy arrays or torch tensors."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Symbol

from .domain import ingredients
from .errors import Unsupported
from .evaluate import Backend, Evaluator, Scope
from .operators import Partial
from .symbols import Index, Path

_COMPLEX_STEP = 1e-30


class Oracle:
    """A derived formula that can be called with numbers.

    Arrays may have any leading batch dimensions before those of the formula; sizes are read off
    their trailing shapes. The cost is that of the formula itself: K^T for a sum over paths.
    """

    def __init__(self, expr: Any, kind: str, label: str = "") -> None:
        """Take the formula and the kind of numbers."""
        self.expr, self.kind, self.label = expr, kind, label
        self.found = ingredients(expr)
        self._arrays = {str(a.label): a for a in self.found.arrays}
        self._symbols = {s.name: s for s in self.found.symbols | self.found.sizes}
        self._free = {_name(f): f for f in self.found.free}

    def __call__(self, *, every: Any = (), **values: Any) -> Any:
        """The formula's value.

        Args:
            every: Free indices over whose whole ranges the values are stacked, as trailing axes
                in this order.
            values: Each array and plain symbol by name; each free index as a 1-based integer; each
                free path as tags 1..K of shape [..., T].

        Returns:
            An array or tensor of shape [batch..., one axis for each index of `every`].

        Raises:
            TypeError: For a missing or unknown name.
            ValueError: For shapes that do not fit the formula, or tags or indices out of range.
        """
        every = (every,) if isinstance(every, Index) else tuple(every)
        self._require_names(values, every)
        module = _Module(self.kind)
        given = {name: module.array(v) for name, v in values.items() if name not in self._free}
        paths = {n: np.asarray(values[n]) for n in values if isinstance(self._free.get(n), Path)}
        sizes = self._sizes(given, paths)
        indices = {self._free[n]: int(values[n]) for n in values if _is_index(self._free.get(n))}
        self._require_in_range(indices, sizes)
        if any(p.ndim > 1 for p in paths.values()):
            return self._each_path(given, paths, sizes, indices, every, module)
        tags = {self._free[n]: _tags(n, p, sizes, self._free[n]) for n, p in paths.items()}
        return self._stack({**indices, **tags}, given, sizes, every, module)

    def _each_path(
        self, given: Any, paths: Any, sizes: Any, indices: Any, every: Any, module: Any
    ) -> Any:
        """One path for each batch item."""
        batch = np.broadcast_shapes(*(p.shape[:-1] for p in paths.values()))
        results = []
        for place in np.ndindex(*batch):
            inner = {n: self._item(n, v, batch, place) for n, v in given.items()}
            tags = {
                self._free[n]: _tags(
                    n, np.broadcast_to(p, (*batch, p.shape[-1]))[place], sizes, self._free[n]
                )
                for n, p in paths.items()
            }
            results.append(self._stack({**indices, **tags}, inner, sizes, every, module))
        stacked = module.stack(results, 0)
        return stacked.reshape((*batch, *stacked.shape[1:]))

    def _item(self, name: str, value: Any, batch: tuple[int, ...], place: tuple[int, ...]) -> Any:
        """The part of a batched array that belongs to one batch item."""
        dims = len(self._arrays[name].shape) if name in self._arrays else 0
        lead = value.shape[: value.ndim - dims]
        if not lead:
            return value
        if lead != batch:
            raise ValueError(f"{name} has batch shape {lead}, the paths have {batch}")
        return value[place]

    def _stack(self, bindings: Any, given: Any, sizes: Any, every: Any, module: Any) -> Any:
        integer = Evaluator(Backend(), sizes).integer
        ranges = [range(integer(k.lower, Scope()), integer(k.upper, Scope()) + 1) for k in every]
        evaluator = Evaluator(_Arrays(given, module, self._arrays), sizes)
        values = [
            evaluator.value(self.expr, Scope({**bindings, **dict(zip(every, chosen, strict=True))}))
            for chosen in itertools.product(*ranges)
        ]
        values = module.broadcast([module.array(v) for v in values])
        if not every:
            return values[0]
        stacked = module.stack(values, -1)
        return stacked.reshape((*stacked.shape[:-1], *map(len, ranges)))

    def _require_names(self, values: Mapping[str, Any], every: tuple[Any, ...]) -> None:
        known = {**self._arrays, **self._symbols, **self._free}
        unknown = sorted(set(values) - set(known))
        of_shapes = {s.name for s in self.found.sizes}
        needed = set(known) - of_shapes - {_name(k) for k in every}
        missing = sorted(needed - set(values))
        stray = [str(k) for k in every if k not in self.found.free]
        if unknown or missing or stray:
            wanted = ", ".join(sorted(needed))
            raise TypeError(
                f"the formula {self.label} takes {wanted} by name; "
                f"missing: {missing or 'none'}, unknown: {unknown or 'none'}, "
                f"in every but not free: {stray or 'none'}"
            )

    def _sizes(self, given: Mapping[str, Any], paths: Mapping[str, Any]) -> dict[Symbol, int]:
        """The value of each size, from the arrays' trailing shapes."""
        sizes: dict[Symbol, int] = {}
        origin: dict[Symbol, str] = {}
        shapes = [(n, self._arrays[n].shape, given[n].shape) for n in given if n in self._arrays]
        shapes += [(n, (self._free[n].length,), p.shape) for n, p in paths.items()]
        for name, wanted, shape in shapes:
            if len(shape) < len(wanted):
                raise ValueError(f"{name} must have shape [..., {wanted}], got {tuple(shape)}")
            for size, number in zip(wanted, shape[len(shape) - len(wanted) :], strict=True):
                if size.is_Symbol and sizes.setdefault(size, int(number)) != number:
                    raise ValueError(
                        f"{size} is {sizes[size]} by {origin[size]} and {number} by {name}"
                    )
                origin.setdefault(size, name)
        for size in self.found.sizes:
            if size.name in given:
                sizes.setdefault(size, int(given[size.name]))
            if size not in sizes:
                raise TypeError(f"no array tells the size {size}: give it as {size}=...")
        return sizes

    def _require_in_range(self, indices: Mapping[Any, int], sizes: Mapping[Symbol, int]) -> None:
        integer = Evaluator(Backend(), sizes).integer
        for index, value in indices.items():
            low, high = (integer(e, Scope(indices)) for e in (index.lower, index.upper))
            if not low <= value <= high:
                raise ValueError(f"{index} must lie in {low}..{high}, got {value}")


def _name(free: Any) -> str:
    name = str(free.label) if isinstance(free, Path) else str(free)
    return name.replace("^*", "_star")


def _is_index(free: Any) -> bool:
    return isinstance(free, Index)


def _tags(name: str, tags: Any, sizes: Mapping[Symbol, int], path: Path) -> tuple[int, ...]:
    high = Evaluator(Backend(), sizes).integer(path.num_tags, Scope())
    values = tuple(int(t) for t in tags)
    if not all(1 <= t <= high for t in values):
        raise ValueError(f"the tags of {name} must lie in 1..{high}, got {values}")
    return values


class _Module:
    """The few differences between NumPy and torch."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        if kind == "torch":
            import importlib

            self.xp: Any = importlib.import_module("torch")
        else:
            self.xp = np

    def array(self, value: Any) -> Any:
        if self.kind == "torch":
            return self.xp.as_tensor(value)
        if hasattr(value, "detach"):
            value = value.detach().cpu().numpy()
        return np.asarray(value)

    def broadcast(self, values: list[Any]) -> list[Any]:
        if self.kind == "torch":
            return list(self.xp.broadcast_tensors(*values))
        return list(np.broadcast_arrays(*values))

    def stack(self, values: list[Any], axis: int) -> Any:
        return (
            self.xp.stack(values, axis) if self.kind == "numpy" else self.xp.stack(values, dim=axis)
        )


class _Arrays(Backend):
    """The interpreter's backend for arrays and tensors: every value has the batch's shape."""

    def __init__(
        self, given: Mapping[str, Any], module: _Module, arrays: Mapping[str, Any]
    ) -> None:
        self.given, self.module, self.arrays = dict(given), module, arrays

    def constant(self, number: Any) -> Any:
        return number if isinstance(number, int) else float(number)

    def symbol(self, symbol: Symbol) -> Any:
        return self.given[symbol.name]

    def entry(self, array: Any, indices: tuple[int, ...]) -> Any:
        return self.given[str(array.label)][(..., *(k - 1 for k in indices))]

    def unknown(self, function: Any, indices: tuple[int, ...], arguments: list[Any]) -> Any:
        raise Unsupported(f"the function {function} is unknown: it has no numerical value")

    def add(self, values: list[Any]) -> Any:
        total = values[0]
        for value in values[1:]:
            total = total + value
        return total

    def multiply(self, values: list[Any]) -> Any:
        product = values[0]
        for value in values[1:]:
            product = product * value
        return product

    def power(self, base: Any, exponent: Any) -> Any:
        if isinstance(exponent, float) and exponent == int(exponent):
            exponent = int(exponent)
        return 1.0 / base if isinstance(exponent, int) and exponent == -1 else base**exponent

    def maximum(self, values: list[Any]) -> Any:
        values = self.module.broadcast([self.module.array(v) for v in values])
        return (
            self.module.stack(values, 0).max(0)
            if self.module.kind == "numpy"
            else self.module.xp.stack(values).amax(0)
        )

    def apply(self, function: Any, values: list[Any]) -> Any:
        name = _NAMES.get(function.__name__, function.__name__)
        call = getattr(self.module.xp, name, None)
        if call is None:
            raise Unsupported(f"{name} has no counterpart in {self.module.kind}")
        return call(*(self.module.array(v) for v in values))

    def derivative(self, evaluator: Evaluator, node: Partial, scope: Scope) -> Any:
        body, by, order = node.args
        if by in scope.bindings:
            raise Unsupported(f"a numerical derivative by the parameter {by}")
        if self.module.kind == "torch":
            return self._by_autograd(evaluator, body, by, int(order), scope)
        if int(order) != 1 or body.has(Partial):
            raise Unsupported("NumPy oracles take first derivatives only: use .torch()")
        moved = self._moved(by, evaluator, scope, 1j * _COMPLEX_STEP)
        inner = Evaluator(_Arrays(moved, self.module, self.arrays), evaluator.sizes)
        return np.imag(inner.value(body, scope)) / _COMPLEX_STEP

    def _moved(self, by: Any, evaluator: Evaluator, scope: Scope, step: Any) -> dict[str, Any]:
        name, direction = self._direction(by, evaluator, scope)
        return {**self.given, name: self.given[name] + step * direction}

    def _direction(self, by: Any, evaluator: Evaluator, scope: Scope) -> tuple[str, Any]:
        """The array that holds the variable, and one there with zeros elsewhere."""
        if isinstance(by, Symbol):
            return by.name, self.module.xp.ones_like(self.module.array(self.given[by.name]))
        name = str(by.base.label)
        direction = self.module.xp.zeros_like(self.given[name])
        direction[(..., *(evaluator.integer(k, scope) - 1 for k in by.indices))] = 1
        return name, direction

    def _by_autograd(
        self, evaluator: Evaluator, body: Any, by: Any, order: int, scope: Scope
    ) -> Any:
        """Derivative along a step that every batch item has for itself."""
        torch = self.module.xp
        name, direction = self._direction(by, evaluator, scope)
        shape = torch.as_tensor(evaluator.value(body, scope)).shape
        with torch.enable_grad():
            step = torch.zeros(shape, dtype=direction.dtype, device=direction.device)
            step.requires_grad_()
            own_dims = 0 if isinstance(by, Symbol) else len(by.indices)
            change = step[(..., *(None for _ in range(own_dims)))] * direction
            moved = {**self.given, name: self.given[name] + change}
            inner = Evaluator(_Arrays(moved, self.module, self.arrays), evaluator.sizes)
            result = torch.as_tensor(inner.value(body, scope))
            for _ in range(order):
                if not result.requires_grad:
                    return torch.zeros_like(step)
                # Batch items do not influence each other, so the sum's gradient is each one's own.
                (result,) = torch.autograd.grad(result.sum(), step, create_graph=True)
        return result

    def compare(self, relation: Any, left: Any, right: Any) -> bool:
        raise Unsupported(f"{relation} depends on values, not only on indices")


_NAMES = {"Abs": "abs", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "ceiling": "ceil"}
