"""Choose a cascade: a cheap head, and from which confidence on it may answer before the full one.

Chosen by decisions of both heads on rows that neither learned from, on the same folds. What is promised, and what was
measured: docs/decisions/0053-cascade.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, Rows
from frostline.encoder.features import WORDS
from frostline.encoder.reading import SentenceEncoder
from frostline.encoder.words import Vocabulary, vocabulary_or_none
from frostline.head.cascade import Cascade, is_known
from frostline.head.deciding import Promise
from frostline.head.fitted import AnswerOptions, Fitted, settle_answers
from frostline.head.linear import LinearHead, Rule, applied
from frostline.head.options import CONFIDENCE, MOST_SEARCHED, CascadeOptions, SearchOptions
from frostline.head.parts import search
from frostline.head.promise import Cut, chance_of, changing_cut, texts_for_change
from frostline.targets import Answers, Targets

_STEPS = (0, 0.25, 0.5, 1)  # of what may be changed, where a promise is to be kept
FEWEST_EARLY = 0.05
"""The share of texts answered early below which the cheap head costs about what it saves."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CascadeFit:
    """A cheap head, and what it does to rows that it did not learn from."""

    head: LinearHead  # Its rule's `answer_from` is the confidence from which on it answers alone
    early: BoolArray  # (n_texts,): Whether it answers the row alone
    changed: BoolArray  # (n_texts,): Whether that is another answer than the full head's
    options: CascadeOptions


def fit_cascade(  # noqa: PLR0913 - cheap rows and their targets, the full head, and how both are made
    rows: Rows,
    targets: Targets,
    full: Fitted,
    *,
    search_options: SearchOptions,
    answers: AnswerOptions,
    options: CascadeOptions,
) -> CascadeFit | str:
    """A head over cheap rows (n_texts, n_features) before `full`; or a sentence that says why there is none.

    Copies, and texts of one group, are counted once; weights are not counted. A row without a known word is never
    answered early, where there are words: what is left would say the commonest label.

    Parameters
    ----------
    search_options, answers
        Those of `full`: the same folds, the same thresholds wished for. Of its calibrations only a temperature is
        taken, which keeps the order of texts.
    """
    known_words = None if full.parts is None else full.parts.words
    found, _ = search(
        rows,
        targets,
        options=replace(search_options, choose_parts=False),
        folds=full.search.folds,
        known_words=known_words,
    )
    settled = settle_answers(
        found.head,
        found.held_out_decisions,
        targets,
        learned=found.learned,
        folds=found.folds,
        answers=_without_silence(answers, full),
        class_weight=search_options.class_weight,
        unmet="nearest",
    )
    rule, theirs = settled.head.rule or Rule(), full.head.answer(full.calibration.held_out)
    favoured, sure = applied(rule, settled.calibration.held_out, link=settled.head.link)
    sure = np.where(is_known(rows), sure, -1.0)
    differs = (favoured != theirs.favoured).any(axis=1) | ~theirs.answered
    counted = np.unique(targets.lots, return_index=True)[1]
    lowest = 0.0 if full.head.rule is None else full.head.rule.answer_from
    part, own = targets.take(counted), replace(theirs, favoured=favoured, answered=np.ones_like(theirs.answered))
    cut = _cut(sure[counted], own.take(counted), theirs.take(counted), part, full, lowest=lowest, options=options)
    if not cut.is_promised:
        return (
            f"No cascade: that it changes fewer than {100 * options.upper:g} % of the answers takes "
            f"{texts_for_change(options.upper):,} texts or more to learn from (these are {len(counted):,}, those that "
            "belong together counted once)."
        )
    if cut.count < FEWEST_EARLY * len(counted):
        return (
            f"No cascade: with at most {100 * options.changed:g} % of the answers changed, words would answer only "
            f"{100 * cut.count / len(counted):.1f} % of the texts early."
        )
    early = sure >= cut.threshold
    head = replace(settled.head, rule=replace(rule, answer_from=cut.threshold))
    return CascadeFit(head=head, early=early, changed=early & differs, options=options)


def _cut(  # noqa: PLR0913 - how sure it is, what both heads say, what is true and promised, and how much may change
    sure: Float64Array,
    own: Answers,
    theirs: Answers,
    targets: Targets,
    full: Fitted,
    *,
    lowest: float,
    options: CascadeOptions,
) -> Cut:
    """As `changing_cut`; where `full` promises a share, no more is changed than keeps that of the answers given.

    With nothing changed they are its own. From there on tests go one way, as in promise.py.
    """
    differs = (own.favoured != theirs.favoured).any(axis=1) | ~theirs.answered
    promises = () if full.rule is None else full.rule.promises
    cuts = [
        changing_cut(sure, differs, share=step * options.changed, upper=options.upper, lowest=lowest)
        for step in (_STEPS if promises else _STEPS[-1:])
    ]
    kept = cuts[0]
    for cut in cuts[1:]:
        early = sure >= cut.threshold
        if not _keeps(promises, theirs.filled(early, own.take(early)), targets, full):
            break
        kept = cut
    return kept


def _keeps(promises: Sequence[Promise], given: Answers, targets: Targets, full: Fitted) -> bool:
    """Whether these answers still show what is promised."""
    right, label = (given.favoured == targets.members).all(axis=1), None if full.rule is None else full.rule.label
    for promise in promises:
        hits, among = right, given.answered
        if label is not None and promise.of in {"precision", "recall"}:
            column = targets.labels.index(label)
            taken, having = given.favoured[:, column], targets.members[:, column]
            hits, among = (having, taken) if promise.of == "precision" else (taken, having)
        n_hits, n = np.array([hits[among].sum()]), np.array([max(1, among.sum())])
        if chance_of(n_hits, n, promise.share)[0] > 1 - promise.confidence:
            return False
    return True


def _without_silence(answers: AnswerOptions, full: Fitted) -> AnswerOptions:
    """How the cheap head answers: as the full one, but that it always does, and by no map that has steps."""
    wishes = replace(full.wishes, abstain_precision=None)
    wishes = wishes if wishes.threshold_for is not None else replace(wishes, confidence=CONFIDENCE)
    return AnswerOptions(calibrate="none" if answers.calibrate == "none" else "temperature", rule=wishes)


def made_cascade(  # noqa: PLR0913 - who reads, texts and their targets, the full head, and how both are made
    encoder: SentenceEncoder,
    texts: Sequence[str],
    targets: Targets,
    full: Fitted,
    *,
    vocabulary: Vocabulary | None,
    search_options: SearchOptions,
    answers: AnswerOptions,
    options: CascadeOptions,
) -> tuple[Cascade, CascadeFit] | str:
    """A cascade before `full`, which reads by `encoder`; or a sentence that says why there is none.

    Parameters
    ----------
    texts : sequence of str, length n_texts
        That `full` was fitted on.
    vocabulary : Vocabulary or None
        Of the words of `full`; None: it has none, and that of the texts is taken.
    search_options, answers
        Those of `full`.
    """
    from frostline.encoder.encoder import cheap_features, is_cheap, reader_for  # noqa: PLC0415 - only where asked for

    if is_cheap(encoder):
        costs = "words cost" if encoder.spec.is_words_alone else f"{encoder.identity.name} costs"
        return f"No cascade: {costs} next to nothing to read, so there is nothing to save."
    if len(targets.labels) > MOST_SEARCHED:
        return (
            f"No cascade: its head would have to be searched for {len(targets.labels):,} labels (at most "
            f"{MOST_SEARCHED} are)."
        )
    known = vocabulary or vocabulary_or_none(texts)
    features = cheap_features(encoder)
    if known is None and features == WORDS:
        return "No cascade: no word is in two of the texts."
    reader = reader_for(encoder, features, known)
    fit = fit_cascade(
        reader.encode(texts).for_head,
        targets,
        full,
        search_options=search_options,
        answers=answers,
        options=options,
    )
    return fit if isinstance(fit, str) else (Cascade(head=fit.head, reader=reader), fit)
