"""Laws moved in time; public through :mod:`lib.dynamics.master_equation`."""

import itertools
import math
from typing import NamedTuple, get_args

import torch
from jaxtyping import Float, Num
from torch import Tensor

from lib.dynamics._generators import check_generator
from lib.dynamics._lattice import LatticeOperator
from lib.dynamics._operators import DenseOperator, Operator, SparseOperator
from lib.dynamics._stepping import Method, Stepper
from lib.dynamics._transition import check_times, transition_matrix
from lib.dynamics.reaction_network import ReactionNetwork

_NEARLY = 1e-4  # how far from 1 a law may sum: float16 data, finite differences
_SMALL = 32  # states up to which a matrix exponential is always the cheapest


class Evolution(NamedTuple):
    """What :func:`evolve` returns.

    Attributes:
        probabilities: the law at each time: a time's dimension first if several were given, then
            the shape of p0.
        leak: the probability that has left the box of counts (or a generator whose columns add up
            to less than 0) by then, ``times batch``. The law on the box differs from that of
            unlimited counts by at most this much in total, so that a small leak proves the box
            large enough.
        products: how many products with a vector it took; 0 through a matrix exponential.
    """

    probabilities: Float[Tensor, "..."]
    leak: Float[Tensor, "..."]
    products: int


def evolve(
    process: Float[Tensor, "*batch states states"] | ReactionNetwork,
    p0: Float[Tensor, "*batch_and_states"],
    t: float | int | Num[Tensor, "*times"],
    *,
    method: Method = "auto",
) -> Evolution:
    r"""Move a law in time by the master equation, :math:`p(t) = e^{Qt} p_0`.

    With the largest exit rate q and :math:`P = I + Q/q`, two expansions need only products of P
    with a vector, and the faster one is chosen as it goes along:

    .. math::
        e^{qt(P - I)} = \sum_k e^{-qt} \tfrac{(qt)^k}{k!} P^k
        = e^{-qt} I_0(qt) + 2 \sum_{k \ge 1} e^{-qt} I_k(qt)\, T_k(P).

    The powers (*uniformisation*) are sums of what is ≥ 0, in about qt products. Chebyshev's
    polynomials take about :math:`8.5\sqrt{qt}`, but cancel badly for a start in a rare state;
    their size is watched, and time is cut into pieces that keep it small. A small or stiff dense
    generator is exponentiated, see :func:`transition_matrix`.

    Cost: products of O(states²) for a dense generator, O(jumps) for a sparse one, O(states ·
    reactions) for a network, whose lattice of counts needs no matrix and no more memory than its
    propensities: a million states are no trouble. The gradient takes three to four times as long
    as the value and keeps three vectors for each piece of time; it is a first derivative (for
    second ones :func:`transition_matrix`), right for changes that leave Q a generator.

    Stability: in float64 the sum of all errors is below 1e-10 up to a million jumps (qt), in
    float32 about 1e-4; it grows as rounding does, with qt. The error of a small probability is
    small in absolute terms alone (below zero it is set to 0); for a small relative one see
    :func:`transition_matrix`.

    Args:
        process: a generator, dense (with a batch, if wanted) or sparse; or a reaction network.
        p0: the law at time 0, ``batch states``; for a network ``batch counts counts …``, a
            dimension for each species, with the counts from 0 on.
        t: a time ≥ 0, or several in one dimension, in any order.
        method: the expansion, instead of the one chosen. ``"matrix"`` is for dense generators.

    Returns:
        See :class:`Evolution`; probabilities have dtype and device of p0.

    Raises:
        ValueError: for p0 that is no law or does not fit, times that are negative, infinite or of
            several dimensions, a generator with negative rates or columns that gain, a method
            that is unknown or does not fit, and propensities as
            :meth:`~lib.dynamics.reaction_network.ReactionNetwork.propensities`.
        TypeError: for inputs of another dtype, or a time that requires a gradient (it is
            :math:`Qp`).

    Example:
        >>> import torch
        >>> from lib.dynamics.reaction_network import Reaction, ReactionNetwork
        >>> queue = ReactionNetwork(["n"], [Reaction("0 -> n", 2.0), Reaction("n -> 0", 1.0)])
        >>> nobody = torch.zeros(40, dtype=torch.float64)
        >>> nobody[0] = 1.0
        >>> law = evolve(queue, nobody, torch.tensor([0.0, 1.0, 50.0]))
        >>> law.probabilities @ torch.arange(40.0, dtype=torch.float64)  # 2 (1 - exp(-t))
        tensor([0.0000, 1.2642, 2.0000], dtype=torch.float64)
        >>> bool(law.leak[-1] < 1e-10)
        True

    Implements :eq:`master-gain-loss` and :eq:`master-uniformization`. Source: Tal-Ezer and Kosloff
    (1984) for the polynomials, Jensen (1953) for uniformisation, Munsky and Khammash (2006) for
    the leak.
    """
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if method == "matrix" and not (isinstance(process, Tensor) and process.layout == torch.strided):
        raise ValueError('method="matrix" is for a dense generator; leave the choice to "auto"')
    _check_law(process, p0)
    times = _checked_times(t, p0)
    state_dims = len(process.species) if isinstance(process, ReactionNetwork) else 1
    if isinstance(process, Tensor):
        check_generator(process, leaks=True)
        if process.layout == torch.strided:  # a batch of either is a batch of both
            batch = torch.broadcast_shapes(  # type: ignore[no-untyped-call]
                process.shape[:-2], p0.shape[:-1]
            )
            p0 = p0.expand(*batch, -1)
    laws, products = _laws_at(process, p0, times.flatten().tolist(), method)
    probabilities = _without_negatives(torch.stack(laws))
    dims = tuple(range(-state_dims, 0))
    leak = (p0.sum(dims) - probabilities.sum(dims)).clamp(min=0)
    if times.dim() == 0:
        probabilities, leak = probabilities[0], leak[0]
    return Evolution(probabilities, leak, products)


def _laws_at(
    process: Tensor | ReactionNetwork, p0: Tensor, times: list[float], method: Method
) -> tuple[list[Tensor], int]:
    """Go from each time to the next later one; return the laws in the order asked for."""
    order = sorted(range(len(times)), key=times.__getitem__)
    spans = [b - a for a, b in itertools.pairwise([0.0, *(times[i] for i in order)])]
    laws = [p0] * len(times)
    if isinstance(process, Tensor) and _is_cheaper_as_matrix(process, max(spans), method):
        matrices = {span: transition_matrix(process, span) for span in set(spans)}
        for i, span in zip(order, spans, strict=True):
            p0 = (matrices[span] @ p0[..., None])[..., 0]
            laws[i] = p0
        return laws, 0
    operator = _operator(process, p0)
    stepper = Stepper(operator, method)
    vector = operator.enter(p0)
    for i, span in zip(order, spans, strict=True):
        vector = stepper.advance(vector, span)
        laws[i] = operator.leave(vector, p0.shape)
    return laws, stepper.products


def _is_cheaper_as_matrix(process: Tensor, longest: float, method: Method) -> bool:
    """Tell whether products of matrices are to be preferred to products with a vector."""
    if method != "auto" or process.layout != torch.strided:
        return method == "matrix"
    operator = DenseOperator(process.detach())
    states = process.shape[-1]
    products = 8 * math.sqrt(operator.exit_rate * longest)
    return operator.closed and (states <= _SMALL or products > 5 * states)


def _operator(process: Tensor | ReactionNetwork, p0: Tensor) -> Operator:
    if isinstance(process, ReactionNetwork):
        return LatticeOperator(process, p0)
    if process.layout != torch.strided:
        return SparseOperator(process)
    if process.dim() > 2:
        process = process.expand(*p0.shape[:-1], *process.shape[-2:])
    return DenseOperator(process)


def _without_negatives(laws: Tensor) -> Tensor:
    """Set to 0 what rounding left below it, and let the gradient pass."""
    return laws + (laws.clamp(min=0) - laws).detach()


def _checked_times(t: float | int | Tensor, p0: Tensor) -> Tensor:
    if isinstance(t, Tensor) and t.requires_grad:
        raise TypeError(
            "evolve has no gradient in t: it is generator @ probabilities; detach the times"
        )
    exact = check_times(t, p0.new_zeros((), dtype=torch.float64, device="cpu"))
    if exact.dim() > 1 or not exact.numel():
        raise ValueError(
            f"t must be one time or a row of at least one, got the shape {tuple(exact.shape)}"
        )
    return exact


def _check_law(process: Tensor | ReactionNetwork, p0: Tensor) -> None:
    """Check that p0 is a law on the states of the process, of its dtype and device."""
    if not isinstance(process, Tensor | ReactionNetwork):
        raise TypeError(
            f"evolve takes a generator or a ReactionNetwork, got {type(process).__name__}"
        )
    if not isinstance(p0, Tensor) or not p0.is_floating_point():
        kind = p0.dtype if isinstance(p0, Tensor) else type(p0).__name__
        raise TypeError(f"p0 must be a floating tensor, got {kind}")
    if isinstance(process, Tensor):
        if (process.dtype, process.device) != (p0.dtype, p0.device):
            raise TypeError(
                f"the generator is {process.dtype} on {process.device} and p0 {p0.dtype} on "
                f"{p0.device}; give both the same"
            )
        wanted = f"(..., {process.shape[-1]}), the states of the generator"
        fits = p0.dim() >= 1 and p0.shape[-1] == process.shape[-1]
        dims: tuple[int, ...] = (-1,)
    else:
        wanted = f"(..., counts of {', counts of '.join(process.species)})"
        fits = p0.dim() >= len(process.species) and 0 not in p0.shape
        dims = tuple(range(-len(process.species), 0))
    if not fits:
        raise ValueError(f"p0 must have the shape {wanted}, got {tuple(p0.shape)}")
    given = p0.detach()
    if not bool(((given >= 0).all()) & ((given.sum(dims) - 1).abs() <= _NEARLY).all()):
        raise ValueError(
            "p0 must be a law, with probabilities ≥ 0 that add up to 1; divide it by its sum"
        )
