"""The provers without the refutation before them: what is false is still never proved."""

import cProfile

import pytest
import sympy
from sympy.utilities.exceptions import sympy_deprecation_warning

from lib.derivation import DerivationError, decide, derive, provers
from lib.derivation.claims import Verdict
from lib.derivation.timing import within
from tests.derivation.test_crf_equations import FALSE as CRF_FALSE
from tests.derivation.test_refuses import FALSE, METHODS


@pytest.fixture(autouse=True)
def _without_refutation(monkeypatch):
    monkeypatch.setattr(decide, "_refute", lambda *_: Verdict(None, "no points were tried"))
    monkeypatch.setattr(decide, "SECONDS", 2)


@pytest.mark.parametrize("name", CRF_FALSE)
def test_false_equations_of_the_chapter_are_not_proved(name):
    left, relation, right, chosen = CRF_FALSE[name]
    with pytest.raises(DerivationError):
        getattr(derive(left, sizes=chosen), METHODS[relation])(right, because=name)


# SymPy cancels a removable division by zero itself: only the points show it.
@pytest.mark.parametrize("name", [k for k in FALSE if "zero" not in k])
def test_false_steps_are_not_proved(name):
    left, relation, right, *_ = FALSE[name]
    with pytest.raises(DerivationError):
        getattr(derive(left), METHODS[relation])(right, because=name)


@pytest.mark.timeout(30)
def test_a_time_limit_leaves_the_interpreter_as_it_was():
    # Once, an exception taken back made CPython 3.11 hang as soon as a profiler ran.
    within(5, lambda: None)
    profiler = cProfile.Profile()
    profiler.enable()
    total = sum((lambda k: k)(k) for k in range(100))
    profiler.disable()
    assert total == 4950


def test_what_sympy_warns_of_in_its_own_code_is_no_warning_of_the_book(monkeypatch):
    def radsimp(expr):
        sympy_deprecation_warning(
            "itself", deprecated_since_version="1.7", active_deprecations_target="none"
        )
        return expr

    monkeypatch.setattr(sympy, "radsimp", radsimp)  # as SymPy 1.13 does for a sum's bounds
    x = sympy.Symbol("x")
    assert provers._without_roots_below(x) == x
