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
names = [each.name for each in session.get_outputs()]


def answer(text: str) -> dict[str, object]:
    """The labels of one text (None: not sure enough), the probability of each; of a cascade, whether it was early."""
    whole = re.sub("[\ud800-\udfff]", "\ufffd", text)  # half a character is none
    said = {name: value[0] for name, value in zip(names, session.run(names, inputs_of(whole)), strict=True)}
    labels = [label for label, has in zip(settings["labels"], said["favoured"], strict=True) if has]
    early = {"early": bool(said["early"])} if "early" in said else {}
    return {"labels": labels if said["answered"] else None, "probabilities": said["probabilities"].tolist(), **early}


for text in sys.argv[1:] or map(json.loads, filter(str.strip, sys.stdin)):
    print(json.dumps(answer(text)))
