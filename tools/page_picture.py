"""The pictures of the README: `python tools/page_picture.py`, with what `make test-browser` needs.

A classifier of the built-in sample is trained and served as anybody would, and Debian's chromium looks at it; with
`--report` at the report of the demo.
"""

import argparse
import io
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from frostline.data.sample import load_sample

SENTENCE = "The ending is weak, but it is so warm and funny that I loved every minute of it."
WIDTH, HEIGHT = 1000, 1150
REPORT_WIDTH = 820
COLOURS = 96


def main() -> None:
    """Write docs/images/page.png or report.png, or what `--out` names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    name = "report.png" if asked.report else "page.png"
    out = asked.out or Path(__file__).parent.parent / "docs" / "images" / name
    with tempfile.TemporaryDirectory() as folder:
        picture = report(Path(folder)) if asked.report else photographed(trained(Path(folder)))
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(out, optimize=True)
    print(f"{out}: {out.stat().st_size / 1e3:.0f} kB")


def trained(folder: Path) -> Path:
    """A classifier of the built-in sample that keeps its training sentences and may abstain."""
    sample = load_sample().train
    rows = zip(sample.texts, sample.labels, strict=True)
    (folder / "sample.tsv").write_text("".join(f"{text}\t{label}\n" for text, label in rows), "utf-8")
    frostline(
        "train", folder / "sample.tsv", "--out", folder / "reviews", "--keep-neighbours", "--abstain-precision", 0.85
    )
    return folder / "reviews"


def frostline(*arguments: object) -> None:
    """Run a command, and end with it where it fails."""
    command = [sys.executable, "-m", "frostline", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own interpreter


def report(folder: Path) -> bytes:
    """The top of the demo's report, down to the end of what stands beside simpler ways, as PNG."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only this needs it

    frostline("demo", "--out", folder / "demo")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--hide-scrollbars"]
        )
        page = browser.new_page(viewport={"width": REPORT_WIDTH, "height": HEIGHT})
        page.goto((folder / "demo" / "report.html").as_uri())
        end = page.get_by_role("heading", name="Beside simpler ways").evaluate(
            "it => it.closest('section').getBoundingClientRect().bottom + scrollY + 16"
        )
        picture = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": REPORT_WIDTH, "height": end})
        browser.close()
    return bytes(picture)


def photographed(model: Path) -> bytes:
    """The page with an answer on it, as PNG."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only this needs it

    command = [sys.executable, "-m", "frostline", "serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:  # noqa: S603 - likewise
        try:
            found = next(filter(None, (re.search(r"at (http://\S+) ", line) for line in server.stderr or ())))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
                page.goto(f"{found[1]}/")
                page.fill("#text", SENTENCE)
                page.click("#ask button")
                page.wait_for_selector(".pieces")
                page.evaluate("document.activeElement.blur()")
                picture = page.screenshot()
                browser.close()
        finally:
            server.send_signal(signal.SIGTERM)
    return bytes(picture)


if __name__ == "__main__":
    main()
