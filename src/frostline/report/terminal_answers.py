"""How answers are made, on the terminal: the calibration that was chosen, thresholds, and what is left unanswered.

In:   a `CalibrationRecord`, a `DecisionRecord`, `AnswerScores`, and a rich console.
Out:  lines on that console.
Not:  how far the probabilities can be believed (terminal_trust.py).
"""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from frostline.evaluate.answers import AnswerScores
from frostline.head.linear import Label
from frostline.head_record import CalibrationRecord, DecisionRecord
from frostline.report import phrases


def print_calibration(found: CalibrationRecord | None, console: Console) -> None:
    """What the probabilities were made by, and why."""
    if found is not None:
        console.print(Padding(Text(phrases.calibration_text(found), style="dim"), (0, 0, 0, 2)))


def print_decision(found: DecisionRecord | None, labels: Sequence[Label], console: Console) -> None:
    """What was wished for, and what came of it out of fold and on the test rows."""
    if found is None:
        return
    console.print()
    console.print(Text("Answers", style="bold"))
    console.print(Padding(Text(decision_text(found, labels)), (0, 0, 0, 2)))
    rows = [("out of fold", found.out_of_fold)]
    if found.test is not None:
        rows.append(("test", found.test))
    _table(rows, found.label, labels, console)


def print_answer_scores(found: AnswerScores | None, labels: Sequence[Label], console: Console) -> None:
    """The same of a saved classifier on a test file."""
    if found is not None:
        console.print()
        console.print(Text("Answers", style="bold"))
        _table([("test", found)], None, labels, console)


def decision_text(found: DecisionRecord, labels: Sequence[Label]) -> str:
    """The rule in words."""
    of = "" if found.label is None else f" for {phrases.printable(found.label, 30)}"
    said = [f"Wished for: {found.asked}{of}."]
    if found.thresholds and found.label is not None:
        said.append(f"Taken from {found.thresholds[list(labels).index(found.label)]:.3f} on.")
    elif found.thresholds:
        each = [
            f"{phrases.printable(label, 20)} {threshold:.3f}"
            for label, threshold in zip(labels[:12], found.thresholds[:12], strict=True)
        ]
        said.append(f"Thresholds: {', '.join(each)}{', …' if len(labels) > 12 else ''}.")
    elif not found.answer_from:
        said.append("No thresholds do better than the most probable label, which is taken.")
    if found.answer_from:
        said.append(f"Answered from a probability of {found.answer_from:.3f} on.")
    return " ".join(said)


def _table(
    rows: Sequence[tuple[str, AnswerScores]], label: Label | None, labels: Sequence[Label], console: Console
) -> None:
    names = ["", "answered %", "right of these %", "macro F1 of these %"]
    if label is not None:
        names[3:] = ["precision %", "recall %"]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(Text(name), justify="left" if not name else "right")
    for name, scores in rows:
        figures = [scores.coverage, scores.precision, scores.macro_f1]
        if label is not None:
            own = scores.per_label[list(labels).index(label)]
            figures[2:] = [own.precision, own.recall]
        table.add_row(Text(name), *(Text(phrases.estimate_text(figure)) for figure in figures))
    console.print(Padding(table, (0, 0, 0, 2)))
