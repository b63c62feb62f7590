"""The bounds of links between tiers and of what is exchanged over them; those of everything else are in `limits`.

Beyond them a message or an item is rejected and counted; the next round says it again.
"""

from __future__ import annotations

from fusioncmd import limits

MESSAGE_BYTES_MAX = 1024 * 1024  # that is taken; what is sent is a parameter of the link
MESSAGE_BYTES_MIN = 70  # 560 bits: the short message of a satellite
MESSAGE_BYTES = 16 * 1024
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
STEP_MS_MAX = 60_000  # a clock that moves further at once is one that was set

assert PARTS_BYTES_MAX > 2 * ITEM_BYTES_MAX
