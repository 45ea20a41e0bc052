"""Gillespie's direct method over many trajectories at once; public in stochastic_simulation."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lib.dynamics._reaction_network import ReactionNetwork, check_propensity


class NetworkRule:
    """The jumps of a reaction network.

    Propensities are computed anew after each event: a total kept by increments drifts, and may
    end below zero.
    """

    def __init__(self, network: ReactionNetwork, like: Tensor) -> None:
        """Keep the changes in the dtype and on the device of ``like``."""
        changes = network.changes.to(like).T
        self._network = network
        self._first, self._steps = changes[:, :1], changes.diff(dim=1)
        self._own = [(i, r) for i, r in enumerate(network.reactions) if callable(r.rate)]

    def cumulative(self, states: Tensor) -> Sequence[Tensor]:
        """Return the running sums of the propensities; functions of the user's are checked."""
        columns = self._network.propensities_of_counts(states.unbind(0))
        for index, reaction in self._own:
            check_propensity(reaction, columns[index], states.shape[1:])
        total = states.new_zeros(())  # 0 + (-0) is 0: no total of -0, which waits -∞
        return [total := total + column for column in columns]

    def jumps(self, states: Tensor, cumulative: Sequence[Tensor], threshold: Tensor) -> Tensor:
        """Return what the chosen reactions add: the first whose sum exceeds the threshold."""
        if len(cumulative) == 1:
            return self._first.expand_as(states)
        passed = torch.stack([sums <= threshold for sums in cumulative[:-1]])
        return torch.addmm(self._first, self._steps, passed.to(threshold.dtype))


class ChainRule:
    """The jumps of a chain on finitely many states, whose state is its index."""

    def __init__(self, rates: Tensor) -> None:
        """Add up each column; its diagonal must be 0."""
        self._sums = rates.cumsum(0)

    def cumulative(self, states: Tensor) -> Sequence[Tensor]:
        """Return the running sums of the rates out of each state."""
        return self._sums[:, states[0].long()].unbind(0)

    def jumps(self, states: Tensor, cumulative: Sequence[Tensor], threshold: Tensor) -> Tensor:
        """Return the difference between the chosen state and the present one."""
        passed = torch.stack([sums <= threshold for sums in cumulative])
        return passed.sum(0) - states


#: What a process does next. States are ``coordinates trajectories``, in floating numbers.
JumpRule = NetworkRule | ChainRule


def advance(
    rule: JumpRule,
    states: Tensor,
    duration: float,
    generator: torch.Generator | None,
    max_events: float,
) -> Tensor:
    """Return the states after ``duration``, exactly distributed.

    States are ``coordinates trajectories``. All trajectories jump side by side. One whose next
    jump would come too late has its final state; when a quarter of them have, the others are
    gathered.
    """
    final, states = states.clone(), states.clone()
    place = torch.arange(states.shape[1], device=states.device)
    left = states.new_full((states.shape[1],), duration)
    events = 0
    while True:
        cumulative = rule.cumulative(states)
        clock, choice = torch.rand(
            (2, len(left)),
            generator=generator,
            dtype=states.dtype,
            device=states.device,
        )
        # A total of 0 waits for ever; with u = 0 it is NaN, which is not ≥ 0 either.
        left = left + torch.log1p(-clock) / cumulative[-1]
        happens = left >= 0
        running = int(happens.count_nonzero())
        if running == 0:
            final[:, place] = states
            return final
        states += rule.jumps(states, cumulative, choice * cumulative[-1]) * happens
        if running < 0.75 * len(left):
            done = ~happens
            final[:, place[done]] = states[:, done]
            states, place, left = states[:, happens], place[happens], left[happens]
        events += 1
        if events >= max_events:
            raise RuntimeError(
                f"a trajectory had {events:,} events in a time of {duration:g} "
                "and goes on; the process may explode. Raise max_events if "
                "it does not"
            )
