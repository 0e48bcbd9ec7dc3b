"""How much a report shows before it cuts or counts the rest: each limit from both sides."""

import html
import io
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from expected import assert_expected, drawn_parts
from frostline.evaluate.examples import Examples
from frostline.evaluate.intervals import TOGETHER, Estimate, wilson
from frostline.evaluate.paired import fold_difference
from frostline.evaluate.scores import commonest_mistakes
from frostline.record import DataRecord, FeaturesRecord, PartRecord, PartsRecord, TrainingRecord
from frostline.report import printable
from frostline.report.card import code, escaped, model_card
from frostline.report.lines import bars
from frostline.report.markup import quoted, safe, table
from frostline.report.page import page, report_html, training_facts
from frostline.report.phrases import DASH, MINUS, lead_text, named, parts_text, percent, points, source_text
from frostline.report.plain import between, confuses, how_often, leaks_text, misses, next_step, plain_words
from frostline.report.plots import confusion_plot, map_plot, map_words
from frostline.report.sections import (
    confusion,
    features,
    item,
    listed,
    mistakes,
    outlook_words,
    per_label,
    probabilities,
)
from frostline.report.sections import learning as learning_section
from frostline.report.sections import nested as nested_part
from frostline.report.terminal import decision_text, print_learning, print_report, surest_words
from frostline.targets import Label
from small_records import (
    answered,
    baselines,
    calibration_scores,
    choice,
    coverage,
    evaluation,
    full_examples,
    full_record,
    label_curves,
    lead,
    learning,
    many_label_record,
    nested,
    two_label_record,
    untested_record,
)

LONG = "0123456789" * 50


def printed(record: TrainingRecord, width: int = 80) -> str:
    out = io.StringIO()
    print_report(record, Console(file=out, width=width))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def diagonal(n_labels: int) -> tuple[list[list[int]], list[str]]:
    return np.diag([3] * n_labels).tolist(), [f"label {number}" for number in range(n_labels)]


def counts_of(labels: Sequence[Label], n: int) -> dict[Label, int]:
    return dict.fromkeys(labels, n)


def long_record() -> TrainingRecord:
    """Every name is five hundred letters long: where each of them is cut, shows."""
    full = full_record()
    labels = tuple(f"{letter}{LONG}" for letter in "abc")
    assert full.decision is not None
    assert full.probabilities is not None
    assert full.choice is not None
    assert full.precision is not None
    assert full.test_source is not None
    return replace(
        full,
        labels=labels,
        data=replace(full.data, name=f"data {LONG}", label_counts=dict(zip(labels, (9, 8, 7), strict=True))),
        test_source=replace(full.test_source, data=replace(full.data, name=f"test {LONG}")),
        encoder=replace(full.encoder, name=f"encoder {LONG}"),
        search=replace(full.search, scoring=f"scoring {LONG}", rule=f"rule {LONG}"),
        test=evaluation([[60, 20, 10], [8, 42, 0], [0, 0, 60]], labels),
        decision=replace(full.decision, thresholds=(0.1, 0.2, 0.3)),
        probabilities=replace(
            full.probabilities, curves=tuple(label_curves(label, 0.9 - place / 5) for place, label in enumerate(labels))
        ),
        choice=replace(full.choice, rule=f"rule {LONG}", scoring=f"scoring {LONG}"),
        learning=replace(learning(), choice_of_C=f"C {LONG}"),
        precision=replace(full.precision, reason=f"reason {LONG}"),
        warnings=(f"warning {LONG * 3}",),
    )


def test_long_names_are_cut_where_they_are_shown() -> None:
    """On the terminal, in the card, on the page and in its pictures."""
    record = long_record()
    shown = report_html(record, replace(full_examples(), labels=record.labels, name=f"test {LONG}"))
    pictures = re.findall(r"<svg.*?</svg>", shown, flags=re.DOTALL)
    words = [line for picture in pictures for line in drawn_parts(picture).split("\n") if "0123" in line]
    body = re.sub(r"<svg.*?</svg>", "", shown.split("<main>")[1], flags=re.DOTALL)
    parts = [line for line in re.sub(r"(?=<)", "\n", body).split("\n") if "0123" in line]
    title = re.findall(r"<title>.*</title>", shown)
    text = "\n".join([printed(record, width=200), model_card(record), *title, *parts, *words])
    assert_expected(text, "long-names.txt")


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abcd", 4, "abcd"),
        ("abcde", 4, "abc…"),
        ("a" * 60, 60, "a" * 60),
        ("a\x1bb\u202e\n", 60, "a\\x1bb\\u202e\\n"),
        (True, 60, "True"),
        (None, 60, "None"),
    ],
)
def test_what_is_shown_is_cut_and_escaped(text: object, limit: int, shown: str) -> None:
    assert printable(text, limit) == shown


def test_without_a_limit_sixty_letters_are_shown() -> None:
    assert printable("a" * 61) == "a" * 59 + "…"


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (1.0, "100.0"),
        (0.99999, "99.9"),
        (0.9995, "99.9"),
        (0.99949, "99.9"),
        (0.9989, "99.9"),
        (0.9984, "99.8"),
        (0.0005, "0.1"),
        (0.00049, "0.1"),
        (0.0000001, "0.1"),
        (0.0, "0.0"),
        (-0.5, "-50.0"),
        (1.5, "150.0"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_none(share: float, words: str) -> None:
    assert percent(share) == words


def test_a_difference_always_has_a_sign() -> None:
    assert [points(value) for value in (0.123, 0.0, -0.0003, -0.056)] == ["+12.3", "+0.0", "+0.0", "\N{MINUS SIGN}5.6"]


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.844, 0.856), "84 and 86"),
        ((0.849, 0.851), "84 and 86"),
        ((0.29, 0.57), "29 and 57"),
        ((0.0, 1.0), "0 and 100"),
    ],
)
def test_limits_are_rounded_away_from_each_other(interval: tuple[float, float], words: str) -> None:
    assert between(interval) == words


@pytest.mark.parametrize(
    ("miss", "interval", "words"),
    [
        (0.0, (0.0, 0.02), "Its percentages can be taken at their word: on average they are at most 2 points off."),
        (0.03, (0.01, 0.04), "Its percentages can be taken at their word: on average they are at most 4 points off."),
        (
            0.0,
            (0.0, 0.0401),
            "Too few texts to say how far its percentages are off: on average it can be up to 5 points.",
        ),
        (0.032, (0.010, 0.049), "On average its percentages are about 3 points off (between 1 and 5)."),
        (0.002, (0.0001, 0.049), "On average its percentages are about 1 point off (between 0 and 5)."),
        (0.06, (0.0399, 0.09), "On average its percentages are about 6 points off (between 3 and 9)."),
        (
            0.06,
            (0.0401, 0.09),
            "On average its percentages are about 6 points off (between 4 and 9): read them with care.",
        ),
    ],
)
def test_how_far_probabilities_are_off(miss: float, interval: tuple[float, float], words: str) -> None:
    """The interval says which sentence it is; 2,132 texts and 3.2 points (1.0 to 4.9) are no "seem right"."""
    trust = calibration_scores(0.1, 2).reliability
    assert misses(replace(trust, error=replace(trust.error, value=miss, interval=interval))) == words


def test_a_sentence_names_six_labels_and_counts_the_rest() -> None:
    assert named(list("abcdef")) == "a, b, c, d, e, f"
    assert named(list("abcdefg")) == "a, b, c, d, e, f and 1 more"
    assert named(list("abcdefgh")) == "a, b, c, d, e, f and 2 more"


@pytest.mark.parametrize(("n", "is_few"), [(20, True), (22, False), (24, False)])
def test_a_wide_interval_is_a_hint(n: int, *, is_few: bool) -> None:
    """Its width decides, not the number of texts: 22 of 22 right leave 15 points."""
    said = how_often(evaluation([[n // 2, 0], [0, n // 2]], "ab"), "of that file")[0]
    assert ("With so few texts this is little more than a hint." in said) is is_few
    assert said.startswith(f"On {n} texts of that file it was right 100 of 100 times; ")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (
            [[5, 0], [0, 5]],
            "It made no mistake there, which says that the test was easy or small, not that it makes none.",
        ),
        ([[5, 1], [0, 5]], "Its only mistake there: it says b where a is right."),
        ([[5, 4], [0, 5]], "All of its 4 mistakes there: it says b where a is right."),
        ([[5, 1], [2, 5]], "Among its mistakes: it says a where b is right (2 of 3)."),
        ([[5, 5], [12, 5]], "Among its mistakes: it says a where b is right (12 of 17)."),
        ([[5, 4], [12, 5]], "What it gets wrong most: it says a where b is right (12 of 16)."),
    ],
)
def test_the_commonest_mistake_is_named_beside_all(cells: list[list[int]], words: str) -> None:
    assert confuses(evaluation(cells, "ab")) == [words]


def test_the_commonest_mistake_of_copies_is_the_commonest_of_the_texts() -> None:
    """12 to 4 are beyond chance; where four rows tell as much as one, 3 to 1 are not."""
    test = evaluation([[5, 4], [12, 5]], "ab")
    fourfold = Estimate(10 / 26, wilson(10 / 4, 26 / 4), 26, f"Wilson{TOGETHER}")
    test = replace(test, scores={**test.scores, "accuracy": fourfold})
    assert confuses(test) == ["Among its mistakes: it says a where b is right (12 of 16)."]


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (-0.0002, f"+1.0 ({MINUS}0.02 to +2.0)"),
        (0.00003, "+1.0 (+0.003 to +2.0)"),
        (-0.000001, "+1.0 (+0.0 to +2.0)"),
        (0.0, "+1.0 (+0.0 to +2.0)"),
        (-0.0006, f"+1.0 ({MINUS}0.1 to +2.0)"),
    ],
)
def test_the_end_of_an_interval_is_not_shown_as_0_where_it_is_not(limit: float, words: str) -> None:
    """A lead "beyond chance" whose interval seems to touch 0 contradicts itself."""
    assert lead_text(lead(0.01, limit, 0.02)) == words


def test_copies_that_change_no_score_are_said_to_change_none() -> None:
    record = two_label_record()
    assert record.test is not None
    assert record.test_source is not None
    source = replace(record.test_source, n_leaks=1, with_leaks=record.test)
    said = leaks_text(source, record.test)
    assert said[0].endswith(f"left out here: with it {100 * record.test.accuracy.value:.1f} % would be right too.")


@pytest.mark.parametrize(
    ("value", "low", "high", "words"),
    [
        (0.015, 0.010, 0.020, "kept: log loss 0.015 lower by 5 folds (0.010 to 0.020), beyond chance"),
        (-0.004, -0.009, 0.001, f"kept: log loss 0.004 higher by 5 folds ({MINUS}0.001 to 0.009), maybe chance"),
    ],
)
def test_what_words_bring_in_log_loss_is_told_as_log_loss(value: float, low: float, high: float, words: str) -> None:
    """`Hundredths of minus log loss` are nobody's unit."""
    none = fold_difference(np.zeros(5), np.zeros(5))
    alone, other, both = (
        PartRecord(features=name, score=0.0, interval=(0.0, 0.0), lead=none)
        for name in ("mean@all", "words", "mean@all+words")
    )
    both = replace(both, lead=replace(none, value=value, interval=(low, high)))
    parts = PartsRecord(
        is_chosen=True,
        kept="mean@all+words",
        trials=(alone, other, both),
        scoring="neg_log_loss",
        n_folds=5,
        weights=(1.0, 1.0, 0.0),
        word_Cs=(1.0,),
    )
    assert parts_text(parts, is_brief=True) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0149, "Counting words is right for about 1 text in 100 fewer (between 1 and 2)."),
        (0.0151, "Counting words is right for about 2 texts in 100 fewer (between 1 and 2)."),
        (-0.0149, "Counting words is right for about 1 text in 100 more (between 1 and 2)."),
        (-0.0151, "Counting words is right for about 2 texts in 100 more (between 1 and 2)."),
    ],
)
def test_a_lead_is_rounded_once(value: float, words: str) -> None:
    rival = baselines()[1]
    rival = replace(rival, leads={"accuracy": lead(value, value - 0.001, value + 0.001)})
    assert words in plain_words(replace(full_record(), baselines=(rival,)))


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.02), (-0.02, 0.0)])
def test_a_lead_whose_interval_touches_nothing_is_within_chance(low: float, high: float) -> None:
    rival = replace(baselines()[1], leads={"accuracy": lead(0.01, low, high)})
    said = plain_words(replace(full_record(), baselines=(rival,)))
    assert "Whether counting words does better or worse cannot be told: the difference could be chance." in said


def test_nothing_advised_is_to_read_the_mistakes() -> None:
    record = replace(two_label_record(), test_source=None, learning=None, baselines=(), n_trained=1000)
    assert record.test is not None
    narrow = replace(record.test.accuracy, interval=(0.89, 0.91))
    test = replace(record.test, scores={**record.test.scores, "accuracy": narrow})
    assert next_step(replace(record, test=test)) == (
        "Next: read its surest mistakes; some may be wrong labels (frostline review looks for them)."
    )
    assert next_step(untested_record()) == "Next: test it on texts with labels."


@pytest.mark.parametrize(("value", "is_faultless"), [(1.0, True), (0.999, False)])
def test_where_no_answer_was_wrong_no_mistakes_are_to_be_read(value: float, *, is_faultless: bool) -> None:
    record = replace(two_label_record(), test_source=None, learning=None, baselines=(), n_trained=1000)
    assert record.test is not None
    right = replace(record.test.accuracy, value=value, interval=(0.99, 1.0))
    labels = tuple(replace(one, f1=one.f1 and replace(one.f1, value=value)) for one in record.test.per_label)
    test = replace(record.test, scores={**record.test.scores, "accuracy": right}, per_label=labels)
    said = next_step(replace(record, test=test))
    assert (said == "Next: test it on more texts, and on harder ones.") is is_faultless
    assert ("surest mistakes" in said) is not is_faultless


def test_rows_of_no_known_source_are_called_so() -> None:
    assert source_text(None) == "rows that took no part in the training"
    record = full_record()
    assert record.test_source is not None
    assert source_text(replace(record.test_source, data=None)) == "a file of their own"
    assert source_text(replace(record.test_source, kind="nested cross-validation")) == (
        "nested cross-validation: each row is tested by a classifier that never saw it"
    )


def test_the_commonest_mistakes_come_largest_first_and_equal_ones_in_reading_order() -> None:
    test = evaluation([[5, 1, 2], [3, 5, 0], [1, 0, 5]], "abc")
    assert commonest_mistakes(test, most=10) == [("b", "a", 3), ("a", "c", 2), ("a", "b", 1), ("c", "a", 1)]
    assert commonest_mistakes(test, most=2) == [("b", "a", 3), ("a", "c", 2)]
    assert test.confusion is not None
    assert test.confusion[0, 0] == 5, "the evaluation itself stays what it is"


@pytest.mark.parametrize("n_labels", [12, 13])
def test_the_terminal_shows_twelve_labels(n_labels: int) -> None:
    """From thirteen on the weakest, and no matrix."""
    cells, labels = diagonal(n_labels)
    record = replace(full_record(), labels=tuple(labels), test=evaluation(cells, labels), decision=None)
    counts = counts_of(labels, 3)
    said = printed(replace(record, data=replace(record.data, label_counts=counts)), width=200)
    assert ("The 12 of 13 labels with the lowest F1" in said) is (n_labels == 13)
    assert ("true ╲ predicted" in said) is (n_labels == 12)
    assert (" and 1 more labels" in said) is (n_labels == 13)
    assert len(re.findall(r"^  label \d+ +3 +100", said, flags=re.MULTILINE)) == 12


@pytest.mark.parametrize(("width", "is_shown"), [(52, False), (53, False), (54, True), (55, True)])
def test_the_matrix_is_shown_where_it_fits(width: int, *, is_shown: bool) -> None:
    """Fourteen columns for the true label, and for each other one its name or its largest number, and two."""
    labels = ["a" * 20, "b" * 20, "c" * 3, "d", "e"]
    cells = np.diag([3, 3, 3, 20_000, 3])
    cells[2, 0] = 4
    said = printed(replace(full_record(), test=evaluation(cells.tolist(), labels), decision=None), width=width)
    assert ("╲" in said) is is_shown
    assert ("taken for" in said) is not is_shown


@pytest.mark.parametrize("n_pairs", [8, 9])
def test_the_terminal_lists_eight_mistakes(n_pairs: int) -> None:
    cells, labels = diagonal(13)
    for place in range(n_pairs):
        cells[place][place + 1] = 1
    record = replace(full_record(), test=evaluation(cells, labels), decision=None)
    said = printed(record).split("true label")[1].split("Probabilities", maxsplit=1)[0]
    assert len(re.findall(r"^  label \d+ ", said, flags=re.MULTILINE)) == 8


def test_thresholds_are_told_of_twelve_labels() -> None:
    decision = many_label_record().decision
    assert decision is not None
    twelve, thirteen = ([f"l{place}" for place in range(n)] for n in (12, 13))
    told = decision_text(replace(decision, thresholds=(0.5,) * 12), twelve)
    assert told.endswith("l11 0.500.")
    assert decision_text(replace(decision, thresholds=(0.5,) * 13), thirteen) == f"{told[:-1]}, …."


def test_the_card_names_fifty_labels() -> None:
    cells, labels = diagonal(51)
    record = replace(full_record(), labels=tuple(labels), test=evaluation(cells, labels))
    assert "`label 49` and 1 more." in model_card(record)
    assert "`label 49`." in model_card(replace(record, labels=tuple(labels[:50])))


@pytest.mark.parametrize("n_labels", [40, 41])
def test_the_facts_count_the_rows_of_forty_labels(n_labels: int) -> None:
    counts = counts_of([f"l{place}" for place in range(n_labels)], 2000)
    record = replace(full_record(), data=replace(full_record().data, label_counts=counts))
    said = training_facts(record)
    assert f"l39 2,000{' and 1 more labels' if n_labels == 41 else ''}</dd>" in said


@pytest.mark.parametrize(("n_labels", "is_drawn"), [(2, True), (8, True), (9, True), (40, True), (41, False)])
def test_the_matrix_of_the_page_has_at_most_forty_labels(n_labels: int, *, is_drawn: bool) -> None:
    """From nine on it scrolls; the mistakes are listed from three labels on."""
    cells, labels = diagonal(n_labels)
    cells[0][1] = 2
    shown = confusion(evaluation(cells, labels))
    assert ("<svg" in shown) is is_drawn
    assert ("Rows: the true label; columns: what was said." in shown) is is_drawn
    assert ('aria-label="Confusion matrix"' in shown) is (8 < n_labels <= 40)
    assert ("The commonest mistakes" in shown) is (n_labels > 2)


def test_labels_that_differ_by_a_blank_are_told_apart_among_the_mistakes() -> None:
    cells, _ = diagonal(3)
    cells[0][1] = 2
    shown = confusion(evaluation(cells, ["account ", "account", "other"]))
    assert "'account '" in html.unescape(shown).partition("The commonest mistakes")[2]


@pytest.mark.parametrize("n_labels", [4, 5, 8, 9, 12, 13, 26])
def test_a_matrix_of_many_labels_is_drawn_smaller(n_labels: int) -> None:
    """Names stand aslant from five labels on, letters shrink from nine on, empty cells go from thirteen on."""
    cells, _ = diagonal(n_labels)
    cells[0][1] = 2
    drawn = drawn_parts(confusion_plot(evaluation(cells, [str(place) for place in range(n_labels)])))
    kept = [line for line in drawn.split("\n") if "svg" in line or "| 2" in line or "| 0" in line or "opacity" in line]
    assert_expected("\n".join(kept[: 2 * n_labels + 12]) + "\n", f"matrix-of-{n_labels}.txt")


@pytest.mark.parametrize("letters", [12, 13, 14, 15])
def test_names_that_would_touch_stand_aslant(letters: int) -> None:
    drawn = drawn_parts(confusion_plot(evaluation([[3, 0, 0], [0, 3, 0], [0, 0, 3]], [c * letters for c in "abc"])))
    assert ("rotate(-45" in drawn) is (letters * 6 > 72 * 3.3 / 3)


@pytest.mark.parametrize(("n_rows", "is_tall"), [(30, False), (31, True)])
def test_a_long_table_scrolls(n_rows: int, *, is_tall: bool) -> None:
    assert ('class="wide tall"' in table(["a"], [["b"]] * n_rows, called="c")) is is_tall


@pytest.mark.parametrize(("length", "is_long"), [(500, False), (501, True)])
def test_a_long_text_scrolls(length: int, *, is_long: bool) -> None:
    shown = item("x" * length, 1234, "said", quote=True)
    assert ('<blockquote class="long" role="region" tabindex="0" aria-label="line 1234">' in shown) is is_long
    assert shown.endswith('<p>said <span class="quiet">line 1,234</span></p></li>')


def test_a_quoted_text_has_two_thousand_letters() -> None:
    assert "more letters" not in quoted("x" * 2000)
    assert quoted("x" * 2001).endswith(f'{"x" * 9}</bdi> <span class="quiet">(… 1 more letters)</span>')
    assert quoted("") == '<bdi dir="auto"><i>an empty text</i></bdi>'


def test_words_of_the_page_have_four_hundred_letters() -> None:
    assert safe("x" * 400) == "x" * 400
    assert safe("x" * 401) == "x" * 399 + "…"
    assert safe("<a & \"b'>") == "&lt;a &amp; &quot;b&#x27;&gt;"


def test_twelve_mistakes_are_quoted() -> None:
    n = 13
    examples = Examples(
        labels=("a", "b"),
        name="f",
        texts=["t"] * n,
        lines=range(n),
        **answered(np.zeros(n, np.int64), np.ones(n, np.int64), 2),
        probabilities=np.column_stack([np.linspace(0.1, 0.4, n), np.linspace(0.9, 0.6, n)]),
    )
    shown = mistakes(examples, of_sets=False, quote=True)
    assert shown.count("<li>") == 12
    assert mistakes(None, of_sets=False, quote=True) == ""
    right = replace(examples, favoured=examples.members)
    assert mistakes(right, of_sets=False, quote=True) == ""


def test_the_best_features_and_always_the_chosen_ones_are_listed() -> None:
    found = choice()
    assert [trial.features for trial in listed(found, 2)] == ["mean@all", "mean@1", "cls@-1"]
    assert [trial.features for trial in listed(replace(found, winner="cls@0"), 1)] == ["mean@all", "cls@-1", "cls@0"]
    level = replace(found, trials=tuple(replace(trial, score=0.8) for trial in found.trials))
    assert listed(level, 1)[0].n_features == 384, "of equal scores the fewest numbers first"


@pytest.mark.parametrize("n_trials", [12, 13])
def test_the_page_lists_twelve_features(n_trials: int) -> None:
    trial = choice().trials[4]
    trials = tuple(replace(trial, features=f"mean@{place}", score=0.8 - place / 100) for place in range(n_trials))
    found = replace(choice(), trials=trials, winner="mean@0", tutorial="mean@1")
    shown = features(found).split("The best features")[1].split("</table>")[0]
    assert shown.count("<tr") == 1 + 12


@pytest.mark.parametrize("n_curves", [6, 7])
def test_six_labels_have_curves(n_curves: int) -> None:
    """Of more, the weakest: here the last."""
    found = full_record().probabilities
    assert found is not None
    curves = tuple(label_curves(f"l{place}", 0.9 - place / 20) for place in range(n_curves))
    shown = probabilities(replace(found, curves=curves), of_sets=False)
    assert ("Drawn are the 6 of 7 labels with the lowest average precision." in shown) is (n_curves == 7)
    named_in_legend = re.findall(r"<bdi>(l\d)</bdi>", shown)
    assert named_in_legend == (
        [f"l{place}" for place in range(6)] if n_curves == 6 else [f"l{n}" for n in range(6, 0, -1)]
    )


def test_abstaining_is_told_where_it_changes_something() -> None:
    """Nothing of shares that all answers have, nor of those that none has."""
    found = full_record().probabilities
    assert found is not None

    def told(precision: tuple[float, ...]) -> str:
        return surest_words(replace(found, coverage=replace(coverage(), precision=precision)))

    assert told((0.9, 0.9, 0.9, 0.9)) == ""
    assert told((0.5, 0.5, 0.5, 0.5)) == ""
    assert told((0.95, 0.9, 0.5, 0.4)) == (
        "answering only when sure: 40.0 % for 90 % right, 10.0 % for 95 % right "
        "(measured on these texts: slightly optimistic)"
    )
    one = replace(coverage(), coverage=(1.0,), precision=(0.5,), low=(0.1,), high=(0.9,), thresholds=(0.5,))
    shown = probabilities(replace(found, coverage=one, curves=()), of_sets=False)
    assert "When it should rather not answer" not in shown
    assert "Label against the rest" not in shown


def test_bars_go_from_the_smallest_to_the_largest() -> None:
    assert bars([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert bars([5, 5]) == "▁▁"
    assert bars([-1.0, 0.0, 0.5, 1.0, 2.0], low=0.0, high=1.0) == "▁▁▅██"
    assert bars([0.5, 1.0], low=0.0) == "▅█"
    assert bars([0.0, 0.5], high=1.0) == "▁▅"


def test_a_map_says_how_many_of_all_texts_it_shows() -> None:
    examples = full_examples()
    assert examples.map is not None
    assert map_words(examples, examples.map)[0].startswith("A point for each of 7 of 8 test texts, drawn at random. ")
    whole = replace(examples.map, n_texts=7)
    assert map_words(examples, whole)[0].startswith("A point for each of all 7 test texts. ")


@pytest.mark.parametrize("n", [500, 501])
def test_the_points_of_a_crowded_map_are_smaller(n: int) -> None:
    examples = full_examples()
    assert examples.map is not None
    codes = np.zeros(n, np.int64)
    places = np.column_stack([np.linspace(0, 1, n), np.linspace(1, 2, n)])
    shares = np.full((n, 3), 0.3)
    many = replace(examples, probabilities=shares, **answered(codes, codes, 3))
    shown = map_plot(many, replace(examples.map, rows=np.arange(n), places=places))
    assert "a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0z" in shown, "the legend's are never smaller"
    assert ("a1.8 1.8 0 1 0 3.6 0a1.8 1.8 0 1 0-3.6 0z" in shown) is (n == 501)
    assert "a mistake" not in shown


@pytest.mark.parametrize(("n_labels", "rest"), [(6, 0), (7, 1), (9, 3)])
def test_labels_without_a_colour_share_one(n_labels: int, rest: int) -> None:
    """The commonest have their own: the first labels have a text less here."""
    examples = full_examples()
    assert examples.map is not None
    codes = np.array([*range(n_labels), *range(n_labels - 6, n_labels)])
    places = np.column_stack([np.arange(len(codes)), np.arange(len(codes))]).astype(np.float64)
    labels = tuple(f"l{place}" for place in range(n_labels))
    shares = np.full((len(codes), n_labels), 0.1)
    many = replace(examples, labels=labels, probabilities=shares, **answered(codes, codes, n_labels))
    shown = map_plot(many, replace(examples.map, rows=np.arange(len(codes)), places=places))
    named_in_legend = re.findall(r"<bdi>([^<]*)</bdi>", shown)
    assert named_in_legend == [f"l{n}" for n in range(n_labels - 6, n_labels)] + (
        [f"{rest} other labels"] if rest else []
    )


def test_a_map_of_one_place_has_air_around_it() -> None:
    examples = full_examples()
    assert examples.map is not None
    one = replace(examples.map, places=np.ones((7, 2)))
    assert "M169.0 131.4" in map_plot(examples, one)


def test_outlooks_and_their_lack_are_said() -> None:
    assert outlook_words(replace(learning(with_outlook=False), no_outlook="")) == []
    assert len(outlook_words(learning())) == 2


def test_too_few_rows_for_a_curve_are_one_sentence() -> None:
    """A point by itself is no curve: neither a bar, nor a picture, nor a table."""
    whole = learning(with_outlook=False)
    why = "A learning curve needs 64 rows to learn from (there are 60)."
    alone = replace(whole, points=whole.points[-1:], no_outlook=why)
    console = Console(file=io.StringIO(), width=100)
    print_learning(alone, console)
    told = [line.strip() for line in console.file.getvalue().split("\n") if line]  # type: ignore[attr-defined]
    assert told == ["Learning curve", why]
    assert [element in learning_section(alone) for element in (why, "<figure", "<table")] == [True, False, False]
    assert "<figure" in learning_section(whole)


def test_nested_folds_without_chosen_features_have_no_column_of_them() -> None:
    pooled = evaluation([[5, 1], [1, 5]], "ab")
    shown = nested_part(nested(pooled))
    assert '<th scope="col" class="words">fold left out</th><th scope="col">chosen C</th>' in shown
    assert "Each of 3 folds was left out in turn, C searched on the others, and the fold predicted." in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a", "`a`"),
        ("", "`  `"),
        ("`", "`` ` ``"),
        (" a", "`  a `"),
        ("a ", "` a  `"),
        ("a``b", "```a``b```"),
        ("a|b", "`a\\|b`"),
        ("a`", "`` a` ``"),
    ],
)
def test_code_holds_back_ticks_and_spaces(value: str, shown: str) -> None:
    assert code(value) == shown


def test_what_markdown_would_obey_is_escaped() -> None:
    assert escaped("\\ ` * _ [ ] < > # | ! & ( ) -") == "\\\\ \\` \\* \\_ \\[ \\] \\< \\> \\# \\| \\! \\& ( ) -"
    assert escaped("a" * 1001) == "a" * 999 + "…"


def test_a_page_leaves_empty_parts_out_and_has_a_note() -> None:
    shown = page("<t>", "s", ["<p>a</p>", "", "<p>b</p>"], version="1.2", note="A note.")
    assert "<p>a</p>\n<p>b</p>\n<footer>" in shown
    assert '<footer><p class="quiet">Made by Frostline 1.2. A note.</p></footer>' in shown
    assert "<title>&lt;t&gt;" in shown


def test_a_label_never_given_has_dashes() -> None:
    shown = per_label(evaluation([[3, 0], [1, 0]], "ab"))
    assert shown.count(f"<td>{DASH}</td>") == 1
    assert per_label(evaluation([[3, 0], [0, 0]], "ab")).count(f"<td>{DASH}</td>") == 3


def test_a_data_record_counts_nothing_amiss_unless_told() -> None:
    data = DataRecord(name="a", sha256="b", size_bytes=1, n_rows=2, label_counts={})
    assert (data.n_rejected, data.n_duplicates, data.n_conflicts, data.fixes) == (0, 0, 0, None)
    plain = FeaturesRecord(spec="a", n_features=1, max_length=2, n_texts=3, n_cut=4, n_read=5)
    assert (plain.n_candidates, plain.n_words) == (1, 0)
