"""The posts on kexue.fm from which chapters come, as the bibliography has them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pybtex.database import Entry, parse_string
from pybtex.richtext import Text

from .chapters import Page, read_pages
from .printed import boxed, table

ADDRESS = re.compile(r"https://kexue\.fm/archives/(?P<number>\d+)")
MONTHS = "January February March April May June July August September October November December"
KEYS = re.compile(r"\{cite(?::\w+)?\}`(?P<keys>[^`]+)`")


@dataclass(frozen=True)
class Post:
    """A post: `title` is ours, `chinese` its own, `date` as far as it is known."""

    key: str
    title: str
    chinese: str
    address: str
    number: int
    date: str

    def link(self, words: str) -> str:
        """A link in Markdown with the Chinese title as its tip."""
        return f'[{words}]({self.address} "{self.chinese}")'


def read_posts(root: Path) -> dict[str, Post]:
    """The posts in the bibliography, by cite key.

    Raises:
        ValueError: a post lacks its Chinese title, its year, or the number in its address.
    """
    return _posts((root / "book/references.bib").read_text("utf-8"))


@cache
def _posts(bibliography: str) -> dict[str, Post]:
    entries = parse_string(bibliography, "bibtex").entries.items()
    return {key: _post(key, entry) for key, entry in entries if "kexue.fm" in str(entry.fields)}


def _post(key: str, entry: Entry) -> Post:
    fields = entry.fields
    address = ADDRESS.fullmatch(fields.get("url", ""))
    missing = [name for name in ("title", "origtitle", "year") if not fields.get(name)]
    if missing or not address:
        wanted = missing or ["a url like https://kexue.fm/archives/5542"]
        raise ValueError(f"references.bib: the post {key} lacks {', '.join(wanted)}")
    title = str(Text.from_latex(fields["title"])).removesuffix(" (in Chinese)")
    return Post(key, title, fields["origtitle"], address[0], int(address["number"]), _date(fields))


def _date(fields: dict[str, str]) -> str:
    """As far as it is known: 2018, 2018-05 or 2018-05-18."""
    parts = [fields["year"]]
    if fields.get("month"):
        parts.append(f"{MONTHS.split().index(fields['month']) + 1:02}")
        parts += [f"{int(fields['day']):02}"] if fields.get("day") else []
    return "-".join(parts)


def cited_keys(text: str) -> set[str]:
    """The cite keys in a page."""
    return {key.strip() for found in KEYS.finditer(text) for key in found["keys"].split(",")}


def title_of(page: Page) -> str:
    """The title of a page up to the colon."""
    title = re.search(r"^# (.+)$", page.text, re.MULTILINE)
    return title[1].partition(":")[0] if title else page.docname


def posts(root: Path) -> list[str]:
    """Every post that a page cites, the latest first, with the pages that cite it."""
    pages, _ = read_pages(root)
    found = read_posts(root)
    citing = {key: [page for page in pages if key in cited_keys(page.text)] for key in found}
    cited = sorted(filter(citing.__getitem__, found), key=lambda key: found[key].date)
    if not cited:
        return ["No page cites a post yet."]
    rows = [_row(found[key], citing[key]) for key in reversed(cited)]
    return boxed(table(["Date", "Archive", "Post", "Discussed in"], rows), "posts")


def _row(post: Post, pages: Iterable[Page]) -> list[str]:
    original = f"[[{post.chinese}]({post.address})]{{.language-zh-Hans}}"
    chapters = ", ".join(f"{{doc}}`{title_of(page)} </{page.docname}>`" for page in pages)
    return [post.date, str(post.number), f"{original}<br>{post.title}", chapters]
