"""Word segmentation as tagging: sentences to characters and BMES tags, and to tensors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lib.datasets.loading import Dataset, load

TAGS = "BMES"  # begin, middle, end of a word of several characters; single-character word
PADDING_TAG = -100  # the index that torch.nn.functional.cross_entropy ignores


def segmentation_corpus(
    name: str = "ud-english-ewt",
    *,
    max_characters: int | None = 140,
    min_words: int = 2,
    lowercase: bool = True,
    embedded: bool = False,
) -> Dataset:
    """Sentences to segment: a text data set with the sentences chosen that suit the task.

    Args:
        name: a data set of sentences of words.
        max_characters: longest sentence to keep, spaces not counted; None for no limit.
        min_words: shortest sentence to keep; one word leaves nothing to segment.
        lowercase: lower-case the words, so that capitals do not give beginnings away.
        embedded: use the embedded default even if the data can be had.

    Returns:
        a data set whose splits are lists of sentences (lists of words) and whose ``source`` counts
        what was kept and says how it was chosen.

    Raises:
        ValueError: a limit that nothing can meet; besides, what :func:`lib.datasets.load` raises.

    >>> corpus = segmentation_corpus("synthetic-lexicon", max_characters=None)
    >>> len(corpus["train"])
    1000
    """
    if min_words < 1 or (max_characters is not None and max_characters < min_words):
        raise ValueError(
            "expected 1 <= min_words <= max_characters, "
            f"got min_words={min_words}, max_characters={max_characters}"
        )
    whole = load(name, embedded=embedded)
    splits: dict[str, list[list[str]]] = {}
    for split, sentences in whole.splits.items():
        cased = ([w.lower() for w in words] if lowercase else list(words) for words in sentences)
        splits[split] = [
            words
            for words in cased
            if len(words) >= min_words
            and (max_characters is None or sum(map(len, words)) <= max_characters)
        ]
    limits = [f"at least {min_words} words"] if min_words > 1 else []
    limits += [f"at most {max_characters} characters"] if max_characters is not None else []
    selection = ["those of " + " and ".join(limits)] if limits else []
    selection += ["lower-cased"] if lowercase else []
    source = replace(
        whole.source,
        records={split: len(sentences) for split, sentences in splits.items()},
        selection=", ".join(selection),
    )
    return Dataset(splits, source)


def bmes(words: Sequence[str]) -> str:
    """The tag of each character: ``S`` for a word of one, else ``B``, ``M`` …, ``E``.

    Raises:
        ValueError: a word is empty.

    >>> bmes(["the", "cat", "is", "a", "tabby"])
    'BMEBMEBESBMMME'
    """
    if not all(words):
        raise ValueError(f"expected words of at least one character, got {list(words)!r}")
    return "".join("S" if len(w) == 1 else "B" + "M" * (len(w) - 2) + "E" for w in words)


@dataclass(frozen=True)
class Vocabulary:
    """The characters a model knows: index 0 is padding, 1 any unknown character.

    >>> vocabulary = Vocabulary.of([["a", "cat"], ["a", "bat"]], min_count=2)
    >>> vocabulary.characters, len(vocabulary)
    ('at', 4)
    >>> vocabulary.index("c"), vocabulary.index("t")
    (1, 3)
    """

    characters: str

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], *, min_count: int = 1) -> "Vocabulary":
        """All characters seen at least ``min_count`` times, in the order of their code points.

        Take the training sentences only: rare characters below the count teach the model what an
        unknown one looks like.
        """
        counts: dict[str, int] = {}
        for words in sentences:
            for character in "".join(words):
                counts[character] = counts.get(character, 0) + 1
        return cls("".join(sorted(c for c, count in counts.items() if count >= min_count)))

    def __post_init__(self) -> None:
        """Refuse a character that has two indices; keep the table of indices."""
        table = {character: index for index, character in enumerate(self.characters, start=2)}
        if len(table) != len(self.characters):
            raise ValueError(f"expected distinct characters, got {self.characters!r}")
        object.__setattr__(self, "_table", table)

    def __len__(self) -> int:
        """Number of indices, padding and unknown included: the size of an embedding."""
        return len(self.characters) + 2

    def index(self, character: str) -> int:
        """The character's index; 1 if it is not in the vocabulary."""
        table: dict[str, int] = self.__dict__["_table"]
        return table.get(character, 1)


class Encoded(NamedTuple):
    """Sentences as padded tensors, ready for ``TensorDataset(*encoded)``.

    Attributes:
        ids: index of each character; 0 on padding.
        tags: index into ``TAGS``; −100 on padding.
        mask: True on characters, False on padding.
    """

    ids: Int[Tensor, "sentences time"]
    tags: Int[Tensor, "sentences time"]
    mask: Bool[Tensor, "sentences time"]


def encode(sentences: Sequence[Sequence[str]], vocabulary: Vocabulary) -> Encoded:
    """Sentences of words as tensors of characters and tags, the spaces deleted.

    Args:
        sentences: lists of words, in any order; the order is kept.
        vocabulary: gives each character its index.

    Returns:
        tensors of shape (sentences, longest sentence), on the CPU; memory 17 bytes an entry.

    Raises:
        ValueError: no sentences, an empty sentence, or an empty word.

    >>> encoded = encode([["a", "cat"], ["at"]], Vocabulary("act"))
    >>> encoded.ids
    tensor([[2, 3, 2, 4],
            [2, 4, 0, 0]])
    >>> encoded.tags
    tensor([[   3,    0,    1,    2],
            [   0,    2, -100, -100]])
    """
    if not sentences or not all(sentences):
        raise ValueError("expected at least one sentence, each of at least one word")
    rows = [
        (
            torch.tensor([vocabulary.index(character) for character in "".join(words)]),
            torch.tensor([TAGS.index(tag) for tag in bmes(words)]),
        )
        for words in sentences
    ]
    pad = torch.nn.utils.rnn.pad_sequence
    ids = pad([ids for ids, _ in rows], batch_first=True, padding_value=0)
    tags = pad([tags for _, tags in rows], batch_first=True, padding_value=PADDING_TAG)
    return Encoded(ids, tags, tags != PADDING_TAG)
