"""Hold the nested estimate to test rows: `python tools/nested_estimate.py FOLDER [SET ...] [--named] [--held-out]`.

For each set the training rows alone give a nested cross-validated accuracy with its 95 % interval, features chosen in
every outer fold as `train --features auto --nested` does (--named: the default features). The test rows, which took
part in nothing, give the accuracy of the head that the same procedure makes of all training rows; with --held-out they
are a random quarter of the training file, which is surely from the same source. Both are estimates: their difference
has an interval of its own. FOLDER holds sst2/, trec/ and sst5/ (docs/decisions/0002-default-features.md says which
files).
"""

import math
import sys
import time
from pathlib import Path

from frostline.data.options import TableOptions
from frostline.data.split import holdout
from frostline.data.tables import read_dataset
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.encoder.words import WordedEncoder
from frostline.evaluate.intervals import Estimate
from frostline.evaluate.scores import evaluate, most_probable
from frostline.store import FeatureStore, StoredEncoder
from frostline.sweep import SWEEP_FEATURES
from frostline.training import TrainingOptions, train
from frostline.training.choosing import choice_in_turn, choose_features

FILES = {
    "sst2": ("sst2/train.tsv", "sst2/test.tsv"),
    "trec": ("trec/train.csv", "trec/test.csv"),
    "sst5": ("sst5/train.tsv", "sst5/test.tsv"),
}


def told(name: str, estimate: Estimate) -> str:
    """An estimate in percent, with its interval and n."""
    low, high = estimate.interval
    return f"{name} {estimate.value:.2%} ({low:.2%} to {high:.2%}, n = {estimate.n:,})"


def compare(folder: Path, name: str, *, is_chosen: bool, is_held_out: bool) -> None:
    """Print both accuracies of one set, and whether the interval covers the real one."""
    columns = TableOptions(text="text", label="label") if name == "trec" else TableOptions()
    data, test = (read_dataset(folder / file, columns) for file in FILES[name])
    if is_held_out:
        kept, held = holdout(data.targets, test_fraction=0.25, seed=0)
        data, test = data.take(kept), data.take(held)
    store, options, begun = FeatureStore.open(), TrainingOptions(nested=True), time.perf_counter()
    swept, choose, features = None, None, DEFAULT_FEATURES
    if is_chosen:
        wide = StoredEncoder(Encoder.open(features=SWEEP_FEATURES), store)
        swept = choose_features(data, wide, options=options)
        choose = choice_in_turn(data, wide, options=options)
        features = swept.winner.candidate.features
    encoder = StoredEncoder(Encoder.open(features=features), store)
    training = train(data, encoder, options=options, swept=swept, choose=choose)
    nested = training.record.nested
    if nested is None:
        raise SystemExit("Nothing was tested in turn.")
    reader = encoder if training.vocabulary is None else WordedEncoder(encoder, training.vocabulary)
    probabilities = training.head.predict_proba(reader.encode(test.texts).for_head)
    labels = tuple(map(str, training.record.labels))
    real = evaluate(probabilities, most_probable(probabilities), test.targets_over(labels)).accuracy
    estimate = nested.evaluation.accuracy
    covers = "covers" if estimate.interval[0] <= real.value <= estimate.interval[1] else "misses"
    print(f"{name}: {features}, {time.perf_counter() - begun:.0f} s; {told('nested', estimate)}; {told('test', real)}")
    apart = real.value - estimate.value
    half = math.sqrt(sum(((each.interval[1] - each.interval[0]) / 2) ** 2 for each in (real, estimate)))
    print(f"  the nested interval {covers} the test accuracy")
    print(f"  test minus nested {100 * apart:+.2f} points ({100 * (apart - half):+.2f} to {100 * (apart + half):+.2f})")
    if nested.chosen_features:
        print(f"  chosen by the outer folds: {', '.join(nested.chosen_features)}")


def main() -> None:
    """Compare each set asked for."""
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    if not arguments:
        raise SystemExit(__doc__)
    for name in arguments[1:] or ["sst2", "trec"]:
        compare(Path(arguments[0]), name, is_chosen="--named" not in sys.argv, is_held_out="--held-out" in sys.argv)


if __name__ == "__main__":
    main()
