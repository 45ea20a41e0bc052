"""Gradients of each sample, as vectors or as factors of the linear layers, and their products.

The gradient of an output in the weight of a linear layer is an outer product of two vectors, of
what came into the layer and of what came back to it. So an inner product of two such gradients is
a product of two inner products, and the gradients themselves need never be formed.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lib.kernels._path_models import ParametricModel, as_matrix, leaves

Cotangents = Callable[[Tensor], Tensor]
"""From outputs, ``samples outputs``, to what is differentiated: ``kinds samples outputs``."""


def each_output(outputs: Tensor) -> Tensor:
    """Return the cotangents of the Jacobian: each output by itself."""
    one_hot = torch.eye(outputs.shape[1], dtype=outputs.dtype, device=outputs.device)
    return one_hot[:, None].expand(-1, len(outputs), -1)


def fixed(directions: Tensor) -> Cotangents:
    """Return the cotangents that were computed already."""
    return lambda _: directions


class Factor(NamedTuple):
    """The gradients of one linear layer, for all samples: ``back`` ⊗ ``inputs``, and ``back``."""

    inputs: Tensor  # samples in
    back: Tensor  # kinds samples out
    weight: str | None  # the name of the weight, if it is trained
    bias: str | None


def layer_factors(
    model: ParametricModel, vector: Tensor, x: Tensor, cotangents: Cotangents
) -> list[Factor]:
    """Return the gradients of each sample as factors, from one forward and one backward."""
    with torch.enable_grad(), _seen_by_linear_layers(model.module) as seen:
        outputs = as_matrix(model(leaves(model.split(vector)), x), x)
    if not seen:
        return []
    directions = cotangents(outputs.detach())
    after = [output for _, _, output in seen]
    if len(directions) == 1:
        found = torch.autograd.grad(
            outputs, after, directions[0], allow_unused=True, materialize_grads=True
        )
        backs = [back[None] for back in found]
    else:
        backs = list(
            torch.autograd.grad(
                outputs,
                after,
                directions,
                is_grads_batched=True,
                allow_unused=True,
                materialize_grads=True,
            )
        )
    return [
        Factor(inputs, back, *_trained(model, name))
        for (name, inputs, _), back in zip(seen, backs, strict=True)
    ]


def _trained(model: ParametricModel, layer: str) -> tuple[str | None, str | None]:
    """Return the names of a layer's weight and bias, where they are trained."""
    weight, bias = (f"{layer}.{part}".lstrip(".") for part in ("weight", "bias"))
    return weight if weight in model.shapes else None, bias if bias in model.shapes else None


@contextmanager
def _seen_by_linear_layers(module: nn.Module) -> Iterator[list[tuple[str, Tensor, Tensor]]]:
    """Note the name, inputs and outputs of each trained linear layer that is called."""
    seen: list[tuple[str, Tensor, Tensor]] = []

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        return lambda _, inputs, output: seen.append((name, inputs[0].detach(), output))

    hooks = [
        layer.register_forward_hook(note(name))
        for name, layer in module.named_modules()
        if type(layer) is nn.Linear and any(p.requires_grad for p in layer.parameters(False))
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def factor_products(left: list[Factor], right: list[Factor]) -> Tensor:
    """Return all inner products, ``kinds samples kinds samples``, over all layers."""
    total = torch.zeros((), dtype=left[0].back.dtype, device=left[0].back.device)
    for one, other in zip(left, right, strict=True):
        (k, n, _), (l, m, _) = one.back.shape, other.back.shape
        products = one.back.flatten(0, 1) @ other.back.flatten(0, 1).t()
        products = products.view(k, n, l, m)
        if one.weight:
            inputs = one.inputs @ other.inputs.t()
            products *= (inputs.add_(1) if one.bias else inputs)[:, None]
        total = products.add_(total)
    return total


def factor_along(model: ParametricModel, factors: list[Factor], direction: Tensor) -> Tensor:
    """Return the inner products with one vector, ``kinds samples``."""
    parts, total = model.split(direction), 0.0 * factors[0].back[..., 0]
    for factor in factors:
        if factor.weight:
            total += torch.einsum(
                "kno,no->kn", factor.back, factor.inputs @ parts[factor.weight].t()
            )
        if factor.bias:
            total += factor.back @ parts[factor.bias]
    return total


def expand_factors(model: ParametricModel, factors: list[Factor]) -> Tensor:
    """Return the gradients that the factors stand for, ``kinds samples parameters``."""
    parts = {}
    for factor in factors:
        if factor.weight:
            parts[factor.weight] = factor.back[..., None] * factor.inputs[:, None]
        if factor.bias:
            parts[factor.bias] = factor.back
    return model.join(parts)


def gradients(model: ParametricModel, vector: Tensor, x: Tensor, cotangents: Cotangents) -> Tensor:
    """Return the gradients of each sample, ``kinds samples parameters``, of any module."""
    directions = cotangents(model.outputs(vector, x)).transpose(0, 1)
    parameters = model.split(vector.detach())

    def of_one(sample: Tensor, direction: Tensor) -> dict[str, Tensor]:
        one = sample[None]
        pull = torch.func.vjp(lambda p: as_matrix(model(p, one), one)[0], parameters)[1]
        found: dict[str, Tensor] = torch.func.vmap(lambda d: pull(d)[0])(direction)
        return found

    return model.join(torch.func.vmap(of_one)(x.detach(), directions)).transpose(0, 1)


def sees_only_linear_layers(model: ParametricModel, x: Tensor) -> bool:
    """Say whether factors give the gradients: every parameter acts in one call of a linear layer.

    A weight that is used a second time by other means has a second edge in the graph. What the
    structure cannot show (an activation that overwrites its input, a batch that is shuffled) shows
    in the gradient of a sample: it is compared with that from the sample alone.
    """
    linear = [layer for layer in model.module.modules() if type(layer) is nn.Linear]
    owned = [id(p) for layer in linear for p in layer.parameters(False) if p.requires_grad]
    trainable = {id(p) for p in model.module.parameters() if p.requires_grad}
    if len(set(owned)) != len(owned) or set(owned) != trainable:
        return False
    vector, x = model.vector(), x[:2]

    def mixed(outputs: Tensor) -> Tensor:
        weights = torch.linspace(0.5, 1, outputs.shape[1], dtype=outputs.dtype, device=x.device)
        return weights.expand(1, len(outputs), -1)

    factors = layer_factors(model, vector, x, mixed)
    called = [name for factor in factors for name in (factor.weight, factor.bias) if name]
    rows = all(factor.inputs.dim() == 2 and len(factor.inputs) == len(x) for factor in factors)
    if sorted(called) != sorted(model.shapes) or not rows:
        return False
    with torch.enable_grad():
        parameters = leaves(model.split(vector))
        alone = as_matrix(model(parameters, x[:1]), x[:1])
        if any(count > 1 for count in _uses(alone).values()):
            return False
        found = torch.autograd.grad(
            alone,
            list(parameters.values()),
            mixed(alone)[0],
            allow_unused=True,
            materialize_grads=True,
        )
    own = model.join(dict(zip(parameters, found, strict=True)))
    first = [f._replace(inputs=f.inputs[:1], back=f.back[:, :1]) for f in factors]
    slack = torch.finfo(own.dtype).eps ** 0.5
    return bool((own - expand_factors(model, first)[0, 0]).norm() <= slack * own.norm())


def _uses(outputs: Tensor) -> Counter[int]:
    """Count the edges that lead to each leaf of a graph, by the identity of the leaf."""
    uses: Counter[int] = Counter()
    nodes, seen = [outputs.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        for after, _ in node.next_functions:
            leaf = getattr(after, "variable", None)
            if leaf is None:
                nodes.append(after)
            else:
                uses[id(leaf)] += 1
    return uses
