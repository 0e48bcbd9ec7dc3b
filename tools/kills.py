"""kill -9 at random moments of train, save, sweep, review and embed: `python tools/kills.py [VERB...] [--n 100]`.

A child forked from this process, in which everything is imported already, runs the verb with a small encoder and is
killed: every second time at a random moment of the time that the verb takes, and else right before one of the times it
opens a file for writing, makes, moves or removes one. What may be found then is what was there before, whole, or what
the verb makes, whole (nothing, where nothing was there); no kept row may be damaged. After every tenth kill the verb
runs to its end, and must make what it makes without kills. Anything else is told, and the exit code is 1.
"""

import argparse
import contextlib
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate", "shutil.rmtree"}
TEXTS = 40


@dataclass
class Verb:
    """What is run, what it leaves, and where: `out` is a file or a folder, or nothing but kept rows."""

    name: str
    arguments: Callable[["Place"], list[str]]
    out: str = ""
    # By whether the home is empty: how long it takes, and how often it changes a file
    seconds: dict[bool, float] = field(default_factory=dict)
    changes: dict[bool, int] = field(default_factory=dict)
    before: bytes = b""  # What was there, as `looked_at` has it
    after: bytes = b""
    found: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Place:
    """A folder with rows, an encoder, two saved classifiers and a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.results = folder, folder / "home", folder / "results"
        self.rows, self.other, self.encoder = folder / "rows.tsv", folder / "other.tsv", folder / "encoder"
        self.old = folder / "old"  # what stands where results will be
        self.new = folder / "new"  # a classifier that is at hand
        for place in (self.home, self.results, self.old):
            place.mkdir(mode=0o700)
        kinds = (("good", "bad"), ("fine", "dull"))
        for path, labels in zip((self.rows, self.other), kinds, strict=True):
            lines = []
            for row in range(TEXTS):
                word = ("good", "bad")[row % 2]
                text = f"{word} film {'abcdefghij'[row % 10]} {'klmnopqrst'[row // 10]}"
                lines.append(f"{text if path == self.rows else text[::-1]}\t{labels[row % 2]}\n")
            path.write_text("".join(lines), "utf-8")
        sys.path.insert(0, str(ROOT / "tests"))
        importlib.import_module("encoder_fakes").make_checkpoint(self.encoder)
        os.environ["FROSTLINE_HOME"] = str(self.home)

    def asked(self, verb: str, rows: Path, *more: str) -> list[str]:
        """A verb over rows, with the small encoder."""
        return [verb, str(rows), "--encoder", str(self.encoder), *more]

    def trained(self, rows: Path, out: Path) -> list[str]:
        """A training whose classifier is saved."""
        return self.asked("train", rows, "-C", "0.1", "--features", "mean@-1", "--out", str(out), "--overwrite")


def _out(place: Place, name: str) -> list[str]:
    return ["--out", str(place.results / name), "--overwrite"]


def verbs() -> list[Verb]:
    """Those that write."""
    quick = ["-C", "0.1"]
    return [
        Verb("train", lambda place: place.trained(place.rows, place.results / "model"), "model"),
        Verb("save", lambda place: ["save", str(place.new), str(place.results / "model")], "model"),
        Verb("sweep", lambda place: place.asked("sweep", place.rows, *quick, "--json")),
        Verb("review", lambda place: place.asked("review", place.rows, *_out(place, "fixes.tsv")), "fixes.tsv"),
        Verb("embed", lambda place: place.asked("embed", place.rows, *_out(place, "rows.npy")), "rows.npy"),
        Verb("predict", lambda place: ["predict", str(place.new), str(place.rows), *_out(place, "s.csv")], "s.csv"),
    ]


def run(arguments: list[str]) -> int:
    """In a forked child: a verb of the command line, or `save OLD NEW` of the library."""
    if arguments[0] == "save":
        from frostline import SentenceClassifier  # noqa: PLC0415 - imported beforehand

        SentenceClassifier.load(arguments[1]).save(arguments[2], overwrite=True)
        return 0
    from frostline.cli.main import run as run_verb  # noqa: PLC0415 - as above

    return run_verb(arguments)


def looked_at(path: Path) -> bytes:
    """What stands at `path`: of a classifier, its digests checked, labels and names of files; else bytes."""
    from frostline.artifact import load_artifact  # noqa: PLC0415 - imported beforehand
    from frostline.errors import MissingInputError  # noqa: PLC0415 - as above

    if path.suffix:
        return path.read_bytes() if path.exists() else b""
    try:
        loaded = load_artifact(path)
    except MissingInputError:
        return b""
    names = sorted(inner.name for inner in path.iterdir())
    return json.dumps([list(loaded.head.labels), names]).encode()


def forked(work: Callable[[], bytes], *, kill_at: int = 0) -> tuple[int, int]:
    """The child that does `work`, and the pipe that brings what it answers; killed before a change of a file."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.close(reading)
    code = 1
    try:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        changes = _counting(kill_at)
        answer = work()
        os.write(writing, json.dumps([answer.decode("latin-1"), changes()]).encode())
        code = 0
    except BaseException as error:  # noqa: BLE001 - a child says what went wrong, and ends
        os.write(writing, json.dumps([f"{type(error).__name__}: {error}"]).encode())
    os._exit(code)


def _counting(kill_at: int) -> Callable[[], int]:
    """What says how often this process has changed a file since; the change numbered `kill_at` (from 1) never comes."""
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES):
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return lambda: count


def answered(work: Callable[[], bytes]) -> tuple[bytes, int]:
    """What a child answers, and how often it changed a file. Raises `RuntimeError` if it fails."""
    child, reading = forked(work)
    with os.fdopen(reading, "rb") as pipe:
        said = json.loads(pipe.read() or b'["died"]')
    os.waitpid(child, 0)
    if len(said) == 1:
        raise RuntimeError(said[0])
    return said[0].encode("latin-1"), said[1]


def whole(verb: Verb, place: Place) -> tuple[bytes, int]:
    """What the verb leaves, run to its end, and how often it changed a file."""

    def work() -> bytes:
        code = run(verb.arguments(place))
        if code:
            raise RuntimeError(f"exit code {code}")
        return looked_at(place.results / verb.out) if verb.out else b""

    return answered(work)


def prepare(verb: Verb, place: Place) -> None:
    """What stands there before, what comes, how long it takes, from an empty home on."""
    if verb.out:
        old = place.old / f"{verb.name}-{verb.out}"
        arguments = [str(place.other) if part == str(place.rows) else part for part in verb.arguments(place)]
        if verb.name in {"save", "predict"}:
            answered(lambda: str(run(place.trained(place.rows, place.new))).encode())
        if verb.name == "save":
            answered(lambda: str(run(place.trained(place.other, old))).encode())
        else:
            arguments[arguments.index("--out") + 1] = str(old)
            answered(lambda: str(run(arguments)).encode())
        verb.before = answered(lambda: looked_at(old))[0]
    for is_cold in (True, False):
        put_back(verb, place, is_empty=False, is_cold=is_cold)
        began = time.monotonic()
        verb.after, verb.changes[is_cold] = whole(verb, place)
        verb.seconds[is_cold] = time.monotonic() - began
    if verb.out and verb.before in {b"", verb.after}:
        raise RuntimeError(f"{verb.name}: what was there before is not told from what it makes")


def put_back(verb: Verb, place: Place, *, is_empty: bool, is_cold: bool) -> None:
    """The results as they were before, or none; an empty home, or what the killed have left in it."""
    if is_cold:
        shutil.rmtree(place.home)
        place.home.mkdir(mode=0o700)
    for left in place.results.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    if verb.out and not is_empty:
        old = place.old / f"{verb.name}-{verb.out}"
        (shutil.copytree if old.is_dir() else shutil.copy2)(old, place.results / verb.out)


def kill_once(verb: Verb, place: Place, lot: random.Random, *, by_time: bool, is_cold: bool) -> bool:
    """Whether the verb was killed before it ended."""
    kill_at = 0 if by_time else lot.randint(1, max(1, verb.changes[is_cold]))
    child, reading = forked(lambda: str(run(verb.arguments(place))).encode(), kill_at=kill_at)
    try:
        if by_time:
            time.sleep(lot.uniform(0, verb.seconds[is_cold]))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    finally:
        os.close(reading)


def check(verb: Verb, place: Place, *, is_empty: bool) -> str:
    """What a kill left: `old`, `new` or `nothing`. Raises `RuntimeError` for anything else."""

    def work() -> bytes:
        from frostline.store.upkeep import cache_verify  # noqa: PLC0415 - imported beforehand

        if damaged := cache_verify(place.home).damaged:
            raise RuntimeError(f"{len(damaged)} damaged shards: {damaged[0].reason}")
        return looked_at(place.results / verb.out) if verb.out else b""

    left = answered(work)[0]
    allowed = {verb.after: "new", b"" if is_empty else verb.before: "nothing" if is_empty else "old"}
    if left not in allowed:
        raise RuntimeError(f"{verb.out}: neither the old one nor the new one ({left[:80]!r})")
    return allowed[left] if verb.out else "rows"


def killed(verb: Verb, place: Place, n: int, lot: random.Random) -> None:
    """Kill it `n` times, and count what is found."""
    n_killed = 0
    while n_killed < n and len(verb.wrong) < 5:
        is_empty = bool(verb.out) and lot.random() < 0.3
        is_cold = lot.random() < 0.3
        put_back(verb, place, is_empty=is_empty, is_cold=is_cold)
        if not kill_once(verb, place, lot, by_time=n_killed % 2 == 0, is_cold=is_cold):
            verb.found["ended before"] += 1
            continue
        n_killed += 1
        try:
            verb.found[check(verb, place, is_empty=is_empty)] += 1
            if n_killed % 10 == 0 or n_killed == n:
                if whole(verb, place)[0] != verb.after:
                    verb.wrong.append("run to its end, it makes something else than without kills")
                elif left := [inner.name for inner in place.results.iterdir() if not inner.name.startswith(verb.out)]:
                    verb.wrong.append(f"left behind: {left}")
        except RuntimeError as error:
            verb.wrong.append(str(error))


def import_all(place: Place, chosen: list[Verb]) -> None:
    """What the verbs import, before any is killed: found out by children that run them."""
    for verb in chosen:
        arguments = verb.arguments(place)
        if verb.name in {"save", "predict"}:
            arguments = place.trained(place.rows, place.new)

        def work(arguments: list[str] = arguments) -> bytes:
            run(arguments)
            return "\n".join(sys.modules).encode()

        for name in answered(work)[0].decode().split("\n"):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        importlib.import_module("frostline").SentenceClassifier  # noqa: B018 - loaded when it is asked for


def main() -> int:
    """Kill, tell, and say whether anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verbs", nargs="*", choices=[*(verb.name for verb in verbs()), []])
    parser.add_argument("--n", type=int, default=100, help="kills of each verb")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # no thread before a fork
    lot, n_wrong = random.Random(asked.seed), 0  # noqa: S311 - a sample, not a secret
    with tempfile.TemporaryDirectory() as temporary:
        place = Place(Path(temporary))
        chosen = [verb for verb in verbs() if not asked.verbs or verb.name in asked.verbs]
        import_all(place, chosen)
        for verb in chosen:
            prepare(verb, place)
            time.monotonic()
            killed(verb, place, asked.n, lot)
            found = ", ".join(f"{count} {what}" for what, count in sorted(verb.found.items()))
            took = f"{verb.seconds[False]:.2f} s and {verb.changes[False]} changes each"
            print(f"{verb.name:<7} {asked.n} kills: {found}; {len(verb.wrong)} wrong ({took})", flush=True)
            for wrong in verb.wrong:
                print(f"        {wrong}", flush=True)
            n_wrong += len(verb.wrong)
    return int(n_wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
