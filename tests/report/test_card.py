"""The model card: front matter that the hub reads, and Markdown in which the user's words are only words."""

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from frostline import record as records
from frostline.report.card import model_card
from record_examples import example_record
from report_examples import example_report

NASTY = 'x": y\n- z: [a](http://b) <script> | `c` \U0001f642 \u202e\ntags: none\n---'


def front_matter(card: str) -> Any:
    assert card.startswith("---\n")
    return yaml.safe_load(card.removeprefix("---\n").split("\n---\n", maxsplit=1)[0])


def test_the_front_matter_is_the_hubs() -> None:
    """Library, task, metrics, and results with their intervals."""
    record = example_record(n=300)
    found = front_matter(model_card(record))
    assert found["library_name"] == "frostline"
    assert found["pipeline_tag"] == "text-classification"
    assert found["metrics"] == ["accuracy", "f1"]
    (result,) = found["model-index"][0]["results"]
    assert result["task"]["type"] == "text-classification"
    assert result["dataset"]["name"] == "reviews.tsv"
    assert record.test is not None
    assert result["metrics"][0]["value"] == pytest.approx(record.test.accuracy.value, abs=1e-6)
    assert "95 % interval" in result["metrics"][0]["name"]
    assert "n = 300" in result["metrics"][0]["name"]


def test_the_base_model_is_named_where_the_hub_has_it() -> None:
    """By its hub id; a folder that looks like one has no revision and is not named."""
    record = example_record(n=60)

    def base(name: str, revision: str | None) -> Any:
        encoder = replace(record.encoder, name=name, revision=revision)
        return front_matter(model_card(replace(record, encoder=encoder))).get("base_model")

    assert base("minilm", None) == "sentence-transformers/all-MiniLM-L6-v2"
    assert base("distilbert", None) == "distilbert/distilbert-base-uncased"
    assert base("someone/model", "abc123") == "someone/model"
    assert base("models/mine", None) is None


def test_no_word_of_the_users_ends_the_front_matter_or_begins_a_key() -> None:
    """Nor makes a link, an element, or another table cell."""
    card = model_card(example_record([NASTY, "b"], n=60, name=NASTY, warnings=(NASTY,)))
    found = front_matter(card)
    assert "none" not in found["tags"]
    assert found["model-index"][0]["results"][0]["dataset"]["name"].startswith('x": y\\n- z')
    assert "\U0001f642" in found["model-index"][0]["results"][0]["dataset"]["name"]
    body = card.split("\n---\n", maxsplit=1)[1]
    assert "\u202e" not in body
    outside_code = re.sub(r"``.*?``", "", body)
    assert "](http" not in outside_code.replace("\\](http", "")
    assert "<script" not in outside_code.replace("\\<script", "")
    for line in body.split("\n"):
        if line.startswith("| ``"):
            assert line.replace("\\|", "").count("|") == 6


def test_the_test_files_name_stands_where_there_is_one() -> None:
    """The results belong to the rows they were measured on."""
    record = example_record(n=60)
    data = records.DataRecord(name="test.tsv", sha256="cd" * 32, size_bytes=1, n_rows=60, label_counts={})
    card = model_card(replace(record, test_source=records.TestRecord(kind="file", n_fitted=60, data=data)))
    assert front_matter(card)["model-index"][0]["results"][0]["dataset"]["name"] == "test.tsv"


def test_the_card_says_how_it_was_made_and_what_it_cannot_do() -> None:
    """Use, scores with intervals beside baselines, training, limits, warnings."""
    card = model_card(example_record(n=300, warnings=("One label is rare.",)))
    for words in (
        "SentenceClassifier.load",
        "frostline predict",
        "| majority class |",
        "`mean@all`, 2,688 numbers",
        "4 of 600 texts were cut at 256 word pieces",
        "(optimistic, since it chose C; no test score)",
        "## Limits",
        "One label is rare.",
    ):
        assert words in card


def test_nothing_tested_has_no_results() -> None:
    """The hub shows none, and the card says so."""
    card = model_card(replace(example_record(n=60), test=None, test_source=None, baselines=()))
    assert "model-index" not in front_matter(card)
    assert "Not tested." in card


def test_the_card_says_in_plain_words_what_a_reader_asks_first() -> None:
    """How often it is right, beside what, what it confuses, and how far its probabilities can be believed."""
    card = model_card(example_report()[0])
    for words in ("it was right about", "ounting words", "mistakes: it says", "calibration error"):
        assert words in card
    assert "Next:" not in card
