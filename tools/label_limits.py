"""Time and weigh a training of hundreds or thousands of labels: searched, tested, saved, loaded, asked once.

    python tools/label_limits.py [--labels 1000] [--rows 10] [--width 384] [-C 1.0 ...] [--no-words] [--encoder minilm]

Texts are made: two words of their label's own, one of a group of labels, two of all. Without `--encoder` their rows
are sums of pseudo-random vectors of words (`tests/fakes.py`), which cost nothing. Prints a JSON object: seconds and
processor seconds of each step beyond reading, the most memory (MB), and the size of each file.
"""

import argparse
import json
import random
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from fakes import FakeEncoder  # noqa: E402 - of the tests
from frostline.artifact.load import load_artifact  # noqa: E402 - after the path
from frostline.data.tables import read_dataset  # noqa: E402 - as above
from frostline.encoder.encoder import Encoder  # noqa: E402 - as above
from frostline.encoder.reading import SentenceEncoder  # noqa: E402, TC001 - as above; it is light
from frostline.encoder.words import WordedEncoder, WordsAlone  # noqa: E402 - as above
from frostline.head.options import SearchOptions  # noqa: E402 - as above
from frostline.training.options import TrainingOptions  # noqa: E402 - as above
from frostline.training.run import train  # noqa: E402 - as above
from frostline.training.save import save_training  # noqa: E402 - as above


def texts(n_labels: int, n_rows: int, seed: int = 0) -> list[tuple[str, str]]:
    """Texts with their labels."""
    chance = random.Random(seed)  # noqa: S311 - a measurement
    found = []
    for label in range(n_labels):
        for _ in range(n_rows):
            own = [f"item{label}", f"part{label % 997}"] if chance.random() < 0.9 else []
            others = [f"kind{label % 89}", f"word{chance.randrange(3000)}", f"word{chance.randrange(3000)}"]
            found.append((" ".join([*own, *others]), f"label number {label}"))
    return found


Made = TypeVar("Made")


def _timed(make: Callable[[], Made]) -> tuple[Made, dict[str, float]]:
    wall, processor = time.perf_counter(), time.process_time()
    made = make()
    return made, {"s": round(time.perf_counter() - wall, 2), "cpu_s": round(time.process_time() - processor, 2)}


def main() -> None:
    """Train, save, load, ask; print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--encoder")
    parser.add_argument("--no-words", action="store_true")
    parser.add_argument("-C", type=float, action="append", default=[])
    options = parser.parse_args()
    encoder: SentenceEncoder = (
        Encoder.open(options.encoder) if options.encoder else FakeEncoder(features="mean@-1", hidden_size=options.width)
    )
    search = SearchOptions(n_folds=options.folds, choose_parts=not options.no_words)
    search = replace(search, Cs=tuple(options.C)) if options.C else search
    found: dict[str, object] = dict(vars(options))
    with TemporaryDirectory() as folder:
        path, saved = Path(folder) / "t.tsv", Path(folder) / "model"
        rows = texts(options.labels, options.rows)
        path.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows), "utf-8")
        dataset = read_dataset(path)
        training, took = _timed(lambda: train(dataset, encoder, options=TrainingOptions(search=search)))
        seconds = training.record.seconds
        found["train"] = {**took, "read": seconds.read}
        _, found["save"] = _timed(lambda: save_training(training, saved, encoder=encoder))
        loaded, found["load"] = _timed(lambda: load_artifact(saved))
        words = loaded.vocabulary
        left = WordsAlone() if loaded.manifest.features == "words" else encoder
        reader = left if words is None else WordedEncoder(left, words)
        _, found["ask"] = _timed(
            lambda: loaded.head.answer(loaded.head.predict_proba(reader.encode([rows[0][0]]).for_head))
        )
        found["accuracy"] = training.record.test.scores["accuracy"].value if training.record.test else None
        found["bytes"] = {file.name: file.stat().st_size for file in sorted(saved.iterdir())}
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
