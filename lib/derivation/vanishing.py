"""Whether an expression with sums kept is zero: sums over one range joined, then algebra."""

from typing import Any

import sympy
from sympy import Dummy, Expr, S

from . import exact, normal
from .errors import Undefined, Unsupported
from .operators import Node
from .ranges import surely_nonnegative

MAX_EXTRA = 12


def vanishes(expr: Expr) -> bool:
    """Whether `expr` is zero, its sums joined where their ranges differ by a few terms."""
    if expr == 0:
        return True
    if not expr.has(sympy.Sum, sympy.Product):
        return _plain_zero(expr)
    try:
        if normal.is_zero(expr):
            return True
    except (Unsupported, Undefined):
        pass
    return _joined(expr)


def _plain_zero(expr: Expr) -> bool:
    if expr.has(Node, sympy.Tuple):  # a Tuple holds the indices of an unknown function
        try:
            return normal.is_zero(expr)
        except (Unsupported, Undefined):
            return False
    try:
        if exact.equal(expr, S.Zero):
            return True
    except (Unsupported, Undefined):
        pass
    expanded = sympy.expand(sympy.expand_log(expr))
    if expanded == 0:
        return True
    if expr.has(sympy.binomial, sympy.factorial, sympy.gamma):
        return bool(sympy.simplify(sympy.combsimp(expr)) == 0)
    together = sympy.numer(sympy.together(_with_common_powers(sympy.powsimp(expr))))
    return bool(sympy.expand(together) == 0 or sympy.simplify(expr) == 0)


def _with_common_powers(expr: Expr) -> Expr:
    """b^(t-1), b^t, b^(t+1) as one symbol times 1, b, b^2, so that algebra sees their relation."""
    powers: dict[Any, list[tuple[Expr, Expr]]] = {}
    for power in sorted(expr.atoms(sympy.Pow), key=str):
        if not power.exp.is_number:
            number, rest = sympy.expand(power.exp).as_coeff_Add()
            powers.setdefault((power.base, rest), []).append((power, number))
    changes: dict[Any, Expr] = {}
    for (base, _), found in powers.items():
        least = min(number for _, number in found)
        common = Dummy("b", positive=True) if base.is_positive else Dummy("b")
        changes |= {power: common * base ** (number - least) for power, number in found}
    return expr.xreplace(changes)


def _joined(expr: Expr) -> bool:
    """Put sums of equal length, up to a few terms, under one sign; the rest is algebra."""
    plain = S.Zero
    groups: list[tuple[Expr, list[tuple[Expr, Expr]]]] = []
    j = Dummy("j", integer=True, nonnegative=True)
    for term in sympy.Add.make_args(sympy.expand(expr)):
        big = [f for f in sympy.Mul.make_args(term) if f.has(sympy.Sum, sympy.Product)]
        if not big:
            plain += term
            continue
        if len(big) > 1 or not isinstance(big[0], sympy.Sum):
            return False
        length, body = _from_zero(big[0], term / big[0], j)
        for base, members in groups:
            if sympy.expand(length - base).is_Integer:
                members.append((length, body))
                break
        else:
            groups.append((length, [(length, body)]))
    for _, members in groups:
        shortest = min(
            (length for length, _ in members), key=lambda n: sympy.expand(n - members[0][0])
        )
        if shortest.is_Integer:
            shortest = S.Zero  # written out whole
        elif not surely_nonnegative(shortest):
            return False
        for length, body in members:
            extra = int(sympy.expand(length - shortest))
            if extra > MAX_EXTRA:
                return False
            for k in range(extra):
                plain += body.xreplace({j: shortest + k})
        if shortest != 0 and not vanishes(sympy.Add(*(body for _, body in members))):
            return False
    return vanishes(plain)


def _from_zero(big: Any, factor: Expr, j: Dummy) -> tuple[Expr, Expr]:
    """A sum's length and its body, with the factor before it, over j = 0, 1, …."""
    *inner, (k, low, high) = big.args[1:]
    body = sympy.Sum(big.args[0], *inner) if inner else big.args[0]
    return sympy.expand(high - low + 1), factor * body.xreplace({k: low + j})
