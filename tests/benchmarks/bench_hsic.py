"""Compare lib.kernels.hsic with hyppo: times as ratios, results to nine digits.

Run ``python tests/benchmarks/bench_hsic.py [--quick]``; it needs hyppo. A wrong result makes the
exit code 1; a ratio below its goal is shown but is no error, for machines differ. Memory is not
compared: hyppo holds some six n × n matrices, so that the largest size takes about 6 GB.
"""

import argparse
import sys

import numpy as np
import torch
from _timing import context, medians
from hyppo.independence import Hsic
from torch import Tensor

from lib.kernels import hsic

SIGMA = 1.0  # for both variables: hyppo has one bandwidth
TOLERANCE = 1e-8  # of the factors; the promise is a relative error of 1e-6 in the result

# samples; least ratio wanted for exact, for low rank
SIZES = [(1000, 10.0, 0.0), (4000, 40.0, 30.0), (10000, 60.0, 60.0)]
PERMUTATIONS = 1000
PERMUTATIONS_GOAL = 300.0


def samples(count: int, dims: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, count, dims, generator=generator, dtype=torch.float64)
    return x, x**2 + noise


def peer() -> Hsic:
    return Hsic(gamma=1 / (2 * SIGMA**2))


def statistic(count: int, seconds: float) -> tuple[float, float, bool]:
    """Return the ratios of exact and low rank, and whether the results agree."""
    x, y = samples(count)
    arrays = x.numpy(), y.numpy()
    settings = {"bandwidth_x": SIGMA, "bandwidth_y": SIGMA}

    def low_rank() -> Tensor:
        return hsic.cka(x, y, **settings, method="low_rank", tolerance=TOLERANCE)

    times = medians(
        {
            "hyppo": lambda: peer().statistic(*arrays),
            "exact": lambda: hsic.cka(x, y, **settings),
            "low rank": low_rank,
        },
        seconds,
    )
    expected = peer().statistic(*arrays)
    right = abs(hsic.cka(x, y, **settings).item() - expected) < 1e-9 * expected
    right &= abs(low_rank().item() - expected) < 1e-6 * expected
    return times["hyppo"] / times["exact"], times["hyppo"] / times["low rank"], right


def permutations(count: int, seconds: float, reps: int) -> tuple[float, bool]:
    """Return the ratio of the permutation tests, hyppo's extrapolated from ``reps`` of them."""
    x, y = samples(count)
    arrays = x.numpy(), y.numpy()
    generator = torch.Generator().manual_seed(1)

    def ours() -> hsic.IndependenceTest:
        settings = {"bandwidth_x": SIGMA, "bandwidth_y": SIGMA, "generator": generator}
        return hsic.hsic_test(x, y, **settings, num_permutations=PERMUTATIONS)

    def theirs() -> float:
        return float(peer().test(*arrays, reps=reps, auto=False)[1])

    np.random.seed(0)  # noqa: NPY002, hyppo draws from the global generator whatever it is given
    times = medians({"hyppo": theirs, "ours": ours}, seconds)
    right = ours().p_value == 1 / (1 + PERMUTATIONS) and theirs() == 1 / (1 + reps)
    return times["hyppo"] / times["ours"] * PERMUTATIONS / reps, right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 4000 samples, less often")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    print(context("hyppo"))
    print("Time of hyppo / our time, float64: normalized unbiased HSIC, one dimension each")
    print(f"{'n':>8}{'exact':>8}{'goal':>6}{'low rank':>10}{'goal':>6}")
    correct = True
    for count, goal, low_goal in SIZES[: 2 if quick else 3]:
        exact, low, right = statistic(count, 0.5 if quick else 4.0)
        correct &= right
        verdict = "" if right else "  WRONG RESULTS"
        wanted = f"{low_goal:6.0f}" if low_goal else f"{'–':>6}"
        print(f"{count:8}{exact:8.1f}{goal:6.0f}{low:10.1f}{wanted}{verdict}", flush=True)
    ratio, right = permutations(1000, 0.5 if quick else 4.0, reps=20 if quick else 100)
    verdict = "" if right else "  WRONG RESULTS"
    print(
        f"{PERMUTATIONS} permutations, n = 1000: {ratio:.0f}, goal {PERMUTATIONS_GOAL:.0f}{verdict}"
    )
    return 0 if correct and right else 1


if __name__ == "__main__":
    sys.exit(main())
