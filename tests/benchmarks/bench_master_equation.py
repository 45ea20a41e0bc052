"""The master equation against SciPy: a toggle switch on a lattice.

Run ``python tests/benchmarks/bench_master_equation.py [--quick | --record]``. The toggle switch is
two genes whose products shut each other's gene down, on a square lattice of counts, for some
lifetimes of a product. It starts near one of its two stable states, or with no product at all, a
rare state in which Chebyshev's polynomials would cancel. Our generator is a stencil on the lattice
or a sparse matrix (CSR). Times are those of the processor.
"""

import sys
import time

import torch
from _report import Report, main
from _timing import medians
from scipy.sparse import csr_array
from scipy.sparse.linalg import expm_multiply
from torch import Tensor

from lib.dynamics.master_equation import evolve, lattice_generator
from lib.dynamics.reaction_network import Reaction, ReactionNetwork

# counts of each product, lifetimes; rounds; least ratio wanted to expm_multiply
SIZES = [(32, 10.0, 9, 4.0), (100, 10.0, 5, 15.0), (316, 10.0, 1, 15.0), (1000, 0.5, 1, 6.0)]
STARTS = {"stable": (0.46, 0.05), "empty": (0.0, 0.0)}
LARGEST_ERROR = 1e-9  # of both together: the peer promises no more
NOTE = "Times are those of the processor. The difference of two laws is added up over all states."


def toggle_switch(size: int, largest: float | Tensor) -> ReactionNetwork:
    """Two products, each made at most ``largest`` times a lifetime, less if the other abounds."""
    half = size / 6
    return ReactionNetwork(
        ["A", "B"],
        [
            Reaction("0 -> A", lambda n: largest / (1 + (n["B"] / half) ** 2)),
            Reaction("0 -> B", lambda n: largest / (1 + (n["A"] / half) ** 2)),
            Reaction("A -> 0", 1.0),
            Reaction("B -> 0", 1.0),
        ],
    )


def start(size: int, name: str) -> Tensor:
    """Return the law that is certain of one state."""
    law = torch.zeros(size, size, dtype=torch.float64)
    law[tuple(int(share * size) for share in STARTS[name])] = 1.0
    return law


def compare(
    report: Report, size: int, lifetimes: float, rounds: int, goal: float, name: str
) -> None:
    network, p0 = toggle_switch(size, size / 2), start(size, name)
    sparse = lattice_generator(network, p0.shape, dtype=torch.float64)
    (rows, columns), values = sparse.indices().numpy(), sparse.values().numpy()
    matrix = csr_array((values, (rows, columns)), shape=sparse.shape)
    found = {}

    def peer() -> None:
        found["peer"] = torch.from_numpy(expm_multiply(matrix * lifetimes, p0.flatten().numpy()))

    def lattice() -> None:
        found["lattice"] = evolve(network, p0, lifetimes).probabilities.flatten()

    def csr() -> None:
        found["CSR"] = evolve(sparse, p0.flatten(), lifetimes).probabilities

    rivals = {"peer": peer, "lattice": lattice, "CSR": csr}
    times = medians(rivals, 0.0, rounds=rounds, clock=time.process_time)
    for ours in ("lattice", "CSR"):
        error = float((found[ours] - found["peer"]).abs().sum())
        wanted = goal if (ours, name) == ("lattice", "stable") else None
        report.add(
            f"{size**2:,} states, {name}, {ours}", "expm_multiply", times[ours], times["peer"],
            goal=wanted, error=error, right=error < LARGEST_ERROR,
        )  # fmt: skip


def gradient(report: Report, size: int) -> None:
    """Time the gradient in a rate against the value, and hold it to a difference quotient."""
    p0 = start(size, "stable")
    largest = torch.tensor(size / 2, dtype=torch.float64, requires_grad=True)

    def mean(rate: Tensor) -> Tensor:
        law = evolve(toggle_switch(size, rate), p0, 10.0).probabilities
        return law.sum(1) @ torch.arange(float(size), dtype=torch.float64)

    began = time.process_time()
    with torch.no_grad():
        step = 1e-4 * size
        slope = float((mean(largest + step) - mean(largest - step)) / (2 * step))
    middle = time.process_time()
    mean(largest).backward()
    ratio = 2 * (time.process_time() - middle) / (middle - began)
    error = abs(float(largest.grad) / slope - 1)
    report.say(f"value and gradient / value, {size**2:,} states: {ratio:.1f}; error {error:.0e}")
    report.require(error < 1e-5, "the gradient is not the slope")


def measure(report: Report) -> None:
    for size in SIZES[: 2 if report.quick else 4]:
        for name in STARTS:
            if (
                name == "stable" or size[0] < 1000
            ):  # there the peer needs the better part of a minute
                compare(report, *size, name)
    gradient(report, 32 if report.quick else 316)


if __name__ == "__main__":
    sys.exit(main(measure, {"expm_multiply": "scipy"}, note=NOTE))
