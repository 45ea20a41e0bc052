"""Batches of tensors in an order that a generator decides."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

# Batches of similar length are made within pools of this many batches: large enough that lengths
# in a batch are close, small enough that an epoch still mixes the data.
_POOL = 50


@dataclass(frozen=True, eq=False, repr=False)
class Batches:
    """Tensors cut into batches along their first dimension; made by :func:`batches`.

    Iterating goes once through the data, in a new order each time if they are shuffled.
    ``len`` is the number of batches in an epoch.
    """

    tensors: tuple[Tensor, ...]
    batch_size: int
    generator: torch.Generator | None
    lengths: Int[Tensor, "items"] | None
    drop_last: bool

    @property
    def num_items(self) -> int:
        """How many items the data have."""
        return self.tensors[0].shape[0]

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(self.num_items, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        """Go once through the data."""
        for indices in self.epoch():
            yield self.take(indices)

    def epoch(self) -> list[Int[Tensor, "batch"]]:
        """The items of each batch of the next epoch. Draws from the generator when shuffled."""
        if self.generator is None:
            order = torch.arange(self.num_items)
            if self.lengths is not None:
                order = torch.argsort(self.lengths, stable=True)
            return _cut(order, self.batch_size)[: len(self)]
        order = torch.randperm(self.num_items, generator=self.generator)
        if self.lengths is None:
            return _cut(order, self.batch_size)[: len(self)]
        pools = _cut(order, _POOL * self.batch_size)
        alike = torch.cat([pool[torch.argsort(self.lengths[pool], stable=True)] for pool in pools])
        cut = _cut(alike, self.batch_size)[: len(self)]
        return [cut[i] for i in torch.randperm(len(cut), generator=self.generator).tolist()]

    def take(self, indices: Int[Tensor, "batch"]) -> tuple[Tensor, ...]:
        """The batch of these items; with ``lengths``, cut to the longest of them."""
        batch = tuple(tensor[indices.to(tensor.device)] for tensor in self.tensors)
        if self.lengths is None:
            return batch
        longest = int(self.lengths[indices].max())
        return tuple(tensor[:, :longest] if tensor.ndim > 1 else tensor for tensor in batch)


def batches(
    *tensors: Tensor,
    batch_size: int,
    generator: torch.Generator | None = None,
    shuffle: bool = True,
    lengths: Int[Tensor, "items"] | None = None,
    drop_last: bool = False,
) -> Batches:
    """Cut tensors into batches along their first dimension, the items.

    An epoch gives each item once. The generator alone decides the order, so it is the same on
    every machine and with any number of processes: :func:`lib.training.fit` gives each process
    its share of the *same* global batch.

    Args:
        tensors: Tensors with the same number of items; a batch is a tuple of as many tensors.
        batch_size: Items in a (global) batch; the last one of an epoch may be smaller.
        generator: A CPU generator that decides the order; required when ``shuffle`` is true.
        shuffle: Whether each epoch has a new order. If not, the order is that of the data.
        lengths: The length of each item, for padded sequences. Batches are then made of items of
            similar length, and every tensor of two or more dimensions, which must be padded to
            the same size in its second one, is cut to the longest item of the batch.
        drop_last: Leave out a smaller last batch.

    Raises:
        ValueError: No data, unequal numbers of items, a batch size below 1, shuffling without a
            generator or with one that is not on the CPU, lengths that do not fit the tensors, or
            no batch at all.

    Cost: an epoch's order costs O(n), with lengths O(n log n), for n items.

    >>> from lib.training import generator
    >>> x = torch.arange(5)
    >>> [batch.tolist() for (batch,) in batches(x, batch_size=2, shuffle=False)]
    [[0, 1], [2, 3], [4]]
    >>> data = batches(x, x**2, batch_size=2, generator=generator(0))
    >>> all(square.equal(number**2) for number, square in data)
    True
    """
    if not tensors or any(tensor.ndim == 0 for tensor in tensors):
        raise ValueError("expected one or more tensors, each with a first dimension: the items")
    sizes = [tensor.shape[0] for tensor in tensors]
    if len(set(sizes)) > 1:
        raise ValueError(f"the tensors must have the same number of items; they have {sizes}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more; it is {batch_size}")
    if sizes[0] < (batch_size if drop_last else 1):
        raise ValueError(f"{sizes[0]} items make no batch of {batch_size}; give more data")
    if shuffle and (generator is None or generator.device.type != "cpu"):
        raise ValueError(
            "shuffling needs a generator on the CPU, such as lib.training.generator(0); "
            "or pass shuffle=False"
        )
    if lengths is not None:
        lengths = lengths.cpu()
        _check_lengths(tensors, lengths)
    return Batches(tensors, batch_size, generator if shuffle else None, lengths, drop_last)


def _cut(order: Tensor, size: int) -> list[Tensor]:
    return [order[start : start + size] for start in range(0, len(order), size)]


def _check_lengths(tensors: tuple[Tensor, ...], lengths: Tensor) -> None:
    items = tensors[0].shape[0]
    padded = sorted({tensor.shape[1] for tensor in tensors if tensor.ndim > 1})
    if lengths.shape != (items,):
        raise ValueError(f"expected {items} lengths, one an item; got {tuple(lengths.shape)}")
    if len(padded) > 1:
        raise ValueError(
            "with lengths, tensors must be padded to one size in their second dimension; "
            f"they have {padded}"
        )
    low, high = int(lengths.min()), int(lengths.max())
    if low < 1 or (padded and high > padded[0]):
        most = padded[0] if padded else "any number"
        raise ValueError(f"lengths must be from 1 to {most}; they are from {low} to {high}")
