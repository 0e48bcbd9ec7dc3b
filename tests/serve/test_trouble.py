"""Hangs, crashes, floods, new models, ends: what becomes of requests meanwhile."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from frostline.artifact import save_artifact
from frostline.artifact.model import open_model
from frostline.head.linear import Rule
from frostline.serve.connections import SILENT_S
from serve_processes import SEVERAL, TOPICS, Running, ready_within, serving, within

ADMIN = "the-key-of-the-admin"
PATIENCE_S = 60.0  # on a busy machine; a quiet one needs two seconds
PATIENT = "--limit=queue_s=60"  # likewise: nobody is refused for having waited


def share(server: Running, text: str = "a joy") -> float:
    with server.client as client:
        answer = client.post("/v1/classify", json={"text": text}).json()["answers"][0]
    found: float = next(iter(answer["probabilities"].values()))
    return found


@dataclass
class Seen:
    """What requests came to."""

    told: Counter[object] = field(default_factory=Counter)  # A status, or the name of an error
    answers: set[str] = field(default_factory=set)  # The different ones
    refusals: set[str] = field(default_factory=set)  # Likewise


def until_asked(steps: list[float]) -> dict[str, Any]:
    """What has httpx append when each step was made, from a connection to the last byte of a request."""

    def made(name: str, _: object) -> None:
        if "receive" not in name and "close" not in name:
            steps.append(time.monotonic())

    return {"trace": made}


@contextlib.contextmanager
def load(server: Running, texts: tuple[str, ...], threads: int = 4) -> Iterator[Seen]:
    """Requests all the while."""
    seen = Seen()
    stop = threading.Event()

    def ask() -> None:
        with server.client as client:
            while not stop.is_set():
                steps = [time.monotonic()]
                try:
                    response = client.post("/v1/classify", json={"texts": texts}, extensions=until_asked(steps))
                    seen.told[response.status_code] += 1
                    if response.status_code == 200:
                        seen.answers.add(json.dumps(response.json()["answers"]))
                    elif "error" in response.json():
                        seen.refusals.add(response.json()["error"])
                    else:
                        seen.refusals |= {answer["error"] for answer in response.json()["answers"]}
                except httpx.HTTPError as error:
                    longest = max((after - before for before, after in itertools.pairwise(steps)), default=0.0)
                    seen.told["after a silence" if longest > SILENT_S / 2 else type(error).__name__] += 1
                    if stop.wait(0.01):
                        return

    asking = [threading.Thread(target=ask) for _ in range(threads)]
    for one in asking:
        one.start()
    try:
        yield seen
    finally:
        stop.set()
        for one in asking:
            one.join()


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)])
def test_a_reader_that_crashes_or_hangs_is_replaced(model: Path, number: int) -> None:
    """F60: meanwhile 503 and not ready; then the same bits as before. Once: a busy machine is no hang."""
    with serving(model, "--limit", f"hang_s={10 if number == signal.SIGSTOP else 60}") as running:
        before, reader = share(running), running.reader
        with load(running, ("a joy",), threads=2) as seen:
            assert within(PATIENCE_S, lambda: bool(seen.answers))
            os.kill(reader, number)
            with running.client as client:
                assert within(PATIENCE_S, lambda: client.get("/readyz").status_code == 503)
            assert ready_within(running, PATIENCE_S, other_than=reader)
        assert share(running) == before
        assert set(seen.told) <= {200, 503}
        assert len(seen.answers) == 1
        assert seen.refusals <= {"The encoder is starting.", "The model is being loaded."}
        with running.client as client:
            assert "frostline_reader_replaced 1.0\n" in client.get("/metrics").text


@pytest.fixture
def flooded(model: Path) -> Iterator[Running]:
    """A server where nobody waits for long."""
    with serving(model) as running:
        yield running


@pytest.mark.slow
def test_a_flood_is_told_at_once_when_to_come_again(flooded: Running) -> None:
    """F50: nothing but 200 and 503, and normal soon after. TEI's clients hear 429."""
    waits: list[float] = []
    seen: Counter[int] = Counter()
    texts = ["word " * 200] * 32

    def ask(path: str) -> None:
        with flooded.client as client:
            for _ in range(4):
                begun = time.monotonic()
                document = {"texts": texts} if path == "/v1/classify" else {"inputs": [[text] for text in texts]}
                response = client.post(path, json=document)
                seen[response.status_code] += 1
                if response.status_code != 200:
                    assert response.headers["retry-after"] == "1"
                    assert response.json()["error_type"] == "overloaded"
                    waits.append(time.monotonic() - begun)

    asking = [threading.Thread(target=ask, args=(path,)) for path in ("/v1/classify", "/predict") * 8]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert set(seen) == {200, 429, 503}, seen
    assert sorted(waits)[len(waits) // 4] < 0.5
    assert share(flooded) > 0


def test_sigterm_answers_what_was_accepted(model: Path) -> None:
    """F61: with 0, and soon (`tools/serve_figures.py signals` times it); a connection long silent may be closed."""
    with serving(model, PATIENT) as running, load(running, ("a joy", "a dull film")) as seen:
        assert within(PATIENCE_S, lambda: bool(seen.answers))
        assert running.signalled(signal.SIGTERM) == 0
    assert set(seen.told) <= {200, "ConnectError", "after a silence"}, seen.told
    assert seen.told[200]


def test_sigterm_does_not_wait_for_a_body_that_never_comes(model: Path) -> None:
    """F61: the client hears why, in JSON, and the server's end is in time."""
    with serving(model, "--limit=drain_s=2") as running:
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as line:
            line.sendall(b"POST /v1/classify HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\n{")
            running.process.send_signal(signal.SIGTERM)
            answer = b"".join(iter(lambda: line.recv(1 << 16), b""))
        assert running.process.wait(timeout=PATIENCE_S) == 0
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 "), answer
    assert b"\r\nretry-after: 1\r\n" in head
    assert json.loads(body) == {"error": "The server ends before this is answered: ask again.", "code": "stopping"}


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(model: Path) -> None:
    with serving(model, "--limit=drain_s=600") as running:
        os.kill(running.reader, signal.SIGSTOP)
        asking = threading.Thread(target=share_or_nothing, args=(running,))
        asking.start()
        time.sleep(0.2)
        running.process.send_signal(signal.SIGTERM)
        assert within(PATIENCE_S, lambda: any("stopping" in line for line in running.words))
        assert running.signalled(signal.SIGTERM) == 128 + signal.SIGTERM  # within a minute of the ten
        asking.join()


def share_or_nothing(running: Running) -> None:
    with contextlib.suppress(httpx.HTTPError):
        share(running)


def post(running: Running, path: str, document: object = None) -> httpx.Response:
    with running.client as client:
        return client.post(path, json=document, headers={"x-api-key": ADMIN})


@pytest.fixture
def changing(tmp_path: Path) -> Iterator[tuple[Running, Path]]:
    """A server whose model's folder may change."""
    folder = tmp_path / "topics"
    shutil.copytree(SEVERAL, folder)
    with serving(folder, PATIENT, environment={"FROSTLINE_ADMIN_KEY": ADMIN}) as running:
        yield running, folder


def exchanged(folder: Path) -> None:
    """The same classifier saved anew, but for its rule: another version."""
    opened = open_model(SEVERAL)
    head = replace(opened.head, rule=Rule(thresholds=(0.01,) * len(opened.head.labels)))
    save_artifact(folder, head=head, encoder=opened.encoder, with_encoder=SEVERAL / "encoder", overwrite=True)


def test_a_new_version_and_back_without_losing_a_request(changing: tuple[Running, Path]) -> None:
    running, folder = changing
    with load(running, TOPICS, threads=3) as seen:
        assert within(PATIENCE_S, lambda: len(seen.answers) == 1)
        assert post(running, "/v1/models/topics/load").json()["version"] == 1  # nothing has changed
        exchanged(folder)
        assert post(running, "/v1/models/topics/load").json()["version"] == 2
        assert within(PATIENCE_S, lambda: len(seen.answers) == 2)
        assert post(running, "/v1/models/topics/load", {"version": 1}).json()["version"] == 1
        time.sleep(0.2)
    assert (len(seen.answers), set(seen.told)) == (2, {200}), seen.told
    both = [post(running, "/v1/classify", {"texts": TOPICS, "version": number}).json() for number in (1, 2)]
    assert [one["version"] for one in both] == [1, 2]
    assert both[0]["answers"] != both[1]["answers"]
    with running.client as client:
        assert client.get("/v2/models/topics").json()["versions"] == ["1", "2"]
        assert client.get("/v1/models/topics").json()["version"] == 1
    assert post(running, "/v1/models/topics/load", {"version": 3}).status_code == 404
    assert post(running, "/v1/models/topics/load", {"path": "/etc"}).status_code == 422


def damaged(file: Path) -> bytes:
    """Change a file's last byte where it lies, as `cp` over it does; what it held before."""
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return content


def kept_file(home: Path, running: Running) -> Path:
    """Where the server keeps the head of version 1."""
    [file] = home.glob(f"serve/{running.process.pid}-*/topics@1/head.safetensors")
    return file


def test_what_is_kept_is_the_servers_own_and_what_is_lost_is_loaded_anew(
    changing: tuple[Running, Path], home: Path
) -> None:
    """A folder that changes where it lies changes nothing; the same files again mend what is kept."""
    running, folder = changing
    before, head, kept = share(running, TOPICS[0]), folder / "head.safetensors", kept_file(home, running)
    whole = damaged(head)
    assert kept.read_bytes() == whole
    refused = post(running, "/v1/models/topics/load")
    assert (refused.status_code, refused.json()["code"]) == (422, "failed")
    head.write_bytes(whole)
    damaged(kept)
    assert post(running, "/v1/models/topics/load").json()["version"] == 1
    assert kept.read_bytes() == whole
    assert len(list(kept.parents[1].iterdir())) == 1

    damaged(kept)
    os.kill(running.reader, signal.SIGKILL)
    told = until_said(running, lambda said: said.get("code") == "lost")
    assert told["error"] == "The kept files of topics are damaged: it must be loaded anew."
    with running.client as client:
        assert client.get("/v1/models").json()["models"] == [{"name": "topics", "version": None, "versions": []}]
        assert client.get("/metrics").status_code == 200
    assert post(running, "/v1/models/topics/load").json()["version"] == 2
    assert share(running, TOPICS[0]) == before

    shutil.rmtree(folder)
    gone = post(running, "/v1/models/topics/load")
    assert (gone.status_code, gone.json()["error_type"]) == (422, "validation")
    assert gone.json()["error"].startswith(f"There is no saved model at {folder}.")
    assert any("topics: the old version stays: There is no saved model" in line for line in running.words)
    assert share(running, TOPICS[0]) == before


def until_said(running: Running, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What the server says of a text, once it is what is waited for."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        said: dict[str, Any] = post(running, "/v1/classify", {"text": TOPICS[0]}).json()
        if is_it(said):
            return said
        time.sleep(0.1)
    raise AssertionError(running.words)


@pytest.mark.slow
def test_versions_answer_again_after_a_deployment_into_the_same_files_and_a_crash(
    changing: tuple[Running, Path], tmp_path: Path
) -> None:
    """And a damaged folder keeps the old version, by SIGHUP too."""
    running, folder = changing
    first = share(running, TOPICS[0])
    exchanged(tmp_path / "new")
    shutil.copytree(tmp_path / "new", folder, dirs_exist_ok=True)
    assert post(running, "/v1/models/topics/load").json()["version"] == 2
    both = [answers_of(running, number) for number in (1, 2)]
    damaged(folder / "head.safetensors")
    refused = post(running, "/v1/models/topics/load")
    assert str(folder) in refused.json()["error"]
    running.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE_S
    while sum("the old version stays" in line for line in running.words) < 2:
        assert time.monotonic() < deadline, running.words
        time.sleep(0.05)
    reader = running.reader
    os.kill(reader, signal.SIGKILL)
    assert ready_within(running, PATIENCE_S, other_than=reader)
    assert [answers_of(running, number) for number in (1, 2)] == both
    assert both[0] != both[1]
    assert post(running, "/v1/models/topics/load", {"version": 1}).json()["version"] == 1
    assert share(running, TOPICS[0]) == first


def answers_of(running: Running, number: int) -> Any:
    return post(running, "/v1/classify", {"texts": TOPICS, "version": number}).json()["answers"]


@pytest.mark.slow
def test_sighup_loads_what_is_new(changing: tuple[Running, Path]) -> None:
    running, folder = changing
    exchanged(folder)
    running.process.send_signal(signal.SIGHUP)
    with running.client as client:
        assert within(PATIENCE_S, lambda: client.get("/v1/models/topics").json()["version"] == 2)


def test_no_text_is_told_to_a_log(model: Path) -> None:
    """Whatever is asked, in whatever form, well or not."""
    marker = "zanzibar-marker"
    with serving(model) as running:
        with running.client as client:
            for content in (
                json.dumps({"text": marker}),
                json.dumps({"text": marker * 9000}),
                json.dumps({marker: marker}),
                '{"text": "' + marker,
                json.dumps({"text": "\ud800" + marker}),
            ):
                for path in ("/v1/classify", "/", "/predict", "/invocations", "/v2/models/model/infer", f"/{marker}"):
                    client.post(path, content=content, headers={"content-type": "application/json"})
            assert marker not in client.get("/metrics").text
        assert running.signalled(signal.SIGTERM) == 0
        time.sleep(0.1)
        assert marker not in "".join(running.words)
