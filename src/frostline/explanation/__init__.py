"""Why a classifier answers as it does for one text: its pieces, what each word adds, the nearest it learned from."""

from frostline.explanation.explaining import Explanation, Nearest, explain
from frostline.explanation.leave_out import Change, LabelExplained, Together, Word

__all__ = ["Change", "Explanation", "LabelExplained", "Nearest", "Together", "Word", "explain"]
