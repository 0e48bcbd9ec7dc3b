"""How large an artifact may be, so that a stranger's cannot eat memory or time.

In:   nothing.
Out:  `Limits`, and the closed list of file names an artifact may hold.
Not:  reading (folder.py).
"""

from dataclasses import dataclass
from typing import final

from frostline.encoder.files import CHECKPOINT_FILES, WEIGHTS

MANIFEST = "manifest.json"
HEAD = "head.safetensors"
CARD = "README.md"
REPORT = "report.html"
WORDS = "words.json"
NEIGHBOURS = "neighbours.safetensors"
ENCODER_FOLDER = "encoder"

ENCODER_FILES = (*CHECKPOINT_FILES, "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE")
"""What may lie in `encoder/`: no program, no pickle, and the terms under which the weights may be passed on."""

SINCE_2 = (WORDS, NEIGHBOURS)
"""Files that format 1 did not know."""

KNOWN_FILES = (HEAD, CARD, REPORT, *SINCE_2, *(f"{ENCODER_FOLDER}/{name}" for name in ENCODER_FILES))
"""What a manifest may list; any other name is refused, so no path of a stranger's making is ever opened."""

N_SELF_TEST = 8
MAX_TOLERANCE = {"float32": 1e-2, "int8": 6e-2}  # by precision; a stranger may not switch the self-test off
MAX_DECISION = 1e12
MAX_LABELS = 100_000
MAX_FEATURES = 1_000_000

_MB = 1 << 20


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most bytes that are read, checked before reading.

    Parameters
    ----------
    manifest_bytes, head_bytes, header_bytes, card_bytes, report_bytes, words_bytes, neighbours_bytes : int
        `manifest.json`, `head.safetensors`, the JSON header inside a `.safetensors`, `README.md`, `report.html`,
        `words.json`, `neighbours.safetensors`.
    encoder_weights_bytes, encoder_file_bytes : int
        `encoder/model.safetensors`, and each other file in `encoder/`.
    json_depth : int
        Nesting of objects and arrays.
    """

    manifest_bytes: int = _MB
    head_bytes: int = 64 * _MB
    header_bytes: int = _MB
    card_bytes: int = _MB
    report_bytes: int = 32 * _MB
    words_bytes: int = 32 * _MB
    neighbours_bytes: int = 512 * _MB
    encoder_weights_bytes: int = 16 * 1024 * _MB
    encoder_file_bytes: int = 64 * _MB
    json_depth: int = 32

    def of(self, name: str) -> int:
        """The most bytes that the file `name` (a manifest's or one of `KNOWN_FILES`) may have."""
        if name == f"{ENCODER_FOLDER}/{WEIGHTS}":
            return self.encoder_weights_bytes
        own = {
            MANIFEST: self.manifest_bytes,
            HEAD: self.head_bytes,
            CARD: self.card_bytes,
            REPORT: self.report_bytes,
            WORDS: self.words_bytes,
            NEIGHBOURS: self.neighbours_bytes,
        }
        return own.get(name, self.encoder_file_bytes)


DEFAULT_LIMITS = Limits()
