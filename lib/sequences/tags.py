"""Tag schemes: spans and words written as one tag a token, and read back.

BIO
    ``B-x`` begins a span with the label x, ``I-x`` continues it, ``O`` is outside of any.
BMES
    ``B-x``, ``M-x``, ``E-x`` are the beginning, middle and end of a span, ``S-x`` a span of one
    token, ``O`` is outside. Without labels the tags are plain ``B M E S``, every token belongs to
    a word, and the spans are the words of a segmentation.

Reading is strict: what is no complete, well-formed span is no span. Word segmentation cannot leave
tokens out, so :func:`tags_to_words` has a rule for every sequence of tags.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

SchemeName = Literal["BIO", "BMES"]


class Scheme(Enum):
    """How spans are written as tags; functions take its name too."""

    BIO = "BIO"
    BMES = "BMES"


class Span(NamedTuple):
    """Tokens ``start`` to ``stop`` − 1, with a label (empty for the words of a segmentation)."""

    start: int
    stop: int
    label: str = ""


class Constraints(NamedTuple):
    """What a scheme allows, as :class:`lib.sequences.crf.LinearChainCRF` takes it."""

    transitions: Bool[Tensor, "tags tags"]
    start: Bool[Tensor, " tags"]
    end: Bool[Tensor, " tags"]


class SpanScores(NamedTuple):
    """Micro-averaged agreement of predicted with gold spans; 0 where a ratio is 0 / 0."""

    precision: float
    recall: float
    f1: float
    num_correct: int
    num_predicted: int
    num_gold: int


def tag_names(scheme: Scheme | SchemeName, labels: Sequence[str] = ()) -> list[str]:
    """List the tags of a scheme; their order numbers them for all other functions.

    Args:
        scheme: ``"BIO"`` or ``"BMES"``.
        labels: the labels of spans. BMES without labels tags the words of a segmentation.

    Raises:
        ValueError: for an unknown scheme, a repeated or empty label, and BIO without labels.

    Example:
        >>> tag_names("BIO", ["PER", "LOC"])
        ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC']
        >>> tag_names("BMES")
        ['B', 'M', 'E', 'S']
    """
    scheme = _scheme(scheme)
    if len(set(labels)) < len(labels) or not all(labels):
        raise ValueError(f"labels must be different and not empty, got {list(labels)}")
    if not labels:
        if scheme is Scheme.BIO:
            raise ValueError("BIO needs labels, for instance tag_names('BIO', ['PER', 'LOC'])")
        return list("BMES")
    prefixes = "BI" if scheme is Scheme.BIO else "BMES"
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in prefixes)]


def allowed_transitions(scheme: Scheme | SchemeName, labels: Sequence[str] = ()) -> Constraints:
    """Say which tags may follow each other, start and end, in the order of :func:`tag_names`.

    In both schemes a span that goes on must go on with its own label. In BMES a span that began
    must also end.

    Args:
        scheme: ``"BIO"`` or ``"BMES"``.
        labels: the labels of spans.

    Raises:
        ValueError: as :func:`tag_names`.

    Example:
        >>> transitions, start, end = allowed_transitions("BMES")
        >>> transitions.int()  # rows: after B, M, E, S
        tensor([[0, 1, 1, 0],
                [0, 1, 1, 0],
                [1, 0, 0, 1],
                [1, 0, 0, 1]], dtype=torch.int32)
        >>> start.tolist(), end.tolist()
        ([True, False, False, True], [False, False, True, True])
    """
    scheme = _scheme(scheme)
    names = tag_names(scheme, labels)
    return Constraints(
        torch.tensor([[_may_follow(scheme, a, b) for b in names] for a in names]),
        torch.tensor([_may_follow(scheme, None, name) for name in names]),
        torch.tensor([_may_follow(scheme, name, None) for name in names]),
    )


def spans_to_tags(spans: Iterable[Span], length: int, scheme: Scheme | SchemeName) -> list[str]:
    """Write spans as tags; tokens that no span covers are ``O``.

    Args:
        spans: spans in any order, which must not overlap.
        length: the number of tokens.
        scheme: ``"BIO"`` or ``"BMES"``; spans without a label become plain ``B M E S``.

    Raises:
        ValueError: for an empty span, one outside the tokens, two that overlap, and BIO spans
            without a label.

    Example:
        >>> spans_to_tags([Span(1, 4, "LOC")], 5, "BMES")
        ['O', 'B-LOC', 'M-LOC', 'E-LOC', 'O']
    """
    scheme = _scheme(scheme)
    tags = ["O"] * length
    for span in spans:
        start, stop, label = span
        if not 0 <= start < stop <= length:
            raise ValueError(f"{span} is empty or leaves the tokens 0 to {length - 1}")
        if tags[start:stop] != ["O"] * (stop - start):
            raise ValueError(f"{span} overlaps another span; one token has one tag")
        if scheme is Scheme.BIO and not label:
            raise ValueError(f"{span} has no label, which BIO needs; segmentations use BMES")
        size = stop - start
        inner = "I" if scheme is Scheme.BIO else "M"
        prefixes = ["B"] + [inner] * (size - 1)
        if scheme is Scheme.BMES:
            prefixes[-1] = "E" if size > 1 else "S"
        tags[start:stop] = [f"{prefix}-{label}" if label else prefix for prefix in prefixes]
    return tags


def tags_to_spans(tags: Sequence[str], scheme: Scheme | SchemeName) -> list[Span]:
    """Read the well-formed spans; a continuation that no beginning leads to is no span.

    A span that is broken off (BMES: without its end) is no span either. So ``I-x`` after ``O``
    counts for nothing, where some scripts repair it to the beginning of a span.

    Args:
        tags: tag names, one a token.
        scheme: ``"BIO"`` or ``"BMES"``.

    Raises:
        ValueError: for a tag that is not of the scheme, with its position.

    Example:
        >>> tags_to_spans(["B-PER", "I-PER", "O", "I-LOC"], "BIO")
        [Span(start=0, stop=2, label='PER')]
    """
    scheme = _scheme(scheme)
    spans: list[Span] = []
    start: int | None = None  # of the open span
    for position, tag in enumerate(tags):
        after = tags[position + 1] if position + 1 < len(tags) else None
        prefix, label = _split(tag, scheme, position)
        if prefix in "BS":
            start = position
        elif prefix == "O" or position == 0 or not _may_follow(scheme, tags[position - 1], tag):
            start = None
        complete = prefix in "ES" if scheme is Scheme.BMES else not _continues(scheme, tag, after)
        if start is not None and complete:
            spans.append(Span(start, position + 1, label))
            start = None
    return spans


def span_f1(predicted: Sequence[Iterable[Span]], gold: Sequence[Iterable[Span]]) -> SpanScores:
    """Score spans strictly: one is correct if start, stop and label all agree.

    Args:
        predicted: the spans of each sentence.
        gold: likewise, in the same order.

    Returns:
        Precision, recall and F1 over the spans of all sentences together, and the counts. The
        F1 of words is that of their spans, from :func:`words_to_spans` or :func:`tags_to_words`.

    Raises:
        ValueError: for unequal numbers of sentences.

    Example:
        >>> span_f1([[Span(0, 2), Span(2, 3)]], [[Span(0, 2), Span(2, 4)]])
        SpanScores(precision=0.5, recall=0.5, f1=0.5, num_correct=1, num_predicted=2, num_gold=2)
    """
    if len(predicted) != len(gold):
        raise ValueError(f"got predictions for {len(predicted)} sentences and gold for {len(gold)}")
    correct = found = wanted = 0
    for spans, truth in zip(predicted, gold, strict=True):
        ours, right = set(spans), set(truth)
        correct, found, wanted = correct + len(ours & right), found + len(ours), wanted + len(right)
    precision, recall = correct / max(found, 1), correct / max(wanted, 1)
    return SpanScores(
        precision, recall, 2 * correct / max(found + wanted, 1), correct, found, wanted
    )


def words_to_spans(words: Iterable[str]) -> list[Span]:
    """Find where words stand in their concatenation.

    Raises:
        ValueError: for an empty word.

    Example:
        >>> words_to_spans(["to", "be"])
        [Span(start=0, stop=2, label=''), Span(start=2, stop=4, label='')]
    """
    spans: list[Span] = []
    start = 0
    for word in words:
        if not word:
            raise ValueError(f"word {len(spans)} is empty; leave empty words out")
        spans.append(Span(start, start + len(word)))
        start += len(word)
    return spans


def words_to_tags(words: Iterable[str]) -> list[str]:
    """Write a segmentation as one of ``B M E S`` for each character.

    Raises:
        ValueError: for an empty word.

    Example:
        >>> words_to_tags(["a", "to", "the"])
        ['S', 'B', 'E', 'B', 'M', 'E']
    """
    spans = words_to_spans(words)
    return spans_to_tags(spans, spans[-1].stop if spans else 0, Scheme.BMES)


def tags_to_words(text: str, tags: Sequence[str]) -> list[str]:
    """Cut a text into words: after each ``E`` and ``S``, and before each ``B`` and ``S``.

    The rule reads every sequence of ``B M E S``, legal or not, and loses no character; on legal
    ones it inverts :func:`words_to_tags`.

    Raises:
        ValueError: for a tag that is none of the four, and for unequal lengths.

    Example:
        >>> tags_to_words("tobe", ["B", "E", "B", "E"])
        ['to', 'be']
        >>> tags_to_words("tobe", ["M", "B", "M", "M"])  # illegal, but read
        ['t', 'obe']
    """
    if len(text) != len(tags):
        raise ValueError(f"the text has {len(text)} characters, but there are {len(tags)} tags")
    words: list[str] = []
    cut = True
    for position, (character, tag) in enumerate(zip(text, tags, strict=True)):
        if tag not in ("B", "M", "E", "S"):
            raise ValueError(f"tags[{position}] is {tag!r}, which is none of B, M, E, S")
        if cut or tag in "BS":
            words.append(character)
        else:
            words[-1] += character
        cut = tag in "ES"
    return words


def count_illegal(paths: Int[Tensor, "batch time"], constraints: Constraints) -> int:
    """Count what the constraints forbid in a batch of paths: transitions, starts and ends.

    Args:
        paths: tags, padded at the end of each row with −100.
        constraints: from :func:`allowed_transitions`.

    Raises:
        ValueError: for a tag out of range.

    Example:
        >>> count_illegal(torch.tensor([[0, 0, -100]]), allowed_transitions("BMES"))  # B B
        2
    """
    real = paths >= 0
    num_tags = len(constraints.start)
    if bool((paths >= num_tags).any()) or bool((~real & (paths != -100)).any()):
        raise ValueError(f"tags run from 0 to {num_tags - 1}, and padding is −100; got others")
    transitions, start, end = (allowed.to(paths.device) for allowed in constraints)
    tags = paths.clamp_min(0).long()
    pairs = ~transitions[tags[:, :-1], tags[:, 1:]] & real[:, 1:]
    is_last = real & ~torch.cat([real[:, 1:], torch.zeros_like(real[:, :1])], 1)
    starts, ends = ~start[tags[:, :1]] & real[:, :1], ~end[tags] & is_last
    return int(pairs.sum() + starts.sum() + ends.sum())


def _scheme(scheme: Scheme | str) -> Scheme:
    try:
        return Scheme(scheme)
    except ValueError:
        raise ValueError(f"scheme must be 'BIO' or 'BMES', got {scheme!r}") from None


def _split(tag: str, scheme: Scheme, position: int) -> tuple[str, str]:
    prefix, dash, label = tag.partition("-")
    plain = scheme is Scheme.BMES and not dash
    inside = prefix in (("B", "I") if scheme is Scheme.BIO else ("B", "M", "E", "S"))
    if tag == "O" or (inside and (label or plain)):
        return prefix, label
    raise ValueError(f"tags[{position}] is {tag!r}, which is no {scheme.value} tag")


def _continues(scheme: Scheme, tag: str | None, after: str | None) -> bool:
    """Say whether ``after`` goes on with the span that ``tag`` stands in."""
    if tag is None or after is None:
        return False
    (prefix, _, label), (next_prefix, _, next_label) = tag.partition("-"), after.partition("-")
    opened, inner = ("BI", "I") if scheme is Scheme.BIO else ("BM", "ME")
    return prefix in opened and next_prefix in inner and label == next_label


def _may_follow(scheme: Scheme, tag: str | None, after: str | None) -> bool:
    """Say whether ``after`` may follow ``tag``; None is the edge of the sentence."""
    if _continues(scheme, tag, after):
        return True
    must_go_on = scheme is Scheme.BMES and tag is not None and tag[0] in "BM"
    is_continuation = after is not None and after[0] in ("I" if scheme is Scheme.BIO else "ME")
    return not must_go_on and not is_continuation
