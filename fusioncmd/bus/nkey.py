"""Keys of the bus: NATS "nkeys", Ed25519 in base 32 with a check sum. All that knows the library of that name. Pure.

A seed (`SU…`) is the secret that a user holds; its public key (`U…`) is all that the server is told.
"""

from __future__ import annotations

import binascii

import nkeys

from fusioncmd.errors import BadInput
from fusioncmd.guessable import is_guessable

SEED_BYTES = 32
PUBLIC_CHARS = 56
# Seeds that stand in the manuals and examples of others: whoever reads those has them.
EXAMPLES = frozenset({"UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"})


def seed_of(random: bytes) -> str:
    """The seed of a user, made of 32 random bytes."""
    return bytes(nkeys.encode_seed(random, nkeys.PREFIX_BYTE_USER)).decode()


def public_of(seed: str) -> str:
    """The public key of a user's seed; `BadInput` for what is none, or what others know as well as we do."""
    try:
        kind, raw = nkeys.decode_seed(bytearray(seed.encode()))
        if kind != nkeys.PREFIX_BYTE_USER or len(raw) != SEED_BYTES or seed_of(bytes(raw)) != seed:
            raise ValueError
        public = bytes(nkeys.from_seed(bytearray(seed.encode())).public_key).decode()
    except (nkeys.NkeysError, ValueError, binascii.Error):
        raise BadInput("This is not the seed of a bus user.", "这不是总线用户的密钥种子。") from None
    if public in EXAMPLES or is_guessable(bytes(raw)):
        raise BadInput(
            "This seed is a well-known one: anybody may have it.", "这是众所周知的密钥种子，任何人都可能持有。"
        )
    return public
