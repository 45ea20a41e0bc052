"""Linear-chain CRF against pytorch-crf: loss with gradients, and the best path.

Run ``python tests/benchmarks/bench_crf.py [--quick | --record]``. Both work in float32; the exact
gradients are the peer's in float64.
"""

import sys

import torch
import torchcrf
from _report import Report, main
from _timing import medians
from torch import Tensor

from lib.sequences import crf

# batch, time, tags; least ratio wanted for loss with gradients, for Viterbi
SHAPES = [
    (32, 64, 9, 4.0, 2.0),
    (16, 256, 20, 7.0, 2.0),
    (8, 1024, 20, 14.0, 2.0),
    (4, 64, 200, 7.0, 2.0),
]
PEER = "pytorch-crf"
NOTE = (
    "Sizes are batch × time × tags. Differences are relative: of a gradient to its largest "
    "exact entry, of a path to its score."
)


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


def largest_error(found: list[Tensor], exact: list[Tensor]) -> float:
    """Return the largest error of any gradient, relative to that gradient's largest entry."""
    pairs = zip(found, exact, strict=True)
    return max(float((f.double() - e).abs().max() / e.abs().max()) for f, e in pairs)


def training(report: Report, shape: tuple[int, int, int], goal: float, seconds: float) -> None:
    peer, emissions, tags = problem(*shape)
    wide = emissions.detach().double().requires_grad_()
    exact = peer_gradients(peer.double(), wide, tags)
    given = peer.float(), emissions, tags
    ours, theirs = lambda: our_gradients(*given), lambda: peer_gradients(*given)
    times = medians({"ours": ours, "peer": theirs}, seconds)
    errors = largest_error(ours(), exact), largest_error(theirs(), exact)
    report.add(
        "loss and gradients, {} × {} × {}".format(*shape), PEER, times["ours"], times["peer"],
        goal=goal, error=errors[0], peer_error=errors[1],
        right=errors[0] < 1e-4 and errors[1] < 0.05,
    )  # fmt: skip


def decoding(report: Report, shape: tuple[int, int, int], goal: float, seconds: float) -> None:
    peer, emissions, _ = problem(*shape)
    plain, fixed = emissions.detach(), {k: score.detach() for k, score in scores(peer).items()}
    ours, theirs = lambda: crf.viterbi(plain, **fixed), lambda: peer.decode(plain)
    times = medians({"ours": ours, "peer": theirs}, seconds)
    paths, best = ours()
    expected = crf.path_score(plain, torch.tensor(theirs()), **fixed)
    error = float(((best - expected) / expected).abs().max())
    report.add(
        "best path, {} × {} × {}".format(*shape), PEER, times["ours"], times["peer"],
        goal=goal, error=error, right=error < 1e-5 and paths.shape == shape[:2],
    )  # fmt: skip


def measure(report: Report) -> None:
    seconds = 0.5 if report.quick else 3.0
    for *shape, goal, viterbi_goal in SHAPES:
        training(report, tuple(shape), goal, seconds)
        decoding(report, tuple(shape), viterbi_goal, seconds)


if __name__ == "__main__":
    sys.exit(main(measure, {PEER: "pytorch-crf"}, note=NOTE))
