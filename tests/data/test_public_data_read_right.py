"""Every file of the public data sets (in the folder that FROSTLINE_DATA names) reads right with the fewest options."""

import hashlib
from pathlib import Path

import pytest

from frostline.data.checks import duplicates, leaked
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset, stream_texts

pytestmark = pytest.mark.data

NUMBERED = TableOptions(text=1, label=2)


@pytest.mark.parametrize(
    ("name", "rows", "classes", "options"),
    [
        ("sst2/train.tsv", 6920, 2, None),
        ("sst2/dev.tsv", 872, 2, None),
        ("sst2/test.tsv", 1821, 2, None),
        ("sst5/train.tsv", 8544, 5, None),
        ("sst5/dev.tsv", 1101, 5, None),
        ("sst5/test.tsv", 2210, 5, None),
        ("trec/train.csv", 5452, 6, None),
        ("trec/test.csv", 500, 6, None),
        ("cr/reviews.jsonl", 3771, 2, None),
        ("goemotions/dev.tsv", 5426, 296, NUMBERED),
        ("goemotions/test.tsv", 5427, 275, NUMBERED),
    ],
)
def test_rows_classes_and_digest(
    real_data: Path, name: str, rows: int, classes: int, options: TableOptions | None
) -> None:
    path = real_data / name
    found = read_dataset(path, options or TableOptions())
    assert len(found) == rows
    assert len(found.counts()) == classes
    assert found.rejects == ()
    assert found.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [row.text for row in stream_texts(path, options or TableOptions())] == list(found.texts)


def test_sst2_is_what_its_readme_says(real_data: Path) -> None:
    train, test = read_dataset(real_data / "sst2/train.tsv"), read_dataset(real_data / "sst2/test.tsv")
    assert train.texts[0].startswith("a stirring , funny and finally transporting")
    assert (train.labels[0], train.labels[-1]) == ("1", "1")
    assert duplicates(train).n_extra == 9
    assert leaked(train, test).n_test_rows == 2
    assert len(read_dataset(real_data / "sst2/train.tsv", TableOptions(limit=2000))) == 2000


def test_goemotions_quotes_may_be_read_as_quotes(real_data: Path) -> None:
    """Its TSV was written quoted; the row count is the same either way, so nothing is asked."""
    options = TableOptions(text=1, label=2, quoted=True)
    quoted = read_dataset(real_data / "goemotions/dev.tsv", options)
    assert len(quoted) == 5426
    assert not any(text.startswith('"""') for text in quoted.texts)
