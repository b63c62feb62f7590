"""An account: whose it is, with which roles, for which place. The node states it under its key. Pure.

A name is any text without control characters, in Unicode's form NFC; two names that differ in case only are one.
"""

from __future__ import annotations

import unicodedata
from hashlib import blake2b
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.errors import BadInput
from fusioncmd.messages import Millis
from fusioncmd.trust import statements
from fusioncmd.trust.canonical import Form
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.form import UNPRINTABLE
from fusioncmd.trust.grants import Credential, PlaceCode
from fusioncmd.trust.refusals import refusal
from fusioncmd.trust.revocations import Revocations

Role = Literal["commander", "duty_officer", "auditor", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)
Name = Annotated[str, Meta(min_length=1, max_length=limits.ACCOUNT_NAME_CHARS_MAX)]
Subject = Annotated[str, Meta(max_length=limits.OIDC_SUBJECT_CHARS_MAX)]
KEY_BYTES = 16


class Account(Struct, frozen=True, array_like=True, tag="account.1", kw_only=True):
    name: Name
    roles: tuple[Role, ...]  # sorted, each once
    path: PlaceCode  # the place, and all below it
    password: Annotated[str, Meta(max_length=256)]  # an argon2id hash in PHC form; empty: no login by password
    totp: Annotated[bytes, Meta(max_length=64)]  # the secret of RFC 6238; empty: no code is asked for
    totp_step: Annotated[int, Meta(ge=0)]  # the last that was used: none before or at it counts again
    disabled: bool
    epoch: Annotated[int, Meta(ge=0)]  # sessions of an earlier one have ended
    subject: Subject  # what an identity provider calls them; empty: no login by its token
    changed_ms: Millis


_form = Form(Account, limits.ACCOUNT_BYTES_MAX)


def normal(name: str) -> str:
    """The name as it is kept; `BadInput` for one that is none."""
    kept = unicodedata.normalize("NFC", name).strip()
    if not kept or len(kept) > limits.ACCOUNT_NAME_CHARS_MAX or UNPRINTABLE.search(kept) or set(kept) & set("\t\n\r"):
        raise BadInput(
            f"A name has 1 to {limits.ACCOUNT_NAME_CHARS_MAX} characters, none of them a control character.",
            f"名称须为 1 至 {limits.ACCOUNT_NAME_CHARS_MAX} 个字符，且不含控制字符。",
        )
    return kept


def key_of(name: str) -> bytes:
    """What tells accounts apart: the same for every spelling of one name."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).strip().casefold())
    return blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


def state(account: Account, own: Credential) -> bytes:
    """The account as it is stored: said by the node."""
    return statements.state("node", _form.encode(account), own)


def read(data: bytes, anchors: Anchors, revocations: Revocations) -> Account:
    """The account that a node stated, whose key covers its place; `Untrusted` for anything else.

    An account stays when the node's key is replaced, and when it is revoked since: what that key stated before its end,
    by the time that the account names, counts. What it stated later does not.
    """
    body, chain = statements.read(data, "node", anchors)
    account = _form.decode(body)
    if "node" not in chain.leaf.purposes:
        raise refusal("purpose")
    if not account.path.startswith(chain.leaf.path):
        raise refusal("scope")
    if not chain.leaf.not_before_ms <= account.changed_ms <= chain.leaf.not_after_ms:
        raise refusal("validity")
    revocations.check(chain, account.changed_ms, account.changed_ms)
    return account
