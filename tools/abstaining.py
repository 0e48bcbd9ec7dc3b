"""Whether promises are kept: `python tools/abstaining.py FOLDER [--draws 200] [SET ...]`.

Each draw takes 300 to 3,000 texts of one set, learns from them alone as `train` does where nobody names features (they,
they with words, or words alone; `--features-alone`: they), and promises 0.9 and 0.95 right answers with 95 %
confidence. Whether that was kept is seen on all texts that were not drawn. Of texts that are equal but for case, blanks
and punctuation one is in the set. Beside it the point estimate's way: the most answers of which so many were right on
held-out texts. A second table has the calibration error of the saved head on the same texts, chance out, before and
after calibrating. Ended by Ctrl-C it tells what it has. FOLDER is that of tools/default_features.py, with goemotions/.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path

import numpy as np
from default_features import FILES, reader
from scipy.special import betainc

from frostline.arrays import BoolArray, Features, Float64Array, Probabilities
from frostline.data.options import TableOptions
from frostline.data.split import random_of
from frostline.data.tables import read_labelled
from frostline.encoder.features import DEFAULT_FEATURES
from frostline.encoder.words import beside
from frostline.evaluate.probabilities import calibration_scores
from frostline.head.deciding import RuleFit, RuleOptions
from frostline.head.fitted import AnswerOptions, Fitted, fit
from frostline.head.linear import Rule, applied, link_of
from frostline.head.options import SearchOptions
from frostline.head.wished import fit_rule
from frostline.targets import Targets

WISHES = (0.9, 0.95)
SETS = {**FILES, "goemotions": ("goemotions/dev.tsv", "goemotions/test.tsv")}
READ = {
    "trec": TableOptions(text="text", label="label"),
    "goemotions": TableOptions(labels_separator=",", header=False, text=1, label=2),
}
FROM_WHICH_MANY = 1000
FEWEST = 5  # texts of a label, or its texts are left out of the draw


@dataclass(frozen=True)
class Kept:
    """One promise on the texts that were not drawn: how many got an answer, and how many of those were right."""

    n: int
    answered: int
    right: int

    def chance_of_less(self, wish: float) -> float:
        """The chance that the true share is below the wish, every share being equally likely before (Jeffreys)."""
        return float(betainc(self.right + 0.5, self.answered - self.right + 0.5, wish))

    def is_surely_less(self, wish: float) -> bool:
        """Whether so few would be right in less than one test of twenty, were the promise kept."""
        wrong = self.answered - self.right
        return wrong > 0 and bool(betainc(self.right + 1, wrong, wish) > 0.95)


@dataclass(frozen=True)
class Independent:
    """A set, one text of each set of copies."""

    texts: tuple[str, ...]
    rows: Features
    targets: Targets


def independent(folder: Path, name: str) -> Independent:
    """Read a set."""
    parts = [read_labelled(folder / file, READ.get(name, TableOptions())) for file in SETS[name] if file]
    labels = sorted({label for part in parts for label in part.counts()})
    members = np.concatenate([part.targets_over(labels).members for part in parts])
    texts = [text for part in parts for text in part.texts]
    first = {"".join(filter(str.isalnum, text.casefold())): row for row, text in reversed(list(enumerate(texts)))}
    kept = np.array(sorted(first.values()))
    rows = reader(DEFAULT_FEATURES).encode(texts).rows
    targets = Targets(tuple(labels), members[kept], exclusive=parts[0].targets.exclusive)
    return Independent(tuple(texts[row] for row in kept), rows[kept], targets)


def drawn(data: Independent, seed: int) -> tuple[Independent, BoolArray]:
    """The set without the texts of labels that are too rare in this draw, and which of them were drawn."""
    random, targets = random_of(seed), data.targets
    n_drawn = round(float(np.exp(random.uniform(np.log(300), np.log(min(3000, 0.8 * len(targets)))))))
    is_drawn = np.zeros(len(targets), dtype=bool)
    is_drawn[random.permutation(len(targets))[:n_drawn]] = True
    if not targets.exclusive:
        return data, is_drawn
    common = targets.members[is_drawn].sum(axis=0) >= FEWEST
    kept: BoolArray = np.asarray(targets.members[:, common].any(axis=1))
    names = tuple(label for label, is_kept in zip(targets.labels, common, strict=True) if is_kept)
    left = Targets(names, targets.members[kept][:, common], exclusive=True)
    return Independent(tuple(compress(data.texts, kept)), data.rows[kept], left), is_drawn[kept]


def kept(rule: Rule, probabilities: Probabilities, targets: Targets) -> Kept:
    """The answers of the saved head, by this rule, to texts that were not drawn."""
    favoured, sure = applied(rule, probabilities, link=link_of(targets))
    is_given = sure >= rule.answer_from
    right = (favoured == targets.members).all(axis=1) & is_given
    return Kept(len(targets), int(is_given.sum()), int(right.sum()))


def by_point_estimate(fitted: Fitted, targets: Targets, wish: float) -> Rule | None:
    """The most answers of which so many were right on held-out texts; ten at least."""
    rule = fitted.head.rule or Rule()
    favoured, sure = applied(rule, fitted.calibration.held_out, link=fitted.head.link)
    order = np.argsort(-sure, kind="stable")
    shares = np.cumsum((favoured == targets.members).all(axis=1)[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(shares[9:] >= wish)
    return replace(rule, answer_from=float(sure[order][enough[-1] + 9])) if len(enough) else None


@dataclass(frozen=True)
class Tried:
    """What one draw gave."""

    n: int  # Texts drawn
    kept: str  # Of features and words
    way: str  # Of calibrating
    # `before`, `after`: The calibration error on the texts that were not drawn, chance out.
    before: float
    after: float
    promises: dict[tuple[str, float], Kept | None]  # By way and wish; None where no promise was made


def tried(data: Independent, seed: int, *, with_words: bool) -> Tried:
    """What both ways gave on one draw."""
    data, is_drawn = drawn(data, seed)
    rows = beside(data.rows, data.texts, is_drawn) if with_words else data.rows
    learned = data.targets.take(is_drawn)
    fitted = fit(
        rows[is_drawn], learned, search=SearchOptions(choose_parts=with_words, threads=1), answers=AnswerOptions()
    )
    others, probabilities = data.targets.take(~is_drawn), fitted.head.predict_proba(rows[~is_drawn])
    found: dict[tuple[str, float], Kept | None] = {}
    for wish in WISHES:
        chosen: RuleFit = fit_rule(
            fitted.calibration.held_out,
            learned,
            folds=fitted.search.folds,
            options=RuleOptions(abstain_precision=wish),
            unmet="leave out",
        )
        ways = {
            "promised": chosen.rule if chosen.promises else None,
            "point estimate": by_point_estimate(fitted, learned, wish),
        }
        for way, rule in ways.items():
            found[way, wish] = None if rule is None else kept(rule, probabilities, others)
    before, after = (
        calibration_scores(head.predict_proba(rows[~is_drawn]), others).reliability.error.value
        for head in (fitted.search.head, fitted.head)
    )
    part = "features" if fitted.parts is None else fitted.parts.kept
    return Tried(len(learned), part, fitted.calibration.way, before, after, found)


def line(name: str, way: str, wish: float, found: Sequence[Kept | None]) -> str:
    """One row of the table."""
    made = [each for each in found if each is not None and each.answered]
    broken = sum(each.right < wish * each.answered for each in made)
    surely = sum(each.is_surely_less(wish) for each in made)
    likely = sum(each.chance_of_less(wish) for each in made)
    covered: Float64Array = np.array([each.answered / each.n for each in made])
    coverage = f"{100 * covered.mean():.1f} ({100 * covered.std():.1f})" if made else "none"
    cells = [
        name,
        f"{wish:g}",
        way,
        f"{len(made)} of {len(found)}",
        f"{broken}",
        f"{surely}",
        f"{likely:.1f}",
        coverage,
    ]
    return "| " + " | ".join(cells) + " |"


def errors_line(name: str, found: Sequence[Tried]) -> str:
    """One row of the table of calibration errors, in points: of all draws, and of those of 1,000 texts or more."""
    cells = [name]
    for some in (found, [one for one in found if one.n >= FROM_WHICH_MANY]):
        cells.append(f"{len(some)}")
        for side in ("before", "after"):
            errors = 100 * np.array([getattr(one, side) for one in some])
            cells.append(f"{errors.mean():.2f} ({errors.std(ddof=1):.2f})" if len(some) > 1 else "none")
    worse = sum(one.after > one.before for one in found)
    ways = Counter(one.way for one in found)
    cells += [", ".join(f"{way} {n}" for way, n in ways.most_common()), f"{worse}"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Draw, promise, look, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--draws", type=int, default=200, help="of all sets together")
    parser.add_argument("--first", type=int, default=0, help="the first draw's seed")
    parser.add_argument("--features-alone", action="store_true", help="do not try words beside them")
    given = parser.parse_args()
    read = {name: independent(given.folder, name) for name in given.sets}
    found: dict[str, list[Tried]] = {name: [] for name in read}
    with suppress(KeyboardInterrupt):
        for seed in range(given.first, given.first + given.draws):
            name = given.sets[seed % len(given.sets)]
            found[name].append(tried(read[name], seed, with_words=not given.features_alone))
            print(seed, name, found[name][-1], file=sys.stderr, flush=True)
    print("| set | wish | way | made | fewer right | surely fewer | chance of fewer, summed | answered %, mean (sd) |")
    print("|---" * 8 + "|")
    for way in ("promised", "point estimate"):
        for wish in WISHES:
            every = {name: [each.promises[way, wish] for each in tries] for name, tries in found.items()}
            for name, one in [*every.items(), ("all", [each for tries in every.values() for each in tries])]:
                print(line(name, way, wish, one))
    print(
        f"\n| set | draws | before | after | from {FROM_WHICH_MANY:,} texts on | before | after | ways | worse after |"
    )
    print("|---" * 9 + "|")
    for name, draws in [*found.items(), ("all", [each for tries in found.values() for each in tries])]:
        print(errors_line(name, draws))


if __name__ == "__main__":
    main()
