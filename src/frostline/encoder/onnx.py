"""The encoder on ONNX Runtime: a graph of ours, the checkpoint's own weights, one thread per call.

One session with one thread, which as many Python threads share as there are cores: on two cores exactly twice as
fast, where the runtime's own pool of two is slower and erratic (docs/decisions/0003-graphs-without-a-mask.md).

The word embeddings are an input of the graph, read where they lie in the mapped file; the other weights are handed
over when the session opens, and the runtime keeps them in the order that its products read. So the memory that an
encoder takes is that of its layers, once.
"""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Features, Float32Array, IntArray
from frostline.encoder.architecture import Architecture
from frostline.encoder.features import Block
from frostline.encoder.layout import (
    IDS,
    LAYOUT,
    ROWS,
    SENTENCES,
    WORDS,
    Form,
    graph_inputs,
    graph_version,
    highest_layer,
    needs_weight,
    tokens_output,
)
from frostline.encoder.reading import Backend, TokenBatch, check_ids, check_rows, positions_text
from frostline.encoder.session import kept_file, open_session, runtime, runtime_errors
from frostline.errors import BackendError, shown
from frostline.tensors import check_finite

_SHAPES = 256  # of single runs whose inputs are kept


@final
class OnnxBackend(Backend):
    """A frozen encoder, opened. Made by `OnnxBackend.open`.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Over a graph of `build_graph`, with the architecture's weights.
    packs : bool
        Whether it is the graph that takes several lengths at once.
    """

    def __init__(self, architecture: Architecture, session: Any, *, packs: bool) -> None:
        self._shape = architecture.shape
        self._session = session
        self.packs = packs
        self._value = runtime().OrtValue.ortvalue_from_numpy
        self._words = self._value(architecture.tensors["words"])
        self._check_file = architecture.check
        self._beside = functools.lru_cache(_SHAPES)(self._beside_ids)

    @classmethod
    def open(  # noqa: PLR0913 - what to open, how, and where to keep what is built
        cls,
        architecture: Architecture,
        *,
        blocks: tuple[Block, ...],
        identity_digest: str,
        kept: Path | None,
        token_layers: tuple[int, ...] = (),
        form: Form = "float32",
        weights: Mapping[str, NDArray[Any]] | None = None,
        packs: bool = False,
    ) -> "OnnxBackend":
        """The encoder `architecture`, computing `blocks` in that order.

        Raises `InputError`: a weight is not finite; its name is in the message; `BackendError`: the runtime
        refused the graph.

        Parameters
        ----------
        identity_digest : str
            Over everything that can change a row: a graph kept under it belongs to these very weights.
        kept : Path or None
            A private folder for built graphs; None to build at every start.
        token_layers : tuple of int
            Layers whose word pieces' states `states` shall give.
        form : {"float32", "signed", "unsigned"}
            How the layers' products are computed; the last two are int8, and give the same rows (products.py).
        weights : mapping of str to ndarray, optional
            Those that the graph of `form` declares; the architecture's own unless given.
        packs : bool, default=False
            Read sentences of several lengths in one product (`forward_together`), the same bits. It costs each call a
            little, and pays where lengths are many and sentences few: in a server.
        """

        def build() -> bytes:
            from frostline.encoder.graph import build_graph  # noqa: PLC0415 - only where none was kept

            for name, tensor in architecture.tensors.items():
                architecture.check()
                check_finite(name, tensor)
            model = build_graph(architecture.shape, blocks, token_layers=token_layers, form=form, packed=packs)
            graph: bytes = model.SerializeToString()
            return graph

        blocks_named = [str(block) for block in blocks]
        wanted = [graph_version(form), LAYOUT, identity_digest, blocks_named, list(token_layers), form, packs]
        key = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()
        highest, n_layers = highest_layer(blocks, token_layers), architecture.shape.n_layers
        given = architecture.tensors if weights is None else weights
        needed = {name: given[name] for name in given if needs_weight(name, highest, n_layers=n_layers)}
        graph = kept_file(kept, key, build)
        architecture.check()
        return cls(architecture, open_session(graph, needed), packs=packs)

    def forward(self, batch: TokenBatch) -> Features:
        """Features (B, n_features), float32; row i belongs to batch.ids[i]. Safe to call from several threads.

        Raises `BackendError`: the runtime failed, or a row is not finite; the sentences' positions are in the
        message.
        """
        return self.forward_together([batch])

    def forward_together(self, batches: Sequence[TokenBatch]) -> Features:
        """Features of the sentences of all batches, in their order; where it packs, one product for all word pieces.

        Each row has the bits that its sentence has alone. Raises as `forward`.
        """
        if len(batches) > 1 and not self.packs:
            return super().forward_together(batches)
        rows = self._run(batches, [ROWS])[0]
        ends = np.cumsum([len(batch.rows) for batch in batches])
        for batch, end in zip(batches, ends.tolist(), strict=True):
            check_rows(rows[end - len(batch.rows) : end], batch, precision="float32")
        return rows

    def states(self, batch: TokenBatch, layers: Sequence[int]) -> Mapping[int, Float32Array]:
        """Every word piece's state (B, S, hidden_size) after each of `layers`, which `open` was asked for.

        Raises `BackendError`: the runtime failed.
        """
        states = self._run([batch], [tokens_output(layer) for layer in layers])
        return {layer: rows.reshape(*batch.ids.shape, -1) for layer, rows in zip(layers, states, strict=True)}

    def _run(self, batches: Sequence[TokenBatch], outputs: list[str]) -> list[Float32Array]:
        for batch in batches:
            check_ids(batch, longest=self._shape.max_positions, vocabulary=self._shape.vocab_size)
        self._check_file()
        inputs = self._inputs([batch.ids for batch in batches]) | {WORDS: self._words}
        try:
            return [value.numpy() for value in self._session.run_with_ort_values(outputs, inputs)]
        except runtime_errors() as error:
            where = positions_text(np.concatenate([batch.rows for batch in batches]))
            raise BackendError(
                f"ONNX Runtime failed on {where} ({shown(str(error), 300)}).",
                hint="Out of memory? A shorter max length or fewer threads take less.",
            ) from error

    def _inputs(self, runs: Sequence[IntArray]) -> dict[str, Any]:
        """What the session is given, beside the embeddings of words."""
        if not self.packs:
            return {SENTENCES: self._value(np.ascontiguousarray(runs[0]))}
        if len(runs) == 1 and self._shape.position_padding is None:
            return self._beside(*runs[0].shape) | {IDS: self._value(np.ascontiguousarray(runs[0]).reshape(-1))}
        return {name: self._value(numbers) for name, numbers in graph_inputs(self._shape, runs).items()}

    def _beside_ids(self, n_sentences: int, length: int) -> dict[str, Any]:
        """All but the word pieces of one run, which its shape alone decides."""
        given = graph_inputs(self._shape, [np.zeros((n_sentences, length), np.int64)])
        return {name: self._value(numbers) for name, numbers in given.items() if name != IDS}
