"""Fine-tuning: what can be said without torch, and a run of a tiny encoder with it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from sklearn.base import clone

from fakes import FakeEncoder
from frostline.classifier import SentenceClassifier
from frostline.cli.finetune import cost_text
from frostline.data.copies import digests_of
from frostline.data.dataset import Dataset, Source
from frostline.encoder.architecture import require_torch, settle_backend
from frostline.encoder.files import CONFIG, ENCODER_FOLDER, SEEN
from frostline.encoder.seen import refuse_seen, refuse_seen_alone, seen_by, seen_bytes
from frostline.errors import ArtifactCorrupt, InputError, UnavailableError, UsageError
from frostline.finetune import Cost, FineTune
from frostline.finetune.loop import HIDDEN, STATE, _batches, _is_over, _plan, rate_scale
from frostline.finetune.network import Units
from frostline.head.options import SearchOptions
from frostline.record import TuningRecord
from frostline.report.card import model_card
from frostline.report.document import as_document
from frostline.report.page import report_html
from frostline.report.phrases import MINUS, tuning_text
from frostline.sweep.compare import Contestant, compare
from frostline.targets import Targets
from frostline.training.parameters import kept_parameters, read_parameters
from frostline.training.tuning import _nothing_left, finetune, run_folder
from frostline.tutorial.lesson import give_lesson
from record_examples import example_record, tuning


class Named:
    """An encoder of which only the name is asked."""

    def __init__(self, name: str) -> None:
        self.identity = type("Identity", (), {"name": name})()


@pytest.fixture
def tuned(tmp_path: Path) -> Any:
    (tmp_path / SEEN).write_bytes(seen_bytes(["Fine!", "dull", "fine"]))
    return Named(str(tmp_path))


def test_a_tuned_encoder_knows_copies_of_its_texts(tuned: Any) -> None:
    found = seen_by(tuned)
    assert found is not None
    assert len(found) == 2
    with pytest.raises(InputError, match="1 of 2 texts are ones that this encoder was tuned on"):
        refuse_seen(["FINE", "new"], tuned)
    refuse_seen(["new", "other"], tuned)


def test_an_encoder_that_is_tuned_again_knows_what_it_was_tuned_on_before(tuned: Any, tmp_path: Path) -> None:
    (tmp_path / SEEN).write_bytes(seen_bytes(["new", "dull"], seen_by(tuned)))
    found = seen_by(tuned)
    assert found is not None
    assert found.tolist() == np.unique(digests_of(["fine", "dull", "new"])).tolist()


def test_the_lesson_refuses_what_its_encoder_was_tuned_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its classifier would be right nearly always, and teach nothing."""
    monkeypatch.setattr("frostline.tutorial.lesson._refuse_untaught", lambda _encoder: None)
    (tmp_path / SEEN).write_bytes(seen_bytes(["fine 3"]))
    texts = [f"{'fine' if place % 2 else 'dull'} {place}" for place in range(40)]
    dataset = SimpleNamespace(texts=texts, labels=[text.split()[0] for text in texts])
    readers = SimpleNamespace(practical=Named(str(tmp_path)))
    with pytest.raises(InputError, match="1 of 40 texts are ones that this encoder was tuned on"):
        next(give_lesson(cast("Any", dataset), cast("Any", readers)))


def test_the_folder_of_a_saved_classifier_stands_for_its_encoder(tmp_path: Path) -> None:
    """However it is spelt: what its encoder has seen lies where its weights do."""
    own = tmp_path / "model" / ENCODER_FOLDER
    own.mkdir(parents=True)
    (own / CONFIG).write_text("{}", "utf-8")
    (own / SEEN).write_bytes(seen_bytes(["fine"]))
    (tmp_path / "link").symlink_to(tmp_path / "model")
    for name in ("model", "model/", "link", "model/encoder", "model/encoder/", "link/encoder", "model/../model"):
        with pytest.raises(InputError, match="1 of 2 texts are ones that this encoder was tuned on"):
            refuse_seen(["FINE", "new"], cast("Any", Named(f"{tmp_path}/{name}")))


def test_only_where_no_text_is_new_is_an_evaluation_refused(tuned: Any) -> None:
    refuse_seen_alone(["fine", "new"], tuned)
    with pytest.raises(InputError, match="2 of 2 texts"):
        refuse_seen_alone(["fine", "dull"], tuned)


def test_another_encoder_has_seen_nothing(tmp_path: Path) -> None:
    assert seen_by(Named(str(tmp_path))) is None  # type: ignore[arg-type]
    refuse_seen(["fine"], Named("minilm"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("epochs", 0, "at least 1"),
        ("rate", 0.0, "above 0"),
        ("held_out", 1.0, "between"),
        ("epochs", 1.5, "epochs must be a whole number"),
        ("epochs", True, "a whole number"),
        ("rate", "x", "rate must be a number"),
        ("average", 1.5, "0 to 1"),
        ("products", "int8", r"products must be auto, float32 or bfloat16 \(got .*int8"),
    ],
)
def test_options_out_of_range_are_refused(name: str, value: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        replace(FineTune(), **{name: value})


@pytest.mark.parametrize(("given", "width", "rate"), [(None, 384, 2e-4), (None, 768, 5e-5), (1e-3, 768, 1e-3)])
def test_a_rate_that_is_not_said_falls_as_the_square_of_the_width(given: float | None, width: int, rate: float) -> None:
    assert FineTune(rate=given).rate_at(width) == pytest.approx(rate)


def test_embeddings_are_trained_only_with_all_layers() -> None:
    FineTune(embeddings=True)
    with pytest.raises(UsageError, match=r"only where no layer is frozen \(freeze_layers is 1\)"):
        FineTune(embeddings=True, freeze_layers=1)


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(
        UnavailableError, match=r"Fine-tuning needs torch and transformers .* are not installed"
    ) as told:
        require_torch("Fine-tuning")
    assert "frostline[torch]" in str(told.value.hint)


def test_batches_hold_every_row_once_within_the_budget() -> None:
    lengths = np.random.RandomState(0).randint(3, 60, 200).astype(np.int64)
    batches = _batches(np.arange(200), lengths, FineTune(token_budget=256, batch_texts=8), 0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(200))
    assert max(len(batch) * int(lengths[batch].max()) for batch in batches) <= 256
    assert max(map(len, batches)) <= 8


def test_few_rows_take_as_many_epochs_as_make_the_steps() -> None:
    lengths = np.full(64, 5, dtype=np.int64)
    how = FineTune(batch_texts=32, epochs=3, few_steps=9)
    plans = [_plan(np.arange(64), lengths, how, is_judged=judged) for judged in (False, True)]
    assert [len(plan) for plan in plans] == [5, 3]
    assert len(_plan(np.arange(64), lengths, replace(how, few_steps=6), is_judged=False)) == 3


def test_rates_rise_then_fall_in_a_line() -> None:
    assert [rate_scale(step, 10, 0.2) for step in (0, 1, 2, 6, 9)] == [0.5, 1.0, 1.0, 0.5, 0.125]


TEXTS = [
    "fine and bright",
    "dull and grey",
    "bright as day",
    "grey as ash",
    "fine day",
    "dull ash",
    "so bright",
    "so grey",
]
LABELS = ["good", "bad"] * 4


@pytest.fixture
def tuned_on_one(tmp_path: Path) -> FakeEncoder:
    """An encoder that was tuned on the first of `TEXTS`: what it has seen lies in the folder that names it."""
    (tmp_path / SEEN).write_bytes(seen_bytes(TEXTS[:1]))
    return FakeEncoder(weights=str(tmp_path))


def test_the_estimator_refuses_what_its_encoder_was_tuned_on(tuned_on_one: FakeEncoder) -> None:
    """And takes the others."""
    classifier = SentenceClassifier(encoder=tuned_on_one, features="mean@all", store=False, C=1.0)
    with pytest.raises(InputError, match="1 of 8 texts are ones that this encoder was tuned on"):
        classifier.fit(TEXTS, LABELS)
    assert tuned_on_one.read == []
    classifier.fit(TEXTS[1:], LABELS[1:])


def test_a_comparison_refuses_what_any_encoder_was_tuned_on(tuned_on_one: FakeEncoder) -> None:
    """Before a text is read."""
    fresh = FakeEncoder()
    contestants = [
        Contestant(name=name, features="mean@all", kept=encoder, fresh=encoder, size_bytes=0, peak_bytes=None)
        for name, encoder in (("plain", fresh), ("tuned", tuned_on_one))
    ]
    dataset = Dataset(
        texts=TEXTS,
        targets=Targets.of_labels(LABELS),
        lines=list(range(8)),
        source=Source(name="texts.tsv", sha256="0", size_bytes=1, text_column="1", label_column="2"),
    )
    with pytest.raises(InputError, match="1 of 8 texts are ones that this encoder was tuned on"):
        compare(dataset, contestants, search=SearchOptions(Cs=(1.0,), n_folds=2))
    assert fresh.read == []


def test_a_feature_that_does_not_move_is_measured_in_a_tenth_of_what_is_usual() -> None:
    """Or a head would hold coefficients of a billion, and the first step of tuning would move decisions by hundreds."""
    rows = np.random.RandomState(0).randn(50, 6).astype(np.float32) * np.float32(2.0)
    rows[:, 1] = 3.0 + 1e-7 * rows[:, 1]
    rows[:, 3:] = 5.0
    units = Units.of(rows, n_blocks=2)
    spread = rows.std(0, dtype=np.float64)
    usual = float(np.median(spread[:3]))
    assert units.scale == pytest.approx([spread[0], usual / 10, spread[2], 1.0, 1.0, 1.0])
    assert np.abs(units.measured(rows)[:, 1]).max() < 1e-5
    assert units.measured(rows)[:, [0, 2]].std(0) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(
    ("held_out", "ends"),
    [([], "on"), ([0.5], "on"), ([0.5, 0.6], "on"), ([0.5, 0.6, 0.5], "over"), ([0.5, 0.4, 0.6], "on")],
)
def test_it_ends_after_two_epochs_without_less_loss(held_out: list[float], ends: str) -> None:
    """The first loss is that of the encoder as it was; nothing held out: never."""
    assert _is_over(held_out, 2) is (ends == "over")


@pytest.mark.parametrize(
    ("seconds", "told"), [(59.9, "less than a minute"), (60.0, "about 1 min"), (150.0, "about 2 min")]
)
def test_what_tuning_takes_is_told(seconds: float, told: str) -> None:
    sizes = {"n_steps": 1234, "n_epochs": 4, "memory_bytes": 1_500_000_000, "disk_bytes": 20_400_000}
    cost = Cost(device="cpu", in_bfloat16=False, seconds=seconds, **sizes)
    assert cost_text(cost, 4) == (
        f"Tuning takes {told} here, on cpu (1,234 steps at most), 1,500 MB of memory and 20 MB of disk."
    )
    assert "(1,234 steps at most, in 4 epochs instead of 3 since rows are few)," in cost_text(cost, 3)
    assert "here, on cpu in bfloat16 (1,234" in cost_text(replace(cost, in_bfloat16=True), 4)


INTERVALS = {0.04: "+2.5 to +5.5", 0.01: "+0.0 to +2.0", -0.02: "-3.0 to -1.0"}


@pytest.mark.parametrize(
    ("found", "first", "second"),
    [
        (
            tuning(0.04, 0.015),
            "The tuned encoder does better than the frozen one: 88.2 against 84.2 % of the same 1,821 test texts",
            "Epoch 1 of 2 is kept. It took 62 s; the tuned weights are 91 MB.",
        ),
        (
            tuning(0.04, 0.015, is_contrasted=True),
            "The tuned encoder does better than",
            "Epoch 1 of 2 is kept. Before, texts of like labels were brought together, which gained by folds. It took",
        ),
        (tuning(0.01, 0.01), "Tuning brought nothing that is sure: 85.2 against", "Epoch 1 of 2 is kept."),
        (
            tuning(-0.02, 0.01, best=0, was_stopped=True),
            "The tuned encoder does worse than the frozen one: 82.2 against",
            "No epoch did better on the rows held out: the encoder is as it was; its head learned without those",
        ),
        (
            tuning(0.01, 0.01, n_asked=1),
            "Tuning brought nothing that is sure",
            "Epoch 1 of 2 (1 asked for: so few rows take more) is kept. It took",
        ),
    ],
)
def test_whether_tuning_paid_hangs_on_its_interval(found: TuningRecord, first: str, second: str) -> None:
    said = tuning_text(found)
    assert said[0].startswith(first)
    by = f"{100 * found.lead.value:+.1f} points ({INTERVALS[found.lead.value]})."
    assert said[0].endswith(by.replace("-", MINUS))
    assert said[1].startswith(second)


def test_the_page_and_the_document_of_a_tuned_encoder_show_it_beside_the_frozen_one() -> None:
    record = example_record(n=300)
    assert "tuning" not in as_document(record)
    assert "Whether tuning" not in report_html(record)
    own = replace(record, tuning=tuning(0.04, 0.015))
    document = cast("dict[str, Any]", as_document(own)["tuning"])
    assert (document["frozen"], document["lead"]["value"], document["best"]) == (0.842, 0.04, 1)
    page = report_html(own)
    assert "(bert, float32), tuned" in page
    assert "float32), frozen" not in page
    card = model_card(own)
    assert "- fine-tuned-encoder" in card
    assert "A fine-tuned encoder (" in card
    assert "float32), tuned;" in card
    assert "Whether tuning the encoder paid" in page
    assert "Log loss on rows held out after each epoch (0: 0.380, 1: 0.330, 2: 0.340)" in page
    few = replace(record, tuning=tuning(0.04, 0.015, held_out=(), losses=(0.3,)))
    assert "Epochs of tuning" not in report_html(few)


def test_the_document_of_several_labels_stands_without_thresholds() -> None:
    """None are chosen where no rows are held out: a label is then taken from 0.5 on."""
    record = example_record(n=300)
    n = len(record.labels)
    own = replace(record, search=replace(record.search, chosen_Cs=(0.5,) * n, thresholds=()))
    chosen = cast("Any", as_document(own)["chosen"])
    assert [one["threshold"] for one in chosen["per_label"]] == [0.5] * n


@pytest.mark.parametrize("model_type", ["deberta-v2", "modernbert", "frostline-static"])
def test_an_architecture_that_our_graph_lacks_is_refused(model_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By both ways, before a text is read."""
    found = SimpleNamespace(config={"model_type": model_type})
    monkeypatch.setattr("frostline.training.tuning.find_checkpoint", lambda *_args, **_options: found)
    monkeypatch.setattr("frostline.training.tuning.require_torch", lambda _what: None)
    monkeypatch.setattr("frostline.training.parameters.require_torch", lambda _what: None)
    encoder = FakeEncoder()
    told = f"cannot be tuned: that takes one of the families bert, .* \\(got '?{model_type}'?\\)"
    with pytest.raises(InputError, match=told):
        SentenceClassifier(cast("Any", encoder), finetune=FineTune(), C=1.0).fit(TEXTS, LABELS)
    with pytest.raises(InputError, match=told):
        finetune(cast("Any", None), cast("Any", encoder), folder=Path("nowhere"))
    assert encoder.read == []


@pytest.mark.parametrize("layers", [3, 4])
def test_more_frozen_layers_than_there_are_is_refused_before_a_text_is_read(
    layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(config={"model_type": "bert"})
    monkeypatch.setattr("frostline.training.tuning.find_checkpoint", lambda *_args, **_options: found)
    monkeypatch.setattr("frostline.training.tuning.describe", lambda _config: SimpleNamespace(n_layers=3))
    monkeypatch.setattr("frostline.training.tuning.require_torch", lambda _what: None)
    monkeypatch.setattr("frostline.training.parameters.require_torch", lambda _what: None)
    encoder, how = FakeEncoder(), FineTune(freeze_layers=layers)
    told = rf"^Of 3 layers at most 2 can be frozen \(got {layers}\)\.$"
    with pytest.raises(UsageError, match=told):
        SentenceClassifier(cast("Any", encoder), finetune=how, C=1.0).fit(TEXTS, LABELS)
    with pytest.raises(UsageError, match=told):
        finetune(cast("Any", None), cast("Any", encoder), how=how, folder=Path("nowhere"))
    assert encoder.read == []


def test_a_file_in_the_place_of_checkpoints_is_refused_before_a_text_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frostline.training.tuning.refuse_untunable", lambda *_given: None)
    monkeypatch.setattr("frostline.training.tuning.require_torch", lambda _what: None)
    (tmp_path / "here").write_text("", "utf-8")
    encoder = FakeEncoder()
    with pytest.raises(UsageError, match=r"here must be a folder, for checkpoints \(a file is there\)\.$"):
        finetune(cast("Any", None), cast("Any", encoder), folder=tmp_path / "here")
    assert encoder.read == []


def test_a_run_that_fails_before_a_checkpoint_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "model.tuning"
    for kept in (HIDDEN, STATE):
        folder.mkdir(exist_ok=True)
        (folder / kept).write_bytes(b"1")
        with pytest.raises(UsageError), _nothing_left(folder):
            raise UsageError("Of 2 layers at most 1 can be frozen (got 2).")
    assert [path.name for path in folder.iterdir()] == [STATE]
    (folder / STATE).unlink()
    with pytest.raises(UsageError), _nothing_left(folder):
        raise UsageError("no")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("device", "precision", "told"),
    [("cuda", "float32", "The device cuda needs torch"), ("auto", "bfloat16", "The precision bfloat16 needs torch")],
)
def test_a_device_says_that_it_needs_torch(
    device: Any, precision: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UnavailableError, match=told):
        settle_backend({"model_type": "bert"}, asked="auto", device=device, precision=precision)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"finetune": 3}, "finetune must be a FineTune or None (got '3')."),
        ({"precision": "int8"}, "Fine-tuning is done in float32 (precision='int8' was asked for)."),
        ({"features": "mean@all+words"}, "Fine-tuning takes features of the encoder alone: leave words out of"),
        ({"class_weight": {"good": 2.0}}, "class_weight must be 'balanced' or None; sample_weight takes numbers."),
    ],
)
def test_the_estimator_refuses_what_makes_no_sense_with_tuning(
    other: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a text is read."""
    monkeypatch.setattr("frostline.training.parameters.require_torch", lambda _what: None)
    with pytest.raises(UsageError, match=re.escape(told)):
        SentenceClassifier(**{"finetune": FineTune(), **other}).fit(TEXTS, LABELS)


def test_the_options_of_a_tuning_are_kept_with_the_classifier() -> None:
    """All but the folder, which is of one machine."""
    kept = kept_parameters({"finetune": FineTune(epochs=7, folder="here")})
    assert json.loads(json.dumps(kept))["finetune"]["fine_tune"]["epochs"] == 7
    manifest = cast("Any", SimpleNamespace(choice={"parameters": kept}, kind="one label"))
    assert read_parameters(manifest, {"finetune"}) == {"finetune": FineTune(epochs=7)}
    kept["finetune"]["fine_tune"]["epochs"] = 0
    with pytest.raises(ArtifactCorrupt, match=r"choice\.parameters\.finetune must hold the options of a FineTune"):
        read_parameters(manifest, {"finetune"})


@pytest.mark.parametrize(("name", "kept"), [("minilm", "minilm"), ("folder", "./folder")])
def test_a_tuned_classifier_keeps_the_name_of_what_it_was_tuned_from(
    name: str, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it can be tuned anew; of a folder the last part alone, which is no short name."""
    (tmp_path / "folder").mkdir()
    given = str(tmp_path / name) if name == "folder" else name
    classifier = SentenceClassifier(given, finetune=FineTune())
    assert classifier._kept_parameters()["encoder"] == kept
    classifier.encoder_ = FakeEncoder()
    assert "encoder" not in classifier.set_params(finetune=None)._kept_parameters()


def test_what_a_tuning_has_is_searched_like_any_parameter() -> None:
    """A new one is made: others may hold the old."""
    how = FineTune()
    classifier = SentenceClassifier(finetune=how)
    assert clone(classifier).set_params(finetune__rate=1e-3, C=2.0).finetune == FineTune(rate=1e-3)
    assert classifier.set_params(finetune__epochs=2).C is None
    assert (how.epochs, classifier.finetune) == (3, FineTune(epochs=2))
    with pytest.raises(UsageError, match="epochs must be at least 1"):
        classifier.set_params(finetune__epochs=0)
    for odd in ({"finetune__rat": 1}, {"finetune": None, "finetune__rate": 1e-3}):
        with pytest.raises(UsageError, match="sets what a FineTune has"):
            classifier.set_params(**odd)


def test_a_run_has_a_folder_of_its_own() -> None:
    targets = Targets.of_labels(LABELS)
    first, is_kept = run_folder(FineTune(folder="kept"), TEXTS, targets)
    assert (first.parent, is_kept) == (Path("kept"), True)
    assert first == run_folder(FineTune(folder="kept"), TEXTS, targets)[0]
    others = [
        run_folder(FineTune(folder="kept", seed=1), TEXTS, targets)[0],
        run_folder(FineTune(folder="kept"), TEXTS[::-1], targets)[0],
        run_folder(FineTune(folder="kept"), TEXTS, Targets.of_labels(LABELS[::-1]))[0],
    ]
    assert len({first, *others}) == 4
