"""Figures of an exported classifier: how far its probabilities are from the classifier's own, and what a page takes.

    python tools/export_figures.py MODEL FILE --packages build/browser

MODEL is a saved classifier, FILE has texts in its first column (TSV), or as --format says. 500 texts: 200 that
tokenizers trip over, and 300 of the file. They are answered by the exported programs, in Python and (where the
packages hold onnxruntime-node) on Node; and by the page in Debian's chromium, from a plain static server on
this machine.
The packages: npm install --ignore-scripts --prefix build/browser onnxruntime-web@1.30.0 onnxruntime-node@1.30.0
@huggingface/tokenizers@0.2.0
"""

import argparse
import functools
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from frostline.artifact.model import Model, open_model
from frostline.data.options import TableOptions
from frostline.data.tables import stream_texts
from frostline.export.page import page_files
from frostline.export.run import export
from hostile import hostile_texts

N_HOSTILE, N_OWN = 200, 300
ASKED = """async texts => {
    const worker = new Worker("worker.mjs", { type: "module" });
    const each = text => new Promise(give => {
        worker.onmessage = ({ data }) => data.number === undefined || give(data);
        worker.postMessage({ number: 0, text });
    });
    const said = [];
    for (const text of texts) said.push((await each(text)).answer);
    return said;
}"""


def main() -> None:
    """Export, ask, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--packages", type=Path, default=Path("build/browser"))
    parser.add_argument("--format", default=None)
    parser.add_argument("--times", type=int, default=3, help="how often the page is opened")
    asked = parser.parse_args()
    model = open_model(asked.model)
    texts = texts_of(asked.file, asked.format)
    print(f"{asked.model}: {model.manifest.features}, {len(model.head.labels)} labels, load {os.getloadavg()[0]:.0f}")
    with tempfile.TemporaryDirectory(dir=asked.packages) as folder:  # Node looks for packages in the folders above
        out = Path(folder) / "out"
        export(model, out)
        told("python", model, texts, program([sys.executable, out / "answer.py"], texts))
        if (asked.packages / "node_modules" / "onnxruntime-node").is_dir():
            told("node", model, texts, program([str(shutil.which("node")), out / "answer.mjs"], texts))
        site = Path(folder) / "site"
        export(model, site, page=page_files(asked.packages))
        figures_of_page(model, site, texts, n_times=asked.times)


def texts_of(file: Path, file_format: Any) -> list[str]:
    """Texts that tokenizers trip over, and those of the file."""
    rows = stream_texts(file, TableOptions(format=file_format, text=1, header=False, max_bad_rows=1000))
    return [*hostile_texts(N_HOSTILE), *(row.text for row in itertools.islice(rows, N_OWN))]


def program(command: Sequence[str | Path], texts: Sequence[str]) -> list[dict[str, Any]]:
    """What a program says of each text."""
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    said = subprocess.run(list(map(str, command)), input=lines, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return [json.loads(line) for line in said.stdout.splitlines()]


def told(who: str, model: Model, texts: Sequence[str], said: Sequence[dict[str, Any]]) -> None:
    """Compare, and print."""
    answers = model.answer(list(texts))
    difference = np.abs(np.array([one["probabilities"] for one in said]) - answers.probabilities)
    own = [
        None if not answered else [label for label, has in zip(model.head.labels, favoured, strict=True) if has]
        for favoured, answered in zip(answers.favoured.tolist(), answers.answered.tolist(), strict=True)
    ]
    as_text = [None if labels is None else list(map(str, labels)) for labels in own]
    equal = sum(one["labels"] in (first, second) for one, first, second in zip(said, own, as_text, strict=True))
    print(f"  {who:<8} n = {len(texts)}: largest difference {difference.max():.1e}, equal answers {equal}")


def figures_of_page(model: Model, site: Path, texts: Sequence[str], *, n_times: int) -> None:
    """What the page says, what it loads, and how long that takes."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - of the group `browser`

    sizes = {path.name: path.stat().st_size for path in site.iterdir()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ready, first, asked = [], [], set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for _ in range(n_times):
            page = browser.new_context().new_page()
            page.on("request", lambda request: asked.add(request.url))
            began = time.monotonic()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.locator("#status", has_text="Ready.").wait_for(timeout=300_000)
            ready.append(time.monotonic() - began)
            page.fill("#text", "a text of one's own")
            page.click("#go")
            page.locator("#status", has_text="Read.").wait_for(timeout=300_000)
            first.append(time.monotonic() - began)
        told("chromium", model, texts, page.evaluate(ASKED, list(texts)))
        browser.close()
    server.shutdown()
    elsewhere = [
        url for url in asked if not url.startswith((f"http://127.0.0.1:{server.server_port}/", "data:", "blob:"))
    ]
    loaded = {name: size / 1e6 for name, size in sizes.items() if any(url.endswith(f"/{name}") for url in asked)}
    graph, words = loaded.pop("classifier.onnx"), loaded.pop("words.json", 0.0)
    print(f"  page: loaded {sum(loaded.values()):.2f} MB, {words:.2f} MB of words, and the graph's {graph:.1f} MB")
    print(f"  page: ready after {spread(ready)} s, first answer after {spread(first)} s")
    print(f"  page: {len(elsewhere)} requests elsewhere")


def spread(seconds: Sequence[float]) -> str:
    """The median, and from where to where."""
    return f"{np.median(seconds):.1f} ({min(seconds):.1f}-{max(seconds):.1f}, n = {len(seconds)})"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's signature
        pass


if __name__ == "__main__":
    main()
