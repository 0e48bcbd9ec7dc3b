"""A review as one JSON object, for programs: every row that was found, by line.

In:   a `Review`.
Out:  nested dicts and lists.
Not:  writing it out. Each key: docs/formats/fixes.md.
"""

from frostline.report.document_types import JSON
from frostline.report.plain_json import as_json
from frostline.review.results import Review

FORMAT = 1

_INNER = frozenset({"rows"})  # row numbers mean nothing outside: lines do


def as_review_document(review: Review) -> dict[str, JSON]:
    """What `frostline review --json` prints."""
    return {
        "format": FORMAT,
        "n_rows": review.n_rows,
        "n_distinct": review.n_distinct,
        "labels": as_json(review.labels),
        "wrong": as_json(review.wrong, without=_INNER),
        "conflicts": as_json(review.conflicts, without=_INNER),
        "repeated": as_json(review.exact, without=_INNER),
        "near": as_json(review.near, without=_INNER),
        "n_test": review.n_test,
        "leaked": as_json(review.leaked, without=_INNER),
        "outliers": as_json(review.outliers, without=_INNER),
        "pool": as_json(review.pool),
        "wanted": as_json(review.wanted, without=_INNER),
        "n_read": review.n_read,
        "seconds": {"read": review.seconds_read, "total": review.seconds},
        "notes": as_json(review.notes),
    }
