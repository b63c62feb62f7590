"""Who asks: logging in and out, and the accounts of commanders. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.accounts.account import Name, Role, Subject
from fusioncmd.api.question import Question, Verbs
from fusioncmd.trust.grants import PlaceCode

Password = Annotated[str, Meta(max_length=limits.PASSWORD_CHARS_MAX)]
Proof = Annotated[bytes, Meta(max_length=limits.STATEMENT_BYTES_MAX)]
Roles = Annotated[tuple[Role, ...], Meta(min_length=1, max_length=4)]


class Login(Question["LoggedIn"], frozen=True):
    """`login`: by password, and by the code of an app where the account has one. `shown` is the session of an earlier
    login, also one that has expired: who has it is not made to wait because others guess under their name."""

    name: Annotated[str, Meta(max_length=limits.ACCOUNT_NAME_CHARS_MAX)]
    password: Password
    code: Annotated[str, Meta(max_length=16)] = ""
    shown: Annotated[bytes, Meta(max_length=limits.SESSION_BYTES_MAX)] = b""


class LoginByKey(Question["LoggedIn"], frozen=True):
    """`login_key`: by signing keys in hand (accounts/proofs.py), all of one holder and place."""

    proofs: Annotated[tuple[Proof, ...], Meta(min_length=1, max_length=limits.LOGIN_KEYS_MAX)]


class LoginByToken(Question["LoggedIn"], frozen=True):
    """`login_token`: by an ID token of OpenID Connect; `nonce` is what it was asked for with."""

    token: Annotated[str, Meta(max_length=limits.OIDC_TOKEN_CHARS_MAX)]
    nonce: Annotated[str, Meta(max_length=256)] = ""


class Identity(Struct, frozen=True):
    """Who somebody is to this node."""

    name: str
    by: Literal["account", "key"]
    roles: tuple[Role, ...]
    path: str  # their place
    node: str
    expires_s: int  # since 1970: until then the session is good
    now_ms: int


class LoggedIn(Struct, frozen=True):
    session: bytes
    identity: Identity


class WhoAmI(Question["Identity"], frozen=True):
    """`whoami`"""


class Logout(Question["LoggedOut"], frozen=True):
    """`logout`: this session ends."""


class LoggedOut(Struct, frozen=True):
    name: str


class AddAccount(Question["AccountMade"], frozen=True, kw_only=True):
    """`account_add`: `password` may be empty where the account logs in by an identity provider (`subject`)."""

    name: Name
    roles: Roles
    path: PlaceCode
    password: Password = ""
    totp: bool = False
    subject: Subject = ""


class ChangeAccount(Question["AccountMade"], frozen=True, kw_only=True):
    """`account_change`: what is None stays. Every change ends the account's sessions."""

    name: Name
    disabled: bool | None = None
    password: Password | None = None
    totp: bool | None = None  # True makes a new secret, False asks for no code any more
    roles: Roles | None = None
    path: PlaceCode | None = None
    subject: Subject | None = None


class AccountLine(Struct, frozen=True):
    name: str
    roles: tuple[Role, ...]
    path: str
    disabled: bool
    has_password: bool
    has_totp: bool
    subject: str
    changed_ms: int


class AccountMade(Struct, frozen=True):
    """`totp` is the new secret, shown this once; empty when none was made."""

    account: AccountLine
    totp: bytes = b""


class Accounts(Question["AccountsReply"], frozen=True):
    """`accounts`: those of the asker's place and below."""


class AccountsReply(Struct, frozen=True):
    accounts: tuple[AccountLine, ...]


VERBS: Verbs = {
    Login: ("login", LoggedIn),
    LoginByKey: ("login_key", LoggedIn),
    LoginByToken: ("login_token", LoggedIn),
    WhoAmI: ("whoami", Identity),
    Logout: ("logout", LoggedOut),
    AddAccount: ("account_add", AccountMade),
    ChangeAccount: ("account_change", AccountMade),
    Accounts: ("accounts", AccountsReply),
}
ONCE = frozenset({Login, LoginByKey, LoginByToken, AddAccount, ChangeAccount})
