"""Settle which precision reads: as asked, or by trying int8 on the user's own texts.

In:   what was asked for; a function that opens the encoder in a precision; texts, with their labels if there are.
Out:  a `PrecisionRecord`: what is used, and why.
Not:  what a processor can do (encoder/precision.py), the figures that are needed (encoder/gate.py).

`auto` reads up to 500 of the texts both ways. int8 is used if one and the same head, fitted on float32 rows, says the
same of at least 99 % of them, and their rows point the same way. Each text is judged by a head that has not learned
from it: a head knows the texts it learned from too well to change its mind about them.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

import numpy as np

from frostline.arrays import Features, IntArray, Progress
from frostline.data.split import stratified_folds
from frostline.encoder.gate import Gate, PrecisionRecord, cosines
from frostline.encoder.precision import AskedPrecision, Precision, check_precision, int8_instruction, why_not_int8
from frostline.encoder.reading import SentenceEncoder

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
    labels: Sequence[Hashable] | None = None,
    *,
    progress: Progress | None = None,
) -> PrecisionRecord:
    """The precision asked for, as far as this machine has it, or the one that `auto` finds.

    Parameters
    ----------
    asked : {"float32", "int8", "auto"}
    open_in : callable
        Opens the encoder in "float32" or "int8". Called by `auto` alone, where the processor can do int8.
    texts : sequence of str
        What will be learned from or read. Rows to test on do not belong here.
    labels : sequence, optional
        One per text. Without, the rows alone are compared.
    progress : callable, optional
        Counts distinct texts, while `auto` reads.

    Raises
    ------
    UsageError
        `asked` is none of the three.
    InputError, BackendError
        As the encoder's.
    """
    check_precision(asked)
    if asked == "float32":
        return PrecisionRecord(asked=asked, used="float32", reason="It was asked for.")
    reason = why_not_int8()
    if reason is None and asked == "auto":
        reason = _too_few(texts)
        if reason is None:
            return _tried(open_in, texts, labels, progress)
    if reason is not None:
        return PrecisionRecord(asked=asked, used="float32", reason=reason)
    return PrecisionRecord(
        asked=asked, used="int8", reason=f"This processor has an instruction for it ({int8_instruction()})."
    )


def sample_of(n_texts: int, n_most: int = GATE_TEXTS) -> IntArray:
    """Which of `n_texts` texts to look at: all, or `n_most` spread evenly."""
    return np.unique(np.linspace(0, n_texts - 1, min(n_texts, n_most)).astype(np.int64))


def measured(
    float32: Features,
    int8: Features,
    labels: Sequence[Hashable] | None = None,
    *,
    seconds: tuple[float, float] = (0, 0),
) -> Gate:
    """The gate's figures for the rows (n_texts, n_features) of the same texts in both precisions."""
    near = cosines(float32, int8)
    n_predicted, n_equal = (0, 0) if labels is None else equal_predictions(float32, int8, labels)
    return Gate(
        n_texts=len(float32),
        mean_cosine=float(near.mean()),
        lowest_cosine=float(near.min()),
        n_predicted=n_predicted,
        n_equal=n_equal,
        seconds_float32=seconds[0],
        seconds_int8=seconds[1],
    )


def equal_predictions(float32: Features, int8: Features, labels: Sequence[Hashable]) -> tuple[int, int]:
    """How many texts were labelled from both rows by a head that had not seen them, and how many alike.

    Texts of a label that fewer than five of them have take no part: no fold could learn it.
    """
    from frostline.head.search import SearchOptions, fit_head, search_C  # noqa: PLC0415 - heavy: SciPy

    names, codes, counts = np.unique(
        np.array([list(dict.fromkeys(labels)).index(label) for label in labels]),
        return_inverse=True,
        return_counts=True,
    )
    common = np.flatnonzero(counts[codes] >= _N_FOLDS)
    names, codes = np.unique(codes[common], return_inverse=True)
    if len(names) < 2:
        return 0, 0
    exact, near, codes = float32[common], int8[common], codes.astype(np.int64)
    labels_of = tuple(range(len(names)))
    chosen = search_C(exact, codes, labels=labels_of, options=SearchOptions(Cs=_CS, n_folds=_N_FOLDS)).chosen_C
    folds = stratified_folds(codes, n_folds=_N_FOLDS, seed=0)
    n_equal = 0
    for fold in range(_N_FOLDS):
        held = folds == fold
        head = fit_head(exact[~held], codes[~held], labels=labels_of, C=chosen)
        said = [head.predict_proba(rows[held]).argmax(axis=1) for rows in (exact, near)]
        n_equal += int((said[0] == said[1]).sum())
    return len(codes), n_equal


def _tried(
    open_in: OpenIn, texts: Sequence[str], labels: Sequence[Hashable] | None, progress: Progress | None
) -> PrecisionRecord:
    """Both encoders' rows of a sample, and the precision that they speak for."""
    chosen = _distinct(texts)
    some = [texts[row] for row in chosen]
    precisions: tuple[Precision, ...] = ("float32", "int8")
    rows: list[Features] = []
    seconds: list[float] = []
    for number, precision in enumerate(precisions):
        encoder = open_in(precision)
        started = time.perf_counter()
        rows.append(encoder.encode(some, progress=_half(progress, number, len(some))).rows)
        seconds.append(time.perf_counter() - started)
    some_labels = None if labels is None else [labels[row] for row in chosen]
    gate = measured(rows[0], rows[1], some_labels, seconds=(seconds[0], seconds[1]))
    used: Precision = "int8" if gate.is_passed else "float32"
    reason = f"int8 {'passed' if gate.is_passed else 'did not pass'} on your own texts: {gate}."
    return PrecisionRecord(asked="auto", used=used, reason=reason, gate=gate)


def _distinct(texts: Sequence[str]) -> list[int]:
    """Rows of a sample of the distinct texts."""
    first = {text: row for row, text in reversed(list(enumerate(texts)))}
    rows = sorted(first.values())
    return [rows[place] for place in sample_of(len(rows)).tolist()]


def _too_few(texts: Sequence[str]) -> str | None:
    n_texts = len(set(texts))
    if n_texts >= FEWEST_TEXTS:
        return None
    told = "1 distinct text is" if n_texts == 1 else f"{n_texts} distinct texts are"
    return f"{told} too few to try int8 on (at least {FEWEST_TEXTS})."


def _half(progress: Progress | None, number: int, n_texts: int) -> Progress | None:
    """`progress` over two readings of the same texts."""
    if progress is None:
        return None
    told = progress
    return lambda done, _: told(number * n_texts + done, 2 * n_texts)
