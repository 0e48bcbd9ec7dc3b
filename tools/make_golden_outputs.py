"""Make the golden outputs of tests/golden anew, after a change that is meant to change them.

    PYTHONPATH=src python tools/make_golden_outputs.py

Then read the difference in git: each line of it is something that users see. What goes in, and what is left out because
it varies from run to run, is said in tests/golden_outputs.py. The artifacts of tests/artifact/saved_by_0_1_0 are not
made anew: they hold what 0.1.0 saved, and `--saved` writes them where 0.1.0 itself is at work and they are absent.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "encoder")]

import numpy as np  # noqa: E402 - after the line above, as all that follows
from checkpoints import make_tensors, write_checkpoint  # noqa: E402
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors  # noqa: E402
from tokenizers.models import WordPiece  # noqa: E402

from frostline import __version__  # noqa: E402
from golden_outputs import (  # noqa: E402
    CASES,
    GOLDEN,
    HEADS,
    SAVED,
    SAVED_CASES,
    VERBS,
    WORDS,
    answers_of,
    outputs,
    platform_facts,
    spoken,
    verb_outputs,
    workplace,
    written,
)

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def make_encoder(folder: Path) -> None:
    """A small BERT with random weights that knows the words of the made sentences, each as one piece."""
    vocabulary = {word: row for row, word in enumerate([*MARKS, *WORDS])}
    config = {"model_type": "bert", "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2}
    config |= {"intermediate_size": 24, "vocab_size": len(vocabulary), "max_position_embeddings": 40}
    config |= {"type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu"}
    write_checkpoint(folder, config, make_tensors(config))
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "model_max_length": 32}))
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=MARKS[1]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))


def make_outputs() -> None:
    """Every golden file but the encoder's."""
    for name, case in CASES.items():
        target = GOLDEN / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for file, content in outputs(case).items():
            (target / file).write_bytes(content.encode("utf-8"))
        print(name)
    shutil.rmtree(GOLDEN / "verbs", ignore_errors=True)
    (GOLDEN / "verbs").mkdir()
    for name in VERBS:
        for file, content in verb_outputs(name).items():
            (GOLDEN / "verbs" / file).write_bytes(content.encode("utf-8"))
        print(name)
    (GOLDEN / "heads.json").write_text(written({name: make() for name, make in HEADS.items()}) + "\n", "utf-8")
    (GOLDEN / "made_on.json").write_text(written(platform_facts()) + "\n", "utf-8")


def make_saved() -> None:
    """The artifacts, each with its answers."""
    if __version__ != "0.1.0":
        sys.exit(f"Only 0.1.0 can say what it saved; this is {__version__}.")
    for name, arguments in SAVED_CASES.items():
        shutil.rmtree(SAVED / name, ignore_errors=True)
        where = ["--encoder", "encoder", "--no-store", "--with-encoder", "--json", "--out", name]
        spoken(*arguments.split(), *where)
        answers = answers_of(Path(name))
        shutil.copytree(name, SAVED / name)
        (SAVED / f"{name}.answers.json").write_text(written(answers) + "\n", "utf-8")
        print(name)


def main() -> None:
    """Write them."""
    if not (GOLDEN / "encoder").exists():
        make_encoder(GOLDEN / "encoder")
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as folder:
        os.environ["FROSTLINE_HOME"] = home
        with workplace(Path(folder)), np.errstate(all="raise", under="ignore"):
            if "--saved" in sys.argv[1:]:
                make_saved()
            else:
                make_outputs()


if __name__ == "__main__":
    main()
