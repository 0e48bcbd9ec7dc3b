"""Any architecture that transformers has, on torch: opened from our own reading of the files, and read by batches.

transformers is given a configuration and tensors, never a name or a path: so there is nothing that it could look up,
fetch, unpickle or run. What a configuration says of how to compute (kernels, compilation, quantised weights) is dropped
or refused. torch and transformers are the extra `frostline[torch]`, imported only where something is opened.
"""

import contextlib
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from frostline.arrays import Features
from frostline.encoder.architecture import DEVICES, FAMILIES, Device, Dtype, require_torch
from frostline.encoder.checkpoint import Checkpoint
from frostline.encoder.features import Block
from frostline.encoder.files import CONFIG, WEIGHTS
from frostline.encoder.reading import FIRST_OF_TORCH, Backend, TokenBatch, check_ids, check_rows, positions_text
from frostline.errors import BackendError, FrostlineError, InputError, UnavailableError, UsageError, shown
from frostline.machine import package_version
from frostline.tensors import Weights, check_finite, open_weights

TORCH_VERSION = FIRST_OF_TORCH + 1
"""Raised whenever torch's rows could be other numbers; our graphs count from 1 (graph.py)."""

NO_LIMIT = 8192
"""Word pieces of a text where neither the configuration nor the tokenizer has a limit."""

_RUNS_CODE = ("auto_map", "quantization_config", "fusion_config", "compression_config", "kernel_config")
_HOW = ("attn_implementation", "experts_implementation", "reference_compile", "use_kernels", "torchscript")


def resolve_device(asked: Device) -> str:
    """`cpu`, `cuda` or `mps`: the one asked for, or for `auto` the first graphics processor that is there.

    Raises `UsageError`: there is no such device; `UnavailableError`: the one that was asked for is not on this machine.
    """
    if asked not in DEVICES:
        raise UsageError(f"The device must be {', '.join(DEVICES)} (got {shown(asked)}).")
    import torch  # noqa: PLC0415 - the extra

    here = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available, "cpu": lambda: True}
    if asked == "auto":
        return next(name for name, is_there in here.items() if is_there())
    if not here[asked]():
        raise UnavailableError(
            f"The device {asked} must be on this machine, and torch {torch.__version__} finds none.",
            hint="Leave --device out, or pass --device cpu.",
        )
    return asked


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TorchModel:
    """An encoder of transformers, whole and in evaluation mode."""

    # torch.nn.Module: called as module(input_ids=..., attention_mask=..., output_hidden_states=True). Of a model of two
    # halves, the half that reads.
    module: Any
    device: str  # `cpu`, `cuda` or `mps`
    dtype: Dtype
    family: str  # As a manifest has it: that of our graphs where they have it, else the model_type
    n_layers: int
    hidden_size: int
    vocab_size: int
    max_positions: int  # The longest sentence it can read, in word pieces, those around it included

    @property
    def reader(self) -> str:
        """Who reads, for people: `torch 2.13.0 on cuda (NVIDIA H200), float32`."""
        import torch  # noqa: PLC0415 - the extra

        card = f" ({torch.cuda.get_device_name()})" if self.device == "cuda" else ""
        return f"torch {torch.__version__} on {self.device}{card}, {self.dtype}"


def open_torch_model(checkpoint: Checkpoint, *, device: Device = "auto", dtype: Dtype = "float32") -> TorchModel:
    """The encoder in `checkpoint`, as transformers' `AutoModel` has it, without any file being read by transformers.

    Parameters
    ----------
    checkpoint : Checkpoint
        From `find_checkpoint`.
    device : {"auto", "cpu", "cuda", "mps"}
    dtype : {"float32", "bfloat16"}

    Raises
    ------
    UnavailableError
        torch or transformers is not installed, or the device is not there.
    InputError
        The configuration asks for code or quantised weights, is of an unknown model_type, does not belong to the
        weights, or describes nothing that reads text.
    """
    where = checkpoint.folder / CONFIG
    family = str(checkpoint.config.get("model_type"))
    require_torch(f"An encoder of model_type {shown(family)}")
    chosen = resolve_device(device)
    import torch  # noqa: PLC0415 - the extra

    weights = open_weights(checkpoint.folder / WEIGHTS)
    with _quiet(), _refusals(str(where)):
        config = _configuration(checkpoint.config, weights, str(where))
        module, missing = _loaded(config, weights, str(where))
        if getattr(config, "is_encoder_decoder", False):
            module = module.get_encoder()
        limit = _max_positions(config, module)
        n_layers, hidden_size = _tried(module, missing, str(where), length=4)
        if chosen != "cpu":  # an index out of a table's range is an error here, and the end of the process there
            _tried(module, [], str(where), length=min(limit, 1024))
        module = module.to(chosen, torch.bfloat16 if dtype == "bfloat16" else torch.float32)
    return TorchModel(
        module=module,
        device=chosen,
        dtype=dtype,
        family=FAMILIES[family].name if family in FAMILIES else family.replace("-", "_"),
        n_layers=n_layers,
        hidden_size=hidden_size,
        vocab_size=int(module.get_input_embeddings().num_embeddings),
        max_positions=limit,
    )


def _configuration(config: Mapping[str, Any], weights: Weights, where: str) -> Any:
    """The configuration as transformers has it, of a model that is no larger than its weights."""
    from transformers import CONFIG_MAPPING  # noqa: PLC0415 - the extra

    model_type = config.get("model_type")
    if not isinstance(model_type, str) or model_type not in CONFIG_MAPPING:
        raise InputError(
            f"{where}: model_type must be one that transformers {package_version('transformers')} has "
            f"(got {shown(model_type)})."
        )
    plain = _plain(config, where, n_tensors=len(weights.entries))
    return CONFIG_MAPPING[model_type].from_dict({key: plain[key] for key in plain if key != "model_type"})


def _plain(config: Mapping[str, Any], where: str, *, n_tensors: int) -> dict[str, Any]:
    """The configuration without what says how to compute; what would run code, or never end, is refused."""
    kept: dict[str, Any] = {}
    for key, value in config.items():
        if key in _RUNS_CODE and value:
            raise InputError(
                f"{where}: {key} must not be there: plain weights and transformers' own code are all that is used."
            )
        counts_parts = ("layer" in key or "group" in key) and type(value) is int
        if type(value) is int and abs(value) > (n_tensors if counts_parts else 2**31):
            raise InputError(
                f"{where}: {shown(key)} must fit the weights, which are {n_tensors} tensors (got {value})."
            )
        if key.startswith("_") or key in _HOW or key in _RUNS_CODE:
            continue
        kept[key] = _plain(value, where, n_tensors=n_tensors) if isinstance(value, dict) else value
    return kept


def _loaded(config: Any, weights: Weights, where: str) -> tuple[Any, list[str]]:
    """The model with the weights, and the names of the parameters that the weights have not."""
    import torch  # noqa: PLC0415 - the extra
    from transformers import MODEL_MAPPING, AutoModel  # noqa: PLC0415 - the extra

    config.use_cache = False  # a reader of whole texts has no use for what generating keeps
    if type(config) not in MODEL_MAPPING:
        raise InputError(f"{where}: transformers has no encoder of model_type {shown(config.model_type)}.")
    with torch.device("meta"):  # takes no memory, whatever sizes the configuration claims
        sketch = AutoModel.from_config(config)
    claimed = sum(parameter.numel() for parameter in sketch.parameters())
    stored = sum(int(np.prod(entry.shape, dtype=object)) for entry in weights.entries.values())
    if claimed > 2 * stored + 2**20:  # twice: of a model of two halves, one may have been saved
        raise InputError(
            f"{where}: the sizes must be those of the weights ({claimed:,} numbers; the file has {stored:,}).",
            hint="config.json and the weights do not belong together: fetch both again.",
        )
    module, told = type(sketch).from_pretrained(
        None,
        config=config,
        state_dict=_state(weights),
        dtype=torch.float32,
        attn_implementation="sdpa" if getattr(sketch, "_supports_sdpa", False) else "eager",
        output_loading_info=True,
    )
    module.eval()
    return module, sorted(told["missing_keys"])


def _state(weights: Weights) -> dict[str, Any]:
    """The tensors as torch has them, in memory of their own: the map of the file cannot be written to."""
    import torch  # noqa: PLC0415 - the extra

    state: dict[str, Any] = {}
    for name, entry in weights.entries.items():
        if entry.dtype in {"F32", "F16", "BF16"}:  # others are counters and positions, which models make anew
            tensor = weights.read(name, entry.shape)
            check_finite(name, tensor)
            state[name] = torch.from_numpy(np.array(tensor))
    return state


def _tried(module: Any, missing: list[str], where: str, *, length: int) -> tuple[int, int]:
    """Layers and width of what comes back of a short text; parameters that are `missing` must have no part in it.

    They hold NaN while it is read, and zero afterwards: a pooler or the other half of a model is nobody's loss.
    """
    import torch  # noqa: PLC0415 - the extra

    lacking = [parameter for name, parameter in module.named_parameters() if _ends_in(name, missing)]
    with torch.no_grad():
        for parameter in lacking:
            parameter.fill_(torch.nan)
        states = states_of(module, torch.arange(length)[None] % module.get_input_embeddings().num_embeddings)
        for parameter in lacking:
            parameter.zero_()
    shapes = {tuple(state.shape) for state in states}
    if len(shapes) != 1 or len(states) < 2 or len(states[-1].shape) != 3 or states[-1].shape[1] != length:
        raise InputError(f"{where}: must be of an encoder that gives a state for every word piece and layer.")
    if not all(torch.isfinite(state).all() for state in states):
        names = f"{', '.join(missing[:4])}{' …' if len(missing) > 4 else ''}" if missing else "none is missing"
        raise InputError(
            f"{where}: every weight that reads must be in the file, and finite (missing: {names}).",
            hint="config.json and the weights do not belong together: fetch both again.",
        )
    return len(states) - 1, int(states[-1].shape[2])


def _ends_in(name: str, missing: list[str]) -> bool:
    return any(other == name or other.endswith(f".{name}") for other in missing)


def states_of(module: Any, ids: Any) -> tuple[Any, ...]:
    """Every layer's states of every word piece, (B, S, hidden_size) each; the first is the embedding output.

    Parameters
    ----------
    ids : torch.Tensor of shape (B, S)
        Of sentences of equal length, on the module's device.
    """
    import torch  # noqa: PLC0415 - the extra

    out = module(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
    return (*out.hidden_states[:-1], out.last_hidden_state)


def _max_positions(config: Any, module: Any) -> int:
    """The most word pieces of a text: what the configuration says, or a table of positions that begins further on."""
    import torch  # noqa: PLC0415 - the extra

    said = getattr(config, "max_position_embeddings", None)
    limit = said if isinstance(said, int) and said > 0 else NO_LIMIT
    for name, part in module.named_modules():
        if isinstance(part, torch.nn.Embedding) and name.endswith("position_embeddings"):
            skipped = 0 if part.padding_idx is None else part.padding_idx + 1  # as in RoBERTa
            limit = min(limit, part.num_embeddings - skipped)
    return limit


_CPU_BUDGET, _LEAST_BUDGET, _MOST_BUDGET = 2048, 512, 262_144  # word pieces of a batch
_SHARE = 0.4  # of the free memory of a graphics processor that batches may take


@final
class TorchBackend(Backend):
    """A frozen encoder on torch.

    On a processor torch shares one batch among its own threads. On a graphics processor two batches are under way, each
    on a stream of its own, so that one is copied while the other is computed. Where memory ends a batch is halved, and
    no later one is larger than what went through.

    Parameters
    ----------
    model : TorchModel
    blocks : tuple of Block
        The columns, in order.
    threads : int, optional
        Those that torch works with on a processor, in the whole process; its own choice unless given.
    """

    most_workers: ClassVar[int] = 2

    def __init__(self, model: TorchModel, blocks: tuple[Block, ...], *, threads: int | None = None) -> None:
        import torch  # noqa: PLC0415 - the extra

        self._model, self._blocks = model, blocks
        self._local = threading.local()
        self.token_budget = _token_budget(model)
        self._most = _MOST_BUDGET
        if threads is not None and model.device == "cpu":
            torch.set_num_threads(threads)
        if model.device == "cuda":
            torch.cuda.synchronize()  # the weights are there before another stream reads them

    def forward(self, batch: TokenBatch) -> Features:
        """Features (B, n_features), float32; row i belongs to batch.ids[i]. Safe to call from several threads.

        Raises `BackendError`: torch failed, one sentence alone takes more memory than there is, or a row is not finite.
        """
        check_ids(batch, longest=self._model.max_positions, vocabulary=self._model.vocab_size)
        return check_rows(self._rows(batch), batch, precision=self._model.dtype)

    def _rows(self, batch: TokenBatch) -> Features:
        n_rows, length = batch.ids.shape
        if n_rows == 1 or n_rows * length <= self._most:
            rows = self._once(batch)
            if rows is not None:
                return rows
            if n_rows == 1:
                raise BackendError(
                    f"{positions_text(batch.rows)} took more memory than {self._model.device} has ({length} pieces).",
                    hint="Lower the max length, or pass --device cpu.",
                )
            self._most = max(1, n_rows * length // 2)
        halves = (slice(0, n_rows // 2), slice(n_rows // 2, n_rows))
        return np.concatenate([self._rows(TokenBatch(rows=batch.rows[part], ids=batch.ids[part])) for part in halves])

    def _once(self, batch: TokenBatch) -> Features | None:
        """The rows; None where memory ended, which is given back."""
        import torch  # noqa: PLC0415 - the extra

        try:
            with torch.inference_mode():
                return self._on_device(torch.from_numpy(np.ascontiguousarray(batch.ids)))
        except RuntimeError as error:  # torch's own for lack of memory is one, and elsewhere its words are all there is
            said = str(error)
            if "out of memory" not in said and "allocate memory" not in said:
                raise BackendError(f"Torch failed on {positions_text(batch.rows)} ({shown(said, 300)}).") from error
        except (IndexError, ValueError, TypeError) as error:
            raise BackendError(f"Torch failed on {positions_text(batch.rows)} ({shown(str(error), 300)}).") from error
        if self._model.device == "cuda":
            torch.cuda.empty_cache()
        return None

    def _on_device(self, ids: Any) -> Features:
        import torch  # noqa: PLC0415 - the extra

        if self._model.device != "cuda":
            rows: Features = self._pooled(ids.to(self._model.device)).cpu().numpy()
            return rows
        if not hasattr(self._local, "stream"):
            self._local.stream = torch.cuda.Stream()
        with torch.cuda.stream(self._local.stream):
            pooled = self._pooled(ids.pin_memory().to("cuda", non_blocking=True))
            landed = torch.empty(pooled.shape, dtype=torch.float32, pin_memory=True)
            landed.copy_(pooled, non_blocking=True)
            self._local.stream.synchronize()
        copied: Features = landed.numpy()
        return copied

    def _pooled(self, ids: Any) -> Any:
        """The blocks' columns (B, n_features), pooled in float32."""
        import torch  # noqa: PLC0415 - the extra

        states = states_of(self._model.module, ids)
        columns = []
        for block in self._blocks:
            whole = states[block.layer]
            match block.pooling:
                case "cls":
                    columns.append(whole[:, 0].float())
                case "mean":
                    columns.append(whole.float().mean(1))
                case "max":
                    columns.append(whole.amax(1).float())
        return torch.cat(columns, 1)


def _token_budget(model: TorchModel) -> int:
    """Word pieces of a batch: as many as free memory has room for, on a graphics processor."""
    if model.device != "cuda":
        return _CPU_BUDGET
    import torch  # noqa: PLC0415 - the extra

    numbers = model.hidden_size * (model.n_layers + 32)  # every layer's states are kept; within one, some 30 at most
    free = torch.cuda.mem_get_info()[0] * _SHARE / TorchBackend.most_workers
    return int(min(max(free / (numbers * (2 if model.dtype == "bfloat16" else 4)), _LEAST_BUDGET), _MOST_BUDGET))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing of what transformers tells while it opens a model: what matters is an error of ours."""
    from transformers.utils import logging  # noqa: PLC0415 - the extra

    before, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)
        if had_bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def _refusals(where: str) -> Iterator[None]:
    """Whatever transformers raises over a stranger's configuration, as one error."""
    try:
        yield
    except (FrostlineError, MemoryError):
        raise
    except Exception as error:
        said = " ".join(str(error).split())
        raise InputError(
            f"{where}: transformers cannot make an encoder of it ({type(error).__name__}: {shown(said, 300)}).",
            hint="config.json and the weights do not belong together, or it is no encoder of texts.",
        ) from error
