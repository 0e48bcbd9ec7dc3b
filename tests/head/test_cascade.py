"""A cheap head before the full one: how it is chosen, and that a text's answer depends on that text alone."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta

from fakes import FakeEncoder
from frostline.arrays import JoinedRows
from frostline.encoder.words import WordedEncoder, WordsAlone
from frostline.encoder.words import fit as vocabulary_of_texts
from frostline.errors import UsageError
from frostline.head.cascade import Cascade, hear
from frostline.head.cascading import CascadeFit, fit_cascade
from frostline.head.deciding import RuleOptions
from frostline.head.fitted import AnswerOptions, Fitted, fit
from frostline.head.options import CascadeOptions, SearchOptions
from frostline.head.promise import changing_cut, texts_for_change, upper_end
from frostline.targets import Targets

SEARCH = SearchOptions(Cs=(1e-3, 1e-2, 1e-1), n_folds=3)
N = 900


def texts_and_targets(*, several: bool = False, n: int = N, seed: int = 0) -> tuple[list[str], Targets]:
    """Texts of which most are told by a word of their own, and one in five by nothing."""
    random = np.random.default_rng(seed)
    texts, sets = [], []
    for place in range(n):
        label = int(random.integers(3))
        told = ("apple", "bread", "cheese")[label] if random.random() < 0.8 else "thing"
        texts.append(f"{told} {told} number{random.integers(40)} of{random.integers(40)} item{place}")
        also = [3] if several and random.random() < 0.3 else []
        texts[-1] += " dessert" if also else ""
        sets.append([label, *also])
    if several:
        return texts, Targets.of_sets(sets)
    return texts, Targets.of_labels([str(own[0]) for own in sets])


def both(
    texts: list[str],
    targets: Targets,
    answers: AnswerOptions | None = None,
    options: CascadeOptions | None = None,
) -> tuple[Fitted, CascadeFit | str, FakeEncoder, WordedEncoder]:
    encoder, words = FakeEncoder(), WordedEncoder(WordsAlone(), vocabulary_of_texts(texts))
    how = answers or AnswerOptions()
    rows = JoinedRows(encoder.encode(texts).rows, words.encode(texts).for_head.words)  # type: ignore[union-attr]
    full = fit(rows, targets, search=SEARCH, answers=how, unmet="leave out")
    cheap = fit_cascade(
        words.encode(texts).for_head,
        targets,
        full,
        search_options=SEARCH,
        answers=how,
        options=options or CascadeOptions(upper=0.02),
    )
    return full, cheap, encoder, words


def test_as_many_texts_are_taken_as_may_be_and_not_one_more() -> None:
    """Of 1,000 the third that differs is one too many, where its upper end passes the limit."""
    sure = np.linspace(1, 0.5, 1000)
    differs = np.zeros(1000, dtype=bool)
    differs[[300, 600, 700]] = True
    limit = float(beta.ppf(0.975, 3, 998))
    cut = changing_cut(sure, differs, share=0.5, upper=limit + 1e-9)
    assert (cut.count, cut.is_promised) == (700, True)
    assert sure[700] < cut.threshold < sure[699]
    assert changing_cut(sure, differs, share=0.5, upper=limit).count == 600
    assert changing_cut(sure, differs, share=0.002, upper=0.5).count == 700
    assert changing_cut(sure, differs, share=0.0019, upper=0.5).count == 600
    assert changing_cut(sure, differs, share=0.5, upper=0.5).threshold == 0.5
    assert changing_cut(sure, differs, share=0.5, upper=0.5, lowest=0.9).count == 200
    assert changing_cut(sure, ~differs, share=0.0, upper=0.5).count == 0


def test_texts_that_are_equally_sure_are_taken_together_or_not() -> None:
    sure = np.array([0.9] * 400 + [0.8] * 100)
    differs = np.zeros(500, dtype=bool)
    assert changing_cut(sure, differs, share=0.0, upper=0.01).count == 500
    differs[450] = True
    assert changing_cut(sure, differs, share=0.0, upper=0.01).count == 400
    differs[0] = True
    assert changing_cut(sure, differs, share=0.0, upper=0.01).count == 0


def test_so_many_texts_are_needed_for_a_promise() -> None:
    assert texts_for_change(0.01) == 368
    ends = [float(upper_end(np.array([0]), n)[0]) for n in (367, 368)]
    assert ends[1] < 0.01 <= ends[0]
    assert upper_end(np.array([3, 10]), 10).tolist() == pytest.approx([beta.ppf(0.975, 4, 7), 1.0])
    for n, is_promised in ((367, False), (368, True)):
        assert changing_cut(np.ones(n), np.zeros(n, dtype=bool), share=0.0, upper=0.01).is_promised is is_promised


def test_the_place_is_sought_out_and_the_promise_is_kept_all_the_same() -> None:
    """Of 1,000 draws one in forty passes the limit: the upper side of a 95 % interval."""
    random = np.random.default_rng(0)
    n, passed, n_tried = 600, 0, 1000
    for _ in range(n_tried):
        sure = random.random(n)
        differs = random.random(n) < 0.2 * (1 - sure)  # the truth: of all texts, 0.1 (1 - t)^2 differ above t
        cut = changing_cut(sure, differs, share=1.0, upper=0.02)
        passed += 0.1 * (1 - cut.threshold) ** 2 > 0.02
    assert 0.01 < passed / n_tried < 0.035


@functools.cache
def usual(*, several: bool) -> tuple[Fitted, CascadeFit, FakeEncoder, WordedEncoder]:
    full, cheap, encoder, words = both(*texts_and_targets(several=several))
    assert isinstance(cheap, CascadeFit)
    return full, cheap, encoder, words


SEVERAL = pytest.mark.parametrize("several", [False, True], ids=["one-label", "several-labels"])


@SEVERAL
def test_the_cheap_head_answers_what_it_is_sure_of_and_changes_little(*, several: bool) -> None:
    full, cheap, encoder, words = usual(several=several)
    assert 0.3 < cheap.early.mean() < 0.99
    assert upper_end(np.array([cheap.changed.sum()]), N)[0] < 0.02
    cascade = Cascade(head=cheap.head, reader=words)
    new, _ = texts_and_targets(several=several, n=500, seed=1)
    encoder.read.clear()
    heard = hear(new, full.head, encoder_of(encoder, words), cascade=cascade)
    answers = heard.answers()
    assert answers.early is not None
    assert 0.3 < answers.early.mean() < 0.99
    assert sorted(encoder.read) == sorted(text for text, early in zip(new, answers.early, strict=True) if not early)
    plain = full.head.answer(full.head.predict_proba(encoder_of(encoder, words).encode(new).for_head))
    late = ~answers.early
    assert (answers.probabilities[late] == plain.probabilities[late]).all()
    assert (answers.favoured[late] == plain.favoured[late]).all()
    assert (answers.favoured != plain.favoured).any(axis=1).mean() <= 0.02
    assert answers.answered.all()


def encoder_of(encoder: FakeEncoder, words: WordedEncoder) -> WordedEncoder:
    return WordedEncoder(encoder, words.vocabulary)


@SEVERAL
def test_a_text_is_answered_alone_as_among_others(*, several: bool) -> None:
    texts, _ = texts_and_targets(several=several)
    full, cheap, encoder, words = usual(several=several)
    cascade, reader = Cascade(head=cheap.head, reader=words), encoder_of(encoder, words)
    some = texts[:60]
    together = hear(some, full.head, reader, cascade=cascade)
    answers = together.answers()
    for place, text in enumerate(some):
        alone = hear([text], full.head, reader, cascade=cascade)
        own = alone.answers()
        assert own.probabilities.tobytes() == answers.probabilities[place : place + 1].tobytes()
        assert alone.decisions().tobytes() == together.decisions()[place : place + 1].tobytes()
        assert own.early is not None
        assert answers.early is not None
        assert own.early[0] == answers.early[place]
    parts = [together.answers(start, start + 7) for start in range(0, 60, 7)]
    assert np.concatenate([part.probabilities for part in parts]).tobytes() == answers.probabilities.tobytes()
    all_read = hear(some, full.head, reader, cascade=cascade, read_all=True)
    assert all_read.answers().probabilities.tobytes() == answers.probabilities.tobytes()
    assert not hear([], full.head, reader, cascade=cascade).answers().favoured.size


def test_a_text_without_a_known_word_is_read() -> None:
    """However sure the cheap head is of the commonest label."""
    full, cheap, encoder, words = usual(several=False)
    sure = replace(cheap.head, intercept=cheap.head.intercept + np.array([100.0, 0, 0]))
    answers = hear(
        ["zzz", "apple"], full.head, encoder_of(encoder, words), cascade=Cascade(head=sure, reader=words)
    ).answers()
    assert answers.early is not None
    assert answers.early.tolist() == [False, True]


def test_a_text_without_a_known_word_is_not_counted_as_answered_either() -> None:
    """Though the commonest label would be right for each of them."""
    texts, targets = texts_and_targets()
    unknown = [f"zz{place}qq" for place in range(900)]
    whole = Targets.of_labels([*(str(targets.labels[code]) for code in targets.codes.tolist()), *["0"] * 900])
    _, cheap, _, _ = both([*texts, *unknown], whole)
    assert isinstance(cheap, CascadeFit)
    assert not cheap.early[N:].any()
    assert cheap.early[:N].any()


def test_which_texts_are_cut_is_told_of_those_that_are_read() -> None:
    full, cheap, encoder, words = usual(several=False)
    heard = hear(
        ["apple apple", "zzz"],
        full.head,
        encoder_of(encoder, words),
        cascade=Cascade(
            head=replace(cheap.head, intercept=cheap.head.intercept + np.array([100.0, 0, 0])), reader=words
        ),
    )
    assert heard.early.tolist() == [True, False]
    assert heard.cut.tolist() == [False, False]
    cut = replace(heard.reading, cut=np.ones(len(heard.reading.cut), dtype=bool))
    assert replace(heard, reading=cut).cut.tolist() == [False, True]


def test_where_the_full_head_is_silent_the_cheap_one_does_not_answer_for_it() -> None:
    """It is counted as changed, and nothing below the confidence of the full head is ever taken."""
    texts, targets = texts_and_targets()
    how = AnswerOptions(rule=RuleOptions(abstain_precision=0.97))
    full, cheap, _, _ = both(texts, targets, how)
    assert full.head.rule is not None
    assert full.head.rule.answer_from > 0
    assert isinstance(cheap, CascadeFit)
    assert cheap.head.rule is not None
    assert cheap.head.rule.answer_from >= full.head.rule.answer_from
    silent = ~full.head.answer(full.calibration.held_out).answered
    assert silent.any()
    assert (cheap.changed[silent] == cheap.early[silent]).all()
    assert upper_end(np.array([cheap.changed.sum()]), N)[0] < 0.02


@pytest.mark.parametrize(
    "rule", [RuleOptions(abstain_precision=0.95), RuleOptions(threshold_for=("precision", 0.95), threshold_label="0")]
)
def test_what_the_full_head_promises_is_kept_by_what_is_given(rule: RuleOptions) -> None:
    """However much a cascade may change: of new texts as many answers are right."""
    texts, targets = texts_and_targets()
    full, cheap, encoder, words = both(texts, targets, AnswerOptions(rule=rule), CascadeOptions(changed=0.1, upper=0.2))
    assert full.rule is not None
    assert [promise.share for promise in full.rule.promises] == [0.95]
    assert isinstance(cheap, CascadeFit)
    assert cheap.early.mean() > 0.5
    new, truth = texts_and_targets(n=3000, seed=7)
    given = hear(new, full.head, encoder_of(encoder, words), cascade=Cascade(head=cheap.head, reader=words)).answers()
    if rule.abstain_precision is None:
        assert truth.members[given.favoured[:, 0], 0].mean() >= 0.95
    else:
        assert (given.favoured == truth.members).all(axis=1)[given.answered].mean() >= 0.95


def test_no_cascade_in_one_sentence() -> None:
    texts, targets = texts_and_targets(n=300)
    assert both(texts, targets, options=CascadeOptions())[1] == (
        "No cascade: that it changes fewer than 1 % of the answers takes 368 texts or more to learn from (these are "
        "300, those that belong together counted once)."
    )
    random = np.random.default_rng(0)
    texts = [f"a{random.integers(9)} b{random.integers(9)}" for _ in range(N)]
    targets = Targets.of_labels([str(random.integers(2)) for _ in range(N)])
    said = both(texts, targets, options=CascadeOptions())[1]
    assert isinstance(said, str)
    assert said.startswith("No cascade: with at most 0.5 % of the answers changed, words would answer only ")
    assert said.endswith(" % of the texts early.")


def test_copies_are_counted_once() -> None:
    texts, targets = texts_and_targets(n=300)
    twice = replace(
        Targets.concatenated([targets, targets, targets]), together=np.tile(np.arange(300), 3).astype(np.int64)
    )
    said = both(texts * 3, twice, options=CascadeOptions())[1]
    assert isinstance(said, str)
    assert "(these are 300, those" in said


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        (
            {"changed": 2.0},
            "The share of answers that a cascade may change must be from 0 to below 1 (got 2.0).",
            "A share is meant: did you mean 0.02?",
        ),
        (
            {"changed": True},
            "The share of answers that a cascade may change must be from 0 to below 1 (got True).",
            "",
        ),
        (
            {"changed": False},
            "The share of answers that a cascade may change must be from 0 to below 1 (got False).",
            "",
        ),
        (
            {"upper": -0.1},
            "The share of answers that a cascade must surely be below must be from 0 to below 1 (got -0.1).",
            "",
        ),
        (
            {"changed": 0.01},
            (
                "The share of answers that a cascade may change must be below the upper end that is promised (got 0.01 "
                "and 0.01)."
            ),
            "",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(given: dict[str, float], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        CascadeOptions(**given)
    assert (caught.value.message, caught.value.hint) == (message, hint)
