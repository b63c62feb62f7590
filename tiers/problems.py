"""What a node's health has to say of what it read: damage, what could not be read, what was refused or shed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tiers.ledger import Ledger
from tiers.ledger_files import LedgerFiles


def problems_of(
    files: LedgerFiles, ledger: Ledger, bad_messages: int, refused: Mapping[str, int], distrusted: Mapping[str, int]
) -> Iterator[str]:
    """`refused`: who refused orders, and how many; `distrusted`: at which gateways terminals did, and how many."""
    if files.damaged:
        yield f"Damaged ledger files were set aside; answers may be missing: {', '.join(files.damaged)}"
    if files.repaired:
        yield f"Ledger files were repaired from their copies: {', '.join(files.repaired)}"
    if bad_messages:
        yield f"{bad_messages} messages could not be read (see the log)"
    for name, count in refused.items():
        if count:
            yield f"{count} orders or accounts on the bus were refused by {name} and count for nothing (see its log)"
    for name, count in distrusted.items():
        yield f"{count} terminals did not believe an order that {name} delivered; it may be taken over (see its log)"
    if ledger.shed:
        yield f"{ledger.shed} items beyond the ledger's bounds were shed"
