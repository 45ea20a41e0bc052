"""A time limit for pure-Python work, in any thread."""

import contextlib
import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 3.0  # times the limit, on the wall, where a busy machine gives little processor time
_AGAIN = 0.5  # seconds until work that swallowed the interruption is interrupted again


class _OutOfTime(BaseException):
    """Raised inside the work; no `except Exception` in it can swallow it."""


class TookTooLong(Exception):  # noqa: N818 (says what happened)
    """The work did not end within its limit."""

    def __init__(self, words: str, seconds: float = 0.0) -> None:
        """Say it in words; `seconds` is the limit that held."""
        super().__init__(words)
        self.seconds = seconds


def _processor_clock() -> Callable[[], float]:
    """The processor time of the calling thread, to be read from any; else the time on the wall."""
    try:
        own = time.pthread_getcpuclockid(threading.get_ident())
    except (AttributeError, OSError):  # not on every system
        return time.monotonic
    return lambda: time.clock_gettime(own)


@dataclass
class _Limit:
    """When work in this thread has to end: by its processor time, and by the time on the wall."""

    seconds: float
    interrupts: bool = True
    clock: Callable[[], float] = field(default_factory=_processor_clock)

    def __post_init__(self) -> None:
        self.end = self.clock() + self.seconds
        self.wall_end = time.monotonic() + PATIENCE * self.seconds

    def left(self) -> float:
        """Seconds for which the limit has surely not passed; 0 when it has."""
        return max(0.0, min(self.end - self.clock(), self.wall_end - time.monotonic()))


class _Limits(threading.local):
    """The limits that hold in a thread, the outermost first."""

    def __init__(self) -> None:
        self.all: list[_Limit] = []


_limits = _Limits()


@contextlib.contextmanager
def budget(seconds: float | int) -> Iterator[None]:
    """Time that several calls of `within` share: none of them lasts longer than what is left."""
    _limits.all.append(_Limit(float(seconds), interrupts=False))
    try:
        yield
    finally:
        _limits.all.pop()


class _Watch:
    """A thread that interrupts another when a limit passes, until told that the work ended."""

    def __init__(self, limit: _Limit) -> None:
        self.limit, self.worker = limit, threading.get_ident()
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.fired = False
        self.hook_before = sys.unraisablehook

    def start(self) -> None:
        """Watch from now on."""
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self.ended.wait(self.limit.left() or _AGAIN * self.fired):
            with self.lock:
                if not self.ended.is_set() and not self.limit.left():
                    self._interrupt()

    def _interrupt(self) -> None:
        """Raise in the worker; again later, should a callback of the interpreter swallow it."""
        if not self.fired:
            self.fired = True
            self.hook_before, sys.unraisablehook = sys.unraisablehook, self._swallowed
        error = ctypes.py_object(_OutOfTime)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.worker), error)

    def _swallowed(self, unraisable: Any) -> None:
        if unraisable.exc_type is not _OutOfTime:
            self.hook_before(unraisable)

    def end(self) -> None:
        """Interrupt no more; an exception on its way arrives here, not in the caller.

        (Taking it back with SetAsyncExc(NULL) leaves CPython 3.11 checking for it at every
        bytecode.)
        """
        with self.lock:
            self.ended.set()
        for _ in range(1000 * self.fired):
            time.sleep(0)
        if sys.unraisablehook == self._swallowed:
            sys.unraisablehook = self.hook_before


def within(seconds: float | int, work: Callable[[], Any]) -> Any:
    """The result of `work()`, stopped when it computes for longer than `seconds`.

    What counts is the thread's own processor time, where the system tells it, so that a busy
    machine does not change what is decided; after three times as long on the wall it ends in any
    case. Limits may be nested: the inner work ends with the outer one, and with a `budget`.

    A watching thread raises an exception in the working one between two bytecodes, so this serves
    the main thread of a notebook kernel and any other thread alike, without a signal handler and
    without a second process. A single call into C is not interrupted, only left late.

    Raises:
        TookTooLong: When the time is up.

    >>> within(1, lambda: "done")
    'done'
    """
    around = list(_limits.all)
    limit = _Limit(min([float(seconds), *(outer.left() for outer in around)]))
    if not limit.seconds:
        raise TookTooLong("no time was left")
    watch = _Watch(limit)
    _limits.all.append(limit)
    try:
        try:
            watch.start()
            return work()
        finally:
            watch.end()
    except _OutOfTime:
        watch.end()  # the first time it may have been interrupted itself
        if any(outer.interrupts and not outer.left() for outer in around):
            raise
        raise TookTooLong(f"more than {limit.seconds:.3g} s", limit.seconds) from None
    finally:
        _limits.all[:] = around
