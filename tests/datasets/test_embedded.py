"""Data that need no network are there, the same each time, and what they say they are."""

import inspect
import json
import platform
import sys

import pytest

from lib.datasets import load
from lib.datasets.embedded import _sentences, python_docs, synthetic_lexicon


@pytest.fixture(scope="module")
def docs():
    return python_docs({})


class TestPythonDocs:
    def test_enough_sentences_in_four_to_one(self, docs):
        train, test = len(docs["train"]), len(docs["test"])
        assert train + test > 3000
        assert test / (train + test) == pytest.approx(0.2, abs=0.03)

    def test_the_same_each_time(self, docs):
        assert python_docs({}) == docs

    def test_each_sentence_once_and_in_one_split(self, docs):
        whole = [" ".join(words).lower() for split in docs.values() for words in split]
        assert len(set(whole)) == len(whole)

    def test_sentences_are_prose(self, docs):
        for words in docs["train"] + docs["test"]:
            assert len(words) >= 4
            assert all(words)
            assert words[0][0].isupper()
            assert words[-1][-1] in ".!?:"

    def test_reads_the_installation_without_importing_it(self, docs):
        expected = list(_sentences(inspect.getdoc(json.dumps)))
        assert len(expected) > 3
        found = {" ".join(words).lower() for split in docs.values() for words in split}
        assert {sentence.lower() for sentence in expected} <= found
        assert "turtle" not in sys.modules

    def test_title_says_the_version(self):
        assert platform.python_version() in load("python-docs").source.sentence


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Return the *first* of ``x``.  Then\nstop right there now.",
            ["Return the first of x.", "Then stop right there now."],
        ),
        ("An example of use.\n\n>>> this is not prose at all.", ["An example of use."]),
        ("rule ::= This is no prose.", []),
        ("Too short here.", []),
        ("No full stop in this one", []),
        ("See that x = {1: 2} is code.", []),
    ],
)
def test_sentences(text, sentences):
    assert list(_sentences(text)) == sentences


class TestSyntheticLexicon:
    def test_the_same_each_time_and_on_each_python(self):
        splits = synthetic_lexicon({})
        assert splits == synthetic_lexicon({})
        assert [len(sentence) for sentence in splits["train"][:5]] == [23, 7, 17, 5, 14]
        assert [ord(sign) for sign in splits["train"][0][0]] == [12194, 12122, 12087]

    def test_signs_are_radicals_and_no_chinese(self):
        text = "".join(w for split in synthetic_lexicon({}).values() for s in split for w in s)
        assert {ord(sign) for sign in text} <= set(range(0x2F00, 0x2FD6))

    def test_words_are_of_the_lexicon_and_sentences_of_the_stated_length(self):
        sentences = [s for split in synthetic_lexicon({}).values() for s in split]
        assert {len(sentence) for sentence in sentences} == set(range(5, 26))
        assert {len(word) for s in sentences for word in s} == {1, 2, 3, 4}
        assert len({word for s in sentences for word in s}) <= 2000

    def test_words_follow_zipfs_law(self):
        """The commonest word has 1/H(2000) = 12.2 % of 22,500 draws; five standard deviations.

        The generator is fixed, so this fails for a changed law and never by chance.
        """
        words = [w for split in synthetic_lexicon({}).values() for s in split for w in s]
        share = max(words.count(word) for word in set(words[:200])) / len(words)
        expected = 1 / sum(1 / rank for rank in range(1, 2001))
        assert abs(share - expected) < 5 * (expected * (1 - expected) / len(words)) ** 0.5
