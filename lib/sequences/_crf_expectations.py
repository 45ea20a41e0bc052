"""Expectations over the paths of a linear-chain CRF; public through :mod:`lib.sequences.crf`."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd import grad

from lib.sequences._crf_inputs import prepare
from lib.sequences._crf_recursions import (
    log_messages,
    log_partition_in_logs,
    log_partition_of,
    require_some_path,
    safe_logsumexp,
)


def marginals(
    emissions: Float[Tensor, "batch time tags"],
    transitions: Float[Tensor, "tags tags"],
    mask: Bool[Tensor, "batch time"] | None = None,
    *,
    start: Float[Tensor, " tags"] | None = None,
    end: Float[Tensor, " tags"] | None = None,
) -> Float[Tensor, "batch time tags"]:
    r"""Compute :math:`P(y_t = i)`, :eq:`crf-marginal`, for every token and tag.

    They are the gradient of log Z in the emissions, :eq:`crf-gradient-emissions`, and computed as
    such. Shifting all emissions of a token changes nothing, :eq:`crf-shift-invariance`.

    Args:
        emissions: see :func:`path_score`, as for the other arguments.
        transitions: scores of tag i followed by tag j; −inf forbids.
        mask: True on real tokens.
        start: scores of the first tag.
        end: scores of the last tag.

    Returns:
        Probabilities; each real token's sum to 1, the padding's are 0. They are differentiable:
        where an input requires a gradient, they are computed in logarithmic space (slower; wrap
        the call in ``torch.no_grad()`` where no gradient is wanted).

    Cost and stability are those of :func:`log_partition`.

    Raises:
        ValueError: as :func:`path_score`, and where every path of a sequence is forbidden.
        TypeError: as :func:`path_score`.

    Example:
        A strong last token decides the first, for the tags like to stay.

        >>> emissions = torch.tensor([[[0.0, 0.0], [0.0, 4.0]]])
        >>> marginals(emissions, 2 * torch.eye(2))
        tensor([[[0.1329, 0.8671],
                 [0.0180, 0.9820]]])

    Source: Sutton & McCallum (2012), section 4.1.
    """
    chain = prepare(emissions, transitions, mask, start, end)
    differentiable = chain.requires_grad()
    with torch.enable_grad():
        nodes = _tracked(chain.nodes)
        log_z = log_partition_of(chain._replace(nodes=nodes))
        (probability,) = grad(log_z.sum(), nodes, create_graph=differentiable)
    require_some_path(log_z)
    return probability.transpose(0, 1).to(chain.dtype)


def pair_marginals(
    emissions: Float[Tensor, "batch time tags"],
    transitions: Float[Tensor, "tags tags"],
    mask: Bool[Tensor, "batch time"] | None = None,
    *,
    start: Float[Tensor, " tags"] | None = None,
    end: Float[Tensor, " tags"] | None = None,
) -> Float[Tensor, "batch time-1 tags tags"]:
    r"""Compute :math:`P(y_t = i, y_{t+1} = j)`, equation :eq:`crf-pair-marginal`.

    They are the gradient of log Z in the transition of each single step, and computed as such.

    Args:
        emissions: see :func:`path_score`, as for the other arguments.
        transitions: scores of tag i followed by tag j; −inf forbids.
        mask: True on real tokens.
        start: scores of the first tag.
        end: scores of the last tag.

    Returns:
        Probabilities; the K² of each pair of real neighbours sum to 1, all others are 0.
        They are differentiable.

    Time and memory O(batch · time · tags²), in logarithmic space: stable for scores of any size.

    Raises:
        ValueError: as :func:`marginals`.
        TypeError: as :func:`path_score`.

    Example:
        >>> pair_marginals(torch.zeros(1, 2, 2), torch.zeros(2, 2))
        tensor([[[[0.2500, 0.2500],
                  [0.2500, 0.2500]]]])

    Source: Sutton & McCallum (2012), section 4.1.
    """
    chain = prepare(emissions, transitions, mask, start, end)
    differentiable = chain.requires_grad()
    time, batch, num_tags = chain.nodes.shape
    with torch.enable_grad():
        edges = _tracked(chain.transitions.expand(max(time - 1, 1), batch, num_tags, num_tags))
        log_z = log_partition_in_logs(chain.nodes, edges.unbind(0), chain.mask)
        if time == 1:  # no pairs, but a path there must be
            edges = edges[:0]
            log_z = log_z + edges.sum()
        (probability,) = grad(log_z.sum(), edges, create_graph=differentiable)
    require_some_path(log_z)
    return probability.transpose(0, 1).to(chain.dtype)


def entropy(
    emissions: Float[Tensor, "batch time tags"],
    transitions: Float[Tensor, "tags tags"],
    mask: Bool[Tensor, "batch time"] | None = None,
    *,
    start: Float[Tensor, " tags"] | None = None,
    end: Float[Tensor, " tags"] | None = None,
) -> Float[Tensor, " batch"]:
    r"""Compute the entropy of the distribution over paths, equation :eq:`crf-entropy`.

    .. math:: H = -\sum_y P(y) \log P(y) = \log Z - \mathbb{E}[f]

    The difference would cancel where scores are large. Instead the entropy of the tags up to t,
    given :math:`y_t = j`, is carried along with the forward recursion:

    .. math:: H_t(j) = \sum_i w_{ij} (H_{t-1}(i) - \log w_{ij}),
              \quad w_{ij} = P(y_{t-1} = i \mid y_t = j, h_1, \dots, h_t)

    with the :math:`w` from which :func:`sample` draws, :eq:`crf-backward-sampling`.

    Args:
        emissions: see :func:`path_score`, as for the other arguments.
        transitions: scores of tag i followed by tag j; −inf forbids.
        mask: True on real tokens.
        start: scores of the first tag.
        end: scores of the last tag.

    Returns:
        Entropies in nats, between 0 and time · log(tags). Differentiable any number of times.

    Time O(batch · time · tags²), in logarithmic space: stable for scores of any size. Memory is
    the same with gradients, and O(batch · time · tags + batch · tags²) without.

    Raises:
        ValueError: as :func:`path_score`, and where every path of a sequence is forbidden.
        TypeError: as :func:`path_score`.

    Example:
        >>> entropy(torch.zeros(1, 3, 2), torch.zeros(2, 2))  # log 8
        tensor([2.0794])

    Source: Hernando, Crespi & Cybenko (2005) for the recursion.
    """
    chain = prepare(emissions, transitions, mask, start, end)
    messages, _ = log_messages(chain.nodes, [chain.transitions], chain.mask)
    require_some_path(messages[-1].amax(-1))
    total = torch.zeros_like(messages[0])
    for t, previous in enumerate(messages[:-1], start=1):
        scores = previous[:, :, None] + chain.transitions
        updated = _mixture_entropy(scores, total[:, :, None], 1)
        total = (
            updated if chain.mask is None else torch.where(chain.mask[t, :, None], updated, total)
        )
    return _mixture_entropy(messages[-1], total, 1).to(chain.dtype)


def _mixture_entropy(scores: Tensor, entropies: Tensor, dim: int) -> Tensor:
    """Return the entropy of choosing by the softmax of the scores and then within the choice."""
    possible = scores > -math.inf
    log_weights = torch.where(possible, scores - safe_logsumexp(scores, dim).unsqueeze(dim), 0.0)
    weights = torch.where(possible, log_weights.exp(), 0.0)
    return (weights * (entropies - log_weights)).sum(dim)


def _tracked(scores: Tensor) -> Tensor:
    """Return the scores such that a gradient in them can be asked for."""
    return scores if scores.requires_grad else scores.detach().requires_grad_()
