"""A job's windows: each published whole, gone on from where it was, joined to the same bytes, verified."""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest
from jobs import EXPECTED, Turning, job_of, join, run_job, run_shared, texts_in

from frostline.data.options import TableOptions
from frostline.disk import claimed, publish_bytes
from frostline.errors import InputError, MissingInputError, OutputError, RetryError, StorageError
from frostline.score.job import Sections, folder_of, manifest_of, verify, windows_of
from frostline.score.run import run, window_rows


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return texts_in(tmp_path / "texts.txt")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "turned.txt"


def test_a_job_makes_its_file_and_what_vouches_for_it(source: Path, out: Path) -> None:
    """Nothing else is left; counts are summed up."""
    done = run_job(source, out)
    assert (done.n_before, done.n_rows, done.tally, done.was_complete) == (0, 100, {"rows": 100}, False)
    assert out.read_bytes() == EXPECTED
    assert sorted(source.parent.iterdir()) == [source, out, manifest_of(out)]
    manifest = json.loads(manifest_of(out).read_text())
    assert [section["rows"] for section in manifest["sections"]] == [0, 16, 16, 16, 16, 16, 16, 4]
    assert (manifest["plan"]["input"]["rows"], manifest["rows"], manifest["file"]) == (100, 100, "turned.txt")
    found = verify(out)
    assert (found.rows, found.n_sections, found.sha256) == (100, 8, manifest["sha256"])


@pytest.mark.parametrize("fail_at", [0, 1, 6])
def test_a_job_goes_on_where_it_was(source: Path, out: Path, fail_at: int) -> None:
    """What is finished is not done again; without any of it nothing is left behind."""
    with pytest.raises(InputError, match="told to fail"):
        run_job(source, out, Turning(fail_at=fail_at))
    assert (out.exists(), folder_of(out).exists()) == (False, fail_at > 0)
    made: list[int] = []

    class Counting:
        open = staticmethod(lambda: made)
        made = Turning().made

    told: list[int] = []
    done = run(job_of(source, out), Counting(), made, join=join, on_begun=told.append)
    assert (made, done.n_before, told) == ([*range(fail_at, 7)], 16 * fail_at, [16 * fail_at] if fail_at else [])
    assert out.read_bytes() == EXPECTED
    assert done.tally == {"rows": 100}


def test_rows_are_told_within_windows_too(source: Path, out: Path) -> None:
    """Of those that are left; never more than there are."""
    told: list[tuple[int, int]] = []
    with pytest.raises(InputError):
        run_job(source, out, Turning(fail_at=5))
    run(job_of(source, out), Turning(), [], join=join, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 20), (16, 20), (17, 20), (20, 20)]


def test_a_finished_job_has_nothing_left_to_do(source: Path, out: Path) -> None:
    """However it is asked for; not if the file was changed."""
    run_job(source, out)
    folder_of(out).mkdir()  # killed at the very end
    before = out.stat()
    assert run_job(source, out, Turning(fail_at=0)).was_complete
    assert (out.stat().st_ino, out.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not folder_of(out).exists()
    source.rename(source.with_name("other.txt"))
    assert run_job(source.with_name("other.txt"), out, overwrite=True).was_complete
    out.write_bytes(b"changed")
    with pytest.raises(OutputError, match="exists already"):
        run_job(source.with_name("other.txt"), out)
    assert out.read_bytes() == b"changed"
    assert not folder_of(out).exists()
    run_job(source.with_name("other.txt"), out, overwrite=True)
    assert out.read_bytes() == EXPECTED


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (("another", "so"), "was begun by another model or encoder (sha256 me then, another now)"),
        (("me", "otherwise"), "was begun with other options"),
        (("me", "so"), "was begun of another input (sha256 "),
    ],
)
def test_what_was_begun_otherwise_is_not_gone_on_with(
    source: Path, out: Path, chosen: tuple[str, str], said: str
) -> None:
    """Both digests are told; nothing is lost; --overwrite begins anew."""
    with pytest.raises(InputError):
        run_job(source, out, Turning(fail_at=3))
    before = sorted(path.name for path in folder_of(out).iterdir())
    by, how = chosen
    is_changed = chosen == ("me", "so")
    if is_changed:
        texts_in(source, 99)
    with pytest.raises(InputError) as raised:
        run_job(source, out, by=by, how=how)
    assert said in raised.value.message
    assert "begin anew with --overwrite" in raised.value.hint
    assert sorted(path.name for path in folder_of(out).iterdir()) == before
    done = run_job(source, out, overwrite=True, by=by, how=how)
    assert (done.n_before, done.n_rows) == (0, 99 if is_changed else 100)


@pytest.mark.parametrize("damage", ["cut", "flipped", "no record", "no part", "empty record", "of another plan"])
def test_a_damaged_window_is_done_again(source: Path, out: Path, damage: str) -> None:
    """Whatever happened to it."""
    with pytest.raises(InputError):
        run_job(source, out, Turning(fail_at=3))
    part, record = (folder_of(out) / f"00000001.{end}" for end in ("part", "json"))
    content = bytearray(part.read_bytes())
    match damage:
        case "cut":
            part.write_bytes(content[:-1])
        case "flipped":
            content[5] ^= 1
            part.write_bytes(content)
        case "no record":
            record.unlink()
        case "no part":
            part.unlink()
        case "empty record":
            record.write_bytes(b"")
        case _:
            record.write_text(json.dumps({**json.loads(record.read_text()), "window": "0" * 64}))
    done = run_job(source, out)
    assert out.read_bytes() == EXPECTED
    assert done.n_before == (48 if damage == "of another plan" else 32)


def test_a_file_that_has_changed_since_it_was_surveyed_is_an_error(source: Path, out: Path) -> None:
    """No window made of either is kept."""
    job = job_of(source, out)
    texts_in(source, 102)
    with pytest.raises(InputError, match=r"texts\.txt has changed while it was read \(sha256 \w{16}, then \w{16}\)"):
        run(job, Turning(), [], join=join)
    assert sorted(source.parent.iterdir()) == [source]


def test_two_runs_do_not_meet(source: Path, out: Path) -> None:
    """The second one is refused; the first one's windows stay."""
    with pytest.raises(InputError):
        run_job(source, out, Turning(fail_at=3))
    with claimed(folder_of(out)) as is_ours:
        assert is_ours
        with pytest.raises(OutputError, match=r"turned\.txt is being written by another process"):
            run_job(source, out)
    assert run_job(source, out).n_before == 48


def test_what_is_in_the_way_is_never_removed(source: Path, out: Path) -> None:
    """A file, a folder with strange files, a manifest that is none."""
    out.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        run_job(source, out)
    assert (out.read_bytes(), folder_of(out).exists()) == (b"mine", False)
    out.unlink()
    folder_of(out).mkdir()
    (folder_of(out) / "notes").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"must be free for what is finished \(it holds 'notes'\)"):
        run_job(source, out, overwrite=True)
    assert (folder_of(out) / "notes").read_bytes() == b"mine"
    (folder_of(out) / "notes").rename(manifest_of(out))
    with pytest.raises(OutputError, match=r"manifest\.json must be free for what vouches for turned\.txt"):
        run_job(source, out, overwrite=True)
    assert manifest_of(out).read_bytes() == b"mine"
    manifest_of(out).unlink()
    folder_of(out).rmdir()
    folder_of(out).write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"parts must be a folder"):
        run_job(source, out, overwrite=True)


def test_killed_between_the_file_and_its_manifest(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is known for the job's own; another in its place is not."""

    def broken(path: Path, content: bytes, *, sweeps: bool = True) -> None:
        if path == manifest_of(out):
            raise StorageError("full")
        publish_bytes(path, content, sweeps=sweeps)

    monkeypatch.setattr("frostline.score.job.publish_bytes", broken)
    with pytest.raises(StorageError):
        run_job(source, out)
    monkeypatch.undo()
    assert (out.read_bytes(), manifest_of(out).exists()) == (EXPECTED, False)
    with pytest.raises(MissingInputError, match=r"turned\.txt is not finished"):
        verify(out)
    out.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        run_job(source, out)
    out.write_bytes(EXPECTED)
    assert run_job(source, out).n_before == 100
    assert verify(out).rows == 100


def test_a_damaged_file_is_found_and_its_rows_named(source: Path, out: Path) -> None:
    run_job(source, out)
    content = bytearray(EXPECTED)
    content[EXPECTED.index(b"02 rebmun")] ^= 1
    out.write_bytes(content)
    with pytest.raises(InputError, match=r"vouches for: rows 17 to 32\."):
        verify(out)
    out.write_bytes(EXPECTED + b"more")
    with pytest.raises(InputError, match=rf"it has {len(EXPECTED) + 4:,} bytes"):
        verify(out)
    out.write_bytes(b"B" + EXPECTED[1:-1])
    with pytest.raises(InputError, match=r"the parts around the rows, rows 97 to 100\."):
        verify(out)
    out.write_bytes(b"")
    with pytest.raises(InputError, match=r"rows 49 to 64 and 3 more\. "):
        verify(out)
    out.write_bytes(EXPECTED)
    manifest = json.loads(manifest_of(out).read_text())
    for told, message in (
        ({"rows": 99}, r"manifest\.json: rows must be those of its sections together, 100 \(got 99\)"),
        ({"size_bytes": 7}, rf"size_bytes must be those of its sections together, {len(EXPECTED):,} \(got 7\)"),
        ({"sha256": "0"}, rf"vouches for: its sha256 is {manifest['sha256'][:16]}…\."),
        ({"rows": None}, r"rows must be an integer \(got null\)"),
    ):
        manifest_of(out).write_text(json.dumps({**manifest, **told}))
        with pytest.raises(InputError, match=message):
            verify(out)
    manifest_of(out).write_text(json.dumps({**manifest, "format": 2}))
    with pytest.raises(InputError, match=r"must be of format 1 \(got 2\)"):
        verify(out)
    manifest_of(out).write_text('{"format": 1, "rows": 2, "sections": [{"rows": 2}]}')
    with pytest.raises(InputError, match=r"manifest\.json: size_bytes must be an integer \(got null\)"):
        verify(out)
    with pytest.raises(InputError, match=r"must be a file \(it is a folder\)"):
        verify(out.parent)
    manifest_of(out).unlink()
    with pytest.raises(MissingInputError, match=r"turned\.txt\.manifest\.json is not there"):
        verify(out)


def test_processes_make_the_same_bytes(source: Path, out: Path, tmp_path: Path) -> None:
    """And one that is killed is replaced; a failure in one of them is that of the job."""
    marks = tmp_path / "marks"
    marks.mkdir()
    done = run_shared(source, out, Turning(kill_at=2, marks=marks, times=2))
    assert (out.read_bytes(), done.tally, len(list(marks.iterdir()))) == (EXPECTED, {"rows": 100}, 2)
    with pytest.raises(InputError, match="told to fail"):
        run_shared(source, tmp_path / "other.txt", Turning(fail_at=4))


def test_a_window_is_tried_three_times(source: Path, out: Path, tmp_path: Path) -> None:
    """Then the job ends; what was finished is kept."""
    marks = tmp_path / "marks"
    marks.mkdir()
    with pytest.raises(RetryError, match=r"rows 65 to 80 ended before they had answered, 3 times"):
        run_shared(source, out, Turning(kill_at=4, marks=marks, times=99))
    assert len(list(marks.iterdir())) == 3
    assert run_job(source, out).n_before >= 16
    assert out.read_bytes() == EXPECTED


def test_a_window_of_other_rows_is_done_again_whatever_vouches_for_it(source: Path, out: Path) -> None:
    """Whole, but of another plan or file: its bytes are not those of these rows."""
    with pytest.raises(InputError):
        run_job(source, out, Turning(fail_at=3))
    part, record = (folder_of(out) / f"00000001.{end}" for end in ("part", "json"))
    strange = b"of other rows\n" * 16
    part.write_bytes(strange)
    vouched = {"window": "0" * 64, "size_bytes": len(strange), "sha256": hashlib.sha256(strange).hexdigest()}
    record.write_text(json.dumps({**json.loads(record.read_text()), **vouched}))
    run_job(source, out)
    assert out.read_bytes() == EXPECTED


def test_a_window_that_changes_before_all_are_joined_is_told(source: Path, out: Path) -> None:
    def spoilt(sections: Sections, parts: Iterator[tuple[bytes, int]]) -> None:
        (folder_of(out) / "00000002.part").write_bytes(b"changed")
        join(sections, parts)

    with pytest.raises(StorageError, match=r"parts: window 2 has changed since it was written\. Run the same command"):
        run(job_of(source, out), Turning(), [], join=spoilt)
    assert not out.exists()
    assert run_job(source, out).n_before == 84
    assert out.read_bytes() == EXPECTED


def test_the_plan_has_every_choice_that_a_row_depends_on(source: Path, out: Path) -> None:
    planned = job_of(source, out).plan["reading"]
    left_out = {each.name for each in fields(TableOptions)} - {*planned}
    assert left_out == {"limits", "max_bad_rows", "known_labels", "group"}


def test_a_window_ends_with_the_row_that_fills_it() -> None:
    rows = [(number, "x", ["y"]) for number in range(3)]
    size = len(repr(("x", ["y"])))
    assert [len(one.texts) for one in windows_of(rows, {}, characters=size)] == [1, 1, 1]
    assert [len(one.texts) for one in windows_of(rows, {}, characters=size + 1)] == [2, 1]


def test_windows_depend_on_rows_alone() -> None:
    """So many rows, or so many characters; every digest tells plan, texts and cells."""
    rows = [(number, "x" * number, ["y", number]) for number in range(1, 8)]
    windows = list(windows_of(rows, {"a": 1}, window_rows=3))
    assert [(one.number, one.first, len(one.texts)) for one in windows] == [(0, 0, 3), (1, 3, 3), (2, 6, 1)]
    assert [cell for one in windows for cell in one.cells] == [cells for _, _, cells in rows]
    narrow = list(windows_of(rows, {"a": 1}, window_rows=3, characters=34))
    assert [len(one.texts) for one in narrow] == [3, 2, 2]
    again = list(windows_of(rows, {"a": 1}, window_rows=3))
    assert [one.digest for one in again] == [one.digest for one in windows]
    assert next(windows_of(rows, {"a": 2}, window_rows=3)).digest != windows[0].digest
    assert next(windows_of([(1, "x", ["z", 1]), *rows[1:]], {"a": 1}, window_rows=3)).digest != windows[0].digest
    assert next(windows_of(rows, {"a": 1, "input": {"name": "x"}})).digest == (
        next(windows_of(rows, {"a": 1, "input": {"name": "y"}})).digest
    )
    assert list(windows_of([], {})) == []


def test_a_window_holds_less_where_rows_are_wide() -> None:
    """2,340 rows of the default features; fifty of ten thousand labels; never fewer than 16."""
    assert [window_rows(n_features=n) for n in (16, 1536, 2688, 5376, 10**7)] == [4096, 4096, 2340, 1170, 16]
    assert [window_rows(n_features=16, n_labels=n) for n in (2, 128, 10_000)] == [4096, 4096, 52]


def test_a_folder_that_was_removed_while_it_was_claimed_is_claimed_anew(tmp_path: Path) -> None:
    """Whoever waits for nothing and finds it gone makes it again."""
    folder = tmp_path / "x"
    made = Path.mkdir
    with contextlib.ExitStack() as held:
        once: list[int] = []

        def mkdir(self: Path, mode: int = 0o777, *, parents: bool = False, exist_ok: bool = False) -> None:
            made(self, mode, parents=parents, exist_ok=exist_ok)
            if not once:
                once.append(1)
                os.rmdir(self)  # noqa: PTH106 - Path's own is under test

        patch = held.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(Path, "mkdir", mkdir)
        with claimed(folder) as is_ours:
            assert (is_ours, folder.is_dir()) == (True, True)


def test_processes_that_cannot_be_started_are_told(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a process may open no more files; nothing hangs, and nothing is left behind."""

    def full() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("frostline.score.run.multiprocessing.get_context", lambda _: SimpleNamespace(Pipe=full))
    with pytest.raises(RetryError, match=r"No process could be started \(Too many open files\)") as raised:
        run_shared(source, out, Turning())
    assert "fewer --workers" in raised.value.hint
    assert sorted(source.parent.iterdir()) == [source]


def test_a_task_of_any_size_reaches_the_processes(source: Path, out: Path, tmp_path: Path) -> None:
    """One larger than a pipe holds, too, and a process that dies before it has read it is replaced."""
    run_shared(source, out, Turning(marks=tmp_path / ("x" * 500_000)))
    assert out.read_bytes() == EXPECTED
