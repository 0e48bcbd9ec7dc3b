"""A record as one HTML file that needs nothing else: no network, no scripts, no fonts.

The frame and its style are in page.html beside this file. What a user wrote is made safe in markup.py; the content
security policy forbids scripts and any request besides. Each section stands where the record holds what it shows.
"""

from collections.abc import Sequence
from importlib.resources import files
from string import Template

from frostline.advice import curve_measure
from frostline.encoder.words import WORDS_ALONE
from frostline.evaluate.examples import Examples
from frostline.record import DataRecord, EvaluationRecord, FeaturesRecord, TrainingRecord
from frostline.report import count_text, phrases, printable
from frostline.report.markup import paragraphs, safe, section, whole_options, whole_ranges
from frostline.report.phrases import WORDING
from frostline.report.plain import before_command, evaluation_words, plain_words
from frostline.report.sections import (
    advised,
    beside,
    cascaded,
    confusion,
    features,
    figures,
    learning,
    mistakes,
    nested,
    per_label,
    probabilities,
    search,
    sentence_map,
    tuned,
    unlike,
)

INTERVALS = "Every interval is a 95 % interval."


def report_html(
    record: TrainingRecord,
    examples: Examples | None = None,
    *,
    quote: bool = True,
    made: str = "",
    command: str = "",
) -> str:
    """The report of a training: the same bytes for the same record and examples.

    Parameters
    ----------
    examples : Examples, optional
        The rows tested on. Without them there is no map and no list of mistakes.
    quote : bool, default=True
        Whether texts of theirs stand in the page; else the mistakes are named by their lines.
    made : str
        When and by which command, for its end.
    command : str
        The line that does what is to be done next; empty where none does.
    """
    test = record.test
    parts = [
        paragraphs(phrases.columns_text(record.data), kind="quiet"),
        section("What does better", paragraphs(phrases.ahead_text(record)), kind="caution"),
        figures(test),
        in_plain_words(plain_words(record), command),
        cautions(record.warnings),
    ]
    if test is not None:
        parts += [
            beside(test, record.baselines, record.at_half),
            tuned(record.tuning),
            per_label(test, record.search, record.decision),
            confusion(test),
            mistakes(examples, of_sets=test.confusion is None, quote=quote),
            sentence_map(examples),
        ]
    parts += [
        probabilities(record.probabilities, of_sets=test is not None and test.confusion is None),
        unlike(record.unlike),
        cascaded(record.cascade),
        learning(record.learning, curve_measure(record)),
        advised(record),
        features(record.choice),
        search(record.search),
        nested(record.nested),
        training_facts(record),
    ]
    tested = f"tested on {phrases.source_text(record.test_source, record.data.kind)}" if test else "not tested"
    labels, rows = WORDING[record.data.kind].title.format(n=len(record.labels)), f"{record.data.n_rows:,} rows"
    return page(
        f"A classifier trained on {printable(record.data.name)}",
        f"{labels}{'; ' if ',' in labels else ', '}{rows}; {tested}.",
        parts,
        version=f"{record.version}, {made}" if made else record.version,
    )


def evaluation_html(
    record: EvaluationRecord,
    examples: Examples | None = None,
    *,
    quote: bool = True,
    made: str = "",
    command: str = "",
) -> str:
    """The same of a saved classifier on a file."""
    parts = [
        paragraphs(phrases.columns_text(record.data), kind="quiet"),
        figures(record.test if record.source is None or record.source.is_of_new else None),
        in_plain_words(evaluation_words(record), command),
        cautions(record.warnings),
        beside(record.test, record.baselines),
        per_label(record.test),
        confusion(record.test),
        mistakes(examples, of_sets=record.test.confusion is None, quote=quote),
        sentence_map(examples),
        probabilities(record.probabilities, of_sets=record.test.confusion is None),
        unlike(record.unlike),
        cascaded(record.cascade),
        evaluation_facts(record),
    ]
    of = WORDING[record.data.kind].saved.format(n=len(record.test.labels))
    return page(
        f"The classifier {printable(record.model)} on {printable(record.data.name)}",
        f"A classifier{of} tested on {count_text(record.test.n, 'text')}.",
        parts,
        version=f"{record.version}, {made}" if made else record.version,
    )


def page(title: str, subtitle: str, parts: Sequence[str], *, version: str, note: str = INTERVALS) -> str:
    """The frame around `parts`, which are HTML already; empty ones are left out."""
    frame = Template(files("frostline.report").joinpath("page.html").read_text("utf-8"))
    return frame.substitute(
        title=safe(title),
        subtitle=safe(subtitle, 1000),
        body="\n".join(part for part in parts if part),
        footer=whole_options(safe(f"Made by Frostline {version}. {note}", 2000)),
    )


def in_plain_words(sentences: Sequence[str], command: str = "") -> str:
    """One paragraph; what begins with `Next:` stands by itself, being what one does, with the line that does it."""
    said = [sentence for sentence in sentences if not sentence.startswith("Next:")]
    steps = [sentence for sentence in sentences if sentence.startswith("Next:")]
    inner = f'<p class="lead">{whole_ranges(safe(" ".join(said), 4000))}</p>' if said else ""
    if not command:
        return section("In plain words", inner + paragraphs(steps, kind="next"))
    lines = "".join(f"<p>{whole_ranges(safe(before_command(step), 2000))}</p>" for step in steps)
    return section(
        "In plain words", f'{inner}<div class="next">{lines}<code>{whole_options(safe(command, 4000))}</code></div>'
    )


def cautions(found: Sequence[str]) -> str:
    """Warnings, if there are any."""
    items = "".join(f"<li>{whole_ranges(safe(warning, 1000))}</li>" for warning in found)
    return section("To be careful about", f"<ul>{items}</ul>" if items else "", kind="caution")


_LABELS = 40


def training_facts(record: TrainingRecord) -> str:
    """Of a training."""
    encoder, machine = record.encoder, record.machine
    return _listed(
        (
            *_data(record.data),
            ("Rows learned from", f"{record.n_trained:,}"),
            ("Encoder", phrases.encoder_text(encoder, with_revision=True, is_tuned=record.tuning is not None)),
            *phrases.precision_facts(record),
            *([] if encoder == WORDS_ALONE else [("Its weights' sha256", encoder.weights_sha256)]),
            *_features(record.features),
            *phrases.parts_facts(record),
            ("Head", _head(record)),
            ("Seed", str(record.seed)),
            ("Seconds", phrases.seconds_text(record)),
            ("Machine", f"{machine.processor}, {count_text(machine.cores, 'core')}, {machine.system}"),
        )
    )


def evaluation_facts(record: EvaluationRecord) -> str:
    """Of a test of a saved classifier."""
    seconds = record.seconds
    return _listed(
        (
            ("Model", record.model),
            *_data(record.data),
            *_features(record.features),
            ("Seconds", f"{seconds.total:.1f}, of which {seconds.read:.1f} getting the rows"),
        )
    )


def _data(data: DataRecord) -> Sequence[tuple[str, str]]:
    return (
        ("Data", phrases.data_text(data)),
        *((("Its sha256", data.sha256),) if data.sha256.strip("0") else ()),  # texts from Python are no file
        ("Rows per label", phrases.counts_text(data, _LABELS)),
    )


def _features(features: FeaturesRecord) -> Sequence[tuple[str, str]]:
    said = [("Features", phrases.features_text(features))]
    if phrases.cut_text(features):
        said.append(("Long texts", phrases.cut_text(features)))
    return said


def _head(record: TrainingRecord) -> str:
    search = record.search
    scaled = "features standardised" if search.standardise else "features as they are"
    weighted = phrases.weights_text(search)
    if len(search.chosen_Cs) > 1:
        return f"{phrases.search_text(search, record.decision)}; {scaled}{weighted}"
    return f"{phrases.kind_of_head(record)}, {scaled}{weighted}"


def _listed(facts: Sequence[tuple[str, str]]) -> str:
    inner = "".join(f"<dt>{safe(name)}</dt><dd>{whole_ranges(safe(fact, 12_000))}</dd>" for name, fact in facts)
    return section("How it was made", f"<dl>{inner}</dl>")
