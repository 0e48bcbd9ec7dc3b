"""The page of an exported classifier, in Debian's chromium, from a plain static server."""

import functools
import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_early import saved_early, told_texts
from made_wordy import WORDY, saved_wordy, wordy_texts

from axe import axe_source
from conftest import Command
from frostline.artifact.model import open_model
from frostline.errors import InputError, MissingInputError
from frostline.export.page import page_files
from frostline.export.run import export
from hostile import hostile_texts

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PACKAGES = Path(__file__).parents[2] / "build" / "browser"
ASKED = """async texts => {
    const worker = new Worker("worker.mjs", { type: "module" });
    const each = text => new Promise(give => {
        worker.onmessage = ({ data }) => data.number === undefined || give(data);
        worker.postMessage({ number: 0, text });
    });
    const said = [];
    for (const text of texts) said.push(await each(text));
    return said;
}"""


def test_packages_that_are_not_there_are_told_with_the_line_that_brings_them(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="two packages that read in a browser") as missing:
        page_files(tmp_path)
    assert missing.value.hint == (
        f"Run: npm install --ignore-scripts --prefix {tmp_path} onnxruntime-web@1.30.0 @huggingface/tokenizers@0.2.0"
    )
    folder = tmp_path / "node_modules" / "onnxruntime-web" / "dist"
    folder.mkdir(parents=True)
    (folder / "ort.wasm.min.mjs").write_text("another version")
    with pytest.raises(InputError, match=r"must be that of onnxruntime-web@1\.30\.0"):
        page_files(tmp_path)


def test_the_program_is_packed_and_what_is_packed_is_what_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes whenever it is made."""
    taken = {f"a/{name}": hashlib.sha256(name.encode()).hexdigest() for name in ("own.mjs", "own.wasm")}
    monkeypatch.setattr("frostline.export.page._TAKEN", taken)
    for name in (*taken, "@huggingface/tokenizers/LICENSE"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(Path(name).name)
    files = page_files(tmp_path)
    assert files["own.mjs"] == b"own.mjs"
    assert "own.wasm" not in files
    assert gzip.decompress(files["own.wasm.gz"]) == b"own.wasm"
    assert files["own.wasm.gz"][4:8] == bytes(4)  # no time in it
    assert files == page_files(tmp_path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[tuple[str, Path]]:
    """The address of the page, and its folder."""
    from frostline.cli.main import run  # noqa: PLC0415 - as the other fixtures do

    if not (PACKAGES / "node_modules").is_dir():
        pytest.skip("the packages are not at hand: make build/browser")
    folder = tmp_path_factory.mktemp("site") / "page"
    assert run(["page", str(model), "--packages", str(PACKAGES), "--out", str(folder)]) == 0
    with served(folder) as address:
        yield address, folder


@contextmanager
def served(folder: Path, handler: "type[_Quiet] | None" = None) -> Iterator[str]:
    """The address at which a plain static server shows the folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler or _Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's signature
        pass


class _Encoding(_Quiet):
    def end_headers(self) -> None:
        if self.path.endswith(".gz"):
            self.send_header("Content-Encoding", "gzip")
        super().end_headers()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - in the environment of these tests

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: "Browser", site: tuple[str, Path]) -> "Iterator[Page]":
    """The page, ready; that it asked another host or broke its policy fails the test."""
    context = browser.new_context(viewport={"width": 390, "height": 800}, accept_downloads=True)
    context.add_init_script(
        "window.violations = [];"
        "document.addEventListener('securitypolicyviolation', event => violations.push(event.blockedURI))"
    )
    opened, asked, wrong = context.new_page(), [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.goto(site[0])
    opened.locator("#status", has_text="Ready.").wait_for(timeout=120_000)
    yield opened
    assert [url for url in asked if not url.startswith((site[0], "data:", "blob:"))] == []
    assert opened.evaluate("violations") == []
    assert wrong == []
    context.close()


@pytest.mark.browser
def test_its_answers_are_the_classifiers(page: "Page", model: Path) -> None:
    opened, texts = open_model(model), hostile_texts(200)
    said = page.evaluate(ASKED, texts)
    shares = np.array([one["answer"]["probabilities"] for one in said])
    answers = opened.answer(texts)
    assert np.abs(shares - answers.probabilities).max() <= 1e-5
    labels = [str(opened.head.labels[column]) for column in answers.favoured.argmax(axis=1).tolist()]
    assert [one["answer"]["labels"] for one in said] == [[label] for label in labels]


@pytest.mark.browser
@pytest.mark.parametrize("features", ["mean@all+words", "words"])
def test_words_are_found_and_weighed_in_the_browser(browser: "Browser", features: str, tmp_path: Path) -> None:
    """200 texts, half of them hostile, half of known words between such; labels that JavaScript rounds."""
    if not (PACKAGES / "node_modules").is_dir():
        pytest.skip("the packages are not at hand: make build/browser")
    labels = [2**53 + len(text.split()[0]) for text in WORDY]  # by a C at which no head is so steep that rounding shows
    opened, texts = saved_wordy(tmp_path, features, labels, C=0.01), wordy_texts(200)
    export(opened, tmp_path / "site", page=page_files(PACKAGES))
    with served(tmp_path / "site") as address:
        page = browser.new_page()
        page.goto(address)
        page.locator("#status", has_text="Ready.").wait_for(timeout=120_000)
        said = page.evaluate(ASKED, texts)
        page.close()
    answers = opened.answer(texts)
    shares = np.array([one["answer"]["probabilities"] for one in said])
    assert np.abs(shares - answers.probabilities).max() <= 1e-5
    assert [one["answer"]["labels"] for one in said] == [[str(label)] for label in opened.head.named(answers)]


@pytest.mark.browser
def test_a_cascade_says_which_head_answered(browser: "Browser", tmp_path: Path) -> None:
    if not (PACKAGES / "node_modules").is_dir():
        pytest.skip("the packages are not at hand: make build/browser")
    opened, texts = saved_early(tmp_path, "mean@all+words"), [*told_texts(40, 1)[0], *hostile_texts(20), "zzz"]
    export(opened, tmp_path / "site", page=page_files(PACKAGES))
    answers = opened.answer(texts)
    assert answers.early is not None
    early, late = int(np.flatnonzero(answers.early)[0]), len(texts) - 1  # no word of the last is known
    assert not answers.early[late]
    with served(tmp_path / "site") as address:
        page = browser.new_page()
        page.goto(address)
        page.locator("#status", has_text="Ready.").wait_for(timeout=120_000)
        said = page.evaluate(ASKED, texts)
        for row, count in ((early, 1), (late, 0)):
            page.fill("#text", texts[row])
            page.press("#text", "Control+Enter")
            page.locator("#status", has_text="Read.").wait_for()
            assert page.get_by_text("Answered early, by words and word embeddings").count() == count
            page.reload()
            page.locator("#status", has_text="Ready.").wait_for(timeout=120_000)
        page.close()
    assert [one["answer"]["early"] for one in said] == answers.early.tolist()
    shares = np.array([one["answer"]["probabilities"] for one in said])
    assert np.abs(shares - answers.probabilities).max() <= 1e-5


@pytest.mark.browser
def test_a_text_and_many_lines(page: "Page", model: Path) -> None:
    opened = open_model(model)
    page.context.set_offline(True)  # it has all that it needs
    page.fill("#text", "<b>good</b> film")
    page.press("#text", "Control+Enter")
    page.locator("#status", has_text="Read.").wait_for()
    answer = opened.answer(["<b>good</b> film"])
    label = str(opened.head.labels[int(answer.favoured[0].argmax())])
    assert page.locator(".big").inner_text() == label
    assert page.locator("dl dd").all_inner_texts()[1] == f"{100 * answer.probabilities.max():.1f} %"
    page.check("#lines")
    page.fill("#text", '=1+1\n\n  \nshe said "no", and left\n<script>alert(1)</script>')
    page.click("#go")
    page.locator("#status", has_text="3 texts read.").wait_for()
    assert page.locator("tbody tr").count() == 3
    assert page.locator("tbody td").first.inner_text() == "=1+1"
    with page.expect_download() as download:
        page.click("#save")
    saved = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert saved[0].startswith('"text","answer","probability of ')
    assert saved[1].startswith('"\'=1+1",')
    assert saved[2].startswith('"she said ""no"", and left",')
    page.fill("#text", "  ")
    page.click("#go")
    assert page.locator("#status.wrong").inner_text() == "Write a text first."


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_who_cannot_see_it_can_use_it(page: "Page", scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.fill("#text", "a good film")
    page.click("#go")
    page.locator("#status", has_text="Read.").wait_for()
    page.check("#lines")
    page.context.new_cdp_session(page).send("Page.setBypassCSP", {"enabled": True})
    page.reload()
    page.locator("#status", has_text="Ready.").wait_for(timeout=120_000)
    page.fill("#text", "a good film")
    page.click("#go")
    page.locator("#status", has_text="Read.").wait_for()
    page.add_script_tag(content=axe_source())
    assert [finding["id"] for finding in page.evaluate("axe.run()")["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.browser
def test_a_server_that_has_the_browser_unpack_is_understood(browser: "Browser", site: tuple[str, Path]) -> None:
    """Some send what ends in .gz as an encoding: then it arrives unpacked."""
    _, folder = site
    assert (folder / "ort-wasm-simd-threaded.wasm.gz").stat().st_size < 4_500_000
    with served(folder, _Encoding) as address:
        page = browser.new_page()
        page.goto(address)
        page.locator("#status", has_text="Ready.").wait_for(timeout=120_000)
        length = page.evaluate(
            "fetch('ort-wasm-simd-threaded.wasm.gz').then(r => r.arrayBuffer()).then(b => b.byteLength)"
        )
        page.close()
    assert length > 14_000_000


@pytest.mark.browser
def test_a_page_that_was_opened_as_a_file_says_why_it_does_nothing(
    browser: "Browser", site: tuple[str, Path], page: "Page"
) -> None:
    assert "opened as a file" not in page.inner_text("main")
    alone = browser.new_page()
    alone.goto((site[1] / "index.html").as_uri())
    assert "this page was opened as a file: its folder must lie on a server" in alone.inner_text("main")
    alone.close()


@pytest.mark.browser
def test_a_folder_that_is_not_whole_says_so(browser: "Browser", site: tuple[str, Path]) -> None:
    page = browser.new_page()
    page.route("**/classifier.onnx", lambda route: route.fulfill(status=404))
    page.goto(site[0])
    page.locator("#status.wrong").wait_for(timeout=60_000)
    assert "classifier.onnx is not there (404). The folder must lie on a server, whole." in page.inner_text("#status")
    assert page.locator("#go").is_disabled()
    page.close()


def test_the_verb_names_what_is_missing(frostline: Command, model: Path, tmp_path: Path) -> None:
    ended = frostline("page", model, "--out", tmp_path / "site", "--packages", tmp_path / "none")
    assert ended.code == 66
    assert "Run: npm install" in ended.err
    assert json.dumps(str(tmp_path / "none"))[1:-1] in ended.err
    assert not (tmp_path / "site").exists()
