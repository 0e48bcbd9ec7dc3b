"""A start for few rows: texts of like labels are brought together and others apart, before a head is fitted anew.

As in SetFit (Tunstall et al. 2022, arXiv:2209.11055), but every pair of a batch counts, for one reading of its texts.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray, Features
from frostline.finetune.loop import padded, rate_scale, read_below
from frostline.finetune.network import Network
from frostline.finetune.options import FineTune
from frostline.targets import Targets

MOST_TEXTS = 64
"""Of a step: so many give 2,016 pairs."""


def contrast(  # noqa: PLR0913 - a network, texts with their rows, which of them it learns from, and how
    network: Network,
    ids: Sequence[NDArray[np.int32]],
    *,
    rows: Features,
    targets: Targets,
    learned: BoolArray,
    options: FineTune,
    folder: Path,
) -> Features:
    """Train the layers in place, without the head: the cosine of two texts shall be how alike their labels are.

    Parameters
    ----------
    learned : ndarray of shape (n_texts,), dtype=bool
        The texts whose labels are looked at.

    Returns
    -------
    ndarray of shape (n_texts, n_features), dtype=float32
        The rows of all texts as the network reads them then.
    """
    import torch  # noqa: PLC0415

    data = read_below(network, ids, rows=rows, targets=targets, options=options, folder=folder)
    alike = torch.from_numpy(likeness_of_labels(targets)).to(network.device)
    own = [parameter for _, parameter, layer in network.parameters() if layer]
    rate = options.rate_at(network.model.config.hidden_size)
    optimizer = torch.optim.AdamW(own, lr=rate, weight_decay=options.weight_decay, fused=True)
    random, among = np.random.RandomState(options.seed % 2**32), np.flatnonzero(learned)
    network.model.train()
    for step in range(options.contrast):
        torch.manual_seed((options.seed * 1_000_003 + step) % 2**63)
        batch = np.sort(random.permutation(among)[:MOST_TEXTS])
        for group in optimizer.param_groups:
            group["lr"] = rate * rate_scale(step, options.contrast, options.warm_up)
        optimizer.zero_grad(set_to_none=True)
        pair_loss(network.features(*padded(data, batch)), alike[batch][:, batch], network).backward()
        torch.nn.utils.clip_grad_norm_(own, options.clip)
        optimizer.step()
    network.model.eval()
    with torch.no_grad():
        parts = [
            network.features(*padded(data, np.arange(at, min(at + MOST_TEXTS, len(ids)))))
            for at in range(0, len(ids), MOST_TEXTS)
        ]
    found: Features = torch.cat(parts).cpu().numpy().astype(np.float32)
    return found


def likeness_of_labels(targets: Targets) -> NDArray[np.float32]:
    """How alike the labels of two texts are (n_texts, n_texts): what they share, of all that either has."""
    members = targets.members.astype(np.float32)
    shared = members @ members.T
    counts = members.sum(1)
    either = counts[:, None] + counts[None] - shared
    found: NDArray[np.float32] = np.where(either > 0, shared / np.maximum(either, 1), 1).astype(np.float32)
    return found


def pair_loss(features: Any, alike: Any, network: Network) -> Any:
    """The mean squared miss of cosines, by the highest block; pairs that are alike weigh together what others do."""
    import torch  # noqa: PLC0415

    width = features.shape[1] // len(network.blocks)
    place = int(np.argmax([block.layer for block in network.blocks]))
    normed = torch.nn.functional.normalize(features[:, place * width : (place + 1) * width], dim=1)
    missed = (normed @ normed.T - alike) ** 2
    pairs = 1 - torch.eye(len(alike), device=alike.device)
    near, far = pairs * (alike > 0), pairs * (alike <= 0)
    return sum((missed * part).sum() / part.sum() for part in (near, far) if bool(part.sum() > 0)) / 2
