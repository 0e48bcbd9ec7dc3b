"""Whether there is room for all rows, before a text is read; and how long reading them will take."""

import time
from collections.abc import Sequence

import numpy as np

from frostline.encoder.features import FeatureSpec
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import InputError
from frostline.machine import free_memory

TIMES_ROWS = 2.5
"""What a training takes at its peak, in units of all rows (docs/decisions/0061-many-texts.md)."""

TIMES_CELLS = 8
"""The same in units of one probability of each label for each text: 6.9 to 7.8 were measured (docs/log.md)."""

PER_TEXT, BESIDE = 9_000, 300_000_000
"""Bytes that it takes beside, for each text and whatever their number."""

AT_ONCE = 4_000_000_000
"""What a training takes at its peak where more texts can be fitted block by block instead, however much is free."""

LONG_S = 60.0
"""Seconds of reading from which on the command says so before."""

_SAMPLE = 24
_STATIC_TIMES = 60  # as many texts a second are looked up in a table as MiniLM reads
_STATIC_WIDTH = 256


def needed_bytes(n_texts: int, n_features: int) -> int:
    """What a training on so many texts, with so many numbers each, takes at its peak."""
    return int(n_texts * (TIMES_ROWS * 4 * n_features + PER_TEXT)) + BESIDE


def texts_that_fit(n_features: int, *, most: int | None = None) -> int | None:
    """From how many texts, with so many numbers each, one can learn here; None where that is not known.

    Parameters
    ----------
    most : int, optional
        Bytes that may be taken, where more are free.
    """
    free = free_memory()
    if free is None or not n_features:
        return None
    taken = free if most is None else min(free, most)
    return max(0, int((taken - BESIDE) / (TIMES_ROWS * 4 * n_features + PER_TEXT)))


def refuse_no_room(texts: Sequence[str], encoder: SentenceEncoder, *, other: str = "") -> None:
    """Raise `InputError`, before a text is read, if rows of all texts could not be learned from here.

    What would fit is named: fewer texts, the last layer alone, a table of word pieces; and how long reading would take.

    Parameters
    ----------
    other : str, default=""
        What else would fit, named first.
    """
    n_features, free = len(encoder.blocks) * encoder.hidden_size, free_memory()
    needed = needed_bytes(len(texts), n_features)
    if free is None or not n_features or needed <= free:
        return
    spec = str(FeatureSpec(encoder.spec.terms))
    takes = duration(len(texts) * seconds_per_text(encoder, texts))
    fits = [*([other] if other else []), *_what_fits(len(texts), encoder, free)]
    raise InputError(
        f"{len(texts):,} texts of {n_features:,} numbers each ({spec}) take about {needed / 1e9:.3g} GB to learn from, "
        f"and {free / 1e9:.3g} GB are free here (reading them would take about {takes}).",
        hint=f"What fits: {'; '.join(fits) or 'less than one text'}.",
    )


def refuse_crowd(n_texts: int, n_labels: int) -> None:
    """Raise `InputError`, before a text is read, if so many labels of so many texts take more memory than there is."""
    free, each = free_memory(), TIMES_CELLS * 8 * n_labels
    needed = each * n_texts
    if free is None or needed <= free:
        return
    most = free // each
    raise InputError(
        f"{n_texts:,} texts of {n_labels:,} labels take about {needed / 1e9:.3g} GB to learn from, and "
        f"{free / 1e9:.3g} GB are free here.",
        hint=f"Is the label column the right one? Else put labels together; with as many, {most:,} texts fit.",
    )


def _what_fits(n_texts: int, encoder: SentenceEncoder, free: int) -> list[str]:
    from frostline.encoder.encoder import is_cheap  # noqa: PLC0415 - the runtime loads only where texts are read

    n_features = len(encoder.blocks) * encoder.hidden_size
    most = texts_that_fit(n_features) or 0
    fits = [f"--limit {most:,}".replace(",", "")] if most else []
    last = encoder.hidden_size
    if last < n_features and needed_bytes(n_texts, last) <= free:
        fits.append(f"--features mean@-1 ({last:,} numbers, {needed_bytes(n_texts, last) / 1e9:.2g} GB)")
    if not is_cheap(encoder) and needed_bytes(n_texts, _STATIC_WIDTH) <= free:
        size = needed_bytes(n_texts, _STATIC_WIDTH) / 1e9
        fits.append(f"--encoder static ({_STATIC_WIDTH} numbers, {size:.2g} GB, read {_STATIC_TIMES} times as fast)")
    return fits


def seconds_per_text(encoder: SentenceEncoder, texts: Sequence[str]) -> float:
    """How long a text takes to be read here, by some of them; nothing is kept of these."""
    from frostline.encoder.encoder import bottom_of  # noqa: PLC0415 - the runtime loads only where texts are read

    reader, chosen = bottom_of(encoder), np.unique(np.linspace(0, len(texts) - 1, _SAMPLE).astype(np.int64))
    some = [texts[row] for row in chosen.tolist()]
    reader.encode(some[:4])
    started = time.perf_counter()
    reader.encode(some)
    return (time.perf_counter() - started) / len(some)


def reading_text(n_texts: int, encoder: SentenceEncoder, texts: Sequence[str]) -> str | None:
    """What is said before so many texts are read; None where that does not take long."""
    from frostline.encoder.encoder import is_cheap  # noqa: PLC0415 - the runtime loads only where texts are read

    if n_texts == 0 or is_cheap(encoder):
        return None
    seconds = n_texts * seconds_per_text(encoder, texts)
    if seconds < LONG_S:
        return None
    return (
        f"Reading {n_texts:,} texts takes about {duration(seconds)} here; a table of word pieces (--encoder static "
        f"--features mean@all+words) about {duration(seconds / _STATIC_TIMES)}, for some points less."
    )


def duration(seconds: float) -> str:
    """`1 h 20 min`, `12 min`, `40 s`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds)):,} s"
    hours, rest = divmod(minutes, 60)
    return f"{hours:,} h {rest} min" if hours else f"{minutes} min"
