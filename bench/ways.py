"""The two ways of reading sentences, each as a process that measures itself.

In:   a task on standard input: the way, the encoder's folder, the features, the texts.
Out:  one JSON object on standard output: seconds, peak memory; the rows in a file.
Not:  comparing (reading.py).

Both open the encoder and read a few sentences first; only reading the texts, from strings to rows, is timed.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from frostline.arrays import Features
from frostline.encoder.cost import own_peak

N_WARM_UP = 32


def tutorial_way(folder: str, pooling: str, texts: list[str]) -> tuple[Features, float]:
    """The notebook's cells: tokenize, pad all to the longest, one batch through torch, slice. Rows and seconds."""
    import torch  # noqa: PLC0415 - only in the process that compares
    from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415 - likewise

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder)
    model.eval()

    def read(some: list[str]) -> Features:
        tokenized = [tokenizer.encode(text, add_special_tokens=True, truncation=True, max_length=512) for text in some]
        longest = max(map(len, tokenized))
        padded = np.array([ids + [0] * (longest - len(ids)) for ids in tokenized])
        mask = np.where(padded != 0, 1, 0)
        with torch.no_grad():
            every = pooling == "mean@all"
            found = model(torch.tensor(padded), attention_mask=torch.tensor(mask), output_hidden_states=every)
            if pooling == "cls":
                rows: Features = found[0][:, 0, :].numpy()
            else:
                weights = torch.tensor(mask, dtype=torch.float32)[:, :, None]
                layers = found.hidden_states if every else found[:1]
                means = [(states * weights).sum(dim=1) / weights.sum(dim=1) for states in layers]
                rows = torch.cat(means, dim=1).numpy()
        return np.array(rows)

    read(texts[:N_WARM_UP])
    started = time.perf_counter()
    rows = read(texts)
    return rows, time.perf_counter() - started


def our_way(folder: str, pooling: str, texts: list[str]) -> tuple[Features, float]:
    """`Encoder.encode`. Rows and seconds."""
    from frostline.encoder.encoder import Encoder  # noqa: PLC0415 - only in the process that reads

    encoder = Encoder.open(folder, features=f"{pooling}@-1")
    encoder.encode(texts[:N_WARM_UP])
    started = time.perf_counter()
    rows = encoder.encode(texts).rows
    return rows, time.perf_counter() - started


WAYS = {"tutorial": tutorial_way, "frostline": our_way}


def main() -> None:
    """Do the task on standard input."""
    task: dict[str, Any] = json.load(sys.stdin)
    rows, seconds = WAYS[task["way"]](task["folder"], task["pooling"], task["texts"])
    np.save(Path(task["rows"]), rows, allow_pickle=False)
    print(json.dumps({"seconds": seconds, "peak_bytes": own_peak()}))


if __name__ == "__main__":
    main()
