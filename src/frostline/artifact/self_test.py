"""Eight sentences that show whether a head and an encoder belong together; none of the user's is among them."""

from dataclasses import replace

import numpy as np

from frostline.arrays import Probabilities, Rows, dense_part
from frostline.artifact.manifest import FORMS, MAX_DECISION, MAX_TOLERANCE, Answer, SelfTest
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import ArtifactCorrupt, BackendError, InputError, shown
from frostline.head.linear import LinearHead

SENTENCES = (
    "no",
    "The train leaves at nine.",
    "An excellent piece of work, warm and clear from the first page to the last.",
    "It broke after two days and nobody answered my letters!",
    "Wie weit ist es bis zur nächsten Brücke — 東京, Київ, Ελλάδα? 🙂",
    "42 % of 1,300 items; see http://example.com/a?b=c (e-mail: nobody@example.com).",
    "Who was the first person to cross the southern ocean alone, and in which year?",
    (
        "The committee met on Tuesday to discuss the budget, the new library, and the repairs to the roof of the "
        "school, which had been damaged in the storm of last winter; after a long debate, in which nearly everybody "
        "spoke and few agreed, it decided to put off the library, and to mend the roof at once."
    ),
)
"""Short, plain, warm, angry, of other scripts, full of marks, asking, long."""

TOLERANCE = {"float32": 1e-4, "int8": 1e-2, "int7": 1.5e-2, "bfloat16": 1e-2}
_SAME = 1e-6  # another exp may differ in its last bit
_ROW_ERROR = {"float32": 1e-5, "int8": 2e-2, "int7": 3e-2, "bfloat16": 2e-2}
"""By precision: more than the relative error of a row on another processor.

float32: ten times the 6e-7 measured between two runtimes. int8: the sums are exact, but a last bit elsewhere makes
another level here and there; 1.8e-2 at most was measured (docs/decisions/0020).
"""


def run_self_test(head: LinearHead, encoder: SentenceEncoder) -> SelfTest:
    """What the eight sentences give here and now.

    The tolerance is 1e-4 (0.01 for int8), or more for a head so steep that the rounding of rows alone may move a
    probability further: errors e of each column, in units of the column's size, move a log-odds by about
    e · ‖coef · size‖, and a probability by half of that at most. Column by column, because a standardised head has
    coefficients of 1e30 where an encoder has columns of 1e-30 (MiniLM has).
    """
    rows, precision = _rows(encoder, SENTENCES, n_features=head.n_features), encoder.identity.precision
    dense = dense_part(rows).astype(np.float64)  # words are counted: nothing is rounded there
    sizes = np.sqrt(np.mean(np.square(dense), axis=0))
    steepness = np.linalg.norm(head.coef[:, : len(sizes)] * sizes, axis=1).max() / 2
    decisions = head.decision_function(rows)
    if not np.abs(decisions).max() <= MAX_DECISION:
        raise InputError(f"The head's log-odds must be at most {MAX_DECISION:g} (got {np.abs(decisions).max():g}).")
    decisions = np.round(decisions, 9)  # what follows is made of what is written, to the last bit
    shares = np.round(head.probabilities(decisions), 9)
    return SelfTest(
        texts=SENTENCES,
        decisions=tuple(tuple(row) for row in decisions.tolist()),
        probabilities=tuple(tuple(row) for row in shares.tolist()),
        answers=_answers(head, shares),
        tolerance=float(min(max(TOLERANCE[precision], _ROW_ERROR[precision] * steepness), MAX_TOLERANCE[precision])),
    )


def check_answers(expected: SelfTest, head: LinearHead) -> None:
    """Pass if calibration and rule make of the eight decisions what they made at saving; no encoder is needed.

    Apart from the encoder's part, because an isotonic map may be as steep as a step: a difference of 1e-6 before it
    can be one of 0.1 after it, and that is no fault of anybody's.
    """
    if not expected.decisions:
        return
    wanted = np.array(expected.probabilities)
    probabilities = head.probabilities(np.array(expected.decisions))
    if not np.abs(probabilities - wanted).max() <= _SAME:
        raise ArtifactCorrupt("Self-test: the probabilities must be those that the calibration makes of the decisions.")
    if _answers(head, wanted) != expected.answers:
        raise ArtifactCorrupt("Self-test: the answers must be those that the rule makes of the probabilities.")


def check_self_test(expected: SelfTest, head: LinearHead, encoder: SentenceEncoder) -> None:
    """Pass if the eight sentences give, before calibration, what they gave at saving.

    Raises `ArtifactCorrupt`: a probability differs by more than the tolerance: head and encoder do not belong
    together; `BackendError`: the encoder gave a number that is not finite, or rows of another width.
    """
    plain = replace(head, calibration=None)
    probabilities: Probabilities = plain.predict_proba(_rows(encoder, expected.texts, n_features=head.n_features))
    before = plain.probabilities(np.array(expected.decisions)) if expected.decisions else None
    wanted = np.array(expected.probabilities) if before is None else before
    differences = np.abs(probabilities - wanted)
    row, column = np.unravel_index(int(differences.argmax()), differences.shape)
    if not differences[row, column] <= expected.tolerance:
        raise ArtifactCorrupt(
            f"Self-test: {shown(expected.texts[row])} must have a probability of {wanted[row, column]:.6f} ± "
            f"{expected.tolerance:.0e} for the label {shown(head.labels[column])} "
            f"(got {probabilities[row, column]:.6f}).",
            hint="Head and encoder do not belong together, or this machine computes wrongly. Train again to be sure.",
        )


def _answers(head: LinearHead, shares: Probabilities) -> tuple[Answer, ...]:
    """As columns, because a label may be any text."""
    answers, written = head.answer(shares), FORMS[head.link].answer
    return tuple(
        written(tuple(np.flatnonzero(favoured).tolist())) if is_answered else None
        for favoured, is_answered in zip(answers.favoured, answers.answered.tolist(), strict=True)
    )


def _rows(encoder: SentenceEncoder, texts: tuple[str, ...], *, n_features: int) -> Rows:
    rows = encoder.encode(texts).for_head
    if rows.shape != (len(texts), n_features):
        raise BackendError(f"The encoder must give rows of {n_features:,} features (got {rows.shape}).")
    if not np.isfinite(dense_part(rows)).all():
        raise BackendError("The encoder must give finite numbers (got NaN or infinity for a self-test sentence).")
    return rows
