"""Torch's gradients of an implementation, beside those derived from the formula."""

from collections.abc import Callable, Mapping
from typing import Any

from .array_modules import ArrayModule
from .oracle import Oracle


def gradients_of(
    oracle: Oracle,
    function: Callable[..., Any],
    select: Callable[[Any], Any],
    inputs: Mapping[str, Any],
    arguments: Any,
    wanted: Mapping[str, int | str],
) -> dict[str, tuple[Any, Any]]:
    """For each input, the derived gradient and torch's, both [batch..., every..., own axes...].

    Items of a batch are taken not to influence one another. An argument without the batch's axes
    gets the sum over the batch.

    Raises:
        TypeError: When an argument is no floating-point tensor, or the output has no gradient.
        ModuleNotFoundError: Without torch.
    """
    torch = ArrayModule("torch").xp
    made: Any = dict(arguments) if isinstance(arguments, Mapping) else list(arguments)
    moving = {}
    for name, key in wanted.items():
        value = made[key]
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            raise TypeError(
                f"the gradient by {name} needs argument {key!r} of the function as a tensor of "
                f"floating-point numbers, got {type(value).__name__}"
            )
        moving[name] = made[key] = value.detach().clone().requires_grad_()
    output = select(function(**made) if isinstance(made, dict) else function(*made))
    if not getattr(output, "requires_grad", False):
        raise TypeError("the function's output has no gradient: it leaves torch on its way")
    compared = {}
    for name, argument in moving.items():
        expected = oracle.gradient(name)(**inputs)
        own = oracle.axes(name)
        tail = output.ndim - _batch_axes(oracle, inputs)
        compared[name] = _pair(expected, output, argument, own, tail)
    return compared


def _batch_axes(oracle: Oracle, inputs: Mapping[str, Any]) -> int:
    """How many batch axes the inputs have together."""
    import numpy as np

    shapes = {n: np.shape(_plain(v)) for n, v in inputs.items() if n != "every"}
    return max(len(shape) - oracle.axes(n) for n, shape in shapes.items())


def _plain(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def _pair(expected: Any, output: Any, argument: Any, own: int, tail: int) -> tuple[Any, Any]:
    """The derived gradient, summed over the batch axes that the argument has not, and torch's."""
    import numpy as np

    torch = ArrayModule("torch").xp
    batch = output.ndim - tail
    lead = argument.ndim - own
    ranges = output.shape[batch:]
    rows = []
    for place in np.ndindex(*ranges):
        part = output[(..., *place)].sum()
        (row,) = torch.autograd.grad(part, argument, retain_graph=True, allow_unused=True)
        rows.append(torch.zeros_like(argument) if row is None else row)
    actual = torch.stack(rows).movedim(0, lead)
    actual = actual.reshape((*argument.shape[:lead], *ranges, *argument.shape[lead:]))
    summed = expected.sum(tuple(range(batch - lead))) if batch > lead else expected
    return summed, _plain(actual)
