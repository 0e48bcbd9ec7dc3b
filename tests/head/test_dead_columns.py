"""A column of rounding errors, such as two of MiniLM's last layer, decides nothing."""

import numpy as np
import pytest

from frostline.head.options import SearchOptions, tutorial_grid
from frostline.head.search import search
from frostline.targets import Targets


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("shape", [(40, 60), (90, 12)], ids=["n < d", "n > d"])
def test_a_column_of_rounding_errors_gets_no_weight(shape: tuple[int, int], *, standardise: bool) -> None:
    """Its coefficient is no larger than the others', the search is without warnings, the answer that without it."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=shape).astype(np.float32)
    codes = (rows[:, 0] + 0.3 * rng.normal(size=len(rows)) > 0).astype(np.int64)
    dead = rows.copy()
    dead[:, -1] = np.float32(3e-32) * rng.normal(size=len(rows)).astype(np.float32)
    without = rows.copy()
    without[:, -1] = 0
    options = SearchOptions(Cs=(0.01, *tutorial_grid()[1:4]), standardise=standardise)
    found = search(dead, Targets.of_codes(codes, (0, 1)), options=options)
    expected = search(without, Targets.of_codes(codes, (0, 1)), options=options)
    assert np.abs(found.head.coef[:, -1]).max() <= np.abs(found.head.coef[:, :-1]).max()
    np.testing.assert_allclose(found.head.coef[:, :-1], expected.head.coef[:, :-1], rtol=1e-4, atol=1e-6)
    assert found.chosen_C == expected.chosen_C
