"""Data that need no network: what ships inside Python, and what a program makes exactly."""

import ast
import re
import sys
import sysconfig
from bisect import bisect
from collections.abc import Iterator
from hashlib import sha256
from importlib.machinery import PathFinder
from itertools import accumulate
from random import Random

from lib.datasets.text import Parts, Sentences

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_PROSE = re.compile(r"[A-Z][A-Za-z0-9 ,;:'\"()./_-]*[.!?:]")
_MARKUP = re.compile(r"[`*|]+")
_FIRST_SIGN, _SIGNS = 0x2F00, 214  # the Kangxi radicals of Unicode
_CODE = (">>>", "::=")  # paragraphs with an example session or a grammar rule are left out


def python_docs(parts: Parts) -> dict[str, Sentences]:
    """English sentences from the help topics and docstrings of the standard library.

    Each sentence stands once, in an order fixed by its hash, so that any leading part of a split is
    a fair sample; one in five is for testing. The text depends on the version of Python and, in a
    few modules that exist on one system only, on the system. Nothing is imported or executed to
    read it but the module that holds the topics.
    """
    found: dict[str, str] = {}
    for text in _documentation():
        for sentence in _sentences(text):
            found.setdefault(sentence.lower(), sentence)
    splits: dict[str, Sentences] = {"train": [], "test": []}
    for digest, sentence in sorted((sha256(s.encode()).digest(), s) for s in found.values()):
        splits["test" if digest[-1] % 5 == 0 else "train"].append(sentence.split())
    return splits


def _documentation() -> Iterator[str]:
    from pydoc_data.topics import topics

    yield from topics.values()
    folder = sysconfig.get_path("stdlib")
    for name in sorted(sys.stdlib_module_names):
        spec = None if name.startswith("_") else PathFinder.find_spec(name, [folder])
        read = getattr(spec.loader, "get_source", None) if spec else None
        for node in ast.walk(ast.parse((read and read(name)) or "")):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield ast.get_docstring(node) or ""


def _sentences(text: str) -> Iterator[str]:
    """The sentences of plain prose, four words or more."""
    for paragraph in re.split(r"\n\s*\n", text):
        if any(mark in paragraph for mark in _CODE):
            continue
        prose = _MARKUP.sub("", " ".join(paragraph.split()))
        for sentence in _SENTENCE_END.split(prose):
            if _PROSE.fullmatch(sentence) and len(sentence.split()) >= 4:
                yield sentence


def synthetic_lexicon(parts: Parts) -> dict[str, Sentences]:
    """Sentences of a made language without spaces, the stand-in for Chinese.

    2,000 distinct words over 214 signs (the Kangxi radicals, so that nobody takes it for Chinese),
    drawn with 1, 2, 3 or 4 signs with probabilities .1, .6, .2, .1. The word of rank r stands with
    probability proportional to 1/r, independently of its neighbors, 5 to 25 words a sentence; 1,000
    sentences for training, 500 for testing. The only randomness is ``Random(0).random()``, whose
    sequence Python keeps from version to version.
    """
    random = Random(0).random
    words: dict[str, None] = {}
    while len(words) < 2000:
        length = 1 + bisect((0.1, 0.7, 0.9), random())
        words["".join(chr(_FIRST_SIGN + int(_SIGNS * random())) for _ in range(length))] = None
    lexicon = list(words)
    cumulative = list(accumulate(1 / rank for rank in range(1, len(lexicon) + 1)))

    def sentence() -> list[str]:
        length = 5 + int(21 * random())
        return [lexicon[bisect(cumulative, cumulative[-1] * random())] for _ in range(length)]

    return {"train": [sentence() for _ in range(1000)], "test": [sentence() for _ in range(500)]}
