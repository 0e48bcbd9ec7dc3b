"""Every kind of page in Debian's chromium: nothing is asked for, nothing complains, nothing sticks out.

`make test-browser` runs it; the default suite leaves it out, and has no playwright.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from frostline.evaluate.scores import evaluate
from frostline.report.page import report_html
from frostline.targets import Targets
from page_elements import NASTY
from report_examples import example_report
from shown_pages import HOSTILE_PAGES, PAGES, QUIET_PAGES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page

CHROMIUM = "/usr/bin/chromium"
NARROW, WIDE = 390, 1200
GROUND = {False: (251, 251, 249), True: (19, 22, 26)}  # --paper of page.html, in light and in dark
HEARD_VIOLATIONS = """
    window.violations = [];
    document.addEventListener('securitypolicyviolation', event => violations.push(event.effectiveDirective));
"""
PICTURES = """
    [...document.querySelectorAll('svg')].map(svg => {
        const box = svg.getBoundingClientRect();
        const isVisible = svg.checkVisibility({visibilityProperty: true, opacityProperty: true});
        const what = svg.getAttribute('aria-label') ?? 'a key';
        return [what, isVisible, box.left, box.top + scrollY, box.right, box.bottom + scrollY];
    })
"""
CUT_OFF = """
    [...document.querySelectorAll('svg[role=img]')].flatMap(svg => {
        const frame = svg.getBoundingClientRect();
        return [...svg.querySelectorAll('text')].filter(text => {
            const box = text.getBoundingClientRect();
            return box.left < frame.left - 1 || box.right > frame.right + 1
                || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
        }).map(text => svg.getAttribute('aria-label') + ': ' + text.textContent);
    })
"""
BROKEN = """
    [...document.querySelectorAll('td small, .figure .quiet')].filter(one => {
        const range = document.createRange();
        range.selectNodeContents(one);
        return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1;
    }).map(one => one.textContent)
"""
HANDLERS = """
    [...document.querySelectorAll('*')].flatMap(one => one.getAttributeNames()).filter(name => name.startsWith('on'))
"""

pytestmark = pytest.mark.browser
each_page = pytest.mark.parametrize("name", PAGES)
each_width = pytest.mark.parametrize("width", [NARROW, WIDE])
each_scheme = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


@dataclass(frozen=True)
class Visit:
    """A page that is open, and what was heard while it opened: addresses asked for; console, errors and dialogs."""

    page: "Page"
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """The browser of the system; playwright would download its own, and never does here."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the default suite imports this file without it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each page as a file."""
    folder = tmp_path_factory.mktemp("pages")
    paths = {name: folder / f"{name}.html" for name in PAGES}
    for name, path in paths.items():
        path.write_text(PAGES[name](), encoding="utf-8")
    return paths


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures of the pages lie, for whoever wants to look at them (pytest keeps those of three runs)."""
    return tmp_path_factory.mktemp("screenshots")


@contextmanager
def visit(
    chromium: "Browser", path: Path, *, width: int = WIDE, dark: bool = False, with_scripts: bool = True
) -> Iterator[Visit]:
    """Open `path` in a profile of its own, as a phone or a screen of `width` would, without a network."""
    context = chromium.new_context(
        viewport={"width": width, "height": 900},
        is_mobile=width == NARROW,
        color_scheme="dark" if dark else "light",
        java_script_enabled=with_scripts,
        offline=True,
    )
    page = context.new_page()
    page.add_init_script(HEARD_VIOLATIONS)
    opened = Visit(page)

    def hear_console(message: "ConsoleMessage") -> None:
        opened.messages.append(message.text)

    def hear_dialog(dialog: "Dialog") -> None:
        opened.messages.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("console", hear_console)
    page.on("pageerror", lambda error: opened.messages.append(str(error)))
    page.on("dialog", hear_dialog)
    page.on("request", lambda request: opened.requests.append(request.url))
    page.goto(path.resolve().as_uri(), wait_until="load")
    yield opened
    context.close()


@each_page
@each_width
@each_scheme
def test_a_page_is_quiet_and_fits(
    chromium: "Browser", files: dict[str, Path], name: str, *, width: int, dark: bool
) -> None:
    """No message, no request besides the file, nothing that its policy had to refuse, no scrolling sideways."""
    with visit(chromium, files[name], width=width, dark=dark) as opened:
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        assert opened.page.evaluate("innerWidth") == width
        assert opened.page.evaluate("document.scripts.length") == 0
        assert opened.page.evaluate("violations") == []
        assert opened.requests == [files[name].resolve().as_uri()]
        assert opened.messages == []


@each_page
@each_width
@each_scheme
def test_every_picture_of_a_page_is_seen(
    chromium: "Browser", files: dict[str, Path], screenshots: Path, name: str, *, width: int, dark: bool
) -> None:
    """Each is shown, and its lines stand out from its ground; so does the page from the colours of its scheme."""
    with visit(chromium, files[name], width=width, dark=dark) as opened:
        picture = opened.page.screenshot(
            path=screenshots / f"{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True
        )
        boxes = opened.page.evaluate(PICTURES)
    assert boxes or "explanation" in name  # explanations have none
    with Image.open(io.BytesIO(picture)) as screen:
        assert screen.width == width
        assert screen.convert("RGB").getpixel((1, 1)) == GROUND[dark]
        grey = np.asarray(screen.convert("L"))
        for what, is_visible, left, top, right, bottom in boxes:
            assert is_visible, what
            assert right - left > 4, what
            assert bottom - top > 4, what
            shades = grey[int(top) : int(bottom), int(left) : int(right)]
            assert np.ptp(shades) > 80, what


@each_page
def test_a_page_is_the_same_where_scripts_are_off(chromium: "Browser", files: dict[str, Path], name: str) -> None:
    """Word for word, and as tall."""
    with visit(chromium, files[name]) as usual, visit(chromium, files[name], with_scripts=False) as without:
        assert without.page.inner_text("body") == usual.page.inner_text("body")
        assert without.page.locator("main").bounding_box() == usual.page.locator("main").bounding_box()
        assert without.messages == []


@pytest.mark.parametrize("name", HOSTILE_PAGES)
def test_hostile_words_are_only_shown(chromium: "Browser", files: dict[str, Path], name: str) -> None:
    """Markup in labels, texts and names of files is read as words; it makes no element that could load or run."""
    with visit(chromium, files[name]) as opened:
        assert NASTY[:52] in opened.page.inner_text("main")
        assert opened.page.locator("script, img, a, link, iframe, object, foreignObject").count() == 0
        assert opened.page.evaluate(HANDLERS) == []
        assert opened.messages == []


def test_each_of_five_thousand_labels_is_found_by_the_browser_s_own_search(chromium: "Browser", tmp_path: Path) -> None:
    """A folded table of them all; unfolded it scrolls by itself, and the page is not much longer."""
    codes = np.arange(5000)
    labels = tuple(f"kind {number:04}" for number in codes)
    likely = np.full((5000, 5000), 0.5 / 4999)
    likely[codes, codes // 2] = 0.5
    test = evaluate(likely, codes[:, None] // 2 == codes, Targets.of_codes(codes, labels))
    record = replace(example_report()[0], labels=labels, test=test, probabilities=None, learning=None)
    (tmp_path / "page.html").write_text(report_html(record), "utf-8")
    assert (tmp_path / "page.html").stat().st_size < 1_500_000
    with visit(chromium, tmp_path / "page.html") as opened:
        height = "document.documentElement.scrollHeight"
        folded = opened.page.evaluate(height)
        assert not opened.page.get_by_text("kind 4321", exact=True).is_visible()
        opened.page.get_by_text("All 5,000 labels").click()
        assert opened.page.evaluate("find('kind 4321')")
        assert opened.page.get_by_role("region", name="Every label").locator("tbody tr").count() == 5000
        assert opened.page.get_by_text("kind 4321", exact=True).is_visible()
        assert opened.page.evaluate(height) < folded + 800
        assert opened.messages == []


def test_a_script_would_be_refused(chromium: "Browser", tmp_path: Path) -> None:
    """The policy holds, should markup ever get through; and these tests can see it."""
    path = tmp_path / "forged.html"
    record, _ = example_report(n=60)
    forged = report_html(record).replace("</main>", "<script>document.title = 'run'</script><img src=x.png></main>")
    path.write_text(forged, encoding="utf-8")
    with visit(chromium, path, width=NARROW) as opened:
        assert opened.page.title() != "run"
        assert opened.page.evaluate("violations") == ["script-src-elem", "img-src"]
        assert len(opened.messages) == 2
        assert all("Content Security Policy" in message for message in opened.messages)


@pytest.mark.parametrize("name", QUIET_PAGES)
@each_width
def test_no_words_of_a_picture_are_cut_off(
    chromium: "Browser", files: dict[str, Path], name: str, *, width: int
) -> None:
    """Every text of a plot lies within its plot."""
    with visit(chromium, files[name], width=width) as opened:
        assert opened.page.evaluate(CUT_OFF) == []


@pytest.mark.parametrize("name", QUIET_PAGES)
def test_an_interval_stands_on_one_line_where_there_is_room(
    chromium: "Browser", files: dict[str, Path], name: str
) -> None:
    """Both ends of it, under its figure; a telephone's tables are too narrow for that."""
    with visit(chromium, files[name]) as opened:
        assert opened.page.locator("td small").count() > 0 or "explanation" in name
        assert opened.page.evaluate(BROKEN) == []


def test_it_prints(chromium: "Browser", files: dict[str, Path]) -> None:
    """A PDF of a few sheets, white also where the screen is dark."""
    with visit(chromium, files["training-on-the-sample"], dark=True) as opened:
        printed = opened.page.pdf(format="A4", print_background=False)
    assert printed.startswith(b"%PDF-")
    assert 2 <= printed.count(b"/Type /Page\n") <= 12
