"""The seam between sentences and arithmetic: one method that turns a batch of ids into rows.

In:   a `TokenBatch`: word-piece ids of sentences that are all of one length.
Out:  their features.
Not:  making ids (tokens.py), forming batches (batches.py), any particular runtime (onnx.py).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

from frostline.arrays import Features, IntArray


@final
@dataclass(frozen=True, slots=True, eq=False)
class TokenBatch:
    """Sentences of equal length: nothing is padded, so no row can depend on what stands beside it.

    Parameters
    ----------
    rows : ndarray of shape (B,), dtype=int64
        Where each sentence stands in the input; named in errors.
    ids : ndarray of shape (B, S), dtype=int64
        Word pieces, [CLS] and [SEP] included; B >= 1, S >= 1.
    """

    rows: IntArray
    ids: IntArray


class Backend(ABC):
    """Runs the frozen encoder: a batch of word-piece ids in, features out."""

    @abstractmethod
    def forward(self, batch: TokenBatch) -> Features:
        """Features (B, n_features), float32; row i belongs to batch.ids[i]. Safe to call from several threads.

        Raises
        ------
        BackendError
            The runtime failed, or a row is not finite; the sentences' positions are in the message.
        """
