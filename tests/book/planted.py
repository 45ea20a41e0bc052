"""A tiny book with planted chapters, built for real in a process of its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""

ALPHA = """# Alpha

A result that the chapter displays, {eq}`alpha-sum`, and a source {cite:p}`someone2001`; a post
{cite:p}`su2018toy`.

```{code-cell} python
from lib.toy.alpha import double
from lib.page import check, correction, result, run
print(double(21))
```

```{code-cell} python
result("alpha-sum", "1 + 1 = 2", "One and one")
```

```{code-cell} python
check("alpha-sum", "lib.toy.alpha.double")
found = {"accuracy": (double(21) + 0.125, 0.5), "ms": (3.5, None)}
run("toy/alpha", found, steps=double(2))
correction("first claim", "alpha-sum")
correction("second claim", "the figure above")
```
"""

BETA = """# Beta

Nothing of Alpha's is used here, but {eq}`alpha-sum` is cited.

```{code-cell} python
import json, os
from pathlib import Path
from lib import datasets
print(datasets.load("numbers"))
```
"""

LIBRARY = {
    "lib/__init__.py": '"""A toy library."""\n',
    "lib/toy/__init__.py": "",
    "lib/toy/alpha.py": '''"""A module."""
from .helper import TWO, triple

__all__ = ["double", "triple"]
triple.__module__ = __name__


def double(number: int) -> int:
    """Twice the number, see :eq:`alpha-sum`."""
    return TWO * number
''',
    "lib/toy/helper.py": '''TWO = 2


def triple(number: int) -> int:
    """Three times the number."""
    return 3 * number
''',
    "lib/toy/unrelated.py": "THREE = 3\n",
    "lib/page.py": """
from IPython.display import display

PREFIX = "application/vnd.derive-implement-train."


def result(label, latex, title):
    facts = {"label": label, "title": title, "standing": "proved", "standing_text": "proved",
             "domain": "all", "sizes": {}, "latex": latex, "plain": latex, "seconds": 0.1,
             "steps": [], "kind": "equation", "statement": latex, "definitions": []}
    display({f"{PREFIX}result+json": facts, "text/markdown": f"$$\\n{latex}\\n$$ ({label})",
             "text/plain": latex}, raw=True)


def restated(label, statement):
    facts = {"label": label, "statement": statement}
    display({f"{PREFIX}restated+json": facts, "text/plain": statement}, raw=True)


def correction(claim, evidence):
    facts = {"source": "A source", "claim": claim, "correct": "$|x|$", "evidence": evidence}
    display({f"{PREFIX}correction+json": facts, "text/plain": "corrected"}, raw=True)


def run(chapter, metrics, **sizes):
    metrics = {name: dict(value=v, tolerance=t) for name, (v, t) in metrics.items()}
    facts = {"chapter": chapter, "kind": "cpu", "device": "a CPU", "sizes": sizes, "seconds": 1.0,
             "data": ["Toy data."], "metrics": metrics}
    display({f"{PREFIX}run+json": facts, "text/plain": "trained"}, raw=True)


def check(label, function):
    facts = {"label": label, "function": function, "cases": 5, "max_error": 0.0,
             "tolerance": 1e-9}
    display({f"{PREFIX}check+json": facts, "text/plain": "checked"}, raw=True)
""",
    "lib/datasets.py": """
import hashlib, json, os
from pathlib import Path

ROW = Path(__file__).with_name("row.txt")


def fingerprint(name):
    return hashlib.sha256(ROW.read_bytes()).hexdigest()


def load(name):
    if log := os.environ.get("LIB_DATASETS_LOG"):
        with open(log, "a") as file:
            file.write(json.dumps({"name": name, "fingerprint": fingerprint(name)}) + "\\n")
    return ROW.read_text().strip()
""",
    "lib/row.txt": "1 2 3\n",
}

PAGES = {
    "book/index.md": "# A planted book\n\n```{ledger-total}\n```\n",
    "book/toy/alpha.md": HEADER + ALPHA,
    "book/toy/beta.md": HEADER + BETA,
    "book/reference/ledger.md": "# Ledger\n\n```{ledger}\n```\n\n```{corrections}\n```\n",
    "book/reference/some.md": (
        "# Some\n\n```{ledger}\n:only: toy/alpha, none/*\n```\n\n"
        "```{ledger}\n:except: toy/*\n```\n\n```{ledger-total}\n:only: toy/beta\n```\n"
    ),
    "book/reference/api/toy.alpha.md": (
        "# API\n\n```{eval-rst}\n.. automodule:: lib.toy.alpha\n```\n"
    ),
    "book/reference/bibliography.md": "# Bibliography\n\n```{bibliography}\n:all:\n```\n",
    "book/reference/glossary.md": (
        "# Glossary\n\n```{terms}\n```\n\n## Chinese\n\n```{terms-by-chinese}\n```\n\n"
        "## Posts\n\n```{source-posts}\n```\n"
    ),
    "book/reference/benchmarks.md": "# Benchmarks\n\n```{benchmarks}\n```\n",
    "book/glossary.toml": """
["toy/alpha"."result"]
chinese = "结果"
means = "What a chapter *displays*."
equation = "alpha-sum"
post = "su2018toy"

["toy/beta"."nothing"]
chinese = "无"
means = "What is left of $x-x$."
""",
    "book/references.bib": """
@misc{someone2001, author = {Someone, A.}, title = {A title}, year = {2001}}
@misc{su2018toy, author = {Su, Jianlin}, title = {A toy of {MINE} (in {Chinese})},
  origtitle = {玩具}, day = {8}, month = may, year = {2018},
  url = {https://kexue.fm/archives/12}}
@misc{su2019unread, author = {Su, Jianlin}, title = {Another}, origtitle = {另一个}, year = {2019},
  url = {https://kexue.fm/archives/34}}
""",
    "tests/benchmarks/bench_toy.py": '"""Toys against others: is it fast?"""\n',
    "constraints.txt": "# pins\nnbclient>=0\n",
    "_toc.yml": """format: jb-book
root: book/index
parts:
  - caption: Toys
    numbered: 2
    chapters:
      - file: book/toy/alpha
      - file: book/toy/beta
  - caption: Reference
    chapters:
      - file: book/reference/ledger
      - file: book/reference/some
      - file: book/reference/glossary
      - file: book/reference/benchmarks
      - glob: book/reference/api/*
      - file: book/reference/bibliography
""",
}


class Outcome:
    """How a build ended."""

    def __init__(self, process: subprocess.CompletedProcess[str]) -> None:
        self.green = process.returncode == 0
        self.status = process.returncode
        self.text = re.sub(r"\x1b\[[\d;]*m", "", process.stdout + process.stderr)
        self.executed = set(re.findall(r"(?m)(?:\] |^)([\w/]+): done in", self.text))
        self.failed = set(re.findall(r"(?m)(?:\] |^)([\w/]+): FAILED", self.text))


class PlantedBook:
    """A book in a folder of its own, with this repository's settings and extension."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder = folder
        for name, content in {**LIBRARY, **PAGES}.items():
            self.write(name, content)
        shutil.copy(repository / "_config.yml", folder)
        self.edit("_config.yml", '\n  url: ""', '\n  url: "https://github.com/someone/toy"')
        for name in ("_extensions", "_static"):
            shutil.copytree(repository / "book" / name, folder / "book" / name)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    def write(self, name: str, content: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        content = self.read(name)
        assert old in content
        self.write(name, content.replace(old, new))

    def html(self, docname: str) -> str:
        return self.read(f"_build/html/{docname}.html")

    def command(self, *options: str, source: str = ".") -> list[str]:
        return [str(Path(sys.executable).with_name("jupyter-book")), "build", source, *options]

    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self.folder), "LIB_DEVICE": "cpu"}

    def build(self, *options: str, source: str = ".") -> Outcome:
        return self.run(self.command(*options, source=source), self.environment())

    def verify(self, *options: str) -> Outcome:
        extension = str(self.folder / "book" / "_extensions")
        command = [sys.executable, "-m", "executable_book.verify", *options]
        return self.run(command, self.environment() | {"PYTHONPATH": extension})

    def run(self, command: list[str], environment: dict[str, str]) -> Outcome:
        return Outcome(
            subprocess.run(
                command,
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        )
