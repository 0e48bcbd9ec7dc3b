"""A table instead of an encoder: a vector for each word piece, distilled from one; reading is looking up.

Each piece once through the encoder alone, the principal components of what comes out, each row weighted by how rare
its piece is; a text's row is their sum, at length 1. The recipe is model2vec's (Tulkens and van Dongen 2024), its
weights those of Arora et al. (2017) with frequencies by Zipf's law: vocabularies are in the order of frequency.

Format: docs/formats/static.md.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Features, Float32Array, Float64Array, IntArray, Progress
from frostline.disk import publish_folder
from frostline.encoder.architecture import STATIC
from frostline.encoder.checkpoint import own_name
from frostline.encoder.features import Block
from frostline.encoder.files import CONFIG, SETTINGS, WEIGHTS, WORD_PIECES
from frostline.encoder.reading import Backend, EncoderIdentity, TokenBatch, check_ids, check_rows
from frostline.encoder.tokens import WordPieces
from frostline.errors import InputError
from frostline.machine import one_blas_thread
from frostline.tensors import check_finite, open_weights, tensors_bytes

FORMAT = 1
GRAPH_VERSION = 1
COMPONENTS = 256
RARITY = 1e-4
FEATURES = "mean@-1"  # Of each piece, by itself, between what stands around every text
TABLE = "embeddings"
_PER_BATCH = 128


class Source(Protocol):
    """An encoder as distilling needs it."""

    @property
    def identity(self) -> EncoderIdentity:
        """Who reads."""

    @property
    def word_pieces(self) -> WordPieces:
        """Its tokenizer."""

    @property
    def backend(self) -> Backend:
        """What reads."""

    @property
    def hidden_size(self) -> int:
        """Its width."""

    @property
    def folder(self) -> Path | None:
        """Where its files lie."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StaticShape:
    """The sizes of a table."""

    vocab_size: int
    hidden_size: int
    max_positions: int


@final
class StaticBackend(Backend):
    """The table, opened. Its one layer is layer 0, under every pooling; [CLS] looks at nothing, so its row is zero."""

    token_budget = 16_384

    def __init__(self, table: Float32Array, word_pieces: WordPieces, blocks: tuple[Block, ...]) -> None:
        self._table, self._blocks = table, blocks
        self._before, self._after = len(word_pieces.before), len(word_pieces.after)
        self._longest = word_pieces.limit

    def forward(self, batch: TokenBatch) -> Features:
        """See `Backend`."""
        check_ids(batch, longest=self._longest, vocabulary=len(self._table))
        pieces = self._table[batch.ids[:, self._before : batch.ids.shape[1] - self._after]]
        return check_rows(
            np.concatenate([_pooled(pieces, block.pooling) for block in self._blocks], axis=1),
            batch,
            precision="float32",
        )


def _pooled(pieces: Float32Array, pooling: str) -> Features:
    """Rows (n_texts, width) of pieces (n_texts, n_pieces, width): those of one text only, whatever stands beside it."""
    if pooling == "cls" or not pieces.shape[1]:
        return np.zeros((len(pieces), pieces.shape[2]), np.float32)
    if pooling == "max":
        return np.asarray(pieces.max(axis=1))
    rows = pieces.sum(axis=1)
    lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.where(lengths > 0, lengths, 1))


def static_shape(config: Mapping[str, Any], where: Path) -> StaticShape:
    """The sizes that config.json states; `InputError` where it does not."""
    sizes = [config.get(name) for name in ("vocab_size", "hidden_size", "max_position_embeddings")]
    if config.get("format") != FORMAT or not all(type(size) is int and 0 < size < 2**31 for size in sizes):
        raise InputError(
            f"{where / CONFIG}: must be of format {FORMAT}, with vocab_size, hidden_size and max_position_embeddings.",
            hint="Make it anew: frostline distil ENCODER --out FOLDER.",
        )
    vocab_size, hidden_size, max_positions = (int(size) for size in sizes if size is not None)
    return StaticShape(vocab_size=vocab_size, hidden_size=hidden_size, max_positions=max_positions)


def load_table(folder: Path, shape: StaticShape) -> Float32Array:
    """The table (vocab_size, hidden_size) in `folder`; `InputError` where it is another or has what is not a number."""
    table: Float32Array = np.array(open_weights(folder / WEIGHTS).read(TABLE, (shape.vocab_size, shape.hidden_size)))
    check_finite(TABLE, table)
    return table


def distil(
    source: Source,
    out: Path,
    *,
    components: int = COMPONENTS,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Make a folder `out` with the table of `source`, which must compute `FEATURES`.

    The same bytes whenever it is made on one machine.

    Parameters
    ----------
    components : int
        Columns, at most as many as the encoder has.
    progress : callable, optional
        Counts word pieces.

    Raises
    ------
    InputError
        The encoder's files are not in a folder of their own (torch reads it).
    OutputError, StorageError, AccessError
        `out` exists, or cannot be written.
    """
    if source.folder is None:
        raise InputError(
            f"What is distilled must be an encoder that our graphs read (got {source.identity.name}).",
            hint="frostline encoders lists some.",
        )
    vectors = _each_piece(source, progress)
    table = weighted_components(vectors, used_pieces(source.word_pieces), components)
    identity = source.identity
    config = {
        "model_type": STATIC,
        "format": FORMAT,
        "vocab_size": len(table),
        "hidden_size": table.shape[1],
        "max_position_embeddings": source.word_pieces.limit,
        "rarity": RARITY,
        "distilled_from": {
            "name": own_name(identity.name) if identity.revision is None else f"{identity.name}@{identity.revision}",
            "weights_sha256": identity.weights_sha256,
            "tokenizer_sha256": identity.tokenizer_sha256,
            "config_sha256": identity.config_sha256,
        },
    }
    with publish_folder(out, overwrite=overwrite) as folder:
        (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        (folder / WEIGHTS).write_bytes(tensors_bytes({TABLE: table}))
        for name in (*WORD_PIECES, *SETTINGS):
            if (source.folder / name).is_file():
                shutil.copyfile(source.folder / name, folder / name)


def used_pieces(word_pieces: WordPieces) -> NDArray[np.bool_]:
    """Which pieces stand for words (n_pieces,): not those of the template, the unknown one, or those kept unused."""
    names = [str(word_pieces.tokenizer.id_to_token(piece)) for piece in range(word_pieces.vocabulary_size)]
    special = {*word_pieces.before.tolist(), *word_pieces.after.tolist(), word_pieces.unknown}
    added = {piece for piece, token in word_pieces.tokenizer.get_added_tokens_decoder().items() if token.special}
    return np.array(
        [
            piece not in special and piece not in added and not name.startswith("[unused")
            for piece, name in enumerate(names)
        ]
    )


def weighted_components(vectors: Features, used: NDArray[np.bool_], components: int) -> Float32Array:
    """Principal components of the used rows (n_pieces, components), each row weighted by how rare its piece is."""
    rows = vectors[used].astype(np.float64)
    centred = rows - rows.mean(axis=0)
    with one_blas_thread():  # its sums, and so the bytes, would depend on the number of threads
        _, axes = np.linalg.eigh(centred.T @ centred)
        kept = axes[:, ::-1][:, :components]
        kept = kept * np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])])
        table = np.zeros((len(vectors), kept.shape[1]), np.float32)
        table[used] = (centred @ kept) * rarity(len(rows))[:, None]
    return table


def rarity(n_pieces: int) -> Float64Array:
    """What pieces weigh, the commonest first (n_pieces,): a / (a + p), with p by Zipf's law."""
    shares = 1.0 / np.arange(2, n_pieces + 2)
    return np.asarray(RARITY / (RARITY + shares / shares.sum()))


def _each_piece(source: Source, progress: Progress | None) -> Features:
    """Every word piece by itself through the encoder (n_pieces, hidden_size)."""
    before, after = source.word_pieces.before, source.word_pieces.after
    n_pieces = source.word_pieces.vocabulary_size
    rows = np.empty((n_pieces, source.hidden_size), np.float32)
    for start in range(0, n_pieces, _PER_BATCH):
        own: IntArray = np.arange(start, min(start + _PER_BATCH, n_pieces))
        ids = np.empty((len(own), len(before) + 1 + len(after)), np.int64)
        ids[:, : len(before)], ids[:, len(before)], ids[:, len(before) + 1 :] = before, own, after
        rows[own] = source.backend.forward(TokenBatch(rows=own, ids=ids))
        if progress is not None:
            progress(int(own[-1]) + 1, n_pieces)
    return rows
