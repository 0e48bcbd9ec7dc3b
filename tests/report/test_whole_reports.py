"""Whole reports of small records, compared letter by letter with the files in `expected_texts`."""

import io
import re
from collections.abc import Callable

import pytest
from rich.console import Console

from expected import assert_expected, drawn_parts, rounded_json
from frostline.report.card import model_card
from frostline.report.document import as_document, as_evaluation_document
from frostline.report.page import evaluation_html, report_html
from frostline.report.terminal import print_evaluation, print_report
from small_records import (
    evaluation_record,
    full_examples,
    full_record,
    many_label_record,
    two_label_examples,
    two_label_record,
    untested_record,
)

RECORDS = {
    "full": full_record,
    "two-labels": two_label_record,
    "many-labels": many_label_record,
    "untested": untested_record,
}
EXAMPLES = {"full": full_examples, "two-labels": two_label_examples}

each_record = pytest.mark.parametrize("name", RECORDS)


def printed(show: Callable[[Console], None], *, encoding: str = "utf-8", colour: bool = False, width: int = 80) -> str:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", newline="\n") as out:
        show(Console(file=out, width=width, force_terminal=colour, color_system="truecolor" if colour else None))
        out.flush()
        lines = raw.getvalue().decode(encoding).split("\n")
    return "\n".join(line.rstrip() for line in lines)


def body(page: str) -> str:
    """What stands in the page, an element to a line; pictures are compared apart, the frame is a file."""
    found = page.split("<main>", maxsplit=1)[1].split("</main>", maxsplit=1)[0]
    found = re.sub(r"<svg.*?</svg>", "<svg/>", found, flags=re.DOTALL)
    return re.sub(r"(?<=>)(?=<(?:section|h2|p|tr|table|ul|ol|li|figure|dl|dt|div))", "\n", found)


def pictures(page: str) -> list[str]:
    return re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)


@each_record
def test_a_training_on_the_terminal(name: str) -> None:
    assert_expected(printed(lambda console: print_report(RECORDS[name](), console)), f"{name}.terminal.txt")


def test_a_training_on_a_terminal_of_ascii() -> None:
    text = printed(lambda console: print_report(full_record(), console), encoding="ascii")
    assert_expected(text, "full.terminal-ascii.txt")


def test_a_training_on_a_terminal_of_colours() -> None:
    """The styles, too: what stands out is what matters."""
    text = printed(lambda console: print_report(full_record(), console), colour=True)
    assert_expected(text.replace("\x1b", "^"), "full.terminal-colour.txt")


@pytest.mark.parametrize("name", ["full", "two-labels", "many-labels"])
def test_an_evaluation_on_the_terminal(name: str) -> None:
    record = evaluation_record(RECORDS[name]())
    assert_expected(printed(lambda console: print_evaluation(record, console)), f"{name}.evaluation.terminal.txt")


@each_record
def test_a_card(name: str) -> None:
    assert_expected(model_card(RECORDS[name]()), f"{name}.card.md")


@each_record
def test_a_document(name: str) -> None:
    assert_expected(rounded_json(as_document(RECORDS[name]())), f"{name}.json")


def test_a_document_without_points_lacks_them_alone() -> None:
    whole, small = as_document(full_record()), as_document(full_record(), points=False)

    def without(value: object) -> object:
        if isinstance(value, dict):
            return {
                key: without(inner)
                for key, inner in value.items()
                if key not in {"roc", "precision_recall", "by_label"}
            }
        return [without(inner) for inner in value] if isinstance(value, list) else value

    assert small != whole
    assert small == without(whole)


def test_a_document_of_an_evaluation() -> None:
    document = as_evaluation_document(evaluation_record(full_record()))
    assert_expected(rounded_json(document), "full.evaluation.json")


def page_of(name: str) -> str:
    return report_html(RECORDS[name](), EXAMPLES[name]() if name in EXAMPLES else None)


@each_record
def test_a_page(name: str) -> None:
    """Its words, and each of its pictures element by element."""
    page = page_of(name)
    drawn = "\n".join(drawn_parts(picture) for picture in pictures(page))
    assert_expected(f"{body(page)}\n\n{drawn}", f"{name}.page.txt")


def test_a_page_without_texts() -> None:
    assert_expected(body(report_html(full_record(), full_examples(), quote=False)), "full.page-without-texts.txt")


def test_a_page_of_an_evaluation() -> None:
    page = evaluation_html(evaluation_record(two_label_record()), two_label_examples())
    assert_expected(body(page), "two-labels.evaluation.page.txt")
