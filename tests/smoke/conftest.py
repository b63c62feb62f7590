"""One tier for all stories: the province with 3,000 people in their real villages, and tickets for Guangzhou's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser import built, chromium, device
from tests.smoke.handset import Handset
from tests.tier_process import TierProcess

PEOPLE = 3_000
SAMPLE = ("--people", PEOPLE, "--seed", 3)


@pytest.fixture(scope="session")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TierProcess]:
    with filled(tmp_path_factory.mktemp("tier")) as tier:
        yield tier


@contextlib.contextmanager
def filled(folder: Path, *options: object, console: bool = False) -> Iterator[TierProcess]:
    """A tier with people."""
    with TierProcess(folder, *options, console=console) as tier:
        tier.ask("roster", "sample", *SAMPLE, "--out", folder / "people.csv")
        assert tier.ask("roster", "import", folder / "people.csv")["added"] == PEOPLE
        yield tier


def tickets_of(tier: TierProcess, node: str, limit: int) -> dict[int, bytes]:
    """By number, for some of a place."""
    file = tier.data.parent / f"{node}.bin"
    assert tier.ask("ticket", "--all", "--node", node, "--limit", limit, "--out", file)["tickets"] == limit
    return dict(msgpack.unpackb(file.read_bytes()))


@pytest.fixture(scope="session")
def tickets(tier: TierProcess, tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """By number, for everyone in Guangzhou."""
    file: Path = tmp_path_factory.mktemp("tickets") / "guangzhou.bin"
    assert tier.ask("ticket", "--all", "--node", "广州市", "--out", file)["tickets"] > 100
    return dict(msgpack.unpackb(file.read_bytes()))


@pytest.fixture(scope="session")
def flood(tier: TierProcess) -> list[dict[str, Any]]:
    """The flood people of Guangzhou, in the order of their places."""
    people: list[dict[str, Any]] = tier.ask("roster", "find", "", "--node", "4401", "--role", "flood", "--limit", 200)[
        "people"
    ]
    return people


@pytest.fixture
def handset(tier: TierProcess, tickets: dict[int, bytes]) -> Iterator[Callable[..., Handset]]:
    """Makes handsets by number; they hang up when the test is over."""
    made: list[Handset] = []

    def make(number: int, held: tuple[bytes, ...] = ()) -> Handset:
        made.append(Handset(tier.terminals, tickets[number], held))
        return made[-1]

    yield make
    for one in made:
        one.__exit__(None, None, None)


@pytest.fixture(scope="module")
def browser(flood: list[dict[str, Any]]) -> Iterator[Browser]:
    """After the people, because no other loop runs in this thread beside Playwright's."""
    built("responder")
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def somebody(flood: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """People whom no other story calls, one after the other."""
    return iter(flood[60:])


@pytest.fixture
def person(somebody: Iterator[dict[str, Any]]) -> dict[str, Any]:
    return next(somebody)


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    with device(browser) as context:
        yield context
