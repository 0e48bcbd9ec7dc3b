"""The house in figures: `python tools/house_figures.py`.

Modules and lines of the package, its floors, upward imports and circles (as the test of imports sees them), the places
that ask whether labels exclude each other, how many modules of ours `train` and `predict` import, functions over 60
lines, and how long the tests are beside the source.
"""

import ast
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "frostline"
LONGEST_FUNCTION = 60
COUNT_OURS = """
import sys
from frostline.cli.main import run
code = run({arguments!r})
print("exit", code, *(name for name in sys.modules if name.split(".")[0] == "frostline"), file=sys.stderr)
"""


def main() -> None:
    """Print a figure a line."""
    floors = loaded(ROOT / "tests" / "test_imports_go_one_way.py")
    sys.path.insert(0, str(ROOT / "tests"))
    forms = loaded(ROOT / "tests" / "test_one_path_for_any_targets.py")
    files = sorted(SOURCE.rglob("*.py"))
    n_lines = sum(lines_of(path) for path in files)
    n_test_lines = sum(lines_of(path) for path in (ROOT / "tests").rglob("*.py"))
    long, n_functions = long_functions(files)
    print(f"modules                                  {len(files)}")
    print(f"lines                                    {n_lines:,}")
    print(f"floors                                   {len(floors.FLOORS)}")
    print(f"upward imports                           {len(floors.upward_imports())}")
    print(f"modules in circles of imports            {len(floors.cycles())}")
    print(f"places that ask whether labels exclude   {len(floors.places_that_ask())}")
    print(f"files that meet that difference (0062)   {len(set().union(*forms.met().values()))}")
    print(f"functions over {LONGEST_FUNCTION} lines                  {len(long)} of {n_functions:,}")
    for name in long:
        print(f"    {name}")
    print(f"test lines / source lines                {n_test_lines / n_lines:.2f} ({n_test_lines:,})")
    with tempfile.TemporaryDirectory() as folder:
        model = str(Path(folder) / "model")
        print(
            f"modules of ours that `train` imports     {len(imported(['train', str(sample(folder)), '--out', model]))}"
        )
        print(f"modules of ours that `predict` imports   {len(imported(['predict', model, 'a fine film']))}")


def loaded(path: Path) -> ModuleType:
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be loaded.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines_of(path: Path) -> int:
    """Lines of a file, blank ones among them."""
    return len(path.read_text("utf-8").splitlines())


def long_functions(files: list[Path]) -> tuple[list[str], int]:
    """Functions of more than `LONGEST_FUNCTION` lines, docstring and signature left out, and how many there are."""
    long, n_functions = [], 0
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                n_functions += 1
                body = node.body[1:] if ast.get_docstring(node) else node.body
                size = (node.end_lineno or node.lineno) - body[0].lineno + 1 if body else 0
                if size > LONGEST_FUNCTION:
                    long.append(f"{path.relative_to(SOURCE)}: {node.name}, {size} lines")
    return long, n_functions


def sample(folder: str) -> Path:
    """The built-in sample's training rows as a file."""
    path = Path(folder) / "sample.tsv"
    path.write_bytes((SOURCE / "data" / "sample_files" / "train.tsv").read_bytes())
    return path


def imported(arguments: list[str]) -> list[str]:
    """Which modules of ours are loaded once the verb has ended, in a process of its own."""
    ended = subprocess.run(  # noqa: S603 - our own command, built here
        [sys.executable, "-c", COUNT_OURS.format(arguments=arguments)], capture_output=True, text=True, check=False
    )
    told = ended.stderr.strip().splitlines()[-1].split()
    if told[:2] != ["exit", "0"]:
        raise SystemExit(ended.stderr)
    return told[2:]


if __name__ == "__main__":
    main()
