"""The Chromium that is installed, for printing the book and for looking at it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def find_chromium() -> str | None:
    """The program of an installed Chromium, found by its name."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched() -> Iterator[Any]:
    """The browser, driven by playwright.

    Raises:
        LookupError: if none is installed.
    """
    from playwright.sync_api import sync_playwright

    program = find_chromium()
    if program is None:
        raise LookupError(
            f"there is no Chromium; looked for {', '.join(NAMES)}: install one, such as"
            " Debian's package chromium"
        )
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
