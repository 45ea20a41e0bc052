"""Expand an expression for all sizes at once: names replaced, sums and path sums kept."""

import itertools
from collections.abc import Mapping
from typing import Any

import sympy
from sympy import Indexed, KroneckerDelta, Symbol, Tuple

from .calculus import differentiate
from .definedness import note, note_derivative
from .errors import Unsupported
from .evaluate import Scope
from .names import Abbreviation, Call
from .operators import BigMax, Indicator, Node, Partial, PathMax, PathSum, Replaced
from .symbols import Index, Path

_fresh = itertools.count()


def expand_names(expr: Any, scope: Scope = Scope()) -> Any:  # noqa: B008 (immutable)
    """`expr` with abbreviations, derivatives and replacements carried out, and sums kept.

    Every bound index and path gets a fresh name, so nothing is captured. Recursions keep their
    names, since they unfold for given sizes only.

    Raises:
        Unsupported: For what has no general form here: products and path maxima.
    """
    for kind in type(expr).__mro__:
        if kind in _RULES:
            return _RULES[kind](expr, scope)
    if isinstance(expr, Node):
        return expr.expanded(expand_names, scope)
    if not expr.args:
        return expr
    parts = [expand_names(a, scope) for a in expr.args]
    note(expr.func, parts)
    return expr.func(*parts)


def _symbol(expr: Symbol, scope: Scope) -> Any:
    if expr in scope.bindings:
        return scope.bindings[expr]
    if expr in scope.replaced:
        _, new, outer = scope.replaced[expr]
        return expand_names(new, outer)
    return expr


def _indexed(expr: Indexed, scope: Scope) -> Any:
    indices = [expand_names(k, scope) for k in expr.indices]
    if isinstance(expr.base, Path):
        return Indexed(scope.bindings.get(expr.base, expr.base), *indices)
    if expr.base in scope.replaced:
        pattern, new, outer = scope.replaced[expr.base]
        bound = dict(zip(pattern.indices, indices, strict=True))
        return expand_names(new, Scope({**outer.bindings, **bound}, outer.replaced))
    return expr.func(expr.base, *indices)


def _path(expr: Path, scope: Scope) -> Any:
    return scope.bindings.get(expr, expr)


def _sum(expr: Any, scope: Scope) -> Any:
    limits: list[Any] = []
    for variable, low, high in reversed(expr.args[1:]):
        low, high = expand_names(low, scope), expand_names(high, scope)
        fresh = Index(f"bound{next(_fresh)}", low, high)
        scope = scope.with_binding(variable, fresh)
        limits.insert(0, Tuple(fresh, low, high))
    return expr.func(expand_names(expr.args[0], scope), *limits)


def _path_sum(expr: PathSum, scope: Scope) -> Any:
    body, variable, conditions = expr.args
    fresh = Path(f"bound{next(_fresh)}", (variable.length,), variable.num_tags)
    scope = scope.with_binding(variable, fresh)
    brackets = [_bracket(c, scope) for c in conditions]
    return PathSum(sympy.Mul(expand_names(body, scope), *brackets), fresh, Tuple())


def _bracket(condition: Any, scope: Scope) -> Any:
    arguments = [expand_names(a, scope) for a in condition.args]
    if isinstance(condition, sympy.Eq):
        return KroneckerDelta(*arguments)
    holds = condition.func(*arguments)
    return sympy.Integer(int(bool(holds))) if holds in (True, False) else Indicator(holds)


def _indicator(expr: Indicator, scope: Scope) -> Any:
    return _bracket(expr.args[0], scope)


def _call(expr: Call, scope: Scope) -> Any:
    arguments = [expand_names(a, scope) for a in expr.args[1:]]
    if not isinstance(expr.named, Abbreviation):
        if scope.replaced:
            raise Unsupported("a recursion under a replacement unfolds for given sizes only")
        return Call(expr.args[0], *arguments)
    bindings: Mapping[Any, Any] = dict(zip(expr.named.parameters, arguments, strict=True))
    return expand_names(expr.named.definition, Scope(bindings, scope.replaced))


def _partial(expr: Partial, scope: Scope) -> Any:
    body, by, order = expr.args
    variable, inner = by, scope
    if isinstance(by, Indexed):
        variable = by.func(by.base, *(expand_names(k, scope) for k in by.indices))
        if by.base in scope.replaced:
            raise Unsupported("a derivative by a replaced array unfolds for given sizes only")
    elif by in scope.bindings:
        variable = sympy.Dummy(**by.assumptions0)
        inner = scope.with_binding(by, variable)
    result = expand_names(body, inner)
    if result.has(Call):
        raise Unsupported("a derivative of a recursion unfolds for given sizes only")
    note_derivative(result, variable, int(order))
    for _ in range(int(order)):
        result = differentiate(result, variable)
    return result.subs(variable, scope.bindings[by]) if by in scope.bindings else result


def _replaced(expr: Replaced, scope: Scope) -> Any:
    # Derivatives inside are carried out before anything is replaced: at x = 1, x² has slope 2.
    body = expand_names(expr.args[0], Scope(scope.bindings))
    replaced = dict(scope.replaced)
    for pattern, new in expr.args[1:]:
        name = pattern.base if isinstance(pattern, Indexed) else pattern
        replaced[name] = (pattern, new, scope)
    return expand_names(body, Scope({}, replaced))


def _unsupported(expr: Any, scope: Scope) -> Any:
    raise Unsupported(f"{type(expr).__name__} has no general normal form; give sizes")


_RULES: dict[type, Any] = {
    Symbol: _symbol,
    Indexed: _indexed,
    Path: _path,
    sympy.Sum: _sum,
    sympy.Product: _sum,
    PathMax: _unsupported,
    BigMax: _unsupported,
    PathSum: _path_sum,
    Indicator: _indicator,
    Call: _call,
    Partial: _partial,
    Replaced: _replaced,
}
