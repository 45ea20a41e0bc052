"""HTML elements of our own in the pages' trees, where docutils has no node for what we need."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


class element(nodes.General, nodes.TextElement):  # type: ignore[misc]  # noqa: N801 (as docutils)
    """An HTML element, which may hold links; other builders see only its children."""


def make(tag: str, *children: nodes.Node, classes: str = "", **attributes: str) -> element:
    """An element; ``data_label="x"`` becomes the attribute ``data-label``, ``text`` is its text."""
    text = [nodes.Text(attributes.pop("text"))] if "text" in attributes else []
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return element("", "", *text, *children, tag=tag, attributes=named, classes=classes.split())


def visit(translator: HTML5Translator, node: element) -> None:
    translator.body.append(translator.starttag(node, node["tag"], "", **node["attributes"]))


def depart(translator: HTML5Translator, node: element) -> None:
    translator.body.append(f"</{node['tag']}>")


def pass_through(translator: nodes.NodeVisitor, node: element) -> None:
    """Write nothing for the element itself."""


def add_elements(app: Sphinx) -> None:
    """Tell the builders of these elements."""
    through = (pass_through, pass_through)
    app.add_node(element, html=(visit, depart), latex=through, text=through)
