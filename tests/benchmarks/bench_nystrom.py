"""Nyström attention against nystrom-attention and exact attention: time and memory.

Run ``python tests/benchmarks/bench_nystrom.py [--quick | --record]``. Four heads of 64 features and
64 landmarks, float32; memory is the peak of what is allocated during the call. What landmarks lose
is another question: the errors of each inverse against exact attention in float64 are printed
below, and one beyond what is promised is a wrong result.
"""

import math
import os
import statistics
import sys
from collections.abc import Callable
from typing import Any

import nystrom_attention
import torch
from _report import Report, main
from _timing import medians
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from lib.attention import nystrom

HEADS, DIM, LANDMARKS = 4, 64, 64
PEER, EXACT = "nystrom-attention", "exact attention"

# length; least ratio wanted: peer / ours forward, with backward, peer's memory / ours
GOALS = [(2048, 1.3, 1.2, 4.0), (8192, 1.3, 1.2, 4.0), (16384, 1.3, 1.2, 4.0)]
EXACT_GOALS = {512: None, 1024: None, 2048: 4.0, 4096: None, 8192: 20.0, 16384: 40.0}
LARGEST_ERROR = 5e-3  # relative, on smooth sequences, for the default inverse
NOTE = (
    "Four heads of 64 features and 64 landmarks, in float32. What landmarks lose is a "
    "matter of the data, and told in the chapter."
)


def core_of_peer() -> Callable[[Tensor], Tensor]:
    """Make nystrom-attention without its projections and its convolution."""
    peer = nystrom_attention.NystromAttention(
        dim=HEADS * DIM, dim_head=DIM, heads=HEADS, num_landmarks=LANDMARKS, residual=False
    )
    peer.to_qkv, peer.to_out = nn.Identity(), nn.Identity()
    return peer


def projection(length: int) -> Tensor:
    """Draw what the projection gives: ``1 length 3·heads·dim``."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, length, 3 * HEADS * DIM, generator=generator)


def heads_of(projected: Tensor) -> list[Tensor]:
    """Split it into queries, keys and values, as views."""
    return [x.unflatten(-1, (HEADS, DIM)).transpose(1, 2) for x in projected.chunk(3, -1)]


def ours(projected: Tensor) -> Tensor:
    return nystrom.nystrom_attention(*heads_of(projected), num_landmarks=LANDMARKS)


def exact(projected: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(*heads_of(projected))


def with_backward(attend: Callable[[Tensor], Tensor], projected: Tensor) -> None:
    attend(projected.detach().requires_grad_()).sum().backward()


def peak_memory(call: Callable[[], object]) -> int:
    """Return the most bytes that a call holds at one time beyond what was there before."""
    call()
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or it prints that it starts and stops
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        result = call()
    held = peak = 0
    events = [event for event in record.profiler.kineto_results.events() if event.nbytes()]
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    del result
    return peak


def with_peer(report: Report, length: int, goals: list[float], seconds: float) -> None:
    x, peer = projection(length), core_of_peer()
    with torch.no_grad():
        forward = medians({"ours": lambda: ours(x), "peer": lambda: peer(x)}, seconds)
        memory = {"ours": peak_memory(lambda: ours(x)), "peer": peak_memory(lambda: peer(x))}
    backward = medians(
        {"ours": lambda: with_backward(ours, x), "peer": lambda: with_backward(peer, x)}, seconds
    )
    measures = {"forward": forward, "with backward": backward, "peak memory": memory}
    for (name, found), goal in zip(measures.items(), goals, strict=True):
        unit = "byte" if found is memory else "s"
        report.add(
            f"{name}, n = {length}", PEER, found["ours"], found["peer"], goal=goal, unit=unit
        )


def with_exact(report: Report, length: int, goal: float | None, seconds: float) -> None:
    x = projection(length)
    with torch.no_grad():
        times = medians({"ours": lambda: ours(x), "exact": lambda: exact(x)}, seconds)
    report.add(f"forward, n = {length}", EXACT, times["ours"], times["exact"], goal=goal)


def smooth(length: int, generator: torch.Generator) -> Tensor:
    """Draw ``1 heads length dim``: eight random waves for each feature, of unit variance."""
    time = torch.linspace(0, 1, length, dtype=torch.float64)
    wave = torch.arange(1, 9, dtype=torch.float64)[:, None]
    options = {"generator": generator, "dtype": torch.float64}
    amplitude = torch.randn(HEADS, DIM, 8, **options) / 2
    phase = 2 * math.pi * torch.rand(HEADS, DIM, 8, 1, **options)
    waves = torch.cos(2 * math.pi * wave * time + phase)
    return torch.einsum("hdw,hdwt->htd", amplitude, waves)[None]


def walk(length: int, generator: torch.Generator) -> Tensor:
    """Draw random walks, standardized: alike nearby, but rough."""
    path = independent(length, generator).cumsum(2)
    return (path - path.mean(2, keepdim=True)) / path.std(2, keepdim=True)


def independent(length: int, generator: torch.Generator) -> Tensor:
    return torch.randn(1, HEADS, length, DIM, generator=generator, dtype=torch.float64)


SETTINGS: dict[str, dict[str, Any]] = {
    "ridge (default)": {"inverse": "ridge"},
    "Newton, 6 steps": {"inverse": "newton"},
    "pseudo-inverse": {"inverse": "pinv"},
    "ridge 1e-4": {"inverse": "ridge", "ridge": 1e-4},
    "ridge 1e-6": {"inverse": "ridge", "ridge": 1e-6},
    "Newton, 12 steps": {"inverse": "newton", "num_iterations": 12},
}


def errors(report: Report, length: int = 2048) -> None:
    """Print the relative errors of each inverse; the default must keep its promises."""
    generator = torch.Generator().manual_seed(0)
    columns: dict[str, list[float]] = {}
    for draw in (smooth, walk, independent):
        q, k, v = (draw(length, generator) for _ in range(3))
        for scale, sharpness in ((1, ""), (2, " ×2")):
            columns[draw.__name__ + sharpness] = relative_errors(scale * q, scale * k, v)
    columns["geometric mean"] = [
        statistics.geometric_mean(row) for row in zip(*columns.values(), strict=True)
    ]
    report.say(f"‖error‖ / ‖exact attention‖ at n = {length}; ×2: queries and keys doubled")
    report.say(f"{'':18}" + "".join(f"{name:>15}" for name in columns))
    for row, name in enumerate([*SETTINGS, "default, bfloat16", "mean of values"]):
        report.say(f"{name:18}" + "".join(f"{c[row]:15.1e}" for c in columns.values()))
    report.require(columns["smooth"][0] <= LARGEST_ERROR, "the default errs on smooth sequences")
    means = columns["geometric mean"]
    report.require(means[0] == min(means[:3]), "another inverse is better than the default")


def relative_errors(q: Tensor, k: Tensor, v: Tensor) -> list[float]:
    """Return the errors of all SETTINGS, of the default in bfloat16, and of the mean of v."""
    right = functional.scaled_dot_product_attention(q, k, v)
    found = [
        nystrom.nystrom_attention(q.float(), k.float(), v.float(), **options)
        for options in SETTINGS.values()
    ]
    found.append(nystrom.nystrom_attention(q.bfloat16(), k.bfloat16(), v.bfloat16()))
    found.append(v.mean(2, keepdim=True).expand_as(v))
    return [float((x.double() - right).norm() / right.norm()) for x in found]


def measure(report: Report) -> None:
    seconds, longest = (0.5, 8192) if report.quick else (2.0, 16384)
    for length, *goals in GOALS:
        if length <= longest:
            with_peer(report, length, goals, seconds)
    for length, goal in EXACT_GOALS.items():
        if length <= longest:
            with_exact(report, length, goal, seconds)
    errors(report)


if __name__ == "__main__":
    sys.exit(main(measure, {PEER: PEER, EXACT: "torch"}, note=NOTE))
