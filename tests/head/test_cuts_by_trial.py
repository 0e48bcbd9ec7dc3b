"""Where a rule cuts: beside a plain trial of every place there is, and what is said where none is good enough."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities
from frostline.errors import InputError, UsageError
from frostline.head.deciding import (
    Promise,
    RuleFit,
    RuleOptions,
    WhereUnmet,
    parsed_wish,
)
from frostline.head.linear import NO_ANSWER, Rule
from frostline.head.scoring import macro_f1_of
from frostline.head.wished import fit_rule, macro_f1_thresholds
from frostline.targets import Targets

LABELS = ("a", "b", "c")


def held_out_codes(fit: RuleFit) -> IntArray:
    """The answer to each row (n_texts,), or `NO_ANSWER`."""
    return np.where(fit.answered, fit.favoured.argmax(axis=1), NO_ANSWER).astype(np.int64)


def chance(hits: int, n: int, share: float) -> float:
    """Of so many hits or more among n, summed term by term."""
    return sum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(hits, n + 1))


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


def fit(shares: Probabilities, codes: IntArray, *, unmet: WhereUnmet = "refuse", **wishes: object) -> RuleFit:
    options = RuleOptions(**wishes)  # type: ignore[arg-type]
    one_fold = np.zeros(len(codes), dtype=np.int64)
    targets = Targets.of_codes(codes, LABELS[: shares.shape[1]])
    return fit_rule(shares, targets, folds=one_fold, options=options, unmet=unmet)


def walked(
    values: Float64Array, right: BoolArray, wish: float, confidence: float = 0.95
) -> tuple[list[float], float, bool]:
    """The cuts that pass, one after the other; that of the least chance; and whether any passed."""
    n = len(values)
    starts = [next(m for m in range(k + 1, 99) if chance(m - k, m, wish) <= 1 - confidence) for k in (2, 1, 0)]
    starts[0] = max(starts[0], 30)
    steps = [next((start for start in starts if start <= n), n)]
    while steps[-1] < n:
        steps.append(min(n, math.ceil(1.05 * steps[-1])))
    tried = [(cut, chance(int(right[kept].sum()), int(kept.sum()), wish), kept.sum()) for cut, kept in places(values)]
    walk = [next((cut, risk) for cut, risk, count in tried if count >= step) for step in steps]
    passed = [cut for cut, _ in itertools.takewhile(lambda step: step[1] <= 1 - confidence, walk)]
    least = min(risk for _, risk, _ in tried)
    return passed, next(cut for cut, risk, _ in tried if risk <= least + 1e-12), bool(passed)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 40),
    n_labels=st.integers(2, 3),
    wish=st.sampled_from([0.3, 0.6]),
    confidence=st.sampled_from([0.95, 0.8]),
)
def test_answers_are_given_as_far_down_as_the_walk_comes(
    seed: int, n: int, n_labels: int, wish: float, confidence: float
) -> None:
    """The last cut before the first that could be chance; where the first already is, the nearest there is."""
    shares, codes = drawn(seed, n, n_labels)
    right = shares.argmax(axis=1) == codes
    passed, nearest, is_promised = walked(shares.max(axis=1), right, wish, confidence)
    found = fit(shares, codes, abstain_precision=wish, confidence=confidence, unmet="nearest")
    assert found.rule is not None
    assert (found.rule.thresholds, found.label) == ((), None)
    assert found.rule.answer_from == pytest.approx(passed[-1] if passed else nearest, abs=1e-12)
    assert (held_out_codes(found) == found.rule.codes(shares)).all()
    assert (len(found.promises), len(found.unmet)) == ((1, 0) if is_promised else (0, 1))
    for promise in found.promises:
        assert (promise.of, promise.share, promise.confidence, promise.n) == ("answers", wish, confidence, n)
        assert promise.coverage == pytest.approx((held_out_codes(found) != NO_ANSWER).mean())


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
    values = shares[:, column] / (shares[:, column] + rival)
    if kind == "precision":
        passed, nearest, _ = walked(values, has, wanted)
        cut = passed[-1] if passed else nearest
    else:
        tried = places(values)
        good = [cut for cut, kept in tried if chance(int(has[kept].sum()), int(has.sum()), wanted) <= 0.05]
        cut = good[0] if good else tried[-1][0]
    cut = min(max(cut, 1e-6), 1 - 1e-6)
    found = fit(shares, codes, threshold_for=wish, threshold_label=LABELS[column], unmet="nearest")
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
    """0.95 needs 59 texts without a mistake, 0.95^59 being 0.0485; with 58 the error says so, and what they allow."""
    found = fit(*certain(59), abstain_precision=0.95)
    assert found.rule is not None
    assert found.rule.answer_from == 0.0
    assert found.promises == (Promise(of="answers", share=0.95, confidence=0.95, coverage=1.0, n=59),)
    with pytest.raises(InputError) as caught:
        fit(*certain(58), abstain_precision=0.95)
    assert str(caught.value) == (
        "58 held-out texts cannot promise a precision of 0.95 with 95 % confidence: 59 texts would be needed, "
        "if it were right about them all. Ask for 0.94 or less, or add texts."
    )


def test_how_many_texts_would_do_is_said() -> None:
    """Four of a hundred are wrong: of 2,738 such the test passes in four draws of five; of 158 at 98.6 % right."""
    with pytest.raises(InputError) as caught:
        fit(*certain(100, wrong=4), abstain_precision=0.95)
    assert str(caught.value).startswith(
        "100 held-out texts cannot promise a precision of 0.95 with 95 % confidence: right as often as here, "
        "about 2,800 texts would do (158 at the least). Ask for "
    )


def test_less_confidence_needs_fewer_texts() -> None:
    """45 without a mistake for 90 %: 0.95^45 is 0.0994."""
    assert fit(*certain(45), abstain_precision=0.95, confidence=0.9).promises[0].confidence == 0.9
    with pytest.raises(InputError, match=r"^44 held-out texts cannot .* with 90 % confidence"):
        fit(*certain(44), abstain_precision=0.95, confidence=0.9)


def test_the_label_is_named_where_it_cannot_have_its_wish() -> None:
    shares, codes = certain(8, wrong=2)
    with pytest.raises(InputError) as caught:
        fit(shares, codes, threshold_for=("precision", 0.95))
    assert str(caught.value) == (
        "8 held-out texts cannot promise a precision of 'b' of 0.95 with 95 % confidence: 59 texts would be "
        "needed, if it were right about them all. Ask for 0.24 or less, or add texts."
    )
    with pytest.raises(InputError) as caught:
        fit(shares, codes, threshold_for=("recall", 0.95))
    assert str(caught.value) == (
        "8 held-out texts cannot promise a recall of 'b' of 0.95 with 95 % confidence: about 120 texts would do. "
        "Ask for 0.47 or less, or add texts."
    )


def test_rows_that_are_never_right_promise_nothing() -> None:
    shares, codes = certain(4, wrong=4)
    with pytest.raises(InputError) as caught:
        fit(shares, codes, abstain_precision=0.5)
    assert caught.value.hint == "Add texts."
    assert caught.value.message == (
        "4 held-out texts cannot promise a precision of 0.5 with 95 % confidence: 5 texts would be needed, if it were "
        "right about them all."
    )


def test_more_texts_are_not_advised_where_they_would_hardly_do() -> None:
    """Half of a hundred are right: at most 58.6 % of such are, by Clopper and Pearson; 0.59 is above, 0.58 below."""
    shares, codes = certain(100, wrong=50)
    with pytest.raises(InputError) as caught:
        fit(shares, codes, abstain_precision=0.59)
    assert caught.value.message == (
        "100 held-out texts cannot promise a precision of 0.59 with 95 % confidence, and more texts would hardly "
        "do: it is right about 0 of the 6 surest."
    )
    with pytest.raises(InputError, match=r"no number of texts would do\. If more often than was seen, it takes [\d,]+"):
        fit(shares, codes, abstain_precision=0.58)


def test_a_label_and_a_precision_together_are_both_kept() -> None:
    """First the label is cut, then only sure answers are given; of two wishes out of reach the label's is told."""
    shares, codes = certain(40, wrong=2)
    found = fit(shares, codes, threshold_for=("recall", 0.5), abstain_precision=0.8)
    assert found.rule == Rule(thresholds=(0.5, 0.5), answer_from=0.0)
    assert [promise.of for promise in found.promises] == ["recall", "answers"]
    with pytest.raises(InputError, match=r"a recall of 'b' of 0\.999"):
        fit(shares, codes, threshold_for=("recall", 0.999), abstain_precision=0.998)
    with pytest.raises(InputError, match=r"a precision of 0\.998 "):
        fit(shares, codes, threshold_for=("recall", 0.5), abstain_precision=0.998)


def test_what_cannot_be_promised_is_left_out_and_the_rest_is_kept() -> None:
    """One wish, the other, or both; what is left out is said."""
    shares, codes = certain(40, wrong=2)
    both = fit(shares, codes, threshold_for=("recall", 0.5), abstain_precision=0.998, unmet="leave out")
    assert both.rule == Rule(thresholds=(0.5, 0.5))
    assert both.wishes == RuleOptions(threshold_for=("recall", 0.5))
    assert [sentence.split(" with ")[0] for sentence in both.unmet] == [
        "40 held-out texts cannot promise a precision of 0.998"
    ]
    other = fit(
        shares, codes, threshold_for=("recall", 0.999), abstain_precision=0.8, confidence=0.9, unmet="leave out"
    )
    assert other.rule == Rule(answer_from=0.0)
    assert other.wishes == RuleOptions(abstain_precision=0.8, confidence=0.9)
    assert [promise.of for promise in other.promises] == ["answers"]
    none = fit(
        shares, codes, threshold_for=("recall", 0.999), abstain_precision=0.998, confidence=0.9, unmet="leave out"
    )
    assert none.wishes == RuleOptions()
    assert none.answered.all()
    assert len(none.unmet) == 2


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"abstain_precision": ".7"}, "The precision to abstain for must be above 0 and below 1 (got '.7')."),
        ({"confidence": "0.9"}, "The confidence of a promise must be from 0.5 up to below 1 (got '0.9')."),
        ({"abstain_precision": 1.0}, "The precision to abstain for must be above 0 and below 1 (got 1.0)."),
        ({"confidence": 1.0}, "The confidence of a promise must be from 0.5 up to below 1 (got 1.0)."),
        ({"confidence": 0.499}, "The confidence of a promise must be from 0.5 up to below 1 (got 0.499)."),
        (
            {"confidence": 0.5},
            (
                "A confidence was named, but nothing to promise with it. "
                "Add abstain_precision=0.95, or threshold_for='precision=0.9'."
            ),
        ),
        ({"threshold_for": ("recall", 0.0)}, "The recall to reach must be above 0 and below 1 (got 0.0)."),
        (
            {"threshold_for": ("recall", 0.9), "thresholds": "f1"},
            "A threshold for one label and thresholds for macro F1 exclude each other.",
        ),
        (
            {"threshold_label": "b"},
            (
                "A label for a threshold was named, but not what to reach with it. "
                "Add threshold_for='precision=0.9', or threshold_for='recall=0.9'."
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
    assert str(caught.value) == "A threshold is of one label: name which of the 11. Add threshold_label=LABEL."


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
    assert (held_out_codes(gains_nothing) == shares.argmax(axis=1)).all()
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
    assert held_out_codes(gains).tolist() == [1, 1, 0, 0, 0, 0]


def test_a_rule_takes_equals_in_order_and_answers_from_its_cut_on() -> None:
    shares = np.array([[0.5, 0.5], [0.4, 0.6], [0.59, 0.41]])
    assert Rule().codes(shares).tolist() == [0, 1, 0]
    assert Rule(answer_from=0.59).codes(shares).tolist() == [NO_ANSWER, 1, 0]
    assert Rule(answer_from=0.6).codes(shares).tolist() == [-1, 1, -1]
    assert Rule(answer_from=0.6).favoured(shares).tolist() == [0, 1, 0]
    assert Rule(thresholds=(0.6, 0.4)).codes(shares).tolist() == [1, 1, 1]
    assert Rule(thresholds=(0.6, 0.4)).sets(shares).tolist() == [[False, True], [False, True], [False, True]]
    assert Rule().sets(shares).tolist() == [[True, True], [False, True], [True, False]]


@pytest.mark.parametrize("wish", [{"abstain_precision": 0.9}, {"threshold_for": ("precision", 0.9)}])
def test_copies_count_once(wish: dict[str, object]) -> None:
    """80 texts without a mistake promise 0.9, also in pairs; 20 texts, four times each, do not."""
    shares, codes = certain(80)
    codes[:], shares[:] = 1, [0.2, 0.8]
    options, folds = RuleOptions(**wish), np.zeros(80, dtype=np.int64)  # type: ignore[arg-type]
    targets = Targets.of_codes(codes, LABELS[:2])
    for copies, n in ((None, 80), (np.arange(80) // 2, 40)):
        found = fit_rule(shares, replace(targets, together=copies), folds=folds, options=options)
        assert [promise.n for promise in found.promises] == [n]
    with pytest.raises(InputError, match=r"^20 held-out texts cannot promise a precision "):
        fit_rule(shares, replace(targets, together=np.arange(80) // 4), folds=folds, options=options)
