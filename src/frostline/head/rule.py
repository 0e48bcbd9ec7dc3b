"""From probabilities to answers: thresholds per label, and when to give no answer.

In:   probabilities (n_texts, n_labels).
Out:  a column per text, or NO_ANSWER; or, where a text may have several labels, a yes or no per label.
Not:  choosing the thresholds (fitting.py).
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, IntArray, Probabilities

NO_ANSWER = -1
"""The code of a text that the rule leaves unanswered."""

PLAIN_THRESHOLD = 0.5


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How answers are made of probabilities.

    Parameters
    ----------
    thresholds : tuple of n_labels float, or empty
        One label per text: the label with the largest probability / threshold is taken, so that for two labels
        (1 - t, t) means "the second from t on". Several labels per text: each from its own threshold on. Empty:
        the most probable label, or every label from 0.5 on. Each is above 0 and below 1.
    answer_from : float
        The probability of the label taken must be at least this, or there is no answer; 0 always answers.
        Not for several labels per text.
    """

    thresholds: tuple[float, ...] = ()
    answer_from: float = 0.0

    def favoured(self, probabilities: Probabilities) -> IntArray:
        """The column of each text's label (n_texts,), sure or not; of equals, the first."""
        weighed = probabilities / np.array(self.thresholds) if self.thresholds else probabilities
        best: IntArray = weighed.argmax(axis=1)
        return best

    def codes(self, probabilities: Probabilities) -> IntArray:
        """The column of each text's label (n_texts,), or `NO_ANSWER`; of equals, the first."""
        best = self.favoured(probabilities)
        sure = probabilities[np.arange(len(best)), best] >= self.answer_from
        return np.where(sure, best, NO_ANSWER).astype(np.int64)

    def sets(self, probabilities: Probabilities) -> BoolArray:
        """Which labels each text has (n_texts, n_labels)."""
        limits = np.array(self.thresholds) if self.thresholds else PLAIN_THRESHOLD
        chosen: BoolArray = probabilities >= limits
        return chosen
