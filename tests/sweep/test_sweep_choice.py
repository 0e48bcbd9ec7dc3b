"""A sweep reads once, scores every block and join on the same folds, and chooses by its rule."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.data.dataset import Dataset, Source
from frostline.data.split import stratified_folds
from frostline.encoder.features import Block
from frostline.errors import InputError, UsageError
from frostline.evaluate.paired import accuracy_difference, accuracy_score, fold_difference, fold_score
from frostline.head.options import SearchOptions
from frostline.head.search import search
from frostline.report.document import as_sweep_document
from frostline.store import FeatureStore, StoredEncoder
from frostline.sweep import SWEEP_FEATURES, Sweep, SweepOptions, Trial, candidates, sweep
from frostline.sweep.cross import cross_validate
from frostline.sweep.run import winner_of
from frostline.targets import Targets
from frostline.threads import side_by_side

FAST = SweepOptions(search=SearchOptions(Cs=(0.01, 1.0), n_folds=3))


def dataset(n: int = 60, *, n_labels: int = 2, seed: int = 0) -> Dataset:
    """Sentences of noise words, with a word of their label's own in two of three."""
    random = np.random.RandomState(seed)
    labels = [str(row % n_labels) for row in range(n)]
    texts = [
        " ".join(
            [*(f"w{word}" for word in random.randint(0, 30, 5)), f"own{label}" if random.rand() < 0.67 else "none"]
        )
        for label in labels
    ]
    source = Source(name="made", sha256="0" * 64, size_bytes=0, text_column="1", label_column="2")
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=list(range(1, n + 1)), source=source)


def encoder(**settings: int) -> FakeEncoder:
    return FakeEncoder(features=SWEEP_FEATURES, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def swept() -> Sweep:
    return sweep(dataset(), encoder(), options=FAST)


def test_every_block_is_a_candidate_and_no_two_are_the_same() -> None:
    """Layers 0 to 6 under three poolings, then joins; the last layer goes by its known name."""
    found = candidates(6)
    assert [each.features for each in found[:7]] == ["cls@0", "cls@1", "cls@2", "cls@3", "cls@4", "cls@5", "cls@-1"]
    assert {each.blocks[0] for each in found if each.is_single} == {
        Block(layer, pooling) for layer in range(7) for pooling in ("cls", "mean", "max")
    }
    assert {"mean@all", "mean@all+words", "cls@all", "max@all", "cls@-1+mean@-1", "mean@-1,-2,-3,-4"} <= {
        each.features for each in found
    }
    for n_layers in (1, 2, 3, 4, 12):
        blocks = [(frozenset(each.blocks), each.words) for each in candidates(n_layers)]
        assert len(blocks) == len(set(blocks))
    assert [each.features for each in candidates(2, joins=["mean@-1", "cls@0+max@1"])][9:] == ["cls@0+max@1"]


def test_every_sentence_is_read_once(tmp_path: Path) -> None:
    """All candidates are cut out of one reading, and nothing of it is read again later."""
    data, test = dataset(60), dataset(30, seed=1)
    reader = encoder()
    stored = StoredEncoder(reader, FeatureStore.open(tmp_path))
    first = sweep(data, stored, test=test, options=FAST)
    assert sorted(reader.read) == sorted(set(data.texts) | set(test.texts))
    assert first.n_read == len(reader.read)
    again = sweep(data, stored, test=test, options=FAST)
    assert again.n_read == 0
    assert len(reader.read) == first.n_read


def test_a_candidate_scores_what_its_features_score_alone(swept: Sweep) -> None:
    """The columns cut out of the one reading are those the encoder would give, and the folds are the same for all."""
    data = dataset()
    codes = np.array([int(label) for label in data.labels])
    folds = stratified_folds(codes, n_folds=3, seed=0)
    for features in ("cls@-1", "max@1", "cls@-1+mean@-1", "mean@all+max@all"):
        trial = next(each for each in swept.trials if each.candidate.features == features)
        rows = FakeEncoder(features=features).encode(data.texts).rows
        alone = search(rows, Targets.of_codes(codes, ("0", "1")), options=FAST.search, folds=folds)
        place = alone.Cs.index(alone.chosen_C[0])
        np.testing.assert_allclose(trial.fold_scores, alone.scores[:, 0][place])
        assert trial.chosen_C == alone.chosen_C
        assert trial.n_features == rows.shape[1]


def test_the_winner_is_the_narrowest_within_one_standard_error_of_the_best(swept: Sweep) -> None:
    """Every narrower candidate is further behind; of the same width none within the error scores more."""
    assert swept.winner.is_within_one_error
    for trial in swept.trials:
        assert trial.behind.value <= 0
        if trial.is_within_one_error:
            assert trial.n_features >= swept.winner.n_features
            assert trial.n_features > swept.winner.n_features or trial.score.value <= swept.winner.score.value
    assert swept.best.score.value == max(trial.score.value for trial in swept.trials)
    assert swept.best.behind.value == 0


def test_a_difference_beyond_one_error_rules_a_narrow_candidate_out(swept: Sweep) -> None:
    """The rule's edge, on trials made by hand: exactly one error is within, more is not."""
    model = swept.trials[0]

    def trial(value: float, error: float, n_features: int, score: float, C: float | None = 1.0) -> Trial:
        return replace(
            model,
            chosen_C=C,
            behind=replace(model.behind, value=value, std_error=error),
            score=replace(model.score, value=score),
            n_features=n_features,
        )

    trials = [trial(0.0, 0.0, 64, 0.9), trial(-0.02, 0.01, 16, 0.88), trial(-0.01, 0.01, 32, 0.89)]
    assert winner_of(trials) == 2
    assert winner_of(trials[:2]) == 0
    assert winner_of([*trials, trial(-0.005, 0.01, 32, 0.895)]) == 3
    constant = trial(-0.0, 0.0, 8, 0.9, C=None)
    assert winner_of([constant, *trials]) == 3
    assert winner_of([constant, trial(-0.2, 0.01, 16, 0.7), trial(-0.1, 0.01, 32, 0.8)]) == 2
    assert winner_of([constant]) == 0


def test_the_lead_over_the_tutorial_is_paired_on_the_rows(swept: Sweep) -> None:
    """Against `cls@-1`, with an interval, on as many rows as were swept."""
    assert swept.tutorial.candidate.blocks == (Block(2, "cls"),)
    assert swept.lead.n == 60
    assert swept.lead.value == pytest.approx(swept.winner.score.value - swept.tutorial.score.value)
    low, high = swept.lead.interval
    assert low <= swept.lead.value <= high


def test_the_winner_is_tested_once_on_rows_that_took_part_in_nothing() -> None:
    """The same choice with and without test rows, whatever their labels say; the test has their n."""
    data, test = dataset(60), dataset(40, seed=1)
    wrong = replace(test, targets=Targets.of_labels([str(1 - int(label)) for label in test.labels]))
    plain, right, opposite = (sweep(data, encoder(), test=rows, options=FAST) for rows in (None, test, wrong))
    assert plain.test is None
    assert right.test is not None
    assert opposite.test is not None
    assert right.test.evaluation.n == 40
    assert right.winner.candidate == opposite.winner.candidate == plain.winner.candidate
    assert right.test.evaluation.accuracy.value == pytest.approx(1 - opposite.test.evaluation.accuracy.value)
    assert right.test.lead.value == pytest.approx(
        right.test.evaluation.accuracy.value - right.test.tutorial.accuracy.value
    )
    assert sweep(data, encoder(), test=data, options=FAST).test.n_leaks == 60  # type: ignore[union-attr]


def test_features_that_are_the_same_for_every_text_score_the_commonest_label() -> None:
    """As the embedding output of [CLS] is: no error, no C, the majority's share."""
    codes = np.array([0] * 20 + [1] * 10)
    folds = stratified_folds(codes, n_folds=5, seed=0)
    for n_labels, told in ((2, codes), (3, np.where(np.arange(30) < 6, 2, codes))):
        labels = [str(label) for label in range(n_labels)]
        found = cross_validate(
            np.ones((30, 4), np.float32), Targets.of_codes(told, labels), options=SearchOptions(), folds=folds
        )
        assert found.chosen_C is None
        assert found.score.value == pytest.approx(np.bincount(told).max() / 30)
        shares = found.head.predict_proba(np.ones((1, 4), np.float32))[0]
        np.testing.assert_allclose(shares, np.bincount(told) / 30)


def test_the_document_keeps_what_chose_apart_from_what_tests(swept: Sweep) -> None:
    """Scores of candidates stand under `cross_validated`; `test` is null until there are rows for it."""
    from frostline.record import DataRecord  # noqa: PLC0415 - only here

    data = DataRecord(name="made", sha256="0" * 64, size_bytes=0, n_rows=60, label_counts={"0": 30, "1": 30})
    document = as_sweep_document(swept, data)
    assert document["test"] is None
    assert len(document["candidates"]) == len(swept.trials)  # type: ignore[arg-type]
    assert set(document["winner"]) == {"features", "n_features", "C", "cross_validated"}  # type: ignore[arg-type]
    assert document["lead"]["n"] == 60  # type: ignore[index,call-overload]


def test_any_scorer_is_compared_over_the_folds() -> None:
    """Where rows cannot be counted the folds are, with Student's t."""
    search = replace(FAST.search, scoring="neg_log_loss")
    found = sweep(dataset(), encoder(), options=replace(FAST, search=search))
    assert found.winner.score.over == "folds"
    assert found.winner.score.n == 3
    assert found.winner.score.value == pytest.approx(np.mean(found.winner.fold_scores))
    assert found.lead.n_only_first is None


def test_scores_and_differences_have_the_textbook_errors() -> None:
    """Binomial over rows; the paired t-test over folds, as scipy has it."""
    from scipy.stats import ttest_rel  # noqa: PLC0415 - 1 s

    right, other = np.arange(100) < 80, np.arange(100) >= 30
    assert accuracy_score(right, lots=None).value == 0.8
    assert accuracy_score(right, lots=None).std_error == pytest.approx(0.04)
    difference = accuracy_difference(right, other, lots=None)
    assert difference.value == pytest.approx(0.1)
    assert difference.std_error == pytest.approx(np.std(right.astype(float) - other) / 10)
    first, second = np.array([0.8, 0.82, 0.79, 0.85, 0.8]), np.array([0.78, 0.8, 0.8, 0.8, 0.79])
    expected = ttest_rel(first, second)
    folds = fold_difference(first, second)
    assert folds.p_value == pytest.approx(expected.pvalue)
    assert folds.interval == pytest.approx(tuple(expected.confidence_interval()))
    assert fold_score(first).value == pytest.approx(first.mean())
    assert fold_difference(first, first).p_value == 1


def test_work_side_by_side_keeps_its_order_and_its_first_error() -> None:
    """Results stand where their work stood; an error reaches the caller."""
    told: list[tuple[int, int]] = []
    pieces = [lambda value=value: value**2 for value in range(7)]
    assert side_by_side(pieces, threads=3, progress=lambda *done: told.append(done)) == (0, 1, 4, 9, 16, 25, 36)
    assert told[-1] == (7, 7)

    def fail() -> int:
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        side_by_side([*pieces, fail], threads=2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (replace(dataset(), targets=Targets.of_labels(["0"] * 60)), "two labels or more"),
        (dataset(1), "two labels or more"),
        (replace(dataset(4), targets=Targets.of_labels(["a", "a", "a", "b"])), "'b'"),
        (replace(dataset(), texts=["the same"] * 60), "texts must differ"),
    ],
    ids=["one class", "one row", "a class of one", "all rows equal"],
)
def test_data_that_cannot_be_swept_is_refused(data: Dataset, message: str) -> None:
    """In one sentence, as InputError."""
    with pytest.raises(InputError, match=message):
        sweep(data, encoder(), options=FAST)


def test_an_encoder_that_lacks_blocks_is_refused() -> None:
    """Its features are named."""
    with pytest.raises(UsageError, match="mean@all"):
        sweep(dataset(), FakeEncoder(features="mean@all"), options=FAST)


def test_a_join_beyond_the_encoder_is_refused_before_anything_is_read() -> None:
    """The layer is named."""
    reader = encoder()
    with pytest.raises(UsageError, match="Layer 9"):
        sweep(dataset(), reader, options=replace(FAST, joins=("mean@9",)))
    assert reader.read == []
