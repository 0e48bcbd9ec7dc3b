"""Who may come in: keys, hosts, origins; and who may not start at all."""

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from conftest import Command
from frostline.errors import InputError, UsageError
from frostline.serve.admission import Admission
from frostline.serve.door import Door
from frostline.serve.metrics import Metrics
from frostline.serve.options import Keys, Limits, Named, ServeOptions
from serve_processes import Running, serving

KEY, ADMIN = "the-key-of-a-client", "the-key-of-the-admin"


@pytest.fixture(scope="module")
def locked(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that wants a key."""
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(f"another-key-of-a-client\n{KEY}\n", "utf-8")
    with serving(model, "--key-file", file, environment={"FROSTLINE_ADMIN_KEY": ADMIN}) as running:
        yield running


def asked(server: Running, path: str = "/v1/classify", **headers: str) -> httpx.Response:
    with server.client as client:
        return client.post(path, json={"text": "a joy"}, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {KEY}"}, {"x_api_key": KEY}]
)
def test_a_key_opens(locked: Running, headers: dict[str, str]) -> None:
    assert asked(locked, **headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": f"Bearer {KEY}x"}, {"authorization": f"Basic {KEY}"}, {"authorization": f"Bearer {ADMIN}"}],
)
def test_no_other_key_does(locked: Running, headers: dict[str, str]) -> None:
    """Nor one in the address; health and the page stand open."""
    response = asked(locked, **headers)
    while response.status_code == 429:  # other tests' wrong keys of this second
        time.sleep(0.2)
        response = asked(locked, **headers)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    is_one = bool(headers) and "Basic" not in str(headers)
    assert response.json()["error"] == (
        "The key is not known." if is_one else "There must be a key: Authorization: Bearer KEY."
    )
    assert asked(locked, f"/v1/classify?key={KEY}").status_code in {401, 429}
    with locked.client as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/metrics").status_code in {401, 429}
        assert client.post("/", json={"inputs": "a"}).status_code in {401, 429}


def test_many_wrong_keys_are_sent_away_and_a_right_one_still_opens(locked: Running) -> None:
    with locked.client as client:
        wrong = [client.post("/v1/classify", headers={"x-api-key": f"wrong {n}"}).status_code for n in range(60)]
        assert wrong[0] in {401, 429}
        assert set(wrong) <= {401, 429}  # how many of them is asked below, without a clock
        assert client.post("/v1/classify", json={"text": "a"}, headers={"x-api-key": KEY}).status_code == 200
    assert KEY not in "".join(locked.words)
    assert "wrong" not in "".join(locked.words)


def test_only_the_admins_key_loads(locked: Running) -> None:
    assert asked(locked, "/v1/models/model/load", x_api_key=KEY).status_code in {401, 429}
    with locked.client as client:
        loaded = client.post("/v1/models/model/load", headers={"x-api-key": ADMIN})
        unknown = client.post("/v1/models/nobody/load", headers={"x-api-key": ADMIN})
    assert (loaded.status_code, loaded.json()["version"]) == (200, 1)
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "evil.example:8000"}, 403),
        ({"host": "localhost"}, 200),
        ({"host": "127.0.0.1:1"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-origin"}, 200),
    ],
)
def test_pages_of_other_sites_may_not_ask(server: Running, headers: dict[str, str], status: int) -> None:
    """DNS rebinding, and posts across sites (F64)."""
    assert asked(server, **headers).status_code == status


@pytest.mark.parametrize(
    ("line", "host", "status"),
    [
        ("http://evil.example/readyz", "localhost", 403),
        ("http://localhost@evil.example/readyz", "localhost", 403),
        ("http://[::2]:80/readyz", "localhost", 403),
        ("http://[::1]:80/readyz", "evil.example", 200),
        ("HTTP://LOCALHOST:1/readyz", "evil.example", 200),
        ("/readyz", "localhost", 200),
    ],
)
def test_a_host_in_the_request_line_stands_for_that_of_the_header(
    server: Running, line: str, host: str, status: int
) -> None:
    address, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((address, int(port)), timeout=60) as connection:
        connection.sendall(f"GET {line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert connection.makefile("rb").readline().split()[1] == str(status).encode()


def test_without_an_admins_key_nobody_loads(server: Running) -> None:
    response = asked(server, "/v1/models/model/load")
    assert (response.status_code, response.json()["code"]) == (403, "no_admin_key")


@pytest.mark.parametrize("name", ["..%2fx", "%2e%2e%2f", "..%5C", "C:", "%23", "%00", "x" * 10_000, "%ff"])
def test_names_of_models_are_looked_up_and_open_no_file(server: Running, name: str) -> None:
    """F56."""
    with server.client as client:
        for path in (f"/models/{name}", f"/v2/models/{name}/infer", f"/v1/models/{name}:predict"):
            assert client.post(path, json={"inputs": "a", "instances": ["a"]}).status_code == 404, path


def options(**told: Any) -> ServeOptions:
    return ServeOptions(models=(Named(name="a", folder=Path("a")),), **told)


def test_any_address_but_this_machines_wants_a_key() -> None:
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert options(host=host).is_loopback
    for host in ("0.0.0.0", "::", "192.168.0.3", "example.org"):  # noqa: S104 - nothing listens
        with pytest.raises(UsageError, match="must have a key, and there is none"):
            options(host=host)
        assert not options(host=host, keys=Keys.read(None, KEY)).is_loopback


def test_keys_are_long_enough_and_there(tmp_path: Path) -> None:
    """16 characters are; they are kept as digests."""
    keys = Keys.read(None, "x" * 16)
    assert keys.open_for(b"x" * 16)
    assert not keys.open_for(b"x" * 17)
    assert "xxx" not in repr(keys)
    with pytest.raises(InputError, match="at least 16 characters \\(one in the environment has 15\\)"):
        Keys.read(None, "x" * 15)
    (tmp_path / "empty").write_text("\n", "utf-8")
    with pytest.raises(InputError, match="there must be a key in it"):
        Keys.read(tmp_path / "empty", "")


def test_limits_are_told_by_name() -> None:
    assert Limits.of(["queue_s=2", "texts=64"]) == Limits(queue_s=2.0, texts=64)
    for wrong in ("queue=2", "queue_s", "queue_s=0", "texts=1.5", "texts=-1"):
        with pytest.raises(UsageError):
            Limits.of([wrong])


def test_what_cannot_be_served_ends_before_anybody_is_listened_to(frostline: Command, tmp_path: Path) -> None:
    """F62: its exit code says why."""
    (tmp_path / "empty").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = frostline("serve", tmp_path / "empty", "--port", port)
        assert (told.code, "cannot be listened at" in told.err) == (69, True)
    gone = frostline("serve", tmp_path / "nothing", "--port", 0)
    assert (gone.code, "There is no saved model at" in gone.err) == (66, True)
    damaged = frostline("serve", tmp_path / "empty", "--port", 0)
    assert damaged.code == 65, damaged.err
    assert str(tmp_path / "empty") in damaged.err
    assert frostline("serve", tmp_path / "a", tmp_path / "b/a", "--port", 0).code == 2
    assert frostline("serve", "a", "--host", "0.0.0.0").code == 2  # noqa: S104 - nothing listens


# --- the door alone, without a server


class NoRoutes:
    """All is answered by the application behind the door."""

    def is_admin(self, path: str) -> bool:
        return path == "/admin"

    def find(self, scope: Any) -> None:
        del scope


async def takes_all(scope: Any, receive: Any, send: Any) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def door_of(*, admission: Admission | None = None, **told: Any) -> Door:
    room = admission or Admission(queue_s=1.0, most=1_000_000)
    return Door(takes_all, options=options(**told), admission=room, metrics=Metrics(), routes=NoRoutes())


@dataclass
class Asking:
    """A request whose body comes when it is told to."""

    door: Door
    headers: dict[str, str] = field(default_factory=dict)
    parts: "asyncio.Queue[dict[str, Any]]" = field(default_factory=asyncio.Queue)
    status: int = 0
    told: dict[bytes, bytes] = field(default_factory=dict)

    def send(self, body: bytes, *, is_last: bool) -> None:
        self.parts.put_nowait({"type": "http.request", "body": body, "more_body": not is_last})

    async def heard(self, event: Any) -> None:
        if event["type"] == "http.response.start":
            self.status, self.told = event["status"], dict(event["headers"])

    async def done(self) -> int:
        headers = {"host": "localhost", **self.headers}
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/classify",
            "http_version": "1.1",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await self.door(scope, self.parts.get, self.heard)
        return self.status


def test_all_bodies_together_have_a_limit_and_what_is_done_counts_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frostline.serve.door._MOST_HELD", 100)

    async def asked() -> list[int]:
        door = door_of(limits=Limits(body_bytes=60))
        first, second, third, fourth = (Asking(door) for _ in range(4))
        first.send(b"x" * 60, is_last=False)
        waits = asyncio.ensure_future(first.done())
        for _ in range(5):  # turns of the loop: it is taken in
            await asyncio.sleep(0)
        assert first.parts.empty()
        second.send(b"x" * 40, is_last=True)  # 100 together
        third.send(b"x" * 41, is_last=True)
        found = [await second.done(), await third.done()]
        assert third.told[b"connection"] == b"close"
        first.send(b"", is_last=True)
        found.append(await waits)
        fourth.send(b"x" * 60, is_last=True)
        found.append(await fourth.done())
        return found

    assert asyncio.run(asked()) == [204, 503, 204, 204]


def test_who_waits_to_be_told_to_send_a_body_is_sent_away_for_good() -> None:
    """It may send it all the same, and nobody would know what it is."""

    async def asked(headers: dict[str, str]) -> tuple[int, bytes | None]:
        admission = Admission(queue_s=1.0, most=1_000_000)
        admission.waiting = 1_000_000
        one = Asking(door_of(admission=admission), {"content-length": "400", **headers})
        return await one.done(), one.told.get(b"connection")

    assert asyncio.run(asked({})) == (503, None)
    assert asyncio.run(asked({"expect": "100-continue"})) == (503, b"close")


def test_a_large_request_is_read_and_waits_beside_small_ones() -> None:
    """Which are answered all the while; one that is small and finds no room is not."""

    async def asked() -> list[int]:
        admission = Admission(queue_s=60.0, most=1_000_000, speed=10_000.0 / 60 / 0.7)
        admission.enter(9_000)
        door = door_of(admission=admission)
        large, small, other = (Asking(door, {"content-length": size}) for size in ("8000", "40", "400"))
        for one, size in ((large, 8_000), (small, 40), (other, 400)):
            one.send(b"x" * size, is_last=True)
        waits = asyncio.ensure_future(large.done())
        for _ in range(10):  # turns of the loop: it is read, and waits
            await asyncio.sleep(0)
        assert large.parts.empty()
        assert large.status == 0
        found = [await small.done()]
        admission.leave(1_500)
        found += [await other.done(), await waits]
        assert admission.waiting == 7_500
        return found

    assert asyncio.run(asked()) == [503, 204, 204]


def test_wrong_keys_are_counted_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [7.0]
    monkeypatch.setattr("frostline.serve.door.time", SimpleNamespace(monotonic=lambda: now[0]))
    door = door_of(keys=Keys.read(None, KEY))

    def statuses(n: int, key: str) -> list[int]:
        async def asked() -> list[int]:
            asking = [Asking(door, {"x-api-key": key}) for _ in range(n)]
            for one in asking:
                one.send(b"", is_last=True)
            return [await one.done() for one in asking]

        return asyncio.run(asked())

    assert statuses(22, "wrong") == [401] * 20 + [429] * 2
    assert statuses(1, KEY) == [204]
    now[0] = 7.9
    assert statuses(1, "wrong") == [429]
    now[0] = 8.0
    assert statuses(21, "wrong") == [401] * 20 + [429]
