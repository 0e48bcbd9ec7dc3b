"""A Ray cluster of two nodes on this machine, each in a network namespace of its own: needs root, iproute2 and Ray."""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE, THERE, PORT = "10.77.0.1", "10.77.0.2", 6390
ROOT = Path(__file__).parent.parent
PATIENCE_S = 90


def is_possible() -> bool:
    """Whether namespaces can be made here."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"frost-try-{secrets.token_hex(3)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0  # noqa: S607
    if made:
        _ip("netns", "del", name)
    return made


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)  # noqa: S607


@dataclass
class Nodes:
    """The head here, the other there; what runs on the head's side is started by `run`."""

    names: tuple[str, str]
    folder: Path
    environment: dict[str, str]
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def on(self) -> str:
        """As `--on` takes it."""
        return f"ray:{HERE}:{PORT}"

    def start(self, address: str, *, cpus: int) -> None:
        """A node; returns once its raylet answers."""
        is_head = address == HERE
        how = ["--head", f"--port={PORT}", "--include-dashboard=false"] if is_head else [f"--address={HERE}:{PORT}"]
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *how, f"--node-ip-address={address}"]
        command += [f"--num-cpus={cpus}", "--disable-usage-stats", "--block"]
        command += ["--object-store-memory=100000000"]
        with (self.folder / f"{address}.log").open("ab") as log:
            self.started[address] = subprocess.Popen(
                ["ip", "netns", "exec", self.names[not is_head], *command],  # noqa: S607
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE_S
        while b"Ray runtime started" not in (self.folder / f"{address}.log").read_bytes():
            told = (self.folder / f"{address}.log").read_text()
            assert self.started[address].poll() is None, told
            assert time.monotonic() < deadline, told
            time.sleep(0.2)

    def raylet(self, address: str) -> int | None:
        """The process of the node that is there."""
        return next(iter(self._processes("raylet/raylet", f"--node_ip_address={address}")), None)

    def workers(self) -> list[int]:
        """The processes of all actors."""
        return self._processes("ray::Actor")

    def _processes(self, *parts: str) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                told = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                inside = self.folder.name in (entry / "environ").read_bytes().decode("utf-8", "replace")
                if inside and all(part in told for part in parts) and "ray.scripts" not in told:
                    found.append(int(entry.name))
        return found

    def popen(self, *arguments: str) -> "subprocess.Popen[str]":
        """A frostline on the head's side."""
        command = ["ip", "netns", "exec", self.names[0], sys.executable, "-m", "frostline", *arguments]
        return subprocess.Popen(
            command, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder
        )

    def python(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A Python on the head's side."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.names[0], sys.executable, *arguments],  # noqa: S607
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def stop(self, address: str) -> None:
        """End all of a node."""
        process = self.started.pop(address)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


@contextlib.contextmanager
def two_nodes(
    folder: Path, *, cpus: tuple[int, int] = (2, 1), environment: Mapping[str, str] | None = None
) -> Iterator[Nodes]:
    """The cluster, which ends with the context; `folder` is on a path that both see, and has a name of its own."""
    mark = secrets.token_hex(3)
    names = (f"frost-{mark}-a", f"frost-{mark}-b")
    given = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")]),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",  # a cluster of this process's own has switched it off
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "FROSTLINE_CLUSTER_MARK": str(folder),
        **(environment or {}),
    }
    nodes = Nodes(names, folder, given)
    try:
        for name in names:
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip(
            "link",
            "add",
            f"v{mark}a",
            "netns",
            names[0],
            "type",
            "veth",
            "peer",
            "name",
            f"v{mark}b",
            "netns",
            names[1],
        )
        for name, end, address in zip(names, "ab", (HERE, THERE), strict=True):
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", f"v{mark}{end}")
            _ip("-n", name, "link", "set", f"v{mark}{end}", "up")
        nodes.start(HERE, cpus=cpus[0])
        nodes.start(THERE, cpus=cpus[1])
        yield nodes
    finally:
        for address in list(nodes.started):
            nodes.stop(address)
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)  # noqa: S607
