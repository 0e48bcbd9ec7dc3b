"""The data set that every figure is measured on, unless another file is named."""

import os
from pathlib import Path

from frostline.data.public_sets import fetch_public_set


def sst2_file() -> Path:
    """SST-2's training file: of the folder that FROSTLINE_DATA names, else fetched once."""
    named = os.environ.get("FROSTLINE_DATA")
    if named and (Path(named) / "sst2" / "train.tsv").is_file():
        return Path(named) / "sst2" / "train.tsv"
    return fetch_public_set("sst2")["train"]
