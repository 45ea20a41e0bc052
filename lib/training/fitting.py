"""The training loop."""

import math
import time
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from lib.training.acceleration import Precision, accelerated
from lib.training.batching import Batches
from lib.training.history import History
from lib.training.progress import progress_bar
from lib.training.seeding import seeded
from lib.training.state import Goal, Run

if TYPE_CHECKING:
    from accelerate import Accelerator

Loss = Callable[[nn.Module, tuple[Tensor, ...]], Tensor | tuple[Tensor, Tensor | int]]
Evaluate = Callable[[nn.Module], Mapping[str, float]]


def fit(
    model: nn.Module,
    loss: Loss,
    data: Batches,
    optimizer: Optimizer,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    scheduler: LRScheduler | None = None,
    max_norm: float | int | None = None,
    precision: Precision = "no",
    seed: int = 0,
    evaluate: Evaluate | None = None,
    every: int | None = None,
    monitor: str | None = None,
    mode: Literal["min", "max"] = "min",
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool | str = True,
) -> History:
    r"""Train ``model`` by gradient descent on the mean loss of each batch.

    Step :math:`t` has the batch :math:`B_t`, and with the sum :math:`L` of the loss over a batch
    and the number :math:`n` of its terms,

    .. math::

        g_t = \nabla_\theta\, L(\theta_t, B_t) / n(B_t), \qquad
        \theta_{t+1} = \text{optimizer}(\theta_t,\ g_t \min(1, c / \lVert g_t \rVert)).

    Under ``torchrun`` each process computes its share of the *same* :math:`B_t`; :math:`L`,
    :math:`n` and the gradients are summed over the processes, so that losses and weights are those
    of one process up to rounding, also when shares are unequal. What looks at a whole batch
    (batch normalization) or draws random numbers (dropout) sees its share only.

    Args:
        model: Trained in place. It comes back on the device, in evaluation mode.
        loss: ``loss(model, batch)`` gives the mean over the batch's items as a scalar; or, for a
            mean over other things such as tokens, the pair (sum, count).
        data: From :func:`lib.training.batches`.
        optimizer: Made of the model's parameters, in groups with rates of their own if wanted.
        epochs: How often to go through the data; or else
        steps: how many batches to train on. Exactly one of the two.
        scheduler: Stepped after each step, such as :func:`lib.training.warmup_cosine`.
        max_norm: :math:`c`, the largest Euclidean norm of the gradient; None leaves it as it is.
        precision: ``no`` computes in the model's dtype; ``bf16`` runs the loss under autocast;
            ``auto`` does so for float32 models on a GPU that has bfloat16.
        seed: Seeds torch's global generators (dropout) for the time of the training.
        evaluate: ``evaluate(model)`` gives metrics by name, in evaluation mode, without gradients
            and in the model's dtype. The first process alone calls it, on all evaluation data.
        every: Evaluate, and write the checkpoint, each so many steps and at the end; by default
            once an epoch.
        monitor: A metric. The weights with its best value are the ones that the model ends with.
        mode: Whether the monitored metric is better when smaller (``min``) or larger (``max``).
        patience: Stop after so many evaluations in a row without a better value.
        checkpoint: A file that holds the whole state of the run. It is replaced in one move.
        resume: Go on from ``checkpoint`` if that file exists: on the same machine and with the
            same arguments, exactly as if the run had never been interrupted.
        progress: Show a bar, and under this name if it is a string.

    Returns:
        The course of the training.

    Raises:
        TypeError: arguments of a wrong kind or in a wrong order; a loss that gives no tensor.
        ValueError: arguments that contradict one another, or a checkpoint of another run.
        FloatingPointError: a loss or gradient that is not finite, with the step's number. The
            weights are those before that step; the checkpoint is not touched.

    Cost: one forward and backward pass and one transfer of two numbers from the device a step.

    >>> from lib.training import batches, generator
    >>> x = torch.linspace(-1, 1, 64)[:, None]
    >>> model = nn.Linear(1, 1)
    >>> history = fit(
    ...     model,
    ...     lambda model, batch: (model(batch[0]) - batch[1]).square().mean(),
    ...     batches(x, 3 * x + 1, batch_size=16, generator=generator(0)),
    ...     torch.optim.Adam(model.parameters(), lr=0.1),
    ...     epochs=40,
    ... )
    >>> history.loss[-1] < 1e-2
    True
    """
    _check_order(model, loss)
    _check(model, data, optimizer, scheduler)
    _check_numbers(epochs=epochs, steps=steps, every=every, max_norm=max_norm)
    _check_needs(monitor, evaluate, resume, checkpoint)
    last = epochs * len(data) if epochs is not None else steps or 0
    every = len(data) if every is None else every
    path = None if checkpoint is None else Path(checkpoint)
    run = Run(model, optimizer, scheduler, data, Goal(monitor, mode, patience))
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    model.zero_grad()
    with (
        accelerated(precision, model) as accelerator,
        seeded(seed + accelerator.process_index, accelerator.device),
    ):
        # The loss is the module that accelerate wraps, so `model` keeps its own methods in it.
        objective = accelerator.prepare(_Objective(model, loss))
        history = run.start(accelerator, path if resume else None)
        began = time.perf_counter() - history.seconds
        show = progress is not False and accelerator.is_main_process
        label = progress if isinstance(progress, str) else "training"
        with progress_bar(last, history.steps, label, show) as bar:
            while history.steps < last and not history.stopped_early:
                model.train()
                batch, weight = run.next_batch(accelerator)
                mean = _backward(accelerator, objective, batch, weight)
                norm = _clip(accelerator, trained, max_norm)
                value, size = _finite(mean, norm, history.steps + 1)
                run.update(value, size)
                bar.set_postfix_str(f"loss {value:.3f}", refresh=False)
                bar.update()
                if history.steps % every == 0 or history.steps == last:
                    if evaluate is not None:
                        run.judge(_metrics(accelerator, model, evaluate))
                    history.seconds = time.perf_counter() - began
                    if path is not None:
                        run.save(accelerator, path)
        run.finish()
    return history


class _Objective(nn.Module):
    """The loss of a batch as a module: its sum and the number of its terms."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, batch: tuple[Tensor, ...], weight: float) -> tuple[Tensor, Tensor]:
        result = self.loss(self.model, batch)
        items = batch[0].shape[0]
        value = result[0] if isinstance(result, tuple) else result
        if not isinstance(value, Tensor):
            raise TypeError(
                "loss must return a tensor, or a pair (sum, count) with the sum a tensor; got a "
                f"{type(value).__name__}, which has no gradient: leave out .item() and float()"
            )
        total, count = result if isinstance(result, tuple) else (result * items, items)
        if total.ndim > 0:
            raise ValueError(
                f"loss must give a scalar, or a pair (sum, count); got shape {tuple(total.shape)}"
            )
        return total * weight, torch.as_tensor(count).to(total.detach()) * weight


def _backward(
    accelerator: "Accelerator", objective: nn.Module, batch: tuple[Tensor, ...], weight: float
) -> Tensor:
    """Put the gradient of the global batch's mean loss into ``.grad``; return that loss."""
    total, count = objective(batch, weight)
    loss_sum, terms = accelerator.reduce(torch.stack([total.detach(), count]), reduction="sum")
    # Data parallelism averages the gradients of the processes; what is wanted is their sum.
    accelerator.backward(total * (accelerator.num_processes / terms))
    mean: Tensor = loss_sum / terms
    return mean


def _clip(
    accelerator: "Accelerator", trained: list[nn.Parameter], max_norm: float | int | None
) -> Tensor:
    """Clip the gradient to ``max_norm``; return the norm that it had."""
    if max_norm is None:
        return nn.utils.get_total_norm([p.grad for p in trained if p.grad is not None])
    norm: Tensor = accelerator.clip_grad_norm_(trained, max_norm)
    return norm


def _metrics(accelerator: "Accelerator", model: nn.Module, evaluate: Evaluate) -> dict[str, float]:
    """Evaluate in the first process, and tell the others, so that all stop at the same step."""
    from accelerate.utils import broadcast_object_list

    model.eval()
    found: list[dict[str, float]] = [{}]
    if accelerator.is_main_process:
        with torch.no_grad():
            found = [{name: float(value) for name, value in evaluate(model).items()}]
    return dict(broadcast_object_list(found)[0])


def _finite(loss: Tensor, norm: Tensor, step: int) -> tuple[float, float]:
    """Both as numbers, in one transfer from the device."""
    value, size = torch.stack([loss, norm.to(loss)]).tolist()
    if math.isfinite(value) and math.isfinite(size):
        return value, size
    raise FloatingPointError(
        f"step {step}: the loss is {value} and the norm of its gradient {size}. The weights are "
        "those before this step. Look for a logarithm or a division of 0 in the loss and for an "
        "empty batch; or lower the learning rate, or clip the gradient with max_norm"
    )


def _check_order(model: nn.Module, loss: Loss) -> None:
    for name, value, right, kind in (
        ("model", model, isinstance(model, nn.Module), "a torch.nn.Module"),
        ("loss", loss, callable(loss), "a function of (model, batch)"),
    ):
        if not right:
            raise TypeError(
                f"{name} must be {kind}, got a {type(value).__name__}; "
                "the order is fit(model, loss, data, optimizer)"
            )


def _check(
    model: nn.Module, data: Batches, optimizer: Optimizer, scheduler: LRScheduler | None
) -> None:
    """Refuse what could only go wrong later."""
    if not isinstance(data, Batches):
        raise TypeError(f"data must come from lib.training.batches; it is a {type(data).__name__}")
    known = {id(parameter) for parameter in model.parameters()}
    if any(id(p) not in known for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(
            "the optimizer has a parameter that is not the model's; make one module of everything "
            "that is trained, and the optimizer of its parameters"
        )
    if isinstance(scheduler, ReduceLROnPlateau):
        raise ValueError("ReduceLROnPlateau needs a metric; use a schedule that counts steps")


def _check_numbers(**numbers: float | int | None) -> None:
    if (numbers["epochs"] is None) == (numbers["steps"] is None):
        got = "neither" if numbers["epochs"] is None else "both"
        raise ValueError(f"give either epochs or steps; got {got}")
    for name, number in numbers.items():
        if number is None:
            continue
        kind, said = (Real, "a number") if name == "max_norm" else (Integral, "an integer")
        if not isinstance(number, kind):
            raise TypeError(f"{name} must be {said}; it is {number!r}")
        if not number > 0:
            raise ValueError(f"{name} must be above 0; it is {number}")


def _check_needs(
    monitor: str | None, evaluate: Evaluate | None, resume: bool, checkpoint: str | Path | None
) -> None:
    if monitor is not None and evaluate is None:
        raise ValueError(f"monitor={monitor!r} needs evaluate, which gives that metric")
    if resume and checkpoint is None:
        raise ValueError("resume needs checkpoint, the file to go on from")
