"""How a server is told to be: its address, its keys, its limits."""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import final

from frostline.disk import storage_error
from frostline.errors import InputError, UsageError, shown

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LEAST_KEY = 16
_MOST = 10**9


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request, one connection and all together may cost."""

    body_bytes: int = 2_000_000
    texts: int = 32  # Of one request
    characters: int = 100_000  # Of one text
    header_bytes: int = 16_384
    header_fields: int = 100
    header_s: float = 10.0
    body_s: float = 20.0
    idle_s: float = 75.0  # Longer than balancers and clients keep one (60 s), so that it is they who end it
    connections: int = 512
    queue_s: float = 1.0  # How long a text may wait before it is read
    explain_s: float = 20.0  # To answer why
    start_s: float = 30.0  # For the process that reads to give a sign of life
    hang_s: float = 10.0  # Without an answer for so long, the process that reads is replaced
    drain_s: float = 8.0  # To answer what was accepted, after a signal to stop; a busy machine needs two for its end

    @classmethod
    def of(cls, settings: Sequence[str]) -> "Limits":
        """The defaults, with what `NAME=VALUE` says otherwise."""
        kinds = {one.name: float if isinstance(one.default, float) else int for one in fields(cls)}
        told: dict[str, int | float] = {}
        for setting in settings:
            name, _, value = setting.partition("=")
            if name not in kinds:
                raise UsageError(f"A limit must be one of {', '.join(kinds)} (got {shown(name)}).")
            try:
                told[name] = kinds[name](value)
            except ValueError:
                told[name] = 0
            if not 0 < told[name] < _MOST:
                raise UsageError(f"{name} must be above 0, such as {getattr(cls(), name):g} (got {shown(value)}).")
        return replace(cls(), **told)  # type: ignore[arg-type]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A model to serve: its name on the wires, and where it lies."""

    name: str
    folder: Path

    @classmethod
    def of(cls, argument: str) -> "Named":
        """`FOLDER`, whose last part is the name; or `NAME=FOLDER`. Of the hub's `owner/name@revision`: `name`."""
        name, equals, folder = argument.partition("=")
        if not (equals and NAME.fullmatch(name)):
            name, folder = "", argument
        path = Path(folder)
        is_here = path.exists()
        name = name or (path.resolve().name if is_here else path.name.partition("@")[0])
        if NAME.fullmatch(name) is None:
            raise UsageError(
                f"A model's name must consist of letters, digits, dots, dashes and underscores (got {shown(name)}).",
                hint=f"Name it: NAME={shown(folder)}",
            )
        return cls(name=name, folder=path)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Digests of the keys that open the door; none: it stands open."""

    digests: tuple[bytes, ...] = ()

    @classmethod
    def read(cls, path: Path | None, variable: str) -> "Keys":
        """Keys out of a file, one a line, or out of the environment; `variable` is what it holds."""
        if path is None:
            return cls(digests=tuple(_digest(key, "the environment") for key in variable.split()))
        try:
            lines = path.read_text("utf-8").split()
        except OSError as error:
            raise storage_error(error, path) from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: keys must be UTF-8.") from error
        if not lines:
            raise InputError(f"{path}: there must be a key in it, of {LEAST_KEY} characters or more.")
        return cls(digests=tuple(_digest(key, str(path)) for key in lines))

    def open_for(self, given: bytes) -> bool:
        """Whether `given` is one of them; takes the same time whichever character is wrong."""
        digest = hashlib.sha256(given).digest()
        return any([hmac.compare_digest(digest, known) for known in self.digests])  # noqa: C419 - all are compared

    def __bool__(self) -> bool:
        return bool(self.digests)


def _digest(key: str, where: str) -> bytes:
    if len(key) < LEAST_KEY:
        raise InputError(
            f"A key must have at least {LEAST_KEY} characters (one in {where} has {len(key)}).",
            hint="Make one: head -c 32 /dev/urandom | base64",
        )
    return hashlib.sha256(key.encode()).digest()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """All that a server is told."""

    models: tuple[Named, ...]
    host: str = "127.0.0.1"
    port: int = 8000
    keys: Keys = Keys()
    admin: Keys = Keys()
    hosts: tuple[str, ...] = ()  # Names under which it may be asked, beside its own
    threads: int | None = None  # That read; one per core unless told
    encoder: str | None = None
    may_fetch: bool = False
    telemetry: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        names = [model.name for model in self.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(
                f"Each model must have a name of its own ({twice[0]} is there twice).",
                hint="Name them: NAME=FOLDER",
            )
        if not self.is_loopback and not self.keys:
            raise UsageError(
                f"Whoever reaches {self.host} from elsewhere must have a key, and there is none.",
                hint="Pass --key-file FILE, or set FROSTLINE_KEY.",
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
