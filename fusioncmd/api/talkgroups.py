"""Temporary talkgroups: made, changed, ended; and what a terminal is offered and missed. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd.api.escalation import TicketBytes
from fusioncmd.api.question import CodeOrNone, Question, Verbs
from fusioncmd.api.voice import RecordingReply
from fusioncmd.messages import Code, Millis
from fusioncmd.voice.bounds import GROUP_MINUTES_DEFAULT, GROUP_MINUTES_MAX
from fusioncmd.voice.groups import Name, People, Places, Radios
from fusioncmd.voice.recorded import Id, Recorded


class MakeTalkgroup(Question["TalkgroupsReply"], frozen=True):
    """`make-talkgroup`: members are all who belong to `places` and below, `people` by number, `radios` by account.
    Radios of theirs that are here are called into it, pages offer it. It is of `place`; without one, of the lowest that
    covers all members. `again`: there is one, and these are its members from now on."""

    name: Name
    place: CodeOrNone = ""
    places: Places = ()
    people: People = ()
    radios: Radios = ()
    minutes: Annotated[int, Meta(ge=1, le=GROUP_MINUTES_MAX)] = GROUP_MINUTES_DEFAULT
    again: bool = False


class Talkgroups(Question["TalkgroupsReply"], frozen=True):
    """`talkgroups`: those that have not ended, of the asker's place and below, and those that have members there."""


class EndTalkgroup(Question["TalkgroupsReply"], frozen=True):
    """`end-talkgroup`: calls of radios in it end; the reply is how it was. NotFound: there is none."""

    place: Code
    name: Name


class TalkgroupLine(Struct, frozen=True):
    """`where` is what is dialled."""

    where: str
    places: tuple[str, ...]
    people: tuple[int, ...]
    radios: tuple[str, ...]
    by: str
    made_ms: int
    until_ms: int


class TalkgroupsReply(Struct, frozen=True):
    """`rung`: radios that are here and were called, or whose calls end."""

    lines: tuple[TalkgroupLine, ...]
    rung: int = 0


class Missed(Question["MissedReply"], frozen=True):
    """`missed`: a gateway asks for whoever shows `ticket`: the temporary talkgroups of which they are a member, and
    bursts of the last day, `since_ms` on, in the talkgroup `where`, the newest first, without their own."""

    ticket: TicketBytes
    where: Annotated[str, Meta(pattern=r"\A(|[0-9]{2,12}(\.[A-Za-z][A-Za-z0-9_-]{0,31})?)\Z")] = ""
    since_ms: Millis = 0


class MissedReply(Struct, frozen=True):
    groups: tuple[str, ...]
    bursts: tuple[Recorded, ...]


class MissedRecording(Question["RecordingReply"], frozen=True):
    """`missed-recording`: one of them, to be heard; noted as theirs."""

    ticket: TicketBytes
    id: Id


VERBS: Verbs = {
    MakeTalkgroup: ("make-talkgroup", TalkgroupsReply),
    Talkgroups: ("talkgroups", TalkgroupsReply),
    EndTalkgroup: ("end-talkgroup", TalkgroupsReply),
    Missed: ("missed", MissedReply),
    MissedRecording: ("missed-recording", RecordingReply),
}
OF_TERMINALS = (Missed, MissedRecording)  # they prove themselves by tickets
