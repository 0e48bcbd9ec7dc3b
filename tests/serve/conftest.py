"""What the tests of serving share."""

from pathlib import Path

import pytest

from frostline.cli.main import run


@pytest.fixture(scope="session")
def model_with_neighbours(tmp_path_factory: pytest.TempPathFactory, reviews: Path, home: Path) -> Path:
    """A classifier trained on `reviews` with the bundled encoder, its training sentences kept."""
    out = tmp_path_factory.mktemp("served") / "reviews"
    assert run(["train", str(reviews), "--out", str(out), "--json", "-C", "0.001", "--keep-neighbours"]) == 0
    return out
