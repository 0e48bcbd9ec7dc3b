"""What was chosen, and how: the features by a sweep, C by cross-validation, both checked by an outer one.

In:   a `TrainingRecord`.
Out:  HTML.
Not:  the plots (plots.py, plot_heat.py).
"""

from frostline.evaluate.validation import NestedResult
from frostline.head_record import ChoiceRecord, SearchRecord, TrialRecord
from frostline.report import phrases
from frostline.report.markup import figure, paragraphs, quiet, safe, section, stacked, table
from frostline.report.plot_heat import heat_plot
from frostline.report.plots import curve_plot

_LISTED = 12


def features(choice: ChoiceRecord | None) -> str:
    """The heat map of layers and poolings, and the best of all that were tried; nothing where features were named."""
    if choice is None:
        return ""
    said = [
        (
            f"{len(choice.trials)} features were tried on the {choice.n_rows:,} training rows, {choice.n_folds} folds; "
            f"{choice.winner} was taken, {phrases.printable(choice.rule, 200)}."
        ),
        (
            f"{phrases.printable(choice.scoring)} in %. These scores made the choice, so they flatter; the test above "
            "had no part in it."
        ),
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
    names = ("features", "numbers", "score %")
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
    """The scores over C."""
    if len(found.Cs) < 2:
        return section("How C was chosen", paragraphs([phrases.search_text(found) + "."]))
    said = [
        phrases.search_text(found) + ". The band is one standard error of the mean over the folds.",
        phrases.search_score_text(found) + ".",
    ]
    return section("How C was chosen", paragraphs(said) + figure(curve_plot(found)))


def nested(found: NestedResult | None) -> str:
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
        f"All {pooled.n:,} rows together: accuracy {phrases.estimate_text(pooled.accuracy)} %, "
        f"macro F1 {phrases.estimate_text(pooled.macro_f1)} %."
    )
    names = ("fold left out", *(["features"] if found.chosen_features else []), "chosen C", "accuracy %")
    return section("Nested cross-validation", paragraphs([said]) + table(names, rows, called="The outer folds"))


def _remark(trial: TrialRecord, choice: ChoiceRecord) -> str:
    remarks = ["taken"] if trial.features == choice.winner else []
    remarks += ["the tutorial's"] if trial.features == choice.tutorial else []
    remarks += ["same for every text"] if trial.chosen_C is None else []
    return ", ".join(remarks)
