"""The data set that every figure is measured on, unless another file is named.

In:   the folder that FROSTLINE_DATA names, or the network.
Out:  the path of SST-2's training file.
Not:  reading it.
"""

import os
from pathlib import Path

from frostline.data.public_sets import fetch_public_set


def sst2_file() -> Path:
    """SST-2's training file: of the folder that FROSTLINE_DATA names, else fetched once."""
    named = os.environ.get("FROSTLINE_DATA")
    if named and (Path(named) / "sst2" / "train.tsv").is_file():
        return Path(named) / "sst2" / "train.tsv"
    return fetch_public_set("sst2")["train"]
