"""Encoders that torch reads: equal to transformers and to our graphs, and as careful with strangers' files."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import CONFIGS, random_ids, write_checkpoint
from graph_tools import opened
from safetensors.numpy import load_file, save_file

from frostline import SentenceClassifier
from frostline.encoder.architecture import INSTALL, settle_backend
from frostline.encoder.checkpoint import Checkpoint, find_checkpoint
from frostline.encoder.encoder import Encoder, reader_of
from frostline.encoder.features import FeatureSpec
from frostline.encoder.files import read_json
from frostline.encoder.reading import TokenBatch
from frostline.encoder.torch import TorchBackend, open_torch_model
from frostline.errors import BackendError, InputError, UnavailableError, UsageError

PACKAGES = {"torch", "transformers"}
ASKED: dict[str, Any] = {"asked": "auto", "device": "auto", "precision": "float32"}
WORDS = ["good", "bad", "film", "a", "the", "very", "dull", "fine"]
TEXTS = [f"{a} {b} film" for a in WORDS for b in WORDS] * 2
LABELS = ["yes" if text.startswith(("good", "fine", "very", "the")) else "no" for text in TEXTS]


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name in PACKAGES else find(name, *rest),
    )


def test_a_family_with_a_graph_is_read_by_it(no_torch: None) -> None:
    assert settle_backend(CONFIGS["bert"], **ASKED) == "onnx"


def test_what_to_install_is_said_in_one_sentence(no_torch: None) -> None:
    with pytest.raises(UnavailableError, match="model_type 'deberta-v2' needs torch and transformers") as caught:
        settle_backend({"model_type": "deberta-v2"}, **ASKED)
    assert caught.value.hint == INSTALL
    with pytest.raises(UnavailableError, match="The backend torch needs torch and transformers"):
        settle_backend(CONFIGS["bert"], asked="torch", device="auto", precision="float32")


def test_a_setting_that_our_graph_refuses_is_refused_by_name_without_torch(no_torch: None) -> None:
    with pytest.raises(InputError, match="is_decoder must be False"):
        settle_backend(CONFIGS["bert"] | {"is_decoder": True}, **ASKED)


def test_backend_device_and_precision_must_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frostline.encoder.architecture.why_no_torch", lambda: None)
    for other in ({"device": "cuda"}, {"precision": "bfloat16"}):
        with pytest.raises(UsageError, match="Our graphs read on the processor"):
            settle_backend(CONFIGS["bert"], **(ASKED | {"asked": "onnx"} | other))
        assert settle_backend(CONFIGS["bert"], **(ASKED | other)) == "torch"
    with pytest.raises(UsageError, match="int8 is read by our own graphs alone"):
        settle_backend(CONFIGS["bert"], **(ASKED | {"asked": "torch", "precision": "int8"}))
    with pytest.raises(UsageError, match="The backend must be auto, onnx, torch"):
        settle_backend(CONFIGS["bert"], **(ASKED | {"asked": "tensor"}))


def made(folder: Path, name: str) -> Path:
    """A small random checkpoint of transformers, with a tokenizer of whole words."""
    import torch  # noqa: PLC0415 - an optional dependency
    import transformers as t  # noqa: PLC0415 - as above

    sizes: dict[str, Any] = {
        "vocab_size": 40,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "intermediate_size": 24,
        "max_position_embeddings": 40,
        "pad_token_id": 0,
    }
    ends = {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    configs = {
        "modernbert": lambda: t.ModernBertConfig(**sizes, **ends),
        "deberta-v2": lambda: t.DebertaV2Config(
            **sizes, relative_attention=True, position_buckets=8, pos_att_type=["c2p", "p2c"], share_att_key=True
        ),
        "albert": lambda: t.AlbertConfig(**sizes, embedding_size=8),
        "roformer": lambda: t.RoFormerConfig(**sizes),
        "xlm-roberta": lambda: t.XLMRobertaConfig(**sizes | {"pad_token_id": 1}),
        "t5": lambda: t.T5Config(vocab_size=40, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2),
        "llama": lambda: t.LlamaConfig(**sizes, num_key_value_heads=2),
    }
    torch.manual_seed(0)
    t.AutoModel.from_config(configs[name]()).save_pretrained(folder)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", "utf-8")
    return folder


ARCHITECTURES = ("modernbert", "deberta-v2", "albert", "roformer", "xlm-roberta", "t5", "llama")


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_torch_reads_any_architecture_as_transformers_does(tmp_path: Path, name: str) -> None:
    import torch  # noqa: PLC0415 - an optional dependency
    from transformers import AutoModel  # noqa: PLC0415 - as above

    encoder = Encoder.open(str(made(tmp_path, name)), features="cls@-1+mean@all+max@1", backend="torch", device="cpu")
    assert encoder.identity.backend == "torch"
    assert reader_of(encoder).startswith(f"torch {torch.__version__} on cpu")
    model = AutoModel.from_pretrained(tmp_path).eval()
    part = model.get_encoder() if name == "t5" else model
    texts = ["good film", "bad", "a very dull film the film", "fine fine"]
    rows = encoder.encode(texts).rows
    for text, row in zip(texts, rows, strict=True):
        ids = torch.tensor(encoder.word_pieces.tokenize([text]).ids[0][None].astype(np.int64))
        with torch.no_grad():
            states = part(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True).hidden_states
        wanted = torch.cat([states[-1][0, 0], *(state[0].mean(0) for state in states), states[1][0].amax(0)])
        assert np.abs(row - wanted.numpy()).max() <= 1e-5


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["bert", "distilbert", "roberta", "xlm-roberta", "camembert", "mpnet", "electra"])
def test_torch_equals_our_graph(tmp_path: Path, name: str) -> None:
    folder = write_checkpoint(tmp_path, CONFIGS[name])
    model = open_torch_model(unread(folder), device="cpu")
    features = "cls@-1+mean@all+max@-1"
    torchs = TorchBackend(model, FeatureSpec.parse(features).blocks(3))
    for length in (1, 2, 7, model.max_positions):
        ids = random_ids(name, length)
        batch = TokenBatch(rows=np.arange(len(ids)), ids=ids)
        assert np.abs(torchs.forward(batch) - opened(folder, features, 3).forward(batch)).max() <= 1e-5
    ids = random_ids(name, model.max_positions + 1)
    with pytest.raises(BackendError, match=f"must have 1 to {model.max_positions} word pieces"):
        torchs.forward(TokenBatch(rows=np.arange(len(ids)), ids=ids))


def unread(folder: Path) -> Checkpoint:
    config = read_json(folder / "config.json")
    return Checkpoint(
        name="x", revision=None, folder=folder, config=config, weights_sha256="", tokenizer_sha256="", config_sha256=""
    )


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
def test_strangers_configurations_are_one_error(tmp_path: Path) -> None:
    folder = made(tmp_path / "albert", "albert")
    plain = read_json(folder / "config.json")

    def refused(match: str, **changed: object) -> None:
        (folder / "config.json").write_text(json.dumps(plain | changed), "utf-8")
        with pytest.raises(InputError, match=match):
            open_torch_model(unread(folder), device="cpu")

    refused("auto_map must not be there", auto_map={"AutoModel": "code.Model"})
    refused("quantization_config must not be there", quantization_config={"quant_method": "bitsandbytes"})
    refused("'num_hidden_layers' must fit the weights", num_hidden_layers=10**6)
    refused("the sizes must be those of the weights", vocab_size=2**30)
    refused("cannot make an encoder of it", hidden_size=32)
    refused("must be one that transformers", model_type="nothing")
    refused("cannot make an encoder|gives a state|transformers has no encoder", model_type="vit")
    (folder / "config.json").write_text(json.dumps(plain | {"_attn_implementation": "owner/kernels"}), "utf-8")
    assert open_torch_model(unread(folder), device="cpu").n_layers == 2  # how to compute is not a stranger's affair
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if name.endswith("ffn.weight"))
    save_file({other: tensor for other, tensor in tensors.items() if other != name}, folder / "model.safetensors")
    with pytest.raises(InputError, match="every weight that reads must be in the file"):
        open_torch_model(unread(folder), device="cpu")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="whose loading could run code"):
        find_checkpoint(str(folder))


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
def test_where_memory_ends_a_batch_is_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch  # noqa: PLC0415 - an optional dependency

    model = open_torch_model(unread(write_checkpoint(tmp_path, CONFIGS["bert"])), device="cpu")
    backend, tried = TorchBackend(model, FeatureSpec.parse("mean@-1").blocks(3)), []
    ids = random_ids("bert", 4, sentences=8)
    wanted = backend.forward(TokenBatch(rows=np.arange(8), ids=ids))
    pooled, most = backend._pooled, [2]

    def small(ids: Any) -> Any:
        tried.append(len(ids))
        if len(ids) > most[0]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return pooled(ids)

    monkeypatch.setattr(backend, "_pooled", small)
    assert np.abs(backend.forward(TokenBatch(rows=np.arange(8), ids=ids)) - wanted).max() <= 1e-6
    assert tried == [8, 4, 2, 2, 2, 2]
    backend.forward(TokenBatch(rows=np.arange(8), ids=ids))
    assert tried[6:] == [2, 2, 2, 2]  # no later batch is larger than what went through
    most[0] = 0
    with pytest.raises(BackendError, match="text 0 took more memory than cpu has"):
        backend.forward(TokenBatch(rows=np.arange(8), ids=ids))


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "backend"), [("modernbert", "torch"), ("deberta-v2", "auto"), ("albert", "auto")])
def test_train_predict_and_explain_through_the_real_command_line(tmp_path: Path, name: str, backend: str) -> None:
    folder, data, model = made(tmp_path / "encoder", name), tmp_path / "rows.tsv", tmp_path / "model"
    rows = [f"{text}\t{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    data.write_text("text\tlabel\n" + "\n".join(rows) + "\n", "utf-8")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "frostline", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200, cwd=tmp_path)

    how = ("--encoder", str(folder), "--backend", backend, "--out", str(model), "--no-store")
    trained = run("train", str(data), *how)
    assert trained.returncode == 0, trained.stderr
    assert "Read by torch" in trained.stderr
    told = run("explain", str(model), "good dull film")
    assert told.returncode == 0, told.stderr
    loaded = SentenceClassifier.load(model)
    assert loaded.encoder_.identity.backend == ("onnx" if name == "modernbert" else "torch")  # auto: our own graph
    assert set(loaded.predict(["good film", "bad film"])) <= {"yes", "no"}


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
def test_an_artifact_says_what_to_install_where_torch_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(tmp_path / "encoder", "albert")
    SentenceClassifier(str(folder), C=1.0, store=False).fit(TEXTS, LABELS).save(tmp_path / "model")
    monkeypatch.setattr("frostline.encoder.architecture.why_no_torch", lambda: "torch is not installed.")
    with pytest.raises(UnavailableError, match="An encoder of model_type 'albert' needs torch") as caught:
        SentenceClassifier.load(tmp_path / "model")
    assert caught.value.hint == INSTALL
