"""The encoder trained too: a plain loop above the layers that stay as they are."""

from frostline.finetune.loop import Curve, Tuned, tune
from frostline.finetune.options import FineTune

__all__ = ["Curve", "FineTune", "Tuned", "tune"]
