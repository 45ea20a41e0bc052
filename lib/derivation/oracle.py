"""Oracles: a derived formula as a vectorised function of NumPy arrays or torch tensors."""

import itertools
from collections.abc import Mapping
from typing import Any

from sympy import MatrixBase, Symbol

from .array_modules import ArrayModule
from .domain import ingredients
from .evaluate import Backend, Evaluator, Scope
from .matrix_base import as_matrix
from .matrix_scalars import of_entries
from .oracle_inputs import name_of, require_domain, sizes_of, tags_of
from .stable import Dual, Stable, split
from .symbols import Index, Path
from .watch import raise_not_finite


class Oracle:
    """A derived formula that can be called with numbers.

    Arrays may have any leading batch dimensions before those of the formula; sizes are read off
    their trailing shapes. NumPy computes in float64 whatever comes in; tensors keep their type.
    Exponentials are never formed before the end, so log-sum-exp, softmax, log(1 + exp), a sigmoid
    or the logarithm of a product or a path sum do not overflow; what does is an error, never a
    silent infinity. Subtraction of nearly equal *inputs* loses digits as everywhere.

    The cost is that of the formula as it stands: K^T for a sum over paths.

    >>> from sympy import exp, log
    >>> from lib.derivation import array, index, sizes, sum_over
    >>> N = sizes("N")
    >>> n, s = index("n", 1, N), array("s", N)
    >>> oracle = Oracle(log(sum_over(exp(s[n]), n)), "numpy")
    >>> round(float(oracle(s=[1000.0, 1000.0])), 6)
    1000.693147
    >>> oracle.gradient("s")(s=[1000.0, 1000.0])
    array([0.5, 0.5])
    """

    def __init__(self, expr: Any, kind: str, label: str = "", wrt: tuple[str, ...] = ()) -> None:
        """Take the formula, the kind of numbers, and what the value is differentiated by."""
        self.formula = as_matrix(expr) if isinstance(expr, MatrixBase) else expr
        self.expr, self.entries = of_entries(self.formula)  # of a matrix, every row and column
        self.kind, self.label, self.wrt = kind, label, wrt
        self.found = ingredients(self.expr)
        self._arrays = {str(a.label): a for a in self.found.arrays}
        self._symbols = {s.name: s for s in self.found.symbols | self.found.sizes}
        self._free = {name_of(f): f for f in self.found.free}

    def gradient(self, *names: str) -> "Oracle":
        """The oracle of the derivatives by every entry of an array, or by a plain symbol.

        Args:
            names: By what; two names give second derivatives, `gradient("h", "h")` the Hessian.

        Returns:
            An oracle whose values have the named arrays' axes behind all others. It costs as much
            as the formula times the number of entries, in one vectorised call (forward mode).

        Raises:
            TypeError: For a name that is neither an array nor a real symbol of the formula.
        """
        sizes = {s.name for s in self.found.sizes}
        known = sorted(({*self._arrays, *self._symbols}) - sizes)
        wrong = [n for n in names if n not in known]
        if wrong or not names:
            raise TypeError(
                f"the derivative of {self.label or 'the formula'} by {wrong or 'nothing'}: name "
                f"what it is by, of {', '.join(known) or '(it has no variable)'}"
            )
        return Oracle(self.formula, self.kind, self.label, (*self.wrt, *names))

    def __call__(self, *, every: Any = (), **values: Any) -> Any:
        """The formula's value.

        Args:
            every: Free indices over whose whole ranges the values are stacked, as trailing axes
                in this order.
            values: Each array and plain symbol by name; each free index as a 1-based integer; each
                free path as tags 1..K of shape [..., T]. Minus infinity stands for what is ruled
                out.

        Returns:
            An array or tensor of shape [batch..., one axis for each index of `every`, rows and
            columns if the formula is a matrix (rows alone for a column), the axes of what it is
            differentiated by].

        Raises:
            TypeError: For a missing or unknown name, or numbers that are not real.
            ValueError: For shapes that do not fit the formula, tags or indices out of range, nan,
                and values outside of a symbol's domain, as -1 for a positive one.
            NotFinite: When the formula overflows or has no value: which part, at which batch
                item, and how to mend it.
            Undefined: When a derivative does not exist, as that of a maximum at a tie.
            Unsupported: When a part of the formula has no numbers.
        """
        every = ((every,) if isinstance(every, Index) else tuple(every)) + self.entries
        self._require_names(values, every)
        module = ArrayModule(self.kind)
        bound = {n: self._free[n] for n in values if n in self._free}
        given = module.alike({n: module.given(n, v) for n, v in values.items() if n not in bound})
        paths = {n: tags_of(n, values[n]) for n, f in bound.items() if isinstance(f, Path)}
        indices = {f: _whole(n, values[n]) for n, f in bound.items() if isinstance(f, Index)}
        known = {**self._arrays, **self._symbols}
        for name, value in given.items():
            require_domain(name, known[name], value)
        sizes = sizes_of(self.found, self._arrays, given, self._free, paths)
        self._require_in_range(indices, paths, sizes)
        with module.quiet():
            return self._batched(given, paths, sizes, indices, every, module)

    def _batched(
        self, given: Any, paths: Any, sizes: Any, indices: Any, every: Any, module: ArrayModule
    ) -> Any:
        """The value; one batch item after the other where each has its own path."""
        if all(p.ndim == 1 for p in paths.values()):
            tags = {self._free[n]: tuple(map(int, p)) for n, p in paths.items()}
            return self._stack({**indices, **tags}, given, sizes, every, module)
        import numpy as np

        batch = np.broadcast_shapes(*(p.shape[:-1] for p in paths.values()))
        results = []
        for place in np.ndindex(*batch):
            inner = {n: self._item(n, v, batch, place) for n, v in given.items()}
            own = {n: np.broadcast_to(p, (*batch, p.shape[-1]))[place] for n, p in paths.items()}
            tags = {self._free[n]: tuple(map(int, p)) for n, p in own.items()}
            results.append(self._stack({**indices, **tags}, inner, sizes, every, module))
        stacked = module.stack(results, 0)
        return stacked.reshape((*batch, *stacked.shape[1:]))

    def _item(self, name: str, value: Any, batch: tuple[int, ...], place: tuple[int, ...]) -> Any:
        """The part of a batched array that belongs to one batch item."""
        lead = self._lead(name, value)
        if not lead:
            return value
        if lead != batch:
            raise ValueError(f"{name} has batch shape {lead}, the paths have {batch}")
        return value[place]

    def _lead(self, name: str, value: Any) -> tuple[int, ...]:
        return tuple(value.shape[: value.ndim - self.axes(name)])

    def axes(self, name: str) -> int:
        """How many axes an input has besides those of the batch."""
        if name in self._arrays:
            return len(self._arrays[name].shape)
        return int(isinstance(self._free.get(name), Path))

    def _batch(self, given: Mapping[str, Any]) -> tuple[int, ...]:
        """The batch shape of all inputs together."""
        batch: tuple[int, ...] = ()
        for name, value in given.items():
            lead = self._lead(name, value)
            length = max(len(batch), len(lead))
            padded = [(1,) * (length - len(b)) + b for b in (batch, lead)]
            if any(a != b and 1 not in (a, b) for a, b in zip(*padded, strict=True)):
                raise ValueError(f"{name} has batch shape {lead}, other inputs have {batch}")
            batch = tuple(b if a == 1 else a for a, b in zip(*padded, strict=True))
        return batch

    def _stack(self, bindings: Any, given: Any, sizes: Any, every: Any, module: Any) -> Any:
        """The values over the ranges of `every`, differentiated, with their axes in order."""
        integer = Evaluator(Backend(), sizes).integer
        ranges = [range(integer(k.lower, Scope()), integer(k.upper, Scope()) + 1) for k in every]
        batch = self._batch(given)
        moving = self._moving(given, len(batch), module)
        counts = [int(_entries(given[n], self.axes(n))) for n in self.wrt]
        backend = Stable(moving, module, depth=len(self.wrt))
        evaluator = Evaluator(backend, sizes)
        values = []
        for chosen in itertools.product(*ranges):
            scope = Scope({**bindings, **dict(zip(every, chosen, strict=True))})
            value = evaluator.value(self.expr, scope)
            for level in range(len(self.wrt), 0, -1):
                value = split(value, level)[1]
            value = module.expand(backend.plain(value), (*counts, *batch))
            if not bool(module.xp.isfinite(value).all()):
                lead = {n: (v, self.axes(n)) for n, v in given.items()}
                raise_not_finite(self, value, lead, evaluator, scope)
            values.append(value)
        if not values:
            raise ValueError(f"the range of {', '.join(map(str, every))} is empty for these sizes")
        stacked = module.stack(values, -1) if every else values[0]
        stacked = module.last(stacked, len(counts))
        own = [d for n in self.wrt for d in given[n].shape[given[n].ndim - self.axes(n) :]]
        return stacked.reshape((*batch, *map(len, ranges), *own))

    def _moving(self, given: Any, batch: int, module: ArrayModule) -> dict[str, Any]:
        """The inputs, those differentiated by with a one in each entry's direction."""
        moving = dict(given)
        for level, name in enumerate(self.wrt, 1):
            own = given[name].shape[given[name].ndim - self.axes(name) :]
            seeds = module.seeds(given[name], tuple(own), level - 1, len(self.wrt), batch)
            moving[name] = Dual(moving[name], seeds, level)
        return moving

    def _require_names(self, values: Mapping[str, Any], every: tuple[Any, ...]) -> None:
        known = {**self._arrays, **self._symbols, **self._free}
        unknown = sorted(set(values) - set(known))
        of_shapes = {s.name for s in self.found.sizes}
        needed = set(known) - of_shapes - {name_of(k) for k in every}
        missing = sorted(needed - set(values))
        stray = [str(k) for k in every if k not in self.found.free]
        if unknown or missing or stray:
            wanted = ", ".join(sorted(needed))
            raise TypeError(
                f"the formula {self.label} takes {wanted} by name; "
                f"missing: {missing or 'none'}, unknown: {unknown or 'none'}, "
                f"in every but not free: {stray or 'none'}"
            )

    def _require_in_range(
        self, indices: Mapping[Any, int], paths: Mapping[str, Any], sizes: Mapping[Symbol, int]
    ) -> None:
        integer = Evaluator(Backend(), sizes).integer
        for index, value in indices.items():
            low, high = (integer(e, Scope(indices)) for e in (index.lower, index.upper))
            if not low <= value <= high:
                raise ValueError(f"{index} must lie in {low}..{high}, got {value}")
        for name, tags in paths.items():
            high = integer(self._free[name].num_tags, Scope())
            if not ((tags >= 1) & (tags <= high)).all():
                raise ValueError(f"the tags of {name} must lie in 1..{high}, got {tags.tolist()}")


def _entries(value: Any, own: int) -> int:
    count = 1
    for length in value.shape[value.ndim - own :]:
        count *= int(length)
    return count


def _whole(name: str, value: Any) -> int:
    if int(value) != value:
        raise TypeError(f"the index {name} must be a whole number, got {value!r}")
    return int(value)
