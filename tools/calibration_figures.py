"""How far probabilities can be trusted, and what abstaining brings: `python tools/calibration_figures.py FOLDER`.

Each set is searched, calibrated and given a rule on its training rows alone, and measured on its test rows; CR, which
has no test rows, in five folds that are tested on in turn. FOLDER is that of tools/default_features.py.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from default_features import FILES, reader, rows_of

from frostline.arrays import IntArray, Probabilities
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.errors import InputError
from frostline.evaluate.intervals import Estimate
from frostline.evaluate.probabilities import calibration_scores
from frostline.evaluate.scores import answer_scores
from frostline.head.deciding import RuleOptions
from frostline.head.fitted import AnswerOptions, fit
from frostline.head.options import SearchOptions
from frostline.head.wished import fit_rule
from frostline.targets import Targets

WANTED = 0.95


@dataclass(frozen=True)
class Split:
    """What one split gives on its test rows; `answered` are the codes of a head that abstains."""

    way: str
    before: Probabilities
    after: Probabilities
    answered: IntArray | None
    codes: IntArray


def splits_of(folder: Path, name: str) -> list[Split]:
    """Train on each split's training rows, and predict its test rows."""
    rows = rows_of(folder, name, None)
    ours = reader(DEFAULT_FEATURES).encode(rows.data.texts).rows
    targets = Targets.of_codes(rows.codes, range(int(rows.codes.max()) + 1))
    options = SearchOptions()
    found = []
    for learned, tested in rows.splits:
        calibrated = fit(ours[learned], targets.take(learned), search=options, answers=AnswerOptions())
        search, calibration = calibrated.search, calibrated.calibration
        before = search.head.predict_proba(ours[tested])
        after = calibrated.head.predict_proba(ours[tested])
        wish = RuleOptions(abstain_precision=WANTED)
        try:
            rule = fit_rule(calibration.held_out, targets.take(learned), folds=search.folds, options=wish).rule
            answered = None if rule is None else rule.codes(after)
        except InputError as error:
            print(f"{name}: {error.message}", file=sys.stderr)
            answered = None
        found.append(Split(calibration.way, before, after, answered, rows.codes[tested]))
    return found


def cell(estimate: Estimate, digits: int = 4) -> str:
    """A figure with its interval."""
    low, high = estimate.interval
    return f"{estimate.value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def line(name: str, splits: list[Split]) -> str:
    """One row of the table; the splits' test rows are measured together."""
    codes = np.concatenate([split.codes for split in splits])
    targets = Targets.of_codes(codes, range(splits[0].after.shape[1]))
    before, after = (
        calibration_scores(np.concatenate([getattr(split, side) for split in splits]), targets)
        for side in ("before", "after")
    )
    given = [split.answered for split in splits if split.answered is not None]
    cells = [name, f"{len(codes):,}", ", ".join(dict.fromkeys(split.way for split in splits))]
    for scores in (before, after):
        found = scores.reliability
        each = np.mean([own.error.value for own in scores.by_label])
        cells.append(f"{cell(found.error)}; {found.plain_error:.4f} / {found.chance:.4f}; {each:.4f}")
    cells += [cell(before.log_loss), cell(after.log_loss), f"{before.brier.value:.4f}", cell(after.brier)]
    if len(given) == len(splits):
        answers = np.concatenate(given)
        favoured = Targets.of_codes(np.maximum(answers, 0), targets.labels).members
        scored = answer_scores(favoured, answers >= 0, targets)
        cells.append(cell(scored.coverage, 3))
        cells.append("none" if scored.precision is None else cell(scored.precision, 3))
    else:
        cells += ["out of reach", "none"]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print("Calibration errors: chance taken out; plain / what chance alone shows; by label.")
    errors = "calibration error before | after"
    print(f"| set | n | way | {errors} | log loss before | after | Brier before | after | answered | right of these |")
    print("|---" * 11 + "|")
    for chosen in sys.argv[2:] or FILES:
        print(line(chosen, splits_of(Path(sys.argv[1]), chosen)), flush=True)
