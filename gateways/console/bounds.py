"""Every bound of the console, with its unit last in the name and its outcome beside it, as in `fusioncmd/limits.py`."""

from fusioncmd import limits

BODY_BYTES_MAX = 64 * 1024  # reject: 413
CONNECTIONS_MAX = 512  # reject: 503
QUESTIONS_MAX = 128  # at the node at once; reject: "busy"
ASK_S_MAX = 10.0  # then it is said that the node does not answer
WATCH_S_MAX = 2.0  # the same, where it is asked again anyway
STREAMS_MAX = 256  # reject
WATCHED_NODES_MAX = 32  # in one stream; reject
TALLY_EVERY_MS = 500  # of each order and place, for all who watch it
STREAM_SAYS_S = 15  # something, so that no proxy closes a stream
SESSION_SEEN_S = 30  # so long at most a stream goes on after its session's end
SILENT_SHOWN_MAX = 1_000  # in a report; the CSV has all
REPORTS_SHOWN_MAX = 200
ALARMS_SHOWN_MAX = 200  # in one reply; the newest
CUTS_MADE_MAX = 4  # files of video at once; reject
CUTS_MAX = 16  # files of video that were made, kept for who asks again; the oldest goes
CUT_BYTES_MAX = 2 * 1024**3  # of segments of one; reject
GAPS_SAID_MAX = 32  # in the headers of one; `/kept` says all

assert limits.SEALED_BYTES_MAX * 4 // 3 + 1024 < BODY_BYTES_MAX
assert REPORTS_SHOWN_MAX <= limits.REPORTS_PAGE_MAX
assert SILENT_SHOWN_MAX <= limits.WHO_PAGE_MAX
assert WATCHED_NODES_MAX <= QUESTIONS_MAX
