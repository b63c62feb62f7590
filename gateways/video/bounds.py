"""Every bound of the WebRTC gateway, per process, with its unit and outcome. Pure.

Outcomes as in `fusioncmd/limits.py`: *reject* (an HTTP status), *shed* (dropped and counted), *disconnect*.
"""

from fusioncmd import limits

SESSIONS_MAX = 512  # of talkgroups; reject: 503
SESSIONS_PER_PERSON_MAX = 4  # disconnect: the oldest
PUBLISHERS_MAX = 256  # reject: 503; each person has one, the latest
VIEWERS_MAX = 1_024  # reject: 503
ENDED_MAX = 1_024  # sessions that ended by themselves and are known still; shed, the oldest
VIEWERS_PER_PERSON_MAX = 24  # disconnect: the oldest
OPENING_MAX = 32  # offers that are being answered: reject, 503
OFFER_BYTES_MAX = 32 * 1024  # reject: 413
OFFER_MEDIA_MAX = 2  # sections of media or data: reject, 400
CANDIDATES_MAX = 32  # in one offer: reject, 400
BEARER_CHARS_MAX = 1_024  # reject: 401
CONNECT_S_MAX = 15  # from the answer until sound and floor are there: disconnect
RECEIVED_BYTES = 1024 * 1024  # in the kernel, of one session: shed, the newest
WAITING_MAX = 256  # datagrams of one session that were not looked at yet: shed, the newest
FLOOR_WAITING_BYTES_MAX = 16 * 1024  # floor messages that a browser does not take: disconnect
FLOOR_BURST, FLOOR_PER_S = 40, 20.0  # floor messages of one browser: shed
CONNECTIONS_MAX = 2_048  # of HTTP: 503
BUNDLE_WAITS_S = 0.002  # a packet, at most, for others of its frame
UNWATCHED_S = 2.0  # a source that nobody watches any more is heard so much longer

assert limits.FLOOR_BYTES_MAX < FLOOR_WAITING_BYTES_MAX
assert OPENING_MAX < SESSIONS_MAX < VIEWERS_MAX < CONNECTIONS_MAX
