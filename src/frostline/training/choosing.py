"""Features chosen by a sweep over the rows that a training will learn from; in every outer fold, where folds test.

In:   what `train` takes.
Out:  a `Sweep`; a `FoldChoice`.
Not:  the sweep itself (sweep/).

Nested cross-validation sweeps once more for every outer fold. Of many rows that is dear, so a short list is swept
instead, there and for the saved head alike: the estimate is then of the very procedure that made the head.
"""

from dataclasses import replace

from frostline.arrays import Progress
from frostline.data.checks import require_classes
from frostline.data.dataset import Dataset
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import UsageError
from frostline.sweep import Sweep, SweepOptions, sweep
from frostline.sweep.candidates import candidates, named, shortlist
from frostline.sweep.columns import Columns
from frostline.sweep.nested import FoldChoice
from frostline.sweep.run import depth
from frostline.training.options import TrainingOptions
from frostline.training.parts import codes_of, split_rows

SHORTLIST_FROM = 2000
"""Rows times regressions (one for two labels, else one a label) beyond which nested cross-validation sweeps the short
list: all 30 candidates would take minutes a fold."""


def choose_features(  # noqa: PLR0913 - what `train` takes, and two kinds of progress
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    test: Dataset | None = None,
    options: TrainingOptions | None = None,
    reading: Progress | None = None,
    searching: Progress | None = None,
) -> Sweep:
    """Sweep the very rows that `train` will learn from, given the same arguments; the others take no part.

    Parameters
    ----------
    encoder : SentenceEncoder
        Opened with `frostline.sweep.SWEEP_FEATURES`.
    reading, searching : callable, optional
        Count distinct sentences, and candidates.

    Raises
    ------
    InputError, UsageError, BackendError, ConvergenceError, StorageError
        As `sweep`.
    """
    chosen = options or TrainingOptions()
    require_classes(dataset, chosen.search.n_folds)
    among = _among(dataset, encoder, chosen) if is_in_turn(test, chosen) else None
    return sweep(
        split_rows(dataset, test, chosen).train,
        encoder,
        options=SweepOptions(search=chosen.search, among=among, strict=chosen.strict),
        reading=reading,
        searching=searching,
    )


def choice_in_turn(
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    options: TrainingOptions | None = None,
    reading: Progress | None = None,
) -> FoldChoice:
    """The same choice for any part of the rows: what `train` needs to test it by nested cross-validation.

    Parameters
    ----------
    dataset : Dataset
        At least two classes.
    encoder : SentenceEncoder
        Opened with `frostline.sweep.SWEEP_FEATURES`.
    options : TrainingOptions, optional
    reading : callable, optional
        Counts distinct sentences; after `choose_features` a `StoredEncoder` reads none.

    Raises
    ------
    InputError
        One class only; a class too small.
    UsageError
        The encoder lacks blocks.
    BackendError, StorageError
        The encoder or the store failed.
    """
    chosen = options or TrainingOptions()
    plan = require_classes(dataset, chosen.search.n_folds, strict=chosen.strict)
    labels = tuple(dataset.counts())
    n_layers = depth(encoder)
    among = _among(dataset, encoder, chosen)
    read = encoder.encode(dataset.texts, progress=reading)
    return FoldChoice(
        columns=Columns.of(read, encoder, dataset.texts, n_swept=len(dataset)),
        tried=candidates(n_layers) if among is None else named(among, n_layers),
        codes=codes_of(labels, dataset),
        labels=labels,
        search=replace(chosen.search, n_folds=plan.n_folds),
        also_single_with_words=among is None,
    )


def is_in_turn(test: Dataset | None, options: TrainingOptions) -> bool:
    """Whether `train` will test every row in turn, so that every outer fold has to choose."""
    return options.nested and test is None


def refuse_without_choice(swept: Sweep | None, choose: FoldChoice | None, *, in_turn: bool) -> None:
    """Raise where nested cross-validation would test features that its test rows have helped to choose.

    Raises
    ------
    UsageError
        Features were swept, every row is tested in turn, and no `FoldChoice` is there.
    """
    if in_turn and swept is not None and choose is None:
        raise UsageError(
            "Features chosen by a sweep must be chosen anew in every outer fold of nested cross-validation.",
            hint="Pass choose=choice_in_turn(...), name the features, or test on rows held out.",
        )


def _among(dataset: Dataset, encoder: SentenceEncoder, options: TrainingOptions) -> tuple[str, ...] | None:
    """The short list for many rows, else None: all candidates."""
    n_labels = len(dataset.counts())
    is_dear = len(dataset) * (n_labels if n_labels > 2 else 1) > SHORTLIST_FROM
    return shortlist(depth(encoder)) if options.nested and is_dear else None
