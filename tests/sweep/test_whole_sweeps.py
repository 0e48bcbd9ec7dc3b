"""A sweep and a comparison of made texts, whole: every score, choice and note is what it was."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline import __version__
from frostline.arrays import JoinedRows
from frostline.data.dataset import Dataset, Source
from frostline.data.split import stratified_folds
from frostline.encoder.features import Block
from frostline.errors import InputError, UsageError
from frostline.evaluate.paired import accuracy_difference, accuracy_score, fold_difference, fold_score
from frostline.head.options import SearchOptions
from frostline.machine import this_machine
from frostline.record import DataRecord
from frostline.report.document import as_comparison_document, as_sweep_document
from frostline.sweep import SWEEP_FEATURES, SweepOptions, sweep
from frostline.sweep.candidates import Columns, candidates, named, shortlist, tutorial_among, usual_joins, words_of
from frostline.sweep.compare import TIMED_TEXTS, Contestant, compare
from frostline.sweep.cross import cross_validate, one_thread
from frostline.sweep.run import FoldChoice, depth
from frostline.targets import Targets
from frostline.threads import side_by_side
from goldens import compare_json, rounded

GOLDEN = Path(__file__).parent / "golden"
HERE = frozenset({"machine", "frostline", "seconds", "seconds_search", "seconds_per_1000"})
DATA = DataRecord(name="made", sha256="0" * 64, size_bytes=0, n_rows=36, label_counts={"l0": 18, "l1": 18})
SEARCH = SearchOptions(Cs=(0.01, 1.0), n_folds=3, threads=1)


def dataset(n: int, *, n_labels: int = 2, seed: int = 0) -> Dataset:
    random = np.random.RandomState(seed)
    labels = [f"l{row % n_labels}" for row in range(n)]
    texts = [
        " ".join([*(f"w{word}" for word in random.randint(0, 30, 4)), f"own{label}" if random.rand() < 0.6 else "none"])
        for label in labels
    ]
    source = Source(name="made", sha256="0" * 64, size_bytes=0, text_column="1", label_column="2")
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=list(range(1, n + 1)), source=source)


def wide(**settings: int) -> FakeEncoder:
    return FakeEncoder(features=SWEEP_FEATURES, **settings)  # type: ignore[arg-type]


# --- whole


@pytest.mark.parametrize(("scoring", "n_labels"), [("accuracy", 2), ("f1_macro", 3)])
def test_a_whole_sweep_is_what_it_was(scoring: str, n_labels: int) -> None:
    """Every candidate by its score and its distance from the best; the choice; the test and its note."""
    data, test = dataset(36, n_labels=n_labels), dataset(12, n_labels=n_labels, seed=1)
    leaky = replace(test, texts=[*test.texts[:10], *data.texts[:2]])
    told: list[tuple[int, int]] = []
    found = sweep(
        data,
        wide(hidden_size=4, n_layers=1, max_length=6),
        test=leaky,
        test_kind="stratified hold-out",
        options=SweepOptions(search=replace(SEARCH, scoring=scoring, n_folds=2, seed=3)),
        searching=lambda *done: told.append(done),
    )
    assert (found.version, found.machine) == (__version__, this_machine())
    assert found.seconds_read >= 0
    assert found.seconds_search > sum(trial.seconds for trial in found.trials) * 0.5
    assert told[-1][0] == told[-1][1]
    assert found.n_cut == 48, "every text is a word too long"
    assert any(note.startswith("2 test rows are copies") for note in found.warnings)
    document = as_sweep_document(found, DATA)
    compare_json(GOLDEN / f"sweep, {scoring}.json", rounded(document, 3, without=HERE))


def test_a_whole_comparison_is_what_it_was() -> None:
    data = dataset(60, n_labels=3)
    kept = FakeEncoder(features="cls@-1+mean@all", hidden_size=4, max_length=6)
    read: list[tuple[int, int]] = []
    searched: list[tuple[int, int]] = []
    found = compare(
        data,
        [
            Contestant(
                name=f"encoder {place}",
                features=features,
                kept=kept,
                fresh=FakeEncoder(features=features, hidden_size=4),
                size_bytes=place,
                peak_bytes=None if place == 1 else place * 10,
            )
            for place, features in enumerate(("cls@0", "cls@-1", "mean@all", "mean@-1", "mean@1+words"))
            if features != "cls@0"
        ],
        search=replace(SEARCH, seed=3),
        reading=lambda *done: read.append(done),
        searching=lambda *done: searched.append(done),
    )
    assert (found.version, found.machine) == (__version__, this_machine())
    n_distinct = len(set(data.texts))
    assert read[-1] == (n_distinct, n_distinct)
    assert searched == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [standing.encoder for standing in found.standings] == ["encoder 4", "encoder 1", "encoder 3", "encoder 2"]
    document = as_comparison_document(found, DATA)
    compare_json(GOLDEN / "comparison.json", rounded(document, 3, without=HERE))


def test_a_rate_is_of_a_thousand_sentences_spread_over_the_file() -> None:
    """Of 1,500 distinct texts 1,000 are timed, first and last among them, after a few to warm up."""
    texts = [f"t{row} own{row % 2}" for row in range(1500)]
    labels = [str(row % 2) for row in range(1500)]
    data = replace(dataset(2), texts=texts, targets=Targets.of_labels(labels), lines=list(range(1500)))
    fresh = [FakeEncoder(features=features, hidden_size=2, n_layers=1) for features in ("cls@-1", "mean@-1")]
    kept = FakeEncoder(features="cls@-1+mean@-1", hidden_size=2, n_layers=1)
    found = compare(
        data,
        [Contestant(name="x", features=str(each.spec), kept=kept, fresh=each, size_bytes=1) for each in fresh],
        search=replace(SEARCH, Cs=(1.0,)),
    )
    assert TIMED_TEXTS == 1000
    assert {standing.n_timed for standing in found.standings} == {1000}
    assert len(fresh[0].read) == 8 + 1000
    timed = fresh[0].read[8:]
    assert fresh[0].read[:8] == timed[:8]
    assert (timed[0], timed[-1]) == (texts[0], texts[-1])
    steps = np.diff([int(text.split()[0][1:]) for text in timed])
    assert set(steps.tolist()) == {1, 2}


# --- what is refused


def said(work: object, kind: type[Exception]) -> tuple[str, str]:
    with pytest.raises(kind) as caught:
        work()  # type: ignore[operator]
    return caught.value.message, caught.value.hint  # type: ignore[attr-defined]


def test_each_refusal_says_what_is_there_and_what_to_do() -> None:
    kept = FakeEncoder(features="cls@-1+mean@-1")
    one = Contestant(name="x", features="cls@-1", kept=kept, fresh=FakeEncoder(features="cls@-1"), size_bytes=1)
    data = dataset(30)
    assert said(partial(compare, data, [one]), UsageError) == (
        "Two or more must be compared (got 1).",
        "Name several encoders or features: --encoders minilm,distilbert or --features cls@-1,mean@all.",
    )
    assert said(partial(compare, data, [one, one]), UsageError)[0] == "Each must be compared once (got x cls@-1 again)."
    other = replace(one, features="mean@-1", fresh=FakeEncoder(features="mean@-1"))
    copies = replace(data, texts=["same"] * 30, targets=replace(data.targets, together=None))
    assert said(partial(compare, copies, [one, other]), InputError) == (
        f"{data.source.name}: the texts must differ (all 30 are copies of one, or of one group).",
        "Copies are equal but for case, blanks and punctuation. Look at --text.",
    )
    same = replace(data, texts=["same"] * 30)  # alike to the encoder alone
    assert said(partial(sweep, same, wide()), InputError) == (
        "The texts must differ (to the encoder all 30 are the same).",
        "Look for the text column (--text).",
    )
    assert said(partial(depth, FakeEncoder(features="mean@all")), UsageError)[0] == (
        "A sweep needs an encoder opened with features='cls@all+mean@all+max@all' (got mean@all)."
    )
    assert depth(wide()) == 2
    assert depth(wide(n_layers=5)) == 5


# --- candidates


@pytest.mark.parametrize(
    ("n_layers", "last"),
    [(1, "mean@-1"), (2, "mean@-1,-2"), (3, "mean@-1,-2,-3"), (4, "mean@-1,-2,-3,-4"), (9, "mean@-1,-2,-3,-4")],
)
def test_the_last_four_layers_are_joined_or_all_there_are(n_layers: int, last: str) -> None:
    assert usual_joins(n_layers) == (
        "cls@-1+mean@-1",
        "cls@-1+mean@-1+max@-1",
        last,
        "cls@all",
        "mean@all",
        "max@all",
        "mean@all+max@all",
        "mean@all+words",
        "words",
    )
    assert shortlist(n_layers) == ("cls@-1", "mean@-1", "cls@-1+mean@-1", last, "mean@all", "mean@all+words", "words")


def test_the_candidates_of_a_small_encoder_in_their_order() -> None:
    found = candidates(1)
    assert [each.features for each in found] == [
        "cls@0", "cls@-1", "mean@0", "mean@-1", "max@0", "max@-1", "cls@-1+mean@-1", "cls@-1+mean@-1+max@-1", "cls@all",
        "mean@all", "max@all", "mean@all+max@all", "mean@all+words", "words",
    ]  # fmt: skip
    assert [each.features for each in found if each.is_single] == [each.features for each in found[:6]]
    assert found[-2].blocks == (Block(0, "mean"), Block(1, "mean"))
    assert found[-1].blocks == ()
    for worded in found[-2:]:
        assert worded.words
        assert not worded.is_single
    beside = found[0].with_words()
    assert (beside.features, beside.words, beside.is_single) == ("cls@0+words", True, False)
    assert tutorial_among(found, 1) == 1
    assert [each.features for each in named(("mean@-1", "mean@all+words"), 3)] == ["mean@-1", "mean@all+words"]
    assert [len(each.blocks) for each in named(("mean@-1", "mean@all+words"), 3)] == [1, 4]
    assert [each.features for each in candidates(1, joins=())] == [each.features for each in found[:6]]


# --- columns


def test_columns_are_cut_as_the_encoder_would_give_them() -> None:
    """Side by side or apart, in any order; those swept and those tested; with words that those swept know."""
    data = dataset(20)
    texts = [*data.texts, "w1 never seen", "w2"]
    encoder = wide(hidden_size=3)
    columns = Columns.of(encoder.encode(texts), encoder, texts, n_swept=20)
    for features in ("cls@0", "mean@all", "mean@1+cls@2", "max@2,0", "cls@0+max@2"):
        (candidate,) = named((features,), 2)
        expected = FakeEncoder(features=features, hidden_size=3).encode(texts).rows
        np.testing.assert_array_equal(columns.rows(candidate), expected[:20])
        np.testing.assert_array_equal(columns.test_rows(candidate), expected[20:])
        np.testing.assert_array_equal(columns.swept(candidate.blocks), expected[:20])
        np.testing.assert_array_equal(columns.tested(candidate.blocks), expected[20:])
    (worded,) = named(("mean@1+words",), 2)
    joined = columns.rows(worded)
    assert isinstance(joined, JoinedRows)
    words = words_of(texts, data.texts)
    assert words is not None
    assert joined.shape == (20, 3 + words.n_terms)
    assert columns.test_rows(worded).shape == (2, 3 + words.n_terms)
    assert words_of(["a b", "c d"], ["a b", "c d"]) is None, "no word occurs twice"
    none = replace(columns, words=None)
    assert none.possible((worded, *named(("cls@0",), 2))) == named(("cls@0",), 2)
    assert columns.possible((worded,)) == (worded,)
    half = np.arange(20) < 10
    own = columns.fitted_on(half).words
    expected_words = words_of(texts, data.texts[:10])
    assert own is not None
    assert expected_words is not None
    assert own.n_terms == expected_words.n_terms != words.n_terms


# --- scores


def test_scores_of_rows_are_binomial() -> None:
    right = np.array([True] * 3 + [False])
    found = accuracy_score(right, lots=None)
    assert (found.value, found.n, found.over) == (0.75, 4, "rows")
    assert found.std_error == pytest.approx(np.sqrt(0.75 * 0.25 / 4))
    assert found.interval == pytest.approx((0.3006, 0.9544), abs=1e-4)
    other = np.array([True, False, False, True])
    difference = accuracy_difference(right, other, lots=None)
    assert (difference.value, difference.n, difference.n_only_first, difference.n_only_second) == (0.25, 4, 2, 1)
    assert difference.std_error == pytest.approx(np.sqrt((0.75 - 0.25**2) / 4))
    assert (difference.p_value, difference.over) == (1.0, "rows")
    same = accuracy_difference(right, right, lots=None)
    assert (same.value, same.std_error, same.n_only_first, same.n_only_second) == (0, 0, 0, 0)


def test_scores_of_folds_have_students_interval() -> None:
    scores = np.array([0.7, 0.8, 0.9])
    found = fold_score(scores)
    error = 0.1 / np.sqrt(3)
    assert found.value == pytest.approx(0.8)
    assert (found.n, found.over) == (3, "folds")
    assert found.std_error == pytest.approx(error)
    assert found.interval == pytest.approx((0.8 - 4.302653 * error, 0.8 + 4.302653 * error))
    ahead = fold_difference(scores, scores - np.array([0.1, 0.1, 0.1]))
    assert ahead.value == pytest.approx(0.1)
    assert ahead.p_value == pytest.approx(0, abs=1e-6)
    exact = fold_difference(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    assert (exact.value, exact.std_error, exact.interval, exact.p_value) == (1.0, 0.0, (1.0, 1.0), 0.0)
    assert (exact.n, exact.over, exact.n_only_first, exact.n_only_second) == (2, "folds", None, None)
    level = fold_difference(scores, scores)
    assert (level.value, level.p_value) == (0.0, 1.0)


def test_rows_that_are_all_equal_score_by_the_shares_of_the_other_folds() -> None:
    """Log loss fold by fold, and coefficients of nought."""
    codes = np.array([0, 0, 0, 1, 0, 1, 2, 2, 0])
    folds = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2])
    options = replace(SEARCH, scoring="neg_log_loss")
    found = cross_validate(np.ones((9, 4), np.float32), Targets.of_codes(codes, "abc"), options=options, folds=folds)
    expected = []
    for fold in range(3):
        shares = np.bincount(codes[folds != fold], minlength=3) / 6
        expected.append(np.log(shares[codes[folds == fold]]).mean())
    np.testing.assert_allclose(found.fold_scores, expected)
    assert found.right.tolist() == (codes == 0).tolist()
    assert (found.n_features, found.chosen_C, found.warnings, found.seconds) == (4, None, (), 0.0)
    assert found.head.coef.shape == (3, 4)
    assert not found.head.coef.any()
    assert found.score.over == "folds"
    two = cross_validate(
        np.ones((9, 4), np.float32), Targets.of_codes(np.minimum(codes, 1), "ab"), options=options, folds=folds
    )
    assert two.head.coef.shape == (1, 4)
    assert two.head.intercept == pytest.approx([np.log(4 / 5)])


# --- side by side


def test_no_more_than_so_many_are_done_at_once_and_one_thread_is_told() -> None:
    assert one_thread(SearchOptions(threads=7)).threads == 1
    assert side_by_side([], threads=3) == ()
    told: list[tuple[int, int]] = []
    assert side_by_side([lambda: 1, lambda: 2], threads=9, progress=lambda *done: told.append(done)) == (1, 2)
    assert told == [(1, 2), (2, 2)]


# --- in turn


def test_a_fold_chooses_with_no_more_folds_than_its_smallest_class_has_rows() -> None:
    data = dataset(24)
    encoder = wide(hidden_size=3)
    columns = Columns.of(encoder.encode(data.texts), encoder, data.texts, n_swept=24)
    codes = np.array([int(label[1]) for label in data.labels])
    tried = candidates(2, joins=())
    choice = FoldChoice(
        columns=columns,
        tried=tried,
        targets=Targets.of_codes(codes, ("l0", "l1")),
        search=replace(SEARCH, n_folds=5),
        also_single_with_words=True,
    )
    assert choice.n_candidates == len(tried) + 1
    assert replace(choice, also_single_with_words=False).n_candidates == len(tried)
    training = (codes == 0) | (np.arange(24) < 6)  # three rows of the other class
    name, rows = choice(training)
    assert rows.shape[0] == 24
    assert name in {each.features for each in tried} | {each.with_words().features for each in tried}
    inner = stratified_folds(codes[training], n_folds=3, seed=0)
    assert len(np.unique(inner)) == 3
