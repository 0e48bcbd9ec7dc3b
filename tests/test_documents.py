"""What the documents say is what the program does."""

import importlib.util
import re
from pathlib import Path

import pytest

import frostline

ROOT = Path(__file__).parent.parent


def test_the_cli_reference_is_that_of_the_help() -> None:
    """docs/cli.md is made by tools/cli_reference.py; run it after changing a command."""
    path = ROOT / "tools" / "cli_reference.py"
    spec = importlib.util.spec_from_file_location("cli_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == module.reference()


def test_the_readme_names_every_source_file_once() -> None:
    """Its tree has one phrase per file."""
    readme = (ROOT / "README.md").read_text("utf-8")
    tree = readme[readme.index("src/frostline/") :]
    named = set(re.findall(r"([\w./-]+\.(?:py|toml|html))\b", tree[: tree.index("```")]))
    source = ROOT / "src" / "frostline"
    files = {path.name for path in source.rglob("*") if path.suffix in {".py", ".toml", ".html"}} - {"__init__.py"}
    assert files <= named, f"not in the README's tree: {sorted(files - named)}"
    gone = {name for name in named if not (name.endswith("__init__.py") or name in files)}
    assert not gone, f"in the README's tree, but not there: {sorted(gone)}"


def test_the_changelog_begins_with_this_version() -> None:
    """Keep a Changelog."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"## [{frostline.__version__}]" in changelog


@pytest.mark.parametrize("folder", ["docs", "src", "requirements", "tools"])
def test_nothing_names_a_registry_or_a_machine(folder: str) -> None:
    """Locks carry hashes and versions, no addresses; documents carry no paths of whoever wrote them."""
    forbidden = re.compile("py" + r"pi\.org|pythonhosted|/ro" + r"ot/|/wor" + r"k/main|registry\.n" + "pmjs")
    for path in (ROOT / folder).rglob("*"):
        if path.is_file() and path.suffix in {".py", ".md", ".txt", ".toml", ".in"}:
            assert not forbidden.search(path.read_text("utf-8")), path
