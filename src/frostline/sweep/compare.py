"""Encoders and features against each other on the same folds, with what each costs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np

from frostline.arrays import JoinedRows, Progress, Rows
from frostline.data import split
from frostline.data.checks import require_learnable
from frostline.data.dataset import Dataset
from frostline.encoder.reading import EncoderIdentity, Reading, SentenceEncoder
from frostline.encoder.seen import refuse_seen
from frostline.encoder.words import vocabulary_of, with_words
from frostline.errors import UsageError
from frostline.evaluate.paired import Difference, Score
from frostline.head.options import SearchOptions
from frostline.head.scoring import criterion_of
from frostline.legible import reading_warnings
from frostline.machine import Machine, this_machine, usable_cores
from frostline.sweep.candidates import Columns
from frostline.sweep.cross import OutOfFold, cross_validate, differences, one_thread
from frostline.threads import side_by_side
from frostline.version import __version__

TIMED_TEXTS = 1000
"""Sentences that an encoder is timed on, spread over the file: enough for a rate, and a few seconds' work."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contestant:
    """One encoder with one set of features."""

    name: str  # Of the encoder, as the user wrote it
    features: str
    # Gives the rows; may remember them. It may give more blocks than these: contestants that share one encoder share
    # one reading.
    kept: SentenceEncoder
    fresh: SentenceEncoder  # Gives just these blocks, without a memory: it is timed
    size_bytes: int  # Of the encoder's weights on disk
    peak_bytes: int | None = None  # Memory of a process that reads with it; None where it was not measured


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """How one contestant did."""

    encoder: str
    features: str
    identity: EncoderIdentity
    score: Score  # Cross-validated, C searched on the same folds
    behind: Difference  # This minus the best (0 for the best itself)
    p_adjusted: float  # `behind.p_value` after Holm's correction for the number of contestants
    # None where the features are the same for every text; the geometric mean where each label has its own.
    chosen_C: float | None  # noqa: N815 - C is its name everywhere
    # `n_features`, `n_read`, `n_cut`: Numbers per text; distinct sentences read now; texts longer than the encoder can
    # see.
    n_features: int
    n_read: int
    n_cut: int
    seconds_per_1000: float  # Reading 1,000 sentences of this file on this machine, tokenizing included
    n_timed: int  # Sentences that this was measured on
    size_bytes: int  # Of the encoder's weights on disk
    peak_bytes: int | None  # Memory of a process that reads with it, the interpreter included
    seconds_search: float


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """What a comparison found."""

    labels: tuple[str, ...]
    n: int
    n_folds: int
    standings: tuple[Standing, ...]  # The best first
    scoring: str
    seed: int
    machine: Machine
    warnings: tuple[str, ...]
    version: str


def compare(  # noqa: PLR0913 - two inputs, how, and two kinds of progress
    dataset: Dataset,
    contestants: Sequence[Contestant],
    *,
    search: SearchOptions | None = None,
    strict: bool = False,
    reading: Progress | None = None,
    searching: Progress | None = None,
) -> Comparison:
    """Cross-validate every contestant on the same folds, time each, and test each against the best.

    Parameters
    ----------
    dataset : Dataset
        At least two labels.
    contestants : sequence of Contestant
        At least two.
    search : SearchOptions, optional
        Its `threads` is how many contestants are searched at once (None: one per core).
    strict : bool
        Refuse where otherwise folds would be lowered with a warning.
    reading, searching : callable, optional
        Count distinct sentences of each contestant, and contestants.

    Raises
    ------
    UsageError
        Fewer than two contestants, or one twice.
    InputError
        One class only, a class of one row, texts that are all the same.
    BackendError, ConvergenceError, StorageError
        An encoder, a solver or the store failed.
    """
    how = search or SearchOptions()
    criterion_of(how.scoring, dataset.targets, one_standard_error=False)  # refused before a sentence is read
    _check(contestants, dataset.texts)
    plan = require_learnable(dataset, how.n_folds, strict=strict)
    targets = dataset.targets_over(tuple(dataset.counts()))
    folds = split.folds(targets, n_folds=plan.n_folds, seed=how.seed)
    readers = [with_words(contestant.fresh, dataset.texts) for contestant in contestants]
    rates = [_seconds_per_1000(reader, dataset.texts) for reader in readers]
    readings = _readings(contestants, dataset.texts, reading)
    unread = [
        said
        for read, each in zip(readings, contestants, strict=True)
        for said in reading_warnings(each.fresh, dataset.texts, read.cut)
    ]
    cut = [
        _rows(read, each, reader, dataset.texts)
        for read, each, reader in zip(readings, contestants, readers, strict=True)
    ]
    found = side_by_side(
        [partial(cross_validate, rows, targets, options=one_thread(how), folds=folds) for rows in cut],
        threads=how.threads or usable_cores(),
        progress=searching,
    )
    standings = _standings(contestants, readings, found, rates, n_timed=len(_timed(dataset.texts)))
    return Comparison(
        labels=tuple(map(str, targets.labels)),
        n=len(dataset),
        n_folds=plan.n_folds,
        standings=standings,
        scoring=found[0].scoring,
        seed=how.seed,
        machine=this_machine(),
        warnings=(*plan.warnings, *dict.fromkeys(unread), *_said_of_all(found)),
        version=__version__,
    )


def _said_of_all(found: Sequence[OutOfFold]) -> list[str]:
    """What every contestant's search warns of: that is about the labels, as that one is on every row."""
    return [said for said in found[0].warnings if all(said in other.warnings for other in found)]


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """p-values of several tests, raised so that the chance of any false alarm stays what one test's was.

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6:65-70.
    """
    order = np.argsort(p_values, kind="stable")
    raised = np.empty(len(p_values))
    highest = 0.0
    for turn, place in enumerate(order.tolist()):
        highest = max(highest, min(1.0, (len(p_values) - turn) * p_values[place]))
        raised[place] = highest
    return tuple(raised.tolist())


def _check(contestants: Sequence[Contestant], texts: Sequence[str]) -> None:
    if len(contestants) < 2:
        raise UsageError(
            f"Two or more must be compared (got {len(contestants)}).",
            hint="Name several encoders or features: --encoders minilm,distilbert or --features cls@-1,mean@all.",
        )
    seen = set()
    for contestant in contestants:
        key = (contestant.fresh.identity.fingerprint(), contestant.fresh.blocks, contestant.fresh.spec.words)
        if key in seen:
            raise UsageError(f"Each must be compared once (got {contestant.name} {contestant.features} again).")
        seen.add(key)
        refuse_seen(texts, contestant.kept)


def _readings(contestants: Sequence[Contestant], texts: Sequence[str], progress: Progress | None) -> list[Reading]:
    """Each contestant's reading; those that share an encoder share it."""
    encoders = {id(contestant.kept): contestant.kept for contestant in contestants}
    by_encoder = {key: encoder.encode(texts, progress=progress) for key, encoder in encoders.items()}
    return [by_encoder[id(contestant.kept)] for contestant in contestants]


def _rows(read: Reading, contestant: Contestant, reader: SentenceEncoder, texts: Sequence[str]) -> Rows:
    """The contestant's blocks, and its words beside them if it has any."""
    kept, vocabulary = contestant.kept, vocabulary_of(reader)
    dense = Columns(read, kept.blocks, kept.hidden_size, len(texts), texts).swept(contestant.fresh.blocks)
    return dense if vocabulary is None else JoinedRows(dense, vocabulary.rows(texts))


def _timed(texts: Sequence[str]) -> list[str]:
    """Up to 1,000 distinct texts, evenly spread: a file may be sorted by length."""
    distinct = list(dict.fromkeys(texts))
    places = np.linspace(0, len(distinct) - 1, min(TIMED_TEXTS, len(distinct))).astype(np.int64)
    return [distinct[place] for place in places.tolist()]


def _seconds_per_1000(encoder: SentenceEncoder, texts: Sequence[str]) -> float:
    timed = _timed(texts)
    encoder.encode(timed[:8])  # the first call also allocates
    begun = time.perf_counter()
    encoder.encode(timed)
    return (time.perf_counter() - begun) * 1000 / len(timed)


def _standings(
    contestants: Sequence[Contestant],
    readings: Sequence[Reading],
    found: Sequence[OutOfFold],
    rates: Sequence[float],
    *,
    n_timed: int,
) -> tuple[Standing, ...]:
    order = sorted(range(len(found)), key=lambda place: (-found[place].score.value, found[place].n_features))
    from_best = differences(found, order[0])
    behind = [from_best[place] for place in order]
    adjusted = (1.0, *holm([difference.p_value for difference in behind[1:]]))
    return tuple(
        Standing(
            encoder=contestants[place].name,
            features=contestants[place].features,
            identity=contestants[place].kept.identity,
            score=found[place].score,
            behind=behind[turn],
            p_adjusted=adjusted[turn],
            chosen_C=found[place].chosen_C,
            n_features=found[place].n_features,
            n_read=readings[place].n_read,
            n_cut=int(readings[place].cut.sum()),
            seconds_per_1000=rates[place],
            n_timed=n_timed,
            size_bytes=contestants[place].size_bytes,
            peak_bytes=contestants[place].peak_bytes,
            seconds_search=found[place].seconds,
        )
        for turn, place in enumerate(order)
    )
