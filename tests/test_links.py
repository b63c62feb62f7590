"""Links of the swarm's terminals: who stops reading, who comes and goes, and that the others are left alone."""

from __future__ import annotations

import pytest

from loadtest.swarm.links import AWAY_S, CLOSE, ENDINGS, FIN, NEVER_S, RST, UP_S, Links


class Sockets:
    """A hundred connections that are only written down."""

    def __init__(self) -> None:
        self.open = set(range(100))
        self.left: list[tuple[int, str, float]] = []

    def is_open(self, i: int) -> bool:
        return i in self.open

    def deafen(self, i: int) -> None:
        self.open.remove(i)

    def hear(self, i: int) -> None:
        self.open.add(i)

    def hang_up(self, i: int, ending: str, away_s: float) -> None:
        self.open.remove(i)
        self.left.append((i, ending, away_s))


def test_slow_terminals_stop_reading_and_go_on_when_they_may() -> None:
    sockets, links = Sockets(), Links("slow", 0.1, 100, "1")
    assert len(links.slow) == 10 and links.slow == links.odd
    links.trouble(sockets, 0.0)
    assert links.deaf == links.slow == set(range(100)) - sockets.open
    links.step(sockets, 1000.0)
    assert not sockets.left
    links.calm(sockets)
    assert not links.deaf and len(sockets.open) == 100


def test_a_slow_terminal_that_connects_in_trouble_stops_reading_at_once() -> None:
    sockets, links = Sockets(), Links("slow", 0.1, 100, "1")
    late = min(links.slow)
    sockets.open.remove(late)
    links.trouble(sockets, 0.0)
    assert len(links.deaf) == 9
    sockets.open.add(late)
    links.connected(sockets, late, 5.0)
    assert links.deaf == links.slow and late not in sockets.open
    other = min(sockets.open)
    links.connected(sockets, other, 5.0)
    assert other in sockets.open


def test_flapping_terminals_leave_come_back_and_leave_again() -> None:
    sockets, links = Sockets(), Links("flapping", 0.5, 100, "1")
    links.trouble(sockets, 0.0)
    links.step(sockets, UP_S[1])
    assert {i for i, _, _ in sockets.left} == links.odd and links.next_s == NEVER_S
    assert {ending for _, ending, _ in sockets.left} == {CLOSE, FIN, RST}
    assert all(AWAY_S[0] <= away_s <= AWAY_S[1] for _, _, away_s in sockets.left)
    back = sockets.left[0][0]
    sockets.open.add(back)
    links.connected(sockets, back, 10.0)
    assert 10.0 + UP_S[0] <= links.next_s <= 10.0 + UP_S[1]
    links.step(sockets, links.next_s)
    assert [i for i, _, _ in sockets.left].count(back) == 2


def test_half_say_goodbye() -> None:
    assert ENDINGS.count(CLOSE) * 2 == len(ENDINGS)


def test_a_connection_that_ended_by_itself_is_not_dropped_twice_as_often() -> None:
    sockets, links = Sockets(), Links("flapping", 0.01, 100, "1")
    (one,) = links.odd
    links.trouble(sockets, 0.0)
    links.connected(sockets, one, 3.0)  # again, without having left
    links.step(sockets, 3.0)
    assert one in sockets.open and not sockets.left
    links.step(sockets, 3.0 + UP_S[1])
    assert [i for i, _, _ in sockets.left] == [one]


def test_nobody_leaves_once_it_is_calm() -> None:
    sockets, links = Sockets(), Links("flapping", 0.5, 100, "1")
    links.trouble(sockets, 0.0)
    links.calm(sockets)
    links.step(sockets, 1000.0)
    links.connected(sockets, min(links.odd), 1000.0)
    links.step(sockets, 2000.0)
    assert not sockets.left and links.next_s == NEVER_S


@pytest.mark.parametrize(("link", "share"), [("steady", 1.0), ("slow", 0.0), ("flapping", 0.0)])
def test_a_steady_fleet_has_no_trouble(link: str, share: float) -> None:
    sockets, links = Sockets(), Links(link, share, 100, "1")
    links.trouble(sockets, 0.0)
    links.step(sockets, 1000.0)
    assert len(sockets.open) == 100 and not links.odd and not sockets.left


def test_the_same_seed_has_the_same_trouble() -> None:
    assert Links("slow", 0.2, 100, "7").odd == Links("slow", 0.2, 100, "7").odd != Links("slow", 0.2, 100, "8").odd
