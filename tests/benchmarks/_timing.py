"""Ratios of times that hold on a busy machine: rivals take turns, and medians are compared."""

import statistics
import time
from collections.abc import Callable, Mapping


def medians(
    rivals: Mapping[str, Callable[[], object]],
    seconds: float,
    *,
    rounds: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Call the rivals in turns for about ``seconds``; return their median seconds by ``clock``.

    One round runs each rival once, so that whatever slows the machine slows them all alike. There
    are ``rounds`` of them at least, after one to warm up; where one round is all that there is
    time for, none.
    """
    if rounds > 1:
        for call in rivals.values():
            call()
    times: dict[str, list[float]] = {name: [] for name in rivals}
    began = time.perf_counter()
    while len(next(iter(times.values()))) < rounds or time.perf_counter() - began < seconds:
        for name, call in rivals.items():
            start = clock()
            call()
            times[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in times.items()}
