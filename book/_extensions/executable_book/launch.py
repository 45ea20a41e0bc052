"""The ways out of a page into a notebook: a download, and services that open it.

The notebooks stand on a branch of their own, which the workflow writes; a download comes with the
pages. Where the book's repository is not on GitHub, or not known, the download is the only way.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sphinx.application import Sphinx

from .chapters import in_a_part
from .notebooks import Addresses, Book, write

BRANCH = "notebooks"
GITHUB = re.compile(r"https://github\.com/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?")
FOLDER = "_sources"  # where the theme's button for a download expects them
Button = dict[str, Any]


def connect(app: Sphinx) -> None:
    """Give every chapter its buttons, and write what they lead to."""
    books: list[Book] = []

    def begin(app: Sphinx) -> None:
        books.append(Book(Path(app.srcdir)))

    def offer(app: Sphinx, page: str, template: str, context: Button, tree: object) -> None:
        if in_a_part(page):
            context["ipynb_source"] = f"{page}.ipynb"  # the theme makes a button of it

    def add(app: Sphinx, page: str, template: str, context: Button, tree: object) -> None:
        if in_a_part(page):
            context["header_buttons"][:0] = button(page, books[-1].addresses)

    def end(app: Sphinx, exception: Exception | None) -> None:
        if exception is None and app.builder.format == "html":
            write(books[-1], Path(app.outdir) / FOLDER / "book")

    app.connect("builder-inited", begin)
    app.connect("html-page-context", offer, priority=400)
    app.connect("html-page-context", add, priority=900)
    app.connect("build-finished", end, priority=800)


def links(docname: str, addresses: Addresses) -> dict[str, str]:
    """Where each service opens the notebook of a chapter."""
    found = GITHUB.fullmatch(addresses.repository)
    if not found:
        return {}
    owner, name = found["owner"], found["name"]
    path = quote(f"{docname.removeprefix('book/')}.ipynb")
    lab = quote(f"lab/tree/{path}", safe="")
    return {
        "Colab": f"https://colab.research.google.com/github/{owner}/{name}/blob/{BRANCH}/{path}",
        "Binder": f"https://mybinder.org/v2/gh/{owner}/{name}/{BRANCH}?urlpath={lab}",
    }


def button(docname: str, addresses: Addresses) -> list[Button]:
    """The button of the theme that unfolds these links; none if there are none."""
    icons = {"Colab": "_static/images/logo_colab.png", "Binder": "_static/images/logo_binder.svg"}
    entries = [
        {"type": "link", "text": name, "url": url, "icon": icons[name], "tooltip": f"Run on {name}"}
        for name, url in links(docname, addresses).items()
    ]
    group = {"type": "group", "label": "launch-buttons", "icon": "fas fa-rocket"}
    return [group | {"tooltip": "Run this chapter", "buttons": entries}] if entries else []
