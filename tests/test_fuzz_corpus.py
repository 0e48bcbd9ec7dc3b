"""What fuzzing found once, and the files it starts from: an answer or an error of ours, from every loader.

`make fuzz` goes on from here; `tools/fuzz.py` says what each loader is given.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from frostline.errors import FrostlineError

TOOL = Path(__file__).parent.parent / "tools" / "fuzz.py"


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz"] = module
    spec.loader.exec_module(module)
    return module


fuzz = _tool()


@pytest.mark.parametrize("name", list(fuzz.LOADERS))
@pytest.mark.filterwarnings("ignore")
def test_every_loader_answers_or_refuses(name: str, tmp_path: Path) -> None:
    """Each file as it is, cut, with a byte exchanged, and nothing at all."""
    if name == "workbook":
        pytest.importorskip("openpyxl")  # the extra `frostline[xlsx]`, among what the tests need
    loader = fuzz.LOADERS[name]
    target = loader.target(tmp_path)
    kept = sorted((fuzz.CORPUS / name).glob("*")) if (fuzz.CORPUS / name).is_dir() else []
    whole = [*loader.seeds(), *(path.read_bytes() for path in kept)]
    assert whole
    answered = 0
    for content in whole:
        middle = len(content) // 2
        changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        for tried in (content, content[:middle], content[:-1], changed, b""):
            try:
                target(tried)
                answered += 1
            except FrostlineError:
                continue
    assert answered


def test_what_was_found_is_kept_for_a_loader_that_there_is() -> None:
    assert {path.name for path in fuzz.CORPUS.iterdir()} <= set(fuzz.LOADERS)
