"""An encoder with a memory gives the very rows of one without; only what it reads differs."""

import copy
import pickle
import stat
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shard_tricks import assert_equal_readings, remembering, sentences, shards

from fakes import FakeEncoder
from frostline.arrays import Progress
from frostline.encoder.reading import Reading
from frostline.errors import BackendError, TextTypeError
from frostline.store import FeatureStore, StoredEncoder

SPECS = ["mean@all", "cls@-1", "mean@-1", "cls@-1+mean@-1", "max@1,0"]
WORDS = st.lists(
    st.sampled_from(["a", "b", "", " ", "\0", "NA", "snow\u2028", "日本語", "é" * 9]) | st.text(max_size=5)
)


@pytest.fixture(scope="module")
def shared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared") / "features"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(st.tuples(WORDS, st.sampled_from(SPECS)), min_size=1, max_size=4))
def test_stored_rows_equal_fresh_rows(shared_root: Path, calls: list[tuple[list[str], str]]) -> None:
    """Repeats, order, what was asked before and for which blocks change what is read, never what comes back."""
    for texts, features in calls:
        usable = [text for text in texts if text.encode("utf-8", "ignore").decode() == text]
        _, stored = remembering(shared_root, FakeEncoder(features=features))
        assert_equal_readings(stored.encode(usable), FakeEncoder(features=features).encode(usable))


def test_each_distinct_sentence_is_read_once(tmp_path: Path) -> None:
    encoder, stored = remembering(tmp_path / "features")
    texts = sentences(50)
    assert stored.encode([*texts, *texts[::-1]]).n_read == 50
    assert stored.encode([*texts[10:20], "a new one", "a new one"]).n_read == 1
    assert sorted(encoder.read) == sorted([*texts, "a new one"])


def test_another_process_s_rows_are_remembered_too(tmp_path: Path) -> None:
    """Nothing of the memory is in the object: a second one over the same folder reads nothing."""
    texts = sentences(20)
    remembering(tmp_path / "features")[1].encode(texts)
    encoder, stored = remembering(tmp_path / "features")
    assert_equal_readings(stored.encode(texts), FakeEncoder().encode(texts))
    assert encoder.read == []


def test_blocks_are_the_unit(tmp_path: Path) -> None:
    """After `mean@all`, `mean@-1` reads nothing; `cls@-1` does; then both together do not."""
    texts = sentences(20)
    n_read = [
        remembering(tmp_path / "features", FakeEncoder(features=features))[1].encode(texts).n_read
        for features in ("mean@all", "mean@-1", "mean@0,2", "cls@-1", "cls@-1+mean@1")
    ]
    assert n_read == [20, 0, 0, 20, 0]


@pytest.mark.parametrize("other", [{"weights": "other"}, {"max_length": 8}, {"n_layers": 3}, {"hidden_size": 8}])
def test_another_encoder_is_a_clean_miss(tmp_path: Path, other: dict[str, object]) -> None:
    """Whatever can change a row is in the key: nothing is ever mixed."""
    texts = sentences(10)
    remembering(tmp_path / "features")[1].encode(texts)
    encoder = FakeEncoder(**other)  # type: ignore[arg-type]
    reading = remembering(tmp_path / "features", encoder)[1].encode(texts)
    assert reading.n_read == 10
    assert_equal_readings(reading, FakeEncoder(**other).encode(texts))  # type: ignore[arg-type]


def test_cut_and_pieces_are_remembered(tmp_path: Path) -> None:
    texts = ["one two three four five six seven eight nine", "short"]
    encoder = FakeEncoder(max_length=8)
    stored = remembering(tmp_path / "features", encoder)[1]
    stored.encode(texts)
    again = stored.encode(texts[::-1])
    assert again.n_read == 0
    assert again.cut.tolist() == [False, True]
    assert again.pieces.tolist() == [3, 8]


def test_no_texts_give_no_rows(tmp_path: Path) -> None:
    _, stored = remembering(tmp_path / "features")
    reading = stored.encode([])
    assert reading.rows.shape == (0, 48)
    assert reading.n_read == 0
    assert shards(tmp_path) == []


def test_what_is_not_text_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    encoder, stored = remembering(tmp_path / "features")
    with pytest.raises(TextTypeError, match="item 1"):
        stored.encode(["fine", None])  # type: ignore[list-item]
    with pytest.raises(TextTypeError, match="list of str"):
        stored.encode("a lone one")
    assert encoder.read == []


def test_progress_counts_distinct_texts_and_those_remembered_at_once(tmp_path: Path) -> None:
    _, stored = remembering(tmp_path / "features")
    stored.encode(sentences(30))
    calls: list[tuple[int, int]] = []
    texts = sentences(40)
    stored.encode([*texts, *texts], progress=lambda done, total: calls.append((done, total)))
    assert calls[0] == (30, 40)
    assert calls[-1] == (40, 40)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_rows_are_read_in_chunks_that_bound_what_a_kill_costs(tmp_path: Path) -> None:
    """At most 2,048 texts go into one shard, and fewer long ones; longest first."""
    _, stored = remembering(tmp_path / "features", FakeEncoder(features="cls@0", hidden_size=2))
    stored.encode([f"w{i}" for i in range(5000)])
    assert sorted(int(path.stem.split("-")[1]) for path in shards(tmp_path)) == [904, 2048, 2048]
    _, stored = remembering(tmp_path / "long", FakeEncoder(features="cls@0", hidden_size=2))
    stored.encode([f"{i} {'x' * 100_000}" for i in range(1000)])  # each takes 128 word pieces at most
    assert max(int(path.stem.split("-")[1]) for path in shards(tmp_path / "long")) == 781  # 781 * 128 < 100,000


def test_the_same_texts_give_the_same_files_in_any_order(tmp_path: Path) -> None:
    texts = sentences(3000)
    for name, given_texts in (("one", texts), ("two", texts[::-1])):
        remembering(tmp_path / name, FakeEncoder(features="mean@-1", hidden_size=4))[1].encode(given_texts)
    one, two = ([(path.name, path.read_bytes()) for path in shards(tmp_path / name)] for name in ("one", "two"))
    assert one == two


class NotANumber(FakeEncoder):
    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:
        reading = super().encode(texts, progress=progress)
        reading.rows[0, 3] = np.nan
        return reading


def test_nan_is_never_kept(tmp_path: Path) -> None:
    _, stored = remembering(tmp_path / "features", NotANumber())
    with pytest.raises(BackendError, match="NaN or infinity for 1 of 5"):
        stored.encode(sentences(5))
    assert shards(tmp_path) == []


def test_files_are_ours_alone_and_hold_no_text(tmp_path: Path) -> None:
    """Folders 0700, files 0600, whatever the umask; the sentences themselves are nowhere."""
    root = tmp_path / "features"
    remembering(root)[1].encode(["the secret word is Rumpelstiltskin"])
    everything = [root, *root.rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in everything if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in everything if path.is_file()} == {0o600}
    assert not any(b"Rumpelstiltskin" in path.read_bytes() for path in everything if path.is_file())


def test_a_deleted_store_is_a_miss_and_is_made_again(tmp_path: Path) -> None:
    _, stored = remembering(tmp_path / "features")
    texts = sentences(5)
    stored.encode(texts)
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert stored.encode(texts).n_read == 5
    assert stored.encode(texts).n_read == 0
    assert stat.S_IMODE((tmp_path / "features").stat().st_mode) == 0o700


def test_it_can_be_copied_and_pickled(tmp_path: Path) -> None:
    """Processes of joblib get it sent, clones of scikit-learn copy it."""
    store = FeatureStore.open(tmp_path / "features")
    stored = StoredEncoder(FakeEncoder(), store)
    texts = sentences(3)
    stored.encode(texts)
    for other in (copy.deepcopy(stored), pickle.loads(pickle.dumps(stored))):  # noqa: S301 - our own bytes
        assert other.encode(texts).n_read == 0


def test_the_store_lies_in_frostline_s_home_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path))
    assert FeatureStore.open().root == tmp_path / "features"
