"""MyST Markdown turned into the Markdown that every notebook program shows.

The blocks come from MyST's own parser; the source of a block that is plain already stays as it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.mdit_to_docutils.base import DocutilsRenderer
from myst_parser.parsers.mdit import create_md_parser

from .citations import Citations
from .prose import OPTION

ADMONITIONS = {
    "attention", "caution", "danger", "error", "hint", "important", "note", "seealso", "tip",
    "warning",
}  # fmt: skip
DIRECTIVE = re.compile(r"\{(?P<name>[\w:-]+)\}\s*(?P<argument>.*)")
LABEL = re.compile(r"^\s*:label:\s*(\S+)", re.MULTILINE)
TITLED = re.compile(r"(?P<words>.*?)\s*<(?P<target>[^<>]+)>", re.DOTALL)
INLINE = re.compile(
    r"""(?:\{(?P<role>[\w:.+-]+)\})?(?<!`)(?P<ticks>`+)(?!`)(?P<content>.+?)(?<!`)(?P=ticks)(?!`)
    |(?<!!)\[(?P<words>[^\[\]]*)\]\((?P<page>[^()\s:]+\.md)(?:\#[^()\s]*)?\)""",
    re.DOTALL | re.VERBOSE,
)
# JupyterLab folds everything up to the next heading that is not smaller.
FOLDED = {"jp-MarkdownHeadingCollapsed": True}


class NotPlainError(ValueError):
    """Something that plain Markdown cannot say, or that refers to nothing."""


class References(Protocol):
    """What the text of a page may refer to."""

    markdown: MdParserConfig

    def equation(self, here: str, label: str) -> str:
        """The words for an equation; a KeyError if there is none of this label."""

    def link(self, here: str, target: str, words: str = "") -> str:
        """A link to a page given by its path from here; a KeyError if there is none."""


@dataclass
class Part:
    """A cell of Markdown."""

    text: str
    metadata: dict[str, Any] = field(default_factory=dict)


class PlainMarkdown:
    """The text of one page, cell by cell: a solution names the exercise before it."""

    def __init__(self, docname: str, references: References, citations: Citations) -> None:
        self._docname = docname
        self._references = references
        self._citations = citations
        self._parser = create_md_parser(references.markdown, DocutilsRenderer)
        self._exercises: dict[str, int] = {}

    def parts(self, markdown: str) -> list[Part]:
        """A cell as cells: every heading begins one, so that programs can fold what follows.

        Raises:
            NotPlainError: if a directive or role is not known here, or refers to nothing.
        """
        parts = [Part("")]
        for text, metadata in self._blocks(markdown):
            if text.startswith("#") or parts[-1].metadata:
                parts.append(Part("", metadata))
            parts[-1].text += f"{text}\n\n"
        return [Part(part.text.strip(), part.metadata) for part in parts if part.text.strip()]

    def _blocks(self, markdown: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The outermost blocks in plain Markdown, with the metadata of their cells."""
        lines: list[str | None] = [*markdown.splitlines()]
        tokens = self._parser.parse(markdown)
        for token in tokens:
            if token.type == "inline" and token.map:
                self._inline(lines, *token.map)
        for token in tokens:
            if token.level or token.map is None or token.type == "inline":
                continue
            directive = DIRECTIVE.fullmatch(token.info.strip()) if "fence" in token.type else None
            if directive:
                folded = FOLDED if directive["name"] == "solution-start" else {}
                yield self._directive(directive["name"], directive["argument"], token), folded
            elif token.type not in {"myst_target", "myst_line_comment"}:
                yield _joined(lines[token.map[0] : token.map[1]]).rstrip(), {}

    def _inline(self, lines: list[str | None], start: int, end: int) -> None:
        """Replace roles and links in these lines, in place; they may become fewer."""
        after = INLINE.sub(self._plain, _joined(lines[start:end])).split("\n")
        lines[start:end] = [*after, *[None] * (end - start - len(after))]

    def _plain(self, found: re.Match[str]) -> str:
        try:
            if found["page"]:
                return self._references.link(self._docname, found["page"], found["words"])
            if found["role"]:
                return self._role(found["role"], " ".join(found["content"].split()))
        except KeyError as error:
            raise NotPlainError(f"{found[0]} refers to nothing: there is no {error}") from error
        return found[0]  # code

    def _role(self, role: str, content: str) -> str:
        titled = TITLED.fullmatch(content)
        words, target = titled.groups() if titled else ("", content)
        if role == "eq":
            return self._references.equation(self._docname, target)
        if role in {"cite", "cite:p", "cite:t"}:
            keys = [key.strip() for key in content.split(",")]
            textual = role == "cite:t"
            cited = self._citations.textual if textual else self._citations.parenthetical
            return cited(keys)
        if role == "doc":
            return self._references.link(self._docname, target, words)
        if role.startswith("py:"):
            return f"`{words or target.removeprefix('~')}`"
        if role == "term":
            return words or target
        if role == "ref" and words:
            return words
        raise NotPlainError(f"the role {{{role}}}`{content}` has no form in plain Markdown yet")

    def _directive(self, name: str, argument: str, token: Token) -> str:
        content = self._content(token.content)
        label = LABEL.search(token.content)
        if name == "exercise":
            number = len(self._exercises) + 1
            self._exercises[label[1] if label else ""] = number
            return f"### Exercise {number}. {self._words(argument)}\n\n{content}".rstrip()
        if name in {"solution", "solution-start"}:
            if argument not in self._exercises:
                raise NotPlainError(
                    f"a solution of {argument!r}, and no exercise before it is so named"
                )
            if name == "solution-start":
                return f"#### Solution of exercise {self._exercises[argument]}"
            return f"<details>\n<summary>Solution</summary>\n\n{content}\n\n</details>"
        if name == "solution-end":
            return ""
        if name in ADMONITIONS or name in {"admonition", "dropdown"}:
            named = self._words(argument) if name in {"admonition", "dropdown"} else name.title()
            quoted = f"**{named.replace('Seealso', 'See also')}**\n\n{content}"
            return "\n".join(f"> {line}".rstrip() for line in quoted.splitlines())
        raise NotPlainError(f"the directive {{{name}}} has no form in plain Markdown yet")

    def _content(self, source: str) -> str:
        """What a directive says, without its options."""
        lines = source.splitlines()
        while lines and OPTION.match(lines[0]):
            lines.pop(0)
        return "\n\n".join(text for text, _ in self._blocks("\n".join(lines)) if text)

    def _words(self, argument: str) -> str:
        return INLINE.sub(self._plain, argument.strip())


def _joined(lines: list[str | None]) -> str:
    """The text of some lines; None stands for one that has become part of another."""
    return "\n".join(line for line in lines if line is not None)
