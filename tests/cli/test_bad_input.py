"""Bad input gets one clear error that says what, where and what to do; an exit code; and nothing is lost."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from encoder_fakes import make_checkpoint

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
        (b"only one row\tgood\n", 65, ["two labels"]),
        (b"".join(b"fine text number %d\tgood\n" % n for n in range(8)), 65, ["two labels", "'good'"]),
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
    held = "'mixed' has fewer rows than there are folds (5), without the 7 rows that are held out; the smallest has 2."
    one_error(frostline("train", path, "--strict"), 65, held)


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


def test_rows_with_labels_that_training_lacks_are_left_out_on_request(frostline: Command, tmp_path: Path) -> None:
    """By evaluate, train, sweep and review, counted and said; else all are named, and no text is read."""
    path, test = tmp_path / "train.tsv", tmp_path / "test.tsv"
    path.write_bytes(GOOD)
    test.write_bytes(b"quite fine\tgood\nso so\tneutral\nboth ways\tmixed\nin between\tneutral\nvery sad\tbad\n")
    out, quick = tmp_path / "model", ["-C", "0.1", "--features", "mean@-1"]
    frostline("train", path, *quick, "--out", out)
    verbs = (
        ["evaluate", out, test],
        ["train", path, "--test", test, *quick],
        ["sweep", path, "--test", test],
        ["review", path, "--test", test],
    )
    for verb in verbs:
        one_error(
            frostline(*verb), 65, "test.tsv:2:", "(got 'neutral' in 2 rows, 'mixed' in 1 row)", "--max-bad-rows 3"
        )
        one_error(frostline(*verb, "--max-bad-rows", "2"), 65, "'mixed' in 1 row")
    said = f"{test}: 3 rows were left out: no training row has 'neutral' in 2 rows, 'mixed' in 1 row."
    for verb in verbs[:2]:
        document = frostline(*verb, "--json", "--max-bad-rows", "3").document
        assert said in document["warnings"]
        assert document["test"]["n"] == 2
    for verb in verbs[2:]:
        told = frostline(*verb, "--max-bad-rows", "3")
        assert (told.code, told.err.splitlines()[0]) == (0, said)


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
        (["--preset", "tutorial", "--features", "auto"], "--preset"),
        (["--nested", "--holdout", "0.5"], "--nested and --holdout"),
        (["--test", __file__, "--nested"], "--test and --nested"),
        (["--test", __file__, "--holdout", "0.25"], "--test and --holdout"),
        (["--seed", "-1"], "seed"),
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


def test_rows_left_out_of_a_stream_are_named(frostline: Command, model: Path, tmp_path: Path) -> None:
    """`predict` and `embed` lose no row silently: each is told by its line, and written down on request."""
    path, rejects = tmp_path / "ragged.tsv", tmp_path / "rejects.jsonl"
    path.write_bytes(b"a fine day\tgood\nragged\n\tgood\nthe last one\tbad\n")
    reading = ["--text", "1", "--no-header", "--max-bad-rows", "2", "--rejects", rejects]
    for arguments in (["predict", model, path], ["embed", path, "--out", tmp_path / "rows.npy"]):
        outcome = frostline(*arguments, *reading)
        assert outcome.code == 0, outcome.err
        assert f"left out: {path}:2: must have 2 cells (it has 1)\n" in outcome.err
        assert f"left out: {path}:3: the text is empty\n" in outcome.err
        assert "2 rows were left out" in outcome.err
        assert [json.loads(line)["line"] for line in rejects.read_text("utf-8").splitlines()] == [2, 3]
        rejects.unlink()
    path.write_bytes(b"a fine day\tpositive\nragged\n\tnegative\nthe last one\tnegative\n")
    assert frostline("evaluate", model, path, *reading, "--json").document["data"]["n_rejected"] == 2
    assert len(rejects.read_text("utf-8").splitlines()) == 2


def test_an_empty_text_is_kept_on_request(frostline: Command, model: Path, tmp_path: Path) -> None:
    """By default it is a bad row; a question is answered for it where somebody wants one answer per row."""
    path = tmp_path / "empty.tsv"
    path.write_bytes(b"a fine day\tgood\n\tgood\nNA\tbad\n")
    reading = ["predict", model, path, "--text", "1", "--no-header"]
    one_error(frostline(*reading, "--out", tmp_path / "out.tsv"), 65, "line 2", "empty")
    assert len(frostline(*reading, "--on-empty-text", "keep").out.splitlines()) == 3


@pytest.mark.parametrize("name", ["manifest.json", "head.safetensors", "new.html"])
def test_nothing_is_written_into_the_classifier_that_is_asked(
    frostline: Command, model: Path, reviews: Path, tmp_path: Path, name: str
) -> None:
    """A page or an answer over its manifest would be the end of it, `--overwrite` or not."""
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    target = copy / name
    one_error(frostline("evaluate", copy, reviews, "--report", target, "--overwrite"), 2, "which is an input")
    one_error(frostline("evaluate", copy, reviews, "--rejects", target, "--overwrite"), 2, "which is an input")
    one_error(frostline("explain", copy, "a joy", "--html", target, "--overwrite"), 2, "which is an input")
    one_error(frostline("predict", copy, reviews, "--rejects", target, "--overwrite"), 2, "which is an input")
    assert frostline("predict", copy, "a joy").code == 0


def test_the_file_of_fixes_is_an_input_too(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    """What a person has gone through row by row is not written over by rejects."""
    fixes = tmp_path / "fixes.tsv"
    fixes.write_text("an evening's work", "utf-8")
    one_error(frostline("train", reviews, "--fixes", fixes, "--rejects", fixes, "--overwrite"), 2, "input")
    assert fixes.read_text("utf-8") == "an evening's work"


@pytest.mark.parametrize("verb", ["train", "predict", "embed", "evaluate"])
def test_rejects_are_never_written_over_the_input(frostline: Command, model: Path, tmp_path: Path, verb: str) -> None:
    """Not by another name of the same file, not with `--overwrite`; nor over another file without it."""
    path, alias, other = tmp_path / "texts.tsv", tmp_path / "alias.jsonl", tmp_path / "other.jsonl"
    path.write_bytes(GOOD)
    alias.hardlink_to(path)
    other.write_bytes(b"precious")
    arguments = {
        "train": ["train", path],
        "predict": ["predict", model, path, "--text", "1"],
        "embed": ["embed", path, "--text", "1", "--out", tmp_path / "rows.npy"],
        "evaluate": ["evaluate", model, path],
    }[verb]
    one_error(frostline(*arguments, "--rejects", alias, "--overwrite"), 2, "input")
    one_error(frostline(*arguments, "--rejects", other), 73, "exists")
    one_error(frostline(*arguments, "--rejects", tmp_path / "no" / "r.jsonl"), 73, "must exist")
    assert (path.read_bytes(), other.read_bytes()) == (GOOD, b"precious")


def test_a_folder_is_not_replaced_by_a_file(frostline: Command, model: Path, tmp_path: Path) -> None:
    """It is known before any sentence is read."""
    path = tmp_path / "texts.tsv"
    path.write_bytes(GOOD)
    for name, arguments in (("out.tsv", ["predict", model, path]), ("out.npy", ["embed", path])):
        (tmp_path / name).mkdir()
        one_error(frostline(*arguments, "--out", tmp_path / name, "--overwrite", "--text", "1"), 73, "must be a file")


def test_embed_never_writes_over_its_input(frostline: Command, tmp_path: Path) -> None:
    """A Parquet file in, and by mistake the same one out."""
    path = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"text": ["one", "two"]}), path)
    before = path.read_bytes()
    one_error(frostline("embed", path, "--out", path, "--overwrite"), 2, "input")
    assert path.read_bytes() == before


def test_lines_of_standard_input_follow_the_rules_of_files(frostline: Command, model: Path) -> None:
    """A byte-order mark is no text; other encodings and bad bytes as asked for; a line has an end."""
    content = b"\xef\xbb\xbfa joy\ncaf\xe9\n"
    one_error(frostline("predict", model, stdin=b"caf\xe9\n"), 65, "standard input:1", "byte 3", "--encoding")

    def texts(*options: str, stdin: bytes = content) -> list[str]:
        outcome = frostline("predict", model, "--json", *options, stdin=stdin)
        assert outcome.code == 0, outcome.err
        return [json.loads(line)["text"] for line in outcome.out.splitlines()]

    assert texts("--on-bad-text", "replace") == ["a joy", "caf\ufffd"]
    assert texts("--on-bad-text", "skip") == ["a joy"]
    assert texts("--encoding", "latin-1", stdin=b"caf\xe9\n") == ["caf\xe9"]
    assert texts("--text", "2", "--no-header", stdin=b"1\ta joy\n2\ta bore\n") == ["a joy", "a bore"]
    one_error(frostline("predict", model, "--encoding", "utf-16", stdin=b""), 2, "utf-16")
    one_error(frostline("predict", model, stdin=b"x" * (33 << 20)), 65, "standard input:1", "33,554,432")


def test_embed_reads_a_pipe(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    """What can be read once only is laid aside meanwhile; rejects are told once."""
    arguments = ["embed", "-", "--features", "cls@-1", "--text", "1", "--no-header", "--max-bad-rows", "1"]
    outcome = frostline(*arguments, "--out", tmp_path / "piped.npy", stdin=reviews.read_bytes() + b"ragged\n")
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("left out") == 2
    arguments[1] = str(reviews)
    assert frostline(*arguments, "--out", tmp_path / "rows.npy").code == 0
    assert (tmp_path / "piped.npy").read_bytes() == (tmp_path / "rows.npy").read_bytes()


def test_predict_says_how_many_texts_were_cut(frostline: Command, model: Path) -> None:
    """A text longer than the encoder can see is judged by its beginning, and counted."""
    outcome = frostline("predict", model, "so very long " * 1000, "short")
    assert outcome.code == 0
    assert "1 text was cut: the encoder sees 512 word pieces." in outcome.err


def test_labels_that_steer_a_terminal_are_printed_escaped(frostline: Command, tmp_path: Path) -> None:
    """Controls and line breaks in a label break neither a line nor JSON; C1 controls count."""
    labels = ["\x9b31mred", "one\ntwo", "gauche\u202e"]
    path, out = tmp_path / "labels.jsonl", tmp_path / "model"
    rows = [{"text": f"word{n % 3} and number {n}", "label": labels[n % 3]} for n in range(30)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert frostline("train", path, "-C", "0.1", "--out", out).code == 0
    texts = [row["text"] for row in rows[:6]]
    plain, as_json = frostline("predict", out, *texts), frostline("predict", out, "--json", *texts)
    assert set(as_json.out + plain.out) & {"\x9b", "\u202e"} == set()
    assert len(plain.out.split("\n")) == 7
    assert {json.loads(line)["label"] for line in as_json.out.splitlines()} <= set(labels)


def test_equal_rows_of_features_teach_nothing(frostline: Command, tmp_path: Path) -> None:
    """One sentence under two labels, and no other: an error, not a classifier."""
    path = tmp_path / "same.tsv"
    path.write_text("the very same words\tgood\nthe very same words\tbad\n" * 9, "utf-8")
    one_error(frostline("train", path, "--text", "1", "--label", "2"), 65, "equal")


def test_contradictions_and_leaks_are_warned_of(frostline: Command, tmp_path: Path) -> None:
    """The same text with two labels, or on both sides, is counted and its lines are named."""
    path, test = tmp_path / "train.tsv", tmp_path / "test.tsv"
    path.write_bytes(GOOD + b"a fine day number 0\tbad\n")
    test.write_bytes(b"a fine day number 3\tgood\nquite new\tbad\n")
    document = frostline("train", path, "--test", test, "-C", "0.1", "--json").document
    told = "\n".join(document["warnings"])
    assert "1 text appears more than once, with different labels (lines 1, 25)" in told
    assert "1 test row is a copy of a training row and was left out of the scores (line 1)." in told
    assert document["test"]["source"]["n_leaks"] == 1


def test_labels_are_exact_strings(frostline: Command, tmp_path: Path) -> None:
    """`1`, ` 1` and an emoji are labels of their own; those that look alike are warned of."""
    path = tmp_path / "labels.tsv"
    labels = ["1", " 1", "\U0001f600"]
    path.write_text("".join(f"text {'abc'[n % 3]} number {n}\t{labels[n % 3]}\n" for n in range(30)), "utf-8")
    document = frostline("train", path, "-C", "0.1", "--json").document
    assert {row["label"] for row in document["data"]["class_counts"]} == set(labels)
    assert any("' 1'" in warning for warning in document["warnings"])


def test_an_encoder_with_a_weight_that_is_no_number_is_refused(
    frostline: Command, reviews: Path, tmp_path: Path
) -> None:
    """The tensor is named; nothing is trained on NaN."""
    folder = make_checkpoint(tmp_path / "encoder")
    tensors = load_file(folder / "model.safetensors")
    tensors["encoder.layer.1.output.dense.weight"][3, 3] = np.nan
    save_file(tensors, folder / "model.safetensors")
    one_error(frostline("train", reviews, "--encoder", folder), 65, "nan", "layers.1", "(3, 3)")


@pytest.mark.parametrize("content", [b"text\tlabel\n", b"text\n", b""], ids=["header", "one column", "empty"])
@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl", ".parquet"])
def test_no_rows_give_a_complete_and_empty_answer(
    frostline: Command, model: Path, tmp_path: Path, content: bytes, suffix: str
) -> None:
    """A header only, or nothing at all: exit code 0, the columns, no row; `train` says that there are none."""
    path, out = tmp_path / "none.tsv", tmp_path / f"scored{suffix}"
    path.write_bytes(content)
    assert frostline("predict", model, path, "--out", out).code == 0
    written = pq.read_table(out).to_pylist() if suffix == ".parquet" else out.read_text("utf-8").splitlines()[1:]
    assert written == []
    assert frostline("embed", path, "--out", tmp_path / "rows.npy").code == 0
    assert len(np.load(tmp_path / "rows.npy")) == 0
    one_error(frostline("train", path, *(["--label", "1"] if content == b"text\n" else [])), 65)


def test_control_characters_of_a_file_never_reach_the_terminal(frostline: Command, tmp_path: Path) -> None:
    """An escape sequence in a label is shown as characters."""
    path = tmp_path / "naughty.tsv"
    path.write_bytes(b"text one\t\x1b[31mred\n" * 6 + b"text two\t\x1b]0;title\x07\n" * 6)
    outcome = frostline("train", path, "-C", "0.1")
    assert "\x1b" not in outcome.out + outcome.err
    assert "\x07" not in outcome.out + outcome.err


def test_the_name_of_a_file_steers_no_terminal(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    """Escape sequences and changes of direction in a path are shown escaped, wherever it stands."""
    path = tmp_path / "ev\x1b[31mil\u202e.tsv"
    path.write_bytes(GOOD + b"ragged\n")
    out = path.with_suffix(".model")
    told = [
        frostline("train", path),
        frostline("train", reviews, "--out", path),
        frostline("embed", reviews, "--out", path / "rows.npy"),
        frostline("train", reviews, "--encoder", path),
        frostline("embed", path, "--out", tmp_path / "rows.npy", "--text", "1", "--max-bad-rows", "1"),
        frostline("train", reviews, "-C", "0.1", "--out", out),
    ]
    assert [outcome.code for outcome in told] == [65, 73, 73, 66, 0, 0]
    for outcome in told:
        assert "ev\\x1b[31mil\\u202e" in "".join(outcome.err.split())
        assert not {"\x1b", "\u202e"} & set(outcome.out + outcome.err)


def test_a_store_that_others_can_write_to_is_refused(
    frostline: Command, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 77, with the command that mends it; `--no-store` goes on without."""
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(0o777)
    monkeypatch.setenv("FROSTLINE_HOME", str(folder))
    one_error(frostline("train", reviews, "-C", "0.1"), 77, "chmod")


def test_a_revision_of_a_contestant_reaches_its_encoder(frostline: Command, tmp_path: Path) -> None:
    """What stands after the @: a folder has none."""
    file = tmp_path / "data.tsv"
    file.write_text("a\tx\nb\ty\n" * 5, "utf-8")
    outcome = frostline(
        "compare", file, "--encoders", f"{tmp_path}@v1,minilm", "--text", "1", "--label", "2", "--no-header"
    )
    assert outcome.code == 2
    assert "A revision belongs to a hub id; '/" in outcome.err


def test_texts_that_the_encoder_cannot_read_are_told_wherever_texts_are_read(
    frostline: Command, model: Path, tmp_path: Path
) -> None:
    """By training, testing, predicting and writing rows; the counts in JSON, the sentence in the card."""
    rows = [
        ("这家店的菜很好吃", "pos"),
        ("服务员态度差", "neg"),
        ("the soup was a joy", "pos"),
        ("the soup was a bore", "neg"),
    ]
    path, made = tmp_path / "both.tsv", tmp_path / "made"
    path.write_text("".join(f"{text} {n}\t{label}\n" for n in range(6) for text, label in rows), "utf-8")
    told = "can hardly read 12 of 24 texts looked at (Chinese or Japanese in 12; "
    quick = ("--features", "mean@-1", "-C", "1", "--no-header", "--json")
    trained = frostline("train", path, "--out", made, *quick).document
    assert [said for said in trained["warnings"] if told in said]
    counts = trained["features"]["legibility"]
    assert (counts["n_texts"], counts["n_unreadable"]) == (24, 12)
    assert counts["scripts"] == [{"script": "Chinese or Japanese", "n_texts": 12}]
    assert "can hardly read 12 of 24 texts" in (made / "README.md").read_text("utf-8")
    assert "can hardly read 12 of 24 texts" in (made / "report.html").read_text("utf-8")
    assert [
        said for said in frostline("evaluate", made, path, "--no-header", "--json").document["warnings"] if told in said
    ]
    assert "can hardly read 1 of 2 texts looked at (Cyrillic in 1)" in frostline("predict", made, "это", "a joy").err
    assert "hardly" not in frostline("predict", made, "a joy 😂").err
    assert "can hardly read 12 of 24" in frostline(
        "embed", path, "--no-header", "--out", tmp_path / "rows.npy"
    ).err.replace("\n", " ")


def test_sets_of_labels_read_without_their_separator_are_told(frostline: Command, tmp_path: Path) -> None:
    """The practical has one label per text, and counts a combination as one."""
    path = tmp_path / "sets.tsv"
    path.write_text("".join(f"text {n}\t{label}\n" for n in range(12) for label in ("a", "b", "a,b")), "utf-8")
    encoder = make_checkpoint(tmp_path / "encoder")
    said = frostline("tutorial", path, "--encoder", encoder, "--text", "1", "--label", "2", "--no-header").err
    assert "1 of the 3 labels are other labels joined by ','" in said


@pytest.mark.parametrize(
    ("lines", "is_told"),
    [
        ("text\nI liked it\nnot bad at all\n", True),
        ("utterance_v2\nI liked it\nnot bad at all\n", True),
        ("good\nI liked it\nfine\n", False),
        ("text\nI liked it\n", False),
        ("text\nI liked it\nnot bad\ntext\n", False),
        ("I liked this\nnot bad at all\nso so\n", False),
    ],
)
def test_a_first_line_that_may_name_a_column_is_told(
    frostline: Command, model: Path, lines: str, *, is_told: bool
) -> None:
    """Of standard input, whose every line is a text: as many answers as lines, and a sentence."""
    result = frostline("predict", model, stdin=lines.encode())
    assert len(result.out.splitlines()) == len(lines.splitlines())
    first = lines.split("\n", maxsplit=1)[0]
    said = f"The first line ('{first}') was answered as a text (--header, if it names the column).\n"
    assert (said in result.err) is is_told


@pytest.mark.parametrize(
    "arguments",
    [
        ("help", "x" * 10_000),
        ("embed", "FILE", "--encoder", "x" * 5_000, "--out", "OUT"),
        ("predict", "MODEL", "FILE", "--out", "x" * 300 + ".csv"),
        ("train", "FILE", "--out", "y" * 300),
        ("evaluate", "z" * 300, "FILE"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_name_that_is_too_long_is_no_bug(
    frostline: Command, model: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    path = tmp_path / "rows.tsv"
    path.write_bytes(GOOD)
    known = {"FILE": path, "MODEL": model, "OUT": tmp_path / "rows.npy"}
    result = frostline(*(known.get(word, word) for word in arguments))
    assert result.code in {2, 66, 73}
    assert "bug" not in result.err


def test_a_column_s_number_of_any_length_is_a_name(frostline: Command, tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_bytes(GOOD)
    one_error(frostline("train", path, "--text", "9" * 5_000), 65, "9999")
    one_error(frostline("train", path, "--labels", "2-" + "9" * 5_000), 65, "9999")


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\x7fELF\x02\x01\x01\0\xd0\0", b"\xff\xd8\xff\xe0\0\x10JFIF"]
)
def test_another_encoding_is_not_advised_for_what_is_no_text(
    frostline: Command, model: Path, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "picture.dat"
    path.write_bytes(content)
    result = frostline("predict", model, path, "--out", tmp_path / "scored.csv")
    one_error(result, 65, "It holds bytes that stand in no text: name a table")
    assert "--encoding" not in result.err


@pytest.mark.parametrize("verb", ["predict", "train"])
@pytest.mark.parametrize("content", [b'[["a text", 1], ["another", 2]]', b'["a text", "another"]'])
def test_rows_that_are_no_objects_are_not_advised_to_be_left_out(
    frostline: Command, model: Path, tmp_path: Path, verb: str, content: bytes
) -> None:
    """All are so, as pandas' orient="values" writes them: no row would be left."""
    path = tmp_path / "rows.json"
    path.write_bytes(content)
    arguments = (model, path, "--out", tmp_path / "scored.csv") if verb == "predict" else (path,)
    result = frostline(verb, *arguments)
    one_error(result, 65, "Write each row as an object with names")
    assert "--max-bad-rows" not in result.err
