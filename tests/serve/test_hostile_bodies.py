"""Whatever is sent to a route that reads a body: an answer or a refusal in words, never a failure."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve_processes import Running

ROUTES = (
    "/v1/classify",
    "/",
    "/models/topics",
    "/predict",
    "/invocations",
    "/v1/models/model:predict",
    "/v2/models/model/infer",
    "/v2/models/topics/versions/1/infer",
)
NAMES = (
    "text", "texts", "inputs", "instances", "parameters", "top_k", "params", "dataframe_split", "dataframe_records",
    "columns", "data", "name", "datatype", "shape", "binary_data_size", "outputs", "id", "model", "version",
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(("BYTES", "a joy", "label", "softmax", "model"))
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.sampled_from(NAMES), below, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)


def refused_or_answered(client: httpx.Client, path: str, content: bytes, **headers: str) -> None:
    response = client.post(path, content=content, headers={"content-type": "application/json", **headers})
    assert response.status_code in {200, 400, 404, 413, 415, 422, 429, 503}, (response.status_code, content)
    if response.status_code not in {200, 422}:
        assert response.json()["error"]
    json.loads(response.content if response.headers["content-type"] == "application/json" else b"{}")


@pytest.mark.parametrize("n_examples", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_json_of_any_shape(server: Running, n_examples: int) -> None:
    with server.client as client:

        @settings(max_examples=n_examples, suppress_health_check=list(HealthCheck), database=None)
        @given(st.sampled_from(ROUTES), BODIES)
        def anything(path: str, body: Any) -> None:
            refused_or_answered(client, path, json.dumps(body).encode())

        anything()


@pytest.mark.parametrize("n_examples", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_binary_tensors_of_any_shape(server: Running, n_examples: int) -> None:
    """Lengths, sizes and shapes that agree or lie."""
    one = {"name": "t", "datatype": "BYTES"}
    with server.client as client:

        @settings(max_examples=n_examples, suppress_health_check=list(HealthCheck), database=None)
        @given(st.binary(max_size=40), st.integers(-2, 50) | VALUES, st.lists(st.integers(-1, 3), max_size=3), VALUES)
        def anything(tail: bytes, size: Any, shape: list[int], outputs: Any) -> None:
            asked = {"inputs": [{**one, "shape": shape, "parameters": {"binary_data_size": size}}], "outputs": outputs}
            head = json.dumps(asked).encode()
            told = {"Inference-Header-Content-Length": str(len(head))}
            refused_or_answered(client, "/v2/models/model/infer", head + tail, **told)

        anything()


@pytest.mark.parametrize("content", [b"\xff\xfe", b"null", b"[]", b'"a"', b"1" * 5000, b"{" * 5000, b'{"a":1e999}'])
@pytest.mark.parametrize("path", ROUTES)
def test_what_is_no_object(server: Running, path: str, content: bytes) -> None:
    with server.client as client:
        assert client.post(path, content=content, headers={"content-type": "application/json"}).status_code == 400
