"""One track of a publisher: its raw packets in, the packets of the bus out. Pure.

On the bus numbers and timestamps go on, whatever the source does: a new SSRC, a clock that was set, padding to probe
the way (dropped, and the numbers close up). Each packet goes out once and at once; a hole stays where something was
lost, until what was asked for again comes.
"""

from __future__ import annotations

from fusioncmd.errors import BadMessage
from fusioncmd.video import h264, vp8
from fusioncmd.video.codecs import BEGINS_KEYFRAME
from fusioncmd.video.packet import HEADER, MARKER, PLAIN, Header, Unrolled, ahead
from fusioncmd.video.rtcp import Block
from fusioncmd.video.source import Track
from gateways.video.media_bounds import JUMP_MS, JUMP_PACKETS, OTHER_SSRC_AFTER_MS, SEEN_PACKETS
from gateways.video.missing import Missing

_NEVER = -(1 << 60)
_PARAMETERS_BYTES_MAX = 1_000  # of SPS and PPS, to be put before a picture that comes without


class Incoming:
    def __init__(self, track: Track) -> None:
        self.track = track
        self.ssrc = 0  # of the source; 0: nothing came yet
        self.missing = Missing()
        self.came = self.octets = 0  # packets and bytes of payload that went to the bus
        self.doubled = self.strange = 0  # packets that came twice or too late; of another SSRC
        self.width = self.height = 0
        self.profile = ""
        self.last_ms = self.keyframe_ms = float(_NEVER)  # when something, and a keyframe, came
        self.broken = False  # something is lost for good: only a new picture mends it
        self.epoch = 0  # how often its timestamps began elsewhere
        self._picture, self._sets = track.codec != "opus", track.codec == "H264"
        self._begins = BEGINS_KEYFRAME[track.codec]
        self._sps = self._pps = b""
        self._key_stamp = -1  # timestamp of the last packet with parameter sets
        self._shift = self._stamp_shift = 0  # what is added to numbers and timestamps of the source
        self._before: list[tuple[int, int, int]] = []  # from which number on which shifts were valid, the latest last
        self._begin(0)

    def _begin(self, sequence: int) -> None:
        self._sequences = Unrolled(16)
        self._first = self._highest = sequence
        self._seen = [_NEVER] * SEEN_PACKETS
        self._received = self._told_expected = self._told_received = 0
        self._stamp: int | None = None
        self._transit = self._jitter = 0.0
        self.missing.clear()
        self._before.clear()

    def put(self, data: bytes, header: Header, now_ms: float) -> list[bytes]:
        """What goes to the bus for a packet of the payload type of this track, in the form of the bus."""
        if header.ssrc != self.ssrc and not self._follow(header, now_ms):
            self.strange += 1
            return []
        sequence = self._first + self._sequences.count(header.sequence)
        if abs(sequence - self._highest) > JUMP_PACKETS:
            self._anew(header, now_ms)
            sequence = self._first + self._sequences.count(header.sequence)
        if self._seen[sequence % SEEN_PACKETS] == sequence or sequence <= self._highest - SEEN_PACKETS:
            self.doubled += 1
            return []
        self._seen[sequence % SEEN_PACKETS] = sequence
        self._received += 1
        self.last_ms, silent_ms = now_ms, now_ms - self.last_ms
        if sequence <= self._highest and self._received > 1:
            return self._late(data, header, sequence, now_ms)
        if sequence > self._highest + 1 and self._picture:
            self.broken |= not self.missing.skipped(self._highest + 1, sequence, now_ms)
        self._highest = sequence
        self._time(header, now_ms, silent_ms)
        if header.begin == header.end:
            self._moved(sequence, self._shift - 1, self._stamp_shift)  # who comes before in number has his own
            return []
        out: list[bytes] = []
        if self._picture:
            if self._begins(data, header.begin, header.end):
                out = self._keyframe(data, header, sequence, now_ms)
            elif self._sets and data[header.begin] & 0x1F == h264.PPS:
                self._look(data, header)
        out.append(self._made(data, header, sequence + self._shift, self._stamp_shift))
        return out

    def _late(self, data: bytes, header: Header, sequence: int, now_ms: float) -> list[bytes]:
        self.missing.came(sequence, now_ms)
        shift, stamp_shift = self._shift, self._stamp_shift
        for since, before, stamp_before in reversed(self._before):
            if sequence >= since:
                break
            shift, stamp_shift = before, stamp_before
        if self._picture and self._begins(data, header.begin, header.end):
            self._look(data, header)
            self.keyframe_ms, self.broken = now_ms, False
        return [self._made(data, header, sequence + shift, stamp_shift)]

    def _made(self, data: bytes, header: Header, sequence: int, stamp_shift: int) -> bytes:
        track = self.track
        payload = data[header.begin : header.end]
        self.came += 1
        self.octets += len(payload)
        return HEADER.pack(
            PLAIN, track.payload_type | (MARKER if header.marker else 0), sequence & 0xFFFF,
            (header.timestamp + stamp_shift) & 0xFFFF_FFFF, track.ssrc,
        ) + payload  # fmt: skip

    # --- a source that changes

    def _follow(self, header: Header, now_ms: float) -> bool:
        if self.ssrc == 0:
            self.ssrc = header.ssrc
            self._begin(header.sequence)
            return True
        if now_ms - self.last_ms < OTHER_SSRC_AFTER_MS:
            return False
        self._anew(header, now_ms)
        self.ssrc = header.ssrc
        return True

    def _anew(self, header: Header, now_ms: float) -> None:
        """Its numbers begin elsewhere: on the bus they go on."""
        following = self._highest + self._shift + 1
        at = None if self._stamp is None else (self._stamp + self._stamp_shift, now_ms - self.last_ms)
        self._begin(header.sequence)
        self._shift = following - header.sequence
        if at is not None:
            self._stamp_shift = at[0] + self._ticks(at[1]) - header.timestamp
        self.broken = self._picture
        self.epoch += 1

    def _moved(self, sequence: int, shift: int, stamp_shift: int) -> None:
        """From this number on others are added. What was lost before keeps the old ones, while it can still come."""
        self._before.append((sequence, self._shift, self._stamp_shift))
        del self._before[:-64]
        self._shift, self._stamp_shift = shift, stamp_shift

    def _time(self, header: Header, now_ms: float, silent_ms: float) -> None:
        rate = self.track.rate
        if self._stamp is not None and header.timestamp != self._stamp:
            step_ms = ahead(header.timestamp, self._stamp, 32) * 1_000 / rate
            if step_ms - silent_ms > JUMP_MS or step_ms < -JUMP_MS / 2:
                following = self._stamp + self._stamp_shift + self._ticks(silent_ms)
                self._moved(self._highest, self._shift, following - header.timestamp)
                self.epoch += 1
        transit = now_ms * rate / 1_000 - header.timestamp
        if self._stamp is not None and abs(transit - self._transit) < rate * JUMP_MS / 1_000:
            self._jitter += (abs(transit - self._transit) - self._jitter) / 16
        self._transit, self._stamp = transit, header.timestamp

    def _ticks(self, silent_ms: float) -> int:
        """From the last packet to one that comes so much later; a frame at least."""
        return max(int(silent_ms * self.track.rate / 1_000), self.track.rate // 50)

    def bus_stamp(self, timestamp: int) -> int:
        """On the bus, of a timestamp of the source's."""
        return (timestamp + self._stamp_shift) & 0xFFFF_FFFF

    # --- pictures

    def _keyframe(self, data: bytes, header: Header, sequence: int, now_ms: float) -> list[bytes]:
        self.keyframe_ms, self.broken = now_ms, False
        if self._look(data, header) or not self._sets or self._key_stamp == header.timestamp:
            return []
        if not (self._sps and self._pps):
            return []
        self._key_stamp = header.timestamp
        sets = HEADER.pack(PLAIN, self.track.payload_type, 0, header.timestamp, 0) + h264.staple([self._sps, self._pps])
        made = Header(False, 0, 0, header.timestamp, 0, HEADER.size, len(sets))
        out = [self._made(sets, made, sequence + self._shift, self._stamp_shift)]
        self._moved(sequence, self._shift + 1, self._stamp_shift)
        return out

    def _look(self, data: bytes, header: Header) -> bool:
        """Take what it says of the picture; whether the parameter sets of H.264 were in it."""
        if self.track.codec == "VP8":
            if (size := vp8.size(data, header.begin, header.end)) is not None:
                self.width, self.height = size
            return False
        found = False
        for unit in h264.parameters(data, header.begin, header.end):
            if len(unit) > _PARAMETERS_BYTES_MAX // 2:
                continue
            if unit[0] & 0x1F == h264.PPS:
                self._pps = unit
                continue
            found, self._key_stamp = True, header.timestamp
            if unit != self._sps:
                self._sps = unit
                try:
                    self.width, self.height, self.profile = h264.shape(unit)
                except BadMessage:
                    self.strange += 1  # of a form that is not known: its packets are forwarded all the same
        return found

    # --- what it is told

    def block(self, last: int, since: int) -> Block:
        """Of a receiver report (RFC 3550, A.3), since the one before; `last` and `since` as there."""
        expected = self._highest - self._first + 1
        asked, got = expected - self._told_expected, self._received - self._told_received
        self._told_expected, self._told_received = expected, self._received
        fraction = 0 if asked <= 0 else min(max(0, (asked - got) * 256 // asked), 255)
        return Block(
            self.ssrc, fraction, expected - self._received, self._highest & 0xFFFF_FFFF, int(self._jitter), last, since
        )
