"""The ledger on disk: one file per order, and a head that says up to where the streams are in them.

The order files are written first and the head last, each by rename after fsync. A crash in between leaves files that
are newer than the head, and folding is idempotent, so replaying from the head repairs everything. The streams may
forget only what the *previous* head covered. Every file stands twice, in this folder and in `copy`: one that fails its
checksum is not believed but made good from the other, and reported; with both gone it is set aside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import msgpack

from fusioncmd import ids
from fusioncmd.course import Course, Step
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.killpoint import reach
from fusioncmd.messages import Audience, Report, decode, encode
from fusioncmd.tally import bitmap_from
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.seals import claimed
from tiers.ledger import Ledger
from tiers.order_account import Account

T = TypeVar("T")
VERSION = 3
READ = (2, VERSION)  # 2 kept no statement of the node
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
        self._copies = folder / "copy"
        self.damaged: list[str] = []  # and no copy of it was good
        self.repaired: list[str] = []
        self._copies.mkdir(parents=True, exist_ok=True)

    def load(self, judge: Judge) -> Ledger:
        """The ledger as last written; an empty one where there is nothing."""
        ledger = Ledger(judge)
        head = self._read("head", _unpack_head)
        if head is not None:
            handled, ledger.keep_from = head
            ledger.handled |= handled
        for ident, account in self._accounts():
            ledger.restore(ident, account)
        if self.damaged:  # what was lost with the file may still be in the streams: replay all of them
            ledger.handled = dict.fromkeys(ledger.handled, 0)
        return ledger

    def save(self, made: list[Image], handled: dict[str, int], keep_from: dict[str, int] | None = None) -> None:
        """Write `made`, then the head. Blocking: call it in a thread."""
        for ident, content in made:
            self._replace(f"{ids.to_text(ident)}.order", content)
        reach("ledger.orders_written")
        self._replace("head", _seal([VERSION, handled, keep_from or {}]))
        reach("ledger.head_written")

    def _accounts(self) -> Iterator[tuple[bytes, Account]]:
        for name in sorted({path.name for folder in (self.folder, self._copies) for path in folder.glob("*.order")}):
            try:
                ident = ids.from_text(name.removesuffix(".order"))
            except BadInput:
                self._set_aside(self.folder / name)
                continue
            account = self._read(name, _unpack_account)
            if account is not None:
                yield ident, account

    def _read(self, name: str, unpack: Callable[[bytes], T]) -> T | None:
        """What the file holds, by its copy if it is damaged; None where there is nothing good, or nothing at all."""
        paths = (self.folder / name, self._copies / name)
        for path in paths:
            try:
                content = path.read_bytes()
                found = unpack(content)
            except (OSError, BadInput, ValueError, TypeError):
                continue
            if path is not paths[0]:
                self.repaired.append(name)
                self._replace(name, content)
            return found
        if any(path.exists() for path in paths):
            self._set_aside(paths[0])
        return None

    def _set_aside(self, path: Path) -> None:
        """The head goes first: until the next save, whoever loads has to replay the streams from their beginning."""
        self.damaged.append(path.name)
        if path.name != "head":
            for folder in (self.folder, self._copies):
                (folder / "head").unlink(missing_ok=True)
            self._sync(self.folder)
        (self._copies / path.name).unlink(missing_ok=True)
        if path.exists():
            path.rename(path.with_suffix(".damaged"))

    def _replace(self, name: str, content: bytes) -> None:
        """Twice: a sector that goes bad must not take answers with it that the streams have forgotten."""
        for folder in (self.folder, self._copies):
            temporary = folder / f"{name}.new"
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(folder / name)
            self._sync(folder)

    def _sync(self, folder: Path) -> None:
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _unpack_head(content: bytes) -> tuple[dict[str, int], dict[str, int]]:
    _, handled, keep_from = _unseal(content)
    return {str(name): int(seq) for name, seq in handled.items()}, {str(n): int(seq) for n, seq in keep_from.items()}


def _pack_account(account: Account) -> bytes:
    return _seal(
        [
            VERSION,
            None if account.order is None else account.sealed,
            account.accepted_ms,
            [encode(audience) for audience in account.said],
            None if account.audience is None else account.audience.serialize(),
            [rung.serialize() for rung in account.marks.rungs()],
            [encode(report) for report in account.reports.values()],
            account.statement,
            [account.course.last_ms, account.course.places, account.course.steps],
        ]
    )


def _unpack_account(content: bytes) -> Account:
    _, sealed, accepted_ms, said, audience, rungs, reports, *later = _unseal(content)
    account = Account(  # what stands here was judged before it was written
        order=None if sealed is None else claimed(sealed)[0],
        sealed=sealed or b"",
        accepted_ms=accepted_ms,
        statement=later[0] if later else b"",
        said=[decode(Audience, one) for one in said],
        audience=None if audience is None else bitmap_from(audience),
    )
    for rung, numbers in zip(account.marks.rungs(), rungs, strict=True):
        rung |= bitmap_from(numbers)
    for data in reports:
        report = decode(Report, data)
        account.reports[report.id] = report
    account.course = _unpack_course(*later[1]) if len(later) > 1 else Course()  # from then on, in a file of before
    if account.order is not None:
        account.course.begin(account.order.issued_ms)
    return account


def _unpack_course(last_ms: int, places: list[str], steps: list[Any]) -> Course:
    kept = [Step(after_ms, received, answered) for after_ms, received, answered in steps]
    return Course(last_ms=last_ms, places=tuple(places), steps=kept)


def _seal(content: list[object]) -> bytes:
    payload: bytes = msgpack.packb(content)
    return payload + blake2b(payload, digest_size=DIGEST_BYTES).digest()


def _unseal(content: bytes) -> list[Any]:
    payload, digest = content[:-DIGEST_BYTES], content[-DIGEST_BYTES:]
    if blake2b(payload, digest_size=DIGEST_BYTES).digest() != digest:
        raise BadMessage("The file fails its checksum.", "文件校验失败。")
    unpacked: list[Any] = msgpack.unpackb(payload)
    if unpacked[0] not in READ:
        raise BadMessage(f"The file is of version {unpacked[0]}.", f"文件版本为 {unpacked[0]}。")
    return unpacked
