"""What an encoder is to the rest of the program: who it is, and what comes back from reading sentences.

In:   nothing.
Out:  `EncoderIdentity`, `Reading`, and the `SentenceEncoder` protocol that the store, the head and the tests rely on.
Not:  reading itself (encoder.py), remembering it (store.py).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray, Features, Progress
from frostline.encoder.features import Block, FeatureSpec
from frostline.rows import JoinedRows, Rows, WordRows


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderIdentity:
    """Everything, beside the text itself, that can change a row.

    Parameters
    ----------
    name : str
        As the user wrote it: `minilm`, a folder, a hub id. Not part of the fingerprint.
    revision : str or None
        The hub commit, where there is one. Not part of the fingerprint (the digests say more).
    family : str
        `bert`, `distilbert`, `roberta`, `mpnet` or `electra`.
    weights_sha256, tokenizer_sha256, config_sha256 : str
        Digests of the files read.
    max_length : int
        Word pieces, [CLS] and [SEP] included.
    precision : str
        `float32` or `int8`.
    graph_version : int
        Raised whenever the graphs we build could give other numbers.
    """

    name: str
    revision: str | None
    family: str
    weights_sha256: str
    tokenizer_sha256: str
    config_sha256: str
    max_length: int
    precision: str
    graph_version: int

    def fingerprint(self) -> str:
        """64 hex digits over all that can change a row."""
        parts = {key: value for key, value in asdict(self).items() if key not in {"name", "revision"}}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came back from reading sentences.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features), dtype=float32
        Row i belongs to texts[i]; its columns are the encoder's blocks in order. Not normalised.
    pieces : ndarray of shape (n_texts,), dtype=int32
        Word pieces that the encoder saw, [CLS] and [SEP] included.
    cut : ndarray of shape (n_texts,), dtype=bool
        True where the text was longer than the encoder could see.
    n_read : int
        Distinct sentences that went through the encoder for this answer; the others were remembered.
    words : WordRows or None
        The same texts' words, where there is a vocabulary (words/encoder.py).
    """

    rows: Features
    pieces: NDArray[np.int32]
    cut: BoolArray
    n_read: int
    words: WordRows | None = None

    @property
    def for_head(self) -> Rows:
        """What a head answers: the rows, and words beside them where there are any."""
        return self.rows if self.words is None else JoinedRows(self.rows, self.words)


class SentenceEncoder(Protocol):
    """Texts in, rows out. `Encoder` reads, `StoredEncoder` remembers; the rows are the same."""

    @property
    def identity(self) -> EncoderIdentity:
        """Who reads: all that can change a row."""

    @property
    def spec(self) -> FeatureSpec:
        """The features as the user wrote them."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The same, resolved: the column blocks in order."""

    @property
    def hidden_size(self) -> int:
        """Columns per block."""

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:
        """Read `texts`; progress counts distinct texts."""
