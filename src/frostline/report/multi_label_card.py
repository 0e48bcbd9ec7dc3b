"""A record of several labels per text as a model card.

In:   a `MultiTrainingRecord`.
Out:  Markdown as a str.
Not:  one label per text (card.py).
"""

import json

from frostline.multi_record import MultiTrainingRecord
from frostline.report import multi_label_words as words
from frostline.report import phrases
from frostline.report.card import base_model, code, escaped
from frostline.report.multi_plain_words import multi_plain_words


def multi_model_card(record: MultiTrainingRecord) -> str:
    """The card of a training: the same text for the same record."""
    parts = [
        _front_matter(record),
        f"# A text classifier with {len(record.labels)} labels, any number of them per text",
        _opening(record),
        _USE,
        _scores(record),
        _training(record),
        _limits(record),
    ]
    return "\n\n".join(parts) + "\n"


_USE = """## How to use it

```python
from frostline import SentenceClassifier

classifier = SentenceClassifier.load("path/to/this/folder")
classifier.predict(["a sentence"])  # a tuple of labels for each text
classifier.predict_proba(["a sentence"])
```

```console
$ frostline predict path/to/this/folder "a sentence"
```

The head is arrays and JSON: loading it runs no code of its author's."""


def _front_matter(record: MultiTrainingRecord) -> str:
    """The YAML between the two lines of dashes; see card.py."""
    base = base_model(record.encoder)
    source = record.test_source.data
    dataset = json.dumps(phrases.printable(record.data.name if source is None else source.name), ensure_ascii=False)
    lines = [
        "---",
        "library_name: frostline",
        "pipeline_tag: text-classification",
        "tags:",
        "- frostline",
        "- text-classification",
        "- multi-label-classification",
        "- logistic-regression",
        "- frozen-encoder",
        *([f"base_model: {json.dumps(base)}"] if base is not None else []),
        "metrics:",
        "- f1",
        "model-index:",
        "- name: frostline",
        "  results:",
        "  - task:",
        "      type: text-classification",
        "      name: Multi-label text classification",
        "    dataset:",
        f"      name: {dataset}",
        f"      type: {dataset}",
        "    metrics:",
    ]
    for name, score in (("Macro F1", record.test.macro_f1), ("Micro F1", record.test.micro_f1)):
        low, high = score.interval
        lines += [
            "    - type: f1",
            f"      value: {score.value:.6f}",
            f"      name: {json.dumps(f'{name} (95 % interval {low:.4f} to {high:.4f}, n = {score.n})')}",
        ]
    return "\n".join([*lines, "---"])


def _opening(record: MultiTrainingRecord) -> str:
    labels = ", ".join(code(label) for label in record.labels[:50])
    more = f" and {len(record.labels) - 50} more" if len(record.labels) > 50 else ""
    said = " ".join(escaped(sentence) for sentence in multi_plain_words(record) if not sentence.startswith("Next:"))
    made = f"A frozen encoder ({code(record.encoder.name)}) and a logistic regression per label on top of it."
    return f"{made}\n\nLabels: {labels}{more}.\n\n{said}"


def _scores(record: MultiTrainingRecord) -> str:
    test, half = record.test, record.at_half
    lines = ["| | micro F1 % | macro F1 % | all right % | average precision % |", "|---|---|---|---|---|"]
    each: list[tuple[str, words.Scored]] = [
        ("**this classifier**", test),
        ("the same, each label from 0.5 on", half),
        *((escaped(baseline.name), baseline) for baseline in record.baselines),
    ]
    lines += [
        f"| {name} | {phrases.estimate_text(one.micro_f1)} | {phrases.estimate_text(one.macro_f1)} "
        f"| {phrases.estimate_text(one.subset_accuracy)} | {phrases.estimate_text(one.mean_average_precision)} |"
        for name, one in each
    ]
    labels = ["| label | texts | from | precision % | recall % | F1 % |", "|---|---|---|---|---|---|"]
    for score, threshold in zip(test.per_label, record.search.thresholds, strict=True):
        figures = " | ".join(phrases.estimate_text(one) for one in (score.precision, score.recall, score.f1))
        labels.append(f"| {code(score.label)} | {score.support:,} | {threshold:.2f} | {figures} |")
    source = escaped(words.source_text(record.test_source))
    told = f"Tested on {test.n:,} texts: {source}. In brackets: 95 % intervals."
    return f"## How good it is\n\n{told}\n\n" + "\n".join(lines) + "\n\n" + "\n".join(labels)


def _training(record: MultiTrainingRecord) -> str:
    encoder, features = record.encoder, record.features
    revision = f", revision `{encoder.revision}`" if encoder.revision else ""
    scaled = "standardised (folded into the saved coefficients)" if record.search.standardise else "as they are"
    lines = [
        (
            f"- Data: {escaped(words.data_text(record.data))}; sha256 `{record.data.sha256}`. The saved head learned "
            f"from {record.n_trained:,} rows."
        ),
        (
            f"- Encoder: {code(encoder.name)} ({encoder.family}, {encoder.precision}{revision}), frozen; weights' "
            f"sha256 `{encoder.weights_sha256}`."
        ),
        f"- Features: `{features.spec}`, {phrases.numbers_text(features)}, {scaled}.",
        *([phrases.vocabulary_text(features)] if features.n_words else []),
        f"- Head: {escaped(words.search_text(record.search))}.",
    ]
    return f"## How it was trained\n\n{chr(10).join(lines)}\n\nFrostline {record.version}, seed {record.seed}."


def _limits(record: MultiTrainingRecord) -> str:
    lines = [
        "- It knows its own labels only; a text of which none is true should get none, and may get one.",
        "- The scores hold for texts like the test texts; of other topics, times or languages they say nothing.",
        f"- A text is read up to {record.features.max_length} word pieces; the rest is not seen.",
        "- The encoder's training texts hold the biases of their sources, and the labels those of whoever set them.",
    ]
    lines += [f"- {escaped(warning)}" for warning in record.warnings]
    return "## Limits\n\n" + "\n".join(lines)
