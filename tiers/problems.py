"""What a node's health has to say of what it read: damage, what could not be read, what was refused or shed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tiers.ledger import Ledger
from tiers.ledger_files import LedgerFiles

Said = tuple[str, str]  # in English, in Chinese


def problems_of(
    files: LedgerFiles, ledger: Ledger, bad_messages: int, refused: Mapping[str, int], distrusted: Mapping[str, int]
) -> Iterator[Said]:
    """`refused`: who refused orders, and how many; `distrusted`: at which gateways terminals did, and how many."""
    if files.damaged:
        names = ", ".join(files.damaged)
        yield (
            f"Damaged ledger files were set aside; answers may be missing: {names}",
            f"已移开损坏的账本文件，部分答复可能缺失：{names}",
        )
    if files.repaired:
        names = ", ".join(files.repaired)
        yield f"Ledger files were repaired from their copies: {names}", f"已用副本修复账本文件：{names}"
    if bad_messages:
        yield f"{bad_messages} messages could not be read (see the log)", f"{bad_messages} 条消息无法读取（见日志）"
    for name, count in refused.items():
        if count:
            yield (
                f"{count} orders or accounts on the bus were refused by {name} and count for nothing (see its log)",
                f"总线上 {count} 条指令或账号被{_zh(name)}拒绝，不予采信（见其日志）",
            )
    for name, count in distrusted.items():
        yield (
            f"{count} terminals did not believe an order that {name} delivered; it may be taken over (see its log)",
            f"{count} 个终端不采信{_zh(name)}送达的指令，该网关可能已被控制（见其日志）",
        )
    if ledger.shed:
        yield f"{ledger.shed} items beyond the ledger's bounds were shed", f"超出账本上限，已舍弃 {ledger.shed} 项"


def _zh(name: str) -> str:
    return "节点" if name == "the node" else f" {name} "
