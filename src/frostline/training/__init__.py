"""One training, whole: labelled sentences in; a head, what is known about it, and a saved artifact out."""

from frostline.training.run import Training, TrainingOptions, choose_features, train
from frostline.training.save import save_training

__all__ = ["Training", "TrainingOptions", "choose_features", "save_training", "train"]
