"""A whole review, on texts whose vectors tell their words: what is found, and what cannot be said is said."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.data.dataset import Dataset, Source
from frostline.data.fixes import apply_fixes, read_fixes, write_fixes
from frostline.data.tables import TextRow
from frostline.errors import UsageError
from frostline.head.options import SearchOptions
from frostline.review.results import PoolSummary, Review, fix_rows
from frostline.review.run import Pool, ReviewOptions, review
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Targets
from goldens import compare_json, rounded

GOLDEN = Path(__file__).parent / "golden"
GOOD, BAD = ("joy delight warm", "bright lovely fun"), ("dull grim cold", "bleak tedious slow")
OPTIONS = ReviewOptions(search=SearchOptions(Cs=(0.1,), threads=1), n_foldings=1, pool_size=4)


def dataset_of(rows: Sequence[tuple[str, str]]) -> Dataset:
    return Dataset(
        texts=[text for text, _ in rows],
        targets=Targets.of_labels([label for _, label in rows]),
        lines=[row + 1 for row in range(len(rows))],
        source=Source(name="data.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2"),
    )


def opinions(n: int, seed: int = 0) -> list[tuple[str, str]]:
    """Different texts of n rows, half of them good, in turn."""
    random = np.random.default_rng(seed)
    rows = []
    for row in range(n):
        label = "good" if row % 2 else "bad"
        words = (GOOD if row % 2 else BAD)[int(random.integers(2))]
        rows.append((f"{words} w{int(random.integers(9))} n{row} m{row * 7 % 101}", label))
    return rows


def found_in(
    rows: Sequence[tuple[str, str]],
    *,
    test: Sequence[tuple[str, str]] | None = None,
    pool: Sequence[str] | None = None,
    encoder: FakeEncoder | None = None,
) -> Review:
    return review(
        dataset_of(rows),
        encoder or FakeEncoder(hidden_size=32),
        test=None if test is None else dataset_of(test),
        pool=None if pool is None else Pool("pool.txt", [TextRow(i + 1, text) for i, text in enumerate(pool)]),
        options=OPTIONS,
    )


def test_a_flipped_label_is_found_with_its_reason() -> None:
    """The line, the likelier label, both probabilities, and near texts that have it."""
    rows = opinions(80)
    rows[10] = (rows[10][0], "good")
    wrong = found_in(rows).wrong[0]
    assert (wrong.lines, wrong.label, wrong.suggested) == ((11,), "good", "bad")
    assert wrong.probability < 0.5 < wrong.probability_suggested
    assert wrong.near
    assert len(wrong.near) == 2
    assert all(near.label == "bad" and near.line != 11 and near.cosine > 0 for near in wrong.near)
    assert wrong.near[0].cosine >= wrong.near[-1].cosine


def test_every_copy_of_a_wrong_label_is_named() -> None:
    """A text that stands there twice with the same wrong label: both lines."""
    rows = [*opinions(80), ("dull grim cold w1 twice over", "good"), ("dull grim cold w1 twice over", "good")]
    assert found_in(rows).wrong[0].lines == (81, 82)


def test_repeats_near_repeats_and_contradictions_are_told_apart() -> None:
    """To the letter with one label, with two labels, and nearly."""
    rows = [
        *opinions(60),
        ("the very same words here again today", "good"),
        ("the very same words here again today", "good"),
        ("dull grim cold these words have two labels", "good"),
        ("dull grim cold these words have two labels", "bad"),
        ("a b c d e f g h i j k l m", "bad"),
        ("a b c d e f g h i j k l m m", "bad"),
    ]
    found = found_in(rows)
    assert [group.lines for group in found.exact] == [(61, 62)]
    assert [(group.lines, group.suggested) for group in found.conflicts] == [((63, 64), "bad")]
    assert [group.lines for group in found.near] == [(65, 66)]
    assert (found.n_rows, found.n_distinct) == (66, 64)


def test_copies_with_two_labels_contradict_each_other() -> None:
    """As in the splits a text is its copies: not to the letter, and told once, not again as nearly the same."""
    rows = [
        *opinions(60),
        ("dull grim cold these words have two labels", "good"),
        ("Dull grim cold: these words have two labels!", "bad"),
        ("dull grim cold these words have two labels", "good"),
        ("the very same words here again today", "good"),
        ("The very same words here again today", "good"),
    ]
    found = found_in(rows)
    assert [(group.lines, group.suggested) for group in found.conflicts] == [((61, 62, 63), "bad")]
    assert found.conflicts[0].texts == (rows[60][0], rows[61][0])
    assert not [group for group in found.near if {61, 62} <= {*group.lines} or {64, 65} <= {*group.lines}]
    assert [(group.lines, group.texts) for group in found.exact] == [((64, 65), (rows[63][0], rows[64][0]))]
    assert (found.n_rows, found.n_distinct) == (65, 62)


def test_test_rows_that_are_also_reviewed_are_found() -> None:
    """To the letter, or nearly."""
    rows = [*opinions(60), ("a b c d e f g h i j k l m", "bad")]
    found = found_in(rows, test=[("quite new", "good"), rows[4], ("a b c d e f g h i j k l m .", "bad")])
    assert [(leak.kind, leak.test_line, leak.lines) for leak in found.leaked] == [
        ("exact", 2, (5,)),
        ("near", 3, (61,)),
    ]
    assert found.n_test == 3


def test_a_text_unlike_all_others_stands_out() -> None:
    """Words that nobody else uses."""
    rows = [*opinions(80), ("zq xk vw jj hh pp ll kk", "good")]
    assert [outlier.lines for outlier in found_in(rows).outliers][:1] == [(81,)]


def test_what_to_label_next_is_new_unsure_and_not_twice_the_same() -> None:
    """Known texts and repeats are left out; the first one asked for is the least sure."""
    rows = opinions(60)
    pool = [rows[0][0], "joy delight warm", "dull grim cold", "joy delight dull grim", "joy delight dull grim", "x y"]
    found = found_in(rows, pool=pool)
    assert found.pool is not None
    assert (found.pool.n_texts, found.pool.n_known, found.pool.n_repeats) == (6, 1, 1)
    assert sorted(wanted.line for wanted in found.wanted) == [2, 3, 4, 6]
    assert found.wanted[0].uncertainty == max(wanted.uncertainty for wanted in found.wanted)


def test_no_sentence_is_read_again(tmp_path: Path) -> None:
    """One reading for file, test and pool; the second review reads nothing, nor does one after a relabelling."""
    rows, fresh = opinions(40), FakeEncoder(hidden_size=32)
    (tmp_path / "kept").mkdir(mode=0o700)
    kept = StoredEncoder(fresh, FeatureStore.open(tmp_path / "kept"))
    data, test, pool = dataset_of(rows), dataset_of(opinions(10, seed=5)), Pool("pool", [TextRow(1, "new text")])
    first = review(data, kept, test=test, pool=pool, options=OPTIONS)
    assert first.n_read == len(fresh.read) == len(set(fresh.read))
    again = review(
        dataset_of([(text, "good" if row < 9 else label) for row, (text, label) in enumerate(rows)]),
        kept,
        test=test,
        pool=pool,
        options=OPTIONS,
    )
    assert again.n_read == 0
    assert len(fresh.read) == first.n_read


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a b", "x"), ("c d", "y")], "two labels, each on two different texts"),
        ([("a", "x"), ("b", "x"), ("c", "x")], "all are labelled 'x'"),
        ([("a", "x")], "all are labelled 'x'"),
        ([("same", "x"), ("same", "y"), ("same", "x"), ("same", "y")], "two labels, each on two different texts"),
        ([("one", "x"), ("one", "x"), ("two", "y"), ("two", "y")], "two labels, each on two different texts"),
    ],
)
def test_labels_that_cannot_be_checked_are_said_so(rows: list[tuple[str, str]], said: str) -> None:
    """Two rows, one class, one row, all texts equal, nothing but duplicates: the rest of the review is done."""
    found = found_in(rows, test=rows[:1], pool=["new"])
    assert found.labels is None
    assert said in found.notes[0]
    assert found.wrong == ()
    assert found.leaked
    assert "that needs labels that can be checked" in found.notes[-1]
    assert len(found.exact) + len(found.conflicts) == sum(len(group.rows) > 1 for group in found.repeated)


def test_a_label_with_one_text_is_left_out_and_named() -> None:
    """The others are checked all the same, and its row is not flagged."""
    rows = opinions(80)
    rows[10] = (rows[10][0], "good")
    found = found_in([*rows, ("once only", "rare")])
    assert found.labels is not None
    assert found.labels.n_checked == 80
    assert found.wrong
    assert "'rare'" in found.notes[0]
    assert all(wrong.label != "rare" and wrong.suggested != "rare" for wrong in found.wrong)


def test_texts_that_are_all_alike_to_the_encoder_are_said_so() -> None:
    """Constant features: no label can be judged, no text is near or far."""

    class Blind(FakeEncoder):
        def _row(self, text: str) -> np.ndarray:
            return np.full(self.n_features, 1.0 if text else 0.0, np.float32)

    found = found_in(opinions(30), encoder=Blind())
    assert "the same vector" in found.notes[0]
    assert (found.wrong, found.near, found.outliers) == ((), (), ())


@pytest.mark.parametrize(("pool", "said"), [([], "holds no text"), (["dull grim cold w1"] * 3, ""), (None, "")])
def test_an_empty_pool_is_said_to_be_empty(pool: list[str] | None, said: str) -> None:
    """And of three copies one is asked for."""
    found = found_in(opinions(20), pool=pool)
    assert said in " ".join(found.notes)
    assert len(found.wanted) == (1 if pool else 0)


def test_a_pool_that_is_labelled_already_is_said_so() -> None:
    """The same texts as in the file."""
    rows = opinions(20)
    found = found_in(rows, pool=[text for text, _ in rows])
    assert found.wanted == ()
    assert "labelled already" in found.notes[-1]


def test_many_classes_are_reviewed() -> None:
    """150 of them, two rows each but one, which has a single row."""
    rows = [(f"topic{label} about{label} row{copy}", f"label{label}") for label in range(150) for copy in range(2)][:-1]
    found = found_in(rows)
    assert found.labels is not None
    assert found.labels.n_checked == 298


def test_the_file_of_fixes_changes_nothing_until_somebody_says_so(tmp_path: Path) -> None:
    """Every action is keep; with the advice taken, the planted error is mended and the copy dropped."""
    rows = opinions(80)
    rows[10] = ("dull grim cold bleak tedious slow", "good")
    data = dataset_of([*rows, rows[3]])
    found = review(data, FakeEncoder(hidden_size=32), options=OPTIONS)
    written = write_fixes(tmp_path / "keep.tsv", fix_rows(found, data))
    kept = apply_fixes(data, read_fixes(tmp_path / "keep.tsv"))
    assert (kept.labels, kept.texts) == (list(data.labels), list(data.texts))
    write_fixes(tmp_path / "advice.tsv", fix_rows(found, data, take_advice=True))
    fixed = apply_fixes(data, read_fixes(tmp_path / "advice.tsv"))
    assert fixed.labels[10] == "bad"
    assert len(fixed) == 80
    assert written >= 2


def test_a_row_stands_in_the_file_of_fixes_once(tmp_path: Path) -> None:
    """Whatever was found of it: with all reasons, and the weightiest advice."""
    rows = [*opinions(60), ("dull grim cold w1 w2", "good"), ("dull grim cold w1 w2", "good")]
    data = dataset_of(rows)
    found = review(data, FakeEncoder(hidden_size=32), test=dataset_of(rows[-1:]), options=OPTIONS)
    listed = {row.line: row for row in fix_rows(found, data)}
    assert len(listed) == len(list(fix_rows(found, data)))
    assert listed[62].advice == "drop"
    assert listed[62].suggested == "bad"
    assert all(word in listed[62].reason for word in ("likelier", "as line 61", "line 1 of the test file"))


def test_what_is_in_the_test_file_is_to_be_dropped_if_it_is_the_same_and_looked_at_if_nearly() -> None:
    """The test file stays as it is."""
    rows = [*opinions(60), ("a b c d e f g h i j k l m", "bad")]
    found = found_in(rows, test=[rows[4], ("a b c d e f g h i j k l m .", "bad")])
    advised = {fix.line: fix for fix in fix_rows(found, dataset_of(rows)) if "of the test file" in fix.reason}
    assert {line: fix.advice for line, fix in advised.items()} == {5: "drop", 61: "look"}


def flawed() -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[str]]:
    """Rows with an error, a copy, a contradiction, a near copy, a stray and a rare label; test rows; a pool."""
    rows = opinions(70)
    rows[10] = (rows[10][0], "good")
    rows[31] = (rows[31][0], "bad")
    rows += [
        rows[5],
        (rows[8][0], "good"),
        ("a b c d e f g h i j k l m", "bad"),
        ("a b c d e f g h i j k l m .", "good"),
        ("zq xk vw jj hh pp ll kk", "good"),
        ("once only", "rare"),
    ]
    test = [("quite new", "good"), rows[4], ("a b c d e f g h i j k l m !", "bad"), rows[8]]
    pool = [rows[0][0], "joy delight dull grim", "joy delight dull grim", "x y", "bleak warm fun", "dull grim cold w1"]
    return rows, test, pool


def test_a_whole_review_is_what_it_was() -> None:
    """Every member of it, numbers to four digits, seconds aside."""
    rows, test, pool = flawed()
    data = dataset_of(rows)
    found = review(
        data,
        FakeEncoder(hidden_size=32),
        test=dataset_of(test),
        pool=Pool("pool.txt", [TextRow(i + 1, text) for i, text in enumerate(pool)]),
        options=ReviewOptions(search=SearchOptions(Cs=(0.1, 1.0), threads=1), n_foldings=2, pool_size=3),
    )
    assert 0 < found.seconds_read < found.seconds
    listed = [rounded(fix, 3) for fix in fix_rows(found, data, take_advice=True)]
    kept = rounded(found, 3, without=frozenset({"seconds", "seconds_read"}))
    compare_json(GOLDEN / "review.json", {"review": kept, "fixes": listed})


@pytest.mark.parametrize("n_rare", [1, 2, 5, 6, 7])
def test_labels_on_one_text_are_named_up_to_five(n_rare: int) -> None:
    """And the others counted."""
    rows = [*opinions(30), *((f"once only {place}", f"rare {place}") for place in range(n_rare))]
    named = ", ".join(f"'rare {place}'" for place in range(min(5, n_rare)))
    more = f" and {n_rare - 5} more" if n_rare > 5 else ""
    who = "it" if n_rare == 1 else "they"
    assert found_in(rows).notes[0] == (
        f"{named}{more}: on one text only, so {who} could not be checked, nor suggested."
    )


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([("a", "x"), ("b", "x")], "all are labelled 'x'"),
        ([("a", "x"), ("b", "y")], "0 of 2 are"),
        ([("a", "x"), ("b", "x"), ("c", "y"), ("d", "z")], "1 of 3 are"),
    ],
)
def test_too_few_labels_are_counted(rows: list[tuple[str, str]], what: str) -> None:
    """One note, whatever else is rare."""
    assert found_in(rows).notes == (
        f"Labels could not be checked: that needs two labels, each on two different texts or more ({what}).",
    )


def test_two_foldings_or_texts_at_least_are_asked_for() -> None:
    """One of each is enough, none is not."""
    ReviewOptions(n_foldings=1, pool_size=1)
    for n_foldings, pool_size in ((0, 1), (1, 0)):
        with pytest.raises(UsageError, match=rf"must be 1 or more \(got {n_foldings} and {pool_size}\)"):
            ReviewOptions(n_foldings=n_foldings, pool_size=pool_size)
    assert (ReviewOptions().n_foldings, ReviewOptions().pool_size) == (3, 20)


def test_what_the_pool_lacks_is_said_with_its_name() -> None:
    """Nothing in it; nothing new in it; nothing known of the labels."""
    rows = opinions(20)
    assert found_in(rows, pool=[]).notes[-1] == "pool.txt holds no text: there is nothing to choose from."
    assert found_in(rows, pool=[rows[0][0]] * 2).notes[-1] == (
        "Every text of pool.txt is labelled already: there is nothing to choose from."
    )
    assert found_in(rows[:1], pool=["new"]).notes[-1] == (
        "Nothing of pool.txt was chosen: that needs labels that can be checked."
    )
    counted = found_in(rows, pool=[rows[0][0], rows[0][0], "new", "new", "newer"]).pool
    assert counted == PoolSummary(name="pool.txt", n_texts=5, n_known=2, n_repeats=1)
