"""A mistake of the radio gateway's own, at work for a call: that call ends, at the radio too, and nothing else."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from fusioncmd.radios import Radio, hashes
from gateways.radio.calls import CallChanged, LocalMedia
from gateways.radio.echo import EchoMedia
from gateways.radio.gateway import Gateway
from gateways.radio.speaking import Sip
from tests.sip_phone import OFFER, REALM, SECRET, Phone, agent, status

URI = "sip:echo@192.0.2.1"


class Mistaken(EchoMedia):
    """Carries sound as it does, but takes no change."""

    async def change(self, call: CallChanged) -> LocalMedia:
        raise IndexError("a mistake")


async def worked(gateway: Gateway, phone: Phone) -> list[str]:
    for event in phone.agent.events:
        gateway.hear(event)
    phone.agent.events.clear()
    while gateway._tasks:
        await asyncio.gather(*gateway._tasks, return_exceptions=True)
    return phone.take()


async def test_a_mistake_ends_its_call_and_leaves_no_leg_and_no_sound() -> None:
    phone = Phone(agent())
    listener: Any = SimpleNamespace(agent=phone.agent, now_s=0.0, flush=lambda: None)
    radio = Radio("radio-1", REALM, None, "one", *hashes("radio-1", REALM, SECRET), changed_ms=0)
    echoing = Mistaken("127.0.0.1")
    gateway = Gateway(Sip(listener, "192.0.2.1"), echoing, echoing, {"radio-1": radio}, lambda _: True)
    for count in (1, 2):  # the second call is carried as if nothing had been
        phone.call_id, phone.their_tag = f"call-{count}", ""
        phone.proven("INVITE", uri=URI, body=OFFER)
        [answer] = await worked(gateway, phone)
        assert status(answer) == 200 and gateway.calls == 1 and len(echoing._open) == 1
        phone.learn_tag(answer)
        phone.acknowledge(URI)
        phone.say(phone.request("INVITE", URI, body=OFFER, to_tag=phone.their_tag))
        refused, bye = await worked(gateway, phone)
        assert status(refused) == 500 and bye.startswith("BYE ")
        assert (gateway.calls, len(echoing._open), len(phone.agent.book)) == (0, 0, 0)
        assert gateway.counts["ended by a mistake"] == count and not gateway._work
