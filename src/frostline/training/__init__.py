"""One training, whole: labelled sentences in; a head, what is known about it, and a saved artifact out."""

from frostline.training.options import Progress, TrainingOptions, training_progress
from frostline.training.run import Training, train
from frostline.training.save import refuse_neighbours, save_training

__all__ = [
    "Progress",
    "Training",
    "TrainingOptions",
    "refuse_neighbours",
    "save_training",
    "train",
    "training_progress",
]
