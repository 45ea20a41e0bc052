"""The page gate: an independent judge of the executed notebooks and of the HTML.

The build asks it at its end. It also runs by itself on a built book, with
``PYTHONPATH=book/_extensions python -m executable_book``.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docutils.nodes import make_id

from .chapters import Chapter, Page, chapter_problems, read_chapters, read_pages
from .html_facts import Facts, read_facts
from .prose import prose_problems
from .records import CHECK, RESTATED, RESULT, Record, Records

WARNING = re.compile(r"\b\w*Warning:")
#: Characters of a line of code that a page shows whole beside its two margins.
COLUMNS = 88
FOLDED = {"hide-input", "remove-input", "hide-cell", "remove-cell"}
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHOWN = {"text/html", "text/markdown", "text/plain", "image/png", "image/svg+xml"}


@dataclass(frozen=True)
class Book:
    """What is judged."""

    root: Path
    pages: list[Page]
    chapters: list[Chapter]
    records: dict[str, Record]


def source_problems(book: Book) -> list[str]:
    """What is wrong in the pages' sources and in the executed notebooks."""
    problems = [problem for page in book.pages for problem in prose_problems(page)]
    for chapter in book.chapters:
        problems += chapter_problems(chapter)
        record = book.records.get(chapter.docname)
        if record is None:
            problems.append(f"{chapter.docname}: there is no record that this build executed it")
            continue
        problems += execution_problems(chapter, record)
    return problems + restated_problems(book.records)


def execution_problems(chapter: Chapter, record: Record) -> list[str]:
    """What is wrong with the executed cells of one chapter."""
    cells = [index for index, cell in enumerate(chapter.notebook.cells) if cell.cell_type == "code"]
    if chapter.code != [cell.source for cell in record.cells]:
        return [f"{chapter.docname}: the record was made from other code"]
    problems, count = [], 0
    for index, cell in zip(cells, record.cells, strict=True):
        found = list(output_problems(cell.outputs))
        if not FOLDED.intersection(chapter.notebook.cells[index].metadata.get("tags", [])):
            found += width_problems(cell.source)
        if cell.source.strip():
            count += 1
            if cell.execution_count != count:
                found.append(f"expected to run as number {count}, ran as {cell.execution_count}")
        place = f"{chapter.docname}.md:{chapter.line(index)}"
        problems += [f"{place}: {problem}" for problem in found]
    return problems


#: What a restated result must share with the original.
SHARED = {
    "statement": "it states",
    "standing": "its standing is",
    "sizes": "its sizes are",
    "about": "its symbols are",
    "conditions": "its conditions are",
    "definitions": "the names in it stand for",
}


def restated_problems(records: dict[str, Record]) -> list[str]:
    """Results that a chapter takes over from another one, where they are not what that one has."""
    originals = {
        item["label"]: (docname, item)
        for docname, record in records.items()
        for item in record.displayed(RESULT)
    }
    problems = []
    for docname, record in records.items():
        for item in taken_over(record):
            label = item["label"]
            if label not in originals:
                problems.append(f"{docname}: restates {label}, which no executed chapter displayed")
                continue
            home, original = originals[label]
            if home == docname:
                problems.append(f"{docname}: restates {label}, its own result: refer to it")
            problems += [
                f"{docname}: restates {label} of {home} otherwise: there {words} "
                f"{original.get(key)!r}, here {item.get(key)!r}"
                for key, words in SHARED.items()
                if item.get(key) != original.get(key)
            ]
    return problems


def taken_over(record: Record) -> list[dict[str, Any]]:
    """Results of other chapters: displayed, or that a displayed result or check rests on."""
    found = record.displayed(RESTATED)
    found += [other for item in record.displayed(RESULT) for other in item.get("restated", [])]
    found += [item["restated"] for item in record.displayed(CHECK) if item.get("restated")]
    return found


def output_problems(outputs: list[dict[str, object]]) -> Iterator[str]:
    """What is wrong with the outputs of one cell."""
    for output in outputs:
        kind = output["output_type"]
        if kind == "error":
            yield f"the output is an error, {output.get('ename')}"
        if kind == "stream" and output["name"] == "stderr":
            yield f"wrote to stderr: {str(output['text']).strip()[:200]!r}"
        data = output.get("data", {})
        assert isinstance(data, dict)
        if data and not SHOWN & data.keys():
            yield f"displays nothing that HTML can show: {', '.join(data)}"
        texts = [output.get("text", ""), *(data.get(mime, "") for mime in SHOWN)]
        if any(WARNING.search(str(text)) for text in texts):
            yield "the output contains a warning"
        for code in FENCED.findall(str(data.get("text/markdown", ""))):
            yield from width_problems(code)


def width_problems(code: str) -> Iterator[str]:
    """Lines of code that a reader would have to scroll."""
    for line in code.splitlines():
        if len(line) > COLUMNS:
            start = line.strip()[:40]
            yield f"a line of code has {len(line)} characters, {COLUMNS} fit the page: {start} …"


def html_problems(book: Book, files: dict[str, Path]) -> list[str]:
    """What is wrong in the HTML pages, given by docname."""
    labels = {
        docname: {str(result["label"]) for result in record.displayed(RESULT)}
        for docname, record in book.records.items()
    }
    proved = {equation_id(label) for found in labels.values() for label in found}
    facts: dict[str, Facts] = {}
    problems = []
    for docname, path in files.items():
        if not path.is_file():
            problems.append(f"{docname}: its HTML page is missing")
            continue
        facts[docname] = read_facts(path.read_text("utf-8"))
        found = list(facts[docname].problems)
        found += [
            f"the equation {name} is numbered, and no derivation displayed it"
            for name in sorted(facts[docname].equations - proved)
        ]
        found += [
            f"the result {label} does not stand on the page as a numbered equation"
            for label in sorted(labels.get(docname, set()))
            if equation_id(label) not in facts[docname].equations
        ]
        problems += [f"{docname}: {problem}" for problem in found]
    anchors = {name for found in facts.values() for name in found.ids}
    return problems + [p for chapter in book.chapters for p in api_problems(chapter, book, anchors)]


def equation_id(label: str) -> str:
    """The id that Sphinx gives to the equation with this label."""
    return f"equation-{make_id(label)}"


def api_problems(chapter: Chapter, book: Book, anchors: set[str]) -> Iterator[str]:
    """Public names of the chapter's module that no API page documents."""
    module = Path(chapter.docname).relative_to(Path(chapter.docname).parts[0])
    path = (book.root / "lib" / module).with_suffix(".py")
    if not path.is_file():
        return
    dotted = ".".join(["lib", *module.parts])
    for name in public_names(path.read_text("utf-8")):
        if f"{dotted}.{name}" not in anchors:
            yield f"{chapter.docname}: no API page documents {dotted}.{name}"


def public_names(source: str) -> list[str]:
    """The functions and classes that a module offers, by ``__all__`` if it has one."""
    body = ast.parse(source).body
    defined = [n.name for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    assigned: dict[str, ast.expr] = {
        target.id: node.value
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    if "__all__" in assigned:
        offered = set(ast.literal_eval(assigned["__all__"])) - assigned.keys()
        # an imported name in capitals is a constant, which autodoc documents only with a comment
        return sorted(name for name in offered if name in defined or not name.isupper())
    return sorted(name for name in defined if not name.startswith("_"))


def main(root: Path) -> int:
    """Judge the book that was built at ``root``; returns the exit status."""
    from myst_parser.config.main import MdParserConfig

    pages, problems = read_pages(root)
    chapters = read_chapters(pages, MdParserConfig(enable_extensions={"dollarmath", "colon_fence"}))
    cache = Records(root / "_build" / ".jupyter_cache")
    found = {chapter.docname: cache.find(chapter) for chapter in chapters}
    records = {docname: record for docname, record in found.items() if record is not None}
    book = Book(root, pages, chapters, records)
    files = {page.docname: root / "_build/html" / f"{page.docname}.html" for page in pages}
    problems += source_problems(book) + html_problems(book, files)
    print(*problems, f"{len(pages)} pages, {len(problems)} problems", sep="\n")
    return 1 if problems else 0
