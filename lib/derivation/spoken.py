"""LaTeX in reasons as words: what a terminal prints and a screen reader speaks."""

import re

_NAMES = {
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈", "to": "→",
    "rightarrow": "→", "mapsto": "↦", "in": "∈", "infty": "∞", "cdot": "·", "times": "×", "pm": "±",
    "ldots": "…", "dots": "…", "cdots": "…", "partial": "∂", "nabla": "∇", "int": "integral of",
    "sum": "sum of", "prod": "product of",
    "ast": "*", "star": "*", "top": "T", "circ": "∘",
    "mid": "|", "ell": "ℓ", "ll": "≪", "gg": "≫", "propto": "∝", "forall": "for all", "sqrt": "√",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ",
    "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ",
    "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
_DROPPED = r"\\(?:left|right|bigl?|bigr?|Bigl?|Bigr?|displaystyle|limits)(?![a-zA-Z])\.?|\\[!]"
_FACES = (
    r"\\(?:text|mathrm|mathbf|mathbb|mathcal|boldsymbol|operatorname\*?|textbf|vec|hat|tilde|bar)"
)
_RAISED = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")
_GROUP = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_BELOW = r"_(?:" + _GROUP + r"|(\w))"
_ABOVE = r"(?:\^(?:" + _GROUP + r"|(\w)))?"
_ACCENT = r"\\(bar|hat|tilde|vec|overline)\s*(?:" + _GROUP + r"|(\\[a-zA-Z]+|[a-zA-Z]))"
_FORMULA = re.compile(r"(?<!\\)\$([^$]+)\$")


def spoken(text: str) -> str:
    r"""Prose with formulas between dollar signs, without LaTeX.

    >>> spoken(r"the derivative of $\log Z$ by $h_{t,i}$ is $\frac{1}{Z} \le e^{2x}$")
    'the derivative of log Z by h[t, i] is 1/Z ≤ e^(2x)'
    """
    return " ".join(_FORMULA.sub(lambda found: formula(found[1]), text).split())


def formula(tex: str) -> str:
    r"""A formula in LaTeX as one line of text.

    >>> formula(r"\sum_{n=1}^N \boldsymbol{x}_n^2 \to \infty")
    'sum over n = 1..N of x[n]² → ∞'
    """
    text = re.sub(_DROPPED, "", tex)
    text = re.sub(r"\\(?:[,;:]|q?quad(?![a-zA-Z]))|~", " ", text)
    text = re.sub(r"\\(sum|prod|max|min)\s*" + _BELOW + _ABOVE + r"\s*", _over, text)
    text = re.sub(_ACCENT, lambda found: f"{found[2] or found[3]}-{found[1]}", text)
    for _ in range(4):  # groups may be nested
        text = re.sub(_FACES + r"\s*" + _GROUP, r"\1", text)
        text = re.sub(_FACES + r"\s*(\\?[a-zA-Z]+)", r"\1", text)
        text = re.sub(r"\\[dt]?frac\s*" + _GROUP + r"\s*" + _GROUP, _fraction, text)
        text = re.sub(r"\\sqrt\s*" + _GROUP, r"√(\1)", text)
    text = re.sub(r"_" + _GROUP, lambda found: f"[{_listed(found[1])}]", text)
    text = re.sub(r"_(\\[a-zA-Z]+|[a-zA-Z0-9])", r"[\1]", text)
    text = re.sub(r"\^" + _GROUP, lambda found: _power(found[1]), text)
    text = re.sub(r"\^(\\[a-zA-Z]+|[a-zA-Z0-9*])", lambda found: _power(found[1]), text)
    text = re.sub(r"\\([a-zA-Z]+)\s*", _word, text)
    text = re.sub(r"\\([{}|%&#_$])", r"\1", re.sub(r"(?<!\\)[{}]", "", text))
    text = re.sub(r"\s*([=≤≥≠≈→∈∝])\s*", r" \1 ", text.replace("\\", " "))
    return " ".join(text.split())


def _over(found: re.Match[str]) -> str:
    """A big operator with what stands below and above it."""
    name = {"sum": "sum", "prod": "product"}.get(found[1], found[1])
    high = found[4] or found[5]
    return f" {name} over {found[2] or found[3]}{f'..{high}' if high else ''} of "


def _word(found: re.Match[str]) -> str:
    """A command's sign or name; a name keeps a space between itself and what follows."""
    said = _NAMES.get(found[1], found[1])
    following = found.string[found.end() : found.end() + 1]
    wordy = len(said) > 1 and said[-1].isalpha() and (following.isalnum() or following == "\\")
    return said + (" " if wordy or found[0][-1].isspace() else "")


def _fraction(found: re.Match[str]) -> str:
    return "/".join(_closed(part) for part in found.groups())


def _closed(part: str) -> str:
    part = part.strip()
    return part if re.fullmatch(r"\\?[a-zA-Z]+|[\d.]+|.\[[^]]*\]", part) else f"({part})"


def _listed(part: str) -> str:
    return re.sub(r"\s*,\s*", ", ", part.strip())


def _power(part: str) -> str:
    part = part.strip()
    if re.fullmatch(r"[0-9+-]+|n", part):
        return part.translate(_RAISED)
    return f"^{part}" if re.fullmatch(r"\\?[a-zA-Z]+|\*", part) else f"^({part})"
