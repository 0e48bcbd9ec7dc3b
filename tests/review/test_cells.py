"""Texts with several labels each: what is missing and what is wrong is found, by hand and on planted errors."""

from collections.abc import Sequence

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.arrays import BoolArray, Float64Array
from frostline.data.dataset import Dataset, Source
from frostline.data.tables import TextRow
from frostline.head.options import SearchOptions
from frostline.review.cells import (
    LARGEST_RATE,
    NO_SUPPORT,
    attractions,
    cell_features,
    check_cells,
    doubts_of,
    least_sure,
    noise_rates,
)
from frostline.review.results import Review
from frostline.review.run import Pool, ReviewOptions, review
from frostline.targets import Targets

OPTIONS = ReviewOptions(search=SearchOptions(Cs=(0.1,), n_folds=3, threads=1), n_foldings=1, pool_size=3)
WORDS = {"joy": "joy delight", "anger": "fury rage", "fear": "dread fright"}


def dataset_of(rows: Sequence[tuple[str, Sequence[str]]]) -> Dataset:
    return Dataset(
        texts=[text for text, _ in rows],
        targets=Targets.of_sets([labels for _, labels in rows]),
        lines=[row + 1 for row in range(len(rows))],
        source=Source(name="data.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2"),
    )


def feelings(n: int, seed: int = 0) -> list[tuple[str, list[str]]]:
    """Different texts, each with one or two labels whose words it holds."""
    random = np.random.default_rng(seed)
    rows = []
    for row in range(n):
        labels = sorted(random.choice(list(WORDS), 1 + row % 2, replace=False).tolist())
        rows.append((" ".join([*(WORDS[label] for label in labels), f"n{row}", f"m{row * 7 % 101}"]), labels))
    return rows


def found_in(
    rows: Sequence[tuple[str, Sequence[str]]],
    *,
    test: Sequence[tuple[str, Sequence[str]]] | None = None,
    pool: Sequence[str] | None = None,
) -> Review:
    return review(
        dataset_of(rows),
        FakeEncoder(hidden_size=32),
        test=None if test is None else dataset_of(test),
        pool=None if pool is None else Pool("pool.txt", [TextRow(i + 1, text) for i, text in enumerate(pool)]),
        options=OPTIONS,
    )


def planted() -> tuple[Float64Array, BoolArray, BoolArray]:
    """Probabilities that know the truth well, the labels with errors in them, and which cells are wrong."""
    random = np.random.default_rng(3)
    true = random.random((400, 4)) < 0.3
    probabilities = np.where(true, random.uniform(0.6, 0.95, true.shape), random.uniform(0.02, 0.3, true.shape))
    is_wrong = random.random(true.shape) < 0.03
    return probabilities, true ^ is_wrong, is_wrong


def test_cells_that_contradict_what_is_known_come_first() -> None:
    """Both kinds; about as many as there are."""
    probabilities, members, is_wrong = planted()
    check = check_cells(probabilities, members)
    rows, columns = check.flagged.T
    n_wrong = int(is_wrong.sum())
    assert is_wrong[rows, columns].all()
    assert 0.85 * n_wrong <= len(check.flagged) <= n_wrong
    assert check.doubts[is_wrong].min() > check.doubts[~is_wrong].max()
    assert set(members[rows, columns].tolist()) == {True, False}
    scores = check.doubts[rows, columns]
    assert (np.diff(scores) <= 0).all()


def test_where_nothing_is_wrong_next_to_nothing_is_flagged() -> None:
    """The number follows the noise that is there, of 1,600 cells."""
    probabilities, members, is_wrong = planted()
    clean = check_cells(probabilities, members ^ is_wrong)
    assert len(clean.flagged) <= 3
    assert clean.added < 0.01


def test_the_rates_of_errors_are_read_off_the_cells_without_doubt() -> None:
    """Of 200 cells in which nothing speaks for a label two have it; of the 20 surest five lack it."""
    expected = np.concatenate([np.full(200, 0.01), np.full(400, 0.5), np.full(60, 0.99)]).reshape(-1, 1)
    members = np.zeros((660, 1), dtype=bool)
    members[:2] = True
    members[600:] = True
    members[-5:] = False
    added, removed = noise_rates(expected, members)
    assert added == pytest.approx(2.5 / 199)
    assert removed == pytest.approx(5.5 / 21)


def test_the_rates_of_errors_stay_below_a_half() -> None:
    """Labels that have nothing to do with what is expected: a rate above would turn right into wrong."""
    expected = np.linspace(0.1, 0.9, 100).reshape(-1, 1)
    assert noise_rates(expected, expected < 0.5) == (LARGEST_RATE, LARGEST_RATE)


def test_doubt_by_hand() -> None:
    """Bayes: given by mistake 0.1 * 0.5 beside rightly 0.8 * 0.5; lacking by mistake 0.2 * 0.5 beside 0.9 * 0.5."""
    expected = np.array([[0.45, 0.45]])  # (0.45 - 0.1) / 0.7: the label belongs with one half
    doubts = doubts_of(expected, np.array([[True, False]]), added=0.1, removed=0.2)
    np.testing.assert_allclose(doubts, [[0.1 / 0.9, 0.2 / 1.1]])


def test_what_is_known_of_a_cell_leaves_out_the_cell() -> None:
    """Changing one cell changes no feature of that cell, and some of every other one of its row."""
    random = np.random.default_rng(5)
    members = random.random((50, 3)) < 0.5
    members[0] = [True, True, False]
    changed = members.copy()
    changed[0, 0] = False
    probabilities = random.random((50, 3))
    before, after = (
        cell_features(probabilities, given, attractions(given)).reshape(50, 3, 7)[0] for given in (members, changed)
    )
    by_row = [0, 1, 2, 3, 4, 5]  # the last feature also counts how often labels stand together, of all texts
    np.testing.assert_array_equal(before[0, by_row], after[0, by_row])
    assert (before[1] != after[1]).any()
    assert (before[2] != after[2]).any()


def test_a_text_does_not_vouch_for_its_own_pair_of_labels() -> None:
    """A pair that stands together once attracts the text that has it as little as one that never does."""
    members = np.zeros((20, 2), dtype=bool)
    members[:5, 0] = members[4:9, 1] = True
    known = attractions(members)
    never = np.log(2 / (5 * 5 / 20 + 2))
    assert known.with_others[0, 1] == pytest.approx(never)
    assert known.with_all[0, 1] == pytest.approx(np.log(3 / (5 * 5 / 20 + 2)))
    assert not known.with_all.diagonal().any()
    both = cell_features(np.full((1, 2), 0.5), np.array([[True, True]]), known)
    one = cell_features(np.full((1, 2), 0.5), np.array([[True, False]]), known)
    np.testing.assert_allclose(both[:, 6], [never, never], rtol=1e-6)
    np.testing.assert_allclose(one[:, 6], [0, known.with_all[0, 1]], rtol=1e-6)


def test_a_single_label_has_no_others_to_ask() -> None:
    """Nothing supports it but its own probability."""
    members = np.array([[True], [False]])
    features = cell_features(np.array([[0.9], [0.2]]), members, attractions(members))
    floor = np.log(NO_SUPPORT / (1 - NO_SUPPORT))
    np.testing.assert_allclose(features[:, 1:], [[floor, floor, 0, 0, 0, 0]] * 2, rtol=1e-6)


def test_the_label_to_ask_about_is_the_one_nearest_to_a_half() -> None:
    """With the probabilities that the text lacks it and has it."""
    columns, has, pairs = least_sure(np.array([[0.9, 0.4, 0.1], [0.55, 0.3, 0.7]]))
    assert columns.tolist() == [1, 0]
    np.testing.assert_allclose(has, [0.4, 0.55])
    np.testing.assert_allclose(pairs, [[0.6, 0.4], [0.45, 0.55]])


def test_a_missing_and_a_wrong_label_are_found_with_their_reasons() -> None:
    """The line, the label, what heads and near texts say, and near texts that have it, or lack it."""
    rows = feelings(120)
    missing = [row for row, (_, labels) in enumerate(rows) if labels == ["anger", "joy"]][:4]
    wrong = [row for row, (_, labels) in enumerate(rows) if labels == ["joy"]][:4]
    for row in missing:
        rows[row] = (rows[row][0], ["anger"])
    for row in wrong:
        rows[row] = (rows[row][0], ["fear", "joy"])
    found = found_in(rows)
    assert found.wrong == ()
    assert found.doubtful is not None
    lacking = next(one for one in found.doubtful if not one.is_given)
    given = next(one for one in found.doubtful if one.is_given)
    assert {(one.lines[0] - 1, one.label) for one in found.doubtful[:8]} == {
        *((row, "joy") for row in missing),
        *((row, "fear") for row in wrong),
    }
    assert (lacking.label, lacking.labels) == ("joy", ("anger",))
    assert (given.label, given.labels) == ("fear", ("fear", "joy"))
    assert lacking.probability > 0.5 > given.probability
    assert min(lacking.score, given.score) > 0.5
    assert all("joy" in near.label for near in lacking.near)
    assert all("fear" not in near.label for near in given.near)
    assert lacking.votes > given.votes


def test_every_copy_with_a_wrong_label_is_named() -> None:
    """A text that stands there twice with the same sets: both lines, once."""
    rows = [*feelings(120), *[("joy delight twice over", ["fear", "joy"])] * 2]
    found = found_in(rows)
    assert found.doubtful is not None
    assert [one.lines for one in found.doubtful if one.label == "fear"][:1] == [(121, 122)]


def test_repeats_and_contradictions_compare_whole_sets() -> None:
    """The same set in another order is no contradiction; the likeliest of the sets that stand there is suggested."""
    rows = [
        *feelings(120),
        ("joy delight fury rage again", ["anger", "joy"]),
        ("joy delight fury rage again", ["joy", "anger"]),
        ("joy delight and nothing else", ["joy"]),
        ("joy delight and nothing else", ["fear"]),
    ]
    found = found_in(rows)
    assert [(group.lines, group.labels[0]) for group in found.exact] == [((121, 122), ("anger", "joy"))]
    assert [(group.lines, group.labels, group.suggested) for group in found.conflicts] == [
        ((123, 124), (("joy",), ("fear",)), ("joy",))
    ]


def test_leaks_show_both_sets() -> None:
    """Of the test row and of the row it copies."""
    rows = feelings(60)
    found = found_in(rows, test=[("quite new", ["joy"]), (rows[4][0], ["fear", "joy"])])
    assert [(leak.test_line, leak.lines, leak.test_label, leak.label) for leak in found.leaked] == [
        (2, (5,), ("fear", "joy"), tuple(rows[4][1]))
    ]


def test_what_to_label_next_names_the_label_the_head_is_least_sure_of() -> None:
    """Its probability is the nearest to a half."""
    found = found_in(feelings(60), pool=["joy delight new", "fury rage dread joy", "x y"])
    assert len(found.wanted) == 3
    assert all(wanted.label in WORDS for wanted in found.wanted)
    for wanted in found.wanted:
        assert wanted.uncertainty == pytest.approx(1 - abs(2 * wanted.probability - 1), abs=1e-6)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", ["x"]), ("b", ["y"]), ("c", [])], "a label that two texts or more have, and two or more have not"),
        ([("a", ["x"]), ("b", ["x"]), ("c", ["x"])], "on all texts, or all but one"),
        ([("a", ["x", "y"]), ("b", ["x"]), ("c", [])], "'y': on one text only"),
    ],
)
def test_what_cannot_be_checked_is_said(rows: list[tuple[str, list[str]]], said: str) -> None:
    """In words; nothing is flagged."""
    found = found_in(rows)
    assert found.labels is None
    assert found.doubtful == ()
    assert said in " ".join(found.notes)


def test_a_label_on_one_of_two_texts_is_named_once() -> None:
    """It is on one text only, and on all but one; of three texts, a label on two is on all but one."""
    two = found_in([("a", ["x"]), ("b", ["y"])])
    assert [note.count("'x'") for note in two.notes] == [1, 0]
    three = found_in([("a", ["x"]), ("b", ["x"]), ("c", ["y"])])
    assert [(note.count("'x'"), note.count("'y'")) for note in three.notes] == [(0, 1), (1, 0), (0, 0)]


def test_labels_that_have_nothing_to_do_with_the_texts_are_not_judged() -> None:
    """By lot: heads know no more than the labels' shares."""
    random = np.random.default_rng(0)
    rows = [(f"a{row} b{row}", [label for label in "xy" if random.random() < 0.5]) for row in range(40)]
    found = found_in(rows)
    assert found.doubtful == ()
    assert "not surely better" in " ".join(found.notes)


def test_a_rare_label_is_left_out_and_named() -> None:
    """It stands on one text; the others are judged."""
    rows = feelings(60)
    rows[3] = (rows[3][0], [*rows[3][1], "awe"])
    found = found_in(rows)
    assert found.labels is not None
    assert found.labels.n_labels == 3  # type: ignore[union-attr]
    assert any(note.startswith("'awe': on one text only") for note in found.notes)


def test_the_other_labels_that_speak_for_a_text_are_the_likeliest() -> None:
    """The likeliest other label, and the likeliest other one given; at least `NO_SUPPORT` where nothing is."""
    members = np.array([[True, False, True], [False, False, True]])
    probabilities = np.array([[0.9, 0.5, 0.2], [0.001, 0.002, 0.7]])
    known = attractions(np.array([[True, False, True], [False, True, False], [False, False, False]]))
    features = cell_features(probabilities, members, known).reshape(2, 3, 7)
    others = np.array([[0.5, 0.9, 0.9], [0.7, 0.7, NO_SUPPORT]])
    given = np.array([[0.2, 0.9, 0.9], [0.7, 0.7, NO_SUPPORT]])
    np.testing.assert_allclose(features[:, :, 1], np.log(others / (1 - others)), rtol=1e-5)
    np.testing.assert_allclose(features[:, :, 2], np.log(given / (1 - given)), rtol=1e-5)
