"""A time limit for pure-Python work, in any thread."""

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from typing import Any


class _OutOfTime(BaseException):
    """Raised inside the work; no `except Exception` in it can swallow it."""


class TookTooLong(Exception):  # noqa: N818 (says what happened)
    """The work did not end within its limit."""


def _interrupt(thread: int) -> None:
    error = ctypes.py_object(_OutOfTime)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error)


def within(seconds: float | int, work: Callable[[], Any]) -> Any:
    """The result of `work()`, stopped when it takes longer than `seconds`.

    A timer raises an exception in the working thread between two bytecodes, so this serves the
    main thread of a notebook kernel and any other thread alike, without a signal handler and
    without a second process. A single call into C is not interrupted, only left late.

    Raises:
        TookTooLong: When the time is up.
    """
    thread, lock = threading.get_ident(), threading.Lock()
    ended = fired = False

    def stop() -> None:
        nonlocal fired
        with lock:
            if not ended:
                fired = True
                _interrupt(thread)

    def start(wait: float | int) -> threading.Timer:
        timer = threading.Timer(wait, stop)
        timer.daemon = True
        timer.start()
        return timer

    def swallowed(unraisable: Any) -> None:
        # It landed in a callback of the interpreter, where an exception goes no further.
        if unraisable.exc_type is _OutOfTime:
            start(0.01)
        else:
            before(unraisable)

    before, sys.unraisablehook = sys.unraisablehook, swallowed
    timer = start(seconds)
    try:
        try:
            return work()
        finally:
            with lock:
                ended = True
            timer.cancel()
            if sys.unraisablehook is swallowed:
                sys.unraisablehook = before
            # An exception on its way must arrive here, not in the caller. (Taking it back with
            # SetAsyncExc(NULL) leaves CPython 3.11 checking for it at every bytecode.)
            for _ in range(1000 * fired):
                time.sleep(0)
    except _OutOfTime:
        raise TookTooLong(f"more than {seconds:g} s") from None
