"""A record as one HTML file that needs nothing else: no network, no scripts, no fonts.

In:   a `TrainingRecord` or an `EvaluationRecord`, and the `Examples` where there are any.
Out:  the page as a str; its frame and style are in page.html beside this file.
Not:  the parts (page_*.py), the plots (plots.py, plot_*.py), the sentences (plain_words.py, phrases.py).

What a user wrote is made safe in markup.py; the content security policy forbids scripts and any request besides.

"""

from collections.abc import Sequence
from importlib.resources import files
from string import Template

from frostline.evaluate.examples import Examples
from frostline.record import EvaluationRecord, TrainingRecord
from frostline.report import (
    page_choice,
    page_examples,
    page_facts,
    page_learning,
    page_probabilities,
    page_scores,
    page_top,
    phrases,
)
from frostline.report.markup import safe
from frostline.report.plain_words import evaluation_words, plain_words

INTERVALS = "Every interval is a 95 % interval."


def report_html(record: TrainingRecord, examples: Examples | None = None, *, quote: bool = True) -> str:
    """The report of a training: the same bytes for the same record and examples.

    Parameters
    ----------
    record : TrainingRecord
    examples : Examples, optional
        The rows tested on. Without them there is no map and no list of mistakes.
    quote : bool, default=True
        Whether texts of theirs stand in the page; else the mistakes are named by their lines.
    """
    test = record.test
    said = phrases.cautions(record)
    parts = [
        page_top.figures(test),
        page_top.in_plain_words(plain_words(record)),
        page_top.cautions([*said, *record.warnings]),
    ]
    if test is not None:
        parts += [
            page_scores.beside(test, record.baselines),
            page_scores.per_label(test),
            page_scores.confusion(test),
            page_examples.mistakes(examples, quote=quote),
            page_examples.sentence_map(examples),
        ]
    parts += [
        page_probabilities.probabilities(record.probabilities),
        page_learning.learning(record.learning),
        page_learning.advised(record),
        page_choice.features(record.choice),
        page_choice.search(record.search),
        page_choice.nested(record.nested),
        page_facts.training_facts(record),
    ]
    tested = f"tested on {phrases.source_text(record.test_source)}" if test is not None else "not tested"
    return page(
        f"A classifier trained on {phrases.printable(record.data.name)}",
        f"{len(record.labels)} labels, {record.data.n_rows:,} rows; {tested}.",
        parts,
        version=record.version,
    )


def evaluation_html(record: EvaluationRecord, examples: Examples | None = None, *, quote: bool = True) -> str:
    """The same of a saved classifier on a file."""
    parts = [
        page_top.figures(record.test),
        page_top.in_plain_words(evaluation_words(record)),
        page_top.cautions(record.warnings),
        page_scores.per_label(record.test),
        page_scores.confusion(record.test),
        page_examples.mistakes(examples, quote=quote),
        page_examples.sentence_map(examples),
        page_probabilities.probabilities(record.probabilities),
        page_facts.evaluation_facts(record),
    ]
    name = phrases.printable(record.data.name)
    return page(
        f"{phrases.printable(record.model)} on {name}",
        f"A saved classifier, tested on {phrases.count_text(record.test.n, 'text')}.",
        parts,
        version=record.version,
    )


def page(title: str, subtitle: str, parts: Sequence[str], *, version: str, note: str = INTERVALS) -> str:
    """The frame around `parts`, which are HTML already; empty ones are left out.

    Any report may be one: that of several labels per text, or of a sweep, is a list of parts of its own.
    """
    frame = Template(files("frostline.report").joinpath("page.html").read_text("utf-8"))
    return frame.substitute(
        title=safe(title),
        subtitle=safe(subtitle, 1000),
        body="\n".join(part for part in parts if part),
        footer=safe(f"Made by Frostline {version}. {note}"),
    )
