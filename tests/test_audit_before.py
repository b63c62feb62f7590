"""What gives a right is in the audit before it holds; what takes one away holds at once, and is in the audit as soon as
that can be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusioncmd import api
from fusioncmd.api import devices as asked
from fusioncmd.audit import chain
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import AUDIT
from fusioncmd.client import Commander
from fusioncmd.errors import BusDown, Forbidden, NoReply, NoSession, Problem, StorageFull
from tests.audits import entry
from tests.login_counter import NEXT, PASSWORD, counter
from tests.nats_server import until
from tests.phones import Phone
from tests.test_desk_issue import Faulty
from tests.test_device_desk import ONE, Counter
from tests.test_node import province
from tests.test_recording import entries, recording
from tests.worlds import CHIEF, by_key

NEW = api.AddAccount(name="chen", roles=("commander",), path="4401", password=PASSWORD)
FULL = StorageFull("The store is full.", "存储已满。")


class NoAudit(MemoryBus):
    """Where the audit cannot be written while `full`; everything else can."""

    full = False

    async def store(self, subject: str, data: bytes, *, expect_last: int | None = None) -> int:
        if self.full and subject.startswith("fc.audit."):
            raise FULL
        return await super().store(subject, data, expect_last=expect_last)

    async def told(self, deed: str) -> list[tuple[str, str]]:
        """About whom, and what, of such deeds in the audit."""
        pages = [chain.claimed(stored.data) async for stored in self.read(AUDIT)]
        return [(e.about, e.details.get("what", "")) for page in pages for e in page.entries if e.deed == deed]


@pytest.mark.parametrize(
    ("problem", "stores"),
    [(FULL, False), (BusDown("Not there.", "不在。"), False), (NoReply("No reply.", "没有应答。"), True)],
    ids=["full", "not there", "reply lost"],
)
async def test_what_holds_already_is_written_once_when_the_audit_can_be_written(
    problem: Problem, stores: bool, tmp_path: Path
) -> None:
    bus = Faulty()
    async with recording(bus, tmp_path) as one:
        await one.record(entry(0))
        bus.faults += [(problem, stores)] * 2
        await one.record_after(entry(1))  # raises nothing: it is done
        assert one.problems and entry(1) not in (await entries(bus))[2:]
    assert [e for e in await entries(bus) if e == entry(1)] == [entry(1)]


async def test_an_account_does_not_hold_before_it_is_in_the_audit(tmp_path: Path) -> None:
    bus = NoAudit()
    async with counter(tmp_path, await province(bus)) as here:
        admin = Commander(bus, log_in=by_key)
        await admin.ask(api.WhoAmI())
        bus.full = True
        with pytest.raises(StorageFull):
            await admin.ask(NEW)
        assert (await admin.ask(api.Accounts())).accounts == ()
        bus.full = False
        await admin.ask(NEW)  # asked again: it is written too
        assert await bus.told("account") == [("chen", "added")]
        bus.full = True
        for change in ({"roles": ("administrator",)}, {"path": "44"}, {"password": NEXT}, {"disabled": False}):
            with pytest.raises(StorageFull):
                await admin.ask(api.ChangeAccount(name="chen", **change))  # type: ignore[arg-type]
        bus.full = False
        (line,) = (await admin.ask(api.Accounts())).accounts
        assert (line.roles, line.path) == (("commander",), "4401")
        await here.login()


async def test_an_account_is_shut_and_a_session_ended_though_the_audit_is_full(tmp_path: Path) -> None:
    bus = NoAudit()
    async with counter(tmp_path, await province(bus)) as here:
        admin = Commander(bus, log_in=by_key)
        await admin.ask(NEW)
        away, chen = await here.login(), await here.login()
        bus.full = True
        await away.ask(api.Logout())
        with pytest.raises(NoSession):
            await away.ask(api.WhoAmI())
        await admin.ask(api.ChangeAccount(name="chen", disabled=True))
        with pytest.raises((NoSession, Forbidden)):
            await chen.ask(api.WhoAmI())
        bus.full = False
        await until(lambda: not here.node.recorder.problems)
        assert await bus.told("account") == [("chen", "added"), ("chen", "disabled")]
        assert len(await bus.told("logout")) == 1


async def test_a_device_is_not_enrolled_unseen_and_is_lost_though_the_audit_is_full() -> None:
    here, phone = Counter(), Phone()
    code = await here.code()
    here.book.problem = FULL
    with pytest.raises(StorageFull):
        await here.enrol(code, phone)
    assert (await here.devices.devices(asked.Devices(number=ONE), CHIEF)).lines == ()
    here.book.problem = None
    await here.enrol(code, phone)
    here.book.problem = FULL
    await here.devices.revoke(asked.RevokeDevices(number=ONE), CHIEF)
    assert len(await here.told()) == 1
    assert [e.details.get("what") for e in here.book.entries if e.deed == "device"][1:] == ["enrolled", "revoked"]


async def test_a_code_that_is_sent_again_ends_no_device_that_came_after_it() -> None:
    here, first, second = Counter(), Phone(), Phone(2)
    code, later = await here.code(replaces=True), await here.code()
    await here.enrol(code, first)
    here.now_ms += 1_000
    await here.enrol(later, second)
    await here.enrol(code, first)
    lines = (await here.devices.devices(asked.Devices(number=ONE), CHIEF)).lines
    assert [line.lost_ms for line in lines] == [None, None]
