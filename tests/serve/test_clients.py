"""The clients that people have, as they are: marked `clients`, with requirements of their own."""

from typing import Any

import pytest

from serve_processes import Running

pytestmark = [
    pytest.mark.clients,
    pytest.mark.filterwarnings("ignore"),  # theirs
]

TEXTS = ["a joy", "a dull and endless film"]


def expected(server: Running) -> list[Any]:
    with server.client as client:
        answers: list[Any] = client.post("/v1/classify", json={"texts": TEXTS}).json()["answers"]
        return answers


def test_hugging_faces_inference_client(server: Running) -> None:
    from huggingface_hub import InferenceClient  # noqa: PLC0415 - slow to import

    client = InferenceClient(model=server.url)
    for text, answer in zip(TEXTS, expected(server), strict=True):
        told = client.text_classification(text, top_k=2)
        assert {one.label: one.score for one in told} == answer["probabilities"]
        assert told[0].label == answer["label"]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False, None])
def test_tritons_client(server: Running, *, binary_in: bool, binary_out: bool | None) -> None:
    """JSON or binary in; named outputs in JSON or binary, or all of them as they come."""
    import numpy as np  # noqa: PLC0415 - with the client
    import tritonclient.http as triton  # noqa: PLC0415 - in an environment of its own

    client = triton.InferenceServerClient(server.url.removeprefix("http://"))
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("model")
    assert client.get_model_metadata("model")["platform"] == "frostline"
    given = triton.InferInput("text", [2], "BYTES")
    given.set_data_from_numpy(np.array([text.encode() for text in TEXTS], dtype=object), binary_data=binary_in)
    names = ("label", "probabilities")
    outputs = None
    if binary_out is not None:
        outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in names]
    result = client.infer("model", [given], outputs=outputs)
    labels, shares = (result.as_numpy(name) for name in names)
    read = [label.decode() if isinstance(label, bytes) else label for label in labels.tolist()]
    assert read == [answer["label"] for answer in expected(server)]
    wanted = [list(answer["probabilities"].values()) for answer in expected(server)]
    assert np.abs(shares - np.array(wanted)).max() < 1e-7
    with pytest.raises(triton.InferenceServerException, match="no model of this name"):
        client.infer("nobody", [given])


def test_mlflows_client(server: Running) -> None:
    import pandas as pd  # noqa: PLC0415 - with the client
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient  # noqa: PLC0415 - likewise

    host, port = server.url.removeprefix("http://").split(":")
    client = ScoringServerClient(host, int(port))
    client.wait_server_ready(timeout=60)
    told = client.invoke(pd.DataFrame({"text": TEXTS}))
    assert told.get_predictions().iloc[:, 0].tolist() == [answer["label"] for answer in expected(server)]


def test_teis_client(server: Running) -> None:
    from tei_client import HttpClient  # noqa: PLC0415 - in an environment of its own

    client = HttpClient(server.url)
    with client.client:  # which it keeps open, and has no way to close
        assert client.health()
        for text, answer in zip(TEXTS, expected(server), strict=True):
            [told] = client.classify([text, text])[:1]
            assert {one.label: one.score for one in told.scores} == answer["probabilities"]
