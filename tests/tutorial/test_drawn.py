"""Every kind of picture of the lesson, drawn of small fixed numbers and compared whole with its file in golden/."""

import re
from pathlib import Path

import numpy as np
import pytest

from frostline.tutorial import drawn
from frostline.tutorial.page import _places
from goldens import compare_text

GOLDEN = Path(__file__).parent / "golden"
SAID = {"frozen": "stays", "numbers": "numbers", "regression": "weights", "learned": "learns"}
IDS = [np.arange(n, dtype=np.int32) for n in (3, 5, 2)]
ROW = np.linspace(-1, 1, 8, dtype=np.float32)
SHARES = np.array([[0.25, 0.75, 0], [0.04, 0.96, 0], [1.2, -0.1, 0.5]], np.float32)
PICTURES = {
    "overview": lambda: drawn.overview(
        "a fine film " * 5, "minilm", "positive " * 4, hidden=384, said=SAID, says="an < answer"
    ),
    "chips": lambda: drawn.chips(["[CLS]", "fine", "<b>"], [101, 7, 9], says="pieces"),
    "cut_into": lambda: drawn.cut_into(
        ["[CLS]", "un", "##like", "un", "like"], ["", "unlike", "unlike", "un", "like"], says="cut"
    ),
    "one_hot": lambda: drawn.one_hot(7, 30522, ROW, [(6, ROW / np.float32(2)), (7, ROW)], "one"),
    "rectangle": lambda: drawn.rectangle(IDS, [1, 0, 2], 5, says="padding"),
    "silhouette": lambda: drawn.silhouette([9, 6, 6, 2], [9, 9, 6, 6], says="all"),
    "bars": lambda: drawn.bars(
        [("one", 0.5, "50 %"), ("two", 0.0, "0 %"), ("own", 2.0, "all")], says="bars", most=2.0, own=2
    ),
    "ones_and_zeros": lambda: drawn.ones_and_zeros(IDS, [1, 0, 2], n_columns=4, says="mask"),
    "attention_matrix": lambda: drawn.attention_matrix(
        ["[CLS]", "a", "extraordinary"], SHARES, says="who", axes=("from", "to")
    ),
    "block": lambda: drawn.block(
        [4, 2], ["a", "b"], longest=9, sizes=(1500, 9, 8), axes=("s", "p: ", "n: "), says="block"
    ),
    "block_kept": lambda: drawn.block(
        [4], ["a"] * 15, longest=20, sizes=(2, 20, 8), axes=("s", "p: ", "n: "), says="kept", is_first_kept=True
    ),
    "heat_table": lambda: drawn.heat_table(
        [1, 0], ["a text that is long, so cut", "b"], np.array([[0.5, -2], [0, 1]], np.float32), says="heat"
    ),
    "heat_table_labelled": lambda: drawn.heat_table(
        [0], ["a"], np.zeros((1, 3), np.float32), says="heat", labels=["positively"]
    ),
    "strokes": lambda: drawn.strokes([place % 5 == 0 for place in range(130)], says="rows"),
    "strokes_of_many": lambda: drawn.strokes([place % 900 == 0 for place in range(1801)], says="rows"),
    "dots": lambda: drawn.dots([1, 2.345, 5], [3.004, 4, 5], [0, 0, 7]),
    "intervals": lambda: drawn.intervals([("cls@-1: ", 0.8, (0.7, 0.9)), ("mean@all: ", 0.85, None)], says="scores"),
    "intervals_of_one": lambda: drawn.intervals([("cls@-1: ", 1.0, None)], says="scores"),
    "waterfall": lambda: drawn.waterfall([("a", 1.5), ("b", -2.25), ("c", 0.0)], ("all", -0.75), says="parts"),
    "swarm": lambda: drawn.swarm(
        [0.81, 0.8, 0.81, 0.9], axes=drawn.Axes((0.79, 0.91), (0, 1), height=120), says="splits", x_says="accuracy"
    ),
    "swarm_of_equals": lambda: drawn.swarm(
        [0.8, 0.8], axes=drawn.Axes((0.79, 0.81), (0, 1), height=120), says="splits", x_says="accuracy"
    ),
    "axes": lambda: (
        drawn.Axes((0, 6), (0.5, 1)).frame(x_marks=[(0, "0"), (6, "6")], y_marks=[(0.75, "0.75")], x_says="layer")
        + drawn.Axes((0, 6), (0.5, 1)).line([0, 3, 6], [0.5, 1, 0.75], "curve")
        + drawn.Axes((2, 2), (1, 1), height=100).line([2, 3], [1, 2], "flat")
    ),
    "slider": lambda: drawn.slider("layer", 7, start=3, says="Layer", shown="3"),
    "frames": lambda: drawn.frames({"frames": [1, "</script>"], "ü": None}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_drawn_as_it_was(name: str) -> None:
    compare_text(GOLDEN / f"{name}.txt", PICTURES[name]().replace("><", ">\n<"))


def test_numbers_are_packed_as_bytes() -> None:
    assert drawn.packed(np.array([-0.5, 0, 0.5, 1, 1.5])) == "AACA//8="


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [(0.0, "0.0"), (0.5, "0.5"), (1.0, "1.0")]),
        (0.7, 0.9, [(0.7, "0.7"), (0.8, "0.8"), (0.9, "0.9")]),
        (3, 90, [(50, "50")]),
        (0, 40, [(0, "0"), (10, "10"), (20, "20"), (30, "30"), (40, "40")]),
        (2, 2, [(2, "2.0")]),
    ],
)
def test_marks_are_round_numbers_between_two(low: float, high: float, expected: list[tuple[float, str]]) -> None:
    found = drawn.marks(low, high)
    assert [shown for _, shown in found] == [shown for _, shown in expected]
    assert [value for value, _ in found] == pytest.approx([value for value, _ in expected])


def test_words_are_cut_with_a_mark_one_beyond_the_limit() -> None:
    assert drawn.shortened("abcd", 4) == "abcd"
    assert drawn.shortened("abcde", 4) == "abc…"


def test_points_are_places_in_a_picture_those_far_out_at_its_edge() -> None:
    assert _places(np.array([[0.0, 0.0], [3, 3], [-4, -9], [1, 0.5]])).tolist() == [
        [200.0, 150.0],
        [392.0, 8.0],
        [8.0, 292.0],
        [264.0, 126.3],
    ]


def test_a_high_stack_of_scores_stays_in_its_picture() -> None:
    """However many are equal; few keep their distance. A long label ends with a mark."""
    axes = drawn.Axes((0, 1), (0, 1), height=120)
    for n, least in ((25, 12), (3, 61)):
        picture = drawn.swarm([0.5] * n, axes=axes, says="", x_says="")
        heights = [float(cy) for cy in re.findall(r'r="4" cx="[^"]*" cy="([^"]*)"', picture)]
        assert len(heights) == n
        assert min(heights) == pytest.approx(least)
    assert "x" * 49 + "…" in drawn.bars([("x" * 103, 1, "1")], says="")


def test_what_counts_against_an_answer_has_a_minus_sign() -> None:
    """As in sentences, not a hyphen."""
    picture = drawn.waterfall([("a", 1.0), ("b", -2.5)], ("all", -1.5), says="")
    assert "\u22122.50" in picture
    assert "-2.50" not in picture
