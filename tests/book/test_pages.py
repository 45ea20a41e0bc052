"""Every page of the built book in a real browser, as its readers see it.

The book in `_build/html` is looked at when it was made from the sources as they are now; a folder
that ``LIB_BOOK_HTML`` names, whatever it was made from. The faults that these tests are there for
are planted in `test_browser.py`.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser import NARROW, WIDE, accessibility, look, opened, served, settle
from executable_book.chapters import in_a_part, read_pages
from executable_book.sources import built_from, digest
from site_facts import broken_links, telling_word

ROOT = Path(__file__).resolve().parents[2]
PAGES = [page.docname for page in read_pages(ROOT)[0]]
CHAPTERS = [name for name in PAGES if in_a_part(name)]
BY_SPHINX = ["genindex", "py-modindex", "search"]


@pytest.fixture(scope="session")
def html() -> Path:
    """The built book."""
    if named := os.environ.get("LIB_BOOK_HTML"):
        return Path(named)
    folder = ROOT / "_build" / "html"
    if not (folder / "index.html").is_file():
        pytest.skip("there is no built book to look at: make book")
    if built_from(folder) != digest(ROOT):
        pytest.skip("the built book is not of the present sources: make book")
    return folder


@pytest.fixture(scope="session")
def book(html: Path) -> Iterator[str]:
    """The address of the built book."""
    with served(html) as address:
        yield address


@pytest.mark.parametrize("docname", [*PAGES, *BY_SPHINX])
def test_a_page_is_right_in_light_and_dark_wide_and_narrow(docname, book, browser) -> None:
    problems = []
    for first in (WIDE, NARROW):
        with opened(browser, first, book) as (page, heard):
            page.goto(f"{book}{docname}.html")
            settle(page)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                problems += [(first.width, scheme, problem) for problem in look(page)]
            # axe-core needs most of the time: both widths and both schemes, all four on one page
            schemes = ("light", "dark") if docname == PAGES[0] else (first.scheme,)
            for scheme in schemes:
                page.emulate_media(color_scheme=scheme)
                problems += [(first.width, scheme, problem) for problem in accessibility(page)]
            problems += [(first.width, "either", problem) for problem in heard]
    assert not problems, "\n".join(f"{docname}, {w} px, {s}: {text}" for w, s, text in problems)


def test_no_link_of_the_book_is_broken(html) -> None:
    problems = broken_links(html)
    assert not problems, "\n".join(problems)


def addresses_found(page: Any, book: str, words: str) -> list[str]:
    """The addresses that the book's one search box finds."""
    page.goto(f"{book}{PAGES[0]}.html")
    ways = page.locator(".search-button__button, .search-button, input[type=search]")
    visible = [way for way in ways.all() if way.is_visible()]
    assert len(visible) == 1, f"{len(visible)} search boxes"
    visible[0].click()
    page.keyboard.insert_text(words)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?*")
    results = page.locator("#search-results ul.search a")
    page.locator("#search-results p.search-summary").wait_for()
    page.wait_for_function("() => document.querySelector('#search-results li a')")
    return [str(result.get_attribute("href")) for result in results.all()]


@pytest.mark.parametrize("docname", CHAPTERS)
def test_the_download_button_gives_the_notebook(docname, book, browser) -> None:
    with opened(browser, WIDE, book) as (page, heard):
        page.goto(f"{book}{docname}.html")
        settle(page)
        page.get_by_role("button", name="Download this page").click()
        with page.expect_download() as download:
            page.locator("a.btn-download-notebook-button").click()
        found = nbformat.read(download.value.path(), as_version=4)
        assert download.value.suggested_filename == f"{Path(docname).name}.ipynb"
        title = found.cells[0].source.splitlines()[0].removeprefix("# ")
        assert title in page.locator(".bd-article h1").inner_text()
        assert not heard


@pytest.mark.parametrize("docname", CHAPTERS)
@pytest.mark.parametrize("view", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_one_search_box_finds_a_chapter_by_a_word_of_its_text(
    docname, view, html, book, browser
) -> None:
    word = telling_word(html, docname)
    with opened(browser, view, book) as (page, heard):
        found = addresses_found(page, book, word)
        assert any(f"{docname}.html" in address for address in found), (word, found)
        assert not heard


@pytest.mark.parametrize(
    "words", ["条件随机场", "随机场", "主方程", "细致平衡", "partition function"]
)
def test_the_search_box_finds_a_term_in_english_and_chinese(words, book, browser) -> None:
    with opened(browser, WIDE, book) as (page, heard):
        found = addresses_found(page, book, words)
        assert any("reference/glossary.html" in address for address in found), (words, found)
        assert not heard


def clipboard(page: Any) -> str:
    """What a copy button left for the reader to paste."""
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("docname", CHAPTERS)
def test_copy_buttons_copy(docname, book, browser) -> None:
    with opened(browser, WIDE, book) as (page, heard):
        page.goto(f"{book}{docname}.html")
        settle(page)
        box = page.locator(".bd-article div.highlight:visible:has(button.copybtn)").first
        box.hover()
        box.locator("button.copybtn").click()
        code = box.locator("pre").inner_text().strip()
        assert clipboard(page).strip() == code
        assert code
        assert not heard


@pytest.mark.parametrize("docname", CHAPTERS)
def test_an_equation_is_linked_to_copied_and_opened_with_the_keyboard(
    docname, book, browser
) -> None:
    with opened(browser, WIDE, book) as (page, heard):
        page.goto(f"{book}{docname}.html")
        settle(page)
        facts = json.loads(page.locator("#equation-facts").text_content())
        chapter = page.locator(".cell_output:has(details.proof) div.math[id]")
        name = chapter.first.get_attribute("id")
        number = page.locator(f"#{name} .equation-number")
        page.add_style_tag(content="html { scroll-behavior: auto !important; }")

        def choose(*keys: str) -> None:
            number.focus()
            for key in ("Enter", *keys, "Enter"):
                page.keyboard.press(key)

        choose()
        assert clipboard(page) == f"{book}{docname}.html#{name}"
        assert page.locator("[role=status].equation-status").inner_text() == "link copied"
        choose("ArrowDown")
        assert clipboard(page) == facts[name]["latex"]
        choose("ArrowDown", "ArrowDown")
        assert clipboard(page) == facts[name]["sympy"]
        choose("ArrowDown", "ArrowDown", "ArrowDown")
        proof = page.locator(f"#{name} ~ details.proof").first
        assert proof.get_attribute("open") is not None
        assert proof.evaluate("(proof) => proof.contains(document.activeElement)")
        number.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Escape")
        assert number.evaluate("(button) => button === document.activeElement")
        assert page.locator("#equation-menu").is_hidden()
        assert not heard


def test_the_code_of_every_equation_needs_sympy_alone(html) -> None:
    found = 0
    for docname in PAGES:
        text = (html / f"{docname}.html").read_text("utf-8")
        element = re.search(r'id="equation-facts">(.*?)</script>', text)
        for name, facts in json.loads(element[1] if element else "{}").items():
            program: dict[str, Any] = {}
            exec(facts["sympy"], program)
            assert "statement" in program, name
            assert "lib." not in facts["sympy"]
            found += 1
    assert found > 100


def test_a_standing_explains_itself(book, browser) -> None:
    with opened(browser, NARROW, book) as (page, _):
        page.goto(f"{book}{CHAPTERS[0]}.html")
        settle(page)
        badge = page.locator(".standing-proved").first
        tip = page.locator(".standing-tip")
        badge.hover()
        assert tip.is_visible()
        page.keyboard.press("Escape")
        assert tip.is_hidden()
        badge.focus()
        assert tip.is_visible()
        described = page.locator(f"#{badge.get_attribute('aria-describedby')}")
        assert described.text_content() == tip.inner_text() != ""


@pytest.mark.parametrize("docname", CHAPTERS)
def test_a_link_to_an_equation_shows_it(docname, book, browser) -> None:
    far_away = """() => {
      const far = (link) => {
        const equation = document.getElementById(link.hash.slice(1));
        const apart = link.getBoundingClientRect().top - equation.getBoundingClientRect().top;
        return Math.abs(apart) > 2 * innerHeight;
      };
      const links = document.querySelectorAll('.bd-article p a[href^="#equation-"]');
      return [...links].findIndex(far);
    }"""
    with opened(browser, WIDE, book) as (page, heard):
        page.goto(f"{book}{docname}.html")
        settle(page)
        page.add_style_tag(content="html { scroll-behavior: auto !important; }")
        link = page.locator('.bd-article p a[href^="#equation-"]').nth(page.evaluate(far_away))
        preview = page.locator(".equation-preview")
        assert preview.is_hidden()
        link.hover()
        address = link.get_attribute("href")
        equation = page.locator(address)
        formula = equation.locator("mjx-container").first
        assert preview.inner_html().count("<mjx-c ") == formula.inner_html().count("<mjx-c ") > 0
        assert preview.is_visible()
        page.keyboard.press("Escape")
        assert preview.is_hidden()
        link.focus()
        assert preview.is_visible()
        link.click()
        assert preview.is_hidden()
        assert page.url.endswith(address)
        beside = "(box, link) => { box.after(link); box.scrollIntoView({ block: 'center' }); }"
        equation.evaluate(beside, link.element_handle())
        page.locator(f"{address} + a").hover()
        assert preview.is_hidden()  # the equation is on the screen
        assert not heard


def test_in_print_an_equation_has_its_number_and_nothing_else(book, browser) -> None:
    with opened(browser, WIDE, book) as (page, _):
        page.goto(f"{book}{CHAPTERS[0]}.html")
        settle(page)
        number = page.locator(".equation-number").first
        number.click()
        page.emulate_media(media="print")
        assert page.locator("#equation-menu").is_hidden()
        handle = "(button) => getComputedStyle(button, '::after').content"
        assert number.evaluate(handle) == "none"
        assert number.is_visible()


@pytest.mark.parametrize("docname", [PAGES[0], *CHAPTERS])
def test_a_page_opened_from_its_file_is_complete(docname, html, browser) -> None:
    origin = html.resolve().as_uri()
    with opened(browser, WIDE, origin) as (page, heard):
        page.goto(f"{origin}/{docname}.html")
        settle(page)
        assert not look(page) + heard
