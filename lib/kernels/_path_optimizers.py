"""Descent as a sum of past gradients: what each step of an optimizer adds to the parameters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Optimizer = Literal["sgd", "adam"]


class State(NamedTuple):
    """Where a descent stands before a step; the optimizer's tensors are empty where unused."""

    parameters: Tensor
    velocity: Tensor  # Σ_r μ^(s−r) (gradient_r + weight decay · parameters_r)
    squares: Tensor  # Adam's running mean of squared gradients


@dataclass(frozen=True)
class Rule:
    r"""Steps of the form :math:`\theta_{s+1} = \theta_s - c_s \circ v_s`.

    The velocity :math:`v_s = \mu v_{s-1} + g_s + \lambda\theta_s` is linear in the gradients of
    all samples. The scale c is the learning rate for SGD; for Adam it holds the bias correction
    and the preconditioner, one number a parameter.
    """

    rates: tuple[float, ...]
    momentum: float  # Adam's first beta
    weight_decay: float
    adam: bool
    beta2: float
    eps: float

    def start(self, vector: Tensor) -> State:
        """Return the state before the first step."""
        none = vector.new_empty(0)
        velocity = torch.zeros_like(vector) if self.momentum or self.adam else none
        return State(vector, velocity, torch.zeros_like(vector) if self.adam else none)

    def step(self, state: State, gradient: Tensor, number: int) -> State:
        """Return the state after step ``number``, counted from 0."""
        velocity = gradient
        if self.weight_decay:
            velocity = gradient + self.weight_decay * state.parameters
        squares = state.squares
        if self.adam:
            squares = self.beta2 * squares + (1 - self.beta2) * velocity.square()
        if len(state.velocity):
            velocity = self.momentum * state.velocity + velocity
        after = State(state.parameters, velocity, squares)
        parameters = state.parameters - self.scale(after, number) * velocity
        kept = velocity if len(state.velocity) else state.velocity
        return State(parameters, kept, squares)

    def scale(self, after: State, number: int) -> float | Tensor:
        """Return c of step ``number`` from the state after it."""
        if not self.adam:
            return self.rates[number]
        rate = self.rates[number] * (1 - self.momentum) / (1 - self.momentum ** (number + 1))
        spread = (after.squares / (1 - self.beta2 ** (number + 1))).sqrt()
        return rate / (spread + self.eps)

    @property
    def remembers(self) -> bool:
        """Whether a step uses gradients of earlier ones, or a preconditioner."""
        return self.adam or self.momentum > 0


def make_rule(
    num_steps: int,
    lr: float | Sequence[float],
    momentum: float,
    weight_decay: float,
    optimizer: Optimizer,
    betas: tuple[float, float],
    eps: float,
) -> Rule:
    """Check the settings of an optimizer."""
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    rates = (float(lr),) * num_steps if isinstance(lr, float | int) else tuple(map(float, lr))
    if len(rates) != num_steps:
        raise ValueError(
            f"lr has {len(rates)} rates for {num_steps} steps; give one a step, or one"
        )
    if not all(math.isfinite(rate) and rate >= 0 for rate in rates):
        raise ValueError("every learning rate must be finite and at least 0")
    if not (math.isfinite(weight_decay) and weight_decay >= 0):
        raise ValueError(f"weight_decay must be finite and at least 0, got {weight_decay}")
    if optimizer not in ("sgd", "adam"):
        raise ValueError(
            f"optimizer must be 'sgd' or 'adam', got {optimizer!r}: contributions need steps that "
            "are linear in the gradients, up to a preconditioner"
        )
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must lie in [0, 1), got {momentum}")
    if optimizer == "sgd":
        return Rule(rates, momentum, weight_decay, False, 0.0, 0.0)
    if momentum:
        raise ValueError("momentum is for optimizer='sgd'; Adam's is betas[0]")
    if not all(0 <= beta < 1 for beta in betas) or not eps > 0:
        raise ValueError(f"betas must lie in [0, 1) and eps be positive, got {betas} and {eps}")
    return Rule(rates, betas[0], weight_decay, True, betas[1], eps)
