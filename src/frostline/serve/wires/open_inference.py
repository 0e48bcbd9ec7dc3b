"""The Open Inference Protocol, version 2, with binary tensors: `tritonclient[http]`, KServe, MLServer.

The label of a text is BYTES: empty where the model abstains; of a model that gives sets, the set as a JSON list.
"""

import json
import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from starlette.requests import Request
from starlette.responses import Response

from frostline.errors import shown
from frostline.serve.bodies import JSON_TYPE, check_type, json_response, object_in, parsed, wrong
from frostline.serve.desk import Desk, Said
from frostline.serve.models import Version
from frostline.serve.reading import Answer
from frostline.serve.refusals import Refusal
from frostline.serve.wires.scores import given_labels
from frostline.version import __version__

_HEADER = "inference-header-content-length"
_OUTPUTS = {"label": "BYTES", "probabilities": "FP32"}
_LENGTH = struct.Struct("<I")


@final
@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that was understood."""

    id: str | None
    texts: list[str]
    outputs: dict[str, bool]  # Wanted, and whether in binary


@final
class OpenInference:
    """The routes under `/v2`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def server(self, request: Request) -> Response:  # noqa: ARG002 - a route
        """What the server is."""
        return json_response({"name": "frostline", "version": __version__, "extensions": ["binary_tensor_data"]})

    async def model(self, request: Request) -> Response:
        """What a model takes and gives."""
        version = self._version(request)
        kept = self._desk.models.versions(version.name)
        return json_response(
            {
                "name": version.name,
                "versions": [str(one.number) for one in kept],
                "platform": "frostline",
                "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
                "outputs": [
                    {"name": "label", "datatype": "BYTES", "shape": [-1]},
                    {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(version.labels)]},
                ],
            }
        )

    async def ready(self, request: Request) -> Response:
        """Whether a model answers."""
        self._version(request)
        return Response(status_code=200 if await self._desk.ready() else 503)

    async def infer(self, request: Request) -> Response:
        """Labels and probabilities of the texts."""
        check_type(request, (JSON_TYPE, "application/octet-stream"), may_lack=True)
        version = self._version(request)
        asked = _asked(await request.body(), request.headers.get(_HEADER))
        said = await self._desk.ask(asked.texts, model=version.name, version=version.number)
        return _response(asked, said)

    def _version(self, request: Request) -> Version:
        number = request.path_params.get("version")
        if number is not None and not (number.isascii() and number.isdigit() and len(number) < 10):
            raise Refusal(404, "unknown_version", "There is no such version.")
        return self._desk.models.version(request.path_params["name"], None if number is None else int(number))


def _asked(content: bytes, header: str | None) -> _Asked:
    size = len(content)
    if header is not None:
        if not (header.isascii() and header.isdigit() and len(header) < 10 and int(header) <= len(content)):
            raise Refusal(400, "header_length", f"The header's length must be at most {len(content):,} (the body's).")
        size = int(header)
    body, tail = parsed(content[:size]), content[size:]
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise Refusal(422, "inputs", "There must be one input, which holds the texts.", pointer="/inputs")
    identifier = body.get("id")
    if not isinstance(identifier, str | None):
        raise wrong("/id", "a string", identifier)
    parameters = object_in(body.get("parameters"), "/parameters")
    return _Asked(identifier, _texts(inputs[0], tail), _outputs(body.get("outputs"), parameters))


def _texts(given: dict[str, Any], tail: bytes) -> list[str]:
    """The texts of the input, whatever it is called."""
    pointer = "/inputs/0"
    if given.get("datatype") != "BYTES":
        raise Refusal(
            422, "datatype", f"Texts must be BYTES (got {shown(given.get('datatype'))}).", pointer=f"{pointer}/datatype"
        )
    n_texts = _number(given.get("shape"), f"{pointer}/shape")
    parameters = object_in(given.get("parameters"), f"{pointer}/parameters")
    size = parameters.get("binary_data_size")
    if size is None:
        if tail:
            raise Refusal(400, "tail", "There must be nothing after the JSON where no input is binary.")
        texts = _of_json(given.get("data"), f"{pointer}/data")
    else:
        if isinstance(size, bool) or size != len(tail):
            raise Refusal(400, "binary_size", f"binary_data_size must be {len(tail):,}, what follows the JSON.")
        if given.get("data") is not None:
            raise Refusal(
                422, "data", "Texts must be in the JSON or behind it (got data and binary_data_size).", pointer=pointer
            )
        texts = _of_binary(tail)
    if len(texts) != n_texts:
        raise Refusal(400, "shape", f"There must be as many texts as the shape says ({n_texts:,}; got {len(texts):,}).")
    return texts


def _number(shape: Any, pointer: str) -> int:
    """Texts, by a shape `[n]` or `[n, 1]`."""
    is_list = isinstance(shape, list) and 1 <= len(shape) <= 2
    if not is_list or not all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in shape):
        raise wrong(pointer, "[n] or [n, 1]", shape)
    if len(shape) == 2 and shape[1] != 1:
        raise Refusal(422, "shape", f"The shape must be [n] or [n, 1] (got {shown(shape)}).", pointer=pointer)
    n_texts: int = shape[0]
    return n_texts


def _of_json(data: Any, pointer: str) -> list[str]:
    if not isinstance(data, list):
        raise wrong(pointer, "a list of strings", data)
    texts = []
    for at, item in enumerate(data):
        value = item[0] if isinstance(item, list) and len(item) == 1 else item
        if not isinstance(value, str):
            raise wrong(f"{pointer}/{at}", "a string", value)
        texts.append(value)
    return texts


def _of_binary(tail: bytes) -> list[str]:
    """Texts, each behind its length: 4 bytes, little-endian."""
    texts: list[str] = []
    at = 0
    while at < len(tail):
        start = at + _LENGTH.size
        end = start + _LENGTH.unpack_from(tail, at)[0] if start <= len(tail) else len(tail) + 1
        if end > len(tail):
            raise Refusal(400, "binary", f"Text {len(texts)} must end within the tensor.")
        try:
            texts.append(tail[start:end].decode())
        except UnicodeDecodeError as error:
            raise Refusal(422, "text", f"Text {len(texts)} must be UTF-8 (byte {error.start} is not).") from error
        at = end
    return texts


def _outputs(given: Any, parameters: dict[str, Any]) -> dict[str, bool]:
    """Which outputs are wanted, and whether in binary; all where none is named."""
    binary = _truth(parameters, "binary_data_output", "/parameters", usual=False)
    if not given:
        return dict.fromkeys(_OUTPUTS, binary)
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise wrong("/outputs", "a list of objects", given)
    wanted: dict[str, bool] = {}
    for at, one in enumerate(given):
        name = one.get("name")
        if not isinstance(name, str) or name not in _OUTPUTS:
            raise Refusal(
                422,
                "output",
                f"An output must be label or probabilities (got {shown(name)}).",
                pointer=f"/outputs/{at}",
            )
        where = f"/outputs/{at}/parameters"
        told = object_in(one.get("parameters"), where)
        other = next((key for key, value in told.items() if key != "binary_data" and value), None)
        if other is not None:  # such as classification, or a region of shared memory
            raise Refusal(
                422, "output", f"Of an output binary_data alone can be asked for (got {shown(other)}).", pointer=where
            )
        wanted[name] = _truth(told, "binary_data", where, usual=binary)
    return wanted


def _truth(given: dict[str, Any], name: str, pointer: str, *, usual: bool) -> bool:
    told = given.get(name)
    if not isinstance(told, bool | None):
        raise wrong(f"{pointer}/{name}", "true or false", told)
    return usual if told is None else told


def _label(version: Version, answer: Answer) -> str:
    if not answer.answered:
        return ""
    labels = given_labels(version, answer)
    return json.dumps(labels, ensure_ascii=False) if version.is_sets else str(labels[0])


def _response(asked: _Asked, said: Said) -> Response:
    version, answers = said.version, said.answers("/inputs/0", is_one=True)
    outputs, tensors = [], []
    for name, binary in asked.outputs.items():
        shape = [len(answers)] if name == "label" else [len(answers), len(version.labels)]
        output: dict[str, Any] = {"name": name, "datatype": _OUTPUTS[name], "shape": shape}
        values: Sequence[Any] = (
            [_label(version, answer) for answer in answers]
            if name == "label"
            else [share for answer in answers for share in answer.probabilities]
        )
        if binary:
            tensor = _packed_texts(values) if name == "label" else _packed_floats(values)
            output["parameters"] = {"binary_data_size": len(tensor)}
            tensors.append(tensor)
        else:
            output["data"] = values
        outputs.append(output)
    document = {"model_name": version.name, "model_version": str(version.number), "outputs": outputs}
    if asked.id is not None:
        document["id"] = asked.id
    if not tensors:
        return json_response(document)
    head = json.dumps(document, separators=(",", ":")).encode()
    return Response(head + b"".join(tensors), headers={_HEADER: str(len(head))}, media_type="application/octet-stream")


def _packed_texts(values: Sequence[str]) -> bytes:
    return b"".join(_LENGTH.pack(len(value)) + value for value in (text.encode() for text in values))


def _packed_floats(values: Sequence[float]) -> bytes:
    floats = array("f", values)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tobytes()
