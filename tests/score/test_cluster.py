"""On Ray itself: two nodes on this machine, in two network namespaces, one of them killed; an object store between."""

import contextlib
import json
import os
import random
import signal
import subprocess  # noqa: TC003 - of an annotation
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Command
from frostline.score.on_ray import Cluster
from object_store import BUCKET, KEYS
from two_nodes import HERE, PATIENCE_S, THERE, Nodes, is_possible, two_nodes

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
ONE = Path(__file__).parent.parent / "artifact" / "saved_by_0_1_0" / "one-label"
WORDS = "the soup was very tasty goal bread and cheese coach team"


MAKING = """
import time
from pyarrow import fs
for _ in range(600):
    try:
        store = fs.S3FileSystem(endpoint_override="{}", scheme="http", allow_bucket_creation=True)
        store.create_dir("{}")
        break
    except OSError:
        time.sleep(0.1)
"""
READING = "import sys; from frostline.places import place_of; sys.stdout.buffer.write(place_of('{}').read_bytes())"


@contextlib.contextmanager
def moto_in(nodes: Nodes, port: int) -> Iterator[None]:
    """Moto's server on the head, with a bucket."""
    process = nodes.python("-m", "moto.server", "-H", HERE, "-p", str(port))
    try:
        making = nodes.python("-c", MAKING.format(f"{HERE}:{port}", BUCKET))
        making.communicate(timeout=120)
        assert making.returncode == 0
        yield
    finally:
        process.kill()
        process.communicate()


def rows_in(path: Path, n: int) -> Path:
    lot, words = random.Random(0), WORDS.split()
    path.write_text("id\ttext\n" + "".join(f"{row}\t{' '.join(lot.choices(words, k=6))}\n" for row in range(n)))
    return path


def finished(out: Path) -> int:
    return len(list(out.with_name(f"{out.name}.parts").glob("*.json")))


def wait_for(nodes: Nodes, condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(not is_possible(), reason="needs network namespaces: root and iproute2")
def test_two_nodes_one_killed_in_the_middle(tmp_path: Path) -> None:
    """The same bytes as on one machine; what only one node sees is refused before any work."""
    source, one, out = rows_in(tmp_path / "in.tsv", 30_000), tmp_path / "one.csv", tmp_path / "out.csv"
    with two_nodes(tmp_path) as nodes:
        process = nodes.popen("predict", str(ONE), str(source), "--out", str(one))
        told = process.communicate(timeout=300)[1]
        assert process.returncode == 0, told
        process = nodes.popen("predict", str(ONE), str(source), "--out", str(out), "--on", nodes.on, "--workers", "2")
        wait_for(nodes, lambda: finished(out) >= 3, process)
        raylet = nodes.raylet(THERE)
        assert raylet is not None
        os.kill(raylet, signal.SIGKILL)
        told = process.communicate(timeout=300)[1]
        assert process.returncode == 0, told
        assert "On Ray: 2 workers." in told
        assert out.read_bytes() == one.read_bytes()
        manifest = json.loads(out.with_name("out.csv.manifest.json").read_text())
        assert {**manifest, "file": ""} == {
            **json.loads(one.with_name("one.csv.manifest.json").read_text()),
            "file": "",
        }
        nodes.environment["RAY_AUTH_TOKEN"] = "another"  # noqa: S105 - not the cluster's
        process = nodes.popen("predict", str(ONE), str(source), "--out", str(tmp_path / "no.csv"), "--on", nodes.on)
        told = process.communicate(timeout=300)[1]
        assert (process.returncode, "Ray does not answer at" in told) == (69, True), told


@pytest.mark.skipif(not is_possible(), reason="needs network namespaces: root and iproute2")
def test_two_nodes_and_an_object_store(tmp_path: Path) -> None:
    """Parts of both nodes are objects; moto's server is in the head's namespace."""
    source, one = rows_in(tmp_path / "in.tsv", 4_000), tmp_path / "one.npy"
    asked = ("--encoder", str(ONE / "encoder"), "--no-store")
    store = f"http://{HERE}:5777"
    given = {**KEYS, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": store}
    with two_nodes(tmp_path, environment=given) as nodes, moto_in(nodes, 5777):
        process = nodes.popen("embed", str(source), "--out", str(one), *asked)
        told = process.communicate(timeout=300)[1]
        assert process.returncode == 0, told
        out = f"s3://{BUCKET}/out.npy"
        process = nodes.popen("embed", str(source), "--out", out, *asked, "--on", nodes.on, "--workers", "2")
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said
        assert nodes.python("-c", READING.format(out)).communicate(timeout=60)[0] == one.read_bytes()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # Ray's own
def test_a_cluster_of_its_own_joins_no_other(
    frostline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On loopback, with a token of its own, whatever address the environment names."""
    monkeypatch.setenv("RAY_ADDRESS", "10.9.9.9:1")
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.delenv(name, raising=False)
    source, one, out = rows_in(tmp_path / "in.tsv", 9000), tmp_path / "one.parquet", tmp_path / "out.parquet"
    assert frostline("predict", ONE, source, "--out", one).code == 0
    told = frostline("predict", ONE, source, "--out", out, "--on", "ray", "--workers", "2")
    assert (told.code, "On Ray: 2 workers." in told.err) == (0, True), told.err
    assert out.read_bytes() == one.read_bytes()
    told = frostline("predict", ONE, source, "--out", out, "--on", "ray", "--workers", "2")
    assert "is complete" in told.err
    with Cluster(None, workers=1):
        import ray  # noqa: PLC0415 - where the environment is as the cluster wants it

        assert [node["NodeManagerAddress"] for node in ray.nodes()] == ["127.0.0.1"]
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
