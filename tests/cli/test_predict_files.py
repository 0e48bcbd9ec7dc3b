"""`frostline predict MODEL FILE --out OUT`: columns kept, answers behind them, stopped and gone on with, verified."""

import csv
import gzip
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from conftest import Command
from frostline.artifact.model import open_model
from frostline.cli.labelling import say_scored
from frostline.score.job import folder_of, manifest_of

SAVED = Path(__file__).parent.parent / "artifact" / "saved_by_0_1_0"
ONE, SETS = SAVED / "one-label", SAVED / "several-labels"
UNKNOWN = "; whether the model learned from some of these is not known."  # saved without digests
TEXTS = ("the soup was very tasty", "goal ! goal !", "the bread and the cheese was tasty", "the coach , the team")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Ids, texts, labels of which one is wrong, one is unknown, one is missing."""
    path = tmp_path / "in.csv"
    labels = ("food", "food", "weather", "")
    rows = "".join(
        f'00{n},"{text}",{label},2026-11-2{n}\n' for n, (text, label) in enumerate(zip(TEXTS, labels, strict=True))
    )
    path.write_text(f"id,text,label,on\n{rows}")
    return path


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Rows enough for three windows."""
    lot, path = random.Random(0), tmp_path / "many.tsv"
    words = " ".join(TEXTS).split()
    rows = "".join(f"{n}\t{' '.join(lot.choices(words, k=5))}\n" for n in range(2 * 4096 + 50))
    path.write_text(f"id\ttext\n{rows}")
    return path


def test_every_column_is_kept_and_the_answer_stands_behind(frostline: Command, source: Path, tmp_path: Path) -> None:
    """What was counted is told: labels, and those of the file's own that agree."""
    told = frostline("predict", ONE, source, "--out", tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "id,text,label,on,predicted_label,probability,p(food),p(money),p(sport),p(travel)"
    answers = [str(label) for label in open_model(ONE).predict(TEXTS)]
    assert lines[1].startswith("000,the soup was very tasty,food,2026-11-20,food,0.")
    first, second = told.err.splitlines()
    most = sorted(dict.fromkeys(answers), key=answers.count, reverse=True)
    counts = ", ".join(f"{label} {answers.count(label)}" for label in most)
    assert re.fullmatch(rf"4 texts labelled in \d+\.\d s → \S+out\.csv: {counts}", first)
    assert second == f"1 of 3 agree with the file's own labels (33.3 %){UNKNOWN}"
    assert frostline("predict", ONE, source, "--out", tmp_path / "out.csv").err == (
        f"{tmp_path / 'out.csv'} is complete: made of the same file, by the same model.\n"
    )


@pytest.mark.parametrize(
    ("counts", "remembers", "said"),
    [
        ({"labelled": 3, "agree": 1, "unknown": 1}, True, "1 of 4 agree with the file's own labels (25.0 %)."),
        ({"labelled": 3, "agree": 3}, False, f"3 of 3 agree with the file's own labels (100.0 %){UNKNOWN}"),
        (
            {"labelled": 3, "agree": 2, "met": 1},
            True,
            (
                "2 of 3 new texts agree with the file's own labels (66.7 %); "
                "1 text with labels not counted, as the model learned from them."
            ),
        ),
        ({"met": 1_000}, True, "The model learned from 1,000 texts with labels: whether these agree is not counted."),
        ({"unknown": 3}, True, ""),
    ],
)
def test_texts_learned_from_are_no_agreement(
    capsys: pytest.CaptureFixture[str], counts: dict[str, int], said: str, *, remembers: bool
) -> None:
    """They are counted apart; and it is said where nobody knows which they are."""
    job: Any = SimpleNamespace(out=Path("o.csv"))
    say_scored(Counter({"all": 9, **counts}), job, seconds=1.0, remembers=remembers)
    assert capsys.readouterr().err.splitlines() == ["9 texts labelled in 1.0 s → o.csv", *said.splitlines()]


@pytest.mark.parametrize("way", ["a pipe", "standard input"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_pipe_is_scored_like_a_file(
    frostline: Command, source: Path, tmp_path: Path, home: Path, *, way: str, suffix: str
) -> None:
    """Its columns came to nothing, without a word; what it was laid aside in is gone, and so is a dead process's."""
    asked = ["--format", "csv", "--text", "text", "--top", "1"]
    expected = tmp_path / f"expected.{suffix}"
    told = frostline("predict", ONE, source, "--out", expected, *asked)
    out, given, stdin = tmp_path / f"out.{suffix}", "-", source.read_bytes()
    (home / "incoming" / f"{2**22 + 1}-laid-aside-x").mkdir(parents=True)
    if way == "a pipe":
        pipe, stdin = tmp_path / "given", b""
        given = str(pipe)
        os.mkfifo(pipe)
        threading.Thread(target=pipe.write_bytes, args=(source.read_bytes(),), daemon=True).start()
    heard = frostline("predict", ONE, given, "--out", out, *asked, stdin=stdin)
    assert heard.code == 0, heard.err
    assert out.read_bytes() == expected.read_bytes()
    seconds = r"in \d+\.\d s"
    assert re.sub(seconds, "", heard.err) == re.sub(seconds, "", told.err).replace("expected", "out")
    assert list((home / "incoming").iterdir()) == []
    assert frostline("verify", out).code == 0


def test_a_fault_in_a_pipe_is_told_of_the_pipe(frostline: Command, tmp_path: Path) -> None:
    """Not of where it was laid aside. What is no table is read as lines, which have no columns."""
    stdin, out = b"text,id\na film,1\n,2\n", tmp_path / "o.csv"
    told = frostline("predict", ONE, "-", "--format", "csv", "--out", out, stdin=stdin)
    assert told.code == 65
    assert told.err.startswith("error: standard input: 1 of 2 rows"), told.err
    lines = frostline("predict", ONE, "-", "--only-answers", "--out", out, stdin=stdin)
    assert (lines.code, "are for a file that is scored into another one" in lines.err) == (2, True)


def test_a_link_is_replaced_and_what_it_leads_to_stays(frostline: Command, source: Path, tmp_path: Path) -> None:
    """Its name is what is asked for; its manifest stands beside it."""
    (tmp_path / "far").mkdir()
    far, link = tmp_path / "far" / "kept.csv", tmp_path / "link.csv"
    far.write_text("mine")
    link.symlink_to(far)
    assert "exists already" in frostline("predict", ONE, source, "--out", link).err
    assert frostline("predict", ONE, source, "--out", link, "--overwrite").code == 0
    assert (link.is_symlink(), far.read_text()) == (False, "mine")
    assert frostline("verify", link).code == 0


@pytest.mark.parametrize("suffix", ["tsv", "csv.gz", "jsonl", "jsonl.gz", "parquet"])
def test_any_format_gives_the_same_answers(frostline: Command, source: Path, tmp_path: Path, suffix: str) -> None:
    """And each may be scored again, whatever it is."""
    out = tmp_path / f"out.{suffix}"
    assert frostline("predict", SETS, source, "--out", out, "--top", "2").code == 0
    again = tmp_path / "again.jsonl"
    assert frostline("predict", SETS, out, "--text", "text", "--only-answers", "--out", again).code == 0
    first = tmp_path / "first.jsonl"
    assert frostline("predict", SETS, source, "--only-answers", "--out", first).code == 0
    assert again.read_bytes() == first.read_bytes()
    documents = [json.loads(line) for line in first.read_text().splitlines()]
    expected = [open_model(SETS).answer([text]).probabilities[0].tolist() for text in TEXTS]
    assert [[*one["probabilities"].values()] for one in documents] == expected
    assert frostline("verify", out).out == f"{out} is whole: 4 rows in {verified(out)}, all as written.\n"


def verified(out: Path) -> str:
    n = len(json.loads(manifest_of(out).read_text())["sections"])
    return "1 section" if n == 1 else f"{n} sections"


def test_sets_agree_as_sets(frostline: Command, tmp_path: Path) -> None:
    """In any order; a set is right or wrong as a whole; lists, written lists and cells with separators."""
    answers = [sorted(labels) for labels in open_model(SETS).predict(TEXTS)]
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [{"text": text, "labels": labels[::-1]} for text, labels in zip(TEXTS, answers, strict=True)]
    rows[0]["labels"] = ["food", "sport", "travel"] if answers[0] != ["food", "sport", "travel"] else []
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert (
        f"\n3 of 4 agree with the file's own labels (75.0 %){UNKNOWN}\n"
        in frostline("predict", SETS, path, "--out", out).err
    )
    for separator, cell in ((";", ";".join), (None, repr)):
        path = tmp_path / "in.tsv"
        path.write_text("text\tlabels\n" + "".join(f"{row['text']}\t{cell(row['labels'])}\n" for row in rows))
        asked = [] if separator is None else ["--labels-separator", separator]
        told = frostline("predict", SETS, path, "--out", tmp_path / "out.tsv", "--overwrite", *asked)
        assert f"\n3 of 4 agree with the file's own labels (75.0 %){UNKNOWN}\n" in told.err, told.err


@pytest.mark.parametrize("folder", [ONE, SETS], ids=["one", "several"])
def test_a_text_has_the_same_bits_in_a_file_as_alone(
    frostline: Command, many: Path, tmp_path: Path, folder: Path
) -> None:
    """Wherever it stands there. In a product of all rows most would have other last bits."""
    few, out = tmp_path / "few.tsv", tmp_path / "out.jsonl"
    few.write_text("".join(many.read_text().splitlines(keepends=True)[:301]))
    assert frostline("predict", folder, few, "--out", out).code == 0
    model = open_model(folder)
    documents = [json.loads(line) for line in out.read_text().splitlines()]
    for document in documents:
        assert [*document["probabilities"].values()] == model.predict_proba([document["text"]])[0].tolist()
    together = model.predict_proba([document["text"] for document in documents]).tolist()
    assert together == [[*document["probabilities"].values()] for document in documents]
    shown = frostline("predict", folder, few, "--json").out.splitlines()
    assert [
        {**json.loads(line), "id": document["id"]} for line, document in zip(shown, documents, strict=True)
    ] == documents


def test_processes_write_the_same_bytes(frostline: Command, many: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    assert frostline("predict", ONE, many, "--out", one).code == 0
    assert frostline("predict", ONE, many, "--out", two, "--workers", "2").code == 0
    assert one.read_bytes() == two.read_bytes()
    assert pq.ParquetFile(one).num_row_groups == 3
    assert json.loads(manifest_of(one).read_text())["plan"] == json.loads(manifest_of(two).read_text())["plan"]


HALTING = """
import time
from frostline.__main__ import main
from frostline.score import run
published = run.published
run.published = lambda *window: (published(*window), time.sleep(600))[0]
main()
"""
"""The command, which stands still once the first window is there: else it may be done before it is stopped."""


def started(*arguments: object) -> "subprocess.Popen[str]":
    asked = [sys.executable, "-c", HALTING, *map(str, arguments)]
    return subprocess.Popen(asked, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait_for_windows(out: Path, n: int, process: "subprocess.Popen[str]") -> None:
    """Until so many are finished."""
    while len(list(folder_of(out).glob("0*.json"))) < n:
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, *(pytest.param(one, marks=pytest.mark.slow) for one in (signal.SIGINT, signal.SIGTERM))],
)
def test_a_stopped_job_goes_on_and_its_bytes_are_the_same(
    frostline: Command, many: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Whatever stops it; ctrl-C says how to go on."""
    expected, out = tmp_path / "expected.jsonl", tmp_path / "out.jsonl"
    assert frostline("predict", ONE, many, "--out", expected).code == 0
    process = started("predict", ONE, many, "--out", out)
    wait_for_windows(out, 1, process)
    process.send_signal(number)
    _, words = process.communicate(timeout=120)
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert words == "\nstopped; what was finished is kept: the same command continues.\n"
    assert not out.exists()
    told = frostline("predict", ONE, many, "--out", out)
    begun = re.match(r"([\d,]+) of 8,242 rows are finished already: going on\.\n", told.err)
    assert begun is not None
    assert begun[1] == "4,096"
    assert out.read_bytes() == expected.read_bytes()
    assert not folder_of(out).exists()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".tmp-")] == []


@pytest.mark.slow
def test_processes_go_with_the_one_that_started_them(frostline: Command, many: Path, tmp_path: Path) -> None:
    """Killed, it leaves none behind; the job goes on."""
    out = tmp_path / "out.csv"
    process = started("predict", ONE, many, "--out", out, "--workers", "2")
    wait_for_windows(out, 1, process)
    helpers = [pid for path in Path(f"/proc/{process.pid}/task").glob("*/children") for pid in path.read_text().split()]
    process.kill()
    process.communicate()
    assert len(helpers) >= 2
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{helper}").exists() for helper in helpers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [helper for helper in helpers if Path(f"/proc/{helper}").exists()] == []
    assert frostline("predict", ONE, many, "--out", out).code == 0
    assert frostline("verify", out, "--json").document["rows"] == 8_242


@pytest.mark.slow
def test_another_model_in_its_place_is_noticed(frostline: Command, many: Path, tmp_path: Path) -> None:
    """Nothing of the two is mixed."""
    out = tmp_path / "out.csv"
    process = started("predict", ONE, many, "--out", out)
    wait_for_windows(out, 1, process)
    process.kill()
    process.communicate()
    before = sorted(path.name for path in folder_of(out).iterdir())
    told = frostline("predict", SETS, many, "--out", out)
    digests = [hashlib.sha256((model / "manifest.json").read_bytes()).hexdigest()[:16] for model in (ONE, SETS)]
    assert (told.code, f"sha256 {digests[0]} then, {digests[1]} now" in told.err) == (65, True)
    assert sorted(path.name for path in folder_of(out).iterdir()) == before
    assert frostline("predict", SETS, many, "--out", out, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only-answers"], "are for a file that is scored into another one"),
        (["--spreadsheet-safe"], "are for a file that is scored into another one"),
        (["--workers", "2"], "are for a file that is scored into another one"),
        (["--out", "OUT.parquet", "--spreadsheet-safe"], "--spreadsheet-safe means nothing here"),
        (["--out", "OUT.parquet.gz"], "the name must end in .tsv, .csv, .jsonl, .parquet"),
        (["--out", "IN"], "is an input: writing there would lose it"),
        (["--out", "OUT.csv", "--label", "nowhere"], "there is no label column 'nowhere'"),
        (["--out", "OUT.csv", "--text", "nowhere"], "there is no text column 'nowhere'"),
        (["--out", "nowhere/OUT.csv"], "must exist"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    frostline: Command, source: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    before = sorted(tmp_path.iterdir())
    asked = [str(tmp_path / one) if "OUT" in one else str(source) if one == "IN" else one for one in arguments]
    told = frostline("predict", ONE, source, *asked)
    assert told.code != 0
    assert said in told.err
    assert sorted(tmp_path.iterdir()) == before


def test_several_files_are_not_taken_for_sentences(
    frostline: Command, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a shell gives them for `*.csv`; one among sentences neither. A device is read, too."""
    monkeypatch.chdir(source.parent)
    Path("b c.csv").write_bytes(source.read_bytes())
    for texts, said, first in (
        (["in.csv", "b c.csv"], "2 of the 2 texts are files ('in.csv', 'b c.csv')", "in.csv"),
        (["in.csv", "in.csv"], "2 of the 2 texts are files ('in.csv', 'in.csv')", "in.csv"),
        (["a joy", "b c.csv", "-"], "1 of the 3 texts is a file ('b c.csv')", "'b c.csv'"),
    ):
        for asked in ([], ["--out", "out.csv"]):
            told = frostline("predict", ONE, *texts, *asked)
            hint = f"Once for each: frostline predict {ONE} {first} --out OUT. If it is the text itself: echo {first}"
            words = f"error: {said}: one file is read at a time.\n       {hint} | frostline predict {ONE}\n"
            assert (told.code, told.out, told.err) == (2, "", words)
    assert not Path("out.csv").exists()
    for asked in ([], ["--out", "out.csv"]):
        told = frostline("predict", ONE, "/dev/null", *asked)
        assert (told.code, told.out) == (0, ""), told.err
    assert len(Path("out.csv").read_text().splitlines()) == 1


def test_a_row_that_cannot_be_used_is_told_before_any_work(frostline: Command, many: Path, tmp_path: Path) -> None:
    """At the end of a long file; with --max-bad-rows it is left out, once, and listed."""
    with many.open("a") as opened:
        opened.write("one cell alone\n")
    out, listed = tmp_path / "out.csv", tmp_path / "bad.jsonl"
    told = frostline("predict", ONE, many, "--out", out)
    assert (told.code, "8244" in told.err, folder_of(out).exists()) == (65, True, False)
    told = frostline("predict", ONE, many, "--out", out, "--max-bad-rows", "1", "--rejects", listed)
    assert told.code == 0
    assert told.err.count("left out") == 2  # the row, and how many there were
    assert len(listed.read_text().splitlines()) == 1
    assert frostline("verify", out, "--json").document["rows"] == 8_242


def test_a_damaged_gzip_is_one_error(frostline: Command, source: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "in.csv.gz", tmp_path / "out.csv"
    content = bytearray(gzip.compress(source.read_bytes() * 3, mtime=0))
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    told = frostline("predict", ONE, path, "--out", out)
    assert (told.code, "gzip data are damaged" in told.err, out.exists()) == (65, True, False)
    assert told.err.count("\n") == 2


def test_odd_cells_are_kept(frostline: Command, tmp_path: Path) -> None:
    """A cell of five megabytes, NUL, breaks, quotes; columns without a name, and without a header."""
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    rows = [["the soup", "x" * 5_000_000, "a\0b"], ["goal !", "a\nb", ' "q" ']]
    with path.open("w", newline="") as opened:
        csv.writer(opened).writerows([["text", "", ""], *rows])
    assert frostline("predict", ONE, path, "--out", out).code == 0
    before = csv.field_size_limit(10_000_000)
    try:
        with out.open(newline="") as opened:
            found = list(csv.reader(opened))
    finally:
        csv.field_size_limit(before)
    assert found[0][:4] == ["text", "", "", "label"]
    assert [row[:3] for row in found[1:]] == rows
    path.write_text("the soup,7\ngoal !,8\n")
    assert frostline("predict", ONE, path, "--out", out, "--overwrite", "--no-header", "--text", "1").code == 0
    assert out.read_text().splitlines()[0].startswith("column 1,column 2,label")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_told_at_once(frostline: Command, source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    assert frostline("predict", ONE, source, "--out", folder / "out.csv").code == 77


def test_types_that_only_arrow_has_are_refused_for_parquet_alone(frostline: Command, tmp_path: Path) -> None:
    """Before anything is labelled; lists, maps and bytes within them are carried."""
    source = tmp_path / "in.arrow"
    table = pa.table(
        {
            "text": TEXTS[:2],
            "of": pa.array([{"raw": b"\xff", "n": [("a", 1)]}, None],
                           pa.struct([("raw", pa.binary()), ("n", pa.map_(pa.string(), pa.int64()))])),
            "span": pa.array([pa.MonthDayNano([1, 2, 3]), None]),
        }
    )  # fmt: skip
    feather.write_feather(table, source, compression="uncompressed")
    told = frostline("predict", ONE, source, "--out", tmp_path / "out.parquet")
    assert told.code == 65
    wanted = "Parquet has no type for the column 'span' (month_day_nano_interval).\n"
    assert told.err.split("out.parquet: ")[1].startswith(wanted), told.err
    assert not list(tmp_path.glob("out*"))
    assert frostline("predict", ONE, source, "--out", tmp_path / "out.jsonl").code == 0
    document = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert document["of"] == {"raw": "/w==", "n": [["a", 1]]}
    feather.write_feather(table.drop_columns("span"), source, compression="uncompressed")
    assert frostline("predict", ONE, source, "--out", tmp_path / "out.parquet").code == 0
    assert pq.read_table(tmp_path / "out.parquet")["of"].to_pylist() == table["of"].to_pylist()


PARTED = " a tab or a line break: a space in TSV, which cannot hold them. .csv, .jsonl and .parquet can.\n"


@pytest.mark.parametrize("suffix", ["tsv", "tsv.gz", "csv", "jsonl", "parquet"])
def test_a_break_that_tsv_cannot_hold_is_told(frostline: Command, tmp_path: Path, suffix: str) -> None:
    """Cells are counted, in every window; the other formats give back what they were given."""
    path, out, back = tmp_path / "in.csv", tmp_path / f"out.{suffix}", tmp_path / "back.jsonl"
    path.write_text('note,text\n"a\nb","the\tsoup"\n"c\rd",goal !\nplain,"1\t2\n3"\n', newline="")
    told = frostline("predict", ONE, path, "--text", "text", "--out", out)
    assert (f"\n4 cells have{PARTED}" in told.err) == ("tsv" in suffix), told.err
    assert ("line break" in told.err) == ("tsv" in suffix)
    assert frostline("predict", ONE, out, "--text", "text", "--out", back).code == 0
    held = [(row["note"], row["text"]) for row in map(json.loads, back.read_text().splitlines())]
    if "tsv" in suffix:
        assert held == [("a b", "the soup"), ("c d", "goal !"), ("plain", "1 2 3")]
    else:
        assert held == [("a\nb", "the\tsoup"), ("c\rd", "goal !"), ("plain", "1\t2\n3")]
    told = frostline("predict", ONE, path, "--text", "text", "--out", out, "--only-answers", "--overwrite")
    assert "line break" not in told.err
    told = frostline("predict", ONE, "the\nsoup", "goal !", "--out", tmp_path / f"new.{suffix}")
    assert told.err.startswith(f"1 cell has{PARTED}") == ("line break" in told.err) == ("tsv" in suffix), told.err


def test_a_number_that_json_cannot_hold_is_told(frostline: Command, tmp_path: Path) -> None:
    """Infinite, or none, also within lists; the other formats have a word for it."""
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "the soup", "n": 1e400, "of": [{"m": -1e400}]}\n{"text": "goal !", "n": 1e300}\n')
    for suffix, told in (("jsonl.gz", True), ("csv", False), ("parquet", False)):
        err = frostline("predict", ONE, path, "--out", tmp_path / f"out.{suffix}").err
        words = "2 cells are infinite or no number: null in JSON, which cannot hold them. .csv, .tsv and .parquet can."
        assert (f"\n{words}\n" in err) == ("null in JSON" in err) == told
    first, second = map(json.loads, gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()).splitlines())
    assert (first["n"], first["of"], second["n"]) == (None, [{"m": None}], 1e300)
    assert [line.split(",")[1] for line in (tmp_path / "out.csv").read_text().splitlines()] == ["n", "inf", "1e+300"]
    assert pq.read_table(tmp_path / "out.parquet")["n"].to_pylist() == [float("inf"), 1e300]


def test_dictionaries_stay_dictionaries_in_parquet(frostline: Command, tmp_path: Path) -> None:
    """Of strings and bytes, over batches whose dictionaries differ; those of numbers are written out."""
    path, out = tmp_path / "in.arrow", tmp_path / "out.parquet"
    kinds = {"s": pa.string(), "b": pa.binary(), "n": pa.int64()}
    values: dict[str, list[Any]] = {"s": ["x", None, "y", "x"], "b": [b"1", b"\xff", None, b"1"], "n": [1, None, 2, 1]}
    tables = [
        pa.table({"text": [TEXTS[row]], **{k: pa.array([values[k][row]], kinds[k]).dictionary_encode() for k in kinds}})
        for row in range(4)
    ]
    with pa.ipc.new_stream(path, tables[0].schema) as writer:
        for table in tables:
            writer.write_table(table)
    assert frostline("predict", ONE, path, "--text", "text", "--out", out).code == 0
    found = pq.read_table(out)
    assert {name: found[name].to_pylist() for name in values} == values
    assert [found.schema.field(name).type for name in kinds] == [
        pa.dictionary(pa.int32(), pa.string()),
        pa.dictionary(pa.int32(), pa.binary()),
        pa.int64(),
    ]
