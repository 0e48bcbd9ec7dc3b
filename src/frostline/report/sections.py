"""The sections of a report's page: scores, labels, mistakes, probabilities, curves, the choice of features, as HTML."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from frostline.advice import ranked
from frostline.evaluate.baselines import Baseline, Lead
from frostline.evaluate.examples import Examples, Mistake, furthest_missed, surest_mistakes
from frostline.evaluate.probabilities import CalibrationScores, CoverageCurve, LabelCurves
from frostline.evaluate.scores import Evaluation, commonest_mistakes
from frostline.head.calibrating import LEAST_CLAIMED
from frostline.record import (
    CascadeRecord,
    CascadeTest,
    ChoiceRecord,
    DecisionRecord,
    ProbabilityRecord,
    SearchRecord,
    TrainingRecord,
    TrialRecord,
    TuningRecord,
    UnlikeRecord,
)
from frostline.report import count_text, label_name, phrases, plain, printable
from frostline.report.drawing import MOST_COLOURS
from frostline.report.markup import (
    figure,
    loss,
    paragraphs,
    quiet,
    quoted,
    safe,
    scrolled,
    section,
    share,
    stacked,
    table,
    whole,
    whole_ranges,
)
from frostline.report.phrases import Scored
from frostline.report.plots import (
    MOST_CELLS,
    Bar,
    confusion_plot,
    coverage_plot,
    curve_plot,
    curve_plots,
    heat_plot,
    learning_plot,
    map_plot,
    map_words,
    reliability_plot,
    scores_plot,
    tuning_plot,
)

if TYPE_CHECKING:
    from frostline.evaluate.learning_curve import LearningCurve
    from frostline.evaluate.nested import NestedResult


def figures(test: Evaluation | None) -> str:
    """The scores in large, each with its interval."""
    if test is None:
        return ""
    shown = []
    for name in phrases.columns_of(test.scores):
        score, low_high = test.scores[name], test.scores[name].interval
        called = "all labels right" if name == "subset_accuracy" else phrases.SCORES[name]
        if name in phrases.LOSSES:
            shown.append((called, f"{score.value:.3f}", phrases.loss_range(low_high)))
        else:
            shown.append((called, f"{phrases.percent(score.value)} %", f"{phrases.percent_range(low_high)} %"))
    return tiles([*shown, ("test texts", f"{test.n:,}", count_text(len(test.labels), "label"))])


def tiles(shown: Iterable[tuple[str, str, str]]) -> str:
    """The figures on top: a name, a value, a note each."""
    cells = (
        f'<div class="figure"><span class="quiet">{safe(name)}</span><strong>{safe(value)}</strong>'
        f'<span class="quiet">{safe(note)}</span></div>'
        for name, value, note in shown
    )
    return f'<div class="figures">{"".join(cells)}</div>'


def beside(test: Evaluation, baselines: Sequence[Baseline], at_half: Evaluation | None = None) -> str:
    """The scores beside the baselines', and without the thresholds; nothing where there are no baselines."""
    if not baselines:
        return ""
    names, headline = phrases.columns_of(test.scores), phrases.headline_of(test.scores)
    called = phrases.SCORES[headline]
    bars = [Bar("this classifier", test.scores[headline], is_own=True)]
    bars += [Bar(baseline.name, baseline.scores[headline], is_own=False) for baseline in baselines]
    rows = [_line("this classifier", test, names, lead="")]
    rows += [] if at_half is None else [_line("the same, each label from 0.5 on", at_half, names, lead="")]
    rows += [_line(baseline.name, baseline, names, lead=_lead(phrases.lead_of(baseline))) for baseline in baselines]
    heads = ("", *map(phrases.column_name, names), "its lead, points" if at_half is None else "lead, points")
    made = " ".join(f"{baseline.name}: {baseline.made_of}." for baseline in baselines)
    return section(
        "Beside simpler ways",
        figure(scores_plot(bars, f"{called} in %, with 95 % interval"))
        + table(heads, rows, called="Scores beside baselines", own=0)
        + quiet(f"Lead: {called} of this classifier minus that of the other, on the same texts. {made}"),
    )


def _lead(lead: Lead) -> str:
    low, high = lead.interval
    return stacked(phrases.points(lead.value), f"{phrases.limit(low)} to {phrases.limit(high)}")


def _line(name: str, one: Scored, names: Sequence[str], *, lead: str) -> Sequence[str]:
    cells = ((loss if score in phrases.LOSSES else share)(one.scores.get(score)) for score in names)
    return (safe(name), *cells, lead)


def per_label(test: Evaluation, search: SearchRecord | None = None, decision: DecisionRecord | None = None) -> str:
    """A row for each label, in the order of the matrix, else the commonest first, with its own C and threshold."""
    columns, which = phrases.labels_listed(test)
    thresholds = () if search is None else search.thresholds
    rows = [_label_row(test, column, search if thresholds else None) for column in columns]
    start = (
        "From: the probability from which on the label is given, chosen on held-out training rows for the highest "
        f"F1{phrases.exception_text(decision)}. "
    )
    last = (
        "F1: their harmonic mean."
        if test.average_precisions is None
        else "Average precision judges the ranking by probability, whatever the threshold."
    )
    note = (
        "Precision: of the texts given this label, the share that has it. Recall: of the texts that have it, the share "
        f"that was given it. {last}"
    )
    ranked = () if test.average_precisions is None else ("average precision %",)
    chosen = ("C", "from") if thresholds else ()
    names = ("label", "texts", *chosen, "precision %", "recall %", "F1 %", *ranked)
    listed = table(names, rows, called="Scores of each label")
    every = _every_label(test) if len(columns) < len(test.labels) else ""
    return section("Label by label", listed + quiet(which + start * bool(thresholds) + note) + every)


def _every_label(test: Evaluation) -> str:
    """Of very many labels a line each, folded away, which the browser's own search finds and unfolds."""
    rows = [
        (safe(one.label, 80), f"{one.support:,}", phrases.DASH if one.f1 is None else phrases.percent(one.f1.value))
        for one in test.per_label
    ]
    listed = table(("label", "texts", "F1 %"), rows, called="Every label")
    return f"<details><summary>All {len(rows):,} labels, to be searched with Ctrl-F</summary>{listed}</details>"


def _label_row(test: Evaluation, column: int, search: SearchRecord | None) -> Sequence[str]:
    score, chosen, ranked = test.per_label[column], [], []
    if search is not None:
        C = search.chosen_Cs[column] if len(search.chosen_Cs) > 1 else search.chosen_C
        chosen = [phrases.DASH if C is None else f"{C:.3g}", f"{search.thresholds[column]:.2f}"]
    if test.average_precisions is not None:
        precision = float(test.average_precisions[column])
        ranked = [phrases.DASH if math.isnan(precision) else phrases.percent(precision)]  # NaN: no text has it
    figures = (share(score.precision), share(score.recall), share(score.f1))
    return (safe(label_name(score.label, 80)), f"{score.support:,}", *chosen, *figures, *ranked)


def confusion(test: Evaluation) -> str:
    """The matrix where it can be read, and the commonest mistakes where there are more labels than two."""
    if test.confusion is None:
        return ""
    plot = ""
    if len(test.labels) <= MOST_CELLS:
        plot = confusion_plot(test)
        plot = figure(scrolled(plot, "Confusion matrix") if len(test.labels) > 8 else plot)
    found = commonest_mistakes(test, most=10) if len(test.labels) > 2 else []
    rows = [(*(safe(label_name(label, 80)) for label in (true, taken)), f"{count:,}") for true, taken, count in found]
    names = ("true label", "taken for", "texts")
    listed = table(names, rows, called="The commonest mistakes", n_words=2) if rows else ""
    note = "Rows: the true label; columns: what was said. Numbers are texts; shades are shares of the row."
    return section("Which labels get mixed up", plot + (quiet(note) if plot else "") + listed)


MOST_MISTAKES = 12
_MOST_OF_EACH = 8  # of two lists
_LONG = 500  # letters; a longer text is scrolled


def sentence_map(examples: Examples | None) -> str:
    """A point for each text; no text is in it."""
    if examples is None or examples.map is None:
        return ""
    words = paragraphs(map_words(examples, examples.map))
    return section("A map of the test texts", words + figure(map_plot(examples, examples.map)))


def mistakes(examples: Examples | None, *, of_sets: bool, quote: bool) -> str:
    """The mistakes made with the highest probability, in full; where texts stay out, their lines alone.

    Of sets of labels both: labels given that are not there, and labels that are there and were not given.
    """
    if examples is None:
        return ""
    if of_sets:
        given = [_item_of_set(found, quote=quote) for found in surest_mistakes(examples, most=_MOST_OF_EACH)]
        missed = [_item_of_set(found, quote=quote) for found in furthest_missed(examples, most=_MOST_OF_EACH)]
        lists = _texts(given, "Given, and not there") + _texts(missed, "There, and not given")
    else:
        lists = _texts([_item(found, quote=quote) for found in surest_mistakes(examples, most=MOST_MISTAKES)])
    said = "Here it was sure, and the file says otherwise. Some of these labels may be wrong in the file."
    shown = paragraphs([said]) + lists + quiet(note(examples.name, quote=quote)) if lists else ""
    return section("Confident mistakes", shown)


def _texts(items: Sequence[str], heading: str = "") -> str:
    above = f"<h3>{heading}</h3>" if heading else ""
    return f'{above}<ol class="texts">{"".join(items)}</ol>' if items else ""


def _item_of_set(mistake: Mistake, *, quote: bool) -> str:
    says = ", ".join(map(label_words, mistake.true)) or "no label"
    given = f"<strong>{label_words(mistake.label)}</strong> with {whole(f'{phrases.percent(mistake.probability)} %')}"
    return item(mistake.text, mistake.line, f"{given}; the file says {says}", quote=quote)


def _item(mistake: Mistake, *, quote: bool) -> str:
    sure, true = (phrases.percent(value) for value in (mistake.probability, mistake.true_probability or 0.0))
    said = (
        f"said <strong>{label_words(mistake.label)}</strong> with {whole(f'{sure} %')}; the "
        f"file says <strong>{label_words(mistake.true[0])}</strong> {whole(f'({true} %)')}"
    )
    return item(mistake.text, mistake.line, said, quote=quote)


def item(text: str, line: int, said: str, *, quote: bool) -> str:
    """A text in full, if it may be quoted, what is `said` of it (HTML), and its line."""
    focus = f' class="long" role="region" tabindex="0" aria-label="line {line}"'
    shown = f"<blockquote{focus if len(text) > _LONG else ''}>{quoted(text)}</blockquote>" if quote else ""
    return f'<li>{shown}<p>{said} <span class="quiet">line {line:,}</span></p></li>'


def note(name: str, *, quote: bool) -> str:
    """Whose texts they are, or that they were left out."""
    file = printable(name)
    if quote:
        return f"These are texts of {file}: whoever sees this page reads them (--no-examples leaves them out)."
    return f"The texts were left out of this page; the lines are those of {file}."


def label_words(label: object) -> str:
    """A label that may run from right to left, apart from what stands around it; a line may end behind `_` and `/`."""
    return "<bdi>" + _JOINTS.sub(r"\g<0><wbr>", safe(label_name(label, 80))) + "</bdi>"


_JOINTS = re.compile(r"(?<=\w)[_/](?=\w)")


_WANTED = (0.9, 0.95, 0.98, 0.99)


def probabilities(found: ProbabilityRecord | None, *, of_sets: bool) -> str:
    """Three sections: reliability, abstaining, thresholds."""
    if found is None:
        return ""
    return _reliability(found, _OF_SETS if of_sets else "") + _coverage(found.coverage) + _curves(found.curves)


_OF_SETS = (
    f" Counted are labels with {100 * LEAST_CLAIMED:.0f} % or more; labels of one text are counted as if they had "
    "nothing to do with each other."
)


def _reliability(found: ProbabilityRecord, counted: str) -> str:
    now, before = found.scores, phrases.before_calibration(found)
    how = {
        "none": "They are as the regression gives them.",
        "temperature": "They are calibrated by a temperature, found on rows held out of each fold.",
        "isotonic": "They are calibrated by an isotonic map, found on rows held out of each fold.",
    }[found.way]
    error = now.reliability.error
    low, high = error.interval
    said = (
        f"A probability should come true as often as it says: points on the dashed line. {how} They miss by "
        f"{phrases.percent(error.value)} points on average ({phrases.percent(low)} to {phrases.percent(high)}, chance "
        f"taken out).{counted}"
    )
    said = f"{said} {phrases.no_help_text(found)}".rstrip()
    rows = [_scores("as given" if before is None else "calibrated", now)]
    rows += [_scores("before calibration", before)] if before is not None else []
    names = ("", "off on average, points", "in bins, points", "Brier score", "log loss")
    return section(
        "Whether its probabilities can be trusted",
        paragraphs([said])
        + figure(reliability_plot(now.reliability, None if before is None else before.reliability))
        + table(names, rows, called="Calibration", own=0)
        + quiet(
            "Off on average: how far the percentages are from the truth (expected calibration error, chance taken "
            "out); in bins: as other tools print it, with what exact probabilities would show beneath. Brier score "
            "and log loss: smaller is better."
        ),
    )


def _scores(name: str, scores: CalibrationScores) -> Sequence[str]:
    found = scores.reliability
    return (
        safe(name),
        share(found.error),
        stacked(phrases.percent(found.plain_error), f"chance {phrases.percent(found.chance)}"),
        loss(scores.brier),
        loss(scores.log_loss),
    )


def _coverage(found: CoverageCurve) -> str:
    if len(found.coverage) < 2:
        return ""
    said = "If it answered only where it is sure: how many texts get an answer, and how many of those are right. "
    said += "The band is the 95 % interval."
    if found.answer_from:
        right = phrases.DASH if found.right is None else f"{phrases.estimate_text(found.right)} %"
        said += (
            f" It answers from a probability of {found.answer_from:.3f} on: {phrases.estimate_text(found.covered)} % "
            f"of the test texts, of which {right} rightly."
        )
    rows = [row for row in (_at(found, wanted) for wanted in _WANTED) if row is not None]
    names = ("right answers wanted", "answer from", "texts answered %", "right %")
    note = "Measured on these test texts, so slightly optimistic; train --abstain-precision makes a promise of it."
    listed = table(names, rows, called="Abstaining") + quiet(note) if rows else ""
    return section("When it should rather not answer", paragraphs([said]) + figure(coverage_plot(found)) + listed)


def _at(found: CoverageCurve, wanted: float) -> Sequence[str] | None:
    """The largest coverage with at least the wanted share right; None where that is all texts, or none."""
    enough = [place for place, share in enumerate(found.precision) if share >= wanted]
    if not enough or enough[-1] == len(found.coverage) - 1:
        return None
    place = enough[-1]
    return (
        f"{100 * wanted:.0f} %",
        f"{found.thresholds[place]:.3f}",
        phrases.percent(found.coverage[place]),
        stacked(phrases.percent(found.precision[place]), phrases.percent_range((found.low[place], found.high[place]))),
    )


def _curves(curves: Sequence[LabelCurves]) -> str:
    if not curves:
        return ""
    weakest = sorted(curves, key=lambda found: found.average_precision.value)
    shown = list(curves) if len(curves) <= MOST_COLOURS else weakest[:MOST_COLOURS]
    said = "Left: how many texts of a label are found, against how many others are taken along. "
    said += "Right: how many are found, against how many of those taken are right."
    if len(shown) < len(curves):
        said += f" Drawn are the {len(shown)} of {len(curves)} labels with the lowest average precision."
    rows = [
        (safe(found.label, 80), f"{found.n_with:,}", share(found.auc), share(found.average_precision))
        for found in curves
    ]
    names = ("label", "texts", "area under ROC %", "average precision %")
    return section(
        "Label against the rest, at every threshold",
        paragraphs([said]) + figure(curve_plots(shown)) + table(names, rows, called="Areas under the curves"),
    )


def unlike(found: UnlikeRecord | None) -> str:
    """How many of the texts are unlike anything that was learned from."""
    return section("Whether it has seen such texts", paragraphs(plain.unlike_text(found)) if found else "")


def cascaded(found: CascadeRecord | CascadeTest | None) -> str:
    """What a cascade saves and changes."""
    said = plain.cascade_text(found)
    return section("What the cascade does", paragraphs(said) if said else "")


def learning(curve: "LearningCurve | None", right: str = "accuracy") -> str:
    """The curve, where it leads, and each point; nothing where it was not measured."""
    if curve is None:
        return ""
    said = outlook_words(curve, right)
    if len(curve.points) == 1:
        return section("Whether more labels would help", paragraphs(said))
    rows = [
        (
            f"{point.n_rows:,}",
            share(point.accuracy),
            share(point.macro_f1),
            phrases.percent(point.fitted_accuracy),
            str(point.n_subsets),
        )
        for point in curve.points
    ]
    names = (
        "rows",
        "accuracy %" if right.startswith("accuracy") else "all right %",
        "macro F1 %",
        "on its own rows %",
        "subsets",
    )
    tested = "out of fold" if curve.is_out_of_fold else "held back"
    note = "" if right == "accuracy" else f"Measured is the {right}. "
    note += f"Tested on {curve.n_test:,} rows {tested}; C: {printable(curve.choice_of_C, 200)}."
    return section(
        "Whether more labels would help",
        paragraphs(said)
        + figure(learning_plot(curve, right))
        + table(names, rows, called="The learning curve")
        + quiet(note),
    )


def tuned(found: TuningRecord | None) -> str:
    """The tuned encoder beside the frozen one, and how it went; nothing where none was tuned."""
    if found is None:
        return ""
    rows = [
        (f"{epoch}", f"{found.losses[epoch - 1]:.3f}" if epoch else "", f"{loss:.3f}")
        for epoch, loss in enumerate(found.held_out)
    ]
    curve = figure(tuning_plot(found)) if len(found.losses) > 1 or found.held_out else ""
    names = ("epoch", "loss in training", "loss on rows held out")
    return section(
        "Whether tuning the encoder paid",
        paragraphs(phrases.tuning_text(found))
        + curve
        + (table(names, rows, called="Epochs of tuning") if rows else ""),
    )


def advised(record: TrainingRecord) -> str:
    """What to do next, the most useful first, each with its reason; nothing where nothing was tested."""
    items = "".join(
        f"<li><strong>{whole_ranges(safe(found.sentence, 1000))}</strong> {whole_ranges(safe(found.reason, 1000))}</li>"
        for found in ranked(record)
    )
    return section("What to do next", f'<ol class="advice">{items}</ol>' if items else "")


def outlook_words(curve: "LearningCurve", right: str = "accuracy") -> list[str]:
    """Where the curve leads, or why it does not say."""
    if curve.outlook is None:
        return [curve.no_outlook] if curve.no_outlook else []
    return [
        f"With {gain.n_rows:,} labelled rows the {right} should change by {phrases.points(gain.value)} points "
        f"({phrases.limit(gain.interval[0])} to {phrases.limit(gain.interval[1])})."
        for gain in curve.outlook.gains
    ]


_LISTED = 12


def features(choice: ChoiceRecord | None) -> str:
    """The heat map of layers and poolings, and the best of all that were tried; nothing where features were named."""
    if choice is None:
        return ""
    scored = phrases.scored_in(choice.scoring)
    said = [
        (
            f"{len(choice.trials)} features were tried on the {choice.n_rows:,} training rows, {choice.n_folds} folds; "
            f"{choice.winner} was taken, {printable(choice.rule, 200)}."
        ),
        (f"Scores: {scored}. They made the choice, so they are optimistic; the test above had no part in it."),
    ]
    singles = [trial for trial in choice.trials if trial.layer is not None and trial.chosen_C is not None]
    plot = figure(heat_plot(choice)) + quiet("One layer and pooling alone; the best of them is framed.")
    rows = [
        (
            safe(trial.features) + stacked("", _remark(trial, choice)),
            f"{trial.n_features:,}",
            stacked(phrases.percent(trial.score), phrases.percent_range(trial.interval)),
        )
        for trial in listed(choice, _LISTED)
    ]
    own = [trial.features for trial in listed(choice, _LISTED)].index(choice.winner)
    names = ("features", "numbers", phrases.score_header(choice.scoring))
    return section(
        "How the features were chosen",
        paragraphs(said) + (plot if singles else "") + table(names, rows, called="The best features", own=own),
    )


def listed(choice: ChoiceRecord, most: int) -> list[TrialRecord]:
    """The best `most` trials, and always the winner and the tutorial's, from the highest score down."""
    ranked = sorted(choice.trials, key=lambda trial: (-trial.score, trial.n_features))
    return [
        trial
        for place, trial in enumerate(ranked)
        if place < most or trial.features in {choice.winner, choice.tutorial}
    ]


def search(found: SearchRecord) -> str:
    """The scores over C; nothing where each label has a C of its own, which stands beside the label."""
    if len(found.chosen_Cs) > 1:
        return ""
    if len(found.Cs) < 2:
        return section("How C was chosen", paragraphs([phrases.search_text(found) + "."]))
    said = [
        phrases.search_text(found) + ". The band is one standard error of the mean over the folds.",
        phrases.search_score_text(found) + ".",
    ]
    return section("How C was chosen", paragraphs(said) + figure(curve_plot(found)))


def nested(found: "NestedResult | None") -> str:
    """Each outer fold, and all together."""
    if found is None:
        return ""
    features = found.chosen_features or ("",) * found.n_outer
    rows = [
        (str(fold), *filter(None, [name]), f"{C:.4g}", phrases.percent(accuracy))
        for fold, (name, C, accuracy) in enumerate(
            zip(features, found.chosen_Cs, found.fold_accuracies, strict=True), start=1
        )
    ]
    pooled = found.evaluation
    searched = "features and C chosen by" if found.chosen_features else "C searched on"
    said = (
        f"Each of {found.n_outer} folds was left out in turn, {searched} the others, and the fold predicted. "
        f"All {pooled.n:,} rows together: {phrases.scores_text(pooled.scores, ' %')}."
    )
    which = "chosen C" if pooled.confusion is not None else "middle of the labels' C"
    names = ("fold left out", *(["features"] if found.chosen_features else []), which)
    right = "accuracy %" if "accuracy" in pooled.scores else "all right %"
    return section(
        "Nested cross-validation", paragraphs([said]) + table([*names, right], rows, called="The outer folds")
    )


def _remark(trial: TrialRecord, choice: ChoiceRecord) -> str:
    remarks = ["taken"] if trial.features == choice.winner else []
    remarks += ["the tutorial's"] if trial.features == choice.tutorial else []
    remarks += ["same for every text"] if trial.chosen_C is None else []
    return ", ".join(remarks)
