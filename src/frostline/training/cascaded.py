"""What a cascade does to texts that took part in nothing: how many it answers early, what that saves and changes."""

import time
from collections.abc import Sequence

import numpy as np

from frostline.arrays import BoolArray
from frostline.encoder.reading import SentenceEncoder
from frostline.encoder.words import vocabulary_of
from frostline.evaluate.intervals import Estimate, clopper_pearson, design_effect, share_interval
from frostline.head.cascade import Cascade
from frostline.head.cascading import CascadeFit
from frostline.head.options import CascadeOptions
from frostline.record import CascadeRecord, CascadeTest
from frostline.targets import Targets
from frostline.training.tested import Tested

TIMED = 128
"""Texts that are read for the speed, whatever is kept from before."""


def cascade_record(
    made: tuple[Cascade, CascadeFit] | str,
    options: CascadeOptions,
    targets: Targets,
    encoder: SentenceEncoder,
    tested: Tested,
) -> CascadeRecord:
    """A cascade in numbers; `targets` are of the texts that it was chosen on."""
    if isinstance(made, str):
        return CascadeRecord(why=made, most_changed=options.changed, below=options.upper)
    cascade, fit = made
    vocabulary = vocabulary_of(cascade.reader)
    counted = np.unique(targets.lots, return_index=True)[1]
    n, n_changed = len(counted), int(fit.changed[counted].sum())
    return CascadeRecord(
        why="",
        most_changed=options.changed,
        below=options.upper,
        features=str(cascade.reader.spec),
        n_words=0 if vocabulary is None else len(vocabulary.terms),
        answer_from=0.0 if fit.head.rule is None else fit.head.rule.answer_from,
        early=float(fit.early[counted].mean()),
        changed=Estimate(n_changed / n, clopper_pearson(n_changed, n), n, "Clopper-Pearson"),
        test=cascade_test(cascade, encoder, tested),
    )


def cascade_test(cascade: Cascade, encoder: SentenceEncoder, tested: Tested) -> CascadeTest | None:
    """What a cascade makes of texts that were tested, each of them read by `encoder`; None: tested without it."""
    texts, targets, without = tested.part.texts, tested.part.targets, tested.without
    if without is None or without.early is None:
        return None
    early = without.early
    changed = early & ((tested.favoured != without.favoured).any(axis=1) | ~without.answered)
    effect = design_effect(changed.astype(np.float64), targets.shared_lots)
    interval = clopper_pearson(int(changed.sum()) / effect, len(changed) / effect)
    return CascadeTest(
        early=_share(early, targets),
        changed=Estimate(float(changed.mean()), interval, len(changed), "Clopper-Pearson"),
        right=_share((tested.favoured == targets.members).all(axis=1), targets),
        right_without=_share((without.favoured == targets.members).all(axis=1), targets),
        speed_up=speed_up(cascade, encoder, texts, early),
        n_timed=min(TIMED, len(texts)),
    )


def _share(having: BoolArray, targets: Targets) -> Estimate:
    return Estimate(float(having.mean()), share_interval(having, targets.shared_lots), len(having), "Wilson")


def speed_up(cascade: Cascade, encoder: SentenceEncoder, texts: Sequence[str], early: BoolArray) -> float | None:
    """How many times as many of these texts a second a cascade answers; None where the clock is too coarse.

    Some are read with nothing kept, by the encoder and by what the cheap head goes by; what is left to the encoder
    counts by its letters, since what is answered early is not as long as the rest.
    """
    from frostline.encoder.encoder import bottom_of  # noqa: PLC0415 - the runtime loads only where texts are read

    chosen = np.unique(np.linspace(0, len(texts) - 1, min(TIMED, len(texts))).astype(np.int64))
    some = [texts[row] for row in chosen.tolist()]
    seconds = []
    for reader in (bottom_of(encoder), cascade.reader):
        reader.encode(some[:8])
        started = time.perf_counter()
        reader.encode(some)
        seconds.append(time.perf_counter() - started)
    letters = np.array([1 + len(text) for text in texts], dtype=np.float64)
    left = float(letters[~early].sum() / letters.sum())
    return None if seconds[0] <= 0 else 1 / (seconds[1] / seconds[0] + left)
