"""Checkpoints as they are found: other types, old names, prefixes; damaged, hostile and unsupported ones."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import CONFIGS, make_tensors, random_ids, write_checkpoint
from graph_tools import batch_of, opened
from numpy.typing import NDArray
from safetensors.numpy import save_file

from encoder_fakes import make_checkpoint
from frostline.encoder.architecture import FAMILIES, describe, load_architecture
from frostline.encoder.attention import attention
from frostline.encoder.encoder import Encoder
from frostline.encoder.files import CONFIG, read_json
from frostline.encoder.int8 import build_weights, measured_channels
from frostline.encoder.modern import Rotary
from frostline.encoder.onnx import OnnxBackend
from frostline.errors import InputError, MissingInputError
from frostline.tensors import HEADER_LIMIT_BYTES, TensorsError, header_length, open_weights, read_entries

BERT = CONFIGS["bert"]
IDS = random_ids("bert", 9)


def rows_of(folder: Path) -> NDArray[np.float32]:
    return opened(folder, "mean@all", 3).forward(batch_of(IDS))


def renamed(change: Callable[[str], str]) -> dict[str, NDArray[np.float32]]:
    return {change(name): tensor for name, tensor in make_tensors(BERT).items()}


@pytest.mark.parametrize(
    "change",
    [
        lambda name: f"bert.{name}",
        lambda name: name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
    ],
    ids=["with a task's head", "converted from TensorFlow"],
)
def test_other_spellings_of_the_same_weights_give_the_same_rows(change: Callable[[str], str], tmp_path: Path) -> None:
    plain = write_checkpoint(tmp_path / "plain", BERT)
    other = write_checkpoint(tmp_path / "other", BERT, renamed(change) | {"classifier.weight": np.ones((2, 20), "f4")})
    assert (rows_of(plain) == rows_of(other)).all()


@pytest.mark.parametrize(("dtype", "bound"), [("F16", 2e-2), ("BF16", 2e-1)])
def test_half_precision_weights_are_read_as_float32(dtype: str, bound: float, tmp_path: Path) -> None:
    """The rows are exactly those of the rounded weights, and close to those of the unrounded ones."""
    exact = make_tensors(BERT)
    rounded = {name: _rounded(tensor, dtype) for name, tensor in exact.items()}
    half = tmp_path / "half"
    write_checkpoint(half, BERT)
    _write_raw(half / "model.safetensors", {name: (dtype, _stored(t, dtype)) for name, t in rounded.items()})
    found = rows_of(half)
    assert (found == rows_of(write_checkpoint(tmp_path / "rounded", BERT, rounded))).all()
    assert 0 < np.abs(found - rows_of(write_checkpoint(tmp_path / "exact", BERT))).max() < bound


def _rounded(tensor: NDArray[np.float32], dtype: str) -> NDArray[np.float32]:
    if dtype == "F16":
        return tensor.astype(np.float16).astype(np.float32)
    return (tensor.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def _stored(tensor: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    return tensor.astype(np.float16) if dtype == "F16" else (tensor.view(np.uint32) >> 16).astype(np.uint16)


def _write_raw(path: Path, tensors: dict[str, tuple[str, NDArray[Any]]], *, spaces: int = 0) -> None:
    """A safetensors file written by hand, with types that numpy has no name for; the header padded or not."""
    header, at = {}, 0
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode() + b" " * spaces
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(a.tobytes() for _, a in tensors.values()))


@pytest.mark.parametrize("spaces", range(4))
def test_weights_at_odd_addresses_are_read(spaces: int, tmp_path: Path) -> None:
    """Only some writers pad the header so that the tensors are aligned."""
    folder = write_checkpoint(tmp_path, BERT)
    expected = rows_of(folder)
    _write_raw(folder / "model.safetensors", {n: ("F32", t) for n, t in make_tensors(BERT).items()}, spaces=spaces)
    assert all(tensor.flags.aligned for tensor in load_architecture(folder).tensors.values())  # x86 would not mind
    assert (rows_of(folder) == expected).all()


def test_float32_weights_are_views_of_the_file(tmp_path: Path) -> None:
    """An encoder's word embeddings take no memory until a sentence names them."""
    words = load_architecture(write_checkpoint(tmp_path, BERT)).tensors["words"]
    assert not words.flags.owndata
    assert not words.flags.writeable


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("model_type", "t5"),
        ("model_type", None),
        ("model_type", ["bert"]),
        ("position_embedding_type", "relative_key"),
        ("is_decoder", True),
        ("add_cross_attention", True),
        ("pruned_heads", {"0": [1]}),
        ("hidden_act", "mish"),
        ("hidden_act", None),
        ("hidden_size", "20"),
        ("hidden_size", 0),
        ("hidden_size", True),
        ("num_attention_heads", 3),
        ("num_hidden_layers", None),
        ("vocab_size", -1),
        ("layer_norm_eps", 0),
        ("layer_norm_eps", "tiny"),
        ("intermediate_size", 1.5),
    ],
)
def test_what_our_graphs_do_not_compute_is_refused_by_name(setting: str, value: object) -> None:
    """One sentence that names the setting, the value and the families that work."""
    with pytest.raises(InputError) as caught:
        describe(BERT | {setting: value})
    assert "attention heads" in str(caught.value) if value == 3 else setting in caught.value.message
    assert all(family in str(caught.value) for family in FAMILIES)


MODERN = CONFIGS["modernbert"]
PLAIN_ROPE = {"rope_type": "default", "rope_theta": 10.0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_attention_heads": 4}, "heads must have an even number of columns (got 5)."),
        (
            {"local_attention": 0},
            "local_attention must be a whole number of at least 1 and at most 16777216 (got '0').",
        ),
        ({"global_attn_every_n_layers": 0}, "global_attn_every_n_layers must be a whole number of at least 1 and at"),
        ({"layer_types": ["full_attention"]}, "layer_types must name 4 of full_attention, sliding_attention (got"),
        ({"layer_types": ["full_attention"] * 3 + ["x"]}, "layer_types must name 4 of full_attention, sliding_attenti"),
        ({"layer_types": ["full_attention"] * 3 + [[]]}, "layer_types must name 4 of full_attention, sliding_attentio"),
        ({"layer_types": 4}, "layer_types must name 4 of full_attention, sliding_attention (got '4')."),
        ({"global_rope_theta": 0.5}, "global_rope_theta must be a number from 1 to 1e+12 (got '0.5')."),
        ({"local_rope_theta": "slow"}, "local_rope_theta must be a number from 1 to 1e+12 (got 'slow')."),
        ({"local_rope_theta": float("nan")}, "local_rope_theta must be a number from 1 to 1e+12 (got 'nan')."),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4}}, "rope_scaling must be null (got"),
        ({"rope_parameters": {"full_attention": {"rope_type": "yarn"}}}, "rope_parameters must be of rope_type defaul"),
        ({"rope_parameters": {"full_attention": PLAIN_ROPE | {"factor": 4}}}, "rope_parameters must be of rope_type d"),
        ({"rope_parameters": {"full_attention": 3}}, "rope_parameters must be of rope_type default, with a rope_theta"),
        ({"rope_parameters": {"full_attention": {"rope_type": []}}}, "rope_parameters must be of rope_type default, w"),
        ({"rope_parameters": PLAIN_ROPE}, "rope_parameters must be of rope_type default, with a rope_theta for full_a"),
        ({"rope_parameters": 7}, "rope_parameters must be of rope_type default, with a rope_theta for full_attention"),
        ({"norm_bias": "no"}, "norm_bias must be true or false (got 'no')."),
        ({"norm_eps": 2}, "norm_eps must be a number between 0 and 1 (got '2')."),
        ({"hidden_activation": "mish"}, "hidden_activation must be one of gelu"),
    ],
)
def test_what_modernbert_s_settings_may_not_say(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    """A stranger's values, each named in a sentence."""
    with pytest.raises(InputError) as caught:
        load_architecture(write_checkpoint(tmp_path, MODERN | changes, make_tensors(MODERN)))
    assert caught.value.message.startswith(f"config.json: {said}")


def test_modernbert_s_settings_have_its_defaults() -> None:
    """As transformers fills them in: every third layer looks at the whole text, the others 64 word pieces each way."""
    lacking = {"local_attention", "global_attn_every_n_layers", "norm_eps"}
    shape = describe({key: value for key, value in MODERN.items() if key not in lacking})
    assert shape.epsilon == 1e-5
    assert shape.rotary == Rotary(base=160_000.0, local_base=10_000.0, reach=64, is_local=(False, True, True, False))
    new = describe(CONFIGS["modernbert-new"]).rotary
    assert new == Rotary(base=500.0, local_base=30.0, reach=8, is_local=(True, False, True))


def test_modernbert_s_file_of_other_sizes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"layers\.0\.attn\.Wqkv\.bias must be there"):
        load_architecture(write_checkpoint(tmp_path, MODERN | {"attention_bias": True}, make_tensors(MODERN)))
    with pytest.raises(InputError, match=r"layers\.0\.mlp\.Wi\.weight must have shape \(28, 20\) \(got \(26, 20\)\)"):
        load_architecture(write_checkpoint(tmp_path, MODERN | {"intermediate_size": 14}, make_tensors(MODERN)))


def test_settings_that_configs_often_lack_have_their_family_s_defaults() -> None:
    """As transformers fills them in."""
    lacking = {key: value for key, value in CONFIGS["roberta"].items() if key not in {"layer_norm_eps", "pad_token_id"}}
    assert describe(lacking).epsilon == 1e-12
    assert describe(lacking).position_padding == 1
    assert describe(CONFIGS["distilbert"] | {"layer_norm_eps": 0.1}).epsilon == 1e-12  # its code fixes it


def test_a_table_of_positions_that_is_all_padding_is_refused() -> None:
    with pytest.raises(InputError, match="max_position_embeddings must be above 2"):
        describe(CONFIGS["roberta"] | {"max_position_embeddings": 2})


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    tensors = make_tensors(BERT)
    del tensors["encoder.layer.1.output.dense.bias"]
    with pytest.raises(InputError, match=r"encoder\.layer\.1\.output\.dense\.bias must be there"):
        load_architecture(write_checkpoint(tmp_path, BERT, tensors))


def test_a_tensor_of_another_shape_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"word_embeddings\.weight must have shape \(102, 20\) \(got \(101, 20\)\)"):
        load_architecture(write_checkpoint(tmp_path, BERT | {"vocab_size": 102}, make_tensors(BERT)))


def test_a_tensor_of_whole_numbers_is_named(tmp_path: Path) -> None:
    tensors: dict[str, NDArray[Any]] = dict(make_tensors(BERT))
    tensors["embeddings.LayerNorm.bias"] = np.zeros(20, np.int64)
    with pytest.raises(InputError, match=r"LayerNorm\.bias must be F32, F16 or BF16 \(got 'I64'\)"):
        load_architecture(write_checkpoint(tmp_path, BERT, tensors))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused_by_name(bad: float, tmp_path: Path) -> None:
    tensors = make_tensors(BERT)
    tensors["encoder.layer.2.intermediate.dense.weight"][3, 5] = bad
    folder = write_checkpoint(tmp_path, BERT, tensors)
    with pytest.raises(InputError, match=r"layers\.2\.widen\.weight, at \(3, 5\)"):
        rows_of(folder)


def _forge(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x07",
        b"\x00" * 8,
        (2**63).to_bytes(8, "little") + b"{}",
        (HEADER_LIMIT_BYTES + 1).to_bytes(8, "little") + b" " * (HEADER_LIMIT_BYTES + 1),
        (100).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"{]",
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
        b"PK\x03\x04" + b"\x00" * 100,
    ],
    ids=["empty", "cut", "no header", "2^63", "too long", "beyond the end", "no JSON", "deep", "a zip"],
)
def test_what_is_no_safetensors_file_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must"):
        open_weights(_forge(tmp_path / "model.safetensors", content))


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = (write_checkpoint(tmp_path, BERT) / "model.safetensors").read_bytes()
    for length in (4, 8, 200, len(whole) // 2, len(whole) - 1):
        with pytest.raises(InputError):
            open_weights(_forge(tmp_path / "cut.safetensors", whole[:length]))


@pytest.mark.parametrize("change", ["shortened", "written to"])
def test_weights_that_change_while_an_encoder_is_open_are_an_error(tmp_path: Path, change: str) -> None:
    """To touch a page of the map that is no longer there would be death by SIGBUS."""
    folder = make_checkpoint(tmp_path / "encoder")
    weights = open_weights(folder / "model.safetensors")
    name, entry = next((name, entry) for name, entry in weights.entries.items() if len(entry.shape) == 2)
    encoder = Encoder.open(str(folder))
    encoder.encode(["good", "bad"])
    with (folder / "model.safetensors").open("r+b") as opened:
        if change == "shortened":
            opened.truncate(200)
        else:
            opened.write(b"x")
    for read in (lambda: weights.read(name, entry.shape), lambda: encoder.encode(["good", "bad"])):
        with pytest.raises(InputError, match=r"model\.safetensors has changed while it was in use\."):
            read()


def test_whatever_reads_the_weights_later_asks_first(tmp_path: Path) -> None:
    """A graph that is built, int8 weights that are measured, a lesson's pictures: long after the file was opened."""
    folder = make_checkpoint(tmp_path / "encoder")
    architecture = load_architecture(folder)
    with (folder / "model.safetensors").open("r+b") as opened:
        opened.truncate(200)
    for read in (
        lambda: OnnxBackend.open(architecture, blocks=(), identity_digest="", kept=None, token_layers=(1,)),
        lambda: build_weights(architecture),
        lambda: measured_channels(architecture),
        lambda: attention(architecture, np.zeros((3, 4, 16), np.float32)),
    ):
        with pytest.raises(InputError, match=r"model\.safetensors has changed while it was in use\."):
            read()


def test_weights_that_are_replaced_while_an_encoder_is_open_are_no_matter(tmp_path: Path) -> None:
    """As every careful program writes: the opened encoder has the file that it opened."""
    folder = make_checkpoint(tmp_path / "encoder")
    encoder = Encoder.open(str(folder))
    expected = encoder.encode(["good", "bad"]).rows
    (folder / "other").write_bytes(b"another")
    (folder / "other").replace(folder / "model.safetensors")
    np.testing.assert_array_equal(encoder.encode(["good", "bad"]).rows, expected)


def _described(**changes: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"x": _described(data_offsets=[4, 12])}, "fill the 8 bytes of data without gap or overlap"),
        ({"x": _described(), "y": _described()}, "fill the 8 bytes of data without gap or overlap"),
        ({"x": _described(shape=[1], data_offsets=[0, 4])}, "fill the 8 bytes of data without gap or overlap"),
        ({"x": _described(shape=[3])}, "'x' must take 12 bytes .its offsets span 8."),
        ({"x": _described(dtype="F64")}, "'x' must take 16 bytes .its offsets span 8."),
        ({"x": _described(dtype="F128")}, "'x' must be of a type of the format .got 'F128'."),
        ({"x": _described(dtype=["F32"])}, "'x' must be of a type of the format .got list."),
        ({"x": _described(shape=[2.0])}, "a shape of sizes"),
        ({"x": _described(shape=[True, 2])}, "a shape of sizes"),
        ({"x": _described(shape=[-1, -2])}, "a shape of sizes"),
        ({"x": _described(shape=[1] * 65)}, "a shape of sizes"),
        ({"x": _described(data_offsets=[0, 8, 8])}, "two data_offsets of at least 0"),
        ({"x": _described(more=1)}, "dtype, shape and data_offsets, and no more"),
        ({"x": {"dtype": "F32", "shape": [2]}}, "dtype, shape and data_offsets, and no more"),
        ({"x": 1}, "dtype, shape and data_offsets, and no more"),
    ],
)
def test_a_header_that_is_not_of_the_format_is_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(TensorsError, match=said):
        read_entries(table, 8)


def test_a_tensor_named_twice_is_refused(tmp_path: Path) -> None:
    """JSON would let the second one win."""
    entry = json.dumps(_described())
    header = f'{{"x": {entry}, "x": {entry}}}'.encode()
    with pytest.raises(InputError, match=r"the header must name each key once \(got 'x' twice\)"):
        open_weights(_forge(tmp_path / "twice", len(header).to_bytes(8, "little") + header + bytes(8)))


def test_what_the_library_writes_is_read(tmp_path: Path) -> None:
    """Every type that numpy has, an empty tensor, metadata."""
    kinds = ("bool", "u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8")
    arrays = {kind: np.ones((2, 3), kind) for kind in kinds} | {"none": np.ones((0, 5), "f4")}
    save_file(arrays, tmp_path / "x.safetensors", metadata={"format": "np"})
    weights = open_weights(tmp_path / "x.safetensors")
    assert {name: entry.shape for name, entry in weights.entries.items()} == {n: a.shape for n, a in arrays.items()}
    for name, (_, shape, start, end) in weights.entries.items():
        stored = weights.content[start:end].view(arrays[name].dtype).reshape(shape)
        assert (stored == arrays[name]).all()


@pytest.mark.parametrize(("size_bytes", "fits"), [(7, False), (17, False), (18, True)])
def test_a_header_must_end_within_the_file(size_bytes: int, fits: bool) -> None:  # noqa: FBT001 - a parameter of a test
    first = (10).to_bytes(8, "little")
    with contextlib.nullcontext() if fits else pytest.raises(TensorsError, match="must have at most 10 bytes and end"):
        assert header_length(first, size_bytes, limit_bytes=10) == 10
    with pytest.raises(TensorsError, match="must have at most 9 bytes"):
        header_length(first, size_bytes, limit_bytes=9)


@pytest.mark.parametrize("offsets", [[0, 2**62], [8, 4], [-8, 0], [4, 84]])
def test_offsets_that_lie_are_refused(offsets: list[int], tmp_path: Path) -> None:
    header = json.dumps({"x": {"dtype": "F32", "shape": [20], "data_offsets": offsets}}).encode()
    with pytest.raises(InputError):
        open_weights(_forge(tmp_path / "lie", len(header).to_bytes(8, "little") + header + b"\x00" * 80))


@pytest.mark.parametrize("text", ["", "{", "[]", "nul", '"x"', "[" * 100_000, "1" * 5_000, "\udcff"])
def test_a_config_that_is_no_json_object_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"config\.json"):
        read_json(tmp_path / CONFIG)


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"config\.json"):
        load_architecture(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(BERT), "utf-8")
    with pytest.raises(MissingInputError, match=r"model\.safetensors"):
        load_architecture(tmp_path)


@pytest.mark.parametrize(("header", "kind"), [(b"[]", "list"), (b'"x"', "str"), (b"1", "int")])
def test_a_header_is_a_json_object(header: bytes, kind: str, tmp_path: Path) -> None:
    path = _forge(tmp_path / "x.safetensors", len(header).to_bytes(8, "little") + header)
    with pytest.raises(InputError) as caught:
        open_weights(path)
    assert caught.value.message == (
        f"{path} must be a whole safetensors file (the header must be a JSON object (got {kind}))."
    )


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_families_differ_in_positions_token_types_and_distances(name: str) -> None:
    """MPNet alone adds a bias by distance; fairseq's and MPNet count positions from their padding on."""
    shape = describe(CONFIGS[name])
    assert shape.relative_bias == (name == "mpnet")
    assert (shape.position_padding is not None) == (name in {"roberta", "xlm-roberta", "camembert", "mpnet"})
    is_modern = name in {"modernbert", "modernbert-new"}
    assert (shape.n_token_types == 0) == (is_modern or name in {"distilbert", "distilbert-relu", "mpnet"})
    assert (shape.n_positions == 0) == is_modern == shape.is_modern
    assert shape.has_projection == (name == "electra")
