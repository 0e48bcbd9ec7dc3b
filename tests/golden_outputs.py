"""What the golden outputs hold and how they are made: shared by the test that compares and the tool that writes them.

Almost everything goes through the command line, which stays while what is behind it is rebuilt. The imports from
frostline stand here and nowhere else in the golden tests, so that a change inside the package touches one file.
"""

import contextlib
import io
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from threadpoolctl import threadpool_info  # type: ignore[import-untyped,unused-ignore]

from frostline import SentenceClassifier
from frostline.arrays import Features, JoinedRows, Rows
from frostline.artifact.model import open_model
from frostline.cli.main import run
from frostline.encoder.words import fit
from frostline.head.options import SearchOptions, tutorial_grid
from frostline.head.search import search
from frostline.machine import this_machine
from frostline.targets import Targets

GOLDEN = Path(__file__).parent / "golden"
SAVED = Path(__file__).parent / "artifact" / "saved_by_0_1_0"

# Data: sentences of topic words and fillers. RandomState, since its streams are frozen for ever.

TOPICS = {
    "food": "soup bread cheese pepper kitchen tasty plate spoon lunch salt",
    "sport": "match goal team coach score player race medal stadium ball",
    "travel": "train hotel beach ticket map airport journey island luggage guide",
    "money": "bank loan price budget coin tax invest salary credit debt",
    "": "the a of and with for we you they was is very not more less again today here never always",
}
FILLERS = TOPICS[""].split()
WORDS = (*(word for words in TOPICS.values() for word in words.split()), ".", "!")


def sentence(random: np.random.RandomState, topics: list[str]) -> str:
    """Some fillers, a word or two of each topic, and now and then one of any topic."""
    words = list(random.choice(FILLERS, random.randint(2, 5)))
    for topic in topics:
        words += list(random.choice(TOPICS[topic].split(), random.randint(2, 5)))
    if random.rand() < 0.4:
        words += list(random.choice(WORDS, 1))
    random.shuffle(words)
    return " ".join(words)


def table(n: int, labels: tuple[str, ...], *, seed: int) -> str:
    """Text, tab, label: of unequal frequency, every fifteenth label wrong, one text twice, one too long."""
    random = np.random.RandomState(seed)
    share = np.arange(len(labels), 0, -1.0) + 1
    topics = [labels[code] for code in random.choice(len(labels), n, p=share / share.sum())]
    lines = [f"{sentence(random, [topic])}\t{topic}" for topic in topics]
    for row in range(7, n, 15):
        text = lines[row].split("\t")[0]
        lines[row] = f"{text}\t{labels[random.randint(len(labels))]}"
    lines[-1] = f"{' '.join([*TOPICS[labels[0]].split()] * 4)}\t{labels[0]}"
    return "text\tlabel\n" + "\n".join([*lines, lines[0]]) + "\n"


def table_of_sets(n: int, labels: tuple[str, ...], *, seed: int) -> str:
    """Text, tab, labels with commas between them: none, one or several."""
    random = np.random.RandomState(seed)
    members = random.rand(n, len(labels)) < np.linspace(0.5, 0.25, len(labels))
    topics = [[label for label, has in zip(labels, row, strict=True) if has] for row in members]
    lines = [f"{sentence(random, own)}\t{','.join(own)}" for own in topics]
    lines[3] = f"{lines[3].split(chr(9))[0]}\t{labels[-1]}"
    return "text\tlabels\n" + "\n".join(lines) + "\n"


TABLES = {
    "two.tsv": table(140, ("food", "sport"), seed=1),
    "two-test.tsv": table(60, ("food", "sport"), seed=2),
    "four.tsv": table(200, ("food", "sport", "travel", "money"), seed=3),
    "four-test.tsv": table(80, ("food", "sport", "travel", "money"), seed=4),
    "several.tsv": table_of_sets(160, ("food", "sport", "travel"), seed=5),
    "several-test.tsv": table_of_sets(60, ("food", "sport", "travel"), seed=6),
}
TEXTS = (
    "the soup was very tasty",
    "goal ! the team with the coach",
    "a train and a hotel, salt of the beach",
    "loan",
    "nothing known",
    "",
    '=bread "of" the, match\u2028here',
)


@dataclass(frozen=True)
class Case:
    """A training, and which of its outputs are kept beside the record, the manifest, the card and the page's words."""

    data: str
    options: str = ""
    saved: bool = True
    """Whether it is saved; if not, only the record is kept, since drawing the page takes longest."""
    pictures: str = ""
    """Which drawings of the page are kept too: those whose spoken name this matches."""
    answers: bool = False
    """What `predict` says, in every format."""
    screen: bool = False
    """The report on a terminal, and all that `evaluate` says."""


CASES = {
    "two-plain": Case("two", pictures=".", answers=True, screen=True),
    "two-nested": Case("two", "--nested --folds 3"),
    "two-auto": Case("two", "--features auto --folds 3", pictures="layer and pooling"),
    "two-curve": Case("two", "--learning-curve --folds 3", pictures="labelled rows"),
    "two-abstain": Case("two", "--abstain-precision 0.7", answers=True),
    "two-threshold": Case("two", "--threshold-for recall=0.95 --threshold-label food", saved=False),
    "two-isotonic": Case("two", "--calibrate isotonic", saved=False),
    "two-words": Case("two", "--features mean@-1+words --no-examples"),
    "two-test": Case("two", "--test two-test.tsv"),
    "two-tutorial": Case("two", "--preset tutorial", saved=False),
    "four-plain": Case("four", pictures="Confusion|ROC|Map|accuracy", answers=True, screen=True),
    "four-balanced": Case("four", "--class-weight balanced --scoring f1_macro", saved=False),
    "four-f1": Case("four", "--thresholds f1"),
    "four-nested": Case("four", "--nested --folds 3 --one-standard-error", saved=False),
    "four-words": Case("four", "--features mean@all+words --calibrate temperature", saved=False),
    "four-test": Case("four", "--test four-test.tsv --no-standardise"),
    "several-plain": Case("several", pictures=".", answers=True, screen=True),
    "several-nested": Case("several", "--nested --folds 3"),
    "several-words": Case("several", "--features mean@-1+words --no-examples"),
    "several-test": Case("several", "--test several-test.tsv --one-standard-error"),
    "several-isotonic": Case("several", "--calibrate isotonic --no-standardise", saved=False),
}
VERBS = {
    "sweep": "sweep two.tsv --folds 3 --no-joins -C 0.01 -C 0.1",
    "review": "review four.tsv --folds 3",
    "several-refused": "train several.tsv --labels-separator , --preset tutorial",
}
"""Other verbs: their JSON, and their screen."""


@contextlib.contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """The tables and the encoder in `folder`, which is the working directory meanwhile: no path of a machine's own."""
    for name, content in TABLES.items():
        (folder / name).write_text(content, "utf-8")
    (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS), "utf-8")
    if not (folder / "encoder").exists():
        shutil.copytree(GOLDEN / "encoder", folder / "encoder")
    with contextlib.chdir(folder):
        yield folder


@contextlib.contextmanager
def nothing_kept() -> Iterator[None]:
    """A home without rows, for verbs that keep what they read: how much they read now is part of what they say."""
    before = os.environ["FROSTLINE_HOME"]
    with tempfile.TemporaryDirectory() as home:
        os.environ["FROSTLINE_HOME"] = home
        try:
            yield
        finally:
            os.environ["FROSTLINE_HOME"] = before


def outputs(case: Case) -> dict[str, str]:
    """What one training gives, normalised, by the names of the golden files."""
    several = ["--labels-separator", ","] if case.data == "several" else []
    reading = [*several, "--encoder", "encoder", "--no-store"]
    train = ["train", f"{case.data}.tsv", *reading, *case.options.split()]
    if not case.saved:
        return {"train.json": written(without_what_varies(json.loads(spoken(*train, "--json"))))}
    document = json.loads(spoken(*train, "--out", "model", "--overwrite", "--json"))
    manifest = json.loads(Path("model/manifest.json").read_bytes())
    metrics = manifest["metrics"]
    manifest["metrics"] = {
        key: "as train --json" if value == document.get(key) else value for key, value in metrics.items()
    }
    page = Path("model/report.html").read_text("utf-8")
    found = {
        "train.json": written(without_what_varies(document)),
        "manifest.json": written(without_what_varies(manifest)),
        "card.md": words_that_stay(Path("model/README.md").read_text("utf-8")),
        "page.html": words_of_page(page),
    }
    if case.pictures:
        found["pictures.svg"] = pictures_of(page, case.pictures)
    if case.answers:
        found |= _answers(case, several)
    if case.screen:
        with nothing_kept():
            found |= _screen(case, train, several)
    return found


def _answers(case: Case, several: list[str]) -> dict[str, str]:
    """What the saved model says of texts, in every format."""
    asked = ["predict", "model", "--encoder", "encoder"]
    found = {
        "predict.txt": spoken(*asked, *TEXTS),
        "predict-lines.jsonl": spoken(*asked, "--json", *TEXTS),
    }
    for suffix in ("tsv", "csv", "jsonl", "parquet"):
        out = Path(f"answers.{suffix}")
        spoken(*asked, "texts.jsonl", "--text", "text", "--on-empty-text", "keep", "--out", str(out), "--overwrite")
        found[f"predict.{suffix}"] = (
            written(pq.read_table(out).to_pydict()) if suffix == "parquet" else out.read_bytes().decode("utf-8")
        )
    return found


def _screen(case: Case, train: list[str], several: list[str]) -> dict[str, str]:
    """The report of the training on a terminal; a measurement on a test file for programs, as a page, on a terminal."""
    measured = ["evaluate", "model", f"{case.data}-test.tsv", *several, "--encoder", "encoder"]
    document = spoken(*measured, "--json", "--report", "evaluated.html", "--overwrite")
    return {
        "train.txt": words_that_stay(spoken(*train, "--details")),
        "evaluate.json": written(without_what_varies(json.loads(document))),
        "evaluate.html": words_of_page(Path("evaluated.html").read_text("utf-8")),
        "evaluate.txt": words_that_stay(spoken(*measured)),
    }


def verb_outputs(name: str) -> dict[str, str]:
    """What another verb says: for programs, and on the screen."""
    asked = [*VERBS[name].split(), "--encoder", "encoder", "--no-store"]
    code, out, err = ran(*asked)
    screen = {f"{name}.txt": words_that_stay(out if code == 0 else err)}
    if code:
        return screen
    return {**screen, f"{name}.json": written(without_what_varies(json.loads(spoken(*asked, "--json"))))}


def ran(*arguments: str) -> tuple[int, str, str]:
    """A command's exit code, data and words."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(arguments))
    return code, out.getvalue(), err.getvalue()


def spoken(*arguments: str) -> str:
    """What a command that succeeds prints."""
    code, out, err = ran(*arguments)
    assert code == 0, f"frostline {' '.join(arguments)}: {err}"
    return out


# What varies from run to run is taken out; everything else stays as it is.

_VARIES = re.compile(r"^(seconds.*|machine|frostline|frostline_version)$")
_MANY = 14
_OWN_FILES = ("head.safetensors", "likeness.safetensors", "README.md", "report.html")
_SECONDS = re.compile(
    r"[\d,.]*\d(?= s: | s searching| s\s*$|, of which|(?: s)? getting the rows| s fitting| s evaluating| s reading)",
    re.MULTILINE,
)


def without_what_varies(value: Any, key: str = "") -> Any:
    """A JSON document without times, the machine, the version, and digests of files that hold any of these.

    Fractions keep nine digits: they are compared up to a millionth.
    """
    if _VARIES.match(key):
        return "varies"
    if isinstance(value, dict):
        kept = {name: without_what_varies(inner, name) for name, inner in value.items()}
        if kept.get("format") == "frostline-artifact":
            kept["files"] = {name: "varies" if name in _OWN_FILES else kept["files"][name] for name in kept["files"]}
            kept["sha256"] = "varies"
        return kept
    if isinstance(value, list):
        items = [without_what_varies(inner, key) for inner in value]
        return summary(items) if len(items) > _MANY and all(isinstance(one, float | None) for one in items) else items
    return float(f"{value:.9g}") if isinstance(value, float) else value


def summary(numbers: list[float | None]) -> dict[str, Any]:
    """A long list of fractions in short: how many, their sum, and some of them."""
    total = sum(number for number in numbers if number is not None)
    return {"n": len(numbers), "sum": float(f"{total:.9g}"), "some": numbers[:: len(numbers) // 5]}


def words_that_stay(text: str) -> str:
    """A text without times, the machine and the version."""
    text = re.sub(r"(<dt>Machine</dt><dd>)[^<]*", r"\1varies", text)
    text = re.sub(r"Frostline \d+\.\d+\.\d+(, \d{4}-\d\d-\d\d \d\d:\d\d UTC)?", "Frostline varies", text)
    return _SECONDS.sub("#", text)


_PICTURE = re.compile(r'<svg[^>]*?aria-label="([^"]*)"[^>]*>(.*?)</svg>', re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_BLOCK = re.compile(r"(?=<(?:section|h[1-6]|p|tr|li|dt|figure|table|footer)\b)")


def words_of_page(page: str) -> str:
    """The page without drawings and style, of which names and a digest stay; each block on a line of its own."""
    page = _STYLE.sub(lambda style: f"<style>{sha256(style[1].encode()).hexdigest()}</style>", page)
    page = _PICTURE.sub(lambda picture: picture[0].replace(picture[2], ""), page)
    return _BLOCK.sub("\n", words_that_stay(page))


def pictures_of(page: str, pattern: str) -> str:
    """The drawings of a page whose names match, an element on each line."""
    chosen = [picture[0] for picture in _PICTURE.finditer(page) if re.search(pattern, picture[1])]
    return "".join(re.sub(r">\s*<", ">\n<", picture) + "\n" for picture in chosen)


def written(value: Any, indent: str = "") -> str:
    """JSON in which whatever fits on a line stands on one: small, and readable as a difference."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + len(indent) <= 140 or not isinstance(value, dict | list):
        return flat
    inner = indent + " "
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(key)}: {written(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + written(item, inner) for item in value) + f"\n{indent}]"


# Heads on made problems: coefficients to the bit.

N = 210


def _made_rows(codes: np.ndarray, width: int, seed: int) -> Features:
    """Features of unequal spread around a centre for each label; elementwise alone, so the same on every processor."""
    random = np.random.RandomState(seed)
    centres = random.standard_normal((int(codes.max()) + 1, width))
    rows = random.standard_normal((len(codes), width)) + 0.5 * centres[codes]
    made: Features = (rows * random.uniform(0.2, 4, width) + 1).astype(np.float32)
    return made


def _codes(n_labels: int, seed: int) -> np.ndarray:
    random = np.random.RandomState(seed)
    share = np.arange(n_labels, 0, -1.0) + 1
    return random.choice(n_labels, N, p=share / share.sum()).astype(np.int64)


def _one(n_labels: int, width: int = 24, *, words: bool = False, seed: int = 0, **options: Any) -> dict[str, Any]:
    """A search of one label per text, in plain numbers."""
    codes = _codes(n_labels, seed)
    dense = _made_rows(codes, width, seed + 100)
    rows: Rows = dense
    if words:
        random = np.random.RandomState(seed)
        texts = [" ".join([*random.choice(WORDS, 6), f"c{code}"]) for code in codes]
        rows = JoinedRows(dense, fit(texts).rows(texts))
    labels = tuple(f"label {code}" for code in range(n_labels))
    found = search(rows, Targets.of_codes(codes, labels), options=SearchOptions(**options))
    return {
        "chosen_C": float(found.chosen_C[0]),
        "Cs": list(found.Cs),
        "not_searched": list(found.not_searched),
        "fold_scores": exact(found.scores[:, 0]),
        "coef": exact(found.head.coef),
        "intercept": exact(found.head.intercept),
        "held_out_decisions": exact(found.held_out_decisions, values_too=False),
        "warnings": list(found.warnings),
    }


def _each(width: int = 24, *, seed: int = 0, **options: Any) -> dict[str, Any]:
    """A search of several labels per text, in plain numbers."""
    random = np.random.RandomState(seed)
    members = random.rand(N, 4) < [0.5, 0.3, 0.15, 0.08]
    rows = _made_rows(members.astype(np.int64) @ (1 << np.arange(4)), width, seed + 100)
    labels = ("a", "b", "c", "d")
    found = search(rows, Targets(labels, members, exclusive=False), options=SearchOptions(**options))
    return {
        "chosen_Cs": exact(found.chosen_C),
        "Cs": list(found.Cs),
        "losses": exact(-found.scores.mean(axis=2)),
        "folds": "".join(str(fold) for fold in found.folds),
        "coef": exact(found.head.coef),
        "intercept": exact(found.head.intercept),
        "held_out_decisions": exact(found.held_out_decisions, values_too=False),
        "warnings": list(found.warnings),
    }


HEADS: dict[str, Callable[[], dict[str, Any]]] = {
    "two labels": lambda: _one(2, seed=1),
    "two labels, tutorial grid": lambda: _one(2, Cs=tutorial_grid(), seed=2),
    "two labels, balanced": lambda: _one(2, class_weight="balanced", scoring="f1_macro", seed=3),
    "two labels, more features than rows": lambda: _one(2, 300, seed=4),
    "two labels, not standardised": lambda: _one(2, standardise=False, one_standard_error=True, seed=5),
    "two labels, words": lambda: _one(2, words=True, seed=6),
    "six labels": lambda: _one(6, seed=7),
    "six labels, tutorial grid": lambda: _one(6, 12, Cs=tutorial_grid(), n_folds=3, seed=8),
    "six labels, weights by label": lambda: _one(
        6, class_weight={f"label {code}": 1.0 + code for code in range(6)}, scoring="neg_log_loss", seed=9
    ),
    "six labels, words": lambda: _one(6, words=True, n_folds=3, seed=10),
    "several labels": lambda: _each(seed=11),
    "several labels, tutorial grid": lambda: _each(12, Cs=tutorial_grid(), n_folds=3, seed=12),
    "several labels, one standard error": lambda: _each(one_standard_error=True, seed=13),
    "several labels, not standardised": lambda: _each(standardise=False, Cs=(0.001, 0.1, 10.0), seed=14),
}


def exact(values: np.ndarray, *, values_too: bool = True) -> dict[str, Any]:
    """The digest of the bytes as float64, and the numbers: bits can be compared, and where they differ, how far."""
    whole = np.ascontiguousarray(values, dtype=np.float64)
    digest = sha256(whole.tobytes()).hexdigest()
    numbers = whole if values_too else whole.sum(axis=0)
    return {"shape": list(whole.shape), "bits": digest, "numbers": [float(number) for number in numbers.ravel()]}


# Where bits may be compared.


def platform_facts() -> dict[str, Any]:
    """What decides the last bits of a number: the processor, and the libraries that calculate and draw."""
    machine = this_machine()
    libraries = [one for one in threadpool_info() if one["user_api"] == "blas"]
    blas = sorted({f"{one.get('internal_api')} {one.get('architecture')}" for one in libraries})
    packages = ("numpy", "scipy", "scikit-learn", "onnxruntime", "tokenizers", "matplotlib", "rich")
    return {
        "processor": machine.processor,
        "instructions": list(machine.instructions),
        "blas": blas,
        "packages": {name: version(name) for name in packages},
    }


@dataclass(frozen=True)
class Leniency:
    """How far what is made now may be from what is kept."""

    fraction: float
    """Relative, of fractions; 0 asks for the same bits."""
    last_digit: bool = False
    """Whether a fraction printed in a text may be one unit of its last digit away."""
    left_out: frozenset[str] = frozenset()
    """Keys that are not compared."""


BITS = Leniency(0.0)
HERE = Leniency(1e-6)
"""Where processor and libraries are those that the golden outputs were made with."""
ELSEWHERE = Leniency(
    1e-2, last_digit=True, left_out=frozenset({"roc", "precision_recall", "bins", "error", "coverage"})
)
"""Another processor rounds otherwise, and the solver ends elsewhere within its tolerance: two probabilities that were
equal may differ, which moves a row to the next bin, adds a corner to a curve, and moves an average precision by a step.
Tried with OpenBLAS's cores SkylakeX, Zen and Prescott in place of Haswell."""
ELSEWHERE_HEAD = Leniency(2e-4, left_out=frozenset({"bits", "held_out_decisions"}))
"""Coefficients agree to about 1e-7, scores of folds at large C to 1e-4: folds are solved no further than that."""


def difference(golden: Any, fresh: Any, leniency: Leniency, where: str = "") -> str:
    """Where two documents first differ, and how; empty where they don't. Texts and whole numbers must be equal."""
    if isinstance(golden, dict) and isinstance(fresh, dict):
        if list(golden) != list(fresh):
            return f"{where}: keys {list(golden)} became {list(fresh)}"
        pairs = [(f"{where}.{key}", golden[key], fresh[key]) for key in golden if key not in leniency.left_out]
    elif isinstance(golden, list) and isinstance(fresh, list):
        if len(golden) != len(fresh):
            return f"{where}: {len(golden)} items became {len(fresh)}"
        pairs = [(f"{where}[{row}]", one, other) for row, (one, other) in enumerate(zip(golden, fresh, strict=True))]
    elif isinstance(golden, str) and isinstance(fresh, str):
        return text_difference(golden, fresh, leniency, where)
    elif isinstance(golden, float) and isinstance(fresh, float):
        near = math.isclose(golden, fresh, rel_tol=leniency.fraction, abs_tol=leniency.fraction * 0.1)
        return "" if near or (math.isnan(golden) and math.isnan(fresh)) else f"{where}: {golden!r} became {fresh!r}"
    else:
        same = type(golden) is type(fresh) and golden == fresh
        return "" if same else f"{where}: {golden!r} became {fresh!r}"
    return next((found for place, one, other in pairs if (found := difference(one, other, leniency, place))), "")


_FRACTION = re.compile(r"([-+]?\d+\.\d+(?:e[-+]?\d+)?)")


def text_difference(golden: str, fresh: str, leniency: Leniency, where: str) -> str:
    """The first line that differs, in both forms; empty where none does."""
    lines, lines_now = golden.split("\n"), fresh.split("\n")
    for number, (one, other) in enumerate(zip(lines, lines_now, strict=False), start=1):
        parts, parts_now = _FRACTION.split(one), _FRACTION.split(other)
        is_near = leniency.last_digit and parts[::2] == parts_now[::2]
        if one != other and not (is_near and all(map(_as_printed, parts[1::2], parts_now[1::2]))):
            return f"{where}:{number}: {one!r} became {other!r}"
    return "" if len(lines) == len(lines_now) else f"{where}: {len(lines)} lines became {len(lines_now)}"


def _as_printed(one: str, other: str) -> bool:
    """Whether two printed fractions are the same but for the rounding of the last digit."""
    digits = min(len(text.split("e")[0].partition(".")[2]) for text in (one, other))
    exponent = int(one.partition("e")[2] or 0)
    return abs(float(one) - float(other)) <= 1.001 * 10.0 ** (exponent - digits)


# Artifacts that 0.1.0 saved.

SAVED_CASES: Mapping[str, str] = {
    "one-label": "train four.tsv --calibrate isotonic --thresholds f1",
    "several-labels": "train several.tsv --labels-separator ,",
    "words-and-neighbours": "train two.tsv --features mean@-1+words --keep-neighbours --abstain-precision 0.8",
}


def answers_of(folder: Path) -> dict[str, Any]:
    """What a saved classifier answers, by each of three ways."""
    model, classifier = open_model(folder), SentenceClassifier.load(folder)
    texts = list(TEXTS)
    found: dict[str, Any] = {
        "model.predict_proba": np.asarray(model.predict_proba(texts)).tolist(),
        "model.predict": plain(model.predict(texts)),
        "classifier.predict_proba": np.asarray(classifier.predict_proba(texts)).tolist(),
        "classifier.predict": plain(classifier.predict(texts)),
        "frostline predict --json": [
            json.loads(line) for line in spoken("predict", str(folder), "--json", *texts).splitlines()
        ],
    }
    if "neighbours" in folder.name:
        explained = json.loads(spoken("explain", str(folder), texts[0], "--json"))
        found["frostline explain --json"] = without_what_varies(explained)
    return found


def plain(answers: Any) -> Any:
    """Answers of any kind as JSON holds them."""
    if isinstance(answers, np.ndarray):
        return plain(answers.tolist())
    return [plain(one) for one in answers] if isinstance(answers, list | tuple) else answers
