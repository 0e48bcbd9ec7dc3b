"""MLflow's scoring server, whose paths are SageMaker's too; and KServe's V1, which has the same instances."""

from typing import Any, final

from starlette.requests import Request
from starlette.responses import Response

from frostline.errors import shown
from frostline.serve.bodies import json_response, object_in, read_json, wrong
from frostline.serve.desk import Desk
from frostline.serve.refusals import Refusal
from frostline.serve.wires.classify import spoken
from frostline.version import __version__

_KINDS = ("dataframe_split", "dataframe_records", "inputs", "instances")
_COLUMN = "text"


@final
class MLflow:
    """`POST /invocations`, `GET /version`, and `POST /v1/models/{name}:predict`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def version(self, request: Request) -> Response:  # noqa: ARG002 - a route
        """Of this program, as text."""
        return Response(__version__, media_type="text/plain")

    async def invocations(self, request: Request) -> Response:
        """A label for each text, null where the model abstains, a list where it may give several."""
        return await self._answered(await read_json(request), None)

    async def predict(self, request: Request) -> Response:
        """The same under a model's name."""
        version = self._desk.models.version(request.path_params["name"])
        return await self._answered(await read_json(request, may_lack_type=True), version.name)

    async def _answered(self, body: dict[str, Any], model: str | None) -> Response:
        kinds = [kind for kind in _KINDS if kind in body]
        if len(kinds) != 1:
            raise Refusal(422, "field", f"There must be exactly one of {', '.join(_KINDS)} (got {len(kinds)}).")
        params = object_in(body.get("params"), "/params")
        given = body[kinds[0]]
        texts, pointer = _texts(kinds[0], given)
        said = await self._desk.ask(texts, model=model)
        found = [spoken(said.version, answer) for answer in said.answers(pointer, is_one=isinstance(given, str))]
        if params.get("probabilities") is True:
            return json_response({"predictions": found})
        return json_response({"predictions": [one["labels" if said.version.is_sets else "label"] for one in found]})


def _texts(kind: str, given: Any) -> tuple[list[str], str]:
    """The texts, and where they are."""
    if kind == "dataframe_split":
        return _of_split(given)
    pointer = f"/{kind}"
    if isinstance(given, dict):  # columns of a frame
        column = _column(list(given), pointer)
        pointer = f"{pointer}/{column.replace('~', '~0').replace('/', '~1')}"
        return _strings(given[column], pointer), pointer
    if isinstance(given, str):
        return [given], pointer
    return _strings(given, pointer), pointer


def _of_split(given: Any) -> tuple[list[str], str]:
    pointer = "/dataframe_split"
    if not isinstance(given, dict):
        raise wrong(pointer, "an object", given)
    columns, data = given.get("columns"), given.get("data")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise wrong(f"{pointer}/columns", "a list of strings", columns)
    if not isinstance(data, list):
        raise wrong(f"{pointer}/data", "a list", data)
    column = columns.index(_column(columns, f"{pointer}/columns"))
    for at, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise wrong(f"{pointer}/data/{at}", f"a list of {len(columns)}", row)
    pointer = f"{pointer}/data"
    return _strings([row[column] for row in data], pointer), pointer


def _strings(given: Any, pointer: str) -> list[str]:
    """Strings, each alone, in a list of its own, or the column of a record."""
    if not isinstance(given, list):
        raise wrong(pointer, "a list", given)
    texts = []
    for at, item in enumerate(given):
        value = item
        if isinstance(item, dict):
            value = item[_column(list(item), f"{pointer}/{at}")]
        elif isinstance(item, list) and len(item) == 1:
            value = item[0]
        if not isinstance(value, str):
            raise wrong(f"{pointer}/{at}", "a string", value)
        texts.append(value)
    return texts


def _column(names: list[str], pointer: str) -> str:
    """The column that holds the texts: the only one, or the one called so."""
    if len(names) == 1:
        return names[0]
    if names.count(_COLUMN) == 1:
        return _COLUMN
    raise Refusal(
        422,
        "column",
        f"There must be one column, or one called {_COLUMN} (got {shown(names[:5], 200)}).",
        pointer=pointer,
    )
