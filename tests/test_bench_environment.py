"""What is measured starts as where something is installed."""

import pytest

from bench.environment import as_installed


def test_compiled_modules_are_kept_whatever_is_set_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("SOMETHING_ELSE", "stays")
    found = as_installed(OMP_NUM_THREADS="1")
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert (found["OMP_NUM_THREADS"], found["SOMETHING_ELSE"]) == ("1", "stays")
