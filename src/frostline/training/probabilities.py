"""How far the probabilities of a head can be trusted, on the rows it was tested on, before and after calibration.

In:   the head, the rows tested on, what was answered.
Out:  a `ProbabilityRecord`.
Not:  the measures (evaluate/), choosing a calibration (head/fitting.py).
"""

from dataclasses import replace

from frostline.arrays import IntArray, Probabilities
from frostline.evaluate.baselines import Part
from frostline.evaluate.calibration import CalibrationScores, calibration_scores
from frostline.evaluate.coverage import coverage_curve
from frostline.evaluate.curves import label_curves
from frostline.head.linear import LinearHead
from frostline.head_record import ProbabilityRecord
from frostline.rows import Rows
from frostline.training.testing import Tested


def probabilities_of(head: LinearHead, rows: Rows, codes: IntArray) -> ProbabilityRecord:
    """The measures of a head on rows (n_texts, n_features) of known codes (n_texts,)."""
    found = head.predict_proba(rows)
    plain = replace(head, calibration=None)
    before = None if head.calibration is None else calibration_scores(plain.predict_proba(rows), codes)
    return _record(head, found, codes, before=before)


def probability_record(head: LinearHead, asked: Part, tested: Tested) -> ProbabilityRecord | None:
    """The measures on `asked`; those before calibration where there was one."""
    found = tested.probabilities
    if found is None or not len(asked.codes):
        return None
    if tested.nested is None:
        return probabilities_of(head, asked.rows, asked.codes)
    return _record(head, found, asked.codes, before=calibration_scores(tested.nested.uncalibrated, asked.codes))


def _record(
    head: LinearHead, found: Probabilities, codes: IntArray, *, before: CalibrationScores | None
) -> ProbabilityRecord:
    return ProbabilityRecord(
        way="none" if head.calibration is None else head.calibration.method,
        scores=calibration_scores(found, codes),
        before=before,
        curves=label_curves(found, codes, labels=head.labels),
        coverage=coverage_curve(found, codes, rule=head.rule),
    )
