"""Long labelled sequences."""

import zipfile
from collections import Counter

import pytest
import torch

from lib.datasets import load
from lib.datasets.errors import DatasetError
from lib.datasets.labelled import (
    encode_bytes,
    evaluate_listops,
    generate_listops,
    generated_listops,
    listops,
    movie_reviews,
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [(b"7", 7), (b"n49]", 4), (b"x2n49]5]", 5), (b"d1824]", 3), (b"d14]", 2), (b"s985]", 2)],
)
def test_evaluation(expression, value):
    assert evaluate_listops(expression) == value


@pytest.mark.parametrize("wrong", [b"", b"12", b"n12", b"12]", b"]", b"n]", b"q12]", b"(1)"])
def test_what_is_no_expression_is_refused(wrong):
    with pytest.raises(DatasetError, match="no expression"):
        evaluate_listops(wrong)


def test_the_original_file_is_read(tmp_path):
    path = tmp_path / "test.tsv"
    path.write_text("2\t( ( ( ( [SM ( ( ( [MIN 5 ) 8 ) ] ) ) 7 ) ] )\n5\t5\n")
    assert listops({"test": [path]})["test"] == [(b"sn58]7]", 2), (b"5", 5)]


def test_generated_expressions_follow_the_rules():
    drawn = generate_listops(400, 1, max_depth=4, max_arguments=3, lengths=(5, 40))
    assert drawn == generate_listops(400, 1, max_depth=4, max_arguments=3, lengths=(5, 40))
    assert len({text for text, _ in drawn}) == 400
    for text, value in drawn:
        assert 5 <= len(text) <= 40
        assert evaluate_listops(text) == value
        depth = deepest = 0
        for code in text.decode():
            depth += (code in "nxds") - (code == "]")
            deepest = max(deepest, depth)
        assert deepest <= 3  # lists stand at depths 1 to 3, digits down to 4
    with pytest.raises(ValueError, match="allow more lengths"):
        generate_listops(1, 0, max_depth=2, max_arguments=2, lengths=(50, 60))


def test_the_embedded_expressions_are_disjoint():
    splits = generated_listops({})
    train, test = ({text for text, _ in splits[name]} for name in ("train", "test"))
    assert (len(train), len(test), len(train & test)) == (2000, 500, 0)


def test_reviews_are_split_by_their_number(tmp_path):
    path = tmp_path / "reviews.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("movie_reviews/README", "about")
        archive.writestr("movie_reviews/neg/cv001_19502.txt", "bad")
        archive.writestr("movie_reviews/pos/cv900_10331.txt", "good")
    splits = movie_reviews({"all": [path]})
    assert splits == {"train": [(b"bad", 0)], "test": [(b"good", 1)]}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("movie_reviews/README", "about")
    with pytest.raises(DatasetError, match="no reviews"):
        movie_reviews({"all": [path]})


def test_encoding_cuts_and_pads():
    found = encode_bytes([(b"ab", 1), (b"abcd", 0)], 3)
    assert found.ids.tolist() == [[97, 98, 0], [97, 98, 99]]
    assert found.mask.sum(1).tolist() == [2, 3]
    assert torch.equal(found.labels, torch.tensor([1, 0]))


def test_every_value_of_the_original_file_is_ours(real_mirror):
    rows = load("listops")["test"]
    assert len(rows) == 10_000
    assert all(evaluate_listops(text) == value for text, value in rows)


def test_the_generator_draws_as_the_original_does(real_mirror):
    """Shares of operators, lengths of lists and nesting agree; false alarm below 1e-4."""
    shares = []
    for rows in (load("listops")["test"], generate_listops(10_000, 3)):
        counts = Counter(b"".join(text for text, _ in rows))
        lists = counts[ord("]")]
        total = sum(counts.values())
        shares.append([counts[ord(code)] / lists for code in "nxds"] + [lists / total])
    for original, ours in zip(*shares, strict=True):
        assert abs(original - ours) < 0.012


def test_the_real_reviews(real_mirror):
    splits = load("movie-reviews")
    assert (len(splits["train"]), len(splits["test"])) == (1800, 200)
    assert sum(label for _, label in splits["test"]) == 100
