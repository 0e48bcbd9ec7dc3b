"""Files in an object store: read, scored and embedded there, byte for byte as on the disk, whole or not at all.

Against a small store of S3's kind; those marked `cluster` against moto's server.
"""

import errno
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import Command
from frostline.data.options import TableOptions
from frostline.data.tables import stream_texts
from frostline.errors import AccessError, FrostlineError, MissingInputError, StorageError, UsageError
from frostline.places import (
    Remote,
    held,
    is_remote,
    opened_to_read,
    place_of,
    publish_bytes,
    publish_stream,
    settled,
)
from frostline.score.job import Record, Sections, folder_of, joined, opened_job
from object_store import BUCKET, KEYS, Shelf, moto_store, small_store

ONE = Path(__file__).parent / "artifact" / "saved_by_0_1_0" / "one-label"
ENCODER = ONE / "encoder"
TEXTS = ("the soup was very tasty", "goal ! goal !", "the bread and the cheese was tasty", "the coach , the team")


@pytest.fixture(params=["small", pytest.param("moto", marks=pytest.mark.cluster)])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf | None]:
    """A store that the environment names; None where nobody can look into it."""
    for name, value in {**KEYS, "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    if request.param == "moto":
        with moto_store() as endpoint:
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
            yield None
        return
    with small_store() as shelf:
        monkeypatch.setenv("AWS_ENDPOINT_URL", shelf.endpoint)
        yield shelf


def at(name: str) -> Remote:
    place = place_of(f"s3://{BUCKET}/{name}")
    assert isinstance(place, Remote)
    return place


def put(name: str, content: bytes) -> Remote:
    publish_bytes(at(name), content)
    return at(name)


def files_join(opened: Sections, parts: Iterator[tuple[bytes, int]]) -> None:
    for content, _ in parts:
        opened.write(content)


def rows_in(path: Path, n: int = 40) -> Path:
    path.write_text("id\ttext\n" + "".join(f"{n}\t{TEXTS[n % 4]} {n}\n" for n in range(n)))
    return path


@pytest.mark.parametrize("suffix", [".tsv.gz", ".parquet"])
def test_predict_makes_the_same_bytes_as_on_the_disk(
    frostline: Command, store: Shelf | None, tmp_path: Path, suffix: str
) -> None:
    source = rows_in(tmp_path / "in.tsv")
    assert frostline("predict", ONE, source, "--out", tmp_path / f"out{suffix}").code == 0
    put("new/in.tsv", source.read_bytes())
    out = at(f"new/out{suffix}")
    told = frostline("predict", ONE, f"s3://{BUCKET}/new/in.tsv", "--out", str(out))
    assert told.code == 0, told.err
    assert out.read_bytes() == (tmp_path / f"out{suffix}").read_bytes()
    assert sorted(held(at("new"))) == ["in.tsv", out.name, f"{out.name}.manifest.json"]
    assert frostline("verify", str(out)).code == 0
    assert frostline("predict", ONE, f"s3://{BUCKET}/new/in.tsv", "--out", str(out)).err == (
        f"{out} is complete: made of the same file, by the same model.\n"
    )


@pytest.mark.parametrize("suffix", [".npy"])
def test_embed_makes_the_same_bytes_as_on_the_disk(
    frostline: Command, store: Shelf | None, tmp_path: Path, suffix: str
) -> None:
    """From a Parquet file, which is laid aside to be read; also from here into the store."""
    source, here = tmp_path / "in.parquet", tmp_path / f"rows{suffix}"
    pq.write_table(pa.table({"text": TEXTS}), source)
    asked = ("--encoder", ENCODER, "--no-store")
    assert frostline("embed", source, "--out", here, *asked).code == 0
    remote = put("in.parquet", source.read_bytes())
    for given, out in ((str(remote), at(f"a{suffix}")), (source, at(f"b{suffix}"))):
        told = frostline("embed", given, "--out", str(out), *asked)
        assert told.code == 0, told.err
        assert out.read_bytes() == here.read_bytes()


def test_a_pipe_is_written_there_too(frostline: Command, store: Shelf | None, tmp_path: Path) -> None:
    told = frostline("predict", ONE, "--out", str(at("out.csv")), stdin=b"goal ! goal !\n")
    assert told.code == 0, told.err
    assert at("out.csv").read_bytes().startswith(b"text,label,probability")
    given = put("in.txt", b"text\ngoal ! goal !\n")
    assert frostline("predict", ONE, str(given)).out.startswith("sport\t")


def test_a_part_is_one_put(frostline: Command, store: Shelf | None, tmp_path: Path) -> None:
    if store is None:
        pytest.skip("moto does not tell what it is asked")
    source = rows_in(tmp_path / "in.tsv")
    assert frostline("predict", ONE, source, "--out", str(at("out.csv"))).code == 0
    puts = [each for each in store.asked if each.split()[0] in {"PUT", "POST"}]
    assert puts == [
        "PUT out.csv.parts/plan.json",
        "PUT out.csv.parts/00000000.part",
        "PUT out.csv.parts/00000000.json",
        "PUT out.csv.parts/manifest.json",
        "PUT out.csv",
        "PUT out.csv.manifest.json",
        "POST ?delete",
    ]
    assert set(store.objects) == {"out.csv", "out.csv.manifest.json"}


def test_a_job_goes_on(frostline: Command, store: Shelf | None, tmp_path: Path) -> None:
    """What is finished is taken from its records; a part that is not its record's is made again."""
    source, out = rows_in(tmp_path / "in.tsv"), at("out.csv")
    here = tmp_path / "out.csv"
    assert frostline("predict", ONE, source, "--out", here).code == 0
    assert frostline("predict", ONE, source, "--out", str(out)).code == 0
    plan = json.loads(at("out.csv.manifest.json").read_bytes())["plan"]
    content = here.read_bytes()
    for name in ("out.csv", "out.csv.manifest.json"):
        at(name).unlink()
    with opened_job(out, plan, overwrite=False) as finished:
        assert finished == {}
    publish_bytes(folder_of(out) / "00000000.part", b"half")
    publish_bytes(
        folder_of(out) / "00000000.json", b'{"window": "x", "rows": 1, "size_bytes": 5, "sha256": "x", "tally": {}}'
    )
    told = frostline("predict", ONE, source, "--out", str(out))
    assert (told.code, "going on" in told.err) == (0, False), told.err
    assert out.read_bytes() == content


def test_a_part_that_has_changed_is_made_again(store: Shelf | None) -> None:
    """An object is not read before it is joined; whatever breaks off there takes the record away."""
    out = at("out.csv")
    plan: dict[str, Any] = {"input": {}, "by": {}}
    record = Record(window="w", rows=1, size_bytes=4, sha256="0" * 64, tally={})
    with opened_job(out, plan, overwrite=False):
        publish_bytes(folder_of(out) / "00000000.part", b"half")
        publish_bytes(folder_of(out) / "00000000.json", b"{}")
        with pytest.raises(StorageError, match="window 0 has changed since it was written"):
            joined(out, plan, {0: record}, join=files_join)
        assert "00000000.json" not in held(folder_of(out))
    assert not out.is_file()


BREAKING = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from frostline.places import place_of, publish_stream
try:
    with publish_stream(place_of("s3://{BUCKET}/big.bin")) as opened:
        opened.write(b"x" * int(sys.argv[1]))
        if sys.argv[2] == "breaks":
            raise KeyboardInterrupt
except BaseException as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize("size", [100, 12 << 20])
@pytest.mark.parametrize(("how", "said"), [("breaks", "KeyboardInterrupt"), ("fails", "AccessError"), ("ends", "")])
def test_what_breaks_off_is_never_there(store: Shelf | None, size: int, how: str, said: str) -> None:
    """Not even once the process has ended, as it does by itself: pyarrow ends what it lets go of, or waits for ever."""
    if store is None:
        pytest.skip("moto does not fail")
    put("big.bin", b"before")
    store.failing = 1 if how == "fails" else 0
    asked = [sys.executable, "-c", BREAKING, str(size), how]
    ended = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, f"{said}\n" if said else ""), ended.stderr
    assert len(store.objects["big.bin"]) == (size if how == "ends" else len(b"before"))
    assert bool(store.uploads) == (how == "fails" and size > 100)


def test_an_upload_is_not_seen_before_its_end(store: Shelf | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """In several goes, of which the last is short; also from a thread, and of nothing."""
    monkeypatch.setattr("frostline.places._AT_ONCE_BYTES", 5 << 20)
    content = bytes(range(256)) * 51_000
    put("big.bin", b"before")
    with publish_stream(at("big.bin")) as opened:
        opened.write(content)
        assert at("big.bin").read_bytes() == b"before"
    assert at("big.bin").read_bytes() == content
    with publish_stream(at("big.bin")):
        pass
    assert at("big.bin").read_bytes() == b""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(put, "big.bin", b"after").result()
    assert at("big.bin").read_bytes() == b"after"


def test_what_has_no_room_here_is_told(store: Shelf | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path))
    with pytest.raises(StorageError, match=r"incoming"), publish_stream(at("x")):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not at("x").is_file()


def test_refused_before_any_work(frostline: Command, store: Shelf | None, tmp_path: Path) -> None:
    source = rows_in(tmp_path / "in.tsv")
    put("in.tsv", source.read_bytes())
    put("there.csv", b"x")
    asked = ("predict", ONE, str(at("in.tsv")), "--out")
    told = frostline(*asked, str(at("there.csv")))
    assert (told.code, told.err.splitlines()[0]) == (73, f"error: s3://{BUCKET}/there.csv exists already.")
    told = frostline(*asked, str(at("in.tsv")), "--overwrite")
    assert (told.code, "is an input: writing there would lose it" in told.err) == (2, True)
    for spelled in (f"{at('in.tsv')}?region=us-east-1", f"S3://{BUCKET}/in.tsv"):
        told = frostline(*asked, spelled, "--overwrite")
        assert (told.code, "is an input: writing there would lose it" in told.err) == (2, True), told.err
    assert at("in.tsv").read_bytes() == source.read_bytes()
    told = frostline(*asked, "s3://nowhere/out.csv")
    assert (told.code, "there is no bucket nowhere" in told.err) == (73, True), told.err
    told = frostline("predict", ONE, str(at("none.tsv")), "--out", str(at("out.csv")))
    assert (told.code, "none.tsv is not there" in told.err) == (66, True), told.err
    told = frostline("predict", ONE, "s3://nowhere/in.tsv")
    assert (told.code, "s3://nowhere/in.tsv: there is no bucket nowhere." in told.err) == (66, True), told.err
    told = frostline("embed", str(at("none.tsv")), "--out", str(at("out.npy")), "--encoder", ENCODER)
    assert (told.code, "none.tsv is not there" in told.err) == (66, True), told.err
    told = frostline("verify", str(at("in.tsv")))
    assert (told.code, "in.tsv.manifest.json is not there" in told.err) == (66, True), told.err


def test_a_key_may_have_blanks_and_question_marks(frostline: Command, store: Shelf | None, tmp_path: Path) -> None:
    source = rows_in(tmp_path / "in.tsv", 3)
    given, out = put("my file?.tsv", source.read_bytes()), at("new file?.csv")
    assert frostline("predict", ONE, source, "--out", tmp_path / "out.csv").code == 0
    told = frostline("predict", ONE, str(given), "--out", str(out))
    assert told.code == 0, told.err
    assert out.read_bytes() == (tmp_path / "out.csv").read_bytes()
    assert frostline("verify", str(out)).code == 0


@pytest.mark.parametrize(
    ("asked", "address"),
    [
        (("train", "IN", "--encoder", ENCODER, "--out", "s3://b/model"), "s3://b/model"),
        (("evaluate", ONE, "IN", "--report", "s3://b/page.html"), "s3://b/page.html"),
        (("review", "IN", "--encoder", ENCODER, "--out", "gs://b/fixes.tsv"), "gs://b/fixes.tsv"),
        (("export", ONE, "--out", "s3://b/x"), "s3://b/x"),
        (("predict", ONE, "IN", "--out", "OUT", "--rejects", "s3://b/r.jsonl"), "s3://b/r.jsonl"),
    ],
)
def test_what_is_written_here_alone_is_told(
    frostline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: tuple[object, ...], address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    source = rows_in(tmp_path / "in.tsv", 3)
    told = frostline(*({"IN": source, "OUT": tmp_path / "out.csv"}.get(str(each), each) for each in asked))
    assert told.code == 2, told.err
    assert told.err.splitlines()[0] == f"error: {address} must be a path on this machine."
    assert "mkdir" not in told.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tsv"]


@pytest.mark.parametrize("verb", ["train", "review"])
def test_what_is_read_here_alone_is_told(frostline: Command, verb: str) -> None:
    told = frostline(verb, "s3://b/in.tsv")
    assert told.code == 2, told.err
    assert told.err.splitlines()[0] == "error: s3://b/in.tsv must be a file on this machine."


def test_texts_come_whatever_the_format(store: Shelf | None) -> None:
    """Quotes are looked at throughout, as of a file on the disk; gzip is uncompressed."""
    for name, content in {
        "a.tsv": b'text\n"so ""it"" is"\n',
        "b.csv.gz": gzip.compress(b'text\n"so ""it"" is"\n'),
        "c.jsonl": b'{"text": "so \\"it\\" is"}\n',
    }.items():
        assert [row.text for row in stream_texts(put(name, content), TableOptions(text="text"))] == ['so "it" is']


def test_an_error_of_the_store_is_told(store: Shelf | None) -> None:
    if store is None:
        pytest.skip("moto does not fail")
    store.failing = 100
    with pytest.raises(AccessError, match="s3://shelf/x: the store does not permit it"):
        put("x", b"x")
    assert "x" not in store.objects


def test_a_store_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**KEYS, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("frostline.places.ATTEMPTS", 1)
    with pytest.raises(StorageError, match=r"^s3://shelf/away: the store cannot be reached, or failed"):
        at("away").read_bytes()


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("s3://key:secret@bucket/x", UsageError, "must not hold a key or a password"),
        ("s3://bucket", UsageError, "must name a file in a bucket"),
        ("s3://bucket//x", UsageError, "must name a file in a bucket"),
        ("s3://bucket/x/../y", UsageError, "must not hold . or .. between its slashes"),
        ("s3://bucket/./y", UsageError, "must not hold . or .. between its slashes"),
        ("s3a://bucket/x", UsageError, "the address of an object in S3 begins with s3://"),
        ("s3://bucket/x?secret=", UsageError, "an address may say region, endpoint_override, scheme"),
        ("s3://bucket/x?secret=1", UsageError, "an address may say region, endpoint_override, scheme"),
    ],
)
def test_an_address_that_is_none(text: str, error: type[FrostlineError], said: str) -> None:
    with pytest.raises(error, match=said):
        place_of(text)


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place has the names that a path has; another machine gets what the environment says of the store."""
    place = place_of("s3://bucket/a/b.csv.gz?region=eu-west-1")
    assert isinstance(place, Remote)
    assert (place.name, place.suffix, str(place.with_suffix(""))) == (
        "b.csv.gz",
        ".gz",
        "s3://bucket/a/b.csv?region=eu-west-1",
    )
    assert str(place.with_name("c") / "d") == "s3://bucket/a/c/d?region=eu-west-1"
    named = ("s3://b/c", "s3://b/c d", "S3://b/c", "s3a://b/c", "s3:/b/c", "http://b/c", "see s3://b/c", "s3://b/c\nd")
    assert [is_remote(text) for text in named] == [True] * 4 + [False] * 4
    assert place_of("S3://b/c") == place_of("s3://b/c")
    for key in ("my file.csv", "what?.csv", "what?", "a#b", "a%3Fb", "a=b&c=d"):
        assert place_of(f"s3://b/{key}") == Remote("s3", f"b/{key}")
        assert place_of(str(Remote("s3", f"b/{key}", "region=x"))) == Remote("s3", f"b/{key}", "region=x")
    assert place_of("a/b.csv") == Path("a/b.csv")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://here:1")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert str(settled(place)) == "s3://bucket/a/b.csv.gz?region=eu-west-1&endpoint_override=http%3A%2F%2Fhere%3A1"
    assert settled(Path("a")) == Path("a")


def test_what_is_read_is_what_was_written(store: Shelf | None) -> None:
    content = bytes(range(256)) * 50_000
    with opened_to_read(put("bytes", content)) as opened:
        assert opened.read(5) + opened.read() == content
    with pytest.raises(MissingInputError, match="none is not there"), opened_to_read(at("none")):
        pass
