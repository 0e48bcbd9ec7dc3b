"""Hugging Face's Inference API: `InferenceClient(model=URL).text_classification(...)`."""

from typing import Any, final

from starlette.requests import Request
from starlette.responses import Response

from frostline.errors import shown
from frostline.serve.bodies import json_response, object_in, read_json, texts_in, wrong
from frostline.serve.desk import Desk
from frostline.serve.models import Version
from frostline.serve.refusals import Refusal
from frostline.serve.wires.scores import scores

_FUNCTIONS = {False: "softmax", True: "sigmoid"}


@final
class HuggingFace:
    """`POST /` and `POST /models/{name}`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def classify(self, request: Request) -> Response:
        """A list for each text, also where there is one: the client takes the first element."""
        body = await read_json(request)
        given = body.get("inputs")
        if not isinstance(given, str | list):
            raise wrong("/inputs", "a string or a list of strings", given)
        texts = [given] if isinstance(given, str) else texts_in(given, "/inputs")
        parameters = object_in(body.get("parameters"), "/parameters")
        version = self._desk.models.version(request.path_params.get("name"))
        top_k = _top_k(parameters.get("top_k"))
        _check_function(parameters.get("function_to_apply"), version)
        said = await self._desk.ask(texts, model=version.name, version=version.number)
        answers = said.answers("/inputs", is_one=isinstance(given, str))
        return json_response([scores(said.version, answer, top_k=top_k) for answer in answers])


def _top_k(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong("/parameters/top_k", "an integer", value)
    if value < 1:
        raise Refusal(422, "parameter", f"top_k must be at least 1 (got {value}).", pointer="/parameters/top_k")
    return value


def _check_function(value: Any, version: Version) -> None:
    """Scores are the model's probabilities; others cannot be made of them."""
    function = _FUNCTIONS[version.is_sets]
    if value not in {None, function} if isinstance(value, str | None) else True:
        raise Refusal(
            422,
            "parameter",
            f"function_to_apply must be {function} for this model, or left out (got {shown(value)}).",
            pointer="/parameters/function_to_apply",
        )
