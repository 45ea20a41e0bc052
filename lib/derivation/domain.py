"""The domain of a statement: its symbols, sizes and indices, and points to try it at."""

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import mpmath
import sympy
from sympy import Symbol
from sympy.printing.pretty.pretty_symbology import pretty_symbol

from .evaluate import Backend, Evaluator, Scope
from .names import Abbreviation, Call, Head, free_names
from .operators import Replaced
from .symbols import Index, Path

Sizes = Mapping[Symbol, tuple[int, ...]]
PATTERNS = ("zero", "equal", "ties", "large", "random")


@dataclass
class Ingredients:
    """What a statement is made of."""

    sizes: set[Symbol] = field(default_factory=set)
    arrays: set[Any] = field(default_factory=set)
    symbols: set[Symbol] = field(default_factory=set)
    free: set[Any] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)


def ingredients(*expressions: Any) -> Ingredients:
    """The symbols of the expressions, those of named definitions included.

    Raises:
        ValueError: When two different symbols have one name.
    """
    found = Ingredients()
    placeholders: set[Any] = set()
    seen: set[Any] = set()
    stack = list(expressions)
    while stack:
        expr = stack.pop()
        if expr in seen:
            continue
        seen.add(expr)
        stack.extend(_parts(expr, found))
        if isinstance(expr, Call):
            placeholders.update(p for p in expr.named.parameters if isinstance(p, Symbol))
        if isinstance(expr, Replaced):
            placeholders.update(p for p, _ in expr.args[1:] if isinstance(p, Symbol))
    found.symbols -= found.sizes | placeholders - set().union(*map(_outside, expressions))
    for expr in expressions:
        found.free |= free_names(expr)
    _require_distinct(found)
    return found


def _outside(expr: Any) -> set[Any]:
    """Plain symbols that occur outside of named definitions."""
    return {s for s in expr.atoms(Symbol) if not isinstance(s, (Index, Head))}


def _parts(expr: Any, found: Ingredients) -> list[Any]:
    """The parts of an expression to look into, after noting what it is itself."""
    if isinstance(expr, Index):
        _note_sizes(found, expr.lower, expr.upper)
        return []
    if isinstance(expr, Path):
        _note_sizes(found, expr.length, expr.num_tags)
        return []
    if isinstance(expr, sympy.IndexedBase):
        found.arrays.add(expr)
        _note_sizes(found, *expr.shape)
        return []
    if isinstance(expr, Head):
        return []
    if isinstance(expr, Symbol):
        found.symbols.add(expr)
        return []
    if isinstance(expr, (sympy.Sum, sympy.Product)):
        for _, low, high in expr.args[1:]:
            _note_sizes(found, low, high)
    if isinstance(expr, sympy.core.function.AppliedUndef):
        found.functions.add(expr.func.__name__)
    if not isinstance(expr, Call):
        return list(expr.args)
    named = expr.named
    bodies = [named.definition] if isinstance(named, Abbreviation) else [named.start, named.step]
    return [*expr.args[1:], *bodies]


def _note_sizes(found: Ingredients, *expressions: Any) -> None:
    for expr in expressions:
        plain = {s for s in expr.free_symbols if isinstance(s, Symbol) and not isinstance(s, Index)}
        found.sizes |= plain


def _require_distinct(found: Ingredients) -> None:
    by_name: dict[str, Any] = {}
    everything = [*found.symbols, *found.sizes, *found.arrays]
    for symbol in everything:
        name = str(symbol.label) if isinstance(symbol, sympy.IndexedBase) else symbol.name
        other = by_name.setdefault(name, symbol)
        if other != symbol:
            raise ValueError(
                f"two different symbols are called {name!r}: {_known(other)} and "
                f"{_known(symbol)}; make the symbol once and use it throughout"
            )


def _known(symbol: Any) -> str:
    if isinstance(symbol, sympy.IndexedBase):
        return f"an array of shape {symbol.shape}"
    facts = [f"{k}={v}" for k, v in sorted(symbol._assumptions_orig.items()) if k != "commutative"]
    return f"one with {', '.join(facts) or 'no assumptions'}"


@dataclass(frozen=True)
class Instance:
    """Values of the sizes, free indices and free paths."""

    sizes: Mapping[Symbol, int]
    bindings: Mapping[Any, Any]

    def __str__(self) -> str:
        """The values in words."""
        pairs = [f"{k} = {v}" for k, v in self.sizes.items()]
        pairs += [f"{k} = {v}" for k, v in self.bindings.items()]
        return ", ".join(pairs)


def instances(found: Ingredients, sizes: Sizes) -> Iterator[Instance]:
    """Every choice of the sizes with every choice of the free indices and paths."""
    names = sorted(found.sizes, key=str)
    for values in itertools.product(*(sizes[n] for n in names)):
        chosen = dict(zip(names, values, strict=True))
        integer = Evaluator(Backend(), chosen).integer
        ranges: list[Any] = []
        free = sorted(found.free, key=lambda f: (isinstance(f, Path), str(f)))
        for name in free:
            if isinstance(name, Path):
                tags = range(1, integer(name.num_tags, Scope()) + 1)
                ranges.append(itertools.product(tags, repeat=integer(name.length, Scope())))
            else:
                low, high = (integer(e, Scope()) for e in (name.lower, name.upper))
                ranges.append(range(low, high + 1))
        for chosen_free in itertools.product(*map(list, ranges)):
            yield Instance(chosen, dict(zip(free, chosen_free, strict=True)))


def sampler(pattern: str, seed: int) -> Any:
    """A function that gives each symbol a value of its domain, the same at every call."""

    def sample(symbol: Symbol) -> Any:
        draw = random.Random(f"{pattern} {seed} {symbol.name}")
        return mpmath.mpmathify(_draw(symbol, pattern, draw))

    return sample


def _draw(symbol: Symbol, pattern: str, draw: random.Random) -> Any:
    if symbol.is_integer:
        return _draw_integer(symbol, pattern, draw)
    if symbol.is_imaginary:
        return 1j * draw.uniform(0.5, 3) * draw.choice((-1, 1))
    if not symbol.is_extended_real:
        turn = draw.choice((1, -1, 1j, -1j, complex(-0.6, -0.8), complex(-0.6, 0.8)))
        return turn * _magnitude(pattern, draw)
    if symbol.is_positive or symbol.is_negative:
        size = math_exp(draw.uniform(-3, 3)) if pattern == "random" else _magnitude(pattern, draw)
        return (1 if symbol.is_positive else -1) * (size or 1)
    value = _magnitude(pattern, draw) or (1 if symbol.is_nonzero else 0)
    if symbol.is_nonnegative or symbol.is_nonpositive:
        return value if symbol.is_nonnegative else -value
    return value if pattern == "equal" else value * draw.choice((1, -1))


def _magnitude(pattern: str, draw: random.Random) -> float:
    if pattern == "zero":
        return 0.0
    if pattern == "equal":
        return 1.0
    if pattern == "ties":
        return draw.choice((0.5, 1.0, 2.0))
    return draw.uniform(30, 60) if pattern == "large" else draw.uniform(0.05, 3)


def math_exp(x: float) -> float:
    """The exponential, as a plain number."""
    return float(mpmath.exp(x))


def _draw_integer(symbol: Symbol, pattern: str, draw: random.Random) -> int:
    low = 1 if symbol.is_positive else (0 if symbol.is_nonnegative else -6)
    high = -1 if symbol.is_negative else (0 if symbol.is_nonpositive else 12)
    if pattern in ("zero", "equal"):
        wanted = 0 if pattern == "zero" else 1
        value = min(max(wanted, low), high)
    else:
        value = draw.randint(low, high)
    if symbol.is_odd and value % 2 == 0:
        value += 1 if value + 1 <= high else -1
    if symbol.is_even and value % 2:
        value += 1 if value + 1 <= high else -1
    if symbol.is_nonzero and value == 0:
        value = 2 if symbol.is_even else 1
    return value


def in_words(found: Ingredients, sizes: Mapping[Symbol, Any] | None) -> str:
    """The domain as a reader would say it; named sizes stand in :func:`sizes_in_words`."""
    parts = []
    kinds: dict[str, list[str]] = {}
    for array in sorted(found.arrays, key=str):
        kinds.setdefault(_kind(array) + " arrays", []).append(spoken(str(array.label)))
    for symbol in sorted(found.symbols, key=str):
        kinds.setdefault(_kind(symbol), []).append(spoken(symbol.name))
    for name in sorted(found.functions):
        kinds.setdefault("smooth real functions", []).append(spoken(name))
    for kind, names in kinds.items():
        one = kind.removesuffix("s") if len(names) == 1 and kind.endswith("s") else kind
        parts.append(f"{', '.join(names)} {one}")
    free = [str(size) for size in sorted(found.sizes, key=str) if not (sizes or {}).get(size)]
    if free:
        parts.append(f"any {', '.join(free)} ≥ 1")
    return "; ".join(parts)


def sizes_in_words(sizes: Mapping[str, Any]) -> str:
    """The named sizes, those with the same values together.

    >>> sizes_in_words({"T": [1, 2], "K": [1, 2], "N": [3]})
    'T, K ∈ {1, 2}, N ∈ {3}'
    """
    together: dict[str, list[str]] = {}
    for name, values in sizes.items():
        together.setdefault(", ".join(map(str, values)), []).append(name)
    return ", ".join(f"{', '.join(names)} ∈ {{{values}}}" for values, names in together.items())


def spoken(name: str) -> str:
    """A symbol's name with its Greek letter, if it is one: theta is θ."""
    return str(pretty_symbol(name)) if name.isalpha() and len(name) > 1 else name


def _kind(symbol: Any) -> str:
    whole = " integer" if symbol.is_integer else ""
    for fact in ("positive", "negative", "nonnegative", "nonpositive"):
        if getattr(symbol, f"is_{fact}"):
            return fact + whole
    if whole:
        return whole.strip()
    return "real" if symbol.is_extended_real else "complex"
