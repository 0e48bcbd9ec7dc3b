"""The page of the lesson: its numbers, its pictures, both languages; and the notebook made of the same."""
# ruff: noqa: RUF001 - Chinese punctuation is what it is

import ast
import base64
import hashlib
import html
import json
import re
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from fakes import a_tuning
from frostline.cli.main import cli
from frostline.cli.tutorial import wrapped
from frostline.data.options import TableOptions
from frostline.data.sample import load_sample
from frostline.data.tables import read_dataset
from frostline.encoder.encoder import Encoder
from frostline.errors import UnavailableError, UsageError
from frostline.evaluate.intervals import wilson
from frostline.tutorial import page as page_module
from frostline.tutorial.course import EVERY_LAYER, Shown, give_course, lesson_json
from frostline.tutorial.drawn import frames, shortened
from frostline.tutorial.lesson import Language, Readers, told
from frostline.tutorial.lesson import words as lesson_words
from frostline.tutorial.notebook import lesson_notebook
from frostline.tutorial.page import SECTIONS, Drawing, Given, lesson_html, page_facts, page_words, set_words, tuned_too
from frostline.tutorial.pictured import N_SPLITS, answer_of, directions, padding_of

UNTUNED = list(SECTIONS)[:-1]  # What is there without --finetune
Command = Callable[..., Any]
HAN = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """A lesson over 80 rows of the sample."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FROSTLINE_HOME", str(tmp_path_factory.mktemp("home")))
        practical, better, every = (Encoder.open("minilm", features=f) for f in ("cls@-1", "mean@all", EVERY_LAYER))
        readers = Readers(practical=practical, first=practical, better=better)
        yield give_course(load_sample().train.take(np.arange(80)), readers, every)


@pytest.fixture(scope="module")
def tuned(given: Given) -> Given:
    """The same with a last step, as a run of fine-tuning tells it."""
    return tuned_too(given, a_tuning())


@pytest.mark.parametrize("times", [1, 2])
def test_the_intervals_of_tuning_count_copies_once(tuned: Given, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of the step before do, whose rows they are: of rows that stand there twice half tell something."""
    drawn: list[Any] = []

    def kept(rows: Any, *, says: str) -> str:
        drawn.append(rows)
        return says

    monkeypatch.setattr(page_module, "intervals", kept)
    trial = tuned.computed.trial
    n = len(trial.is_right)
    interval = wilson(trial.accuracy * n / times, n / times)
    computed = replace(tuned.computed, trial=replace(trial, interval=interval))
    lesson_html([replace(tuned, computed=computed)], language="en")
    (_, frozen, span), (_, better, other) = drawn[-1]
    assert (frozen, better) == pytest.approx((0.85, 0.9))
    assert span == pytest.approx(wilson(0.85 * 20 / times, 20 / times), abs=1e-6)
    assert other == pytest.approx(wilson(0.9 * 20 / times, 20 / times), abs=1e-6)


class Outline(HTMLParser):
    """Elements that are not closed, ids, and what is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "input"}:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(page: str) -> Outline:
    parsed = Outline()
    parsed.feed(page)
    return parsed


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_whole(given: Given, language: Language) -> None:
    """Every section, every element closed, nothing asked for from elsewhere, no inline style or handler."""
    page = lesson_html([given], language=language)
    parsed = outline(page)
    assert parsed.open == []
    assert parsed.ids == UNTUNED
    assert not [found for found in parsed.attributes if found[1] in {"src", "style"} or found[1].startswith("on")]
    assert {value for _, name, value in parsed.attributes if name == "href"} == {f"#{name}" for name in UNTUNED}
    told = re.sub(r"<(style|script)[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
    assert set(re.findall(r"{[^}]*}", told)) <= {"{&#x27;C&#x27;: np.linspace(0.0001, 100, 20)}", "{0,1}", "{w,b}"}
    assert len(page.encode()) < 1_000_000


@pytest.mark.parametrize("language", ["en", "zh"])
def test_frozen_stands_beside_tuned_where_it_was_asked_for(given: Given, tuned: Given, language: Language) -> None:
    """A section more in page, notebook and JSON, each with the figures of the run."""
    page = lesson_html([tuned], language=language)
    parsed = outline(page)
    assert (parsed.open, parsed.ids) == ([], list(SECTIONS))
    section = page.split('<section id="tuned">')[1]
    for said in (
        "0.850",
        "0.900",
        "+5.0",
        "+1.0",
        "+9.0",
        "62",
        "20",
        "1: 0.412 / 0.461",
        "0: - / 0.507",
        "2: 0.318 / 0.473",
    ):
        assert said.replace(": ", page_words(language)["words"]["colon"]) in section, said
    assert page_words(language)["tuned"]["better"] in section
    assert page_words(language)["tuned"]["worse"] not in section
    assert outline(lesson_html([given], language=language)).ids == list(SECTIONS)[:-1]
    lesson = lesson_json([tuned])["lessons"][0]
    assert lesson["sections"]["tuned"]["tuned_accuracy"] == pytest.approx(0.9)
    assert lesson["pictures"]["tuned"]["held_out"] == (0.507, 0.461, 0.473)
    assert lesson["steps"][-1]["name"] == "tuned"
    notebook = lesson_notebook(tuned, path="a.tsv", seed=0, language=language)
    assert [cell["id"] for cell in notebook["cells"][-2:]] == ["tuned", "tuned-picture"]
    assert "tuned_beside(dataset" in "".join(notebook["cells"][-1]["source"])
    record = tuned.tuned
    assert record is not None
    few = tuned_too(given, replace(record, held_out=()))
    assert "1: 0.412 / -".replace(": ", page_words(language)["words"]["colon"]) in lesson_html([few], language=language)


def test_fine_tuning_is_refused_without_torch_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence that names what to install."""
    monkeypatch.setattr("frostline.encoder.architecture.why_no_torch", lambda: "No module named 'torch'")
    asked = CliRunner().invoke(cli, ["tutorial", __file__, "--finetune", "--html", "never.html"])
    assert isinstance(asked.exception, UnavailableError)
    assert asked.exception.message == "Fine-tuning needs torch and transformers (No module named 'torch')."
    assert "frostline[" in asked.exception.hint
    assert asked.output == ""


def test_two_encoders_share_a_page(given: Given) -> None:
    """A switch, two lessons, no id twice."""
    page = lesson_html([given, given], language="en")
    parsed = outline(page)
    assert page.count("<main>") == 2
    assert parsed.ids == [*UNTUNED, *(f"{name}-1" for name in UNTUNED)]
    assert page.count('aria-pressed="false"') == 2
    assert 'class="encoders"' not in lesson_html([given], language="en")


def test_both_languages_say_the_same_with_the_same_facts() -> None:
    """A key or a fact of one language stands in the other; the code of the practical is the same."""
    english, chinese = page_words("en"), page_words("zh")
    assert list(english) == list(chinese) == ["words", *SECTIONS]
    for name in english:
        assert set(english[name]) == set(chinese[name]), name
        for key, sentence in english[name].items():
            facts, others = (
                {field for _, field, _, _ in string.Formatter().parse(each) if field}
                for each in (sentence, chinese[name][key])
            )
            assert facts == others, (name, key)
        if name != "words" and not HAN.search(chinese[name]["practical"]):
            assert english[name]["practical"] == chinese[name]["practical"], name


def test_chinese_is_chinese() -> None:
    """Full-width punctuation beside Chinese letters, no English sentence left."""
    ours = "\u4e00-\u9fff"
    half_width = re.compile(f"[{ours}][,;:!?]|[,;:!?][{ours}]|[{ours}]\\s+[\u3002\uff0c\uff1b\uff1a\uff01\uff1f]")
    for name, own in page_words("zh").items():
        for key, sentence in own.items():
            if key not in {"practical", "ours", "maths"}:
                assert not half_width.search(sentence), (name, key)
                assert HAN.search(sentence) or not re.search("[a-z]{4}", re.sub("{[^}]*}", "", sentence)), (name, key)


def test_the_numbers_are_those_of_the_json(given: Given) -> None:
    """What the terminal, the page and the pictures rest on is one: the same figure under each of its names."""
    document = json.loads(json.dumps(lesson_json([given])))
    lesson = document["lessons"][0]
    assert (document["format"], document["version"]) == ("frostline-lesson", 1)
    assert [step["name"] for step in lesson["steps"]] == [step.name for step in given.steps]
    assert set(lesson["sections"]) == set(UNTUNED)
    assert set(lesson["pictures"]) == set(UNTUNED) - {"block", "slice", "test"}, "these show their facts alone"
    steps, pictures = {step["name"]: step["facts"] for step in lesson["steps"]}, lesson["pictures"]
    assert lesson["sections"]["test"]["accuracy"] == steps["test"]["accuracy"] == given.computed.trial.accuracy
    assert lesson["sections"]["unmasked"]["unmasked_accuracy"] == steps["unmasked"]["unmasked_accuracy"]
    assert pictures["splits"]["accuracy"][0] == pytest.approx(steps["test"]["accuracy"]), "the lesson's own is first"
    assert len(pictures["splits"]["accuracy"]) == N_SPLITS
    assert [view["layer"] for view in pictures["views"]] == list(range(7))
    assert pictures["padding"]["share"]["one_batch"] == pytest.approx(steps["padding"]["waste"])
    answer = pictures["answer"]
    whole = answer["average"] + sum(part["adds"] for part in answer["parts"]) + answer["others"]
    assert answer["log_odds"] == pytest.approx(whole)
    assert answer["probability"] == pytest.approx(1 / (1 + np.exp(-answer["log_odds"])))


NUMBER = re.compile(r"(?<![\w.#])[-+]?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?%?")


def numbers_of(document: object) -> Iterator[float]:
    """Every number of a JSON document, keys that are numbers too."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key.isdigit():
                yield float(key)
            yield from numbers_of(value)
    elif isinstance(document, list):
        for value in document:
            yield from numbers_of(value)
    elif isinstance(document, int | float):
        yield float(document)


def stands_in(shown: str, numbers: set[float]) -> bool:
    """Whether one of `numbers` is written as `shown`."""
    bare = shown.replace(",", "").rstrip("%")
    digits = len(bare.partition(".")[2])
    scale = 100 if shown.endswith("%") else 1
    width = 0.5 * 10.0**-digits + (1e-4 if scale == 1 else 1e-9)  # features are told to four digits
    return any(abs(scale * number - float(bare)) <= width for number in numbers)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_number_of_a_step_stands_in_the_json(tuned: Given, language: Language) -> None:
    """In sentences, captions and pictures alike, under the name of their section; scales of axes aside."""
    lesson = json.loads(json.dumps(lesson_json([tuned])))["lessons"][0]
    page, texts = lesson_html([tuned], language=language), tuned.computed.texts
    published = {6, 12, 768, 66, 110, 0.81, 90.7, 94.9, 2.0, 500.0}  # by the practicals and the papers
    constant = {"padding": {32.0, 500.0, 0.0}, "mask": {0.0, 1.0}, "embeddings": {0.0, 1.0}, "ids": {1000.0, 2000.0}}
    constant |= {
        "block": {768.0},
        "slice": {0.0},
        "test": {95.0, 0.95, 1927.0},
        "onward": {95.0, 0.95, -1.0},
        "data": {100.0, 90.0},
        "tuned": {95.0, 0.95, 0.0},
    }
    constant |= {
        "beside": published,
        "splits": {1.0},
        "attention": {1.0, 2017.0},
        "table": {7.0},
        "trust": {0.0001, 100.0, 20.0},
    }
    n_checked, strange = 0, list[tuple[str, str]]()
    for number, name in enumerate(SECTIONS, start=1):
        section = page.split(f'<section id="{name}">')[1].split("</section>")[0]
        section = re.sub(
            r"<pre.*?</pre>|<script.*?</script>|<text[^>]*scale[^>]*>[^<]*</text>", " ", section, flags=re.DOTALL
        )
        told = html.unescape(re.sub(r"<[^>]*>", " ", section)).replace("−", "-")
        for text in texts[:12]:
            for part in (text, shortened(text, 60), shortened(text, 48), shortened(text, 40), shortened(text, 17)):
                told = told.replace(part, " ")
        known = {*numbers_of(lesson["sections"][name]), *numbers_of(lesson["pictures"].get(name, {}))}
        known |= constant.get(name, set()) | {float(number)}
        strange += [(name, each) for each in NUMBER.findall(told) if not stands_in(each, known)]
        n_checked += len(NUMBER.findall(told))
    assert strange == []
    assert n_checked > 300


def test_an_answer_speaks_for_its_own_label(given: Given) -> None:
    """Of either label: log-odds towards it, never below even, and the probability that follows from them."""
    answers = [answer_of(replace(given.computed, running=row)) for row in range(12)]
    assert {answer.label for answer in answers} == set(given.computed.labels)
    for answer in answers:
        assert answer.label != answer.against
        assert answer.log_odds >= 0
        assert answer.probability == pytest.approx(1 / (1 + np.exp(-answer.log_odds)))


def test_every_split_is_another(given: Given) -> None:
    """Scores of one split only would all be equal."""
    assert len(set(given.shown.splits.tolist())) > 3


def test_the_policy_names_the_style_and_the_script_that_are_there(given: Given) -> None:
    page = lesson_html([given], language="en")
    for name in ("style", "script"):
        content = page.rsplit(f"<{name}>", 1)[1].split(f"</{name}>")[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in page


def test_a_long_sentence_makes_no_large_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 24 rows of hundreds of pieces the shortest is followed, its first pieces are drawn, and this is said."""
    monkeypatch.setenv("FROSTLINE_HOME", str(tmp_path))
    read = {f: Encoder.open("minilm", features=f, max_length=150) for f in ("cls@-1", "mean@all", EVERY_LAYER)}
    rows = load_sample().train.take(np.arange(24))
    long = replace(rows, texts=[" ".join([text] * 30) for text in rows.texts])
    long = replace(long, texts=[*long.texts[:5], " ".join(["good"] * 98), *long.texts[6:]])
    readers = Readers(practical=read["cls@-1"], first=read["cls@-1"], better=read["mean@all"])
    given = give_course(long, readers, read[EVERY_LAYER])
    assert (given.computed.running, len(given.computed.pieces)) == (5, 100)
    assert given.shown.attention.shape == (6, 12, 40, 40)
    assert next(step for step in given.steps if step.name == "pieces").exhibit[-1] == "..."
    for language, said in (("en", "the first 40 pieces of 100"), ("zh", "100 个词片中的前 40 个")):
        page = lesson_html([given], language=language)  # type: ignore[arg-type]
        assert len(page.encode()) < 1_200_000
        assert page.replace("\u00a0", " ").count(f"{said}") == 4, "two captions, each read out too"
    assert len(json.dumps(lesson_json([given]))) < 3_000_000


def test_frames_cannot_end_their_script() -> None:
    """Whatever a label is called."""
    written = frames({"words": ["</script><b>"]})
    assert written.count("<") == 2
    assert json.loads(written.split(">", 1)[1].removesuffix("</script>")) == {"words": ["</script><b>"]}


def test_commands_can_be_pasted(given: Given) -> None:
    """A file name with a blank is quoted in commands, and stands as it is in sentences."""
    steps = [replace(step, facts={**step.facts, "name": "my $(rows).tsv"}) for step in given.steps]
    page = lesson_html([replace(given, steps=steps)], language="en")
    assert "frostline tutorial &#x27;my $(rows).tsv&#x27;" in page
    assert "frostline tutorial my" not in page
    assert "From a sentence to an answer: my $(rows).tsv" in page


HOSTILE = "<img src=x>`$(b)`\n*[a](b)*"


def hostile(given: Given) -> Given:
    """The lesson of a file whose name, labels and sentence are markup."""
    computed = given.computed
    texts = [HOSTILE if row == computed.running else text for row, text in enumerate(computed.texts)]
    answer = replace(given.shown.answer, label=HOSTILE)
    steps = [replace(step, facts={**step.facts, "name": f"{HOSTILE}.tsv"}) for step in given.steps]
    computed = replace(computed, texts=texts, labels=(HOSTILE, "other"))
    return replace(given, steps=steps, computed=computed, shown=replace(given.shown, answer=answer))


def test_labels_are_no_markup_in_a_notebook(given: Given) -> None:
    """Nor is the file's name: what is HTML or Markdown stands as entities, and code is fenced by more backticks."""
    notebook = lesson_notebook(hostile(given), path="a.tsv", seed=0, language="en")
    told = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"}
    literal = "&#60;img src=x&#62;&#96;&#36;(b)&#96; &#42;&#91;a&#93;(b)&#42;"
    assert told["title"].startswith(f"# From a sentence to an answer: {literal}.tsv\n")
    assert f"log-odds for '{literal}'" in told["answer"]
    assert not any("<img" in re.sub("```.*?```", "", source, flags=re.DOTALL) for source in told.values())
    fenced = lesson_notebook(
        replace(given, computed=replace(given.computed, texts=["```x"] * 80)), path="a", seed=0, language="en"
    )
    assert "````python\ntokenizer.encode('```x', add_special_tokens=True)\n````" in "".join(
        fenced["cells"][7]["source"]
    )


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """A lesson over three labels, cut at eight pieces, of a file without a header; one label is long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FROSTLINE_HOME", str(tmp_path_factory.mktemp("home")))
        practical, better, every = (
            Encoder.open("minilm", features=f, max_length=8) for f in ("cls@-1", "mean@all", EVERY_LAYER)
        )
        path = tmp_path_factory.mktemp("file") / "three.tsv"
        labels = ("red", "green", "blue " * 20)
        texts = [text.replace("\t", " ") for text in load_sample().train.texts[:60]]
        path.write_text("".join(f"{text}\t{labels[row % 3].strip()}\n" for row, text in enumerate(texts)), "utf-8")
        readers = Readers(practical=practical, first=practical, better=better)
        return give_course(read_dataset(path, TableOptions(header=False)), readers, every)


def test_three_labels_are_told_by_softmax(three: Given) -> None:
    """Its numbers and its formula, and the loss of all labels; two labels keep theirs."""
    answer = three.shown.answer
    scores = np.array([each.score for each in answer.scores])
    shares = np.array([each.share for each in answer.scores])
    assert np.exp(scores) / np.exp(scores).sum() == pytest.approx(shares)
    assert answer.scores[0].share == answer.probability
    assert scores[0] - scores[1] == pytest.approx(answer.log_odds)
    page = html.unescape(lesson_html([three], language="en"))
    first = answer.scores[0]
    assert f"'{first.label}' {first.score:+.2f} ({first.share:.1%})" in page
    assert "p_k = exp(z_k) / Σ_l exp(z_l)" in page
    assert "Σ −log p_i" in page
    assert "log(1 + exp(" not in page
    assert "That is a probability of" not in page


def test_two_labels_keep_the_formula_of_two(given: Given) -> None:
    page = html.unescape(lesson_html([given], language="en"))
    assert "log(1 + exp(−y_i" in page
    assert "Softmax" not in page
    assert given.shown.answer.scores == ()


def test_what_the_file_has_is_told(given: Given, three: Given) -> None:
    """Its columns, and how many sentences are cut at how many pieces."""
    said = {step.name: told(lesson_words("en"), step)[1] for step in three.steps}
    n_cut = dict(three.steps[2].facts)["n_cut"]
    assert n_cut == sum(len(ids) == 8 for ids in three.computed.ids)
    for language, parts in (
        ("en", ("No header: the sentences stand in column 1, their labels in column 2.", f"{n_cut} of your sentences")),
        ("zh", ("没有表头：句子在第 1 列，标签在第 2 列。", f"有 {n_cut} 个句子超过 8 个词片")),
    ):
        page = lesson_html([three], language=language).replace("\u00a0", " ")  # type: ignore[arg-type]
        assert all(part in page for part in parts)
    assert f"{n_cut} of the texts have more than 8 pieces" in said["pieces"]
    assert f"({n_cut} texts were cut at that length.)" in said["padding"]
    steps = [
        replace(step, facts={**step.facts, "text_column": "text", "label_column": "label"})
        if step.name == "data"
        else step
        for step in given.steps
    ]
    whole = html.unescape(lesson_html([replace(given, steps=steps)], language="en"))
    assert "The sentences stand in the column 'text', their labels in 'label'." in whole
    assert "is not read" not in whole


def test_sentences_follow_from_the_numbers(given: Given) -> None:
    """Nothing is lower, higher or too high where the figures say otherwise."""
    steps = [
        replace(step, facts={**step.facts, "unmasked_accuracy": step.facts["accuracy"]})
        if step.name == "unmasked"
        else step
        for step in given.steps
    ]
    accuracy = f"{given.computed.trial.accuracy:.3f}"
    same = html.unescape(lesson_html([replace(given, steps=steps)], language="en"))
    assert f"the same head gets {accuracy} all the same." in same
    assert f"instead of {accuracy}" not in same
    drawing = Drawing(given, page_words("en"))
    learned, tested = (float(str(drawing.facts["split"][key])) for key in ("learned_accuracy", "accuracy"))
    assert ("would not have flattered" in str(drawing.facts["split"]["gap"])) == (learned <= tested)
    perfect = replace(given, computed=replace(given.computed, trial=replace(given.computed.trial, accuracy=1.0)))
    assert "would not have flattered" in lesson_html([perfect], language="en")
    assert "并没有偏高" in lesson_html([perfect], language="zh")
    page = lesson_html([given], language="en")
    assert f"of {len(given.computed.test)}: {100 / len(given.computed.test):.1f} points" in page
    assert f"here your {len(given.computed.test)}</th>" in page


def test_the_slider_opens_nearest_to_the_best(given: Given) -> None:
    """And the caption says where."""
    trust, chosen = given.shown.trust, float(given.computed.trial.search.chosen_C[0])
    place = int(np.argmin([abs(np.log(C / chosen)) for C in trust.Cs]))
    section = lesson_html([given], language="en").split('<section id="trust">')[1].split("</section>")[0]
    assert f'value="{place}"' in section
    assert f"The slider opens at C = {trust.Cs[place]:.3g}, its nearest to the best one." in section


def test_commands_carry_the_whole_sentence(given: Given) -> None:
    """With its backticks and line breaks, for a shell; a long one gives way to the shortest of the file."""
    page = html.unescape(lesson_html([hostile(given)], language="en"))
    assert f"frostline predict model '{HOSTILE}'</code>" in page
    assert f"tokenizer.encode({HOSTILE!r}," in page
    computed = given.computed
    for text, said in (("x" * 300, "x" * 300), ("x" * 301, "ab"), ("-o 'z", """-- '-o '"'"'z'""")):
        texts = [text if row == computed.running else "ab" for row in range(len(computed.codes))]
        page = html.unescape(lesson_html([replace(given, computed=replace(computed, texts=texts))], language="zh"))
        assert f"frostline predict model {said}</code>" in page


def commands_of(page: Path) -> str:
    """The page with its commands as they are copied: an option is marked, so that no line ends within it."""
    return html.unescape(re.sub('<span class="whole">(--[a-z-]+)</span>', r"\1", page.read_text("utf-8")))


def test_what_was_asked_for_comes_back(reviews: Path, tmp_path: Path, frostline: Command) -> None:
    """In the line that made the page, in its commands and in the notebook: columns, header, seed, how far is read."""
    page, notebook = tmp_path / "a b.html", tmp_path / "a.ipynb"
    options = ["--text", "1", "--label", "2", "--no-header", "--limit", "60", "--seed", "3", "--max-length", "20"]
    made = frostline("tutorial", reviews, *options, "--html", page, "--notebook", notebook)
    assert made.code == 0, made.err
    assert '<span class="whole">--preset</span> tutorial <span class="whole">--out</span> model' in page.read_text(
        "utf-8"
    )
    told = commands_of(page)
    footer = told.split("<footer>")[1]
    assert footer.split("<code>")[1].split("</code>")[0].split()[:3] == ["frostline", "tutorial", reviews.name]
    for words in ("--text 1", "--label 2", "--no-header", "--limit 60", "--seed 3", "--max-length 20"):
        assert words in footer
        for verb in ("train", "sweep", "compare --encoders distilbert,bert", "embed"):
            (line,) = (
                {*re.findall(rf"frostline {verb} .*", told)}
                if verb == "sweep"
                else {
                    re.search(rf"frostline {verb} .*", told)[0]  # type: ignore[index]
                }
            )
            assert (words in line) == (not (verb == "embed" and "seed" in words)), (verb, words)
    assert "--html 'a b.html'" in footer
    first = "".join(json.loads(notebook.read_text("utf-8"))["cells"][2]["source"])
    assert "reading = TableOptions(text=1, label=2, header=False, limit=60)" in first
    assert "seed=3, language='en', max_length=20)" in first
    plain = frostline("tutorial", reviews, "--html", tmp_path / "p.html", "--limit", "60")
    assert plain.code == 0
    assert f"frostline train {reviews.name} --limit 60 --preset" in commands_of(tmp_path / "p.html")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--html", "x.ipynb"], "--html writes a file that ends in .html (got x.ipynb)."),
        (["--notebook", "x.txt"], "--notebook writes a file that ends in .ipynb (got x.txt)."),
        (["--html", "s.html", "--notebook", "s.html"], "--notebook writes a file that ends in .ipynb (got s.html)."),
    ],
)
def test_a_name_of_something_else_is_refused(options: list[str], said: str) -> None:
    """Before anything is read; so page and notebook never share one."""
    asked = CliRunner().invoke(cli, ["tutorial", __file__, *options])
    assert isinstance(asked.exception, UsageError)
    assert asked.exception.message == said
    assert asked.output == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--beside", "minilm"], "--beside is for a second encoder (minilm already gives the lesson)."),
        (["--beside", "static"], "The lesson looks into layers; static is a table of word pieces and has none."),
    ],
)
def test_a_second_encoder_is_another_with_layers(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said before anything is read."""

    class Table:
        is_table = True

    monkeypatch.setattr("frostline.cli.tutorial.fresh_encoder", lambda *_: Table())
    asked = CliRunner().invoke(cli, ["tutorial", __file__, "--html", "never.html", *options])
    assert isinstance(asked.exception, UsageError)
    assert asked.exception.message == said
    assert asked.output == ""


def test_the_lesson_offers_no_options_of_several_labels() -> None:
    """It knows one for each text."""
    said = CliRunner().invoke(cli, ["tutorial", "--help"]).output
    assert "--label NAME|N" in said
    assert "--labels" not in said
    assert "--tidy-labels" in said


def test_a_number_below_zero_has_a_minus_sign() -> None:
    """In sentences; a hyphen in a word, a name or a range stays."""
    assert set_words("from -1.0 to -2 (-3), cls@-1, a-1") == "from −1.0 to −2 (−3), cls@-1, a-1"


def test_words_that_are_unknown_are_told(given: Given) -> None:
    """In the step that cuts them."""
    steps = [
        replace(step, facts={**step.facts, "unknown_share": 0.25}) if step.name == "pieces" else step
        for step in given.steps
    ]
    page = lesson_html([replace(given, steps=steps)], language="en")
    assert "25.0% of all pieces are [UNK]: the encoder reads nothing of those words." in page
    assert "nothing of those words" not in lesson_html([given], language="en")


@pytest.mark.parametrize(
    ("paragraph", "width", "lines"),
    [
        ("一二三四\uff0c五六", 8, ["一二三", "四\uff0c五六"]),
        ("一二三 100 四五", 8, ["一二", "三 100", "四五"]),
        ("one two three", 8, ["one two", "three"]),
        ("一二(2000, 59)三", 12, ["一二(2000,", "59)三"]),
    ],
)
def test_lines_end_where_they_may(paragraph: str, width: int, lines: list[str]) -> None:
    """Not before closing punctuation, and in Chinese not before a number."""
    assert list(wrapped(paragraph, width)) == lines


def test_attention_of_every_row_sums_to_one(given: Given) -> None:
    """And what a layer makes of it is what comes out: see the encoder's own test."""
    shares = given.shown.attention
    n = len(given.computed.pieces)
    assert shares.shape == (6, 12, n, n)
    assert np.allclose(shares.sum(axis=3), 1, atol=1e-5)


def test_padding_is_counted_four_ways() -> None:
    """Sixty-four sentences, long and short by turns: by length nothing is lost, in the file's order a quarter."""
    found = padding_of(np.array([4, 8] * 32))
    assert [way.share for way in found.ways().values()] == [0.25, 0.25, 0.0, 0.0]
    assert found.batches.widths.tolist() == [8] * 64
    assert found.sorted_batches.order[:2].tolist() == [1, 3]
    assert found.equal_lengths.widths.tolist() == [8] * 32 + [4] * 32
    rest = padding_of(np.array([2] * 32 + [10]))
    assert rest.one_batch.share == pytest.approx(1 - 74 / 330)
    assert (rest.batches.share, rest.batches.widths[-1]) == (0.0, 10)


def test_directions_are_those_of_the_labels_then_of_the_rows() -> None:
    """Two labels have one direction, three have two; both are unit vectors at right angles."""
    rows = np.zeros((4, 3))
    rows[:, 1] = [-3, 3, -3, 3]
    rows[:, 2] = [1, -1, -1, 1]
    two = np.abs(directions(rows, np.array([[2.0, 0, 0]])))
    assert two == pytest.approx(np.array([[1, 0], [0, 1], [0, 0]]), abs=1e-12)
    three = directions(rows, np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 0]]))
    assert three.T @ three == pytest.approx(np.eye(2))
    assert three[2] == pytest.approx([0, 0])


def test_every_section_has_its_facts(given: Given) -> None:
    """Those of the step of the same name among them."""
    facts = page_facts(given.steps, given.computed, given.shown)
    for step in given.steps:
        if step.name in SECTIONS:
            assert facts[step.name].items() >= step.facts.items()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_notebook_is_one(given: Given, language: Language) -> None:
    """Cells of words and of Python that compiles, each with the picture of its section."""
    notebook = lesson_notebook(given, path="a 'b'.tsv", seed=0, language=language)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = notebook["cells"]
    assert [cell["id"] for cell in cells] == [
        "title",
        *(each for name in UNTUNED for each in (name, f"{name}-picture")),
    ]
    for cell in cells:
        if cell["cell_type"] == "code":
            ast.parse("".join(cell["source"]))
            assert "".join(cell["outputs"][0]["data"]["text/html"]).startswith('<div class="frostline-lesson">')
    assert "\"a 'b'.tsv\"" in "".join(cells[2]["source"])


def test_a_notebook_shows_a_picture_with_its_style() -> None:
    """Bound to the picture: the notebook's own look stays."""
    shown = Shown("<svg></svg>")._repr_html_()
    assert shown.endswith("<svg></svg></div>")
    assert ":root" not in shown
    assert shown.startswith('<div class="frostline-lesson"><style>.frostline-lesson {')


@pytest.mark.slow
def test_the_notebook_runs(given: Given, tmp_path: Path) -> None:
    """Every cell, in order, in one namespace, as a kernel would."""
    rows = load_sample().train.take(np.arange(80))
    path = tmp_path / "rows.tsv"
    path.write_text("".join(f"{text}\t{label}\n" for text, label in zip(rows.texts, rows.labels, strict=True)))
    notebook = lesson_notebook(given, path=str(path), seed=0, language="en")
    namespace: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), namespace)  # noqa: S102 - our own cells


@pytest.mark.slow
def test_the_rendered_lessons_are_current() -> None:
    """Those of the docs say what would be written today, but for their numbers."""
    tool = Path(__file__).parents[2] / "tools" / "make_lessons.py"
    checked = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


MIXED = (
    (
        re.compile(r"[\u4e00-\u9fff][A-Za-z0-9(\[+-]|[A-Za-z0-9)\]%][\u4e00-\u9fff]"),
        "no blank between Chinese and Latin",
    ),
    (re.compile(r"\s[，。；：！？、（）“”…]|[，。；：！？、（）“”…]\s"), "a blank beside punctuation"),
    (re.compile(r"[\u4e00-\u9fff][,;:!?.(]|[,;:!?)][\u4e00-\u9fff]"), "half-width punctuation"),
    (re.compile(r"\d\s%|[\u4e00-\u9fff]\s\s|\s\s[\u4e00-\u9fff]|[\u4e00-\u9fff] [\u4e00-\u9fff]"), "a stray blank"),
)


def odd_setting(text: str) -> list[str]:
    """What the rule does not allow: a blank between Chinese and Latin or numbers, none beside punctuation."""
    found = [(why, hit) for rule, why in MIXED for hit in rule.finditer(text)]
    return [f"{why}: {text[max(0, hit.start() - 8) : hit.end() + 8]}" for why, hit in found]


def test_chinese_is_set_by_one_rule(tuned: Given, three: Given) -> None:
    """In whole sentences, their numbers in place: of the terminal, the page and its pictures."""
    odd = []
    for step in tuned.steps:
        for sentence in (lesson_words("zh")[step.name]["heading"], told(lesson_words("zh"), step)[1]):
            odd += odd_setting(sentence.partition("\n\n")[0])
    many = Drawing(three, page_words("zh"))
    odd += odd_setting(many.sentence("answer", "says").format(**many.facts["answer"]))
    drawing = Drawing(tuned, page_words("zh"))
    for name in tuned.sections():
        for key in set(drawing.said[name]) - {"practical", "ours", "maths", "says_many", "maths_many", "one_score"}:
            odd += odd_setting(drawing.said[name][key].format(**drawing.facts[name]))
    odd += [each for text in drawing.word.values() for each in odd_setting(text)]
    assert odd == []


def test_no_line_of_the_chinese_page_begins_with_a_number(tuned: Given) -> None:
    """The blank between a word and a number does not break, and in English pages no blank is changed."""
    page = lesson_html([tuned], language="zh")
    told = "".join(re.findall(r"<(?:p|figcaption|summary)\b.*?</", page, re.DOTALL))
    assert re.findall(r"[\u4e00-\u9fff] [+-]?\d.{9}", told) == []
    assert len(re.findall(r"[\u4e00-\u9fff]\u00a0[+-]?\d", told)) > 50
    assert "\u00a0" not in lesson_html([tuned], language="en")


def test_the_rule_of_chinese_typography_finds_what_it_is_for() -> None:
    """Each of its parts."""
    for text in ("有2000 行", "有 2000行", "句子 ，标签", "句子, 标签", "占 95 % 的", "一  二", "一 二", "层(6)"):
        assert odd_setting(text), text
    assert odd_setting("占 95% 的样本，形状是 (2000, 59)，见 `[:, 0, :]` 和 Wilson（1927）的 C = 5。") == []


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("four", 4, "four"),
        ("fours", 4, "fou…"),
        ("一二", 4, "一二"),
        ("一二三", 4, "一…"),
        ("a一二", 4, "a一…"),
        ("", 4, ""),
    ],
)
def test_what_is_shortened_is_as_wide_as_it_may_be(text: str, most: int, shown: str) -> None:
    """Chinese letters count twice: a label of seven of them covered what stood beside it."""
    assert shortened(text, most) == shown
