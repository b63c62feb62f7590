"""One call as media sees it: whose it is, how its button is pressed, where its packets go. No socket of its own.

Who has no floor control presses by key (* down, # up) or by speaking: until the first key it is by voice.
"""

from __future__ import annotations

from typing import Literal

from fusioncmd.codes import parse
from fusioncmd.floor.participant import Participant
from fusioncmd.floor.priority import floor_priority
from fusioncmd.voice import dtmf, rtp
from fusioncmd.voice.activity import LOOKBACK_MS, DelayLine, VoiceActivity
from fusioncmd.voice.bounds import BEFORE_MS_MAX, USER_CHARS_MAX
from fusioncmd.voice.frames import Speaker
from gateways.radio.calls import CallChanged, CallUp, MediaOffer
from gateways.radio.sockets import Address, Pair
from gateways.radio.srtp import Srtp
from gateways.radio.uplink import Sound, Uplink

Button = Literal["floor", "keys", "voice"]
PUSH, LIFT = "*", "#"


class Leg:
    """`ssrc` is ours, towards this peer. Who has no `pair` of sockets listens to nothing."""

    order = b""  # that it speaks

    def __init__(self, call: CallUp, pair: Pair | None, ssrc: int, srtp: Srtp | None) -> None:
        self.call, self.who, self._pair, self.ssrc, self.srtp = call.call, call.who, pair, ssrc, srtp
        self.button: Button = "voice" if call.offer.floor is None else "floor"
        name = (call.who.name or call.who.account)[:USER_CHARS_MAX]
        self.speaker = Speaker(call.who.number, call.who.node, name)
        self.priority = floor_priority(parse(call.who.node).tier)
        self.emergency_priority = floor_priority(parse(call.who.node).tier, emergency=True)
        self.participant = Participant(name, ssrc)  # who has no floor control is played by it
        self.sequence = ssrc & 0xFFFF
        self.refused = 0  # packets that were none, or not the peer's
        self.asked, self.sounded_ms = False, 0  # by voice, since it began; and when a packet of sound came
        self._keypad = dtmf.Keypad()
        self._activity, self._line = VoiceActivity(), DelayLine[Sound]()
        self._begin(call.offer)

    @property
    def pair(self) -> Pair:
        assert self._pair is not None
        return self._pair

    def change(self, changed: CallChanged, srtp: Srtp | None) -> None:
        """A re-INVITE."""
        self.srtp = srtp
        self.button = "floor" if changed.offer.floor is not None else "voice" if self.button == "floor" else self.button
        self._begin(changed.offer)

    def _begin(self, offer: MediaOffer) -> None:
        self.offer = offer
        self.peer: Address = (offer.host, offer.port)
        self.floor_peer: Address | None = offer.floor
        self.listens = offer.receive and offer.port > 0
        self._latched = False
        self.uplink = Uplink(offer.codec)
        self._line.clear()

    def comes_from(self, address: Address, rtcp: bool) -> None:
        """Behind a NAT a peer is where its first packet came from, if that is its own host; it is held to that."""
        if rtcp:
            if self.floor_peer is not None and address[0] == self.offer.host:
                self.floor_peer = address
            return
        if not self._latched and address[0] == self.offer.host:
            self.peer, self._latched = address, True

    def is_from(self, address: Address, rtcp: bool) -> bool:
        """Off-path senders know neither host nor port."""
        return address[0] == self.offer.host and (rtcp or not self._latched or address == self.peer)

    def key(self, packet: rtp.RtpPacket) -> str | None:
        """Raises BadMessage."""
        key = self._keypad.press(packet.timestamp, packet.payload)
        if key in (PUSH, LIFT) and self.button == "voice":
            self.button = "keys"
        return key

    def speaks(self, sound: Sound, now_ms: float) -> bool:
        """By voice: whether somebody speaks. Raises BadMessage."""
        return self._activity.hear(self.uplink.level_db(sound.payload), now_ms)

    def keep(self, sound: Sound, asking: bool) -> None:
        """Until the floor is granted. Raises BadMessage."""
        before_ms = BEFORE_MS_MAX if asking else LOOKBACK_MS
        self._line.push(sound, self.uplink.lasts_ms(sound.payload), before_ms)

    def kept(self) -> Sound | None:
        """The oldest that was kept: one goes out for each that comes in, so that a burst is late and not hasty."""
        return self._line.pull()

    def forget(self) -> None:
        self._line.clear()

    def opened(self, data: bytes, rtcp: bool) -> bytes:
        """Raises BadMessage."""
        if self.srtp is None:
            return data
        return self.srtp.opened(data, rtcp)

    def sealed(self, data: bytes, rtcp: bool) -> bytes:
        return data if self.srtp is None else self.srtp.sealed(data, rtcp)

    def next_sequence(self) -> int:
        self.sequence = (self.sequence + 1) & 0xFFFF
        return self.sequence
