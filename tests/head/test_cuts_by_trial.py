"""Where a rule cuts: beside a plain trial of every place there is, and what is said where none is good enough."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities
from frostline.errors import InputError, UsageError
from frostline.head.deciding import RuleFit, RuleOptions, fit_rule, macro_f1_of, macro_f1_thresholds, parsed_wish
from frostline.head.linear import NO_ANSWER, Rule
from frostline.targets import Targets

LABELS = ("a", "b", "c")


def limit(hits: int, n: int) -> float:
    """Wilson's lower limit as the smaller root of (share - p)^2 = z^2 p (1 - p) / n."""
    z, share = NormalDist().inv_cdf(0.9), hits / n
    return float(min(np.roots([1 + z * z / n, -(2 * share + z * z / n), share * share]).real))


def drawn(seed: int, n: int, n_labels: int) -> tuple[Probabilities, IntArray]:
    """Probabilities of few different values, so that rows tie; labels mostly as they say."""
    random = np.random.default_rng(seed)
    shares = random.integers(1, 6, (n, n_labels)).astype(float)
    shares /= shares.sum(axis=1, keepdims=True)
    codes = np.where(random.random(n) < 0.7, shares.argmax(axis=1), random.integers(n_labels, size=n))
    return shares, codes.astype(np.int64)


def places(values: Float64Array) -> list[tuple[float, BoolArray]]:
    """Every way to take the largest values, equals together, fewest first; the cut half-way to the first one left."""
    distinct = np.unique(values)[::-1]
    below = [*((distinct[:-1] + distinct[1:]) / 2), 0.0]
    return [(float(cut), values >= least) for least, cut in zip(distinct, below, strict=True)]


def fit(shares: Probabilities, codes: IntArray, *, must_reach: bool = True, **wishes: object) -> RuleFit:
    options = RuleOptions(**wishes)  # type: ignore[arg-type]
    one_fold = np.zeros(len(codes), dtype=np.int64)
    targets = Targets.of_codes(codes, LABELS[: shares.shape[1]])
    return fit_rule(shares, targets, folds=one_fold, options=options, must_reach=must_reach)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 40), n_labels=st.integers(2, 3), wish=st.sampled_from([0.3, 0.6]))
def test_as_many_rows_are_answered_as_the_precision_allows(seed: int, n: int, n_labels: int, wish: float) -> None:
    """The lowest cut whose limit is as wished for; where there is none, that of the best limit, the highest such."""
    shares, codes = drawn(seed, n, n_labels)
    right = shares.argmax(axis=1) == codes
    tried = [(cut, limit(int(right[kept].sum()), int(kept.sum()))) for cut, kept in places(shares.max(axis=1))]
    good = [cut for cut, reached in tried if reached >= wish]
    best = max(reached for _, reached in tried)
    expected = good[-1] if good else next(cut for cut, reached in tried if reached >= best - 1e-12)
    found = fit(shares, codes, abstain_precision=wish, must_reach=False)
    assert found.rule is not None
    assert (found.rule.thresholds, found.label) == ((), None)
    assert found.rule.answer_from == pytest.approx(expected, abs=1e-12)
    assert (found.held_out_codes == found.rule.codes(shares)).all()


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 40),
    n_labels=st.integers(2, 3),
    wish=st.tuples(st.sampled_from(["precision", "recall"]), st.sampled_from([0.25, 0.6])),
    column=st.integers(0, 1),
)
def test_a_label_is_cut_where_a_plain_trial_cuts_it(
    seed: int, n: int, n_labels: int, wish: tuple[str, float], column: int
) -> None:
    """Precision with as much recall as can be, recall with as few rows as can be; else the nearest there is."""
    shares, codes = drawn(seed, n, n_labels)
    rival = np.delete(shares, column, axis=1).max(axis=1)
    has = codes == column
    kind, wanted = wish
    tried = [
        (cut, limit(int(has[kept].sum()), int(kept.sum()) if kind == "precision" else max(1, int(has.sum()))))
        for cut, kept in places(shares[:, column] / (shares[:, column] + rival))
    ]
    good = [cut for cut, reached in tried if reached >= wanted]
    if kind == "precision":
        best = max(reached for _, reached in tried)
        cut = good[-1] if good else next(cut for cut, reached in tried if reached >= best - 1e-12)
    else:
        cut = good[0] if good else tried[-1][0]
    cut = min(max(cut, 1e-6), 1 - 1e-6)
    found = fit(shares, codes, threshold_for=wish, threshold_label=LABELS[column], must_reach=False)
    assert found.rule is not None
    expected = [cut if place == column else 1 - cut for place in range(n_labels)]
    assert found.rule.thresholds == pytest.approx(expected, abs=1e-12)
    assert (found.label, found.rule.answer_from) == (LABELS[column], 0.0)


def certain(n: int, wrong: int = 0) -> tuple[Probabilities, IntArray]:
    """Rows of two labels, all equally sure, the first `wrong` of them wrongly."""
    codes = np.arange(n) % 2
    shares = np.where(np.arange(2) == codes[:, None], 0.8, 0.2)
    return shares, np.where(np.arange(n) < wrong, 1 - codes, codes).astype(np.int64)


def test_a_wish_that_is_just_reached_is_not_refused() -> None:
    """The limit of 8 right of 8 is 0.8297; a millionth more is too much, and the error names what can be had."""
    shares, codes = certain(8)
    reached = limit(8, 8)
    found = fit(shares, codes, abstain_precision=reached - 1e-9)
    assert found.rule is not None
    assert found.rule.answer_from == 0.0
    with pytest.raises(InputError) as caught:
        fit(shares, codes, abstain_precision=0.83)
    assert str(caught.value) == (
        "No threshold is sure to reach a precision of 0.83 on held-out rows: the best lower limit is 0.830, "
        "taking 100 % of the texts. Ask for 0.82 or less, or train on more rows."
    )


def test_the_label_and_the_share_of_texts_are_named_where_a_label_cannot_have_its_wish() -> None:
    shares, codes = certain(8, wrong=2)
    with pytest.raises(InputError) as caught:
        fit(shares, codes, threshold_for=("precision", 0.95))
    assert str(caught.value) == (
        "No threshold is sure to reach a precision of 'b' of 0.95 on held-out rows: the best lower limit is "
        f"{limit(3, 4):.3f}, taking 50 % of the texts. Ask for 0.43 or less, or train on more rows."
    )
    with pytest.raises(InputError, match=rf"a recall of 'b' of 0\.95 .* limit is {limit(4, 4):.3f}, taking 100 %"):
        fit(shares, codes, threshold_for=("recall", 0.95))


def test_rows_that_are_never_right_promise_nothing() -> None:
    shares, codes = certain(4, wrong=4)
    with pytest.raises(InputError) as caught:
        fit(shares, codes, abstain_precision=0.5)
    assert caught.value.hint == "Train on more rows: these are too few to promise anything."


def test_a_label_and_a_precision_together_are_both_kept() -> None:
    """First the label is cut, then only sure answers are given; of two wishes out of reach the label's is told."""
    shares, codes = certain(40, wrong=2)
    found = fit(shares, codes, threshold_for=("recall", 0.5), abstain_precision=0.8)
    assert found.rule == Rule(thresholds=(0.5, 0.5), answer_from=0.0)
    with pytest.raises(InputError, match=r"a recall of 'b' of 0\.999"):
        fit(shares, codes, threshold_for=("recall", 0.999), abstain_precision=0.998)
    with pytest.raises(InputError, match=r"a precision of 0\.998 "):
        fit(shares, codes, threshold_for=("recall", 0.5), abstain_precision=0.998)


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"abstain_precision": 1.0}, "The precision to abstain for must be above 0 and below 1 (got 1.0)."),
        ({"threshold_for": ("recall", 0.0)}, "The recall to reach must be above 0 and below 1 (got 0.0)."),
        (
            {"threshold_for": ("recall", 0.9), "thresholds": "f1"},
            "A threshold for one label and thresholds for macro F1 exclude each other.",
        ),
        (
            {"threshold_label": "b"},
            (
                "A label for a threshold was named, but not what to reach with it. "
                "Add --threshold-for precision=0.9 or recall=0.9."
            ),
        ),
    ],
)
def test_wishes_that_cannot_be_are_refused_in_full(wishes: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        RuleOptions(**wishes)  # type: ignore[arg-type]
    assert str(caught.value) == told


def test_labels_are_named_up_to_ten() -> None:
    """One of eleven: the last is left out, and said to be."""
    labels = tuple("abcdefghijk")
    shares, targets = np.eye(11), Targets.of_codes(np.arange(11), labels)
    folds = np.arange(11) % 2
    options = RuleOptions(threshold_for=("recall", 0.1), threshold_label="z")
    with pytest.raises(UsageError) as caught:
        fit_rule(shares, targets, folds=folds, options=options)
    assert (
        str(caught.value)
        == "The threshold's label must be one of 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', … (got 'z')."
    )
    with pytest.raises(UsageError) as caught:
        fit_rule(np.eye(10), Targets.of_codes(np.arange(10), labels[:10]), folds=folds[:10], options=options)
    assert (
        str(caught.value)
        == "The threshold's label must be one of 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j' (got 'z')."
    )
    unnamed = RuleOptions(threshold_for=("recall", 0.1))
    with pytest.raises(UsageError) as caught:
        fit_rule(shares, targets, folds=folds, options=unnamed)
    assert str(caught.value) == "A threshold is of one label: name which of the 11. Add --threshold-label LABEL."


def test_a_wish_in_words_is_read_as_it_stands() -> None:
    assert parsed_wish("precision=0.9") == ("precision", 0.9)
    assert parsed_wish("recall=5e-1") == ("recall", 0.5)
    with pytest.raises(UsageError) as caught:
        parsed_wish("recall=0,9")
    assert str(caught.value) == ("A threshold must be for precision=0.9, recall=0.9 or the like (got 'recall=0,9').")


@pytest.mark.parametrize(
    ("predicted", "codes", "n_labels", "value"),
    [
        ([0, 0, 1, 1], [0, 1, 1, 1], 2, (2 / 3 + 4 / 5) / 2),
        ([0, 0, -1, 1], [0, 1, 1, 1], 2, (2 / 3 + 1 / 2) / 2),  # no answer is no label, and finds nothing
        ([0, 1, 0], [0, 1, 1], 4, (2 / 3 + 2 / 3) / 2),  # labels that do not occur count for nothing
        ([2, 2], [0, 0], 3, 0.0),
        ([1], [1], 2, 1.0),
    ],
)
def test_macro_f1_is_the_mean_over_labels_that_occur(
    predicted: list[int], codes: list[int], n_labels: int, value: float
) -> None:
    assert macro_f1_of(np.array(predicted), np.array(codes), n_labels) == pytest.approx(value, abs=1e-15)


def test_thresholds_lie_half_way_between_the_last_taken_and_the_first_left() -> None:
    """In ratios to the rival, geometrically: 0.6 : 0.4 is left, 0.7 : 0.3 taken; and where all or none is taken."""
    shares = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]])
    cut = np.sqrt(1.5 * 7 / 3)
    assert macro_f1_thresholds(shares, np.array([0, 0, 1, 1])) == pytest.approx((1 / (1 + cut), cut / (1 + cut)))
    all_ = np.sqrt((1 / 9) ** 2 / 2)
    assert macro_f1_thresholds(shares, np.array([1, 1, 1, 1])) == pytest.approx((1 / (1 + all_), all_ / (1 + all_)))
    none = np.sqrt(4.0 * 8.0)
    assert macro_f1_thresholds(shares, np.array([0, 0, 0, 0])) == pytest.approx((1 / (1 + none), none / (1 + none)))
    assert macro_f1_thresholds(shares, np.array([0, 1, 1, 1])) == (0.5, 0.5)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(3, 25))
def test_of_three_labels_none_can_be_moved_alone_for_more(seed: int, n: int) -> None:
    """Unless the passes ran out, which on so few rows they do not: by a plain trial of every ratio."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.ones(3), n)
    codes = np.where(random.random(n) < 0.7, shares.argmax(axis=1), random.integers(3, size=n))
    found = np.array(macro_f1_thresholds(shares, codes))
    reached = macro_f1_of((shares / found).argmax(axis=1), codes, 3)
    for label in range(3):
        others = np.delete(shares / found, label, axis=1).max(axis=1)
        ratios = np.unique(shares[:, label] / others)
        for cut in np.concatenate([ratios * (1 - 1e-9), ratios * (1 + 1e-9)]):
            moved = found.copy()
            moved[label] = cut
            assert reached >= macro_f1_of((shares / moved).argmax(axis=1), codes, 3) - 1e-9


def test_thresholds_for_f1_are_left_out_or_kept_by_what_they_gain_out_of_fold() -> None:
    """A rule that gains nothing on the other folds is none; where rows may stay unanswered it is not asked."""
    shares, codes = certain(8)
    folds = np.arange(8) // 2 % 4
    targets = Targets.of_codes(codes, ("a", "b"))
    gains_nothing = fit_rule(shares, targets, folds=folds, options=RuleOptions(thresholds="f1"))
    assert gains_nothing.rule is None
    assert gains_nothing.label is None
    assert (gains_nothing.held_out_codes == shares.argmax(axis=1)).all()
    both = RuleOptions(thresholds="f1", abstain_precision=0.5)
    kept = fit_rule(shares, targets, folds=folds, options=both)
    assert kept.rule == Rule(thresholds=(0.5, 0.5), answer_from=0.0)
    rare = np.array([[0.7, 0.3], [0.7, 0.3], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1]])
    gains = fit_rule(
        rare,
        Targets.of_codes(np.array([1, 1, 0, 0, 0, 0]), ("a", "b")),
        folds=np.arange(6) % 2,
        options=RuleOptions(thresholds="f1"),
    )
    assert gains.rule is not None
    assert gains.held_out_codes.tolist() == [1, 1, 0, 0, 0, 0]


def test_a_rule_takes_equals_in_order_and_answers_from_its_cut_on() -> None:
    shares = np.array([[0.5, 0.5], [0.4, 0.6], [0.59, 0.41]])
    assert Rule().codes(shares).tolist() == [0, 1, 0]
    assert Rule(answer_from=0.59).codes(shares).tolist() == [NO_ANSWER, 1, 0]
    assert Rule(answer_from=0.6).codes(shares).tolist() == [-1, 1, -1]
    assert Rule(answer_from=0.6).favoured(shares).tolist() == [0, 1, 0]
    assert Rule(thresholds=(0.6, 0.4)).codes(shares).tolist() == [1, 1, 1]
    assert Rule(thresholds=(0.6, 0.4)).sets(shares).tolist() == [[False, True], [False, True], [False, True]]
    assert Rule().sets(shares).tolist() == [[True, True], [False, True], [True, False]]
