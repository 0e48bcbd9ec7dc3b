"""Kind, calibration and rule: what an artifact says of how decisions become answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_artifacts import compare_refusal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_artifacts import RECORD, TEXTS, forge, open_fake, saved, some_head

from fakes import FakeEncoder
from frostline.artifact import load_artifact, save_artifact
from frostline.artifact.model import open_model
from frostline.errors import ArtifactCorrupt, InputError
from frostline.head.linear import Calibration, LinearHead, Rule

GOLDEN = Path(__file__).parent / "golden" / "format1"

STEPS = ((0.0, 0.1), (0.3, 0.1), (0.30001, 0.8), (1.0, 0.95))
TEMPERATURE = Calibration(method="temperature", temperature=1.7)
ISOTONIC_OF_TWO = Calibration(method="isotonic", knots=(STEPS,))
ISOTONIC = Calibration(method="isotonic", knots=(STEPS, ((0.0, 0.0), (1.0, 1.0)), STEPS))


def several(n_labels: int = 3) -> LinearHead:
    """A head of which a text may have any number of labels."""
    head = some_head(tuple("abcdefg"[:n_labels]))
    random = np.random.default_rng(1)
    return replace(
        head, link="logistic", coef=random.normal(size=(n_labels, 48)) / 10, intercept=random.normal(size=n_labels)
    )


HEADS: dict[str, LinearHead] = {
    "a temperature": replace(some_head(), calibration=TEMPERATURE),
    "isotonic, of two": replace(some_head(("no", "yes")), calibration=ISOTONIC_OF_TWO),
    "isotonic, of three": replace(some_head(), calibration=ISOTONIC),
    "thresholds": replace(some_head(), rule=Rule(thresholds=(0.2, 0.5, 0.9))),
    "abstaining": replace(some_head(("no", "yes")), calibration=ISOTONIC_OF_TWO, rule=Rule(answer_from=0.9)),
    "several labels": several(),
    "several labels, two of them": several(2),
    "several labels, one of them": several(1),
    "several labels, abstaining": replace(several(), rule=Rule(answer_from=0.3)),
    "several labels, all of it": replace(several(), calibration=ISOTONIC, rule=Rule(thresholds=(0.1, 0.99, 0.5))),
}


@pytest.mark.parametrize("what", HEADS)
def test_what_makes_the_answers_comes_back(tmp_path: Path, what: str) -> None:
    head = HEADS[what]
    model = open_model(saved(tmp_path, head=head), open_encoder=open_fake)
    assert (model.head.link, model.head.calibration, model.head.rule) == (head.link, head.calibration, head.rule)
    rows = FakeEncoder().encode(TEXTS).rows
    assert np.array_equal(model.predict_proba(TEXTS), head.predict_proba(rows))
    assert model.predict(TEXTS).tolist() == head.predict(rows).tolist()


def test_an_artifact_of_format_1_is_read_as_it_was() -> None:
    """Kept as it was written then; no rewriting of this folder is ever right."""
    model = open_model(GOLDEN, open_encoder=open_fake)
    load_artifact(GOLDEN, sha256="75a1b4f342fa27a2e1035385c486212119f931e01898a1669a2816ade825744a")
    assert (model.manifest.kind, model.manifest.calibration, model.manifest.rule) == ("one label", None, None)
    assert model.manifest.data == RECORD.data
    assert np.array_equal(model.head.coef, some_head().coef)
    assert model.predict(TEXTS).tolist() == some_head().predict(FakeEncoder().encode(TEXTS).rows).tolist()


def test_the_members_of_format_2_are_refused_in_format_1(tmp_path: Path) -> None:
    path = saved(tmp_path)
    forge(path, lambda document: document.update(format_version=1))
    with pytest.raises(ArtifactCorrupt, match="kind"):
        load_artifact(path)


def at(*way: str | int, value: Any) -> Any:
    def change(document: Any) -> None:
        for step in way[:-1]:
            document = document[step]
        document[way[-1]] = value

    return change


TRUE_TEMPERATURE = {"method": "temperature", "temperature": 1.7, "knots": []}
TRUE_RULE = {"thresholds": [0.2, 0.5, 0.9], "answer_from": 0.0}
LINE = [[0, 0], [1, 1]]
FORGERIES: dict[str, Any] = {
    "another kind": at("kind", value="any label"),
    "a kind that is a list": at("kind", value=["one label"]),
    "the other kind": at("kind", value="several labels"),
    "no kind": lambda document: document.pop("kind"),
    "a calibration that is a word": at("calibration", value="isotonic"),
    "a calibration that is true": at("calibration", value=True),
    "a calibration with a member more": at("calibration", value={**TRUE_TEMPERATURE, "more": 1}),
    "a calibration with a member less": at("calibration", value={"method": "temperature"}),
    "another method": at("calibration", value={**TRUE_TEMPERATURE, "method": "eval"}),
    "a method that is an object": at("calibration", value={**TRUE_TEMPERATURE, "method": {}}),
    "another temperature": at("calibration", "temperature", value=1.8),
    "a temperature of 0": at("calibration", "temperature", value=0),
    "a temperature below 0": at("calibration", "temperature", value=-1.7),
    "a temperature of 1e300": at("calibration", "temperature", value=1e300),
    "a temperature that is true": at("calibration", "temperature", value=True),
    "a temperature in text": at("calibration", "temperature", value="1.7"),
    "a temperature with knots": at("calibration", "knots", value=[LINE]),
    "no calibration any more": at("calibration", value=None),
    "isotonic with a map too few": at("calibration", value={"method": "isotonic", "temperature": 1, "knots": [LINE]}),
    "isotonic with a temperature": at(
        "calibration", value={"method": "isotonic", "temperature": 2, "knots": [LINE, LINE, LINE]}
    ),
    "another rule": at("rule", "thresholds", value=[0.9, 0.5, 0.1]),
    "a rule that is a list": at("rule", value=[]),
    "a rule with a member more": at("rule", value={**TRUE_RULE, "code": "1"}),
    "a rule without thresholds": at("rule", value={"answer_from": 0.5}),
    "two thresholds": at("rule", "thresholds", value=[0.2, 0.5]),
    "four thresholds": at("rule", "thresholds", value=[0.2, 0.5, 0.9, 0.1]),
    "a threshold of 0": at("rule", "thresholds", value=[0.0, 0.5, 0.9]),
    "a threshold of 1": at("rule", "thresholds", value=[0.2, 0.5, 1]),
    "a threshold of 7": at("rule", "thresholds", value=[0.2, 0.5, 7]),
    "a threshold in text": at("rule", "thresholds", value=[0.2, 0.5, "0.9"]),
    "a threshold that is null": at("rule", "thresholds", value=[0.2, 0.5, None]),
    "answers from 1.1 on": at("rule", "answer_from", value=1.1),
    "answers from below 0": at("rule", "answer_from", value=-0.1),
    "answers from another probability": at("rule", "answer_from", value=0.99999),
    "decisions of a row": at("self_test", "decisions", value=[[0.0, 0.0, 0.0]]),
    "decisions too wide": at("self_test", "decisions", 0, value=[0.0] * 4),
    "a decision of 1e300": at("self_test", "decisions", 0, value=[1e300, 0.0, 0.0]),
    "another decision": at("self_test", "decisions", 0, value=[9.0, 0.0, 0.0]),
    "an answer that is no column": at("self_test", "answers", 0, value=3),
    "an answer below 0": at("self_test", "answers", 0, value=-1),
    "an answer that is true": at("self_test", "answers", 0, value=True),
    "an answer in text": at("self_test", "answers", 0, value="no"),
    "an answer that is a set": at("self_test", "answers", 0, value=[0]),
    "nine answers": at("self_test", "answers", value=[0] * 9),
    "no answers": lambda document: document["self_test"].pop("answers"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_forged_ways_to_answer_are_refused_without_an_encoder(tmp_path: Path, what: str) -> None:
    path = saved(tmp_path, head=replace(some_head(), calibration=TEMPERATURE, rule=Rule(thresholds=(0.2, 0.5, 0.9))))
    forge(path, lambda _: None)
    load_artifact(path)  # the forger's seal alone is right
    forge(path, FORGERIES[what])
    with pytest.raises(ArtifactCorrupt) as caught:
        load_artifact(path)
    compare_refusal("answers", what, caught.value, tmp_path)
    assert caught.value.message.isprintable()


KNOTS: dict[str, Any] = {
    "one knot": [[0, 0]],
    "513 knots": [[place / 512, place / 512] for place in range(513)],
    "descending before": [[0.5, 0.1], [0.4, 0.2]],
    "equal before": [[0.5, 0.1], [0.5, 0.2]],
    "descending after": [[0.1, 0.5], [0.2, 0.4]],
    "above 1": [[0, 0], [1, 1.5]],
    "below 0": [[-0.5, 0], [1, 1]],
    "three numbers": [[0, 0, 0], [1, 1, 1]],
    "text": [["0", 0], [1, 1]],
    "null": [[None, 0], [1, 1]],
    "no pairs": [0, 1],
    "an object": {"0": 0, "1": 1},
}


@pytest.mark.parametrize("what", KNOTS)
def test_forged_knots_are_refused_by_their_schema(tmp_path: Path, what: str) -> None:
    path = saved(tmp_path, head=replace(some_head(("no", "yes")), calibration=ISOTONIC_OF_TWO))
    forge(path, at("calibration", "knots", value=[KNOTS[what]]))
    with pytest.raises(ArtifactCorrupt, match=r"calibration\.knots\[0\]") as caught:
        load_artifact(path)
    compare_refusal("knots", what, caught.value, tmp_path)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1, 0], "ascend"),
        ([0, 0], "ascend"),
        ([3], "from 0 to 2"),
        ("a", "array"),
        (None, "that the rule makes of"),
        ([True], "integer"),
    ],
)
def test_answers_of_several_labels_are_columns_in_order(tmp_path: Path, value: Any, reason: str) -> None:
    path = saved(tmp_path, head=several())
    forge(path, at("self_test", "answers", 0, value=value))
    with pytest.raises(ArtifactCorrupt, match=reason):
        load_artifact(path)


def test_no_answer_and_no_labels_stand_apart_in_the_self_test(tmp_path: Path) -> None:
    """Null, and an empty array; the same sentences as far as they are answered."""
    head = replace(several(), rule=Rule(thresholds=(0.7, 0.7, 0.7)))
    always = load_artifact(saved(tmp_path, name="always", head=head)).manifest.self_test
    shares = np.array(always.probabilities)
    whole = np.where(shares >= 0.7, shares, 1 - shares).prod(axis=1)
    assert () in always.answers
    limit = float(np.median(whole))
    silent = replace(head, rule=Rule(thresholds=(0.7, 0.7, 0.7), answer_from=limit))
    answers = load_artifact(saved(tmp_path, name="silent", head=silent)).manifest.self_test.answers
    assert answers == tuple(one if sure else None for one, sure in zip(always.answers, whole >= limit, strict=True))
    assert None in answers


ODD: dict[str, LinearHead] = {
    "a temperature that is NaN": replace(
        some_head(), calibration=Calibration(method="temperature", temperature=float("nan"))
    ),
    "a threshold too few": replace(some_head(), rule=Rule(thresholds=(0.5, 0.5))),
    "no answer ever for several labels": replace(several(), rule=Rule(answer_from=1.1)),
    "one row for two labels of several": replace(several(2), coef=np.zeros((1, 48)), intercept=np.zeros(1)),
    "log-odds of 1e300": replace(some_head(), intercept=np.array([1e300, 0, 0])),
}


@pytest.mark.parametrize("what", ODD)
def test_a_way_to_answer_that_could_not_be_loaded_is_not_saved(tmp_path: Path, what: str) -> None:
    with pytest.raises(InputError) as caught:
        save_artifact(tmp_path / "model", head=ODD[what], encoder=FakeEncoder())
    compare_refusal("odd ways to answer", what, caught.value, tmp_path)
    assert not isinstance(caught.value, ArtifactCorrupt)
    assert list(tmp_path.iterdir()) == []


def test_another_encoder_is_found_out_behind_a_calibration_that_says_the_same_of_all(tmp_path: Path) -> None:
    """The encoder's part is compared before calibration, which may flatten any difference."""
    flat = Calibration(method="isotonic", knots=(((0.0, 0.5), (1.0, 0.5)),))
    path = saved(tmp_path, head=replace(some_head(("no", "yes")), calibration=flat))
    open_model(path, open_encoder=open_fake)
    forge(path, lambda document: document["encoder"].update(name="other", **other_digests()))
    with pytest.raises(ArtifactCorrupt, match="Self-test"):
        open_model(path, open_encoder=open_fake)


def other_digests() -> dict[str, str]:
    found = FakeEncoder(weights="other").identity
    return {name: getattr(found, name) for name in ("weights_sha256", "tokenizer_sha256", "config_sha256")}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    thresholds=st.lists(st.floats(1e-12, 1 - 1e-12), min_size=3, max_size=3),
    temperature=st.floats(1e-3, 1e3),
    answer_from=st.floats(0, 1),
)
def test_any_temperature_and_rule_survive_to_the_last_bit(
    tmp_path: Path, thresholds: list[float], temperature: float, answer_from: float
) -> None:
    head = replace(
        some_head(),
        calibration=Calibration(method="temperature", temperature=temperature),
        rule=Rule(thresholds=tuple(thresholds), answer_from=answer_from),
    )
    save_artifact(tmp_path / "model", head=head, encoder=FakeEncoder(), overwrite=True)
    found = load_artifact(tmp_path / "model").head
    assert (found.calibration, found.rule) == (head.calibration, head.rule)
