"""The encoder on ONNX Runtime."""

from pathlib import Path
from typing import final

from frostline.arrays import Features
from frostline.encoder.backend import Backend, TokenBatch
from frostline.encoder.features import Block


@final
class OnnxBackend(Backend):
    """A graph of ours in one single-threaded session, shared by as many threads as there are cores."""

    @classmethod
    def open(
        cls, folder: Path, *, blocks: tuple[Block, ...], identity_digest: str, kept: Path | None
    ) -> "OnnxBackend":
        """The encoder in `folder` (config.json, model.safetensors), computing `blocks` in that order."""
        raise NotImplementedError

    def forward(self, batch: TokenBatch) -> Features:
        """Features (B, n_features), float32; row i belongs to batch.ids[i]."""
        raise NotImplementedError
