"""Derivations: a chain of steps, each decided when it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from .checked import checked_sizes, expression, with_sizes
from .decide import PROVED, Claim, Verdict, decide, timed
from .domain import Ingredients, Sizes, in_words, ingredients
from .errors import FalseStep, UndecidedStep
from .printing import RELATIONS_PLAIN, plain
from .relations import concluded, require_chain, weakest
from .result import Conclusion, Result, Step, register


@dataclass(frozen=True)
class _Line:
    step: Step
    right: Any
    sizes: Sizes | None


class Derivation:
    """A chain `first = … ≤ … = last` under way; made by `derive`, ended by `named`."""

    def __init__(self, first: Any, sizes: Sizes | None) -> None:
        """Take the first expression and the sizes that steps may be proved for."""
        self.first = expression(first)
        self.sizes = sizes
        self.lines: list[_Line] = []

    def equals(self, right: Any, *, because: str, **options: Any) -> "Derivation":
        """The last expression equals `right`.

        Args:
            right: The next expression.
            because: Why, in words; may hold ``$formulas$``.
            options: ``sizes={T: (1, 2, 3)}`` overrides the chain's; ``evidence=True`` accepts
                numerical evidence where there is no proof.

        Returns:
            The derivation, longer by this step.

        Raises:
            FalseStep: With a counterexample, when the step fails at a point of the domain.
            UndecidedStep: When it can neither be proved nor refuted.
            TypeError: When `right` is a string, or a name without its arguments.
            ValueError: When symbols with one name differ, or a reason is missing.
        """
        return self._step("==", right, because, **options)

    def at_most(self, right: Any, *, because: str, **options: Any) -> "Derivation":
        """The last expression is at most `right`; see `equals`."""
        return self._step("<=", right, because, **options)

    def at_least(self, right: Any, *, because: str, **options: Any) -> "Derivation":
        """The last expression is at least `right`; see `equals`."""
        return self._step(">=", right, because, **options)

    def less_than(self, right: Any, *, because: str, **options: Any) -> "Derivation":
        """The last expression is less than `right`; see `equals`."""
        return self._step("<", right, because, **options)

    def greater_than(self, right: Any, *, because: str, **options: Any) -> "Derivation":
        """The last expression is greater than `right`; see `equals`."""
        return self._step(">", right, because, **options)

    def tends_to(
        self, right: Any, *, when: tuple[Any, Any, str], because: str, **options: Any
    ) -> "Derivation":
        """The last expression tends to `right` as, e.g., ``when=(tau, 0, "+")``; see `equals`."""
        variable, point, direction = when
        if direction not in ("+", "-"):
            raise ValueError(f'the direction of a limit is "+" or "-", got {direction!r}')
        right = expression(right)
        if variable in right.free_symbols:
            raise ValueError(f"a limit in {variable} must not depend on {variable}: {plain(right)}")
        return self._step(
            "->", right, because, when=(variable, sympy.sympify(point), direction), **options
        )

    def _step(
        self,
        relation: str,
        right: Any,
        because: str,
        *,
        sizes: Sizes | None = None,
        evidence: bool = False,
        when: tuple[Any, Any, str] | None = None,
    ) -> "Derivation":
        if not because.strip():
            raise ValueError("every step needs a reason: because='...'")
        require_chain((line.step.relation for line in self.lines), relation)
        right = expression(right)
        left = self.lines[-1].right if self.lines else self.first
        sizes = checked_sizes(sizes if sizes is not None else self.sizes)
        self._found(right)
        found = with_sizes(ingredients(left, right), sizes)
        claim = Claim(relation, (left, right), when)
        verdict, seconds = timed(lambda: decide(claim, found, sizes, evidence=evidence))
        self._require_standing(claim, verdict, because)
        used = {s: sizes[s] for s in found.sizes if s in sizes} if sizes else {}
        restricted = used if verdict.standing != PROVED else None
        step = Step(
            relation, because, verdict.means, verdict.standing, seconds, verdict.points, when
        )
        self.lines.append(_Line(step, right, restricted))
        return self

    def _require_standing(self, claim: Claim, verdict: Verdict, because: str) -> None:
        number = len(self.lines) + 1
        sign = RELATIONS_PLAIN[claim.relation]
        left, right = map(plain, claim.sides)
        head = f"step {number} ({because})\n    {left}\n  {sign} {right}\n"
        if verdict.counterexample is not None:
            example = verdict.counterexample
            raise FalseStep(
                f"{head}is false: at {example.point}\n"
                f"  the left side is {example.left}\n  the right side is {example.right}"
            )
        if verdict.standing is None:
            tried = "\n".join(f"  - {line}" for line in verdict.tried)
            raise UndecidedStep(
                f"{head}could be neither proved nor refuted. Tried:\n{tried}\n"
                "Give sizes={T: (1, 2, 3), ...} to prove it for these, part it into smaller "
                "steps, or ask for numerical evidence with evidence=True."
            )

    def _found(self, *more: Any) -> Ingredients:
        return ingredients(self.first, *(line.right for line in self.lines), *more)

    def named(self, label: str, title: str = "", *, show: str = "auto") -> Result:
        """End the chain with a numbered result.

        Args:
            label: What ``{eq}`` cites it by, unique in the book.
            title: What it says, in a few words.
            show: ``"chain"`` prints every line, ``"ends"`` the first and the last expression;
                ``"auto"`` the whole chain up to four lines.

        Raises:
            ValueError: When there is no step, or the steps' sizes have nothing in common.
        """
        if not self.lines:
            raise ValueError("a derivation needs a step before it is named")
        if show not in ("auto", "chain", "ends"):
            raise ValueError(f'show is "auto", "chain" or "ends", got {show!r}')
        relation = concluded(line.step.relation for line in self.lines)
        standing = weakest(line.step.standing for line in self.lines)
        sizes = self._common_sizes()
        found = with_sizes(self._found(), sizes)
        result = Result(
            label=label,
            title=title,
            kind="derivation",
            standing=standing,
            domain=in_words(found, sizes),
            sizes={str(k): list(v) for k, v in sizes.items()},
            conclusion=Conclusion(relation, self.first, self.lines[-1].right),
            lines=tuple(line.right for line in self.lines),
            steps=tuple(line.step for line in self.lines),
            whole=show == "chain" or (show == "auto" and len(self.lines) <= 4),
        )
        return register(result)

    def __repr__(self) -> str:
        """The chain so far in plain text: what a notebook shows where `named` is missing."""
        rows = [plain(self.first)]
        for line in self.lines:
            rows.append(f"  {RELATIONS_PLAIN[line.step.relation]} {plain(line.right)}")
            if line.step.when is not None:
                variable, point, direction = line.step.when
                side = direction if point.is_finite else ""
                rows[-1] += f"    (as {plain(variable)} → {plain(point)}{side})"
        return "\n".join([*rows, "(not named yet)"])

    def _common_sizes(self) -> dict[Any, tuple[int, ...]]:
        common: dict[Any, tuple[int, ...]] = {}
        for line in self.lines:
            for size, values in (line.sizes or {}).items():
                kept = tuple(v for v in common.get(size, values) if v in values)
                if not kept:
                    raise ValueError(f"the steps have no value of {size} in common")
                common[size] = kept
        return common


def derive(first: Any, *, sizes: Mapping[Any, Sequence[int]] | None = None) -> Derivation:
    r"""Start a derivation from an expression.

    Args:
        first: The expression that the chain starts from.
        sizes: For which sizes steps may be proved when no proof for all sizes is found, as
            ``{T: (1, 2, 3), K: (2, 3)}``; every free index and path runs over its whole range.

    Returns:
        A chain with `equals`, `at_most`, `at_least`, `less_than`, `greater_than`, `tends_to`.

    >>> from sympy import exp
    >>> x, y = sympy.symbols("x y", real=True)
    >>> chain = derive(exp(x) * exp(y)).equals(exp(x + y), because="exponents add")
    >>> result = chain.named("doc-exp")
    >>> result.standing
    'proved'
    >>> derive((x + y) ** 2).equals(x**2 + y**2, because="freshman's dream")
    Traceback (most recent call last):
    ...
    lib.derivation.errors.FalseStep: step 1 (freshman's dream)
        (x + y)**2
      = x**2 + y**2
    is false: at x = 1.0, y = 1.0
      the left side is 4.0
      the right side is 2.0
    """
    return Derivation(first, checked_sizes(sizes))
