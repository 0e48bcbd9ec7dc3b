"""A text → its words, as the encoder's own tokenizer splits them, and where each stands.

In:   a tokenizer and a text.
Out:  `Split`: words with their places in the text and their pieces; how much of the text the encoder sees.
Not:  what the words do (leave_out.py).
"""

from dataclasses import dataclass
from itertools import groupby
from typing import final

from frostline.encoder.tokens import MAX_CHARACTERS, WordPieces


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of the text.

    Parameters
    ----------
    text : str
        As it stands there.
    start, end : int
        Its place: text[start:end].
    pieces : tuple of str
        Its word pieces, as they are written in the vocabulary.
    """

    text: str
    start: int
    end: int
    pieces: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A text as the encoder gets it.

    Parameters
    ----------
    pieces : tuple of str
        All that the encoder sees: [CLS] and [SEP] included.
    words : tuple of Word
        Of which it sees a piece at least.
    seen_to : int
        Letters of the text that it sees: what stands after them is cut off.
    is_cut : bool
    """

    pieces: tuple[str, ...]
    words: tuple[Word, ...]
    seen_to: int
    is_cut: bool


def split_words(word_pieces: WordPieces, text: str) -> Split:
    """The words of `text`, in order; what the tokenizer drops (control characters, say) is in none."""
    found = word_pieces.tokenizer.encode(text[:MAX_CHARACTERS], add_special_tokens=False)
    room = word_pieces.max_length - len(word_pieces.before) - len(word_pieces.after)
    is_cut = len(found.ids) > room or len(text) > MAX_CHARACTERS
    pieces, places, numbers = found.tokens[:room], found.offsets[:room], found.word_ids[:room]
    words = []
    # A mark such as [SEP] typed into a text is a word by itself and may have no number: its place tells it apart.
    for _, group in groupby(range(len(pieces)), key=lambda n: (numbers[n], -1 if numbers[n] is not None else n)):
        held = list(group)
        start, end = min(places[n][0] for n in held), max(places[n][1] for n in held)
        own = text[start:end]
        start, end = start + len(own) - len(own.lstrip()), end - len(own) + len(own.rstrip())
        if start < end:
            words.append(Word(text=text[start:end], start=start, end=end, pieces=tuple(pieces[n] for n in held)))
    around = [
        [str(word_pieces.tokenizer.id_to_token(int(piece))) for piece in ids]
        for ids in (word_pieces.before, word_pieces.after)
    ]
    return Split(
        pieces=(*around[0], *pieces, *around[1]),
        words=tuple(words),
        seen_to=max((end for _, end in places), default=0) if is_cut else len(text),
        is_cut=is_cut,
    )


def without(text: str, words: list[Word]) -> str:
    """`text` with these words left out, in order; what stood around a word stays apart, and no space is doubled."""
    kept, start = "", 0
    for word in words:
        kept = _joined(kept, text[start : word.start])
        start = word.end
    return _joined(kept, text[start:])


def _joined(before: str, after: str) -> str:
    before, after = before.rstrip(), after.strip()
    return f"{before} {after}" if before and after else before + after
