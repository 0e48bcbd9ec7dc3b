"""The rules of accessibility that axe-core knows, for tests in a browser."""

import hashlib
from pathlib import Path

import pytest

AXE = Path(__file__).parents[1] / "build/axe-core/node_modules/axe-core/axe.min.js"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"


def axe_source() -> str:
    """The script of axe-core 4.14.1."""
    if not AXE.exists():
        pytest.skip("axe-core is not at hand: make build/axe-core")
    content = AXE.read_bytes()
    assert hashlib.sha256(content).hexdigest() == AXE_SHA256
    return content.decode("utf-8")
