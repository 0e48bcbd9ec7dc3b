"""What a machine is said to be, from what its system tells."""

import os
import platform
from pathlib import Path

import pytest

from frostline.machine import (
    BLAS_THREAD_SETTINGS,
    PACKAGES,
    TELLING_INSTRUCTIONS,
    one_blas_thread,
    package_version,
    this_machine,
    usable_cores,
)

INTEL = """processor : 0
model name : Test CPU @ 2.0: fast
flags : fpu avx2 fma avx512_vnni sse

processor : 1
model name : Second CPU
flags : fpu avx2
"""
ARM = "processor : 0\nFeatures : fp asimd asimddp i8mm\nCPU part : 0xd40\n"


@pytest.mark.parametrize(
    ("told", "processor", "instructions"),
    [
        (INTEL, "Test CPU @ 2.0: fast", ("avx2", "fma", "avx512_vnni")),
        (ARM, "aarch64", ("asimd", "asimddp", "i8mm")),
        ("", "aarch64", ()),
        (None, "named by Python", ()),
    ],
    ids=["Intel", "ARM", "empty", "not told"],
)
def test_the_first_processor_is_told(
    monkeypatch: pytest.MonkeyPatch, told: str | None, processor: str, instructions: tuple[str, ...]
) -> None:
    """Instructions in the order of our own list, those alone that tell something."""

    def read(path: Path, *_: object) -> str:
        assert str(path) == "/proc/cpuinfo"
        if told is None:
            raise FileNotFoundError
        return told

    monkeypatch.setattr(Path, "read_text", read)
    for name, value in (
        ("system", "Linux"),
        ("machine", "aarch64"),
        ("processor", "named by Python"),
        ("python_version", "3.11.7"),
    ):
        monkeypatch.setattr(platform, name, lambda value=value: value)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 5, 7}, raising=False)
    found = this_machine()
    assert (found.system, found.processor, found.cores) == ("Linux aarch64", processor, 3)
    assert (found.instructions, found.python) == (instructions, "3.11.7")


def test_where_there_is_no_affinity_all_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


def test_versions_are_those_installed() -> None:
    import numpy as np  # noqa: PLC0415 - for this test alone

    assert package_version("numpy") == np.__version__
    assert package_version("no-such-package-at-all") is None
    assert len(set(PACKAGES)) == len(PACKAGES) == 11
    assert len(set(TELLING_INSTRUCTIONS)) == len(TELLING_INSTRUCTIONS) == 11


def test_blas_is_held_to_one_thread_within() -> None:
    """And has as many as before afterwards."""
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415 - here alone

    def threads() -> set[int]:
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    before = threads()
    with one_blas_thread():
        assert threads() == {1}
    assert threads() == before
    assert (
        *("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
        *("OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    ) == BLAS_THREAD_SETTINGS
