"""What a chapter prints outside derivations: in a terminal, and as bundles in a notebook."""

import pytest

from lib import page
from lib.page import check, correction, expect_error, say, source, table


@pytest.fixture
def bundles(monkeypatch):
    shown = []
    monkeypatch.setattr(page, "display", shown.append)
    return shown


def test_say_takes_off_common_indentation(bundles):
    say("""
        **Two** lines,
        one paragraph.
    """)
    assert bundles[0]["text/markdown"] == "**Two** lines,\none paragraph."
    assert bundles[0]["text/plain"] == "Two lines,\none paragraph."


def test_table_is_markdown_and_refuses_ragged_rows(bundles):
    table([["a|b", 0.123456]], ["name", "F1"], caption="Scores")
    assert bundles[0]["text/markdown"].splitlines() == [
        "*Scores*",
        "",
        "| name | F1 |",
        "|:--|--:|",
        "| a\\|b | 0.1235 |",
    ]
    with pytest.raises(ValueError, match="expected 2 cells"):
        table([["a"]], ["name", "F1"])


def documented(x: int) -> int:
    """Add one.

    More words that the page leaves to the reference.
    """
    return x + 1


def test_source_is_the_function_with_its_summary_line(bundles):
    source(documented)
    assert bundles[0]["text/plain"] == (
        f"# {__name__.replace('.', '/')}.py\n"
        'def documented(x: int) -> int:\n    """Add one."""\n    return x + 1'
    )


def test_expect_error_lets_nothing_else_through():
    with pytest.raises(AssertionError, match="nothing was raised"), expect_error(ValueError, ""):
        pass
    with pytest.raises(KeyError), expect_error(ValueError, ""):
        {}["absent"]
    wrong_words = pytest.raises(AssertionError, match="in the message")
    with wrong_words, expect_error(ValueError, "tags"):
        raise ValueError("the mask has a hole")


def test_check_tells_right_from_wrong_and_survives_a_broken_answer(bundles):
    check(3, lambda n: n == 3, hint="count")
    check(4, lambda n: n == 3, hint="count")
    check("three", lambda n: n + 0 == 3, hint="count")
    said = [bundle["text/plain"] for bundle in bundles]
    assert said[0] == "Right."
    assert said[1] == "Not yet. A hint: count"
    assert "TypeError" in said[2]


def test_a_wrong_solution_fails_the_build(bundles, monkeypatch):
    monkeypatch.setenv("LIB_BOOK_BUILD", "1")
    check(..., lambda n: n == 3, hint="count")  # the reader's turn is no error
    check(3, lambda n: n == 3, hint="count")
    with pytest.raises(AssertionError, match="does not pass its own check"):
        check(4, lambda n: n == 3, hint="count")


def test_a_correction_that_does_not_hold_fails(bundles):
    row = dict(source="Post, (3)", says="it is unbiased.", correct="it is biased.", evidence="eq-a")
    correction(**row, holds=True)
    assert bundles[0][page.CORRECTION_MIME]["correct"] == "it is biased."
    with pytest.raises(AssertionError, match="not borne out"):
        correction(**row, holds=False)


def test_in_a_notebook_the_bundle_is_displayed_raw(monkeypatch):
    import IPython.display

    calls = []
    monkeypatch.setattr(page, "_in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", lambda b, raw: calls.append((b, raw)))
    say("**two**")
    assert calls == [({"text/markdown": "**two**", "text/plain": "two"}, True)]
