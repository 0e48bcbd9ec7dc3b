"""A record as a model card: the README.md of a saved classifier, with the front matter that the hub reads.

Front matter: https://huggingface.co/docs/hub/model-cards. Its values are written as JSON strings, which YAML takes for
quoted strings, so that no label or file name can end a value or begin a key.
"""

import json
import re
from collections.abc import Sequence

from frostline.artifact.manifest import Manifest
from frostline.encoder.reading import EncoderIdentity
from frostline.encoder.words import WORDS_ALONE
from frostline.evaluate.scores import Evaluation, LabelScore
from frostline.record import TrainingRecord
from frostline.report import count_text, phrases, plain, printable
from frostline.report.phrases import WORDING, Scored
from frostline.report.plain import plain_words
from frostline.targets import Kind

# Hub ids of the encoders that have a name of their own here; any other id holds a slash, and a folder is none.
_BASE_MODELS = {
    "minilm": "sentence-transformers/all-MiniLM-L6-v2",
    "distilbert": "distilbert/distilbert-base-uncased",
    "bert": "google-bert/bert-base-uncased",
}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def model_card(record: TrainingRecord) -> str:
    """The card of a training: the same text for the same record."""
    parts = [
        _front_matter(record),
        f"# A text classifier with {WORDING[record.data.kind].title.format(n=len(record.labels))}",
        _opening(record),
        _use(record),
        _scores(record),
        _training(record),
        _limits(record),
    ]
    return "\n\n".join(parts) + "\n"


def plain_card(manifest: Manifest) -> str:
    """The card of a classifier that was saved without one, and of which nothing was measured."""
    kind: Kind = manifest.kind
    front = _front_lines(kind, base_model(manifest.encoder), "frozen-encoder")
    labels = ", ".join(code(label) for label in manifest.labels[:50])
    more = f" and {len(manifest.labels) - 50} more" if len(manifest.labels) > 50 else ""
    rows = "" if manifest.data is None else f" It learned from {count_text(manifest.data.rows, 'text')}."
    reader = f"Encoder: {code(manifest.encoder.name)}; features: `{manifest.features}`."
    parts = [
        "\n".join([*front, "---"]),
        f"# A text classifier with {WORDING[kind].title.format(n=len(manifest.labels))}",
        f"Labels: {labels}{more}.{rows} {reader} It was saved without being tested.",
        _USE.replace("{predicted}", WORDING[kind].predicted),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(record: TrainingRecord) -> str:
    """The YAML between the two lines of dashes."""
    tag = "frozen-encoder" if record.tuning is None else "fine-tuned-encoder"
    lines = _front_lines(record.data.kind, base_model(record.encoder), tag)
    if record.test is not None:
        lines += _model_index(record, record.test)
    return "\n".join([*lines, "---"])


def _front_lines(kind: Kind, base: str | None, tag: str) -> list[str]:
    """What every card says of itself, without the closing line."""
    wording = WORDING[kind]
    return [
        "---",
        "library_name: frostline",
        "pipeline_tag: text-classification",
        "tags:",
        "- frostline",
        "- text-classification",
        *(f"- {own}" for own in wording.tags),
        "- logistic-regression",
        f"- {tag}",
        *([] if base is None else [f"base_model: {json.dumps(base)}"]),
        "metrics:",
        *(f"- {metric}" for metric in wording.metrics),
    ]


def base_model(encoder: EncoderIdentity) -> str | None:
    """The encoder's hub id, if it has one: a folder may look like an id, but has no revision."""
    name = encoder.name
    if name in _BASE_MODELS:
        return _BASE_MODELS[name]
    return name if encoder.revision is not None and _HUB_ID.fullmatch(name) else None


def _model_index(record: TrainingRecord, test: Evaluation) -> list[str]:
    """The results as the hub shows them. Its own fields know no interval: each stands in the metric's name."""
    named = record.data.name
    if record.test_source is not None and record.test_source.data is not None:
        named = record.test_source.data.name
    dataset = json.dumps(printable(named), ensure_ascii=False)
    shown = [name for name in ("accuracy", "macro_f1", "micro_f1") if name in test.scores]
    lines = [
        "model-index:",
        "- name: frostline",
        "  results:",
        "  - task:",
        "      type: text-classification",
        f"      name: {WORDING[record.data.kind].task}",
        "    dataset:",
        f"      name: {dataset}",
        f"      type: {dataset}",
        "    metrics:",
    ]
    for metric in shown:
        score = test.scores[metric]
        low, high = score.interval
        name = phrases.SCORES[metric]
        name = name[0].upper() + name[1:]
        lines += [
            f"    - type: {'accuracy' if metric == 'accuracy' else 'f1'}",
            f"      value: {score.value:.6f}",
            f"      name: {json.dumps(f'{name} (95 % interval {low:.4f} to {high:.4f}, n = {score.n})')}",
        ]
    return lines


def _opening(record: TrainingRecord) -> str:
    labels = ", ".join(code(label) for label in record.labels[:50])
    more = f" and {len(record.labels) - 50} more" if len(record.labels) > 50 else ""
    said = [escaped(sentence) for sentence in plain_words(record) if not sentence.startswith("Next:")]
    state = "frozen" if record.tuning is None else "fine-tuned"
    head = WORDING[record.data.kind].made.replace("logistic regression", phrases.kind_of_head(record))
    made = f"A {state} encoder ({code(record.encoder.name)}) and {head} on top of it."
    if record.encoder == WORDS_ALONE:
        made = f"Words and pairs of words, and {head} on top of them; no encoder."
    return f"{made}\n\nLabels: {labels}{more}.\n\n{' '.join([*map(escaped, phrases.ahead_text(record)), *said])}"


def _use(record: TrainingRecord) -> str:
    return _USE.replace("{predicted}", WORDING[record.data.kind].predicted)


_USE = """## How to use it

```python
from frostline import SentenceClassifier

classifier = SentenceClassifier.load("path/to/this/folder")  # or owner/name, where this is on the hub
classifier.predict(["a sentence"]){predicted}
classifier.predict_proba(["a sentence"])
```

```console
$ frostline predict path/to/this/folder "a sentence"
```

The head is arrays and JSON: loading it runs no code of its author's."""


def _scores(record: TrainingRecord) -> str:
    test = record.test
    if test is None:
        return "## How good it is\n\nNot tested."
    names = phrases.columns_of(test.scores)
    half: list[tuple[str, Scored]] = []
    if record.at_half is not None:
        half.append(("the same, each label from 0.5 on", record.at_half))
    each: list[tuple[str, Scored]] = [("**this classifier**", test), *half]
    each += [(escaped(baseline.name), baseline) for baseline in record.baselines]
    rows = [_row("", *(phrases.column_name(name) for name in names)), "|---" * (1 + len(names)) + "|"]
    rows += [_row(called, *(_score(name, one) for name in names)) for called, one in each]
    from_on = [f"{threshold:.2f}" for threshold in record.search.thresholds]
    heads = ("label", "texts", *(["from"] if from_on else []), "precision %", "recall %", "F1 %")
    labels = [_row(*heads), "|---" * len(heads) + "|"]
    listed, which = phrases.labels_listed(test)
    labels += [_label_row(test.per_label[place], from_on[place : place + 1]) for place in listed]
    labels += [f"\n{which}"] if which else []
    source = escaped(phrases.source_text(record.test_source, record.data.kind))
    return (
        f"## How good it is\n\nTested on {count_text(test.n, 'text')}: {source}. "
        "In brackets: 95 % intervals.\n\n" + "\n".join(rows) + "\n\n" + "\n".join(labels) + _trust(record)
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |" if cells[0] else f"| | {' | '.join(cells[1:])} |"


def _score(name: str, one: Scored) -> str:
    estimate = one.scores.get(name)
    return phrases.loss_text(estimate) if name in phrases.LOSSES else phrases.estimate_text(estimate)


def _trust(record: TrainingRecord) -> str:
    """How far the probabilities can be believed; nothing where that was not measured."""
    found = record.probabilities
    if found is None:
        return ""
    how = "as the regression gives them" if found.way == "none" else f"calibrated ({found.way})"
    error = found.scores.reliability.error
    line = f"Probabilities are {how}: calibration error {phrases.estimate_text(error)} points"
    before = phrases.before_calibration(found)
    if before is not None:
        line += f", {phrases.percent(before.reliability.error.value)} before"
    return f"\n\n{line}; Brier score {phrases.loss_text(found.scores.brier)}. Pictures: `report.html`."


def _label_row(score: LabelScore, from_on: Sequence[str]) -> str:
    figures = (phrases.estimate_text(figure) for figure in (score.precision, score.recall, score.f1))
    return _row(code(score.label), f"{score.support:,}", *from_on, *figures)


def _training(record: TrainingRecord) -> str:
    encoder, features, search = record.encoder, record.features, record.search
    revision = f", revision `{encoder.revision}`" if encoder.revision else ""
    scaled = "standardised (folded into the saved coefficients)" if search.standardise else "as they are"
    data = f"{escaped(phrases.data_text(record.data))}; sha256 `{record.data.sha256}`"
    weights = f"weights' sha256 `{encoder.weights_sha256}`"
    chosen, state = phrases.choice_text(features), "frozen" if record.tuning is None else "tuned"
    cut = f"; {features.n_cut:,} of {features.n_texts:,} texts were cut at {features.max_length} word pieces"
    who = f"{code(encoder.name)} ({encoder.family}, {encoder.precision}{revision}), {state}; {weights}"
    if encoder == WORDS_ALONE:
        who, cut = phrases.encoder_text(encoder), ""
    lines = [
        *(f"- {escaped(said)}." for said in phrases.columns_text(record.data)),
        f"- Data: {data}. The saved head learned from {record.n_trained:,} rows.",
        f"- Encoder: {who}.",
        f"- Features: `{features.spec}`, {phrases.numbers_text(features)}{chosen}, {scaled}{cut}.",
        f"- Head: {escaped(_head(record))}.",
    ]
    lines[-1:-1] = [f"- {name}: {escaped(said)}." for name, said in phrases.parts_facts(record)]
    n_words = features.n_words or (0 if record.cascade is None else record.cascade.n_words)
    if n_words:
        lines.append(phrases.vocabulary_text(n_words))
    if search.best_score is not None and len(search.Cs) > 1:
        lines.append(f"- {escaped(phrases.search_score_text(search))}.")
    if record.nested is not None:
        pooled = record.nested.evaluation
        lines.append(
            f"- Nested cross-validation ({record.nested.n_outer} folds, {pooled.n:,} rows): "
            f"{phrases.scores_text(pooled.scores, ' %')}."
        )
    return f"## How it was trained\n\n{chr(10).join(lines)}\n\nFrostline {record.version}, seed {record.seed}."


def _head(record: TrainingRecord) -> str:
    said = phrases.head_text(record.search, record.decision)
    return said if len(record.search.chosen_Cs) > 1 else f"L2-regularised {phrases.kind_of_head(record)}; {said}"


def _limits(record: TrainingRecord) -> str:
    lines = [
        f"- {phrases.SILENT_LIMIT if phrases.is_silent_at_times(record) else WORDING[record.data.kind].limit}",
        "- The scores hold for texts like the test texts; of other topics, times or languages they say nothing.",
    ]
    if record.encoder != WORDS_ALONE:
        lines += [
            f"- A text is read up to {record.features.max_length} word pieces; the rest is not seen.",
            (
                "- The encoder's training texts hold the biases of their sources, and the labels those of whoever set "
                "them."
            ),
        ]
    if record.unlike is not None:
        unlike = " ".join(plain.unlike_text(record.unlike))
        lines.append(f"- {escaped(unlike)} `predict --flag-unlike {record.unlike.below:g}` marks such texts.")
    lines += [f"- {escaped(sentence)}" for sentence in plain.cascade_text(record.cascade)]
    lines += [f"- {escaped(warning)}" for warning in record.warnings]
    return "## Limits\n\n" + "\n".join(lines)


def escaped(text: str) -> str:
    """`text` as Markdown that is only text: a link, an image, a table cell's end or HTML in it stays visible."""
    shown = printable(text, 1000)
    return re.sub(r"([\\`*_\[\]<>#|!&])", r"\\\1", shown)


def code(value: object) -> str:
    """`value` between back-ticks, more of them than it holds itself, its bars escaped for tables."""
    shown = printable(value)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[:1] in {"`", " ", ""} or shown[-1:] in {"`", " "} else ""
    return f"{fence}{pad}{shown}{pad}{fence}".replace("|", "\\|")
