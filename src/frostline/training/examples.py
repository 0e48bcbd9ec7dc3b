"""The rows a training was tested on, with their texts, for its report.

In:   the head, the rows tested on, what was answered.
Out:  `Examples`.
Not:  the map and the mistakes (evaluate/), showing them (report/). The record stays without texts.
"""

from frostline.data.dataset import Dataset
from frostline.evaluate.baselines import Part
from frostline.evaluate.examples import Examples
from frostline.evaluate.sentence_map import log_odds
from frostline.head.linear import LinearHead
from frostline.head.rule import Rule
from frostline.training.testing import Tested


def examples_of(head: LinearHead, asked: Part, source: Dataset, tested: Tested) -> Examples | None:
    """The rows of `source`, whose features and codes are `asked`, as the head, or those of the folds, answered them."""
    if tested.probabilities is None:
        return None
    in_turn = tested.nested is not None  # heads of their own: what is left of them is probabilities
    return Examples(
        labels=head.labels,
        name=source.source.name,
        texts=source.texts,
        lines=source.lines,
        codes=asked.codes,
        answers=(head.rule or Rule()).codes(tested.probabilities) if tested.answered is None else tested.answered,
        probabilities=tested.probabilities,
        decisions=log_odds(tested.probabilities) if in_turn else head.decision_function(asked.rows),
        features=asked.rows,
    )
