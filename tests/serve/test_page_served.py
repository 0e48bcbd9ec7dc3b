"""The page and what it alone asks, from the real server: files, fences, explanations, card and report."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from frostline.artifact.model import open_model
from frostline.serve.admission import Admission, body_bytes
from frostline.serve.desk import Desk
from frostline.serve.door import Door
from frostline.serve.explaining import likeness_of, why, words_tried
from frostline.serve.frames import MOST_EXPLAINED
from frostline.serve.metrics import Metrics
from frostline.serve.options import Keys, Limits, Named, ServeOptions
from frostline.serve.pages import PAGE_POLICY, REPORT_POLICY, card, page_file, report
from frostline.serve.refusals import Refusal
from page_site import answers_of
from serve_processes import Running

BROWSER = {"accept": "text/html,application/xhtml+xml"}
FILES = [
    "index.html", "page.css", "icon.svg", "main.js", "one.js", "many.js", "about.js", "api.js", "answers.js", "card.js",
    "dom.js", "files.js", "sending.js", "table.js",
]  # fmt: skip


def get(server: Running, path: str, **headers: str) -> httpx.Response:
    with server.client as client:
        return client.get(path, headers=headers)


def explain(server: Running, document: Any) -> httpx.Response:
    with server.client as client:
        return client.post("/v1/explain", json=document)


# --- files


def test_a_browser_gets_the_page_and_others_whether_it_answers(server: Running) -> None:
    page = get(server, "/", **BROWSER)
    assert page.status_code == 200
    assert page.text.startswith("<!doctype html>")
    assert page.headers["vary"] == "accept"
    other = get(server, "/", accept="*/*")
    assert (other.status_code, other.content) == (200, b"")


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_fenced_in_and_not_sent_twice(server: Running, name: str) -> None:
    """Its policy, its type, its tag; the same tag brings 304 without a body."""
    first = get(server, f"/page/{name}")
    assert first.status_code == 200
    assert first.headers["content-security-policy"] == PAGE_POLICY
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["referrer-policy"] == "no-referrer"
    assert first.headers["cache-control"] == "no-cache"
    for known in (first.headers["etag"], f'"x", W/{first.headers["etag"]}'):
        again = get(server, f"/page/{name}", **{"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["content-security-policy"] == PAGE_POLICY
    assert get(server, f"/page/{name}", **{"if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "name", ["../pages.py", "..%2fpages.py", "%2e%2e%2fpages.py", "pages.py", "..\\pages.py", "C:", "x" * 9000, "a%00b"]
)
def test_no_other_file_is_ever_sent(server: Running, name: str) -> None:
    """A name is looked up among those there are."""
    response = get(server, f"/page/{name}")
    assert response.status_code == 404
    assert "error" in response.json()


def test_the_policy_allows_nothing_but_our_own() -> None:
    told = dict(part.strip().partition(" ")[::2] for part in PAGE_POLICY.split(";"))
    assert told == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_no_module_makes_markup_or_names_another_host() -> None:
    """Text becomes text nodes; what could run a string, keep a key, or reach elsewhere does not occur."""
    for name in FILES:
        sent = page_file(name)
        assert sent is not None
        source = sent.body.decode("utf-8").replace("http://www.w3.org/2000/svg", "")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "http:",
                     "https:", "localStorage", "sessionStorage", "document.cookie", "onclick=", " style="):  # fmt: skip
            assert word not in source, (name, word)


def test_every_module_that_is_named_is_there() -> None:
    named = {"main.js", "page.css", "icon.svg", "index.html"}
    for name in FILES:
        sent = page_file(name)
        assert sent is not None
        named |= {part.split('"')[0] for part in sent.body.decode().split('from "./')[1:]}
    assert named == set(FILES)
    assert page_file("api.py") is None


# --- a link from elsewhere, a page from elsewhere


@pytest.mark.parametrize(
    ("path", "mode", "status"),
    [("/", "navigate", 200), ("/", "no-cors", 403), ("/v1/models", "navigate", 403), ("/page/main.js", "no-cors", 403)],
)
def test_a_link_on_another_site_opens_the_page_and_nothing_else_of_it(
    server: Running, path: str, mode: str, status: int
) -> None:
    sent = get(server, path, **BROWSER, **{"sec-fetch-site": "cross-site", "sec-fetch-mode": mode})
    assert sent.status_code == status


@pytest.mark.parametrize(
    ("path", "without"),
    [
        ("/", 204),
        ("/page/main.js", 204),
        ("/page/", 204),
        ("/v1/models", 401),
        ("/v1/models/model/card", 401),
        ("/v1/models/model/report", 401),
        ("/v1/explain", 401),
    ],
)
def test_where_there_is_a_key_the_page_is_open_and_all_else_is_not(path: str, without: int) -> None:
    """At the door, before any route."""
    key = "sesame-sesame-sesame"
    options = ServeOptions(models=(Named(name="model", folder=Path("model")),), keys=Keys.read(None, key))
    admission = Admission(queue_s=1.0, most=1000)
    door = Door(_nothing, options=options, admission=admission, metrics=Metrics(), routes=_NoRoutes())

    async def asked(**headers: str) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://localhost") as client:
            return (await client.get(path, headers=headers)).status_code

    assert asyncio.run(asked()) == without
    assert asyncio.run(asked(authorization=f"Bearer {key}")) == 204


class _NoRoutes:
    def is_admin(self, path: str) -> bool:
        del path
        return False

    def find(self, scope: Any) -> None:
        del scope


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


# --- how long an explanation may take, and what it keeps others from


class _Slow:
    """A process that explains nothing before `done` is set."""

    n_aside = 0

    def __init__(self) -> None:
        self.done = asyncio.Event()

    async def aside(self, *_: object, **__: object) -> dict[str, Any]:
        await self.done.wait()
        return {"explanation": {"a": 1}}


def test_an_explanation_has_its_time_and_is_work_like_any_other() -> None:
    """It is counted until it is done, though nobody waits any more."""
    version: Any = SimpleNamespace(key="m@1", number=1)
    models: Any = SimpleNamespace(version=lambda _: version)
    admission, slow = Admission(queue_s=0.1, most=16_384, speed=200_000.0), _Slow()
    reading: Any = slow
    desk = Desk(models=models, reading=reading, metrics=Metrics(), limits=Limits(explain_s=0.05), admission=admission)

    async def asked() -> None:
        with pytest.raises(Refusal, match=r"was not there within 0\.05 s") as late:
            await desk.explain("a joy " * 1000)
        assert (late.value.status, late.value.code, late.value.retry_after_s) == (503, "late", 1)
        assert admission.waiting == 6_000
        admission.speed = 10_000.0
        with pytest.raises(Refusal, match="not this request's turn in time"):
            await desk.explain("a joy " * 1000)
        own = admission.work_of(6_000)
        admission.waiting = own
        body_bytes.set(6_000)
        with pytest.raises(Refusal, match="was not there"):  # its own body is nobody else's work
            await desk.explain("a joy " * 1000)
        admission.waiting = 6_000 + 350  # two explanations, the other one at the lower speed
        slow.done.set()
        await asyncio.sleep(0.01)
        assert admission.waiting == 0
        assert await desk.explain("a joy") == {"a": 1}

    asyncio.run(asked())


# --- card and report


def test_a_report_is_shown_in_a_sandbox_and_a_card_as_text(server: Running, model: Path) -> None:
    sent = get(server, "/v1/models/model/report")
    assert sent.content == (model / "report.html").read_bytes()
    assert sent.headers["content-security-policy"] == REPORT_POLICY
    assert REPORT_POLICY.endswith("; sandbox")
    assert "script-src" not in REPORT_POLICY
    text = get(server, "/v1/models/second/card")
    assert text.content == (model / "README.md").read_bytes()
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert get(server, "/v1/models/model/card", **{"if-none-match": text.headers["etag"]}).status_code == 304


def test_a_model_without_card_and_report_says_so(server: Running, tmp_path: Path) -> None:
    assert card(tmp_path) is None
    assert report(tmp_path) is None
    assert get(server, "/v1/models/none/card").status_code == 404
    assert get(server, "/v1/models/..%2fmodel/report").status_code == 404


def test_the_models_say_what_the_page_needs(server: Running) -> None:
    told = get(server, "/v1/models").json()
    assert told["limits"] == {"texts": 32, "characters": 100_000}
    one = told["models"][0]
    assert (one["has_card"], one["has_report"], one["several_labels"], one["answers_from"]) == (True, True, False, 0.0)


# --- explanations


def test_an_explanation_is_that_of_the_model(server: Running, model: Path) -> None:
    """Over the wire as in this process; with what the page needs beside it."""
    text = "a joy \N{WINKING FACE} to watch"
    told = explain(server, {"text": text, "model": "second"}).json()
    opened = open_model(model, threads=1)
    expected = json.loads(json.dumps(why(opened, None, text)))
    assert told == expected
    assert told["unknown_piece"] == "[UNK]"
    assert told["pieces"][2:4] == ["joy", "[UNK]"]
    assert told["nearest"] is None
    assert told["likeness"] is None


def test_a_label_can_be_asked_about(server: Running) -> None:
    told = explain(server, {"text": "a joy", "labels": ["negative"]}).json()
    assert [one["label"] for one in told["explained"]] == ["negative"]


@pytest.mark.parametrize(
    ("document", "status", "said"),
    [
        ({"text": 3}, 422, "/text must be a string (got an integer)."),
        ({}, 422, "/text must be a string (got null)."),
        ({"text": "a", "labels": "negative"}, 422, "/labels must be a list of labels (got a string)."),
        ({"text": "a", "labels": ["negative", None]}, 422, "/labels/1 must be a label (got null)."),
        ({"text": "a", "labels": [1.5]}, 422, "/labels/0 must be a label (got a number)."),
        (
            {"text": "a", "labels": ["none"]},
            400,
            "The label to explain must be one of 'negative', 'positive' (got 'none').",
        ),
        ({"text": "a", "words": 3}, 422, "There must be no other fields than text, model, labels (got 'words')."),
        ({"text": "x" * 100_001}, 422, "A text must have at most 100,000 characters."),
        ({"text": "a", "model": "../x"}, 404, "There is no model of this name."),
        ({"text": "\ud800"}, 422, "Text 0 holds a lone surrogate (U+D800 at character 0)"),
    ],
)
def test_what_cannot_be_explained_is_told(server: Running, document: Any, status: int, said: str) -> None:
    with server.client as client:
        response = client.post(
            "/v1/explain", content=json.dumps(document).encode(), headers={"content-type": "application/json"}
        )
    assert (response.status_code, said in response.json()["error"]) == (status, True), response.json()


def test_of_a_long_text_fewer_words_are_tried(model: Path) -> None:
    """So that an explanation keeps nobody waiting for long; a short one is tried whole."""
    opened = open_model(model, threads=1)
    assert words_tried(opened, "a joy") == 100
    assert words_tried(opened, "joy " * 198) == MOST_EXPLAINED // 200
    assert words_tried(opened, "joy " * 2000) == MOST_EXPLAINED // 512


def test_likeness_is_told_where_the_model_can_tell(model: Path) -> None:
    """Of this model, that learned from too few texts to call one in a hundred strange, it is not."""
    opened = open_model(model, threads=1)
    assert opened.likeness is not None
    assert likeness_of(opened, "a joy") is None


def test_the_stand_in_of_the_browser_tests_answers_as_the_server_does(server: Running, model: Path) -> None:
    """Else they would test a page that nobody is served."""
    texts = ["a joy", "a dull and endless film"]
    with server.client as client:
        told = client.post("/v1/classify", json={"model": "model", "texts": texts}).json()
    assert told["answers"] == json.loads(json.dumps(answers_of(open_model(model, threads=1), texts)))
