"""The state of a training: all that changes from step to step, and how it is kept in a file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lib.training.batching import Batches
from lib.training.files import write_atomically
from lib.training.history import History
from lib.training.seeding import rng_state, set_rng_state

if TYPE_CHECKING:
    from accelerate import Accelerator

_FORMAT = "lib.training checkpoint 1"


@dataclass(frozen=True)
class Goal:
    """Which metric is to get how, and how long to wait for a better value."""

    monitor: str | None
    mode: Literal["min", "max"]
    patience: int | None

    def __post_init__(self) -> None:
        """Refuse what is no goal."""
        if self.mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max'; it is {self.mode!r}")
        if self.patience is not None and (self.monitor is None or self.patience < 1):
            raise ValueError(
                f"patience must be 1 or more and needs monitor, the name of a metric; "
                f"got patience={self.patience} and monitor={self.monitor!r}"
            )

    def better(self, new: float, old: float) -> bool:
        """Whether ``new`` beats ``old``; a NaN beats nothing."""
        return new < old if self.mode == "min" else new > old


@dataclass
class Run:
    """A training under way, in one process."""

    model: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler | None
    data: Batches
    goal: Goal
    history: History = field(default_factory=History)
    best: dict[str, Tensor] | None = None
    # The position in the data: the batches of this epoch, how many are done, and the generator's
    # state before the epoch's order was drawn, from which it can be drawn again.
    order: list[Tensor] = field(default_factory=list)
    position: int = 0
    epoch_start: Tensor | None = None

    def start(self, accelerator: "Accelerator", path: Path | None) -> History:
        """Begin, or go on from the checkpoint at ``path`` if there is one."""
        from accelerate.utils import broadcast_object_list

        self.history.epoch_steps = len(self.data)
        self._begin_epoch()
        if path is not None and path.is_file():
            self._load(accelerator, _read(path))
        else:  # every process follows the first one's order
            self._set_position(broadcast_object_list([self._get_position()])[0])
        return self.history

    def next_batch(self, accelerator: "Accelerator") -> tuple[tuple[Tensor, ...], float]:
        """This process's share of the next global batch, on the device, and its weight.

        A batch with fewer items than there are processes leaves some without a share; such a
        process computes on one item with weight 0, since all must take part in each step.
        """
        if self.position == len(self.order):
            self._begin_epoch()
        items = self.order[self.position]
        self.position += 1
        share = items.tensor_split(accelerator.num_processes)[accelerator.process_index]
        batch = self.data.take(share if len(share) else items[:1])
        placed = tuple(tensor.to(accelerator.device, non_blocking=True) for tensor in batch)
        return placed, float(len(share) > 0)

    def update(self, loss: float, gradient_norm: float) -> None:
        """Make one step with the gradient that the parameters hold, and note it."""
        rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.optimizer.step()
        self.model.zero_grad()
        if self.scheduler is not None:
            self.scheduler.step()
        self.history.add_step(loss, gradient_norm, rates)

    def judge(self, metrics: dict[str, float]) -> None:
        """Note the metrics; keep the weights if they are the best; stop when patience runs out."""
        history, name = self.history, self.goal.monitor
        if name is not None and name not in metrics:
            raise ValueError(f"evaluate gave no {name!r} to monitor; it gave {sorted(metrics)}")
        history.add_metrics(metrics)
        if name is None:
            return
        values = history.metrics[name]
        old = None
        if history.best_step is not None:
            old = values[history.evaluated_at.index(history.best_step)]
        if old is None or self.goal.better(values[-1], old) or old != old:
            history.best_step = history.steps
            self.best = {key: value.clone() for key, value in self.model.state_dict().items()}
        waited = sum(step > (history.best_step or 0) for step in history.evaluated_at)
        history.stopped_early = self.goal.patience is not None and waited >= self.goal.patience

    def finish(self) -> None:
        """Give the model its best weights, where they were sought."""
        if self.best is not None:
            self.model.load_state_dict(self.best)
        self.model.eval()

    def save(self, accelerator: "Accelerator", path: Path) -> None:
        """Write the state to ``path``, in one move; the first process does it for all."""
        from accelerate.utils import gather_object

        generators = gather_object([rng_state(accelerator.device)])
        if accelerator.is_main_process:
            state = {
                "format": _FORMAT,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
                "best": self.best,
                "history": self.history.to_dict(),
                "position": self._get_position(),
                "generators": generators,
            }
            write_atomically(path, lambda file: torch.save(state, file))
        accelerator.wait_for_everyone()

    def _load(self, accelerator: "Accelerator", state: dict[str, Any]) -> None:
        processes = len(state["generators"])
        if processes != accelerator.num_processes:
            raise ValueError(
                f"the checkpoint was written by {processes} process(es) and is read by "
                f"{accelerator.num_processes}; resume with as many, or start afresh"
            )
        if (state["scheduler"] is None) != (self.scheduler is None):
            raise ValueError("the checkpoint and this run differ in whether there is a scheduler")
        self._set_position(state["position"])
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.best = state["best"]
        self.history = History.from_dict(state["history"])
        set_rng_state(accelerator.device, state["generators"][accelerator.process_index])

    def _begin_epoch(self) -> None:
        if self.data.generator is not None:
            self.epoch_start = self.data.generator.get_state()
        self.order = self.data.epoch()
        self.position = 0

    def _get_position(self) -> dict[str, Any]:
        sizes = [self.data.num_items, self.data.batch_size]
        return {"sizes": sizes, "epoch_start": self.epoch_start, "done": self.position}

    def _set_position(self, position: dict[str, Any]) -> None:
        sizes = [self.data.num_items, self.data.batch_size]
        if position["sizes"] != sizes or (position["epoch_start"] is None) != (
            self.epoch_start is None
        ):
            raise ValueError(
                f"the data are not those of the checkpoint: items and batch size are {sizes}, "
                f"were {position['sizes']}, or one is shuffled and the other is not"
            )
        if self.data.generator is not None:
            self.data.generator.set_state(position["epoch_start"])
        self._begin_epoch()
        self.position = position["done"]


def _read(path: Path) -> dict[str, Any]:
    """A checkpoint's content. Only plain data are read: a file can run no code."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path} is damaged or is no checkpoint of fit: delete it, or pass resume=False"
        ) from error
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise ValueError(f"{path} is no checkpoint of this version of fit: pass resume=False")
    return state
