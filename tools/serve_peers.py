"""`frostline serve` beside what people write themselves: same texts, same encoder, same cores, in turn in one run.

    python tools/serve_peers.py FILE --python PYTHON [--seconds 15] [--rounds 3] [--flight 16]

FILE has texts and labels; PYTHON has requirements/serving-peers.txt (`make bench-servers` sets it up). All servers
learn from the file's first rows with MiniLM's mean, and stay up, idle while another one is measured. So many requests
of one text are in flight, each asked when another is answered; the generator of load is this process. All are of one
session, by which Linux shares out time (autogroups): on a busy machine (`setsid python …`) each gets the same part.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serve_figures import Line, Server, posted, serving

from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.encoder.checkpoint import find_checkpoint

SERVERS = Path(__file__).parent.parent / "bench" / "peers" / "servers.py"
N_LEARNED = 500


@dataclass
class Side:
    """A server, how it is asked, and what came of it: a number for each round."""

    name: str
    ask: Callable[[str], bytes]
    goodput: list[float] = field(default_factory=list)  # Texts a second
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)  # Processor time of its processes for a text
    told: Counter[object] = field(default_factory=Counter)

    def line(self) -> str:
        """For people."""

        def spread(values: Sequence[float]) -> str:
            return f"{statistics.median(values):,.0f} ({min(values):,.0f}-{max(values):,.0f})"

        return (
            f"{self.name}: {spread(self.goodput)} texts/s; p50 {spread(self.p50_ms)} ms, p99 {spread(self.p99_ms)} ms; "
            f"processor time {statistics.median(self.cpu_ms):.1f} ms a text ({min(self.cpu_ms):.1f}-"
            f"{max(self.cpu_ms):.1f}); {dict(self.told)}"
        )


SIDES = {
    "frostline": lambda text: posted({"text": text}),
    "fastapi": lambda text: posted({"texts": [text]}, "/classify"),
    "mlflow": lambda text: posted({"inputs": [text]}, "/invocations"),
}


async def measured(side: Side, server: Server, texts: Sequence[str], *, flight: int, seconds: float) -> None:
    """One round: so many clients, each asking when it has been answered."""
    took: list[float] = []
    end = time.monotonic() + seconds

    async def client(place: int) -> None:
        line = Line(server)
        while time.monotonic() < end:
            begun = time.monotonic()
            try:
                status, _ = await line.ask(side.ask(texts[place % len(texts)]))
            except (OSError, asyncio.IncompleteReadError) as error:
                side.told[type(error).__name__] += 1
                line.close()
                continue
            side.told[status] += 1
            if status == 200:
                took.append(time.monotonic() - begun)
            else:
                await asyncio.sleep(0.05)
            place += flight
        line.close()

    begun, spent = time.monotonic(), sum(server.cpu_s())
    await asyncio.gather(*map(client, range(flight)))
    side.cpu_ms.append(1000 * (sum(server.cpu_s()) - spent) / len(took))
    took.sort()
    side.goodput.append(len(took) / (time.monotonic() - begun))
    side.p50_ms.append(1000 * took[len(took) // 2])
    side.p99_ms.append(1000 * took[int(0.99 * (len(took) - 1))])


@contextlib.asynccontextmanager
async def neighbour(python: Path, what: str, folder: Path, port: int, body: bytes) -> AsyncIterator[Server]:
    """One of the others, once it answers."""
    with (folder / f"{what}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(python), str(SERVERS), what, str(folder), str(port), stdout=log, stderr=log, process_group=0
        )  # fmt: skip
        server = Server(process, "127.0.0.1", port)
        try:
            for _ in range(600):
                if process.returncode is not None:
                    raise SystemExit(f"{what} ended:\n{(folder / f'{what}.log').read_text()[-2000:]}")
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    if (await Line(server).ask(body))[0] == 200:
                        break
                await asyncio.sleep(0.5)
            else:
                raise SystemExit(f"{what} did not answer:\n{(folder / f'{what}.log').read_text()[-2000:]}")
            yield server
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 15)  # and what it has started
            await process.wait()


async def compared(asked: argparse.Namespace, work: Path) -> list[Side]:
    """All servers, in turn, so many times."""
    rows = read_dataset(asked.file, TableOptions())
    learned = work / "learned.tsv"
    pairs = list(zip(rows.texts, rows.labels, strict=True))
    lines = [f"{text}\t{label}\n" for text, label in pairs[:N_LEARNED]]
    learned.write_text("".join(["text\tlabel\n", *lines]), "utf-8")
    subprocess.run(  # noqa: S603, ASYNC221 - our own command, before anything runs
        [sys.executable, "-m", "frostline", "train", learned, "--features", "mean@-1", "-C", "1",
         "--out", work / "model"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    encoder = work / "encoder"
    shutil.copytree(find_checkpoint("minilm").folder, encoder)
    given = {"texts": [text for text, _ in pairs[:N_LEARNED]], "labels": [label for _, label in pairs[:N_LEARNED]]}
    subprocess.run(  # noqa: S603, ASYNC221 - likewise
        [asked.python, SERVERS, "make", work, encoder], input=json.dumps(given).encode(), check=True
    )
    texts = list(rows.texts)[N_LEARNED:] or list(rows.texts)
    sides = {name: Side(name, ask) for name, ask in SIDES.items()}
    async with contextlib.AsyncExitStack() as stack:
        servers = {"frostline": await stack.enter_async_context(serving(work / "model"))}
        for port, name in enumerate(("fastapi", "mlflow"), start=8731):
            servers[name] = await stack.enter_async_context(
                neighbour(asked.python, name, work, port, SIDES[name](texts[0]))
            )
        for name, side in sides.items():
            await measured(Side(name, side.ask), servers[name], texts, flight=asked.flight, seconds=3)
        for _ in range(asked.rounds):
            for name, side in sides.items():
                await measured(side, servers[name], texts, flight=asked.flight, seconds=asked.seconds)
    return list(sides.values())


def main() -> None:
    """Measure, and say how many times the best of the others ours is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--flight", type=int, default=16)
    asked = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        ours, *others = asyncio.run(compared(asked, Path(name)))
    for side in (ours, *others):
        print(side.line())
    best = [max(values) for values in zip(*(side.goodput for side in others), strict=True)]
    ratios = [own / other for own, other in zip(ours.goodput, best, strict=True)]
    print(
        f"{asked.flight} in flight, {asked.rounds} rounds of {asked.seconds:g} s in turn: "
        f"{statistics.median(ratios):.2f} x the better of the others ({min(ratios):.2f}-{max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
