"""A job's windows on a Ray cluster: the same bytes, whoever is lost. Here with a stand-in for Ray, in this process."""

import importlib.metadata
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jobs import EXPECTED, Turning, job_of, join, run_job, texts_in

from conftest import Command
from frostline.arrays import Progress
from frostline.errors import (
    BackendError,
    FrostlineError,
    InputError,
    MissingInputError,
    RetryError,
    UnavailableError,
    UsageError,
)
from frostline.score import on_ray
from frostline.score.job import Made, Window, folder_of, manifest_of, opened_job, span_of, windows_of
from frostline.score.on_ray import Actor, Cluster, address_of
from frostline.score.run import Done, Job, Probe, _probed, run
from frostline.version import __version__


class LostError(Exception):
    """As Ray's, of an actor or a node."""


@dataclass
class StandIn:
    """Enough of Ray: what is asked of actors is done when it is waited for; some are lost before that."""

    lost: set[int] = field(default_factory=set)  # Which calls, by their number, lose their actor
    killed: set[int] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    cpus: int = 3

    def __post_init__(self) -> None:
        self.exceptions = SimpleNamespace(RayActorError=LostError, RayError=Exception)
        self.done: dict[int, Any] = {}
        self.waiting: dict[int, tuple[Any, str, Callable[[], Any]]] = {}

    def remote(self, **_: Any) -> Callable[[type], Any]:
        return lambda made: SimpleNamespace(remote=lambda *given: self.Handle(self, made(*given)))

    class Handle:  # noqa: D106
        def __init__(self, ray: "StandIn", actor: Any) -> None:
            self.ray, self.actor = ray, actor

        def __getattr__(self, name: str) -> Any:
            def remote(*given: Any) -> int:
                ref = next(self.ray.numbers)
                self.ray.waiting[ref] = (self, name, lambda: getattr(self.actor, name)(*given))
                return ref

            return SimpleNamespace(remote=remote)

    def wait(self, refs: list[int], **_: object) -> tuple[list[int], list[int]]:
        ref = min(refs)
        handle, name, do = self.waiting.pop(ref)
        self.asked[name] += 1
        self.killed |= {id(handle)} if ref in self.lost else set()
        self.done[ref] = LostError() if id(handle) in self.killed else do()
        return [ref], []

    def get(self, ref: int) -> Any:
        if isinstance(self.done[ref], LostError):
            raise self.done[ref]
        return self.done[ref]

    def kill(self, handle: Any) -> None:
        self.asked["kill"] += 1
        handle.actor._held.close()


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    found = StandIn()
    monkeypatch.setattr(on_ray, "_ray", lambda: found)
    monkeypatch.setattr(Cluster, "_refuse_unreached", lambda *_: None)
    return found


def spread(source: Path, out: Path, task: Turning | None = None, *, workers: int = 2) -> Done:
    cluster = Cluster(None, workers=workers)
    return run(job_of(source, out), task or Turning(), [], join=join, spread=cluster)


@pytest.mark.parametrize("lost", [set(), {0}, {3}, {2, 7, 9}, {1, 4, 5, 6, 8}])
def test_the_bytes_are_the_same_whoever_is_lost(ray: StandIn, tmp_path: Path, lost: set[int]) -> None:
    source = texts_in(tmp_path / "in.txt")
    assert run_job(source, tmp_path / "one.txt").tally["rows"] == 100
    ray.lost = lost
    done = spread(source, tmp_path / "out.txt")
    assert (done.n_rows, done.tally["rows"]) == (100, 100)
    assert (tmp_path / "out.txt").read_bytes() == EXPECTED
    assert manifest_of(tmp_path / "out.txt").read_text() == manifest_of(tmp_path / "one.txt").read_text().replace(
        "one.txt", "out.txt"
    )
    assert spread(source, tmp_path / "out.txt").was_complete


def test_what_is_finished_is_not_handed_out(ray: StandIn, tmp_path: Path) -> None:
    """Windows go out, not rows: an actor has two at a time, and reads them itself."""
    source, out = texts_in(tmp_path / "in.txt"), tmp_path / "out.txt"
    with pytest.raises(InputError, match="told to fail"):
        spread(source, out, Turning(fail_at=4))
    kept = len(list(folder_of(out).glob("*.part")))
    assert 0 < kept < 7
    ray.asked.clear()
    assert spread(source, out).n_before == 16 * kept
    assert ray.asked["made"] == 7 - kept
    assert out.read_bytes() == EXPECTED


def test_a_window_that_loses_its_worker_each_time(ray: StandIn, tmp_path: Path) -> None:
    ray.lost = {1, 4, 7}
    with pytest.raises(RetryError, match="The workers were lost at rows 1 to 16, 3 times"):
        spread(texts_in(tmp_path / "in.txt"), tmp_path / "out.txt", workers=1)
    ray.lost = set(range(1000))
    with pytest.raises(RetryError, match="The workers were lost before they could work, 3 times"):
        spread(texts_in(tmp_path / "in.txt"), tmp_path / "out.txt", workers=1)


def test_no_room_for_a_worker(ray: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "wait", lambda refs, **_: ([], refs))
    with pytest.raises(RetryError, match="had room for a worker for ten minutes"):
        spread(texts_in(tmp_path / "in.txt"), tmp_path / "out.txt")


def test_an_actor_reads_windows_in_any_order(tmp_path: Path) -> None:
    """Forwards without reading anew; a file that has changed is an error."""
    source = texts_in(tmp_path / "in.txt")
    job = job_of(source, tmp_path / "out.txt")
    spans = [span_of(window) for window in windows_of(_rows(job), job.plan, window_rows=16)]
    assert [(span.first, span.end) for span in spans][-2:] == [(80, 96), (96, 100)]
    actor = Actor(job, Turning())
    assert actor.opened() is None
    with opened_job(job.out, job.plan, overwrite=False):
        for span in (spans[2], spans[5], spans[1], spans[6], spans[0]):
            record = actor.made(span)
            assert not isinstance(record, FrostlineError)
            assert (record.window, record.rows) == (span.digest, span.rows)
        actor._held.close()
        texts_in(source, 50)
        again = Actor(job, Turning())
        changed = again.made(spans[6])
        again._held.close()
        assert isinstance(changed, InputError)
        assert "has changed while it was read" in str(changed)


def _rows(job: Job) -> Iterator[tuple[int, str, Any]]:
    from frostline.data.tables import whole_rows  # noqa: PLC0415 - here alone

    with whole_rows(job.source, job.options) as whole:
        yield from whole.rows


class Otherwise(Turning):
    """A task that makes other bytes where it is opened anew."""

    def made(self, opened: list[int], window: Window, *, progress: Progress | None = None) -> Made:
        super().made(opened, window, progress=progress)
        return Made(b"other", {})


def unreached(job: Job, task: Turning, probe: Probe, *, version: str | None = None) -> FrostlineError | None:
    return on_ray._unreached(job, task, probe, on_ray._edges(job), version or __version__)


def test_what_is_out_of_reach_is_told_before_any_work(tmp_path: Path) -> None:
    source = texts_in(tmp_path / "in.txt")
    job = job_of(source, tmp_path / "out.txt")
    probe, edges = _probed(job, Turning(), []), on_ray._edges(job)
    assert "where the job was begun, is not there" in str(unreached(job, Turning(), probe))
    with opened_job(job.out, job.plan, overwrite=False):
        assert unreached(job, Turning(), probe) is None
        assert not list(folder_of(tmp_path / "out.txt").glob(".tmp-*"))
        other = unreached(job, Turning(), probe, version="0.0.1")
        assert "0.0.1 where the job was begun" in str(other)
        assert isinstance(unreached(job, Otherwise(), probe), BackendError)
        source.write_text("something else\n")
        found = on_ray._unreached(job, Turning(), probe, edges, __version__)
        assert "is another file there" in str(found)
        source.unlink()
        gone = on_ray._unreached(job, Turning(), probe, edges, __version__)
        assert isinstance(gone, MissingInputError)
        assert "Every node must see it under the same path; or lay it into an object store" in str(gone)


def test_addresses_and_tokens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    assert address_of("ray") is None
    for wrong in ("dask", "ray:", "rays:1"):
        with pytest.raises(UsageError, match="on must be ray or ray:ADDRESS"):
            address_of(wrong)
    with pytest.raises(UsageError, match="must ask for a token, and there is none here"):
        address_of("ray:10.0.0.1:6379")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "x")
    assert address_of("ray:10.0.0.1:6379") == "10.0.0.1:6379"
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("x")
    assert address_of("ray:auto") == "auto"


def test_a_processor_stays_free(ray: StandIn) -> None:
    ray.shutdown = lambda: None  # type: ignore[attr-defined]
    cluster = Cluster("somewhere", workers=None)
    cluster._check_size(8)
    assert cluster.workers == 7
    Cluster("somewhere", workers=3, threads=2)._check_size(7)
    with pytest.raises(UsageError, match=r"has 6 processors, so at most 2 workers of 2 threads each"):
        Cluster("somewhere", workers=3, threads=2)._check_size(6)


@pytest.mark.parametrize(
    ("found", "said"), [(None, "which is not installed"), ("2.59.1", r"or newer \(found 2.59.1\)")]
)
def test_ray_itself(monkeypatch: pytest.MonkeyPatch, found: str | None, said: str) -> None:
    def version(name: str) -> str:
        if found is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(UnavailableError, match=said):
        on_ray.refuse_missing()
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2.60.0")
    on_ray.refuse_missing()


def test_on_is_for_files(frostline: Command, model: Path, tmp_path: Path) -> None:
    told = frostline("predict", model, "some text", "--on", "ray")
    assert (told.code, "--workers and --on are for a file that is scored into another one" in told.err) == (2, True)
    told = frostline("embed", "-", "--out", tmp_path / "x.npy", "--on", "ray", stdin=b"text\na\n")
    assert (told.code, "A pipe is read by one process" in told.err) == (2, True)
    source = texts_in(tmp_path / "in.txt")
    told = frostline("embed", source, "--out", tmp_path / "x.npy", "--on", "spark")
    assert (told.code, "on must be ray or ray:ADDRESS" in told.err) == (2, True)
