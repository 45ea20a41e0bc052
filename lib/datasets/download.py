"""One file from its server, whole or not at all.

A file under its final name is always whole and has the pinned hash: a download goes to a temporary
name in the same folder, is checked there, and is then renamed, which is atomic. So two processes
may fetch the same file at once; the later one replaces the file by an identical one.
"""

import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lib.datasets import network
from lib.datasets.errors import DownloadError, OfflineError, WrongHashError
from lib.datasets.registry import File

TIMEOUT = (5.0, 30.0)  # seconds to connect, and between two pieces of data
ATTEMPTS = 3  # for what may pass by itself: a cut connection, a server error
PAUSE = 0.5  # seconds before the second attempt; doubled before each further one
ABANDONED = 3600.0  # a partial file not written to for so long has lost its process
CHUNK = 1 << 16  # bytes


def quiet_pooch() -> Any:
    """Import pooch, which imports tqdm's widget bar, which complains on a page without widgets."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        import pooch
    return pooch


class Bar:
    """One progress bar over several downloads, in the shape that pooch expects of a bar.

    pooch sets ``total`` when the server has answered, calls ``update`` after each chunk, and
    ``reset`` and ``close`` at the end. What has arrived is read off the partial file.
    """

    def __init__(self, display: "tqdm[None]") -> None:
        """Wrap the bar that is shown."""
        self._display = display
        self._done = 0
        self.total: int | None = None

    def begin(self, file: File, partial: Path) -> None:
        """Start an attempt, and take back what a broken one had counted."""
        self._display.update(-self._done)
        self._file, self._partial = file, partial
        self._done, self.total = 0, None

    @property
    def answered(self) -> bool:
        """Whether the server has answered the present attempt."""
        return self.total is not None

    def update(self, _: int) -> None:
        """Count what has arrived, and refuse more than there should be."""
        size = self._partial.stat().st_size
        if size > self._file.size:
            raise WrongHashError(
                f"{self._file.path} should have {self._file.size:,} bytes, and more came"
            )
        self._display.update(size - self._done)
        self._done = size

    def keep(self) -> None:
        """The file is whole: its bytes stay counted."""
        self._done = 0

    def reset(self) -> None:
        """Part of pooch's protocol; nothing to do."""

    def close(self) -> None:
        """Part of pooch's protocol; nothing to do."""


@contextmanager
def progress_bar(files: Sequence[File], shown: bool) -> Iterator[Bar]:
    """One bar over the bytes of all files; it disappears when they are there."""
    total = sum(file.size for file in files)
    what = files[0].path if len(files) == 1 else f"{len(files)} files"
    with tqdm(
        total=total, desc=what, unit="B", unit_scale=True, disable=not shown, leave=False
    ) as display:
        yield Bar(display)


def download(file: File, folder: Path, bar: Bar) -> Path:
    """Download to a temporary name in the file's own folder, check, rename.

    Returns:
        the path of the file, below ``folder``.

    Raises:
        WrongHashError: what came is not the pinned file.
        OfflineError: the server cannot be reached; the process counts as offline from then on.
        DownloadError: the server answered with an error, or the connection broke three times.
        OSError: the folder cannot be written.
    """
    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    handle, name = tempfile.mkstemp(".part", f".{target.name[:80]}.", target.parent)
    os.close(handle)
    partial = Path(name)
    try:
        _transfer(file, partial, bar)
        try:
            check_content(partial, file)
        except WrongHashError as error:
            raise WrongHashError(f"{error}: what {file.url} sent was not kept") from None
        partial.chmod(0o644)  # mkstemp's 0600 would hide a shared cache from other users
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    bar.keep()
    return target


def check_content(path: Path, file: File) -> None:
    """Raise WrongHashError unless the content is the pinned one."""
    pooch = quiet_pooch()

    size = path.stat().st_size
    if size != file.size:
        raise WrongHashError(f"{file.path} should have {file.size:,} bytes and has {size:,}")
    sha256 = pooch.file_hash(str(path), alg="sha256")
    if sha256 != file.sha256:
        raise WrongHashError(f"{file.path} should have sha256 {file.sha256} and has {sha256}")


def _sweep(folder: Path) -> None:
    """Remove the partial files of processes that were killed."""
    for partial in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - partial.stat().st_mtime > ABANDONED:
                partial.unlink()


def _transfer(file: File, partial: Path, bar: Bar) -> None:
    """Download, again where the failure may pass by itself; report what is final as ours."""
    import requests

    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _attempt(file, partial, bar)
        except requests.RequestException as error:
            if attempt == ATTEMPTS or not _may_pass(error):
                raise _final(file, error, bar.answered) from error
            time.sleep(PAUSE * 2 ** (attempt - 1))


def _attempt(file: File, partial: Path, bar: Bar) -> None:
    """One attempt, by pooch's downloader."""
    pooch = quiet_pooch()

    fetch = pooch.HTTPDownloader(
        progressbar=bar,
        chunk_size=CHUNK,
        timeout=TIMEOUT,
        headers={"Accept-Encoding": "identity"},  # so that the bytes counted are the file's
    )
    bar.begin(file, partial)
    fetch(file.url, str(partial), None)


def _may_pass(error: Exception) -> bool:
    """Whether another attempt may succeed: not where the server refused this very request."""
    response = getattr(error, "response", None)
    return response is None or response.status_code >= 500 or response.status_code == 429


def _final(file: File, error: Exception, answered: bool) -> DownloadError | OfflineError:
    """The error to raise when no attempt is left."""
    import requests

    if isinstance(error, requests.ConnectionError) and not answered:
        network.declare_offline("the server cannot be reached")
        return OfflineError(
            "the server cannot be reached, and neither the mirror nor the cache holds its files"
        )
    return DownloadError(
        f"{file.url} did not come ({type(error).__name__}: {error}); try again later, name a "
        "folder that holds the file in LIB_DATA_MIRROR, or set LIB_DATA_OFFLINE=1 to use the "
        "embedded default"
    )
