"""A Parquet or Arrow file is read by a process of its own, whose death, silence or hunger is one error."""

import datetime as dt
import decimal
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from frostline import child
from frostline.data import parquet as parent
from frostline.data.options import TableLimits, TableOptions
from frostline.data.parquet import restored
from frostline.data.tables import read_dataset, read_labelled, stream_texts, whole_rows
from frostline.errors import InputError, StorageError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits of a process are set in POSIX's way")

HARM = "It may be made to do harm: fetch it from whom you trust, or have it written as TSV or JSONL."


def feather_of(path: Path, table: pa.Table, compression: str = "zstd") -> Path:
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_file(path, table.schema, options=options) as writer:
        writer.write_table(table)
    return path


def test_a_footer_that_makes_the_library_abort_is_one_error(tmp_path: Path) -> None:
    """One byte of it: the list is said to be required, while its statistics count levels as if it were not."""
    written = io.BytesIO()
    table = pa.table({"text": ["a", "b"], "label": [["x"], ["y"]]})
    pq.write_table(table, written, store_schema=False, compression="none")
    content = bytearray(written.getvalue())
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    assert content[footer + 20] == 2
    content[footer + 20] = 0
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_labelled(path)
    assert caught.value.message == (
        f"{path} is not a Parquet file that can be read: what read it was ended by SIGABRT."
    )
    assert caught.value.hint == HARM


def test_memory_beyond_the_limit_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a few kilobytes of an Arrow file become is known by nobody before: here 120 MB, with 64 MB allowed."""
    path = feather_of(tmp_path / "t.arrow", pa.table({"text": ["x" * (120 << 20)], "label": ["y"]}))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(parent, "MEMORY_BYTES", 64 << 20)
    with pytest.raises(InputError, match=r"t\.arrow is not an Arrow file that can be read: ") as caught:
        read_dataset(path)
    assert "reading it took more than 64 MB of memory" in caught.value.message
    assert caught.value.hint == HARM


def test_a_column_that_nobody_asks_for_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its bytes in Parquet nor in Arrow, though the names alone do not say which column is the text."""
    monkeypatch.setattr(parent, "MEMORY_BYTES", 64 << 20)
    table = pa.table({"text": ["a", "b"], "label": ["x", "y"], "more": ["z" * (60 << 20)] * 2})
    pq.write_table(table, tmp_path / "t.parquet", compression="zstd")
    for path in (tmp_path / "t.parquet", feather_of(tmp_path / "t.arrow", table)):
        assert list(read_dataset(path).texts) == ["a", "b"]


def test_a_cell_and_a_list_without_end_are_refused_by_the_footer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is decoded; and where no label is asked for the lists are no matter."""
    monkeypatch.setattr(parent, "MEMORY_BYTES", 64 << 20)
    cell = tmp_path / "cell.parquet"
    pq.write_table(pa.table({"text": ["x" * (70 << 20)], "label": ["y"]}), cell, compression="zstd")
    with pytest.raises(InputError, match="200 times as many"):
        read_dataset(cell)
    many = pa.ListArray.from_arrays(pa.array([0, 9 << 20]), pa.array([7], pa.int8()).take(pa.array([0] * (9 << 20))))
    lists = tmp_path / "lists.parquet"
    pq.write_table(pa.table({"text": ["a"], "label": many}), lists)
    with pytest.raises(InputError, match="would become more than 75,497,472; at most 200 times as many"):
        read_labelled(lists)
    assert [row.text for row in stream_texts(lists)] == ["a"]


def test_longer_cells_and_lists_are_cut_on_their_way_and_refused(tmp_path: Path) -> None:
    table = pa.table({"text": ["four", "fives", "x"], "label": [["a"], ["b"], list("abcdefgh")]})
    for path in (tmp_path / "t.parquet", feather_of(tmp_path / "t.arrow", table)):
        if path.suffix == ".parquet":
            pq.write_table(table, path)
        found = read_labelled(path, TableOptions(max_bad_rows=2, limits=TableLimits(field_characters=4, labels=3)))
        assert list(found.texts) == ["four"]
        assert [reject.reason for reject in found.rejects] == [
            "the text is longer than 4 characters",
            "there are more than 3 labels",
        ]


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_members_of_a_column_are_taken_by_name(tmp_path: Path, suffix: str) -> None:
    table = pa.table(
        {
            "id": [1, 2, 3],
            "post": [{"body": "one", "by": {"name": "p"}}, {"body": "two", "by": None}, None],
            "label": ["x", "y", "x"],
        }
    )
    path = feather_of(tmp_path / f"t{suffix}", table)
    if suffix == ".parquet":
        pq.write_table(table, path)
    found = read_dataset(path, TableOptions(text="post.body", group="post.by.name", max_bad_rows=1))
    assert list(found.texts) == ["one", "two"]
    assert found.groups == ["p", ""]
    assert found.rejects[0].reason == "the text must be a string (got null)"
    assert found.source.text_column == "post.body"
    with pytest.raises(InputError, match=r"no text column 'post\.title'"):
        read_dataset(path, TableOptions(text="post.title"))


class Fake:
    """A process in place of the one that reads: it says `told` and ends with `code`."""

    def __init__(self, told: bytes, code: int) -> None:
        self.asked, self.told = io.BytesIO(), io.BytesIO(told)
        self._code = code

    def code(self) -> int:
        return self._code

    def close(self) -> None:
        self.asked.close()


FIELDS = (
    b'{"n_fields": 2, "n_rows": 1, "fields": ['
    b'{"name": "text", "kind": "string", "type": "string", "is_member": false, "bytes": 1, "values": 1},'
    b'{"name": "label", "kind": "string", "type": "string", "is_member": false, "bytes": 1, "values": 1}]}'
)


SAMPLE = b'{"values": ["b"]}'


def said(*answers: bytes) -> bytes:
    return b"".join(b"%08x" % len(answer) + answer for answer in answers)


@pytest.mark.parametrize(
    ("told", "code", "why"),
    [
        (b"", -6, "what read it was ended by SIGABRT"),
        (b"", -11, "what read it was ended by SIGSEGV"),
        (b"", -24, "reading it took too long"),
        (b"", -14, "reading it took too long"),
        (b"0000", 0, "what read it was ended by itself"),
        (b"00000009[]", 1, "what read it was ended by itself"),
        (b"xxxxxxxx", 0, "what read it answered nonsense"),
        (b"ffffffff", 0, "what read it answered nonsense"),
        (said(b"[]"), 0, "what read it answered nonsense"),
        (said(b"[" * 100_000), 0, "what read it answered nonsense"),
        (said(b'{"n_fields": 1, "fields": [{}], "n_rows": 0}'), 0, "what read it answered nonsense"),
        (said(FIELDS, SAMPLE, b'{"bytes": 1, "columns": [{"values": ["a"]}]}'), 0, "what read it answered nonsense"),
        (
            said(FIELDS, SAMPLE, b'{"bytes": 1, "columns": [{"values": ["a"]}, {"values": []}]}'),
            0,
            "what read it answered nonsense",
        ),
        (
            said(FIELDS, SAMPLE, b'{"bytes": 1, "columns": [{"values": ["a"]}, {"values": ["b"], "places": [1]}]}'),
            0,
            "what read it answered nonsense",
        ),
        (
            said(FIELDS, SAMPLE, b'{"bytes": 1, "columns": [{"values": ["a"]}, {"values": ["b"], "places": [-1]}]}'),
            0,
            "what read it answered nonsense",
        ),
        (said(b'{"error": "9 MB of memory", "kind": "memory"}'), 0, "reading it took more than 9 MB of memory"),
    ],
    ids=str,
)
def test_however_the_process_fails_it_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bytes, code: int, why: str
) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setattr(child, "Child", lambda *_, **__: Fake(told, code))
    with pytest.raises(InputError) as caught:
        read_dataset(path)
    assert caught.value.message == f"{path} is not a Parquet file that can be read: {why}."
    assert caught.value.hint == HARM


def test_a_failing_disk_is_no_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1")
    told = said(b'{"error": "Input/output error", "kind": "disk"}')
    monkeypatch.setattr(child, "Child", lambda *_, **__: Fake(told, 0))
    with pytest.raises(StorageError, match="reading failed"):
        read_dataset(path)


def test_reading_needs_no_library_here_and_leaves_no_process(tmp_path: Path) -> None:
    """Nor does a file of the current folder become a part of the process that reads, whatever its name is."""
    (tmp_path / "pyarrow.py").write_text("open('was-run', 'w').close()")
    pq.write_table(pa.table({"text": ["a", "b"], "label": ["x", "y"]}), tmp_path / "t.parquet")
    program = """
import os, sys
from frostline.data.tables import read_dataset, stream_texts
assert list(read_dataset("t.parquet").texts) == ["a", "b"]
rows = stream_texts("t.parquet")
assert next(rows).text == "a"
rows.close()
assert "pyarrow" not in sys.modules
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("none")
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("none\n", "")
    assert not (tmp_path / "was-run").exists()


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[child.Child]]:
    """Processes of modules that lie in a folder of the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    processes: list[child.Child] = []
    yield processes
    for process in processes:
        process.close()


@pytest.mark.parametrize(
    ("does", "limits", "code"),
    [
        ("while True: pass", "memory_bytes=1 << 30, seconds=1", -24),
        ("child.WAITING = 1; child.alarm(1); import time; time.sleep(60)", "memory_bytes=1 << 30, seconds=9", -14),
        ("import os; os.abort()", "memory_bytes=1 << 30, seconds=9", -6),
        ("x = bytes(200 << 20)", "memory_bytes=100 << 20, seconds=9", 1),
        ("x = bytes(50 << 20)", "memory_bytes=100 << 20, seconds=9", 0),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", "memory_bytes=100 << 20, seconds=9", 0),
    ],
)
def test_a_child_keeps_to_its_limits(
    tmp_path: Path, started: list[child.Child], does: str, limits: str, code: int
) -> None:
    (tmp_path / "doing.py").write_text(
        f"from frostline import child\nchild.WAITING = 19\nchild.limit({limits})\n{does}\n"
    )
    process = child.Child("doing")
    started.append(process)
    assert process.once(b"", seconds=20) == ""
    assert process.code() == code


def test_a_child_that_does_not_end_is_ended(tmp_path: Path, started: list[child.Child]) -> None:
    (tmp_path / "waiting.py").write_text("import time; time.sleep(60)")
    process = child.Child("waiting")
    started.append(process)
    assert process.once(b"", seconds=0) == ""
    assert process.code() == -9


def test_values_that_json_has_no_word_for_come_back(tmp_path: Path) -> None:
    """Within lists and members of whole rows too."""
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    values: list[Any] = [dt.date(2026, 1, 2), dt.time(1, 2, 3, 4), moment, dt.timedelta(days=-1, microseconds=7)]
    values += [b"\x00\xff", decimal.Decimal("1.50")]
    table = pa.table({"text": ["a", "b"], **{f"c{place}": [[value], None] for place, value in enumerate(values)}})
    for path in (tmp_path / "t.parquet", feather_of(tmp_path / "t.arrow", table)):
        if path.suffix == ".parquet":
            pq.write_table(table, path)
        with whole_rows(path, TableOptions(text="text"), as_text=False) as whole:
            first, second = (cells for _, _, cells in whole.rows)
        assert first[-2:] == [[b"\x00\xff"], [decimal.Decimal("1.50")]]
        assert second == ["b", *[None] * len(values)]
        back = [restored([cell], kind) for cell, kind in zip(first, whole.types, strict=True)]
        assert [column.to_pylist()[0] for column in back] == ["a", *([value] for value in values)]


def test_a_place_in_the_file_is_left_to_the_process_that_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share the handle: a jump on this side would be one on the other, in the middle of its reading."""
    path = tmp_path / "t.arrow"
    feather_of(path, pa.table({"text": ["a", "b"], "label": ["x", "y"]}))
    moved = []

    class Shared:
        def __init__(self, _module: str, handle: str, *_: str, keep: tuple[int, ...]) -> None:
            self._handle, self._process = int(handle), child_of(handle, *_, keep=keep)
            os.lseek(self._handle, 7, os.SEEK_SET)
            self.asked, self.told, self.code = self._process.asked, self._process.told, self._process.code

        def close(self) -> None:
            moved.append(os.lseek(self._handle, 0, os.SEEK_CUR))
            self._process.close()

    def child_of(handle: str, *rest: str, keep: tuple[int, ...]) -> Fake:
        assert keep == (int(handle),)
        assert rest[0] == "arrow"
        return Fake(
            said(FIELDS, SAMPLE, b'{"bytes": 1, "columns": [{"values": ["a"]}, {"values": ["b"]}]}', b'{"end": 1}'), 0
        )

    monkeypatch.setattr(child, "Child", Shared)
    assert list(read_dataset(path).texts) == ["a"]
    assert moved == [7]


def test_where_no_open_file_can_be_handed_on_the_way_out_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = feather_of(tmp_path / "t.feather", pa.table({"text": ["a", "b"], "label": ["x", "y"]}))
    monkeypatch.setattr(child, "CAN_KEEP", False)
    with pytest.raises(InputError, match="are read on Linux and macOS alone") as caught:
        read_dataset(path)
    assert caught.value.hint == (
        "Write it as JSON Lines, for example pandas.read_parquet(FILE).to_json('FILE.jsonl', orient='records', "
        "lines=True)."
    )
