"""`frostline review`: what is wrong with a labelled file, and a file of fixes to go through and feed back."""

from dataclasses import replace
from pathlib import Path

import click

from frostline.advice import Step
from frostline.cli.again import say_next
from frostline.cli.console import output, print_json, progress
from frostline.cli.groups import Grouped
from frostline.cli.options import (
    FILE,
    EncoderChoice,
    encoder_options,
    features_option,
    group_option,
    json_option,
    limit_option,
    of_kind,
    opened_encoder,
    overwrite_option,
    reading_options,
    say_remarks,
    saying_how_long,
    settled_choice,
    tidied_if_wanted,
)
from frostline.data.dataset import Dataset
from frostline.data.fixes import write_fixes
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled, stream_texts
from frostline.disk import refuse_file
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.errors import UsageError, printable
from frostline.head.options import SearchOptions
from frostline.report import count_text
from frostline.report.phrases import columns_text
from frostline.report.review import as_review_document, print_review
from frostline.review.results import Review, fix_rows
from frostline.review.run import Pool, ReviewOptions, review


@click.command(
    "review",
    cls=Grouped,
    epilog="Example: frostline review reviews.tsv --test test.tsv --out fixes.tsv   then: frostline train reviews.tsv "
    "--fixes fixes.tsv --out model",
    help="Find labels in FILE that are probably wrong (with the likelier label and why; where texts have several, also "
    "those probably missing), texts that are repeated, nearly repeated or labelled two ways, texts of the test "
    "file that are also in FILE, and texts unlike all others. "
    "With --pool: which unlabelled texts to label next. --out writes a file of fixes: go through it, then train with "
    "--fixes.",
)
@click.argument("file", type=FILE)
@click.option("--test", "test_file", type=FILE, help="Rows that must not be in FILE.")
@click.option("--pool", "pool_file", type=FILE, help="Unlabelled texts, of which to choose those to label next.")
@click.option("--pool-size", type=click.IntRange(1), default=20, show_default=True, help="How many to choose.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the file of fixes (tab-separated) here.")
@click.option(
    "--take-advice",
    is_flag=True,
    help="Fill in the advised action in the file of fixes, instead of keep for every row.",
)
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Folds that rows are held out in.")
@click.option("--foldings", type=click.IntRange(1), default=3, show_default=True, help="Ways to cut the folds.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed for the splits.")
@overwrite_option
@json_option
@features_option
@encoder_options
@limit_option
@reading_options
@group_option
def command(
    *,
    file: Path,
    test_file: Path | None,
    pool_file: Path | None,
    pool_size: int,
    out: Path | None,
    take_advice: bool,
    folds: int,
    foldings: int,
    seed: int,
    overwrite: bool,
    as_json: bool,
    features: str | None,
    limit: int | None,
    encoder: EncoderChoice,
    reading: TableOptions,
) -> None:
    """Read, review, write the fixes, print."""
    if take_advice and out is None:
        raise UsageError("--take-advice fills in the file of fixes, so it needs --out.")
    if out is not None:
        given = (file, test_file, pool_file)
        refuse_file(out, overwrite=overwrite, inputs=[path for path in given if path is not None])
    dataset, reading = tidied_if_wanted(read_labelled(file, replace(reading, limit=limit)), reading)
    known = replace(reading, known_labels=frozenset(dataset.counts()))
    known = known.guessing(dataset.source.text_column, dataset.source.label_column)
    test = None if test_file is None else _tested(read_labelled(test_file, known), dataset, known)
    say_remarks(dataset, test)
    pool = None if pool_file is None else Pool(pool_file.name, list(stream_texts(pool_file, known)))
    wanted = features or DEFAULT_FEATURES
    reader = opened_encoder(settled_choice(encoder, wanted, dataset.texts, dataset.targets)[0], wanted)
    options = ReviewOptions(
        search=SearchOptions(n_folds=folds, seed=seed, threads=encoder.threads),
        n_foldings=foldings,
        pool_size=pool_size,
    )
    with (
        progress("Reading", "texts", step=(1, 3)) as read,
        progress("Comparing", "texts", step=(2, 3)) as compared,
        progress("Judging labels", "foldings", step=(3, 3)) as judged,
    ):
        findings = review(
            dataset,
            reader,
            test=test,
            pool=pool,
            options=options,
            reading=saying_how_long(read, reader, dataset.texts),
            comparing=compared,
            judging=judged,
        )
    rows = [] if out is None else list(fix_rows(findings, dataset, take_advice=take_advice))
    n_fixes = 0 if out is None else write_fixes(out, rows)
    if as_json:
        print_json({**as_review_document(findings), "out": None if out is None else str(out), "n_fixes": n_fixes})
    else:
        print_review(findings, file.name, output(), columns=columns_text(dataset.source))
        n_advised = 0 if take_advice else sum(row.advice != "look" for row in rows)
        _closing(findings, out, n_fixes, n_advised=n_advised, take_advice=take_advice)


def _tested(test: Dataset, dataset: Dataset, known: TableOptions) -> Dataset:
    """The test rows, whose labels must be those of the file under review."""
    return of_kind(test.known_to(known.known_labels, allowed=known.max_bad_rows), dataset.targets.kind)


def _closing(findings: Review, out: Path | None, n_fixes: int, *, n_advised: int, take_advice: bool) -> None:
    """What to do next; as written every row is kept, so a line that trains comes only once something is advised.

    `n_advised`: rows whose action `--take-advice` would fill in, and has not.
    """
    found = findings.wrong or findings.doubtful or findings.repeated or findings.leaked or findings.outliers
    if out is None and found:
        say_next("write all of them into a file, and go through it.", Step(options=("--out", "fixes.tsv")))
    elif out is None or not n_fixes:
        say_next("nothing to mend was found: train.", Step(verb="train", options=("--out", "model")))
    else:
        actions = "relabel or drop" if findings.doubtful is None else "add, remove or drop"
        mend = f"set their action to {actions} where you agree, then train"
        said = "look at what --take-advice filled in, then train" if take_advice else mend
        step = Step(verb="train", options=("--fixes", str(out), "--out", "model"))
        if n_advised:
            said = f"set their action to {actions} where you agree, or take the advice, which {n_advised:,} have"
            step = Step(options=("--take-advice",))
        say_next(f"{count_text(n_fixes, 'row')} in {printable(str(out))}: {said}.", step)
