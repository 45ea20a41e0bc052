"""Tag schemes: spans and words written and read back, strict on what is ill-formed."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.sequences.tags import (
    Scheme,
    Span,
    allowed_transitions,
    count_illegal,
    span_f1,
    spans_to_tags,
    tag_names,
    tags_to_spans,
    tags_to_words,
    words_to_spans,
    words_to_tags,
)

SCHEMES = [("BIO", ["x", "y"]), ("BMES", ["x", "y"]), ("BMES", [])]


@st.composite
def segmentations(draw, labels=("x", "y"), gaps=True):
    """Draw spans that do not overlap, and the number of tokens."""
    spans, position = [], 0
    for size in draw(st.lists(st.integers(1, 4), max_size=6)):
        position += draw(st.integers(0, 2)) if gaps else 0
        spans.append(Span(position, position + size, draw(st.sampled_from(labels))))
        position += size
    return spans, position + (draw(st.integers(0, 2)) if gaps else 0)


@settings(derandomize=True, deadline=None)
@given(segmentations(), st.sampled_from(["BIO", "BMES", Scheme.BIO]))
def test_spans_round_trip(segmentation, scheme):
    spans, length = segmentation
    tags = spans_to_tags(reversed(spans), length, scheme)
    assert tags_to_spans(tags, scheme) == spans
    names = tag_names(scheme, ["x", "y"])
    path = torch.tensor([[names.index(tag) for tag in tags]], dtype=torch.long)
    if length:
        assert count_illegal(path, allowed_transitions(scheme, ["x", "y"])) == 0


@settings(derandomize=True, deadline=None)
@given(st.lists(st.text("ab", min_size=1, max_size=5), max_size=6))
def test_words_round_trip(words):
    tags = words_to_tags(words)
    assert tags_to_words("".join(words), tags) == words
    assert tags_to_spans(tags, "BMES") == words_to_spans(words)


@pytest.mark.parametrize(("scheme", "labels"), SCHEMES)
def test_legal_paths_are_exactly_those_that_spans_write(scheme, labels):
    # Of all tag sequences of four tokens, the allowed ones are those that survive a round trip.
    names, allowed = tag_names(scheme, labels), allowed_transitions(scheme, labels)
    for path in itertools.product(range(len(names)), repeat=4):
        tags = [names[tag] for tag in path]
        legal = bool(
            allowed.start[path[0]]
            and all(allowed.transitions[a, b] for a, b in itertools.pairwise(path))
            and allowed.end[path[-1]]
        )
        spans = tags_to_spans(tags, scheme)
        assert legal == (spans_to_tags(spans, 4, scheme) == tags)
        assert legal == (count_illegal(torch.tensor([path]), allowed) == 0)


@pytest.mark.parametrize(
    ("scheme", "tags", "spans"),
    [
        ("BIO", "I-x I-x O", []),
        ("BIO", "O I-x B-x", [Span(2, 3, "x")]),
        ("BIO", "B-x I-y I-x", [Span(0, 1, "x")]),
        ("BIO", "B-x B-x I-x", [Span(0, 1, "x"), Span(1, 3, "x")]),
        ("BMES", "B-x M-x O", []),
        ("BMES", "B-x E-y E-x", []),
        ("BMES", "B-x B-x E-x", [Span(1, 3, "x")]),
        ("BMES", "M-x E-x S-y", [Span(2, 3, "y")]),
        ("BMES", "B-x S-x E-x", [Span(1, 2, "x")]),
        ("BMES", "B M", []),
        ("BIO", "", []),
    ],
)
def test_reading_is_strict(scheme, tags, spans):
    assert tags_to_spans(tags.split(), scheme) == spans


@settings(derandomize=True, deadline=None)
@given(st.text("BMES", max_size=12))
def test_every_tag_sequence_is_a_segmentation(tags):
    text = "abcdefghijkl"[: len(tags)]
    words = tags_to_words(text, tags)
    assert "".join(words) == text
    assert all(words)
    cuts = set(itertools.accumulate(len(word) for word in words)) - {len(text)}
    for position in range(1, len(text)):
        expected = tags[position - 1] in "ES" or tags[position] in "BS"
        assert (position in cuts) == expected


def test_counts_of_illegal_transitions():
    allowed = allowed_transitions("BMES")
    names = tag_names("BMES")

    def count(*rows):
        size = max(map(len, rows))
        paths = [[names.index(tag) for tag in row] + [-100] * (size - len(row)) for row in rows]
        return count_illegal(torch.tensor(paths), allowed)

    assert count("BMES", "S", "SBE") == 0
    assert count("BS", "S") == 1
    assert count("M") == 2  # neither a start nor an end
    assert count("EBB", "B") == 4  # a start, a step and two ends
    with pytest.raises(ValueError, match="tags run from 0 to 3"):
        count_illegal(torch.tensor([[4]]), allowed)
    with pytest.raises(ValueError, match="padding is −100"):
        count_illegal(torch.tensor([[0, -1]]), allowed)


def test_span_f1():
    gold = [[Span(0, 2, "x"), Span(3, 4, "y")], [Span(0, 1, "x")]]
    predicted = [[Span(0, 2, "x"), Span(3, 4, "x"), Span(4, 5, "x")], []]
    scores = span_f1(predicted, gold)
    assert (scores.num_correct, scores.num_predicted, scores.num_gold) == (1, 3, 3)
    assert scores.precision == pytest.approx(1 / 3)
    assert scores.recall == pytest.approx(1 / 3)
    assert scores.f1 == pytest.approx(1 / 3)
    assert span_f1(gold, gold).f1 == 1
    uneven = span_f1([gold[0][:1], []], gold)
    assert uneven.precision == 1
    assert uneven.recall == pytest.approx(1 / 3)
    assert uneven.f1 == pytest.approx(2 * uneven.precision * uneven.recall / (1 + 1 / 3))
    assert span_f1([[]], [[]]) == (0, 0, 0, 0, 0, 0)
    with pytest.raises(ValueError, match="2 sentences and gold for 1"):
        span_f1(gold, gold[:1])


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tag_names("IOB", ["x"]), "'BIO' or 'BMES', got 'IOB'"),
        (lambda: tag_names("BIO"), "BIO needs labels"),
        (lambda: tag_names("BIO", ["x", "x"]), "labels must be different"),
        (lambda: tag_names("BIO", [""]), "not empty"),
        (lambda: spans_to_tags([Span(1, 1, "x")], 3, "BIO"), "is empty or leaves"),
        (lambda: spans_to_tags([Span(1, 4, "x")], 3, "BIO"), "is empty or leaves"),
        (lambda: spans_to_tags([Span(0, 2, "x"), Span(1, 3, "x")], 3, "BIO"), "overlaps"),
        (lambda: spans_to_tags([Span(0, 2)], 3, "BIO"), "no label"),
        (lambda: tags_to_spans(["O", "E-x"], "BIO"), r"tags\[1\] is 'E-x', which is no BIO tag"),
        (lambda: tags_to_spans(["B"], "BIO"), "no BIO tag"),
        (lambda: tags_to_spans(["B-"], "BMES"), "no BMES tag"),
        (lambda: tags_to_spans([""], "BMES"), "no BMES tag"),
        (lambda: words_to_tags(["a", ""]), "word 1 is empty"),
        (lambda: tags_to_words("ab", ["S"]), "2 characters, but there are 1 tags"),
        (lambda: tags_to_words("ab", ["S", "O"]), r"tags\[1\] is 'O'"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_segmentations_of_nothing():
    assert words_to_tags([]) == []
    assert tags_to_words("", []) == []
