"""Executed chapters in the notebook cache, the one that myst-nb reads while it renders."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache.db import NbCacheRecord

from .chapters import Chapter

PREFIX = "application/vnd.derive-implement-train."
RESULT = f"{PREFIX}result+json"
RESTATED = f"{PREFIX}restated+json"
CHECK = f"{PREFIX}check+json"
CORRECTION = f"{PREFIX}correction+json"
RUN = f"{PREFIX}run+json"


@dataclass(frozen=True)
class Record:
    """An executed chapter: its code cells with their outputs, and what they depended on."""

    cells: list[Any]
    fingerprint: dict[str, Any]
    loaded: list[str] = field(default_factory=list)
    data: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    executed: str = ""

    def outputs(self) -> Iterator[Any]:
        """Every output of every cell, in order."""
        for cell in self.cells:
            yield from cell.outputs

    def displayed(self, mime: str) -> list[dict[str, Any]]:
        """What was displayed with this MIME type, in order."""
        bundles = (output.get("data", {}) for output in self.outputs())
        found = (bundle[mime] for bundle in bundles if mime in bundle)
        return [json.loads(item) if isinstance(item, str) else dict(item) for item in found]


class Records:
    """The cache. Only complete, successful executions are in it.

    A row of its database without its notebook file (an interrupted write) or without our
    fingerprint (an execution that was not ours) counts as no record.
    """

    def __init__(self, folder: Path) -> None:
        self._cache = get_cache(str(folder))

    def key(self, chapter: Chapter) -> str:
        """What myst-nb looks a chapter up by: a hash of its code cells and its kernel."""
        return str(self._cache.create_hashed_notebook(chapter.notebook)[1])

    def find(self, chapter: Chapter) -> Record | None:
        """The record of this chapter, if there is a complete one."""
        try:
            row = NbCacheRecord.record_from_hashkey(self.key(chapter), self._cache.db)
            cells = self._cache.get_cache_bundle(row.pk).nb.cells
            facts = row.data["executable_book"]
        except Exception:  # missing or damaged in any way: the chapter is executed again
            return None
        return Record(cells, seconds=row.data["execution_seconds"], **facts)

    def drop(self, chapter: Chapter) -> None:
        """Forget the record of this chapter, and what an interrupted write left of one."""
        key = self.key(chapter)
        shutil.rmtree(self._cache.path / "executed" / key, ignore_errors=True)
        with suppress(KeyError):
            row = NbCacheRecord.record_from_hashkey(key, self._cache.db)
            NbCacheRecord.remove_record(row.pk, self._cache.db)

    def store(self, chapter: Chapter, record: Record, notebook: Any) -> None:
        """Keep a successful execution."""
        self.drop(chapter)
        facts = {
            "fingerprint": record.fingerprint,
            "loaded": record.loaded,
            "data": record.data,
            "executed": record.executed,
        }
        data = {"execution_seconds": record.seconds, "executable_book": facts}
        bundle = CacheBundleIn(notebook, str(chapter.path), data=data)
        self._cache.cache_notebook_bundle(bundle, check_validity=False)
