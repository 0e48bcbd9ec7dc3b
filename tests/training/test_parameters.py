"""What cannot be meant by a parameter is told by its name, before a text is read."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoder_fakes import make_checkpoint
from fakes import FakeEncoder
from frostline import SentenceClassifier
from frostline.errors import FrostlineError, InputError, TextTypeError, UsageError

TEXTS = [f"{word} {n}" for n in range(6) for word in ("splendid film", "dreadful soup")]
LABELS = ["good", "bad"] * 6
ODD: list[Any] = [
    object(),
    "abc",
    "",
    -1,
    0,
    2,
    1.5,
    float("nan"),
    float("inf"),
    [],
    [1, "a"],
    {},
    b"x",
    True,
    None,
    np.array([1.0, 2.0]),
    iter([1.0]),
]
MAY_BE = {  # of these
    "backend": "",
    "calibrate": "",
    "C": "2 1.5 None",
    "Cs": "None array([1., 2.])",
    "device": "",
    "features": "'abc' '' None",
    "max_length": "2 None",
    "n_folds": "2",
    "one_standard_error": "0 True",
    "precision": "",
    "prefix": "'abc' '' None",
    "random_state": "0 2",
    "revision": "'abc' '' None",
    "standardise": "0 True",
    "store": "'abc' '' 0 True",
    "threads": "2 None",
    "threshold_for": "'abc' '' None",
    "thresholds": "None",
    "verbose": "0 True",
    "class_weight": "{} None",
}


def said_of(**parameters: Any) -> str:
    """What is raised for them; nothing of what parameters alone don't show."""
    from frostline.training.parameters import check_parameters  # noqa: PLC0415

    try:
        check_parameters({**SentenceClassifier().get_params(deep=False), **parameters})
    except UsageError as error:
        return error.message
    return ""


@pytest.mark.parametrize("name", MAY_BE)
def test_each_takes_what_it_may_be_and_names_itself_else(name: str) -> None:
    said = {repr(value): said_of(**{name: value}) for value in ODD}
    taken = [value for value, words in said.items() if not words]
    assert " ".join(taken) == MAY_BE[name]
    assert all(words.startswith(f"{name} must be ") for words in said.values() if words)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("C", Fraction(1, 3)),
        ("C", np.float32(0.5)),
        ("Cs", (1,)),
        ("Cs", np.logspace(-3, 1, 4)),
        ("n_folds", np.int64(2)),
        ("random_state", 2**32 - 1),
        ("standardise", np.False_),
        ("store", Path("folder")),
        ("encoder", Path("folder")),
        ("threshold_label", np.int64(3)),
        ("threshold_label", False),
        ("class_weight", "balanced"),
        ("thresholds", "f1"),
    ],
)
def test_what_is_as_good_is_taken(name: str, value: object) -> None:
    assert said_of(**{name: value}) == ""


@pytest.mark.parametrize(
    ("name", "value"), [("C", True), ("Cs", [True]), ("Cs", [0.0]), ("random_state", 2**32), ("n_folds", 1)]
)
def test_what_is_just_beside_is_not(name: str, value: object) -> None:
    assert said_of(**{name: value}).startswith(f"{name} must be ")


@pytest.mark.parametrize("encoder", [3, None, b"minilm", ["minilm"], object])
def test_what_is_no_encoder_is_told_before_a_text_is_read(encoder: Any) -> None:
    with pytest.raises(UsageError, match="encoder must be a name, a folder, or an encoder that is open"):
        SentenceClassifier(encoder).fit(TEXTS, LABELS)


def test_a_folder_may_be_a_path(tmp_path: Path) -> None:
    """As it may be a string: the same encoder, the same answers, and it is saved and loaded."""
    folder, texts = make_checkpoint(tmp_path / "small"), ["a good film", "a bad film"] * 6
    by_path, by_name = (
        SentenceClassifier(encoder, features="mean@-1", C=1.0, store=store).fit(texts, LABELS)
        for store, encoder in ((str(tmp_path / "a"), folder), (tmp_path / "b", str(folder)))
    )
    assert np.array_equal(by_path.coef_, by_name.coef_)
    by_path.save(tmp_path / "model", with_encoder=True)
    assert SentenceClassifier.load(tmp_path / "model").predict(texts[:2]).tolist() == ["good", "bad"]


def fitted(labels: list[Any]) -> SentenceClassifier:
    return SentenceClassifier(FakeEncoder(), C=1.0).fit(TEXTS, labels)


@pytest.mark.parametrize(
    ("learned", "asked", "hint"),
    [(str, int, "[str(label) for"), (int, str, "[int(label) for"), (bool, str, "[label == 'True' for")],
)
def test_the_hint_goes_the_right_way(learned: type[Any], asked: type[Any], hint: str) -> None:
    """They are strings already, where numbers were learned."""
    zeros = [int(label == "good") for label in LABELS]
    with pytest.raises(InputError) as caught:
        fitted([learned(label) for label in zeros]).score(TEXTS, [asked(label) for label in zeros])
    assert caught.value.hint.startswith(f"Convert them before, such as {hint} label in y]")


def test_labels_of_which_none_is_known_are_no_score_of_zero() -> None:
    """One that is known is enough: in a fold a rare one may be new."""
    classifier = fitted(LABELS)
    with pytest.raises(InputError, match=r"^None of the labels of y .* 'bad', 'good' \(got 'Bad', 'Good'\)"):
        classifier.score(TEXTS, [label.title() for label in LABELS])
    assert classifier.score(TEXTS, ["good", *["meh"] * 11]) == pytest.approx(1 / 12)


@pytest.mark.parametrize(
    ("texts", "y", "more", "said"),
    [
        ([], [], {}, "At least one text is needed to score"),
        (TEXTS, LABELS, {"sample_weight": [1.0]}, r"one number for each text \(got shape \(1,\) for 12 texts\)"),
        (TEXTS, LABELS, {"sample_weight": "heavy"}, "sample_weight must hold numbers"),
        (TEXTS, dict(zip(TEXTS, LABELS, strict=True)), {}, r"in the order of the texts \(got a dict\)"),
        (TEXTS, set(LABELS), {}, "got a set"),
        (TEXTS, iter(LABELS), {}, "got a list_iterator"),
        (TEXTS, "good", {}, "got a str"),
    ],
)
def test_a_score_without_a_meaning_is_refused(texts: Any, y: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(FrostlineError, match=said):
        fitted(LABELS).score(texts, y, **more)


@pytest.mark.parametrize("y", [set(LABELS), dict.fromkeys(TEXTS, "good"), (label for label in LABELS), "good", b"good"])
def test_what_has_no_order_is_no_y(y: Any) -> None:
    with pytest.raises(TextTypeError, match="y must be a sequence of labels in the order of the texts"):
        fitted(y)


def test_weights_count_in_a_score() -> None:
    right = np.array([label == "good" for label in LABELS])
    assert fitted(LABELS).score(TEXTS, ["good"] * 12, sample_weight=np.where(right, 3.0, 1.0)) == pytest.approx(0.75)


def test_weights_count_in_a_score_of_sets() -> None:
    sets = [{"good", "film"} if label == "good" else {"bad"} for label in LABELS]
    asked = [{"good", "film"}] * 12
    weights = np.where([label == "good" for label in LABELS], 3.0, 1.0)
    classifier = SentenceClassifier(FakeEncoder(), C=1.0).fit(TEXTS, sets)
    assert classifier.score(TEXTS, sets) == 1.0
    assert classifier.score(TEXTS, asked, sample_weight=weights) == pytest.approx(0.75)


@pytest.mark.parametrize("label", ["a\0", "\0"])
def test_a_label_that_numpy_would_change_is_refused(label: str) -> None:
    """It leaves out what is NUL at the end, and would take two labels for one."""
    with pytest.raises(InputError, match=r"must not end in a NUL character \(item 1 of y is .*Strip it"):
        fitted(["a", label] * 6)
    assert fitted(["a", "a\0b"] * 6).classes_.tolist() == ["a", "a\0b"]
