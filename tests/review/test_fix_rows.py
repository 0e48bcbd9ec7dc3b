"""A review as rows to look at: every advice, score and sentence of a review made by hand."""

from dataclasses import replace

import pytest

from frostline.data.dataset import Dataset, Source
from frostline.data.fixes import FixRow
from frostline.review.results import (
    DoubtfulLabel,
    Leaked,
    NearText,
    Outlier,
    Repeated,
    Review,
    WrongLabel,
    fix_rows,
    why_doubtful,
    why_wrong,
)
from frostline.targets import Targets

N_ROWS = 30
NOTHING = Review(
    n_rows=N_ROWS,
    n_distinct=N_ROWS,
    labels=None,
    wrong=(),
    repeated=(),
    n_test=None,
    leaked=(),
    outliers=(),
    pool=None,
    wanted=(),
    n_read=0,
    seconds_read=0.0,
    seconds=0.0,
    notes=(),
)
WRONG = WrongLabel(
    rows=(4,),
    lines=(14,),
    text="text 4",
    label="a",
    suggested="b",
    probability=0.124,
    probability_suggested=0.876,
    votes=0.3,
    votes_suggested=0.7,
    score=0.9,
    near=(
        NearText(line=17, label="b", text="near \x1b " + "x" * 90, cosine=0.8),
        NearText(line=18, label="b", text="other", cosine=0.7),
    ),
)


def dataset() -> Dataset:
    return Dataset(
        texts=[f"text {row}" for row in range(N_ROWS)],
        targets=Targets.of_labels(["a" if row % 2 == 0 else "b" for row in range(N_ROWS)]),
        lines=[row + 10 for row in range(N_ROWS)],
        source=Source(name="data.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2"),
    )


def repeated(kind: str, rows: tuple[int, ...], labels: str, *, suggested: str = "", cosine: float = 1.0) -> Repeated:
    return Repeated(
        kind=kind,  # type: ignore[arg-type]
        rows=rows,
        lines=tuple(row + 10 for row in rows),
        labels=tuple(labels),
        texts=("text",),
        suggested=suggested,
        cosine=cosine,
    )


def leaked(kind: str, rows: tuple[int, ...], cosine: float) -> Leaked:
    return Leaked(
        kind=kind,  # type: ignore[arg-type]
        test_line=3,
        test_label="a",
        test_text="text",
        rows=rows,
        lines=tuple(row + 10 for row in rows),
        label="a",
        text="text",
        cosine=cosine,
    )


def listed(review: Review, *, take_advice: bool = False) -> list[tuple[str, str, int, str, str, float, str, str]]:
    return [
        (row.action, row.advice, row.line, row.label, row.suggested, row.score, row.reason, row.text)
        for row in fix_rows(review, dataset(), take_advice=take_advice)
    ]


def one(review: Review) -> list[tuple[str, int, str, float, str]]:
    """Advice, line, suggested label, score and reason."""
    return [(row[1], row[2], row[4], row[5], row[6]) for row in listed(review)]


def test_a_review_that_found_nothing_lists_nothing() -> None:
    assert listed(NOTHING) == []


def test_a_wrong_label_is_relabelled_from_nine_tenths_on() -> None:
    words = (
        "the label 'b' looks likelier: heads that did not see the text give 'a' 12 % and 'b' 88 %; of the nearest "
        "texts 70 % are 'b', such as line 17: 'near \\x1b " + "x" * 72 + "…'"
    )
    found = fix_rows(replace(NOTHING, wrong=(WRONG,)), dataset(), take_advice=True)
    assert list(found) == [
        FixRow(
            action="relabel",
            advice="relabel",
            line=14,
            label="a",
            suggested="b",
            score=0.9,
            reason=words,
            text="text 4",
        )
    ]
    unsure = replace(WRONG, score=0.8999, near=(), rows=(4, 6))
    plain = words[: words.index(", such")]
    assert one(replace(NOTHING, wrong=(unsure,))) == [
        ("look", 14, "b", 0.8999, plain),
        ("look", 16, "b", 0.8999, plain),
    ]
    assert why_wrong(unsure) == plain


def test_a_long_label_is_cut_in_words() -> None:
    assert "give '" + "l" * 39 + "…' 12 %" in why_wrong(replace(WRONG, label="l" * 50))
    assert "give '" + "l" * 40 + "' 12 %" in why_wrong(replace(WRONG, label="l" * 40))
    assert "and '" + "s" * 39 + "…' 88 %" in why_wrong(replace(WRONG, suggested="s" * 41))


def test_a_copy_is_dropped_and_the_first_stays() -> None:
    review = replace(NOTHING, repeated=(repeated("exact", (2, 8, 20), "aaa"),))
    words = "the same text, with the same label, as line 12"
    assert listed(review, take_advice=True) == [
        ("drop", "drop", 18, "a", "", 1.0, words, "text 8"),
        ("drop", "drop", 30, "a", "", 1.0, words, "text 20"),
    ]
    assert [row[0] for row in listed(review)] == ["keep", "keep"]


def test_of_a_contradiction_the_less_likely_label_is_changed_and_the_other_looked_at() -> None:
    review = replace(NOTHING, repeated=(repeated("exact", (2, 5, 8), "aba", suggested="b"),))
    assert one(review) == [
        ("relabel", 12, "b", 1.0, "the same text with another label in line 15 ('b')"),
        ("look", 15, "", 1.0, "the same text with another label in line 12 ('a'), line 18 ('a')"),
        ("relabel", 18, "b", 1.0, "the same text with another label in line 15 ('b')"),
    ]
    unknown = replace(NOTHING, repeated=(repeated("exact", (2, 5), "ab"),))
    assert [row[:3] for row in one(unknown)] == [("look", 12, ""), ("look", 15, "")]


@pytest.mark.parametrize(("n_others", "ending"), [(5, "line 15 ('b')"), (6, "line 15 ('b'), …")])
def test_five_contradicting_lines_are_named(n_others: int, ending: str) -> None:
    rows = tuple(range(n_others + 1))
    review = replace(NOTHING, repeated=(repeated("exact", rows, "a" + "b" * n_others),))
    named = ", ".join(f"line {11 + place} ('b')" for place in range(5))
    assert one(review)[0][4] == f"the same text with another label in {named}" + (", …" if n_others > 5 else "")
    assert one(review)[0][4].endswith(ending)


def test_near_texts_are_looked_at_sooner_where_their_labels_differ() -> None:
    same = repeated("near", (1, 3), "bb", cosine=0.876)
    unlike = repeated("near", (2, 5, 9), "abb", cosine=0.9)
    assert one(replace(NOTHING, repeated=(same, unlike))) == [
        ("look", 15, "", 0.9, "nearly the text of line 12 (cosine 0.90 or more), with labels 'a', 'b'"),
        ("look", 19, "", 0.9, "nearly the text of line 12 (cosine 0.90 or more), with labels 'a', 'b'"),
        ("look", 13, "", 0.5, "nearly the text of line 11 (cosine 0.88 or more)"),
    ]


def test_a_leak_to_the_letter_is_dropped_and_a_near_one_looked_at() -> None:
    review = replace(NOTHING, leaked=(leaked("exact", (2, 3), 1.0), leaked("near", (7,), 0.912)))
    assert one(review) == [
        ("drop", 12, "", 1.0, "the same text as line 3 of the test file"),
        ("drop", 13, "", 1.0, "the same text as line 3 of the test file"),
        ("look", 17, "", 0.912, "nearly the text (cosine 0.91) of line 3 of the test file"),
    ]


@pytest.mark.parametrize(("score", "expected"), [(0.4, 0.4), (1.0, 1.0), (1.3, 1.0)])
def test_an_outlier_is_looked_at_and_scores_at_most_1(score: float, expected: float) -> None:
    outlier = Outlier(rows=(6, 7), lines=(16, 17), label="a", text="text", score=score, deviations=3.14159)
    words = "unlike all other texts (3.1 robust deviations farther from its nearest)"
    assert one(replace(NOTHING, outliers=(outlier,))) == [
        ("look", 16, "", expected, words),
        ("look", 17, "", expected, words),
    ]


def test_a_row_has_all_reasons_in_order_the_weightiest_advice_and_the_highest_score() -> None:
    review = replace(
        NOTHING,
        wrong=(replace(WRONG, near=(), score=0.95), replace(WRONG, rows=(6,), near=(), score=0.95, suggested="c")),
        repeated=(
            repeated("exact", (1, 4), "aa"),
            repeated("exact", (6, 9), "ab", suggested="b"),
            repeated("near", (0, 4), "aa", cosine=0.9),
        ),
        leaked=(leaked("near", (4,), 0.97),),
    )
    found = {row.line: row for row in fix_rows(review, dataset())}
    assert [part[:18] for part in found[14].reason.split("; ") if not part.startswith("of the nearest")] == [
        "the label 'b' look",
        "the same text, wit",
        "nearly the text (c",
        "nearly the text of",
    ]
    assert (found[14].advice, found[14].score, found[14].suggested) == ("drop", 1.0, "b")
    assert (found[16].advice, found[16].suggested) == ("relabel", "b"), "the contradiction's label comes first"
    assert [row.line for row in fix_rows(review, dataset())] == [14, 16, 19]


DOUBTFUL = DoubtfulLabel(
    rows=(4,),
    lines=(14,),
    text="text 4",
    label="16",
    is_given=True,
    labels=("16",),
    probability=0.12,
    votes=0.3,
    score=0.52,
    near=(),
)


@pytest.mark.parametrize(
    ("doubtful", "words"),
    [
        (
            DOUBTFUL,
            (
                "the label '16' is probably wrong (52 %); heads that did not see the text are 88 % against it, 70 % of "
                "the nearest texts lack it"
            ),
        ),
        (
            replace(DOUBTFUL, score=0.18, labels=("16", "b")),
            (
                "the label '16' is perhaps wrong (18 %); heads that did not see the text are 88 % against it, 70 % of "
                "the nearest texts lack it; the text also has 'b'"
            ),
        ),
        (
            replace(DOUBTFUL, is_given=False, score=0.5, probability=0.9, labels=("b",)),
            (
                "has no '16'; likely missing (50 %); heads that did not see the text are 90 % for it, 30 % of the "
                "nearest texts have it; the text has 'b'"
            ),
        ),
    ],
)
def test_every_share_says_how_probably_the_label_is_wrong_or_missing(doubtful: DoubtfulLabel, words: str) -> None:
    """The higher the more probably, the verdict's as those of the evidence; the first character is a letter."""
    assert why_doubtful(doubtful) == words


def test_the_weightiest_advice_of_a_row_is_given_whatever_came_first() -> None:
    """To relabel outweighs to look, to drop outweighs both; of equals the first stays."""
    looked_at = repeated("exact", (4, 5), "ab")
    relabelled = repeated("exact", (4, 5), "ab", suggested="b")
    leak = leaked("exact", (4,), 1.0)

    def advice(review: Review) -> str:
        return next(row.advice for row in fix_rows(review, dataset()) if row.line == 14)

    assert advice(replace(NOTHING, repeated=(looked_at,))) == "look"
    assert advice(replace(NOTHING, repeated=(looked_at,), wrong=(WRONG,))) == "relabel"
    assert advice(replace(NOTHING, repeated=(relabelled,), n_test=1, leaked=(leak,))) == "drop"
