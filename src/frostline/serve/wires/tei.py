"""The `/predict` of text-embeddings-inference, as `tei-client` asks it."""

from typing import Any, final

from starlette.requests import Request
from starlette.responses import Response

from frostline.serve.bodies import json_response, read_json, wrong
from frostline.serve.desk import Desk
from frostline.serve.refusals import Refusal
from frostline.serve.wires.scores import scores
from frostline.version import __version__


@final
class Tei:
    """`GET /info` and `POST /predict`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def info(self, request: Request) -> Response:  # noqa: ARG002 - a route
        """What the server is, in TEI's words."""
        version, limits = self._desk.models.version(), self._desk.limits
        names = version.names
        return json_response(
            {
                "model_id": version.name,
                "model_sha": version.sha256,
                "model_dtype": "float32",
                "model_type": {
                    "classifier": {
                        "id2label": {str(place): name for place, name in enumerate(names)},
                        "label2id": {name: place for place, name in enumerate(names)},
                    }
                },
                "max_concurrent_requests": limits.connections,
                "max_input_length": version.max_length,
                "max_batch_tokens": max(1, int(self._desk.admission.limit)),
                "max_batch_requests": None,
                "max_client_batch_size": limits.texts,
                "auto_truncate": True,
                "tokenization_workers": 1,
                "version": __version__,
                "sha": None,
                "docker_label": None,
            }
        )

    async def predict(self, request: Request) -> Response:
        """A flat list for one text, a list of lists for a batch of `[text]`."""
        body = await read_json(request)
        texts, is_batch = _texts(body.get("inputs"))
        for name in ("raw_scores", "truncate"):
            if not isinstance(body.get(name), bool | None):
                raise wrong(f"/{name}", "true or false", body[name])
        if body.get("raw_scores"):
            raise Refusal(
                422, "parameter", "Scores are probabilities: raw_scores must be false.", pointer="/raw_scores"
            )
        try:
            said = await self._desk.ask(texts)
        except Refusal as refusal:
            if refusal.code == "late":
                refusal.status = 429  # as it says that it is full
            raise
        answers = said.answers("/inputs", is_one=not is_batch)
        if body.get("truncate") is False and any(answer.cut for answer in answers):
            most = said.version.max_length
            raise Refusal(
                413, "cut", f"A text must have at most {most} word pieces where truncate is false.", pointer="/inputs"
            )
        ranked = [scores(said.version, answer) for answer in answers]
        return json_response(ranked if is_batch else ranked[0])


def _texts(given: Any) -> tuple[list[str], bool]:
    """The texts, and whether they came as a batch. Two strings side by side are a pair, which nothing here reads."""
    if isinstance(given, str):
        return [given], False
    if not isinstance(given, list):
        raise wrong("/inputs", 'a string, or a list of [text]: [["a"], ["b"]]', given)
    if given and all(isinstance(item, str) for item in given):
        return [_alone(given, "/inputs")], False
    return [item if isinstance(item, str) else _alone(item, f"/inputs/{at}") for at, item in enumerate(given)], True


def _alone(item: Any, pointer: str) -> str:
    if not isinstance(item, list) or not all(isinstance(text, str) for text in item):
        raise wrong(pointer, "a list of one string", item)
    if len(item) != 1:
        raise Refusal(
            422,
            "pair",
            f"{len(item)} strings side by side are read as a pair here, and this model reads single texts: a batch is "
            '[["a"], ["b"]].',
            pointer=pointer,
        )
    text: str = item[0]
    return text
