"""Chains that every CRF test may use, and the slow, obvious reference for them."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor


class Enumeration:
    """The reference in float64: all K^n paths of one sequence, and what follows from them."""

    def __init__(
        self,
        emissions: Tensor,  # time tags, real tokens only
        transitions: Tensor,
        start: Tensor | None = None,
        end: Tensor | None = None,
    ) -> None:
        time, num_tags = emissions.shape
        self.paths = torch.tensor(list(itertools.product(range(num_tags), repeat=time)))
        scores = emissions.double()[torch.arange(time), self.paths].sum(1)
        for t in range(time - 1):
            scores = scores + transitions.double()[self.paths[:, t], self.paths[:, t + 1]]
        if start is not None:
            scores = scores + start.double()[self.paths[:, 0]]
        if end is not None:
            scores = scores + end.double()[self.paths[:, -1]]
        self.scores, self.num_tags = scores, num_tags

    @property
    def log_partition(self) -> Tensor:
        return self.scores[self.scores > -math.inf].logsumexp(0)

    @property
    def probabilities(self) -> Tensor:
        return (self.scores - self.log_partition).exp()

    @property
    def entropy(self) -> Tensor:
        possible = self.scores > -math.inf
        log_probabilities = self.scores[possible] - self.log_partition
        return -(log_probabilities.exp() * log_probabilities).sum()

    @property
    def marginals(self) -> Tensor:
        one_hot = torch.nn.functional.one_hot(self.paths, self.num_tags).double()
        return torch.einsum("p,ptk->tk", self.probabilities, one_hot)

    @property
    def pair_marginals(self) -> Tensor:
        one_hot = torch.nn.functional.one_hot(self.paths, self.num_tags).double()
        return torch.einsum("p,pti,ptj->tij", self.probabilities, one_hot[:, :-1], one_hot[:, 1:])

    def k_best(self, k: int) -> tuple[Tensor, Tensor]:
        scores, order = self.scores.sort(descending=True, stable=True)
        return self.paths[order[:k]], scores[:k]


@dataclass(frozen=True)
class Problem:
    """A batch of chains; ``scores`` are the keyword arguments that the functions share."""

    emissions: Tensor
    tags: Tensor
    mask: Tensor | None
    scores: dict[str, Tensor]

    def __call__(self, function: Callable, *arguments: Any, **options: Any) -> Any:
        """Call a function of the scores on this batch."""
        return function(self.emissions, *arguments, mask=self.mask, **self.scores, **options)

    def enumerated(self) -> list[Enumeration]:
        rows = range(len(self.emissions))
        return [Enumeration(self.sequence(row)[0], **self.scores) for row in rows]

    @property
    def lengths(self) -> list[int]:
        batch, time, _ = self.emissions.shape
        return [time] * batch if self.mask is None else self.mask.sum(1).tolist()

    def sequence(self, row: int) -> tuple[Tensor, Tensor]:
        """Return the emissions and tags of the real tokens of one sequence."""
        length = self.lengths[row]
        return self.emissions[row, :length], self.tags[row, :length]

    def to(self, dtype: torch.dtype) -> "Problem":
        scores = {name: score.to(dtype) for name, score in self.scores.items()}
        return replace(self, emissions=self.emissions.to(dtype), scores=scores)

    def requiring_grad(self) -> "Problem":
        scores = {n: score.detach().clone().requires_grad_() for n, score in self.scores.items()}
        return replace(
            self, emissions=self.emissions.detach().clone().requires_grad_(), scores=scores
        )

    @property
    def inputs(self) -> list[Tensor]:
        return [self.emissions, *self.scores.values()]


def make_problem(
    lengths: tuple[int, ...] = (4, 1, 3),
    num_tags: int = 3,
    *,
    ends: bool = True,
    masked: bool = True,
    constrained: bool = False,
    scale: float = 1.0,
    seed: int = 0,
) -> Problem:
    """Make a problem whose padding holds NaN in the emissions and −100 in the tags."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return scale * torch.randn(shape, generator=generator, dtype=torch.float64)

    batch, time = len(lengths), max(lengths)
    emissions = draw(batch, time, num_tags)
    scores = {"transitions": draw(num_tags, num_tags)}
    if ends:
        scores |= {"start": draw(num_tags), "end": draw(num_tags)}
    if constrained:  # tag 0 must not be followed by tag 1, nor start; the last tag must not end
        scores["transitions"][0, 1] = -math.inf
        if ends:
            scores["start"][0] = scores["end"][-1] = -math.inf
    tags = torch.randint(num_tags, (batch, time), generator=generator)
    mask = None
    if masked:
        mask = torch.arange(time) < torch.tensor(lengths)[:, None]
        emissions[~mask] = math.nan
        tags[~mask] = -100
    return Problem(emissions, tags, mask, scores)


PROBLEMS = {
    "plain": {"lengths": (3, 3), "ends": False, "masked": False},
    "ends": {"lengths": (4, 4), "masked": False},
    "ragged": {},
    "ragged without ends": {"ends": False},
    "constrained": {"constrained": True, "lengths": (5, 2, 3)},
    "constrained without ends": {"constrained": True, "ends": False},
    "constrained, wide": {"constrained": True, "lengths": (5, 2, 3), "scale": 40.0},
    "large scores": {"scale": 300.0},
    "one token": {"lengths": (1, 1), "masked": False},
    "one tag": {"lengths": (3, 1, 2), "num_tags": 1},
}


@pytest.fixture(name="make_problem")
def _make_problem() -> Callable[..., Problem]:
    """Make problems other than the ones of the suite."""
    return make_problem


@pytest.fixture(params=PROBLEMS)
def problem(request: pytest.FixtureRequest) -> Problem:
    """Yield each of the chains that the oracle suite runs through."""
    return make_problem(**PROBLEMS[request.param])
