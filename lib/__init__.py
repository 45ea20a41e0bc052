"""The library inside *Derive, Implement, Train*.

Each part of the book is a subpackage and each chapter a module of it:
``book/sequences/crf.md`` explains :mod:`lib.sequences.crf`. Nothing is imported before it is asked
for, so ``import lib`` is cheap.
"""

from importlib import metadata as _metadata

try:
    __version__ = _metadata.version("derive-implement-train")
except _metadata.PackageNotFoundError:  # a checkout on the path, never installed
    __version__ = "0+uninstalled"

__all__ = ["__version__"]
