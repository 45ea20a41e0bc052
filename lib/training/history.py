"""What a training run leaves behind: plain lists."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class History:
    """The course of one :func:`lib.training.fit`.

    Attributes:
        loss: The loss of each step's batch, before that step's update.
        gradient_norm: The gradient's Euclidean norm at each step, before clipping.
        learning_rate: For each parameter group of the optimizer, the rate of each step.
        evaluated_at: How many steps had been made at each evaluation.
        metrics: By name, the value at each evaluation.
        epoch_steps: Steps in an epoch.
        best_step: After how many steps the best weights were reached, where one was sought.
        stopped_early: Whether patience ran out.
        seconds: Wall-clock time of the training and its evaluations, over all resumptions.
    """

    loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    learning_rate: list[list[float]] = field(default_factory=list)
    evaluated_at: list[int] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    epoch_steps: int = 0
    best_step: int | None = None
    stopped_early: bool = False
    seconds: float = 0.0

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.loss)

    def epoch_loss(self) -> list[float]:
        """The mean loss of each epoch; of a last, unfinished one too.

        >>> History(loss=[3.0, 1.0, 0.5], epoch_steps=2).epoch_loss()
        [2.0, 0.5]
        """
        starts = range(0, self.steps, max(self.epoch_steps, 1))
        parts = [self.loss[start : start + max(self.epoch_steps, 1)] for start in starts]
        return [sum(part) / len(part) for part in parts]

    def add_step(self, loss: float, gradient_norm: float, rates: list[float]) -> None:
        """Note one step."""
        self.loss.append(loss)
        self.gradient_norm.append(gradient_norm)
        self.learning_rate = self.learning_rate or [[] for _ in rates]
        for group, rate in zip(self.learning_rate, rates, strict=True):
            group.append(rate)

    def add_metrics(self, metrics: dict[str, float]) -> None:
        """Note one evaluation, made after the present number of steps."""
        if self.metrics and set(self.metrics) != set(metrics):
            raise ValueError(
                f"evaluate must give the same metrics each time: first {sorted(self.metrics)}, "
                f"now {sorted(metrics)}"
            )
        self.evaluated_at.append(self.steps)
        for name, value in metrics.items():
            self.metrics.setdefault(name, []).append(float(value))

    def to_dict(self) -> dict[str, Any]:
        """A plain dict, for JSON or a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "History":
        """The history that :meth:`to_dict` gave."""
        return cls(**content)

    def __str__(self) -> str:
        """One line: steps, last loss, best or last metrics, time.

        >>> print(History(loss=[3.0, 1.0], seconds=2.0))
        2 steps, loss 3.000 to 1.000, 2.0 s
        """
        parts = [f"{self.steps} steps"]
        if self.loss:
            parts.append(f"loss {self.loss[0]:.3f} to {self.loss[-1]:.3f}")
        parts += [f"{name} {values[-1]:.3f}" for name, values in self.metrics.items()]
        if self.best_step is not None:
            parts.append(f"best weights after step {self.best_step}")
        if self.stopped_early:
            parts.append("stopped early")
        return ", ".join([*parts, f"{self.seconds:.1f} s"])
