"""Loading a data set by name, and saying which data it is."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from lib.datasets import files, network, registry
from lib.datasets.errors import OfflineError
from lib.datasets.registry import Row


@dataclass(frozen=True)
class Source:
    """Which data this is, for the page that shows it.

    Attributes:
        name: the registry's name of what was loaded (the embedded default's, if that it is).
        title, about, homepage, licence, citation: from its row.
        unit: what a record is, such as ``sentences``.
        records: the number of records in each split.
        origin: ``mirror``, ``cache``, ``download`` (joined by ``and``), or ``embedded``.
        stands_for: title of the data set asked for, where an embedded default stands in for it.
        reason: why it does.
        selection: how the records were chosen from the whole, if they were.
        note: what the reader of the notebook (not of the page) may want to know.
    """

    name: str
    title: str
    about: str
    homepage: str
    licence: str
    citation: str
    unit: str
    records: Mapping[str, int]
    origin: str
    stands_for: str = ""
    reason: str = ""
    selection: str = ""
    note: str = ""

    @property
    def embedded(self) -> bool:
        """Whether the data came with the installation instead of from a file."""
        return self.origin == "embedded"

    @property
    def sentence(self) -> str:
        """What a page must say of its data, in Markdown that also reads as plain text."""
        title = f"[{self.title}]({self.homepage})" if self.homepage else self.title
        first, *rest = self.records.items()
        counts = [f"{first[1]:,} {self.unit} in `{first[0]}`"]
        counts += [f"{count:,} in `{split}`" for split, count in rest]
        counted = " and ".join(filter(None, [", ".join(counts[:-1]), counts[-1]]))
        selection = f", {self.selection}" if self.selection else ""
        text = f"**Data:** {title} ({self.about}). {counted}{selection}. Licence: {self.licence}."
        if self.stands_for:
            text += (
                f" This is an embedded default that stands in for {self.stands_for}, "
                f"because {self.reason}; figures here are not figures for {self.stands_for}."
            )
        return text

    def __str__(self) -> str:
        """The sentence."""
        return self.sentence

    def _repr_markdown_(self) -> str:
        return self.sentence


@dataclass(frozen=True)
class Dataset:
    """A loaded data set: ``dataset["train"]`` is a split, ``dataset.source`` says what it is.

    A split has a length: a list of sentences, a TensorDataset of images and labels, or a table.
    """

    splits: Mapping[str, Any]
    source: Source

    def __getitem__(self, split: str) -> Any:
        """The records of one split; a KeyError names the splits there are."""
        if split not in self.splits:
            raise KeyError(f"no split {split!r} in {self.source.name}; it has {list(self.splits)}")
        return self.splits[split]

    def __repr__(self) -> str:
        """Name, counts and origin; never records, which may be private letters."""
        counts = ", ".join(f"{split}: {count:,}" for split, count in self.source.records.items())
        note = f"; {self.source.note}" if self.source.note else ""
        return f"<Dataset {self.source.name} ({counts}; {self.source.origin}{note})>"


def load(name: str, *, embedded: bool = False, progress: bool = True) -> Dataset:
    """Load a data set of the registry.

    Its files are looked for in the mirror that ``LIB_DATA_MIRROR`` names, then in the cache
    (``LIB_DATA_CACHE``, or the operating system's), and are otherwise downloaded into the cache.
    Where files are missing and there is no network, the row's embedded default is loaded, and
    ``dataset.source.sentence`` says so: show that sentence beside every figure of the data.

    If the environment variable ``LIB_DATASETS_LOG`` names a file, one line of JSON with the name
    and the fingerprint of what was loaded is appended to it. The build of the book sets it; no
    progress bar is shown then, since it would stay on the page.

    Args:
        name: a row of ``registry.toml``.
        embedded: load the embedded default even if the data can be had.
        progress: show a bar while downloading.

    Raises:
        UnknownDatasetError: no such row.
        WrongHashError: the mirror or the server has another file than the pinned one.
        DownloadError: the server was reached, but the file did not come whole.
        OfflineError: no files, no network, and the row has no embedded default.
        FileNotFoundError: ``LIB_DATA_MIRROR`` names no folder.

    >>> dataset = load("synthetic-lexicon")
    >>> dataset
    <Dataset synthetic-lexicon (train: 1,000, test: 500; embedded)>
    >>> len(dataset["test"])
    500
    """
    row = registry.row(name)
    if embedded and row.embedded:
        row = registry.row(row.embedded)
    if not row.files:
        _log(row.name, _fingerprint(row, real=False))
        return _dataset(row, {}, origin="embedded")
    try:
        found = files.gather(row.files, progress=progress and not _log_path())
    except OfflineError as error:
        if not row.embedded:
            raise
        _log(row.name, _fingerprint(row, real=False))
        default = registry.row(row.embedded)
        return _dataset(default, {}, origin="embedded", stands_for=row.title, reason=str(error))
    _log(row.name, _fingerprint(row, real=True))
    parts: dict[str, list[Path]] = {}
    for file, path in zip(row.files, found.paths, strict=True):
        parts.setdefault(file.part, []).append(path)
    return _dataset(row, parts, origin=found.origin, note=found.note)


def fingerprint(name: str) -> str:
    """What :func:`load` would use now, as a hash: quick, and without loading or downloading.

    It covers the registry's row and whether the real data or the embedded default would be shown
    (then with that row too, and the version of Python). It changes exactly when a page that shows
    the data has to be built again. Costs at most two seconds, once a process, where files are
    missing.

    Raises:
        UnknownDatasetError: no such row.

    >>> fingerprint("python-docs") == fingerprint("python-docs")
    True
    """
    row = registry.row(name)
    real = bool(row.files) and (
        bool(files.whereabouts(row.files)) or network.offline_reason(row.files[0].url) is None
    )
    return _fingerprint(row, real=real)


def _fingerprint(row: Row, *, real: bool) -> str:
    shown = [row] if real or not row.embedded else [row, registry.row(row.embedded)]
    content = json.dumps([real, *map(asdict, shown)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _dataset(row: Row, parts: Mapping[str, list[Path]], **about: str) -> Dataset:
    """Run the row's loader, ``module.function`` below this package."""
    module, _, function = row.loader.rpartition(".")
    loader = getattr(import_module(f"lib.datasets.{module}"), function)
    splits: Mapping[str, Any] = loader(parts)
    records = {split: len(items) for split, items in splits.items()}
    of_row = partial(Source, row.name, row.title, row.about, row.homepage, row.licence)
    return Dataset(splits, of_row(row.citation, row.unit, records, **about))


def _log_path() -> str:
    return os.environ.get("LIB_DATASETS_LOG", "")


def _log(name: str, value: str) -> None:
    """Tell the build which data were used; one write, so that lines of processes do not mix."""
    if path := _log_path():
        line = json.dumps({"name": name, "fingerprint": value}) + "\n"
        with Path(path).open("ab", buffering=0) as log:
            log.write(line.encode())
