"""What a responder missed in talkgroups, asked of the node for who shows a ticket: it is judged there, too."""

from __future__ import annotations

from typing import Any, cast

from fusioncmd import api, envelope, limits, subjects, tickets
from fusioncmd.api.talkgroups import Missed, MissedRecording, MissedReply
from fusioncmd.api.voice import RecordingReply
from fusioncmd.bus.port import Bus
from fusioncmd.errors import Forbidden, Unavailable
from fusioncmd.voice.bounds import MISSED_ASKED_MAX
from gateways.video.who import Guest


class MissedDesk:
    """`bus` lets it ask these two questions."""

    def __init__(self, bus: Bus) -> None:
        self._bus, self._free = bus, MISSED_ASKED_MAX

    async def listed(self, guest: Guest, authorization: str, where: str, since_ms: int) -> MissedReply:
        reply = await self._ask(Missed(_ticket(guest, authorization), where, since_ms))
        return cast(MissedReply, reply)

    async def heard(self, guest: Guest, authorization: str, ident: str) -> bytes:
        """A file of Ogg Opus. NotFound."""
        reply = await self._ask(MissedRecording(_ticket(guest, authorization), ident))
        return cast(RecordingReply, reply).ogg

    async def _ask(self, question: api.Question[Any]) -> object:
        if not self._free:
            raise Unavailable("Too many ask at once; try again.", "请求过多，请稍后重试。")
        verb, kind = api.VERBS[type(question)]
        self._free -= 1
        try:
            reply = await self._bus.ask(subjects.api(verb), envelope.encode_question(question), limits.RELAY_S_MAX)
        finally:
            self._free += 1
        return cast(object, envelope.decode_reply(kind, reply))


def _ticket(guest: Guest, authorization: str) -> bytes:
    """That `guest` was admitted by."""
    if guest.caller.number is None:
        raise Forbidden("A commander asks the console.", "指挥人员请在指挥台查询。")
    return tickets.from_text(authorization.partition(" ")[2])
