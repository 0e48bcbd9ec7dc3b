"""The default features keep what was decided of them, on the real SST-2."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.mark.timeout(600)
@pytest.mark.skipif("FROSTLINE_DATA" not in os.environ, reason="FROSTLINE_DATA names no folder of data sets")
def test_the_default_features_reach_84_percent_on_sst2(frostline: Command) -> None:
    """Trained on train alone, C searched, tested once."""
    folder = Path(os.environ["FROSTLINE_DATA"]) / "sst2"
    document = frostline("train", folder / "train.tsv", "--test", folder / "test.tsv", "--json").document
    assert document["chosen"]["features"] == "mean@all"
    assert document["test"]["n"] == 1821
    assert document["test"]["accuracy"]["value"] >= 0.84
