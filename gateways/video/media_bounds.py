"""Every bound of what is forwarded, per source or viewer, with its unit and outcome; `bounds.py`: of sessions. Pure."""

from fusioncmd.video.bounds import KEYFRAME_S, SAID_S, SILENT_S

# Towards a source.
SEEN_PACKETS = 1_024  # of a track, to know what came twice; what is older is shed
JUMP_PACKETS = 3_000  # further off than that, a source has begun anew
JUMP_MS = 2_000.0  # a timestamp that goes so far ahead of time, or half as far back, is a clock that was set
OTHER_SSRC_AFTER_MS = 500.0  # of silence, another SSRC is followed; until then it is shed
MISSING_MAX = 256  # packets asked for at once; more: a new picture instead
ASKED_TRIES_MAX, ASKED_MS_MAX = 8, 1_000.0  # of one missing packet; then a new picture instead
ASKED_AGAIN_MS = 80.0  # until it is known how long an answer takes
REPORT_MS = 1_000.0  # between reports, to the source and on the bus
SOURCE_BITS_PER_S_MAX = 2_500_000  # what a browser is asked to send at most
SOURCE_BITS_PER_S_MIN = 150_000  # nor is it ever asked for less
NO_KEYFRAME_MS, NO_PACKETS_MS = 5_000.0, 3_000.0  # then it is said as trouble
ASKING_MAX = 256  # gateways that ask of one source; shed, the new one

# Of a source that is watched at this gateway.
HISTORY_PACKETS, HISTORY_MS = 2_048, 12_000.0  # of a track, to be sent again; shed, the oldest
OPENING_PACKETS_MAX, OPENING_BYTES_MAX = 1_536, 2 * 1024**2  # since the last keyframe; more: a new picture is asked for
OPENING_MS_MAX = 10_000.0  # the same, by age

# Towards a viewer.
CATCH_UP_PACKETS = 64  # sent at once to one who begins: what a receiver's socket and a router can take
CATCH_UP_PER_MS = 1.0  # and so many each ms until it is live: 10 Mbit/s, or
CATCH_UP_PART = 2_500_000  # more of a source above so many bits a second: four times its rate
PIECES_MAX = 16  # of numbering that are known still, to send again what was sent; shed, the oldest
AGAIN_BURST, AGAIN_PER_S = 256, 512.0  # packets sent again to one viewer; shed
AGAIN_PACKETS = 1_000  # so far back: beyond 1,024 SRTP of either side refuses a number (aiortc's and browsers' window)
PICTURES_BURST, PICTURES_PER_S = 4, 0.5  # new pictures that one viewer has asked for; shed
NARROW_MS = 3_000.0  # of a rate told that is below half of the source's: its way is full
PATIENT_MS = 10_000.0  # so long such a viewer waits for a keyframe that others want; then it asks
TOLD_MS = 5_000.0  # what a viewer can receive is known for so long after it said so
STALE_PACKETS = 300  # of one SSRC in a row that are no news: it has begun anew

assert HISTORY_PACKETS & (HISTORY_PACKETS - 1) == 0 and SEEN_PACKETS & (SEEN_PACKETS - 1) == 0
assert ASKED_MS_MAX <= HISTORY_MS and KEYFRAME_S * 1_000 < REPORT_MS < SAID_S * 1_000 < SILENT_S * 1_000
assert OPENING_PACKETS_MAX + MISSING_MAX < HISTORY_PACKETS  # what is caught up with can be sent again:
assert OPENING_MS_MAX + OPENING_PACKETS_MAX / CATCH_UP_PER_MS < HISTORY_MS  # browsers wait a second for what they lost
assert MISSING_MAX < STALE_PACKETS < HISTORY_PACKETS
assert SOURCE_BITS_PER_S_MIN < SOURCE_BITS_PER_S_MAX
