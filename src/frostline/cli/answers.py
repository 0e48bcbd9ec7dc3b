"""The options that say how decisions become probabilities, and probabilities answers."""

import functools
from collections.abc import Callable
from typing import Any, Literal

import click

from frostline.head.deciding import RuleOptions, parsed_wish
from frostline.head.finishing import AnswerOptions
from frostline.head.fitting import Calibrate


def answer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as `answers: AnswerOptions`."""

    @click.option(
        "--calibrate",
        type=click.Choice(["auto", "none", "temperature", "isotonic"]),
        default="auto",
        show_default=True,
        help="Make probabilities mean what they say, by held-out rows; auto: what loses least log loss there.",
    )
    @click.option(
        "--abstain-precision",
        type=float,
        metavar="SHARE",
        help="Answer only where so sure that this share of the answers is right, as 0.95; predict then leaves the "
        "other texts unanswered.",
    )
    @click.option(
        "--threshold-for",
        metavar="precision|recall=SHARE",
        help="Take one label from where on it reaches this precision, or this recall: precision=0.9.",
    )
    @click.option("--threshold-label", metavar="LABEL", help="That label.  [default: the second of two]")
    @click.option("--thresholds", type=click.Choice(["f1"]), help="A threshold per label, for the highest macro F1.")
    @functools.wraps(command)
    def gathered(
        *,
        calibrate: Calibrate,
        abstain_precision: float | None,
        threshold_for: str | None,
        threshold_label: str | None,
        thresholds: Literal["f1"] | None,
        **others: Any,
    ) -> Any:
        rule = RuleOptions(
            abstain_precision=abstain_precision,
            threshold_for=None if threshold_for is None else parsed_wish(threshold_for),
            threshold_label=threshold_label,
            thresholds=thresholds,
        )
        return command(answers=AnswerOptions(calibrate=calibrate, rule=rule), **others)

    return gathered
