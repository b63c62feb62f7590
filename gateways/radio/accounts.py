"""The accounts of radios, as the node keeps them in the trust stream. One that changes registers nobody any more."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from fusioncmd import radios, subjects
from fusioncmd.bus.port import Stored
from fusioncmd.errors import BadInput
from fusioncmd.radios import Radio
from gateways.radio.sip_digest import Secrets

log = structlog.get_logger("radio")


class Accounts:
    """`key` is the tier's ticket key. `changed` is told of an account whose secret is another now, or that has gone."""

    def __init__(self, key: bytes, changed: Callable[[str], None]) -> None:
        self._key, self._changed = key, changed
        self.held: dict[str, Radio] = {}
        self._seqs: dict[str, int] = {}

    def fold(self, stored: Stored) -> None:
        """What no node wrote changes nothing, and keeps no other out."""
        try:
            radio = radios.unpack(stored.data, self._key)
            if stored.subject != subjects.radio(radio.account):
                raise BadInput("It lies on another radio's subject.", "所在主题属于另一部电台。")
        except BadInput as problem:
            log.error("radio.bad_account", subject=stored.subject, seq=stored.seq, problem=problem.en)
            return
        if stored.seq <= self._seqs.get(radio.account, 0):
            return
        self._seqs[radio.account] = stored.seq
        before = self.held.pop(radio.account, None)
        if not radio.removed:
            self.held[radio.account] = radio
        if before is not None and (radio.removed or before.sha256 != radio.sha256):
            self._changed(radio.account)

    def secrets(self, account: str) -> Secrets | None:
        radio = self.held.get(account)
        return None if radio is None else Secrets(radio.sha256, radio.md5)
