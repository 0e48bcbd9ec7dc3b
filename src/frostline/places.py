"""Where a file lies: on this machine, or in an object store (`s3://bucket/key`).

An object store has no folders, no locks and no renames, and needs none here: a whole object is there or it isn't. Small
ones are one PUT; those above 10 MB an upload in parts, which nobody sees before its end.
"""

import contextlib
import functools
import hashlib
import io
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, TypeVar, cast, final
from urllib.parse import parse_qs, urlencode, urlsplit

from frostline import disk
from frostline.errors import AccessError, FrostlineError, MissingInputError, OutputError, StorageError, UsageError

if TYPE_CHECKING:
    from pyarrow import fs

SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss")
ATTEMPTS = 8  # at a request to a store of S3's kind
BUFFER_BYTES = 8 << 20  # what one request reads ahead
_OTHER_NAMES = ("s3a", "s3n")  # of S3, in Hadoop
_REMOTE = re.compile(rf"({'|'.join((*SCHEMES, *_OTHER_NAMES))})://[^\0-\x1f]*", re.IGNORECASE)
_QUERY = re.compile(r"\?(\w+=[^?&]*(&\w+=[^?&]*)*)$")  # any other question mark is the key's own
_OPTIONS = ("region", "endpoint_override", "scheme")  # of S3, behind a question mark
_AT_ONCE_BYTES = 80 << 20  # of an upload: what pyarrow keeps in memory until the store has it


_T = TypeVar("_T")


@final
@dataclass(frozen=True, slots=True)
class Remote:
    """An object, or all objects whose keys begin with its own and a slash; it has the names that a path has."""

    scheme: str
    key: str  # With the bucket before it
    query: str = ""  # How the store is reached, where the address says so

    def __str__(self) -> str:
        return f"{self.scheme}://{self.key}" + (f"?{self.query}" if self.query else "")

    def __truediv__(self, name: str) -> "Remote":
        return replace(self, key=f"{self.key}/{name}")

    @property
    def name(self) -> str:
        """The last part of its key."""
        return PurePosixPath(self.key).name

    @property
    def suffix(self) -> str:
        """What its name ends in, from the last dot on."""
        return PurePosixPath(self.key).suffix

    def with_name(self, name: str) -> "Remote":
        """What lies beside it."""
        return replace(self, key=str(PurePosixPath(self.key).with_name(name)))

    def with_suffix(self, suffix: str) -> "Remote":
        """The same with another ending."""
        return replace(self, key=str(PurePosixPath(self.key).with_suffix(suffix)))

    def is_file(self) -> bool:
        """Whether there is such an object."""
        return bool(self._info().is_file)

    def is_dir(self) -> bool:
        """Whether there are objects below it."""
        return int(self._info().type) == _FOLDER

    def exists(self) -> bool:
        """Whether there is such an object, or any below it."""
        return self.is_file() or self.is_dir()

    def read_bytes(self) -> bytes:
        """The whole object."""
        with opened_to_read(self) as opened, _told(self):
            return opened.read()

    def unlink(self) -> None:
        """Remove the object."""
        with _told(self):
            store_of(self).delete_file(self.key)

    def rmdir(self) -> None:
        """Nothing: there are no folders."""

    def _info(self) -> Any:
        with _told(self):
            return store_of(self).get_file_info(self.key)


Place: TypeAlias = Path | Remote
_NOT_THERE, _FOLDER = 0, 3  # of pyarrow.fs.FileType


def is_remote(text: str) -> bool:
    """Whether this is the address of an object."""
    return _REMOTE.fullmatch(text) is not None


def place_of(text: str | Path | Remote) -> Place:
    """The place of that name.

    Raises `UsageError`: an address without a key, with a password in it, or with options that nobody knows.
    """
    if isinstance(text, Path | Remote) or not is_remote(text):
        return text if isinstance(text, Remote) else Path(text)
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower()
    if scheme in _OTHER_NAMES:
        raise UsageError(f"{text}: the address of an object in S3 begins with s3://.")
    asked = _QUERY.search(rest)
    query = "" if asked is None else asked[1]
    key = (rest if asked is None else rest[: asked.start()]).rstrip("/")
    if "@" in key.split("/")[0] and scheme in {"s3", "gs", "gcs"}:
        raise UsageError(
            "An address must not hold a key or a password.",
            hint="Let the environment hold them (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile).",
        )
    strange = sorted(parse_qs(query, keep_blank_values=True).keys() - {*_OPTIONS})
    if strange:
        raise UsageError(f"{text}: an address may say {', '.join(_OPTIONS)} (got {strange[0]}).")
    if "/" not in key or "//" in key:
        raise UsageError(f"{text} must name a file in a bucket.", hint=f"So: {scheme}://BUCKET/FOLDER/FILE")
    if {".", ".."} & set(key.split("/")):  # a store may take x/../a for a, and then an input is not known again
        raise UsageError(f"{text}: an address in a store must not hold . or .. between its slashes.")
    return Remote(scheme, key, query)


def settled(place: Place) -> Place:
    """The same as another machine needs it: with what the environment here says of endpoint and region of S3."""
    if isinstance(place, Path) or place.scheme != "s3":
        return place
    said = {name: values[0] for name, values in parse_qs(place.query).items()}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    for name, value in (("endpoint_override", endpoint), ("region", region)):
        if value:
            said.setdefault(name, value)
    return replace(place, query=urlencode(said))


def store_of(place: Remote) -> "fs.FileSystem":
    """The store that holds it, as pyarrow reaches it."""
    full = cast("Remote", settled(place))
    return _store(full.scheme, full.key.split("/")[0], full.query)


@functools.lru_cache(maxsize=16)
def _store(scheme: str, bucket: str, query: str) -> "fs.FileSystem":
    from pyarrow import fs  # noqa: PLC0415 - heavy, and only for what lies elsewhere

    if scheme != "s3":
        return fs.FileSystem.from_uri(f"{scheme}://{bucket}")[0]
    said = {name: values[0] for name, values in parse_qs(query).items()}
    endpoint, region = said.get("endpoint_override"), said.get("region")
    if endpoint and "://" in endpoint:
        parts = urlsplit(endpoint)
        said["scheme"], endpoint = said.get("scheme", parts.scheme), parts.netloc + parts.path.rstrip("/")
    with _told(Remote(scheme, bucket, query)):
        if region is None and not endpoint:
            region = fs.resolve_s3_region(bucket)
        # delayed: an object that fits into one request is one, not an upload in parts
        return fs.S3FileSystem(
            region=region,
            endpoint_override=endpoint,
            scheme=said.get("scheme"),
            connect_timeout=10,
            request_timeout=60,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            allow_delayed_open=True,
        )


@contextlib.contextmanager
def _told(place: Remote) -> Iterator[None]:
    """What pyarrow says of a store, as an error of the tree."""
    try:
        yield
    except FrostlineError:
        raise
    except OSError as error:
        raise _error(place, error) from error


def _error(place: Remote, error: OSError) -> FrostlineError:
    said, bucket = str(error), place.key.split("/")[0]
    if "NO_SUCH_BUCKET" in said or re.search(r"Bucket '.*' not found", said) or _is_bucket_away(place, error):
        return MissingInputError(f"{place}: there is no bucket {bucket}.", hint="Make it, or mend the address.")
    if isinstance(error, FileNotFoundError):
        return MissingInputError(f"{place} is not there.", hint="Is the key written as the store has it?")
    if isinstance(error, PermissionError) or re.search(r"ACCESS_DENIED|FORBIDDEN|INVALID_ACCESS_KEY|SIGNATURE", said):
        return AccessError(
            f"{place}: the store does not permit it.",
            hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, to what may read and write there.",
        )
    why = re.sub(r"\s+", " ", said)[:300]
    return StorageError(
        f"{place}: the store cannot be reached, or failed ({why}).",
        hint="Run the same command again: it goes on. AWS_ENDPOINT_URL names a store that is not Amazon's.",
    )


def _is_bucket_away(place: Remote, error: OSError) -> bool:
    """Whether a key is missed because its bucket is: a store tells them apart only where the bucket is asked for."""
    if not isinstance(error, FileNotFoundError) or place.scheme != "s3" or "/" not in place.key:
        return False
    with contextlib.suppress(OSError, FrostlineError):  # not permitted to ask
        bucket = place.key.split("/")[0]
        return int(store_of(place).get_file_info(bucket).type) == _NOT_THERE
    return False


@contextlib.contextmanager
def opened_to_read(place: Place) -> Iterator[BinaryIO]:
    """Its bytes; of an object in pieces as they are asked for."""
    if isinstance(place, Path):
        with place.open("rb") as opened:
            yield opened
        return
    with _told(place):
        remote = store_of(place).open_input_file(place.key)
    with remote:
        yield cast("BinaryIO", io.BufferedReader(remote, BUFFER_BYTES))


def publish_bytes(place: Place, content: bytes | memoryview, *, sweeps: bool = True) -> None:
    """As `disk.publish_bytes`; of an object: one PUT, or an upload of which nothing is seen before its end."""
    if isinstance(place, Path):
        disk.publish_bytes(place, content, sweeps=sweeps)
        return
    _upload(place, content)


@contextlib.contextmanager
def publish_stream(place: Place) -> Iterator[BinaryIO]:
    """As `disk.publish_stream`: whole, or not at all. An object's bytes are kept here, nameless, until then."""
    if isinstance(place, Path):
        with disk.publish_stream(place) as opened:
            yield opened
        return
    import mmap  # noqa: PLC0415 - only for what lies elsewhere
    import tempfile  # noqa: PLC0415

    folder = disk.private_folder(disk.home() / "incoming")
    with tempfile.TemporaryFile(dir=folder) as kept:
        try:
            yield cast("BinaryIO", kept)
            kept.flush()
        except OSError as error:
            raise disk.storage_error(error, folder) from error
        if kept.tell() == 0:  # nothing can be mapped of it
            _upload(place, b"")
            return
        with mmap.mmap(kept.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as content:
            _upload(place, content)


def _upload(place: Remote, content: bytes | memoryview) -> None:
    """Make an object of what is whole, out of reach of signals: pyarrow cannot drop an upload.

    Where it lets go of one that broke off it ends it, as if it were whole, or waits for ever at the process's end.
    """

    def upload() -> None:
        stream = store_of(place).open_output_stream(place.key, compression=None)  # else by the name
        try:
            for begin in range(0, len(content), _AT_ONCE_BYTES):
                with memoryview(content)[begin : begin + _AT_ONCE_BYTES] as part:
                    stream.write(part)
                if begin + _AT_ONCE_BYTES < len(content):
                    stream.flush()  # which waits
        finally:
            stream.close()

    with _told(place):
        _apart(upload)


def _apart(call: Callable[[], _T]) -> _T:
    """What a call gives, made in a thread: while pyarrow waits for a store, ctrl-C has no effect in the main one."""
    if threading.current_thread() is not threading.main_thread():
        return call()
    from concurrent.futures import Future  # noqa: PLC0415 - loads `logging`

    given: Future[_T] = Future()

    def answer() -> None:
        try:
            given.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised by who waits
            given.set_exception(error)

    threading.Thread(target=answer, daemon=True).start()
    return given.result()


@contextlib.contextmanager
def claimed(folder: Place) -> Iterator[bool]:
    """As `disk.claimed`; a store has no locks: whoever works there at once makes the same objects twice."""
    if isinstance(folder, Path):
        with disk.claimed(folder) as is_ours:
            yield is_ours
        return
    yield True


def held(folder: Place) -> dict[str, int]:
    """The names in a folder, with the bytes of each file; nothing where there is no folder."""
    if isinstance(folder, Path):
        with contextlib.suppress(FileNotFoundError):
            return {entry.name: entry.stat().st_size for entry in os.scandir(folder)}
        return {}
    from pyarrow import fs  # noqa: PLC0415 - heavy, and only for what lies elsewhere

    with _told(folder):
        infos = store_of(folder).get_file_info(fs.FileSelector(folder.key, allow_not_found=True))
    return {info.base_name: info.size or 0 for info in infos}


def emptied(folder: Place) -> None:
    """Remove the files in a folder."""
    if isinstance(folder, Path):
        for kept in folder.iterdir():
            kept.unlink()
        return
    removed(folder)


def removed(folder: Place) -> None:
    """Remove a folder and what is in it, as far as that can be done."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        if store_of(folder).get_file_info(folder.key).type == _FOLDER:
            store_of(folder).delete_dir(folder.key)


def size_of(place: Place) -> int:
    """Its bytes."""
    return place.stat().st_size if isinstance(place, Path) else int(place._info().size or 0)  # noqa: SLF001 - its own


def sha256_of(place: Place) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    if isinstance(place, Path):
        return disk.sha256_of(place)
    with opened_to_read(place) as opened, _told(place):
        return hashlib.file_digest(opened, "sha256").hexdigest()  # type: ignore[arg-type]  # a buffered reader is one


def refuse_file(place: Place, *, overwrite: bool, inputs: Iterable[Place] = ()) -> None:
    """As `disk.refuse_file`: raise, before any work, if writing there would fail or lose something."""
    inputs = list(inputs)
    if isinstance(place, Path):
        disk.refuse_file(place, overwrite=overwrite, inputs=[each for each in inputs if isinstance(each, Path)])
        return
    if any(isinstance(each, Remote) and _identity(each) == _identity(place) for each in inputs):
        raise UsageError(f"{place} is an input: writing there would lose it.", hint="Choose another name.")
    bucket = replace(place, key=place.key.split("/")[0])
    if not bucket.exists():
        raise OutputError(f"{place}: there is no bucket {bucket.key}.", hint="Make it, or mend the address.")
    if place.is_file() and not overwrite:
        raise OutputError(f"{place} exists already.", hint="Choose another name, or pass --overwrite.")


def _identity(place: Remote) -> tuple[str, str]:
    """What is the same however the store is reached: one key in two stores is taken for one, as nobody can tell."""
    return {"gcs": "gs", "abfss": "abfs"}.get(place.scheme, place.scheme), place.key
