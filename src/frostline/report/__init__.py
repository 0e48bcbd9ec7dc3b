"""Reports on the terminal, as a page and a card; and single values as words, for verbs that have no report."""

from frostline.errors import printable as escaped

LONGEST = 60


def printable(value: object, limit: int = LONGEST) -> str:
    """`value` as text that is only ever seen: control, format and direction characters escaped, long text cut.

    A label or a file name can hold terminal escapes, line breaks or a right-to-left override.
    """
    text = str(value)
    return escaped(text if len(text) <= limit else text[: limit - 1] + "…")


def label_name(label: object, limit: int = LONGEST) -> str:
    """A label as `printable` has it; in quotes where it begins or ends with a blank, or no eye would see that."""
    text = str(label)
    return printable(text, limit) if text == text.strip() else f"'{printable(text, limit)}'"


def count_text(n: int, one: str, many: str = "") -> str:
    """`1 row`, `2,000 rows`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def seconds_text(seconds: float) -> str:
    """`72 s`, `0.3 s`."""
    return f"{seconds:.1f} s" if seconds < 0.95 else f"{seconds:,.0f} s"
