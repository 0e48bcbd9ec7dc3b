"""Sweeps, comparisons and chosen features where a text may have several labels."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from fakes import FakeEncoder
from frostline.artifact import load_artifact
from frostline.cli.options import EncoderChoice
from frostline.data import split
from frostline.data.dataset import Dataset, Source
from frostline.errors import InputError, UsageError
from frostline.evaluate.paired import mcnemar
from frostline.head.options import SearchOptions
from frostline.head.search import search
from frostline.machine import this_machine
from frostline.report.document import as_comparison_document, as_sweep_document
from frostline.report.sweep import print_comparison
from frostline.sweep import SWEEP_FEATURES, Sweep, SweepOptions, sweep
from frostline.sweep.candidates import candidates, named, shortlist
from frostline.sweep.compare import Contestant, compare
from frostline.sweep.cross import cross_validate
from frostline.targets import Targets
from frostline.training import TrainingOptions
from frostline.training.choosing import choice_in_turn, choose_features
from frostline.training.records import data_record

Command = Callable[..., Any]

SEARCH = SearchOptions(Cs=(0.01, 1.0), n_folds=3)
FAST = SweepOptions(search=SEARCH, joins=("mean@all",))
LABELS = ("joy", "fear", "anger")


def dataset(n: int = 90, *, seed: int = 0) -> Dataset:
    """Sentences of noise words, with a word of each of their labels; a label on a third of the rows, some have none."""
    random = np.random.RandomState(seed)
    members = random.rand(n, len(LABELS)) < 1 / 3
    sets = [[label for label, has in zip(LABELS, row, strict=True) if has] for row in members.tolist()]
    texts = [
        " ".join([f"t{row}", *(f"w{word}" for word in random.randint(0, 40, 3)), *(f"own{label}" for label in own)])
        for row, own in enumerate(sets)
    ]
    source = Source(name="made", sha256="0" * 64, size_bytes=0, text_column="1", label_column="2")
    return Dataset(texts=texts, targets=Targets.of_sets(sets), lines=list(range(1, n + 1)), source=source)


class Forgetful(FakeEncoder):
    """Reads nothing but noise in every block but `mean@1`."""

    def _row(self, text: str) -> np.ndarray[Any, Any]:
        row = super()._row(text).reshape(len(self.blocks), self.hidden_size)
        noise = np.random.RandomState(len(text) + sum(map(ord, text))).rand(*row.shape).astype(np.float32)
        is_told = np.array([(block.layer, block.pooling) == (1, "mean") for block in self.blocks])
        return np.where(is_told[:, None], row, noise).ravel()


@pytest.fixture(scope="module")
def encoder() -> FakeEncoder:
    return FakeEncoder(features=SWEEP_FEATURES, hidden_size=8)


@pytest.fixture(scope="module")
def swept(encoder: FakeEncoder) -> Sweep:
    return sweep(dataset(), encoder, test=dataset(40, seed=1), options=FAST)


# --- out of fold


@pytest.mark.parametrize("scoring", ["neg_log_loss", "average_precision", "f1_macro", "f1_micro"])
def test_a_fold_scores_the_mean_of_the_labels_at_the_c_of_each(scoring: str, encoder: FakeEncoder) -> None:
    """Computed here from the scores of the search, label by label."""
    data = dataset()
    rows, options = encoder.encode(data.texts).rows[:, :8], replace(SEARCH, scoring=scoring)
    folds = split.folds(data.targets, n_folds=3, seed=0)
    found = cross_validate(rows, data.targets, options=options, folds=folds)
    alone = search(rows, data.targets, options=options, folds=folds)
    expected = [alone.scores[alone.Cs.index(C), label] for label, C in enumerate(alone.chosen_C.tolist())]
    np.testing.assert_allclose(found.fold_scores, np.mean(expected, axis=0))
    assert found.scoring == scoring
    assert found.chosen_C == pytest.approx(np.exp(np.log(alone.chosen_C).mean()))
    assert found.score.over == "folds"
    exact = ((alone.held_out_decisions >= 0) == data.targets.members).all(axis=1)
    np.testing.assert_array_equal(found.right, exact)
    assert 0 < exact.mean() < 1


def test_the_score_of_labels_where_nothing_is_asked_for_is_log_loss(swept: Sweep) -> None:
    """Accuracy, the default of the options, would be that of whole sets."""
    assert swept.scoring == "neg_log_loss"
    assert all(trial.score.value < 0 for trial in swept.trials)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "average_precision", "f1_macro", "f1_micro"])
def test_rows_that_are_all_equal_score_by_the_shares_of_the_other_folds(scoring: str) -> None:
    """Half a text keeps a share off 0 and 1; the label that most texts have is given to all."""
    made = dataset(30).targets
    targets = replace(made, members=made.members ^ np.array([True, False, False]))
    folds = split.folds(targets, n_folds=3, seed=0)
    options = replace(SEARCH, scoring=scoring)
    found = cross_validate(np.ones((30, 4), np.float32), targets, options=options, folds=folds)
    assert found.chosen_C is None
    members, given, expected = targets.members, np.array([True, False, False]), []
    assert found.right.tolist() == (members == given).all(axis=1).tolist()
    for fold in range(3):
        held = folds == fold
        shares = (members[~held].sum(axis=0) + 0.5) / ((~held).sum() + 1)
        assert ((shares >= 0.5) == given).all()
        occurring, n = members[held].sum(axis=0), held.sum()
        scores = {
            "neg_log_loss": np.log(np.where(members[held], shares, 1 - shares)).mean(),
            "average_precision": members[held].mean(),  # of a ranking in which all are equal
            "f1_macro": 2 * occurring[0] / (occurring[0] + n) / 3,
            "f1_micro": 2 * occurring[0] / (occurring.sum() + n),
        }
        expected.append(scores[scoring])
    np.testing.assert_allclose(found.fold_scores, expected)
    np.testing.assert_allclose(
        found.head.predict_proba(np.ones((1, 4), np.float32))[0], (members.sum(axis=0) + 0.5) / 31
    )


def test_a_label_that_cannot_be_learned_is_left_out_of_the_score(encoder: FakeEncoder) -> None:
    """One text has it: the mean is of the others, with features and without."""
    data = dataset()
    rows, folds = encoder.encode(data.texts).rows[:, :8], split.folds(data.targets, n_folds=3, seed=0)
    rare = np.arange(len(data)) == 4
    wider = replace(
        data.targets, labels=(*data.targets.labels, "rare"), members=np.column_stack([data.targets.members, rare])
    )
    for features in (rows, np.ones_like(rows)):
        plain, more = (
            cross_validate(features, targets, options=SEARCH, folds=folds) for targets in (data.targets, wider)
        )
        np.testing.assert_allclose(more.fold_scores, plain.fold_scores)


# --- a sweep


def test_the_block_that_tells_the_labels_apart_wins() -> None:
    """All the others are noise; the tutorial's features among them."""
    found = sweep(
        dataset(150),
        Forgetful(features=SWEEP_FEATURES, hidden_size=32),
        test=dataset(60, seed=1),
        options=replace(FAST, joins=()),
    )
    assert found.winner.candidate.features == "mean@1"
    assert found.winner is found.best
    assert found.lead.value > 3 * found.lead.std_error > 0
    assert found.test is not None
    winner, tutorial = found.test.evaluation, found.test.tutorial
    assert winner.scores["macro_f1"].value > tutorial.scores["macro_f1"].value + 0.2
    assert found.test.lead.value == pytest.approx(
        winner.scores["subset_accuracy"].value - tutorial.scores["subset_accuracy"].value
    )
    assert found.test.lead.p_value == mcnemar(found.test.lead.n_only_first, found.test.lead.n_only_second)


def test_one_reading_serves_every_candidate() -> None:
    """Each text is read once, whatever is tried."""
    data, reader = dataset(40), FakeEncoder(features=SWEEP_FEATURES, hidden_size=4)
    sweep(data, reader, options=replace(FAST, joins=()))
    assert reader.read == list(data.texts)


def test_a_test_label_that_was_never_swept_is_named_with_its_line(encoder: FakeEncoder) -> None:
    data = dataset(40)
    other = replace(dataset(6, seed=1), targets=Targets.of_sets([["joy"], ["awe", "joy"], [], [], [], []]))
    with pytest.raises(InputError, match=r"made:2: the label must be one of 'anger', 'fear', 'joy' \(got 'awe'\)"):
        sweep(data, encoder, test=other, options=FAST)


@pytest.mark.parametrize(
    ("sets", "message"),
    [([[]] * 40, "no row has a label"), ([["joy"], []] * 20, "two labels or more")],
    ids=["none", "one"],
)
def test_labels_that_cannot_be_learned_are_refused_in_one_sentence(
    sets: list[list[str]], message: str, encoder: FakeEncoder
) -> None:
    data = replace(dataset(40), targets=Targets.of_sets(sets))
    with pytest.raises(InputError, match=message):
        sweep(data, encoder, options=FAST)


def test_a_scorer_of_one_label_is_refused(encoder: FakeEncoder) -> None:
    with pytest.raises(UsageError, match="neg_log_loss, average_precision or f1_macro"):
        sweep(dataset(40), encoder, options=replace(FAST, search=replace(SEARCH, scoring="roc_auc")))


def test_the_document_of_a_sweep_holds_the_scores_of_sets(swept: Sweep) -> None:
    document = json.loads(json.dumps(as_sweep_document(swept, data_record(dataset()))))
    assert swept.test is not None
    scores = swept.test.evaluation.scores
    assert {name: document["test"][name]["value"] for name in scores} == {
        name: pytest.approx(score.value) for name, score in scores.items()
    }
    assert set(document["test"]["tutorial"]) == {"micro_f1", "macro_f1", "subset_accuracy", "mean_average_precision"}
    assert "confusion" not in document["test"]
    assert document["labels"] == sorted(LABELS)
    assert document["scoring"] == "neg_log_loss"


# --- a comparison


def test_encoders_are_compared_on_sets_of_labels() -> None:
    """The one that tells them apart is best, and the difference is over the folds."""
    data, told = dataset(120), Forgetful(features="mean@1", hidden_size=32)
    noise = Forgetful(features="mean@-1", hidden_size=32)
    found = compare(
        data,
        [
            Contestant(name=name, features=str(each.spec), kept=each, fresh=each, size_bytes=1)
            for name, each in (("noise", noise), ("told", told))
        ],
        search=SEARCH,
    )
    assert [standing.encoder for standing in found.standings] == ["told", "noise"]
    assert found.scoring == "neg_log_loss"
    assert found.standings[1].behind.over == "folds"
    assert found.standings[1].behind.interval[1] < 0
    console = Console(file=io.StringIO(), width=120)
    print_comparison(found, data_record(data), console)
    assert "difference in points, fold by fold; 95 % intervals allow" in console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    document = as_comparison_document(found, data_record(data))
    assert document["labels"] == sorted(LABELS)


def test_a_comparison_tells_of_a_label_that_is_on_every_row() -> None:
    """Once, though every contestant's search says it."""
    data = dataset(60)
    sets = [[*data.targets.names(row), "text"] for row in range(len(data))]
    readers = [FakeEncoder(features=features, hidden_size=4) for features in ("mean@1", "mean@-1")]
    contestants = [
        Contestant(name=str(each.spec), features=str(each.spec), kept=each, fresh=each, size_bytes=1)
        for each in readers
    ]
    warnings = compare(replace(data, targets=Targets.of_sets(sets)), contestants, search=SEARCH).warnings
    said = "Every row has 'text': nothing can be learned of it, and every text will get it."
    assert [one for one in warnings if "Every row" in one] == [said]


# --- features chosen for a training


def test_every_outer_fold_chooses_by_its_own_rows_alone(encoder: FakeEncoder) -> None:
    """What the rows left out hold changes no choice, which is that of a sweep of the others."""
    data, options = dataset(), TrainingOptions(search=SEARCH, nested=True)
    choice = replace(
        choice_in_turn(data, encoder, options=options), tried=named(shortlist(2), 2), also_single_with_words=False
    )
    training = np.arange(len(data)) >= 30
    name, rows = choice(training)
    spoiled = replace(choice.targets, members=choice.targets.members ^ ~training[:, None])
    assert replace(choice, targets=spoiled)(training)[0] == name
    alone = sweep(data.take(np.flatnonzero(training)), encoder, options=SweepOptions(search=SEARCH, among=shortlist(2)))
    assert name == alone.winner.candidate.features
    assert rows.shape[0] == len(data)


def test_a_fold_without_a_label_still_chooses(encoder: FakeEncoder) -> None:
    """Labels that exclude each other could not be learned from such rows; others can, but for that label."""
    data = dataset()
    choice = replace(
        choice_in_turn(data, encoder, options=TrainingOptions(search=SEARCH, nested=True)),
        tried=choice_in_turn(data, encoder, options=TrainingOptions(search=SEARCH, nested=True)).tried[:4],
        also_single_with_words=False,
    )
    lacking = ~data.targets.members[:, 0]
    assert choice(lacking)[0] in {each.features for each in choice.tried}


@pytest.mark.parametrize(("most", "n_tried"), [(179, len(shortlist(2))), (180, len(candidates(2)))])
def test_two_labels_count_as_two_regressions_where_they_do_not_exclude_each_other(
    monkeypatch: pytest.MonkeyPatch, encoder: FakeEncoder, most: int, n_tried: int
) -> None:
    """90 rows, two labels: 180."""
    monkeypatch.setattr("frostline.training.choosing.SHORTLIST_FROM", most)
    data = dataset()
    two = replace(data, targets=replace(data.targets, labels=LABELS[:2], members=data.targets.members[:, :2]))
    choice = choice_in_turn(two, encoder, options=TrainingOptions(search=SEARCH, nested=True))
    assert len(choice.tried) == n_tried


def test_held_out_rows_take_no_part_in_the_choice() -> None:
    data, reader = dataset(40), FakeEncoder(features=SWEEP_FEATURES, hidden_size=4)
    found = choose_features(data, reader, options=TrainingOptions(search=SEARCH))
    assert found.n == len(reader.read) == 30


# --- the verbs


def table(path: Path, n: int = 60) -> Path:
    """Rows with sets of labels behind a header, labels parted by semicolons."""
    data = dataset(n)
    rows = [f"{text}\t{';'.join(map(str, data.targets.names(row)))}" for row, text in enumerate(data.texts)]
    path.write_text("\n".join(["text\tlabel", *rows]) + "\n", "utf-8")
    return path


SETS = ("--labels-separator", ";", "--folds", "2", "-C", "0.01")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verbs read with an encoder that costs nothing; few joins, and no words."""

    def opened(_choice: EncoderChoice, features: str) -> FakeEncoder:
        return FakeEncoder(features=features, hidden_size=4)

    for verb in ("sweep", "train"):
        monkeypatch.setattr(f"frostline.cli.{verb}.opened_encoder", opened)
    monkeypatch.setattr("frostline.cli.options.opened_encoder", opened)
    monkeypatch.setattr(
        "frostline.encoder.precision.this_machine", lambda: replace(this_machine(), instructions=("avx512_vnni",))
    )
    room = sys.modules["frostline.sweep.candidates"]  # the package has a function of that name
    monkeypatch.setattr(room, "usual_joins", lambda _: ("cls@-1+mean@-1",))


@pytest.mark.usefixtures("small")
def test_sweep_prints_and_draws_what_it_tried_on_sets_of_labels(frostline: Command, tmp_path: Path) -> None:
    picture = tmp_path / "sweep.svg"
    file = table(tmp_path / "rows.tsv")
    outcome = frostline("sweep", file, *SETS, "--no-joins", "--holdout", "0.3", "--plot", picture)
    assert outcome.code == 0, outcome.err
    for word in (
        "log loss in hundredths",
        "score in hundredths",
        "Chosen:",
        "micro F1 %",
        "all right %",
        "of texts with all labels right",
    ):
        assert word in outcome.out
    assert picture.read_bytes().startswith(b"<?xml")


@pytest.mark.usefixtures("small")
def test_train_auto_chooses_for_sets_of_labels_and_saves(frostline: Command, tmp_path: Path) -> None:
    """The features saved are the winner of a sweep of the rows learned from, on which int8 was tried too."""
    file, out = table(tmp_path / "rows.tsv", 80), tmp_path / "model"
    outcome = frostline("train", file, *SETS, "--features", "auto", "--precision", "auto", "--out", out, "--json")
    assert outcome.code == 0, outcome.err
    assert "int8 passed on your own texts: 60 of 60 equal predictions" in " ".join(outcome.err.split())
    assert outcome.document["features"]["n_candidates"] == 11  # nine blocks, a join, and the best block with words
    swept = frostline("sweep", file, *SETS, "--holdout", "0.25", "--json").document
    assert outcome.document["chosen"]["features"] == swept["winner"]["features"]
    manifest = load_artifact(out).manifest
    assert manifest.labels == tuple(sorted(LABELS))
    assert str(manifest.choice["features"]) == swept["winner"]["features"]


@pytest.mark.usefixtures("small")
def test_train_auto_in_turn_chooses_in_every_fold(frostline: Command, tmp_path: Path) -> None:
    file = table(tmp_path / "rows.tsv", 30)
    outcome = frostline("train", file, *SETS, "--features", "auto", "--nested", "--json")
    assert outcome.code == 0, outcome.err
    assert "Each of 2 outer folds now chooses its own features" in outcome.err
    assert outcome.document["test"]["n"] == 30


@pytest.mark.parametrize("verb", ["sweep", "train"])
def test_a_test_file_of_the_other_kind_is_refused_in_one_sentence(
    frostline: Command, tmp_path: Path, verb: str
) -> None:
    """A list of labels here, one label there."""
    lists, single = tmp_path / "lists.jsonl", tmp_path / "single.jsonl"
    lists.write_text("".join(json.dumps({"text": f"t{n}", "label": ["a", "b"][: n % 3]}) + "\n" for n in range(12)))
    single.write_text("".join(json.dumps({"text": f"s{n}", "label": "ab"[n % 2]}) + "\n" for n in range(12)))
    wanted = partial(frostline, verb, "--json")
    for learned, tested, said in ((lists, single, "must have sets of labels"), (single, lists, "one label")):
        outcome = wanted(learned, "--test", tested)
        assert outcome.code == 65, outcome.err
        assert said in outcome.err
        assert json.loads(outcome.err)["error"]["exit_code"] == 65
