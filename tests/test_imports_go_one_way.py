"""The house has floors: a module may import from its own floor and those above it in this list, never below."""

import ast
from pathlib import Path

import frostline

SOURCE = Path(frostline.__file__).parent

FLOORS = (
    "errors",
    "arrays",
    "rows",
    "blas",
    "places",
    "publish",
    "machine",
    "data",
    "encoder",
    "store",
    "words",
    "head",
    "evaluate",
    "head_record",
    "record",
    "multi_record",
    "advice",
    "precision",
    "speed",
    "footprint",
    "sweep",
    "review",
    "report",
    "artifact",
    "explanation",
    "classifier",
    "training",
    "embedding",
    "score",
    "multi_score",
    "tutorial",
    "bench",
    "cli",
    "__main__",
)


def floor_of(module: str) -> int | None:
    parts = module.split(".")
    if parts[0] != "frostline":
        return None
    return FLOORS.index(parts[1]) if len(parts) > 1 else None


def imported_modules(path: Path) -> list[str]:
    tree = ast.parse(path.read_text("utf-8"))
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found += [
                f"{node.module}.{alias.name}" if node.module == "frostline" else str(node.module)
                for alias in node.names
            ]
    return found


def module_name(path: Path) -> str:
    relative = path.relative_to(SOURCE.parent).with_suffix("")
    return ".".join(relative.parts).removesuffix(".__init__")


def upward_imports(source: Path = SOURCE) -> list[str]:
    wrong = []
    for path in sorted(source.rglob("*.py")):
        own = floor_of(module_name(path))
        if own is None:
            continue  # frostline/__init__.py is the door: it names what is public, lazily
        for module in imported_modules(path):
            if module == "frostline.__version__":
                continue
            floor = floor_of(module)
            if floor is not None and floor > own:
                wrong.append(f"{path.relative_to(source.parent)} imports {module}")
    return wrong


def test_imports_go_one_way() -> None:
    """No module imports from a floor below its own."""
    assert upward_imports() == []


def test_every_module_has_a_floor() -> None:
    """A new file must say where it stands."""
    names = {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in SOURCE.rglob("*.py")}
    assert names - {"__init__"} <= set(FLOORS)
