"""The ways that others read sentences, each as a process that measures itself. Run by the neighbours' own Python.

In:   a task on standard input (see `Task` in measure.py).
Out:  one JSON object on standard output; the rows in a file.
Not:  ours (ours.py), comparing (measure.py). Nothing of Frostline is imported: it need not be installed there.

Every way opens the encoder as its own documentation says for a CPU, and takes the best of several batch sizes.
"""

import importlib.metadata
import json
import os
import re
import resource
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH_SIZES = (8, 32, 128)
N_TUNED = 192
N_WARM_UP = 16
_STARTED = time.perf_counter()

Read = Callable[[list[str], int], Any]
Answer = Callable[[list[str]], list[str]]
Learn = Callable[[Path, list[str], list[str], int], Answer]


def tutorial(folder: Path, pooling: str, _threads: int) -> Read:
    """The notebook's cells: everything padded to the longest, one batch through torch."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder)
    model.eval()

    def read(texts: list[str], _batch_size: int) -> Any:
        tokenized = [tokenizer.encode(text, add_special_tokens=True, truncation=True, max_length=512) for text in texts]
        longest = max(map(len, tokenized))
        padded = np.array([ids + [0] * (longest - len(ids)) for ids in tokenized])
        mask = np.where(padded != 0, 1, 0)
        with torch.no_grad():
            states = model(torch.tensor(padded), attention_mask=torch.tensor(mask))[0].numpy()
        return pooled(states, mask, pooling)

    return read


def sentence_transformers(folder: Path, _pooling: str, _threads: int) -> Read:
    """SentenceTransformer(folder).encode, torch."""
    return _sentence_transformer(folder, {})


def sentence_transformers_onnx(folder: Path, _pooling: str, threads: int) -> Read:
    """backend="onnx", graph optimised at level O3, as its page on efficiency recommends for CPUs."""
    return _sentence_transformer(folder, _onnx("onnx/model_O3.onnx", threads))


def sentence_transformers_int8(folder: Path, _pooling: str, threads: int) -> Read:
    """backend="onnx", dynamic int8 for the instructions that this processor has."""
    made = next((folder / "onnx").glob(f"model_q*int8_{int8_kind()}.onnx"))  # qint8, or quint8 on AVX2
    return _sentence_transformer(folder, _onnx(f"onnx/{made.name}", threads))


def sentence_transformers_openvino(folder: Path, _pooling: str, threads: int) -> Read:
    """backend="openvino"."""
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    return _sentence_transformer(folder, {"backend": "openvino", "model_kwargs": {"ov_config": settings}})


def pipeline(folder: Path, pooling: str, _threads: int) -> Read:
    """transformers.pipeline("feature-extraction"), pooled as its users do."""
    from transformers import AutoModel, AutoTokenizer
    from transformers import pipeline as make

    tokenizer = AutoTokenizer.from_pretrained(folder)
    extract = make("feature-extraction", model=AutoModel.from_pretrained(folder), tokenizer=tokenizer, device=-1)

    def read(texts: list[str], batch_size: int) -> Any:
        given = {"truncation": True, "max_length": 512}
        states = extract(texts, batch_size=batch_size, return_tensors=True, tokenize_kwargs=given)
        # it gives back a batch's padding too: the word pieces of each text are counted by its tokenizer
        lengths = [len(ids) for ids in tokenizer(texts, **given)["input_ids"]]
        rows = [state[0, :n].numpy() for state, n in zip(states, lengths, strict=True)]
        return np.stack([row[0] if pooling == "cls" else row.mean(axis=0) for row in rows])

    return read


def ctranslate2(folder: Path, pooling: str, threads: int) -> Read:
    """ctranslate2.Encoder in int8, one worker per core, texts sorted by length."""
    from concurrent.futures import ThreadPoolExecutor

    import ctranslate2 as engine
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(512)
    encoder = engine.Encoder(
        str(folder / "ctranslate2"), device="cpu", compute_type="int8", inter_threads=threads, intra_threads=1
    )

    def read(texts: list[str], batch_size: int) -> Any:
        ids = [found.ids for found in tokenizer.encode_batch(texts)]
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        batches = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]

        def one(batch: list[int]) -> Any:
            lengths = np.array([len(ids[row]) for row in batch])
            states = np.array(encoder.forward_batch([ids[row] for row in batch]).last_hidden_state)
            return pooled(states, np.arange(states.shape[1])[None] < lengths[:, None], pooling)

        with ThreadPoolExecutor(threads) as crew:
            found = list(crew.map(one, batches))
        rows = np.empty((len(ids), found[0].shape[1]), np.float32)
        for batch, part in zip(batches, found, strict=True):
            rows[batch] = part
        return rows

    return read


WAYS: dict[str, Callable[[Path, str, int], Read]] = {
    "tutorial": tutorial,
    "sentence-transformers": sentence_transformers,
    "sentence-transformers onnx": sentence_transformers_onnx,
    "sentence-transformers onnx int8": sentence_transformers_int8,
    "sentence-transformers openvino": sentence_transformers_openvino,
    "transformers pipeline": pipeline,
    "ctranslate2 int8": ctranslate2,
}
NEEDS: dict[str, tuple[str, ...]] = {
    "tutorial": ("torch", "transformers"),
    "sentence-transformers": ("sentence-transformers", "torch"),
    "sentence-transformers onnx": ("sentence-transformers", "torch", "optimum-onnx", "onnxruntime", "onnx"),
    "sentence-transformers onnx int8": ("sentence-transformers", "torch", "optimum-onnx", "onnxruntime", "onnx"),
    "sentence-transformers openvino": ("sentence-transformers", "torch", "optimum-intel", "openvino"),
    "transformers pipeline": ("torch", "transformers"),
    "ctranslate2 int8": ("ctranslate2", "tokenizers"),
    "model2vec": ("model2vec", "scikit-learn"),
    "fastText": ("fasttext-wheel",),
}


def regression(read: Read, batch_size: int = 32) -> Callable[[list[str], list[str]], Answer]:
    """The usual way: rows at length 1, `LogisticRegression`."""

    def learn(texts: list[str], labels: list[str]) -> Answer:
        from sklearn.linear_model import LogisticRegression

        head = LogisticRegression(max_iter=1000).fit(_unit(read(texts, batch_size)), labels)
        return lambda asked: [str(label) for label in head.predict(_unit(read(asked, batch_size)))]

    return learn


def _unit(rows: Any) -> Any:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def learn_sentence_transformers(folder: Path, texts: list[str], labels: list[str], threads: int) -> Answer:
    """Its rows, by torch."""
    return regression(sentence_transformers(folder, "mean", threads))(texts, labels)


def learn_ctranslate2(folder: Path, texts: list[str], labels: list[str], threads: int) -> Answer:
    """Its rows, in int8."""
    return regression(ctranslate2(folder, "mean", threads))(texts, labels)


def learn_model2vec(folder: Path, texts: list[str], labels: list[str], _threads: int) -> Answer:
    """What its own `distill` made of the encoder."""
    from model2vec import StaticModel

    model = StaticModel.from_pretrained(str(folder / "model2vec"))
    return regression(lambda asked, _size: model.encode(asked))(texts, labels)


def learn_fasttext(_folder: Path, texts: list[str], labels: list[str], threads: int) -> Answer:
    """`train_supervised` as its tutorial ends: 25 rounds, rate 1.0, pairs of words."""
    import tempfile

    import fasttext

    names = sorted(set(labels))
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        for text, label in zip(texts, labels, strict=True):
            file.write(f"__label__{names.index(label)} {' '.join(text.split())}\n")
        file.flush()
        model = fasttext.train_supervised(file.name, lr=1.0, epoch=25, wordNgrams=2, thread=threads, verbose=0)

    def answer(asked: list[str]) -> list[str]:
        found = (model.f.predict(f"{' '.join(text.split())}\n", 1, 0.0, "strict") for text in asked)
        return [names[int(best[0][1].removeprefix("__label__"))] for best in found]  # `predict` itself needs numpy 1

    return answer


LEARNING: dict[str, Learn] = {
    "sentence-transformers": learn_sentence_transformers,
    "ctranslate2 int8": learn_ctranslate2,
    "model2vec": learn_model2vec,
    "fastText": learn_fasttext,
}


def pooled(states: Any, mask: Any, pooling: str) -> Any:
    """States (n_texts, n_pieces, hidden) as rows: the first piece's, or the mean of those that the mask names."""
    if pooling == "cls":
        return np.array(states[:, 0])
    weights = np.asarray(mask, np.float32)[:, :, None]
    return (states * weights).sum(axis=1) / weights.sum(axis=1)


def prepare(folder: Path, pooling: str) -> None:
    """Write what the ways open: the exported graphs of sentence-transformers, CTranslate2's model. Once."""
    import ctranslate2 as engine
    from sentence_transformers import (
        SentenceTransformer,
        export_dynamic_quantized_onnx_model,
        export_optimized_onnx_model,
        models,
    )

    if not (folder / "modules.json").exists():
        reader = models.Transformer(str(folder), max_seq_length=512)
        modes = models.Pooling(reader.get_word_embedding_dimension(), pooling_mode=pooling)
        SentenceTransformer(modules=[reader, modes]).save(str(folder / "made"))
        shutil.copytree(folder / "made", folder, dirs_exist_ok=True)
        shutil.rmtree(folder / "made")
    exported = SentenceTransformer(
        str(folder), backend="onnx", model_kwargs={"export": True, "provider": "CPUExecutionProvider"}
    )
    exported.save_pretrained(str(folder))
    export_optimized_onnx_model(exported, "O3", str(folder))
    export_dynamic_quantized_onnx_model(exported, int8_kind(), str(folder))
    SentenceTransformer(str(folder), backend="openvino", model_kwargs={"export": True}).save_pretrained(str(folder))
    engine.converters.TransformersConverter(str(folder)).convert(
        str(folder / "ctranslate2"), quantization="int8", force=True
    )


def distil(folder: Path) -> None:
    """model2vec's own table of the encoder, beside it. Once."""
    from model2vec.distill import distill

    distill(model_name=str(folder), pca_dims=256).save_pretrained(str(folder / "model2vec"))


def int8_kind() -> str:
    """The preset of sentence-transformers for this processor's int8 instructions."""
    flags = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").exists() else ""
    if "avx512_vnni" in flags:
        return "avx512_vnni"
    return "avx512" if "avx512f" in flags else "avx2" if "avx2" in flags else "arm64"


def installed_bytes(roots: tuple[str, ...]) -> int:
    """Bytes on disk of these distributions and of all that they need."""
    seen: set[str] = set()
    todo = list(roots)
    total = 0
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in found.files or ():
            place = Path(str(found.locate_file(file)))
            if place.is_file():
                total += place.stat().st_size
        for line in found.requires or ():
            wanted, _, marker = line.partition(";")
            if "extra ==" not in marker:
                todo.append(re.split(r"[ \[<>=!~(]", wanted.strip(), maxsplit=1)[0])
    return total


def measured(read: Read, task: dict[str, Any], opened_s: float) -> dict[str, Any]:
    """What the task asks for: the whole reading, or texts one at a time."""
    texts = task["texts"]
    if task["mode"] == "single":
        for text in texts[:N_WARM_UP]:
            read([text], 1)
        each = []
        for text in texts:
            begun = time.perf_counter()
            read([text], 1)
            each.append(time.perf_counter() - begun)
        return {"opened_s": opened_s, "single_s": each}
    sizes = task["batch_sizes"]
    best, tuned = sizes[0], {}
    if len(sizes) > 1:
        some = texts[:: max(1, len(texts) // N_TUNED)][:N_TUNED]
        for size in sizes:
            read(some[:N_WARM_UP], size)
            begun = time.perf_counter()
            read(some, size)
            tuned[size] = time.perf_counter() - begun
        best = min(tuned, key=lambda size: tuned[size])
    else:
        read(texts[:N_WARM_UP], best)
    begun = time.perf_counter()
    rows = read(texts, best)
    seconds = time.perf_counter() - begun
    np.save(Path(task["rows"]), np.asarray(rows, np.float32), allow_pickle=False)
    longest = sorted(range(len(texts)), key=lambda row: len(texts[row]))[-N_WARM_UP:]
    crowd = [texts[row] for row in (0, *longest)]
    together, alone = read(crowd, len(crowd))[0], read(crowd[:1], 1)[0]
    return {
        "opened_s": opened_s,
        "seconds": seconds,
        "batch_size": best,
        "peak_bytes": _own_peak(),
        "depends_on_mates": float(np.abs(together - alone).max() / np.abs(alone).max()),
    }


def _own_peak() -> int:
    """As `frostline.encoder.cost.own_peak`, which this environment does not have."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def run(ways: dict[str, Callable[[Path, str, int], Read]], task: dict[str, Any]) -> dict[str, Any]:
    """Open, read one text, and measure."""
    folder, threads = Path(task["folder"]), int(task["threads"])
    read = ways[task["way"]](folder, task["pooling"], threads)
    read(["A sentence."], 1)
    return measured(read, task, time.perf_counter() - _STARTED)


def answered(learn: Learn, task: dict[str, Any]) -> dict[str, Any]:
    """Learn from labelled texts, and label others, as often as is asked."""
    begun = time.perf_counter()
    answer = learn(Path(task["folder"]), task["train"], task["labels"], int(task["threads"]))
    learned_s, seconds, said = time.perf_counter() - begun, [], []
    answer(task["texts"][:N_WARM_UP])
    for _ in range(task["repeats"]):
        begun = time.perf_counter()
        said = answer(task["texts"])
        seconds.append(time.perf_counter() - begun)
    return {"learned_s": learned_s, "seconds": seconds, "said": said, "peak_bytes": _own_peak()}


def main() -> None:
    """Do the task on standard input."""
    task = json.load(sys.stdin)
    warnings.filterwarnings("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is not the answer
    if task["mode"] == "prepare":
        prepare(Path(task["folder"]), task["pooling"])
        answer: dict[str, Any] = {}
    elif task["mode"] == "sizes":
        answer = {name: installed_bytes(roots) for name, roots in NEEDS.items()}
    elif task["mode"] == "distil":
        distil(Path(task["folder"]))
        answer = {}
    elif task["mode"] == "answers":
        answer = answered(LEARNING[task["way"]], task)
    else:
        if "torch" in NEEDS[task["way"]]:
            import torch

            torch.set_num_threads(int(task["threads"]))
        answer = run(WAYS, task)
    answers.write(json.dumps(answer) + "\n")


def _sentence_transformer(folder: Path, options: dict[str, Any]) -> Read:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", **options)

    def read(texts: list[str], batch_size: int) -> Any:
        return model.encode(texts, batch_size=batch_size, show_progress_bar=False)

    return read


def _onnx(file_name: str, threads: int) -> dict[str, Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    settings = {"file_name": file_name, "provider": "CPUExecutionProvider", "session_options": options}
    return {"backend": "onnx", "model_kwargs": settings}


if __name__ == "__main__":
    os.environ.update({"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"})
    main()
