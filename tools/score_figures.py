"""Files of any size, measured: memory, kills, processes.

    python tools/score_figures.py memory FOLDER [--rows 1000000] [--real 20000]
    python tools/score_figures.py kills FOLDER [--kills 100] [--real 10]
    python tools/score_figures.py workers [--rows 4000] [--runs 3]

FOLDER holds real data sets (sst2/train.tsv): a classifier is trained on them, of words alone (which stands in for a
hashing encoder) and of the bundled encoder. Everything runs through the command line, in processes of its own.
"""

import argparse
import hashlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frostline.artifact.model import Model
from frostline.data.options import TableOptions
from frostline.encoder.features import FeatureSpec
from frostline.encoder.reading import Reading
from frostline.head.linear import LinearHead
from frostline.score.answers import layout_of
from frostline.score.files import Sheet, join, section, sheet_of
from frostline.score.job import Made, Window, folder_of, manifest_of, verify
from frostline.score.labelling import answers_in_parts, tally_of
from frostline.score.run import Job, run, surveyed

FROSTLINE = [sys.executable, "-m", "frostline"]


def rows_of(folder: Path, path: Path, n: int, *, words: int = 18) -> Path:
    """A CSV of n rows: a number, a text (SST-2's, cut and joined at random, so that few are equal), a label, a date."""
    lines = (folder / "sst2" / "train.tsv").read_text("utf-8").splitlines()
    texts, labels = zip(*(line.split("\t")[:2] for line in lines if line.count("\t") == 1), strict=True)
    lot = random.Random(0)  # noqa: S311 - a sample, not a secret
    with path.open("w", encoding="utf-8") as out:
        out.write("id,text,label,date\n")
        for number in range(n):
            one, other = lot.randrange(len(texts)), lot.randrange(len(texts))
            both = texts[one].split()[: 2 * words // 3] + texts[other].split()[: words // 3]
            text = " ".join(both).replace('"', "")
            out.write(f'{number},"{text}, no {number}",{labels[one]},2026-11-29\n')
    return path


def trained(folder: Path, out: Path, features: str) -> Path:
    """A classifier of SST-2's sentiment."""
    asked = ["train", folder / "sst2" / "dev.tsv", "--features", features, "-C", "0.01", "--out", out]
    subprocess.run(  # noqa: S603 - our own command
        [*FROSTLINE, *map(str, asked)], check=True, capture_output=True
    )
    return out


@dataclass(frozen=True)
class Sample:
    """A moment of a run."""

    seconds: float
    resident: float  # MB
    windows: int  # That were finished


def watched(arguments: Sequence[object], out: Path) -> list[Sample]:
    """Run a command to its end, looking at its memory four times a second."""
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*FROSTLINE, *map(str, arguments)], stderr=subprocess.PIPE
    )
    seen: list[Sample] = []
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        except (OSError, StopIteration):
            break
        seen.append(Sample(time.monotonic() - began, resident / 1e3, len([*folder_of(out).glob("*.json")]) - 1))
        time.sleep(0.25)
    _, words = process.communicate()
    print(words.decode().strip())
    if process.returncode:
        raise SystemExit(process.returncode)
    return seen


def memory(folder: Path, work: Path, *, rows: int, real: int) -> None:
    """What a long job holds above the model, and whether it grows."""
    for name, features, n in (("words alone", "words", rows), ("minilm", "mean@all", real)):
        if not n:
            continue
        model, out = trained(folder, work / name, features), work / "out.csv"
        source = rows_of(folder, work / "in.csv", n)
        bare = resident_with_one_text(model, rows_of(folder, work / "few.csv", 1), work / "few-out.csv")
        seen = watched(["predict", model, source, "--out", out], out)
        busy = [sample for sample in seen if sample.windows > 2]
        rows_each = n / max(sample.windows for sample in seen)
        slope = np.polyfit([sample.windows * rows_each for sample in busy], [sample.resident for sample in busy], 1)[0]
        fifths = [np.median([s.resident for s in part]) for part in np.array_split(np.array(busy, object), 5)]
        print(
            f"{name}: {n:,} rows in {seen[-1].seconds:.0f} s ({n / seen[-1].seconds:,.0f} rows/s), {len(seen)} looks: "
            f"peak {max(s.resident for s in seen):.0f} MB, the model with one text {bare:.0f} MB: "
            f"{max(s.resident for s in seen) - bare:.0f} MB above; {slope * 1e5:+.2f} MB per 100,000 rows; "
            f"fifths of the time: {np.round(fifths)} MB; "
            f"{verify(out).rows:,} rows verified"
        )


def resident_with_one_text(model: Path, few: Path, out: Path) -> float:
    """The most that a process held (MB) which opened the model and labelled one text."""
    code = (
        "import resource, sys; from frostline.cli.main import run; run(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    asked = ["predict", str(model), str(few), "--out", str(out), "--overwrite"]
    ended = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code, *asked], check=True, capture_output=True, text=True
    )
    return int(ended.stdout.split()[-1]) / 1e3


def kills(folder: Path, work: Path, *, kills: int, real: int) -> None:
    """Jobs killed at random moments, and gone on with, until they end: their bytes against an uninterrupted run's."""
    both = (("words alone", "words", 25_000, kills, 18), ("minilm", "mean@all", 10_000, real, 6))
    for name, features, n_rows, n_kills, words in both:
        if not n_kills:
            continue
        model, source = trained(folder, work / name, features), rows_of(folder, work / "in.csv", n_rows, words=words)
        expected = work / "expected.parquet"
        began = time.monotonic()
        subprocess.run(  # noqa: S603 - our own command
            [*FROSTLINE, "predict", model, source, "--out", expected], check=True, capture_output=True
        )
        whole_s, digest = time.monotonic() - began, hashlib.sha256(expected.read_bytes()).hexdigest()
        lot, killed, jobs, wrong, in_work = random.Random(1), 0, 0, 0, 0  # noqa: S311 - a sample, not a secret
        while killed < n_kills:
            out = work / f"out-{jobs}.parquet"
            while True:
                process = subprocess.Popen(  # noqa: S603 - our own command
                    [*FROSTLINE, "predict", model, source, "--out", out], stderr=subprocess.PIPE
                )
                try:
                    _, told = process.communicate(timeout=lot.uniform(0.2, whole_s) if killed < n_kills else None)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    killed += 1
                    in_work += folder_of(out).exists()
                    continue
                if process.returncode:
                    raise SystemExit(told.decode())
                break
            jobs += 1
            same = hashlib.sha256(out.read_bytes()).hexdigest() == digest and verify(out).rows == n_rows
            wrong += not same or folder_of(out).exists() or any(work.glob(".tmp-*"))
            out.unlink()
        print(
            f"{name}: {n_rows:,} rows of {words} words, {whole_s:.1f} s uninterrupted; {killed} kills ({in_work} "
            f"of them with windows under way) in {jobs} jobs: {wrong} jobs whose bytes differ, or that left something"
        )
        expected.unlink()
        manifest_of(expected).unlink()


@dataclass(frozen=True)
class Hashing:
    """An encoder that hashes words in Python: it keeps one core busy, and about a thousand texts a second."""

    features: str = "mean@-1"
    hidden_size: int = 64

    @property
    def identity(self) -> None:
        """None."""

    @property
    def spec(self) -> FeatureSpec:
        """Of one block."""
        return FeatureSpec.parse(self.features)

    def encode(self, texts: Sequence[str], *, progress: object = None) -> Reading:
        """Of each text the mean of its words' hashes, gone over again and again."""
        del progress
        rows = np.zeros((len(texts), self.hidden_size), np.float32)
        for row, text in enumerate(texts):
            for word in text.split() * 25:
                noise = hashlib.shake_256(word.encode()).digest(self.hidden_size)
                rows[row] += np.frombuffer(noise, np.uint8)
        pieces = np.zeros(len(texts), np.int32)
        return Reading(rows=rows / 1e4, pieces=pieces, cut=pieces > 0, n_read=len(texts))


def hashed() -> Model:
    """A head of fixed numbers over hashes."""
    head = LinearHead(labels=("a", "b"), coef=np.random.RandomState(0).randn(1, 64), intercept=np.zeros(1))
    return Model(manifest=None, head=head, encoder=Hashing())  # type: ignore[arg-type]


@dataclass(frozen=True)
class HashedLabels:
    """A task without an artifact."""

    sheet: Sheet

    def open(self) -> Model:
        """As `hashed`."""
        return hashed()

    def made(self, opened: Model, window: Window, *, progress: object = None) -> Made:
        """As `Labelling`."""
        del progress
        found = list(answers_in_parts(opened, window.texts, with_likeness=False))
        return Made(section(self.sheet, window.cells, found), tally_of(found, self.sheet.layout))


def processor_seconds() -> tuple[float, float]:
    """Of this process, and of those that it has started and seen end."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return used[0].ru_utime + used[0].ru_stime, used[1].ru_utime + used[1].ru_stime


def workers(folder: Path, work: Path, *, rows: int, runs: int) -> None:
    """One process against two, in turn."""
    source = rows_of(folder, work / "in.csv", rows)
    layout = layout_of(hashed())
    options = TableOptions(text="text")
    one: list[float] = []
    two: list[float] = []
    digests = set()
    for _ in range(runs):
        for n, seconds in ((1, one), (2, two)):
            out = work / f"out-{n}.csv"
            began, spent = time.monotonic(), processor_seconds()
            survey = surveyed(source, options, as_text=True)
            sheet = sheet_of(out, layout, names=survey.names, kinds=["text"] * 4)
            job = Job(
                source=source,
                out=out,
                options=options,
                survey=survey,
                as_text=True,
                window_rows=256,
                by={"sha256": "hashing"},
                how={},
            )
            task = HashedLabels(sheet)
            run(job, task, task.open(), join=lambda *parts, sheet=sheet: join(sheet, *parts), workers=n)
            seconds.append(time.monotonic() - began)
            ours, theirs = (after - before for before, after in zip(spent, processor_seconds(), strict=True))
            print(f"{n}: {seconds[-1]:.1f} s; processor: {ours:.1f} s of this process, {theirs:.1f} s of others")
            digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
            out.unlink()
            manifest_of(out).unlink()
    ratios = [alone / shared for alone, shared in zip(one, two, strict=True)]
    print(
        f"{rows:,} rows, {runs} runs of each in turn: one process {np.round(one, 1)} s, two {np.round(two, 1)} s: "
        f"{np.median(ratios):.2f} x ({min(ratios):.2f}-{max(ratios):.2f}); {len(digests)} digest"
    )


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["memory", "kills", "workers"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--real", type=int)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if asked.what == "memory":
            memory(
                asked.folder,
                work,
                rows=1_000_000 if asked.rows is None else asked.rows,
                real=20_000 if asked.real is None else asked.real,
            )
        elif asked.what == "kills":
            kills(asked.folder, work, kills=asked.kills, real=10 if asked.real is None else asked.real)
        else:
            workers(asked.folder, work, rows=asked.rows or 4000, runs=asked.runs)


if __name__ == "__main__":
    main()
