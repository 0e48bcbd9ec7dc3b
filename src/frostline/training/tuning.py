"""A training whose encoder is tuned too: the frozen one first, then the loop, then both on the same test rows."""

import contextlib
import hashlib
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from frostline.arrays import BoolArray, Features, IntArray
from frostline.data.dataset import Dataset
from frostline.data.split import folds, holdout, possible_folds
from frostline.disk import publish_bytes, storage_error
from frostline.encoder.architecture import FAMILIES, describe, require_torch
from frostline.encoder.checkpoint import Checkpoint, find_checkpoint
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import Block, FeatureSpec
from frostline.encoder.files import CHECKPOINT_FILES, SEEN, WEIGHTS
from frostline.encoder.reading import SentenceEncoder
from frostline.encoder.seen import seen_by, seen_bytes
from frostline.encoder.tokens import Ids, WordPieces
from frostline.errors import InputError, UsageError, shown
from frostline.evaluate.baselines import Part, baselines
from frostline.evaluate.paired import accuracy_difference
from frostline.finetune import Cost, Curve, FineTune, Told, tune
from frostline.finetune.loop import HIDDEN, STATE
from frostline.head.calibrating import CalibrationFit
from frostline.head.deciding import RuleFit
from frostline.head.fitted import AnswerOptions, Settled, settle_answers
from frostline.head.linear import LinearHead, Rule
from frostline.head.options import SearchOptions
from frostline.head.search import fit_at
from frostline.record import TuningRecord
from frostline.targets import Targets
from frostline.training.options import Progress, TrainingOptions, split_rows
from frostline.training.records import calibration_record
from frostline.training.run import Training, train
from frostline.training.tested import at_half, examples_of, measured_head, probability_record, uncalibrated

if TYPE_CHECKING:
    from frostline.finetune.network import Network, Units

CONTRAST_FOLDS = 2
"""By which it is told whether contrasting gains: each costs as much as contrasting itself."""

FEWEST_OF_A_LABEL = 64
"""Rows of every label from which on a part of them is held out; of fewer the last epoch is kept."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tuning:
    """What fine-tuning leaves."""

    training: Training  # Of the tuned encoder
    frozen: Training  # Of the encoder as it was, on the same rows
    encoder: SentenceEncoder  # The tuned one, on our graph: no torch is needed to read with it
    record: TuningRecord  # That of `training`
    folder: Path  # Where the checkpoint and the tuned encoder lie

    def clear(self) -> None:
        """Remove what was kept of the run, when all of it is saved elsewhere; nobody else's files."""
        clear_checkpoint(self.folder)
        shutil.rmtree(self.encoder.identity.name)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()


def clear_checkpoint(folder: Path) -> None:
    """Remove what a run that is done needed to go on."""
    for name in (STATE, HIDDEN):
        (folder / name).unlink(missing_ok=True)


def finetune(  # noqa: PLR0913 - two files, who reads, how, where to keep what was done so far, and who is told
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    test: Dataset | None = None,
    options: TrainingOptions | None = None,
    how: FineTune | None = None,
    folder: Path,
    progress: Progress | None = None,
    told: Told | None = None,
    expects: Callable[[Cost], None] | None = None,
) -> Tuning:
    """Train on the frozen encoder, tune it above its frozen layers, and test both on the same rows.

    Parameters
    ----------
    folder : Path
        For checkpoints and the tuned encoder; a run that was killed goes on from there.
    """
    require_torch("Fine-tuning")
    chosen, wished = options or TrainingOptions(), how or FineTune()
    refuse_untunable(encoder, wished)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} must be a folder, for checkpoints (a file is there).")
    if chosen.nested:
        raise UsageError("Fine-tuning is tested on rows held out or on a file, not by nested cross-validation.")
    if not chosen.answers.rule.is_plain:
        raise UsageError("Thresholds and abstaining are for SentenceClassifier(finetune=...): leave them out here.")
    chosen = replace(chosen, learning_curve=False, search=replace(chosen.search, choose_parts=False))
    frozen = train(dataset, encoder, test=test, options=chosen, progress=progress)
    learned = frozen.learned
    if learned is None or FeatureSpec.parse(frozen.record.features.spec).words:
        raise UsageError("Fine-tuning takes features of the encoder alone: leave +words out.")
    Cs = [C for C in frozen.record.search.chosen_Cs if C is not None]
    grown = grow(
        learned,
        encoder,
        C=float(np.median(Cs)),
        answers=chosen.answers,
        how=wished,
        folder=folder,
        told=told,
        expects=expects,
    )
    training, favoured, lots = _tested(frozen, grown, dataset, test, chosen)
    before = frozen.head.answer(frozen.test_probabilities).favoured
    truth = training.examples.members
    right = [(own == truth).all(axis=1) for own in (favoured, before)]
    record = TuningRecord(
        frozen=float(right[1].mean()),
        lead=accuracy_difference(right[0], right[1], lots),
        n_frozen_layers=wished.freeze_layers,
        losses=grown.curve.losses,
        held_out=grown.curve.held_out,
        best=grown.curve.best,
        was_stopped=grown.curve.was_stopped,
        seconds=grown.seconds,
        size_bytes=(grown.place / WEIGHTS).stat().st_size,
        is_contrasted=grown.is_contrasted,
        n_asked=wished.epochs,
    )
    training = replace(training, record=replace(training.record, tuning=record))
    return Tuning(training=training, frozen=frozen, encoder=grown.encoder, record=record, folder=folder)


def refuse_untunable(encoder: SentenceEncoder, how: FineTune) -> None:
    """Raise `InputError` where our graph, by which a tuned encoder is read, lacks the encoder's architecture.

    And `UsageError` where more of its layers are to be frozen than leave one to tune: both before a text is read.
    """
    config = find_checkpoint(encoder.identity.name, revision=encoder.identity.revision).config
    try:
        shape = describe(config)
    except InputError as error:
        raise InputError(
            f"This encoder cannot be tuned: that takes one of the families {', '.join(FAMILIES)} "
            f"(got {shown(config.get('model_type'))}).",
            hint="It can be used as it is, frozen, by frostline train.",
        ) from error
    how.refuse_depth(shape.n_layers)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grown:
    """An encoder and a head that were tuned together."""

    head: LinearHead  # Calibrated, with its rule, where rows were held out
    encoder: Encoder  # On our graph
    place: Path  # Where the encoder lies; its weights are mapped, not copied
    calibration: CalibrationFit | None  # None: no rows were held out
    rule: RuleFit | None
    is_contrasted: bool  # Whether texts of like labels were brought together first
    curve: Curve
    seconds: float


def grow(  # noqa: PLR0913 - rows, who reads, where it starts, how, where to keep what was done, and who is told
    learned: Part,
    encoder: SentenceEncoder,
    *,
    C: float,
    answers: AnswerOptions,
    how: FineTune,
    folder: Path,
    told: Told | None = None,
    expects: Callable[[Cost], None] | None = None,
) -> Grown:
    """Tune an encoder from the regression over its rows on, and settle the answers by rows that are held out.

    Parameters
    ----------
    learned : Part
        Texts with their rows, as the encoder reads them before, and targets.
    C : float
        Of the regression it starts from.
    folder : Path
        For checkpoints and the tuned encoder; a run that was killed goes on from there.

    Raises
    ------
    InputError
        The encoder's layers are not one after the other; the checkpoint in `folder` is another run's.
    UsageError
        More layers are to be frozen than there are; something is wished of answers, and no rows can be held out.
    BackendError
        The loss is not finite; too little memory.
    """
    rows = np.asarray(learned.rows, np.float32)
    held = _held(learned.targets, how)
    if not len(held) and not answers.rule.is_plain:
        raise UsageError(
            f"What is wished of answers is chosen on rows held out, for which every label needs {FEWEST_OF_A_LABEL} "
            "texts where the encoder is tuned too.",
            hint="Leave the wish out, or add texts.",
        )
    fit = np.setdiff1d(np.arange(len(rows)), held)
    checkpoint = find_checkpoint(encoder.identity.name, revision=encoder.identity.revision)
    limits: dict[str, Any] = {"max_length": encoder.identity.max_length, "prefix": encoder.identity.prefix}
    ids = WordPieces.open(checkpoint, **limits).tokenize(list(learned.texts)).ids
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    given = _Start(checkpoint, encoder.blocks, ids, rows, learned.targets, C, how, folder)
    with _nothing_left(folder):
        network, start, is_contrasted = given.opened(fit, tries_contrast=not len(held))
        tuned = tune(
            network,
            ids,
            rows=rows,
            targets=learned.targets,
            held=held,
            options=how,
            folder=folder,
            told=told,
            expects=expects,
        )
    place = folder / f"{Path(encoder.identity.name).name}-tuned"
    _write(place, checkpoint.folder, tuned.tensors, seen_bytes(learned.texts, seen_by(encoder)))
    reader = Encoder.open(str(place), features=str(encoder.spec), **limits)
    head = replace(start, coef=tuned.coef, intercept=tuned.intercept)
    settled = _settled(head, reader, learned, held, answers, seed=how.seed) if len(held) else None
    return Grown(
        head=head if settled is None else settled.head,
        encoder=reader,
        place=place,
        calibration=None if settled is None else settled.calibration,
        rule=None if settled is None else settled.rule,
        is_contrasted=is_contrasted,
        curve=tuned.curve,
        seconds=tuned.seconds,
    )


def grow_apart(  # noqa: PLR0913 - as `grow`
    learned: Part, encoder: SentenceEncoder, *, C: float, answers: AnswerOptions, how: FineTune, told: Told | None
) -> Grown:
    """`grow` in a folder of this run's own, which goes with the encoder; in `how.folder` the encoder stays."""
    folder, is_kept = run_folder(how, learned.texts, learned.targets)
    grown = grow(learned, encoder, C=C, answers=answers, how=how, folder=folder, told=told)
    if is_kept:
        clear_checkpoint(folder)
    else:
        weakref.finalize(grown.encoder, shutil.rmtree, folder, ignore_errors=True)
    return grown


def run_folder(how: FineTune, texts: Sequence[str], targets: Targets) -> tuple[Path, bool]:
    """A folder of this run's own, and whether it is kept."""
    if how.folder is None:
        return Path(tempfile.mkdtemp(prefix="frostline-tuned-")), False
    digest = hashlib.sha256(repr((how, list(texts), targets.labels)).encode() + targets.members.tobytes())
    return Path(how.folder) / digest.hexdigest()[:16], True


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """What a network and its head begin with."""

    checkpoint: Checkpoint
    blocks: tuple[Block, ...]
    ids: Sequence[Ids]
    rows: Features  # As the encoder reads them before
    targets: Targets
    C: float
    how: FineTune
    folder: Path

    def opened(self, fit: IntArray, *, tries_contrast: bool) -> "tuple[Network, LinearHead, bool]":
        """The network from the regression over the rows in `fit` on, that regression, and whether it was contrasted."""
        moves = max(block.layer for block in self.blocks) > self.how.freeze_layers
        if not (tries_contrast and moves and self.how.contrast and self._gains()):
            head, units = self._head(self.rows, fit)
            return self._network(head, units), head, False
        network = self._network(*self._head(self.rows, fit))
        head, units = self._head(self._contrasted(network, fit), fit)
        network.begin_with(head, units)
        return network, head, True

    def _head(self, rows: Features, fit: IntArray) -> "tuple[LinearHead, Units]":
        from frostline.finetune.network import Units  # noqa: PLC0415 - torch, only where it is needed

        units = Units.of(rows[fit], n_blocks=len(self.blocks))
        head = fit_at(
            units.measured(rows[fit]),
            self.targets.take(fit),
            C=self.C,
            class_weight=self.how.class_weight,
            standardise=False,
        )
        return head, units

    def _network(self, head: LinearHead, units: "Units") -> "Network":
        from frostline.finetune.network import open_network  # noqa: PLC0415 - torch, only where it is needed

        return open_network(
            self.checkpoint,
            head,
            self.blocks,
            units=units,
            freeze_layers=self.how.freeze_layers,
            trains_embeddings=self.how.embeddings,
            device=self.how.device,
            products=self.how.products,
        )

    def _contrasted(self, network: "Network", fit: IntArray) -> Features:
        from frostline.finetune.contrast import contrast  # noqa: PLC0415 - torch, only where it is needed

        learned = np.isin(np.arange(len(self.ids)), fit)
        return contrast(
            network,
            self.ids,
            rows=self.rows,
            targets=self.targets,
            learned=learned,
            options=self.how,
            folder=self.folder,
        )

    def _gains(self) -> bool:
        """Whether, in two folds, a head is right more often over rows of a network contrasted on the other fold."""
        n_folds = possible_folds(CONTRAST_FOLDS, self.targets)
        if n_folds < 2:
            return False
        numbers, right = folds(self.targets, n_folds=n_folds, seed=self.how.seed), np.zeros(2)
        for fold in range(n_folds):
            fit, out = np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)
            if len(self.targets.take(fit).occurring().labels) < len(self.targets.labels):
                return False
            before = self._head(self.rows, fit)
            moved = self._contrasted(self._network(*before), fit)
            for place, (rows, (head, units)) in enumerate(((self.rows, before), (moved, self._head(moved, fit)))):
                said = head.answer(head.predict_proba(units.measured(rows[out]))).favoured
                right[place] += (said == self.targets.members[out]).all(axis=1).sum()
        return bool(right[1] > right[0])


@contextlib.contextmanager
def _nothing_left(folder: Path) -> Iterator[None]:
    """Where it fails before there is a checkpoint to go on from, nothing of the run is left."""
    try:
        yield
    except BaseException:
        if not (folder / STATE).exists():
            clear_checkpoint(folder)
            with contextlib.suppress(OSError):  # somebody else's files are there
                folder.rmdir()
        raise


def _settled(  # noqa: PLR0913 - a head, who reads for it, and by which rows
    head: LinearHead, reader: Encoder, learned: Part, held: IntArray, answers: AnswerOptions, *, seed: int
) -> Settled:
    """The grown head, calibrated and with its rule, by the rows held out: it is over-sure of those it was tuned on."""
    targets = learned.targets.take(held)
    return settle_answers(
        head,
        head.decision_function(reader.encode([learned.texts[row] for row in held.tolist()]).rows),
        targets,
        learned=np.ones(len(head.labels), dtype=bool),
        folds=folds(targets, n_folds=max(2, possible_folds(5, targets)), seed=seed),
        answers=answers,
    )


def tuned_beside(  # noqa: PLR0913 - rows, their split, who reads, how, and who is told
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    train_rows: IntArray,
    test_rows: IntArray,
    how: FineTune | None = None,
    told: Told | None = None,
    expects: Callable[[Cost], None] | None = None,
) -> TuningRecord:
    """Frozen beside tuned on a split that is given; of the run itself nothing is kept.

    Parameters
    ----------
    dataset : Dataset
    encoder : SentenceEncoder
        As it is before; its features are what the head is over.
    train_rows, test_rows : ndarray, dtype=int64
        Numbers of the rows tuned on, and of those both are tested on. Of the latter, copies of the former are left out.
    how : FineTune, optional
    told, expects : callable, optional
        As for `tune`.
    """
    seed = (how or FineTune()).seed
    with tempfile.TemporaryDirectory(prefix="frostline-tuning-") as place:
        return finetune(
            dataset.take(train_rows),
            encoder,
            test=dataset.take(test_rows),
            options=TrainingOptions(search=SearchOptions(seed=seed)),
            how=how,
            folder=Path(place),
            told=told,
            expects=expects,
        ).record


def _held(targets: Targets, how: FineTune) -> IntArray:
    """The rows by which epochs are judged; none where a label has too few."""
    if min(targets.counts_apart().values()) < FEWEST_OF_A_LABEL:
        return np.zeros(0, np.int64)
    return holdout(targets, test_fraction=how.held_out, seed=how.seed)[1]


def _write(place: Path, source: Path, tensors: dict[str, Any], seen: bytes) -> None:
    """The tuned checkpoint: its weights, the source's other files, and the digests of what it was tuned on."""
    from safetensors.torch import save  # noqa: PLC0415

    place.mkdir(exist_ok=True)
    for name in CHECKPOINT_FILES:
        if name != WEIGHTS and (source / name).is_file():
            shutil.copyfile(source / name, place / name)
    publish_bytes(place / SEEN, seen)
    publish_bytes(place / WEIGHTS, save(tensors, metadata={"format": "pt"}))


def _tested(
    frozen: Training, grown: Grown, dataset: Dataset, test: Dataset | None, options: TrainingOptions
) -> tuple[Training, BoolArray, IntArray | None]:
    """The training as it is with the tuned encoder and head; what it gives the test rows, and their lots."""
    started = time.perf_counter()
    split, learned, record = split_rows(dataset, test, options), frozen.learned, frozen.record
    if split.test is None or learned is None:
        raise UsageError("Fine-tuning needs rows to test on.")
    head, reader = grown.head, grown.encoder
    part = Part(split.test.texts, reader.encode(split.test.texts).rows, split.test.targets_over(head.labels))
    own = Part(learned.texts, reader.encode(learned.texts).rows, learned.targets)
    tested = measured_head(head, part)
    tested = replace(tested, against=baselines([(own, part)], favoured=tested.favoured, seed=record.seed))
    record = replace(
        record,
        encoder=reader.identity,
        search=replace(record.search, thresholds=(head.rule or Rule()).thresholds),
        test=tested.evaluation,
        at_half=at_half(tested, seed=record.seed),
        uncalibrated=uncalibrated(head, tested),
        probabilities=probability_record(head, tested),
        calibration=None if grown.calibration is None else calibration_record(grown.calibration),
        decision=None,
        unlike=None,
        baselines=tested.against,
        seconds=replace(record.seconds, evaluate=record.seconds.evaluate + time.perf_counter() - started),
    )
    training = Training(
        head=head,
        record=record,
        test_probabilities=tested.probabilities,
        examples=examples_of(head, split.test, tested),
        learned=own,
    )
    return training, tested.favoured, part.targets.shared_lots
