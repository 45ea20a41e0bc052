"""Proof by induction: recursions with a closed form, sums and products over ranges that grow.

A claim that an expression is zero is proved from its first value and from what one step adds.
Every part of the proof is checked as an identity of its own; nothing is looked up.
"""

from collections.abc import Iterator
from typing import Any

import sympy
from sympy import Dummy, Expr, S, Symbol

from .binomials import carried_out
from .errors import Unsupported
from .evaluate import Scope
from .general import expand_names
from .growing import Grown, grown
from .names import Call, Recursion
from .ranges import surely_nonnegative
from .symbols import Index, Path
from .vanishing import vanishes

DEPTH = 3


def by_induction(left: Any, right: Any) -> bool:
    """Whether the sides are equal for all sizes and indices (False: not seen to be).

    Raises:
        Unsupported: When there is nothing to do an induction over.

    >>> from lib.derivation import index, sizes, sum_over
    >>> N = sizes("N")
    >>> k = index("k", 1, N)
    >>> by_induction(sum_over(k**2, k), N * (N + 1) * (2 * N + 1) / 6)
    True
    >>> by_induction(sum_over(k**2, k), N * (N + 1) * (2 * N + 1) / 3)
    False
    """
    if _is_recursion(left) or _is_recursion(right):
        call, closed = (left, right) if _is_recursion(left) else (right, left)
        return _recursion_is(call, expand_names(closed))
    difference = expand_names(left) - expand_names(right)
    if difference.has(Call):
        raise Unsupported("a recursion stands inside an expression: first derive its closed form")
    if not difference.has(sympy.Sum, sympy.Product):
        raise Unsupported("neither a recursion nor a sum or product over a range")
    return is_zero(carried_out(without_arrays(difference)))


def without_arrays(expr: Expr) -> Expr:
    """Entries as values of functions of their indices: sequences that go on beyond the sizes."""
    changes = {}
    for entry in expr.atoms(sympy.Indexed):
        if isinstance(entry.base, Path) or any(isinstance(k, sympy.Indexed) for k in entry.indices):
            raise Unsupported("no induction over paths")
        known = {k: v for k, v in entry.base.assumptions0.items() if v and k in _KNOWN}
        changes[entry] = sympy.Function(str(entry.base.label), **known)(*entry.indices)
    return expr.xreplace(changes)


_KNOWN = ("real", "positive", "negative", "nonnegative", "nonpositive", "nonzero", "integer")


# Recursions.


def _is_recursion(side: Any) -> bool:
    return isinstance(side, Call) and isinstance(side.named, Recursion)


def _recursion_is(call: Call, closed: Expr) -> bool:
    """Whether a recursion has a closed form: its first value, and its step with the form put in."""
    named, (position, *others) = call.named, call.args[1:]
    assert isinstance(named, Recursion)
    arguments = (position, *others)
    if not all(isinstance(a, (Index, Symbol)) for a in arguments):
        raise Unsupported(f"{call} is not at free arguments, one for each parameter")
    if len(set(arguments)) < len(arguments) or closed.has(call.args[0]):
        raise Unsupported(f"{call} is not the recursion in general, or not in closed form")
    first, top = named.first, named.parameters[0].upper
    low = named.parameters[0].lower
    inside = (first - position.upper, position.lower - low) if named.backward else (
        position.lower - first, top - position.upper)  # fmt: skip
    if not all(map(surely_nonnegative, inside)):
        raise Unsupported(f"{position} runs beyond the recursion")

    def form(at: Any, rest: Any) -> Expr:
        changes = {position: at, **dict(zip(others, rest, strict=True))}
        return closed.xreplace(changes)

    def agree(one: Expr, other: Expr) -> bool:
        return is_zero(carried_out(without_arrays(one - other)))

    def unfolded(body: Expr, at: Any) -> Expr:
        bound = dict(zip(named.parameters, (at, *others), strict=True))
        return expand_names(body, Scope(bound))

    if not agree(unfolded(named.start, first), form(first, others)):
        return False
    ends = (low, first - 1) if named.backward else (first + 1, top)
    here = Index(position.name, *ends)
    before = here + 1 if named.backward else here - 1
    body = unfolded(named.step, here)
    calls = [c for c in body.atoms(Call) if c.args[0] == call.args[0]]
    if body.has(Call) and (not calls or any(c.args[1] != before for c in calls)):
        raise Unsupported(f"the step of {named.name} does not use the value just before")
    hypothesis = {c: form(c.args[1], c.args[2:]) for c in calls}
    return agree(body.xreplace(hypothesis), form(here, others))


# Sums and products.


def is_zero(expr: Expr, depth: int = 0) -> bool:
    """Whether an expression with sums and products over growing ranges is zero."""
    if vanishes(expr):
        return True
    if depth >= DEPTH:
        return False
    for v in _growing(expr):
        for start in _starts(expr, v):
            try:
                if _holds_from(expr, v, start, depth):
                    return True
            except Unsupported:  # by this symbol or from this start; the next may serve
                continue
    return False


def _big(expr: Expr) -> list[Any]:
    return sorted(expr.atoms(sympy.Sum, sympy.Product), key=str)


def _growing(expr: Expr) -> list[Symbol]:
    """The symbols that an upper end of a range grows with."""
    ends = [limit[2] for big in _big(expr) for limit in big.args[1:]]
    bound = {limit[0] for big in _big(expr) for limit in big.args[1:]}
    whole = {s for end in ends for s in end.free_symbols if (end - s).is_integer}
    found = {s for s in whole if s.is_nonnegative}
    return sorted((s for s in found - bound if _only_above(expr, s)), key=str)


def _only_above(expr: Expr, v: Symbol) -> bool:
    """Whether `v` occurs in ranges only as an upper end `v + c`."""
    for big in _big(expr):
        for _, low, high in big.args[1:]:
            if low.has(v) or (high.has(v) and sympy.expand(high - v).has(v)):
                return False
    return True


def _starts(expr: Expr, v: Symbol) -> Iterator[Expr]:
    """Where the induction may begin: at a range that is just empty, else at the least value."""
    least = v.lower if isinstance(v, Index) else S.One if v.is_positive else S.Zero
    empty = {
        sympy.expand(low - 1 - (high - v))
        for big in _big(expr)
        for _, low, high in big.args[1:]
        if high.has(v)
    }
    for start in [*sorted(empty, key=str), least, least + 1]:
        if start == least or surely_nonnegative(v - start):
            yield start


def _holds_from(expr: Expr, v: Symbol, start: Expr, depth: int) -> bool:
    steps = Dummy("m", integer=True, nonnegative=True)
    now, above, atoms = _two_steps(expr, v, start, steps)
    if now is None or not is_zero(grown_from(expr, v, start), depth + 1):
        return False
    if is_zero(above - now, depth + 1):
        return True
    if len(atoms) != 1:
        return False
    (atom,) = atoms
    slope = sympy.expand(now).coeff(atom, 1)
    rest = sympy.expand(sympy.expand(now) - slope * atom)
    if slope == 0 or rest.has(atom) or not _never_zero(slope):
        return False
    return is_zero(above.xreplace({atom: -rest / slope}), depth + 1)


def _never_zero(expr: Expr) -> bool:
    return bool(expr.is_nonzero or expr.is_positive or sympy.factor(expr).is_nonzero)


def _two_steps(expr: Expr, v: Symbol, start: Expr, steps: Dummy) -> tuple[Any, Any, list[Dummy]]:
    """The expression at v = start + m and at the next value, growing sums as symbols."""
    found = Grown(v, start + steps)
    now = grown(expr, found, 0)
    above = grown(expr, found, 1)
    return now, above, list(found.atoms.values())


def grown_from(expr: Expr, v: Symbol, start: Expr) -> Expr:
    """The expression at the first value, its short ranges written out."""
    changes = {}
    for big in _outer(expr):
        *inner, (k, low, high) = big.args[1:]
        if not high.has(v):
            continue
        count = sympy.expand(high.xreplace({v: start}) - low + 1)
        if not count.is_Integer or not 0 <= count <= 6:
            raise Unsupported(f"the range {low}..{high} is not short at {v} = {start}")
        body = big.func(big.args[0], *inner) if inner else big.args[0]
        terms = [body.xreplace({k: low + j}) for j in range(int(count))]
        joined = sympy.Add if isinstance(big, sympy.Sum) else sympy.Mul
        changes[big] = joined(*terms)
    return expr.xreplace(changes).xreplace({v: start})


def _outer(expr: Expr) -> list[Any]:
    """The sums and products that stand in no other."""
    if isinstance(expr, (sympy.Sum, sympy.Product)):
        return [expr]
    return [b for a in expr.args if isinstance(a, Expr) for b in _outer(a)]
