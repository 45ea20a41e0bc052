"""LaTeX and plain text of expression trees, in the author's notation."""

# ruff: noqa: N802 (SymPy finds the printing methods by the names of the classes)

import re
from typing import Any

import sympy
from sympy import Expr, Indexed, Symbol
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.pretty.pretty_symbology import pretty_symbol
from sympy.printing.str import StrPrinter

from .names import Call, Head, Recursion
from .operators import BigMax, Node, Partial, PathMax, PathSum, Replaced
from .symbols import Path, Typeset

RELATIONS_LATEX = {
    "==": "=", "<=": r"\le", ">=": r"\ge", "<": "<", ">": ">", "->": r"\to", ":=": ":=",
    "~": r"\approx",
}  # fmt: skip
RELATIONS_PLAIN = {
    "==": "=", "<=": "≤", ">=": "≥", "<": "<", ">": ">", "->": "→", ":=": ":=",
    "~": "≈",
}  # fmt: skip


def _is_big(expr: Any) -> bool:
    return isinstance(expr, (sympy.Sum, sympy.Product)) or getattr(expr, "is_big", False)


def opens(expr: Any, kinds: tuple[type, ...] = (sympy.log,)) -> bool:
    """Whether what is typeset after it would be read as a part of it: after a sum, a logarithm."""
    if isinstance(expr, Expr) and expr.is_Mul:
        return any(opens(part, kinds) for part in sympy.Mul.make_args(sympy.fraction(expr)[0]))
    return _is_big(expr) or isinstance(expr, kinds)


def _is_sum(expr: Any) -> bool:
    """Whether what stands beside it would be read as belonging to one of its terms only."""
    loose = getattr(expr, "precedence", PRECEDENCE["Atom"]) <= PRECEDENCE["Add"]
    return bool(expr.is_Add or (loose and not isinstance(expr, Partial)))


def _depends_on_alone(body: Any, by: Any) -> bool:
    """Whether a derivative is by the one symbol that the body depends on; arrays do not count."""
    labels = {array.label for array in body.atoms(sympy.IndexedBase)}
    others = body.atoms(Symbol) - labels - {by}
    return isinstance(by, Symbol) and all(s.is_integer or isinstance(s, Head) for s in others)


def _last_if(terms: list[Any], test: Any) -> list[Any]:
    return [t for t in terms if not test(t)] + [t for t in terms if test(t)]


def _big_last(terms: list[Any]) -> list[Any]:
    """Big operators after all else, the shorter first."""
    big = sorted(filter(_is_big, terms), key=lambda term: len(str(term)))
    return [t for t in terms if not _is_big(t)] + big


class Latex(LatexPrinter):  # type: ignore[misc]
    """SymPy's LaTeX printer with this package's operators and names."""

    def _print_Indexed(self, expr: Indexed) -> str:
        named = expr.base.label
        label = named.entries if isinstance(named, Typeset) else self._print(expr.base)
        inner = ",".join(self._print(k) for k in expr.indices)
        if "^" in label:
            head, _, tail = label.partition("^")
            return f"{head}_{{{inner}}}^{tail}"
        return f"{label}_{{{inner}}}"

    def _print_Path(self, expr: Path) -> str:
        name = str(expr.label)
        return name if "^" in name or "\\" in name else str(self._print(expr.label))

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        terms = _big_last(self._as_ordered_terms(expr, order=order))
        terms = _last_if(terms, lambda a: a.could_extract_minus_sign())
        text = ""
        for term in terms:
            printed = self._print(term)
            if printed.startswith("-"):
                text += f" - {printed[1:].lstrip()}" if text else printed
            else:
                text += f" + {printed}" if text else printed
        return text

    def _print_Mul(self, expr: Any) -> str:
        if expr.args[0] == -1 and len(expr.args) == 2 and _is_sum(expr.args[1]):
            return rf"- \left({self._print(expr.args[1])}\right)"
        numerator, denominator = sympy.fraction(expr)
        logs = [f for f in sympy.Mul.make_args(numerator) if isinstance(f, sympy.log)]
        if logs and expr != logs[0] and expr != -logs[0]:
            return self._with_logarithms(numerator, denominator, logs)
        big = [f for f in sympy.Mul.make_args(numerator) if _is_big(f)]
        if not big or len(sympy.Mul.make_args(numerator)) == 1:
            return str(super()._print_Mul(expr))
        number, rest = expr.as_coeff_Mul()
        rest = rest / sympy.Mul(*big)
        front = "" if number * rest == 1 else self._print(number * rest)
        if front == "-1":
            front = "-"
        if _is_sum(number * rest) or isinstance(number * rest, Partial):
            front = rf"\left({front}\right)"
        parts = [self._print(b) for b in big]
        bracketed = [rf"\left({p}\right)" for p in parts[:-1]] + parts[-1:]
        product = r" \, ".join(bracketed)
        return f"- {product}" if front == "-" else r" \, ".join(filter(None, [front, product]))

    def _with_logarithms(self, above: Any, below: Any, logs: list[Any]) -> str:
        """A product with logarithms last: log p(y) p(y) could be misread."""
        if below != 1:
            minus = above.could_extract_minus_sign()
            above = self._print(-above if minus else above)
            return rf"{'- ' * minus}\frac{{{above}}}{{{self._print(below)}}}"
        rest = above / sympy.Mul(*logs)
        if rest in (1, -1):
            front = ["-"] if rest == -1 else []
        else:
            loose = opens(rest) or isinstance(rest, Partial)
            front = [rf"\left({self._print(rest)}\right)" if loose else self.body(rest)]
        return r" \, ".join([*front, *map(self._print, logs)])

    def _needs_mul_brackets(self, expr: Any, first: bool = False, last: bool = False) -> bool:
        if isinstance(expr, Replaced) and not first:  # a bar ends a part, but where does it begin?
            return True
        if _is_big(expr) and not last:
            return True
        return bool(super()._needs_mul_brackets(expr, first=first, last=last))

    def parenthesize(self, item: Any, *args: Any, **options: Any) -> str:
        """The item, in brackets where it would be misread."""
        if _is_big(item) or isinstance(item, Replaced):  # as the base of a power, say
            return rf"\left({self._print(item)}\right)"
        return str(super().parenthesize(item, *args, **options))

    def body(self, body: Any) -> str:
        """What stands after a sign such as that of a sum, in brackets where it is a sum itself."""
        printed = str(self._print(body))
        loose = _is_sum(body) or printed.startswith("-")
        return rf"\left({printed}\right)" if loose else printed

    def _range(self, limits: Any) -> tuple[str, str]:
        (_, low, high) = limits[-1]
        same = all(lim[1:] == limits[-1][1:] for lim in limits)
        names = ",".join(self._print(lim[0]) for lim in reversed(limits)) if same else ""
        return f"{names}={self._print(low)}", self._print(high)

    def _print_Sum(self, expr: Any) -> str:
        return self._operator(r"\sum", expr)

    def _print_Product(self, expr: Any) -> str:
        return self._operator(r"\prod", expr)

    def _operator(self, sign: str, expr: Any) -> str:
        body, *limits = expr.args
        if len({lim[1:] for lim in limits}) == 1:
            low, high = self._range(limits)
            return rf"{sign}_{{{low}}}^{{{high}}} {self.body(body)}"
        front = ""
        for variable, low, high in reversed(limits):
            start, end = self._print(low), self._print(high)
            front += rf"{sign}_{{{self._print(variable)}={start}}}^{{{end}}} "
        return front + self.body(body)

    def _print_BigMax(self, expr: BigMax) -> str:
        body, (variable, low, high) = expr.args
        below = rf"{self._print(low)} \le {self._print(variable)} \le {self._print(high)}"
        return rf"\max_{{{below}}} {self.body(body)}"

    def _paths(self, expr: PathSum) -> str:
        variable, conditions = expr.args[1:]
        name = self._print(variable)
        if conditions:
            return rf"{name} :\, " + r",\, ".join(self._condition(c) for c in conditions)
        tags, length = self._print(variable.num_tags), self._print(variable.length)
        return rf"{name} \in \{{1,\dots,{tags}\}}^{{{length}}}"

    def _condition(self, condition: Any) -> str:
        signs = {"Equality": "=", "Unequality": r"\ne", "StrictLessThan": "<", "LessThan": r"\le"}
        sign = signs.get(type(condition).__name__)
        if sign is None:
            return str(self._print(condition))
        return f"{self._print(condition.args[0])} {sign} {self._print(condition.args[1])}"

    def _print_PathSum(self, expr: PathSum) -> str:
        return rf"\sum_{{{self._paths(expr)}}} {self.body(expr.args[0])}"

    def _print_PathMax(self, expr: PathMax) -> str:
        return rf"\max_{{{self._paths(expr)}}} {self.body(expr.args[0])}"

    def _print_Indicator(self, expr: Any) -> str:
        return rf"[{self._condition(expr.args[0])}]"

    def _print_Partial(self, expr: Any) -> str:
        body, by, order = expr.args
        sign = "d" if _depends_on_alone(body, by) else r"\partial"
        power = f"^{{{order}}}" if order != 1 else ""
        printed = self.body(body)
        return rf"\frac{{{sign}{power}}}{{{sign} {self._print(by)}{power}}} {printed}"

    def _print_Replaced(self, expr: Any) -> str:
        body, *pairs = expr.args
        changes = r",\; ".join(rf"{self._print(a)} \to {self._print(b)}" for a, b in pairs)
        return rf"\left. {self.body(body)} \right|_{{{changes}}}"

    def _print_Call(self, expr: Call) -> str:
        named, arguments = expr.named, [self._print(a) for a in expr.args[1:]]
        if named.latex is not None:
            return _fill(named.latex, arguments)
        head = self._print(Symbol(named.name))
        if isinstance(named, Recursion):
            head, arguments = f"{head}_{{{arguments[0]}}}", arguments[1:]
        return f"{head}({', '.join(arguments)})" if arguments else head

    def _print_log(self, expr: Any, exp: Any = None) -> str:
        inner = expr.args[0]
        plain = inner.is_Symbol or isinstance(inner, (Call, Indexed, PathSum, sympy.Sum))
        printed = self._print(inner)
        text = rf"\log {printed}" if plain else rf"\log \left({printed}\right)"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    def _print_Function(self, expr: Any, exp: Any = None) -> str:
        if expr.args and isinstance(expr.args[0], sympy.Tuple):
            head = self._print(Symbol(expr.func.__name__))
            below = ",".join(self._print(k) for k in expr.args[0])
            head = f"{head}_{{{below}}}" if below else head
            text = f"{head}({', '.join(self._print(a) for a in expr.args[1:])})"
            return text if exp is None else f"{text}^{{{exp}}}"
        return str(super()._print_Function(expr, exp))


def _fill(template: str, arguments: list[str]) -> str:
    for k, argument in reversed(list(enumerate(arguments, 1))):
        template = template.replace(f"#{k}", argument)
    return template


class Plain(StrPrinter):  # type: ignore[misc]
    """One-line text that a screen reader can speak."""

    def parenthesize(self, item: Any, *args: Any, **options: Any) -> str:
        """The item, in brackets unless it brackets itself, as sum(...) does."""
        text = str(self._print(item))
        itself = isinstance(item, Node) and brackets_itself(text)
        return text if itself else str(super().parenthesize(item, *args, **options))

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        terms = _big_last(self._as_ordered_terms(expr, order=order))
        terms = _last_if(terms, lambda a: a.could_extract_minus_sign())
        text = " + ".join(
            ("-" + self.parenthesize(-term, PRECEDENCE["Add"]))
            if term.could_extract_minus_sign()
            else self.parenthesize(term, PRECEDENCE["Add"])
            for term in terms
        )
        return text.replace("+ -", "- ")

    def _print_Sum(self, expr: Any) -> str:
        return self._operator("sum", expr)

    def _print_Product(self, expr: Any) -> str:
        return self._operator("product", expr)

    def _operator(self, word: str, expr: Any) -> str:
        body, *limits = expr.args
        ranges = ", ".join(
            f"{v} = {self._print(a)}..{self._print(b)}" for v, a, b in reversed(limits)
        )
        return f"{word}({self._print(body)} for {ranges})"

    def _print_BigMax(self, expr: BigMax) -> str:
        return self._operator("max", expr)

    def _print_PathSum(self, expr: PathSum) -> str:
        return self._paths("sum", expr)

    def _print_PathMax(self, expr: PathMax) -> str:
        return self._paths("max", expr)

    def _paths(self, word: str, expr: PathSum) -> str:
        body, variable, conditions = expr.args
        where = " with " + ", ".join(map(self._condition, conditions)) if conditions else ""
        return f"{word}({self._print(body)} over all paths {variable}{where})"

    def _condition(self, condition: Any) -> str:
        signs = {"Equality": "=", "Unequality": "≠", "StrictLessThan": "<", "LessThan": "≤"}
        sign = signs.get(type(condition).__name__)
        if sign is None:
            return str(self._print(condition))
        return f"{self._print(condition.args[0])} {sign} {self._print(condition.args[1])}"

    def _print_Indicator(self, expr: Any) -> str:
        return f"[{self._condition(expr.args[0])}]"

    def _print_Partial(self, expr: Any) -> str:
        body, by, order = expr.args
        power = f"^{order}" if order != 1 else ""
        return f"d{power}/d{self._print(by)}{power} {self.parenthesize(body, PRECEDENCE['Mul'])}"

    def _print_Replaced(self, expr: Any) -> str:
        changes = ", ".join(f"{self._print(a)} -> {self._print(b)}" for a, b in expr.args[1:])
        return f"({self._print(expr.args[0])} with {changes})"

    def _print_Call(self, expr: Call) -> str:
        named, arguments = expr.named, [self._print(a) for a in expr.args[1:]]
        if named.plain is not None:
            return _fill(named.plain, arguments)
        left, right = ("[", "]") if isinstance(named, Recursion) else ("(", ")")
        return f"{named.name}{left}{', '.join(arguments)}{right}" if arguments else named.name

    def _print_Function(self, expr: Any) -> str:
        if expr.args and isinstance(expr.args[0], sympy.Tuple):
            inner = ", ".join(self._print(k) for k in expr.args[0])
            rest = ", ".join(self._print(a) for a in expr.args[1:])
            return f"{expr.func.__name__}{f'[{inner}]' if inner else ''}({rest})"
        return str(super()._print_Function(expr))


def brackets_itself(text: str) -> bool:
    """Whether a text is one word and what stands in brackets after it."""
    found = re.match(r"\w+[(\[]", text)
    if found is None:
        return False
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if depth == 0 and place >= found.end():
            return place == len(text) - 1
    return False


def latex(expr: Any) -> str:
    """The expression in LaTeX."""
    return str(Latex().doprint(expr))


def plain(expr: Any) -> str:
    """The expression as one line of text."""
    return str(Plain().doprint(expr))


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def words(expr: Any) -> str:
    """The expression as it stands in a sentence: Greek letters, raised powers, no stars.

    >>> rho = Symbol("rho")
    >>> words(2 * rho**2 + 1)
    '2 ρ² + 1'
    """
    text = re.sub(r"\*\*(\d+)", lambda found: found[1].translate(_RAISED), plain(expr))
    text = text.replace("**", "^").replace("*", " ")
    return re.sub(r"[A-Za-z]{2,}", lambda found: greek(found[0]), text)


def greek(name: str) -> str:
    """A name with its Greek letter, if it is one: theta is θ."""
    return str(pretty_symbol(name)) if name.isalpha() and len(name) > 1 else name
