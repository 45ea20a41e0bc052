"""Score, log Z and loss of the linear-chain CRF; public through :mod:`lib.sequences.crf`."""

import math

from jaxtyping import Bool, Float, Int
from torch import Tensor

from lib.sequences._crf_inputs import prepare, prepare_tags
from lib.sequences._crf_recursions import log_partition_of, score_of


def path_score(
    emissions: Float[Tensor, "batch time tags"],
    tags: Int[Tensor, "batch time"],
    transitions: Float[Tensor, "tags tags"],
    mask: Bool[Tensor, "batch time"] | None = None,
    *,
    start: Float[Tensor, " tags"] | None = None,
    end: Float[Tensor, " tags"] | None = None,
) -> Float[Tensor, " batch"]:
    r"""Score one path per sequence, equation :eq:`crf-score`.

    .. math:: f(y) = a_{y_1} + \sum_t h_t(y_t) + \sum_t g_{y_t y_{t+1}} + b_{y_n}

    with emissions :math:`h`, transitions :math:`g`, and the optional start :math:`a` and end
    :math:`b`. Scores are dimensionless: logarithms of unnormalised weights, not of probabilities.

    Args:
        emissions: :math:`h`, the score of each tag at each token. What stands in the padding,
            NaN and infinities included, is never used.
        tags: the path :math:`y`; −100 is accepted where the mask is False.
        transitions: :math:`g_{ij}`, the score of tag i followed by tag j; −inf forbids it.
        mask: True on real tokens, which stand first in each row. All are real when it is None.
        start: the score of starting with each tag.
        end: the score of ending with each tag.

    Returns:
        The scores; −inf for a forbidden path. O(batch · time).

    Raises:
        ValueError: for shapes or devices that do not fit, a mask with holes, an empty sequence, a
            tag out of range (named with its position).
        TypeError: for dtypes that differ, and for a mask that is not boolean.

    Example:
        >>> import torch
        >>> emissions = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
        >>> path_score(emissions, torch.tensor([[0, 1]]), torch.tensor([[0.0, 0.5], [0.0, 0.0]]))
        tensor([3.5000])

    Source: Lafferty, McCallum & Pereira (2001), equation 1; Sutton & McCallum (2012), section 2.3.
    """
    chain = prepare(emissions, transitions, mask, start, end)
    return score_of(chain, prepare_tags(tags, chain)).to(chain.dtype)


def log_partition(
    emissions: Float[Tensor, "batch time tags"],
    transitions: Float[Tensor, "tags tags"],
    mask: Bool[Tensor, "batch time"] | None = None,
    *,
    start: Float[Tensor, " tags"] | None = None,
    end: Float[Tensor, " tags"] | None = None,
) -> Float[Tensor, " batch"]:
    r"""Sum over all paths, equation :eq:`crf-partition`: :math:`\log Z = \log \sum_y e^{f(y)}`.

    Computed by the forward recursion :eq:`crf-forward`, :eq:`crf-forward-step`. Its gradients are
    the marginals :eq:`crf-gradient-emissions` and the expected numbers of transitions
    :eq:`crf-gradient-transitions`; they come in closed form from the backward recursion
    :eq:`crf-backward`, which runs beside the forward one, without a tape. Second and higher
    derivatives are right too (``create_graph=True``); they are taken in logarithmic space.

    Args:
        emissions: see :func:`path_score`, as for the other arguments.
        transitions: scores of tag i followed by tag j; −inf forbids.
        mask: True on real tokens.
        start: scores of the first tag.
        end: scores of the last tag.

    Returns:
        log Z; −inf where every path is forbidden (with gradient 0). NaN stays within its sequence.

    Time O(batch · time · tags²), memory O(batch · time · tags). Stable for scores of any size: the
    recursion multiplies scaled probabilities where their range is certified to fit the dtype, then
    in float64, and else adds logarithms (memory O(batch · time · tags²) with gradients). float16
    and bfloat16 are computed in float32. ``torch.vmap`` is refused by torch, for the inputs are
    checked: the batch dimension is there instead.

    Raises:
        ValueError: as :func:`path_score`.
        TypeError: as :func:`path_score`.

    Example:
        Nothing is known about three tokens with two tags, so all eight paths weigh the same.

        >>> import torch
        >>> log_partition(torch.zeros(1, 3, 2), torch.zeros(2, 2)).exp()
        tensor([8.])

    Source: Sutton & McCallum (2012), section 4.1.
    """
    chain = prepare(emissions, transitions, mask, start, end)
    return log_partition_of(chain).to(chain.dtype)


def negative_log_likelihood(
    emissions: Float[Tensor, "batch time tags"],
    tags: Int[Tensor, "batch time"],
    transitions: Float[Tensor, "tags tags"],
    mask: Bool[Tensor, "batch time"] | None = None,
    *,
    start: Float[Tensor, " tags"] | None = None,
    end: Float[Tensor, " tags"] | None = None,
) -> Float[Tensor, " batch"]:
    r"""Compute the loss of each sequence, :math:`-\log P(y) = \log Z - f(y) \ge 0`.

    Equations :eq:`crf-probability` and :eq:`crf-loglik-gradient`: the gradient is the expected
    minus the observed counts. The loss is convex in all scores, :eq:`crf-convexity`.

    Args:
        emissions: see :func:`path_score`, as for the other arguments.
        tags: the observed path; −100 is accepted where the mask is False.
        transitions: scores of tag i followed by tag j; −inf forbids.
        mask: True on real tokens.
        start: scores of the first tag.
        end: scores of the last tag.

    Returns:
        The losses, in nats. A forbidden path has probability 0: its loss is +inf, and its gradient
        is 0, so that it cannot spoil the rest of the batch. :class:`LinearChainCRF` refuses it.

    Cost and stability are those of :func:`log_partition`; the difference is taken before half
    precision is restored.

    Raises:
        ValueError: as :func:`path_score`.
        TypeError: as :func:`path_score`.

    Example:
        >>> import torch
        >>> tags = torch.tensor([[0, 1, 1]])
        >>> negative_log_likelihood(torch.zeros(1, 3, 2), tags, torch.zeros(2, 2))  # log 8
        tensor([2.0794])

    Source: Sutton & McCallum (2012), section 5.1.
    """
    chain = prepare(emissions, transitions, mask, start, end)
    score = score_of(chain, prepare_tags(tags, chain))
    loss = (log_partition_of(chain) - score).masked_fill(score == -math.inf, math.inf)
    return loss.to(chain.dtype)
