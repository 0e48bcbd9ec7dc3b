"""What is said of several labels per text, the same in every report.

In:   a `MultiTrainingRecord`, or a figure of it.
Out:  plain text; what came from the user is made printable.
Not:  markup of any kind; the phrases that one label per text has too (phrases.py).
"""

from typing import TypeAlias

from frostline.evaluate.multi_baselines import MultiBaseline, MultiLead
from frostline.evaluate.multi_label import MultiEvaluation
from frostline.multi_record import MultiDataRecord, MultiSearchRecord, MultiTestRecord, MultiTrainingRecord
from frostline.report import phrases

Scored: TypeAlias = MultiEvaluation | MultiBaseline
"""What has a micro and a macro F1, a subset accuracy and a mean average precision."""


def data_text(data: MultiDataRecord) -> str:
    """The file, its rows, its labels, and what was found amiss."""
    parts = [
        phrases.printable(data.name),
        phrases.count_text(data.n_rows, "row"),
        f"{data.n_given / max(1, data.n_rows):.2f} labels per row",
    ]
    parts += [f"{data.n_unlabelled:,} without a label"] if data.n_unlabelled else []
    parts += [f"{data.n_rejected:,} rejected"] if data.n_rejected else []
    parts += [phrases.count_text(data.n_duplicates, "duplicate")] if data.n_duplicates else []
    parts += [phrases.count_text(data.n_conflicts, "text") + " with two sets"] if data.n_conflicts else []
    return " · ".join(parts)


def counts_text(data: MultiDataRecord, most: int) -> str:
    """The commonest labels with their rows."""
    ordered = sorted(data.label_counts.items(), key=lambda item: -item[1])
    named = ", ".join(f"{phrases.printable(label, 30)} {count:,}" for label, count in ordered[:most])
    return named + (f" and {len(ordered) - most} more labels" if len(ordered) > most else "")


def source_text(source: MultiTestRecord) -> str:
    """Where the test rows came from."""
    if source.kind == "file":
        return f"the file {phrases.printable(source.data.name)}" if source.data is not None else "a file of their own"
    if source.kind == "cross-validation":
        return "cross-validation: each row is tested by a classifier that never saw it"
    drawn = "drawn so that every label keeps its share" if source.kind == "stratified hold-out" else "drawn at random"
    return f"rows held out of the same file, {drawn}"


def search_text(search: MultiSearchRecord) -> str:
    """How the labels' C and thresholds were chosen."""
    learned = sorted(C for C in search.chosen_Cs if C is not None)
    spread = f"C = {learned[0]:.4g}" if learned[0] == learned[-1] else f"C from {learned[0]:.4g} to {learned[-1]:.4g}"
    how = (
        "given" if len(search.Cs) == 1 else f"chosen among {len(search.Cs)} over {search.n_folds} folds, {search.rule}"
    )
    low, high = min(search.thresholds), max(search.thresholds)
    thresholds = f"thresholds from {low:.2f} to {high:.2f}, chosen out of fold for the highest F1"
    return f"one logistic regression per label; {spread}, {how}; {thresholds}"


def cautions(record: MultiTrainingRecord) -> list[str]:
    """What makes the scores, or the features, less than they seem: the record's warnings, and texts that were cut."""
    said = []
    if record.features.n_cut:
        features = record.features
        cut = f"{features.n_cut:,} of {features.n_texts:,} texts"
        said.append(f"{cut} were longer than {features.max_length} word pieces and lost their end.")
    return [*said, *record.warnings]


def lead_text(lead: MultiLead) -> str:
    """`+3.2 (+1.5 to +4.8)`."""
    low, high = lead.interval
    return f"{phrases.points(lead.value)} ({phrases.points(low)} to {phrases.points(high)})"


def verdict(lead: MultiLead) -> str:
    """What a lead means, in a few words."""
    low, high = lead.interval
    if low > 0:
        return "a lead beyond chance"
    return "behind it, beyond chance" if high < 0 else "could be chance"
