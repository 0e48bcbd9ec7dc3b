"""Loading a stranger's artifact runs nothing, starts nothing, asks no network, and opens nothing outside its folder.

A child process arms Python's audit hook, loads every hostile artifact, and reports what the interpreter did.
"""

import json
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile_artifacts import FORGERIES, HEADS, PLAIN, Bomb, with_encoder_folder
from made_artifacts import forge, forge_file, saved, some_head
from test_artifact_answers import FORGERIES as ANSWERING
from test_artifact_answers import TEMPERATURE
from test_artifact_more_files import FORGED, VOCABULARY, WHOLE, WORDS

from frostline.head.linear import Rule

CHILD = """
import importlib, json, pathlib, pickle, pkgutil, sys
import frostline.encoder, onnx, onnxruntime, tokenizers
for module in pkgutil.iter_modules(frostline.encoder.__path__):  # what opening an encoder may import
    importlib.import_module("frostline.encoder." + module.name)
frostline.encoder.files.SETTLED_NS = 1 << 62  # on a slow machine too: a digest that is kept would be a file written
from frostline.artifact import load_artifact, load_neighbours
from frostline.artifact.model import open_model
from frostline.artifact.manifest import ENCODER_FILES, KNOWN_FILES
from frostline.errors import FrostlineError

paths, control = json.loads(sys.stdin.read())
names = {"manifest.json", "encoder", *KNOWN_FILES, *ENCODER_FILES}
seen, current, armed = [], "", False

def hook(event, arguments):
    if not armed:
        return
    if event == "open":
        name = str(arguments[0])
        if isinstance(arguments[0], int):
            return  # a file that is open already
        if not name.startswith(current + "/") and name != current and name not in names:
            seen.append([current, event, name])
    elif event.split(".")[0] in {"exec", "compile", "import", "marshal", "pickle", "socket", "subprocess", "ctypes",
                                 "shutil", "urllib", "http", "sqlite3", "mmap", "code"} or event in {
                                 "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.remove",
                                 "os.rename", "os.mkdir", "os.symlink", "os.link", "os.chmod", "os.putenv"}:
        seen.append([current, event, repr(arguments)[:200]])

sys.addaudithook(hook)
ends = {}
for current in paths:
    path = pathlib.Path(current)
    armed = True
    try:
        load_neighbours(load_artifact(path))
        open_model(path)
        end = "opened"
    except FrostlineError as error:
        end = type(error).__name__
    except BaseException as error:
        end = f"NOT OURS: {error!r}"
    armed = False
    ends[current] = end
if control:
    current, armed = "control", True
    pickle.loads(pathlib.Path(control).read_bytes())
    armed = False
print(json.dumps([ends, seen]))
"""


def watched(paths: list[Path], folder: Path, control: Path | None = None) -> tuple[dict[str, str], list[list[str]]]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps([[str(path) for path in paths], str(control) if control else None]),
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
        timeout=120,
    )
    ends, seen = json.loads(done.stdout)
    return ends, seen


def encoder_files(auto_map: object = None, **more: bytes) -> dict[str, bytes]:
    config: dict[str, Any] = {"model_type": "bert", "auto_map": auto_map} if auto_map else {"model_type": "bert"}
    return {**PLAIN, "config.json": json.dumps(config).encode(), **more}


def hostile_folders(folder: Path) -> list[Path]:
    paths = []

    def new(name: str) -> Path:
        paths.append(folder / name)
        shutil.copytree(template, paths[-1])
        return paths[-1]

    answering = replace(some_head(), calibration=TEMPERATURE, rule=Rule(thresholds=(0.2, 0.5, 0.9)))
    template = saved(folder, name="template", record=WHOLE, head=answering, vocabulary=VOCABULARY)
    for place, head in enumerate(HEADS.values()):
        forge_file(new(f"head-{place}"), "head.safetensors", head)
    for place, change in enumerate(FORGERIES.values()):
        forge(new(f"manifest-{place}"), change)
    for name, forged in (("words.json", WORDS), ("neighbours.safetensors", {k: v() for k, v in FORGED.items()})):
        for place, content in enumerate(forged.values()):
            forge_file(new(f"{name}-{place}"), name, content)
    for place, change in enumerate(ANSWERING.values()):
        forge(new(f"answering-{place}"), change)
    (new("pickle-unforged") / "head.safetensors").write_bytes(pickle.dumps(Bomb()))
    (new("pickled-manifest") / "manifest.json").write_bytes(pickle.dumps(Bomb()))
    linked = new("link")
    (linked / "README.md").unlink()
    (linked / "README.md").symlink_to("/etc/hostname")
    with_encoder_folder(new("auto-map"), encoder_files({"AutoModel": "modeling.Evil"}))
    with_encoder_folder(new("junk-weights"), encoder_files())
    with_encoder_folder(new("pickled-weights"), {**encoder_files(), "model.safetensors": pickle.dumps(Bomb())})
    code = new("code-beside")
    with_encoder_folder(code, encoder_files())
    (code / "encoder" / "modeling.py").write_text("import os; os.system('touch exploded')")
    (code / "encoder" / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    (code / "conftest.py").write_text("1 / 0")
    return paths


def test_a_hostile_artifact_runs_nothing_and_ends_in_one_error(tmp_path: Path) -> None:
    paths = hostile_folders(tmp_path)
    ends, seen = watched(paths, tmp_path)
    assert not seen, seen[:8]
    wrong = {path: end for path, end in ends.items() if end not in {"ArtifactCorrupt", "InputError"}}
    assert wrong == {}
    assert not list(tmp_path.rglob("exploded"))


def test_the_watch_sees_a_pickle_that_is_loaded(tmp_path: Path) -> None:
    """The hook itself can go red: a planted pickle is reported, and was indeed run."""
    (tmp_path / "planted").write_bytes(pickle.dumps(Bomb()))
    _, seen = watched([], tmp_path, tmp_path / "planted")
    assert {event for _, event, _ in seen} >= {"open", "pickle.find_class", "os.system"}
    assert (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", ["/etc", "../elsewhere", "~/elsewhere", "./elsewhere"])
def test_an_encoder_elsewhere_is_not_even_looked_for(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path)
    forge(path, lambda document: document["encoder"].update(name=name))
    ends, seen = watched([path], tmp_path)
    assert list(ends.values()) == ["ArtifactCorrupt"]
    assert seen == []
