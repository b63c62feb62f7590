"""What was said in talkgroups, and kept: found and heard again. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.api.question import CodeOrNone, Question, Verbs
from fusioncmd.messages import Id as Order
from fusioncmd.messages import Millis
from fusioncmd.voice.bounds import CLIP_BYTES_MAX, FOUND_MAX, RECORDING_BYTES_MAX, RECORDINGS_DAYS_MAX
from fusioncmd.voice.recorded import Id, Recorded

Group = Annotated[str, Meta(pattern=r"\A[0-9]{2,12}(\.[A-Za-z][A-Za-z0-9_-]{0,31})?\Z")]
SPAN_MS_MAX = RECORDINGS_DAYS_MAX * 86_400_000


class Bursts(Question["BurstsReply"], frozen=True):
    """`voice`: bursts from `from_ms` to `until_ms`, the newest first. `place`: of the talkgroup or of who spoke, or one
    above; `person`: a number, or part of a name; `where`: the talkgroup, `<code>` or `<code>.<name>`."""

    from_ms: Millis
    until_ms: Millis
    place: CodeOrNone = ""
    person: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=FOUND_MAX)] = 100
    where: Annotated[str, Meta(pattern=r"\A(|[0-9]{2,12}(\.[A-Za-z][A-Za-z0-9_-]{0,31})?)\Z")] = ""


class BurstsReply(Struct, frozen=True):
    """`more`: there are older ones; they are found with `until_ms` at the last one's time."""

    bursts: tuple[Recorded, ...]
    more: bool


class Recording(Question["RecordingReply"], frozen=True):
    """`recording`: one burst, to be heard."""

    id: Id


class RecordingReply(Struct, frozen=True):
    """`ogg` is a file of Ogg Opus (RFC 7845)."""

    burst: Recorded
    ogg: Annotated[bytes, Meta(max_length=RECORDING_BYTES_MAX)]


class SpeakOrder(Question["Speaking"], frozen=True):
    """`speak`: an open order is spoken in talkgroups, each `<code>` or `<code>.<name>`: its text by the engine that is
    installed, or `clip`, a sound file. Who hears it answers by a key, which counts like any answer."""

    order: Order
    where: Annotated[tuple[Group, ...], Meta(min_length=1, max_length=16)]
    clip: Annotated[bytes, Meta(max_length=CLIP_BYTES_MAX)] = b""


class Speaking(Struct, frozen=True):
    """It was told to the radio gateways of the node; the floor decides when it is heard. `gateways`: how many of them
    have said lately that they are there; of one that is, the node knows a minute after its own start at the latest."""

    where: tuple[str, ...]
    gateways: int = 0


class TalkPass(Question["Passed"], frozen=True):
    """`talk-pass`: who is logged in may join talkgroups in a browser, as themselves; the gateway is shown this."""


class Passed(Struct, frozen=True):
    """A `passes.Pass`, to be shown within a minute; who came in by it stays five, and is kept by the next one."""

    talk_pass: Annotated[bytes, Meta(max_length=limits.TICKET_BYTES_MAX)]


VERBS: Verbs = {
    TalkPass: ("talk-pass", Passed),
    Bursts: ("voice", BurstsReply),
    Recording: ("recording", RecordingReply),
    SpeakOrder: ("speak", Speaking),
}
