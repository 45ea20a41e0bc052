"""The figure style: readable on both grounds, colour-blind safe, with alternative text."""

import itertools
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib import plotting
from lib.plotting import PALETTE, figure, hinton, style, svg, trellis

LIGHT, DARK = "#ffffff", "#14181e"
# Machado, Oliveira & Fernandes 2009, table 1, severity 1.
DEFICIENCIES = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "none": np.eye(3),
}


def linear(color: str) -> np.ndarray:
    rgb = np.array([int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(color: str) -> float:
    return float(linear(color) @ [0.2126, 0.7152, 0.0722])


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("color", PALETTE)
@pytest.mark.parametrize("ground", [LIGHT, DARK])
def test_each_data_colour_stands_out_from_both_grounds(color, ground):
    high, low = sorted([luminance(color), luminance(ground)], reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 3  # WCAG 2.2, non-text contrast


@pytest.mark.parametrize("kind", DEFICIENCIES)
def test_data_colours_stay_apart_for_colour_blind_readers(kind):
    seen = [lab(np.array(DEFICIENCIES[kind]) @ linear(color)) for color in PALETTE]
    nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    assert nearest > 20  # CIE76; 2.3 is the just noticeable difference


def simple_figure():
    with style():
        fig, ax = plt.subplots()
        ax.plot([0, 1], [0, 1], label="a line")
        ax.set(xlabel="x", ylabel="y")
        ax.legend()
    return fig


def test_ink_and_ground_come_from_the_page():
    text = svg(simple_figure(), alt="a rising line", name="fig-a")
    assert "currentColor" in text
    assert plotting.INK not in text
    assert "#000000" not in text
    plt.close("all")


def test_two_figures_of_a_page_share_no_id_and_every_reference_resolves():
    ids = []
    for name in ("fig-a", "fig-b"):
        text = svg(simple_figure(), alt="a rising line", name=name)
        own = re.findall(r'\bid="([^"]+)"', text)
        used = re.findall(r'href="#([^"]+)"', text) + re.findall(r"url\(#([^)]+)\)", text)
        assert used
        assert set(used) <= set(own)
        ids.append(set(own))
    assert not ids[0] & ids[1]
    plt.close("all")


def test_the_same_figure_gives_the_same_bytes():
    first, second = (svg(simple_figure(), alt="a line", name="fig-a") for _ in range(2))
    assert first == second
    plt.close("all")


def test_alternative_text_is_escaped_and_required():
    fig = simple_figure()
    assert 'aria-label="5 &lt; 6 &quot;so&quot;"' in svg(fig, alt='5 < 6 "so"', name="f")
    with pytest.raises(ValueError, match="alternative text"):
        svg(fig, alt=" ", name="f")
    with pytest.raises(ValueError, match="letters, digits"):
        svg(fig, alt="a", name="1 f")
    with pytest.raises(ValueError, match="caption"):
        figure(fig, alt="a", caption="", name="f")
    plt.close("all")


def test_a_program_prints_the_caption_and_closes_the_figure(capsys):
    fig = simple_figure()
    figure(fig, alt="a line", caption="It <em>rises</em>.", name="fig-a")
    assert capsys.readouterr().out == "[figure fig-a] It rises.\n"
    assert not plt.fignum_exists(fig.number)


def test_hinton_areas_are_proportional_to_the_magnitudes():
    with style():
        _, ax = plt.subplots()
        hinton(ax, [[4.0, -1.0], [0.0, np.inf]], rows="ab", columns="ab", values=False)
    areas = [patch.get_width() * patch.get_height() for patch in ax.patches]
    assert areas[1] == pytest.approx(areas[0] / 4)
    assert [p.get_facecolor()[2] > p.get_facecolor()[0] for p in ax.patches[:2]] == [True, False]
    assert len(ax.lines) == 1  # the infinite entry's cross
    with pytest.raises(ValueError, match="2 x 1"):
        hinton(ax, [[1.0, 2.0]], rows="ab", columns="a")
    plt.close("all")


def test_trellis_leaves_out_forbidden_edges_unless_the_path_takes_them():
    def lines(path):
        with style():
            fig, ax = plt.subplots()
            trellis(
                ax, tokens="abc", tags="xy", path=path, forbidden=[[True, False], [False, False]]
            )
        plt.close(fig)
        return len(ax.lines)

    legal = 2 * 3
    assert lines(None) == legal
    assert lines([0, 1, 1]) == legal + 2
    assert lines([0, 0, 1]) == legal + 1 + 2
