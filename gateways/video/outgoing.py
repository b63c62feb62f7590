"""One track on its way to one viewer: the same packets under the viewer's own numbers. Pure, and the hottest path.

A picture begins with a keyframe: with all since the last one where the stream has it, at a pace that a way can carry
(browsers show it at once, and are live as soon as they have it all). Where the way is full it stops until the next one.
Numbers go on without a hole but for what the source lost, and when that comes late it fits in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fusioncmd.video import rtcp
from fusioncmd.video.packet import HEADER, PLAIN, ahead
from gateways.video.media_bounds import (
    AGAIN_BURST,
    AGAIN_PACKETS,
    AGAIN_PER_S,
    CATCH_UP_PACKETS,
    CATCH_UP_PART,
    CATCH_UP_PER_MS,
    PIECES_MAX,
)
from gateways.video.stream import Batch, Entry, Flow

_pack = HEADER.pack


class _Piece:
    """Sequence numbers from `first` to `last` of the stream go out with `shift` added."""

    __slots__ = ("first", "last", "shift")

    def __init__(self, first: int, shift: int) -> None:
        self.first, self.shift = first, shift
        self.last = 1 << 62


class Outgoing:
    """`sequence` is the first number that is used. `payload_type` and `ssrc` are those of the viewer's session."""

    __slots__ = (
        "_again", "_again_ms", "_at", "_behind", "_flow", "_last_ms", "_last_stamp", "_next", "_opening", "_paced_ms",
        "_passed", "_piece", "_pieces", "_second", "_shift", "_stamp_shift", "octets", "packets", "resent", "ssrc",
        "wants",
    )  # fmt: skip

    def __init__(self, payload_type: int, ssrc: int, sequence: int) -> None:
        self.ssrc = ssrc
        self.packets = self.octets = self.resent = 0
        self.wants = False  # a keyframe
        self._second = payload_type
        self._flow: Flow | None = None
        self._next = sequence + 0x1_0000  # the number that follows the last one, counted on
        self._shift = self._stamp_shift = 0
        self._piece: _Piece | None = None  # of what goes out now; None: a keyframe is waited for
        self._pieces: list[_Piece] = []
        self._behind = False
        self._opening: list[Entry] | None = None  # what is caught up with, from `_at`
        self._passed = 0  # number in the stream: up to here all was sent, and it does not begin again
        self._at, self._paced_ms = 0, 0.0
        self._last_stamp, self._last_ms = 0, -1.0  # of what went out last; ms below 0: nothing yet
        self._again, self._again_ms = float(AGAIN_BURST), 0.0

    @property
    def behind(self) -> bool:
        """Whether there is more to take at once."""
        return self._behind

    @property
    def waits(self) -> bool:
        """For a keyframe: nothing goes out."""
        return self._piece is None

    def begin(self, flow: Flow, now_ms: float) -> list[bytes]:
        """With what the track has already."""
        if flow is not self._flow:
            self._change(flow, now_ms)
        return [] if self._piece is not None else self.catch_up(now_ms)

    def take(self, batch: Batch) -> list[bytes]:
        """What goes out for it."""
        piece = self._piece
        if piece is not None and batch.flow is self._flow and not self._behind:
            shift, stamp_shift, second, ssrc = self._shift, self._stamp_shift, self._second, self.ssrc
            if batch.straight:
                if batch.highest + shift < self._next:  # it was caught up with already
                    return []
                self._next = batch.highest + shift + 1
                self._last_stamp, self._last_ms = batch.stamp, batch.at_ms
                self.packets += len(batch.entries)
                self.octets += batch.octets
                return [
                    _pack(
                        PLAIN, second | marker, (sequence + shift) & 0xFFFF, (stamp + stamp_shift) & 0xFFFF_FFFF, ssrc
                    )
                    + payload
                    for sequence, marker, stamp, payload in batch.entries
                ]
            return self._late(batch)
        if batch.flow is not self._flow:
            self._change(batch.flow, batch.at_ms)
        if batch.flow.picture:
            return self.catch_up(batch.at_ms)
        if self._piece is None:
            self._go_on(min(entry[0] for entry in batch.entries))
        return self._late(batch)

    def catch_up(self, now_ms: float) -> list[bytes]:
        """A little more of what went before, where there is some."""
        flow = self._flow
        if flow is None:
            return []
        later = flow.opening
        anew = not self._behind or (later is not None and later[0][0] > self._next - 1 - self._shift)
        if anew and not self._begin(flow, now_ms):
            return []
        opening, piece = self._opening, self._piece
        assert opening is not None and piece is not None
        per_ms = max(CATCH_UP_PER_MS, flow.bits_per_s / CATCH_UP_PART)
        some = opening[self._at : self._at + min(CATCH_UP_PACKETS, int((now_ms - self._paced_ms) * per_ms))]
        if some:
            self._paced_ms = now_ms
        self._at += len(some)
        out = [self._made(entry, piece) for entry in some]
        self._sent(some, out, now_ms)
        if flow.opening is None:  # it became too much: what follows is not in it, and a new picture has to
            self.wants = True
        if self._at >= len(opening):
            self._behind = False
            self._opening = None
            if flow.opening is not opening:
                self.stop()
        return out

    def stop(self) -> None:
        """The way is full: nothing more until the next keyframe."""
        flow = self._flow
        if flow is None or not flow.picture or self._piece is None:
            return
        self._piece.last = self._passed = self._next - 1 - self._shift
        self._piece = None
        self._behind = False
        self.wants = True

    def again(self, numbers: Iterable[int], now_ms: float) -> list[bytes]:
        """What the viewer says that it lost, as far as it is there."""
        self._again = min(AGAIN_BURST, self._again + (now_ms - self._again_ms) * AGAIN_PER_S / 1_000)
        self._again_ms = now_ms
        out: list[bytes] = []
        flow, last = self._flow, self._next - 1
        if flow is None:
            return out
        for number in numbers:
            if self._again < 1:
                break
            mine = last + ahead(number, last & 0xFFFF, 16)
            if not last - AGAIN_PACKETS < mine <= last:
                continue
            for piece in reversed(self._pieces):
                sequence = mine - piece.shift
                if piece.first <= sequence <= piece.last:
                    if (entry := flow.again(sequence, now_ms)) is not None:
                        self._again -= 1
                        out.append(self._made(entry, piece))
                    break
        self.resent += len(out)
        return out

    def report(self) -> rtcp.SenderReport | None:
        """What was sent, and which moment the source's timestamps are; None where that is not known yet."""
        flow = self._flow
        if flow is None or flow.report is None or self.packets == 0:
            return None
        ntp, stamp = flow.report
        return rtcp.SenderReport(self.ssrc, ntp, (stamp + self._stamp_shift) & 0xFFFF_FFFF, self.packets, self.octets)

    # --- begin, and begin anew

    def _change(self, flow: Flow, now_ms: float) -> None:
        """Another track, or the same one begun anew."""
        old, self._flow = self._flow, flow
        self._pieces.clear()
        self._piece = None
        self._behind = False
        self._passed = 0
        if old is not None and self._last_ms >= 0:
            passed = max(int((now_ms - self._last_ms) * flow.track.rate / 1_000), flow.track.rate // 25)
            before = 0 if not flow.opening else max(0, ahead(flow.stamp, flow.opening[0][2], 32))
            self._stamp_shift += self._last_stamp + passed + before - flow.stamp

    def _begin(self, flow: Flow, now_ms: float) -> bool:
        opening = flow.opening
        if not opening or opening[0][0] <= self._passed:
            self.wants = True
            return False
        self.wants = not flow.whole
        self._go_on(opening[0][0])
        self._opening, self._at, self._behind = opening, 0, True
        self._paced_ms = now_ms - CATCH_UP_PACKETS
        return True

    def _go_on(self, first: int) -> None:
        """The packet `first` of the stream has the number after the last one."""
        if self._piece is not None:
            self._piece.last = self._next - 1 - self._shift
        self._shift = self._next - first
        self._piece = _Piece(first, self._shift)
        self._pieces.append(self._piece)
        del self._pieces[:-PIECES_MAX]

    def _late(self, batch: Batch) -> list[bytes]:
        out: list[bytes] = []
        taken: list[Entry] = []
        oldest = self._next - AGAIN_PACKETS
        for entry in batch.entries:
            for piece in reversed(self._pieces):
                if piece.first <= entry[0] <= piece.last:
                    if entry[0] + piece.shift >= oldest:
                        out.append(self._made(entry, piece))
                        taken.append(entry)
                    break
        self._sent(taken, out, batch.at_ms)
        return out

    def _sent(self, entries: Sequence[Entry], out: Sequence[bytes], now_ms: float) -> None:
        for entry in entries:
            if entry[0] + self._shift >= self._next:
                self._next = entry[0] + self._shift + 1
                self._last_stamp, self._last_ms = entry[2], now_ms
        self.packets += len(out)
        self.octets += sum(map(len, out)) - HEADER.size * len(out)

    def _made(self, entry: Entry, piece: _Piece) -> bytes:
        sequence, marker, stamp, payload = entry
        number = (sequence + piece.shift) & 0xFFFF
        return (
            _pack(PLAIN, self._second | marker, number, (stamp + self._stamp_shift) & 0xFFFF_FFFF, self.ssrc) + payload
        )
