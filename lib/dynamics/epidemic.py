r"""The exact likelihood of an epidemic that was counted now and then.

In the model of Kermack and McKendrick, made random, each pair of a susceptible and an infectious
person meets infection at one rate, and each infectious person is removed at another. Between two
counts nobody knows who infected whom or when, but how many infections and removals there were
follows from the counts. In these two numbers the process only ever goes up, so that the
probability of a pair of counts is that of crossing a small rectangle from corner to corner: what
leaves the rectangle cannot come back, and nothing is truncated.
"""

import torch
from jaxtyping import Float, Num
from torch import Tensor

__all__ = ["sir_log_likelihood"]


def sir_log_likelihood(
    infection_rate: Float[Tensor, ""],
    removal_rate: Float[Tensor, ""],
    times: Float[Tensor, " counts"],
    susceptible: Num[Tensor, " counts"],
    infectious: Num[Tensor, " counts"],
) -> Float[Tensor, ""]:
    r"""Compute the log-likelihood of counts of susceptible and infectious people.

    .. math::
        (S, I) \xrightarrow{\;\beta S I\;} (S - 1, I + 1), \qquad
        (S, I) \xrightarrow{\;\gamma I\;} (S, I - 1),

    in a closed population, given the first counts. For each pair of successive counts, a times b
    infections and removals apart, the master equation on the (a + 1) (b + 1) states between is
    solved by uniformisation. All numbers in it are ≥ 0, so that also small probabilities, far from
    the best rates, have a small relative error.

    Cost: O(jumps · a · b) operations for each pair, all pairs at once, where jumps is the largest
    exit rate times the time between counts, or a + b if that is more; memory the same when
    gradients are wanted. Differentiable twice in the rates.

    Args:
        infection_rate: β, per pair of people and time.
        removal_rate: γ, per person and time.
        times: of the counts, increasing.
        susceptible: S at these times, whole numbers.
        infectious: I at these times, whole numbers.

    Returns:
        The sum of logarithms, a scalar; −∞ for counts that cannot follow each other at all, such
        as infections where nobody was infectious, which add nothing to the gradient.

    Raises:
        ValueError: for fewer than two counts, times that do not increase, counts that are negative
            or no whole numbers, susceptible or all people becoming more, and rates that are
            negative or not finite.
        TypeError: for rates that are no floating tensors.

    Example:
        >>> times = torch.tensor([0.0, 1.0])
        >>> rates = torch.tensor(0.02), torch.tensor(3.0)
        >>> sir_log_likelihood(*rates, times, torch.tensor([0, 0]), torch.tensor([2, 2]))
        tensor(-6.)

    Two infectious people both stay so for a month: log of exp(-3 · 2). Source: Ho, Crawford and
    Suchard (2018), for the coordinates.
    """
    _check_counts(times, susceptible, infectious)
    _check_rates(infection_rate, removal_rate)
    s, i = (x.to(infection_rate.dtype) for x in (susceptible, infectious))
    infections, removals = (s[:-1] - s[1:]).long(), ((s + i)[:-1] - (s + i)[1:]).long()
    inside, pairs, people = _rectangles(s[:-1], i[:-1], infections, removals)
    infect, remove = infection_rate * pairs * inside, removal_rate * people * inside
    probability = _crossed(infect, remove, times.diff().to(s.dtype), (infections, removals))
    possible = probability > 0
    logs = torch.where(possible, probability, 1.0).log()
    return torch.where(possible, logs, -torch.inf).sum()


def _rectangles(
    susceptible: Tensor, infectious: Tensor, infections: Tensor, removals: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return which states lie between, and S · I and I in them; ``pairs infections removals``."""
    up = torch.arange(int(infections.max()) + 1, device=infections.device)[:, None]
    down = torch.arange(int(removals.max()) + 1, device=removals.device)
    inside = (up <= infections[:, None, None]) & (down <= removals[:, None, None])
    people = (infectious[:, None, None] + up - down).clamp(min=0)
    left = (susceptible[:, None, None] - up).clamp(min=0)
    return inside, left * people, people


def _crossed(
    infect: Tensor, remove: Tensor, gaps: Tensor, corners: tuple[Tensor, Tensor]
) -> Float[Tensor, " pairs"]:
    """Return the probabilities to be in the far corners after the gaps."""
    # Any fixed rate at least as large as the exit rates gives the same law, so it has no gradient.
    exits = (infect + remove).detach().amax((1, 2)).clamp(min=torch.finfo(infect.dtype).tiny)
    infect, remove = infect / exits[:, None, None], remove / exits[:, None, None]
    stay = 1 - infect - remove
    jumps = exits * gaps
    most = max(float(jumps.max()), float((corners[0] + corners[1]).max()))
    terms = int(most + 12 * most**0.5 + 40)
    order = torch.arange(terms, dtype=gaps.dtype, device=gaps.device)
    weights = torch.exp(
        torch.xlogy(order, jumps[:, None]) - torch.lgamma(order + 1) - jumps[:, None]
    )
    each = torch.arange(len(gaps), device=gaps.device)
    law = torch.zeros_like(infect)
    law[:, 0, 0] = 1
    total = weights[:, 0] * law[each, corners[0], corners[1]]
    for term in range(1, terms):
        up = torch.nn.functional.pad((law * infect)[:, :-1], (0, 0, 1, 0))
        down = torch.nn.functional.pad((law * remove)[:, :, :-1], (1, 0))
        law = law * stay + up + down
        total = total + weights[:, term] * law[each, corners[0], corners[1]]
    return total


def _check_counts(times: Tensor, susceptible: Tensor, infectious: Tensor) -> None:
    if not len(times) == len(susceptible) == len(infectious) > 1:
        raise ValueError(
            f"there must be two counts at least, each with a time, got {len(times)} times, "
            f"{len(susceptible)} and {len(infectious)} counts"
        )
    if not bool((times.diff() > 0).all() & times.isfinite().all()):
        raise ValueError("times must be finite and increase: sort the counts by time")
    for name, counts in (("susceptible", susceptible), ("infectious", infectious)):
        if not bool(((counts >= 0) & (counts == counts.round())).all()):
            raise ValueError(f"{name} must be counts, whole numbers ≥ 0, got {counts.tolist()}")
    for name, counts in (
        ("susceptible people", susceptible),
        ("susceptible and infectious people together", susceptible + infectious),
    ):
        if bool((counts.diff() > 0).any()):
            raise ValueError(
                f"{name} cannot become more in a closed population, got {counts.tolist()}"
            )


def _check_rates(infection_rate: Tensor, removal_rate: Tensor) -> None:
    for name, rate in (("infection_rate", infection_rate), ("removal_rate", removal_rate)):
        if not isinstance(rate, Tensor) or not rate.is_floating_point():
            raise TypeError(f"{name} must be a floating tensor, got {rate!r}")
        if not bool((rate >= 0) & rate.isfinite()):
            raise ValueError(f"{name} must be finite and ≥ 0, got {rate.item()}")
