"""HSIC against hyppo: the normalized unbiased estimate, and the permutation test.

Run ``python tests/benchmarks/bench_hsic.py [--quick | --record]``; it needs hyppo. Both work in
float64 on one dimension each. Memory is not compared: hyppo holds some six n × n matrices, so that
the largest size takes about 6 GB. Its permutations are timed on a few of them and extrapolated.
"""

import sys

import numpy as np
import torch
from _report import Report, main
from _timing import medians
from hyppo.independence import Hsic
from torch import Tensor

from lib.kernels import hsic

SIGMA = 1.0  # for both variables: hyppo has one bandwidth
TOLERANCE = 1e-8  # of the factors; the promise is a relative error of 1e-6 in the result

# samples, rounds; least ratio wanted for exact, for low rank
SIZES = [(1000, 5, 10.0, None), (4000, 5, 40.0, 30.0), (10000, 3, 60.0, 60.0)]
PERMUTATIONS = 1000
PERMUTATIONS_GOAL = 300.0
NOTE = (
    "Differences of the estimates are relative. The time of the peer's permutations is "
    "extrapolated from fifty."
)


def samples(count: int, dims: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, count, dims, generator=generator, dtype=torch.float64)
    return x, x**2 + noise


def peer() -> Hsic:
    return Hsic(gamma=1 / (2 * SIGMA**2))


def statistic(
    report: Report, count: int, rounds: int, goal: float, low_goal: float | None, seconds: float
) -> None:
    x, y = samples(count)
    arrays, settings = (x.numpy(), y.numpy()), {"bandwidth_x": SIGMA, "bandwidth_y": SIGMA}
    ours = {
        "exact": lambda: hsic.cka(x, y, **settings),
        "low rank": lambda: hsic.cka(x, y, **settings, method="low_rank", tolerance=TOLERANCE),
    }
    times = medians({"hyppo": lambda: peer().statistic(*arrays), **ours}, seconds, rounds=rounds)
    expected = peer().statistic(*arrays)
    for name, wanted, most in (("exact", goal, 1e-9), ("low rank", low_goal, 1e-6)):
        error = abs(ours[name]().item() / expected - 1)
        report.add(
            f"{name}, n = {count}", "hyppo", times[name], times["hyppo"],
            goal=wanted, error=error, right=error < most,
        )  # fmt: skip


def permutations(report: Report, count: int, seconds: float, reps: int) -> None:
    x, y = samples(count)
    generator = torch.Generator().manual_seed(1)
    settings = {"bandwidth_x": SIGMA, "bandwidth_y": SIGMA, "generator": generator}

    def ours() -> float:
        return hsic.hsic_test(x, y, **settings, num_permutations=PERMUTATIONS).p_value

    def theirs() -> float:
        return float(peer().test(x.numpy(), y.numpy(), reps=reps, auto=False)[1])

    np.random.seed(0)  # noqa: NPY002, hyppo draws from the global generator whatever it is given
    times = medians({"hyppo": theirs, "ours": ours}, seconds)
    report.add(
        f"{PERMUTATIONS} permutations, n = {count}", "hyppo", times["ours"],
        times["hyppo"] * PERMUTATIONS / reps, goal=PERMUTATIONS_GOAL,
        right=ours() == 1 / (1 + PERMUTATIONS) and theirs() == 1 / (1 + reps),
    )  # fmt: skip


def measure(report: Report) -> None:
    seconds = 0.5 if report.quick else 4.0
    for size in SIZES[: 2 if report.quick else 3]:
        statistic(report, *size, seconds)
    permutations(report, 1000, seconds, reps=20 if report.quick else 50)


if __name__ == "__main__":
    sys.exit(main(measure, {"hyppo": "hyppo"}, note=NOTE))
