"""Render the lesson of the built-in sample in both languages: `python tools/make_lessons.py [--check]`.

Writes docs/lesson/en.html and docs/lesson/zh.html. With `--check` nothing is written; it fails where what they say, but
for their numbers, is not what would be written.
"""

import argparse
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


def main() -> int:
    """Write both, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
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
