"""manifest.json: what an artifact says of itself, as a value and as bytes, and read back as a stranger's.

File format: docs/formats/artifact.md.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, TypeAlias, final

from frostline.encoder.features import FeatureSpec
from frostline.encoder.files import CHECKPOINT_FILES, CONFIG, ENCODER_FOLDER, SEEN, WEIGHTS
from frostline.encoder.published import LONGEST_PREFIX
from frostline.encoder.reading import EncoderIdentity
from frostline.errors import ArtifactCorrupt, UsageError, shown
from frostline.head.linear import Calibration, Knots, Link, Rule
from frostline.strict import SHA256, array, integer, json_object, members, number, read_object, text
from frostline.targets import Kind, Label

Answer: TypeAlias = int | tuple[int, ...] | None
"""A column; columns, ascending, where a text may have several labels; None for no answer."""

KINDS: dict[Link, Kind] = {"softmax": "one label", "logistic": "several labels"}
LINKS: dict[Kind, Link] = {kind: link for link, kind in KINDS.items()}

MANIFEST = "manifest.json"
HEAD = "head.safetensors"
CARD = "README.md"
REPORT = "report.html"
WORDS = "words.json"
NEIGHBOURS = "neighbours.safetensors"
LIKENESS = "likeness.safetensors"
LEARNED = "learned.safetensors"
TABLES = "tables.safetensors"
CASCADE = "cascade.json"
CASCADE_HEAD = "cascade.safetensors"
RECORD = "record.json"
LONGEST_LABEL_COLUMN = 200_000
"""Letters of what the label column is called: of one column for each label that is the list of them all."""

ENCODER_FILES = (*CHECKPOINT_FILES, SEEN, "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE")
"""What may lie in `encoder/`: no program, no pickle, and the terms under which the weights may be passed on."""

SINCE_2 = (WORDS, NEIGHBOURS)
"""Files that format 1 did not know."""

SINCE_3 = (LIKENESS, LEARNED, TABLES, RECORD, CASCADE, CASCADE_HEAD)
"""And those that format 2 did not know."""

KNOWN_FILES = (HEAD, CARD, REPORT, *SINCE_2, *SINCE_3, *(f"{ENCODER_FOLDER}/{name}" for name in ENCODER_FILES))
"""What a manifest may list; any other name is refused, so no path of a stranger's making is ever opened."""

FORMAT = "frostline-artifact"
FORMAT_VERSION = 3
N_SELF_TEST = 8
MAX_TOLERANCE = {
    "float32": 1e-2,
    "int8": 6e-2,
    "int7": 6e-2,
    "bfloat16": 6e-2,
}  # by precision; a stranger may not switch the self-test off
MAX_DECISION = 1e12
MAX_LABELS = 100_000
LONGEST_LABEL = 100_000  # characters
MAX_FEATURES = 1_000_000
MAX_KNOTS = 512
MAX_TEMPERATURE = 1e6
MIN_THRESHOLD = 1e-12  # and as far below 1: a probability is divided by it

ENCODER_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
"""A short name or a hub id; never a path, so that a stranger's manifest cannot name a folder of this machine."""

_MB = 1 << 20


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most bytes that are read, checked before reading."""

    # `manifest_bytes`, `head_bytes`, `header_bytes`, `card_bytes`, `report_bytes`, `words_bytes`, `neighbours_bytes`,
    # `likeness_bytes`, `learned_bytes`: `manifest.json`, `head.safetensors`, the JSON header inside a `.safetensors`,
    # `README.md`, `report.html`, `words.json`, `neighbours.safetensors`, `likeness.safetensors`, `learned.safetensors`.
    manifest_bytes: int = 4 * _MB
    head_bytes: int = 256 * _MB
    header_bytes: int = _MB
    card_bytes: int = _MB
    report_bytes: int = 32 * _MB
    words_bytes: int = 32 * _MB
    neighbours_bytes: int = 512 * _MB
    likeness_bytes: int = _MB
    learned_bytes: int = 8 * _MB
    tables_bytes: int = 64 * _MB  # `tables.safetensors`, and `record.json`
    # `encoder_weights_bytes`, `encoder_file_bytes`: `encoder/model.safetensors`, and each other file in `encoder/`.
    encoder_weights_bytes: int = 16 * 1024 * _MB
    encoder_file_bytes: int = 64 * _MB
    json_depth: int = 32  # Nesting of objects and arrays

    def of(self, name: str) -> int:
        """The most bytes that the file `name` (a manifest's or one of `KNOWN_FILES`) may have."""
        if name == f"{ENCODER_FOLDER}/{WEIGHTS}":
            return self.encoder_weights_bytes
        own = {
            MANIFEST: self.manifest_bytes,
            HEAD: self.head_bytes,
            CARD: self.card_bytes,
            REPORT: self.report_bytes,
            WORDS: self.words_bytes,
            NEIGHBOURS: self.neighbours_bytes,
            LIKENESS: self.likeness_bytes,
            LEARNED: self.learned_bytes,
            TABLES: self.tables_bytes,
            RECORD: self.tables_bytes,
            CASCADE: self.manifest_bytes,
            CASCADE_HEAD: self.head_bytes,
        }
        return own.get(name, self.encoder_file_bytes)


DEFAULT_LIMITS = Limits()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """Digest and size of a file in the artifact."""

    sha256: str
    size_bytes: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """What the head was fitted on, without any of it."""

    name: str  # The file's name without its folders, or what stands for it (`sample`, `lists`)
    sha256: str  # Digest of the file's bytes
    size_bytes: int
    rows: int  # Rows that the head was fitted on
    # `text_column`, `label_column`: Of that file, by which the next one is read first; "" where nobody knows.
    text_column: str = ""
    label_column: str = ""

    @classmethod
    def of_rows(cls, texts: Sequence[str], labels: Sequence[Label]) -> "TrainingData":
        """For data that come from no file: the digest is that of the JSON lines `["text", label]`."""
        digest, size = hashlib.sha256(), 0
        for pair in zip(texts, labels, strict=True):
            line = (json.dumps(pair) + "\n").encode("ascii")
            digest.update(line)
            size += len(line)
        return cls(name="lists", sha256=digest.hexdigest(), size_bytes=size, rows=len(texts))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """Texts with what they gave when the artifact was saved."""

    texts: tuple[str, ...]  # tuple of 8 str
    # tuple of 8 tuples of n_coef_rows float, or empty: Empty in format 1, which had none, no calibration and no rule.
    decisions: tuple[tuple[float, ...], ...]
    # tuple of 8 tuples of n_labels float: What the calibration makes of the decisions.
    probabilities: tuple[tuple[float, ...], ...]
    answers: tuple[Answer, ...]  # tuple of 8 answers, or empty: What the rule makes of the probabilities, as columns
    tolerance: float  # Largest absolute difference of an uncalibrated probability that another machine may show


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an artifact says of itself."""

    frostline_version: str  # That saved it
    labels: tuple[Label, ...]  # n_labels: In column order
    kind: Kind  # That a text has
    calibration: Calibration | None
    rule: Rule | None
    features: str  # The feature specification, as the user wrote it
    n_features: int
    encoder: EncoderIdentity
    data: TrainingData | None  # None where the caller had nothing to say of it
    choice: Mapping[str, Any]  # How C was chosen: a JSON document
    metrics: Mapping[str, Any]  # What was measured, with intervals: a JSON document
    self_test: SelfTest
    files: Mapping[str, FileEntry]  # Every other file of the artifact

    @property
    def link(self) -> Link:
        """What makes probabilities of decisions."""
        return LINKS[self.kind]

    @property
    def has_encoder(self) -> bool:
        """Whether the encoder's files are in the artifact."""
        return any(name.startswith(f"{ENCODER_FOLDER}/") for name in self.files)


def manifest_bytes(manifest: Manifest) -> bytes:
    """manifest.json: one member a line, the digest of all that stands before it last.

    Raises
    ------
    ValueError
        A number is not finite, or a string holds half a surrogate pair.
    """
    document = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(manifest)}
    document["encoder"] = manifest.encoder.document()
    lines = [
        f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)},\n"
        for name, value in document.items()
    ]
    body = ("{\n" + "".join(lines)).encode("utf-8")
    return body + f'  "sha256": "{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode("ascii")


def read_manifest(content: bytes, where: str = MANIFEST, *, limits: Limits = DEFAULT_LIMITS) -> Manifest:
    """The manifest that `content` spells.

    Raises
    ------
    ArtifactCorrupt
        Not one of ours, of a newer format, damaged, or any member not as docs/formats/artifact.md has it.
    """
    document = read_object(content, where, depth=limits.json_depth)
    if document.get("format") != FORMAT:
        raise ArtifactCorrupt(
            f'{where} must say "format": "{FORMAT}" (got {shown(document.get("format"))}): this is no saved model.',
            hint="Artifacts are made by: frostline train FILE --out FOLDER",
        )
    version = integer(document.get("format_version"), f"{where}: format_version", low=1)
    if version > FORMAT_VERSION:
        raise ArtifactCorrupt(
            f"{where}: made by a newer Frostline (format {version}; this one reads up to {FORMAT_VERSION}).",
            hint="Upgrade Frostline, or train again with this one.",
        )
    _check_digest(content, where)
    left_out = _SINCE_2 if version == 1 else set()
    names = [name for name in Manifest.__dataclass_fields__ if name not in left_out]
    found = members(document, where, names=("format", "format_version", *names, "sha256"))
    return _manifest(_FORMAT_1 | found, f"{where}: ", limits)


def digest_line(content: bytes) -> str:
    """The digest that stands in the last line of a checked manifest.json."""
    return content[-_TAIL_LENGTH:].split(b'"')[3].decode("ascii")


def read_calibration(value: Any, at: str, *, n_labels: int, link: Link, has_tables: bool = False) -> Calibration | None:
    """A temperature, or an isotonic map for each label (for the second alone, of two that exclude each other).

    Where the maps are in tables there are none here.
    """
    if value is None:
        return None
    found = members(value, at, names=("method", "temperature", "knots"))
    temperature = number(found["temperature"], f"{at}.temperature", low=1 / MAX_TEMPERATURE, high=MAX_TEMPERATURE)
    match found["method"]:
        case "temperature":
            array(found["knots"], f"{at}.knots", low=0, high=0)
            return Calibration(method="temperature", temperature=temperature)
        case "isotonic":
            n_maps = 0 if has_tables else coef_shape(n_labels, 1, link)[0]
            maps = array(found["knots"], f"{at}.knots", low=n_maps, high=n_maps)
            number(temperature, f"{at}.temperature, for isotonic,", low=1, high=1)
            knots = tuple(_knots(own, f"{at}.knots[{place}]") for place, own in enumerate(maps))
            return Calibration(method="isotonic", knots=knots)
        case _:
            raise ArtifactCorrupt(f"{at}.method must be temperature or isotonic (got {shown(found['method'])}).")


def read_rule(value: Any, at: str, *, n_labels: int) -> Rule | None:
    """Thresholds, one per label or none; and from which probability on there is an answer."""
    if value is None:
        return None
    found = members(value, at, names=("thresholds", "answer_from"))
    given = array(found["thresholds"], f"{at}.thresholds", low=0, high=n_labels)
    if len(given) not in {0, n_labels}:
        raise ArtifactCorrupt(f"{at}.thresholds must have {n_labels:,} items or none (got {len(given):,}).")
    thresholds = tuple(
        number(item, f"{at}.thresholds[{place}]", low=MIN_THRESHOLD, high=1 - MIN_THRESHOLD)
        for place, item in enumerate(given)
    )
    return Rule(thresholds=thresholds, answer_from=number(found["answer_from"], f"{at}.answer_from", low=0, high=1))


def coef_shape(n_labels: int, n_features: int, link: Link = "softmax") -> tuple[int, int]:
    """(n_coef_rows, n_features): one row for two labels that exclude each other."""
    return (FORMS[link].rows_for_two if n_labels == 2 else n_labels), n_features


_REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")
_WORD = re.compile(r"[a-z0-9_]{1,32}")
_VERSION = re.compile(r"[0-9A-Za-z.+!-]{1,64}")

_FORMAT_1 = {"kind": "one label", "calibration": None, "rule": None}
"""What format 1 did not say, because there was nothing else."""

_SINCE_2 = set(_FORMAT_1)
_TAIL = re.compile(rb'  "sha256": "([0-9a-f]{64})"\n}\n')
_TAIL_LENGTH = len('  "sha256": ""\n}\n') + 64


def _check_digest(content: bytes, where: str) -> None:
    """The last line holds the digest of every byte before it, so no flipped bit goes unseen."""
    tail = _TAIL.fullmatch(content[-_TAIL_LENGTH:])
    if tail is None:
        raise ArtifactCorrupt(f"{where} must end with the line of its sha256: it is damaged or was edited.")
    found = hashlib.sha256(content[:-_TAIL_LENGTH]).hexdigest()
    if found != tail[1].decode("ascii"):
        raise ArtifactCorrupt(
            f"{where}: sha256 must be {tail[1].decode('ascii')} (got {found}): it is damaged or was edited."
        )


def _manifest(document: dict[str, Any], at: str, limits: Limits) -> Manifest:
    kind = read_kind(document["kind"], f"{at}kind")
    link = LINKS[kind]
    labels = _labels(document["labels"], f"{at}labels", low=FORMS[link].fewest_labels)
    encoder = _encoder(document["encoder"], f"{at}encoder")
    features = read_features(document["features"], f"{at}features")
    are_words = FeatureSpec.parse(features).is_words_alone
    files = _files(document["files"], f"{at}files", limits, version=document["format_version"])
    _bound(files, encoder, at)
    return Manifest(
        frostline_version=text(document["frostline_version"], f"{at}frostline_version", pattern=_VERSION),
        labels=labels,
        kind=kind,
        calibration=read_calibration(
            document["calibration"], f"{at}calibration", n_labels=len(labels), link=link, has_tables=TABLES in files
        ),
        rule=read_rule(document["rule"], f"{at}rule", n_labels=len(labels)),
        features=features,
        n_features=integer(document["n_features"], f"{at}n_features", low=0 if are_words else 1, high=MAX_FEATURES),
        encoder=encoder,
        data=_data(document["data"], f"{at}data", version=document["format_version"]),
        choice=json_object(document["choice"], f"{at}choice"),
        metrics=json_object(document["metrics"], f"{at}metrics"),
        self_test=read_self_test(
            document["self_test"],
            f"{at}self_test",
            n_labels=len(labels),
            link=link,
            version=document["format_version"],
            loosest=MAX_TOLERANCE.get(encoder.precision, 0.0),
            has_tables=TABLES in files,
        ),
        files=files,
    )


def _bound(files: dict[str, FileEntry], encoder: EncoderIdentity, at: str) -> None:
    """Files of the encoder must be those of the identity; nothing of it is read yet."""
    for name, sha256 in ((WEIGHTS, encoder.weights_sha256), (CONFIG, encoder.config_sha256)):
        entry = files.get(f"{ENCODER_FOLDER}/{name}")
        inside = any(found.startswith(f"{ENCODER_FOLDER}/") for found in files)
        if inside and (entry is None or entry.sha256 != sha256):
            raise ArtifactCorrupt(f"{at}files[{ENCODER_FOLDER}/{name}] must have the digest that encoder names.")


def read_kind(value: Any, at: str) -> Kind:
    """Whether a text has one label or several."""
    found = text(value, at, limit=100)
    for kind in LINKS:
        if found == kind:
            return kind
    raise ArtifactCorrupt(f"{at} must be one of {', '.join(map(shown, LINKS))} (got {shown(found)}).")


def _labels(value: Any, at: str, *, low: int) -> tuple[Label, ...]:
    found = array(value, at, low=low, high=MAX_LABELS)
    kind = type(found[0])
    for place, label in enumerate(found):
        if type(label) is not kind:
            raise ArtifactCorrupt(f"{at} must be of one type (got {kind.__name__} and {type(label).__name__}).")
        if kind is int:
            integer(label, f"{at}[{place}]", low=-(2**63))
        elif kind is not bool:
            text(label, f"{at}[{place}]", limit=LONGEST_LABEL)
    if len(set(found)) != len(found):
        twice = Counter(found).most_common(1)[0][0]
        raise ArtifactCorrupt(f"{at} must be distinct (got {shown(twice)} more than once).")
    return tuple(found)


def read_features(value: Any, at: str) -> str:
    """A feature specification."""
    try:
        FeatureSpec.parse(text(value, at, limit=10_000))
    except UsageError as error:
        raise ArtifactCorrupt(f"{at}: {error.message}") from error
    return str(value)


def _encoder(value: Any, at: str) -> EncoderIdentity:
    has_prefix = "prefix" in json_object(value, at)  # a member only where there is one
    names = [name for name in EncoderIdentity.__dataclass_fields__ if name != "prefix" or has_prefix]
    found = members(value, at, names=tuple(names))
    revision = found["revision"]
    return EncoderIdentity(
        name=text(found["name"], f"{at}.name", pattern=ENCODER_NAME),
        revision=None if revision is None else text(revision, f"{at}.revision", pattern=_REVISION),
        family=text(found["family"], f"{at}.family", pattern=_WORD),
        weights_sha256=text(found["weights_sha256"], f"{at}.weights_sha256", pattern=SHA256),
        tokenizer_sha256=text(found["tokenizer_sha256"], f"{at}.tokenizer_sha256", pattern=SHA256),
        config_sha256=text(found["config_sha256"], f"{at}.config_sha256", pattern=SHA256),
        max_length=integer(found["max_length"], f"{at}.max_length", low=2, high=1_000_000),
        precision=text(found["precision"], f"{at}.precision", pattern=_WORD),
        graph_version=integer(found["graph_version"], f"{at}.graph_version", high=1_000_000),
        prefix=text(found["prefix"], f"{at}.prefix", limit=LONGEST_PREFIX) if has_prefix else "",
    )


def _data(value: Any, at: str, *, version: int) -> TrainingData | None:
    if value is None:
        return None
    columns = ("text_column", "label_column") if version > 2 else ()
    found = members(value, at, names=("name", "sha256", "size_bytes", "rows", *columns))
    return TrainingData(
        name=text(found["name"], f"{at}.name"),
        sha256=text(found["sha256"], f"{at}.sha256", pattern=SHA256),
        size_bytes=integer(found["size_bytes"], f"{at}.size_bytes"),
        rows=integer(found["rows"], f"{at}.rows", low=1),
        **{
            column: text(found[column], f"{at}.{column}", limit=LONGEST_LABEL_COLUMN if "label" in column else 1000)
            for column in columns
        },
    )


def read_self_test(  # noqa: PLR0913 - all that its shape depends on
    value: Any, at: str, *, n_labels: int, link: Link, version: int, loosest: float, has_tables: bool
) -> SelfTest:
    """Eight texts with what they gave; of a version without decisions, or with tables, there are fewer numbers."""
    left_out = {"decisions", "answers"} if version == 1 else set()
    found = members(value, at, names=tuple(name for name in SelfTest.__dataclass_fields__ if name not in left_out))
    texts = array(found["texts"], f"{at}.texts", low=N_SELF_TEST, high=N_SELF_TEST)
    if has_tables:
        for name in ("decisions", "probabilities"):
            array(found[name], f"{at}.{name}", low=0, high=0)
        decisions: Numbers = ()
        probabilities: Numbers = ()
    else:
        decisions, probabilities = read_numbers_of_test(
            {"decisions": None, **found}, f"{at}.", n_labels=n_labels, link=link
        )
    return SelfTest(
        texts=tuple(text(item, f"{at}.texts[{place}]", limit=2000) for place, item in enumerate(texts)),
        decisions=decisions,
        probabilities=probabilities,
        answers=() if version == 1 else read_answers(found["answers"], f"{at}.answers", n_labels=n_labels, link=link),
        tolerance=number(found["tolerance"], f"{at}.tolerance", low=0, high=loosest),
    )


Numbers: TypeAlias = tuple[tuple[float, ...], ...]


def read_numbers_of_test(value: Mapping[str, Any], at: str, *, n_labels: int, link: Link) -> tuple[Numbers, Numbers]:
    """The decisions (none where there are none) and the probabilities of the self-test's sentences."""
    n_rows = coef_shape(n_labels, 1, link)[0]
    probabilities = _numbers(value["probabilities"], f"{at}probabilities", n_labels, low=0, high=1)
    for place, row in enumerate(probabilities):
        if FORMS[link].sums_to_one:
            number(sum(row), f"{at}probabilities[{place}], their sum,", low=1 - 1e-6, high=1 + 1e-6)
    if value["decisions"] is None:
        return (), probabilities
    return _numbers(value["decisions"], f"{at}decisions", n_rows, low=-MAX_DECISION, high=MAX_DECISION), probabilities


def _numbers(value: Any, at: str, n_columns: int, *, low: float, high: float) -> tuple[tuple[float, ...], ...]:
    """One row of numbers for each sentence of the self-test."""
    rows = array(value, at, low=N_SELF_TEST, high=N_SELF_TEST)
    return tuple(
        tuple(
            number(item, f"{at}[{place}]", low=low, high=high)
            for item in array(row, f"{at}[{place}]", low=n_columns, high=n_columns)
        )
        for place, row in enumerate(rows)
    )


def read_answers(value: Any, at: str, *, n_labels: int, link: Link) -> tuple[Answer, ...]:
    """What the rule makes of the sentences of the self-test."""
    read = FORMS[link].read_answer
    return tuple(
        None if item is None else read(item, f"{at}[{place}]", n_labels)
        for place, item in enumerate(array(value, at, low=N_SELF_TEST, high=N_SELF_TEST))
    )


def _column(value: Any, at: str, n_labels: int) -> Answer:
    return integer(value, at, high=n_labels - 1)


def _columns(value: Any, at: str, n_labels: int) -> Answer:
    found = [integer(column, at, high=n_labels - 1) for column in array(value, at, low=0, high=n_labels)]
    _ascending(found, at)
    return tuple(found)


def _knots(value: Any, at: str) -> Knots:
    """At least two points (before, after); `before` ascends, `after` never descends."""
    points = []
    for place, item in enumerate(array(value, at, low=2, high=MAX_KNOTS)):
        before, after = array(item, f"{at}[{place}]", low=2, high=2)
        points.append((number(before, f"{at}[{place}]", low=0, high=1), number(after, f"{at}[{place}]", low=0, high=1)))
    _ascending([before for before, _ in points], at)
    if any(one > other for (_, one), (_, other) in pairwise(points)):
        raise ArtifactCorrupt(f"{at} must not take a larger probability to a smaller one.")
    return tuple(points)


def _ascending(values: list[Any], at: str) -> None:
    if any(not one < other for one, other in pairwise(values)):
        raise ArtifactCorrupt(f"{at} must ascend.")


def _files(value: Any, at: str, limits: Limits, *, version: int) -> dict[str, FileEntry]:
    found = json_object(value, at)
    known = {*KNOWN_FILES} - {*(SINCE_2 if version < 2 else ()), *(SINCE_3 if version < 3 else ())}
    strange = next((name for name in found if name not in known), None)
    if strange is not None:
        raise ArtifactCorrupt(f"{at} must name only files an artifact can hold (got {shown(strange)}).")
    if HEAD not in found:
        raise ArtifactCorrupt(f"{at} must name {HEAD}.")
    entries = {}
    for name, entry in found.items():
        checked = members(entry, f"{at}[{name}]", names=tuple(FileEntry.__dataclass_fields__))
        entries[name] = FileEntry(
            sha256=text(checked["sha256"], f"{at}[{name}].sha256", pattern=SHA256),
            size_bytes=integer(checked["size_bytes"], f"{at}[{name}].size_bytes", high=limits.of(name)),
        )
    return entries


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What of an artifact depends on whether labels exclude each other."""

    fewest_labels: int
    rows_for_two: int  # Rows of coefficients, and isotonic maps, for two labels; of more labels each has its own
    sums_to_one: bool  # Whether the probabilities of a text do
    answer: Callable[[tuple[int, ...]], Answer]  # Columns of labels, ascending, as the manifest writes an answer
    read_answer: Callable[[Any, str, int], Answer]  # Such an answer read back


FORMS: Mapping[Link, Form] = {
    "softmax": Form(
        fewest_labels=2, rows_for_two=1, sums_to_one=True, answer=lambda columns: columns[0], read_answer=_column
    ),
    "logistic": Form(
        fewest_labels=1, rows_for_two=2, sums_to_one=False, answer=lambda columns: columns, read_answer=_columns
    ),
}
