"""A download ends with the very file that was meant, or with one clear error and nothing of it kept."""

import hashlib
import itertools
import os
import random
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frostline.data.public_sets import Patience, RemoteFile, _why, download, is_whole
from frostline.errors import (
    FrostlineError,
    InputError,
    OutputError,
    StorageError,
    UnavailableError,
    UsageError,
)
from local_server import Fault, LocalServer, local_server

CONTENT = random.Random(5).randbytes(300_000)
CERTIFICATE = Path(__file__).with_name("localhost.pem")
QUICK = Patience(timeout_s=60, first_wait_s=0.01, longest_wait_s=0.05)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxies of this machine have no part in these tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server([("set.tsv", CONTENT)]) as running:
        yield running


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder / "set.tsv"


def remote(url: str, content: bytes = CONTENT) -> RemoteFile:
    return RemoteFile(url=url, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def names(destination: Path) -> list[str]:
    return sorted(path.name for path in destination.parent.iterdir())


def test_a_file_comes_whole(server: LocalServer, destination: Path) -> None:
    assert download(remote(server.url("set.tsv")), destination, patience=QUICK) == destination
    assert destination.read_bytes() == CONTENT
    assert names(destination) == ["set.tsv"]


def test_progress_ends_at_the_size(server: LocalServer, destination: Path) -> None:
    """Bytes held and bytes in all, never falling in an undisturbed download."""
    seen: list[tuple[int, int]] = []
    download(remote(server.url("set.tsv")), destination, progress=lambda *now: seen.append(now), patience=QUICK)
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert len(seen) > 3


def test_a_file_that_is_there_is_not_asked_for(server: LocalServer, destination: Path) -> None:
    """Neither is one that was put there by hand."""
    destination.write_bytes(CONTENT)
    download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert server.requests == []


def test_a_file_that_is_there_needs_nothing_written(destination: Path) -> None:
    """So that it may lie in a folder that we cannot write to."""
    destination.write_bytes(CONTENT)
    before = (destination.stat(), destination.parent.stat().st_mtime_ns)
    download(remote("https://127.0.0.1:1/set.tsv"), destination, patience=QUICK)
    assert (destination.stat(), destination.parent.stat().st_mtime_ns) == before


def test_a_damaged_file_is_replaced(server: LocalServer, destination: Path) -> None:
    damaged = bytearray(CONTENT)
    damaged[1000] ^= 1
    destination.write_bytes(damaged)
    download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert destination.read_bytes() == CONTENT


def test_a_damaged_file_stays_where_no_right_one_comes(server: LocalServer, destination: Path) -> None:
    destination.write_bytes(b"mine")
    server.will(Fault(content=b"x" * len(CONTENT)))
    with pytest.raises(InputError):
        download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert destination.read_bytes() == b"mine"


def test_a_cut_connection_is_asked_again_from_the_beginning(server: LocalServer, destination: Path) -> None:
    """Nothing of the cut answer is kept, and progress says so."""
    server.will(Fault(cut_after=100_000), Fault(cut_after=50_000))
    seen: list[int] = []
    download(remote(server.url("set.tsv")), destination, progress=lambda done, _: seen.append(done), patience=QUICK)
    assert destination.read_bytes() == CONTENT
    assert server.starts == [0, 0, 0]
    assert [seen[place - 1] for place, done in enumerate(seen) if done == 0 < place] == [100_000, 50_000]
    assert max(seen) == seen[-1] == len(CONTENT)


def test_a_connection_that_is_always_cut_leaves_nothing(server: LocalServer, destination: Path) -> None:
    server.will(*[Fault(cut_after=100_000)] * 2)
    with pytest.raises(UnavailableError, match="failed 2 times, last: closed early, after 100,000 of 300,000 bytes"):
        download(remote(server.url("set.tsv")), destination, patience=Patience(attempts=2, first_wait_s=0.0))
    assert names(destination) == []


def test_a_piece_in_place_of_the_file_is_refused(server: LocalServer, destination: Path) -> None:
    """206 in answer to a request for the whole."""
    server.will(Fault(status=206))
    with pytest.raises(UnavailableError, match="answered with HTTP 206"):
        download(remote(server.url("set.tsv")), destination, patience=QUICK)


def test_a_wrong_digest_names_both_and_keeps_nothing(server: LocalServer, destination: Path) -> None:
    other = b"x" * len(CONTENT)
    server.files["set.tsv"] = other
    with pytest.raises(InputError) as caught:
        download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert hashlib.sha256(CONTENT).hexdigest() in caught.value.message
    assert hashlib.sha256(other).hexdigest() in caught.value.message
    assert names(destination) == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("size_bytes", [len(CONTENT) - 1, len(CONTENT) + 1, 10 * len(CONTENT)])
@pytest.mark.parametrize("is_unsized", [False, True])
def test_another_size_is_refused(server: LocalServer, destination: Path, size_bytes: int, *, is_unsized: bool) -> None:
    """Announced, it is refused before a byte is taken; unannounced, at the size of the right file at the latest."""
    server.files["set.tsv"] = (CONTENT * 10)[:size_bytes]
    server.will(*[Fault(is_unsized=is_unsized)] * QUICK.attempts)
    expected = UnavailableError if is_unsized and size_bytes < len(CONTENT) else InputError
    with pytest.raises(expected) as caught:
        download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert "300,000" in caught.value.message
    assert not destination.exists()
    if expected is InputError:
        assert names(destination) == []


def test_a_missing_file_is_not_asked_for_twice(server: LocalServer, destination: Path) -> None:
    with pytest.raises(UnavailableError, match="HTTP 404") as caught:
        download(remote(server.url("other.tsv")), destination, patience=QUICK)
    assert len(server.requests) == 1
    assert str(destination) in caught.value.hint
    assert names(destination) == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_status_is_tried_again(server: LocalServer, destination: Path, status: int) -> None:
    server.will(Fault(status=status), Fault(status=status))
    download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert destination.read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_trying_again_ends(server: LocalServer, destination: Path) -> None:
    server.will(*[Fault(status=503)] * 50)
    with pytest.raises(UnavailableError, match="failed 6 times, last: HTTP 503"):
        download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert len(server.requests) == 6


def test_the_waits_double(server: LocalServer, destination: Path) -> None:
    """0.05 + 0.1 + 0.2 s at the least for three failures."""
    server.will(*[Fault(status=500)] * 3)
    begin = time.monotonic()
    download(remote(server.url("set.tsv")), destination, patience=Patience(first_wait_s=0.05))
    assert 0.35 <= time.monotonic() - begin < 60


def test_retry_after_is_heeded_within_reason(server: LocalServer, destination: Path) -> None:
    server.will(Fault(status=503, headers={"Retry-After": "86400"}))
    begin = time.monotonic()
    download(remote(server.url("set.tsv")), destination, patience=Patience(first_wait_s=0.0, longest_wait_s=0.3))
    assert 0.3 <= time.monotonic() - begin < 60


def test_a_server_that_hangs_up_is_asked_again(server: LocalServer, destination: Path) -> None:
    server.will(Fault(is_silent=True))
    download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert len(server.requests) == 2


def test_a_slow_server_is_waited_for(server: LocalServer, destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slower than timeout_s in all, but never silent for so long."""
    clock = itertools.count(step=30)  # seconds for each of at least five pieces
    monkeypatch.setattr("frostline.data.public_sets.time", SimpleNamespace(monotonic=lambda: next(clock)))
    download(remote(server.url("set.tsv")), destination, patience=Patience(timeout_s=60))
    assert server.starts == [0]
    assert next(clock) > 5 * 30


def test_a_stalled_server_is_asked_again(server: LocalServer, destination: Path) -> None:
    server.will(Fault(pause_s=5))
    download(remote(server.url("set.tsv")), destination, patience=Patience(timeout_s=1.0, first_wait_s=0.01))
    assert len(server.requests) >= 2
    assert destination.read_bytes() == CONTENT


def test_a_trickle_counts_as_stalled(server: LocalServer, destination: Path) -> None:
    """A byte now and then would keep any time limit on a single read from ever being met."""
    server.will(Fault(pause_s=0.02, piece_bytes=1))
    patience = Patience(timeout_s=0.3, first_wait_s=0.01, slowest_bytes_s=1000)
    download(remote(server.url("set.tsv")), destination, patience=patience)
    assert len(server.requests) >= 2
    assert destination.read_bytes() == CONTENT


def test_no_server_is_said_at_once(destination: Path) -> None:
    """No retries where there never was a connection; the hint says what can be done by hand."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/set.tsv"
        begin = time.monotonic()
        with pytest.raises(UnavailableError, match="cannot be reached") as caught:
            download(remote(url), destination)
    assert time.monotonic() - begin < 60
    assert url in caught.value.hint
    assert str(destination) in caught.value.hint
    assert names(destination) == []


def test_a_silent_network_is_given_up_within_seconds(destination: Path) -> None:
    """A full backlog answers like a firewall that drops packets: not at all."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            begin = time.monotonic()
            url = f"http://127.0.0.1:{full.getsockname()[1]}/set.tsv"
            with pytest.raises(UnavailableError, match="timed out"):
                download(remote(url), destination, patience=Patience(timeout_s=0.3))
            assert time.monotonic() - begin < 60
        finally:
            for filler in fillers:
                filler.close()


def test_an_unknown_name_is_said_at_once(destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UnavailableError, match=r"cannot be reached \(Temporary failure in name resolution\)"):
        download(remote("https://sets.example/set.tsv"), destination)


def test_a_network_that_goes_away_is_asked_for_again(server: LocalServer, destination: Path) -> None:
    """The proxy forwards the first request and is gone at the second."""
    server.will(Fault(cut_after=100_000))
    address = server.url("set.tsv")

    def gone(now: int, _: int) -> None:
        if now == 100_000:
            monkey.setenv("http_proxy", "http://127.0.0.1:1")

    with pytest.MonkeyPatch.context() as monkey, pytest.raises(UnavailableError, match="failed 6 times"):
        download(remote(address), destination, progress=gone, patience=QUICK)
    assert names(destination) == []


@pytest.mark.parametrize(
    "url", ["http://sets.example/a", "ftp://127.0.0.1/a", "file:///etc/passwd", "a.tsv", "https://"]
)
def test_only_https_is_spoken(destination: Path, url: str) -> None:
    """Plain http only to this machine itself."""
    with pytest.raises(UsageError, match="must begin with https://"):
        download(remote(url), destination)


@pytest.mark.parametrize("target", ["http://sets.example/a", "file:///etc/passwd", "ftp://127.0.0.1/set.tsv"])
def test_a_redirect_to_another_scheme_is_refused(server: LocalServer, destination: Path, target: str) -> None:
    server.will(Fault(status=302, headers={"Location": target}))
    with pytest.raises(UnavailableError, match="only https is followed"):
        download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert len(server.requests) == 1
    assert names(destination) == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(server: LocalServer, destination: Path, status: int) -> None:
    server.will(Fault(status=status, headers={"Location": "/set.tsv"}))
    download(remote(server.url("old.tsv")), destination, patience=QUICK)
    assert [request.target for request in server.requests] == ["/old.tsv", "/set.tsv"]


def test_redirects_in_a_circle_end(server: LocalServer, destination: Path) -> None:
    server.will(*[Fault(status=302, headers={"Location": "/set.tsv"})] * 50)
    with pytest.raises(UnavailableError, match="redirects more than 5 times"):
        download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert len(server.requests) == 6


def test_a_compressed_copy_is_refused(server: LocalServer, destination: Path) -> None:
    server.will(Fault(headers={"Content-Encoding": "gzip"}))
    with pytest.raises(UnavailableError, match="compressed"):
        download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_a_proxy_is_used(server: LocalServer, destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address itself cannot be reached; the proxy answers for it."""
    monkeypatch.setenv("HTTP_PROXY", server.url(""))
    download(remote("http://127.0.0.1:1/set.tsv"), destination, patience=QUICK)
    assert server.requests[0].target == "http://127.0.0.1:1/set.tsv"
    assert destination.read_bytes() == CONTENT


def test_https_works_with_a_trusted_certificate(destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with local_server([("set.tsv", CONTENT)], certificate=CERTIFICATE) as server:
        server.will(Fault(cut_after=100_000))
        download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert destination.read_bytes() == CONTENT


def test_a_handshake_that_is_cut_is_tried_again(destination: Path) -> None:
    """Somebody is there, so the network is: this may pass."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            for _ in range(2):
                listening.accept()[0].close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/set.tsv"
        with pytest.raises(UnavailableError, match="failed 2 times"):
            download(remote(url), destination, patience=Patience(timeout_s=2, attempts=2, first_wait_s=0.0))
        thread.join()


def test_an_untrusted_certificate_is_refused_at_once(destination: Path) -> None:
    with local_server([("set.tsv", CONTENT)], certificate=CERTIFICATE) as server:
        with pytest.raises(UnavailableError, match="certificate is not trusted"):
            download(remote(server.url("set.tsv")), destination, patience=QUICK)
        assert server.requests == []


def test_https_does_not_fall_back_to_http(
    server: LocalServer, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even to this machine itself, which plain http could reach."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with local_server([("set.tsv", CONTENT)], certificate=CERTIFICATE) as secure:
        secure.will(Fault(status=302, headers={"Location": server.url("set.tsv")}))
        with pytest.raises(UnavailableError, match="only https is followed"):
            download(remote(secure.url("set.tsv")), destination, patience=QUICK)
    assert server.requests == []


FULL_DISK = """
    import resource, sys
    from pathlib import Path
    from frostline.data.public_sets import RemoteFile, download
    from frostline.errors import FrostlineError
    limit = int(sys.argv[5])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    remote = RemoteFile(url=sys.argv[1], sha256=sys.argv[3], size_bytes=int(sys.argv[4]))
    try:
        download(remote, Path(sys.argv[2]))
    except FrostlineError as error:
        print(type(error).__name__, error)
        sys.exit(error.exit_code)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits on file size are POSIX")
def test_a_full_disk_is_said_and_leaves_nothing(server: LocalServer, destination: Path) -> None:
    """A limit on file size stands for the full disk."""
    wanted = remote(server.url("set.tsv"))
    done = subprocess.run(
        [
            *(sys.executable, "-c", textwrap.dedent(FULL_DISK)),
            *(wanted.url, str(destination), wanted.sha256, str(wanted.size_bytes), "100000"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == StorageError.exit_code, done.stderr
    assert f"StorageError {destination}: writing failed" in done.stdout
    assert "300,000 bytes were to be written" in done.stdout
    assert names(destination) == []


KILLED = """
    import sys
    from pathlib import Path
    from frostline.data.public_sets import RemoteFile, download
    download(RemoteFile(url=sys.argv[1], sha256=sys.argv[3], size_bytes=int(sys.argv[4])), Path(sys.argv[2]),
             progress=lambda now, _: print(now, flush=True))
"""


def test_a_killed_run_leaves_nothing_in_the_way(server: LocalServer, destination: Path) -> None:
    """What it had is gone with it; a file that a killed run was writing is swept by the next."""
    wanted = remote(server.url("set.tsv"))
    server.will(Fault(pause_s=0.05, piece_bytes=20_000))
    arguments = [wanted.url, str(destination), wanted.sha256, str(wanted.size_bytes)]
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), *arguments], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        while int(child.stdout.readline()) < 60_000:
            pass
        child.kill()
    assert names(destination) == []
    destination.with_name(".tmp-set.tsv-0123456789ab").write_bytes(CONTENT[:1000])
    download(wanted, destination, patience=QUICK)
    assert destination.read_bytes() == CONTENT
    assert names(destination) == ["set.tsv"]


def test_many_at_once_do_no_harm(server: LocalServer, destination: Path) -> None:
    """All end with the whole, whoever comes last."""
    server.will(*[Fault(pause_s=0.02, piece_bytes=30_000)] * 6)
    wanted = remote(server.url("set.tsv"))
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: download(wanted, destination, patience=QUICK), range(6)))
    assert done == [destination] * 6
    assert destination.read_bytes() == CONTENT
    assert names(destination) == ["set.tsv"]


def test_a_missing_folder_is_said_before_any_request(server: LocalServer, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="must exist"):
        download(remote(server.url("set.tsv")), tmp_path / "nowhere" / "set.tsv", patience=QUICK)
    assert server.requests == []


def test_a_link_in_the_way_is_replaced_not_followed(server: LocalServer, destination: Path, tmp_path: Path) -> None:
    """In a folder that others can write to, the name could point at a file of ours."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"keep me")
    destination.symlink_to(precious)
    download(remote(server.url("set.tsv")), destination, patience=QUICK)
    assert precious.read_bytes() == b"keep me"
    assert not destination.is_symlink()
    assert destination.read_bytes() == CONTENT


def test_an_empty_file_is_a_file(server: LocalServer, destination: Path) -> None:
    server.files["set.tsv"] = b""
    download(remote(server.url("set.tsv"), b""), destination, patience=QUICK)
    assert is_whole(destination, remote("https://sets.example", b""))


faults = st.lists(
    st.one_of(
        st.builds(Fault, cut_after=st.integers(0, 5000), ignores_range=st.booleans(), is_unsized=st.booleans()),
        st.builds(Fault, status=st.sampled_from([404, 416, 429, 500, 503])),
        st.just(Fault(is_silent=True)),
        st.builds(Fault, content=st.sampled_from([b"", b"x" * 4000, b"x" * 5000, b"x" * 6000])),
        st.builds(Fault, headers=st.sampled_from([{"Content-Length": "7"}, {"ETag": "W/1"}, {"Content-Length": "-1"}])),
        st.builds(Fault, content_range=st.sampled_from(["bytes 1-2/3", "nonsense", "bytes 0-4999/*"])),
    ),
    max_size=5,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=faults)
def test_whatever_happens_it_is_the_file_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, faults: list[Fault]
) -> None:
    """Under any faults the destination is the file or absent; a calm try afterwards succeeds."""
    content = CONTENT[:5000]
    destination = tmp_path_factory.mktemp("kept") / "set.tsv"
    patience = Patience(timeout_s=60, attempts=4, first_wait_s=0.0)
    with local_server([("set.tsv", content)]) as server:
        server.will(*faults)
        wanted = remote(server.url("set.tsv"), content)
        try:
            download(wanted, destination, patience=patience)
        except FrostlineError:
            assert names(destination) == []
            server.faults.clear()
            download(wanted, destination, patience=patience)
        assert destination.read_bytes() == content
        assert names(destination) == ["set.tsv"]


def test_why_a_connection_failed_is_told_in_200_characters() -> None:
    """More, and what could steer a terminal, is quoted, cut and escaped."""
    assert _why(ValueError("x" * 200)) == "x" * 200
    assert _why(ValueError("x" * 201)) == "'" + "x" * 199 + "…'"
    assert _why(ValueError("\x1b[2J")) == r"'\x1b[2J'"
    assert _why(OSError(111, "Connection refused")) == "Connection refused"
    assert _why(TimeoutError()) == "timed out"
    assert _why(ValueError()) == "ValueError"
