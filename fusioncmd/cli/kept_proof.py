"""Whether a file of `video get` is what was recorded: by its segments, their digests, and the audit."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

from fusioncmd import api
from fusioncmd.api.kept import FootageCut, FootageProof
from fusioncmd.errors import BadInput, Forbidden, NotFound
from fusioncmd.video.kept import root_of
from fusioncmd.words import reason


class Proved(NamedTuple):
    """`audited`: how many of its `segments` have their digests in the audit, None where who asks may not read it."""

    segments: int
    audited: int | None

    @property
    def words(self) -> tuple[str, str]:
        if self.audited is None:
            return (
                f"It is what the node has of {self.segments} segments. Whether the audit has their digests, an auditor "
                "can see.",
                f"与节点保存的 {self.segments} 个片段一致。摘要是否在审计记录中，须由审计员查验。",
            )
        return (
            f"It is what was recorded: {self.segments} segments, all of them in the audit.",
            f"与录制内容一致：{self.segments} 个片段均见于审计记录。",
        )


async def prove(ask: Callable[[Any], Awaitable[Any]], file: Path) -> Proved:
    """Raises NotFound, BadInput for a file that is not what was recorded, and the node's Problem."""
    from fusioncmd.video.fetching import fetch, read_label  # PyAV is heavy

    given = await asyncio.to_thread(_digest, file)
    label = read_label(file)
    audited = await _audited(ask, label.segments)
    question = FootageCut(label.node, label.source, label.from_ms, label.until_ms)
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again"
        made = await fetch(ask, question, Path(folder), again)
        same = await asyncio.to_thread(_digest, again) == given
    if not same or tuple((one.id, one.sha256) for one in made.segments) != label.segments:
        raise BadInput(
            f"{file} is not what was recorded: made again from the segments, it is another file.",
            f"{file} 与录制内容不符：由片段重新合成的文件与之不同。",
        )
    return Proved(len(label.segments), audited)


def _digest(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except OSError as error:
        en, zh = reason(error)
        raise NotFound(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None


async def _audited(ask: Callable[[Any], Awaitable[Any]], segments: tuple[tuple[str, str], ...]) -> int | None:
    known: dict[str, str] = {}
    for ident, digest in segments:
        if ident not in known:
            said = await ask(FootageProof(ident))
            if not said.root:
                raise NotFound(
                    "Its last segments are not in the audit yet: that takes a minute.",
                    "最新片段尚未写入审计记录，约需一分钟。",
                )
            if root_of(said.members) != said.root:
                raise BadInput("The node's digests do not add up.", "节点给出的摘要不一致。")
            try:
                if not (await ask(api.AuditFind(deed="video", query=said.root))).lines:
                    raise BadInput(
                        f"The audit does not have the digest of the segment {ident}.",
                        f"审计记录中没有片段 {ident} 的摘要。",
                    )
            except Forbidden:
                return None
            known |= dict(said.members)
        if known.get(ident) != digest:
            raise BadInput(
                f"The audit has another digest of the segment {ident}.", f"审计记录中片段 {ident} 的摘要与文件不符。"
            )
    return len(segments)
