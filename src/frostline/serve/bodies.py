"""The body of a request: JSON without loopholes, or a refusal that says where."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from frostline.errors import ArtifactCorrupt, shown
from frostline.serve.refusals import Refusal
from frostline.strict import read_object

_DIGITS = 18
JSON_TYPE = "application/json"


async def read_json(request: Request, *, may_lack_type: bool = False) -> dict[str, Any]:
    """The JSON object in the body; 415 for another type, 400 for anything else that it is not."""
    check_type(request, (JSON_TYPE,), may_lack=may_lack_type)
    return parsed(await request.body())


def check_type(request: Request, types: Sequence[str], *, may_lack: bool = False) -> None:
    """Refuse a body of another type, or one that is packed."""
    codings = request.headers.get("content-encoding", "identity"), request.headers.get("transfer-encoding", "chunked")
    if codings[0].lower() != "identity" or codings[1].lower() != "chunked":
        raise Refusal(415, "content_encoding", "The body must not be compressed.")
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in types and not (may_lack and not given):
        raise Refusal(415, "content_type", f"The body must be {' or '.join(types)} (got {shown(given)}).")


def parsed(content: bytes) -> dict[str, Any]:
    """The object that `content` spells; a half of a surrogate pair passes, and is a fault of its text later."""
    try:
        return read_object(content, "The body", digits=_DIGITS, whole=False)
    except ArtifactCorrupt as error:
        raise Refusal(400, "json", error.message) from error


def texts_in(value: Any, pointer: str) -> list[str]:
    """A list of strings."""
    if not isinstance(value, list):
        raise wrong(pointer, "a list of strings", value)
    for place, text in enumerate(value):
        if not isinstance(text, str):
            raise wrong(f"{pointer}/{place}", "a string", text)
    return value


def object_in(value: Any, pointer: str) -> dict[str, Any]:
    """An object; none given is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong(pointer, "an object", value)
    return value


def refuse_others(body: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse fields that are not in `names`."""
    for name in body:
        if name not in names:
            raise Refusal(
                422,
                "field",
                f"There must be no other fields than {', '.join(names)} (got {shown(name)}).",
                pointer=f"/{name.replace('~', '~0').replace('/', '~1')}"[:200],
            )


def wrong(pointer: str, expected: str, value: Any) -> Refusal:
    """A field of another type."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "an integer"}
    got = "null" if value is None else kinds.get(type(value), "a number")
    return Refusal(422, "type", f"{pointer or 'The body'} must be {expected} (got {got}).", pointer=pointer)


def json_response(document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A document as a response; a half of a surrogate pair is written as an escape."""
    content = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    return Response(content, status_code=status, headers=headers, media_type=JSON_TYPE)
