"""Positions over a thin link: how few bytes, how far off, and what happens when the link does not behave."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest
from msgspec import structs

from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage
from fusioncmd.track import compact
from fusioncmd.track.bounds import LINK_BYTES_MAX
from fusioncmd.track.position import Track, decode, encode, metres, place
from fusioncmd.track.thinning import STEP_M
from gateways.satellite.carrying import Kind, Letter, Link, Work
from gateways.satellite.classes import Class
from gateways.satellite.track import AGAIN_S, GATHER_S, SHARE, HubTracks, KitTracks, tracks
from tests.test_track_positions import AT, NOW_MS, TOWN

KIT = Path(TOWN)
DRONE = Track(TOWN, "drone-1", "drone", "M300 一号", *AT, NOW_MS, "mavlink", 120, 3, 120, 90, 87, "radio", 80)


class Both:
    """The two ends of a link, and whatever lies between. `rate_bps` and `waiting` are what the pipe says."""

    def __init__(self, rate_bps: int = 64_000) -> None:
        self.rate_bps, self.waiting = rate_bps, 0
        self.kit, self.hub = (
            tracks(Link(side, Path("440106") if side == "hub" else KIT, KIT, lambda _: self.waiting, self._rate))
            for side in ("kit", "hub")
        )
        self.known: dict[str, Track] = {}
        self.bodies: list[bytes] = []
        self.turn(True)

    def _rate(self) -> int:
        return self.rate_bps

    def turn(self, up: bool, now_s: float = 0.0) -> None:
        self.kit.turned(up, now_s)
        self.hub.turned(up, now_s)

    def say(self, track: Track, now_s: float) -> None:
        self.kit.from_bus(f"fc.track.{track.address}", encode(track), now_s)

    def go(self, now_s: float, lose: bool = False) -> list[Letter]:
        letters = self.kit.due(now_s).letters
        for letter in letters:
            self.bodies.append(letter.body)
            if not lose:
                self.take(self.hub.from_link(letter.kind, letter.body, now_s), now_s)
        return letters

    def take(self, work: Work, now_s: float) -> None:
        for subject, data in work.publishes:
            track = decode(data)
            assert subject == f"fc.track.{track.address}"
            self.known[track.address] = track
        for letter in work.letters:
            self.kit.from_link(letter.kind, letter.body, now_s)


def flight(seed: int, seconds: int, speed_m_s: float) -> Iterator[tuple[int, Track]]:
    """A survey in lanes of 400 m, with gusts and the noise of a receiver, one position a second."""
    chance = random.Random(seed)
    x = y = 0.0
    course, left_m = 90.0, 400.0
    for second in range(seconds):
        left_m -= speed_m_s
        if left_m < 0:
            course, left_m = (180.0, 40.0) if course in (90.0, 270.0) else (270.0 if x > 200 else 90.0, 400.0)
        x += speed_m_s * math.sin(math.radians(course)) + chance.gauss(0, 0.5)
        y += speed_m_s * math.cos(math.radians(course)) + chance.gauss(0, 0.5)
        lat_e7 = AT[0] + round(y / 111_194.9 * 1e7)
        lon_e7 = AT[1] + round(x / 111_194.9 / math.cos(math.radians(23.1)) * 1e7)
        battery = 90 - second // 40
        yield second, structs.replace(
            DRONE, lat_e7=lat_e7, lon_e7=lon_e7, at_ms=NOW_MS + second * 1_000, speed_dm_s=round(speed_m_s * 10),
            course_deg=int(course) % 360, battery=battery, altitude_m=120 + second % 5,
        )  # fmt: skip


@pytest.mark.parametrize(("speed_m_s", "letters_max", "off_max"), [(12.0, 600, 2.0), (1.4, 100, 1.5)])
def test_a_path_is_followed_within_its_bound_and_its_budget(speed_m_s: float, letters_max: int, off_max: float) -> None:
    both, offs, said = Both(), list[float](), 0
    for second, track in flight(9, 900, speed_m_s):
        both.say(track, second)
        said += len(both.go(second + 0.01))
        offs.append(metres(place(both.known[track.address]), place(track)))
    # What is known is off by the step, by what was flown until the next letter, and by the rounding of 0.6 m.
    assert max(offs) <= STEP_M + speed_m_s * GATHER_S + 0.6, max(offs)
    positions = [body for body in both.bodies if len(body) < 40]
    assert max(map(len, positions)) - 5 <= 15, "bytes of a position without its letter's head"
    assert said <= letters_max and sum(offs) / len(offs) <= STEP_M / off_max
    print(f"{speed_m_s} m/s: {said} letters of 900, {sum(map(len, both.bodies))} B, {max(offs):.1f} m at most off")


def test_what_stands_costs_next_to_nothing_and_nothing_costs_nothing() -> None:
    both = Both()
    assert sum(len(both.go(now_s)) for now_s in range(3_600)) == 0
    for now_s in range(3_600):
        both.say(structs.replace(DRONE, speed_dm_s=0, at_ms=NOW_MS + now_s * 1_000), now_s)
        both.go(now_s)
    assert len(both.bodies) <= 7 and sum(map(len, both.bodies[1:])) < 140


def test_a_hundred_units_share_the_budget_and_the_furthest_go_first() -> None:
    both = Both()
    paths = [
        [structs.replace(track, unit=f"d{i}", title=f"{i}") for _, track in flight(i, 120, 15.0 if i else 60.0)]
        for i in range(100)
    ]  # fmt: skip
    offs = dict[str, float]()
    for second in range(120):
        for path in paths:
            both.say(path[second], second)
        for tenth in range(0, 10, 2):
            both.go(second + tenth / 10)
        for path in paths:
            if second > 60 and (known := both.known.get(path[second].address)) is not None:
                off = metres(place(known), place(path[second]))
                offs[path[0].unit] = max(offs.get(path[0].unit, 0.0), off)
    spent = sum(map(len, both.bodies)) + 40 * len(both.bodies)
    assert spent <= (120 + 4) * 64_000 / 8 * SHARE + LINK_BYTES_MAX, spent
    assert all(len(body) <= LINK_BYTES_MAX + 10 for body in both.bodies)
    assert len(both.known) == 100, "nobody is left out for ever"
    assert offs["d0"] < 3 * sum(offs.values()) / len(offs), "the fastest is told most often"


def test_after_a_cut_everything_is_where_it_is_now() -> None:
    both, path = Both(), [track for _, track in flight(3, 700, 12.0)]
    for second in range(30):
        both.say(path[second], second)
        both.go(second)
    both.turn(False)
    for second in range(30, 640):
        both.say(path[second], second)
        assert both.go(second) == []
    both.turn(True, 640)
    [letter] = both.go(640.0)
    assert letter.cls is Class.POSITIONS and letter.kind is Kind.TRACK
    assert metres(place(both.known["44.01.06.001.drone-1"]), place(path[639])) < 1


def test_who_was_not_introduced_is_asked_for_and_letters_may_change_places() -> None:
    both, path = Both(), [track for _, track in flight(4, 100, 12.0)]
    both.say(path[0], 0)
    assert both.go(0, lose=True)  # the introduction
    both.say(path[3], 3)
    both.go(3)
    assert both.known == {} and isinstance(both.hub, HubTracks) and both.hub.unknown == 1
    both.say(path[9], 3 + AGAIN_S)
    both.go(3 + AGAIN_S)
    assert both.known, "introduced again"
    far = structs.replace(path[50], lat_e7=path[50].lat_e7 + 2_000_000)  # 22 km: another number
    both.say(far, 60)
    [anew] = both.kit.due(60).letters
    both.say(structs.replace(far, lat_e7=far.lat_e7 + 9_000, at_ms=far.at_ms + 900), 62)
    [later] = both.kit.due(62).letters
    both.take(both.hub.from_link(anew.kind, anew.body, 62), 62)
    both.take(both.hub.from_link(later.kind, later.body, 62), 62)
    assert metres(place(both.known[far.address]), (far.lat_e7 + 9_000, far.lon_e7)) < 1


def test_a_kit_speaks_for_nobody_else_and_odd_letters_are_refused() -> None:
    both = Both()
    other = structs.replace(DRONE, node="440106002")
    body = compact.head(NOW_MS) + compact.introduction(1, other)
    good = (
        compact.head(NOW_MS) + compact.introduction(1, DRONE) + compact.position(1, DRONE, DRONE, compact.head(NOW_MS))
    )
    for odd in (b"", b"\x02aaaa", body, good[:-1], good + b"\xff" * 9, good[:9]):
        with pytest.raises(BadMessage):
            both.hub.from_link(Kind.TRACK, odd, 0)
    with pytest.raises(BadMessage):
        both.kit.from_link(Kind.TRACK, good, 0)
    chance = random.Random(7)
    for _ in range(2_000):
        flipped = bytearray(good)
        flipped[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
        try:
            both.hub.from_link(Kind.TRACK, bytes(flipped), 0)
        except BadMessage:
            continue


def test_a_position_keeps_what_it_says_within_its_steps() -> None:
    chance, head = random.Random(11), compact.head(NOW_MS)
    for _ in range(500):
        track = structs.replace(
            DRONE, lat_e7=AT[0] + chance.randrange(-1_600_000, 1_600_000), lon_e7=AT[1] + chance.randrange(10**6),
            at_ms=NOW_MS - chance.randrange(200_000), altitude_m=chance.choice((None, -500, 0, 8_848, 60_000)),
            speed_dm_s=chance.choice((None, 0, 100, 253, 254, 3_000)), course_deg=chance.choice((None, 0, 359)),
            battery=chance.choice((None, 0, 100)), link=chance.choice(("", "satellite", "none")),
            quality=chance.choice((None, 0, 50, 100)), mark=chance.choice(("", "clock")), over=chance.random() < 0.1,
            accuracy_m=chance.choice((None, 0, 7, 900)),
        )  # fmt: skip
        said = compact.head(NOW_MS) + compact.position(5, DRONE, track, head)
        assert len(said) - 5 <= compact.POSITION_BYTES_MAX
        [(number, none, position)] = compact.entries(said)
        assert number == 5 and none is None and position is not None
        read = compact.placed(DRONE, position)
        assert metres(place(read), place(track)) < 0.6 and abs(read.at_ms - track.at_ms) <= 1_000
        assert (read.battery, read.link, read.mark, read.over) == (track.battery, track.link, track.mark, track.over)
        for one, other, step in (
            (read.altitude_m, track.altitude_m, 1), (read.speed_dm_s, track.speed_dm_s, 13),
            (read.quality, track.quality, 4), (read.accuracy_m, min(255, track.accuracy_m or 0), 0),
        ):  # fmt: skip
            assert (one is None and not other) or (one is not None and other is not None and abs(one - other) <= step)


def test_a_letter_waits_where_the_class_is_full() -> None:
    both = Both()
    both.say(DRONE, 0)
    both.waiting = 10_000
    assert both.go(0) == []
    both.waiting = 0
    assert both.go(1) and isinstance(both.kit, KitTracks)
