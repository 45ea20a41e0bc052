"""One figure style for the whole book, right on a light and on a dark page.

A figure is shown as inline SVG with a transparent ground. Everything that is ink (text, axes,
ticks) takes the colour of the page's own text, so one picture serves a light page, a dark page,
JupyterLab, VS Code and Colab; the data colours have a contrast of at least 3 : 1 against both
grounds and stay apart for colour-blind readers (``tests/test_plotting.py`` measures both).

>>> with style():
...     fig, ax = plt.subplots()
...     _ = ax.plot([0, 1, 2], [0, 1, 4], color=BLUE)
...     html = svg(fig, alt="A parabola through three points", name="doc-parabola")
>>> html.startswith("<svg") and 'role="img"' in html
True
>>> plt.close(fig)
"""

import html as _html
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.page import display

__all__ = [
    "BLUE",
    "GOLD",
    "GREY",
    "INK",
    "PALETTE",
    "PAPER",
    "RED",
    "VIOLET",
    "figure",
    "hinton",
    "style",
    "svg",
    "trellis",
]

BLUE, RED, GOLD, VIOLET, GREY = "#1f77c8", "#cf0940", "#b07d00", "#7449ed", "#868e96"
PALETTE = (BLUE, RED, GOLD, VIOLET, GREY)

#: Stand-ins that :func:`svg` turns into the page's own text and background colours.
INK, PAPER = "#010203", "#fdfcfb"

_RC: Any = {
    "figure.figsize": (7.2, 3.4),
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=PALETTE)
    + cycler(linestyle=["-", "--", "-.", ":", (0, (5, 1))]),
    "grid.color": INK,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "text.color": INK,
    "font.size": 10.5,
    "font.family": "DejaVu Sans",
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 2.0,
    "lines.markersize": 5.5,
    "svg.fonttype": "path",
    "image.cmap": "viridis",
}


@contextmanager
def style() -> Iterator[None]:
    """The book's Matplotlib settings for the figures made inside the ``with`` block."""
    with matplotlib.rc_context(_RC):
        yield


def svg(fig: Figure, *, alt: str, name: str) -> str:
    """Return the figure as an SVG element that takes ink and ground from the page around it.

    Args:
        fig: a figure drawn under :func:`style`.
        alt: what a reader who cannot see the figure needs to know; not empty.
        name: an identifier unique in the page: SVG ids are derived from it, so that two figures of
            one page never share a clip path.

    Raises:
        ValueError: if ``alt`` is empty or ``name`` is no HTML identifier.
    """
    if not alt.strip():
        raise ValueError("a figure needs alternative text: say in `alt` what there is to see")
    if not re.fullmatch(r"[A-Za-z][\w-]*", name):
        raise ValueError(
            f"`name` must be letters, digits and hyphens, starting with a letter; got {name!r}"
        )
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        fig.savefig(
            buffer,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = text.replace(INK, "currentColor").replace(
        PAPER, "var(--pst-color-background, var(--jp-layout-color0, #fff))"
    )
    # Glyphs and clip paths are referred to by id, and a page holds many figures.
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    label = _html.escape(" ".join(alt.split()), quote=True)
    text = re.sub(r"\n\s*", "\n", text)  # no indented line: Markdown must not read it as code
    return (
        text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
        .replace("\n\n", "\n")
        .strip()
    )


def figure(fig: Figure, *, alt: str, caption: str, name: str) -> None:
    """Show a figure with its caption and close it.

    In a notebook and on a page the figure appears as inline SVG; in a plain program its caption is
    printed.

    Args:
        fig: the figure.
        alt: alternative text.
        caption: what to see in it, in a sentence or two (plain text or HTML).
        name: an identifier unique in the page, also the anchor of the figure.

    Raises:
        ValueError: if ``alt`` or ``caption`` is empty, or ``name`` no identifier.
    """
    if not caption.strip():
        raise ValueError("a figure needs a caption: say in `caption` what the reader is to see")
    picture = svg(fig, alt=alt, name=name)
    plt.close(fig)
    page = (
        f'<figure id="{name}" class="dit-figure"><div class="dit-figure-scroll">\n{picture}\n</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )
    plain = re.sub(r"<[^>]+>", "", caption)
    display({"text/html": page, "text/plain": f"[figure {name}] {plain}"})


def hinton(
    ax: Axes,
    matrix: Any,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    largest: float | None = None,
    values: bool = True,
    forbidden: Any = None,
) -> None:
    """Draw a matrix as squares: the area is the size, blue is positive and red negative.

    Args:
        ax: where to draw.
        matrix: the numbers, rows by columns; infinite ones are drawn as a cross.
        rows: the rows' names, from the top.
        columns: the columns' names, from the left.
        largest: the magnitude that fills a cell, so that several matrices share one scale; the
            matrix's own largest magnitude if left out.
        values: whether to write each number into its cell.
        forbidden: a boolean matrix of cells to mark with a thin frame, or None.

    Raises:
        ValueError: if the names do not match the matrix's shape.
    """
    matrix = np.asarray(matrix, dtype=float)
    if matrix.shape != (len(rows), len(columns)):
        raise ValueError(
            f"expected a {len(rows)} x {len(columns)} matrix, as the names say, got {matrix.shape}"
        )
    finite = np.abs(matrix[np.isfinite(matrix)])
    scale = largest or (finite.max() if finite.size and finite.max() > 0 else 1.0)
    for (r, c), value in np.ndenumerate(matrix):
        if not np.isfinite(value):
            ax.plot(c, r, marker="x", color=INK, markersize=8, markeredgewidth=1.2)
            continue
        side = 0.92 * min(1.0, abs(value) / scale) ** 0.5
        color = BLUE if value > 0 else RED
        ax.add_patch(
            Rectangle((c - side / 2, r - side / 2), side, side, facecolor=color, edgecolor="none")
        )
        if values:
            inside = side > 0.62
            ax.text(
                c,
                r if inside else r + side / 2 + 0.02,
                f"{value:+.1f}".replace("-", "\N{MINUS SIGN}"),
                ha="center",
                va="center" if inside else "top",
                fontsize=8,
                color="white" if inside else INK,
            )
    if forbidden is not None:
        for r, c in np.argwhere(np.asarray(forbidden)):
            ax.add_patch(
                Rectangle(
                    (c - 0.5, r - 0.5),
                    1,
                    1,
                    facecolor="none",
                    edgecolor=INK,
                    linewidth=0.8,
                    alpha=0.55,
                )
            )
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5), aspect="equal")
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def trellis(
    ax: Axes,
    *,
    tokens: Sequence[str],
    tags: Sequence[str],
    nodes: Any = None,
    edges: Any = None,
    path: Sequence[int] | None = None,
    forbidden: Any = None,
    labels: bool = True,
    color: str = BLUE,
) -> None:
    """Draw the lattice of tags over tokens: one column a token, one row a tag, one path a tagging.

    Args:
        ax: where to draw.
        tokens: the columns' names.
        tags: the rows' names, from the top.
        nodes: tokens by tags, in [0, 1]: how much of each node is filled; all empty if left out.
        edges: tokens − 1 by tags by tags, in [0, 1]: the edges' strength; faint if left out.
        path: a tag index for each token, drawn as a heavy line.
        forbidden: tags by tags: edges that are drawn dashed and red where the path uses them, and
            left out elsewhere.
        labels: whether to write the filled share beside each node.
        color: the colour of the nodes' filling and of the edges.
    """
    steps, count = len(tokens), len(tags)
    banned = np.zeros((count, count), bool) if forbidden is None else np.asarray(forbidden)
    for t, i, j in itertools.product(range(steps - 1), range(count), range(count)):
        on_path = path is not None and path[t] == i and path[t + 1] == j
        if banned[i, j] and not on_path:
            continue
        strength = 0.12 if edges is None else float(np.asarray(edges)[t, i, j])
        tint = INK if edges is None else color
        ax.plot(
            [t, t + 1],
            [i, j],
            "-",
            color=tint,
            alpha=max(strength, 0.04),
            lw=0.8 + 4 * strength * (edges is not None),
            zorder=1,
        )
        if on_path:
            ax.plot(
                [t, t + 1],
                [i, j],
                "--" if banned[i, j] else "-",
                color=RED if banned[i, j] else color,
                lw=3.2,
                zorder=2,
            )
    for t, i in itertools.product(range(steps), range(count)):
        share = None if nodes is None else float(np.asarray(nodes)[t, i])
        ax.scatter(t, i, s=620, facecolor=PAPER, edgecolor=INK, linewidth=0.9, zorder=3)
        if share:
            ax.scatter(t, i, s=620 * share, facecolor=color, edgecolor="none", zorder=4)
        if share is not None and labels:
            ax.text(t, i + 0.42, f"{share:.2f}", ha="center", va="center", fontsize=8.5, zorder=5)
    ax.set(xlim=(-0.45, steps - 0.55), ylim=(count - 0.4, -0.5))
    ax.set_xticks(range(steps), tokens)
    ax.set_yticks(range(count), tags)
    ax.tick_params(length=0)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
