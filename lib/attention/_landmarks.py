"""Landmarks: the means of successive segments of a sequence."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lib.attention._nystrom_inputs import check_count, check_mask, check_sequence


def landmark_means(
    x: Float[Tensor, "*batch time dim"],
    num_landmarks: int,
    mask: Bool[Tensor, "..."] | None = None,
) -> Float[Tensor, "*batch landmarks dim"]:
    r"""Average each of m successive segments of a sequence, :eq:`nystrom-landmarks`.

    .. math:: \tilde x_j = \frac{1}{|S_j|} \sum_{t \in S_j} x_t

    The real tokens are shared out evenly: segments differ by one token at most, longer ones stand
    first, and the padding, wherever it is, belongs to none. So neither more padding nor other
    items of the batch change a landmark.

    Cost: O(time · dim); sums run in float32 at least.

    Args:
        x: tokens.
        num_landmarks: the number of segments m. A sequence with no more tokens than that has each
            token as its own landmark.
        mask: ``... time``, or what broadcasts to it; True on real tokens.

    Returns:
        min(m, time) landmarks, in the dtype of x. Where a sequence has fewer real tokens than
        that, the landmarks beyond them are zero.

    Raises:
        ValueError: for a wrong shape, no token at all, or fewer than one landmark.
        TypeError: for inputs that are no floating tensor, and a mask that is not boolean.

    Example:
        >>> x = torch.tensor([[1.0], [3.0], [5.0], [7.0], [9.0]])
        >>> landmark_means(x, 2).squeeze(1)
        tensor([3., 8.])
        >>> landmark_means(x, 2, torch.tensor([True, True, False, False, True])).squeeze(1)
        tensor([2., 9.])

    Source: Xiong et al. (2021), whose segments must divide the length.
    """
    check_sequence("x", x)
    num_landmarks = min(check_count("num_landmarks", num_landmarks), x.shape[-2])
    if mask is None:
        means = even_means(x, num_landmarks)
    else:
        mask = check_mask(mask, x)
        means = share_out(mask, num_landmarks).means(x.masked_fill(~mask[..., None], 0))
    return means.to(x.dtype)


class Segments(NamedTuple):
    """The landmark of each token, and how many real tokens each landmark has."""

    landmark_of: Tensor  # ... time; anything for padding
    sizes: Tensor  # ... landmarks; zero where there are fewer tokens than landmarks

    def means(self, x: Tensor) -> Tensor:
        """Average x, which is zero in the padding, over each segment, in float32 at least."""
        rows, num_landmarks = self.sizes.shape[:-1].numel(), self.sizes.shape[-1]
        first = num_landmarks * torch.arange(rows, device=x.device)[:, None]
        index = (self.landmark_of.reshape(rows, self.landmark_of.shape[-1]) + first).flatten()
        wide = x.to(torch.promote_types(x.dtype, torch.float32)).reshape(-1, x.shape[-1])
        sums = wide.new_zeros(rows * num_landmarks, x.shape[-1]).index_add(0, index, wide)
        return sums.reshape(*self.sizes.shape, x.shape[-1]) / self.sizes.clamp_min(1)[..., None]


def share_out(mask: Tensor, num_landmarks: int) -> Segments:
    """Share the real tokens out by their rank among themselves; longer segments stand first."""
    rank = (mask.cumsum(-1) - 1).clamp_min(0)
    count = mask.sum(-1, keepdim=True)
    used = count.clamp(1, num_landmarks)
    size, num_longer = count // used, count % used
    border = num_longer * (size + 1)
    size = size.clamp_min(1)
    after = num_longer + (rank - border) // size
    landmark_of = torch.where(rank < border, rank // (size + 1), after)
    landmark = torch.arange(num_landmarks, device=mask.device)
    sizes = torch.where(landmark < num_longer, size + 1, size)
    return Segments(landmark_of, sizes.where(landmark < count, 0))


def even_means(x: Tensor, num_landmarks: int) -> Tensor:
    """Average the segments of sequences without padding, in float32 at least."""
    wide = torch.promote_types(x.dtype, torch.float32)
    size, num_longer = divmod(x.shape[-2], num_landmarks)
    border = num_longer * (size + 1)
    batch, dim = x.shape[:-2], x.shape[-1]
    shorter = x[..., border:, :].reshape(*batch, num_landmarks - num_longer, size, dim)
    if not num_longer:
        return shorter.mean(-2, dtype=wide)
    longer = x[..., :border, :].reshape(*batch, num_longer, size + 1, dim)
    return torch.cat([longer.mean(-2, dtype=wide), shorter.mean(-2, dtype=wide)], -2)
