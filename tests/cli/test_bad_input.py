"""Bad input gets one clear error that says what, where and what to do; an exit code; and nothing is lost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

GOOD = "".join(f"a fine day number {n}\tgood\na bad day number {n}\tbad\n" for n in range(12)).encode()


def one_error(outcome: Any, code: int, *words: str) -> None:
    """The command left with `code`, one error on standard error naming `words`, and nothing on standard output."""
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    errors = [line for line in outcome.err.split("\n") if line.startswith("error: ")]
    assert len(errors) == 1, outcome.err
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", 65, ["empty"]),
        (b"only one row\tgood\n", 65, ["two classes"]),
        (b"".join(b"fine text number %d\tgood\n" % n for n in range(8)), 65, ["two classes", "'good'"]),
        (GOOD + b"caf\xe9\tgood\n", 65, [":25:", "offset 583", "utf-8"]),
        (GOOD + b"three\tcolumns\there\n", 65, ["line 25", "2 cells"]),
        (GOOD + b"\tgood\n", 65, ["line 25", "empty"]),
        (b"\xff\xfe" + GOOD.decode().encode("utf-16-le"), 65, ["utf-16"]),
        (GOOD + b"alone\tunique\n", 65, ["unique"]),
    ],
    ids=["empty", "one row", "one class", "latin-1", "ragged", "empty text", "utf-16", "class of one"],
)
def test_a_file_that_cannot_be_used_is_refused(
    frostline: Command, tmp_path: Path, content: bytes, code: int, words: list[str]
) -> None:
    """The line or the class is named."""
    path = tmp_path / "bad.tsv"
    path.write_bytes(content)
    one_error(frostline("train", path), code, *words)


def test_a_file_that_is_not_there_is_named(frostline: Command, tmp_path: Path) -> None:
    """Exit code 66, for every verb that reads a file."""
    missing = tmp_path / "nowhere.tsv"
    one_error(frostline("train", missing), 66, "nowhere.tsv")
    one_error(frostline("embed", missing, "--out", tmp_path / "rows.npy"), 66, "nowhere.tsv")
    one_error(frostline("tutorial", missing), 66, "nowhere.tsv")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_not_there_is_named(frostline: Command, tmp_path: Path) -> None:
    """Exit code 66, and how to make one."""
    one_error(frostline("predict", tmp_path / "model", "a text"), 66, "frostline train")


def test_a_misspelt_file_is_not_classified_as_a_sentence(frostline: Command, model: Path, tmp_path: Path) -> None:
    """`predict model reviews.tvs`: what looks like a file's name and is none is an error."""
    one_error(frostline("predict", model, tmp_path / "missing.tsv"), 66, "missing.tsv")


@pytest.mark.parametrize(
    "text", [b'a stray " quote', b"nul \0 inside", "one\u2028line".encode(), b"NA", b"null", b"nan"]
)
def test_odd_but_honest_text_is_kept(frostline: Command, tmp_path: Path, text: bytes) -> None:
    """A stray quote, NUL, U+2028 and "NA" are text: the row counts."""
    path = tmp_path / "odd.tsv"
    path.write_bytes(GOOD + text + b"\tgood\n")
    document = frostline("train", path, "--json", "-C", "0.1", "--features", "mean@-1").document
    assert document["data"]["n_rows"] == 25
    assert document["data"]["n_rejected"] == 0


def test_a_small_class_lowers_the_folds_with_a_warning(frostline: Command, tmp_path: Path) -> None:
    """The class is named; `--strict` refuses instead."""
    path = tmp_path / "small.tsv"
    path.write_bytes(GOOD + b"so so\tmixed\nneither here nor there\tmixed\nmeh\tmixed\n")
    document = frostline("train", path, "--json", "-C", "0.1").document
    assert any("'mixed'" in warning for warning in document["warnings"])
    one_error(frostline("train", path, "--strict"), 65, "'mixed'")


def test_rejected_rows_are_put_up_with_and_written_down(frostline: Command, tmp_path: Path) -> None:
    """Rows in = rows out + rows rejected; each reject has its line and reason."""
    path = tmp_path / "ragged.tsv"
    path.write_bytes(GOOD + b"no label here\n" + b"fine\tgood\n")
    rejects = tmp_path / "rejects.jsonl"
    document = frostline("train", path, "--json", "-C", "0.1", "--max-bad-rows", "1", "--rejects", rejects).document
    assert (document["data"]["n_rows"], document["data"]["n_rejected"]) == (25, 1)
    (written,) = [json.loads(line) for line in rejects.read_text("utf-8").split("\n") if line]
    assert written["line"] == 25
    assert written["reason"]


def test_a_ten_megabyte_sentence_is_cut_and_counted(frostline: Command, tmp_path: Path) -> None:
    """It costs about as much as any other long sentence."""
    path = tmp_path / "long.tsv"
    path.write_bytes(GOOD + b"so very long " * 800_000 + b"\tgood\n")
    document = frostline("train", path, "--json", "-C", "0.1", "--features", "mean@-1").document
    assert document["features"]["n_cut"] == 1


def test_unclear_columns_are_asked_for(frostline: Command, tmp_path: Path) -> None:
    """The columns found are listed, and the options that choose."""
    path = tmp_path / "three.csv"
    path.write_text("alpha,beta,gamma\n" + "some words here,other words there,third words\n" * 9, "utf-8")
    one_error(frostline("train", path), 65, "alpha", "beta", "gamma", "--text", "--label")
    one_error(frostline("train", path, "--text", "alpa", "--label", "beta"), 65, "alpha")


def test_an_output_that_exists_is_refused_before_any_work(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    """Exit code 73; what is there stays as it is."""
    out = tmp_path / "model"
    out.mkdir()
    (out / "precious.txt").write_text("keep me", "utf-8")
    one_error(frostline("train", reviews, "--out", out), 73, "exists")
    assert (out / "precious.txt").read_text("utf-8") == "keep me"


def test_overwriting_replaces_a_model_and_nothing_else(
    frostline: Command, reviews: Path, model: Path, tmp_path: Path
) -> None:
    """`--overwrite` is for classifiers; a folder of other files is left alone."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious.txt").write_text("keep me", "utf-8")
    outcome = frostline("train", reviews, "--out", other, "--overwrite", "-C", "0.01")
    assert outcome.code == 73, outcome.err
    assert (other / "precious.txt").read_text("utf-8") == "keep me"


def test_the_input_is_never_the_output(frostline: Command, model: Path, tmp_path: Path) -> None:
    """Not even with `--overwrite`."""
    path = tmp_path / "texts.tsv"
    path.write_bytes(GOOD)
    one_error(frostline("predict", model, path, "--out", path, "--overwrite"), 2, "input")
    assert path.read_bytes() == GOOD


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--features", "mena@-1"], "mean"),
        (["--features", "mean@9"], "6 layers"),
        (["--features", "mean@-1,6"], "more than once"),
        (["--scoring", "acuracy"], "accuracy"),
        (["--max-length", "5000"], "512"),
        (["--holdout", "1.5"], "between 0 and 1"),
        (["-C", "-1"], "C"),
        (["--encoding", "utf-9"], "utf-9"),
        (["--grid", "log", "-C", "1"], "--grid"),
        (["--preset", "tutorial", "--nested"], "--preset"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_that_cannot_be_is_a_usage_error(
    frostline: Command, reviews: Path, arguments: list[str], word: str
) -> None:
    """Exit code 2, and what would be right."""
    one_error(frostline("train", reviews, *arguments), 2, word)


def test_an_unknown_verb_is_a_usage_error(frostline: Command) -> None:
    """As click says it."""
    assert frostline("trian").code == 2


def test_without_a_network_the_error_says_at_once_what_would_work(
    frostline: Command, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No hang: the hub that is not there is named, and the bundled encoder."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    one_error(frostline("train", reviews, "--encoder", "distilbert"), 69, "minilm", "HF_HOME")


def test_a_label_never_seen_in_training_is_named(
    frostline: Command, reviews: Path, model: Path, tmp_path: Path
) -> None:
    """In a test file, the row's line stands in the message."""
    test = tmp_path / "test.tsv"
    test.write_text("a joy\tpositive\na bore\tnegative\nwhat\tunheard of\n", "utf-8")
    one_error(frostline("evaluate", model, test), 65, ":3:", "'unheard of'")
    one_error(frostline("train", reviews, "--test", test), 65, ":3:", "'unheard of'")


def test_control_characters_of_a_file_never_reach_the_terminal(frostline: Command, tmp_path: Path) -> None:
    """An escape sequence in a label is shown as characters."""
    path = tmp_path / "naughty.tsv"
    path.write_bytes(b"text one\t\x1b[31mred\n" * 6 + b"text two\t\x1b]0;title\x07\n" * 6)
    outcome = frostline("train", path, "-C", "0.1")
    assert "\x1b" not in outcome.out + outcome.err
    assert "\x07" not in outcome.out + outcome.err


def test_a_store_that_others_can_write_to_is_refused(
    frostline: Command, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 77, with the command that mends it; `--no-store` goes on without."""
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(0o777)
    monkeypatch.setenv("FROSTLINE_HOME", str(folder))
    one_error(frostline("train", reviews, "-C", "0.1"), 77, "chmod")
