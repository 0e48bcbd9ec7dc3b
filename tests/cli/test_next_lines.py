"""Every line that is advised can be pasted: a shell reads the same words, the verb takes them, and it works."""

import html
import importlib
import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import pytest

from conftest import Command, Outcome
from frostline.advice import Step
from frostline.cli.again import command_line, line_of
from frostline.cli.evaluate import _columns, _encoder
from frostline.errors import word_of_shell
from small_records import full_record

ODD = [
    "my file.csv",
    'it\'s "mine" $HOME `x`.csv',
    "-leading.csv",
    "ümläut 文件 🙂.csv",
    "a\tb\nc.csv",
    "~tilde*.csv",
    "#a;b&c|d.csv",
]
STEPS = [
    Step(options=("--tidy-labels",)),
    Step(options=("--features", "auto")),
    Step(options=("--nested",)),
    Step(options=("--learning-curve",)),
    Step(options=("--labels-separator", "|")),
    Step(options=("--class-weight", "balanced", "--scoring", "f1_macro")),
    Step(options=("--keep-near-copies-together",)),
    Step(options=("--encoder", "multilingual")),
    Step(verb="review", options=("--out", "fixes.tsv")),
    Step(verb="sweep"),
    Step(verb="compare"),
    Step(verb="finetune", options=("--out", "tuned")),
]
READING = ["--text", "the text", "--label", "7", "--group", "who is it", "--delimiter", ";", "--max-bad-rows", "3"]
ENCODER = ["--encoder", "owner/name", "--revision", "main", "--prefix", "- query: ", "--max-length", "32", "--no-store"]


def parsed(words: Sequence[str]) -> click.Context:
    """What the verb makes of the words; it raises where it does not take them."""
    assert words[0] == "frostline"
    command: click.Command = importlib.import_module(f"frostline.cli.{words[1]}").command
    return command.make_context(words[1], list(words[2:]))


def line(words: Sequence[str], step: Step) -> str:
    """The line of the step in the command `words`."""
    with parsed(words):
        return line_of(step)


def words_in_bash(line: str) -> list[str]:
    """The words of a line as bash reads it."""
    script = f"for word in {line}; do printf '%s\\0' \"$word\"; done"
    ended = subprocess.run(["bash", "-c", script], capture_output=True, check=True)  # noqa: S607
    return [os.fsdecode(word) for word in ended.stdout.split(b"\0")[:-1]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ODD)
def test_a_shell_reads_the_words_that_were_given(place: Path, name: str) -> None:
    """Whatever the file is called; the same file is then read, and never taken for an option."""
    (place / name).touch()
    said = line(["frostline", "train", "--out", f"model of {name}", "--", name], Step(options=("--tidy-labels",)))
    assert said.isprintable()
    words = words_in_bash(said)
    file = f"./{name}" if name.startswith("-") else name
    assert words == ["frostline", "train", file, "--out", f"model of {name}", "--tidy-labels", "--overwrite"]
    context = parsed(words)
    assert (context.params["file"], context.params["tidy_labels"]) == (Path(name), True)


def test_a_name_that_is_no_utf8_is_said_byte_by_byte() -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    assert word_of_shell(name) == r"$'caf\xe9.csv'"
    assert words_in_bash(word_of_shell(name)) == [name]
    assert word_of_shell("\ud800") == r"$'\xed\xa0\x80'"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: " ".join([step.verb or "again", *step.options]))
@pytest.mark.parametrize(
    "given",
    [
        [],
        ["--test", "a test.csv", *READING, *ENCODER],
        ["--holdout", "0.3", "--seed", "-4", "-C", "0.1", "-C", "1", *READING],
        ["--preset", "tutorial", "--rejects", "r.jsonl"],
        ["--labels", "a,b", "--scoring", "f1_micro", "--class-weight", "balanced", "--backend", "onnx"],
        ["--nested", "--limit", "200", "--no-header", "--tidy-labels", "--features", "cls@-1", "--out", "m"],
    ],
    ids=lambda given: " ".join(given[:2]),
)
def test_a_line_is_one_that_its_verb_takes(place: Path, given: list[str], step: Step) -> None:
    """With what was said of the file, the encoder and the way to test; what contradicts the advice is left out."""
    (place / "a.csv").touch()
    before = parsed(["frostline", "train", "a.csv", *given])
    words = shlex.split(line(["frostline", "train", "a.csv", *given], step))
    after = parsed(words)
    assert words[1] == (step.verb or "train")
    assert {*step.options} <= {*words}
    kept = [
        "file",
        "text_column",
        "label_column",
        "delimiter",
        "max_bad_rows",
        "limit",
        "header",
        "tidy_labels",
        "store",
    ]
    kept += [] if "--encoder" in step.options else ["prefix", "revision", "encoder"]
    kept = [name for name in kept if name in after.params and f"--{name.replace('_', '-')}" not in step.options]
    assert {name: after.params[name] for name in kept} == {name: before.params[name] for name in kept}
    ways = {"--test", "--holdout", "--nested"} & {*words}
    if words[1] == "train":
        assert len(ways) <= 1 or given[:1] == ["--test"]
        assert not {"--preset"} & {*words} or not {"--features", "--nested", "--labels-separator"} & {*words}


def test_what_a_verb_cannot_do_has_no_line(place: Path) -> None:
    """An option it has not; a public set, which `train` alone knows; and lines that came by a pipe say so."""
    (place / "a.csv").touch()
    assert line(["frostline", "review", "a.csv"], Step(options=("--nested",))) == ""
    assert line(["frostline", "train", "sst2"], Step(verb="review")) == ""
    assert line(["frostline", "train", "sst2"], Step(options=("--nested",))) == "frostline train sst2 --nested"
    assert line(["frostline", "train", "-"], Step(verb="sweep")) == "… | frostline sweep -"


def test_nothing_that_is_there_is_written_over(place: Path) -> None:
    """Another verb writes where nothing is; the same command writes anew what it wrote."""
    (place / "a.csv").touch()
    review = Step(verb="review", options=("--out", "fixes.tsv"))
    assert line(["frostline", "train", "a.csv"], review) == "frostline review a.csv --out fixes.tsv"
    (place / "fixes.tsv").touch()
    assert line(["frostline", "train", "a.csv"], review) == "frostline review a.csv --out fixes-2.tsv"
    (place / "fixes-2.tsv").symlink_to("nowhere")
    assert line(["frostline", "train", "a.csv"], review) == "frostline review a.csv --out fixes-3.tsv"
    (place / "model").mkdir()
    train = Step(verb="train", options=("--out", "model"))
    assert line(["frostline", "sweep", "a.csv"], train) == "frostline train a.csv --out model-2"
    again = Step(options=("--tidy-labels",))
    for given in (["--out", "model"], ["--rejects", "r.jsonl"], ["--out", "model", "--overwrite"]):
        said = line(["frostline", "train", "a.csv", *given], again)
        assert shlex.split(said).count("--overwrite") == 1
    assert "--overwrite" in line(["frostline", "sweep", "a.csv", "--plot", "a.svg"], again)
    assert "--overwrite" not in line(["frostline", "train", "a.csv"], again)
    assert line(["frostline", "train", "a.csv", "--json"], again) == "frostline train a.csv --tidy-labels"


def test_a_line_on_a_page_is_for_the_folder_of_the_file(place: Path) -> None:
    """A page is handed on: whose folders they were is nobody else's business."""
    (place / "secret").mkdir()
    (place / "secret" / "-a.csv").touch()
    with parsed(["frostline", "train", str(place / "secret" / "-a.csv"), "--out", "secret/m"]):
        assert "secret" in line_of(Step(options=("--nested",)))
        said = line_of(Step(options=("--nested",)), is_handed_on=True)
        assert said == "frostline train ./-a.csv --out m --nested --overwrite"
        assert command_line() == "frostline train ./-a.csv --out m"


THINGS = ("plan", "lamp", "tablet", "app", "order", "pass", "router", "desk", "jacket", "ticket")
SAYINGS = {
    "billing": ("I was charged twice for {}", "my invoice for {} is wrong"),
    "technical": ("{} crashes when I open it", "I get an error with {}"),
}


def written(path: Path, *, sep: str = ",", header: str = "message,category", of: str = "the {}") -> Path:
    """A file of 40 tickets; with a `|` in the header's last name each has two labels."""
    rows = [
        (saying.format(of.format(thing)), f"{label}|{('calm', 'urgent')[place % 2]}" if "|" in header else label)
        for label, sayings in SAYINGS.items()
        for saying in sayings
        for place, thing in enumerate(THINGS)
    ]
    path.write_text("\n".join([header.replace(",", sep), *(sep.join(row) for row in rows)]) + "\n", "utf-8")
    return path


def add_column(path: Path, name: str, *, n: int) -> None:
    """A last column with `n` values."""
    rows = path.read_text("utf-8").splitlines()
    path.write_text("".join(f"{row},{number % n if number else name}\n" for number, row in enumerate(rows)), "utf-8")


def next_of(outcome: Outcome) -> list[str]:
    """The words of the line below `Next:`, as the report of a successful command prints it; none where none is."""
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    start = next(place for place, text in enumerate(lines) if text.startswith("  Next: "))
    line = next((text for text in lines[start:] if text.startswith("    frostline ")), "")
    return words_in_bash(line.strip())


QUICK = ("-C", "0.1", "--folds", "2")


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(("my 'file' ü.csv", "--out", "m 1"), marks=pytest.mark.slow),
        pytest.param(("-a.csv", "--text", "message", "--label", "category", "--group", "row"), marks=pytest.mark.slow),
        ("a;b.csv", "--delimiter", ";", "--test", "-test.csv", "--rejects", "bad rows.jsonl"),
        ("one two.csv", "--labels-separator", "|", "--out", "-m", "--prefix", "-x "),
    ],
    ids=lambda way: way[0],
)
def test_what_a_training_advises_works_as_it_stands(frostline: Command, place: Path, way: tuple[str, ...]) -> None:
    """And what that advises, and so on: nothing is refused, and each writes where it may."""
    name, *others = way
    how = {
        "sep": ";" if "--delimiter" in others else ",",
        "header": "message,cate|gory" if "|" in others else "message,category",
    }
    written(place / name, **how)
    written(place / "-test.csv", of="this old {}", **how)
    if "--group" in others:
        rows = (place / name).read_text("utf-8").splitlines()
        (place / name).write_text(
            "".join(f"{row},{number % 13 or 'row'}\n" for number, row in enumerate(rows)), "utf-8"
        )
    words = ["train", *others, *QUICK, "--features", "cls@-1", "--", name]
    n_lines = 0
    while words and n_lines < 3:
        words = next_of(frostline(*words))[1:]
        n_lines += bool(words)
    assert n_lines


@pytest.mark.slow
def test_what_sweep_compare_and_review_advise_works(frostline: Command, place: Path) -> None:
    """From each the best is trained into a folder of its own, then asked, and measured; each says what is next."""
    file = written(place / "the tickets.csv").name
    swept = next_of(frostline("sweep", file, "--no-joins", "--holdout", "0.3", "--seed", "2", *QUICK))
    assert swept[:3] + swept[-2:] == ["frostline", "train", file, "--out", "model"]
    assert {"--holdout", "--seed"} <= {*swept}
    assert frostline(*swept[1:], "-C", "0.1").code == 0
    compared = next_of(frostline("compare", file, "--features", "cls@-1,words", *QUICK))
    assert compared[-1] == "model-2"
    assert frostline(*compared[1:]).code == 0
    review = ("review", file, "--folds", "2", "--foldings", "1", "--seed", "1", "--out", "-fixes.tsv")
    reviewed = frostline(*review)
    for _ in range(2):  # taking the advice, if there is any, then training
        words = next_of(reviewed)
        reviewed = frostline(*words[1:])
        if words[1] == "train":
            break
    assert (words[1], words[-1], reviewed.code) == ("train", "model-3", 0)


def test_what_an_evaluation_advises_works(frostline: Command, place: Path) -> None:
    """The page; where there is one the review, or a training on the file, with the columns that the model knows."""
    file, test = (
        written(place / name, header="x1,x2,", of=of).name for name, of in (("a b.csv", "the {}"), ("-c.csv", "{}"))
    )
    for name in (file, test):  # a third column, in which another verb would look for labels too
        rows = (place / name).read_text("utf-8").splitlines()
        if name == test:  # where every answer is right nothing is advised
            rows[1:5] = [row.replace("billing", "technical") for row in rows[1:5]]
        (place / name).write_text(
            "".join(f"{row}{',' if number else ''}{number % 2}\n" for number, row in enumerate(rows)), "utf-8"
        )
    trained = frostline("train", file, "--text", "x1", "--label", "x2", "--features", "cls@-1", "--out", "-m", *QUICK)
    assert trained.code == 0, trained.err
    assert 'frostline predict ./-m "some words"' in trained.err
    first = next_of(frostline("evaluate", "--", "-m", test))
    assert first == ["frostline", "evaluate", "./-m", "./-c.csv", "--report", "report.html"]
    second = next_of(frostline(*first[1:]))
    assert second == ["frostline", "review", "./-c.csv", "--out", "fixes.tsv", "--text", "x1", "--label", "x2"]
    page = html.unescape(re.sub("</?span.*?>", "", (place / "report.html").read_text("utf-8")))
    assert "<code>frostline review ./-c.csv --out fixes.tsv --text x1 --label x2</code></div>" in page
    third = next_of(frostline(*second[1:]))
    assert third[:3] + third[-2:] == ["frostline", "train", "./-c.csv", "--out", "model"]
    assert frostline(*third[1:], *QUICK).code == 0


def test_compare_with_nothing_to_compare_says_a_line_that_works(frostline: Command, place: Path) -> None:
    file = written(place / "it's.csv").name
    refused = frostline("compare", file, *QUICK)
    assert refused.code == 2
    said = refused.err.splitlines()
    assert said[0] == "error: Two or more must be compared (got 1)."
    line = said[1].partition("features: ")[2]
    assert words_in_bash(line)[1:] == ["compare", file, *QUICK, "--features", "mean@all,cls@-1,words"]
    assert frostline(*words_in_bash(line)[1:]).code == 0
    assert frostline("compare", file, "--features", "words").err.splitlines()[1].endswith("words,mean@all,cls@-1")


def test_what_a_model_knows_goes_with_the_line(place: Path) -> None:
    """Its columns and its encoder, where nobody said others, and others can have the encoder by its name."""
    (place / "a.csv").touch()
    data = replace(full_record().data, text_column="a b", label_column="toxic,insult", group_column="who")
    encoder = full_record().encoder
    with parsed(["frostline", "evaluate", "m", "a.csv"]):
        assert _columns(data) == ("--text", "a b", "--labels", "toxic,insult", "--group", "who")
        assert _columns(replace(data, label_column="x", group_column="")) == ("--text", "a b", "--label", "x")
        bare = replace(data, text_column="column 2,column 3", label_column="column 1", group_column="")
        assert _columns(bare) == ("--text", "2,3", "--label", "1")
        for name, revision, words in (
            ("minilm", None, ()),
            ("distilbert", "1204", ("--encoder", "distilbert")),
            ("owner/name", "abc", ("--encoder", "owner/name", "--revision", "abc")),
            ("a folder of somebody", None, ()),
        ):
            assert _encoder(replace(encoder, name=name, revision=revision)) == words
    with parsed(["frostline", "evaluate", "m", "a.csv", "--text", "t", "--labels-separator", ";", "--encoder", "e"]):
        assert _columns(data) == ("--group", "who")
        assert _encoder(replace(encoder, name="distilbert")) == ()
