"""Write the tree of docs/structure.md (every file): `python tools/readme_tree.py`.

Each phrase is the first line of the file's docstring. A test compares.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "frostline"
BEGIN, END = "<!-- tree -->\n```\n", "```\n<!-- /tree -->"
WIDTH = 120
NOT_CODE = {
    "en.toml": "what the lesson says, in English",
    "zh.toml": "and in Chinese",
    "lesson.html": "the frame of its page,",
    "lesson.css": "its style,",
    "lesson.js": "its script: what lights up, and what moves",
    "page.en.toml": "what the page of the lesson says, in English",
    "page.zh.toml": "and in Chinese",
    "page.html": "the report's page",
    "public_sets.toml": "every public set: its files, digests and licence, and how it is read",
}
FLOORS_FILE = ROOT / "tests" / "test_imports_go_one_way.py"


def tree(*, whole: bool) -> str:
    """Every floor with one phrase; with `whole`, every source file."""
    lines = ["src/frostline/"]
    floors = {path.stem: path for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    for name in _rooms():
        if name in floors:
            lines += _lines(floors[name], 2, whole=whole)
    return "".join(line[:WIDTH].rstrip() + "\n" for line in lines)


def with_tree(page: str, *, whole: bool = False) -> str:
    """`page` with the tree of today."""
    before, rest = page.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return before + BEGIN + tree(whole=whole) + END + after


def _lines(path: Path, indent: int, *, whole: bool) -> list[str]:
    """A file's line, or a folder's with those of what is in it."""
    if path.is_file():
        return [_line(path, indent)]
    found = [f"{' ' * indent}{path.name + '/':<{24 - indent}} {_phrase(path / '__init__.py')}"]
    if whole:
        for inner in sorted(path.iterdir(), key=lambda one: (one.is_dir(), one.name)):
            is_part = inner.suffix in {".py", ".toml", ".html"} or (inner / "__init__.py").is_file()
            if is_part and inner.name != "__init__.py":
                found += _lines(inner, indent + 2, whole=True)
    return found


def _rooms() -> list[str]:
    """The rooms, floor by floor, as the test of imports holds them."""
    tree = ast.parse(FLOORS_FILE.read_text("utf-8"))
    values = (
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS"
    )
    return [room for floor in ast.literal_eval(next(values)) for room in floor]


def _line(path: Path, indent: int) -> str:
    return f"{' ' * indent}{path.name:<{24 - indent}} {_phrase(path)}"


def _phrase(path: Path) -> str:
    """The docstring's first sentence, short of its second half if it has one."""
    if path.name in NOT_CODE:
        return NOT_CODE[path.name]
    described = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first = described.split("\n\n")[0].replace("\n", " ").replace("`", "").rstrip(".")
    return first if len(first) <= WIDTH - 25 else first.split(",")[0].split(";")[0].split(":")[0]


if __name__ == "__main__":
    target = ROOT / "docs" / "structure.md"
    target.write_text(with_tree(target.read_text("utf-8"), whole=True), "utf-8")
    print(f"wrote the tree in {target}")
