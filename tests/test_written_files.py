"""Predictions and features as files: byte for byte what is promised, whatever stands in a text or a label."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from fakes import FakeEncoder
from frostline.errors import InputError, UsageError
from frostline.score.answers import Layout, Prediction, as_document, predictions
from frostline.score.files import refuse_format, write_predictions
from frostline.score.rows import refuse_format as refuse_embedding
from frostline.score.rows import write_features
from frostline.targets import Answers

LAYOUT = Layout(kind="one label", labels=("no", "yes"))


def prediction(
    text: str, column: int, probabilities: tuple[float, float], *, is_answered: bool = True, is_cut: bool = False
) -> Prediction:
    return Prediction(
        text=text,
        favoured=(LAYOUT.labels[column],),
        shares=(probabilities[column],),
        is_answered=is_answered,
        probability=probabilities[column],
        probabilities=probabilities,
        is_cut=is_cut,
    )


FOUND = (
    prediction("plain", 0, (0.75, 0.25)),
    prediction('a\tb\nc\rd, "e"', 1, (0.123456789, 0.876543211), is_cut=True),
    prediction("unsure", 1, (0.5, 0.5), is_answered=False),
    prediction("bent", 1, (0.7, 0.3)),
)


@dataclass(frozen=True)
class FakeModel:
    """Answers as it was told to."""

    told: Answers

    def answer(self, texts: Sequence[str], *, with_likeness: bool) -> Answers:
        assert len(texts) == len(self.told)
        assert not with_likeness
        return self.told


def test_the_probability_is_that_of_the_answer() -> None:
    """The most probable label's, unless a rule chose another or none."""
    model = FakeModel(
        Answers(
            labels=("no", "yes"),
            favoured=np.array([[True, False], [False, True], [False, True], [False, True]]),
            answered=np.array([True, True, False, True]),
            probabilities=np.array([one.probabilities for one in FOUND]),
            cut=np.array([False, True, False, False]),
            exclusive=True,
        )
    )
    assert tuple(predictions(model, [one.text for one in FOUND])) == FOUND  # type: ignore[arg-type] # all that is asked
    assert [one.probability for one in FOUND] == [0.75, 0.876543211, 0.5, 0.3]


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (
            ".tsv",
            (
                "text\tlabel\tprobability\tp(no)\tp(yes)\n"
                "plain\tno\t0.75\t0.75\t0.25\n"
                'a b c d, "e"\tyes\t0.876543\t0.123457\t0.876543\n'
                "unsure\t\t0.5\t0.5\t0.5\n"
                "bent\tyes\t0.3\t0.7\t0.3\n"
            ),
        ),
        (
            ".csv",
            (
                "text,label,probability,p(no),p(yes)\n"
                "plain,no,0.75,0.75,0.25\n"
                '"a\tb\nc\rd, ""e""",yes,0.876543,0.123457,0.876543\n'
                "unsure,,0.5,0.5,0.5\n"
                "bent,yes,0.3,0.7,0.3\n"
            ),
        ),
        (
            ".jsonl",
            (
                '{"text": "plain", "label": "no", "probabilities": {"no": 0.75, "yes": 0.25}}\n'
                r'{"text": "a\tb\nc\rd, \"e\"", "label": "yes", "probabilities": {"no": 0.123456789, '
                '"yes": 0.876543211}}\n'
                '{"text": "unsure", "label": null, "probabilities": {"no": 0.5, "yes": 0.5}}\n'
                '{"text": "bent", "label": "yes", "probabilities": {"no": 0.7, "yes": 0.3}}\n'
            ),
        ),
    ],
)
def test_a_file_of_predictions_is_this(tmp_path: Path, suffix: str, content: str) -> None:
    path = tmp_path / f"out{suffix}"
    assert write_predictions(path, iter(FOUND), LAYOUT) == 4
    assert path.read_bytes().decode() == content
    assert write_predictions(path, iter(()), LAYOUT) == 0
    assert path.read_bytes().decode() == ("" if suffix == ".jsonl" else content.split("\n", maxsplit=1)[0] + "\n")


def test_predictions_in_parquet_keep_every_digit(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    assert write_predictions(path, iter(FOUND), LAYOUT) == 4
    assert pq.read_table(path).to_pydict() == {
        "text": [one.text for one in FOUND],
        "label": ["no", "yes", None, "yes"],
        "probability": [0.75, 0.876543211, 0.5, 0.3],
        "p(no)": [0.75, 0.123456789, 0.5, 0.7],
        "p(yes)": [0.25, 0.876543211, 0.5, 0.3],
    }
    many = [prediction(str(row), 0, (1.0, 0.0)) for row in range(4100)]  # more than one window
    assert write_predictions(path, iter(many), LAYOUT) == 4100
    assert pq.read_table(path).column("text").to_pylist() == [str(row) for row in range(4100)]


def test_labels_that_are_numbers_or_truths_are_themselves_in_json() -> None:
    layout = Layout(kind="one label", labels=(False, True))
    found = Prediction(text="t", favoured=(True,), shares=(0.75,), probability=0.75, probabilities=(0.25, 0.75))
    assert as_document(found, layout) == {
        "text": "t",
        "label": True,
        "probabilities": {"False": 0.25, "True": 0.75},
    }


@pytest.mark.parametrize("name", ["out.txt", "out", "out.TSV", "out.npy"])
def test_a_name_says_the_format_or_is_refused(tmp_path: Path, name: str) -> None:
    said = f"{name}: the name must end in .tsv, .csv, .jsonl, .parquet, which says the format."
    with pytest.raises(UsageError) as caught:
        refuse_format(Path(name))
    assert caught.value.message == said
    with pytest.raises(UsageError, match=r"which says the format"):
        write_predictions(tmp_path / name, iter(FOUND), LAYOUT)
    assert list(tmp_path.iterdir()) == []


def test_features_are_written_in_these_formats_alone(tmp_path: Path) -> None:
    for suffix in (".npy", ".safetensors", ".parquet"):
        refuse_embedding(Path(f"rows{suffix}"))
    with pytest.raises(UsageError) as caught:
        write_features(tmp_path / "rows.csv", FakeEncoder(), lambda: ["a"])
    assert caught.value.message == (
        f"{tmp_path}/rows.csv: the name must end in .npy, .safetensors, .parquet, which says the format."
    )
    assert list(tmp_path.iterdir()) == []


def rows_in(path: Path) -> np.ndarray:
    """The rows of a file of features, by the library whose format it is."""
    if path.suffix == ".npy":
        return np.asarray(np.load(path, allow_pickle=False))
    if path.suffix == ".safetensors":
        return np.asarray(load_file(path)["rows"])
    column = pq.read_table(path).column("features")
    return np.array(column.to_pylist(), np.float32).reshape(len(column), -1 if len(column) else 3)


@pytest.mark.parametrize("suffix", [".npy", ".safetensors", ".parquet"])
@pytest.mark.parametrize("n_texts", [0, 1, 3, 8193])
def test_features_come_back_as_the_encoder_gave_them(tmp_path: Path, suffix: str, n_texts: int) -> None:
    """In order, over more than one window; cut texts are counted, progress is told at each window's end."""
    texts = ["one", "a b c d e f", "x y"] if n_texts < 100 else ["one", "a b c d e f"] * (n_texts // 2) + ["x"]
    encoder, told = FakeEncoder("cls@-1", hidden_size=3, max_length=6), []
    path = tmp_path / f"rows{suffix}"
    written = write_features(
        path, encoder, lambda: iter(texts[:n_texts]), progress=lambda done, total: told.append((done, total))
    )
    n_cut = sum(len(text.split()) + 2 > 6 for text in texts[:n_texts])
    assert (written.n_rows, written.n_features, written.n_cut) == (n_texts, 3, n_cut)
    assert len(written.warnings) == bool(n_cut)
    rows = rows_in(path)
    assert len(rows) == n_texts
    if n_texts:
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(rows, encoder.encode(texts[:n_texts]).rows)
    ends = [end for end in (8192, n_texts) if 0 < end <= n_texts]
    assert told == [(end, n_texts) for end in dict.fromkeys(ends)]


def test_headers_are_aligned_as_the_formats_ask(tmp_path: Path) -> None:
    """NumPy's data begin at a multiple of 64, those of safetensors at a multiple of 8."""
    for hidden in range(1, 12):
        encoder = FakeEncoder("cls@-1", hidden_size=hidden)
        write_features(tmp_path / "rows.npy", encoder, lambda: ["a", "b"])
        content = (tmp_path / "rows.npy").read_bytes()
        assert content[:8] == b"\x93NUMPY\x01\x00"
        assert (10 + int.from_bytes(content[8:10], "little")) % 64 == 0
        assert len(content) == 10 + int.from_bytes(content[8:10], "little") + 2 * hidden * 4
        write_features(tmp_path / "rows.safetensors", encoder, lambda: ["a", "b"])
        content = (tmp_path / "rows.safetensors").read_bytes()
        length = int.from_bytes(content[:8], "little")
        assert length % 8 == 0
        assert json.loads(content[8 : 8 + length]) == {
            "rows": {"dtype": "F32", "shape": [2, hidden], "data_offsets": [0, 8 * hidden]}
        }
        assert len(content) == 8 + length + 8 * hidden


def test_the_column_of_features_is_of_lists_of_one_length(tmp_path: Path) -> None:
    write_features(tmp_path / "rows.parquet", FakeEncoder("cls@-1", hidden_size=4), lambda: ["a"])
    assert pq.read_schema(tmp_path / "rows.parquet").field("features").type == pa.list_(pa.float32(), 4)


def test_texts_that_change_between_the_two_passes_leave_no_file(tmp_path: Path) -> None:
    passes = iter([["a", "b"], ["a", "b", "c"]])

    def texts() -> Iterator[str]:
        return iter(next(passes))

    with pytest.raises(InputError) as caught:
        write_features(tmp_path / "rows.npy", FakeEncoder(), texts)
    assert caught.value.message == "The texts must not change while they are read (there were 2, then 3)."
    assert caught.value.hint == "Run the same command again when nothing writes to the file."
    assert list(tmp_path.iterdir()) == []


def test_words_are_no_features_to_write(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write_features(tmp_path / "rows.npy", FakeEncoder("mean@-1+words"), lambda: ["a"])
    assert caught.value.message == "Only an encoder's numbers can be written as rows (got features mean@-1+words)."
    assert caught.value.hint == "Leave out +words: words are counted by a vocabulary, which comes with training."
