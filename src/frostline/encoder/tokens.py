"""Texts → word pieces, as `transformers` makes them.

Padding and truncation that a tokenizer.json has built in (all-MiniLM-L6-v2 pads and cuts to 128) are switched off:
nothing is padded, and truncation is done here, because the library's keeps every overflowing piece as an object.
"""

import contextlib
import functools
import itertools
import json
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, WordPiece

from frostline.arrays import BoolArray, IntArray
from frostline.disk import storage_error
from frostline.encoder.architecture import describe
from frostline.encoder.checkpoint import Checkpoint
from frostline.encoder.files import read_json
from frostline.encoder.reading import TOKEN_BUDGET
from frostline.errors import BackendError, FrostlineError, InputError, UsageError, shown

MAX_CHARACTERS = 100_000
"""Characters of a text that are looked at: tokenizing is more than linear in them, and 512 pieces need far fewer."""

BUNDLED_TOKENIZER = "68ee8639a1bc686812f0af378697d7d3888acc0a929ac086ebe1b9dea0c4c6cb"
"""`Checkpoint.tokenizer_sha256` of the encoder that comes with the install."""

_MOST_BYTES = 128_000_000  # of tokenizer.json or vocab.txt: 34,000,000 are the most seen
_MANY_CAPITALS = 0.05  # of the pieces: a vocabulary with capitals has a quarter with some, one without next to none
_CHUNK_TEXTS = 1024  # the library's objects are ten times the size of the ids: they must not pile up
_CHUNK_CHARACTERS = 100_000
_HEAD = 8  # characters for each piece that is kept: what most texts need to be cut; Chinese has one for each
_MORE = 4  # times as many, where that was not enough
_OF_BERT = "(?<! ) |(?<=[.,;!?\u4e00-\u9fff\u3001\u3002\uff0c\uff01\uff1f])."
_IN_WORDS = frozenset(
    "BertNormalizer BertPreTokenizer Lowercase NFC NFD NFKC NFKD StripAccents Whitespace WhitespaceSplit".split()  # noqa: SIM905
)

Ids: TypeAlias = NDArray[np.int32]


class Sizes(Protocol):
    """What a tokenizer must fit."""

    @property
    def vocab_size(self) -> int:
        """Rows of the word embeddings."""

    @property
    def max_positions(self) -> int:
        """The longest sentence that the encoder can read, in word pieces."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """Tokenized texts."""

    # list of ndarray of shape (n_pieces,): Word pieces of each text, [CLS] and [SEP] included; ragged, not padded.
    ids: list[Ids]
    # (n_texts,): True where the text had more pieces than max_length, or more characters than MAX_CHARACTERS.
    cut: BoolArray

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Word pieces of each text: (n_texts,), int64."""
        return np.fromiter((len(row) for row in self.ids), np.int64, len(self.ids))


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordPieces:
    """A tokenizer with its limits."""

    tokenizer: Any  # Without padding and truncation
    max_length: int  # The most pieces of a text that are kept, those of the template included
    limit: int  # What max_length may be at most
    unknown: int | None  # The id that stands for what no piece can spell; None: there is no such piece
    # `before`, `after`: (n,): What the template puts around every text: [CLS] and [SEP].
    before: Ids
    after: Ids
    prefix: str = ""  # What is put before every text, and seen as its beginning
    # A place in a text before which the pieces are the same whatever follows; None: none is known
    ends: re.Pattern[str] | None = None
    patient: bool = True  # Whether the library is waited for without end: not where a stranger's pattern parts texts

    @classmethod
    def open(  # noqa: PLR0913 - what an encoder is opened with, and what stands for it where nothing is said
        cls,
        checkpoint: Checkpoint,
        *,
        max_length: int | None = None,
        kept: Path | None = None,
        sizes: "Sizes | None" = None,
        prefix: str = "",
        usual_length: int | None = None,
    ) -> "WordPieces":
        """The tokenizer of `checkpoint`.

        Raises `UsageError`: max_length is larger than what the encoder can see, or leaves no room for a word
        piece; `InputError`: the tokenizer's files cannot be read, or have more pieces than the encoder has
        embeddings.

        Parameters
        ----------
        max_length : int, optional
            Word pieces, [CLS] and [SEP] included. As many as the encoder can see unless given.
        kept : Path, optional
            A private folder where it is remembered that a stranger's tokenizer was tried (`trial.require_sound`).
        sizes : Sizes, optional
            Of the encoder; those that config.json says unless given.
        prefix : str
            Put before every text.
        usual_length : int, optional
            What stands for max_length where none is given, as far as the encoder can see so many.
        """
        folder, shape = checkpoint.folder, sizes or describe(checkpoint.config)
        settings = _settings(folder)
        with _refusals(folder):
            opened = _open_tokenizer(folder, settings, digest=checkpoint.tokenizer_sha256, kept=kept)
        tokenizer, highest, patient = opened
        tokenizer.no_padding()
        tokenizer.no_truncation()
        with _refusals(folder):
            before, after = _template(tokenizer, settings, folder, least=2 if sizes is None else 1)
        _require_fit(tokenizer, [highest, *before.tolist(), *after.tolist()], shape, folder)
        limit = min(shape.max_positions, _model_max_length(settings, folder))
        least = len(before) + len(after) + 1
        if prefix:
            call = tokenizer.encode_batch_fast
            least += len(_guarded(call, [prefix], patient=patient, add_special_tokens=False)[0].ids)
        usual = limit if usual_length is None else min(limit, usual_length)
        chosen = max(least, usual) if max_length is None else max_length
        if not least <= chosen <= limit:
            behind = f" behind the prefix {shown(prefix)}" if prefix else ""
            raise UsageError(
                f"max_length must be between {least} and {limit} for {checkpoint.name}{behind} (got {chosen})."
            )
        unknown = tokenizer.token_to_id(_token(settings, "unk"))
        around: dict[str, Any] = {"before": before, "after": after, "prefix": prefix, "ends": _ends(tokenizer)}
        around["patient"] = patient
        return cls(tokenizer=tokenizer, max_length=chosen, limit=limit, unknown=unknown, **around)

    @property
    def vocabulary_size(self) -> int:
        """How many word pieces there are, special ones included."""
        return int(self.tokenizer.get_vocab_size())

    def tokenize(self, texts: Sequence[str]) -> Pieces:
        """The ids of each text; what is too long is cut at the end, and keeps its closing [SEP].

        Parameters
        ----------
        texts : sequence of str
            Without lone surrogates (`texts.check_texts`).
        """
        cut = np.zeros(len(texts), dtype=bool)
        ids: list[Ids] = []
        room = self.max_length - len(self.before) - len(self.after)
        first = _HEAD * (room + 1)
        heads = (self._head(text[:MAX_CHARACTERS], first if text.isascii() else first // _MORE) for text in texts)
        for chunk in _chunks(heads, self.prefix):
            for head, encoding in zip(chunk, self._encoded(chunk), strict=True):
                row = len(ids)
                inner = np.array(encoding.ids, np.int32)
                n_seen = len(head) - len(self.prefix)
                if len(inner) <= room and n_seen < min(len(texts[row]), MAX_CHARACTERS):
                    inner = self._more(texts[row][:MAX_CHARACTERS], n_seen, room)
                cut[row] = len(inner) > room or len(texts[row]) > MAX_CHARACTERS
                ids.append(np.concatenate([self.before, inner[:room], self.after]))
        return Pieces(ids=ids, cut=cut)

    def _head(self, text: str, n_characters: int) -> str:
        """So much of the text, or somewhat more, that its pieces are the first of the whole text's; else all of it."""
        end = None
        if self.ends is not None and len(text) > n_characters:
            end = self.ends.search(text, n_characters, 2 * n_characters)
        return text if end is None else text[: end.start()]

    def _more(self, text: str, n_characters: int, room: int) -> Ids:
        """More than `room` pieces, where all of the text has so many."""
        while True:
            n_characters *= _MORE
            head = self._head(text, n_characters)
            inner = np.array(self._encoded([self.prefix + head])[0].ids, np.int32)
            if len(inner) > room or len(head) == len(text):
                return inner

    def _encoded(self, texts: list[str]) -> list[Any]:
        call = self.tokenizer.encode_batch_fast
        return list(_guarded(call, texts, patient=self.patient, add_special_tokens=False))

    def encodings(self, texts: Sequence[str]) -> list[Any]:
        """The library's own: uncut ids without template or prefix, and from where to where in its text each stands."""
        call = self.tokenizer.encode_batch
        return list(_guarded(call, list(texts), patient=self.patient, add_special_tokens=False))

    def vocabulary(self) -> list[str]:
        """Every word piece as text; a tokenizer of bytes keeps them otherwise."""
        pieces = range(self.vocabulary_size)
        if isinstance(self.tokenizer.decoder, decoders.ByteLevel):  # no other: it may hold a pattern that never ends
            return list(_guarded(self.tokenizer.decode_batch, [[piece] for piece in pieces]))
        return [self.tokenizer.id_to_token(piece) or "" for piece in pieces]

    def pieces(self, text: str) -> list[str]:
        """The word pieces of `text` as they are written in the vocabulary: `['[CLS]', 'a', ..., '[SEP]']`."""
        return [str(self.tokenizer.id_to_token(int(piece))) for piece in self.tokenize([text]).ids[0]]


def keeps_capitals(tokenizer: Any) -> bool:
    """Whether a word with a capital is tokenized otherwise than without."""
    with_one, without = (tokenizer.encode(text, add_special_tokens=False).ids for text in ("Film", "film"))
    return bool(with_one != without)


def _guarded(call: Callable[..., Any], texts: list[Any], *, patient: bool = True, **how: bool) -> Any:
    try:
        return call(texts, **how) if patient else _within_limits(functools.partial(call, texts, **how))
    except (KeyboardInterrupt, SystemExit, FrostlineError):
        raise
    except BaseException as error:  # a panic of the library's Rust part is no Exception
        raise BackendError(f"The tokenizer failed ({type(error).__name__}: {shown(str(error), 200)}).") from error


def _within_limits(call: Callable[[], Any]) -> Any:
    """What `call` answers on a thread of its own, which is left behind when it doesn't: nothing else can end it."""
    from frostline.encoder.trial import PATIENCE_SECONDS  # noqa: PLC0415 - only for a stranger's

    answer: list[Any] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            answer.append(call())
        except BaseException as error:  # noqa: BLE001 - the one who waits raises it
            raised.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    if raised:
        raise raised[0]
    if not answer:
        raise BackendError(
            f"The tokenizer did not end within {PATIENCE_SECONDS} s: its tokenizer.json has a pattern that takes "
            "too long on one of these texts.",
            hint="It may be made to do harm: take the encoder from whom you trust.",
        )
    return answer[0]


def _chunks(texts: Iterable[str], prefix: str = "") -> Iterator[list[str]]:
    """`texts` cut to MAX_CHARACTERS behind the prefix, in lists that are bounded in number and in characters."""
    chunk: list[str] = []
    n_characters = 0
    for text in texts:
        chunk.append(prefix + text[:MAX_CHARACTERS])
        n_characters += len(chunk[-1])
        if len(chunk) == _CHUNK_TEXTS or n_characters >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, n_characters = [], 0
    if chunk:
        yield chunk


def _ends(tokenizer: Any) -> re.Pattern[str] | None:
    """Where the pieces of a text's beginning do not depend on the rest: before a space after a letter or a digit.

    With BERT's own rules before any first space, and after a mark or a Chinese character, each of which is a word. None
    where a tokenizer may look farther than a word: by a rule that isn't known here, or a word with a space inside.
    """
    stages = [json.loads(stage.__getstate__()) for stage in (tokenizer.normalizer, tokenizer.pre_tokenizer) if stage]
    parts = list(itertools.chain.from_iterable(_parts(stage) for stage in stages))
    is_of_bytes = bool(stages) and stages[-1].get("type") == "ByteLevel" and stages[-1].get("use_regex") is True
    if tokenizer.pre_tokenizer is None or any(
        part.get("type") not in _IN_WORDS and not (part is stages[-1] and is_of_bytes) for part in parts
    ):
        return None
    added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    if not all(re.fullmatch("[!-~]+| +", token) for token in added):
        return None
    is_berts = stages[0].get("handle_chinese_chars") is True and stages[-1].get("type") == "BertPreTokenizer"
    is_berts = is_berts and not any(mark in token for token in added for mark in ".,;!?")
    return re.compile(_OF_BERT if is_berts else "(?<=[0-9A-Za-z]) ", re.DOTALL)


def _parts(stage: dict[str, Any]) -> list[dict[str, Any]]:
    """What a stage of a tokenizer consists of."""
    held = stage.get("normalizers") or stage.get("pretokenizers") if stage.get("type") == "Sequence" else None
    return [stage] if held is None else list(itertools.chain.from_iterable(map(_parts, held)))


def _require_fit(tokenizer: Any, numbers: list[int], shape: Sizes, folder: Path) -> None:
    """Raise where a word piece may have a number that the encoder has no embedding for."""
    n_pieces, highest = tokenizer.get_vocab_size(with_added_tokens=False), max(*numbers, 0)
    highest = max([highest, *tokenizer.get_added_tokens_decoder()])
    if max(n_pieces, highest + 1) > shape.vocab_size:
        raise InputError(
            f"{folder}: the tokenizer must fit the encoder (it has {tokenizer.get_vocab_size()} word pieces, numbered "
            f"up to {highest}, the encoder {shape.vocab_size} embeddings)."
        )


def _template(tokenizer: Any, settings: dict[str, Any], folder: Path, *, least: int = 2) -> tuple[Ids, Ids]:
    """The ids that stand before and after every text: those of the tokenizer's template, or of [CLS] and [SEP]."""
    for probe in ("a", "1", "."):
        inner = tokenizer.encode(probe, add_special_tokens=False).ids
        whole = tokenizer.encode(probe, add_special_tokens=True).ids
        starts = [n for n in range(len(whole)) if inner and whole[n : n + len(inner)] == inner]
        if starts and len(whole) >= len(inner) + least:
            before, after = whole[: starts[0]], whole[starts[0] + len(inner) :]
            return np.array(before, np.int32), np.array(after, np.int32)
    ends = [tokenizer.token_to_id(_token(settings, name)) for name in ("cls", "sep")]
    if None in ends:
        raise InputError(f"{folder}: the tokenizer must have a [CLS] and a [SEP], which stand around every text.")
    return np.array(ends[:1], np.int32), np.array(ends[1:], np.int32)


def _settings(folder: Path) -> dict[str, Any]:
    """tokenizer_config.json over special_tokens_map.json, as far as they are there."""
    settings: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            settings |= read_json(folder / name)
    return settings


def _model_max_length(settings: dict[str, Any], folder: Path) -> int:
    """What tokenizer_config.json allows; transformers writes 1e30 where there is no limit."""
    value = settings.get("model_max_length")
    if value is None:
        return 2**31
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 1:
        raise InputError(f"{folder / 'tokenizer_config.json'}: model_max_length must be a positive number.")
    return int(min(value, 2**31))


@contextlib.contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    """What the library raises as an `InputError`; a panic of its Rust part is no `Exception`."""
    try:
        yield
    except (FrostlineError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise InputError(
            f"{folder}: must have a tokenizer that the tokenizers library reads, and settings that fit it "
            f"({type(error).__name__}: {shown(str(error), 200)})."
        ) from error


def _open_tokenizer(folder: Path, settings: dict[str, Any], *, digest: str, kept: Path | None) -> tuple[Any, int, bool]:
    """The tokenizer, the greatest number of a piece as far as that needs a look, and whether it never takes long."""
    has_own = (folder / "tokenizer.json").is_file()
    path = folder / ("tokenizer.json" if has_own else "vocab.txt")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: must have at most {_MOST_BYTES:,} bytes (has {path.stat().st_size:,}).")
        content = path.read_text("utf-8")
    except OSError as error:
        raise storage_error(error, path) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: must be UTF-8 ({error}).") from error
    if not has_own:
        return _from_vocabulary(content, settings, path), content.removesuffix("\n").count("\n"), True
    if digest == BUNDLED_TOKENIZER:
        return _with_settings(Tokenizer.from_str(content), settings), 0, True
    from frostline.encoder.trial import require_sound  # noqa: PLC0415 - only for a stranger's

    sound = require_sound(content, path, digest=digest, kept=kept)
    tokenizer = Tokenizer.from_str(content)
    if isinstance(tokenizer.model, BPE):
        tokenizer.model.dropout = None  # for training: the same text would have other pieces each time
    tokenizer = _with_settings(tokenizer, settings)
    if sound.n_capitals > _MANY_CAPITALS * tokenizer.get_vocab_size() and not keeps_capitals(tokenizer):
        is_berts = isinstance(tokenizer.normalizer, normalizers.BertNormalizer)
        why = "as it says, or tokenizer_config.json beside it"
        _tell_of_capitals(path, sound.n_capitals, "", why, is_berts=is_berts)
    return tokenizer, sound.highest, not sound.has_patterns


def _with_settings(tokenizer: Any, settings: dict[str, Any]) -> Any:
    """BERT's tokenizer follows tokenizer_config.json where tokenizer.json says otherwise, as transformers has it."""
    normalizer = tokenizer.normalizer
    if not isinstance(normalizer, normalizers.BertNormalizer):
        return tokenizer
    if isinstance(settings.get("do_lower_case"), bool):
        normalizer.lowercase = settings["do_lower_case"]
    if isinstance(settings.get("tokenize_chinese_chars"), bool):
        normalizer.handle_chinese_chars = settings["tokenize_chinese_chars"]
    if "strip_accents" in settings:
        normalizer.strip_accents = settings["strip_accents"]
    tokenizer.normalizer = normalizer
    return tokenizer


def _from_vocabulary(content: str, settings: dict[str, Any], path: Path) -> Any:
    """vocab.txt made into a tokenizer, as transformers' BertTokenizer does it."""
    vocabulary = {line: row for row, line in enumerate(content.removesuffix("\n").split("\n"))}
    special = {name: _token(settings, name) for name in ("unk", "sep", "pad", "cls", "mask")}
    missing = [token for name, token in special.items() if name in {"unk", "sep", "cls"} and token not in vocabulary]
    if missing:
        raise InputError(f"{path}: must hold {', '.join(missing)} (has {len(vocabulary)} lines).")
    _warn_of_capitals(vocabulary, set(special.values()), settings, path)
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=special["unk"]))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        strip_accents=settings.get("strip_accents"),
        lowercase=settings.get("do_lower_case", True),
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in special.values() if token in vocabulary]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{special['cls']}:0 $A:0 {special['sep']}:0",
        special_tokens=[(special[name], vocabulary[special[name]]) for name in ("cls", "sep")],
    )
    return tokenizer


def _warn_of_capitals(vocabulary: dict[str, int], special: set[str], settings: dict[str, Any], path: Path) -> None:
    """Texts are lower-cased where no setting says otherwise, and pieces with capitals are then never met."""
    capitals = [piece for piece in vocabulary if piece != piece.lower() and piece not in special]
    capitals = [piece for piece in capitals if not (piece.startswith("[") and piece.endswith("]"))]  # [unused0]
    named = f" ({', '.join(map(shown, capitals[:3]))})"
    if capitals and "do_lower_case" not in settings:
        _tell_of_capitals(path, len(capitals), named, "as no tokenizer_config.json says otherwise")
    elif settings.get("do_lower_case") is True and len(capitals) > _MANY_CAPITALS * len(vocabulary):
        _tell_of_capitals(path, len(capitals), named, "as tokenizer_config.json says")


def _tell_of_capitals(path: Path, n_pieces: int, named: str, why: str, *, is_berts: bool = True) -> None:
    cure = ' If capitals count, write {"do_lower_case": false} into tokenizer_config.json.' if is_berts else ""
    warnings.warn(
        f"{path}: {n_pieces:,} word pieces have capitals{named}, and texts are lower-cased, {why}: these pieces are "
        f"never met, and their words are unknown.{cure}",
        UserWarning,
        stacklevel=3,
    )


def _token(settings: dict[str, Any], name: str) -> str:
    """A special token as the settings spell it: a str, or an object that has it as `content`."""
    value = settings.get(f"{name}_token", f"[{name.upper()}]")
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else f"[{name.upper()}]"


def plan_batches(lengths: IntArray, *, token_budget: int = TOKEN_BUDGET) -> list[IntArray]:
    """Groups of rows of equal length.

    Parameters
    ----------
    lengths : ndarray of shape (n_texts,), integer, >= 1
        Word pieces of each sentence.
    token_budget : int
        The most word pieces in a batch; a longer sentence makes a batch of its own.

    Returns
    -------
    list of ndarray of shape (B,), dtype=int64
        Row numbers, each in exactly one batch, ascending within it. The longest sentences come first, so that the
        last batches, for which some thread must wait, are the cheapest.
    """
    if token_budget < 1:
        raise UsageError(f"The token budget must be at least 1 (got {token_budget}).")
    if len(lengths) == 0:
        return []
    by_length = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable").astype(np.int64)
    starts = np.flatnonzero(np.diff(lengths[by_length], prepend=-1))
    batches: list[IntArray] = []
    for group in np.split(by_length, starts[1:]):
        n_rows = max(1, token_budget // max(1, int(lengths[group[0]])))
        n_batches = -(-len(group) // n_rows)
        batches += np.array_split(group, n_batches)  # equal shares: 65 sentences of 64 make 33 + 32, not 64 + 1
    return batches
