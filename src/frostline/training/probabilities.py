"""How far the probabilities of a head can be trusted, on the rows it was tested on, before and after calibration.

In:   the head, the rows tested on, what was answered.
Out:  a `ProbabilityRecord`.
Not:  the measures (evaluate/), choosing a calibration (head/fitting.py).
"""

from dataclasses import replace

from frostline.evaluate.baselines import Part
from frostline.evaluate.calibration import calibration_scores
from frostline.evaluate.coverage import coverage_curve
from frostline.evaluate.curves import label_curves
from frostline.head.linear import LinearHead
from frostline.record import ProbabilityRecord
from frostline.training.testing import Tested


def probability_record(head: LinearHead, asked: Part, tested: Tested) -> ProbabilityRecord | None:
    """The measures on `asked`; those before calibration where there was one."""
    found = tested.probabilities
    if found is None or not len(asked.codes):
        return None
    before = None
    if tested.nested is not None:
        before = calibration_scores(tested.nested.uncalibrated, asked.codes)
    elif head.calibration is not None:
        plain = replace(head, calibration=None)
        before = calibration_scores(plain.predict_proba(asked.rows), asked.codes)
    return ProbabilityRecord(
        way="none" if head.calibration is None else head.calibration.method,
        scores=calibration_scores(found, asked.codes),
        before=before,
        curves=label_curves(found, asked.codes, labels=head.labels),
        coverage=coverage_curve(found, asked.codes, rule=head.rule),
    )
