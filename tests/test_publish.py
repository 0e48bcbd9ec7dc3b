"""Files and folders are put in place whole, or not at all, and nothing is lost on the way."""

import errno
import os
from pathlib import Path

import pytest

from frostline.disk import (
    RETIRED_SUFFIX,
    TEMPORARY_PREFIX,
    publish_bytes,
    publish_folder,
    publish_stream,
    refuse_existing,
    refuse_file,
    reserve,
    storage_error,
    sweep_temporaries,
)
from frostline.errors import AccessError, OutputError, StorageError, UsageError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks and modes are POSIX")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_what_is_not_permitted_is_no_failure_of_the_disk(number: int) -> None:
    error = storage_error(OSError(number, "Not so"), Path("a.bin"), size_bytes=9)
    assert isinstance(error, AccessError)
    assert (error.message, error.hint) == ("a.bin: cannot be written (Not so).", "Choose a folder of your own.")


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "Free some space and run the same command again; what was finished is kept."),
        (errno.EDQUOT, "Your quota is used up: free some space and run the same command again."),
        (errno.EFBIG, "The limit on file size (ulimit -f) is too low: raise it and run the same command again."),
        (errno.EIO, "Check the disk, and run the same command again."),
        (None, "Check the disk, and run the same command again."),
    ],
)
def test_a_failed_write_says_what_to_do_about_it(number: int | None, hint: str) -> None:
    found = OSError("odd") if number is None else OSError(number, "Full")
    error = storage_error(found, Path("a.bin"), size_bytes=1234)
    assert isinstance(error, StorageError)
    assert error.hint == hint
    told = "None" if number is None else "Full"
    assert error.message == f"a.bin: writing failed ({told}; 1,234 bytes were to be written)."
    assert storage_error(found, Path("a.bin")).message == f"a.bin: writing failed ({told})."


def test_a_published_file_has_its_content_and_mode_and_no_trace_besides(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    before = os.umask(0)
    try:
        publish_bytes(path, b"first")
        assert path.stat().st_mode & 0o777 == 0o644
        publish_bytes(path, memoryview(b"second"), mode=0o600)
        assert path.stat().st_mode & 0o777 == 0o600
        with publish_stream(tmp_path / "b.bin", mode=0o640) as opened:
            opened.write(b"one")
            assert not (tmp_path / "b.bin").exists()
            opened.write(b"two")
        assert (tmp_path / "b.bin").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)
    assert (path.read_bytes(), (tmp_path / "b.bin").read_bytes()) == (b"second", b"onetwo")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.bin", "b.bin"]


def half_written(path: Path, error: Exception) -> None:
    """A file whose writing ends in `error`."""
    with publish_stream(path) as opened:
        opened.write(b"new")
        raise error


def half_filled(path: Path, error: Exception | None) -> None:
    """A folder whose filling ends in `error`; without, somebody else makes one of that name meanwhile."""
    with publish_folder(path) as filled:
        (filled / "x").write_bytes(b"x")
        if error is not None:
            raise error
        path.mkdir()
        (path / "theirs").write_bytes(b"precious")


def test_an_error_while_writing_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(KeyError):
        half_written(path, KeyError())
    with pytest.raises(StorageError, match=r"a\.bin: writing failed \(Full\)"):
        half_written(path, OSError(errno.ENOSPC, "Full"))
    with pytest.raises(KeyError):
        half_filled(tmp_path / "folder", KeyError())
    with pytest.raises(StorageError, match=r"folder: writing failed \(Full\)"):
        half_filled(tmp_path / "folder", OSError(errno.ENOSPC, "Full"))
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("there", ["nothing", "folder", "file"])
def test_a_folder_takes_the_place_of_what_was_there(tmp_path: Path, there: str) -> None:
    path = tmp_path / "model"
    if there == "folder":
        path.mkdir()
        (path / "old").write_bytes(b"old")
    elif there == "file":
        path.write_bytes(b"old")
    with publish_folder(path, overwrite=True) as filled:
        assert filled.stat().st_mode & 0o700 == 0o700
        (filled / "inner").mkdir()
        (filled / "inner" / "new").write_bytes(b"new")
        assert (path.exists(), (path / "inner").exists()) == (there != "nothing", False)
    assert [str(found.relative_to(tmp_path)) for found in sorted(tmp_path.rglob("*"))] == [
        "model",
        "model/inner",
        "model/inner/new",
    ]


def test_a_folder_that_came_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with pytest.raises(OutputError, match="exists already"):
        half_filled(path, None)
    assert (path / "theirs").read_bytes() == b"precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("way", ["stream", "bytes"])
def test_what_killed_writers_left_is_swept_by_the_next_for_the_same_name_alone(tmp_path: Path, way: str) -> None:
    ours, others = f"{TEMPORARY_PREFIX}a.bin-{'0' * 12}", f"{TEMPORARY_PREFIX}b.bin-{'0' * 12}"
    odd = f"{TEMPORARY_PREFIX}a.bin-{'0' * 11}"
    for name in (ours, others, odd):
        (tmp_path / name).write_bytes(b"half")
    if way == "bytes":
        publish_bytes(tmp_path / "a.bin", b"whole", sweeps=False)
        assert (tmp_path / ours).exists()
        publish_bytes(tmp_path / "a.bin", b"whole")
    else:
        with publish_stream(tmp_path / "a.bin") as opened:
            opened.write(b"whole")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(["a.bin", others, odd])


def test_an_old_folder_that_was_moved_aside_comes_back(tmp_path: Path) -> None:
    """Its writer was killed between two renames: there is no folder of that name, only the one moved aside."""
    aside = tmp_path / f"{TEMPORARY_PREFIX}model-{'a' * 12}{RETIRED_SUFFIX}"
    aside.mkdir()
    (aside / "old").write_bytes(b"old")
    with pytest.raises(KeyError), publish_folder(tmp_path / "model"):
        raise KeyError
    assert (tmp_path / "model" / "old").read_bytes() == b"old"
    aside.mkdir()  # and where there is one, what was moved aside is rubbish
    with publish_folder(tmp_path / "model", overwrite=True) as filled:
        (filled / "new").write_bytes(b"new")
    assert [str(found.relative_to(tmp_path)) for found in sorted(tmp_path.rglob("*"))] == ["model", "model/new"]


def test_sweeping_counts_and_spares_what_is_being_written(tmp_path: Path) -> None:
    (tmp_path / f"{TEMPORARY_PREFIX}one").write_bytes(b"")
    (tmp_path / f"{TEMPORARY_PREFIX}two").write_bytes(b"")
    (tmp_path / "plain").write_bytes(b"")
    with publish_stream(tmp_path / "a.bin") as opened:
        opened.write(b"x")
        assert sweep_temporaries(tmp_path) == 2
        assert sweep_temporaries(tmp_path) == 0
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.bin", "plain"]


def test_a_place_that_cannot_be_written_to_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    refuse_existing(path, overwrite=False)
    path.mkdir()
    refuse_existing(path, overwrite=True)
    for refuse, place, overwrite, message, hint in (
        (refuse_existing, path, False, f"{path} exists already.", "Choose another name, or pass --overwrite."),
        (
            refuse_existing,
            tmp_path / "my own" / "m",
            True,
            f"{tmp_path}/my own/m: the folder {tmp_path}/my own must exist.",
            f"Run: mkdir -p '{tmp_path}/my own'",
        ),
        (refuse_file, path, True, f"{path} must be a file to be replaced.", "Choose another name."),
    ):
        with pytest.raises(OutputError) as caught:
            refuse(place, overwrite=overwrite)
        assert (caught.value.message, caught.value.hint) == (message, hint)
    monkeypatch.setattr(os, "access", lambda *_: False)  # tests may run as root, whom no mode stops
    with pytest.raises(AccessError) as refused:
        refuse_existing(path, overwrite=True)
    assert refused.value.message == f"{path}: the folder {tmp_path} cannot be written to."


def test_an_input_is_never_written_over(tmp_path: Path) -> None:
    """By any of its names, nor anything inside a folder that is one; its neighbours are free."""
    read, model = tmp_path / "in.tsv", tmp_path / "model"
    read.write_bytes(b"precious")
    model.mkdir()
    (tmp_path / "alias.tsv").hardlink_to(read)
    for path, message in (
        (read, f"{read} is an input: writing there would lose it."),
        (tmp_path / "alias.tsv", f"{tmp_path}/alias.tsv is an input: writing there would lose it."),
        (model / "x", f"{model}/x lies in {model}, which is an input: writing there would damage it."),
    ):
        with pytest.raises(UsageError) as caught:
            refuse_file(path, overwrite=True, inputs=[read, model])
        assert caught.value.message == message
    refuse_file(tmp_path / "model.tsv", overwrite=False, inputs=[read, model, tmp_path / "missing"])
    refuse_file(tmp_path / "alias.tsv", overwrite=True, inputs=[model])


def test_a_folder_that_exists_is_refused_before_it_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.mkdir()
    filled: list[Path] = []

    def fill() -> None:
        with publish_folder(path) as folder:
            filled.append(folder)

    with pytest.raises(OutputError, match="exists already"):
        fill()
    assert filled == []
    with pytest.raises(OutputError, match="must exist"), publish_folder(tmp_path / "no" / "model"):
        pytest.fail("filled a folder that has no place")


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="only POSIX reserves room")
def test_the_room_of_a_file_that_will_be_mapped_is_taken_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hole in it would be filled later, by a write that on a full disk ends the process."""
    path = tmp_path / "rows"
    with path.open("w+b") as file:
        reserve(file, 3_000_000, path)
        assert path.stat().st_size == 3_000_000
        assert path.stat().st_blocks * 512 >= 3_000_000

        def full(*_given: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(StorageError, match=r"rows: writing failed \(No space left on device; 7 bytes were to be"):
            reserve(file, 7, path)
