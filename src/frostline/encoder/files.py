"""What a checkpoint is made of: the names of its files, and what is refused before any of them is used."""

import contextlib
import hashlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any

from frostline.disk import sha256_of, storage_error
from frostline.encoder.session import kept_file
from frostline.errors import InputError, MissingInputError, shown

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
"""Which tensor is in which shard, where the weights are in several files."""
SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
WORD_PIECES = ("tokenizer.json", "vocab.txt")
SETTINGS = ("tokenizer_config.json", "special_tokens_map.json")
SEEN = "seen.safetensors"
"""Digests of the texts that an encoder was tuned on (seen.py)."""
MODULES, POOLING = "modules.json", "1_Pooling/config.json"
SENTENCE_BERT, PROMPTS = "sentence_bert_config.json", "config_sentence_transformers.json"
PUBLISHED = (MODULES, POOLING, SENTENCE_BERT, PROMPTS)
"""What makers say of how they use it (published.py): read where an encoder is chosen, not kept with a classifier."""
MODULE_FILE = re.compile(r"\d{1,2}_(Pooling/config|Transformer/sentence_bert_config)\.json")
"""The same in a module's own folder, as sentence-transformers names these."""
CHECKPOINT_FILES = (CONFIG, *SETTINGS, *WORD_PIECES, WEIGHTS)
"""All that makes its rows, the large file last."""

ENCODER_FOLDER = "encoder"
"""Where a saved classifier has its encoder."""

_MAX_JSON = 1024**2  # configs of classifiers list their labels; the largest seen has 700,000


def is_whole(folder: Path) -> bool:
    """Whether `folder` holds all that a checkpoint needs."""
    has_pieces = any((folder / name).is_file() for name in WORD_PIECES)
    has_weights = (folder / WEIGHTS).is_file()
    if not has_weights and (folder / INDEX).is_file():
        with contextlib.suppress(InputError, MissingInputError):
            has_weights = bool(shards_of(folder))
    return has_pieces and (folder / CONFIG).is_file() and has_weights


def shards_of(folder: Path) -> tuple[str, ...]:
    """The names of the files that hold the weights, where `INDEX` lists several.

    Raises `InputError`: the index lists nothing, or other names than shards have; `MissingInputError`: one of them is
    not there.
    """
    listed = read_json(folder / INDEX).get("weight_map")
    names = sorted({str(name) for name in listed.values()}) if isinstance(listed, dict) else []
    wrong = next((name for name in names if not SHARD.fullmatch(name)), None)
    if not names or wrong is not None:
        got = "" if wrong is None else f" (got {shown(wrong)})"
        raise InputError(f"{folder / INDEX}: weight_map must name files like model-00001-of-00002.safetensors{got}.")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise MissingInputError(f"{folder}: {missing[0]} must be there, which {INDEX} names.")
    return tuple(names)


def refuse_listing(names: set[str], where: str) -> None:
    """Raise unless the files called `names` make a checkpoint that can be read here.

    Raises `InputError`: the weights are there only as pickle (whose loading could run code);
    `MissingInputError`: a file that is needed is not there; what was found is listed.
    """
    there = ", ".join(shown(name) for name in sorted(names)[:12]) or "nothing"
    if WEIGHTS not in names and INDEX not in names:
        pickled = sorted(name for name in names if name.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl")))
        if pickled:
            raise InputError(
                f"{where}: the weights must be safetensors (found {', '.join(map(shown, pickled[:3]))}, "
                f"whose loading could run code).",
                hint="Convert them: transformers' AutoModel.from_pretrained(...).save_pretrained(folder).",
            )
    weights = INDEX if INDEX in names and WEIGHTS not in names else WEIGHTS
    missing = [name for name in (CONFIG, weights) if name not in names]
    if not names.intersection(WORD_PIECES):
        missing.append(" or ".join(WORD_PIECES))
    if missing:
        raise MissingInputError(f"{where}: {' and '.join(missing)} must be there (found: {there}).")


def refuse_code(folder: Path) -> None:
    """Raise if the configuration in `folder` names code that should be run (`auto_map`).

    Raises `InputError`: it does, or the configuration is not JSON.
    """
    for filename in (CONFIG, "tokenizer_config.json"):
        if (folder / filename).is_file() and "auto_map" in read_json(folder / filename):
            raise InputError(
                f"{folder / filename} asks for code of its own (auto_map), and none but Frostline's is ever run.",
                hint="Use a checkpoint of a plain BERT, DistilBERT, RoBERTa, MPNet, ELECTRA or ModernBERT.",
            )


def refuse_links(folder: Path) -> None:
    """Raise if a small file of `folder` is a link out of it.

    It is copied into whatever is made of the encoder, and a private file of this machine could leave it so. Links into
    the hub's own cache are usual there; weights may lie on another disk.

    Raises `InputError`: a file is such a link.
    """
    for name in (CONFIG, *SETTINGS, *WORD_PIECES):
        if (folder / name).is_file() and not lies_within(folder, name):
            raise InputError(
                f"{folder / name} must not be a link to a file elsewhere: it is copied into what is saved.",
                hint="Copy the file itself into the folder, if it is the encoder's own.",
            )


def lies_within(folder: Path, name: str) -> bool:
    """Whether the file is in the folder itself, or where the hub's cache keeps the files of this one."""
    file, own = (folder / name).resolve(), folder.resolve()
    return file.is_relative_to(own) or file.parent == own.parent.parent / "blobs"


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a small file; raises as `read_json_list`."""
    value: dict[str, Any] = _small(path, dict, "one JSON object")
    return value


def read_json_list(path: Path) -> list[Any]:
    """The JSON array in a small file.

    Raises `MissingInputError` or `StorageError` or `AccessError`: it is not there, or cannot be read; `InputError`:
    larger than 1 MB, not UTF-8, not JSON, or not an array.
    """
    value: list[Any] = _small(path, list, "one JSON array")
    return value


def _small(path: Path, kind: type, called: str) -> Any:
    try:
        with path.open("rb") as opened:
            content = opened.read(_MAX_JSON + 1)
    except FileNotFoundError as error:
        raise MissingInputError(f"{path} must be there.") from error
    except OSError as error:
        raise storage_error(error, path) from error
    if len(content) > _MAX_JSON:
        raise InputError(f"{path}: must be smaller than 1 MB.")
    try:
        value = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: also broken UTF-8 and numbers of 5,000 digits
        raise InputError(f"{path}: must hold {called} ({type(error).__name__}: {error}).") from error
    if not isinstance(value, kind):
        raise InputError(f"{path}: must hold {called} (got a {type(value).__name__}).")
    return value


SETTLED_NS = 3_000_000_000
"""A file changed this lately is read: a second change within one tick of its clock (FAT: 2 s) leaves no trace."""


def remembered_sha256(path: Path, kept: Path | None) -> str:
    """The SHA-256 of a file, in hexadecimal; 60 ms for 90 MB the first time, 0.2 ms afterwards.

    Raises `StorageError` or `AccessError`: it cannot be read.

    Parameters
    ----------
    kept : Path or None
        A private folder for what is kept; None to read the file whatever was said of it before.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise storage_error(error, path) from error
    settled = max(status.st_mtime_ns, status.st_ctime_ns) < time.time_ns() - SETTLED_NS
    has_ctime = os.name != "nt"  # Windows keeps the time of making there, which programs can set
    if kept is None or not settled or not has_ctime:
        return sha256_of(path)
    mark = [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    key = hashlib.sha256(json.dumps([str(path.resolve()), *mark]).encode()).hexdigest()
    return kept_file(kept, key, lambda: sha256_of(path).encode(), kind="digest").decode()


_DIGEST = re.compile(r"[0-9a-f]{64}")


def digest_in_cache(path: Path) -> str | None:
    """The digest by which the hub's cache names this file, where `path` is a link into it."""
    target = path.resolve()
    return target.name if target.parent.name == "blobs" and _DIGEST.fullmatch(target.name) else None
