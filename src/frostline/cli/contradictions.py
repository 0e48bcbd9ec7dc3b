"""Options of `frostline train` that each make sense, but not together.

In:   which of them were given.
Out:  nothing, or a `UsageError` that says what to leave out.
Not:  a value that cannot be (the options themselves, SearchOptions, RuleOptions).
"""

from collections.abc import Sequence
from pathlib import Path

from frostline.errors import UsageError
from frostline.head.finishing import PLAIN_ANSWERS, AnswerOptions


def refuse_two_tests(test_file: Path | None, *, nested: bool, is_held_out: bool) -> None:
    """Raise if more than one way to test was asked for: none of them would silently be left out.

    Raises
    ------
    UsageError
        Two or three were.
    """
    asked = {"--test": test_file is not None, "--nested": nested, "--holdout": is_held_out}
    named = [name for name, is_asked in asked.items() if is_asked]
    if len(named) > 1:
        raise UsageError(
            f"A classifier is tested in one way: {' and '.join(named)} exclude each other.",
            hint="Rows of a test file, every row in turn, or a share held out: keep one of the options.",
        )


def refuse_beside_preset(
    *, grid: str | None, C: Sequence[float], nested: bool, is_auto: bool, answers: AnswerOptions
) -> None:
    """Raise if an option contradicts the tutorial's way.

    Raises
    ------
    UsageError
        One does.
    """
    if is_auto:
        raise UsageError(
            "--preset tutorial names its features; a sweep would choose others.",
            hint="Leave --features auto out, or leave the preset out.",
        )
    if answers not in {AnswerOptions(), PLAIN_ANSWERS}:
        raise UsageError(
            "--preset tutorial takes the most probable label, its probability as it comes.",
            hint="Leave --calibrate and the thresholds out, or leave the preset out.",
        )
    if grid or C or nested:
        raise UsageError(
            "--preset tutorial already says the grid and how it is tested.",
            hint="Leave --grid, -C and --nested out, or leave the preset out.",
        )
