"""What a file that cannot be read as it is gets: one clear error of the right kind, at the right line."""

import errno
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any, Literal

import pytest

from frostline.data.cells import write_rejects
from frostline.data.lines import fingerprint, opened
from frostline.data.options import TableLimits, TableOptions, column_choice
from frostline.data.tables import read_dataset, stream_texts
from frostline.errors import AccessError, FrostlineError, InputError, MissingInputError, StorageError, UsageError

GOOD = b"good film\t1\nbad film\t0\nfine film\t1\n"


def table(folder: Path, content: bytes | str, name: str = "t.tsv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path | str, options: TableOptions | None = None) -> FrostlineError:
    """The error that reading ends in."""
    with pytest.raises(FrostlineError) as caught:
        read_dataset(path, options or TableOptions())
    return caught.value


def test_missing_file_names_its_near_neighbours(tmp_path: Path) -> None:
    table(tmp_path, GOOD, "reviews.tsv")
    error = refusal(tmp_path / "review.tsv")
    assert isinstance(error, MissingInputError)
    assert "reviews.tsv" in error.hint
    error = refusal(tmp_path / "no" / "review.tsv")
    assert isinstance(error, MissingInputError)
    assert "folder" in error.hint
    assert isinstance(refusal("a\0b"), MissingInputError)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    table(tmp_path, GOOD, "inside.tsv")
    error = refusal(tmp_path)
    assert isinstance(error, InputError)
    assert "folder" in str(error)
    assert "inside.tsv" in str(error)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path, GOOD)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # tests may run as root, whom no mode stops
    error = refusal(path)
    assert isinstance(error, AccessError)
    assert "chmod" in error.hint


def test_a_failing_disk_is_no_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Disk(io.BytesIO):
        def readinto1(self, *_: object) -> int:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": Disk(GOOD)}))
    assert isinstance(refusal("-"), StorageError)


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "t.tsv", "is empty"),
        (b"\n\n", "t.csv", "is empty"),
        (b"text\tlabel\n", "t.tsv", "header"),
        (b"text,label\n", "t.csv", "header"),
        (b"", "t.jsonl", "is empty"),
        (gzip.compress(b"", mtime=0), "t.tsv.gz", "is empty"),
    ],
)
def test_a_file_without_rows(tmp_path: Path, content: bytes, name: str, says: str) -> None:
    """Nothing can be learned from it; but there is nothing wrong with classifying no texts."""
    path = table(tmp_path, content, name)
    error = refusal(path)
    assert isinstance(error, InputError)
    assert says in str(error)
    assert list(stream_texts(path)) == []


def test_bytes_that_are_not_utf8_are_located(tmp_path: Path) -> None:
    """Byte offset and line, in the middle of many rows; the three ways on."""
    rows = [f"text number {number}\t{number % 2}" for number in range(3000)]
    content = "\n".join(rows).encode()
    offset = content.index(b"number 1500") + 3
    path = table(tmp_path, content[:offset] + b"\xe9" + content[offset + 1 :])
    error = refusal(path)
    assert isinstance(error, InputError)
    assert f"{path}:1501: byte 0xe9 at offset {offset:,}" in error.message
    assert "--encoding" in error.hint
    replaced = read_dataset(path, TableOptions(on_bad_text="replace"))
    assert len(replaced) == 3000
    assert replaced.texts[1500] == "text num\ufffder 1500"
    skipped = read_dataset(path, TableOptions(on_bad_text="skip"))
    assert len(skipped) == 2999
    assert [reject.line for reject in skipped.rejects] == [1501]
    assert read_dataset(path, TableOptions(encoding="latin-1")).texts[1500] == "text numéer 1500"


def test_text_cut_inside_a_character_at_the_end(tmp_path: Path) -> None:
    assert ":2: byte 0xc3" in str(refusal(table(tmp_path, b"good\t1\nbad\t0\xc3")))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_recognised_named_and_read(tmp_path: Path, encoding: str) -> None:
    path = table(tmp_path, "text\tlabel\nétonnant\t1\nà fuir\t0\n".encode(encoding))
    error = refusal(path)
    assert error.message == f"{path} is encoded in {encoding.upper()}, not in utf-8."
    assert error.hint == f"Pass --encoding {encoding}."
    found = read_dataset(path, TableOptions(encoding=encoding))
    assert list(found.texts) == ["étonnant", "à fuir"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + b"text,label\ngood,1\nbad,0\n"
    for path in (table(tmp_path, content, "a.csv"), table(tmp_path, gzip.compress(content, mtime=0), "b.csv.gz")):
        assert read_dataset(path).source.text_column == "text"


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "end"])
def test_row_ends_of_all_systems_give_the_same_rows(tmp_path: Path, ends: str, last: str) -> None:
    """LF, CRLF, and the lone CR of old Macintosh programs, with and without one at the end."""
    content = ends.join(["text,label", '"a, b",1', "c,0", "d,1"]) + (ends if last else "")
    found = read_dataset(table(tmp_path, content, "t.csv"))
    assert list(zip(found.texts, found.labels, found.lines, strict=True)) == [
        ("a, b", "1", 2),
        ("c", "0", 3),
        ("d", "1", 4),
    ]
    plain = content.replace("a, b", "a b").replace(",", "\t")
    found = read_dataset(table(tmp_path, plain, "t.tsv"))
    assert list(found.texts) == ['"a b"', "c", "d"]
    assert list(found.labels) == ["1", "0", "1"]


def test_a_lone_return_inside_a_cell_is_text(tmp_path: Path) -> None:
    found = read_dataset(table(tmp_path, b"a\rb\t1\r\nc\t0\n"))
    assert list(found.texts) == ["a\rb", "c"]
    assert list(found.labels) == ["1", "0"]
    only = list(stream_texts(table(tmp_path, b"a\rb\t1"), TableOptions(text=1)))
    assert [row.text for row in only] == ["a\rb"]


def test_a_stray_quote_in_a_tsv_is_a_letter(tmp_path: Path) -> None:
    """Python's csv module makes one row of these three."""
    found = read_dataset(table(tmp_path, b'"good film\t1\nbad "film\t0\nfine" film\t1\n'))
    assert list(found.texts) == ['"good film', 'bad "film', 'fine" film']


def test_a_tsv_that_is_sound_only_if_quoted_shows_both_counts(tmp_path: Path) -> None:
    path = table(tmp_path, b'text\tlabel\n"good\nfilm"\t1\nbad\t0\n"so\nso\nla"\t1\n')
    error = refusal(path)
    assert "7 rows" in str(error)
    assert "4 rows" in str(error)
    assert "--quoted" in error.hint
    found = read_dataset(path, TableOptions(quoted=True))
    assert list(found.texts) == ["good\nfilm", "bad", "so\nso\nla"]
    assert list(found.lines) == [2, 4, 5]
    assert "3 of 6 rows" in str(refusal(path, TableOptions(quoted=False)))


def test_an_unclosed_quote_in_a_csv_is_named_not_swallowed(tmp_path: Path) -> None:
    path = table(tmp_path, b'text,label\ngood,1\n"bad,0\nfine,1\n', "t.csv")
    error = refusal(path, TableOptions(max_bad_rows=100))
    assert f"{path}:3:" in str(error)
    assert len(read_dataset(path, TableOptions(quoted=False))) == 3


def test_rejected_rows_are_counted_and_named(tmp_path: Path) -> None:
    """Too many: the first few in the error. Few enough: each in the dataset and in the file."""
    content = "text\tlabel\n" + "good\t1\nbad\t0\n" * 10 + "too\tmany\tcells\n\nfew\n \t1\nx\t\ny\t \n"
    path = table(tmp_path, content)
    error = refusal(path)
    assert "5 of 25 rows" in str(error)
    assert "line 22: must have 2 cells (it has 3)" in str(error)
    assert "line 24" in str(error)
    assert "--max-bad-rows 5" in error.hint
    found = read_dataset(path, TableOptions(max_bad_rows=5))
    assert len(found) == 20
    assert [reject.line for reject in found.rejects] == [22, 24, 25, 26, 27]
    write_rejects(tmp_path / "rejects.jsonl", found.rejects)
    written = [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text("ascii").splitlines()]
    assert written[0] == {"line": 22, "reason": "must have 2 cells (it has 3)"}
    assert len(written) == 5


def test_streaming_tells_each_reject_and_stops_at_one_too_many(tmp_path: Path) -> None:
    path = table(tmp_path, "good\t1\nbad\t0\nragged\nfine\t1\n\t1\nlast\t0\n")
    rejected: list[int] = []
    texts = [
        row.text
        for row in stream_texts(path, TableOptions(max_bad_rows=2), on_reject=lambda it: rejected.append(it.line))
    ]
    assert texts == ["good", "bad", "fine", "last"]
    assert rejected == [3, 5]
    with pytest.raises(InputError, match="line 5"):
        list(stream_texts(path, TableOptions(max_bad_rows=1)))
    kept = stream_texts(path, TableOptions(max_bad_rows=1, on_empty_text="keep"))
    assert [row.text for row in kept] == ["good", "bad", "fine", "", "last"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "a", "label": NaN}', "NaN is not JSON"),
        ('{"text": "a", "label": -Infinity}', "-Infinity is not JSON"),
        ('{"text": "a", "text": "b", "label": 1}', "'text' occurs twice"),
        ('{"text": "a", "label": ' + "9" * 5000 + "}", "5,000 digits"),
        ('{"text": "a", "label": ' + "[" * 100_000 + "}", "deeper than 64"),
        ('{"text": "a", "label": {"a": "]]]"}}', "got an object"),
        ('{"text": "a", "label": 1.5}', "got 1.5"),
        ('{"text": "a", "label": null}', "got null"),
        ('{"text": "a", "label": ""}', "label is empty"),
        ('{"text": 5, "label": 1}', "text must be a string (got 5)"),
        ('{"text": ["a"], "label": 1}', "text must be a string (got a list)"),
        ('{"label": 1}', "'text' is missing"),
        ('{"text": "a"}', "'label' is missing"),
        ('["a", 1]', "must be a JSON object (got a list)"),
        ("null", "must be a JSON object (got null)"),
        ('{"text": "a", "label": 1', "not JSON"),
        ('{"text": "a\tb", "label": 1}', "not JSON"),
        ('{"text": "a", "label": 1} {}', "not JSON"),
        ("{'text': 'a', 'label': 1}", "not JSON"),
    ],
)
def test_json_is_read_strictly(tmp_path: Path, line: str, reason: str) -> None:
    """What Python's json lets pass, and what it chokes on, is one rejected row with its line."""
    good = '{"text": "fine", "label": "1"}\n\n'
    error = refusal(table(tmp_path, good + line + "\n" + good, "t.jsonl"))
    assert isinstance(error, InputError)
    assert "line 3: " in str(error)
    assert reason in str(error)
    found = read_dataset(table(tmp_path, good + line + "\n" + good, "t.jsonl"), TableOptions(max_bad_rows=1))
    assert len(found) == 2


def test_json_labels_are_spelled_as_json_spells_them(tmp_path: Path) -> None:
    lines = [{"text": f"t{n}", "label": label} for n, label in enumerate([True, False, 3, -1, "3", " 3 ", 10**20])]
    found = read_dataset(table(tmp_path, "\n".join(map(json.dumps, lines)), "t.jsonl"))
    assert list(found.labels) == ["true", "false", "3", "-1", "3", " 3 ", "1" + "0" * 20]


def test_half_a_surrogate_pair_is_bad_text(tmp_path: Path) -> None:
    path = table(tmp_path, '{"text": "a\\ud83d\\ude42", "label": 1}\n{"text": "b\\ud800c", "label": 0}\n', "t.jsonl")
    error = refusal(path)
    assert f"{path}:2:" in str(error)
    assert "surrogate" in str(error)
    assert list(read_dataset(path, TableOptions(on_bad_text="replace")).texts) == ["a🙂", "b\ufffdc"]
    skipped = read_dataset(path, TableOptions(on_bad_text="skip"))
    assert (list(skipped.texts), skipped.rejects[0].line) == (["a🙂"], 2)


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl"])
def test_an_endless_line_is_stopped_in_bounded_memory(
    monkeypatch: pytest.MonkeyPatch, kind: Literal["tsv", "csv", "jsonl"]
) -> None:
    """A line of a gigabyte, were it read: it is not. 2 MB are allowed here, 32 by default."""

    class Endless(io.RawIOBase):
        given = 0

        def readinto1(self, buffer: memoryview) -> int:
            self.given += len(buffer)
            assert self.given < 1 << 30
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": Endless()}))
    tracemalloc.start()
    options = TableOptions(format=kind, limits=TableLimits(line_bytes=2 << 20))
    with pytest.raises(InputError, match=r"standard input:1: a line must not be longer than 2,097,152 bytes"):
        read_dataset("-", options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_a_quoted_cell_is_bounded_too(tmp_path: Path) -> None:
    path = table(tmp_path, b'text,label\nfine,1\n"' + b"abc\n" * 1000 + b'",0\n', "t.csv")
    assert len(read_dataset(path)) == 2
    error = refusal(path, TableOptions(limits=TableLimits(line_bytes=2000)))
    assert f"{path}:3:" in str(error)


def test_cells_and_columns_have_a_limit(tmp_path: Path) -> None:
    limits = TableLimits(field_characters=10, columns=3)
    path = table(tmp_path, "text\tlabel\n" + "x" * 11 + "\t1\nok\t0\n")
    assert "line 2: the text is longer than 10 characters" in str(refusal(path, TableOptions(limits=limits)))
    for name, mark in (("t.tsv", "\t"), ("t.csv", ",")):
        path = table(tmp_path, mark.join("abcd") + "\n" + mark.join('"efg"') + "\n", name)
        assert "at most 3 columns" in str(refusal(path, TableOptions(text=1, label=2, limits=limits)))


def test_gzip_members_are_all_read_and_the_suffix_is_not_believed(tmp_path: Path) -> None:
    content = gzip.compress(GOOD[:12], mtime=0) + gzip.compress(GOOD[12:], mtime=0) + b"\0" * 512
    for name in ("t.tsv.gz", "t.tsv", "t"):
        assert len(read_dataset(table(tmp_path, content, name))) == 3
    assert len(read_dataset(table(tmp_path, GOOD, "t.tsv.gz"))) == 3


def test_damaged_gzip_is_never_taken_for_a_shorter_file(tmp_path: Path) -> None:
    """Cut anywhere, or one bit flipped: an error, or (in the header's idle fields) the very same rows."""
    whole = gzip.compress(GOOD * 20, mtime=0)
    for size in range(4, len(whole)):
        assert isinstance(refusal(table(tmp_path, whole[:size], "t.tsv.gz")), InputError)
    for place in range(3, len(whole)):
        flipped = bytes([*whole[:place], whole[place] ^ 4, *whole[place + 1 :]])
        try:
            found = read_dataset(table(tmp_path, flipped, "t.tsv.gz"))
        except InputError:
            continue
        assert len(found) == 60
    assert "damaged" in str(refusal(table(tmp_path, whole + b"garbage", "t.tsv.gz")))


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = table(tmp_path, gzip.compress(b"good film\t1\nbad film\t0\n" * 20_000, mtime=0), "t.tsv.gz")
    error = refusal(path, TableOptions(limits=TableLimits(expansion_free_bytes=1 << 16)))
    assert "200 times" in str(error)
    assert len(read_dataset(path)) == 40_000


@pytest.mark.parametrize(
    ("magic", "says"),
    [
        (b"PK\x03\x04", "workbook"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"SQLite format 3\0", "SQLite"),
        *((bytes((0x80, protocol)), "pickle") for protocol in (2, 3, 4, 5)),
        (b"ORC", "ORC"),
        (b"PARE", "encrypted"),
        (b"Obj\x01", "Avro"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x04\x22\x4d\x18", "lz4 -d"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"a.csv".ljust(257, b"\0") + b"ustar\x0000", "tar -xf"),
    ],
)
def test_other_kinds_of_file_are_named(tmp_path: Path, magic: bytes, says: str) -> None:
    assert says in str(refusal(table(tmp_path, magic + bytes(range(256)), "t.csv")))
    assert says in str(refusal(table(tmp_path, gzip.compress(magic + bytes(range(256))), "t.csv.gz")))


@pytest.mark.parametrize("word", ["ORCA", "ORC ", "PARENT", "FEA1s"])
def test_a_text_may_begin_as_a_strange_file_does(tmp_path: Path, word: str) -> None:
    assert read_dataset(table(tmp_path, f"{word} one\ta\nb two\tc\nd three\ta\n", "t.tsv")).texts[0] == f"{word} one"


def test_messages_carry_no_control_characters(tmp_path: Path) -> None:
    """A text with terminal escapes and line breaks stays on its line, escaped, in every message."""
    evil = "\x1b[2Jred\u202e\x07"
    for content, options in (
        (f"{evil}\t{evil}x\ta\nb\tc\td\n", None),
        (f"{evil}\tlabel\nb\t0\n", TableOptions(text="missing")),
        (json.dumps({evil: "a"}), None),
        ('{"text": "a", "text": "b"}', None),
    ):
        path = table(tmp_path, content, "t.jsonl" if content.startswith("{") else "t.tsv")
        assert str(refusal(path, options)).isprintable()


def test_the_digest_is_of_the_bytes_on_disk(tmp_path: Path) -> None:
    """Compressed, if they are; whole, even if only the first rows were taken."""
    path = table(tmp_path, gzip.compress(GOOD * 5_000, mtime=0), "t.tsv.gz")
    whole, first = read_dataset(path), read_dataset(path, TableOptions(limit=2))
    assert len(first) == 2
    assert first.source.sha256 == whole.source.sha256 == fingerprint(path).sha256
    assert first.source.size_bytes == path.stat().st_size


def test_progress_is_told_in_bytes_up_to_the_whole(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = table(tmp_path, GOOD * 70_000)
    read_dataset(path, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (path.stat().st_size, path.stat().st_size)
    assert told == sorted(told)
    assert len(told) > 1


@pytest.mark.parametrize(
    "options",
    [
        {"format": "xml"},
        {"on_bad_text": "ignore"},
        {"encoding": "klingon"},
        {"encoding": "base64"},
        {"text": 0},
        {"limit": 0},
        {"max_bad_rows": -1},
        {"delimiter": "||"},
    ],
)
def test_options_are_checked_when_they_are_made(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        TableOptions(**options)  # type: ignore[arg-type]


def test_a_number_on_the_command_line_is_a_columns_number() -> None:
    assert [column_choice(value) for value in ("2", "text", "2a", "²")] == [2, "text", "2a", "²"]


def test_what_was_looked_at_is_still_delivered(tmp_path: Path) -> None:
    path = table(tmp_path, b"\n\nfirst\nsecond\n")
    with opened(path, limits=TableLimits()) as source:
        assert source.look() == b"\n\nfirst\n"
        assert source.look() == b"\n\nfirst\n"
        assert b"".join(source.chunks()) == b"\n\nfirst\nsecond\n"


def test_streaming_needs_no_more_memory_for_more_rows(tmp_path: Path) -> None:
    """Three times the rows, the same peak: nothing of a row outlives it."""

    def peak(rows: int) -> int:
        path = table(tmp_path, b"a sentence of some twenty words " * 3 + b"\t1\n", f"{rows}.tsv")
        path.write_bytes(path.read_bytes() * rows)
        tracemalloc.start()
        assert sum(1 for _ in stream_texts(path, TableOptions(text=1))) == rows
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = peak(20_000), peak(60_000)  # 2 and 6 MB
    assert many < few * 1.2


@pytest.mark.parametrize("text", ["word " * 2_000_000, "x" * 10_000_000, "e" + "\u0301" * 1_000_000])
def test_a_text_of_ten_megabytes_is_a_text(tmp_path: Path, text: str) -> None:
    for name, content in (
        ("t.tsv", f"text\tlabel\n{text}\t1\n"),
        ("t.csv", f'text,label\n"{text}",1\n'),
        ("t.jsonl", json.dumps({"text": text, "label": "1"})),
    ):
        assert list(read_dataset(table(tmp_path, content, name)).texts) == [text]


def test_reading_plain_tables_loads_nothing_heavy(tmp_path: Path) -> None:
    """One sentence classified from a cold start must not wait for pyarrow or scikit-learn."""
    path = table(tmp_path, GOOD)
    code = (
        "import sys, frostline.data.checks, frostline.data.split; from frostline.data.tables import read_dataset;"
        f"assert len(read_dataset({str(path)!r})) == 3;"
        "print({'pyarrow', 'sklearn', 'scipy', 'pandas', 'onnx', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX")
def test_a_named_pipe_is_read_as_it_comes(tmp_path: Path) -> None:
    """As `frostline train <(zcat part-*.gz)` gives it: no size, one reading, and still a digest."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = gzip.compress(GOOD * 1000, mtime=0)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    found = read_dataset(pipe)
    writer.join()
    assert len(found) == 3000
    assert found.source.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("review.tsv", "review.tsv is not there.", "Did you mean reviews.tsv or review2.csv?"),
        ("reviews.csv", "reviews.csv is not there.", "Did you mean reviews.tsv or review2.csv?"),
        ("rev.tsv", "rev.tsv is not there.", "Did you mean reviews.tsv or review2.csv or rev.jsonl?"),
        ("zzz", "zzz is not there.", "The folder HERE holds nothing of a similar name."),
        ("a\0b", r"'a\x00b' is not there.", "The folder HERE holds nothing of a similar name."),
        ("no/x.tsv", "no/x.tsv is not there.", "Its folder no is not there either."),
        ("other.txt/x", "other.txt/x is not there.", "Its folder other.txt is not there either."),
        ("q" * 300, "q" * 300 + " is not there.", "The folder HERE holds nothing of a similar name."),
        ("empty", "empty must be a file (it is a folder).", "Name one of its files."),
        ("one", "one must be a file (it is a folder).", "Name one of its files: a.csv."),
        (
            "five",
            "five must be a file (it is a folder).",
            "Name one of its files: f0.tsv, f1.tsv, f2.tsv, f3.tsv, f4.tsv.",
        ),
        (
            "six",
            "six must be a file (it is a folder).",
            "Name one of its files: f0.tsv, f1.tsv, f2.tsv, f3.tsv, f4.tsv and 1 more.",
        ),
    ],
)
def test_a_name_that_is_no_file_is_answered_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str, hint: str
) -> None:
    """What is near is offered; a folder's tables are listed, five of them."""
    monkeypatch.chdir(tmp_path)
    for file in ("reviews.tsv", "review2.csv", "rev.jsonl", "other.txt"):
        table(tmp_path, GOOD, file)
    five = [f"f{number}.tsv" for number in range(5)]
    for folder, inside in (("empty", []), ("one", ["a.csv", "b.exe"]), ("five", five), ("six", [*five, "f5.tsv"])):
        (tmp_path / folder).mkdir()
        for file in inside:
            table(tmp_path / folder, GOOD, file)
    error = refusal(name)
    assert error.message == message
    assert error.hint == hint.replace("HERE", str(tmp_path))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("format", "xml", "format must be one of tsv, csv, jsonl, json, fasttext, parquet, arrow, xlsx (got 'xml')."),
        ("on_bad_text", "x", "on_bad_text must be one of error, replace, skip (got 'x')."),
        ("on_empty_text", "x", "on_empty_text must be one of reject, keep (got 'x')."),
        ("text", 0, "The text column's number counts from 1 (got 0)."),
        ("label", -1, "The label column's number counts from 1 (got -1)."),
        ("text", True, "The text column's number counts from 1 (got True)."),
        ("delimiter", "||", "The delimiter must be one character, not a quote or a line break (got '||')."),
        ("delimiter", "", "The delimiter must be one character, not a quote or a line break (got '')."),
        ("delimiter", '"', "The delimiter must be one character, not a quote or a line break (got '\"')."),
        ("delimiter", "\n", "The delimiter must be one character, not a quote or a line break (got '\\n')."),
        ("labels_separator", "", "The labels' separator must not be empty, nor hold a line break (got '')."),
        ("labels_separator", "\n", "The labels' separator must not be empty, nor hold a line break (got '\\n')."),
        ("max_bad_rows", -1, "max_bad_rows must be 0 or more (got -1)."),
        ("limit", 0, "limit must be 1 or more (got 0)."),
        ("encoding", "base64", "'base64' is not an encoding of text that Python knows."),
    ],
)
def test_an_option_that_cannot_be_is_named_in_these_words(option: str, value: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        TableOptions(**{option: value})
    assert caught.value.message == message
    assert (caught.value.hint != "") == (option == "encoding")


def test_the_least_that_may_be_asked_for_is_taken(tmp_path: Path) -> None:
    """One row, the first column, no bad row, a separator of two letters."""
    options = TableOptions(text=1, label=2, limit=1, max_bad_rows=0, delimiter="|", labels_separator="ab")
    assert (options.limit, options.text, options.labels_separator) == (1, 1, "ab")
    path = table(tmp_path, "good film|1\nbad film|0\n")
    assert list(read_dataset(path, TableOptions(text=1, label=2, delimiter="|", limit=1)).texts) == ["good film"]
    assert list(read_dataset(path, TableOptions(delimiter="|", limit=2)).texts) == ["good film", "bad film"]


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("t.tab", "a b\t1\nc d\t0\n", [("a b", "1"), ("c d", "0")]),
        ("t.TSV", '"a"\t1\n"c d"\t0\n', [('"a"', "1"), ('"c d"', "0")]),
        ("t.csv", '"a, b",1\n"c ""d""",0\n', [("a, b", "1"), ('c "d"', "0")]),
        ("t.csv", 'one;1\n"two; three";0\n', [("one", "1"), ("two; three", "0")]),
        ("t.csv", "one\t1\ntwo\t0\n", [("one", "1"), ("two", "0")]),
        ("t.csv", '"a;b",1\n"c;d",0\n', [("a;b", "1"), ("c;d", "0")]),
        ("t", "text,label\none two,1\nthree,0\n", [("one two", "1"), ("three", "0")]),
        ("t", "one two\t1\nthree\t0\n", [("one two", "1"), ("three", "0")]),
        ("t", '{"text": "a", "label": 1}\n', [("a", "1")]),
        ("t.gz", '{"text": "a", "label": 1}\n', [("a", "1")]),
        ("t.csv.gz", "one two,1\nthree,0\n", [("one two", "1"), ("three", "0")]),
        ("t.ndjson", '{"text": "a", "label": 1}\n', [("a", "1")]),
        ("t.json", '\ufeff{"text": "a", "label": true}\n', [("a", "true")]),
        ("t", "{not JSON\t1\nbut text\t0\n", [("{not JSON", "1"), ("but text", "0")]),
        ("t", "\n\ntext,label\n\none two,1\n\nthree,0\n\n", [("one two", "1"), ("three", "0")]),
        ("t.txt", "label,text\n1,one two\n0,three\n", [("one two", "1"), ("three", "0")]),
    ],
)
def test_the_kind_of_table_is_found_out(tmp_path: Path, name: str, content: str, rows: list[tuple[str, str]]) -> None:
    """By its name, or else by its first line; a CSV may be parted by semicolons or tabs."""
    found = read_dataset(table(tmp_path, content, name))
    assert list(zip(found.texts, found.labels, strict=True)) == rows


def test_rows_with_quotes_are_cut_as_rfc_4180_has_it(tmp_path: Path) -> None:
    """Delimiters, line breaks and doubled quotes inside; lines counted; one bad row does not spill into the next."""
    content = 'text,label\r\n"a, ""b""\r\nc",1\r\n"x"y,2\r\nplain "quote" inside,3\r\n"",4\r\n"d",5'
    found = read_dataset(table(tmp_path, content, "t.csv"), TableOptions(on_empty_text="keep", max_bad_rows=1))
    assert list(zip(found.lines, found.texts, found.labels, strict=True)) == [
        (2, 'a, "b"\r\nc', "1"),
        (5, 'plain "quote" inside', "3"),
        (6, "", "4"),
        (7, "d", "5"),
    ]
    assert [(reject.line, reject.reason) for reject in found.rejects] == [
        (4, "a quoted cell is followed by something other than a delimiter")
    ]


def test_a_table_of_single_cells_has_a_row_for_every_line(tmp_path: Path) -> None:
    """An empty line is an empty text there, and no row where there are two columns."""
    path = table(tmp_path, "one\n\ntwo\n")
    options = TableOptions(on_empty_text="keep")
    assert [(row.line, row.text) for row in stream_texts(path, options)] == [(1, "one"), (2, ""), (3, "two")]
    with pytest.raises(InputError, match=r"1 of 2 rows cannot be read \(0 allowed\): line 2: the text is empty"):
        list(stream_texts(path))
    wide = table(tmp_path, "one\t1\n\ntwo\t2\n")
    assert [row.line for row in stream_texts(wide, TableOptions(text=1))] == [1, 3]


def test_bad_text_replaced_or_skipped_says_so(tmp_path: Path) -> None:
    """In a table by the byte, in JSON by the half of a pair; skipped rows do not count as bad ones."""
    path = table(tmp_path, b"good\t1\nb\xe9d\t2\nfine\t1\n")
    skipped = read_dataset(path, TableOptions(on_bad_text="skip"))
    assert [(reject.line, reject.reason) for reject in skipped.rejects] == [
        (2, "byte 0xe9 at offset 8 is not utf-8 (invalid continuation byte)")
    ]
    assert list(skipped.texts) == ["good", "fine"]
    path = table(tmp_path, '{"text": "a", "label": 1}\n{"text": "\\ud800b", "label": 2}\n', "t.jsonl")
    skipped = read_dataset(path, TableOptions(on_bad_text="skip"))
    assert [(reject.line, reject.reason) for reject in skipped.rejects] == [
        (2, r"\ud800 is half of a surrogate pair, not a character")
    ]
    assert list(read_dataset(path, TableOptions(on_bad_text="replace")).texts) == ["a", "\ufffdb"]


def test_what_is_known_of_a_source(tmp_path: Path) -> None:
    path = table(tmp_path, "text\tlabel\ngood\t1\nbad\t0\n")
    source = read_dataset(path).source
    assert source.name == str(path)
    assert (source.text_column, source.label_column, source.size_bytes) == ("text", "label", 24)
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert fingerprint(path).size_bytes == 24


@pytest.mark.parametrize(
    ("content", "lines", "left_out"),
    [
        (b"text,label\nb\xe9d,1\ngood,0\n", [3], [2]),
        (b'text,label\n"b\xe9d",1\n"good",0\n', [3], [2]),
        (b'text,label\n"a\nb\xe9d",1\n"good",0\nfine,1\n', [4, 5], [2]),
        (b'text,label\n"a ""b\xe9d""",1\ngood,0\n', [3], [2]),
        (b'text,label\nfine,1\nb\xe9d,1\nb\xe9d,0\n"good ""one""",0\n', [2, 5], [3, 4]),
    ],
)
def test_a_row_of_a_csv_with_bad_text_is_left_out_alone(
    tmp_path: Path, content: bytes, lines: list[int], left_out: list[int]
) -> None:
    """Quoted or not, over one line or several: those before and after it stay."""
    found = read_dataset(table(tmp_path, content, "t.csv"), TableOptions(on_bad_text="skip"))
    assert list(found.lines) == lines
    assert [reject.line for reject in found.rejects] == left_out
    assert all("byte 0xe9" in reject.reason for reject in found.rejects)


def test_a_file_of_bare_lines_keeps_its_commas(tmp_path: Path) -> None:
    """One known name alone on the first line is no reason to part the others by commas."""
    path = table(tmp_path, "text\none, two\nthree\n", "lines")
    assert [row.text for row in stream_texts(path)] == ["one, two", "three"]


def test_a_line_of_json_with_bad_bytes_is_left_out_alone(tmp_path: Path) -> None:
    """As was asked for: it does not count as a bad row, and the lines around it are read."""
    lines = [b'{"text": "a", "label": 1}', b'{"text": "\xe9", "label": 2}', b'{"text": "c", "label": 3}', b""]
    path = table(tmp_path, b"\n".join(lines), "t.jsonl")
    found = read_dataset(path, TableOptions(on_bad_text="skip"))
    assert list(zip(found.lines, found.texts, strict=True)) == [(1, "a"), (3, "c")]
    assert [(reject.line, reject.reason) for reject in found.rejects] == [
        (2, "byte 0xe9 at offset 36 is not utf-8 (invalid continuation byte)")
    ]


def test_a_link_to_nothing_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.tsv").symlink_to("gone/b.tsv")
    Path("loop.tsv").symlink_to("loop.tsv")
    for name, leads in (("a.tsv", "gone/b.tsv"), ("loop.tsv", "loop.tsv")):
        with pytest.raises(MissingInputError) as caught:
            read_dataset(name)
        assert caught.value.message == f"{name} is a link to {leads}, which is not there."
        assert caught.value.hint == "Mend or remove it."
