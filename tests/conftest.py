"""What every test may use."""

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import jaxtyping
import pytest

from lib.derivation import Result

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests" / "shared"))

from derivation_cells import run_cells  # noqa: E402


@pytest.fixture
def unchecked_shapes() -> Iterator[None]:
    """Switch jaxtyping's checks off, as for a user, so that the library's own errors show."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's folder."""
    return ROOT


@cache
def _derived(chapter: str) -> dict[str, Result]:
    results = {result.label: result for result, _ in run_cells(chapter)}
    assert results, f"{chapter} has no cell with the tag `derivation`"
    return results


@pytest.fixture(scope="session")
def derived() -> Callable[[str], dict[str, Result]]:
    """The results of a chapter by label: its own derivation cells, run here, are the oracles."""
    return _derived
