"""What is to be said beside the numbers of an explanation, in sentences.

In:   an `Explanation`.
Out:  plain sentences, the same for the terminal and the page.
Not:  layout.
"""

from frostline.explanation.explaining import Explanation
from frostline.explanation.leave_out import LabelExplained, Together
from frostline.report.phrases import count_text, printable

HOW_TO_KEEP = (
    "The model kept no training sentences: the nearest cannot be shown. "
    "Train it with --keep-neighbours to have them in the artifact."
)


def answer_text(found: Explanation) -> str:
    """What the classifier says of the text."""
    shares = dict(found.probabilities)
    named = ", ".join(f"{printable(str(label))} ({shares[label]:.3f})" for label in found.answer)
    if found.may_have_several:
        return named or "none of the labels"
    return named or "no answer"


def remarks(found: Explanation) -> list[str]:
    """What a reader must know of this text before believing the rest."""
    said = []
    best, share = max(found.probabilities, key=lambda pair: pair[1])
    if not found.answer and found.may_have_several:
        said.append(f"No label reaches its threshold; the most probable is {printable(str(best))} ({share:.3f}).")
    elif not found.answer:
        said.append(
            f"The classifier gives no answer below a probability of {found.answer_from:.3g}; the most probable label "
            f"is {printable(str(best))} ({share:.3f})."
        )
    elif not found.may_have_several and found.answer[0] != best:
        said.append(
            f"{printable(str(best))} is more probable ({share:.3f}); the thresholds of the labels decide otherwise."
        )
    if found.is_cut:
        rest = len(found.text) - found.seen_to
        said.append(
            f"The encoder sees {found.max_length} word pieces of a text: the last {count_text(rest, 'letter')} "
            "of this one took no part."
        )
    if not found.words:
        said.append("The text has no word pieces: the probabilities are those of an empty text.")
    if found.n_tried < len(found.words):
        said.append(
            f"Of {len(found.words)} words the first {found.n_tried} were left out in turn; the others were not tried "
            "(--max-words)."
        )
    if len(found.words) == 1:
        said.append("It is the only word: left out, an empty text remains.")
    return said


def additivity(own: LabelExplained) -> str:
    """Why the changes are no sum."""
    return (
        f"One word is left out at a time, so the changes do not add up: they sum to {own.sum_of_words:+.2f}; "
        f"the whole text against an empty one makes {own.of_nothing.log_odds:+.2f}."
    )


def strongest(repeated: tuple[Together, ...]) -> list[Together]:
    """Those that change most first."""
    return sorted(repeated, key=lambda found: -abs(found.change.log_odds))


def together_text(repeated: Together) -> str:
    """A repeated word, all its places left out at once."""
    return (
        f"“{printable(repeated.text)}” stands there {len(repeated.places)} times: left out everywhere, "
        f"{repeated.change.log_odds:+.2f}."
    )
