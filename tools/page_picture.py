"""The picture of the server's page in the README: `python tools/page_picture.py`, with what `make test-browser` needs.

A classifier of the built-in sample is trained and served as anybody would, and Debian's chromium looks at it.
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
COLOURS = 96


def main() -> None:
    """Write docs/images/page.png, or what `--out` names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "docs" / "images" / "page.png")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        picture = photographed(trained(Path(folder)))
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)
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
