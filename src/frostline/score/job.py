"""A file's rows in windows, each published whole: killed at any moment, a job goes on where it was.

`windows_of` cuts rows into windows by the input alone, `published` puts what was made of one of them where it belongs,
`joined` makes one file of them. None of them knows what is made. Format: docs/formats/scored.md.
"""

import contextlib
import hashlib
import io
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, BinaryIO, TypeVar, cast, final

from frostline import strict
from frostline.data.lines import Fingerprint
from frostline.disk import sweep_temporaries
from frostline.errors import ArtifactCorrupt, InputError, MissingInputError, OutputError, StorageError, shown
from frostline.places import (
    Place,
    Remote,
    claimed,
    emptied,
    held,
    opened_to_read,
    publish_bytes,
    publish_stream,
    removed,
    sha256_of,
    size_of,
)
from frostline.threads import ahead
from frostline.version import __version__

AnyPlace = TypeVar("AnyPlace", bound=Place)
WINDOW_ROWS = 4096
WINDOW_CHARACTERS = 16 << 20  # a window ends earlier where its rows are this long
FORMAT = 1
_OURS = re.compile(r"\d{8}\.(part|json)|plan\.json|manifest\.json|\.tmp-.*")
_MANIFEST_BYTES = 256 << 20


@final
@dataclass(frozen=True, slots=True)
class Window:
    """Some rows of a file."""

    number: int
    first: int  # The number of the first row, from 0, of those that are not rejected
    texts: list[str]
    cells: list[Any]  # Of each row: a list, or an object
    digest: str  # Of the plan, the texts and the cells


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was published of a window, and what is to be said of it in the end."""

    window: str  # The window's digest: that of another plan, or of a file that has changed since, is done again
    rows: int
    size_bytes: int
    sha256: str
    tally: Mapping[str, int]


@final
@dataclass(frozen=True, slots=True)
class Made:
    """What was made of a window: its bytes, and what is to be counted."""

    content: bytes
    tally: Mapping[str, int]


def windows_of(
    rows: Iterable[tuple[int, str, Any]],
    plan: Mapping[str, Any],
    *,
    window_rows: int = WINDOW_ROWS,
    characters: int = WINDOW_CHARACTERS,
) -> Iterator[Window]:
    """The rows in windows: of so many rows, or of fewer once their texts and cells have so many characters."""
    planned = json.dumps(_comparable(plan), sort_keys=True).encode()
    number = first = 0
    coming = iter(rows)
    while True:
        texts: list[str] = []
        cells: list[Any] = []
        digest, size = hashlib.sha256(planned), 0
        for _, text, row in itertools.islice(coming, window_rows):
            texts.append(text)
            cells.append(row)
            spelt = repr((text, row)).encode("utf-8", "surrogatepass")
            digest.update(spelt)
            size += len(spelt)
            if size >= characters:
                break
        if not texts:
            return
        yield Window(number, first, texts, cells, digest.hexdigest())
        number, first = number + 1, first + len(texts)


@final
@dataclass(frozen=True, slots=True)
class Span:
    """Which rows a window has, without them."""

    number: int
    first: int
    rows: int
    digest: str

    @property
    def end(self) -> int:
        """The number of the row behind them."""
        return self.first + self.rows


def span_of(window: Window) -> Span:
    """Which rows these are."""
    return Span(window.number, window.first, len(window.texts), window.digest)


def window_at(rows: Iterator[tuple[int, str, Any]], plan: Mapping[str, Any], span: Span) -> Window:
    """The window whose rows come next; its digest is that of what was found."""
    coming = itertools.islice(rows, span.rows)
    found = next(windows_of(coming, plan, window_rows=span.rows, characters=sys.maxsize), None)
    if found is None:
        return Window(span.number, span.first, [], [], "")
    return replace(found, number=span.number, first=span.first)


def published(folder: Place, window: Window, made: Made) -> Record:
    """Put what was made of a window into the job's folder: first its bytes, then the record that vouches for them."""
    record = Record(
        window=window.digest,
        rows=len(window.texts),
        size_bytes=len(made.content),
        sha256=hashlib.sha256(made.content).hexdigest(),
        tally=dict(made.tally),
    )
    publish_bytes(folder / f"{window.number:08}.part", made.content, sweeps=False)
    publish_bytes(folder / f"{window.number:08}.json", json.dumps(asdict(record)).encode(), sweeps=False)
    return record


def folder_of(out: AnyPlace) -> AnyPlace:
    """Where a job keeps what is finished, until all of it is."""
    return cast("AnyPlace", out.with_name(f"{out.name}.parts"))


def manifest_of(out: AnyPlace) -> AnyPlace:
    """What vouches for a file of answers."""
    return cast("AnyPlace", out.with_name(f"{out.name}.manifest.json"))


@contextlib.contextmanager
def opened_job(out: Place, plan: Mapping[str, Any], *, overwrite: bool) -> Iterator[dict[int, Record] | None]:
    """The windows that are finished, of the same plan; None where the whole file is.

    Raises
    ------
    InputError
        What was begun there was of another input, model or choice of options.
    OutputError
        Another process is at it; the file exists and is not this job's; the folder holds something else.
    """
    folder = folder_of(out)
    is_complete = _is_complete(out, plan)
    if is_complete and not folder.exists():
        yield None
        return
    with claimed(folder) as is_ours:
        if not is_ours:
            raise OutputError(
                f"{out} is being written by another process.", hint="Wait until it has ended, or choose another name."
            )
        strange = [name for name in held(folder) if not _OURS.fullmatch(name)]
        if strange:
            raise OutputError(
                f"{folder} must be free for what is finished (it holds {shown(strange[0])}).", hint="Move it away."
            )
        if is_complete:
            removed(folder)
            yield None
            return
        if not isinstance(folder, Remote):
            sweep_temporaries(folder)
        try:
            _begin(out, folder, plan, overwrite=overwrite)
            yield dict(_finished(folder))
        except BaseException:
            if not any(name.endswith(".part") for name in held(folder)):
                removed(folder)  # nothing is finished
            raise


def _begin(out: Place, folder: Place, plan: Mapping[str, Any], *, overwrite: bool) -> None:
    """Go on with what was planned, or plan it now."""
    planned = folder / "plan.json"
    begun = _content(planned) if planned.exists() else None
    if begun is not None and _comparable(begun) == _comparable(plan):
        _refuse_foreign(out, folder, overwrite=overwrite)
        return
    if begun is not None and not overwrite:
        raise _other(folder, begun, plan)
    if out.exists() and not overwrite:
        folder.rmdir()
        raise OutputError(f"{out} exists already.", hint="Choose another name, or pass --overwrite.")
    emptied(folder)
    publish_bytes(planned, json.dumps(plan).encode())


def _refuse_foreign(out: Place, folder: Place, *, overwrite: bool) -> None:
    """Raise where a file has the job's name that is not what it made."""
    if overwrite or not out.exists():
        return
    made = folder / "manifest.json"
    if not made.exists() or _content(made).get("sha256") != sha256_of(out):
        raise OutputError(f"{out} exists already.", hint="Choose another name, or pass --overwrite.")


def _is_complete(out: Place, plan: Mapping[str, Any]) -> bool:
    """Whether the file is there, whole, and made as planned."""
    beside = manifest_of(out)
    if not beside.exists():
        return False
    try:
        manifest = _content(beside)
    except (InputError, OSError):
        manifest = {}
    if not isinstance(manifest.get("plan"), dict):
        raise OutputError(f"{beside} must be free for what vouches for {out.name}.", hint="Move it away.")
    if not out.is_file():
        return False
    same = _comparable(manifest["plan"]) == _comparable(plan)
    return same and manifest.get("size_bytes") == size_of(out) and manifest.get("sha256") == sha256_of(out)


def _comparable(plan: Mapping[str, Any]) -> Any:
    """The plan without names: a file that was moved is the same file."""
    found = json.loads(json.dumps(plan))
    for part in found.values():
        if isinstance(part, dict):
            part.pop("name", None)
    return found


def _other(folder: Place, begun: Mapping[str, Any], plan: Mapping[str, Any]) -> InputError:
    """The error where what was begun is not what is planned: in what they differ."""
    before, now = _comparable(begun), _comparable(plan)
    told = "with other options"
    for key, what in (("input", "of another input"), ("by", "by another model or encoder")):
        parts = [each.get(key) for each in (before, now)]
        seen = [str(part.get("sha256", "")) if isinstance(part, dict) else "" for part in parts]
        if seen[0] != seen[1]:
            told = f"{what} (sha256 {seen[0][:16]} then, {seen[1][:16]} now)"
            break
    else:
        if before.get("made_by") != now.get("made_by"):
            told = f"by {shown(before.get('made_by'))} (this is {now.get('made_by')})"
    return InputError(
        f"{folder} holds what was begun {told}.",
        hint="Bring back what it was begun with, or begin anew with --overwrite.",
    )


def _finished(folder: Place) -> Iterator[tuple[int, Record]]:
    """The windows whose bytes are those that their records vouch for; any other is done again."""
    sizes = held(folder)
    names = [name.removesuffix(".part") for name in sorted(sizes) if name.endswith(".part")]

    def known(name: str) -> Record | None:
        with contextlib.suppress(InputError, TypeError):
            record = Record(**_content(folder / f"{name}.json"))
            if record.size_bytes == sizes[f"{name}.part"] and _is_as_told(folder / f"{name}.part", record):
                return record
        return None

    vouched = [name for name in names if f"{name}.json" in sizes]
    for name, record in zip(vouched, ahead(known, vouched, threads=_threads(folder)), strict=True):
        if record is not None:
            yield int(name), record


def _is_as_told(part: Place, record: Record) -> bool:
    """Whether a part has its record's bytes; an object is whole where it is there, and looked at when it is joined."""
    return isinstance(part, Remote) or record.sha256 == sha256_of(part)


def _threads(folder: Place) -> int:
    """How many read at once: of a store, where each of many small objects is waited for, several."""
    return 16 if isinstance(folder, Remote) else 1


def _content(path: Place) -> dict[str, Any]:
    if size_of(path) > _MANIFEST_BYTES:
        raise ArtifactCorrupt(f"{path} must have at most {_MANIFEST_BYTES:,} bytes.")
    return strict.read_object(path.read_bytes(), str(path))


@final
class Sections(io.RawIOBase):
    """A file being written in sections, each with its digest."""

    def __init__(self, opened: BinaryIO) -> None:
        self._opened = opened
        self._whole = hashlib.sha256()
        self._section = hashlib.sha256()
        self._size = self.size_bytes = 0
        self.done: list[dict[str, Any]] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """How many bytes have been written."""
        return self.size_bytes

    def write(self, data: Any, /) -> int:
        """Append `data`."""
        raw = memoryview(data).cast("B")
        self._opened.write(raw)
        self._whole.update(raw)
        self._section.update(raw)
        self._size += len(raw)
        self.size_bytes += len(raw)
        return len(raw)

    def cut(self, rows: int) -> None:
        """End a section of so many rows."""
        self.done.append({"rows": rows, "size_bytes": self._size, "sha256": self._section.hexdigest()})
        self._section, self._size = hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        """Of all that was written."""
        return self._whole.hexdigest()


def joined(
    out: Place,
    plan: Mapping[str, Any],
    records: Mapping[int, Record],
    *,
    join: Callable[[Sections, Iterator[tuple[bytes, int]]], None],
) -> None:
    """Make one file of all windows, its manifest beside it, and clear the job away.

    The manifest lies in the job's folder before the file has its name: whoever is killed in between goes on.
    """
    folder = folder_of(out)

    def parts() -> Iterator[tuple[bytes, int]]:
        places = (folder / f"{number:08}.part" for number in range(len(records)))
        contents = ahead(lambda place: place.read_bytes(), places, threads=_threads(folder))
        for number, content in enumerate(contents):
            if hashlib.sha256(content).hexdigest() != records[number].sha256:
                (folder / f"{number:08}.json").unlink()  # so that it is made again
                raise StorageError(
                    f"{folder}: window {number} has changed since it was written.", hint="Run the same command again."
                )
            yield content, records[number].rows

    with publish_stream(out) as opened:
        sections = Sections(opened)
        join(sections, parts())
        manifest = {
            "format": FORMAT,
            "file": out.name,
            "size_bytes": sections.size_bytes,
            "sha256": sections.sha256,
            "rows": sum(record.rows for record in records.values()),
            "made_by": f"frostline {__version__}",
            "plan": plan,
            "sections": sections.done,
        }
        publish_bytes(folder / "manifest.json", json.dumps(manifest, indent=1).encode())
    publish_bytes(manifest_of(out), (folder / "manifest.json").read_bytes())
    removed(folder)


def check_unchanged(out: Place, planned: Fingerprint, found: Fingerprint, *, name: str) -> None:
    """Raise where a file that was read again is not the one that was planned; what was made of it is cleared away."""
    if planned != found:
        removed(folder_of(out))
        raise InputError(
            f"{name} has changed while it was read (sha256 {planned.sha256[:16]}, then {found.sha256[:16]}).",
            hint="Run the same command again when nothing writes to the file.",
        )


def _sections(manifest: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """The pieces of the file, which together are what the manifest says of the whole."""
    sections = [
        strict.json_object(section, where)
        for section in strict.array(manifest.get("sections"), where, low=1, high=10**8)
    ]
    for name in ("rows", "size_bytes"):
        total = sum(strict.integer(section.get(name), f"{where}: {name}") for section in sections)
        if (told := strict.integer(manifest.get(name), f"{where}: {name}")) != total:
            raise InputError(
                f"{where}: {name} must be those of its sections together, {total:,} (got {told:,}).",
                hint="The manifest is damaged: remove it and the file, and run the command that made them.",
            )
    return sections


@final
@dataclass(frozen=True, slots=True)
class Verified:
    """A file that is as its manifest says."""

    rows: int
    n_sections: int
    sha256: str


def verify(out: Place) -> Verified:
    """Hold a file of answers against the manifest beside it.

    Raises
    ------
    MissingInputError
        The file or its manifest is not there, or the job has not ended.
    InputError
        The file is damaged: which rows, is named. The manifest is none, or of a newer format.
    """
    beside = manifest_of(out)
    if not beside.is_file() or not out.is_file():
        begun = folder_of(out)
        if (begun / "plan.json").is_file():
            raise MissingInputError(f"{out} is not finished.", hint="Run the command that makes it again: it goes on.")
        if out.is_dir():
            raise InputError(f"{out} must be a file (it is a folder).", hint="Name the file that was written.")
        missing = out if not out.is_file() else beside
        raise MissingInputError(
            f"{missing} is not there.",
            hint="`frostline predict` and `frostline embed` write both where a file is read.",
        )
    manifest = _content(beside)
    where = str(beside)
    if manifest.get("format") != FORMAT:
        raise InputError(f"{where} must be of format {FORMAT} (got {manifest.get('format')!r}).")
    sections = _sections(manifest, where)
    whole, row, damaged = hashlib.sha256(), 0, list[str]()
    with opened_to_read(out) as opened:
        for section in sections:
            rows, left, found = section["rows"], section["size_bytes"], hashlib.sha256()
            while left and (content := opened.read(min(left, 1 << 20))):
                found.update(content)
                whole.update(content)
                left -= len(content)
            if found.hexdigest() != section.get("sha256"):
                damaged.append(f"rows {row + 1:,} to {row + rows:,}" if rows else "the parts around the rows")
            row += rows
        has_more = bool(opened.read(1))
    if damaged or has_more or whole.hexdigest() != manifest.get("sha256"):
        named = ", ".join(damaged[:5]) + (f" and {len(damaged) - 5} more" if len(damaged) > 5 else "")
        otherwise = f"it has {size_of(out):,} bytes" if has_more else f"its sha256 is {whole.hexdigest()[:16]}…"
        raise InputError(
            f"{out} is not what {beside.name} vouches for: {named or otherwise}.",
            hint="Make it again: remove it, and run the command that made it.",
        )
    return Verified(row, len(sections), whole.hexdigest())
