"""Features and encoders against each other: one reading, the same folds for all, and no score reported that chose."""

from frostline.sweep.candidates import SWEEP_FEATURES, Candidate, candidates
from frostline.sweep.compare import Comparison, Contestant, Standing, compare
from frostline.sweep.cross import OutOfFold
from frostline.sweep.results import Sweep, SweepTest, Trial
from frostline.sweep.run import SweepOptions, sweep
from frostline.sweep.scores import Difference, Score

__all__ = [
    "SWEEP_FEATURES",
    "Candidate",
    "Comparison",
    "Contestant",
    "Difference",
    "OutOfFold",
    "Score",
    "Standing",
    "Sweep",
    "SweepOptions",
    "SweepTest",
    "Trial",
    "candidates",
    "compare",
    "sweep",
]
