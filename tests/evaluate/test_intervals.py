"""An interval is worth its coverage: how often it holds the truth, over many samples whose truth is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.arrays import Float64Array
from frostline.evaluate.intervals import f1_interval, macro_f1_interval, mean_interval, wilson
from frostline.evaluate.paired import mcnemar, paired_difference
from frostline.evaluate.scores import macro_f1


def binomial(n: int, p: float) -> Float64Array:
    """Probabilities of 0 .. n successes."""
    k = np.arange(n + 1)
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in k]
    return np.asarray(np.exp(np.array(logs) + k * math.log(p) + (n - k) * math.log1p(-p)))


def test_wilson_agrees_with_a_published_example() -> None:
    """Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@pytest.mark.parametrize("n", [30, 100, 500, 1821])
def test_wilson_covers_95_percent(n: int) -> None:
    """Exactly computed and averaged over true values from 0.5 to 0.97; it swings with the lattice of counts."""
    limits = np.array([wilson(k, n) for k in range(n + 1)])
    coverages = [
        float(binomial(n, p)[(limits[:, 0] <= p) & (p <= limits[:, 1])].sum()) for p in np.linspace(0.5, 0.97, 95)
    ]
    assert 0.94 < np.mean(coverages) < 0.96
    assert min(coverages) > 0.90


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_value_and_stays_a_share(counts: tuple[int, int]) -> None:
    """Also at none and at all right, where value ± 1.96 standard errors has no width."""
    hits, n = counts
    for value, (low, high) in ((hits / n, wilson(hits, n)), (2 * hits / (n + hits), f1_interval(hits, n))):
        assert 0 <= low <= value <= high <= 1
        assert high - low > 0


@given(st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=4, max_size=4))
def test_the_macro_f1_interval_holds_its_value(rows: list[list[int]]) -> None:
    """For any table of counts in which each label occurs."""
    confusion = np.array(rows) + np.eye(4, dtype=np.int64)[::-1]
    estimate = macro_f1(confusion)
    low, high = estimate.interval
    assert 0 <= low <= estimate.value <= high <= 1


def test_a_perfect_classifier_still_has_an_interval() -> None:
    """50 of 50 right does not mean that the next one will be."""
    low, high = macro_f1_interval(np.diag([25, 25]))
    assert 0.9 < low < 0.97
    assert high == 1


def table_of(priors: list[float], recalls: list[float], rng: np.random.Generator) -> Float64Array:
    """Joint probabilities (true, predicted) with these shares and recalls, mistakes spread at random."""
    n_labels = len(priors)
    rows = np.zeros((n_labels, n_labels))
    for label, recall in enumerate(recalls):
        others = rng.dirichlet(np.ones(n_labels - 1)) * (1 - recall)
        rows[label] = np.insert(others, label, recall)
    return np.asarray(rows * np.array(priors)[:, None])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("priors", "recalls", "n"),
    [
        ([0.5, 0.5], [0.85, 0.83], 200),
        ([0.5, 0.5], [0.85, 0.83], 2000),
        ([0.9, 0.1], [0.97, 0.6], 500),
        ([0.3, 0.25, 0.2, 0.15, 0.07, 0.03], [0.9, 0.9, 0.85, 0.9, 0.8, 0.7], 1000),
        ([0.1] * 10, [0.8] * 10, 1000),
    ],
)
def test_f1_intervals_cover_95_percent(priors: list[float], recalls: list[float], n: int) -> None:
    """Macro F1 and each label's F1 over 4,000 samples: between 93 and 97 %."""
    rng = np.random.default_rng(0)
    shares = table_of(priors, recalls, rng)
    truths = 2 * np.diag(shares) / (shares.sum(axis=0) + shares.sum(axis=1))
    samples = rng.multinomial(n, shares.ravel(), size=4000).reshape(-1, len(priors), len(priors))
    macro = [low <= truths.mean() <= high for low, high in (macro_f1(sample).interval for sample in samples)]
    assert 0.93 < np.mean(macro) < 0.97
    for label, truth in enumerate(truths):
        hits = samples[:, label, label]
        relevant = samples[:, label].sum(axis=1) + samples[:, :, label].sum(axis=1) - hits
        limits = np.array([f1_interval(int(h), int(m)) for h, m in zip(hits, relevant, strict=True)])
        assert 0.93 < np.mean((limits[:, 0] <= truth) & (truth <= limits[:, 1])) < 0.97


@pytest.mark.parametrize(("steepness", "n"), [(2.0, 30), (2.0, 300), (6.0, 100), (6.0, 1000)])
def test_log_loss_intervals_cover_95_percent(steepness: float, n: int) -> None:
    """Losses of a mild and of an overconfident classifier, both skewed: between 93 and 97 % of 2,000 samples."""
    rng = np.random.default_rng(1)

    def losses(*shape: int) -> Float64Array:
        return np.asarray(np.logaddexp(0, -steepness * rng.normal(1, 1, size=shape)))

    points, weights = np.polynomial.hermite_e.hermegauss(200)
    truth = float(weights @ np.logaddexp(0, -steepness * (1 + points)) / weights.sum())
    limits = np.array([mean_interval(row, lots=None) for row in losses(2000, n)])
    assert 0.93 < np.mean((limits[:, 0] <= truth) & (truth <= limits[:, 1])) < 0.97


def test_a_single_loss_says_nothing_about_the_mean() -> None:
    """Its interval is all that a loss can be; equal losses have no spread."""
    assert mean_interval(np.array([0.3]), lots=None) == pytest.approx((0, 36.04), abs=0.01)
    assert mean_interval(np.full(9, 0.7), lots=None) == pytest.approx((0.7, 0.7))


@given(st.lists(st.floats(0, 36), min_size=2, max_size=60))
def test_a_loss_interval_holds_its_mean(values: list[float]) -> None:
    """Whatever the skewness."""
    low, high = mean_interval(np.array(values), lots=None)
    mean = float(np.mean(values))
    assert 0 <= low <= mean + 1e-12
    assert mean - 1e-12 <= high < math.inf


def test_mcnemar_is_the_sign_test() -> None:
    """Against scipy's binomial test, also where 0.5 ** n underflows."""
    from scipy.stats import binomtest  # noqa: PLC0415 - only this test needs it

    for b, c in ((0, 0), (1, 0), (5, 12), (12, 5), (40, 40), (700, 900)):
        expected = binomtest(b, b + c).pvalue if b + c else 1.0
        assert mcnemar(b, c) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("both", "first", "second"), [(0.75, 0.10, 0.07), (0.6, 0.05, 0.15), (0.9, 0.05, 0.01)])
def test_paired_intervals_cover_95_percent(both: float, first: float, second: float) -> None:
    """2,000 samples of 300 rows: between 93 and 97 %."""
    rng = np.random.default_rng(2)
    kinds = rng.multinomial(300, [both, first, second, 1 - both - first - second], size=2000)
    hits = 0
    for n_both, n_first, n_second, n_neither in kinds.tolist():
        right_first = np.repeat([1, 1, 0, 0], [n_both, n_first, n_second, n_neither])
        right_second = np.repeat([1, 0, 1, 0], [n_both, n_first, n_second, n_neither])
        found = paired_difference(right_first, right_second, np.ones(300, np.int64), lots=None)
        assert found.value == pytest.approx((n_first - n_second) / 300)
        hits += found.interval[0] <= first - second <= found.interval[1]
    assert 0.93 < hits / len(kinds) < 0.97


@pytest.mark.parametrize(("n_pairs", "quantile"), [(1, 12.7062047364), (2, 3.1824463053), (5, 2.2621571628)])
def test_values_without_skewness_get_student_s_interval(n_pairs: int, quantile: float) -> None:
    """Quantiles from a printed table of 1, 3 and 9 degrees of freedom."""
    values = np.repeat([99.0, 101.0], n_pairs)
    half = quantile * float(values.std(ddof=1)) / math.sqrt(len(values))
    assert mean_interval(values, lots=None) == pytest.approx((100 - half, 100 + half), rel=1e-9)
