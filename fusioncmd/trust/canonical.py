"""Bytes that have one reading and one writing: what is decoded must encode to the very same bytes. Pure.

Without this, a map could hold a key twice, and two programs that both check the signature could read two orders.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from fusioncmd.trust.refusals import refusal

T = TypeVar("T", bound=msgspec.Struct)
_encoder = msgspec.msgpack.Encoder()


class _NoTag(msgspec.Struct, array_like=True, tag=""):
    """Makes the decoder one of a union: msgspec lets a lone struct go without its tag."""


class Form(Generic[T]):
    """One tagged struct as MessagePack, of `bytes_max` bytes at most."""

    def __init__(self, kind: type[T], bytes_max: int) -> None:
        self._kind, self._bytes_max = kind, bytes_max
        self._decoder = msgspec.msgpack.Decoder(kind | _NoTag)

    def encode(self, value: T) -> bytes:
        data = _encoder.encode(value)
        if len(data) > self._bytes_max:
            raise refusal("size")
        return data

    def decode(self, data: bytes) -> T:
        """`Untrusted` for anything but the one spelling of a `kind`."""
        if len(data) > self._bytes_max:
            raise refusal("size")
        try:
            value = self._decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise refusal("bytes") from None
        if not isinstance(value, self._kind) or _encoder.encode(value) != data:
            raise refusal("bytes")
        return value
