"""A node below is revoked: its link is cut, and nothing that it signs from then on counts above."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fusioncmd.bus import users
from fusioncmd.trust import joining
from loadtest.link.link import Link
from tests.smoke.test_story_tiers import import_people, people_of
from tests.smoke.tree import Node, approve, chain
from tests.tier_process import TierProcess, until

PROVINCE, CITY = "44", "4401"


def issued_at(node: Node, text: str) -> str:
    call = ("call", "--to", CITY, "--text", text, "--answer", "yes", "--exercise")
    return str(node.ask(*call)["id"])


def known(tier: TierProcess, order: str) -> bool:
    return tier.here("watch", order, "--once", "--json").code == 0


def problems(tier: TierProcess) -> list[str]:
    return list(tier.here("health", "--json").json["problems"])


def approved(province: TierProcess) -> list[str]:
    return list(province.ask("nodes", "list", "--node", PROVINCE)["approved"])


def test_a_revoked_node_is_cut(tmp_path: Path) -> None:
    with chain(tmp_path, (PROVINCE, CITY)) as (province, city):
        import_people(province, tmp_path)
        until(lambda: people_of(city) == 3, 15.0)
        before = issued_at(city, "Before.")
        until(lambda: known(province, before), 10.0)
        assert approved(province) == [CITY]
        refused = province.cli("nodes", "revoke", "4403", "--node", PROVINCE)
        assert refused.code != 0 and "No node at 4403 was approved here" in refused.err
        assert province.link(CITY) == "up"

        done = province.cli("nodes", "revoke", CITY, "--node", PROVINCE)
        assert done.code == 0 and "has ended" in done.out and "let in no more" in done.out, done
        until(lambda: province.link(CITY) == "cut" == city.link(PROVINCE), 20.0)
        assert approved(province) == [] and known(province, before)
        again = province.cli("nodes", "revoke", CITY, "--node", PROVINCE)
        assert again.code == 0 and "has ended" in again.out  # asked once more, it says the same


async def test_what_a_revoked_node_signed_while_it_was_cut_off_is_refused_above(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    with Node(tmp_path, PROVINCE) as province:
        approve(tmp_path, province, PROVINCE, CITY)
        async with Link(("127.0.0.1", province.links_port), carries="tcp") as link:

            def story() -> None:
                with Node(tmp_path, CITY, link.port) as city:
                    until(lambda: city.link(PROVINCE) == "up", 15.0)
                    import_people(province, tmp_path)
                    until(lambda: people_of(city) == 3, 15.0)
                    loop.call_soon_threadsafe(link.cut, "both")
                    until(lambda: province.link(CITY) == "cut" == city.link(PROVINCE), 20.0)
                    bus = users.folder_of(province.data)
                    (known_by,) = [one.public for one in users.users(bus) if one.role == "link"]
                    assert province.cli("nodes", "revoke", CITY, "--node", PROVINCE).code == 0
                    below = issued_at(city, "Below.")  # it does not know yet
                    loop.call_soon_threadsafe(link.heal)
                    log = city.data / "logs" / "nats.log"
                    until(lambda: "uthorization" in log.read_text("utf-8"), 20.0)  # not let in
                    assert not known(province, below) and province.link(CITY) == "cut"

                    users.admit(bus, joining.link_name(CITY), CITY, known_by)  # even if it were
                    assert province.ask("bus", "grant", "any", "--kind", "commander", "--node", PROVINCE)["running"]
                    until(lambda: province.link(CITY) == "up", 20.0)
                    until(lambda: "refused" in " ".join(problems(province)), 15.0)
                    assert not known(province, below)

            await asyncio.to_thread(story)
