"""A record on the terminal in a dozen lines: what was learned, how good it is, the worst thing first, one command.

All else has `terminal.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from frostline.advice import Advice, ranked
from frostline.evaluate.baselines import MAJORITY, WORDS, WORDS_EACH, Baseline
from frostline.evaluate.intervals import Estimate
from frostline.evaluate.scores import Evaluation
from frostline.record import EvaluationRecord, TrainingRecord
from frostline.report import label_name, phrases, plain, printable
from frostline.report.lines import say, warn

MOST_LINES = 14
"""Of a terminal, without the one that says where it is saved: what is left out for want of room has `--details`."""

MOST_WARNINGS = 3
NOT_COMPARED = "not beside word counting: too few different texts to learn from by folds"
_WEAKEST = 2


def print_brief(record: TrainingRecord, console: Console, *, command: str = "") -> None:
    """A training in a dozen lines.

    Parameters
    ----------
    command : str
        The line that does what `next_advice` advises; empty where none does.
    """
    for number, layout in enumerate(_LAYOUTS, start=1):
        with console.capture() as found:
            _print(record, console, layout, command=command)
        if number == len(_LAYOUTS) or found.get().count("\n") <= MOST_LINES:
            break
    _print(record, console, layout, command=command)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """What there is room for."""

    n_warnings: int = 1
    has_gap: bool = False
    is_whole: bool = False  # The warning in full, not its first sentence, and how many more in a line of its own
    has_words: bool = True  # Whether words were kept
    has_trust: bool = True  # How far the percentages are off


_LAYOUTS = (
    *(_Layout(n_warnings=n, has_gap=True, is_whole=True) for n in range(MOST_WARNINGS, 0, -1)),
    _Layout(is_whole=True),
    _Layout(),
    _Layout(has_trust=False),
    _Layout(has_trust=False, has_words=False),
)


def _print(record: TrainingRecord, console: Console, layout: _Layout, *, command: str) -> None:
    for line in phrases.columns_text(record.data):
        say(console, line)
    say(console, _rows_text(record))
    if record.parts is not None and layout.has_words:
        say(console, f"Words {phrases.parts_text(record.parts, is_brief=True)}.")
    if layout.has_gap:
        console.print()
    say(console, " ".join(plain.brief_words(record, has_trust=layout.has_trust)))
    if record.test is not None:
        beside = [one for one in record.baselines if one.name in {WORDS, WORDS_EACH}]
        _scores(console, record.test, beside)
        _weakest(console, record.test)
    if record.cascade is not None:
        say(console, " ".join(plain.cascade_text(record.cascade)))
    _warnings(console, _unsaid(record), layout)
    print_next(console, plain.next_step(record), command)


def _unsaid(record: TrainingRecord) -> list[str]:
    """The warnings but for what the paragraph says of near copies."""
    is_said = bool(plain.near_text(record.test_source))
    return [said for said in record.warnings if not (is_said and phrases.is_of_near_copies(said))]


def print_brief_evaluation(record: EvaluationRecord, console: Console, *, command: str = "") -> None:
    """A saved classifier on a file, in a dozen lines; `command` as for a training."""
    for line in phrases.columns_text(record.data):
        say(console, line)
    is_of_new = record.source is None or record.source.is_of_new
    tested = f"{printable(record.model)} on {phrases.data_text(record.data)}"
    say(console, f"{tested}; tested on {record.test.n:,}" if is_of_new else tested)
    console.print()
    say(console, " ".join(plain.brief_evaluation_words(record)))
    if is_of_new:
        beside = [one for one in record.baselines if one.name in {MAJORITY, WORDS, WORDS_EACH}]
        _scores(console, record.test, beside)
        note = "learned from this file itself, by folds" if beside else NOT_COMPARED
        say(console, f"                 {note}", style="dim")
        _weakest(console, record.test)
    if record.cascade is not None:
        say(console, " ".join(plain.cascade_text(record.cascade)))
    _warnings(console, record.warnings, _LAYOUTS[0])
    print_next(console, plain.next_step_of(record), command)


def next_advice(record: TrainingRecord) -> Advice | None:
    """What to do now; None where no figure advises anything."""
    return next(iter(ranked(record)), None)


def print_next(console: Console, sentence: str, command: str) -> None:
    """What to do now, and the line that does it, whole; the sentence then need not say the command too."""
    say(console, plain.before_command(sentence) if command else sentence, style="bold green")
    if command:
        console.print(Text(f"    {_on_lines(command, console)}"), soft_wrap=True)


def _on_lines(command: str, console: Console) -> str:
    """A command that a terminal would part within a word, on several lines of a shell; piped it stays on one."""
    room = console.width - 6
    if not console.is_terminal or cell_len(command) <= room + 2 or _QUOTES.search(command):
        return command
    lines = [""]
    for part in command.split(" --"):
        word = f"{lines[-1]} --{part}" if lines[-1] else part
        if lines[-1] and cell_len(word) > room:
            lines.append(f"    --{part}")
        else:
            lines[-1] = word
    return " \\\n    ".join(lines)


_QUOTES = re.compile(r"['\"\\…]")


def _rows_text(record: TrainingRecord) -> str:
    """The rows of the file, learned from and held out."""
    said = f"{phrases.data_text(record.data)}; learned from {record.n_trained:,}"
    if record.test is None:
        return said
    kind = None if record.test_source is None else record.test_source.kind
    if kind is not None and kind.endswith("hold-out"):
        return f"{said}, {record.test.n:,} held out"
    how = phrases.source_text(record.test_source, record.data.kind)
    return f"{said}, tested on {record.test.n:,}: {how}"


def _scores(console: Console, test: Evaluation, beside: Sequence[Baseline]) -> None:
    """The headline beside simpler ways, with the lead over word counting: a line each, which folds where it must."""
    name = phrases.headline_of(test.scores)
    say(console, f"this classifier  {phrases.SCORES[name]} {_share(test.scores[name])}")
    for one in beside:
        if one.name == MAJORITY:
            say(console, f"commonest label  {_share(one.scores[name])}")
            continue
        lead = phrases.lead_of(one)
        say(
            console,
            f"counting words   {_share(one.scores[name])}: lead {phrases.lead_text(lead)}, {phrases.chance(lead)}",
        )


def _share(estimate: Estimate) -> str:
    return f"{phrases.percent(estimate.value)} % ({phrases.percent_range(estimate.interval)})"


def _weakest(console: Console, test: Evaluation) -> None:
    """The labels with the lowest F1."""
    known = [(score.f1, score.label) for score in test.per_label if score.f1 is not None]
    if len(known) < 2 or min(score.value for score, _ in known) == 1.0:
        return
    weakest = sorted(known, key=lambda pair: pair[0].value)[: 1 if len(known) == 2 else _WEAKEST]
    for longest in (24, 16, 10):  # no interval is parted by the end of a line
        named = ", ".join(f"{label_name(label, longest)}: {phrases.estimate_text(f1)}" for f1, label in weakest)
        if cell_len(named) <= console.width - _BEFORE_WEAKEST:
            break
    say(console, f"weakest by F1 %  {named}")


def _warnings(console: Console, warnings: Sequence[str], layout: _Layout) -> None:
    more = f"{len(warnings) - layout.n_warnings} more: --details" if len(warnings) > layout.n_warnings else ""
    for caution in warnings[: layout.n_warnings]:
        warn(console, caution if layout.is_whole else _in_short(caution, more, room=console.width - 4))
    if more and layout.is_whole:
        say(console, f"and {more}", style="yellow")


def _in_short(caution: str, more: str, *, room: int) -> str:
    """The first sentence of a warning and how many more there are; without what is in brackets, for want of room."""
    first = caution.partition(". ")[0].rstrip(".")
    end = f". ({more})" if more else "."
    return f"{first if len(first + end) <= room else _BRACKETS.sub('', first)}{end}"


_BEFORE_WEAKEST = len("  weakest by F1 %  ")
_BRACKETS = re.compile(r" \([^()]*\)")
