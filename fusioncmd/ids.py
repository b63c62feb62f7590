"""Order and report ids: 16 bytes that sort by time, written as 26 characters (ULID, Crockford base 32). Pure."""

from __future__ import annotations

from fusioncmd.errors import BadInput

ID_BYTES = 16
ENTROPY_BYTES = 10
TEXT_CHARS = 26
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {c: i for i, c in enumerate(_ALPHABET)} | {"I": 1, "L": 1, "O": 0}


def make(now_ms: int, entropy: bytes) -> bytes:
    """48 bits of milliseconds since 1970, then 80 bits of `entropy` (10 bytes)."""
    assert len(entropy) == ENTROPY_BYTES
    return now_ms.to_bytes(6, "big") + entropy


def time_ms(ident: bytes) -> int:
    return int.from_bytes(ident[:6], "big")


def to_text(ident: bytes) -> str:
    value = int.from_bytes(ident, "big")
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def from_text(text: str) -> bytes:
    """The id that 26 characters spell; upper or lower case, `I`, `L`, `O` read as digits."""
    raw = text.strip().upper()
    value = 0
    for char in raw:
        if char not in _VALUE or len(raw) != TEXT_CHARS:
            raise _bad(text)
        value = value << 5 | _VALUE[char]
    if not raw or value >> 128:
        raise _bad(text)
    return value.to_bytes(ID_BYTES, "big")


def spell(data: bytes) -> str:
    """`data`, whole groups of 5 bytes, in the same alphabet."""
    value = int.from_bytes(data, "big")
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(8 * len(data) - 5, -1, -5))


def unspell(text: str) -> bytes | None:
    """The bytes that `text`, whole groups of 8 characters, spells; None when it holds another character."""
    value = 0
    for char in text.upper():
        if char not in _VALUE:
            return None
        value = value << 5 | _VALUE[char]
    return value.to_bytes(len(text) * 5 // 8, "big")


def _bad(text: str) -> BadInput:
    return BadInput(
        f"{text[:40]!r} is not an order id (26 letters and digits).",
        f"“{text[:40]}”不是指令编号（26 位字母数字）。",
    )
