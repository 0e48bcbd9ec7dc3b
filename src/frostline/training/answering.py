"""How a training's probabilities were calibrated and its answers chosen, in numbers, for its record.

In:   what finishing the head found, and how it did on the rows tested on.
Out:  a `CalibrationRecord`, a `DecisionRecord`.
Not:  the choices (head/finishing.py), what the probabilities are worth on the test rows (probabilities.py).
"""

from frostline.arrays import IntArray
from frostline.evaluate.answers import answer_scores
from frostline.head.deciding import RuleFit, RuleOptions
from frostline.head.finishing import Finished
from frostline.head.fitting import CalibrationFit
from frostline.head.rule import Rule
from frostline.head_record import CalibrationRecord, DecisionRecord
from frostline.training.testing import Tested


def calibration_record(fit: CalibrationFit) -> CalibrationRecord:
    """What was tried, and why this was taken."""
    return CalibrationRecord(
        asked=fit.asked,
        way=fit.way,
        why=fit.why,
        temperature=None if fit.way != "temperature" or fit.calibration is None else fit.calibration.temperature,
        n=fit.n,
        candidates=fit.candidates,
    )


def decision_record(
    finished: Finished, codes: IntArray, tested: Tested, test_codes: IntArray, *, asked: RuleOptions
) -> DecisionRecord | None:
    """What was wished for and what came of it, out of fold and on the test rows; None where the rule is plain."""
    rule, fit, labels = finished.head.rule, finished.rule, finished.head.labels
    if rule is None and fit is None:
        return None
    return DecisionRecord(
        asked=_in_words(asked, fit),
        label=None if fit is None else fit.label,
        thresholds=() if rule is None else rule.thresholds,
        answer_from=0.0 if rule is None else rule.answer_from,
        out_of_fold=answer_scores(
            (rule or Rule()).codes(finished.calibration.held_out) if fit is None else fit.held_out_codes,
            codes,
            labels=labels,
        ),
        test=None if tested.answered is None else answer_scores(tested.answered, test_codes, labels=labels),
    )


def _in_words(asked: RuleOptions, fit: RuleFit | None) -> str:
    if fit is None:
        return "the answers that the class weights give"
    wishes = []
    if asked.threshold_for is not None:
        wishes.append(f"{asked.threshold_for[0]} {asked.threshold_for[1]:g}")
    if asked.thresholds is not None:
        wishes.append("the highest macro F1")
    if asked.abstain_precision is not None:
        wishes.append(f"answers only where {100 * asked.abstain_precision:g} % are right")
    return ", ".join(wishes)
