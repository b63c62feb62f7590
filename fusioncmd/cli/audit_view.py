"""How the audit is shown: entries as lines, a proof as a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.text import Text

from fusioncmd.audit.entries import Deed, Entry
from fusioncmd.audit.heads import Head
from fusioncmd.audit.proof import Break, Proof
from fusioncmd.cli import shell
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.words import say

DEEDS: dict[Deed, str] = {
    "login": "登录", "logout": "登出", "order": "指令", "proposal": "提请", "approval": "批准", "refusal": "拒绝",
    "key": "密钥", "roster": "名册", "account": "账号", "device": "终端", "node": "节点", "ladder": "升级",
    "radio": "电台", "camera": "摄像头", "voice": "语音", "video": "视频", "track": "位置",
    "alarm": "预警", "expert": "专家", "place": "场所", "department": "部门",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """An entry, and where it stands. `deed` is empty for a message that is no page."""

    node: str
    page: int
    number: int
    entry: Entry


def entry_lines(lines: Sequence[Line]) -> list[Text]:
    heads = [say("entry", "序号"), say("time", "时间"), say("deed", "事项"), say("who", "行为人"),
             say("about", "对象"), say("refused", "拒绝原因"), say("details", "详情")]  # fmt: skip
    folded = groupby(lines, _folds_with)
    return aligned(heads, [_cells(*_last_of(alike)) for _, alike in folded], right=(0,))


def _folds_with(line: Line) -> tuple[Any, ...]:
    """What neighbours share that are shown as one: each command of a person logs in, and that hides all the rest."""
    entry = line.entry
    if entry.deed != "login" or entry.refused:
        return (line.node, line.number)
    return (line.node, entry.actor, entry.about, *sorted(entry.details.items()))


def _last_of(alike: Iterable[Line]) -> tuple[Line, int]:
    *before, last = alike
    return last, len(before) + 1


def entry_map(line: Line) -> dict[str, Any]:
    entry = line.entry
    return {
        "node": line.node, "page": line.page, "number": line.number, "at_ms": entry.at_ms, "deed": entry.deed,
        "actor": entry.actor, "about": entry.about, "refused": entry.refused, "details": entry.details,
    }  # fmt: skip


def _cells(line: Line, times: int) -> list[Text]:
    entry = line.entry
    details = [f"×{times:,}"] if times > 1 else []
    details += [f"{name}={value}" for name, value in entry.details.items()]
    return [
        Text(f"{line.number:,}", "dim"),
        Text(shell.local_time(entry.at_ms)),
        Text(say(entry.deed, DEEDS[entry.deed]), "bold"),
        Text(plain(entry.actor)),
        Text(plain(entry.about)),
        Text(plain(entry.refused), "bold red"),
        Text(plain(" ".join(details)), "dim"),
    ]


def head_sentence(head: Head) -> str:
    at = shell.local_time(head.at_ms)
    return say(
        f"The audit of {head.node} had {head.pages:,} pages and {head.entries:,} entries at {at}; "
        f"the last page's hash: {head.digest.hex()}",
        f"{head.node} 的审计在 {at} 有 {head.pages:,} 页、{head.entries:,} 条；末页哈希：{head.digest.hex()}",
    )


def head_map(head: Head) -> dict[str, Any]:
    return {name: getattr(head, name) for name in ("node", "pages", "entries", "digest", "at_ms")}


def proof_sentence(proof: Proof) -> str:
    tip, broken = proof.tip, proof.broken
    if broken is not None:
        at = say(f"page {broken.page:,}, entry {broken.entry:,}", f"第 {broken.page:,} 页第 {broken.entry:,} 条")
        return say(
            f"The audit of {proof.node} is BROKEN at {at}. {broken.en}", f"{proof.node} 的审计在{at}处断裂。{broken.zh}"
        )
    from_en, from_zh = "", ""
    if proof.begins > 1:
        from_en, from_zh = f" from page {proof.begins:,} on", f"自第 {proof.begins:,} 页起"
    return say(
        f"The audit of {proof.node} holds{from_en}: {tip.pages:,} pages, {tip.entries:,} entries.",
        f"{proof.node} 的审计{from_zh}完好：{tip.pages:,} 页，{tip.entries:,} 条。",
    )


def unsigned_sentence(proof: Proof) -> str:
    """What a proof does not say; empty when it says all."""
    if proof.broken is not None or proof.signed_pages >= proof.tip.pages:
        return ""
    first = proof.signed_pages + 1
    return say(
        f"  No signed head is known for pages from {first:,} on: none can be changed, but some might be missing at the "
        "end.",
        f"  自第 {first:,} 页起尚无签名链头：内容无法篡改，但末尾可能有缺失。",
    )


def elsewhere_sentence(node: str) -> str:
    return say(
        f"The audit of {node} lies on its own node, and only its signed head is here. Prove it there.",
        f"{node} 的审计在其本节点上，此处仅有其签名链头；请在该节点验证。",
    )


def proof_map(proof: Proof) -> dict[str, Any]:
    return {
        "node": proof.node, "holds": proof.broken is None, "begins": proof.begins, "pages": proof.tip.pages,
        "entries": proof.tip.entries, "digest": proof.tip.digest, "signed_pages": proof.signed_pages,
        "broken": None if proof.broken is None else _break_map(proof.broken),
    }  # fmt: skip


def _break_map(broken: Break) -> dict[str, Any]:
    sentence = say(broken.en, broken.zh)
    return {"page": broken.page, "entry": broken.entry, "why": broken.why, "sentence": sentence}
