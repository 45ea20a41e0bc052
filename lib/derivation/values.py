"""What a backend of the interpreter must offer, and what names stand for while it runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sympy import Symbol

from .errors import Unsupported

if TYPE_CHECKING:
    from .evaluate import Evaluator
    from .operators import Partial

_NO_NUMBERS = "only indices can be evaluated here"


class Backend:
    """The numbers that expressions are evaluated in; this base has none, only indices."""

    def constant(self, number: Any) -> Any:
        """A Python integer or SymPy number as a value."""
        raise Unsupported(_NO_NUMBERS)

    def symbol(self, symbol: Symbol) -> Any:
        """The value of a plain symbol."""
        raise Unsupported(_NO_NUMBERS)

    def admitted(self, name: Any, value: Any) -> Any:
        """A value that stands for a symbol or an array's entry; outside its domain, an error."""
        return value

    def entry(self, array: Any, indices: tuple[int, ...]) -> Any:
        """The value of an array at 1-based indices."""
        raise Unsupported(_NO_NUMBERS)

    def unknown(self, function: Any, indices: tuple[int, ...], arguments: list[Any]) -> Any:
        """The value of an unknown function."""
        raise Unsupported(_NO_NUMBERS)

    def add(self, values: list[Any]) -> Any:
        """The sum of one value or more."""
        raise Unsupported(_NO_NUMBERS)

    def multiply(self, values: list[Any]) -> Any:
        """The product of one value or more."""
        raise Unsupported(_NO_NUMBERS)

    def power(self, base: Any, exponent: Any) -> Any:
        """A power."""
        raise Unsupported(_NO_NUMBERS)

    def maximum(self, values: list[Any]) -> Any:
        """The largest of one value or more."""
        raise Unsupported(_NO_NUMBERS)

    def apply(self, function: Any, values: list[Any]) -> Any:
        """A SymPy function, as `exp`, at `values`."""
        raise Unsupported(_NO_NUMBERS)

    def derivative(self, evaluator: "Evaluator", node: "Partial", scope: "Scope") -> Any:
        """The value of a derivative."""
        raise Unsupported(_NO_NUMBERS)

    def integral(self, evaluator: "Evaluator", node: Any, scope: "Scope") -> Any:
        """The value of a definite integral."""
        raise Unsupported("an integral has no value here")

    def infinite_sum(self, term: Callable[[Any], Any], variable: Any, low: Any) -> Any:
        """The value of a sum without end over one index."""
        raise Unsupported("a sum without end has no value here")

    def hypergeometric(self, upper: list[Any], lower: list[Any], z: Any) -> Any:
        """A generalized hypergeometric function."""
        raise Unsupported("a hypergeometric function has no value here")

    def compare(self, relation: Any, left: Any, right: Any) -> bool:
        """Whether a relation between values that are no integers holds."""
        raise Unsupported(_NO_NUMBERS)


@dataclass(frozen=True)
class Scope:
    """What indices, paths and parameters stand for, and which arrays are replaced by what."""

    bindings: Mapping[Any, Any] = field(default_factory=dict)
    replaced: Mapping[Any, tuple[Any, Any, "Scope"]] = field(default_factory=dict)

    def with_binding(self, variable: Any, value: Any) -> "Scope":
        """This scope in which `variable` stands for `value`."""
        return Scope({**self.bindings, variable: value}, self.replaced)

    def integral(self) -> bool:
        """Whether only integers and paths are bound: such values can be keys."""
        return all(isinstance(v, (int, tuple)) for v in self.bindings.values())
