"""One talkgroup at this gateway: who of its calls asks for the floor, whose sound goes to the bus, what all hear.

No socket and no clock: packets and times in, and out by `Wire`. The floor's rules are `floor/relay.py`'s.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from fusioncmd.codes import Path
from fusioncmd.floor import codec as floor_codec
from fusioncmd.floor import frames as floor_frames
from fusioncmd.floor.bursts import Told
from fusioncmd.floor.frames import Answer, Beacon
from fusioncmd.floor.messages import FloorMessage, Indicator, Kind, Source
from fusioncmd.floor.participant import State
from fusioncmd.floor.relay import Out, Relay
from fusioncmd.voice import frames, subjects
from fusioncmd.voice.bounds import ANSWER_WITHIN_S, HANG_MS
from fusioncmd.voice.frames import VoiceFrame
from fusioncmd.voice.listening import Listening
from fusioncmd.voice.rtp import HEADER_BYTES, VERSION, RtpPacket
from gateways.radio.calls import Codec
from gateways.radio.downlink import Body, Downlink
from gateways.radio.leg import LIFT, PUSH, Leg
from gateways.radio.player import Player
from gateways.radio.uplink import Sound
from gateways.radio.wire import Wire

_FIRST = struct.Struct(">BBH")
_REST = struct.Struct(">II")
ASKING = (State.PENDING_REQUEST, State.QUEUED)


class Talkgroup:
    """`first_number` is greater than any burst's before (`Relay`)."""

    def __init__(self, path: Path, name: str, gateway: str, ssrc: int, first_number: int, wire: Wire) -> None:
        self.path, self.name, self._gateway, self._ssrc, self._wire = path, name, gateway, ssrc, wire
        self.legs: dict[str, Leg] = {}
        self.bad = 0  # messages of the bus that are none
        self._relay = Relay(gateway, path.code, ssrc, first_number)
        self._listening, self._downlink = Listening(), Downlink()
        self._listeners: dict[Codec, list[Leg]] = {}
        self._subject = subjects.voice(path, name), subjects.floor(path, name)
        self._speaking: Leg | None = None
        self._burst, self._granted = 0, ""  # of who speaks here: its number, and by which node's word
        self._spoke = self._own = ""  # the call that spoke here last, as `_burst`; and while it is heard
        self._last = Sound(-1, 0, b"")
        self._order, self._answer_until_ms = b"", 0  # that was spoken here last

    @property
    def busy(self) -> bool:
        if self._speaking is not None or self._downlink.busy or self._listening.now is not None:
            return True
        return any(leg.participant.state is not State.NO_PERMISSION for leg in self.legs.values())

    def join(self, leg: Leg) -> None:
        self.legs[leg.call] = leg
        self.changed()
        for one in self._relay.join(leg.call):
            if isinstance(one, Told):
                self._tell(leg, one.message, floor_codec.encode(one.message), 0)

    def leave(self, leg: Leg, now_ms: int) -> None:
        self._out(self._relay.receive(leg.call, FloorMessage(Kind.RELEASE, leg.ssrc), leg.priority, now_ms), now_ms)
        self.legs.pop(leg.call, None)
        self.changed()

    def changed(self) -> None:
        """Who listens, and by which codec."""
        self._listeners = {}
        for leg in self.legs.values():
            if leg.listens:
                self._listeners.setdefault(leg.offer.codec, []).append(leg)

    # --- a peer says

    def message(self, leg: Leg, message: FloorMessage, now_ms: int) -> None:
        """Of the floor. Who it is and what weight it has, the gateway says."""
        if message.ack:
            ack = FloorMessage(Kind.ACK, self._ssrc, source=Source.CONTROLLING, acknowledged=message.kind)
            self._wire.rtcp(leg, floor_codec.encode(ack))
        if message.kind is Kind.REQUEST or message.kind is Kind.RELEASE:
            message = replace(message, user=leg.speaker.name)
        emergency = message.indicator is not None and Indicator.EMERGENCY in message.indicator
        priority = leg.emergency_priority if emergency else leg.priority
        self._out(self._relay.receive(leg.call, message, priority, now_ms), now_ms)

    def packet(self, leg: Leg, packet: RtpPacket, now_ms: int) -> None:
        """Raises BadMessage."""
        if packet.payload_type == leg.offer.dtmf_type:
            key = leg.key(packet)
            if key is not None:
                self._key(leg, key, now_ms)
        elif packet.payload_type != leg.offer.payload_type:
            leg.refused += 1
        elif packet.payload and leg.offer.send:
            self._sound(leg, leg.uplink.count(packet), now_ms)

    def _sound(self, leg: Leg, sound: Sound, now_ms: int) -> None:
        if leg.button == "floor":
            if self._relay.media(leg.call, now_ms) and self._speaking is leg:
                self._speak(leg.uplink.speak(sound, now_ms))
            return
        leg.sounded_ms = now_ms
        if leg.button == "voice":
            self._by_voice(leg, leg.speaks(sound, now_ms), now_ms)
        if self._speaking is leg and self._relay.media(leg.call, now_ms):
            leg.keep(sound, asking=True)
            kept = leg.kept()
            self._speak([] if kept is None else leg.uplink.speak(kept, now_ms))
        elif leg.button == "voice" or leg.participant.state in ASKING:
            leg.keep(sound, leg.participant.state in ASKING)

    def _by_voice(self, leg: Leg, speaking: bool, now_ms: int) -> None:
        """Who was denied the floor has to pause before asking again; who was not answered asks on."""
        if speaking and (not leg.asked or leg.participant.unheard):
            leg.asked = True
            self._participate(leg, leg.participant.press(leg.priority, now_ms), now_ms)
        elif not speaking and leg.asked:
            leg.asked = False
            leg.forget()  # the hang time was longer: it is silence
            self._participate(leg, leg.participant.lift(now_ms), now_ms)

    def _key(self, leg: Leg, key: str, now_ms: int) -> None:
        if leg.button != "keys" or key not in (PUSH, LIFT):
            self._wire.pressed(leg, key, self._order if now_ms < self._answer_until_ms else b"")
        elif key == PUSH:
            leg.forget()
            self._participate(leg, leg.participant.press(leg.priority, now_ms), now_ms)
        else:
            while self._speaking is leg and (kept := leg.kept()) is not None:
                self._speak(leg.uplink.speak(kept, now_ms))
            self._participate(leg, leg.participant.lift(now_ms), now_ms)

    def _participate(self, leg: Leg, said: list[FloorMessage], now_ms: int) -> None:
        for message in said:
            self._out(self._relay.receive(leg.call, message, leg.priority, now_ms), now_ms)

    def beacon(self, beacon: Beacon, now_ms: int) -> None:
        self._relay.hear(beacon, now_ms)

    def floor(self, data: bytes, now_ms: int) -> None:
        """Raises BadMessage."""
        frame = floor_frames.decode(data)
        if isinstance(frame, Answer):
            self._out(self._relay.answer(frame, now_ms), now_ms)

    def voice(self, data: bytes, now_ms: int) -> None:
        """Raises BadMessage."""
        frame = frames.decode(data)
        if not self._listening.hear(frame, self._relay.follows(now_ms), now_ms):
            return
        if frame.order:
            self._order, self._answer_until_ms = frame.order, now_ms + ANSWER_WITHIN_S * 1_000
        out = self._downlink.hear(frame, {*self._listeners}, now_ms)
        self._own = self._spoke if frame.key == (self._gateway, self._burst) else ""
        for body in out:
            self._fan(body)

    def tick(self, now_ms: int) -> None:
        """Each 10 ms while `busy`, else a few times a second."""
        self._out(self._relay.tick(now_ms), now_ms)
        for leg in list(self.legs.values()):
            if leg.asked and now_ms - leg.sounded_ms > HANG_MS:  # a box that sends nothing while nobody speaks
                self._by_voice(leg, False, now_ms)
            if leg.participant.state is not State.NO_PERMISSION:
                self._participate(leg, leg.participant.tick(now_ms), now_ms)
            if isinstance(leg, Player):
                self._play(leg, now_ms)
        if self._speaking is not None:
            self._speak(self._speaking.uplink.due(now_ms))
        wanted = {*self._listeners}
        silent = self._listening.silent(now_ms)
        for body in self._downlink.rest(wanted) if silent else self._downlink.due(wanted, now_ms):
            self._fan(body)

    def _play(self, player: Player, now_ms: int) -> None:
        """What a player has is said on time, as soon as it has the floor; then it leaves."""
        if self._speaking is player and self._relay.media(player.call, now_ms):
            self._speak(player.uplink_of(now_ms))
        elif player.participant.state is State.NO_PERMISSION and not player.done:
            self._participate(player, player.participant.press(player.priority, now_ms), now_ms)
        if player.done or now_ms >= player.until_ms:
            self.leave(player, now_ms)
            player.over(player)

    # --- what goes out

    def _out(self, out: Out, now_ms: int) -> None:
        for one in out:
            if not isinstance(one, Told):
                self._wire.say(self._subject[1], floor_frames.encode(one))
        self._settle(now_ms)
        for one in out:
            if isinstance(one, Told):
                packet = floor_codec.encode(one.message)
                for leg in list(self.legs.values()):
                    if one.to in (None, leg.call) and leg.call != one.but:
                        self._tell(leg, one.message, packet, now_ms)

    def _tell(self, leg: Leg, message: FloorMessage, packet: bytes, now_ms: int) -> None:
        if leg.button == "floor":
            self._wire.rtcp(leg, packet)
        elif leg.participant.state is not State.NO_PERMISSION:
            self._participate(leg, leg.participant.receive(message, now_ms), now_ms)

    def _settle(self, now_ms: int) -> None:
        """Whoever has the floor now, if it is somebody here, begins a burst; whoever had it ends one."""
        holder, name = self._relay.holder, self._relay.speaker(now_ms)
        leg = None if holder is None or name is None else self.legs.get(name)
        if self._speaking is not None and (leg is None or holder is None or holder.number != self._burst):
            before, self._speaking = self._speaking, None
            self._speak_by(before, before.uplink.end())
            self._say(before, Sound(self._last.sequence + 1, self._last.timestamp, b""), last=True)
        if leg is not None and holder is not None and self._speaking is None:
            self._speaking, self._burst, self._granted = leg, holder.number, holder.asked or self.path.code
            self._spoke, self._last = leg.call, Sound(-1, 0, b"")
            leg.uplink.begin()

    def _speak(self, sounds: list[Sound]) -> None:
        if self._speaking is not None:
            self._speak_by(self._speaking, sounds)

    def _speak_by(self, leg: Leg, sounds: list[Sound]) -> None:
        for sound in sounds:
            self._last = max(self._last, sound)
            self._say(leg, sound)

    def _say(self, leg: Leg, sound: Sound, last: bool = False) -> None:
        frame = VoiceFrame(
            self._gateway, self._burst, sound.sequence, sound.timestamp, self._granted, leg.priority, leg.speaker,
            sound.payload, last, leg.order,
        )  # fmt: skip
        self._wire.say(self._subject[0], frames.encode(frame))

    def _fan(self, body: Body) -> None:
        """To all who listen by that codec, but who speaks, in one buffer; only type and sequence differ."""
        packet = bytearray(HEADER_BYTES + len(body.payload))
        _REST.pack_into(packet, 4, body.timestamp, self._ssrc)
        packet[HEADER_BYTES:] = body.payload
        marker = 0x80 if body.marker else 0
        for leg in self._listeners.get(body.codec, ()):
            if leg.call != self._own:
                _FIRST.pack_into(packet, 0, VERSION << 6, marker | leg.offer.payload_type, leg.next_sequence())
                self._wire.rtp(leg, packet)
