"""Ratios of times that hold on a busy machine: rivals take turns, and medians are compared."""

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib import metadata

import torch


def medians(rivals: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Call the rivals in turns for about ``seconds``, five rounds at least; return median seconds.

    One round runs each rival once, so that whatever slows the machine slows them all alike.
    """
    for call in rivals.values():
        call()  # warm-up
    times: dict[str, list[float]] = {name: [] for name in rivals}
    began = time.perf_counter()
    while len(next(iter(times.values()))) < 5 or time.perf_counter() - began < seconds:
        for name, call in rivals.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def context(*packages: str) -> str:
    """Say what was measured with: threads, processor, versions."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", *packages))
    threads = torch.get_num_threads()
    return (
        f"{threads} thread(s), {platform.machine()}, Python {platform.python_version()}, {versions}"
    )
