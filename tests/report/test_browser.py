"""The page of a real training in a real browser: nothing is asked for, nothing complains, nothing sticks out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Page, browser, found_browser
from fakes import FakeEncoder
from frostline.data.sample import load_sample
from frostline.evaluate.examples import mapped
from frostline.report.html import report_html
from frostline.training import train
from page_elements import NASTY
from report_examples import example_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(found_browser() is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A training on the sample, and one whose labels and texts would like to be markup, or to be very wide."""
    folder = tmp_path_factory.mktemp("pages")
    sample = load_sample()
    training = train(sample.train, FakeEncoder(), test=sample.test)
    assert training.examples is not None
    labels = [NASTY, "w" * 300, *(f"label {number}" for number in range(28))]
    made = {
        "sample": report_html(training.record, mapped(training.examples)),
        "hostile": report_html(*example_report(labels, n=300, text=f"{NASTY} {'x' * 400}", name=f"{'n' * 200}.tsv")),
    }
    paths = {name: folder / f"{name}.html" for name in made}
    for name, content in made.items():
        paths[name].write_text(content, encoding="utf-8")
    return paths


@pytest.mark.parametrize("name", ["sample", "hostile"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_a_page_is_quiet_and_fits(page: Page, pages: dict[str, Path], name: str, *, dark: bool, width: int) -> None:
    """No message, no request besides the file, no scrolling sideways, every picture drawn."""
    page.said.clear()
    page.requests.clear()
    page.open(pages[name], width=width, dark=dark)
    assert page.asked("document.documentElement.scrollWidth") <= width
    assert page.asked("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    ground = page.asked("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(19, 22, 26)" if dark else "rgb(251, 251, 249)")
    assert page.asked("[...document.querySelectorAll('svg')].every(one => one.getBoundingClientRect().height > 4)")
    assert page.asked("document.scripts.length") == 0
    assert page.requests == [pages[name].resolve().as_uri()]
    assert page.said == []


def test_a_script_would_be_refused(page: Page, tmp_path: Path) -> None:
    """The policy holds, should markup ever get through; and this test can see it."""
    path = tmp_path / "forged.html"
    record, _ = example_report(n=60)
    forged = report_html(record).replace("</main>", "<script>document.title = 'run'</script><img src=x.png></main>")
    path.write_text(forged, encoding="utf-8")
    page.said.clear()
    page.open(path, width=390)
    assert page.asked("document.title") != "run"
    assert any("Content Security Policy" in said for said in page.said)


def test_no_words_of_a_picture_are_cut_off(page: Page, pages: dict[str, Path]) -> None:
    """Every text of a plot lies within its plot."""
    page.open(pages["sample"], width=1200)
    outside = page.asked(
        """[...document.querySelectorAll('svg[role=img]')].flatMap(svg => {
            const frame = svg.getBoundingClientRect();
            return [...svg.querySelectorAll('text')].filter(text => {
                const box = text.getBoundingClientRect();
                return box.left < frame.left - 1 || box.right > frame.right + 1
                    || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
            }).map(text => svg.getAttribute('aria-label') + ': ' + text.textContent);
        })"""
    )
    assert outside == []


def test_it_prints(page: Page, pages: dict[str, Path]) -> None:
    """A PDF of a few sheets, white also where the screen is dark."""
    page.open(pages["sample"], width=1200, dark=True)
    printed = page.printed()
    assert printed.startswith(b"%PDF-")
    assert 2 <= printed.count(b"/Type /Page\n") <= 12
