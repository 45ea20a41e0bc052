"""Nyström attention: self-attention at linear cost, through landmarks.

Softmax attention compares every token with every other. Here every token is compared with m
*landmarks*, the means of m successive segments, and the landmarks with every token; a matrix
between the landmarks, inverted, makes the two meet. The functions take queries, keys and values;
:class:`NystromAttention` owns the projections and takes the place of
:class:`torch.nn.MultiheadAttention`, whose weights it loads.

All functions share these conventions. Sequences are ``... time dim``, of any length; the mask is
True on real tokens, which may stand anywhere. What stands in the padding never matters, nor how
much of it there is; items of a batch never influence each other; dtype and device come back as
they went in.
"""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from lib.attention._landmarks import landmark_means
from lib.attention._nystrom_core import nystrom_attention
from lib.attention._nystrom_inputs import (
    check_count,
    check_device,
    check_inverse,
    check_sequence,
    real_tokens,
    refuse_impossible,
)
from lib.attention._nystrom_inverse import InverseName, newton_schulz_pinv

__all__ = ["NystromAttention", "landmark_means", "newton_schulz_pinv", "nystrom_attention"]

for _function in (landmark_means, newton_schulz_pinv, nystrom_attention):
    _function.__module__ = __name__  # where it is imported from: for links, ledgers and tracebacks


class NystromAttention(nn.Module):
    r"""Multi-head self-attention through landmarks, in the place of torch's exact one.

    Parameters, their names, their initial values and the call are those of
    :class:`torch.nn.MultiheadAttention` with ``batch_first=True``, so that the weights of a model
    trained with exact attention load, and layers such as
    :class:`torch.nn.TransformerEncoderLayer` take this module as their ``self_attn``. What
    landmarks cannot give is refused: the weights themselves, attention masks, causality,
    cross-attention between two sequences. There is no dropout of weights, since they are never
    formed.

    With ``conv_kernel_size`` each head adds a depthwise convolution of its values over time, as
    the paper does. It is a layer of its own: to learn what the attention contributes, compare
    with it switched off.

    Cost: that of :func:`nystrom_attention`, plus O(time · dim²) for the projections.

    Args:
        dim: the width of the tokens.
        num_heads: the number of heads, a divisor of dim.
        num_landmarks: m; an attribute too, which may be changed after training.
        bias: whether the projections have a bias.
        inverse: see :func:`nystrom_attention`.
        ridge: see :func:`nystrom_attention`.
        num_iterations: see :func:`nystrom_attention`.
        conv_kernel_size: the width of the convolution, odd; None for none.
        batch_first: True, as sequences are ``batch time dim``; False is refused.
        generator: the source of randomness of the initial values; torch's own if None.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        ValueError: for counts below 1, a width that the heads do not divide, an even
            kernel, an unknown inverse, a ridge that is not positive, and ``batch_first=False``.
        TypeError: for counts that are no integers.

    Example:
        >>> exact = torch.nn.MultiheadAttention(32, 4, batch_first=True)
        >>> attention = NystromAttention(32, 4, num_landmarks=16)
        >>> attention.load_state_dict(exact.state_dict())
        <All keys matched successfully>
        >>> x = torch.zeros(2, 100, 32)
        >>> output, _ = attention(x, x, x, need_weights=False)
        >>> output.shape
        torch.Size([2, 100, 32])

    Source: Xiong et al. (2021).
    """

    in_proj_bias: nn.Parameter | None
    batch_first = True
    # TransformerEncoderLayer in evaluation would go round this module, straight to the weights
    # and to exact attention, if this said that queries, keys and values share a projection.
    _qkv_same_embed_dim = False

    def __init__(
        self,
        dim: int,
        num_heads: int,
        num_landmarks: int = 64,
        *,
        bias: bool = True,
        inverse: InverseName = "ridge",
        ridge: float = 1e-5,
        num_iterations: int = 6,
        conv_kernel_size: int | None = None,
        batch_first: bool = True,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Make the parameters; see the class."""
        super().__init__()
        self.dim = check_count("dim", dim)
        self.num_heads = check_count("num_heads", num_heads)
        self.num_landmarks = check_count("num_landmarks", num_landmarks)
        self.num_iterations = check_count("num_iterations", num_iterations)
        check_inverse(inverse, ridge)
        self.inverse, self.ridge = inverse, ridge
        if self.dim % self.num_heads:
            raise ValueError(f"num_heads must divide dim, got dim={dim} and num_heads={num_heads}")
        if not batch_first:
            raise ValueError(
                "batch_first=False is not offered: sequences are (batch, time, dim); "
                "transpose them with x.transpose(0, 1)"
            )
        device = torch.get_default_device() if device is None else device
        width = self.dim
        self.in_proj_weight = nn.Parameter(
            torch.empty(3 * width, width, device=device, dtype=dtype)
        )
        if bias:
            self.in_proj_bias = nn.Parameter(torch.empty(3 * width, device=device, dtype=dtype))
        else:
            self.register_parameter("in_proj_bias", None)
        # Made without values: torch's own would draw from the global source of randomness.
        out_proj = nn.Linear(width, width, bias=bias, device="meta", dtype=dtype)
        self.out_proj = out_proj.to_empty(device=device)
        self.conv = None
        if conv_kernel_size is not None:
            conv = _convolution(conv_kernel_size, self.num_heads, dtype)
            self.conv = conv.to_empty(device=device)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all weights anew, as torch's modules of the same kind do; biases become zero."""
        nn.init.xavier_uniform_(self.in_proj_weight, generator=generator)
        nn.init.kaiming_uniform_(self.out_proj.weight, a=5**0.5, generator=generator)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                nn.init.zeros_(bias)
        if self.conv is not None:
            nn.init.kaiming_uniform_(self.conv.weight, a=5**0.5, generator=generator)

    def forward(
        self,
        query: Float[Tensor, "*batch time dim"],
        key: Float[Tensor, "*batch time dim"] | None = None,
        value: Float[Tensor, "*batch time dim"] | None = None,
        key_padding_mask: Bool[Tensor, "*batch time"] | Float[Tensor, "*batch time"] | None = None,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Float[Tensor, "*batch time dim"], None]:
        """Attend; arguments and results as in :class:`torch.nn.MultiheadAttention`.

        Args:
            query: the sequence, ``batch time dim`` or ``time dim``.
            key: the sequence again, or another of its shape (with positions added, say);
                the query if None.
            value: likewise.
            key_padding_mask: True on **padding**, as torch has it here, or 0 on real tokens and
                −inf on padding. Outputs at padding are zero.
            need_weights: False. True, torch's default, is refused.
            attn_mask: None; anything else is refused.
            average_attn_weights: without effect, as there are no weights.
            is_causal: False; True is refused.

        Returns:
            The output, and None in the place of weights.

        Raises:
            ValueError: for what is refused, as :func:`nystrom_attention` for shapes, and for a
                mask of numbers other than 0 and −inf.
            TypeError: as :func:`nystrom_attention`, and for a dtype other than the parameters'.
        """
        refuse_impossible(need_weights, attn_mask, is_causal)
        inputs = [query if x is None else x for x in (query, key, value)]
        if all(x is query for x in inputs):
            inputs = [query]
        for name, x in zip(("query", "key", "value"), inputs, strict=False):
            self._check(name, x, query)
        mask = None
        if key_padding_mask is not None:
            mask = real_tokens(key_padding_mask, query)
            inputs = [x.masked_fill(~mask[..., None], 0) for x in inputs]
        output = self.out_proj(self._attend(*self._project(inputs), mask))
        if mask is not None:
            output = output.masked_fill(~mask[..., None], 0)
        return output, None

    if TYPE_CHECKING:
        __call__ = forward  # nn.Module's own returns Any

    def extra_repr(self) -> str:
        """Name the sizes and how the matrix between the landmarks is inverted."""
        how = {"ridge": f", ridge={self.ridge:g}", "newton": f", {self.num_iterations} iterations"}
        return (
            f"dim={self.dim}, num_heads={self.num_heads}, num_landmarks={self.num_landmarks}, "
            f"inverse={self.inverse!r}{how.get(self.inverse, '')}"
        )

    def _project(self, inputs: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Turn the sequence, or one each, into queries, keys and values."""
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if len(inputs) == 1:
            query, key, value = functional.linear(inputs[0], weight, bias).chunk(3, -1)
        else:
            biases = (None, None, None) if bias is None else bias.chunk(3)
            query, key, value = map(functional.linear, inputs, weight.chunk(3), biases)
        return query, key, value

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """Attend in each head, add the convolution, and put the heads side by side again."""
        heads_shape = (*query.shape[:-1], self.num_heads, -1)
        query, key, value = (x.reshape(heads_shape).transpose(-2, -3) for x in (query, key, value))
        heads_mask = None if mask is None else mask[..., None, :]
        heads = nystrom_attention(
            query,
            key,
            value,
            num_landmarks=self.num_landmarks,
            mask=heads_mask,
            inverse=self.inverse,
            ridge=self.ridge,
            num_iterations=self.num_iterations,
        )
        if self.conv is not None:
            if heads_mask is not None:  # the convolution meets padding as it meets the ends
                value = value.masked_fill(~heads_mask[..., None], 0)
            heads = heads + self.conv(value)
        return heads.transpose(-2, -3).flatten(-2)

    def _check(self, name: str, x: Tensor, query: Tensor) -> None:
        check_sequence(name, x)
        if x.shape != query.shape:
            raise ValueError(
                f"query and {name} must have the same shape, got {tuple(query.shape)} and "
                f"{tuple(x.shape)}; for cross-attention use torch.nn.MultiheadAttention"
            )
        if x.shape[-1] != self.dim or x.dim() > 3:
            raise ValueError(
                f"{name} must have the shape (batch, time, dim) or (time, dim) with "
                f"dim={self.dim}, got {tuple(x.shape)}"
            )
        check_device(name, x, self.in_proj_weight)
        wanted = self.in_proj_weight.dtype
        if x.dtype != wanted and not torch.is_autocast_enabled(x.device.type):
            raise TypeError(
                f"{name} is {x.dtype}, but the parameters of this module are {wanted}; convert "
                f"with {name}.to({wanted}) or attention.to({x.dtype})"
            )


def _convolution(kernel_size: int, num_heads: int, dtype: torch.dtype | None) -> nn.Conv2d:
    """Make one kernel over time for each head, shared by its features, without values yet."""
    kernel_size = check_count("conv_kernel_size", kernel_size)
    if kernel_size % 2 == 0:
        raise ValueError(f"conv_kernel_size must be odd, got {kernel_size}")
    return nn.Conv2d(
        num_heads,
        num_heads,
        (kernel_size, 1),
        padding=(kernel_size // 2, 0),
        groups=num_heads,
        bias=False,
        device="meta",
        dtype=dtype,
    )
