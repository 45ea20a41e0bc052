"""The Sphinx extension of this book: complete execution, the page gate, the reference part."""

import sys
from typing import Any

from sphinx.application import Sphinx

from . import benchmarks, glossary, launch, pages, posts, printed
from .api import defining_module
from .build import Build
from .ledger import Corrections, Ledger, LedgerTotal, forget_page, provide
from .markup import add_elements


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the build's course to Sphinx's events."""
    sys.path.insert(0, str(app.srcdir))  # the API pages document this book's own library
    build = Build(app)
    provide(app, build.in_order)
    app.connect("config-inited", build.begin, priority=950)  # after the table of contents is read
    app.connect("env-get-outdated", build.outdated)
    app.connect("env-before-read-docs", build.reading)
    app.connect("env-updated", build.to_write)
    app.connect("env-purge-doc", forget_page)
    app.connect("build-finished", build.end, priority=900)
    app.setup_extension("sphinx.ext.viewcode")
    app.connect("viewcode-follow-imported", defining_module)
    add_elements(app)
    pages.connect(app, build.in_order)
    launch.connect(app)
    printed.connect(
        app,
        {
            "terms": glossary.terms,
            "terms-by-chinese": glossary.by_chinese,
            "source-posts": posts.posts,
            "benchmarks": benchmarks.benchmarks,
        },
    )
    app.add_directive("ledger", Ledger)
    app.add_directive("ledger-total", LedgerTotal)
    app.add_directive("corrections", Corrections)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
