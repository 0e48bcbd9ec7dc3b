"""How an encoder's makers use it: what their files for sentence-transformers say, and prefixes known by name.

Read are `modules.json`, `1_Pooling/config.json`, `sentence_bert_config.json`, `config_sentence_transformers.json`, as a
stranger's. The longest text and a prefix for every text are taken over; pooling, lower case and further modules are
ours to choose or not to do, and are told where they differ.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from frostline.encoder.features import POOLINGS, Block, Pooling
from frostline.encoder.files import MODULES, POOLING, PROMPTS, SENTENCE_BERT, read_json, read_json_list
from frostline.errors import InputError, UsageError, shown

LONGEST_PREFIX = 1_000  # characters
_MOST_MODULES = 20
_LONGEST_NAME = 60

_KNOWN_PREFIXES = (
    (r"(multilingual-)?e5-(small|base|large)(-v2|-unsupervised)?", "query: "),
    (r"(nomic-embed-text-v\d.*|modernbert-embed-(base|large))", "classification: "),
)
"""By the last part of a name. The E5's cards ask for `query: ` where texts are classified (Wang et al. 2022,
arXiv:2212.03533), Nomic's for `classification: ` (Nussbaum et al. 2024, arXiv:2402.01613). BGE, GTE and Arctic have an
instruction for what is searched with alone."""

_POOLINGS: dict[str, Pooling] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What the makers' files say, as far as they are there."""

    # How they pool the last layer: one of ours, another (named as they do), or several; empty where nothing is said.
    poolings: tuple[str, ...] = ()
    max_length: int | None = None  # Word pieces, those of the template included
    is_lower_case: bool = False  # Whether texts are brought to lower case before they are tokenized
    prefix: str | None = None  # What stands before a text that is to be classified, or before any
    modules: tuple[str, ...] = ()  # What they do to a pooled row: Dense, Normalize

    def differences(self, blocks: Sequence[Block], n_layers: int, *, keeps_capitals: bool) -> list[str]:
        """A clause for each thing that the makers do otherwise than is done here."""
        said = []
        usual = {f"{pooling}@{n_layers}" for pooling in self.poolings}
        if self.poolings and usual != {str(block) for block in blocks}:
            ours = all(pooling in POOLINGS for pooling in self.poolings)
            how = f" (--features {'+'.join(f'{pooling}@-1' for pooling in self.poolings)})" if ours else ""
            said.append(f"they pool {' and '.join(self.poolings)} of the last layer{how}")
        if self.is_lower_case and keeps_capitals:
            said.append("they write texts in lower case, and the tokenizer keeps capitals")
        if self.modules:
            named = (name if len(name) <= _LONGEST_NAME else shown(name, _LONGEST_NAME) for name in self.modules)
            said.append(f"they put {' and '.join(named)} behind")
        return said


def published(folder: Path) -> Published:
    """What the files in `folder` say.

    Raises `InputError`: one of them is no JSON of its form, or a value is out of range; it is named.
    """
    sizes = _read(folder, SENTENCE_BERT)
    return Published(
        poolings=_poolings(folder),
        max_length=_max_length(sizes, folder),
        is_lower_case=_flag(sizes, "do_lower_case", folder / SENTENCE_BERT),
        prefix=_prompt(folder),
        modules=_modules(folder),
    )


def prefix_of(name: str, asked: str | None, makers: Published) -> str:
    """What is put before every text: as asked for, as the family of the encoder called `name` needs, as its files say.

    Raises `UsageError`: what was asked for is too long, or no text.
    """
    if asked is not None:
        if not _is_prefix(asked):
            raise UsageError(f"A prefix must be a text of at most {LONGEST_PREFIX:,} characters (got {shown(asked)}).")
        return asked
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1].lower()
    known = next((prefix for pattern, prefix in _KNOWN_PREFIXES if re.fullmatch(pattern, last)), None)
    return (makers.prefix or "") if known is None else known


def _is_prefix(value: object) -> bool:
    if not isinstance(value, str) or len(value) > LONGEST_PREFIX:
        return False
    return not any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in value)


def _read(folder: Path, name: str) -> dict[str, Any]:
    return read_json(folder / name) if (folder / name).is_file() else {}


def _flag(config: dict[str, Any], key: str, path: Path) -> bool:
    value = config.get(key, False)
    if value is not None and not isinstance(value, bool):
        raise InputError(f"{path}: {key} must be true or false (got {shown(value)}).")
    return bool(value)


def _max_length(config: dict[str, Any], folder: Path) -> int | None:
    value = config.get("max_seq_length")
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**31):
        raise InputError(
            f"{folder / SENTENCE_BERT}: max_seq_length must be a positive whole number (got {shown(value)})."
        )
    return value


def _poolings(folder: Path) -> tuple[str, ...]:
    config = _read(folder, POOLING)
    modes = [key for key in config if key.startswith("pooling_mode_") and _flag(config, key, folder / POOLING)]
    return tuple(_POOLINGS.get(mode, shown(mode.removeprefix("pooling_mode_"))) for mode in modes)


def _modules(folder: Path) -> tuple[str, ...]:
    """What stands in modules.json behind the encoder and its pooling, by the last part of its type."""
    if not (folder / MODULES).is_file():
        return ()
    listed = read_json_list(folder / MODULES)
    kinds = [one.get("type") if isinstance(one, dict) else None for one in listed]
    named = [kind.rpartition(".")[2] for kind in kinds if isinstance(kind, str)]
    if len(named) != len(listed) or len(listed) > _MOST_MODULES or not all(name.isidentifier() for name in named):
        raise InputError(f"{folder / MODULES}: must list up to {_MOST_MODULES} modules, each with a type.")
    return tuple(name for name in named if name not in {"Transformer", "Pooling"})


def _prompt(folder: Path) -> str | None:
    """Their prompt for classifying, or the one that they put before any text; None where there is neither."""
    config = _read(folder, PROMPTS)
    prompts, default = config.get("prompts") or {}, config.get("default_prompt_name")
    is_said = isinstance(prompts, dict) and all(value is None or _is_prefix(value) for value in prompts.values())
    if not is_said or (default is not None and (not isinstance(default, str) or default not in prompts)):
        raise InputError(
            f"{folder / PROMPTS}: prompts must be texts of at most {LONGEST_PREFIX:,} characters by name, and "
            f"default_prompt_name one of the names (got {shown(config.get('prompts'))}, {shown(default)}).",
            hint="Correct the file, or remove it and pass --prefix.",
        )
    for_classifying = [prompts[name] for name in prompts if name.lower() == "classification"]
    return for_classifying[0] if for_classifying else None if default is None else prompts[default]
