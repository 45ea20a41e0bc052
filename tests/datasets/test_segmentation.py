"""Sentences as tagged characters, and as tensors."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib.datasets.segmentation import (
    PADDING_TAG,
    TAGS,
    Vocabulary,
    bmes,
    encode,
    segmentation_corpus,
)
from lib.sequences.tags import tags_to_words

sentences = st.lists(st.text("abcde", min_size=1, max_size=5), min_size=1, max_size=8)


class TestTags:
    def test_order_is_part_of_the_contract(self):
        assert TAGS == "BMES"

    def test_each_length(self):
        assert [bmes(["x" * n]) for n in range(1, 5)] == ["S", "BE", "BME", "BMME"]

    def test_an_empty_word_is_refused(self):
        with pytest.raises(ValueError, match="at least one character"):
            bmes(["a", ""])

    @given(sentences)
    def test_the_tag_scheme_reads_them_back(self, words):
        assert tags_to_words("".join(words), list(bmes(words))) == words


class TestVocabulary:
    def test_padding_and_unknown_come_first(self):
        vocabulary = Vocabulary.of([["b", "ab"]])
        assert [vocabulary.index(c) for c in "ab?"] == [2, 3, 1]
        assert len(vocabulary) == 4

    def test_rare_characters_are_unknown(self):
        assert Vocabulary.of([["aab", "b"], ["c"]], min_count=2).characters == "ab"

    def test_order_of_sentences_does_not_matter(self):
        corpus = [["ba"], ["dc"]]
        assert Vocabulary.of(corpus) == Vocabulary.of(corpus[::-1])

    def test_a_character_twice_is_refused(self):
        with pytest.raises(ValueError, match="distinct characters"):
            Vocabulary("aba")


class TestEncode:
    @given(st.lists(sentences, min_size=1, max_size=5))
    def test_decodes_to_the_same_sentences(self, corpus):
        vocabulary = Vocabulary.of(corpus)
        ids, tags, mask = encode(corpus, vocabulary)
        longest = max(len("".join(words)) for words in corpus)
        assert ids.shape == tags.shape == mask.shape == (len(corpus), longest)
        assert (ids.dtype, tags.dtype, mask.dtype) == (torch.int64, torch.int64, torch.bool)
        for row, words in enumerate(corpus):
            spelled = "".join(vocabulary.characters[i - 2] for i in ids[row][mask[row]])
            names = [TAGS[tag] for tag in tags[row][mask[row]]]
            assert tags_to_words(spelled, names) == words

    def test_padding(self):
        ids, tags, mask = encode([["a"], ["aa", "a"]], Vocabulary("a"))
        assert ids.tolist() == [[2, 0, 0], [2, 2, 2]]
        assert tags.tolist() == [[3, PADDING_TAG, PADDING_TAG], [0, 2, 3]]
        assert mask.tolist() == [[True, False, False], [True, True, True]]

    @pytest.mark.parametrize("corpus", [[], [[]], [["a"], []], [["a", ""]]])
    def test_nothing_to_encode_is_refused(self, corpus):
        with pytest.raises(ValueError, match="at least one"):
            encode(corpus, Vocabulary("a"))


class TestCorpus:
    def test_selection(self, server, made_row):
        made_row(server.url)
        corpus = segmentation_corpus("made", max_characters=8)
        assert corpus["train"] == [["well", "done"]]
        assert corpus.source.records == {"train": 1}
        assert (
            "1 sentences in `train`, those of at least 2 words and at most 8 characters, "
            "lower-cased." in corpus.source.sentence
        )

    def test_no_selection(self, server, made_row):
        made_row(server.url)
        corpus = segmentation_corpus("made", max_characters=None, min_words=1, lowercase=False)
        assert corpus["train"] == [["Hello", "big", "world"], ["Well", "done"]]
        assert corpus.source.selection == ""

    def test_default_can_be_asked_for(self, server, made_row):
        made_row(server.url)
        assert segmentation_corpus("made", embedded=True).source.embedded

    @pytest.mark.parametrize("limits", [{"min_words": 0}, {"min_words": 3, "max_characters": 2}])
    def test_impossible_limits(self, limits):
        with pytest.raises(ValueError, match="1 <= min_words <= max_characters"):
            segmentation_corpus("synthetic-lexicon", **limits)

    def test_counts_of_ewt_are_those_of_the_experiments(self, real_mirror):
        corpus = segmentation_corpus("ud-english-ewt")
        assert corpus.source.records == {"train": 2710, "dev": 1707, "test": 1744}
        assert corpus.source.origin == "mirror"

    def test_counts_of_gsdsimp(self, real_mirror):
        corpus = segmentation_corpus("ud-chinese-gsdsimp", max_characters=None, min_words=1)
        assert corpus.source.records == {"train": 500, "test": 500}
