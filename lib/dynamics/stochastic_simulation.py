r"""Exact simulation of Markov jump processes: many trajectories at once, by Gillespie's method.

A state waits for an exponential time with the sum of all rates, then jumps, each way with the
probability of its share: two random numbers a jump. :func:`simulate` does so for a network of
reactions, :func:`simulate_chain` for rates between finitely many states. There is no time step
and no error but that of rounding.

All functions share these conventions. The process is looked at from time 0 on; the state at a
time includes a jump at that time, and what would happen after the last time is not drawn. Inputs
are never modified and random numbers come from the generator given.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lib.dynamics._generators import check_rates, check_square, off_diagonal
from lib.dynamics._jump_simulation import ChainRule, JumpRule, NetworkRule, advance
from lib.dynamics.reaction_network import ReactionNetwork

__all__ = ["simulate", "simulate_chain"]


@torch.no_grad()
def simulate(
    network: ReactionNetwork,
    x0: Int[Tensor, " species"] | Int[Tensor, "trajectories species"],
    times: Float[Tensor, " times"] | Sequence[float],
    num_trajectories: int,
    generator: torch.Generator | None = None,
    *,
    max_events: int | None = None,
) -> Int[Tensor, "times trajectories species"]:
    r"""Draw trajectories of a reaction network, exactly.

    In state n, with propensities :math:`a_r(n)` and their sum :math:`a(n)`, the next event comes
    after :math:`-\log(1 - u) / a(n)` and is reaction r with probability :math:`a_r(n) / a(n)`. At
    each of the times asked for the waiting begins anew, which changes nothing: an exponential time
    has no memory. A state without any possible reaction stays for ever.

    Cost: per event about as many operations as there are reactions and species, done for all
    trajectories that still run at once; memory O(times · trajectories · species). Propensities are
    computed from the counts at each event, never updated, so that they cannot drift.

    Args:
        network: the reactions; its rates must lie on the device of ``x0``.
        x0: the counts at time 0: of all trajectories, or a row for each.
        times: when to look, ≥ 0, in any order; a time may come twice. Units: as the rates have it.
        num_trajectories: how many.
        generator: source of randomness, on the device of ``x0``; torch's own if None.
        max_events: the most events of one trajectory between two successive times; None for no
            bound. A process can explode: infinitely many events in finite time.

    Returns:
        The counts, int64, in the order of ``times``.

    Raises:
        ValueError: for a wrong shape of ``x0``, negative counts, times that are negative, infinite
            or NaN, fewer than one trajectory, and propensities that a function makes negative or
            not finite.
        TypeError: for counts of a floating dtype.
        RuntimeError: for more events than ``max_events``.

    Example:
        >>> from lib.dynamics.reaction_network import Reaction, ReactionNetwork
        >>> death = ReactionNetwork(["A"], [Reaction("A -> 0", 1.0)])
        >>> random = torch.Generator().manual_seed(0)
        >>> counts = simulate(death, torch.tensor([1000]), [0.0, 1.0, 50.0], 200, random)
        >>> counts.shape
        torch.Size([3, 200, 1])
        >>> counts.double().mean(dim=(1, 2)).round()  # 1000 exp(-t)
        tensor([1000.,  368.,    0.], dtype=torch.float64)

    Implements :eq:`master-first-ring`, :eq:`master-when-and-which` and :eq:`master-first-of-many`.
    Source: Gillespie (1977).
    """
    start = _initial_counts(x0, len(network.species), num_trajectories)
    rule = NetworkRule(network, start)
    return _trajectories(rule, start, times, generator, max_events).transpose(1, 2)


@torch.no_grad()
def simulate_chain(
    rates: Float[Tensor, "states states"],
    x0: int | Int[Tensor, " trajectories"],
    times: Float[Tensor, " times"] | Sequence[float],
    num_trajectories: int,
    generator: torch.Generator | None = None,
    *,
    max_events: int | None = None,
) -> Int[Tensor, "times trajectories"]:
    r"""Draw trajectories of a Markov process on finitely many states from its rates, exactly.

    As :func:`simulate`, for the states 0, 1, …. A state without a rate out of it absorbs.

    Cost: O(states) operations an event, for all running trajectories at once.

    Args:
        rates: ``rates[x, y]`` is the rate of the jump from y to x, per time. The diagonal is not
            read, so that a generator will do.
        x0: the state at time 0: of all trajectories, or of each.
        times: see :func:`simulate`.
        num_trajectories: how many.
        generator: source of randomness, on the device of the rates; torch's own if None.
        max_events: see :func:`simulate`.

    Returns:
        The states, int64, in the order of ``times``.

    Raises:
        ValueError: for rates that are not square, negative or infinite, a state that there is
            not, and times and numbers as in :func:`simulate`.
        TypeError: for rates of an integer dtype.
        RuntimeError: for more events than ``max_events``.

    Example:
        >>> decay = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
        >>> random = torch.Generator().manual_seed(0)
        >>> simulate_chain(decay, 0, [0.0, 0.5, 20.0], 5, random)
        tensor([[0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0],
                [1, 1, 1, 1, 1]])
    """
    check_square("rates", rates)
    jumps = off_diagonal(rates)
    check_rates(jumps)
    _check_count(num_trajectories)
    start = torch.as_tensor(x0, device=rates.device)
    if start.is_floating_point() or start.shape not in ((), (num_trajectories,)):
        raise ValueError(
            f"x0 must be one state, or one for each of {num_trajectories} trajectories, as "
            f"integers, got the shape {tuple(start.shape)} and {start.dtype}"
        )
    if not bool(((start >= 0) & (start < len(rates))).all()):
        raise ValueError(f"states are 0 to {len(rates) - 1}, got x0 = {x0}")
    real = _real(rates.device)
    rule = ChainRule(jumps.to(real))
    states = start.to(real).expand(1, num_trajectories)
    return _trajectories(rule, states, times, generator, max_events)[:, 0]


def _trajectories(
    rule: JumpRule,
    states: Tensor,
    times: Tensor | Sequence[float],
    generator: torch.Generator | None,
    max_events: int | None,
) -> Int[Tensor, "times coordinates trajectories"]:
    """Go through the times in order, each once, and give each of those asked for its states."""
    wanted = _checked_times(times)
    budget = math.inf if max_events is None else float(max_events)
    seen, now = {}, 0.0
    for moment in sorted(set(wanted)):
        if moment > now:
            states = advance(rule, states, moment - now, generator, budget)
        seen[moment], now = states.long(), moment
    return torch.stack([seen[moment] for moment in wanted])


def _checked_times(times: Tensor | Sequence[float]) -> list[float]:
    checked = torch.as_tensor(times, dtype=torch.float64, device="cpu")
    if checked.dim() != 1 or not len(checked):
        raise ValueError(f"times must be a list of at least one, got {times}")
    if not bool((checked.isfinite() & (checked >= 0)).all()):
        raise ValueError(f"times must be finite and ≥ 0, got {times}; the process starts at 0")
    return [float(time) for time in checked]


def _initial_counts(
    x0: Tensor, num_species: int, num_trajectories: int
) -> Float[Tensor, "species trajectories"]:
    """Return the counts as floating numbers, whole and exact up to 2^53, species first."""
    _check_count(num_trajectories)
    if x0.is_floating_point() or x0.is_complex() or x0.dtype == torch.bool:
        raise TypeError(f"x0 holds counts and must be of an integer dtype, got {x0.dtype}")
    if x0.shape not in ((num_species,), (num_trajectories, num_species)):
        raise ValueError(
            f"x0 must hold {num_species} counts, or {num_trajectories} rows of them, one for each "
            f"trajectory; got the shape {tuple(x0.shape)}"
        )
    if bool((x0 < 0).any()):
        raise ValueError(f"counts must be ≥ 0, got {x0.min().item()} in x0")
    return x0.to(_real(x0.device)).expand(num_trajectories, num_species).T.contiguous()


def _real(device: torch.device) -> torch.dtype:
    """Return the widest floating dtype of a device: Apple's has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def _check_count(num_trajectories: int) -> None:
    if num_trajectories < 1:
        raise ValueError(f"num_trajectories must be at least 1, got {num_trajectories}")
