"""What has to hold of a floor when nothing moves: one arbiter on each side, and nobody who holds or waits."""

from __future__ import annotations

from fusioncmd.floor.arbiter import State
from fusioncmd.floor.participant import State as Standing
from loadtest.floor_world import World


def check_arbiters(world: World) -> None:
    """One node per side has the chair."""
    for side in world.sides():
        nodes = side & world.seats.keys()
        seated = [name for name in nodes if world.seats[name].arbiter is not None]
        if nodes and len(seated) != 1:
            world.found.wrong.append(f"{world.now_ms} ms: among {sorted(nodes)} {sorted(seated)} arbitrate")


def check_free(world: World) -> None:
    """Everybody has let go, and so has every floor."""
    for name, relay in world.relays.items():
        if relay.speaker(world.now_ms) is not None:
            world.found.wrong.append(f"{world.now_ms} ms: {name} holds a floor that everybody let go")
    for name, seat in world.seats.items():
        if seat.arbiter is not None and (seat.arbiter.state is not State.IDLE or len(seat.arbiter.queue)):
            world.found.wrong.append(f"{world.now_ms} ms: the floor of {name} is not freed")
    for name, talker in world.talkers.items():
        if not talker.dead and talker.participant.state is not Standing.NO_PERMISSION:
            world.found.wrong.append(f"{world.now_ms} ms: {name} is left in “{talker.participant.state.value}”")
