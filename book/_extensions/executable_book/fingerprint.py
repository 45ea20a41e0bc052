"""What a chapter's outputs depend on, as a dictionary that is compared with the recorded one.

A chapter is executed again exactly when its fingerprint differs, and the first difference is the
reason that the build prints. The files of ``lib`` are found in two ways: from the imports in the
source, and from what the kernel had loaded when the chapter was last executed.
"""

import ast
import ctypes
import hashlib
import importlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from .chapters import Chapter

LIBRARY = "lib"


def sha256(content: bytes) -> str:
    """The hash of some bytes, short enough to read."""
    return hashlib.sha256(content).hexdigest()[:16]


def names_in(source: str, package: str) -> Iterator[str]:
    """Every dotted name in ``source`` that may name a module of the library.

    Imports count wherever they stand, and so do chains of attributes (``lib.sequences.crf``) and
    strings, since a module can be imported by its name.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, [base, node.module]))
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.Constant) and re.fullmatch(r"\w+(\.\w+)+", str(node.value)):
            yield str(node.value)


def files_of(name: str, root: Path) -> Iterator[Path]:
    """The files that importing the dotted ``name`` executes: its packages, then the module."""
    parts = name.split(".")
    if parts[0] != LIBRARY:
        return
    for end in range(1, len(parts) + 1):
        stem = root.joinpath(*parts[:end])
        candidates = (stem / "__init__.py", stem.with_suffix(".py"))
        yield from (path for path in candidates if path.is_file())


def reached(sources: Iterable[str], root: Path) -> set[Path]:
    """All files of the library that these sources import, directly or through one another."""
    waiting = [(source, "") for source in sources]
    found: set[Path] = set()
    while waiting:
        source, package = waiting.pop()
        try:
            names = set(names_in(source, package))
        except SyntaxError:  # executing it will say so
            continue
        for path in {path for name in names for path in files_of(name, root)} - found:
            found.add(path)
            waiting.append((path.read_text("utf-8"), _package(path, root)))
    return found


def _package(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).parent.parts)


def python_source(cell: str) -> str:
    """A cell without IPython's magics, as far as IPython itself can tell."""
    return str(TransformerManager().transform_cell(cell))  # type: ignore[no-untyped-call]


def fingerprint(chapter: Chapter, root: Path, loaded: Iterable[str] = ()) -> dict[str, Any]:
    """All that the outputs depend on, except data (see :func:`data_fingerprints`).

    Args:
        chapter: The chapter.
        root: The repository's folder.
        loaded: Files that the kernel had loaded at the last execution, relative to ``root``.
    """
    part = Path(chapter.docname).relative_to("book") if "/" in chapter.docname else Path("_")
    runs = sorted((root / "book/_runs").glob(f"{part}.*.json"))
    files = reached(map(python_source, chapter.code), root) | {root / name for name in loaded}
    return {
        "code": sha256(json.dumps(chapter.code).encode()),
        "file": {str(path.relative_to(root)): _hash(path) for path in sorted(files)},
        "recorded run": {path.name: _hash(path) for path in runs},
        "environment": dict(environment(root)),
    }


def _hash(path: Path) -> str:
    return sha256(path.read_bytes()) if path.is_file() else "missing"


@cache
def environment(root: Path) -> dict[str, str]:
    """Python, the device, and each distribution of ``constraints.txt``: pinned and installed."""
    found = {
        "Python": platform.python_version(),
        "device": device_kind(),
        "LIB_SIZE": os.environ.get("LIB_SIZE", ""),
    }
    for name, pin in pins(root).items():
        found[name] = f"{pin}, installed {installed(name)}"
    return found


def pins(root: Path) -> dict[str, str]:
    """The lines of ``constraints.txt`` that pin a distribution, by its name."""
    constraints = root / "constraints.txt"
    lines = constraints.read_text("utf-8").splitlines() if constraints.is_file() else []
    found = filter(None, (line.partition("#")[0].strip() for line in lines))
    return {re.split(r"[^\w.-]", pin, maxsplit=1)[0]: pin for pin in found}


def installed(name: str) -> str | None:
    """The version of a distribution that is installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@cache
def device_kind() -> str:
    """Where the chapters will run: ``cuda``, ``mps`` or ``cpu``, found without importing torch."""
    wanted = os.environ.get("LIB_DEVICE", "").partition(":")[0].strip()
    if wanted:
        return wanted
    if platform.system() == "Darwin":
        return "mps" if platform.machine() == "arm64" else "cpu"
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return "cpu"
    count = ctypes.c_int(0)
    works = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return "cuda" if works and count.value else "cpu"


def data_fingerprints(names: Iterable[str]) -> dict[str, str | None]:
    """What a load of each data set would use now; None where the library cannot say."""
    names = sorted(names)
    if not names:
        return {}
    datasets = importlib.import_module(f"{LIBRARY}.datasets")
    return {name: _data_fingerprint(datasets, name) for name in names}


def _data_fingerprint(datasets: Any, name: str) -> str | None:
    try:
        return str(datasets.fingerprint(name))
    except Exception:  # no such row any more: executing the chapter will say so best
        return None


def difference(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    """The first thing that differs, in words; None if nothing does."""
    for kind in new:
        before, now = old.get(kind), new[kind]
        if before == now:
            continue
        if not (isinstance(before, dict) and isinstance(now, dict)):
            return f"its {kind} changed"
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) != now.get(name):
                return f"the {kind} {name} changed"
    return None
