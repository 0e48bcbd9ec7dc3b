"""The loop itself, on a tiny random BERT: it learns, and goes on bit for bit where it was broken off."""

# ruff: noqa: PLC0415 - torch is not in every environment

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from frostline.encoder.checkpoint import Checkpoint
from frostline.encoder.features import Block
from frostline.errors import BackendError, InputError
from frostline.finetune import Cost, FineTune, SoFar, Told, Tuned, tune
from frostline.finetune import loop as loop_module
from frostline.finetune.options import Products
from frostline.head.linear import LinearHead, Link
from frostline.targets import Targets

pytestmark = pytest.mark.torch

HOW = FineTune(epochs=2, freeze_layers=1, batch_texts=8, rate=1e-3)
BLOCKS = (Block(1, "mean"), Block(2, "mean"))


class KilledError(Exception):
    pass


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    folder = tmp_path_factory.mktemp("bert")
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def run(
    encoder: Path,
    folder: Path,
    link: Link = "softmax",
    told: Told | None = None,
    expects: Callable[[Cost], None] | None = None,
    **how: Any,
) -> Tuned:
    from frostline.finetune.network import Units, open_network

    random = np.random.RandomState(0)
    ids = [random.randint(5, 50, length).astype(np.int32) for length in random.randint(3, 9, 60)]
    codes = np.array([int(7 in own or 9 in own) for own in ids])
    targets = {"softmax": Targets.of_codes(codes, (0, 1)), "logistic": Targets.of_sets([[c, 5] for c in codes])}[link]
    n_rows = 1 if link == "softmax" else 3
    head = LinearHead(labels=targets.labels, coef=np.zeros((n_rows, 32)), intercept=np.zeros(n_rows), link=link)
    config = json.loads((encoder / "config.json").read_text("utf-8"))
    digests = {"weights_sha256": "0", "tokenizer_sha256": "0", "config_sha256": "0"}
    checkpoint = Checkpoint(name=str(encoder), revision=None, folder=encoder, config=config, **digests)
    rows = random.randn(60, 32).astype(np.float32)
    network = open_network(
        checkpoint,
        head,
        BLOCKS,
        units=Units.of(rows, n_blocks=2),
        freeze_layers=how.get("freeze_layers", 1),
        trains_embeddings=how.get("embeddings", False),
        products=how.get("products", "float32"),
    )
    folder.mkdir(exist_ok=True)
    return tune(
        network,
        ids,
        rows=rows,
        targets=targets,
        held=np.arange(10),
        options=replace(HOW, **how),
        folder=folder,
        told=told,
        expects=expects,
    )


@pytest.mark.parametrize("products", get_args(Products))
def test_a_run_that_was_broken_off_ends_with_the_very_same_weights(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, products: Products
) -> None:
    monkeypatch.setattr(loop_module, "SECONDS_BETWEEN", 0.0)
    whole = run(encoder, tmp_path / "whole", products=products)
    for stop in (2, 5, 9):

        def told(so_far: SoFar, stop: int = stop) -> None:
            if so_far.step == stop:
                raise KilledError

        with pytest.raises(KilledError):
            run(encoder, tmp_path / "broken", told=told, products=products)
    again = run(encoder, tmp_path / "broken", products=products)
    assert again.curve == whole.curve
    assert all((again.tensors[name] == value).all() for name, value in whole.tensors.items())
    assert (again.coef == whole.coef).all()
    assert np.abs(whole.coef).max() > 0


def test_frozen_layers_and_embeddings_stay(encoder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    before, after = load_file(encoder / "model.safetensors"), run(encoder, tmp_path / "run").tensors
    assert set(before) == set(after)
    changed = {name for name in before if not (before[name] == after[name]).all()}
    assert changed
    assert all(name.startswith("encoder.layer.1.") for name in changed)


def test_word_embeddings_are_trained_where_that_is_asked_for(encoder: Path, tmp_path: Path) -> None:
    """Nothing is read before then; with a rate of next to nothing decisions are those of embeddings read before."""
    from safetensors.torch import load_file

    asked: dict[str, Any] = {"embeddings": True, "freeze_layers": 0}
    before, after = load_file(encoder / "model.safetensors"), run(encoder, tmp_path / "run", **asked).tensors
    changed = {name for name in before if not (before[name] == after[name]).all()}
    assert "embeddings.word_embeddings.weight" in changed
    assert "encoder.layer.0.output.dense.weight" in changed
    assert not (tmp_path / "run" / loop_module.HIDDEN).exists()
    still: dict[str, Any] = {"rate": 1e-12, "head_rate": 1e-12, "epochs": 1}
    own = run(encoder, tmp_path / "own", **asked, **still).curve.held_out
    other = run(encoder, tmp_path / "other", freeze_layers=0, **still).curve.held_out
    assert own == pytest.approx(other, abs=1e-6)


def test_products_in_bfloat16_leave_weights_and_sums_in_float32(encoder: Path, tmp_path: Path) -> None:
    """A run in the other products is another run; what it comes to is near."""
    import torch

    plain = run(encoder, tmp_path / "plain", products="float32")
    halves = run(encoder, tmp_path / "halves", products="bfloat16")
    assert {value.dtype for value in halves.tensors.values()} == {torch.float32}
    assert halves.curve.held_out == pytest.approx(plain.curve.held_out, abs=0.01)
    assert halves.curve != plain.curve
    with pytest.raises(InputError, match="is the checkpoint of another run"):
        run(encoder, tmp_path / "plain", products="bfloat16")


@pytest.mark.parametrize("has", [{"avx512_bf16": True}, {"amx_bf16": True}, {"avx512_bf16": False}, {}])
def test_bfloat16_is_taken_where_the_processor_multiplies_in_it(
    monkeypatch: pytest.MonkeyPatch, has: dict[str, bool]
) -> None:
    """A torch that cannot say what the processor has stays with float32, and so does an unknown device."""
    import torch

    from frostline.finetune.network import has_bfloat16

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    assert has_bfloat16("cpu") is any(has.values())
    assert not has_bfloat16("mps")
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not has_bfloat16("cpu")


def test_several_labels_are_tuned_too(encoder: Path, tmp_path: Path) -> None:
    assert run(encoder, tmp_path / "run", "logistic").curve.held_out[0] == pytest.approx(np.log(2), abs=1e-6)


def test_the_checkpoint_of_another_run_is_refused(encoder: Path, tmp_path: Path) -> None:
    run(encoder, tmp_path / "run")
    with pytest.raises(InputError, match="is the checkpoint of another run"):
        run(encoder, tmp_path / "run", seed=1)


def test_ctrl_c_keeps_the_best_so_far(encoder: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def told(so_far: SoFar) -> None:
        said.append(str(so_far))
        if so_far.step == so_far.n_steps - 1:
            raise KeyboardInterrupt

    tuned = run(encoder, tmp_path / "run", told=told)
    assert tuned.curve.was_stopped
    assert re.fullmatch(r"loss \d\.\d{3}, held out \d\.\d{3}", said[0])
    assert len(tuned.curve.losses) == 1


def test_a_loss_that_is_no_number_is_one_error_and_the_last_checkpoint_stays(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on the disk is from before."""
    monkeypatch.setattr(loop_module, "SECONDS_BETWEEN", 0.0)
    real, n_steps = loop_module._losses, 0

    def losses(*given: Any) -> Any:
        nonlocal n_steps
        n_steps += 1
        return real(*given) * (float("nan") if n_steps == 4 else 1.0)

    monkeypatch.setattr(loop_module, "_losses", losses)
    with pytest.raises(BackendError, match="The loss became nan at step 4: nothing was saved over") as told:
        run(encoder, tmp_path / "run")
    assert told.value.hint == "Try a smaller --rate."
    monkeypatch.setattr(loop_module, "_losses", real)
    whole, again = run(encoder, tmp_path / "whole"), run(encoder, tmp_path / "run")
    assert all((again.tensors[name] == value).all() for name, value in whole.tensors.items())


@pytest.mark.parametrize(("said", "kind"), [("out of memory", BackendError), ("shapes differ", RuntimeError)])
def test_too_little_memory_is_one_error(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, kind: type[Exception]
) -> None:
    def losses(*_given: Any) -> Any:
        raise RuntimeError(said)

    monkeypatch.setattr(loop_module, "_losses", losses)
    with pytest.raises(kind, match=r"Too little memory\." if kind is BackendError else said):
        run(encoder, tmp_path / "run")


def test_the_tuned_head_is_over_features_as_the_encoder_gives_them(encoder: Path, tmp_path: Path) -> None:
    """Whatever they were measured in on the way."""
    from frostline.finetune.network import Units, open_network

    random = np.random.RandomState(1)
    rows = (random.randn(40, 32) * 3 + 5).astype(np.float32)
    units = Units.of(rows, n_blocks=2)
    own = LinearHead(labels=(0, 1), coef=random.randn(1, 32), intercept=np.array([0.5]), link="softmax")
    config = json.loads((encoder / "config.json").read_text("utf-8"))
    digests = {"weights_sha256": "0", "tokenizer_sha256": "0", "config_sha256": "0"}
    checkpoint = Checkpoint(name=str(encoder), revision=None, folder=encoder, config=config, **digests)
    coef, intercept = open_network(checkpoint, own, BLOCKS, units=units, freeze_layers=1).head()
    decisions = rows @ coef.T + intercept
    assert decisions == pytest.approx(own.decision_function(units.measured(rows)), abs=1e-5)


def test_telling_the_cost_moves_no_weight(encoder: Path, tmp_path: Path) -> None:
    told: list[Cost] = []
    plain, watched = run(encoder, tmp_path / "plain"), run(encoder, tmp_path / "watched", expects=told.append)
    assert all((watched.tensors[name] == value).all() for name, value in plain.tensors.items())
    (cost,) = told
    assert (cost.n_steps, cost.seconds > 0, cost.memory_bytes > 10_000_000) == (14, True, True)
    assert cost.disk_bytes > 16 * 4 * 60


def test_it_ends_when_the_rows_held_out_say_so(encoder: Path, tmp_path: Path) -> None:
    ended = run(encoder, tmp_path / "run", epochs=9, patience=1, rate=0.5, clip=100.0)
    assert len(ended.curve.held_out) < 10
    assert ended.curve.held_out[-1] >= min(ended.curve.held_out)


@pytest.mark.parametrize("link", ["softmax", "logistic"])
def test_epochs_are_judged_at_the_temperature_that_suits_them(link: Link) -> None:
    """A head that has grown over-sure decides no worse: it is calibrated afterwards."""
    import torch

    random = np.random.RandomState(0)
    codes = random.randint(0, 2, 400)
    members = torch.tensor(np.stack([1 - codes, codes], axis=1).astype(np.float32))
    right = np.where(np.arange(400) % 10, 1, -1)
    decisions = (codes * 2 - 1) * right * np.log(9)
    columns = decisions[:, None] if link == "softmax" else np.stack([-decisions, decisions], axis=1)
    fair = loop_module._at_best_temperature(link, torch.tensor(columns), members, torch.ones(400))
    sure = loop_module._at_best_temperature(link, torch.tensor(4 * columns), members, torch.ones(400))
    assert fair == pytest.approx(-0.9 * np.log(0.9) - 0.1 * np.log(0.1), abs=1e-6)
    assert sure == pytest.approx(fair, abs=1e-6)
    wrong = torch.tensor((right < 0).astype(np.float32) + 1e-9)
    assert loop_module._at_best_temperature(link, torch.tensor(columns), members, wrong) > 2 * fair


def test_modernbert_is_tuned_too(tmp_path: Path) -> None:
    """Its last norm stands behind all layers, and not behind the frozen ones; a whole run moves what lies above."""
    import torch
    from safetensors.torch import load_file
    from transformers import ModernBertConfig, ModernBertModel

    from frostline.finetune.network import Units, open_network

    torch.manual_seed(0)
    special = {"pad_token_id": 0, "cls_token_id": 1, "bos_token_id": 1, "sep_token_id": 2, "eos_token_id": 2}
    config = ModernBertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=9, **special
    )
    whole, folder = ModernBertModel(config).eval(), tmp_path / "encoder"
    whole.save_pretrained(folder)
    digests = {"weights_sha256": "0", "tokenizer_sha256": "0", "config_sha256": "0"}
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    checkpoint = Checkpoint(name="modern", revision=None, folder=folder, config=settings, **digests)
    head = LinearHead(labels=(0, 1), coef=np.zeros((1, 32)), intercept=np.zeros(1), link="softmax")
    units = Units.of(np.eye(32, dtype=np.float32), n_blocks=2)
    ids = np.arange(20).reshape(2, 10)
    with torch.no_grad():
        expected = whole(input_ids=torch.from_numpy(ids), output_hidden_states=True).hidden_states[1].numpy()
    network = open_network(checkpoint, head, BLOCKS, units=units, freeze_layers=1)
    for _ in range(2):  # the norm is put back
        assert np.abs(network.below_of(ids) - expected).max() <= 1e-5
        assert isinstance(network.model.final_norm, torch.nn.LayerNorm)
    before, after = load_file(folder / "model.safetensors"), run(folder, tmp_path / "run").tensors
    assert set(before) == set(after)
    changed = {name for name in before if not (before[name] == after[name]).all()}
    assert changed == {name for name in before if name.startswith(("layers.1.", "final_norm."))} - {"final_norm.weight"}
