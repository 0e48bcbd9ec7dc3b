"""The page of the lesson in Debian's chromium: quiet, offline, touched, moved, and whole without scripts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from axe import axe_source
from fakes import a_tuning
from frostline.data.sample import load_sample
from frostline.encoder.encoder import Encoder
from frostline.tutorial.course import EVERY_LAYER, give_course
from frostline.tutorial.lesson import Readers
from frostline.tutorial.page import SECTIONS, lesson_html, tuned_too

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
LONG_TASKS = """
    window.longest = 0;
    new PerformanceObserver(list => { for (const one of list.getEntries()) longest = Math.max(longest, one.duration); })
        .observe({type: 'longtask', buffered: true});
    window.violations = [];
    document.addEventListener('securitypolicyviolation', event => violations.push(event.effectiveDirective));
"""
STICKING_OUT = """
    [...document.querySelectorAll('main svg[role=img]')].flatMap(svg => {
        const frame = svg.closest('section').getBoundingClientRect();
        return [...svg.querySelectorAll('text')].filter(text => {
            const box = text.getBoundingClientRect();
            return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1);
        }).map(text => text.textContent);
    })
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the default suite imports this file without it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The lesson over 80 rows with hostile ones among them, in both languages; and one with a switch."""
    rows = load_sample().train.take(np.arange(80))
    hostile = ["<script>alert(1)</script> & \"quotes\" 'and' </svg>", "\u202eright to left\u202c", "e\u0301" * 40]
    dataset = replace(rows, texts=[*hostile, *rows.texts[3:]])
    practical, better, every = (Encoder.open(features=each) for each in ("cls@-1", "mean@all", EVERY_LAYER))
    readers = Readers(practical=practical, first=practical, better=better)
    given = tuned_too(give_course(dataset, readers, every), a_tuning())
    folder = tmp_path_factory.mktemp("lessons")
    written = {"en": ([given], "en"), "zh": ([given], "zh"), "two": ([given, given], "en")}
    paths = {}
    for name, (lessons, language) in written.items():
        paths[name] = folder / f"{name}.html"
        paths[name].write_text(lesson_html(lessons, language=language), "utf-8")  # type: ignore[arg-type]
    return paths


def opened(
    chromium: "Browser",
    path: Path,
    *,
    width: int = 1200,
    is_dark: bool = False,
    with_scripts: bool = True,
    bypass_csp: bool = False,
) -> tuple["Page", list[str]]:
    """The page, and what was heard: requests besides its own, messages, dialogs."""
    page = chromium.new_context(
        viewport={"width": width, "height": 900},
        is_mobile=width == 390,
        color_scheme="dark" if is_dark else "light",
        java_script_enabled=with_scripts,
        bypass_csp=bypass_csp,
        offline=True,
    ).new_page()
    page.add_init_script(LONG_TASKS)
    heard: list[str] = []
    own = path.resolve().as_uri()
    page.on("request", lambda request: heard.append(request.url) if request.url != own else None)
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    page.goto(own)
    return page, heard


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_quiet_and_fits(
    chromium: "Browser", pages: dict[str, Path], tmp_path: Path, language: str, *, is_dark: bool, width: int
) -> None:
    """Nothing is asked for, nothing refused, nothing sticks out, by any width, scheme or language."""
    page, heard = opened(chromium, pages[language], width=width, is_dark=is_dark)
    page.screenshot(path=tmp_path / f"{language}-{width}-{is_dark}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(STICKING_OUT) == []
    assert page.evaluate("violations") == []
    assert page.locator("section").count() == len(SECTIONS)
    assert page.locator("svg[role=img]:not([aria-label])").count() == 0
    assert heard == []
    page.context.close()


def test_a_piece_that_is_touched_lights_up_everywhere(chromium: "Browser", pages: dict[str, Path]) -> None:
    """In the chips, the mask, the attention, and the block; by mouse and by keyboard; Escape puts it out."""
    page, heard = opened(chromium, pages["en"])
    page.locator("#ids [data-piece='2']").hover()
    lit = page.evaluate("[...document.querySelectorAll('.lit')].map(one => one.closest('section').id)")
    assert {"pieces", "ids", "padding", "mask", "attention", "block", "slice"} <= set(lit)
    shares = "cells => cells.map(cell => getComputedStyle(cell).fillOpacity)"
    assert len(set(page.locator("#attention rect.cell.lit").evaluate_all(shares))) > 3, (
        "what a piece looks at stays seen"
    )
    page.keyboard.press("Escape")
    assert page.locator(".lit").count() == 0
    page.locator("#table [data-row]").nth(1).focus()
    rows = page.evaluate("[...document.querySelectorAll('.lit')].map(one => one.closest('section').id)")
    assert {"data", "table", "labels", "block"} <= set(rows)
    assert page.locator("#block .slab.across.lit").count() == 1
    assert heard == []
    page.context.close()


def test_sliders_move_what_they_stand_over(chromium: "Browser", pages: dict[str, Path]) -> None:
    """The cells of attention, the ground under the boundary, the sentences of a layer; each without a long task."""
    page, heard = opened(chromium, pages["en"])
    for section, shape, name in (
        ("attention", ".cell", "fill-opacity"),
        ("trust", ".cell", "fill-opacity"),
        ("views", ".dots", "d"),
        ("splits", ".cell", "fill-opacity"),
        ("unmasked", ".dots", "d"),
        ("padding", ".silhouette path", "d"),
        ("tuned", ".at", "transform"),
    ):
        figure = page.locator(f"#{section} figure")
        before = figure.locator(shape).evaluate_all(f"all => all.map(one => one.getAttribute('{name}'))")
        ranged = figure.locator("input").first
        page.evaluate("longest = 0")
        ranged.focus()
        page.keyboard.press("Home" if ranged.input_value() != "0" else "End")
        page.wait_for_timeout(500)
        after = figure.locator(shape).evaluate_all(f"all => all.map(one => one.getAttribute('{name}'))")
        assert before != after, section
        assert len(before) == len(after)
        assert page.evaluate("longest") < 200, section
    assert page.locator("#trust output").inner_text() == "C = 0.0001"
    assert page.locator("#views output").inner_text() == "0 (embeddings)"
    assert heard == []
    page.context.close()


def test_two_encoders_are_shown_one_at_a_time(chromium: "Browser", pages: dict[str, Path]) -> None:
    """A switch; without scripts both stand below each other."""
    page, _ = opened(chromium, pages["two"])
    assert [page.locator("main").nth(n).is_visible() for n in (0, 1)] == [True, False]
    page.locator(".encoders button").nth(1).click()
    assert [page.locator("main").nth(n).is_visible() for n in (0, 1)] == [False, True]
    page.locator("#ids-1 [data-piece='2']").hover()
    assert page.locator("main").nth(0).locator(".lit").count() == 0
    page.context.close()
    page, _ = opened(chromium, pages["two"], with_scripts=False)
    assert [page.locator("main").nth(n).is_visible() for n in (0, 1)] == [True, True]
    assert not page.locator(".encoders").is_visible()
    page.context.close()


def test_no_accessibility_rule_is_broken(chromium: "Browser", pages: dict[str, Path]) -> None:
    """By the rules of axe-core, in both languages, light and dark, everything unfolded."""
    axe = axe_source()
    for language, is_dark in (("en", False), ("zh", True)):
        page, _ = opened(chromium, pages[language], is_dark=is_dark, bypass_csp=True)
        page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found["violations"]] == []
        page.context.close()
