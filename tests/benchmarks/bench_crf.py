"""Compare lib.sequences.crf with pytorch-crf: times as ratios, and accuracy at length 1024.

Run ``python tests/benchmarks/bench_crf.py [--quick]``. Results are compared too, and a wrong one
makes the exit code 1; a ratio below its goal is shown but is no error, for machines differ.
"""

import argparse
import sys

import torch
import torchcrf
from _timing import context, medians
from torch import Tensor

from lib.sequences import crf

# batch, time, tags; least ratio wanted for loss with gradients, for Viterbi
SHAPES = [
    (32, 64, 9, 4.0, 2.0),
    (16, 256, 20, 7.0, 2.0),
    (8, 1024, 20, 14.0, 2.0),
    (4, 64, 200, 7.0, 2.0),
]


def problem(batch: int, time: int, tags: int) -> tuple[torchcrf.CRF, Tensor, Tensor]:
    """Make random emissions, tags and a pytorch-crf layer with transitions of a trained size."""
    generator = torch.Generator().manual_seed(0)
    peer = torchcrf.CRF(tags, batch_first=True)
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    emissions = torch.randn(batch, time, tags, generator=generator, requires_grad=True)
    return peer, emissions, torch.randint(tags, (batch, time), generator=generator)


def scores(peer: torchcrf.CRF) -> dict[str, Tensor]:
    return {
        "transitions": peer.transitions,
        "start": peer.start_transitions,
        "end": peer.end_transitions,
    }


def our_gradients(peer: torchcrf.CRF, emissions: Tensor, tags: Tensor) -> list[Tensor]:
    loss = crf.negative_log_likelihood(emissions, tags, **scores(peer)).sum()
    return list(torch.autograd.grad(loss, [emissions, *scores(peer).values()]))


def peer_gradients(peer: torchcrf.CRF, emissions: Tensor, tags: Tensor) -> list[Tensor]:
    loss = -peer(emissions, tags, reduction="sum")
    return list(torch.autograd.grad(loss, [emissions, *scores(peer).values()]))


def largest_error(found: list[Tensor], exact: list[Tensor]) -> list[float]:
    """Return, for each gradient, its largest error relative to its largest entry."""
    pairs = zip(found, exact, strict=True)
    return [float((f.double() - e).abs().max() / e.abs().max()) for f, e in pairs]


def compare(batch: int, time: int, tags: int, seconds: float) -> tuple[float, float, bool]:
    """Return the two ratios, and whether the results agree."""
    peer, emissions, gold = problem(batch, time, tags)
    fixed = {name: score.detach() for name, score in scores(peer).items()}
    plain = emissions.detach()
    exact = our_gradients(peer.double(), emissions.detach().double().requires_grad_(), gold)
    peer.float()
    training = medians(
        {
            "ours": lambda: our_gradients(peer, emissions, gold),
            "peer": lambda: peer_gradients(peer, emissions, gold),
        },
        seconds,
    )
    decoding = medians(
        {"ours": lambda: crf.viterbi(plain, **fixed), "peer": lambda: peer.decode(plain)}, seconds
    )
    ours = our_gradients(peer, emissions, gold)
    agree = max(largest_error(ours, exact)) < 1e-4
    agree &= max(largest_error(peer_gradients(peer, emissions, gold), exact)) < 0.05
    paths, best = crf.viterbi(plain, **fixed)
    theirs = crf.path_score(plain, torch.tensor(peer.decode(plain)), **fixed)
    agree &= torch.allclose(best, theirs, rtol=1e-5) and paths.shape == (batch, time)
    return training["peer"] / training["ours"], decoding["peer"] / decoding["ours"], agree


def accuracy(batch: int = 8, time: int = 1024, tags: int = 20) -> bool:
    """Print the errors of float32 gradients against float64; say whether ours keep the promise."""
    peer, emissions, gold = problem(batch, time, tags)
    wide = peer.double()
    exact = peer_gradients(wide, emissions.detach().double().requires_grad_(), gold)
    narrow = peer.float()
    print(f"\nLargest error of float32 gradients at T = {time}, relative to the largest entry")
    print(f"{'':14}{'emissions':>12}{'transitions':>13}{'start':>10}{'end':>10}")
    ours = largest_error(our_gradients(narrow, emissions, gold), exact)
    theirs = largest_error(peer_gradients(narrow, emissions, gold), exact)
    for name, errors in (("ours", ours), ("pytorch-crf", theirs)):
        print(f"{name:14}{errors[0]:12.1e}{errors[1]:13.1e}{errors[2]:10.1e}{errors[3]:10.1e}")
    return max(ours) < 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="half a second for each cell")
    seconds = 0.5 if parser.parse_args().quick else 4.0
    torch.set_num_threads(1)
    print(context("pytorch-crf"))
    print("Time of pytorch-crf / our time (loss with gradients; Viterbi), float32")
    print(f"{'B, T, K':>14}{'loss':>8}{'goal':>6}{'Viterbi':>9}{'goal':>6}")
    right = True
    for batch, time, tags, goal, viterbi_goal in SHAPES:
        loss, viterbi, agree = compare(batch, time, tags, seconds)
        verdict = "" if agree else "  WRONG RESULTS"
        shape = f"{batch}, {time}, {tags}"
        print(
            f"{shape:>14}{loss:8.1f}{goal:6.0f}{viterbi:9.1f}{viterbi_goal:6.0f}{verdict}",
            flush=True,
        )
        right &= agree
    right &= accuracy()
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
