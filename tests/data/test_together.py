"""Which texts belong together, and that no split parts them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import FakeEncoder
from frostline import SentenceClassifier
from frostline.data import split
from frostline.data.checks import require_learnable
from frostline.data.copies import copy_keys, joined, together_of
from frostline.data.dataset import Dataset, Source
from frostline.errors import InputError, UsageError
from frostline.evaluate.curve_points import proportional_order
from frostline.head.options import SearchOptions
from frostline.review import repeats
from frostline.review.repeats import near_copies, with_near_copies
from frostline.review.run import ReviewOptions, review
from frostline.sweep.compare import Contestant, compare
from frostline.targets import Targets
from frostline.training import TrainingOptions, train


@pytest.mark.parametrize(
    "copies",
    [
        (
            "Fine film!",
            "fine film",
            " FINE\u00a0FILM… ",
            "fi-ne, film",
            "``fine film''",
            "\uff26\uff49\uff4e\uff45\u3000film",
            "fine_film\u200b",
        ),
        ("Straße", "STRASSE"),
        ("「好。」", "好"),
        ("it 's painful", "it's painful"),
        ("", "   ", "\u3000"),
        (": )", ":)"),
        ("don't", "don\u00b4t", "don\u02bct", "don\u2019t", "dont"),
        ("love \u2764\ufe0f", "love \u2764"),
        ("a\u034fb \u3164", "ab", "a\u115fb", "a \u2800b"),
        ("> quoted", "quoted", "| quoted |", "== quoted ==", "~quoted~", "<quoted>"),
        ("\u0130stanbul", "istanbul", "ISTANBUL"),
        ("\u0390", "\u03aa\u0301"),  # equal only where what case folding took apart is put together again
    ],
)
def test_texts_are_copies_but_for_case_blanks_and_punctuation(copies: tuple[str, ...]) -> None:
    assert len(set(copy_keys(copies))) == 1


@pytest.mark.parametrize(
    "others",
    [
        (":)", ":(", "!!", "..."),
        ("good \U0001f600", "good \U0001f621", "good"),
        ("की", "का", "क"),
        ("A", "Á", "A+", "A1", "$A"),
        ("fine film", "fine films"),
    ],
)
def test_letters_accents_digits_and_symbols_count(others: tuple[str, ...]) -> None:
    """And a text of punctuation alone is known by just that: not all of them fall together."""
    assert len(set(copy_keys(others))) == len(others)


def test_copies_and_groups_join_through_each_other() -> None:
    texts = ["Fine!", "dull", "fine", "a bore", "new", "also new", "third"]
    groups = ["ann", "bob", None, "bob", float("nan"), "", "ann"]
    assert together_of(texts).tolist() == [0, 1, 0, 2, 3, 4, 5]
    assert together_of(texts, groups=groups).tolist() == [0, 1, 0, 1, 2, 3, 0]
    assert together_of(texts, groups=np.array([1, 1, 2, 2, 3, 4, 5])).tolist() == [0, 0, 0, 0, 1, 2, 3]
    assert together_of([], groups=[]).tolist() == []
    assert together_of(list("abcdef"), groups=[3, 3.0, "3", " 3 ", 3.5, True]).tolist() == [0, 0, 0, 0, 1, 2]
    with pytest.raises(UsageError) as caught:
        together_of(texts, groups=["ann"])
    assert str(caught.value) == "There must be one group per text (got 7 texts and 1 groups)."


@pytest.mark.parametrize(
    "missing", [None, "", " \t", float("nan"), np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT")]
)
def test_texts_without_a_group_stand_alone(missing: object) -> None:
    assert together_of(["a", "b", "c", "d"], groups=[missing, "x", missing, "x"]).tolist() == [0, 1, 2, 1]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([1, [2]], "A group must be hashable, such as a str or a number (got '[2]' at position 1)."),
        (
            np.ones((2, 1), int),
            "The groups must be a list or a column of one value per text (got 'array([[1],\\n       [1]])').",
        ),
        (
            pd.DataFrame({"by": [1, 2]}),
            "The groups must be a list or a column of one value per text (got '   by\\n0   1\\n1   2').",
        ),
        ("ab", "The groups must be a list or a column of one value per text (got 'ab')."),
        ({1: 2, 2: 3}, "The groups must be a list or a column of one value per text (got '{1: 2, 2: 3}')."),
        (5, "The groups must be a list or a column of one value per text (got '5')."),
    ],
)
def test_what_is_no_column_of_groups_is_refused(groups: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        together_of(["a", "b"], groups=groups)
    assert str(caught.value) == message


def test_a_chain_of_any_length_is_one() -> None:
    """Each text shares a first number with the one before it, and a second with the one after."""
    places = np.arange(101)
    assert joined(places // 2, (places + 1) // 2).tolist() == [0] * 101


@st.composite
def targets_together(draw: st.DrawFn) -> Targets:
    n = draw(st.integers(12, 60))
    numbers = np.array(draw(st.lists(st.integers(0, n // 2), min_size=n, max_size=n)), np.int64)
    if draw(st.booleans()):
        codes = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)), np.int64)
        return replace(Targets.of_codes(codes, "abc"), together=numbers)
    members = np.array(draw(st.lists(st.tuples(*[st.booleans()] * 3), min_size=n, max_size=n)), bool)
    return Targets(("a", "b", "c"), members, exclusive=False, together=numbers)


@settings(max_examples=60, deadline=None)
@given(targets=targets_together(), seed=st.integers(0, 50))
def test_no_split_parts_what_belongs_together(targets: Targets, seed: int) -> None:
    """The same rows for the same seed; and of labels that exclude each other a label with two lots is on both sides."""
    together = targets.together
    assert together is not None
    if targets.n_apart < 2:
        return
    learned, held = split.holdout(targets, test_fraction=0.25, seed=seed)
    assert not set(together[learned]) & set(together[held])
    assert len(learned)
    assert len(held)
    assert sorted([*learned.tolist(), *held.tolist()]) == list(range(len(targets)))
    assert split.holdout(targets, test_fraction=0.25, seed=seed)[1].tolist() == held.tolist()
    n_folds = split.possible_folds(4, targets)
    if n_folds > 1:
        folds = split.folds(targets, n_folds=n_folds, seed=seed)
        assert set(folds) == set(range(n_folds))
        assert all(len(set(folds[together == number])) == 1 for number in set(together))


def test_no_fold_is_empty_where_two_small_lots_fell_into_one() -> None:
    """Lots of ten rows and of one and one, without labels: each its own fold."""
    together = np.array([0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0])
    targets = Targets(("a", "b", "c"), np.zeros((12, 3), bool), exclusive=False, together=together)
    for seed in range(20):
        folds = split.folds(targets, n_folds=3, seed=seed)
        assert sorted(np.bincount(folds).tolist()) == [1, 1, 10]


def test_a_label_is_on_both_sides_and_in_every_fold_where_it_can_be() -> None:
    """However unlike the lots: of 'a' one of ten rows and one of a single row."""
    codes, numbers = np.repeat([0, 0, 1, 2], [10, 1, 30, 4]), np.repeat([0, 1], [10, 1]).tolist()
    together = np.array([*numbers, *range(2, 32), 40, 40, 41, 41])
    targets = replace(Targets.of_codes(codes, "abc"), together=together)
    assert targets.counts_apart() == {"a": 2, "b": 30, "c": 2}
    assert split.possible_folds(5, targets) == 2
    for seed in range(20):
        learned, held = split.holdout(targets, test_fraction=0.1, seed=seed)
        assert set(codes[learned]) == set(codes[held]) == {0, 1, 2}
        folds = split.folds(targets, n_folds=2, seed=seed)
        assert all(set(codes[folds == fold]) == {0, 1, 2} for fold in (0, 1))


def test_labels_keep_their_shares() -> None:
    """Of texts that stand there twice, as evenly as of single ones: within one lot."""
    codes = np.repeat(np.arange(600) % 3, 2)
    targets = replace(Targets.of_codes(codes, "abc"), together=np.repeat(np.arange(600), 2))
    folds = split.folds(targets, n_folds=5, seed=1)
    assert [np.bincount(codes[folds == fold]).tolist() for fold in range(5)] == [[80, 80, 80]] * 5
    held = split.holdout(targets, test_fraction=0.25, seed=1)[1]
    assert np.bincount(codes[held]).tolist() == [100, 100, 100]


def test_where_every_text_stands_alone_the_rows_are_those_of_before() -> None:
    """Numbers that all differ are as good as none, for labels that exclude each other and for others."""
    members = np.random.RandomState(0).rand(60, 4) < 0.4
    for targets in (Targets.of_codes(np.arange(60) % 3, "abc"), Targets(tuple("abcd"), members, exclusive=False)):
        numbered = replace(targets, together=np.arange(60)[::-1])
        assert split.folds(numbered, n_folds=5, seed=3).tolist() == split.folds(targets, n_folds=5, seed=3).tolist()
        both = [split.holdout(one, test_fraction=0.3, seed=3)[1].tolist() for one in (numbered, targets)]
        assert both[0] == both[1]


def test_more_folds_than_lots_are_refused() -> None:
    members = np.ones((6, 2), bool)
    targets = Targets(("a", "b"), members, exclusive=False, together=np.array([0, 0, 0, 1, 1, 1]))
    assert split.folds(targets, n_folds=2, seed=0).tolist() in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])
    with pytest.raises(InputError) as caught:
        split.folds(targets, n_folds=3, seed=0)
    assert str(caught.value).startswith("3 folds need as many texts that do not belong together (there are 2).")
    with pytest.raises(InputError) as caught:
        split.holdout(replace(targets, together=np.zeros(6, np.int64)), test_fraction=0.25, seed=0)
    assert str(caught.value).startswith("All 6 rows belong together: nothing can be held out.")


def table(texts: list[str], labels: list[str]) -> Dataset:
    source = Source(name="rows.tsv", sha256="0" * 64, size_bytes=1, text_column="text", label_column="label")
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=range(1, len(texts) + 1), source=source)


def test_a_label_of_one_text_in_many_copies_cannot_be_checked() -> None:
    dataset = table(["good", "fine", "Bad", "bad!", "bad"], ["a", "a", "b", "b", "b"])
    with pytest.raises(InputError) as caught:
        require_learnable(dataset, 5)
    assert str(caught.value).startswith("rows.tsv: 'b' has only one row that stands apart; each label needs two.")
    more = table([*dataset.texts, "worse"], [*dataset.labels, "b"])
    assert require_learnable(more, 5).warnings == (
        "'a', 'b' have fewer rows that stand apart than there are folds (5); 2 folds are used.",
    )


def test_a_dataset_knows_its_copies_and_keeps_them() -> None:
    dataset = table(["Fine", "dull", "fine!", "dull"], ["a", "b", "a", "b"])
    assert dataset.targets.together is not None
    assert dataset.targets.together.tolist() == [0, 1, 0, 1]
    part = dataset.take(np.array([3, 2]))
    assert part.targets.together is not None
    assert part.targets.together.tolist() == [1, 0]
    assert Targets.concatenated([part.targets, dataset.targets]).counts_apart() == {"a": 1, "b": 1}


def test_beginnings_of_an_order_keep_lots_whole() -> None:
    targets = replace(Targets.of_codes(np.arange(60) % 2, "ab"), together=np.arange(60) // 2 * 2)
    order = proportional_order(targets, seed=4)
    assert targets.together is not None
    assert (targets.together[order][0::2] == targets.together[order][1::2]).all()
    assert sorted(order.tolist()) == list(range(60))


def coins(n: int, seed: int) -> Dataset:
    """Texts of words of their own, each twice, and labels drawn by a coin: nothing can be learned."""
    random = np.random.RandomState(seed)
    drawn = random.randint(0, 2, n)
    drawn[:2] = 0, 1
    texts = [f"w{row}a w{row}b w{row}c" for row in range(n)]
    return table(texts + texts, [f"l{coin}" for coin in [*drawn, *drawn]])


HOW = SearchOptions(Cs=(0.1, 10.0), n_folds=3)


def test_a_coin_is_not_foretold_however_it_is_tested() -> None:
    """Copies on both sides would be right in nine of ten: a head remembers rows of its own words."""
    dataset, wide = coins(60, 0), FakeEncoder(hidden_size=32)
    held_out = train(dataset, wide, options=TrainingOptions(search=HOW)).record
    in_turn = train(dataset, wide, options=TrainingOptions(search=HOW, nested=True)).record
    entered = [
        Contestant(
            name="fake", features=spec, kept=wide, fresh=FakeEncoder(features=spec, hidden_size=32), size_bytes=1
        )
        for spec in ("mean@all", "cls@-1", "mean@-1")
    ][:2]
    both = FakeEncoder(features="cls@-1+mean@all", hidden_size=32)
    compared = compare(dataset, [replace(one, kept=both) for one in entered], search=HOW)
    assert held_out.test is not None
    assert in_turn.test is not None
    scores = [
        held_out.test.accuracy.value,
        in_turn.test.accuracy.value,
        held_out.search.best_score,
        *(standing.score.value for standing in compared.standings),
        *(baseline.scores["accuracy"].value for baseline in in_turn.baselines),
    ]
    assert max(score for score in scores if score is not None) < 0.7
    checked = review(dataset, wide, options=ReviewOptions(search=HOW, n_foldings=1))
    assert checked.labels is None  # heads that did not see a text know nothing of its label


def test_the_estimator_keeps_groups_together() -> None:
    """Each author has texts of one label and a word of his own, by which a head knows him."""
    authors = np.arange(60) // 5
    coin = np.random.RandomState(3).permutation(np.arange(12) % 2)
    texts = [f"by{author} w{row}" for row, author in enumerate(authors.tolist())]
    classifier = SentenceClassifier(FakeEncoder(hidden_size=64), Cs=[1.0], n_folds=4)
    known, new = (
        classifier.fit(texts, coin[authors]).search_,
        classifier.fit(texts, coin[authors], groups=authors).search_,
    )
    assert classifier.likeness_ is not None
    assert classifier.likeness_.n_texts == 12
    assert known is not None
    assert new is not None
    assert known.mean_scores[0, 0] > 0.9
    assert new.mean_scores[0, 0] < 0.75
    assert all(len(set(new.folds[authors == author])) == 1 for author in range(12))
    with pytest.raises(UsageError, match="one group per text"):
        classifier.fit(texts, coin[authors], groups=authors[:5])


def test_near_copies_are_counted_and_kept_together_on_request() -> None:
    """A word more or less, among texts of other words; where pairs are too many some texts are looked at, evenly."""
    texts = [" ".join(f"w{row}x{place}" for place in range(8)) for row in range(30)]
    near = [f"{texts[3]} more", f"{texts[7]} and"]
    rows = FakeEncoder(features="mean@-1").encode([*texts, *near]).rows
    looked_at = [*texts[10:12], near[0], texts[12], near[1]]
    found, looked = near_copies(looked_at, rows[[10, 11, 30, 12, 31]], texts[:10], rows[:10])
    assert (found.tolist(), looked.tolist()) == ([2, 4], [0, 1, 2, 3, 4])
    found, looked = near_copies(texts[10:], rows[10:30], texts[:10], rows[:10])
    assert (len(found), len(looked)) == (0, 20)
    dataset = table([*texts, *near], [f"l{row % 2}" for row in range(32)])
    joined_dataset, n_near = with_near_copies(dataset, rows)
    assert n_near == 4
    assert joined_dataset.targets.lots.tolist() == [*range(30), 3, 7]
    assert dataset.targets.stand_alone


def test_only_so_many_pairs_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MOST_COMPARED", 100)
    texts = [f"word{row} other{row} third{row}" for row in range(40)]
    rows = FakeEncoder(features="mean@-1").encode(texts).rows
    for n_parts, n_looked in ((1, 5), (2, 2)):
        found, looked = near_copies(texts, rows, texts[:20], rows[:20], n_parts=n_parts)
        assert len(looked) == n_looked
        assert found.tolist() == [row for row in looked.tolist() if row < 20]
