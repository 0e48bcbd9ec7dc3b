"""The page's colours: seen in light and dark, told apart by the colour-blind, as computed and not as hoped."""

import re
from importlib.resources import files

import numpy as np
import pytest
from numpy.typing import NDArray

# Machado, Oliveira, Fernandes (2009), IEEE TVCG 15:1291-1298, severity 1.0; on linear RGB
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array([[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]]),
    "deuteranopia": np.array([[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]]),
    "tritanopia": np.array([[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]]),
}
SCHEMES = ("light", "dark")


def colours(scheme: str) -> dict[str, str]:
    """The variables of the page in one scheme."""
    page = files("frostline.report").joinpath("page.html").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", page, flags=re.DOTALL)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[SCHEMES.index(scheme)]))


def linear(colour: str) -> NDArray[np.float64]:
    parts = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    """WCAG 2.2."""
    light, dark = sorted((float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (first, second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b*, D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    parts = to_xyz @ rgb / np.array([0.95047, 1.0, 1.08883])
    root = np.where(parts > 0.008856, np.cbrt(np.maximum(parts, 0)), 7.787 * parts + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_words_can_be_read(scheme: str) -> None:
    """WCAG AA for text, 4.5 to 1, on every ground that words stand on."""
    found = colours(scheme)
    for ink in ("ink", "muted"):
        for ground in ("paper", "card"):
            assert contrast(found[ink], found[ground]) >= 4.5
    for ground in ("caution", "next"):
        assert contrast(found["ink"], found[ground]) >= 7


@pytest.mark.parametrize("scheme", SCHEMES)
def test_lines_and_points_can_be_seen(scheme: str) -> None:
    """WCAG 1.4.11: 3 to 1 for what a picture is read by."""
    found = colours(scheme)
    drawn = [name for name in found if name.startswith("label-")] + ["right", "wrong", "muted", "ink"]
    assert len(drawn) == 10
    for name in drawn:
        assert contrast(found[name], found["card"]) >= 3, name


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_labels_are_told_apart(scheme: str, blindness: str) -> None:
    """A colour difference of 15 or more between any two labels, however the eye is made; 2.3 is just noticeable."""
    found = colours(scheme)
    seen = [
        lab(np.clip(BLINDNESS[blindness] @ linear(found[name]), 0, 1))
        for name in sorted(found)
        if name.startswith("label-")
    ]
    distances = [
        float(np.linalg.norm(first - second)) for place, first in enumerate(seen) for second in seen[place + 1 :]
    ]
    assert min(distances) >= 15


def test_paper_is_white_and_dark_is_for_screens() -> None:
    """A page printed from a dark screen costs no ink."""
    page = files("frostline.report").joinpath("page.html").read_text("utf-8")
    assert "@media screen and (prefers-color-scheme: dark)" in page
    assert "@media print" in page
    assert not re.search(r"@media \(prefers-color-scheme", page)
