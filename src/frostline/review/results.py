"""What a review found, for every report and for the file of fixes."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from frostline.data.dataset import Dataset
from frostline.errors import shown
from frostline.targets import Names

if TYPE_CHECKING:
    from frostline.data.fixes import FixRow

Kind: TypeAlias = Literal["exact", "near"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NearText:
    """A text near another one: where it stands, its label or labels, and the cosine between the two."""

    line: int
    label: Names
    text: str
    cosine: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WrongLabel:
    """A text whose label is probably wrong."""

    # `rows`, `lines`: Where it stands with that label; several if it is repeated.
    rows: tuple[int, ...]
    lines: tuple[int, ...]
    text: str
    label: str
    suggested: str
    # `probability`, `probability_suggested`: Of the given and the suggested label, by heads that did not see the text.
    probability: float
    probability_suggested: float
    # `votes`, `votes_suggested`: Of the nearest texts, weighted by nearness: the share that has the given and the
    # suggested label.
    votes: float
    votes_suggested: float
    # 1 less the given label's share of what heads and nearest texts say together; the list is ordered by it.
    score: float
    near: tuple[NearText, ...]  # The nearest texts with the suggested label


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtfulLabel:
    """Where texts have several labels: one that a text probably lacks, or has though it should not."""

    # `rows`, `lines`: Where the text stands with these labels; several if it is repeated.
    rows: tuple[int, ...]
    lines: tuple[int, ...]
    text: str
    label: str
    is_given: bool  # Whether the text has the label, which then is probably wrong; else it is probably missing
    labels: tuple[str, ...]  # All that the text has
    probability: float  # Of the label, by heads that did not see the text
    votes: float  # Of the nearest texts, weighted by nearness: the share that has the label
    # How probably the label is missing or wrong, by the heads and by the text's other labels; the list is ordered by
    # it.
    score: float
    # The nearest texts that have the label where it is missing, that lack it where it is given.
    near: tuple[NearText, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """Rows with the same text, or nearly the same."""

    kind: Kind
    rows: tuple[int, ...]
    lines: tuple[int, ...]
    labels: tuple[Names, ...]  # tuple of str, or of tuples of str: One per row, or one set per row
    texts: tuple[str, ...]  # One per row; of an exact group each spelling
    # str or tuple of str: For rows that contradict each other: the label that the head and the neighbours give, or the
    # likeliest of the sets; an empty string if they cannot say.
    suggested: Names = ""
    cosine: float = 1.0

    @property
    def is_conflict(self) -> bool:
        """Whether the labels differ."""
        return len(set(self.labels)) > 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Leaked:
    """A test row that is, to the letter or nearly, also among the rows reviewed (at `lines`)."""

    kind: Kind
    test_line: int
    test_label: Names
    test_text: str
    rows: tuple[int, ...]
    lines: tuple[int, ...]
    label: Names
    text: str
    cosine: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outlier:
    """A text unlike all others: its mean cosine distance to the nearest, and how many deviations that is too far."""

    rows: tuple[int, ...]
    lines: tuple[int, ...]
    label: Names
    text: str
    score: float
    deviations: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A text of the pool to label next: what the head takes it for, how probable that is, and how unsure it is.

    Of several labels per text: the label that the head is least sure of.
    """

    line: int
    text: str
    label: str
    probability: float
    uncertainty: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSummary:
    """How the labels were checked."""

    n_checked: int  # Distinct texts (a text with two labels counts twice) whose labels could be checked
    n_flagged: int  # By the confident joint
    chosen_C: float  # noqa: N815 - C is its name everywhere
    n_folds: int
    n_foldings: int
    n_neighbours: int
    pairs: tuple[tuple[str, str, int], ...]  # The commonest confusions among the flagged, most frequent first


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CellSummary:
    """How labels were checked that don't exclude each other."""

    # `n_checked`, `n_labels`: Distinct texts (a text with two sets of labels counts twice), and labels that could be
    # checked.
    n_checked: int
    n_labels: int
    n_flagged: int  # Labels missing or wrong, a fifth more than are expected
    # `added`, `removed`: Estimated shares: of labels given among those that should not be, of labels lacking among
    # those that should be.
    added: float
    removed: float
    # n_labels
    chosen_C: tuple[float, ...]  # noqa: N815 - C is its name everywhere
    n_folds: int
    n_foldings: int
    n_neighbours: int
    by_label: tuple[tuple[str, int, int], ...]  # Among the flagged, the label most often concerned first


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSummary:
    """What became of the pool: texts in it, those in FILE already, repeats of others; the rest was asked about."""

    name: str
    n_texts: int
    n_known: int
    n_repeats: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What was found."""

    # `n_rows`, `n_distinct`: Rows reviewed, and different texts among them, copies counting as one.
    n_rows: int
    n_distinct: int
    labels: LabelSummary | CellSummary | None  # None: they could not be checked (`notes` say why)
    wrong: tuple[WrongLabel, ...]
    # Where texts have several labels: what is found of them, in place of `wrong`. None: they have one.
    doubtful: tuple[DoubtfulLabel, ...] | None = None
    repeated: tuple[Repeated, ...]  # Exact ones first
    n_test: int | None  # Test rows; None without a test file
    leaked: tuple[Leaked, ...]
    outliers: tuple[Outlier, ...]
    pool: PoolSummary | None
    wanted: tuple[Wanted, ...]
    n_read: int  # Distinct texts that the encoder read for this; the rest were kept from before
    # `seconds_read`, `seconds`: The time to get the rows of features, and that of everything.
    seconds_read: float
    seconds: float
    notes: tuple[str, ...]  # What could not be done, and why

    @property
    def conflicts(self) -> tuple[Repeated, ...]:
        """Texts that stand there with two labels, or two sets of labels."""
        return tuple(group for group in self.repeated if group.kind == "exact" and group.is_conflict)

    @property
    def exact(self) -> tuple[Repeated, ...]:
        """Texts that stand there more than once, with one label."""
        return tuple(group for group in self.repeated if group.kind == "exact" and not group.is_conflict)

    @property
    def near(self) -> tuple[Repeated, ...]:
        """Texts that stand there nearly the same more than once."""
        return tuple(group for group in self.repeated if group.kind == "near")


Advice = Literal["drop", "relabel", "add", "remove", "look"]
SURE = 0.9
_WEIGHT: dict[str, int] = {"drop": 2, "relabel": 1, "add": 1, "remove": 1, "look": 0}


def fix_rows(review: Review, dataset: Dataset, *, take_advice: bool = False) -> "Iterator[FixRow]":
    """The rows to look at; where texts have several labels, a row of its own for each label in doubt.

    Parameters
    ----------
    dataset : Dataset
        The file that was reviewed.
    take_advice : bool
        The action is the advice, unless that is to look; otherwise it is to keep, whatever the advice.
    """
    from frostline.data.fixes import FixRow  # noqa: PLC0415 - a training asks for doubts alone

    by_label: defaultdict[tuple[int, str], list[_Reason]] = defaultdict(list)
    for reason in _reasons(review):
        by_label[reason.row, reason.label].append(reason)
    names = dataset.names
    for (row, label), reasons in sorted(
        by_label.items(), key=lambda item: (-max(reason.score for reason in item[1]), *item[0])
    ):
        advice = max((reason.advice for reason in reasons), key=_WEIGHT.__getitem__)
        name = names[row]
        yield FixRow(
            action=advice if take_advice and advice != "look" else "keep",
            advice=advice,
            line=dataset.lines[row],
            label=name if isinstance(name, str) else label,
            suggested=next((reason.suggested for reason in reasons if reason.suggested), ""),
            score=max(reason.score for reason in reasons),
            reason="; ".join(reason.words for reason in reasons),
            text=dataset.texts[row],
        )


def why_wrong(wrong: WrongLabel) -> str:
    """Why a label is probably wrong, in a sentence."""
    given, other = shown(wrong.label, 40), shown(wrong.suggested, 40)
    words = (
        f"the label {other} looks likelier: heads that did not see the text give {given} {_share(wrong.probability)} "
        f"and {other} {_share(wrong.probability_suggested)}; "
        f"of the nearest texts {_share(wrong.votes_suggested)} are {other}"
    )
    if wrong.near:
        nearest = wrong.near[0]
        words += f", such as line {nearest.line}: {shown(nearest.text, 80)}"
    return words


def why_doubtful(doubtful: DoubtfulLabel) -> str:
    """Why a label is probably missing or wrong, in a sentence."""
    label = shown(doubtful.label, 40)
    against, lack = ("against it", "lack it") if doubtful.is_given else ("for it", "have it")
    heads, votes = doubtful.probability, doubtful.votes
    if doubtful.is_given:  # as the verdict's own share: the more, the more probably wrong
        heads, votes = 1 - heads, 1 - votes
    words = (
        f"{verdict_on(doubtful, label)}; heads that did not see the text are {_share(heads)} {against}, "
        f"{_share(votes)} of the nearest texts {lack}"
    )
    if not doubtful.is_given:
        words += f"; the text has {named(doubtful.labels)}"
    elif len(doubtful.labels) > 1:
        words += f"; the text also has {named([other for other in doubtful.labels if other != doubtful.label])}"
    if doubtful.near:
        nearest = doubtful.near[0]
        has = "without it" if doubtful.is_given else "with it"
        words += f"; near and {has} is line {nearest.line}: {shown(nearest.text, 80)}"
    return words


def verdict_on(doubtful: DoubtfulLabel, label: str) -> str:
    """What is said of the label, as `label` names it, and how probably it is wrong or missing.

    It begins with a word, not with the label's quotation mark, which spreadsheets take for a sign of theirs.
    """
    is_likely = doubtful.score >= 0.5
    if doubtful.is_given:
        return f"the label {label} is {'probably' if is_likely else 'perhaps'} wrong ({_share(doubtful.score)})"
    return f"has no {label}; {'likely' if is_likely else 'perhaps'} missing ({_share(doubtful.score)})"


def named(names: Names | Sequence[str]) -> str:
    """A label, or a set of labels, in quotes."""
    if isinstance(names, str):
        return shown(names, 40)
    return ", ".join(shown(label, 40) for label in names) or "no label"


@final
@dataclass(frozen=True, slots=True)
class _Reason:
    """Why to look at a row, what to do, how sure that is, and the label to give it if there is a better one.

    `label` is the one in doubt where there are several; empty: it is about the whole row.
    """

    row: int
    advice: Advice
    score: float
    words: str
    suggested: str = ""
    label: str = ""


def _reasons(review: Review) -> Iterator[_Reason]:
    """The weightiest suggestion of a label first."""
    for group in review.conflicts:
        yield from _conflict(group)
    yield from _label_reasons(review)
    for group in review.exact:
        aside = "" if len(group.texts) == 1 else " but for case, blanks and punctuation,"
        advice: Advice = "look" if aside else "drop"  # of two spellings a person chooses
        words = f"the same text,{aside} with the same label, as line {group.lines[0]}"
        for row in group.rows[1:]:
            yield _Reason(row, advice, 1.0, words)
    for leak in review.leaked:
        yield from _leak(leak)
    for group in review.near:
        yield from _near(group)
    for outlier in review.outliers:
        words = f"unlike all other texts ({outlier.deviations:.1f} robust deviations farther from its nearest)"
        for row in outlier.rows:
            yield _Reason(row, "look", min(1.0, outlier.score), words)


def _label_reasons(review: Review) -> Iterator[_Reason]:
    """Labels that are probably wrong or missing."""
    for wrong in review.wrong:
        for row in wrong.rows:
            advice: Advice = "relabel" if wrong.score >= SURE else "look"
            yield _Reason(row, advice, wrong.score, why_wrong(wrong), suggested=wrong.suggested)
    for doubtful in review.doubtful or ():
        change: Advice = "remove" if doubtful.is_given else "add"
        for row in doubtful.rows:
            advice = change if doubtful.score >= SURE else "look"
            yield _Reason(row, advice, doubtful.score, why_doubtful(doubtful), label=doubtful.label)


def _leak(leak: Leaked) -> Iterator[_Reason]:
    """What is in the test file, to the letter, must not be learned."""
    is_same = leak.kind == "exact"
    words = "the same text as" if is_same else f"nearly the text (cosine {leak.cosine:.2f}) of"
    for row in leak.rows:
        yield _Reason(
            row, "drop" if is_same else "look", leak.cosine, f"{words} line {leak.test_line} of the test file"
        )


def _near(group: Repeated) -> Iterator[_Reason]:
    """All but the first of a group; more pressing where their labels differ."""
    words = f"nearly the text of line {group.lines[0]} (cosine {group.cosine:.2f} or more)"
    if group.is_conflict:
        words += f", with labels {_differing(group)}"
    for row in group.rows[1:]:
        yield _Reason(row, "look", 0.9 if group.is_conflict else 0.5, words)


def _conflict(group: Repeated) -> Iterator[_Reason]:
    """Every row of a text with two labels; those that have the likelier one are only to be looked at."""
    same = "the same text" + ("" if len(group.texts) == 1 else ", but for case, blanks and punctuation,")
    for row, label in zip(group.rows, group.labels, strict=True):
        others = [
            f"line {line} ({named(other)})"
            for line, other in zip(group.lines, group.labels, strict=True)
            if other != label
        ]
        listed = ", ".join(others[:5]) + (", …" if len(others) > 5 else "")
        if isinstance(label, str):
            is_other = bool(group.suggested) and group.suggested != label
            suggested = str(group.suggested) if is_other else ""
            words = f"{same} with another label in {listed}"
            yield _Reason(row, "relabel" if is_other else "look", 1.0, words, suggested=suggested)
        else:
            yield from _set_conflict(row, label, group.suggested, f"{same} with other labels in {listed}")


def _set_conflict(row: int, given: tuple[str, ...], suggested: Names, words: str) -> Iterator[_Reason]:
    """The labels to add and to remove until the row has the likeliest of the sets."""
    if isinstance(suggested, str) or suggested == given:
        yield _Reason(row, "look", 1.0, words)
        return
    for label in sorted({*given, *suggested}):
        if label not in given:
            yield _Reason(row, "add", 1.0, words, label=label)
        elif label not in suggested:
            yield _Reason(row, "remove", 1.0, words, label=label)


def _differing(group: Repeated) -> str:
    """The labels of a group, each once; sets of several labels are parted from each other by bars."""
    sets = sorted(set(group.labels))
    return (", " if isinstance(sets[0], str) else " | ").join(map(named, sets))


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"
