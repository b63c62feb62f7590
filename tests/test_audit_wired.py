"""What a node decides is in its audit: orders before they are stored, refusals and why, the roster, and itself."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from fusioncmd import api, ids, limits, subjects
from fusioncmd.audit import chain
from fusioncmd.audit.entries import Entry
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import AUDIT
from fusioncmd.client import Commander
from fusioncmd.codes import Path as Place
from fusioncmd.errors import BadMessage, BadOrder, Forbidden, StorageFull
from fusioncmd.messages import encode
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.slices import merge
from fusioncmd.trust import seals
from tests.nats_server import until
from tests.test_desk import PEOPLE, PLACES, TABLE, Office, first_slice
from tests.test_desk_issue import UNSURE, UPDATE, Faulty, issue, stored
from tests.test_node import province, running
from tests.worlds import CHIEF, DUTY, by_key, make_draft, make_id, make_order, sealed
from tiers import folding
from tiers.roster_burst import RosterBurst
from tiers.serving import Serving

NO_ROOM = StorageFull("The store is full.", "存储已满。")


async def entries(bus: MemoryBus) -> list[Entry]:
    return [e async for message in bus.read(AUDIT) for e in chain.claimed(message.data).entries]


async def test_an_order_is_in_the_audit_before_it_is_stored_and_not_stored_when_it_cannot_be() -> None:
    office = Office()
    office.audit.problem = NO_ROOM
    with pytest.raises(StorageFull):
        await issue(office)
    assert await stored(office) == []
    office.audit.problem = None
    await issue(office)
    await issue(office, 2, **UPDATE)
    first, second = office.audit.entries
    assert (first.actor, first.deed, first.about, first.refused) == ("duty", "order", ids.to_text(make_id(1)), "")
    assert first.details == {
        "msg_type": "alert", "status": "exercise", "place": "44", "people": str(len(PEOPLE)), "asked_by": "chief",
    }  # fmt: skip
    assert (second.details["msg_type"], second.details["refs"]) == ("update", ids.to_text(make_id(1)))


async def test_an_order_that_is_asked_for_again_is_in_the_audit_once() -> None:
    office = Office(Faulty(None, UNSURE))
    with pytest.raises(Exception, match="does not answer"):
        await issue(office)
    await issue(office)
    await issue(office)
    assert [e.deed for e in office.audit.entries] == ["order"]


@pytest.mark.parametrize(
    ("data", "about", "reason"),
    [
        (sealed(make_order(1, issuer="chief")), ids.to_text(make_id(1)), "issuer"),
        (sealed(make_order(1, text=" Come. ")), ids.to_text(make_id(1)), "BadOrder"),
        (sealed(make_order(1, msg_type="update", refs=make_id(9))), ids.to_text(make_id(1)), "NotFound"),
        (b"noise", "issue", "bytes"),
    ],
)
async def test_an_order_that_is_refused_is_in_the_audit_with_its_reason(data: bytes, about: str, reason: str) -> None:
    office = Office()
    for _ in range(2):  # each time
        with pytest.raises(Exception):  # noqa: B017  # which one, the reason says
            await office.desk.issue(api.Issue(data), CHIEF)
    first, second = office.audit.entries
    assert first == second and (first.actor, first.about, first.refused) == ("chief", about, reason)
    assert first.details["sha256"] == sha256(data).hexdigest()


async def test_a_node_tells_when_it_starts_and_stops_and_what_was_put_on_the_bus(tmp_path: Path) -> None:
    bus = await province()
    forged = encode(make_order(7))  # nobody signed it
    await bus.store("fc.call.44", forged)
    await bus.store("fc.report.44", b"noise")
    for _ in range(2):
        async with running(bus, tmp_path) as node:
            await bus.store("fc.call.44", forged)
            assert not any("audit" in problem for problem in node.recorder.problems)
    kept = await entries(bus)
    life = [e.details["change"] for e in kept if e.deed == "node"]
    assert life == ["start", "stop"] * 2
    refused = [(e.about, e.refused) for e in kept if e.refused]
    assert refused[:2] == [("fc.call.44", "bytes"), ("fc.report.44", "BadMessage")]
    assert refused.count(("fc.call.44", "bytes")) == 2  # once for each start, however often it comes


async def test_issued_by_a_node_it_can_be_read_page_by_page(tmp_path: Path) -> None:
    bus = await province()
    async with running(bus, tmp_path):
        commander = Commander(bus, await by_key(Commander(bus)))
        for n in (5, 6):
            body = (await commander.ask(api.Compose(make_draft(n)))).body
            await commander.ask(api.Issue(seals.seal(body, DUTY["exercise"])))
        reply = await commander.ask(api.Audit(limit=1))
        assert (len(reply.pages), reply.after, reply.last) == (1, 1, 3)
        page = reply.pages[0]
        assert (page.seq, page.number, page.first, page.problem) == (1, 1, 1, "")
        assert [e.deed for e in page.entries] == ["node", "login"]
        rest = await commander.ask(api.Audit(after=reply.after))
        assert (rest.pages[0].number, rest.pages[0].first, rest.after) == (2, 3, None)
        message = await bus.last(subjects.audit(Place("44")))
        assert message is not None and rest.pages[-1].digest == chain.digest_of(message.data)
        await bus.store(subjects.audit(Place("44")), b"noise")
        assert (await commander.ask(api.Audit(after=3))).pages[0].problem != ""
        with pytest.raises(BadMessage):
            await commander.ask(api.Audit(limit=limits.AUDIT_REPLY_ENTRIES_MAX + 1))


async def test_what_changes_in_the_roster_is_noted_and_what_was_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "ROSTER_BURST_S", 0.05)
    office, bus = Office(), await province()
    roster, kept = Roster(PLACES), office.audit.entries
    reading = folding.Folding(bus, roster, office.ledger, office.judge, office.audit, "node")
    await reading.read_everything()

    async def leave(code: str, people: int) -> None:
        first = first_slice(code)
        left = merge(first, code, (), first.ids[:people]).slice
        assert left is not None
        part = structs.replace(left, edition=first.edition + people)
        await bus.store(subjects.roster(Place(code)), encode(part))

    changed = TABLE.towns[1:]
    for code in changed:
        await leave(code, 1)
    await until(lambda: kept)
    await leave(changed[0], 1)  # the same edition again is no change
    await leave(changed[-1], 2)
    await until(lambda: len(kept) > 1)
    towns, last = len(changed), changed[-1]
    assert [(e.actor, e.deed, e.details) for e in kept] == [
        ("node", "roster", {"towns": str(towns), "people": str(towns * 3), "first": changed[0], "last": last}),
        ("node", "roster", {"towns": "1", "people": "2", "first": last, "last": last, "edition": "3"}),
    ]


def test_a_burst_is_one_entry_however_many_towns_there_are() -> None:
    burst = RosterBurst()
    assert burst.entry(1, "node") is None
    assert [burst.put(f"44010{n}001", 2, 10) for n in (3, 1, 2)] == [True, False, False]
    made = burst.entry(7, "node")
    assert made is not None and (made.at_ms, made.about) == (7, "440101001")
    assert made.details == {"towns": "3", "people": "30", "first": "440101001", "last": "440103001"}
    assert burst.entry(8, "node") is None


async def test_who_may_not_ask_is_noted_at_the_counter() -> None:
    office, bus = Office(), MemoryBus()

    def admit(question: Any, session: bytes) -> Any:
        if isinstance(question, api.Orders):
            raise Forbidden("Nobody is logged in.", "未登录。")
        return CHIEF

    async def answer(question: Any, who: Any) -> object:
        raise Forbidden("Not here.", "不在此处。") if isinstance(question, api.Find) else BadOrder("No.", "否。")

    await Serving(bus, lambda: True, admit, office.audit, lambda: 7.0).serve(dict.fromkeys(api.VERBS, answer))
    for question in (api.Orders(), api.Find(), api.Preview(make_order().audience)):
        with pytest.raises((Forbidden, BadOrder)):
            await Commander(bus).ask(question, timeout_s=0.2)
    await bus.ask(subjects.api("tally"), b"noise", 1)
    assert [(e.at_ms, e.actor, e.about, e.refused) for e in office.audit.entries] == [
        (7_000, "", "orders", "Forbidden"), (7_000, "chief", "find", "Forbidden"), (7_000, "", "tally", "BadMessage"),
    ]  # fmt: skip
