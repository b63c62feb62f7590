"""A commander's end of the bus: a question of the `api` vocabulary in, its reply out."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

from msgspec import structs

from fusioncmd import access, api, envelope, ids, subjects
from fusioncmd.accounts import proofs
from fusioncmd.bus.port import Bus
from fusioncmd.errors import BusDown, NoReply, NoSession, NotReady, Unsure
from fusioncmd.limits import CLOCK_SKEW_MS_MAX
from fusioncmd.orders import check_asked
from fusioncmd.trust import seals
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.form import order_of
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.refusals import SecondNeeded
from fusioncmd.trust.revocations import Revocations

R = TypeVar("R")

ASK_S_MAX = 10.0
RETRY_S = 0.3
FIRST_TRY_S = 2.0  # doubled with each try: a node that was killed over a question never replies to it


class Commander:
    """Asks the tier node on `bus`. A question may be asked again after a lost reply: each is idempotent, or asked once.

    `session` is what a login gave; without one, few questions are answered. `log_in` gets one when there is none, or
    when the node does not take it any more.
    """

    def __init__(
        self, bus: Bus, session: bytes = b"", log_in: Callable[[Commander], Awaitable[bytes]] | None = None
    ) -> None:
        self.bus, self.session, self._log_in = bus, session, log_in

    async def log_in(self) -> None:
        """Have a session, if there is a way to get one."""
        if self._log_in is not None:
            self.session = await self._log_in(self)

    async def issue(self, draft: api.Draft, own: Credential, timeout_s: float = ASK_S_MAX) -> api.Issued:
        """Have the order composed, see that it is what `draft` asks for, sign it with `own`, have it issued.

        In the name of the key's holder, at the narrowest of the node's place, the key's, and that of who is logged in.
        `SecondNeeded` when one commander is not enough.
        """
        issued = await self._issue(draft, own, timeout_s, propose=False)
        assert isinstance(issued, api.Issued)
        return issued

    async def issue_or_propose(
        self, draft: api.Draft, own: Credential, timeout_s: float = ASK_S_MAX
    ) -> api.Issued | api.Proposal:
        """As `issue`; an order that needs a second commander waits for one then."""
        return await self._issue(draft, own, timeout_s, propose=True)

    async def approve(
        self, proposed: bytes, own: Credential, anchors: Anchors, timeout_s: float = ASK_S_MAX
    ) -> api.Issued:
        """Add the signature of `own`, which has to be another person's, to a sealed order, and have it issued."""
        clock = asyncio.get_running_loop().time
        give_up = clock() + timeout_s
        now_ms = (await self.ask(api.Health(), timeout_s)).now_ms
        sealed = seals.approve(proposed, own)
        seals.verify(sealed, anchors, Revocations(anchors), now_ms)  # as everyone will: said here what is wrong with it
        return await self.ask(api.Issue(sealed, now_ms + int(1000 * timeout_s)), give_up - clock())

    async def _issue(
        self, draft: api.Draft, own: Credential, timeout_s: float, propose: bool
    ) -> api.Issued | api.Proposal:
        clock = asyncio.get_running_loop().time
        give_up = clock() + timeout_s
        who = await self.ask(api.WhoAmI(), timeout_s)
        until_ms = who.now_ms + int(1000 * (give_up - clock()))
        place = max(who.node, own.grant.path, who.path, key=len)
        draft = structs.replace(draft, issuer=own.grant.holder, node=place)
        body = (await self.ask(api.Compose(draft), give_up - clock())).body
        check_asked(order_of(body), draft, ids.time_ms(draft.id))
        sealed = seals.seal(body, own)
        try:
            return await self.ask(api.Issue(sealed, until_ms), give_up - clock())
        except SecondNeeded:
            if not propose:
                raise
        return await self.ask(api.Propose(sealed, until_ms), give_up - clock())

    async def ask(self, request: api.Question[R], timeout_s: float = ASK_S_MAX) -> R:
        """The node's reply; its `Problem` is raised here. While no reply comes, or the node
        is not ready, ask again, until `timeout_s`. Without a session, or when it has ended, log in once."""
        if not self.session and type(request) not in access.OPEN:
            await self.log_in()
        try:
            return await self._ask(request, timeout_s)
        except NoSession:
            if self._log_in is None:
                raise
            await self.log_in()
            return await self._ask(request, timeout_s)

    async def _ask(self, request: api.Question[R], timeout_s: float) -> R:
        loop = asyncio.get_running_loop()
        give_up, try_s, asked = loop.time() + timeout_s, FIRST_TRY_S, False
        verb, kind = api.VERBS[type(request)]
        data = envelope.encode_question(request, self.session)
        once = type(request) in api.ONCE
        while True:
            try:
                left_s = max(give_up - loop.time(), 0.05)
                reply = await self.bus.ask(subjects.api(verb), data, left_s if once else min(try_s, left_s))
                return cast(R, envelope.decode_reply(kind, reply))
            except (BusDown, NotReady) as problem:
                asked = asked or isinstance(problem, NoReply)
                if loop.time() + RETRY_S >= give_up or (once and asked):
                    raise _unsure() if asked and isinstance(request, api.Issue) else problem from None
                await asyncio.sleep(RETRY_S)
                try_s *= 2


async def key_login(
    commander: Commander, keys: Sequence[Credential], clock: Callable[[], float] = time.time
) -> api.LoggedIn:
    """A session of who holds `keys` (of one holder and place); `clock` gives seconds since 1970. Where it shows a time
    from before they were granted it is wrong for certain, and the node's is taken: a kit's machine may have lost it."""
    health = await commander.ask(api.Health())
    nonce, now_ms = os.urandom(proofs.NONCE_BYTES), int(clock() * 1000)
    if any(now_ms < own.grant.not_before_ms - CLOCK_SKEW_MS_MAX for own in keys):
        now_ms = health.now_ms
    given = tuple(proofs.prove(own, health.node, now_ms, nonce) for own in keys)
    return await commander.ask(api.LoginByKey(given))


def _unsure() -> Unsure:
    return Unsure(
        "The node was asked to issue it and did not confirm in time: it may have been issued, or not. From now on it "
        "will not be. Look at `fusioncmd orders` before you try again.",
        "已请求下达，但节点未及时确认：可能已下达，也可能没有；此后不会再下达。请先用 fusioncmd orders 查看再重试。",
    )
