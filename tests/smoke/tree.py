"""Tier nodes in a tree, each with its own NATS server and folder: joined as an operator would join them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.tier_process import TierProcess, free_port, until

CHAIN = ("44", "4401", "440106", "440106001", "440106001001")  # 广东省 广州市 天河区 五山街道 岳洲社区居委会
FAST = {"FUSIONCMD_SNAPSHOT_EVERY_S": "0.5"}


class Node(TierProcess):
    """`up` with a port for nodes below; `parent` is where its link goes, directly or through an emulated one."""

    def __init__(
        self, folder: Path, code: str, parent: int | None = None, more: dict[str, str] | None = None,
        console: bool = False, options: tuple[object, ...] = (),
    ) -> None:  # fmt: skip
        self.code, self.links_port = code, free_port()
        above = ["--parent", f"127.0.0.1:{parent}"] if parent else []
        own = ("--node", code, "--links-port", self.links_port, "--gateways", 1, *above, *options)
        super().__init__(folder / code, *own, more=more, console=console)

    def link(self, peer: str) -> str | None:
        """How the link to `peer` is."""
        said = self.here("health", "--json")
        links = said.json["links"] if said.lines else []
        return next((link["state"] for link in links if link["peer"] == peer), None)


def approve(folder: Path, above: TierProcess, above_code: str, code: str) -> None:
    """The node below asks, the one above approves, it takes what it was granted."""
    data, asked, granted = folder / code / "data", folder / f"{code}.join.json", folder / f"{code}.joined.json"
    with ThreadPoolExecutor(1) as pool:  # not in the caller's thread, which may have a loop that runs

        def ask(*arguments: object) -> str:
            done = pool.submit(above.here, "nodes", *arguments).result()
            assert done.code == 0, done.err
            return done.out

        ask("request", "--node", code, "--data", data, "--out", asked)
        ask("approve", asked, "--node", above_code, "--data", above.data, "--out", granted)
        assert "is it the one that you were told?" in ask("take", granted, "--data", data)


@contextlib.contextmanager
def chain(
    folder: Path, codes: tuple[str, ...] = CHAIN, options: dict[str, tuple[object, ...]] | None = None
) -> Iterator[list[Node]]:
    """The nodes of `codes`, each below the one before, all of them linked; with more `options` of `up` by code."""
    of = options or {}
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(Node(folder, codes[0], options=of.get(codes[0], ())))]
        for code in codes[1:]:
            above = nodes[-1]
            approve(folder, above, above.code, code)
            nodes.append(stack.enter_context(Node(folder, code, above.links_port, options=of.get(code, ()))))
        for above, below in itertools.pairwise(nodes):
            until(lambda above=above, below=below: above.link(below.code) == "up" == below.link(above.code), 15.0)  # type: ignore[misc]
        yield nodes
