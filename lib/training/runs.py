"""Recorded runs: what a chapter's training gave on a machine with a GPU, kept as small JSON.

A chapter ends its training with::

    this_run = record("sequences/crf", metrics={"word F1": 0.93}, seconds=history.seconds)
    comparison(this_run, recorded("sequences/crf"), tolerances={"word F1": 0.01})

:func:`record` writes a file only when asked: with the environment variable ``LIB_RECORD=1`` on a
GPU, with ``LIB_RECORD=all`` on any device. The files stand in ``book/_runs``, one for each chapter
and kind of device, and are committed with the book.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lib.training.comparison import Comparison, resolved
from lib.training.devices import describe_device, device
from lib.training.files import write_atomically
from lib.training.provenance import commit, versions
from lib.training.run_record import CURVE_POINTS, KINDS, RunRecord, check_chapter

__all__ = ["Comparison", "RunRecord", "comparison", "record", "recorded", "runs_folder"]


def record(
    chapter: str,
    *,
    metrics: Mapping[str, float | int],
    curves: Mapping[str, Sequence[float | int]] | None = None,
    seconds: float | int = 0.0,
    sizes: Mapping[str, Any] | None = None,
    data: str | Sequence[str] = (),
) -> RunRecord:
    """Describe this run, and write the description under ``book/_runs`` if that is asked for.

    Args:
        chapter: ``sequences/crf``.
        metrics: The numbers that the chapter reports.
        curves: Lists of numbers. One longer than 200 points is thinned evenly, ends included;
            curves of equal length keep the same points, so give their steps as a curve too.
        seconds: How long the training took.
        sizes: What :func:`lib.training.sized` gave, or any mapping of plain values.
        data: A sentence, or one for each data set.

    Returns:
        The record, whether it was written or not.

    Raises:
        ValueError: a name that is no chapter, a number that is not finite, a size that JSON
            cannot hold, or ``LIB_RECORD`` set to something else than ``1`` or ``all``.
        FileNotFoundError: a record is wanted and there is no ``book/_runs`` to hold it.

    >>> run = record("sequences/crf", metrics={"word F1": 0.93})
    >>> run.metrics
    {'word F1': 0.93}
    """
    run = RunRecord(
        chapter=chapter,
        device=describe_device(),
        kind=device().type,
        versions=versions(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit(),
        seconds=float(seconds),
        sizes=dict(sizes or {}),
        data=[data] if isinstance(data, str) else list(data),
        metrics={name: float(value) for name, value in metrics.items()},
        curves={name: _thinned(curve) for name, curve in (curves or {}).items()},
    )
    if _wanted(run.kind):
        folder = runs_folder()
        if folder is None:
            raise FileNotFoundError(
                "LIB_RECORD asks for a record, but no folder book/_runs was found here or above; "
                "run inside a checkout of the book, or name a folder in LIB_RUNS"
            )
        text = run.to_json().encode()
        write_atomically(folder / f"{chapter}.{run.kind}.json", lambda file: file.write(text))
    return run


def recorded(chapter: str) -> list[RunRecord]:
    """The recorded runs of a chapter, at most one for each kind of device: CUDA, MPS, CPU.

    Raises:
        ValueError: a file is damaged or belongs to another chapter or device.

    >>> recorded("no_part/no_chapter")
    []
    """
    check_chapter(chapter)
    folder = runs_folder()
    found = []
    for kind in KINDS if folder is not None else ():
        path = Path(folder or "") / f"{chapter}.{kind}.json"
        if not path.is_file():
            continue
        try:
            run = RunRecord.from_json(path.read_text(encoding="utf-8"))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"the recorded run {path} is damaged ({error}); restore it from git, or delete it "
                "and record the run again"
            ) from error
        if (run.chapter, run.kind) != (chapter, kind):
            raise ValueError(f"{path} holds a run of {run.chapter} on {run.kind}; it is misplaced")
        found.append(run)
    return found


def comparison(
    this_run: RunRecord,
    recorded: Sequence[RunRecord],
    *,
    tolerances: Mapping[str, float | int | None],
    digits: int = 3,
) -> Comparison:
    """Set this build's run beside the recorded ones, in a table that a notebook displays.

    Args:
        this_run: From :func:`record`.
        recorded: From :func:`recorded`; where it is empty, the display says so.
        tolerances: How far each metric may be from this run's in a later build with the same
            sizes, data and kind of device (``make verify`` holds it to that), by its name or by
            a pattern such as ``"word F1, *"``; an exact name goes before patterns. ``None`` for
            what the machine decides, such as a time.
        digits: Digits of the metrics after the point.

    Raises:
        ValueError: a record belongs to another chapter, or a metric has no tolerance.

    >>> run = record("sequences/crf", metrics={"word F1": 0.93})
    >>> print(comparison(run, [], tolerances={"word F1": 0.01}))
    No GPU run of sequences/crf is recorded yet; this is the present run alone.
    ...
    """
    others = sorted({run.chapter for run in recorded} - {this_run.chapter})
    if others:
        raise ValueError(f"expected runs of {this_run.chapter}; got some of {', '.join(others)}")
    held = resolved(this_run.metrics, tolerances)
    return Comparison(this_run, list(recorded), digits, held)


def runs_folder() -> Path | None:
    """Where records stand: ``LIB_RUNS``, or ``book/_runs`` here or in a folder above; else None.

    The folder is found by ``book/`` beside ``_config.yml``, so it may not exist yet.
    """
    named = os.environ.get("LIB_RUNS", "").strip()
    if named:
        return Path(named)
    here = Path.cwd()
    for folder in (here, *here.parents):
        runs = folder / "book" / "_runs"
        if runs.is_dir() or (runs.parent.is_dir() and (folder / "_config.yml").is_file()):
            return runs
    return None


def _wanted(kind: str) -> bool:
    """Whether to write: by ``LIB_RECORD``, and from the first process only."""
    asked = os.environ.get("LIB_RECORD", "").strip()
    if asked not in ("", "0", "1", "all"):
        raise ValueError(f"LIB_RECORD={asked!r}; expected 1 (record GPU runs) or all")
    first = os.environ.get("RANK", "0") == "0"
    return first and (asked == "all" or (asked == "1" and kind != "cpu"))


def _thinned(curve: Sequence[float | int]) -> list[float]:
    if len(curve) <= CURVE_POINTS:
        return [float(value) for value in curve]
    step = (len(curve) - 1) / (CURVE_POINTS - 1)
    return [float(curve[round(i * step)]) for i in range(CURVE_POINTS)]
