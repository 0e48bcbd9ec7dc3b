"""A record of several labels per text as one HTML file.

In:   a `MultiTrainingRecord` or a `MultiEvaluationRecord`, and the `MultiExamples` where there are any.
Out:  the page as a str.
Not:  the frame (html.py), its elements (markup.py), the sentences (multi_label_words.py).
"""

import math

from frostline.evaluate.metrics import Estimate
from frostline.evaluate.multi_examples import MultiExamples
from frostline.evaluate.multi_label import MultiEvaluation
from frostline.multi_record import MultiEvaluationRecord, MultiSearchRecord, MultiTrainingRecord
from frostline.report import multi_label_parts, page_top, phrases
from frostline.report import multi_label_words as words
from frostline.report.html import page
from frostline.report.markup import figure, quiet, safe, section, share, stacked, table
from frostline.report.multi_plain_words import multi_evaluation_words, multi_plain_words
from frostline.report.plots import Bar, scores_plot


def multi_report_html(record: MultiTrainingRecord, examples: MultiExamples | None = None, *, quote: bool = True) -> str:
    """The report of a training: the same bytes for the same record and examples; texts stand in it if `quote`."""
    parts = [
        _figures(record.test),
        page_top.in_plain_words(multi_plain_words(record)),
        page_top.cautions(words.cautions(record)),
        _beside(record),
        _per_label(record.test, record.search),
        multi_label_parts.mistakes(examples, quote=quote),
        multi_label_parts.reliability(record.test, record.uncalibrated, phrases.calibration_text(record.calibration)),
        _facts(record),
    ]
    return page(
        f"A classifier trained on {phrases.printable(record.data.name)}",
        f"{len(record.labels)} labels, any number of them per text; {record.data.n_rows:,} rows; tested on "
        f"{words.source_text(record.test_source)}.",
        parts,
        version=record.version,
    )


def multi_evaluation_html(
    record: MultiEvaluationRecord, examples: MultiExamples | None = None, *, quote: bool = True
) -> str:
    """The same of a saved classifier on a file."""
    parts = [
        _figures(record.test),
        page_top.in_plain_words(multi_evaluation_words(record)),
        page_top.cautions(record.warnings),
        _per_label(record.test, None),
        multi_label_parts.mistakes(examples, quote=quote),
        multi_label_parts.reliability(record.test),
    ]
    return page(
        f"{phrases.printable(record.model)} on {phrases.printable(record.data.name)}",
        f"A saved classifier of {len(record.test.labels)} labels, any number of them per text; tested on "
        f"{phrases.count_text(record.test.n, 'text')}.",
        parts,
        version=record.version,
    )


def _figures(test: MultiEvaluation) -> str:
    shown = [
        ("micro F1", test.micro_f1),
        ("macro F1", test.macro_f1),
        ("all labels right", test.subset_accuracy),
        ("average precision", test.mean_average_precision),
    ]
    cells = [
        (name, f"{phrases.percent(score.value)} %", f"{phrases.percent_range(score.interval)} %")
        for name, score in shown
        if score is not None
    ]
    return page_top.tiles([*cells, ("test texts", f"{test.n:,}", phrases.count_text(len(test.labels), "label"))])


def _beside(record: MultiTrainingRecord) -> str:
    """The scores beside the baselines'."""
    test, half = record.test, record.at_half
    bars = [Bar("this classifier", test.macro_f1, is_own=True)]
    bars += [Bar(baseline.name, baseline.macro_f1, is_own=False) for baseline in record.baselines]
    rows = [
        _line("this classifier", test, test.mean_average_precision, ""),
        _line("the same, each label from 0.5 on", half, None, ""),
    ]
    for one in record.baselines:
        lead = stacked(phrases.points(one.lead_macro_f1.value), _range(one.lead_macro_f1.interval))
        rows.append(_line(one.name, one, one.mean_average_precision, lead))
    names = ("", "micro F1 %", "macro F1 %", "all right %", "average precision %", "lead, points")
    made = " ".join(f"{one.name}: {one.made_of}." for one in record.baselines)
    return section(
        "Beside simpler ways",
        figure(scores_plot(bars, "macro F1 in %, with 95 % interval"))
        + table(names, rows, called="Scores beside baselines", own=0)
        + quiet(f"Lead: macro F1 of this classifier minus that of the other, on the same texts. {made}"),
    )


def _line(name: str, one: words.Scored, ranked: Estimate | None, lead: str) -> tuple[str, ...]:
    return (safe(name), share(one.micro_f1), share(one.macro_f1), share(one.subset_accuracy), share(ranked), lead)


def _range(interval: tuple[float, float]) -> str:
    return f"{phrases.points(interval[0])} to {phrases.points(interval[1])}"


def _per_label(test: MultiEvaluation, search: MultiSearchRecord | None) -> str:
    """A row for each label, the commonest first; where it was searched, with its C and its threshold."""
    rows = []
    for column in sorted(range(len(test.labels)), key=lambda column: -test.per_label[column].support):
        score, ranked = test.per_label[column], float(test.average_precisions[column])
        rows.append(
            (
                safe(score.label, 80),
                f"{score.support:,}",
                *([] if search is None else _chosen(search, column)),
                share(score.precision),
                share(score.recall),
                share(score.f1),
                phrases.DASH if math.isnan(ranked) else phrases.percent(ranked),  # NaN: no text has it
            )
        )
    chosen = () if search is None else ("C", "from")
    names = ("label", "texts", *chosen, "precision %", "recall %", "F1 %", "average precision %")
    start = (
        "From: the probability from which on the label is given, chosen on held-out training rows for the highest F1. "
    )
    note = (
        f"{'' if search is None else start}"
        "Precision: of the texts given this label, the share that has it. Recall: of the texts that have it, the share "
        "that was given it. Average precision judges the ranking by probability, whatever the threshold."
    )
    return section("Label by label", table(names, rows, called="Scores of each label") + quiet(note))


def _chosen(search: MultiSearchRecord, column: int) -> list[str]:
    C = search.chosen_Cs[column]
    return [phrases.DASH if C is None else f"{C:.3g}", f"{search.thresholds[column]:.2f}"]


def _facts(record: MultiTrainingRecord) -> str:
    encoder, machine, seconds = record.encoder, record.machine, record.seconds
    revision = f", revision {encoder.revision}" if encoder.revision else ""
    facts = (
        ("Data", words.data_text(record.data)),
        ("Its sha256", record.data.sha256),
        ("Rows per label", words.counts_text(record.data, 40)),
        ("Rows learned from", f"{record.n_trained:,}"),
        ("Encoder", f"{encoder.name} ({encoder.family}, {encoder.precision}{revision}), frozen"),
        ("Its weights' sha256", encoder.weights_sha256),
        ("Features", phrases.features_text(record.features)),
        ("Head", words.search_text(record.search)),
        ("Seed", str(record.seed)),
        ("Seconds", f"{seconds.total:.1f}, of which {seconds.read:.1f} getting the rows, {seconds.search:.1f} fitting"),
        ("Machine", f"{machine.processor}, {phrases.count_text(machine.cores, 'core')}, {machine.system}"),
    )
    inner = "".join(f"<dt>{safe(name)}</dt><dd>{safe(value, 2000)}</dd>" for name, value in facts)
    return section("How it was made", f"<dl>{inner}</dl>")
