"""What a chapter depends on, and how its record is kept."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from executable_book.chapters import Chapter
from executable_book.fingerprint import difference, fingerprint, python_source, reached
from executable_book.records import RESULT, Record, Records

Library = Callable[[dict[str, str]], Path]
FILES = {
    "lib/__init__.py": "",
    "lib/a/__init__.py": "from . import inner",
    "lib/a/inner.py": "from ..b import deep as renamed",
    "lib/a/late.py": "",
    "lib/b/__init__.py": "",
    "lib/b/deep.py": "def f():\n    from lib.c import g",
    "lib/c.py": "import importlib\nimportlib.import_module('lib.d')",
    "lib/d.py": "import lib\nlib.e.h()",
    "lib/e.py": "",
    "lib/f.py": "",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy", ""),
        ("import lib.e", "e"),
        ("from lib import e", "e"),
        ("from lib.e import h as k", "e"),
        ("def f():\n    if x:\n        import lib.f", "f"),
        ("from lib.a import late", "a a/inner a/late b b/deep c d e"),
        ("import lib.d", "d e"),
        ("%matplotlib inline\nimport lib.e\n!ls", "e"),
        ("this is no Python", ""),
    ],
)
def test_reached_files(library: Library, source: str, expected: str) -> None:
    root = library(FILES)
    found = {path.relative_to(root).as_posix() for path in reached([python_source(source)], root)}
    names = set(expected.split())
    expected_files = {f"lib/{n}/__init__.py" if n in ("a", "b") else f"lib/{n}.py" for n in names}
    assert found == (expected_files | {"lib/__init__.py"} if names else set())


def chapter(root: Path, *cells: str) -> Chapter:
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    notebook.metadata["source_map"] = list(range(len(cells)))
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    return Chapter("book/toy/page", root / "page.md", notebook)


def test_a_file_that_only_the_kernel_saw_counts(library: Library) -> None:
    root = library(FILES)
    page = chapter(root, "name = 'f'; __import__('lib.' + name)")
    assert fingerprint(page, root)["file"] == {}
    before = fingerprint(page, root, ["lib/f.py"])
    (root / "lib/f.py").write_text("X = 1", "utf-8")
    now = fingerprint(page, root, ["lib/f.py"])
    assert difference(before, now) == "the file lib/f.py changed"
    (root / "lib/f.py").unlink()
    assert difference(now, fingerprint(page, root, ["lib/f.py"])) == "the file lib/f.py changed"


def test_the_device_and_the_size_count(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from executable_book import fingerprint as module

    root = library({})
    monkeypatch.setenv("LIB_DEVICE", "cpu")
    _forget(module)
    before = fingerprint(chapter(root, "1"), root)
    for name, value in (("LIB_DEVICE", "cuda:1"), ("LIB_SIZE", "gpu")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            _forget(module)
            assert "the environment" in str(
                difference(before, fingerprint(chapter(root, "1"), root))
            )
    _forget(module)


def _forget(module) -> None:
    module.environment.cache_clear()
    module.device_kind.cache_clear()


def record(page: Chapter) -> Record:
    return Record(page.notebook.cells, {"code": "x"}, ["lib/f.py"], {"numbers": "1"}, 2.5, "today")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_record_comes_back_whole_and_a_damaged_one_not_at_all(tmp_path: Path) -> None:
    records = Records(tmp_path / "cache")
    page = chapter(tmp_path, "print(1)")
    assert records.find(page) is None
    records.store(page, record(page), page.notebook)
    found = records.find(page)
    assert found is not None
    assert (found.data, found.seconds, found.loaded) == ({"numbers": "1"}, 2.5, ["lib/f.py"])
    (notebook,) = (tmp_path / "cache").rglob("base.ipynb")
    whole = notebook.read_text("utf-8")
    notebook.write_text(whole[:100], "utf-8")
    assert records.find(page) is None
    notebook.unlink()
    assert records.find(page) is None
    records.drop(page)
    records.store(page, record(page), page.notebook)
    assert records.find(page) is not None


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_execution_that_was_not_ours_is_no_record(tmp_path: Path) -> None:
    from jupyter_cache.base import CacheBundleIn

    records = Records(tmp_path / "cache")
    page = chapter(tmp_path, "print(1)")
    bundle = CacheBundleIn(page.notebook, "page.md", data={"execution_seconds": 1.0})
    records._cache.cache_notebook_bundle(bundle, check_validity=False)
    assert records.find(page) is None


def test_displayed_results_come_from_outputs(tmp_path: Path) -> None:
    page = chapter(tmp_path, "1")
    data = {RESULT: {"label": "a"}, "text/plain": "a"}
    page.notebook.cells[0].outputs = [nbformat.v4.new_output("display_data", data)]
    assert record(page).displayed(RESULT) == [{"label": "a"}]
