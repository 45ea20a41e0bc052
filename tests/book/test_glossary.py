"""The glossary, its second index, and the list of posts: complete, right, and found."""

import json
import re
from pathlib import Path

import pytest
from executable_book.chapters import read_pages
from executable_book.glossary import FILE, Term, by_chinese, read_terms, terms
from executable_book.posts import cited_keys, posts, read_posts
from executable_book.prose import paragraph_problems

ROOT = Path(__file__).resolve().parents[2]
PAGES = {page.docname.removeprefix("book/"): page for page in read_pages(ROOT)[0]}
CHAPTERS = [name for name in PAGES if "/" in name and not name.startswith("reference")]
TERMS = read_terms(ROOT)  # complete, none twice, each in the text of its page: or this fails


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_has_at_least_five_terms(chapter: str) -> None:
    assert sum(term.page == chapter for term in TERMS) >= 5


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.english)
def test_a_term_is_chinese_too_and_defined_in_one_sentence(term: Term) -> None:
    assert re.search(r"[\u4e00-\u9fff]", term.chinese)
    assert term.chinese == term.chinese.strip(" ：:")
    assert term.means.endswith(".")
    assert ". " not in term.means
    assert not list(paragraph_problems(term.means))
    if term.equation:
        assert f'"{term.equation}"' in PAGES[term.page].text
    if term.post:
        assert term.post in cited_keys(PAGES[term.page].text)


def test_every_post_of_the_bibliography_is_cited_and_listed() -> None:
    listed = "\n".join(posts(ROOT))
    cited = set().union(*(cited_keys(page.text) for page in PAGES.values()))
    assert len(read_posts(ROOT)) >= 6
    for key, post in read_posts(ROOT).items():
        assert key in cited
        assert post.address in listed
        assert post.chinese in listed
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", post.date)
    with_address = set(re.findall(r"kexue\.fm/archives/(\d+)", (ROOT / FILE).read_text("utf-8")))
    assert not with_address, "an address belongs into references.bib"


def test_the_second_index_has_every_term_in_the_order_of_sound() -> None:
    lines = by_chinese(ROOT)[1:]
    assert len(lines) == len(TERMS)
    assert all(any(f"`{term.chinese}`" in line for line in lines) for term in TERMS)
    letters = re.findall(r"\*\*(.)\*\*", "\n".join(lines))
    assert letters == sorted(set(letters))


@pytest.mark.parametrize(
    ("chinese", "pinyin", "letter"),
    [
        ("阿", "", "A"), ("熬", "", "A"), ("巴", "", "B"), ("贝叶斯", "", "B"), ("场", "", "C"),
        ("熵", "", ""), ("熵", "shang", "S"), ("座", "", "Z"), ("p值", "", "P"), ("迹", "", "J"),
        ("條", "", ""),
    ],
)  # fmt: skip
def test_the_letter_of_a_sound(chinese: str, pinyin: str, letter: str) -> None:
    assert Term("x", "y", chinese, pinyin=pinyin).initial() == letter


@pytest.fixture
def written(tmp_path: Path):
    """What is wrong with a glossary of this text, in a book of one page."""
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text("root: book/page\n", "utf-8")
    (tmp_path / "book/page.md").write_text("# Page: more\n\nA path and its\nkernel.\n", "utf-8")
    bibliography = tmp_path / "book/references.bib"
    bibliography.write_text("", "utf-8")

    def problems(text: str, sources: str = "") -> str:
        (tmp_path / FILE).write_text(text, "utf-8")
        bibliography.write_text(sources, "utf-8")
        try:
            read_terms(tmp_path)
        except ValueError as error:
            return str(error)
        return ""

    return problems


SOUND = '["page"."its kernel"]\nchinese = "核"\nmeans = "A sum."\n'


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("", "", ""),
        ('chinese = "核"\n', "", "it lacks chinese"),
        ('"核"', '""', "it lacks chinese"),
        ('means = "A sum."', "", "it lacks means"),
        ("means", "mean", "mean means nothing here"),
        ('"page"', '"gone"', "there is no page gone"),
        ("its kernel", "kernels", "page does not say 'kernels'; add `written`"),
        ('"A sum."', '"A sum."\nwritten = "PATH"', ""),
        ('"A sum."', '"A sum."\nwritten = "the path"', "page does not say"),
        ('"A sum."', '"A sum."\npost = "su2018"', "references.bib has no post su2018"),
        ('"核"', '"熵"', "the sound of 熵 is not known; add `pinyin`"),
        ('"核"', '"熵"\npinyin = "shang"', ""),
        ("its kernel", "its kernel\"]\nx = '", "Expected"),
        (SOUND, SOUND + SOUND.replace("its kernel", "path"), "核: it is there twice"),
        (SOUND, SOUND + SOUND.replace("its k", "Its K").replace("核", "路"), "it is there twice"),
        (SOUND, SOUND + SOUND, "Cannot declare"),
    ],
)
def test_a_wrong_glossary_is_refused(written, old: str, new: str, problem: str) -> None:
    found = written(SOUND.replace(old, new))
    assert problem in found if problem else found == ""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("", "", ""),
        ("origtitle = {甲}, ", "", "lacks origtitle"),
        ("year = {2018}, ", "", "lacks year"),
        ("/archives/5542", "/5542", "lacks a url like"),
    ],
)
def test_a_post_with_a_part_missing_is_refused(written, old: str, new: str, problem: str) -> None:
    post = (
        "@misc{a2018, title = {A}, origtitle = {甲}, year = {2018}, "
        "url = {https://kexue.fm/archives/5542}}"
    )
    found = written(SOUND, post.replace(old, new))
    assert problem in found if problem else found == ""


def test_a_glossary_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"glossary\.toml"):
        terms(tmp_path)


def test_terms_are_links_in_two_languages(green) -> None:
    page = green.html("book/reference/glossary")
    assert '<dt id="term-result">result<a' in page
    assert re.search(r'<dt id="term-\w+" lang="zh-Hans">结果<a', page)
    assert "What a chapter <em>displays</em>." in page
    assert 'href="../toy/alpha.html#equation-alpha-sum">(1.1)</a>' in page
    assert 'href="https://kexue.fm/archives/12" title="玩具">post 12</a>' in page
    second = page.partition('id="chinese"')[2]
    assert re.search(r'<strong>J</strong> <span lang="zh-Hans"><a class="ref\w+ int', second)
    listed = page.partition('id="posts"')[2]
    assert "2018-05-08" in listed
    assert "A toy of MINE</p>" in listed
    assert "另一个" not in listed  # no page cites it
    assert 'href="../toy/alpha.html"' in listed


def test_the_search_index_has_the_chinese_words_whole(green) -> None:
    script = green.read("_build/html/searchindex.js")
    index = json.loads(script.removeprefix("Search.setIndex(").removesuffix(")"))
    assert {"结果", "玩具"} <= index["terms"].keys()
    assert "结果" in index["indexentries"]


def test_a_page_is_printed_again_when_what_it_prints_has_changed(book) -> None:
    assert book.build().green  # what was built elsewhere is read again in any case
    book.edit("book/glossary.toml", "What is left", "All that is left")
    book.edit(
        "book/toy/beta.md", "Nothing of", "Nothing, see {term}`无` {cite:p}`su2019unread`, of"
    )
    outcome = book.build()
    assert outcome.green, outcome.text
    assert outcome.executed == set()
    page = book.html("book/reference/glossary")
    assert "All that is left" in page
    assert "另一个" in page
    assert re.search(r'href="\.\./reference/glossary\.html#term-\w+"', book.html("book/toy/beta"))


def test_a_wrong_glossary_fails_the_build(book) -> None:
    book.edit("book/glossary.toml", "alpha-sum", "no-such-equation")
    assert not book.build().green
    book.edit("book/glossary.toml", "no-such-equation", "alpha-sum")
    book.edit("book/glossary.toml", '"toy/beta"."nothing"', '"toy/beta"."something"')
    outcome = book.build()
    assert not outcome.green
    assert "toy/beta does not say 'something'" in outcome.text
