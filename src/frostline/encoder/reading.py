"""What an encoder is to the rest of the program: who it is, and what comes back from reading sentences."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray, Features, IntArray, JoinedRows, Progress, Rows, WordRows, plain_column
from frostline.encoder.features import Block, FeatureSpec
from frostline.errors import BackendError, InputError, TextTypeError, shown

TOKEN_BUDGET = 512
"""Word pieces per batch. On a processor speed is flat from 256 to 1,024; more only costs memory."""

FIRST_OF_TORCH = 10_000
"""Versions of graphs from here on are torch's."""

_SHOWN_POSITIONS = 8


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderIdentity:
    """Everything, beside the text itself, that can change a row."""

    name: str  # As the user wrote it: `minilm`, a folder, a hub id. Not part of the fingerprint.
    revision: str | None  # The hub commit, where there is one. Not part of the fingerprint (the digests say more).
    family: str  # `bert`, `distilbert`, `roberta`, `mpnet` or `electra`; of torch also any other model_type
    # `weights_sha256`, `tokenizer_sha256`, `config_sha256`: Digests of the files read.
    weights_sha256: str
    tokenizer_sha256: str
    config_sha256: str
    max_length: int  # Word pieces, [CLS] and [SEP] included
    precision: str  # `float32`, `int8` or `bfloat16`
    # Raised whenever the graphs we build could give other numbers; from `FIRST_OF_TORCH` on torch reads
    graph_version: int
    prefix: str = ""  # What is put before every text: `query: `

    @property
    def backend(self) -> Literal["onnx", "torch"]:
        """Whether our graph reads, or torch."""
        return "torch" if self.graph_version >= FIRST_OF_TORCH else "onnx"

    def document(self) -> dict[str, Any]:
        """Every member, for JSON; a prefix only where there is one, as in files that were written before any was."""
        members = asdict(self)
        return members if self.prefix else {key: members[key] for key in members if key != "prefix"}

    def fingerprint(self) -> str:
        """64 hex digits over all that can change a row."""
        parts = {key: value for key, value in self.document().items() if key not in {"name", "revision"}}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came back from reading sentences."""

    # (n_texts, n_features): Row i belongs to texts[i]; its columns are the encoder's blocks in order. Not normalised.
    rows: Features
    pieces: NDArray[np.int32]  # (n_texts,): Word pieces that the encoder saw, [CLS] and [SEP] included
    cut: BoolArray  # (n_texts,): True where the text was longer than the encoder could see
    n_read: int  # Distinct sentences that went through the encoder for this answer; the others were remembered
    words: WordRows | None = None  # The same texts' words, where there is a vocabulary (words.py)

    def take(self, texts: IntArray) -> "Reading":
        """What came back of the texts numbered in `texts`, in that order; words aside."""
        return replace(self, rows=self.rows[texts], pieces=self.pieces[texts], cut=self.cut[texts])

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


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """An encoder that stands around another one, which reads for it."""

    encoder: SentenceEncoder

    @property
    def identity(self) -> EncoderIdentity:
        """The encoder's own: nothing is done to its numbers."""
        return self.encoder.identity

    @property
    def spec(self) -> FeatureSpec:
        """The encoder's own."""
        return self.encoder.spec

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The encoder's own."""
        return self.encoder.blocks

    @property
    def hidden_size(self) -> int:
        """The encoder's own."""
        return self.encoder.hidden_size


@final
@dataclass(frozen=True, slots=True, eq=False)
class TokenBatch:
    """Sentences of equal length: nothing is padded, so no row can depend on what stands beside it."""

    rows: IntArray  # (B,): Where each sentence stands in the input; named in errors
    ids: IntArray  # (B, S): Word pieces, [CLS] and [SEP] included; B >= 1, S >= 1


class Backend(ABC):
    """Runs the frozen encoder: a batch of word-piece ids in, features out."""

    token_budget: int = TOKEN_BUDGET  # Word pieces of a batch
    packs: bool = False  # Whether sentences of several lengths together take less time than one length after the other

    @abstractmethod
    def forward(self, batch: TokenBatch) -> Features:
        """Features (B, n_features), float32; row i belongs to batch.ids[i]. Safe to call from several threads.

        Raises `BackendError`: the runtime failed, or a row is not finite; the sentences' positions are in the
        message.
        """

    def forward_together(self, batches: Sequence[TokenBatch]) -> Features:
        """Features of the sentences of all batches, in their order, each as `forward` gives it."""
        return np.concatenate([self.forward(batch) for batch in batches])


def check_ids(batch: TokenBatch, *, longest: int, vocabulary: int) -> None:
    """Raise `BackendError` unless every sentence has 1 to `longest` word pieces, all below `vocabulary`."""
    if not 1 <= batch.ids.shape[1] <= longest:
        raise BackendError(
            f"A sentence must have 1 to {longest} word pieces "
            f"(got {batch.ids.shape[1]} in {positions_text(batch.rows)}).",
            hint="Lower the max length.",
        )
    outside = ((batch.ids < 0) | (batch.ids >= vocabulary)).any(axis=1)
    if outside.any():
        raise BackendError(
            f"Ids must be below {vocabulary}, the encoder's vocabulary (got others in "
            f"{positions_text(batch.rows[outside])}).",
            hint="The tokenizer does not belong to these weights: fetch both again.",
        )


def check_rows(rows: Features, batch: TokenBatch, *, precision: str) -> Features:
    """The rows; `BackendError` where one is not finite."""
    bad = ~np.isfinite(rows).all(axis=1)
    if bad.any():
        raise BackendError(
            f"Every row of features must be finite (got NaN or infinity for {positions_text(batch.rows[bad])}).",
            hint=f"The encoder's weights overflow in {precision}, or its file is damaged.",
        )
    return rows


def positions_text(rows: IntArray) -> str:
    """Rows of the input, as a message names them."""
    some = ", ".join(str(int(row)) for row in rows[:_SHOWN_POSITIONS])
    more = f" and {len(rows) - _SHOWN_POSITIONS} more" if len(rows) > _SHOWN_POSITIONS else ""
    return f"text{'s' if len(rows) > 1 else ''} {some}{more}"


def check_texts(texts: Iterable[Any]) -> list[str]:
    """The texts as a list of `str`, every one of which has a UTF-8 form.

    Raises `TextTypeError`: `texts` is a lone str, bytes, a mapping, a set or a data frame, or holds something that
    is not a str (the index of the first such item is named); `InputError`: a text holds a lone surrogate, which has
    no UTF-8 form (its index and position are named).

    Parameters
    ----------
    texts : iterable of str, length n_texts >= 0
        `numpy.str_` is a str; NUL, empty texts and U+2028 are kept as they are.
    """
    if isinstance(texts, str | bytes | bytearray):
        raise TextTypeError(
            f"Texts must be a list of str (got one {type(texts).__name__}: {shown(texts)}).",
            hint="Wrap it in a list: [text].",
        )
    if isinstance(texts, Mapping | AbstractSet):  # neither has the order that answers would come in
        raise TextTypeError(f"Texts must be a list of str (got a {type(texts).__name__}).")
    columns = getattr(texts, "column_names", getattr(texts, "columns", None))  # pyarrow's `columns` are arrays
    if columns is not None:  # gone through item by item, a data frame gives the names of its columns
        named = ", ".join(shown(str(column)) for column in list(columns)[:5])
        raise TextTypeError(
            f"Texts must be a list of str (got a {type(texts).__name__} with the columns {named}).",
            hint="Pass the column that holds the texts, such as frame['text'].",
        )
    try:
        items = list(plain_column(texts))
    except TypeError as error:
        raise TextTypeError(f"Texts must be a list of str (got {shown(texts)}).") from error
    for index, item in enumerate(items):
        if not isinstance(item, str):
            raise TextTypeError(
                f"Each text must be a str (item {index} is {_named(item)}).",
                hint=_way_out(item),
            )
        if not item.isascii():
            _refuse_surrogate(item, index)
    return [str(item) for item in items]


def _way_out(item: object) -> str:
    if isinstance(item, bytes | bytearray):
        return "Decode them: [text.decode('utf-8') for text in texts]."
    if hasattr(item, "__len__"):  # a row of a matrix, a group with its rows
        return "Pass the texts alone, one str for each, such as the one column that holds them."
    return "Leave such rows out, or say what they should read: an empty text is ''."


def _named(item: object) -> str:
    return "None" if item is None else f"a {type(item).__name__}: {shown(item)}"


def _refuse_surrogate(text: str, index: int) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"Text {index} holds a lone surrogate (U+{ord(text[error.start]):04X} at character {error.start}), "
            f"which is not a character: {shown(text[max(0, error.start - 20) :])}.",
            hint="It usually comes from a broken \\u escape in JSON. Replace it, for example with U+FFFD.",
        ) from error


@final
@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """The different ones among some texts."""

    first: IntArray  # (n_distinct,): The first row of each, ascending
    of_row: IntArray  # (n_texts,): The number, among the different ones, of each row's text

    def rows(self) -> tuple[tuple[int, ...], ...]:
        """The rows in which each stands, ascending."""
        order = np.argsort(self.of_row, kind="stable")
        ends = np.cumsum(np.bincount(self.of_row, minlength=len(self.first)))
        return tuple(tuple(rows.tolist()) for rows in np.split(order, ends[:-1]))


def distinct_texts(texts: Sequence[str]) -> Distinct:
    """The different texts, in the order in which they first occur; two are the same if every character is."""
    number: dict[str, int] = {}
    first: list[int] = []
    of_row = np.empty(len(texts), np.int64)
    for row, text in enumerate(texts):
        known = number.setdefault(text, len(first))
        if known == len(first):
            first.append(row)
        of_row[row] = known
    return Distinct(np.array(first, np.int64), of_row)
