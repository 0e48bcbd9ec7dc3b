"""The encoder: each distinct text read once, rows in the order of the input, errors that name the text."""

import copy
import dataclasses
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frostline.encoder.encoder as windows_module
from encoder_fakes import FakeBackend, make_checkpoint
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import FeatureSpec
from frostline.encoder.reading import EncoderIdentity, SentenceEncoder
from frostline.encoder.tokens import WordPieces
from frostline.errors import BackendError, InputError, TextTypeError, UsageError
from frostline.machine import usable_cores

TEXTS = ["a film", "good", "bad . a b c", "", "good film , bad film !", "x y z"]


@pytest.fixture(scope="module")
def word_pieces(tmp_path_factory: pytest.TempPathFactory) -> WordPieces:
    folder = make_checkpoint(tmp_path_factory.mktemp("checkpoint") / "bert")
    return WordPieces.open(find_checkpoint(str(folder)))


def fake_encoder(word_pieces: WordPieces, backend: FakeBackend, threads: int = 2) -> Encoder:
    """The real encoder around a backend without arithmetic; two columns."""
    spec = FeatureSpec.parse("cls@-1")
    identity = EncoderIdentity(
        name="fake",
        revision=None,
        family="bert",
        weights_sha256="0",
        tokenizer_sha256="0",
        config_sha256="0",
        max_length=word_pieces.max_length,
        precision="float32",
        graph_version=1,
    )
    return Encoder(
        identity=identity,
        spec=spec,
        blocks=spec.blocks(2),
        hidden_size=2,
        n_layers=2,
        word_pieces=word_pieces,
        backend=backend,
        threads=threads,
    )


def expected(word_pieces: WordPieces, texts: list[str]) -> np.ndarray:
    rows = [[ids.sum(), (ids * np.arange(1, len(ids) + 1)).sum()] for ids in word_pieces.tokenize(texts).ids]
    return np.array(rows, np.float32).reshape(-1, 2)


@settings(deadline=None)
@given(st.lists(st.sampled_from(TEXTS), max_size=40), st.integers(1, 3), st.integers(1, 7))
def test_rows_stand_in_the_order_of_the_input(
    word_pieces: WordPieces, texts: list[str], threads: int, window: int
) -> None:
    """However many threads and windows, and with repeats; each distinct text goes through the backend once."""
    backend = FakeBackend()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows_module, "WINDOW_TEXTS", window)
        reading = fake_encoder(word_pieces, backend, threads).encode(texts)
    np.testing.assert_array_equal(reading.rows, expected(word_pieces, texts))
    assert reading.rows.dtype == np.float32
    assert reading.n_read == len(set(texts))
    assert sum(len(batch.rows) for batch in backend.batches) == len(set(texts))


def test_pieces_and_cuts_belong_to_their_texts(word_pieces: WordPieces) -> None:
    reading = fake_encoder(word_pieces, FakeBackend()).encode(["a b", "a " * 100, "a b"])
    assert reading.pieces.tolist() == [4, 32, 4]
    assert reading.pieces.dtype == np.int32
    assert reading.cut.tolist() == [False, True, False]


def test_no_texts_make_no_rows(word_pieces: WordPieces) -> None:
    reading = fake_encoder(word_pieces, FakeBackend()).encode([])
    assert reading.rows.shape == (0, 2)
    assert (len(reading.pieces), len(reading.cut), reading.n_read) == (0, 0, 0)


def test_a_single_batch_is_read_in_the_calling_thread(word_pieces: WordPieces) -> None:
    """One sentence at a time must not pay for handing over to a thread."""
    backend = FakeBackend()
    fake_encoder(word_pieces, backend, threads=4).encode(["good film"])
    assert backend.threads == {threading.get_ident()}


def test_one_sentence_starts_no_thread(word_pieces: WordPieces, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that waits."""
    monkeypatch.setattr(threading.Thread, "start", lambda _: pytest.fail("started"))
    backend = FakeBackend()
    assert len(fake_encoder(word_pieces, backend, threads=8).encode(["good film"]).rows) == 1


def test_several_batches_are_read_side_by_side(word_pieces: WordPieces) -> None:
    backend = FakeBackend(seconds=0.05)
    fake_encoder(word_pieces, backend, threads=3).encode(["a " * n for n in range(12)])
    assert len(backend.threads) == 3


def test_progress_counts_distinct_texts_in_the_calling_thread(word_pieces: WordPieces) -> None:
    seen: list[tuple[int, int, int]] = []
    texts = ["a " * (n % 9) for n in range(50)]
    fake_encoder(word_pieces, FakeBackend()).encode(
        texts, progress=lambda done, total: seen.append((done, total, threading.get_ident()))
    )
    assert [done for done, _, _ in seen] == sorted({done for done, _, _ in seen})
    assert seen[-1][:2] == (9, 9)
    assert {(total, thread) for _, total, thread in seen} == {(9, threading.get_ident())}


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failing_text_is_named_by_its_position_in_the_input(word_pieces: WordPieces, threads: int) -> None:
    """Its batch is halved until it stands alone; repeats before it do not shift the position."""
    texts = ["a b", "a b", "a c", "b c", "z b", "c c"] + ["a " * n for n in range(9)] + ["z b"]
    backend = FakeBackend(poison=int(word_pieces.tokenize(["z"]).ids[0][1]))
    with pytest.raises(BackendError, match=r"^Text 4 could not be read: the runtime broke down\."):
        fake_encoder(word_pieces, backend, threads).encode(texts)


def test_an_error_stops_the_other_threads(word_pieces: WordPieces) -> None:
    """What has not begun is left, and no thread is left running."""
    texts = ["z " * 30] + ["a " * (1 + n % 25) + word for n in range(200) for word in "abcdefgh"]
    backend = FakeBackend(poison=int(word_pieces.tokenize(["z"]).ids[0][1]), seconds=0.01)
    with pytest.raises(BackendError):
        fake_encoder(word_pieces, backend).encode(texts)
    whole = FakeBackend()
    fake_encoder(word_pieces, whole).encode(texts)
    assert len(backend.batches) < len(whole.batches) / 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("frostline-crew")]


def test_an_error_in_the_callers_progress_surfaces(word_pieces: WordPieces) -> None:
    def stop(done: int, total: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fake_encoder(word_pieces, FakeBackend()).encode(TEXTS, progress=stop)


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_stops_the_reading_within_a_batch(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "bert")
    script = textwrap.dedent(
        f"""
        import sys
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parent.parent)!r}]
        from test_encoder import FakeBackend, WordPieces, fake_encoder, find_checkpoint
        pieces = WordPieces.open(find_checkpoint({str(tmp_path / "bert")!r}))
        texts = ["a " * (n % 25) + word for n in range(25) for word in "abcdefghijklmnopqrstuvwxyz"]
        try:
            fake_encoder(pieces, FakeBackend(seconds=0.1)).encode(
                [text + f" {{n}}" for n in range(40) for text in texts],
                progress=lambda done, total: print(done, total, flush=True),
            )
        except KeyboardInterrupt:
            print("stopped", flush=True)
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline()]
        child.send_signal(signal.SIGINT)
        said += child.stdout.readlines()
    *_, last, word = said
    done, total = map(int, last.split())
    assert word == "stopped\n"
    assert done < total / 2


def test_a_lone_str_and_what_is_no_str_are_refused(word_pieces: WordPieces) -> None:
    encoder = fake_encoder(word_pieces, FakeBackend())
    with pytest.raises(TextTypeError):
        encoder.encode("a lone text")
    with pytest.raises(TextTypeError, match="item 1"):
        encoder.encode(["a", None])  # type: ignore[list-item]


def test_copies_are_the_encoder_itself(word_pieces: WordPieces) -> None:
    """An estimator's clone copies its parameters; a session and 90 MB of weights must not be opened again."""
    encoder = fake_encoder(word_pieces, FakeBackend())
    assert copy.copy(encoder) is encoder
    assert copy.deepcopy(encoder) is encoder


def test_threads_must_be_positive() -> None:
    with pytest.raises(UsageError, match="threads"):
        Encoder.open("minilm", threads=0)


def test_one_thread_per_usable_core() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


# With the real backend


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FROSTLINE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def minilm(home: None) -> Encoder:
    return Encoder.open("minilm", features="cls@-1+mean@-1", threads=2)


SENTENCES = [
    "a visually stunning rumination on love",
    "good",
    "bad",
    "fine",
    "",
    "it is not that the film is bad , it is that it could have been so much better than this .",
    "a visually arresting rumination on loss",
    "雪 ❄️ שלג",
    "nul \0 inside",
]


def test_a_row_depends_on_its_text_alone(minilm: Encoder) -> None:
    """Bit for bit: alone, among others, in another order, with repeats, on one thread or three."""
    alone = np.concatenate([minilm.encode([text]).rows for text in SENTENCES])
    together = minilm.encode(SENTENCES)
    assert together.rows.shape == (len(SENTENCES), 2 * 384)
    np.testing.assert_array_equal(together.rows, alone)
    order = [8, 3, 3, 0, 5, 1, 2, 4, 7, 6, 0]
    shuffled = [SENTENCES[row] for row in order]
    for threads in (1, 3):
        other = dataclasses.replace(minilm, threads=threads).encode(shuffled)
        np.testing.assert_array_equal(other.rows, alone[order])
        assert other.n_read == len(SENTENCES)


def test_minilms_identity_names_its_files(minilm: Encoder) -> None:
    reader: SentenceEncoder = minilm
    assert reader.identity.family == "bert"
    assert reader.identity.weights_sha256.startswith("53aa51172d142c89")
    assert (reader.identity.max_length, reader.identity.revision) == (512, None)
    assert (reader.hidden_size, minilm.n_layers, minilm.n_features) == (384, 6, 768)
    assert [str(block) for block in reader.blocks] == ["cls@6", "mean@6"]


def test_a_pickled_encoder_is_opened_anew(home: None, tmp_path: Path) -> None:
    """So that it can cross to another process; and never as another encoder of the same name."""
    folder = make_checkpoint(tmp_path / "small")
    encoder = Encoder.open(str(folder), features="max@0,1", max_length=12, threads=1)
    pickled = pickle.dumps(encoder)
    again = pickle.loads(pickled)  # noqa: S301 - written two lines above
    assert (again.identity, again.blocks, again.threads) == (encoder.identity, encoder.blocks, 1)
    np.testing.assert_array_equal(again.encode(TEXTS).rows, encoder.encode(TEXTS).rows)
    make_checkpoint(folder, seed=1)
    with pytest.raises(InputError, match="files have changed since"):
        pickle.loads(pickled)  # noqa: S301 - as above


def test_features_beyond_the_last_layer_are_refused(home: None, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="this encoder has 2 layers"):
        Encoder.open(str(make_checkpoint(tmp_path / "small")), features="cls@3")


def test_opening_and_reading_import_neither_onnx_nor_the_hub(minilm: Encoder) -> None:
    """Once the graph is kept: `predict` has a second from a cold start."""
    script = textwrap.dedent("""
        import sys
        from frostline.encoder.encoder import Encoder
        Encoder.open("minilm", features="cls@-1+mean@-1").encode(["good"])
        print(*sys.modules)
    """)
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"onnx", "huggingface_hub", "sklearn", "scipy", "pyarrow", "matplotlib", "torch"} & set(found)
