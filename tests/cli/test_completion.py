"""A shell completes verbs, options, their values, and the columns of the file that was named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete, CompletionItem, ZshComplete

from conftest import Command
from frostline.cli import completion
from frostline.cli.main import VERBS, cli
from frostline.encoder.features import FeatureSpec
from frostline.head.scoring import criterion_of
from frostline.targets import Targets

VARIABLE = "_FROSTLINE_COMPLETE"


def completed(line: str, shell: type[BashComplete | ZshComplete] = BashComplete) -> list[CompletionItem[str]]:
    """What a shell is offered behind `line`, whose last word is begun."""
    *words, begun = line.split(" ")
    return shell(cli, {}, "frostline", VARIABLE).get_completions(words, begun)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with three columns, of which one's name has a blank."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "t.csv"
    path.write_text('message;category;"the id"\na;b;c\n', "utf-8-sig")
    return path


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("re", ["review"]),
        ("help re", ["review"]),
        ("train --encoder mi", ["minilm"]),
        ("compare t.csv --encoders minilm,dis", ["minilm,distilbert"]),
        ("sweep t.csv --scoring f1_", ["f1_macro", "f1_micro", "f1_weighted"]),
        ("train t.csv --features mean@", ["mean@all", "mean@-1", "mean@all+words"]),
        ("train t.csv --features au", ["auto"]),
        ("embed t.csv --features au", []),
        ("train t.csv --label c", ["category"]),
        ("train t.csv --text message,c", ["message,category"]),
        ("train --group mess", []),
        ("train t.csv --grid t", ["tutorial"]),
        ("completion f", ["fish"]),
        ("train t.csv --tidy", ["--tidy-labels"]),
    ],
)
def test_what_is_begun_is_completed(file: Path, line: str, found: list[str]) -> None:
    assert [item.value for item in completed(line)] == found


def test_what_is_offered_is_accepted() -> None:
    for name in completion._SCORERS:
        assert criterion_of(name, Targets.of_labels(["a", "b"] * 9), one_standard_error=False).name == name
    for name in completion._FEATURES:
        assert FeatureSpec.parse(name).blocks(6) or name == "words"


def test_a_verb_alone_offers_all(file: Path) -> None:
    assert [item.value for item in completed("help ")] == [*VERBS]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("train t", "file"),
        ("train t.csv --test t", "file"),
        ("predict m", "dir"),
        ("serve one tw", "dir"),
        ("evaluate m", "dir"),
        ("evaluate m t", "file"),
        ("predict m t", "file"),
        ("train t.csv --encoder ./fol", "dir"),
        ("predict m --encoder f", "dir"),
    ],
)
def test_files_and_folders_are_left_to_the_shell(file: Path, line: str, kind: str) -> None:
    assert [item.type for item in completed(line)] == [kind]


def test_a_name_with_blanks_is_quoted_for_bash_alone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zsh and fish quote what they are given."""
    monkeypatch.setenv(VARIABLE, "bash_complete")
    assert [item.value for item in completed("train t.csv --label the")] == ["'the id'"]
    monkeypatch.setenv(VARIABLE, "zsh_complete")
    assert [item.value for item in completed("train t.csv --label the", ZshComplete)] == ["the id"]


def test_a_file_that_cannot_be_read_offers_no_columns(tmp_path: Path) -> None:
    """Whatever it is: completion never fails aloud."""
    (tmp_path / "t.parquet").write_bytes(b"PAR1\xff\xfe")
    assert completed(f"train {tmp_path}/t.parquet --label c") == []
    assert completed(f"train {tmp_path} --label c") == []


def test_bash_itself_completes(frostline: Command, file: Path) -> None:
    """The script that is printed, sourced in a bash, with a `frostline` on the path."""
    folder = file.parent / "bin"
    folder.mkdir()
    (folder / "frostline").write_text(f'#!/bin/sh\nexec {sys.executable} -m frostline "$@"\n', "utf-8")
    (folder / "frostline").chmod(0o755)
    printed = frostline("completion", "bash")
    assert (printed.code, printed.err) == (0, "")
    script = printed.out + (
        "compopt() { :; }\n"  # what bash itself has only while it completes
        'ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _frostline_completion frostline; '
        'echo "${COMPREPLY[@]}"; }\n'
        "complete -p frostline\n"
        "ask frostline help re\nask frostline train t.csv --label cat\n"
        'case $COMP_WORDBREAKS in *@*) echo "mean@all is two words";; esac\n'
    )
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    ended = subprocess.run(
        ["bash", "--norc", "-c", script],  # noqa: S607
        capture_output=True,
        text=True,
        env=environment,
        check=True,
        timeout=300,
    )
    assert ended.stdout.splitlines() == ["complete -o nosort -F _frostline_completion frostline", "review", "category"]
