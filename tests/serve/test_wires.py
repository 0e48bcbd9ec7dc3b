"""The other wires, spoken by hand: what each says, and what it refuses. The real clients are in test_clients.py."""

import json
import struct
from array import array
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from frostline.serve.app import Shortcuts, build_app
from frostline.serve.desk import Desk
from frostline.serve.options import Limits
from frostline.serve.reading import Answer
from frostline.serve.wires.classify import spoken
from frostline.serve.wires.open_inference import _label
from frostline.serve.wires.scores import scores
from serve_processes import TOPICS, Running

SURE, OTHER, UNSURE = "I love it, thank you so much", "awful", "a dull and endless film"


def post(server: Running, path: str, document: Any, **headers: str) -> httpx.Response:
    with server.client as client:
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return client.post(path, content=content, headers={"content-type": "application/json", **headers})


def ours(server: Running, texts: list[str] | tuple[str, ...], model: str = "model") -> list[Any]:
    answers: list[Any] = post(server, "/v1/classify", {"texts": texts, "model": model}).json()["answers"]
    return answers


def tensor(*texts: str) -> bytes:
    return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)


def infer(server: Running, path: str, document: Any, tail: bytes = b"") -> httpx.Response:
    head = json.dumps(document).encode()
    with server.client as client:
        return client.post(path, content=head + tail, headers={"Inference-Header-Content-Length": str(len(head))})


def test_the_same_text_has_the_same_bits_on_every_wire(server: Running) -> None:
    shares = ours(server, [SURE])[0]["probabilities"]
    hugging_face = post(server, "/", {"inputs": SURE}).json()
    tei = post(server, "/predict", {"inputs": SURE}).json()
    mlflow = post(server, "/invocations", {"inputs": [SURE], "params": {"probabilities": True}}).json()
    one = {"name": "x", "datatype": "BYTES", "shape": [1], "data": [SURE]}
    v2 = post(server, "/v2/models/model/infer", {"inputs": [one]}).json()
    assert {one["label"]: one["score"] for one in hugging_face[0]} == shares
    assert hugging_face[0] == tei
    assert mlflow["predictions"][0]["probabilities"] == shares
    assert v2["outputs"][1]["data"] == list(shares.values())


def test_what_a_silent_model_and_sets_are_on_each_wire(server: Running) -> None:
    """The table of docs/serve.md."""
    silent = ours(server, [SURE, UNSURE], "unsure")
    assert [answer["label"] for answer in silent] == ["positive", None]
    sets = [answer["labels"] for answer in ours(server, TOPICS, "topics")]
    assert sorted(answer is None for answer in sets) == [False, False, True]
    assert any(isinstance(answer, list) and answer for answer in sets)

    ranked = post(server, "/models/unsure", {"inputs": [SURE, UNSURE]}).json()
    assert [len(one) for one in ranked] == [2, 0]
    given = post(server, "/models/topics", {"inputs": list(TOPICS)}).json()
    assert [[one["label"] for one in each] for each in given] == [answer or [] for answer in sets]

    predicted = post(server, "/v1/models/unsure:predict", {"instances": [SURE, UNSURE]}).json()
    assert predicted == {"predictions": ["positive", None]}
    assert post(server, "/v1/models/topics:predict", {"instances": list(TOPICS)}).json() == {"predictions": sets}

    def labels(model: str, texts: list[str]) -> Any:
        asked = {"name": "t", "datatype": "BYTES", "shape": [len(texts)], "data": texts}
        return post(server, f"/v2/models/{model}/infer", {"inputs": [asked]}).json()["outputs"][0]["data"]

    assert labels("unsure", [SURE, UNSURE]) == ["positive", ""]
    assert labels("topics", list(TOPICS)) == ["" if answer is None else json.dumps(answer) for answer in sets]


def test_a_set_is_told_in_one_order_on_all_wires() -> None:
    """The most probable first, and as the labels stand where they are equal."""
    version: Any = SimpleNamespace(labels=("a", "b", "c", "d"), names=["a", "b", "c", "d"], is_sets=True)
    answer = Answer([0, 1, 3], answered=True, cut=False, pieces=1, probabilities=array("d", [0.6, 0.9, 0.1, 0.6]))
    assert spoken(version, answer)["labels"] == ["b", "a", "d"]
    assert _label(version, answer) == '["b", "a", "d"]'
    assert [one["label"] for one in scores(version, answer)] == ["b", "a", "d"]


def test_every_wire_tells_the_version_in_a_header(server: Running) -> None:
    """Also where a text is refused; not where no model was asked."""
    for path, document in {
        "/v1/classify": {"text": SURE},
        "/": {"inputs": SURE},
        "/models/second": {"inputs": "\ud800"},
        "/predict": {"inputs": SURE},
        "/invocations": {"inputs": [SURE]},
        "/v1/models/second:predict": {"instances": [SURE]},
        "/v2/models/model/infer": {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": [SURE]}]},
        "/v1/explain": {"text": SURE},
    }.items():
        assert post(server, path, document).headers["x-model-version"] == "1", path
    assert "x-model-version" not in post(server, "/v1/classify", {}).headers


@pytest.mark.parametrize(
    ("path", "document", "pointer"),
    [
        ("/", {"inputs": "\ud800"}, "/inputs"),
        ("/", {"inputs": ["a", "\ud800"]}, "/inputs/1"),
        ("/predict", {"inputs": "\ud800"}, "/inputs"),
        ("/predict", {"inputs": [["a"], ["\ud800"]]}, "/inputs/1"),
        ("/invocations", {"inputs": "\ud800"}, "/inputs"),
        ("/invocations", {"instances": ["a", "\ud800"]}, "/instances/1"),
        ("/invocations", {"inputs": {"a/b~": ["a", "\ud800"]}}, "/inputs/a~1b~0/1"),
        ("/invocations", {"dataframe_records": [{"x": "\ud800"}]}, "/dataframe_records/0"),
        ("/invocations", {"dataframe_split": {"columns": ["x"], "data": [["\ud800"]]}}, "/dataframe_split/data/0"),
        (
            "/v2/models/model/infer",
            {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": ["\ud800"]}]},
            "/inputs/0",
        ),
    ],
)
def test_a_text_at_fault_is_pointed_at(server: Running, path: str, document: Any, pointer: str) -> None:
    told = post(server, path, document).json()
    assert (told["code"], told["pointer"]) == ("text", pointer)


def test_tei_refuses_to_cut_where_it_must_not(server: Running) -> None:
    """413 and `validation`, as text-embeddings-inference; `truncate` is true where nothing is said, see `/info`."""
    long = "word " * 900
    refused = post(server, "/predict", {"inputs": [["a"], [long]], "truncate": False})
    assert (refused.status_code, refused.json()["error_type"]) == (413, "validation")
    assert refused.json()["error"] == "A text must have at most 512 word pieces where truncate is false."
    for document in ({"inputs": long}, {"inputs": long, "truncate": True}, {"inputs": SURE, "truncate": False}):
        assert post(server, "/predict", document).status_code == 200


@pytest.mark.parametrize(
    ("path", "document", "message"),
    [
        ("/v1/classify", {"text": 3}, "/text must be a string (got an integer)."),
        ("/v1/classify", b"null", "The body must be a JSON object (got null)."),
        ("/", {"inputs": {}}, "/inputs must be a string or a list of strings (got an object)."),
        (
            "/invocations",
            {"dataframe_split": {"columns": ["text", "text"], "data": [["a", "b"]]}},
            "There must be one column, or one called text (got \"['text', 'text']\").",
        ),
    ],
)
def test_what_is_wrong_is_told_in_these_words(server: Running, path: str, document: Any, message: str) -> None:
    assert post(server, path, document).json()["error"] == message


def test_what_takes_post_alone_says_so(server: Running) -> None:
    with server.client as client:
        told = client.get("/v1/models/model:predict")
        assert (told.status_code, told.headers["allow"]) == (405, "POST")
        assert client.get("/v1/models/model:explain").status_code == 404


def test_hugging_face_nests_and_takes_the_best(server: Running) -> None:
    alone = post(server, "/", {"inputs": SURE, "parameters": {"top_k": 1, "function_to_apply": "softmax"}}).json()
    assert [[one["label"] for one in each] for each in alone] == [["positive"]]
    several = post(server, "/models/second", {"inputs": [OTHER, SURE], "options": {"wait_for_model": True}}).json()
    assert [each[0]["label"] for each in several] == ["negative", "positive"]


def test_tei_has_a_flat_list_for_one_text_and_lists_for_a_batch(server: Running) -> None:
    flat = post(server, "/predict", {"inputs": SURE}).json()
    assert flat == post(server, "/predict", {"inputs": [SURE]}).json()
    assert post(server, "/predict", {"inputs": [[SURE], [SURE]], "raw_scores": False}).json() == [flat, flat]


def test_mlflow_takes_texts_in_every_form(server: Running) -> None:
    split = {"columns": ["id", "text"], "index": [0, 1], "data": [[1, SURE], [2, OTHER]]}
    for body in (
        {"dataframe_split": split},
        {"dataframe_records": [{"id": 1, "text": SURE}, {"id": 2, "text": OTHER}]},
        {"inputs": [SURE, OTHER]},
        {"inputs": {"text": [SURE, OTHER]}},
        {"inputs": [[SURE], [OTHER]]},
        {"instances": [{"anything": SURE}, {"anything": OTHER}]},
    ):
        assert post(server, "/invocations", body).json() == {"predictions": ["positive", "negative"]}, body


def test_v2_in_binary(server: Running) -> None:
    """Each output as it is asked for; a `[n, 1]` shape; the id comes back."""
    texts = tensor(SURE, OTHER)
    one = {"name": "a", "datatype": "BYTES", "shape": [2, 1], "parameters": {"binary_data_size": len(texts)}}
    asked = {
        "id": "7",
        "inputs": [one],
        "outputs": [{"name": "label"}, {"name": "probabilities", "parameters": {"binary_data": True}}],
    }
    response = infer(server, "/v2/models/model/versions/1/infer", asked, texts)
    size = int(response.headers["inference-header-content-length"])
    head, tail = json.loads(response.content[:size]), response.content[size:]
    assert (head["id"], head["model_name"], head["model_version"]) == ("7", "model", "1")
    assert head["outputs"][0]["data"] == ["positive", "negative"]
    shares = [share for answer in ours(server, [SURE, OTHER]) for share in answer["probabilities"].values()]
    assert list(struct.unpack("<4f", tail)) == pytest.approx(shares, abs=1e-7)


@pytest.mark.parametrize(
    ("path", "document", "status"),
    [
        ("/", {"inputs": 3}, 422),
        ("/", {"inputs": []}, 422),
        ("/", {"inputs": ["a"] * 33}, 413),
        ("/", {"inputs": "a", "parameters": {"top_k": 0}}, 422),
        ("/", {"inputs": "a", "parameters": {"top_k": True}}, 422),
        ("/", {"inputs": "a", "parameters": []}, 422),
        ("/", {"inputs": "a", "parameters": {"function_to_apply": "none"}}, 422),
        ("/", {"inputs": "a", "parameters": {"function_to_apply": {}}}, 422),
        ("/", {"inputs": "\ud800"}, 422),
        ("/models/nobody", {"inputs": "a"}, 404),
        ("/predict", {"inputs": ["a", "b"]}, 422),
        ("/predict", {"inputs": [["a", "b"]]}, 422),
        ("/predict", {"inputs": [["a"], 3]}, 422),
        ("/predict", {"inputs": []}, 422),
        ("/predict", {"inputs": "a", "raw_scores": True}, 422),
        ("/predict", {"inputs": "a", "truncate": "yes"}, 422),
        ("/invocations", {}, 422),
        ("/invocations", {"inputs": ["a"], "instances": ["a"]}, 422),
        ("/invocations", {"dataframe_split": {"columns": ["a", "b"], "data": [["x", "y"]]}}, 422),
        ("/invocations", {"dataframe_split": {"columns": ["text"], "data": [["x", "y"]]}}, 422),
        ("/invocations", {"dataframe_records": [{}]}, 422),
        ("/invocations", {"inputs": [3]}, 422),
        ("/invocations", {"inputs": ["a"], "params": 3}, 422),
        ("/v2/models/nobody/infer", {"inputs": []}, 404),
        ("/v2/models/model/versions/x/infer", {"inputs": []}, 404),
        ("/v2/models/model/infer", {"inputs": []}, 422),
        ("/v2/models/model/infer", {"inputs": [{"name": "a", "datatype": "FP32", "shape": [1], "data": [1.0]}]}, 422),
        ("/v2/models/model/infer", {"inputs": [{"name": "a", "datatype": "BYTES", "shape": [2], "data": ["x"]}]}, 400),
        ("/v2/models/model/infer", {"inputs": [{"name": "a", "datatype": "BYTES", "shape": [-1], "data": []}]}, 422),
        ("/v2/models/model/infer", {"inputs": [{"name": "a", "datatype": "BYTES", "shape": [1], "data": [3]}]}, 422),
    ],
)
def test_what_each_refuses(server: Running, path: str, document: Any, status: int) -> None:
    """In its own words: `error` is a string on all."""
    response = post(server, path, document)
    assert (response.status_code, response.json()["error"][-1]) == (status, ".")


@pytest.mark.parametrize(
    ("outputs", "parameters", "message"),
    [
        (
            [{"name": "label", "parameters": {"classification": 2}}],
            {},
            "Of an output binary_data alone can be asked for (got 'classification').",
        ),
        (
            [{"name": "label", "parameters": {"binary_data": True, "shared_memory_region": "a"}}],
            {},
            "Of an output binary_data alone can be asked for (got 'shared_memory_region').",
        ),
        ([{"name": "label", "parameters": {"binary_data": "yes"}}], {}, "true or false"),
        ([], {"binary_data_output": 1}, "true or false"),
    ],
)
def test_v2_refuses_what_it_would_leave_out(server: Running, outputs: Any, parameters: Any, message: str) -> None:
    one = {"name": "a", "datatype": "BYTES", "shape": [1], "data": ["a"]}
    asked = {"inputs": [one], "outputs": outputs, "parameters": parameters}
    response = infer(server, "/v2/models/model/infer", asked)
    assert response.status_code == 422
    assert message in response.json()["error"]
    none = {"name": "label", "parameters": {"classification": 0, "binary_data": None}}
    asked = {"inputs": [one], "outputs": [none], "parameters": {"binary_data_output": None}}
    assert infer(server, "/v2/models/model/infer", asked).json()["outputs"][0]["data"]


def test_v2_takes_texts_from_one_place(server: Running) -> None:
    texts = tensor("a")
    one = {"name": "a", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(texts)}}
    response = infer(server, "/v2/models/model/infer", {"inputs": [{**one, "data": ["b"]}]}, texts)
    said = "Texts must be in the JSON or behind it (got data and binary_data_size)."
    assert (response.status_code, response.json()["error"]) == (422, said)
    assert infer(server, "/v2/models/model/infer", {"inputs": [{**one, "data": None}]}, texts).status_code == 200


def test_a_pair_is_told_what_a_batch_looks_like(server: Running) -> None:
    said = post(server, "/predict", {"inputs": ["a", "b"]}).json()
    assert said["error"] == (
        '2 strings side by side are read as a pair here, and this model reads single texts: a batch is [["a"], ["b"]].'
    )
    assert said["error_type"] == "validation"


@pytest.mark.parametrize(
    ("tail", "size", "shape"),
    [
        (b"\x05\0\0\0a", 5, [1]),  # longer than what follows
        (b"\xff\xff\xff\xffa", 5, [1]),
        (b"\0\0", 2, [1]),  # no whole length
        (tensor("a"), 4, [1]),  # a size that lies
        (tensor("a"), True, [1]),
        (tensor("a"), 10**17, [1]),
        (tensor("a", "b"), 10, [1]),  # a shape that lies
        (tensor("a"), None, [1]),  # a tail that nobody told of
    ],
)
def test_lengths_that_lie_are_refused(server: Running, tail: bytes, size: Any, shape: list[int]) -> None:
    one = {"name": "a", "datatype": "BYTES", "shape": shape, "parameters": {"binary_data_size": size}}
    if size is None:
        one = {"name": "a", "datatype": "BYTES", "shape": shape, "data": ["a"]}
    assert infer(server, "/v2/models/model/infer", {"inputs": [one]}, tail).status_code == 400


@pytest.mark.parametrize("length", ["-1", "1e3", "99999999999", "x", "3", "²"])
def test_a_header_length_that_lies_is_refused(server: Running, length: str) -> None:
    with server.client as client:
        response = client.post(
            "/v2/models/model/infer",
            content=b'{"inputs": []}',
            headers=[(b"Inference-Header-Content-Length", length.encode())],
        )
    assert response.status_code == 400


def test_what_servers_are_asked_about_themselves(server: Running) -> None:
    with server.client as client:
        assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
        told = client.get("/v2/models/model").json()
        info = client.get("/info").json()
        assert client.get("/version").status_code == client.get("/ping").status_code == 200
        ready = [
            client.get(f"/v2/{path}").status_code for path in ("health/live", "health/ready", "models/model/ready")
        ]
        assert client.get("/v2/models/nobody/ready").status_code == 404
    assert ready == [200, 200, 200]
    assert told["outputs"][1] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}
    assert info["model_type"]["classifier"]["id2label"] == {"0": "negative", "1": "positive"}
    assert (info["max_input_length"], info["max_client_batch_size"], info["auto_truncate"]) == (512, 32, True)


def test_every_route_that_answers_texts_is_asked_without_the_framework() -> None:
    """And is the one that the framework would have asked, with the same fields."""
    models: Any = None
    desk = Desk(models=models, reading=models, metrics=models, limits=Limits(), admission=models)
    app, routes = build_app(desk, telemetry=False), Shortcuts(desk, telemetry=False)
    paths = [path for path, methods in app.openapi()["paths"].items() if "post" in methods]
    assert len(paths) == 10
    for path in paths:
        scope: dict[str, Any] = {"method": "POST", "path": path.replace("{name}", "a.b").replace("{version}", "3")}
        found = routes.find(scope)
        assert (None if found is None else found.path) == (
            None if path == "/v1/explain" or routes.is_admin(path) else path
        )
        assert scope.get("path_params", {}) == {
            field: value for field, value in (("name", "a.b"), ("version", "3")) if f"{{{field}}}" in path and found
        }
        assert routes.find({**scope, "method": "GET"}) is None
        assert Shortcuts(desk, telemetry=True).find(scope) is None
    assert routes.find({"method": "POST", "path": "/v1/classify/"}) is None
    assert routes.find({"method": "POST", "path": "/models/a/b"}) is None
