"""Sums and products whose range grows with a symbol, as a symbol each: one step adds a term."""

from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Dummy, Expr, Symbol

from .errors import Unsupported
from .signs import is_positive, is_real


@dataclass
class Grown:
    """The symbol that grows, its value, and a symbol for each growing sum or product at it."""

    variable: Symbol
    value: Expr
    atoms: dict[Any, Dummy] = field(default_factory=dict)

    def atom(self, kind: type, body: Expr, k: Symbol, low: Expr, shift: Expr) -> Dummy:
        """The symbol of `kind` of body over k = low..v + shift."""
        plain = Symbol("_k", integer=True)
        key = (kind, body.xreplace({k: plain}), low, shift)
        if key not in self.atoms:
            known = ["positive"] * is_positive(body) + ["real"] * is_real(body)
            self.atoms[key] = Dummy("s", **dict.fromkeys(known, True))
        return self.atoms[key]


def grown(expr: Any, found: Grown, steps: int) -> Any:
    """`expr` with its growing symbol at its value plus `steps`, growing ranges as symbols."""
    v = found.variable
    if isinstance(expr, (sympy.Sum, sympy.Product)) and expr.args[-1][2].has(v):
        *inner, (k, low, high) = expr.args[1:]
        body = expr.func(expr.args[0], *inner) if inner else expr.args[0]
        return _grown_range(expr.func, body, (k, low, high), found, steps)
    if expr == v:
        return found.value + steps
    if not getattr(expr, "args", ()) or not expr.has(v):
        return expr
    return expr.func(*(grown(a, found, steps) for a in expr.args))


def _grown_range(kind: Any, body: Expr, limit: Any, found: Grown, steps: int) -> Expr:
    v, (k, low, high) = found.variable, limit
    shift = sympy.expand(high - v)
    join = sympy.Add if kind is sympy.Sum else sympy.Mul
    total = join.identity
    for outside, inside in _parts(kind, body, k, v, low + high - k):
        added = [inside.xreplace({k: found.value + shift + j}) for j in range(1, steps + 1)]
        whole = join(found.atom(kind, inside, k, low, shift), *added)
        at = grown(outside, found, steps)
        if kind is sympy.Sum:
            total += at * whole
        else:
            total *= whole * at ** (found.value + steps + shift - low + 1)
    return total


def _parts(kind: Any, body: Expr, k: Symbol, v: Symbol, mirrored: Expr) -> list[tuple[Expr, Expr]]:
    """(factor free of k, rest free of v) of each term; read backward where that frees it of v."""
    backward = body.xreplace({k: mirrored})
    if body.has(v) and not backward.has(v):
        return [(sympy.S.One, backward)]
    if not body.has(v):
        return [(sympy.S.One, body)]
    expanded = sympy.expand(body)
    terms = sympy.Add.make_args(expanded) if kind is sympy.Sum else [expanded]
    parts = []
    for term in terms:
        outside, inside = term.as_independent(k, as_Add=False)
        if inside.has(v):
            mirrored_inside = inside.xreplace({k: mirrored})
            if mirrored_inside.has(v):
                raise Unsupported(f"{term} mixes {k} with {v}")
            inside = mirrored_inside
        parts.append((outside, inside))
    return parts
