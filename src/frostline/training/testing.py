"""How good the head is, on rows that took part in nothing, beside simple classifiers on the same rows.

In:   the head, or how to make one; the rows to learn from and those to test on.
Out:  a `Tested`.
Not:  the metrics and the baselines themselves (evaluate/).
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import IntArray, Probabilities, Progress
from frostline.evaluate.baselines import Baseline, Part, baselines
from frostline.evaluate.metrics import Evaluation, evaluate
from frostline.evaluate.validation import Choice, NestedResult, nested_cross_validation
from frostline.head.finishing import AnswerOptions
from frostline.head.linear import LinearHead
from frostline.head.rule import Rule
from frostline.head.search import SearchOptions


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tested:
    """How the head did on rows that took part in nothing; `answered` are its rule's answers, `NO_ANSWER` among them."""

    evaluation: Evaluation
    probabilities: Probabilities | None
    nested: NestedResult | None
    against: tuple[Baseline, ...]
    answered: IntArray | None = None


def tested_on_rows(head: LinearHead, train: Part, test: Part, *, seed: int) -> Tested:
    """The head on rows held back, beside the baselines on the same rows."""
    probabilities = head.predict_proba(test.rows)
    rule = head.rule or Rule()
    predicted = rule.favoured(probabilities)
    against = baselines([(train, test)], labels=head.labels, predicted=predicted, seed=seed)
    return Tested(
        evaluation=evaluate(probabilities, test.codes, labels=head.labels, predicted=predicted),
        probabilities=probabilities,
        nested=None,
        against=against,
        answered=rule.codes(probabilities),
    )


def tested_in_turn(  # noqa: PLR0913 - the rows, the whole procedure, and its progress
    train: Part,
    labels: tuple[str, ...],
    how: SearchOptions,
    answers: AnswerOptions,
    *,
    choose: Choice | None,
    progress: Progress | None,
) -> Tested:
    """The whole procedure, choice of features, search, calibration and rule included, on every row in turn."""
    nested = nested_cross_validation(
        train.rows,
        train.codes,
        labels=labels,
        options=how,
        answers=answers,
        choose=choose,
        n_outer=how.n_folds,
        seed=how.seed,
        progress=progress,
    )
    held = [np.flatnonzero(nested.fold_of == fold) for fold in range(nested.n_outer)]
    splits = [(train.take(np.flatnonzero(nested.fold_of != fold)), train.take(rows)) for fold, rows in enumerate(held)]
    predicted = nested.favoured[np.concatenate(held)]
    against = baselines(splits, labels=labels, predicted=predicted, seed=how.seed)
    return Tested(
        evaluation=nested.evaluation,
        probabilities=nested.probabilities,
        nested=nested,
        against=against,
        answered=nested.answered,
    )
