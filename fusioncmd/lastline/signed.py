"""An order as it was signed, in a message of 14,000 bits: bytes, signatures, and the grants where there is room. Pure.

1 bit       the grants are left out: a seal names its own by 16 bytes, which stand for the whole chain
...         the sealed order, deflated (RFC 1951)
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import msgspec

from fusioncmd import limits
from fusioncmd.lastline.bits import Reader, Writer, malformed
from fusioncmd.trust.grants import SignedChain
from fusioncmd.trust.seals import SealedOrder
from fusioncmd.trust.statements import Seal

LEVEL = 9
LENGTH_BITS = 12
_decoder = msgspec.msgpack.Decoder(SealedOrder)
_encoder = msgspec.msgpack.Encoder()


def write(sealed: bytes, room_bits: int) -> Writer | None:
    """None where not even the bare order fits."""
    for bare in (False, True):
        data = _deflated(_without_chains(sealed) if bare else sealed)
        if 1 + LENGTH_BITS + 8 * len(data) <= room_bits:
            out = Writer()
            out.put(bare, 1)
            out.put(len(data), LENGTH_BITS)
            out.raw(data)
            return out
    return None


def read(said: Reader, chain_of: Callable[[bytes], SignedChain | None]) -> tuple[bytes, bytes | None]:
    """The order's bytes, and as they were sealed: None where the grants were left out and are not known here.
    `BadMessage` for what is none."""
    bare, length = said.take(1), said.take(LENGTH_BITS)
    data = _inflated(said.raw(length))
    said.end()
    try:
        order = _decoder.decode(data)
    except msgspec.MsgspecError:
        raise malformed() from None
    if not bare:
        return order.body, data
    seals = [_with_chain(seal, chain_of) for seal in (order.seal, *order.approvals)]
    if None in seals:
        return order.body, None
    first, *others = [seal for seal in seals if seal is not None]
    return order.body, _encoder.encode(SealedOrder(order.body, first, tuple(others)))


def seals_in(sealed: bytes) -> tuple[Seal, ...]:
    """Who signed and approved an order that was taken, with their grants."""
    order = _decoder.decode(sealed)
    return order.seal, *order.approvals


def _with_chain(seal: Seal, chain_of: Callable[[bytes], SignedChain | None]) -> Seal | None:
    chain = chain_of(seal.by)
    return None if chain is None else Seal(seal.algorithm, seal.by, chain, seal.signature)


def _without_chains(sealed: bytes) -> bytes:
    order = _decoder.decode(sealed)
    bare = [Seal(seal.algorithm, seal.by, (), seal.signature) for seal in (order.seal, *order.approvals)]
    return _encoder.encode(SealedOrder(order.body, bare[0], tuple(bare[1:])))


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, wbits=-15)
    return packer.compress(data) + packer.flush()


def _inflated(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=-15)
    try:
        found = unpacker.decompress(data, limits.SEALED_BYTES_MAX)
    except zlib.error:
        raise malformed() from None
    if not unpacker.eof or unpacker.unused_data:
        raise malformed()
    return found
