"""A node that has a satellite link: what `up` is told of it, what its gateway says, and what node, rights and screen
make of that."""

from __future__ import annotations

import random
from pathlib import Path as Folder

import pytest

from fusioncmd import satellite
from fusioncmd.bus.users import BusUser
from fusioncmd.canary import Flight, Trail
from fusioncmd.cli import satellite_status
from fusioncmd.cli.bus_way import OWN
from fusioncmd.cli.linked import linked_way
from fusioncmd.cli.satellite_way import Satellite, read_rate, read_ways, satellite_of
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, BadMessage, NotFound
from fusioncmd.exchange import bounds, scope
from fusioncmd.exchange.exchange import Exchange
from fusioncmd.exchange.flow import Flow
from fusioncmd.exchange.pace import Pace, thin
from fusioncmd.exchange.wire import Frame
from fusioncmd.pulse import Pulse
from fusioncmd.satellite import HubFacts, LinkFacts, pack, unpack
from tests.exchange_pair import CITY, COUNTY, order_item, replica
from tiers.branches import Branches, Link
from tiers.bus_rights import rights_of
from tiers.nats_config import NatsSettings, render
from tiers.satellite_links import SatelliteLinks


def facts(**changes: object) -> LinkFacts:
    own: dict[str, object] = {"kit": COUNTY, "up": True, "for_ms": 0, "session": 1, "provisioned_bps": 64_000}
    return LinkFacts(**(own | changes))  # type: ignore[arg-type]


class Node:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.replica = replica()
        exchange = Exchange(self.replica, scope.link(CITY, COUNTY), False, 1, random.Random(1).random, Pace())
        exchange.connect(0)
        self.link = Link(COUNTY, exchange, Pulse(1, 100.0), "", "", Trail(30.0))
        self.links = SatelliteLinks(lambda kit: self.link if kit == COUNTY else None, lambda: self.now_s)

    def hear(self, said: satellite.Said) -> None:
        self.links.hear("fc.satellite.x", pack(said))


def test_the_exchange_suits_itself_to_the_link_and_knows_when_it_is_cut() -> None:
    node = Node()
    exchange = node.link.exchange
    node.hear(facts(up=False))
    assert not exchange.connected and exchange.pace == thin(64_000)
    node.replica.put(*order_item()[:2])  # an order that comes meanwhile …
    node.hear(facts())
    assert exchange.connected and len(exchange.outbox) == 1, "… is said as soon as the link is back"
    exchange.due(100_050)
    flying = dict(exchange.flow.flying)
    node.hear(facts(rate_bps=40_000))
    assert exchange.flow.flying == flying, "nothing begins anew where nothing turned"
    node.hear(facts(provisioned_bps=2_000_000, way="4g"))
    assert exchange.connected and exchange.pace == thin(2_000_000)
    node.hear(facts(session=2, provisioned_bps=2_000_000))
    assert not exchange.flow.flying and exchange.connected, "another gateway: what was on its way may be lost"
    assert len(exchange.outbox) == 1, "an order among it is said again before anything is compared"


def test_a_link_whose_gateway_says_that_it_is_down_is_cut_at_once() -> None:
    node = Node()
    flight = Flight(100.0, 30.0)
    branches = Branches(Path(CITY), "", {COUNTY: node.link}, flight, lambda: 0.0, lambda: node.now_s)
    node.hear(facts())
    assert branches.lines()[0].state == "up"
    node.hear(facts(up=False))
    assert branches.lines()[0].state == "cut" and branches.lines()[0].satellite == facts(up=False)


def test_health_says_what_is_wrong_with_a_link_in_both_languages() -> None:
    node = Node()
    node.hear(facts(shed={"reports": 3}, clock_off_ms=-63_072_000_000))
    node.hear(HubFacts("The kit 440107 is refused.", "已拒绝便携站 440107。"))
    said = list(node.links.problems())
    assert [en for en, _ in said] == [
        f"On the satellite link of {COUNTY} there was no room for: reports 3",
        f"The clock at the other end of the satellite link of {COUNTY} differs by -63,072,000 s",
        "The kit 440107 is refused",
    ]
    assert all(zh and not zh.endswith("。") for _, zh in said)
    node.hear(facts(up=False, refused="Revoked.", refused_zh="已撤销。"))
    assert ("Revoked", "已撤销") in list(node.links.problems())
    node.now_s += satellite.FACTS_OLD_S + 1
    assert [en for en, _ in node.links.problems()] == [
        f"The gateway of the satellite link of {COUNTY} has said nothing for 8 s"
    ]


def test_what_no_gateway_says_is_counted_and_changes_nothing() -> None:
    node = Node()
    node.links.hear("fc.satellite.x", b"\xc1")
    node.hear(facts(kit="4407"))
    assert node.links.bad == 1 and node.link.facts is None
    for bad in (b"", pack(facts())[:-1], pack(facts(loss=0.5)).replace(b"\xcb?\xe0", b"\xcb@\xe0")):
        with pytest.raises(BadMessage, match="satellite"):
            unpack(bad)


def test_bulk_leaves_room_and_what_was_overtaken_is_acknowledged_all_the_same() -> None:
    pace = thin(64_000)
    ours: Flow[str] = Flow(5, pace.in_flight_bytes)
    theirs: Flow[str] = Flow(6, pace.in_flight_bytes)
    ours.suit(pace.in_flight_bytes, pace.reserved_bytes, pace.late_ms, pace.bulk_late_ms)
    while room := ours.room(pace.message_bytes, bulk=True):
        ours.sent(ours.number(), room, ["bulk"], 0, bulk=True)
    assert ours.room(pace.message_bytes) == pace.message_bytes
    first = min(ours.flying)
    for now_ms in range(100, 100 + 40 * 50, 50):  # forty urgent ones overtake it
        seq = ours.number()
        ours.sent(seq, 200, ["urgent"], now_ms)
        theirs.heard(Frame(5, 6, seq, 0, 0, ()), now_ms)
        ours.heard(Frame(6, 5, 0, *theirs.acks(), ()), now_ms)
    assert not ours.late(pace.late_ms[0] + 1_000), "it is waited for"
    theirs.heard(Frame(5, 6, first, 0, 0, ()), 9_000)
    for _ in range(3):
        ours.heard(Frame(6, 5, 0, *theirs.acks(), ()), 9_000)
    assert first not in ours.flying


def test_rounds_on_a_quiet_thin_link_become_rare_and_what_is_said_makes_them_soon_again() -> None:
    exchange = Exchange(replica(), scope.link(COUNTY, CITY), True, 1, lambda: 0.5, thin(64_000))
    rounds, now_ms = exchange._rounds, 0
    waits = []
    for _ in range(9):
        rounds.begin(now_ms, 0.5, False)
        rounds.agreed(now_ms, 0.5)
        waits.append(rounds.at_ms - now_ms)
        now_ms = rounds.at_ms
    assert waits[:3] == [60_000, 120_000, 240_000] and waits[-1] == 3_600_000
    rounds.stirred(now_ms - 3_000_000)
    assert rounds.at_ms == now_ms - 3_000_000 + 60_000


def test_a_thin_pace_has_room_for_what_is_urgent_at_any_rate() -> None:
    for rate_bps in (1, 2_400, 64_000, 512_000, 10**9):
        pace = thin(rate_bps)
        assert bounds.MESSAGE_BYTES_THIN_MIN <= pace.message_bytes <= bounds.MESSAGE_BYTES
        assert pace.reserved_bytes >= 2 * pace.message_bytes <= pace.in_flight_bytes - pace.reserved_bytes


@pytest.mark.parametrize(
    ("text", "wanted"), [("64k", 64_000), ("2M", 2_000_000), ("9600", 9_600), ("1.5m", 1_500_000), (" 512K ", 512_000)]
)
def test_a_rate_is_bits_a_second(text: str, wanted: int) -> None:
    assert read_rate(text, "--satellite-rate") == wanted


@pytest.mark.parametrize("text", ["", "fast", "0", "1", "-64k", "64kb", "9999999999999", "2G"])
def test_what_is_no_rate_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadInput, match="no rate of a link"):
        read_rate(text, "--satellite-rate")


def test_ways_are_named_and_in_order() -> None:
    ways = read_ways("satellite=192.168.1.2@64k, 4g=@2M".replace(" 4g", "wan4"))
    assert [str(way) for way in ways] == ["satellite=192.168.1.2@64000", "wan4=@2000000"]
    for bad in ("", "satellite", "a=1@64k,a=2@64k", "a=x@64k", "a=@64k,b=@64k,c=@64k,d=@64k,e=@64k", "a=@x"):
        with pytest.raises(BadInput):
            read_ways(bad)


def test_up_makes_of_its_options_what_the_two_processes_are_told() -> None:
    assert satellite_of(None, "", "64k", None, "0.0.0.0", None) is None
    kit = satellite_of("hub.example:8720", "4401", "128k", None, "", None)
    assert kit is not None
    assert kit.up_options() == ["--hub", "hub.example:8720", "--above", "4401", "--way=satellite=@128000"]
    hub = satellite_of(None, "", "64k", None, "::", 8720)
    assert hub == Satellite(listens=("::", 8720)) and hub is not None
    assert hub.hub_options() == ["--listen", "[::]:8720", "--rate", "64000"] and hub.words == "[::]:8720"
    for bad in ("hub.example", "hub.example:0", ":8720", "hub:x"):
        with pytest.raises(BadInput, match="--satellite is HOST:PORT"):
            satellite_of(bad, "4401", "64k", None, "", None)
    with pytest.raises(BadInput, match="goes with --satellite"):
        satellite_of(None, "", "64k", "a=@64k", "", 8720)


def test_one_way_leads_up_and_only_where_a_tier_approved(tmp_path: Folder) -> None:
    with pytest.raises(BadInput, match="exclude each other"):
        linked_way(tmp_path, OWN, False, "127.0.0.1:1", "127.0.0.1", None, by_satellite=True)
    with pytest.raises(BadInput, match="own NATS server"):
        linked_way(tmp_path, OWN, True, None, "127.0.0.1", None, satellite_port=1)
    with pytest.raises(NotFound, match="No tier above has approved"):
        linked_way(tmp_path, OWN, False, None, "127.0.0.1", None, by_satellite=True)


def user(role: str, serves: str, name: str = "") -> BusUser:
    return BusUser(name or role, role, serves, "U" + "A" * 55)  # type: ignore[arg-type]


def test_the_account_lends_of_a_satellite_link_what_it_does_of_a_leaf_and_how_it_is(tmp_path: Folder) -> None:
    settings = NatsSettings("440106", 1, tmp_path, above_by_satellite=True)
    text = render(settings, [user("node", "440106"), user("satellite", "440106"), user("link", "440106001")])
    for lent in ("fc.link.440106.down", "fc.link.440106.beaten", "fc.link.440106001.up", "fc.satellite.*"):
        assert f'{{ stream: {{ account: "fc-440106-links", subject: "{lent}" }} }}' in text
    assert '{ stream: { account: "fc-440106", subject: "fc.link.440106.up" } }' in text
    assert "remotes" not in text
    without = render(NatsSettings("440106", 1, tmp_path), [user("node", "440106")])  # type: ignore[arg-type]
    assert 'fc.satellite.*" }' not in without


def test_who_carries_a_satellite_link_says_nothing_else() -> None:
    rights = rights_of(user("satellite", "440106"))
    for subject in (*rights.publish, *rights.subscribe):
        kind = subject.split(".")[1]
        assert kind in ("link", "satellite", "voice", "floor", "listens", "beacon", "video", "thin", "kept", "track",
                        "joined", "roll", "show") or subject.startswith("_INBOX.satellite")  # fmt: skip
    assert not any(subject.startswith(("fc.call", "fc.api", "$JS", "fc.receipt")) for subject in rights.publish)


def test_the_screen_shows_a_link_and_its_troubles() -> None:
    shown = satellite_status.cells(
        facts(
            for_ms=65_000, way="4g", rate_bps=64_000, round_trip_ms=610, loss=0.0123, sent_bytes=12_345, heard_bytes=7
        )
    )
    assert shown[1:] == ["4g", "64 kbit/s", "610 ms", "1.2 %", "12 kB", "7 B", "0 B"]
    down = facts(up=False, refused="It was revoked.", refused_zh="已撤销。", shed={"clips": 2}, bad=1)
    assert len(satellite_status.troubles(down)) == 3 and satellite_status.troubles(facts()) == []
