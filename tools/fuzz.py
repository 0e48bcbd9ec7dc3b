"""Coverage-guided fuzzing of every loader: `python tools/fuzz.py [LOADER...] [--seconds 60] [--runs 50000]`.

Each loader gets a process of its own with atheris (libFuzzer), which changes a few valid files, keeps what reaches new
lines, and goes on. An input must end in an answer or in a `FrostlineError`, within 10 s and 1 GB: anything else is an
escape, kept in build/fuzz/LOADER/escapes and told with the line that raised it. The exit code is 1 if there is one.

The seeds are made, not kept: a tree that was found once (`tests/fuzz_corpus/LOADER`) is added to them.
"""

import argparse
import contextlib
import gzip
import hashlib
import importlib
import io
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
OUT = ROOT / "build" / "fuzz"
CORPUS = ROOT / "tests" / "fuzz_corpus"
SECONDS_EACH, MEGABYTES = 10, 1024
RESTARTS = 20  # after an input that took too long or too much

Target = Callable[[bytes], object]


@dataclass(frozen=True)
class Loader:
    """Something that reads what a stranger wrote."""

    seeds: Callable[[], list[bytes]]
    target: Callable[[Path], Target]  # Given an empty folder of its own


def _table(suffix: str) -> Callable[[Path], Target]:
    def target(place: Path) -> Target:
        from frostline.data.tables import read_labelled, stream_texts  # noqa: PLC0415 - once instrumented

        path = place / f"table{suffix}"

        def read(content: bytes) -> None:
            path.write_bytes(content)
            try:
                read_labelled(path)
            finally:
                for _ in stream_texts(path, on_reject=lambda _: None):
                    pass

        return read

    return target


class Shared:
    """What `frostline.child.Child` is to a Parquet or Arrow file, but one process for many files, until one ends it."""

    process: "subprocess.Popen[bytes] | None" = None
    asks = socket.socket()

    def __init__(self, _module: str, _handle: str, kind: str, most: str, *, keep: tuple[int, ...]) -> None:
        if Shared.process is None:
            Shared.asks, hears = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            command = [sys.executable, __file__, "--serve", str(hears.fileno())]
            Shared.process = subprocess.Popen(  # noqa: S603 - this file
                command, pass_fds=[hears.fileno()], stderr=subprocess.DEVNULL
            )
            hears.close()
        (asked_end, asking), (telling_end, telling) = os.pipe(), os.pipe()
        with contextlib.suppress(OSError):  # it has just ended
            socket.send_fds(Shared.asks, [json.dumps([kind, most]).encode()], [asked_end, telling, *keep])
        for end in (asked_end, telling):
            os.close(end)
        self.asked, self.told = os.fdopen(asking, "wb"), os.fdopen(telling_end, "rb")

    def code(self) -> int:
        """Its exit code; 0 if it goes on."""
        if Shared.process is None:
            return 0
        with contextlib.suppress(subprocess.TimeoutExpired):
            Shared.process.wait(0.1)
        code = Shared.process.poll()
        if code is not None:
            Shared.process = None
        return code or 0

    def close(self) -> None:
        """It hears that nothing more is asked."""
        for stream in (self.asked, self.told):
            with contextlib.suppress(OSError):
                stream.close()


def serve(handle: int) -> None:
    """In that process: read file after file."""
    from frostline.data import columnar  # noqa: PLC0415 - it imports pyarrow

    with socket.socket(fileno=handle) as hears:
        while True:
            message, handles, *_ = socket.recv_fds(hears, 100_000, 3)
            if not message:
                return
            kind, most = json.loads(message)
            with (
                contextlib.suppress(OSError),
                open(handles[0], "rb") as asked,  # noqa: PTH123 - a handle
                open(handles[1], "wb") as told,  # noqa: PTH123 - as above
                open(handles[2], "rb") as file,  # noqa: PTH123 - as above
            ):
                columnar.answer(asked, told, file, kind=kind, most=json.loads(most))


def _columns(suffix: str) -> Callable[[Path], Target]:
    """As `_table`, with one process for many files."""

    def target(place: Path) -> Target:
        from frostline import child  # noqa: PLC0415 - once instrumented

        read = _table(suffix)(place)

        def shared(content: bytes) -> None:
            child.Child, kept = Shared, child.Child  # type: ignore[assignment,misc]
            try:
                read(content)
            finally:
                child.Child = kept  # type: ignore[misc]

        return shared

    return target


def _rows() -> list[bytes]:
    return [
        b"a fine film\t1\na bad one\t0\n",
        b'text,label\n"a, ""fine"" film",pos\n\'x,neg\n',
        "﻿sentence;label\r\nschön;gut\r\nöde;schlecht\r\n".encode(),
        b'{"text": "a", "label": "b"}\n{"text": "c", "label": ["d", "e"]}\n',
        b'{"text": {"a": null}, "label": 1e999}\n',
        "text\tlabel\nä\tö\n".encode("utf-16"),
        b"sep=;\na;b\n",
    ]


def _parquet() -> list[bytes]:
    import pyarrow as pa  # noqa: PLC0415 - only for this loader
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    files = []
    for columns in COLUMNS:
        written = io.BytesIO()
        pq.write_table(pa.table(columns), written)
        files.append(written.getvalue())
    return files


_PARTS = ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml", "xl/styles.xml")


def _workbook_parts() -> dict[str, bytes]:
    """A workbook whose strings lie in a part of their own, as Excel writes it."""
    from openpyxl import Workbook  # noqa: PLC0415 - only for this loader

    book, written = Workbook(), io.BytesIO()
    for row in (["text", "label"], ["a fine film", 5.0], ["a bad one", True]):
        book.active.append(row)
    book.save(written)
    with zipfile.ZipFile(written) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = f'<Override PartName="/{_PARTS[1]}" ContentType="{kind}"/></Types>'
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(b"</Types>", override.encode())
    parts[_PARTS[1]] = b"<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><si><t>a</t></si></sst>"
    return parts


def _workbook(place: Path) -> Target:
    """The first byte says which part is exchanged for the rest; zip's checksums would stop any other change."""
    parts, read = _workbook_parts(), _table(".xlsx")(place)

    def exchanged(content: bytes) -> None:
        packed = io.BytesIO()
        changed = {_PARTS[content[0] % len(_PARTS)]: content[1:]} if content else {}
        with zipfile.ZipFile(packed, "w") as archive:
            for name, part in (parts | changed).items():
                archive.writestr(name, part)
        read(packed.getvalue())

    return exchanged


def _workbook_seeds() -> list[bytes]:
    parts = _workbook_parts()
    return [bytes([place]) + parts[name] for place, name in enumerate(_PARTS)]


COLUMNS: tuple[dict[str, list[Any]], ...] = (
    {"text": ["a", "b", None], "label": [1, 0, 1]},
    {"text": ["x"], "labels": [["a", "b"]]},
    {"post": [{"text": "x"}, None], "label": [True, False]},
)


def _arrow() -> list[bytes]:
    import pyarrow as pa  # noqa: PLC0415 - only for this loader

    files = []
    for columns in COLUMNS:
        for opened, compression in ((pa.ipc.new_file, "zstd"), (pa.ipc.new_stream, None)):
            written, table = io.BytesIO(), pa.table(columns)
            with opened(written, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
                writer.write_table(table)
            files.append(written.getvalue())
    return files


class Answered:
    """A process of which each said is in the input: what damage does to it may make it say anything."""

    def __init__(self, content: bytes) -> None:
        self.asked, self.told = io.BytesIO(), io.BytesIO(content)

    def code(self) -> int:
        """As of one that crashed."""
        return -11

    def close(self) -> None:
        """Nothing runs."""
        self.asked.close()


def _answered(place: Path) -> Target:
    from frostline import child  # noqa: PLC0415 - once instrumented
    from frostline.data.tables import read_labelled  # noqa: PLC0415 - as above

    path = place / "table.parquet"
    path.write_bytes(b"PAR1")

    def target(content: bytes) -> None:
        lines = b"".join(b"%08x" % len(line) + line for line in content.split(b"\n"))
        child.Child, kept = lambda *_, **__: Answered(lines), child.Child  # type: ignore[assignment,misc]
        try:
            read_labelled(path)
        finally:
            child.Child = kept  # type: ignore[misc]

    return target


def _answers_of_columns() -> list[bytes]:
    field = {"type": "string", "is_member": False, "bytes": 1, "values": 1}
    fields = [{"name": "text", "kind": "string", **field}, {"name": "label", "kind": "list", **field}]
    first = json.dumps({"n_fields": 2, "n_rows": 2, "fields": fields}).encode()
    columns = {"bytes": 1, "columns": [{"values": ["a"], "places": [0, 0]}, {"values": [["b", 1], ["c"]]}]}
    rows = b"\n".join([first, json.dumps(columns).encode(), b'{"end": true}'])
    return [rows, first + b'\n{"error": "damage", "kind": "memory"}', rows.replace(b'"a"', b'"\xff"')]


def _manifest(place: Path) -> Target:
    from frostline.artifact.manifest import read_manifest  # noqa: PLC0415 - once instrumented
    from frostline.errors import FrostlineError  # noqa: PLC0415 - as above

    del place

    def read(content: bytes) -> None:
        try:
            read_manifest(content)
        except FrostlineError:  # once more with the right digest in the last line, as a forger would have it
            body = re.sub(rb'  "sha256": "[0-9a-f]{64}"\n}\n\Z', b"", content)
            read_manifest(body + f'  "sha256": "{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode())

    return read


def _manifests() -> list[bytes]:
    saved = ROOT / "tests" / "artifact" / "saved_by_0_1_0"
    return [path.read_bytes() for path in sorted(saved.rglob("manifest.json"))]


def _head(place: Path) -> Target:
    from frostline.artifact.files import read_head, read_neighbours, read_words  # noqa: PLC0415 - once instrumented
    from frostline.errors import FrostlineError  # noqa: PLC0415 - as above

    del place

    def read(content: bytes) -> None:
        refused: list[FrostlineError] = []
        for attempt in (
            lambda: read_head(content, labels=("a", "b", "c"), n_features=4, link="softmax"),
            lambda: read_neighbours(content, n_labels=3, n_features=4, link="softmax"),
            lambda: read_words(content),
        ):
            try:
                attempt()
            except FrostlineError as error:
                refused.append(error)
        if len(refused) == 3:
            raise refused[0]

    return read


def _tensors() -> list[bytes]:
    import numpy as np  # noqa: PLC0415 - only for this loader
    from safetensors.numpy import save  # noqa: PLC0415 - as above

    words = json.dumps({"terms": ["a", "b c"], "weights": [1.0, 2.0]}).encode()
    head = save({"coef": np.ones((3, 4)), "intercept": np.zeros(3)})
    return [head, save({"x": np.ones((2, 3), np.float16)}), words, *_saved("*.safetensors"), *_saved("words.json")]


def _saved(pattern: str) -> list[bytes]:
    found = sorted((ROOT / "tests" / "artifact" / "saved_by_0_1_0").rglob(pattern))
    return [path.read_bytes() for path in found if path.stat().st_size < 100_000]


def _weights(place: Path) -> Target:
    from frostline.tensors import open_weights  # noqa: PLC0415 - once instrumented

    path = place / "model.safetensors"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        weights = open_weights(path)
        for name, entry in list(weights.entries.items())[:8]:
            weights.read(name, entry.shape)

    return read


def _encoder(place: Path) -> Target:
    from frostline.encoder.architecture import describe  # noqa: PLC0415 - once instrumented
    from frostline.encoder.checkpoint import Checkpoint  # noqa: PLC0415 - as above
    from frostline.encoder.files import read_json  # noqa: PLC0415 - as above
    from frostline.encoder.tokens import WordPieces  # noqa: PLC0415 - as above

    (place / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\n##ly\n")

    def read(content: bytes) -> None:
        config, _, settings = content.partition(b"\0")
        (place / "config.json").write_bytes(config)
        (place / "tokenizer_config.json").write_bytes(settings or b"{}")
        document = read_json(place / "config.json")
        describe(document)
        digests = {"weights_sha256": "", "tokenizer_sha256": "", "config_sha256": ""}
        checkpoint = Checkpoint(name="x", revision=None, folder=place, config=document, **digests)
        WordPieces.open(checkpoint).tokenize(["good Badly \u4e2d", ""])

    return read


def _configs() -> list[bytes]:
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 8}
    shape: dict[str, Any] = {
        **sizes,
        "vocab_size": 20,
        "max_position_embeddings": 32,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
    }
    small = {"dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 8, "vocab_size": 20, "max_position_embeddings": 32}
    bert = json.dumps({"model_type": "bert", "type_vocab_size": 2, **shape}).encode()
    distil = json.dumps({"model_type": "distilbert", "activation": "gelu", **small}).encode()
    settings = json.dumps({"do_lower_case": True, "model_max_length": 16, "cls_token": {"content": "[CLS]"}}).encode()
    roberta = json.dumps({"model_type": "roberta", "type_vocab_size": 1, "pad_token_id": 1, **shape}).encode()
    mpnet = json.dumps({"model_type": "mpnet", "relative_attention_num_buckets": 32, **shape}).encode()
    rotary = {"global_attn_every_n_layers": 3, "local_attention": 8, "global_rope_theta": 1e4, "norm_eps": 1e-5}
    modern = json.dumps({"model_type": "modernbert", "hidden_activation": "gelu", **shape, **rotary}).encode()
    return [bert, distil, bert + b"\0" + settings, distil + b"\0" + settings, roberta, mpnet, modern]


def _shard(place: Path) -> Target:
    import numpy as np  # noqa: PLC0415 - as above

    from frostline.store import shards  # noqa: PLC0415 - once instrumented

    path = place / "shard.safetensors"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        handle = shards.open_shard(str(path))
        with (
            contextlib.closing(os.fdopen(handle, "rb")),
            contextlib.suppress(shards.ShardDamageError),
        ):  # the store's own
            front = shards.read_front(handle, {})
            rows = np.arange(min(4, front.layout.n_rows), dtype=np.int64)
            vouchers = shards.read_vouchers(handle, front, rows)
            for block in front.layout.blocks:
                shards.read_block(handle, front, block, vouchers)

    return read


def _shards() -> list[bytes]:
    import numpy as np  # noqa: PLC0415 - only for this loader

    from frostline.store.shards import Rows, pack, text_keys  # noqa: PLC0415 - as above

    shards = []
    for blocks in (("mean@0",), ("cls@1", "mean@0")):
        values = np.arange(2 * 4 * len(blocks), dtype=np.float32).reshape(2, -1)
        seen = np.array([[3, 0], [4, 1]], np.int32)
        rows = Rows(keys=text_keys(["a", "b"]), blocks=blocks, values=values, seen=seen)
        shards.append(bytes(pack(rows, "0" * 64)[1]))
    return shards


def _fixes(place: Path) -> Target:
    from frostline.data.fixes import read_fixes  # noqa: PLC0415 - once instrumented

    path = place / "fixes.tsv"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        read_fixes(path)

    return read


def _fixes_seeds() -> list[bytes]:
    from frostline.data.fixes import FixRow, write_fixes  # noqa: PLC0415 - only for this loader

    rows = [
        FixRow(
            action="relabel", advice="relabel", line=3, label="a", suggested="b", score=0.9, reason="r", text="=x\ty"
        ),
        FixRow(action="drop", advice="look", line=4, label="'c", score=0.1, reason="", text="\u2028"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fixes.tsv"
        write_fixes(path, rows)
        written = path.read_bytes()
    return [written, written.replace(b"\t", b";"), written.decode().encode("utf-16")]


def _listing(place: Path) -> Target:
    from frostline.encoder import hub  # noqa: PLC0415 - once instrumented
    from frostline.strict import read_object  # noqa: PLC0415 - as above

    del place

    def read(content: bytes) -> None:
        document = read_object(content, "the list")
        with contextlib.suppress(AttributeError, LookupError, TypeError, ValueError):  # `_listing` makes an error of it
            hub.parsed(document)  # the very part that a hub's answer goes through

    return read


def _listings() -> list[bytes]:
    sibling = {"rfilename": "config.json", "size": 10, "lfs": {"sha256": "0" * 64, "size": 10}}
    return [json.dumps({"sha": "0" * 40, "siblings": [sibling, {"rfilename": "README.md"}]}).encode()]


_BERTS_WORDS = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\n##ly\n"


def _files(place: Path, names: tuple[str, ...], use: Callable[[], object]) -> Target:
    """Several files in one input, parted by NUL: those that are empty are not there."""

    def read(content: bytes) -> None:
        for name, part in zip(names, [*content.split(b"\0"), *[b""] * len(names)], strict=False):
            path = place / name
            path.parent.mkdir(exist_ok=True)
            path.unlink(missing_ok=True)
            if part:
                path.write_bytes(part)
        use()

    return read


def _published(place: Path) -> Target:
    from frostline.encoder.published import prefix_of, published, published_files  # noqa: PLC0415 - once instrumented

    def use() -> None:
        published_files(place)
        prefix_of("x", None, published(place))

    names = ("modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json")
    return _files(place, names, use)


def _published_seeds() -> list[bytes]:
    kinds = [("0", "", "Transformer"), ("1", "1_Pooling", "Pooling"), ("2", "2_Normalize", "Normalize")]
    modules = [{"idx": int(n), "path": path, "type": f"sentence_transformers.models.{kind}"} for n, path, kind in kinds]
    pooling = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True, "pooling_mode": "cls"}
    said = {"prompts": {"query": "query: ", "classification": "c: "}, "default_prompt_name": "query"}
    parts = [modules, pooling, {"max_seq_length": 256, "do_lower_case": False}, said]
    return [b"\0".join(json.dumps(part).encode() for part in parts), b"\0" + json.dumps(pooling).encode()]


def _tokenizer(place: Path) -> Target:
    """What is not plain would be tried by a child, and is refused here: the others are opened as the program does."""
    from frostline.encoder import trial  # noqa: PLC0415 - once instrumented
    from frostline.encoder.tokens import WordPieces  # noqa: PLC0415 - as above
    from frostline.errors import InputError  # noqa: PLC0415 - as above

    def refused(content: str, path: Path) -> None:
        del content
        raise InputError(f"{path} is not tried.")

    checkpoint = _checkpoint(place)

    def use() -> None:
        trial._try, kept = refused, trial._try  # noqa: SLF001 - instead of the child
        try:
            pieces = WordPieces.open(checkpoint)
        finally:
            trial._try = kept  # noqa: SLF001 - as above
        pieces.tokenize(["good Badly \u4e2d", "", "a" * 3_000, "\u00e4 " * 1_000])
        pieces.vocabulary()

    names = ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json")
    return _files(place, names, use)


def _checkpoint(place: Path) -> Any:
    from frostline.encoder.checkpoint import Checkpoint  # noqa: PLC0415 - once instrumented

    digests = {"weights_sha256": "", "tokenizer_sha256": "", "config_sha256": ""}
    return Checkpoint(name="x", revision=None, folder=place, config=json.loads(_configs()[0]), **digests)


def _tokenizers() -> list[bytes]:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415 - only here

    numbers = {word: row for row, word in enumerate(_BERTS_WORDS.split())}
    berts = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))  # noqa: S106 - a word piece
    berts.normalizer, berts.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    berts.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    roberta = Tokenizer(models.BPE(numbers | {"g": 8, "o": 9, "go": 10}, [("g", "o")]))
    roberta.pre_tokenizer = pre_tokenizers.ByteLevel()
    settings = {"do_lower_case": True, "model_max_length": 16, "cls_token": {"content": "[CLS]"}}
    told = json.dumps(settings).encode() + b'\0{"sep_token": "[SEP]"}'
    words = b"\0".join([b"", _BERTS_WORDS.encode(), told])
    return [berts.to_str().encode() + b"\0\0" + told, roberta.to_str().encode(), words]


def _index(place: Path) -> Target:
    from frostline.encoder import files, shards  # noqa: PLC0415 - once instrumented
    from frostline.tensors import open_weights  # noqa: PLC0415 - as above

    for name, tensors in _shard_files().items():
        (place / name).write_bytes(tensors)

    def use() -> None:
        names = files.shards_of(place)
        shards._where(place, [open_weights(place / name) for name in names])  # noqa: SLF001 - what reads the index

    return _files(place, (files.INDEX,), use)


def _shard_files() -> dict[str, bytes]:
    import numpy as np  # noqa: PLC0415 - only for this loader
    from safetensors.numpy import save  # noqa: PLC0415 - as above

    return {f"model-0000{n}-of-00002.safetensors": save({f"t{n}": np.ones((2, 2), np.float32)}) for n in (1, 2)}


def _indices() -> list[bytes]:
    listed = {f"t{n}": name for n, name in enumerate(_shard_files(), 1)}
    return [json.dumps({"metadata": {"total_size": 32}, "weight_map": listed}).encode()]


def _static(place: Path) -> Target:
    """A table of word pieces: its config.json, NUL, its weights."""
    from frostline.encoder.files import CONFIG, WEIGHTS, read_json  # noqa: PLC0415 - once instrumented
    from frostline.encoder.static import load_table, static_shape  # noqa: PLC0415 - as above

    def read(content: bytes) -> None:
        config, _, weights = content.partition(b"\0")
        (place / CONFIG).write_bytes(config)
        (place / WEIGHTS).write_bytes(weights)
        load_table(place, static_shape(read_json(place / CONFIG), place))

    return read


def _tables_of_pieces() -> list[bytes]:
    import numpy as np  # noqa: PLC0415 - only for this loader
    from safetensors.numpy import save  # noqa: PLC0415 - as above

    from frostline.encoder.static import FORMAT, TABLE  # noqa: PLC0415 - as above

    config = {"model_type": "frostline_static", "format": FORMAT, "vocab_size": 3, "hidden_size": 2}
    return [json.dumps(config | {"max_position_embeddings": 9}).encode() + b"\0" + save({TABLE: np.ones((3, 2), "f4")})]


def _tables(place: Path) -> Target:
    """What an artifact holds beside its head: its tables, likeness, digests of texts, its encoder's seen texts."""
    from frostline.artifact import files, manifest, tables  # noqa: PLC0415 - once instrumented
    from frostline.encoder import seen  # noqa: PLC0415 - as above
    from frostline.errors import FrostlineError  # noqa: PLC0415 - as above

    saved = manifest.read_manifest(_manifests()[0])

    class Reader:
        class identity:  # noqa: N801 - a field
            name = str(place)

    def read(content: bytes) -> None:
        (place / "seen.safetensors").write_bytes(content)
        refused: list[FrostlineError] = []
        for attempt in (
            lambda: tables.with_tables(saved, content),
            lambda: tables.read_likeness(content, n_features=4),
            lambda: files.read_learned(content),
            lambda: seen.seen_by(Reader()),  # type: ignore[arg-type]
        ):
            try:
                attempt()
            except FrostlineError as error:
                refused.append(error)
        if len(refused) == 4:
            raise refused[0]

    return read


def _tables_seeds() -> list[bytes]:
    import numpy as np  # noqa: PLC0415 - only for this loader

    from frostline.artifact.manifest import read_manifest  # noqa: PLC0415 - as above
    from frostline.artifact.tables import tables_bytes  # noqa: PLC0415 - as above
    from frostline.tensors import tensors_bytes  # noqa: PLC0415 - as above

    shares: dict[str, Any] = {"exceeded": np.sort(np.ones((3, 256), np.float32)), "factor": np.ones(10, np.float16)}
    likeness = {"centre": np.zeros(4, np.float32), "counts": np.array([1, 9]), **shares}
    numbers = [tables_bytes(read_manifest(content)) for content in _manifests()]
    return [*numbers, tensors_bytes(likeness), tensors_bytes({"digests": np.array([-5, 3, 9])})]


def _cascade(place: Path) -> Target:
    """cascade.json, NUL, cascade.safetensors."""
    from frostline.artifact import cascade, manifest  # noqa: PLC0415 - once instrumented
    from frostline.artifact.self_test import check_answers  # noqa: PLC0415 - as above

    del place
    saved = manifest.read_manifest(_manifests()[0])

    def read(content: bytes) -> None:
        document, _, head = content.partition(b"\0")
        files = {manifest.CASCADE: document, manifest.CASCADE_HEAD: head}
        read_one = cascade._read(files, saved, None, manifest.DEFAULT_LIMITS)  # noqa: SLF001 - what reads them
        check_answers(read_one.self_test, read_one.head)

    return read


def _cascades() -> list[bytes]:
    if str(ROOT / "tests") not in sys.path:
        sys.path.insert(0, str(ROOT / "tests"))
    import numpy as np  # noqa: PLC0415 - only for this loader

    from fakes import FakeEncoder  # noqa: PLC0415 - as above
    from frostline.artifact.cascade import cascade_files  # noqa: PLC0415 - as above
    from frostline.artifact.manifest import coef_shape, read_manifest  # noqa: PLC0415 - as above
    from frostline.head.cascade import Cascade  # noqa: PLC0415 - as above
    from frostline.head.linear import LinearHead, Rule  # noqa: PLC0415 - as above

    saved, reader = read_manifest(_manifests()[0]), FakeEncoder()
    n_rows, n_columns = coef_shape(len(saved.labels), len(reader.blocks) * reader.hidden_size, saved.link)
    coef = np.linspace(-1, 1, n_rows * n_columns).reshape(n_rows, n_columns)
    rule = Rule(thresholds=(0.4,) * len(saved.labels), answer_from=0.6)
    head = LinearHead(labels=saved.labels, coef=coef, intercept=np.zeros(n_rows), link=saved.link, rule=rule)
    return [b"\0".join(cascade_files(Cascade(head=head, reader=reader)).values())]


def _job(place: Path) -> Target:
    """A manifest beside a file that was scored, as `verify` reads it, and as a job that goes on."""
    from frostline.errors import FrostlineError  # noqa: PLC0415 - once instrumented
    from frostline.score import job  # noqa: PLC0415 - as above

    out = place / "scored.csv"
    out.write_bytes(b"a,b\nc,d\n")

    def read(content: bytes) -> None:
        job.manifest_of(out).write_bytes(content)
        with contextlib.suppress(FrostlineError):
            job._is_complete(out, {"input": {"sha256": "0"}})  # noqa: SLF001 - what a job asks first
        job.verify(out)

    return read


def _jobs() -> list[bytes]:
    from frostline.score.job import FORMAT  # noqa: PLC0415 - only for this loader

    content = b"a,b\nc,d\n"
    digest = hashlib.sha256(content).hexdigest()
    section = {"rows": 2, "size_bytes": len(content), "sha256": digest}
    whole = {"format": FORMAT, "plan": {"input": {"name": "x", "sha256": "0"}}, "sections": [section], "rows": 2}
    return [json.dumps(whole | {"size_bytes": len(content), "sha256": digest}).encode()]


def _request(place: Path) -> Target:
    """The body of a request, as each wire reads it."""
    from frostline.serve import bodies  # noqa: PLC0415 - once instrumented
    from frostline.serve.refusals import Refusal  # noqa: PLC0415 - as above
    from frostline.serve.wires import mlflow, open_inference, tei  # noqa: PLC0415 - as above

    del place

    def read(content: bytes) -> None:
        size, _, rest = content.partition(b"\n")
        attempts: list[Target] = [
            lambda _: bodies.texts_in(bodies.parsed(content).get("texts"), "/texts"),
            lambda _: tei._texts(bodies.parsed(content).get("inputs")),  # noqa: SLF001 - what the wire reads
            lambda _: open_inference._asked(content, None),  # noqa: SLF001 - as above
            lambda _: open_inference._asked(rest, size.decode("latin-1")),  # noqa: SLF001 - as above
        ]
        for attempt in attempts:
            with contextlib.suppress(Refusal):
                attempt(content)
        for kind in ("inputs", "instances", "dataframe_split", "dataframe_records"):
            with contextlib.suppress(Refusal):
                mlflow._texts(kind, bodies.parsed(content).get(kind))  # noqa: SLF001 - as above

    return read


def _requests() -> list[bytes]:
    split = {"columns": ["text", "id"], "data": [["a", 1]]}
    one = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}
    binary = one | {"parameters": {"binary_data_size": 5}}
    del binary["data"]
    v2 = json.dumps({"id": "1", "inputs": [binary], "outputs": [{"name": "label", "parameters": {}}]}).encode()
    bodies = [{"texts": ["a", "\ud800"]}, {"inputs": [["a"], ["b"]]}, {"dataframe_split": split}, {"inputs": [one]}]
    return [*(json.dumps(body).encode() for body in bodies), b"%d\n" % len(v2) + v2 + b"\1\0\0\0a"]


def _kept(place: Path) -> Target:
    """What lies in a folder of our own, and was damaged."""
    from frostline.encoder.session import Kept, kept_file  # noqa: PLC0415 - once instrumented
    from frostline.store.store import IDENTITY_NAME  # noqa: PLC0415 - as above
    from frostline.store.upkeep import encoder_name  # noqa: PLC0415 - as above

    place.chmod(0o700)

    def read(content: bytes) -> None:
        kinds: tuple[Kept, ...] = ("graph", "int8", "digest")
        for kind in kinds:
            (place / f"{'0' * 64}.{kind}").write_bytes(content)
            kept_file(place, "0" * 64, lambda: b"built", kind=kind)
        (place / IDENTITY_NAME).write_bytes(content)
        encoder_name(place)

    return read


def _kept_seeds() -> list[bytes]:
    return [hashlib.sha256(b"a graph").hexdigest().encode() + b"\na graph", b'{"identity": {"name": "minilm"}}']


def _options(place: Path) -> Target:
    from frostline.data.options import column_choice, names_in  # noqa: PLC0415 - once instrumented
    from frostline.encoder.features import FeatureSpec  # noqa: PLC0415 - as above
    from frostline.errors import printable, shown  # noqa: PLC0415 - as above
    from frostline.head.deciding import parsed_wish  # noqa: PLC0415 - as above

    del place

    def read(content: bytes) -> None:
        from frostline.errors import FrostlineError  # noqa: PLC0415 - as above

        text = content.decode("utf-8", "surrogateescape")
        if not printable(shown(text)).isprintable():
            raise AssertionError(text)
        try:
            FeatureSpec.parse(text).blocks(12)
        except FrostlineError:
            with contextlib.suppress(FrostlineError):
                parsed_wish(text)
            column_choice(text)
            names_in(text)

    return read


LOADERS = {
    "rows": Loader(_rows, _table("")),
    "gzip": Loader(lambda: [gzip.compress(rows) for rows in _rows()], _table(".gz")),
    "workbook": Loader(_workbook_seeds, _workbook),
    "parquet": Loader(_parquet, _columns(".parquet")),
    "arrow": Loader(_arrow, _columns(".arrow")),
    "answers": Loader(_answers_of_columns, _answered),
    "fixes": Loader(_fixes_seeds, _fixes),
    "manifest": Loader(_manifests, _manifest),
    "head": Loader(_tensors, _head),
    "weights": Loader(_tensors, _weights),
    "encoder": Loader(_configs, _encoder),
    "shard": Loader(_shards, _shard),
    "listing": Loader(_listings, _listing),
    "options": Loader(lambda: [b"mean@all", b"cls@-1+mean@-1,-2+words", b"precision=0.9", b'"a, b",c'], _options),
    "cascade": Loader(_cascades, _cascade),
    "tables": Loader(_tables_seeds, _tables),
    "tokenizer": Loader(_tokenizers, _tokenizer),
    "published": Loader(_published_seeds, _published),
    "index": Loader(_indices, _index),
    "static": Loader(_tables_of_pieces, _static),
    "kept": Loader(_kept_seeds, _kept),
    "job": Loader(_jobs, _job),
    "request": Loader(_requests, _request),
}


def fuzz(name: str, arguments: list[str]) -> None:
    """In a process of its own: never returns."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["frostline"]):
        place = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))  # noqa: S108
        target = LOADERS[name].target(place)
        from frostline.errors import FrostlineError  # noqa: PLC0415 - once instrumented
    escapes = OUT / name / "escapes"
    escapes.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")

    def one(content: bytes) -> None:
        try:
            target(content)
        except FrostlineError:
            pass
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            frame = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__}-{Path(frame.filename).stem}-{frame.lineno}"
            if not (escapes / kind).exists():
                (escapes / kind).write_bytes(content)
                sys.stderr.write(f"ESCAPE {kind}: {error!r:.200}\n")

    atheris.Setup([sys.argv[0], *arguments], one)
    atheris.Fuzz()


def run(name: str, *, seconds: int, runs: int) -> tuple[int, list[str], float]:
    """Executions, escapes, and the seconds it took."""
    corpus = OUT / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    kept = sorted((CORPUS / name).glob("*")) if (CORPUS / name).is_dir() else []
    for seed in [*LOADERS[name].seeds(), *(path.read_bytes() for path in kept)]:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    escapes = OUT / name / "escapes"
    escapes.mkdir(parents=True, exist_ok=True)
    began, executed = time.monotonic(), 0
    for _ in range(RESTARTS):
        left_s = int(seconds - (time.monotonic() - began)) if seconds else 0
        if (seconds and left_s <= 0) or (runs and executed >= runs):
            break
        limits = [f"-timeout={SECONDS_EACH}", f"-rss_limit_mb={MEGABYTES}", "-max_len=4096", "-print_final_stats=1"]
        limits += [f"-artifact_prefix={escapes}/"]
        limits += [f"-max_total_time={left_s}"] if seconds else []
        limits += [f"-runs={runs - executed}"] if runs else []
        command = [sys.executable, __file__, "--child", name, *limits, str(corpus)]
        child = subprocess.run(  # noqa: S603 - this file
            command, capture_output=True, text=True, errors="replace", check=False
        )
        counted = re.findall(r"stat::number_of_executed_units:\s*(\d+)", child.stderr) or re.findall(
            r"^#(\d+)", child.stderr, re.MULTILINE
        )
        executed += int(counted[-1]) if counted else 0
        if not counted:
            raise SystemExit(f"{name}: {child.stderr[-2000:]}")
    return executed, sorted(path.name for path in escapes.iterdir()), time.monotonic() - began


def main() -> int:
    """Fuzz the loaders named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("loaders", nargs="*", metavar="LOADER", help=", ".join(LOADERS))
    parser.add_argument("--seconds", type=int, default=0, help="in all, shared among the loaders")
    parser.add_argument("--runs", type=int, default=0, help="of each loader")
    options = parser.parse_args()
    names = options.loaders or list(LOADERS)
    if unknown := set(names) - set(LOADERS):
        parser.error(f"there is no loader {', '.join(sorted(unknown))}")
    seconds = options.seconds if options.seconds or options.runs else 60
    n_escapes = total = 0
    for name in names:
        executed, escapes, took = run(name, seconds=max(1, seconds // len(names)) if seconds else 0, runs=options.runs)
        total, n_escapes = total + executed, n_escapes + len(escapes)
        print(f"{name:10} {executed:>9,} executions {took:6.0f} s  {len(escapes)} escapes {' '.join(escapes)}")
    print(f"{'in all':10} {total:>9,} executions           {n_escapes} escapes")
    return 1 if n_escapes else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]))
        raise SystemExit(0)
    if sys.argv[1:2] == ["--child"]:
        fuzz(sys.argv[2], sys.argv[3:])
    raise SystemExit(main())
