"""What a node answers of voice: which bursts were kept, and one to be heard, also by who missed it; an order that is to
be spoken; and who may join talkgroups in a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

from fusioncmd import ids, passes, subjects, tickets
from fusioncmd.access import Actor, check_places
from fusioncmd.api.talkgroups import Missed, MissedRecording, MissedReply
from fusioncmd.api.voice import (
    SPAN_MS_MAX,
    Bursts,
    BurstsReply,
    Passed,
    Recording,
    RecordingReply,
    Speaking,
    SpeakOrder,
    TalkPass,
)
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.bus.port import Bus
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.voice.bounds import MISSED_MAX, MISSED_S_MAX, USER_CHARS_MAX
from fusioncmd.voice.recorded import Recorded, could_hear, matches, may_hear, was_in
from fusioncmd.voice.speak import Speak, encode
from tiers.desk import Desk
from tiers.recordings import Recordings
from tiers.serving import Answer

STAYS_S = 300  # the page asks for the next one each minute; who is logged out gets none
HOLDERS_MAX = 1_024  # whose pass is known to hold; beyond, each pass goes into the audit


class VoiceDesk:
    """Of the recordings in the node's `data`, which another process writes (`talk.py`). `key` makes tickets."""

    def __init__(
        self, bus: Bus, desk: Desk, data: FilePath, key: bytes, recorder: Recorder, clock: Callable[[], float]
    ) -> None:
        self._bus, self._desk, self._key = bus, desk, key
        self._recordings, self._recorder, self._clock = Recordings(data, clock), recorder, clock
        self._holders: dict[bytes | str, int] = {}  # by session or name, until when (since 1970) the last pass holds
        self.gateways: Callable[[], int] = lambda: 0  # of radios, that are there
        self.groups_of: Callable[[str, int], tuple[str, ...]] = lambda place, number: ()  # temporary ones of a person

    def answers(self) -> dict[type[Any], Answer]:
        return {
            Bursts: self.bursts, Recording: self.recording, SpeakOrder: self.speak, TalkPass: self.talk_pass,
            Missed: self.missed, MissedRecording: self.missed_recording,
        }  # fmt: skip

    async def speak(self, question: SpeakOrder, who: Actor) -> Speaking:
        """What is spoken is the order as it was signed; a clip is whoever's word who asks, and noted as theirs."""
        order = self._desk.ledger.book.orders.get(question.order)
        if order is None or self._desk.ledger.book.state(order, self._desk.now_ms) != "open":
            raise NotFound("There is no such open order.", "没有这条有效指令。")
        check_places(who, (order.node,))
        how = "clip" if question.clip else "text"
        details = {"what": "spoken", "order": ids.to_text(order.id), "where": " ".join(question.where), "how": how}
        await self._recorder.record(
            Entry(int(self._clock() * 1_000), who.name, "voice", question.where[0], details=details)
        )
        said = Speak(question.order, question.where, question.clip)
        await self._bus.say(subjects.radio_speak(self._desk.node), encode(said))
        return Speaking(question.where, self.gateways())

    async def talk_pass(self, question: TalkPass, who: Actor) -> Passed:
        """In the audit before it holds; one that follows another while that holds is the same stay."""
        now_s, holder = int(self._clock()), who.session or who.name
        until_s = min(who.until_s or now_s + STAYS_S, now_s + STAYS_S)
        self._holders = {one: held_s for one, held_s in self._holders.items() if held_s > now_s}
        if holder not in self._holders:
            details = {"what": "talk pass", "until": str(until_s)}
            await self._recorder.record(
                Entry(int(self._clock() * 1_000), who.name, "voice", who.path.code, details=details)
            )
        if holder in self._holders or len(self._holders) < HOLDERS_MAX:
            self._holders[holder] = until_s
        made = passes.Pass(who.name[:USER_CHARS_MAX], who.path.code, now_s + passes.SHOWN_WITHIN_S, until_s)
        return Passed(passes.mint(made, self._key))

    async def bursts(self, question: Bursts, who: Actor) -> BurstsReply:
        if not 0 <= question.until_ms - question.from_ms <= SPAN_MS_MAX:
            raise BadInput("The time ends before it begins, or is too long.", "结束时间早于开始时间，或时段过长。")
        found = await asyncio.to_thread(
            self._recordings.found, question.from_ms, question.until_ms,
            lambda one: may_hear(one, who.path) and was_in(one, question.where)
            and matches(one, question.place, question.person), question.limit + 1,
        )  # fmt: skip
        return BurstsReply(tuple(found[: question.limit]), len(found) > question.limit)

    async def recording(self, question: Recording, who: Actor) -> RecordingReply:
        one, data = await asyncio.to_thread(self._recordings.read, question.id)
        if not may_hear(one, who.path):  # as if there were none: that somebody spoke is not told either
            raise NotFound(
                f"There is no recording {question.id} for {who.name}.", f"{who.name} 没有录音 {question.id}。"
            )
        self._note_heard(one, who.name)
        return RecordingReply(one, data)

    async def missed(self, question: Missed, who: Actor | None) -> MissedReply:
        """What a person could have heard live. BadTicket."""
        person = tickets.check(question.ticket, self._key, self._clock())
        groups = self.groups_of(person.village, person.number)
        until_ms = int(self._clock() * 1_000)
        found = await asyncio.to_thread(
            self._recordings.found, max(question.since_ms, until_ms - MISSED_S_MAX * 1_000), until_ms,
            lambda one: one.number != person.number and was_in(one, question.where)
            and could_hear(one, person.village, groups), MISSED_MAX,
        )  # fmt: skip
        return MissedReply(groups, tuple(found))

    async def missed_recording(self, question: MissedRecording, who: Actor | None) -> RecordingReply:
        """BadTicket; NotFound, too, for what is of another talkgroup or older than a day."""
        person = tickets.check(question.ticket, self._key, self._clock())
        one, data = await asyncio.to_thread(self._recordings.read, question.id)
        old = one.at_ms < (self._clock() - MISSED_S_MAX) * 1_000
        if old or not could_hear(one, person.village, self.groups_of(person.village, person.number)):
            raise NotFound(f"There is no recording {question.id} for you.", f"没有您可收听的录音 {question.id}。")
        self._note_heard(one, f"{person.village} {person.number}")
        return RecordingReply(one, data)

    def _note_heard(self, one: Recorded, by: str) -> None:
        details = {"what": "heard", "group": f"{one.place}.{one.group}", "speaker": one.name}
        self._recorder.note(Entry(int(self._clock() * 1_000), by, "voice", one.id, details=details))
