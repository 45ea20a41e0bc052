"""Typed symbols: sizes, indices with a range, arrays, paths, and plain real symbols."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import sympy
from sympy import IndexedBase, Symbol


class Typeset(Symbol):  # type: ignore[misc]
    """A symbol that prints in LaTeX as its author says; equal only to one that prints the same."""

    latex: str
    entries: str

    def __new__(cls, name: str, latex: str, entries: str = "", **assumptions: Any) -> "Typeset":
        """Make the symbol; `entries` is how the entries of an array so called print, if not so."""
        obj: Typeset = Symbol.__xnew__(cls, name, **assumptions)
        obj.latex, obj.entries = latex, entries or latex
        return obj

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What pickle and copy rebuild the symbol from."""
        return (self.name, self.latex, self.entries), self._assumptions_orig

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.latex, self.entries)

    def _latex(self, printer: Any) -> str:
        return self.latex


class Index(Symbol):  # type: ignore[misc]
    """An index symbol that knows its range `lower..upper` (inclusive)."""

    lower: sympy.Expr
    upper: sympy.Expr

    def __new__(cls, name: str, lower: Any, upper: Any) -> "Index":
        """Make the symbol; two indices are equal when name and range are."""
        lower, upper = sympy.sympify(lower), sympy.sympify(upper)
        known = {f: True for f in ("positive", "nonnegative") if getattr(lower, f"is_{f}")}
        obj: Index = Symbol.__xnew__(cls, name, integer=True, **known)
        obj.lower, obj.upper = lower, upper
        return obj

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What pickle and copy rebuild the symbol from."""
        return (self.name, self.lower, self.upper), {}

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.lower, self.upper)


class Path(IndexedBase):  # type: ignore[misc]
    """A sequence of tags y_1..y_T, each in 1..K; `y[t]` may stand as an index of an array."""

    def __new__(cls, label: Any, shape: Any, num_tags: Any) -> "Path":
        """Make the path of `shape[0]` tags, each in `1..num_tags`."""
        if isinstance(label, str):
            label = Symbol(label, integer=True, positive=True)
        base = IndexedBase(label, shape=tuple(shape), integer=True, positive=True)
        obj: Path = sympy.Expr.__new__(cls, *base.args, sympy.sympify(num_tags))
        obj._label, obj._shape, obj._offset = base.label, base.shape, base.offset
        obj._strides, obj._name = base.strides, base.name
        obj._assumptions = base._assumptions.copy()
        return obj

    @property
    def length(self) -> sympy.Expr:
        """The number of tags in the sequence."""
        return self.args[1][0]

    @property
    def num_tags(self) -> sympy.Expr:
        """The number of values that each tag can take."""
        return self.args[2]

    def sequences(self, length: int, num_tags: int) -> Iterator[tuple[int, ...]]:
        """All that the path can be, for a length and a number of tags."""
        return itertools.product(range(1, num_tags + 1), repeat=length)

    @property
    def free_symbols(self) -> set[Any]:
        """The path itself, like SymPy's own indexed bases."""
        return {self.label}


def _symbols(names: str, latex: str | None, **assumptions: Any) -> Any:
    if latex is None:
        return sympy.symbols(names, **assumptions)
    if len(names.replace(",", " ").split()) != 1:
        raise ValueError(f"latex= goes with one name, got {names!r}: make them one by one")
    return Typeset(names, latex, **assumptions)


def sizes(names: str, *, latex: str | None = None) -> Any:
    """Positive integers such as the length of a sequence or the number of tags.

    Args:
        names: One name, or several separated by spaces.
        latex: How a single name is typeset, if not by SymPy's rules (``theta_0`` is θ₀).

    Returns:
        One symbol, or a tuple of them.

    >>> T, K = sizes("T K")
    >>> T.is_positive and T.is_integer
    True
    """
    return _symbols(names, latex, integer=True, positive=True)


def index(name: str, lower: Any, upper: Any) -> Index:
    """An index that runs over `lower..upper`, both included.

    >>> T = sizes("T")
    >>> index("t", 1, T).upper
    T
    """
    return Index(name, lower, upper)


def array(
    name: str, *shape: Any, latex: str | None = None, bold: bool = False, **assumptions: bool
) -> IndexedBase:
    r"""An array of real numbers with 1-based indices: `h[t, i]` prints as h with indices t, i.

    Args:
        name: The name it is printed with (a Greek letter's English name prints the letter).
        shape: Its sizes, symbols or integers.
        latex: How it is typeset instead.
        bold: Whether the whole array, without indices, is typeset bold; its entries are not.
        assumptions: What SymPy may know of each entry, e.g. ``positive=True``; real by default.

    Raises:
        ValueError: Without a shape.

    >>> T, K = sizes("T K")
    >>> h = array("h", T, K)
    >>> h[1, 2].is_real
    True
    >>> from lib.derivation.printing import latex
    >>> mu = array("mu", K, bold=True)
    >>> latex(mu), latex(mu[1])
    ('\\boldsymbol{\\mu}', '\\mu_{1}')
    """
    if not shape:
        raise ValueError(f"array {name!r} has no shape: give its sizes, as in array('h', T, K)")
    assumptions = assumptions or {"real": True}
    label: Any = name
    if latex is not None or bold:
        printed = latex if latex is not None else sympy.latex(Symbol(name))
        drawn = rf"\boldsymbol{{{printed}}}" if bold else printed
        label = Typeset(name, drawn, printed, **assumptions)
    return IndexedBase(label, shape=shape, **assumptions)


def path(name: str, length: Any, num_tags: Any) -> Path:
    """A sequence of `length` tags, each in `1..num_tags`, free or bound by a path sum.

    >>> T, K = sizes("T K")
    >>> y = path("y", T, K)
    >>> array("h", T, K)[1, y[1]]
    h[1, y[1]]
    """
    return Path(name, (sympy.sympify(length),), num_tags)


def real(names: str, *, latex: str | None = None) -> Any:
    """Real symbols. Symbols without assumptions are complex in SymPy: nothing holds of them that
    fails for complex numbers.

    >>> real("x", latex=r"\\hat{x}").is_real
    True
    """
    return _symbols(names, latex, real=True)


def positive(names: str, *, latex: str | None = None) -> Any:
    """Positive real symbols."""
    return _symbols(names, latex, positive=True)


def nonnegative(names: str, *, latex: str | None = None) -> Any:
    """Real symbols that are zero or positive."""
    return _symbols(names, latex, nonnegative=True)


def integer(names: str, *, latex: str | None = None, **assumptions: bool) -> Any:
    """Integers, of either sign unless told: ``integer("n", nonnegative=True)``."""
    return _symbols(names, latex, integer=True, **assumptions)


def function(name: str, num_indices: int = 0) -> Callable[..., sympy.Expr]:
    """An unknown smooth real function: `s = function("s", 1)`, `s(theta, n)` prints s_n(θ).

    Args:
        name: Its name.
        num_indices: How many of the last arguments are indices, printed as subscripts.

    >>> theta, n = real("theta"), index("n", 1, sizes("N"))
    >>> function("s", 1)(theta, n).is_real
    True
    """
    head = sympy.Function(name, real=True)

    def apply(*arguments: Any) -> sympy.Expr:
        split = len(arguments) - num_indices
        for argument in map(sympy.sympify, arguments[:split]):
            if argument.is_extended_real is None or argument.is_extended_real is False:
                raise TypeError(
                    f"{name} is a function of real numbers, but {argument} is not known to be "
                    'real: make its symbols with real("...")'
                )
        return head(sympy.Tuple(*arguments[split:]), *arguments[:split])

    return apply
