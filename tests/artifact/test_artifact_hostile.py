"""Whatever lies in the folder: the artifact, or one `ArtifactCorrupt`. Nothing else, and soon."""

import os
import random
import shutil
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hostile_artifacts import (
    COEF,
    DATA,
    FORGERIES,
    HEADS,
    INTERCEPT,
    LOOPHOLES,
    MB,
    PLAIN,
    compare_refusal,
    tensors,
    with_encoder_folder,
)
from made_artifacts import forge, forge_file, open_fake, saved, sealed_text, some_head

from frostline.artifact import Limits, load_artifact
from frostline.artifact.files import head_bytes
from frostline.artifact.model import open_model
from frostline.errors import AccessError, ArtifactCorrupt, shown
from frostline.strict import read_object

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
    for name, said in (("file", "is a file, not a saved model, which is a folder"), ("folder", "artifact")):
        with pytest.raises(ArtifactCorrupt, match=said):
            load_artifact(tmp_path / name)


# --- forgery: every digest is right


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_manifest_is_refused_by_its_schema(tmp_path: Path, what: str) -> None:
    path = saved(tmp_path)
    forge(path, lambda _: None)
    load_artifact(path)  # the forger's seal alone is right
    forge(path, FORGERIES[what])
    with pytest.raises(ArtifactCorrupt) as caught:
        load_artifact(path)
    compare_refusal("manifest", what, caught.value, tmp_path)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 600
    assert "\x1b" not in str(caught.value)


def test_a_newer_format_is_named_as_such_whatever_else_it_holds(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (path / "manifest.json").write_bytes(b'{"format": "frostline-artifact", "format_version": 4, "new": []}')
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


@pytest.mark.parametrize("what", LOOPHOLES)
def test_the_loopholes_of_json_are_closed(tmp_path: Path, what: str) -> None:
    body, reason = LOOPHOLES[what]
    with pytest.raises(ArtifactCorrupt, match=reason):
        read_object((body + "}").encode("utf-8", "surrogatepass"), "here")
    path = saved(tmp_path)
    (path / "manifest.json").write_bytes(sealed_text(body + ",\n"))
    with pytest.raises(ArtifactCorrupt, match=reason):
        load_artifact(path)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "encoder/../../x", "head.pkl", "manifest.json"])
def test_a_name_outside_the_list_is_refused_as_such(tmp_path: Path, name: str) -> None:
    """And not because the file happens to be missing or to differ."""
    path = saved(tmp_path)
    forge(path, lambda document: document["files"].update({name: {"sha256": "0" * 64, "size_bytes": 1}}))
    with pytest.raises(ArtifactCorrupt, match="must name only files an artifact can hold"):
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


@pytest.mark.parametrize("what", HEADS)
def test_a_forged_head_is_refused(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path)
    forge_file(path, "head.safetensors", tensors({"coef": COEF, "intercept": INTERCEPT}, DATA))
    load_artifact(path)  # the forger's seal alone is right
    forge_file(path, "head.safetensors", HEADS[what])
    with pytest.raises(ArtifactCorrupt) as caught:
        load_artifact(path)
    compare_refusal("head", what, caught.value, tmp_path)
    assert str(caught.value).isprintable()
    assert not (tmp_path / "exploded").exists()


def test_sizes_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    """Sparse files of 1 TB: refused at once and in a few hundred kB."""
    for name in ("manifest.json", "head.safetensors", "README.md"):
        path = saved(tmp_path, name=name)
        os.truncate(path / name, 2**40)
        tracemalloc.start()
        start = time.process_time()
        with pytest.raises(ArtifactCorrupt, match="must have at most"):
            load_artifact(path)
        assert time.process_time() - start < 5
        assert tracemalloc.get_traced_memory()[1] < MB
        tracemalloc.stop()


def test_the_largest_manifest_takes_bounded_time_and_memory(tmp_path: Path) -> None:
    path = saved(tmp_path)
    for filler in ('{"a":{},"b":{}},', '"x",'):
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
