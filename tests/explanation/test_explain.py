"""What each word adds, held to an encoder whose rows are sums over word pieces, so that the truth is known."""

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel

from encoder_fakes import WORDS, make_checkpoint
from fakes import FakeEncoder
from frostline.arrays import Features
from frostline.artifact import FileEntry, Manifest, Neighbours, SelfTest
from frostline.artifact.model import Model
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import FeatureSpec
from frostline.encoder.reading import Backend, TokenBatch
from frostline.encoder.tokens import WordPieces
from frostline.encoder.words import WordedEncoder, fit
from frostline.errors import TextTypeError, UsageError
from frostline.explanation import explain
from frostline.explanation.leave_out import split_words, without
from frostline.head.linear import Calibration, LinearHead, Rule, log_odds
from frostline.report.explanation import explanation_document, explanation_html, print_explanation, remarks

WIDTH = 8
VECTORS = np.random.default_rng(3).normal(size=(len(WORDS), WIDTH)).astype(np.float32)


@dataclass
class SummingBackend(Backend):
    """A row is the sum of its pieces' vectors: what a piece adds is known."""

    texts: int = 0

    def forward(self, batch: TokenBatch) -> Features:
        self.texts += len(batch.ids)
        rows: Features = VECTORS[batch.ids].sum(axis=1)
        return rows


@pytest.fixture(scope="module")
def word_pieces(tmp_path_factory: pytest.TempPathFactory) -> WordPieces:
    folder = make_checkpoint(tmp_path_factory.mktemp("checkpoint") / "bert")
    return WordPieces.open(find_checkpoint(str(folder)))


def model(word_pieces: WordPieces, head: LinearHead, backend: Backend | None = None) -> Model:
    spec = FeatureSpec.parse("cls@-1")
    encoder = Encoder(
        identity=replace(FakeEncoder().identity, max_length=word_pieces.max_length),
        spec=spec,
        blocks=spec.blocks(2),
        hidden_size=WIDTH,
        n_layers=2,
        word_pieces=word_pieces,
        backend=backend or SummingBackend(),
        threads=1,
    )
    manifest = Manifest(
        frostline_version="0",
        labels=head.labels,
        kind="one label",
        calibration=head.calibration,
        rule=head.rule,
        features="cls@-1",
        n_features=WIDTH,
        encoder=encoder.identity,
        data=None,
        choice={},
        metrics={},
        self_test=SelfTest(texts=(), decisions=(), probabilities=(), answers=(), tolerance=1e-4),
        files={"head.safetensors": FileEntry(sha256="0" * 64, size_bytes=1)},
    )
    return Model(manifest=manifest, head=head, encoder=encoder)


def some_head(labels: tuple[Any, ...] = ("bad", "good"), **changes: Any) -> LinearHead:
    random = np.random.default_rng(len(labels))
    rows = 1 if len(labels) == 2 and changes.get("link") != "logistic" else len(labels)
    head = LinearHead(labels=labels, coef=random.normal(size=(rows, WIDTH)) / 4, intercept=random.normal(size=rows) / 4)
    return replace(head, **changes)


def piece(word: str) -> int:
    return WORDS.index(word)


LONG = "good bad film . " * 20


# --- words and their places


def test_words_stand_where_the_text_has_them(word_pieces: WordPieces) -> None:
    text = "  Good\tfilm,ab  \x00 BAD!"
    split = split_words(word_pieces, text)
    assert [word.text for word in split.words] == ["Good", "film", ",", "ab", "BAD", "!"]
    assert all(text[word.start : word.end] == word.text for word in split.words)
    assert [word.pieces for word in split.words][3] == ("a", "##b")
    assert split.pieces == ("[CLS]", "good", "film", ",", "a", "##b", "bad", "!", "[SEP]")
    assert not split.is_cut


def test_of_a_long_text_the_words_that_are_seen_are_told_from_the_rest(word_pieces: WordPieces) -> None:
    split = split_words(word_pieces, LONG)
    assert split.is_cut
    assert len(split.pieces) == word_pieces.max_length
    assert len(split.words) == word_pieces.max_length - 2
    assert LONG[: split.seen_to].split() == [word.text for word in split.words]


def test_the_space_that_some_tokenizers_count_as_part_of_a_word_is_none_of_it() -> None:
    """Byte-level ones, as RoBERTa's; here with offsets as they come, the space included."""
    tokenizer = Tokenizer(WordLevel({"<unk>": 0, "good": 1, "Ġfilm": 2, "Ġ": 3}, unk_token="<unk>"))  # noqa: S106 - a word piece
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    ids = np.array([0], np.int32)
    found = split_words(
        WordPieces(tokenizer=tokenizer, max_length=9, limit=9, unknown=None, before=ids, after=ids), "good film  good"
    )
    assert [(word.text, word.start, word.end) for word in found.words][:2] == [("good", 0, 4), ("film", 5, 9)]
    assert found.words[-1].text == "good"


@given(text=st.text(max_size=60))
def test_any_text_is_split_into_words_in_order_that_do_not_overlap(word_pieces: WordPieces, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    words = split_words(word_pieces, text).words
    ends = [0, *(word.end for word in words)]
    assert all(end <= word.start < word.end for end, word in zip(ends, words, strict=False))
    assert without(text, list(words)).strip() == without(text, list(words))


def test_leaving_words_out_keeps_what_is_around_apart(word_pieces: WordPieces) -> None:
    text = " good film,bad film "
    words = split_words(word_pieces, text).words
    assert [without(text, [word]) for word in words] == [
        "film,bad film", "good ,bad film", "good film bad film", "good film, film", "good film,bad",
    ]  # fmt: skip
    assert without(text, [words[1], words[4]]) == "good ,bad"
    assert without(text, list(words)) == ""


# --- what they add


@settings(deadline=None, max_examples=40)
@given(
    words=st.lists(st.sampled_from(["good", "bad", "film", "a", "ab", "x", ",", "Good"]), max_size=9),
    n_labels=st.integers(2, 4),
)
def test_a_words_change_is_what_its_pieces_add_to_the_decisions(
    word_pieces: WordPieces, words: list[str], n_labels: int
) -> None:
    """Rows are sums, so each change is known: of log-odds for two labels exactly, for more by the definition."""
    head = some_head(tuple("abcd"[:n_labels]))
    found = explain(model(word_pieces, head), " ".join(words), labels=head.labels)
    ids = [[piece(p) for p in word.pieces] for word in found.words]
    whole = VECTORS[[2, *(p for own in ids for p in own), 3]].sum(axis=0)
    for own in found.labels:
        column = head.labels.index(own.label)
        for held, change in zip(ids, own.words, strict=True):
            rows = np.stack([whole, whole - VECTORS[held].sum(axis=0)]).astype(np.float64)
            shares = head.predict_proba(rows)[:, column]
            odds = np.log(shares) - np.log1p(-shares)
            assert change.log_odds == pytest.approx(odds[0] - odds[1], abs=1e-4)
            assert change.probability == pytest.approx(shares[0] - shares[1], abs=1e-5)
    assert len(found.labels[0].words) == len(words)


def test_one_call_reads_every_variant_once(word_pieces: WordPieces) -> None:
    """Text, nothing, each of five words, both of one: the text itself is read once, equal variants too."""
    backend, calls = SummingBackend(), []
    explain(
        model(word_pieces, some_head(), backend),
        "good film good bad x",
        progress=lambda done, total: calls.append((done, total)),
    )
    assert backend.texts == 1 + 1 + 5 + 1
    assert calls[-1] == (8, 8)


def test_a_repeated_word_is_left_out_in_each_place_and_everywhere(word_pieces: WordPieces) -> None:
    head = some_head()
    found = explain(model(word_pieces, head), "good film , Good , bad", labels=["good"])
    own = found.labels[0]
    (repeated,) = own.repeated  # commas do not count
    assert (repeated.text, repeated.places) == ("good", (0, 3))
    assert repeated.change.log_odds == pytest.approx(2 * float(head.coef[0] @ VECTORS[piece("good")]), abs=1e-4)
    assert own.words[0].log_odds == pytest.approx(own.words[3].log_odds, abs=1e-5)


def test_changes_do_not_add_up_and_the_output_says_so(word_pieces: WordPieces) -> None:
    head = some_head(("a", "b", "c"))
    found = explain(model(word_pieces, head), "good bad film x")
    own = found.labels[0]
    assert abs(own.sum_of_words - own.of_nothing.log_odds) > 1e-3
    assert f"do not add up: one at a time {own.sum_of_words:+.2f}" in printed(found)


def test_the_log_odds_of_a_label_are_those_against_all_others() -> None:
    decisions = np.array([[1.0, 2.0, 3.0], [1000.0, 0.0, -1000.0]])
    shares = np.exp(decisions[0]) / np.exp(decisions[0]).sum()
    for column in range(3):
        expected = np.log(shares[column] / (1 - shares[column]))
        assert log_odds(decisions, column, link="softmax")[0] == pytest.approx(expected)
    assert log_odds(decisions, 0, link="softmax")[1] == pytest.approx(1000)
    assert log_odds(decisions, 1, link="logistic").tolist() == [2.0, 0.0]


# --- odd texts, odd heads


def test_one_word_is_compared_with_an_empty_text(word_pieces: WordPieces) -> None:
    found = explain(model(word_pieces, some_head()), "good")
    own = found.labels[0]
    assert own.words[0] == own.of_nothing
    assert any("only word" in remark for remark in remarks(found))


@pytest.mark.parametrize("text", ["", "   ", "\x00\x01", "\n"])
def test_a_text_without_word_pieces_is_said_to_have_none(word_pieces: WordPieces, text: str) -> None:
    found = explain(model(word_pieces, some_head()), text)
    assert (found.words, found.pieces) == ((), ("[CLS]", "[SEP]"))
    assert any("no word pieces" in remark for remark in remarks(found))
    assert "What each word adds" not in printed(found)
    assert explanation_html(found)


def test_of_a_long_text_only_what_is_seen_counts(word_pieces: WordPieces) -> None:
    """Without a word, the words after the cut do not move up into its place: the change is that of the word alone."""
    head = some_head()
    found = explain(model(word_pieces, head), LONG, labels=["good"])
    expected = float(head.coef[0] @ VECTORS[piece("bad")])
    assert found.labels[0].words[1].log_odds == pytest.approx(expected, abs=1e-4)
    said = " ".join(remarks(found))
    assert f"sees {word_pieces.max_length} word pieces" in said
    assert f"the last {len(LONG) - found.seen_to:,} letters" in said


def test_no_more_words_are_tried_than_asked_for(word_pieces: WordPieces) -> None:
    found = explain(model(word_pieces, some_head()), "good bad film", max_words=2)
    assert (len(found.words), found.n_tried) == (3, 2)
    assert any("Of 3 words the first 2" in remark for remark in remarks(found))
    assert printed(found)
    assert explanation_html(found)


def test_a_head_that_abstains_is_explained_by_its_most_probable_label(word_pieces: WordPieces) -> None:
    found = explain(model(word_pieces, some_head(rule=Rule(answer_from=0.999))), "film")
    best = max(found.probabilities, key=lambda pair: pair[1])[0]
    assert found.answer is None
    assert printed(found).startswith("Answer  no answer\n")
    assert [own.label for own in found.labels] == [best]
    assert any("no answer below a probability of 0.999; the most" in remark for remark in remarks(found))
    assert explanation_document(found)["answer"] is None


def test_thresholds_that_overrule_probability_are_said_to(word_pieces: WordPieces) -> None:
    plain = explain(model(word_pieces, some_head()), "film")
    assert plain.answer is not None
    best = plain.answer[0]
    thresholds = (0.999, 0.001) if best == "bad" else (0.001, 0.999)
    found = explain(model(word_pieces, some_head(rule=Rule(thresholds=thresholds))), "film")
    assert found.answer != plain.answer
    assert any("more probable" in remark for remark in remarks(found))


def test_each_label_of_several_is_explained(word_pieces: WordPieces) -> None:
    head = some_head(("a", "b", "c"), link="logistic", rule=Rule(thresholds=(1e-6, 1e-6, 1 - 1e-6)))
    found = explain(model(word_pieces, head), "good film")
    assert found.answer == ("a", "b")
    assert [own.label for own in found.labels] == ["a", "b"]
    expected = float(head.coef[1] @ VECTORS[piece("film")])
    assert found.labels[1].words[1].log_odds == pytest.approx(expected, abs=1e-4)
    assert explanation_document(found)["answer"] == ["a", "b"]


def test_no_label_of_several_is_an_answer_too(word_pieces: WordPieces) -> None:
    head = some_head(("a", "b"), link="logistic", rule=Rule(thresholds=(1 - 1e-9, 1 - 1e-9)))
    found = explain(model(word_pieces, head), "good film")
    assert found.answer == ()
    assert any("No label reaches" in remark for remark in remarks(found))
    assert printed(found).startswith("Answer  none of the labels\n")
    assert explanation_document(found)["answer"] == []


def test_several_labels_that_are_not_sure_enough_together_are_no_answer(word_pieces: WordPieces) -> None:
    head = some_head(("a", "b", "c"), link="logistic", rule=Rule(answer_from=0.9))
    found = explain(model(word_pieces, head), "good film")
    assert found.answer is None
    assert explanation_document(found)["answer"] is None
    assert len(found.labels) == 1
    assert found.labels[0].label == max(found.probabilities, key=lambda pair: pair[1])[0]
    assert any("below a probability of 0.9 of all its labels together; the most" in one for one in remarks(found))
    chosen = explain(model(word_pieces, head), "good film", labels=["c", "a"])
    assert [own.label for own in chosen.labels] == ["c", "a"]
    assert chosen.answer is None


def test_where_the_most_probable_label_is_given_no_threshold_is_blamed(word_pieces: WordPieces) -> None:
    """Also where it is not the first."""
    head = some_head(("a", "b"), link="logistic", intercept=np.array([3.0, 9.0]))
    found = explain(model(word_pieces, head), "film")
    assert found.answer == ("a", "b")
    assert found.probabilities[1][1] > found.probabilities[0][1]
    assert not any("more probable" in remark for remark in remarks(found))


def test_a_label_of_several_that_its_threshold_keeps_out_is_said_to_be_more_probable(word_pieces: WordPieces) -> None:
    both = Rule(thresholds=(0.001, 0.001))
    plain = explain(model(word_pieces, some_head(("a", "b"), link="logistic", rule=both)), "film")
    assert plain.answer == ("a", "b")
    (best, share), (other, _) = sorted(plain.probabilities, key=lambda pair: -pair[1])
    thresholds = (0.999, 0.001) if best == "a" else (0.001, 0.999)
    head = some_head(("a", "b"), link="logistic", rule=Rule(thresholds=thresholds))
    found = explain(model(word_pieces, head), "film")
    assert found.answer == (other,)
    assert f"{best} is more probable ({share:.3f}); the thresholds of the labels decide otherwise." in remarks(found)


def test_behind_a_flat_calibration_the_words_still_tell(word_pieces: WordPieces) -> None:
    flat = Calibration(method="isotonic", knots=(((0.0, 0.6), (1.0, 0.6)),))
    own = explain(model(word_pieces, some_head(calibration=flat)), "good film").labels[0]
    assert own.probability == pytest.approx(0.6)
    assert [change.probability for change in own.words] == pytest.approx([0, 0])
    assert all(abs(change.log_odds) > 1e-3 for change in own.words)


def test_labels_of_any_type_can_be_asked_for(word_pieces: WordPieces) -> None:
    found = explain(model(word_pieces, some_head((False, True))), "film", labels=[True])
    assert found.labels[0].label is True
    with pytest.raises(UsageError, match=r"must be one of 'False', 'True' \(got '1'\)"):
        explain(model(word_pieces, some_head((False, True))), "film", labels=[1])
    with pytest.raises(UsageError, match=r"one of '0', '1' \(got 1, and the labels are strings\)"):
        explain(model(word_pieces, some_head(("0", "1"))), "film", labels=[1])
    with pytest.raises(UsageError, match=r"one of '0', '1' \(got '1', and the labels are whole numbers\)"):
        explain(model(word_pieces, some_head((0, 1))), "film", labels=["1"])
    with pytest.raises(UsageError, match=r"\(got 'True', and the labels are True and False\)"):
        explain(model(word_pieces, some_head((False, True))), "film", labels=["True"])


def test_what_cannot_be_explained_is_refused(word_pieces: WordPieces) -> None:
    opened = model(word_pieces, some_head())
    with pytest.raises(UsageError, match="at least 1"):
        explain(opened, "film", max_words=0)
    with pytest.raises(TextTypeError):
        explain(opened, 3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="word pieces"):
        explain(replace(opened, encoder=FakeEncoder()), "film")


# --- the nearest


def test_the_nearest_come_first_and_a_repeated_sentence_once(word_pieces: WordPieces) -> None:
    opened = model(word_pieces, some_head())
    texts = ["bad x", "good film", "good film", "film", "good film"]
    rows = opened.encoder.encode(texts).rows
    kept = Neighbours.of_rows(texts, np.array([0, 1, 1, 0, 0]), rows)
    found = explain(opened, "good film", neighbours=kept, n_nearest=3).nearest
    assert found is not None
    assert [(near.text, near.labels) for near in found[:2]] == [("good film", ("good",)), ("good film", ("bad",))]
    assert found[0].cosine == pytest.approx(1, abs=1e-3)
    assert len(found) == 3
    exact = rows - rows.mean(axis=0)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    by_text = {
        near.text: near.cosine for near in explain(opened, "good film", neighbours=kept, n_nearest=9).nearest or ()
    }
    assert by_text["bad x"] == pytest.approx(float(exact[0] @ exact[1]), abs=2e-3)


def test_the_nearest_have_all_their_labels_where_there_may_be_several(word_pieces: WordPieces) -> None:
    opened = model(word_pieces, some_head(("a", "b", "c"), link="logistic"))
    rows = opened.encoder.encode(["good", "bad"]).rows
    kept = Neighbours.of_rows(["good", "bad"], np.array([[1, 0, 1], [0, 0, 0]]), rows)
    found = explain(opened, "good", neighbours=kept).nearest
    assert found is not None
    assert [near.labels for near in found] == [("a", "c"), ()]


def test_without_kept_sentences_it_says_how_to_have_them(word_pieces: WordPieces) -> None:
    found = explain(model(word_pieces, some_head()), "film")
    assert found.nearest is None
    assert "--keep-neighbours" in printed(found)
    assert "--keep-neighbours" in explanation_html(found)


# --- shown


def printed(found: Any) -> str:
    console = Console(width=200, color_system=None, file=io.StringIO())
    print_explanation(found, console, details=True)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_signs_and_bars_tell_for_from_against_without_colour(word_pieces: WordPieces) -> None:
    found = explain(model(word_pieces, some_head()), "good bad", labels=["good"])
    lines = {line.split()[0]: line for line in printed(found).splitlines() if "│" in line}
    for word, change in zip(found.words, found.labels[0].words, strict=True):
        left, right = lines[word.text].split("│")
        assert ("█" in right) == (change.log_odds > 0)
        assert ("█" in left) == (change.log_odds < 0)
        assert f"{change.log_odds:+.2f}" in left


HOSTILE = "good <script>alert(1)</script> [red]film[/red] \x1b[2J \u202e bad"


def test_a_hostile_text_is_inert_on_the_terminal_and_in_the_page(word_pieces: WordPieces) -> None:
    opened = model(word_pieces, some_head(("bad\x1b[2J", "<img src=x onerror=1>")))
    rows = opened.encoder.encode([HOSTILE]).rows
    found = explain(
        opened, HOSTILE, neighbours=Neighbours.of_rows([HOSTILE, "x"], np.array([0, 1]), np.vstack([rows, rows + 1]))
    )
    text, page = printed(found), explanation_html(found)
    assert "\x1b" not in text + page
    assert "\u202e" not in text + page
    assert "[red]film[/red]" in text.replace("\n", "")
    for tag in ("<script", "<img", "javascript:", "http://", "https://"):
        assert tag not in page
    assert "<</span>" not in page, "a word that is a bracket by itself"
    assert "&lt;</span>" in page
    assert "default-src 'none'" in page


def test_the_document_holds_everything_as_json(word_pieces: WordPieces) -> None:
    found = explain(model(word_pieces, some_head()), "good film good")
    document = json.loads(json.dumps(explanation_document(found), allow_nan=False))
    assert found.answer is not None
    assert document["answer"] == found.answer[0]
    assert [word["text"] for word in document["words"]] == ["good", "film", "good"]
    assert len(document["explained"][0]["words"]) == 3
    assert document["explained"][0]["repeated"][0]["places"] == [0, 2]
    assert document["nearest"] is None


def test_the_page_is_small_and_the_same_for_the_same_text(word_pieces: WordPieces, tmp_path: Path) -> None:
    found = explain(model(word_pieces, some_head()), "good film")
    page = explanation_html(found)
    assert page == explanation_html(found)
    assert len(page) < 20_000


# --- words among the features


def test_what_a_word_adds_by_itself_is_told_with_what_it_adds_by_the_encoder(word_pieces: WordPieces) -> None:
    """A head that looks at words alone: leaving a word out takes its weight, its pairs' and the row's length away."""
    vocabulary = fit(["good film", "bad film", "good good bad"], min_texts=1)
    weights = np.random.default_rng(5).normal(size=len(vocabulary.terms))
    head = some_head()
    worded = replace(head, coef=np.concatenate([head.coef * 0, weights[None]], axis=1))
    plain = model(word_pieces, head)
    found = explain(replace(plain, head=worded, encoder=WordedEncoder(plain.encoder, vocabulary)), "good bad film")

    def odds(text: str) -> float:
        return float(vocabulary.rows([text]).times(weights[None])[0, 0] + worded.intercept[0])

    sign = 1 if found.answer == ("good",) else -1
    whole = odds("good bad film")
    expected = [sign * (whole - odds(text)) for text in ("bad film", "good film", "good bad")]
    assert [change.log_odds for change in found.labels[0].words] == pytest.approx(expected, abs=1e-9)
    assert found.labels[0].of_nothing.log_odds == pytest.approx(sign * (whole - odds("")), abs=1e-9)


def test_a_text_that_just_fits_is_not_said_to_be_cut(word_pieces: WordPieces) -> None:
    """One more word is."""
    room = word_pieces.max_length - 2
    assert not split_words(word_pieces, "good " * room).is_cut
    assert split_words(word_pieces, "good " * (room + 1)).is_cut
