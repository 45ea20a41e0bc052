"""What each process of test_parallel.py runs, under torchrun or alone."""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lib.training import batches, fit, generator

STEPS = 20


def token_loss(model: nn.Module, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    x, mask = batch
    errors = (model(x[..., None])[..., 0] - x.sin()).square()
    return errors[mask].sum(), mask.sum()


def item_loss(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    return (model(batch[0][..., None])[..., 0] - batch[0].sin()).square().mean()


def train(
    dtype: torch.dtype, loss: Any, batch_size: int, checkpoint: Path, steps: int = STEPS
) -> dict[str, Any]:
    """Train on 23 items of unequal length; what differs between processes must not matter."""
    rank = int(os.environ.get("RANK", "0"))
    x = torch.rand(23, 6, generator=generator(0), dtype=dtype)
    mask = torch.arange(6) < torch.randint(1, 7, (23, 1), generator=generator(4))
    data = batches(x, mask, batch_size=batch_size, generator=generator(5 + rank))
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)).to(dtype)
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -1, 1, generator=generator(6 + rank))
    history = fit(
        model,
        loss,
        data,
        torch.optim.Adam(model.parameters(), lr=0.05),
        steps=steps,
        max_norm=0.1,
        every=5,
        evaluate=lambda model: {"error": model(x[..., None]).square().mean()},
        monitor="error",
        checkpoint=checkpoint,
        resume=True,
    )
    weights = torch.cat([p.detach().flatten() for p in model.parameters()]).tolist()
    return {
        "loss": history.loss,
        "norm": history.gradient_norm,
        "metrics": history.metrics["error"],
        "weights": weights,
    }


def main(folder: Path) -> dict[str, Any]:
    """Batches of 4 leave shares of 2 and 1 at an epoch's end; batches of 11, shares of 1 and 0."""
    runs = {
        "tokens": train(torch.float64, token_loss, 4, folder / "tokens.pt"),
        "items in float32": train(torch.float32, item_loss, 4, folder / "items.pt"),
        "a process without a share": train(torch.float64, token_loss, 11, folder / "single.pt"),
    }
    train(torch.float64, token_loss, 4, folder / "resumed.pt", steps=10)
    runs["resumed"] = train(torch.float64, token_loss, 4, folder / "resumed.pt")
    return runs


if __name__ == "__main__":
    warnings.simplefilter("error")
    folder = Path(sys.argv[1])
    found = main(folder)
    (folder / f"rank{os.environ['RANK']}.json").write_text(json.dumps(found))
