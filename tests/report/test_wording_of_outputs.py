"""What confused a first reader is in no output any more, row by row; and each row's own place says it otherwise.

Outputs are those that the command line gave (`tests/golden`, `tests/expected_texts`, which other tests hold against
what it gives today), and helps and errors that are asked for here.
"""

import functools
import html
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from test_whole_reports import RECORDS, printed

from conftest import Command
from frostline.cli.main import VERBS
from frostline.encoder.hub import unreachable
from frostline.record import TrainingRecord
from frostline.report.brief import print_brief
from frostline.report.progress import Times, duration
from frostline.report.terminal import print_report

TESTS = Path(__file__).parent.parent
DOCS = TESTS.parent / "docs"


def _text(path: Path) -> str:
    """A file as it is read: of a page its words, without marks or pictures."""
    content = path.read_text("utf-8")
    if path.suffix == ".html" or "page" in path.name:
        content = html.unescape(re.sub(r"<(style|script)\b.*?</\1>|<[^>]+>", " ", content, flags=re.DOTALL))
    return " ".join(content.split())


def _files(*patterns: str) -> str:
    found = [path for pattern in patterns for path in sorted(TESTS.glob(pattern))]
    assert found
    return "\n".join(map(_text, found))


def _whole(show: Callable[[TrainingRecord, Console], None]) -> str:
    """Every record on a terminal."""
    return "\n".join(printed(functools.partial(show, record())) for record in RECORDS.values())


OUTPUTS: dict[str, Callable[[], str]] = {
    "train": lambda: _whole(print_brief) + _files("cli/golden/several_train.txt"),
    "details": lambda: _whole(print_report) + _files("golden/*/train.txt"),
    "page": lambda: _files("golden/*/page.html", "golden/*/evaluate.html", "expected_texts/*.page.txt"),
    "card": lambda: _files("golden/*/card.md", "expected_texts/*.card.md"),
    "evaluate": lambda: _files("golden/*/evaluate.txt", "cli/golden/*evaluate.txt", "expected_texts/*evaluation*"),
    "review": lambda: _files("golden/verbs/review.txt", "expected_texts/review*.txt"),
    "sweep": lambda: _files("golden/verbs/sweep.txt"),
    "explain": lambda: _files("explanation/golden/*.txt"),
    "readme": lambda: " ".join((DOCS.parent / "README.md").read_text("utf-8").split()),
    "lesson": lambda: _text(DOCS / "lesson" / "en.html"),
    "lesson in Chinese": lambda: _text(DOCS / "lesson" / "zh.html"),
}

ROWS = {
    1: ("details", r"search\.best_score", r"Score while tuning"),
    2: ("details", r"stands? there", r"with (two|different) labels|2 texts? with two labels"),
    3: ("train", r"training texts? out, since|flatters?", r"copies of texts that it learned from"),
    4: ("details", r"drawn label by label", r"held out at random, the same share of every label"),
    5: ("details", r"rule: best|scores had fallen", r"best mean score"),
    6: ("details", r"answering the surest", r"answering only when sure"),
    7: ("details", r"Calibrated by an|fitted on a map", r"Probabilities corrected by"),
    8: ("page", r"came true|\bclaimed\b", r"[Pp]redicted confidence"),
    9: ("train", r"mean@all: [\d,]+ numbers|\d texts cut at", r"one of \d+ labels"),
    10: ("train", r"is not sure: label", r"run the same|frostline|Try other features"),
    18: ("review", r"labels? to look at", r"labels look wrong .*was not checked"),
    19: ("review", r"%\), rather", r"labelled \w+; looks like \w+ \(\d+ %\)"),
    20: ("review", r"also in this file, or nearly", r"copies? (or near cop|of)"),
    21: ("page", r"What is taken for what", r"Which labels get mixed up"),
    22: ("page", r"mistakes it was surest of", r"Confident mistakes"),
    23: ("page", r"little hopeful|these very test texts", r"slightly optimistic"),
    24: ("page", r"the expected one, chance taken out", r"percentages are off"),
    25: ("page", r"what tells labels apart|the next most", r"direction 1"),
    26: ("page", r"probabilities seem right", r"percentages (are|can)"),
    27: ("explain", r"changes do not add up", r"Words act together, so single effects do not add up"),
    28: ("explain", r"twice \+", r"appears \d+ times"),
    34: ("readme", r"reads each sentence once; a pooling", r"turns each sentence into numbers, once; a simple model"),
    35: ("readme", r"never passed off", r"Honest scores.{0,4}: measured on texts it never saw, with error bars"),
    36: ("readme", r"Safe with strangers", r"Safe to load models from others"),
    38: ("sweep", r"\d reading \(.*, [\d.]+ s searching", r"s reading .*, (#|\d+) s searching"),
    39: ("lesson", r"The second practical leaves it out", r"Chinese"),
    40: ("lesson in Chinese", r"笔记本", r"样本"),
    41: ("lesson in Chinese", r"best parameters|best score|\d %", r"最好的是 C = "),
}
"""The row of the list: its output, what was said, what is said there now."""


@pytest.fixture(scope="module")
def outputs() -> dict[str, str]:
    """Every output, as one text each."""
    return {name: make() for name, make in OUTPUTS.items()}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_said_otherwise(outputs: dict[str, str], row: int) -> None:
    name, old, new = ROWS[row]
    assert re.search(new, outputs[name])
    everywhere = [one for one in outputs if one != "lesson in Chinese"]
    own = [name] if name == "lesson in Chinese" or row == 9 else everywhere  # 9: terms stay where --details has them
    assert [(one, re.findall(old, outputs[one])[:3]) for one in own if re.search(old, outputs[one])] == []


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that people get wrong."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{('it is wrong', 'it is well')[n % 2]} {n},{('bad', 'good')[n % 2]}" for n in range(20)]
    (tmp_path / "tickets.csv").write_text("\n".join(["message,category", *rows]) + "\n", "utf-8")
    (tmp_path / "empty.csv").write_text("\n".join(["message,category", *rows, *[" ,bad"] * 6]) + "\n", "utf-8")
    (tmp_path / "rare.csv").write_text("\n".join(["message,category", *rows, "so kind,praise"]) + "\n", "utf-8")
    (tmp_path / "open.csv").write_text("a,b,c\nx,y,1\nz,w,2\n", "utf-8")
    return tmp_path


ERRORS = {
    11: ("predict modle some words", r"no artifact", r"There is no saved model at 'modle'"),
    11.5: ("predict tickets.csv some", r"must be a folder", r"tickets\.csv.* is a file, not a saved model"),
    12: ("train empty.csv", r"cannot be used|\(0 may be\)", r"6 of 26 rows cannot be read \(0 allowed\)"),
    13: ("train open.csv", r"is the label is not clear\.$", r"open\.csv: which columns are the text and the label"),
    14: ("train rare.csv", r"every class needs", r"'praise' has only one row; each label needs two"),
    15: ("predict modle nwe.csv", r"these very words", r"If it is the text itself: echo nwe\.csv \| frostline"),
}


@pytest.mark.parametrize("row", ERRORS)
def test_an_error_is_said_otherwise(frostline: Command, place: Path, row: float) -> None:
    command, old, new = ERRORS[row]
    refused = frostline(*command.split())
    assert refused.code != 0
    assert re.search(new, " ".join(refused.err.split())), refused.err
    assert not re.search(old, refused.err)


def test_no_network_is_said_as_such() -> None:
    """Row 16: what the system calls it is nobody's word."""
    said = str(unreachable("owner/name", "[Errno -2] Name or service not known"))
    assert "there is no internet connection (huggingface.co not found)" in said
    assert "gave no answer" not in said


HELPS = {
    29: ("train", r"from where on it reaches", r"Choose the cut-off for one label that gives at least this precision"),
    30: ("train", r"Of the hold-out and the folds", r"Random seed for the splits"),
    31: ("train", r"own limit if not said", r"or the encoder's limit"),
    32: ("train", r"need no such word", r"not needed where the labels are lists"),
    33: ("train", r"to put up with", r"How many bad rows to skip before stopping"),
}


@pytest.mark.parametrize("row", HELPS)
def test_a_help_is_said_otherwise(frostline: Command, row: int) -> None:
    verb, old, new = HELPS[row]
    helps = {name: " ".join(frostline(name, "--help").out.split()) for name in VERBS}
    assert re.search(new, helps[verb])
    assert [name for name, said in helps.items() if re.search(old, said)] == []


def test_progress_counts_in_words() -> None:
    """Row 37: no clock's figures."""
    assert [duration(seconds) for seconds in (2, 8, 150)] == ["2 s", "8 s", "3 min"]
    assert not re.search(r"\d:\d\d", Times.render.__doc__ or "")


def test_every_row_of_the_list_is_looked_at() -> None:
    """41 rows; 17, what a changed file says, by its own test (tests/data)."""
    assert {*ROWS, *HELPS, *map(int, ERRORS), 16, 37} == {*range(1, 42)} - {17}
