"""The build's course: refuse, execute, have pages read and written again, judge.

Jupyter Book alone can go green while a chapter is broken. What closes each way:

- a failing chapter: its cells are executed before Sphinx reads anything, only a complete success
  is recorded, and a chapter without a record is executed again by every build;
- a warning: it fails the build, and after a build that did not end well nothing that it read is
  trusted (the file ``.unfinished`` says so, also after an interrupt);
- an edited library, data row or version: see :mod:`.fingerprint`;
- a second builder: each remembers which state of the book it has written (``.written-*``).
"""

import hashlib
import shutil
import sys
import uuid
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from myst_parser.config.main import MdParserConfig
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from . import gate, numbers, sources
from .chapters import (
    Chapter,
    Page,
    chapter_problems,
    config_problems,
    page_problems,
    read_chapters,
    read_pages,
)
from .execution import Execution, execute_all
from .fingerprint import data_fingerprints, difference, fingerprint
from .records import Record, Records

logger = logging.getLogger(__name__)


def say(message: str) -> None:
    """Report progress where Sphinx reports its own."""
    logger.info("[execution] %s", message)


def refuse(problems: Iterable[str]) -> NoReturn:
    """End the build with these problems as the last thing on the screen.

    An exception would be followed by the tracebacks of Sphinx and Jupyter Book, which hide what
    the author needs to see.
    """
    print("\nThe book is not built:", *problems, sep="\n\n", file=sys.stderr, flush=True)
    raise SystemExit(1)


class Build:
    """One run of ``jupyter-book build``."""

    def __init__(self, app: Sphinx) -> None:
        self.app = app
        self.root = Path(app.srcdir)
        self.pages: list[Page] = []
        self.chapters: list[Chapter] = []
        self.records: dict[str, Record] = {}

    # -- before anything is read -----------------------------------------------------------------

    def begin(self, app: Sphinx, config: Config) -> None:
        """Check the sources and execute what is stale."""
        if "external_site_map" not in config.__dict__:
            refuse(["Build the whole book, `jupyter-book build .`: only what changed is executed."])
        self._distrust_an_unfinished_build()
        self.sources = sources.digest(self.root)  # now: an edit meanwhile is not in the pages
        problems = config_problems(config)
        self.pages, found = read_pages(self.root)
        self.chapters = read_chapters(
            self.pages, MdParserConfig(enable_extensions=set(config.myst_enable_extensions))
        )
        problems += found
        problems += [problem for page in self.pages for problem in page_problems(page)]
        problems += [problem for chapter in self.chapters for problem in chapter_problems(chapter)]
        self.cache = Records(Path(app.outdir).parent / ".jupyter_cache")
        problems += _same_code(self.chapters, self.cache)
        if problems:
            refuse(problems)
        self._execute(self._plan(), float(config.nb_execution_timeout))

    def _distrust_an_unfinished_build(self) -> None:
        self.unfinished = Path(self.app.outdir).parent / ".unfinished"
        if self.unfinished.exists():
            (Path(self.app.doctreedir) / "environment.pickle").unlink(missing_ok=True)
        self.unfinished.parent.mkdir(parents=True, exist_ok=True)
        self.unfinished.touch()

    def _plan(self) -> list[Chapter]:
        """The chapters to execute; the records of the others are taken over."""
        stale = []
        for chapter in self.chapters:
            record = self.cache.find(chapter)
            reason = self._why_stale(chapter, record)
            if record is not None and reason is None:
                self.records[chapter.docname] = record
            else:
                say(f"{chapter.docname}: to be executed, {reason}")
                self.cache.drop(chapter)
                stale.append(chapter)
        say(f"{len(stale)} of {len(self.chapters)} chapters to execute, the others are up to date")
        return stale

    def _execute(self, stale: list[Chapter], timeout: float) -> None:
        prints = {chapter.docname: fingerprint(chapter, self.root) for chapter in stale}
        failures = []
        with closing(execute_all(stale, self.root, timeout, say)) as executions:
            for chapter, execution in executions:
                if execution.failure:
                    failures.append(execution.failure)
                    say(f"{chapter.docname}: FAILED")
                    continue
                record = self._record(chapter, execution, prints[chapter.docname])
                self.cache.store(chapter, record, execution.notebook)
                self.records[chapter.docname] = record
        if failures:
            refuse(failures)

    def _why_stale(self, chapter: Chapter, record: Record | None) -> str | None:
        if record is None:
            return "no record of this code"
        present = fingerprint(chapter, self.root, record.loaded)
        changed = difference(record.fingerprint, present)
        if changed is None:
            changed = difference(
                {"data set": record.data}, {"data set": data_fingerprints(record.data)}
            )
        return changed

    def _record(self, chapter: Chapter, execution: Execution, before: dict[str, object]) -> Record:
        """What was found before the execution holds, so that an edit meanwhile is seen next time.

        Only files that the imports in the source did not show are added now.
        """
        after = fingerprint(chapter, self.root, execution.loaded)
        files = after["file"] | before["file"]
        return Record(
            cells=execution.cells,
            fingerprint=before | {"file": files},
            loaded=execution.loaded,
            data=execution.data,
            seconds=execution.seconds,
            executed=datetime.now(UTC).isoformat(),
        )

    def in_order(self) -> dict[str, Record]:
        """The records by docname, in the order of the table of contents."""
        return {
            chapter.docname: self.records[chapter.docname]
            for chapter in self.chapters
            if chapter.docname in self.records
        }

    # -- what is read and written again ----------------------------------------------------------

    def outdated(
        self, app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], gone: set[str]
    ) -> list[str]:
        """Pages whose outputs are new, and with them the pages that gather results."""
        present = {docname: record.executed for docname, record in self.records.items()}
        past: dict[str, str] = getattr(env, "executed_chapters", {})
        env.executed_chapters = present  # type: ignore[attr-defined]
        again = {docname for docname in present if past.get(docname) != present[docname]}
        if past != present or gone:
            again |= getattr(env, "gathering_pages", set())
        return sorted(again & env.found_docs)

    def reading(self, app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
        """Give the book a new revision whenever anything is read."""
        if docnames or not hasattr(env, "book_revision"):
            env.book_revision = uuid.uuid4().hex  # type: ignore[attr-defined]

    def to_write(self, app: Sphinx, env: BuildEnvironment) -> list[str]:
        """Write every page if this builder has not written this revision of the book.

        Sphinx itself would leave pages whose references (numbers of equations, titles) are old.
        """
        state = f"{env.book_revision}-{self._static_files()}"  # type: ignore[attr-defined]
        self.state = state
        written = self._written()
        if written.is_file() and written.read_text("utf-8") == state:
            return []
        # viewcode keeps a module's page while the module's file is older, whatever links to it now
        shutil.rmtree(Path(app.outdir) / "_modules", ignore_errors=True)
        return sorted(env.found_docs)

    def _written(self) -> Path:
        return Path(self.app.outdir) / f".written-{self.app.builder.name}"

    def _static_files(self) -> str:
        """Style sheets are copied only when pages are written, so they count too."""
        folders = [self.root / folder for folder in self.app.config.html_static_path]
        files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()

    # -- after everything is written -------------------------------------------------------------

    def end(self, app: Sphinx, exception: Exception | None) -> None:
        """Judge the finished book; only a good one counts as finished."""
        if exception is not None:
            return
        book = gate.Book(self.root, self.pages, self.chapters, self.records)
        problems = gate.source_problems(book)
        for chapter in self.chapters:
            record = self.cache.find(chapter)
            if record is None or record.executed != self.records[chapter.docname].executed:
                problems.append(f"{chapter.docname}: something else than this build executed it")
        if app.builder.name in {"html", "dirhtml"}:
            builder = app.builder
            files = {
                page.docname: Path(builder.get_outfilename(page.docname))  # type: ignore[attr-defined]
                for page in self.pages
            }
            problems += gate.html_problems(book, files)
        if app._warncount:
            problems.append(f"{app._warncount} warnings were given above; each fails the build")
        if problems:
            print("\nThe page gate is shut:", *problems, sep="\n  ", file=sys.stderr, flush=True)
            app.statuscode = 1
            return
        self._written().write_text(self.state, "utf-8")
        sources.record(Path(app.outdir), self.sources)
        numbers.write(Path(app.outdir) / numbers.FILE, numbers.gathered(self.root, self.in_order()))
        self.unfinished.unlink(missing_ok=True)


def _same_code(chapters: list[Chapter], cache: Records) -> list[str]:
    """Chapters that the cache could not tell apart."""
    first: dict[str, str] = {}
    problems = []
    for chapter in chapters:
        other = first.setdefault(cache.key(chapter), chapter.docname)
        if other != chapter.docname:
            problems.append(f"{other} and {chapter.docname} have the same code cells")
    return problems
