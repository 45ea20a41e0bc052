"""Names for expressions: abbreviations and recursions, printed by name, expanded in the check."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, Symbol

from .operators import BigMax, Node, PathSum, Replaced
from .symbols import Index, Path

_counter = itertools.count()


class Head(Symbol):  # type: ignore[misc]
    """The name of an abbreviation or recursion; carries its definition."""

    named: "Abbreviation | Recursion"
    number: int

    def __new__(cls, name: str, named: Any) -> "Head":
        """Make a name that equals no other, even one spelled the same."""
        obj: Head = Symbol.__xnew__(cls, name, real=True)
        obj.named, obj.number = named, next(_counter)
        return obj

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.number)


class Call(Node):
    """A named expression at its arguments: args (head, *arguments)."""

    @property
    def named(self) -> "Abbreviation | Recursion":
        """The abbreviation or recursion that is called."""
        named: Abbreviation | Recursion = self.args[0].named
        return named

    def real_parts(self) -> tuple[Any, ...]:
        """Its definition, and the arguments that stand for numbers."""
        numbers = (a for a in self.args[1:] if not isinstance(a, Path))
        return (*self.named.bodies(), *numbers)


def free_names(expr: Any) -> frozenset[Any]:
    """The indices and paths that `expr` depends on, those bound inside it left out."""
    if isinstance(expr, (Index, Path)):
        return frozenset({expr})
    bound: set[Any] = set()
    parts = list(getattr(expr, "args", ()))
    if isinstance(expr, (sympy.Sum, sympy.Product, BigMax)):
        return _free_of_limits(expr.args[0], list(expr.args[1:]))
    if isinstance(expr, PathSum):
        bound = {expr.args[1]}
    elif isinstance(expr, Replaced):
        found = free_names(expr.args[0])
        for pattern, new in expr.args[1:]:
            found |= free_names(new) - free_names(pattern)
        return found
    elif isinstance(expr, Node):
        return expr.free(free_names)
    found = frozenset().union(*map(free_names, parts)) if parts else frozenset()
    return found - bound


def _free_of_limits(body: Any, limits: list[Any]) -> frozenset[Any]:
    found = free_names(body)
    for variable, low, high in limits:
        found = (found - {variable}) | free_names(low) | free_names(high)
    return found


def _require_closed(name: str, body: Expr, parameters: tuple[Any, ...]) -> None:
    missing = free_names(body) - set(parameters)
    if missing:
        names = ", ".join(sorted(str(m) for m in missing))
        raise ValueError(f"{name} depends on {names}, which is no parameter of it: add it as one")


@dataclass(eq=False)
class Abbreviation:
    """A name for an expression with parameters; call it to use it."""

    name: str
    parameters: tuple[Any, ...]
    definition: Expr
    latex: str | None = None
    plain: str | None = None

    def __call__(self, *arguments: Any) -> Expr:
        """The named expression at `arguments`, unexpanded."""
        _require_count(self.name, self.parameters, arguments)
        made: type[Call] = getattr(self.definition, "call_class", Call)
        return made(self._head, *arguments)

    def __post_init__(self) -> None:
        """Check that the definition depends on its parameters only."""
        _require_closed(self.name, self.definition, self.parameters)
        self._head = Head(self.name, self)

    _head: Any = None

    def bodies(self) -> tuple[Expr, ...]:
        """The expressions that define it."""
        return (self.definition,)

    def equations(self) -> Iterator[tuple[Expr, Expr, str]]:
        """(left side, right side, where it holds) of each defining equation."""
        yield self(*self.parameters), self.definition, ""


@dataclass(eq=False)
class Recursion:
    """A function defined by a first value and a step, forward or backward in its first argument."""

    name: str
    parameters: tuple[Any, ...]
    first: Expr
    start: Expr
    backward: bool
    latex: str | None = None
    plain: str | None = None
    step: Expr = sympy.S.NaN  # until it is made: then its values are not known to be real
    _head: Any = None

    def __call__(self, *arguments: Any) -> Expr:
        """The recursion's value at `arguments`, unexpanded."""
        _require_count(self.name, self.parameters, arguments)
        return Call(self._head, *arguments)

    def bodies(self) -> tuple[Expr, ...]:
        """The expressions that define it, its own values in them real (if the others are)."""
        calls = (c for c in self.step.atoms(Call) if c.named is self)
        return self.start, self.step.xreplace({c: sympy.Dummy(real=True) for c in calls})

    def equations(self) -> Iterator[tuple[Expr, Expr, str]]:
        """(left side, right side, where it holds) of the start and of the step."""
        position, *rest = self.parameters
        yield self(self.first, *rest), self.start, ""
        low, high = position.lower, position.upper
        order = (self.first - 1, low, ", …, ") if self.backward else (self.first + 1, high, ", …, ")
        yield self(*self.parameters), self.step, f"{position} = {order[0]}{order[2]}{order[1]}"


def _require_count(name: str, parameters: tuple[Any, ...], arguments: tuple[Any, ...]) -> None:
    if len(arguments) != len(parameters):
        wanted = ", ".join(str(p) for p in parameters) or "no argument"
        raise TypeError(f"{name} takes ({wanted}), got {len(arguments)} argument(s)")


def abbreviation(
    name: str,
    *parameters: Any,
    definition: Any,
    latex: str | None = None,
    plain: str | None = None,
) -> Abbreviation:
    r"""Name an expression: it prints by its name and is checked by its definition.

    Args:
        name: Its name, e.g. ``"Z"``.
        parameters: Symbols, indices and paths that it depends on.
        definition: What it stands for.
        latex: How to print it, with ``#1`` for the first argument: ``r"P(y_{#1} = #2)"``.
        plain: The same for plain text.

    Raises:
        ValueError: When the definition depends on an index or path that is no parameter.

    >>> from lib.derivation import array, index, sizes, sum_over
    >>> N = sizes("N")
    >>> n, a = index("n", 1, N), array("a", N)
    >>> mean = abbreviation("m", definition=sum_over(a[n], n) / N)
    >>> abbreviation("m", definition=a[n])
    Traceback (most recent call last):
    ...
    ValueError: m depends on n, which is no parameter of it: add it as one
    """
    body = sympy.sympify(definition)
    if isinstance(body, sympy.matrices.MatrixBase):
        from .matrix_base import as_matrix  # which imports this module

        body = as_matrix(body)
    return Abbreviation(name, parameters, body, latex, plain)


def recursion(
    name: str,
    *parameters: Any,
    first: Any,
    start: Any,
    step: Callable[[Callable[..., Expr]], Any],
    backward: bool = False,
    latex: str | None = None,
    plain: str | None = None,
) -> Recursion:
    r"""Define a function by a recursion over its first parameter.

    Args:
        name: Its name, e.g. ``"alpha"``.
        parameters: Indices; the recursion runs over the first.
        first: Where it starts: the range's low end, or its high end when `backward`.
        start: Its value there.
        step: Given the function itself, its value elsewhere, in terms of the one before (after).
        backward: Whether it runs downward.
        latex: How to print it; by default the first argument as subscript, the others in brackets.
        plain: The same for plain text.

    Raises:
        TypeError: When the first parameter is no index.
        ValueError: When start or step depend on an index that is no parameter.
    """
    if not parameters or not isinstance(parameters[0], Index):
        raise TypeError(f"the first parameter of {name} must be an index, got {parameters[:1]!r}")
    made = Recursion(
        name, parameters, sympy.sympify(first), sympy.sympify(start), backward, latex, plain
    )
    made._head = Head(name, made)
    made.step = sympy.sympify(step(made))
    for body in (made.start, made.step):
        _require_closed(name, body, parameters)
    return made
