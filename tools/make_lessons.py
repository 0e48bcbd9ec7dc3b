"""Render the lesson of the built-in sample in both languages: `python tools/make_lessons.py [--check | --picture]`.

Writes docs/lesson/en.html and docs/lesson/zh.html. With `--check` nothing is written; it fails where what they say, but
for their numbers, is not what would be written. With `--picture` Debian's chromium looks at the English one for the
README: docs/images/lesson.png, with what `make test-browser` needs.
"""

import argparse
import io
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

from frostline.data.sample import load_sample
from frostline.encoder.encoder import Encoder
from frostline.tutorial.course import EVERY_LAYER, give_course
from frostline.tutorial.lesson import Language, Readers
from frostline.tutorial.page import Given, lesson_html

FOLDER = Path(__file__).parent.parent / "docs" / "lesson"


def given() -> Given:
    """The lesson by the bundled encoder."""
    practical, better, every = (Encoder.open(features=each) for each in ("cls@-1", "mean@all", EVERY_LAYER))
    sample = load_sample().train
    dataset = replace(sample, source=replace(sample.source, name="sample.tsv"))
    return give_course(dataset, Readers(practical=practical, first=practical, better=better), every)


def said(page: str) -> str:
    """What a page says, its numbers left out: they differ in their last digits between machines."""
    told = re.sub(r"<(style|script|svg)[^>]*>.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    return re.sub(r"[\d.,+%-]+|\s+", " ", told)


def photographed(page: Path, out: Path) -> None:
    """Who looks at whom, and the block, with one word piece touched."""
    from PIL import Image  # noqa: PLC0415 - only this needs it
    from playwright.sync_api import FloatRect, sync_playwright  # noqa: PLC0415 - likewise

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        seen = browser.new_page(viewport={"width": 1000, "height": 900}, bypass_csp=True)
        seen.goto(page.resolve().as_uri())
        seen.add_style_tag(content=".following { position: static }")
        seen.locator("#ids [data-piece='3']").click()
        area: FloatRect = seen.evaluate("""() => {
            const places = ["attention", "block"].map(name => document.getElementById(name).getBoundingClientRect());
            const [top, bottom] = places;
            return {x: top.x - 8, y: top.y + scrollY - 8, width: top.width + 16, height: bottom.bottom - top.y + 16};
        }""")
        picture = seen.screenshot(full_page=True, clip=area)
        browser.close()
    shown = Image.open(io.BytesIO(picture)).convert("RGB").quantize(96, dither=Image.Dither.NONE)
    shown.save(out, optimize=True)


def main() -> int:
    """Write both, or compare, or look at one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--picture", action="store_true")
    asked = parser.parse_args()
    is_check = asked.check
    if asked.picture:
        photographed(FOLDER / "en.html", FOLDER.parent / "images" / "lesson.png")
        return 0
    lesson = given()
    stale = []
    for language in get_args(Language):
        page, path = lesson_html([lesson], language=language), FOLDER / f"{language}.html"
        if not is_check:
            path.write_text(page, encoding="utf-8")
        elif not path.exists() or said(path.read_text("utf-8")) != said(page):
            stale.append(str(path))
    if stale:
        sys.stderr.write(f"Not current: {', '.join(stale)}; run python tools/make_lessons.py.\n")
    return len(stale)


if __name__ == "__main__":
    sys.exit(main())
