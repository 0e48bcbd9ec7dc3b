"""More rows than there is room for are refused before a text is read, with what would fit; a long reading is told."""

from pathlib import Path

import pytest

from conftest import Command
from encoder_fakes import make_checkpoint
from fakes import FakeEncoder
from frostline import SentenceClassifier, machine
from frostline.errors import InputError
from frostline.training import room

TEXTS = [f"{('good', 'bad')[place % 2]} text number {place}" for place in range(400)]
LABELS = [place % 2 for place in range(400)]


def with_free(monkeypatch: pytest.MonkeyPatch, free: int | None) -> None:
    monkeypatch.setattr(room, "free_memory", lambda: free)


def test_what_is_needed_grows_with_texts_and_numbers() -> None:
    assert room.needed_bytes(1_000_000, 2688) == 26_880_000_000 + 9_000_000_000 + 300_000_000
    assert room.needed_bytes(1_000_000, 256) == 11_860_000_000


def test_one_byte_too_few_is_refused_and_none_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FakeEncoder()
    needed = room.needed_bytes(400, 48)
    for free in (None, needed):
        with_free(monkeypatch, free)
        room.refuse_no_room(TEXTS, encoder)
    assert encoder.read == []
    with_free(monkeypatch, needed - 1)
    monkeypatch.setattr(room, "seconds_per_text", lambda *_: 0.002)
    with pytest.raises(InputError) as caught:
        room.refuse_no_room(TEXTS, encoder)
    assert caught.value.message == (
        "400 texts of 48 numbers each (mean@all) take about 0.304 GB to learn from, and 0.304 GB are free here "
        "(reading them would take about 1 s)."
    )
    assert caught.value.hint == "What fits: --limit 399; --features mean@-1 (16 numbers, 0.3 GB)."


def test_few_texts_tell_how_long_one_takes() -> None:
    encoder = FakeEncoder()
    assert room.seconds_per_text(encoder, TEXTS) > 0
    assert len(encoder.read) == 4 + 24
    assert room.seconds_per_text(encoder, ["one"]) > 0


def test_a_table_is_named_where_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FakeEncoder(hidden_size=384, n_layers=6)
    monkeypatch.setattr(room, "seconds_per_text", lambda *_: 0.006)
    many = TEXTS * 2500
    with_free(monkeypatch, int(19e9))
    with pytest.raises(InputError) as caught:
        room.refuse_no_room(many, encoder)
    assert caught.value.message == (
        "1,000,000 texts of 2,688 numbers each (mean@all) take about 36.2 GB to learn from, and 19 GB are free here "
        "(reading them would take about 1 h 40 min)."
    )
    assert caught.value.hint == (
        "What fits: --limit 521181; --features mean@-1 (384 numbers, 13 GB); --encoder static (256 numbers, 12 GB, "
        "read 60 times as fast)."
    )
    with_free(monkeypatch, 1)
    with pytest.raises(InputError) as caught:
        room.refuse_no_room(many, encoder)
    assert caught.value.hint == "What fits: less than one text."


def test_training_and_fitting_refuse_before_a_text_is_read(
    frostline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_free(monkeypatch, 60_000)
    monkeypatch.setattr(room, "seconds_per_text", lambda *_: 0.006)
    encoder = FakeEncoder()
    with pytest.raises(InputError, match=r"^400 texts of 48 numbers each \(mean@all\) take about 0\.3"):
        SentenceClassifier(encoder).fit(TEXTS, LABELS)
    assert encoder.read == []
    path = tmp_path / "many.tsv"
    path.write_text("".join(f"{text}\t{label}\n" for text, label in zip(TEXTS, LABELS, strict=True)), "utf-8")
    for features in ("mean@-1", "auto"):
        refused = frostline("train", path, "--features", features)
        assert refused.code == 65
        assert "GB to learn from" in " ".join(refused.err.split())
    assert frostline("train", path, "--features", "words").code == 0


def test_labels_that_there_is_no_room_for_are_refused_too(
    frostline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10,000 labels of three texts each took all memory that there was."""
    needed = 64 * 30_000 * 10_000
    for free in (None, needed):
        with_free(monkeypatch, free)
        room.refuse_crowd(30_000, 10_000)
    with_free(monkeypatch, needed - 1)
    with pytest.raises(InputError) as caught:
        room.refuse_crowd(30_000, 10_000)
    assert caught.value.message == (
        "30,000 texts of 10,000 labels take about 19.2 GB to learn from, and 19.2 GB are free here."
    )
    assert caught.value.hint == (
        "Is the label column the right one? Else put labels together; with as many, 29,999 texts fit."
    )
    with_free(monkeypatch, 64 * 400 * 200 - 1)
    words, many = SentenceClassifier(features="words"), [f"label {place % 200}" for place in range(400)]
    with pytest.raises(InputError, match="400 texts of 200 labels take"):
        words.fit(TEXTS, many)
    path = tmp_path / "many.tsv"
    rows = (f"{text}\t{label}\n" for text, label in zip(TEXTS, many, strict=True))
    path.write_text("text\tlabel\n" + "".join(rows), "utf-8")
    refused = frostline("train", path, "--features", "words")
    assert refused.code == 65, refused
    assert "400 texts of 200 labels take" in " ".join(refused.err.split())


def test_a_long_reading_is_told_before_and_a_short_one_is_not(
    frostline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "few.tsv"
    path.write_text("".join(f"{text}\t{label}\n" for text, label in zip(TEXTS[:40], LABELS, strict=False)), "utf-8")
    encoder = ("--encoder", make_checkpoint(tmp_path / "encoder"))
    how = ("train", path, *encoder, "--features", "mean@-1", "-C", "0.01")
    told = (
        "Reading 40 texts takes about 60 s here; a table of word pieces (--encoder static --features mean@all+words) "
        "about 1 s, for some points less."
    )
    for seconds, is_told in ((60 / 40, True), (59.9 / 40, False)):
        monkeypatch.setattr(room, "seconds_per_text", lambda *_, seconds=seconds: seconds)
        assert (told in " ".join(frostline(*how, "--no-store").err.split())) is is_told
    monkeypatch.setattr(room, "seconds_per_text", lambda *_: 60.0)
    assert "Reading 40 texts takes about 40 min here" in " ".join(frostline(*how).err.split())
    assert "Reading" not in frostline(*how).err  # all are remembered
    for verb in ("sweep", "review"):
        other = path.with_name(f"{verb}.tsv")
        other.write_text(path.read_text("utf-8").replace("number", verb), "utf-8")
        assert "Reading 40 texts takes about 40 min here" in " ".join(frostline(verb, other, *encoder).err.split())


def test_times_are_said_as_people_say_them() -> None:
    said = [room.duration(seconds) for seconds in (0.2, 89, 90, 3569, 3571, 7260)]
    assert said == ["1 s", "89 s", "2 min", "59 min", "1 h 0 min", "2 h 1 min"]


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    found = {"memory.max": "5000\n", "memory.current": "4000\n", "memory.stat": "anon 9\ninactive_file 300\n"}
    for name, content in found.items():
        (tmp_path / name).write_text(content, "ascii")
    assert machine._left_in_container(tmp_path) == 1300
    (tmp_path / "memory.max").write_text("max\n", "ascii")
    assert machine._left_in_container(tmp_path) is None
    assert machine._left_in_container(tmp_path / "nowhere") is None
    assert machine.free_memory() is None or machine.free_memory() > 10_000_000  # type: ignore[operator]
