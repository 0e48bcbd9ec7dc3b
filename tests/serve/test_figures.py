"""The figures of tools/serve_figures.py in short: nothing lost, nothing to the wrong caller."""

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from frostline.data.sample import load_sample

pytestmark = pytest.mark.filterwarnings(  # the generator's clients leave while they connect
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)

TOOL = Path(__file__).parent.parent.parent / "tools" / "serve_figures.py"
TEXTS = list(load_sample().train.texts)


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    """The tool, imported."""
    spec = importlib.util.spec_from_file_location("serve_figures", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["serve_figures"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("n_requests", [150, pytest.param(1500, marks=pytest.mark.slow)])
def test_answers_find_their_callers_on_every_wire(figures: ModuleType, model: Path, n_requests: int) -> None:
    """Neighbours of clients who left too."""
    told = asyncio.run(figures.routing(model, TEXTS[:200], n_requests=n_requests))
    assert told["different"] > 190
    assert told["right"] == told[200]
    assert told["cancelled"] > n_requests / 10
    assert set(told) <= {"different", "right", "cancelled", 200, 429, 503}, told
    assert told[200] + told[429] + told[503] + told["cancelled"] == n_requests


@pytest.mark.slow
def test_ends_and_changes_under_load_lose_nothing(figures: ModuleType, model: Path) -> None:
    ends = asyncio.run(figures.signals(model, TEXTS, n_times=3))
    assert ends["exit 0"] == 3
    lost = [one for one in map(str, ends) if "Error" in one and "idle" not in one and "Refused" not in one]
    assert not lost, ends
    told = asyncio.run(figures.changes(model, TEXTS, n_times=4))
    assert (told["load 200"], told["new version"]) == (4, 4)
    assert set(told) <= {"load 200", "new version", 200}, told


@pytest.mark.slow
def test_slow_clients_cost_the_others_nothing(figures: ModuleType, model: Path) -> None:
    """F51: of headers, bodies and answers, a byte a second."""
    [(without, beside)] = asyncio.run(figures.slow(model, TEXTS, n_clients=60, rounds=1, seconds=3))
    for outcome in (without, beside):
        assert set(outcome.told) <= {200, 503}, outcome.told  # a busy machine may refuse
        assert outcome.told[200]


@pytest.mark.slow
def test_long_texts_keep_nobody_waiting(figures: ModuleType, model: Path) -> None:
    """All within the limits, which may be too much work beside others; without a clock in test_worker.py."""
    [(without, beside, told)] = asyncio.run(figures.long(model, TEXTS, text="film " * 11_000, rounds=1, seconds=10))
    assert told, "none was answered, nor refused"
    assert set(told) <= {200, 503}, told
    for outcome in (without, beside):
        assert set(outcome.told) <= {200, 503}, outcome.told  # a busy machine may refuse
