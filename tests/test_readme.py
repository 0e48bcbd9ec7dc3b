"""Commands and Python of the README are run as they stand; those of every other page are taken by their verbs."""

import importlib
import re
import shlex
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import Command

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
LINE = re.compile(r"^\$ (?:cat (?P<stdin>\S+) \| )?frostline (?P<words>.*)$", re.MULTILINE)


def commands(page: Path) -> list[tuple[str | None, list[str]]]:
    """Every `$ frostline ...` of a page: what is sent to it, and its words."""
    return [
        (found["stdin"], shlex.split(found["words"].partition(" > ")[0], comments=True))
        for found in LINE.finditer(page.read_text("utf-8"))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_is_one_that_its_verb_takes(page: Path) -> None:
    """No option that was renamed, no argument too many."""
    for _, words in commands(page):
        verb = importlib.import_module(f"frostline.cli.{words[0]}").command
        try:
            context = verb.make_context(words[0], list(words[1:]))
        except click.UsageError as error:
            raise AssertionError(f"{page.name}: {shlex.join(words)}: {error.format_message()}") from error
        if isinstance(verb, click.Group):
            name, command, rest = verb.resolve_command(context, [*context.protected_args, *context.args])
            assert command is not None
            command.make_context(name, list(rest), parent=context)


def test_there_are_commands_in_the_readme() -> None:
    assert len(commands(ROOT / "README.md")) >= 8


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_readme_runs_as_it_stands(
    frostline: Command, tmp_path: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its start, its Python and its wheel's last line, in their order, on files of the names that it has."""
    monkeypatch.chdir(tmp_path)
    rows = [line.split("\t") for line in reviews.read_text("utf-8").splitlines()]
    for name in ("reviews.tsv", "train.tsv"):
        (tmp_path / name).write_bytes(reviews.read_bytes())
    (tmp_path / "test.tsv").write_text("".join(f"{text} indeed\t{label}\n" for text, label in rows[:20]), "utf-8")
    (tmp_path / "sentences.txt").write_text("so good\nso bad\n", "utf-8")
    (tmp_path / "tickets.csv").write_text(
        "message,category\n" + "".join(f'"{text}",{label}\n' for text, label in rows), "utf-8"
    )
    pq.write_table(pa.table({"text": [text for text, _ in rows]}), tmp_path / "big.parquet")
    readme = ROOT / "README.md"
    for stdin, words in commands(readme):
        if words[0] == "train" and (tmp_path / "model").exists():
            words.append("--overwrite")  # the start and the wheel both call it `model`
        if words[0] in {"serve", "cache"}:
            continue
        ended = frostline(*words, stdin=b"" if stdin is None else (tmp_path / stdin).read_bytes())
        assert ended.code == 0, f"{shlex.join(words)}\n{ended.err}"
    names: dict[str, object] = {"texts": [text for text, _ in rows], "labels": [label for _, label in rows]}
    (tmp_path / "model").rename("model of the command line")
    for block in re.findall(r"```python\n(.*?)```", readme.read_text("utf-8"), flags=re.DOTALL):
        exec(compile(block, "README", "exec"), names)  # noqa: S102 - our own page
    assert (tmp_path / "model" / "manifest.json").exists()
