"""`frostline tutorial`: the practical, step by step, with the numbers of your own file."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from frostline.cli.again import command_line, file_for
from frostline.cli.console import output, print_json, progress, tuning_progress, words
from frostline.cli.groups import Grouped
from frostline.cli.options import (
    FILE,
    EncoderChoice,
    encoder_options,
    fresh_encoder,
    json_option,
    one_label_reading_options,
    opened_encoder,
    overwrite_option,
    settled_choice,
)
from frostline.data.checks import label_warnings
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.disk import publish_bytes, refuse_file
from frostline.encoder.architecture import require_torch
from frostline.encoder.features import DEFAULT_FEATURES, TUTORIAL_FEATURES
from frostline.errors import UsageError, printable
from frostline.record import TuningRecord
from frostline.tutorial.lesson import (
    Language,
    Readers,
    Step,
    Words,
    exhibited,
    give_lesson,
    practical_split,
    told,
    tuned_step,
)
from frostline.tutorial.lesson import words as lesson_words

if TYPE_CHECKING:
    from frostline.tutorial.page import Asked, Given

_WRITTEN = click.Path(path_type=Path, dir_okay=False)
_CLOSING = "，。；：！？、）”…"  # noqa: RUF001 - Chinese punctuation is what it is
_UNITS = re.compile(
    r"[\u2e80-\u9fff\uff00-\uffef\u3000-\u303f“”…]|[^\s\u2e80-\u9fff\uff00-\uffef\u3000-\u303f“”…]+|\s+"
)


@click.command(
    "tutorial",
    cls=Grouped,
    epilog="Example: frostline tutorial train.tsv --html lesson.html --lang zh",
    help=(
        "Walk through the DistilBERT practical on FILE step by step: word pieces, padding, mask, [CLS], C, score; on "
        "the terminal, as a page with pictures to touch, or as a notebook."
    ),
)
@click.argument("file", type=FILE)
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="English or Chinese.")
@click.option("--html", type=_WRITTEN, help="Write the lesson as one page with pictures, which needs no network.")
@click.option("--notebook", type=_WRITTEN, help="Write the lesson as a Jupyter notebook (.ipynb).")
@click.option("--beside", metavar="ENCODER", help="With --html: a second encoder, and a switch between the two.")
@click.option("--finetune", is_flag=True, help="Add the practical's last step: the encoder trained too (minutes).")
@overwrite_option
@click.option("--limit", type=click.IntRange(1), default=2000, show_default=True, help="Take the first N rows only.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split and the folds.")
@json_option
@encoder_options
@one_label_reading_options
def command(
    *,
    file: Path,
    lang: Language,
    html: Path | None,
    notebook: Path | None,
    beside: str | None,
    finetune: bool,
    overwrite: bool,
    limit: int,
    seed: int,
    as_json: bool,
    encoder: EncoderChoice,
    reading: TableOptions,
) -> None:
    """Print each step as it is computed, or write the whole."""
    if beside is not None and html is None and not as_json:
        raise UsageError("--beside puts a second encoder into the page.", hint="Add --html lesson.html.")
    _check_names(html, notebook)
    if beside is not None:
        _check_beside(beside, encoder)
    if finetune:
        require_torch("Fine-tuning")
    for path in (html, notebook):
        if path is not None:
            refuse_file(path, overwrite=overwrite, inputs=[file])
    dataset = read_dataset(file, replace(reading, limit=limit))
    encoder, _ = settled_choice(encoder, TUTORIAL_FEATURES, dataset.texts, dataset.targets)
    for odd in label_warnings(dataset):
        words().print(Text(odd, style="yellow"))
    if html is None and notebook is None and not as_json:
        show_steps(dataset, encoder, lang, seed=seed, finetune=finetune)
        return
    others = [] if beside is None else [replace(encoder, name=beside, revision=None)]
    lessons = [whole_lesson(dataset, choice, seed=seed, finetune=finetune) for choice in (encoder, *others)]
    asked = as_asked(replace(reading, limit=limit), encoder)
    write(lessons, html, notebook, path=file, seed=seed, lang=lang, asked=asked)
    if as_json:
        from frostline.tutorial.course import lesson_json  # noqa: PLC0415 - only where it is asked for

        print_json(lesson_json(lessons))


def _check_names(html: Path | None, notebook: Path | None) -> None:
    """Raise if a page or a notebook would be written under the name of something else."""
    for option, path, ends in (("--html", html, (".html", ".htm")), ("--notebook", notebook, (".ipynb",))):
        if path is not None and path.suffix.lower() not in ends:
            raise UsageError(
                f"{option} writes a file that ends in {ends[0]} (got {printable(str(path))}).",
                hint=f"Such as {option} lesson{ends[0]}.",
            )


def _check_beside(beside: str, encoder: EncoderChoice) -> None:
    """Raise if the second encoder is the first, or has no layers."""
    if beside == encoder.name:
        raise UsageError(
            f"--beside is for a second encoder ({printable(beside)} already gives the lesson).",
            hint="Name another: frostline encoders lists them.",
        )
    if fresh_encoder(replace(encoder, name=beside, revision=None), DEFAULT_FEATURES).is_table:
        raise UsageError(
            f"The lesson looks into layers; {printable(beside)} is a table of word pieces and has none.",
            hint="Name an encoder with layers after --beside.",
        )


def show_steps(dataset: Dataset, encoder: EncoderChoice, lang: Language, *, seed: int, finetune: bool) -> None:
    """The lesson on the terminal, with the encoder tuned at its end where that is asked for."""
    readers, console = opened_readers(encoder), output()
    with progress("Reading", "sentences") as advance:
        steps = give_lesson(dataset, readers, seed=seed, progress=advance)
        for number, step in enumerate(steps, start=1):
            show(number, step, lesson_words(lang), console)
    if finetune:
        step = tuned_step(Path(dataset.source.name).name, tuned_lesson(dataset, encoder, seed=seed))
        show(number + 1, step, lesson_words(lang), console)


def tuned_lesson(dataset: Dataset, encoder: EncoderChoice, *, seed: int) -> TuningRecord:
    """The encoder frozen beside tuned, on the practical's split."""
    from frostline.cli.finetune import cost_text  # noqa: PLC0415 - as below
    from frostline.finetune import FineTune  # noqa: PLC0415 - as below
    from frostline.training.tuning import tuned_beside  # noqa: PLC0415 - only where it is asked for

    train_rows, test_rows = practical_split(len(dataset), seed=seed)
    with tuning_progress() as tuning:
        return tuned_beside(
            dataset,
            opened_encoder(encoder, DEFAULT_FEATURES),
            train_rows=train_rows,
            test_rows=test_rows,
            how=FineTune(seed=seed),
            told=tuning,
            expects=lambda cost: words().print(Text(cost_text(cost, FineTune().epochs))),
        )


def whole_lesson(dataset: Dataset, encoder: EncoderChoice, *, seed: int, finetune: bool) -> "Given":
    """The lesson with all that its pictures show."""
    from frostline.tutorial.course import EVERY_LAYER, give_course  # noqa: PLC0415 - only where it is asked for
    from frostline.tutorial.page import tuned_too  # noqa: PLC0415 - likewise

    readers, every_layer = opened_readers(encoder), opened_encoder(encoder, EVERY_LAYER)
    with progress(f"Lesson by {encoder.name}", "") as advance:
        given = give_course(dataset, readers, every_layer, seed=seed, progress=advance)
    return tuned_too(given, tuned_lesson(dataset, encoder, seed=seed)) if finetune else given


def opened_readers(encoder: EncoderChoice) -> Readers:
    """The encoder as the lesson reads with it."""
    return Readers(
        practical=fresh_encoder(encoder, TUTORIAL_FEATURES),
        first=opened_encoder(encoder, TUTORIAL_FEATURES),
        better=opened_encoder(encoder, DEFAULT_FEATURES),
    )


def as_asked(reading: TableOptions, encoder: EncoderChoice) -> "Asked":
    """What the command was told, for the lesson's own commands and cells."""
    from frostline.tutorial.page import VERBS, Asked  # noqa: PLC0415 - as above

    said = {
        name: getattr(encoder, name) for name in ("revision", "max_length", "prefix", "threads", "precision", "backend")
    }
    said |= {"device": encoder.device, "store": encoder.store}
    usual = EncoderChoice()
    return Asked(
        made=command_line(),
        files={verb: file_for(verb) for verb in VERBS},
        reading=reading,
        reader={name: value for name, value in said.items() if value != getattr(usual, name)},
    )


def write(
    lessons: "list[Given]",
    html: Path | None,
    notebook: Path | None,
    *,
    path: Path,
    seed: int,
    lang: Language,
    asked: "Asked",
) -> None:
    """The page and the notebook, as far as they are asked for."""
    from frostline.tutorial.notebook import lesson_notebook  # noqa: PLC0415 - as above
    from frostline.tutorial.page import lesson_html  # noqa: PLC0415 - as above

    if html is not None:
        page = lesson_html(lessons, language=lang, asked=asked).encode()
        publish_bytes(html, page)
        words().print(Text(f"The lesson, {len(page) / 1e6:.1f} MB: {html}"))
    if notebook is not None:
        cells = lesson_notebook(lessons[0], path=str(path), seed=seed, language=lang, asked=asked)
        publish_bytes(notebook, json.dumps(cells, ensure_ascii=False, indent=1).encode())
        words().print(Text(f"The notebook: {notebook}"))


def show(number: int, step: Step, said: Words, console: Console) -> None:
    """One step: its heading, its paragraph, its exhibit."""
    heading, paragraph = told(said, step)
    console.print(Text(f"{number}. {heading}", style="bold"))
    lines = "\n".join(line for part in paragraph.split("\n") for line in wrapped(part, console.width - 3))
    console.print(Padding(Text(lines, no_wrap=True, overflow="ignore"), (0, 0, 0, 3)))
    if step.exhibit:
        console.print()
        for line in exhibited(said, step):
            console.print(Padding(Text(line, style="cyan", no_wrap=True, overflow="ellipsis"), (0, 0, 0, 6)))
    console.print()


def wrapped(paragraph: str, width: int) -> Iterator[str]:
    """Lines of at most `width` cells. Chinese may end a line anywhere but before closing punctuation or a number.

    rich knows blanks only: it would set a number, which stands between blanks, at the beginning of a line.
    """
    line = ""
    for unit in _joined(_UNITS.findall(paragraph)):
        if line.strip() and cell_len(line + unit.rstrip()) > width:
            yield line.rstrip()
            line = unit.lstrip()
        else:
            line += unit
    yield line.rstrip()


def _joined(units: list[str]) -> list[str]:
    """Units that stay on one line: closing punctuation with what it closes, a number with the sign before it."""
    together: list[str] = []
    for place, unit in enumerate(units):
        before = together[-1] if together else ""
        is_number = unit[0].isdigit() and place and units[place - 1].isspace() and before.strip()[-1:] >= "\u2e80"
        if together and (unit in _CLOSING or unit.isspace() or is_number):
            together[-1] += unit
        else:
            together.append(unit)
    return together
