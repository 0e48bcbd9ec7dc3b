"""A record as one HTML file that needs nothing else: no network, no scripts, no fonts.

In:   a `TrainingRecord`.
Out:  the page as a str; its frame and style are in page.html beside this file.
Not:  the plots (plots.py), the sentences (phrases.py).

Everything goes through `safe`, which shows control characters and escapes what HTML would take for markup; the content
security policy forbids scripts and any request besides.
"""

import html
from collections.abc import Sequence
from importlib.resources import files
from string import Template

from frostline.evaluate.metrics import Estimate, Evaluation
from frostline.record import TrainingRecord
from frostline.report import phrases
from frostline.report.mistakes import commonest_mistakes
from frostline.report.plots import MOST_CELLS, Bar, confusion_plot, curve_plot, scores_plot


def report_html(record: TrainingRecord) -> str:
    """The report of a training: the same bytes for the same record."""
    parts = [_figures(record.test), _section("In plain words", _paragraphs(phrases.summary(record))), _cautions(record)]
    if record.test is not None:
        parts += [_beside(record, record.test), _per_label(record.test), _confusion(record.test)]
    parts += [_search(record), _nested(record), _facts(record)]
    page = Template(files("frostline.report").joinpath("page.html").read_text("utf-8"))
    tested = f"tested on {phrases.source_text(record.test_source)}" if record.test is not None else "not tested"
    return page.substitute(
        title=safe(f"A classifier trained on {phrases.printable(record.data.name)}"),
        subtitle=safe(f"{len(record.labels)} labels, {record.data.n_rows:,} rows; {tested}."),
        body="\n".join(part for part in parts if part),
        footer=safe(f"Made by Frostline {record.version}. Every interval is a 95 % interval."),
    )


def safe(value: object, limit: int = 400) -> str:
    """`value` as it may stand in an element or in a quoted attribute."""
    return html.escape(phrases.printable(value, limit))


def _figures(test: Evaluation | None) -> str:
    if test is None:
        return ""
    shown = (
        ("accuracy", f"{phrases.percent(test.accuracy.value)} %", f"{phrases.percent_range(test.accuracy.interval)} %"),
        ("macro F1", f"{phrases.percent(test.macro_f1.value)} %", f"{phrases.percent_range(test.macro_f1.interval)} %"),
        ("log loss", f"{test.log_loss.value:.3f}", phrases.loss_range(test.log_loss.interval)),
        ("test texts", f"{test.n:,}", phrases.count_text(len(test.labels), "label")),
    )
    cells = (
        f'<div class="figure"><span class="quiet">{safe(name)}</span><strong>{safe(value)}</strong>'
        f'<span class="quiet">{safe(note)}</span></div>'
        for name, value, note in shown
    )
    return f'<div class="figures">{"".join(cells)}</div>'


def _cautions(record: TrainingRecord) -> str:
    if not record.warnings:
        return ""
    items = "".join(f"<li>{safe(warning)}</li>" for warning in record.warnings)
    return f'<section class="caution"><h2>To be careful about</h2><ul>{items}</ul></section>'


def _beside(record: TrainingRecord, test: Evaluation) -> str:
    """The scores beside the baselines'."""
    if not record.baselines:
        return ""
    bars = [Bar("this classifier", test.accuracy, is_own=True)]
    bars += [Bar(baseline.name, baseline.accuracy, is_own=False) for baseline in record.baselines]
    rows = [_cells("this classifier", test.accuracy, test.macro_f1, test.log_loss, lead="")]
    rows += [
        _cells(
            baseline.name,
            baseline.accuracy,
            baseline.macro_f1,
            baseline.log_loss,
            lead=_stacked(
                phrases.points(baseline.lead.value),
                f"{phrases.points(baseline.lead.interval[0])} to {phrases.points(baseline.lead.interval[1])}",
            ),
        )
        for baseline in record.baselines
    ]
    table = _table(("", "accuracy %", "macro F1 %", "log loss", "its lead, points"), rows, own=0)
    made = " ".join(f"{baseline.name}: {baseline.made_of}." for baseline in record.baselines)
    lead = "Lead: accuracy of this classifier minus that of the other, on the same texts."
    note = f'<p class="quiet">{lead} {safe(made)}</p>'
    return _section("Beside simpler ways", scores_plot(bars, "accuracy in %, with 95 % interval") + table + note)


def _cells(name: str, accuracy: Estimate, macro_f1: Estimate, log_loss: Estimate | None, *, lead: str) -> Sequence[str]:
    loss = (
        phrases.DASH if log_loss is None else _stacked(f"{log_loss.value:.3f}", phrases.loss_range(log_loss.interval))
    )
    return (safe(name), _share(accuracy), _share(macro_f1), loss, lead)


def _per_label(test: Evaluation) -> str:
    rows = [
        (safe(score.label, 80), f"{score.support:,}", _share(score.precision), _share(score.recall), _share(score.f1))
        for score in test.per_label
    ]
    note = (
        '<p class="quiet">Precision: of the texts given this label, the share that has it. Recall: of the texts that '
        "have it, the share that was given it. F1: their harmonic mean.</p>"
    )
    return _section("Label by label", _table(("label", "texts", "precision %", "recall %", "F1 %"), rows) + note)


def _confusion(test: Evaluation) -> str:
    plot = f'<div class="wide">{confusion_plot(test)}</div>' if len(test.labels) <= MOST_CELLS else ""
    mistakes = [
        (safe(true, 80), safe(taken, 80), f"{count:,}") for true, taken, count in commonest_mistakes(test, most=10)
    ]
    table = (
        _table(("true label", "taken for", "texts"), mistakes, n_words=2) if mistakes and len(test.labels) > 2 else ""
    )
    return _section("What is taken for what", plot + table)


def _search(record: TrainingRecord) -> str:
    search = record.search
    if len(search.Cs) < 2:
        return _section("How C was chosen", _paragraphs([phrases.search_text(search) + "."]))
    said = [
        phrases.search_text(search) + ". The band is one standard error of the mean over the folds.",
        phrases.search_score_text(search) + ".",
    ]
    return _section("How C was chosen", _paragraphs(said) + curve_plot(search))


def _nested(record: TrainingRecord) -> str:
    nested = record.nested
    if nested is None:
        return ""
    rows = [
        (str(fold), f"{C:.4g}", phrases.percent(accuracy))
        for fold, (C, accuracy) in enumerate(zip(nested.chosen_Cs, nested.fold_accuracies, strict=True), start=1)
    ]
    pooled = nested.evaluation
    said = (
        f"Each of {nested.n_outer} folds was left out in turn, C searched on the others, and the fold predicted. "
        f"All {pooled.n:,} rows together: accuracy {phrases.estimate_text(pooled.accuracy)} %, "
        f"macro F1 {phrases.estimate_text(pooled.macro_f1)} %."
    )
    return _section(
        "Nested cross-validation", _paragraphs([said]) + _table(("fold left out", "chosen C", "accuracy %"), rows)
    )


def _facts(record: TrainingRecord) -> str:
    encoder, features, machine = record.encoder, record.features, record.machine
    counts = ", ".join(f"{phrases.printable(label)} {count:,}" for label, count in record.data.class_counts.items())
    revision = f", revision {encoder.revision}" if encoder.revision else ""
    facts = (
        ("Data", phrases.data_text(record.data)),
        ("Its sha256", record.data.sha256),
        ("Rows per label", counts),
        ("Rows learned from", f"{record.n_trained:,}"),
        ("Encoder", f"{encoder.name} ({encoder.family}, {encoder.precision}{revision}), frozen"),
        ("Its weights' sha256", encoder.weights_sha256),
        ("Features", phrases.features_text(features)),
        ("Cut at", f"{features.max_length} word pieces: {features.n_cut:,} of {features.n_texts:,} texts"),
        ("Head", _head(record)),
        ("Seed", str(record.seed)),
        ("Seconds", phrases.seconds_text(record)),
        ("Machine", f"{machine.processor}, {phrases.count_text(machine.cores, 'core')}, {machine.system}"),
    )
    inner = "".join(f"<dt>{safe(name)}</dt><dd>{safe(fact, 4000)}</dd>" for name, fact in facts)
    return _section("How it was made", f"<dl>{inner}</dl>")


def _head(record: TrainingRecord) -> str:
    search = record.search
    scaled = "features standardised" if search.standardise else "features as they are"
    weighted = f", labels weighted ({search.class_weight})" if search.class_weight else ""
    return f"logistic regression, {scaled}{weighted}"


def _share(estimate: Estimate | None) -> str:
    if estimate is None:
        return phrases.DASH
    return _stacked(phrases.percent(estimate.value), phrases.percent_range(estimate.interval))


def _stacked(value: str, note: str) -> str:
    return f"{safe(value)}<small>{safe(note)}</small>"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], *, own: int = -1, n_words: int = 1) -> str:
    """A table whose cells are HTML already; its first `n_words` columns are words, and row `own` stands out."""
    kinds = [' class="words"' if column < n_words else "" for column in range(len(names))]
    head = "".join(f"<th{kind}>{safe(name)}</th>" for kind, name in zip(kinds, names, strict=True))
    lines = [
        ('<tr class="own">' if number == own else "<tr>")
        + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for number, row in enumerate(rows)
    ]
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _paragraphs(sentences: Sequence[str]) -> str:
    return "".join(f"<p>{safe(sentence, 1000)}</p>" for sentence in sentences)


def _section(title: str, inner: str) -> str:
    return f"<section><h2>{safe(title)}</h2>{inner}</section>"
