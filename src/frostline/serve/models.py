"""The models that are served: names, their last versions, and which of them answers.

A new version is loaded beside the old one, tested, and only then takes its place. The process that reads may be
replaced at any time, and the folder that was told may hold something else by then: so each version's files are copied
into a private folder as long as it is kept.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

from frostline.artifact.files import meant_model
from frostline.disk import home, private_folder, storage_error, sweep_folders_of_the_dead
from frostline.errors import AccessError, FrostlineError, InputError, MissingInputError, UnavailableError, printable
from frostline.serve.options import Limits, Named
from frostline.serve.reading import Answer, Reading, starting
from frostline.serve.refusals import Refusal
from frostline.targets import Label

if TYPE_CHECKING:
    from array import array

if sys.platform == "linux":
    import fcntl

KEPT_VERSIONS = 3
_FICLONE = 0x40049409  # of linux/fs.h: the bytes of another file, shared until one of the two changes
CANARY = "The train leaves at nine."
_CANARY_S = 2.0  # how long a sentence may take for the server to be ready

log = logging.getLogger("frostline.serve")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a model that is loaded."""

    name: str
    number: int
    key: str  # By which the process that reads knows it
    folder: Path  # Where its files are kept
    labels: tuple[Label, ...]
    is_sets: bool  # Whether a text may have any number of labels
    sha256: str
    encoder: str
    features: str
    max_length: int  # Word pieces that the encoder sees
    has_neighbours: bool
    answer_from: float
    canary: "array[float]"  # What it said of `CANARY` when it was loaded
    loaded_at: float  # Seconds since 1970

    @property
    def names(self) -> list[str]:
        """The labels as strings, for wires that know no others."""
        return [str(label) for label in self.labels]


@final
@dataclass(slots=True)
class _Entry:
    """A name with its versions."""

    named: Named
    versions: list[Version] = field(default_factory=list)  # oldest first
    current: Version | None = None
    n_loaded: int = 0


@final
class Models:
    """All models of a server. Used from the event loop alone."""

    def __init__(
        self, named: Sequence[Named], reading: Reading, *, encoder: str | None, may_fetch: bool, limits: Limits
    ) -> None:
        self._entries = {one.name: _Entry(one) for one in named}
        self._reading, self._encoder, self._may_fetch, self._limits = reading, encoder, may_fetch, limits
        self._turn = asyncio.Lock()
        self._kept: Path | None = None
        self._ready: tuple[float, bool] = (0.0, False)
        self.measured_speed = 0.0  # Word pieces a second of one thread, as measured at loading

    @property
    def default(self) -> str:
        """The name of the first model, which wires without names mean."""
        return next(iter(self._entries))

    def names(self) -> list[str]:
        """All names, in the order given."""
        return list(self._entries)

    def version(self, name: str | None = None, number: int | None = None) -> Version:
        """The version that answers under a name, or the one with that number; 404 where there is none."""
        entry = self._of(self.default if name is None else name)
        if number is None:
            if entry.current is None:  # all was loaded before anybody was listened to, so it is lost
                raise Refusal(503, "lost", f"The kept files of {entry.named.name} are damaged: it must be loaded anew.")
            return entry.current
        for version in entry.versions:
            if version.number == number:
                return version
        kept = ", ".join(str(version.number) for version in entry.versions) or "none"
        raise Refusal(404, "unknown_version", f"There is no such version of {entry.named.name} (kept are {kept}).")

    def versions(self, name: str) -> list[Version]:
        """All that are kept of a name, oldest first."""
        return list(self._of(name).versions)

    async def open_all(self) -> None:
        """Load every model for the first time; an error of the tree where one cannot be."""
        folder = private_folder(home() / "serve")
        sweep_folders_of_the_dead(folder)
        self._kept = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=folder))
        for name in self._entries:
            try:
                await self._load(name)
            except Refusal as refusal:  # the process ended, and nobody is there to be told to come again
                raise UnavailableError(
                    f"The process that reads ended, or gave no sign of life, while it loaded {name}.",
                    hint=f"A slow machine may need more than {self._limits.start_s:g} s: --limit start_s=SECONDS.",
                ) from refusal

    async def load(self, name: str) -> Version:
        """Load what lies in the model's folder now; the same files as now answer are no new version.

        What cannot be loaded is told to the log too, and changes nothing.
        """
        entry = self._of(name)
        try:
            return await self._load(name)
        except (FrostlineError, Refusal) as error:
            stays = "the old version stays" if entry.current else "no version answers"
            log.error("%s: %s: %s", name, stays, printable(str(error)))  # noqa: TRY400 - no traceback
            raise

    async def _load(self, name: str) -> Version:
        async with self._turn:
            entry = self._entries[name]
            number = entry.n_loaded + 1
            kept = await asyncio.to_thread(_copied, entry.named.folder, (self._kept or home()) / f"{name}@{number}")
            version = await self._loaded(entry.named, number, kept)
            if entry.current is not None and entry.current.sha256 == version.sha256:
                _exchange(entry.current.folder, kept)  # what was kept may be damaged
                await self._forget(version)
                return entry.current
            entry.n_loaded = number
            entry.versions.append(version)
            entry.current = version
            log.info("%s: version %d answers (sha256 %s)", name, number, version.sha256[:16])
            while len(entry.versions) > KEPT_VERSIONS:
                await self._forget(entry.versions.pop(0))
            return version

    async def roll_back(self, name: str, number: int) -> Version:
        """Have a version that is kept answer again."""
        async with self._turn:
            version = self._entries[name].current = self.version(name, number)
            log.info("%s: version %d answers again", name, number)
            return version

    async def reload_all(self) -> None:
        """Load every model anew; one that cannot be is told, and its old version stays."""
        for name in self._entries:
            with contextlib.suppress(FrostlineError, Refusal):
                await self.load(name)

    async def revive(self) -> None:
        """Tell a new process all versions that are kept; one that is damaged by now is given up."""
        async with self._turn:
            for entry in self._entries.values():
                for version in list(entry.versions):
                    try:
                        await self._reading.aside("load", model=version.key, folder=str(version.folder), **self._how())
                    except FrostlineError as error:
                        log.error("%s: version %d is lost: %s", version.name, version.number, printable(str(error)))  # noqa: TRY400
                        entry.versions.remove(version)
                        if entry.current is version:
                            entry.current = entry.versions[-1] if entry.versions else None
        log.warning("the process that reads was replaced")

    async def ready(self) -> bool:
        """Whether every model answers a sentence in time, to the bits that it gave when loaded; tried once a second."""
        at, was = self._ready
        if not self._reading.is_up:
            return False
        if time.monotonic() - at > 1.0:
            self._ready = time.monotonic(), was  # others who ask meanwhile get what was
            was = await self._answers_canary()
            self._ready = time.monotonic(), was
        return was

    def close(self) -> None:
        """Remove what was kept."""
        if self._kept is not None:
            shutil.rmtree(self._kept, ignore_errors=True)

    async def _answers_canary(self) -> bool:
        for name in self._entries:
            try:
                version = self.version(name)
                async with asyncio.timeout(_CANARY_S):
                    [said] = await self._reading.answers(version.key, [CANARY], queue_s=_CANARY_S)
            except (Refusal, TimeoutError):
                return False
            if not isinstance(said, Answer) or said.probabilities != version.canary:
                return False
        return True

    def _how(self) -> dict[str, object]:
        return {"encoder": self._encoder, "fetch": self._may_fetch}

    def _of(self, name: str) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            raise Refusal(404, "unknown_model", "There is no model of this name.")
        return entry

    async def _loaded(self, named: Named, number: int, kept: Path) -> Version:
        """Have the process load the files in `kept`, and answer a sentence."""
        key = f"{named.name}@{number}"
        try:
            facts = await self._reading.aside("load", model=key, folder=str(kept), **self._how())
            [said] = await self._reading.answers(key, [CANARY], queue_s=self._limits.hang_s)
        except FrostlineError as error:
            shutil.rmtree(kept, ignore_errors=True)
            error.message = error.message.replace(str(kept), str(named.folder))
            raise
        if not isinstance(said, Answer):
            raise starting() if said.status == 503 else MissingInputError(f"{named.folder}: {said.message}")
        self.measured_speed = facts["speed"] or self.measured_speed
        return Version(
            name=named.name,
            number=number,
            key=key,
            folder=kept,
            labels=tuple(facts["labels"]),
            is_sets=facts["is_sets"],
            sha256=facts["sha256"],
            encoder=facts["encoder"],
            features=facts["features"],
            max_length=facts["max_length"],
            has_neighbours=facts["has_neighbours"],
            answer_from=facts["answer_from"],
            canary=said.probabilities,
            loaded_at=time.time(),
        )

    async def _forget(self, version: Version) -> None:
        with contextlib.suppress(Refusal):
            await self._reading.aside("unload", model=version.key)
        await asyncio.to_thread(shutil.rmtree, version.folder, ignore_errors=True)


def _copied(folder: Path, kept: Path) -> Path:
    """The files of `folder` under `kept` too, whatever becomes of the first; links of a stranger stay links."""
    if not folder.exists():
        raise MissingInputError(f"There is no saved model at {folder}.", hint=meant_model(folder))
    if not folder.is_dir():
        raise MissingInputError(f"{folder} is a file, not a saved model.", hint="Name the folder that train has made.")
    shutil.rmtree(kept, ignore_errors=True)
    try:
        shutil.copytree(folder, kept, symlinks=True, copy_function=_copy)
    except OSError as error:  # shutil's own has no number, and stands for links and times
        shutil.rmtree(kept, ignore_errors=True)
        raise storage_error(error, kept) from error
    except FrostlineError:
        shutil.rmtree(kept, ignore_errors=True)
        raise
    return kept


def _copy(source: str, target: str) -> None:
    """Copy a file; where the file system can, bytes are shared until one of the two changes, at no cost."""
    kind = Path(source).lstat().st_mode
    if not stat.S_ISREG(kind) and not stat.S_ISLNK(kind):
        raise InputError(f"{source} must be a plain file.")  # to read another may take for ever
    if sys.platform == "linux" and stat.S_ISREG(kind):
        with contextlib.suppress(OSError), Path(source).open("rb") as given, Path(target).open("wb") as taken:
            fcntl.ioctl(taken, _FICLONE, given.fileno())
            return
    try:
        shutil.copyfile(source, target, follow_symlinks=False)
    except OSError as error:
        if error.filename == source:
            raise AccessError(f"{source}: cannot be read ({error.strerror}).") from error
        raise storage_error(error, Path(target)) from error


def _exchange(folder: Path, other: Path) -> None:
    """Let each of two folders be called as the other was."""
    aside = other.with_name(f"{other.name}~")
    folder.rename(aside)
    other.rename(folder)
    aside.rename(other)
