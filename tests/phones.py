"""A responder's device as it enrols and renews: a key of its own, and the proofs spelt out as PROTOCOL.md has them."""

from __future__ import annotations

import struct

from fusioncmd import terminal
from fusioncmd.trust import signatures

ENROL, RENEW = 6, 7
ENROLLED, TICKETED = 21, 22


class Phone:
    """`n` is the device: the same, the same key."""

    def __init__(self, n: int = 1) -> None:
        self._signer = signatures.signer(n.to_bytes(32, "big"))
        self.public = self._signer.public

    def enrol(self, code: bytes, version: int = terminal.VERSION) -> list[object]:
        return [ENROL, version, code, "ed25519", self.public, self.enrol_proof(code)]

    def enrol_proof(self, code: bytes) -> bytes:
        return self._signer.raw(b"fusioncmd/enrol/1\0" + code + b"ed25519\0" + self.public)

    def renew(self, number: int, device: bytes, at_ms: int, version: int = terminal.VERSION) -> list[object]:
        return [RENEW, version, number, device, at_ms, self.renew_proof(number, device, at_ms)]

    def renew_proof(self, number: int, device: bytes, at_ms: int) -> bytes:
        return self._signer.raw(b"fusioncmd/renew/1\0" + struct.pack(">I8sQ", number, device, at_ms))
