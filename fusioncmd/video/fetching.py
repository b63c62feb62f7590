"""A file of what was kept: its segments fetched piece by piece, each held against its digest, and made into one.

The node does none of the work. The file names its segments and their digests, so that it can be proved later.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct

from fusioncmd.api.kept import FootageCut, FootageLine, FootagePart
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.messages import Code, Millis
from fusioncmd.video.cutting import Part, cut
from fusioncmd.video.keeping_bounds import CUT_SEGMENTS_MAX
from fusioncmd.video.kept import FORM, Digest, Id, Name, Segment
from fusioncmd.video.mp4 import label_of

Ask = Callable[[Any], Awaitable[Any]]


class Label(Struct, frozen=True):
    """What a file says of itself (its `comment`)."""

    node: Code
    source: Name
    from_ms: Millis
    until_ms: Millis
    segments: Annotated[tuple[tuple[Id, Digest], ...], Meta(max_length=CUT_SEGMENTS_MAX)]


_label = msgspec.json.Decoder(Label)


class Made(NamedTuple):
    """`begins_ms`: when the file's first moment is; `suffix`: how files of its form are called."""

    begins_ms: int
    suffix: str
    segments: tuple[Segment, ...]
    missing: tuple[FootageLine, ...]


async def fetch(ask: Ask, question: FootageCut, folder: Path, target: Path) -> Made:
    """Writes `target`; segments lie in `folder` meanwhile, which is empty. Raises BadInput, BadMessage for what is not
    what it says, and the node's Problem."""
    found = await ask(question)
    parts = [await _segment(ask, one, folder) for one in found.segments]
    begins_ms = await make(target, found.segments, parts, question)
    return Made(begins_ms, FORM[found.segments[0].codec], found.segments, found.missing)


async def make(target: Path, segments: tuple[Segment, ...], parts: list[Part], question: FootageCut) -> int:
    """The same bytes whenever it is done."""
    members = tuple((one.id, one.sha256) for one in segments)
    label = Label(question.node, question.source, question.from_ms, question.until_ms, members)
    text = msgspec.json.encode(label).decode()
    codec = segments[0].codec
    return await asyncio.to_thread(cut, target, parts, codec, question.from_ms, question.until_ms, text)


async def _segment(ask: Ask, one: Segment, folder: Path) -> Part:
    file, digest = folder / f"{one.id}.{FORM[one.codec]}", hashlib.sha256()
    with file.open("wb") as opened:
        while opened.tell() < one.bytes:
            got = await ask(FootagePart(one.id, opened.tell()))
            if not got.data:
                break
            digest.update(got.data)
            opened.write(got.data)
    if digest.hexdigest() != one.sha256:
        raise BadMessage(
            f"The segment {one.id} is not what was recorded: its digest is another one.",
            f"录像片段 {one.id} 与录制时不符：摘要不一致。",
        )
    return Part(file, one.begin_ms)


def read_label(file: Path) -> Label:
    """Raises BadInput for a file that was not made here."""
    try:
        return _label.decode(label_of(file))
    except msgspec.MsgspecError:
        raise BadInput(
            f"{file} is no file of `video get`: it does not say of what it was made.",
            f"{file} 不是 video get 取出的文件：其中没有来源记录。",
        ) from None
