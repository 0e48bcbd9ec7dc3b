"""`frostline demo`: the whole of it on the built-in sample, in seconds."""

from pathlib import Path

import click
import numpy as np
from rich.text import Text

from frostline.artifact.files import refuse_place
from frostline.artifact.model import open_model
from frostline.cli.console import output, progress, words
from frostline.cli.options import EncoderChoice, opened_encoder, overwrite_option
from frostline.data.sample import Sample, load_sample
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.evaluate.intervals import wilson
from frostline.report.brief import print_brief
from frostline.score.answers import predictions
from frostline.training import Progress, Training, TrainingOptions, save_training, train

SENTENCES = (
    "a visually stunning rumination on love",
    "Not half as clever as it thinks it is.",
    "The battery outlived my patience with the rest of it.",
    "I went in expecting little and came out wanting to see it again.",
)


@click.command(
    "demo",
    epilog="Example: frostline demo --out model",
    help="Train on the built-in sample of sentences, show the report, save the classifier, classify a few sentences.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default="frostline-demo", show_default=True, help="Where to save."
)
@overwrite_option
def command(*, out: Path, overwrite: bool) -> None:
    """Train, report, save, load again, predict."""
    refuse_place(out, overwrite=overwrite)
    say = words()
    sample = load_sample()
    say.print(Text("The sample: short sentences written for Frostline, a fifth of them hard on purpose.", style="dim"))
    reader = opened_encoder(EncoderChoice(), DEFAULT_FEATURES)
    with (
        progress("Reading", "sentences", step=(1, 3)) as reading,
        progress("Searching C", "values of C", step=(2, 3)) as searching,
        progress("Learning curve", "subsets", step=(3, 3)) as learning,
    ):
        training = train(
            sample.train,
            reader,
            test=sample.test,
            options=TrainingOptions(learning_curve=True),
            progress=Progress(reading=reading, searching=searching, learning=learning),
        )
    console = output()
    print_brief(training.record, console)
    console.print(Text(_hard_cases(training, sample)))
    save_training(training, out, encoder=reader, overwrite=overwrite)
    model = open_model(out)
    console.print()
    for prediction in predictions(model, SENTENCES):
        console.print(Text(f"{prediction.favoured[0]!s:>10} {prediction.probability:.2f}  {prediction.text}"))
    say.print()
    say.print(Text(f"Saved in {out}; the report with pictures: {out / 'report.html'}", style="dim"))
    say.print(Text("Next, a file of your own:  frostline train reviews.tsv --out model", style="dim"))
    say.print(Text("How it works, in pictures:  frostline tutorial reviews.tsv --html lesson.html", style="dim"))


def _hard_cases(training: Training, sample: Sample) -> str:
    """How the hard cases fared beside the others: negation, irony, mixed feelings."""
    labels = list(training.record.labels)
    right = np.array(
        [
            labels[code] == label
            for code, label in zip(training.test_probabilities.argmax(axis=1), sample.test.labels, strict=True)
        ]
    )
    is_hard = np.isin(np.arange(len(right)), sample.hard)
    parts = []
    for name, rows in (("hard cases", is_hard), ("the others", ~is_hard)):
        low, high = wilson(int(right[rows].sum()), int(rows.sum()))
        parts.append(f"{name} {right[rows].mean():.1%} ({low:.1%} to {high:.1%}, n = {int(rows.sum())})")
    return "Accuracy on " + "; on ".join(parts)
