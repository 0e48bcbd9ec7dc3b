"""The comparison of precisions, on an encoder that reads in no time."""

import json
from pathlib import Path

import pytest

from bench.ceilings import int8_gops, work_gflop
from bench.precision import compare_precisions, headlines
from bench.precision_table import precision_table
from encoder_fakes import make_checkpoint
from frostline.encoder.architecture import Shape, describe
from frostline.encoder.precision import why_not_int8

TEXTS = ["good film", "bad film", "a b c d e f", "b " * 30]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("encoder") / "small")


@pytest.fixture(scope="module")
def shape(folder: Path) -> Shape:
    return describe(json.loads((folder / "config.json").read_text("utf-8")))


@pytest.mark.slow
def test_both_precisions_are_read_in_turn_and_told(folder: Path) -> None:
    """Int8 by its exact form where the processor has no instruction for it: asked for by this test alone."""
    found = compare_precisions(
        "small", folder, features="cls@-1", texts=TEXTS, repeats=1, with_tutorial=False, with_int8=True
    )
    assert list(found.ways) == ["float32", "int8"]
    for runs in found.ways.values():
        assert len(runs.seconds) == len(runs.starts_s) == len(runs.shares) == 1
        assert 0 < runs.alone_p50_ms[0] <= runs.alone_p99_ms[0]
        assert 0 < runs.seconds[0] < runs.starts_s[0]
        assert 0 < runs.shares[0] < 1
    assert found.why_no_int8 is None
    ratio = found.ways["float32"].seconds[0] / found.ways["int8"].seconds[0]
    assert found.ratios("int8", "float32") == (ratio,)
    assert set(headlines([found])) == {"second start, float32, small", "second start, int8, small"}
    assert precision_table([found]).row_count == 2


def test_without_int8_the_rest_is_measured(folder: Path) -> None:
    found = compare_precisions(
        "small", folder, features="mean@all", texts=TEXTS, repeats=1, with_tutorial=False, with_int8=False
    )
    assert list(found.ways) == ["float32"]
    assert found.why_no_int8 == (why_not_int8() or "It was not asked for.")


def test_the_work_for_cls_alone_is_counted_by_hand(shape: Shape) -> None:
    """Two layers of 16 and 24 columns, one sentence of 5 word pieces: the last layer is whole for keys and values."""
    whole = 5 * (4 * 16 * 16 + 2 * 16 * 24 + 2 * 5 * 16)
    last = 5 * 2 * 16 * 16 + 1 * (2 * 16 * 16 + 2 * 16 * 24 + 2 * 5 * 16)
    assert work_gflop(shape, [5], cls_only=False) == pytest.approx(2 * 2 * whole / 1e9)
    assert work_gflop(shape, [5], cls_only=True) == pytest.approx(2 * (whole + last) / 1e9)


def test_lone_products_in_8_bits_have_a_speed(shape: Shape) -> None:
    assert int8_gops(shape, threads=2, seconds=0.02) > 0
