"""Loaders of annotated text: from files to sentences, each a list of words."""

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath

Sentences = list[list[str]]
Parts = Mapping[str, Sequence[Path]]


def conllu_text(parts: Parts) -> dict[str, Sentences]:
    """Sentences of CoNLL-U files; a word is what white space separates in the sentence's text.

    This is the reading for a language that writes spaces: ``don't`` is one word, and punctuation
    belongs to the word that it touches. The text is the comment ``# text = …``.
    """
    return _per_part(parts, lambda block: _text(block).split())


def conllu_tokens(parts: Parts) -> dict[str, Sentences]:
    """Sentences of CoNLL-U files; a word is a surface token.

    This is the reading for a language without spaces. A multi-word token (range ID ``3-4``) counts
    as the one token that stands in the text, not as its parts; empty nodes (ID ``8.1``) do not
    stand in the text and are left out.
    """
    return _per_part(parts, lambda block: [form for form in _surface(block) if form])


def masc(parts: Parts) -> dict[str, Sentences]:
    """Sentences of the MASC zip of ``token_TAG`` text, with tokens joined to words.

    One document in ten (by a fixed hash of its name) is for testing. The file keeps no spacing, so
    :func:`join_tokens` restores it by rule.
    """
    splits: dict[str, Sentences] = {"train": [], "test": []}
    for path in parts["all"]:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if not name.endswith(".txt") or name.endswith("categories.txt"):
                    continue
                document = PurePosixPath(name).name
                split = "test" if sha256(document.encode()).digest()[0] % 10 == 0 else "train"
                splits[split] += _tagged_sentences(archive.read(name).decode("utf-8"))
    return splits


def join_tokens(tokens: Sequence[str]) -> list[str]:
    """Join Penn Treebank tokens to words as English spacing has it.

    Closing punctuation, ``n't`` and what begins with an apostrophe go to the word before, opening
    brackets and quotes to the word after, hyphens and slashes to both; a plain ``"`` opens and
    closes in turn. It is a rule, not knowledge: on UD English EWT, where the spacing is known, it
    finds 97 of 100 words (a test holds it to that).

    >>> join_tokens(["It", "is", "n't", "(", "quite", ")", "the", "dog", "'s", "."])
    ['It', "isn't", '(quite)', 'the', "dog's."]
    """
    words: list[str] = []
    attach = quote_open = False
    for token in tokens:
        opens = token in _OPENING or (token == '"' and not quote_open)
        if token == '"':
            quote_open = not quote_open
        clings = not opens and _CLINGING.fullmatch(token)
        text = _QUOTES.get(token, token)
        if words and (attach or clings):
            words[-1] += text
        else:
            words.append(text)
        attach = opens or token in _GLUE
    return words


_OPENING = {"(", "[", "{", "``", "$", "#", "“", "‘"}
_GLUE = {"-", "/"}
_CLINGING = re.compile(  # to the word before: hyphen and slash; closing punctuation; clitics
    r"[-/]|[.,:;?!%)\]}”’\"]+|''|n't|n’t|['’](s|m|d|re|ve|ll)?", re.IGNORECASE
)
_QUOTES = {"``": '"', "''": '"'}


def _tagged_sentences(text: str) -> Iterator[list[str]]:
    """The sentences of one MASC document: a line each, ``token_TAG`` separated by spaces."""
    for line in text.splitlines():
        # What has no underscore, or nothing before it, is a slip of the corpus: a lone tag.
        tokens = [item.rpartition("_")[0] for item in line.split()]
        if words := join_tokens([token for token in tokens if token]):
            yield words


def _per_part(parts: Parts, words_of: Callable[[list[str]], list[str]]) -> dict[str, Sentences]:
    return {
        part: [words for path in paths for block in _blocks(path) if (words := words_of(block))]
        for part, paths in parts.items()
    }


def _blocks(path: Path) -> Iterator[list[str]]:
    """The sentences of a CoNLL-U file, each as its lines."""
    block: list[str] = []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if stripped := line.rstrip("\n"):
                block.append(stripped)
            elif block:
                yield block
                block = []
    if block:
        yield block


def _text(block: Sequence[str]) -> str:
    """The text as it was written, from the comment that every UD sentence has."""
    for line in block:
        if line.startswith("# text = "):
            return line.removeprefix("# text = ")
    raise ValueError(f"a CoNLL-U sentence has no line '# text = …'; it begins {block[0]!r}")


def _surface(block: Sequence[str]) -> Iterator[str]:
    """The forms that stand in the text, with any white space within one removed."""
    covered = 0  # the last word that the present multi-word token covers
    for line in block:
        if line.startswith("#"):
            continue
        identifier, form = line.split("\t", 2)[:2]
        if "." in identifier:
            continue
        if "-" in identifier:
            covered = int(identifier.split("-")[1])
        elif int(identifier) <= covered:
            continue
        yield "".join(form.split())
