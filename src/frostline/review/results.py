"""What a review found, for every report and for the file of fixes.

In:   nothing.
Out:  a `Review`, its rows named by their lines.
Not:  finding it (run.py), showing it (report/review_*.py).
"""

from dataclasses import dataclass
from typing import final

from frostline.review.duplicates import Kind


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NearText:
    """A text near another one: where it stands, its label, and the cosine between the two."""

    line: int
    label: str
    text: str
    cosine: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WrongLabel:
    """A text whose label is probably wrong.

    Parameters
    ----------
    rows, lines : tuple of int
        Where it stands with that label; several if it is repeated.
    text, label, suggested : str
    probability, probability_suggested : float
        Of the given and the suggested label, by heads that did not see the text.
    votes, votes_suggested : float
        Of the nearest texts, weighted by nearness: the share that has the given and the suggested label.
    score : float
        1 less the given label's share of what heads and nearest texts say together; the list is ordered by it.
    near : tuple of NearText
        The nearest texts with the suggested label.
    """

    rows: tuple[int, ...]
    lines: tuple[int, ...]
    text: str
    label: str
    suggested: str
    probability: float
    probability_suggested: float
    votes: float
    votes_suggested: float
    score: float
    near: tuple[NearText, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """Rows with the same text, or nearly the same.

    Parameters
    ----------
    kind : {"exact", "near"}
    rows, lines : tuple of int
    labels, texts : tuple of str
        One per row; of an exact group, one text.
    suggested : str
        For rows that contradict each other: the label that the head and the neighbours give; empty if they cannot say.
    cosine : float
    """

    kind: Kind
    rows: tuple[int, ...]
    lines: tuple[int, ...]
    labels: tuple[str, ...]
    texts: tuple[str, ...]
    suggested: str = ""
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
    test_label: str
    test_text: str
    rows: tuple[int, ...]
    lines: tuple[int, ...]
    label: str
    text: str
    cosine: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outlier:
    """A text unlike all others: its mean cosine distance to the nearest, and how many deviations that is too far."""

    rows: tuple[int, ...]
    lines: tuple[int, ...]
    label: str
    text: str
    score: float
    deviations: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A text of the pool to label next: what the head takes it for, how probable that is, and how unsure it is."""

    line: int
    text: str
    label: str
    probability: float
    uncertainty: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSummary:
    """How the labels were checked.

    Parameters
    ----------
    n_checked : int
        Distinct texts (a text with two labels counts twice) whose labels could be checked.
    n_flagged : int
        By the confident joint.
    chosen_C : float
    n_folds, n_foldings, n_neighbours : int
    pairs : tuple of (given, suggested, count)
        The commonest confusions among the flagged, most frequent first.
    """

    n_checked: int
    n_flagged: int
    chosen_C: float  # noqa: N815 - C is its name everywhere
    n_folds: int
    n_foldings: int
    n_neighbours: int
    pairs: tuple[tuple[str, str, int], ...]


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
    """What was found.

    Parameters
    ----------
    n_rows, n_distinct : int
        Rows reviewed, and different texts among them.
    labels : LabelSummary or None
        None: they could not be checked (`notes` say why).
    wrong : tuple of WrongLabel
    repeated : tuple of Repeated
        Exact ones first.
    n_test : int or None
        Test rows; None without a test file.
    leaked : tuple of Leaked
    outliers : tuple of Outlier
    pool : PoolSummary or None
    wanted : tuple of Wanted
    n_read : int
        Distinct texts that the encoder read for this; the rest were kept from before.
    seconds_read, seconds : float
        The time to get the rows of features, and that of everything.
    notes : tuple of str
        What could not be done, and why.
    """

    n_rows: int
    n_distinct: int
    labels: LabelSummary | None
    wrong: tuple[WrongLabel, ...]
    repeated: tuple[Repeated, ...]
    n_test: int | None
    leaked: tuple[Leaked, ...]
    outliers: tuple[Outlier, ...]
    pool: PoolSummary | None
    wanted: tuple[Wanted, ...]
    n_read: int
    seconds_read: float
    seconds: float
    notes: tuple[str, ...]

    @property
    def conflicts(self) -> tuple[Repeated, ...]:
        """Texts that stand there with two labels."""
        return tuple(group for group in self.repeated if group.kind == "exact" and group.is_conflict)

    @property
    def exact(self) -> tuple[Repeated, ...]:
        """Texts that stand there more than once, with one label."""
        return tuple(group for group in self.repeated if group.kind == "exact" and not group.is_conflict)

    @property
    def near(self) -> tuple[Repeated, ...]:
        """Texts that stand there nearly the same more than once."""
        return tuple(group for group in self.repeated if group.kind == "near")
