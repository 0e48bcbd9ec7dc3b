"""Every page of docs/how-to is run as it stands: its commands and its Python, in their order."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Command

PAGES = Path(__file__).parent.parent / "docs" / "how-to"
KINDS = {
    "billing": ("I was charged twice for {}", "my invoice for {} is wrong", "refund the payment for {}"),
    "technical": ("{} crashes when I open it", "I get an error when loading {}", "{} does not load"),
}
THINGS = (
    "the plan",
    "the lamp",
    "my tablet",
    "the app",
    "order 11",
    "the pass",
    "the router",
    "the desk",
    "this jacket",
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the pages speak of."""
    monkeypatch.chdir(tmp_path)
    told = [(said.format(thing), label) for label, all_said in KINDS.items() for said in all_said for thing in THINGS]
    spelt = {"billing": ("billing", "Billing", "billing "), "technical": ("technical", "Technical", "technical")}
    rows = [f"{text},{spelt[label][place % 3]}" for place, (text, label) in enumerate(told)]
    (tmp_path / "tickets.csv").write_text("\n".join(["message,category", *rows]) + "\n", "utf-8")
    both = [f"{text},{label};{('urgent', 'calm')[place % 2]}" for place, (text, label) in enumerate(told)]
    (tmp_path / "topics.csv").write_text("\n".join(["message,topics", *both]) + "\n", "utf-8")
    return tmp_path


def blocks(page: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page: their language, and what stands in them."""
    return re.findall(r"^```(\w+)\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)


QUICK = {"scikit-learn", "several-labels"}  # the others are run where there is more time


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.stem, marks=() if path.stem in QUICK else pytest.mark.slow)
        for path in sorted(PAGES.glob("*.md"))
        if path.stem != "README"
    ],
)
def test_a_page_runs_as_it_stands(frostline: Command, place: Path, name: str) -> None:
    found = blocks((PAGES / f"{name}.md").read_text("utf-8"))
    assert found
    names: dict[str, object] = {}
    for language, block in found:
        if language == "python":
            exec(compile(block, name, "exec"), names)  # noqa: S102 - our own page
            continue
        for line in block.splitlines():
            if line.startswith("$ frostline "):
                ended = frostline(*shlex.split(line, comments=True)[2:])
                assert ended.code == 0, f"{line}\n{ended.err}"
            elif line.startswith("$ python "):
                subprocess.run([sys.executable, *shlex.split(line)[2:]], check=True, timeout=100)


def test_every_page_is_in_the_list() -> None:
    listed = (PAGES / "README.md").read_text("utf-8")
    assert [path.name for path in PAGES.glob("*.md") if f"({path.name})" not in listed] == ["README.md"]
