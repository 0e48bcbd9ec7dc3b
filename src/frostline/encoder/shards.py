"""Weights in several files, as large checkpoints have them: joined once, and kept on this machine.

Everything else then reads, digests and copies one model.safetensors. The joined file depends on the shards' content
alone: tensors stand in the order of their names.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from frostline.disk import home, private_folder, publish_folder
from frostline.encoder.files import (
    CHECKPOINT_FILES,
    INDEX,
    WEIGHTS,
    digest_in_cache,
    remembered_sha256,
    shards_of,
)
from frostline.encoder.published import published_files
from frostline.errors import InputError, OutputError, shown
from frostline.tensors import Entry, Weights, open_weights

JOINED = "joined"
"""The folder of the home that keeps them."""


def joined_folder(folder: Path, kept: Path | None) -> Path:
    """A folder with the same checkpoint in one file of weights; made where it is not there yet.

    Raises `InputError`: the index or a shard is not whole, or they do not belong together; `MissingInputError`: a shard
    is not there; `StorageError`: there is no room.
    """
    names = shards_of(folder)
    own = [name for name in CHECKPOINT_FILES if name != WEIGHTS and (folder / name).is_file()]
    small = [*published_files(folder), *own]
    digests = [f"{_checked(folder / name, kept)} {name}\n" for name in (*names, INDEX, *small)]
    place = home() / JOINED / hashlib.sha256("".join(digests).encode()).hexdigest()
    if (place / WEIGHTS).is_file():
        return place
    private_folder(place.parent)
    where = _where(folder, [open_weights(folder / name) for name in names])
    try:
        with publish_folder(place) as made:
            for name in small:
                (made / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, made / name)
            _write(made / WEIGHTS, where)
    except OutputError:  # another process was quicker
        if not (place / WEIGHTS).is_file():
            raise
    return place


def _checked(path: Path, kept: Path | None) -> str:
    """The file's digest, which must be that by which the hub's cache names it."""
    sha256, expected = remembered_sha256(path, kept), digest_in_cache(path)
    if expected not in {None, sha256}:
        raise InputError(f"{path}: sha256 must be {expected} (got {sha256}).", hint="Remove it, and run this again.")
    return sha256


def _where(folder: Path, parts: list[Weights]) -> dict[str, tuple[Weights, Entry]]:
    """In which part each tensor lies, by name; every one of the index, where the index has it."""
    found: dict[str, tuple[Weights, Entry]] = {}
    for part in parts:
        for name, entry in part.entries.items():
            if name in found:
                raise InputError(f"{part.path}: tensor {shown(name)} must be in one shard alone.")
            found[name] = part, entry
    listed = json.loads((folder / INDEX).read_text("utf-8"))["weight_map"]
    for name in sorted({*listed, *found}):
        if name not in found or name not in listed or found[name][0].path.name != listed[name]:
            raise InputError(
                f"{folder / INDEX}: tensor {shown(name)} must be in the shard that the index names.",
                hint="The index and the shards do not belong together: fetch them again.",
            )
    return {name: found[name] for name in sorted(found)}


def _write(path: Path, where: Mapping[str, tuple[Weights, Entry]]) -> None:
    """The tensors one after the other, in the safetensors format."""
    table: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (_, entry) in where.items():
        end = at + entry.end - entry.start
        table[name] = {"dtype": entry.dtype, "shape": list(entry.shape), "data_offsets": [at, end]}
        at = end
    header = json.dumps(table, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as opened:
        opened.write(len(header).to_bytes(8, "little") + header)
        for part, entry in where.values():
            part.check()
            opened.write(part.content[entry.start : entry.end].data)
