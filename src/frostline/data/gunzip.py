"""Uncompress gzip as it streams by, all members of it, within a cap on what one byte may become.

In:   chunks of compressed bytes.
Out:  chunks of uncompressed bytes, of at most 1 MB each, checksums checked.
Not:  files (opening.py).

RFC 1952: a file may hold several members one after the other (`cat a.gz b.gz`), and zero bytes as padding.
"""

import zlib
from collections.abc import Iterator

from frostline.data.options import MEGABYTE, TableLimits
from frostline.errors import InputError

GZIP_MAGIC = b"\x1f\x8b\x08"
GZIP_WINDOW = 31  # zlib: expect a gzip header and trailer


def gunzipped(chunks: Iterator[bytes], *, name: str, limits: TableLimits) -> Iterator[bytes]:
    """Yield the uncompressed content of every member.

    Raises
    ------
    InputError
        Damaged, cut short, followed by something else, or expanding more than `limits.expansion` times.
    """
    member = zlib.decompressobj(GZIP_WINDOW)
    taken = given = 0
    for chunk in chunks:
        taken += len(chunk)
        rest = chunk
        while rest:
            if member.eof:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                member = zlib.decompressobj(GZIP_WINDOW)
            try:
                content = member.decompress(rest, MEGABYTE)
            except zlib.error as error:
                raise InputError(
                    f"{name}: the gzip data are damaged after {given:,} uncompressed bytes ({error}).",
                    hint="Fetch or make the file again; `gzip -t` tests it.",
                ) from error
            given += len(content)
            if given > limits.expansion_free_bytes and given > limits.expansion * taken:
                raise InputError(
                    f"{name}: {taken:,} compressed bytes have become more than {given:,}; at most "
                    f"{limits.expansion} times as many are taken.",
                    hint="If the file is what it should be, uncompress it first.",
                )
            if content:
                yield content
            rest = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise InputError(
            f"{name}: the gzip data end early, after {given:,} uncompressed bytes.",
            hint="Fetch or make the file again; `gzip -t` tests it.",
        )
