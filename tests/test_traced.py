"""Nothing leaves the machine, nothing is written elsewhere: seen by strace, with an empty home and no network.

The verbs and the library run in a network namespace of their own, in which every address is out of reach; what they
try is in the trace all the same. Needs Linux, strace and unshare.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from encoder_fakes import make_checkpoint

TRACER, SPACE = shutil.which("strace"), shutil.which("unshare")


def _works() -> bool:
    """Whether a namespace may be made here and a process traced in it."""
    if TRACER is None or SPACE is None:
        return False
    tried = [SPACE, "--map-root-user", "--net", TRACER, "-o", os.devnull, "true"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


needs_tracing = pytest.mark.skipif("not _works()", reason="needs strace and unshare, and leave to use them")
CALLS = (
    "%network,open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,truncate"
)
_ABROAD = re.compile(r"AF_(?!UNIX)\w+")
_OWN = re.compile(r'AF_INET, sin_port=htons\(\d+\), sin_addr=inet_addr\("127\.0\.0\.1"\)')
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE")
_QUOTED = re.compile(r'(?:(AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
HARMLESS = ("/dev/null", "/dev/tty", "/dev/shm/sem.", "/proc/self/")  # noqa: S108 - a semaphore has a name for a moment


BESIDE = """
import fcntl, os, signal, socket, struct, subprocess, sys
with socket.socket() as handle:  # the loopback of a new namespace is down
    asked = bytearray(struct.pack("16sh22x", b"lo", 0))
    fcntl.ioctl(handle, 0x8913, asked)
    fcntl.ioctl(handle, 0x8914, struct.pack("16sh22x", b"lo", struct.unpack_from("h", asked, 16)[0] | 1))
process = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE)
try:
    exec(sys.argv[1])
finally:  # the tracer ends with what it traces, and would leave it behind if it were told to end itself
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as traced:
        os.kill(int(traced.read().split()[0]), signal.SIGTERM)
    sys.stdout.buffer.write(process.communicate(timeout=60)[0])
raise SystemExit(process.returncode)
"""
"""Starts the command with a loopback of its own, runs the code given while it is there, and ends it."""

ASKS = """
import http.client, json, time
def ask(method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", 8765, timeout=60)
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    return answer.status, answer.read()
for _ in range(600):
    try:
        if ask("GET", "/readyz")[0] == 200:
            break
    except OSError:
        assert process.poll() is None
    time.sleep(0.1)
print(json.loads(ask("POST", "/v1/classify", json.dumps({"texts": ["a fine film"]}))[1]), flush=True)
for path in ("/", "/metrics", "/openapi.json"):
    assert ask("GET", path)[0] == 200, path
assert ask("POST", "/v1/explain", json.dumps({"text": "a fine film"}))[0] == 200
"""


class Traced:
    """Runs commands under strace in a folder that has an empty home, a home of Frostline's, and a place for results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.kept, self.out, self.tmp = (folder / name for name in ("home", "kept", "out", "tmp"))
        for place in (self.home, self.kept, self.out, self.tmp):
            place.mkdir(mode=0o700)

    def python(self, *arguments: str, code: int = 0, asking: str = "") -> str:
        """What the interpreter prints; fails on any address tried and any file written elsewhere.

        Parameters
        ----------
        code : int
            Its exit code.
        asking : str
            Python for an interpreter beside it, which is not traced; both have a loopback then, and nothing else.
        """
        assert TRACER is not None
        assert SPACE is not None
        log = self.folder / "trace"
        tracer = [TRACER, "-f", "-y", "-qq", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(log)]
        command = [*tracer, sys.executable, *arguments]
        if asking:
            command = [sys.executable, "-c", BESIDE, asking, *command]
        environment = {
            "HOME": str(self.home),
            "PATH": os.environ.get("PATH", os.defpath),
            "TMPDIR": str(self.tmp),
            "FROSTLINE_HOME": str(self.kept),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        ended = subprocess.run(
            [SPACE, "--map-root-user", "--net", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
            cwd=self.out,
            env=environment,
        )
        assert ended.returncode == code, ended.stderr
        lines = log.read_text("utf-8", "replace").splitlines()
        assert len(lines) > 50  # it was traced
        assert self.odd(lines) == []
        assert sorted(self.home.rglob("*")) == []
        return ended.stdout

    def odd(self, lines: list[str]) -> list[str]:
        """The calls that name an address, or make, open for writing, move or link a file outside the places given."""
        return [line for line in lines if self._is_abroad(line) or self._is_written_elsewhere(line)]

    @staticmethod
    def _is_abroad(line: str) -> bool:
        call = re.search(r"\b(connect|sendto|sendmsg|sendmmsg|bind)\(", line)
        is_served = call is not None and call[1] == "bind" and _OWN.search(line) is not None
        return call is not None and not is_served and _ABROAD.search(line) is not None

    def _is_written_elsewhere(self, line: str) -> bool:
        call = re.search(r"\b(\w+)\(", line)
        if call is None or call[1] in {"connect", "sendto", "sendmsg", "socket", "execve"}:
            return False
        if call[1].startswith("open") and not _WRITES.search(line):
            return False
        if not re.search(r"\b(open|creat|mkdir|rename|link|symlink|truncate)", call[1]) or re.search(r"= -1 E", line):
            return False
        paths = [Path(base or self.out) / path for _, base, path in _QUOTED.findall(line[call.end() :])]
        allowed = (str(self.kept), str(self.out), str(self.tmp))
        return not all(os.path.normpath(path).startswith((*allowed, *HARMLESS)) for path in paths)


@pytest.fixture
def traced(tmp_path: Path) -> Traced:
    made = Traced(tmp_path)
    rows = "".join(f"a fine film, number {row}\tpos\na bad one, number {row}\tneg\n" for row in range(20))
    (made.out / "rows.tsv").write_text(rows, "utf-8")
    return made


@pytest.mark.slow
@needs_tracing
def test_the_verbs_stay_at_home(traced: Traced) -> None:
    """With the encoder that comes with the install, from the first word to the report and its pictures."""
    run = ["-m", "frostline"]
    traced.python(*run, "doctor")
    traced.python(*run, "train", "rows.tsv", "--out", "model", "-C", "0.1", "--features", "mean@-1")
    assert (traced.out / "model" / "report.html").is_file()
    assert traced.python(*run, "predict", "model", "a fine film").startswith("pos")
    traced.python(*run, "predict", "model", "rows.tsv", "--out", "scored.parquet")
    traced.python(*run, "embed", "rows.tsv", "--features", "mean@-1", "--out", "rows.npy")
    traced.python(*run, "evaluate", "model", "rows.tsv", "--report", "page.html")
    traced.python(*run, "sweep", "rows.tsv", "-C", "0.1", "--plot", "sweep.png")
    traced.python(*run, "review", "rows.tsv", "--out", "fixes.tsv")
    traced.python(*run, "explain", "model", "a fine film")


@pytest.mark.slow
@needs_tracing
def test_the_other_verbs_stay_at_home(traced: Traced) -> None:
    """What compares, exports, teaches, lists and checks; a page lacks its packages, and fetches none of them."""
    run = ["-m", "frostline"]
    one = ["rows.tsv", "--encoder", str(make_checkpoint(traced.out / "encoder"))]
    traced.python(*run, "train", *one, "--out", "model", "-C", "0.1", "--features", "mean@-1+words")
    traced.python(*run, "compare", "rows.tsv", "--encoders", "encoder", "--features", "mean@-1,cls@-1")
    traced.python(*run, "export", "model", "--out", "exported")
    traced.python(*run, "page", "model", "--out", "site", code=66)
    traced.python(*run, "tutorial", *one, "--html", "lesson.html")
    traced.python(*run, "distil", "encoder", "--out", "table")
    traced.python(*run, "predict", "model", "rows.tsv", "--out", "scored.csv", "--workers", "2")
    traced.python(*run, "verify", "scored.csv")
    traced.python(*run, "encoders")
    traced.python(*run, "cache", "info")


@pytest.mark.slow
@needs_tracing
def test_the_server_stays_at_home(traced: Traced) -> None:
    """It listens where it is told to, and neither it nor the process that reads asks anybody anything."""
    pytest.importorskip("fastapi")
    run, encoder = ["-m", "frostline"], make_checkpoint(traced.out / "encoder")
    traced.python(
        *run, "train", "rows.tsv", "--encoder", str(encoder), "--out", "model", "-C", "0.1", "--features", "mean@-1"
    )
    assert "'pos'" in traced.python(*run, "serve", "model", "--port", "8765", asking=ASKS)


@pytest.mark.slow
@needs_tracing
def test_the_library_stays_at_home(traced: Traced) -> None:
    code = """
from frostline import SentenceClassifier
texts = [line.split("\\t")[0] for line in open("rows.tsv", encoding="utf-8")]
labels = ["pos", "neg"] * 20
found = SentenceClassifier(features="mean@-1", Cs=[0.1]).fit(texts, labels)
found.save("model")
print(SentenceClassifier.load("model").predict(["a fine film"])[0])
"""
    assert traced.python("-c", code) == "pos\n"


@pytest.mark.parametrize(
    "line",
    [
        '1 connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("1.2.3.4")}, 16) = -1 E',
        '1 sendto(3<socket:[1]>, "x", 1, 0, {sa_family=AF_INET6, sin6_port=htons(53)}, 28) = -1 ENETUNREACH (x)',
        '1 openat(AT_FDCWD</x>, "/home/somebody/.cache/a", O_WRONLY|O_CREAT, 0666) = 3</home/somebody/.cache/a>',
        '1 openat(AT_FDCWD</x>, "b", O_RDWR) = 3</x/b>',
        '1 mkdir("/home/somebody/.config", 0777) = 0',
        '1 rename("OUT/a", "/home/somebody/a") = 0',
        '1 bind(3<x>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("0.0.0.0")}, 16) = 0',
        '1 connect(3<x>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 E',
    ],
)
def test_what_is_looked_for_is_seen(traced: Traced, line: str) -> None:
    assert traced.odd([line.replace("OUT", str(traced.out))]) != []


@pytest.mark.parametrize(
    "line",
    [
        '1 connect(3<socket:[1]>, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT (No such)',
        '1 openat(AT_FDCWD</x>, "/home/somebody/.cache/a", O_RDONLY|O_CLOEXEC) = 3</home/somebody/.cache/a>',
        '1 openat(AT_FDCWD</x>, "/usr/a", O_WRONLY|O_CREAT, 0666) = -1 EACCES (Permission denied)',
        '1 mkdir("OUT/model", 0777) = 0',
        '1 bind(3<x>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        '1 openat(AT_FDCWD</x>, "/dev/null", O_RDWR) = 3</dev/null>',
    ],
)
def test_what_is_harmless_is_none(traced: Traced, line: str) -> None:
    assert traced.odd([line.replace("OUT", str(traced.out))]) == []
