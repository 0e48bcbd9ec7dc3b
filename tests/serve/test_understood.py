"""What each wire understands of a body, and each refusal of it, without a server; what may wait; the limits as said."""

import asyncio
import errno
import json
import math
import os
import struct
from array import array
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from frostline.errors import FrostlineError, InputError, UnavailableError, UsageError
from frostline.serve.admission import Admission
from frostline.serve.bodies import object_in, refuse_others, texts_in, wrong
from frostline.serve.described import _BODIES, described
from frostline.serve.models import Models, _copied
from frostline.serve.options import Limits, Named
from frostline.serve.reading import Answer, Fault, starting
from frostline.serve.refusals import Refusal, overloaded
from frostline.serve.wires import hugging_face, mlflow, open_inference, tei
from goldens import compare_json
from serve_processes import SEVERAL

GOLDEN = Path(__file__).parent / "golden"


def refused(call: Any, *arguments: Any) -> tuple[int, str, str, str]:
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    found = caught.value
    return found.status, found.code, found.message, found.pointer


def test_a_process_that_ends_while_it_loads_for_the_first_time_is_told() -> None:
    async def ended(*_: object, **__: object) -> None:
        raise starting()

    reading: Any = SimpleNamespace(aside=ended)
    models = Models(
        [Named(name="m", folder=SEVERAL)], reading, encoder=None, may_fetch=False, limits=Limits(start_s=7.0)
    )
    with pytest.raises(UnavailableError) as caught:
        asyncio.run(models.open_all())
    models.close()
    assert caught.value.message == "The process that reads ended, or gave no sign of life, while it loaded m."
    assert caught.value.hint == "A slow machine may need more than 7 s: --limit start_s=SECONDS."


def test_ready_is_who_answers_the_bits_of_its_loading() -> None:
    """A last bit that differs is a process that computes otherwise than the one that was tested."""
    shares = array("d", [0.25, 0.75])
    other = array("d", [math.nextafter(0.25, 1.0), 0.75])
    said: list[Answer | Fault] = []

    async def answers(*_: object, **__: object) -> list[Answer | Fault]:
        return said

    reading: Any = SimpleNamespace(is_up=True, answers=answers)
    models = Models([Named(name="m", folder=SEVERAL)], reading, encoder=None, may_fetch=False, limits=Limits())
    version: Any = SimpleNamespace(key="m@1", canary=shares)
    models._entries["m"].current = version
    found = []
    for one in (Answer([1], True, False, 7, shares), Answer([1], True, False, 7, other), Fault(500, "no")):
        said[:] = [one]
        found.append(asyncio.run(models._answers_canary()))
    assert found == [True, False, False]


def test_a_folder_is_copied_whole_or_not_at_all(tmp_path: Path) -> None:
    """Links stay links; what is no plain file is not waited for; where there is no room, that is said."""
    folder, kept = tmp_path / "model", tmp_path / "kept"
    (folder / "encoder").mkdir(parents=True)
    (folder / "encoder" / "graph").write_bytes(b"abc")
    (folder / "away").symlink_to(tmp_path / "nowhere")
    _copied(folder, kept)
    (folder / "encoder" / "graph").write_bytes(b"xyz")
    assert (kept / "encoder" / "graph").read_bytes() == b"abc"
    assert (kept / "away").readlink() == tmp_path / "nowhere"
    os.mkfifo(folder / "pipe")
    with pytest.raises(InputError) as caught:
        _copied(folder, kept)
    assert caught.value.message == f"{folder / 'pipe'} must be a plain file."
    assert not kept.exists()


@pytest.mark.parametrize(
    ("number", "at", "message"),
    [
        (errno.ENOSPC, "kept", "kept/head: writing failed (No space left on device)."),
        (errno.EACCES, "model", "model/head: cannot be read (Permission denied)."),
    ],
)
def test_what_keeps_a_folder_from_being_copied_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, at: str, message: str
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "head").write_bytes(b"abc")

    def copyfile(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path / at / "head"))

    monkeypatch.setattr("frostline.serve.models._FICLONE", 0)  # of no file system
    monkeypatch.setattr("frostline.serve.models.shutil.copyfile", copyfile)
    with pytest.raises(FrostlineError) as caught:
        _copied(tmp_path / "model", tmp_path / "kept")
    assert caught.value.message == f"{tmp_path}/{message}"


def test_the_limits_are_these() -> None:
    compare_json(GOLDEN / "limits.json", asdict(Limits()))


def test_every_route_is_described_as_it_was() -> None:
    paths = [*_BODIES, "/healthz", "/version", "/v1/models", "/v1/models/{name}/card", "/v2/models/{name}/ready"]
    methods = {path: "POST" if path in _BODIES else "GET" for path in paths}
    compare_json(GOLDEN / "described.json", {path: described(path, method) for path, method in methods.items()})


# ---- what may wait --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("speed", "queue_s", "limit"), [(1000.0, 1.0, 700.0), (10.0, 1.0, 512.0), (0.0, 2.0, 14_000.0)]
)
def test_what_is_read_in_seven_tenths_of_the_deadline_may_wait(speed: float, queue_s: float, limit: float) -> None:
    assert Admission(queue_s=queue_s, most=100, speed=speed).limit == limit


def test_work_is_guessed_from_bytes_up_to_what_a_request_can_cost() -> None:
    admission = Admission(queue_s=1, most=100)
    assert [admission.work_of(n) for n in (0, 3, 4, 391, 392, 10_000)] == [2, 2, 3, 99, 100, 100]


def test_work_up_to_the_limit_is_let_in_and_a_request_alone_always() -> None:
    admission = Admission(queue_s=1, most=10_000, speed=1000)
    admission.enter(800)
    admission.leave(800)
    admission.enter(300)
    admission.enter(400)
    assert refused(admission.enter, 1) == (
        503,
        "overloaded",
        "There is too much to do just now: try again in a second.",
        "",
    )
    assert admission.waiting == 700


def test_speed_follows_what_is_seen_within_about_a_second() -> None:
    admission = Admission(queue_s=1, most=100, threads=2, speed=1000)
    admission.saw(0, 1.0)
    admission.saw(100, 0.0)
    assert admission.speed == 2000
    admission.saw(100, 0.05)
    assert admission.speed == pytest.approx(2000 + 0.05 * (4000 - 2000))
    admission.saw(100, 10.0)
    assert admission.speed == 20.0


# ---- MLflow ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given", "texts"),
    [
        ("inputs", "one", ["one"]),
        (
            "instances",
            ["one", ["two"], {"text": "three", "id": "4"}, {"only": "four"}],
            ["one", "two", "three", "four"],
        ),
        ("inputs", {"text": ["one"], "other": [1]}, ["one"]),
        ("dataframe_split", {"columns": ["id", "text"], "data": [["1", "one"], ["2", "two"]]}, ["one", "two"]),
        ("dataframe_split", {"columns": ["only"], "data": []}, []),
    ],
)
def test_mlflow_is_understood(kind: str, given: Any, texts: list[str]) -> None:
    assert mlflow._texts(kind, given)[0] == texts


@pytest.mark.parametrize(
    ("kind", "given", "message", "pointer"),
    [
        ("dataframe_split", [], "/dataframe_split must be an object (got a list).", "/dataframe_split"),
        (
            "dataframe_split",
            {"columns": ["text", 1], "data": []},
            "/dataframe_split/columns must be a list of strings (got a list).",
            "/dataframe_split/columns",
        ),
        (
            "dataframe_split",
            {"columns": ["text"], "data": 1},
            "/dataframe_split/data must be a list (got an integer).",
            "/dataframe_split/data",
        ),
        (
            "dataframe_split",
            {"columns": ["text"], "data": [["a"], ["a", "b"]]},
            "/dataframe_split/data/1 must be a list of 1 (got a list).",
            "/dataframe_split/data/1",
        ),
        ("instances", [["a", "b"]], "/instances/0 must be a string (got a list).", "/instances/0"),
        ("instances", 0.5, "/instances must be a list (got a number).", "/instances"),
        (
            "inputs",
            {"a": [], "b": []},
            "There must be one column, or one called text (got \"['a', 'b']\").",
            "/inputs",
        ),
    ],
)
def test_mlflow_is_refused(kind: str, given: Any, message: str, pointer: str) -> None:
    status, _, said, where = refused(mlflow._texts, kind, given)
    assert (status, said, where) == (422, message, pointer)


# ---- Open Inference -------------------------------------------------------------------------------------------------


def infer(**more: Any) -> dict[str, Any]:
    own = {"name": "in", "datatype": "BYTES", "shape": [2], "data": ["one", "two"]} | more.pop("own", {})
    return {"inputs": [{name: value for name, value in own.items() if value is not None}], **more}


BOTH = struct.pack("<I3sI3s", 3, b"one", 3, b"two")
BINARY = {"data": None, "parameters": {"binary_data_size": len(BOTH)}}


@pytest.mark.parametrize(
    ("body", "tail", "outputs"),
    [
        (infer(id="7"), b"", {"label": False, "probabilities": False}),
        (infer(own={"shape": [2, 1], "data": [["one"], "two"]}), b"", {"label": False, "probabilities": False}),
        (infer(own=BINARY, parameters={"binary_data_output": True}), BOTH, {"label": True, "probabilities": True}),
        (
            infer(parameters={"binary_data_output": False}, outputs=[{"name": "probabilities"}]),
            b"",
            {"probabilities": False},
        ),
        (
            infer(
                parameters={"binary_data_output": True},
                outputs=[{"name": "label", "parameters": {"binary_data": False}}, {"name": "probabilities"}],
            ),
            b"",
            {"label": False, "probabilities": True},
        ),
    ],
)
def test_open_inference_is_understood(body: dict[str, Any], tail: bytes, outputs: dict[str, bool]) -> None:
    head = json.dumps(body).encode()
    found = open_inference._asked(head + tail, str(len(head)) if tail else None)
    assert (found.id, found.texts, found.outputs) == (body.get("id"), ["one", "two"], outputs)


@pytest.mark.parametrize(
    ("body", "tail", "expected"),
    [
        ({}, b"", (422, "inputs", "There must be one input, which holds the texts.", "/inputs")),
        ({"inputs": [{}, {}]}, b"", (422, "inputs", "There must be one input, which holds the texts.", "/inputs")),
        (infer(id=7), b"", (422, "type", "/id must be a string (got an integer).", "/id")),
        (
            infer(own={"datatype": "FP32"}),
            b"",
            (422, "datatype", "Texts must be BYTES (got 'FP32').", "/inputs/0/datatype"),
        ),
        (
            infer(own={"shape": [2, 1, 1]}),
            b"",
            (422, "type", "/inputs/0/shape must be [n] or [n, 1] (got a list).", "/inputs/0/shape"),
        ),
        (
            infer(own={"shape": [True]}),
            b"",
            (422, "type", "/inputs/0/shape must be [n] or [n, 1] (got a list).", "/inputs/0/shape"),
        ),
        (
            infer(own={"shape": [1, 2]}),
            b"",
            (422, "shape", "The shape must be [n] or [n, 1] (got '[1, 2]').", "/inputs/0/shape"),
        ),
        (
            infer(own={"shape": [3]}),
            b"",
            (400, "shape", "There must be as many texts as the shape says (3; got 2).", ""),
        ),
        (infer(), b"x", (400, "tail", "There must be nothing after the JSON where no input is binary.", "")),
        (
            infer(own=BINARY),
            BOTH + b"x",
            (400, "binary_size", "binary_data_size must be 15, what follows the JSON.", ""),
        ),
        (
            infer(own=BINARY),
            BOTH[:-4] + b"\x04\0\0\0"[:4],
            (400, "binary", "Text 1 must end within the tensor.", ""),
        ),
        (
            infer(own=BINARY),
            BOTH[:-1] + b"\xff",
            (422, "text", "Text 1 must be UTF-8 (byte 2 is not).", ""),
        ),
        (
            infer(own={"data": "x"}),
            b"",
            (422, "type", "/inputs/0/data must be a list of strings (got a string).", "/inputs/0/data"),
        ),
        (
            infer(own={"data": ["a", 1]}),
            b"",
            (422, "type", "/inputs/0/data/1 must be a string (got an integer).", "/inputs/0/data/1"),
        ),
        (
            infer(outputs=[{"name": "label"}, 1]),
            b"",
            (422, "type", "/outputs must be a list of objects (got a list).", "/outputs"),
        ),
        (
            infer(outputs=[{"name": "label"}, {"name": "p"}]),
            b"",
            (422, "output", "An output must be label or probabilities (got 'p').", "/outputs/1"),
        ),
    ],
)
def test_open_inference_is_refused(body: dict[str, Any], tail: bytes, expected: tuple[int, str, str, str]) -> None:
    head = json.dumps(body).encode()
    assert refused(open_inference._asked, head + tail, str(len(head))) == expected


@pytest.mark.parametrize("header", ["-1", "x", "\u0663", "3", "9999999999"])
def test_a_header_longer_than_the_body_is_refused(header: str) -> None:
    assert refused(open_inference._asked, b"{}", header)[1:3] == (
        "header_length",
        "The header's length must be at most 2 (the body's).",
    )


def test_tensors_are_little_endian() -> None:
    assert open_inference._packed_floats([1.0, -0.5]) == struct.pack("<ff", 1, -0.5)
    assert open_inference._packed_texts(["é", ""]) == b"\x02\0\0\0\xc3\xa9\0\0\0\0"


# ---- text-embeddings-inference, Hugging Face ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a", (["a"], False)),
        (["a"], (["a"], False)),
        ([["a"], "b", ["c"]], (["a", "b", "c"], True)),
        ([], ([], True)),
    ],
)
def test_tei_is_understood(given: Any, expected: tuple[list[str], bool]) -> None:
    assert tei._texts(given) == expected


@pytest.mark.parametrize(
    ("given", "code", "message", "pointer"),
    [
        (1, "type", '/inputs must be a string, or a list of [text]: [["a"], ["b"]] (got an integer).', "/inputs"),
        (
            ["a", "b"],
            "pair",
            (
                "2 strings side by side are read as a pair here, and this model reads single texts: a batch is "
                '[["a"], ["b"]].'
            ),
            "/inputs",
        ),
        ([["a"], [1]], "type", "/inputs/1 must be a list of one string (got a list).", "/inputs/1"),
        ([["a"], 1], "type", "/inputs/1 must be a list of one string (got an integer).", "/inputs/1"),
    ],
)
def test_tei_is_refused(given: Any, code: str, message: str, pointer: str) -> None:
    assert refused(tei._texts, given) == (422, code, message, pointer)


def test_top_k_is_one_or_more() -> None:
    assert hugging_face._top_k(None) is None
    assert hugging_face._top_k(1) == 1
    assert refused(hugging_face._top_k, 0) == (
        422,
        "parameter",
        "top_k must be at least 1 (got 0).",
        "/parameters/top_k",
    )
    for value in (True, 1.0, "1"):
        assert refused(hugging_face._top_k, value)[2].startswith("/parameters/top_k must be an integer (got ")


# ---- what all share -------------------------------------------------------------------------------------------------


def test_fields_of_another_kind_are_told_by_name_and_kind() -> None:
    kinds: list[tuple[Any, str]] = [(None, "null"), (True, "true or false"), (1, "an integer"), (0.5, "a number")]
    for value, kind in [*kinds, ("", "a string"), ({}, "an object"), ([], "a list")]:
        assert wrong("/a", "b", value).message == f"/a must be b (got {kind})."
    assert wrong("", "an object", []).message == "The body must be an object (got a list)."
    assert object_in(None, "/a") == {}
    assert refused(object_in, [], "/a")[2] == "/a must be an object (got a list)."
    assert texts_in(["a"], "/t") == ["a"]
    assert refused(texts_in, ["a", 1], "/t")[2:] == ("/t/1 must be a string (got an integer).", "/t/1")
    refuse_others({"a": 1}, ["a"])
    assert refused(refuse_others, {"a": 1, "b/~": 1}, ["a"]) == (
        422,
        "field",
        "There must be no other fields than a (got 'b/~').",
        "/b~1~0",
    )


def test_a_refusal_says_all_that_programs_need() -> None:
    full = overloaded("Too much.")
    assert full.document("id") == {
        "error": "Too much.",
        "error_type": "overloaded",
        "code": "overloaded",
        "request_id": "id",
    }
    assert full.headers() == [(b"retry-after", b"1")]
    closing = Refusal(401, "key", "No.", pointer="/a", closes=True)
    assert closing.document("id")["pointer"] == "/a"
    assert closing.headers() == [(b"www-authenticate", b"Bearer"), (b"connection", b"close")]
    types = {499: "validation", 500: "backend"}
    assert {status: Refusal(status, "x", "").document("")["error_type"] for status in types} == types
    assert overloaded("", code="late").document("")["error_type"] == "overloaded"
    assert Refusal(503, "starting", "").document("")["error_type"] == "unhealthy"


@pytest.mark.parametrize(
    ("argument", "name", "folder"),
    [("models/a", "a", "models/a"), ("b=models/a", "b", "models/a"), ("x y=models/a", "a", "x y=models/a")],
)
def test_a_model_is_called_as_asked_or_as_its_folder(argument: str, name: str, folder: str) -> None:
    assert Named.of(argument) == Named(name=name, folder=Path(folder))


def test_a_name_that_cannot_stand_in_an_address_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^A model's name must consist of letters, digits.*got 'a b'") as caught:
        Named.of("a b")
    assert caught.value.hint == "Name it: NAME='a b'"
