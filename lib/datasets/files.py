"""Bringing a data set's files to this machine: mirror, then cache, then download."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.datasets import network
from lib.datasets.download import (
    Bar,
    check_content,
    download,
    progress_bar,
    quiet_pooch,
)
from lib.datasets.errors import OfflineError, WrongHashError
from lib.datasets.registry import File


@dataclass(frozen=True)
class Gathered:
    """Files of a data set on this machine.

    Attributes:
        paths: one for each file asked for, in the same order.
        origin: ``mirror``, ``cache`` or ``download``; several are joined by ``and``.
        note: what the reader may want to know, such as a cache that cannot be written; or empty.
    """

    paths: tuple[Path, ...]
    origin: str
    note: str = ""


def gather(files: Sequence[File], *, progress: bool = True) -> Gathered:
    """Find each file in the mirror or the cache, and download what is in neither.

    A damaged file in the cache is not used, and is replaced when it can be fetched again. A damaged
    file in the mirror is an error and nothing else is tried: the mirror is the user's own, and a
    wrong copy there would otherwise stay unnoticed until the network is gone.

    Args:
        files: what to bring.
        progress: show one bar over the bytes to download (none if there is nothing to download).

    Raises:
        WrongHashError: a mirror's or a server's file is not the pinned one.
        OfflineError: files are missing and there is no network.
        DownloadError: the server answered, but the file did not come whole.
        FileNotFoundError: ``LIB_DATA_MIRROR`` names no folder.
    """
    found = {file: _find(file) for file in files}
    missing = [file for file, place in found.items() if place is None]
    note = ""
    if missing:
        if reason := network.offline_reason(missing[0].url):
            raise OfflineError(f"{reason}, and neither the mirror nor the cache holds its files")
        with progress_bar(missing, progress) as bar:
            for file in missing:
                path, said = _download_somewhere(file, bar)
                found[file], note = (path, "download"), note or said
    places = [place for place in found.values() if place is not None]
    origins = dict.fromkeys(origin for _, origin in places)
    return Gathered(tuple(path for path, _ in places), " and ".join(origins), note)


def whereabouts(files: Sequence[File]) -> str:
    """Where the files are now, judged by name and size alone: quick, nothing is read.

    Returns:
        ``mirror``, ``cache`` or both joined; empty if any file is in neither.
    """
    origins: dict[str, None] = {}
    for file in files:
        candidates = ((folder / file.path, origin) for folder, origin in _folders())
        origin = next((o for path, o in candidates if _has_size(path, file)), None)
        if origin is None:
            return ""
        origins[origin] = None
    return " and ".join(origins)


def cache_folder() -> Path:
    """Where downloads are kept: ``LIB_DATA_CACHE``, or the operating system's cache folder.

    It has a mirror's layout: copied to a machine without a network, it serves as
    ``LIB_DATA_MIRROR`` there.
    """
    pooch = quiet_pooch()

    named = os.environ.get("LIB_DATA_CACHE")
    return Path(named).expanduser() if named else Path(pooch.os_cache("derive-implement-train"))


def mirror_folder() -> Path | None:
    """The folder that ``LIB_DATA_MIRROR`` names; None where it is unset or empty.

    Raises:
        FileNotFoundError: it names no folder.
    """
    named = os.environ.get("LIB_DATA_MIRROR")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"LIB_DATA_MIRROR names {str(folder)!r}, which is no folder; "
            "correct the variable or unset it"
        )
    return folder


def _folders() -> list[tuple[Path, str]]:
    """The folders to look in, in order, each with the name of its kind."""
    mirror = mirror_folder()
    folders = [(mirror, "mirror")] if mirror else []
    return [*folders, *((folder, "cache") for folder in [cache_folder(), *_stand_in])]


_stand_in: list[Path] = []  # at most one folder


def _temporary_folder() -> Path:
    """This process's stand-in for a cache that cannot be written; removed when it ends."""
    if not _stand_in:
        _stand_in.append(Path(tempfile.mkdtemp(prefix="derive-implement-train-")))
        atexit.register(shutil.rmtree, _stand_in[0], ignore_errors=True)
    return _stand_in[0]


def _find(file: File) -> tuple[Path, str] | None:
    """The file's path and origin, its hash checked."""
    for folder, origin in _folders():
        path = folder / file.path
        try:
            check_content(path, file)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            if origin == "mirror":
                raise
            continue  # a cache that cannot be read is as good as none
        except WrongHashError as error:
            if origin == "mirror":
                raise WrongHashError(
                    f"{error}: {path} in the mirror; copy that file again, or unset LIB_DATA_MIRROR"
                ) from None
            continue  # not removed: another process may just be replacing it by a good one
        return path, origin
    return None


def _has_size(path: Path, file: File) -> bool:
    try:
        return path.stat().st_size == file.size
    except OSError:
        return False


def _download_somewhere(file: File, bar: Bar) -> tuple[Path, str]:
    """Download into the cache or, where that cannot be written, for this process only."""
    try:
        return download(file, cache_folder(), bar), ""
    except OSError as error:  # of the folder: what the network does wrong is a DatasetError
        path = download(file, _temporary_folder(), bar)
        reason = error.strerror or error
        return path, f"the cache cannot be written ({reason}), so the files were not kept"
