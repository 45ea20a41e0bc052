"""Annotated text to sentences of words."""

import zipfile
from itertools import pairwise

import pytest

from lib.datasets.text import _blocks, _text, conllu_text, conllu_tokens, join_tokens, masc

# A multi-word token (can't), an empty node (8.1), punctuation that touches, no final blank line.
SAMPLE = """\
# newdoc id = one
# sent_id = 1
# text = I can't, she "can".
1\tI\tI\tPRON
2-3\tcan't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
2\tca\tcan\tAUX
3\tn't\tnot\tPART
4\t,\t,\tPUNCT
5\tshe\tshe\tPRON
6\t"\t"\tPUNCT
7\tcan\tcan\tAUX
8\t"\t"\tPUNCT
8.1\tgo\tgo\tVERB
9\t.\t.\tPUNCT

# text = 1 000 times
1\t1 000\t1000\tNUM
2\ttimes\ttime\tNOUN"""


@pytest.fixture
def sample(tmp_path):
    path = tmp_path / "sample.conllu"
    path.write_text(SAMPLE, encoding="utf-8")
    return path


def test_words_of_the_text_are_what_spaces_separate(sample):
    assert conllu_text({"train": [sample], "dev": []}) == {
        "train": [["I", "can't,", "she", '"can".'], ["1", "000", "times"]],
        "dev": [],
    }


def test_tokens_are_those_of_the_surface(sample):
    assert conllu_tokens({"train": [sample]})["train"] == [
        ["I", "can't", ",", "she", '"', "can", '"', "."],
        ["1000", "times"],
    ]


def test_files_of_a_part_follow_one_another(sample):
    once = conllu_text({"x": [sample]})["x"]
    assert conllu_text({"x": [sample, sample]})["x"] == once + once


def test_a_sentence_without_text_is_told(tmp_path):
    path = tmp_path / "bad.conllu"
    path.write_text("# sent_id = 7\n1\tone\n\n")
    with pytest.raises(ValueError, match="no line '# text = …'; it begins '# sent_id = 7'"):
        conllu_text({"train": [path]})


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ("It 's n't .", ["It'sn't."]),
        ('He said " yes " .', ["He", "said", '"yes".']),
        ("`` Yes '' , he said", ['"Yes",', "he", "said"]),
        ("$ 5 ( or 6 % )", ["$5", "(or", "6%)"]),
        ("minor - league , and / or", ["minor-league,", "and/or"]),
        ("the dogs ' -- all of them", ["the", "dogs'", "--", "all", "of", "them"]),
        ("", []),
        (". a", [".", "a"]),
        ("(", ["("]),
    ],
)
def test_join_tokens(tokens, words):
    assert join_tokens(tokens.split()) == words


def test_masc_splits_by_document_and_skips_slips(tmp_path):
    path = tmp_path / "masc.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/categories.txt", "spoken/a.txt debate\n")
        for number in range(40):
            archive.writestr(
                f"m/spoken/d{number}.txt", f"It_PRP 's_VBZ d{number}_NN ._.\n\n_UH . \n"
            )
    splits = masc({"all": [path]})
    assert sorted(sentence[1] for split in splits.values() for sentence in split) == sorted(
        f"d{number}." for number in range(40)
    )
    assert 0 < len(splits["test"]) < len(splits["train"])
    assert splits == masc({"all": [path]})


class TestRealFiles:
    def test_join_tokens_finds_the_words_of_ewt(self, real_mirror):
        """The figure in the docstring: word F1 of the rule where the true spacing is known."""

        def spans(words):
            ends = [0]
            for word in words:
                ends.append(ends[-1] + len(word))
            return set(pairwise(ends))

        found = true = both = 0
        for block in _blocks(real_mirror / "ud-ewt/en_ewt-ud-test.conllu"):
            lines = [line.split("\t") for line in block if not line.startswith("#")]
            tokens = [line[1] for line in lines if line[0].isdigit()]
            guess, truth = spans(join_tokens(tokens)), spans(_text(block).split())
            found, true, both = found + len(guess), true + len(truth), both + len(guess & truth)
        assert 2 * both / (found + true) == pytest.approx(0.97, abs=0.005)

    def test_surface_tokens_spell_the_text_of_ewt(self, real_mirror):
        """Tokens and text are two readings of the same characters, in each of the sentences."""
        part = {"x": [real_mirror / "ud-ewt/en_ewt-ud-test.conllu"]}
        tokens, texts = conllu_tokens(part)["x"], conllu_text(part)["x"]
        assert len(tokens) == len(texts) == 2077
        assert ["".join(words) for words in tokens] == ["".join(words) for words in texts]

    def test_masc_counts(self, real_mirror):
        splits = masc({"all": [real_mirror / "text/masc_tagged.zip"]})
        assert sum(map(len, splits.values())) > 34_000
        assert not any("_" in w for w in splits["train"][0])
