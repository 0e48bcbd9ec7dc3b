"""The page "Your file": every file on it is written, and every command on it reads what the page says it does."""

import re
import shlex
from pathlib import Path

import pytest

from conftest import Command
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.errors import InputError

PAGE = (Path(__file__).parent.parent / "docs" / "your-file.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [line.removeprefix("$ ") for kind, _, body in BLOCKS if kind == "console" for line in body.splitlines()]

REVIEWS = ["The soup was lovely.", "Cold chips, and a rude waiter.", "Great value.", "Never again."]
COMMENTS = ["You fool.", "I will find you, fool.", "See you there.", "What a lovely day!"]
SETS = [("insult",), ("insult", "threat"), (), ("joy",)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file of the page."""
    pytest.importorskip("openpyxl")  # the extra `frostline[xlsx]`, among what the tests need
    place = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(place)
        for kind, name, body in BLOCKS:
            if kind == "python":
                exec(compile(body, "your-file.md", "exec"), {})  # noqa: S102 - our own page
            elif name:
                Path(name).write_text(body, "utf-8")
    return place


class _ReadError(InputError):
    """Enough was seen."""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_reads_its_file(
    frostline: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Through the command line; what would be learned from is held against what the page shows."""
    found: list[Dataset] = []

    def read(path: Path, options: TableOptions) -> Dataset:
        found.append(read_labelled(path, options))
        raise _ReadError("read")

    monkeypatch.chdir(folder)
    monkeypatch.setattr("frostline.cli.train.read_labelled", read)
    program, *arguments = shlex.split(command)
    assert program == "frostline"
    told = frostline(*arguments)
    assert len(found) == 1, told.err
    if found[0].targets.exclusive:
        assert [" ".join(text.split("\n")) for text in found[0].texts] == [
            text if "letters" not in command else text.replace("chips,", "chips") for text in REVIEWS
        ]
        assert found[0].labels == ["good", "bad"] * 2
    else:
        assert (found[0].texts, found[0].names) == (COMMENTS, SETS)
    assert found[0].rejects == ()


def test_the_page_shows_every_format(folder: Path) -> None:
    suffixes = {shlex.split(command)[2].split(".")[-1] for command in COMMANDS}
    assert suffixes == {"csv", "tsv", "gz", "xlsx", "parquet", "feather", "jsonl", "json", "ft"}
    assert {shlex.split(command)[2] for command in COMMANDS} <= {path.name for path in folder.iterdir()}
