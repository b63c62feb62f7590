"""Who is let in: by password and code, by signing keys, by an identity provider's token; and who asks, by a session.

A password's reply comes after a fixed time or a multiple of it, and says the same whatever was wrong. Who has a
session, or logs in by key, feels nothing of those who guess passwords; and who shows an earlier session of the account
has failures of their own, so that nobody is kept out by others who try their name.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from fusioncmd import access, api, limits
from fusioncmd.access import Actor
from fusioncmd.accounts import passwords, sessions
from fusioncmd.accounts.account import Account, key_of
from fusioncmd.accounts.limiter import Limiter, Noted
from fusioncmd.accounts.proofs import Proofs
from fusioncmd.accounts.sessions import Session
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.codes import Path
from fusioncmd.errors import Forbidden, NoSession, Problem
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.refusals import Untrusted
from tiers.accounts import Accounts
from tiers.checks import Checks, Pause
from tiers.serving import Answer

if TYPE_CHECKING:
    from fusioncmd.accounts.oidc import Provider

log = structlog.get_logger("node")
REPLY_S = limits.LOGIN_REPLY_MS / 1000


class Logins:
    """`key` is the node's session key; `monotonic` gives seconds, `pause` waits for some."""

    def __init__(
        self, node: Path, accounts: Accounts, judge: Judge, recorder: Recorder, key: bytes, provider: Provider | None,
        checks: Checks, monotonic: Callable[[], float], pause: Pause,
    ) -> None:  # fmt: skip
        self._node, self._accounts, self._judge, self._recorder, self._key = node, accounts, judge, recorder, key
        self._provider, self._checks, self._monotonic, self._pause = provider, checks, monotonic, pause
        self._proofs = Proofs(node.code, judge.anchors, judge.revocations)
        self._limiter, self._noted, self._waiting = Limiter(), Noted(), 0
        self._limiter_shown = Limiter()  # by what names an earlier session

    def problems(self) -> tuple[tuple[str, str], ...]:
        """For health."""
        failed, seconds = self._noted.failed(self._monotonic()), limits.LOGIN_FAILURES_NOTED_S
        if failed <= limits.LOGIN_FAILURES_NOTED_MAX:
            return ()
        return (
            (f"{failed} logins failed within {seconds} s: somebody may be guessing; the audit has some of them",
             f"{seconds} 秒内 {failed} 次登录失败，可能有人在猜测密码；部分已记入审计"),
        )  # fmt: skip

    def admit(self, question: api.Question[Any], session: bytes) -> Actor | None:
        """Who asks; `NoSession` when nobody is logged in. None: nobody, and the question is open to all."""
        try:
            return self._actor(session)
        except NoSession:
            if type(question) not in access.OPEN:
                raise
            return None

    def _actor(self, data: bytes) -> Actor:
        session = sessions.check(data, self._key, self._judge.now_ms / 1000)
        if self._accounts.is_ended(session.ident):
            raise sessions.ended()
        if session.by == "key":
            if self._judge.revocations.ended(session.grants):
                raise sessions.ended()
            roles, path = session.roles, session.path
        else:
            account = self._accounts.get(key_of(session.name))
            if account is None or account.disabled or account.epoch != session.epoch:
                raise sessions.ended()
            roles, path = account.roles, account.path
        return Actor(
            session.name,
            frozenset(roles),
            Path(path),
            session.by,
            session.ident,
            session.expires_s,
            sessions.holder(session),
        )

    def answers(self) -> dict[type[Any], Answer]:
        return {
            api.Login: self.login, api.LoginByKey: self.login_by_key, api.LoginByToken: self.login_by_token,
            api.WhoAmI: self.who_am_i, api.Logout: self.logout,
        }  # fmt: skip

    async def login(self, question: api.Login, _: Actor | None) -> api.LoggedIn:
        began_s, account = self._monotonic(), self._accounts.get(key_of(question.name))
        if account is None and self._waiting >= limits.LOGIN_REPLIES_WAITING_MAX:
            raise self._failed("", "no such account")
        shown = self._shown(question, account)
        self._checks.check_free(bool(shown))
        limiter = self._limiter_shown if shown else self._limiter
        left_s = limiter.begin(shown or key_of(question.name), account is not None, began_s)
        if left_s:
            self._noted.count(began_s)
            raise Forbidden(
                f"Too many wrong logins; try again in {left_s} s.", f"登录失败次数过多，请 {left_s} 秒后再试。"
            )
        self._waiting += 1
        try:
            found = await self._tried(question, account, bool(shown))
            passed_s = self._monotonic() - began_s
            await self._pause(max(1, math.ceil(passed_s / REPLY_S)) * REPLY_S - passed_s)
        finally:
            self._waiting -= 1
        if isinstance(found, Problem):
            raise found
        limiter.succeeded(shown or key_of(question.name))
        return found

    def _shown(self, question: api.Login, account: Account | None) -> bytes:
        """What names the earlier session of the account that is shown; empty when none is."""
        if account is None or not question.shown:
            return b""
        try:
            session = sessions.read(question.shown, self._key)
        except NoSession:
            return b""  # it sets nobody apart, and keeps nobody out
        same = session.by == "account" and key_of(session.name) == key_of(account.name)
        late = self._judge.now_ms / 1000 - session.expires_s > limits.LOGIN_SHOWN_S_MAX
        ended = session.epoch != account.epoch or self._accounts.is_ended(session.ident)
        return session.ident if same and not late and not ended else b""

    async def _tried(self, question: api.Login, account: Account | None, shown: bool) -> api.LoggedIn | Problem:
        if account is None or account.disabled or not account.password:
            await self._checks.pretend()
            return self._failed(question.name if account is not None else "", "no such account")
        fits = await self._checks.fits(account.password, question.password, shown)
        changes: dict[str, object] = {}
        if account.totp:
            now_s = self._judge.now_ms / 1000
            step = passwords.totp_step(account.totp, question.code, now_s, account.totp_step)
            fits = fits and step is not None
            changes["totp_step"] = step
        if not fits:
            return self._failed(account.name, "wrong password or code")
        if passwords.is_outdated(account.password):
            changes["password"] = await self._checks.hashed(question.password)
        try:
            if changes:
                await self._accounts.used(account, **changes)
            return await self._let_in_account(account, "password")
        except Problem as problem:
            return problem

    async def login_by_key(self, question: api.LoginByKey, _: Actor | None) -> api.LoggedIn:
        try:
            proved = self._proofs.check(question.proofs, self._judge.now_ms)
        except Untrusted as problem:
            self._failed("", f"key: {problem.reason}")
            raise
        except Forbidden:
            self._noted.count(self._monotonic())  # too often: health says so, and the audit is not filled with it
            raise
        if not (self._node.code.startswith(proved.path) or proved.path.startswith(self._node.code)):
            raise Forbidden(
                f"The key is for {proved.path}; this node is {self._node}.",
                f"密钥属于 {proved.path}，本节点为 {self._node}。",
            )
        until_s = min(self._judge.now_ms // 1000 + limits.SESSION_S, proved.until_ms // 1000)
        session = Session(
            ident=os.urandom(sessions.IDENT_BYTES), by="key", name=proved.holder, epoch=0, grants=proved.grants,
            roles=tuple(sorted(proved.roles)), path=proved.path, expires_s=until_s,
        )  # fmt: skip
        return await self._let_in(session, "key")

    async def login_by_token(self, question: api.LoginByToken, _: Actor | None) -> api.LoggedIn:
        if self._provider is None:
            raise Forbidden(
                "No identity provider is set up here (oidc.toml).", "本节点未配置统一身份认证（oidc.toml）。"
            )
        try:
            subject = self._provider.subject_of(question.token, question.nonce, self._judge.now_ms / 1000)
        except Problem as problem:
            self._failed("", f"token: {problem.en}")
            raise
        account = self._accounts.of_subject(subject)
        if account is None or account.disabled:
            raise self._failed("" if account is None else account.name, "token of nobody")
        return await self._let_in_account(account, "token")

    async def who_am_i(self, _: api.WhoAmI, who: Actor) -> api.Identity:
        return self._identity(who.name, who.by, tuple(sorted(who.roles)), who.path.code, who.until_s)

    async def logout(self, _: api.Logout, who: Actor) -> api.LoggedOut:
        await self._accounts.end(who)
        await self._recorder.record_after(Entry(self._judge.now_ms, who.name, "logout", self._node.code))
        return api.LoggedOut(who.name)

    async def _let_in_account(self, account: Account, how: str) -> api.LoggedIn:
        session = Session(
            ident=os.urandom(sessions.IDENT_BYTES), by="account", name=account.name, epoch=account.epoch, grants=(),
            roles=account.roles, path=account.path, expires_s=self._judge.now_ms // 1000 + limits.SESSION_S,
        )  # fmt: skip
        return await self._let_in(session, how)

    async def _let_in(self, session: Session, how: str) -> api.LoggedIn:
        details = {"by": how, "roles": " ".join(session.roles), "path": session.path}
        await self._recorder.record(Entry(self._judge.now_ms, session.name, "login", self._node.code, "", details))
        who = self._identity(session.name, session.by, session.roles, session.path, session.expires_s)
        return api.LoggedIn(sessions.mint(session, self._key), who)

    def _identity(self, name: str, by: Any, roles: Any, path: str, until_s: int) -> api.Identity:
        return api.Identity(name, by, roles, path, self._node.code, until_s, self._judge.now_ms)

    def _failed(self, name: str, why: str) -> Forbidden:
        """Written down, unless there are too many, without a name that may be a mistyped password."""
        shed = self._noted.allow(self._monotonic())
        if shed is not None:
            details = {"shed": str(shed)} if shed else {}
            entry = Entry(self._judge.now_ms, name or "unknown", "login", self._node.code, why, details)
            self._recorder.note(entry)
        return _wrong()


def _wrong() -> Forbidden:
    return Forbidden("The name, the password or the code is wrong.", "名称、密码或动态码不正确。")
