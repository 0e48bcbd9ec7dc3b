"""What an encoder needs of memory is measured in a process of its own."""

import sys

import numpy as np
import pytest

from frostline.encoder.architecture import why_no_torch
from frostline.encoder.cost import forget_peak, own_peak, reading_peak
from frostline.errors import BackendError


def test_the_peak_is_that_of_a_process_with_the_encoder_in_it() -> None:
    """Whatever the process that asks has held."""
    held = np.ones(150_000_000)
    del held
    peak = reading_peak("minilm", ["A sentence of some words."], features="mean@-1", threads=1)
    assert peak is not None
    assert 100_000_000 < peak < 1_000_000_000


def test_an_encoder_that_cannot_be_opened_is_said_in_its_own_words() -> None:
    with pytest.raises(BackendError, match=r"Reading with minilm failed: .*Layer 99"):
        reading_peak("minilm", ["A sentence."], features="mean@99")


@pytest.mark.skipif(why_no_torch() is None, reason="torch is there")
def test_the_one_that_was_asked_for_reads() -> None:
    with pytest.raises(BackendError, match=r"Reading with minilm failed: .*The backend torch needs torch"):
        reading_peak("minilm", ["A sentence."], features="mean@-1", backend="torch")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone forgets a peak")
def test_a_peak_can_be_forgotten() -> None:
    """So that what comes is told from what was."""
    held = np.ones(60_000_000)
    del held
    before = own_peak()
    forget_peak()
    assert own_peak() < before - 300_000_000
