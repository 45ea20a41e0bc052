"""Best paths and random paths of the linear-chain CRF; public through :mod:`lib.sequences.crf`."""

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lib.sequences._crf_inputs import PADDING, Chain, prepare
from lib.sequences._crf_recursions import log_messages, require_some_path, score_of


def viterbi(
    emissions: Float[Tensor, "batch time tags"],
    transitions: Float[Tensor, "tags tags"],
    mask: Bool[Tensor, "batch time"] | None = None,
    *,
    start: Float[Tensor, " tags"] | None = None,
    end: Float[Tensor, " tags"] | None = None,
) -> tuple[Int64[Tensor, "batch time"], Float[Tensor, " batch"]]:
    r"""Find the best path of each sequence, equation :eq:`crf-viterbi`.

    .. math:: \delta_{t+1}(j) = \max_i (\delta_t(i) + g_{ij}) + h_{t+1}(j)

    This is the forward recursion at zero temperature, :eq:`crf-zero-temperature`. Only the maxima
    are stored; which i attained one is found again along the path, for one row instead of all.

    Args:
        emissions: see :func:`~lib.sequences.crf.path_score`, as for the other arguments.
        transitions: scores of tag i followed by tag j; −inf forbids.
        mask: True on real tokens.
        start: scores of the first tag.
        end: scores of the last tag.

    Returns:
        The paths, padded with −100, and their scores. Of equally good paths one is returned, the
        same in each run. The scores are differentiable (a subgradient: the counts of the path).

    Time O(batch · time · tags²), memory O(batch · time · tags).

    Raises:
        ValueError: as :func:`~lib.sequences.crf.path_score`, and where every path of a sequence
            is forbidden.
        TypeError: as :func:`~lib.sequences.crf.path_score`.

    Example:
        >>> emissions = torch.tensor([[[1.0, 0.0], [0.0, 0.5], [1.0, 0.0]]])
        >>> viterbi(emissions, torch.eye(2))  # staying is worth more than the middle token
        (tensor([[0, 0, 0]]), tensor([4.]))

    Source: Viterbi (1967); Sutton & McCallum (2012), section 4.1.
    """
    chain = prepare(emissions, transitions, mask, start, end)
    with torch.no_grad():
        paths, best = _best_paths(chain)
        require_some_path(best)
    return chain.pad(paths), score_of(chain, paths).to(chain.dtype)


def k_best(
    emissions: Float[Tensor, "batch time tags"],
    transitions: Float[Tensor, "tags tags"],
    mask: Bool[Tensor, "batch time"] | None = None,
    *,
    k: int,
    start: Float[Tensor, " tags"] | None = None,
    end: Float[Tensor, " tags"] | None = None,
) -> tuple[Int64[Tensor, "batch k time"], Float[Tensor, "batch k"]]:
    r"""Find the k best paths of each sequence, all different, best first.

    The recursion :eq:`crf-viterbi` with the k largest values in place of the maximum.

    Args:
        emissions: see :func:`~lib.sequences.crf.path_score`, as for the other arguments.
        transitions: scores of tag i followed by tag j; −inf forbids.
        mask: True on real tokens.
        k: how many paths.
        start: scores of the first tag.
        end: scores of the last tag.

    Returns:
        The paths, padded with −100, and their scores, which are differentiable. Where a sequence
        has fewer than k allowed paths, the rest is −100 throughout with the score −inf.

    Time O(batch · time · k tags²), and a selection of k from k · tags candidates for each tag and
    token; memory O(batch · k tags (time + tags)).

    Raises:
        ValueError: as :func:`~lib.sequences.crf.path_score`, and for k below 1.
        TypeError: as :func:`~lib.sequences.crf.path_score`.

    Example:
        >>> emissions = torch.tensor([[[1.0, 0.0], [0.0, 0.5]]])
        >>> k_best(emissions, torch.zeros(2, 2), k=3)
        (tensor([[[0, 1], [0, 0], [1, 1]]]), tensor([[1.5000, 1.0000, 0.5000]]))

    Source: Seshadri & Sundberg (1994), parallel list Viterbi decoding.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    chain = prepare(emissions, transitions, mask, start, end)
    with torch.no_grad():
        paths, best = _k_best_paths(chain, k)
    scores = torch.stack([score_of(chain, path) for path in paths.unbind(2)], 1)
    impossible = best == -math.inf
    scores = scores.masked_fill(impossible, -math.inf)
    # Summed in another order, two nearly equal scores may have changed places.
    scores, order = scores.sort(dim=1, descending=True, stable=True)
    padded = chain.pad(paths).masked_fill(impossible[..., None], PADDING)
    return padded.gather(1, order[..., None].expand_as(padded)), scores.to(chain.dtype)


def sample(
    emissions: Float[Tensor, "batch time tags"],
    transitions: Float[Tensor, "tags tags"],
    mask: Bool[Tensor, "batch time"] | None = None,
    *,
    num_samples: int = 1,
    generator: torch.Generator | None = None,
    start: Float[Tensor, " tags"] | None = None,
    end: Float[Tensor, " tags"] | None = None,
) -> Int64[Tensor, "batch samples time"]:
    r"""Draw independent paths from :math:`P(y)`, equation :eq:`crf-backward-sampling`.

    The forward recursion filters; then the last tag is drawn, and going backward each
    :math:`y_t` from :math:`P(y_t = i \mid y_{t+1} = j) \propto \alpha_t(i) e^{g_{ij}}`.

    Args:
        emissions: see :func:`~lib.sequences.crf.path_score`, as for the other arguments.
        transitions: scores of tag i followed by tag j; −inf forbids.
        mask: True on real tokens.
        num_samples: how many paths for each sequence.
        generator: the source of randomness, on the device of the emissions; torch's own if None.
        start: scores of the first tag.
        end: scores of the last tag.

    Returns:
        The paths, padded with −100. Forbidden paths are never drawn. Sampling has no gradient.

    Time O(batch · time · tags (tags + samples)), in logarithmic space.

    Raises:
        ValueError: as :func:`~lib.sequences.crf.path_score`, where every path of a sequence is
            forbidden, and for ``num_samples`` below 1.
        TypeError: as :func:`~lib.sequences.crf.path_score`.

    Example:
        >>> stay = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]])
        >>> generator = torch.Generator().manual_seed(0)
        >>> paths = sample(torch.zeros(1, 4, 2), stay, num_samples=100, generator=generator)
        >>> paths.unique(dim=1)
        tensor([[[0, 0, 0, 0],
                 [1, 1, 1, 1]]])

    Source: Frühwirth-Schnatter (1994), forward filtering and backward sampling.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples must be at least 1, got {num_samples}")
    chain = prepare(emissions, transitions, mask, start, end)
    with torch.no_grad():
        return chain.pad(_sample_paths(chain, num_samples, generator))


def _best_paths(chain: Chain) -> tuple[Tensor, Tensor]:
    """Return best paths ``time batch`` (arbitrary in the padding), and their scores."""
    into = chain.transitions.t().contiguous()  # into[j]: of the steps to tag j
    best = [chain.nodes[0]]  # δ
    for node in chain.nodes[1:].unbind(0):
        best.append((best[-1][:, None, :] + into).amax(2).add_(node))
    final = best[-1]
    if chain.mask is not None:
        rows = torch.arange(len(final), device=final.device)
        final = torch.stack(best)[chain.last, rows]
    top, tag = final.max(-1)
    paths = [tag]
    for t in range(len(best) - 2, -1, -1):
        back = into.index_select(0, tag).add_(best[t]).argmax(-1)
        tag = back if chain.mask is None else torch.where(chain.mask[t + 1], back, tag)
        paths.append(tag)
    return torch.stack(paths[::-1]), top


def _k_best_paths(chain: Chain, k: int) -> tuple[Tensor, Tensor]:
    """Return the k best paths ``time batch k`` and their scores ``batch k``, best first."""
    time, batch, num_tags = chain.nodes.shape
    best = chain.nodes.new_full((batch, k, num_tags), -math.inf)  # the k best paths to each tag
    best[:, 0] = chain.nodes[0]
    pointers = []  # where each came from: rank · num_tags + tag
    stay = torch.arange(k * num_tags, device=best.device).view(k, num_tags)
    for t in range(1, time):
        candidates = (best[..., None] + chain.transitions).flatten(1, 2)
        scores, pointer = candidates.topk(k, dim=1)
        updated = scores + chain.nodes[t][:, None]
        if chain.mask is not None:
            real = chain.mask[t, :, None, None]
            updated, pointer = torch.where(real, updated, best), torch.where(real, pointer, stay)
        best = updated
        pointers.append(pointer.flatten(1))
    top, state = best.flatten(1).topk(k, dim=1)
    states = [state]
    for pointer in reversed(pointers):
        states.append(pointer.gather(1, states[-1]))
    return torch.stack(states[::-1]) % num_tags, top


def _sample_paths(chain: Chain, num_samples: int, generator: torch.Generator | None) -> Tensor:
    """Draw paths ``time batch samples``; the padding repeats the last real tag."""
    messages, _ = log_messages(chain.nodes, [chain.transitions], chain.mask)
    require_some_path(messages[-1].amax(-1))
    into = chain.transitions.t()
    batch, num_tags = messages[-1].shape
    tag = _draw(messages[-1][:, None].expand(batch, num_samples, num_tags), generator)
    paths = [tag]
    for t in range(len(messages) - 2, -1, -1):
        drawn = _draw(messages[t][:, None] + into[tag], generator)
        tag = drawn if chain.mask is None else torch.where(chain.mask[t + 1, :, None], drawn, tag)
        paths.append(tag)
    return torch.stack(paths[::-1])


def _draw(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw from the softmax over the last dimension: the earliest of exponential clocks rings."""
    clocks = torch.empty_like(logits, memory_format=torch.contiguous_format)
    clocks.exponential_(generator=generator).clamp_min_(torch.finfo(logits.dtype).tiny)
    return (logits - clocks.log_()).argmax(-1)
