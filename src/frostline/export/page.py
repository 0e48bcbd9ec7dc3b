"""What makes a web page of an exported classifier: our page, and the two packages that read in a browser.

The packages come from npm, and nothing fetches them unasked: whoever makes a page has them in a folder. They are of the
version that was tried, which their digests say.
"""

import gzip
import hashlib
from pathlib import Path

from frostline.errors import InputError, MissingInputError, pasteable
from frostline.export.run import shipped

PACKAGES = ("onnxruntime-web@1.30.0", "@huggingface/tokenizers@0.2.0")

_LICENCE = "@huggingface/tokenizers/LICENSE"
_TAKEN = {
    "onnxruntime-web/dist/ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.mjs": (
        "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b"
    ),
    "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm": (
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
    "@huggingface/tokenizers/dist/tokenizers.min.mjs": (
        "258e46332101335ce8d95aed7745b19ac3b46d37f3e159a89cf894c2ea9b1d3a"
    ),
}


def page_files(packages: Path) -> dict[str, bytes]:
    """Every file of a page but the classifier's own.

    Parameters
    ----------
    packages : Path
        npm's `node_modules`, or the folder that holds it.

    Raises
    ------
    MissingInputError
        A package is not there.
    InputError
        One is of another version.
    """
    folder = packages / "node_modules" if (packages / "node_modules").is_dir() else packages
    install = f"npm install --ignore-scripts --prefix {pasteable(packages)} {' '.join(PACKAGES)}"
    files = {name: shipped("page", name) for name in ("index.html", "page.css", "page.mjs", "worker.mjs")}
    files["text.mjs"] = shipped("programs", "text.mjs")
    for name, sha256 in _TAKEN.items():
        content = _read(folder / name, install)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InputError(f"{folder / name} must be that of {' and '.join(PACKAGES)}.", hint=f"Run: {install}")
        files |= _packed(Path(name).name, content)
    files["licences.txt"] = shipped("page", "licences.txt") + _read(folder / _LICENCE, install)
    return files


def _packed(name: str, content: bytes) -> dict[str, bytes]:
    """The runtime's program is packed, 14 MB in 4: plain static servers pack nothing, and every reader waits for it."""
    return {f"{name}.gz": gzip.compress(content, mtime=0)} if name.endswith(".wasm") else {name: content}


def _read(path: Path, install: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MissingInputError(
            f"{path} must be there: a page needs two packages that read in a browser ({error.strerror}).",
            hint=f"Run: {install}",
        ) from error
