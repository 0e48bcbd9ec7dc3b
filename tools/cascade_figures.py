"""What a cascade saves and changes: `python tools/cascade_figures.py FOLDER [--sets trec,sst2,cr,films]`.

FOLDER has sets as sub-folders with train.* and test.*, or one file alone, of which every fourth row is tested on;
`questions` and `films` are made of two of them each, short messages of two kinds: of `trec` or `sst2`, and of `cr`.
For each cheap head: the share answered early and changed, out of fold and on the test texts, and accuracy with and
without. Rows come from the store. Then the speed, of the head that `train --cascade` makes: the test texts (up to
`--timed`) answered with the cascade and without it in turn, nothing kept, three rounds; both by the clock and by
processor time.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from frostline.arrays import JoinedRows
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.encoder.encoder import Encoder, reader_for
from frostline.encoder.words import Vocabulary
from frostline.encoder.words import fit as fit_words
from frostline.evaluate.intervals import clopper_pearson
from frostline.head.cascade import Cascade, hear
from frostline.head.cascading import CascadeFit, fit_cascade
from frostline.head.fitted import AnswerOptions, Fitted, fit
from frostline.head.linear import LinearHead
from frostline.head.options import CascadeOptions, SearchOptions
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Targets

CHEAP = ("words", "mean@0+words", "mean@0,1+words", "mean@0,1,2+words", "mean@0,1,2,3+words")
ROUNDS = 3


def parts(folder: Path) -> tuple[Dataset, Dataset]:
    """What is learned from, and what is tested on."""
    given = [next(folder.glob(f"{part}.*"), None) for part in ("train", "test")]
    if None not in given:
        train, test = (read_labelled(path, TableOptions()) for path in given if path is not None)
        return train, test
    whole = read_labelled(next(folder.iterdir()), TableOptions())
    rows = np.arange(len(whole))
    return whole.take(rows[rows % 4 != 0]), whole.take(rows[rows % 4 == 0])


MADE = {"questions": ("trec", "cr"), "films": ("sst2", "cr")}


def two_kinds(folder: Path, names: Sequence[str]) -> tuple[tuple[list[str], Targets], tuple[list[str], Targets]]:
    """Texts of two sets, as many of each, labelled by whose they are; learned from and tested on."""
    made = []
    for first, second in zip(*(parts(folder / name) for name in names), strict=True):
        n = min(len(first), len(second))
        texts = [*first.texts[:n], *second.texts[:n]]
        made.append((texts, Targets.of_labels([name for name in names for _ in range(n)])))
    return made[0], made[1]


def of_set(folder: Path, name: str) -> tuple[tuple[list[str], Targets], tuple[list[str], Targets]]:
    """Texts and labels to learn from and to test on."""
    if name in MADE:
        return two_kinds(folder, MADE[name])
    train, test = parts(folder / name)
    labels = tuple(train.counts())
    train_targets, test_targets = train.targets_over(labels), test.targets_over(labels)
    return (list(train.texts), train_targets), (list(test.texts), test_targets)


class Measured:
    """One set: its full head, and what cheap heads do before it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        (self.texts, self.targets), (self.test_texts, self.test_targets) = of_set(folder, name)
        self.encoder = Encoder.open("minilm", features="mean@all")
        self.stored = StoredEncoder(self.encoder, FeatureStore.open())
        self.vocabulary: Vocabulary = fit_words(self.texts)
        rows, tested = (
            JoinedRows(self.stored.encode(texts).rows, self.vocabulary.rows(texts))
            for texts in (self.texts, self.test_texts)
        )
        started = time.perf_counter()
        self.search = SearchOptions(choose_parts=True)
        whole = fit(rows, self.targets, search=self.search, answers=AnswerOptions())
        self.seconds = time.perf_counter() - started
        self.full: Fitted = whole
        self.said = whole.head.answer(whole.head.predict_proba(tested))

    def cheap(self, features: str) -> CascadeFit | None:
        """The head over `features`, and a line of what it does."""
        reader = reader_for(self.encoder, features, self.vocabulary)
        started = time.perf_counter()
        made = fit_cascade(
            reader.encode(self.texts).for_head,
            self.targets,
            self.full,
            search_options=self.search,
            answers=AnswerOptions(),
            options=CascadeOptions(),
        )
        seconds = time.perf_counter() - started
        if isinstance(made, str):
            print(f"{self.name} {features}: {made}", flush=True)
            return None
        _, first = Cascade(head=made.head, reader=reader).hear(self.test_texts)
        early, members = first.answered, self.test_targets.members
        changed = early & (first.favoured != self.said.favoured).any(axis=1)
        favoured = np.where(early[:, None], first.favoured, self.said.favoured)
        right, without = ((own == members).all(axis=1).mean() for own in (favoured, self.said.favoured))
        counted = np.unique(self.targets.lots, return_index=True)[1]  # copies count once
        n, n_out = len(early), len(counted)
        upper = clopper_pearson(int(made.changed[counted].sum()), n_out)[1]
        low, high = clopper_pearson(int(changed.sum()), n)
        alone = (first.favoured == members).all(axis=1).mean()
        shares = [100 * own.mean() for own in (made.changed[counted], changed)]
        out = f"{made.early.mean():.3f} early, {shares[0]:.2f} % changed (to {100 * upper:.2f}, n = {n_out:,})"
        new = f"{early.mean():.3f} early, {shares[1]:.2f} % changed ({100 * low:.2f} to {100 * high:.2f}, n = {n:,})"
        scores = f"accuracy {100 * right:.2f} for {100 * without:.2f}, cheap alone {100 * alone:.1f}"
        said = (f"out of fold {out}", f"test {new}", scores, f"fitted in {seconds:.0f} s beside {self.seconds:.0f}")
        print(f"{self.name} {features}: {'; '.join(said)}", flush=True)
        return made

    def speed(self, head: LinearHead, features: str, asked: argparse.Namespace) -> None:
        """Texts a second with and without; and of CTranslate2's int8 with a head over the last layer's mean."""
        some = self.test_texts[:: max(1, len(self.test_texts) // asked.timed)][: asked.timed]
        encoder = Encoder.open("minilm", features="mean@all", threads=asked.threads)
        reading = reader_for(encoder, "mean@all+words", self.vocabulary)
        cascade = Cascade(head=head, reader=reader_for(encoder, features, self.vocabulary))
        full = self.full.head

        def answer(before: Cascade | None) -> Callable[[], object]:
            return lambda: hear(some, full, reading, cascade=before).answers()

        ways = {"the cascade": answer(cascade), "no cascade": answer(None)}
        if asked.ctranslate2 is not None:
            ways["CTranslate2 int8"] = self.neighbour(asked.ctranslate2, some, asked.threads)
        clock: dict[str, list[float]] = {way: [] for way in ways}
        used: dict[str, list[float]] = {way: [] for way in ways}
        for way in ways.values():
            way()
        for _ in range(ROUNDS):
            for name, way in ways.items():
                started, before = time.perf_counter(), time.process_time()
                way()
                clock[name].append(time.perf_counter() - started)
                used[name].append(time.process_time() - before)
        for other in list(ways)[1:]:
            for what, seconds in (("the clock", clock), ("processor time", used)):
                each = [one / two for one, two in zip(seconds[other], seconds["the cascade"], strict=True)]
                rate = len(some) / statistics.median(seconds["the cascade"])
                spread = f"({min(each):.2f} to {max(each):.2f}, n = {ROUNDS} rounds)"
                rates = f"{rate:,.0f} texts/s with the cascade ({len(some)} test texts, {asked.threads} threads)"
                print(
                    f"{self.name}: {statistics.median(each):.2f} times {other} {spread} by {what}, {rates}", flush=True
                )

    def neighbour(self, folder: Path, some: list[str], threads: int) -> Callable[[], object]:
        """What answers by CTranslate2's int8; told is how many answers differ from those by our float32 rows."""
        from bench.peers.neighbours import ctranslate2  # noqa: PLC0415 - where it is asked for

        last = slice(-self.encoder.hidden_size, None)
        rows, tested = (self.stored.encode(texts).rows[:, last] for texts in (self.texts, self.test_texts))
        head = fit(rows, self.targets, search=SearchOptions(), answers=AnswerOptions()).head
        read = ctranslate2(folder, "mean", threads)
        ours, theirs = head.predict(tested), head.predict(np.asarray(read(self.test_texts, 32), np.float32))
        changed = int((ours != theirs).sum())
        low, high = clopper_pearson(changed, len(ours))
        spread = f"({100 * low:.2f} to {100 * high:.2f}, n = {len(ours):,})"
        of = "of the answers of a head over the last layer"
        print(f"{self.name}: CTranslate2 int8 changes {100 * changed / len(ours):.2f} % {spread} {of}", flush=True)
        return lambda: head.predict(np.asarray(read(some, 32), np.float32))


def main() -> None:
    """Set by set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default="trec,sst2,cr,films,questions")
    parser.add_argument("--heads", default=",".join(CHEAP[:2]).replace(",", ";"), help="Features, apart by ;")
    parser.add_argument("--timed", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ctranslate2", type=Path, help="MiniLM's folder, with CTranslate2's model in ctranslate2/.")
    asked = parser.parse_args()
    for name in asked.sets.split(","):
        measured = Measured(name, asked.folder)
        for features in asked.heads.split(";"):
            made = measured.cheap(features)
            if made is not None and features == "mean@0+words":
                measured.speed(made.head, features, asked)


if __name__ == "__main__":
    main()
