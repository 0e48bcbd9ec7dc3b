"""A run of the benchmarks is kept, per kind of machine, to compare the next one with."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.recorded import Recorded, keep_run, last_run
from frostline.machine import this_machine

RUN = {"reading": Recorded(value=5.0, unit="x", when="2026-11-22", version="0.1.0")}

NOT_FINITE = '{"reading": {"value": NaN, "unit": "x", "when": "", "version": ""}}'


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_what_was_kept_comes_back() -> None:
    assert last_run(this_machine()) == {}
    assert keep_run(this_machine(), RUN) is not None
    assert last_run(this_machine()) == RUN


def test_parts_not_measured_now_stay() -> None:
    keep_run(this_machine(), RUN)
    keep_run(this_machine(), {"search": replace(RUN["reading"], value=3.0)})
    assert {name: one.value for name, one in last_run(this_machine()).items()} == {"reading": 5.0, "search": 3.0}


def test_another_processor_has_figures_of_its_own() -> None:
    keep_run(this_machine(), RUN)
    assert last_run(replace(this_machine(), processor="another")) == {}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"reading": 5}', '{"reading": {"value": 5.0}}', '{"reading": {"value": NaN, "unit": "x"}}'],
)
def test_a_damaged_record_is_no_record(content: str) -> None:
    place = keep_run(this_machine(), RUN)
    assert place is not None
    place.write_text(content, "utf-8")
    assert last_run(this_machine()) == {}
    assert keep_run(this_machine(), RUN) == place


def test_where_nothing_can_be_kept_the_run_goes_on(own_home: Path) -> None:
    own_home.write_text("in the way", "utf-8")
    assert keep_run(this_machine(), RUN) is None
