"""Inputs of the linear-chain CRF: checked once, and brought into one form for all functions."""

from typing import NamedTuple

import torch
from torch import Tensor

PADDING = -100
"""What stands in ``tags`` and in decoded paths where there is no token."""


class Chain(NamedTuple):
    """A checked batch of chains, in the dtype of the computation.

    ``nodes`` is time-first, is zero in the padding, and has ``start`` and ``end`` added to the
    first and last real token, so that every recursion sees node scores and transitions only.
    """

    emissions: Tensor  # batch time tags, zero in the padding
    nodes: Tensor  # time batch tags
    transitions: Tensor  # tags tags
    start: Tensor | None  # tags
    end: Tensor | None  # tags
    mask: Tensor | None  # time batch; None when every token is real
    last: Tensor  # batch: the index of the last real token
    dtype: torch.dtype  # of the caller

    def requires_grad(self) -> bool:
        """Say whether autograd will ask for a gradient of what is computed from this chain."""
        inputs_need_it = self.nodes.requires_grad or self.transitions.requires_grad
        return torch.is_grad_enabled() and inputs_need_it

    def pad(self, paths: Tensor) -> Tensor:
        """Turn tags ``time batch ...`` into ``batch ... time`` with −100 in the padding."""
        if self.mask is not None:
            padding = ~self.mask.reshape(self.mask.shape + (1,) * (paths.dim() - 2))
            paths = paths.masked_fill(padding, PADDING)
        return paths.movedim(0, -1).contiguous()


def prepare(
    emissions: Tensor,
    transitions: Tensor,
    mask: Tensor | None,
    start: Tensor | None,
    end: Tensor | None,
) -> Chain:
    """Check the inputs and gather them into a :class:`Chain`; half precision becomes float32."""
    check_tensors(emissions=emissions, transitions=transitions, mask=mask, start=start, end=end)
    _check_scores(emissions, transitions, start, end)
    batch, time, _ = emissions.shape
    last = torch.full((batch,), time - 1, device=emissions.device)
    if mask is not None:
        lengths = _check_mask(mask, emissions)
        last = lengths - 1
        mask = None if bool(mask.all()) else mask
    dtype = emissions.dtype
    wide = torch.promote_types(dtype, torch.float32)
    emissions, transitions = emissions.to(wide), transitions.to(wide)
    start = None if start is None else start.to(wide)
    end = None if end is None else end.to(wide)
    if mask is not None:  # `where`, for a product would let NaN through
        emissions = torch.where(mask[..., None], emissions, 0.0)
        mask = mask.t().contiguous()
    nodes = _fold_ends(emissions, start, end, last, ragged=mask is not None)
    return Chain(emissions, nodes, transitions, start, end, mask, last, dtype)


def prepare_tags(tags: Tensor, chain: Chain) -> Tensor:
    """Check the tags and return them time-first as int64, with tag 0 in the padding."""
    check_tensors(tags=tags)
    time, batch, num_tags = chain.nodes.shape
    if tags.dtype not in _INTEGERS:
        raise TypeError(f"tags must be integers, got {tags.dtype}; convert them with tags.long()")
    if tags.shape != (batch, time):
        raise ValueError(
            f"tags must have the shape (batch, time) = {(batch, time)} of the emissions, "
            f"got {tuple(tags.shape)}"
        )
    _check_device("tags", tags, chain.nodes)
    tags = tags.long().t()
    if chain.mask is not None:
        tags = tags.masked_fill(~chain.mask, 0)
    if tags.numel():
        lowest, highest = tags.aminmax()
        if lowest < 0 or highest >= num_tags:
            _raise_tag_out_of_range(tags, num_tags)
    return tags


def check_tensors(**inputs: Tensor | None) -> None:
    """Refuse arrays and lists: what dtype and device they should get is the caller's choice."""
    for name, value in inputs.items():
        if value is not None and not isinstance(value, Tensor):
            kind = f"{type(value).__module__}.{type(value).__qualname__}"
            raise TypeError(
                f"{name} must be a tensor, got {kind.removeprefix('builtins.')}; convert with "
                f"torch.as_tensor({name})"
            )


_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8)


def _check_scores(
    emissions: Tensor, transitions: Tensor, start: Tensor | None, end: Tensor | None
) -> None:
    if emissions.dim() != 3:
        raise ValueError(
            f"emissions must have the shape (batch, time, tags), got {tuple(emissions.shape)}; "
            "a single sequence becomes a batch of one with emissions[None]"
        )
    num_tags = emissions.shape[2]
    if emissions.shape[1] == 0 or num_tags == 0:
        raise ValueError(
            f"a sequence has at least one token and one tag, got emissions of the shape "
            f"{tuple(emissions.shape)}; leave empty sequences out of the batch"
        )
    if not emissions.is_floating_point():
        raise TypeError(f"emissions must be floating, got {emissions.dtype}; use emissions.float()")
    for name, scores, shape in (
        ("transitions", transitions, (num_tags, num_tags)),
        ("start", start, (num_tags,)),
        ("end", end, (num_tags,)),
    ):
        if scores is None:
            continue
        if scores.shape != shape:
            raise ValueError(
                f"{name} must have the shape {shape} for emissions with {num_tags} tags, "
                f"got {tuple(scores.shape)}"
            )
        if scores.dtype != emissions.dtype:
            raise TypeError(
                f"emissions are {emissions.dtype} and {name} {scores.dtype}; give both the same "
                f"dtype, for instance with {name}.to(emissions.dtype)"
            )
        _check_device(name, scores, emissions)


def _check_device(name: str, tensor: Tensor, emissions: Tensor) -> None:
    if tensor.device != emissions.device:
        raise ValueError(
            f"emissions are on {emissions.device} and {name} on {tensor.device}; "
            f"move them together with {name}.to(emissions.device)"
        )


def _check_mask(mask: Tensor, emissions: Tensor) -> Tensor:
    """Check that each row is True, ..., True, False, ..., False and return the lengths."""
    if mask.dtype != torch.bool:
        raise TypeError(f"mask must be boolean, got {mask.dtype}; convert it with mask.bool()")
    if mask.shape != emissions.shape[:2]:
        raise ValueError(
            f"mask must have the shape (batch, time) = {tuple(emissions.shape[:2])} of the "
            f"emissions, got {tuple(mask.shape)}"
        )
    _check_device("mask", mask, emissions)
    lengths = mask.sum(1)
    if not bool((mask[:, :-1] >= mask[:, 1:]).all()):
        row = int((mask[:, :-1] < mask[:, 1:]).any(1).nonzero()[0])
        raise ValueError(
            f"the mask of sequence {row} is True after a False; real tokens must stand first, "
            "without holes: move the padding to the end of each sequence"
        )
    if not bool(mask[:, 0].all()):
        row = int((~mask[:, 0]).nonzero()[0])
        raise ValueError(
            f"sequence {row} is empty: its mask is False everywhere; leave it out of the batch"
        )
    return lengths


def _fold_ends(
    emissions: Tensor, start: Tensor | None, end: Tensor | None, last: Tensor, ragged: bool
) -> Tensor:
    """Return time-first node scores: emissions with ``start`` and ``end`` added where they act."""
    nodes = emissions.transpose(0, 1).clone(memory_format=torch.contiguous_format)
    if start is not None:
        nodes[0] += start
    if end is not None and ragged:
        nodes[last, torch.arange(len(last), device=nodes.device)] += end
    elif end is not None:
        nodes[-1] += end
    return nodes


def _raise_tag_out_of_range(tags: Tensor, num_tags: int) -> None:
    time, row = ((tags < 0) | (tags >= num_tags)).nonzero()[0].tolist()
    tag = int(tags[time, row])
    hint = (
        "give a mask that is False there: −100 is padding"
        if tag == PADDING
        else "check the tag vocabulary"
    )
    raise ValueError(f"tags[{row}, {time}] is {tag}, but tags run from 0 to {num_tags - 1}; {hint}")
