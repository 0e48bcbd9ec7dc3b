"""What a specification, texts and batches may not be, word for word."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoder_fakes import make_checkpoint
from frostline.encoder.architecture import describe
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import FeatureSpec
from frostline.encoder.reading import TOKEN_BUDGET, check_texts
from frostline.encoder.tokens import plan_batches
from frostline.errors import InputError, TextTypeError, UsageError

FORM = (
    "Features must be pooling@layers, with pooling one of cls, mean, max (got {!r}). "
    "For example cls@-1 (the tutorial's), mean@all, mean@-1,-2, cls@-1+mean@-1 or mean@all+words. "
    "Counting words (TF-IDF) is features='words'; an encoder is named by encoder."
)
LAST = "Words must be the last term (got {!r}). For example mean@all+words; or words alone, for which no encoder reads."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        *((text, FORM) for text in ("", "cls", "sum@1", "cls@", "cls@all,1", "cls@1,,2", "cls@1+", "CLS@1")),
        *((text, LAST) for text in ("words+words", "words+cls@-1", "cls@-1+words+words")),
    ],
)
def test_a_specification_that_is_none_is_shown_what_one_looks_like(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        FeatureSpec.parse(text)
    assert str(caught.value) == told.format(text)


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("cls@-1", "cls@2"),
        ("cls@-3,0", None),
        ("mean@all", "mean@0 mean@1 mean@2"),
        ("max@-3", "max@0"),
        (" mean@2,-2 + cls@1 + words", "mean@2 mean@1 cls@1"),
    ],
)
def test_layers_count_from_both_ends(text: str, blocks: str | None) -> None:
    spec = FeatureSpec.parse(text)
    assert str(spec) == text.replace(" ", "")
    assert spec.words is text.endswith("words")
    if blocks is None:
        with pytest.raises(UsageError) as caught:
            spec.blocks(2)
        assert str(caught.value) == "Features cls@-3,0 name cls@0 more than once."
    else:
        assert " ".join(map(str, spec.blocks(2))) == blocks


def test_a_specification_of_any_length_is_refused_at_once() -> None:
    """Layers of 5,000 digits, or 20,000 of them: bounded, linear, and not repeated in full."""
    for text in (f"cls@{'9' * 5000}", f"cls@{','.join(['10000'] * 20_000)}"):
        with pytest.raises(UsageError) as caught:
            FeatureSpec.parse(text)
        assert len(str(caught.value)) < 400
    many = FeatureSpec.parse("cls@" + ",".join(map(str, [*range(9_999), *range(9_999)])))
    with pytest.raises(UsageError) as caught:
        many.blocks(9_999)
    assert str(caught.value) == (
        "Features cls@0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21… name "
        "cls@0, cls@1, cls@2, cls@3, cls@4, cls@5, cls@6, cls@7, cls@8 more than once."
    )


@pytest.mark.parametrize("layer", [3, -4])
def test_a_layer_that_there_is_not_is_named_with_those_there_are(layer: int) -> None:
    with pytest.raises(UsageError) as caught:
        FeatureSpec.parse(f"mean@1,{layer}").blocks(2)
    assert str(caught.value) == (
        f"Layer {layer} of mean@1,{layer} must be between -3 and 2: this encoder has 2 layers, and layer 0 is the "
        "embedding output. The last one is mean@2 or mean@-1; all of them: mean@all."
    )


@pytest.mark.parametrize(
    ("texts", "error", "told"),
    [
        ("lone", TextTypeError, "Texts must be a list of str (got one str: 'lone'). Wrap it in a list: [text]."),
        (
            b"lo",
            TextTypeError,
            "Texts must be a list of str (got one bytes: \"b'lo'\"). Wrap it in a list: [text].",
        ),
        ({"a": 1}, TextTypeError, "Texts must be a list of str (got a dict)."),
        (7, TextTypeError, "Texts must be a list of str (got '7')."),
        (
            ["a", None],
            TextTypeError,
            (
                "Each text must be a str (item 1 is None). "
                "Leave such rows out, or say what they should read: an empty text is ''."
            ),
        ),
        (
            [3, None],
            TextTypeError,
            (
                "Each text must be a str (item 0 is a int: '3'). "
                "Leave such rows out, or say what they should read: an empty text is ''."
            ),
        ),
        (
            ["fine", "x" * 30 + "\udc80y"],
            InputError,
            (
                "Text 1 holds a lone surrogate (U+DC80 at character 30), which is not a character: "
                "'xxxxxxxxxxxxxxxxxxxx\\udc80y'. "
                "It usually comes from a broken \\u escape in JSON. Replace it, for example with U+FFFD."
            ),
        ),
    ],
)
def test_texts_that_are_none_are_named_with_their_place(texts: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error) as caught:
        check_texts(texts)
    assert str(caught.value) == told


def test_batches_are_equal_shares_of_one_length_the_longest_first() -> None:
    """As many rows as the budget has room for, and one at least."""
    lengths = np.array([3, 5, 3, 3, 5, 3, 3, 12])
    found = [batch.tolist() for batch in plan_batches(lengths, token_budget=10)]
    assert found == [[7], [1, 4], [0, 2, 3], [5, 6]]
    assert [batch.tolist() for batch in plan_batches(lengths, token_budget=9)] == [[7], [1], [4], [0, 2, 3], [5, 6]]
    assert [batch.tolist() for batch in plan_batches(lengths, token_budget=8)] == [[7], [1], [4], [0, 2], [3, 5], [6]]
    assert [len(batch) for batch in plan_batches(np.full(9, 64))] == [5, 4]
    assert [len(batch) for batch in plan_batches(np.full(8, 64))] == [8]
    assert TOKEN_BUDGET == 512
    assert plan_batches(np.array([], dtype=np.int64)) == []
    assert [len(batch) for batch in plan_batches(np.ones(2, dtype=np.int64), token_budget=1)] == [1, 1]
    with pytest.raises(UsageError) as caught:
        plan_batches(lengths, token_budget=0)
    assert str(caught.value) == "The token budget must be at least 1 (got 0)."


@pytest.mark.parametrize(
    ("key", "most"),
    [
        ("num_hidden_layers", 1_000),
        ("num_attention_heads", 1_000),
        ("hidden_size", 2**16),
        ("intermediate_size", 2**20),
        ("max_position_embeddings", 2**20),
        ("vocab_size", 2**24),
        ("type_vocab_size", 1_000),
    ],
)
def test_sizes_beyond_any_encoder_are_refused_at_once(tmp_path: Path, key: str, most: int) -> None:
    """Ten million layers took half a minute before the weights were looked at, and 10 ** 30 never ended."""
    folder = make_checkpoint(tmp_path / "small")
    config = json.loads((folder / "config.json").read_bytes())
    assert describe({**config, "num_attention_heads": 1, "hidden_size": 1000, key: most}).n_layers
    for beyond in (most + 1, 10**30):
        (folder / "config.json").write_text(json.dumps({**config, key: beyond}))
        began = time.process_time()
        with pytest.raises(InputError, match=f"{key} must be a whole number of at least 1 and at most {most} "):
            Encoder.open(str(folder), features="mean@all", backend="onnx")
        assert time.process_time() - began < 10
