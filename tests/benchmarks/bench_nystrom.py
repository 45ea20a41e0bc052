"""Compare lib.attention.nystrom with nystrom-attention and with exact attention.

Run ``python tests/benchmarks/bench_nystrom.py [--quick]``. Times are ratios on one thread, memory
is the peak of what is allocated during the call, errors are those against exact attention in
float64. An error beyond what is promised makes the exit code 1; a ratio below its goal is shown
but is no error, for machines differ.
"""

import argparse
import math
import os
import statistics
import sys
from collections.abc import Callable
from typing import Any

import nystrom_attention
import torch
from _timing import context, medians
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from lib.attention import nystrom

HEADS, DIM, LANDMARKS = 4, 64, 64

# length; least ratio wanted: peer / ours forward, with backward, exact / ours, peer's memory / ours
GOALS = [
    (2048, 1.3, 1.2, 4.0, 4.0),
    (8192, 1.3, 1.2, 20.0, 4.0),
    (16384, 1.3, 1.2, 40.0, 4.0),
]
LARGEST_ERROR = 5e-3  # relative, on smooth sequences, for the default inverse


def core_of_peer() -> Callable[[Tensor], Tensor]:
    """Make nystrom-attention without its projections and its convolution."""
    peer = nystrom_attention.NystromAttention(
        dim=HEADS * DIM, dim_head=DIM, heads=HEADS, num_landmarks=LANDMARKS, residual=False
    )
    peer.to_qkv, peer.to_out = nn.Identity(), nn.Identity()
    return peer


def heads_of(projected: Tensor) -> list[Tensor]:
    """Split what the projection gives, ``batch time 3·heads·dim``, as views."""
    return [x.unflatten(-1, (HEADS, DIM)).transpose(1, 2) for x in projected.chunk(3, -1)]


def ours(projected: Tensor) -> Tensor:
    return nystrom.nystrom_attention(*heads_of(projected), num_landmarks=LANDMARKS)


def exact(projected: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(*heads_of(projected))


def with_backward(attend: Callable[[Tensor], Tensor], projected: Tensor) -> None:
    projected = projected.detach().requires_grad_()
    attend(projected).sum().backward()


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


def compare(length: int, seconds: float) -> tuple[float, float, float, float]:
    """Return the four ratios of GOALS."""
    generator = torch.Generator().manual_seed(0)
    projected = torch.randn(1, length, 3 * HEADS * DIM, generator=generator)
    peer = core_of_peer()
    with torch.no_grad():
        forward = medians(
            {"ours": lambda: ours(projected), "peer": lambda: peer(projected)}, seconds
        )
        full = medians(
            {"ours": lambda: ours(projected), "exact": lambda: exact(projected)}, seconds
        )
        memory = peak_memory(lambda: peer(projected)) / peak_memory(lambda: ours(projected))
    both = medians(
        {
            "ours": lambda: with_backward(ours, projected),
            "peer": lambda: with_backward(peer, projected),
        },
        seconds,
    )
    return (
        forward["peer"] / forward["ours"],
        both["peer"] / both["ours"],
        full["exact"] / full["ours"],
        memory,
    )


def slopes(lengths: list[int], seconds: float) -> None:
    """Print times over length, and the slope from each length to the next on log-log axes."""
    print("\nMilliseconds, and the slope of log time over log length since the length before")
    print(f"{'n':>6}{'Nyström':>10}{'slope':>7}{'exact':>10}{'slope':>7}")
    before: dict[str, float] = {}
    for length in lengths:
        projected = torch.randn(1, length, 3 * HEADS * DIM)
        rivals = {"ours": ours, "exact": exact}
        with torch.no_grad():
            calls = {name: lambda f=f, x=projected: f(x) for name, f in rivals.items()}
            times = medians(calls, seconds)
        row = f"{length:6}"
        for name, value in times.items():
            slope = f"{math.log2(value / before[name]):7.2f}" if before else f"{'':7}"
            row += f"{1e3 * value:10.2f}{slope}"
        before = times
        print(row, flush=True)


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
    steps = torch.randn(1, HEADS, length, DIM, generator=generator, dtype=torch.float64)
    path = steps.cumsum(2)
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


def errors(length: int = 2048) -> bool:
    """Print the relative errors of each inverse; say whether the default keeps its promises."""
    generator = torch.Generator().manual_seed(0)
    columns: dict[str, list[float]] = {}
    for draw in (smooth, walk, independent):
        q, k, v = (draw(length, generator) for _ in range(3))
        for scale, sharpness in ((1, ""), (2, " ×2")):
            name = draw.__name__ + sharpness
            columns[name] = relative_errors(scale * q, scale * k, v)
    print(f"\n‖error‖ / ‖exact attention‖ at n = {length}, float32; ×2: queries and keys doubled")
    print(f"{'':18}" + "".join(f"{name:>15}" for name in [*columns, "geometric mean"]))
    means = [statistics.geometric_mean(row) for row in zip(*columns.values(), strict=True)]
    names = [*SETTINGS, "default, bfloat16", "mean of values"]
    for row, (name, mean) in enumerate(zip(names, means, strict=True)):
        cells = [column[row] for column in columns.values()]
        print(f"{name:18}" + "".join(f"{cell:15.1e}" for cell in [*cells, mean]))
    return columns["smooth"][0] <= LARGEST_ERROR and means[0] == min(means[:3])


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter, and no longer than 8192")
    quick = parser.parse_args().quick
    seconds, longest = (0.5, 8192) if quick else (4.0, 16384)
    torch.set_num_threads(1)
    print(context("nystrom-attention"))
    print(f"{HEADS} heads, dim {DIM}, {LANDMARKS} landmarks, float32. Ratios, and their goals:")
    print("peer / ours forward; with backward; exact attention / ours; peer's peak memory / ours")
    print(
        f"{'n':>6}" + "".join(f"{name:>14}" for name in ("forward", "backward", "exact", "memory"))
    )
    for length, *goals in GOALS:
        if length <= longest:
            ratios = compare(length, seconds)
            cells = zip(ratios, goals, strict=True)
            row = "".join(f"{ratio:8.1f} ≥{goal:4.1f}" for ratio, goal in cells)
            print(f"{length:6}{row}", flush=True)
    slopes([2**k for k in range(9, longest.bit_length())], seconds)
    return 0 if errors() else 1


if __name__ == "__main__":
    sys.exit(main())
