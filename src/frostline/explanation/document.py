"""An explanation as a JSON document.

In:   an `Explanation`.
Out:  a dict of JSON values.
Not:  printing it.
"""

from dataclasses import asdict
from typing import Any

from frostline.explanation.explaining import Explanation
from frostline.explanation.leave_out import LabelExplained
from frostline.explanation.sentences import remarks


def as_document(found: Explanation) -> dict[str, Any]:
    """Everything; word i of a label's `words` is word i of `words`, and those beyond were not tried."""
    return {
        "text": found.text,
        "answer": list(found.answer) if found.may_have_several else (found.answer[0] if found.answer else None),
        "probabilities": {str(label): share for label, share in found.probabilities},
        "pieces": list(found.pieces),
        "words": [asdict(word) for word in found.words],
        "seen_to": found.seen_to,
        "is_cut": found.is_cut,
        "explained": [_label(own) for own in found.labels],
        "nearest": None if found.nearest is None else [asdict(sentence) for sentence in found.nearest],
        "remarks": remarks(found),
    }


def _label(own: LabelExplained) -> dict[str, Any]:
    return {
        "label": own.label,
        "probability": own.probability,
        "log_odds": own.log_odds,
        "words": [asdict(change) for change in own.words],
        "repeated": [asdict(repeated) for repeated in own.repeated],
        "sum_of_words": own.sum_of_words,
        "whole_text_against_empty": asdict(own.of_nothing),
    }
