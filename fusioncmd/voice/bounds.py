"""Every bound of voice, with its unit last in the name and its outcome beside it (`limits.py` has the others)."""

from fusioncmd import limits

RTP_BYTES_MAX = 1_500  # of one packet, or one RTCP compound; shed
RTCP_PACKETS_MAX = 16  # in one compound; reject
OPUS_BYTES_MAX = 1_275  # of one Opus packet (RFC 6716, 3.2.1); shed
FRAME_BYTES_MAX = OPUS_BYTES_MAX + 1_024  # of a voice frame on the bus; reject
USER_CHARS_MAX = 64  # of who speaks, as shown
PTIME_MS_MAX = 120  # of sound in one packet: three Opus frames of 40 ms, or six of 20
JITTER_MS_MAX = 60  # what a jitter buffer adds at most
JITTER_FRAMES_MAX = 64  # held by one; shed, the oldest
GAP_FRAMES_MAX = 10  # lost in a row that are concealed; a longer gap is silence
BEFORE_MS_MAX = 1_000  # of sound kept while the floor is asked for; shed, the oldest
HANG_MS = 600  # of silence until a burst by voice activity ends
LEGS_MAX = 4_096  # calls of one gateway process; reject: Unavailable (503)
TALKGROUPS_MAX = 1_024  # at one gateway process, or one node; reject: Unavailable
READS_PER_TURN = 32  # packets of one leg in a turn: wait
SILENT_MS = 300  # a burst that was not heard for so long lets another one be played
STALE_MS = 1_000  # a frame so much later than others of its burst is news no more; shed
CLIP_BYTES_MAX = 40 * 1024  # of a clip that an order is spoken by; reject: 13 s of Opus at 24 kbit/s
SPEECH_S_MAX = 60  # of a spoken order; what is longer is cut
SPEECH_MAKES_S_MAX = 20  # an engine that takes longer is ended; reject
SPEAK_WITHIN_S = 60  # an order that did not get the floor of a talkgroup by then is not spoken there
PLAYING_MAX = 64  # orders that are spoken at once by one gateway; reject
ANSWER_WITHIN_S = 300  # after an order was heard, so long its digits are taken for an answer

# Temporary talkgroups.
GROUPS_MAX = 256  # of one node at once; reject: Unavailable
GROUP_MEMBERS_MAX = 256  # places of one, and people, and radios; reject
GROUP_MINUTES_DEFAULT = 12 * 60  # until it ends by itself
GROUP_MINUTES_MAX = 7 * 24 * 60  # reject
MISSED_S_MAX = 24 * 3_600  # of bursts that a terminal may hear later
MISSED_MAX = 50  # in one reply; what is older is not told
MISSED_ASKED_MAX = 8  # at once by one gateway; reject: 503

# Recordings.
BURST_S_MAX = 120  # of one recording; what follows is a further one
RECORDING_MAX = 64  # bursts at once at one node; shed, and counted
RECORDINGS_BYTES_MAX = 8 * 1024**3  # shed, the oldest day first
RECORDINGS_DAYS_MAX = 180  # shed
FOUND_MAX = 500  # rows of one reply: the rest is asked for by time
RECORDING_BYTES_MAX = 4 * 1024**2  # of one file in a reply: 120 s at 256 kbit/s

assert CLIP_BYTES_MAX * 4 // 3 < limits.API_REQUEST_BYTES_MAX
assert RECORDING_BYTES_MAX < limits.API_REPLY_BYTES_MAX
assert JITTER_MS_MAX < HANG_MS < BEFORE_MS_MAX
