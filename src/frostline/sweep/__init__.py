"""Features and encoders against each other: one reading, the same folds for all, and no score reported that chose."""

from frostline.encoder.features import SWEEP_FEATURES
from frostline.sweep.candidates import candidates
from frostline.sweep.run import Sweep, SweepOptions, SweepTest, Trial, sweep

__all__ = ["SWEEP_FEATURES", "Sweep", "SweepOptions", "SweepTest", "Trial", "candidates", "sweep"]
