"""What the documents say is what the program does."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import frostline
from frostline.cli.main import VERBS

ROOT = Path(__file__).parent.parent


def tool(name: str) -> ModuleType:
    """A script of tools/, imported."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_cli_reference_is_that_of_the_help(tmp_path: Path) -> None:
    """docs/cli.md is made by tools/cli_reference.py; run it after changing a command.

    In a process of its own: click keeps the names of --help with which a command was first asked, here by any test.
    """
    made = tmp_path / "cli.md"
    subprocess.run([sys.executable, ROOT / "tools/cli_reference.py", made], check=True, capture_output=True)
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == made.read_text("utf-8")


def test_the_documents_show_the_tree_of_today() -> None:
    """The tree is made by tools/readme_tree.py; run it after adding a file."""
    shown = (ROOT / "docs/structure.md").read_text("utf-8")
    assert tool("readme_tree").with_tree(shown, whole=True) == shown


def test_the_readme_is_short_and_says_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) <= 150
    assert "$ make demo " in readme
    assert "$ make test " in readme


def test_every_verb_is_in_the_readme() -> None:
    table = (ROOT / "README.md").read_text("utf-8").split("## The verbs")[1]
    assert [verb for verb in VERBS if f"`{verb}" not in table] == []


def test_links_between_documents_lead_somewhere() -> None:
    """To files and folders of this repository; headings and other sites are not looked at."""
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
        for link in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert broken == []


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


def keys_of(value: Any) -> set[str]:
    """Every key of a JSON value, at any depth."""
    if isinstance(value, dict):
        return {*value, *(key for part in value.values() for key in keys_of(part))}
    return {key for part in value for key in keys_of(part)} if isinstance(value, list) else set()


@pytest.mark.parametrize("name", ["train.json", "evaluate.json"])
def test_every_key_of_the_json_report_is_told_of(name: str) -> None:
    """Of all that the recorded trainings hold; and of the manifest's own members, in its page."""
    page = (ROOT / "docs" / "formats" / "report.md").read_text("utf-8")
    told = set(re.findall(r"`(\w+)`", page)) | set(re.findall(r'"(\w+)"', page))
    documents = [json.loads(path.read_text("utf-8")) for path in (ROOT / "tests" / "golden").glob(f"*/{name}")]
    assert len(documents) > 1
    shortened = {"sum", "some"}  # how long lists are recorded
    assert keys_of(documents) - told - shortened == set()


def test_every_member_of_a_manifest_is_told_of() -> None:
    """Of all those that were recorded; and every file beside it but the encoder's own."""
    page = (ROOT / "docs" / "formats" / "artifact.md").read_text("utf-8")
    for path in (ROOT / "tests" / "golden").glob("*/manifest.json"):
        document = json.loads(path.read_text("utf-8"))
        parts = [document[name] or {} for name in ("encoder", "data", "calibration", "rule", "self_test")]
        files = {name for name in document["files"] if "/" not in name}
        assert {"head.safetensors", "learned.safetensors"} <= files
        assert [key for key in {*document, *(key for part in parts for key in part)} if f"`{key}`" not in page] == []
        assert [name for name in files if name not in page] == []
