"""What the verbs say to a person, to the letter: tables, counts, refusals, and what to do next."""

import io
import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest
from rich.console import Console
from rich.progress import Progress

from conftest import Command
from frostline import __version__
from frostline.cli.cache import parsed_size
from frostline.cli.console import output, print_json, progress, tuning_progress, words
from frostline.cli.demo import SENTENCES
from frostline.cli.doctor import show
from frostline.cli.main import STOPPED, VERBS, told
from frostline.cli.options import left_out
from frostline.data.dataset import Reject
from frostline.data.sample import Sample, load_sample
from frostline.encoder.hub import is_hub_id
from frostline.errors import AccessError, InputError, UsageError
from frostline.evaluate.intervals import wilson
from frostline.finetune import SoFar
from frostline.report.lines import table
from frostline.report.progress import Rate, Times, duration, shown_progress
from frostline.store import FeatureStore

FACTS: dict[str, object] = {
    "frostline": "1.2",
    "python": "3.11.7",
    "system": "Linux x86_64",
    "processor": "Test 1",
    "cores": 3,
    "instructions": ["avx2", "fma"],
    "precision": {"default": "float32", "int8": "avx_vnni", "why_not": None},
    "threads": 2,
    "packages": {"numpy": "2.0", "scipy": None},
    "optional": {"torch": None, "transformers": "4.1"},
    "encoders": {"minilm": "/somewhere", "distilbert": None},
    "home": {"folder": "/home/one", "free_bytes": 12_345_678_901},
    "offline": False,
    "problems": [],
}
SPEED = {
    "encoder": "minilm",
    "features": "mean@all",
    "precision": "float32",
    "threads": 2,
    "n_sentences": 60,
    "mean_pieces": 17.6,
    "sentences_per_s": 1234.5,
    "gflops": 100.0,
    "ceiling_gflops": 1500.4,
    "share": 0.6,
    "rounds": (0.5, 0.6, 0.7),
}


def shown(facts: dict[str, object]) -> dict[str, str]:
    """What `doctor` prints, by the name at the beginning of the line."""
    printed = io.StringIO()
    show(facts, Console(file=printed, width=400, highlight=False))
    lines = [line.rstrip() for line in printed.getvalue().splitlines()]
    return {name.strip(): rest.strip() for name, _, rest in (line.partition("  ") for line in lines)}


def test_doctor_lays_out_what_it_found() -> None:
    """One row a fact; what is missing is said to be so."""
    assert shown(FACTS) == {
        "frostline": "1.2",
        "python": "3.11.7",
        "system": "Linux x86_64",
        "processor": "Test 1",
        "cores": "3",
        "instructions": "avx2 fma",
        "threads": "2 read at once, unless --threads says otherwise",
        "precision": "float32 unless asked; --precision int8 or auto can use avx_vnni",
        "packages": "numpy 2.0, scipy missing",
        "optional": "torch not installed (not needed), transformers 4.1",
        "encoders": "minilm at hand, distilbert not at hand",
        "kept in": "/home/one (12.3 GB free)",
        "hub": "asked only for encoders that are not at hand",
        "All is well: try `frostline demo`.": "",
    }


def test_doctor_names_each_problem_and_what_the_processor_lacks() -> None:
    facts = {
        **FACTS,
        "instructions": [],
        "precision": {"default": "float32", "int8": None, "why_not": "Too old."},
        "offline": True,
        "problems": ["No encoder.", "The package scipy is not installed."],
        "speed": SPEED,
    }
    found = shown(facts)
    assert found["instructions"] == "unknown"
    assert found["precision"] == "float32, also for --precision int8 and auto. Too old."
    assert found["hub"] == "not asked (HF_HUB_OFFLINE is set)"
    assert found["speed"] == (
        "1,234 sentences/s of 18 word pieces (minilm mean@all, float32, 2 threads): 60% of the 1,500 GFLOP/s that "
        "float32 products reach here (50% to 70% in 3 rounds)"
    )
    assert [line for line in found if line.startswith(("problem", "All"))] == [
        "problem: No encoder.",
        "problem: The package scipy is not installed.",
    ]


@pytest.mark.parametrize(
    ("value", "is_offline"), [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("", False)]
)
def test_doctor_says_whether_the_hub_may_be_asked(
    frostline: Command, monkeypatch: pytest.MonkeyPatch, value: str, *, is_offline: bool
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert frostline("doctor", "--json", "--no-speed").document["offline"] is is_offline


def test_doctor_leaves_with_69_where_nothing_can_be_trained(
    frostline: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A home that others can write to is a problem; the facts are printed all the same."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    monkeypatch.setenv("FROSTLINE_HOME", str(home))
    with pytest.raises(SystemExit) as left:
        frostline("doctor", "--json")
    assert left.value.code == 69
    facts = json.loads(capsys.readouterr().out)
    assert facts["problems"] == [f"{home} can be written to by other users. Run: chmod 700 {home}"]
    assert (facts["speed"], facts["frostline"], facts["home"]["folder"]) == (None, __version__, str(home))
    assert list(facts) == [
        *["frostline", "python", "system", "processor", "cores", "instructions", "precision", "threads", "packages"],
        *["optional", "encoders", "home", "offline", "problems", "speed"],
    ]


def test_the_known_encoders_are_these(frostline: Command) -> None:
    """Names, hub ids and pinned revisions as JSON; sizes in MB and a yes or no in the table."""
    found = frostline("encoders", "--json").document
    assert [list(row) for row in found] == [
        [
            *("name", "hub_id", "revision", "parameters", "size_bytes", "languages", "about", "licence", "prefix"),
            "at_hand",
        ]
    ] * len(found)
    assert [row["name"] for row in found][:4] == ["minilm", "distilbert", "bert", "static"]
    lines = frostline("encoders").out.splitlines()
    assert lines[0].split() == ["name", "at", "hand", "size", "languages", "licence", "what", "it", "is"]
    for row in found[:4]:
        (line,) = (line for line in lines if line.split()[:1] == [row["name"]])
        size = f"{row['size_bytes'] / 1e6:.0f}"
        assert line.split()[1:6] == ["yes" if row["at_hand"] else "no", size, "MB", "English", "Apache-2.0"]
    for row in found[4:]:
        line = lines[lines.index(f"  {row['hub_id']}") + 1]
        size = f"{row['size_bytes'] / 1e6:.0f} MB"
        assert line.startswith(f"    {size}, {row['languages']}, {row['licence']}: {row['about']}")
        assert line.endswith("each text behind 'query: '") == ("e5" in row["hub_id"])
        assert is_hub_id(row["hub_id"])
        assert row["at_hand"] is False
    assert " ".join(frostline("encoders").out.partition("Any folder")[2].split()) == (
        "with config.json, model.safetensors and tokenizer.json works too, and any hub id of the families BERT, "
        "DistilBERT, RoBERTa, XLM-RoBERTa, MPNet, ELECTRA and ModernBERT: --encoder owner/name --revision COMMIT"
    )


@pytest.mark.parametrize(
    ("given", "size_bytes"),
    [
        ("0", 0),
        ("7", 7),
        ("7B", 7),
        ("1kB", 1000),
        ("1k", 1000),
        ("500MB", 500_000_000),
        ("2GB", 2_000_000_000),
        ("1.5 GB", 1_500_000_000),
        (" 3TB ", 3_000_000_000_000),
    ],
)
def test_sizes_are_read_in_powers_of_ten(given: str, size_bytes: int) -> None:
    assert parsed_size(given) == size_bytes


@pytest.mark.parametrize("given", ["", "GB", "-1", "1KB", "1 PB", "1,5GB", "1.GB", "two"])
def test_what_is_no_size_is_refused(given: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed_size(given)
    assert caught.value.message == f"A size must be a number with kB, MB, GB or TB (got {given!r})."


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, in which one encoder has read 40 texts."""
    from fakes import FakeEncoder  # noqa: PLC0415 - for this fixture alone
    from frostline.store import StoredEncoder  # noqa: PLC0415 - as above

    home = tmp_path / "home"
    monkeypatch.setenv("FROSTLINE_HOME", str(home))
    StoredEncoder(FakeEncoder("mean@-1"), FeatureStore.open()).encode([f"text {number}" for number in range(40)])
    return home


def test_cache_says_what_is_kept(frostline: Command, kept: Path) -> None:
    """A row per encoder: kind, name, files, sentences, size, blocks; the folder on top, or that there is nothing."""
    (shard,) = kept.rglob("*.safetensors")
    size = shard.stat().st_size
    document = frostline("cache", "info", "--json").document
    (entry,) = document["entries"]
    assert document["folder"] == str(kept)
    assert list(entry) == ["kind", "name", "fingerprint", "n_files", "n_rows", "blocks", "size_bytes", "n_damaged"]
    assert (entry["kind"], entry["name"], entry["n_files"], entry["n_rows"]) == ("features", "fake", 2, 40)
    assert (entry["size_bytes"] >= size, entry["n_damaged"], entry["blocks"]) == (True, 0, ["mean@2"])
    lines = frostline("cache", "info").out.splitlines()
    assert "".join(lines[:-2]).replace(" ", "") == f"Keptin{kept}".replace(" ", "")
    assert lines[-2].split() == ["kind", "of", "files", "sentences", "size", "blocks"]
    assert lines[-1].split() == ["features", "fake", "2", "40", f"{entry['size_bytes'] / 1000:.1f}", "kB", "mean@2"]
    told = frostline("cache", "verify").out
    assert re.fullmatch(r"1 shard with 40 rows \(\d\.\d kB\) checked\.\n", told)
    checked = frostline("cache", "verify", "--json").document
    assert checked == {"n_shards": 1, "n_rows": 40, "size_bytes": checked["size_bytes"], "damaged": []}


def test_cache_keeps_what_fits_and_no_more(frostline: Command, kept: Path) -> None:
    """`--keep` of the very size keeps all, of one byte less removes; 0 removes everything; below 0 means nothing."""
    size = frostline("cache", "info", "--json").document["entries"][0]["size_bytes"]
    assert frostline("cache", "prune").out == "0 files removed (0 B).\n"
    assert frostline("cache", "prune", "--keep", f"{size}B", "--json").document == {
        "n_files": 0,
        "size_bytes": 0,
        "n_rewritten": 0,
    }
    other = frostline("cache", "prune", "--encoder", "another")
    assert (other.code, other.err) == (66, "error: No features of encoder 'another' are kept (kept: 'fake').\n")
    assert list(kept.rglob("*.safetensors"))
    removed = frostline("cache", "prune", "--keep", "0")
    assert re.fullmatch(r"1 file removed \(\d\.\d kB\)\.\n", removed.out)
    assert not list(kept.rglob("*.safetensors"))
    assert frostline("cache", "info").out.splitlines()[-1].split() == ["features", "fake", "1", "459", "B"]
    assert frostline("cache", "prune", "--all", "--json").document["n_files"] == 1
    assert frostline("cache", "info").out.splitlines()[-1] == "Nothing yet."
    assert frostline("cache", "prune", "--keep", "-1").err.startswith("error: A size must be a number with kB")


def test_cache_names_the_damaged_file_and_what_it_costs(frostline: Command, kept: Path) -> None:
    (shard,) = kept.rglob("*.safetensors")
    content = bytearray(shard.read_bytes())
    content[-9] ^= 1
    shard.write_bytes(content)
    found = frostline("cache", "verify", "--json")
    assert found.code == 65
    document = json.loads(found.out)
    assert [(one["path"], one["n_rows"] >= 0) for one in document["damaged"]] == [(str(shard), True)]
    told_so = "".join(found.err.split())
    assert told_so.startswith(f"damaged:{shard}(")
    error = json.loads(found.err.splitlines()[-1])["error"]
    assert (error["message"], error["hint"]) == (
        "1 file damaged.",
        "Nothing is lost: their sentences are read again when needed. `frostline cache prune` removes them.",
    )


@pytest.mark.parametrize(
    ("n_left_out", "n_named", "last"),
    [(0, 0, ""), (1, 1, "1 row was"), (5, 5, "5 rows were"), (1006, 5, "1,006 rows were")],
)
def test_rows_left_out_are_named_up_to_five_and_counted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, n_left_out: int, n_named: int, last: str
) -> None:
    for path in (None, tmp_path / "rejects.jsonl"):
        with left_out("in.tsv", path) as note:
            for line in range(1, n_left_out + 1):
                note(Reject(line, "odd\x1b"))
        named = "".join(f"left out: in.tsv:{line}: odd\\x1b\n" for line in range(1, n_named + 1))
        where = "" if path is None else f", listed in {path}"
        assert capsys.readouterr().err == named + (f"{last} left out{where}.\n" if last else "")
    written = [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text("utf-8").splitlines()]
    assert written == [{"line": line, "reason": "odd\x1b"} for line in range(1, n_left_out + 1)]


def test_json_holds_nothing_that_steers_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """The very edges of what is escaped, and their harmless neighbours; still the same JSON. NaN is no JSON."""
    odd = "~\x7f\x80\x9f\xa0\u061b\u061c\u200d\u200e\u200f\u2010\u2027\u2028\u202e\u202f\u2065\u2066\u2069\u206a"
    print_json({"text": odd})
    printed = capsys.readouterr().out
    escaped = "~\\u007f\\u0080\\u009f\xa0\u061b\\u061c\u200d\\u200e\\u200f\u2010\u2027\\u2028\\u202e\u202f\u2065"
    assert printed == '{"text": "' + escaped + '\\u2066\\u2069\u206a"}\n'
    assert json.loads(printed) == {"text": odd}
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"share": float("nan")})


def test_output_that_no_terminal_shows_is_neither_folded_nor_padded(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress is silent there."""
    output().print("x " * 600)
    assert [len(line) for line in capsys.readouterr().out.splitlines()] == [1199]
    told = table("name", "figure")
    told.add_row("short", "1")
    told.add_row("longer than that", "")
    output().print(told)
    assert capsys.readouterr().out == "name              figure\nshort                  1\nlonger than that\n"
    with progress("Reading", "sentences") as advance:
        advance(1, 2)
        advance(2, 2)
        advance(5, 0)
    words().print("to standard error")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "to standard error\n")


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (click.exceptions.Exit(3), 3, ""),
        (click.UsageError("No such thing."), 2, "error: No such thing.\n"),
        (
            OSError(28, "full", "a.tsv"),
            70,
            (
                "error: an unforeseen OSError: \"[Errno 28] full: 'a.tsv'\". A bug in Frostline.\n"
                "       Run it again as `frostline --debug ...` and report what that prints.\n"
            ),
        ),
        (click.Abort(), 130, f"{STOPPED}\n"),
        (KeyboardInterrupt(), 130, f"{STOPPED}\n"),
        (InputError("It must be so."), 65, "error: It must be so.\n"),
        (AccessError("It\nmust be so.", hint="Do this."), 77, "error: It\\nmust be so.\n       Do this.\n"),
        (
            ZeroDivisionError("by\n0" + "x" * 400),
            70,
            "error: an unforeseen ZeroDivisionError: 'by\\n0" + "x" * 295 + "…'. A bug in Frostline.\n"
            "       Run it again as `frostline --debug ...` and report what that prints.\n",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_ending_has_its_code_and_its_words(
    capsys: pytest.CaptureFixture[str], outcome: BaseException, code: int, said: str
) -> None:
    assert told(outcome) == code
    assert capsys.readouterr().err == said


def test_a_text_that_begins_with_a_dash_is_told_where_to_stand(frostline: Command) -> None:
    """Of verbs that take texts; of others there is no such way."""
    hint = "       A text that begins with a dash stands behind --: frostline"
    for verb in ("predict", "explain"):
        ended = frostline(verb, "model", "-5 stars")
        assert ended.code == 2
        assert ended.err.startswith(f"error: No such option '-5'.\n{hint} {verb} MODEL -- '-5 stars'\n")
    assert hint not in frostline("train", "-5").err


def test_help_lists_every_verb_in_the_order_of_use(frostline: Command) -> None:
    found = frostline("--help")
    listed = re.findall(r"^  (\w+) {2,}\S", found.out.partition("Verbs:")[2], re.MULTILINE)
    assert (found.code, listed) == (0, list(VERBS))
    assert frostline("-h").out == found.out
    assert frostline("--version").out == f"frostline, version {__version__}\n"
    assert "There is no verb 'trian'" in frostline("trian").err


@pytest.mark.parametrize(
    ("arguments", "sentence", "hint"),
    [
        (
            ["train", "FILE", "--nested", "--holdout", "0.5"],
            "A classifier is tested in one way: --nested and --holdout exclude each other.",
            "Rows of a test file, every row in turn, or a share held out: keep one of the options.",
        ),
        (
            ["train", "FILE", "--test", "FILE", "--nested", "--holdout", "0.25"],
            "A classifier is tested in one way: --test and --nested and --holdout exclude each other.",
            "Rows of a test file, every row in turn, or a share held out: keep one of the options.",
        ),
        (
            ["train", "FILE", "--preset", "tutorial", "--features", "auto"],
            "--preset tutorial names its features; a sweep would choose others.",
            "Leave --features auto out, or leave the preset out.",
        ),
        (
            ["train", "FILE", "--preset", "tutorial", "--calibrate", "isotonic"],
            "--preset tutorial takes the most probable label, its probability as it comes.",
            "Leave --calibrate and the thresholds out, or leave the preset out.",
        ),
        *[
            (
                ["train", "FILE", "--preset", "tutorial", *asked],
                "--preset tutorial already says the grid and how it is tested.",
                "Leave --grid, -C and --nested out, or leave the preset out.",
            )
            for asked in (["--grid", "log"], ["-C", "1"], ["--nested"])
        ],
        (
            ["train", "FILE", "--grid", "log", "-C", "1"],
            "--grid and -C exclude each other: name a grid, or give the values of C.",
            "",
        ),
        (
            ["train", "FILE", "--keep-neighbours"],
            "--keep-neighbours keeps them in the saved classifier: add --out FOLDER.",
            "",
        ),
        (["sweep", "FILE", "--test", "FILE", "--holdout", "0.5"], "--test and --holdout exclude each other.", ""),
        (["sweep", "FILE", "--join", "cls@-1", "--no-joins"], "--join and --no-joins exclude each other.", ""),
        (["review", "FILE", "--take-advice"], "--take-advice fills in the file of fixes, so it needs --out.", ""),
        (
            ["compare", "FILE", "--encoders", "minilm,,bert"],
            "--encoders must be names joined by commas (got 'minilm,,bert').",
            "",
        ),
        (
            ["predict", "MODEL", "FILE", "--out", "rows.npy"],
            "rows.npy: the name must end in .tsv, .csv, .jsonl, .parquet, which says the format.",
            "",
        ),
        (
            ["embed", "FILE", "--out", "rows.tsv"],
            "rows.tsv: the name must end in .npy, .safetensors, .parquet, which says the format.",
            "",
        ),
        (
            ["predict", "MODEL", "--encoding", "utf-16"],
            "Lines of standard input cannot be in utf-16.",
            "Pass a file, or convert it with iconv.",
        ),
    ],
    ids=lambda value: " ".join(value[:1] + value[2:]) if isinstance(value, list) else "",
)
def test_a_command_that_contradicts_itself_is_told_so(
    frostline: Command, reviews: Path, model: Path, arguments: list[str], *, sentence: str, hint: str
) -> None:
    """Exit code 2, one sentence, and what to leave out."""
    found = frostline(*({"FILE": reviews, "MODEL": model}.get(word, word) for word in arguments))
    assert (found.code, found.out) == (2, "")
    assert found.err == f"error: {sentence}\n" + (f"       {hint}\n" if hint else "")


def test_the_tutorial_may_be_asked_for_what_it_does_anyway(frostline: Command, reviews: Path) -> None:
    """No calibration is its way; its features and its number of rows can be changed."""
    document = frostline(
        "train",
        reviews,
        "--preset",
        "tutorial",
        "--calibrate",
        "none",
        "--limit",
        "40",
        "--features",
        "mean@-1",
        "--json",
    ).document
    assert (document["data"]["n_rows"], document["chosen"]["features"]) == (40, "mean@-1")


@pytest.mark.parametrize(
    ("stdin", "options", "code", "said"),
    [
        (b"caf\xe9\n", [], 65, ("error: standard input:1: byte 3 of the line is not utf-8.\n"
         "       Pass --encoding, for example latin-1; or --on-bad-text skip or replace.\n"
         "       For example: frostline predict MODEL --on-bad-text skip\n")),
        (b"a joy\ncaf\xe9\n", ["--on-bad-text", "skip"], 0,
         "left out: standard input:2: byte 3 of the line is not utf-8\n1 row was left out.\n"),
        (b"x" * ((32 << 20) + 1), [], 65, "error: standard input:1: a line must have at most 33,554,432 bytes.\n"),
    ],
    ids=["not utf-8", "skipped", "too long"],
)  # fmt: skip
def test_lines_of_standard_input_that_cannot_be_are_told(
    frostline: Command, model: Path, *, stdin: bytes, options: list[str], code: int, said: str
) -> None:
    found = frostline("predict", model, *options, stdin=stdin)
    assert (found.code, found.err) == (code, said.replace("MODEL", str(model)))


def test_a_name_that_looks_like_a_files_is_a_file_or_an_error(
    frostline: Command, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a blank in it, beside another text, or without a known ending it is a sentence."""
    monkeypatch.chdir(tmp_path)
    missing = frostline("predict", model, "reviews.TSV")
    assert (missing.code, missing.err) == (
        66,
        (
            "error: reviews.TSV is not there.\n"
            f"       The folder {tmp_path} holds nothing of a similar name. If it is the text itself: "
            f"echo reviews.TSV | frostline predict {model}\n"
        ),
    )
    for texts in (
        ["see reviews.tsv"],
        ["a.tsv", "b.tsv"],
        ["reviews.doc"],
        ["a\nb.tsv"],
        ["x" * 1000 + ".tsv"],
        ["x" * 400],
    ):
        found = frostline("predict", model, *texts, "--json")
        assert [json.loads(line)["text"] for line in found.out.splitlines()] == texts
    Path("odd name").write_text("a joy\na bore\n", "utf-8")
    assert len(frostline("predict", model, "odd name").out.splitlines()) == 2


def test_embed_says_what_it_wrote(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    """Rows, columns, and how many texts were cut."""
    asked = ["embed", reviews, "--features", "cls@-1", "--text", "1", "--limit", "50", "--out"]
    found = frostline(*asked, tmp_path / "a.npy")
    assert (found.out, found.err) == ("", "50 rows of 384 numbers (0 texts cut).\n")
    cut = frostline(*asked, tmp_path / "b.npy", "--max-length", "5")
    assert cut.err.startswith(
        "50 rows of 384 numbers (50 texts cut).\n50 of 50 texts were longer than 5 word pieces and lost"
    )
    assert np.load(tmp_path / "b.npy").shape == (50, 384)


def test_review_counts_the_fixes_it_wrote(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    """None without a file, and then none is named; with one, as many as it has rows, and how to go on."""
    rows = reviews.read_text("utf-8").splitlines()[:30]
    path, out = tmp_path / "r.tsv", tmp_path / "fixes.tsv"
    path.write_text("\n".join([*rows, rows[0]]) + "\n", "utf-8")
    quick = ["review", path, "--foldings", "1", "--folds", "2"]
    without = frostline(*quick, "--json").document
    assert (without["n_fixes"], without["out"]) == (0, None)
    written = frostline(*quick, "--out", out)
    n_fixes = len(out.read_text("utf-8").splitlines()) - 1
    assert n_fixes > 0
    assert written.err == ""
    *_, said, command = written.out.splitlines()
    lines = [row.split("\t") for row in out.read_text("utf-8").splitlines()[1:]]
    n_advised = sum(row[1] != "look" for row in lines)
    assert {row[0] for row in lines} == {"keep"}
    assert 0 < n_advised <= n_fixes
    assert said == (
        f"  Next: {n_fixes} rows in {out}: set their action to relabel or drop where you agree, or take the advice, "
        f"which {n_advised} have."
    )
    taken = shlex.split(command)
    assert taken[:3] == ["frostline", "review", str(path)]
    assert {"--out", str(out), "--take-advice", "--overwrite"} <= {*taken}
    again = frostline(*taken[1:])
    changed = [row.split("\t") for row in out.read_text("utf-8").splitlines()[1:]]
    assert sum(row[0] != "keep" for row in changed) == n_advised
    assert again.out.splitlines()[-2:] == [
        f"  Next: {n_fixes} rows in {out}: look at what --take-advice filled in, then train.",
        f"    frostline train {path} --fixes {out} --out model",
    ]
    document = frostline(*quick, "--out", out, "--overwrite", "--json").document
    assert (document["n_fixes"], document["out"]) == (n_fixes, str(out))


def test_train_says_what_to_do_next(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    """One command that can be pasted, with what was asked for, and that it replaces what was saved."""
    out = tmp_path / "my model"
    asked = ["train", reviews, "-C", "0.01", "--features", "mean@-1", "--calibrate", "none", "--no-standardise"]
    first = frostline(*asked)
    assert first.err == "  Not saved. Add --out model to keep this classifier.\n"
    saved = frostline(*asked, "--out", out)
    assert saved.err == (
        f"  Saved. Use it: frostline predict '{out}' \"some words\"\n  The page with pictures: {out}/report.html\n"
    )
    command = saved.out.splitlines()[-1]
    assert command.startswith(f"    frostline train {reviews} ")
    given = shlex.split(command)
    assert given[-1] == "--overwrite"
    assert {"-C", "0.01", str(out), "--calibrate", "--no-standardise"} <= set(given)
    assert frostline(*given[1:]).code == 0


def test_the_next_command_merges_labels_that_differ_by_case_or_blanks(frostline: Command, tmp_path: Path) -> None:
    """Pasted, it does."""
    file = tmp_path / "my tickets.csv"
    rows = [(f"word{n} about {n % 2}", ("bill", "Bill", "bill ", "tech", "bill")[n % 5]) for n in range(40)]
    file.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), "utf-8")
    asked = ["train", file, "-C", "0.01", "--features", "words", "--text", "text"]
    first = frostline(*asked)
    command = first.out.splitlines()[-1].strip()
    assert command == f"frostline train '{file}' --features words -C 0.01 --text text --tidy-labels"
    again = frostline(*shlex.split(command)[1:])
    assert "one of 2 labels (bill, tech)" in again.out
    assert "labels that differ by case or blanks are taken for one: 'Bill' as 'bill', 'bill ' as 'bill'." in again.out


def test_the_next_command_of_another_verb_has_the_same_file_and_columns(frostline: Command, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    rows = [(f"word{n} and {n % 2}", ("a", "b")[n % 2]) for n in range(40)]
    rows += [("the same words", "a"), ("the same words", "b")]
    file.write_text("x,y\n" + "".join(f"{text},{label}\n" for text, label in rows), "utf-8")
    said = frostline("train", file, "-C", "1", "--features", "words", "--text", "x", "--label", "y", "--seed", "3").out
    assert said.splitlines()[-1] == f"    frostline review {file} --seed 3 --text x --label y --out fixes.tsv"


def test_the_times_of_a_training_and_of_an_evaluation_add_up(frostline: Command, reviews: Path, model: Path) -> None:
    """No part is longer than the whole, and the whole no longer than the command."""
    for document in (
        frostline("train", reviews, "-C", "0.01", "--features", "mean@-1", "--json").document,
        frostline("evaluate", model, reviews, "--json").document,
    ):
        seconds = document["seconds"]
        parts = [seconds[part] for part in ("read", "search", "evaluate")]
        assert min(parts) >= 0
        assert 0 < sum(parts) <= seconds["total"] * 1.001 < 60


def test_the_demo_trains_saves_and_answers(frostline: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On the sample (less of it here): the report, how the hard cases fared, four answers, what was saved."""
    whole = load_sample()
    some = Sample(
        train=whole.train.take(np.arange(60)),
        test=whole.test.take(np.arange(20)),
        hard=np.array([0, 3, 19], dtype=np.int64),
        hard_train=np.array([], dtype=np.int64),
    )
    monkeypatch.setattr("frostline.cli.demo.load_sample", lambda: some)
    out = tmp_path / "model"
    found = frostline("demo", "--out", out)
    assert found.code == 0, found.err
    right = [
        json.loads(line)["label"] == label
        for line, label in zip(
            frostline("predict", out, *some.test.texts, "--json").out.splitlines(), some.test.labels, strict=True
        )
    ]
    hard, others = [right[row] for row in (0, 3, 19)], [right[row] for row in range(20) if row not in {0, 3, 19}]
    told_so = re.search(r"Accuracy on hard cases (.+); on the others (.+)\n", found.out)
    assert told_so is not None
    for said, rows in zip(told_so.groups(), (hard, others), strict=True):
        low, high = wilson(sum(rows), len(rows))
        assert said == f"{np.mean(rows):.1%} ({low:.1%} to {high:.1%}, n = {len(rows)})"
    answers = [line for line in found.out.splitlines() if re.match(r" +(positive|negative) [01]\.\d\d  \S", line)]
    assert [line.split("  ")[-1] for line in answers] == list(SENTENCES)
    for line, text in zip(answers, SENTENCES, strict=True):
        label, share = frostline("predict", out, text).out.split()
        assert line == f"{label:>10} {float(share):.2f}  {text}"
    assert "".join(found.err.split()) == "".join(
        "The sample: short sentences written for Frostline, a fifth of them hard on purpose. "
        f"Saved in {out}; the report with pictures: {out}/report.html "
        "Next, a file of your own:  frostline train reviews.tsv --out model "
        "How it works, in pictures:  frostline tutorial reviews.tsv --html lesson.html".split()
    )
    again = frostline("demo", "--out", out)
    assert (again.code, again.err.split("\n")[0]) == (73, f"error: {out} exists already.")


def test_texts_that_are_not_answered_are_counted(frostline: Command, tmp_path: Path) -> None:
    """An empty label, and how sure the model has to be; a page shows the same figures."""
    sample, path, out = load_sample().train, tmp_path / "r.tsv", tmp_path / "m"
    rows = zip(sample.texts[:240], sample.labels[:240], strict=True)
    path.write_text("".join(f"{text}\t{label}\n" for text, label in rows), "utf-8")
    asked = ["train", path, "-C", "0.01", "--features", "mean@-1", "--abstain-precision", "0.8"]
    document = frostline(*asked, "--out", out, "--json").document
    assert document["labels"] == ["negative", "positive"]
    found = frostline("predict", out, path, "--text", "1", "--no-header")
    lines = [line.split("\t") for line in found.out.splitlines()]
    silent = [float(share) for label, share in lines if not label]
    answered = [float(share) for label, share in lines if label]
    assert (len(lines), len(silent) > 0) == (240, True)
    match = re.fullmatch(r"(\d+) of 240 texts unanswered: the model answers from (\d+\.\d) % on\.\n", found.err)
    assert match is not None
    assert int(match[1]) == len(silent)
    limit = float(match[2]) / 100
    assert max(silent) <= limit + 0.001
    assert min(answered) >= limit - 0.001
    written = tmp_path / "x.csv"
    scored = frostline("predict", out, path, "--text", "1", "--no-header", "--out", written).err.splitlines()
    assert re.fullmatch(r"240 texts labelled in \S+ s → \S+/x.csv: positive \d+, negative \d+", scored[0])
    of_new = r"(\d+) of (\d+) new texts agree with the file's own labels \((9\d\.\d) %\); "
    compared = re.fullmatch(of_new + "180 texts with labels not counted, as the model learned from them.", scored[1])
    assert compared is not None
    assert 100 * int(compared[1]) / int(compared[2]) == pytest.approx(float(compared[3]), abs=0.05)
    assert int(compared[2]) <= 60  # the fourth that was held out, without what got no answer
    assert scored[2:] == found.err.splitlines()
    assert sum(",," in line for line in written.read_text("utf-8").splitlines()) == len(silent)


@pytest.mark.parametrize(
    ("steps", "events"),
    [
        ([(0, 2), (1, 2), (2, 2)], ["start", "start", "stop", "stop"]),
        ([(2, 2)], ["stop", "stop"]),
        ([(3, 2)], ["stop", "stop"]),
        ([(5, 0), (9, 0)], ["start", "start", "stop"]),
        ([], ["stop"]),
    ],
)
def test_a_bar_appears_with_work_and_goes_with_its_end(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[int, int]], events: list[str]
) -> None:
    """Instant work shows none; a total that nobody knows ends with the work itself."""
    seen: list[str] = []
    monkeypatch.setattr(Progress, "start", lambda _bar: seen.append("start"))
    monkeypatch.setattr(Progress, "stop", lambda _bar: seen.append("stop"))
    with progress("Reading", "sentences") as advance:
        for done, total in steps:
            advance(done, total)
    assert seen == events


def test_rejected_rows_of_an_evaluation_are_written_and_the_rest_measured(
    frostline: Command, model: Path, tmp_path: Path
) -> None:
    """Counted in the document; the page is named; nothing is quoted where that was asked for."""
    path, rejects, page = tmp_path / "t.tsv", tmp_path / "r.jsonl", tmp_path / "p.html"
    path.write_text("a joy from start to finish\tnegative\ndull, dull, dull\tnegative\nragged\n", "utf-8")
    asked = ["evaluate", model, path, "--max-bad-rows", "1", "--no-header", "--text", "1", "--report", page]
    document = frostline(*asked, "--rejects", rejects, "--json").document
    assert (document["data"]["n_rows"], document["data"]["n_rejected"], document["report"]) == (2, 1, str(page))
    assert (document["test"]["n"], document["test"]["accuracy"]["value"]) == (2, 0.5)
    assert rejects.read_text("utf-8") == '{"line": 3, "reason": "must have 2 cells (it has 1)"}\n'
    assert "a joy from start to finish" in page.read_text("utf-8")
    found = frostline(*asked, "--overwrite", "--no-examples")
    assert "".join(found.err.split()) == f"Thepagewithpictures:{page}"
    assert "a joy from start to finish" not in page.read_text("utf-8")


def test_review_says_how_to_have_all_of_it_in_a_file(frostline: Command, tmp_path: Path) -> None:
    """Where something was found; where nothing was, nothing is said."""
    path = tmp_path / "r.tsv"
    rows = [f"text number {n} says that all is {'well' if n % 2 else 'lost'}\t{n % 2}\n" for n in range(12)]
    path.write_text("".join([*rows, rows[0]]), "utf-8")
    asked = ["review", path, "--foldings", "1", "--folds", "2", "--text", "1", "--label", "2", "--no-header"]
    found = frostline(*asked)
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines()[-2:] == [
        "  Next: write all of them into a file, and go through it.",
        f"    frostline review {path} --folds 2 --foldings 1 --text 1 --label 2 --no-header --out fixes.tsv",
    ]


@pytest.mark.parametrize(("speed", "told"), [(None, ""), (0.0, ""), (3.4, "3/s"), (1234.6, "1,235/s")])
def test_a_bar_says_how_many_a_second(speed: float | None, told: str) -> None:
    """Once it is known."""
    task = SimpleNamespace(finished_speed=None, speed=speed)
    assert Rate().render(task).plain == told  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0, "0 s"), (0.2, "1 s"), (99.0, "99 s"), (100.0, "2 min"), (5999.0, "100 min"), (6000.0, "2 h")],
)
def test_durations_are_rounded_up(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize(("left", "told"), [(8.0, "2 s, 8 s left"), (None, "2 s")])
def test_a_bar_says_how_long_it_takes(left: float | None, told: str) -> None:
    task = SimpleNamespace(elapsed=1.5, time_remaining=left)
    assert Times().render(task).plain == told  # type: ignore[arg-type]


def test_a_bar_ends_in_a_sentence_where_the_work_took_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says which step it is of how many; instant work and a pipe are silent."""
    for terminal, worth, said in ((True, 0.0, "2 of 3 · Reading: 4 texts, 1 s"), (True, 60.0, ""), (False, 0.0, "")):
        monkeypatch.setattr("frostline.report.progress.WORTH_TELLING", worth)
        screen = io.StringIO()
        console = Console(file=screen, force_terminal=terminal, width=100)
        with shown_progress(console, "Reading", "texts", step=(2, 3)) as advance:
            advance(1, 4)
            advance(4, 4)
        last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()).rstrip("\n").split("\n")[-1].split("\r")[-1]
        assert last == said or (not said and "Reading: 4" not in last)


def test_the_line_of_a_tuning_holds_its_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    """In training and, where rows are held out, on those."""
    screen = io.StringIO()
    monkeypatch.setattr("frostline.cli.console.words", lambda: Console(file=screen, force_terminal=True, width=120))
    with tuning_progress() as told:
        told(SoFar(1, 4, 0.3125, None))
        told(SoFar(2, 4, 0.25, 0.3449))
    assert "2/4" in screen.getvalue()
    assert "loss 0.250, held out 0.345" in screen.getvalue()


def test_under_details_it_is_said_who_reads_and_where(
    frostline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By our own graph too, which otherwise goes without saying."""
    monkeypatch.setattr("frostline.cli.options._said", set())
    rows = tmp_path / "rows.tsv"
    rows.write_text("".join(f"{word} film {n}\t{word}\n" for n in range(8) for word in ("good", "bad")), "utf-8")
    model = tmp_path / "model"
    plain = frostline(
        "train", rows, "--text", "1", "--label", "2", "--no-header", "--features", "mean@0", "--out", model
    )
    assert plain.code == 0
    assert "Read by" not in plain.err
    shown = frostline("evaluate", model, rows, "--text", "1", "--label", "2", "--no-header", "--details")
    assert "Read by ONNX Runtime on cpu." in shown.err
