"""A terminal tells where it takes push messages: on disk, found again by town, and gone when the service says so."""

from __future__ import annotations

import asyncio

from pyroaring import BitMap

from fusioncmd import subjects, terminal
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import Path
from fusioncmd.ladder.wire import Subscription, decode
from gateways.responder.subscriptions import EACH_S, SubscriptionBox
from tests.test_desk import PEOPLE, Office
from tiers.subscriptions import Addresses

POINT, SECRET = b"\x04" + bytes(64), bytes(16)


async def test_a_subscription_is_stored_found_and_forgotten() -> None:
    bus, roster, now = MemoryBus(), Office().roster, [100.0]
    known = Addresses(bus, roster)
    await known.begin()
    stored: list[int] = []
    box = SubscriptionBox(bus, stored.append, lambda: now[0])
    first, second = PEOPLE[0], PEOPLE[1]
    towns = [roster.person(n).place[:9] for n in (first, second)]
    for device in (b"device-1", b"device-2"):
        box.take(terminal.Subscribe(f"https://push.example/{device.hex()}", POINT, SECRET), first, towns[0], device)
    box.take(terminal.Subscribe("https://push.example/2", POINT, SECRET), second, towns[1], b"")
    box.take(terminal.Subscribe("https://push.example/3", POINT, SECRET), second, towns[1], b"")  # too soon
    while len(stored) < 3:
        await asyncio.sleep(0.01)
    assert box.shed == 1 and known.with_push == BitMap([first, second])
    targets = await known.of("push", BitMap([first, second, PEOPLE[-1]]))
    assert [(t.number, t.address.count("endpoint")) for t in targets] == [(first, 2), (second, 1)]

    now[0] += EACH_S
    box.take(terminal.Subscribe("https://push.example/4", POINT, SECRET), second, towns[1], b"")
    while len(stored) < 4:
        await asyncio.sleep(0.01)
    last = await bus.last(subjects.push(Path(towns[1]), second, b""))
    assert last is not None and decode(Subscription, last.data).endpoint.endswith("/4")

    await bus.store(subjects.push(Path(towns[0]), first, b"device-1"), b"")  # that device is lost
    assert known.with_push == BitMap([first, second])
    assert [t.address.count("endpoint") for t in await known.of("push", BitMap([first]))] == [1]

    await known.forget_push(first)
    assert known.with_push == BitMap([second]) and await known.of("push", BitMap([first])) == []
