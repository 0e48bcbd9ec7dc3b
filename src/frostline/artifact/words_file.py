"""words.json: a vocabulary, as bytes and back.

In:   a `Vocabulary`; or bytes from a stranger.
Out:  bytes; or the vocabulary.
Not:  digests (folder.py); making rows of it (words/).

File format: docs/formats/artifact.md.
"""

import json
from itertools import pairwise

import numpy as np

from frostline.artifact.fields import array, integer, members, number, text, truth
from frostline.artifact.limits import DEFAULT_LIMITS, WORDS, Limits
from frostline.artifact.strict_json import read_object
from frostline.errors import ArtifactCorrupt, InputError
from frostline.words.vocabulary import MAX_TERM_LENGTH, MAX_TERMS, Vocabulary

_NAMES = ("n_texts", "max_words", "sublinear", "scale", "terms", "counts")


def words_bytes(vocabulary: Vocabulary, *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """words.json: one member a line.

    Raises
    ------
    InputError
        It could not be read back.
    """
    document = {name: getattr(vocabulary, name) for name in _NAMES} | {"counts": vocabulary.counts.tolist()}
    try:
        lines = [
            f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
            for name, value in document.items()
        ]
        content = ("{\n" + ",\n".join(lines) + "\n}\n").encode("utf-8")
        if len(content) > limits.words_bytes:
            raise InputError(f"{WORDS} must have at most {limits.words_bytes:,} bytes (got {len(content):,}).")
        read_words(content, limits=limits)
    except ArtifactCorrupt as error:
        raise InputError(f"What is to be saved must fit the artifact's format: {error.message}") from error
    except (TypeError, UnicodeEncodeError) as error:
        raise InputError(f"A vocabulary must be one of JSON values and whole characters ({error}).") from error
    return content


def read_words(content: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Vocabulary:
    """The vocabulary that `content` spells.

    Raises
    ------
    ArtifactCorrupt
        Not JSON, or a member not as docs/formats/artifact.md has it.
    """
    found = members(read_object(content, WORDS, depth=limits.json_depth), WORDS, names=_NAMES)
    terms = tuple(
        text(item, f"{WORDS}: terms[{place}]", limit=MAX_TERM_LENGTH)
        for place, item in enumerate(array(found["terms"], f"{WORDS}: terms", low=1, high=MAX_TERMS))
    )
    if any(not one < other for one, other in pairwise(terms)):
        raise ArtifactCorrupt(f"{WORDS}: terms must ascend, each once.")
    n_texts = integer(found["n_texts"], f"{WORDS}: n_texts", low=1, high=2**53)
    counts = [
        integer(item, f"{WORDS}: counts[{place}]", low=1, high=n_texts)
        for place, item in enumerate(array(found["counts"], f"{WORDS}: counts", low=len(terms), high=len(terms)))
    ]
    return Vocabulary(
        terms=terms,
        n_texts=n_texts,
        counts=np.array(counts, dtype=np.int64),
        max_words=integer(found["max_words"], f"{WORDS}: max_words", low=1, high=8),
        sublinear=truth(found["sublinear"], f"{WORDS}: sublinear"),
        scale=number(found["scale"], f"{WORDS}: scale", low=1e-6, high=1e6),
    )
