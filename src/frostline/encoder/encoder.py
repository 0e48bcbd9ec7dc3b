"""The encoder: texts in, rows of features out."""

import functools
import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast, final, get_args

import numpy as np

from frostline.arrays import Features, IntArray, Progress
from frostline.disk import home, private_folder
from frostline.encoder.architecture import (
    STATIC,
    AskedBackend,
    Device,
    Dtype,
    Shape,
    describe,
    load_architecture,
    settle_backend,
)
from frostline.encoder.checkpoint import (
    DEFAULT_ENCODER,
    Checkpoint,
    find_checkpoint,
    is_at_hand,
    known_encoder,
    made_folder,
)
from frostline.encoder.features import DEFAULT_FEATURES, WORDS, Block, FeatureSpec
from frostline.encoder.files import WEIGHTS
from frostline.encoder.layout import Form, graph_version
from frostline.encoder.onnx import OnnxBackend
from frostline.encoder.precision import Precision, PrecisionWarning, check_precision, why_not_int8
from frostline.encoder.published import Published, prefix_of, published
from frostline.encoder.reading import (
    Around,
    Backend,
    EncoderIdentity,
    Reading,
    SentenceEncoder,
    TokenBatch,
    check_texts,
    distinct_texts,
)
from frostline.encoder.tokens import Pieces, Sizes, WordPieces, keeps_capitals, plan_batches
from frostline.encoder.words import Vocabulary, WordedEncoder, WordsAlone
from frostline.errors import BackendError, InputError, OutputError, UsageError, shown
from frostline.machine import usable_cores
from frostline.threads import work_through

WINDOW_TEXTS = 16_384
"""Distinct texts that are tokenized, sorted and read together; bounds memory, whatever the number of texts."""


class _Share(NamedTuple):
    """What one thread takes: some rows of a window, all of one length."""

    start: int  # the window's first text
    pieces: Pieces  # the window's
    rows: IntArray  # within the window


def _forward(backend: Backend, batch: TokenBatch) -> Features:
    """`backend.forward(batch)`; a batch that fails is halved until the text that it fails on stands alone."""
    try:
        return backend.forward(batch)
    except BackendError as error:
        n_rows = len(batch.rows)
        if n_rows == 1:
            raise BackendError(f"Text {batch.rows[0]} could not be read: {error.message}", hint=error.hint) from error
    half = n_rows // 2
    halves = (slice(0, half), slice(half, n_rows))
    parts = [_forward(backend, TokenBatch(rows=batch.rows[part], ids=batch.ids[part])) for part in halves]
    return np.concatenate(parts)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Encoder:
    """A frozen encoder. Satisfies `SentenceEncoder`; safe to use from several threads.

    Copies are the encoder itself; a pickled one holds its name, and is opened anew where it is unpickled.

    Parameters
    ----------
    identity : EncoderIdentity
        All that can change a row.
    spec : FeatureSpec
        The features as the user wrote them.
    blocks : tuple of Block
        The same, resolved: the column blocks in order.
    hidden_size, n_layers : int
    word_pieces : WordPieces
    backend : Backend
    threads : int
        How many batches are read at once.
    """

    identity: EncoderIdentity
    spec: FeatureSpec
    blocks: tuple[Block, ...]
    hidden_size: int
    n_layers: int
    word_pieces: WordPieces
    backend: Backend
    threads: int
    reader: str = "ONNX Runtime on cpu"  # Who reads and where, for people
    folder: Path | None = None  # Where its files lie, of which our graph was made; None where torch reads

    @classmethod
    def open(  # noqa: PLR0913 - each is a choice of its own, and has a default
        cls,
        name: str = DEFAULT_ENCODER,
        *,
        features: str = DEFAULT_FEATURES,
        revision: str | None = None,
        max_length: int | None = None,
        threads: int | None = None,
        precision: Precision = "float32",
        insist: bool = False,
        backend: AskedBackend = "auto",
        device: Device = "auto",
        packs: bool = False,
        prefix: str | None = None,
    ) -> "Encoder":
        """The encoder called `name`, computing `features`.

        Parameters
        ----------
        name : str
            `minilm`, `distilbert`, `bert`, a folder, or a hub id.
        features : str
            `pooling@layers`, joined by `+`: see features.py.
        revision : str, optional
            Of the hub.
        max_length : int, optional
            Word pieces that are read of a text, [CLS] and [SEP] included; as many as its makers' files say, or as the
            encoder can see, unless given.
        threads : int, optional
            One per core unless given.
        precision : {"float32", "int8", "int7"}
            int8 needs a processor with instructions for it (`int8_instruction`). Without, float32 is used, which
            `identity.precision` shows, and a `PrecisionWarning` says. int7, rows of 7 bits, is exact everywhere.
        insist : bool
            Read in int8 without such instructions too, by sums that are as exact, at about the speed of float32. It is
            how a classifier that learned from int8 rows is used on any processor. Rows are bit-identical on one
            machine; between kinds of processors they agree as well as int8 agrees with float32.

        backend : {"auto", "onnx", "torch"}
            Our own graph on ONNX Runtime, or torch. `auto` is our graph where the family has one and neither a graphics
            processor nor bfloat16 is asked for; torch otherwise.
        device : {"auto", "cpu", "cuda", "mps"}
            Where torch reads. `auto` is a graphics processor, where there is one.
        packs : bool
            Open our own graph so that it takes several lengths at once: see `OnnxBackend.open`.
        prefix : str, optional
            Put before every text, such as `query: `. What the encoder's family needs, or its makers' files say, unless
            given; an empty one is none.

        Raises
        ------
        UsageError
            The features, max_length or threads are out of range for this encoder; backend, device and precision
            exclude each other.
        MissingInputError, UnavailableError, InputError
            The files are not there, out of reach, or cannot be used: see `find_checkpoint`.

        Warns
        -----
        PrecisionWarning
            int8 was asked for, and float32 is used.
        UserWarning
            Its makers' files (`modules.json` and the like) say that they use it otherwise, and how.
        """
        check_precision(precision, allowed=get_args(Precision))
        spec = FeatureSpec.parse(features)
        if threads is not None and threads < 1:
            raise UsageError(f"threads must be at least 1 (got {threads}).")
        kept = home() / "graphs"
        make_known(name)
        checkpoint = find_checkpoint(name, revision=revision, kept=kept)
        limits = _Limits.of(name, checkpoint, max_length=max_length, prefix=prefix, as_saved=insist)
        if checkpoint.config.get("model_type") == STATIC:
            return cls._from_table(name, checkpoint, spec, limits, threads, precision, asked=(backend, device))
        if settle_backend(checkpoint.config, asked=backend, device=device, precision=precision) == "torch":
            return cls._on_torch(name, checkpoint, spec, limits, threads, precision, device)
        shape = describe(checkpoint.config)
        blocks = spec.blocks(shape.n_layers)
        word_pieces = limits.word_pieces(kept, blocks, shape)
        form = _form(precision, kept, insist=insist)
        identity = _identity(
            name,
            checkpoint,
            family=shape.family,
            word_pieces=word_pieces,
            precision="float32" if form == "float32" else "int7" if form == "short" else "int8",
            graph_version=graph_version(form),
        )
        return cls(
            identity=identity,
            spec=spec,
            blocks=blocks,
            hidden_size=shape.hidden_size,
            n_layers=shape.n_layers,
            word_pieces=word_pieces,
            backend=_backend(checkpoint.folder, blocks, identity=identity, kept=kept, form=form, packs=packs),
            threads=threads or usable_cores(),
            folder=checkpoint.folder,
        )

    @classmethod
    def _from_table(  # noqa: PLR0913, PLR0917 - what `open` was given
        cls,
        name: str,
        checkpoint: Checkpoint,
        spec: FeatureSpec,
        limits: "_Limits",
        threads: int | None,
        precision: Precision,
        *,
        asked: tuple[AskedBackend, Device],
    ) -> "Encoder":
        """The encoder that is a table: nothing runs, so there is nothing to run it on, and no precision but its own."""
        from frostline.encoder import static  # noqa: PLC0415 - most encoders are none

        if asked[0] == "torch" or asked[1] not in {"auto", "cpu"} or precision == "bfloat16":
            raise UsageError(
                f"{shown(name)} is a table of word pieces, which is looked up on the processor in float32 "
                f"(asked for: backend {asked[0]}, device {asked[1]}, {precision}).",
                hint="Leave --backend, --device and --precision out.",
            )
        if precision != "float32":
            warnings.warn(
                "float32 is used instead of int8. A table is looked up, not multiplied.", PrecisionWarning, stacklevel=3
            )
        shape = static.static_shape(checkpoint.config, checkpoint.folder)
        blocks = spec.blocks(0)
        word_pieces = limits.word_pieces(home() / "graphs", blocks, shape, n_layers=0)
        identity = _identity(
            name,
            checkpoint,
            family=STATIC,
            word_pieces=word_pieces,
            precision="float32",
            graph_version=static.GRAPH_VERSION,
        )
        return cls(
            identity=identity,
            spec=spec,
            blocks=blocks,
            hidden_size=shape.hidden_size,
            n_layers=0,
            word_pieces=word_pieces,
            backend=static.StaticBackend(static.load_table(checkpoint.folder, shape), word_pieces, blocks),
            threads=threads or usable_cores(),
            reader="a table of word pieces",
            folder=checkpoint.folder,
        )

    @classmethod
    def _on_torch(  # noqa: PLR0913, PLR0917 - what `open` was given
        cls,
        name: str,
        checkpoint: Checkpoint,
        spec: FeatureSpec,
        limits: "_Limits",
        threads: int | None,
        precision: Precision,
        device: Device,
    ) -> "Encoder":
        """The encoder on torch: any architecture, on any device."""
        from frostline.encoder.torch import TORCH_VERSION, TorchBackend, open_torch_model  # noqa: PLC0415 - the extra

        dtype: Dtype = "bfloat16" if precision == "bfloat16" else "float32"
        model = open_torch_model(checkpoint, device=device, dtype=dtype)
        blocks = spec.blocks(model.n_layers)
        word_pieces = limits.word_pieces(home() / "graphs", blocks, model, n_layers=model.n_layers)
        identity = _identity(
            name,
            checkpoint,
            family=model.family,
            word_pieces=word_pieces,
            precision=dtype,
            graph_version=TORCH_VERSION,
        )
        backend = TorchBackend(model, blocks, threads=threads)
        return cls(
            identity=identity,
            spec=spec,
            blocks=blocks,
            hidden_size=model.hidden_size,
            n_layers=model.n_layers,
            word_pieces=word_pieces,
            backend=backend,
            threads=backend.most_workers if model.device == "cuda" else 1,
            reader=model.reader,
        )

    @property
    def is_table(self) -> bool:
        """Whether it only looks up: keeping its rows would save nothing."""
        return self.identity.family == STATIC

    @property
    def n_features(self) -> int:
        """Columns of a row."""
        return len(self.blocks) * self.hidden_size

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:
        """Read `texts`: each distinct one once, the rows in the order of the input.

        Parameters
        ----------
        texts : sequence of str, length n_texts >= 0
            A list, tuple, numpy array, pandas or polars Series. What passes max_length word pieces is cut, and marked.
        progress : callable, optional
            Called as progress(done, total), in distinct texts, from the calling thread.

        Returns
        -------
        Reading
            rows of shape (n_texts, n_features), float32, not normalised.

        Raises
        ------
        TextTypeError, InputError
            An item is not a str (its position is named), or has a lone surrogate. A lone str: wrap it in a list.
        BackendError
            The runtime failed on a text, whose position is named.
        """
        given = check_texts(texts)
        distinct = distinct_texts(given)
        different = [given[row] for row in distinct.first.tolist()]
        reading = self._read(different, distinct.first, progress)
        return reading if len(different) == len(given) else reading.take(distinct.of_row)

    def _read(self, texts: list[str], positions: IntArray, progress: Progress | None) -> Reading:
        """Read distinct texts; `positions` (n_texts,) are those in the user's input, which an error names."""
        rows = np.empty((len(texts), self.n_features), np.float32)
        n_pieces = np.empty(len(texts), np.int32)
        cut = np.empty(len(texts), np.bool_)

        budget = self.backend.token_budget

        def windows() -> Iterator[list[_Share]]:
            for start in range(0, len(texts), WINDOW_TEXTS):
                pieces = self.word_pieces.tokenize(texts[start : start + WINDOW_TEXTS])
                end = start + len(pieces.ids)
                n_pieces[start:end], cut[start:end] = pieces.lengths, pieces.cut
                yield [_Share(start, pieces, chosen) for chosen in plan_batches(pieces.lengths, token_budget=budget)]

        def read(share: _Share) -> int:
            ids = np.stack([share.pieces.ids[row] for row in share.rows]).astype(np.int64)
            where = share.start + share.rows
            rows[where] = _forward(self.backend, TokenBatch(rows=positions[where], ids=ids))
            return len(where)

        work_through(windows(), read, threads=self.threads, total=len(texts), progress=progress)
        return Reading(rows=rows, pieces=n_pieces, cut=cut, n_read=len(texts))

    def with_features(self, features: str) -> "Encoder":
        """The same encoder computing others; its tokenizer is shared where our graph reads."""
        if self.folder is None or self.is_table:
            return self._reopening(features)()
        spec, kept = FeatureSpec.parse(features), home() / "graphs"
        blocks, packs = spec.blocks(self.n_layers), self.backend.packs
        form = _form(cast("Precision", self.identity.precision), kept, insist=True)
        backend = _backend(self.folder, blocks, identity=self.identity, kept=kept, form=form, packs=packs)
        return replace(self, spec=spec, blocks=blocks, backend=backend)

    def __copy__(self) -> "Encoder":
        return self

    def __deepcopy__(self, memo: object) -> "Encoder":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self._reopening(str(self.spec)), self.identity.fingerprint())

    def _reopening(self, features: str) -> "Callable[[], Encoder]":
        return functools.partial(
            Encoder.open,
            self.identity.name,
            features=features,
            revision=self.identity.revision,
            max_length=self.word_pieces.max_length,
            threads=self.threads,
            precision=cast("Precision", self.identity.precision),
            insist=True,
            backend=self.identity.backend,
            prefix=self.identity.prefix,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """How much is read of a text, and behind what."""

    checkpoint: Checkpoint
    max_length: int | None  # As asked for
    prefix: str
    makers: Published

    @classmethod
    def of(
        cls, name: str, checkpoint: Checkpoint, *, max_length: int | None, prefix: str | None, as_saved: bool
    ) -> "_Limits":
        """What was asked for, over what the makers' files say.

        They aren't asked of an encoder with a short name, which is used as we say, nor of one that a saved classifier
        names with all that can change a row.
        """
        makers = Published() if as_saved or known_encoder(name) else published(checkpoint.folder)
        own = prefix_of(name, prefix, makers)
        return cls(checkpoint=checkpoint, max_length=max_length, prefix=own, makers=makers)

    def word_pieces(
        self, kept: Path, blocks: Sequence[Block], sizes: Sizes, *, n_layers: int | None = None
    ) -> WordPieces:
        """The tokenizer; a warning where the makers do otherwise. Without `n_layers`, `sizes` are a graph's of ours."""
        pieces = WordPieces.open(
            self.checkpoint,
            max_length=self.max_length,
            kept=kept,
            sizes=None if n_layers is None else sizes,
            prefix=self.prefix,
            usual_length=self.makers.max_length,
        )
        depth = sizes.n_layers if isinstance(sizes, Shape) else n_layers or 0
        differences = self.makers.differences(blocks, depth, keeps_capitals=keeps_capitals(pieces.tokenizer))
        if differences:
            name = shown(Path(self.checkpoint.name).name)
            warnings.warn(f"{name} is used otherwise by its makers: {'; '.join(differences)}.", stacklevel=4)
        return pieces


def _no_state(_: Encoder) -> NoReturn:
    """What writes objects by their state (skops) is told what a saved classifier is instead."""
    raise UsageError(
        "An encoder has no state that could be written: it is an open session of the runtime, and a tokenizer.",
        hint="Save the classifier by itself, with its save: arrays and JSON, which run nothing when loaded.",
    )


# Not within the class: before Python 3.11.4 a frozen dataclass with slots puts one of its own in the place of it.
Encoder.__getstate__ = _no_state  # type: ignore[method-assign, assignment]


def must_be_made(name: str) -> bool:
    """Whether `name` is made on this machine, and has not been yet."""
    known = known_encoder(name)
    return known is not None and known.made_from is not None and is_at_hand(known, kept=home() / "graphs") is None


def make_known(name: str, *, progress: Progress | None = None) -> None:
    """Make the encoder called `name`, if it is one that is made here and is not there yet: seconds, once.

    Parameters
    ----------
    progress : callable, optional
        Counts word pieces.
    """
    known = known_encoder(name)
    if known is None or known.made_from is None or not must_be_made(name):
        return
    from frostline.encoder.static import FEATURES, distil  # noqa: PLC0415 - made once

    folder = made_folder(known, kept=home() / "graphs")
    private_folder(folder.parent)
    source = Encoder.open(known.made_from, features=FEATURES)
    try:
        distil(source, folder, progress=progress)
    except OutputError:
        if not (folder / WEIGHTS).is_file():  # or else another process was as quick
            raise


def reader_of(encoder: SentenceEncoder) -> str:
    """Who reads and where, for people; empty where no encoder of ours does."""
    reader = bottom_of(encoder)
    return reader.reader if isinstance(reader, Encoder) else ""


def bottom_of(encoder: SentenceEncoder) -> SentenceEncoder:
    """What reads, without what remembers or counts words around it."""
    while isinstance(encoder, Around):
        encoder = encoder.encoder
    return encoder


CHEAP = "mean@0"
"""What costs next to nothing to read of any encoder: the mean of what its first layer is given."""


def is_cheap(encoder: SentenceEncoder) -> bool:
    """Whether nothing is saved where a text is not read: words are counted, or a table is looked up."""
    reader = bottom_of(encoder)
    return isinstance(reader, WordsAlone) or (isinstance(reader, Encoder) and reader.is_table)


def cheap_features(encoder: SentenceEncoder) -> str:
    """What a cascade's cheap head goes by: the word embeddings' mean, where our graph reads, and the words."""
    reader = bottom_of(encoder)
    is_ours = isinstance(reader, Encoder) and reader.folder is not None and not reader.is_table
    return f"{CHEAP}+{WORDS}" if is_ours else WORDS


def reader_for(encoder: SentenceEncoder, features: str, vocabulary: Vocabulary | None) -> SentenceEncoder:
    """The encoder at the bottom of `encoder`, computing other features, with the words of `vocabulary` where given."""
    reader, spec = bottom_of(encoder), FeatureSpec.parse(features)
    dense: SentenceEncoder = WordsAlone()
    if spec.terms:
        if not isinstance(reader, Encoder):
            raise InputError(f"{shown(reader.identity.name)} must be one of our encoders to be opened twice.")
        dense = reader.with_features(str(replace(spec, words=False)))
    return dense if vocabulary is None else WordedEncoder(dense, vocabulary)


def _identity(  # noqa: PLR0913 - what differs by who reads
    name: str, checkpoint: Checkpoint, *, family: str, word_pieces: WordPieces, precision: Precision, graph_version: int
) -> EncoderIdentity:
    return EncoderIdentity(
        name=name,
        revision=checkpoint.revision,
        family=family,
        weights_sha256=checkpoint.weights_sha256,
        tokenizer_sha256=checkpoint.tokenizer_sha256,
        config_sha256=checkpoint.config_sha256,
        max_length=word_pieces.max_length,
        precision=precision,
        graph_version=graph_version,
        prefix=word_pieces.prefix,
    )


def _form(precision: Precision, kept: Path, *, insist: bool) -> Form:
    """How products are computed here; float32, with a warning, where int8 was asked for in vain."""
    if precision == "float32":
        return "float32"
    if precision == "int7":
        from frostline.encoder.int8 import exact_short_form  # noqa: PLC0415 - float32 does without

        return exact_short_form(kept)
    reason = None if insist else why_not_int8()
    if reason is None:
        from frostline.encoder.int8 import exact_form  # noqa: PLC0415 - float32 does without

        return exact_form(kept)
    warnings.warn(f"float32 is used instead of int8. {reason}", PrecisionWarning, stacklevel=3)
    return "float32"


def _backend(  # noqa: PLR0913 - as OnnxBackend.open
    folder: Path, blocks: tuple[Block, ...], *, identity: EncoderIdentity, kept: Path, form: Form, packs: bool
) -> OnnxBackend:
    """The encoder in `folder`, opened with the weights of `form`."""
    identity_digest = hashlib.sha256(f"{identity.weights_sha256} {identity.config_sha256}".encode()).hexdigest()
    architecture, weights = load_architecture(folder), None
    if form != "float32":
        from frostline.encoder.int8 import int8_weights  # noqa: PLC0415 - float32 does without

        weights = int8_weights(architecture, identity_digest=identity_digest, kept=kept, form=form)
    return OnnxBackend.open(
        architecture,
        blocks=blocks,
        identity_digest=identity_digest,
        kept=kept,
        form=form,
        weights=weights,
        packs=packs,
    )


def _reopened(reopen: Callable[[], Encoder], fingerprint: str) -> Encoder:
    encoder = reopen()
    if encoder.identity.fingerprint() != fingerprint:
        name = shown(encoder.identity.name)
        raise InputError(f"The encoder {name} must be the one that was pickled (its files have changed since).")
    return encoder
