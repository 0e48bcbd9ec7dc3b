"""Why a classifier answers as it does for one text: its word pieces, what each word adds, the nearest it learned from.

In:   a `Model` and a text.
Out:  an `Explanation`; lines on a terminal, JSON, a page of HTML.
Not:  the classifier (artifact/), the page's frame (report/).
"""

from frostline.explanation.explaining import Explanation, explain
from frostline.explanation.leave_out import Change, LabelExplained, Together
from frostline.explanation.nearest import Nearest
from frostline.explanation.splitting import Word

__all__ = ["Change", "Explanation", "LabelExplained", "Nearest", "Together", "Word", "explain"]
