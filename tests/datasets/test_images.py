"""Images: sprite sheets and IDX files to tensors; what ships with scikit-learn."""

import gzip

import numpy as np
import pytest
import torch
from PIL import Image

from lib.datasets import load
from lib.datasets.errors import DatasetError
from lib.datasets.images import _idx, _sprites, cifar10, digits, mnist


def write_idx(path, values):
    header = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes()))
    return path


def levels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def write_sheet(path, rows):
    Image.fromarray(rows).save(path)
    return path


def test_mnist_joins_the_sheets_in_order(tmp_path):
    rows, labels = levels(5, 784), np.arange(7, dtype=np.uint8)
    gray = np.repeat(rows[..., None], 3, axis=2)
    sheets = [
        write_sheet(tmp_path / "a.png", gray[:3]),
        write_sheet(tmp_path / "b.png", gray[3:]),
    ]
    parts = {
        "train": sheets,
        "train-labels": [write_idx(tmp_path / "y.gz", labels)],
        "test": [write_idx(tmp_path / "x.gz", rows.reshape(5, 28, 28))],
        "test-labels": [write_idx(tmp_path / "z.gz", labels[:5])],
    }
    splits = mnist(parts)
    images, found = splits["train"].tensors
    assert images.dtype == torch.float32
    assert torch.equal(images, torch.tensor(rows.reshape(5, 1, 28, 28)).float() / 255)
    assert found.tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(splits["test"].tensors[0], images)


def test_cifar_reads_colors_and_both_lists_of_labels(tmp_path):
    train, test = levels(2, 1024, 3), levels(1, 1024, 3)
    numbers = [k % 10 for k in range(50_000)] + [7]
    (tmp_path / "labels.js").write_text(f"var labels={numbers};")
    parts = {
        "train": [write_sheet(tmp_path / "a.png", train)],
        "test": [write_sheet(tmp_path / "b.png", test)],
        "labels": [tmp_path / "labels.js"],
    }
    splits = cifar10(parts)
    images, labels = splits["train"].tensors
    assert images.shape == (2, 3, 32, 32)
    assert images[1, 2, 3, 4] == torch.tensor(train[1, 3 * 32 + 4, 2]).float() / 255
    assert labels.tolist() == [0, 1]
    assert splits["test"].tensors[1].tolist() == [7]


def test_a_sheet_of_another_width_is_refused(tmp_path):
    sheet = write_sheet(tmp_path / "a.png", levels(2, 100, 3))
    with pytest.raises(DatasetError, match="28 x 28 pixels, but holds 100"):
        _sprites(sheet, 28, channels=1)


@pytest.mark.parametrize("content", [b"\0\0\x08\x01\0\0\0\x05abc", b"\0\0\x0d\x01\0\0\0\x01a"])
def test_a_broken_idx_file_is_refused(tmp_path, content):
    (tmp_path / "x.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DatasetError, match=r"x\.gz is no IDX file"):
        _idx(tmp_path / "x.gz")


def test_digits_are_embedded_and_whole():
    splits = digits({})
    train, test = splits["train"].tensors, splits["test"].tensors
    assert (train[0].shape, test[0].shape) == ((1437, 1, 8, 8), (360, 1, 8, 8))
    assert float(train[0].max()) == 1.0
    assert set(train[1].tolist()) == set(test[1].tolist()) == set(range(10))


def test_the_real_mnist(real_mirror):
    data = load("mnist")
    images, labels = data["train"].tensors
    assert images.shape == (30_000, 1, 28, 28)
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data["test"].tensors[1][:5].tolist() == [7, 2, 1, 0, 4]
    # Means of a class differ between classes: the labels belong to the images.
    means = torch.stack([images[labels == k].mean(0).flatten() for k in range(10)])
    nearest = torch.cdist(data["test"].tensors[0].flatten(1), means).argmin(1)
    assert float((nearest == data["test"].tensors[1]).float().mean()) > 0.8


def test_the_real_cifar(real_mirror):
    images, labels = load("cifar10")["train"].tensors
    assert images.shape == (10_000, 3, 32, 32)
    ships, frogs = (images[labels == k].mean((0, 2, 3)) for k in (8, 6))
    assert float(ships[2] - ships[0]) > 0.02 > float(frogs[2] - frogs[0])  # sea and sky are blue
