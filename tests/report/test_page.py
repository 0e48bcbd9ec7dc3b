"""The page with everything on it: what it shows, what it keeps to itself, and how large it gets."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from frostline.evaluate.examples import Examples, surest_mistakes
from frostline.record import TrainingRecord
from frostline.report.document import as_document
from frostline.report.markup import LONGEST_TEXT, quoted
from frostline.report.page import report_html
from frostline.report.sections import per_label
from frostline.report.terminal import print_report
from page_elements import NASTY, Elements, parsed
from report_examples import example_report
from small_records import evaluation, many_label_record


@pytest.fixture(scope="module")
def training() -> tuple[TrainingRecord, Examples]:
    return example_report()


@pytest.fixture(scope="module")
def page(training: tuple[TrainingRecord, Examples]) -> str:
    return report_html(*training)


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_every_part_stands_where_its_data_exist(page: str) -> None:
    """From the paragraph in plain words to how it was made, in this order."""
    assert headings(page) == [
        "In plain words",
        "Beside simpler ways",
        "Label by label",
        "Which labels get mixed up",
        "Confident mistakes",
        "A map of the test texts",
        "Whether its probabilities can be trusted",
        "When it should rather not answer",
        "Label against the rest, at every threshold",
        "Whether more labels would help",
        "What to do next",
        "How the features were chosen",
        "How C was chosen",
        "How it was made",
    ]
    assert len(re.findall(r'<svg[^>]*role="img"', page)) == 10


def test_no_part_stands_where_its_data_are_missing(training: tuple[TrainingRecord, Examples]) -> None:
    """No empty heading."""
    warned = ("1 test row is also a training row.",)
    bare = replace(training[0], choice=None, learning=None, probabilities=None, baselines=(), warnings=warned)
    assert headings(report_html(bare)) == [
        "In plain words",
        "To be careful about",
        "Label by label",
        "Which labels get mixed up",
        "What to do next",
        "How C was chosen",
        "How it was made",
    ]


def test_the_surest_mistakes_are_quoted_with_their_lines(training: tuple[TrainingRecord, Examples], page: str) -> None:
    """Text, both labels, both probabilities, the line in the file; the surest first."""
    text = parsed(page).text
    found = surest_mistakes(training[1], most=3)
    places = [text.index(mistake.text) for mistake in found]
    assert places == sorted(places)
    for mistake in found:
        assert f"line {mistake.line}" in text
        assert f"{100 * mistake.probability:.1f} %" in text
    assert "whoever sees this page reads them" in text


def test_texts_stay_out_on_request(training: tuple[TrainingRecord, Examples]) -> None:
    """The lines and the map remain; not a word of a text does."""
    page = report_html(*training, quote=False)
    assert "a text of its own" not in page
    assert f"line {surest_mistakes(training[1], most=1)[0].line}" in page
    assert "A map of the test texts" in page


def test_what_stands_in_texts_and_labels_is_only_shown() -> None:
    """Markup, handlers, template signs, controls and overrides in every place that a user's words reach."""
    labels = [NASTY, "</style><svg onload=alert(1)>", "#010203", "javascript:alert(1)"]
    plain = parsed(report_html(*example_report(["a", "b", "c", "d"], n=120)))
    page = report_html(*example_report(labels, n=120, name=NASTY, text=NASTY, warnings=(NASTY,)))
    found = parsed(page)
    assert set(found.names) == set(plain.names)
    assert not {"script", "img", "a", "link", "iframe", "object", "foreignObject"} & set(found.names)
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in {"href", "src"}]
    assert not set(page) & {"\u202e", "\x00", "\u2028"}
    assert not re.search(r">\s*var\(--", page), "a label that looks like one of our stand-in colours stays what it is"
    assert found.open == []


def test_a_text_keeps_its_direction_to_itself() -> None:
    """Isolated, breaks shown, joiners of Persian and of faces kept, everything else that steers escaped."""
    assert quoted("one\ntwo\r\nthree\u2028four").count("↵") == 3
    assert quoted("\u200f\u05d0\u202e x").startswith('<bdi dir="auto">\\u200f\u05d0\\u202e')
    assert "\\u202e" in quoted("\u202e")
    assert "\u0645\u06cc\u200c\u062e" in quoted("\u0645\u06cc\u200c\u062e")
    assert "an empty text" in quoted("")


def test_a_long_text_is_cut_and_says_so() -> None:
    """A novel in a cell must not become the page."""
    shown = quoted("x" * (LONGEST_TEXT + 1234))
    assert "1,234 more letters" in shown
    assert len(shown) < LONGEST_TEXT + 200


def test_the_page_stays_small_for_many_rows_and_labels() -> None:
    """2,000 test rows and 150 labels with long names and texts: under 1.5 MB; so are 40 labels, which are drawn."""
    for n_labels in (150, 40):
        labels = [f"a label with a rather long name, number {number}" for number in range(n_labels)]
        page = report_html(*example_report(labels, n=2000, text="a long text & more " * 200))
        assert len(page.encode("utf-8")) < 1_500_000


def test_the_map_costs_few_bytes_a_point() -> None:
    """One path per label, one decimal."""
    record, examples = example_report(n=2000)
    page = report_html(record, examples)
    svg = next(found for found in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL) if "Map of" in found)
    assert len(svg) < 120 * 2000
    assert len(re.findall(r"fill-opacity", svg)) == 2
    assert "2,000 test texts" in svg


def test_it_can_be_read_aloud_and_by_keyboard(page: str) -> None:
    """Pictures with words, tables with headers, one first heading, scrolling parts that take the focus."""
    found = parsed(page)
    assert found.names.count("h1") == 1
    assert found.names.count("main") == 1
    assert page.count("<svg") == page.count('role="img" aria-label="') + page.count('aria-hidden="true"')
    assert found.names.count("th") > 20
    assert found.names.count("tbody") == found.names.count("thead")
    for opening in re.findall(r'<div class="wide[^>]*>', page):
        assert 'tabindex="0"' in opening
        assert 'aria-label="' in opening
    assert ("lang", "en") in found.attributes


def test_the_same_training_gives_the_same_bytes(page: str) -> None:
    """The map included."""
    assert report_html(*example_report()) == page


def test_an_abstaining_head_is_marked_on_its_curve(training: tuple[TrainingRecord, Examples]) -> None:
    """Where it stands, in words and as a point."""
    record = training[0]
    assert record.probabilities is not None
    coverage = replace(record.probabilities.coverage, answer_from=0.8)
    page = report_html(replace(record, probabilities=replace(record.probabilities, coverage=coverage)))
    assert "It answers from a probability of 0.800 on" in parsed(page).text


def test_elements_are_closed(page: str) -> None:
    """Everything that was opened."""
    elements = Elements()
    elements.feed(page)
    elements.close()
    assert elements.open == []


def of_many(n_labels: int) -> TrainingRecord:
    """Labels of which each tenth is never right and the last 45 grow: few texts, as each costs a row of all labels."""
    labels = tuple(f"intent {number}" for number in range(n_labels))
    confusion = np.diag(3 + np.maximum(0, np.arange(n_labels) - n_labels + 45))
    for place in range(0, n_labels, 10):
        confusion[place, (place + 1) % n_labels], confusion[place, place] = confusion[place, place], 0
    record = many_label_record()
    return replace(
        record,
        labels=labels,
        data=replace(record.data, label_counts=dict.fromkeys(labels, 50)),
        test=evaluation(confusion.tolist(), labels),
    )


def listed(page: str) -> list[str]:
    """The labels that have a row of scores."""
    table = page[page.index("<h2>Label by label</h2>") : page.index("<h2>Which labels get mixed up</h2>")]
    return re.findall(r"intent \d+", table.partition("<details>")[0])


@pytest.mark.parametrize(("n_labels", "n_listed"), [(100, 100), (101, 54), (600, 60)])
def test_of_very_many_labels_the_weakest_and_the_largest_are_listed(n_labels: int, n_listed: int) -> None:
    page = report_html(of_many(n_labels))
    shown = listed(page)
    assert len(shown) == len(set(shown)) == n_listed
    told = f"Of {n_labels:,} labels those {n_listed} are listed that have the lowest F1 or the most texts"
    assert (told in page) is (n_labels > 100)
    assert shown == sorted(shown, key=lambda label: int(label.split()[1]))
    assert {f"intent {n_labels - 1}", "intent 0", "intent 10"} <= set(shown)
    assert ("intent 55" in shown) is (n_labels == 100)
    assert len(page) < 200_000


@pytest.mark.parametrize(("n_labels", "is_kept"), [(200, True), (201, False)])
def test_a_manifest_has_no_room_for_the_pairs_of_very_many_labels(n_labels: int, *, is_kept: bool) -> None:
    """Of 600 labels they took 1.1 MB, and a manifest of more than 1 MB is refused."""
    record = of_many(n_labels)
    kept, whole = as_document(record, points=False)["test"], as_document(record)["test"]
    assert isinstance(kept, dict)
    assert isinstance(whole, dict)
    for name in ("confusion", "per_label"):
        assert whole[name] is not None
        assert (kept[name] == whole[name]) is is_kept
        assert (kept[name] is None) is not is_kept
    assert kept["accuracy"] == whole["accuracy"]


def test_six_hundred_labels_are_a_screen_on_the_terminal() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_report(of_many(600), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "The 12 of 600 labels with the lowest F1" in text
    assert text.count("\n") < 90
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(("n_labels", "is_folded"), [(100, False), (101, True)])
def test_of_very_many_labels_each_has_a_line_that_is_folded_away(n_labels: int, *, is_folded: bool) -> None:
    labels = [f"kind {number}" for number in range(n_labels)]
    shown = per_label(evaluation(np.roll(np.eye(n_labels, dtype=int), 1, axis=0).tolist(), labels))
    folded = shown.partition("<details>")[2]
    assert bool(folded) is is_folded
    assert f"All {n_labels} labels, to be searched with Ctrl-F" in folded or not is_folded
    assert folded.count('<th scope="row"') == n_labels * is_folded
    assert '<th scope="row" class="words">kind 7</th><td>1</td><td>0.0</td>' in folded or not is_folded
