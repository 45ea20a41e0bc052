r"""Learning the rates of a Markov process from a panel: states seen now and then.

Patients are examined when they come, and between two visits anything may have happened: what a
pair of visits says is the probability of going from the one state to the other in the time
between, an entry of the exponential of the generator. Some states are seen differently: the day
of a death is known, and nobody is examined on the day before. :func:`panel_transitions` makes
pairs out of a table of visits, :func:`panel_log_likelihood` says how likely rates make them, and
its gradient and Hessian give rates and their standard errors.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from lib.dynamics._transition import transition_matrix

__all__ = ["UNKNOWN", "PanelTransitions", "panel_log_likelihood", "panel_transitions"]

#: A destination of which is known only that it is none of the states with exact times.
UNKNOWN = -1

_SAME = 1e-12  # of the longest gap: differences of dates that should be equal differ by rounding


class PanelTransitions(NamedTuple):
    """Pairs of successive visits of one subject: how long between, from where, to where."""

    gaps: Float[Tensor, " transitions"]
    origins: Int[Tensor, " transitions"]
    destinations: Int[Tensor, " transitions"]

    def counts(self, num_states: int) -> Int[Tensor, "states states"]:
        """Return how many pairs there are, ``[origin, destination]``; of known destinations."""
        known = self.destinations != UNKNOWN
        index = self.origins[known] * num_states + self.destinations[known]
        return torch.bincount(index, minlength=num_states**2).reshape(num_states, num_states)


def panel_transitions(
    subjects: Num[Tensor, " visits"],
    times: Float[Tensor, " visits"],
    states: Int[Tensor, " visits"],
) -> PanelTransitions:
    """Make pairs of successive visits out of a table with one visit a row.

    Rows of a subject stand together, in the order of time; a subject seen once gives no pair.

    Args:
        subjects: who was seen.
        times: when, in any unit; rates will be in its inverse.
        states: in which state, counted from 0; UNKNOWN at the end of a subject's follow-up for
            one that had not come to a state with an exact time.

    Raises:
        ValueError: for a subject whose rows do not stand together or go back in time, an unknown
            state before a subject's last visit, and columns of different lengths.

    Example:
        >>> subjects = torch.tensor([1, 1, 1, 2])
        >>> years = torch.tensor([0.0, 1.0, 2.5, 0.0])
        >>> panel_transitions(subjects, years, torch.tensor([0, 0, 2, 1]))
        PanelTransitions(gaps=tensor([1.0000, 1.5000]), origins=tensor([0, 0]),
                         destinations=tensor([0, 2]))
    """
    if not len(subjects) == len(times) == len(states):
        raise ValueError(
            f"a visit is a subject, a time and a state, got {len(subjects)} subjects, "
            f"{len(times)} times and {len(states)} states"
        )
    same = subjects[1:] == subjects[:-1]
    if int((~same).sum()) + 1 != len(torch.unique(subjects)):
        raise ValueError(
            "the rows of a subject must stand together: sort the table by subject and time"
        )
    gaps, origins, destinations = times.diff()[same], states[:-1][same], states[1:][same]
    if bool((gaps < 0).any()):
        raise ValueError("the rows of a subject must be in the order of time: sort the table")
    if bool((origins == UNKNOWN).any()):
        raise ValueError(
            "a state may be unknown only at a subject's last visit; leave the other such rows "
            "out: that the subject lived then, later rows say too"
        )
    return PanelTransitions(gaps, origins, destinations)


def panel_log_likelihood(
    generator: Float[Tensor, "states states"],
    gaps: Float[Tensor, " transitions"],
    origins: Int[Tensor, " transitions"],
    destinations: Int[Tensor, " transitions"],
    exact_states: Sequence[int] = (),
) -> Float[Tensor, ""]:
    r"""Compute the log-likelihood of pairs of visits under a generator.

    .. math::
        \log L(Q) = \sum_k \log \ell_k, \qquad
        \ell_k = \begin{cases}
            [e^{Q \Delta_k}]_{x_k y_k} & \text{from y to x, seen a time Δ apart} \\
            \sum_{z \ne x_k} Q_{x_k z} [e^{Q \Delta_k}]_{z y_k}
                & \text{x entered exactly then} \\
            \sum_{z \notin E} [e^{Q \Delta_k}]_{z y_k} & \text{x unknown, but not in E,}
        \end{cases}

    for the states E with exact times. The second is a density per time: one is somewhere until
    then, and jumps. Visits must not depend on what happens between them (a visit because of
    symptoms does).

    This is the likelihood of ``msm(state ~ time, subject, qmatrix, deathexact)`` in R, with two
    differences of convention: states count from 0, and the generator is the transposed one, its
    columns add up to 0.

    Cost: one exponential a *different* gap, O(states³) each; gaps that agree to 1e-12 of
    the longest count as equal. Differentiable twice in the generator, and small probabilities
    have a small relative error, so that Newton's method and standard errors from the Hessian come
    out right.

    Args:
        generator: Q, entry [x, y] the rate from y to x.
        gaps: times between the visits of a pair, ≥ 0.
        origins: y, the states at the first visits.
        destinations: x, the states at the second; UNKNOWN for any state not in ``exact_states``.
        exact_states: states whose time of entry is the second visit's time, such as death.

    Returns:
        The sum of logarithms, a scalar; −∞ if a pair is impossible, which then adds nothing to
        the gradient.

    Raises:
        ValueError: for a matrix that is no generator, negative gaps, states that there are not,
            columns of different lengths, gaps that want a gradient.

    Example:
        >>> from lib.dynamics.master_equation import generator
        >>> rates = torch.tensor([[0.0, 0.0], [0.5, 0.0]])  # state 1 is death
        >>> gaps, alive = torch.tensor([1.0, 3.0]), torch.tensor([0, 0])
        >>> panel_log_likelihood(generator(rates), gaps, alive, torch.tensor([0, 1]), [1])
        tensor(-2.6931)

    Here -2.6931 is log(0.5) - 0.5 (1 + 3). Implements :eq:`master-score` by its gradient. Source:
    Kalbfleisch and Lawless (1985); Jackson (2011), section 1.
    """
    _check_pairs(generator, gaps, origins, destinations, exact_states)
    different, which = _grouped(gaps.to(generator.dtype))
    laws = transition_matrix(generator, different)[which, :, origins]  # pairs states
    exact = torch.zeros(len(generator), dtype=torch.bool, device=generator.device)
    exact[list(exact_states)] = True
    unknown = destinations == UNKNOWN
    ends = destinations.masked_fill(unknown, 0)
    seen = laws.gather(1, ends[:, None])[:, 0]
    jumps = generator - torch.diag_embed(generator.diagonal())
    entered = (laws * jumps[ends]).sum(1)
    likely = torch.where(exact[ends], entered, seen)
    likely = torch.where(unknown, (laws * ~exact).sum(1), likely)
    possible = likely > 0
    safe = torch.where(possible, likely, 1.0).log()
    return torch.where(possible, safe, -torch.inf).sum()


def _grouped(gaps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the different gaps, and which of them each gap is."""
    step = max(_SAME, torch.finfo(gaps.dtype).eps) * gaps.max()
    _, which = torch.unique(
        (gaps / step.clamp(min=torch.finfo(gaps.dtype).tiny)).round(), return_inverse=True
    )
    different = gaps.new_zeros(int(which.max()) + 1)
    different[which] = gaps  # any of those that are equal
    return different, which


def _check_pairs(
    generator: Tensor,
    gaps: Tensor,
    origins: Tensor,
    destinations: Tensor,
    exact_states: Sequence[int],
) -> None:
    if not len(gaps) == len(origins) == len(destinations) > 0:
        raise ValueError(
            f"each pair of visits has a gap, an origin and a destination, and there must be one; "
            f"got {len(gaps)}, {len(origins)} and {len(destinations)}"
        )
    if gaps.requires_grad:
        raise ValueError("gaps are data: no gradient to them is computed; use gaps.detach()")
    if not bool(((gaps >= 0) & gaps.isfinite()).all()):
        raise ValueError(f"gaps must be finite and ≥ 0, got {gaps[~(gaps >= 0)][:1].tolist()}")
    states = generator.shape[-1]
    for name, values, least in (("origins", origins, 0), ("destinations", destinations, UNKNOWN)):
        if not bool(((values >= least) & (values < states)).all()):
            raise ValueError(
                f"{name} must be states of 0 to {states - 1}, got "
                f"{int(values.min())} to {int(values.max())}; R counts from 1"
            )
    if not all(0 <= state < states for state in exact_states):
        raise ValueError(
            f"exact_states must be states of 0 to {states - 1}, got {list(exact_states)}"
        )
