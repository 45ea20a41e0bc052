"""Sums over all paths of a chain: in exponential space where that is safe, else in logarithms.

Exponential space is a matrix product a step, and fast. It is right only while no number that
matters leaves the range of the dtype, and :func:`certified_scaling` certifies that beforehand.
Logarithmic space is always right and differentiable any number of times.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lib.sequences._crf_inputs import Chain


def log_partition_of(chain: Chain) -> Tensor:
    """Compute log Z, ``batch``, by the fastest recursion that is certified for this chain."""
    wider = () if chain.nodes.device.type == "mps" else (torch.float64,)  # MPS has no float64
    for dtype in (chain.nodes.dtype, *wider):
        scaling = certified_scaling(chain, dtype)
        if scaling:
            nodes, transitions = chain.nodes.to(dtype), chain.transitions.to(dtype)
            value: Tensor = _LogPartition.apply(  # type: ignore[no-untyped-call]
                nodes, transitions, chain.mask, chain.last, scaling, chain.requires_grad()
            )
            return value.to(chain.nodes.dtype)
    return log_partition_in_logs(chain.nodes, [chain.transitions], chain.mask)


def score_of(chain: Chain, tags: Tensor) -> Tensor:
    """Score paths ``time batch``: node scores along them, and their transitions."""
    num_tags = len(chain.transitions)
    scores = chain.nodes.gather(2, tags[..., None]).squeeze(2)
    steps = (tags[:-1] * num_tags + tags[1:]).reshape(-1)
    pairs = chain.transitions.reshape(-1).index_select(0, steps).view_as(tags[1:])
    if chain.mask is not None:
        pairs = torch.where(chain.mask[1:], pairs, 0.0)
    return scores.sum(0) + pairs.sum(0)


def require_some_path(scores: Tensor) -> None:
    """Refuse chains whose best score, or log Z, is −inf: they have no path to speak of."""
    impossible = scores.detach() == -math.inf
    if bool(impossible.any()):
        rows = impossible.nonzero().flatten().tolist()
        raise ValueError(
            f"every path of sequence {rows[0]} is forbidden ({len(rows)} such in the batch): each "
            "one meets a score of −inf; allow more transitions, starts or ends, or look for −inf "
            "among the emissions"
        )


# ------------------------------------------------------------------------------ logarithmic space


def safe_logsumexp(scores: Tensor, dim: int) -> Tensor:
    """Compute logsumexp whose gradient is 0, not NaN, where all scores are −inf."""
    top = scores.detach().amax(dim, keepdim=True)
    top = torch.where(top == -math.inf, 0.0, top)
    total = (scores - top).exp().sum(dim)
    nothing = total == 0
    return torch.where(nothing, 1.0, total).log().masked_fill(nothing, -math.inf) + top.squeeze(dim)


def log_messages(
    nodes: Tensor, edges: Sequence[Tensor], mask: Tensor | None
) -> tuple[list[Tensor], Tensor]:
    """Run the forward recursion; return shifted log α by steps, and summed shifts.

    Args:
        nodes: node scores, ``time batch tags``.
        edges: transitions of each step, broadcastable to ``batch tags tags``; or one for all.
        mask: ``time batch``; after its last token a sequence keeps its message.

    Each message is shifted to a maximum of 0: at T = 1024 numbers in the thousands would otherwise
    cost float32 three of its seven digits. The shifts are constants to autograd.
    """
    messages: list[Tensor] = []
    shifts: list[Tensor] = []
    for t, node in enumerate(nodes.unbind(0)):
        if t == 0:
            message = node
        else:
            edge = edges[t - 1] if len(edges) > 1 else edges[0]
            message = safe_logsumexp(messages[-1][:, :, None] + edge, 1) + node
        shift = message.detach().amax(-1)
        shift = torch.where(shift == -math.inf, 0.0, shift)
        message = message - shift[:, None]
        if mask is not None and t > 0:
            message = torch.where(mask[t, :, None], message, messages[-1])
            shift = torch.where(mask[t], shift, 0.0)
        messages.append(message)
        shifts.append(shift)
    return messages, torch.stack(shifts).sum(0)


def log_partition_in_logs(nodes: Tensor, edges: Sequence[Tensor], mask: Tensor | None) -> Tensor:
    """Compute log Z, ``batch``, in logarithms: any scores, any number of derivatives."""
    messages, shift = log_messages(nodes, edges, mask)
    return safe_logsumexp(messages[-1], -1) + shift


# ------------------------------------------------------------------------------ exponential space


class Scaling(NamedTuple):
    """How exponential space keeps within the range of a dtype."""

    interval: int  # steps between two scalings
    centre: float  # subtracted from the transitions, so that messages grow as much as they shrink


def certified_scaling(chain: Chain, dtype: torch.dtype) -> Scaling | None:
    """Return a scaling with which exponential space is exact to rounding in ``dtype``, if any.

    Let P = exp(transitions) and ρ their range. Where P has no zero, all entries of αP lie within a
    factor e^ρ of each other, *whatever* the emissions: what underflows is negligible for good.
    Where some transitions are forbidden, but m steps lead from every tag to every tag, the factor
    is at most e^D with D = m (ρ + ε + log K), ε the range of the emissions. Against the largest
    transition and emission, the largest entry shrinks by no more than e^s in one step, s = ρ or
    ρ + ε, and grows by no more than K. So products of a forward and a backward message, both r
    steps after a scaling, stay in range if 2 D + r (s + log K) ≤ log(eps / tiny).
    """
    num_tags = len(chain.transitions)
    low, high = (float(bound) for bound in chain.transitions.detach().aminmax())
    if not math.isfinite(high):  # NaN, +inf, or nothing allowed
        return None
    spread = shrinkage = high - low
    if low == -math.inf:
        steps = _steps_to_connect(chain.transitions.detach() > -math.inf)
        shrinkage = _finite_range(chain.transitions) + _emission_range(chain)
        spread = steps * (shrinkage + math.log(num_tags)) if steps else math.inf
    limits = torch.finfo(dtype)
    budget = math.log(limits.eps / limits.tiny) - 2 * spread
    per_step = max(shrinkage + math.log(num_tags), 1.0)
    if not budget >= per_step:  # NaN included
        return None
    return Scaling(int(budget / per_step), high - (shrinkage - math.log(num_tags)) / 2)


def _steps_to_connect(allowed: Tensor, most: int = 4) -> int:
    """Return how few steps lead from every tag to every tag; 0 if more than ``most``."""
    reach = edges = allowed.float()
    for steps in range(1, most + 1):
        if bool((reach > 0).all()):
            return steps
        reach = ((reach @ edges) > 0).float()
    return 0


def _emission_range(chain: Chain) -> float:
    emissions = chain.emissions.detach()
    if not len(emissions):
        return 0.0
    spread = float((emissions.amax(-1) - emissions.amin(-1)).max())
    return spread + sum(_finite_range(x) for x in (chain.start, chain.end) if x is not None)


def _finite_range(scores: Tensor) -> float:
    finite = scores.detach()[scores.detach() > -math.inf]
    return float(finite.max() - finite.min()) if finite.numel() else math.inf


class _Messages(NamedTuple):
    """What the recursion in exponential space leaves; direction 0 is forward, 1 backward."""

    incoming: Tensor  # time directions batch tags: before the step's own emission
    outgoing: Tensor  # time directions batch tags: with it, scaled
    log_scale: Tensor  # batch: logarithm of all that was divided away


def _exp_messages(
    nodes: Tensor, P: Tensor, last: Tensor, interval: int, mirror: Tensor | None
) -> _Messages:
    """Run α forward and, given the mirrored tokens, β at the same time: one product a step."""
    time, _, num_tags = nodes.shape
    limits = torch.finfo(nodes.dtype)
    peak = nodes.amax(-1, keepdim=True).clamp_min_(limits.min)
    weights = (nodes - peak).exp_()
    if mirror is None:
        outgoing, steps = weights[:, None], P[None]
    else:
        mirrored = weights.view(-1, num_tags).index_select(0, mirror)
        outgoing = torch.stack([weights, mirrored.view_as(weights)], 1)
        steps = torch.stack([P, P.t()])
    incoming = torch.ones_like(outgoing)
    scales = torch.ones_like(outgoing[..., :1])
    before, *rest = outgoing.unbind(0)  # the emissions' weights, turned into messages in place
    for t, (into, out) in enumerate(zip(incoming.unbind(0)[1:], rest, strict=True), start=1):
        out.mul_(torch.bmm(before, steps, out=into))
        if t % interval == 0:
            out.div_(torch.amax(out, -1, keepdim=True, out=scales[t]).clamp_min_(limits.tiny))
        before = out
    logs = scales[:, 0].log_().add_(peak).squeeze(-1)
    times = torch.arange(time, device=nodes.device)[:, None]
    return _Messages(incoming, outgoing, torch.where(times <= last, logs, 0.0).sum(0))


class _LogPartition(torch.autograd.Function):
    """log Z in exponential space; its gradient, the marginals, is computed along with it."""

    @staticmethod
    def forward(
        ctx: Any,
        nodes: Tensor,
        transitions: Tensor,
        mask: Tensor | None,
        last: Tensor,
        scaling: Scaling,
        with_gradient: bool,
    ) -> Tensor:
        time, batch, _ = nodes.shape
        P = (transitions - scaling.centre).exp_()
        columns = torch.arange(batch, device=nodes.device)
        mirror = None
        if with_gradient:  # row of token n − 1 − t of each sequence; the padding reads token 0
            times = torch.arange(time, device=nodes.device)[:, None]
            mirrored_times = (last - times).clamp_min_(0)
            mirror = (mirrored_times * batch + columns).view(-1)
        with torch.autocast(nodes.device.type, enabled=False):
            messages = _exp_messages(nodes, P, last, scaling.interval, mirror)
        final = messages.outgoing[last, 0, columns].sum(-1).log_()
        if mirror is not None:
            back = ((2 * mirrored_times + 1) * batch + columns).view(-1)
            marginals, weights = _posterior(messages, back, mask)
            before = messages.outgoing[:-1, 0]
            ctx.save_for_backward(nodes, transitions, marginals, before, weights, P)
            ctx.mask = mask
        return final + messages.log_scale + last.to(nodes.dtype) * scaling.centre

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        nodes, transitions, marginals, before, weights, P = ctx.saved_tensors
        nothing = (None,) * 4
        if torch.is_grad_enabled():  # create_graph=True: the closed form below has no tape
            inputs = [
                x
                for x, needed in zip((nodes, transitions), ctx.needs_input_grad[:2], strict=True)
                if needed
            ]
            value = log_partition_in_logs(nodes, [transitions], ctx.mask)
            found = iter(
                torch.autograd.grad(value, inputs, grad, create_graph=True, allow_unused=True)
            )
            return *(next(found) if n else None for n in ctx.needs_input_grad[:2]), *nothing
        grad_nodes = marginals * grad[:, None] if ctx.needs_input_grad[0] else None
        grad_transitions = None
        if ctx.needs_input_grad[1]:
            with torch.autocast(nodes.device.type, enabled=False):
                weighted = (weights[1:] * grad[:, None]).flatten(0, 1)
                grad_transitions = (before.flatten(0, 1).t() @ weighted).mul_(P)
        return grad_nodes, grad_transitions, *nothing


def _posterior(messages: _Messages, back: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the marginals and the backward messages scaled to sum to one against the forward."""
    forward = messages.incoming[:, 0]
    backward = messages.outgoing.view(-1, forward.shape[-1]).index_select(0, back)
    backward = backward.view_as(forward)
    if mask is not None:
        backward.mul_(mask[..., None])
    marginals = forward * backward
    total = marginals.sum(-1, keepdim=True).clamp_min_(torch.finfo(forward.dtype).tiny)
    return marginals.div_(total), backward.div_(total)
