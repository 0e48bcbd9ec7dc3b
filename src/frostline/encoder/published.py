"""How an encoder's makers use it: what their files for sentence-transformers say, and prefixes known by name.

Read are `modules.json`, `1_Pooling/config.json`, `sentence_bert_config.json` (where modules.json names another folder,
in that one), `config_sentence_transformers.json`, as a stranger's. The longest text and a prefix for every text are
taken over; pooling, lower case and further modules are ours to choose or not to do, and are told where they differ.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from frostline.encoder.features import POOLINGS, Block, Pooling
from frostline.encoder.files import (
    CONFIG,
    MODULES,
    POOLING,
    PROMPTS,
    PUBLISHED,
    SENTENCE_BERT,
    read_json,
    read_json_list,
)
from frostline.errors import InputError, UsageError, shown

LONGEST_PREFIX = 1_000  # characters
_MOST_MODULES, _MOST_POOLINGS = 20, 10
_LONGEST_NAME = 60

_KNOWN_PREFIXES = (
    (r"(multilingual-)?e5-(small|base|large)(-v2|-unsupervised)?", "query: "),
    (r"(nomic-embed-text-v\d.*|modernbert-embed-(base|large))", "classification: "),
)
"""By the last part of a name. The E5's cards ask for `query: ` where texts are classified (Wang et al. 2022,
arXiv:2212.03533), Nomic's for `classification: ` (Nussbaum et al. 2024, arXiv:2402.01613). BGE, GTE and Arctic have an
instruction for what is searched with alone."""

_POOLINGS: dict[str, Pooling] = {"cls": "cls", "cls_token": "cls", "mean": "mean", "max": "max"}
_INSIDE = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}(?:/(?!$)|/?$)){0,4}")
"""The path of a folder within another: no part of it begins with a dot, so none leads out."""


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
    listed = _modules(folder)
    first = dict(reversed(listed))
    sentence_bert = _place(folder, first.get("Transformer", ""), SENTENCE_BERT, SENTENCE_BERT)
    sizes = _read(sentence_bert)
    return Published(
        poolings=_poolings(_place(folder, first.get("Pooling", ""), CONFIG, POOLING)),
        max_length=_max_length(sizes, sentence_bert),
        is_lower_case=_flag(sizes, "do_lower_case", sentence_bert),
        prefix=_prompt(folder),
        modules=tuple(kind for kind, _ in listed if kind not in {"Transformer", "Pooling"}),
    )


def published_files(folder: Path) -> list[str]:
    """The names of the files in `folder` that `published` reads: the usual ones, and those that modules.json names."""
    named = [f"{path}/{name}" for _, path in _modules(folder) if path for name in (CONFIG, SENTENCE_BERT)]
    return [name for name in dict.fromkeys([*PUBLISHED, *named]) if (folder / name).is_file()]


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


def _read(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _flag(config: dict[str, Any], key: str, path: Path) -> bool:
    value = config.get(key, False)
    if value is not None and not isinstance(value, bool):
        raise InputError(f"{path}: {key} must be true or false (got {shown(value)}).")
    return bool(value)


def _max_length(config: dict[str, Any], path: Path) -> int | None:
    value = config.get("max_seq_length")
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**31):
        raise InputError(f"{path}: max_seq_length must be a positive whole number (got {shown(value)}).")
    return value


def _poolings(path: Path) -> tuple[str, ...]:
    config = _read(path)
    said = config.get("pooling_mode")
    modes = said if isinstance(said, list) else [] if said is None else [said]
    if len(modes) > _MOST_POOLINGS or not all(isinstance(mode, str) for mode in modes):
        raise InputError(f"{path}: pooling_mode must be the name of a pooling, or a list of names (got {shown(said)}).")
    flags = [key for key in config if key.startswith("pooling_mode_") and _flag(config, key, path)][:_MOST_POOLINGS]
    names = [*modes, *(flag.removeprefix("pooling_mode_").removesuffix("_tokens") for flag in flags)]
    return tuple(dict.fromkeys(_POOLINGS.get(name, shown(name)) for name in names))


def _modules(folder: Path) -> list[tuple[str, str]]:
    """What modules.json lists: the last part of each type, and the folder that is its own, empty for this one."""
    if not (folder / MODULES).is_file():
        return []
    listed = [one if isinstance(one, dict) else {} for one in read_json_list(folder / MODULES)]
    kinds = [kind.rpartition(".")[2] for one in listed if isinstance(kind := one.get("type"), str)]
    if len(kinds) != len(listed) or len(listed) > _MOST_MODULES or not all(kind.isidentifier() for kind in kinds):
        raise InputError(f"{folder / MODULES}: must list up to {_MOST_MODULES} modules, each with a type.")
    paths = [one.get("path") or "" for one in listed]
    wrong = next((path for path in paths if not isinstance(path, str) or not _INSIDE.fullmatch(path)), None)
    if wrong is not None:
        raise InputError(f"{folder / MODULES}: path must be a folder within this one (got {shown(wrong)}).")
    return [(kind, path.rstrip("/")) for kind, path in zip(kinds, paths, strict=True)]


def _place(folder: Path, own: str, name: str, usual: str) -> Path:
    """Where a module has its file: in its own folder, where modules.json names one that has it, else the usual one."""
    return folder / own / name if own and (folder / own / name).is_file() else folder / usual


def _prompt(folder: Path) -> str | None:
    """Their prompt for classifying, or the one that they put before any text; None where there is neither."""
    config = _read(folder / PROMPTS)
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
