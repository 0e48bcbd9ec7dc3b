"""Our own wire, which is strict: `POST /v1/classify`, and what models there are."""

from typing import Any, final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from frostline.artifact.manifest import CARD, REPORT
from frostline.serve.bodies import json_response, read_json, refuse_others, texts_in, wrong
from frostline.serve.desk import Desk
from frostline.serve.models import Version
from frostline.serve.options import NAME
from frostline.serve.reading import Answer, Fault
from frostline.serve.refusals import Refusal
from frostline.serve.wires.scores import given_labels

FIELDS = ("text", "texts", "model", "version")


@final
class Classify:
    """The routes under `/v1`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def classify(self, request: Request) -> Response:
        """One text or up to 32: the label or labels of each, all probabilities, whether it was cut."""
        body = await read_json(request)
        refuse_others(body, FIELDS)
        if ("text" in body) == ("texts" in body):
            raise Refusal(422, "field", "There must be either text or texts.")
        if "text" in body and not isinstance(body["text"], str):
            raise wrong("/text", "a string", body["text"])
        texts = texts_in([body["text"]] if "text" in body else body["texts"], "/texts")
        said = await self._desk.ask(texts, model=named(body.get("model")), version=_number(body.get("version")))
        document = {
            "model": said.version.name,
            "version": said.version.number,
            "answers": [spoken(said.version, one) for one in said.texts],
        }
        faults = [one.status for one in said.texts if isinstance(one, Fault)]
        return json_response(document, status=faults[0] if len(faults) == len(texts) else 200)

    async def models(self, request: Request) -> Response:  # noqa: ARG002 - a route
        """All models, with the versions that are kept."""
        limits = self._desk.limits
        models = [self._told(name) for name in self._desk.models.names()]
        return json_response({"models": models, "limits": {"texts": limits.texts, "characters": limits.characters}})

    async def model(self, request: Request) -> Response:
        """One model."""
        if request.path_params["name"].endswith(":predict"):
            raise HTTPException(405, headers={"allow": "POST"})
        return json_response(self._told(request.path_params["name"]))

    async def load(self, request: Request) -> Response:
        """Load what lies in the model's folder now; or, with a version, have that one answer again."""
        name, models = request.path_params["name"], self._desk.models
        models.versions(name)
        body = await read_json(request, may_lack_type=True) if await request.body() else {}
        refuse_others(body, ("version",))
        number = _number(body.get("version"))
        version = await models.load(name) if number is None else await models.roll_back(name, number)
        return json_response({"model": name, "version": version.number, "sha256": version.sha256})

    def _told(self, name: str) -> dict[str, Any]:
        models = self._desk.models
        kept = models.versions(name)
        if not kept:  # all are lost
            return {"name": name, "version": None, "versions": []}
        current = models.version(name)
        return {
            "name": name,
            "version": current.number,
            "labels": list(current.labels),
            "several_labels": current.is_sets,
            "answers_from": current.answer_from,
            "encoder": current.encoder,
            "features": current.features,
            "max_length": current.max_length,
            "has_neighbours": current.has_neighbours,
            "has_card": (current.folder / CARD).is_file(),
            "has_report": (current.folder / REPORT).is_file(),
            "versions": [
                {"version": one.number, "sha256": one.sha256, "loaded_at": round(one.loaded_at, 3)} for one in kept
            ],
        }


def spoken(version: Version, said: Answer | Fault) -> dict[str, Any]:
    """What is said of one text; null where the model is not sure enough."""
    if isinstance(said, Fault):
        return {"error": said.message, "status": said.status}
    shares = dict(zip(version.names, said.probabilities, strict=True))
    labels = given_labels(version, said)
    answer = (labels if version.is_sets else labels[0]) if said.answered else None
    return {"labels" if version.is_sets else "label": answer, "probabilities": shares, "cut": said.cut}


def named(value: Any) -> str | None:
    """The name of a model, or None for the first one; 404 for what can be no name."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong("/model", "a string", value)
    if NAME.fullmatch(value) is None:
        raise Refusal(404, "unknown_model", "There is no model of this name.")
    return value


def _number(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise wrong("/version", "an integer", value)
    return value
