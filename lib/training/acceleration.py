"""Where accelerate is set up for one training, and taken down again."""

import atexit
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal
from unittest import mock

import torch
from torch import nn

from lib.training.devices import device

if TYPE_CHECKING:
    from accelerate import Accelerator

Precision = Literal["no", "auto", "bf16"]


@contextmanager
def accelerated(precision: Precision, model: nn.Module) -> Iterator["Accelerator"]:
    """An Accelerator on :func:`lib.training.device` that leaves no global state behind.

    accelerate keeps device and precision for the whole process, so a second training with other
    settings would be refused; here they last as long as the block. An Accelerator that the
    caller made beforehand is respected: its settings must then agree with these.
    """
    with warnings.catch_warnings():
        # accelerate imports tqdm's widget bar, which complains on a page that has no widgets.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState, GradientState, PartialState

    ours = not PartialState._shared_state
    with mock.patch.dict(os.environ, _settings()):
        accelerator = Accelerator(
            cpu=device().type == "cpu", mixed_precision=_resolved(precision, model)
        )
    if ours and torch.distributed.is_initialized():
        atexit.register(_leave_group)
    try:
        yield accelerator
    finally:
        if ours:
            AcceleratorState._reset_state(reset_partial_state=True)
            GradientState._reset_state()


def _resolved(precision: Precision, model: nn.Module) -> Literal["no", "bf16"]:
    if precision not in ("no", "auto", "bf16"):
        raise ValueError(f"precision must be 'no', 'auto' or 'bf16'; it is {precision!r}")
    if precision != "auto":
        return precision
    single = all(p.dtype == torch.float32 for p in model.parameters() if p.is_floating_point())
    fast = device().type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if single and fast else "no"


def _settings() -> dict[str, str]:
    """Environment that accelerate reads: keep it from another device and from setting threads."""
    if "LOCAL_RANK" in os.environ:  # under torchrun, where each process finds its own device
        return {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(torch.get_num_threads()))}
    return {"ACCELERATE_TORCH_DEVICE": str(device())}


def _leave_group() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
