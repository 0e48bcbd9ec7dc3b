"""The page in a browser, before the real files and a real model, without a server: faults can be made to order.

That the real server keeps to what stands here is tested in test_page_served.py.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from frostline.artifact import load_artifact, load_neighbours
from frostline.artifact.model import Model, open_model
from frostline.errors import FrostlineError
from frostline.head.linear import LinearHead, Rule
from frostline.serve.explaining import why
from frostline.serve.pages import Sent, card, page_file, report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request, Route

ORIGIN = "http://127.0.0.1:8000"
CHROMIUM = "/usr/bin/chromium"
NARROW, WIDE = 390, 1200
HEARD_VIOLATIONS = """
    window.violations = [];
    document.addEventListener('securitypolicyviolation', event => violations.push(event.effectiveDirective));
"""
MARKER_LABELS = ("<b>bold</b>", "=cmd|' /C calc'!A0", "\u202egnitirw", "plain")


@dataclass(kw_only=True)
class Fault:
    """What is answered instead."""

    status: int
    error: str = "no"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Site:
    """Models by name, and how the server behaves."""

    models: dict[str, Model]
    folder: Path
    key: str | None = None
    faults: list[Fault] = field(default_factory=list)  # Each is given once, in order, to what asks for answers
    poison: str = "\x00never"  # Any text that holds it makes the whole request fail
    asked: list[tuple[str, Any]] = field(default_factory=list)
    most_texts: int = 32

    def handle(self, route: "Route", request: "Request") -> None:
        """Answer a request of the browser."""
        path = request.url.removeprefix(ORIGIN)
        sent = self._file(path)
        if sent is not None:
            route.fulfill(status=sent.status, headers=dict(sent.headers), body=sent.body)
            return None
        if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
            return _json(route, 401, {"error": "A key must be sent."})
        body = json.loads(request.post_data_buffer or b"null")
        self.asked.append((path, body))
        if path == "/v1/models":
            return _json(route, 200, self._told())
        if self.faults and path in {"/v1/classify", "/v1/explain"}:
            fault = self.faults.pop(0)
            return _json(route, fault.status, {"error": fault.error}, fault.headers)
        status, document = self._answered(path, body)
        return _json(route, status, document)

    def _file(self, path: str) -> Sent | None:
        if path.startswith("/v1/models/"):
            return card(self.folder) if path.endswith("/card") else report(self.folder)
        return page_file("index.html" if path == "/" else path.removeprefix("/page/"))

    def _told(self) -> dict[str, Any]:
        models = [
            {
                "name": name,
                "version": "1",
                "labels": list(model.head.labels),
                "several_labels": model.head.answers_sets,
                "max_length": model.encoder.identity.max_length,
                "answers_from": 0.0 if model.head.rule is None else model.head.rule.answer_from,
                "encoder": model.encoder.identity.name,
                "has_neighbours": True,
                "has_card": True,
                "has_report": True,
            }
            for name, model in self.models.items()
        ]
        return {"models": models, "limits": {"texts": self.most_texts, "characters": 100_000}}

    def _answered(self, path: str, body: Any) -> tuple[int, Any]:
        model = self.models[body["model"]]
        try:
            if path == "/v1/explain":
                neighbours = load_neighbours(load_artifact(self.folder))
                return 200, why(model, neighbours, body["text"], labels=body.get("labels", []))
            if any(self.poison in text for text in body["texts"]):
                return 422, {"error": "A text is poisoned."}
            return 200, {"model": body["model"], "version": "1", "answers": answers_of(model, body["texts"])}
        except FrostlineError as error:
            return error.http_status, {"error": error.message, "hint": error.hint}


def answers_of(model: Model, texts: list[str]) -> list[dict[str, Any]]:
    """As the server's own wire has them."""
    answers = next(answers for _, answers in model.answer_parts(texts, len(texts)))
    documents = []
    for row in range(len(texts)):
        labels = [model.head.labels[column] for column in np.flatnonzero(answers.given[row])]
        is_answered = bool(answers.answered[row])
        answer = (
            {"labels": labels if is_answered else None}
            if model.head.answers_sets
            else {"label": labels[0] if is_answered else None}
        )
        shares = zip(map(str, answers.labels), answers.probabilities[row].tolist(), strict=True)
        documents.append({**answer, "probabilities": dict(shares), "cut": bool(answers.cut[row])})
    return documents


def site_of(folder: Path, **told: Any) -> Site:
    """The model in `folder` as `reviews`; beside it one of several hostile labels a text that may abstain, `topics`."""
    reviews = open_model(folder, threads=1)
    width = reviews.manifest.n_features
    head = LinearHead(
        labels=MARKER_LABELS,
        coef=np.random.default_rng(5).normal(size=(4, width)) / 20,
        intercept=np.zeros(4),
        link="logistic",
        rule=Rule(thresholds=(0.5, 0.5, 0.5, 0.5), answer_from=0.4),
    )
    topics = replace(reviews, head=head, likeness=None)
    return Site(models={"reviews": reviews, "topics": topics}, folder=folder, **told)


@dataclass(kw_only=True)
class Visit:
    """A page that is open; what it asked for, and what was said in the console."""

    page: "Page"
    context: "BrowserContext"
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def is_quiet(self) -> None:
        """Nothing was asked of another host, nothing complained, nothing had to be refused."""
        assert [url for url in self.requests if not url.startswith((f"{ORIGIN}/", f"blob:{ORIGIN}/"))] == []
        assert self.page.evaluate("violations") == []
        assert self.messages == []


@contextmanager
def visit(browser: "Browser", site: Site, *, width: int = WIDE, is_dark: bool = False, **told: Any) -> Iterator[Visit]:
    """Open the page in a profile of its own, as a phone or a screen of `width` would."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        is_mobile=width == NARROW,
        color_scheme="dark" if is_dark else "light",
        **told,
    )
    context.set_default_timeout(20_000)
    context.route("**/*", site.handle)
    page = context.new_page()
    page.add_init_script(HEARD_VIOLATIONS)
    opened = Visit(page=page, context=context)
    page.on("console", lambda message: opened.messages.append(message.text))
    page.on("pageerror", lambda error: opened.messages.append(str(error)))
    page.on("request", lambda request: opened.requests.append(request.url))
    page.goto(f"{ORIGIN}/", wait_until="load")
    try:
        yield opened
    finally:
        context.close()


def _json(route: "Route", status: int, document: Any, headers: dict[str, str] | None = None) -> None:
    route.fulfill(
        status=status,
        headers={"content-type": "application/json", **(headers or {})},
        body=json.dumps(document).encode("utf-8"),
    )
