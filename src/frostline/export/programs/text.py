"""What the graph of an exported classifier is given for a text: ids of word pieces, its words, or both."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer


def reader(folder: Path, settings: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    """What gives the inputs of a text, by their names."""
    files = [name for name in ("tokenizer.json", "words.json") if name in settings["files"]]
    read = {name: (folder / name).read_text("utf-8") for name in files}
    tokenizer = Tokenizer.from_str(read["tokenizer.json"]) if "tokenizer.json" in read else None
    words = json.loads(read.get("words.json", "{}"))
    column_of = {term: column for column, term in enumerate(words.get("terms", ()))}

    def inputs(text: str) -> dict[str, Any]:
        given: dict[str, list[int]] = {}
        if tokenizer:
            given["input_ids"] = tokenizer.encode(settings.get("prefix", "") + text[: settings["max_characters"]]).ids
        if words:
            found = re.findall(words["pattern"], text.lower())
            runs = (found[at : at + n] for n in range(1, words["max_words"] + 1) for at in range(len(found) - n + 1))
            counts = Counter(column_of[run] for run in map(" ".join, runs) if run in column_of) or {0: 0}
            given |= {"terms": list(counts), "counts": list(counts.values())}
        return {name: np.array([row], np.int64) for name, row in given.items()}

    return inputs
