"""Where things are kept: ours alone from the home folder down, or refused before anything is read or written."""

import os
from pathlib import Path

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline import disk as places
from frostline.encoder.session import kept_file
from frostline.errors import AccessError, OutputError
from frostline.store import FeatureStore, StoredEncoder
from frostline.store.upkeep import cache_info, cache_prune, cache_verify

pytestmark = pytest.mark.skipif(os.name != "posix", reason="only POSIX has these modes")


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that is not there yet."""
    folder = tmp_path / "parent" / "home"
    monkeypatch.setenv("FROSTLINE_HOME", str(folder))
    return folder


def test_no_test_can_touch_what_the_user_keeps(home: Path) -> None:
    """The session has a home of its own, also where a test does not ask for it."""
    assert places.home() == home
    assert os.environ["FROSTLINE_HOME"] == str(home)


def test_every_folder_from_home_down_is_made_for_us_alone(own_home: Path) -> None:
    """Not only the innermost one, as `mkdir` would have it."""
    made = places.private_folder(own_home / "features" / "one")
    for folder in (own_home, made.parent, made):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
@pytest.mark.parametrize("inner", ["", "features"])
def test_a_shared_folder_above_is_refused(own_home: Path, mode: int, inner: str) -> None:
    """Whoever can write to it can exchange what lies in it; the command that mends it is told."""
    places.private_folder(own_home / "features" / "one")
    (own_home / inner).chmod(mode)
    with pytest.raises(AccessError, match="can be written to by other users") as caught:
        places.private_folder(own_home / "features" / "one")
    assert caught.value.hint == f"Run: chmod 700 {own_home / inner}"


def test_a_folder_meant_for_everybody_is_not_to_be_closed(own_home: Path) -> None:
    """For the like of /tmp the advice is another folder."""
    own_home.mkdir(parents=True)
    own_home.chmod(0o1777)
    with pytest.raises(AccessError) as caught:
        places.private_folder(own_home / "features")
    assert "chmod" not in caught.value.hint
    assert "FROSTLINE_HOME" in caught.value.hint


def test_a_store_in_a_shared_home_is_refused_by_all_that_read_or_write_it(own_home: Path) -> None:
    """Opening, looking up, listing, checking, pruning: nothing of it is believed."""
    encoder = StoredEncoder(FakeEncoder(), FeatureStore.open())
    encoder.encode(["a text"])
    own_home.chmod(0o777)
    for act in (FeatureStore.open, lambda: encoder.encode(["a text"]), cache_info, cache_verify, cache_prune):
        with pytest.raises(AccessError):
            act()
    own_home.chmod(0o700)
    assert np.array_equal(encoder.encode(["a text"]).rows, FakeEncoder().encode(["a text"]).rows)


def test_a_graph_that_others_could_have_put_there_is_not_run(own_home: Path) -> None:
    """Its digest is no help: it stands in the same file. The graph is built instead, with a warning."""
    assert kept_file(own_home / "graphs", "ab", lambda: b"first") == b"first"
    assert kept_file(own_home / "graphs", "ab", lambda: b"second") == b"first"
    for folder in (own_home, own_home / "graphs"):
        folder.chmod(0o777)
        with pytest.warns(UserWarning, match="can be written to by other users"):
            assert kept_file(own_home / "graphs", "ab", lambda: b"second") == b"second"
        folder.chmod(0o700)


def test_a_file_in_the_place_of_home_is_named(own_home: Path) -> None:
    """Exit code 73, and the file stays."""
    own_home.parent.mkdir(parents=True)
    own_home.write_text("precious", "utf-8")
    with pytest.raises(OutputError, match="home must be a folder"):
        places.private_folder(own_home / "features")
    assert own_home.read_text("utf-8") == "precious"


def test_looking_makes_nothing(own_home: Path) -> None:
    """What is missing is nobody's."""
    places.refuse_shared(own_home / "graphs")
    assert not own_home.exists()
