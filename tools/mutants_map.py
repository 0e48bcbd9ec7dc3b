"""Which tests execute which line of src, recorded once and kept. For tools/mutants.py, which tries changes.

Tests are run under coverage, which is told the test's name as each begins, also in the processes that tests start.
"""

import contextlib
import difflib
import hashlib
import importlib
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

# Imported before a trial's process is split off, so that no trial waits for them. Not frostline, which differs.
HEAVY = (
    *("numpy", "scipy.optimize", "scipy.stats", "sklearn.linear_model", "sklearn.model_selection"),
    *("sklearn.feature_extraction.text", "pandas", "pyarrow.parquet", "onnx", "onnxruntime", "tokenizers"),
    *("matplotlib.figure", "click", "rich.console", "huggingface_hub"),
)
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
MEMORY_BYTES = 8 * 2**30  # a change may make a loop endless


@dataclass(frozen=True)
class Project:
    """A checkout: its source, its tests, and a folder for what is made here."""

    root: Path
    near: tuple[str, ...] = ()  # folders and files of tests; none: all

    @property
    def build(self) -> Path:
        """Where copies and records are kept."""
        return self.root / "build" / "mutants"

    @property
    def heavy(self) -> tuple[str, ...]:
        """What its trials load, beside itself."""
        return HEAVY if (self.root / "src" / "frostline").is_dir() else ()

    def sources(self) -> list[str]:
        """Every source file, from the root."""
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.glob("src/**/*.py"))

    def test_files(self) -> list[str]:
        """Every test file that is wanted, from the root."""
        every = (path.relative_to(self.root) for path in self.root.glob("tests/**/test_*.py"))
        return sorted(
            path.as_posix() for path in every if not self.near or any(path.is_relative_to(near) for near in self.near)
        )

    def texts(self) -> dict[str, str]:
        """What each source file holds."""
        return {file: (self.root / file).read_text("utf-8") for file in self.sources()}

    def digests(self) -> dict[str, str]:
        """What each test file holds, in short."""
        return {file: hashlib.sha256((self.root / file).read_bytes()).hexdigest()[:16] for file in self.test_files()}


@dataclass
class TestMap:
    """Which tests execute which lines, and how long each takes.

    `lines[file][line]` is the place in `groups` of the tests' node ids: most lines share theirs with others. `texts`
    holds the source at that time, `digests` what the test files held.
    """

    texts: dict[str, str]
    digests: dict[str, str]
    seconds: dict[str, float]
    groups: list[list[str]]
    lines: dict[str, dict[str, int]]

    def executing(self, file: str, lines: Iterable[int]) -> set[str]:
        """Node ids of the tests that execute any of `lines`."""
        known = self.lines.get(file, {})
        groups = {known[str(line)] for line in lines if str(line) in known}
        return {test for group in groups for test in self.groups[group]} & self.seconds.keys()


class Recorder:
    """Record which test executes what. A fixture shared by several tests is recorded for all that ask for it."""

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: set[str] = set()
        self.asking: dict[str, list[str]] = {}
        self.context = ""
        self.contexts: set[str] = set()
        self.kept: list[Any] = []

    @contextlib.contextmanager
    def _context(self, name: str) -> Iterator[None]:
        """Name what is executed inside, in processes started there too."""
        before, self.context = self.context, name
        self.contexts.add(name)
        self.coverage.switch_context(name)
        os.environ["FROSTLINE_MUTANTS_TEST"] = name
        try:
            yield
        finally:
            self.context = before
            self.coverage.switch_context(before)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Find what test files keep from one test to the next."""
        self.asking = {item.nodeid: list(getattr(item, "fixturenames", ())) for item in session.items}
        loaded = [module for module in sys.modules.values() if "/tests/" in (getattr(module, "__file__", "") or "")]
        self.kept = [value for module in loaded for value in vars(module).values() if hasattr(value, "cache_clear")]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Each test works out anew what a function of the tests would have kept from another."""
        for function in self.kept:
            function.cache_clear()
        with self._context(item.nodeid):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """A fixture made once is made during the first test that asks."""
        if fixturedef.scope == "function":
            return (yield)
        with self._context(f"fixture {fixturedef.argname} {fixturedef.baseid}"):
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """How long it took, and whether it can be used."""
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)

    def tests_of(self, context: str) -> list[str]:
        """The tests a context stands for."""
        if not context.startswith("fixture "):
            return [context]
        _, name, folder = context.split(" ", 2)
        return [test for test, names in self.asking.items() if name in names and test.startswith(folder)]


def in_own_process(work: Callable[[], int], *, log: Path, limit_s: float) -> int | None:
    """The exit code of `work` done in a child process and a group of its own; None when the time ran out."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.setsid()
            signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the shell put us in the background
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
            out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(out, stream)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            code = work()
        except BaseException:  # noqa: BLE001 - a process of its own ends here, and its log says why
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    until = time.monotonic() + limit_s
    status = None
    while status is None and time.monotonic() < until:
        done, ended = os.waitpid(child, os.WNOHANG)
        status = os.waitstatus_to_exitcode(ended) if done else None
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what the tests left running as well
    if status is None:
        os.waitpid(child, 0)
    return status


def worker_pool(workers: int, heavy: Sequence[str] = ()) -> ProcessPoolExecutor:
    """Processes with `heavy` loaded, from which trials are split off; none a daemon, or joblib would start none."""
    fork = multiprocessing.get_context("fork")
    return ProcessPoolExecutor(workers, mp_context=fork, initializer=prepare, initargs=(heavy, sys.path))


def prepare(heavy: Sequence[str], path: Sequence[str]) -> None:
    """In a worker, load what every trial needs."""
    os.environ.update(ONE_THREAD)
    sys.path[:] = path
    for name in heavy:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def run_pytest(root: Path, arguments: Sequence[str], *, path: Sequence[Path], scratch: Path, plugin: object) -> int:
    """Pytest's exit code, with `path` before all else for this process and those it starts."""
    os.chdir(root)
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch.parent / "home").mkdir(parents=True, exist_ok=True)
    added = [str(folder) for folder in path]
    sys.path[:0] = added
    inherited = os.environ.get("PYTHONPATH")
    os.environ.update(ONE_THREAD)
    os.environ["PYTHONPATH"] = os.pathsep.join(added + ([inherited] if inherited else []))
    os.environ["HOME"] = str(scratch.parent / "home")  # changed code must not reach what the user keeps
    options = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", f"--basetemp={scratch}"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # plugins loaded by `prepare`
    return int(pytest.main([*options, *arguments], plugins=[plugin]))


def record(project: Project, files: Sequence[str], place: Path) -> None:
    """Run test files and leave in `place` what each test executed (coverage's files) and took (tests.json)."""
    shutil.rmtree(place, ignore_errors=True)
    startup = place / "startup"
    startup.mkdir(parents=True)
    source, data = project.root / "src", place / ".coverage"
    (startup / "sitecustomize.py").write_text("import coverage\ncoverage.process_startup()\n", "utf-8")
    started = f"[run]\nsource = {source}\nparallel = true\ndata_file = {data}\ncontext = ${{FROSTLINE_MUTANTS_TEST}}\n"
    (startup / "coveragerc").write_text(started, "utf-8")

    def work() -> int:
        import coverage  # noqa: PLC0415 - only where a test map is made

        os.environ["COVERAGE_PROCESS_START"] = str(startup / "coveragerc")
        measuring = coverage.Coverage(data_file=str(data), data_suffix=True, config_file=False, source=[str(source)])
        recorder = Recorder(measuring)
        measuring.start()
        try:
            code = run_pytest(project.root, files, path=[startup, source], scratch=place / "tmp", plugin=recorder)
        except Exception:  # noqa: BLE001 - a failed test may leave behind what pytest ends with
            code = 1
        measuring.stop()
        measuring.save()
        stands = {context: recorder.tests_of(context) for context in recorder.contexts}
        told = {"seconds": recorder.seconds, "failed": sorted(recorder.failed), "stands": stands}
        (place / "tests.json").write_text(json.dumps(told), "utf-8")
        return code

    in_own_process(work, log=place / "log", limit_s=1800)
    if not (place / "tests.json").exists():
        raise RuntimeError(f"The tests could not be recorded; {place / 'log'} says why.")
    told = json.loads((place / "tests.json").read_text("utf-8"))
    told["failed"] = [test for test in told["failed"] if not passes(project, test, place)]
    (place / "tests.json").write_text(json.dumps(told), "utf-8")


def passes(project: Project, test: str, place: Path) -> bool:
    """Whether a test passes when it is not being recorded: some look at what else is imported."""

    def work() -> int:
        return run_pytest(project.root, [test], path=[project.root / "src"], scratch=place / "tmp", plugin=object())

    return in_own_process(work, log=place / "log-again", limit_s=300) == 0


def recorded(project: Project, places: Sequence[Path], old: TestMap) -> TestMap:
    """What was recorded in `places`, and of the old map what has not been recorded anew."""
    import coverage  # noqa: PLC0415

    lines: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    seconds: dict[str, float] = {}
    for place in places:
        told = json.loads((place / "tests.json").read_text("utf-8"))
        seconds |= {test: round(taken, 3) for test, taken in told["seconds"].items() if test not in told["failed"]}
        if told["failed"]:
            print(f"left out, as they fail: {', '.join(told['failed'])}")
        for data_file in place.glob(".coverage.*"):
            with contextlib.suppress(coverage.CoverageException):  # of a process that a test killed while it wrote
                data = coverage.CoverageData(str(data_file))
                data.read()
                for file in data.measured_files():
                    of_file = lines[Path(file).relative_to(project.root).as_posix()]
                    for line, contexts in data.contexts_by_lineno(file).items():
                        for context in filter(None, contexts):
                            of_file[str(line)].update(told["stands"].get(context, [context]))
    for file, of_old in old.lines.items():
        for number, group in of_old.items():
            lines[file][number].update(old.groups[group])
    groups: dict[tuple[str, ...], int] = {}
    places_of = {
        file: {line: groups.setdefault(tuple(sorted(tests)), len(groups)) for line, tests in of_file.items()}
        for file, of_file in lines.items()
    }
    return replace(old, seconds=old.seconds | seconds, groups=[list(group) for group in groups], lines=places_of)


def carried(project: Project, old: TestMap) -> TestMap:
    """The old map for the source of today: lines that moved keep their tests, tests of changed files are left out."""
    texts, digests = project.texts(), project.digests()
    same = {file for file, digest in digests.items() if old.digests.get(file) == digest}
    groups = [[test for test in group if test.split("::")[0] in same] for group in old.groups]
    seconds = {test: taken for test, taken in old.seconds.items() if test.split("::")[0] in same}
    lines = {}
    for file, text in texts.items():
        origin = (
            file if file in old.texts else moved_from(text, {one: old.texts[one] for one in old.texts.keys() - texts})
        )
        if origin not in old.lines:
            continue
        before, now = old.texts[origin].splitlines(), text.splitlines()
        blocks = difflib.SequenceMatcher(None, before, now, autojunk=False).get_matching_blocks()
        numbers = {str(block.a + n): str(block.b + n) for block in blocks for n in range(1, block.size + 1)}
        lines[file] = {numbers[line]: group for line, group in old.lines[origin].items() if line in numbers}
    return TestMap(texts=texts, digests=digests, seconds=seconds, groups=groups, lines=lines)


def moved_from(text: str, gone: Mapping[str, str]) -> str:
    """Of the files that are gone the one with most lines of `text`; none if they share less than half."""
    now = set(text.splitlines())
    shared = {file: len(now & set(before.splitlines())) for file, before in sorted(gone.items())}
    best = max(shared, key=shared.__getitem__, default="")
    return best if shared.get(best, 0) > len(now) / 2 else ""


def test_map(project: Project, start: Path | None, workers: int) -> TestMap:
    """The map kept in build/ (at first the one in `start`, if there is one), brought up to date."""
    kept_in = project.root / "build" / ("mutants-map-near.json" if project.near else "mutants-map.json")
    begin = next((path for path in (kept_in, start) if path is not None and path.exists()), None)
    old = TestMap(**json.loads(begin.read_text("utf-8"))) if begin else TestMap({}, {}, {}, [], {})
    made = carried(project, old)
    files = [file for file, digest in made.digests.items() if old.digests.get(file) != digest]
    if files:
        print(f"recording which lines {len(files)} test files execute", flush=True)
        chunks: dict[str, list[str]] = defaultdict(list)
        for file in files:
            chunks[Path(file).parent.name].append(
                file
            )  # a folder at a time: a session's fixtures are made once in each
        places = [project.build / "recorded" / name for name in chunks]
        with worker_pool(workers) as pool:
            list(pool.map(record, [project] * len(places), [chunks[place.name] for place in places], places))
        made = recorded(project, places, made)
    kept_in.parent.mkdir(parents=True, exist_ok=True)
    kept_in.write_text(json.dumps(asdict(made)), "utf-8")
    return made
