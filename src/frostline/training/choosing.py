"""Features chosen by a sweep over the rows that a training will learn from.

In:   what `train` takes.
Out:  a `Sweep`.
Not:  the sweep itself (sweep/).
"""

from frostline.arrays import Progress
from frostline.data.checks import require_classes
from frostline.data.dataset import Dataset
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import UsageError
from frostline.sweep import Sweep, SweepOptions, sweep
from frostline.training.options import TrainingOptions
from frostline.training.parts import split_rows


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
    UsageError
        Nested cross-validation is asked for: every outer fold would have to choose its own features.
    InputError, BackendError, ConvergenceError, StorageError
        As `sweep`.
    """
    chosen = options or TrainingOptions()
    if chosen.nested:
        raise UsageError(
            "Features chosen by a sweep cannot be tested by nested cross-validation.",
            hint="Name the features, or test on a hold-out or on a file of its own.",
        )
    require_classes(dataset, chosen.search.n_folds)
    return sweep(
        split_rows(dataset, test, chosen).train,
        encoder,
        options=SweepOptions(search=chosen.search, strict=chosen.strict),
        reading=reading,
        searching=searching,
    )
