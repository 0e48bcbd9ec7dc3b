"""The HTML report: one file, no script, no request, nothing of the user's obeyed."""

import re
from dataclasses import replace

import pytest

from frostline.report.drawing import Sign, legend
from frostline.report.markup import table
from frostline.report.page import report_html
from frostline.report.sections import probabilities
from page_elements import NASTY, parsed
from record_examples import example_record


@pytest.fixture(scope="module")
def page() -> str:
    """An ordinary report."""
    return report_html(example_record(n=300, warnings=("A sentence of warning.",)))


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
    assert (
        "content",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    ) in found.attributes


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
    assert page.count('role="img"') == 3
    for variable in set(re.findall(r"var\((--[\w-]+)\)", page)):
        assert len(re.findall(rf"{variable}: #", page)) >= 2, variable


def test_the_page_says_what_was_measured(page: str) -> None:
    """Scores with intervals, baselines, each label, the choice of C, the truncation, the warnings."""
    record = example_record(n=300)
    text = parsed(page).text
    assert record.test is not None
    for words in (
        f"{100 * record.test.accuracy.value:.1f}",
        "TF-IDF + logistic regression",
        "Score while tuning: 86.0 % (optimistic, since it chose C",
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
    assert page.count('role="img"') == (3 if len(labels) <= 40 else 2)


def test_nothing_tested_is_said() -> None:
    """The page stands without scores."""
    text = parsed(report_html(replace(example_record(n=60), test=None, test_source=None, baselines=()))).text
    assert "Nothing was tested" in text


def test_a_table_has_its_words_to_the_left_and_the_row_that_stands_out_marked() -> None:
    """One column of words unless told otherwise."""
    plain = table(["a", "b"], [["x", "1"], ["y", "2"]], called="c")
    assert table(["a", "b"], [["x", "1"], ["y", "2"]], called="c", n_words=1) == plain
    assert table(["a", "b"], [["x", "1"], ["y", "2"]], called="c", n_words=2) != plain
    assert table(["a", "b"], [["x", "1"], ["y", "2"]], called="c", own=0) != plain


def test_what_was_not_measured_has_no_section() -> None:
    assert probabilities(None, of_sets=False) == probabilities(None, of_sets=True) == ""


def test_lines_are_told_apart_by_their_dashes_in_the_legend_as_in_the_plot() -> None:
    """Seven patterns, twice as long in the legend as in points of the line's width."""
    drawn = legend([Sign(str(place), place) for place in range(7)], lines=True)
    dashes = [re.search(r'dasharray="([^"]*)"', item) for item in drawn.split("<li>")[1:]]
    assert [dash and dash[1] for dash in dashes] == [
        None,
        "10 3",
        "3 2.4",
        "14 3 3 3",
        "6 2 2 2 2 2",
        "18 6",
        "1 2",
    ]
