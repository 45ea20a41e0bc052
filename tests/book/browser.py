"""A browser, a server for built pages, and what can be wrong with a page that is shown."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

SLOWEST = 120_000  # milliseconds, on a machine that does much else
WEIGHTY = {"serious", "critical"}


class View(NamedTuple):
    """How a reader looks at a page: `width` in pixels, `scheme` light or dark."""

    width: int
    scheme: str


WIDE, NARROW = View(1280, "light"), View(390, "dark")

# Everything that a look at the page itself can tell, as a list of sentences.
LOOK = r"""() => {
  const problems = [];
  const root = document.documentElement;
  const name = (node) => {
    const classes = node.getAttribute("class") ?? "";
    return `<${node.localName}${node.id ? " #" + node.id : ""}${classes && " ." + classes}>`;
  };
  for (const error of document.querySelectorAll("mjx-merror, [data-mjx-error]"))
    problems.push(`formula error: ${error.getAttribute("data-mjx-error") || error.textContent}`);
  for (const formula of document.querySelectorAll(".math"))
    if (!formula.querySelector("mjx-container"))
      problems.push(`formula not typeset: ${formula.textContent.trim().slice(0, 80)}`);
  for (const image of document.querySelectorAll("img:not([alt])"))
    problems.push(`image without alternative text: ${image.getAttribute("src").slice(0, 80)}`);
  for (const image of document.querySelectorAll("article img[alt]"))
    if (!image.alt.trim())
      problems.push(`image with an empty alternative text: ${image.src.slice(0, 80)}`);
  for (const drawing of document.querySelectorAll("svg")) {
    const named = drawing.getAttribute("aria-label")?.trim()
      || drawing.querySelector(":scope > title")?.textContent.trim();
    if (!named && !drawing.closest("[aria-hidden=true]") && !drawing.parentElement.closest("svg"))
      problems.push(`drawing without alternative text: ${name(drawing)}`);
  }
  for (const box of document.querySelectorAll("article *"))
    if (box.clientWidth && box.scrollWidth > box.clientWidth + 1 && box.tabIndex < 0
        && ["auto", "scroll"].includes(getComputedStyle(box).overflowX))
      problems.push(`the keyboard cannot scroll ${name(box)}: ${box.textContent.slice(0, 60)}`);
  for (const formula of document.querySelectorAll("mjx-container[tabindex]"))
    if (formula.scrollWidth <= formula.clientWidth)
      problems.push(`a formula is a stop of the tabulator key: ${formula.parentElement.id}`);
  for (const link of document.querySelectorAll(".bd-sidebar-primary a, .bd-sidebar-secondary a"))
    if (link.clientWidth && link.scrollWidth > link.clientWidth + 1)
      problems.push(`a name is cut off in the navigation: ${link.textContent.trim()}`);
  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.body.querySelectorAll("*")].filter((node) => {
      if (node.getBoundingClientRect().right <= root.clientWidth + 1) return false;
      for (let box = node.parentElement; box && box !== document.body; box = box.parentElement)
        if (getComputedStyle(box).overflowX !== "visible") return false;
      return true;
    });
    const culprits = wide.slice(0, 3).map(name).join(", ");
    problems.push(`the page scrolls sideways, ${root.scrollWidth} px wide: ${culprits}`);
  }
  return problems;
}"""

# Most of a page's elements are tokens of code and boxes of formulas, which cost axe-core most of
# its time and tell it nothing new: one token of each class is left, and of a formula a letter.
THIN = r"""() => {
  for (const formula of document.querySelectorAll("mjx-container")) formula.replaceWith("x");
  const seen = new Set();
  for (const token of document.querySelectorAll("pre span[class]")) {
    const kind = `${token.className} in ${token.closest("div.highlight")?.parentElement.className}`;
    if (seen.has(kind) || token.querySelector("[id]")) continue;
    seen.add(kind);
    token.dataset.kept = "";
  }
  for (const token of document.querySelectorAll("pre span:not([data-kept], [id], :has([id]))"))
    if (token.isConnected) token.replaceWith(...token.childNodes);
  for (const code of document.querySelectorAll("pre")) code.normalize();
}"""
AXE_OPTIONS = {"resultTypes": ["violations"], "iframes": False, "preload": False}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing: what fails is seen by the page."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the folder on this machine; yields the address, with the last slash."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def opened(browser: Any, view: View, origin: str) -> Iterator[tuple[Any, list[str]]]:
    """An empty page seen in this way, and the list that takes what goes wrong in it.

    No request leaves `origin`: each one that would is stopped and listed.
    """
    context = browser.new_context(
        viewport={"width": view.width, "height": 900},
        color_scheme=view.scheme,
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(SLOWEST)
    problems: list[str] = []
    page = context.new_page()

    def gate(route: Any) -> None:
        if route.request.url.startswith(origin):
            route.continue_()
        else:
            problems.append(f"outside request: {route.request.url}")
            route.abort()

    def heard(message: Any) -> None:
        if message.type == "error":
            problems.append(f"console error: {message.text}")

    def answered(response: Any) -> None:
        if response.status >= 400:
            problems.append(f"request answered {response.status}: {response.url}")

    context.route(lambda url: not url.startswith(("data:", "blob:")), gate)
    page.on("console", heard)
    page.on("pageerror", lambda error: problems.append(f"uncaught error: {error}"))
    page.on("requestfailed", lambda request: problems.append(f"request failed: {request.url}"))
    page.on("response", answered)
    try:
        yield page, problems
    finally:
        context.close()


def settle(page: Any) -> None:
    """Wait until the formulas are typeset and the page's own scripts have run; keep it still."""
    page.add_style_tag(content="*, ::before, ::after { transition: none !important; }")
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def look(page: Any) -> list[str]:
    """What is wrong with the page as it is drawn now, accessibility apart."""
    return list(page.evaluate(LOOK))


def accessibility(page: Any) -> list[str]:
    """The rules of axe-core of serious or critical weight that the page breaks."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(THIN)
        page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("(options) => axe.run(document, options)", AXE_OPTIONS)
    return [
        f"{broken['impact']} {broken['id']}, {broken['help']}: {len(broken['nodes'])} times, first "
        f"{broken['nodes'][0]['target']} {broken['nodes'][0]['html'][:200]} "
        f"({broken['nodes'][0]['failureSummary'].splitlines()[-1].strip()})"
        for broken in found["violations"]
        if broken["impact"] in WEIGHTY
    ]
