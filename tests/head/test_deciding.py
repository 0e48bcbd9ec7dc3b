"""A rule keeps on new rows what was wished for, says what cannot be had, and is measured on other rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from frostline.arrays import BoolArray, IntArray, Probabilities
from frostline.data.split import stratified_folds
from frostline.errors import InputError, UsageError
from frostline.head.deciding import (
    RuleFit,
    RuleOptions,
    WhereUnmet,
    best_threshold,
    best_thresholds,
    parsed_wish,
)
from frostline.head.linear import NO_ANSWER, LinearHead, Rule, logistic, softmax
from frostline.head.scoring import macro_f1_of
from frostline.head.wished import fit_rule, macro_f1_thresholds
from frostline.targets import Targets

GAIN_NOTHING = (0, 3, 4, 5)  # drawings of 120 rows, of the first eight


def held_out_codes(fit: RuleFit) -> IntArray:
    """The answer to each row (n_texts,), or `NO_ANSWER`."""
    return np.where(fit.answered, fit.favoured.argmax(axis=1), NO_ANSWER).astype(np.int64)


def drawn(n: int, n_labels: int, *, seed: int, shift: float = 0.0) -> tuple[Probabilities, IntArray]:
    """Probabilities that are the truth, and codes drawn by them; `shift` makes the later labels rare."""
    rng = np.random.default_rng(seed)
    shares = softmax(rng.normal(scale=2.0, size=(n, n_labels)) - shift * np.arange(n_labels))
    codes = (rng.random((n, 1)) > shares.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return shares, codes.astype(np.int64)


def fitted(shares: Probabilities, codes: IntArray, **wishes: object) -> RuleFit:
    labels = tuple("abcdefgh"[: shares.shape[1]])
    folds = stratified_folds(codes, n_folds=5, seed=0)
    targets = Targets.of_codes(codes, labels)
    return fit_rule(shares, targets, folds=folds, options=RuleOptions(**wishes))  # type: ignore[arg-type]


def test_new_rows_keep_the_precision_wished_for() -> None:
    """In nineteen of twenty trainings the true precision among the answered is at least as wished."""
    new, new_codes = drawn(40_000, 2, seed=999)
    kept, coverage = 0, []
    for seed in range(60):
        rule = fitted(*drawn(2000, 2, seed=seed), abstain_precision=0.95).rule
        assert rule is not None
        answers = rule.codes(new)
        given_one = answers != NO_ANSWER
        kept += bool((answers == new_codes)[given_one].mean() >= 0.95)
        coverage.append(given_one.mean())
    assert kept >= 57
    assert np.mean(coverage) > 0.4  # and it is not bought with silence


def test_the_more_is_wished_for_the_less_is_answered() -> None:
    """Coverage falls with the precision."""
    shares, codes = drawn(3000, 3, seed=1)
    cuts = [fitted(shares, codes, abstain_precision=wish).rule for wish in (0.7, 0.8, 0.9, 0.95)]
    froms = [cut.answer_from for cut in cuts if cut is not None]
    assert froms == sorted(froms)
    assert len(set(froms)) == 4


def test_a_precision_out_of_reach_is_refused_with_the_best_there_is() -> None:
    """The error says how far one gets; so much can then be asked for."""
    shares, codes = drawn(300, 2, seed=2)
    with pytest.raises(InputError, match=r"^300 held-out texts .* of 0\.999 .*: 2,995 texts would be needed") as caught:
        fitted(shares, codes, abstain_precision=0.999)
    reachable = float(caught.value.hint.split()[2])
    assert fitted(shares, codes, abstain_precision=reachable).rule is not None


def test_two_rows_promise_nothing() -> None:
    """One clear sentence."""
    shares = np.array([[0.9, 0.1], [0.2, 0.8]])
    with pytest.raises(InputError, match=r"^2 held-out texts cannot promise .*: 59 texts would be needed"):
        fit_rule(
            shares,
            Targets.of_codes(np.array([0, 1]), ("a", "b")),
            folds=np.array([0, 1]),
            options=RuleOptions(abstain_precision=0.95),
        )


def test_within_nested_folds_the_nearest_is_taken() -> None:
    """Fewer rows than the saved head's are no reason to stop."""
    shares, codes = drawn(300, 2, seed=2)
    fit = fit_rule(
        shares,
        Targets.of_codes(codes, ("a", "b")),
        folds=codes * 0,
        options=RuleOptions(abstain_precision=0.999),
        unmet="nearest",
    )
    assert fit.rule is not None
    assert fit.rule.answer_from > 0.9


@pytest.mark.parametrize("n_labels", [2, 4])
@pytest.mark.parametrize("wish", [("precision", 0.8), ("recall", 0.8)])
def test_a_label_reaches_what_was_wished_for_it(n_labels: int, wish: tuple[str, float]) -> None:
    """On new rows; and not more than needed, which would cost the other of the two."""
    rule = fitted(*drawn(4000, n_labels, seed=3), threshold_for=wish, threshold_label="b").rule
    assert rule is not None
    new, new_codes = drawn(40_000, n_labels, seed=4)
    taken, has = rule.codes(new) == 1, new_codes == 1
    found = (taken & has).sum() / (taken if wish[0] == "precision" else has).sum()
    assert wish[1] - 0.005 <= found <= wish[1] + 0.05


def test_of_two_labels_the_second_is_meant() -> None:
    """Of more, one must be named; and it must be one of them."""
    shares, codes = drawn(500, 2, seed=5)
    assert fitted(shares, codes, threshold_for=("recall", 0.9)).label == "b"
    shares, codes = drawn(500, 3, seed=5)
    with pytest.raises(UsageError, match="name which of the 3"):
        fitted(shares, codes, threshold_for=("recall", 0.9))
    with pytest.raises(UsageError, match="must be one of 'a', 'b', 'c' \\(got 'z'\\)"):
        fitted(shares, codes, threshold_for=("recall", 0.9), threshold_label="z")


def test_thresholds_gain_macro_f1_on_new_rows_of_rare_labels() -> None:
    """What they are for."""
    rule = fitted(*drawn(4000, 4, seed=6, shift=1.2), thresholds="f1").rule
    assert rule is not None
    new, new_codes = drawn(40_000, 4, seed=7, shift=1.2)
    assert macro_f1_of(rule.codes(new), new_codes, 4) > macro_f1_of(new.argmax(axis=1), new_codes, 4) + 0.005


@pytest.mark.parametrize("seed", range(8))
def test_thresholds_are_left_out_where_they_gain_nothing(seed: int) -> None:
    """On the other folds: with them macro F1 is higher, or there are none and the most probable label is answered."""
    shares, codes = drawn(120, 2, seed=seed)
    fit = fitted(shares, codes, thresholds="f1")
    plain = shares.argmax(axis=1)
    gain = macro_f1_of(held_out_codes(fit), codes, 2) - macro_f1_of(plain, codes, 2)
    assert (gain > 0) is (fit.rule is not None)
    assert (fit.rule is None) is (seed in GAIN_NOTHING)
    assert fit.rule is not None or (held_out_codes(fit) == plain).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(2, 30))
def test_no_single_threshold_could_be_moved_for_more(seed: int, n_labels: int, n: int) -> None:
    """Against a plain search over all places where a row changes sides; never worse than no thresholds."""
    shares, codes = drawn(n, n_labels, seed=seed)
    thresholds = np.array(macro_f1_thresholds(shares, codes))
    reached = macro_f1_of(Rule(thresholds=tuple(thresholds)).codes(shares), codes, n_labels)
    assert reached >= macro_f1_of(shares.argmax(axis=1), codes, n_labels) - 1e-12
    assert thresholds.sum() == pytest.approx(1)
    if n_labels > 2:
        return  # five passes need not end at a place where no label could be moved
    ratios = np.sort(shares[:, 1])
    for cut in np.concatenate([(ratios[1:] + ratios[:-1]) / 2, [1e-6, 1 - 1e-6]]):
        other = Rule(thresholds=(1 - float(cut), float(cut))).codes(shares)
        assert reached >= macro_f1_of(other, codes, 2) - 1e-9


def test_the_rule_of_a_fold_has_not_seen_it() -> None:
    """Answers out of fold are by the rule chosen on the other folds, which differs from the final one."""
    shares, codes = drawn(600, 2, seed=8)
    folds = stratified_folds(codes, n_folds=5, seed=0)
    options = RuleOptions(abstain_precision=0.9)
    targets = Targets.of_codes(codes, ("a", "b"))
    fit = fit_rule(shares, targets, folds=folds, options=options)
    own = folds == 3
    others = fit_rule(shares[~own], targets.take(~own), folds=folds[~own], options=options, unmet="nearest").rule
    assert others is not None
    np.testing.assert_array_equal(held_out_codes(fit)[own], others.codes(shares[own]))


def drawn_sets(n: int, *, seed: int, sharp: float = 3.0) -> tuple[Probabilities, BoolArray]:
    """Probabilities that are the truth, and sets of three labels drawn by them."""
    rng = np.random.default_rng(seed)
    shares = logistic(sharp * rng.normal(size=(n, 3)) - [0.0, 1.0, 2.0])
    return shares, rng.random((n, 3)) < shares


def fitted_sets(
    shares: Probabilities, members: BoolArray, *, unmet: WhereUnmet = "refuse", **wishes: object
) -> RuleFit:
    targets = Targets(("a", "b", "c"), members, exclusive=False)
    options = RuleOptions(**wishes)  # type: ignore[arg-type]
    return fit_rule(shares, targets, folds=np.arange(len(shares)) % 5, options=options, unmet=unmet)


def test_of_several_labels_one_reaches_its_wish_and_the_others_their_best_f1() -> None:
    shares, members = drawn_sets(4000, seed=1)
    new, has = drawn_sets(40_000, seed=2)
    best = best_thresholds(shares, members)
    for wish in (("precision", 0.9), ("recall", 0.9)):
        fit = fitted_sets(shares, members, threshold_for=wish, threshold_label="b")
        assert fit.rule is not None
        assert fit.label == "b"
        assert fit.rule.thresholds[::2] == tuple(best[::2])
        taken = fit.rule.sets(new)[:, 1]
        found = (taken & has[:, 1]).sum() / (taken if wish[0] == "precision" else has[:, 1]).sum()
        assert wish[1] - 0.01 <= found <= wish[1] + 0.05


def test_the_sets_of_a_fold_are_by_thresholds_that_have_not_seen_it() -> None:
    shares, members = drawn_sets(300, seed=6)
    fit = fitted_sets(shares, members, thresholds="f1")
    folds = np.arange(300) % 5
    for fold in range(5):
        own = folds == fold
        thresholds = best_thresholds(shares[~own], members[~own])
        np.testing.assert_array_equal(fit.favoured[own], shares[own] >= thresholds)
    assert fit.rule is not None
    assert (fit.favoured != fit.rule.sets(shares)).any()


def test_a_label_among_several_must_be_named() -> None:
    """Of two too: neither is the second."""
    shares, members = drawn_sets(200, seed=1)
    targets = Targets(("a", "b"), members[:, :2], exclusive=False)
    options = RuleOptions(threshold_for=("recall", 0.5))
    with pytest.raises(UsageError, match="name which of the 2"):
        fit_rule(shares[:, :2], targets, folds=np.arange(200) % 5, options=options)


def test_sets_are_given_only_where_so_many_are_exactly_right() -> None:
    """Out of fold and on new rows; and not bought with silence."""
    shares, members = drawn_sets(3000, seed=3, sharp=8.0)
    fit = fitted_sets(shares, members, abstain_precision=0.9)
    assert fit.rule is not None
    assert fit.rule.thresholds == tuple(best_thresholds(shares, members))
    exact = (fit.favoured == members).all(axis=1)
    assert exact[fit.answered].mean() >= 0.89
    assert exact.mean() < 0.85
    new, has = drawn_sets(40_000, seed=4, sharp=8.0)
    head = LinearHead(labels=("a", "b", "c"), coef=np.eye(3), intercept=np.zeros(3), link="logistic", rule=fit.rule)
    answer = head.answer(new)
    right = (answer.favoured == has).all(axis=1)[answer.answered]
    assert right.mean() >= 0.89
    assert answer.answered.mean() > 0.5
    assert not answer.given[~answer.answered].any()
    assert [said is None for said in head.answers(new[:50]).tolist()] == (~answer.answered[:50]).tolist()


def test_a_share_of_right_sets_out_of_reach_is_refused_with_the_best_there_is() -> None:
    shares, members = drawn_sets(300, seed=5)
    with pytest.raises(
        InputError, match=r"^300 held-out texts cannot promise a share of exactly right sets of 0\.999"
    ) as caught:
        fitted_sets(shares, members, abstain_precision=0.999)
    reachable = float(caught.value.hint.split()[2])
    assert fitted_sets(shares, members, abstain_precision=reachable).rule is not None
    nearest = fitted_sets(shares, members, abstain_precision=0.999, unmet="nearest").rule
    assert nearest is not None
    assert 0 < nearest.answer_from < 1


def test_an_unreached_precision_names_what_it_is_of() -> None:
    """Also where a threshold for a label was wished for too, and reached."""
    shares, members = drawn_sets(300, seed=5)
    with pytest.raises(InputError, match=r"a precision of 'c' of 0\.999"):
        fitted_sets(shares, members, threshold_for=("precision", 0.999), threshold_label="c")
    codes = members[:, 0].astype(np.int64)
    pair = np.column_stack([1 - shares[:, 0], shares[:, 0]])
    with pytest.raises(InputError, match=r"promise a precision of 0\.999"):
        fitted(pair, codes, threshold_for=("recall", 0.5), abstain_precision=0.999)


def test_the_probability_of_a_set_is_that_of_each_label_given_and_of_each_left_out() -> None:
    head = LinearHead(
        labels=("a", "b"),
        coef=np.eye(2),
        intercept=np.zeros(2),
        link="logistic",
        rule=Rule(thresholds=(0.5, 0.2), answer_from=0.24),
    )
    answer = head.answer(np.array([[0.8, 0.3], [0.7, 0.3], [0.1, 0.1]]), cut=np.array([False, True, False]))
    assert answer.favoured.tolist() == [[True, True], [True, True], [False, False]]
    assert answer.answered.tolist() == [True, False, True]  # 0.24, 0.21 and 0.81
    assert answer.cut.tolist() == [False, True, False]
    assert not answer.exclusive


@pytest.mark.parametrize("wish", [0.0, 1.0, -1.0, float("nan")])
def test_a_wish_is_a_share(wish: float) -> None:
    """Above 0 and below 1."""
    with pytest.raises(UsageError, match="above 0 and below 1"):
        RuleOptions(abstain_precision=wish)
    with pytest.raises(UsageError, match="above 0 and below 1"):
        RuleOptions(threshold_for=("recall", wish))


def test_wishes_that_exclude_each_other_are_refused() -> None:
    """And a label without a wish."""
    with pytest.raises(UsageError, match="exclude each other"):
        RuleOptions(threshold_for=("recall", 0.9), thresholds="f1")
    with pytest.raises(UsageError, match="not what to reach"):
        RuleOptions(threshold_label="b")


@pytest.mark.parametrize("words", ["precision", "f1=0.9", "recall=much", "=0.9", ""])
def test_other_words_are_no_wish(words: str) -> None:
    """The error shows what one looks like."""
    assert parsed_wish("recall=0.75") == ("recall", 0.75)
    with pytest.raises(UsageError, match=r"precision=0\.9"):
        parsed_wish(words)


@pytest.mark.parametrize(("n_with", "own"), [(9, False), (10, True)])
def test_a_label_has_a_threshold_of_its_own_from_ten_texts_on(n_with: int, *, own: bool) -> None:
    """Drawn a quarter of the way, in log-odds, to the one best for all labels together; on fewer it takes that one."""
    random = np.random.RandomState(0)
    members = np.zeros((200, 2), dtype=bool)
    members[:n_with, 0] = True
    members[50:150, 1] = True
    held_out = np.where(members, random.uniform(0.5, 0.9, (200, 2)), random.uniform(0.0, 0.6, (200, 2)))
    held_out[:, 0] /= 4
    together = best_threshold(held_out.ravel(), members.ravel())
    alone = best_threshold(held_out[:, 0], members[:, 0])
    assert together != alone
    drawn = np.exp(0.75 * np.log(alone / (1 - alone)) + 0.25 * np.log(together / (1 - together)))
    expected = pytest.approx(drawn / (1 + drawn), rel=1e-12) if own else together
    assert best_thresholds(held_out, members)[0] == expected


def test_a_threshold_is_the_one_of_the_highest_f1() -> None:
    """No other one does better, equal probabilities are never parted, and the middle of the gap is taken."""
    random = np.random.RandomState(0)
    for _ in range(30):
        given = random.rand(40).round(1)
        has = random.rand(40) < given
        if not has.any():
            continue
        best = f1_score(has, given >= best_threshold(given, has))
        assert best == max(f1_score(has, given >= limit, zero_division=0) for limit in np.unique(given))
    assert best_threshold(np.array([0.9, 0.6, 0.2]), np.array([True, True, False])) == pytest.approx(0.4)
    assert best_threshold(np.array([0.9, 0.6]), np.array([False, False])) == 0.5


def test_rare_labels_share_a_threshold() -> None:
    """That of all decisions together: their own would be chance."""
    random = np.random.RandomState(0)
    held_out = random.rand(200, 3)
    members = random.rand(200, 3) < held_out * [1, 0.5, 0.01]
    members[:3, 2] = True
    thresholds = best_thresholds(held_out, members, fewest=10)
    shared, alone = best_threshold(held_out.ravel(), members.ravel()), best_threshold(held_out[:, 0], members[:, 0])
    assert thresholds[2] == shared
    assert min(alone, shared) < thresholds[0] < max(alone, shared)
    assert abs(thresholds[0] - alone) < abs(thresholds[0] - shared)
