"""A job that costs nothing: of each row its text turned round, and how many windows were made so far."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from frostline.arrays import Progress
from frostline.data.options import TableOptions
from frostline.errors import InputError
from frostline.score.job import Made, Sections, Window
from frostline.score.run import Done, Job, run, surveyed


@dataclass(frozen=True)
class Turning:
    """A task; it can fail, or kill its process, at one window, as often as there are no marks yet in a folder."""

    fail_at: int = -1
    kill_at: int = -1
    marks: Path | None = None
    times: int = 1
    seconds: float = 0.0  # that it waits at each window

    def open(self) -> list[int]:
        return []

    def made(self, opened: list[int], window: Window, *, progress: Progress | None = None) -> Made:
        if window.number == self.fail_at:
            raise InputError("it was told to fail")
        if window.number == self.kill_at and self.marks is not None:
            count = len(list(self.marks.iterdir()))
            if count < self.times:
                (self.marks / str(count)).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds)
        if progress is not None:
            progress(1, len(window.texts))
        opened.append(window.number)
        content = "".join(f"{text[::-1]}\n" for text in window.texts).encode()
        return Made(content, Counter(rows=len(window.texts)))


def join(out: Sections, parts: Iterator[tuple[bytes, int]]) -> None:
    out.write(b"begin\n")
    out.cut(0)
    for content, n_rows in parts:
        out.write(content)
        out.cut(n_rows)


def job_of(source: Path, out: Path, *, by: str = "me", how: str = "so", window_rows: int = 16) -> Job:
    options = TableOptions(text=1, header=False)
    return Job(
        source=source,
        out=out,
        options=options,
        survey=surveyed(source, options, as_text=True),
        as_text=True,
        window_rows=window_rows,
        by={"sha256": by},
        how={"how": how},
    )


def texts_in(path: Path, n: int = 100) -> Path:
    path.write_text("".join(f"text number {number}\n" for number in range(n)))
    return path


def run_job(
    source: Path,
    out: Path,
    task: Turning | None = None,
    *,
    overwrite: bool = False,
    by: str = "me",
    how: str = "so",
) -> Done:
    """In this process."""
    chosen = task or Turning()
    return run(job_of(source, out, by=by, how=how), chosen, [], join=join, overwrite=overwrite)


def run_shared(source: Path, out: Path, task: Turning, *, workers: int = 2) -> Done:
    return run(job_of(source, out), task, [], join=join, workers=workers)


EXPECTED = b"begin\n" + "".join(f"text number {number}"[::-1] + "\n" for number in range(100)).encode()
