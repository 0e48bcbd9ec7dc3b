"""Which precision an encoder is opened in: what the processor can do, what is kept, what is said."""

import copy
import dataclasses
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from encoder_fakes import make_checkpoint
from frostline.encoder import encoder as opening
from frostline.encoder import int8 as exact
from frostline.encoder import precision, session
from frostline.encoder.encoder import Encoder
from frostline.encoder.precision import PrecisionWarning, int8_instruction, why_not_int8
from frostline.errors import BackendError, UsageError
from frostline.machine import Machine, this_machine

TEXTS = ["good film", "bad film", "a b c d e f", "", "日本", "?!", "b " * 60]


def machine_with(*instructions: str) -> Machine:
    return dataclasses.replace(this_machine(), processor="Test 1", instructions=instructions)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    return str(make_checkpoint(tmp_path / "encoder"))


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor with VNNI, as far as the system tells."""
    monkeypatch.setattr(precision, "this_machine", lambda: machine_with("avx2", "avx512_vnni"))


@pytest.fixture
def unable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "this_machine", lambda: machine_with("avx2", "fma", "avx512f"))


@pytest.mark.parametrize("name", ["avx512_vnni", "avx_vnni", "asimddp"])
def test_each_instruction_for_int8_is_enough(name: str) -> None:
    assert int8_instruction(machine_with("avx2", name)) == name
    assert why_not_int8(machine_with(name)) is None


@pytest.mark.parametrize("instructions", [(), ("avx2", "fma", "avx512f", "avx512_bf16"), ("asimd", "bf16")])
def test_a_processor_of_which_nothing_is_known_has_none(instructions: tuple[str, ...]) -> None:
    """Windows, or a system that hides it: fail closed."""
    assert int8_instruction(machine_with(*instructions)) is None
    assert "Test 1" in str(why_not_int8(machine_with(*instructions)))


@pytest.mark.usefixtures("unable")
def test_int8_without_the_instruction_is_float32_and_says_so(folder: str) -> None:
    with pytest.warns(PrecisionWarning, match=r"float32 is used instead of int8\. .*Test 1.*avx512_vnni") as told:
        encoder = Encoder.open(folder, precision="int8")
    assert len(told) == 1
    assert encoder.identity == Encoder.open(folder).identity
    assert (encoder.encode(TEXTS).rows == Encoder.open(folder).encode(TEXTS).rows).all()


@pytest.mark.usefixtures("able")
def test_int8_rows_are_another_encoder_s(folder: str) -> None:
    """Another fingerprint, so that the store and an artifact never mix them with those of float32."""
    int8, float32 = Encoder.open(folder, precision="int8"), Encoder.open(folder)
    assert (int8.identity.precision, float32.identity.precision) == ("int8", "float32")
    assert int8.identity.fingerprint() != float32.identity.fingerprint()
    near, exact = int8.encode(TEXTS).rows, float32.encode(TEXTS).rows
    assert 0 < np.linalg.norm(near - exact) <= 0.05 * np.linalg.norm(exact)


@pytest.mark.usefixtures("unable")
def test_insisting_gives_the_same_rows_on_any_processor(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        insisted = Encoder.open(folder, precision="int8", insist=True)
    monkeypatch.setattr(precision, "this_machine", lambda: machine_with("avx_vnni"))
    able = Encoder.open(folder, precision="int8")
    assert insisted.identity == able.identity
    assert (insisted.encode(TEXTS).rows == able.encode(TEXTS).rows).all()


@pytest.mark.usefixtures("able")
def test_one_thread_or_three_read_the_same_int8_rows(folder: str) -> None:
    texts = [" ".join("abcdefghij"[: n % 9 + 1]) + " film" * (n % 4) for n in range(200)]
    one = Encoder.open(folder, precision="int8", threads=1).encode(texts).rows
    three = Encoder.open(folder, precision="int8", threads=3).encode(texts).rows
    alone = np.concatenate(
        [Encoder.open(folder, precision="int8", threads=1).encode([text]).rows for text in texts[:9]]
    )
    assert (one == three).all()
    assert (one[:9] == alone).all()


@pytest.mark.usefixtures("able")
def test_a_pickled_int8_encoder_comes_back_in_int8(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor without the instruction too."""
    encoder = Encoder.open(folder, precision="int8")
    content = pickle.dumps(encoder)
    monkeypatch.setattr(precision, "this_machine", lambda: machine_with("avx2"))
    again = pickle.loads(content)  # noqa: S301 - our own
    assert again.identity == encoder.identity
    assert copy.deepcopy(encoder) is encoder


@pytest.mark.usefixtures("able")
def test_a_second_opening_makes_no_weights_anew(folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One file of int8 weights serves all features."""
    first = Encoder.open(folder, precision="int8", features="cls@-1")
    monkeypatch.setattr("frostline.encoder.int8.build_weights", lambda _: pytest.fail("built again"))
    again = Encoder.open(folder, precision="int8", features="cls@-1+mean@all")
    assert (again.encode(TEXTS).rows[:, :16] == first.encode(TEXTS).rows).all()
    assert len(list((tmp_path / "home" / "graphs").glob("*.int8"))) == 1


@pytest.mark.usefixtures("able")
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "digest"])
def test_damaged_int8_weights_are_made_anew_with_one_warning(damage: str, folder: str, tmp_path: Path) -> None:
    first = Encoder.open(folder, precision="int8").encode(TEXTS).rows
    (path,) = (tmp_path / "home" / "graphs").glob("*.int8")
    whole = path.read_bytes()
    at = len(whole) // 2
    path.write_bytes(
        {
            "cut": whole[:at],
            "flip": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
            "empty": b"",
            "digest": whole[:64] + b" " + whole[65:],
        }[damage]
    )
    with pytest.warns(UserWarning, match="is damaged; the int8 weights are built anew") as told:
        again = Encoder.open(folder, precision="int8")
    assert len(told) == 1
    assert (again.encode(TEXTS).rows == first).all()
    assert path.read_bytes() == whole


@pytest.mark.usefixtures("able")
def test_a_processor_that_sums_wrongly_is_refused(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it says of itself."""
    monkeypatch.setattr(exact, "is_exact", lambda *_: False)
    with pytest.raises(BackendError, match="must be exact"):
        Encoder.open(folder, precision="int8")


@pytest.mark.usefixtures("able")
def test_the_form_that_is_exact_is_taken(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def is_exact(form: str, _: object) -> bool:
        asked.append(form)
        return form == "unsigned"

    monkeypatch.setattr(exact, "is_exact", is_exact)
    Encoder.open(folder, precision="int8")
    assert asked == ["signed", "unsigned"]


@pytest.mark.parametrize(
    ("asked", "words"), [("auto", "float32 or int8 or int7 or bfloat16 .got 'auto'"), ("int4", "got 'int4'")]
)
def test_another_precision_is_refused_with_what_there_is(asked: str, words: str, folder: str) -> None:
    with pytest.raises(UsageError, match=words):
        Encoder.open(folder, precision=asked)  # type: ignore[arg-type]  # what a user may write


def test_float32_looks_at_no_processor(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening costs nothing that it did not cost before."""
    monkeypatch.setattr(opening, "why_not_int8", lambda: pytest.fail("looked"))
    monkeypatch.setattr("frostline.encoder.int8.exact_form", lambda _: pytest.fail("tried"))
    assert Encoder.open(folder).identity.precision == "float32"


def test_what_was_built_first_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of built graphs never grows beyond its limit, and the newest file stays whatever its size."""
    monkeypatch.setattr(session, "KEPT_LIMIT_BYTES", 1000)
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "graphs"
    for number in range(9):
        session.kept_file(folder, f"{number}", lambda: b"x" * 300, kind="int8")
    assert sorted(path.stem for path in folder.iterdir()) == ["7", "8"]
    session.kept_file(folder, "9", lambda: b"x" * 3000)
    assert [path.name for path in folder.iterdir()] == ["9.graph"]


@pytest.mark.parametrize("precision_asked", ["float32", "int8"])
def test_a_second_start_imports_nothing_that_only_the_first_needs(precision_asked: str, folder: str) -> None:
    """Up to the first vector: no onnx, no search, no network. A start pays for every import."""
    program = (
        "import sys; from frostline.encoder.encoder import Encoder\n"
        f"rows = Encoder.open({folder!r}, precision={precision_asked!r}, insist=True).encode(['good film']).rows\n"
        "print(*(name for name in sys.argv[1:] if name in sys.modules))"
    )
    heavy = ("onnx", "google.protobuf", "sklearn", "scipy", "pandas", "pyarrow", "huggingface_hub", "requests", "click")
    runs = [
        subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout.split()[:1] == ["onnx"]
    assert runs[1].stdout.split() == []
