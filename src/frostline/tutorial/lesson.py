"""The practical, computed: each step with the facts and the exhibit that the notebook shows there.

Source: the two practicals "DistilBERT: Pre-trained Deep Learning Model"; their grid is linspace(0.0001, 100, 20).
"""

import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Literal, TypeAlias, final

import numpy as np

from frostline.arrays import Features, Float64Array, IntArray, Progress
from frostline.data.dataset import Dataset
from frostline.data.split import random_holdout, stratified_folds
from frostline.encoder.architecture import load_architecture
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.encoder import Encoder
from frostline.encoder.onnx import OnnxBackend
from frostline.encoder.reading import Reading, SentenceEncoder, TokenBatch
from frostline.errors import InputError
from frostline.evaluate.scores import evaluate, most_probable
from frostline.head.options import SearchOptions, tutorial_grid
from frostline.head.search import Search, search
from frostline.targets import Targets
from frostline.threads import work_through

TEST_FRACTION = 0.25
N_FOLDS = 5
UNMASKED_ROWS = 8


@final
@dataclass(frozen=True, slots=True)
class Step:
    """One step of the lesson."""

    name: str  # Its key in words.WORDS
    facts: dict[str, object]  # What its paragraph names
    # Lines to show as they are: numbers, not words, so the same in every language.
    exhibit: tuple[str, ...] = field(default=())


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """Train and test on one way of making rows: what the last steps compare."""

    search: Search
    accuracy: float
    interval: tuple[float, float]


def give_lesson(
    dataset: Dataset,
    encoder: Encoder,
    reader: SentenceEncoder,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Iterator[Step]:
    """The steps of the practical over `dataset`, each yielded as soon as it is computed.

    Raises `InputError`: fewer than two classes, or too few rows to split and fold.

    Parameters
    ----------
    encoder : Encoder
        Opened with the features `cls@-1`.
    reader : SentenceEncoder
        The same encoder, or one that remembers.
    seed : int
        Of the split and the folds.
    progress : callable, optional
        Counts sentences read.
    """
    labels, codes = np.unique(np.asarray(dataset.labels), return_inverse=True)
    sizes = np.bincount(codes)
    if len(labels) < 2 or sizes.min() < 2 * N_FOLDS:
        raise InputError(
            f"The lesson needs two classes with at least {2 * N_FOLDS} rows each (got {dataset.counts()}).",
            hint="Give it more rows: --limit says how many are taken.",
        )
    yield _data_step(dataset, sizes)
    yield _pieces_step(dataset, encoder)
    ids = encoder.word_pieces.tokenize(dataset.texts).ids
    padded, mask = padded_matrix(ids)
    yield _padding_step(padded, mask)
    yield Step("mask", {}, tuple(_corner(mask)))
    started = time.perf_counter()
    reading = reader.encode(dataset.texts, progress=progress)
    yield _encoder_step(encoder, reading, padded.shape, time.perf_counter() - started, ids[0])
    yield _cls_step(reading.rows)
    train, test = random_holdout(len(codes), test_fraction=TEST_FRACTION, seed=seed)
    yield Step("split", {"n_train": len(train), "n_test": len(test), "seed": seed})
    started = time.perf_counter()
    trial = _try(reading.rows, codes, train, test, seed=seed)
    yield _search_step(trial.search, time.perf_counter() - started)
    yield _test_step(trial, codes[train], codes[test])
    without = unmasked_rows(encoder, padded, progress=progress)
    unmasked = _try(without, codes, train, test, seed=seed)
    yield _unmasked_step(reading.rows, without, mask, trial, unmasked)
    yield Step("onward", {"path": dataset.source.name})


def padded_matrix(ids: list[np.ndarray[tuple[int], np.dtype[np.int32]]]) -> tuple[IntArray, IntArray]:
    """Ids (n_texts, longest), zeros behind each sentence, and the attention mask of the same shape."""
    longest = max(len(row) for row in ids)
    padded = np.zeros((len(ids), longest), np.int64)
    mask = np.zeros_like(padded)
    for row, pieces in enumerate(ids):
        padded[row, : len(pieces)] = pieces
        mask[row, : len(pieces)] = 1
    return padded, mask


def unmasked_rows(encoder: Encoder, padded: IntArray, *, progress: Progress | None = None) -> Features:
    """[CLS] vectors (n_texts, hidden) as they come out when the mask is left out and the padding is looked at.

    Our graphs have no mask at all: given padding, they take it for words.
    """
    starts = range(0, len(padded), UNMASKED_ROWS)
    rows = np.empty((len(padded), encoder.hidden_size), np.float32)

    def read(start: int) -> int:
        batch = np.arange(start, min(start + UNMASKED_ROWS, len(padded)))
        rows[batch] = encoder.backend.forward(TokenBatch(batch, padded[batch]))
        return len(batch)

    work_through([starts], read, threads=encoder.threads, total=len(padded), progress=progress)
    return rows


def _test_step(trial: Trial, train: IntArray, test: IntArray) -> Step:
    """The score on the rows held out, beside that of the commonest label; both by their codes."""
    low, high = trial.interval
    majority = float((test == np.bincount(train).argmax()).mean())
    facts: dict[str, object] = {"n_test": len(test), "accuracy": trial.accuracy, "low": low, "high": high}
    facts["majority"] = majority
    return Step("test", facts, (f"lr_clf.score(test_features, test_labels)  ->  {trial.accuracy:.3f}",))


def _try(rows: Features, codes: IntArray, train: IntArray, test: IntArray, *, seed: int) -> Trial:
    labels = tuple(range(int(codes.max()) + 1))
    folds = stratified_folds(codes[train], n_folds=N_FOLDS, seed=seed)
    options = SearchOptions(Cs=tutorial_grid(), standardise=False)
    searched = search(rows[train], Targets.of_codes(codes[train], labels), options=options, folds=folds)
    probabilities = searched.head.predict_proba(rows[test])
    evaluation = evaluate(probabilities, most_probable(probabilities), Targets.of_codes(codes[test], labels))
    return Trial(search=searched, accuracy=evaluation.accuracy.value, interval=evaluation.accuracy.interval)


def _data_step(dataset: Dataset, sizes: IntArray) -> Step:
    counts = dataset.counts()
    facts = {
        "n_rows": len(dataset),
        "name": dataset.source.name,
        "smallest": int(sizes.min()),
        "largest": int(sizes.max()),
        "majority": float(sizes.max() / sizes.sum()),
    }
    heads = [f"{label!r:>6}  {text[:80]}" for text, label in zip(dataset.texts[:3], dataset.labels[:3], strict=True)]
    return Step("data", facts, (*heads, "", *(f"{label!r:>6}  {count}" for label, count in counts.items())))


def _pieces_step(dataset: Dataset, encoder: Encoder) -> Step:
    text = dataset.texts[0]
    pieces, ids = encoder.word_pieces.pieces(text), encoder.word_pieces.tokenize([text]).ids[0]
    facts: dict[str, object] = {"vocabulary": encoder.word_pieces.vocabulary_size, "n_pieces": len(pieces)}
    lines = []
    for start in range(0, len(pieces), 8):
        chunk = list(zip(pieces[start : start + 8], ids[start : start + 8].tolist(), strict=True))
        widths = [max(len(piece), len(str(number))) for piece, number in chunk]
        lines.append("  ".join(f"{piece:>{w}}" for (piece, _), w in zip(chunk, widths, strict=True)))
        lines.append("  ".join(f"{number:>{w}}" for (_, number), w in zip(chunk, widths, strict=True)))
    return Step("pieces", facts, (repr(text[:100]), "", *lines))


def _padding_step(padded: IntArray, mask: IntArray) -> Step:
    facts: dict[str, object] = {
        "n_rows": len(padded),
        "longest": padded.shape[1],
        "waste": float(1 - mask.mean()),
    }
    return Step("padding", facts, (f"np.array(padded).shape  ->  {padded.shape}", "", *_corner(padded)))


def _corner(matrix: IntArray) -> list[str]:
    """The first rows of a matrix, both its ends."""
    head, tail = matrix[:4, :8], matrix[:4, -4:]
    return [
        " ".join(f"{value:>6}" for value in left) + "  ... " + " ".join(f"{value:>4}" for value in right)
        for left, right in zip(head.tolist(), tail.tolist(), strict=True)
    ]


def _encoder_step(
    encoder: Encoder,
    reading: Reading,
    shape: tuple[int, ...],
    seconds: float,
    first: np.ndarray[tuple[int], np.dtype[np.int32]],
) -> Step:
    n_rows, longest = shape
    hidden = encoder.hidden_size
    facts = {
        "encoder": encoder.identity.name,
        "n_layers": encoder.n_layers,
        "hidden": hidden,
        "n_rows": n_rows,
        "longest": longest,
        "block_mb": n_rows * longest * hidden * 4 / 1e6,
        "seconds": seconds,
        "n_read": reading.n_read,
    }
    states = _last_states(encoder, first.astype(np.int64))
    pieces = [str(encoder.word_pieces.tokenizer.id_to_token(int(number))) for number in first[:4]]
    lines = [f"{piece:>12}  {_numbers(state)}" for piece, state in zip(pieces, states[:4], strict=True)]
    return Step("encoder", facts, (f"last_hidden_states[0].shape  ->  ({n_rows}, {longest}, {hidden})", "", *lines))


def _last_states(encoder: Encoder, ids: IntArray) -> Features:
    """The last layer's state of every word piece of one sentence: (n_pieces, hidden)."""
    folder = find_checkpoint(encoder.identity.name, revision=encoder.identity.revision).folder
    last, architecture = encoder.n_layers, load_architecture(folder)
    backend = OnnxBackend.open(architecture, blocks=(), identity_digest="", kept=None, token_layers=(last,))
    states: Features = backend.states(TokenBatch(np.zeros(1, np.int64), ids[None]), (last,))[last][0]
    return states


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
    lines = [
        f"{int(words):>3} word pieces + {int(mask.shape[1] - words):>3} padding:  {share:6.1%}"
        for words, share in _by_length(mask.sum(axis=1), relative)
    ]
    return Step("unmasked", facts, tuple(lines))


def _by_length(lengths: IntArray, relative: Float64Array) -> list[tuple[int, float]]:
    """Mean movement at five lengths, from the shortest to the longest."""
    chosen = np.unique(np.quantile(lengths, [0, 0.25, 0.5, 0.75, 1], method="nearest").astype(np.int64))
    return [(int(length), float(relative[lengths == length].mean())) for length in chosen]


Language: TypeAlias = Literal["en", "zh"]
Words: TypeAlias = Mapping[str, Mapping[str, str]]


def words(language: Language) -> Words:
    """Heading and paragraph of every step, by the step's name."""
    sentences: Words = tomllib.loads((resources.files(__package__) / f"{language}.toml").read_text("utf-8"))
    return sentences


def told(words: Words, step: str, facts: Mapping[str, object]) -> tuple[str, str]:
    """The heading and the paragraph of a step, with its facts in place."""
    return words[step]["heading"], words[step]["paragraph"].format(**facts)
