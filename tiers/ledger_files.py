"""The ledger on disk: one file per order, and a head that says up to where the streams are in them.

The order files are written first and the head last, each by rename after fsync. A crash in between leaves files that
are newer than the head, and folding is idempotent, so replaying from the head repairs everything. The streams may
forget only what the *previous* head covered. A file that fails its checksum is set aside and reported, not believed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgpack

from fusioncmd import ids
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.killpoint import reach
from fusioncmd.messages import Order, Report, decode, encode
from fusioncmd.tally import bitmap_from
from tiers.ledger import Account, Ledger

VERSION = 1
DIGEST_BYTES = 16
Image = tuple[bytes, bytes]  # order id, file content


def images(ledger: Ledger) -> list[Image]:
    """The dirty orders as file contents; the ledger counts as clean from here on. Called between two folds."""
    made = [(ident, _pack_account(ledger.accounts[ident])) for ident in sorted(ledger.dirty)]
    ledger.dirty.clear()
    return made


class LedgerFiles:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def load(self) -> Ledger:
        """The ledger as last written; an empty one where there is nothing."""
        ledger = Ledger()
        head = self.folder / "head"
        if head.exists():
            try:
                _, handled = _unseal(head.read_bytes())
                ledger.handled |= {str(name): int(seq) for name, seq in handled.items()}
            except BadMessage:
                self._set_aside(head)
        for ident, account in self._accounts():
            ledger.restore(ident, account)
        if self.damaged:  # what was lost with the file may still be in the streams: replay all of them
            ledger.handled = dict.fromkeys(ledger.handled, 0)
        return ledger

    def save(self, made: list[Image], handled: dict[str, int]) -> None:
        """Write `made`, then the head. Blocking: call it in a thread."""
        for ident, content in made:
            self._replace(f"{ids.to_text(ident)}.order", content)
        reach("ledger.orders_written")
        self._replace("head", _seal([VERSION, handled]))
        reach("ledger.head_written")

    def _accounts(self) -> Iterator[tuple[bytes, Account]]:
        for path in sorted(self.folder.glob("*.order")):
            try:
                yield ids.from_text(path.stem), _unpack_account(path.read_bytes())
            except (BadInput, ValueError, TypeError):
                self._set_aside(path)

    def _set_aside(self, path: Path) -> None:
        """The head goes first: until the next save, whoever loads has to replay the streams from their beginning."""
        self.damaged.append(path.name)
        if path.name != "head":
            (self.folder / "head").unlink(missing_ok=True)
            self._sync_folder()
        path.rename(path.with_suffix(".damaged"))

    def _replace(self, name: str, content: bytes) -> None:
        temporary = self.folder / f"{name}.new"
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.folder / name)
        self._sync_folder()

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _pack_account(account: Account) -> bytes:
    return _seal(
        [
            VERSION,
            None if account.order is None else encode(account.order),
            None if account.audience is None else account.audience.serialize(),
            [rung.serialize() for rung in account.marks.rungs()],
            [encode(report) for report in account.reports.values()],
        ]
    )


def _unpack_account(content: bytes) -> Account:
    _, order, audience, rungs, reports = _unseal(content)
    account = Account(
        order=None if order is None else decode(Order, order),
        audience=None if audience is None else bitmap_from(audience),
    )
    for rung, numbers in zip(account.marks.rungs(), rungs, strict=True):
        rung |= bitmap_from(numbers)
    for data in reports:
        report = decode(Report, data)
        account.reports[report.id] = report
    return account


def _seal(content: list[object]) -> bytes:
    payload: bytes = msgpack.packb(content)
    return payload + blake2b(payload, digest_size=DIGEST_BYTES).digest()


def _unseal(content: bytes) -> list[Any]:
    payload, digest = content[:-DIGEST_BYTES], content[-DIGEST_BYTES:]
    if blake2b(payload, digest_size=DIGEST_BYTES).digest() != digest:
        raise BadMessage("The file fails its checksum.", "文件校验失败。")
    unpacked: list[Any] = msgpack.unpackb(payload)
    if unpacked[0] != VERSION:
        raise BadMessage(f"The file is of version {unpacked[0]}.", f"文件版本为 {unpacked[0]}。")
    return unpacked
