"""Learning-rate schedules."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_cosine(
    optimizer: Optimizer, steps: int, *, warmup: int = 0, final: float = 0.0
) -> LambdaLR:
    r"""A schedule that rises linearly and falls along a half cosine, for every parameter group.

    Step :math:`t = 0, \dots, T-1` has the group's own rate multiplied by

    .. math::

        \begin{cases}
            (t + 1) / (w + 1) & t < w \\
            f + (1 - f) \tfrac12 \bigl(1 + \cos \pi \tfrac{t - w}{T - w}\bigr) & t \ge w
        \end{cases}

    Args:
        optimizer: Its groups keep the ratios of their rates.
        steps: :math:`T`, all steps of the run: ``epochs * len(data)``.
        warmup: :math:`w`, the steps of the rise.
        final: :math:`f`, the fraction of the rate that is left at the end.

    Returns:
        A scheduler of torch, stepped once after each step.

    Raises:
        ValueError: not ``0 <= warmup < steps``, or ``final`` outside 0 to 1.

    Source: Loshchilov and Hutter, *SGDR* (2017), equation 5, without restarts.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = warmup_cosine(optimizer, steps=10, warmup=1)
    >>> schedule.get_last_lr()
    [0.5]
    """
    if not 0 <= warmup < steps:
        raise ValueError(f"expected 0 <= warmup < steps; got warmup {warmup} and steps {steps}")
    if not 0 <= final <= 1:
        raise ValueError(f"final is a fraction of the rate, from 0 to 1; it is {final}")

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        done = min((step - warmup) / (steps - warmup), 1.0)
        return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2

    return LambdaLR(optimizer, factor)
