"""Recorded descents on disk: numbers and names only, so that loading runs no code of the file."""

import copy
import dataclasses
import os
import tempfile
from pathlib import Path

import torch
from torch import nn

from lib.kernels._path_models import Loss, ParametricModel
from lib.kernels._path_optimizers import Rule, State
from lib.kernels._path_recording import GradientPath

_FORMAT = "gradient path 1"


def save_path(path: GradientPath, file: str | os.PathLike[str]) -> None:
    """Write a recorded descent to a file, whole or not at all.

    It holds the training set, the kept parameters, the order of the minibatches, the settings, and
    the buffers and frozen parameters of the model; not the model's code, and not the loss.

    Args:
        path: the descent.
        file: where to write it; a file there is replaced.

    Raises:
        OSError: if the file cannot be written; what was there stays.

    Example: see :func:`load_path`.
    """
    fixed = path.function.module.state_dict()
    content = {
        "format": _FORMAT,
        "rule": dataclasses.asdict(path.rule),
        "shapes": {name: list(shape) for name, shape in path.function.shapes.items()},
        "fixed": {n: v for n, v in fixed.items() if n not in path.function.shapes},
        "checkpoints": [list(state) for state in path.checkpoints],
        **{name: getattr(path, name) for name in _PLAIN},
    }
    target = Path(file)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            torch.save(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


_PLAIN = ("x", "y", "orders", "batch_size", "every", "losses")


def load_path(
    file: str | os.PathLike[str],
    model: nn.Module,
    loss_fn: Loss,
    *,
    device: torch.device | str | None = None,
) -> GradientPath:
    """Read a recorded descent that :func:`save_path` wrote.

    Args:
        file: the file.
        model: a model of the same architecture, whose parameters do not matter; it is copied.
        loss_fn: the loss of the descent.
        device: where to put it; where it was when it is left out.

    Returns:
        The path. Its last stretch is walked again, to see that model and loss are those of the
        descent. Nothing in the file is executed (``torch.load`` with ``weights_only=True``).

    Raises:
        ValueError: for a file of another kind, a model with other parameters, or a model or loss
            that does not lead where the descent led.
        OSError: if the file cannot be read.

    Example:
        >>> import pathlib, tempfile, torch
        >>> from lib.kernels.path_kernel import record_gradient_descent
        >>> x, y = torch.tensor([[1.0], [2.0]]), torch.tensor([[2.0], [4.0]])
        >>> loss = torch.nn.MSELoss()
        >>> path = record_gradient_descent(torch.nn.Linear(1, 1), loss, x, y, num_steps=5, lr=0.1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_path(path, pathlib.Path(folder) / "descent.pt")
        ...     again = load_path(pathlib.Path(folder) / "descent.pt", torch.nn.Linear(1, 1), loss)
        >>> torch.equal(again.vector(), path.vector())
        True
    """
    content = torch.load(file, map_location=device, weights_only=True)
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"{os.fspath(file)} holds no recorded descent of the form {_FORMAT!r}")
    module = copy.deepcopy(model)
    module.to(content["checkpoints"][0][0])  # its dtype and device
    function = ParametricModel(module)
    shapes = {name: list(shape) for name, shape in function.shapes.items()}
    if shapes != content["shapes"]:
        other = sorted(set(map(str, shapes.items())) ^ set(map(str, content["shapes"].items())))
        raise ValueError(f"the model is not that of the descent; they differ in {', '.join(other)}")
    module.load_state_dict(content["fixed"], strict=False)
    content["rule"]["rates"] = tuple(content["rule"]["rates"])
    path = GradientPath(
        function=function,
        loss_fn=loss_fn,
        rule=Rule(**content["rule"]),
        checkpoints=[State(*state) for state in content["checkpoints"]],
        **{name: content[name] for name in _PLAIN},
    )
    _refuse_another_descent(path)
    return path


def _refuse_another_descent(path: GradientPath) -> None:
    """Walk the last stretch again, and compare where it ends."""
    state = path.checkpoints[-2]
    for step in range((len(path.checkpoints) - 2) * path.every, path.num_steps):
        state, _ = path.advance(state, step)
    start, end = (kept.parameters for kept in path.checkpoints[-2:])
    rounding = 100 * torch.finfo(end.dtype).eps * end.norm()
    if not bool((state.parameters - end).norm() <= 0.01 * (end - start).norm() + rounding):
        raise ValueError(
            "from the last kept parameters this model and loss lead elsewhere than the recorded "
            "descent; give the loss_fn that it was recorded with, and the same architecture"
        )
