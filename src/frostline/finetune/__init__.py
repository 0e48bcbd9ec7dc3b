"""The encoder trained too: a plain loop above the layers that stay as they are."""

from frostline.finetune.loop import Cost, Curve, SoFar, Told, Tuned, tune
from frostline.finetune.options import FineTune

__all__ = ["Cost", "Curve", "FineTune", "SoFar", "Told", "Tuned", "tune"]
