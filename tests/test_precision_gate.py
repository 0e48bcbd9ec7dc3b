"""`auto`: int8 only where it reads the user's own texts as float32 does; what was measured is told."""

import dataclasses
import json
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from frostline import SentenceClassifier
from frostline.arrays import Features
from frostline.artifact.model import open_model
from frostline.cli.main import cli
from frostline.data.sample import load_sample
from frostline.encoder import precision
from frostline.encoder.encoder import Encoder
from frostline.encoder.precision import Gate, Precision, PrecisionRecord, PrecisionWarning, cosines
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import UsageError
from frostline.export.run import export
from frostline.machine import Machine, this_machine
from frostline.precision import equal_predictions, measured, sample_of, settle
from frostline.report.phrases import precision_facts
from frostline.targets import Targets
from record_examples import example_record

sys.path.insert(0, str(Path(__file__).parent / "encoder"))

from graph_tools import bundled_minilm


def machine_with(*instructions: str) -> Machine:
    return dataclasses.replace(this_machine(), processor="Test 1", instructions=instructions)


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "this_machine", lambda: machine_with("avx2", "avx512_vnni"))


@pytest.fixture
def unable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "this_machine", lambda: machine_with("avx"))


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "this_machine", lambda: machine_with("avx", "avx2"))


@pytest.fixture(scope="module", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """MiniLM's int8 weights are built once for all tests here."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FROSTLINE_HOME", str(folder))
        yield


def opener(name: str, features: str = "mean@-1") -> "object":
    def open_in(wanted: Precision) -> SentenceEncoder:
        return Encoder.open(name, features=features, precision=wanted, max_length=32)

    return open_in


def nobody(_: Precision) -> SentenceEncoder:
    pytest.fail("opened an encoder")


@pytest.fixture(scope="module")
def spiky(tmp_path_factory: pytest.TempPathFactory) -> str:
    """MiniLM with channels planted that no scale can hold beside the others: in the attention's mixtures.

    Values are made 3,000 times larger in three columns and the next product's weights smaller by as much, which changes
    nothing in float32. Those mixtures are not evened out, so their rows have a few levels left.
    """
    from safetensors.numpy import load_file, save_file  # noqa: PLC0415 - only here

    folder = tmp_path_factory.mktemp("spiky") / "encoder"
    shutil.copytree(bundled_minilm(), folder)
    tensors = dict(load_file(folder / "model.safetensors"))
    for layer in range(6):
        value, after = f"encoder.layer.{layer}.attention.self.value", f"encoder.layer.{layer}.attention.output.dense"
        for column in (5, 100, 300):
            tensors[f"{value}.weight"][column] *= 3000
            tensors[f"{value}.bias"][column] *= 3000
            tensors[f"{after}.weight"][:, column] /= 3000
    save_file(tensors, folder / "model.safetensors")
    return str(folder)


@pytest.fixture(scope="module")
def sample() -> tuple[list[str], list[str]]:
    rows = load_sample().train
    return list(rows.texts)[:120], list(rows.labels)[:120]


@pytest.mark.usefixtures("able")
def test_minilm_passes_on_the_sample(sample: tuple[list[str], list[str]]) -> None:
    texts, labels = sample
    record = settle("auto", opener("minilm"), texts, Targets.of_labels(labels))  # type: ignore[arg-type]  # a plain function
    assert (record.asked, record.used) == ("auto", "int8")
    assert record.gate is not None
    assert record.gate.mean_cosine >= 0.998
    assert record.gate.n_equal >= 0.99 * record.gate.n_predicted > 0
    assert f"{record.gate.n_equal} of {record.gate.n_predicted} equal predictions" in record.reason


@pytest.mark.usefixtures("able")
@pytest.mark.filterwarnings("ignore:.* is used otherwise by its makers:UserWarning")
def test_an_encoder_with_planted_outliers_stays_in_float32(spiky: str, sample: tuple[list[str], list[str]]) -> None:
    """Its float32 rows are MiniLM's; in int8 they are not."""
    texts, labels = sample
    plain = Encoder.open("minilm", features="mean@-1", max_length=32).encode(texts[:20]).rows
    assert np.abs(Encoder.open(spiky, features="mean@-1", max_length=32).encode(texts[:20]).rows - plain).max() < 1e-4
    record = settle("auto", opener(spiky), texts, Targets.of_labels(labels))  # type: ignore[arg-type]  # a plain function
    assert record.used == "float32"
    assert record.gate is not None
    assert not record.gate.is_passed
    assert record.reason.startswith("int8 did not pass on your own texts: ")


@pytest.mark.usefixtures("older")
def test_with_avx2_alone_rows_have_seven_bits(sample: tuple[list[str], list[str]], tmp_path: Path) -> None:
    """Behind the same gate; a classifier that learned from them is read, on any processor, in the same."""
    texts, labels = sample
    open_in = opener("minilm", "mean@all")
    record = settle("auto", open_in, texts, Targets.of_labels(labels))  # type: ignore[arg-type]  # a plain function
    assert (record.asked, record.used) == ("auto", "int7")
    assert record.reason.startswith("int7 passed on your own texts: ")
    asked = settle("int8", nobody)
    assert (asked.used, asked.gate) == ("int7", None)
    assert facts_of(asked) == (
        "int7 (int8 was asked for): This processor has AVX2 and no instruction for int8: rows of 7 bits are exact on "
        "it, and faster."
    )
    with warnings.catch_warnings(action="error", category=PrecisionWarning):
        classifier = SentenceClassifier("minilm", precision="int8", features="mean@-1", C=1.0, store=False)
        classifier.fit(texts, labels).save(tmp_path / "model")
    assert classifier.encoder_.identity.precision == "int7"
    found = SentenceClassifier("minilm", precision="int7", features="mean@-1", C=1.0, store=False)  # as loaded
    assert found.fit(texts, labels).encoder_.identity.precision == "int7"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "this_machine", lambda: machine_with("avx2", "avx512_vnni"))
        opened = open_model(tmp_path / "model")
        assert opened.encoder.identity.precision == "int7"
        assert opened.predict_proba(texts[:5]) == pytest.approx(classifier.predict_proba(texts[:5]), abs=1e-9)
    done = export(opened, tmp_path / "exported")
    assert (done.precision, done.difference < 1e-5) == ("int7", True)


@pytest.mark.usefixtures("unable")
def test_without_the_instruction_auto_is_float32_and_costs_nothing() -> None:
    record = settle("auto", nobody, ["a"] * 1000, Targets.of_labels(["b"] * 1000))
    assert (record.used, record.gate) == ("float32", None)
    assert "Test 1" in record.reason


@pytest.mark.usefixtures("able")
def test_a_report_names_the_instruction_that_reads_and_the_reason_why_none_does() -> None:
    asked = settle("int8", nobody, ["a"])
    assert (asked.used, asked.gate) == ("int8", None)
    assert facts_of(asked) == "int8 (as asked): This processor has an instruction for it (avx512_vnni)."
    few = settle("auto", nobody, ["a"])
    assert facts_of(few).startswith("float32 (auto was asked for): 1 distinct text is too few")
    assert precision_facts(dataclasses.replace(example_record(), precision=settle("float32", nobody, ["a"]))) == ()


def facts_of(record: PrecisionRecord) -> str:
    return precision_facts(dataclasses.replace(example_record(), precision=record))[0][1]


@pytest.mark.usefixtures("able")
def test_too_few_texts_are_not_tried() -> None:
    record = settle("auto", nobody, [f"text {n % 49}" for n in range(500)])
    assert record.used == "float32"
    assert record.reason == "49 distinct texts are too few to try int8 on (at least 50)."


@pytest.mark.usefixtures("able")
def test_without_labels_the_rows_alone_decide(sample: tuple[list[str], list[str]]) -> None:
    calls: list[tuple[int, int]] = []
    record = settle("auto", opener("minilm"), sample[0], progress=lambda *told: calls.append(told))  # type: ignore[arg-type]
    assert record.gate is not None
    assert (record.gate.n_predicted, record.used) == (0, "int8")
    assert calls[-1] == (240, 240)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


@pytest.mark.parametrize(
    ("n_equal", "cosine", "used"),
    [(495, 0.9981, "int8"), (494, 0.9999, "float32"), (500, 0.9979, "float32"), (500, 0.998, "int8")],
)
def test_the_gate_needs_99_percent_and_a_cosine_of_998(n_equal: int, cosine: float, used: str) -> None:
    gate = Gate(n_texts=500, mean_cosine=cosine, lowest_cosine=0.9, n_predicted=500, n_equal=n_equal)
    assert gate.is_passed is (used == "int8")


def test_predictions_are_compared_on_texts_that_the_head_has_not_seen() -> None:
    """Rows of noise: a head that had learned from the texts would say of all of them what it had learned."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(200, 300)).astype(np.float32)
    other = generator.normal(size=(200, 300)).astype(np.float32)
    labels = Targets.of_codes(generator.integers(0, 2, 200), "ab")
    n_predicted, n_equal = equal_predictions(rows, rows * np.float32(0.5) + other * np.float32(0.5), labels)
    assert n_predicted == 200
    assert n_equal < 190
    assert equal_predictions(rows, rows, labels) == (200, 200)


def test_labels_that_few_texts_have_take_no_part() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    labels = Targets.of_labels(["a", "b"] * 28 + ["c", "d", "e", "f"])
    assert equal_predictions(rows, rows, labels) == (56, 56)
    assert measured(rows, rows, Targets.of_labels([str(n) for n in range(60)])).n_predicted == 0


def sets_told(rows: Features) -> list[list[str]]:
    """A label for each of two columns, which a text has where the column is above 0."""
    return [[label for label, value in zip("ab", row, strict=True) if value > 0] for row in rows.tolist()]


def test_answers_of_several_labels_are_equal_where_all_labels_are() -> None:
    """A column turned round turns one label of every text, so that no answer is the same."""
    rows = np.random.default_rng(1).normal(size=(120, 2)).astype(np.float32)
    targets = Targets.of_sets(sets_told(rows))
    assert equal_predictions(rows, rows, targets) == (120, 120)
    n_predicted, n_equal = equal_predictions(rows, rows * np.array([1, -1], np.float32), targets)
    assert n_predicted == 120
    assert n_equal < 12
    gate = measured(rows, rows, targets)
    assert (gate.n_predicted, gate.n_equal) == (120, 120)


def test_a_rare_label_takes_no_part_and_a_text_that_has_another_does() -> None:
    """Four texts have `rare`: three have others too; texts without labels count."""
    rows = np.random.default_rng(2).normal(size=(60, 2)).astype(np.float32)
    sets = sets_told(rows)
    sets[0] = ["rare"]
    for place in (1, 2, 3):
        sets[place] = ["a", "rare"]
    assert [] in sets
    assert equal_predictions(rows, rows, Targets.of_sets(sets)) == (59, 59)
    assert equal_predictions(rows, rows, Targets.of_sets([*sets[:4], ["a", "rare"], *sets[5:]])) == (60, 60)


@pytest.mark.parametrize(("n_without", "n_predicted"), [(4, 0), (5, 60)])
def test_a_label_that_nearly_all_texts_have_cannot_be_learned(n_without: int, n_predicted: int) -> None:
    rows = np.random.default_rng(3).normal(size=(60, 2)).astype(np.float32)
    targets = Targets.of_sets([[]] * n_without + [["a"]] * (60 - n_without))
    assert equal_predictions(rows, rows, targets) == (n_predicted, n_predicted)


def test_cosines_of_rows() -> None:
    rows = np.array([[1, 0], [0, 0], [0, 0], [3, 4]], np.float32)
    other = np.array([[0, 2], [0, 0], [1, 0], [6, 8]], np.float32)
    assert np.allclose(cosines(rows, other), [0, 1, 0, 1])


@pytest.mark.parametrize("n", [1, 499, 500, 501, 10_000])
def test_a_sample_is_spread_evenly_and_starts_and_ends_with_the_texts(n: int) -> None:
    rows = sample_of(n)
    assert len(rows) == min(n, 500)
    assert (rows[0], rows[-1]) == (0, n - 1)
    assert len(rows) < 2 or np.diff(rows).max() <= -(-n // 499)


def test_another_word_is_refused() -> None:
    with pytest.raises(UsageError, match="float32 or int8 or bfloat16 or auto"):
        settle("int4", nobody)  # type: ignore[arg-type]  # what a user may write


@pytest.mark.usefixtures("able")
def test_a_classifier_in_int8_is_saved_and_read_in_int8_on_any_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: tuple[list[str], list[str]]
) -> None:
    texts, labels = sample
    trained = SentenceClassifier(features="mean@-1", C=0.01, precision="int8").fit(texts, labels)
    assert trained.precision_ is not None
    assert trained.precision_.used == "int8"
    expected = trained.predict_proba(texts[:20])
    trained.save(tmp_path / "model")
    monkeypatch.setattr(precision, "this_machine", lambda: machine_with("avx2"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = open_model(tmp_path / "model")
    assert model.encoder.identity.precision == "int8"
    assert (model.predict_proba(texts[:20]) == expected).all()
    again = SentenceClassifier.load(tmp_path / "model")
    assert (again.predict_proba(texts[:20]) == expected).all()


@pytest.mark.usefixtures("unable")
def test_a_classifier_asked_for_int8_in_vain_warns_once(sample: tuple[list[str], list[str]]) -> None:
    texts, labels = sample
    with pytest.warns(PrecisionWarning, match="float32 is used instead of int8") as told:
        trained = SentenceClassifier(features="mean@-1", C=0.01, precision="int8").fit(texts, labels)
    assert len(told) == 1
    assert trained.encoder_.identity.precision == "float32"


def write_table(path: Path, sample: tuple[list[str], list[str]]) -> Path:
    path.write_text("".join(f"{text}\t{label}\n" for text, label in zip(*sample, strict=True)), "utf-8")
    return path


@pytest.mark.usefixtures("able")
def test_train_auto_tells_the_gate_s_figures(tmp_path: Path, sample: tuple[list[str], list[str]]) -> None:
    file = write_table(tmp_path / "rows.tsv", sample)
    asked = ["train", str(file), "--features", "mean@-1", "-C", "0.01", "--precision", "auto", "--json"]
    found = CliRunner().invoke(cli, asked)
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert document["encoder"]["precision"] == "int8"
    assert document["precision"]["gate"]["n_texts"] == 90  # the rows that the head learns from, not those tested
    assert "Reading in int8. int8 passed on your own texts" in " ".join(found.stderr.split())


@pytest.mark.usefixtures("unable")
@pytest.mark.parametrize("verb", ["train", "sweep", "review", "embed"])
def test_a_verb_asked_for_int8_in_vain_says_so_in_one_sentence(
    verb: str, tmp_path: Path, sample: tuple[list[str], list[str]]
) -> None:
    file = write_table(tmp_path / "rows.tsv", sample)
    more = {
        "train": ["--features", "mean@-1", "-C", "0.01", "--json"],
        "sweep": ["-C", "0.01", "--json", "--no-joins", "--max-length", "16"],
        "review": ["--max-length", "16", "--foldings", "1", "--json"],
        "embed": ["--out", str(tmp_path / "rows.npy")],
    }[verb]
    found = CliRunner().invoke(cli, [verb, str(file), "--precision", "int8", *more])
    assert found.exit_code == 0, found.output
    assert " ".join(found.stderr.split()).count("Reading in float32. This processor (Test 1) has no instruction") == 1
    if verb == "train":
        assert json.loads(found.stdout)["precision"]["used"] == "float32"


@pytest.mark.usefixtures("able")
def test_embed_auto_tries_the_file_s_own_texts(tmp_path: Path, sample: tuple[list[str], list[str]]) -> None:
    file, out = write_table(tmp_path / "rows.tsv", sample), tmp_path / "rows.npy"
    asked = ["embed", str(file), "--features", "mean@-1", "--out", str(out), "--precision", "auto"]
    found = CliRunner().invoke(cli, asked)
    assert found.exit_code == 0, found.output
    rows = np.load(out)
    assert (rows == Encoder.open(features="mean@-1", precision="int8").encode(sample[0]).rows).all()
