"""An explanation made by hand: the terminal, the page and the document, whole; every sentence beside the numbers."""

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from rich.console import Console

from frostline import __version__
from frostline.artifact import Neighbours
from frostline.errors import UsageError
from frostline.explanation.explaining import Explanation, Nearest, named_label, nearest
from frostline.explanation.leave_out import Change, LabelExplained, Together, Word
from frostline.report.explanation import (
    ACT_TOGETHER,
    additivity,
    answer_text,
    explanation_document,
    explanation_html,
    print_explanation,
    remarks,
    strongest,
    together_text,
)
from goldens import compare_json, compare_text, rounded

GOLDEN = Path(__file__).parent / "golden"


def changes(*log_odds: float) -> tuple[Change, ...]:
    return tuple(Change(log_odds=value, probability=value / 5) for value in log_odds)


def words_of(text: str) -> tuple[Word, ...]:
    return tuple(
        Word(
            text=found[0], start=found.start(), end=found.end(), pieces=(found[0][:4], *(["##x"] * (len(found[0]) > 4)))
        )
        for found in re.finditer(r"\S+", text)
    )


SHORT = "A plainly good film , good  but cut here"
WORDS = words_of(SHORT)[:7]
GOOD = LabelExplained(
    label="good",
    probability=0.8126,
    log_odds=1.467,
    of_nothing=Change(log_odds=2.25, probability=0.5),
    words=changes(0.02, -0.55, 1.1, 0.0, -0.054, 0.9, -0.3),
    repeated=(
        Together(text="good", places=(2, 5), change=Change(log_odds=1.75, probability=0.3)),
        Together(text="[film]", places=(3, 6, 7), change=Change(log_odds=-2.5, probability=-0.3)),
    ),
)
FOUND = Explanation(
    text=SHORT,
    kind="one label",
    answer=("good",),
    probabilities=(("bad", 0.1874), ("good", 0.8126)),
    pieces=("[CLS]", "A", "plai", "##x", "good", "[SEP]"),
    words=WORDS,
    seen_to=31,
    is_cut=True,
    labels=(
        GOOD,
        replace(GOOD, label="fair", words=changes(0.2, -0.08, 0.02, 0.019, 0.01, -0.009, 0.1), repeated=()),
        replace(GOOD, label="bad", probability=0.1874, words=changes(0, 0, 0, 0, 0, 0, 0), repeated=()),
    ),
    nearest=(
        Nearest(text="A good film.", labels=("good",), cosine=0.876),
        Nearest(text="Not [bold]at all[/bold]", labels=("bad", "good"), cosine=-0.124),
        Nearest(text="None of them", labels=(), cosine=0.0),
    ),
    answer_from=0.0,
    max_length=7,
)
LONG = " ".join(f"word{place}" for place in range(24)) + " " + "tail " * 60
MANY = replace(
    FOUND,
    text=LONG,
    answer=None,
    answer_from=0.95,
    probabilities=tuple((f"label {place}", (place + 1) / 78) for place in range(12)),
    pieces=tuple(f"p{place}" for place in range(133)),
    words=words_of(LONG)[:30],
    seen_to=len(LONG),
    is_cut=False,
    labels=(
        replace(
            GOOD,
            label=7,
            words=changes(*[(-1) ** place * (place + 1) / 10 for place in range(24)]),
            repeated=tuple(
                Together(text=f"again{place}", places=(0, 1), change=Change(log_odds=place / 4, probability=0.0))
                for place in range(7)
            ),
        ),
    ),
    nearest=None,
)
EMPTY = replace(
    FOUND,
    text="",
    words=(),
    pieces=("[CLS]", "[SEP]"),
    seen_to=0,
    is_cut=False,
    nearest=(),
    labels=(replace(GOOD, words=(), repeated=()),),
)
RECORDS = {"short": FOUND, "many": MANY, "empty": EMPTY}


def printed(found: Explanation, *, is_coloured: bool = False) -> str:
    file = io.StringIO()
    colours: Literal["standard"] | None = "standard" if is_coloured else None
    console = Console(width=100, color_system=colours, force_terminal=is_coloured, file=file)
    print_explanation(found, console, details=True)
    return file.getvalue()


@pytest.mark.parametrize("what", RECORDS)
def test_an_explanation_is_printed_as_it_was(what: str) -> None:
    compare_text(GOLDEN / f"{what}.txt", printed(RECORDS[what]))


def test_colours_and_weights_tell_how_much_a_word_changes() -> None:
    compare_text(GOLDEN / "coloured.txt", printed(FOUND, is_coloured=True).replace("\x1b", "ESC"))


@pytest.mark.parametrize("what", RECORDS)
def test_an_explanation_is_a_page_as_it_was(what: str) -> None:
    page = explanation_html(RECORDS[what]).replace(__version__, "VERSION")
    body = page[page.index("<body") :]
    compare_text(GOLDEN / f"{what}.html.txt", re.sub(r"(</(?:p|tr|h2|section|li|ul|table)>)", r"\1\n", body))


@pytest.mark.parametrize("what", RECORDS)
def test_an_explanation_is_a_document_as_it_was(what: str) -> None:
    compare_json(GOLDEN / f"{what}.json", rounded(explanation_document(RECORDS[what])))


# --- one figure a word


def test_a_word_has_one_figure_and_with_details_two() -> None:
    """Of two, of different scales, a reader would have to know which to believe."""

    def told(found: Explanation, *, details: bool) -> str:
        out = io.StringIO()
        print_explanation(found, Console(width=100, file=out), details=details)
        return out.getvalue()

    large = replace(GOOD, words=tuple(Change(log_odds=0.3, probability=0.1) for _ in GOOD.words))
    found = replace(FOUND, labels=(large,))
    few, all_of_it = told(found, details=False), told(found, details=True)
    assert "probability" in few
    assert "log-odds" not in few
    assert ACT_TOGETHER in few
    assert "log-odds" in all_of_it
    assert "one at a time" in " ".join(all_of_it.split())
    tiny = replace(GOOD, words=tuple(Change(log_odds=0.3, probability=0.0049) for _ in GOOD.words))
    assert "log-odds" in told(replace(FOUND, labels=(tiny,)), details=False)  # 0.000 for every word would tell nothing


# --- sentences


def test_the_answer_is_told_with_its_probability() -> None:
    assert answer_text(FOUND) == "good (0.813)"
    assert answer_text(replace(FOUND, answer=None)) == "no answer"
    several = replace(FOUND, kind="several labels", answer=("bad", "good"))
    assert answer_text(several) == "bad (0.187), good (0.813)"
    assert answer_text(replace(several, answer=())) == "none of the labels"
    assert answer_text(replace(several, answer=None)) == "no answer"
    assert explanation_document(several)["answer"] == ["bad", "good"]
    assert explanation_document(replace(several, answer=None))["answer"] is None
    assert explanation_document(replace(several, answer=()))["answer"] == []
    assert (explanation_document(FOUND)["answer"], explanation_document(replace(FOUND, answer=None))["answer"]) == (
        "good",
        None,
    )


WHOLE = replace(FOUND, is_cut=False, seen_to=len(SHORT))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (WHOLE, []),
        (
            replace(WHOLE, answer=None, answer_from=0.12345),
            [
                "The classifier gives no answer below a probability of 0.123; the most probable label is good (0.813).",
            ],
        ),
        (
            replace(WHOLE, kind="several labels", answer=()),
            ["No label reaches its threshold; the most probable is good (0.813)."],
        ),
        (
            replace(WHOLE, answer=("bad",)),
            ["good is more probable (0.813); the thresholds of the labels decide otherwise."],
        ),
        (
            replace(WHOLE, kind="several labels", answer=("bad",)),
            ["good is more probable (0.813); the thresholds of the labels decide otherwise."],
        ),
        (replace(WHOLE, kind="several labels", answer=("bad", "good")), []),
        (
            FOUND,
            ["The encoder sees 7 word pieces of a text: the last 9 letters of this one took no part."],
        ),
        (
            replace(FOUND, seen_to=len(SHORT) - 1),
            ["The encoder sees 7 word pieces of a text: the last 1 letter of this one took no part."],
        ),
        (
            replace(WHOLE, labels=(replace(GOOD, words=GOOD.words[:6]),)),
            ["Of 7 words the first 6 were left out in turn; the others were not tried (--max-words)."],
        ),
        (
            replace(WHOLE, words=WORDS[:1], labels=(replace(GOOD, words=GOOD.words[:1]),)),
            ["It is the only word: left out, an empty text remains."],
        ),
        (
            replace(WHOLE, words=(), labels=(replace(GOOD, words=()),)),
            ["The text has no word pieces: the probabilities are those of an empty text."],
        ),
    ],
)
def test_each_remark_is_made_where_it_holds_and_nowhere_else(found: Explanation, said: list[str]) -> None:
    assert remarks(found) == said


def test_what_is_said_of_sums_and_repeats() -> None:
    assert GOOD.sum_of_words == pytest.approx(1.116)
    assert additivity(GOOD) == (
        "Words act together, so single effects do not add up: one at a time +1.12 in all, the whole text against an "
        "empty one +2.25 (log-odds)."
    )
    assert [repeated.text for repeated in strongest(GOOD.repeated)] == ["[film]", "good"]
    assert together_text(GOOD.repeated[1]) == "“[film]” appears 3 times: left out everywhere, -2.50."


def test_a_label_is_found_by_what_it_is_written_as() -> None:
    assert named_label("3", (1, 3)) == 3
    assert named_label("True", (False, True)) is True
    labels = tuple(f"l{place}" for place in range(13))
    with pytest.raises(UsageError) as caught:
        named_label("x", labels)
    named = ", ".join(f"'l{place}'" for place in range(12))
    assert caught.value.message == f"The label to explain must be one of {named} and 1 more (got 'x')."
    with pytest.raises(UsageError) as caught:
        named_label("x", labels[:12])
    assert caught.value.message == f"The label to explain must be one of {named} (got 'x')."


# --- the nearest


def test_the_nearest_are_found_across_blocks_and_the_first_of_equals_comes_first() -> None:
    """More sentences than are looked at together; each sentence with its labels once; cosines within 1."""
    rows = np.tile(np.array([[0.0, 1.0]], np.float16), (8200, 1))
    rows[[3, 8195, 8199]] = 1.0, 0.0
    rows[7] = np.float16(0.8), np.float16(0.6)
    texts = tuple(f"t{place}" for place in range(8200))
    kept = Neighbours(texts=texts, codes=np.arange(8200) % 2, rows=rows, centre=np.array([1.0, 1.0], np.float32))
    found = nearest(np.array([3.0, 1.0]), kept, ("even", "odd"), n=5)
    assert [(each.text, each.labels) for each in found] == [
        ("t3", ("odd",)),
        ("t8195", ("odd",)),
        ("t8199", ("odd",)),
        ("t7", ("odd",)),
        ("t0", ("even",)),
    ]
    np.testing.assert_allclose([each.cosine for each in found], [1, 1, 1, 0.8, 0], atol=1e-3)
    far = nearest(np.array([-3.0, 1.0]), kept, ("even", "odd"), n=9000)
    assert (len(far), far[-1].cosine) == (8200, -1.0)


def test_the_page_has_every_letter_of_the_text_that_is_seen() -> None:
    """Also those before its first word, which belong to none."""
    word = Word(text="film", start=2, end=6, pieces=("film",))
    label = replace(GOOD, words=changes(1.0), repeated=())
    page = explanation_html(
        replace(FOUND, text="\u00ab film \u00bb!", words=(word,), labels=(label,), seen_to=9, is_cut=False)
    )
    marked = page.split('<p class="lead" dir="auto">')[-1].split("</p>")[0]
    assert re.sub(r"<[^>]+>", "", marked) == "\u00ab film \u00bb!"
