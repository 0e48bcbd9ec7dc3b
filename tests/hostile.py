"""Texts that tokenizers trip over."""

import numpy as np


def hostile_texts(n_texts: int = 500) -> list[str]:
    """Texts that tokenizers trip over, and random characters of all planes."""
    rng = np.random.default_rng(0)
    given = [
        "",
        " ",
        "\u200b",
        "a" * 3000,
        "word " * 600,
        "[SEP] [CLS]",
        "ΑΔΕΛΦΟΣ ΣΑΣ",
        "İ ẞ ﬁ",
        "\x00\x07",
        "👩‍👧 🏳️‍🌈",
        "e\u0323\u0301",
    ]
    while len(given) < n_texts:
        codes = rng.integers(1, 0x30000 if len(given) % 2 else 0x500, size=rng.integers(1, 40))
        given.append("".join(chr(code) for code in codes.tolist() if not 0xD800 <= code <= 0xDFFF))
    return given
