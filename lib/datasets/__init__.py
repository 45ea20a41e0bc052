"""Public data by address and hash, with an embedded default.

:func:`load` brings a data set of ``registry.toml`` from a mirror, the cache or its publisher, and
says which data they are. ``python -m lib.datasets`` lists what there is. Text as tagged characters,
and as tensors, is in :mod:`lib.datasets.segmentation`.
"""

from lib.datasets.errors import (
    DatasetError,
    DownloadError,
    OfflineError,
    RegistryError,
    UnknownDatasetError,
    WrongHashError,
)
from lib.datasets.loading import Dataset, Source, fingerprint, load
from lib.datasets.registry import File, Row, row, rows

__all__ = [
    "Dataset",
    "DatasetError",
    "DownloadError",
    "File",
    "OfflineError",
    "RegistryError",
    "Row",
    "Source",
    "UnknownDatasetError",
    "WrongHashError",
    "fingerprint",
    "load",
    "row",
    "rows",
]
