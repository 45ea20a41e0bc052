"""What the gate needs to know of an HTML page, read in one pass."""

from html.parser import HTMLParser
from pathlib import PurePosixPath

VOID = {"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
BROKEN = {"system-message", "problematic"}  # what docutils leaves where it could not go on


class Facts(HTMLParser):
    """The equations, the anchors and the defects of the article on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.equations: set[str] = set()
        self.ids: set[str] = set()
        self.problems: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self._figures: list[dict[str, str | bool]] = []

    def _inside(self, tag: str, name: str) -> bool:
        return any(t == tag and name in a.get("class", "").split() for t, a in self._open)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append((tag, attributes))
        if not self._inside("article", "bd-article"):
            return
        if "id" in attributes:
            self.ids.add(attributes["id"])
        classes = set(attributes.get("class", "").split())
        for name in classes & BROKEN:
            self.problems.append(f"the page holds an error of docutils ({name})")
        if "eqno" in classes:
            self._number()
        if tag == "figure" and "dit-figure" in classes:
            self._figures.append({"id": attributes.get("id", ""), "caption": False})
        self._image(tag, attributes)

    def _number(self) -> None:
        """A number belongs to the element around it that has the equation's id."""
        names = [attributes.get("id", "") for _, attributes in self._open]
        found = [name for name in names if name.startswith("equation-")]
        if found:
            self.equations.add(found[-1])
        else:
            self.problems.append("a numbered equation has no label")

    def _image(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "img":
            text, source = attributes.get("alt", "").strip(), attributes.get("src", "")
            # without a text, docutils writes the file's name
            if not text or PurePosixPath(text).name == PurePosixPath(source).name:
                self.problems.append(f"the image {source[:80]} has no alternative text")
        # an svg inside an svg is a part of the picture around it
        if tag == "svg" and sum(name == "svg" for name, _ in self._open) == 1:
            hidden = attributes.get("aria-hidden") == "true"
            named = attributes.get("role") == "img" and attributes.get("aria-label", "").strip()
            if not hidden and not named:
                self.problems.append("a drawing (svg) has no role=img with an aria-label")

    def handle_data(self, data: str) -> None:
        if self._figures and data.strip() and any(tag == "figcaption" for tag, _ in self._open):
            self._figures[-1]["caption"] = True

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            name, attributes = self._open.pop()
            if name == tag:
                break
        else:
            return
        if tag == "figure" and "dit-figure" in attributes.get("class", "").split():
            figure = self._figures.pop()
            if not figure["caption"]:
                self.problems.append(f"the figure {figure['id']} has no caption")


def read_facts(text: str) -> Facts:
    """Parse one HTML page."""
    facts = Facts()
    facts.feed(text)
    facts.close()
    return facts
