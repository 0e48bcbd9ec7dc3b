"""The steps of a training, each with its progress shown, and what a long one will cost said before it begins.

In:   what `frostline train` was given.
Out:  a `Sweep`, a `Training`.
Not:  options (train.py), the steps themselves (training/).
"""

from rich.text import Text

from frostline.cli.console import progress, words
from frostline.data.dataset import Dataset
from frostline.encoder.reading import SentenceEncoder
from frostline.sweep import Sweep
from frostline.sweep.nested import FoldChoice
from frostline.training import Training, TrainingOptions, choice_in_turn, choose_features, train
from frostline.training.choosing import is_in_turn


def swept_features(
    dataset: Dataset, encoder: SentenceEncoder, test: Dataset | None, options: TrainingOptions
) -> tuple[Sweep, FoldChoice | None]:
    """The sweep that chooses the features; and the same choice for outer folds, where they will test it."""
    with progress("Reading", "sentences") as reading, progress("Choosing features", "candidates") as searching:
        swept = choose_features(dataset, encoder, test=test, options=options, reading=reading, searching=searching)
    if not is_in_turn(test, options):
        return swept, None
    choice = choice_in_turn(dataset, encoder, options=options)
    n_outer = choice.search.n_folds
    cost = swept.seconds_search * (n_outer - 1)  # n_outer sweeps of all rows but one part in n_outer
    words().print(
        Text(
            f"Each of {n_outer} outer folds now chooses its own features among {choice.n_candidates}: "
            f"about {cost:.0f} s more.",
            style="dim",
        )
    )
    return swept, choice


def trained(
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    test: Dataset | None,
    options: TrainingOptions,
    swept: Sweep | None,
    choose: FoldChoice | None,
) -> Training:
    """The training."""
    with (
        progress("Reading", "sentences") as reading,
        progress("Searching C", "values of C") as searching,
        progress("Testing in turn", "outer folds") as testing,
        progress("Learning curve", "sizes") as learning,
    ):
        return train(
            dataset,
            encoder,
            test=test,
            options=options,
            swept=swept,
            choose=choose,
            reading=reading,
            searching=searching,
            testing=testing,
            learning=learning,
        )
