"""Answers that are numbers, arrays, labels or truth values, held to a solution."""

from fractions import Fraction
from typing import Any

import mpmath
import sympy

Said = tuple[bool | None, str]
_YES, _NO = ("yes", "true", "right", "y"), ("no", "false", "wrong", "n")


def is_number(value: Any) -> bool:
    """Whether it is one number: of Python, SymPy, NumPy or torch."""
    if isinstance(value, (bool, str)):
        return False
    if isinstance(value, sympy.Basic):
        return bool(value.is_number)
    if isinstance(value, (int, float, complex, Fraction)):
        return True
    return hasattr(value, "item") and getattr(value, "ndim", None) == 0


def compare_truth(answer: Any, solution: bool) -> Said:
    """A truth value; "yes" and "no" are understood."""
    if isinstance(answer, str) and answer.strip().lower() in (*_YES, *_NO):
        answer = answer.strip().lower() in _YES
    if answer is sympy.true or answer is sympy.false:
        answer = bool(answer)
    if not isinstance(answer, bool):
        return False, "The answer is yes or no: give True or False."
    if answer == solution:
        return True, ""
    found = "a case in which it fails" if not solution else "why it holds in every case"
    return False, f"It is the other way round: look for {found}."


def compare_items(answer: Any, solution: Any) -> Said:
    """A label, a list of labels in order, or a set of labels."""
    if isinstance(solution, str):
        if not isinstance(answer, str):
            return False, "The answer is one word, in quotation marks."
        right = _word(answer) == _word(solution)
        return right, "" if right else f"{answer!r} is not it."
    if isinstance(answer, str) or not hasattr(answer, "__iter__"):
        return False, "The answer is a list: write it in brackets, [..., ...]."
    given, wanted = list(map(_word, answer)), list(map(_word, solution))
    ordered = not isinstance(solution, (set, frozenset))
    if given == wanted or (not ordered and set(given) == set(wanted)):
        return True, ""
    if len(given) != len(wanted):
        return False, f"You give {len(given)}, which are too {_many(len(given), len(wanted))}."
    if ordered and sorted(given, key=str) == sorted(wanted, key=str):
        return False, "These are the right ones in another order."
    if ordered:
        count = sum(a == b for a, b in zip(given, wanted, strict=True))
        return False, f"{count} of the {len(wanted)} are right in their place."
    return False, f"{len(set(given) & set(wanted))} of the {len(set(wanted))} are right."


def _many(given: int, wanted: int) -> str:
    return "many" if given > wanted else "few"


def _word(item: Any) -> Any:
    return item.strip().casefold() if isinstance(item, str) else item


# Numbers and arrays.


def compare_numbers(answer: Any, solution: Any, digits: int) -> Said:
    """Numbers to `digits` significant digits; exact ones exactly."""
    try:
        shape, given = _flat(answer)
    except (TypeError, ValueError):
        kind = "number" if is_number(solution) else "list or array of numbers"
        return False, f"The answer is a {kind}, yours is of type {type(answer).__name__}."
    wanted_shape, wanted = _flat(solution)
    if shape != wanted_shape:
        return False, _other_shape(shape, wanted_shape)
    close = [_close(a, s, digits) for a, s in zip(given, wanted, strict=True)]
    if all(close) and _only_near(answer, solution):
        return False, (
            "It is near, but not equal: an exact expression must be exact. (Give a decimal, as in "
            "0.25, where you mean one.)"
        )
    if all(close):
        return True, ""
    if all(_rounded(a, s) for a, s in zip(given, wanted, strict=True)):
        return False, (
            f"It is right as far as it goes: give {digits} digits or more, or an exact expression."
        )
    return False, " ".join(
        filter(None, [_where(shape, given, close), _relation(shape, given, wanted)])
    )


def _only_near(answer: Any, solution: Any) -> bool:
    """Whether both numbers are exact expressions, and differ beyond the digits of a decimal."""
    both = [sympy.sympify(v) for v in (answer, solution) if isinstance(v, (sympy.Expr, Fraction))]
    if len(both) < 2 or any(v.has(sympy.Float) or v.is_infinite for v in both):
        return False
    apart, size = sympy.N(both[0] - both[1], 60, maxn=200), abs(sympy.N(both[1], 60))
    return bool(abs(apart) > sympy.Rational(1, 10**45) * max(size, sympy.Rational(1, 10**6)))


def _other_shape(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if not wanted:
        return f"The answer is one number, yours has shape {_sizes(shape)}."
    if not shape:
        return f"The answer has shape {_sizes(wanted)}, yours is one number."
    turned = " Is it transposed?" if shape == wanted[::-1] else ""
    return f"Your answer has shape {_sizes(shape)}, the answer has {_sizes(wanted)}.{turned}"


def _sizes(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _where(shape: tuple[int, ...], given: list[Any], close: list[bool]) -> str:
    if not shape:
        return f"{_text(given[0])} is not right."
    wrong = close.count(False)
    place: list[int] = []
    rest = close.index(False)
    for length in reversed(shape):
        place.insert(0, rest % length)
        rest //= length
    one = f"the entry at {place} is not right"
    if wrong == 1:
        return f"Only {one}: {_text(given[close.index(False)])}."
    return f"{wrong} of {len(close)} entries are not right; {one}, for one."


def _relation(shape: tuple[int, ...], given: list[Any], wanted: list[Any]) -> str:
    """What the answer has to do with the solution, if that is simple."""
    if len(shape) == 2 and shape[0] == shape[1]:
        n = shape[0]
        turned = [given[j * n + i] for i in range(n) for j in range(n)]
        if all(_close(a, s, 6) for a, s in zip(turned, wanted, strict=True)):
            return "It is transposed."
    pairs = [(mpmath.mpmathify(a), mpmath.mpmathify(s)) for a, s in zip(given, wanted, strict=True)]
    many = len(pairs) > 1
    said = related(pairs, mpmath.mpf(10) ** -9, constant=many)
    if not said and shape and _same(sorted(given, key=_key), sorted(wanted, key=_key)):
        return "These are the right numbers in another order."
    return said


def _same(given: list[Any], wanted: list[Any]) -> bool:
    return all(_close(a, s, 6) for a, s in zip(given, wanted, strict=True))


def _key(value: Any) -> float:
    return float(mpmath.re(mpmath.mpmathify(value)))


def related(pairs: list[tuple[Any, Any]], slack: Any, *, constant: bool) -> str:
    """A simple relation that all pairs (given, right) of numbers have, in words, or nothing.

    Args:
        pairs: At least one pair.
        slack: The relative difference that counts as none.
        constant: Whether a common factor or term means something: not if there is but one pair.

    >>> related([(mpmath.mpf(-2), mpmath.mpf(2))], 1e-9, constant=False)
    'The sign is reversed.'
    >>> one, two, three = map(mpmath.mpf, (1, 2, 3))
    >>> related([(2 * three, two), (three, one)], 1e-9, constant=True)
    'It is off by the constant factor 3.'
    """

    def all_near(left: Any, right: Any) -> bool:
        return all(_near(left(a, s), right(a, s), slack) for a, s in pairs)

    if all(a == 0 for a, _ in pairs) or all(s == 0 for _, s in pairs):
        return ""
    for words, left, right in _RELATIONS:
        if all_near(left, right):
            return words
    factor = _common([a / s for a, s in pairs if s != 0], slack)
    if factor is not None and all_near(lambda a, s: a, lambda a, s: factor * s):
        named = constant_in_words(factor)
        if constant or named in ("2", "1/2"):
            return (
                f"It is off by {f'the constant factor {named}' if named else 'a constant factor'}."
            )
    term = _common([a - s for a, s in pairs], slack)
    if term is not None and constant:
        named = constant_in_words(term)
        return f"It is off by {f'the constant term {named}' if named else 'a constant term'}."
    return ""


def _guarded(function: Any) -> Any:
    def call(a: Any, s: Any) -> Any:
        try:
            return function(a, s)
        except (ValueError, ZeroDivisionError, OverflowError):
            return mpmath.nan

    return call


#: Words, and the two functions of (given, right) that are then equal.
_RELATIONS: tuple[tuple[str, Any, Any], ...] = (
    ("The sign is reversed.", lambda a, s: a, lambda a, s: -s),
    ("It is the reciprocal of the right one.", lambda a, s: a * s, lambda a, s: mpmath.mpf(1)),
    ("It is the square of the right one.", lambda a, s: a, lambda a, s: s * s),
    ("It is the square root of the right one.", lambda a, s: a * a, lambda a, s: s),
    ("It is the logarithm of the right one.", lambda a, s: a, _guarded(lambda a, s: mpmath.log(s))),
    ("The right one is its logarithm.", lambda a, s: s, _guarded(lambda a, s: mpmath.log(a))),
    ("Its magnitude is right, its sign not everywhere.", lambda a, s: abs(a), lambda a, s: abs(s)),
)


def _near(left: Any, right: Any, slack: Any) -> bool:
    return bool(abs(left - right) <= slack * (abs(left) + abs(right)))


def _common(values: list[Any], slack: Any) -> Any:
    """The value that all are near to, or None."""
    if values and all(_near(v, values[0], slack) for v in values):
        return values[0]
    return None


def constant_in_words(value: Any) -> str:
    """A constant as an author writes it, 2, 1/3, sqrt(2), pi/2; nothing if it is no such one."""
    if abs(mpmath.im(value)) > 1e-12 * abs(value):
        return ""
    number = mpmath.re(value)
    for scale, name in ((mpmath.mpf(1), ""), (mpmath.pi, "pi"), (mpmath.sqrt(2), "sqrt(2)"),
                        (mpmath.e, "e"), (mpmath.log(2), "log(2)")):  # fmt: skip
        part = Fraction(str(mpmath.nstr(number / scale, 15))).limit_denominator(120)
        if (
            part
            and abs(part) < 10**4
            and _near(mpmath.mpf(part.numerator) / part.denominator * scale, number, 1e-9)
        ):
            text = str(part) if not name else f"{part}·{name}" if part != 1 else name
            return text.replace("-1·", "-")
    return ""


def _flat(value: Any) -> tuple[tuple[int, ...], list[Any]]:
    """Shape and numbers of a number, a nested list, an array or a tensor.

    Raises:
        TypeError: When something in it is no number.
        ValueError: When rows differ in length.
    """
    if is_number(value):
        return (), [_exact(value)]
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{value!r} is no number")
    rows = [_flat(item) for item in value]
    if len({shape for shape, _ in rows}) > 1:
        raise ValueError("the rows differ in length")
    inner = rows[0][0] if rows else ()
    return (len(rows), *inner), [number for _, numbers in rows for number in numbers]


def _exact(value: Any) -> Any:
    if hasattr(value, "item") and not isinstance(value, sympy.Basic):
        value = value.item()
    if isinstance(value, Fraction):
        return mpmath.mpf(value.numerator) / value.denominator
    if isinstance(value, sympy.Basic):
        if value.is_Integer:
            return int(value)
        if value.is_Float:
            return float(value)
        if value.is_infinite:
            return float(value) if value.is_extended_real else float("nan")
        number = sympy.N(value, 30)
        return complex(number) if number.has(sympy.I) else mpmath.mpf(str(number))
    return value


def _close(given: Any, wanted: Any, digits: int) -> bool:
    if isinstance(given, int) and isinstance(wanted, int):
        return given == wanted
    a, s = mpmath.mpmathify(given), mpmath.mpmathify(wanted)
    if not mpmath.isfinite(a) or not mpmath.isfinite(s):
        return bool(a == s)
    return bool(abs(a - s) <= mpmath.mpf(10) ** -digits * (abs(s) or 1))


def _rounded(given: Any, wanted: Any) -> bool:
    """Whether a decimal is the solution, rounded to the digits that it has (two at least)."""
    if not isinstance(given, float) or isinstance(wanted, complex):
        return _close(given, wanted, 6)
    text = repr(given)
    if "e" in text or "." not in text:
        return False
    places = len(text.split(".")[1])
    significant = len(text.replace(".", "").lstrip("-0"))
    wrong_by = abs(mpmath.mpf(given) - mpmath.mpmathify(wanted))
    return bool(significant >= 2 and wrong_by <= mpmath.mpf(10) ** -places)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, int) else str(mpmath.nstr(mpmath.mpmathify(value), 8))
