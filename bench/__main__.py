"""`python -m bench [FILE]`: every figure of the README, measured here and now.

In:   a labelled file: the first 2,000 sentences are read. Without one, SST-2 where it can be had.
Out:  tables on standard output; with `--json FILE` the same as JSON.
Not:  the measurements (reading.py, head.py, commands.py).
"""

import importlib.util
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.checkpoints import random_checkpoint
from bench.commands import CommandTimes, time_commands
from bench.head import SearchRatio, measure_search
from bench.precision import PrecisionComparison, compare_precisions
from bench.precision import headlines as precision_headlines
from bench.precision_table import precision_table
from bench.reading import ReadingComparison, compare_reading
from bench.recorded import Recorded, keep_run, last_run
from bench.sizes import SIZES, measure_size, sizes_table
from bench.sst2 import sst2_file
from frostline import __version__
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.encoder import Encoder
from frostline.errors import FrostlineError, UnavailableError
from frostline.machine import Machine, this_machine

N_TEXTS = 2000
N_SEARCHED = 1500
USUAL_PARTS = ("reading", "head", "commands")
PARTS = (*USUAL_PARTS, "precision", "sizes")


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--test", type=click.Path(path_type=Path), help="Rows to test on (test.tsv beside FILE if it is there).")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Runs of each way, in turn.")
@click.option(
    "--part",
    "parts",
    type=click.Choice(PARTS),
    multiple=True,
    help="Only this part; repeat for several. `precision` and `sizes`, the longest, run only if named.",
)
@click.option("--quick", is_flag=True, help="A quarter of each size of `sizes`, and once.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here too.")
def main(  # noqa: PLR0913 - a parameter for each option
    *,
    file: Path | None,
    test: Path | None,
    repeats: int,
    parts: Sequence[str],
    quick: bool,
    json_path: Path | None,
) -> None:
    """Measure, print, and write down."""
    console = Console(width=110)
    wanted = parts or USUAL_PARTS
    train_file = file or sst2_file()
    test_file = test or _beside(train_file)
    machine = this_machine()
    console.print(f"frostline {__version__} on {machine.processor}, {machine.cores} cores, {machine.system}")
    console.print(
        f"instructions: {' '.join(machine.instructions)}; {repeats} runs of each way, in turn; medians (min-max)"
    )
    figures: dict[str, Any] = {"version": __version__, "machine": asdict(machine), "repeats": repeats}
    headlines: dict[str, tuple[float, str]] = {}
    if "reading" in wanted:
        texts = list(read_dataset(train_file, TableOptions(limit=N_TEXTS)).texts)
        found = _compare(texts, repeats)
        console.print(_reading_table(found))
        headlines |= {f"reading, {one.name}": (median(one.ratios), "x") for one in found}
        figures["reading"] = [asdict(comparison) for comparison in found]
    if "head" in wanted:
        measured = _search(read_dataset(train_file, TableOptions(limit=N_SEARCHED)), repeats)
        console.print(_search_table(measured))
        headlines |= {f"searching C, {name}": (one.usual.median, "x") for name, one in measured.items()}
        figures["head"] = {name: asdict(one) for name, one in measured.items()}
    if "commands" in wanted:
        times = time_commands(train_file, test=test_file, repeats=repeats)
        console.print(_commands_table(times))
        headlines |= {name: (median(runs), "s") for name, runs in times.runs.items()}
        figures["commands"] = asdict(times)
    if "precision" in wanted:
        compared = _compare_precisions(list(read_dataset(train_file, TableOptions(limit=N_TEXTS)).texts), repeats)
        console.print(precision_table(compared))
        if compared[0].why_no_int8 is not None:
            console.print(f"int8 was not measured. {compared[0].why_no_int8}")
        headlines |= precision_headlines(compared)
        figures["precision"] = [asdict(one) for one in compared]
    if "sizes" in wanted:
        sized = [measure_size(size.quick() if quick else size, repeats=1 if quick else repeats) for size in SIZES]
        console.print(sizes_table(sized))
        figures["sizes"] = [asdict(one) for one in sized]
    _beside_the_last(console, machine, headlines)
    if json_path is not None:
        json_path.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


def _refuse_without_torch() -> None:
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        raise UnavailableError(
            "Comparing with the tutorial's way needs torch and transformers.", hint="`make bench` installs them."
        )


def _compare(texts: list[str], repeats: int) -> list[ReadingComparison]:
    _refuse_without_torch()
    with tempfile.TemporaryDirectory() as scratch:
        distilbert = random_checkpoint("distilbert", Path(scratch) / "distilbert")
        return [
            compare_reading(
                "DistilBERT size (random weights), cls@-1", distilbert, pooling="cls", texts=texts, repeats=repeats
            ),
            compare_reading(
                "MiniLM, mean@-1", find_checkpoint("minilm").folder, pooling="mean", texts=texts, repeats=repeats
            ),
        ]


def _compare_precisions(texts: list[str], repeats: int) -> list[PrecisionComparison]:
    _refuse_without_torch()
    with tempfile.TemporaryDirectory() as scratch:
        sizes = {"DistilBERT size": "distilbert", "BERT size": "bert"}
        folders = {name: random_checkpoint(family, Path(scratch) / family) for name, family in sizes.items()}
        return [
            *(
                compare_precisions(name, folder, features="cls@-1", texts=texts, repeats=repeats)
                for name, folder in folders.items()
            ),
            compare_precisions(
                "MiniLM", find_checkpoint("minilm").folder, features="mean@all", texts=texts, repeats=repeats
            ),
        ]


def _search(dataset: Dataset, repeats: int) -> dict[str, SearchRatio]:
    """The tutorial's grid on 1,500 rows of 768 features: real ones, and those of an encoder that knows nothing."""
    codes = np.unique(np.asarray(dataset.labels), return_inverse=True)[1].astype(np.int64)
    with tempfile.TemporaryDirectory() as scratch:
        untrained = random_checkpoint("distilbert", Path(scratch) / "distilbert")
        encoders = {
            "MiniLM, cls@-1+mean@-1": Encoder.open("minilm", features="cls@-1+mean@-1"),
            "DistilBERT size (random weights), cls@-1": Encoder.open(str(untrained), features="cls@-1"),
        }
        return {
            name: measure_search(encoder.encode(dataset.texts).rows, codes, repeats=repeats)
            for name, encoder in encoders.items()
        }


def _search_table(measured: Mapping[str, SearchRatio]) -> Table:
    table = Table(title="Searching C: linspace(0.0001, 100, 20) x 5 folds, features as they come")
    for column in ("rows", "ours", "GridSearchCV(n_jobs=2)", "converged as far", "relative gradient", "C"):
        table.add_column(column)
    for name, one in measured.items():
        table.add_row(
            f"{name}: {one.n_texts:,} x {one.n_features}",
            f"{one.ours_s.median:.2f} s ({one.ours_s.low:.2f}-{one.ours_s.high:.2f})",
            f"{one.usual.median:.1f} x ({one.usual.low:.1f}-{one.usual.high:.1f})",
            f"{one.converged.median:.1f} x ({one.converged.low:.1f}-{one.converged.high:.1f})",
            f"{one.relative_gradient:.0e}",
            f"{one.our_C:.4g} (theirs {one.usual_C:.4g}, converged {one.converged_C:.4g})",
        )
    return table


def _reading_table(found: Sequence[ReadingComparison]) -> Table:
    table = Table(
        title=f"Reading {found[0].n_texts:,} sentences: the tutorial's way (torch, padded, one batch) and ours"
    )
    for column in ("encoder, features", "tutorial", "ours", "ratio", "peak memory", "share", "largest difference"):
        table.add_column(column)
    for one in found:
        table.add_row(
            one.name,
            spread(one.tutorial_s, "s"),
            spread(one.ours_s, "s"),
            spread(one.ratios, "x"),
            f"{median(one.tutorial_peak_bytes) / 1e6:,.0f} / {median(one.ours_peak_bytes) / 1e6:,.0f} MB",
            f"{one.memory_share:.0%}",
            f"{one.largest_difference:.1e}",
        )
    return table


def _commands_table(times: CommandTimes) -> Table:
    table = Table(title="Whole commands")
    table.add_column("what")
    table.add_column("measured")
    for name, runs in times.runs.items():
        table.add_row(name, spread(runs, "s"))
    second = times.second
    table.add_row("sentences read by the second training", str(second["features"]["n_read"]))
    table.add_row("getting its rows", f"{second['seconds']['read']:.2f} s for {second['features']['n_texts']:,} texts")
    accuracy = second["test"]["accuracy"]
    low, high = accuracy["interval"]
    table.add_row(
        f"accuracy with {second['chosen']['features']}, C = {second['chosen']['C']:.4g}",
        f"{accuracy['value']:.2%} ({low:.2%} to {high:.2%}, n = {accuracy['n']:,}; {second['test']['source']['kind']})",
    )
    return table


def _beside_the_last(console: Console, machine: Machine, measured: Mapping[str, tuple[float, str]]) -> None:
    """Print each headline figure beside the last one kept for such a machine, and keep it for the next time."""
    today = datetime.now(tz=UTC).date().isoformat()
    now = {
        name: Recorded(value=value, unit=unit, when=today, version=__version__)
        for name, (value, unit) in measured.items()
    }
    before = last_run(machine)
    table = Table(title="Beside the last run on such a machine")
    for column in ("what", "last time", "now", "now / last"):
        table.add_column(column)
    for name, one in now.items():
        last = before.get(name)
        table.add_row(
            name,
            "none" if last is None else f"{last.value:.2f} {last.unit} ({last.when}, {last.version})",
            f"{one.value:.2f} {one.unit}",
            "" if last is None else f"{one.value / last.value:.2f}",
        )
    console.print(table)
    place = keep_run(machine, now)
    console.print("Not kept: no folder to keep it in." if place is None else f"Kept in {place}.")


def spread(values: Sequence[float], unit: str) -> str:
    """Median, and the smallest and the largest."""
    digits = 2 if median(values) < 10 else 1
    return f"{median(values):.{digits}f} {unit} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def _beside(file: Path) -> Path | None:
    test = file.with_name(file.name.replace("train", "test"))
    return test if test != file and test.is_file() else None


if __name__ == "__main__":
    try:
        main(standalone_mode=True)
    except FrostlineError as error:
        raise SystemExit(f"error: {error}") from error
