"""Which texts an encoder was tuned on: digests beside its weights, so that no score is taken over its own texts."""

from collections.abc import Sequence

import numpy as np

from frostline.arrays import IntArray
from frostline.data.copies import digests_of
from frostline.encoder.checkpoint import seen_file
from frostline.encoder.files import SEEN
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import InputError
from frostline.tensors import Expected, read_tensors, tensors_bytes

_MOST_BYTES = 64 * 1024**2


def seen_bytes(texts: Sequence[str], before: IntArray | None = None) -> bytes:
    """The digests of the texts tuned on, and of those `before`, ascending, in the safetensors format."""
    digests = np.unique(digests_of(texts))
    return tensors_bytes({"digests": digests if before is None else np.union1d(before, digests)})


def seen_by(encoder: SentenceEncoder) -> IntArray | None:
    """The digests of the texts that an encoder from a folder was tuned on; None: on none."""
    path = seen_file(encoder.identity.name)
    if path is None:
        return None
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path} must have at most {_MOST_BYTES:,} bytes.")
    found = read_tensors(path.read_bytes(), SEEN, {"digests": Expected("I64", (None,))}, header_bytes=1024**2)
    return found["digests"].astype(np.int64)


def met_by(learned: IntArray | None, encoder: SentenceEncoder) -> IntArray | None:
    """The digests of what a head learned from (None: not known) and of what its encoder was tuned on."""
    seen = seen_by(encoder)
    if seen is None or learned is None:
        return seen if learned is None else learned
    return np.union1d(learned, seen)


def refuse_seen(texts: Sequence[str], encoder: SentenceEncoder) -> None:
    """Raise `InputError` if the encoder was tuned on any of the texts: its rows carry their labels."""
    seen = seen_by(encoder)
    n_seen = 0 if seen is None else int(np.isin(digests_of(texts), seen).sum())
    if n_seen:
        raise InputError(
            f"{n_seen:,} of {len(texts):,} texts are ones that this encoder was tuned on: its rows carry their labels, "
            "so any score over them would be near-perfect and worthless.",
            hint="Use texts that it was not tuned on, or the encoder as it was before.",
        )


def refuse_seen_alone(texts: Sequence[str], encoder: SentenceEncoder) -> None:
    """Raise `InputError` if the encoder was tuned on all of the texts; where others are left, those are tested on."""
    seen = seen_by(encoder)
    if seen is not None and len(texts) and np.isin(digests_of(texts), seen).all():
        refuse_seen(texts, encoder)
