"""The precisions' figures as a table."""

from collections.abc import Sequence
from statistics import median

from rich.table import Table

from bench.precision import PrecisionComparison, Way


def precision_table(found: Sequence[PrecisionComparison]) -> Table:
    """A line per encoder and way."""
    table = Table(title=f"Reading {found[0].n_texts:,} sentences: the tutorial's way, float32 and int8")
    columns = ("encoder, features", "way", "seconds", "against tutorial", "against float32", "share of ceiling")
    for column in (*columns, "one sentence, p50 / p99", "second start"):
        table.add_column(column)
    for one in found:
        for way, runs in one.ways.items():
            table.add_row(
                f"{one.name}, {one.features}",
                way,
                _spread(runs.seconds, "s"),
                _ratio(one, way, "tutorial"),
                _ratio(one, way, "float32"),
                f"{median(runs.shares):.0%}" if runs.shares else "",
                _alone(runs),
                _spread(runs.starts_s, "s") if runs.starts_s else "",
            )
    return table


def _ratio(one: PrecisionComparison, way: str, beside: str) -> str:
    if beside not in one.ways or way in ("tutorial", beside):
        return ""
    return _spread(one.ratios(way, beside), "x")


def _alone(runs: Way) -> str:
    if not runs.alone_p50_ms:
        return ""
    return f"{median(runs.alone_p50_ms):.2f} / {median(runs.alone_p99_ms):.2f} ms"


def _spread(values: Sequence[float], unit: str) -> str:
    return f"{median(values):.2f} {unit} ({min(values):.2f}-{max(values):.2f})"
