"""Linear-chain conditional random fields: one classification among all paths of tags.

A path :math:`y_1 \\dots y_n` through K tags scores what its tags score at their tokens
(*emissions*) plus what neighbours score together (*transitions*), and has the probability
:math:`P(y) = e^{f(y)} / Z`. The functions take the scores; :class:`LinearChainCRF` owns the
transitions and learns them.

All functions share these conventions. Emissions are ``batch time tags``; ``transitions[i, j]``
scores tag i followed by tag j; the mask is True on real tokens, which stand first. Scores of −inf
forbid. What stands in the padding never matters, items of a batch never influence each other, and
dtype and device come back as they went in.
"""

import operator
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor, nn

from lib.sequences._crf_decoding import k_best, sample, viterbi
from lib.sequences._crf_expectations import entropy, marginals, pair_marginals
from lib.sequences._crf_inference import log_partition, negative_log_likelihood, path_score
from lib.sequences._crf_inputs import PADDING, check_tensors, prepare, prepare_tags

__all__ = [
    "PADDING",
    "LinearChainCRF",
    "entropy",
    "k_best",
    "log_partition",
    "marginals",
    "negative_log_likelihood",
    "pair_marginals",
    "path_score",
    "sample",
    "viterbi",
]

for _function in (  # their home, in links, ledgers and tracebacks, is where they are imported from
    entropy,
    k_best,
    log_partition,
    marginals,
    negative_log_likelihood,
    pair_marginals,
    path_score,
    sample,
    viterbi,
):
    _function.__module__ = __name__


class LinearChainCRF(nn.Module):
    r"""A linear-chain CRF that learns its transitions; calling it gives the loss, to be minimised.

    The parameters ``transitions``, ``start_transitions`` and ``end_transitions`` are scores, no
    probabilities: their rows need not sum to anything, :eq:`crf-shift-invariance`. They start
    uniform in ±0.1, as is usual in the field. Constraints hold everywhere: in the loss, the
    probabilities, decoding and sampling; see :func:`lib.sequences.tags.allowed_transitions`.

    Under ``torch.autocast`` the computation stays in the parameters' dtype.

    Args:
        num_tags: the number of tags K.
        allowed_transitions: ``tags tags``, False where tag i must not be followed by tag j.
        allowed_start: ``tags``, False where a sequence must not start.
        allowed_end: ``tags``, False where a sequence must not end.
        generator: the source of randomness of the initial values; torch's own if None.

    Raises:
        ValueError: for constraints of a wrong shape, or that leave nothing allowed.
        TypeError: for num_tags that is no integer, and constraints that are not boolean.

    Example:
        >>> crf = LinearChainCRF(3)
        >>> emissions, tags = torch.zeros(2, 4, 3), torch.tensor([[0, 1, 2, 0], [1, 1, -100, -100]])
        >>> loss = crf(emissions, tags, mask=tags >= 0)
        >>> loss.backward()
        >>> crf.decode(emissions, mask=tags >= 0).shape
        torch.Size([2, 4])

    Source: Lafferty, McCallum & Pereira (2001).
    """

    allowed_transitions: Tensor | None
    allowed_start: Tensor | None
    allowed_end: Tensor | None

    def __init__(
        self,
        num_tags: int,
        *,
        allowed_transitions: Bool[Tensor, "tags tags"] | None = None,
        allowed_start: Bool[Tensor, " tags"] | None = None,
        allowed_end: Bool[Tensor, " tags"] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Make the parameters; see the class."""
        super().__init__()
        try:
            num_tags = operator.index(num_tags)
        except TypeError:
            raise TypeError(f"num_tags must be an integer, got {num_tags!r}") from None
        if num_tags < 1:
            raise ValueError(f"num_tags must be at least 1, got {num_tags}")
        self.num_tags = num_tags
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags))
        self.start_transitions = nn.Parameter(torch.empty(num_tags))
        self.end_transitions = nn.Parameter(torch.empty(num_tags))
        for name, allowed, shape in (
            ("allowed_transitions", allowed_transitions, (num_tags, num_tags)),
            ("allowed_start", allowed_start, (num_tags,)),
            ("allowed_end", allowed_end, (num_tags,)),
        ):
            self.register_buffer(name, _checked_constraint(name, allowed, shape))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all scores uniformly from [−0.1, 0.1]."""
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1, generator=generator)

    def forward(
        self,
        emissions: Float[Tensor, "batch time tags"],
        tags: Int[Tensor, "batch time"],
        mask: Bool[Tensor, "batch time"] | None = None,
        *,
        reduction: Literal["none", "sum", "mean", "token_mean"] = "mean",
    ) -> Float[Tensor, ""] | Float[Tensor, " batch"]:
        """Compute the loss: negative log-likelihoods, see :func:`negative_log_likelihood`.

        Args:
            emissions: scores of each tag at each token.
            tags: the observed path; −100 is accepted where the mask is False.
            mask: True on real tokens.
            reduction: ``none`` for one loss a sequence, their ``sum``, their ``mean`` over the
                sequences, or ``token_mean``, the sum over the number of real tokens. Both means
                of an empty batch are 0.

        Raises:
            ValueError: as :func:`path_score`; for emissions with another number of tags; for an
                unknown reduction; and for tags that the constraints forbid, naming the first.
            TypeError: as :func:`path_score`; for emissions of another dtype than the parameters.
        """
        if reduction not in ("none", "sum", "mean", "token_mean"):
            raise ValueError(
                f"reduction must be 'none', 'sum', 'mean' or 'token_mean', got {reduction!r}"
            )
        losses = -self.log_prob(emissions, tags, mask)
        if bool(torch.isposinf(losses.detach()).any()):
            self._refuse_forbidden(tags, mask)
        if reduction == "none":
            return losses
        total = losses.sum()
        if reduction == "sum":
            return total
        if reduction == "mean":
            return total / max(len(losses), 1)
        num_tokens = tags.numel() if mask is None else int(mask.sum())
        return total / max(num_tokens, 1)

    if TYPE_CHECKING:
        __call__ = forward  # nn.Module's own returns Any

    def log_prob(
        self,
        emissions: Float[Tensor, "batch time tags"],
        tags: Int[Tensor, "batch time"],
        mask: Bool[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, " batch"]:
        """Compute log P(y) of a path; −inf where the constraints forbid it."""
        emissions, scores = self._scores(emissions)
        transitions = scores.pop("transitions")
        return -negative_log_likelihood(emissions, tags, transitions, mask, **scores)

    def decode(
        self,
        emissions: Float[Tensor, "batch time tags"],
        mask: Bool[Tensor, "batch time"] | None = None,
    ) -> Int64[Tensor, "batch time"]:
        """Find the best paths, padded with −100; see :func:`~lib.sequences.crf.viterbi`."""
        emissions, scores = self._scores(emissions)
        return viterbi(emissions, mask=mask, **scores)[0]

    def k_best(
        self,
        emissions: Float[Tensor, "batch time tags"],
        mask: Bool[Tensor, "batch time"] | None = None,
        *,
        k: int,
    ) -> tuple[Int64[Tensor, "batch k time"], Float[Tensor, "batch k"]]:
        """Find the k best paths and their scores; see :func:`~lib.sequences.crf.k_best`."""
        emissions, scores = self._scores(emissions)
        return k_best(emissions, mask=mask, k=k, **scores)

    def marginals(
        self,
        emissions: Float[Tensor, "batch time tags"],
        mask: Bool[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, "batch time tags"]:
        """Compute P(tag) at each token; see :func:`~lib.sequences.crf.marginals`."""
        emissions, scores = self._scores(emissions)
        return marginals(emissions, mask=mask, **scores)

    def entropy(
        self,
        emissions: Float[Tensor, "batch time tags"],
        mask: Bool[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, " batch"]:
        """Compute the entropy over paths, in nats; see :func:`~lib.sequences.crf.entropy`."""
        emissions, scores = self._scores(emissions)
        return entropy(emissions, mask=mask, **scores)

    def sample(
        self,
        emissions: Float[Tensor, "batch time tags"],
        mask: Bool[Tensor, "batch time"] | None = None,
        *,
        num_samples: int = 1,
        generator: torch.Generator | None = None,
    ) -> Int64[Tensor, "batch samples time"]:
        """Draw paths; see :func:`~lib.sequences.crf.sample`."""
        emissions, scores = self._scores(emissions)
        return sample(emissions, mask=mask, num_samples=num_samples, generator=generator, **scores)

    def extra_repr(self) -> str:
        """Name the size and what is forbidden."""
        forbidden = [
            f"{int((~allowed).sum())} of {allowed.numel()} {name} forbidden"
            for name, allowed in (
                ("transitions", self.allowed_transitions),
                ("starts", self.allowed_start),
                ("ends", self.allowed_end),
            )
            if allowed is not None
        ]
        return ", ".join([f"num_tags={self.num_tags}", *forbidden])

    def _scores(self, emissions: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the emissions, and the parameters with −inf where something is forbidden."""
        check_tensors(emissions=emissions)
        if torch.is_autocast_enabled(emissions.device.type):
            emissions = emissions.to(self.transitions.dtype)
        self._check_fit(emissions)
        return emissions, {
            "transitions": _constrained(self.transitions, self.allowed_transitions),
            "start": _constrained(self.start_transitions, self.allowed_start),
            "end": _constrained(self.end_transitions, self.allowed_end),
        }

    def _check_fit(self, emissions: Tensor) -> None:
        """Name what differs from this CRF; what is wrong by itself, the functions refuse."""
        if emissions.dim() == 3 and emissions.shape[2] != self.num_tags:
            raise ValueError(
                f"emissions have {emissions.shape[2]} tags, but this CRF has "
                f"num_tags={self.num_tags}"
            )
        wanted, found = self.transitions.dtype, emissions.dtype
        if found != wanted:
            mend = f"use emissions.{_conversion(wanted)}"
            if found.is_floating_point:
                mend += f" or crf.{_conversion(found)}"
            raise TypeError(f"emissions are {found}, but this CRF's parameters {wanted}; {mend}")

    def _refuse_forbidden(self, tags: Tensor, mask: Tensor | None) -> None:
        """Name the first tag that the constraints forbid, if it is they that do."""
        shape = (*tags.shape, self.num_tags)
        _, scores = self._scores(self.transitions)
        nothing = self.transitions.new_zeros(shape)
        chain = prepare(nothing, scores["transitions"], mask, scores["start"], scores["end"])
        path = prepare_tags(tags, chain)
        node = chain.nodes.gather(2, path[..., None]).squeeze(2)
        node[1:] += chain.transitions[path[:-1], path[1:]]
        if chain.mask is not None:
            node = node.masked_fill(~chain.mask, 0)
        found = torch.isneginf(node.t()).nonzero()
        if len(found):
            row, time = found[0].tolist()
            before = f"after tag {path[time - 1, row]} " if time else ""
            raise ValueError(
                f"tags[{row}, {time}] = {path[time, row]} {before}is forbidden by the constraints "
                "(as a transition, a start or an end); correct the tags or allow it"
            )


def _conversion(dtype: torch.dtype) -> str:
    """Name the method that tensors and modules share for a conversion to this dtype."""
    names = {
        torch.float16: "half",
        torch.bfloat16: "bfloat16",
        torch.float32: "float",
        torch.float64: "double",
    }
    return f"{names[dtype]}()" if dtype in names else f"to({dtype})"


def _constrained(scores: Tensor, allowed: Tensor | None) -> Tensor:
    return scores if allowed is None else scores.masked_fill(~allowed, -torch.inf)


def _checked_constraint(name: str, allowed: Tensor | None, shape: tuple[int, ...]) -> Tensor | None:
    if allowed is None:
        return None
    if allowed.dtype != torch.bool:
        raise TypeError(f"{name} must be boolean, got {allowed.dtype}; use {name}.bool()")
    if allowed.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {tuple(allowed.shape)}")
    if not bool(allowed.any()) and shape != (1, 1):
        raise ValueError(f"{name} is False everywhere: no sequence would have a path")
    return allowed.detach().clone()
