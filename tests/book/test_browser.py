"""Each fault that the tests of the pages look for, planted in a small page and seen."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import NARROW, WIDE, accessibility, look, opened, served, settle
from executable_book.chromium import find_chromium, launched
from site_facts import broken_links, telling_word

PIXEL = base64.b64encode(
    b"GIF89a\1\0\1\0\x80\0\0\0\0\0\0\0\0!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
)
IMAGE = f'src="data:image/gif;base64,{PIXEL.decode()}"'
SOUND = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"></head>
<body><main><h1>A page</h1><article>{}</article></main></body></html>
"""
CLEAN = f"""<p>Words, and <a href="#here" id="here">a link</a>.</p>
<div class="math"><mjx-container></mjx-container></div>
<img {IMAGE} alt="A dot"><svg role="img" aria-label="A drawing"></svg>
<svg aria-hidden="true"></svg>
<div style="overflow-x: auto" tabindex="0"><p style="width: 90rem">Wide, and it scrolls</p></div>
<pre><span class="k">for</span> <span class="k">while</span></pre>"""

Inspect = Callable[[str], list[str]]


@pytest.fixture
def inspect(tmp_path: Path, browser) -> Inspect:
    """All that is found in a page with this article."""

    def find(article: str) -> list[str]:
        (tmp_path / "page.html").write_text(SOUND.format(article), "utf-8")
        with served(tmp_path) as address, opened(browser, NARROW, address) as (page, heard):
            page.goto(f"{address}page.html")
            settle(page)
            page.wait_for_load_state("networkidle")
            return heard + look(page) + accessibility(page)

    return find


def test_a_sound_page_has_no_problems(inspect: Inspect) -> None:
    assert inspect(CLEAN) == []


@pytest.mark.parametrize(
    ("article", "problem"),
    [
        ("<script>console.error('oh')</script>", "console error: oh"),
        ("<script>throw Error('oh')</script>", "uncaught error: oh"),
        ('<script src="gone.js"></script>', "request answered 404"),
        ('<img alt="A dot" src="http://example.org/dot.gif">', "outside request: http://example"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "outside request"),
        ("<script>fetch('http://127.0.0.1:9/').catch(() => 0)</script>", "outside request"),
        ('<p class="math">x^2</p>', "formula not typeset: x^2"),
        ('<mjx-merror data-mjx-error="Undefined control">x</mjx-merror>', "formula error: Undef"),
        (f"<img {IMAGE}>", "image without alternative text"),
        (f'<img {IMAGE} alt=" ">', "empty alternative text"),
        ('<svg role="img"></svg>', "drawing without alternative text"),
        ('<p id="wide" style="width: 90rem">x</p>', "scrolls sideways, 1448 px wide: <p #wide>"),
        ('<p style="color: #777">Words</p>', "serious color-contrast"),
        ('<pre><span class="c">a</span> <span class="c" style="color: #777">bee</span></pre>', ""),
        ('<pre><span class="k">a</span> <span class="c" style="color: #777">bee</span></pre>',
         "serious color-contrast"),
        ("<button></button>", "critical button-name"),
        (f'<pre style="overflow: auto">{"long " * 99}</pre>',
         "serious scrollable-region-focusable"),
        ('<div style="overflow: auto"><p id="w" style="width: 90rem">x</p></div>',
         "the keyboard cannot scroll <div>: x"),
        ('<p class="math" id="m"><mjx-container tabindex="0">x</mjx-container></p>',
         "a formula is a stop of the tabulator key: m"),
        ("<h3></h3>", ""),  # of minor weight
    ],
)  # fmt: skip
def test_a_planted_fault_is_seen(inspect: Inspect, article: str, problem: str) -> None:
    found = inspect(article)
    assert [problem in text for text in found].count(True) >= 1 if problem else found == [], found


def test_a_failed_request_is_seen(tmp_path: Path, browser) -> None:
    with served(tmp_path) as address:
        pass  # nothing answers there any more
    with opened(browser, WIDE, address) as (page, heard):
        page.set_content(f'<img alt="A dot" src="{address}dot.gif">')
        page.wait_for_load_state("networkidle")
        assert f"request failed: {address}dot.gif" in heard


def test_what_an_earlier_page_did_is_not_held_against_the_next(inspect: Inspect) -> None:
    assert inspect("<script>throw Error('oh')</script>")
    assert inspect("<p>Words.</p>") == []


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ('<a href="b.html#there">x</a>', None),
        ('<a href="b.html?q=1#there">x</a>', None),
        ('<a href="#own" id="own">x</a>', None),
        ('<a href="https://example.org/gone#x">x</a>', None),
        ('<a href="mailto:a@example.org">x</a>', None),
        ('<a href="b.html#gone">x</a>', "b.html#gone leads to no anchor"),
        ('<a href="#gone">x</a>', "#gone leads to no anchor"),
        ('<a href="gone.html">x</a>', "gone.html leads to no file"),
        ('<img src="gone.png">', "gone.png leads to no file"),
        ('<a href="../outside.html">x</a>', "leads to no file"),
    ],
)
def test_broken_links(tmp_path: Path, link: str, problem: str | None) -> None:
    html = tmp_path / "html"
    html.mkdir()
    (tmp_path / "outside.html").write_text("", "utf-8")
    (html / "a.html").write_text(link, "utf-8")
    (html / "b.html").write_text('<p id="there">x</p>', "utf-8")
    found = broken_links(html)
    assert len(found) == (problem is not None)
    assert all(str(problem) in text for text in found)


def test_a_telling_word_is_one_of_this_page_alone(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<h1>elephant</h1><p>chapters giraffe giraffe</p>", "utf-8")
    (tmp_path / "b.html").write_text("<p>chapters chapters chapters antelope</p>", "utf-8")
    assert telling_word(tmp_path, "a") == "giraffe"


def test_chromium_is_found_by_its_name(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_chromium() is None
    with pytest.raises(LookupError, match="install one"), launched():
        pass
    program = tmp_path / "chromium-browser"
    program.write_text("#!/bin/sh\n", "utf-8")
    program.chmod(0o755)
    assert find_chromium() == str(program)
