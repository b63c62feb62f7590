"""Five tiers, five NATS servers: the province calls a village through all of them, and hears its answer.
And a node that nobody approved is not let in.
"""

from __future__ import annotations

from pathlib import Path

import msgpack

from tests.smoke.handset import Handset
from tests.smoke.tree import CHAIN, Node, chain
from tests.tier_process import TierProcess, run, until

PEOPLE = "id,name,phone,village,roles\n" + "".join(
    f"{n},陈{n},1380000{n:04d},440106001001,flood\n" for n in range(1001, 1004)
)


def import_people(tier: TierProcess, folder: Path) -> None:
    (folder / "people.csv").write_text(PEOPLE, "utf-8")
    assert tier.ask("roster", "import", folder / "people.csv")["added"] == 3


def tickets(tier: TierProcess, folder: Path, limit: int = 3) -> list[bytes]:
    file = folder / "tickets.bin"
    assert tier.ask("ticket", "--all", "--limit", limit, "--out", file)["tickets"] == limit
    return list(dict(msgpack.unpackb(file.read_bytes())).values())


def people_of(tier: TierProcess) -> int:
    return int(tier.ask("health")["people"])


def answered(tier: TierProcess, order: str) -> list[int]:
    done = tier.here("watch", order, "--once", "--json")
    return list(done.json["total"]["by_answer"]) if done.code == 0 else []


def test_the_province_calls_a_village_and_hears_its_answer(tmp_path: Path) -> None:
    with chain(tmp_path) as nodes:
        province, village = nodes[0], nodes[-1]
        import_people(province, tmp_path)
        until(lambda: people_of(village) == 3, 15.0)
        one, two, three = tickets(village, tmp_path)
        with Handset(village.terminals, one) as device, Handset(village.terminals, two) as silent:
            until(lambda: province.ask("health")["reachable"] == 2, 10.0)
            call = ("call", "--text", "Is the dyke holding?", "--answer", "yes", "--answer", "no", "--exercise")
            issued = province.ask(*call, "--to", "44")
            assert (issued["targeted"], issued["reachable"]) == (3, 2)
            order = device.order("Is the dyke holding?")
            assert order.issuer == "广东省"
            device.answer(order, "yes")
            until(lambda: answered(province, issued["id"]) == [1, 0], 10.0)
            until(lambda: all(answered(node, issued["id"]) == [1, 0] for node in nodes), 10.0)
            row = province.here("watch", issued["id"], "--once", "--json").json["total"]
            assert (row["silent"], row["unreachable"]) == (1, 1)
            for node in nodes[1:]:  # each tier commands its own, and the tiers above see it
                local = node.ask(
                    "call", "--to", node.code, "--text", f"From {node.code}.", "--answer", "yes", "--exercise"
                )
                own = silent.order(f"From {node.code}.")
                silent.answer(own, "yes")
                until(lambda local=local: answered(province, local["id"]) == [1], 10.0)  # type: ignore[misc]
            refused = nodes[1].here("call", "--to", "4403", "--text", "x", "--answer", "y", "--exercise")
            assert refused.code != 0 and "4401" in refused.err
            province.ask("cancel", issued["id"])
            until(lambda: nodes[-1].ask("orders")["orders"][0]["order"]["msg_type"] == "cancel", 10.0)
        with Handset(village.terminals, three) as late:  # nothing that ended is shown, and each open order once
            assert sorted(late.orders_by_now()) == sorted(f"From {code}." for code in CHAIN[1:])
        # Heads of audits go over links, pages do not: each is proved where it lies, and no other is called broken.
        until(lambda: set(CHAIN[1:]) <= set(province.here("audit", "verify", "--json").json["elsewhere"]), 20.0)
        assert province.here("audit", "verify").code == 0


def test_a_node_that_nobody_approved_is_not_let_in(tmp_path: Path) -> None:
    with Node(tmp_path, "44") as province:
        data = tmp_path / "4401" / "data"
        up = run("up", "--node", "4401", "--data", data, "--parent", f"127.0.0.1:{province.links_port}")
        assert up.code != 0 and "No tier above has approved this node" in up.err
        assert run("nodes", "request", "--node", "4401", "--data", data, "--out", tmp_path / "r.json").code == 0
        up = run("up", "--node", "4401", "--data", data, "--parent", f"127.0.0.1:{province.links_port}")
        assert up.code != 0 and "No tier above has approved this node" in up.err
        outside = run("nodes", "approve", tmp_path / "r.json", "--node", "4403", "--data", province.data)
        assert outside.code != 0
