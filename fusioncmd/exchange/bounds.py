"""The bounds of links between tiers and of what is exchanged over them; those of everything else are in `limits`.

Beyond them a message or an item is rejected and counted; the next round says it again.
"""

from __future__ import annotations

from fusioncmd import limits

MESSAGE_BYTES_MAX = 1024 * 1024  # that is taken; what is sent is a parameter of the link
MESSAGE_BYTES_MIN = 70  # 560 bits: the short message of a satellite
MESSAGE_BYTES = 16 * 1024
MESSAGE_BYTES_THIN_MIN = 1_200  # over a satellite, at any rate
IN_FLIGHT_BYTES = 64 * 1024  # wait
ITEM_BYTES_MAX = limits.SLICE_BYTES_MAX + 1024
WAITING_BYTES_MAX = 4 * 1024 * 1024  # evidence of orders that have not come; shed, the oldest first
PARTS_BYTES_MAX = 16 * 1024 * 1024  # items of which only parts have come; shed, the oldest first
SEEN_MAX = 1_024  # numbers of frames that came
LISTED_MAX = 512  # items of a range that are listed and not summed
COMING_MAX = 4_096  # items that came and are not on disk yet; reject: they come again
COMING_BYTES_MAX = 64 * 1024 * 1024  # of these
LINKS_MAX = 1_024  # nodes below one node; reject: their messages are refused, and health says so
LINK_BEAT_S = 1.0
LINK_SILENT_S = 5.0  # without a beat, or without an answer to one: the link counts as cut
CANARY_EVERY_S = 5.0
CANARY_LOST_AFTER = 6  # so many without an answer: what they should pass carries nothing
CANARY_KEPT_S = 60  # in the order stream; then it is gone from there
CANARIES_FLYING_MAX = 64  # shed, the oldest first: their answers count no more
CANARY_GATEWAYS_MAX = 1_024  # whose answers a node expects; shed, who was not heard for longest
CANARY_GATEWAY_KEPT_S = 600.0  # so long a gateway that is gone is missed
BELOW_TOLD_MAX = 128  # what does not carry below, as a node says it upwards and shows it; shed, the lowest, and counted
DISKS_TOLD_MAX = 32  # kits below whose disk is full, as a node says it upwards; shed, the last by code
LOSSES_MAX = 65_536  # of people's devices, that tiers tell each other; reject: they have to be ended at each tier
STEP_MS_MAX = 60_000  # a clock that moves further at once is one that was set

assert CANARIES_FLYING_MAX > 2 * CANARY_LOST_AFTER and CANARY_KEPT_S > CANARY_LOST_AFTER * CANARY_EVERY_S
assert PARTS_BYTES_MAX > 2 * ITEM_BYTES_MAX
