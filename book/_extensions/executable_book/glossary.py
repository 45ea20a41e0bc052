"""The glossary: the terms of ``book/glossary.toml``, in English and by their Chinese."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from .chapters import Page, read_pages
from .posts import Post, read_posts, title_of

FILE = "book/glossary.toml"
REQUIRED = ("chinese", "means")
#: Where each letter's first syllable begins among the characters that GB 2312 orders by sound.
SOUNDS = {
    "A": 0xB0A1, "B": 0xB0C5, "C": 0xB2C1, "D": 0xB4EE, "E": 0xB6EA, "F": 0xB7A2, "G": 0xB8C1,
    "H": 0xB9FE, "J": 0xBBF7, "K": 0xBFA6, "L": 0xC0AC, "M": 0xC2E8, "N": 0xC4C3, "O": 0xC5B6,
    "P": 0xC5BE, "Q": 0xC6DA, "R": 0xC8BB, "S": 0xC8F6, "T": 0xCBFA, "W": 0xCDDA, "X": 0xCEF4,
    "Y": 0xD1B9, "Z": 0xD4D1,
}  # fmt: skip
LAST_BY_SOUND = 0xD7F9


@dataclass(frozen=True)
class Term:
    """A term, where the book uses it, and what it means; the file says what each field is."""

    english: str
    page: str
    chinese: str = ""
    means: str = ""
    equation: str = ""
    post: str = ""
    written: str = ""
    pinyin: str = ""

    def problems(self, pages: dict[str, Page], posts: dict[str, Post]) -> list[str]:
        """What is wrong with it."""
        lacking = [name for name in REQUIRED if not getattr(self, name)]
        found = [f"it lacks {name}" for name in lacking]
        if self.post and self.post not in posts:
            found.append(f"references.bib has no post {self.post}")
        if self.page not in pages:
            found.append(f"there is no page {self.page}")
        elif self.as_written() not in " ".join(pages[self.page].text.casefold().split()):
            found.append(f"{self.page} does not say {self.as_written()!r}; add `written`")
        if not lacking and not self.initial():
            found.append(f"the sound of {self.chinese[0]} is not known; add `pinyin`")
        return found

    def as_written(self) -> str:
        """How the page writes it, in small letters."""
        return (self.written or self.english).casefold()

    def initial(self) -> str:
        """The letter under which its Chinese is looked up; empty if that is not known."""
        if self.pinyin or self.chinese[0].isascii():
            return (self.pinyin or self.chinese)[0].upper()
        code = int.from_bytes(self.chinese[0].encode("gb2312", "replace"))
        letters = [letter for letter, first in SOUNDS.items() if first <= code <= LAST_BY_SOUND]
        return letters[-1] if letters else ""

    def by_sound(self) -> tuple[str, bytes]:
        """The order of a Chinese dictionary."""
        return self.initial(), self.chinese.casefold().encode("gb18030")


def read_terms(root: Path) -> list[Term]:
    """The terms in the order of the file.

    Raises:
        ValueError: the file cannot be read, or a term is wrong; the message lists all that are.
    """
    try:
        content = tomllib.loads((root / FILE).read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{FILE}: {error}") from error
    pages = {page.docname.removeprefix("book/"): page for page in read_pages(root)[0]}
    known = {field.name for field in fields(Term)} - {"english", "page"}
    found, problems = [], []
    for page, terms in content.items():
        for english, said in terms.items():
            strange = set(said) - known
            problems += [f"{english}: {name} means nothing here" for name in sorted(strange)]
            texts = {name: " ".join(str(said[name]).split()) for name in said.keys() & known}
            term = Term(english, page, **texts)
            found.append(term)
            problems += [f"{english}: {what}" for what in term.problems(pages, read_posts(root))]
    for names in ([term.english.casefold() for term in found], [term.chinese for term in found]):
        twice = sorted({name for name in names if name and names.count(name) > 1})
        problems += [f"{name}: it is there twice" for name in twice]
    if problems:
        raise ValueError(f"{FILE}:\n" + "\n".join(problems))
    return found


def terms(root: Path) -> list[str]:
    """All terms as a glossary, to which ``{term}`` links, by the English or by the Chinese."""
    found = read_terms(root)
    titles = {page.docname: title_of(page) for page in read_pages(root)[0]}
    lines = [":::::{glossary}", ":sorted:", ""]
    for term in found:
        docname = f"book/{term.page}"
        where = [f"{{doc}}`{titles[docname]} </{docname}>`"]
        where += [f"{{eq}}`{term.equation}`"] if term.equation else []
        if term.post:
            post = read_posts(root)[term.post]
            where.append(post.link(f"post {post.number}"))
        # what follows the colon is the heading in the index of the book
        lines += [term.english, f"{term.chinese} : 中文", f"  {term.means}", ""]
        lines += ["  {.term-where}", f"  {' · '.join(where)}", ""]
    return [*lines, ":::::"]


def by_chinese(root: Path) -> list[str]:
    """The terms by their Chinese, in the order of its sound."""
    lines, before = ["{.terms-by-chinese}"], ""
    for term in sorted(read_terms(root), key=Term.by_sound):
        letter = term.initial()
        mark = f"**{letter}** " if letter != before else ""
        lines.append(f"- {mark}[{{term}}`{term.chinese}`]{{.language-zh-Hans}} {term.english}")
        before = letter
    return lines
