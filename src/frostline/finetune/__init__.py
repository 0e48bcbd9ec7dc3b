"""The encoder trained too: a plain loop above the layers that stay as they are."""

from frostline.finetune.loop import Cost, Curve, Tuned, tune
from frostline.finetune.options import FineTune

__all__ = ["Cost", "Curve", "FineTune", "Tuned", "tune"]
