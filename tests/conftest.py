"""What every test may use."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import jaxtyping
import pytest

from lib.derivation import Result

ROOT = Path(__file__).resolve().parent.parent


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
    source = (ROOT / "book" / f"{chapter}.md").read_text()
    cells = re.findall(r"```\{code-cell\} ipython3\n(.*?)\n```", source, flags=re.S)
    results: dict[str, Result] = {}
    names: dict[str, object] = {}
    for cell in cells:
        tags, _, code = cell.partition("\n")
        if not tags.startswith(":tags:") or "derivation" not in tags:
            continue
        body = ast.parse(code).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), chapter, "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), chapter, "eval"), names)
            assert isinstance(value, Result), f"a derivation cell of {chapter} ends in {value!r}"
            results[value.label] = value
    assert results, f"{chapter} has no cell with the tag `derivation`"
    return results


@pytest.fixture(scope="session")
def derived() -> Callable[[str], dict[str, Result]]:
    """The results of a chapter by label: its own derivation cells, run here, are the oracles."""
    return _derived
