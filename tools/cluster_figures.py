"""Figures of jobs on Ray: `python tools/cluster_figures.py WHAT [--rows N] [--kills 20] [--raylets 5]`.

Needs root, iproute2 and the extra `ray`. `kills`: two nodes in two network namespaces; workers are killed
(kill -9) one after the other, and the second node's raylet, which is started again each time; what comes out is held
against the bytes of one process. `memory`: what the driver holds, by the number of windows, of a task that is nothing.
`speed`: rows a second of one worker and of two, and of one process without Ray.
"""

import argparse
import hashlib
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable  # noqa: TC003 - of an annotation
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "tests" / "score")]

ONE = ROOT / "tests" / "artifact" / "saved_by_0_1_0" / "one-label"
WORDS = "the soup was very tasty goal bread and cheese coach team money bank trip sea"


def made_rows(path: Path, n: int) -> Path:
    """A table of so many texts of six words."""
    lot, words = random.Random(0), WORDS.split()  # noqa: S311 - test data
    with path.open("w") as opened:
        opened.write("id\ttext\n")
        for row in range(n):
            opened.write(f"{row}\t{' '.join(lot.choices(words, k=6))}\n")
    return path


def digest(path: Path) -> str:
    """Of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def kills(folder: Path, *, rows: int, n_workers: int, n_raylets: int) -> int:
    """How many of the bytes are wrong in the end: 0 or 1."""
    from two_nodes import THERE, two_nodes  # noqa: PLC0415 - beside the tests

    source, one, out = made_rows(folder / "in.tsv", rows), folder / "one.csv", folder / "out.csv"
    lot, done, runs = random.Random(), Counter[str](), 0  # noqa: S311 - moments, not keys
    with two_nodes(folder) as nodes:
        process = nodes.popen("predict", str(ONE), str(source), "--out", str(one))
        process.communicate()
        wrong = 0
        while done["worker"] < n_workers or done["raylet"] < n_raylets:
            runs += 1
            for kept in folder.glob("out.csv*"):
                kept.unlink()
            process = nodes.popen(
                "predict", str(ONE), str(source), "--out", str(out), "--on", nodes.on, "--workers", "2"
            )
            began, ended = time.monotonic(), time.monotonic()
            while process.poll() is None:
                time.sleep(0.2)
                parts = len(list(folder.glob("out.csv.parts/*.part")))
                if not parts or time.monotonic() - ended < 2 + 3 * lot.random():
                    continue
                ended = time.monotonic()
                there, workers = nodes.raylet(THERE), nodes.workers()
                if done["raylet"] < n_raylets and there is not None and done["worker"] >= 4 * (done["raylet"] + 1):
                    os.kill(there, signal.SIGKILL)
                    nodes.stop(THERE)
                    (nodes.folder / f"{THERE}.log").unlink()
                    nodes.start(THERE, cpus=1)
                    done["raylet"] += 1
                elif workers and done["worker"] < n_workers:
                    os.kill(lot.choice(workers), signal.SIGKILL)
                    done["worker"] += 1
            told = process.communicate()[1]
            same = process.returncode == 0 and digest(out) == digest(one)
            wrong += not same
            print(
                f"run {runs}: {done['worker']} workers, {done['raylet']} raylets killed so far; "
                f"exit {process.returncode}, "
                f"{'the same bytes' if same else 'OTHER BYTES'}, {time.monotonic() - began:.0f} s",
                flush=True,
            )
            if not same:
                print(told[-2000:], flush=True)
    print(f"{rows:,} rows, {runs} runs, {done['worker']} kills of workers, {done['raylet']} of a raylet: {wrong} wrong")
    return wrong


def memory(folder: Path, *, counts: tuple[int, ...] = (10_000, 100_000)) -> None:
    """Bytes of the driver for each window more (TMPDIR=/dev/shm: a disk's syncs are no part of it)."""
    from jobs import Turning, job_of, join  # noqa: PLC0415 - beside the tests

    from frostline.score.on_ray import Cluster  # noqa: PLC0415 - only here
    from frostline.score.run import run  # noqa: PLC0415

    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:3])
    before, counted = 0, 0
    with Cluster(None, workers=2) as cluster:
        for count in (1000, *counts):
            source = folder / f"{count}.txt"
            source.write_text("".join(f"text number {n}\n" for n in range(16 * count)))
            began = time.monotonic()
            done = run(job_of(source, folder / f"{count}.out"), Turning(), [], join=join, spread=cluster)
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            each = f", {(most - before) / (count - counted):,.0f} bytes for each window more" if before else ""
            print(
                f"{count:,} windows of {done.n_rows:,} rows: {most >> 20} MB{each}, {time.monotonic() - began:.0f} s",
                flush=True,
            )
            before, counted = most, count


def speed(folder: Path, *, rows: int) -> None:
    """Seconds by the clock, from the first finished window to the last row."""
    import subprocess  # noqa: PLC0415 - only here

    source = made_rows(folder / "in.tsv", rows)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    digests = set()
    for name, more in {
        "one process": ("--threads", "1"),
        "one worker": ("--on", "ray", "--workers", "1"),
        "two workers": ("--on", "ray", "--workers", "2"),
    }.items():
        out = folder / f"{name.replace(' ', '-')}.csv"
        command = [sys.executable, "-m", "frostline", "predict", str(ONE), str(source), "--out", str(out), *more]
        began, first = time.monotonic(), 0.0
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603
        while process.poll() is None:
            if not first and (folder / f"{out.name}.parts" / "00000000.json").exists():
                first = time.monotonic()
            time.sleep(0.05)
        seconds, digested = time.monotonic() - (first or began), digest(out)
        digests.add(digested)
        print(
            f"{name}: {rows:,} rows, {seconds:.1f} s after the first window ({time.monotonic() - began:.1f} in all), "
            f"load {os.getloadavg()[0]:.1f}, sha256 {digested[:16]}",
            flush=True,
        )
    print("the same bytes" if len(digests) == 1 else "OTHER BYTES")


def waiting(folder: Path, *, rows: int, each: float = 0.25) -> None:
    """As `speed`, of a task that waits a quarter of a second at each window, whatever else the processors do."""
    from jobs import Turning, job_of, join  # noqa: PLC0415 - beside the tests

    from frostline.score.on_ray import Cluster  # noqa: PLC0415 - only here
    from frostline.score.run import run  # noqa: PLC0415

    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:3])
    source = folder / "in.txt"
    source.write_text("".join(f"text number {n}\n" for n in range(rows)))
    alone = folder / "alone.out"
    run(job_of(source, alone, window_rows=4096), Turning(), [], join=join)
    task, seconds = Turning(seconds=each), list[float]()
    for workers in (1, 2):
        out, first = folder / f"{workers}.out", list[float]()
        with Cluster(None, workers=workers) as cluster:
            job = job_of(source, out, window_rows=4096)
            run(
                job,
                task,
                [],
                join=join,
                spread=cluster,
                progress=lambda *_, first=first: first.append(time.monotonic()),
            )
        seconds.append(first[-1] - first[0])
        same = "the same bytes" if digest(out) == digest(alone) else "OTHER BYTES"
        print(
            f"{workers} workers: {rows:,} rows, {seconds[-1]:.1f} s from the first window to the last, {same}",
            flush=True,
        )
    print(f"{seconds[0] / seconds[1]:.2f} times as fast, load {os.getloadavg()[0]:.1f}")


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("kills", "memory", "speed", "waiting"))
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--raylets", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="frostline-cluster-") as name:
        folder = Path(name)
        measured: dict[str, Callable[[], Any]] = {
            "kills": lambda: kills(folder, rows=given.rows, n_workers=given.kills, n_raylets=given.raylets),
            "memory": lambda: memory(folder),
            "speed": lambda: speed(folder, rows=given.rows),
            "waiting": lambda: waiting(folder, rows=given.rows),
        }
        return int(bool(measured[given.what]()))


if __name__ == "__main__":
    sys.exit(main())
