"""Seeds: generators that are passed on, and a guard around code that knows only the global one."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from lib.training.devices import device as present_device


def generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A new random generator, started from ``seed``.

    Args:
        seed: Any integer of 64 bits.
        device: Where the numbers are to be drawn.

    >>> torch.rand(2, generator=generator(0)).equal(torch.rand(2, generator=generator(0)))
    True
    """
    return torch.Generator(device).manual_seed(seed)


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's global generators inside a ``with`` block, and put them back after it.

    For code without a ``generator`` argument, such as the initialisation of modules and dropout.
    Only the generators of the CPU and of one device are touched; both get their old state back,
    also when the block raises. NumPy and :mod:`random` are left alone.

    Args:
        seed: The seed.
        device: The device whose generator is seeded beside the CPU's; by default
            :func:`lib.training.device`.

    >>> with seeded(0):
    ...     first = torch.nn.Linear(2, 1).weight
    >>> with seeded(0):
    ...     second = torch.nn.Linear(2, 1).weight
    >>> first.equal(second)
    True
    """
    where = present_device() if device is None else device
    before = rng_state(where)
    try:
        torch.default_generator.manual_seed(seed)
        if where.type == "cuda":
            with torch.cuda.device(where):
                torch.cuda.manual_seed(seed)
        elif where.type == "mps":
            torch.mps.manual_seed(seed)
        yield
    finally:
        set_rng_state(where, before)


def rng_state(device: torch.device) -> dict[str, Tensor]:
    """The state of torch's global generators: the CPU's, and the device's where it has its own."""
    state = {"cpu": torch.default_generator.get_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_rng_state(device: torch.device, state: dict[str, Tensor]) -> None:
    """Put back what :func:`rng_state` gave; a state for another kind of device is passed over."""
    torch.default_generator.set_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
    elif device.type == "mps" and "mps" in state:
        torch.mps.set_rng_state(state["mps"])
