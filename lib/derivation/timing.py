"""A time limit for pure-Python work, in any thread."""

import contextlib
import ctypes
import threading
from collections.abc import Callable
from typing import Any


class _OutOfTime(BaseException):
    """Raised inside the work; no `except Exception` in it can swallow it."""


class TookTooLong(Exception):  # noqa: N818 (says what happened)
    """The work did not end within its limit."""


def _interrupt(thread: int, error: type[BaseException] | None) -> None:
    target = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), target)


def within(seconds: float | int, work: Callable[[], Any]) -> Any:
    """The result of `work()`, stopped when it takes longer than `seconds`.

    A timer raises an exception in the working thread between two bytecodes, so this serves the
    main thread of a notebook kernel and any other thread alike, without a signal handler and
    without a second process. A single call into C is not interrupted, only left late.

    Raises:
        TookTooLong: When the time is up.
    """
    thread, lock, ended = threading.get_ident(), threading.Lock(), False

    def stop() -> None:
        with lock:
            if not ended:
                _interrupt(thread, _OutOfTime)

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        try:
            return work()
        finally:
            with lock:
                ended = True
            timer.cancel()
            with contextlib.suppress(_OutOfTime):
                _interrupt(thread, None)
    except _OutOfTime:
        raise TookTooLong(f"more than {seconds:g} s") from None
