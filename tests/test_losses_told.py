"""What a tier tells the others of losses: each report, however soon it comes after another one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fusioncmd.api import devices as asked
from fusioncmd.bus.port import TRUST
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.losses import Losses, Missing
from loadtest.offices import BOTH
from tests.phones import Phone
from tests.test_device_desk import ONE, Counter
from tests.worlds import CHIEF, OFFICES
from tiers.losses import Elsewhere


async def test_a_device_that_enrolled_between_two_reports_within_a_minute_is_ended_elsewhere_too() -> None:
    here, there = Counter(), Counter()
    province = OFFICES.grant(OFFICES.province, "node", purposes=("node",), statuses=BOTH)
    losses = Losses(Judge(OFFICES.anchors, lambda: here.now_ms / 1000))
    parts: Any = SimpleNamespace(holdings=SimpleNamespace(losses=losses))
    folds: dict[str, Any] = {}
    links: Any = SimpleNamespace()
    notices: Any = SimpleNamespace(on=folds.__setitem__)
    Elsewhere(here.bus, here.roster, parts, here.devices, links, notices, lambda: province)

    async def told() -> list[Missing]:
        stored = [s async for s in here.bus.read(TRUST) if s.subject.startswith("fc.trust.missing.")]
        for one in stored:
            folds["missing"](one)
        return [losses.read(one.data) for one in stored]

    code = await there.code(replaces=False)
    assert (await here.devices.revoke(asked.RevokeDevices(number=ONE), CHIEF)).told
    assert len(await told()) == 1
    here.now_ms += 20_000
    there.now_ms += 20_000
    await there.enrol(code, Phone())  # by a stolen code, at another tier
    here.now_ms += 10_000
    assert (await here.devices.revoke(asked.RevokeDevices(number=ONE), CHIEF)).told
    for missing in await told():
        await there.devices.end_until(missing.number, missing.at_ms, missing.by)
    (line,) = (await there.devices.devices(asked.Devices(number=ONE), CHIEF)).lines
    assert line.lost_ms is not None
