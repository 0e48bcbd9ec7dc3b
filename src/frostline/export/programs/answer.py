"""What an exported classifier says of texts: python answer.py "a text" ...; needs onnxruntime and tokenizers."""

import json
import re
import sys
from pathlib import Path

import onnxruntime
from text import reader

folder = Path(__file__).parent
settings = json.loads((folder / "classifier.json").read_text("utf-8"))
inputs_of = reader(folder, settings)
session = onnxruntime.InferenceSession(str(folder / "classifier.onnx"), providers=["CPUExecutionProvider"])
names = ["probabilities", "favoured", "answered"]


def answer(text: str) -> dict[str, object]:
    """The labels of one text (None: not sure enough), and the probability of each."""
    whole = re.sub("[\ud800-\udfff]", "\ufffd", text)  # half a character is none
    probabilities, favoured, answered = session.run(names, inputs_of(whole))
    labels = [label for label, has in zip(settings["labels"], favoured[0], strict=True) if has]
    return {"labels": labels if answered[0] else None, "probabilities": probabilities[0].tolist()}


for text in sys.argv[1:] or map(json.loads, filter(str.strip, sys.stdin)):
    print(json.dumps(answer(text)))
