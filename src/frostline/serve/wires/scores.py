"""Labels with their scores, as Hugging Face's clients and text-embeddings-inference's know them.

The first of them is the model's answer. A label that is not given is not there: where the model abstains the list is
empty, and of a text that may have several labels there are those that it has. So "none of the labels" and "not sure"
look alike here; `/v1/classify` tells them apart.
"""

from typing import Any

from frostline.serve.models import Version
from frostline.serve.reading import Answer
from frostline.targets import Label


def given_labels(version: Version, answer: Answer) -> list[Label]:
    """The labels that a text gets, or would get if the model were surer, the most probable first, on every wire."""
    ranked = sorted(answer.favoured, key=lambda column: -answer.probabilities[column])
    return [version.labels[column] for column in ranked]


def scores(version: Version, answer: Answer, *, top_k: int | None = None) -> list[dict[str, Any]]:
    """What these wires say of one text."""
    if not answer.answered:
        return []
    shares, given = answer.probabilities, set(answer.favoured)
    columns = answer.favoured if version.is_sets else range(len(shares))
    ranked = sorted(columns, key=lambda column: (column not in given, -shares[column]))
    return [{"label": str(version.labels[column]), "score": shares[column]} for column in ranked[:top_k]]
