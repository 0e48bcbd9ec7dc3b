"""The commonest mistakes of an evaluation, for reports whose matrix would not fit.

In:   an `Evaluation`.
Out:  pairs of labels with their number of rows.
Not:  showing them.
"""

import numpy as np

from frostline.evaluate.metrics import Evaluation
from frostline.head.linear import Label


def commonest_mistakes(test: Evaluation, *, most: int) -> list[tuple[Label, Label, int]]:
    """(true label, predicted label, rows) for the largest cells off the diagonal, at most `most` of them."""
    wrong = test.confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    cells = [divmod(int(cell), len(test.labels)) for cell in order]
    return [
        (test.labels[row], test.labels[column], int(wrong[row, column])) for row, column in cells if wrong[row, column]
    ]
