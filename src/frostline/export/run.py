"""A saved classifier → a folder that needs no Frostline: docs/formats/exported.md.

Before the folder gets its name, the graph is opened by ONNX Runtime as anybody opens it, and must say of the
self-test's sentences what the classifier says.
"""

import hashlib
import importlib.resources
import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import Features, Rows, dense_part
from frostline.artifact.model import Model
from frostline.artifact.self_test import SENTENCES
from frostline.disk import home, publish_folder, refuse_existing
from frostline.encoder.architecture import Architecture, load_architecture
from frostline.encoder.encoder import Encoder
from frostline.encoder.int8 import int8_weights
from frostline.encoder.layout import Form
from frostline.encoder.onnx import OnnxBackend
from frostline.encoder.precision import Gate
from frostline.encoder.session import runtime
from frostline.encoder.tokens import MAX_CHARACTERS, WordPieces
from frostline.encoder.words import (
    MARKED_PATTERN,
    WORD_PATTERN,
    Vocabulary,
    WordedEncoder,
    WordsAlone,
    terms_of,
    vocabulary_of,
)
from frostline.errors import BackendError, InputError, OutputError, shown
from frostline.export.characters import characters_of, letters
from frostline.export.graph import (
    ANSWERED,
    COUNTS,
    EARLY,
    FAVOURED,
    INPUT,
    PROBABILITIES,
    TERMS,
    Cheap,
    build_classifier,
    labels_text,
)
from frostline.head.cascade import Cascade
from frostline.head.linear import LinearHead
from frostline.precision import measured, sample_of
from frostline.version import __version__

if TYPE_CHECKING:
    from frostline.encoder.reading import SentenceEncoder

GRAPH, TOKENIZER, SETTINGS, SELF_TEST = "classifier.onnx", "tokenizer.json", "classifier.json", "selftest.json"
CHARACTERS, WORDS = "characters.json", "words.json"
PAGE_FILES = (
    *("index.html", "page.css", "page.mjs", "worker.mjs", "licences.txt"),
    *("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm.gz", "tokenizers.min.mjs"),
)
EXAMPLES = ("answer.py", "text.py", "answer.mjs", "text.mjs")
FORMAT_VERSION = 1
MOST_BYTES = 2_000_000_000
"""What one ONNX file may hold; the format ends at 2 GiB."""

TOLERANCE = 1e-5
"""By how much a probability may differ from the classifier's own."""

_OURS = {GRAPH, TOKENIZER, CHARACTERS, WORDS, SETTINGS, SELF_TEST, *EXAMPLES, *PAGE_FILES}
_OF_NPM = ("node_modules", "package.json", "package-lock.json")
_ODD_SENTENCES = ("", "\u200b", "a" * 3000, "word " * 600, "[SEP] [CLS] [UNK]", "é e\u0301 İ ß", "한국어 ไทย עברית")
"""Besides the self-test's: nothing, nothing to be seen, too long, what spells special pieces, accents, scripts."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written."""

    folder: Path
    size_bytes: int  # Of the graph
    precision: str  # float32 or int8
    difference: float  # The largest of a probability, over the self-test's texts
    n_texts: int
    gate: Gate | None = None  # What trying int8 showed


def export(
    model: Model,
    out: Path,
    *,
    overwrite: bool = False,
    quantized: Sequence[str] | None = None,
    page: Mapping[str, bytes] | None = None,
) -> Exported:
    """Write `model` as one ONNX file with all that belongs to it.

    Parameters
    ----------
    out : Path
        The folder to make.
    overwrite : bool, default=False
        Replace a folder that was exported before, and nothing else. What npm has put there stays.
    quantized : sequence of str, optional
        Write the encoder in int8, if the classifier says the same of at least 99 % of these texts (up to 500 of them).
    page : mapping of str to bytes, optional
        Files of `page_files`, in place of the programs.

    Raises
    ------
    InputError
        Torch reads; the file would pass 2 GB; int8 answers otherwise too often.
    OutputError
        `out` exists, or is no exported folder.
    BackendError
        ONNX Runtime does not say of the self-test's texts what the classifier says.
    """
    refuse_place(out, overwrite=overwrite)
    read = _readable(model)
    form, gate = _form(model, read, quantized)
    graph = _graph(model, read, form)
    said = _self_test(model, read)
    difference = _tried(graph, said, tolerance=TOLERANCE if gate is None else 1.0)
    contents = {GRAPH: graph, **read.tables()}
    contents |= {name: shipped("programs", name) for name in EXAMPLES} if page is None else page
    precision = {"float32": "float32", "short": "int7"}.get(form, "int8")
    settings = _settings(model, read, precision, contents)
    contents[SETTINGS], contents[SELF_TEST] = _json(settings), _json(said)
    with publish_folder(out.resolve(), overwrite=overwrite) as temporary:
        for name, content in contents.items():
            (temporary / name).write_bytes(content)
        _keep_packages(out, temporary)
    return Exported(
        folder=out,
        size_bytes=len(graph),
        precision=precision,
        difference=difference,
        n_texts=len(said["texts"]),
        gate=gate,
    )


def shipped(room: str, name: str) -> bytes:
    """A file that comes with this room."""
    return importlib.resources.files("frostline.export").joinpath(room, name).read_bytes()


def refuse_place(out: Path, *, overwrite: bool) -> None:
    """Raise `OutputError`, before any work, if writing there would fail or lose what is no exported classifier."""
    refuse_existing(out, overwrite=overwrite)
    if not os.path.lexists(out):
        return
    what = f"{out} must be an exported classifier to be replaced, and nothing else"
    if not out.is_dir() or out.is_symlink():
        raise OutputError(f"{what} (it is no folder).", hint="Choose another name.")
    if strange := sorted(path.name for path in out.iterdir() if not _is_taken_for_granted(path)):
        raise OutputError(
            f"{what} (it holds {shown(strange[0], 200)}).", hint="Move that elsewhere, or choose another name."
        )
    if not (out / SETTINGS).is_file():
        raise OutputError(f"{what} ({SETTINGS} is not in it).", hint="Choose another name.")


def _is_taken_for_granted(path: Path) -> bool:
    """What was exported, what comes of running it, or what npm leaves beside it."""
    if path.name == "__pycache__" and path.is_dir() and not path.is_symlink():
        return all(each.suffix == ".pyc" and f"{each.name.partition('.')[0]}.py" in EXAMPLES for each in path.iterdir())
    return path.name in _OURS | set(_OF_NPM)


def _keep_packages(old: Path, new: Path) -> None:
    """What npm has put into `old` is in `new` too: `answer.mjs` needs it."""
    for path in (old / name for name in _OF_NPM):
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, new / path.name, symlinks=True, copy_function=_linked)
        elif os.path.lexists(path):
            shutil.copy2(path, new / path.name, follow_symlinks=False)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)  # packages are large
    except OSError:  # not on this disk
        shutil.copy2(source, target)


@final
@dataclass(frozen=True, slots=True)
class _Read:
    """What reads for the classifier: an encoder, words, or both."""

    encoder: Encoder | None
    architecture: Architecture | None
    vocabulary: Vocabulary | None  # Of the full head, or of a cascade's cheap one alone

    def tables(self) -> dict[str, bytes]:
        """The files by which a text becomes what the graph is given."""
        files: dict[str, bytes] = {}
        if self.encoder is not None:
            pieces = self.encoder.word_pieces
            characters = characters_of(pieces.tokenizer)
            files = {TOKENIZER: exported_tokenizer(pieces).encode(), CHARACTERS: _compact(characters)}
        if self.vocabulary is not None:
            is_marked, most = self.vocabulary.is_marked, self.vocabulary.max_words
            own = {"pattern": MARKED_PATTERN if is_marked else WORD_PATTERN, "max_words": most}
            files[WORDS] = _compact({**own, "terms": self.vocabulary.terms, **letters(is_marked=is_marked)})
        return files

    def inputs(self, texts: Sequence[str]) -> list[dict[str, list[int]]]:
        """What the graph is given for each text."""
        given: list[dict[str, list[int]]] = [{} for _ in texts]
        if self.encoder is not None:
            for own, ids in zip(given, self.encoder.word_pieces.tokenize(texts).ids, strict=True):
                own[INPUT] = ids.tolist()
        if self.vocabulary is not None:
            column_of = self.vocabulary.column_of
            for own, text in zip(given, texts, strict=True):
                found = terms_of(text, self.vocabulary.max_words, is_marked=self.vocabulary.is_marked)
                counts = Counter(column_of[term] for term in found if term in column_of) or {0: 0}
                own |= {TERMS: list(counts), COUNTS: list(counts.values())}
        return given


def _readable(model: Model) -> _Read:
    """What reads, where a graph can be made of it."""
    vocabulary = vocabulary_of(model.encoder) or (
        None if model.cascade is None else vocabulary_of(model.cascade.reader)
    )
    encoder = model.encoder.encoder if isinstance(model.encoder, WordedEncoder) else model.encoder
    if isinstance(encoder, WordsAlone):
        return _Read(None, None, vocabulary)
    if not isinstance(encoder, Encoder) or encoder.folder is None:
        raise InputError(
            "Only an encoder that has a graph of ours can be exported (this one is read by torch).",
            hint="Open it with --backend onnx, where its family is one of those.",
        )
    return _Read(encoder, load_architecture(encoder.folder), vocabulary)


def _form(model: Model, read: _Read, quantized: Sequence[str] | None) -> tuple[Form, Gate | None]:
    """float32, or int8 as the model was trained in it, or as these texts allow.

    The form of int8 is the one that is exact on every processor.
    """
    encoder, architecture = read.encoder, read.architecture
    learned_in: dict[str, Form] = {"int8": "unsigned", "int7": "short"}
    if encoder is not None and encoder.identity.precision in learned_in:
        return learned_in[encoder.identity.precision], None
    if quantized is None:
        return "float32", None
    if encoder is None or architecture is None:
        raise InputError("Words alone have no layers that could be written in int8.", hint="Leave --quantized out.")
    texts = list(dict.fromkeys(quantized))
    chosen = [texts[row] for row in sample_of(len(texts)).tolist()]
    if not texts:
        raise InputError("int8 must be tried on texts (got none).", hint="Name a file of texts like those to come.")
    weights = _int8(encoder, architecture, "unsigned")
    backend = OnnxBackend.open(
        architecture, blocks=encoder.blocks, identity_digest="", kept=None, form="unsigned", weights=weights
    )
    other: SentenceEncoder = replace(encoder, backend=backend)
    words = vocabulary_of(model.encoder)
    other = other if words is None else WordedEncoder(other, words)
    gate = gate_of(model.head, model.encoder.encode(chosen).for_head, other.encode(chosen).for_head)
    if not gate.is_passed:
        raise InputError(
            f"int8 must say the same of 99 % of the texts as float32 ({gate}).",
            hint="Leave --quantized out: the float32 form is exact.",
        )
    return "unsigned", gate


def gate_of(head: LinearHead, float32: Rows, int8: Rows) -> Gate:
    """How far rows (n_texts, n_features) of the same texts agree: what they are labelled, and whether surely enough."""
    first, second = (head.answer(head.predict_proba(rows)) for rows in (float32, int8))
    equal = (first.favoured == second.favoured).all(axis=1) & (first.answered == second.answered)
    near = measured(cast("Features", dense_part(float32)), cast("Features", dense_part(int8)))
    return replace(near, n_predicted=len(equal), n_equal=int(equal.sum()))


def _int8(encoder: Encoder, architecture: Architecture, form: Form) -> dict[str, NDArray[Any]]:
    digest = hashlib.sha256(f"{encoder.identity.weights_sha256} {encoder.identity.config_sha256}".encode()).hexdigest()
    return dict(int8_weights(architecture, identity_digest=digest, kept=home() / "graphs", form=form))


def _graph(model: Model, read: _Read, form: Form) -> bytes:
    encoder, architecture = read.encoder, read.architecture
    if architecture is not None:
        architecture.check()
    weights: dict[str, NDArray[Any]] = {} if architecture is None else dict(architecture.tensors)
    if encoder is not None and architecture is not None and form != "float32":
        weights |= _int8(encoder, architecture, form)
    graph = build_classifier(
        None if architecture is None else architecture.shape,
        model.encoder.blocks,
        model.head,
        weights=weights,
        form=form,
        vocabulary=read.vocabulary,
        has_words=vocabulary_of(model.encoder) is not None,
        cheap=_cheap(model.cascade),
    )
    size = graph.ByteSize()
    if size > MOST_BYTES:
        raise InputError(f"The ONNX file must have at most {MOST_BYTES:,} bytes (it would have {size:,}).")
    graph.doc_string = f"A text classifier, exported by Frostline {__version__}."
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def _cheap(cascade: Cascade | None) -> Cheap | None:
    if cascade is None:
        return None
    reader = cascade.reader
    return Cheap(head=cascade.head, blocks=reader.blocks, has_words=vocabulary_of(reader) is not None)


def exported_tokenizer(pieces: WordPieces) -> str:
    """tokenizer.json of which every reader gets the ids that we read: cut, with the template around, not padded."""
    from tokenizers import Tokenizer, processors  # noqa: PLC0415 - where texts are read, it is loaded anyway

    tokenizer = Tokenizer.from_str(pieces.tokenizer.to_str())
    names = {piece: str(tokenizer.id_to_token(piece)) for piece in (*pieces.before.tolist(), *pieces.after.tolist())}
    first, last = ([names[piece] for piece in ids.tolist()] for ids in (pieces.before, pieces.after))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join([*first, "$A", *last]), special_tokens=[(token, piece) for piece, token in names.items()]
    )
    tokenizer.enable_truncation(pieces.max_length)
    tokenizer.no_padding()
    return str(tokenizer.to_str())


def _self_test(model: Model, read: _Read) -> dict[str, Any]:
    """Some texts with what the graph is given for them, and what the classifier says of them."""
    texts = [*SENTENCES, *_ODD_SENTENCES]
    answers = model.answer(texts)
    columns = (answers.probabilities, answers.favoured, answers.answered)
    early = [{}] * len(texts) if answers.early is None else [{EARLY: each} for each in answers.early.tolist()]
    return {
        "tolerance": TOLERANCE,
        "texts": [
            {
                "text": text,
                **{_AS_TOLD.get(name, name): row for name, row in given.items()},
                "probabilities": shares,
                "favoured": favoured,
                "answered": answered,
                **of_cascade,
            }
            for text, given, of_cascade, shares, favoured, answered in zip(
                texts, read.inputs(texts), early, *(column.tolist() for column in columns), strict=True
            )
        ],
    }


_AS_TOLD = {INPUT: "ids"}


def _tried(graph: bytes, said: Mapping[str, Any], *, tolerance: float) -> float:
    """The largest difference of a probability; raises where ONNX Runtime, told nothing, says something else.

    What it says takes the place of what the classifier said: it is what any other runtime must find.
    """
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    largest = 0.0
    for one in said["texts"]:
        given = {name: one[_AS_TOLD.get(name, name)] for name in names}
        told = [PROBABILITIES, FAVOURED, ANSWERED, *([EARLY] if EARLY in one else [])]
        found = session.run(told, {name: np.array([row], np.int64) for name, row in given.items()})
        difference = float(np.abs(found[0][0] - np.array(one["probabilities"])).max())
        if not difference <= tolerance:
            raise BackendError(
                f"The exported graph must give {shown(one['text'])} its probabilities to {tolerance:g} "
                f"(they differ by {difference:.1e})."
            )
        largest = max(largest, difference)
        one |= {name: column[0].tolist() for name, column in zip(told, found, strict=True)}
    return largest


def _settings(model: Model, read: _Read, precision: str, contents: Mapping[str, bytes]) -> dict[str, Any]:
    labels = model.head.labels
    return {
        "format": "frostline-exported",
        "format_version": FORMAT_VERSION,
        "frostline_version": __version__,
        "labels": list(labels),
        **({"labels_text": labels_text(model.head)} if any(map(_passes_javascript, labels)) else {}),
        "labels_exclude_each_other": not model.head.answers_sets,
        "answer_from": model.head.rule.answer_from if model.head.rule else 0.0,
        **({} if read.encoder is None else _of_encoder(read.encoder, model.manifest.encoder.name)),
        "precision": precision,
        "features": model.manifest.features,
        **({} if model.cascade is None else {"cascade": str(model.cascade.reader.spec)}),
        "files": {
            name: {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in contents.items()
        },
    }


def _passes_javascript(label: object) -> bool:
    """Whether JavaScript would round it."""
    return isinstance(label, int) and abs(label) >= 2**53


def _of_encoder(encoder: Encoder, name: str) -> dict[str, Any]:
    identity, pieces = encoder.identity, encoder.word_pieces
    return {
        "max_length": pieces.max_length,
        "closing": len(pieces.after),
        "max_characters": MAX_CHARACTERS,
        **({"prefix": identity.prefix} if identity.prefix else {}),
        "encoder": {"name": name, "family": identity.family, "sha256": identity.weights_sha256},
    }


def _compact(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()
