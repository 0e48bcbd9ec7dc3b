"""From labelled texts to answers: the whole classifier of each way, in a process of its own.

Beside the encoder's ways stand those that do without one: a cascade, tables of word pieces, fastText.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import final

from bench.peers import neighbours, ours
from bench.peers.measure import ask, neighbour
from frostline.errors import BackendError
from frostline.evaluate.intervals import wilson

OURS = "frostline"
_COLUMNS = ("way", "texts/s, answered", "accuracy (95 %)", "the same answers", "learned in", "peak memory", "install")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Texts to learn from, and others to answer."""

    name: str
    folder: Path  # The encoder, prepared
    train: list[str]
    labels: list[str]
    texts: list[str]
    truth: list[str]


@final
@dataclass(slots=True, kw_only=True)
class Learned:
    """One way."""

    way: str
    seconds: list[float] = field(default_factory=list)  # To answer all texts, run by run
    learned_s: float = 0.0
    peak_bytes: int = 0
    said: list[str] = field(default_factory=list)
    failed: str = ""


def compare_answers(
    given: Labelled, *, python: Path, repeats: int, threads: int, ways: Sequence[str] = ()
) -> list[Learned]:
    """Every way, or only `ways`, one after the other; one that fails is named with its reason."""
    found = [Learned(way=way) for way in (*ours.LEARNING, *neighbours.LEARNING) if not ways or way in ways]
    if any(way.way == "model2vec" for way in found) and not (given.folder / "model2vec").is_dir():
        ask(neighbour(python), {"mode": "distil", "folder": str(given.folder)}, threads)
    for way in found:
        print(f"{way.way} …", file=sys.stderr, flush=True)
        call = [sys.executable, "-m", ours.__name__] if way.way in ours.LEARNING else neighbour(python)
        task = {
            "mode": "answers",
            "way": way.way,
            "folder": str(given.folder),
            "threads": threads,
            "repeats": repeats,
            "train": given.train,
            "labels": given.labels,
            "texts": given.texts,
        }
        try:
            answer = ask(call, task, threads)
        except BackendError as error:
            way.failed = error.message
            continue
        way.seconds, way.learned_s = answer["seconds"], answer["learned_s"]
        way.said, way.peak_bytes = answer["said"], answer["peak_bytes"]
        rate = len(given.texts) / median(way.seconds)
        print(f"{way.way}: {rate:,.0f} texts/s, learned in {way.learned_s:.1f} s", file=sys.stderr, flush=True)
    return found


def answers_markdown(given: Labelled, found: Sequence[Learned], sizes: Mapping[str, int]) -> str:
    """The table, with what was learned from and answered above it."""
    own = next((way for way in found if way.way == OURS and not way.failed), None)
    n_runs = max((len(way.seconds) for way in found), default=0)
    said = (
        f"{len(given.train):,} texts learned from, {len(given.texts):,} others answered, n = {n_runs} times, medians "
        "(smallest to largest). The same answers: as the first way gives."
    )
    lines = [
        f"### {given.name}, from labelled texts to answers",
        "",
        said,
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "|" + "---|" * len(_COLUMNS),
    ]
    return "\n".join([*lines, *("| " + " | ".join(_cells(given, way, own, sizes)) + " |" for way in found), ""])


def _cells(given: Labelled, way: Learned, own: Learned | None, sizes: Mapping[str, int]) -> list[str]:
    name = f"**{way.way}**" if way.way in ours.LEARNING else way.way
    if way.failed:
        return [name, f"failed: {way.failed}".replace("|", "/"), *[""] * (len(_COLUMNS) - 2)]
    rates, n = [len(given.texts) / seconds for seconds in way.seconds], len(given.truth)
    n_right = sum(said == truth for said, truth in zip(way.said, given.truth, strict=True))
    low, high = wilson(n_right, n)
    same = "" if own is None else f"{sum(a == b for a, b in zip(way.said, own.said, strict=True)) / n:.1%}"
    return [
        name,
        f"{median(rates):,.0f} ({min(rates):,.0f}-{max(rates):,.0f})",
        f"{n_right / n:.1%} ({low:.1%} to {high:.1%})",
        same,
        f"{way.learned_s:.1f} s",
        f"{way.peak_bytes / 1e6:,.0f} MB",
        f"{sizes[way.way] / 1e6:,.0f} MB",
    ]


def answers_summary(given: Labelled, found: Sequence[Learned]) -> dict[str, object]:
    """The figures as JSON values."""
    own = next((way for way in found if way.way == OURS and not way.failed), None)
    return {
        "work": f"{given.name}, answers",
        "n_trained": len(given.train),
        "n_texts": len(given.texts),
        "ways": {
            way.way: {
                "failed": way.failed,
                "seconds": way.seconds,
                "learned_s": way.learned_s,
                "peak_bytes": way.peak_bytes,
                "n_right": sum(said == truth for said, truth in zip(way.said, given.truth, strict=False)),
                "n_same": sum(a == b for a, b in zip(way.said, [] if own is None else own.said, strict=False)),
            }
            for way in found
        },
    }
