"""Shell completion: orders, places and roles. Best effort: within a second, and nothing rather than an error."""

from __future__ import annotations

import asyncio
import os
from collections import Counter

import typer

from fusioncmd import api, divisions, ids
from fusioncmd.cli import asking
from fusioncmd.cli.figures import mode_words, plain
from fusioncmd.codes import LENGTHS, Path
from fusioncmd.errors import Problem
from fusioncmd.messages import Order
from fusioncmd.roster.sample import ROLES
from fusioncmd.words import chinese

ANSWER_S_MAX = 1.0
ORDERS_OFFERED = 20
PLACES_OFFERED = 200
TEXT_CHARS_SHOWN = 40
Offer = tuple[str, str]  # what is typed, and what it means


def complete_order(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Recent orders by id, and `last`."""
    nats = ctx.params.get("nats") or os.environ.get(asking.NATS_VARIABLE) or asking.DEFAULT_NATS

    async def recent() -> tuple[api.OrderLine, ...]:
        async with asyncio.timeout(ANSWER_S_MAX), asking.commanding(nats, None, ANSWER_S_MAX) as commander:
            return (await commander.ask(api.Orders(ORDERS_OFFERED), ANSWER_S_MAX)).lines

    try:
        lines = asyncio.run(recent())
    except (Problem, TimeoutError):
        return []
    offers = [(ids.to_text(line.order.id), _told(line.order)) for line in lines]
    newest = next((_told(line.order) for line in lines if line.order.msg_type != "cancel"), None)
    if newest is not None:
        offers.insert(0, (asking.LAST, newest))
    typed = len(incomplete)  # ids may be typed in lower case; a shell takes what continues what was typed
    return [(incomplete + name[typed:], text) for name, text in offers if name.lower().startswith(incomplete.lower())]


def complete_place(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Places one tier below the code typed so far, in its own spelling; or names that one place alone bears."""
    try:
        places = divisions.load(ctx.params.get("divisions"))
    except Problem:
        return []
    if incomplete[:1].isdigit() or not incomplete:
        return _codes(places, incomplete)
    borne = Counter(places.names.values())
    return [
        (name, code)
        for code, name in places.names.items()
        if len(code) < LENGTHS[-1] and name.startswith(incomplete) and borne[name] == 1
    ][:PLACES_OFFERED]


def complete_role(incomplete: str) -> list[Offer]:
    """The roles that the sample roster uses; a province may have others."""
    return [(role, name if chinese() else "") for role, (name, _) in ROLES.items() if role.startswith(incomplete)]


def _told(order: Order) -> str:
    """Its mode, and how it begins."""
    return f"{mode_words(order.status)} {plain(order.text)[:TEXT_CHARS_SHOWN]}"


def _codes(places: divisions.Divisions, incomplete: str) -> list[Offer]:
    dotted = "." in incomplete
    typed = incomplete.replace(".", "")
    length = next((n for n in LENGTHS if n > len(typed)), LENGTHS[-1]) if typed else LENGTHS[0]
    found = [Path(code) for code in places.names if len(code) in (length, len(typed)) and code.startswith(typed)]
    spelled = [(path.dotted if dotted else path.code, places.name(path)) for path in found]
    return [offer for offer in spelled if offer[0].startswith(incomplete)][:PLACES_OFFERED]
