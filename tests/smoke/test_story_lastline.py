"""No link but two serial lines: a province's order reaches a county by short message, and the answer comes back."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path as Folder

from fusioncmd import subjects
from fusioncmd.bus.nats import open_bus
from fusioncmd.codes import Path
from tests.nats_server import free_port
from tests.smoke.handset import Handset
from tests.smoke.test_story_tiers import answered, import_people, people_of, tickets
from tests.smoke.tree import Node, approve
from tests.tier_process import TierProcess, until


@contextlib.contextmanager
def satellite() -> Iterator[list[tuple[str, int]]]:
    """Two terminals, each by its device and card."""
    argv = [sys.executable, "-m", "gateways.shortmessage.simulator", "--every", "1", "--delay", "0.1"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield [(device, int(card)) for device, card in (process.stdout.readline().split() for _ in range(2))]
        finally:
            process.terminate()


def settle(tier: TierProcess, peer: str, card: int) -> None:
    tier.data.mkdir(parents=True, exist_ok=True)
    (tier.data / "lastline.toml").write_text(f'when = "always"\n[cards]\n{peer} = {card}\n', "utf-8")


async def bring_roster(province: TierProcess, kit: TierProcess) -> None:
    """As the link did while there was one."""
    above = await open_bus(province.nats, "node", key=province.bus_key("node"))
    below = await open_bus(kit.nats, "node", key=kit.bus_key("node"))
    for code in ("44", "440106001"):
        stored = await above.last(subjects.roster(Path(code)))
        assert stored is not None
        await below.store(stored.subject, stored.data)
    await above.close()
    await below.close()


def test_an_order_and_its_answer_pass_by_short_messages_alone(tmp_path: Folder) -> None:
    with satellite() as ((device, card), (kit_device, kit_card)):
        province = Node(tmp_path, "44", options=("--modem", device))
        settle(province, "440106", kit_card)
        with province:
            approve(tmp_path, province, "44", "440106")
            import_people(province, tmp_path)
            kit = Node(tmp_path, "440106", free_port(), options=("--modem", kit_device))
            settle(kit, "44", card)
            with kit:
                asyncio.run(bring_roster(province, kit))
                until(lambda: people_of(kit) == 3, 15.0)
                (one,) = tickets(kit, tmp_path, 1)
                with Handset(kit.terminals, one) as held:
                    call = ("call", "--text", "Is the dyke holding?", "--answer", "yes", "--answer", "no", "--exercise")
                    issued = province.ask(*call, "--to", "440106")
                    text = "【短报文 来自44】[by short message from 44]\nIs the dyke holding?"
                    held.answer(held.order(text), "yes")
                    until(lambda: answered(province, issued["id"]) == [1, 0], 20.0)
                said = province.here("health", "--json").json["problems"]
                assert not [problem for problem in said if "short message" in problem]
