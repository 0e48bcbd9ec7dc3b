"""The application: every route, and the document that describes them."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from frostline.errors import FrostlineError
from frostline.serve.bodies import json_response
from frostline.serve.described import described
from frostline.serve.desk import Desk
from frostline.serve.door import request_id
from frostline.serve.refusals import Refusal
from frostline.serve.wires.classify import Classify
from frostline.serve.wires.hugging_face import HuggingFace
from frostline.serve.wires.mlflow import MLflow
from frostline.serve.wires.open_inference import OpenInference
from frostline.serve.wires.page import Page
from frostline.serve.wires.tei import Tei
from frostline.version import __version__

Endpoint = Callable[[Request], Awaitable[Response]]

_FIELD = re.compile(r"\{(\w+)\}")
_ADMIN = re.compile(r"/v1/models/[^/]+/load")


def build_app(desk: Desk, *, telemetry: bool) -> FastAPI:
    """All routes over one desk.

    Parameters
    ----------
    telemetry : bool
        OpenTelemetry as FastAPI brings it: traces and metrics of requests, sent by whatever exporters the environment
        sets up.
    """
    off = {"tracing": telemetry, "metrics": telemetry, "logs": False}
    app = FastAPI(
        title="Frostline",
        version=__version__,
        docs_url=None,  # both pages load scripts from other hosts
        redoc_url=None,
        redirect_slashes=False,
        telemetry=off,  # type: ignore[arg-type]
    )
    _add_health(app, desk)
    _add_page(app, desk)
    for path, endpoint, method in _routes(desk):
        app.add_api_route(
            path, endpoint, methods=[method], openapi_extra=described(path, method), response_class=Response
        )
    app.add_exception_handler(HTTPException, _not_found)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(FrostlineError, _failed)
    app.add_exception_handler(Exception, _unforeseen)
    return app


@final
class Shortcuts:
    """What the door knows of routes; those that answer texts it asks itself, without the framework and its layers.

    Parameters
    ----------
    telemetry : bool
        The framework's telemetry is wanted, so every request goes through it.
    """

    def __init__(self, desk: Desk, *, telemetry: bool) -> None:
        routes = [(path, endpoint) for path, endpoint, method in _routes(desk) if method == "POST" and not telemetry]
        self._routes = [
            Shortcut(path, re.compile(_FIELD.sub(r"(?P<\1>[^/]+)", path.replace(".", r"\."))), endpoint)
            for path, endpoint in routes
            if not self.is_admin(path)
        ]
        self._exact = {route.path: route for route in self._routes if "{" not in route.path}

    @staticmethod
    def is_admin(path: str) -> bool:
        """Whether a path is for whoever runs the server."""
        return _ADMIN.fullmatch(path) is not None

    def find(self, scope: MutableMapping[str, Any]) -> "Shortcut | None":
        """The route of a request, its path's fields set; None where the framework is to be asked."""
        if scope["method"] != "POST":
            return None
        path = scope["path"]
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        for route in self._routes:
            if found := route.pattern.fullmatch(path):
                scope["path_params"] = found.groupdict()
                return route
        return None


@final
@dataclass(frozen=True, slots=True)
class Shortcut:
    """A route."""

    path: str
    pattern: re.Pattern[str]
    endpoint: Endpoint

    async def answer(self, request: Request) -> Response:
        """What the endpoint says; `Refusal` where it refuses."""
        try:
            return await self.endpoint(request)
        except FrostlineError as error:
            raise _refusal_of(error) from error


def _routes(desk: Desk) -> list[tuple[str, Endpoint, str]]:
    """Those of the wires."""
    ours, hugging_face, tei, mlflow, v2 = (
        Classify(desk),
        HuggingFace(desk),
        Tei(desk),
        MLflow(desk),
        OpenInference(desk),
    )
    versions = "/v2/models/{name}/versions/{version}"
    return [
        ("/v1/classify", ours.classify, "POST"),
        ("/v1/models", ours.models, "GET"),
        ("/v1/models/{name}:predict", mlflow.predict, "POST"),
        ("/v1/models/{name}", ours.model, "GET"),
        ("/v1/models/{name}/load", ours.load, "POST"),
        ("/", hugging_face.classify, "POST"),
        ("/models/{name}", hugging_face.classify, "POST"),
        ("/v2", v2.server, "GET"),
        ("/v2/models/{name}", v2.model, "GET"),
        (versions, v2.model, "GET"),
        ("/v2/models/{name}/ready", v2.ready, "GET"),
        (f"{versions}/ready", v2.ready, "GET"),
        ("/v2/models/{name}/infer", v2.infer, "POST"),
        (f"{versions}/infer", v2.infer, "POST"),
        ("/version", mlflow.version, "GET"),
        ("/invocations", mlflow.invocations, "POST"),
        ("/info", tei.info, "GET"),
        ("/predict", tei.predict, "POST"),
    ]


def _add_page(app: FastAPI, desk: Desk) -> None:
    page = Page(desk)
    app.add_api_route("/", page.index, methods=["GET"], include_in_schema=False)
    app.add_api_route("/page/{name}", page.file, methods=["GET"], include_in_schema=False)
    for path, endpoint, method in (
        ("/v1/models/{name}/card", page.card, "GET"),
        ("/v1/models/{name}/report", page.report, "GET"),
        ("/v1/explain", page.explain, "POST"),
    ):
        app.add_api_route(
            path, endpoint, methods=[method], openapi_extra=described(path, method), response_class=Response
        )


def _add_health(app: FastAPI, desk: Desk) -> None:
    async def live(request: Request) -> Response:  # noqa: ARG001 - a route
        return Response()

    async def ready(request: Request) -> Response:  # noqa: ARG001 - a route
        return Response(status_code=200 if await desk.ready() else 503)

    async def metrics(request: Request) -> Response:  # noqa: ARG001 - a route
        return Response(desk.scraped(), media_type="text/plain; version=0.0.4")

    for path, route in (
        ("/healthz", live),
        ("/v2/health/live", live),
        ("/readyz", ready),
        ("/v2/health/ready", ready),
        ("/ping", ready),
        ("/metrics", metrics),
    ):
        app.add_api_route(path, route, methods=["GET"], openapi_extra=described(path, "GET"), response_class=Response)


async def _refused(request: Request, refusal: Any) -> Response:
    """A refusal as a response; the door counts it."""
    request.scope["refused"] = refusal.code
    headers = {name.decode(): value.decode() for name, value in refusal.headers()}
    return json_response(refusal.document(request_id.get()), status=refusal.status, headers=headers)


async def _failed(request: Request, error: Any) -> Response:
    """What could not be loaded or explained, in the words of the command line."""
    return await _refused(request, _refusal_of(error))


def _refusal_of(error: FrostlineError) -> Refusal:
    status = 422 if error.http_status == 404 else error.http_status  # a folder that is gone is no unknown path
    return Refusal(status, "failed", f"{error.message} {error.hint}".rstrip())


async def _unforeseen(request: Request, error: Any) -> Response:  # noqa: ARG001 - the door tells it
    return await _refused(request, Refusal(500, "bug", "An unforeseen error: a bug in Frostline.", closes=True))


async def _not_found(request: Request, error: Any) -> Response:
    """What starlette refuses by itself: an unknown path, another method."""
    said = {404: "There is nothing at this path.", 405: "The path takes another method."}
    refusal = Refusal(error.status_code, "path", said.get(error.status_code, "The request must be another one."))
    response = await _refused(request, refusal)
    response.headers.update(error.headers or {})
    return response
