"""The lesson's notebook as Jupyter runs it: a real kernel, every cell, every picture."""

import json
from pathlib import Path

import numpy as np
import pytest

from frostline.data.sample import load_sample
from frostline.encoder.encoder import Encoder
from frostline.tutorial.course import EVERY_LAYER, give_course
from frostline.tutorial.lesson import Readers
from frostline.tutorial.notebook import lesson_notebook

pytestmark = pytest.mark.clients


def test_a_kernel_runs_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cell fails; each shows its picture again; the shapes are those of the file."""
    nbclient, nbformat = (pytest.importorskip(name) for name in ("nbclient", "nbformat"))
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path / "home"))
    rows = load_sample().train.take(np.arange(80))
    path = tmp_path / "rows.tsv"
    path.write_text("".join(f"{text}\t{label}\n" for text, label in zip(rows.texts, rows.labels, strict=True)), "utf-8")
    practical, better, every = (Encoder.open(features=each) for each in ("cls@-1", "mean@all", EVERY_LAYER))
    given = give_course(rows, Readers(practical=practical, first=practical, better=better), every)
    written = json.dumps(lesson_notebook(given, path=str(path), seed=0, language="zh"))
    notebook = nbformat.reads(written, as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert len(shown) == len(given.sections())
    for name, outputs in zip(given.sections(), shown, strict=True):
        assert "frostline-lesson" in outputs[-1].data["text/html"], name
    printed = "".join(output.text for outputs in shown for output in outputs if output.output_type == "stream")
    assert "(80, 384)" in printed
    assert "60 20" in printed
