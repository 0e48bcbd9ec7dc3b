"""What the house may weigh: how long a function is, and what a verb loads of ours."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "house_figures.py"


def figures() -> ModuleType:
    """`tools/house_figures.py`, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("house_figures", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_function_is_longer_than_sixty_lines() -> None:
    """Signature and docstring are not counted."""
    house = figures()
    long, n_functions = house.long_functions(sorted(house.SOURCE.rglob("*.py")))
    assert long == []
    assert n_functions > 3000


@pytest.mark.parametrize(("n_lines", "is_long"), [(60, False), (61, True)])
def test_a_long_function_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_lines: int, *, is_long: bool
) -> None:
    """From the first line behind the docstring on, those of inner functions among them."""
    path = tmp_path / "long.py"
    inner = "\n".join(f"        x{n} = {n}" for n in range(n_lines - 1))
    path.write_text(
        f'async def outer(\n    a: int,\n) -> None:\n    """Said."""\n    def inner() -> None:\n{inner}\n', "utf-8"
    )
    house = figures()
    monkeypatch.setattr(house, "SOURCE", tmp_path)
    long, n_functions = house.long_functions([path])
    assert long == ([f"long.py: outer, {n_lines} lines"] if is_long else [])
    assert n_functions == 2


def test_a_verb_loads_no_wing_that_it_does_not_use(model: Path, reviews: Path, tmp_path: Path) -> None:
    """A prediction at most 65 modules of ours, a training at most 110, once the encoder's graph is kept."""
    imported = figures().imported
    assert len(imported(["predict", str(model), "a joy"])) <= 65
    trained = imported(["train", str(reviews), "--out", str(tmp_path / "model"), "-C", "0.001", "-C", "0.01"])
    assert len(trained) <= 110, trained
    wings = {"head.cascade", "head.wished", "training.streamed", "evaluate.nested", "encoder.modern", "data.fixes"}
    assert not {f"frostline.{wing}" for wing in wings} & set(trained)
