"""The rows of ``registry.toml``: where each data set is, and on what terms."""

import platform
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from lib.datasets.errors import RegistryError, UnknownDatasetError

REGISTRY = Path(__file__).with_name("registry.toml")


@dataclass(frozen=True)
class File:
    """One public file, pinned by its address and its hash.

    Attributes:
        path: where it lies in a mirror or in the cache, relative, with forward slashes.
        url: where it is published; names a commit, so that it cannot change.
        sha256: hash of the content, 64 hexadecimal digits.
        size: bytes.
        part: what the loader does with it, such as ``train``.
    """

    path: str
    url: str
    sha256: str
    size: int
    part: str = "all"

    def __post_init__(self) -> None:
        """Refuse a path that leaves its folder and a hash that is none."""
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or "\\" in self.path or not path.name:
            raise RegistryError(f"path must stay inside the data folder, but is {self.path!r}")
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise RegistryError(
                f"{self.path}: sha256 must be 64 lower-case hexadecimal digits, "
                f"but is {self.sha256!r}"
            )
        if self.size <= 0:
            raise RegistryError(f"{self.path}: bytes must be positive, but is {self.size}")


@dataclass(frozen=True)
class Row:
    """One data set of the registry; the comment on top of ``registry.toml`` explains the fields."""

    name: str
    title: str
    about: str
    homepage: str
    licence: str
    citation: str
    loader: str
    unit: str
    note: str = ""
    embedded: str = ""
    files: tuple[File, ...] = field(default=())

    @property
    def size(self) -> int:
        """Bytes of all files together; 0 for embedded data."""
        return sum(file.size for file in self.files)


def row(name: str) -> Row:
    """The registry's row of that name.

    Raises:
        UnknownDatasetError: no such row; the message lists those there are.

    >>> row("ud-english-ewt").licence
    'CC BY-SA 4.0'
    """
    known = rows()
    if name not in known:
        raise UnknownDatasetError(
            f"there is no data set {name!r}; the registry has {', '.join(sorted(known))}"
        )
    return known[name]


def rows() -> Mapping[str, Row]:
    """All rows by name, in the registry's order.

    Raises:
        RegistryError: ``registry.toml`` is malformed; the message says which row and why.
    """
    return _read(REGISTRY, REGISTRY.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read(path: Path, modified: int) -> Mapping[str, Row]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise RegistryError(f"{path.name} is not valid TOML: {error}") from error
    found = {name: _row(name, table) for name, table in tables.items()}
    for each in found.values():
        default = found.get(each.embedded)
        if each.embedded and (default is None or default.files):
            raise RegistryError(
                f"{each.name}: embedded must name a row without files, but is {each.embedded!r}"
            )
    return found


def _row(name: str, table: dict[str, Any]) -> Row:
    values = dict(table)
    base = values.pop("base_url", "")
    allowed = {each.name for each in fields(Row)} - {"name"}
    if unknown := set(values) - allowed:
        raise RegistryError(f"{name}: unknown keys {sorted(unknown)}; known: {sorted(allowed)}")
    try:
        values["files"] = tuple(
            File(each["path"], base + each["source"], each["sha256"], each["bytes"], each["part"])
            for each in values.get("files", [])
        )
        values["title"] = values["title"].replace("{python}", platform.python_version())
        return Row(name=name, **values)
    except KeyError as error:
        raise RegistryError(f"{name}: the key {error} is missing") from error
    except TypeError as error:  # Row's own words: "missing ... argument: 'licence'"
        raise RegistryError(f"{name}: {error}") from error
