"""The house has floors: a module imports from its own room and the floors above it in this list, never from below."""

import ast
from pathlib import Path

import frostline

SOURCE = Path(frostline.__file__).parent

FLOORS = (
    ("errors", "version", "arrays", "machine", "disk", "places", "threads", "child", "strict", "tensors", "targets"),
    ("data",),
    ("encoder",),
    ("store",),
    ("head",),
    ("evaluate", "precision", "legible"),
    ("record", "advice", "sweep", "review", "artifact"),
    ("explanation", "score", "finetune", "export"),
    ("report", "tutorial"),
    ("training", "serve"),
    ("cli", "classifier", "mlflow", "__main__"),
)
"""Rooms of one floor do not import each other, but for the laws of the first and the records of a training."""

ALSO = {("advice", "record"), ("__main__", "cli"), ("mlflow", "classifier")}
"""Imports between two modules of one floor that are meant."""

LAWS = set(FLOORS[0])


def room_of(module: str) -> str | None:
    """The folder or single module directly under frostline/ that a dotted name lies in; None for what is not ours."""
    parts = module.split(".")
    return parts[1] if parts[0] == "frostline" and len(parts) > 1 else None


def floor_of(room: str) -> int:
    return next(place for place, rooms in enumerate(FLOORS) if room in rooms)


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


def module_name(path: Path, source: Path = SOURCE) -> str:
    relative = path.relative_to(source.parent).with_suffix("")
    return ".".join(relative.parts).removesuffix(".__init__")


def upward_imports(source: Path = SOURCE) -> list[str]:
    """Imports from a floor below, or from another room of the same floor."""
    wrong = []
    for path in sorted(source.rglob("*.py")):
        own = room_of(module_name(path, source))
        if own is None:
            continue  # frostline/__init__.py is the door: it names what is public, lazily
        for module in imported_modules(path):
            other = room_of(module)
            if other is None or other == own or (own, other) in ALSO or {own, other} <= LAWS:
                continue
            if floor_of(other) >= floor_of(own):
                wrong.append(f"{path.relative_to(source.parent)} imports {module}")
    return wrong


def cycles(source: Path = SOURCE) -> list[str]:
    """Modules that import each other, directly or round about; imports inside functions count too."""
    imports: dict[str, set[str]] = {}
    for path in source.rglob("*.py"):
        own = module_name(path, source)
        if room_of(own) is not None:
            imports[own] = {
                module for module in imported_modules(path) if room_of(module) is not None and module != own
            }
    imports = {own: {module for module in modules if module in imports} for own, modules in imports.items()}
    while leaves := {own for own, modules in imports.items() if not modules}:
        imports = {own: modules - leaves for own, modules in imports.items() if own not in leaves}
    needed = {module for modules in imports.values() for module in modules}
    return sorted(own for own in imports if own in needed)


def places_that_ask(source: Path = SOURCE) -> list[str]:
    """Modules that ask whether labels exclude each other, and how often each does."""
    found = []
    for path in sorted(source.rglob("*.py")):
        count = sum(asks(node) for node in ast.walk(ast.parse(path.read_text("utf-8"))))
        if count:
            found.append(f"{path.relative_to(source)}: {count}")
    return found


def asks(node: ast.AST) -> bool:
    """Whether the code reads `.exclusive`, or compares a link."""
    if isinstance(node, ast.Attribute):
        return node.attr == "exclusive" and isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Compare):
        return any(ast.unparse(side).split(".")[-1] == "link" for side in (node.left, *node.comparators))
    return False


SIX_PLACES = {
    "head/loss.py",
    "data/split.py",
    "head/scoring.py",
    "head/linear.py",
    "head/wished.py",
    "evaluate/scores.py",
}
"""Loss; folds and hold-outs; choice of C; link; rule; headline scores."""


def test_whether_labels_exclude_each_other_is_asked_in_six_places() -> None:
    """And where targets are defined. Everything else works on columns, or looks into a table by kind."""
    assert {place.split(":")[0] for place in places_that_ask()} == {*SIX_PLACES, "targets.py"}


def test_imports_go_one_way() -> None:
    """No module imports from a floor below its own."""
    assert upward_imports() == []


def test_no_module_imports_itself_round_about() -> None:
    """There is no circle of imports, however long."""
    assert cycles() == []


def test_every_module_has_a_floor() -> None:
    """A new file must say where it stands."""
    names = {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in SOURCE.rglob("*.py")}
    assert names - {"__init__"} <= {room for rooms in FLOORS for room in rooms}


def test_there_are_at_most_eleven_floors() -> None:
    """A twelfth would be a hotel again."""
    assert len(FLOORS) <= 11


def test_an_upward_import_and_a_circle_are_seen(tmp_path: Path) -> None:
    """The test itself notices what it is for."""
    house = tmp_path / "frostline"
    (house / "data").mkdir(parents=True)
    (house / "head").mkdir()
    (house / "data" / "lines.py").write_text("from frostline.head.loss import Loss\n", "utf-8")
    (house / "head" / "loss.py").write_text("from frostline.data.lines import Lines\n", "utf-8")
    assert upward_imports(house) == ["frostline/data/lines.py imports frostline.head.loss"]
    assert cycles(house) == ["frostline.data.lines", "frostline.head.loss"]
