"""An encoder and a head as one network of torch: layers that stay read each text once, those above are trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Features, Float64Array
from frostline.encoder.architecture import Device
from frostline.encoder.checkpoint import Checkpoint
from frostline.encoder.features import Block
from frostline.encoder.torch import open_torch_model
from frostline.errors import InputError
from frostline.finetune.options import FineTune, Products
from frostline.head.linear import LinearHead, Link

LEAST_SPREAD = 0.1
"""Of the usual spread of a block of features: the least that a feature is measured in."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What features are measured in while an encoder is tuned: these stay as they are.

    The unit is a feature's spread over the rows, but no less than a tenth of what is usual in its block. Three features
    of MiniLM's last layer do not move (1e-9): in units as small as that the first step of tuning moved decisions by
    hundreds.
    """

    center: Float64Array  # (n_features,)
    scale: Float64Array  # (n_features,), above 0

    @classmethod
    def of(cls, rows: Features, *, n_blocks: int) -> "Units":
        """Those of rows (n_texts, n_features) of an encoder that is frozen yet."""
        center, spread = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
        usual = np.repeat(np.median(spread.reshape(n_blocks, -1), axis=1), len(spread) // n_blocks)
        return cls(center, np.maximum(spread, np.where(usual > 0, usual * LEAST_SPREAD, 1.0)))

    def measured(self, rows: Features) -> Float64Array:
        """Rows (n_texts, n_features) in these units."""
        return (rows - self.center) / self.scale


@final
@dataclass(slots=True, kw_only=True, eq=False)
class Network:
    """The layers above the frozen ones, with the head; `hidden` of the embedding stub is what they are fed."""

    model: Any  # transformers' own, its embeddings replaced by a stub and its layers by the upper ones
    embeddings: Any  # The stub
    layers: Any  # ModuleList of those above
    below: Any  # ModuleList of the frozen ones
    true_embeddings: Any
    trains_embeddings: bool  # Then nothing is read before: every step begins with word pieces
    holder: Any  # What holds the list of layers, under the name `name`
    name: str
    blocks: tuple[Block, ...]
    n_frozen: int
    center: Any  # (n_features,): Of the frozen encoder's features, as they were; they stay
    scale: Any
    coef: Any  # Parameter (n_coef_rows, n_features), over features brought to mean 0 and variance 1 by these
    intercept: Any
    link: Link
    in_bfloat16: bool  # Whether matrices are multiplied in it; weights and sums stay in float32

    @property
    def device(self) -> Any:
        """Where it is computed."""
        return self.coef.device

    def below_of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the frozen layers make of texts of one length (B, S): (B, S, hidden_size)."""
        import torch  # noqa: PLC0415

        upper, last = self.layers, getattr(self.model, "final_norm", None)
        self.model.embeddings = self.true_embeddings
        setattr(self.holder, self.name, self.below)
        if last is not None:  # ModernBERT's, which stands behind all layers
            self.model.final_norm = torch.nn.Identity()
        try:
            with torch.no_grad(), self._products():
                found = self.model.eval()(input_ids=torch.from_numpy(ids).to(self.device))
            states: NDArray[np.float32] = found.last_hidden_state.float().cpu().numpy()
            return states
        finally:
            self.model.embeddings = self.embeddings
            setattr(self.holder, self.name, upper)
            if last is not None:
                self.model.final_norm = last

    def _products(self) -> Any:
        import torch  # noqa: PLC0415

        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.in_bfloat16)

    def decisions(self, given: Any, mask: Any, fixed: Any) -> Any:
        """Decisions (B, n_coef_rows); as for `features`."""
        return (self.features(given, mask, fixed) - self.center) / self.scale @ self.coef.T + self.intercept

    def features(self, given: Any, mask: Any, fixed: Any) -> Any:
        """Features (B, n_features) of padded states (B, S, hidden_size), or ids (B, S) where embeddings are trained.

        `fixed` are the columns (B, n_features) of frozen layers.
        """
        import torch  # noqa: PLC0415

        mask = mask.to(self.device)
        ids = given if self.trains_embeddings else torch.zeros(mask.shape, dtype=torch.long)
        if not self.trains_embeddings:
            self.embeddings.hidden = given.to(self.device)
        with self._products():
            found = self.model(input_ids=ids.to(self.device), attention_mask=mask, output_hidden_states=True)
        fixed = fixed.to(self.device)
        width, columns, place = found.last_hidden_state.shape[2], [], 0
        there = mask.unsqueeze(2).float()
        for block in self.blocks:
            if block.layer <= self.n_frozen and not self.trains_embeddings:
                columns.append(fixed[:, place : place + width])
            else:
                states = found.hidden_states[block.layer - self.n_frozen]
                columns.append(_POOLED[block.pooling](states.float(), there))
            place += width
        return torch.cat(columns, dim=1)

    def begin_with(self, head: LinearHead, units: Units) -> None:
        """Put `head`, which is over features in `units`, in the place of that there is."""
        import torch  # noqa: PLC0415

        own = {"dtype": torch.float32, "device": self.device}
        self.center, self.scale = torch.tensor(units.center, **own), torch.tensor(units.scale, **own)
        self.coef = torch.nn.Parameter(torch.tensor(head.coef, **own))
        self.intercept = torch.nn.Parameter(torch.tensor(head.intercept, **own))

    def head(self) -> tuple[Float64Array, Float64Array]:
        """Coefficients (n_coef_rows, n_features) and intercepts, over features as the encoder gives them."""
        center, scale, coef, intercept = (
            part.detach().cpu().numpy().astype(np.float64)
            for part in (self.center, self.scale, self.coef, self.intercept)
        )
        return coef / scale, intercept - coef / scale @ center

    def parameters(self) -> list[tuple[str, Any, int]]:
        """Name, parameter and layer (from 1 above the frozen ones; the head's is 0) of all that is trained."""
        own = [
            (f"{place}.{name}", parameter, place + 1)
            for place, layer in enumerate(self.layers)
            for name, parameter in layer.named_parameters()
        ]
        if self.trains_embeddings:
            own += [(f"embeddings.{name}", parameter, 1) for name, parameter in self.true_embeddings.named_parameters()]
        return [*own, ("head.coef", self.coef, 0), ("head.intercept", self.intercept, 0)]


_POOLED = {
    "cls": lambda states, there: states[:, 0],  # noqa: ARG005
    "mean": lambda states, there: (states * there).sum(1) / there.sum(1),
    "max": lambda states, there: (states - (1 - there) * 1e9).max(1).values,
}


def open_network(  # noqa: PLR0913 - an encoder, a head, and where and how far they are trained
    checkpoint: Checkpoint,
    head: LinearHead,
    blocks: Sequence[Block],
    *,
    units: Units,
    freeze_layers: int,
    trains_embeddings: bool = False,
    device: Device = "cpu",
    products: Products = "float32",
) -> Network:
    """The encoder in `checkpoint`, and on top `head`, which is over features in `units`.

    Raises `UsageError`: more layers are to be frozen than leave one to train;
    `InputError`: its layers are not one after the other, or `open_torch_model` refuses it; `UnavailableError`: the
    device is not there.
    """
    import torch  # noqa: PLC0415

    model = open_torch_model(checkpoint, device=device).module
    holder, name = _layers_of(model, checkpoint)
    layers = getattr(holder, name)
    FineTune(freeze_layers=freeze_layers).refuse_depth(len(layers))
    below, upper = torch.nn.ModuleList(layers[:freeze_layers]), torch.nn.ModuleList(layers[freeze_layers:])
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for parameter in upper.parameters():
        parameter.requires_grad_(True)
    stub, embeddings = _stub(), model.embeddings
    if trains_embeddings:
        stub = embeddings
        for parameter in embeddings.parameters():
            parameter.requires_grad_(True)
    model.embeddings = stub
    setattr(holder, name, upper)
    place = next(model.parameters()).device
    own = {"dtype": torch.float32, "device": place}
    return Network(
        model=model,
        embeddings=stub,
        layers=upper,
        below=below,
        true_embeddings=embeddings,
        trains_embeddings=trains_embeddings,
        holder=holder,
        name=name,
        blocks=tuple(blocks),
        n_frozen=freeze_layers,
        center=torch.tensor(units.center, **own),
        scale=torch.tensor(units.scale, **own),
        coef=torch.nn.Parameter(torch.tensor(head.coef, **own)),
        intercept=torch.nn.Parameter(torch.tensor(head.intercept, **own)),
        link=head.link,
        in_bfloat16=has_bfloat16(place.type) if products == "auto" else products == "bfloat16",
    )


def has_bfloat16(device: str) -> bool:
    """Whether a device multiplies in bfloat16 by itself: elsewhere that takes longer than in float32."""
    import torch  # noqa: PLC0415

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    has: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)() if device == "cpu" else {}
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def checkpoint_tensors(network: Network) -> dict[str, Any]:
    """All tensors of the encoder, whole again, under AutoModel's names; the unused pooler left out."""
    import torch  # noqa: PLC0415

    upper = network.layers
    network.model.embeddings = network.true_embeddings
    setattr(network.holder, network.name, torch.nn.ModuleList([*network.below, *upper]))
    try:
        state = network.model.state_dict()
        return {key: value.cpu().contiguous().clone() for key, value in state.items() if not key.startswith("pooler.")}
    finally:
        network.model.embeddings = network.embeddings
        setattr(network.holder, network.name, upper)


def _layers_of(model: Any, checkpoint: Checkpoint) -> tuple[Any, str]:
    """What holds the list of layers, and under which name."""
    for path, name in (("encoder", "layer"), ("transformer", "layer"), ("", "layers")):
        holder = getattr(model, path, None) if path else model
        if getattr(model, "embeddings", None) is not None and getattr(holder, name, None) is not None:
            return holder, name
    raise InputError(
        f"{checkpoint.folder}: fine-tuning needs layers one after the other above embeddings "
        f"(this is a {type(model).__name__}).",
        hint="Use an encoder of the families bert, distilbert, roberta, mpnet, electra or modernbert.",
    )


def _stub() -> Any:
    import torch  # noqa: PLC0415

    class Given(torch.nn.Module):  # type: ignore[misc]
        """Embeddings that were read before."""

        hidden: Any = None

        def forward(self, *_args: Any, **_options: Any) -> Any:
            return self.hidden

    return Given()
