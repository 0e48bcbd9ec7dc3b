"""Write the README's file tree from the first line of each file: `python tools/readme_tree.py`. A test compares."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "frostline"
BEGIN, END = "<!-- tree -->\n```\n", "```\n<!-- /tree -->"
WIDTH = 120
NOT_CODE = {
    "en.toml": "what the lesson says, in English",
    "zh.toml": "and in Chinese",
    "page.html": "the report's page",
}
FLOORS_FILE = ROOT / "tests" / "test_imports_go_one_way.py"


def tree() -> str:
    """Every source file with one phrase, floor by floor."""
    lines = ["src/frostline/"]
    floors = {path.stem: path for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    for name in _floors():
        path = floors[name]
        if path.is_file():
            lines.append(_line(path, 2))
            continue
        lines.append(f"  {name + '/':<22} {_phrase(path / '__init__.py')}")
        inner = (file for file in path.iterdir() if file.suffix in {".py", ".toml", ".html"})
        lines += [_line(file, 4) for file in sorted(inner) if file.name != "__init__.py"]
    return "".join(line[:WIDTH].rstrip() + "\n" for line in lines)


def with_tree(readme: str) -> str:
    """`readme` with the tree of today."""
    before, rest = readme.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return before + BEGIN + tree() + END + after


def _floors() -> tuple[str, ...]:
    """The order of the floors, which the test of imports holds."""
    tree = ast.parse(FLOORS_FILE.read_text("utf-8"))
    values = (
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS"
    )
    found: tuple[str, ...] = ast.literal_eval(next(values))
    return found


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
    target = ROOT / "README.md"
    target.write_text(with_tree(target.read_text("utf-8")), "utf-8")
    print(f"wrote the tree in {target}")
