"""Loaders of images: from files to tensors of gray or color levels in [0, 1] with labels."""

import gzip
import re
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import TensorDataset

from lib.datasets.errors import DatasetError

Parts = Mapping[str, Sequence[Path]]
Images = dict[str, TensorDataset]


def mnist(parts: Parts) -> Images:
    """MNIST: training images from sprite sheets, an image a row, and the test images in IDX.

    Each split is a TensorDataset of images ``n 1 28 28`` (float32 in [0, 1]) and labels ``n``.
    """
    train = torch.cat([_sprites(path, 28, channels=1) for path in parts["train"]])
    (train_labels,), (test,), (test_labels,) = (
        [_idx(path) for path in parts[part]] for part in ("train-labels", "test", "test-labels")
    )
    return {
        "train": TensorDataset(train, train_labels[: len(train)].long()),
        "test": TensorDataset(test[:, None].float() / 255, test_labels.long()),
    }


def cifar10(parts: Parts) -> Images:
    """CIFAR-10 from sprite sheets: images ``n 3 32 32`` (float32 in [0, 1]) and labels ``n``.

    The list of labels has those of the 50,000 training images first, then of the test images.
    """
    train, test = (
        torch.cat([_sprites(path, 32, channels=3) for path in parts[part]])
        for part in ("train", "test")
    )
    (path,) = parts["labels"]
    labels = torch.tensor([int(digit) for digit in re.findall(r"\d+", path.read_text())])
    return {
        "train": TensorDataset(train, labels[: len(train)]),
        "test": TensorDataset(test, labels[50_000 : 50_000 + len(test)]),
    }


def digits(parts: Parts) -> Images:
    """The handwritten digits that ship with scikit-learn: images ``n 1 8 8`` and labels ``n``.

    The last fifth is for testing. The collection's order is kept, so that digits that stand side by
    side, often by one hand, do not fall on both sides of the cut.
    """
    from sklearn.datasets import load_digits

    loaded = load_digits()
    images = torch.tensor(loaded.images, dtype=torch.float32)[:, None] / 16
    labels = torch.tensor(loaded.target, dtype=torch.long)
    cut = 4 * len(images) // 5
    return {
        "train": TensorDataset(images[:cut], labels[:cut]),
        "test": TensorDataset(images[cut:], labels[cut:]),
    }


def _sprites(path: Path, side: int, *, channels: int) -> torch.Tensor:
    """The images of a PNG that holds one image in each row of pixels."""
    from PIL import Image

    with Image.open(path) as sheet:
        rows = torch.from_numpy(np.array(sheet.convert("RGB")))
    if rows.shape[1] != side**2:
        raise DatasetError(
            f"{path.name}: a row must hold {side} x {side} pixels, but holds {rows.shape[1]}"
        )
    images = rows.view(-1, side, side, 3)[..., :channels].permute(0, 3, 1, 2)
    return images.float() / 255


def _idx(path: Path) -> torch.Tensor:
    """The unsigned bytes of a gzipped IDX file: a magic number, sizes, then the values."""
    with gzip.open(path) as file:
        content = file.read()
    kind, dims = content[2], content[3]
    shape = [int.from_bytes(content[4 + 4 * k : 8 + 4 * k], "big") for k in range(dims)]
    start = 4 + 4 * dims
    if content[:2] != b"\0\0" or kind != 8 or len(content) - start != prod(shape):
        raise DatasetError(f"{path.name} is no IDX file of unsigned bytes")
    return torch.frombuffer(bytearray(content[start:]), dtype=torch.uint8).view(shape)
