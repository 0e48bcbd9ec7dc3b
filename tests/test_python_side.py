"""What Python gives to look at: evaluate, explain, a fitted repr, errors in Python's own words."""

import contextlib
import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from frostline import SentenceClassifier
from frostline.errors import InputError, OutputError, UsageError
from frostline.report.phrases import DASH
from frostline.report.progress import shown_progress
from frostline.training import TrainingOptions, training_progress

TEXTS = [
    f"{words} {n}" for n in range(5) for words in ("I was charged", "the app crashes", "refund me", "no page loads")
]
LABELS = ["billing", "technical"] * 10


@pytest.fixture
def fitted() -> SentenceClassifier:
    return SentenceClassifier(C=1.0, features="words").fit(TEXTS, LABELS)


def test_a_fitted_one_says_its_labels_its_c_and_its_rows(fitted: SentenceClassifier) -> None:
    plain = "SentenceClassifier(C=1.0, features='words')"
    assert repr(SentenceClassifier(C=1.0, features="words")) == plain
    assert repr(fitted) == f"{plain}  # fitted: 2 labels ('billing', 'technical'), C = 1, 20 texts"
    several = SentenceClassifier(C=1.0, features="words").fit(
        TEXTS, [[label, "x"][: n % 3] for n, label in enumerate(LABELS)]
    )
    assert "3 labels" in repr(several)


def test_evaluate_gives_scores_with_intervals_and_leaves_out_what_was_learned_from(fitted: SentenceClassifier) -> None:
    new = ["refund the charge", "it crashes", TEXTS[0].upper()]
    found = fitted.evaluate(new, ["billing", "technical", "billing"])
    accuracy = found.value.test.scores["accuracy"]
    assert (accuracy.value, accuracy.n) == (1.0, 2)
    assert found.value.source is not None
    assert found.value.source.n_leaks == 1
    assert fitted.report_ is found
    assert "Test: 2 texts" in repr(found)
    assert f"100.0 (34.2{DASH}100.0)" in repr(found)
    assert not hasattr(SentenceClassifier(), "report_")


def test_labels_that_are_numbers_and_sets_of_labels_are_measured_too() -> None:
    numbers = np.array([0, 1] * 10)
    one = SentenceClassifier(C=1.0, features="words").fit(TEXTS, numbers)
    assert one.evaluate(["refund it", "a crash of the app"], [0, 1]).value.test.labels == (0, 1)
    sets = [["a"], ["b"], ["a", "b"], []] * 5
    several = SentenceClassifier(C=1.0, features="words").fit(TEXTS, sets)
    assert "micro_f1" in several.evaluate(["refund it", "a crash"], [["a"], ["b"]]).value.test.scores


def test_what_cannot_be_measured_is_refused(fitted: SentenceClassifier) -> None:
    with pytest.raises(InputError, match="the label must be one of 'billing', 'technical'"):
        fitted.evaluate(["a", "b"], ["billing", "other"])
    with pytest.raises(InputError, match=r"one label per text \(got 2 texts, 1 labels\)"):
        fitted.evaluate(["a", "b"], ["billing"])


def test_a_notebook_shows_a_page_that_asks_for_nothing_and_runs_nothing(
    fitted: SentenceClassifier, tmp_path: Path
) -> None:
    """A text is only ever text there; the frame lets no script run."""
    evil = "<script>alert(1)</script> refund </iframe>"
    found = fitted.evaluate([evil, "it crashes"], ["technical", "billing"])
    shown = found._repr_html_()
    assert re.fullmatch(r'<iframe sandbox srcdoc="[^"<>]*" style="[^"]*"></iframe>', shown)
    page = html.unescape(shown.split('srcdoc="')[1].split('" style')[0])
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    found.save(str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").read_text("utf-8") == page


def test_explain_says_what_each_word_adds(fitted: SentenceClassifier) -> None:
    found = fitted.explain("refund the app")
    assert [word.text for word in found.value.words] == ["refund", "the", "app"]
    assert "What each word adds" in repr(found)
    assert found._repr_html_().startswith("<iframe sandbox ")
    assert fitted.explain("refund", labels=["technical"]).value.labels[0].label == "technical"
    with pytest.raises(UsageError):
        fitted.explain("refund", labels=["none"])


def test_a_refusal_speaks_python(fitted: SentenceClassifier, tmp_path: Path) -> None:
    """And paths may be strings."""
    path = str(tmp_path / "model")
    fitted.save(path)
    with pytest.raises(OutputError, match="pass overwrite=True") as caught:
        fitted.save(path)
    assert "--" not in str(caught.value)
    fitted.save(path, overwrite=True)
    assert SentenceClassifier.load(path).evaluate(["refund it"], ["billing"]).value.test.n == 1


def test_verbose_shows_how_far_the_reading_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error alone; otherwise nothing is said."""
    seen: list[str] = []

    @contextlib.contextmanager
    def told(
        console: Console, description: str, unit: str, *, step: tuple[int, int] | None
    ) -> Iterator[Callable[[int, int], None]]:
        assert console.stderr
        seen.append(f"{description} {unit} {step}")
        yield lambda _done, _total: None

    monkeypatch.setattr("frostline.classifier.shown_progress", told)
    SentenceClassifier(C=1.0, features="words").fit(TEXTS, LABELS)
    assert seen == []
    SentenceClassifier(C=1.0, features="words", verbose=True).fit(TEXTS, LABELS).predict(["a"])
    assert seen == ["Reading texts None"] * 2
    seen.clear()
    SentenceClassifier(features="words", verbose=True, n_folds=2).fit(TEXTS, LABELS)
    assert seen == ["Reading texts (1, 2)", "Searching C values of C (2, 2)"]
    seen.clear()
    several = [[label] for label in LABELS]
    SentenceClassifier(features="words", verbose=True, n_folds=2).fit(TEXTS, several)
    assert seen == ["Reading texts (1, 2)", "Fitting labels (2, 2)"]


@pytest.mark.parametrize(("nested", "curve", "n"), [(False, False, 2), (True, False, 3), (True, True, 4)])
def test_one_object_tells_how_far_a_training_is(
    monkeypatch: pytest.MonkeyPatch, n: int, *, nested: bool, curve: bool
) -> None:
    """Each step knows its number; what is told reaches the bar of its own stage."""
    seen: list[object] = []

    @contextlib.contextmanager
    def told(
        console: Console, description: str, unit: str, *, step: tuple[int, int]
    ) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: seen.append((console.stderr, description, step, done, total))

    monkeypatch.setattr("frostline.report.progress.shown_progress", told)
    with training_progress("one label", options=TrainingOptions(nested=nested, learning_curve=curve)) as progress:
        for stage in (progress.reading, progress.searching, progress.learning):
            assert stage is not None
            stage(1, 7)
    assert seen == [
        (True, "Reading", (1, n), 1, 7),
        (True, "Searching C", (2, n), 1, 7),
        (True, "Learning curve", (n, n), 1, 7),
    ]


def test_in_a_notebook_the_words_are_given_and_not_shown_beside_the_page(
    fitted: SentenceClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A console that knows itself in a notebook would show what is printed to it, whatever its file."""
    shown: list[object] = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda *given: shown.append(given))
    assert "Test: 2 texts" in repr(fitted.evaluate(["refund it", "it crashes"], ["billing", "technical"]))
    assert shown == []


@pytest.mark.parametrize("is_there", [False, True])
def test_a_line_moves_in_a_notebook_only_where_widgets_can(monkeypatch: pytest.MonkeyPatch, *, is_there: bool) -> None:
    """Elsewhere rich would warn; the sentence at the end comes all the same."""
    began: list[bool] = []
    monkeypatch.setattr("frostline.report.progress.find_spec", lambda _name: object() if is_there else None)
    monkeypatch.setattr("frostline.report.progress.WORTH_TELLING", 0.0)
    monkeypatch.setattr("rich.live.Live.start", lambda *_given, **_named: began.append(True))
    monkeypatch.setattr("rich.console.Console.is_terminal", False)
    said: list[object] = []
    monkeypatch.setattr("rich.console.Console.print", lambda _self, *words, **_named: said.append(str(words[0])))
    with shown_progress(Console(force_jupyter=True, stderr=True), "Reading", "texts", step=(1, 2)) as advance:
        advance(1, 2)
        advance(2, 2)
    assert bool(began) is is_there
    assert said == ["1 of 2 · Reading: 2 texts, 1 s"]
