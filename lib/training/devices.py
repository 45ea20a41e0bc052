"""Which device a run uses, and what to call it."""

import os
import platform
from pathlib import Path

import torch


def device() -> torch.device:
    """The device to compute on: CUDA where there is one, else Apple's MPS, else the CPU.

    The environment variable ``LIB_DEVICE`` (``cpu``, ``mps``, ``cuda``, ``cuda:1``) overrides the
    choice. Under ``torchrun`` each process gets the GPU of its own local rank.

    Returns:
        The device. Nothing is initialised on it.

    Raises:
        ValueError: ``LIB_DEVICE`` is not the name of one of these devices.
        RuntimeError: ``LIB_DEVICE`` names a device that this machine does not have.

    >>> device().type in {"cuda", "mps", "cpu"}
    True
    """
    wanted = os.environ.get("LIB_DEVICE", "").strip()
    if wanted:
        return _checked(wanted)
    if torch.cuda.is_available():
        return _own_gpu()
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def describe_device(which: torch.device | None = None) -> str:
    """What a reader calls the device: the GPU's name, or the CPU's with the threads torch uses.

    Args:
        which: The device; by default :func:`device`.

    >>> describe_device(torch.device("cpu"))
    '...thread...'
    """
    which = device() if which is None else which
    if which.type == "cuda":
        return torch.cuda.get_device_name(which)
    if which.type == "mps":
        return f"{_cpu_name()} (MPS)"
    threads = torch.get_num_threads()
    return f"{_cpu_name()}, {threads} thread{'s' if threads > 1 else ''}"


def _own_gpu() -> torch.device:
    """One process owns one GPU: the first, or under torchrun that of the local rank."""
    if "LOCAL_RANK" not in os.environ:
        return torch.device("cuda")
    return torch.device("cuda", int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())


def _checked(wanted: str) -> torch.device:
    try:
        chosen = torch.device(wanted)
    except RuntimeError:
        chosen = torch.device("meta")
    if chosen.type not in {"cpu", "cuda", "mps"}:
        raise ValueError(
            f"LIB_DEVICE={wanted!r} is no device; expected cpu, mps, cuda or cuda:<number>"
        )
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    there = {
        "cpu": chosen.index in (None, 0),
        "mps": torch.backends.mps.is_available(),
        "cuda": (chosen.index or 0) < gpus,
    }
    if not there[chosen.type]:
        raise RuntimeError(
            f"LIB_DEVICE={wanted!r}, but this machine has no such device: it has {gpus} CUDA "
            f"device(s), MPS {'is' if there['mps'] else 'is not'} available; "
            "unset LIB_DEVICE to take what there is"
        )
    return _own_gpu() if wanted == "cuda" else chosen


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "CPU"
