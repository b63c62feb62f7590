"""Bounds of positions, each with what happens beyond it. Pure."""

from __future__ import annotations

TITLE_CHARS_MAX = 64  # cut
TRACK_BYTES_MAX = 512  # of one position on the bus; reject
UNITS_MAX = 8_192  # that a node knows; shed, the one not heard of for longest
UNITS_OF_PLACE_MAX = 4_096  # of those, at one place; shed likewise: a flood at a town costs no other its units
TRAIL_POINTS_MAX = 32  # of each unit, for the map; the oldest goes
TRAIL_STEP_M = 15  # a unit that moved less has no new point
GONE_MAX = 1_024  # units forgotten that are remembered as such; beyond, who asks is told all anew
TOLD_MAX = 1_000  # in one reply; the rest is counted, and told on the next page
KEPT_MS = 7 * 86_400_000  # a unit not heard of for so long is forgotten

AHEAD_MS_MAX = 60_000  # a time so far ahead of this clock is not believed
BEHIND_MS_MAX = 7 * 86_400_000  # nor one so old: the arrival counts, and the position says so
NULL_DEG = 0.001  # so near to 0° 0′ it is a receiver without a fix
FAST_M_S = 343.0  # speed of sound in air at 20 °C; what seems faster is a jump
JUMP_M = 500  # what a fix may be off without being one
JUMPS_BELIEVED = 3  # fixes in a row that agree with each other make a new place

PHONE_EVERY_S = 5.0  # between two positions of a phone; what comes sooner replaces the one that waits
PHONES_GATHER_S = 1.0  # a gateway process says its phones' positions together, so often
PHONES_WAITING_MAX = 4_096  # in one process between two sayings; shed, and their phones say them again
PHONES_AT_ONCE_MAX = 256  # in one message; the rest is in the next
PHONES_BYTES_MAX = 32 * 1024  # of one message; reject

LINK_UNITS_MAX = 1_024  # that one end of a thin link passes on; shed, the one not heard of for longest
LINK_BYTES_MAX = 900  # of one letter with positions; the rest is in the next

assert UNITS_OF_PLACE_MAX <= UNITS_MAX and TOLD_MAX <= UNITS_MAX
