"""What transformers computes, layer by layer. Imports torch: only for tests marked so, and for making goldens."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def reference_states(folder: Path, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Every layer's state of every word piece, (n_layers + 1, B, S, hidden_size); nothing is padded.

    The checkpoint must fill the network exactly, but for a pooler, which no feature of ours uses.
    """
    import torch  # noqa: PLC0415 - an optional dependency
    from transformers import AutoModel  # noqa: PLC0415 - as above

    model, told = AutoModel.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
    missing = {name for name in told["missing_keys"] if not name.startswith("pooler.")}
    assert not missing, missing
    assert not told["unexpected_keys"], told["unexpected_keys"]
    assert not told["mismatched_keys"], told["mismatched_keys"]
    model.eval()
    with torch.no_grad():
        tokens = torch.from_numpy(ids)
        found = model(tokens, attention_mask=torch.ones_like(tokens), output_hidden_states=True).hidden_states
    return np.stack([state.numpy() for state in found])
