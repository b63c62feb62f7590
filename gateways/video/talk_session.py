"""A browser in a talkgroup: one section of sound, Opus both ways, and a data channel for floor messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fusioncmd.errors import BadMessage
from gateways.video import bounds
from gateways.video.negotiation import Choice, NoCommonCodec, Section
from gateways.video.rtc import Session

CHANNEL = "floor"


class TalkSession(Session):
    """`opened`: sound and floor are there; `sound` is given each RTP packet, `floor` each floor message; `ended`: the
    browser is gone."""

    def __init__(
        self, opened: Callable[[], None], sound: Callable[[bytes], None], floor: Callable[[bytes], None],
        ended: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__(_nothing, sound, _unheard, ended)
        self._joined, self._floor = opened, floor
        self._channel: Any = None
        self._pc.on("datachannel", self._offered)

    @property
    def payload_type(self) -> int:
        choice = self.choices[0]
        return 0 if choice is None else choice.codec.payload_type

    @property
    def ssrc(self) -> int:
        return self.ssrcs["audio"]

    async def talk(self, offer: str) -> str:
        """SDP for SDP. Raises BadMessage for an offer that is none, or has no Opus."""
        return await self.answer(offer, sound_and_floor)

    def say(self, message: bytes) -> bool:
        """A floor message; False when the browser takes none any more."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return False
        if channel.bufferedAmount > bounds.FLOOR_WAITING_BYTES_MAX:
            return False
        channel.send(message)
        return True

    def _offered(self, channel: Any) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._said)
        self._joined()

    def _said(self, message: bytes | str) -> None:
        if isinstance(message, bytes):
            self._floor(message)
        else:
            self.refused += 1


def sound_and_floor(sections: Sequence[Section]) -> list[Choice | None]:
    audio = [each for each in sections if each.kind == "audio"]
    if len(audio) != 1 or [each.kind for each in sections if each not in audio] != ["application"]:
        raise BadMessage("The offer must have one section of sound and one of data.", "邀约须有一段声音和一段数据。")
    opus = next((one for one in audio[0].codecs if one.name.lower() == "opus"), None)
    if opus is None:
        raise NoCommonCodec("The offer has no Opus.", "邀约中没有 Opus。")
    return [Choice(opus, "sendrecv")]


def _nothing() -> None:
    """Who has no floor yet is not there."""


def _unheard(_: bytes) -> None:
    """Its reports."""
