"""The sample is what its README says: balanced, varied, partly hard, and nothing in it twice."""

import re
from collections import Counter
from importlib.resources import files
from itertools import combinations, pairwise

import numpy as np
import pytest

from frostline.data.sample import Sample, load_sample


@pytest.fixture(scope="module")
def sample() -> Sample:
    return load_sample()


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


def both(sample: Sample) -> list[str]:
    return [*sample.train.texts, *sample.test.texts]


def test_it_is_as_large_as_promised(sample: Sample) -> None:
    assert len(sample.train) >= 480
    assert len(sample.test) >= 160


def test_each_part_is_balanced(sample: Sample) -> None:
    """Neither label has more than 52 in a hundred rows, so that 50 % is what guessing gets."""
    for dataset in (sample.train, sample.test):
        counts = dataset.counts()
        assert set(counts) == {"positive", "negative"}
        assert max(counts.values()) <= 0.52 * len(dataset)


def test_about_a_fifth_of_each_part_is_hard(sample: Sample) -> None:
    for dataset, rows in ((sample.test, sample.hard), (sample.train, sample.hard_train)):
        assert 0.18 <= len(rows) / len(dataset) <= 0.25
        assert np.all(np.diff(rows) > 0)
        assert rows[0] >= 0
        assert rows[-1] < len(dataset)
        labels = Counter(dataset.labels[row] for row in rows)
        assert labels["positive"] == labels["negative"]


def test_hard_rows_point_at_hard_sentences(sample: Sample) -> None:
    """An off-by-one in the row numbers would point at their neighbours."""
    hard = {sample.test.texts[row] for row in sample.hard} | {sample.train.texts[row] for row in sample.hard_train}
    assert "Lovely room, pity about everything else." in hard
    assert "There were supposed to be leftovers." in hard
    assert "The good news is that it has been cancelled." in hard
    assert not {"Best thing I've watched all year.", "I got the promotion!"} & hard


def test_lengths_vary_within_bounds(sample: Sample) -> None:
    lengths = [len(text.split()) for text in both(sample)]
    assert min(lengths) >= 3
    assert max(lengths) <= 35
    assert sum(length <= 6 for length in lengths) >= 20
    assert sum(length >= 25 for length in lengths) >= 15


def test_no_two_sentences_are_nearly_the_same(sample: Sample) -> None:
    """No pair, within or across the parts, shares more than 70 % of the shorter one's pairs of words."""
    pairs = [frozenset(pairwise(found)) for found in map(words, both(sample))]
    near = [
        (both(sample)[i], both(sample)[j])
        for i, j in combinations(range(len(pairs)), 2)
        if len(pairs[i] & pairs[j]) > 0.7 * min(len(pairs[i]), len(pairs[j]))
    ]
    assert near == []


def test_sentences_are_not_made_from_templates(sample: Sample) -> None:
    """Hardly any two sentences begin or end with the same three words."""
    texts = [tuple(words(text)) for text in both(sample) if len(words(text)) > 3]
    for ends in (Counter(text[:3] for text in texts), Counter(text[-3:] for text in texts)):
        assert max(ends.values()) <= 8
        assert sum(count for count in ends.values() if count > 1) <= 0.15 * len(texts)


def test_sentences_are_plain_text(sample: Sample) -> None:
    """No tab, control character, doubled space or typographic quote; each ends as a sentence ends."""
    for text in both(sample):
        assert re.fullmatch(r"[A-Z][ -~éè]*[.!?]", text), text
        assert "  " not in text


def test_the_files_have_no_third_column(sample: Sample) -> None:
    """Every physical line is one row of two cells, so that any reader of TSV finds what load_sample finds."""
    folder = files("frostline.data").joinpath("sample_files")
    for part, dataset in (("train", sample.train), ("test", sample.test)):
        lines = folder.joinpath(f"{part}.tsv").read_text("utf-8").splitlines()
        assert [line.split("\t") for line in lines] == [
            list(row) for row in zip(dataset.texts, dataset.labels, strict=True)
        ]
        assert list(dataset.lines) == list(range(1, len(lines) + 1))


def test_the_files_say_where_they_come_from() -> None:
    readme = files("frostline.data").joinpath("sample_files", "README.md").read_text("utf-8")
    assert "written for Frostline" in readme
    assert "Apache-2.0" in readme


def test_the_readme_counts_what_is_there(sample: Sample) -> None:
    readme = files("frostline.data").joinpath("sample_files", "README.md").read_text("utf-8")
    assert f"{len(sample.train) + len(sample.test)} short English sentences" in readme
    for name, part, rows in (("train", sample.train, sample.hard_train), ("test", sample.test, sample.hard)):
        assert f"| `{name}.tsv` | {len(part)} | {part.counts()['positive']} | {len(rows)} |" in readme
