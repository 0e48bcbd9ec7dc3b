"""The default features keep what was decided of them, on the real SST-2."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.mark.timeout(600)
def test_the_default_features_reach_85_percent_on_sst2(frostline: Command, real_data: Path) -> None:
    """Trained on train alone, C searched, tested once."""
    folder = real_data / "sst2"
    document = frostline("train", folder / "train.tsv", "--test", folder / "test.tsv", "--json").document
    assert document["chosen"]["features"] == "mean@all+words"  # the folds keep both
    assert document["test"]["n"] == 1819  # two of 1,821 are copies of training rows
    assert document["test"]["accuracy"]["value"] >= 0.85
