"""Our search of C against scikit-learn's: the same rows, grid and number of folds, in turn, in one process.

Run as `python -m bench.head`.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from frostline.arrays import Features, IntArray
from frostline.data.split import stratified_folds
from frostline.head.options import SearchOptions, tutorial_grid
from frostline.head.search import search
from frostline.targets import Targets

_N_FOLDS = 5
_CONVERGED = 1e-8  # scikit-learn's tol at which its gradient is as small as ours
_ENOUGH = 100_000  # its iterations


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Median, smallest and largest of several repeats."""

    median: float
    low: float
    high: float
    n: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRatio:
    """What was measured.

    Parameters
    ----------
    n_texts, n_features, n_labels, n_Cs, n_folds : int
    ours_s : Spread
        Seconds of our search, the head's fit on all rows included.
    usual : Spread
        GridSearchCV(LogisticRegression(), n_jobs=2) takes so many times longer; each repeat is one ratio.
    converged : Spread
        The same with tol=1e-8 and as many iterations as it needs.
    usual_unconverged : int
        Values of C at which LogisticRegression() on all rows stops at 100 iterations.
    relative_gradient : float
        The largest of ours.
    usual_C, converged_C, our_C : float
        What each chose.
    """

    n_texts: int
    n_features: int
    n_labels: int
    n_Cs: int  # noqa: N815 - C is its name everywhere
    n_folds: int
    ours_s: Spread
    usual: Spread
    converged: Spread
    usual_unconverged: int
    relative_gradient: float
    usual_C: float  # noqa: N815 - C is its name everywhere
    converged_C: float  # noqa: N815 - C is its name everywhere
    our_C: float  # noqa: N815 - C is its name everywhere


def cls_like_rows(n_texts: int = 1500, n_features: int = 768, *, seed: int = 0) -> tuple[Features, IntArray]:
    """Rows like the [CLS] vectors of an encoder: a few strong directions, long tails of scale, a faint signal.

    Returns
    -------
    rows : ndarray of shape (n_texts, n_features), dtype=float32
    codes : ndarray of shape (n_texts,), dtype=int64
    """
    rng = np.random.default_rng(seed)
    spectrum = np.arange(1, n_features + 1) ** -0.8
    mixing = np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
    factors = rng.normal(size=(n_texts, n_features))
    signal = factors[:, : n_features // 4] @ rng.normal(size=n_features // 4)
    codes = (signal / signal.std() + 0.7 * rng.normal(size=n_texts) > 0).astype(np.int64)
    rows = (factors * spectrum) @ mixing * np.sqrt(n_features) + rng.normal(size=n_features)
    return rows.astype(np.float32), codes


def measure_search(rows: Features, codes: IntArray, *, repeats: int = 3) -> SearchRatio:
    """Search the tutorial's grid on raw features (n_texts, n_features), ours and theirs in turn, `repeats` times."""
    labels = tuple(range(int(codes.max()) + 1))
    options = SearchOptions(Cs=tutorial_grid(), standardise=False)
    folds = stratified_folds(codes, n_folds=_N_FOLDS, seed=0)
    ours_s, usual, converged = [], [], []
    for _ in range(repeats):
        seconds, ours = _timed(lambda: search(rows, Targets.of_codes(codes, labels), options=options, folds=folds))
        usual_s, first = _timed(lambda: _grid_search(rows, codes, folds, tol=1e-4, max_iter=100))
        converged_s, second = _timed(lambda: _grid_search(rows, codes, folds, tol=_CONVERGED, max_iter=_ENOUGH))
        ours_s.append(seconds)
        usual.append(usual_s / seconds)
        converged.append(converged_s / seconds)
    return SearchRatio(
        n_texts=len(rows),
        n_features=rows.shape[1],
        n_labels=len(labels),
        n_Cs=len(tutorial_grid()),
        n_folds=_N_FOLDS,
        ours_s=spread_of(ours_s),
        usual=spread_of(usual),
        converged=spread_of(converged),
        usual_unconverged=_unconverged(rows, codes),
        relative_gradient=ours.solver.relative_gradient,
        usual_C=float(first.best_params_["C"]),
        converged_C=float(second.best_params_["C"]),
        our_C=float(ours.chosen_C[0]),
    )


def _grid_search(rows: Features, codes: IntArray, folds: IntArray, *, tol: float, max_iter: int) -> Any:
    """scikit-learn's search in two processes, each with one BLAS thread, as joblib sets it."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - 0.9 s
    from sklearn.model_selection import GridSearchCV, PredefinedSplit  # noqa: PLC0415 - as above

    model = LogisticRegression(tol=tol, max_iter=max_iter)
    grid = GridSearchCV(model, {"C": list(tutorial_grid())}, cv=PredefinedSplit(folds), n_jobs=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it does not converge is counted and reported
        return grid.fit(rows, codes)


def _unconverged(rows: Features, codes: IntArray) -> int:
    """How many values of C the usual fit leaves unconverged on all rows."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - 0.9 s
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415 - as above

    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore")
        return sum(int(LogisticRegression(C=C).fit(rows, codes).n_iter_[0]) >= 100 for C in tutorial_grid())


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = call()
    return time.perf_counter() - begun, result


def spread_of(values: list[float]) -> Spread:
    """Median, smallest and largest of some values."""
    return Spread(median=float(np.median(values)), low=min(values), high=max(values), n=len(values))


def main() -> None:
    """Measure and print."""
    found = measure_search(*cls_like_rows())
    print(f"{found.n_Cs} C x {found.n_folds} folds on {found.n_texts} x {found.n_features}, {found.n_labels} labels")
    ours = found.ours_s
    print(f"ours: {ours.median:.2f} s ({ours.low:.2f} to {ours.high:.2f}, n = {ours.n}), all converged to")
    print(f"  a relative gradient of {found.relative_gradient:.1e}; C = {found.our_C:.4g}")
    for name, ratio, C in (
        ("GridSearchCV(LogisticRegression(), n_jobs=2)", found.usual, found.usual_C),
        (f"the same with tol={_CONVERGED:g}", found.converged, found.converged_C),
    ):
        print(f"{name}: {ratio.median:.1f} x as long ({ratio.low:.1f} to {ratio.high:.1f}, n = {ratio.n}); C = {C:.4g}")
    print(f"  LogisticRegression() stops unconverged at {found.usual_unconverged} of {found.n_Cs} values of C")


if __name__ == "__main__":
    main()
