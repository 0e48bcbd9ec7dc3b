"""The end of a page says when and by which command it was made; intervals stay on one line."""

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Command
from frostline.report.markup import whole_ranges
from frostline.report.page import evaluation_html, report_html
from record_examples import example_record
from report_examples import example_report
from small_records import evaluation_record


def test_a_page_ends_in_date_command_and_version() -> None:
    record, _ = example_report()
    made = "2026-11-29 12:00 UTC, by: frostline train <b>.csv"
    for page in (report_html(record, made=made), evaluation_html(evaluation_record(record), made=made)):
        end = page[page.index("<footer>") :]
        assert f"Made by Frostline {record.version}, 2026-11-29 12:00 UTC, by: frostline train &lt;b&gt;.csv. " in end
    assert f"Made by Frostline {record.version}. " in report_html(example_record())


def test_texts_that_came_from_python_have_no_digest_of_a_file() -> None:
    record, _ = example_report()
    given = replace(record, data=replace(record.data, sha256="0" * 64))
    assert "Its sha256" in report_html(record)
    assert "Its sha256" not in report_html(given)
    assert "0" * 64 not in report_html(given)


def test_a_page_has_the_line_that_does_what_comes_next() -> None:
    """Whole, as it is pasted, and safe; the sentence then need not name the command too."""
    record, _ = example_report()
    line = "frostline train '<b> & c.csv' --tidy-labels"
    for page in (report_html(record, command=line), evaluation_html(evaluation_record(record), command=line)):
        code = "<code>frostline train &#x27;&lt;b&gt; &amp; c.csv&#x27; "
        code += '<span class="whole">--tidy-labels</span></code></div>'
        assert page.count(code) == 1
        sentence = page[page.index('<div class="next"><p>') :].partition("</p>")[0]
        assert "Next: " in sentence
        assert "frostline" not in sentence
        assert "run the same command" not in sentence
    assert "<code>" not in report_html(record)


def test_the_command_line_says_it_without_anybodys_folders(frostline: Command, tmp_path: Path) -> None:
    path = tmp_path / "my tickets.csv"
    path.write_text("text,label\n" + "".join(f"word{n % 2} of {n},{'ab'[n % 2]}\n" for n in range(40)), "utf-8")
    out = tmp_path / "model"
    assert frostline("train", path, "--out", out, "--features", "words", "-C", "0.1", "--no-store").code == 0
    page = (out / "report.html").read_text("utf-8")
    end = re.sub("<.*?>", "", page[page.index("<footer>") :])
    assert re.search(r"Frostline [\d.]+, \d{4}-\d\d-\d\d \d\d:\d\d UTC, by: frostline train ", end)
    assert "&#x27;my tickets.csv&#x27;" in end
    assert "--out model" in end
    said = html.unescape(re.sub(r"<.*?>", "", page[page.index("<code>") : page.index("</code>")]))
    train = "frostline train 'my tickets.csv' --out model --features words -C 0.1 --no-store"
    assert said == f"{train} --learning-curve --overwrite"
    assert str(tmp_path) not in page


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ("of 0.0 (0.0\u20133.4) % of texts", "(0.0\u20133.4) %"),
        ("by 4.8 points (0.0 to 13.3, chance", "(0.0 to 13.3"),
        ("lead \u22126.9 (\u221212.9 to \u22120.7);", "(\u221212.9 to \u22120.7)"),
        ("77.9\u201388.8 %", "77.9\u201388.8 %"),
    ],
)
def test_both_ends_of_an_interval_stand_on_one_line(words: str, whole: str) -> None:
    assert f'<span class="whole">{whole}</span>' in whole_ranges(words)


def test_what_is_no_interval_may_break() -> None:
    assert whole_ranges("of 3 texts, 5 to look at; 2026-11-29") == "of 3 texts, 5 to look at; 2026-11-29"


@pytest.mark.parametrize("words", ["pass --keep-near-copies-together", "--test FILE", "(--nested)"])
def test_an_option_is_not_parted(words: str) -> None:
    """A line may break before it, never behind its dashes."""
    option = next(word.strip("()") for word in words.split() if "--" in word)
    assert f'<span class="whole">{option}</span>' in whole_ranges(words)


@pytest.mark.parametrize("words", ["a -- b", "a--b", "---", "--" + "x" * 40])
def test_what_is_no_option_may_break(words: str) -> None:
    assert whole_ranges(words) == words
