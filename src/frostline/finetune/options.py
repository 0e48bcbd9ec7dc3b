"""How to fine-tune."""

from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Literal, TypeAlias, final, get_args

from frostline.errors import UsageError, shown

Products: TypeAlias = Literal["auto", "float32", "bfloat16"]
_RATE_AT_384 = 2e-4
"""Falling as the square of the width it is 5e-5 at BERT's 768, which is what that is tuned with by custom."""
_NUMBERS = {int: (Integral, "a whole number"), float: (Real, "a number")}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FineTune:
    """How to fine-tune an encoder.

    Parameters
    ----------
    epochs : int
        Passes through the rows at most; of them the best by the rows held out is kept.
    few_steps : int
        Steps at least, in as many more epochs, where the rows are too few to hold any out.
    contrast : int
        Steps before those in which, of rows too few to hold any out, texts of like labels are brought together; kept
        only if by cross-validation a head is right more often afterwards. 0: none.
    patience : int
        It ends after as many epochs in a row without less loss on the rows held out.
    batch_texts, token_budget : int
        The most texts in a batch, and the most word pieces, padding included.
    freeze_layers : int
        Lowest layers that stay as they are: they read each text once, before the first step.
    embeddings : bool
        Train the word embeddings too, which stay otherwise; then no layer can be frozen.
    rate : float, optional
        Learning rate of the highest layer. None: by the width of the layers, 2e-4 where they are 384 wide.
    head_rate : float
    layer_decay : float
        What the rate is multiplied by from a layer to the one below.
    warm_up : float
        Share of all steps in which the rate rises; it falls in a line to 0 after that.
    weight_decay, clip : float
        AdamW's; the largest norm of a step's gradient.
    average : float
        Decay of the average of the weights, which is what is kept.
    class_weight : {"balanced"} or None
    held_out : float
        Share of the rows that are not tuned on, by which epochs are judged and the answers calibrated.
    seed : int
    device : {"auto", "cpu", "cuda", "mps"}
        Where it is tuned; auto: on a graphics processor where torch finds one.
    products : {"auto", "float32", "bfloat16"}
        What matrices are multiplied in while it is tuned; auto: bfloat16 where the processor has such products, else
        float32. Weights, their average and all sums stay in float32, in which the tuned encoder reads too.
    folder : str, optional
        Of the estimator alone: where checkpoints and the tuned encoder are kept, each run's in a folder of its own, so
        that a run that was killed goes on, and a pickled estimator finds its encoder. None: a temporary one, which
        lasts as long as the encoder is in use.
    """

    epochs: int = 3
    few_steps: int = 12
    contrast: int = 20
    patience: int = 2
    batch_texts: int = 32
    token_budget: int = 2048
    freeze_layers: int = 0
    embeddings: bool = False
    rate: float | None = None
    head_rate: float = 1e-4
    layer_decay: float = 0.9
    warm_up: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    average: float = 0.98
    class_weight: Literal["balanced"] | None = None
    held_out: float = 0.1
    seed: int = 0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    products: Products = "auto"
    folder: str | None = None

    def __post_init__(self) -> None:
        self._refuse_other_types()
        for name, low in (
            ("epochs", 1),
            ("few_steps", 0),
            ("contrast", 0),
            ("patience", 1),
            ("batch_texts", 1),
            ("token_budget", 1),
            ("freeze_layers", 0),
        ):
            if getattr(self, name) < low:
                raise UsageError(f"{name} must be at least {low} (got {getattr(self, name)}).")
        for name in ("rate", "head_rate", "clip"):
            if getattr(self, name) is not None and not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{name} must be above 0 (got {getattr(self, name)}).")
        for name in ("layer_decay", "warm_up", "average", "held_out"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must be from 0 to 1 (got {getattr(self, name)}).")
        if self.embeddings and self.freeze_layers:
            raise UsageError(
                f"Word embeddings are trained only where no layer is frozen (freeze_layers is {self.freeze_layers})."
            )
        if self.products not in get_args(Products):
            raise UsageError(f"products must be auto, float32 or bfloat16 (got {shown(self.products)}).")
        if not 0 < self.held_out < 1:
            raise UsageError(f"held_out must be between 0 and 1 (got {self.held_out}).")

    def _refuse_other_types(self) -> None:
        for field in fields(self):
            value, kind = getattr(self, field.name), field.type
            if field.name == "rate" and value is not None:
                kind = float
            if kind in _NUMBERS and (isinstance(value, bool) or not isinstance(value, _NUMBERS[kind][0])):
                raise UsageError(f"{field.name} must be {_NUMBERS[kind][1]} (got {shown(value)}).")

    def refuse_depth(self, n_layers: int) -> None:
        """Raise `UsageError` where no layer of an encoder of so many would be left to train."""
        if self.freeze_layers >= n_layers:
            raise UsageError(f"Of {n_layers} layers at most {n_layers - 1} can be frozen (got {self.freeze_layers}).")

    def rate_at(self, width: int) -> float:
        """The learning rate of the highest layer of an encoder of `width`."""
        return _RATE_AT_384 * (384 / width) ** 2 if self.rate is None else self.rate
