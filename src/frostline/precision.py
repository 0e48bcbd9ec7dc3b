"""Settle which precision reads: as asked, or by trying int8 on the user's own texts.

`auto` reads up to 500 of the texts both ways. int8 is used if one and the same head, fitted on float32 rows, says the
same of at least 99 % of them (of several labels per text, all the same), and their rows point the same way. Each text
is judged by a head that has not learned from it: a head knows the texts it learned from too well to change its mind
about them.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from frostline.arrays import Features, IntArray, Progress
from frostline.data.copies import copy_keys, numbered
from frostline.data.split import folds as split_folds
from frostline.encoder.precision import (
    AskedPrecision,
    Gate,
    Precision,
    PrecisionRecord,
    cosines,
    int8_instruction,
    taken_as_asked,
    whole_numbers,
    why_not_int8,
)
from frostline.encoder.reading import SentenceEncoder
from frostline.targets import Targets

GATE_TEXTS = 500
FEWEST_TEXTS = 50
"""Fewer say too little: int8 is then not used."""

_N_FOLDS = 5
_CS = (0.001, 0.01, 0.1, 1.0)  # of standardised features; the gate needs a plausible head, not the best

OpenIn: TypeAlias = Callable[[Precision], SentenceEncoder]


def settle(
    asked: AskedPrecision,
    open_in: OpenIn,
    texts: Sequence[str] = (),
    targets: Targets | None = None,
    *,
    progress: Progress | None = None,
) -> PrecisionRecord:
    """The precision asked for, as far as this machine has it, or the one that `auto` finds.

    Parameters
    ----------
    asked : {"float32", "int8", "bfloat16", "auto"}
    open_in : callable
        Opens the encoder in "float32", "int8" or "int7". Called by `auto` alone, where the processor can do int8.
    texts : sequence of str
        What will be learned from or read. Rows to test on do not belong here.
    targets : Targets, optional
        Of the texts. Without, the rows alone are compared.
    progress : callable, optional
        Counts distinct texts, while `auto` reads.
    """
    as_asked = taken_as_asked(asked)
    if as_asked is not None:
        return as_asked
    whole = whole_numbers()
    reason = why_not_int8() if whole is None else None
    if reason is None and asked == "auto":
        reason = _too_few(texts)
    if whole is None or reason is not None:
        return PrecisionRecord(asked=asked, used="float32", reason=str(reason))
    if asked == "auto":
        return _tried(open_in, whole, texts, targets, progress)
    has = f"This processor has an instruction for it ({int8_instruction()})."
    lacks = "This processor has AVX2 and no instruction for int8: rows of 7 bits are exact on it, and faster."
    return PrecisionRecord(asked=asked, used=whole, reason=has if whole == "int8" else lacks)


def sample_of(n_texts: int, n_most: int = GATE_TEXTS) -> IntArray:
    """Which of `n_texts` texts to look at: all, or `n_most` spread evenly."""
    return np.unique(np.linspace(0, n_texts - 1, min(n_texts, n_most)).astype(np.int64))


def measured(
    float32: Features,
    int8: Features,
    targets: Targets | None = None,
    *,
    seconds: tuple[float, float] = (0, 0),
) -> Gate:
    """The gate's figures for the rows (n_texts, n_features) of the same texts in both precisions."""
    near = cosines(float32, int8)
    n_predicted, n_equal = (0, 0) if targets is None else equal_predictions(float32, int8, targets)
    return Gate(
        n_texts=len(float32),
        mean_cosine=float(near.mean()),
        lowest_cosine=float(near.min()),
        n_predicted=n_predicted,
        n_equal=n_equal,
        seconds_float32=seconds[0],
        seconds_int8=seconds[1],
    )


def equal_predictions(float32: Features, int8: Features, targets: Targets) -> tuple[int, int]:
    """How many texts were labelled from both rows by a head that had not seen them, and how many wholly alike.

    Labels on fewer than five texts, and texts that have no others, take no part: no fold could learn them.
    """
    from frostline.head.options import SearchOptions  # noqa: PLC0415 - heavy: SciPy
    from frostline.head.search import fit_at, search  # noqa: PLC0415 - heavy: SciPy

    chosen, common = _learnable(targets)
    if not len(common):
        return 0, 0
    exact, near = float32[chosen], int8[chosen]
    labels = tuple(targets.labels[column] for column in common.tolist())
    learned = replace(targets.take(chosen), labels=labels, members=targets.members[chosen][:, common])
    C = search(exact, learned, options=SearchOptions(Cs=_CS, n_folds=_N_FOLDS)).middle_C
    folds = split_folds(learned, n_folds=_N_FOLDS, seed=0)
    n_equal = 0
    for fold in range(_N_FOLDS):
        held = folds == fold
        head = fit_at(exact[~held], learned.take(~held), C=C)
        first, second = (head.answer(head.predict_proba(rows[held])).favoured for rows in (exact, near))
        n_equal += int((first == second).all(axis=1).sum())
    return len(learned), n_equal


def _learnable(targets: Targets) -> tuple[IntArray, IntArray]:
    """The texts that take part; and the labels, which five of them or more have, and five or more have not."""
    members = targets.members
    is_frequent = members.sum(axis=0) >= _N_FOLDS
    chosen = np.flatnonzero(members[:, is_frequent].any(axis=1) | ~members.any(axis=1))
    counts = members[chosen].sum(axis=0)
    return chosen, np.flatnonzero(np.minimum(counts, len(chosen) - counts) >= _N_FOLDS)


def _tried(
    open_in: OpenIn, whole: Precision, texts: Sequence[str], targets: Targets | None, progress: Progress | None
) -> PrecisionRecord:
    """Both encoders' rows of a sample, and the precision that they speak for."""
    chosen = _distinct(texts)
    some = [texts[row] for row in chosen.tolist()]
    precisions: tuple[Precision, ...] = ("float32", whole)
    rows: list[Features] = []
    seconds: list[float] = []
    for number, precision in enumerate(precisions):
        encoder = open_in(precision)
        if encoder.identity.backend == "torch":
            return PrecisionRecord(asked="auto", used="float32", reason="Torch reads, and int8 is for our own graphs.")
        started = time.perf_counter()
        rows.append(encoder.encode(some, progress=_half(progress, number, len(some))).rows)
        seconds.append(time.perf_counter() - started)
    some_targets = None if targets is None else replace(targets.take(chosen), together=None)  # no copies among them
    gate = measured(rows[0], rows[1], some_targets, seconds=(seconds[0], seconds[1]))
    used: Precision = whole if gate.is_passed else "float32"
    reason = f"{whole} {'passed' if gate.is_passed else 'did not pass'} on your own texts: {gate}."
    return PrecisionRecord(asked="auto", used=used, reason=reason, gate=gate)


def _distinct(texts: Sequence[str]) -> IntArray:
    """Rows of a sample of the texts, of copies the first."""
    rows = np.unique(numbered(copy_keys(texts)), return_index=True)[1]
    return np.sort(rows)[sample_of(len(rows))]


def _too_few(texts: Sequence[str]) -> str | None:
    n_texts = len(set(texts))
    if n_texts >= FEWEST_TEXTS:
        return None
    counted = "1 distinct text is" if n_texts == 1 else f"{n_texts} distinct texts are"
    return f"{counted} too few to try int8 on (at least {FEWEST_TEXTS})."


def _half(progress: Progress | None, number: int, n_texts: int) -> Progress | None:
    """`progress` over two readings of the same texts."""
    if progress is None:
        return None
    whole = progress
    return lambda done, _: whole(number * n_texts + done, 2 * n_texts)
