"""Every figure of small fixed inputs, to six digits, as it stands in the files in `expected_texts`.

Other tests hold these figures to scikit-learn, to scipy and to formulas; here a change anywhere in them shows.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from expected import assert_expected, rounded_json
from frostline.evaluate.baselines import Baseline, Part, baselines
from frostline.evaluate.curve_points import Measured, Trial, Whole, curve_of, learning_curve, proportional_order
from frostline.evaluate.examples import Examples, furthest_missed, sentence_map, surest_mistakes
from frostline.evaluate.intervals import f1_interval, macro_f1_interval, mean_interval, resampled, row_counts, wilson
from frostline.evaluate.learning_curve import look_ahead
from frostline.evaluate.nested import nested_cross_validation
from frostline.evaluate.paired import mcnemar, paired_difference
from frostline.evaluate.probabilities import calibration_scores, coverage_curve, label_curves, reliability
from frostline.evaluate.scores import Evaluation, answer_scores, evaluate, most_probable
from frostline.head.linear import NO_ANSWER, Rule, decisions_for
from frostline.head.options import SearchOptions
from frostline.targets import Targets


def exam(n: int, n_labels: int, seed: int = 0) -> tuple[Any, Any]:
    """Probabilities with two decimals, so that some are equal, and codes that follow them."""
    random = np.random.RandomState(seed)
    raw = random.gamma(0.6, size=(n, n_labels)) + 0.01
    shares = np.round(raw / raw.sum(axis=1, keepdims=True), 2)
    shares[:, -1] = 1 - shares[:, :-1].sum(axis=1)
    codes = np.array([random.choice(n_labels, p=np.maximum(row, 0) / np.maximum(row, 0).sum()) for row in shares])
    return np.abs(shares), codes.astype(np.int64)


def made_up(n: int, n_labels: int, seed: int) -> Part:
    random = np.random.RandomState(seed)
    codes = (random.rand(n) ** 1.5 * n_labels).astype(np.int64)
    centres = np.random.RandomState(99).normal(size=(n_labels, 5))
    rows = (0.8 * centres[codes] + random.normal(size=(n, 5))).astype(np.float32)
    texts = [f"topic{code if random.rand() < 0.8 else 9} word{random.randint(20)}" for code in codes]
    return Part(texts, rows, Targets.of_codes(codes, "abc"[:n_labels]))


def exclusive(codes: np.ndarray, labels: Sequence[str] = "abcd") -> Targets:
    return Targets.of_codes(codes, labels)


def figures_of(test: Evaluation) -> dict[str, Any]:
    """As the files have them: each score under its name."""
    head = {"labels": test.labels, "n": test.n}
    if test.confusion is not None:
        return {**head, **test.scores, "confusion": test.confusion, "per_label": test.per_label}
    return {
        **head,
        "n_given": test.n_given,
        "n_true": test.n_true,
        **test.scores,
        "reliability": test.reliability,
        "per_label": test.per_label,
        "average_precisions": test.average_precisions,
    }


def figures_of_baseline(one: Baseline) -> dict[str, Any]:
    """As the files have them, but for its seconds."""
    head = {"name": one.name, "made_of": one.made_of}
    if "accuracy" in one.leads:
        lead = one.leads["accuracy"]
        named = {"value": lead.value, "interval": lead.interval, "n": lead.n, "n_only_first": lead.n_only_model}
        told = {**named, "n_only_second": lead.n_only_baseline, "p_value": lead.p_value}
        scores = {name: one.scores.get(name) for name in ("accuracy", "macro_f1", "log_loss")}
        return {**head, **scores, "lead": told, "seconds": 0.0}
    names = ("micro_f1", "macro_f1", "subset_accuracy", "mean_average_precision", "log_loss")
    leads = {
        f"lead_{name}": {"value": lead.value, "interval": lead.interval, "n": lead.n}
        for name, lead in one.leads.items()
    }
    return {**head, **{name: one.scores.get(name) for name in names}, **leads, "seconds": 0.0}


def assert_figures(value: Any, name: str) -> None:
    assert_expected(rounded_json(value), f"{name}.json")


def test_an_evaluation() -> None:
    """The fourth label occurs nowhere, the third is never said."""
    probabilities, codes = exam(40, 3)
    probabilities = np.column_stack([probabilities, np.zeros(40)])
    probabilities[:, :2] += 0.5 * probabilities[:, 2:3]
    probabilities[:, 2] = 0
    found = evaluate(probabilities, most_probable(probabilities), exclusive(codes))
    assert_figures(figures_of(found), "figures-evaluation")


def test_an_evaluation_of_answers_chosen_by_thresholds() -> None:
    probabilities, codes = exam(30, 2)
    found = evaluate(
        probabilities, np.column_stack([probabilities[:, 1] <= 0.3, probabilities[:, 1] > 0.3]), exclusive(codes, "ab")
    )
    assert_figures(figures_of(found), "figures-evaluation-thresholds")


def test_answers() -> None:
    probabilities, codes = exam(40, 3, seed=1)
    found = answer_scores(most_probable(probabilities), probabilities.max(axis=1) > 0.55, exclusive(codes, "abc"))
    assert_figures(found, "figures-answers")


@pytest.mark.parametrize(("n", "n_labels"), [(1, 2), (39, 2), (40, 3), (130, 3), (330, 2)])
def test_calibration(n: int, n_labels: int) -> None:
    probabilities, codes = exam(n, n_labels)
    targets = exclusive(codes, "abc"[:n_labels])
    assert_figures(calibration_scores(probabilities, targets), f"figures-calibration-{n}")


@pytest.mark.parametrize("off", [-0.25, -0.1, 0.1, 0.3])
def test_calibration_that_is_off(off: float) -> None:
    """By much, so that the lower limit of the error is above 0."""
    random = np.random.RandomState(4)
    claimed = random.uniform(0.35, 0.75, 200)
    assert_figures(
        reliability(claimed, random.rand(200) < claimed - off, lots=None), f"figures-calibration-off-by{100 * off:+.0f}"
    )


def test_curves() -> None:
    probabilities, codes = exam(40, 3, seed=2)
    assert_figures(label_curves(probabilities, exclusive(codes, "abc")), "figures-curves")


def test_thinned_curves() -> None:
    """Every twentieth of their points."""
    random = np.random.RandomState(0)
    scores = np.round(random.rand(3000), 3)
    codes = (random.rand(3000) < scores).astype(np.int64)
    (found,) = label_curves(np.column_stack([1 - scores, scores]), exclusive(codes, "ab"))
    curves = [found.roc, found.precision_recall]
    points = [{"n": len(one.x), "x": one.x[::20], "y": one.y[::20], "from": one.thresholds[::20]} for one in curves]
    assert_figures(points, "figures-curves-thinned")


def test_coverage() -> None:
    probabilities, codes = exam(40, 3, seed=3)
    targets = exclusive(codes, "abc")
    plain = coverage_curve(probabilities, most_probable(probabilities), targets)
    favoured = exclusive(Rule(thresholds=(0.2, 0.3, 0.5)).favoured(probabilities), "abc").members
    ruled = coverage_curve(probabilities, favoured, targets, answer_from=0.4)
    assert_figures([plain, ruled], "figures-coverage")


def test_coverage_of_many_rows_has_120_points() -> None:
    claimed = np.linspace(0.51, 0.99, 500)
    probabilities = np.column_stack([claimed, 1 - claimed])
    targets = exclusive((np.arange(500) % 7 == 0).astype(np.int64), "ab")
    found = coverage_curve(probabilities, most_probable(probabilities), targets)
    assert (len(found.coverage), found.coverage[0], found.coverage[-1]) == (120, 0.02, 1.0)
    assert_figures(replace_points(found, every=12), "figures-coverage-thinned")


def replace_points(found: Any, every: int) -> Any:
    kept = {name: getattr(found, name)[::every] for name in ("coverage", "precision", "low", "high", "thresholds")}
    return replace(found, **kept)


def test_baselines() -> None:
    """But for their seconds."""
    splits = [(made_up(80, 3, 0), made_up(30, 3, 1)), (made_up(70, 3, 2), made_up(30, 3, 3))]
    predicted = np.concatenate([test.targets.codes for _, test in splits])
    predicted[::4] = 0
    found = baselines(splits, favoured=exclusive(predicted, "abc").members, seed=1)
    assert all(0 < one.seconds < 60 for one in found)
    assert_figures([figures_of_baseline(one) for one in found], "figures-baselines")


def test_intervals() -> None:
    """Of shares, F1, macro F1 and means; with all, none and one right."""
    found = {
        "wilson": [wilson(hits, n) for n in (1, 2, 10, 1000) for hits in (0, 1, n // 2, n)],
        "f1": [f1_interval(hits, n) for n in (1, 7) for hits in (0, 1, n)],
        "macro": [
            macro_f1_interval(np.array(cells))
            for cells in (
                [[5]],
                [[5, 0], [0, 5]],
                [[5, 1], [2, 7]],
                [[9, 1, 0], [2, 7, 1], [0, 0, 3]],
                [[0, 3], [2, 0]],
            )
        ],
        "mean": [
            mean_interval(np.array(values, dtype=np.float64), lots=None)
            for values in (
                [0.3],
                [40.0],
                [0.1, 0.4],
                [0.1, 0.2, 2.5],
                [1, 2, 3, 4],
                [0.5, 0.5, 0.5, 0.5],
                [*range(1, 9), 30],
                [0.0] * 30 + [1.0],
            )
        ],
    }
    assert_figures(found, "figures-intervals")


def test_paired_differences() -> None:
    truth = np.zeros(12, np.int64)
    right, wrong = truth, truth + 1

    def compared(n_both: int, n_first: int, n_second: int) -> Any:
        first = np.where(np.arange(12) < n_both + n_first, right, wrong)
        places = np.arange(12)
        is_second = (places < n_both) | ((places >= n_both + n_first) & (places < n_both + n_first + n_second))
        return paired_difference(first, np.where(is_second, right, wrong), truth, lots=None)

    found = [compared(*counts) for counts in ((12, 0, 0), (0, 12, 0), (0, 0, 12), (5, 4, 1), (2, 3, 3))]
    one = paired_difference(np.array([0]), np.array([1]), np.array([0]), lots=None)
    assert_figures([*found, one, [mcnemar(*pair) for pair in ((0, 0), (1, 0), (2, 7), (30, 50))]], "figures-paired")


def test_a_difference_of_one_row_ends_at_one() -> None:
    """Neither limit leaves the differences that there are."""
    one, other = np.array([0]), np.array([1])
    for n in (1, 2, 3):
        ahead = paired_difference(np.repeat(one, n), np.repeat(other, n), np.repeat(one, n), lots=None)
        behind = paired_difference(np.repeat(other, n), np.repeat(one, n), np.repeat(one, n), lots=None)
        assert (ahead.value, ahead.interval[1], behind.value, behind.interval[0]) == (1, 1, -1, -1)
        assert ahead.interval[0] == pytest.approx(-behind.interval[1])


def measured_sizes() -> list[Measured]:
    """Four sizes whose heads err on fewer and fewer of 300 rows."""
    random = np.random.RandomState(3)
    places = random.rand(300)
    sizes = []
    shares = {50: (0.3, 0.34), 100: (0.26, 0.24), 200: (0.21, 0.22), 400: (0.17,)}
    for n_rows, errors in shares.items():
        predicted = np.stack([(places < error).astype(np.int64) for error in errors])
        sizes.append(Measured(n_rows, predicted[:, :, None] == np.arange(3), (0.5,) * len(errors), 0.9))
    return sizes


def test_a_learning_curves_band_and_outlook() -> None:
    codes = np.zeros(300, np.int64)
    codes[280:] = 1
    found = curve_of(measured_sizes(), exclusive(codes, "abc"), n_saved=500, n_trials=5, seed=2**32 + 1, begun=0.0)
    assert found.seconds > 0
    assert_figures(replace(found, seconds=0.0), "figures-learning-band")


@pytest.mark.parametrize("n_trials", [1, 2])
def test_learning_curves(n_trials: int) -> None:
    """Fitted, with each subset's C; of a hold-out and out of fold."""
    part, test = made_up(300, 3, 5), made_up(60, 3, 6)
    fold = np.arange(300) % n_trials
    trials = (
        [Trial(np.arange(300), test.rows, test.targets)]
        if n_trials == 1
        else [Trial(np.flatnonzero(fold != k), part.rows[fold == k], part.targets.take(fold == k)) for k in range(2)]
    )
    told: list[tuple[int, int]] = []
    codes = np.concatenate([trial.test_targets.codes for trial in trials])
    found = learning_curve(
        part.rows,
        part.targets,
        trials=trials,
        whole=Whole(
            favoured=exclusive(np.where(np.arange(len(codes)) % 5, codes, 0), "abc").members,
            C=0.1,
            fitted_accuracy=0.875,
        ),
        options=SearchOptions(Cs=(10.0, 0.001, 0.01, 0.1, 1.0, 100.0, 1e-4), threads=1, seed=3),
        progress=lambda done, total: told.append((done, total)),
    )
    n_subsets = 4 * (len(found.points) - 1)  # four of each size, or two of each fold's rows
    assert told == [(done, n_subsets) for done in range(1, n_subsets + 1)]
    assert found.seconds > 0
    assert_figures(replace(found, seconds=0.0), f"figures-learning-{n_trials}")


def test_an_order_in_proportion() -> None:
    codes = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 0, 0])
    orders = [proportional_order(exclusive(codes), seed=seed).tolist() for seed in (0, 1, 2**32)]
    assert orders[0] == orders[2]
    assert sorted(codes[orders[0][:3]].tolist()) == [0, 1, 2], "the first of each label come before all others"
    assert_figures(orders, "figures-order")


def test_outlooks() -> None:
    """Rising, flat, falling, one that ends at 1, and one of two sizes."""
    places = np.random.RandomState(3).rand(1000)

    def ahead_of(*accuracies: float) -> Any:
        n_rows = np.array([100.0 * 2**step for step in range(len(accuracies))])
        right = [np.stack([places < accuracy, places < accuracy + 0.01]) for accuracy in accuracies[:-1]]
        return look_ahead(
            n_rows, [*right, (places < accuracies[-1])[None]], n_saved=int(n_rows[-1]), n_pairs=1, lots=None
        )

    told = [
        ahead_of(0.7, 0.75, 0.78, 0.8),
        ahead_of(0.7, 0.7, 0.7, 0.7),
        ahead_of(0.74, 0.73, 0.72, 0.71),
        ahead_of(0.9, 0.95, 0.98, 0.995),
        ahead_of(0.9, 0.92),
    ]
    assert all(why == "" for _, why in told)
    short = [
        replace(outlook, **{name: getattr(outlook, name)[::8] for name in ("n_rows", "accuracy", "low", "high")})
        for outlook, _ in told
    ]
    assert_figures(short, "figures-outlooks")


def test_nested_cross_validation() -> None:
    part = made_up(90, 3, 8)
    options = SearchOptions(Cs=(0.001, 0.1, 10.0), n_folds=3, threads=1)
    found = nested_cross_validation(part.rows, part.targets, options=options, n_outer=4, seed=2)
    assert found.n_outer == found.fold_of.max() + 1 == 4
    few = {name: getattr(found, name)[::10].round(4) for name in ("probabilities", "uncalibrated")}
    columns = found.favoured.argmax(axis=1)
    told = {field.name: getattr(found, field.name) for field in fields(found)} | few
    told |= {"evaluation": figures_of(found.evaluation), "favoured": columns}
    assert_figures({**told, "answered": np.where(found.answered, columns, NO_ANSWER)}, "figures-nested")


def test_maps() -> None:
    """Two labels' and more labels'; of all rows and of some."""
    random = np.random.RandomState(1)
    features = random.normal(size=(12, 14)).astype(np.float32)
    features[:, :5] += random.normal(size=(12, 1)).astype(np.float32) * 3
    features[:, 3] = 0.5
    two = sentence_map(random.normal(size=(12, 1)), features)
    more = sentence_map(decisions_for(exam(12, 4)[0], link="softmax"), features, seed=2, most=6)
    assert two is not None
    assert more is not None
    assert_figures([replace(two, places=two.places.round(3)), more], "figures-maps")


def test_three_texts_have_a_map_and_two_have_none() -> None:
    decisions = np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    assert sentence_map(decisions, np.zeros((3, 1))) is not None
    assert sentence_map(decisions[:2], np.zeros((2, 1))) is None
    assert sentence_map(decisions[:, :1], np.zeros((3, 1))) is not None
    assert sentence_map(decisions[:2, :1], np.zeros((2, 1))) is None


@pytest.mark.parametrize("n", [12, 60])
def test_several_labels(n: int) -> None:
    random = np.random.RandomState(n)
    members = random.rand(n, 4) < [0.5, 0.3, 0.1, 0.0]
    probabilities = np.clip(0.3 * members + 0.6 * random.rand(n, 4), 0, 1).round(2)
    found = evaluate(probabilities, probabilities >= 0.4, Targets(tuple("abcd"), members, exclusive=False))
    assert_figures(figures_of(found), f"figures-multi-{n}")


def test_draws_of_several_labels() -> None:
    """A few draws as they are, and the correlations of the F1 that all of them show."""
    random = np.random.RandomState(0)
    members = random.rand(40, 3) < [0.5, 0.3, 0.1]
    members[:, 1] |= members[:, 2]
    probabilities = np.clip(0.3 * members + 0.6 * random.rand(40, 3), 0, 1).round(2)
    given = probabilities >= 0.45
    found = resampled(given, members, probabilities, seed=5, lots=None)
    expected = np.corrcoef(found.label_f1[:, [0, 2]].T)
    np.testing.assert_allclose(found.correlations([0, 2]), expected, atol=1e-12)
    figures = {
        "counts": row_counts(10, n_draws=2, seed=5).tolist(),
        "n_draws": found.n_draws,
        "n_ranked": len(found.mean_average_precision),
        "micro": found.micro_f1[::200],
        "macro": found.macro_f1[::200],
        "label": found.label_f1[::200],
        "ranked": found.mean_average_precision[::200],
        "interval": found.interval(found.macro_f1, 0.7),
        "correlations": found.correlations([0, 1, 2]),
    }
    assert_figures(figures, "figures-draws")


def test_a_label_that_never_varies_is_related_to_none() -> None:
    nothing = np.zeros((25, 2), dtype=bool)
    nothing[:9, 0] = True
    found = resampled(nothing, nothing, None, seed=0, lots=None)
    assert found.correlations([0, 1]).tolist() == [[1, 0], [0, 1]]
    assert len(found.mean_average_precision) == 0


def test_baselines_of_several_labels() -> None:
    random = np.random.RandomState(0)
    members = random.rand(120, 3) < [0.4, 0.3, 0.1]
    words = ("red", "blue", "green")
    texts = [
        f"so {' '.join(word for word, has in zip(words, row, strict=True) if has)} {place % 11}"
        for place, row in enumerate(members)
    ]
    targets, first = Targets(words, members, exclusive=False), np.arange(120) < 80
    whole = Part(texts, np.zeros((120, 1), np.float32), targets)
    train, test = whole.take(np.flatnonzero(first)), whole.take(np.flatnonzero(~first))
    given = members[80:].copy()
    given[::5, 0] = False
    found = baselines([(train, test)], favoured=given, seed=0)
    assert_figures([figures_of_baseline(one) for one in found], "figures-multi-baselines")


def test_mistakes_of_several_labels() -> None:
    """The surest of those given wrongly, the least sure of those missed; one for each text."""
    examples = Examples(
        labels=("a", "b", "c"),
        name="f",
        texts=["t0", "t1", "t2", "t3"],
        lines=[2, 3, 4, 5],
        answered=np.ones(4, dtype=bool),
        favoured=np.array([[1, 1, 0], [0, 1, 1], [0, 0, 0], [1, 0, 0]], dtype=bool),
        members=np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0], [1, 0, 0]], dtype=bool),
        probabilities=np.array([[0.9, 0.6, 0.1], [0.1, 0.7, 0.8], [0.3, 0.2, 0.1], [0.9, 0.1, 0.1]]),
    )
    given, missed = surest_mistakes(examples, most=5), furthest_missed(examples, most=5)
    assert [(one.text, one.line, one.label, one.probability, one.true) for one in given] == [
        ("t1", 3, "c", 0.8, ()),
        ("t0", 2, "b", 0.6, ("a",)),
    ]
    assert [(one.text, one.label, one.probability, one.true) for one in missed] == [("t2", "b", 0.2, ("a", "b"))]
    assert surest_mistakes(examples, most=1) == given[:1]
