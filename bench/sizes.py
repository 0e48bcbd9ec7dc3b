"""Our search of C against scikit-learn's on rows of several sizes: many rows, wide rows, many labels.

In:   a `Size`; the rows are made, clustered, with labels that a regression learns as well as it does real ones.
Out:  a `Measured`: seconds of each way, our memory above the rows', how exactly each of our problems was solved.
Not:  the tutorial's grid on an encoder's rows (head.py).

`python -m bench --part sizes` measures, with `--quick` a quarter of each size. Each run is a process of its
own, `python -m bench.sizes`, so that its peak memory is its own too.
"""

import json
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, final

import numpy as np
from rich.table import Table

from bench.head import Spread, spread_of
from frostline.arrays import Features, IntArray
from frostline.data.split import stratified_folds
from frostline.encoder.cost import forget_peak, own_peak
from frostline.head.options import SearchOptions
from frostline.head.search import search
from frostline.machine import one_blas_thread
from frostline.targets import Targets

Way: TypeAlias = Literal["ours", "usual", "converged"]

N_FOLDS = 5
_EXACT = 1e-6  # relative gradient of all our problems, folds among them
_CONVERGED = {"tol": 1e-7, "max_iter": 100_000}  # gradients as small as ours


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A search to measure.

    Parameters
    ----------
    n_texts, n_features, n_labels : int
    n_Cs : int
        From 1e-5 to 1, evenly in their logarithm.
    noise : float
        Of the labels, in deviations of what decides them.
    apart : float
        The labels' centres, in deviations of a row's own columns.
    """

    n_texts: int
    n_features: int
    n_labels: int
    n_Cs: int  # noqa: N815 - C is its name everywhere
    noise: float = 0.5
    apart: float = 1.0

    @property
    def name(self) -> str:
        """As a table has it."""
        return f"{self.n_texts:,} x {self.n_features:,}, {self.n_labels} labels, {self.n_Cs} C"

    @property
    def rows_bytes(self) -> int:
        """Of the rows, in float32."""
        return 4 * self.n_texts * self.n_features

    def quick(self) -> "Size":
        """A quarter of each."""
        return Size(
            n_texts=max(self.n_texts // 4, 10 * self.n_labels),
            n_features=self.n_features // 4,
            n_labels=self.n_labels,
            n_Cs=max(3, self.n_Cs // 4),
            noise=self.noise,
            apart=self.apart,
        )


SIZES = (
    Size(n_texts=6920, n_features=2688, n_labels=2, n_Cs=20),
    Size(n_texts=67_000, n_features=384, n_labels=2, n_Cs=20),
    Size(n_texts=5452, n_features=2688, n_labels=6, n_Cs=10),
    Size(n_texts=10_000, n_features=384, n_labels=50, n_Cs=5, apart=4.0),
    Size(n_texts=10_000, n_features=384, n_labels=150, n_Cs=5, apart=4.0),
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of one size.

    Parameters
    ----------
    size : Size
    ours_s : Spread
        Seconds.
    usual, converged : Spread or None
        GridSearchCV takes so many times longer, as it comes and converged as far; None where that was left out.
    above_rows_bytes : int
        Our peak memory above what the process holds, rows included, before it searches.
    relative_gradient : float
        The largest of our problems'.
    best_score : float
        The best mean accuracy: how hard the labels are.
    """

    size: Size
    ours_s: Spread
    usual: Spread | None
    converged: Spread | None
    above_rows_bytes: int
    relative_gradient: float
    best_score: float


def sizes_table(found: Sequence[Measured]) -> Table:
    """What was measured, for a terminal."""
    table = Table(title=f"Searching C over {N_FOLDS} folds, 1e-5 to 1, clustered rows")
    for column in ("rows", "ours", "GridSearchCV(n_jobs=2)", "converged as far", "gradient", "memory", "accuracy"):
        table.add_column(column)
    for one in found:
        table.add_row(
            one.size.name,
            _words(one.ours_s, "s"),
            "-" if one.usual is None else _words(one.usual, "x"),
            "-" if one.converged is None else _words(one.converged, "x"),
            f"{one.relative_gradient:.0e}",
            f"rows {one.size.rows_bytes / 1e6:,.0f} + {one.above_rows_bytes / 1e6:,.0f} MB",
            f"{one.best_score:.1%}",
        )
    return table


def _words(spread: Spread, unit: str) -> str:
    digits = 2 if spread.median < 10 else 1
    return f"{spread.median:.{digits}f} {unit} ({spread.low:.{digits}f}-{spread.high:.{digits}f}, n = {spread.n})"


def clustered_rows(size: Size, *, seed: int = 0) -> tuple[Features, IntArray]:
    """Rows of a falling spectrum around a centre for each label, columns mixed; each label has ten rows or more.

    Returns
    -------
    rows : ndarray of shape (n_texts, n_features), dtype=float32
        Standardised.
    codes : ndarray of shape (n_texts,), dtype=int64
    """
    rng = np.random.default_rng(seed)
    n_signal = size.n_features // 4
    spectrum = (np.arange(1, size.n_features + 1) ** -0.6).astype(np.float32)
    factors = rng.standard_normal((size.n_texts, size.n_features), dtype=np.float32)
    towards = rng.standard_normal((n_signal, size.n_labels), dtype=np.float32) / np.float32(np.sqrt(n_signal))
    noise = np.float32(size.noise) * rng.standard_normal((size.n_texts, size.n_labels), dtype=np.float32)
    codes = (factors[:, :n_signal] @ towards + noise).argmax(axis=1)
    codes[: 10 * size.n_labels] = np.repeat(np.arange(size.n_labels), 10)
    factors += (
        np.float32(size.apart)
        * rng.standard_normal((size.n_labels, size.n_features), dtype=np.float32)[codes]
        * spectrum
    )
    factors *= spectrum
    mixing = rng.standard_normal((size.n_features, size.n_features), dtype=np.float32)
    rows = factors @ mixing
    rows -= rows.mean(axis=0)
    rows /= rows.std(axis=0)
    return rows, codes.astype(np.int64)


def measure_size(size: Size, *, repeats: int, ways: tuple[Way, ...] = ("ours", "usual", "converged")) -> Measured:
    """Run the ways in turn, `repeats` times."""
    runs: dict[Way, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way in ways:
            runs[way].append(_run(size, way))

    ours = runs["ours"]

    def ratio(way: Way) -> Spread | None:
        if way not in runs:
            return None
        return spread_of([theirs["seconds"] / own["seconds"] for theirs, own in zip(runs[way], ours, strict=True)])

    return Measured(
        size=size,
        ours_s=spread_of([run["seconds"] for run in ours]),
        usual=ratio("usual"),
        converged=ratio("converged"),
        above_rows_bytes=int(max(run["above_rows_bytes"] for run in ours)),
        relative_gradient=max(run["relative_gradient"] for run in ours),
        best_score=ours[0]["best_score"],
    )


def _run(size: Size, way: Way) -> dict[str, float]:
    """One way in a process of its own, with one BLAS thread in each of its threads or workers."""
    ended = subprocess.run(
        [sys.executable, "-m", "bench.sizes"],
        input=json.dumps({"size": asdict(size), "way": way}),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, float] = json.loads(ended.stdout)
    return answer


def _ours(rows: Features, codes: IntArray, folds: IntArray, Cs: tuple[float, ...]) -> dict[str, float]:
    options = SearchOptions(Cs=Cs, standardise=False, tolerance=_EXACT)
    found = search(rows, Targets.of_codes(codes, tuple(range(int(codes.max()) + 1))), options=options, folds=folds)
    return {
        "relative_gradient": found.solver.relative_gradient,
        "best_score": float(found.scores[:, 0].mean(axis=1).max()),
    }


def _theirs(
    rows: Features, codes: IntArray, folds: IntArray, Cs: tuple[float, ...], how: dict[str, Any]
) -> dict[str, float]:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - 0.9 s
    from sklearn.model_selection import GridSearchCV, PredefinedSplit  # noqa: PLC0415 - as above

    grid = GridSearchCV(LogisticRegression(**how), {"C": list(Cs)}, cv=PredefinedSplit(folds), n_jobs=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the usual way does not converge is known: head.py counts it
        return {"best_score": float(grid.fit(rows, codes).best_score_)}


def main() -> None:
    """One run: a task on standard input, its figures on standard output, both JSON."""
    task = json.load(sys.stdin)
    size, way = Size(**task["size"]), task["way"]
    with one_blas_thread():
        rows, codes = clustered_rows(size)
        folds = stratified_folds(codes, n_folds=N_FOLDS, seed=0)
        Cs = tuple(float(C) for C in np.logspace(-5, 0, size.n_Cs))
        if way != "ours":  # its workers start and import once; that is not of the search
            _theirs(rows[::50], codes[::50] % 2, folds[::50], (1e-3, 1e-2), {})
        forget_peak()  # of making the rows
        before = own_peak()
        begun = time.perf_counter()
        if way == "ours":
            answer = _ours(rows, codes, folds, Cs)
        else:
            answer = _theirs(rows, codes, folds, Cs, _CONVERGED if way == "converged" else {})
    peak = own_peak()
    print(json.dumps({**answer, "seconds": time.perf_counter() - begun, "above_rows_bytes": peak - before}))


if __name__ == "__main__":
    main()
