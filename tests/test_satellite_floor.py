"""Floors over a thin link: one holder a side, in spite of loss and cuts; what a grant takes, and what is not said."""

from __future__ import annotations

from random import Random

import pytest

from fusioncmd.bus.users import BusUser
from fusioncmd.codes import parse
from fusioncmd.errors import BadMessage
from fusioncmd.floor import codec, frames
from fusioncmd.floor.frames import Answer, Ask, Beacon
from fusioncmd.floor.messages import FloorMessage, Kind
from fusioncmd.floor.participant import Participant
from fusioncmd.voice import subjects
from gateways.satellite import carrying, floor_letter
from gateways.satellite.carrying import Letter, Link, Work
from gateways.satellite.classes import Class
from gateways.satellite.floor_out import FloorOut
from gateways.satellite.tags import Known
from gateways.satellite.talk import Talk
from loadtest import floor_parts
from loadtest.floor_parts import Talker
from loadtest.floor_thin import ThinWorld
from loadtest.floor_thin_races import thin_race
from tiers.bus_rights import rights_of

KIT, HUB, GROUP = "440106001", "440106", "44.main"
REQUEST = codec.encode(FloorMessage(Kind.REQUEST, 7, priority=64, user="张三 0017"))
GRANTED = codec.encode(FloorMessage(Kind.GRANTED, 9, duration_s=30))


@pytest.mark.parametrize("first", range(1, 31, 10))
def test_one_speaks_and_the_floor_is_freed_over_a_satellite(first: int) -> None:
    bursts = 0
    for seed in range(first, first + 10):
        found = thin_race(seed)
        bursts += found.bursts
        assert found.wrong == [], f"python -m loadtest floor-thin --seed {seed} --races 1"
    assert bursts > 2 * 10


def test_a_race_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an end forgets who asked from there, nobody beyond is answered, and what came goes back."""
    monkeypatch.setattr(FloorOut, "_asks", lambda self, name, now_s: False)
    assert any(thin_race(seed).wrong for seed in range(1, 4))


def world(loss: float) -> ThinWorld:
    above = {"4401": "44", "g0": "44", "g1": "4401"}
    links = {name: floor_parts.Link(loss if name == "4401" else 0.0, (1, 2), 0.0) for name in above}
    made = ThinWorld(Random(3), above, links, ["g0", "g1"], "44", "4401")
    made.radio_loss = 0.0
    made.talkers["t"] = Talker(Participant("t", 1), "g1", 64, False)
    return made


def press(made: ThinWorld, within_ms: int = 6_000) -> int:
    """Until it is granted, in ms."""
    pressed_ms = made.now_ms
    made.press("t")
    while not made.talkers["t"].participant.may_speak and made.now_ms < pressed_ms + within_ms:
        made.run(made.now_ms + 1)
    return made.now_ms - pressed_ms


@pytest.mark.parametrize(("loss", "median_ms", "most_ms"), [(0.0, 650, 700), (0.05, 650, 1_500)])
def test_a_grant_takes_the_way_there_and_back(loss: float, median_ms: int, most_ms: int) -> None:
    made, took = world(loss), []
    for _ in range(40):
        took.append(press(made))
        made.run(made.now_ms + 200)
        made.lift("t")
        made.run(made.now_ms + 1_300)
    took.sort()
    assert took[20] < median_ms and took[-1] < most_ms, took


def test_who_speaks_for_20_s_keeps_the_floor_at_5_percent_loss_with_five_letters_a_second() -> None:
    made = world(0.05)
    press(made)
    before = sum(made.letters.values())
    for _ in range(200):
        made.run(made.now_ms + 100)
        assert made.talkers["t"].participant.may_speak
    assert sum(made.letters.values()) - before < 20 * 6


def test_nothing_is_said_while_nobody_speaks() -> None:
    made = world(0.0)
    made.run(made.now_ms + 10_000)
    before = sum(made.letters.values())
    made.run(made.now_ms + 55_000)
    assert sum(made.letters.values()) - before <= 1  # what is wanted, once a minute


def test_who_presses_while_the_link_is_dead_and_nobody_knows_has_the_next_node() -> None:
    made = world(0.0)
    made.run(made.now_ms + 10_000)
    made.links["4401"].cuts.append((made.now_ms, made.now_ms + 60_000))
    made.run(made.now_ms + 2_000)
    first_ms = press(made, 3_500)
    assert 1_500 < first_ms < 3_500 and made.seats["4401"].arbiter is not None
    made.run(made.now_ms + 10_000)
    assert made.talkers["t"].participant.may_speak, "and it keeps it: nobody is told of a node that may not be there"


def ends() -> dict[carrying.Side, Talk]:
    sides: tuple[carrying.Side, ...] = ("kit", "hub")
    nodes = {"kit": parse(KIT), "hub": parse(HUB)}
    made = {side: Talk(Link(side, nodes[side], parse(KIT), lambda _: 0, lambda: 64_000)) for side in sides}
    for talk in made.values():
        talk.turned(True, 0.0)
    return made


def say(talk: Talk, frame: Ask | Answer, now_s: float) -> list[bytes]:
    work = talk.from_bus(f"fc.floor.{GROUP}", frames.encode(frame), now_s)
    return [letter.body for letter in work.letters]


def ask(stamp_ms: int, holding: bool = False, to: str = "44", number: int = 5) -> Ask:
    return Ask(to, "440106001-radio-1", number, stamp_ms, REQUEST, holding, stamp_ms if holding else 0)


def test_an_ask_that_says_the_same_is_sixteen_octets_and_comes_out_as_it_was() -> None:
    known: Known[floor_letter.Told] = Known()
    one, later = ask(1_764_380, True), ask(1_764_999, True)
    tag = floor_letter.tag_of_frame(GROUP, one)
    assert tag == floor_letter.tag_of_frame(GROUP, later) != floor_letter.tag_of_frame(GROUP, ask(1, True, "4401"))
    short = floor_letter.again(later, tag)
    assert short is not None and len(short) <= 12
    assert floor_letter.read(short, known) is None and known.unknown == 1
    assert floor_letter.read(floor_letter.whole(GROUP, one, tag), known) == (GROUP, one)
    assert floor_letter.read(short, known) == (GROUP, later)


def test_an_answer_goes_to_who_asked_from_there_and_to_nobody_else() -> None:
    made = ends()
    granted = Answer("44", "440106001-radio-1", 5, 1_000, GRANTED)
    assert say(made["hub"], granted, 1.0) == []
    (letter,) = say(made["kit"], ask(1_000), 1.0)
    (publish,) = made["hub"].from_link(carrying.Kind.FLOOR, letter, 1.3).publishes
    assert publish.subject == f"fc.floor.{GROUP}" and frames.decode(publish.data) == ask(1_000)
    assert say(made["hub"], ask(1_000), 1.3) == [], "nor does it go back where it came from"
    (letter,) = say(made["hub"], granted, 1.4)
    (publish,) = made["kit"].from_link(carrying.Kind.FLOOR, letter, 1.7).publishes
    assert frames.decode(publish.data) == granted


def test_who_followed_a_node_there_until_lately_waits_until_more_has_come() -> None:
    """A kit's own talkgroup, after a cut that nobody noticed: by the word of the node above somebody may be speaking
    there, of whom the kit has heard nothing yet."""
    made, own = ends(), "44.01.06.001.main"
    came: list[float] = []
    for step in range(12):
        now_s, left_ms = 5.0 + step * 0.45, 200 + step * 450
        one = Ask(KIT, "440106-radio-1", 5, int(now_s * 1_000), REQUEST, False, 0, (("440106", left_ms),))
        letter = floor_letter.whole(own, one, floor_letter.tag_of_frame(own, one))
        came += [now_s for _ in made["kit"].from_link(carrying.Kind.FLOOR, letter, now_s).publishes]
    assert came and came[0] == pytest.approx(8.15)
    holding = Ask(KIT, "440106-radio-2", 6, 1, REQUEST, True, 0, (("440106", 100),))
    letter = floor_letter.whole(own, holding, floor_letter.tag_of_frame(own, holding))
    assert ends()["kit"].from_link(carrying.Kind.FLOOR, letter, 1.0).publishes, "who speaks is told of at once"


def test_an_end_speaks_for_its_own_nodes_and_talkgroups_alone() -> None:
    made = ends()
    tag = floor_letter.tag_of_frame
    for group, frame in (
        ("44.02.main", ask(1)), (GROUP, Answer("44", "g", 5, 1, GRANTED)), ("43.main", ask(1)),
    ):  # fmt: skip
        with pytest.raises(BadMessage):
            made["hub"].from_link(carrying.Kind.FLOOR, floor_letter.whole(group, frame, tag(group, frame)), 1.0)
    for body in (nodes("440106002"), nodes("44"), nodes("x"), b"\0", b"", b"\x07abc", b"\1abc", b"\0\0\xff"):
        with pytest.raises(BadMessage):
            made["hub"].from_link(carrying.Kind.FLOOR, body, 1.0)
    made["hub"].from_link(carrying.Kind.FLOOR, nodes("440106001,440106001101"), 1.0)
    made["kit"].from_link(carrying.Kind.FLOOR, nodes("44,4401,440106"), 1.0)
    for body in (nodes("4402"), nodes("440106001")):
        with pytest.raises(BadMessage):
            made["kit"].from_link(carrying.Kind.FLOOR, body, 1.0)


def nodes(codes: str) -> bytes:
    return bytes((floor_letter.NODES, 1)) + codes.encode()


def test_beacons_of_the_other_end_are_said_here_and_end_when_they_end_there() -> None:
    made = ends()
    heard: list[tuple[float, str]] = []
    for step in range(200):
        now_s = step * 0.05
        if step % 5 == 0 and step < 100:
            made["hub"].from_bus(subjects.beacon(parse(HUB)), frames.encode(Beacon(HUB)), now_s)
        if step % 5 == 0:
            made["hub"].from_bus(subjects.beacon(parse("44")), frames.encode(Beacon("44")), now_s)
        letters = made["hub"].due(now_s).letters
        for letter in letters:
            assert letter.cls is Class.ORDERS
            made["kit"].from_link(letter.kind, letter.body, now_s)
        heard += [(now_s, publish.subject) for publish in made["kit"].due(now_s).publishes]
    times = [at for at, subject in heard if subject == "fc.beacon.44.01.06"]
    assert len(times) >= 18 and 5.0 < times[-1] < 6.5
    assert sum(subject == "fc.beacon.44" for _, subject in heard) >= 38
    made["kit"].turned(True, 9.95)
    assert made["kit"].nodes.beyond == ("44",), "the other end began anew: what it hears may have come before that"
    made["kit"].turned(False, 10.0)
    assert made["kit"].due(10.5).publishes == []


def test_voice_and_floors_cross_where_somebody_listens() -> None:
    made = ends()
    hub, kit = made["hub"], made["kit"]
    assert f"fc.voice.{GROUP}" not in hub.hears() and "fc.voice.44.01.06.001.>" in hub.hears()
    kit.from_bus(f"fc.listens.{GROUP}", b"", 0.1)
    kit.from_bus("fc.listens.44.02.main", b"", 0.1)
    (letter,) = _wants(kit.due(0.5))
    hub.from_link(letter.kind, letter.body, 0.8)
    assert f"fc.voice.{GROUP}" in hub.hears() and "fc.listens.44.main" in [p.subject for p in hub.due(3.0).publishes]
    assert hub.wants.goes(GROUP) and not hub.wants.goes("44.flood") and hub.wants.goes("44.01.06.001.x")
    assert kit.wants.goes("44.flood") and not kit.wants.goes("44.01.06.001.x"), "its own node records it"
    (letter,) = _wants(kit.due(10.0))
    hub.from_link(letter.kind, letter.body, 10.3)
    assert f"fc.voice.{GROUP}" not in hub.hears(), "nobody listens any more"
    for body in (b"44.02.main", b"x", b"44", b"\xff", "\n".join(f"44.g{n}" for n in range(65)).encode()):
        with pytest.raises(BadMessage):
            hub.from_link(carrying.Kind.WANTS, body, 11.0)


def test_who_listens_is_said_upward_of_places_above_and_downward_of_the_own_branch() -> None:
    link = rights_of(BusUser("link-1", "link", HUB, "U" * 56))
    assert {"fc.listens.44.*", "fc.listens.44.01.*", "fc.listens.44.01.06.>"} <= set(link.publish)
    assert [subject for subject in link.subscribe if subject.startswith("fc.listens")] == ["fc.listens.44.01.06.>"]
    gateway = rights_of(BusUser("radio-1", "talk", HUB, "U" * 56))
    assert "fc.listens.44.01.06.>" in gateway.publish
    assert not any(subject.startswith("fc.listens") for subject in gateway.subscribe)


def _wants(work: Work) -> list[Letter]:
    return [letter for letter in work.letters if letter.kind is carrying.Kind.WANTS]
