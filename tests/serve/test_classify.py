"""Our own wire, which is strict."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from frostline.artifact.model import open_model
from serve_processes import Running, serving

TEXTS = ["a joy", "a dull and endless film", "", "the train leaves at nine " * 200, "a joy"]


def post(server: Running, document: Any, **headers: str) -> httpx.Response:
    with server.client as client:
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return client.post("/v1/classify", content=content, headers={"content-type": "application/json", **headers})


def test_answers_are_those_of_the_model_alone(server: Running, model: Path) -> None:
    """To the last bit, in the order of the texts, whatever is read beside them."""
    opened = open_model(model, threads=1)
    answers = post(server, {"texts": TEXTS}).json()["answers"]
    for text, answer in zip(TEXTS, answers, strict=True):
        alone = opened.answer([text])
        assert answer["probabilities"] == dict(zip(opened.head.labels, alone.probabilities[0].tolist(), strict=True))
        assert answer["label"] == opened.head.labels[int(alone.favoured[0].argmax())]
        assert answer["cut"] is bool(alone.cut[0])
    assert [answer["cut"] for answer in answers] == [False, False, False, True, False]


def test_a_text_alone_and_a_second_name(server: Running) -> None:
    alone = post(server, {"text": "a joy"}).json()
    other = post(server, {"text": "a joy", "model": "second", "version": 1}).json()
    assert (alone["model"], other["model"], other["version"]) == ("model", "second", 1)
    assert alone["answers"] == other["answers"]


def test_a_fault_of_one_text_is_its_own(server: Running) -> None:
    """The limits are 100,000 characters, and whole characters."""
    document = {"texts": ["a joy", "x" * 100_001, "\ud800", "x " * 50_000]}
    response = post(server, document)
    assert response.status_code == 200
    fine, long, half, just = response.json()["answers"]
    assert fine["label"] == "positive"
    assert long == {"error": "A text must have at most 100,000 characters (got 100,001).", "status": 422}
    assert half["status"] == 422
    assert "half of one: U+D800 at character 0" in half["error"]
    assert just["cut"] is True


def test_where_no_text_can_be_answered_the_request_says_so(server: Running) -> None:
    assert post(server, {"text": "x" * 100_001}).status_code == 422


@pytest.mark.parametrize(
    ("document", "status", "code", "pointer"),
    [
        ({}, 422, "field", None),
        ({"text": "a", "texts": ["a"]}, 422, "field", None),
        ({"text": "a", "parameters": {}}, 422, "field", "/parameters"),
        ({"texts": []}, 422, "texts", None),
        ({"texts": ["a"] * 33}, 413, "texts", None),
        ({"texts": ["a", 3]}, 422, "type", "/texts/1"),
        ({"text": None}, 422, "type", "/text"),
        ({"texts": "a"}, 422, "type", "/texts"),
        ({"text": "a", "model": "nobody"}, 404, "unknown_model", None),
        ({"text": "a", "model": "../model"}, 404, "unknown_model", None),
        ({"text": "a", "model": 3}, 422, "type", "/model"),
        ({"text": "a", "version": 9}, 404, "unknown_version", None),
        ({"text": "a", "version": True}, 422, "type", "/version"),
        ([], 400, "json", None),
        (b"", 400, "json", None),
        (b"{", 400, "json", None),
        (b'{"text": "a", "text": "b"}', 400, "json", None),
        (b'{"text": NaN}', 400, "json", None),
        (b'{"version": 1234567890123456789}', 400, "json", None),
        (b'{"text": ' + b"[" * 33 + b"]" * 33 + b"}", 400, "json", None),
        (b'{"text": ' + b"[" * 100_000, 400, "json", None),
        (b'{"text": "\xff"}', 400, "json", None),
    ],
)
def test_what_is_refused_names_its_place(
    server: Running, document: Any, status: int, code: str, pointer: str | None
) -> None:
    """Never a 500; `error` is a sentence."""
    response = post(server, document)
    said = response.json()
    assert (response.status_code, said["code"], said.get("pointer")) == (status, code, pointer)
    assert said["error"].endswith(".")
    assert said["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize(
    "headers",
    [{"content-type": "text/plain"}, {"content-type": "multipart/form-data; boundary=x"}, {"content-encoding": "gzip"}],
)
def test_another_type_is_refused(server: Running, headers: dict[str, str]) -> None:
    assert post(server, {"text": "a"}, **headers).status_code == 415


def test_an_unknown_path_and_another_method(server: Running) -> None:
    with server.client as client:
        assert client.get("/v1/nothing").status_code == 404
        wrong = client.get("/v1/classify")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


def test_models_are_listed(server: Running) -> None:
    with server.client as client:
        listed = client.get("/v1/models").json()["models"]
        alone = client.get("/v1/models/second").json()
        unknown = client.get("/v1/models/third")
    assert [one["name"] for one in listed] == ["model", "second", "unsure", "topics"]
    assert alone == listed[1]
    assert (alone["labels"], alone["max_length"], len(alone["versions"])) == (["negative", "positive"], 512, 1)
    assert unknown.status_code == 404


def test_it_is_ready_and_counts(server: Running) -> None:
    """And what it counts holds no text."""
    post(server, {"text": "a joy for the metrics"})
    with server.client as client:
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        counted = client.get("/metrics").text
    assert 'frostline_answers_total{label="positive",model="model"}' in counted
    assert "a joy" not in counted


def test_it_ends_with_0_and_says_where_it_is(model: Path) -> None:
    with serving(model) as running:
        post(running, {"text": "a joy"})
        assert running.signalled(15) == 0
    assert any("Serving model at http://127.0.0.1:" in line for line in running.words)


def test_every_route_is_described(server: Running) -> None:
    """With what it takes and what it refuses; those of the page, which are files, aside."""
    with server.client as client:
        paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/classify", "/", "/predict", "/invocations", "/v2/models/{name}/infer", "/metrics"} <= set(paths)
    for path, methods in paths.items():
        for method, told in methods.items():
            assert "default" in told["responses"], path
            assert ("requestBody" in told) == (method == "post"), path
            named = [one["name"] for one in told.get("parameters", [])]
            assert named == [part[1:-1] for part in path.replace(":", "/").split("/") if part.startswith("{")], path
