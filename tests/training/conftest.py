"""Small trainings that the tests share."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lib.training import Batches, batches, generator


def squared_error(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    return (model(batch[0]) - batch[1]).square().mean()


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests say themselves when they want another device or size, or a record."""
    monkeypatch.setenv("LIB_DEVICE", "cpu")
    for name in ("LIB_SIZE", "LIB_RECORD", "LIB_RUNS", "LIB_COMMIT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_line() -> Callable[..., tuple[nn.Module, Batches]]:
    """A linear regression on 50 noisy points of a line, always the same one."""

    def make(batch_size: int = 8, **options: Any) -> tuple[nn.Module, Batches]:
        noise = generator(1)
        x = torch.rand(50, 2, generator=noise)
        y = x @ torch.tensor([[2.0], [-1.0]]) + 0.5
        y = y + 0.01 * torch.randn(y.shape, generator=noise)
        model = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.1), nn.Linear(8, 1))
        start = generator(2)
        for parameter in model.parameters():
            nn.init.uniform_(parameter, -0.5, 0.5, generator=start)
        return model, batches(x, y, batch_size=batch_size, generator=generator(3), **options)

    return make
