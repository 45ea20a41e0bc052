"""Expression trees as LaTeX, as plain text and as words, in the author's notation."""

import html
import re
from typing import Any

from sympy.printing.pretty.pretty_symbology import pretty_symbol

from .latex_printer import Latex
from .plain_printer import Plain

RELATIONS_LATEX = {
    "==": "=", "<=": r"\le", ">=": r"\ge", "<": "<", ">": ">", "->": r"\to", ":=": ":=",
    "~": r"\approx",
}  # fmt: skip
RELATIONS_PLAIN = {
    "==": "=", "<=": "≤", ">=": "≥", "<": "<", ">": ">", "->": "→", ":=": ":=",
    "~": "≈",
}  # fmt: skip


def latex(expr: Any) -> str:
    """The expression in LaTeX."""
    return str(Latex().doprint(expr))


def plain(expr: Any) -> str:
    """The expression as one line of text."""
    return str(Plain().doprint(expr))


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def words(expr: Any) -> str:
    """The expression as it stands in a sentence: Greek letters, raised powers, no stars.

    >>> from lib.derivation import real
    >>> rho = real("rho")
    >>> words(2 * rho**2 + 1)
    '2 ρ² + 1'
    """
    text = re.sub(r"\*\*(\d+)", lambda found: found[1].translate(_RAISED), plain(expr))
    text = text.replace("**", "^").replace("*", " ")
    return re.sub(r"[A-Za-z]{2,}", lambda found: greek(found[0]), text)


def greek(name: str) -> str:
    """A name with its Greek letter or accent, if it has one: theta0 is θ0, Ktilde is K̃."""
    letters = name.rstrip("0123456789")
    if not letters.isalpha() or len(letters) == 1:
        return name
    return str(pretty_symbol(letters)) + name[len(letters) :]


_INDEXED = re.compile(r"\b([^\W\d_])(?:_([\w*+]+)|(\d+)\b)")


def lowered(text: str) -> str:
    """Names in a sentence as HTML, with what follows their letter as an index.

    >>> lowered("s0, x_* real; where k_off < 1")
    's<sub>0</sub>, x<sub>&#42;</sub> real; where k<sub>off</sub> &lt; 1'
    """

    def with_index(found: re.Match[str]) -> str:
        lower = (found[2] or found[3]).replace("*", "&#42;")  # a star would be Markdown
        return f"{found[1]}<sub>{lower}</sub>"

    return _INDEXED.sub(with_index, html.escape(text, quote=False))


_ACCENT = re.compile(r"\\(hat|widehat|tilde|widetilde|bar|overline|dot|ddot|vec|check|breve)"
                     r"\s*\{?\s*\\?([a-zA-Z]+)\s*\}?")  # fmt: skip
_SPELLED = {"widehat": "hat", "widetilde": "tilde", "overline": "bar"}


def shown_name(symbol: Any) -> str:
    r"""The name of a symbol in a sentence, with the accent that its author typesets it with.

    >>> from lib.derivation import real
    >>> shown_name(real("r", latex=r"\bar{r}")), shown_name(real("Ktilde")), shown_name(real("mu"))
    ('r̅', 'K̃', 'μ')
    """
    found = _ACCENT.fullmatch(getattr(symbol, "latex", "") or "")
    if found is not None:
        return greek(greek(found[2]) + _SPELLED.get(found[1], found[1]))
    return greek(str(symbol.name))
