"""What the documents say is what the program does."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import frostline

ROOT = Path(__file__).parent.parent


def tool(name: str) -> ModuleType:
    """A script of tools/, imported."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_cli_reference_is_that_of_the_help() -> None:
    """docs/cli.md is made by tools/cli_reference.py; run it after changing a command."""
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == tool("cli_reference").reference()


@pytest.mark.parametrize(("page", "whole"), [("README.md", False), ("docs/structure.md", True)])
def test_the_documents_show_the_tree_of_today(page: str, *, whole: bool) -> None:
    """Trees are made by tools/readme_tree.py; run it after adding a file."""
    shown = (ROOT / page).read_text("utf-8")
    assert tool("readme_tree").with_tree(shown, whole=whole) == shown


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


def test_every_test_that_the_table_of_faults_names_is_there() -> None:
    """docs/faults.md says which test stands guard; a renamed one leaves no gap."""
    tests = ROOT / "tests"
    file = ""
    for named in re.finditer(
        r"(?P<file>[\w/]+\.py)?(?:::(?P<test>\w+))?", (ROOT / "docs" / "faults.md").read_text("utf-8")
    ):
        file = named["file"] or file
        assert not named["file"] or (tests / file).is_file(), file
        assert not named["test"] or f"def {named['test']}(" in (tests / file).read_text("utf-8"), named["test"]
