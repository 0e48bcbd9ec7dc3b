"""Features chosen by a sweep over the rows that a training will learn from; in every outer fold, where folds test.

Nested cross-validation sweeps once more for every outer fold. Of many rows that is dear, so a short list is swept
instead, there and for the saved head alike: the estimate is then of the very procedure that made the head.
"""

from dataclasses import replace

from frostline.data.checks import require_learnable
from frostline.data.dataset import Dataset
from frostline.encoder.reading import SentenceEncoder
from frostline.sweep import Sweep, SweepOptions, sweep
from frostline.sweep.candidates import Columns, candidates, named, shortlist
from frostline.sweep.run import FoldChoice, depth
from frostline.training.options import Progress, TrainingOptions, is_in_turn, split_rows
from frostline.training.room import refuse_crowd, refuse_no_room

SHORTLIST_FROM = 2000
"""Rows times regressions (one for two labels that exclude each other, else one a label) beyond which nested
cross-validation sweeps the short list: all 30 candidates would take minutes a fold."""


def choose_features(
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    test: Dataset | None = None,
    options: TrainingOptions | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Sweep the very rows that `train` will learn from, given the same arguments; the others take no part.

    Parameters
    ----------
    encoder : SentenceEncoder
        Opened with `frostline.sweep.SWEEP_FEATURES`.
    progress : Progress, optional
        `searching` counts candidates.
    """
    chosen, watched = options or TrainingOptions(), progress or Progress()
    require_learnable(dataset, chosen.search.n_folds)
    refuse_no_room(dataset.texts, encoder)
    refuse_crowd(len(dataset), len(dataset.targets.labels))
    among = _among(dataset, encoder, chosen) if is_in_turn(test, chosen) else None
    return sweep(
        split_rows(dataset, test, chosen).train,
        encoder,
        options=SweepOptions(search=chosen.search, among=among, strict=chosen.strict),
        reading=watched.reading,
        searching=watched.searching,
    )


def choice_in_turn(dataset: Dataset, encoder: SentenceEncoder, *, options: TrainingOptions | None = None) -> FoldChoice:
    """The same choice for any part of the rows: what `train` needs to test it by nested cross-validation.

    Raises `InputError`: one label only; a class too small; no label that can be learned; `UsageError`: the encoder
    lacks blocks; `BackendError` or `StorageError`: the encoder or the store failed.

    Parameters
    ----------
    dataset : Dataset
        At least two labels.
    encoder : SentenceEncoder
        Opened with `frostline.sweep.SWEEP_FEATURES`; after `choose_features` a `StoredEncoder` reads none.
    """
    chosen = options or TrainingOptions()
    plan = require_learnable(dataset, chosen.search.n_folds, strict=chosen.strict)
    n_layers = depth(encoder)
    among = _among(dataset, encoder, chosen)
    read = encoder.encode(dataset.texts)
    return FoldChoice(
        columns=Columns.of(read, encoder, dataset.texts, n_swept=len(dataset)),
        tried=candidates(n_layers) if among is None else named(among, n_layers),
        targets=dataset.targets_over(tuple(dataset.counts())),
        search=replace(chosen.search, n_folds=plan.n_folds),
        also_single_with_words=among is None,
    )


def _among(dataset: Dataset, encoder: SentenceEncoder, options: TrainingOptions) -> tuple[str, ...] | None:
    """The short list for many rows, else None: all candidates."""
    n_labels, n_groups = len(dataset.counts()), len(dataset.targets.groups())
    n_regressions = 1 if n_labels == 2 and n_groups == 1 else n_labels
    is_dear = len(dataset) * n_regressions > SHORTLIST_FROM
    return shortlist(depth(encoder)) if options.nested and is_dear else None
