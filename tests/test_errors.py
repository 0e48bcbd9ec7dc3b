"""What an error is worth to a program, and how a stranger's words are shown in one."""

import re
from pathlib import Path

import pytest

import frostline
from frostline import errors
from frostline.errors import FrostlineError, InputError, pasteable, printable, shown


@pytest.mark.parametrize(
    ("name", "exit_code", "http_status", "builtin"),
    [
        ("UsageError", 2, 400, ValueError),
        ("InputError", 65, 422, ValueError),
        ("TextTypeError", 65, 422, TypeError),
        ("ArtifactCorrupt", 65, 422, ValueError),
        ("MissingInputError", 66, 404, Exception),
        ("UnavailableError", 69, 503, Exception),
        ("BackendError", 70, 500, Exception),
        ("ConvergenceError", 70, 500, Exception),
        ("OutputError", 73, 500, Exception),
        ("StorageError", 74, 507, Exception),
        ("RetryError", 75, 503, Exception),
        ("AccessError", 77, 403, Exception),
        ("FrostlineError", 70, 500, Exception),
    ],
)
def test_each_error_has_this_code(name: str, exit_code: int, http_status: int, builtin: type[Exception]) -> None:
    """Scripts and servers rely on them."""
    kind = getattr(errors, name)
    assert (kind.exit_code, kind.http_status) == (exit_code, http_status)
    assert issubclass(kind, FrostlineError)
    assert issubclass(kind, builtin)
    assert str(kind("It must be so.", hint="Do this.")) == "It must be so. Do this."
    assert str(kind("It must be so.")) == "It must be so."
    assert kind("It must be so.", hint="Do this.").args == ("It must be so.",)


@pytest.mark.parametrize(
    ("value", "limit", "seen"),
    [
        ("word", 60, "'word'"),
        ("x" * 60, 60, "'" + "x" * 60 + "'"),
        ("x" * 61, 60, "'" + "x" * 59 + "…'"),
        ("abcd", 3, "'ab…'"),
        ("a\nb", 60, r"'a\nb'"),
        ("\x1b[31m\u202e", 60, r"'\x1b[31m\u202e'"),
        ("\x1b" * 5, 3, r"'\x1b\x1b…'"),
        ("été", 60, "'été'"),
        ("it's", 60, '"it\'s"'),
        (5, 60, "'5'"),
        (None, 60, "'None'"),
        ([1], 60, "'[1]'"),
    ],
)
def test_a_value_is_shown_quoted_escaped_and_cut(value: object, limit: int, seen: str) -> None:
    assert shown(value, limit) == seen


@pytest.mark.parametrize(
    ("words", "seen"),
    [("été 'x'", "été 'x'"), ("a\x1b[2Jb", r"a\x1b[2Jb"), ("a\nb\u2028", r"a\nb\u2028"), ("é\t", r"é\t"), ("", "")],
)
def test_words_for_a_terminal_escape_only_what_steers_it(words: str, seen: str) -> None:
    assert printable(words) == seen


def test_an_error_as_a_string_steers_no_terminal_either() -> None:
    """As a notebook shows it; the parts stay as they are for whoever handles them."""
    error = InputError("a\x1b[2J\n", hint="b\u200e")
    assert (str(error), error.message) == (r"a\x1b[2J\n b\u200e", "a\x1b[2J\n")


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("a.tsv", "a.tsv"),
        ("my file", "'my file'"),
        ("a'b$", """'a'"'"'b$'"""),
        ("a\x1b b'\\", r"$'a\x1b b\'\\'"),
        ("-a", "./-a"),
        ("", "''"),
    ],
)
def test_a_path_in_advice_can_be_pasted(path: str, seen: str) -> None:
    assert pasteable(Path(path) if path else path) == seen


def test_every_path_in_advice_is_quoted() -> None:
    """A command in a message takes what it names through `pasteable`; those listed are quoted where they are made."""
    quoted = {"file", "first", "hub_id", "known.made_from", "os.geteuid()"}
    command = re.compile(
        r"\b(?:frostline [a-z]+|mkdir|chmod|chown|cp|mv|rm|cat|echo)\b[^\"'\n]*?\{(?!pasteable|shlex)([^}]*)\}"
    )
    found = {
        (path.name, *match.groups())
        for path in Path(frostline.__file__).parent.rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if 'f"' in line or "f'" in line
        for match in command.finditer(line)
    }
    assert {name for _, name in found} == quoted, found
