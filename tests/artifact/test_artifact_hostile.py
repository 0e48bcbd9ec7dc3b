"""Whatever lies in the folder: the artifact, or one `ArtifactCorrupt`. Nothing else, and soon."""

import io
import json
import os
import pickle
import random
import shutil
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_artifacts import forge, forge_file, open_fake, resealed, saved, sealed_text, some_head
from safetensors.numpy import save

from frostline.artifact import Limits, load_artifact, open_model
from frostline.artifact.head_file import head_bytes
from frostline.artifact.strict_json import read_object
from frostline.errors import AccessError, ArtifactCorrupt, shown

MB = 1 << 20


# --- damage: the forger is chance


@pytest.mark.parametrize("name", ["manifest.json", "head.safetensors", "README.md", "report.html"])
def test_any_damage_to_any_file_is_found(tmp_path: Path, name: str) -> None:
    """Flipped bits, lost and added bytes, 150 times for each file."""
    path = saved(tmp_path)
    whole = (path / name).read_bytes()
    chance = random.Random(name)
    for turn in range(150):
        content = bytearray(whole)
        match turn % 3:
            case 0:
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            case 1:
                del content[chance.randrange(len(content)) :]
            case _:
                place = chance.randrange(len(content) + 1)
                content[place:place] = chance.randbytes(chance.randint(1, 9))
        (path / name).write_bytes(content)
        with pytest.raises(ArtifactCorrupt):
            load_artifact(path)
    (path / name).write_bytes(whole)
    load_artifact(path)


def test_every_single_bit_of_a_manifest_counts(tmp_path: Path) -> None:
    path = saved(tmp_path)
    whole = (path / "manifest.json").read_bytes()
    for place in range(0, len(whole), 7):
        content = bytearray(whole)
        content[place] ^= 1 << (place % 8)
        (path / "manifest.json").write_bytes(content)
        with pytest.raises(ArtifactCorrupt):
            load_artifact(path)


@pytest.mark.parametrize("name", ["manifest.json", "head.safetensors", "README.md", "report.html"])
@pytest.mark.parametrize("instead", ["nothing", "folder", "link", "loop", "pipe"])
def test_only_plain_files_are_read(tmp_path: Path, name: str, instead: str) -> None:
    path = saved(tmp_path)
    place = path / name
    place.rename(tmp_path / "elsewhere")
    match instead:
        case "folder":
            place.mkdir()
        case "link":
            place.symlink_to(tmp_path / "elsewhere")
        case "loop":
            place.symlink_to(place)
        case "pipe":
            os.mkfifo(place)
    with pytest.raises(ArtifactCorrupt):
        load_artifact(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_no_damage(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (path / "head.safetensors").chmod(0)
    with pytest.raises(AccessError):
        load_artifact(path)


def test_a_file_or_a_foreign_folder_is_no_artifact(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text\tlabel\n")
    (tmp_path / "folder").mkdir()
    for name in ("file", "folder"):
        with pytest.raises(ArtifactCorrupt, match="artifact"):
            load_artifact(tmp_path / name)


# --- forgery: every digest is right


def member(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Put `value` at a dotted place."""

    def change(document: dict[str, Any]) -> None:
        *way, last = name.split(".")
        for step in way:
            document = document[step]
        document[last] = value

    return change


def without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.pop(name)


ENTRY = {"sha256": "0" * 64, "size_bytes": 1}
FORGERIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another format": member("format", "pickle"),
    "version 0": member("format_version", 0),
    "version true": member("format_version", True),
    "version 1.0": member("format_version", 1.0),
    "version as text": member("format_version", "1"),
    "a member more": member("code", "import os"),
    "a member less": without("labels"),
    "no head": lambda document: document["files"].pop("head.safetensors"),
    "labels twice": member("labels", ["a", "b", "a"]),
    "one label": member("labels", ["a"]),
    "labels of two types": member("labels", ["a", "b", 1]),
    "true beside 1": member("labels", [True, 1, 2]),
    "a float label": member("labels", [0.5, 1.5, 2.5]),
    "a null label": member("labels", [None, "b", "c"]),
    "a nested label": member("labels", [["a"], ["b"], ["c"]]),
    "a label over 64 bits": member("labels", [1, 2, 2**63]),
    "labels as an object": member("labels", {"a": 0, "b": 1}),
    "fewer labels than rows": member("labels", ["a", "b"]),
    "features unknown": member("features", "sum@-1"),
    "features without end": member("features", "+".join(["cls@-1"] * 5000)),
    "other n_features": member("n_features", 47),
    "no features": member("n_features", 0),
    "giant n_features": member("n_features", 2**62),
    "negative n_features": member("n_features", -48),
    "a digest in capitals": member("encoder.weights_sha256", "A" * 64),
    "a short digest": member("encoder.weights_sha256", "a" * 63),
    "a digest and a line break": member("encoder.weights_sha256", "a" * 64 + "\n"),
    "an encoder elsewhere": member("encoder.name", "/etc"),
    "an encoder above": member("encoder.name", "../../encoder"),
    "an encoder above in a hub id": member("encoder.name", "a/.."),
    "an encoder on a server": member("encoder.name", "\\\\server\\share"),
    "an encoder on a drive": member("encoder.name", "C:encoder"),
    "an encoder by URL": member("encoder.name", "https://example.com/x"),
    "an encoder in the home": member("encoder.name", "~/encoder"),
    "an encoder with a terminal escape": member("encoder.name", "a\x1b[2J"),
    "a revision above": member("encoder.revision", "../../x"),
    "max_length 0": member("encoder.max_length", 0),
    "max_length giant": member("encoder.max_length", 2**40),
    "max_length true": member("encoder.max_length", True),
    "negative size": member("data.size_bytes", -1),
    "rows 0": member("data.rows", 0),
    "choice a list": member("choice", []),
    "metrics null": member("metrics", None),
    "seven texts": lambda document: document["self_test"]["texts"].pop(),
    "a long text": lambda document: document["self_test"]["texts"].__setitem__(0, "x" * 2001),
    "a number for a text": lambda document: document["self_test"]["texts"].__setitem__(0, 7),
    "two columns": lambda document: document["self_test"]["probabilities"][0].pop(),
    "a probability of 2": lambda document: document["self_test"]["probabilities"].__setitem__(0, [2, -1, 0]),
    "a row that sums to 1.5": lambda document: document["self_test"]["probabilities"].__setitem__(0, [0.5, 0.5, 0.5]),
    "a tolerance of 1": member("self_test.tolerance", 1),
    "traversal": lambda document: document["files"].update({"../../../etc/passwd": ENTRY}),
    "an absolute path": lambda document: document["files"].update({"/etc/passwd": ENTRY}),
    "traversal in the encoder": lambda document: document["files"].update({"encoder/../../x": ENTRY}),
    "another name for the head": lambda document: document["files"].update({"./head.safetensors": ENTRY}),
    "a pickle": lambda document: document["files"].update({"head.pkl": ENTRY}),
    "weights by pickle": lambda document: document["files"].update({"encoder/pytorch_model.bin": ENTRY}),
    "code": lambda document: document["files"].update({"encoder/modeling.py": ENTRY}),
    "the manifest itself": lambda document: document["files"].update({"manifest.json": ENTRY}),
    "an encoder without weights": lambda document: document["files"].update({"encoder/config.json": ENTRY}),
    "a giant size": lambda document: document["files"]["head.safetensors"].update(size_bytes=2**60),
    "a size over the limit": lambda document: document["files"]["head.safetensors"].update(size_bytes=64 * MB + 1),
    "an entry that is no object": lambda document: document["files"].update({"README.md": "0" * 64}),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_manifest_is_refused_by_its_schema(tmp_path: Path, what: str) -> None:
    path = saved(tmp_path)
    forge(path, lambda _: None)
    load_artifact(path)  # the forger's seal alone is right
    forge(path, FORGERIES[what])
    with pytest.raises(ArtifactCorrupt) as caught:
        load_artifact(path)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 600
    assert "\x1b" not in str(caught.value)


def test_a_newer_format_is_named_as_such_whatever_else_it_holds(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (path / "manifest.json").write_bytes(b'{"format": "frostline-artifact", "format_version": 2, "new": []}')
    with pytest.raises(ArtifactCorrupt, match="made by a newer Frostline") as caught:
        load_artifact(path)
    assert "Upgrade" in caught.value.hint


def test_an_edited_manifest_is_refused(tmp_path: Path) -> None:
    """A well-meant edit of a metric is damage as well: nobody could tell it from the other kind."""
    path = saved(tmp_path)
    manifest = path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"0.84", b"0.94"))
    with pytest.raises(ArtifactCorrupt, match="edited"):
        load_artifact(path)


LOOPHOLES = {
    "NaN": '{"format": NaN',
    "infinity": '{"format": -Infinity',
    "1e999": '{"format": 1e999',
    "a key twice": '{"format": "frostline-artifact", "format": "frostline-artifact"',
    "a key twice inside": '{"format": {"a": 1, "a": 1}',
    "deep": '{"format": ' + "[" * 100_000 + "]" * 100_000,
    "deep objects": '{"format": ' + '{"a":' * 50_000 + "1" + "}" * 50_000,
    "33 deep": '{"format": ' + "[" * 33 + "]" * 33,
    "5,000 digits": '{"format": 1' + "0" * 5000,
    "half a character": '{"format": "\\ud800"',
    "half a character in a key": '{"format": 1, "\\udc00": 2',
    "raw surrogate": '{"format": "\ud800"',
    "a comment": '{"format": 1 /* one */',
    "a control character": '{"format": "\x00"',
    "125,000 keys": "{" + ", ".join(f'"{key:x}":0' for key in range(90_000)),
}


@pytest.mark.parametrize("what", LOOPHOLES)
def test_the_loopholes_of_json_are_closed(tmp_path: Path, what: str) -> None:
    path = saved(tmp_path)
    (path / "manifest.json").write_bytes(sealed_text(LOOPHOLES[what] + ",\n"))
    with pytest.raises(ArtifactCorrupt):
        load_artifact(path)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b'"x"', b"{}", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"{" * 9]
)
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    if content == b"{}":
        assert read_object(content, "here") == {}
        return
    with pytest.raises(ArtifactCorrupt, match="here must"):
        read_object(content, "here")


def test_depth_is_counted_exactly() -> None:
    assert read_object(b'{"a": ' + b"[" * 31 + b"]" * 31 + b"}", "here", depth=32)
    with pytest.raises(ArtifactCorrupt, match="32 deep"):
        read_object(b'{"a": ' + b"[" * 33 + b"1" + b"]" * 33 + b"}", "here", depth=32)


# --- the head


def tensors(header: dict[str, Any] | bytes, data: bytes = b"", *, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def entry(shape: list[Any], start: int, end: int, dtype: str = "F64") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


class Bomb:
    """Unpickling it would make a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch exploded",)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()) + bytes(MB))
    return buffer.getvalue()


COEF, INTERCEPT = entry([3, 48], 0, 1152), entry([3], 1152, 1176)
DATA = bytes(1176)
NAN = np.full((3, 48), np.nan)
HEADS: dict[str, bytes] = {
    "nothing": b"",
    "seven bytes": b"\x01" * 7,
    "a pickle": pickle.dumps(Bomb()),
    "a zip": zipped(),
    "a header of 2**63": tensors(b"{}", length=2**63),
    "a header that is the whole file": tensors(b" " * 2 * MB),
    "a header longer than the file": tensors({"coef": COEF, "intercept": INTERCEPT}, length=10**6),
    "no tensors": tensors({}),
    "one tensor": tensors({"coef": entry([3, 48], 0, 1152)}, DATA[:1152]),
    "a third tensor": save({"coef": np.zeros((3, 48)), "intercept": np.zeros(3), "more": np.zeros(1)}),
    "a thousand tensors": save({f"t{place}": np.zeros(1) for place in range(1000)}),
    "other names": save({"weight": np.zeros((3, 48)), "bias": np.zeros(3)}),
    "float32": save({"coef": np.zeros((3, 48), np.float32), "intercept": np.zeros(3, np.float32)}),
    "transposed": save({"coef": np.zeros((48, 3)), "intercept": np.zeros(3)}),
    "flat": save({"coef": np.zeros(144), "intercept": np.zeros(3)}),
    "NaN": save({"coef": NAN, "intercept": np.zeros(3)}),
    "infinity": save({"coef": np.zeros((3, 48)), "intercept": np.array([0, -np.inf, 0])}),
    "metadata": save({"coef": np.zeros((3, 48)), "intercept": np.zeros(3)}, {"auto_map": "x"}),
    "overlapping": tensors({"coef": COEF, "intercept": entry([3], 1128, 1152)}, DATA[:1152]),
    "a gap": tensors({"coef": COEF, "intercept": entry([3], 1160, 1184)}, bytes(1184)),
    "bytes left over": tensors({"coef": COEF, "intercept": INTERCEPT}, DATA + b"x"),
    "offsets beyond the file": tensors({"coef": entry([3, 48], 2**50, 2**50 + 1152), "intercept": INTERCEPT}, DATA),
    "offsets backwards": tensors({"coef": entry([3, 48], 1152, 0), "intercept": INTERCEPT}, DATA),
    "negative offsets": tensors({"coef": entry([3, 48], -1152, 0), "intercept": INTERCEPT}, DATA),
    "offsets as text": tensors({"coef": {**COEF, "data_offsets": "01"}, "intercept": INTERCEPT}, DATA),
    "true as an offset": tensors({"coef": {**COEF, "data_offsets": [False, 1152]}, "intercept": INTERCEPT}, DATA),
    "a giant shape": tensors({"coef": entry([2**40, 2**40], 0, 1152), "intercept": INTERCEPT}, DATA),
    "a shape of objects": tensors({"coef": entry([{}, "\x1b[2J"], 0, 1152), "intercept": INTERCEPT}, DATA),
    "a tensor that is no object": tensors({"coef": 3, "intercept": INTERCEPT}, DATA),
    "names twice": tensors(b'{"coef": %a, "coef": %a, "intercept": %a}' % (COEF, COEF, INTERCEPT), DATA),
    "deep": tensors(b'{"coef": ' + b"[" * 100_000, DATA),
}


@pytest.mark.parametrize("what", HEADS)
def test_a_forged_head_is_refused(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path)
    forge_file(path, "head.safetensors", tensors({"coef": COEF, "intercept": INTERCEPT}, DATA))
    load_artifact(path)  # the forger's seal alone is right
    forge_file(path, "head.safetensors", HEADS[what])
    with pytest.raises(ArtifactCorrupt) as caught:
        load_artifact(path)
    assert str(caught.value).isprintable()
    assert not (tmp_path / "exploded").exists()


def test_sizes_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    """Sparse files of 1 TB: refused within a second and a few hundred kB."""
    for name in ("manifest.json", "head.safetensors", "README.md"):
        path = saved(tmp_path, name=name)
        os.truncate(path / name, 2**40)
        tracemalloc.start()
        start = time.perf_counter()
        with pytest.raises(ArtifactCorrupt, match="must have at most"):
            load_artifact(path)
        assert time.perf_counter() - start < 1
        assert tracemalloc.get_traced_memory()[1] < MB
        tracemalloc.stop()


def test_the_largest_manifest_takes_bounded_time_and_memory(tmp_path: Path) -> None:
    path = saved(tmp_path)
    for filler in ("[[],", '{"a":{},"b":{}},', "0,", '"x",'):
        body = '{"format": "frostline-artifact", "format_version": 1, "choice": [' + filler * (
            (MB - 4000) // len(filler)
        )
        (path / "manifest.json").write_bytes(sealed_text(body + "0],\n"))
        tracemalloc.start()
        start = time.process_time()
        with pytest.raises(ArtifactCorrupt):
            load_artifact(path)
        elapsed, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert elapsed < 5, "seconds, with every allocation traced"
        assert peak < 128 * MB


def test_limits_can_be_set(tmp_path: Path) -> None:
    path = saved(tmp_path)
    for limits in (Limits(manifest_bytes=100), Limits(head_bytes=100), Limits(header_bytes=10), Limits(json_depth=2)):
        with pytest.raises(ArtifactCorrupt):
            load_artifact(path, limits=limits)


# --- the encoder's folder


def with_encoder_folder(path: Path, files: dict[str, bytes]) -> None:
    (path / "encoder").mkdir()
    for name, content in files.items():
        forge_file(path, f"encoder/{name}", content)
    document = json.loads((path / "manifest.json").read_bytes())
    for name, key in (("model.safetensors", "weights_sha256"), ("config.json", "config_sha256")):
        document["encoder"][key] = document["files"][f"encoder/{name}"]["sha256"]
    (path / "manifest.json").write_bytes(resealed(document))


PLAIN = {"config.json": b"{}", "model.safetensors": b"x", "tokenizer.json": b"{}"}


def test_a_file_beside_those_listed_is_refused_in_the_encoders_folder(tmp_path: Path) -> None:
    """Whoever opens that folder looks for files by name: an unlisted vocab.txt would be read unchecked."""
    path = saved(tmp_path)
    with_encoder_folder(path, PLAIN)
    load_artifact(path)
    (path / "encoder" / "vocab.txt").write_text("x")
    with pytest.raises(ArtifactCorrupt, match=r"vocab\.txt"):
        load_artifact(path)


def test_an_encoders_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with_encoder_folder(path, PLAIN)
    shutil.move(path / "encoder", tmp_path / "elsewhere")
    (path / "encoder").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactCorrupt):
        load_artifact(path)


def test_a_file_of_the_encoder_that_is_a_link_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with_encoder_folder(path, PLAIN)
    (path / "encoder" / "config.json").unlink()
    (tmp_path / "other.json").write_text("{}")
    (path / "encoder" / "config.json").symlink_to(tmp_path / "other.json")
    with pytest.raises(ArtifactCorrupt, match="link"):
        open_model(path, open_encoder=open_fake)


def test_the_encoders_files_must_be_those_of_its_identity(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with_encoder_folder(path, PLAIN)
    forge(path, lambda document: document["encoder"].update(weights_sha256="0" * 64))
    with pytest.raises(ArtifactCorrupt, match=r"encoder/model\.safetensors"):
        load_artifact(path)


def test_labels_that_could_harm_a_terminal_are_kept_and_shown_escaped(tmp_path: Path) -> None:
    label = "\x1b[2J<script>"
    path = saved(tmp_path, head=some_head((label, "b")))
    assert load_artifact(path).head.labels == (label, "b")
    forge_file(path, "head.safetensors", head_bytes(replace(some_head((label, "b")), intercept=np.array([9.0]))))
    with pytest.raises(ArtifactCorrupt) as caught:
        open_model(path, open_encoder=open_fake)
    assert shown(label) in caught.value.message
    assert caught.value.message.isprintable()
