"""The accounts that a node knows, as they stand in the stream, and the sessions that were ended before their time.

What is folded is what counts: a change is in the audit, then on disk, before it holds, and every session of the account
ends with it. What only takes away (an account that is disabled, sessions that end) holds at once, and is told after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, structs

from fusioncmd import api, limits, subjects
from fusioncmd.access import Actor, check_places
from fusioncmd.accounts import account as accounts
from fusioncmd.accounts import passwords
from fusioncmd.accounts.account import Account, key_of
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.bus.port import Bus, Stored
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadInput, BadMessage, Conflict, NotFound, StorageFull
from fusioncmd.trust import shares
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.refusals import refusal
from fusioncmd.trust.shares import Takers

Hash = Callable[[str], Awaitable[str]]
ENDED_BYTES_MAX = 192 * 1024
NOBODYS: Takers = (b"",)


Whose = Annotated[Takers, Meta(min_length=1)]


class Ended(Struct, frozen=True, array_like=True, tag="ended.2"):
    """Sessions that were ended: what names each, when it would have expired (seconds since 1970), and whose it was."""

    sessions: Annotated[tuple[tuple[bytes, int, Whose], ...], Meta(max_length=limits.SESSIONS_ENDED_MAX)]


class EndedBefore(Struct, frozen=True, array_like=True, tag="ended.1"):
    """As a version wrote it that kept no shares: what names each session, and when it would have expired."""

    sessions: Annotated[tuple[tuple[bytes, int], ...], Meta(max_length=limits.SESSIONS_ENDED_MAX)]


class Accounts:
    """`own` gives the node's key that is in use (`Unavailable` while none is good); `hashed` makes a password's hash
    without keeping the node from its work."""

    def __init__(
        self, bus: Bus, places: Divisions, judge: Judge, own: Callable[[], Credential], recorder: Recorder, hashed: Hash
    ) -> None:
        self._bus, self._places, self._judge, self._own = bus, places, judge, own
        self._recorder, self._hashed = recorder, hashed
        self._held: dict[bytes, tuple[Account, int]] = {}  # by key → the account, and its sequence in the stream
        self._ended: dict[bytes, tuple[int, Takers]] = {}  # until when, and whose share it takes
        self._ended_seq = 0  # of the list that counts
        self._one_at_a_time = asyncio.Lock()

    def fold(self, stored: Stored) -> None:
        """`Untrusted`, and nothing changed, for an account that no node stated."""
        if stored.subject == subjects.ENDED_SESSIONS:
            if stored.seq > self._ended_seq:
                self._fold_ended(stored.data)
                self._ended_seq = stored.seq
            return
        account = accounts.read(stored.data, self._judge.anchors, self._judge.revocations)
        key = key_of(account.name)
        if key in self._held and stored.seq < self._held[key][1]:
            return  # what was put since counts already
        if stored.subject != subjects.account(key):
            raise refusal("subject")
        if key not in self._held and len(self._held) >= limits.ACCOUNTS_MAX:
            raise refusal("full")
        self._held[key] = account, stored.seq

    def get(self, key: bytes) -> Account | None:
        held = self._held.get(key)
        return None if held is None else held[0]

    def of_subject(self, subject: str) -> Account | None:
        """Whom an identity provider calls so; None when nobody, or not only one, is."""
        found = [account for account, _ in self._held.values() if subject and account.subject == subject]
        return found[0] if len(found) == 1 else None

    def is_ended(self, session: bytes) -> bool:
        return session in self._ended

    async def end(self, who: Actor) -> None:
        """The session of `who`; on disk when it returns."""
        async with self._one_at_a_time:
            now_s = self._judge.now_ms // 1000
            kept = {ident: held for ident, held in self._ended.items() if held[0] > now_s and ident != who.session}
            own, branch = limits.SESSIONS_ENDED_PER_HOLDER_MAX, limits.SESSIONS_ENDED_PER_BRANCH_MAX
            taken = (holder for _, holder in kept.values())
            if len(kept) >= limits.SESSIONS_ENDED_MAX or shares.is_full(who.holder, taken, own, branch):
                raise StorageFull(
                    "Too many sessions were ended lately; this one ends by itself.",
                    "近期注销过多；该会话到期自动失效。",
                )
            kept[who.session] = who.until_s, who.holder
            data = msgspec.msgpack.encode(Ended(tuple((ident, *held) for ident, held in kept.items())))
            self._ended_seq = await self._bus.store(subjects.ENDED_SESSIONS, data)
            self._ended = kept

    async def put(self, account: Account, entry: Entry | None = None) -> None:
        """On disk, and in force, when it returns; `entry` is in the audit before. `Conflict` when another change came
        first."""
        key = key_of(account.name)
        seq = self._held[key][1] if key in self._held else 0
        if not seq and len(self._held) >= limits.ACCOUNTS_MAX:
            raise StorageFull(f"There are {limits.ACCOUNTS_MAX} accounts already.", "账户数量已达上限。")
        subject, data = subjects.account(key), accounts.state(account, self._own())
        accounts.read(data, self._judge.anchors, self._judge.revocations)  # or it would push out what is believed
        if entry is not None:
            await self._recorder.record(entry)
        self.fold(Stored(subject, data, await self._bus.store(subject, data, expect_last=seq)))

    async def add(self, question: api.AddAccount, who: Actor) -> api.AccountMade:
        name = accounts.normal(question.name)
        self._check_place(question.path)
        if not question.password and not question.subject:
            raise BadInput("An account needs a password or an identity.", "账户须有密码或统一身份标识。")
        self._check_free(question.subject, name)
        hash_ = await self._password(question.password, name) if question.password else ""
        secret = passwords.new_totp_secret() if question.totp else b""
        made = Account(
            name=name, roles=tuple(sorted(set(question.roles))), path=question.path, password=hash_, totp=secret,
            totp_step=0, disabled=False, epoch=1, subject=question.subject, changed_ms=self._judge.now_ms,
        )  # fmt: skip
        async with self._one_at_a_time:
            if key_of(name) in self._held:
                raise Conflict(f"There is an account {name} already.", f"账户 {name} 已存在。")
            await self.put(made, self._entry(who, made, "added"))
        return api.AccountMade(line_of(made), secret)

    async def change(self, question: api.ChangeAccount, who: Actor) -> api.AccountMade:
        key = key_of(question.name)
        before = self._of(key, question.name, who)
        if question.path is not None:
            self._check_place(question.path)
        if question.subject is not None:
            self._check_free(question.subject, before.name)
        asked = {f: getattr(question, f) for f in ("disabled", "path", "subject") if getattr(question, f) is not None}
        secret = passwords.new_totp_secret() if question.totp else b""
        if question.totp is not None:
            asked |= {"totp": secret, "totp_step": 0}
        if question.roles is not None:
            asked["roles"] = tuple(sorted(set(question.roles)))
        if question.password is not None:
            asked["password"] = await self._password(question.password, before.name)
        async with self._one_at_a_time:
            before = self._of(key, question.name, who)
            changed = structs.replace(before, **asked, epoch=before.epoch + 1, changed_ms=self._judge.now_ms)
            entry = self._entry(who, changed, " ".join(sorted(asked)) or "sessions ended")
            narrows = question.disabled is True or not asked
            await self.put(changed, None if narrows else entry)
            if narrows:
                await self._recorder.record_after(entry)
        return api.AccountMade(line_of(changed), secret)

    async def used(self, account: Account, **changes: object) -> None:
        """A login changed the account: a code was used, or its password's hash is of today's parameters. `Conflict`
        when the account changed meanwhile."""
        async with self._one_at_a_time:
            if self.get(key_of(account.name)) != account:
                raise Conflict("The account was changed meanwhile; log in again.", "账户刚被修改，请重新登录。")
            await self.put(structs.replace(account, **changes, changed_ms=self._judge.now_ms))

    def officials(self, place: str) -> tuple[str, ...]:
        """Who may order or prepare orders there: names of accounts of that place or above it."""
        roles = {"commander", "duty_officer"}
        held = (account for account, _ in self._held.values() if not account.disabled)
        return tuple(
            sorted(account.name for account in held if roles & set(account.roles) and place.startswith(account.path))
        )

    async def list(self, _: api.Accounts, who: Actor) -> api.AccountsReply:
        mine = [account for account, _ in self._held.values() if account.path.startswith(who.path.code)]
        return api.AccountsReply(tuple(line_of(account) for account in sorted(mine, key=lambda a: a.name)))

    async def _password(self, password: str, name: str) -> str:
        passwords.check_new(password, name)
        return await self._hashed(password)

    def _of(self, key: bytes, name: str, who: Actor) -> Account:
        account = self.get(key)
        if account is None or not account.path.startswith(who.path.code):
            raise NotFound(f"There is no account {name}.", f"没有账户 {name}。")
        check_places(who, (account.path,))
        return account

    def _check_place(self, code: str) -> None:
        if code not in self._places.names or not code.startswith(self._own().grant.path):
            raise NotFound(f"There is no place with the code {code} here.", f"本节点没有代码为 {code} 的地点。")

    def _check_free(self, subject: str, name: str) -> None:
        other = self.of_subject(subject)
        if other is not None and other.name != name:
            raise Conflict(f"That identity is the account {other.name}'s.", f"该身份标识已属于账户 {other.name}。")

    def _entry(self, who: Actor, account: Account, what: str) -> Entry:
        details = {"what": what, "roles": " ".join(account.roles), "path": account.path}
        return Entry(self._judge.now_ms, who.name, "account", account.name, "", details)

    def _fold_ended(self, data: bytes) -> None:
        try:
            if len(data) > ENDED_BYTES_MAX:
                raise BadMessage("The list of ended sessions is too long.", "已注销会话列表过长。")
            ended = msgspec.msgpack.decode(data, type=Ended | EndedBefore)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadMessage(f"Not a list of ended sessions: {error}.", f"不是已注销会话列表：{error}。") from None
        self._ended = {ident: (until_s, whose[0] if whose else NOBODYS) for ident, until_s, *whose in ended.sessions}


def line_of(account: Account) -> api.AccountLine:
    """What an administrator may see of it."""
    return api.AccountLine(
        account.name, account.roles, account.path, account.disabled, bool(account.password), bool(account.totp),
        account.subject, account.changed_ms,
    )  # fmt: skip
