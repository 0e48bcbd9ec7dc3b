"""Features and encoders against each other: one reading, the same folds for all, and no score reported that chose."""

from frostline.evaluate.paired import Difference, Score
from frostline.sweep.candidates import SWEEP_FEATURES, Candidate, candidates
from frostline.sweep.compare import Comparison, Contestant, Standing, compare
from frostline.sweep.cross import OutOfFold
from frostline.sweep.run import Sweep, SweepOptions, SweepTest, Trial, sweep

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
