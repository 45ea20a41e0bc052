"""Each known way to a green build of a broken book, planted in a small book and seen red."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from executable_book.build import Build

ALPHA, BETA = "book/toy/alpha", "book/toy/beta"


def test_nothing_changed_executes_and_reads_nothing(green) -> None:
    outcome = green.build()
    assert outcome.green
    assert outcome.executed == set()
    assert "0 added, 0 changed, 0 removed" in outcome.text


def test_the_ledger_gathers_results_and_the_api_links_to_equations(green) -> None:
    ledger = green.html("book/reference/ledger")
    assert "One and one" in ledger
    assert 'href="../toy/alpha.html#equation-alpha-sum">(1.1)' in ledger
    assert 'href="api/toy.alpha.html#lib.toy.alpha.double"' in ledger
    assert '<tr data-standing="proved" data-words="alpha-sum toy/alpha One and one' in ledger
    assert '<th role="columnheader" scope="col">Standing</th>' in ledger
    assert "largest error 0.0e+00 on 5 inputs" in ledger
    assert "_static/book.js" in ledger
    assert "toy/beta" not in ledger.partition("<table")[2].partition("</table>")[0]
    api = green.html("book/reference/api/toy.alpha")
    assert "equation-alpha-sum" in api
    assert "_modules/lib/toy/alpha.html#double" in api
    assert "_modules/lib/toy/helper.html#triple" in api  # where its source stands
    first, second = ledger.partition("first claim")[2].split("second claim")
    assert "equation-alpha-sum" in first
    assert "the figure above" in second
    assert "Results: 1 (1 proved)" in green.html("book/index")


def test_a_chapter_is_opened_and_downloaded_as_a_notebook(green) -> None:
    page = green.html(ALPHA)
    assert "https://colab.research.google.com/github/someone/toy/blob/notebooks/toy/alpha" in page
    assert "https://mybinder.org/v2/gh/someone/toy/notebooks?urlpath=lab" in page
    assert 'href="../../_sources/book/toy/alpha.ipynb"' in page
    notebook = green.read(f"_build/html/_sources/{ALPHA}.ipynb")
    assert "git+https://github.com/someone/toy" in notebook
    assert "notebooks/" not in green.html("book/reference/ledger")


def test_a_ledger_lists_the_documents_asked_for(green) -> None:
    page = green.html("book/reference/some")
    assert page.count("<table") == 1
    assert "One and one" in page
    assert "No chapter has displayed a result yet." in page
    assert "Pages executed: 1, of which" in page
    assert "Results: 0" in page


def test_a_chapter_that_was_not_executed_is_not_in_the_ledger() -> None:
    build = Build.__new__(Build)
    build.chapters = [SimpleNamespace(docname=name) for name in ("one", "two", "three")]
    build.records = {"three": "the third", "one": "the first"}
    assert build.in_order() == {"one": "the first", "three": "the third"}
    assert list(build.in_order()) == ["one", "three"]


def test_pages_need_no_network_for_mathematics(green) -> None:
    page = green.html(ALPHA)
    assert "_static/mathjax/tex-chtml.js" in page
    assert 'src="http' not in page
    assert (green.folder / "_build/html/_static/mathjax/tex-chtml.js").is_file()


def test_a_failing_cell_fails_every_build_until_it_is_mended(book) -> None:
    book.edit(f"{ALPHA}.md", "print(double(21))", "print(double(21))\n1 / 0")
    book.edit(f"{BETA}.md", 'load("numbers"))', 'load("numbers"), "again")')
    first = book.build()
    assert not first.green
    assert (first.executed, first.failed) == ({BETA}, {ALPHA})  # the others still finish
    assert "ZeroDivisionError" in first.text
    line = book.read(f"{ALPHA}.md").splitlines().index("from lib.toy.alpha import double") + 1
    assert f"alpha.md:{line}" in first.text or f"alpha.md:{line - 1}" in first.text
    second = book.build()
    assert not second.green
    assert (second.executed, second.failed) == (set(), {ALPHA})
    book.edit(f"{ALPHA}.md", "\n1 / 0", "")
    third = book.build()
    assert third.green, third.text


@pytest.mark.parametrize(
    "wrong",
    [
        "\n\n```{ledger}\n:only: toy/gone\n```\n\n",  # an error of the directive
        "{eq}`no-such-equation`",  # a warning when the page is written
        "{no-such-role}`alpha-sum`",  # a warning when it is read
    ],
)
def test_a_warning_fails_every_build_until_it_is_mended(book, wrong: str) -> None:
    book.edit(f"{BETA}.md", "{eq}`alpha-sum`", wrong)
    assert not book.build().green
    second = book.build()
    assert not second.green
    assert second.executed == set()
    book.edit(f"{BETA}.md", wrong, "{eq}`alpha-sum`")
    assert book.build().green


def test_what_could_hide_a_failure_is_refused(book, header: str) -> None:
    book.edit("_config.yml", "timeout: 600", "timeout: 600\n  allow_errors: true")
    book.edit("_config.yml", "suppress_warnings: [", "suppress_warnings: [ref.eq, ")
    book.edit(f"{ALPHA}.md", "jupytext:", "execution:\n  allow_errors: true\njupytext:")
    book.edit(f"{ALPHA}.md", 'result("', ':tags: [raises-exception]\n\nresult("')
    book.edit(f"{BETA}.md", "jupytext:", "orphan: true\nmystnb:\n  execution_mode: off\njupytext:")
    book.edit(f"{BETA}.md", "import json", ":tags: [skip-execution]\n\nimport json")
    book.write("book/toy/forgotten.md", f"{header}# Forgotten\n")
    book.edit("_toc.yml", "file: book/toy/beta", "file: book/toy/beta\n      - file: book/toy/gone")
    outcome = book.build()
    assert not outcome.green
    assert outcome.executed == set()
    for problem in (
        "the setting nb_execution_allow_errors must be False",
        "suppresses the warnings ref.eq",
        "metadata may not have the key `execution`",
        "the tag raises-exception is not allowed",
        "book/toy/beta: `orphan` is not allowed",
        "metadata may not have the key `mystnb.execution_mode`",
        "the tag skip-execution is not allowed",
        "book/toy/forgotten.md is missing from _toc.yml",
        "there is no file book/toy/gone.md",
    ):
        assert problem in outcome.text, problem


@pytest.mark.parametrize("mode", ["off", "auto", "force"])
def test_another_execution_mode_is_refused(book, mode: str) -> None:
    book.edit("_config.yml", "execute_notebooks: cache", f"execute_notebooks: '{mode}'")
    outcome = book.build()
    assert not outcome.green
    assert "nb_execution_mode must be 'cache'" in outcome.text


def test_two_chapters_with_the_same_code_are_refused(book) -> None:
    book.write(f"{BETA}.md", book.read(f"{ALPHA}.md").replace("# Alpha", "# Beta"))
    outcome = book.build()
    assert not outcome.green
    assert "book/toy/alpha and book/toy/beta have the same code cells" in outcome.text


def test_building_a_single_page_is_refused_with_the_command_that_works(book) -> None:
    outcome = book.build(source=f"{ALPHA}.md")
    assert not outcome.green
    assert "Build the whole book, `jupyter-book build .`" in outcome.text


def test_an_edited_module_reached_through_another_runs_its_chapters_again(book) -> None:
    assert book.build().executed == set()  # a moved book is read anew; from here on it is not
    book.edit("lib/toy/helper.py", "TWO = 2", "TWO = 3")
    outcome = book.build()
    assert outcome.green, outcome.text
    assert outcome.executed == {ALPHA}
    assert "the file lib/toy/helper.py changed" in outcome.text
    assert "63" in book.html(ALPHA)


def test_pages_that_gather_results_follow_them(book) -> None:
    assert book.build().executed == set()
    book.edit("lib/page.py", '"title": title', '"title": title + " again"')
    outcome = book.build()
    assert outcome.executed == {ALPHA}
    assert "One and one again" in book.html("book/reference/ledger")


def test_what_a_chapter_does_not_reach_does_not_run_it_again(book) -> None:
    assert book.build().executed == set()
    book.edit("lib/toy/unrelated.py", "THREE = 3", "THREE = 4")
    book.write("book/_static/book.css", "body { color: black; }\n")
    outcome = book.build()
    assert outcome.green, outcome.text
    assert outcome.executed == set()
    assert "color: black" in book.read("_build/html/_static/book.css")
    book.edit(f"{ALPHA}.md", "A result that", "A new sentence, and a result that")
    outcome = book.build()
    assert outcome.executed == set()
    assert "A new sentence" in book.html(ALPHA)


def test_an_edited_data_row_or_recorded_run_runs_its_chapter_again(book) -> None:
    book.write("lib/row.txt", "4 5 6\n")
    outcome = book.build()
    assert outcome.green, outcome.text
    assert outcome.executed == {BETA}
    assert "the data set numbers changed" in outcome.text
    assert "4 5 6" in book.html(BETA)
    book.write("book/_runs/toy/alpha.cuda.json", "{}")
    outcome = book.build()
    assert outcome.executed == {ALPHA}
    assert "the recorded run alpha.cuda.json changed" in outcome.text


def test_a_changed_pin_runs_everything_again(book) -> None:
    book.edit("constraints.txt", "# pins", "# pins, with a new comment")
    assert book.build().executed == set()
    book.edit("constraints.txt", "nbclient>=0", "nbclient>=0.1")
    outcome = book.build()
    assert outcome.executed == {ALPHA, BETA}
    assert "the environment nbclient changed" in outcome.text


def test_two_stale_chapters_run_at_the_same_time(book) -> None:
    wait = """
import time
from pathlib import Path
Path("{mine}.flag").touch()
deadline = time.monotonic() + 60
while not Path("{other}.flag").exists():
    assert time.monotonic() < deadline, "the other chapter never ran beside this one"
    time.sleep(0.05)
"""
    for mine, other in (("alpha", "beta"), ("beta", "alpha")):
        code = wait.format(mine=mine, other=other)
        book.edit(
            f"book/toy/{mine}.md", "```{code-cell} python\n", f"```{{code-cell}} python{code}"
        )
    outcome = book.build()
    assert outcome.green, outcome.text
    assert outcome.executed == {ALPHA, BETA}


def test_a_second_builder_shows_what_was_executed_for_the_first(book) -> None:
    first = book.build("--builder", "dirhtml")
    assert first.green, first.text
    assert first.executed == set()
    book.edit("lib/toy/helper.py", "TWO = 2", "TWO = 4")
    assert book.build().executed == {ALPHA}
    again = book.build("--builder", "dirhtml")
    assert again.green, again.text
    assert again.executed == set()
    assert "84" in book.read("_build/dirhtml/book/toy/alpha/index.html")
    assert book.build("--all").executed == set()


def test_an_interrupt_leaves_neither_kernels_nor_half_a_record(book) -> None:
    code = (
        "import os, time\nfrom pathlib import Path\n"
        'Path("pid").write_text(str(os.getpid()))\n'
        'while not Path("go").exists():\n    time.sleep(0.05)\n'
    )
    book.edit(f"{ALPHA}.md", "from lib.toy.alpha", f"{code}from lib.toy.alpha")
    build = subprocess.Popen(
        book.command(), cwd=book.folder, env=book.environment(), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # what a shell runs in the background ignores interrupts, and so do its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    kernel = _wait_for_number(book.folder / "pid")
    try:
        build.send_signal(signal.SIGINT)
        assert build.wait(timeout=120) != 0
        assert not _alive(kernel)
    finally:  # where the test fails, nothing may be left running either
        build.kill()
        build.wait()
        with suppress(ProcessLookupError):
            os.kill(kernel, signal.SIGKILL)
    (book.folder / "go").touch()
    outcome = book.build()
    assert outcome.green, outcome.text
    assert outcome.executed == {ALPHA}


def _wait_for_number(path: Path) -> int:
    deadline = time.monotonic() + 60
    while not (path.is_file() and path.read_text()):
        assert time.monotonic() < deadline, f"nothing wrote {path.name}"
        time.sleep(0.05)
    return int(path.read_text())


def _alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    if status.is_file():  # a zombie is dead
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
