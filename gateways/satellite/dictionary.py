"""Small letters made smaller by a dictionary that both ends have: all that knows zstandard.

A dictionary is a file beside this one, `dictionaries/N.zdict`, trained by `python -m loadtest dictionary` from messages
as they are said; N is its version. None is ever changed or left out, so an end that has version N has all before it,
and two ends use the newest that both have (`core.py` tells them).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import zstandard

from fusioncmd.errors import BadMessage

FOLDER = Path(__file__).parent / "dictionaries"
SIZED = b"\x1f"  # beyond: the first byte of a frame with its content's size in it (RFC 8878, 3.1.1.1.1)
LEVEL = 19  # some 100 µs for a letter of 600 bytes; a thin link takes fewer than 100 a second


@cache
def newest() -> int:
    """The newest version that this end has; 0: none."""
    return max((int(file.stem) for file in FOLDER.glob("*.zdict")), default=0)


@cache
def _known(version: int) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict((FOLDER / f"{version}.zdict").read_bytes())


@cache
def _packer(version: int) -> zstandard.ZstdCompressor:
    known = _known(version) if version else None
    shape = zstandard.ZstdCompressionParameters.from_level(
        LEVEL, dict_size=len(known) if known else 0, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=False,
        write_checksum=False, write_dict_id=False,
    )  # fmt: skip
    return zstandard.ZstdCompressor(dict_data=known, compression_params=shape)


@cache
def _opener(version: int) -> zstandard.ZstdDecompressor:
    known = _known(version) if version else None
    return zstandard.ZstdDecompressor(dict_data=known, format=zstandard.FORMAT_ZSTD1_MAGICLESS)


def squeeze(data: bytes, version: int) -> bytes:
    """`data` by the dictionary of that version; it may come out longer."""
    return _packer(version).compress(data)


def release(data: bytes, version: int, bytes_max: int) -> bytes:
    """What was squeezed. `BadMessage` for what is not, by a dictionary that is not here, or too long."""
    if not 0 < version <= newest():
        raise BadMessage(
            f"A letter by dictionary {version}, which is not here.", f"信件使用了本端没有的字典 {version}。"
        )
    if data[:1] > SIZED:  # it says how long it is, as no end does: as much would be taken, whatever `bytes_max` is
        raise BadMessage("A squeezed letter that says its own length.", "压缩信件不应自带长度。")
    try:
        return _opener(version).decompress(data, max_output_size=bytes_max)
    except zstandard.ZstdError as error:
        raise BadMessage(f"Not a squeezed letter: {error}.", f"不是压缩信件：{error}。") from None


def train(samples: list[bytes], bytes_max: int) -> bytes:
    """A dictionary of at most `bytes_max` for data like `samples`."""
    made = zstandard.train_dictionary(bytes_max, [*samples], level=LEVEL, split_point=1.0)
    return made.as_bytes()
