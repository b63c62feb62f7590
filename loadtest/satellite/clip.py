"""A clip that lies at the kit's recorder, and comes over the link to the hub's, as any recorded video does."""

from __future__ import annotations

import hashlib
import time
from random import Random

from fusioncmd.api.kept import Wish
from fusioncmd.video import kept
from fusioncmd.video.kept import Segment
from loadtest.satellite.world import KIT, World
from tiers import kept_wishes
from tiers.kept_store import KeptStore, folder_of, folder_of_copies

SOURCE = "cam"
LASTS_MS = 60_000


def put(world: World, size: int, seed: int) -> Segment:
    """Into the kit's recordings; over a satellite somebody at the hub wishes for it, over a leaf all is fetched."""
    data = Random(f"clip/{seed}/{size}").randbytes(size)
    begin_ms = int(time.time() * 1_000) - 2 * LASTS_MS - seed
    row = Segment(
        kept.id_of(begin_ms, KIT, SOURCE, KIT), KIT, SOURCE, "clip", "camera", "H264", False, begin_ms,
        begin_ms + LASTS_MS, True, size, hashlib.sha256(data).hexdigest(), 0, 0, KIT,
    )  # fmt: skip
    below, above = world.kit.running.tier.data, world.hub.running.tier.data
    store = KeptStore(below, folder_of(below), time.time)
    store.place(row.id, row.codec).write_bytes(data)
    store.append(row)
    if world.over == "satellite":
        wish = Wish(KIT, SOURCE, begin_ms, begin_ms + LASTS_MS, False, "loadtest", int(time.time() * 1_000))
        kept_wishes.write(folder_of(above), (*kept_wishes.wishes(folder_of(above)), wish))
    return row


def here(world: World, row: Segment) -> int:
    """Bytes of it that lie at the hub; -1: all do, and are not what they were."""
    above = world.hub.running.tier.data
    file = KeptStore(above, folder_of_copies(above, KIT), time.time).file(row)
    if file.exists():
        data = file.read_bytes()
        return len(data) if hashlib.sha256(data).hexdigest() == row.sha256 else -1
    partial = file.with_suffix(".partial")
    return partial.stat().st_size if partial.exists() else 0
