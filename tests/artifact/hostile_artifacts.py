"""Artifacts of a forger's making: every digest is right, and something else is not."""

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from made_artifacts import forge_file, resealed
from safetensors.numpy import save

from frostline.errors import FrostlineError
from goldens import compare_entry

MB = 1 << 20

GOLDEN = Path(__file__).parent / "golden" / "refusals"
UNLIKE = {"a pickle", "a zip", "NaN", "deep", "nothing", "names twice", "half a character"}
UNLIKE |= {"a scale that is NaN", "a temperature that is NaN"}
"""Whose words are partly Python's own, or which hold bytes of this very release."""


def compare_refusal(table: str, what: str, error: FrostlineError, folder: Path) -> None:
    """The whole sentence, and what to do; the folder of the test is not told."""
    if what not in UNLIKE:
        said = {"message": error.message.replace(str(folder), "FOLDER"), "hint": error.hint}
        compare_entry(GOLDEN / f"{table}.json", what, said)


def member(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Put `value` at a dotted place."""

    def change(document: dict[str, Any]) -> None:
        *way, last = name.split(".")
        for step in way:
            document = document[step]
        document[last] = value

    return change


def without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.pop(name)


ENTRY = {"sha256": "0" * 64, "size_bytes": 1}
FORGERIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another format": member("format", "pickle"),
    "version 0": member("format_version", 0),
    "version true": member("format_version", True),
    "version 1.0": member("format_version", 1.0),
    "version as text": member("format_version", "1"),
    "a member more": member("code", "import os"),
    "a member less": without("labels"),
    "no head": lambda document: document["files"].pop("head.safetensors"),
    "labels twice": member("labels", ["a", "b", "a"]),
    "one label": member("labels", ["a"]),
    "labels of two types": member("labels", ["a", "b", 1]),
    "true beside 2": member("labels", [True, 2, 3]),
    "true beside 1": member("labels", [True, 1, 2]),
    "a float label": member("labels", [0.5, 1.5, 2.5]),
    "a null label": member("labels", [None, "b", "c"]),
    "a nested label": member("labels", [["a"], ["b"], ["c"]]),
    "a label over 64 bits": member("labels", [1, 2, 2**63]),
    "labels as an object": member("labels", {"a": 0, "b": 1}),
    "fewer labels than rows": member("labels", ["a", "b"]),
    "features unknown": member("features", "sum@-1"),
    "features without end": member("features", "+".join(["cls@-1"] * 5000)),
    "other n_features": member("n_features", 47),
    "no features": member("n_features", 0),
    "giant n_features": member("n_features", 2**62),
    "negative n_features": member("n_features", -48),
    "a digest in capitals": member("encoder.weights_sha256", "A" * 64),
    "a short digest": member("encoder.weights_sha256", "a" * 63),
    "a digest and a line break": member("encoder.weights_sha256", "a" * 64 + "\n"),
    "an encoder elsewhere": member("encoder.name", "/etc"),
    "an encoder above": member("encoder.name", "../../encoder"),
    "an encoder above in a hub id": member("encoder.name", "a/.."),
    "an encoder on a server": member("encoder.name", "\\\\server\\share"),
    "an encoder on a drive": member("encoder.name", "C:encoder"),
    "an encoder by URL": member("encoder.name", "https://example.com/x"),
    "an encoder in the home": member("encoder.name", "~/encoder"),
    "an encoder with a terminal escape": member("encoder.name", "a\x1b[2J"),
    "a revision above": member("encoder.revision", "../../x"),
    "max_length 0": member("encoder.max_length", 0),
    "max_length giant": member("encoder.max_length", 2**40),
    "max_length true": member("encoder.max_length", True),
    "negative size": member("data.size_bytes", -1),
    "rows 0": member("data.rows", 0),
    "choice a list": member("choice", []),
    "metrics null": member("metrics", None),
    "seven texts": lambda document: document["self_test"]["texts"].pop(),
    "a long text": lambda document: document["self_test"]["texts"].__setitem__(0, "x" * 2001),
    "a number for a text": lambda document: document["self_test"]["texts"].__setitem__(0, 7),
    "two columns": lambda document: document["self_test"]["probabilities"][0].pop(),
    "a probability of 2": lambda document: document["self_test"]["probabilities"].__setitem__(0, [2, -1, 0]),
    "a row that sums to 1.5": lambda document: document["self_test"]["probabilities"].__setitem__(0, [0.5, 0.5, 0.5]),
    "a tolerance of 1": member("self_test.tolerance", 1),
    "traversal": lambda document: document["files"].update({"../../../etc/passwd": ENTRY}),
    "an absolute path": lambda document: document["files"].update({"/etc/passwd": ENTRY}),
    "traversal in the encoder": lambda document: document["files"].update({"encoder/../../x": ENTRY}),
    "another name for the head": lambda document: document["files"].update({"./head.safetensors": ENTRY}),
    "a pickle": lambda document: document["files"].update({"head.pkl": ENTRY}),
    "weights by pickle": lambda document: document["files"].update({"encoder/pytorch_model.bin": ENTRY}),
    "code": lambda document: document["files"].update({"encoder/modeling.py": ENTRY}),
    "the manifest itself": lambda document: document["files"].update({"manifest.json": ENTRY}),
    "an encoder without weights": lambda document: document["files"].update({"encoder/config.json": ENTRY}),
    "a giant size": lambda document: document["files"]["head.safetensors"].update(size_bytes=2**60),
    "a size over the limit": lambda document: document["files"]["head.safetensors"].update(size_bytes=256 * MB + 1),
    "an entry that is no object": lambda document: document["files"].update({"README.md": "0" * 64}),
}

LOOPHOLES = {
    "NaN": ('{"format": NaN', "finite"),
    "infinity": ('{"format": -Infinity', "finite"),
    "1e999": ('{"format": 1e999', "finite"),
    "a key twice": ('{"format": "frostline-artifact", "format": "frostline-artifact"', "each key once"),
    "a key twice inside": ('{"format": {"a": 1, "a": 1}', "each key once"),
    "deep": ('{"format": ' + "[" * 100_000 + "]" * 100_000, "nested"),
    "deep objects": ('{"format": ' + '{"a":' * 50_000 + "1" + "}" * 50_000, "nested"),
    "33 deep": ('{"format": ' + "[" * 33 + "]" * 33, "nested"),
    "5,000 digits": ('{"format": 1' + "0" * 5000, "20 digits"),
    "half a character": ('{"format": "\\ud800"', "whole characters"),
    "half a character in a key": ('{"format": 1, "\\udc00": 2', "whole characters"),
    "raw surrogate": ('{"format": "\ud800"', "UTF-8"),
    "a comment": ('{"format": 1 /* one */', "JSON"),
    "a control character": ('{"format": "\x00"', "JSON"),
    "90,000 keys, the last one twice": (
        "{" + ", ".join(f'"{key:x}":0' for key in (*range(90_000), 89_999)),
        "each key once",
    ),
}


def tensors(header: dict[str, Any] | bytes, data: bytes = b"", *, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def entry(shape: list[Any], start: int, end: int, dtype: str = "F64") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


class Bomb:
    """Unpickling it would make a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch exploded",)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()) + bytes(MB))
    return buffer.getvalue()


COEF, INTERCEPT = entry([3, 48], 0, 1152), entry([3], 1152, 1176)
DATA = bytes(1176)
NAN = np.full((3, 48), np.nan)
HEADS: dict[str, bytes] = {
    "nothing": b"",
    "seven bytes": b"\x01" * 7,
    "a pickle": pickle.dumps(Bomb()),
    "a zip": zipped(),
    "a header of 2**63": tensors(b"{}", length=2**63),
    "a header that is the whole file": tensors(b" " * 2 * MB),
    "a header longer than the file": tensors({"coef": COEF, "intercept": INTERCEPT}, length=10**6),
    "no tensors": tensors({}),
    "one tensor": tensors({"coef": entry([3, 48], 0, 1152)}, DATA[:1152]),
    "a third tensor": save({"coef": np.zeros((3, 48)), "intercept": np.zeros(3), "more": np.zeros(1)}),
    "a thousand tensors": save({f"t{place}": np.zeros(1) for place in range(1000)}),
    "other names": save({"weight": np.zeros((3, 48)), "bias": np.zeros(3)}),
    "float32": save({"coef": np.zeros((3, 48), np.float32), "intercept": np.zeros(3, np.float32)}),
    "transposed": save({"coef": np.zeros((48, 3)), "intercept": np.zeros(3)}),
    "flat": save({"coef": np.zeros(144), "intercept": np.zeros(3)}),
    "NaN": save({"coef": NAN, "intercept": np.zeros(3)}),
    "infinity": save({"coef": np.zeros((3, 48)), "intercept": np.array([0, -np.inf, 0])}),
    "metadata": save({"coef": np.zeros((3, 48)), "intercept": np.zeros(3)}, {"auto_map": "x"}),
    "overlapping": tensors({"coef": COEF, "intercept": entry([3], 1128, 1152)}, DATA[:1152]),
    "a gap": tensors({"coef": COEF, "intercept": entry([3], 1160, 1184)}, bytes(1184)),
    "bytes left over": tensors({"coef": COEF, "intercept": INTERCEPT}, DATA + b"x"),
    "offsets beyond the file": tensors({"coef": entry([3, 48], 2**50, 2**50 + 1152), "intercept": INTERCEPT}, DATA),
    "offsets backwards": tensors({"coef": entry([3, 48], 1152, 0), "intercept": INTERCEPT}, DATA),
    "negative offsets": tensors({"coef": entry([3, 48], -1152, 0), "intercept": INTERCEPT}, DATA),
    "offsets as text": tensors({"coef": {**COEF, "data_offsets": "01"}, "intercept": INTERCEPT}, DATA),
    "true as an offset": tensors({"coef": {**COEF, "data_offsets": [False, 1152]}, "intercept": INTERCEPT}, DATA),
    "a giant shape": tensors({"coef": entry([2**40, 2**40], 0, 1152), "intercept": INTERCEPT}, DATA),
    "a shape of objects": tensors({"coef": entry([{}, "\x1b[2J"], 0, 1152), "intercept": INTERCEPT}, DATA),
    "a tensor that is no object": tensors({"coef": 3, "intercept": INTERCEPT}, DATA),
    "names twice": tensors(b'{"coef": %a, "coef": %a, "intercept": %a}' % (COEF, COEF, INTERCEPT), DATA),
    "deep": tensors(b'{"coef": ' + b"[" * 100_000, DATA),
}


def with_encoder_folder(path: Path, files: dict[str, bytes]) -> None:
    (path / "encoder").mkdir()
    for name, content in files.items():
        forge_file(path, f"encoder/{name}", content)
    document = json.loads((path / "manifest.json").read_bytes())
    for name, key in (("model.safetensors", "weights_sha256"), ("config.json", "config_sha256")):
        document["encoder"][key] = document["files"][f"encoder/{name}"]["sha256"]
    (path / "manifest.json").write_bytes(resealed(document))


PLAIN = {"config.json": b"{}", "model.safetensors": b"x", "tokenizer.json": b"{}"}
