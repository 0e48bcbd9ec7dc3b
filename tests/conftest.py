"""What every test may use: the command line in this process, with a home of its own and one shared classifier.

The presence of this file puts the folder on the path, so that tests say `from fakes import ...`.
"""

import gc
import importlib.util
import io
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import HealthCheck, settings

from frostline import child
from frostline.cli.main import run
from frostline.data.sample import load_sample
from process_state import as_it_was

if TYPE_CHECKING:
    from serve_processes import Running

SMALL = 60

if any(importlib.util.find_spec(name) is None for name in ("fastapi", "httptools", "httpx")):
    collect_ignore_glob = ["serve/test_*.py"]  # the extra `serve` is not installed

# A busy machine is no reason to fail; nor is the luck of a draw: the same examples in every run. New ones are looked
# for by `make test PYTEST=--hypothesis-profile=explore`; what that finds becomes an @example.
_UNTIMED = [HealthCheck.too_slow]
settings.register_profile("frostline", deadline=None, derandomize=True, suppress_health_check=_UNTIMED)
settings.register_profile("explore", deadline=None, suppress_health_check=_UNTIMED)
settings.load_profile("frostline")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it to what runs behind; children inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection() -> None:
    """Thousands of tests are made, and none goes: searched for garbage they take a tenth of the time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Nor is what was loaded by now searched again with every test's own garbage."""
    gc.collect()
    gc.freeze()
    gc.enable()


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, its data, its words."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What a successful command printed as JSON."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Command: TypeAlias = Callable[..., Outcome]


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A private place for everything kept, the same for the whole session, so that no sentence is read twice.

    Every test has it, whether it asks or not: none may touch what the user keeps.
    """
    folder = tmp_path_factory.mktemp("home")
    folder.chmod(0o700)
    before = os.environ.get("FROSTLINE_HOME")
    os.environ["FROSTLINE_HOME"] = str(folder)
    yield folder
    if before is None:
        del os.environ["FROSTLINE_HOME"]
    else:
        os.environ["FROSTLINE_HOME"] = before


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """No test hears of what another did in the same process."""
    with as_it_was():
        yield


REAL = {"test_parquet_process.py", "test_bad_files.py", "test_kills.py", "test_fuzz_corpus.py"}
"""Files whose tests are of the process that reads Parquet and Arrow."""


@pytest.fixture(autouse=True)
def quick_children(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parquet and Arrow are read in a process split off this one. Not where lines that are executed are recorded."""
    if os.name != "posix" or request.path.name in REAL or "COVERAGE_PROCESS_START" in os.environ:
        return
    from forked_child import ForkedChild  # noqa: PLC0415 - posix

    real = child.Child

    def started(module: str, *arguments: str, keep: Sequence[int] = ()) -> Any:
        kind: Any = ForkedChild if module == "frostline.data.columnar" else real
        return kind(module, *arguments, keep=keep)

    monkeypatch.setattr(child, "Child", started)


@pytest.fixture
def frostline(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path) -> Command:
    """`frostline("train", file, ...)` runs a command; `stdin=` gives it bytes to read."""

    def command(*arguments: object, stdin: bytes = b"") -> Outcome:
        """Run it, and show its words if the test fails."""
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code=code, out=captured.out, err=captured.err)

    return command


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets, for tests marked `data`. CI has it (.ci/run); elsewhere they are left out."""
    named = os.environ.get("FROSTLINE_DATA")
    if not named:
        pytest.skip("FROSTLINE_DATA names no folder of real data sets")
    return Path(named)


@pytest.fixture(scope="session")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small labelled file without a header: sentence, tab, label."""
    sample = load_sample().train
    path = tmp_path_factory.mktemp("data") / "reviews.tsv"
    rows = zip(sample.texts[:SMALL], sample.labels[:SMALL], strict=True)
    path.write_text("".join(f"{text}\t{label}\n" for text, label in rows), "utf-8")
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, reviews: Path, home: Path) -> Path:
    """A classifier trained on `reviews` with the bundled encoder."""
    out = tmp_path_factory.mktemp("model") / "model"
    assert run(["train", str(reviews), "--out", str(out), "--json", "-C", "0.001", "-C", "0.01"]) == 0
    return out


@pytest.fixture(scope="session")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Running]":
    """`frostline serve`, for tests that leave it as it was.

    `model` twice, also as `second`; `unsure`, the same where it must be very sure; `topics`, of several labels.
    """
    from serve_processes import serving, silent_model, unsure_model  # noqa: PLC0415 - needs the extra `serve`

    folder = tmp_path_factory.mktemp("served")
    unsure, topics = unsure_model(model, folder / "unsure"), silent_model(folder / "topics")
    with serving(model, f"second={model}", unsure, topics, "--limit=queue_s=60") as running:
        yield running
