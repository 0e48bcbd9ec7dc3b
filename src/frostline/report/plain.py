"""What a classifier is worth in plain words, for whoever decides: how often, how sure, what it confuses, what next."""

import math
from collections.abc import Sequence

import numpy as np

from frostline.advice import FEW, is_faultless, ranked, ranked_of_evaluation
from frostline.evaluate.baselines import MAJORITY, WORDS, WORDS_EACH, Baseline
from frostline.evaluate.intervals import Interval, one_of_many, rows_as_one, wilson
from frostline.evaluate.probabilities import Reliability
from frostline.evaluate.scores import Evaluation, commonest_mistakes, right_of
from frostline.record import (
    CascadeRecord,
    CascadeTest,
    DecisionRecord,
    EvaluationRecord,
    ProbabilityRecord,
    TestRecord,
    TrainingRecord,
    UnlikeRecord,
)
from frostline.report import count_text, label_name, printable
from frostline.report.phrases import NOT_TESTED, WORDING, estimate_text, hundredths, lead_of, named, percent
from frostline.targets import Kind, Label


def untested_text(source: TestRecord | None) -> str:
    """Why there is no score: nothing was tested, or every test text is a copy of one that was learned from."""
    if source is None or source.is_of_new:
        return NOT_TESTED
    if source.n_leaks == 1:
        return "The only test text is a copy of one that it learned from: how good it is on new ones is not known."
    return (
        f"All {source.n_leaks:,} test texts are copies of texts that it learned from: how good it is on new ones "
        "is not known."
    )


def leaks_text(source: TestRecord | None, test: Evaluation) -> list[str]:
    """What test texts that are copies of training texts do to the score, where there are any."""
    if source is None or not source.n_leaks:
        return []
    if source.with_leaks is None:
        return [untested_text(source)]
    are, them = ("text is a copy of one", "it") if source.n_leaks == 1 else ("texts are copies of texts", "them")
    right, rightly = (percent(right_of(one).value) for one in (source.with_leaks, test))
    left_out = f"{source.n_leaks:,} test {are} that it learned from, and left out here"
    if right == rightly:
        return [f"{left_out}: with {them} {right} % would be right too."]
    return [f"{left_out}: with {them} {right} % would be right, not {rightly} %."]


_FEW_OTHERS = 10  # test texts that are no near copies, below which their share says nothing


def near_text(source: TestRecord | None, *, is_brief: bool = False) -> list[str]:
    """What test texts that nearly are training texts do to the score, where they are many."""
    near = None if source is None else source.near
    if near is None or not near.matters:
        return []
    said = f"But {near.n:,} of {near.n_looked:,} looked at are nearly texts that it learned from"
    n_others = near.n_looked - near.n
    if not n_others:
        return [f"{said}: how good it is on new ones is not known."]
    if n_others < _FEW_OTHERS:
        return [f"{said}: how good it is on new ones the {count_text(n_others, 'other')} cannot tell."]
    others = f"{said}; of the {count_text(n_others, 'other')} {near.n_right:,} were right"
    return [f"{others}." if is_brief else f"{others}, which tells more of new ones."]


def unlike_text(unlike: UnlikeRecord | None) -> list[str]:
    """How many of the test texts are unlike those learned from, and whether that is more than chance has it."""
    if unlike is None:
        return []
    said = (
        f"Unlike anything it learned from: {estimate_text(unlike.share)} % of the test texts; "
        f"of texts like those it would be about {percent(unlike.below)} %."
    )
    if unlike.share.interval[0] <= unlike.below:
        return [said]
    return [said, "That is more than chance: some of the test texts are of another kind."]


def cascade_text(cascade: CascadeRecord | CascadeTest | None) -> list[str]:
    """What a cascade saves and changes, on texts that took part in nothing; else out of fold."""
    if isinstance(cascade, CascadeTest):
        early, changed = estimate_text(cascade.early), estimate_text(cascade.changed)
        speed = "" if cascade.speed_up is None else f", about {cascade.speed_up:.1f} times as many texts a second"
        right, without = (percent(share.value) for share in (cascade.right, cascade.right_without))
        return [
            f"Cascade: {early} % of these texts are answered before the encoder reads them{speed}.",
            f"That changes {changed} % of the answers: {right} % are right, {without} % without it.",
        ]
    if cascade is None or cascade.changed is None:
        return []
    early, changed = percent(cascade.early), estimate_text(cascade.changed)
    return cascade_text(cascade.test) or [
        f"Cascade: as new ones {early} % of the texts learned from are answered before the encoder reads them.",
        f"That changes {changed} % of the answers. The other figures are those of the full head alone.",
    ]


_NEW = "that it had not learned from"

_WIDE = 0.15  # of an interval, from end to end: beyond, a score is a hint
_TRUSTED = 4  # points that percentages may be off on average and be taken at their word


def how_often_answered(found: ProbabilityRecord | None) -> list[str]:
    """How many texts get an answer at all, where not all do, and how many of those answers are right."""
    if found is None or not found.coverage.answer_from:
        return []
    covered, right = found.coverage.covered.value, found.coverage.right
    said = f"It answers only where it is sure enough: {of_hundred(covered)} of these texts got an answer"
    if right is None:
        return [f"{said}."]
    expected = f"of more such answers it should be between {between(right.interval)}"
    return [f"{said}, and {of_hundred(right.value)} of those answers were right; {expected}."]


_PROMISED = {
    "answers": "its answers are right",
    "sets": "the sets of labels that it gives are exactly right",
    "precision": "the texts taken for {label} are that",
    "recall": "the texts that are {label} are taken for it",
}


def promise_words(decision: DecisionRecord | None) -> list[str]:
    """What holds of new texts, and how sure that is; nothing where nothing was promised."""
    if decision is None:
        return []
    label = printable(decision.label, 30)
    return [
        f"Promised with {100 * promise.confidence:g} % confidence: at least {100 * promise.share:g} % of "
        f"{_PROMISED[promise.of].format(label=label)}, on new texts like those it learned from "
        f"(tested on {count_text(promise.n, 'held-out text')}, {percent(promise.coverage)} % of them "
        f"{'answered' if promise.of in {'answers', 'sets'} else 'taken for it'})."
        for promise in decision.promises
    ]


def plain_words(record: TrainingRecord) -> list[str]:
    """The paragraph that a manager reads, without terms of the trade, in the order in which it is asked for."""
    said = [
        (
            f"This classifier gives a text {_gives(record.data.kind, record.labels)}. It learned from "
            f"{count_text(record.n_trained, 'labelled text')} of {printable(record.data.name)}."
        )
    ]
    if record.test is None:
        return [*said, untested_text(record.test_source)]
    said += [
        *how_often(record.test, _NEW),
        *near_text(record.test_source),
        *leaks_text(record.test_source, record.test),
    ]
    said += [*how_often_answered(record.probabilities), *promise_words(record.decision)]
    said += [
        _beside_words(baseline)
        for name in (MAJORITY, WORDS, WORDS_EACH)
        for baseline in record.baselines
        if baseline.name == name
    ]
    said += confuses(record.test) + how_sure(record.probabilities, record.test)
    return [*said, next_step(record)]


def brief_words(record: TrainingRecord, *, has_trust: bool = True) -> list[str]:
    """The same without what a dozen lines on a terminal say beside it."""
    said = [f"This classifier gives a text {_gives(record.data.kind, record.labels)}."]
    if record.test is None:
        return [*said, untested_text(record.test_source)]
    return [
        *said,
        *how_often(record.test, "kept apart"),
        *leaks_text(record.test_source, record.test),
        *near_text(record.test_source, is_brief=True),
        *how_often_answered(record.probabilities),
        *promise_words(record.decision),
        *(how_sure(record.probabilities, record.test) if has_trust else ()),
    ]


def evaluation_words(record: EvaluationRecord) -> list[str]:
    """The same of a saved classifier on a file."""
    said = (
        f"The classifier {printable(record.model)} gives a text {_gives(record.data.kind, record.test.labels)}. "
        f"It was tested on {printable(record.data.name)}."
    )
    if record.source is not None and not record.source.is_of_new:
        return [said, untested_text(record.source)]
    sure = how_sure(record.probabilities, record.test)
    often = how_often(record.test, "of that file")
    if record.source is not None:
        often = [*how_often(record.test, _NEW), *near_text(record.source), *leaks_text(record.source, record.test)]
    often += how_often_answered(record.probabilities)
    often += [
        _beside_words(one, ", learned from this file by folds,")
        for one in record.baselines
        if one.name in {WORDS, WORDS_EACH}
    ]
    return [said, *often, *confuses(record.test), *sure, next_step_of(record)]


def brief_evaluation_words(record: EvaluationRecord) -> list[str]:
    """The same without what a dozen lines on a terminal say beside it."""
    if record.source is not None and not record.source.is_of_new:
        return [untested_text(record.source)]
    which, unlike = "of that file" if record.source is None else _NEW, unlike_text(record.unlike)
    return [
        *how_often(record.test, which),
        *near_text(record.source),
        *leaks_text(record.source, record.test),
        *how_often_answered(record.probabilities),
        *(unlike if len(unlike) > 1 else ()),
        *how_sure(record.probabilities, record.test),
    ]


def _gives(kind: Kind, labels: Sequence[Label]) -> str:
    names = named([label_name(label, 24) for label in labels])
    return WORDING[kind].gives.format(labels=f"{len(labels)} labels ({names})")


def how_often(test: Evaluation, which: str) -> list[str]:
    """How often it is right, of a hundred."""
    right = right_of(test)
    low, high = right.interval
    few = " With so few texts this is little more than a hint." if high - low > _WIDE else ""
    expected = f"on more texts of the same kind it should be between {between(right.interval)}."
    on_texts = f"On {count_text(test.n, 'text')} {which}"
    if test.confusion is not None:
        return [f"{on_texts} it was right {of_hundred(right.value)} times; {expected}{few}"]
    said = [
        f"{on_texts}, {_labels_found(test)}.{few}",
        f"All labels of a text were met for {of_hundred(right.value)} texts; {expected}",
    ]
    known = [(score.f1, label_name(score.label, 30)) for score in test.per_label if score.f1 and score.support >= FEW]
    least, most = (choose(known, key=lambda pair: pair[0].value, default=None) for choose in (min, max))
    if least and most and one_of_many(least[0], len(known))[1] < one_of_many(most[0], len(known))[0]:
        said.append(f"Of the labels on {FEW} texts or more it tells {most[1]} better than {least[1]}.")
    return said


def _labels_found(test: Evaluation) -> str:
    """How many of the labels given are right, and how many of those that are there it found."""
    # micro F1 = 2 hits / (given + true), so the hits need not be kept
    hits = round(test.scores["micro_f1"].value * (test.n_given + test.n_true) / 2)
    right = f"{of_hundred(hits / test.n_given)} labels that it gave were right" if test.n_given else "it gave no label"
    return right + (f", and it found {of_hundred(hits / test.n_true)} of those that were there" if test.n_true else "")


def confuses(test: Evaluation) -> list[str]:
    """The commonest mistake and its share of all; that it is the commonest, where the next is rarer beyond chance."""
    if test.confusion is None:
        return []
    found = commonest_mistakes(test, most=2)
    if not found:
        return ["It made no mistake there, which says that the test was easy or small, not that it makes none."]
    true, taken, count = found[0]
    n_wrong = int(test.confusion.sum() - np.trace(test.confusion))
    says = f"says {label_name(taken, 30)} where {label_name(true, 30)} is right"
    if count == n_wrong:
        whose = "Its only mistake there" if n_wrong == 1 else f"All of its {n_wrong:,} mistakes there"
        return [f"{whose}: it {says}."]
    next_count = found[1][2]
    as_one = rows_as_one(right_of(test))
    is_commonest = wilson(count / as_one, (count + next_count) / as_one)[0] > 0.5
    begun = "What it gets wrong most: it" if is_commonest else "Among its mistakes: it"
    return [f"{begun} {says} ({count:,} of {n_wrong:,})."]


def how_sure(found: ProbabilityRecord | None, test: Evaluation | None = None) -> list[str]:
    """Whether its probabilities can be taken at their word."""
    reliability = found.scores.reliability if found is not None else None if test is None else test.reliability
    return [] if reliability is None else [misses(reliability)]


def misses(found: Reliability) -> str:
    """By how much probabilities are off, by the interval of that: the value alone says nothing."""
    low, high = found.error.interval
    least, value, most = math.floor(100 * low), hundredths(found.error.value), math.ceil(100 * high)
    if most <= _TRUSTED:
        points_off = count_text(most, "point")
        return f"Its percentages can be taken at their word: on average they are at most {points_off} off."
    if low <= 0:
        return f"Too few texts to say how far its percentages are off: on average it can be up to {most} points."
    said = f"its percentages are about {count_text(max(value, 1), 'point')} off (between {least} and {most})"
    return f"On average {said}: read them with care." if least >= _TRUSTED else f"On average {said}."


def next_step(record: TrainingRecord) -> str:
    """What the figures at hand advise, the most useful first; that it be tested, where it was not."""
    if record.test_source is not None and not record.test_source.is_of_new:
        return "Next: test it on texts that it did not learn from."
    if record.test is None:
        return "Next: test it on texts with labels."
    advice = ranked(record)
    return f"Next: {advice[0].sentence}" if advice else _unadvised(record.test, record.data.kind)


_COMMANDS = (": run the same ", ": frostline ", " (frostline ")  # how a sentence goes on where it names its command


def before_command(sentence: str) -> str:
    """The same without the command that it names, since the whole line stands below it."""
    for begun in _COMMANDS:
        sentence, found, _ = sentence.partition(begun)
        sentence += ":" if found else ""
    return sentence


def next_step_of(record: EvaluationRecord) -> str:
    """The same of a saved classifier on a file."""
    advice = ranked_of_evaluation(record)
    return f"Next: {advice[0].sentence}" if advice else _unadvised(record.test, record.data.kind)


def _unadvised(test: Evaluation, kind: Kind) -> str:
    """What to do where no figure advises anything."""
    if is_faultless(test):
        return "Next: test it on more texts, and on harder ones."
    return f"Next: read its surest mistakes; {WORDING[kind].wrong_labels}."


def of_hundred(share: float) -> str:
    """0.8446 as `about 84 of 100`; never all or none unless it is."""
    if share in {0.0, 1.0}:
        return f"{hundredths(share)} of 100"
    if share > 0.99:
        return "more than 99 of 100"
    return "fewer than 1 of 100" if share < 0.01 else f"about {hundredths(share)} of 100"


def between(interval: Interval) -> str:
    """The limits of a share, of a hundred, rounded away from each other: what is said must hold."""
    low, high = interval
    return f"{math.floor(100 * low + 1e-9)} and {math.ceil(100 * high - 1e-9)}"


def _beside_words(baseline: Baseline, how: str = "") -> str:
    """How a baseline does beside it: the difference and its interval, each rounded once."""
    way = ("Always giving the commonest label" if baseline.name == MAJORITY else "Counting words") + how
    lead = lead_of(baseline)
    low, high = sorted(map(abs, lead.interval))
    if lead.interval[0] <= 0 <= lead.interval[1]:
        return f"Whether {way.lower()} does better or worse cannot be told: the difference could be chance."
    if "accuracy" not in baseline.scores:  # a lead in F1 is no number of texts
        return f"{way} does {'worse' if lead.value > 0 else 'better'}, beyond chance."
    than = "fewer" if lead.value > 0 else "more"
    size = f"about {hundredths(abs(lead.value))} texts" if abs(lead.value) >= 0.015 else "about 1 text"
    return f"{way} is right for {size} in 100 {than} (between {between((low, high))})."
