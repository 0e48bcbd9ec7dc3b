"""The tool that measures these tests: what it changes, what it draws, and whether it can tell a guarded line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent.parent / "tools"
PRODUCT = """def is_free(age):
    return age < 6


def fine(days):
    return days * 2
"""
TEST = """from product import fine, is_free


def test_one_pays_from_six_on():
    assert is_free(5)
    assert not is_free(6)


def test_a_fine_is_worked_out():
    fine(2)
"""
MAIN = "import sys, mutants; mutants.main(sys.argv[2:], root=mutants.Path(sys.argv[1]))"


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools may be imported."""
    monkeypatch.syspath_prepend(str(TOOLS))


def changed(source: str) -> list[str]:
    """Every version of `source` with one change."""
    from mutations import mutated, mutations  # noqa: PLC0415 - on the path only during a test

    made = (mutated(source.encode(), one) for one in mutations("product.py", source.encode()))
    return [one.decode() for one in made if one is not None]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("é = a  <  b  # as is\n", ["é = a  <=  b  # as is\n"]),
        ("x = a not  in b\n", ["x = a in b\n"]),
        ("x = a is b\n", ["x = a is not b\n"]),
        ("x = (a + b) * c\n", ["x = (a - b) * c\n", "x = (a + b) / c\n"]),
        ("x += a\n", ["x -= a\n"]),
        ("x = a and (not b)\n", ["x = a or (not b)\n", "x = a and (b)\n"]),
        ("x = [1, 0.5, True]\n", ["x = [2, 0.5, True]\n", "x = [1, 1.0, True]\n", "x = [1, 0.5, False]\n"]),
        ("x = min(a.argmax(), b)\n", ["x = max(a.argmax(), b)\n", "x = min(a.argmin(), b)\n"]),
        ("if x:\n    raise ValueError(1)\n", ["if x:\n    pass\n"]),
        ("for x in y:\n    continue\n", ["for x in y:\n    break\n"]),
        ("def f(a: int = 1):\n    return a\n", ["def f(a: int = 2):\n    return a\n"]),
        ("def f() -> str:\n    return a\n", ["def f() -> str:\n    return None\n"]),
        ("def f() -> str | None:\n    return a\n", []),
        ('x = f"{a - b} of 1"\n', ['x = f"{a + b} of 1"\n']),
    ],
)
@pytest.mark.usefixtures("tools")
def test_one_place_is_changed_and_the_rest_kept(source: str, expected: list[str]) -> None:
    assert changed(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        'def f() -> None:\n    """At most 3."""\n',
        "x: Literal[1]\n",
        "X: TypeAlias = int | Path\n",
        "x = isinstance(y, int | Path)\n",
        "@dataclass(frozen=True)\nclass A:\n    pass\n",
        "for a, b in zip(c, d, strict=True):\n    pass\n",
        'x = "a" + b\n',
        "raise ValueError(3)\n",
    ],
)
@pytest.mark.usefixtures("tools")
def test_what_no_behaviour_hangs_on_is_left_alone(source: str) -> None:
    assert changed(source) == []


def made_project(root: Path) -> Path:
    """A checkout with one guarded function, and one that a test runs without looking."""
    for name, text in (("src/product.py", PRODUCT), ("tests/test_product.py", TEST), ("pytest.ini", "[pytest]\n")):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return root


@pytest.mark.usefixtures("tools")
def test_a_sample_is_the_same_for_the_same_seed_and_covers_the_source(tmp_path: Path) -> None:
    from mutants import sample  # noqa: PLC0415
    from mutants_map import Project  # noqa: PLC0415

    project = Project(made_project(tmp_path))

    def drawn(n: int, seed: int) -> list[str]:
        return [f"{one.line} {one.change}" for one in sample(project, project.sources(), n, seed)]

    every = drawn(100, 1)
    assert len(every) == len(set(every)) == 4
    assert drawn(2, 1) == drawn(2, 1)
    assert len(set(drawn(2, 1))) == 2
    assert len({tuple(drawn(2, seed)) for seed in range(9)}) > 1


@pytest.mark.parametrize(
    ("near", "files"),
    [
        ((), ["tests/test_product.py"]),
        (("tests",), ["tests/test_product.py"]),
        (("tests/test_product.py",), ["tests/test_product.py"]),
        (("tests/test_product", "tests/far"), []),
    ],
)
@pytest.mark.usefixtures("tools")
def test_only_tests_of_the_folders_and_files_named_are_used(
    tmp_path: Path, near: tuple[str, ...], files: list[str]
) -> None:
    from mutants_map import Project  # noqa: PLC0415

    assert Project(made_project(tmp_path), near).test_files() == files


@pytest.mark.usefixtures("tools")
def test_the_map_follows_lines_that_move_within_a_file_or_with_it(tmp_path: Path) -> None:
    from mutants_map import Project, TestMap, carried  # noqa: PLC0415

    project = Project(made_project(tmp_path))
    groups, lines = [["tests/test_product.py::test"], ["tests/test_gone.py::test"]], {"2": 0, "6": 1}
    old = TestMap(
        project.texts(), project.digests(), {"tests/test_product.py::test": 1.0}, groups, {"src/product.py": lines}
    )
    (tmp_path / "src" / "product.py").unlink()
    (tmp_path / "src" / "shop.py").write_text("# Moved.\n" + PRODUCT.replace("days * 2", "days * 3"), "utf-8")
    now = carried(project, old)
    assert now.executing("src/shop.py", [3]) == {"tests/test_product.py::test"}
    assert now.executing("src/shop.py", [1, 2, 4, 5, 6, 7]) == set()
    assert now.groups == [["tests/test_product.py::test"], []]


def test_a_guarded_line_is_noticed_and_an_unguarded_one_is_not(tmp_path: Path) -> None:
    root = made_project(tmp_path)
    command = [sys.executable, "-c", MAIN, str(root), "--workers", "1"]
    environment = {**os.environ, "PYTHONPATH": str(TOOLS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split("not noticed:\n")[1].splitlines() == [
        "src/product.py:6: days * 2 -> days / 2    [tests: 1]    return days * 2",
        "src/product.py:6: 2 -> 3    [tests: 1]    return days * 2",
        "",
        "2 of 4 noticed (50.0 %)",
    ]
    assert (root / "src" / "product.py").read_text("utf-8") == PRODUCT
