"""Every limit of an artifact from both sides: the last value that is taken, the first that is not, and what is said."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_artifacts import RECORD, forge, open_fake, resealed, saved, some_head

from fakes import FakeEncoder
from frostline.artifact import (
    FileEntry,
    Limits,
    Neighbours,
    TrainingData,
    load_artifact,
    load_neighbours,
    refuse_place,
    save_artifact,
)
from frostline.artifact.files import neighbours_bytes, opened_folder, read_file, read_neighbours, unit_rows
from frostline.artifact.manifest import coef_shape, read_answers, read_calibration, read_kind, read_manifest, read_rule
from frostline.artifact.model import open_model
from frostline.artifact.self_test import SENTENCES, check_answers, run_self_test
from frostline.encoder.reading import EncoderIdentity, SentenceEncoder
from frostline.errors import (
    ArtifactCorrupt,
    BackendError,
    InputError,
    MissingInputError,
    OutputError,
    UnavailableError,
    UsageError,
)
from frostline.head.linear import Calibration, LinearHead, Rule
from frostline.strict import array, integer, json_object, members, number, read_object, text, truth
from frostline.tensors import Expected, read_tensors, tensors_bytes

Change = Callable[[dict[str, Any]], None]


def refusal(work: Callable[[], object], kind: type[Exception] = ArtifactCorrupt) -> str:
    with pytest.raises(kind) as caught:
        work()
    message, hint = caught.value.message, caught.value.hint  # type: ignore[attr-defined]
    return f"{message} -> {hint}" if hint else str(message)


# --- one kind of value each


VALUES: dict[str, Any] = {
    "null": None,
    "an object": {},
    "an array": [],
    "a string": "",
    "a truth value": True,
    "an integer": 1,
    "a number": 1.5,
}
READERS: dict[str, tuple[Callable[[Any], object], str, set[str]]] = {
    "json_object": (lambda value: json_object(value, "it"), "an object", {"an object"}),
    "array": (lambda value: array(value, "it", low=0, high=9), "an array", {"an array"}),
    "text": (lambda value: text(value, "it"), "a string", {"a string"}),
    "integer": (lambda value: integer(value, "it"), "an integer", {"an integer"}),
    "number": (lambda value: number(value, "it", low=0, high=9), "a number", {"an integer", "a number"}),
    "truth": (lambda value: truth(value, "it"), "true or false", {"a truth value"}),
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("reader", READERS)
def test_a_value_is_taken_by_the_reader_of_its_kind_and_named_by_the_others(reader: str, kind: str) -> None:
    read, wanted, takes = READERS[reader]
    if kind in takes:
        assert read(VALUES[kind]) == VALUES[kind]
    else:
        assert refusal(lambda: read(VALUES[kind])) == f"it must be {wanted} (got {kind})."


BOUNDED: list[tuple[Callable[[Any], object], list[Any], list[tuple[Any, str]]]] = [
    (
        lambda value: array(value, "it", low=1, high=2),
        [[1], [1, 2]],
        [([], "it must have 1 to 2 items (got 0)."), ([1, 2, 3], "it must have 1 to 2 items (got 3).")],
    ),
    (
        lambda value: array(value, "it", low=2, high=2),
        [[1, 2]],
        [([1], "it must have 2 items (got 1)."), ([1, 2, 3], "it must have 2 items (got 3).")],
    ),
    (
        lambda value: text(value, "it", limit=2),
        ["", "a", "ab"],
        [("abc", "it must have at most 2 characters (got 3).")],
    ),
    (
        lambda value: text(value, "it"),
        ["x" * 1000],
        [("x" * 1001, "it must have at most 1,000 characters (got 1,001).")],
    ),
    (
        lambda value: integer(value, "it"),
        [0, 2**63 - 1],
        [
            (-1, "it must be from 0 to 9,223,372,036,854,775,807 (got -1)."),
            (2**63, "it must be from 0 to 9,223,372,036,854,775,807 (got 9,223,372,036,854,775,808)."),
        ],
    ),
    (
        lambda value: integer(value, "it", low=-3, high=4),
        [-3, 4],
        [(-4, "it must be from -3 to 4 (got -4)."), (5, "it must be from -3 to 4 (got 5).")],
    ),
    (
        lambda value: number(value, "it", low=-0.5, high=1),
        [-0.5, 1, 1.0],
        [(-0.51, "it must be from -0.5 to 1 (got -0.51)."), (1.01, "it must be from -0.5 to 1 (got 1.01).")],
    ),
    (
        lambda value: members(value, "it", names=("a", "b")),
        [{"a": 1, "b": 2}, {"b": 2, "a": 1}],
        [
            ({"a": 1}, "it must have the members a, b (lacks b)."),
            ({}, "it must have the members a, b (lacks a, b)."),
            (
                {"a": 1, "c": 1, "d": 1, "e": 1, "f": 1},
                "it must have the members a, b (lacks b and has 'c', 'd', 'e').",
            ),
            ({"a": 1, "b": 1, "c": 1}, "it must have the members a, b (has 'c')."),
        ],
    ),
    (
        lambda value: read_kind(value, "it"),
        ["one label", "several labels"],
        [
            ("no label", "it must be one of 'one label', 'several labels' (got 'no label')."),
            ("x" * 101, "it must have at most 100 characters (got 101)."),
        ],
    ),
]


@pytest.mark.parametrize("case", range(len(BOUNDED)))
def test_both_sides_of_a_limit(case: int) -> None:
    read, good, bad = BOUNDED[case]
    for value in good:
        assert read(value) == value
    for value, said in bad:
        assert refusal(lambda value=value: read(value)) == said  # type: ignore[misc]


# --- calibration, rule, answers


@pytest.mark.parametrize("temperature", [1e-6, 1e6])
def test_the_outermost_temperatures_are_taken(temperature: float) -> None:
    value = {"method": "temperature", "temperature": temperature, "knots": []}
    found = read_calibration(value, "it", n_labels=3, link="softmax")
    assert found == Calibration(method="temperature", temperature=temperature)
    for beyond in (0.99e-6, 1.01e6):
        said = refusal(lambda: read_calibration({**value, "temperature": beyond}, "it", n_labels=3, link="softmax"))  # noqa: B023
        assert said == f"it.temperature must be from 1e-06 to 1e+06 (got {beyond:g})."


def isotonic(*maps: list[list[float]]) -> dict[str, Any]:
    return {"method": "isotonic", "temperature": 1, "knots": list(maps)}


@pytest.mark.parametrize(
    ("n_labels", "link", "n_maps"), [(2, "softmax", 1), (3, "softmax", 3), (1, "logistic", 1), (2, "logistic", 2)]
)
def test_there_is_a_map_for_each_label_or_one_for_two_that_exclude_each_other(
    n_labels: int, link: Any, n_maps: int
) -> None:
    line = [[0.0, 0.0], [1.0, 1.0]]
    found = read_calibration(isotonic(*[line] * n_maps), "it", n_labels=n_labels, link=link)
    assert found == Calibration(method="isotonic", knots=(((0.0, 0.0), (1.0, 1.0)),) * n_maps)
    for wrong in (n_maps - 1, n_maps + 1):
        said = refusal(lambda: read_calibration(isotonic(*[line] * wrong), "it", n_labels=n_labels, link=link))  # noqa: B023
        assert said == f"it.knots must have {n_maps} items (got {wrong})."


def test_a_map_has_from_2_to_512_knots_and_may_be_flat() -> None:
    for n in (2, 512):
        knots = [[place / (n - 1), 0.5] for place in range(n)]
        found = read_calibration(isotonic(knots), "it", n_labels=2, link="softmax")
        assert found is not None
        assert len(found.knots[0]) == n


def test_thresholds_are_none_or_one_for_each_label_and_lie_just_inside() -> None:
    for thresholds in ([], [1e-12, 1 - 1e-12]):
        found = read_rule({"thresholds": thresholds, "answer_from": 1}, "it", n_labels=2)
        assert found == Rule(thresholds=tuple(thresholds), answer_from=1.0)
    said = refusal(lambda: read_rule({"thresholds": [0.5], "answer_from": 0}, "it", n_labels=2))
    assert said == "it.thresholds must have 2 items or none (got 1)."
    for low in (0.5e-12, 1 - 0.5e-12):
        with pytest.raises(ArtifactCorrupt, match=r"^it\.thresholds\[1\] must be from 1e-12 to 1 "):
            read_rule({"thresholds": [0.5, low], "answer_from": 0}, "it", n_labels=2)
    assert read_rule({"thresholds": [], "answer_from": 0}, "it", n_labels=2) == Rule()
    for beyond in (-1e-9, 1.01):
        with pytest.raises(ArtifactCorrupt, match=r"^it\.answer_from must be from 0 to 1 "):
            read_rule({"thresholds": [], "answer_from": beyond}, "it", n_labels=2)


def test_answers_are_columns() -> None:
    """Of each sentence of the self-test one, or several ascending, or none; null where the rule is not sure enough."""
    rest: list[Any] = [None] * 6
    assert read_answers([0, 2, *rest], "it", n_labels=3, link="softmax") == (0, 2, *rest)
    assert read_answers([[], [0, 1, 2], *rest], "it", n_labels=3, link="logistic") == ((), (0, 1, 2), *rest)
    for first, link, said in (
        ([2, 1], "logistic", "it[0] must ascend."),
        ([3], "logistic", "it[0] must be from 0 to 2 (got 3)."),
        (3, "softmax", "it[0] must be from 0 to 2 (got 3)."),
    ):
        assert refusal(lambda: read_answers([first, 0, *rest], "it", n_labels=3, link=link)) == said  # type: ignore[arg-type]  # noqa: B023
    assert (
        refusal(lambda: read_answers([0, *rest], "it", n_labels=3, link="softmax")) == "it must have 8 items (got 7)."
    )


# --- the manifest


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = json.loads((saved(tmp_path_factory.mktemp("model")) / "manifest.json").read_bytes())
    assert isinstance(found, dict)
    return found


def put(way: str, value: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        body: Any = document
        *steps, last = way.split("/")
        for step in steps:
            body = body[int(step) if isinstance(body, list) else step]
        body[int(last) if isinstance(body, list) else last] = value

    return change


LONG_ID = f"{'a' * 96}/{'b' * 96}"
MEMBERS: dict[str, tuple[str, list[Any], list[tuple[Any, str]]]] = {
    "max_length": ("encoder/max_length", [2, 1_000_000], [(1, "2 to 1,000,000"), (1_000_001, "2 to 1,000,000")]),
    "graph version": ("encoder/graph_version", [0, 1_000_000], [(-1, "0 to 1,000,000"), (1_000_001, "0 to 1,000,000")]),
    "n_features": ("n_features", [1, 1_000_000], [(0, "1 to 1,000,000"), (1_000_001, "1 to 1,000,000")]),
    "rows": ("data/rows", [1, 2**63 - 1], [(0, "from 1 to"), (2**63, "from 1 to")]),
    "size": ("data/size_bytes", [0, 2**63 - 1], [(-1, "from 0 to"), (2**63, "from 0 to")]),
    "data's name": ("data/name", ["", "x" * 1000], [("x" * 1001, "at most 1,000")]),
    "encoder's name": ("encoder/name", ["a", LONG_ID, "a.b/c.d"], [(LONG_ID + "b", "match"), ("a" * 97, "match")]),
    "revision": ("encoder/revision", [None, "a" * 201, "refs/pr/1"], [("a" * 202, "match"), ("a..b", "match")]),
    "family": ("encoder/family", ["a", "a" * 32], [("", "match"), ("a" * 33, "match"), ("A", "match")]),
    "precision": ("encoder/precision", ["float32", "int8"], [("", "match"), ("a" * 33, "match")]),
    "version": ("frostline_version", ["1", "1" * 64], [("", "match"), ("1" * 65, "match")]),
    "tolerance": ("self_test/tolerance", [0, 0.01], [(-1e-9, "0 to 0.01"), (0.0101, "0 to 0.01")]),
    "self-test text": ("self_test/texts/0", ["", "x" * 2000], [("x" * 2001, "at most 2,000")]),
    "decision": ("self_test/decisions/0/0", [-1e12, 1e12], [(-1.1e12, "1e+12"), (1.1e12, "1e+12")]),
    "card": ("files/README.md/size_bytes", [0, 1 << 20], [((1 << 20) + 1, "0 to 1,048,576")]),
    "report": ("files/report.html/size_bytes", [1 << 25], [((1 << 25) + 1, "0 to 33,554,432")]),
    "head": ("files/head.safetensors/size_bytes", [1 << 28], [((1 << 28) + 1, "0 to 268,435,456")]),
    "data": ("data", [None], [([], "must be an object")]),
    "labels of integers": ("labels", [[-(2**63), 2**63 - 1, 0]], [([-(2**63) - 1, 1, 2], "labels[0] must be from")]),
    "labels of truth": ("labels", [], [([True, False, True], "distinct (got 'True' more than once)")]),
    "a long label": (
        "labels",
        [["x" * 100_000, "b", "c"]],
        [(["a", "b" * 100_001, "c"], "labels[1] must have at most")],
    ),
    "a probability": ("self_test/probabilities/0", [[1, 0, 0]], [([1, 0, 2e-6], "[0], their sum, must be from")]),
}


@pytest.mark.parametrize("what", MEMBERS)
def test_a_member_of_the_manifest_is_taken_up_to_its_limit(document: dict[str, Any], what: str) -> None:
    way, good, bad = MEMBERS[what]

    def manifest_with(value: Any) -> bytes:
        body = json.loads(json.dumps(document))
        put(way, value)(body)
        return resealed(body)

    for value in good:
        read_manifest(manifest_with(value))
    for value, said in bad:
        assert said in refusal(lambda value=value: read_manifest(manifest_with(value)))  # type: ignore[misc]


def test_an_eight_bit_encoder_may_be_six_times_as_far_off(document: dict[str, Any]) -> None:
    """And one of a precision that is not known may not be off at all."""
    for precision, loosest in (("float32", 0.01), ("int8", 0.06), ("int4", 0.0)):
        body = json.loads(json.dumps(document))
        body["encoder"]["precision"] = precision
        body["self_test"]["tolerance"] = loosest
        assert read_manifest(resealed(body)).self_test.tolerance == loosest
        body["self_test"]["tolerance"] = loosest + 1e-6
        with pytest.raises(ArtifactCorrupt, match=rf"tolerance must be from 0 to {loosest:g} "):
            read_manifest(resealed(body))


def test_what_is_no_manifest_of_ours_is_told_apart(document: dict[str, Any]) -> None:
    content = resealed(document)
    with pytest.raises(ArtifactCorrupt) as caught:
        read_manifest(b'{"format": "x"}')
    assert caught.value.message == (
        'manifest.json must say "format": "frostline-artifact" (got \'x\'): this is no saved model.'
    )
    assert caught.value.hint == "Artifacts are made by: frostline train FILE --out FOLDER"
    with pytest.raises(ArtifactCorrupt) as caught:
        read_manifest(content.replace(b'"format_version": 3', b'"format_version": 4'))
    assert caught.value.message == ("manifest.json: made by a newer Frostline (format 4; this one reads up to 3).")
    assert caught.value.hint == "Upgrade Frostline, or train again with this one."
    assert (
        refusal(lambda: read_manifest(content + b"\n"))
        == "manifest.json must end with the line of its sha256: it is damaged or was edited."
    )
    digest = json.loads(content)["sha256"]
    edited = content.replace(b"0.84", b"0.94")
    other = hashlib.sha256(edited[: edited.index(b'  "sha256": "' + digest.encode())]).hexdigest()
    assert refusal(lambda: read_manifest(edited)) == (
        f"manifest.json: sha256 must be {digest} (got {other}): it is damaged or was edited."
    )


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("manifest.json", 4 << 20),
        ("head.safetensors", 256 << 20),
        ("README.md", 1 << 20),
        ("report.html", 32 << 20),
        ("words.json", 32 << 20),
        ("neighbours.safetensors", 512 << 20),
        ("encoder/model.safetensors", 16 << 30),
        ("encoder/config.json", 64 << 20),
        ("encoder/LICENSE", 64 << 20),
    ],
)
def test_each_file_has_its_limit(name: str, limit: int) -> None:
    assert Limits().of(name) == limit
    assert (Limits().header_bytes, Limits().json_depth) == (1 << 20, 32)


def test_data_from_lists_are_named_by_the_digest_of_their_json_lines() -> None:
    lines = b'["a", true]\n["\\u00e9", false]\n'
    assert TrainingData.of_rows(["a", "é"], [True, False]) == TrainingData(
        name="lists", sha256=hashlib.sha256(lines).hexdigest(), size_bytes=len(lines), rows=2
    )
    with pytest.raises(ValueError, match="shorter"):
        TrainingData.of_rows(["a", "b"], [1])


# --- JSON and tensors


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": "\xff"}', "it must be UTF-8 (byte 7 is not)."),
        (b"[1]", "it must be a JSON object (got list)."),
        (b"3", "it must be a JSON object (got int)."),
        (b'{"a": 1, "a": 2}', "it must name each key once (got 'a' twice)."),
        (b'{"a": NaN}', "it must hold finite numbers (got NaN)."),
        (b'{"a": 1e400}', "it must hold finite numbers (got '1e400')."),
        (b'{"a": 123456789012345678901}', "it must hold integers of at most 20 digits (got 21)."),
        (b'{"a": "\\ud800"}', "it must hold whole characters (got '\\ud800')."),
        (b'{"a": [[1]]}', "it must be nested at most 2 deep."),
    ],
)
def test_each_loophole_of_json_is_named(content: bytes, said: str) -> None:
    assert refusal(lambda: read_object(content, "it", depth=2)) == said


def test_what_is_no_loophole_is_read() -> None:
    content = b'{"a": 12345678901234567890, "b": [1.5, {}], "\xc3\xa9": "\\u00e9"}'
    assert read_object(content, "it", depth=3) == {"a": 12345678901234567890, "b": [1.5, {}], "é": "é"}
    with pytest.raises(ArtifactCorrupt, match=r"^it must be JSON \(.*, line 2\)\.$"):
        read_object(b'{"a": 1,\n x}', "it")


def test_tensors_are_read_up_to_the_limit_of_their_header() -> None:
    content = tensors_bytes({"a": np.arange(6, dtype=">f4").reshape(2, 3), "b": np.array([1, 2], np.uint8)})
    expected = {"a": Expected("F32", (2, None)), "b": Expected("U8", (None,))}
    length = int.from_bytes(content[:8], "little")
    found = read_tensors(content, "it", expected, header_bytes=length)
    assert found["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["b"].tolist() == [1, 2]
    assert not found["a"].flags.writeable
    said = refusal(lambda: read_tensors(content, "it", expected, header_bytes=length - 1))
    assert said == (
        f"it: the header must have at most {length - 1} bytes and end within the file "
        f"(its length is {length}, the file's {len(content)})."
    )
    said = refusal(lambda: read_tensors(content, "it", {**expected, "a": Expected("F32", (3, None))}, header_bytes=999))
    assert said == "it: a must be F32 of shape [3, n], as the manifest has it (got F32 of shape [2, 3])."


def test_a_number_that_is_not_finite_is_found_in_the_second_million_too() -> None:
    values = np.zeros((1 << 20) + 1, np.float16)
    values[-1] = np.inf
    content = tensors_bytes({"a": values})
    assert "finite" in refusal(lambda: read_tensors(content, "it", {"a": Expected("F16", (None,))}, header_bytes=999))


@pytest.mark.parametrize(
    ("n_labels", "link", "shape"),
    [(2, "softmax", (1, 5)), (3, "softmax", (3, 5)), (2, "logistic", (2, 5)), (1, "logistic", (1, 5))],
)
def test_two_labels_that_exclude_each_other_share_a_row(n_labels: int, link: Any, shape: tuple[int, int]) -> None:
    assert coef_shape(n_labels, 5, link) == shape


# --- neighbours


def kept(n: int = 2, *, texts: tuple[str, ...] | None = None, codes: Any = None) -> Neighbours:
    rows = np.zeros((n, 2), np.float16)
    rows[:, 0] = 1
    return Neighbours(
        texts=texts or ("a",) * n,
        codes=np.zeros(n, np.int64) if codes is None else np.asarray(codes),
        rows=rows,
        centre=np.zeros(2, np.float32),
    )


def test_rows_are_the_same_whatever_the_blocks_they_are_made_in() -> None:
    rows = np.random.default_rng(0).normal(size=(4100, 2)).astype(np.float32) + 3
    found = Neighbours.of_rows(["x"] * 4100, np.zeros(4100, np.int64), rows)
    np.testing.assert_allclose(found.centre, rows.mean(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(found.rows, unit_rows(rows, found.centre).astype(np.float16))
    moved = rows - found.centre
    np.testing.assert_allclose(
        found.rows[[0, 4095, 4096, 4099]], (moved / np.hypot(*moved.T)[:, None])[[0, 4095, 4096, 4099]], atol=1e-3
    )


@pytest.mark.parametrize(
    ("length", "is_taken"), [(0, True), (0.985, False), (0.995, True), (1.005, True), (1.015, False)]
)
@pytest.mark.parametrize("place", [0, 4096])
def test_a_row_is_of_length_1_or_0(length: float, is_taken: bool, place: int) -> None:  # noqa: FBT001 - a parameter
    own = kept(4097)
    own.rows[place, 0] = length
    content = neighbours_bytes(own)
    if is_taken:
        assert read_neighbours(content, n_labels=2, n_features=2, link="softmax").rows[place, 0] == np.float16(length)
    else:
        said = refusal(lambda: read_neighbours(content, n_labels=2, n_features=2, link="softmax"))
        assert said == "neighbours.safetensors: rows must be of length 1."


def test_codes_are_those_of_the_labels() -> None:
    read_neighbours(neighbours_bytes(kept(codes=[0, 2])), n_labels=3, n_features=2, link="softmax")
    read_neighbours(neighbours_bytes(kept(codes=[[0, 1, 0], [1, 1, 1]])), n_labels=3, n_features=2, link="logistic")
    for codes, link in (([0, 3], "softmax"), ([-1, 0], "softmax"), ([[0, 2, 0], [0, 0, 0]], "logistic")):
        content = neighbours_bytes(kept(codes=codes))
        said = refusal(lambda: read_neighbours(content, n_labels=3, n_features=2, link=link))  # type: ignore[arg-type]  # noqa: B023
        assert said == "neighbours.safetensors: codes must be those of the 3 labels."


def test_a_kept_text_may_be_empty_and_has_at_most_1000_characters() -> None:
    whole = kept(texts=("", "é" * 1000))
    assert read_neighbours(neighbours_bytes(whole), n_labels=2, n_features=2, link="softmax").texts == whole.texts
    longer = neighbours_bytes(kept(texts=("", "é" * 1001)))
    said = refusal(lambda: read_neighbours(longer, n_labels=2, n_features=2, link="softmax"))
    assert said == "neighbours.safetensors: a text must have at most 1,000 characters."
    said = refusal(lambda: neighbours_bytes(kept(texts=("\ud800", "b"))), InputError)
    assert said == "A training sentence must hold whole characters to be kept as a neighbour."


# --- the self-test


def test_the_self_test_of_a_plain_head_allows_a_ten_thousandth() -> None:
    """And of 8-bit rows a hundredth; a steep head half of what rounding can move its log-odds by."""
    head, encoder = some_head(), FakeEncoder()
    found = run_self_test(head, encoder)
    assert (found.texts, found.tolerance) == (SENTENCES, 1e-4)
    rows = encoder.encode(SENTENCES).rows
    np.testing.assert_allclose(found.decisions, head.decision_function(rows), atol=1e-9)
    np.testing.assert_allclose(found.probabilities, head.predict_proba(rows), atol=2e-9)
    assert list(found.answers) == head.predict_proba(rows).argmax(axis=1).tolist()
    steep = replace(head, coef=head.coef * 1000)
    sizes = np.sqrt((rows.astype(np.float64) ** 2).mean(axis=0))
    expected = 1e-5 * np.linalg.norm(steep.coef * sizes, axis=1).max() / 2
    assert expected > 1e-4
    assert run_self_test(steep, encoder).tolerance == pytest.approx(min(expected, 1e-2))


def test_decisions_up_to_a_million_million_are_saved() -> None:
    head = replace(some_head(), coef=np.zeros((3, 48)))
    run_self_test(replace(head, intercept=np.array([1e12, 0, 0])), FakeEncoder())
    said = refusal(lambda: run_self_test(replace(head, intercept=np.array([0, -2e12, 0])), FakeEncoder()), InputError)
    assert said == "The head's log-odds must be at most 1e+12 (got 2e+12)."


def test_a_probability_may_differ_in_its_last_bits_and_no_more() -> None:
    head, own = some_head(), run_self_test(some_head(), FakeEncoder())

    def moved(by: float) -> Any:
        first = own.probabilities[0]
        return replace(own, probabilities=((first[0] + by, *first[1:]), *own.probabilities[1:]))

    check_answers(moved(0.9e-6), head)
    check_answers(moved(-0.9e-6), head)
    for by in (1.1e-6, -1.1e-6):
        said = refusal(lambda: check_answers(moved(by), head))  # noqa: B023
        assert said == "Self-test: the probabilities must be those that the calibration makes of the decisions."
    other = replace(own, answers=(None, *own.answers[1:]))
    said = refusal(lambda: check_answers(other, head))
    assert said == "Self-test: the answers must be those that the rule makes of the probabilities."


def test_a_failed_self_test_names_the_sentence_the_label_and_both_probabilities(tmp_path: Path) -> None:
    path = saved(tmp_path)
    head = load_artifact(path).head
    wrong = replace(load_artifact(path), head=replace(head, intercept=head.intercept + np.array([0, 1, 0])))
    rows = FakeEncoder().encode(SENTENCES).rows
    before, after = head.predict_proba(rows), wrong.head.predict_proba(rows)
    row, column = np.unravel_index(np.abs(after - before).argmax(), before.shape)
    with pytest.raises(ArtifactCorrupt) as caught:
        open_model(wrong, open_encoder=open_fake)
    assert f"must have a probability of {before[row, column]:.6f} ± 1e-04 for the label " in caught.value.message
    assert caught.value.message.endswith(f"{head.labels[column]!r} (got {after[row, column]:.6f}).")
    assert SENTENCES[row][:20] in caught.value.message
    assert caught.value.hint.startswith("Head and encoder do not belong together")


def test_an_encoder_of_another_width_is_named() -> None:
    said = refusal(lambda: run_self_test(some_head(n_features=47), FakeEncoder()), BackendError)
    assert said == "The encoder must give rows of 47 features (got (8, 48))."


# --- saving


def test_a_hub_id_is_kept_as_the_encoders_name_and_no_folder_is(tmp_path: Path) -> None:
    for name, expected in (
        ("someone/an-encoder.v2", "someone/an-encoder.v2"),
        ("minilm", "minilm"),
        ("/nowhere/my encoder (new)", "my-encoder-new"),
        ("/nowhere/" + "x" * 120, "x" * 90),
        ("/nowhere/東京", "encoder"),
    ):
        found = save_artifact(tmp_path / "model", head=some_head(), encoder=FakeEncoder(weights=name), overwrite=True)
        assert found.manifest.encoder.name == expected


def test_a_head_over_the_limit_is_refused_before_a_sentence_is_read(tmp_path: Path) -> None:
    """255 MB of numbers: a row more than there is room for."""
    encoder, labels = FakeEncoder(features="mean@-1", hidden_size=990_000), tuple(map(str, range(34)))
    head = LinearHead(labels=labels, coef=np.broadcast_to(0.0, (34, 990_000)), intercept=np.zeros(34))
    with pytest.raises(InputError) as caught:
        save_artifact(tmp_path / "model", head=head, encoder=encoder)
    assert caught.value.message == (
        "The head (34 by 990,000 numbers) must fit into 267,386,880 bytes (it takes 269,280,272)."
    )
    assert caught.value.hint == "Use fewer features, for example --features mean@-1, and no +words."
    assert not encoder.read


def test_a_manifest_that_is_too_large_names_the_member_that_makes_it_so(tmp_path: Path) -> None:
    record = replace(RECORD, choice={"x": "y" * (4 << 20)})
    with pytest.raises(
        InputError, match=r"^The manifest must have at most 4,194,304 bytes \(got .*, most of it in choice\)"
    ):
        save_artifact(tmp_path / "model", head=some_head(), encoder=FakeEncoder(), record=record)


def test_where_an_artifact_may_not_go_is_said(tmp_path: Path) -> None:
    path = saved(tmp_path)
    refuse_place(tmp_path / "new")
    refuse_place(path, overwrite=True)
    (tmp_path / "empty").mkdir()
    refuse_place(tmp_path / "empty", overwrite=True)
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "README.md").write_text("")
    for name in ("d", "c", "b", "a"):
        (path / name).write_text("")
    for name, said in (
        ("file", " is a file, and no saved model to be overwritten. -> Choose another name, or move it away."),
        ("link", " is a symbolic link and is not replaced. -> Name the folder itself."),
        (
            "other",
            (
                " must be an artifact to be overwritten (it holds no manifest.json). "
                "-> Choose another name, or move it away."
            ),
        ),
        (
            "model",
            (
                " must be nothing but an artifact to be overwritten (it holds 'a', 'b', 'c'). "
                "-> Move these files away, or choose another name."
            ),
        ),
    ):
        place = tmp_path / name
        assert refusal(lambda: refuse_place(place, overwrite=True), OutputError) == f"{place}{said}"  # noqa: B023
    assert refusal(lambda: refuse_place(Path("/")), OutputError) == (
        "/: an artifact needs a name of its own. -> Choose another name."
    )


# --- loading and opening


def test_a_file_that_differs_from_the_manifest_is_said_to_by_size_or_by_digest(tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"abc")
    digest = hashlib.sha256(b"abc").hexdigest()
    with opened_folder(tmp_path) as folder:
        assert read_file(folder, "it", FileEntry(sha256=digest, size_bytes=3)) == b"abc"
        shorter, longer = (FileEntry(sha256=digest, size_bytes=size) for size in (2, 4))
        assert refusal(lambda: read_file(folder, "it", shorter)) == (
            f"{tmp_path / 'it'} must have at most 2 bytes (got 3)."
        )
        assert refusal(lambda: read_file(folder, "it", longer)) == (
            f"{tmp_path / 'it'} must have 4 bytes, as the manifest has it (got 3)."
        )
        other = FileEntry(sha256="0" * 64, size_bytes=3)
        assert refusal(lambda: read_file(folder, "it", other)) == (
            f"{tmp_path / 'it'}: sha256 must be {'0' * 64} (got {digest}): it is damaged or was edited. "
            "-> Copy the artifact again, or train again."
        )
        assert not folder.is_replaced()
        tmp_path.rename(tmp_path.with_name("moved"))
        assert folder.is_replaced()
        tmp_path.mkdir()
        assert folder.is_replaced()


def test_what_is_no_folder_of_an_artifact_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    hint = "Make one with: frostline train FILE --out FOLDER"
    for name, kind, said in (
        ("nothing", MissingInputError, f"There is no saved model at '{tmp_path / 'nothing'}'."),
        ("file", ArtifactCorrupt, f"'{tmp_path / 'file'}' is a file, not a saved model, which is a folder."),
        ("", ArtifactCorrupt, f"{tmp_path}/manifest.json must be there: the artifact is not whole, or this is none."),
    ):
        with pytest.raises(kind) as caught:
            load_artifact(tmp_path / name)
        assert (caught.value.message, caught.value.hint.removeprefix("The model comes first. ")) == (said, hint)


def test_a_pin_that_is_not_met_is_said_with_both_digests(tmp_path: Path) -> None:
    path = saved(tmp_path)
    found = load_artifact(path).sha256
    said = refusal(lambda: load_artifact(path, sha256="0" * 64))
    assert said == f"{path} must have the sha256 {'0' * 64} (got {found}): it is another artifact."


def test_neighbours_are_looked_for_only_where_the_manifest_lists_them(tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert load_neighbours(load_artifact(path)) is None


def opening(asked: list[tuple[str, str | None, int, int | None]], *fail: str) -> Any:
    def opened(
        name: str, *, features: str, revision: str | None, max_length: int, threads: int | None
    ) -> SentenceEncoder:
        asked.append((name, revision, max_length, threads))
        if str(revision) in fail:
            raise UnavailableError("Out of reach.")
        weights = "fake" if name in {"minilm", "here", "org/model"} and str(revision) != "other" else name
        return FakeEncoder(features=features, weights=weights, max_length=max_length)

    return opened


def test_where_the_encoder_is_looked_for_and_in_which_order(tmp_path: Path) -> None:
    path, asked = saved(tmp_path), []  # type: ignore[var-annotated]
    forge(path, lambda document: document["encoder"].update(name="minilm", revision="abc"))
    open_model(path, open_encoder=opening(asked, "None"), threads=3, fetch=True)
    assert asked == [("minilm", None, 128, 3), ("minilm", "abc", 128, 3)]
    asked.clear()
    open_model(path, open_encoder=opening(asked), encoder="here")
    assert asked == [("here", None, 128, None)]
    asked.clear()
    forge(path, lambda document: document["encoder"].update(name="org/model"))
    open_model(path, open_encoder=opening(asked), fetch=True)
    assert asked == [("org/model", "abc", 128, None)]
    with pytest.raises(UnavailableError, match=r"^Out of reach"):
        open_model(path, open_encoder=opening(asked, "abc"), fetch=True)
    with pytest.raises(InputError) as caught:
        open_model(path, open_encoder=opening(asked), encoder="elsewhere")
    want, got = FakeEncoder().identity.weights_sha256, FakeEncoder(weights="elsewhere").identity.weights_sha256
    assert caught.value.message == (
        f"{path}: the encoder elsewhere is not the one this model was trained with (weights_sha256 must be "
        f"{want[:16]}, got {got[:16]})."
    )
    assert caught.value.hint == "Bring the encoder it was trained with (--encoder FOLDER), or train again."


@pytest.mark.parametrize(
    ("member", "value"),
    [("weights_sha256", "1" * 64), ("tokenizer_sha256", "1" * 64), ("config_sha256", "1" * 64), ("family", "other")],
)
def test_whatever_can_change_a_row_must_be_that_of_the_encoder(tmp_path: Path, member: str, value: str) -> None:
    path = saved(tmp_path)
    forge(path, lambda document: document["encoder"].update({member: value}))
    got = getattr(FakeEncoder().identity, member)
    with pytest.raises(InputError, match=rf"\({member} must be {value[:16]}, got {got[:16]}\)"):
        open_model(path, open_encoder=open_fake)


def test_an_encoder_that_cannot_do_what_the_manifest_asks_is_the_artifacts_fault(tmp_path: Path) -> None:
    path = saved(tmp_path)

    def refuses(name: str, **_: Any) -> SentenceEncoder:
        raise UsageError("Layer 9 is not there.")

    said = refusal(lambda: open_model(path, open_encoder=refuses))
    assert said == f"{path}: its encoder cannot do what it asks for: Layer 9 is not there."


class Wide(FakeEncoder):
    """Says that it is the other one, and gives more numbers."""

    @property
    def identity(self) -> EncoderIdentity:
        return FakeEncoder().identity


def test_features_of_another_width_than_the_manifest_says_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)

    def wide(name: str, *, features: str, **_: Any) -> SentenceEncoder:
        return Wide(features=features, hidden_size=17)

    said = refusal(lambda: open_model(path, open_encoder=wide))
    assert said == f"{path}: n_features must be 51 for mean@all of this encoder (got 48)."
