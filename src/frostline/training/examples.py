"""The rows a training was tested on, with their texts, for its report.

In:   the head, the rows tested on, what was answered.
Out:  `Examples`.
Not:  the map and the mistakes (evaluate/), showing them (report/). The record stays without texts.
"""

from dataclasses import replace

import numpy as np

from frostline.data.dataset import Dataset
from frostline.evaluate.baselines import Part
from frostline.evaluate.examples import Examples
from frostline.evaluate.sentence_map import log_odds
from frostline.head.linear import LinearHead
from frostline.head.rule import Rule
from frostline.rows import dense_part
from frostline.training.testing import Tested


def examples_of(head: LinearHead, asked: Part, source: Dataset, tested: Tested) -> Examples | None:
    """The rows of `source`, whose features and codes are `asked`, as the head, or those of the folds, answered them."""
    if tested.probabilities is None:
        return None
    found = examples_of_head(head, asked, source)
    if tested.nested is None:
        return found
    # each fold has a head of its own: what is left of them is probabilities
    return replace(
        found,
        answers=found.answers if tested.answered is None else tested.answered,
        probabilities=tested.probabilities,
        decisions=log_odds(tested.probabilities),
    )


def examples_of_head(head: LinearHead, asked: Part, source: Dataset) -> Examples:
    """The rows of `source` as the head answers them."""
    found = head.predict_proba(asked.rows)
    return Examples(
        labels=head.labels,
        name=source.source.file_name,
        texts=source.texts,
        lines=source.lines,
        codes=asked.codes,
        answers=(head.rule or Rule()).codes(found),
        probabilities=found,
        decisions=head.decision_function(asked.rows),
        features=np.asarray(dense_part(asked.rows), dtype=np.float32),
    )
