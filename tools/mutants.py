"""Measure the tests: `python tools/mutants.py [--n 300] [--seed 1] [--only src/frostline/head] [--list]`.

A seeded sample of small changes to src, spread evenly over all that could be made, each tried against the tests that
execute the changed line. Which those are is recorded once (some minutes) and kept in build/; afterwards only changed
test files are recorded anew. The checkout is never modified: workers have copies. The changes are made by mutations.py,
the record by mutants_map.py.
"""

import argparse
import importlib
import importlib.util
import json
import math
import os
import random
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
from hypothesis import settings
from mutants_map import Project, TestMap, in_own_process, run_pytest, test_map, worker_pool
from mutations import Mutation, mutated, mutations

FIRST_TESTS, FIRST_S = 400, 30.0  # what every change is tried against; only survivors get more
PASSED, NO_TESTS = 0, 5  # pytest's exit codes


@dataclass(frozen=True)
class Trial:
    """What came of a change: the tests there were for it, whether one noticed, and which.

    `by` is a node id, or says how else it was noticed; `n_tried` is short of `n_tests` where the budget ended.
    """

    file: str
    line: int
    column: int
    change: str
    is_noticed: bool
    by: str
    n_tests: int
    n_tried: int


class Repeatable:
    """Of the tests collected only those wanted, in that order; hypothesis draws the same examples every time."""

    def __init__(self, wanted: Sequence[str], failures: Path) -> None:
        self.order = {test: place for place, test in enumerate(wanted)}
        self.failures = failures

    def pytest_collection(self) -> None:
        """Before test files are imported, after conftest.py has chosen its own settings."""
        settings.register_profile("mutants", settings(), derandomize=True, database=None)
        settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is not wanted."""
        items[:] = sorted((i for i in items if i.nodeid in self.order), key=lambda item: self.order[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write down each failure."""
        if report.failed:
            with self.failures.open("a", encoding="utf-8") as out:
                out.write(report.nodeid + "\n")


def run_tests(
    project: Project, tests: Sequence[str], *, place: Path, limit_s: float, is_first_enough: bool = True
) -> tuple[int | None, list[str]]:
    """Pytest's exit code for these tests against the copy of src in `place`, and those that failed."""
    failures = place / "failures"
    failures.write_text("", "utf-8")
    arguments = ["-x"] * is_first_enough + list(dict.fromkeys(test.split("::")[0] for test in tests))

    def work() -> int:
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # for processes that tests start: a changed file leaves nothing
        plugin = Repeatable(tests, failures)
        return run_pytest(project.root, arguments, path=[place / "src"], scratch=place / "tmp", plugin=plugin)

    code = in_own_process(work, log=place / "log", limit_s=limit_s)
    if code == NO_TESTS:
        raise RuntimeError(f"None of {len(tests)} tests was found: {tests[0]} ... Remove the map and try again.")
    return code, failures.read_text("utf-8").splitlines()


def tests_for(mutation: Mutation, known: TestMap) -> list[str]:
    """Tests that execute the line, or else its statement, its function, its file; those nearest by name first.

    Tests of one file stay together, for the sake of what they share; quick files and quick tests come first.
    """
    first, last = mutation.around
    whole = map(int, known.lines.get(mutation.file, {}))
    tests: set[str] = set()
    for lines in ([mutation.line], [mutation.statement], range(first, last + 1), whole):
        tests = tests or known.executing(mutation.file, lines)
    path = Path(mutation.file)
    names = {path.parent.name, path.stem} - {"frostline", "__init__"}

    def is_near(test: str) -> bool:
        file = Path(test.split("::", maxsplit=1)[0])
        return any(name in file.parts[:-1] or name in file.stem for name in names)

    tests = tests or set(filter(is_near, known.seconds))
    total: dict[str, float] = defaultdict(float)
    for test in tests:
        total[test.split("::")[0]] += known.seconds[test]

    def order(test: str) -> tuple[bool, float, str, float, str]:
        file = test.split("::", maxsplit=1)[0]
        return not is_near(test), total[file], file, known.seconds[test], test

    return sorted(tests, key=order)


@dataclass(frozen=True)
class Attempts:
    """How changes are tried: `budget_s` seconds of tests for each (0: all there are), waited for `floor_s` or longer.

    `work` holds the source as it was at the beginning and one copy for each worker; tests in `without` are not used; no
    change is begun after `until`, by the monotonic clock.
    """

    project: Project
    known: TestMap
    budget_s: float
    floor_s: float
    work: Path
    until: float
    without: frozenset[str] = frozenset()

    def place(self, name: str) -> Path:
        """A copy of the source to be changed."""
        place = self.work / name
        if not place.exists():
            shutil.copytree(self.work / "as_it_is", place)
        return place

    def try_one(self, mutation: Mutation) -> Trial | None:
        """Try a change in this process's own copy; None if it is too late."""
        if time.monotonic() > self.until:
            return None
        place = self.place(f"worker-{os.getpid()}")
        source = (self.work / "as_it_is" / mutation.file).read_bytes()
        made = mutated(source, mutation)
        if made is None:
            raise RuntimeError(f"{mutation.file}:{mutation.line}: {mutation.change} does not apply.")
        changed = place / mutation.file
        changed.write_bytes(made)
        Path(importlib.util.cache_from_source(str(changed))).unlink(missing_ok=True)  # it goes by size and second
        tests = [test for test in tests_for(mutation, self.known) if test not in self.without]
        by, n_tried = "", 0
        for stage in stages(tests, self.known, self.budget_s):
            limit_s = self.floor_s + 5 * sum(self.known.seconds[test] for test in stage)
            code, failures = run_tests(self.project, stage, place=place, limit_s=limit_s)
            n_tried += len(stage)
            if code != PASSED:
                by = (failures or ["the time ran out" if code is None else f"pytest ended with {code}"])[0]
                break
        changed.write_bytes(source)
        return Trial(
            file=mutation.file,
            line=mutation.line,
            column=mutation.column,
            change=mutation.change,
            is_noticed=bool(by),
            by=by,
            n_tests=len(tests),
            n_tried=n_tried,
        )

    def failing_anyway(self, tests: Iterable[str]) -> frozenset[str]:
        """Those of `tests` that fail without any change."""
        wanted = sorted(set(tests))
        if not wanted:
            return frozenset()
        limit_s = self.floor_s + 10 * sum(self.known.seconds[test] for test in wanted)
        place = self.place("unchanged")
        _, failures = run_tests(self.project, wanted, place=place, limit_s=limit_s, is_first_enough=False)
        return frozenset(failures)


def stages(tests: Sequence[str], known: TestMap, budget_s: float) -> list[Sequence[str]]:
    """What is run at first, and what only where that noticed nothing, up to the budget."""
    first, last, spent = 0, 0, 0.0
    for place, test in enumerate(tests, 1):
        spent += known.seconds[test]
        if place == 1 or (place <= FIRST_TESTS and spent <= FIRST_S):
            first = place
        if place == 1 or not budget_s or spent <= budget_s:
            last = place
    return [part for part in (tests[:first], tests[first:last]) if part]


def trials(attempts: Attempts, chosen: Sequence[Mutation], workers: int) -> Iterator[Trial]:
    """Try all that time allows; then run what noticed on unchanged code, and try again where that fails too."""
    todo = {key(mutation): mutation for mutation in chosen}
    while todo:
        noticed: list[Trial] = []
        with worker_pool(workers, attempts.project.heavy) as pool:
            for done in as_completed([pool.submit(attempts.try_one, mutation) for mutation in todo.values()]):
                trial = done.result()
                if trial is not None:
                    yield trial
                    noticed += [trial] if "::" in trial.by else []
            failing = pool.submit(attempts.failing_anyway, [trial.by for trial in noticed]).result()
        todo = {key(trial): todo[key(trial)] for trial in noticed if trial.by in failing}
        attempts = replace(attempts, without=attempts.without | failing, until=math.inf)
        if failing:
            print(f"fail without any change, so {len(todo)} are tried again: {', '.join(sorted(failing))}", flush=True)


def key(one: Mutation | Trial) -> tuple[str, int, int, str]:
    """What tells one change from another."""
    return one.file, one.line, one.column, one.change


# ---- the sample and the report --------------------------------------------------------------------------------------


def sample(project: Project, files: Sequence[str], n: int, seed: int) -> list[Mutation]:
    """`n` changes, one drawn from each of `n` equal stretches of all there are, in random order."""
    every = [mutation for file in files for mutation in mutations(file, (project.root / file).read_bytes())]
    lot = random.Random(seed)  # noqa: S311 - a sample, not a secret
    n = min(n, len(every))
    chosen = []
    for place in range(n):
        stretch = every[place * len(every) // n : (place + 1) * len(every) // n]
        lot.shuffle(stretch)
        usable = (one for one in stretch if mutated((project.root / one.file).read_bytes(), one))
        chosen += [one for one in [next(usable, None)] if one]
    lot.shuffle(chosen)
    return chosen


def report(found: Sequence[Trial], project: Project) -> None:
    """A table of the folders, then what nobody noticed."""
    by_folder: dict[str, list[Trial]] = defaultdict(list)
    for trial in found:
        by_folder["/".join(trial.file.split("/")[1:-1][:2])].append(trial)
    print(f"\n{'folder':<28}{'noticed':>8}{'tried':>7}")
    for folder, of_folder in sorted(by_folder.items()):
        noticed = sum(trial.is_noticed for trial in of_folder)
        print(f"{folder:<28}{noticed:>8}{len(of_folder):>7}{noticed / len(of_folder):>9.1%}")
    print("\nnot noticed:")
    for trial in sorted((one for one in found if not one.is_noticed), key=lambda one: (one.file, one.line, one.column)):
        line = (project.root / trial.file).read_text("utf-8").splitlines()[trial.line - 1].strip()
        of = "" if trial.n_tried == trial.n_tests else f" of {trial.n_tests}"
        print(f"{trial.file}:{trial.line}: {trial.change}    [tests: {trial.n_tried}{of}]    {line[:100]}")
    noticed = sum(trial.is_noticed for trial in found)
    print(f"\n{noticed} of {len(found)} noticed ({100 * noticed / max(len(found), 1):.1f} %)")


def main(arguments: Sequence[str] | None = None, *, root: Path = Path(__file__).parent.parent) -> list[Trial]:
    """Draw, try, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=300, help="how many changes to draw")
    parser.add_argument("--seed", type=int, default=1, help="which changes are drawn")
    parser.add_argument("--only", action="append", default=[], metavar="PATH", help="only of this file or folder")
    parser.add_argument("--tests", action="append", default=[], metavar="PATH", help="only with tests of these")
    parser.add_argument("--list", action="store_true", help="only show what would be tried")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the results here, written as they come")
    parser.add_argument("--workers", type=int, default=2, help="how many are tried at once")
    parser.add_argument("--map", type=Path, metavar="FILE", help="the map to begin with, if build/ has none yet")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="no trial is cut short before that")
    parser.add_argument("--budget", type=float, default=120.0, metavar="S", help="of tests for each change; 0: all")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no trial later: a smaller sample")
    chosen = parser.parse_args(arguments)
    project = Project(root.resolve())
    only = [Path(os.path.relpath(path, project.root)) for path in chosen.only]
    files = [file for file in project.sources() if not only or any(Path(file).is_relative_to(path) for path in only)]
    drawn = sample(project, files, chosen.n, chosen.seed)
    if chosen.list:
        for one in sorted(drawn, key=lambda one: (one.file, one.start)):
            print(f"{one.file}:{one.line}:{one.column}: {one.change}")
        return []
    near = [os.path.relpath(path, project.root) for path in chosen.tests]
    known = test_map(replace(project, near=tuple(near)), chosen.map, chosen.workers)
    work = project.build / f"run-{os.getpid()}"
    shutil.copytree(project.root / "src", work / "as_it_is" / "src")
    until = time.monotonic() + 60 * chosen.minutes
    attempts = Attempts(project, known, chosen.budget, chosen.timeout, work, until)
    found: dict[tuple[str, int, int, str], Trial] = {}
    try:
        for trial in trials(attempts, drawn, chosen.workers):
            found[key(trial)] = trial
            print(f"{len(found)} of {len(drawn)}: {trial.file}:{trial.line}: {trial.by or 'NOT NOTICED'}", flush=True)
            if chosen.json:
                chosen.json.write_text(json.dumps([asdict(one) for one in found.values()], indent=1), "utf-8")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report(list(found.values()), project)
    return list(found.values())


if __name__ == "__main__":
    main()
