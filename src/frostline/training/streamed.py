"""More texts than there is room for: all is chosen on a part of them, and the head is fitted on all, block by block.

The part is drawn label by label. What is chosen on it (features or words, C, the calibration, the rule) is tested on
rows held out, as ever; then all rows to learn from lie in a file, and the last fit reads it as often as it must.
"""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import IO, Any, final

import numpy as np

from frostline.arrays import Advance, IntArray, JoinedRows, Rows
from frostline.data.dataset import Dataset
from frostline.data.split import holdout
from frostline.disk import home, private_folder, reserve
from frostline.encoder.reading import SentenceEncoder
from frostline.encoder.words import WordedEncoder
from frostline.head.curvature import MANY
from frostline.head.fitted import Fitted
from frostline.head.options import SearchOptions
from frostline.head.search import fit_again
from frostline.training.options import Split, TrainingOptions, is_in_turn
from frostline.training.room import AT_ONCE, refuse_no_room, texts_that_fit

FEWEST = 20_000
"""Texts for which there must be room, or too little could be chosen on them."""

_TESTED = 0.25  # of the room, at most, for rows to test on
_OF_A_LABEL = 10  # rows of each label that are in the part, as far as there are so many
WINDOW = 16_384


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sampled:
    """The part on which all is chosen, and the whole on which the head is fitted."""

    dataset: Dataset  # The part's rows, then those held out of the same file
    split: Split  # Rows as they are numbered in that
    whole: Dataset  # All rows to learn from
    n_left_out: int = 0  # Rows held out that there is no room to test on

    @property
    def told(self) -> str:
        """What is otherwise than with fewer texts."""
        left_out = (
            f" Of the rows held out, {self.n_left_out:,} were neither learned from nor tested on: `evaluate` of the "
            "same file tests on all."
        )
        return (
            f"These are more texts than a training holds at once ({AT_ONCE / 1e9:.0f} GB of their numbers, or what is "
            f"free): C, the calibration and the rule were chosen on {len(self.split.train):,} of them, each label in "
            f"its share, from which the baselines learned too; the classifier was fitted on all {len(self.whole):,}."
            f"{left_out if self.n_left_out else ''}"
        )


def room_for(dataset: Dataset, test: Dataset | None, encoder: SentenceEncoder, options: TrainingOptions) -> int | None:
    """How many texts are held at once, where a part stands for all; None where all are held.

    Raises `InputError`: there is no room for all, and a part cannot stand for them.
    """
    texts = [*dataset.texts, *(() if test is None else test.texts)]
    n_features = len(encoder.blocks) * encoder.hidden_size
    most, fit = texts_that_fit(n_features, most=AT_ONCE), texts_that_fit(n_features)
    if most is None or fit is None or len(texts) <= most:
        return None
    if can_be_streamed(dataset, test, encoder, options, most=most):
        return most
    if len(texts) <= fit:
        return None
    if can_be_streamed(
        dataset, test, encoder, options, most=fit
    ):  # a part of what is free, where that of 4 GB is small
        return fit
    wishes = {
        "--cascade": options.cascade is not None,
        "--learning-curve": options.learning_curve,
        "--nested": is_in_turn(test, options),
    }
    plain = replace(options, cascade=None, learning_curve=False, nested=False)
    wished = [wish for wish, is_wished in wishes.items() if is_wished]
    helps = wished and can_be_streamed(dataset, test, encoder, plain, most=fit)
    refuse_no_room(texts, encoder, other=f"all texts, without {' and '.join(wished)}" if helps else "")
    return None


def can_be_streamed(
    dataset: Dataset, test: Dataset | None, encoder: SentenceEncoder, options: TrainingOptions, *, most: int
) -> bool:
    """Whether a part of `most` texts can stand for all of them, and the disk has room for their rows."""
    targets, n_features = dataset.targets, len(encoder.blocks) * encoder.hidden_size
    is_simple = not (is_in_turn(test, options) or options.learning_curve or options.cascade is not None)
    is_small = len(targets.labels) < MANY or len(targets.groups()) > 1
    if most < FEWEST or not is_simple or not is_small or targets.weights is not None:
        return False
    has_room = (
        shutil.disk_usage(private_folder(home())).free > 5 * len(dataset) * n_features
    )  # 4 each, and some to spare
    return has_room and (test is None or len(test) <= _TESTED * most)


def sampled(dataset: Dataset, test: Dataset | None, split: Split, most: int, *, seed: int) -> Sampled:
    """The part of a split for which there is room: `most` texts, those tested on among them."""
    if test is not None:
        part = _drawn(split.train, most - len(test), seed)
        moved = len(part) - len(dataset)
        small = replace(
            split,
            train=split.train.take(part),
            train_rows=np.arange(len(part)),
            test_rows=split.test_rows + moved,
            known_rows=split.known_rows + moved,
        )
        return Sampled(dataset=dataset.take(split.train_rows[part]), split=small, whole=split.train)
    held, known = (Dataset.take(dataset, rows) for rows in (split.test_rows, split.known_rows))
    n_tested = int(most * _TESTED)
    some, few = _drawn(held, n_tested, seed), np.arange(len(known))[: max(0, n_tested // 10)]
    part = _drawn(split.train, most - len(some) - len(few), seed)
    rows = np.concatenate([split.train_rows[part], split.test_rows[some], split.known_rows[few]])
    first, second = len(part), len(part) + len(some)
    small = replace(
        split,
        train=split.train.take(part),
        test=held.take(some),
        train_rows=np.arange(first),
        test_rows=np.arange(first, second),
        known=None if split.known is None else known.take(few),
        known_rows=np.arange(second, len(rows)),
    )
    left_out = len(held) - len(some) + len(known) - len(few)
    return Sampled(dataset=dataset.take(rows), split=small, whole=split.train, n_left_out=left_out)


def _drawn(rows: Dataset, most: int, seed: int) -> IntArray:
    """Numbers of at most `most` rows, about as many of each label as there are in all; of rare labels more."""
    if len(rows) <= most:
        return np.arange(len(rows))
    drawn = holdout(rows.targets, test_fraction=most / len(rows), seed=seed)[1]
    members = rows.targets.members
    few = np.flatnonzero(members[drawn].sum(axis=0) < _OF_A_LABEL)
    rare = [np.flatnonzero(members[:, label])[:_OF_A_LABEL] for label in few.tolist()]
    return np.unique(np.concatenate([drawn, *rare]))


def fitted_on_all(
    fitted: Fitted, reader: SentenceEncoder, whole: Dataset, *, how: SearchOptions, progress: Advance | None
) -> Fitted:
    """The same classifier, its head fitted on all texts; calibration and rule are those that were chosen.

    Parameters
    ----------
    reader : SentenceEncoder
        For the columns that were kept.
    """
    targets = whole.targets_over(fitted.head.labels)
    with tempfile.TemporaryFile(dir=private_folder(home() / "incoming")) as file:
        rows = _rows_in(file, reader, whole.texts, progress)
        found = fit_again(rows, targets, fitted.search, options=how)
    return replace(fitted, head=replace(fitted.head, coef=found.coef, intercept=found.intercept))


def _rows_in(file: IO[bytes], reader: SentenceEncoder, texts: Sequence[str], progress: Advance | None) -> Rows:
    """The rows of all texts in a file, and their words beside them in memory; read a window at a time."""
    vocabulary, encoder = None, reader
    if isinstance(reader, WordedEncoder):
        vocabulary, encoder = reader.vocabulary, reader.encoder
    n_features = len(encoder.blocks) * encoder.hidden_size
    words = None if vocabulary is None else vocabulary.rows(texts)
    if not n_features:
        nothing = np.empty((len(texts), 0), np.float32)
        return nothing if words is None else JoinedRows(nothing, words)
    reserve(file, 4 * n_features * len(texts), home() / "incoming")
    rows: Any = np.memmap(file, dtype=np.float32, mode="w+", shape=(len(texts), n_features))
    for start in range(0, len(texts), WINDOW):
        window = texts[start : start + WINDOW]
        rows[start : start + len(window)] = encoder.encode(window).rows
        if progress is not None:
            progress(start + len(window), len(texts))
    return rows if words is None else JoinedRows(rows, words)
