"""How good the head is, on rows that took part in nothing, beside simple classifiers on the same rows.

In:   the head, or how to make one; the rows to learn from and those to test on.
Out:  a `Tested`.
Not:  the metrics and the baselines themselves (evaluate/).
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Probabilities
from frostline.evaluate.baselines import Baseline, Part, baselines
from frostline.evaluate.metrics import Evaluation, evaluate
from frostline.evaluate.validation import NestedResult, nested_cross_validation
from frostline.head.linear import LinearHead
from frostline.head.search import SearchOptions


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tested:
    """How the head did on rows that took part in nothing."""

    evaluation: Evaluation
    probabilities: Probabilities | None
    nested: NestedResult | None
    against: tuple[Baseline, ...]


def tested_on_rows(head: LinearHead, train: Part, test: Part, *, seed: int) -> Tested:
    """The head on rows held back, beside the baselines on the same rows."""
    probabilities = head.predict_proba(test.rows)
    predicted = probabilities.argmax(axis=1)
    against = baselines([(train, test)], labels=head.labels, predicted=predicted, seed=seed)
    evaluation = evaluate(probabilities, test.codes, labels=head.labels)
    return Tested(evaluation=evaluation, probabilities=probabilities, nested=None, against=against)


def tested_in_turn(train: Part, labels: tuple[str, ...], how: SearchOptions) -> Tested:
    """The whole procedure, search included, on every row in turn."""
    nested = nested_cross_validation(
        train.rows, train.codes, labels=labels, options=how, n_outer=how.n_folds, seed=how.seed
    )
    held = [np.flatnonzero(nested.fold_of == fold) for fold in range(nested.n_outer)]
    splits = [(train.take(np.flatnonzero(nested.fold_of != fold)), train.take(rows)) for fold, rows in enumerate(held)]
    predicted = nested.probabilities.argmax(axis=1)[np.concatenate(held)]
    against = baselines(splits, labels=labels, predicted=predicted, seed=how.seed)
    return Tested(evaluation=nested.evaluation, probabilities=nested.probabilities, nested=nested, against=against)
