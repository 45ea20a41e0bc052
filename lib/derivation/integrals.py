r"""Definite integrals and expectations that stay unevaluated on the page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Dummy, Expr, S, Symbol, Tuple
from sympy.core.symbol import Str
from sympy.printing.precedence import PRECEDENCE

from .names import Abbreviation, Call
from .operators import Node
from .symbols import Index


class Integral(Node):
    """Integral over one variable: args (body, (x, low, high), (centre, width)).

    Centre and width say where the bulk of the integrand lies; only quadrature uses them.
    """

    precedence = PRECEDENCE["Mul"]

    def __new__(cls, body: Any, limits: Any, hint: Any = (0, 1)) -> "Integral":
        """Build the node."""
        node: Integral = super().__new__(cls, body, Tuple(*limits), Tuple(*hint))
        return node

    @property
    def body(self) -> Any:
        """The integrand."""
        return self.args[0]

    @property
    def variable(self) -> Any:
        """The variable of integration."""
        return self.args[1][0]

    @property
    def low(self) -> Any:
        """The lower end."""
        return self.args[1][1]

    @property
    def high(self) -> Any:
        """The upper end."""
        return self.args[1][2]

    @property
    def hint(self) -> Any:
        """Centre and width of the bulk."""
        return self.args[2]

    @property
    def binds(self) -> frozenset[Any]:
        """Its variable."""
        return frozenset({self.variable})

    @property
    def free_symbols(self) -> set[Any]:
        """The symbols that it depends on: not its variable."""
        ends = self.low.free_symbols | self.high.free_symbols | self.hint.free_symbols
        inside: set[Any] = self.body.free_symbols
        free: set[Any] = (inside - {self.variable}) | ends
        return free

    def evaluated(self, evaluator: Any, scope: Any) -> Any:
        """Its value, by the backend's own means."""
        return evaluator.backend.integral(evaluator, self, scope)

    def free(self, of: Callable[[Any], frozenset[Any]]) -> frozenset[Any]:
        """The indices and paths that it depends on."""
        return of(self.body) | of(self.low) | of(self.high)

    def _eval_simplify(self, **options: Any) -> "Integral":
        """Stay: SymPy's simplification would try the integral's inside over and over."""
        return self

    def differentiated(self, by: Any, of: Callable[[Any, Any], Expr]) -> Expr:
        """Leibniz's rule: under the integral sign, and at the ends where they move."""
        x, low, high = self.args[1]
        if by == x:
            return S.Zero
        inner = of(self.body, by)
        result = S.Zero if inner == 0 else Integral(inner, (x, low, high), self.hint)
        for end, sign in ((high, 1), (low, -1)):
            moves = of(end, by)
            if moves != 0:
                result += sign * moves * self.body.subs(x, end)
        return result

    def expanded(self, expand: Callable[[Any, Any], Any], scope: Any) -> Any:
        """Itself with names expanded and a variable that captures nothing."""
        fresh = Dummy(self.variable.name, **self.variable.assumptions0)
        body = expand(self.body, scope.with_binding(self.variable, fresh))
        return Integral(body, (fresh, expand(self.low, scope), expand(self.high, scope)))

    def _latex(self, printer: Any) -> str:
        body, ends = self.body, [self.args[1]]
        while type(body) is Integral:
            ends.append(body.args[1])
            body = body.body
        signs = "".join(
            rf"\int_{{{printer._print(low)}}}^{{{printer._print(high)}}} " for _, low, high in ends
        )
        names = r" \, ".join(rf"d{printer._print(x)}" for x, _, _ in reversed(ends))
        return rf"{signs}{printer.body(body)} \, {names}"

    def _sympystr(self, printer: Any) -> str:
        x, low, high = self.args[1]
        ends = f"{printer._print(x)} from {printer._print(low)} to {printer._print(high)}"
        return f"integral({printer._print(self.body)} for {ends})"


class Expectation(Integral):
    """An integral against a density, printed as an expectation; args also end in the body."""

    def __new__(cls, body: Any, limits: Any, hint: Any, inner: Any, law: Any) -> "Expectation":
        """Build the node from the whole integrand; `inner` and `law` are for the page."""
        node: Expectation = Node.__new__(cls, body, Tuple(*limits), Tuple(*hint), inner, law)
        return node

    def _latex(self, printer: Any) -> str:
        inner, law = self.args[3], self.args[4]
        return rf"\mathbb{{E}}_{{{_law_latex(law, printer)}}}\left[{printer._print(inner)}\right]"

    def _sympystr(self, printer: Any) -> str:
        inner, law = self.args[3], self.args[4]
        return f"E[{printer._print(inner)} over {_law_plain(law, printer)}]"


def _law_latex(law: Any, printer: Any) -> str:
    names, kind, *parameters = law
    left = printer._print(names[0]) if len(names) == 1 else printer._print(names)
    given = ", ".join(map(printer._print, parameters))
    letter = {"normal": r"\mathcal{N}", "pair": r"\mathcal{N}"}.get(kind.name)
    sign = letter or rf"\operatorname{{{kind.name.capitalize()}}}"
    return rf"{left} \sim {sign}({given})"


def _law_plain(law: Any, printer: Any) -> str:
    names, kind, *parameters = law
    left = ", ".join(map(printer._print, names))
    given = ", ".join(map(printer._print, parameters))
    name = "normal pair" if kind.name == "pair" else kind.name
    return f"{left} ~ {name}({given})"


def integral(body: Any, *ranges: tuple[Any, Any, Any]) -> Expr:
    r"""The definite integral of `body`, unevaluated on the page.

    Args:
        body: The integrand, a real expression.
        ranges: Triples (x, low, high) of a real symbol and its ends, which may be ±oo or
            expressions; the first is innermost.

    Raises:
        TypeError: When a variable is no plain real symbol.
        ValueError: When the variable is assumed to be of one sign and the range is not, or stands
            in a named definition without being a parameter of it.

    A step with integrals is first tried by quadrature, then decided by closed forms that do not
    rest on SymPy's word: see ``closed_forms``. Where an integral diverges it
    has no value, and a step that gives it one is false.

    >>> from sympy import exp, oo
    >>> from lib.derivation import derive, integral, positive
    >>> x, a = positive("x a")
    >>> mean = integral(x * exp(-a * x), (x, 0, oo))
    >>> print(mean)
    integral(x*exp(-a*x) for x from 0 to oo)
    >>> derive(mean).equals(1 / a**2, because="by parts").named("doc-integral").standing
    'proved'
    """
    result = sympy.sympify(body)
    if not ranges:
        raise TypeError("give a range: integral(body, (x, low, high))")
    for limits in ranges:
        x, low, high = _checked_range(limits)
        require_no_capture(result, x)
        result = Integral(result, (x, low, high))
    return result


def _checked_range(limits: Any) -> tuple[Any, Any, Any]:
    if not isinstance(limits, (tuple, Tuple)) or len(limits) != 3:
        raise TypeError(f"expected (x, low, high), got {limits!r}")
    x, low, high = map(sympy.sympify, limits)
    if not isinstance(x, Symbol) or isinstance(x, Index) or not x.is_extended_real or x.is_integer:
        raise TypeError(
            f"cannot integrate over {x!r}: give a real symbol, as x = real('x'), and its ends"
        )
    if x in low.free_symbols | high.free_symbols:
        raise ValueError(f"the ends of the range of {x} must not depend on {x}")
    for fact in ("nonnegative", "nonpositive"):
        if getattr(x, f"is_{fact}") and not all(
            getattr(e, f"is_extended_{fact}") for e in (low, high)
        ):
            raise ValueError(
                f"{x} is assumed {fact} but runs from {low} to {high}: make it real('{x}')"
            )
    return x, low, high


def require_no_capture(body: Any, variable: Any, within: tuple[Any, ...] = ()) -> None:
    """Raise when a name in `body` holds the variable without having it as a parameter."""
    for call in body.atoms(Call) if hasattr(body, "atoms") else ():
        named = call.named
        if named in within:  # a recursion calls itself
            continue
        bodies = (
            [named.definition] if isinstance(named, Abbreviation) else [named.start, named.step]
        )
        if variable in named.parameters:
            continue
        for inner in bodies:
            if variable in inner.free_symbols:
                raise ValueError(
                    f"{named.name} depends on {variable}, the variable of the integral: make it "
                    f"a parameter of {named.name}"
                )
            require_no_capture(inner, variable, (*within, named))


# Laws and expectations.


@dataclass(frozen=True)
class Law:
    """A law with a density: its ranges and bulk for given names of its variables."""

    kind: str
    parameters: tuple[Any, ...]
    density: Callable[..., Any]
    ranges: tuple[tuple[Any, Any], ...]
    bulk: tuple[tuple[Any, Any], ...]


def normal(mean: Any = 0, variance: Any = 1) -> Law:
    """The normal law with a mean and a positive variance."""
    mean, variance = map(sympy.sympify, (mean, variance))

    def density(x: Any) -> Any:
        return sympy.exp(-((x - mean) ** 2) / (2 * variance)) / sympy.sqrt(2 * sympy.pi * variance)

    bulk = ((mean, sympy.sqrt(variance)),)
    return Law("normal", (mean, variance), density, ((-sympy.oo, sympy.oo),), bulk)


def normal_pair(rho: Any) -> Law:
    """Two standard normal variables with correlation rho, rho² < 1."""
    rho = sympy.sympify(rho)
    rest = 1 - rho**2

    def density(x: Any, y: Any) -> Any:
        form = (x**2 - 2 * rho * x * y + y**2) / (2 * rest)
        return sympy.exp(-form) / (2 * sympy.pi * sympy.sqrt(rest))

    line = (-sympy.oo, sympy.oo)
    return Law("pair", (rho,), density, (line, line), ((0, 1), (0, 1)))


def exponential(rate: Any = 1) -> Law:
    """The exponential law with a positive rate."""
    rate = sympy.sympify(rate)
    ranges, bulk = ((S.Zero, sympy.oo),), ((0, 1 / rate),)
    return Law("exponential", (rate,), lambda x: rate * sympy.exp(-rate * x), ranges, bulk)


def uniform(low: Any = 0, high: Any = 1) -> Law:
    """The uniform law on an interval of positive length."""
    low, high = map(sympy.sympify, (low, high))
    return Law("uniform", (low, high), lambda x: 1 / (high - low), ((low, high),), ((0, 1),))


def expectation(body: Any, variables: Any, law: Law) -> Expr:
    r"""The expectation of `body` over a law with a density: an integral that prints as 𝔼.

    Args:
        body: What is averaged.
        variables: The real symbol, or the symbols, that follow the law.
        law: `normal(mean, variance)`, `normal_pair(rho)`, `exponential(rate)` or
            `uniform(low, high)`.

    Raises:
        TypeError: When the number of variables is not the law's.

    >>> from lib.derivation import derive, expectation, normal, positive, real
    >>> x, m, v = real("x"), real("m"), positive("v")
    >>> second = expectation(x**2, x, normal(m, v))
    >>> print(second)
    E[x**2 over x ~ normal(m, v)]
    >>> derive(second).equals(m**2 + v, because="variance").named("doc-second-moment").standing
    'proved'
    """
    names = tuple(variables) if isinstance(variables, (tuple, list, Tuple)) else (variables,)
    if not isinstance(law, Law) or len(names) != len(law.ranges):
        raise TypeError(f"{law!r} does not fit the variables {names}")
    body = sympy.sympify(body)
    result = body * law.density(*names)
    shown = Tuple(Tuple(*names), Str(law.kind), *law.parameters)
    for k in reversed(range(len(names))):
        x, low, high = _checked_range((names[k], *law.ranges[k]))
        require_no_capture(body, x)
        if k:
            result = Integral(result, (x, low, high), law.bulk[k])
        else:
            result = Expectation(result, (x, low, high), law.bulk[k], body, shown)
    return result
