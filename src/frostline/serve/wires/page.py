"""The page, and what it alone asks: its files, why a text is answered as it is, a model's card and report."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import final

from starlette.requests import Request
from starlette.responses import Response

from frostline.serve.bodies import json_response, read_json, refuse_others, wrong
from frostline.serve.desk import Desk
from frostline.serve.pages import INDEX, Sent, card, page_file, report
from frostline.serve.refusals import Refusal
from frostline.serve.wires.classify import named
from frostline.targets import Label

FIELDS = ("text", "model", "labels")


@final
class Page:
    """The routes of the page."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def index(self, request: Request) -> Response:
        """The page for browsers; for others, whether requests are answered."""
        if "text/html" in request.headers.get("accept", ""):
            return _response(page_file(INDEX, known=request.headers.get("if-none-match", "")), {"vary": "accept"})
        return Response(status_code=200 if await self._desk.ready() else 503, headers={"vary": "accept"})

    async def file(self, request: Request) -> Response:
        """A file of the page."""
        name = request.path_params["name"]
        return _response(page_file(name, known=request.headers.get("if-none-match", "")))

    async def card(self, request: Request) -> Response:
        """A model's card."""
        return await self._of_model(request, card)

    async def report(self, request: Request) -> Response:
        """A model's report."""
        return await self._of_model(request, report)

    async def explain(self, request: Request) -> Response:
        """Why a model answers as it does for one text."""
        body = await read_json(request)
        refuse_others(body, FIELDS)
        text = body.get("text")
        if not isinstance(text, str):
            raise wrong("/text", "a string", text)
        return json_response(
            await self._desk.explain(text, model=named(body.get("model")), labels=_labels(body.get("labels", [])))
        )

    async def _of_model(self, request: Request, read: Callable[[Path, str], Sent | None]) -> Response:
        version = self._desk.models.version(request.path_params["name"])
        known = request.headers.get("if-none-match", "")
        return _response(await asyncio.to_thread(read, version.folder, known))


def _labels(value: object) -> list[Label]:
    if not isinstance(value, list):
        raise wrong("/labels", "a list of labels", value)
    for place, label in enumerate(value):
        if not isinstance(label, str | int):
            raise wrong(f"/labels/{place}", "a label", label)
    return value


def _response(sent: Sent | None, more: dict[str, str] | None = None) -> Response:
    if sent is None:
        raise Refusal(404, "path", "There is nothing at this path.")
    return Response(sent.body, status_code=sent.status, headers={**sent.headers, **(more or {})})
