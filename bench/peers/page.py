"""The comparison as a Markdown table and a plot that the README can show."""

import io
import math
from collections.abc import Mapping, Sequence
from statistics import median, quantiles

from bench.peers.measure import OURS, Comparison, WayResult
from bench.peers.neighbours import WAYS

_COARSER = "rows differ from float32's by more than rounding"
_COLUMNS = (
    "way",
    "texts/s",
    "ours is faster by",
    "of the ceiling",
    "one at a time, p50 / p99",
    "start to first row",
    "peak memory",
    "install",
    "error",
    "depends on its batch",
    "equal / accuracy",
)


def markdown(comparison: Comparison, sizes: Mapping[str, int]) -> str:
    """One table, a line per way, with what it was measured on above it and the best neighbour below it."""
    work = comparison.work
    lines = [
        f"### {work.name}",
        "",
        _said(comparison),
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "|" + "---|" * len(_COLUMNS),
    ]
    lines += ["| " + " | ".join(_cells(comparison, way, sizes)) + " |" for way in comparison.ways]
    return "\n".join([*lines, "", *_findings(comparison), ""])


def _said(comparison: Comparison) -> str:
    work = comparison.work
    n_runs = max(len(way.seconds) for way in comparison.ways)
    return (
        f"{len(work.texts):,} texts, {work.n_pieces:,} word pieces, `{work.pooling}@-1`; n = {n_runs} runs of each, "
        f"in turn, medians (smallest to largest); the ceiling is {comparison.ceiling:.0f} GFLOP/s in float32."
    )


def best_neighbour(comparison: Comparison) -> WayResult | None:
    """The fastest of the others whose error is no larger than ours."""
    good = [way for way in comparison.ways if way.way in WAYS and not way.failed and _is_exact(comparison, way)]
    return min(good, key=lambda way: median(way.seconds), default=None)


def _is_exact(comparison: Comparison, way: WayResult) -> bool:
    """Whether its error is no larger than ours; twice float32's rounding is no difference."""
    own = next(way for way in comparison.ways if way.way == OURS)
    return way.error <= max(2 * own.error, 2e-6)


def plot(comparisons: Sequence[Comparison]) -> str:
    """Texts per second of every way, a panel per piece of work; ways whose rows differ from float32's are hatched."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - only where drawn
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    figure = Figure(figsize=(8, 0.6 + 2.2 * len(comparisons)), layout="constrained")
    FigureCanvasSVG(figure)
    panels = figure.subplots(len(comparisons), 1, squeeze=False)[:, 0]
    for axes, comparison in zip(panels, comparisons, strict=True):
        ways = sorted((way for way in comparison.ways if not way.failed), key=comparison.rate)
        for place, way in enumerate(ways):
            rates = [len(comparison.work.texts) / seconds for seconds in way.seconds]
            colour = "#0072b2" if way.way not in WAYS else "#9a9a9a"
            how = {"color": colour} if _is_exact(comparison, way) else {"color": "#e4e4e4", "hatch": "///"}
            axes.barh(place, comparison.rate(way), height=0.7, edgecolor=colour, **how)
            axes.plot([min(rates), max(rates)], [place, place], color="black", linewidth=1.2)
            axes.annotate(f" {comparison.rate(way):,.0f}", (max(rates), place), va="center", fontsize=8)
        axes.set_yticks(range(len(ways)), [way.way for way in ways], fontsize=8)
        axes.set_title(comparison.work.name, fontsize=9, loc="left")
        axes.set_xlim(left=0)
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel(f"texts per second; the line spans the runs\nhatched: {_COARSER}")
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _cells(comparison: Comparison, way: WayResult, sizes: Mapping[str, int]) -> list[str]:
    name = f"**{way.way}**" if way.way not in WAYS else way.way
    if way.failed:
        return [name, f"failed: {way.failed}".replace("|", "/"), *[""] * (len(_COLUMNS) - 2)]
    rates = [len(comparison.work.texts) / seconds for seconds in way.seconds]
    ratios = comparison.against_ours(way)
    cuts = quantiles(way.single_s, n=100) if way.single_s else []
    same = "-" if way.equal is None or way.accuracy is None else f"{way.equal:.1%} / {way.accuracy:.1%}"
    mates = "no" if way.depends_on_mates == 0 else f"{way.depends_on_mates:.0e}"
    return [
        name,
        f"{comparison.rate(way):,.0f} ({min(rates):,.0f}-{max(rates):,.0f})",
        "" if way.way == OURS else f"{median(ratios):.1f} x ({min(ratios):.1f}-{max(ratios):.1f})",
        f"{comparison.share(way):.0%}",
        f"{1e3 * cuts[49]:.1f} / {1e3 * cuts[98]:.1f} ms" if cuts else "-",
        f"{median(way.opened_s):.1f} s",
        f"{way.peak_bytes / 1e6:,.0f} MB",
        f"{sizes[way.way] / 1e6:,.0f} MB",
        f"{way.error:.0e}",
        mates,
        same,
    ]


def _findings(comparison: Comparison) -> list[str]:
    best = best_neighbour(comparison)
    if best is None:
        return []
    ratios = comparison.against_ours(best)
    said = [f"Fastest neighbour with an error no larger than ours: {best.way}; ours is {median(ratios):.2f} x as fast."]
    quicker = [
        way.way
        for way in comparison.ways
        if way.way in WAYS and not way.failed and median(comparison.against_ours(way)) < 1
    ]
    if quicker:
        said.append(f"Faster than ours in float32, with a larger error: {', '.join(quicker)}.")
    return said


def summary(comparison: Comparison) -> dict[str, object]:
    """The figures of one comparison as JSON values."""
    return {
        "work": comparison.work.name,
        "n_texts": len(comparison.work.texts),
        "n_pieces": comparison.work.n_pieces,
        "gflop": comparison.work.gflop,
        "ceiling_gflops": comparison.ceiling,
        "ways": {
            way.way: {
                "failed": way.failed,
                "seconds": way.seconds,
                "single_s_p50": median(way.single_s) if way.single_s else None,
                "opened_s": way.opened_s,
                "peak_bytes": way.peak_bytes,
                "batch_size": way.batch_size,
                "error": None if math.isnan(way.error) else way.error,
                "depends_on_mates": None if math.isnan(way.depends_on_mates) else way.depends_on_mates,
                "equal": way.equal,
                "accuracy": way.accuracy,
            }
            for way in comparison.ways
        },
    }
