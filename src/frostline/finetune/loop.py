"""The loop: steps of AdamW over batches of like length, an average of the weights, the best epoch kept.

What a step does depends on the seed and its number alone, so a run that goes on from its checkpoint comes, on the
same machine and threads, to the very same weights.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Features, Float64Array, IntArray
from frostline.disk import publish_stream, reserve
from frostline.encoder.cost import own_peak
from frostline.errors import BackendError, InputError
from frostline.finetune.network import Network, checkpoint_tensors
from frostline.finetune.options import FineTune
from frostline.head.linear import Link
from frostline.targets import Targets

STATE = "state.safetensors"
HIDDEN = "hidden.f32"
SECONDS_BETWEEN, _SECONDS_AFTER_EPOCH = 30.0, 3.0
"""Between two checkpoints; and at the end of an epoch, of which few rows have many."""
_STEP_TO_PASS = 1.1  # AdamW and the average of the weights, beside the way forth and back
_KEPT_COPIES = 5  # Weights, their average, the best, two moments


@final
@dataclass(frozen=True, slots=True)
class SoFar:
    """How far tuning is."""

    step: int  # Steps done
    n_steps: int  # At most
    loss: float  # The mean of this epoch, in training
    held_out: float | None  # That of the rows held out, of late; None: there are none

    def __str__(self) -> str:
        """`loss 0.312, held out 0.345`."""
        return f"loss {self.loss:.3f}" + ("" if self.held_out is None else f", held out {self.held_out:.3f}")


Told = Callable[[SoFar], None]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What was measured on the way: after each epoch, the first before any."""

    losses: tuple[float, ...]  # Of the rows tuned on, in training
    # Log loss of the rows held out, by the averaged weights, at the temperature that suits them; empty: none were
    held_out: tuple[float, ...]
    best: int  # The epoch that is kept; 0: the encoder as it was
    was_stopped: bool  # By Ctrl-C


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What tuning will take on this machine, by steps that were timed before it starts."""

    device: str  # `cpu`, `cuda` or `mps`
    in_bfloat16: bool  # Whether matrices are multiplied in it
    n_steps: int  # At most: it may end before
    n_epochs: int  # More than were asked for, where rows are few
    seconds: float
    memory_bytes: int  # Of the whole process
    disk_bytes: int  # Of what lower layers make of the texts, and the checkpoint


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tuned:
    """What tuning leaves."""

    tensors: dict[str, Any]  # The encoder's, under transformers' names
    coef: Float64Array
    intercept: Float64Array
    curve: Curve
    seconds: float


@dataclass(slots=True, eq=False)
class _Run:
    """Where a run stands."""

    optimizer: Any
    average: dict[str, Any]
    best: dict[str, Any]
    step: int = 0
    losses: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    total: float = 0.0  # Of the losses of this epoch's steps


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Data:
    """Texts as the layers above get them."""

    # (n_pieces, hidden_size): Of all texts, one after the other, on the disk; ids (n_pieces,) if embeddings are trained
    hidden: NDArray[Any]
    starts: IntArray
    lengths: IntArray
    fixed: Features  # (n_texts, n_features): Of which the columns of frozen layers are used
    members: NDArray[np.float32]
    weights: NDArray[np.float32]


def tune(  # noqa: PLR0913 - a network, texts, and where and how
    network: Network,
    ids: Sequence[NDArray[np.int32]],
    *,
    rows: Features,
    targets: Targets,
    held: IntArray,
    options: FineTune,
    folder: Path,
    told: Told | None = None,
    expects: Callable[[Cost], None] | None = None,
) -> Tuned:
    """Tune `network` on the texts that are not in `held`.

    Parameters
    ----------
    ids : sequence of n_texts arrays
        Word pieces of each text.
    rows : ndarray of shape (n_texts, n_features)
        As the frozen encoder reads them.
    held : ndarray, dtype=int64
        Numbers of the texts by which epochs are judged; none: the last epoch is kept.
    folder : Path
        For the checkpoint and the states of frozen layers. A checkpoint of the same run is gone on from.
    expects : callable, optional
        Told what it will take before it starts.

    Raises
    ------
    InputError
        The folder's checkpoint is another run's.
    BackendError
        The loss is not finite; too little memory.
    """
    started = time.perf_counter()
    key = _key(network, ids, targets, held, options)
    data = read_below(network, ids, rows=rows, targets=targets, options=options, folder=folder)
    fit = np.setdiff1d(np.arange(len(ids)), held)
    run = _begun(network, options)
    _resume(run, network, folder / STATE, key)
    plan = _plan(fit, data.lengths, options, is_judged=len(held) > 0)
    stopped = False
    try:
        if expects is not None:
            expects(_cost(network, data, plan, run.step))
        if len(held) and not run.held_out:
            run.held_out.append(_judged(network, data, held, run.average))
        _epochs(network, data, held, run, plan, options, path=folder / STATE, key=key, told=told)
    except KeyboardInterrupt:
        stopped = True
        if not len(held):
            run.best = {name: value.clone() for name, value in run.average.items()}
    except RuntimeError as error:
        if "memory" in str(error).lower():
            raise BackendError(
                "Too little memory.", hint="Use fewer texts in a batch, or freeze more layers."
            ) from error
        raise
    _put(network, run.best)
    coef, intercept = network.head()
    best = int(np.argmin(run.held_out)) if run.held_out else len(run.losses)
    return Tuned(
        tensors=checkpoint_tensors(network),
        coef=coef,
        intercept=intercept,
        curve=Curve(losses=tuple(run.losses), held_out=tuple(run.held_out), best=best, was_stopped=stopped),
        seconds=time.perf_counter() - started,
    )


def _cost(network: Network, data: Data, plan: list[list[IntArray]], n_done: int) -> Cost:
    """By the largest batch, for memory, and a usual one, for time; no weight moves."""
    batches = [batch for epoch in plan for batch in epoch]
    sizes = [len(batch) * int(data.lengths[batch].max()) for batch in batches]
    order = np.argsort(sizes, kind="stable")
    _pass(network, data, batches[order[-1]])
    usual = int(order[len(order) // 2])
    _settle(network)
    started = time.perf_counter()
    _pass(network, data, batches[usual])
    _settle(network)
    seconds = (time.perf_counter() - started) * sum(sizes[n_done:]) / sizes[usual]
    n_bytes = sum(4 * parameter.numel() for _, parameter, _ in network.parameters())
    return Cost(
        device=network.device.type,
        in_bfloat16=network.in_bfloat16,
        n_steps=len(batches),
        n_epochs=len(plan),
        seconds=seconds * _STEP_TO_PASS,
        memory_bytes=own_peak() + 2 * n_bytes,  # AdamW's moments, which the first step makes
        disk_bytes=data.hidden.nbytes + _KEPT_COPIES * n_bytes,
    )


def _settle(network: Network) -> None:
    """Wait for what a graphics processor has under way."""
    import torch  # noqa: PLC0415

    if network.device.type == "cuda":
        torch.cuda.synchronize()


def _pass(network: Network, data: Data, batch: IntArray) -> None:
    """A step's way forth and back, without the step."""
    network.model.train()
    _losses(network, data, batch).mean().backward()
    for _, parameter, _ in network.parameters():
        parameter.grad = None


def _epochs(  # noqa: PLR0913, PLR0917 - a run and all that it is made of
    network: Network,
    data: Data,
    held: IntArray,
    run: _Run,
    plan: list[list[IntArray]],
    options: FineTune,
    *,
    path: Path,
    key: str,
    told: Told | None,
) -> None:
    n_steps, before = sum(map(len, plan)), 0
    saved = time.monotonic()
    for epoch, batches in enumerate(plan):
        if epoch == len(run.losses) and _is_over(run.held_out, options.patience):
            break
        for place, batch in enumerate(batches):
            if before + place < run.step:
                continue
            loss = _step(network, data, batch, run, options, n_steps)
            run.total += loss
            run.step += 1
            if told is not None:
                of_late = run.held_out[-1] if run.held_out else None
                told(SoFar(run.step, n_steps, run.total / (place + 1), of_late))
            if time.monotonic() - saved > SECONDS_BETWEEN:
                _save(run, network, path, key)
                saved = time.monotonic()
        before += len(batches)
        if len(run.losses) == epoch:
            run.losses.append(run.total / len(batches))
            run.total = 0.0
            _end_epoch(network, data, held, run)
            if epoch == len(plan) - 1 or time.monotonic() - saved > _SECONDS_AFTER_EPOCH:
                _save(run, network, path, key)
                saved = time.monotonic()


def _is_over(held_out: Sequence[float], patience: int) -> bool:
    """Whether the loss of the rows held out has not fallen for as many epochs; the first is that before any."""
    return len(held_out) - 1 - int(np.argmin(held_out)) >= patience if held_out else False


def _end_epoch(network: Network, data: Data, held: IntArray, run: _Run) -> None:
    is_best = True
    if len(held):
        run.held_out.append(_judged(network, data, held, run.average))
        is_best = run.held_out[-1] <= min(run.held_out)
    if is_best:
        run.best = {name: value.clone() for name, value in run.average.items()}


def _step(  # noqa: PLR0913, PLR0917 - as above
    network: Network, data: Data, batch: IntArray, run: _Run, options: FineTune, n_steps: int
) -> float:
    import torch  # noqa: PLC0415

    torch.manual_seed((options.seed * 1_000_003 + run.step) % 2**63)
    network.model.train()
    scale = rate_scale(run.step, n_steps, options.warm_up)
    for group in run.optimizer.param_groups:
        group["lr"] = group["rate"] * scale
    losses = _losses(network, data, batch)
    loss = (losses * torch.from_numpy(data.weights[batch]).to(losses.device)).mean()
    value = float(loss.detach())
    if not math.isfinite(value):
        raise BackendError(
            f"The loss became {value} at step {run.step + 1}: nothing was saved over.", hint="Try a smaller --rate."
        )
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    own = network.parameters()
    torch.nn.utils.clip_grad_norm_([parameter for _, parameter, _ in own], options.clip)
    run.optimizer.step()
    decay = min(options.average, (1 + run.step) / (10 + run.step))
    with torch.no_grad():
        for name, parameter, _ in own:
            run.average[name].lerp_(parameter, 1 - decay)
    return value


def padded(data: Data, batch: IntArray) -> tuple[Any, Any, Any]:
    """What the network takes of a batch: states or ids, padded to the longest; the mask; columns of frozen layers."""
    import torch  # noqa: PLC0415

    longest = int(data.lengths[batch].max())
    hidden = np.zeros((len(batch), longest, *data.hidden.shape[1:]), data.hidden.dtype)
    mask = np.zeros((len(batch), longest), np.int64)
    for place, row in enumerate(batch.tolist()):
        start, length = int(data.starts[row]), int(data.lengths[row])
        hidden[place, :length], mask[place, :length] = data.hidden[start : start + length], 1
    fixed = torch.from_numpy(np.ascontiguousarray(data.fixed[batch], np.float32))
    return torch.from_numpy(hidden), torch.from_numpy(mask), fixed


def _losses(network: Network, data: Data, batch: IntArray) -> Any:
    import torch  # noqa: PLC0415

    decisions = network.decisions(*padded(data, batch))
    return _LOSSES[network.link](decisions, torch.from_numpy(data.members[batch]).to(decisions.device))


def _softmax_loss(decisions: Any, members: Any) -> Any:
    """Log loss (B,) of labels that exclude each other; one decision is that of the second of two."""
    import torch  # noqa: PLC0415

    if decisions.shape[1] == 1:
        decisions = torch.cat([torch.zeros_like(decisions), decisions], dim=1)
    return torch.nn.functional.cross_entropy(decisions, members.argmax(1), reduction="none")


def _logistic_loss(decisions: Any, members: Any) -> Any:
    """The mean (B,) over labels that do not exclude each other."""
    import torch  # noqa: PLC0415

    each = torch.nn.functional.binary_cross_entropy_with_logits(decisions, members, reduction="none")
    return each.mean(1)


_LOSSES: dict[Link, Callable[[Any, Any], Any]] = {"softmax": _softmax_loss, "logistic": _logistic_loss}


_TEMPERATURES = tuple(float(temperature) for temperature in np.geomspace(0.5, 8, 65))


def _judged(network: Network, data: Data, held: IntArray, weights: dict[str, Any]) -> float:
    """The mean loss of the rows held out, by averaged weights, at the temperature that suits them.

    A head grows over-sure long before it decides worse, and is calibrated afterwards.
    """
    import torch  # noqa: PLC0415

    own = {name: parameter.detach().clone() for name, parameter, _ in network.parameters()}
    _put(network, weights)
    network.model.eval()
    by_length = held[np.argsort(data.lengths[held], kind="stable")]
    with torch.no_grad():
        parts = [network.decisions(*padded(data, by_length[at : at + 64])) for at in range(0, len(held), 64)]
    _put(network, own)
    members, weights = (torch.from_numpy(own[by_length]) for own in (data.members, data.weights))
    return _at_best_temperature(network.link, torch.cat(parts).cpu(), members, weights)


def _at_best_temperature(link: Link, decisions: Any, members: Any, weights: Any) -> float:
    """The mean loss of decisions (n, n_coef_rows) of rows that count for `weights` (n,), divided by what is best."""
    decisions, members, weights = decisions.double(), members.double(), weights.double() / weights.double().mean()
    losses = (_LOSSES[link](decisions / temperature, members) * weights for temperature in _TEMPERATURES)
    return min(float(loss.mean()) for loss in losses)


def _put(network: Network, weights: dict[str, Any]) -> None:
    import torch  # noqa: PLC0415

    with torch.no_grad():
        for name, parameter, _ in network.parameters():
            parameter.copy_(weights[name])


def _begun(network: Network, options: FineTune) -> _Run:
    import torch  # noqa: PLC0415

    n_layers, groups, highest = len(network.layers), [], options.rate_at(network.model.config.hidden_size)
    for name, parameter, layer in network.parameters():
        rate = highest * options.layer_decay ** (n_layers - layer) if layer else options.head_rate
        decay = options.weight_decay if parameter.ndim > 1 and layer else 0.0
        groups.append({"params": [parameter], "rate": rate, "weight_decay": decay, "name": name})
    weights = {name: parameter.detach().clone() for name, parameter, _ in network.parameters()}
    optimizer = torch.optim.AdamW(groups, lr=highest, fused=True)
    return _Run(optimizer, weights, {name: value.clone() for name, value in weights.items()})


def rate_scale(step: int, n_steps: int, warm_up: float) -> float:
    """What the rates are multiplied by in the step numbered from 0."""
    rising = max(1, round(n_steps * warm_up))
    return (step + 1) / rising if step < rising else max(0.0, (n_steps - step) / max(1, n_steps - rising))


def _batches(fit: IntArray, lengths: IntArray, options: FineTune, epoch: int) -> list[IntArray]:
    """The rows in batches of like length, in an order of the epoch's own."""
    random = np.random.RandomState((options.seed + 7919 * epoch) % 2**32)
    mixed = random.permutation(fit)
    ordered = mixed[np.argsort(lengths[mixed] + random.uniform(-2, 2, len(mixed)), kind="stable")]
    batches: list[IntArray] = []
    begin = 0
    for at in range(1, len(ordered) + 1):
        size = at - begin
        is_end = at == len(ordered)
        longest = 0 if is_end else int(lengths[ordered[begin : at + 1]].max())
        if is_end or size == options.batch_texts or (size + 1) * longest > options.token_budget:
            batches.append(ordered[begin:at])
            begin = at
    return [batches[place] for place in random.permutation(len(batches)).tolist()]


def _plan(fit: IntArray, lengths: IntArray, options: FineTune, *, is_judged: bool) -> list[list[IntArray]]:
    """The batches of each epoch; where no rows held out judge them, as many epochs as make `few_steps` steps."""
    n_epochs = options.epochs
    if not is_judged:
        n_epochs = max(n_epochs, -(-options.few_steps // len(_batches(fit, lengths, options, 0))))
    return [_batches(fit, lengths, options, epoch) for epoch in range(n_epochs)]


def read_below(  # noqa: PLR0913
    network: Network,
    ids: Sequence[NDArray[np.int32]],
    *,
    rows: Features,
    targets: Targets,
    options: FineTune,
    folder: Path,
) -> Data:
    """What the frozen layers make of every text, once, kept on the disk."""
    lengths = np.array([len(own) for own in ids], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    hidden = np.concatenate(ids).astype(np.int64) if network.trains_embeddings else _below(network, ids, starts, folder)
    members = targets.members.astype(np.float32)
    weights = _weights(targets, options)
    return Data(hidden=hidden, starts=starts, lengths=lengths, fixed=rows, members=members, weights=weights)


def _below(network: Network, ids: Sequence[NDArray[np.int32]], starts: IntArray, folder: Path) -> NDArray[np.float32]:
    """The states (n_pieces, hidden_size) of every text above the frozen layers, mapped."""
    lengths = np.array([len(own) for own in ids], dtype=np.int64)
    width = int(network.model.config.hidden_size)
    with (folder / HIDDEN).open("w+b") as file:
        reserve(file, 4 * width * int(lengths.sum()), folder / HIDDEN)
        hidden = np.memmap(file, dtype=np.float32, mode="w+", shape=(int(lengths.sum()), width))
    for length in np.unique(lengths).tolist():
        same = np.flatnonzero(lengths == length)
        for at in range(0, len(same), max(1, 2048 // length)):
            batch = same[at : at + max(1, 2048 // length)].tolist()
            states = network.below_of(np.stack([ids[row] for row in batch]).astype(np.int64))
            for row, own in zip(batch, states, strict=True):
                hidden[starts[row] : starts[row] + length] = own
    return hidden


def _weights(targets: Targets, options: FineTune) -> NDArray[np.float32]:
    """What the loss of each text (n_texts,) counts for; 1 on the mean."""
    weights = np.ones(len(targets)) if targets.weights is None else targets.weights.astype(np.float64)
    if options.class_weight == "balanced":
        counts = np.maximum(targets.weighed_counts, 1e-12)
        own = (targets.members / counts).sum(1) / np.maximum(targets.members.sum(1), 1)
        weights = weights * np.where(own > 0, own / own[own > 0].mean(), 1)
    normed: NDArray[np.float32] = (weights / weights.mean()).astype(np.float32)
    return normed


def _key(
    network: Network, ids: Sequence[NDArray[np.int32]], targets: Targets, held: IntArray, options: FineTune
) -> str:
    """A digest of all that makes a run what it is."""
    import torch  # noqa: PLC0415

    digest = hashlib.sha256(
        f"{replace(options, folder=None)} {network.n_frozen} {network.blocks} {torch.__version__}".encode()
    )
    digest.update(f"{torch.get_num_threads()} {network.in_bfloat16}".encode())
    for own in ids:
        digest.update(own.tobytes())
    for _, parameter, _ in network.parameters():
        digest.update(parameter.detach().cpu().numpy().tobytes())
    digest.update(targets.members.tobytes() + held.tobytes())
    digest.update(b"" if targets.weights is None else targets.weights.tobytes())
    return digest.hexdigest()


def _save(run: _Run, network: Network, path: Path, key: str) -> None:
    from safetensors.torch import save  # noqa: PLC0415

    tensors: dict[str, Any] = {}
    for name, parameter, _ in network.parameters():
        state = run.optimizer.state[parameter]
        tensors |= {f"weight {name}": parameter.detach(), f"average {name}": run.average[name]}
        tensors |= {f"best {name}": run.best[name]}
        tensors |= {f"{part} {name}": state[part] for part in ("step", "exp_avg", "exp_avg_sq")}
    where = {"step": run.step, "losses": run.losses, "held_out": run.held_out, "total": run.total}
    content = save(tensors, metadata={"key": key, "run": json.dumps(where)})
    with publish_stream(path, mode=0o600) as opened:
        opened.write(content)


def _resume(run: _Run, network: Network, path: Path, key: str) -> None:
    """Go on from the checkpoint at `path`, if there is one."""
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415

    if not path.exists():
        return
    try:
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            if metadata.get("key") != key:
                raise InputError(
                    f"{path} is the checkpoint of another run (other texts, options, encoder, threads or torch).",
                    hint="Name another folder with --checkpoints, or remove this one.",
                )
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}).", hint="Remove it, and run this again.") from error
    where = json.loads(metadata["run"])
    run.step, run.losses, run.held_out, run.total = (where[name] for name in ("step", "losses", "held_out", "total"))
    _put(network, {name: tensors[f"weight {name}"] for name, _, _ in network.parameters()})
    for name, parameter, _ in network.parameters():
        own = {part: tensors[f"{part} {name}"] for part in ("average", "best", "exp_avg", "exp_avg_sq")}
        own = {part: tensor.to(parameter.device) for part, tensor in own.items()}
        run.average[name], run.best[name] = own.pop("average"), own.pop("best")
        run.optimizer.state[parameter] = {"step": tensors[f"step {name}"], **own}
