"""The tree of errors: one class per thing a caller can do about it.

Every error that Frostline raises on purpose is a `FrostlineError`. Its message says what must hold, what was
found and where; its hint says what to do. The command line prints both and leaves with `exit_code` (the numbers
are those of sysexits.h); a server answers with `http_status`.

    FrostlineError
    ├── UsageError            2    the command or call itself is wrong
    ├── InputError           65    data that cannot be used (also a ValueError)
    │   ├── TextTypeError    65    something that is not text where text belongs (also a TypeError)
    │   └── ArtifactCorrupt  65    a saved classifier that is damaged, forged or too new
    ├── MissingInputError    66    a file or folder that is not there
    ├── UnavailableError     69    a hub, a download or an optional package out of reach
    │   └── ConsentError     69    something would have to be fetched from elsewhere: allow it
    ├── BackendError         70    the encoder or the solver failed
    │   └── ConvergenceError 70    a logistic regression that did not reach its tolerance
    ├── OutputError          73    an output that cannot be created
    ├── StorageError         74    reading or writing failed half-way: disk full, I/O error
    ├── RetryError           75    nothing is wrong; try again
    └── AccessError          77    not permitted, or a folder that others could write to
"""

import re
import shlex
from collections.abc import Sequence
from typing import ClassVar

__all__ = [
    "AccessError",
    "ArtifactCorrupt",
    "BackendError",
    "ConsentError",
    "ConvergenceError",
    "FrostlineError",
    "InputError",
    "MissingInputError",
    "OutputError",
    "RetryError",
    "StorageError",
    "TextTypeError",
    "UnavailableError",
    "UsageError",
    "in_python",
    "listed",
    "pasteable",
    "printable",
    "shown",
    "word_of_shell",
]


class FrostlineError(Exception):
    """The root of the tree; never raised itself.

    Parameters
    ----------
    message : str
        What must hold, what was found, and where.
    hint : str, optional
        What to do about it: one or two sentences.
    """

    exit_code: ClassVar[int] = 70
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return printable(in_python(f"{self.message} {self.hint}".rstrip()))  # who asks on a terminal has both apart


class UsageError(FrostlineError, ValueError):
    """The command or call itself is wrong: an unknown option value, two options that exclude each other."""

    exit_code = 2
    http_status = 400


class InputError(FrostlineError, ValueError):
    """Data that cannot be used: a malformed row, one class only, an empty file."""

    exit_code = 65
    http_status = 422


class TextTypeError(InputError, TypeError):
    """Something that is not text where text belongs; its position is named."""


class ArtifactCorrupt(InputError):  # noqa: N818 - it names a state, as FAULTS and the formats do
    """A saved classifier that is damaged, forged, or of a newer format."""


class MissingInputError(FrostlineError):
    """A file or folder that is not there."""

    exit_code = 66
    http_status = 404


class UnavailableError(FrostlineError):
    """Something outside is out of reach: a hub, a download, an optional package."""

    exit_code = 69
    http_status = 503


class ConsentError(UnavailableError):
    """Something would have to be fetched from elsewhere, and nobody has allowed it yet."""


class BackendError(FrostlineError):
    """The encoder's runtime or the solver failed on data that looked right."""

    exit_code = 70
    http_status = 500


class ConvergenceError(BackendError):
    """A logistic regression did not reach its tolerance."""


class OutputError(FrostlineError):
    """An output that cannot be created: it exists already, or its folder does not."""

    exit_code = 73
    http_status = 500


class StorageError(FrostlineError):
    """Reading or writing failed half-way: the disk is full, the device answered with an error."""

    exit_code = 74
    http_status = 507


class RetryError(FrostlineError):
    """Nothing is wrong with the input; the same command may succeed later."""

    exit_code = 75
    http_status = 503


class AccessError(FrostlineError):
    """Not permitted, or a folder that other users could write to."""

    exit_code = 77
    http_status = 403


def shown(value: object, limit: int = 60) -> str:
    """`value` as it may stand in a message: quoted, control characters escaped, cut to about `limit` characters.

    A user's text can hold terminal escapes and line breaks; none of them may reach a terminal or a log.
    """
    text = value if isinstance(value, str) else repr(value)
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return ascii(cut).replace("\\u2026", "…") if not cut.isprintable() else repr(cut)


def pasteable(path: object) -> str:
    """`path` as it may be pasted into a shell: quoted where it must be, no option, and nothing steers a terminal."""
    return word_of_shell(f"./{path}" if str(path).startswith("-") else str(path))


def word_of_shell(word: str) -> str:
    """`word` as a shell reads it; what is not printable is written as bash and zsh read it, byte by byte."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(c if c.isprintable() else _bytes_of_shell(c) for c in escaped) + "'"


def _bytes_of_shell(letter: str) -> str:
    how = "surrogateescape" if "\udc80" <= letter <= "\udcff" else "surrogatepass"  # a byte of a path that is no UTF-8
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", how))


def listed(values: Sequence[object], most: int = 5) -> str:
    """The first `most` of them as `shown` has them, and how many more there are."""
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(map(shown, values[:most])) + more


def printable(words: str) -> str:
    """`words` for a terminal: as they are, but for controls, line breaks and changes of direction, which are escaped.

    A message is ours, and yet the name of a file in it may be anybody's.
    """
    return words if words.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)


_OPTION = re.compile(
    r"(?P<kept>(?:frostline (?!train FILE)|pip install)[^;]*)"
    r"|frostline train FILE --out FOLDER|frostline train FILE --encoder (?P<encoder>\S+)"
    r"|--(?P<name>[a-z][a-z-]*[a-z])"
    r"(?: (?P<value>[A-Z]+\b|[\w.+/-]*[\d@=/][\w@=+/-]*(?:\.\d+)?|words\b|auto\b|cpu\b|torch\b|float32\b))?"
)
_PARAMETERS = {
    "holdout": "test_fraction",
    "folds": "n_folds",
    "yes": "fetch",
    "keep-near-copies-together": "near_together",
    "keep-neighbours": "neighbours",
    "checkpoints": "FineTune.folder",
    "rate": "FineTune.rate",
}
_FLAGS = {"overwrite", "strict", "public", "yes", "nested", "keep-near-copies-together"}


def in_python(words: str) -> str:
    """`words` for who asked in Python: options as parameters, `--max-length 512` as `max_length=512`."""
    return _OPTION.sub(_parameter, words) if "--" in words or "frostline train" in words else words


def _parameter(found: "re.Match[str]") -> str:
    if found["kept"]:
        return found[0]
    if found["encoder"]:
        return f"SentenceClassifier({found['encoder']!r})"
    name, value = found["name"], found["value"]
    if name is None:
        return "SentenceClassifier().fit(texts, labels).save(FOLDER)"
    parameter = _PARAMETERS.get(name, name.replace("-", "_"))
    if value is None:
        return f"{parameter}=True" if name in _FLAGS else parameter
    is_literal = value.isupper() or re.fullmatch(r"[\d.]+", value)
    return f"{parameter}={value if is_literal else repr(value)}"
