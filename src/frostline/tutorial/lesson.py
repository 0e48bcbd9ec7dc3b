"""The practical, computed: each step with the facts and the exhibit that the practical shows there.

Source: the two practicals "DistilBERT: Pre-trained Deep Learning Model"; their grid is linspace(0.0001, 100, 20).
"""

import hashlib
import time
import tomllib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Literal, TypeAlias, final

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray, Progress
from frostline.data.dataset import Dataset
from frostline.data.split import random_holdout, stratified_folds
from frostline.encoder.architecture import Architecture, load_architecture
from frostline.encoder.checkpoint import DEFAULT_ENCODER, find_checkpoint, own_name
from frostline.encoder.encoder import Encoder
from frostline.encoder.onnx import OnnxBackend
from frostline.encoder.reading import Around, EncoderIdentity, Reading, SentenceEncoder, TokenBatch
from frostline.encoder.seen import refuse_seen
from frostline.encoder.tokens import Ids, WordPieces
from frostline.errors import InputError, UsageError, shown
from frostline.evaluate.paired import accuracy_difference
from frostline.evaluate.scores import evaluate, most_probable
from frostline.head.options import SearchOptions, tutorial_grid
from frostline.head.search import Search, search
from frostline.record import TuningRecord
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Label, Targets
from frostline.threads import work_through

TEST_FRACTION = 0.25
N_FOLDS = 5
UNMASKED_ROWS = 8
FEWEST_PIECES, MOST_PIECES = 6, 24  # Of the sentence that is followed, [CLS] and [SEP] included
DRAWN_PIECES = 40  # Of a longer one: what shows all of them against all grows with the square
PRACTICAL_ROWS, PRACTICAL_LONGEST = 2000, 59  # What the practicals' own file comes to


@final
@dataclass(frozen=True, slots=True)
class Step:
    """One step of the lesson."""

    name: str  # Its table in en.toml and zh.toml
    facts: dict[str, object]  # What its paragraph names
    # Lines to show as they are: numbers, not words, so the same in every language.
    exhibit: tuple[str, ...] = field(default=())
    asides: tuple[str, ...] = ()  # Further keys of its table, said after the paragraph


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """Train and test on one way of making rows: what the last steps compare."""

    search: Search
    accuracy: float
    interval: tuple[float, float]
    is_right: BoolArray  # (n_test,)
    lots: IntArray | None  # (n_test,): As `Targets.shared_lots`


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Computed:
    """What the steps were computed from, for pictures of it."""

    labels: tuple[Label, ...]
    codes: IntArray  # (n_texts,): The place of each text's label among `labels`
    texts: Sequence[str]  # n_texts
    running: int  # The row of the sentence that is followed
    pieces: tuple[str, ...]  # Its word pieces, as the vocabulary writes them
    words: tuple[str, ...]  # For each piece the word of the sentence that it is cut from; empty for [CLS] and [SEP]
    ids: list[Ids]  # (n_texts, ragged)
    rows: Features  # (n_texts, hidden): [CLS], last layer
    unmasked: Features  # The same as they come out without the mask
    better: Features  # (n_texts, (n_layers + 1) * hidden): the mean of every layer
    train: IntArray
    test: IntArray
    trial: Trial
    better_trial: Trial
    states: Features  # (n_layers + 1, n_pieces, hidden): Of the sentence that is followed
    architecture: Architecture


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """One encoder, as the lesson reads with it."""

    practical: Encoder  # cls@-1, without a memory
    first: SentenceEncoder  # The same, or one that remembers
    better: SentenceEncoder  # mean@all: what the last step sets beside the practical


def _refuse_untaught(encoder: Encoder) -> None:
    """Raise for an encoder that does what the lesson does not show."""
    if encoder.is_table:
        raise UsageError(
            f"The lesson looks into layers; {encoder.identity.name} is a table of word pieces and has none.",
            hint="Leave --encoder out.",
        )
    if encoder.identity.prefix:
        raise UsageError(
            f"The lesson shows texts as they are, and {encoder.identity.name} reads each behind "
            f"{shown(encoder.identity.prefix)}.",
            hint="Leave --encoder out, or pass --prefix '' to read them as they are.",
        )


def give_lesson(
    dataset: Dataset,
    readers: Readers,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Generator[Step, None, Computed]:
    """The steps of the practical over `dataset`, each yielded as soon as it is computed; returns what they rest on.

    Raises `InputError`: fewer than two classes, or too few rows to split and fold.

    Parameters
    ----------
    readers : Readers
        One encoder, opened as the steps need it.
    seed : int
        Of the split and the folds.
    progress : callable, optional
        Counts sentences read.
    """
    encoder = readers.practical
    labels, codes = np.unique(np.asarray(dataset.labels), return_inverse=True)
    sizes = np.bincount(codes)
    if len(labels) < 2 or sizes.min() < 2 * N_FOLDS:
        raise _too_few(dataset)
    _refuse_untaught(encoder)
    refuse_seen(dataset.texts, encoder)
    tokens = encoder.word_pieces.tokenize(dataset.texts)
    ids, n_cut = tokens.ids, int(np.count_nonzero(tokens.cut))
    running = running_row(ids, unknown=encoder.word_pieces.unknown)
    yield _start_step(encoder)
    yield _data_step(dataset, sizes)
    yield _pieces_step(dataset.texts[running], ids, running, encoder, n_cut=n_cut)
    padded, mask = padded_matrix(ids)
    yield _padding_step(padded, mask, n_cut=n_cut)
    yield Step("mask", {}, tuple(_corner(mask)))
    started = time.perf_counter()
    reading = readers.first.encode(dataset.texts, progress=progress)
    seconds = time.perf_counter() - started
    architecture, states = _all_states(encoder, ids[running].astype(np.int64))
    yield _encoder_step(encoder, reading, padded.shape, seconds, states[-1], ids[running])
    yield _cls_step(reading.rows)
    train, test = practical_split(len(codes), seed=seed)
    targets = replace(Targets.of_codes(codes, range(len(labels))), together=dataset.targets.together)
    yield Step("split", {"n_train": len(train), "n_test": len(test), "seed": seed})
    started = time.perf_counter()
    trial = _try(reading.rows, targets, train, test, seed=seed)
    yield _search_step(trial.search, time.perf_counter() - started)
    yield _test_step(trial, codes[train], codes[test])
    store = readers.first.store if isinstance(readers.first, StoredEncoder) else None
    without = unmasked_rows(encoder, dataset.texts, longest=padded.shape[1], store=store, progress=progress)
    unmasked = _try(without, targets, train, test, seed=seed)
    yield _unmasked_step(reading.rows, without, mask, trial, unmasked)
    better_rows = readers.better.encode(dataset.texts, progress=progress).rows
    better_trial = _try(better_rows, targets, train, test, seed=seed)
    yield onward_step(Path(dataset.source.name).name, trial, better_trial)
    return Computed(
        labels=tuple(labels.tolist()),
        codes=codes,
        texts=dataset.texts,
        running=running,
        pieces=tuple(encoder.word_pieces.pieces(dataset.texts[running])),
        words=cut_words(encoder.word_pieces, dataset.texts[running], len(ids[running])),
        ids=ids,
        rows=reading.rows,
        unmasked=without,
        better=better_rows,
        train=train,
        test=test,
        trial=trial,
        better_trial=better_trial,
        states=states,
        architecture=architecture,
    )


def _too_few(dataset: Dataset) -> InputError:
    """What there is too little of, and what would help."""
    counts = dataset.counts()
    few = [label for label, count in counts.items() if count < 2 * N_FOLDS]
    some = {label: counts[label] for label in sorted(counts, key=lambda label: counts[label])[:3]}
    told = f"{counts}" if len(counts) == len(some) else f"{len(counts):,} labels, such as {some}"
    if len(counts) < 2:
        hint = "All rows taken have this label. Name the column of the labels with --label, or take more with --limit."
    elif len(few) > 3:
        hint = "Are these the labels? --text and --label name the columns."
    else:
        or_not = ", or leave them out" if len(counts) - len(few) > 1 else ""
        hint = f"Add rows of {', '.join(map(shown, few))}{or_not}; --limit says how many are taken."
    return InputError(
        f"The lesson needs two classes with at least {2 * N_FOLDS} rows each (got {told}).",
        hint=hint,
    )


def practical_split(n_rows: int, *, seed: int) -> tuple[IntArray, IntArray]:
    """The rows learned from and those tested on, as the practical draws them."""
    return random_holdout(n_rows, test_fraction=TEST_FRACTION, seed=seed)


def running_row(ids: Sequence[Ids], *, unknown: int | None) -> int:
    """The sentence that is followed: the first that fits a picture and has no unknown piece, else the first that fits.

    The practical's own file begins with one that fits. Where none does it is the first of those that come nearest.
    """
    fits = [row for row, pieces in enumerate(ids) if FEWEST_PIECES <= len(pieces) <= MOST_PIECES]
    known = (row for row in fits if unknown is None or unknown not in ids[row])
    away = [max(FEWEST_PIECES - len(pieces), len(pieces) - MOST_PIECES) for pieces in ids]
    return next(known, fits[0] if fits else int(np.argmin(away)))


def cut_words(word_pieces: WordPieces, text: str, n_pieces: int) -> tuple[str, ...]:
    """The word of `text` that each of its pieces is cut from; [CLS], [SEP] and what was left off have none."""
    encoding = word_pieces.encodings([text])[0]
    spans: dict[int, tuple[int, int]] = {}
    for (start, end), word in zip(encoding.offsets, encoding.word_ids, strict=True):
        first, last = spans.get(word, (start, end))
        spans[word] = min(first, start), max(last, end)
    inner = [text[slice(*spans[word])] for word in encoding.word_ids]
    before, after = len(word_pieces.before), len(word_pieces.after)
    return ("",) * before + tuple(inner[: n_pieces - before - after]) + ("",) * after


def padded_matrix(ids: Sequence[Ids], *, longest: int | None = None) -> tuple[IntArray, IntArray]:
    """Ids (n_texts, longest), zeros behind each sentence, and the attention mask of the same shape."""
    longest = longest or max(len(row) for row in ids)
    padded = np.zeros((len(ids), longest), np.int64)
    mask = np.zeros_like(padded)
    for row, pieces in enumerate(ids):
        padded[row, : len(pieces)] = pieces
        mask[row, : len(pieces)] = 1
    return padded, mask


@final
@dataclass(frozen=True, slots=True, eq=False)
class Unmasked(Around):
    """The encoder as it reads where the mask is left out: every text padded to `longest` pieces, the padding looked at.

    Our graphs have no mask at all: given padding, they take it for words. Its rows may be kept like any others.
    """

    encoder: Encoder
    longest: int

    @property
    def identity(self) -> EncoderIdentity:
        """Another encoder's: without the mask, and by how much padding there is, the same text has another row."""
        own = self.encoder.identity
        told = f"{own.config_sha256}, without its mask, padded to {self.longest}"
        digest = hashlib.sha256(told.encode()).hexdigest()
        return replace(own, name=f"{own.name} without its mask", config_sha256=digest)

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:
        """[CLS] vectors (n_texts, hidden) as they come out when the padding is looked at."""
        tokens = self.encoder.word_pieces.tokenize(texts)
        padded, mask = padded_matrix(tokens.ids, longest=self.longest)
        rows = np.empty((len(padded), self.hidden_size), np.float32)

        def read(start: int) -> int:
            batch = np.arange(start, min(start + UNMASKED_ROWS, len(padded)))
            rows[batch] = self.encoder.backend.forward(TokenBatch(batch, padded[batch]))
            return len(batch)

        starts = range(0, len(padded), UNMASKED_ROWS)
        work_through([starts], read, threads=self.encoder.threads, total=len(padded), progress=progress)
        pieces = mask.sum(axis=1).astype(np.int32)
        return Reading(rows=rows, pieces=pieces, cut=np.asarray(tokens.cut), n_read=len(texts))


def unmasked_rows(
    encoder: Encoder,
    texts: Sequence[str],
    *,
    longest: int,
    store: FeatureStore | None,
    progress: Progress | None = None,
) -> Features:
    """What `Unmasked` reads, remembered where there is a store."""
    unmasked: SentenceEncoder = Unmasked(encoder, longest)
    if store is not None:
        unmasked = StoredEncoder(unmasked, store)
    return unmasked.encode(texts, progress=progress).rows


def _test_step(trial: Trial, train: IntArray, test: IntArray) -> Step:
    """The score on the rows held out, beside that of the commonest label; both by their codes."""
    low, high = trial.interval
    majority = float((test == np.bincount(train).argmax()).mean())
    facts: dict[str, object] = {"n_test": len(test), "accuracy": trial.accuracy, "low": low, "high": high}
    facts["majority"] = majority
    return Step("test", facts, (f"lr_clf.score(test_features, test_labels)  ->  {trial.accuracy:.3f}",))


def _try(rows: Features, targets: Targets, train: IntArray, test: IntArray, *, seed: int) -> Trial:
    learned, tested = replace(targets, together=None).take(train), targets.take(test)
    folds = stratified_folds(learned.codes, n_folds=N_FOLDS, seed=seed)
    options = SearchOptions(Cs=tutorial_grid(), standardise=False)
    searched = search(rows[train], learned, options=options, folds=folds)
    probabilities = searched.head.predict_proba(rows[test])
    favoured = most_probable(probabilities)
    evaluation = evaluate(probabilities, favoured, tested)
    return Trial(
        search=searched,
        accuracy=evaluation.accuracy.value,
        interval=evaluation.accuracy.interval,
        is_right=favoured.argmax(axis=1) == tested.codes,
        lots=tested.shared_lots,
    )


def _data_step(dataset: Dataset, sizes: IntArray) -> Step:
    counts = dataset.counts()
    facts = {
        "n_rows": len(dataset),
        "name": Path(dataset.source.name).name,
        "smallest": int(sizes.min()),
        "largest": int(sizes.max()),
        "majority": float(sizes.max() / sizes.sum()),
        "text_column": dataset.source.text_column,
        "label_column": dataset.source.label_column,
    }
    heads = [f"{label!r:>6}  {text[:80]}" for text, label in zip(dataset.texts[:3], dataset.labels[:3], strict=True)]
    return Step("data", facts, (*heads, "", *(f"{label!r:>6}  {count}" for label, count in counts.items())))


def _start_step(encoder: Encoder) -> Step:
    """Which encoder the practical uses, which one this is, and what to expect of its [CLS]."""
    name, family = own_name(encoder.identity.name), encoder.identity.family
    facts: dict[str, object] = {"encoder": name, "family": family}
    return Step("start", facts, asides=("sentences" if name == DEFAULT_ENCODER else "practical",))


def _pieces_step(text: str, every: Sequence[Ids], running: int, encoder: Encoder, *, n_cut: int) -> Step:
    ids, unknown = every[running], encoder.word_pieces.unknown
    pieces = encoder.word_pieces.pieces(text)
    all_ids = np.concatenate(list(every))
    facts: dict[str, object] = {
        "vocabulary": encoder.word_pieces.vocabulary_size,
        "n_pieces": len(pieces),
        "row": running,
        "n_cut": n_cut,
        "max_length": encoder.word_pieces.max_length,
        "unknown": "" if unknown is None else str(encoder.word_pieces.tokenizer.id_to_token(unknown)),
        "unknown_share": 0.0 if unknown is None else float((all_ids == unknown).mean()),
    }
    lines = []
    for start in range(0, min(len(pieces), DRAWN_PIECES), 8):
        chunk = list(zip(pieces[start : start + 8], ids[start : start + 8].tolist(), strict=True))
        widths = [max(len(piece), len(str(number))) for piece, number in chunk]
        lines.append("  ".join(f"{piece:>{w}}" for (piece, _), w in zip(chunk, widths, strict=True)))
        lines.append("  ".join(f"{number:>{w}}" for (_, number), w in zip(chunk, widths, strict=True)))
    if len(pieces) > DRAWN_PIECES:
        lines.append("...")
    asides = (
        *(("cut",) if n_cut else ()),
        *(("unknown_pieces",) if facts["unknown_share"] else ()),
    )  # which are not cut into anything
    return Step("pieces", facts, (repr(text[:100]), "", *lines), asides)


def _padding_step(padded: IntArray, mask: IntArray, *, n_cut: int) -> Step:
    facts: dict[str, object] = {
        "n_rows": len(padded),
        "longest": padded.shape[1],
        "waste": float(1 - mask.mean()),
        "n_cut": n_cut,
    }
    asides: tuple[str, ...] = ("cut",) if n_cut else ()
    asides += ("practicals",) if padded.shape == (PRACTICAL_ROWS, PRACTICAL_LONGEST) else ()
    return Step("padding", facts, (f"np.array(padded).shape  ->  {padded.shape}", "", *_corner(padded)), asides)


def _corner(matrix: IntArray) -> list[str]:
    """The first rows of a matrix, both its ends."""
    head, tail = matrix[:4, :8], matrix[:4, -4:]
    return [
        " ".join(f"{value:>6}" for value in left) + "  ... " + " ".join(f"{value:>4}" for value in right)
        for left, right in zip(head.tolist(), tail.tolist(), strict=True)
    ]


def _encoder_step(  # noqa: PLR0913, PLR0917 - what is known after reading
    encoder: Encoder,
    reading: Reading,
    shape: tuple[int, ...],
    seconds: float,
    states: Features,
    ids: Ids,
) -> Step:
    """`states` (n_pieces, hidden) and `ids` are those of the sentence that is followed."""
    n_rows, longest = shape
    hidden = encoder.hidden_size
    facts = {
        "encoder": own_name(encoder.identity.name),
        "n_layers": encoder.n_layers,
        "hidden": hidden,
        "n_rows": n_rows,
        "longest": longest,
        "block_mb": n_rows * longest * hidden * 4 / 1e6,
        "seconds": seconds,
        "n_read": reading.n_read,
    }
    pieces = [str(encoder.word_pieces.tokenizer.id_to_token(int(number))) for number in ids[:4]]
    lines = [f"{piece:>12}  {_numbers(state)}" for piece, state in zip(pieces, states[:4], strict=True)]
    return Step("encoder", facts, (f"last_hidden_states[0].shape  ->  ({n_rows}, {longest}, {hidden})", "", *lines))


def _all_states(encoder: Encoder, ids: IntArray) -> tuple[Architecture, Features]:
    """Every layer's state of every word piece of one sentence: (n_layers + 1, n_pieces, hidden)."""
    folder = find_checkpoint(encoder.identity.name, revision=encoder.identity.revision).folder
    layers, architecture = tuple(range(encoder.n_layers + 1)), load_architecture(folder)
    backend = OnnxBackend.open(architecture, blocks=(), identity_digest="", kept=None, token_layers=layers)
    states = backend.states(TokenBatch(np.zeros(1, np.int64), ids[None]), layers)
    return architecture, np.stack([states[layer][0] for layer in layers])


def _cls_step(rows: Features) -> Step:
    lines = [f"{row:>6}  {_numbers(values)}" for row, values in enumerate(rows[:3])]
    exhibit = (f"features = last_hidden_states[0][:, 0, :]  ->  {rows.shape}", "", *lines)
    return Step("cls", {"n_rows": len(rows), "hidden": rows.shape[1]}, exhibit)


def _numbers(values: Features) -> str:
    return " ".join(f"{value:+.3f}" for value in values[:8]) + " ..."


def _search_step(searched: Search, seconds: float) -> Step:
    scores = searched.scores[:, 0]
    means, chosen_C = scores.mean(axis=1), float(searched.chosen_C[0])
    facts: dict[str, object] = {
        "n_Cs": len(searched.Cs),
        "n_folds": scores.shape[1],
        "problems": scores.size,
        "seconds": seconds,
        "C": chosen_C,
        "best_score": float(means.max()),
    }
    shown = [f"C = {C:>9.4f}  {mean:.4f}" for C, mean in zip(searched.Cs, means, strict=True)]
    half = (len(shown) + 1) // 2
    pairs = zip(shown[:half], [*shown[half:], ""], strict=False)
    lines = [f"{left}    {right}".rstrip() for left, right in pairs]
    chosen = f"best parameters: {{'C': {chosen_C:.6g}}}   best score: {means.max():.4f}"
    return Step("search", facts, (*lines, "", chosen))


def _unmasked_step(rows: Features, without: Features, mask: IntArray, trial: Trial, unmasked: Trial) -> Step:
    with_mask, no_mask = rows.astype(np.float64), without.astype(np.float64)
    lengths = np.linalg.norm(with_mask, axis=1)
    relative = np.linalg.norm(no_mask - with_mask, axis=1) / lengths
    cosine = (with_mask * no_mask).sum(axis=1) / (lengths * np.linalg.norm(no_mask, axis=1))
    padded = mask.min(axis=1) == 0
    facts: dict[str, object] = {
        "n_compared": len(rows),
        "relative": float(relative.mean()),
        "worst": float(relative.max()),
        "cosine": float(cosine.mean()),
        "same": int((~padded).sum()),
        "accuracy": trial.accuracy,
        "unmasked_accuracy": unmasked.accuracy,
    }
    is_other = f"{unmasked.accuracy:.3f}" != f"{trial.accuracy:.3f}"
    lines = [
        f"{int(words):>3} word pieces + {int(mask.shape[1] - words):>3} padding:  {share:6.1%}"
        for words, share in _by_length(mask.sum(axis=1), relative)
    ]
    return Step("unmasked", facts, tuple(lines), asides=("changed" if is_other else "unchanged",))


def _by_length(lengths: IntArray, relative: Float64Array) -> list[tuple[int, float]]:
    """Mean movement at five lengths, from the shortest to the longest."""
    chosen = np.unique(np.quantile(lengths, [0, 0.25, 0.5, 0.75, 1], method="nearest").astype(np.int64))
    return [(int(length), float(relative[lengths == length].mean())) for length in chosen]


def onward_step(name: str, trial: Trial, better: Trial) -> Step:
    """The practical's rows and the means of every layer, on the same split."""
    difference = accuracy_difference(better.is_right, trial.is_right, trial.lots)
    facts: dict[str, object] = {
        "path": name,
        "n_test": len(trial.is_right),
        "accuracy": trial.accuracy,
        "better_accuracy": better.accuracy,
        "difference": 100 * difference.value,
        "low": 100 * difference.interval[0],
        "high": 100 * difference.interval[1],
    }
    is_sure = difference.interval[0] > 0 or difference.interval[1] < 0
    return Step("onward", facts, asides=("sure" if is_sure else "unsure", "try_it"))


def tuned_step(name: str, found: TuningRecord) -> Step:
    """The practical's last step: the encoder frozen beside tuned, on the same rows of the same split."""
    low, high = found.lead.interval
    facts: dict[str, object] = {
        "path": name,
        "n_test": found.lead.n,
        "accuracy": found.frozen,
        "tuned_accuracy": found.frozen + found.lead.value,
        "difference": 100 * found.lead.value,
        "low": 100 * low,
        "high": 100 * high,
        "epochs": len(found.losses),
        "best": found.best,
        "seconds": found.seconds,
    }
    words = "better" if low > 0 else "worse" if high < 0 else "unsure"
    losses = "  ".join(f"{epoch}: {loss:.3f}" for epoch, loss in enumerate(found.held_out))
    kept = ("kept",) if found.held_out else ()
    return Step("tuned", facts, (losses,) if losses else (), asides=(words, *kept, "save_it"))


Language: TypeAlias = Literal["en", "zh"]
Words: TypeAlias = Mapping[str, Mapping[str, str]]


def words(language: Language) -> Words:
    """Heading and paragraph of every step, by the step's name."""
    sentences: Words = tomllib.loads((resources.files(__package__) / f"{language}.toml").read_text("utf-8"))
    return sentences


def told(words: Words, step: Step) -> tuple[str, str]:
    """The heading and the paragraph of a step, with its facts and its asides in place."""
    said = words[step.name]
    return said["heading"], "".join(said[key].format(**step.facts) for key in ("paragraph", *step.asides))


def exhibited(said: Words, step: Step) -> list[str]:
    """The exhibit of a step, its words in the language of the rest."""
    lines = list(step.exhibit)
    for key, english in words("en")["exhibit"].items():
        lines = [line.replace(english, said["exhibit"][key]) for line in lines]
    return lines
