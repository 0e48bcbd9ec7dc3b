"""The HTML report: one file, no script, no request, nothing of the user's obeyed."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from frostline.report.html import report_html
from record_examples import example_record

NASTY = '<script>alert(1)</script>"><img src=x onerror=alert(1)> $HOME ${x} \u202e\x00 =cmd|calc'


@pytest.fixture(scope="module")
def page() -> str:
    """An ordinary report."""
    return report_html(example_record(n=300, warnings=("A sentence of warning.",)))


class Elements(HTMLParser):
    """Collects the elements, their attributes, the text, and what was left open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> Elements:
    elements = Elements()
    elements.feed(page)
    elements.close()
    return elements


def test_what_the_user_wrote_is_text(page: str) -> None:
    """Markup, template signs, control and direction characters in labels, file name and warnings."""
    record = example_record([NASTY, "b"], n=60, name=NASTY, warnings=(NASTY,))
    nasty = report_html(record)
    found = parsed(nasty)
    assert set(found.names) == set(parsed(page).names)
    assert not {"script", "img", "a", "link", "iframe", "object"} & set(found.names)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert "\u202e" not in nasty
    assert "\x00" not in nasty
    assert NASTY.split(" $", maxsplit=1)[0][:20] in found.text
    assert "$HOME ${x}" in found.text


def test_the_page_asks_for_nothing(page: str) -> None:
    """Every reference stays within the page, and the policy forbids the rest."""
    found = parsed(page)
    references = [value for name, value in found.attributes if name in {"href", "xlink:href", "src", "action"}]
    assert all(value.startswith("#") for value in references)
    assert not re.search(r"@import|url\((?!#)", page)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in found.attributes


def test_ids_are_unique_and_every_reference_has_its_id(page: str) -> None:
    """Three plots in one page must not borrow each other's clip paths."""
    found = parsed(page)
    ids = [value for name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:url\(|href=")#([^)"]+)', page)
    assert used
    assert set(used) <= set(ids)


def test_the_plots_take_the_colours_of_the_page(page: str) -> None:
    """Light and dark: no colour of matplotlib's is left, and no stand-in."""
    plots = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert not re.search(r"#[0-9a-f]{6}\b", plots)
    assert page.count("<svg") == 3
    for variable in set(re.findall(r"var\((--\w+)\)", page)):
        assert len(re.findall(rf"{variable}: #", page)) == 2


def test_the_page_says_what_was_measured(page: str) -> None:
    """Scores with intervals, baselines, each label, the choice of C, the truncation, the warnings."""
    record = example_record(n=300)
    text = parsed(page).text
    assert record.test is not None
    for words in (
        f"{100 * record.test.accuracy.value:.1f}",
        "TF-IDF + logistic regression",
        "search.best_score 0.86: it chose C",
        "4 of 600 texts",
        "A sentence of warning.",
        "positive",
    ):
        assert words in text


def test_the_same_record_gives_the_same_bytes(page: str) -> None:
    """No clock and no random ids."""
    assert report_html(example_record(n=300, warnings=("A sentence of warning.",))) == page


@pytest.mark.parametrize(
    "labels", [["$x$ y", "z"], ["地点", "人物", "🙂", "עברית"], [f"label {i}" for i in range(45)], [1, 2, 3]]
)
def test_any_labels_can_be_drawn(labels: list[str]) -> None:
    """Dollar signs are no formula; scripts that matplotlib's font lacks are left to the browser's; 45 are not drawn."""
    page = report_html(example_record(labels, n=450))
    text = parsed(page).text
    for label in labels[:4]:
        assert str(label) in text
    assert page.count("<svg") == (3 if len(labels) <= 40 else 2)


def test_nothing_tested_is_said() -> None:
    """The page stands without scores."""
    text = parsed(report_html(replace(example_record(n=60), test=None, test_source=None, baselines=()))).text
    assert "Nothing was tested" in text
