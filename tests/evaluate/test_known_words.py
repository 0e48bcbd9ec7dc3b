"""With many labels the words' baseline is the search that weighed words beside the features, not another one."""

import numpy as np
import pytest

from frostline.arrays import JoinedRows
from frostline.encoder.words import vocabulary_or_none
from frostline.evaluate import baselines as module
from frostline.evaluate.baselines import WORDS, Part, from_words
from frostline.head.fitted import PLAIN_ANSWERS, fit
from frostline.head.options import SearchOptions
from frostline.targets import Targets
from frostline.training import tested as stage


def parts(n_labels: int) -> tuple[Part, Part]:
    """Texts whose words tell the label now and then, beside features that tell little."""
    rng = np.random.default_rng(0)
    codes = np.arange(8 * n_labels) % n_labels
    said = np.where(rng.random(len(codes)) < 0.2, rng.integers(n_labels, size=len(codes)), codes)
    texts = [f"w{rng.integers(9)} w{rng.integers(9)} c{code}a c{code}b" for code in said]
    features = (rng.normal(size=(len(codes), 6)) + 0.1 * codes[:, None]).astype(np.float32)
    n_learned = 6 * n_labels
    vocabulary = vocabulary_or_none(texts[:n_learned])
    assert vocabulary is not None
    whole = Part(texts, JoinedRows(features, vocabulary.rows(texts)), Targets.of_codes(codes, range(n_labels)))
    return whole.take(np.arange(n_learned)), whole.take(np.arange(n_learned, len(codes)))


@pytest.mark.parametrize(("n_labels", "n_searches"), [(19, 1), (20, 0)])
def test_words_are_searched_once(n_labels: int, n_searches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = parts(n_labels)
    searches: list[int] = []

    def counted(first: Part, second: Part, seed: int) -> module.Guess | None:
        searches.append(seed)
        return from_words(first, second, seed)

    monkeypatch.setitem(module._TRIED["one label"], WORDS, counted)
    options = SearchOptions(choose_parts=True, seed=3)
    fitted = fit(train.rows, train.targets, search=options, answers=PLAIN_ANSWERS)
    tested = stage.tested_on_rows(fitted, train, test, seed=3, cascade=None)
    assert searches == [3] * n_searches
    words = next(each for each in tested.against if each.name == WORDS)
    assert f"by {5 if n_searches == 0 else 3} folds" in words.made_of
    alone = from_words(train, test, 3)
    assert alone is not None
    own = float((alone.favoured == test.targets.members).all(axis=1).mean())
    assert words.scores["accuracy"].value == pytest.approx(own, abs=0.03)
    assert 0.6 < own < 0.95
