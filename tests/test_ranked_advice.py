"""What costs the most comes first, and each piece of advice turns at its bound and has its command."""

from dataclasses import replace

import numpy as np
import pytest

from frostline.advice import Step, ranked
from frostline.evaluate.baselines import WORDS, Baseline, Lead
from frostline.evaluate.intervals import Estimate, f1_interval, one_of_many
from frostline.evaluate.scores import evaluate
from frostline.legible import MULTILINGUAL, Legibility, ScriptCount
from frostline.record import NearRecord, TrainingRecord
from frostline.record import TestRecord as HowTested
from frostline.report.plain import plain_words
from frostline.targets import Targets
from record_examples import tuning
from small_records import full_record, two_label_record


def plain() -> TrainingRecord:
    """A record of which nothing is to be said."""
    record = two_label_record()
    assert record.test is not None
    narrow = {
        name: replace(one, interval=(one.value - 0.01, one.value + 0.01)) for name, one in record.test.scores.items()
    }
    test = replace(record.test, scores=narrow)
    return replace(record, test=test, test_source=None, learning=None, baselines=(), n_trained=1000)


def kinds(record: TrainingRecord) -> list[str]:
    return [advice.kind for advice in ranked(record)]


def test_nothing_to_say_is_nothing() -> None:
    assert kinds(plain()) == []
    assert kinds(replace(plain(), test=None)) == []


def test_labels_alike_come_first() -> None:
    record = plain()
    data = replace(record.data, n_rows=100, n_conflicts=10, label_counts={"Billing": 20, "billing ": 50, "other": 30})
    first, second, *_ = ranked(replace(record, data=data, n_trained=10))
    assert first.step == Step(options=("--tidy-labels",))
    assert first.reason == (
        "'Billing', 'billing ' count as different labels; 20 of 100 rows have such a spelling that others have not."
    )
    assert second.kind == "contradictions"


@pytest.mark.parametrize(("n", "is_told"), [(0, False), (9, False), (10, True)])
def test_contradictions_are_told_from_one_in_a_hundred_rows_on(n: int, *, is_told: bool) -> None:
    record = plain()
    found = ranked(replace(record, data=replace(record.data, n_rows=1000, n_conflicts=n)))
    assert [one.reason for one in found if one.kind == "contradictions"] == (
        [f"Of 1,000 rows {n} texts appear with different labels."] if is_told else []
    )
    assert not is_told or found[0].step == Step(verb="review", options=("--out", "fixes.tsv"))


@pytest.mark.parametrize(
    ("value", "high", "is_told"),
    [(0.005, 0.02, False), (0.0049, 0.02, True), (-0.01, 0.0, True), (-0.01, -0.001, False)],
)
def test_no_better_than_words_turns_at_half_a_point(value: float, high: float, *, is_told: bool) -> None:
    rival = Baseline(
        name=WORDS,
        made_of="",
        scores={},
        leads={"accuracy": Lead(value=value, interval=(-0.03, high), n=200)},
        seconds=0.0,
    )
    record = replace(plain(), baselines=(rival,), choice=None)
    assert ("no better than words" in kinds(record)) is is_told
    if is_told:
        assert ranked(record)[0].step == Step(options=("--features", "auto"))
    assert "no better than words" not in kinds(replace(record, choice=full_record().choice))
    assert record.test is not None
    right = {name: replace(one, value=1.0) for name, one in record.test.scores.items()}
    assert "no better than words" not in kinds(replace(record, test=replace(record.test, scores=right)))


@pytest.mark.parametrize("n_labels", [2, 77])
@pytest.mark.parametrize(("off", "is_told"), [(0.001, True), (-0.001, False)])
def test_a_label_is_weak_beyond_chance_only(n_labels: int, off: float, *, is_told: bool) -> None:
    """Beyond what the lowest of so many may be by chance: 20 of 80 hits are enough of two labels, 5 of 80 of 77."""
    record = plain()
    assert record.test is not None
    hits, one = (20 if n_labels == 2 else 5), record.test.per_label[0]
    f1 = Estimate(2 * hits / (80 + hits), f1_interval(hits, 80), 80, "by hand")
    low, high = one_of_many(f1, n_labels)
    others = [replace(one, label=place, f1=Estimate(0.9, (0.85, 0.95), 100, "")) for place in range(n_labels - 1)]
    macro = replace(record.test.scores["macro_f1"], interval=(high + off, 0.9))
    scores = {**record.test.scores, "macro_f1": macro}
    test = replace(record.test, per_label=(replace(one, label="dull", f1=f1), *others), scores=scores)
    found = [advice for advice in ranked(replace(record, test=test)) if advice.kind == "weak label"]
    allowing = "" if n_labels == 2 else ", allowing for 77 labels looked at"
    told = f"{100 * f1.value:.0f} % ({100 * low:.0f} to {100 * high:.0f}{allowing})"
    assert [advice.reason for advice in found] == (
        [f"Its F1 is {told}, below the mean of all labels beyond chance."] if is_told else []
    )
    assert not is_told or found[0].sentence.startswith("Look at the rows of 'dull' for wrong labels")


def test_the_lowest_of_many_equal_labels_is_none() -> None:
    """77 labels told equally well (right in 85 of 100): one is called weak in at most 1 of 40 draws; a bad one is."""
    random, n_labels, n, called = np.random.RandomState(3), 77, 3000, 0
    for draw in range(41):
        codes = random.randint(0, n_labels, n)
        given = np.where(random.rand(n) < 0.85, codes, (codes + random.randint(1, n_labels, n)) % n_labels)
        if draw == 40:
            given[codes == 7] = (given[codes == 7] + np.arange((codes == 7).sum()) % 2) % n_labels  # half of them wrong
        targets, favoured = (Targets.of_codes(each, range(n_labels)) for each in (codes, given))
        test = replace(
            evaluate(np.full(targets.members.shape, 1 / n_labels), favoured.members, targets), reliability=None
        )
        found = [one.sentence for one in ranked(replace(plain(), test=test)) if one.kind == "weak label"]
        called += draw < 40 and bool(found)
    assert called <= 1
    assert "rows of '7' for" in found[0]


@pytest.mark.parametrize(
    ("interval", "told"),
    [
        (
            (-0.03, 0.02),
            "Whether it does better than counting words cannot be told: the lead is +0.1 points (-3.0 to +2.0).",
        ),
        (
            (-0.002, 0.0049),
            (
                "It does no better than counting words, or by less than 0.5 points: the lead is "
                "+0.1 points (-0.2 to +0.5)."
            ),
        ),
        (
            (0.0002, 0.004),
            (
                "It does no better than counting words, or by less than 0.5 points: the lead is "
                "+0.1 points (+0.02 to +0.4)."
            ),
        ),
        ((0.0002, 0.006), None),
        ((-0.006, -0.0001), None),
    ],
)
def test_what_is_said_of_counting_words_follows_the_interval(interval: tuple[float, float], told: str | None) -> None:
    """A value near 0 is not "as well": that takes an interval within half a point."""
    leads = {"accuracy": Lead(value=0.001, interval=interval, n=200)}
    rival = Baseline(name=WORDS, made_of="", scores={}, leads=leads, seconds=0.0)
    found = ranked(replace(plain(), baselines=(rival,), choice=None))
    assert [one.reason for one in found if one.kind == "no better than words"] == ([] if told is None else [told])


def test_a_baseline_that_is_surely_better_comes_before_near_copies() -> None:
    """And in the plain words: what does better stands on top of every report."""
    record = plain()
    assert record.test is not None
    near = NearRecord(n=30, n_looked=100, n_right=60, can_be_kept=True)
    source = HowTested(kind="stratified hold-out", n_fitted=900, near=near)
    leads = {"accuracy": Lead(value=-0.314, interval=(-0.4, -0.0003), n=100)}
    rival = Baseline(name=WORDS, made_of="", scores={"accuracy": record.test.accuracy}, leads=leads, seconds=0.0)
    record = replace(record, test_source=source, baselines=(rival,), choice=None)
    first, second, *_ = ranked(record)
    assert (first.kind, second.kind) == ("baseline ahead", "near copies")
    assert first.reason.endswith("does better here by 31.4 points (0.03 to 40.0) of accuracy, beyond chance.")
    assert plain_words(record)[-1].startswith("Next: Take what does better: run the same command with --features words")


@pytest.mark.parametrize(("n", "is_told"), [(999, True), (1000, False)])
def test_few_rows_are_those_below_a_thousand(n: int, *, is_told: bool) -> None:
    found = ranked(replace(plain(), n_trained=n))
    assert [one.step for one in found if one.kind == "few rows"] == (
        [Step(options=("--learning-curve",))] if is_told else []
    )
    if is_told:
        assert found[0].reason == "It learned from 999 rows, which is few."


def test_leaks_come_last() -> None:
    record = plain()
    source = two_label_record().test_source
    assert source is not None
    source = replace(source, kind="file", n_leaks=3, with_leaks=record.test, data=record.data, near=None)
    found = ranked(replace(record, test_source=source, n_trained=10))
    assert [one.kind for one in found] == ["few rows", "leaks"]
    assert found[-1].reason == "3 of them are left out of the scores."


def test_who_has_tuned_an_encoder_is_sent_to_train_with_its_options() -> None:
    """`finetune` has neither --learning-curve nor features to choose; what names a verb of its own stays."""
    frozen = replace(plain(), n_trained=999, data=replace(plain().data, n_rows=100, n_conflicts=10))
    tuned = replace(frozen, tuning=tuning(0.04, 0.015))
    before, after = ranked(frozen), ranked(tuned)
    assert [one.kind for one in before] == [one.kind for one in after] == ["contradictions", "few rows"]
    assert after[0] == before[0]
    assert before[1].step == Step(options=("--learning-curve",))
    assert after[1].step == Step(verb="train", options=("--learning-curve",))
    assert after[1].sentence == (
        "Measure whether more labels would help: frostline train, with the same file and --learning-curve."
    )


@pytest.mark.parametrize(("n", "script", "is_told"), [(1, "Chinese", False), (2, "Chinese", True), (2, "", False)])
def test_next_for_a_language_names_what_the_warning_names(n: int, script: str, *, is_told: bool) -> None:
    """From where on it is warned of, where a script is lacking; before other features of the same encoder are tried."""
    scripts = (ScriptCount(script=script, n_texts=n),) if script else ()
    read = Legibility(n_texts=100, n_pieces=500, n_unknown=90, n_unreadable=n, scripts=scripts)
    record = plain()
    record = replace(record, features=replace(record.features, legibility=read))
    found = ranked(record)
    assert [one.sentence for one in found] == (
        [f"Take an encoder that can read these texts: run the same command with --encoder {MULTILINGUAL}."]
        if is_told
        else []
    )
    if is_told:
        assert found[0].step == Step(options=("--encoder", MULTILINGUAL))
        assert found[0].reason == f"{record.encoder.name!r} can hardly read 2 of 100 texts looked at (Chinese)."
        many = replace(record, encoder=replace(record.encoder, name=MULTILINGUAL))
        assert ranked(many)[0].step == Step(options=("--features", "words"))
        words = replace(record, features=replace(record.features, spec="words"))
        assert ranked(words) == ()


def worst() -> TrainingRecord:
    """A record of which nearly everything is to be said."""
    record = plain()
    source = two_label_record().test_source
    assert record.test is not None
    assert source is not None
    assert record.test.per_label[0].f1 is not None
    weak, *others = record.test.per_label
    weak = replace(weak, f1=replace(record.test.per_label[0].f1, value=0.1, interval=(0.05, 0.2)))
    wide = {name: replace(one, interval=(0.6, 0.9)) for name, one in record.test.scores.items()}
    leads = {"centroid": Lead(value=-0.2, interval=(-0.3, -0.1), n=100), WORDS: Lead(value=0.0, interval=(-1, 1), n=9)}
    rivals = [
        Baseline(name=name, made_of="", scores={}, leads={"accuracy": lead}, seconds=0.0)
        for name, lead in leads.items()
    ]
    read = Legibility(
        n_texts=100, n_pieces=500, n_unknown=90, n_unreadable=20, scripts=(ScriptCount(script="Chinese", n_texts=20),)
    )
    near = NearRecord(n=20, n_right=20, n_looked=50, can_be_kept=True)
    counts: dict[str | int | bool, int] = {"A": 40, "a": 30, "b": 10, "a|b": 10, "c": 10}
    return replace(
        record,
        n_trained=100,
        data=replace(record.data, n_rows=100, n_conflicts=10, label_counts=counts),
        features=replace(record.features, legibility=read),
        test=replace(record.test, per_label=(weak, *others), scores=wide),
        test_source=replace(source, kind="file", n_leaks=3, data=record.data, near=near),
        baselines=tuple(rivals),
    )


def test_the_whole_order_is_what_spoils_labels_then_what_does_better_then_the_score_and_leaks_last() -> None:
    assert kinds(worst()) == [
        "labels alike",
        "labels joined",
        "other features",
        "baseline ahead",
        "contradictions",
        "near copies",
        "no better than words",
        "weak label",
        "few rows",
        "more test rows",
        "leaks",
    ]
    without = replace(worst(), baselines=())
    assert kinds(without)[:4] == ["labels alike", "labels joined", "contradictions", "other features"]


def test_labels_that_are_others_joined_are_taken_for_several() -> None:
    record = plain()
    data = replace(record.data, n_rows=100, label_counts={"a": 40, "b": 30, "a|b": 20, "b|a": 10})
    advice = ranked(replace(record, data=data))[0]
    assert advice.step == Step(options=("--labels-separator", "|"))
    assert advice.sentence == ("Take 'a|b' for several labels: run the same command with --labels-separator '|'.")
    assert advice.reason == "2 of 4 labels are other labels joined by '|'; 30 of 100 rows have such."
    assert "labels joined" not in kinds(replace(record, data=replace(data, kind="several labels")))
    assert "labels joined" not in kinds(replace(record, data=replace(data, label_counts={"a": 50, "a|c": 50})))


@pytest.mark.parametrize(("n", "is_told"), [(99, False), (100, True)])
def test_labels_that_look_wrong_come_after_contradictions(n: int, *, is_told: bool) -> None:
    record = replace(plain(), n_trained=1000, n_in_doubt=n)
    found = ranked(record)
    assert [one.kind for one in found] == (["wrong labels"] if is_told else [])
    if is_told:
        assert found[0].step == Step(verb="review", options=("--out", "fixes.tsv"))
        assert found[0].reason == (
            "Of 1,000 texts learned from 100 have a label that looks wrong to heads that did not see them."
        )
        both = replace(record, data=replace(record.data, n_rows=100, n_conflicts=10))
        assert kinds(both)[:2] == ["contradictions", "wrong labels"]
