"""Training: the device, seeds, sizes, batches, :func:`fit`, and the runs that are kept.

Everything is a small function around PyTorch; :mod:`accelerate` is imported when :func:`fit` is
called and not before. Recorded runs live in :mod:`lib.training.runs`.
"""

from lib.training.batching import Batches, batches
from lib.training.devices import describe_device, device
from lib.training.fitting import fit
from lib.training.history import History
from lib.training.schedules import warmup_cosine
from lib.training.seeding import generator, seeded
from lib.training.sizing import Sizes, sized
from lib.training.spread import OverSeeds, format_spread, over_seeds

__all__ = [
    "Batches",
    "History",
    "OverSeeds",
    "Sizes",
    "batches",
    "describe_device",
    "device",
    "fit",
    "format_spread",
    "generator",
    "over_seeds",
    "seeded",
    "sized",
    "warmup_cosine",
]
