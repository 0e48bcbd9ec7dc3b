"""`python -m bench.peers --python PYTHON`: ours beside sentence-transformers, a pipeline, CTranslate2.

In:   an interpreter that has the neighbours (requirements/peers.txt; `make bench-peers` sets it up).
Out:  Markdown on standard output; with `--out FOLDER` also peers.md, peers.svg, peers.json.
Not:  the measurements (measure.py).
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from bench.ceilings import work_gflop
from bench.checkpoints import random_checkpoint
from bench.peers.answers import Labelled, answers_markdown, answers_summary, compare_answers
from bench.peers.measure import Comparison, Work, compare, install_sizes, prepare
from bench.peers.page import markdown, plot, summary
from bench.sst2 import sst2_file
from frostline import __version__
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.disk import publish_bytes
from frostline.encoder.architecture import describe
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.precision import why_not_int8
from frostline.encoder.tokens import WordPieces
from frostline.errors import FrostlineError
from frostline.machine import this_machine, usable_cores

N_TEXTS = 2000
LONG_WORDS = 200
ENCODERS = ("minilm", "distilbert", "bert")
KINDS = ("short", "long", "answers")
N_LEARNED = 5000


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--python", type=click.Path(path_type=Path, exists=True), required=True, help="The neighbours' own.")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Runs of each way, in turn.")
@click.option("--texts", "n_texts", type=click.IntRange(64), default=N_TEXTS, show_default=True)
@click.option("--long-texts", "n_long", type=click.IntRange(32), default=N_TEXTS, show_default=True)
@click.option("--encoder", "encoders", type=click.Choice(ENCODERS), multiple=True, help="Only this; repeatable.")
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only this; repeatable.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the encoders are prepared, and kept.")
@click.option("--way", "ways", multiple=True, help="Only this of the ways to answers; repeatable.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder for peers.md, peers.svg, peers.json.")
def main(  # noqa: PLR0913 - as many parameters as there are options
    *,
    file: Path | None,
    python: Path,
    repeats: int,
    n_texts: int,
    n_long: int,
    encoders: Sequence[str],
    kinds: Sequence[str],
    folder: Path | None,
    ways: Sequence[str],
    out: Path | None,
) -> None:
    """Measure all in one run, on the first sentences of FILE (SST-2 if none is named) and on texts of 200 words."""
    console = Console(stderr=True)
    machine, threads = this_machine(), usable_cores()
    head = (
        f"frostline {__version__} on {machine.processor}, {threads} cores, {' '.join(machine.instructions)}; "
        f"{threads} threads each, one for one at a time."
    )
    dataset = read_dataset(file or sst2_file(), TableOptions())
    found: list[Comparison] = []
    figures: list[dict[str, object]] = []
    sizes = install_sizes(python)
    parts = [head, ""]
    with tempfile.TemporaryDirectory() as scratch:
        for encoder in encoders or ENCODERS:
            place = (folder or Path(scratch)) / encoder
            if not place.exists():
                _folder(encoder, place)
                console.print(f"preparing {encoder} for every way …")
                prepare(place, _pooling(encoder), python=python)
            for kind in kinds or KINDS:
                if kind == "answers":
                    if encoder != "minilm":  # the others' weights are random
                        continue
                    given = _labelled(encoder, place, dataset)
                    learned = compare_answers(given, python=python, repeats=repeats, threads=threads, ways=ways)
                    parts.append(answers_markdown(given, learned, sizes))
                    figures.append(answers_summary(given, learned))
                else:
                    short = dataset.take(np.arange(min(n_texts, len(dataset))))
                    work = _work(encoder, place, kind, short, n_long=n_long)
                    console.print(f"{work.name}: {len(work.texts):,} texts …")
                    int8_too = why_not_int8() is None
                    found.append(compare(work, python=python, repeats=repeats, threads=threads, with_int8=int8_too))
                    parts.append(markdown(found[-1], sizes))
                    figures.append(summary(found[-1]))
                console.print(parts[-1], markup=False, soft_wrap=True)
    page = "\n".join(parts)
    click.echo(page)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        publish_bytes(out / "peers.md", (page + "\n").encode())
        if found:
            publish_bytes(out / "peers.svg", plot(found).encode())
        publish_bytes(out / "peers.json", (json.dumps(figures, indent=1) + "\n").encode())


def _labelled(encoder: str, folder: Path, dataset: Dataset) -> Labelled:
    """Three quarters of the rows, at most `N_LEARNED`, to learn from; of the others as many as a third of those."""
    rows = np.arange(len(dataset))
    learned, others = rows[rows % 4 != 3][:N_LEARNED], rows[rows % 4 == 3][: N_LEARNED // 3]
    texts, labels = list(dataset.texts), [str(label) for label in dataset.labels]
    return Labelled(
        name=encoder,
        folder=folder,
        train=[texts[row] for row in learned.tolist()],
        labels=[labels[row] for row in learned.tolist()],
        texts=[texts[row] for row in others.tolist()],
        truth=[labels[row] for row in others.tolist()],
    )


def _pooling(encoder: str) -> str:
    """What each is made for: MiniLM the mean of its last layer, the practical's encoders [CLS]."""
    return "mean" if encoder == "minilm" else "cls"


def _folder(encoder: str, folder: Path) -> Path:
    """A copy that the neighbours may write their exports into."""
    if encoder == "minilm":
        shutil.copytree(find_checkpoint("minilm").folder, folder)
        return folder
    return random_checkpoint(encoder, folder)


def _work(encoder: str, folder: Path, kind: str, dataset: Dataset, *, n_long: int) -> Work:
    texts = list(dataset.texts) if kind == "short" else _long(dataset.texts, n_long)
    random = "" if encoder == "minilm" else " size (random weights)"
    said = "sentences" if kind == "short" else f"texts of {LONG_WORDS} words"
    codes = None
    if encoder == "minilm" and kind == "short":
        codes = np.unique(np.asarray(dataset.labels), return_inverse=True)[1].astype(np.int64)
    checkpoint = find_checkpoint(str(folder))
    shape, lengths = describe(checkpoint.config), WordPieces.open(checkpoint).tokenize(texts).lengths
    return Work(
        name=f"{encoder}{random}, {said}",
        folder=folder,
        pooling=_pooling(encoder),
        texts=texts,
        n_pieces=int(lengths.sum()),
        shape=shape,
        gflop=work_gflop(shape, lengths.tolist(), cls_only=_pooling(encoder) == "cls"),
        codes=codes,
        alone=kind == "short",
    )


def _long(texts: Sequence[str], n_texts: int) -> list[str]:
    """Texts of 200 words, cut from the sentences one after another, from the start again where they end."""
    words = " ".join(texts).split()
    starts = (number * LONG_WORDS % max(1, len(words) - LONG_WORDS) for number in range(n_texts))
    return [" ".join(words[start : start + LONG_WORDS]) for start in starts]


if __name__ == "__main__":
    try:
        main(standalone_mode=True)
    except FrostlineError as error:
        raise SystemExit(f"error: {error}") from error
